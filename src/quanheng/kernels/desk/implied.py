"""Implied volatility by third-order Householder steps (rules.md 8, performance.md 2b).

The price is reduced to the normalised time value b of the out-of-the-money option, with
x = -|ln(F/K)| and s = vol * sqrt(tau). Below half of its upper bound the equation is solved in
ln b, above it in ln(bound - b); both are nearly linear there, so two steps without a branch
suffice almost always, and a bracketed solver takes the rest. No start value is ever returned.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.black import time_value
from quanheng.kernels.jit import inlined, kernel
from quanheng.kernels.math.bits import fused
from quanheng.kernels.math.elementary import INV_ROOT_TWO_PI, log, log_ratio, mills

Floats = npt.NDArray[np.float64]

_NAN = float("nan")
_MOST_STEPS = 64
"""Bound of the bracketed loop: a few Householder steps, or bisection to the last bit."""
_S_TOP = 60.0
"""Largest s tried: at s = 60 every option is worth its bound in double precision."""
_S_LOW = 1e-12
_CLOSE = 2e-5
"""A step smaller than this (relative) leaves a fourth-order error below double precision."""
_HALF_TURN = 1.2533141373155003
"""mills(0) = sqrt(pi/2)."""
_TINY = 1e-300
# h/v of the normal model in t = (v - 1)/(v + 1), from tools/derive_elementary.py.
_START_0 = 1.1603667370097488
_START_1 = 0.5998771398517975
_START_2 = 0.2565022819129858
_START_3 = -0.2463425758476868
_START_4 = -0.6460410637755407
_START_5 = -0.29472496604076825
_START_6 = 0.5528942178312267
_START_7 = 0.46817910045055716
_START_8 = -0.22214413576822895
_START_9 = -0.2234381853666614
_AGAIN = -1.0
"""Result of the two steps that asks for the bracketed solver."""


@inlined
def _start_low(x: float, value: float) -> float:
    """A first s from the normal model, good to 1e-3 while s and |x| are below one."""
    # The distance of forward and strike over sqrt(F K): 2 sinh(|x|/2), in two terms.
    distance = -x * (1.0 + x * x * (1.0 / 24.0))
    distance = distance if distance > 1e-8 * value else 1e-8 * value
    size = log(1.0 + distance / value)
    v = size / (math.sqrt(1.0 + size) + 1.0)
    u = (v - 1.0) / (v + 1.0)
    p = fused(_START_9, u, _START_8)
    p = fused(p, u, _START_7)
    p = fused(p, u, _START_6)
    p = fused(p, u, _START_5)
    p = fused(p, u, _START_4)
    p = fused(p, u, _START_3)
    p = fused(p, u, _START_2)
    p = fused(p, u, _START_1)
    p = fused(p, u, _START_0)
    s = distance / (v * p)
    # From the normal to the lognormal model: the mean of the forward's path, and its curvature.
    return float(s * (1.0 + s * s * (1.0 / 24.0)) / (1.0 + x * x * (1.0 / 24.0)))


@inlined
def _start_high(x: float, value: float, bound: float) -> float:
    """A first s for values near their bound: N(-d1) is nearly half the missing share.

    The share is taken from where d1 = 0, at s = sqrt(2|x|); the inverse normal is in Hastings'
    shape, good to two decimals.
    """
    at_turn = bound * INV_ROOT_TWO_PI * (_HALF_TURN - mills(math.sqrt(-2.0 * x)))
    share = 0.5 * (bound - value) / (bound - at_turn)
    share = share if share < 0.5 else 0.5
    w = math.sqrt(-2.0 * log(share if share > _TINY else _TINY))
    d1 = w - (2.31 + 0.27 * w) / (1.0 + w * (0.99 + 0.045 * w))
    d1 = d1 if d1 > 0.0 else 0.0
    return d1 + math.sqrt(d1 * d1 - 2.0 * x)


@inlined
def _start(x: float, value: float, bound: float) -> float:
    """A first s for the normalised time value `value`, x = -|ln(F/K)|, bound = exp(x/2)."""
    low = _start_low(x, value)
    high = _start_high(x, value, bound)
    s = high if value > 0.3 * bound else low
    s = s if s > _S_LOW else _S_LOW
    return s if s < _S_TOP else 0.5 * _S_TOP


@inlined
def _step(x: float, s: float, value: float, bound: float) -> tuple[float, float]:
    """Newton's move of s towards the root (its sign is the side) and Householder's step.

    The step is NaN when b, or bound - b, underflows; the move then still has the right sign.
    """
    upper = value > 0.5 * bound
    h = x / s
    t = 0.5 * s
    b, density, m1, m2 = time_value(h, t, bound)
    # bound - b without cancellation: both parts are positive once d1 > 0.
    left = density * (m1 + m2) if h + t > 0.0 else bound - b
    level = left if upper else b
    goal = bound - value if upper else value
    good = level > _TINY and density > _TINY
    slope = (density if good else 1.0) / (level if good else 1.0)
    side = -slope if upper else slope
    move = log_ratio(goal, level if good else 1.0) / side
    # Second and third derivatives of ln(level) over its first, from those of b.
    ratio = h * h / s - 0.25 * s
    bend = ratio * ratio - 3.0 * h * h / (s * s) - 0.25
    h2 = ratio - side
    h3 = bend - 3.0 * ratio * side + 2.0 * side * side
    top = 1.0 + 0.5 * h2 * move
    bottom = 1.0 + move * (h2 + h3 * move * (1.0 / 6.0))
    fraction = top / (bottom if bottom != 0.0 else 1.0)
    fraction = fraction if fraction > 0.1 and fraction < 10.0 else 1.0
    toward = -1.0 if upper else 1.0
    return (move if good else toward), (move * fraction if good else _NAN)


@kernel
def _solve(x: float, value: float, bound: float) -> float:
    """s of a normalised time value strictly between 0 and its bound, inside a bracket."""
    low = 0.0
    high = _S_TOP
    s = _start(x, value, bound)
    for _ in range(_MOST_STEPS):
        move, step = _step(x, s, value, bound)
        if move > 0.0:
            low = s
        else:
            high = s
        following = s + step
        if low < following < high:
            s = following
            if abs(step) < _CLOSE * s:
                return s
            continue
        if abs(step) <= 4e-16 * s:
            return s
        following = 0.5 * (low + high)
        if not (low < following < high):
            return s
        s = following
    return s


@inlined
def _two_steps(
    sign: float, price: float, forward: float, strike: float, tau: float, discount: float
) -> tuple[float, float, float, float]:
    """(s, x, value, bound) without a branch; s is NaN outside the domain, -1 to solve again."""
    valid = forward > 0.0 and strike > 0.0 and tau > 0.0 and discount > 0.0 and abs(sign) == 1.0
    f = forward if valid else 1.0
    k = strike if valid else 1.0
    gap = sign * (f - k)
    extra = price / (discount if valid else 1.0) - (gap if gap > 0.0 else 0.0)
    low = f if f < k else k
    high = k if f < k else f
    raw = extra / (math.sqrt(f) * math.sqrt(k))
    bound = math.sqrt(low / high)
    inside = valid and extra > 0.0 and extra < low and raw > _TINY and raw < bound
    value = raw if inside else 0.5 * bound
    x = -abs(log_ratio(f, k))
    s = _start(x, value, bound)
    s += _step(x, s, value, bound)[1]
    s = s if s > _S_LOW and s < _S_TOP else 1.0
    last = _step(x, s, value, bound)[1]
    s += last
    done = abs(last) < _CLOSE * s and s < _S_TOP
    s = s if done else _AGAIN
    return (s if inside else _NAN), x, value, bound


@kernel
def implied_one(
    sign: float, price: float, forward: float, strike: float, tau: float, discount: float
) -> float:
    """Volatility (per 1.00) at which `black.price_one` gives `price`; sign +1 call, -1 put.

    NaN unless forward, strike, tau and discount are positive and the price lies strictly inside
    its no-arbitrage bounds, intrinsic value < price/discount < forward (call) or strike (put). At
    the lower bound itself every small volatility fits, so there is no answer.
    """
    s, x, value, bound = _two_steps(sign, price, forward, strike, tau, discount)
    if s == _AGAIN:
        s = _solve(x, value, bound)
    return s / math.sqrt(tau) if s > 0.0 else _NAN


@kernel
def implied_chain(
    sign: Floats,
    price: Floats,
    forward: Floats,
    strike: Floats,
    tau: Floats,
    discount: Floats,
    out: Floats,
) -> None:
    """Fill out[n] with `implied_one` of each option, bit for bit."""
    for i in range(sign.size):
        s = _two_steps(sign[i], price[i], forward[i], strike[i], tau[i], discount[i])[0]
        years = tau[i] if tau[i] > 0.0 else 1.0
        out[i] = s / math.sqrt(years) if s > 0.0 else s
    for i in range(sign.size):
        if out[i] == _AGAIN:
            out[i] = implied_one(sign[i], price[i], forward[i], strike[i], tau[i], discount[i])
