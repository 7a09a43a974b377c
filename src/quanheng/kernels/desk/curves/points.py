"""From the quotes of an expiry to the points of a fit: k, vol, its band, and a weight.

Only out-of-the-money prices count (rules.md 8.4). Near the money the in-the-money side, moved over
by parity on the same forward, may be blended in: otherwise the points jump from puts to calls.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.black import ROWS as GREEKS
from quanheng.kernels.desk.black import VEGA, price_chain
from quanheng.kernels.desk.curves.smile import vol_at
from quanheng.kernels.desk.implied import implied_chain
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import log_ratio

Floats = npt.NDArray[np.float64]

K = 0
"""ln(K/F)."""
VOL = 1
"""Vol of the mid price, per 1.00; NaN for a strike without a point."""
BID_VOL = 2
ASK_VOL = 3
"""Vols of the bid and of the ask; NaN when that price has none."""
WEIGHT = 4
"""(vega / spread)^2, in 1/vol^2: 0 for a strike without a point."""
ROWS = 5

TICK = 1e-4
"""Yuan; a narrower spread counts as one tick."""
LEAST_PRICE = 3e-4
"""Yuan; a mid below three ticks says more about the tick than about volatility."""
_NAN = float("nan")


@kernel
def _two_sided(bid: float, ask: float) -> bool:
    """A quote with both sides, not locked or crossed."""
    return 0.0 < bid < ask < np.inf


@kernel
def _sides(
    quotes: Floats, i: int, forward: float, discount: float, blend: float
) -> tuple[float, float, float]:
    """(sign, bid, ask) in yuan of the out-of-the-money side of strike i; NaN prices for none.

    `blend` is the half width in ln(K/F) within which the other side counts, by half at the
    forward; it is used when it is two-sided, its moved prices are positive and it is the only
    one or both are.
    """
    strike = quotes[0, i]
    gap = discount * (forward - strike)
    sign = 1.0 if strike >= forward else -1.0
    own = 1 if sign > 0.0 else 3
    other = 3 if sign > 0.0 else 1
    bid = quotes[own, i]
    ask = quotes[own + 1, i]
    if not _two_sided(bid, ask):
        return sign, _NAN, _NAN
    distance = abs(log_ratio(strike, forward))
    if not distance < blend:
        return sign, bid, ask
    moved_bid = quotes[other, i] + sign * gap
    moved_ask = quotes[other + 1, i] + sign * gap
    if not (_two_sided(quotes[other, i], quotes[other + 1, i]) and moved_bid > 0.0):
        return sign, bid, ask
    share = 0.5 * (1.0 - distance / blend)
    return sign, bid + share * (moved_bid - bid), ask + share * (moved_ask - ask)


@kernel
def _clear(out: Floats, n: int) -> None:
    for i in range(n):
        for row in range(K, WEIGHT):
            out[row, i] = _NAN
        out[WEIGHT, i] = 0.0


@kernel
def chain_points(
    strike: Floats,
    call_bid: Floats,
    call_ask: Floats,
    put_bid: Floats,
    put_ask: Floats,
    n: int,
    forward: float,
    tau: float,
    discount: float,
    blend: float,
    out: Floats,
) -> int:
    """Fill out[ROWS, n] with one point per strike; returns the number of points.

    Prices, strikes and forward in yuan, 0 or NaN for a missing price (the caller blanks stale
    ones), tau in years, discount = exp(-r years). A strike has no point (weight 0, vol NaN) when
    its out-of-the-money quote is one-sided, locked or crossed, its mid is below three ticks or
    has no vol. `blend` >= 0 is the half width in ln(K/F) of the mix of calls and puts at the
    money, 0 for none. Bad forward, tau or discount: no points.
    """
    _clear(out, n)
    good = 0.0 < forward < np.inf and 0.0 < tau < np.inf and 0.0 < discount < np.inf
    if not good or n == 0:
        return 0
    quotes = np.empty((5, n))
    inputs = np.ones((6, 3 * n))
    for i in range(n):
        quotes[0, i] = strike[i]
        quotes[1, i] = call_bid[i]
        quotes[2, i] = call_ask[i]
        quotes[3, i] = put_bid[i]
        quotes[4, i] = put_ask[i]
    for i in range(n):
        sign, bid, ask = 1.0, _NAN, _NAN
        if 0.0 < strike[i] < np.inf:
            out[K, i] = log_ratio(strike[i], forward)
            sign, bid, ask = _sides(quotes, i, forward, discount, blend)
        for part in range(3):
            at = part * n + i
            inputs[0, at] = sign
            inputs[1, at] = bid if part == 1 else (ask if part == 2 else 0.5 * (bid + ask))
            inputs[2, at] = forward
            inputs[3, at] = strike[i]
            inputs[4, at] = tau
            inputs[5, at] = discount
    vols = np.empty(3 * n)
    implied_chain(inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5], vols)
    greeks = np.empty((GREEKS, 3 * n))
    price_chain(inputs[0], inputs[2], inputs[3], vols, inputs[4], inputs[5], greeks)
    count = 0
    for i in range(n):
        if not (inputs[1, i] >= LEAST_PRICE and vols[i] > 0.0):
            continue
        spread = max(inputs[1, 2 * n + i] - inputs[1, n + i], TICK)
        reliability = greeks[VEGA, i] / spread
        out[VOL, i] = vols[i]
        out[BID_VOL, i] = vols[n + i]
        out[ASK_VOL, i] = vols[2 * n + i]
        out[WEIGHT, i] = reliability * reliability
        count += 1
    return count


@kernel
def half_width(points: Floats, i: int) -> float:
    """Half of the bid-ask band in vol at strike i; the mid to the ask when the bid has no vol."""
    bid = points[BID_VOL, i]
    ask = points[ASK_VOL, i]
    if math.isfinite(bid) and math.isfinite(ask):
        return float(0.5 * (ask - bid))
    return float(ask - points[VOL, i]) if math.isfinite(ask) else 0.0


@kernel
def relax_inside(points: Floats, n: int, row: Floats, inside: float, out: Floats) -> int:
    """Weights for a second fit: those whose band holds the curve `row` count `inside` as much.

    points[ROWS, n] of `chain_points`, 0 <= inside <= 1, out[n]. A curve within bid and ask is right
    as far as the quotes can say, so what it misses of their mids should not pull much. Returns
    the number of points that the curve goes through.
    """
    count = 0
    for i in range(n):
        out[i] = points[WEIGHT, i]
        if not points[WEIGHT, i] > 0.0:
            continue
        vol = vol_at(row, points[K, i])
        low = points[BID_VOL, i] if math.isfinite(points[BID_VOL, i]) else 0.0
        if low <= vol <= points[ASK_VOL, i]:
            out[i] *= inside
            count += 1
    return count
