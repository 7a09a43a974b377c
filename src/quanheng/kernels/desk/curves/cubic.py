"""Fit of a natural cubic spline of the vol with five knots (rules.md 8.4: polynomials in use too).

The knots lie at the outermost quotes, half-way and at the money, so the vol is linear in its five
values there: robust weighted least squares as for the wing. A small penalty on the spline's second
derivatives settles stretches without quotes, and the last fit pulls slightly.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves import robust as r
from quanheng.kernels.desk.curves.smile import natural_bends, vol_at
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.solve import cholesky_solve

Floats = npt.NDArray[np.float64]

_STEPS = 4
_WARM_PULL = 3e-4
"""Weight of the last fit, as a share of the total weight, per knot."""
_COLD_PULL = 1e-7
"""The same towards the mean vol without a last fit: settles what no point determines."""
_SEARCH_PULL = 1e-4
"""The same for a set of five points, which may be badly spread."""
_ATTEMPTS = 96
"""Sets of five points tried for a cold start; with one bad quote in five, 0.67^96 is no risk."""
_SMOOTH = 1e-5
"""Weight of a squared second derivative (in units of the half range) in that of a squared vol."""
_NARROWEST = 0.2
"""Least reach of the knots on a side, as a share of the other side's."""
_INNER = 3


@kernel
def _knots(low: float, high: float, row: Floats) -> None:
    """Five ascending knots for points in [low, high], low <= 0 <= high."""
    reach = _NARROWEST * max(high, -low)
    left = min(low, -reach)
    right = max(high, reach)
    row[at.P] = left
    row[at.P + 1] = 0.5 * left
    row[at.P + 2] = 0.0
    row[at.P + 3] = 0.5 * right
    row[at.P + 4] = right


@kernel
def _bends(row: Floats, bends: Floats) -> None:
    """Fill bends[5, 5]: second derivatives at the knots (first index) by value at each knot."""
    for value in range(at.KNOTS):
        for j in range(at.KNOTS):
            row[at.P + at.KNOTS + j] = 1.0 if j == value else 0.0
        first, second, third = natural_bends(row)
        bends[0, value] = 0.0
        bends[1, value] = first
        bends[2, value] = second
        bends[3, value] = third
        bends[4, value] = 0.0


@kernel
def _design(table: Floats, count: int, row: Floats, bends: Floats, design: Floats) -> None:
    """Fill design[n, 5]: the vol at each point by the value at each knot."""
    for i in range(count):
        k = table[r.K, i]
        j = 0
        while j < at.KNOTS - 2 and k > row[at.P + j + 1]:
            j += 1
        x = row[at.P + j]
        width = row[at.P + j + 1] - x
        right = (k - x) / width
        left = 1.0 - right
        scale = width * width / 6.0
        by_left = scale * left * (left * left - 1.0)
        by_right = scale * right * (right * right - 1.0)
        for value in range(at.KNOTS):
            share = by_left * bends[j, value] + by_right * bends[j + 1, value]
            design[i, value] = share
        design[i, j] += left
        design[i, j + 1] += right


@kernel
def _solve(
    table: Floats,
    count: int,
    design: Floats,
    penalty: Floats,
    pull: float,
    prior: Floats,
    a: Floats,
    p: Floats,
) -> bool:
    """Weighted least squares into p[5], the values at the knots."""
    for i in range(at.KNOTS):
        for j in range(i + 1):
            a[i, j] = penalty[i, j]
        a[i, i] += pull
        p[i] = pull * prior[i]
    for m in range(count):
        weight = table[r.ROBUST, m] * table[r.WEIGHT, m]
        vol = table[r.VOL, m]
        for i in range(at.KNOTS):
            share = weight * design[m, i]
            p[i] += share * vol
            for j in range(i + 1):
                a[i, j] += share * design[m, j]
    return cholesky_solve(a, p, at.KNOTS)


@kernel
def _residuals(table: Floats, count: int, design: Floats, p: Floats) -> None:
    """Fill the RESIDUAL row of the values p[5] at the knots."""
    for m in range(count):
        vol = 0.0
        for j in range(at.KNOTS):
            vol += design[m, j] * p[j]
        table[r.RESIDUAL, m] = table[r.VOL, m] - vol


@kernel
def _settle(
    table: Floats,
    count: int,
    design: Floats,
    penalty: Floats,
    pull: float,
    prior: Floats,
    p: Floats,
) -> int:
    """Solve and reweigh until the weights stay, at most four times; solutions made, 0 = none."""
    a = np.empty((at.KNOTS, at.KNOTS))
    for done in range(_STEPS):
        if not _solve(table, count, design, penalty, pull, prior, a, p):
            return 0
        _residuals(table, count, design, p)
        if done < _STEPS - 1 and r.reweigh(table, count, at.KNOTS, 0.0):
            return done + 1
    return _STEPS


