"""A journal that is re-lived before it grows: how an interrupted simulation goes on.

The simulation is deterministic, so from a checkpoint on it makes the frames that the journals
already hold once more. Each is compared with what is there, byte for byte; behind the last one
new frames are appended. An interrupted run therefore ends with the journals of an uninterrupted
one, and every resume is also a test of determinism.
"""

from collections.abc import Iterator

from quanheng.runtime.journal import Frame, Journal


class DivergedError(RuntimeError):
    """A re-lived frame differs from the journaled one: the code or its inputs have changed."""


class CatchUpJournal:
    """Compares appended frames with those after `from_seq`, then passes them on."""

    def __init__(self, inner: Journal, from_seq: int) -> None:
        self._inner = inner
        self._known: Iterator[Frame] | None = inner.read(from_seq)
        self.machine = inner.machine
        self.next_seq = from_seq
        self.relived = 0
        self._stop = inner.next_seq
        self._leave_if_done()

    @property
    def durable_seq(self) -> int:
        """Of the journal behind."""
        return self._inner.durable_seq

    @property
    def chain(self) -> bytes:
        """Of the journal behind."""
        return self._inner.chain

    def append(self, kind: int, payload: bytes) -> int:
        """Compare with the journaled frame of this seq, or append; returns the seq."""
        seq = self.next_seq
        if self._known is None:
            self._inner.append(kind, payload)
        else:
            frame = next(self._known)
            if (frame.seq, frame.kind, frame.payload) != (seq, kind, payload):
                raise DivergedError(
                    f"{self.machine} frame {seq} ({chr(kind)}) is not the journaled frame "
                    f"{frame.seq} ({chr(frame.kind)}): this run was made by other code or input"
                )
            self.relived += 1
        self.next_seq = seq + 1
        self._leave_if_done()
        return seq

    def _leave_if_done(self) -> None:
        if self.next_seq >= self._stop:
            self._known = None

    def flush(self) -> int:
        """Of the journal behind."""
        return self._inner.flush()

    def sync(self) -> int:
        """Of the journal behind."""
        return self._inner.sync()

    def read(self, from_seq: int = 1) -> Iterator[Frame]:
        """Of the journal behind."""
        return self._inner.read(from_seq)

    def close(self) -> None:
        """Of the journal behind."""
        self._inner.close()
