"""Full revaluation of a book over scenarios of spot, volatility and time (rules.md 9.4).

A book is the options of one underlying in slot order and a position in the underlying. Every
contract is priced again by Black's formula (rules.md 8.2) in every scenario; nothing is expanded.
A scenario costs one logarithm and one root, then each price one exponential and two Mills ratios.

What a scenario means: every forward of the underlying is multiplied by 1 + SPOT; a contract's vol
becomes max(vol * (1 + VOL) + POINTS, 0), so the smile keeps its strikes, or is brought along per
contract and scenario for any other rule of the smile; DAYS trading days pass, with forwards held,
variance time reduced by DAYS / days_per_year down to zero and the discount factor shortened in the
same proportion. An expiry inside the horizon is worth its intrinsic value.

Prices are good to about 1e-15 of the forward; for the wings' last digits use `black.price_one`.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import inlined, kernel
from quanheng.kernels.math.bits import fused
from quanheng.kernels.math.elementary import INV_ROOT_TWO_PI, exp, log, log_ratio, mills_scaled

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

# Rows of `book`, one column per contract.
SIGN = 0
"""+1 call, -1 put."""
STRIKE = 1
VOL = 2
UNITS = 3
"""Signed contracts times contract unit: yuan per yuan of price."""
BOOK_ROWS = 4

# Rows of `expiries`, one column per expiry.
FORWARD = 0
TAU = 1
DISCOUNT = 2
EXPIRY_ROWS = 3

# Rows of `scenarios`, one column per scenario.
SPOT = 0
"""Relative move of the underlying, above -1."""
VOL_MOVE = 1
"""Relative move of every vol."""
POINTS = 2
"""Absolute move of every vol, per 1.00."""
DAYS = 3
"""Trading days that pass."""
SCENARIO_ROWS = 4

# Rows of the result, one column per scenario.
VALUE = 0
PROFIT = 1
RESULT_ROWS = 2

_NAN = float("nan")
_FAR = 30.0
"""Beyond it the weight is zero for every purpose; twice this is where the Mills polynomial ends."""
_SMALLEST = 1e-300
_BLOCK = 128
"""Scenarios priced together, so that their scratch stays in the first-level cache."""

# Rows of the scratch of a block.
_GROWTH = 0
_SHIFT = 1
_ROOT = 2
_SCALE = 3
_ADD = 4
_PRICE = 5
_SCRATCH = 6


@inlined
def _undiscounted(
    put: bool, forward: float, strike: float, middle: float, x: float, s: float
) -> float:
    """Black's price before discounting; middle = sqrt(F K), x = ln(F/K), s = vol * sqrt(tau).

    F phi(d1) = K phi(d2) = middle * exp(-(h^2 + t^2)/2) / sqrt(2 pi) with h = x/s and t = s/2, so
    the tails of both terms are that weight times a Mills ratio; the ratios share their divisions.
    """
    h = x / (s if s > _SMALLEST else _SMALLEST)
    h = h if not (h > _FAR) else _FAR
    h = h if not (h < -_FAR) else -_FAR
    t = 0.5 * s
    t = t if not (t > _FAR) else _FAR
    d1 = h + t
    d2 = h - t
    z1 = abs(d1)
    z2 = abs(d2)
    share = 1.0 / ((z1 + 5.0) * (z2 + 5.0))
    m1 = mills_scaled((z1 - 5.0) * (z2 + 5.0) * share) * (z2 + 1.0)
    m2 = mills_scaled((z2 - 5.0) * (z1 + 5.0) * share) * (z1 + 1.0)
    inside1 = d1 > 0.0
    inside2 = d2 > 0.0
    tails = (-m1 if inside1 else m1) + (m2 if inside2 else -m2)
    weight = middle * (INV_ROOT_TWO_PI * exp(-0.5 * fused(h, h, t * t)))
    certain = (forward if inside1 else 0.0) - (strike if inside2 else 0.0)
    certain = certain - (forward - strike) if put else certain
    value = certain + weight * (tails / ((z1 + 1.0) * (z2 + 1.0)))
    return value if not (value < 0.0) else 0.0


@inlined
def _usable(sign: float, strike: float, vol: float, units: float) -> bool:
    """Can this contract be priced?"""
    return abs(sign) == 1.0 and strike > 0.0 and vol >= 0.0 and abs(units) < math.inf


@kernel
def _prepare(scenarios: Floats, first: int, count: int, scratch: Floats) -> None:
    """The scenario part of every price of a block: growth, its log and root, vol scale and add."""
    for j in range(count):
        growth = 1.0 + scenarios[SPOT, first + j]
        good = growth > 0.0 and growth < math.inf and scenarios[DAYS, first + j] >= 0.0
        growth = growth if good else _NAN
        scratch[_GROWTH, j] = growth
        scratch[_SHIFT, j] = log(growth)
        scratch[_ROOT, j] = math.sqrt(growth)
        scratch[_SCALE, j] = 1.0 + scenarios[VOL_MOVE, first + j]
        scratch[_ADD, j] = scenarios[POINTS, first + j]


@kernel
def _age(
    expiries: Floats,
    scenarios: Floats,
    first: int,
    count: int,
    days_per_year: float,
    roots: Floats,
    discounts: Floats,
) -> None:
    """Root of variance time and discount factor of every expiry after each scenario's days."""
    for e in range(expiries.shape[1]):
        tau = expiries[TAU, e]
        discount = expiries[DISCOUNT, e]
        good = expiries[FORWARD, e] > 0.0 and tau >= 0.0 and discount > 0.0
        pull = log(discount) / tau if good and tau > 0.0 else 0.0
        for j in range(count):
            days = scenarios[DAYS, first + j]
            left = tau - days / days_per_year
            left = left if left > 0.0 else 0.0
            roots[e, j] = math.sqrt(left) if good else _NAN
            discounts[e, j] = discount if days == 0.0 else exp(pull * left)


