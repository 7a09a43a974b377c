"""What the businesses that do not trade share: hours, order numbers, the check of a quantity
(interfaces.md 2.2).
"""

from quanheng.exchange.state import ORDER_BASE
from quanheng.exchange.turn import Turn
from quanheng.terms.business import CombinationRequest, LockRequest
from quanheng.terms.days import from_clock
from quanheng.terms.orders import AnyRequest
from quanheng.terms.units import DayNanos
from quanheng.wire.codes import number as code_of

EXERCISE_HOURS = (("09:15", "09:25"), ("09:30", "11:30"), ("13:00", "15:30"))
COMBINATION_HOURS = (("09:30", "11:30"), ("13:00", "15:15"))
LOCK_HOURS = (("09:15", "09:25"), ("09:30", "11:30"), ("13:00", "15:00"))
EXECUTED_FROM = 900_000_000_000_000
"""Execution numbers of combinations begin with 9 (interfaces.md 2.5, U12)."""

Spans = tuple[tuple[DayNanos, DayNanos], ...]


def _spans(hours: tuple[tuple[str, str], ...]) -> Spans:
    return tuple((from_clock(start), from_clock(stop)) for start, stop in hours)


_EXERCISE, _COMBINATION = _spans(EXERCISE_HOURS), _spans(COMBINATION_HOURS)
_LOCK = _spans(LOCK_HOURS)


def closed(request: AnyRequest, now: DayNanos) -> int:
    """0 inside the hours of the request's business, else the code of being outside."""
    spans = _COMBINATION if isinstance(request, CombinationRequest) else _EXERCISE
    spans = _LOCK if isinstance(request, LockRequest) else spans
    if any(start <= now < stop for start, stop in spans):
        return 0
    if now < spans[0][0]:
        return code_of("NOT_YET_OPEN")
    return code_of("BUSINESS_CLOSED" if now >= spans[-1][1] else "NOT_IN_THIS_SESSION")


def next_number(turn: Turn, member: int, part: int) -> int:
    """The next order number of a member's business in the partition of `part`."""
    desk = turn.state.desks[member]
    desk.business += 1
    return ORDER_BASE[part & 1] + EXECUTED_FROM // 10_000 + desk.business


def quantity_fault(qty: int) -> int:
    """0 for a quantity that can be asked for, else its code: 19070 below 0, 10444 for 0."""
    if qty < 0:
        return code_of("NEGATIVE_QUANTITY")
    return code_of("BELOW_MINIMUM_QUANTITY") if qty == 0 else 0
