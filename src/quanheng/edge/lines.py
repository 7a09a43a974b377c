"""Lines that people leave: signatures, notes, acts of the exchange. A file of them only grows.

One JSON object a line, each with the hash of the line before (S-01): a line that was changed or is
missing is named, and nothing is added behind it.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from quanheng.edge.growing import Growing, whole_lines
from quanheng.terms.units import Nanos

BEGIN = "0" * 64
"""Hash before the first line."""
Line = dict[str, Any]


class LinesError(Exception):
    """A line that was changed, is missing or is none; the message names file, line and reason."""


class Lines:
    """A file of such lines. `clock` gives the instant that a line is stamped with, Nanos."""

    def __init__(self, path: Path, clock: Callable[[], Nanos]) -> None:
        self.path = path
        self._clock = clock

    def all(self) -> list[Line]:
        """Every line in order, with its `number`. LinesError names one that does not follow on."""
        return self._read(whole_lines(self.path))[0]

    def _read(self, data: bytes) -> tuple[list[Line], str]:
        found: list[Line] = []
        head = BEGIN
        for count, line in enumerate(data.splitlines(), start=1):
            try:
                row = msgspec.json.decode(line, type=Line)
            except msgspec.DecodeError as error:
                raise LinesError(f"{self.path.name} line {count}: {error}") from error
            if row.get("prev") != head:
                raise LinesError(f"{self.path.name} line {count} does not follow the line before")
            found.append({**row, "number": count})
            head = hashlib.sha256(line).hexdigest()
        return found, head

    def add(
        self, fields: Mapping[str, Any], check: Callable[[list[Line]], None] | None = None
    ) -> int:
        """Append a line with the time, safe on disk before this returns; its number.

        `check` sees every line before, while nobody else can write; what it raises keeps the line
        out.
        """
        with Growing(self.path) as file:
            found, head = self._read(file.data)
            if check is not None:
                check(found)
            file.add(msgspec.json.encode({"prev": head, "at": self._clock(), **fields}))
        return len(found) + 1
