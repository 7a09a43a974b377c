"""The life of one side of a quote and of a single order, as one table (house.md 6.5).

An UNKNOWN order counts at full size in every exposure and leaves that state by evidence only: an
answer of the exchange, a proof that it never left, or the end of the day.
"""

from enum import IntEnum

import numpy as np


class Life(IntEnum):
    """Where a side of a quote, or an order, stands."""

    NONE = 0  # nothing rests, nothing is in flight
    PENDING = 1  # sent, nothing rested before
    WORKING = 2
    REPLACING = 3  # rests, and its replacement was sent
    CANCELLING = 4
    UNKNOWN = 5  # sent, and the link was lost before the answer


class Event(IntEnum):
    """What can happen to it."""

    SEND = 0
    CANCEL = 1  # our cancel was sent
    ACK = 2
    REJECT = 3
    CANCELLED = 4
    CANCEL_REJECTED = 5
    EMPTY = 6  # the resting quantity was filled to the last contract
    LOST = 7  # the link went down
    UNSENT = 8  # proof that it never left
    END = 9  # the day is over


IMPOSSIBLE = -1

_N, _P, _W, _R, _C, _U = Life
_X = IMPOSSIBLE

#          SEND CANCEL ACK REJECT CANCELLED CANCEL_REJ EMPTY LOST UNSENT END
TABLE = (
    (_P, _X, _W, _N, _N, _N, _N, _N, _N, _N),  # NONE: an unexpected ACK is evidence of a rest
    (_X, _X, _W, _N, _N, _P, _P, _U, _N, _N),  # PENDING
    (_R, _C, _W, _W, _N, _W, _N, _W, _W, _N),  # WORKING
    (_X, _X, _W, _W, _P, _R, _P, _U, _W, _N),  # REPLACING
    (_X, _X, _C, _C, _N, _W, _C, _U, _W, _N),  # CANCELLING
    (_X, _U, _W, _W, _N, _U, _U, _U, _U, _N),  # UNKNOWN: UNSENT of a cancel proves nothing
)
"""TABLE[life][event] is the next life. WORKING with nothing left is NONE (`orders` settles it)."""

NEXT = np.array(TABLE, dtype=np.int64)
