"""Backward induction over a binomial tree, in place, several levels in one pass.

Row n of a tree has n + 1 values, and value j of row n needs values j and j + 1 of row n + 1. Rolled
level by level each value costs two loads and a store. Here one pass goes several levels: of the
rows between only the newest value is kept, in registers, and the compiler turns these carried
values into shifts between vector lanes. Rows are run to a multiple of LANES, so that nothing is
left for a scalar loop: what is computed beyond a row's end is never read by a value inside.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import inlined, kernel
from quanheng.kernels.math.bits import fused

Floats = npt.NDArray[np.float64]

LANES = 8
PAD = 16
"""Arrays are this much longer than the longest row; the rest must be finite."""

_1 = np.uint64(1)
_2 = np.uint64(2)
_3 = np.uint64(3)
_4 = np.uint64(4)


@inlined
def _best(up: float, down: float, a: float, b: float, node: float, arm: float, k: float) -> float:
    """The better of holding and exercising; a, b discounted probabilities, node = sign * centre."""
    hold = fused(a, up, b * down)
    pay = fused(node, arm, k)
    return float(hold if hold > pay else pay)


@kernel
def american(
    sign: float,
    strike: float,
    a: float,
    b: float,
    steps: int,
    centre: Floats,
    arm: Floats,
    values: Floats,
) -> float:
    """Value at the root; `values` (steps + 1 payoffs, then PAD) is overwritten.

    a and b are the up and down probabilities times the discount factor of one step; the spot of
    node j of level n is centre[n] * arm[j].
    """
    k = -sign * strike
    level = steps
    while level >= 2:
        node1 = sign * centre[level - 1]
        node0 = sign * centre[level - 2]
        before = _best(values[1], values[0], a, b, node1, arm[0], k)
        for j in range(np.uint64((level + 6) // LANES * LANES)):
            after = _best(values[j + _2], values[j + _1], a, b, node1, arm[j + _1], k)
            values[j] = _best(after, before, a, b, node0, arm[j], k)
            before = after
        level -= 2
    if level == 1:
        return float(_best(values[1], values[0], a, b, sign * centre[0], arm[0], k))
    return float(values[0])


@kernel
def european(a: float, b: float, steps: int, values: Floats) -> float:
    """Mean at the root by up and down probabilities a and b; `values`, as above, is overwritten."""
    level = steps
    while level >= 4:
        x1 = fused(a, values[2], b * values[1])
        x2 = fused(a, values[3], b * values[2])
        y0 = fused(a, x1, b * fused(a, values[1], b * values[0]))
        y1 = fused(a, x2, b * x1)
        z0 = fused(a, y1, b * y0)
        for j in range(np.uint64((level + 4) // LANES * LANES)):
            x3 = fused(a, values[j + _4], b * values[j + _3])
            y2 = fused(a, x3, b * x2)
            z1 = fused(a, y2, b * y1)
            values[j] = fused(a, z1, b * z0)
            x2 = x3
            y1 = y2
            z0 = z1
        level -= 4
    while level > 0:
        for j in range(level):
            values[j] = fused(a, values[j + 1], b * values[j])
        level -= 1
    return float(values[0])
