"""What people of the firm do in a running day: RUN/firm-acts.jsonl, one act a line (R-03, R-06).

`quanheng firm` appends; the overseer's process reads on from where it was. The number of a line is
the cause of the input that it becomes, so a line counts once however often the process starts.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from quanheng.authority.messages import Second
from quanheng.oversight.messages import Answer, CloseCase, FollowUp, ReleaseDesk, Restrain

ACTS = "firm-acts.jsonl"
Act = Answer | FollowUp | CloseCase | Restrain | ReleaseDesk | Second


def add_act(run: Path, act: Act) -> None:
    """Append an act, safe on disk before this returns."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    file = os.open(run / ACTS, flags, 0o600)
    try:
        os.write(file, msgspec.json.encode(act) + b"\n")
        os.fsync(file)
    finally:
        os.close(file)


class ActFile:
    """Reads on in a run's acts; a line counts once it is whole."""

    def __init__(self, run: Path) -> None:
        self._path = run / ACTS
        self._read = 0
        self._lines = 0
        self._decode = msgspec.json.Decoder(Act).decode

    def read(self, done: int, say: Callable[..., None]) -> Iterator[tuple[int, Act]]:
        """Number and act of each new line after line `done`; what is none is told and left out."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return
        for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
            self._read += len(line)
            self._lines += 1
            if self._lines <= done:
                continue
            try:
                yield self._lines, self._decode(line)
            except msgspec.DecodeError as error:
                say("bad_act", line=self._lines, reason=str(error))


def last_line(envelopes: Iterator[Any]) -> int:
    """Number of the last line that became an input of a journal, 0 for none."""
    return max((one.cause for one in envelopes if isinstance(one.body, Act)), default=0)
