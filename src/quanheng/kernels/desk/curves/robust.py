"""Points of a fit, and the weights that bad quotes lose.

Every fit works on a table float64[ROWS, n] of the points it can use. Weights are scaled to sum to
one, so that a penalty in vol^2 means the same for every unit of weight.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]

K = 0
VOL = 1
WEIGHT = 2
ROBUST = 3
"""Share of its weight that a point keeps, 0..1 (Tukey's biweight)."""
RESIDUAL = 4
"""Vol of the point minus vol of the curve."""
SIZE = 5
SLOPE = 6
PUT = 7
CALL = 8
"""Columns of a linear model: see the models."""
ROWS = 9

LEAST = 3
"""Points below which there is no fit."""
DEGENERATE = 0.10
"""Root mean square residual (vol) beyond which a fit says nothing."""
_TUKEY = 4.685
_MAD_TO_SIGMA = 1.4826
_SCALE_LOW = 2e-4
"""Vol; about half a tick of price in a one-month option at the money, never noise of its own."""
CLEAN = 2e-3
"""Vol; least squares through all points that miss no more hide no bad quote that would matter."""
_HEAVIEST = 1e290
_LIGHTEST = 1e-12
"""Share of all weight; what is lighter cannot be told from no weight."""
_SETTLED = 0.05
"""Weights that move less than this leave the fit where it is."""


@kernel
def gather(k: Floats, vol: Floats, weight: Floats, n: int, table: Floats) -> int:
    """Fill the K, VOL, WEIGHT and ROBUST rows with the usable points; returns their number.

    Usable: k finite, vol in [0.0005, 4], weight positive and finite (rules.md 8.3).
    """
    count = 0
    total = 0.0
    for i in range(n):
        usable = math.isfinite(k[i]) and at.VOL_LOW <= vol[i] <= at.VOL_HIGH
        if usable and 0.0 < weight[i] < _HEAVIEST:
            table[K, count] = k[i]
            table[VOL, count] = vol[i]
            table[WEIGHT, count] = weight[i]
            table[ROBUST, count] = 1.0
            total += weight[i]
            count += 1
    kept = 0
    for i in range(count):
        share = table[WEIGHT, i] / total
        if share > _LIGHTEST:
            table[K, kept] = table[K, i]
            table[VOL, kept] = table[VOL, i]
            table[WEIGHT, kept] = share
            kept += 1
    return kept


@kernel
def quoted_range(table: Floats, count: int) -> tuple[float, float]:
    """(lowest, highest) k of the points, zero included."""
    low = 0.0
    high = 0.0
    for i in range(count):
        low = min(low, table[K, i])
        high = max(high, table[K, i])
    return low, high


@kernel
def ranked(values: Floats, count: int, rank: int) -> float:
    """The value of the given rank (0 = least) among the first `count`, which stay as they are.

    By counting the smaller ones of each: no branch is hard to foresee, so for the length of a
    chain it is faster than sorting.
    """
    found = -np.inf
    for i in range(count):
        value = values[i]
        below = 0
        for j in range(count):
            below += 1 if values[j] < value else 0
        if below == rank:
            return float(value)
        if below < rank and value > found:
            # Only equal values leave a rank without its own count.
            found = value
    return float(found)


@kernel
def median(values: Floats, count: int) -> float:
    """Median of the first `count` values, which stay as they are."""
    middle = count // 2
    upper = ranked(values, count, middle)
    return upper if count % 2 == 1 else 0.5 * (upper + ranked(values, count, middle - 1))


@kernel
def scale(table: Floats, count: int, coefficients: int, shift: float) -> float:
    """Robust standard deviation of the residuals less `shift`; fills the SIZE row.

    The order statistic and the factor for few points are Rousseeuw and Leroy's (Robust regression
    and outlier detection, 1987): coefficients make the smallest residuals smaller than the noise.
    """
    sizes = table[SIZE]
    for i in range(count):
        sizes[i] = abs(table[RESIDUAL, i] - shift)
    rank = min((count + coefficients + 1) // 2, count - 1)
    few = 1.0 + 5.0 / max(count - coefficients, 1)
    return _MAD_TO_SIGMA * few * ranked(sizes, count, rank)


@kernel
def reweigh(table: Floats, count: int, coefficients: int, shift: float) -> bool:
    """Tukey's weights of the residuals less `shift`; True when they are as before."""
    bound = _TUKEY * max(scale(table, count, coefficients, shift), _SCALE_LOW)
    change = 0.0
    for i in range(count):
        z = table[SIZE, i] / bound
        inner = max(1.0 - z * z, 0.0)
        fresh = inner * inner
        change = max(change, abs(fresh - table[ROBUST, i]))
        table[ROBUST, i] = fresh
    return change < _SETTLED


@kernel
def reweigh_moved(table: Floats, count: int, coefficients: int) -> None:
    """Weights from the residuals of the last curve, moved as a whole to the level of the points."""
    reweigh(table, count, coefficients, median(table[RESIDUAL], count))


@kernel
def lost_side(table: Floats, count: int) -> bool:
    """Whether more than half of the points of one wing have no weight."""
    put = 0
    call = 0
    for i in range(count):
        vote = 1 if table[ROBUST, i] == 0.0 else -1
        if table[K, i] < 0.0:
            put += vote
        else:
            call += vote
    return put > 0 or call > 0


@kernel
def usable_row(row: Floats, model: int) -> bool:
    """Whether `row` is a fit of the model (-1: of any) that a new fit can start from."""
    if not (row[at.TAU] > 0.0 and (row[at.MODEL] == model or model < 0)):
        return False
    total = 0.0
    for j in range(at.PARAMETERS):
        total += row[at.P + j]
    return row[at.MODEL] > at.NO_MODEL and math.isfinite(total)


@kernel
def give_up(warm: Floats, out: Floats, status: int) -> int:
    """Leave the last curve, or no curve, and the reason in its STATUS; returns the status."""
    known = usable_row(warm, -1)
    for j in range(at.ROW):
        out[j] = warm[j] if known else np.nan
    if not known:
        out[at.MODEL] = at.NO_MODEL
    out[at.STATUS] = status
    return status


@kernel
def open_row(model: int, tau: float, forward: float, low: float, high: float, out: Floats) -> None:
    """The header of a new row, without the parameters and without the quality."""
    for j in range(at.ROW):
        out[j] = 0.0
    out[at.MODEL] = model
    out[at.TAU] = tau
    out[at.FORWARD] = forward
    out[at.K_LOW] = low
    out[at.K_HIGH] = high
    out[at.MIN_G] = np.nan


@kernel
def judge(table: Floats, count: int, out: Floats) -> None:
    """RMS and KEPT of a row from the RESIDUAL row and the weights."""
    squares = 0.0
    weights = 0.0
    kept = 0
    for i in range(count):
        share = table[ROBUST, i] * table[WEIGHT, i]
        squares += share * table[RESIDUAL, i] * table[RESIDUAL, i]
        weights += share
        kept += 1 if share > 0.0 else 0
    out[at.RMS] = math.sqrt(squares / weights) if weights > 0.0 else 0.0
    out[at.KEPT] = kept


@kernel
def level_row(table: Floats, count: int, out: Floats) -> float:
    """RMS and KEPT of a flat curve at the median vol of the points, which is returned."""
    level = median(table[VOL], count)
    for i in range(count):
        table[RESIDUAL, i] = table[VOL, i] - level
    judge(table, count, out)
    out[at.STATUS] = at.FALLBACK
    return level


@kernel
def choose(table: Floats, count: int, size: int, attempt: int, draw: int) -> int:
    """Put all weight on a pseudo-random set of points; returns the next draw.

    Every other set takes one point from each of `size` equal parts of the points, for a
    well-spread solution. All chosen points count alike, whatever their weights.
    """
    for i in range(count):
        table[ROBUST, i] = 0.0
    for part in range(size):
        draw = (draw * 1103515245 + 12345) % 2147483648
        first = part * count // size if attempt % 2 == 0 else 0
        last = (part + 1) * count // size if attempt % 2 == 0 else count
        chosen = first + (draw >> 8) % (last - first)
        table[ROBUST, chosen] = 1.0 / table[WEIGHT, chosen]
    return draw


@kernel
def root_score(table: Floats, count: int) -> float:
    """Sum of the roots of the residuals: it favours curves through many points.

    But it counts all, so that a thinly quoted wing is not given up as a whole.
    """
    score = 0.0
    for i in range(count):
        score += math.sqrt(abs(table[RESIDUAL, i]))
    return score
