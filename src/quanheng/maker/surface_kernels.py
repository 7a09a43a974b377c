"""Kernels of the surface: forward by parity, one curve per expiry, theoretical values of a class.

Fits see only other participants' prices: our own resting quantity is taken out of the book first,
so that our lean cannot feed back into our own theory.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import curve
from quanheng.kernels.desk.black import log_moneyness, price_chain
from quanheng.kernels.desk.forward import parity_forward
from quanheng.kernels.desk.implied import implied_one
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import norm_pdf
from quanheng.maker import columns as c
from quanheng.terms import codes, market

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

YUAN = 1e-4
GIVEN_SPOT = 0
GIVEN_LEFT = 1
GIVEN_YEAR = 2
GIVEN_FIT = 3
GIVEN_BASIS = 4
GIVEN_RESIDUAL_GAIN = 5
GIVEN_RESIDUAL_SHARE = 6
_NAN = float("nan")
_PHASE_CONTINUOUS = int(codes.Phase.CONTINUOUS)
_LEAST_PRICE = 3e-4
"""Yuan; below three ticks a price says more about the tick than about volatility."""

_RESIDUAL_TICKS = 15
_WIDEST = 75
"""Ticks; a market wider than this and than half of its mid says nothing about the price."""


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
def _mid(row: Ints, work: Ints) -> tuple[float, float]:
    """(mid, width) in yuan of the others' quotes of a contract in continuous trading, else NaN."""
    if row[market.PHASE] != _PHASE_CONTINUOUS:
        return _NAN, _NAN
    bid = others_best(row, c.BID_SIDE, work)
    ask = others_best(row, c.ASK_SIDE, work)
    if bid <= 0 or ask <= bid or ask - bid > max(_WIDEST, (bid + ask) // 4):
        return _NAN, _NAN
    return 0.5 * YUAN * (bid + ask), YUAN * (ask - bid)


@kernel
def _fit_points(
    prices: Floats, forward: float, tau: float, discount: float, warm: Floats, out: Floats
) -> int:
    """Fit a curve to out-of-the-money prices[n, 5] (strike, call, width, put, width)."""
    count = prices.shape[0]
    x = np.empty(count)
    vol = np.empty(count)
    weight = np.empty(count)
    root = math.sqrt(tau)
    used = 0
    for i in range(count):
        strike = prices[i, 0]
        call = strike >= forward
        price = prices[i, 1] if call else prices[i, 3]
        width = prices[i, 2] if call else prices[i, 4]
        if not price >= _LEAST_PRICE:
            continue
        implied = implied_one(1.0 if call else -1.0, price, forward, strike, tau, discount)
        if not implied > 0.0:
            continue
        at = log_moneyness(strike, forward, tau)
        vega = norm_pdf(at / implied - 0.5 * implied * root)
        spread = width + YUAN
        x[used] = at
        vol[used] = implied
        weight[used] = vega * vega / (spread * spread)
        used += 1
    return curve.fit(x, vol, weight, used, warm, out)


@kernel
def _fit_expiry(prices: Floats, fit: Floats, near: float, gain: float) -> tuple[int, float]:
    """One expiry from prices[n, 5]: (curve status, parity forward or NaN); updates `fit`.

    `gain` is the share of a new fit that is taken over. A failed fit keeps the last good one
    (reliability: stale-fit fallback, rules.md 8.4).
    """
    count = prices.shape[0]
    tau = fit[c.X_TAU]
    discount = fit[c.X_DISCOUNT]
    if not tau > 0.0:
        return curve.TOO_FEW, _NAN
    forward, _, used = parity_forward(
        np.ascontiguousarray(prices[:, 0]),
        np.ascontiguousarray(prices[:, 1]),
        np.ascontiguousarray(prices[:, 2]),
        np.ascontiguousarray(prices[:, 3]),
        np.ascontiguousarray(prices[:, 4]),
        count,
        discount,
        near,
    )
    base = forward if used > 0 else near
    warm = np.empty(curve.PARAMS)
    out = np.empty(curve.PARAMS)
    for j in range(curve.PARAMS):
        warm[j] = fit[c.X_PARAMS + j]
    status = _fit_points(prices, base, tau, discount, warm, out)
    if status == curve.OK:
        cold = not math.isfinite(warm[curve.LEVEL])
        share = 1.0 if cold else gain
        for j in range(curve.PARAMS):
            blended = j <= curve.CALL_CURVATURE and not cold
            fresh = warm[j] + share * (out[j] - warm[j]) if blended else out[j]
            fit[c.X_PARAMS + j] = fresh
    return status, forward if used > 0 else _NAN


@kernel
def price_class(
    fixed: Ints, fits: Floats, params: Ints, theo: Floats, start: int, stop: int, shift: int
) -> int:
    """Theoretical values of the slots [start, stop) into theo; returns the number without one.

    `shift` is the column of params with the trader's vol offset in 1e-6 (rules.md 8.4: offsets are
    kept apart from the fit).
    """
    n = stop - start
    inputs = np.empty((6, n))
    out = np.empty((6, n))
    for i in range(n):
        row = fixed[start + i]
        fit = fits[row[c.F_EXPIRY]]
        strike = row[c.F_STRIKE] * YUAN
        at = log_moneyness(strike, fit[c.X_FORWARD], fit[c.X_TAU])
        at = at if math.isfinite(at) else 0.0
        vol = curve.vol_at(fit[c.X_PARAMS :], at) + params[start + i, shift] * 1e-6
        inputs[0, i] = row[c.F_SIGN]
        inputs[1, i] = fit[c.X_FORWARD]
        inputs[2, i] = strike
        inputs[3, i] = max(vol, curve.VOL_LOW)
        inputs[4, i] = fit[c.X_TAU]
        inputs[5, i] = fit[c.X_DISCOUNT]
    price_chain(inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5], out)
    missing = 0
    for i in range(n):
        for j in range(6):
            theo[start + i, j] = out[j, i]
        theo[start + i, c.T_VOL] = inputs[3, i]
        missing += 0 if math.isfinite(out[0, i]) else 1
    return missing


