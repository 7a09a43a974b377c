"""Black-76 on the implied forward: price and Greeks (rules.md 8.1, 8.2).

Units: forward, strike and prices in yuan per unit of underlying, vol per 1.00 (0.2 = 20 %), tau in
years, discount = exp(-r * tau). The price is intrinsic value plus the time value of the
out-of-the-money option, and the time value is a difference of Mills ratios (its Taylor series when
that difference would cancel), so a price of one tick in a deep wing keeps its digits.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import inlined, kernel
from quanheng.kernels.math.bits import fused
from quanheng.kernels.math.elementary import (
    INV_ROOT_TWO_PI,
    exp,
    log,
    log_ratio,
    log_ratio_of_normal,
    mills,
)

Floats = npt.NDArray[np.float64]

PRICE = 0
"""Yuan per unit."""
DELTA = 1
"""d price / d forward = sign * discount * N(sign * d1); per spot S, multiply by forward / S."""
GAMMA = 2
"""d2 price / d forward^2; 0 where it is a point mass (vol or tau zero)."""
VEGA = 3
"""d price / d vol, per 1.00 of vol."""
THETA = 4
"""-d price / d tau per year, forward and discount held: the decay of variance time alone."""
RHO = 5
"""d price / d rate per 1.00 at a fixed spot = forward * discount, discount = exp(-rate * tau)."""
ROWS = 6

_NAN = float("nan")
_INFINITY = float("inf")
# Beyond these arguments the density is zero in double precision.
_FAR = 60.0
# An s below this is none; forwards and strikes outside these are no money, and squares stay finite.
_SMALLEST = 1e-150
_LEAST = 1e-150
_MOST = 1e150


@inlined
def _series(y0: float, h: float, t: float) -> float:
    """Y(h + t) - Y(h - t) of the Mills ratio Y(z) = N(z)/phi(z) for h <= 0, small t, y0 = Y(h).

    The odd terms of the Taylor series to t^17. Their derivatives follow from Y'(z) = 1 + z Y and
    Y[n+1] = z Y[n] + n Y[n-1]; taking two steps at once leaves only odd ones, here u = q^k Y[2k+1]:
    Y[n+2] = (z^2 + 2n + 1) Y[n] - n (n - 1) Y[n-2].
    """
    y1 = fused(h, y0, 1.0)
    y2 = fused(h, y1, y0)
    y3 = fused(h, y2, 2.0 * y1)
    q = t * t
    r = q * q
    a = q * (h * h)
    u3 = q * y3
    u5 = fused(fused(q, 7.0, a), u3, -(6.0 * r) * y1)
    u7 = fused(fused(q, 11.0, a), u5, -(20.0 * r) * u3)
    u9 = fused(fused(q, 15.0, a), u7, -(42.0 * r) * u5)
    u11 = fused(fused(q, 19.0, a), u9, -(72.0 * r) * u7)
    u13 = fused(fused(q, 23.0, a), u11, -(110.0 * r) * u9)
    u15 = fused(fused(q, 27.0, a), u13, -(156.0 * r) * u11)
    u17 = fused(fused(q, 31.0, a), u15, -(210.0 * r) * u13)
    # The first term is added last, so that the others' rounding hardly counts.
    p = fused(u5, 1.0 / 120.0, u3 * (1.0 / 6.0))
    p = fused(u7, 1.0 / 5040.0, p)
    p = fused(u9, 1.0 / 362880.0, p)
    p = fused(u11, 1.0 / 39916800.0, p)
    p = fused(u13, 1.0 / 6227020800.0, p)
    p = fused(u15, 1.0 / 1307674368000.0, p)
    p = fused(u17, 1.0 / 355687428096000.0, p)
    return float(2.0 * t * (y1 + p))


@inlined
def time_value(h: float, t: float, root: float) -> tuple[float, float, float, float, float, bool]:
    """Normalised out-of-the-money time value and its parts, for h = -|ln(F/K)|/s, t = s/2.

    `root` = exp(h*t) = sqrt(min/max of F and K). Returns (b, e, near, far, rise, small):
    undiscounted time value over sqrt(F K), the common density exp(-(h^2+t^2)/2)/sqrt(2 pi), far =
    Y(h - t), and near = the Mills ratio of |h + t|; or, when `small`, near = Y(h) and rise =
    Y(h + t) - far. Y(z) = N(z)/phi(z) is the Mills ratio of -z.
    """
    density = INV_ROOT_TWO_PI * exp(-0.5 * fused(h, h, t * t))
    upper = h + t
    small = t < 0.36 and -h * t < 1.0
    near = mills(-h if small else abs(upper))
    far = mills(t - h)
    rise = _series(near, h, t if small else 0.0)
    inside = upper > 0.0
    direct = (root if inside else 0.0) + density * ((-near if inside else near) - far)
    value = density * rise if small else direct
    value = value if value > 0.0 else 0.0
    return value, density, near, far, rise, small


@inlined
def mean_and_inverse(f: float, k: float) -> tuple[float, float]:
    """sqrt(f k) and its inverse, the latter rounded once (a Newton step on an exact residual)."""
    product = f * k
    lost = fused(f, k, -product)
    scale = math.sqrt(product)
    over = 1.0 / scale
    square = product * over
    rest = fused(-square, over, 1.0) - over * fused(product, over, fused(lost, over, -square))
    return scale, fused(0.5 * rest, over, over)


@inlined
def root_of_ratio(f: float, k: float, over: float) -> float:
    """sqrt(min/max) of f and k from over = 1/sqrt(f k), with one more Newton step."""
    low = f if f < k else k
    high = k if f < k else f
    root = low * over
    side = root * high
    rest = fused(-side, root, low) - root * fused(root, high, -side)
    return float(fused(0.5 * rest, over, root))


@inlined
def all_greeks(
    sign: float, forward: float, strike: float, vol: float, tau: float, discount: float
) -> tuple[float, float, float, float, float, float, float, float, float]:
    """Price, five first Greeks and vanna, volga, charm of one option; NaN outside the domain.

    The order is that of the rows here and in `desk.greeks`. A chain kernel that stores only some
    of them pays only for those.
    """
    valid = (
        _LEAST < forward < _MOST
        and _LEAST < strike < _MOST
        and 0.0 <= vol < _INFINITY
        and 0.0 <= tau < _INFINITY
        and 0.0 < discount < _INFINITY
        and abs(sign) == 1.0
    )
    f = forward if valid else 1.0
    k = strike if valid else 1.0
    years = tau if valid else 1.0
    sigma = vol if valid else 1.0
    df = discount if valid else _NAN
    side = sign if valid else 1.0
    root_tau = math.sqrt(years)
    moving = years > 0.0
    pace = 1.0 / (root_tau if moving else 1.0)
    s = sigma * root_tau
    s = s if not (s > 2.0 * _FAR) else 2.0 * _FAR
    spread = s > _SMALLEST
    inverse = 1.0 / (s if spread else 1.0)
    x = log_ratio_of_normal(f, k)
    h = -abs(x) / (s if spread else _SMALLEST)
    h = h if not (h < -_FAR) else -_FAR
    t = 0.5 * s
    above = f > k
    scale, over = mean_and_inverse(f, k)
    by_forward = k * over
    by_strike = f * over
    b, density, near, far, rise, small = time_value(h, t, root_of_ratio(f, k, over))
    gap = side * (f - k)
    price = df * ((gap if gap > 0.0 else 0.0) + scale * b)
    # N(h + t) belongs to d1 below the strike and to -d2 above it, N(h - t) to the other. What is
    # small is a density times a Mills ratio; what is not is one minus that.
    upper = h + t
    flipped = upper > 0.0 and not small
    shallow = (by_forward if not above else by_strike) * density * (far + rise if small else near)
    steep = (by_forward if above else by_strike) * density * far
    same = above == (side < 0.0)
    n_upper = shallow if same != flipped else 1.0 - shallow
    n_far = steep if same else 1.0 - steep
    n1 = n_far if above else n_upper
    n2 = n_upper if above else n_far
    d2 = -upper if above else h - t
    d1 = t - h if above else upper
    bell = df * density * by_forward
    gamma = bell / f * inverse if spread else 0.0
    vega = df * density * scale * root_tau
    theta = -0.5 * df * density * scale * sigma * pace
    theta = theta if moving else 0.0
    rho = side * years * k * df * n2
    # d2/s tends to -1/2 at the money; elsewhere the density has vanished long before s does.
    slope = d2 * inverse if spread else -0.5
    vanna = -bell * root_tau * slope
    volga = vega * root_tau * (d1 * slope)
    charm = 0.5 * bell * d2 * pace * pace
    charm = charm if moving else 0.0
    return price, side * df * n1, gamma, vega, theta, rho, vanna, volga, charm


@kernel
def price_one(
    sign: float, forward: float, strike: float, vol: float, tau: float, discount: float
) -> float:
    """Price of one option: sign +1 call, -1 put (rules.md 8.2).

    At tau = 0 or vol = 0 it is the discounted intrinsic value. NaN when forward, strike or
    discount is not positive, vol or tau is negative, or an input is NaN or infinite.
    """
    return all_greeks(sign, forward, strike, vol, tau, discount)[0]


@kernel
def price_chain(
    sign: Floats,
    forward: Floats,
    strike: Floats,
    vol: Floats,
    tau: Floats,
    discount: Floats,
    out: Floats,
) -> None:
    """Fill out[6, n] (rows PRICE..RHO) for n options; bit for bit `price_one` per column."""
    for i in range(sign.size):
        price, delta, gamma, vega, theta, rho, _, _, _ = all_greeks(
            sign[i], forward[i], strike[i], vol[i], tau[i], discount[i]
        )
        out[0, i] = price
        out[1, i] = delta
        out[2, i] = gamma
        out[3, i] = vega
        out[4, i] = theta
        out[5, i] = rho


@kernel
def log_moneyness(strike: float, forward: float, tau: float) -> float:
    """x = ln(K/F)/sqrt(tau), the coordinate of the curves; NaN unless all are positive, finite."""
    if not 0.0 < tau < _INFINITY:
        return _NAN
    return log_ratio(strike, forward) / math.sqrt(tau)


@kernel
def discount_factor(rate: float, years: float) -> float:
    """exp(-rate * years)."""
    return exp(-rate * years)


@kernel
def rate_of(discount: float, years: float) -> float:
    """The continuous rate of a discount factor; NaN unless both are positive."""
    return -log(discount) / years if discount > 0.0 and years > 0.0 else _NAN
