"""Binomial trees for European and American options, for cross-checks (R-05, I-17).

Nothing of the desk's closed form is used, so that an error there shows as a difference here. Two
trees: Leisen and Reimer (1996), whose smooth convergence is good to about 1e-5 of the forward with
101 steps, and Cox, Ross and Rubinstein (1979). Node j of level n of both is centre[n] * arm[j], so
one loop rolls either tree back.

Units: yuan per unit, vol per 1.00, tau in years; rate and carry act through forward and discount
and accrue evenly over tau, so variance time and calendar time may differ.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.independent.rollback import PAD, american, european
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import exp, log

Floats = npt.NDArray[np.float64]

CRR = 0
LEISEN_REIMER = 1
MOST_STEPS = 5001
_NAN = float("nan")
_WIDEST = 600.0
"""Largest |log| of an outermost node over the centre: exp stays clear of its ends."""
_LOST = 1e-13
"""A probability below this has lost its digits to rounding."""
_STILL = 1e-12
"""Below this vol * sqrt(tau) nothing moves."""
_OUT_OF_REACH = -1.0
_UNBOUNDED = -2.0


@kernel
def _peizer_pratt(z: float, steps: int) -> float:
    """Peizer and Pratt's inversion of the binomial to the normal (method 2), odd `steps`."""
    part = z / (steps + 1.0 / 3.0 + 0.1 / (steps + 1.0))
    inside = 0.25 - 0.25 * exp(-part * part * (steps + 1.0 / 6.0))
    root = math.sqrt(inside) if inside > 0.0 else 0.0
    return 0.5 + root if z >= 0.0 else 0.5 - root


@kernel
def _crr(s: float, grow: float, steps: int) -> tuple[float, float, float]:
    """(up probability, log up, log down) of a step; s = vol * sqrt(tau), grow = log growth.

    Where a step's growth exceeds its up move, the probability would leave (0, 1); then the nodes
    move with the forward.
    """
    up = s / math.sqrt(float(steps))
    chance = (exp(grow) - exp(-up)) / (exp(up) - exp(-up))
    if 0.0 < chance < 1.0:
        return chance, up, -up
    return 1.0 / (1.0 + exp(up)), grow + up, grow - up


@kernel
def _leisen_reimer(
    s: float, moneyness: float, grow: float, steps: int
) -> tuple[float, float, float]:
    """(up probability, log up, log down) of a step; moneyness = log(F/K); odd `steps`.

    Where a probability is lost to rounding: OUT_OF_REACH when both lie at the same end, because of
    the strike, UNBOUNDED when they lie at opposite ends, because of the volatility.
    """
    d2 = moneyness / s - 0.5 * s
    chance = _peizer_pratt(d2, steps)
    weight = _peizer_pratt(d2 + s, steps)
    if chance > _LOST and weight > _LOST and chance < 1.0 - _LOST and weight < 1.0 - _LOST:
        return chance, grow + log(weight / chance), grow + log((1.0 - weight) / (1.0 - chance))
    return _UNBOUNDED if d2 < 0.0 < d2 + s else _OUT_OF_REACH, 0.0, 0.0


