"""The record of a settlement on disk: one line an event, each with the hash of the line before.

Lines are only ever added and synced one by one (`edge.growing`). What is wrong with a whole line
stops the job.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from quanheng.compose.run_folder import RunError
from quanheng.edge.growing import Growing, whole_lines
from quanheng.settlement.record import Entry, Event, Record, blank, fold
from quanheng.terms.units import Day

NAME = "record.jsonl"
BEGIN = "0" * 64


class Line(msgspec.Struct, frozen=True):
    """A line of the file."""

    seq: int
    prev: str
    event: Event


class Ledger:
    """The events of a day's settlement and what they fold to."""

    def __init__(self, folder: Path, day: Day, carried: Iterable[Entry] = ()) -> None:
        """Read the record of a folder. RunError names a line that is wrong."""
        self.path = folder / NAME
        self.record: Record = blank(day, carried)
        self.events: list[Event] = []
        self._head, self._seq, self._size = BEGIN, 0, 0
        if self.path.exists():
            self._load()

    def _load(self) -> None:
        whole = whole_lines(self.path)
        for number, text in enumerate(whole.splitlines(), 1):
            try:
                line = msgspec.json.decode(text, type=Line)
                if (line.seq, line.prev) != (number, self._head):
                    raise ValueError("does not follow the line before")
                fold(self.record, line.event)
            except (msgspec.DecodeError, ValueError) as error:
                raise RunError(f"{self.path} line {number}: {error}") from error
            self.events.append(line.event)
            self._head, self._seq = hashlib.sha256(text).hexdigest(), number
        self._size = len(whole)

    def add(self, event: Event) -> None:
        """Apply an event and write it down. RunError for one that does not fit what stands."""
        try:
            fold(self.record, event)
        except ValueError as error:
            raise RunError(str(error)) from error
        text = msgspec.json.encode(Line(self._seq + 1, self._head, event))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with Growing(self.path, 0o644) as file:
            if len(file.data) != self._size:
                raise RunError(f"{self.path}: somebody else has settled on; run again")
            file.add(text)
            self._size = len(file.data)
        self.events.append(event)
        self._head, self._seq = hashlib.sha256(text).hexdigest(), self._seq + 1

    @property
    def head(self) -> str:
        """Hash of the last line."""
        return self._head
