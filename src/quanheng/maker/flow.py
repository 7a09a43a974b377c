"""Is the flow informed? Averages of the own fills' mark-outs after 1 and 10 seconds (I-17, R-06).

A mark-out is what a fill is worth after a while: theory then less the price paid, against the
side taken. Averages by class, in shares of the allowed spread A(b), widen the class's quotes while
they are negative. `ledger_kernels.mark_out` takes the marks, here is what is learnt from them.
"""

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel

Ints = npt.NDArray[np.int64]

MEMORY = 16
"""A new mark counts 1/MEMORY of the average."""
UNIT = 1_000_000
"""Averages are in 1e-6 of A(b)."""
LEARNT = 2
"""How many of the ledger's horizons have an average: 1 s and 10 s."""


class Flow(msgspec.Struct):
    """Averages after 1 s and 10 s by class, int64[classes, LEARNT]."""

    average: np.ndarray
    needs_at: np.ndarray  # when the duty's needs were last refreshed


def open_flow(classes: int) -> Flow:
    """Nothing filled yet."""
    zeros = [np.zeros(shape, dtype=np.int64) for shape in ((classes, LEARNT), (classes,))]
    return Flow(*zeros)


@kernel
def learn(average: Ints, horizon: int, gain: int, cap: int) -> None:
    """A fill gained `gain` Ticks by a horizon where A(b) was `cap`; one fill counts at most A."""
    share = min(max(gain * UNIT // max(cap, 1), -UNIT), UNIT)
    average[horizon] += (share - average[horizon]) // MEMORY


def toxicity(flow: Flow, klass: int, gain: int, most: int) -> int:
    """1e-6 of A(b) by which each side goes wider; `gain` and `most` in 1e-4."""
    lost = -int(flow.average[klass].sum()) // LEARNT
    return min(max(lost, 0) * gain // 10_000, most * (UNIT // 10_000))
