"""A season as a rehearsal: its months' duties, and how long it ran without a missed day (L-01).

A month is the exchange's: 21st to 20th (reading A18). Its figures are those of `quanheng rate`
over the days of the season's dataset that lie in it; a month that the season only touches is
rated over the days there are.
"""

from fractions import Fraction
from typing import Any

import msgspec

from quanheng.compose.duty_source import calendar_of
from quanheng.compose.report import share
from quanheng.compose.season import SeasonDay, SeasonPlan
from quanheng.compose.text import table, thousands
from quanheng.duties.months import month_of
from quanheng.duties.period import Period
from quanheng.duties.rating import rate
from quanheng.edge.dataset_files import read_dataset, write_result
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.terms.days import iso
from quanheng.terms.units import Day


class Month(msgspec.Struct, frozen=True):
    """Our maker's classes in one month of the season; `name` is YYYYMM of its end."""

    name: int
    first: Day
    last: Day
    classes: tuple[Period, ...]


class Rehearsal(msgspec.Struct, frozen=True):
    """The unbroken run of days at the season's end in which every class was quoted (L-01)."""

    days: int
    first: Day
    last: Day
    three_months: bool


def months(plan: SeasonPlan, days: list[SeasonDay]) -> list[Month]:
    """Rate the months of a season that kept its dataset; tables go to `reports/<month>`."""
    spans: dict[int, list[Day]] = {}
    calendar = bool(days) and calendar_of(read_rulebook(days[0].day, plan.agreement))
    for one in days:
        spans.setdefault(month_of(one.day, calendar), []).append(one.day)
    found = []
    for name, inside in spans.items():
        first, last = inside[0], inside[-1]
        dataset = read_dataset(plan.folder / "dataset", (first, last))
        result = rate(dataset, first, last, lambda day: read_rulebook(day, plan.agreement))
        write_result(plan.folder / "reports" / str(name), result)
        ours = tuple(row for row in result.period if row.maker == plan.config.member.maker)
        found.append(Month(name, first, last, ours))
    return found


def rehearsal(days: list[SeasonDay]) -> Rehearsal:
    """The last unbroken run; a day on which a class was not quoted at all restarts the count."""
    run: list[Day] = []
    for one in days:
        run = [*run, one.day] if all(map(_quoted, one.classes)) else []
    if not run:
        return Rehearsal(0, 0, 0, three_months=False)
    return Rehearsal(len(run), run[0], run[-1], run[-1] >= three_months_on(run[0]))


def _quoted(line: dict[str, Any]) -> bool:
    """A class without obliged time breaks no run."""
    share_of = line["participation"]
    return share_of is None or Fraction(share_of) > 0


def three_months_on(day: Day) -> Day:
    """The same day three calendar months later, as a number; it need not exist."""
    month = day // 100 % 100 + 3
    years, month = (1, month - 12) if month > 12 else (0, month)
    return (day // 10_000 + years) * 10_000 + month * 100 + day % 100


HEADS = [
    "month", "class", "days", "spread ratio", "opening", "breaker", "closing", "combined",
    "weighted", "inquiries", "volume", "vol. ratio", "grade", "reasons",
]  # fmt: skip


def months_text(found: list[Month]) -> str:
    """The monthly duty table."""
    rows = [
        [
            str(month.name),
            row.underlying,
            str(row.days),
            share(row.spread_ratio),
            *(share(one) for one in (row.opening, row.volatility, row.closing, row.combined)),
            share(row.weighted_participation),
            share(row.answer_rate),
            thousands(row.volume),
            share(row.volume_ratio, 0),
            row.grade,
            " ".join(row.reasons),
        ]
        for month in found
        for row in month.classes
    ]
    return table(HEADS, rows, left=2)


def rehearsal_text(found: Rehearsal) -> str:
    """How long the rehearsal has run, in words."""
    if not found.days:
        return "rehearsal: a class was not quoted on the last day; the count restarts (L-01)"
    span = f"{found.days} trading days without a miss, {iso(found.first)} to {iso(found.last)}"
    return f"rehearsal: {span}; three months: {'yes' if found.three_months else 'not yet'} (L-01)"
