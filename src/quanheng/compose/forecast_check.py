"""Every day's forecast of a month held against the grade that came (E-12, L-03).

The forecast is what the cockpit says at the close of the day, asked again from the days before it
alone, or what was kept at the time (`cockpit --store`). The grade is that of `quanheng rate`.
"""

import csv
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import msgspec

from quanheng.compose.cockpit_stand import History, foreseen, histories
from quanheng.compose.cockpit_store import KEY, day_file
from quanheng.compose.duty_source import DutySource, MeasuredDay, month_days
from quanheng.compose.run_folder import RunError
from quanheng.duties.class_day import ClassDay
from quanheng.duties.forecast_grades import day_row
from quanheng.duties.forecast_score import Said
from quanheng.duties.grade import GRADES
from quanheng.duties.months import month_of
from quanheng.duties.period import PRIMARY
from quanheng.duties.reach import reach
from quanheng.rulebook.phases import timetable
from quanheng.terms.days import from_iso, iso
from quanheng.terms.units import Day

Place = tuple[str, str]
"""A maker and one of its classes."""


class DayForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of one maker's class at the close of a day, and the grade that came.

    `chances` per mille by grade, empty with too few past days; `basis`: days drawn from; `so_far`,
    `best`, `worst`: weighted participation of the month to date and what it can still become;
    `if_over`: the grade were the month over tonight.
    """

    maker: str
    underlying: str
    day: Day
    left: int
    basis: int
    chances: dict[str, int]
    so_far: Fraction | None
    best: Fraction | None
    worst: Fraction | None
    if_over: str
    final: str


def check(
    source: DutySource, month: int, makers: list[str], kept: Path | None
) -> list[DayForecast]:
    """All forecasts of an evaluation month that is complete in the source, by maker, class, day.

    RunError names a month that the source lacks or does not have to its end, and, with `kept`, a
    day of which nothing was kept.
    """
    days = [day for day in source.days if month_of(day, source.calendar) == month]
    if not days:
        known = sorted({month_of(day, source.calendar) for day in source.days})
        raise RunError(f"{source.path}: no day of month {month}; months are {known}")
    book = source.measured(days[-1]).book
    if month_days(book, days[-1]):
        after = iso(month_days(book, days[-1])[-1])
        raise RunError(
            f"{source.path}: month {month} ends {after}, the last day is {iso(days[-1])}"
        )
    final = {
        (row.maker, row.underlying): row.grade
        for row in source.period(days[0], days[-1])
        if row.kind == PRIMARY and (not makers or row.maker in makers)
    }
    found = [one for day in days for one in _of_day(source, days, day, final, kept)]
    return sorted(found, key=lambda one: (one.maker, one.underlying, one.day))


def _of_day(
    source: DutySource, days: list[Day], day: Day, final: dict[Place, str], kept: Path | None
) -> Iterator[DayForecast]:
    measured = source.measured(day)
    before = {maker: histories(source, day, maker) for maker in sorted({who for who, _ in final})}
    over = {(row.maker, row.underlying): row.grade for row in source.period(days[0], day)}
    for row in measured.classes:
        place = (row.maker, row.underlying)
        if place not in final or measured.kinds[place] != PRIMARY:
            continue
        mine = before[row.maker].get(row.underlying, History())
        yield _one(measured, row, mine, over[place], final[place], kept)
    measured.forget()


def _one(
    measured: MeasuredDay, row: ClassDay, mine: History, over: str, final: str, kept: Path | None
) -> DayForecast:
    day, scale, left = measured.day, measured.scale, len(month_days(measured.book, measured.day))
    if kept is None:
        close = timetable(measured.book)[-1].stop
        today = day_row(row, measured.others(row.maker, row.underlying), scale.choices)
        asked = (row.maker, row.underlying, day, close)
        said = foreseen(measured.book, scale, mine, today, asked, left)
        chances, basis = dict(said.chances), said.basis
    else:
        chances, basis = _kept(kept, day, row.maker, row.underlying)
    part = row.participation
    ends = reach(scale, mine.month, row, part, part, left)
    return DayForecast(
        maker=row.maker,
        underlying=row.underlying,
        day=day,
        left=left,
        basis=basis,
        chances=chances,
        so_far=ends.so_far,
        best=ends.best,
        worst=ends.worst,
        if_over=over,
        final=final,
    )


def _kept(folder: Path, day: Day, maker: str, underlying: str) -> tuple[dict[str, int], int]:
    """(chances, basis) that `cockpit --store` kept of a day."""
    path = folder / "forecast_class" / day_file(day, maker)
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except OSError as error:
        raise RunError(f"{path}: no forecast was kept: {error.strerror}") from error
    for row in rows:
        if row.get("underlying") == underlying and from_iso(row[KEY[0]]) == day:
            told = {grade: row[f"month_{grade}"] for grade in GRADES}
            return {grade: int(chance) for grade, chance in told.items() if chance}, int(
                row["basis"]
            )
    raise RunError(f"{path}: no forecast of class {underlying}")


def said(found: list[DayForecast]) -> Said:
    """Forecasts that say something about days to come, for `forecast_score`."""
    return [(one.left, one.final, one.chances) for one in found if one.chances and one.left]


def as_if_over(found: list[DayForecast]) -> Said:
    """The plainest forecast of the same days: it ends as it would end tonight."""
    return [(one.left, one.final, {one.if_over: 1000}) for one in found if one.chances and one.left]
