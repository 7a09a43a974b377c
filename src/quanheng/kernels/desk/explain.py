"""Where a day's profit came from: the change in value of a book between two states, by cause.

A second-order Taylor expansion at the first state (Hull, Options, Futures and Other Derivatives,
"The Greek letters"; Taleb, Dynamic Hedging), contract by contract. The part that the expansion
misses is stated as RESIDUAL and never spread over the other terms. Every amount is rounded to
2^-24 yuan (6e-8), so that amounts add exactly in any order: the terms and the residual of a
contract sum to its actual profit, and the contracts to the totals, to the last bit, up to 1e8 yuan.

Trades between the states are the caller's: give the position held throughout and book the trades'
own profit (price at the second state against the price traded) apart.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import inlined, kernel

Floats = npt.NDArray[np.float64]

# Rows of a state, one column per contract.
S_PRICE = 0
"""Yuan per unit of underlying."""
S_FORWARD = 1
S_VOL = 2
"""Per 1.00."""
S_TAU = 3
"""Variance time in years."""
S_DISCOUNT = 4
STATE_ROWS = 5

# Rows of the Greeks at the first state, one column per contract.
G_DELTA = 0
"""d price / d forward."""
G_GAMMA = 1
G_VEGA = 2
"""Per 1.00 of vol."""
G_THETA = 3
"""-d price / d tau per year, forward and discount held."""
G_VANNA = 4
"""d2 price / d forward d vol."""
G_VOLGA = 5
"""d2 price / d vol^2."""
G_CHARM = 6
"""-d delta / d tau per year: the change of delta as time passes."""
GREEK_ROWS = 7

# Rows of the result. Terms of the curve's parameters, one per parameter, follow after RESIDUAL.
ACTUAL = 0
THETA = 1
"""Time passes: theta * dt."""
DELTA = 2
"""The forward moves as the spot does."""
CARRY = 3
"""The forward moves against the spot: rate, dividends, borrow."""
GAMMA = 4
VEGA = 5
"""The vol moves otherwise than by the curve's parameters: the smile under a fixed strike."""
VANNA = 6
VOLGA = 7
CHARM = 8
DISCOUNTING = 9
"""Discount factors change: time at the rate, and the rate."""
RESIDUAL = 10
TERMS = 11

_GRID = 16777216.0
"""2^24: amounts are multiples of one part of it."""


@inlined
def _on_grid(amount: float) -> float:
    """The nearest multiple of 2^-24."""
    return float(np.floor(amount * _GRID + 0.5) / _GRID)


@kernel
def explain(
    units: Floats,
    before: Floats,
    after: Floats,
    greeks: Floats,
    spot_move: float,
    slopes: Floats,
    moves: Floats,
    parts: Floats,
    totals: Floats,
) -> int:
    """Fill parts[TERMS + P, n] and totals[TERMS + P] in yuan; the number of contracts left out.

    units[n] is signed contracts times contract unit; before and after are [STATE_ROWS, n], greeks
    [GREEK_ROWS, n]; spot_move is the relative move of the underlying; slopes[P, n] is d vol / d
    parameter of the curve at the first state and moves[P] the parameters' moves (P may be 0): each
    parameter gets a row of vega * slope * move. A contract with a NaN anywhere has NaN in its
    column and is left out of the totals; the caller must say so.
    """
    terms = TERMS + moves.size
    for k in range(terms):
        totals[k] = 0.0
    left_out = 0
    for i in range(units.size):
        if not _contract(i, units, before, after, greeks, spot_move, slopes, moves, parts):
            left_out += 1
            continue
        for k in range(terms):
            totals[k] += parts[k, i]
    return left_out


@kernel
def _contract(
    i: int,
    units: Floats,
    before: Floats,
    after: Floats,
    greeks: Floats,
    spot_move: float,
    slopes: Floats,
    moves: Floats,
    parts: Floats,
) -> bool:
    """One column of `explain`; False, and NaN in the column, when a number is missing."""
    count = units[i]
    forward = before[S_FORWARD, i]
    df = after[S_FORWARD, i] - forward
    by_spot = forward * spot_move
    dv = after[S_VOL, i] - before[S_VOL, i]
    dt = before[S_TAU, i] - after[S_TAU, i]
    turn = after[S_DISCOUNT, i] / before[S_DISCOUNT, i] - 1.0
    vega = greeks[G_VEGA, i]
    price = before[S_PRICE, i]
    parts[ACTUAL, i] = _on_grid(count * (after[S_PRICE, i] - price))
    parts[THETA, i] = _on_grid(count * (greeks[G_THETA, i] * dt))
    parts[DELTA, i] = _on_grid(count * (greeks[G_DELTA, i] * by_spot))
    parts[CARRY, i] = _on_grid(count * (greeks[G_DELTA, i] * (df - by_spot)))
    parts[GAMMA, i] = _on_grid(count * (0.5 * greeks[G_GAMMA, i] * df * df))
    parts[VANNA, i] = _on_grid(count * (greeks[G_VANNA, i] * df * dv))
    parts[VOLGA, i] = _on_grid(count * (0.5 * greeks[G_VOLGA, i] * dv * dv))
    parts[CHARM, i] = _on_grid(count * (greeks[G_CHARM, i] * df * dt))
    parts[DISCOUNTING, i] = _on_grid(count * (price * turn))
    named = 0.0
    explained = 0.0
    for p in range(moves.size):
        step = slopes[p, i] * moves[p]
        named += step
        parts[TERMS + p, i] = _on_grid(count * (vega * step))
        explained += parts[TERMS + p, i]
    parts[VEGA, i] = _on_grid(count * (vega * (dv - named)))
    for k in range(THETA, RESIDUAL):
        explained += parts[k, i]
    parts[RESIDUAL, i] = parts[ACTUAL, i] - explained
    if parts[RESIDUAL, i] - parts[RESIDUAL, i] == 0.0:
        return True
    for k in range(TERMS + moves.size):
        parts[k, i] = np.nan
    return False
