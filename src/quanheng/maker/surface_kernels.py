"""Kernels of the surface: forwards and curves of a class, and its theoretical values."""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import carry
from quanheng.kernels.desk.black import price_chain
from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves.repair import UNUSABLE, repair_butterfly
from quanheng.kernels.desk.curves.shift import POINT, bounded_z, moneyness
from quanheng.kernels.desk.curves.smile import vol_at
from quanheng.kernels.desk.curves.wing import fit_wing
from quanheng.kernels.jit import kernel
from quanheng.maker import columns as c
from quanheng.maker import curve_kernels as k
from quanheng.maker import level_kernels as levels
from quanheng.maker import parameters as p
from quanheng.maker import point_kernels as q
from quanheng.maker.curve_life import Rung

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

GIVEN_SPOT = 0
GIVEN_LEFT = 1
GIVEN_YEAR = 2
GIVEN_BASIS = 3
GIVEN_RESIDUAL_GAIN = 4
GIVEN_RESIDUAL_SHARE = 5
GIVEN_RATE = 6
GIVEN = 7
_NAN = float("nan")
_LEVEL = p.P_CURVE_LEVEL
_SETTLEMENT = int(Rung.SETTLEMENT)
_LEVEL_ONLY = int(Rung.LEVEL)
_NOTHING = int(Rung.NOTHING)
_RESIDUAL_TICKS = 15


@kernel
def price_class(
    fixed: Ints, fits: Floats, curves: Floats, params: Ints, theo: Floats, start: int, stop: int
) -> int:
    """Theoretical values of the slots [start, stop) into theo; returns the number without one.

    The trader's deltas are kept apart from the fit (rules.md 8.4): level, slope and curvature of
    the curve (curves.shift) and the contract's own offset; `swim` says where the curve is read.
    """
    n = stop - start
    inputs = np.empty((6, n))
    out = np.empty((6, n))
    for i in range(n):
        row = fixed[start + i]
        mine = params[start + i]
        fit = fits[row[c.F_EXPIRY]]
        curve = curves[c.PUBLISHED, row[c.F_EXPIRY]]
        strike = row[c.F_STRIKE] * q.YUAN
        place = moneyness(strike, curve, fit[c.X_FORWARD], mine[p.P_SWIM] * 1e-4)
        vol = vol_at(curve, place)
        level, slope, bend = mine[_LEVEL], mine[_LEVEL + 1], mine[_LEVEL + 2]
        shift = float(level + mine[p.P_VOL_SHIFT])
        if slope != 0 or bend != 0:
            z = bounded_z(place, fit[c.X_TAU])
            shift += z * (slope + z * bend)
        vol += shift * 1e-6
        inputs[0, i] = row[c.F_SIGN]
        inputs[1, i] = fit[c.X_FORWARD]
        inputs[2, i] = strike
        inputs[3, i] = max(vol, at.VOL_LOW)
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
def curve_exposure(
    fixed: Ints,
    fits: Floats,
    curves: Floats,
    params: Ints,
    theo: Floats,
    long: Ints,
    short: Ints,
    start: int,
    stop: int,
    out: Floats,
) -> None:
    """out[3] = yuan a class's book gains per vol point of level, slope and curvature (I-29, I-31).

    The derivatives of `price_class` in the trader's deltas (curves.shift).
    """
    for j in range(3):
        out[j] = 0.0
    for slot in range(start, stop):
        net = long[slot] - short[slot]
        vega = theo[slot, c.T_VEGA]
        if net == 0 or not math.isfinite(vega):
            continue
        e = fixed[slot, c.F_EXPIRY]
        strike = fixed[slot, c.F_STRIKE] * q.YUAN
        swim = params[slot, p.P_SWIM] * 1e-4
        place = moneyness(strike, curves[c.PUBLISHED, e], fits[e, c.X_FORWARD], swim)
        z = bounded_z(place, fits[e, c.X_TAU])
        size = net * fixed[slot, c.F_UNIT] * vega * POINT
        out[0] += size
        out[1] += size * z
        out[2] += size * z * z


@kernel
def _follow(
    fits: Floats, life: Ints, spans: Ints, n: int, forwards: Floats, given: Floats, stamp: int
) -> None:
    """The smoothed basis follows the forwards that the market or the neighbours gave."""
    spot = given[GIVEN_SPOT]
    for i in range(n):
        e = spans[i, k.S_EXPIRY]
        if life[e, c.V_FORWARD] <= carry.TERM:
            gap = forwards[i] - spot - fits[e, c.X_BASIS]
            fits[e, c.X_BASIS] += given[GIVEN_BASIS] * gap
        if life[e, c.V_FORWARD] <= carry.SINGLE or life[e, c.V_PARITY_AT] == 0:
            life[e, c.V_PARITY_AT] = stamp


@kernel
def _corrected(row: Floats, share: float) -> float:
    """Curve price moved by a share of the residual, at most by a fifth of itself and 15 ticks."""
    price = row[c.T_PRICE]
    bound = max(_RESIDUAL_TICKS * q.YUAN, 0.2 * price)
    moved = price + min(max(share * row[c.T_RESIDUAL], -bound), bound)
    return float(max(moved, min(price, 0.5 * q.YUAN)))


