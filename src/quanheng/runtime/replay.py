"""Replay: rebuild a machine from its journal and compare everything it said (house.md 6.6).

Meant to run in another process under another PYTHONHASHSEED than the run itself: a machine that
iterates over a set agrees with itself only within one process.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from quanheng.runtime.host import AnyMachine, Core
from quanheng.runtime.journal import EFFECTS, INPUT, MARK, Frame
from quanheng.runtime.records import Checkpoint, EffectRecorder, decode_mark, envelope_decoder


class Difference(msgspec.Struct, frozen=True):
    """The first place where the replay and the journal part."""

    frame: int
    input_seq: int
    kind: str  # I, O or S
    what: str
    journaled: str
    replayed: str


class Replay(msgspec.Struct, frozen=True):
    """Outcome of a replay; `compared` counts O and S frames found equal."""

    machine: str
    ok: bool
    inputs: int
    compared: int
    first_difference: Difference | None
    digest: dict[str, bytes]


def replay(frames: Iterable[Frame], machine: AnyMachine, start: Checkpoint | None = None) -> Replay:
    """Feed a journal to a fresh machine and compare O frames byte for byte and S digests.

    `frames` begin at 1, or right after the S frame of `start`. The effects of a last input whose
    O frame was cut off by a crash are not a difference.
    """
    core = Core(machine)
    if start is not None:
        core.load(start)
    decode = envelope_decoder(type(machine)).decode
    recorder = EffectRecorder(machine.DIGESTED)
    pending: Sequence[Any] = ()
    inputs = compared = 0
    found: Difference | None = None
    for frame in frames:
        seq = core.sequencer.seq
        if pending and frame.kind != EFFECTS:
            found = _lacking(frame, seq, recorder.payload(pending))
        elif frame.kind == INPUT:
            envelope = decode(frame.payload)
            found = _out_of_order(frame, seq, core.sequencer.at, envelope.seq, envelope.at)
            if found is None:
                core.sequencer.seq, core.sequencer.at = envelope.seq, envelope.at
                pending = core.absorb(envelope)
                core.armed.clear()
                inputs += 1
        elif frame.kind == EFFECTS:
            made = recorder.payload(pending)
            pending = ()
            if made == frame.payload:
                compared += 1
            else:
                found = _differing(frame, seq, made)
        else:
            found = _other_state(frame, core)
            compared += found is None
        if found is not None:
            break
    return Replay(core.name, found is None, inputs, compared, found, machine.digest())


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 240 else text[:237] + "..."


def _lacking(frame: Frame, seq: int, made: bytes) -> Difference:
    effects = _short(msgspec.msgpack.decode(made))
    return Difference(frame.seq, seq, "O", "effects are not in the journal", "", effects)


def _out_of_order(frame: Frame, seq: int, at: int, new_seq: int, new_at: int) -> Difference | None:
    if new_seq == seq + 1 and new_at >= at:
        return None
    what = "the input is out of order"
    return Difference(
        frame.seq, seq, "I", what, f"seq {new_seq} at {new_at}", f"after {seq} at {at}"
    )


def _differing(frame: Frame, seq: int, made: bytes) -> Difference:
    old = msgspec.msgpack.decode(frame.payload)
    new = msgspec.msgpack.decode(made)
    if not isinstance(old, list) or not isinstance(new, list):
        return Difference(frame.seq, seq, "O", "not a list", _short(old), _short(new))
    same = sum(1 for _ in _common_prefix(old, new))
    what = f"effect {same + 1} of {len(old)}"
    left = _short(old[same]) if same < len(old) else "none"
    right = _short(new[same]) if same < len(new) else "none"
    return Difference(frame.seq, seq, "O", what, left, right)


def _common_prefix(old: list[Any], new: list[Any]) -> Iterable[Any]:
    for left, right in zip(old, new, strict=False):
        if left != right:
            return
        yield left


def _other_state(frame: Frame, core: Core) -> Difference | None:
    if frame.kind != MARK:
        raise ValueError(f"frame {frame.seq} has kind {frame.kind}")
    old, new = decode_mark(frame.payload), core.mark()
    if old == new:
        return None
    names = dict.fromkeys([*old.digest, *new.digest])
    parts = [name for name in names if old.digest.get(name) != new.digest.get(name)]
    left = f"input {old.input_seq} at {old.at} epoch {old.epoch}"
    right = f"input {new.input_seq} at {new.at} epoch {new.epoch}"
    return Difference(
        frame.seq, new.input_seq, "S", f"state parts {', '.join(parts) or 'none'}", left, right
    )
