"""Fit of raw SVI (rules.md 8.4): bounded Levenberg-Marquardt with a prior and Tukey's weights.

Five parameters and the noise of quotes leave directions that hardly matter to any quote: along them
a plain fit creeps for dozens of steps and ends at a bound, and two fits of one market differ. A
penalty of a basis point or so per unit of such a direction towards an ordinary smile, and towards
the last fit when there is one, settles them. It is a prior, not a limit: data that say
otherwise by more than their noise win.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves import robust as r
from quanheng.kernels.desk.curves import svi_model as svi
from quanheng.kernels.desk.curves.svi_start import search, start
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import log
from quanheng.kernels.math.levenberg import GROWTH, START, at_bound, next_damping, step

Floats = npt.NDArray[np.float64]

VECTORS = 3
PRIOR = 3
NONE = 6
"""Places in the scratch: a block of vectors, and in it the prior and a fit that does not exist."""
CENTRE = 0
PULL = 1
"""Rows of a prior: where it pulls to, and how hard (vol^2 per squared coordinate)."""
COLD_STEPS = 60
WARM_STEPS = 12
_ROUNDS = 3
"""Solutions with the weights of the one before, at most."""
_LEAST_NOISE = 2e-4
_MOST_NOISE = 5e-3
"""Vol: what the points may be off, whatever their residuals say."""
_STERN = 1e-2
"""Vol: the noise that the fallback supposes, for a prior that nearly wins."""
_LAST = 3.0
"""Weight of the last fit, as a multiple of the prior's."""
_ORDINARY_SLOPE = 0.5
_ORDINARY_WIDTH = 0.7
"""Near the medians of five hundred calm expiries of the 50ETF, 2015 to 2021."""
_UNIT_SLOPE = 1.0
_UNIT_MIDDLE = 0.4
_UNIT_WIDTH = 0.7
"""Standard deviations of the prior: logarithms, and shares of h."""
_TIGHT = 1e-4
"""Share of the squares a step must still be able to gain, or the fit has converged."""
_FLOOR = 1e-15
"""Vol^2; gains below this are rounding."""
_LOOSE = 1e-2
"""The same before the weights have settled, and for a fit that ran out of steps."""
_SAME_NOISE = 1.5
"""Ratio of two noises within which the prior stays as it is."""


@kernel
def _equations(table: Floats, count: int, prior: Floats, u: Floats, a: Floats, g: Floats) -> float:
    """Normal equations of points and prior at u; returns the sum of squares (vol^2)."""
    cost = svi.normal_equations(table, count, u, a, g)
    for j in range(svi.COUNT):
        away = u[j] - prior[CENTRE, j]
        pull = prior[PULL, j]
        a[j, j] += pull
        g[j] += pull * away
        cost += pull * away * away
    return cost


@kernel
def _descend(
    table: Floats,
    count: int,
    bounds: Floats,
    prior: Floats,
    share: float,
    most: int,
    work: Floats,
    u: Floats,
) -> tuple[int, bool]:
    """Levenberg-Marquardt from u, in place: (steps tried, converged).

    Converged when a step gains less than `share` of the squares; the RESIDUAL row is then that of
    u. `work` is scratch, float64[4, 8, 5]: a trial fills its own normal equations, since most
    trials are kept.
    """
    a = work[0]
    g = work[0, 5]
    trial_a = work[1]
    trial_g = work[1, 5]
    trial = work[VECTORS, 0]
    scale = work[VECTORS, 1]
    for j in range(svi.COUNT):
        scale[j] = 0.0
    damping = START
    growth = GROWTH
    cost = _equations(table, count, prior, u, a, g)
    fall = np.inf
    kept = True
    good = False
    steps = 0
    while steps < most and not good:
        fall = step(a, g, u, svi.COUNT, bounds[0], bounds[1], damping, scale, work[2], trial)
        if 0.0 <= fall <= _FLOOR and damping <= 1.0:
            good = True
            break
        steps += 1
        landed = _equations(table, count, prior, trial, trial_a, trial_g)
        gain = (cost - landed) / fall if fall > 0.0 else -1.0
        kept = gain > 0.0
        good = 0.0 <= fall <= share * cost and damping <= 1.0
        if kept:
            u[:] = trial
            cost = landed
            for i in range(svi.COUNT):
                g[i] = trial_g[i]
                for j in range(i + 1):
                    a[i, j] = trial_a[i, j]
        damping, growth = next_damping(gain, damping, growth)
    if not kept:
        svi.residuals(table, count, u)
    return steps, good or 0.0 <= fall <= _LOOSE * cost + _FLOOR


