"""Recovery: a machine's latest valid snapshot plus the tail of its journal."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from quanheng.runtime.host import AnyMachine, Core
from quanheng.runtime.journal import EFFECTS, INPUT, MARK, Journal
from quanheng.runtime.ports import Snapshots
from quanheng.runtime.records import (
    Checkpoint,
    EffectRecorder,
    decode_mark,
    envelope_decoder,
    unseal_checkpoint,
)


class RecoveryError(RuntimeError):
    """The journal and the machine do not fit; the text names the frame and the reason."""


class Recovered(msgspec.Struct, frozen=True):
    """A machine brought back. Go on with `Host.resumed(core, journal, …)`.

    `unrecorded` are the effects of a last input whose O frame was lost with the tail: nobody saw
    them. The host journals them (`complete_tail`) and must not send them; the take-over answers.
    """

    core: Core
    from_frame: int  # 0 when no snapshot was used
    applied: int  # inputs applied from the journal
    skipped: tuple[str, ...]  # snapshots that did not count, or their list, with the reason
    unrecorded: tuple[Any, ...]

    def told(self) -> dict[str, Any]:
        """What a process says of it in its own log."""
        return {"frame": self.from_frame, "inputs": self.applied, "skipped": self.skipped}


def recover(
    make: Callable[[], AnyMachine], journal: Journal, snapshots: Snapshots | None
) -> Recovered:
    """Restore a machine made fresh by `make`; effects and digests are checked on the way.

    A snapshot counts only if its file is whole and its S frame is in the journal with the same
    mark; otherwise the next older one is tried, and at last the journal from its first frame.
    """
    skipped: list[str] = []
    checkpoint = _latest(journal, snapshots, make, skipped)
    core = Core(make())
    start = 1
    if checkpoint is not None:
        core.load(checkpoint)
        start = checkpoint.frame_seq + 1
    applied, unrecorded = _roll_forward(core, journal, start)
    core.armed.clear()
    return Recovered(core, start - 1, applied, tuple(skipped), tuple(unrecorded))


def complete_tail(recovered: Recovered, journal: Journal) -> None:
    """Append the O frame that the crash cut off."""
    if recovered.unrecorded:
        recorder = EffectRecorder(recovered.core.machine.DIGESTED)
        journal.append(EFFECTS, recorder.payload(recovered.unrecorded))


def _latest(
    journal: Journal,
    snapshots: Snapshots | None,
    make: Callable[[], AnyMachine],
    skipped: list[str],
) -> Checkpoint | None:
    if snapshots is None:
        return None
    if snapshots.damage:
        skipped.append(snapshots.damage)
    for seq in reversed(snapshots.seqs()):
        reason, checkpoint = _usable(journal, snapshots.read(seq), make(), seq)
        if checkpoint is not None:
            return checkpoint
        skipped.append(f"snapshot {seq}: {reason}")
    return None


def _usable(
    journal: Journal, file: bytes | None, machine: AnyMachine, seq: int
) -> tuple[str, Checkpoint | None]:
    checkpoint = None if file is None else unseal_checkpoint(file)
    if checkpoint is None:
        return "missing or damaged", None
    if checkpoint.machine != machine.NAME or checkpoint.frame_seq != seq:
        return f"belongs to {checkpoint.machine} frame {checkpoint.frame_seq}", None
    if seq >= journal.next_seq:
        return "newer than the journal", None
    frame = next(journal.read(seq), None)
    if frame is None or frame.kind != MARK or decode_mark(frame.payload) != checkpoint.mark:
        return "the journal has no such mark", None
    machine.restore(checkpoint.state)
    if machine.digest() != checkpoint.mark.digest:
        return "restores to another digest", None
    return "", checkpoint


def _roll_forward(core: Core, journal: Journal, start: int) -> tuple[int, Sequence[Any]]:
    decode = envelope_decoder(type(core.machine)).decode
    recorder = EffectRecorder(core.machine.DIGESTED)
    pending: Sequence[Any] = ()
    applied = 0
    for frame in journal.read(start):
        if pending and frame.kind != EFFECTS:
            raise RecoveryError(f"{core.name} frame {frame.seq}: the effects before it are missing")
        if frame.kind == INPUT:
            envelope = decode(frame.payload)
            core.sequencer.seq, core.sequencer.at = envelope.seq, envelope.at
            pending = core.absorb(envelope)
            applied += 1
        elif frame.kind == EFFECTS:
            if recorder.payload(pending) != frame.payload:
                raise RecoveryError(f"{core.name} frame {frame.seq}: the effects differ")
            pending = ()
        elif decode_mark(frame.payload) != core.mark():
            raise RecoveryError(f"{core.name} frame {frame.seq}: the state's digest differs")
    return applied, pending
