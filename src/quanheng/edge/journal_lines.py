"""Lines of JSON that a live process leaves in the run folder: what happened, and when."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

MAX_LINES = 200_000
"""Bound of one file; a process that has more to say has gone mad, and says so once."""


class LineFile:
    """Appends JSON lines; every line is handed to the operating system at once."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._count = 0

    def add(self, line: dict[str, Any]) -> None:
        """One line."""
        self._count += 1
        if self._count > MAX_LINES:
            return
        if self._count == MAX_LINES:
            line = {"what": "full", "bound": MAX_LINES}
        os.write(self._file, msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Lines of a file; empty when there is none. A torn last line is left out."""
    if not path.exists():
        return []
    out = []
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            out.append(msgspec.json.decode(line))
    return out


class NewLines:
    """Reads on in a file that another process appends to: each whole line once, with its end. A
    file that is not there yet has none; a last line without its end waits for it.
    """

    def __init__(self, path: Path) -> None:
        self.count = 0  # lines that were given out
        self._path = path
        self._read = 0

    def __iter__(self) -> Iterator[bytes]:
        """Lines since the last look; those that nobody took come again with the next one."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return
        for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
            self._read += len(line)
            self.count += 1
            yield line
