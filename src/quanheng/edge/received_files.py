"""Reading a file that somebody else put there: regular, bounded, the same from begin to end.

What is a link, a pipe, a folder or a device in place of a file is not followed, opened or waited
for (F54); what is larger than a day's file can be is refused before it fills the memory (F53); what
is written while it is read is not read (F54).
"""

import os
import stat
from pathlib import Path

MOST_BYTES = 64 << 20
"""Of a received file. The largest of a day, the contract master, has about half a megabyte."""


class ReceivedError(OSError):
    """A file that is not read; the text is the reason."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.filename = str(path)
        self.strerror = reason


def read_received(path: Path, most: int = MOST_BYTES) -> bytes:
    """The whole of a regular file. ReceivedError names what it is instead, or that it is larger
    than `most` bytes, or that it changed; OSError for one that cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            raise ReceivedError(path, "是链接 a link, not a file") from error
        raise
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise ReceivedError(path, "不是普通文件 no regular file")
        if before.st_size > most:
            raise ReceivedError(path, f"{before.st_size} 字节，超过 over {most} bytes")
        data = bytearray()
        while part := os.read(descriptor, 1 << 20):
            data += part
            if len(data) > most:
                raise ReceivedError(path, f"超过 over {most} bytes")
        after = os.fstat(descriptor)
        if len(data) != before.st_size or _stamp(before) != _stamp(after):
            raise ReceivedError(path, "读取时被改动 changed while it was read")
        return bytes(data)
    finally:
        os.close(descriptor)


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns
