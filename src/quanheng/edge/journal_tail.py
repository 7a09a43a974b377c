"""Following a journal that another process writes: its frames as they come, without its lock.

A follower never writes and never waits: `poll` returns what is whole by now. A frame that is cut
off is one that is being written, until a later segment shows that it was not.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from quanheng.runtime.chain import genesis
from quanheng.runtime.journal import (
    HEADER_BYTES,
    BadFrameError,
    ChainCheck,
    Frame,
    JournalCorruptError,
    parse_frame,
)
from quanheng.runtime.segment import segment_paths

CHUNK = 4 << 20
"""Bytes read at once."""


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a frame's payload lies: number of the segment, offset and length in its file."""

    segment: int
    offset: int
    size: int


class JournalSource(Protocol):
    """A journal that somebody else writes, followed: from its files, or from a copy elsewhere."""

    machine: str

    def payload(self, place: Place) -> bytes:
        """The payload of a frame that was read before."""

    def poll(self, most: int = 1 << 62) -> Iterator[tuple[Frame, Place]]:
        """The frames that are whole by now, at most about `most` bytes of them."""


class JournalTail:
    """Reads on in `RUN/journal/<machine>` from where it was, every frame checked and chained."""

    def __init__(self, run: Path, machine: str) -> None:
        self._folder = run / "journal" / machine
        self.machine = machine
        self.paths: list[Path] = []
        self._check: ChainCheck | None = None
        self._offset = 0

    def payload(self, place: Place) -> bytes:
        """The payload of a frame that was read before."""
        with self.paths[place.segment].open("rb") as file:
            file.seek(place.offset)
            return file.read(place.size)

    def poll(self, most: int = 1 << 62) -> Iterator[tuple[Frame, Place]]:
        """The frames that are whole by now, at most about `most` bytes of them.

        JournalCorruptError for a frame that does not follow on, or is cut off for good.
        """
        if not self.paths and not self._next_segment():
            return
        taken = 0
        while taken < most:
            data = self._read()
            used = 0
            for frame, offset in self._frames(data):
                used = offset + frame.size
                taken += frame.size
                start = self._offset + offset + HEADER_BYTES
                yield frame, Place(len(self.paths) - 1, start, len(frame.payload))
            self._offset += used
            if used:
                continue
            if not self._next_segment():
                return
            if data:
                self._corrupt("the segment ends inside a frame")

    def _read(self) -> bytes:
        """Bytes from here on: a chunk, or as many as the next frame has."""
        with self.paths[-1].open("rb") as file:
            file.seek(self._offset)
            data = file.read(CHUNK)
            if len(data) == CHUNK:
                try:
                    parse_frame(data, 0)
                except BadFrameError:
                    data += file.read()
            return data

    def _frames(self, data: bytes) -> Iterator[tuple[Frame, int]]:
        check = self._check
        assert check is not None, "a segment is open"
        offset = 0
        while offset < len(data):
            try:
                frame = parse_frame(data, offset)
            except BadFrameError:
                return
            reason = check.problem(frame)
            if reason:
                self._corrupt(reason)
            yield frame, offset
            offset += frame.size

    def _next_segment(self) -> bool:
        """Go to the segment that begins with the next frame, if it is there yet."""
        for first, path in segment_paths(self._folder) if self._folder.is_dir() else []:
            if self._check is None:
                self._check = ChainCheck(first, genesis(self.machine) if first == 1 else None)
            elif path == self.paths[-1] or first != self._check.seq:
                continue
            self.paths.append(path)
            self._offset = 0
            return True
        return False

    def _corrupt(self, reason: str) -> None:
        check = self._check
        assert check is not None
        name = self.paths[-1].name
        raise JournalCorruptError(self.machine, name, self._offset, check.seq, reason)
