"""Obligation-aware quoting: the price of risk against the value of what is still due (I-17, Q-03).

Competitive while the half spread pays for the risk. As the risk grows the quote widens to the cap
of its month, instead of leaving; the side that adds shows the least quantity that counts, the one
that reduces its whole one, or the position would go half as fast as it came. Only when the risk
costs more than half the cap and the remaining obligation are worth does it go beyond, if the desk
allows it.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.strategies import layout as s
from quanheng.kernels.desk.strategies.lean import around, shift, stress
from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]

NARROW = 0.05
"""Shares of A: the shortest way from competitive to the cap, so that nothing jumps."""


@kernel
def duty(x: Floats, out: Floats) -> None:
    """The strategy."""
    risk = x[s.DUTY_RISK] * stress(x) + x[s.TOXIC]
    earned = 0.5 * x[s.WIDTH]
    wider = min(max((risk - earned) / max(0.5 - earned, NARROW), 0.0), 1.0)
    over = min(max(2.0 * (risk - 0.5 - x[s.DUTY_VALUE] * x[s.NEED]), 0.0), 1.0)
    most = 1.0 + max(x[s.WIDTH_FREE] - 1.0, 0.0) * over
    share = min(x[s.WIDTH] + (1.0 - x[s.WIDTH]) * wider, 1.0) + most - 1.0
    # The side that reduces stays where it is; the other one makes the quote as wide as that.
    around(x, x[s.WIDTH], 2.0 * max(share - x[s.WIDTH] - 2.0 * x[s.TOXIC], 0.0), out)
    if wider > 0.5:
        moved = shift(x, (0.5 * x[s.WIDTH] + x[s.TOXIC]) * x[s.CAP])
        if moved <= 0.0:
            out[s.BID_QTY] = x[s.LEAST]
        if moved >= 0.0:
            out[s.ASK_QTY] = x[s.LEAST]
    out[s.SPREAD] = most
