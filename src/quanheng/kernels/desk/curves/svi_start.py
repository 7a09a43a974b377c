"""A cold start for SVI: a small grid of middle and width, the rest linear.

Given m and sigma, SVI is linear in its level and in the slopes L, R >= 0 of its asymptotes: the
quasi-explicit calibration of De Marco and Martini (Zeliade white paper, 2009).
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import robust as r
from quanheng.kernels.desk.curves import svi_model as svi
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.bits import fused
from quanheng.kernels.math.elementary import exp, log

Floats = npt.NDArray[np.float64]

_MIDDLES = 3
_WIDTHS = 3
_REACH = 0.7
"""The outer middles of the grid, as a share of the quoted range."""
_LINEAR = 3
_ATTEMPTS = 24
"""Sets of three points tried per node; with one bad quote in five, 0.5^24 is no risk."""
_RIDGE = 1e-6
_GENTLEST = 0.05
"""Least slope of an asymptote at the start; a logarithm cannot come back from zero."""


@kernel
def _slopes(
    pp: float, pq: float, qq: float, pt: float, qt: float, top: float
) -> tuple[float, float]:
    """(L, R) of least squares inside [_GENTLEST, top]^2, by trying which of them is held."""
    low = min(_GENTLEST, top)
    determinant = pp * qq - pq * pq
    if determinant > 0.0:
        left = (qq * pt - pq * qt) / determinant
        right = (pp * qt - pq * pt) / determinant
        if low <= left <= top and low <= right <= top:
            return left, right
        if left < low or right < low:
            # One of them is held; the one further out first.
            if left < right:
                return low, min(max((qt - pq * low) / qq, low), top)
            return min(max((pt - pq * low) / pp, low), top), low
        return min(max(left, low), top), min(max(right, low), top)
    return low, low


@kernel
def _inner(table: Floats, count: int, middle: float, s: float, top: float, u: Floats) -> float:
    """Fill u for a given middle and width; returns its weighted sum of squares (vol^2)."""
    s1 = sp = sq = spp = spq = sqq = st = spt = sqt = stt = 0.0
    for i in range(count):
        x = table[svi.X, i] - middle
        root = math.sqrt(x * x + s * s)
        p = 0.5 * (root - x)
        q = 0.5 * (root + x)
        factor = table[svi.FACTOR, i]
        weight = table[r.ROBUST, i] * table[r.WEIGHT, i] * factor * factor
        t = table[svi.TARGET, i]
        wp = weight * p
        wq = weight * q
        wt = weight * t
        s1 += weight
        sp += wp
        sq += wq
        st += wt
        spp = fused(wp, p, spp)
        spq = fused(wp, q, spq)
        sqq = fused(wq, q, sqq)
        spt = fused(wp, t, spt)
        sqt = fused(wq, t, sqt)
        stt = fused(wt, t, stt)
    by = 1.0 / s1
    pp = (spp - sp * sp * by) * (1.0 + _RIDGE) + _RIDGE * spp
    qq = (sqq - sq * sq * by) * (1.0 + _RIDGE) + _RIDGE * sqq
    left, right = _slopes(pp, spq - sp * sq * by, qq, spt - sp * st * by, sqt - sq * st * by, top)
    cross = s * math.sqrt(left * right)
    level = max((st - left * sp - right * sq) * by + cross, _GENTLEST)
    a = level - cross
    u[svi.LEVEL] = level
    u[svi.LEFT] = log(left)
    u[svi.RIGHT] = log(right)
    u[svi.MIDDLE] = middle
    u[svi.WIDTH] = log(s)
    square = a * a * s1 + left * left * spp + right * right * sqq + stt
    mixed = a * (left * sp + right * sq - st) + left * (right * spq - spt) - right * sqt
    return square + 2.0 * mixed


@kernel
def _node(bounds: Floats, node: int) -> tuple[float, float]:
    """(middle, width) of a node of the grid."""
    middle = 0.0
    if node % _MIDDLES == 1:
        middle = _REACH * (bounds[0, svi.MIDDLE] + svi.BEYOND)
    elif node % _MIDDLES == 2:
        middle = _REACH * (bounds[1, svi.MIDDLE] - svi.BEYOND)
    step = node // _MIDDLES
    return middle, 0.12 if step == 0 else (0.4 if step == 1 else 1.3)


@kernel
def start(table: Floats, count: int, bounds: Floats, prior: Floats, u: Floats) -> None:
    """Fill u[5] with the best node of the grid: squares plus the pull of `prior`[2, 5]."""
    trial = np.empty(svi.COUNT)
    top = exp(bounds[1, svi.LEFT])
    best = np.inf
    for node in range(_MIDDLES * _WIDTHS):
        middle, s = _node(bounds, node)
        cost = _inner(table, count, middle, s, top, trial)
        for j in range(svi.COUNT):
            away = trial[j] - prior[0, j]
            cost += prior[1, j] * away * away
        if cost < best:
            best = cost
            u[:] = trial
    svi.into_box(bounds, u)


@kernel
def search(table: Floats, count: int, bounds: Floats, u: Floats) -> None:
    """Weights, and u[5], of the best curve through three points at each node of the grid.

    Bad quotes on one wing can carry any least-squares start away; some set avoids them. By the
    sum of root residuals.
    """
    trial = np.empty(svi.COUNT)
    top = exp(bounds[1, svi.LEFT])
    best = np.inf
    draw = 1
    for node in range(_MIDDLES * _WIDTHS):
        middle, s = _node(bounds, node)
        for attempt in range(_ATTEMPTS):
            draw = r.choose(table, count, _LINEAR, attempt, draw)
            _inner(table, count, middle, s, top, trial)
            svi.residuals(table, count, trial)
            score = r.root_score(table, count)
            if score < best:
                best = score
                u[:] = trial
    svi.residuals(table, count, u)
    r.reweigh(table, count, svi.COUNT, 0.0)
