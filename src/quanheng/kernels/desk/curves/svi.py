"""Fit of raw SVI (rules.md 8.4): bounded Levenberg-Marquardt with a prior and Tukey's weights.

Five parameters and the noise of quotes leave directions that hardly matter to any quote: along them
a plain fit creeps for dozens of steps and ends at a bound, and two fits of one market differ. A
penalty of a basis point or so per unit of such a direction towards an ordinary smile, and towards
the last fit when there is one, settles them. It is a prior, not a limit: data that say
otherwise by more than their noise win.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves import robust as r
from quanheng.kernels.desk.curves import svi_model as svi
from quanheng.kernels.desk.curves import wing
from quanheng.kernels.desk.curves.svi_start import start
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import log
from quanheng.kernels.math.levenberg import GROWTH, START, at_bound, next_damping, step

Floats = npt.NDArray[np.float64]

COLD_STEPS = 60
WARM_STEPS = 12
_ROUNDS = 3
"""Solutions with the weights of the one before, at most."""
_PRIOR = 5e-5
"""Vol: root mean square misfit that moving a coordinate by its unit from the prior is worth."""
_LAST = 1e-4
"""The same for moving it from the last fit."""
_STERN = 1e-3
"""The same for the prior of the fallback, and for points too few to tell a shape."""
_ORDINARY_SLOPE = 0.5
_ORDINARY_WIDTH = 0.5
_CLEAN = 2e-3
"""Vol; a fit of all points as good as this hides no bad quote that would matter."""
_TIGHT = 1e-5
"""Share of the squares a step must still be able to gain, or the fit has converged."""
_FLOOR = 1e-15
"""Vol^2; gains below this are rounding."""
_LOOSE = 1e-2
"""Share still to gain at which a fit that ran out of steps counts as good."""


@kernel
def _penalty(u: Floats, centre: Floats, pull: Floats) -> float:
    total = 0.0
    for j in range(svi.COUNT):
        away = u[j] - centre[j]
        total += pull[j] * away * away
    return total


@kernel
def _descend(
    table: Floats,
    count: int,
    bounds: Floats,
    centre: Floats,
    pull: Floats,
    most: int,
    work: Floats,
    u: Floats,
) -> tuple[int, bool]:
    """Levenberg-Marquardt from u, in place: (steps tried, converged).

    `work` is float64[4, 8, 5]: normal equations, the step's scratch, and vectors.
    """
    a = work[0]
    g = work[2, 0]
    trial = work[2, 1]
    scale = work[2, 2]
    for j in range(svi.COUNT):
        scale[j] = 0.0
    damping = START
    growth = GROWTH
    cost = svi.residuals(table, count, u) + _penalty(u, centre, pull)
    fresh = True
    fall = np.inf
    for done in range(most):
        if fresh:
            svi.normal_equations(table, count, u, a, g)
            for j in range(svi.COUNT):
                a[j, j] += pull[j]
                g[j] += pull[j] * (u[j] - centre[j])
        fall = step(a, g, u, bounds[0], bounds[1], damping, scale, work[1], trial)
        if fall <= _TIGHT * cost + _FLOOR and damping <= 1.0:
            return done, True
        landed = svi.residuals(table, count, trial) + _penalty(trial, centre, pull)
        gain = (cost - landed) / fall if fall > 0.0 else -1.0
        fresh = gain > 0.0
        damping, growth = next_damping(gain, damping, growth)
        if fresh:
            cost = landed
            u[:] = trial
    return most, fall <= _LOOSE * cost + _FLOOR


@kernel
def _fit(
    table: Floats,
    count: int,
    bounds: Floats,
    centre: Floats,
    pull: Floats,
    most: int,
    work: Floats,
    u: Floats,
) -> tuple[int, bool]:
    """Solve and reweigh until the weights stay: (steps tried in all, converged)."""
    steps = 0
    good = False
    for turn in range(_ROUNDS):
        done, good = _descend(table, count, bounds, centre, pull, most - steps, work, u)
        steps += done
        if turn == _ROUNDS - 1 or steps >= most:
            break
        svi.residuals(table, count, u)
        if r.reweigh(table, count, svi.COUNT, 0.0):
            break
    return steps, good


@kernel
def _cold(
    table: Floats,
    count: int,
    bounds: Floats,
    centre: Floats,
    pull: Floats,
    work: Floats,
    u: Floats,
) -> tuple[int, bool]:
    """A fit without a last curve: all points first; if they do not agree, those that a wing keeps.

    The search of the wing fit finds bad quotes, whatever they do to a fit of all points.
    """
    for i in range(count):
        table[r.ROBUST, i] = 1.0
    start(table, count, bounds, centre, pull, u)
    if count > svi.COUNT:
        squares = svi.residuals(table, count, u)
        if not (squares <= 4.0 * _CLEAN * _CLEAN):
            low, high = r.quoted_range(table, count)
            down, up = wing.cut_offs(low, high)
            wing.columns(table, count, down, up)
            wing.cold_weights(table, count)
            svi.prepare(table, count, work[3, 0, 0])
            start(table, count, bounds, centre, pull, u)
    return _fit(table, count, bounds, centre, pull, COLD_STEPS, work, u)


@kernel
def _priors(count: int, sternness: float, centre: Floats, pull: Floats) -> None:
    """An ordinary smile, symmetric, with wings that double the variance in two units of h."""
    centre[svi.LEVEL] = 1.0
    centre[svi.LEFT] = log(_ORDINARY_SLOPE)
    centre[svi.RIGHT] = log(_ORDINARY_SLOPE)
    centre[svi.MIDDLE] = 0.0
    centre[svi.WIDTH] = log(_ORDINARY_WIDTH)
    size = sternness if count > svi.COUNT else max(sternness, _STERN)
    for j in range(svi.COUNT):
        pull[j] = size * size
    # The level always has points.
    pull[svi.LEVEL] = 1e-12


@kernel
def _towards_last(u: Floats, centre: Floats, pull: Floats) -> None:
    """Add the pull to the last fit u: two pulls are one, to the mean of their centres."""
    for j in range(svi.LEFT, svi.COUNT):
        both = pull[j] + _LAST * _LAST
        centre[j] = (pull[j] * centre[j] + _LAST * _LAST * u[j]) / both
        pull[j] = both


@kernel
def _degenerate(bounds: Floats, u: Floats, out: Floats) -> bool:
    """Whether a finished row must not leave the fit; also fills AT_BOUND."""
    held = at_bound(u, bounds[0], bounds[1])
    out[at.AT_BOUND] = held
    return not (out[at.RMS] <= r.DEGENERATE) or held > 1


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
    with a stern prior, and that by a nearly flat one: FALLBACK.
    """
    table = np.empty((r.ROWS, n))
    count = r.gather(k, vol, weight, n, table)
    low, high = r.quoted_range(table, count)
    if count < r.LEAST or not (high > low) or not (0.0 < tau < np.inf):
        return r.give_up(warm, out, at.TOO_FEW)
    h, v0 = svi.prepare(table, count, tau)
    bounds = np.empty((2, svi.COUNT))
    svi.box(table, count, tau, h, v0, bounds)
    work = np.empty((4, svi.COUNT + 3, svi.COUNT))
    work[3, 0, 0] = tau
    u = work[3, 1]
    centre = work[3, 2]
    pull = work[3, 3]
    known = r.usable_row(warm, at.SVI)
    _priors(count, _PRIOR, centre, pull)
    steps = 0
    good = False
    if known:
        svi.from_row(warm, h, v0, u)
        svi.into_box(bounds, u)
        _towards_last(u, centre, pull)
        svi.residuals(table, count, u)
        r.reweigh(table, count, svi.COUNT, r.median(table[r.RESIDUAL], count))
        steps, good = _fit(table, count, bounds, centre, pull, WARM_STEPS, work, u)
    if not known or r.lost_side(table, count):
        # A wing that moved as a whole looks like bad quotes from where the last curve was.
        steps, good = _cold(table, count, bounds, centre, pull, work, u)
    status = at.OK if good else at.NOT_CONVERGED
    r.open_row(at.SVI, tau, forward, low, high, out)
    svi.to_row(u, h, v0, tau, out)
    r.judge(table, count, out)
    if _degenerate(bounds, u, out):
        status = at.FALLBACK
        _priors(0, 10.0 * _STERN, centre, pull)
        u[:] = centre
        for i in range(count):
            table[r.ROBUST, i] = 1.0
        steps, good = _fit(table, count, bounds, centre, pull, COLD_STEPS, work, u)
        svi.to_row(u, h, v0, tau, out)
        r.judge(table, count, out)
        if _degenerate(bounds, u, out):
            u[:] = centre
            svi.to_row(u, h, v0, tau, out)
            r.judge(table, count, out)
            out[at.AT_BOUND] = 0.0
    out[at.ITERATIONS] = steps
    out[at.STATUS] = status
    return status
