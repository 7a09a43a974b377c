"""A trader's deltas on a curve, the curve's Greeks, and how a curve swims with the forward (I-31).

Deltas are three numbers apart from the fit, added to the vol of any model:
vol'(k) = vol(k) + level + slope z + curvature z^2, in z = k / sqrt(tau) held within +-1 by an end
that fades its slope to zero, so that a delta bends no wing sharply. They mean the same whatever
model is fitted, and no delta leaves the vols as they are, bit for bit.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves.smile import copy_row, variance_at
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import exp, log_ratio

Floats = npt.NDArray[np.float64]

LEVEL = 0
"""Vol per 1.00, the same at every strike."""
SLOPE = 1
"""Vol per unit of z = ln(K/F)/sqrt(tau)."""
CURVATURE = 2
"""Vol per unit of z^2."""
DELTAS = 3

Z_STRAIGHT = 0.75
Z_MOST = 1.0
"""|z| never exceeds this: about five standard deviations at a vol of 20 %."""
POINT = 0.01
"""One vol point, the unit of the curve's Greeks."""

_NAN = float("nan")


@kernel
def bounded_z(k: float, tau: float) -> float:
    """z = k / sqrt(tau), from |z| = 0.75 on bent to reach +-1 at 1.25 and to stay there.

    At tau = 0 it is zero at the money and +-1 elsewhere; NaN for a negative tau.
    """
    if k == 0.0 and tau >= 0.0:
        return 0.0
    z = k / math.sqrt(tau) if tau > 0.0 else (_NAN if tau != 0.0 else k * np.inf)
    size = abs(z)
    if not (size > Z_STRAIGHT):
        return z
    fade = 2.0 * (Z_MOST - Z_STRAIGHT)
    share = min((size - Z_STRAIGHT) / fade, 1.0)
    size = Z_STRAIGHT + fade * share * (1.0 - 0.5 * share)
    return size if z > 0.0 else -size


@kernel
def add_shift(deltas: Floats, k: Floats, tau: float, n: int, vols: Floats) -> None:
    """Add deltas float64[DELTAS] to vols[:n] in place; moved vols are clipped to [0.0005, 4]."""
    for i in range(n):
        z = bounded_z(k[i], tau)
        add = deltas[LEVEL] + z * (deltas[SLOPE] + z * deltas[CURVATURE])
        if add != 0.0:
            vol = vols[i] + add
            vol = vol if not (vol < at.VOL_LOW) else at.VOL_LOW
            vols[i] = vol if not (vol > at.VOL_HIGH) else at.VOL_HIGH


@kernel
def curve_greeks(vega: Floats, k: Floats, tau: float, n: int, out: Floats) -> None:
    """Fill out[DELTAS, n] with d price / d level, slope and curvature, per vol point (0.01).

    vega per 1.00 of vol as `black.price_chain` gives it; k and tau as in `add_shift`, of which
    these are the exact derivatives.
    """
    for i in range(n):
        z = bounded_z(k[i], tau)
        point = POINT * vega[i]
        out[LEVEL, i] = point
        out[SLOPE, i] = point * z
        out[CURVATURE, i] = point * z * z


@kernel
def swim_forward(fitted: float, now: float, swim: float) -> float:
    """F_now^s F_fit^(1-s): where the curve is read (rules.md 8.3); s = swim in 0..1.

    0 = sticky strike, 1 = sticky delta, both to the bit. NaN unless both forwards are positive.
    """
    if not (fitted > 0.0 and now > 0.0):
        return _NAN
    if swim == 0.0:
        return fitted
    if swim == 1.0:
        return now
    return fitted * exp(swim * log_ratio(now, fitted))


@kernel
def moneyness(strike: float, row: Floats, now: float, swim: float) -> float:
    """k = ln(K / swim_forward) at which a row is read for a strike; NaN unless all positive."""
    forward = swim_forward(row[at.FORWARD], now, swim)
    if not (strike > 0.0 and forward > 0.0):
        return _NAN
    return float(log_ratio(strike, forward))


@kernel
def vol_slope(row: Floats, k: float) -> float:
    """d vol / d k of a row; zero where the vol is clipped, NaN without a vol."""
    w, first, _ = variance_at(row, k)
    tau = row[at.TAU]
    return float(0.5 * first / (math.sqrt(w / tau) * tau))


@kernel
def swim_deltas(
    row: Floats,
    k: Floats,
    delta: Floats,
    vega: Floats,
    now: float,
    swim: float,
    n: int,
    out: Floats,
) -> None:
    """Fill out[:n] with delta + vega d vol/d F, the vol at a strike moving as the curve swims.

    d vol/d F = -swim vol'(k) / F at k = `moneyness`: nothing under sticky strike, all of the skew
    under sticky delta. delta and vega as `black.price_chain` gives them; `out` may be `delta`.
    """
    for i in range(n):
        moved = swim * vol_slope(row, k[i]) / now if swim != 0.0 else 0.0
        out[i] = delta[i] - vega[i] * moved


@kernel
def wing_at_reference(
    row: Floats, now: float, swim: float, vcr: float, scr: float, out: Floats
) -> int:
    """The wing's own moves with the forward (rules.md 8.3) as a wing row at the forward F.

    F = now^s Ref^(1-s), vc = vr - vcr s (now - Ref)/Ref, sc = sr - scr s (now - Ref)/Ref, with Ref
    the row's forward and s = swim in 0..1; vcr and scr per move of 100 %. Returns `layout.OK`, or
    `layout.SINGULAR` with a NaN level for another model or a forward that is not positive.
    """
    reference = row[at.FORWARD]
    forward = swim_forward(reference, now, swim)
    share = swim * (now - reference) / reference if forward > 0.0 else _NAN
    copy_row(row, out)
    if row[at.MODEL] != at.WING or not (forward > 0.0):
        out[at.P] = _NAN
        return at.SINGULAR
    out[at.FORWARD] = forward
    out[at.P] = row[at.P] - vcr * share
    out[at.P + 1] = row[at.P + 1] - scr * share
    return at.OK
