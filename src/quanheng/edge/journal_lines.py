"""Lines of JSON that a live process leaves in the run folder: what happened, and when."""

import os
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
