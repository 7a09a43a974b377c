"""Files that only grow, by whole lines that are safe on disk before anybody is told of them (S-01).

A crash or a full disk in the middle of a line leaves a piece of it. Nobody was told of that line:
a reader does not see it, and the next writer takes it away (F01, F07). A line whose fsync failed is
taken back, because a later fsync would say yes without having written it (F05).
"""

import fcntl
import os
from pathlib import Path

from quanheng.runtime.disk import Disk


def whole_lines(path: Path) -> bytes:
    """The complete lines of a file; nothing of a file that is not there."""
    return _whole(path.read_bytes()) if path.exists() else b""


def _whole(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


class Growing:
    """Such a file from `with` to its end, held against other writers; `data` are its lines."""

    def __init__(self, path: Path, mode: int = 0o600, disk: Disk | None = None) -> None:
        self._path = path
        self._mode = mode
        self._disk = disk or Disk()
        self.data = b""

    def __enter__(self) -> "Growing":
        made = not self._path.exists()
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, self._mode)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            found = self._path.read_bytes()
            self.data = _whole(found)
            if self.data != found:
                os.ftruncate(self._file, len(self.data))
            if made:
                self._disk.sync_folder(self._path.parent)
        except BaseException:
            os.close(self._file)
            raise
        return self

    def add(self, line: bytes) -> None:
        """Append a line, given without its line feed. OSError: then it is not in the file."""
        data = line + b"\n"
        view = memoryview(data)
        try:
            while view:
                view = view[self._disk.write(self._file, view) :]
            self._disk.sync(self._file)
        except OSError:
            os.ftruncate(self._file, len(self.data))
            raise
        self.data += data

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def grow(path: Path, line: bytes, mode: int = 0o600) -> None:
    """Append one line."""
    with Growing(path, mode) as file:
        file.add(line)
