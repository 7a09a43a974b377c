"""Rate a dataset: from input tables to the output tables of duty_dataset.md.

Each day is measured under that day's rulebook; a period is graded by the rulebook of its last
trading day (Q-08), a year by that of its last rated day.
"""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import msgspec

from quanheng.duties.cancellation import (
    Cancellation,
    Vacancy,
    bottom,
    missed_obligations,
    replenishment,
    watch,
)
from quanheng.duties.class_day import ClassDay, ContractDay
from quanheng.duties.conditions import from_rulebook
from quanheng.duties.dataset import DatasetError, check_dataset
from quanheng.duties.day import measure_day
from quanheng.duties.day_input import day_tables, numbers, trading_days, words
from quanheng.duties.designated import DesignatedMonth, designated_months
from quanheng.duties.fees import FeeRule, Rebate, rebates
from quanheng.duties.figures import Figures
from quanheng.duties.grade import Adjustments
from quanheng.duties.months import month_of, months_of_year, window, year_window
from quanheng.duties.part import Part, rate_part
from quanheng.duties.period import Period, rate_period
from quanheng.duties.readings import choices_of
from quanheng.duties.scale import scale_of
from quanheng.duties.tables import Dataset, Table
from quanheng.duties.year import Month, YearOverall, YearRow, rate_year
from quanheng.rulebook.model import Rulebook
from quanheng.terms.days import iso
from quanheng.terms.units import Day

Books = Callable[[Day], Rulebook]


class Decision(msgspec.Struct, frozen=True):
    """A recorded decision of the exchange: a row of table `letters` as it is published (E-07)."""

    day: Day
    maker: str
    underlying: str
    measure: str
    steps: int


class RateResult(msgspec.Struct, frozen=True):
    """Rows of the output tables by name of the field; a table without rows may be empty."""

    contract_day: list[ContractDay]
    class_day: list[ClassDay]
    period: list[Period]
    designated_month: list[DesignatedMonth] = []
    rebate: list[Rebate] = []
    year: list[YearRow] = []
    year_overall: list[YearOverall] = []
    cancellation: list[Cancellation] = []
    replenishment: list[Vacancy] = []
    decision: list[Decision] = []


OutputCell = int | str | Fraction | None

INNER = {"ClassDay.closing_share", "DesignatedMonth.underlying"}
"""Fields of rows that are no columns of a table."""


def measure_dataset(dataset: Dataset, day: Day, book: Rulebook) -> Figures:
    """Figures of one day of a checked dataset (`check_dataset`)."""
    return measure_day(day_tables(dataset, day, from_rulebook(book)))


