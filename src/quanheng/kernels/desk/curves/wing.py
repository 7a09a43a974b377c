"""Fit of the wing model of rules.md 8.3: weighted least squares of four coefficients, robust.

With the cut-offs fixed, the vol is linear in its level, slope and two curvatures, the smoothing
zones included. So a fit has a fixed cost: first weights from the residuals of the last curve, of
plain least squares, or of a search over small sets when those fit badly; then at most four weighted
solutions with Tukey's weights, each pulled slightly towards the last fit.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves import robust as r
from quanheng.kernels.desk.curves.smile import wing_side
from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]

SMOOTH = 0.5
"""Width of the smoothing zones as a share of the cut-offs (rules.md 8.3)."""
COEFFICIENTS = 4
_STEPS = 4
_WARM_PULL = 3e-4
"""Weight of the last fit, as a share of the total weight, per scaled coefficient."""
_COLD_PULL = 1e-7
"""Just enough to settle a coefficient that no point determines at zero."""
_SEARCH_PULL = 1e-5
"""Keeps a set of four badly spread points from giving a wild curve."""
_ATTEMPTS = 48
"""Sets of four points tried for a cold start; with one bad quote in five, 0.6^48 is no risk."""
_UNQUOTED = 0.2
"""Least reach of a side as a share of the other's: a side without quotes is flat soon."""
_BEND = 0.1
"""Standard deviation of the prior of a side's bend one deviation out, as a share of the vol."""
_LEAST_NOISE = 2e-5
_USUAL_NOISE = 2e-3
_MOST_NOISE = 1e-2
"""Vol: what the points may be off, whatever their residuals say."""


@kernel
def cut_offs(low: float, high: float, deviation: float) -> tuple[float, float]:
    """(dc, uc) at the outermost quotes, but at least one standard deviation from the money.

    low <= 0 <= high in k, not both zero; deviation = vol sqrt(tau). A cut-off just beside the money
    would bend the whole tail by what one or two quotes there say.
    """
    least = max(_UNQUOTED * max(high, -low), deviation)
    return min(low, -least), max(high, least)


@kernel
def _columns(table: Floats, count: int, down: float, up: float) -> float:
    """Fill the SLOPE, PUT and CALL rows for the cut-offs; returns the unit of k they are in."""
    width = max(up, -down)
    inverse = 1.0 / width
    for i in range(count):
        k = table[r.K, i]
        slope = k
        bend = k * k
        if k < down or k > up:
            cut = down if k < down else up
            slope = wing_side(k, 1.0, 0.0, cut, SMOOTH)[0]
            bend = wing_side(k, 0.0, 1.0, cut, SMOOTH)[0]
        slope *= inverse
        bend *= inverse * inverse
        table[r.SLOPE, i] = slope
        table[r.PUT, i] = bend if k < 0.0 else 0.0
        table[r.CALL, i] = bend if k >= 0.0 else 0.0
    return width


@kernel
def _solve(table: Floats, count: int, pull: float, prior: Floats, ridge: float, p: Floats) -> bool:
    """Weighted least squares into p[4] (level, slope, put, call), pulled towards `prior`.

    Each point is in one wing only, so both curvatures are eliminated at once and a system of
    two is left. The level is not pulled: it always has points. ridge pulls the curvatures
    towards none.
    """
    s0 = s1 = s2 = t0 = t1 = 0.0
    put0 = put1 = put2 = put_t = 0.0
    call0 = call1 = call2 = call_t = 0.0
    for i in range(count):
        weight = table[r.ROBUST, i] * table[r.WEIGHT, i]
        slope = table[r.SLOPE, i]
        vol = table[r.VOL, i]
        put = weight * table[r.PUT, i]
        call = weight * table[r.CALL, i]
        s0 += weight
        s1 += weight * slope
        s2 += weight * slope * slope
        t0 += weight * vol
        t1 += weight * slope * vol
        put0 += put
        put1 += put * slope
        put2 += put * table[r.PUT, i]
        put_t += put * vol
        call0 += call
        call1 += call * slope
        call2 += call * table[r.CALL, i]
        call_t += call * vol
    put_t += pull * prior[2]
    call_t += pull * prior[3]
    by_put = 1.0 / (put2 + pull + ridge)
    by_call = 1.0 / (call2 + pull + ridge)
    a00 = s0 - put0 * put0 * by_put - call0 * call0 * by_call
    a01 = s1 - put0 * put1 * by_put - call0 * call1 * by_call
    a11 = s2 + pull - put1 * put1 * by_put - call1 * call1 * by_call
    b0 = t0 - put0 * put_t * by_put - call0 * call_t * by_call
    b1 = t1 + pull * prior[1] - put1 * put_t * by_put - call1 * call_t * by_call
    determinant = a00 * a11 - a01 * a01
    if not (a00 > 0.0 and determinant > 0.0):
        return False
    inverse = 1.0 / determinant
    p[0] = (a11 * b0 - a01 * b1) * inverse
    p[1] = (a00 * b1 - a01 * b0) * inverse
    p[2] = (put_t - put0 * p[0] - put1 * p[1]) * by_put
    p[3] = (call_t - call0 * p[0] - call1 * p[1]) * by_call
    return True


