"""In-memory journal and snapshots: the reference adapters, and the store of short simulations."""

from collections.abc import Iterator

from quanheng.runtime.chain import genesis
from quanheng.runtime.journal import (
    ChainCheck,
    ChainedWriter,
    Frame,
    Journal,
    JournalCorruptError,
    parse_frame,
)
from quanheng.runtime.ports import Snapshots


class MemoryJournal(ChainedWriter):
    """Frames in a list, one `bytes` each. `sync` makes all of them durable."""

    __slots__ = ("frames",)

    def __init__(self, machine: str) -> None:
        super().__init__(machine)
        self.frames: list[bytes] = []

    def append(self, kind: int, payload: bytes) -> int:
        """Add a frame; returns its seq."""
        head, body = self.next_frame(kind, payload)
        self.frames.append(head + body)
        return self.next_seq - 1

    def flush(self) -> int:
        """Nothing is buffered; returns the last seq."""
        return self.next_seq - 1

    def sync(self) -> int:
        """Declare everything durable; returns the durable seq."""
        self.durable_seq = self.next_seq - 1
        return self.durable_seq

    def read(self, from_seq: int = 1) -> Iterator[Frame]:
        """Checked frames from a seq on."""
        check = ChainCheck(from_seq, genesis(self.machine) if from_seq == 1 else None)
        for data in self.frames[from_seq - 1 :]:
            frame = parse_frame(data, 0)
            reason = check.problem(frame)
            if reason:
                raise JournalCorruptError(self.machine, "memory", 0, frame.seq, reason)
            yield frame

    def close(self) -> None:
        """Nothing to release."""


class DigestJournal(ChainedWriter):
    """Keeps the chain and forgets the frames: `--journal digest`."""

    __slots__ = ()

    def append(self, kind: int, payload: bytes) -> int:
        """Advance the chain; returns the seq."""
        self.next_frame(kind, payload)
        return self.next_seq - 1

    def flush(self) -> int:
        """Nothing is kept; returns the last seq."""
        return self.next_seq - 1

    def sync(self) -> int:
        """Nothing is durable; returns 0."""
        return 0

    def read(self, from_seq: int = 1) -> Iterator[Frame]:
        """No frames are kept."""
        return iter(())

    def close(self) -> None:
        """Nothing to release."""


class MemorySnapshots:
    """Snapshots in a dict; the oldest goes when there are more than `keep`."""

    __slots__ = ("_keep", "_published", "_stored", "damage")

    def __init__(self, keep: int = 1_000) -> None:
        self.damage = ""
        self._keep = keep
        self._stored: dict[int, bytes] = {}
        self._published: list[int] = []

    def write(self, seq: int, data: bytes) -> None:
        """Store a snapshot."""
        self._stored[seq] = data

    def publish(self, seq: int) -> None:
        """Make it count."""
        if seq not in self._published:
            self._published.append(seq)
        while len(self._published) > self._keep:
            del self._stored[self._published.pop(0)]

    def seqs(self) -> list[int]:
        """Published snapshots, oldest first."""
        return list(self._published)

    def read(self, seq: int) -> bytes | None:
        """The bytes, None when there are none."""
        return self._stored.get(seq)


class MemoryStores:
    """Journals and snapshots of a run in memory; `digest` keeps the chains only."""

    def __init__(self, digest: bool = False) -> None:
        self.journals: dict[str, Journal] = {}
        self.kept: dict[str, MemorySnapshots] = {}
        self._digest = digest

    def journal(self, machine: str) -> Journal:
        """The journal of a machine, created when it is new."""
        if machine not in self.journals:
            self.journals[machine] = (
                DigestJournal(machine) if self._digest else MemoryJournal(machine)
            )
        return self.journals[machine]

    def snapshots(self, machine: str) -> Snapshots:
        """The snapshots of a machine, created when they are new."""
        return self.kept.setdefault(machine, MemorySnapshots())
