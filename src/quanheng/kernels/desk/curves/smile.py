"""Evaluate any curve row: vol, total variance and its first two derivatives in k.

The derivatives are analytic, so the butterfly condition can be checked as rules.md 8.4 states it.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.jit import inlined, kernel

Floats = npt.NDArray[np.float64]
Triple = tuple[float, float, float]

_NAN = float("nan")
_LEAST = 1e-14
"""Total variance below this is none: a vol of 0.05 % for a second."""


@inlined
def wing_side(k: float, slope: float, bend: float, cut: float, smooth: float) -> Triple:
    """Vol above the vol at the money on one side of the wing model, and two derivatives."""
    if not (cut * k > 0.0):
        # At the money; or a side without a cut-off, which has no wing.
        return 0.0, (slope if k == 0.0 else 0.0), (2.0 * bend if k == 0.0 else 0.0)
    far = k / cut
    if far <= 1.0:
        return k * (slope + bend * k), slope + 2.0 * bend * k, 2.0 * bend
    if not (smooth > 0.0) or far >= 1.0 + smooth:
        rise = cut * (2.0 + smooth) * slope * 0.5 + (1.0 + smooth) * bend * cut * cut
        return rise, 0.0, 0.0
    more = 1.0 + 1.0 / smooth
    constant = -more * bend * cut * cut - slope * cut / (2.0 * smooth)
    linear = more * (2.0 * bend * cut + slope)
    square = -(bend / smooth + slope / (2.0 * cut * smooth))
    return constant + k * (linear + square * k), linear + 2.0 * square * k, 2.0 * square


@inlined
def _wing(row: Floats, k: float) -> Triple:
    """Vol and two derivatives of the wing model (rules.md 8.3, with its last line continuous)."""
    side = 1 if k < 0.0 else 0
    rise, first, second = wing_side(
        k,
        row[at.P + 1],
        row[at.P + 3 - side],
        row[at.P + 5 - side],
        row[at.P + 7 - side],
    )
    return row[at.P] + rise, first, second


@inlined
def _svi(row: Floats, k: float) -> Triple:
    """Raw SVI: w = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)), and two derivatives."""
    b = row[at.P + 1]
    rho = row[at.P + 2]
    d = k - row[at.P + 3]
    sigma = row[at.P + 4]
    root = math.sqrt(d * d + sigma * sigma)
    w = row[at.P] + b * (rho * d + root)
    return w, b * (rho + d / root), b * (sigma / root) * (sigma / root) / root


@inlined
def _ssvi(row: Floats, k: float) -> Triple:
    """A slice of SSVI, theta/2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2))."""
    half = 0.5 * row[at.P]
    rho = row[at.P + 1]
    phi = row[at.P + 2]
    z = phi * k + rho
    rest = 1.0 - rho * rho
    root = math.sqrt(z * z + rest)
    w = half * (1.0 + rho * phi * k + root)
    return w, half * phi * (rho + z / root), half * phi * phi * rest / (root * root * root)


@inlined
def natural_bends(row: Floats) -> Triple:
    """Second derivatives of the natural cubic spline at its three inner knots.

    The tridiagonal system of three unknowns, solved by elimination.
    """
    x0, x1, x2 = row[at.P], row[at.P + 1], row[at.P + 2]
    x3, x4 = row[at.P + 3], row[at.P + 4]
    v = at.P + at.KNOTS
    h0, h1, h2, h3 = x1 - x0, x2 - x1, x3 - x2, x4 - x3
    s0, s1 = (row[v + 1] - row[v]) / h0, (row[v + 2] - row[v + 1]) / h1
    s2, s3 = (row[v + 3] - row[v + 2]) / h2, (row[v + 4] - row[v + 3]) / h3
    d1, d2, d3 = 2.0 * (h0 + h1), 2.0 * (h1 + h2), 2.0 * (h2 + h3)
    r1, r2, r3 = 6.0 * (s1 - s0), 6.0 * (s2 - s1), 6.0 * (s3 - s2)
    d2 -= h1 * h1 / d1
    r2 -= r1 * h1 / d1
    d3 -= h2 * h2 / d2
    r3 -= r2 * h2 / d2
    m3 = r3 / d3
    m2 = (r2 - h2 * m3) / d2
    m1 = (r1 - h1 * m2) / d1
    return m1, m2, m3


@inlined
def _fade(vol: float, slope: float, beyond: float, length: float) -> Triple:
    """Vol and derivatives where a slope has faded to zero, evenly, `beyond` its last point."""
    share = min(abs(beyond) / length, 1.0)
    run = length * share * (1.0 - 0.5 * share)
    bend = slope / length if share < 1.0 else 0.0
    if beyond > 0.0:
        return vol + slope * run, slope * (1.0 - share), -bend
    return vol - slope * run, slope * (1.0 - share), bend


@inlined
def _cubic(row: Floats, k: float) -> Triple:
    """Natural cubic spline of the vol; past the outer knots its slope fades to zero.

    The fade takes a quarter of the knots' span: a vol that goes on linearly breaks Lee's bound.
    """
    m1, m2, m3 = natural_bends(row)
    low, high = row[at.P], row[at.P + at.KNOTS - 1]
    inside = min(max(k, low), high)
    j = 0
    while j < at.KNOTS - 2 and inside > row[at.P + j + 1]:
        j += 1
    left = 0.0 if j == 0 else (m1 if j == 1 else (m2 if j == 2 else m3))
    right = m1 if j == 0 else (m2 if j == 1 else (m3 if j == 2 else 0.0))
    x, y = row[at.P + j], row[at.P + at.KNOTS + j]
    h = row[at.P + j + 1] - x
    t = inside - x
    start = (row[at.P + at.KNOTS + j + 1] - y) / h - h * (2.0 * left + right) / 6.0
    rate = (right - left) / h
    vol = y + t * (start + t * (0.5 * left + t * rate / 6.0))
    first = start + t * (left + 0.5 * t * rate)
    if inside == k:
        return vol, first, left + t * rate
    return _fade(vol, first, k - inside, 0.25 * (high - low))


@inlined
def _vol_of(w: float, first: float, second: float, tau: float) -> Triple:
    """(vol, vol', vol'') of a total variance and its derivatives."""
    if w <= _LEAST:
        return 0.0, 0.0, 0.0
    vol = math.sqrt(w / tau)
    scale = 0.5 / (vol * tau)
    return vol, first * scale, (second - 0.5 * first * first / w) * scale


@inlined
def _own_vol(row: Floats, k: float) -> Triple:
    """(vol, vol', vol'') of the model's own formula; NaN for NO_MODEL or NaN k."""
    model = row[at.MODEL]
    if math.isnan(k):
        return _NAN, _NAN, _NAN
    if model == at.WING:
        return _wing(row, k)
    if model == at.CUBIC:
        return _cubic(row, k)
    if model == at.SVI:
        w, first, second = _svi(row, k)
        return _vol_of(w, first, second, row[at.TAU])
    if model == at.SSVI:
        w, first, second = _ssvi(row, k)
        return _vol_of(w, first, second, row[at.TAU])
    return _NAN, _NAN, _NAN


@inlined
def model_vol(row: Floats, k: float) -> Triple:
    """(vol, vol', vol'') of the model and its tails: before clip, FLAT and LIFT."""
    inside = k
    length = 0.0
    slope = 0.0
    if k > row[at.FROM_HIGH] and row[at.TAIL_HIGH] > 0.0:
        inside = row[at.FROM_HIGH]
        length = row[at.TAIL_HIGH]
        slope = row[at.SLOPE_HIGH]
    elif k < row[at.FROM_LOW] and row[at.TAIL_LOW] > 0.0:
        inside = row[at.FROM_LOW]
        length = row[at.TAIL_LOW]
        slope = row[at.SLOPE_LOW]
    vol, first, second = _own_vol(row, inside)
    if length > 0.0:
        return _fade(vol, slope, k - inside, length)
    return vol, first, second


@kernel
def _money_vol(row: Floats) -> float:
    """The model's vol at the money."""
    return float(model_vol(row, 0.0)[0])


@inlined
def _finished(row: Floats, k: float) -> Triple:
    """Total variance and derivatives with FLAT, the clip and LIFT applied."""
    vol, first, second = model_vol(row, k)
    flat = row[at.FLAT]
    if flat > 0.0:
        keep = 1.0 - flat
        vol = keep * vol + flat * _money_vol(row)
        first *= keep
        second *= keep
    if vol < at.VOL_LOW or vol > at.VOL_HIGH:
        vol = at.VOL_LOW if vol < at.VOL_LOW else at.VOL_HIGH
        first = 0.0
        second = 0.0
    tau = row[at.TAU]
    w = vol * vol * tau + row[at.LIFT]
    return w, 2.0 * vol * first * tau, 2.0 * (first * first + vol * second) * tau


@inlined
def variance(row: Floats, k: float) -> Triple:
    """(w, dw/dk, d2w/dk2) of row float64[ROW] at k = ln(K/F); NaN for NO_MODEL or NaN k."""
    return _finished(row, k)


@kernel
def copy_row(row: Floats, out: Floats) -> None:
    """out = row, bit for bit."""
    for i in range(at.ROW):
        out[i] = row[i]


@kernel
def variance_at(row: Floats, k: float) -> Triple:
    """`variance` as a call of its own, for places that are not a hot loop (shorter to compile)."""
    return variance(row, k)


@kernel
def slope_at(row: Floats, k: float) -> float:
    """d vol / d k of the model and its tails at k; at the start of a tail the model's own."""
    return float(model_vol(row, k)[1])


@kernel
def vol_at(row: Floats, k: float) -> float:
    """Vol per 1.00 at k = ln(K/F), clipped to [0.0005, 4] before LIFT; NaN for NO_MODEL."""
    return math.sqrt(_finished(row, k)[0] / row[at.TAU])


@kernel
def vols_at(row: Floats, k: Floats, n: int, out: Floats) -> None:
    """Fill out[:n] with `vol_at` of each k."""
    for i in range(n):
        out[i] = vol_at(row, k[i])
