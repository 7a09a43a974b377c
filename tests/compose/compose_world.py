"""How the roof's tests call the command line, and the small day they share."""

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from quanheng import cli

SCENARIO = """
name = "busy"
words = { zh = "繁忙", en = "busy" }

[underlying]
bars_percent = 60
gap_bp = -50
jumps = [{ at = "09:34", bp = 60, over_s = 30, underlyings = ["510050"] }]

[crowd]
inquiries_per_hour = 120
shocks = [{ at = "09:32", underlying = "510050", contracts = 1 }]
vol_moves = [{ at = "09:33", points = 100 }]

[faults]
halts = [{ start = "09:41", stop = "09:42", scope = "510050" }]
order_outages = [{ start = "09:37", stop = "09:38" }]
feed_outages = [{ start = "09:39", stop = "09:39:30" }]
"""
SMALL = ("--contracts", "12", "--until", "09:45")


class Called(NamedTuple):
    """What a call of the command line left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on standard output; anything more is an error here."""
        return json.loads(self.out)


class Run(NamedTuple):
    """A run folder and the JSON its day printed."""

    folder: Path
    printed: dict[str, Any]


def call(*arguments: object) -> Called:
    """`quanheng ARGUMENTS` in this process."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    argv = ["quanheng", *map(str, arguments)]
    with (
        patch.object(sys, "argv", argv),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Called(code, out.getvalue(), err.getvalue())


def run_day(out: Path, scenario: Path, *more: object, seed: int = 5) -> Run:
    """A small day kept whole."""
    options = ("--seed", seed, "--scenario", scenario, *SMALL, "--out", out, "--json")
    done = call("day", *options, "--journal", "full", *more)
    assert done.code == 0, done.err
    printed = done.json
    return Run(Path(printed["run"]), printed)


def one_line(called: Called, code: int, *words: str) -> None:
    """The call failed with this code and one line on standard error that has these words."""
    assert called.code == code, called
    lines = [line for line in called.err.splitlines() if line.startswith("quanheng: ")]
    assert called.err.splitlines() == lines, called.err
    assert len(lines) == 1
    for word in words:
        assert word in lines[0], (word, lines[0])
