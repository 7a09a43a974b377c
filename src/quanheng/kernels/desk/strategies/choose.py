"""The strategy of a code, the house's own or a plug-in's; an unknown code quotes nothing."""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.plugged import PLUGGED, call_strategy
from quanheng.kernels.desk.strategies import layout as s
from quanheng.kernels.desk.strategies.duty import duty
from quanheng.kernels.desk.strategies.fixed import fixed
from quanheng.kernels.desk.strategies.glft import glft
from quanheng.kernels.desk.strategies.lean import lean
from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]


@kernel
def quote(code: int, x: Floats, out: Floats) -> None:
    """Let the strategy of a code answer; `layout` names the columns."""
    if code == s.FIXED:
        fixed(x, out)
    elif code == s.LEAN:
        lean(x, out)
    elif code == s.GLFT:
        glft(x, out)
    elif code == s.DUTY:
        duty(x, out)
    else:
        for column in range(s.OUTPUTS):
            out[column] = 0.0
        if code >= PLUGGED:
            call_strategy(code, x, out)
