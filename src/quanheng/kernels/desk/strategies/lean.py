"""Leaning against the inventory, in vol space (I-17).

Contracts and delta shift the middle by half widths; vega and the gamma around the strike shift the
implied volatility, so contracts of more vega shift more. The side that would add goes wider.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.strategies import layout as s
from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]

FURTHEST = 0.95
"""Half widths; the middle never leaves the quote."""


@kernel
def clamp(x: float) -> float:
    """x within -1 to 1."""
    return float(min(max(x, -1.0), 1.0))


@kernel
def stress(x: Floats) -> float:
    """Fullest of the four inventories, at most 1."""
    own, delta = abs(x[s.OWN]), abs(x[s.BOOK_DELTA])
    vega, gamma = abs(x[s.BOOK_VEGA]), abs(x[s.CLUSTER])
    return float(min(max(own, delta, vega, gamma), 1.0))


@kernel
def shift(x: Floats, half: float) -> float:
    """Ticks by which the middle moves against the inventory, at most FURTHEST x half."""
    side = clamp(2.0 * x[s.DELTA]) * clamp(x[s.BOOK_DELTA])
    prices = (x[s.LEAN_OWN] * clamp(x[s.OWN]) + x[s.LEAN_DELTA] * side) * half
    points = x[s.LEAN_VEGA] * clamp(x[s.BOOK_VEGA]) + x[s.LEAN_GAMMA] * clamp(x[s.CLUSTER])
    moved = -prices - points * x[s.VEGA]
    return float(min(max(moved, -FURTHEST * half), FURTHEST * half))


@kernel
def around(x: Floats, share: float, extra: float, out: Floats) -> None:
    """A quote `share` of A wide around the shifted middle, `extra` wider where it would add."""
    half = (0.5 * share + x[s.TOXIC]) * x[s.CAP]
    wide = half + 0.5 * extra * x[s.CAP]
    moved = shift(x, half)
    middle = x[s.VALUE] + moved
    out[s.BID] = middle - (wide if moved < 0.0 else half)
    out[s.ASK] = middle + (wide if moved > 0.0 else half)
    out[s.BID_QTY] = x[s.QTY]
    out[s.ASK_QTY] = x[s.QTY]
    out[s.SPREAD] = 1.0


@kernel
def lean(x: Floats, out: Floats) -> None:
    """The strategy."""
    extra = max(x[s.WIDTH_STRESS] - x[s.WIDTH], 0.0) * stress(x)
    around(x, x[s.WIDTH], extra, out)