@kernel
def _residuals(table: Floats, count: int, p: Floats) -> float:
    """Fill the RESIDUAL row of the coefficients p[4]; returns the weighted mean square."""
    squares = 0.0
    for i in range(count):
        bend = table[r.PUT, i] * p[2] + table[r.CALL, i] * p[3]
        residual = table[r.VOL, i] - (p[0] + table[r.SLOPE, i] * p[1] + bend)
        table[r.RESIDUAL, i] = residual
        squares += table[r.WEIGHT, i] * residual * residual
    return squares


@kernel
def _search(table: Floats, count: int) -> None:
    """Weights from the best of fixed sets of four points, by the sum of root residuals.

    Bad quotes on one wing can carry any least-squares start away; some set avoids them.
    """
    prior = np.zeros(COEFFICIENTS)
    trial = np.empty(COEFFICIENTS)
    p = np.empty(COEFFICIENTS)
    best = np.inf
    draw = 1
    for attempt in range(_ATTEMPTS):
        draw = r.choose(table, count, COEFFICIENTS, attempt, draw)
        if not _solve(table, count, _SEARCH_PULL, prior, 0.0, trial):
            continue
        _residuals(table, count, trial)
        score = r.root_score(table, count)
        if score < best:
            best = score
            p[:] = trial
    if best < np.inf:
        _residuals(table, count, p)
        r.reweigh(table, count, COEFFICIENTS, 0.0)
    else:
        for i in range(count):
            table[r.ROBUST, i] = 1.0


@kernel
def _cold_weights(table: Floats, count: int) -> None:
    """Weights without a last curve: from plain least squares if they fit, else by search.

    The SLOPE, PUT and CALL rows are filled. Four points or fewer all count.
    """
    for i in range(count):
        table[r.ROBUST, i] = 1.0
    if count <= COEFFICIENTS:
        return
    prior = np.zeros(COEFFICIENTS)
    p = np.empty(COEFFICIENTS)
    if _solve(table, count, _COLD_PULL, prior, 0.0, p):
        squares = _residuals(table, count, p)
        if squares <= r.CLEAN * r.CLEAN:
            r.reweigh(table, count, COEFFICIENTS, 0.0)
            return
    _search(table, count)


@kernel
def _ridge(table: Floats, count: int, bend: float) -> float:
    """Weight of a curvature of none: noise^2 / (n bend^2), the noise from the residuals.

    Few quotes beside the money cannot tell a side's curvature from their own noise; with this prior
    they no longer try. `bend` is its standard deviation, in the unit of the solution.
    """
    squares = 0.0
    total = 0.0
    kept = 0
    for i in range(count):
        weight = table[r.ROBUST, i] * table[r.WEIGHT, i]
        squares += weight * table[r.RESIDUAL, i] * table[r.RESIDUAL, i]
        total += weight
        kept += 1 if weight > 0.0 else 0
    # Four points have no residuals that could tell.
    known = total > 0.0 and count > COEFFICIENTS
    noise = math.sqrt(squares / total) if known else _USUAL_NOISE
    noise = min(max(noise, _LEAST_NOISE), _MOST_NOISE)
    return total * noise * noise / (max(kept, 1) * bend * bend)


