"""State of the tape venue: what the tape shows, what of ours rests, what was answered.

Columns of `rest` int64[slots, 2, R_COLUMNS] (side 0 bid, 1 ask) are the R_ constants; `market` and
`standing` are int64[slots, COLUMNS] and int64[slots, 4].
"""

import msgspec
import numpy as np

from quanheng.exchange.messages import TapeOpen
from quanheng.rulebook import phases
from quanheng.terms import market
from quanheng.terms.days import midnight
from quanheng.terms.units import Nanos

R_PRICE = 0
R_QTY = 1  # what may still trade
R_AHEAD = 2  # displayed quantity that trades before ours (pessimistic)
R_AT = 3  # when it was entered
R_ORDER = 4
R_EFFECT = 5
R_TAKEN_PRICE = 6  # the opposite best that ours traded with …
R_TAKEN = 7  # … and how much of it: the tape goes on showing what we took
R_COLUMNS = 8
UNKNOWN = 1 << 40
"""Quantity ahead of an order at a price deeper than the tape shows."""


class TapeState(msgspec.Struct):
    """Everything that decides what the tape venue answers next."""

    opened: TapeOpen | None
    at: Nanos
    closed: int  # 1 once the tape is over
    spans: list[tuple[Nanos, Nanos]]  # no-cancel windows of the timetable
    slots: dict[str, int]
    market: np.ndarray
    seen: np.ndarray  # int64[slots], 1 once the tape showed the contract
    rest: np.ndarray
    names: dict[int, str]  # slot * 2 + side -> client id of what rests
    standing: np.ndarray  # effective two-sided state last recorded
    touched: np.ndarray  # int64[slots], 1 when it may have changed
    pending: dict[int, int]  # slot -> phase of this instant, not yet recorded
    index: list[int]  # next report index of each partition
    orders: int
    execs: int
    inquiries: int


def tape_state(opened: TapeOpen | None, at: Nanos) -> TapeState:
    """The state at the opening of a tape's day, or before it."""
    contracts = opened.chain.contracts if opened else ()
    count = len(contracts)
    start = midnight(opened.day) if opened else 0
    table = phases.timetable(opened.rulebook) if opened else ()
    return TapeState(
        opened=opened,
        at=at,
        closed=0,
        spans=[(start + row.no_cancel_from, start + row.stop) for row in table],
        slots={row.code: slot for slot, row in enumerate(contracts)},
        market=np.zeros((count, market.COLUMNS), dtype=np.int64),
        seen=np.zeros(count, dtype=np.int64),
        rest=np.zeros((count, 2, R_COLUMNS), dtype=np.int64),
        names={},
        standing=np.zeros((count, 4), dtype=np.int64),
        touched=np.zeros(count, dtype=np.int64),
        pending={},
        index=[1, 1],
        orders=1,
        execs=1,
        inquiries=0,
    )
