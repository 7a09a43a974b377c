"""The own fills marked out after 1 and 10 seconds: is the flow informed? (I-17, R-06)

A mark-out is what a fill is worth after a while: theory then less the price paid, against the
side taken. Averages by class, in shares of the allowed spread A(b), widen the class's quotes while
they are negative. Marked at the first update of the class after the time is over.
"""

import math

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel
from quanheng.maker import columns as c
from quanheng.terms.units import SECOND, Money, Nanos

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SOON, LATER = SECOND, 10 * SECOND
RING = 256
"""Fills of a class that wait for their marks; beyond it the oldest go unmarked and are counted."""
MEMORY = 16
"""A new mark counts 1/MEMORY of the average."""
UNIT = 1_000_000
"""Averages are in 1e-6 of A(b)."""

# pending int64[classes, RING, ...]
F_AT = 0
F_SLOT = 1
F_SIGN = 2  # +1 bought, -1 sold
F_PRICE = 3
F_CAP = 4  # A at the price, Ticks
F_SIZE = 5  # quantity x unit
F_SOON = 6  # 1 once the first mark is taken
F_COLUMNS = 7

# totals int64[classes, ...]
M_FILLS = 0
M_SOON = 1  # Money
M_LATER = 2  # Money
M_UNMARKED = 3
M_COLUMNS = 4


class Flow(msgspec.Struct):
    """Fills waiting for marks, averages after 1 s and 10 s and totals, all by class."""

    pending: np.ndarray
    count: np.ndarray
    average: np.ndarray  # int64[classes, 2]
    totals: np.ndarray
    needs_at: np.ndarray  # when the duty's needs were last refreshed


def open_flow(classes: int) -> Flow:
    """Nothing filled yet."""
    zeros = [
        np.zeros(shape, dtype=np.int64)
        for shape in (
            (classes, RING, F_COLUMNS), (classes,), (classes, 2), (classes, M_COLUMNS), (classes,),
        )
    ]  # fmt: skip
    return Flow(*zeros)


def record(
    flow: Flow, klass: int, at: Nanos, slot: int, sign: int, price: int, cap: int, size: int
) -> None:
    """Remember a fill for its marks; `size` is quantity x unit."""
    totals, pending = flow.totals[klass], flow.pending[klass]
    count = int(flow.count[klass])
    if count == RING:
        pending[:-1] = pending[1:].copy()
        totals[M_UNMARKED] += 1
        count -= 1
    pending[count] = (at, slot, sign, price, cap, size, 0)
    flow.count[klass] = count + 1
    totals[M_FILLS] += 1


@kernel
def mark_fills(
    pending: Ints, count: int, theo: Floats, at: int, average: Ints, totals: Ints
) -> int:
    """Mark the fills of a class that are old enough; returns how many still wait."""
    kept = 0
    for i in range(count):
        fill = pending[i]
        value = theo[fill[F_SLOT], c.T_PRICE] * 1e4
        age = at - fill[F_AT]
        done = False
        if math.isfinite(value):
            gain = fill[F_SIGN] * (math.floor(value + 0.5) - fill[F_PRICE])
            share = min(max(gain * UNIT // max(fill[F_CAP], 1), -UNIT), UNIT)
            if age >= SOON and fill[F_SOON] == 0:
                fill[F_SOON] = 1
                average[0] += (share - average[0]) // MEMORY
                totals[M_SOON] += gain * fill[F_SIZE]
            if age >= LATER:
                average[1] += (share - average[1]) // MEMORY
                totals[M_LATER] += gain * fill[F_SIZE]
                done = True
        if not done:
            for column in range(F_COLUMNS):
                pending[kept, column] = fill[column]
            kept += 1
    return kept


def toxicity(flow: Flow, klass: int, gain: int, most: int) -> int:
    """1e-6 of A(b) by which each side goes wider; `gain` and `most` in 1e-4."""
    lost = -int(flow.average[klass].sum()) // 2
    return min(max(lost, 0) * gain // 10_000, most * (UNIT // 10_000))


def marked(flow: Flow, klass: int) -> tuple[int, Money, Money]:
    """(fills, mark-out after 1 s, mark-out after 10 s) of a class so far."""
    fills, soon, later, _ = flow.totals[klass].tolist()
    return fills, soon, later
