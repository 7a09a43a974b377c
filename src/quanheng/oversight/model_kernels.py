"""The overseer's own model: forwards from parity, vols implied through a tree, bumped Greeks.

Nothing of `kernels.desk` is used (R-02, R-05): no closed form, no curve. An expiry is its strikes:
the forward is the median of the parity forwards near the money, the vol of a strike is what the
tree makes of the mid of its out-of-the-money option, and a strike without a usable mid takes the
straight line between its neighbours. Units: yuan per fund unit, vol per 1.00, tau in years.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.independent import bump
from quanheng.kernels.independent.tree import price
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import exp

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STEPS = 51
"""Steps of the tree behind vols and Greeks."""
GRID_STEPS = 25
"""Steps of the tree behind the grid; profit there is a difference of two such trees."""
NEAREST = 9
"""Strikes around the money whose parity forwards vote."""
LOW_VOL, HIGH_VOL = 0.01, 3.0
_NAN = float("nan")
_TURNS = 40
_CLOSE = 1e-7

# Columns of a strike: slot of its call and of its put (-1: none), strike in yuan comes apart.
CALL, PUT = 0, 1


@kernel
def implied(
    sign: float, target: float, forward: float, strike: float, tau: float, discount: float
) -> float:
    """The vol at which the tree gives `target`; NaN where none between 1 % and 300 % does.

    False position with halved ends (Illinois), so that it cannot leave its bracket.
    """
    low, high = LOW_VOL, HIGH_VOL
    at_low = price(sign, forward, strike, low, tau, discount, STEPS) - target
    at_high = price(sign, forward, strike, high, tau, discount, STEPS) - target
    if not (at_low <= 0.0 <= at_high):
        return _NAN
    side = 0
    vol = low
    for _ in range(_TURNS):
        vol = (low * at_high - high * at_low) / (at_high - at_low)
        off = price(sign, forward, strike, vol, tau, discount, STEPS) - target
        if abs(off) < _CLOSE:
            return vol
        if off > 0.0:
            high, at_high = vol, off
            at_low = 0.5 * at_low if side == 1 else at_low
            side = 1
        else:
            low, at_low = vol, off
            at_high = 0.5 * at_high if side == -1 else at_high
            side = -1
    return vol


@kernel
def near_implied(
    sign: float,
    target: float,
    forward: float,
    strike: float,
    tau: float,
    discount: float,
    guess: float,
) -> float:
    """`implied` from the vol of a minute ago: three secant steps, the bracket when they fail."""
    if not (LOW_VOL < guess < HIGH_VOL):
        return implied(sign, target, forward, strike, tau, discount)
    one = guess
    other = guess * 1.01
    at_one = price(sign, forward, strike, one, tau, discount, STEPS) - target
    if abs(at_one) < _CLOSE:
        return one
    for _ in range(4):
        at_other = price(sign, forward, strike, other, tau, discount, STEPS) - target
        if abs(at_other) < _CLOSE:
            return other
        if at_other == at_one:
            break
        step = at_other * (other - one) / (at_other - at_one)
        one, at_one = other, at_other
        other = other - step
        if not (LOW_VOL < other < HIGH_VOL):
            break
    return implied(sign, target, forward, strike, tau, discount)


@kernel
def _median(values: Floats, count: int) -> float:
    """Median of the first `count`, which are sorted in place."""
    for i in range(1, count):
        value = values[i]
        j = i - 1
        while j >= 0 and values[j] > value:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = value
    half = count // 2
    return float(values[half] if count % 2 else 0.5 * (values[half - 1] + values[half]))


@kernel
def parity_forward(
    strikes: Floats, pairs: Ints, mids: Floats, discount: float, centre: float
) -> float:
    """Median forward of the NEAREST strikes around `centre` that have both mids; NaN without any.

    Put-call parity: F = K + (C - P) / D.
    """
    found = np.empty(NEAREST)
    near = np.empty(NEAREST)
    count = 0
    for i in range(strikes.size):
        call, put = pairs[i, CALL], pairs[i, PUT]
        if call < 0 or put < 0 or not (mids[call] > 0.0 and mids[put] > 0.0):
            continue
        away = abs(strikes[i] - centre)
        place = count
        if count == NEAREST:
            place = 0
            for j in range(1, NEAREST):
                if near[j] > near[place]:
                    place = j
            if near[place] <= away:
                continue
        else:
            count += 1
        near[place] = away
        found[place] = strikes[i] + (mids[call] - mids[put]) / discount
    return _median(found, count) if count else _NAN


@kernel
def fit_expiry(
    strikes: Floats,
    pairs: Ints,
    mids: Floats,
    tau: float,
    discount: float,
    centre: float,
    before: Floats,
    vols: Floats,
) -> float:
    """The forward of an expiry; its strikes' vols into `vols`, all NaN without a forward.

    `mids` by slot in yuan, NaN or 0 where there is none; `before` are the vols a minute ago.
    """
    forward = parity_forward(strikes, pairs, mids, discount, centre)
    for i in range(strikes.size):
        vols[i] = _NAN
    if not (forward > 0.0 and tau > 0.0):
        return forward
    for i in range(strikes.size):
        sign = 1.0 if strikes[i] >= forward else -1.0
        slot = pairs[i, CALL] if sign > 0.0 else pairs[i, PUT]
        if slot >= 0 and mids[slot] > 0.0:
            vols[i] = near_implied(sign, mids[slot], forward, strikes[i], tau, discount, before[i])
    _fill(strikes, vols)
    return forward


@kernel
def _fill(strikes: Floats, vols: Floats) -> None:
    """Straight lines over strikes between known vols, level beyond the outermost ones."""
    left = -1
    for i in range(vols.size):
        if math.isnan(vols[i]):
            continue
        if left < 0:
            for j in range(i):
                vols[j] = vols[i]
        else:
            for j in range(left + 1, i):
                share = 0.0
                if strikes[i] > strikes[left]:
                    share = (strikes[j] - strikes[left]) / (strikes[i] - strikes[left])
                vols[j] = vols[left] + share * (vols[i] - vols[left])
        left = i
    if left >= 0:
        for j in range(left + 1, vols.size):
            vols[j] = vols[left]


@kernel
def chain_greeks(
    slots: Ints,
    sign: Floats,
    strike: Floats,
    vol: Floats,
    expiry: Ints,
    forwards: Floats,
    taus: Floats,
    discounts: Floats,
    out: Floats,
) -> None:
    """Rows of out[slots, bump.ROWS] for these slots by bumped trees; NaN without a vol."""
    for i in range(slots.size):
        slot = slots[i]
        e = expiry[slot]
        bump.greeks(
            sign[slot],
            forwards[e],
            strike[slot],
            vol[slot],
            taus[e],
            discounts[e],
            STEPS,
            out[slot],
        )


@kernel
def chain_prices(
    slots: Ints,
    sign: Floats,
    strike: Floats,
    vol: Floats,
    expiry: Ints,
    forwards: Floats,
    taus: Floats,
    discounts: Floats,
    out: Floats,
) -> None:
    """Model prices of these slots into out[slots]."""
    for i in range(slots.size):
        slot = slots[i]
        e = expiry[slot]
        out[slot] = price(
            sign[slot], forwards[e], strike[slot], vol[slot], taus[e], discounts[e], STEPS
        )


@kernel
def grid(
    slots: Ints,
    sign: Floats,
    strike: Floats,
    vol: Floats,
    expiry: Ints,
    forwards: Floats,
    taus: Floats,
    discounts: Floats,
    moves: Floats,
    passed: float,
    rate: float,
    out: Floats,
) -> None:
    """Change of each contract's price per unit under each move, into out[slots, moves].

    moves[4, n]: relative spot, relative vol, vol points added, skew (vol added per -1.00 of
    ln K/F); `passed` years go by first, in which the discount grows at `rate`. Zeros where a
    contract has no vol.
    """
    for i in range(slots.size):
        slot = slots[i]
        e = expiry[slot]
        base = price(
            sign[slot], forwards[e], strike[slot], vol[slot], taus[e], discounts[e], GRID_STEPS
        )
        tau = max(taus[e] - passed, 0.0)
        discount = min(discounts[e] * exp(rate * passed), 1.0)
        skew = strike[slot] / forwards[e] - 1.0
        for n in range(moves.shape[1]):
            moved = vol[slot] * (1.0 + moves[1, n]) + moves[2, n] - moves[3, n] * skew
            value = price(
                sign[slot],
                forwards[e] * (1.0 + moves[0, n]),
                strike[slot],
                max(moved, LOW_VOL),
                tau,
                discount,
                GRID_STEPS,
            )
            change = value - base
            out[slot, n] = change if math.isfinite(change) else 0.0
