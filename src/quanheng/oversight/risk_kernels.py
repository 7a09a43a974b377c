"""Value at risk and expected shortfall over joint moves, read off the classes' profit grids.

Each class's profit is known at spots x vols (`model_kernels.grid` times positions); a joint move
reads every class's grid, straight between its nodes. Definitions: value at risk at level a is the
smallest loss whose share of moves at or below it is at least a; shortfall is the mean of the worst
1 - a, the move at the border counted in part (Acerbi and Tasche 2002).
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel
from quanheng.kernels.math.counter import fill_normals

Floats = npt.NDArray[np.float64]


@kernel
def _place(nodes: Floats, at: float) -> tuple[int, float]:
    """(left node, share of the way to the next one), held inside the nodes."""
    last = nodes.size - 1
    if at <= nodes[0]:
        return 0, 0.0
    if at >= nodes[last]:
        return last - 1, 1.0
    i = 0
    while nodes[i + 1] < at:
        i += 1
    return i, (at - nodes[i]) / (nodes[i + 1] - nodes[i])


@kernel
def joint_profits(
    grids: Floats, spots: Floats, vols: Floats, limits: Floats, moves: Floats, out: Floats
) -> None:
    """Profit of every joint move into out[n].

    grids[classes, vols, spots] in yuan at ascending nodes; moves[2, classes, n]: relative spot,
    held inside +-limits[class], and relative vol.
    """
    for n in range(out.size):
        total = 0.0
        for k in range(grids.shape[0]):
            most = limits[k]
            i, right = _place(spots, min(max(moves[0, k, n], -most), most))
            j, up = _place(vols, moves[1, k, n])
            low = grids[k, j, i] + right * (grids[k, j, i + 1] - grids[k, j, i])
            high = grids[k, j + 1, i] + right * (grids[k, j + 1, i + 1] - grids[k, j + 1, i])
            total += low + up * (high - low)
        out[n] = total


@kernel
def tail(profits: Floats, level: float) -> tuple[float, float]:
    """(value at risk, shortfall) of equally likely profits, losses positive; profits get sorted."""
    profits.sort()
    n = profits.size
    beyond = (1.0 - level) * n
    whole = math.floor(beyond + 1e-9)
    lost = 0.0
    for i in range(whole):
        lost += profits[i]
    border = min(whole, n - 1)
    lost += (beyond - whole) * profits[border]
    return -profits[border], -lost / beyond


@kernel
def simulated(
    seed: int, sigmas: Floats, together: float, lean: float, restless: float, out: Floats
) -> None:
    """Fill out[2, classes, n] with seeded joint moves of a day.

    sigmas: a class's daily spot deviation; `together` the correlation between classes; vols move
    by `restless` a day, with correlation `lean` to their own spot. Row after row of one stream.
    """
    classes, n = out.shape[1], out.shape[2]
    draws = np.empty(1 + 2 * classes)
    apart = math.sqrt(1.0 - lean * lean)
    root = math.sqrt(together)
    rest = math.sqrt(1.0 - together)
    for i in range(n):
        fill_normals(seed, i * draws.size, draws)
        for k in range(classes):
            spot = root * draws[0] + rest * draws[1 + k]
            out[0, k, i] = sigmas[k] * spot
            out[1, k, i] = restless * (lean * spot + apart * draws[1 + classes + k])
