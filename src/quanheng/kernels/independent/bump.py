"""Greeks by moving the inputs of the tree, with the meaning the desk gives them."""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.independent.tree import LEISEN_REIMER, option_price, price
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import exp, log

Floats = npt.NDArray[np.float64]

PRICE = 0
DELTA = 1
GAMMA = 2
VEGA = 3
THETA = 4
RHO = 5
ROWS = 6

_FORWARD_MOVE = 0.01
"""Largest relative move of the forward; a tenth of s when that is less."""
_VOL_MOVE = 0.005
_RATE_MOVE = 1e-4


@kernel
def greeks(
    sign: float,
    forward: float,
    strike: float,
    vol: float,
    tau: float,
    discount: float,
    steps: int,
    out: Floats,
) -> None:
    """Fill out[6]: price, d/d forward, d2/d forward^2, d/d vol (per 1.00), -d/d tau, d/d rate.

    Central differences of the tree in yuan per unit; the forward and discount are held for theta,
    the spot = forward * discount for rho. NaN where the tree has no price, and all but the price
    are zero or rough at vol = 0 or tau = 0.
    """
    base = price(sign, forward, strike, vol, tau, discount, steps)
    share = (
        min(_FORWARD_MOVE, max(0.1 * vol * math.sqrt(tau), 1e-5)) if tau >= 0.0 else _FORWARD_MOVE
    )
    move = share * forward
    above = price(sign, forward + move, strike, vol, tau, discount, steps)
    below = price(sign, forward - move, strike, vol, tau, discount, steps)
    vol_move = min(_VOL_MOVE, 0.25 * vol) if vol > 0.0 else _VOL_MOVE
    vol_low = vol - vol_move if vol > 0.0 else vol
    more = price(sign, forward, strike, vol + vol_move, tau, discount, steps)
    less = price(sign, forward, strike, vol_low, tau, discount, steps)
    wait = 0.05 * tau if tau > 0.0 else 1.0
    later = price(sign, forward, strike, vol, tau + wait, discount, steps)
    sooner = price(sign, forward, strike, vol, tau - wait if tau > 0.0 else tau, discount, steps)
    turn = exp(_RATE_MOVE * tau)
    high = price(sign, forward * turn, strike, vol, tau, discount / turn, steps)
    low = price(sign, forward / turn, strike, vol, tau, discount * turn, steps)
    out[PRICE] = base
    out[DELTA] = (above - below) / (2.0 * move)
    out[GAMMA] = (above - 2.0 * base + below) / (move * move)
    out[VEGA] = (more - less) / (vol + vol_move - vol_low)
    out[THETA] = (sooner - later) / (2.0 * wait) if tau > 0.0 else 0.0
    out[RHO] = (high - low) / (2.0 * _RATE_MOVE)


@kernel
def american_greeks(
    sign: float,
    spot: float,
    forward: float,
    strike: float,
    vol: float,
    tau: float,
    discount: float,
    steps: int,
    out: Floats,
) -> None:
    """Fill out[6] for an American option: price and derivatives by the spot, vol, time and rate.

    Central differences of the Leisen-Reimer tree in yuan per unit. Delta and gamma by the spot with
    forward / spot held; theta is -d/d tau with the rate and carry held, so unlike `greeks` it
    includes what they earn; rho by the rate with the carry held. NaN where the tree has no price;
    theta is zero at tau = 0.
    """
    tree = LEISEN_REIMER
    base = option_price(sign, spot, forward, strike, vol, tau, discount, steps, tree, True)
    share = (
        min(_FORWARD_MOVE, max(0.1 * vol * math.sqrt(tau), 1e-5)) if tau >= 0.0 else _FORWARD_MOVE
    )
    up = 1.0 + share
    down = 1.0 - share
    above = option_price(
        sign, spot * up, forward * up, strike, vol, tau, discount, steps, tree, True
    )
    below = option_price(
        sign, spot * down, forward * down, strike, vol, tau, discount, steps, tree, True
    )
    vol_move = min(_VOL_MOVE, 0.25 * vol) if vol > 0.0 else _VOL_MOVE
    vol_low = vol - vol_move if vol > 0.0 else vol
    more = option_price(
        sign, spot, forward, strike, vol + vol_move, tau, discount, steps, tree, True
    )
    less = option_price(sign, spot, forward, strike, vol_low, tau, discount, steps, tree, True)
    turn = exp(_RATE_MOVE * tau)
    high = option_price(
        sign, spot, forward * turn, strike, vol, tau, discount / turn, steps, tree, True
    )
    low = option_price(
        sign, spot, forward / turn, strike, vol, tau, discount * turn, steps, tree, True
    )
    out[PRICE] = base
    out[DELTA] = (above - below) / (2.0 * share * spot)
    out[GAMMA] = (above - 2.0 * base + below) / (share * spot * share * spot)
    out[VEGA] = (more - less) / (vol + vol_move - vol_low)
    out[THETA] = _american_theta(sign, spot, forward, strike, vol, tau, discount, steps)
    out[RHO] = (high - low) / (2.0 * _RATE_MOVE)


@kernel
def _american_theta(
    sign: float,
    spot: float,
    forward: float,
    strike: float,
    vol: float,
    tau: float,
    discount: float,
    steps: int,
) -> float:
    """-d/d tau with rate and carry held: all of forward / spot and discount follow tau."""
    if not (tau > 0.0 and spot > 0.0 and forward > 0.0 and discount > 0.0):
        return 0.0
    wait = 0.05
    grow = exp(wait * log(forward / spot))
    fade = exp(wait * log(discount))
    later = option_price(
        sign, spot, forward * grow, strike, vol, tau * (1.0 + wait), discount * fade, steps,
        LEISEN_REIMER, True,
    )  # fmt: skip
    sooner = option_price(
        sign, spot, forward / grow, strike, vol, tau * (1.0 - wait), discount / fade, steps,
        LEISEN_REIMER, True,
    )  # fmt: skip
    return (sooner - later) / (2.0 * wait * tau)