@kernel
def _noise(table: Floats, count: int) -> float:
    """Root mean square of the RESIDUAL row (vol) over the points that count."""
    squares = 0.0
    weights = 0.0
    for i in range(count):
        weight = table[r.ROBUST, i] * table[r.WEIGHT, i]
        squares += weight * table[r.RESIDUAL, i] * table[r.RESIDUAL, i]
        weights += weight
    return math.sqrt(squares / weights) if weights > 0.0 else _STERN


@kernel
def _set_prior(count: int, noise: float, bounds: Floats, last: Floats, prior: Floats) -> None:
    """Fill prior[2, 5] for the noise of the points, around an ordinary smile and the last fit.

    Bayes' rule for the sum of squares whose weights sum to one: noise^2 per point over the
    variance of the prior. The ordinary smile is symmetric. `last` is NaN when there is none; two
    pulls are one, to the mean of their centres.
    """
    size = min(max(noise, _LEAST_NOISE), _MOST_NOISE)
    if count <= svi.COUNT:
        size = _MOST_NOISE
    prior[CENTRE, svi.LEVEL] = 1.0
    # An ordinary smile keeps well away from Lee's bound.
    slope = min(log(_ORDINARY_SLOPE), bounds[1, svi.LEFT] - _UNIT_SLOPE)
    prior[CENTRE, svi.LEFT] = slope
    prior[CENTRE, svi.RIGHT] = slope
    prior[CENTRE, svi.MIDDLE] = 0.0
    prior[CENTRE, svi.WIDTH] = log(_ORDINARY_WIDTH)
    for j in range(svi.COUNT):
        unit = _UNIT_SLOPE
        if j == svi.MIDDLE:
            unit = _UNIT_MIDDLE
        elif j == svi.WIDTH:
            unit = _UNIT_WIDTH
        pull = size * size / (count * unit * unit)
        if j == svi.LEVEL:
            # It always has points.
            pull = 0.0
        elif math.isfinite(last[svi.LEVEL]):
            prior[CENTRE, j] = (prior[CENTRE, j] + _LAST * last[j]) / (1.0 + _LAST)
            pull *= 1.0 + _LAST
        prior[PULL, j] = pull


@kernel
def _fit(
    table: Floats,
    count: int,
    bounds: Floats,
    noise: float,
    last: Floats,
    most: int,
    work: Floats,
    u: Floats,
) -> tuple[int, bool]:
    """Solve, reweigh and judge the noise until all stay: (steps tried in all, converged)."""
    prior = work[VECTORS, PRIOR : PRIOR + 2]
    steps = 0
    good = False
    used = noise
    _set_prior(count, noise, bounds, last, prior)
    for turn in range(_ROUNDS):
        final = turn == _ROUNDS - 1
        share = _TIGHT if final else _LOOSE
        done, good = _descend(table, count, bounds, prior, share, most - steps, work, u)
        steps += done
        if final or steps >= most:
            break
        found = _noise(table, count)
        settled = r.reweigh(table, count, svi.COUNT, 0.0)
        near = max(found, _LEAST_NOISE)
        if settled and used <= _SAME_NOISE * near and near <= _SAME_NOISE * used:
            break
        used = near
        _set_prior(count, near, bounds, last, prior)
    return steps, good


@kernel
def _cold(
    table: Floats,
    count: int,
    bounds: Floats,
    last: Floats,
    work: Floats,
    u: Floats,
) -> tuple[int, bool]:
    """A fit without a last curve: all points first; if they do not agree, those a search keeps."""
    prior = work[VECTORS, PRIOR : PRIOR + 2]
    for i in range(count):
        table[r.ROBUST, i] = 1.0
    _set_prior(count, _LEAST_NOISE, bounds, last, prior)
    start(table, count, bounds, prior, u)
    svi.residuals(table, count, u)
    noise = _noise(table, count)
    if count > svi.COUNT and not noise <= 2.0 * r.CLEAN:
        search(table, count, bounds, u)
        start(table, count, bounds, prior, u)
        svi.residuals(table, count, u)
        noise = _noise(table, count)
    return _fit(table, count, bounds, noise, last, COLD_STEPS, work, u)