@kernel
def _penalty(row: Floats, bends: Floats, penalty: Floats) -> None:
    """Fill penalty[5, 5] with the squared second derivatives in units of the half range."""
    half = 0.5 * (row[at.P + at.KNOTS - 1] - row[at.P])
    unit = _SMOOTH * half * half * half * half / _INNER
    for i in range(at.KNOTS):
        for j in range(i + 1):
            total = 0.0
            for knot in range(1, at.KNOTS - 1):
                total += bends[knot, i] * bends[knot, j]
            penalty[i, j] = unit * total


@kernel
def _cold_weights(
    table: Floats, count: int, design: Floats, penalty: Floats, prior: Floats, p: Floats
) -> None:
    """Weights without a last curve: from plain least squares if they fit, else by search.

    As for the wing: the best of fixed sets of five points by the sum of root residuals. Five
    points or fewer all count. `p` is scratch.
    """
    for i in range(count):
        table[r.ROBUST, i] = 1.0
    if count <= at.KNOTS:
        return
    a = np.empty((at.KNOTS, at.KNOTS))
    if _solve(table, count, design, penalty, _COLD_PULL, prior, a, p):
        _residuals(table, count, design, p)
        squares = 0.0
        for i in range(count):
            squares += table[r.WEIGHT, i] * table[r.RESIDUAL, i] * table[r.RESIDUAL, i]
        if squares <= r.CLEAN * r.CLEAN:
            r.reweigh(table, count, at.KNOTS, 0.0)
            return
    found = prior.copy()
    best = np.inf
    draw = 1
    for attempt in range(_ATTEMPTS):
        draw = r.choose(table, count, at.KNOTS, attempt, draw)
        if not _solve(table, count, design, penalty, _SEARCH_PULL, prior, a, p):
            continue
        _residuals(table, count, design, p)
        score = r.root_score(table, count)
        if score < best:
            best = score
            found[:] = p
    _residuals(table, count, design, found)
    r.reweigh(table, count, at.KNOTS, 0.0)


@kernel
def fit_cubic(
    k: Floats,
    vol: Floats,
    weight: Floats,
    n: int,
    tau: float,
    forward: float,
    warm: Floats,
    out: Floats,
) -> int:
    """Fit a row of the five-knot natural cubic; returns the STATUS written to out[ROW].

    k = ln(K/F), vol per 1.00, weight in any unit (only ratios matter), tau in years, forward in
    yuan. Points that are not finite, have a vol outside [0.0005, 4] or no positive weight are left
    out. `warm` is the last row, of any model, or a NaN row; it may be the same array as `out`.
    TOO_FEW (fewer than three points) and SINGULAR leave the last curve; FALLBACK is flat.
    """
    table = np.empty((r.ROWS, n))
    count = r.gather(k, vol, weight, n, table)
    low, high = r.quoted_range(table, count)
    if count < r.LEAST or not (high > low) or not (0.0 < tau < np.inf):
        return r.give_up(warm, out, at.TOO_FEW)
    row = np.empty(at.ROW)
    bends = np.empty((at.KNOTS, at.KNOTS))
    penalty = np.empty((at.KNOTS, at.KNOTS))
    design = np.empty((count, at.KNOTS))
    _knots(low, high, row)
    _bends(row, bends)
    _penalty(row, bends, penalty)
    _design(table, count, row, bends, design)
    prior = np.zeros(at.KNOTS)
    p = np.empty(at.KNOTS)
    known = r.usable_row(warm, -1)
    if known:
        for j in range(at.KNOTS):
            prior[j] = vol_at(warm, row[at.P + j])
        _residuals(table, count, design, prior)
        r.reweigh_moved(table, count, at.KNOTS)
    else:
        for i in range(count):
            prior[0] += table[r.WEIGHT, i] * table[r.VOL, i]
        for j in range(1, at.KNOTS):
            prior[j] = prior[0]
        _cold_weights(table, count, design, penalty, prior, p)
    pull = _WARM_PULL if known else _COLD_PULL
    steps = _settle(table, count, design, penalty, pull, prior, p)
    if known and steps > 0 and r.lost_side(table, count):
        # A wing that moved as a whole looks like bad quotes from where the last curve was.
        _cold_weights(table, count, design, penalty, prior, p)
        steps = _settle(table, count, design, penalty, pull, prior, p)
    if steps == 0 or not (at.VOL_LOW <= p[2] <= at.VOL_HIGH):
        return r.give_up(warm, out, at.SINGULAR)
    r.open_row(at.CUBIC, tau, forward, low, high, out)
    for j in range(at.KNOTS):
        out[at.P + j] = row[at.P + j]
        out[at.P + at.KNOTS + j] = p[j]
    out[at.ITERATIONS] = steps
    r.judge(table, count, out)
    if not (out[at.RMS] <= r.DEGENERATE):
        level = r.level_row(table, count, out)
        for j in range(at.KNOTS):
            out[at.P + at.KNOTS + j] = level
    return int(out[at.STATUS])
