"""Implied volatility by third-order Householder steps (rules.md 8, performance.md 2b).

The price is reduced to the normalised time value b of the out-of-the-money option, with
x = -|ln(F/K)| and s = vol * sqrt(tau). Below half of its upper bound the equation is solved in
ln b, above it in ln(bound - b); both are nearly linear there, so two steps without a branch
suffice almost always, and a bracketed solver takes the rest. No start value is ever returned.

The price is taken as the exact number it is: what division by the discount and subtraction of the
intrinsic value round away is carried along, so the digits of the time value that an in-the-money
price still holds all count.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.black import mean_and_inverse, root_of_ratio, time_value
from quanheng.kernels.jit import inlined, kernel
from quanheng.kernels.math.bits import fused
from quanheng.kernels.math.elementary import INV_ROOT_TWO_PI, log_ratio_of_normal

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

SOLVED = 0
BAD_INPUT = 1
EXPIRED = 2
BELOW_INTRINSIC = 3
AT_INTRINSIC = 4
ABOVE_BOUND = 5
TOO_SMALL = 6
TOO_FAR = 7
UNSOLVED = 8
REASON_WORDS = (
    "solved",
    "an input is not a number, infinite, or not positive, or the sign is not +1 or -1",
    "no time is left, so no volatility explains a price",
    "the price is below the discounted intrinsic value",
    "the price is the discounted intrinsic value: every small enough volatility gives it",
    "the price is at or above the discounted forward (call) or strike (put)",
    "the time value is below 1e-290 of the forward: too small for a double's digits",
    "forward and strike differ by a factor of more than 1e100",
    "the solver found no root; please report the inputs",
)
"""Words for people, by reason code."""

_NAN = float("nan")
_INFINITY = float("inf")
_MOST_STEPS = 100
"""Bound of the bracketed loop: a few Householder steps, or bisection to the last bit."""
_S_TOP = 60.0
"""Largest s tried: at s = 60 every option is worth its bound in double precision."""
_S_LOW = 1e-295
_CLOSE = 2e-5
"""A step smaller than this (relative) leaves a fourth-order error below double precision."""
# mills(z) is (z + T1) / (z (z + T1) + T0) to 2 %: value and slope at 0, two terms far out.
_TURN_1 = 2.1957291567607653
_TURN_0 = 1.7519383938841089
_TINY = 1e-300
_SMALLEST = 1e-150
_LARGEST = 1e150
_LEAST = 1e-290
"""Smallest time value over sqrt(F K) that is solved."""
_NARROWEST = 1e-100
"""Smallest ratio of forward and strike that is solved."""
_SMALLEST_NORMAL = 2.2250738585072014e-308
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
    root = math.sqrt(1.0 + log_ratio_of_normal(value + distance, value))
    v = root - 1.0
    u = 1.0 - 2.0 / root
    q = u * u
    even = fused(_START_8, q, _START_6)
    odd = fused(_START_9, q, _START_7)
    even = fused(even, q, _START_4)
    odd = fused(odd, q, _START_5)
    even = fused(even, q, _START_2)
    odd = fused(odd, q, _START_3)
    even = fused(even, q, _START_0)
    odd = fused(odd, q, _START_1)
    p = fused(odd, u, even)
    # From the normal to the lognormal model: the mean of the forward's path, and its curvature.
    s = distance / (v * p * (1.0 + x * x * (1.0 / 24.0)))
    return float(s * (1.0 + s * s * (1.0 / 24.0)))


@inlined
def _start_high(x: float, missing: float, bound: float) -> float:
    """A first s for values near their bound: N(-d1) is nearly half the missing share.

    The share is taken from where d1 = 0, at s = z = sqrt(2|x|), with a rational Mills ratio that is
    right at 0 and far out; the inverse normal is in Hastings' shape, good to two decimals.
    """
    z = math.sqrt(-2.0 * x)
    over = z * (z + _TURN_1) + _TURN_0
    full = bound * (over + (2.0 * INV_ROOT_TWO_PI) * (z + _TURN_1))
    part = missing * over
    part = part if part > _TINY else _TINY
    w = math.sqrt(2.0 * log_ratio_of_normal(full, part if part < 0.5 * full else 0.5 * full))
    d1 = w - (2.31 + 0.27 * w) / (1.0 + w * (0.99 + 0.045 * w))
    d1 = d1 if d1 > 0.0 else 0.0
    return d1 + math.sqrt(d1 * d1 - 2.0 * x)


@inlined
def _start(x: float, value: float, missing: float, bound: float) -> float:
    """A first s for the normalised time value `value`, x = -|ln(F/K)|, bound = exp(x/2)."""
    low = _start_low(x, value)
    high = _start_high(x, missing, bound)
    s = high if value > 0.3 * bound else low
    s = s if s > _S_LOW else _S_LOW
    return s if s < _S_TOP else 0.5 * _S_TOP


@inlined
def _step(x: float, s: float, value: float, missing: float, bound: float) -> tuple[float, float]:
    """Relative moves of s towards the root: Newton's (its sign is the side) and Householder's.

    `missing` = bound - value. The second is NaN when b, or bound - b, underflows; the first then
    still has the right sign. With L = ln b (or ln(bound - b)) and everything in units of s, the
    derivatives of b are b' s = s * density and b''s/b' = h^2 - s^2/4; `change` is that of L.
    """
    upper = value > 0.5 * bound
    h = x / s
    t = 0.5 * s
    b, density, near, far, _, small = time_value(h, t, bound)
    # bound - b without cancellation: both parts are positive once d1 > 0.
    left = density * (near + far) if h + t > 0.0 and not small else bound - b
    level = left if upper else b
    goal = missing if upper else value
    good = level > _TINY and density > _TINY
    toward = -1.0 if upper else 1.0
    change = log_ratio_of_normal(goal, level if good else 1.0)
    move = toward * change * level / (s * (density if good else 1.0))
    # Second and third derivatives of L over its first, times move and move^2.
    bend = fused(h, h, -t * t)
    turn = bend * move
    h2 = turn - change
    h3 = (turn - 3.0 * change) * turn + 2.0 * change * change
    h3 -= fused(3.0 * h, h, t * t) * (move * move)
    top = 1.0 + 0.5 * h2
    bottom = 1.0 + h2 + h3 * (1.0 / 6.0)
    fraction = top / (bottom if bottom != 0.0 else 1.0)
    fraction = fraction if fraction > 0.1 and fraction < 10.0 else 1.0
    return (move if good else toward), (move * fraction if good else _NAN)


@kernel
def _solve(x: float, value: float, missing: float, bound: float) -> float:
    """s of a normalised time value strictly between 0 and its bound; NaN if none was found."""
    low = _S_LOW
    high = _S_TOP
    s = _start(x, value, missing, bound)
    for _ in range(_MOST_STEPS):
        move, step = _step(x, s, value, missing, bound)
        if move > 0.0:
            low = s
        else:
            high = s
        following = float(fused(s, step, s))
        if abs(step) < _CLOSE:
            return following
        if not (low < following < high):
            following = math.sqrt(low) * math.sqrt(high)
        s = following
    return _NAN


@inlined
def time_value_of(
    sign: float, price: float, forward: float, strike: float, discount: float
) -> tuple[float, float]:
    """(time value, bound - time value) of a price, both undiscounted and relatively exact.

    The bound is min(F, K). A price below intrinsic value has a negative time value, one above
    its bound a negative second part.
    """
    first = forward if sign > 0.0 else strike
    second = strike if sign > 0.0 else forward
    ratio = price / discount
    # What a correctly rounded quotient leaves is itself a double.
    rest = fused(-ratio, discount, price) * (1.0 / discount)
    gap = first - second
    back = gap - first
    lost = (first - (gap - back)) - (second + back)
    inside = gap > 0.0
    value = (ratio - gap) + (rest - lost) if inside else ratio + rest
    return value, (first - ratio) - rest


@inlined
def _in_domain(
    sign: float, price: float, forward: float, strike: float, tau: float, discount: float
) -> bool:
    """Are all inputs finite, and all but the price positive? Money is within 1e-150 and 1e150."""
    return (
        _SMALLEST < forward < _LARGEST
        and _SMALLEST < strike < _LARGEST
        and 0.0 < tau < _INFINITY
        and 0.0 < discount < _INFINITY
        and abs(price) < _INFINITY
        and abs(sign) == 1.0
    )


@inlined
def _two_steps(
    sign: float, price: float, forward: float, strike: float, tau: float, discount: float
) -> tuple[float, float, float, float, float]:
    """(s, x, value, missing, bound) without a branch; s is NaN outside the domain, -1 if open."""
    least = forward if forward < strike else strike
    most = strike if forward < strike else forward
    valid = _in_domain(sign, price, forward, strike, tau, discount) and least > _NARROWEST * most
    f = forward if valid else 1.0
    k = strike if valid else 1.0
    extra, short = time_value_of(sign, price, f, k, discount if valid else 1.0)
    _, over = mean_and_inverse(f, k)
    raw = extra * over
    bound = root_of_ratio(f, k, over)
    inside = valid and price >= _SMALLEST_NORMAL and raw > _LEAST and short > 0.0
    value = raw if inside else 0.5 * bound
    missing = short * over if inside else 0.5 * bound
    x = -abs(log_ratio_of_normal(f, k))
    s = _start(x, value, missing, bound)
    step = _step(x, s, value, missing, bound)[1]
    s = fused(s, step, s)
    s = s if s > _S_LOW and s < _S_TOP else 1.0
    last = _step(x, s, value, missing, bound)[1]
    s = fused(s, last, s)
    s = s if abs(last) < _CLOSE else _AGAIN
    return (s if inside else _NAN), x, value, missing, bound


@kernel
def implied_one(
    sign: float, price: float, forward: float, strike: float, tau: float, discount: float
) -> float:
    """Volatility (per 1.00) at which `black.price_one` gives `price`; sign +1 call, -1 put.

    NaN, with a reason of `reason_one`, unless forward, strike, tau and discount are positive and
    the price lies strictly inside its no-arbitrage bounds, intrinsic value < price/discount <
    forward (call) or strike (put). At the lower bound itself every small volatility fits, so there
    is no answer. The relative error is below 4 eps (1 + price / (vol vega)).
    """
    s, x, value, missing, bound = _two_steps(sign, price, forward, strike, tau, discount)
    if s == _AGAIN:
        s = _solve(x, value, missing, bound)
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


@kernel
def reason_one(
    sign: float, price: float, forward: float, strike: float, tau: float, discount: float
) -> int:
    """Why `implied_one` gives NaN: an index of REASON_WORDS, SOLVED (0) when it does not."""
    if tau == 0.0:
        if _in_domain(sign, price, forward, strike, 1.0, discount):
            return EXPIRED
        return BAD_INPUT
    if not _in_domain(sign, price, forward, strike, tau, discount):
        return BAD_INPUT
    value, missing = time_value_of(sign, price, forward, strike, discount)
    if value < 0.0 or price < 0.0:
        return BELOW_INTRINSIC
    if value == 0.0:
        return AT_INTRINSIC
    if not (missing > 0.0):
        return ABOVE_BOUND
    low = forward if forward < strike else strike
    high = strike if forward < strike else forward
    if not (low > _NARROWEST * high):
        return TOO_FAR
    if price < _SMALLEST_NORMAL or not (value / (math.sqrt(low * high)) > _LEAST):
        return TOO_SMALL
    found = implied_one(sign, price, forward, strike, tau, discount)
    return SOLVED if found > 0.0 else UNSOLVED


@kernel
def reason_chain(
    sign: Floats,
    price: Floats,
    forward: Floats,
    strike: Floats,
    tau: Floats,
    discount: Floats,
    out: Codes,
) -> None:
    """Fill out[n] (int64) with `reason_one` of each option."""
    for i in range(sign.size):
        out[i] = reason_one(sign[i], price[i], forward[i], strike[i], tau[i], discount[i])
