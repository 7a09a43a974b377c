"""The file port of a journal: every system call it makes, in one place (reliability.md 1.4).

`Disk` is the real one. A simulated disk with a write cache that loses power, and disks that fail
at the n-th call, take its place in tests and small worlds; the journal's code is the same.
"""

import fcntl
import os
from pathlib import Path


class Disk:
    """The real disk."""

    def make_folder(self, folder: Path) -> bool:
        """Make a folder and its parents; False when it was there."""
        if folder.exists():
            return False
        folder.mkdir(parents=True, exist_ok=True)
        return True

    def lock(self, path: Path) -> int:
        """Descriptor that owns a lock file until it is closed. OSError: somebody else does."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def names(self, folder: Path) -> list[str]:
        """Names of the files in a folder; empty when there is no folder."""
        return sorted(os.listdir(folder)) if folder.is_dir() else []

    def read(self, path: Path) -> bytes:
        """A whole file. OSError when it is not there."""
        return path.read_bytes()

    def read_part(self, path: Path, offset: int, length: int) -> bytes:
        """At most `length` bytes from an offset on; fewer at the end of the file."""
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def create(self, path: Path) -> int:
        """Descriptor of an empty file for appending; what stood there is gone."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o644)

    def open_end(self, path: Path) -> int:
        """Descriptor of an existing file for appending."""
        return os.open(path, os.O_WRONLY | os.O_APPEND)

    def rewrite(self, path: Path, offset: int, data: bytes) -> None:
        """Put bytes in place of as many of a file, from an offset on; the caller syncs the file."""
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Bytes written, possibly fewer than asked."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Make a file's data durable."""
        os.fdatasync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def truncate(self, path: Path, length: int) -> None:
        """Cut a file, durably."""
        with path.open("r+b") as file:
            file.truncate(length)
            os.fsync(file.fileno())

    def replace(self, path: Path, data: bytes) -> None:
        """Put a whole small file in place of another, or nothing; the caller syncs the folder."""
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def remove(self, path: Path) -> None:
        """Unlink a file."""
        path.unlink()

    def close(self, descriptor: int) -> None:
        """Give a descriptor up."""
        os.close(descriptor)