@kernel
def _refit(
    market_rows: Ints, work: Ints, pairs: Ints, meta: Ints, fit: Floats, spot: float, given: Floats
) -> None:
    """Refit one expiry (its row of meta and fits) from the others' quotes."""
    start = meta[c.E_PAIR_START]
    count = meta[c.E_PAIR_STOP] - start
    prices = np.empty((count, 5))
    for i in range(count):
        call = pairs[start + i, 0]
        put = pairs[start + i, 1]
        prices[i, 0] = pairs[start + i, 2] * YUAN
        prices[i, 1], prices[i, 2] = _mid(market_rows[call], work[call])
        prices[i, 3], prices[i, 4] = _mid(market_rows[put], work[put])
    status, forward = _fit_expiry(prices, fit, spot + fit[c.X_BASIS], given[GIVEN_FIT])
    if math.isfinite(forward):
        fit[c.X_BASIS] += given[GIVEN_BASIS] * (forward - spot - fit[c.X_BASIS])
    meta[c.E_STATUS] = status
    if status == curve.OK:
        meta[c.E_FITS] += 1
        meta[c.E_FAILED] = 0
    else:
        meta[c.E_FAILED] += 1


@kernel
def _corrected(row: Floats, share: float) -> float:
    """Curve price moved by a share of the residual, at most by a fifth of itself and 15 ticks."""
    price = row[c.T_PRICE]
    bound = max(_RESIDUAL_TICKS * YUAN, 0.2 * price)
    moved = price + min(max(share * row[c.T_RESIDUAL], -bound), bound)
    return float(max(moved, min(price, 0.5 * YUAN)))


@kernel
def reprice_class(
    fixed: Ints,
    market_rows: Ints,
    work: Ints,
    pairs: Ints,
    meta: Ints,
    fits: Floats,
    params: Ints,
    theo: Floats,
    which: Ints,
    given: Floats,
) -> tuple[int, int, int]:
    """Theory of one class at one instant: (good fits, expiries, most failures in a row).

    which = (class, start, stop, refit 0/1, column of params with the vol offset); given by the
    GIVEN columns: spot in yuan, share of today's trading still to come, days of a year, the shares
    of a new curve and a new basis that are taken over, and for what four coefficients cannot bend
    to (far wings): the share of a new residual taken over and the share of it that counts.
    """
    good = 0
    expiries = 0
    worst = 0
    spot = given[GIVEN_SPOT]
    for e in range(meta.shape[0]):
        if meta[e, c.E_KLASS] != which[0]:
            continue
        expiries += 1
        fits[e, c.X_TAU] = (meta[e, c.E_DAYS] + given[GIVEN_LEFT]) / given[GIVEN_YEAR]
        if which[3] != 0:
            _refit(market_rows, work, pairs, meta[e], fits[e], spot, given)
            good += 1 if meta[e, c.E_STATUS] == curve.OK else 0
            worst = max(worst, meta[e, c.E_FAILED])
        fits[e, c.X_FORWARD] = spot + fits[e, c.X_BASIS]
    price_class(fixed, fits, params, theo, which[1], which[2], which[4])
    for slot in range(which[1], which[2]):
        row = theo[slot]
        if which[3] != 0:
            mid, _ = _mid(market_rows[slot], work[slot])
            if math.isfinite(mid - row[c.T_PRICE]):
                row[c.T_RESIDUAL] += given[GIVEN_RESIDUAL_GAIN] * (
                    mid - row[c.T_PRICE] - row[c.T_RESIDUAL]
                )
        row[c.T_PRICE] = _corrected(row, given[GIVEN_RESIDUAL_SHARE])
    return good, expiries, worst


@kernel
def fit_settles(
    fixed: Ints, pairs: Ints, meta: Ints, fits: Floats, spots: Floats, rate: float
) -> int:
    """First curves from previous settlement prices; returns the number of good fits.

    spots = the underlyings' previous closes in yuan, by class. An expiry whose parity cannot be
    read gets the forward spot/discount.
    """
    good = 0
    for e in range(meta.shape[0]):
        fit = fits[e]
        spot = spots[meta[e, c.E_KLASS]]
        start = meta[e, c.E_PAIR_START]
        count = meta[e, c.E_PAIR_STOP] - start
        prices = np.empty((count, 5))
        for i in range(count):
            prices[i, 0] = pairs[start + i, 2] * YUAN
            prices[i, 1] = fixed[pairs[start + i, 0], c.F_SETTLE] * YUAN
            prices[i, 3] = fixed[pairs[start + i, 1], c.F_SETTLE] * YUAN
            prices[i, 2] = YUAN
            prices[i, 4] = YUAN
        near = spot * (1.0 + rate * fit[c.X_TAU])
        status, forward = _fit_expiry(prices, fit, near, 1.0)
        used = forward if math.isfinite(forward) else near
        fit[c.X_BASIS] = used - spot
        fit[c.X_FORWARD] = used
        meta[e, c.E_STATUS] = status
        good += 1 if status == curve.OK else 0
    return good
