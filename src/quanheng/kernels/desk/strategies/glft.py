"""Optimal quotes of Guéant, Lehalle and Fernandez-Tapia, closed-form approximation (I-17).

With fills of a lot at intensity a exp(-k d) at distance d, risk aversion g and a price that moves
by sd per square root of a second (all in units of A and lots), at q lots

    d_bid = ln(1 + g/k)/g + (2q + 1)/2 c,  d_ask = ln(1 + g/k)/g - (2q - 1)/2 c,
    c = sqrt(sd^2 g/(2 k a) (1 + g/k)^(1 + k/g)).

An option's price moves with the underlying and with volatility, and the whole class's delta and
vega are inventory: q is the number of lots of this contract whose covariance with it is the same.

Source: O. Guéant, C.-A. Lehalle, J. Fernandez-Tapia, "Dealing with the inventory risk", 2013.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.strategies import layout as s
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import exp, log

Floats = npt.NDArray[np.float64]

FURTHEST = 0.5
"""Shares of A by which the inventory may move the middle."""


@kernel
def lots(x: Floats) -> tuple[float, float]:
    """(q, sd): the class's inventory as lots of this contract, and its move in A per second^1/2."""
    spot, vol = x[s.SPOT_SD] * x[s.SPOT_SD], x[s.VOL_SD] * x[s.VOL_SD]
    delta, vega = x[s.LOT_DELTA], x[s.LOT_VEGA]
    variance = delta * delta * spot + vega * vega * vol
    if variance <= 0.0:
        return 0.0, 0.0
    together = delta * x[s.RISK_DELTA] * spot + vega * x[s.RISK_VEGA] * vol
    return together / variance, math.sqrt(variance) / (x[s.LOT_TICK] * x[s.CAP])


@kernel
def glft(x: Floats, out: Floats) -> None:
    """The strategy."""
    g, k = x[s.RISK_AVERSION], x[s.DECAY]
    q, sd = lots(x)
    power = log(1.0 + g / k)
    step = math.sqrt(sd * sd * g / (2.0 * k * x[s.INTENSITY]) * exp((1.0 + k / g) * power))
    half = power / g + 0.5 * step + x[s.TOXIC]
    moved = min(max(-q * step, -FURTHEST), FURTHEST)
    out[s.BID] = x[s.VALUE] + (moved - half) * x[s.CAP]
    out[s.ASK] = x[s.VALUE] + (moved + half) * x[s.CAP]
    out[s.BID_QTY] = x[s.QTY]
    out[s.ASK_QTY] = x[s.QTY]
    out[s.SPREAD] = 1.0
