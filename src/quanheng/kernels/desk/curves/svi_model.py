"""SVI in coordinates in which every constraint of rules.md 8.4 is a box.

With x = (k - m)/h and the variance per year over v0^2 as the unit, raw SVI is

    Y = V - s sqrt(L R) + (R - L) x / 2 + (L + R) sqrt(x^2 + s^2) / 2

V is the least variance, L and R are the slopes of the two asymptotes, s = sigma/h. So b >= 0,
|rho| < 1, sigma > 0 and w >= 0 are V >= 0 and L, R, s > 0, and Lee's bound b (1 + |rho|) <= 2 is a
bound of L and R. L, R and s enter by their logarithms: they are scales. h is the quoted range, or
one and a half standard deviations; v0 the mean vol.

A quote is compared in variance, (v0^2 Y - v^2)/(2 v): to first order the difference of vols, but
linear in V, L and R and without a root of a negative number.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves import robust as r
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.bits import fused
from quanheng.kernels.math.elementary import exp, log

Floats = npt.NDArray[np.float64]

LEVEL = 0
LEFT = 1
RIGHT = 2
MIDDLE = 3
WIDTH = 4
COUNT = 5
"""Coordinates u: V, ln L, ln R, m/h, ln s."""

X = r.SLOPE
TARGET = r.PUT
FACTOR = r.CALL
"""Rows of the table: k/h, (v/v0)^2, and v0^2/(2v) that makes a vol of a variance."""

_LEAST_RANGE = 1.5
"""Standard deviations; the usual quoted range on a side, for expiries with less."""
_LEVEL_LOW = 1e-3
_LEVEL_HIGH = 16.0
_SLOPE_LOW = 1e-3
_SLOPE_HIGH = 40.0
_LEE = 2.0
BEYOND = 1.0
"""Units of h by which the middle may leave the quoted range."""
_WIDTH_LOW = 0.02
_WIDTH_HIGH = 5.0


@kernel
def prepare(table: Floats, count: int, tau: float) -> tuple[float, float]:
    """Fill the X, TARGET and FACTOR rows; returns (h in k, v0 in vol)."""
    v0 = 0.0
    for i in range(count):
        v0 += table[r.WEIGHT, i] * table[r.VOL, i]
    low, high = r.quoted_range(table, count)
    h = max(high, -low, _LEAST_RANGE * v0 * math.sqrt(tau))
    for i in range(count):
        vol = table[r.VOL, i]
        table[X, i] = table[r.K, i] / h
        table[TARGET, i] = (vol / v0) * (vol / v0)
        table[FACTOR, i] = 0.5 * v0 * v0 / vol
    return h, v0


@kernel
def box(table: Floats, count: int, tau: float, h: float, v0: float, bounds: Floats) -> None:
    """Fill bounds[2, 5], the lowest and highest coordinates."""
    low, high = r.quoted_range(table, count)
    bounds[0, LEVEL] = _LEVEL_LOW
    bounds[1, LEVEL] = _LEVEL_HIGH
    steepest = min(_SLOPE_HIGH, _LEE * h / (v0 * v0 * tau))
    for side in (LEFT, RIGHT):
        bounds[0, side] = log(min(_SLOPE_LOW, 1e-2 * steepest))
        bounds[1, side] = log(steepest)
    bounds[0, MIDDLE] = low / h - BEYOND
    bounds[1, MIDDLE] = high / h + BEYOND
    bounds[0, WIDTH] = log(_WIDTH_LOW)
    bounds[1, WIDTH] = log(_WIDTH_HIGH)


@kernel
def into_box(bounds: Floats, u: Floats) -> None:
    """Move u to the nearest point of the box."""
    for j in range(COUNT):
        u[j] = min(max(u[j], bounds[0, j]), bounds[1, j])


@kernel
def from_row(row: Floats, h: float, v0: float, u: Floats) -> None:
    """Coordinates of a fitted SVI row: its vols as a function of k, whatever tau is now."""
    unit = 1.0 / (v0 * v0 * row[at.TAU])
    b = row[at.P + 1]
    rho = row[at.P + 2]
    sigma = row[at.P + 4]
    u[LEVEL] = unit * (row[at.P] + b * sigma * math.sqrt(max(1.0 - rho * rho, 0.0)))
    u[LEFT] = log(max(unit * h * b * (1.0 - rho), 1e-12))
    u[RIGHT] = log(max(unit * h * b * (1.0 + rho), 1e-12))
    u[MIDDLE] = row[at.P + 3] / h
    u[WIDTH] = log(max(sigma / h, 1e-12))


@kernel
def to_row(u: Floats, h: float, v0: float, tau: float, out: Floats) -> None:
    """Write a, b, rho, m, sigma of the coordinates into the parameters of a row."""
    left = exp(u[LEFT])
    right = exp(u[RIGHT])
    s = exp(u[WIDTH])
    unit = v0 * v0 * tau
    out[at.P] = unit * (u[LEVEL] - s * math.sqrt(left * right))
    out[at.P + 1] = 0.5 * (left + right) * unit / h
    out[at.P + 2] = (right - left) / (right + left)
    out[at.P + 3] = u[MIDDLE] * h
    out[at.P + 4] = s * h


@kernel
def residuals(table: Floats, count: int, u: Floats) -> float:
    """Fill the RESIDUAL row (vol); returns the weighted sum of squares."""
    left = exp(u[LEFT])
    right = exp(u[RIGHT])
    s = exp(u[WIDTH])
    base = u[LEVEL] - s * math.sqrt(left * right)
    tilt = 0.5 * (right - left)
    bend = 0.5 * (right + left)
    squares = 0.0
    for i in range(count):
        x = table[X, i] - u[MIDDLE]
        y = base + tilt * x + bend * math.sqrt(x * x + s * s)
        residual = table[FACTOR, i] * (table[TARGET, i] - y)
        table[r.RESIDUAL, i] = residual
        squares += table[r.ROBUST, i] * table[r.WEIGHT, i] * residual * residual
    return squares


@kernel
def normal_equations(table: Floats, count: int, u: Floats, a: Floats, g: Floats) -> float:
    """Fill a[5, 5] = J'J (lower part) and g[5] = J'r; returns r'r, for r = curve - quote in vol.

    The RESIDUAL row is filled, too.
    """
    left = exp(u[LEFT])
    right = exp(u[RIGHT])
    s = exp(u[WIDTH])
    cross = s * math.sqrt(left * right)
    base = u[LEVEL] - cross
    tilt = 0.5 * (right - left)
    bend = 0.5 * (right + left)
    a00 = a10 = a11 = a20 = a21 = a22 = a30 = a31 = a32 = a33 = 0.0
    a40 = a41 = a42 = a43 = a44 = g0 = g1 = g2 = g3 = g4 = squares = 0.0
    for i in range(count):
        x = table[X, i] - u[MIDDLE]
        root = math.sqrt(x * x + s * s)
        inverse = 1.0 / root
        factor = table[FACTOR, i]
        weight = table[r.ROBUST, i] * table[r.WEIGHT, i] * factor * factor
        miss = base + tilt * x + bend * root - table[TARGET, i]
        table[r.RESIDUAL, i] = -factor * miss
        j1 = 0.5 * (left * (root - x) - cross)
        j2 = 0.5 * (right * (root + x) - cross)
        j3 = -tilt - bend * x * inverse
        j4 = bend * s * s * inverse - cross
        w1 = weight * j1
        w2 = weight * j2
        w3 = weight * j3
        w4 = weight * j4
        a00 += weight
        a10 += w1
        a11 = fused(w1, j1, a11)
        a20 += w2
        a21 = fused(w2, j1, a21)
        a22 = fused(w2, j2, a22)
        a30 += w3
        a31 = fused(w3, j1, a31)
        a32 = fused(w3, j2, a32)
        a33 = fused(w3, j3, a33)
        a40 += w4
        a41 = fused(w4, j1, a41)
        a42 = fused(w4, j2, a42)
        a43 = fused(w4, j3, a43)
        a44 = fused(w4, j4, a44)
        force = weight * miss
        squares = fused(force, miss, squares)
        g0 += force
        g1 = fused(force, j1, g1)
        g2 = fused(force, j2, g2)
        g3 = fused(force, j3, g3)
        g4 = fused(force, j4, g4)
    a[0, 0] = a00
    a[1, 0], a[1, 1] = a10, a11
    a[2, 0], a[2, 1], a[2, 2] = a20, a21, a22
    a[3, 0], a[3, 1], a[3, 2], a[3, 3] = a30, a31, a32, a33
    a[4, 0], a[4, 1], a[4, 2], a[4, 3], a[4, 4] = a40, a41, a42, a43, a44
    g[0], g[1], g[2], g[3], g[4] = g0, g1, g2, g3, g4
    return squares
