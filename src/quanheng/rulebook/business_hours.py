"""When the businesses that do not trade are taken (interfaces.md 2.2; rules.md 2 and 5)."""

import msgspec

from quanheng.terms.business import CombinationRequest, LockRequest
from quanheng.terms.days import from_clock
from quanheng.terms.units import DayNanos

EXERCISE_HOURS = (("09:15", "09:25"), ("09:30", "11:30"), ("13:00", "15:30"))
"""Exercises, disposals and margin inquiries."""
COMBINATION_HOURS = (("09:30", "11:30"), ("13:00", "15:15"))
LOCK_HOURS = (("09:15", "09:25"), ("09:30", "11:30"), ("13:00", "15:00"))

Spans = tuple[tuple[DayNanos, DayNanos], ...]


def _spans(hours: tuple[tuple[str, str], ...]) -> Spans:
    return tuple((from_clock(start), from_clock(stop)) for start, stop in hours)


_EXERCISE = _spans(EXERCISE_HOURS)
_OTHERS: dict[type[msgspec.Struct], Spans] = {
    CombinationRequest: _spans(COMBINATION_HOURS),
    LockRequest: _spans(LOCK_HOURS),
}


def closed(kind: type[msgspec.Struct], now: DayNanos) -> str:
    """Empty inside the hours of a kind of request, else the fault's name in `wire.codes`."""
    spans = _OTHERS.get(kind, _EXERCISE)
    if any(start <= now < stop for start, stop in spans):
        return ""
    if now < spans[0][0]:
        return "NOT_YET_OPEN"
    return "BUSINESS_CLOSED" if now >= spans[-1][1] else "NOT_IN_THIS_SESSION"
