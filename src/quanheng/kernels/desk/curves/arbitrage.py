"""Static arbitrage of curve rows as numbers: butterfly, tails and calendar (rules.md 8.4).

The butterfly factor g(k) and the calendar gap are read from the analytic derivatives of the curve
on a grid that follows the pieces of the model: both sides of every joint, the vertex of an SVI, and
a golden-section search at the least value. The cost does not depend on the data.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves.smile import slope_at, variance, variance_at
from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]

G = 0
"""Least g(k) of the row; negative = a butterfly of negative price; NaN = the row has no vol."""
G_AT = 1
"""k of the least g; infinite when a tail breaks Lee's bound."""
GAP = 2
"""Least total variance above the last usable row at equal k; above zero for the first row."""
GAP_AT = 3
SLOPE = 4
"""Steepest slope of total variance in k at infinity; Lee's bound is 2."""
MENDED = 5
"""What a repair did to the row (repair.py); 0 after a check."""
REPORT = 6

NO_DENSITY = -1.0
"""g said of a curve that meets the clip of vols, or whose tail bends down, inside its range."""

_POINTS_G = 48
_POINTS_GAP = 32
_LEAST_POINTS = 4
_BEYOND = 1.5
DEVIATIONS = 6.0
"""At the money; beyond them an option is worth nothing."""
_NEAR_G = 0.05
_NEAR_GAP = 0.05
_GOLDEN = 0.6180339887498949
_STEPS = 12
_NUDGE = 1e-9
_VERTEX = 4.0
_BREAKS = 16
_ON_G = 0
_ON_GAP = 1
_NAN = float("nan")
_INFINITY = float("inf")


@kernel
def density_factor(row: Floats, k: float) -> float:
    """g(k) = (1 - k w'/(2w))^2 - (w'^2/4)(1/w + 1/4) + w''/2 of a row (rules.md 8.4).

    Of a positive sign exactly where the risk-neutral density is positive; NaN without a vol.
    """
    w, first, second = variance_at(row, k)
    if not (w > 0.0):
        return _NAN
    left = 1.0 - 0.5 * k * first / w
    return left * left - 0.25 * first * first * (1.0 / w + 0.25) + 0.5 * second


@kernel
def tail_slope(row: Floats) -> float:
    """Steepest |dw/dk| at infinity; Lee (2004): 2 at most. Zero for wings that end flat."""
    slope = 0.0
    rho = 0.0
    if row[at.MODEL] == at.SVI:
        slope = abs(row[at.P + 1])
        rho = row[at.P + 2]
    elif row[at.MODEL] == at.SSVI:
        slope = 0.5 * row[at.P] * abs(row[at.P + 2])
        rho = row[at.P + 1]
    low = 0.0 if row[at.TAIL_LOW] > 0.0 else abs(1.0 - rho)
    high = 0.0 if row[at.TAIL_HIGH] > 0.0 else abs(1.0 + rho)
    keep = 1.0 - row[at.FLAT]
    return float(slope * max(low, high) * keep * keep)


@kernel
def reach(row: Floats, deviations: float) -> tuple[float, float]:
    """(low, high) k that a check covers; (0, 0) for a row without a vol or with odd parameters.

    One and a half times the quoted range, or so many standard deviations at the money.
    """
    total = row[at.TAU] + row[at.LIFT]
    for i in range(at.PARAMETERS):
        total += row[at.P + i]
    if not (row[at.TAU] > 0.0 and abs(total) < _INFINITY):
        return 0.0, 0.0
    w = variance_at(row, 0.0)[0]
    if not (0.0 < w < _INFINITY):
        return 0.0, 0.0
    wide = deviations * math.sqrt(w)
    low = _BEYOND * row[at.K_LOW]
    high = _BEYOND * row[at.K_HIGH]
    return (low if low < -wide else -wide), (high if high > wide else wide)


@kernel
def _breaks(row: Floats, found: Floats, count: int) -> int:
    """Append the k where the row's second derivative jumps; the new count."""
    model = row[at.MODEL]
    if row[at.TAIL_LOW] > 0.0:
        found[count] = row[at.FROM_LOW]
        found[count + 1] = row[at.FROM_LOW] - row[at.TAIL_LOW]
        count += 2
    if row[at.TAIL_HIGH] > 0.0:
        found[count] = row[at.FROM_HIGH]
        found[count + 1] = row[at.FROM_HIGH] + row[at.TAIL_HIGH]
        count += 2
    if model == at.WING:
        for side in range(2):
            cut = row[at.P + 4 + side]
            found[count] = cut
            found[count + 1] = cut * (1.0 + row[at.P + 6 + side])
            count += 2
    elif model == at.CUBIC:
        for i in range(at.KNOTS):
            found[count + i] = row[at.P + i]
        fade = 0.25 * (row[at.P + at.KNOTS - 1] - row[at.P])
        found[count + at.KNOTS] = row[at.P] - fade
        found[count + at.KNOTS + 1] = row[at.P + at.KNOTS - 1] + fade
        count += at.KNOTS + 2
    return count


