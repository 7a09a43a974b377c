"""Small recorded markets for the tests of tapes, back-tests and sweeps."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from quanheng.compose.reference import load
from quanheng.terms.contract import Chain
from quanheng.terms.units import SECOND

DAY = "2024-06-27"
HEAD = ("day", "contract", "at", "bid", "bid_qty", "ask", "ask_qty", "last", "volume")
Row = Sequence[object]


def clock(text: str) -> int:
    """DayNanos of HH:MM:SS."""
    hour, minute, second = map(int, text.split(":"))
    return (hour * 3600 + minute * 60 + second) * SECOND


def chain(pick: str = "12") -> Chain:
    """A light chain of the shipped day."""
    return load(pick=pick).chain


def write_market(path: Path, rows: Iterable[Row], head: Sequence[str] = HEAD) -> Path:
    """A market table as CSV; each row begins with its day."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
    return path


def steady(codes: Sequence[str], start: str, count: int, step: int = 3) -> list[Row]:
    """`count` snapshots of each contract from `start`, `step` seconds apart, without trades."""
    known = {contract.code: contract for contract in chain().contracts}
    rows: list[Row] = []
    for number in range(count):
        at = clock(start) + number * step * SECOND
        for code in codes:
            mid = known[code].previous_settle // 10 * 10
            rows.append((DAY, code, at, mid - 10, 30, mid + 10, 30, mid, 100 + number))
    return rows
