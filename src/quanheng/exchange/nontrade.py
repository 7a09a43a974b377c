"""What the businesses that do not trade share: order numbers, the check of a quantity."""

from quanheng.exchange.state import ORDER_BASE
from quanheng.exchange.turn import Turn
from quanheng.wire.codes import number as code_of

EXECUTED_FROM = 900_000_000_000_000
"""Execution numbers of combinations begin with 9 (interfaces.md 2.5, U12)."""


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