@kernel
def _settle(
    table: Floats,
    count: int,
    pull: float,
    prior: Floats,
    bend: float,
    fresh: bool,
    p: Floats,
) -> int:
    """Solve and reweigh until the weights stay, at most four times; solutions made, 0 = none.

    The noise of the points is that of a fit to them: a cold start brings one (`fresh`), residuals
    of the last curve say how far the market moved.
    """
    ridge = _ridge(table, count, bend) if fresh else 0.0
    for done in range(_STEPS):
        if done == 1:
            ridge = _ridge(table, count, bend)
        if not _solve(table, count, pull, prior, ridge, p):
            return 0
        _residuals(table, count, p)
        last = done == _STEPS - 1 or r.reweigh(table, count, COEFFICIENTS, 0.0)
        if last and (fresh or done > 0):
            return done + 1
    return _STEPS


@kernel
def fit_wing(
    k: Floats,
    vol: Floats,
    weight: Floats,
    n: int,
    tau: float,
    forward: float,
    down: float,
    up: float,
    warm: Floats,
    out: Floats,
) -> int:
    """Fit a wing row to the first n points; returns the STATUS written to out[ROW].

    k = ln(K/F), vol per 1.00, weight in any unit (only ratios matter), tau in years, forward in
    yuan. Points that are not finite, have a vol outside [0.0005, 4] or no positive weight are left
    out. `down` < 0 < `up` are the cut-offs, NaN for the outermost quotes. `warm` is the last row,
    or a NaN row for none; it may be the same array as `out`. OK; TOO_FEW (fewer than three points,
    or all at k = 0) and SINGULAR leave the last curve; FALLBACK is a flat curve.
    """
    table = np.empty((r.ROWS, n))
    count = r.gather(k, vol, weight, n, table)
    low, high = r.quoted_range(table, count)
    if count < r.LEAST or not (high > low) or not (0.0 < tau < np.inf):
        return r.give_up(warm, out, at.TOO_FEW)
    vol_money = r.median(table[r.VOL], count)
    deviation = vol_money * math.sqrt(tau)
    own_down, own_up = cut_offs(low, high, deviation)
    dc = down if -np.inf < down < 0.0 else own_down
    uc = up if 0.0 < up < np.inf else own_up
    width = _columns(table, count, dc, uc)
    bend = _BEND * vol_money * (width / deviation) * (width / deviation)
    known = r.usable_row(warm, at.WING)
    prior = np.zeros(COEFFICIENTS)
    p = np.empty(COEFFICIENTS)
    pull = _COLD_PULL
    if known:
        pull = _WARM_PULL
        prior[1] = warm[at.P + 1] * width
        prior[2] = warm[at.P + 2] * width * width
        prior[3] = warm[at.P + 3] * width * width
        prior[0] = warm[at.P]
        _residuals(table, count, prior)
        r.reweigh_moved(table, count, COEFFICIENTS)
    else:
        _cold_weights(table, count)
    steps = _settle(table, count, pull, prior, bend, not known, p)
    if known and steps > 0 and r.lost_side(table, count):
        # A wing that moved as a whole looks like bad quotes from where the last curve was.
        _cold_weights(table, count)
        steps = _settle(table, count, pull, prior, bend, True, p)
    if steps == 0 or not (at.VOL_LOW <= p[0] <= at.VOL_HIGH):
        return r.give_up(warm, out, at.SINGULAR)
    r.open_row(at.WING, tau, forward, low, high, out)
    out[at.P] = p[0]
    out[at.P + 1] = p[1] / width
    out[at.P + 2] = p[2] / (width * width)
    out[at.P + 3] = p[3] / (width * width)
    out[at.P + 4] = dc
    out[at.P + 5] = uc
    out[at.P + 6] = SMOOTH
    out[at.P + 7] = SMOOTH
    out[at.ITERATIONS] = steps
    r.judge(table, count, out)
    if not (out[at.RMS] <= r.DEGENERATE):
        for j in range(1, COEFFICIENTS):
            out[at.P + j] = 0.0
        out[at.P] = r.level_row(table, count, out)
    return int(out[at.STATUS])
