"""Kernels of the ledger: what a class's profit came from since it was last accounted (R-06).

The profit of a step is integer Money from marks in whole Ticks; the terms are `desk.explain`'s,
with the vol's moves split by the curve's parameters, each rounded to Money once per class and step.
The residual is what is left of the integer profit, so terms and residual add to it exactly.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import explain as x
from quanheng.kernels.desk.black import all_greeks
from quanheng.kernels.desk.curves.shift import bounded_z, moneyness
from quanheng.kernels.desk.curves.smile import vol_at
from quanheng.kernels.jit import kernel
from quanheng.maker import columns as c
from quanheng.maker import ledger_state as s
from quanheng.maker import parameters as p
from quanheng.maker.flow import LEARNT, learn
from quanheng.maker.point_kernels import YUAN

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_PARAMETERS = 3
_MONEY = 1e4
_PART = 1e-6
"""The unit of the trader's deltas."""
_PLACES = (
    (s.THETA, x.THETA),
    (s.DELTA, x.DELTA),
    (s.CARRY, x.CARRY),
    (s.GAMMA, x.GAMMA),
    (s.LEVEL, x.TERMS),
    (s.SLOPE, x.TERMS + 1),
    (s.CURVATURE, x.TERMS + 2),
    (s.SMILE, x.VEGA),
    (s.VANNA, x.VANNA),
    (s.VOLGA, x.VOLGA),
    (s.CHARM, x.CHARM),
    (s.DISCOUNTING, x.DISCOUNTING),
)


@kernel
def mark_of(theo: float, settle: int) -> int:
    """Ticks at which a contract is marked: theory where there is one, else yesterday's settlement.

    Halves go up.
    """
    return math.floor(theo * _MONEY + 0.5) if math.isfinite(theo) else settle


@kernel
def _curve_moves(meta: Ints, fits: Floats, curves: Floats, expiries: Floats, klass: int) -> Floats:
    """moves[expiries, 3]: how the published curves of a class moved in level, slope and curvature.

    Read at fixed ln(K/F): a parabola in z through the moves at the money and one wing each side.
    """
    moves = np.zeros((meta.shape[0], _PARAMETERS))
    for e in range(meta.shape[0]):
        if meta[e, c.E_KLASS] != klass or not expiries[e, s.X_TAU] > 0.0:
            continue
        row, old = curves[c.PUBLISHED, e], expiries[e]
        place = s.WING * math.sqrt(old[s.X_TAU])
        below = vol_at(row, -place) - old[s.X_BELOW]
        middle = vol_at(row, 0.0) - old[s.X_MIDDLE]
        above = vol_at(row, place) - old[s.X_ABOVE]
        if math.isfinite(below + middle + above):
            moves[e, 0] = middle
            moves[e, 1] = (above - below) / (2.0 * s.WING)
            moves[e, 2] = (above + below - 2.0 * middle) / (2.0 * s.WING * s.WING)
    return moves


@kernel
def _remember(
    fixed: Ints,
    meta: Ints,
    fits: Floats,
    curves: Floats,
    params: Ints,
    theo: Floats,
    klass: int,
    start: int,
    stop: int,
    marks: Ints,
    last: Floats,
    expiries: Floats,
) -> None:
    """Keep a class's theory for the next step."""
    for e in range(meta.shape[0]):
        if meta[e, c.E_KLASS] != klass:
            continue
        row = curves[c.PUBLISHED, e]
        expiries[e, s.X_FORWARD] = fits[e, c.X_FORWARD]
        expiries[e, s.X_TAU] = fits[e, c.X_TAU]
        expiries[e, s.X_DISCOUNT] = fits[e, c.X_DISCOUNT]
        place = s.WING * math.sqrt(max(fits[e, c.X_TAU], 0.0))
        expiries[e, s.X_BELOW] = vol_at(row, -place)
        expiries[e, s.X_MIDDLE] = vol_at(row, 0.0)
        expiries[e, s.X_ABOVE] = vol_at(row, place)
    for slot in range(start, stop):
        row = theo[slot]
        marks[slot] = mark_of(row[c.T_PRICE], fixed[slot, c.F_SETTLE])
        last[slot, s.A_VOL] = row[c.T_VOL] if math.isfinite(row[c.T_PRICE]) else math.nan
        for j in range(_PARAMETERS):
            last[slot, s.A_LEVEL + j] = params[slot, p.P_CURVE_LEVEL + j] * _PART


