"""Following a journal from its stream, on a host that does not have its files (F65, fan-out).

The same verbs as `journal_tail.JournalTail`. Every frame is checked and chained as if it had come
from a segment; the stream is believed no more than a disk is. Without servers `poll` gives nothing
and `why` says so: whoever reads falls behind, and goes on where it was once they are back.
"""

from collections.abc import Iterator

from quanheng.edge.clock import monotonic
from quanheng.edge.journal_tail import Place
from quanheng.edge.nats_config import MessagingError
from quanheng.edge.nats_line import NatsLine
from quanheng.edge.nats_stream import FrameStream, frame_of
from quanheng.runtime.chain import genesis
from quanheng.runtime.journal import HEADER_BYTES, ChainCheck, Frame, JournalCorruptError
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

FIRST_PAUSE, LONGEST_PAUSE = 100 * MILLISECOND, 5 * SECOND


class StreamTail:
    """Reads on in a stream from where it was."""

    def __init__(self, line: NatsLine, name: str, machine: str) -> None:
        self.machine = machine
        self.why = ""  # why nothing comes
        self.stream = FrameStream(line, name)
        self._line = line
        self._check: ChainCheck | None = None
        self._pause: Nanos = FIRST_PAUSE
        self._dial_at: Nanos = 0

    def payload(self, place: Place) -> bytes:
        """The payload of a frame that was read before. MessagingError when no server gives it."""
        self._dial()
        return self.stream.one(place.offset)[HEADER_BYTES:]

    def poll(self, most: int = 1 << 62) -> Iterator[tuple[Frame, Place]]:
        """The frames that are there by now, at most about `most` bytes of them.

        JournalCorruptError for a frame that does not follow on: damage, or a history other than
        the one that was read before.
        """
        if monotonic() < self._dial_at:
            return
        try:
            yield from self._poll(most)
        except MessagingError as error:
            self.why = str(error)
            self.stream.forget()
            self._line.drop()
            self._dial_at = monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        else:
            self.why, self._pause = "", FIRST_PAUSE

    def _dial(self) -> None:
        if not self._line.up:
            self._line.dial()
            self.stream.forget()

    def _poll(self, most: int) -> Iterator[tuple[Frame, Place]]:
        self._dial()
        seen = self.stream.look()
        if seen is None:
            raise MessagingError(f"there is no stream {self.stream.name}")
        if self._check is None:
            if seen.last < seen.first:
                return
            start = genesis(self.machine) if seen.first == 1 else None
            self._check = ChainCheck(seen.first, start)
        taken = 0
        while taken < most and self._check.seq <= seen.last:
            messages = self.stream.read(self._check.seq, seen.last)
            if not messages:
                self._corrupt("it is missing")
            for data in messages:
                frame = frame_of(data, self._check)
                if isinstance(frame, str):
                    self._corrupt(frame)
                    return
                taken += len(data)
                yield frame, Place(0, frame.seq, len(frame.payload))

    def _corrupt(self, reason: str) -> None:
        check = self._check
        assert check is not None
        raise JournalCorruptError(self.machine, self.stream.name, 0, check.seq, reason)
