"""What people of the firm do in a running day: RUN/firm-acts.jsonl, one act a line (R-03, R-06).

`quanheng firm` appends; the overseer's process reads on from where it was. The number of a line is
the cause of the input that it becomes, so a line counts once however often the process starts.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from quanheng.authority.messages import Second
from quanheng.edge.growing import grow
from quanheng.edge.journal_lines import NewLines
from quanheng.oversight.messages import Answer, CloseCase, FollowUp, ReleaseDesk, Restrain

ACTS = "firm-acts.jsonl"
Act = Answer | FollowUp | CloseCase | Restrain | ReleaseDesk | Second


def add_act(run: Path, act: Act) -> None:
    """Append an act, safe on disk before this returns."""
    grow(run / ACTS, msgspec.json.encode(act))


class ActFile:
    """Reads on in a run's acts; a line counts once it is whole."""

    def __init__(self, run: Path) -> None:
        self._lines = NewLines(run / ACTS)
        self._decode = msgspec.json.Decoder(Act).decode

    def read(self, done: int, say: Callable[..., None]) -> Iterator[tuple[int, Act]]:
        """Number and act of each new line after line `done`; what is none is told and left out."""
        for line in self._lines:
            number = self._lines.count
            if number <= done:
                continue
            try:
                yield number, self._decode(line)
            except msgspec.DecodeError as error:
                say("bad_act", line=number, reason=str(error))


def last_line(envelopes: Iterator[Any]) -> int:
    """Number of the last line that became an input of a journal, 0 for none."""
    return max((one.cause for one in envelopes if isinstance(one.body, Act)), default=0)
