"""The day's timetable and the time that is left (rules.md 2.1, 8.1)."""

import msgspec

from quanheng.rulebook.calendar import is_trading, trading_days_between
from quanheng.rulebook.model import Rulebook
from quanheng.terms.codes import PHASE_LETTERS, Phase
from quanheng.terms.days import day_nanos, day_number, day_of, from_clock
from quanheng.terms.units import HOUR, Day, DayNanos, Nanos

YEAR_DAYS = 243
"""Trading days in a year for variance time (rules.md 8.1)."""

SESSION = 4 * HOUR
"""Trading time of a full day for variance time: 240 minutes."""

_MORNING = (from_clock("09:30"), from_clock("11:30"))
_AFTERNOON = (from_clock("13:00"), from_clock("15:00"))


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A phase from start to stop; no cancels from `no_cancel_from` on (== stop when free)."""

    start: DayNanos
    stop: DayNanos
    phase: Phase
    no_cancel_from: DayNanos


def timetable(book: Rulebook) -> tuple[Span, ...]:
    """The phases of a normal day in order, without gaps, 09:15 to 15:00."""
    return tuple(
        Span(row.start, row.stop, Phase(PHASE_LETTERS.index(row.letter)), row.no_cancel_from)
        for row in book.timetable
    )


def span_at(book: Rulebook, at: DayNanos) -> Span | None:
    """The span a time of day falls in; None before the opening and from the close on."""
    return next((span for span in timetable(book) if span.start <= at < span.stop), None)


def session_nanos(book: Rulebook) -> Nanos:
    """Continuous trading of a full day: 14,220 s."""
    return continuous_left(book, 0)


def continuous_left(book: Rulebook, at: DayNanos) -> Nanos:
    """Continuous trading that is still to come at a time of day (the closing auction is none)."""
    letter = PHASE_LETTERS[Phase.CONTINUOUS]
    spans = [row for row in book.timetable if row.letter == letter]
    return sum(max(0, row.stop - max(row.start, at)) for row in spans)


def trading_left(at: DayNanos) -> Nanos:
    """Variance time left of a trading day at a time of day, both auctions' ends included
    (rules.md 8.1); SESSION before the opening. `continuous_left` is what duties count.
    """
    morning = _MORNING[1] - min(max(at, _MORNING[0]), _MORNING[1])
    return morning + _AFTERNOON[1] - min(max(at, _AFTERNOON[0]), _AFTERNOON[1])


def variance_left(book: Rulebook, last_day: Day, at: Nanos) -> tuple[int, Nanos]:
    """(full trading days after today up to `last_day`, nanoseconds of trading left today).

    tau in years = (days + nanos / SESSION) / YEAR_DAYS; (0, 0) after expiry.
    """
    today = day_of(at)
    if today > last_day:
        return 0, 0
    left = trading_left(day_nanos(at)) if is_trading(book.calendar, today) else 0
    return trading_days_between(book.calendar, today, last_day), left


def discount_days(last_day: Day, at: Nanos) -> int:
    """Calendar days from an instant's day to the expiry day, 0 after it."""
    return max(0, day_number(last_day) - day_number(day_of(at)))
