"""Repair beyond the quotes: a tail whose vol fades to a level, the quoted vols left as they are.

Nearly all arbitrage of fits to real quotes is where there are none. A row's tail on either side
starts at its outermost quote, goes on with the vol's slope there, and loses it evenly over a
length (layout TAIL_LOW, TAIL_HIGH): short tails are flat, long ones go on. The lengths tried are
fixed multiples of the standard deviation at the money; among those that do, the tail that moves
the vols least is taken.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves.arbitrage import (
    DEVIATIONS,
    common_reach,
    least_g,
    least_gap,
    reach,
    tail_slope,
)
from quanheng.kernels.desk.curves.smile import variance, vol_at
from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]

TARGET_G = 1e-4
"""g of a repaired row, so that a finer grid than the check's agrees."""
_LENGTHS = 14
_SHORTEST = 0.25
_RATIO = 1.4142135623730951
_PLACES = 8
_LOW = 0
_SIDES = 2


@kernel
def _outside(row: Floats, side: int) -> tuple[float, float]:
    """(low, high) of the part of a row's range beyond its quotes on one side."""
    low, high = reach(row, DEVIATIONS)
    return (low, row[at.K_LOW]) if side == _LOW else (row[at.K_HIGH], high)


@kernel
def side_gap(earlier: Floats, later: Floats, side: int) -> float:
    """Least w_later - w_earlier on one side of the money; NaN when a row has no vol."""
    low, high = common_reach(earlier, later)
    if not (low < 0.0):
        return np.nan
    return least_gap(earlier, later, low if side == _LOW else 0.0, 0.0 if side == _LOW else high)[0]


@kernel
def _moved(row: Floats, trial: Floats, low: float, high: float) -> float:
    """Mean squared move of vol between two k."""
    squares = 0.0
    for i in range(_PLACES + 1):
        k = low + (high - low) * i / _PLACES
        gap = vol_at(trial, k) - vol_at(row, k)
        squares += gap * gap
    return squares


@kernel
def _best_tail(row: Floats, below: Floats, above: Floats, side: int, must_clear: bool) -> float:
    """Length of the tail on one side that has no butterfly and is above `below`; 0 for none.

    A row of NO_MODEL as `below` or `above` asks for nothing. If it must clear `above`, the tail
    that moves vols least among those that do; else the one with the most room under `above`.
    """
    low, high = _outside(row, side)
    length = _SHORTEST * math.sqrt(variance(row, 0.0)[0])
    trial = row.copy()
    best = np.inf
    chosen = 0.0
    for _ in range(_LENGTHS):
        trial[at.TAIL_LOW + side] = length
        fits = least_g(trial, low, high)[0] >= TARGET_G
        if fits and below[at.MODEL] != at.NO_MODEL:
            fits = side_gap(below, trial, side) >= 0.0
        room = 0.0
        if fits and above[at.MODEL] != at.NO_MODEL:
            room = side_gap(trial, above, side)
            fits = room >= 0.0 or not must_clear
        if fits:
            score = _moved(row, trial, low, high) if must_clear else -room
            if score < best:
                best = score
                chosen = length
        length *= _RATIO
    return chosen


@kernel
def soften(row: Floats) -> bool:
    """Give a row tails where it has butterflies beyond its quotes; whether it got any."""
    nothing = np.zeros(at.ROW)
    changed = False
    for side in range(_SIDES):
        low, high = _outside(row, side)
        if least_g(row, low, high)[0] < 0.0 or tail_slope(row) > 2.0:
            length = _best_tail(row, nothing, nothing, side, True)
            if length > 0.0:
                row[at.TAIL_LOW + side] = length
                changed = True
    return changed


@kernel
def separate(before: Floats, earlier: Floats, later: Floats, side: int) -> int:
    """Part two rows on one side by their tails; 1 = the earlier changed, 2 the later, 3 both.

    The earlier row's tail comes first, whose options there are worth least; it stays above
    `before` (NO_MODEL = none). 0 when tails cannot do it: the rows are then as before.
    """
    nothing = np.zeros(at.ROW)
    column = at.TAIL_LOW + side
    length = _best_tail(earlier, before, later, side, True)
    if length > 0.0:
        earlier[column] = length
        return 1
    length = _best_tail(later, earlier, nothing, side, True)
    if length > 0.0:
        later[column] = length
        return 2
    kept = earlier[column]
    length = _best_tail(earlier, before, later, side, False)
    if length > 0.0:
        earlier[column] = length
        length = _best_tail(later, earlier, nothing, side, True)
        if length > 0.0:
            later[column] = length
            return 3
    earlier[column] = kept
    return 0