@kernel
def _vertex(row: Floats, found: Floats, count: int) -> int:
    """Append the k that frame the vertex of an SVI or SSVI row; the new count."""
    model = row[at.MODEL]
    if not (model == at.SVI or model == at.SSVI):
        return count
    centre = row[at.P + 3]
    width = row[at.P + 4]
    if model == at.SSVI:
        rho = row[at.P + 1]
        centre = -rho / row[at.P + 2]
        width = math.sqrt(max(1.0 - rho * rho, 0.0)) / row[at.P + 2]
    found[count] = centre - _VERTEX * width
    found[count + 1] = centre + _VERTEX * width
    return count + 2


@kernel
def _pieces(low: float, high: float, found: Floats, count: int) -> int:
    """Sort the breaks inside (low, high), with both ends and zero added; the new count."""
    found[count] = 0.0
    kept = 0
    for i in range(count + 1):
        if low < found[i] < high:
            found[kept] = found[i]
            kept += 1
    found[kept] = low
    found[kept + 1] = high
    kept += 2
    for i in range(1, kept):
        value = found[i]
        j = i
        while j > 0 and found[j - 1] > value:
            found[j] = found[j - 1]
            j -= 1
        found[j] = value
    return kept


@kernel
def _value(kind: int, earlier: Floats, row: Floats, k: float) -> float:
    """What a scan looks for the least of: g, or the gap of total variance."""
    if kind == _ON_G:
        return density_factor(row, k)
    return variance_at(row, k)[0] - variance_at(earlier, k)[0]


@kernel
def _golden(
    kind: int, earlier: Floats, row: Floats, low: float, high: float
) -> tuple[float, float]:
    """(least value, its k) by golden section in [low, high], a fixed number of steps."""
    inner = high - _GOLDEN * (high - low)
    outer = low + _GOLDEN * (high - low)
    at_inner = _value(kind, earlier, row, inner)
    at_outer = _value(kind, earlier, row, outer)
    for _ in range(_STEPS):
        if at_inner < at_outer:
            high = outer
            outer = inner
            at_outer = at_inner
            inner = high - _GOLDEN * (high - low)
            at_inner = _value(kind, earlier, row, inner)
        else:
            low = inner
            inner = outer
            at_inner = at_outer
            outer = low + _GOLDEN * (high - low)
            at_outer = _value(kind, earlier, row, outer)
    return (at_inner, inner) if at_inner < at_outer else (at_outer, outer)


@kernel
def _scan(
    kind: int, earlier: Floats, row: Floats, low: float, high: float, n: int
) -> tuple[float, float, int]:
    """(least value, its k, points on the clip) at n + 1 even points of one piece."""
    tau = row[at.TAU]
    least_w = at.VOL_LOW * at.VOL_LOW * tau + row[at.LIFT]
    most_w = at.VOL_HIGH * at.VOL_HIGH * tau + row[at.LIFT]
    step = (high - low) / n
    best = _INFINITY
    where = low
    clipped = 0
    for i in range(n + 1):
        k = low + step * i
        w, first, second = variance(row, k)
        if kind == _ON_G:
            left = 1.0 - 0.5 * k * first / w
            value = left * left - 0.25 * first * first * (1.0 / w + 0.25) + 0.5 * second
            clipped += 0 if least_w < w < most_w else 1
        else:
            value = w - variance_at(earlier, k)[0]
        if not (value >= best):
            if not (-_INFINITY < value < _INFINITY):
                return _NAN, k, 0
            best = value
            where = k
    return best, where, clipped


@kernel
def _least(
    kind: int, earlier: Floats, row: Floats, breaks: Floats, count: int, near: float
) -> tuple[float, float]:
    """(least value, its k) over all pieces; searched around where it may be below zero."""
    total = breaks[count - 1] - breaks[0]
    points = _POINTS_G if kind == _ON_G else _POINTS_GAP
    best = _INFINITY
    where = 0.0
    clipped = 0
    seen = 0
    for i in range(count - 1):
        length = breaks[i + 1] - breaks[i]
        if not (length > 1e-12 * total):
            continue
        low = breaks[i] + _NUDGE * length
        high = breaks[i + 1] - _NUDGE * length
        n = int(points * (length / total)) + _LEAST_POINTS
        value, k, on_clip = _scan(kind, earlier, row, low, high, n)
        if not (value < _INFINITY):
            return _NAN, k
        if value < near:
            step = length / n
            found, place = _golden(kind, earlier, row, max(k - step, low), min(k + step, high))
            if found < value:
                value = found
                k = place
        clipped += on_clip
        seen += n + 1
        if value < best:
            best = value
            where = k
    if 0 < clipped < seen and best > NO_DENSITY:
        best = NO_DENSITY
    return best, where


