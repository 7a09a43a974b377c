"""Where a maker stands at an instant of a day: the cockpit's views with month, year, chapter 9.

The same function serves a sealed run, a season and, with the maker's own meter, a running day.
"""

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from quanheng.compose.duty_source import (
    DutySource,
    calendar_of,
    month_days,
    month_number,
    month_start,
    year_of,
    year_start,
)
from quanheng.duties import forecast, outlook
from quanheng.duties.class_day import ClassDay
from quanheng.duties.cockpit import ClassView, Cockpit, view
from quanheng.duties.forecast_grades import day_row
from quanheng.duties.foresight import DutyAlert, spread_alerts
from quanheng.duties.grade import Adjustments, Scale, at_least, table_grade
from quanheng.duties.lookout import follow
from quanheng.duties.months import month_of
from quanheng.duties.period import GENERAL, PRIMARY, continuous
from quanheng.duties.rating import adjustments
from quanheng.duties.reach import Reach, reach
from quanheng.rulebook.model import Rulebook
from quanheng.rulebook.phases import session_nanos, timetable
from quanheng.terms.units import Day, DayNanos, Nanos

DOUBT = 200
"""Per mille of a D from which on a month is alerted."""


class Effect(msgspec.Struct, frozen=True):
    """The month up to tonight under one assumption about the rest of today."""

    name: str
    day_spread: Fraction | None
    day_participation: Fraction | None
    spread_ratio: Fraction | None
    weighted: Fraction | None
    table_grade: str


class ClassStand(msgspec.Struct, frozen=True):
    """One class with its month and year. `month_grades`: the year's complete months."""

    view: ClassView
    reach: Reach
    month_spread: Fraction | None
    effects: tuple[Effect, ...]
    month: forecast.Outcome
    year: forecast.Outcome
    month_grades: tuple[str, ...]
    chapter9: forecast.Chapter9
    general: bool = False


class Stand(msgspec.Struct, frozen=True):
    """Everything the cockpit shows. `alerts` in order of time, DayNanos."""

    maker: str
    day: Day
    at: DayNanos
    classes: tuple[ClassStand, ...]
    alerts: tuple[DutyAlert, ...]


class History(msgspec.Struct):
    """What is known of one class before today: complete days, and grades of complete months."""

    month: list[ClassDay] = []
    rows: list[list[int]] = []  # of the month
    past: list[list[int]] = []  # every earlier day to draw from, oldest first
    grades: list[str] = []  # of the evaluation year
    chapter: list[str] = []  # of all complete months, for chapter 9
    changes: Adjustments = Adjustments()
    year: Adjustments = Adjustments()
    general: bool = False  # only inquiries are evaluated (E-06)


def histories(source: DutySource | None, day: Day, maker: str) -> dict[str, History]:
    """By class, from the days of a source before `day`."""
    found: dict[str, History] = {}
    if source is None:
        return found
    before, calendar = [one for one in source.days if one < day], source.calendar
    for one in before[-forecast.BASIS - 25 :]:
        measured = source.measured(one)
        for row in measured.classes:
            if row.maker != maker or measured.kinds[maker, row.underlying] != PRIMARY:
                continue
            mine = found.setdefault(row.underlying, History())
            others = measured.others(maker, row.underlying)
            line = day_row(row, others, measured.scale.choices)
            mine.past.append(line)
            if one >= month_start(day, calendar):
                mine.month.append(row)
                mine.rows.append(line)
        measured.forget()
    _grades(source, before, day, maker, found)
    keys = [(row.maker, row.underlying) for mine in found.values() for row in mine.month]
    table = source.dataset.tables["letters"]
    last = before[-1] if before else day
    month = adjustments(table, month_start(day, calendar), last, keys)
    whole = adjustments(table, year_start(day, calendar), last, keys)
    for underlying, mine in found.items():
        mine.changes = month.get((maker, underlying), Adjustments())
        mine.year = whole.get((maker, underlying), Adjustments())
    return found


def _grades(
    source: DutySource, before: Sequence[Day], day: Day, maker: str, found: dict[str, History]
) -> None:
    """Grades of the months before the day's own."""
    calendar = source.calendar
    spans: dict[int, list[Day]] = {}
    for one in before:
        if month_of(one, calendar) != month_of(day, calendar):
            spans.setdefault(month_of(one, calendar), []).append(one)
    for inside in spans.values():
        for row in source.period(inside[0], inside[-1]):
            if row.maker != maker or row.underlying not in found:
                continue
            mine = found[row.underlying]
            mine.chapter.append(row.grade)
            if year_of(inside[-1], calendar) == year_of(day, calendar):
                mine.grades.append(row.grade)