@kernel
def _prices(
    put: bool,
    forward: float,
    strike: float,
    vol: float,
    count: int,
    scratch: Floats,
    root_tau: Floats,
    discount: Floats,
) -> None:
    """Discounted prices of one contract in every scenario of the block, into scratch[_PRICE]."""
    middle = math.sqrt(forward) * math.sqrt(strike)
    x = log_ratio(forward, strike)
    for j in range(count):
        sigma = vol * scratch[_SCALE, j] + scratch[_ADD, j]
        sigma = sigma if not (sigma < 0.0) else 0.0
        s = sigma * root_tau[j]
        price = _undiscounted(
            put,
            forward * scratch[_GROWTH, j],
            strike,
            middle * scratch[_ROOT, j],
            x + scratch[_SHIFT, j],
            s,
        )
        scratch[_PRICE, j] = discount[j] * price


@kernel
def _prices_with(
    put: bool,
    forward: float,
    strike: float,
    vols: Floats,
    count: int,
    scratch: Floats,
    root_tau: Floats,
    discount: Floats,
) -> None:
    """`_prices` with the vol of each scenario given."""
    middle = math.sqrt(forward) * math.sqrt(strike)
    x = log_ratio(forward, strike)
    for j in range(count):
        sigma = vols[j] if vols[j] >= 0.0 else _NAN
        price = _undiscounted(
            put,
            forward * scratch[_GROWTH, j],
            strike,
            middle * scratch[_ROOT, j],
            x + scratch[_SHIFT, j],
            sigma * root_tau[j],
        )
        scratch[_PRICE, j] = discount[j] * price


@inlined
def _today(
    sign: float, forward: float, strike: float, vol: float, tau: float, discount: float
) -> float:
    """The price where nothing moves, by the operations of every scenario, so with their bits."""
    middle = math.sqrt(forward) * math.sqrt(strike)
    price = _undiscounted(
        sign < 0.0, forward, strike, middle, log_ratio(forward, strike), vol * math.sqrt(tau)
    )
    return discount * price


