"""The exchange's trading days and what hangs on them: expiries, ranks, deadlines (rules.md 1.4).

The calendar is data: weekdays on which the exchange is closed. Days from `provisional_from` on
are not announced yet and may change.
"""

from bisect import bisect_left, bisect_right

import msgspec

from quanheng.terms.days import add_days, day_number, weekday
from quanheng.terms.units import Day

MONTHS_AHEAD = 14
QUARTER_MONTHS = (3, 6, 9, 12)


class CalendarError(ValueError):
    """A day the calendar does not cover."""


class Calendar(msgspec.Struct, frozen=True, array_like=True):
    """Weekdays without trading in [first, last], ascending; weekends never trade."""

    first: Day
    last: Day
    provisional_from: Day
    closed: tuple[Day, ...]


def is_trading(cal: Calendar, day: Day) -> bool:
    """True on a trading day. CalendarError outside the calendar."""
    if not cal.first <= day <= cal.last:
        raise CalendarError(f"{day} is outside the calendar {cal.first}..{cal.last}")
    if weekday(day) > 4:
        return False
    place = bisect_left(cal.closed, day)
    return place == len(cal.closed) or cal.closed[place] != day


def next_trading(cal: Calendar, day: Day, count: int = 1) -> Day:
    """The `count`-th trading day after `day`."""
    while count > 0:
        day = add_days(day, 1)
        count -= is_trading(cal, day)
    return day


def previous_trading(cal: Calendar, day: Day, count: int = 1) -> Day:
    """The `count`-th trading day before `day`."""
    while count > 0:
        day = add_days(day, -1)
        count -= is_trading(cal, day)
    return day


def trading_days_between(cal: Calendar, after: Day, upto: Day) -> int:
    """Trading days in (after, upto]; 0 when upto is not later."""
    begin, end = day_number(after) + 1, day_number(upto)
    if begin > end:
        return 0
    first, last = add_days(after, 1), upto
    if first < cal.first or last > cal.last:
        outside = first if first < cal.first or first > cal.last else add_days(cal.last, 1)
        raise CalendarError(f"{outside} is outside the calendar {cal.first}..{cal.last}")
    closed = cal.closed[bisect_left(cal.closed, first) : bisect_right(cal.closed, last)]
    return _weekdays(end) - _weekdays(begin - 1) - sum(weekday(day) < 5 for day in closed)


def _weekdays(number: int) -> int:
    """Mondays to Fridays up to the day `number` since 1970-01-01, counted from a Monday."""
    weeks, place = divmod(number + 3, 7)
    return weeks * 5 + min(place + 1, 5)


def expiry_day(cal: Calendar, year: int, month: int) -> Day:
    """Last trading day of an expiry month: the fourth Wednesday, or the next trading day."""
    first = year * 10_000 + month * 100 + 1
    day = add_days(first, (2 - weekday(first)) % 7 + 21)
    return day if is_trading(cal, day) else next_trading(cal, day)


def _next_month(month: int) -> int:
    return month + 89 if month % 100 == 12 else month + 1


def expiry_months(cal: Calendar, day: Day) -> tuple[int, int, int, int]:
    """The four expiry months (YYYYMM) listed on a day: 当月, 下月, 下季, 隔季.

    The current month rolls on the first trading day after its expiry.
    """
    current = day // 100
    if day > expiry_day(cal, current // 100, current % 100):
        current = _next_month(current)
    months = [current, _next_month(current)]
    month = months[1]
    while len(months) < 4:
        month = _next_month(month)
        if month % 100 in QUARTER_MONTHS:
            months.append(month)
    return months[0], months[1], months[2], months[3]


def expiry_rank(cal: Calendar, last_day: Day, day: Day, by_month: bool = False) -> int:
    """Rank 1 to 4 of a contract's expiry in the month set of `day` (reading A32).

    `by_month` ranks by the calendar: 1 the month of `day` itself, 2 the one after it, 3 the first
    listed month later than those, 4 the rest; by default the set rolls after its expiry. A month
    that is not in the set (an adjusted leftover) takes the rank of the first listed month not
    before it. CalendarError when the contract has expired.
    """
    if last_day < day:
        raise CalendarError(f"a contract that expired on {last_day} has no rank on {day}")
    # An expiry moved into the next month by a holiday still belongs to its own month.
    month = last_day // 100
    if last_day % 100 < 15:
        month = month - 89 if month % 100 == 1 else month - 1
    months = expiry_months(cal, day)
    if by_month:
        current = day // 100
        later = [listed for listed in months if listed > _next_month(current)]
        months = (current, _next_month(current), later[0], later[-1])
    for rank, listed in enumerate(months, start=1):
        if month <= listed:
            return rank
    return 4
