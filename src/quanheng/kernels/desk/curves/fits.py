"""One door to the fits of single expiries."""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves.cubic import fit_cubic
from quanheng.kernels.desk.curves.robust import give_up
from quanheng.kernels.desk.curves.svi import fit_svi
from quanheng.kernels.desk.curves.wing import fit_wing
from quanheng.kernels.desk.plugged import PLUGGED, call_curve
from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]


@kernel
def fit(
    model: int,
    k: Floats,
    vol: Floats,
    weight: Floats,
    n: int,
    tau: float,
    forward: float,
    warm: Floats,
    out: Floats,
) -> int:
    """Fit WING, SVI or CUBIC to the first n points; returns the STATUS written to out[ROW].

    k = ln(K/F) in any order, vol per 1.00, weight in any unit, tau in years, forward in yuan;
    unusable points are left out. `warm` is the last row of the expiry or a NaN row, and may be
    `out` itself. Codes from PLUGGED on are plug-ins, which write a row of one of the models of
    `layout`. Another model than these is SINGULAR, and the last curve stays.
    """
    if model == at.WING:
        return fit_wing(k, vol, weight, n, tau, forward, np.nan, np.nan, warm, out)
    if model == at.SVI:
        return fit_svi(k, vol, weight, n, tau, forward, warm, out)
    if model == at.CUBIC:
        return fit_cubic(k, vol, weight, n, tau, forward, warm, out)
    if model >= PLUGGED:
        status = call_curve(model, k, vol, weight, n, tau, forward, warm, out)
        if status >= at.OK and at.WING <= out[at.MODEL] <= at.CUBIC:
            return int(status)
    return give_up(warm, out, at.SINGULAR)