@kernel
def revalue(
    book: Floats,
    expiry: Indices,
    expiries: Floats,
    scenarios: Floats,
    days_per_year: float,
    spot: float,
    fund_units: float,
    vols: Floats,
    out: Floats,
    parts: Floats,
) -> int:
    """Fill out[RESULT_ROWS, S]: value and profit of the book in yuan in every scenario.

    book[BOOK_ROWS, n] and expiry[n] (column of `expiries` of each contract) in slot order;
    expiries[EXPIRY_ROWS, E]; scenarios[SCENARIO_ROWS, S]; `fund_units` units of the underlying are
    held at `spot`. vols[n, S] replaces the moved vols when it is not empty (shape (0, 0)). parts
    [n + 1, S], when not empty, receives the profit of each contract and, last, of the underlying.

    The order of the sums is fixed: contracts in slot order, then the underlying; so a column of
    `parts` summed in order is the profit bit for bit, a scenario without moves has profit 0.0
    exactly (unless `vols` says otherwise), and bits do not depend on how scenarios are divided
    among calls. A contract that cannot be priced makes value and profit NaN; their number is
    returned. A scenario out of range (SPOT <= -1, negative DAYS, NaN) is NaN too.
    """
    count = scenarios.shape[1]
    scratch = np.empty((_SCRATCH, _BLOCK))
    roots = np.empty((expiries.shape[1], _BLOCK))
    discounts = np.empty((expiries.shape[1], _BLOCK))
    refused = 0
    for first in range(0, count, _BLOCK):
        size = min(_BLOCK, count - first)
        _prepare(scenarios, first, size, scratch)
        _age(expiries, scenarios, first, size, days_per_year, roots, discounts)
        refused = _block(
            book, expiry, expiries, first, size, vols, scratch, roots, discounts, out, parts
        )
        _underlying(scenarios, first, size, spot, fund_units, out, parts)
    return refused


@kernel
def _block(
    book: Floats,
    expiry: Indices,
    expiries: Floats,
    first: int,
    size: int,
    vols: Floats,
    scratch: Floats,
    roots: Floats,
    discounts: Floats,
    out: Floats,
    parts: Floats,
) -> int:
    """The options' part of a block of scenarios; the number of contracts without a price."""
    value = np.zeros(_BLOCK)
    profits = np.zeros(_BLOCK)
    refused = 0
    for i in range(book.shape[1]):
        sign, strike, vol, units = book[SIGN, i], book[STRIKE, i], book[VOL, i], book[UNITS, i]
        known = 0 <= expiry[i] < expiries.shape[1]
        e = expiry[i] if known else 0
        if not (known and _usable(sign, strike, vol, units)):
            refused += 1
            units = _NAN
        forward = expiries[FORWARD, e]
        today = _today(sign, forward, strike, vol, expiries[TAU, e], expiries[DISCOUNT, e])
        if vols.size > 0:
            brought = vols[i, first : first + size]
            _prices_with(
                sign < 0.0, forward, strike, brought, size, scratch, roots[e], discounts[e]
            )
        else:
            _prices(sign < 0.0, forward, strike, vol, size, scratch, roots[e], discounts[e])
        for j in range(size):
            value[j] += units * scratch[_PRICE, j]
            profits[j] += units * (scratch[_PRICE, j] - today)
        if parts.size > 0:
            for j in range(size):
                parts[i, first + j] = units * (scratch[_PRICE, j] - today)
    for j in range(size):
        out[VALUE, first + j] = value[j]
        out[PROFIT, first + j] = profits[j]
    return refused


@kernel
def _underlying(
    scenarios: Floats,
    first: int,
    size: int,
    spot: float,
    fund_units: float,
    out: Floats,
    parts: Floats,
) -> None:
    """Add the position in the underlying, the linear part, to a block."""
    held = fund_units * spot
    for j in range(first, first + size):
        move = scenarios[SPOT, j]
        out[VALUE, j] += held * (1.0 + move)
        out[PROFIT, j] += held * move
        if parts.size > 0:
            parts[parts.shape[0] - 1, j] = held * move


@kernel
def grid(spots: Floats, vol_moves: Floats, days: Floats, out: Floats) -> None:
    """Fill out[SCENARIO_ROWS, S] with every combination, S = spots x vol_moves x days.

    The spot moves fastest, then the vol, then the days; POINTS is zero.
    """
    j = 0
    for day in days:
        for vol in vol_moves:
            for spot in spots:
                out[SPOT, j] = spot
                out[VOL_MOVE, j] = vol
                out[POINTS, j] = 0.0
                out[DAYS, j] = day
                j += 1
