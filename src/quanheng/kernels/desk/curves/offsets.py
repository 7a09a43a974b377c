"""Per-strike offsets on top of a curve: what a model with few parameters cannot bend to.

An offset is a shrunk residual, never more than the quotes can justify, and the offsets of an expiry
are scaled down together until the call prices at the strikes are free of butterflies. They are kept
apart from the fit (rules.md 8.4) and by strike: the caller gives each strike's k of the moment.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.black import price_one
from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves.smile import vol_at
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import exp

Floats = npt.NDArray[np.float64]

_HALVINGS = 12
"""Bisections of the scale: a four-thousandth of an offset is far below a tick."""
_ROUNDING = 1e-13
"""Yuan per unit of forward; what rounding may take from a convexity of zero."""


@kernel
def shrunk_offsets(
    row: Floats,
    k: Floats,
    vol: Floats,
    weight: Floats,
    half: Floats,
    n: int,
    prior: float,
    most: float,
    out: Floats,
) -> int:
    """Fill out[n] with the offset (vol) of each strike; returns the number that are not zero.

    Offset = (vol - curve) * weight / (weight + prior), within half the bid-ask band `half` (vol)
    and within `most` (vol). `weight` and `prior` > 0 are in the same unit. Strikes without a
    point (weight 0, or a vol, k or band that is not finite) have none.
    """
    count = 0
    for i in range(n):
        out[i] = 0.0
        residual = vol[i] - vol_at(row, k[i])
        if not (0.0 < weight[i] < np.inf and math.isfinite(residual) and half[i] > 0.0):
            continue
        bound = min(half[i], most)
        share = weight[i] / (weight[i] + prior)
        out[i] = min(max(residual * share, -bound), bound)
        count += 1 if out[i] != 0.0 else 0
    return count


@kernel
def _sound(
    row: Floats, k: Floats, offsets: Floats, n: int, share: float, tau: float, calls: Floats
) -> bool:
    """Whether calls on a forward of one, with a share of the offsets, fall and are convex.

    A strike at zero, worth the forward, is the first of the row: so the first slope is bounded.
    """
    before_k = 0.0
    before = 1.0
    last_slope = -1.0
    for i in range(n):
        strike = exp(k[i])
        vol = min(max(vol_at(row, k[i]) + share * offsets[i], at.VOL_LOW), at.VOL_HIGH)
        calls[i] = price_one(1.0, 1.0, strike, vol, tau, 1.0)
        slope = (calls[i] - before) / (strike - before_k)
        tolerance = _ROUNDING / (strike - before_k)
        if not (slope >= last_slope - tolerance and slope <= tolerance):
            return False
        last_slope = slope
        before_k = strike
        before = calls[i]
    return True


@kernel
def sound_share(row: Floats, k: Floats, offsets: Floats, n: int, tau: float) -> float:
    """The largest share in [0, 1] of offsets[n] that leaves no butterfly at the strikes.

    k[n] strictly ascending, tau the variance years of now. Call prices must fall and be convex
    in the strike. By bisection, so the share is right to 1/4096; 0 when the curve
    alone has a butterfly, or a number is not finite.
    """
    calls = np.empty(n)
    if _sound(row, k, offsets, n, 1.0, tau, calls):
        return 1.0
    low = 0.0
    high = 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if _sound(row, k, offsets, n, middle, tau, calls):
            low = middle
        else:
            high = middle
    return low


@kernel
def fit_offsets(
    row: Floats,
    k: Floats,
    vol: Floats,
    weight: Floats,
    half: Floats,
    n: int,
    tau: float,
    prior: float,
    most: float,
    out: Floats,
) -> float:
    """`shrunk_offsets` times their `sound_share`, into out[n]; returns the share."""
    shrunk_offsets(row, k, vol, weight, half, n, prior, most, out)
    share = sound_share(row, k, out, n, tau)
    for i in range(n):
        out[i] *= share
    return share


@kernel
def offset_at(k: Floats, offsets: Floats, n: int, x: float) -> float:
    """Offset (vol) at ln(K/F) = x: linear between the strikes k[n], strictly ascending.

    Beyond the outermost strikes it fades to zero over as far as the next strike inwards, so that
    vols have no jump; a lone strike has an offset nowhere else. NaN for x NaN.
    """
    if n == 0 or not math.isfinite(x):
        return 0.0 if math.isfinite(x) else np.nan
    if x <= k[0] or x >= k[n - 1]:
        end = 0 if x <= k[0] else n - 1
        if x == k[end]:
            return float(offsets[end])
        if n == 1:
            return 0.0
        gap = k[1] - k[0] if end == 0 else k[n - 1] - k[n - 2]
        return float(offsets[end] * max(1.0 - abs(x - k[end]) / gap, 0.0))
    i = 1
    while k[i] < x:
        i += 1
    share = (x - k[i - 1]) / (k[i] - k[i - 1])
    return float(offsets[i - 1] + share * (offsets[i] - offsets[i - 1]))


@kernel
def vol_with_offsets(row: Floats, k: Floats, offsets: Floats, n: int, x: float) -> float:
    """Vol of the curve at ln(K/F) = x plus its offset, within [0.0005, 4]; NaN as `vol_at`."""
    vol = vol_at(row, x) + offset_at(k, offsets, n, x)
    if not math.isfinite(vol):
        return np.nan
    return min(max(vol, at.VOL_LOW), at.VOL_HIGH)
