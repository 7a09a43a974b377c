"""The monitors' figures of every second: what is used of a limit, and what was quoted how far away.

A share of one is WHOLE hundredths of a per cent; figures are int64 and grow as they get worse.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel
from quanheng.maker import columns as c
from quanheng.maker import guard_state as s
from quanheng.terms import market
from quanheng.terms.units import SECOND

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

WHOLE = 10_000
"""A share of one, in the hundredths of a per cent that shares are kept in."""
RECENT = 60 * SECOND
"""Age up to which a trade is the market's last price for a deviation (I-43)."""
GREEKS = (c.S_DELTA_UP, c.S_GAMMA_UP, c.S_VEGA_UP, c.S_THETA_UP)
"""Columns of the worst case up; the one down is the next."""
USED = (c.S_LONG, c.S_TOTAL, c.S_BUY_OPEN, c.S_LOSS)


@kernel
def used_shares(
    worst: Ints, limits: Ints, counts: Ints, starts: Ints, allowed: Ints, rows: Ints, signed: Ints
) -> None:
    """Shares of each class's limits that its worst case uses (I-30, I-34, I-36): four Greeks, four
    counts, the day's orders, into signed[rows, class]; the Greeks of all classes into
    signed[rows[9:13], -1].

    allowed int64[9]: the columns of the limits; rows int64[13].
    """
    for i in range(4):
        ups = downs = 0
        for klass in range(starts.size):
            up, down = worst[klass, GREEKS[i]], -worst[klass, GREEKS[i] + 1]
            most = limits[starts[klass], allowed[i]]
            signed[rows[i], klass] = max(up, down, 0) * WHOLE // max(most, 1)
            ups += up
            downs += down
        signed[rows[9 + i], -1] = max(ups, downs)
    for klass in range(starts.size):
        for i in range(4):
            most = limits[starts[klass], allowed[4 + i]]
            signed[rows[4 + i], klass] = max(worst[klass, USED[i]], 0) * WHOLE // max(most, 1)
        most = limits[starts[klass], allowed[8]]
        signed[rows[8], klass] = max(counts[klass, s.N_ORDERS], 0) * WHOLE // max(most, 1)


@kernel
def _away(price: int, reference: int, limits: Ints, share: int) -> int:
    """Distance of a price from a reference (0 none) as a share of what the ladder's collar allows:
    its share of the reference or its ticks, whichever is more.
    """
    if price <= 0 or reference <= 0:
        return 0
    allowed = max(limits[share] * reference // WHOLE, limits[share + 1], 1)
    return int(abs(price - reference) * WHOLE // allowed)


@kernel
def quoted_shares(
    repeats: Ints,
    limits: Ints,
    fixed: Ints,
    market_rows: Ints,
    standing: Ints,
    theo: Floats,
    before: int,
    rows: Ints,
    sent: Ints,
    signed: Ints,
    worst: Ints,
) -> None:
    """Value of what was sent since `before`, and its distance from the price sent before, the last
    trade and theory (I-41, I-43): the largest of each class into signed[rows, class] with its slot
    in worst, 0 where nothing was sent. A last trade older than RECENT counts for nothing.
    """
    found = np.zeros(4, dtype=np.int64)
    done = np.zeros((4, signed.shape[1]), dtype=np.int64)
    for i in range(4):
        signed[rows[i], :-1] = 0
    for slot in range(repeats.shape[0]):
        fresh = False
        found[:] = 0
        theory = theo[slot, c.T_PRICE]
        fair = int(np.rint(theory * WHOLE)) if math.isfinite(theory) else 0
        old = before - standing[slot, c.D_LAST_AT] > RECENT
        trade = 0 if old else market_rows[slot, market.LAST]
        for side in range(2):
            base = side * s.R_COLUMNS
            if repeats[slot, base + s.R_SINCE] <= before:
                continue
            fresh = True
            price = repeats[slot, base + s.R_PRICE]
            value = price * repeats[slot, base + s.R_QTY] * fixed[slot, c.F_UNIT]
            found[0] = max(found[0], value * WHOLE // max(limits[slot, c.L_VALUE], 1))
            own = _away(price, sent[slot, side], limits[slot], c.L_OWN_SHARE)
            found[1] = max(found[1], own)
            last = _away(price, trade, limits[slot], c.L_LAST_SHARE)
            found[2] = max(found[2], last)
            found[3] = max(found[3], _away(price, fair, limits[slot], c.L_THEO_SHARE))
            if price > 0:
                sent[slot, side] = price
        if not fresh:
            continue
        klass = fixed[slot, c.F_KLASS]
        for i in range(4):
            if done[i, klass] == 0 or found[i] > signed[rows[i], klass]:
                done[i, klass] = 1
                signed[rows[i], klass] = found[i]
                worst[rows[i], klass] = slot