@kernel
def _moves(
    scheme: int, s: float, moneyness: float, growth: float, most: int
) -> tuple[int, float, float, float]:
    """(steps, up probability, log up, log down); fewer steps where nodes would leave doubles."""
    steps = most
    while True:
        if scheme == CRR:
            chance, up, down = _crr(s, growth / steps, steps)
        else:
            steps = steps + 1 - steps % 2
            chance, up, down = _leisen_reimer(s, moneyness, growth / steps, steps)
        if steps == 1 or 0.5 * steps * (up - down) <= _WIDEST:
            return steps, chance, up, down
        steps = max(steps // 2 - 1, 1)


@kernel
def _certain(
    sign: float, spot: float, strike: float, growth: float, decay: float, steps: int, early: bool
) -> float:
    """Value when the spot is sure to follow its forwards: the best date of exercise."""
    best = 0.0
    for n in range(0 if early else steps, steps + 1):
        share = n / steps
        pay = exp(decay * share) * sign * (spot * exp(growth * share) - strike)
        best = pay if pay > best else best
    return best


@kernel
def option_price(
    sign: float,
    spot: float,
    forward: float,
    strike: float,
    vol: float,
    tau: float,
    discount: float,
    steps: int,
    scheme: int,
    early: bool,
) -> float:
    """Price in yuan per unit by a tree; sign +1 call, -1 put; `early` lets it be exercised.

    The forward of time t is spot * (forward/spot)^(t/tau) and the discount factor
    discount^(t/tau). Scheme CRR or LEISEN_REIMER, which raises even steps by one. A tree whose
    nodes would leave the range of doubles gets fewer steps. Limits: at vol = 0 or tau = 0, and
    where Leisen-Reimer's probabilities are lost to rounding because the strike is out of reach,
    the value along the forwards; at infinite vol the option's upper bound. NaN when a price or the
    discount is not positive, vol or tau is negative, or steps is outside 1..5001.
    """
    if not (spot > 0.0 and forward > 0.0 and strike > 0.0 and discount > 0.0):
        return _NAN
    if not (abs(sign) == 1.0 and 1 <= steps <= MOST_STEPS and vol >= 0.0 and tau >= 0.0):
        return _NAN
    if scheme not in (CRR, LEISEN_REIMER):
        return _NAN
    s = vol * math.sqrt(tau)
    growth = log(forward / spot)
    decay = log(discount)
    if s < _STILL:
        return _certain(sign, spot, strike, growth, decay, steps, early)
    if s > _WIDEST:
        return _unbounded(sign, spot, forward, strike, discount, early)
    steps, chance, up, down = _moves(scheme, s, log(forward / strike), growth, steps)
    if chance == _UNBOUNDED:
        return _unbounded(sign, spot, forward, strike, discount, early)
    if chance == _OUT_OF_REACH:
        return _certain(sign, spot, strike, growth, decay, steps, early)
    return _tree(sign, spot, strike, chance, up, down, decay / steps, steps, early)


@kernel
def _unbounded(
    sign: float, spot: float, forward: float, strike: float, discount: float, early: bool
) -> float:
    """The limit of infinite volatility: the underlying for a call, the strike for a put."""
    if sign > 0.0:
        return max(spot, discount * forward) if early else discount * forward
    return max(strike, discount * strike) if early else discount * strike


@kernel
def _tree(
    sign: float,
    spot: float,
    strike: float,
    chance: float,
    up: float,
    down: float,
    decay: float,
    steps: int,
    early: bool,
) -> float:
    """Lay out the last level and roll it back."""
    arm = np.zeros(steps + 1 + PAD)
    centre = np.empty(steps + 1)
    values = np.zeros(steps + 1 + PAD)
    half = 0.5 * steps
    spread = up - down
    for j in range(steps + 1):
        arm[j] = exp((j - half) * spread)
        centre[j] = spot * exp(j * down + half * spread)
    last = sign * centre[steps]
    for j in range(steps + 1):
        pay = last * arm[j] - sign * strike
        values[j] = pay if pay > 0.0 else 0.0
    fade = exp(decay)
    if early:
        a = fade * chance
        return american(sign, strike, a, fade * (1.0 - chance), steps, centre, arm, values)
    return exp(decay * steps) * european(chance, 1.0 - chance, steps, values)


@kernel
def price(
    sign: float,
    forward: float,
    strike: float,
    vol: float,
    tau: float,
    discount: float,
    steps: int,
) -> float:
    """European price on a forward by Leisen-Reimer, otherwise as `option_price`."""
    return option_price(
        sign, forward, forward, strike, vol, tau, discount, steps, LEISEN_REIMER, False
    )
