"""From a cleaned slice to the points of a fit: forward, implied vols, weights, reasons.

A close is a last trade, not a quote, so it gets a made-up book: `half_width` on either side. The
forward of every expiry then comes from the desk's own consensus and ladder, without a spot, and
the vols of the out-of-the-money side from the desk's own solver. Weight = (vega/spread)^2.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import black, carry, forward
from quanheng.kernels.desk.curves.layout import VOL_HIGH, VOL_LOW
from quanheng.kernels.desk.implied import implied_chain
from quanheng.kernels.math.elementary import log_ratio
from study import closes
from study.closes import RATE, TICK, Floats, Slice

LEAST_TICKS = 3
CLOSE_TICKS = 3.0
CLOSE_SHARE = 0.01
"""A close is trusted to three ticks and one per cent of itself (see the study's report)."""


@dataclass
class Points:
    """A slice with its forward and the points of its fit, k ascending; vols per 1.00."""

    slice: Slice
    forward: float
    rung: int
    used: int
    offered: int
    spread: float
    """Yuan: median distance of the strikes' parity forwards from the forward."""
    k: Floats
    vol: Floats
    weight: Floats
    sign: Floats
    strike: Floats
    price: Floats
    dropped: Counter[str]
    implied: Counter[str]


def half_width(price: Floats) -> Floats:
    """Half of the made-up book around a close, yuan."""
    return CLOSE_TICKS * TICK + CLOSE_SHARE * price


def forwards(slices: list[Slice]) -> Floats:
    """[expiries, carry.COLUMNS]: the ladder over one day's slices; closes have no spot."""
    n = len(slices)
    table = np.full((n, forward.CONSENSUS), np.nan)
    for row, one in zip(table, slices, strict=True):
        call, put = half_width(one.call), half_width(one.put)
        books = (one.call - call, one.call + call, one.put - put, one.put + put)
        # A price below its own half width still has a bid: the exchange's least price.
        bids = [np.where(side < TICK, TICK, side) for side in (books[0], books[2])]
        sides = (bids[0], books[1], bids[1], books[3])
        forward.consensus_forward(
            one.strike, *sides, one.strike.size, one.discount, float("nan"), row
        )
    years = np.array([one.years for one in slices])
    out = np.empty((n, carry.COLUMNS))
    basis = np.full(n, np.nan)
    nan = float("nan")
    carry.forward_ladder(table, years, basis, n, nan, RATE, 0.0, float("inf"), out)
    return np.column_stack([out, table[:, forward.OFFERED]])


def reason_of(sign: float, price: float, at: float, strike: float, discount: float) -> str:
    """Why a price has no volatility, or "volatility" when it has one."""
    undiscounted = price / discount
    if undiscounted < sign * (at - strike):
        return "below intrinsic value"
    if undiscounted <= max(sign * (at - strike), 0.0):
        return "at intrinsic value"
    if undiscounted >= (at if sign > 0 else strike):
        return "at or above its upper bound"
    return "volatility"


def _implied(
    sign: npt.NDArray[np.float64], price: Floats, at: float, strike: Floats, one: Slice
) -> Floats:
    n = strike.size
    same = [np.full(n, value) for value in (at, one.tau, one.discount)]
    out = np.empty(n)
    implied_chain(sign, price, same[0], strike, same[1], same[2], out)
    return out


def points(one: Slice, ladder: Floats) -> Points:
    """The points of a slice whose row of `forwards` is `ladder`; every row gets one reason."""
    dropped, implied = Counter(one.dropped), Counter[str]()
    at = float(ladder[carry.FORWARD])
    rows = int(np.isfinite(one.call).sum() + np.isfinite(one.put).sum())
    head = (int(ladder[carry.RUNG]), int(ladder[carry.USED]), int(ladder[-1]))
    empty = [np.empty(0)] * 6
    if not at > 0.0 or rows == 0:
        dropped[closes.NO_FORWARD] += rows
        return Points(one, at, *head, float("nan"), *empty, dropped, implied)
    kept = []
    for i, strike in enumerate(one.strike):
        for sign, price in ((1.0, one.call[i]), (-1.0, one.put[i])):
            if not np.isfinite(price):
                continue
            implied[reason_of(sign, price, at, strike, one.discount)] += 1
            if (strike >= at) != (sign > 0.0):
                dropped[closes.PARITY_ONLY] += 1
            elif price < (LEAST_TICKS - 0.5) * TICK:
                dropped[closes.TOO_CHEAP] += 1
            else:
                kept.append((sign, strike, price))
    sign, strike, price = np.array(kept, dtype=np.float64).reshape(-1, 3).T.copy()
    vol = _implied(sign, price, at, strike, one)
    good = (vol >= VOL_LOW) & (vol <= VOL_HIGH)
    dropped[closes.NO_VOL] += int(good.size - good.sum())
    dropped[closes.KEPT] += int(good.sum())
    sign, strike, price, vol = (np.ascontiguousarray(a[good]) for a in (sign, strike, price, vol))
    k = np.array([log_ratio(float(s), at) for s in strike])
    table = np.empty((black.ROWS, strike.size))
    same = [np.full(strike.size, value) for value in (at, one.tau, one.discount)]
    black.price_chain(sign, same[0], strike, vol, same[1], same[2], table)
    spread = 2.0 * half_width(price)
    weight = (table[black.VEGA] / spread) ** 2
    parity = one.strike + (one.call - one.put) / one.discount
    away = np.abs(parity[np.isfinite(parity)] - at)
    apart = float(np.median(away)) if away.size else float("nan")
    return Points(one, at, *head, apart, k, vol, weight, sign, strike, price, dropped, implied)


def prices(one: Points, vol: Floats) -> Floats:
    """Prices in yuan of a slice's points at other vols."""
    table = np.empty((black.ROWS, vol.size))
    n = vol.size
    same = [np.full(n, value) for value in (one.forward, one.slice.tau, one.slice.discount)]
    black.price_chain(one.sign, same[0], one.strike, vol, same[1], same[2], table)
    return table[black.PRICE].copy()
