"""`quanheng rate`: a dataset rated over one period or a year, in parts, by any engine."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.publication import FORMATS, publish
from quanheng.compose.report import share
from quanheng.compose.text import table, thousands
from quanheng.duties.dataset import check_dataset
from quanheng.duties.fees import FeeRule
from quanheng.duties.part import Part
from quanheng.duties.rating import (
    Books,
    RateResult,
    decisions,
    fold_year,
    month_rebates,
    rate_month,
    span_of_year,
)
from quanheng.duties.tables import TABLES, Dataset, Table, empty_table
from quanheng.edge.dataset_files import OutputWriter, read_table, write_dataset, write_result
from quanheng.edge.dataset_parts import part_keys
from quanheng.edge.fee_files import read_fees
from quanheng.edge.rate_engines import run_tasks
from quanheng.edge.rate_task import RateJob, StoredPart, missing, signature, stored
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.terms.days import from_iso
from quanheng.terms.units import Day

PARTS = ".parts"
"""Folder of the parts inside the output folder; kept for a rating that goes on or is repeated."""


class RatePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to rate and how. `year` 0: [first, last] as one period."""

    folder: Path
    out: Path
    first: Day = 0
    last: Day = 0
    year: int = 0
    agreement: Path | None = None
    fees: Path | None = None
    engine: str = "local"
    workers: int = 0  # 0: every processor
    publication: tuple[str, ...] = FORMATS[:2]


class PlanError(ValueError):
    """Options of `rate` that do not fit together."""


def plan_of(first: str, last: str, year: int, **rest: Any) -> RatePlan:
    """A plan from the command line's words. PlanError names the option."""
    if year and (first or last):
        raise PlanError("--year and --from/--to are two ways to say it; give one")
    if not year and not (first and last):
        raise PlanError("give --from and --to, or --year")
    if "publication" in rest:
        rest["publication"] = _formats(rest["publication"])
    if year:
        return RatePlan(year=year, **rest)
    days = []
    for option, text in (("--from", first), ("--to", last)):
        try:
            days.append(from_iso(text))
        except ValueError as error:
            raise PlanError(f"{option}: {error}") from error
    return RatePlan(first=days[0], last=days[1], **rest)