@kernel
def least_g(row: Floats, low: float, high: float) -> tuple[float, float]:
    """(least g, its k) of a row for low <= k <= high; NaN when it has no vol there."""
    breaks = np.empty(_BREAKS)
    count = _vertex(row, breaks, _breaks(row, breaks, 0))
    count = _pieces(low, high, breaks, count)
    return _least(_ON_G, row, row, breaks, count, _NEAR_G)


@kernel
def least_gap(earlier: Floats, later: Floats, low: float, high: float) -> tuple[float, float]:
    """(least w_later - w_earlier, its k) for low <= k <= high; NaN when one has no vol there."""
    breaks = np.empty(_BREAKS)
    count = _vertex(later, breaks, _vertex(earlier, breaks, 0))
    count = _pieces(low, high, breaks, count)
    near = _NEAR_GAP * variance_at(later, 0.0)[0]
    return _least(_ON_GAP, earlier, later, breaks, count, near)


@kernel
def _bends_down(row: Floats, side: int) -> bool:
    """Does a tail begin below the model's own slope (outwards): a concave bend of price?"""
    if not (row[at.TAIL_LOW + side] > 0.0):
        return False
    own = slope_at(row, row[at.FROM_LOW + side])
    fall = own - row[at.SLOPE_LOW + side] if side == 1 else row[at.SLOPE_LOW + side] - own
    return bool(fall > 1e-9 * (1.0 + abs(own)))


@kernel
def butterfly(row: Floats) -> tuple[float, float]:
    """(least g, its k) of row float64[ROW] over its range; NaN for a row without a vol.

    The range is one and a half times the quoted one and at least six standard deviations. A tail
    steeper than 2 counts with its limit (4 - slope^2)/16 at infinity (Lee 2004; rules.md 8.4).
    """
    low, high = reach(row, DEVIATIONS)
    if not (low < 0.0 and low > -_INFINITY and high < _INFINITY):
        return _NAN, _NAN
    best, where = least_g(row, low, high)
    for side in range(2):
        if best > NO_DENSITY and _bends_down(row, side):
            best = NO_DENSITY
            where = row[at.FROM_LOW + side]
    slope = tail_slope(row)
    if slope > 2.0 and 0.0625 * (4.0 - slope * slope) < best:
        return 0.0625 * (4.0 - slope * slope), _INFINITY
    return best, where


@kernel
def common_reach(earlier: Floats, later: Floats) -> tuple[float, float]:
    """(low, high) k that a calendar check covers; (0, 0) when a row has no vol.

    One and a half times both quoted ranges, and six standard deviations of the earlier row: past
    them its options are worth nothing.
    """
    low, high = reach(earlier, DEVIATIONS)
    later_low, later_high = reach(later, 0.5)
    if not (low < 0.0 and later_low < 0.0):
        return 0.0, 0.0
    low = min(low, later_low)
    high = max(high, later_high)
    if not (low > -_INFINITY and high < _INFINITY):
        return 0.0, 0.0
    return low, high


@kernel
def calendar(earlier: Floats, later: Floats) -> tuple[float, float]:
    """(least w_later - w_earlier at equal k, its k) of two rows; NaN when either has no vol.

    Total variance is that of the fits (rules.md 8.4: non-decreasing in time at fixed k), over
    `common_reach`.
    """
    low, high = common_reach(earlier, later)
    if not (low < 0.0):
        return _NAN, _NAN
    return least_gap(earlier, later, low, high)


@kernel
def check(rows: Floats, n: int, report: Floats) -> int:
    """Fill report[n, REPORT] for rows[n, ROW] of a class sorted by time; how many are at fault.

    A row without a vol has NaN in its report, is not counted, and is passed over by the calendar.
    """
    faults = 0
    last = -1
    for i in range(n):
        report[i, MENDED] = 0.0
        report[i, G], report[i, G_AT] = butterfly(rows[i])
        report[i, SLOPE] = tail_slope(rows[i])
        report[i, GAP] = _NAN
        report[i, GAP_AT] = _NAN
        if not (report[i, G] < _INFINITY):
            continue
        if last < 0:
            report[i, GAP] = variance_at(rows[i], 0.0)[0]
            report[i, GAP_AT] = 0.0
        else:
            report[i, GAP], report[i, GAP_AT] = calendar(rows[last], rows[i])
        last = i
        faults += 1 if report[i, G] < 0.0 or report[i, GAP] < 0.0 else 0
    return faults
