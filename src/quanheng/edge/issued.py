"""Commands that the authority issued into a run folder, on their way to a machine (borders.md 5).

The authority appends `issued.jsonl`, a line per proposal with the exact body; whoever targets the
machine reads on from where it was. A line counts once it is whole. The machine drops a proposal
that it has had, so reading a file again from its start is harmless.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from quanheng.edge.journal_lines import NewLines
from quanheng.terms.commands import Command

ISSUED = "issued.jsonl"


class IssuedLine(msgspec.Struct, frozen=True):
    """What a line of the file has to have; the rest of it is for people."""

    proposal: int
    target: str
    msgpack: str  # the body as a journal holds it, in hexadecimal


class BadLine(msgspec.Struct, frozen=True):
    """A line that is no issued command: its number in the file, and why."""

    line: int
    reason: str


class IssuedFile:
    """Reads on in a run's issued commands for one machine."""

    def __init__(self, run: Path, target: str) -> None:
        self._lines = NewLines(run / ISSUED)
        self._target = target
        self._decode: Any = msgspec.msgpack.Decoder(Command)

    def __iter__(self) -> Iterator[tuple[int, Command] | BadLine]:
        """(proposal, command) of each new line for the target, or what is wrong with a line."""
        for line in self._lines:
            try:
                said = msgspec.json.decode(line, type=IssuedLine)
                body = self._decode.decode(bytes.fromhex(said.msgpack))
                if said.proposal <= 0:
                    raise ValueError(f"proposal {said.proposal} is no number of a proposal")
            except ValueError as error:
                yield BadLine(self._lines.count, str(error))
                continue
            if said.target == self._target:
                yield said.proposal, body
