"""Kernels of what a class's curves are fitted to: quotes of the others, forwards, points.

Fits see only other participants' prices: our own resting quantity is taken out of the book first,
so that our lean cannot feed back into our own theory.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import carry, forward
from quanheng.kernels.desk.black import log_moneyness
from quanheng.kernels.desk.implied import implied_one
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import log_ratio, norm_pdf
from quanheng.maker import columns as c
from quanheng.maker import curve_kernels as k
from quanheng.terms import codes, market

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

YUAN = 1e-4

# quotes float64[slots of a class, QUOTES], yuan, NaN for none
QUOTE_BID = 0
QUOTE_ASK = 1
QUOTE_MID = 2
QUOTE_WIDTH = 3
QUOTES = 4

_NAN = float("nan")
_PHASE_CONTINUOUS = int(codes.Phase.CONTINUOUS)
_LEAST_PRICE = 3e-4
"""Yuan; below three ticks a price says more about the tick than about volatility."""

_WIDEST = 75
"""Ticks; a market wider than this and than half of its mid says nothing about the price."""
_WIDEST_PARITY = 0.01
"""Share of the spot; a forward known less well comes from the next rung (kernels.desk.carry)."""


@kernel
def others_best(row: Ints, side: int, work: Ints) -> int:
    """Best price of the others on a side (0 bid, 1 ask) of a market row; 0 when there is none."""
    price_at = market.BID if side == c.BID_SIDE else market.ASK
    qty_at = market.BID_QTY if side == c.BID_SIDE else market.ASK_QTY
    base = side * c.W_COLUMNS
    for level in range(market.LEVELS):
        price = row[price_at + level]
        if price <= 0:
            return 0
        qty = row[qty_at + level]
        if work[base + c.W_LIVE_PX] == price:
            qty -= work[base + c.W_LIVE_QTY]
        if work[base + c.W_PEND_PX] == price:
            qty -= work[base + c.W_PEND_QTY]
        if qty > 0:
            return int(price)
    return 0


@kernel
def market_quotes(rows: Ints, work: Ints, start: int, stop: int, quotes: Floats) -> None:
    """quotes float64[slots, QUOTES] of a class in yuan from the others' books, NaN for none.

    Bid and ask of contracts in continuous trading, each alone too; mid and width of a market that
    is not too wide to say something.
    """
    for slot in range(start, stop):
        quote = quotes[slot - start]
        for j in range(QUOTES):
            quote[j] = _NAN
        if rows[slot, market.PHASE] != _PHASE_CONTINUOUS:
            continue
        bid = others_best(rows[slot], c.BID_SIDE, work[slot])
        ask = others_best(rows[slot], c.ASK_SIDE, work[slot])
        if bid > 0:
            quote[QUOTE_BID] = YUAN * bid
        if ask > 0:
            quote[QUOTE_ASK] = YUAN * ask
        if bid > 0 and ask > bid and ask - bid <= max(_WIDEST, (bid + ask) // 4):
            quote[QUOTE_MID] = 0.5 * YUAN * (bid + ask)
            quote[QUOTE_WIDTH] = YUAN * (ask - bid)


@kernel
def settle_quotes(fixed: Ints, start: int, stop: int, quotes: Floats) -> None:
    """quotes of a class as if each contract were quoted a tick wide around its settlement."""
    for slot in range(start, stop):
        price = fixed[slot, c.F_SETTLE] * YUAN
        quotes[slot - start, QUOTE_BID] = price - 0.5 * YUAN
        quotes[slot - start, QUOTE_ASK] = price + 0.5 * YUAN
        quotes[slot - start, QUOTE_MID] = price
        quotes[slot - start, QUOTE_WIDTH] = YUAN


@kernel
def _points(
    pairs: Ints, quotes: Floats, first: int, fit: Floats, ahead: float, points: Floats, used: int
) -> int:
    """Append the points of one expiry, out of the money, from rows of pairs; the new count.

    Weights are (vega / spread)^2 (rules.md 8.4), in any unit.
    """
    tau = fit[c.X_TAU]
    root = math.sqrt(tau)
    for i in range(pairs.shape[0]):
        strike = pairs[i, 2] * YUAN
        call = strike >= ahead
        quote = quotes[pairs[i, 0 if call else 1] - first]
        price = quote[QUOTE_MID]
        if not price >= _LEAST_PRICE:
            continue
        sign = 1.0 if call else -1.0
        implied = implied_one(sign, price, ahead, strike, tau, fit[c.X_DISCOUNT])
        if not implied > 0.0:
            continue
        x = log_moneyness(strike, ahead, tau)
        vega = norm_pdf(x / implied - 0.5 * implied * root)
        spread = quote[QUOTE_WIDTH] + YUAN
        points[k.K, used] = log_ratio(strike, ahead)
        points[k.VOL, used] = implied
        points[k.WEIGHT, used] = vega * vega / (spread * spread)
        used += 1
    return used


@kernel
def _consensus(
    pairs: Ints, quotes: Floats, first: int, fit: Floats, near: float, out: Floats
) -> None:
    """Robust forward of one expiry from the books of its pairs (forward.consensus_forward)."""
    count = pairs.shape[0]
    books = np.empty((5, count))
    for i in range(count):
        call = quotes[pairs[i, 0] - first]
        put = quotes[pairs[i, 1] - first]
        books[0, i] = pairs[i, 2] * YUAN
        books[1, i] = call[QUOTE_BID]
        books[2, i] = call[QUOTE_ASK]
        books[3, i] = put[QUOTE_BID]
        books[4, i] = put[QUOTE_ASK]
    forward.consensus_forward(
        books[0], books[1], books[2], books[3], books[4], count, fit[c.X_DISCOUNT], near, out
    )


@kernel
def gather(
    pairs: Ints,
    meta: Ints,
    fits: Floats,
    life: Ints,
    quotes: Floats,
    klass: int,
    first: int,
    spot: float,
    rate: float,
    points: Floats,
    spans: Ints,
    forwards: Floats,
) -> int:
    """Forwards and points of a class's expiries; how many. Forwards come down a ladder of rungs."""
    n = 0
    for e in range(meta.shape[0]):
        if meta[e, c.E_KLASS] == klass and fits[e, c.X_TAU] > 0.0:
            spans[n, k.S_EXPIRY] = e
            n += 1
    agreed = np.empty((n, forward.CONSENSUS))
    years = np.empty(n)
    basis = np.empty(n)
    ladder = np.empty((n, carry.COLUMNS))
    for i in range(n):
        e = spans[i, k.S_EXPIRY]
        own = pairs[meta[e, c.E_PAIR_START] : meta[e, c.E_PAIR_STOP]]
        years[i] = fits[e, c.X_YEARS]
        basis[i] = fits[e, c.X_BASIS]
        _consensus(own, quotes, first, fits[e], spot + basis[i], agreed[i])
    widest = _WIDEST_PARITY * spot
    carry.forward_ladder(agreed, years, basis, n, spot, rate, 0.0, widest, ladder)
    used = 0
    for i in range(n):
        e = spans[i, k.S_EXPIRY]
        own = pairs[meta[e, c.E_PAIR_START] : meta[e, c.E_PAIR_STOP]]
        forwards[i] = ladder[i, carry.FORWARD]
        life[e, c.V_FORWARD] = int(ladder[i, carry.RUNG])
        spans[i, k.S_START] = used
        used = _points(own, quotes, first, fits[e], forwards[i], points, used)
        spans[i, k.S_STOP] = used
    return n
