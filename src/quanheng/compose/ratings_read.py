"""What `quanheng rate --out` wrote, read back for who looks at it: its tables as rows by name.

A folder holds one rating, or a folder for each of several (month by month). Cells are whole
numbers, fractions (None for an undefined ratio) or text as `duty_dataset.md` writes them.
"""

import csv
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.run_folder import RunError
from quanheng.duties.cancellation import Cancellation, Vacancy
from quanheng.duties.designated import DesignatedMonth
from quanheng.duties.period import Period
from quanheng.duties.rating import Decision, output_columns
from quanheng.duties.year import YearOverall, YearRow

Row = dict[str, Any]
CHECK = "period.csv"
"""Every rating has it, also one without rows."""
KINDS: dict[str, type[msgspec.Struct]] = {
    "period": Period, "designated_month": DesignatedMonth, "year": YearRow,
    "year_overall": YearOverall, "cancellation": Cancellation, "replenishment": Vacancy,
    "decision": Decision,
}  # fmt: skip
MAKERS = (("maker", "text"), ("underlying", "text"), ("kind", "text"), ("since", "day"),
          ("until", "day"))  # fmt: skip
"""Columns of table `makers` as the rating read it."""
KEYS: dict[str, tuple[str, ...]] = {
    "period": ("from", "to", "maker", "underlying"),
    "designated_month": ("month", "maker", "contract"),
    "year": ("year", "maker", "underlying"),
}
"""Tables that name their own time: two ratings of one folder must not say two things of a key."""


class Ratings(msgspec.Struct, frozen=True):
    """Tables by name. What holds for the newest rating alone (overall, cancellation, replenishment)
    is that one's; the others gather every rating of the folder.
    """

    folders: tuple[Path, ...]
    tables: dict[str, list[Row]]


def read_ratings(folder: Path) -> Ratings:
    """Every rating of a folder, in the order of their last days. RunError names file, line and
    reason, or two ratings that do not agree.
    """
    ratings = [(name, _tables(name)) for name in _folders(folder)]
    ratings.sort(key=lambda one: _last(one[1]))
    tables: dict[str, list[Row]] = {}
    for name in ("year_overall", "cancellation", "replenishment"):
        tables[name] = next((one[name] for _, one in ratings[::-1] if one["year"]), [])
    for name in ("makers", "decision"):
        tables[name] = _once([row for _, one in ratings for row in one[name]])
    for name, key in KEYS.items():
        tables[name] = _agreed(name, key, [(where, one[name]) for where, one in ratings])
    tables["makers"] = tables["makers"] or _rated(tables["period"])
    return Ratings(tuple(name for name, _ in ratings), tables)


def _folders(folder: Path) -> list[Path]:
    if (folder / CHECK).is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"*/{CHECK}"))
    if not found:
        raise RunError(
            f"{folder}: 没有评价结果，见 quanheng rate --out (no rating: there is no {CHECK})"
        )
    return found


def _last(tables: dict[str, list[Row]]) -> str:
    return max((row["to"] for row in tables["period"]), default="")


def _rated(periods: list[Row]) -> list[Row]:
    """Makers of ratings that have no table of them: since when nobody says."""
    names = ("maker", "underlying", "kind")
    return _once([{**{name: row[name] for name in names}, "since": "", "until": ""}
                  for row in periods])  # fmt: skip


def _once(rows: list[Row]) -> list[Row]:
    """Each row once, where it stands first."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        found.setdefault(tuple(row.values()), row)
    return list(found.values())


def _agreed(name: str, key: tuple[str, ...], parts: list[tuple[Path, list[Row]]]) -> list[Row]:
    found: dict[tuple[Any, ...], tuple[Path, Row]] = {}
    for where, rows in parts:
        for row in rows:
            place, known = found.setdefault(tuple(row[one] for one in key), (where, row))
            if known != row:
                said = " ".join(str(row[one]) for one in key)
                raise RunError(
                    f"{name} {said}: {place.name} 与 {where.name} 不一致 (two ratings differ)"
                )
    return [row for _, row in found.values()]


def _tables(folder: Path) -> dict[str, list[Row]]:
    found = {
        name: list(_rows(folder / f"{name}.csv", output_columns(kind)))
        for name, kind in KINDS.items()
    }
    found["makers"] = list(_rows(folder / "makers.csv", MAKERS))
    return found


def _rows(path: Path, columns: tuple[tuple[str, str], ...]) -> Iterator[Row]:
    """Rows of a table; none of one that was not written, because it has none."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        for name, _ in columns:
            if name not in (reader.fieldnames or ()):
                raise RunError(f"{path}: column {name!r} is missing")
        for line in reader:
            try:
                yield {name: _cell(kind, line[name]) for name, kind in columns}
            except (TypeError, ValueError) as error:
                raise RunError(f"{path} line {reader.line_num}: {error}") from error


def _cell(kind: str, text: str) -> Any:
    if kind == "ratio":
        return Fraction(text) if text else None
    if kind == "int":
        return int(text)
    return text
