"""From the tables to a strategy's numbers, and from its answer to prices that may be sent.

What every strategy shares stands here: the gamma around each strike, the strain near a position
limit, and the placing of an answer on the step, inside the day's limits and the month's cap.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.strategies import layout as s
from quanheng.kernels.jit import kernel
from quanheng.maker import columns as c
from quanheng.maker import parameters as p
from quanheng.maker import quote_kernels as q
from quanheng.rulebook.phases import SESSION, YEAR_DAYS
from quanheng.terms.units import SECOND

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# stock float64[...]: inventory around a contract and what values it
BOOK_DELTA = 0  # of the class, yuan per 1 % of the underlying
BOOK_VEGA = 1  # of the class, yuan per vol point
CLUSTER = 2  # gamma_clusters of the contract
FORWARD = 3  # of the expiry, yuan
UNSURE = 4  # 1 while the expiry has no curve (columns.X_UNSURE)
STOCK = 5

_TICKS = 1e4
_SHARE = 1e-4
_SECONDS = float(YEAR_DAYS * SESSION // SECOND)
"""Seconds of continuous trading in a year."""


@kernel
def class_exposure(
    fixed: Ints,
    theo: Floats,
    fits: Floats,
    long: Ints,
    short: Ints,
    start: int,
    stop: int,
    out: Floats,
) -> None:
    """out[0..1] = delta in yuan per 1 % of the underlying, vega in yuan per vol point."""
    delta = 0.0
    vega = 0.0
    for slot in range(start, stop):
        net = long[slot] - short[slot]
        if net != 0 and math.isfinite(theo[slot, c.T_PRICE]):
            size = net * fixed[slot, c.F_UNIT]
            forward = fits[fixed[slot, c.F_EXPIRY], c.X_FORWARD]
            delta += size * theo[slot, c.T_DELTA] * forward * 0.01
            vega += size * theo[slot, c.T_VEGA] * 0.01
    out[0] = delta
    out[1] = vega


@kernel
def gamma_clusters(
    fixed: Ints,
    theo: Floats,
    fits: Floats,
    params: Ints,
    long: Ints,
    short: Ints,
    start: int,
    stop: int,
    out: Floats,
) -> None:
    """out float64[stop - start]: change of delta (yuan per 1 %) at a move of 1 % that the positions
    of the same expiry near each strike carry; `cluster` says how near.
    """
    held = np.empty((2, stop - start), dtype=np.int64)
    gamma = np.empty(stop - start)
    count = 0
    for slot in range(start, stop):
        out[slot - start] = 0.0
        net = long[slot] - short[slot]
        if net != 0 and math.isfinite(theo[slot, c.T_PRICE]):
            forward = fits[fixed[slot, c.F_EXPIRY], c.X_FORWARD]
            held[0, count] = fixed[slot, c.F_EXPIRY]
            held[1, count] = fixed[slot, c.F_STRIKE]
            size = net * fixed[slot, c.F_UNIT]
            gamma[count] = size * theo[slot, c.T_GAMMA] * forward * forward * 1e-4
            count += 1
    for slot in range(start, stop):
        expiry, strike = fixed[slot, c.F_EXPIRY], fixed[slot, c.F_STRIKE]
        reach = params[slot, p.P_CLUSTER] * _SHARE * strike
        for i in range(count):
            if held[0, i] == expiry and abs(held[1, i] - strike) <= reach:
                out[slot - start] += gamma[i]


@kernel
def fill_inputs(
    net: int,
    row: Ints,
    theo: Floats,
    params: Ints,
    standing: Ints,
    stock: Floats,
    g: Ints,
    least: int,
    qty: int,
    x: Floats,
) -> None:
    """The numbers of `kernels.desk.strategies.layout` for one contract; `stock` as above."""
    value = theo[c.T_PRICE] * _TICKS
    share = params[p.P_WIDTH] * _SHARE
    stressed = params[p.P_WIDTH_STRESS] * _SHARE
    if stock[UNSURE] > 0.0:
        share = max(share, stressed)
    ratio = row[c.F_CAP_NUM] / row[c.F_CAP_DEN]
    x[s.VALUE] = value
    x[s.CAP] = q.allowed(value / (1.0 + 0.5 * share * ratio), row)
    x[s.DELTA] = theo[c.T_DELTA]
    x[s.VEGA] = theo[c.T_VEGA] * _TICKS * 0.01
    x[s.QTY], x[s.LEAST] = qty, least
    lot = float(qty * row[c.F_UNIT])
    x[s.LOT_DELTA] = lot * theo[c.T_DELTA] * stock[FORWARD] * 0.01
    x[s.LOT_VEGA] = lot * theo[c.T_VEGA] * 0.01
    x[s.LOT_TICK] = lot / _TICKS
    x[s.OWN] = net / params[p.P_POSITION_SCALE]
    x[s.BOOK_DELTA] = stock[BOOK_DELTA] / params[p.P_DELTA_SCALE]
    x[s.BOOK_VEGA] = stock[BOOK_VEGA] / params[p.P_VEGA_SCALE]
    x[s.CLUSTER] = stock[CLUSTER] / params[p.P_GAMMA_SCALE]
    x[s.RISK_DELTA], x[s.RISK_VEGA] = stock[BOOK_DELTA], stock[BOOK_VEGA]
    x[s.TOXIC] = g[q.G_TOXIC] * 1e-6
    x[s.SPOT_SD] = 100.0 * theo[c.T_VOL] / math.sqrt(_SECONDS)
    x[s.VOL_SD] = params[p.P_VOL_OF_VOL] * _SHARE
    x[s.NEED] = standing[c.D_NEED] * 1e-6
    x[s.WIDTH] = share
    x[s.WIDTH_STRESS] = stressed
    x[s.LEAN_OWN] = params[p.P_LEAN_POSITION] * _SHARE
    x[s.LEAN_DELTA] = params[p.P_LEAN_DELTA] * _SHARE
    x[s.LEAN_VEGA] = params[p.P_LEAN_VEGA] * _SHARE
    x[s.LEAN_GAMMA] = params[p.P_LEAN_GAMMA] * _SHARE
    x[s.RISK_AVERSION] = params[p.P_GLFT_RISK] * _SHARE
    x[s.DECAY] = params[p.P_GLFT_DECAY] * _SHARE
    x[s.INTENSITY] = params[p.P_GLFT_INTENSITY] * 1e-6
    x[s.DUTY_RISK] = params[p.P_DUTY_RISK] * _SHARE
    x[s.DUTY_VALUE] = params[p.P_DUTY_VALUE] * _SHARE
    x[s.WIDTH_FREE] = params[p.P_WIDTH_FREE] * _SHARE


@kernel
def strain(net: int, params: Ints, x: Floats, out: Floats) -> None:
    """Between a full position and its limit: the side that reduces comes to theory, the other one
    goes to the far end of A, so that the duty can be held without growing (Q-03, I-36).
    """
    scale, most = params[p.P_POSITION_SCALE], params[p.P_MAX_POSITION]
    if abs(net) <= scale or most <= scale:
        return
    near = min((abs(net) - scale) / (most - scale), 1.0)
    now = min((out[s.ASK] - out[s.BID]) / x[s.CAP], 1.0)
    apart = (now + (1.0 - now) * near) * x[s.CAP]
    if net > 0:
        out[s.ASK] -= near * max(out[s.ASK] - x[s.VALUE], 0.0)
        out[s.BID] = min(out[s.BID], out[s.ASK] - apart)
    else:
        out[s.BID] += near * max(x[s.VALUE] - out[s.BID], 0.0)
        out[s.ASK] = max(out[s.ASK], out[s.BID] + apart)


@kernel
def on_step(out: Floats, value: float, row: Ints, due: bool) -> tuple[int, int]:
    """(bid, ask) on the step, inside the limits; within A(b) where the obligation is `due` (Q-01).

    What is too wide comes in on the side further from theory.
    """
    step = row[c.F_STEP]
    low = max(row[c.F_DOWN], step)
    bid = math.floor(out[s.BID] / step) * step
    ask = math.ceil(out[s.ASK] / step) * step
    ask = min(max(ask, low + step), row[c.F_UP])
    bid = max(min(bid, ask - step), low)
    if (due or out[s.SPREAD] <= 1.0) and ask > q.widest_ask(bid, row):
        if value - bid > ask - value:
            bid = max(min(q.lowest_bid(ask, row), ask - step), low)
        ask = min(ask, q.widest_ask(bid, row))
    return bid, ask
