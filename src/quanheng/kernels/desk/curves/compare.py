"""How good a curve is against quotes, how far two curves are apart, and steps between them."""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves.arbitrage import butterfly
from quanheng.kernels.desk.curves.smile import copy_row, variance_at, vol_at
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import exp

Floats = npt.NDArray[np.float64]

_PLACES = 16
_NAN = float("nan")


@kernel
def quality(
    row: Floats,
    k: Floats,
    vol: Floats,
    bid_vol: Floats,
    ask_vol: Floats,
    weight: Floats,
    n: int,
) -> tuple[float, float, float]:
    """(rms, worst, share inside the quotes) of a row at n points.

    rms is weighted, worst is the largest |vol difference|, both per 1.00 of vol, over the points
    with a finite vol and a positive weight; the share is over those of them with a bid and an ask
    vol, NaN when there is none. All NaN for a row without a vol or without points.
    """
    squares = 0.0
    weights = 0.0
    worst = 0.0
    inside = 0
    quoted = 0
    for i in range(n):
        miss = vol_at(row, k[i]) - vol[i]
        if not (weight[i] > 0.0 and abs(miss) < np.inf):
            continue
        squares += weight[i] * miss * miss
        weights += weight[i]
        worst = max(worst, abs(miss))
        if bid_vol[i] <= ask_vol[i]:
            quoted += 1
            inside += 1 if bid_vol[i] <= vol[i] + miss <= ask_vol[i] else 0
    if not (weights > 0.0):
        return _NAN, _NAN, _NAN
    return math.sqrt(squares / weights), worst, inside / quoted if quoted > 0 else _NAN


@kernel
def move(old: Floats, new: Floats) -> tuple[float, float]:
    """(rms, largest) |difference of vol| between two rows over the quoted ranges of both.

    The same measure for every pair of models, so it can cap a curve's step per update (rules.md
    8.4). Rows without a quoted range are compared within one standard deviation. NaN when a row has
    no vol.
    """
    low = min(old[at.K_LOW], new[at.K_LOW])
    high = max(old[at.K_HIGH], new[at.K_HIGH])
    if not (high > low):
        high = math.sqrt(variance_at(old, 0.0)[0])
        low = -high
    squares = 0.0
    largest = 0.0
    for i in range(_PLACES + 1):
        k = low + (high - low) * i / _PLACES
        gap = abs(vol_at(new, k) - vol_at(old, k))
        squares += gap * gap
        largest = max(largest, gap)
    if not (squares < np.inf):
        return _NAN, _NAN
    return math.sqrt(squares / (_PLACES + 1)), largest


@kernel
def price_move(old: Floats, new: Floats) -> float:
    """Root mean square move of price between two rows over the old one's quoted range.

    In units of vega at the money times vol: |difference of vol| exp(-k^2 / (2 w)), w the old total
    variance; so quotes of options that are worth nothing count for little. A row without a quoted
    range is compared within one standard deviation.
    """
    low = old[at.K_LOW]
    high = old[at.K_HIGH]
    if not (high > low):
        high = math.sqrt(variance_at(old, 0.0)[0])
        low = -high
    squares = 0.0
    for i in range(2 * _PLACES + 1):
        k = low + (high - low) * i / (2 * _PLACES)
        w = variance_at(old, k)[0]
        gap = (vol_at(new, k) - vol_at(old, k)) * exp(-0.5 * k * k / w)
        squares += gap * gap
    return math.sqrt(squares / (2 * _PLACES + 1))


@kernel
def mix(old: Floats, new: Floats, share: float, out: Floats) -> None:
    """out = the new row with its parameters (1 - share) old + share new; one model for both."""
    for i in range(at.ROW):
        part = at.P <= i < at.P + at.PARAMETERS
        out[i] = old[i] + share * (new[i] - old[i]) if part else new[i]


@kernel
def blend(old: Floats, new: Floats, gain: float, out: Floats) -> bool:
    """out = old + gain (new - old) for 0 <= gain <= 1 where that is a curve, else the new row.

    Parameters mix only within one model, without FLAT or LIFT on either side, and when the mixture
    is as free of butterflies as the new row: two good curves of one model can have a bad one
    between them. Returns whether it mixed; everything but parameters and MIN_G is the new row's.
    """
    same = old[at.MODEL] == new[at.MODEL] and 0.0 <= gain < 1.0
    plain = old[at.FLAT] == 0.0 and new[at.FLAT] == 0.0 and old[at.LIFT] == new[at.LIFT] == 0.0
    if same and plain:
        before = butterfly(new)[0]
        mix(old, new, gain, out)
        after = butterfly(out)[0]
        if after >= min(before, 0.0):
            out[at.MIN_G] = after
            return True
    copy_row(new, out)
    return False