def stand(
    source: DutySource, day: Day, at: DayNanos, maker: str, past: dict[str, History]
) -> Stand:
    """The cockpit of a day in a source, as it stood at `at`.

    What ends at an instant is judged once time has passed it, so the close is looked at from a
    nanosecond later: the closing auction is over then.
    """
    measured = source.measured(day)
    after = at + (at == timetable(measured.book)[-1].stop)
    follower, alerts = follow(measured.tables, maker, measured.book, after)
    cockpit = msgspec.structs.replace(view(follower, after, measured.book, measured.scale), at=at)
    kinds = measured.kinds
    general = [klass for (name, klass), kind in kinds.items() if (name, kind) == (maker, GENERAL)]
    for underlying in general:
        past.setdefault(underlying, History()).general = True
    told = [one for one in alerts if one.underlying not in general or one.item == "inquiry"]
    classes = tuple(
        msgspec.structs.replace(
            one,
            others=tuple(
                (name, volume)
                for name, volume in one.others or ()
                if kinds.get((name, one.underlying)) == PRIMARY
            ),
        )
        for one in cockpit.classes
    )
    shown = msgspec.structs.replace(cockpit, classes=classes)
    return assembled(shown, measured.book, measured.scale, past, day, at, told)


def assembled(
    cockpit: Cockpit,
    book: Rulebook,
    scale: Scale,
    past: dict[str, History],
    day: Day,
    at: DayNanos,
    alerts: Sequence[DutyAlert],
    epoch: Nanos = 0,
) -> Stand:
    """Month and year around the day's views; times leave as DayNanos, `epoch` is taken off."""
    ahead = month_days(book, day)
    spans = timetable(book)
    close = spans[-1].stop
    classes: list[ClassStand] = []
    more: list[DutyAlert] = []
    for one in cockpit.classes:
        mine = past.get(one.underlying, History())
        classes.append(_class(one, book, scale, mine, cockpit.maker, day, at, len(ahead)))
        if not mine.general:
            more += spread_alerts(one, scale, at, close)
            more += month_alerts(classes[-1], scale, at, close)
    told = tuple(
        msgspec.structs.replace(one, at=one.at - epoch, loss_at=one.loss_at - epoch)
        for one in alerts
    )
    return Stand(cockpit.maker, day, at, tuple(classes), (*told, *more))


def month_alerts(found: ClassStand, scale: Scale, at: DayNanos, close: DayNanos) -> list[DutyAlert]:
    """A month that is a D already or may well become one, and how near chapter 9 is (L-09).

    A D is told from DOUBT on while better grades are still possible; red of chapter 9 means that
    its condition is met should the running month end as is likely. The exchange decides, not this.
    """
    chance = dict(found.month.chances).get("D", 0)
    best, nine = found.reach.best, found.chapter9
    lost = best is not None and not at_least(best, scale.weighted_bands[1])
    told: list[tuple[str, bool, tuple[int, ...]]] = []
    if lost or chance >= DOUBT:
        told.append(("month", lost, (chance,)))
    if nine.level != "green":
        told.append(("chapter9", nine.level == "red", (nine.failed, nine.without_a)))
    return [
        DutyAlert(
            at=at,
            item=item,
            underlying=found.view.underlying,
            loss_at=close,
            lost=over,
            detail=detail,
        )
        for item, over, detail in told
    ]


def _gone(book: Rulebook, at: DayNanos) -> Fraction:
    whole: Nanos = session_nanos(book)
    return 1 - Fraction(outlook.remaining(timetable(book), at), whole)


def foreseen(
    book: Rulebook,
    scale: Scale,
    mine: History,
    today: list[int],
    asked: tuple[str, str, Day, DayNanos],
    ahead: int,
) -> forecast.Outcome:
    """Chances of the month's grade. `today` is the running day's line (`day_row`) so far, `asked`
    the maker, its class, the day and the time, `ahead` the days after it.
    """
    if mine.general:
        return forecast.Outcome((), 0, "")
    at = asked[-1]
    closed = at >= timetable(book)[-1].stop
    gone = Fraction(1) if closed else min(_gone(book, at), Fraction(999, 1000))
    seed = "/".join(map(str, asked))
    return forecast.month(mine.rows, today, gone, mine.past, ahead, scale, mine.changes, seed)


def _class(
    one: ClassView,
    book: Rulebook,
    scale: Scale,
    mine: History,
    maker: str,
    day: Day,
    at: DayNanos,
    ahead: int,
) -> ClassStand:
    today = one.day
    row = day_row(today, [volume for _, volume in one.others or ()], scale.choices)
    month = foreseen(book, scale, mine, row, (maker, one.underlying, day, at), ahead)
    months_after = 12 - month_number(day, calendar_of(book))
    year = forecast.year(mine.grades, month, months_after, book.rating, mine.year, scale.choices)
    so_far = continuous(scale, [*mine.month, today])
    running = [month.likely] if month.likely else []
    return ClassStand(
        view=one,
        reach=reach(scale, mine.month, today, one.best, one.worst, ahead),
        month_spread=so_far.spread_ratio if so_far else None,
        effects=tuple(_effects(one, scale, mine)),
        month=month,
        year=year,
        month_grades=tuple(mine.grades),
        chapter9=forecast.chapter9([*mine.chapter, *running], book.rating),
        general=mine.general,
    )


def _effects(one: ClassView, scale: Scale, mine: History) -> list[Effect]:
    found = []
    for case in one.what_ifs:
        tonight = msgspec.structs.replace(
            one.day, participation=case.participation, spread_ratio=case.spread_ratio
        )
        month = continuous(scale, [*mine.month, tonight])
        found.append(
            Effect(
                case.name,
                case.spread_ratio,
                case.participation,
                month.spread_ratio if month else None,
                month.weighted if month else None,
                table_grade(scale, month.spread_ratio, month.weighted) if month else "",
            )
        )
    return found