@kernel
def _refit(
    market_rows: Ints,
    work: Ints,
    pairs: Ints,
    meta: Ints,
    fits: Floats,
    curves: Floats,
    life: Ints,
    version: Ints,
    which: Ints,
    given: Floats,
    limits: Floats,
    quotes: Floats,
) -> tuple[int, int, int, int]:
    """Update the curves of a class: (own fits published, expiries, most failures, news)."""
    start, stop = which[k.WHICH], which[k.WHICH + 1]
    q.market_quotes(market_rows, work, start, stop, quotes)
    points = np.empty((k.POINT_ROWS, stop - start))
    spans = np.empty((meta.shape[0], k.SPAN_COLUMNS), dtype=np.int64)
    forwards = np.empty(meta.shape[0])
    klass = which[k.W_KLASS]
    spot, rate = given[GIVEN_SPOT], given[GIVEN_RATE]
    n = q.gather(pairs, meta, fits, life, quotes, klass, start, spot, rate, points, spans, forwards)
    _follow(fits, life, spans, n, forwards, given, which[k.W_AT])
    good, worst, news = k.update_class(
        fits, curves, life, points, spans[:n], forwards, which, limits, version
    )
    levels.follow_levels(curves, life, points, spans[:n], which, limits, version)
    return good, n, worst, news


@kernel
def reprice_class(
    fixed: Ints,
    market_rows: Ints,
    work: Ints,
    pairs: Ints,
    meta: Ints,
    fits: Floats,
    curves: Floats,
    life: Ints,
    version: Ints,
    params: Ints,
    theo: Floats,
    which: Ints,
    given: Floats,
    limits: Floats,
) -> tuple[int, int, int, int]:
    """Theory of one class at one instant: (own fits, expiries, most failures in a row, news).

    Without a refit the news are expiries priced with a level that people do not know of yet.

    which = curve_kernels' WHICH columns, then start, stop, refit 0/1. given by the GIVEN columns:
    spot in yuan, share of today's trading still to come, days of a year, the share of a new basis
    that is taken over, the rate, and for what a curve cannot bend to (far wings): the share of a
    new residual taken over and the share of it that counts. limits by curve_kernels' LIMIT columns.
    """
    good, expiries, worst, news = 0, 0, 0, 0
    start, stop, refit = which[k.WHICH], which[k.WHICH + 1], which[k.WHICH + 2]
    spot = given[GIVEN_SPOT]
    quotes = np.empty((stop - start, q.QUOTES))
    for e in range(meta.shape[0]):
        if meta[e, c.E_KLASS] == which[k.W_KLASS]:
            fits[e, c.X_TAU] = (meta[e, c.E_DAYS] + given[GIVEN_LEFT]) / given[GIVEN_YEAR]
    if refit != 0:
        good, expiries, worst, news = _refit(
            market_rows,
            work,
            pairs,
            meta,
            fits,
            curves,
            life,
            version,
            which,
            given,
            limits,
            quotes,
        )
    for e in range(meta.shape[0]):
        if meta[e, c.E_KLASS] == which[k.W_KLASS]:
            fits[e, c.X_FORWARD] = spot + fits[e, c.X_BASIS]
            unsure = life[e, c.V_RUNG] == _LEVEL_ONLY
            fits[e, c.X_UNSURE] = 1.0 if unsure else 0.0
            if refit == 0 and unsure and k.standing_code(life[e], which) != life[e, c.V_TOLD]:
                news += 1
    price_class(fixed, fits, curves, params, theo, start, stop)
    for slot in range(start, stop):
        row = theo[slot]
        if refit != 0:
            miss = quotes[slot - start, q.QUOTE_MID] - row[c.T_PRICE]
            if math.isfinite(miss):
                row[c.T_RESIDUAL] += given[GIVEN_RESIDUAL_GAIN] * (miss - row[c.T_RESIDUAL])
        row[c.T_PRICE] = _corrected(row, given[GIVEN_RESIDUAL_SHARE])
    return good, expiries, worst, news


@kernel
def settle_class(
    fixed: Ints,
    pairs: Ints,
    meta: Ints,
    fits: Floats,
    curves: Floats,
    life: Ints,
    klass: int,
    start: int,
    stop: int,
    spot: float,
    rate: float,
) -> int:
    """First curves of a class from previous settlement prices; returns the number of good fits.

    spot = the underlying's previous close in yuan, rate per year. An expiry without a fit of its
    own borrows from the others, and is priced with a level where they have none.
    """
    quotes = np.empty((stop - start, q.QUOTES))
    points = np.empty((k.POINT_ROWS, stop - start))
    spans = np.empty((meta.shape[0], k.SPAN_COLUMNS), dtype=np.int64)
    forwards = np.empty(meta.shape[0])
    q.settle_quotes(fixed, start, stop, quotes)
    n = q.gather(pairs, meta, fits, life, quotes, klass, start, spot, rate, points, spans, forwards)
    good = 0
    for i in range(n):
        e = spans[i, k.S_EXPIRY]
        fits[e, c.X_FORWARD] = forwards[i]
        fits[e, c.X_BASIS] = forwards[i] - spot
        first, last = spans[i, k.S_START], spans[i, k.S_STOP]
        row = curves[c.SETTLED, e]
        status = fit_wing(
            points[k.K, first:last],
            points[k.VOL, first:last],
            points[k.WEIGHT, first:last],
            last - first,
            fits[e, c.X_TAU],
            forwards[i],
            _NAN,
            _NAN,
            row,
            row,
        )
        life[e, c.V_STATUS] = status
        life[e, c.V_MODEL] = at.WING
        life[e, c.V_RUNG] = _NOTHING
        if status == at.OK and repair_butterfly(row) != UNUSABLE:
            life[e, c.V_RUNG] = _SETTLEMENT
            good += 1
        for j in range(at.ROW):
            curves[c.PUBLISHED, e, j] = row[j]
    if good > 0:
        k.lend(fits, curves, life, spans[:n], True, 0)
    levels.open_levels(fits, curves, life, points, spans[:n])
    return good
