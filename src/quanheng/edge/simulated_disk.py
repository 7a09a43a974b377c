"""A disk that loses power, for the journal's real code (reliability.md 1.8, faults F01 to F08).

Between two fsyncs a file's sectors of 512 bytes reach the platter in any order, or not, or torn;
names that were made, replaced or removed reach it only when their folder is synced, each by itself
or not at all. What fsync confirmed is never lost. Everything is drawn from one seed.
"""

import errno
import random
from pathlib import Path

from quanheng.runtime.disk import Disk

SECTOR = 512


class PowerLostError(Exception):
    """The power went in the middle of a call. No OSError: no code may handle it."""


class _File:
    """One inode: what programs read, what the platter holds, and which sectors differ."""

    __slots__ = ("data", "dirty", "platter")

    def __init__(self) -> None:
        self.data = bytearray()
        self.platter = b""
        self.dirty: dict[int, bool] = {}

    def touch(self, start: int, stop: int) -> None:
        for sector in range(start // SECTOR, (stop + SECTOR - 1) // SECTOR):
            self.dirty[sector] = True

    def settle(self) -> None:
        self.platter = bytes(self.data)
        self.dirty.clear()

    def write_back(self) -> None:
        """The dirty sectors reach the platter; of the others it keeps what it had."""
        image = bytearray(self.platter[: len(self.data)])
        image += bytes(len(self.data) - len(image))
        for sector in self.dirty:
            place = slice(sector * SECTOR, (sector + 1) * SECTOR)
            image[place] = self.data[place]
        self.platter = bytes(image)
        self.dirty.clear()

    def lose(self, draw: random.Random) -> None:
        """What is left of it when the power goes."""
        kept = draw.random()  # of sectors; whole batches survive or vanish in some cuts
        image = bytearray(self.platter)
        for sector in self.dirty:
            chance = draw.random()
            if chance > kept:
                continue
            start = sector * SECTOR
            new = self.data[start : start + SECTOR]
            if chance < kept / 8:
                new = new[: draw.randrange(len(new) + 1)]
            if len(image) < start:
                image += bytes(start - len(image))
            image[start : start + len(new)] = new
        if len(image) < len(self.data) and draw.random() < 0.3:
            # The size was written before the data: the rest reads as zeros.
            image += bytes(draw.randrange(len(self.data) - len(image) + 1))
        self.data = image
        self.settle()


class SimulatedDisk(Disk):
    """Files in memory behind the journal's file port.

    `lose_at` > 0 raises PowerLostError at that call (it counts down); `room` >= 0 is what can be
    written before ENOSPC; `sync_fails` makes every fsync fail with EIO.
    """

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.calls = 0
        self.lose_at = 0
        self.room = -1
        self.sync_fails = False
        self._names: dict[Path, _File] = {}
        self._kept: dict[Path, _File] = {}
        self._open: dict[int, _File | None] = {}
        self._locks: dict[int, Path] = {}
        self._folders: dict[Path, bool] = {}

    def power_cut(self) -> None:
        """The power goes: caches, descriptors and locks are gone, then it is back."""
        names = dict(self._kept)
        for path in sorted({*self._names, *self._kept}):
            if self.draw.random() < 0.5:
                file = self._names.get(path)
                if file is None:
                    names.pop(path, None)
                else:
                    names[path] = file
        for path in sorted(names):
            names[path].lose(self.draw)
        self._names, self._kept = names, dict(names)
        self._open.clear()
        self._locks.clear()
        self.lose_at, self.room, self.sync_fails = 0, -1, False

    def process_gone(self) -> None:
        """A process died: its descriptors and locks are gone, what it wrote stays in the cache."""
        self._open.clear()
        self._locks.clear()
        self.room, self.sync_fails = -1, False

    def _call(self) -> None:
        self.calls += 1
        if self.lose_at:
            self.lose_at -= 1
            if not self.lose_at:
                raise PowerLostError

    def make_folder(self, folder: Path) -> bool:
        """A folder; its own name is taken as durable (the run folder is made long before)."""
        return self._folders.setdefault(folder, True) and not self.names(folder)

    def lock(self, path: Path) -> int:
        """Own a lock file."""
        if path in self._locks.values():
            raise BlockingIOError(errno.EAGAIN, "locked")
        descriptor = self._descriptor(None)
        self._locks[descriptor] = path
        return descriptor

    def names(self, folder: Path) -> list[str]:
        """Names of the files in a folder."""
        return sorted(path.name for path in self._names if path.parent == folder)

    def read(self, path: Path) -> bytes:
        """A whole file."""
        if path not in self._names:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return bytes(self._names[path].data)

    def read_part(self, path: Path, offset: int, length: int) -> bytes:
        """A piece of a file."""
        return self.read(path)[offset : offset + length]

    def create(self, path: Path) -> int:
        """An empty file for appending."""
        self._call()
        file = self._names[path] = _File()
        return self._descriptor(file)

    def open_end(self, path: Path) -> int:
        """An existing file for appending."""
        return self._descriptor(self._names[path])

    def rewrite(self, path: Path, offset: int, data: bytes) -> None:
        """Bytes in place of others, into the cache; only some when the power goes."""
        self._put(self._names[path], offset, data, len(data))

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Into the cache; sometimes less than asked, and only half when the power goes."""
        file = self._file(descriptor)
        count = len(data)
        if self.draw.random() < 0.1:
            count = self.draw.randrange(1, count + 1)
        if self.room >= 0:
            if not self.room:
                raise OSError(errno.ENOSPC, "no space left")
            count = min(count, self.room)
            self.room -= count
        self._put(file, len(file.data), data, count)
        return count

    def _put(self, file: _File, at: int, data: bytes | memoryview, count: int) -> None:
        """The first `count` bytes into the cache at a place; fewer when the power goes."""
        try:
            self._call()
        except PowerLostError:
            count = self.draw.randrange(count + 1)
            raise
        finally:
            file.data[at : at + count] = data[:count]
            file.touch(at, at + count)

    def sync(self, descriptor: int) -> None:
        """What the cache holds of a file reaches the platter. When it fails, the cache takes what
        it could not write for written, as Linux does: whoever reads the file still sees it, and
        the next sync has nothing to do.
        """
        self._call()
        file = self._file(descriptor)
        if self.sync_fails:
            file.dirty.clear()
            raise OSError(errno.EIO, "input/output error")
        file.write_back()

    def sync_folder(self, folder: Path) -> None:
        """The names of a folder reach the platter."""
        self._call()
        if self.sync_fails:
            raise OSError(errno.EIO, "input/output error")
        kept = {path: file for path, file in self._kept.items() if path.parent != folder}
        now = {path: file for path, file in self._names.items() if path.parent == folder}
        self._kept = {**kept, **now}

    def truncate(self, path: Path, length: int) -> None:
        """Cut a file, durably; the power may go before or after."""
        file = self._names[path]
        if self.draw.random() < 0.5:
            self._call()
        del file.data[length:]
        file.write_back()
        self._call()

    def replace(self, path: Path, data: bytes) -> None:
        """A small file in place of another; the new one's data is durable before its name."""
        self._call()
        file = _File()
        file.data += data
        file.settle()
        self._names[path] = file
        self._call()

    def remove(self, path: Path) -> None:
        """Unlink a file."""
        self._call()
        del self._names[path]

    def close(self, descriptor: int) -> None:
        """Give a descriptor up."""
        self._open.pop(descriptor, None)
        self._locks.pop(descriptor, None)

    def _descriptor(self, file: _File | None) -> int:
        descriptor = max(self._open, default=2) + 1
        self._open[descriptor] = file
        return descriptor

    def _file(self, descriptor: int) -> _File:
        file = self._open.get(descriptor)
        if file is None:
            raise OSError(errno.EBADF, "no open file")
        return file
