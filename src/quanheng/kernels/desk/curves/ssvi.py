"""SSVI: one smile shape for all expiries of a class, free of arbitrage by construction.

w = theta/2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)) with the power law
phi = eta theta^-gamma (1 + theta)^(gamma - 1), Gatheral and Jacquier (arXiv 1204.0646, section 4).
For 0 <= gamma <= 1 and rising theta, d(theta phi)/d theta = phi (1 - gamma)/(1 + theta) keeps
the calendar condition of rules.md 8.4 for every rho; eta is held below the bound at which an
expiry would reach theta phi (1 + |rho|) = 4 or theta phi^2 (1 + |rho|) = 4.

The start is the best of a small grid by absolute misses; then come a descent under Huber's weights
and three under Tukey's, on the scale of the median miss, so that bad quotes do not carry it.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves import ssvi_descent as descent
from quanheng.kernels.desk.curves.robust import DEGENERATE
from quanheng.kernels.desk.curves.ssvi_descent import power_law
from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ETA = at.P + 3
"""Columns of an SSVI row after theta, rho, phi: the power law its phi came from."""
GAMMA = at.P + 4

_LEAST = 3
_NEAR_MONEY = 5
_ROUNDS = 4
_HUBER = 1.5
_TUKEY = 4.685
_MAD_TO_SIGMA = 1.4826
_SCALE_LOW = 2e-3
_COLD_PULL = 1e-8
_WARM_PULL = 1e-7
_NOISE_PULL = 0.1
"""Pull of the prior as a share of the squared scale of the misses: noise tells no shape."""
_GRID = 3
_NAN = float("nan")


@kernel
def _median(values: Floats, first: int, last: int) -> float:
    """Median of values[first:last], sorted in place."""
    for i in range(first + 1, last):
        value = values[i]
        j = i
        while j > first and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    middle = (first + last) // 2
    if (last - first) % 2 == 1:
        return float(values[middle])
    return float(0.5 * (values[middle - 1] + values[middle]))


@kernel
def _gather(
    k: Floats,
    vol: Floats,
    weight: Floats,
    start: Ints,
    n: int,
    taus: Floats,
    table: Floats,
    first: Ints,
    slices: Ints,
) -> int:
    """Usable points into the table, slice by slice; how many slices have one.

    slices[i] is the expiry of the i-th kept slice, whose points are first[i] to first[i + 1].
    """
    kept = 0
    count = 0
    total = 0.0
    for i in range(n):
        first[kept] = count
        if not (0.0 < taus[i] < np.inf):
            continue
        for j in range(start[i], start[i + 1]):
            usable = abs(k[j]) < np.inf and at.VOL_LOW <= vol[j] <= at.VOL_HIGH
            if usable and 0.0 < weight[j] < 1e300:
                table[descent.K, count] = k[j]
                table[descent.VOL, count] = vol[j]
                table[descent.WEIGHT, count] = weight[j]
                table[descent.ROBUST, count] = 1.0
                total += weight[j]
                count += 1
        if count > first[kept]:
            slices[kept] = i
            kept += 1
    first[kept] = count
    for j in range(count):
        table[descent.WEIGHT, j] /= total
    return kept


@kernel
def _level(table: Floats, first: int, last: int) -> float:
    """Median vol of the (at most five) points nearest the money of one slice."""
    chosen = np.empty(_NEAR_MONEY)
    used = np.zeros(last - first)
    count = min(_NEAR_MONEY, last - first)
    for i in range(count):
        best = -1
        for j in range(last - first):
            nearer = best < 0 or abs(table[descent.K, first + j]) < abs(
                table[descent.K, first + best]
            )
            if used[j] == 0.0 and nearer:
                best = j
        used[best] = 1.0
        chosen[i] = table[descent.VOL, first + best]
    return float(_median(chosen, 0, count))


@kernel
def _absolute(
    table: Floats, first: Ints, n: int, taus: Floats, theta: Floats, p: Floats, misses: Floats
) -> float:
    """Weighted mean absolute miss."""
    descent.misses_of(table, first, n, taus, theta, p, misses)
    total = 0.0
    for j in range(first[n]):
        total += table[descent.WEIGHT, j] * abs(misses[j])
    return total


@kernel
def _start(
    table: Floats, first: Ints, n: int, taus: Floats, theta: Floats, p: Floats, misses: Floats
) -> None:
    """The best shape of a grid, or p itself where that is a shape and better."""
    trial = np.empty(descent.SHAPE)
    best = np.inf
    if math.isfinite(p[descent.RHO]):
        best = _absolute(table, first, n, taus, theta, p, misses)
    for i in range(_GRID):
        for j in range(_GRID):
            trial[descent.RHO] = 0.5 * (i - 1)
            trial[descent.GAMMA] = 0.5
            most = descent.eta_most(theta, n, trial[descent.RHO], 0.5)
            trial[descent.ETA] = min(0.3 if j == 0 else (0.8 if j == 1 else 2.0), most)
            score = _absolute(table, first, n, taus, theta, trial, misses)
            if score < best:
                best = score
                descent.copy(trial, p, descent.SHAPE)


@kernel
def _reweigh(table: Floats, first: Ints, n: int, misses: Floats, tukey: bool) -> float:
    """Robust factors from the misses, and their common scale.

    A slice is measured by its own median when that is larger.
    """
    sizes = np.empty(misses.size)
    for j in range(first[n]):
        sizes[j] = abs(misses[j])
    common = _median(sizes, 0, first[n])
    for i in range(n):
        for j in range(first[i], first[i + 1]):
            sizes[j] = abs(misses[j])
        own = _median(sizes, first[i], first[i + 1])
        scale = max(_MAD_TO_SIGMA * max(common, own), _SCALE_LOW)
        for j in range(first[i], first[i + 1]):
            z = abs(misses[j]) / scale
            if tukey:
                inner = 1.0 - (z / _TUKEY) * (z / _TUKEY)
                table[descent.ROBUST, j] = inner * inner if inner > 0.0 else 0.0
            else:
                table[descent.ROBUST, j] = 1.0 if z <= _HUBER else _HUBER / z
    return float(_MAD_TO_SIGMA * common)


@kernel
def _write(
    table: Floats, first: int, last: int, misses: Floats, theta: float, p: Floats, row: Floats
) -> None:
    """One slice as a row, with the quality of its fit."""
    squares = 0.0
    weights = 0.0
    kept = 0
    for i in range(at.ROW):
        row[i] = 0.0
    for j in range(first, last):
        share = table[descent.WEIGHT, j] * table[descent.ROBUST, j]
        squares += share * misses[j] * misses[j]
        weights += share
        kept += 1 if share > 0.0 else 0
        row[at.K_LOW] = min(row[at.K_LOW], table[descent.K, j])
        row[at.K_HIGH] = max(row[at.K_HIGH], table[descent.K, j])
    row[at.MODEL] = at.SSVI
    row[at.P] = theta
    row[at.P + 1] = p[descent.RHO]
    row[at.P + 2] = power_law(theta, p[descent.ETA], p[descent.GAMMA])
    row[ETA] = p[descent.ETA]
    row[GAMMA] = p[descent.GAMMA]
    row[at.RMS] = math.sqrt(squares / weights) if weights > 0.0 else 0.0
    row[at.KEPT] = kept
    row[at.MIN_G] = _NAN


@kernel
def _last_shape(warm: Floats, n: int, p: Floats, prior: Floats) -> None:
    """Start and prior from the last surface, or from nothing: rho 0, gamma 1/2, a mild smile."""
    p[descent.RHO] = _NAN
    prior[descent.RHO] = 0.0
    prior[descent.GAMMA] = 0.5
    prior[descent.ETA] = 0.5
    prior[descent.SHAPE] = _COLD_PULL
    for i in range(n):
        if warm[i, at.MODEL] == at.SSVI and warm[i, ETA] > 0.0:
            p[descent.RHO] = warm[i, at.P + 1]
            p[descent.GAMMA] = warm[i, GAMMA]
            p[descent.ETA] = warm[i, ETA]
            descent.copy(p, prior, descent.SHAPE)
            prior[descent.SHAPE] = _WARM_PULL
            return


@kernel
def _solve(
    table: Floats,
    first: Ints,
    n: int,
    taus: Floats,
    theta: Floats,
    p: Floats,
    prior: Floats,
    misses: Floats,
) -> tuple[int, bool]:
    """(iterations, settled) of the rounds from a start to the robust optimum, in place."""
    mass = np.empty(n)
    for i in range(n):
        level = _level(table, first[i], first[i + 1])
        theta[i] = level * level * taus[i]
        mass[i] = 0.0
        for j in range(first[i], first[i + 1]):
            mass[i] += table[descent.WEIGHT, j]
    descent.monotone(theta, mass, n, descent.RISE)
    _start(table, first, n, taus, theta, p, misses)
    descent.project(theta, p, mass, taus, n)
    iterations = 0
    settled = True
    pull = prior[descent.SHAPE]
    for turn in range(_ROUNDS):
        descent.misses_of(table, first, n, taus, theta, p, misses)
        scale = _reweigh(table, first, n, misses, turn > 0)
        prior[descent.SHAPE] = max(pull, _NOISE_PULL * scale * scale)
        used = descent.descend(table, first, n, taus, theta, p, prior)
        iterations += used
        settled = used < descent.ITERATIONS
    descent.misses_of(table, first, n, taus, theta, p, misses)
    return iterations, settled


@kernel
def fit(
    k: Floats,
    vol: Floats,
    weight: Floats,
    start: Ints,
    n: int,
    taus: Floats,
    forwards: Floats,
    warm: Floats,
    rows: Floats,
) -> int:
    """Fit a surface to n expiries into rows[n, ROW]; `layout.OK`, TOO_FEW or NOT_CONVERGED.

    Points start[i] to start[i + 1] (int64[n + 1]) belong to expiry i, with variance time taus[i]
    (years, ascending) and forwards[i]; k = ln(K/F), vol per 1.00, weight in any unit. Points that
    are not finite, have a vol outside [0.0005, 4] or no positive weight are left out; an expiry
    without any, or without time, gets a row of NO_MODEL and TOO_FEW, and so do all when there are
    fewer than three points; one that misses by ten vol points (RMS) gets NO_MODEL and SINGULAR.
    `warm` holds the last rows (NO_MODEL for none) and may be `rows`. The
    rows together have no butterfly and no calendar arbitrage (rules.md 8.4).
    """
    table = np.empty((4, max(start[n], 1)))
    first = np.empty(n + 1, dtype=np.int64)
    slices = np.empty(n, dtype=np.int64)
    p = np.empty(descent.SHAPE)
    prior = np.empty(descent.SHAPE + 1)
    _last_shape(warm, n, p, prior)
    kept = _gather(k, vol, weight, start, n, taus, table, first, slices)
    for i in range(n):
        for j in range(at.ROW):
            rows[i, j] = _NAN
        rows[i, at.MODEL] = at.NO_MODEL
        rows[i, at.STATUS] = at.TOO_FEW
    if first[kept] < _LEAST:
        return at.TOO_FEW
    own = np.empty(kept)
    for i in range(kept):
        own[i] = taus[slices[i]]
    theta = np.empty(kept)
    misses = np.empty(table.shape[1])
    iterations, settled = _solve(table, first, kept, own, theta, p, prior, misses)
    status = at.OK if settled else at.NOT_CONVERGED
    # The bound on eta is the absence of arbitrage; only the box of the others is counted.
    bounds = 1 if abs(p[descent.RHO]) >= descent.RHO_MOST else 0
    bounds += 1 if p[descent.GAMMA] <= 0.0 or p[descent.GAMMA] >= 1.0 else 0
    bounds += 1 if p[descent.ETA] <= descent.ETA_LEAST else 0
    for i in range(kept):
        row = rows[slices[i]]
        _write(table, first[i], first[i + 1], misses, theta[i], p, row)
        row[at.TAU] = own[i]
        row[at.FORWARD] = forwards[slices[i]]
        row[at.AT_BOUND] = bounds
        row[at.ITERATIONS] = iterations
        row[at.STATUS] = status
        if not (row[at.RMS] <= DEGENERATE):
            # One shape for all expiries says nothing of this one (the eve of expiry in a crash).
            row[at.MODEL] = at.NO_MODEL
            row[at.STATUS] = at.SINGULAR
    return status
