"""Repair beyond the quotes: tails whose vol fades to a level, the quoted vols left as they are.

Nearly all arbitrage of fits to real quotes is where there are none. A tail starts at the outermost
quote with the vol's slope there and loses it evenly over a length: short tails are flat, long ones
go on. Where no length will do, a tail that must rise above an earlier expiry may begin more
steeply, and one with butterflies may begin inside the quotes, where a fit has left the outermost
ones. The choices are fixed multiples of the row's own scale; among those that do, the one that
moves prices least is taken.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves.arbitrage import (
    DEVIATIONS,
    common_reach,
    density_factor,
    least_g,
    least_gap,
    reach,
    tail_slope,
)
from quanheng.kernels.desk.curves.smile import copy_row, slope_at, variance_at, vol_at
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import exp

Floats = npt.NDArray[np.float64]

TARGET_G = 1e-4
"""g of a repaired row, so that a finer grid than the check's agrees."""
_LENGTHS = 14
_SHORTEST = 0.25
_RATIO = 1.4142135623730951
_STEEPER = 0.05
"""Of vol per standard deviation: the least steepening of a tail that must rise."""
_STEEPENINGS = 9
_STEEPER_RATIO = 1.5
_STARTS = 5
_PLACES = 8
_NUDGE = 1e-9
_LOW = 0
_SIDES = 2


@kernel
def _side(row: Floats, side: int) -> tuple[float, float]:
    """(low, high) of a row's range on one side of the money."""
    low, high = reach(row, DEVIATIONS)
    return (low, 0.0) if side == _LOW else (0.0, high)


@kernel
def side_gap(earlier: Floats, later: Floats, side: int) -> float:
    """Least w_later - w_earlier on one side of the money; NaN when a row has no vol."""
    low, high = common_reach(earlier, later)
    if not (low < 0.0):
        return np.nan
    return least_gap(earlier, later, low if side == _LOW else 0.0, 0.0 if side == _LOW else high)[0]


@kernel
def set_tail(row: Floats, side: int, start: float, length: float, more: float) -> None:
    """Give a row a tail from k = start, its slope steeper than the model's by `more` outwards."""
    row[at.TAIL_LOW + side] = 0.0
    own = slope_at(row, start)
    row[at.TAIL_LOW + side] = length
    row[at.FROM_LOW + side] = start
    row[at.SLOPE_LOW + side] = own - more if side == _LOW else own + more


@kernel
def _moved(row: Floats, trial: Floats, start: float, end: float) -> float:
    """Squared moves of price beyond a tail's start: vol moves by exp(-k^2/(2 w))."""
    squares = 0.0
    for i in range(1, _PLACES + 1):
        k = start + (end - start) * i / _PLACES
        w = variance_at(row, k)[0]
        gap = (vol_at(trial, k) - vol_at(row, k)) * exp(-0.5 * k * k / w)
        squares += gap * gap
    return squares


@kernel
def _try_lengths(
    row: Floats,
    below: Floats,
    above: Floats,
    side: int,
    start: float,
    more: float,
    must_clear: bool,
    out: Floats,
) -> bool:
    """The best tail of all lengths from one start and slope into `out`; False when none does.

    It has no butterfly and is above `below`. If it must clear `above`, the one that moves prices
    least; else the one with the most room under `above`. NO_MODEL rows ask for nothing.
    """
    first, last = _side(row, side)
    end = first if side == _LOW else last
    outwards = _NUDGE * (end - start)
    length = _SHORTEST * math.sqrt(variance_at(row, 0.0)[0])
    trial = np.empty(at.ROW)
    copy_row(row, trial)
    best = np.inf
    for _ in range(_LENGTHS):
        set_tail(trial, side, start, length, more)
        # The bend is sharpest where the tail begins, so most tails that fail fail there.
        fits = density_factor(trial, start + outwards) >= TARGET_G
        fits = fits and least_g(trial, first, last)[0] >= TARGET_G
        if fits and below[at.MODEL] != at.NO_MODEL:
            fits = side_gap(below, trial, side) >= 0.0
        room = 0.0
        if fits and above[at.MODEL] != at.NO_MODEL:
            room = side_gap(trial, above, side)
            fits = room >= 0.0 or not must_clear
        if fits:
            score = _moved(row, trial, start, end) if must_clear else -room
            if score < best:
                best = score
                copy_row(trial, out)
        length *= _RATIO
    return best < np.inf


@kernel
def _best_tail(
    row: Floats, below: Floats, above: Floats, side: int, inside: bool, out: Floats
) -> bool:
    """Tails from the outermost quote, then steeper ones, then ones from inside, into `out`."""
    edge = row[at.K_LOW + side]
    if _try_lengths(row, below, above, side, edge, 0.0, True, out):
        return True
    if below[at.MODEL] != at.NO_MODEL:
        more = _STEEPER / math.sqrt(row[at.TAU])
        for _ in range(_STEEPENINGS):
            if _try_lengths(row, below, above, side, edge, more, True, out):
                return True
            more *= _STEEPER_RATIO
    if inside:
        for i in range(_STARTS):
            start = edge * (_STARTS - 1 - i) / _STARTS
            if _try_lengths(row, below, above, side, start, 0.0, True, out):
                return True
    return False


@kernel
def soften(row: Floats, inside: bool) -> bool:
    """Give a row tails where it has butterflies; whether it got any.

    From the outermost quotes or, if they may be `inside`, from the first start that is enough.
    """
    nothing = np.zeros(at.ROW)
    trial = np.empty(at.ROW)
    changed = False
    for side in range(_SIDES):
        low, high = _side(row, side)
        faulty = least_g(row, low, high)[0] < 0.0 or tail_slope(row) > 2.0
        if faulty and _best_tail(row, nothing, nothing, side, inside, trial):
            copy_row(trial, row)
            changed = True
    return changed


@kernel
def separate(before: Floats, earlier: Floats, later: Floats, after: Floats, side: int) -> int:
    """Part two rows on one side by their tails; 1 = the earlier changed, 2 the later, 3 both.

    The earlier row's tail comes first, whose options there are worth least; it stays above
    `before`, and the later one's below `after` if it can (NO_MODEL = none). 0 when tails cannot do
    it: the rows are then as before.
    """
    nothing = np.zeros(at.ROW)
    trial = np.empty(at.ROW)
    edge = earlier[at.K_LOW + side]
    if _try_lengths(earlier, before, later, side, edge, 0.0, True, trial):
        copy_row(trial, earlier)
        return 1
    if _best_tail(later, earlier, after, side, True, trial):
        copy_row(trial, later)
        return 2
    lowered = np.empty(at.ROW)
    room = _try_lengths(earlier, before, later, side, edge, 0.0, False, lowered)
    if room and _best_tail(later, lowered, after, side, True, trial):
        copy_row(lowered, earlier)
        copy_row(trial, later)
        return 3
    if after[at.MODEL] != at.NO_MODEL and _best_tail(later, earlier, nothing, side, True, trial):
        copy_row(trial, later)
        return 2
    return 0
