"""Lines that people leave beside a run (`edge.lines`): signatures of check-lists, notes."""

from pathlib import Path
from typing import Any

from quanheng.compose.run_folder import RunError
from quanheng.compose.wall import clock
from quanheng.edge.lines import Lines, LinesError


class Record:
    """A file of such lines, with the wall's time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = Lines(path, clock)

    def lines(self) -> list[dict[str, Any]]:
        """Every line in order. RunError names one that does not follow on."""
        try:
            return self._lines.all()
        except LinesError as error:
            raise RunError(str(error)) from error

    def add(self, **fields: Any) -> int:
        """Append a line with the time, safe on disk before this returns; its number."""
        try:
            return self._lines.add(fields)
        except LinesError as error:
            raise RunError(str(error)) from error
