"""Frames of a day in a file, found by number: memory holds eight bytes for each (promise 30)."""

import os
from array import array
from collections.abc import Sequence
from pathlib import Path


class FrameStore:
    """Frame 1 is the first. Only the process that wrote them reads them again."""

    def __init__(self, path: Path) -> None:
        """A file left by an earlier run of the same folder is emptied."""
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        self._ends = array("Q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, frames: Sequence[bytes]) -> None:
        """Append whole frames."""
        end = self._ends[-1]
        for data in frames:
            end += len(data)
            self._ends.append(end)
        view = memoryview(b"".join(frames))
        while view:
            view = view[os.write(self._file, view) :]

    def read(self, number: int, count: int) -> list[memoryview]:
        """At most `count` frames from a number on; none before the first or after the last."""
        stop = min(len(self), number + count - 1)
        if number < 1 or number > stop:
            return []
        ends = self._ends
        start = ends[number - 1]
        data = memoryview(os.pread(self._file, ends[stop] - start, start))
        return [data[ends[i - 1] - start : ends[i] - start] for i in range(number, stop + 1)]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
