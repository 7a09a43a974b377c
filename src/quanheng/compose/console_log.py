"""A maker's journal as the console follows it: an index of its inputs, and what happened by time.

The journal is read once, in order, as far as it goes; a scene (`console_scene`) then stands at any
instant of it. Orders, fills, alerts and inquiries come from inputs and effects alone, so that no
machine has to run for a table of the day. Nothing here writes.
"""

from array import array
from bisect import bisect_right
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.run_folder import RunError, RunInfo, read_info
from quanheng.edge.journal_tail import JournalSource, JournalTail, Place
from quanheng.maker.maker import Maker
from quanheng.maker.messages import MakerOpen
from quanheng.maker.state import State
from quanheng.runtime.envelope import Envelope, NotSent, RaiseAlert
from quanheng.runtime.journal import EFFECTS, INPUT, Frame
from quanheng.runtime.records import envelope_decoder, unseal_checkpoint
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.runtime.state import decode_state
from quanheng.terms.orders import Reports, RequestRejected, Send
from quanheng.terms.units import Nanos

_HEAD: Any = msgspec.msgpack.Decoder(tuple[int, Nanos, int, int, msgspec.Raw])
_EFFECTS = msgspec.msgpack.Decoder(list[msgspec.Raw])
_SAID: Any = msgspec.msgpack.Decoder(Send | RaiseAlert)
_TOLD = (b"reports", b"22", b"not_sent", b"maker_open")
_SHOWN = (b"send", b"alert")


class Happened(msgspec.Struct, frozen=True, array_like=True):
    """One thing of the day: what was sent or said, or what the exchange told. `seq` is the input
    it came with or followed from.
    """

    at: Nanos
    seq: int
    what: Send | RaiseAlert | Reports | RequestRejected | NotSent


def _tag(raw: bytes) -> bytes:
    """The tag of a tagged array: the string behind its one- or three-byte head."""
    start = 1 if raw[0] & 0xF0 == 0x90 else 3
    kind = raw[start]
    if kind & 0xE0 == 0xA0:
        return raw[start + 1 : start + 1 + (kind & 0x1F)]
    return raw[start + 2 : start + 2 + raw[start + 1]] if kind == 0xD9 else b""


class RunLog:
    """The journal of a run's maker, read as far as it goes; of a kept tail what is left, from its
    oldest snapshot on. RunError for a folder that is no run, or has no journal of the maker.
    """

    def __init__(
        self, run: Path, source: JournalSource | None = None, home: Path | None = None
    ) -> None:
        """`source`: where the frames come from when they do not lie in a folder. `home`: the node
        whose journal and snapshots are read, the run's own if none is named.
        """
        self.run, self.home = run, home or run
        self.info: RunInfo = read_info(run)
        self._tail: JournalSource = source or JournalTail(self.home, Maker.NAME)
        self._decode = envelope_decoder(Maker)
        self.opened: MakerOpen | None = None
        self.at = array("q")
        self.frames = array("q")
        self._segment = array("q")
        self._offset = array("q")
        self._size = array("q")
        self.happened: list[Happened] = []
        self._seq = 0
        self.base = 0  # inputs before the first one that was kept
        self.begin: Nanos = 0  # the first instant that a scene can stand at
        if source is None and not (self.home / "journal" / Maker.NAME).is_dir():
            raise RunError(f"{self.home}: no journal of the maker to follow")

    def __len__(self) -> int:
        return len(self.at)

    @property
    def newest(self) -> Nanos:
        """Instant of the last input, 0 before the first."""
        return self.at[-1] if len(self.at) else 0

    def poll(self, most: int = 1 << 62) -> int:
        """Read on; how many frames came. RunError for a tail without a snapshot in it."""
        count = 0
        for frame, place in self._tail.poll(most):
            if not self.begin:
                self._begin(frame)
            count += 1
            if frame.kind == INPUT:
                self._input(frame, place)
            elif frame.kind == EFFECTS:
                self._effects(frame)
        return count

    def _begin(self, frame: Frame) -> None:
        """Where scenes can begin: the first input, or the oldest snapshot of a tail."""
        if frame.seq == 1:
            self.begin = int(_HEAD.decode(frame.payload)[1])
            return
        snapshots = FolderSnapshots(self.home, Maker.NAME, durable=False)
        for seq in snapshots.seqs():
            file = snapshots.read(seq) if seq >= frame.seq else None
            found = None if file is None else unseal_checkpoint(file)
            if found is not None:
                self.begin = found.mark.at
                self.opened = decode_state(found.state, State).opened
                return
        raise RunError(
            f"{self.run}: the maker's journal begins at frame {frame.seq} and no snapshot lies in "
            "what was kept; run with --journal full"
        )

    def _input(self, frame: Frame, place: Place) -> None:
        seq, at, _, _, body = _HEAD.decode(frame.payload)
        if not len(self.at):
            self.base = seq - 1
        self._seq = seq
        self.at.append(at)
        self.frames.append(frame.seq)
        self._segment.append(place.segment)
        self._offset.append(place.offset)
        self._size.append(place.size)
        if _tag(bytes(body)) in _TOLD:
            told = self._decode.decode(frame.payload).body
            if isinstance(told, MakerOpen):
                self.opened = told
            else:
                self.happened.append(Happened(at, seq, told))

    def _effects(self, frame: Frame) -> None:
        if not len(self.at):
            return  # of an input that was not kept
        at = self.at[-1]
        for raw in _EFFECTS.decode(frame.payload):
            data = bytes(raw)
            if _tag(data) in _SHOWN:
                self.happened.append(Happened(at, self._seq, _SAID.decode(data)))

    def envelope(self, number: int) -> Envelope[Any]:
        """The input at a place of the index, 0 for the first that was kept."""
        place = Place(self._segment[number], self._offset[number], self._size[number])
        found: Envelope[Any] = self._decode.decode(self._tail.payload(place))
        return found

    def until(self, at: Nanos) -> int:
        """How many inputs came at or before an instant."""
        return bisect_right(self.at, at)

    def checkpoint(self, at: Nanos) -> Any:
        """The newest snapshot at or before an instant, None when there is none."""
        if not (self.home / "snap" / Maker.NAME / "manifest.json").exists():
            return None
        snapshots = FolderSnapshots(self.home, Maker.NAME, durable=False)
        last = self.frames[-1] if len(self.frames) else 0
        for seq in reversed(snapshots.seqs()):
            # A later snapshot than the instant is not even read: the frames say when it was.
            number = bisect_right(self.frames, seq)
            if seq > last + 1 or (number and self.at[number - 1] > at):
                continue
            file = snapshots.read(seq)
            found = None if file is None else unseal_checkpoint(file)
            if found is not None and found.mark.at <= at and found.mark.input_seq >= self.base:
                return found
        return None
