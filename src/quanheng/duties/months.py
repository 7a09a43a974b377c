"""Months and years of evaluation: 21st to 20th, or calendar months (reading A18, E-08).

A month is named by the YYYYMM it ends in. A year runs from 21 December to 20 December; with
calendar months it has the twelve that end within it, December to November.
"""

from quanheng.terms.days import month_length
from quanheng.terms.units import Day

CUT = 21
"""First day of a month of evaluation."""


def month_of(day: Day, calendar: bool = False) -> int:
    """The month of evaluation that a day belongs to."""
    month = day // 100
    return month if calendar or day % 100 < CUT else shifted(month, 1)


def shifted(month: int, count: int) -> int:
    """A month `count` months later."""
    number = month // 100 * 12 + month % 100 - 1 + count
    return number // 12 * 100 + number % 12 + 1


def window(month: int, calendar: bool = False) -> tuple[Day, Day]:
    """First and last day of a month of evaluation."""
    if calendar:
        return month * 100 + 1, month * 100 + month_length(month // 100, month % 100)
    return shifted(month, -1) * 100 + CUT, month * 100 + CUT - 1


def months_of_year(year: int, calendar: bool = False) -> tuple[int, ...]:
    """The twelve months of a year of evaluation."""
    first = shifted(year * 100 + 1, -1) if calendar else year * 100 + 1
    return tuple(shifted(first, count) for count in range(12))


def year_window(year: int) -> tuple[Day, Day]:
    """21 December of the year before to 20 December (E-08)."""
    return (year - 1) * 10_000 + 1200 + CUT, year * 10_000 + 1200 + CUT - 1