def _formats(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in FORMATS:
            raise PlanError(f"--publication {name!r} is not one of {', '.join(FORMATS)}")
    return names


def books_of(agreement: Path | None) -> Books:
    """The rulebook of a day, read once a day."""
    known: dict[Day, Any] = {}

    def book(day: Day) -> Any:
        if day not in known:
            known[day] = read_rulebook(day, agreement)
        return known[day]

    return book


def rate_folder(
    plan: RatePlan, progress: Callable[[str], None] = lambda _: None
) -> tuple[RateResult, list[Path], int]:
    """Rate a folder; returns the rows (without `contract_day`, which goes straight to its file),
    the files and the number of quote rows.
    """
    books = books_of(plan.agreement)
    window = span_of_year(plan.year, books) if plan.year else (plan.first, plan.last)
    fees = read_fees(plan.fees) if plan.fees else ()
    keys = part_keys(plan.folder, *window)
    job = _job(plan, window)
    left = missing(job, keys)
    if len(left) < len(keys):
        progress(f"{len(keys) - len(left)} of {len(keys)} parts are there already")
    for count, (key, rows) in enumerate(run_tasks(plan.engine, job, left, plan.workers), start=1):
        progress(f"{count}/{len(left)} {key.day} {key.underlying} {rows:,} rows")
    rest = check_dataset(_rest(plan.folder, window))
    parts, rows, files = _collect(plan.out, stored(job, keys))
    result = _graded(plan, window, parts, rest, books, fees)
    files += write_result(plan.out, result, written=("contract_day",))
    # The register that was rated with it: who was a maker of what, and since when (S-05).
    write_dataset(plan.out, {"makers": rest.tables["makers"]}, "csv")
    files.append(plan.out / "makers.csv")
    files += publish(plan.out / "publication", result, window, plan.publication)
    return result, files, rows


def _job(plan: RatePlan, window: tuple[Day, Day]) -> RateJob:
    """The task's data; parts of another dataset, window or rulebook are thrown away."""
    folder = plan.out / PARTS
    job = RateJob(
        folder=str(plan.folder.absolute()),
        parts=str(folder.absolute()),
        agreement=str(plan.agreement.absolute()) if plan.agreement else "",
    )
    mark, note = signature(job, window), folder / "signature"
    if not note.exists() or note.read_text() != mark:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        note.write_text(mark)
    return job


def _rest(folder: Path, window: tuple[Day, Day]) -> Dataset:
    """The tables that grading reads, with the others empty."""
    tables: dict[str, Table] = {name: empty_table(spec) for name, spec in TABLES.items()}
    for name in ("makers", "letters"):
        found = read_table(folder, name, window)
        if found is not None:
            tables[name] = found
    return Dataset(tables)


def _collect(out: Path, found: Iterator[StoredPart]) -> tuple[list[Part], int, list[Path]]:
    """All parts in order; their contract rows go into the table as they pass."""
    parts, rows = [], 0
    with OutputWriter(out, "contract_day") as writer:
        for _, group in itertools.groupby(found, key=lambda one: one.part.day):
            today = sorted(group, key=_first_contract)
            cells = [row for one in today for row in one.contract_day]
            writer.add(sorted(cells, key=lambda row: (str(row[1]), str(row[2]))))
            parts.append(_together([one.part for one in today]))
            rows += sum(one.quote_rows for one in today)
    return parts, rows, list(writer.files)


def _first_contract(one: StoredPart) -> str:
    return str(one.contract_day[0][2]) if one.contract_day else ""


def _together(parts: list[Part]) -> Part:
    """The parts of one day as one, by maker."""
    pairs = [pair for part in parts for pair in zip(part.classes, part.kinds, strict=True)]
    pairs.sort(key=lambda pair: pair[0].maker)
    return Part(
        day=parts[0].day,
        kinds=[kind for _, kind in pairs],
        classes=[row for row, _ in pairs],
        contracts=[],
        designated=[pair for part in parts for pair in part.designated],
        fills=[fill for part in parts for fill in part.fills],
    )


def _graded(
    plan: RatePlan,
    window: tuple[Day, Day],
    parts: list[Part],
    rest: Dataset,
    books: Books,
    fees: tuple[FeeRule, ...],
) -> RateResult:
    if plan.year:
        return fold_year(plan.year, parts, rest, books, fees, [])
    month = rate_month(window[1] // 100, window, parts, rest, books)
    return RateResult(
        contract_day=[],
        class_day=[row for part in parts for row in part.classes],
        period=month.periods,
        designated_month=month.designated,
        rebate=month_rebates(month, parts, fees),
        decision=decisions(rest.tables["letters"], *window),
    )


def rated(plan: RatePlan, progress: Callable[[str], None]) -> tuple[dict[str, Any], str]:
    """The command: rate, write, and say what came out."""
    result, files, rows = rate_folder(plan, progress)
    grades = [
        {"maker": row.maker, "underlying": row.underlying, "grade": row.grade}
        for row in result.period
    ]
    years = [
        {
            "maker": row.maker,
            "underlying": row.underlying,
            "grade": row.grade,
            "out": row.eliminated,
        }
        for row in result.year
    ]
    return {
        "files": [str(path) for path in files],
        "quote_rows": rows,
        "period": grades,
        "year": years,
    }, _text(result)


def _text(result: RateResult) -> str:
    if result.year:
        head = ["maker", "class", "kind", "months", "score", "grade", "out", "reasons"]
        rows = [
            [
                row.maker,
                row.underlying,
                row.kind,
                str(row.months),
                "" if row.score is None else f"{float(row.score):.2f}",
                row.grade,
                "yes" if row.eliminated else "",
                " ".join(row.reasons),
            ]
            for row in result.year
        ]
        return table(head, rows, left=3)
    head = ["maker", "class", "kind", "days", "R", "WP", "volume", "grade", "reasons"]
    rows = [
        [
            one.maker,
            one.underlying,
            one.kind,
            str(one.days),
            share(one.spread_ratio),
            share(one.weighted_participation),
            thousands(one.volume),
            one.grade,
            " ".join(one.reasons),
        ]
        for one in result.period
    ]
    return table(head, rows, left=3)