@kernel
def account_class(
    fixed: Ints,
    meta: Ints,
    fits: Floats,
    curves: Floats,
    params: Ints,
    theo: Floats,
    long: Ints,
    short: Ints,
    covered: Ints,
    klass: int,
    start: int,
    stop: int,
    spot: int,
    before: int,
    marks: Ints,
    last: Floats,
    expiries: Floats,
    terms: Ints,
) -> None:
    """Add to terms[TERMS] of a class what its contracts gained since the last call, by cause, and
    keep the new theory in marks, last and expiries (ledger_state).

    `spot` and `before` are the underlying now and at the last call, Ticks.
    """
    held = np.empty(stop - start, dtype=np.int64)
    n = 0
    for slot in range(start, stop):
        net = long[slot] - short[slot] - covered[slot]
        if net == 0:
            continue
        if math.isfinite(theo[slot, c.T_PRICE]) and math.isfinite(last[slot, s.A_VOL]):
            held[n] = slot
            n += 1
        else:
            mark = mark_of(theo[slot, c.T_PRICE], fixed[slot, c.F_SETTLE])
            gained = net * fixed[slot, c.F_UNIT] * (mark - marks[slot])
            terms[s.SETTLEMENT] += gained
    if n > 0:
        moves = _curve_moves(meta, fits, curves, expiries, klass)
        _explain(
            held[:n], fixed, fits, curves, params, theo, long, short, covered, spot / before - 1.0,
            marks, last, expiries, moves, terms,
        )  # fmt: skip
    _remember(fixed, meta, fits, curves, params, theo, klass, start, stop, marks, last, expiries)


@kernel
def _steps(
    i: int,
    slot: int,
    e: int,
    strike: float,
    old: Floats,
    curves: Floats,
    params: Ints,
    last: Floats,
    moves: Floats,
    slopes: Floats,
) -> None:
    """slopes[:, i]: what the moves of each curve parameter did to one contract's vol."""
    swim = params[slot, p.P_SWIM] * 1e-4
    place = moneyness(strike, curves[c.PUBLISHED, e], old[x.S_FORWARD, i], swim)
    z = bounded_z(place, old[x.S_TAU, i])
    power = 1.0
    for j in range(_PARAMETERS):
        own = params[slot, p.P_CURVE_LEVEL + j] * _PART - last[slot, s.A_LEVEL + j]
        slopes[j, i] = power * (moves[e, j] + own)
        power *= z


