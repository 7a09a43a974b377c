"""Profits of a whole account under joint moves of its underlyings, given or simulated.

Given: the rows of a table, such as the moves of named historical days (rules.md 9.4), go through
`revalue_holdings`. Simulated: every underlying has two factors, the logarithm of its growth and
that of its vols' growth, jointly normal with given standard deviations over the horizon and a given
correlation (Glasserman, Monte Carlo Methods in Financial Engineering, ch. 9). Shocks are lognormal
with mean zero. Scenarios come in antithetic pairs from a counter-based stream, so the same seed
gives the same bits and any range of pairs can be computed alone.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import scenario
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.counter import fill_normals
from quanheng.kernels.math.elementary import exp
from quanheng.kernels.math.linear import cholesky

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_CHUNK = 512
_NONE = np.empty((0, 0))


class Holding(NamedTuple):
    """What is held in one underlying; arrays as `scenario.revalue` takes them."""

    book: Floats
    expiry: Indices
    expiries: Floats
    spot: float
    fund_units: float


@kernel
def factor_scenarios(
    seed: int, first: int, factor: Floats, deviations: Floats, days: float, out: Floats
) -> None:
    """Fill out[U, SCENARIO_ROWS, 2 * pairs] with the scenarios of pairs first .. of a seed.

    factor[2U, 2U] is the lower Cholesky factor of the correlation of the factors in the order spot
    and vol of underlying 0, spot and vol of underlying 1, ...; deviations[2U] their standard
    deviations over the horizon of `days` trading days. Columns 2k and 2k + 1 are one pair.
    """
    size = deviations.size
    normals = np.empty(size)
    for pair in range(out.shape[2] // 2):
        fill_normals(seed, (first + pair) * size, normals)
        for i in range(size):
            total = 0.0
            for k in range(i + 1):
                total += factor[i, k] * normals[k]
            drift = -0.5 * deviations[i] * deviations[i]
            move = deviations[i] * total
            row = scenario.SPOT if i % 2 == 0 else scenario.VOL_MOVE
            out[i // 2, row, 2 * pair] = exp(drift + move) - 1.0
            out[i // 2, row, 2 * pair + 1] = exp(drift - move) - 1.0
        for u in range(size // 2):
            for side in range(2):
                out[u, scenario.POINTS, 2 * pair + side] = 0.0
                out[u, scenario.DAYS, 2 * pair + side] = days


def revalue_holdings(holdings: tuple[Holding, ...], moves: Floats, days_per_year: float) -> Floats:
    """Profits in yuan of joint scenarios moves[U, SCENARIO_ROWS, S], one table per holding.

    Column j of every table is one joint scenario; holdings add in order. NaN where a contract has
    no price. ValueError when the tables do not match the holdings.
    """
    if moves.shape[:2] != (len(holdings), scenario.SCENARIO_ROWS):
        raise ValueError(f"{len(holdings)} holdings need as many tables of scenarios")
    profits = np.zeros(moves.shape[2])
    result = np.empty((scenario.RESULT_ROWS, moves.shape[2]))
    for holding, rows in zip(holdings, moves, strict=True):
        scenario.revalue(
            holding.book, holding.expiry, holding.expiries, np.ascontiguousarray(rows),
            days_per_year, holding.spot, holding.fund_units, _NONE, result, _NONE,
        )  # fmt: skip
        profits += result[scenario.PROFIT]
    return profits


def simulate(
    holdings: tuple[Holding, ...],
    correlation: Floats,
    deviations: Floats,
    days: float,
    days_per_year: float,
    seed: int,
    pairs: int,
) -> Floats:
    """Profits in yuan of 2 * pairs scenarios, pairs next to each other; holdings add in order.

    ValueError when shapes do not match or the correlation is not positive semi-definite; NaN where
    a contract has no price.
    """
    size = 2 * len(holdings)
    if correlation.shape != (size, size) or deviations.shape != (size,):
        raise ValueError(f"{len(holdings)} holdings need {size} factors")
    factor = np.empty((size, size))
    row = cholesky(np.ascontiguousarray(correlation), factor)
    if row:
        raise ValueError(f"the correlation is not positive semi-definite at row {row - 1}")
    profits = np.zeros(2 * pairs)
    for first in range(0, pairs, _CHUNK):
        count = min(_CHUNK, pairs - first)
        moves = np.empty((len(holdings), scenario.SCENARIO_ROWS, 2 * count))
        factor_scenarios(seed, first, factor, deviations, days, moves)
        profits[2 * first : 2 * (first + count)] = revalue_holdings(holdings, moves, days_per_year)
    return profits
