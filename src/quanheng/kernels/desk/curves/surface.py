"""Vol between and beyond the fitted expiries of a class, and rows for expiries without a fit.

Total variance is linear in variance time at equal k (rules.md 8.4) and never falls with time. An
adjusted contract is a point of its expiry's smile like any other: its own strike per unit of
underlying gives its k.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves.smile import vol_at
from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]

_NAN = float("nan")


@kernel
def surface_vol(rows: Floats, taus: Floats, n: int, tau: float, k: float) -> float:
    """Vol per 1.00 at (tau, k) from rows[n, ROW] whose variance time now is taus[n], ascending.

    Between two expiries total variance is linear in tau; before the first and after the last the
    vol at that k is flat. Where a later row is below an earlier one the earlier total variance
    counts, so the surface has no calendar arbitrage even before a repair. Rows without a vol at k
    or without time are passed over; NaN when none is left or tau is negative.
    """
    last_tau = 0.0
    last = 0.0
    for i in range(n):
        vol = vol_at(rows[i], k)
        if not (taus[i] > last_tau and vol > 0.0):
            continue
        w = vol * vol * taus[i]
        if not (w > last):
            w = last
            vol = math.sqrt(w / taus[i])
        if tau <= taus[i]:
            if last_tau == 0.0 or tau == taus[i]:
                return vol if tau >= 0.0 else _NAN
            share = (tau - last_tau) / (taus[i] - last_tau)
            return math.sqrt((last + (w - last) * share) / tau)
        last_tau = taus[i]
        last = w
    return math.sqrt(last / last_tau) if last_tau > 0.0 and tau > 0.0 else _NAN


@kernel
def surface_vols(
    rows: Floats, taus: Floats, n: int, tau: float, k: Floats, points: int, out: Floats
) -> None:
    """Fill out[:points] with `surface_vol` of each k."""
    for i in range(points):
        out[i] = surface_vol(rows, taus, n, tau, k[i])


@kernel
def _rescale(row: Floats, level: float, stretch: float, tau: float) -> None:
    """Turn a row in place into vol'(k) = level * vol(stretch * k) at another time."""
    times = level * level * tau / row[at.TAU]
    model = row[at.MODEL]
    if model == at.WING:
        row[at.P] *= level
        row[at.P + 1] *= level * stretch
        row[at.P + 2] *= level * stretch * stretch
        row[at.P + 3] *= level * stretch * stretch
        row[at.P + 4] /= stretch
        row[at.P + 5] /= stretch
    elif model == at.SVI:
        row[at.P] *= times
        row[at.P + 1] *= times * stretch
        row[at.P + 3] /= stretch
        row[at.P + 4] /= stretch
    elif model == at.SSVI:
        row[at.P] *= times
        row[at.P + 2] *= stretch
    elif model == at.CUBIC:
        for i in range(at.KNOTS):
            row[at.P + i] /= stretch
            row[at.P + at.KNOTS + i] *= level
    row[at.LIFT] *= times
    row[at.K_LOW] /= stretch
    row[at.K_HIGH] /= stretch
    for side in range(2):
        row[at.TAIL_LOW + side] /= stretch
        row[at.FROM_LOW + side] /= stretch
        row[at.SLOPE_LOW + side] *= level * stretch
    row[at.TAU] = tau


@kernel
def borrow_row(rows: Floats, taus: Floats, n: int, tau: float, forward: float, out: Floats) -> int:
    """out = a row for an expiry without a usable fit, from its neighbours in total variance.

    The vol at the money is `surface_vol`'s. The shape is that of the row nearest in ln(tau),
    stretched so that vols at equal standard deviations keep their ratio to the vol at the money: a
    change under which g(k) hardly moves. KEPT = 0 tells a borrowed row. Returns `layout.OK`, or
    `layout.TOO_FEW` with a row of NO_MODEL when there is nothing to borrow from or no time. `out`
    may be one of the rows; check the class again afterwards.
    """
    level = surface_vol(rows, taus, n, tau, 0.0)
    nearest = -1
    closest = 0.0
    for i in range(n):
        if taus[i] > 0.0 and vol_at(rows[i], 0.0) > 0.0:
            apart = taus[i] / tau if taus[i] > tau else tau / taus[i]
            if nearest < 0 or apart < closest:
                nearest = i
                closest = apart
    if nearest < 0 or not (tau > 0.0 and level > 0.0):
        for i in range(at.ROW):
            out[i] = _NAN
        out[at.MODEL] = at.NO_MODEL
        out[at.STATUS] = at.TOO_FEW
        return at.TOO_FEW
    vol = vol_at(rows[nearest], 0.0)
    stretch = vol * math.sqrt(taus[nearest]) / (level * math.sqrt(tau))
    for i in range(at.ROW):
        out[i] = rows[nearest, i]
    _rescale(out, level / vol, stretch, tau)
    out[at.FORWARD] = forward
    out[at.RMS] = 0.0
    out[at.KEPT] = 0.0
    out[at.AT_BOUND] = 0.0
    out[at.MIN_G] = _NAN
    out[at.STATUS] = at.OK
    out[at.ITERATIONS] = 0.0
    return at.OK
