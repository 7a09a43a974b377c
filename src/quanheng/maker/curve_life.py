"""The life of one expiry's curve, as one table, and the rungs of what is published (I-31, R-05).

An update of a class takes every expiry through it: a fit, its checks, the cap on what may move at
once, publication. What fails on the way is not published; the last published version stays, is
said to be stale when nothing replaces it, and gives way to a curve borrowed from its neighbours.
An expiry that never had a curve and cannot borrow one is priced with a level (level_kernels).
"""

from enum import IntEnum

import numpy as np


class CurveState(IntEnum):
    """Where the last update left an expiry."""

    NONE = 0  # no update yet
    FITTED = 1  # a curve was found
    CHECKED = 2  # close to its points and free of arbitrage, perhaps after a repair
    STAGED = 3  # moved further than allowed at once: a second fit has to agree
    PUBLISHED = 4
    FAILED = 5  # not published; what was published before stays
    STALE = 6  # and has stayed for too long


class CurveEvent(IntEnum):
    """What can happen to it."""

    FIT = 0
    NO_FIT = 1
    PASS = 2
    BREAK = 3  # too far from its points, or arbitrage that no repair takes away
    NEAR = 4  # within the cap, or agreed by two fits in a row
    FAR = 5
    AGE = 6  # nothing was published for longer than allowed


class Rung(IntEnum):
    """What the published curve of an expiry is, best first (rules.md 8.4, stale-fit fallback)."""

    OWN = 0  # its own fit of the last update
    REPAIRED = 1  # the same after the removal of arbitrage
    LAST_GOOD = 2  # an earlier one of today
    BORROWED = 3  # from the neighbouring expiries in total variance
    SETTLEMENT = 4  # from the previous settlement prices
    LEVEL = 5  # one vol, from prices too few for a curve or none
    NOTHING = 6


IMPOSSIBLE = -1

_N, _F, _C, _S, _P, _E, _O = CurveState
_X = IMPOSSIBLE

#         FIT NO_FIT PASS BREAK NEAR FAR AGE
TABLE = (
    (_F, _E, _X, _X, _X, _X, _O),  # NONE
    (_X, _X, _C, _E, _X, _X, _X),  # FITTED
    (_X, _X, _X, _X, _P, _S, _X),  # CHECKED
    (_F, _E, _X, _X, _X, _X, _O),  # STAGED
    (_F, _E, _X, _X, _X, _X, _O),  # PUBLISHED
    (_F, _E, _X, _X, _X, _X, _O),  # FAILED
    (_F, _O, _X, _X, _X, _X, _O),  # STALE: only a publication ends it
)
"""TABLE[state][event] is the next state."""

NEXT = np.array(TABLE, dtype=np.int64)


def life_table() -> str:
    """The table in Markdown, a dash where an event is impossible."""
    names = [event.name for event in CurveEvent]
    lines = ["| state | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for state in CurveState:
        moves = [CurveState(move).name if move != IMPOSSIBLE else "-" for move in TABLE[state]]
        lines.append(f"| {state.name} | " + " | ".join(moves) + " |")
    return "\n".join(lines) + "\n"
