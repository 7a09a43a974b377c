"""The ledger's part of the maker's state: where profit came from, since the opening (R-06, I-34).

Money is int64 of 0.0001 yuan throughout; what a kernel needs of the last theory is float64.
"""

import msgspec
import numpy as np

from quanheng.terms.units import SECOND

# terms int64[classes, TERMS], Money since the opening; their sum is the class's profit, exactly
EDGE = 0
"""Fills against the theory in force: what was earned the moment they happened."""
FEES = 1
"""Fees of the fills less rebates, as the maker estimates them; a cost is negative."""
THETA = 2
"""Variance time passes."""
DELTA = 3
"""The forwards move as the underlying does."""
CARRY = 4
"""The forwards move against the underlying: rate, dividends, borrow."""
GAMMA = 5
LEVEL = 6
"""Vega times the move of the curves at the money, the trader's level delta included."""
SLOPE = 7
CURVATURE = 8
SMILE = 9
"""Vega times every other move of a vol: along the smile, its shape, a contract's own shift."""
VANNA = 10
VOLGA = 11
CHARM = 12
DISCOUNTING = 13
OFFSET = 14
"""What a mark moved beyond its curve: the contract's own offset, and marks being whole Ticks."""
SETTLEMENT = 15
"""Marks that go from or to the previous settlement price, for want of a theory before or after."""
HEDGE = 16
"""Units of the underlying beyond the base gain as it moves."""
HEDGE_COST = 17
"""Trading those units: fills against the middle of their market, and fees."""
RESIDUAL = 18
"""What no term explains; stated, never spread."""
TERMS = 19

NAMES = (
    "edge", "fees", "theta", "delta", "carry", "gamma", "level", "slope", "curvature", "smile",
    "vanna", "volga", "charm", "discounting", "offset", "settlement",
    "hedge", "hedge_cost", "residual",
)  # fmt: skip
"""Names of the terms in views and files."""

HORIZONS = (SECOND, 10 * SECOND, 60 * SECOND)
"""When a fill is marked again: what it is worth after its counterparty has been right or wrong."""

# fills int64[slots, FILL_COLUMNS]
FILLS = 0
BOUGHT = 1  # contracts
SOLD = 2
SLOT_EDGE = 3  # Money at the fills
SLOT_FEES = 4
MARK_OUT = 5  # and the next ones: Money of fills so far marked at HORIZONS, against the fill price
MARKED = MARK_OUT + len(HORIZONS)  # and the next ones: contracts so far marked
FILL_COLUMNS = MARKED + len(HORIZONS)

# pending int64[classes, PENDING, PENDING_COLUMNS]: a ring of the fills that are still to be marked
PENDING = 256
P_SLOT = 0
P_AT = 1
P_QTY = 2  # contracts, sales negative
P_PRICE = 3
P_CAP = 4  # A(b) at the price, Ticks
PENDING_COLUMNS = 5

# rings int64[classes, 1 + horizons]: fills put in, and fills taken out at each horizon
R_PUT = 0
R_TAKEN = 1
R_COLUMNS = R_TAKEN + len(HORIZONS)

# last float64[slots, LAST_COLUMNS]: a contract's theory when it was last accounted
A_VOL = 0  # NaN before there was one
A_LEVEL = 1  # the trader's deltas in force, per 1.00 of vol
A_SLOPE = 2
A_CURVATURE = 3
LAST_COLUMNS = 4

# expiries float64[expiries, EXPIRY_COLUMNS]: an expiry when it was last accounted
X_FORWARD = 0
X_TAU = 1
X_DISCOUNT = 2
X_BELOW = 3  # the curve's vols at -WING, 0 and +WING standard moves of sqrt(tau)
X_MIDDLE = 4
X_ABOVE = 5
EXPIRY_COLUMNS = 6
WING = 0.2
"""ln(K/F) / sqrt(tau) at which slope and curvature are read: one deviation at a vol of 20 %."""


class Ledger(msgspec.Struct):
    """Profit by cause per class, fills by contract, and the theory they were last held against."""

    terms: np.ndarray
    fills: np.ndarray
    pending: np.ndarray
    rings: np.ndarray
    dropped: np.ndarray  # int64[classes]: marks that were never taken, too many fills at once
    marks: np.ndarray  # Ticks int64[slots]: theory, else the previous settlement
    last: np.ndarray
    expiries: np.ndarray
    spots: np.ndarray  # Ticks int64[classes]


def blank_ledger(slots: int, classes: int, expiries: int) -> Ledger:
    """A ledger before the day's opening."""

    def ints(*shape: int) -> np.ndarray:
        return np.zeros(shape, dtype=np.int64)

    return Ledger(
        terms=ints(classes, TERMS),
        fills=ints(slots, FILL_COLUMNS),
        pending=ints(classes, PENDING, PENDING_COLUMNS),
        rings=ints(classes, R_COLUMNS),
        dropped=ints(classes),
        marks=ints(slots),
        last=np.full((slots, LAST_COLUMNS), np.nan),
        expiries=np.full((expiries, EXPIRY_COLUMNS), np.nan),
        spots=ints(classes),
    )
