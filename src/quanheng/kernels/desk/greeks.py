"""All nine Black-76 outputs of a chain, and the same in a desk's units (I-29, rules.md 8.1).

The first six rows are those of `desk.black`, bit for bit; three second-order Greeks follow. All are
derivatives with respect to the forward, with the discount factor held. For a spot S whose forward
moves in proportion, F = S * c: delta to spot = delta * F / S, gamma to spot = gamma * (F / S)^2,
vanna and charm as delta; so delta * F and gamma * F^2 are also those of the spot.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.black import (
    DELTA,
    GAMMA,
    PRICE,
    RHO,
    ROWS,
    THETA,
    VEGA,
    all_greeks,
    discount_factor,
)
from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]

VANNA = ROWS
"""d2 price / (d forward d vol) = d delta / d vol, per 1.00 of vol."""
VOLGA = ROWS + 1
"""d2 price / d vol^2 = d vega / d vol, per 1.00 of vol twice, yuan per unit."""
CHARM = ROWS + 2
"""-d delta / d tau per year, forward and discount held; 0 at tau = 0, as theta."""
ALL_ROWS = ROWS + 3

TRADING_DAYS = 243.0
"""Trading days of a year (rules.md 8.1)."""
POINT = 0.01
"""One vol point, and the 1 % move of a cash gamma."""
BASIS_POINT = 1e-4
"""The move of the rate in a desk's rho."""


@kernel
def greeks_chain(
    sign: Floats,
    forward: Floats,
    strike: Floats,
    vol: Floats,
    tau: Floats,
    discount: Floats,
    out: Floats,
) -> None:
    """Fill out[9, n] (rows PRICE..RHO, VANNA, VOLGA, CHARM) for n options; units as `desk.black`.

    With phi the normal density: vanna = -discount phi(d1) d2 / vol, volga = vega d1 d2 / vol, charm
    = discount phi(d1) d2 / (2 tau), alike for calls and puts. At vol = 0 or tau = 0 they take
    their limits (vanna at the money discount sqrt(tau) / (2 sqrt(2 pi)), else 0); NaN for bad
    input.
    """
    for i in range(sign.size):
        price, delta, gamma, vega, theta, rho, vanna, volga, charm = all_greeks(
            sign[i], forward[i], strike[i], vol[i], tau[i], discount[i]
        )
        out[0, i] = price
        out[1, i] = delta
        out[2, i] = gamma
        out[3, i] = vega
        out[4, i] = theta
        out[5, i] = rho
        out[6, i] = vanna
        out[7, i] = volga
        out[8, i] = charm


@kernel
def price_only_chain(
    sign: Floats,
    forward: Floats,
    strike: Floats,
    vol: Floats,
    tau: Floats,
    discount: Floats,
    out: Floats,
) -> None:
    """Fill out[n] with the price of n options; bit for bit row PRICE of `greeks_chain`."""
    for i in range(sign.size):
        out[i] = all_greeks(sign[i], forward[i], strike[i], vol[i], tau[i], discount[i])[0]


@kernel
def desk_chain(table: Floats, forward: Floats, unit: Floats, out: Floats) -> None:
    """Fill out[9, n] from table[9, n] of `greeks_chain`: yuan per contract of `unit` units.

    PRICE value; DELTA cash delta = delta F unit, the value of as much underlying (a 1 % move earns
    a hundredth of it); GAMMA cash gamma = gamma F^2 unit 1 % (rules.md 8.1), what a 1 % move
    adds to delta, in cash; VEGA per vol point; THETA per trading day of 1/243 year; RHO per basis
    point; VANNA change of cash delta per vol point; VOLGA change of the desk's vega per vol point;
    CHARM change of cash delta per trading day. `out` may be `table`.
    """
    for i in range(forward.size):
        size = unit[i]
        cash = forward[i] * size
        out[PRICE, i] = table[PRICE, i] * size
        out[DELTA, i] = table[DELTA, i] * cash
        out[GAMMA, i] = table[GAMMA, i] * forward[i] * cash * POINT
        out[VEGA, i] = table[VEGA, i] * size * POINT
        out[THETA, i] = table[THETA, i] * size / TRADING_DAYS
        out[RHO, i] = table[RHO, i] * size * BASIS_POINT
        out[VANNA, i] = table[VANNA, i] * cash * POINT
        out[VOLGA, i] = table[VOLGA, i] * size * (POINT * POINT)
        out[CHARM, i] = table[CHARM, i] * cash / TRADING_DAYS


@kernel
def discount_chain(rate: Floats, tau: Floats, out: Floats) -> None:
    """Fill out[n] with exp(-rate * tau); bit for bit `black.discount_factor`."""
    for i in range(rate.size):
        out[i] = discount_factor(rate[i], tau[i])
