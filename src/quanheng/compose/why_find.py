"""Find a quote or order in a sealed run and bring the maker back to the instant it was decided.

The journal is searched for the client id; the nearest snapshot before it is restored and rolled
forward with every effect compared, so what is shown is what the machine knew, not a second opinion.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.pair_lead import home_of
from quanheng.compose.plugin_runs import load_of_run
from quanheng.compose.run_folder import RunError
from quanheng.maker.maker import Maker
from quanheng.runtime.envelope import Envelope
from quanheng.runtime.host import Core
from quanheng.runtime.journal import EFFECTS, INPUT, MARK, Frame
from quanheng.runtime.records import (
    Checkpoint,
    EffectRecorder,
    envelope_decoder,
    unseal_checkpoint,
)
from quanheng.runtime.segment import read_segments, segment_paths
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.terms.days import clock_text
from quanheng.terms.orders import AnyRequest, OrderAck, QuoteAck, Report, Reports, Send, Trade
from quanheng.terms.units import Nanos

SEND = "send"


class _Stamped(msgspec.Struct, array_like=True):
    """What every envelope begins with."""

    seq: int
    at: Nanos


_When = msgspec.msgpack.Decoder(_Stamped)
MACHINE = Maker.NAME


class Decided(msgspec.Struct, frozen=True):
    """Where a request left the maker: the O frame, the send it was in, and what became of it."""

    frame: int
    send: Send
    request: AnyRequest
    reports: tuple[Report, ...]


class Moment(msgspec.Struct):
    """The maker just before an input, and the input that made it decide."""

    core: Core
    envelope: Envelope[Any]


def find(run: Path, ident: str) -> Decided:
    """The request of a client id. RunError when the run's maker never sent it."""
    name = ident.encode()
    sent: tuple[int, Send, AnyRequest] | None = None
    reports: list[Report] = []
    home = home_of(run)
    first = _first(home)
    decode = envelope_decoder(Maker).decode
    for frame in read_segments(home / "journal" / MACHINE, MACHINE, first):
        if name not in frame.payload:
            continue
        if frame.kind == EFFECTS and sent is None:
            sent = _sent(frame, ident)
        elif frame.kind == INPUT:
            reports += _mentions(decode(frame.payload).body, ident)
    if sent is None:
        kept = "" if first == 1 else f" (it kept only frames from {first} on)"
        raise RunError(f"{run}: the maker's journal has no request {ident}{kept}")
    return Decided(*sent, tuple(reports))


def moment(run: Path, frame: int) -> Moment:
    """The maker before the input whose effects stand in an O frame. RunError when it differs from
    its journal on the way there.
    """
    home = home_of(run)
    start = _checkpoint(home, frame)
    load_of_run(run, start)
    core = Core(Maker())
    if start is not None:
        core.load(start)
    decode = envelope_decoder(Maker).decode
    recorder = EffectRecorder(Maker.DIGESTED)
    pending: Any = None
    for item in _frames(home, 1 if start is None else start.frame_seq + 1, frame - 1):
        if item.kind == INPUT:
            pending = decode(item.payload)
            if item.seq == frame - 1:
                return Moment(core, pending)
            core.sequencer.seq, core.sequencer.at = pending.seq, pending.at
            effects = core.absorb(pending)
            core.armed.clear()
        elif item.kind == EFFECTS and recorder.payload(effects) != item.payload:
            raise RunError(f"{run}: the maker differs from its journal at frame {item.seq}")
    raise RunError(f"{run}: frame {frame - 1} of the maker's journal is not an input")


def at_instant(run: Path, at: Nanos) -> Moment:
    """The maker after every input up to `at`, and the input that came next. RunError when `at` is
    not within what the run kept.
    """
    first, home = None, home_of(run)
    for frame in read_segments(home / "journal" / MACHINE, MACHINE, _first(home)):
        if frame.kind == INPUT:
            given = _When.decode(frame.payload)
            if given.at > at:
                return moment(run, frame.seq + 1)
            first = given.at if first is None else first
    if first is None:
        raise RunError(f"{run}: the maker's journal has no input")
    raise RunError(f"{run}: {clock_text(at)} is after the last input of the maker's journal")


def _frames(home: Path, first: int, last: int) -> Iterator[Frame]:
    for frame in read_segments(home / "journal" / MACHINE, MACHINE, first):
        if frame.seq > last:
            return
        if frame.kind != MARK:
            yield frame


def _first(home: Path) -> int:
    segments = segment_paths(home / "journal" / MACHINE)
    if not segments:
        raise RunError(f"{home}: no journal of the maker")
    return segments[0][0]


def _checkpoint(home: Path, frame: int) -> Checkpoint | None:
    """The newest whole snapshot before a frame; None to begin with the first frame."""
    first = _first(home)
    snapshots = FolderSnapshots(home, MACHINE, durable=False)
    for seq in reversed([seq for seq in snapshots.seqs() if first <= seq < frame - 1]):
        file = snapshots.read(seq)
        checkpoint = None if file is None else unseal_checkpoint(file)
        if checkpoint is not None:
            return checkpoint
    if first > 1:
        raise RunError(f"{home}: no snapshot of the maker between frames {first} and {frame}")
    return None


def _sent(frame: Frame, ident: str) -> tuple[int, Send, AnyRequest] | None:
    for effect in msgspec.msgpack.decode(frame.payload):
        if effect[0] != SEND:
            continue
        send = msgspec.convert(effect, Send)
        for request in send.requests:
            if request.client_id == ident:
                return frame.seq, send, request
    return None


def _mentions(body: Any, ident: str) -> list[Report]:
    """Reports about a client id: its answers, fills, and the end of its sides."""
    if not isinstance(body, Reports):
        return []
    found = []
    for report in body.reports:
        item = report.body
        names = [getattr(item, "client_id", "")]
        if isinstance(item, QuoteAck):
            names += [item.old_bid, item.old_ask]
        elif isinstance(item, OrderAck):
            names.append(item.target)
        if ident in names and isinstance(item, QuoteAck | OrderAck | Trade):
            found.append(report)
    return found
