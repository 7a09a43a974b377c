"""The day's forecast of the evaluation, kept by contract and by class (L-03, E-12).

`FOLDER/forecast_class/<day>-<maker>.csv` and `forecast_contract/…`: what the cockpit said at an
instant of a day, one file a day; asked again, the day's file is written anew.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from quanheng.compose.cockpit_stand import ClassStand, Stand
from quanheng.compose.cockpit_text import clock
from quanheng.compose.run_folder import write_whole
from quanheng.duties.cockpit import ContractView
from quanheng.duties.exact import ratio_text
from quanheng.duties.forecast import Outcome
from quanheng.duties.grade import GRADES
from quanheng.terms.days import iso
from quanheng.terms.units import Day

KEY = ("day", "at", "maker")
CLASS = (
    *KEY, "underlying", "spread_ratio", "participation", "covered", "needed", "best", "worst",
    "spread_as_now", "participation_as_now", "month_days", "month_left", "weighted",
    "weighted_best", "weighted_worst", "misses_left", "basis",
    *(f"month_{grade}" for grade in GRADES), *(f"year_{grade}" for grade in GRADES),
    "chapter9",
)  # fmt: skip
"""Columns by class; chances per mille, empty without a basis of past days."""
CONTRACT = (
    *KEY, "underlying", "contract", "spread_ratio", "participation", "best", "worst", "slack_ns",
    "obliged_ns", "compliant_ns",
)  # fmt: skip


def _chances(found: Outcome) -> list[str]:
    known = dict(found.chances)
    return [str(known.get(grade, "")) for grade in GRADES]


def _class_row(one: ClassStand) -> list[str]:
    view, left = one.view, one.reach
    as_now = view.what_ifs[0]
    ratios = (view.day.spread_ratio, view.day.participation)
    return [
        view.underlying,
        *map(ratio_text, ratios),
        str(view.day.covered),
        str(view.needed),
        *map(ratio_text, (view.best, view.worst, as_now.spread_ratio, as_now.participation)),
        str(left.days),
        str(left.ahead),
        *map(ratio_text, (left.so_far, left.best, left.worst)),
        str(left.misses_left),
        str(one.month.basis),
        *_chances(one.month),
        *_chances(one.year),
        one.chapter9.level,
    ]


def _contract_row(underlying: str, row: ContractView) -> list[str]:
    ratios = (row.spread_ratio, row.participation, row.best, row.worst)
    return [
        underlying,
        row.contract,
        *map(ratio_text, ratios),
        str(row.slack),
        str(row.obliged),
        str(row.compliant),
    ]


def day_file(day: Day, maker: str) -> str:
    """Name of what a maker was told on a day."""
    return f"{day}-{maker}.csv"


def store(found: Stand, folder: Path) -> tuple[Path, Path]:
    """Write both files; returns them."""
    key = [iso(found.day), clock(found.at), found.maker]
    classes = [[*key, *_class_row(one)] for one in found.classes]
    contracts = [
        [*key, *_contract_row(one.view.underlying, row)]
        for one in found.classes
        for row in one.view.contracts
    ]
    name = day_file(found.day, found.maker)
    paths = (folder / "forecast_class" / name, folder / "forecast_contract" / name)
    for path, head, rows in zip(paths, (CLASS, CONTRACT), (classes, contracts), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _csv(head, rows))
    return paths


def _csv(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return stream.getvalue().encode()
