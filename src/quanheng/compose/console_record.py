"""Lines that people leave beside a run: signatures of check-lists, notes. They only grow.

One JSON object a line, each with the hash of the line before (S-01): a line that was changed or is
missing is named, and nothing is added behind it.
"""

import fcntl
import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.authority_desk import clock
from quanheng.compose.run_folder import RunError

BEGIN = "0" * 64


class Record:
    """A file of such lines."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[dict[str, Any]]:
        """Every line in order. RunError names one that does not follow on."""
        return self._read()[0]

    def _read(self) -> tuple[list[dict[str, Any]], str]:
        data = self.path.read_bytes() if self.path.exists() else b""
        found: list[dict[str, Any]] = []
        head = BEGIN
        for count, line in enumerate(data.splitlines(), start=1):
            try:
                row = msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.DecodeError as error:
                raise RunError(f"{self.path.name} line {count}: {error}") from error
            if row.get("prev") != head:
                raise RunError(f"{self.path.name} line {count} does not follow the line before")
            found.append({**row, "number": count})
            head = hashlib.sha256(line).hexdigest()
        return found, head

    def add(self, **fields: Any) -> int:
        """Append a line with the time, safe on disk before this returns; its number."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        with os.fdopen(os.open(self.path, flags, 0o600), "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            found, head = self._read()
            line = msgspec.json.encode({"prev": head, "at": clock(), **fields})
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return len(found) + 1
