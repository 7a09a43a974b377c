"""A small market for the tests of rating in parts, and how to rate it."""

import hashlib
from pathlib import Path

from quanheng.compose import market_history as history
from quanheng.compose import rate_command as command

PLAN = {"makers": 5, "days": 2, "contracts": 40, "updates": 30, "workers": 1}
FIRST, LAST = 20240520, 20240521


def quiet(_: str) -> None:
    """No progress."""


def plan(folder: Path, out: Path, **change) -> command.RatePlan:
    plain = {"folder": folder, "out": out, "first": FIRST, "last": LAST, "workers": 1}
    return command.RatePlan(**(plain | change))


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every output file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and command.PARTS not in path.parts
    }


def make_market(out: Path) -> Path:
    """The market of PLAN."""
    history.make_history(history.HistoryPlan(out=out, first=FIRST, **PLAN), quiet)
    return out
