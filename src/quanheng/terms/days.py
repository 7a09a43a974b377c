"""Days and instants: the one module that converts between them (borders.md 1).

The exchange's clock is Asia/Shanghai, UTC+8 without daylight saving for every day this system knows
(2015 onwards), so a constant offset is exact and no time-zone database is needed below the roof.
"""

from quanheng.terms.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Day, DayNanos, Nanos

SHANGHAI_OFFSET = 8 * HOUR


def day_number(day: Day) -> int:
    """Days since 1970-01-01 of a YYYYMMDD day. ValueError if it is not a calendar day."""
    year, month, date = day // 10_000, day // 100 % 100, day % 100
    if not (1 <= month <= 12 and 1 <= date <= month_length(year, month)):
        raise ValueError(f"{day} is not a calendar day YYYYMMDD")
    # Howard Hinnant's days-from-civil: years start in March so that the leap day is last.
    shifted = year - (month <= 2)
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + date - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468


def from_day_number(number: int) -> Day:
    """The YYYYMMDD day that is `number` days after 1970-01-01."""
    shifted = number + 719_468
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    leap = day_of_era // 1_460 - day_of_era // 36_524 + day_of_era // 146_096
    year_of_era = (day_of_era - leap) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    moved = (5 * day_of_year + 2) // 153
    date = day_of_year - (153 * moved + 2) // 5 + 1
    month = moved + (3 if moved < 10 else -9)
    year = year_of_era + era * 400 + (month <= 2)
    return year * 10_000 + month * 100 + date


def month_length(year: int, month: int) -> int:
    """Days in a month, 28 to 31."""
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 29 if leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


def add_days(day: Day, count: int) -> Day:
    """The day `count` calendar days later (earlier when negative)."""
    return from_day_number(day_number(day) + count)


def weekday(day: Day) -> int:
    """0 Monday … 6 Sunday."""
    return (day_number(day) + 3) % 7


def iso(day: Day) -> str:
    """YYYY-MM-DD."""
    return f"{day // 10_000:04d}-{day // 100 % 100:02d}-{day % 100:02d}"


def from_iso(text: str) -> Day:
    """The day of YYYY-MM-DD text. ValueError names the text."""
    parts = text.split("-")
    if (
        len(parts) != 3
        or [len(part) for part in parts] != [4, 2, 2]
        or not text.replace("-", "").isdigit()
    ):
        raise ValueError(f"{text!r} is not a day in the form YYYY-MM-DD")
    day = int(parts[0]) * 10_000 + int(parts[1]) * 100 + int(parts[2])
    day_number(day)
    return day


def midnight(day: Day) -> Nanos:
    """The instant of local midnight at the start of a day."""
    return day_number(day) * DAY - SHANGHAI_OFFSET


def day_of(at: Nanos) -> Day:
    """The local day an instant falls on."""
    return from_day_number((at + SHANGHAI_OFFSET) // DAY)


def day_nanos(at: Nanos) -> DayNanos:
    """Nanoseconds since local midnight of an instant."""
    return (at + SHANGHAI_OFFSET) % DAY


def clock_text(at: Nanos) -> str:
    """HH:MM:SS.sss local time of an instant, as tags 8541 and 42 carry it (interfaces.md 2.1)."""
    millis = day_nanos(at) // MILLISECOND
    seconds = millis // 1_000
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{millis % 1_000:03d}"


def from_clock(text: str) -> DayNanos:
    """Nanoseconds since midnight of HH:MM, HH:MM:SS or HH:MM:SS.sss text. ValueError names the
    text.
    """
    head, _, fraction = text.partition(".")
    parts = head.split(":")
    good = len(parts) in (2, 3) and all(len(part) == 2 and part.isdigit() for part in parts)
    if not good or (fraction and not (fraction.isdigit() and len(fraction) == 3)):
        raise ValueError(f"{text!r} is not a time of day in the form HH:MM:SS.sss")
    hour, minute, second = int(parts[0]), int(parts[1]), int(parts[2]) if len(parts) == 3 else 0
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"{text!r} is not a time of day")
    return hour * HOUR + minute * MINUTE + second * SECOND + int(fraction or 0) * MILLISECOND
