"""The theoretical price with a fixed width: it knows neither inventory nor flow (I-17)."""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.strategies import layout as s
from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]


@kernel
def fixed(x: Floats, out: Floats) -> None:
    """The strategy."""
    half = 0.5 * x[s.WIDTH] * x[s.CAP]
    out[s.BID] = x[s.VALUE] - half
    out[s.ASK] = x[s.VALUE] + half
    out[s.BID_QTY] = x[s.QTY]
    out[s.ASK_QTY] = x[s.QTY]
    out[s.SPREAD] = 1.0
