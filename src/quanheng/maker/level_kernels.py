"""Kernels of the last rung that prices: one vol for an expiry that no curve can be had for (R-05).

On its last day an expiry has two or three contracts with time value, too few for a curve, and where
the whole class expires no other expiry lends one. Its few prices still tell a level.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves.robust import open_row
from quanheng.kernels.desk.curves.wing import SMOOTH
from quanheng.kernels.jit import kernel
from quanheng.maker import columns as c
from quanheng.maker import curve_kernels as k
from quanheng.maker.curve_life import Rung

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

UNKNOWN = 0.25
"""Vol per 1.00 where no price says anything; the parameter `curve_level` moves it like any."""

_LEVEL = int(Rung.LEVEL)
_NOTHING = int(Rung.NOTHING)
_NAN = float("nan")


@kernel
def level_of(points: Floats, start: int, stop: int) -> float:
    """Weighted mean vol of points[POINT_ROWS, start:stop] inside the clip range; NaN for none."""
    total = 0.0
    weights = 0.0
    for i in range(start, stop):
        vol, weight = points[k.VOL, i], points[k.WEIGHT, i]
        if at.VOL_LOW <= vol <= at.VOL_HIGH and 0.0 < weight < np.inf:
            total += weight * vol
            weights += weight
    return total / weights if weights > 0.0 else _NAN


@kernel
def _flat(level: float, tau: float, forward: float, row: Floats) -> None:
    """row = a wing without slope and bend, cut off at one deviation as a fit would be."""
    open_row(at.WING, tau, forward, 0.0, 0.0, row)
    deviation = level * math.sqrt(tau)
    row[at.P] = level
    row[at.P + 4] = -deviation
    row[at.P + 5] = deviation
    row[at.P + 6] = SMOOTH
    row[at.P + 7] = SMOOTH
    row[at.STATUS] = at.FALLBACK


@kernel
def open_levels(fits: Floats, curves: Floats, life: Ints, points: Floats, spans: Ints) -> None:
    """Publish a level for every expiry of spans[n, SPAN_COLUMNS] that has nothing: that of its
    points, else UNKNOWN.
    """
    for i in range(spans.shape[0]):
        e = spans[i, k.S_EXPIRY]
        if life[e, c.V_RUNG] != _NOTHING:
            continue
        level = level_of(points, spans[i, k.S_START], spans[i, k.S_STOP])
        known = level if math.isfinite(level) else UNKNOWN
        _flat(known, fits[e, c.X_TAU], fits[e, c.X_FORWARD], curves[c.PUBLISHED, e])
        life[e, c.V_RUNG] = _LEVEL


@kernel
def follow_levels(
    curves: Floats, life: Ints, points: Floats, spans: Ints, which: Ints, limits: Floats, out: Ints
) -> None:
    """Levels follow the others' quotes: a share of the way, at most the move a fit may make.

    out[classes] = the versions; that of the class grows by one when a level changes.
    """
    version = out[which[k.W_KLASS]] + 1
    for i in range(spans.shape[0]):
        e = spans[i, k.S_EXPIRY]
        if life[e, c.V_RUNG] != _LEVEL:
            continue
        row = curves[c.PUBLISHED, e]
        way = level_of(points, spans[i, k.S_START], spans[i, k.S_STOP]) - row[at.P]
        if not abs(way) > 0.0:
            continue
        cap = limits[k.LIMIT_MOVE]
        row[at.P] += min(max(limits[k.LIMIT_GAIN] * way, -cap), cap)
        life[e, c.V_VERSION] = version
        out[which[k.W_KLASS]] = version