@kernel
def _explain(
    held: Ints,
    fixed: Ints,
    fits: Floats,
    curves: Floats,
    params: Ints,
    theo: Floats,
    long: Ints,
    short: Ints,
    covered: Ints,
    spot_move: float,
    marks: Ints,
    last: Floats,
    expiries: Floats,
    moves: Floats,
    terms: Ints,
) -> None:
    """The terms of the contracts `held`, which have a theory before and after."""
    n = held.size
    units = np.empty(n)
    old = np.empty((x.STATE_ROWS, n))
    new = np.empty((x.STATE_ROWS, n))
    greeks = np.empty((x.GREEK_ROWS, n))
    slopes = np.empty((_PARAMETERS, n))
    gained = 0
    offset = 0.0
    for i in range(n):
        slot = held[i]
        row = fixed[slot]
        e = row[c.F_EXPIRY]
        sign, strike = float(row[c.F_SIGN]), row[c.F_STRIKE] * YUAN
        units[i] = (long[slot] - short[slot] - covered[slot]) * row[c.F_UNIT]
        old[x.S_FORWARD, i] = expiries[e, s.X_FORWARD]
        old[x.S_VOL, i] = last[slot, s.A_VOL]
        old[x.S_TAU, i] = expiries[e, s.X_TAU]
        old[x.S_DISCOUNT, i] = expiries[e, s.X_DISCOUNT]
        new[x.S_FORWARD, i] = fits[e, c.X_FORWARD]
        new[x.S_VOL, i] = theo[slot, c.T_VOL]
        new[x.S_TAU, i] = fits[e, c.X_TAU]
        new[x.S_DISCOUNT, i] = fits[e, c.X_DISCOUNT]
        price, delta, gamma, vega, theta, _, vanna, volga, charm = all_greeks(
            sign, old[x.S_FORWARD, i], strike, old[x.S_VOL, i], old[x.S_TAU, i],
            old[x.S_DISCOUNT, i],
        )  # fmt: skip
        old[x.S_PRICE, i] = price
        new[x.S_PRICE, i] = all_greeks(
            sign, new[x.S_FORWARD, i], strike, new[x.S_VOL, i], new[x.S_TAU, i],
            new[x.S_DISCOUNT, i],
        )[0]  # fmt: skip
        greeks[x.G_DELTA, i], greeks[x.G_GAMMA, i], greeks[x.G_VEGA, i] = delta, gamma, vega
        greeks[x.G_THETA, i], greeks[x.G_VANNA, i] = theta, vanna
        greeks[x.G_VOLGA, i], greeks[x.G_CHARM, i] = volga, charm
        _steps(i, slot, e, strike, old, curves, params, last, moves, slopes)
        moved = mark_of(theo[slot, c.T_PRICE], row[c.F_SETTLE]) - marks[slot]
        gained += int(units[i]) * moved
        offset += units[i] * (moved * YUAN - (new[x.S_PRICE, i] - old[x.S_PRICE, i]))
    parts = np.empty((x.TERMS + _PARAMETERS, n))
    totals = np.empty(x.TERMS + _PARAMETERS)
    x.explain(units, old, new, greeks, spot_move, slopes, np.ones(_PARAMETERS), parts, totals)
    left = gained
    for place, source in _PLACES:
        amount = math.floor(totals[source] * _MONEY + 0.5)
        terms[place] += amount
        left -= amount
    amount = math.floor(offset * _MONEY + 0.5) if math.isfinite(offset) else 0
    terms[s.OFFSET] += amount
    terms[s.RESIDUAL] += left - amount


@kernel
def mark_out(
    pending: Ints,
    ring: Ints,
    horizons: Ints,
    priced_at: int,
    marks: Ints,
    theo: Floats,
    fixed: Ints,
    fills: Ints,
    average: Ints,
) -> None:
    """Mark a class's pending fills again, each at the first theory at or after its horizons.

    pending [PENDING, PENDING_COLUMNS] and ring [R_COLUMNS] are the class's; fills[slots,
    FILL_COLUMNS] receive Money against the fill price, and contracts; average[LEARNT] learns
    (`flow.learn`), from theory alone.
    """
    for h in range(horizons.size):
        while ring[s.R_TAKEN + h] < ring[s.R_PUT]:
            one = pending[ring[s.R_TAKEN + h] % s.PENDING]
            if one[s.P_AT] + horizons[h] > priced_at:
                break
            slot, qty = one[s.P_SLOT], one[s.P_QTY]
            moved = marks[slot] - one[s.P_PRICE]
            fills[slot, s.MARK_OUT + h] += qty * fixed[slot, c.F_UNIT] * moved
            fills[slot, s.MARKED + h] += abs(qty)
            if h < LEARNT and math.isfinite(theo[slot, c.T_PRICE]):
                learn(average, h, moved if qty > 0 else -moved, one[s.P_CAP])
            ring[s.R_TAKEN + h] += 1