def rate(
    dataset: Dataset,
    from_day: Day,
    to_day: Day,
    book_for_day: Books,
    fees: Sequence[FeeRule] = (),
) -> RateResult:
    """Rate [from_day, to_day] as one period.

    DatasetError when a table is bad or no trading day lies in the window, FeeError when `fees` have
    no row for a fill.
    """
    checked = check_dataset(dataset)
    parts = _parts(checked, from_day, to_day, book_for_day)
    month = rate_month(to_day // 100, (from_day, to_day), parts, checked, book_for_day)
    return RateResult(
        contract_day=[row for part in parts for row in part.contracts],
        class_day=[row for part in parts for row in part.classes],
        period=month.periods,
        designated_month=month.designated,
        rebate=month_rebates(month, parts, fees),
        decision=decisions(checked.tables["letters"], from_day, to_day),
    )


def rate_whole_year(
    dataset: Dataset, year: int, book_for_day: Books, fees: Sequence[FeeRule] = ()
) -> RateResult:
    """Rate the twelve months of a year and the year (E-08). Errors as in `rate`."""
    checked = check_dataset(dataset)
    first, last = span_of_year(year, book_for_day)
    parts = _parts(checked, first, last, book_for_day)
    return fold_year(
        year,
        parts,
        checked,
        book_for_day,
        fees,
        [row for part in parts for row in part.contracts],
    )


def _parts(dataset: Dataset, first: Day, last: Day, books: Books) -> list[Part]:
    days = trading_days(dataset, first, last)
    if not days:
        raise DatasetError("contracts", 0, f"no day from {iso(first)} to {iso(last)}")
    parts = []
    for day in days:
        book = books(day)
        tables = day_tables(dataset, day, from_rulebook(book))
        parts.append(rate_part(dataset, tables, measure_day(tables), book))
    return parts


def by_calendar(year: int, books: Books) -> bool:
    """Are the months of a year calendar months, by the rulebook of its last day (A18)?"""
    return bool(choices_of(books(year_window(year)[1])).calendar)


def span_of_year(year: int, books: Books) -> tuple[Day, Day]:
    """First and last day of the twelve months of a year."""
    calendar = by_calendar(year, books)
    names = months_of_year(year, calendar)
    return window(names[0], calendar)[0], window(names[-1], calendar)[1]


def rate_month(
    name: int,
    span: tuple[Day, Day],
    parts: Sequence[Part],
    dataset: Dataset,
    books: Books,
) -> Month:
    """Grade the parts of one window, in order of days. `dataset` has table `letters`."""
    rows = [pair for part in parts for pair in zip(part.kinds, part.classes, strict=True)]
    book = books(max(part.day for part in parts))
    scale = scale_of(book)
    keys = {(row.maker, row.underlying) for _, row in rows}
    changes = adjustments(dataset.tables["letters"], *span, keys)
    periods = rate_period(*span, rows, scale, changes)
    chosen = [pair for part in parts for pair in part.designated]
    return Month(
        name=name,
        periods=periods,
        missed=missed_obligations(book.duty, scale, periods, [row for _, row in rows]),
        designated=designated_months(
            name,
            [row for _, row in chosen],
            scale,
            book.duty.closing_share,
            {row.contract: klass for klass, row in chosen},
        ),
    )


def month_rebates(month: Month, parts: Sequence[Part], fees: Sequence[FeeRule]) -> list[Rebate]:
    """Rebates of a month's fills by the month's grades; none without fees."""
    grades = {(row.maker, row.underlying): row.grade for row in month.periods}
    return rebates(fees, [fill for part in parts for fill in part.fills], grades) if fees else []


def fold_year(
    year: int,
    parts: Sequence[Part],
    dataset: Dataset,
    books: Books,
    fees: Sequence[FeeRule],
    contracts: list[ContractDay],
) -> RateResult:
    """Months, the year, cancellations and vacancies from the parts of a year."""
    calendar = by_calendar(year, books)
    groups: dict[int, list[Part]] = {}
    for part in parts:
        groups.setdefault(month_of(part.day, calendar), []).append(part)
    months, paid = [], list[Rebate]()
    for name, own in sorted(groups.items()):
        month = rate_month(name, window(name, calendar), own, dataset, books)
        months.append(month)
        paid += month_rebates(month, own, fees)
    book = books(max(part.day for part in parts))
    choices = choices_of(book)
    keys = {(row.maker, row.underlying) for month in months for row in month.periods}
    letters = adjustments(dataset.tables["letters"], *year_window(year), keys)
    found = rate_year(year, months, book.rating, choices, letters)
    near = watch(months, book.rating, bool(choices.any_metric), letters)
    near += bottom(found.year, months, book.rating)
    return RateResult(
        contract_day=contracts,
        class_day=[row for part in parts for row in part.classes],
        period=[row for month in months for row in month.periods],
        designated_month=[row for month in months for row in month.designated],
        rebate=paid,
        year=found.year,
        year_overall=found.year_overall,
        cancellation=near,
        replenishment=replenishment(found.year, near),
        decision=decisions(dataset.tables["letters"], *year_window(year)),
    )


def adjustments(
    table: Table, from_day: Day, to_day: Day, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Adjustments]:
    """Letters, penalties and lowerings of a window per (maker, class) (E-07)."""
    found: dict[tuple[str, str], Adjustments] = {}
    rows = decisions(table, from_day, to_day)
    for key in sorted(set(keys)):
        own = [row for row in rows if row.maker == key[0] and row.underlying in ("", key[1])]
        found[key] = Adjustments(
            sum(row.measure == "letter" for row in own),
            any(row.measure == "penalty" for row in own),
            sum(row.steps or 1 for row in own if row.measure == "lowering"),
        )
    return found


def decisions(table: Table, from_day: Day, to_day: Day) -> list[Decision]:
    """The rows of table `letters` in a window."""
    days, steps = numbers(table, "day").tolist(), numbers(table, "steps").tolist()
    maker, measure, klass = (words(table, name) for name in ("maker", "measure", "underlying"))
    return [
        Decision(day, maker[row], klass[row], measure[row], steps[row])
        for row, day in enumerate(days)
        if from_day <= day <= to_day
    ]


@lru_cache(maxsize=32)
def output_fields(kind: type[msgspec.Struct]) -> tuple[Any, ...]:
    """The fields of a row type that are columns."""
    return tuple(
        field
        for field in msgspec.structs.fields(kind)
        if f"{kind.__name__}.{field.name}" not in INNER
    )


def output_columns(kind: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """(name, "day" | "int" | "ratio" | "money" | "text") of an output table's row type."""
    named = {Day: "int", str: "text", int: "int"}
    columns = []
    for field in output_fields(kind):
        if field.encode_name in ("day", "from", "to"):
            columns.append((field.encode_name, "day"))
        elif field.type in (Fraction | None, Fraction):
            columns.append((field.encode_name, "ratio"))
        elif kind is Rebate and field.name in ("handling_fee", "rebate", "reward"):
            columns.append((field.encode_name, "money"))
        elif field.type == int | None:
            columns.append((field.encode_name, "int"))
        else:
            columns.append((field.encode_name, named.get(field.type, "text")))
    return tuple(columns)


def output_cells(row: msgspec.Struct) -> tuple[OutputCell, ...]:
    """A row's values in column order; `reasons` joined by commas."""
    values = (getattr(row, field.name) for field in output_fields(type(row)))
    return tuple(",".join(value) if isinstance(value, tuple) else value for value in values)