@kernel
def _finish(
    table: Floats, count: int, bounds: Floats, u: Floats, h: float, v0: float, out: Floats
) -> bool:
    """Write parameters and quality; False when the row must not leave the fit."""
    svi.to_row(u, h, v0, out[at.TAU], out)
    r.judge(table, count, out)
    held = at_bound(u, bounds[0], bounds[1])
    out[at.AT_BOUND] = held
    return out[at.RMS] <= r.DEGENERATE and held < 2


@kernel
def _fall_back(
    table: Floats,
    count: int,
    bounds: Floats,
    h: float,
    v0: float,
    work: Floats,
    u: Floats,
    out: Floats,
) -> int:
    """The fit with the sternest prior, or the prior smile at the median vol."""
    for i in range(count):
        table[r.ROBUST, i] = 1.0
    none = work[VECTORS, NONE]
    none[svi.LEVEL] = np.nan
    prior = work[VECTORS, PRIOR : PRIOR + 2]
    _set_prior(1, _STERN, bounds, none, prior)
    u[:] = prior[CENTRE]
    out[at.ITERATIONS] = _descend(table, count, bounds, prior, _TIGHT, COLD_STEPS, work, u)[0]
    if not _finish(table, count, bounds, u, h, v0, out):
        u[:] = prior[CENTRE]
        svi.residuals(table, count, u)
        _finish(table, count, bounds, u, h, v0, out)
    out[at.STATUS] = at.FALLBACK
    return at.FALLBACK


@kernel
def fit_svi(
    k: Floats,
    vol: Floats,
    weight: Floats,
    n: int,
    tau: float,
    forward: float,
    warm: Floats,
    out: Floats,
) -> int:
    """Fit an SVI row to the first n points; returns the STATUS written to out[ROW].

    k = ln(K/F), vol per 1.00, weight in any unit (only ratios matter), tau in years, forward in
    yuan. Points that are not finite, have a vol outside [0.0005, 4] or no positive weight are left
    out. `warm` is the last row, or a NaN row for none; it may be the same array as `out`. OK and
    NOT_CONVERGED hold the best curve found; TOO_FEW (fewer than three points) leaves the last
    curve. A fit with two parameters at bounds or an RMS over ten vol points is replaced by one
    with a stern prior, and that by the prior itself: FALLBACK.
    """
    table = np.empty((r.ROWS, n))
    count = r.gather(k, vol, weight, n, table)
    low, high = r.quoted_range(table, count)
    if count < r.LEAST or not (high > low) or not (0.0 < tau < np.inf):
        return r.give_up(warm, out, at.TOO_FEW)
    h, v0 = svi.prepare(table, count, tau)
    bounds = np.empty((2, svi.COUNT))
    svi.box(table, count, tau, h, v0, bounds)
    work = np.zeros((4, svi.COUNT + 3, svi.COUNT))
    u = work[VECTORS, 2]
    last = work[VECTORS, 5]
    known = r.usable_row(warm, at.SVI)
    steps = 0
    good = False
    last[svi.LEVEL] = np.nan
    if known:
        svi.from_row(warm, h, v0, last)
        svi.into_box(bounds, last)
        u[:] = last
        svi.residuals(table, count, u)
        r.reweigh_moved(table, count, svi.COUNT)
        steps, good = _fit(table, count, bounds, warm[at.RMS], last, WARM_STEPS, work, u)
    if not good or r.lost_side(table, count):
        # A wing that moved as a whole looks like bad quotes from where the last curve was, and
        # a fit that has far to go gets there sooner from the grid.
        steps, good = _cold(table, count, bounds, last, work, u)
    r.open_row(at.SVI, tau, forward, low, high, out)
    if not _finish(table, count, bounds, u, h, v0, out):
        return _fall_back(table, count, bounds, h, v0, work, u, out)
    out[at.ITERATIONS] = steps
    status = at.OK if good else at.NOT_CONVERGED
    out[at.STATUS] = status
    return status
