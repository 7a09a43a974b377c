"""Years to expiry: variance time for volatility, calendar time for discounting (rules.md 8.1).

Variance time runs evenly over the 240 minutes of a session, stands still over lunch, and ends at
15:00 of the last trading day. From 15:00 to 09:30 of the next trading day it stands still too,
unless the clock gives nights, weekend days and holidays a weight; then the weight of such a gap is
spread evenly over it, so that no time to expiry ever jumps. All sums are integer nanoseconds; the
year fraction is their one exact quotient, rounded once.
"""

import msgspec

from quanheng.rulebook.calendar import Calendar, is_trading, next_trading, previous_trading
from quanheng.rulebook.calendar import trading_days_between as full_days
from quanheng.rulebook.phases import SESSION, YEAR_DAYS, discount_days, trading_left
from quanheng.terms.days import day_nanos, day_number, day_of, from_clock, midnight
from quanheng.terms.units import DAY, Day, Nanos

_OPEN = from_clock("09:30")
_CLOSE = from_clock("15:00")
_PPM = 1_000_000
_CALENDAR_YEAR = 365
_WEEKEND_YEAR = 104


class VarianceClock(msgspec.Struct, frozen=True, array_like=True):
    """How fast variance time runs, in millionths of a full session; the default is trading time.

    `night` counts once for every gap between two trading days, `weekend` for every Saturday and
    Sunday in it, `holiday` for every closed weekday in it.
    """

    year_days: int = YEAR_DAYS
    night: int = 0
    weekend: int = 0
    holiday: int = 0


TRADING_TIME = VarianceClock()
"""243 sessions a year and nothing in between (rules.md 8.1)."""


def year_nanos(clock: VarianceClock) -> Nanos:
    """Variance time of an average year, so that a vol keeps its meaning under any weights.

    That is `year_days` sessions and nights, 104 weekend days and the rest of 365 days as holidays.
    ValueError when a weight is negative or the year has no sessions.
    """
    if clock.year_days <= 0 or min(clock.night, clock.weekend, clock.holiday) < 0:
        raise ValueError(f"{clock} has no sessions or a negative weight")
    holidays = max(0, _CALENDAR_YEAR - _WEEKEND_YEAR - clock.year_days)
    closed = (
        clock.year_days * clock.night + _WEEKEND_YEAR * clock.weekend + holidays * clock.holiday
    )
    return clock.year_days * SESSION + SESSION * closed // _PPM


def _gap_weight(clock: VarianceClock, before: Day, after: Day) -> Nanos:
    """Variance time between the close of a trading day and the opening of the next one."""
    first, last = day_number(before) + 1, day_number(after)
    # 1970-01-01, day 0, was a Thursday.
    weekends = sum((number + 3) % 7 > 4 for number in range(first, last))
    weight = clock.night + clock.weekend * weekends + clock.holiday * (last - first - weekends)
    return SESSION * weight // _PPM


def _closed_left(cal: Calendar, clock: VarianceClock, last_day: Day, at: Nanos) -> Nanos:
    """Weighted time of the gaps that lie between an instant and the last day's opening."""
    today = day_of(at)
    trading = is_trading(cal, today)
    early = not trading or day_nanos(at) < _OPEN
    before = previous_trading(cal, today) if early else today
    total = 0
    while before < last_day:
        after = next_trading(cal, before)
        weight = _gap_weight(clock, before, after)
        closes, opens = midnight(before) + _CLOSE, midnight(after) + _OPEN
        rest = opens - max(at, closes)
        total += weight * rest // (opens - closes)
        before = after
    return total


def variance_nanos(cal: Calendar, clock: VarianceClock, last_day: Day, at: Nanos) -> Nanos:
    """Variance time from an instant to 15:00 of a contract's last trading day; 0 from then on.

    CalendarError when a day in between is outside the calendar.
    """
    if at >= midnight(last_day) + _CLOSE:
        return 0
    today = day_of(at)
    left = trading_left(day_nanos(at)) if is_trading(cal, today) else 0
    total = full_days(cal, today, last_day) * SESSION + left
    if clock.night or clock.weekend or clock.holiday:
        total += _closed_left(cal, clock, last_day, at)
    return total


def variance_years(cal: Calendar, clock: VarianceClock, last_day: Day, at: Nanos) -> float:
    """`variance_nanos` as a share of `year_nanos`: the tau of a vol (rules.md 8.1)."""
    return variance_nanos(cal, clock, last_day, at) / year_nanos(clock)


def discount_years(last_day: Day, at: Nanos, intraday: bool = False) -> float:
    """Calendar time to the last trading day in years of 365 days; 0 after it.

    The desk counts whole days from date to date, which changes at midnight only. With `intraday`
    it is the time to 15:00 of the last day, so that it runs evenly through nights and sessions.
    """
    if not intraday:
        return discount_days(last_day, at) / _CALENDAR_YEAR
    return max(0, midnight(last_day) + _CLOSE - at) / (_CALENDAR_YEAR * DAY)
