"""Scenarios, value at risk and explained profit of a book, for notebooks.

A book is arrays with one entry per contract: kind, strike, units held (signed contracts times
contract unit), and the market they are valued in: forward, vol, tau, discount. Everything is fully
revalued by `desk.scenario` and explained by `desk.explain`; amounts are yuan.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quanheng.kernels import api
from quanheng.kernels.desk import explain as terms
from quanheng.kernels.desk import greeks as chains
from quanheng.kernels.desk import scenario
from quanheng.kernels.desk.risk_stats import Tail, tail

Floats = npt.NDArray[np.float64]

NAMES = (
    "actual", "theta", "delta", "carry", "gamma", "vega", "vanna", "volga", "charm",
    "discounting", "residual",
)  # fmt: skip
"""Names of the rows of `desk.explain`, in order."""


class Market(NamedTuple):
    """What a book is valued in: a number for all contracts, or an array with one each."""

    forward: npt.ArrayLike
    vol: npt.ArrayLike
    tau: npt.ArrayLike
    discount: npt.ArrayLike = 1.0


class Grid(NamedTuple):
    """A book over a grid of scenarios, float64[days, vol moves, spot moves], yuan."""

    value: Floats
    profit: Floats
    refused: int
    """Contracts that could not be priced; the whole grid is NaN when there are any."""


def _columns(n: int, market: Market) -> list[Floats]:
    """forward, vol, tau and discount as float64[n]; ValueError when a length is neither 1 nor n."""
    try:
        return [np.array(np.broadcast_to(np.asarray(x, dtype=np.float64), (n,))) for x in market]
    except ValueError:
        sizes = [np.size(each) for each in market]
        raise ValueError(f"{n} contracts need market columns of 1 or {n}, not {sizes}") from None


def stress(
    kind: Any,
    strike: npt.ArrayLike,
    units: npt.ArrayLike,
    market: Market,
    spot_moves: Sequence[float],
    vol_moves: Sequence[float] = (0.0,),
    days: Sequence[float] = (0.0,),
    spot: float = 0.0,
    fund_units: float = 0.0,
) -> Grid:
    """Revalue a book of one underlying over spot x vol x time (rules.md 9.4, `desk.scenario`).

    Moves are relative (-0.05 = 5 % down; vols likewise), days are trading days that pass;
    `fund_units` of the underlying are held at `spot`. Without moves the profit is exactly zero.
    """
    strikes = np.array(strike, dtype=np.float64).reshape(-1)
    n = strikes.size
    forward, vol, tau, discount = _columns(n, market)
    signs = np.broadcast_to(np.asarray(api.sign_of(kind), dtype=np.float64), (n,))
    sizes = np.broadcast_to(np.asarray(units, dtype=np.float64), (n,))
    book = np.array([signs, strikes, vol, sizes])
    # Contracts of one forward, time and discount share an expiry, whose aging is worked out once.
    distinct, place = np.unique(np.array([forward, tau, discount]), axis=1, return_inverse=True)
    moves = np.empty((scenario.SCENARIO_ROWS, len(days) * len(vol_moves) * len(spot_moves)))
    spots = np.array(spot_moves, dtype=np.float64)
    vols = np.array(vol_moves, dtype=np.float64)
    scenario.grid(spots, vols, np.array(days, dtype=np.float64), moves)
    out = np.empty((scenario.RESULT_ROWS, moves.shape[1]))
    none = np.empty((0, 0))
    refused = scenario.revalue(
        book, place.reshape(-1).astype(np.int64), np.ascontiguousarray(distinct), moves,
        chains.TRADING_DAYS, float(spot), float(fund_units), none, out, none,
    )  # fmt: skip
    shape = (len(days), len(vol_moves), len(spot_moves))
    value, profit = out[scenario.VALUE], out[scenario.PROFIT]
    return Grid(value.reshape(shape), profit.reshape(shape), int(refused))


def value_at_risk(profit: npt.ArrayLike, level: float = 0.99) -> Tail:
    """Value at risk and expected shortfall of equally likely profits (`desk.risk_stats.tail`)."""
    return tail(np.array(profit, dtype=np.float64).reshape(-1), level)


def explain(
    kind: Any,
    strike: npt.ArrayLike,
    units: npt.ArrayLike,
    before: Market,
    after: Market,
    spot_move: float = 0.0,
) -> dict[str, float]:
    """Profit of a book between two markets by cause, yuan; `residual` is what no term explains.

    `spot_move` is the underlying's relative move; the rest of a forward's move counts as carry. The
    terms and the residual add up to `actual` exactly. ValueError when a contract has no price.
    """
    strikes = np.array(strike, dtype=np.float64).reshape(-1)
    n = strikes.size
    held = np.array(np.broadcast_to(np.asarray(units, dtype=np.float64), (n,)))
    states = []
    for market in (before, after):
        forward, vol, tau, discount = _columns(n, market)
        price = api.price(kind, forward, strikes, vol, tau, discount)
        states.append(np.array([price, forward, vol, tau, discount]))
    forward, vol, tau, discount = states[0][1:]
    all_greeks = api.greeks(kind, forward, strikes, vol, tau, discount)
    greeks = np.array(
        [
            all_greeks.delta,
            all_greeks.gamma,
            all_greeks.vega,
            all_greeks.theta,
            all_greeks.vanna,
            all_greeks.volga,
            all_greeks.charm,
        ]
    )
    parts, totals = np.empty((terms.TERMS, n)), np.empty(terms.TERMS)
    nothing, empty = np.empty((0, n)), np.empty(0)
    left_out = terms.explain(
        held, states[0], states[1], greeks, float(spot_move), nothing, empty, parts, totals
    )
    if left_out:
        place = int(np.argmax(np.isnan(parts[0])))
        raise ValueError(f"{left_out} contracts have no price, the first at place {place}")
    return dict(zip(NAMES, totals.tolist(), strict=True))
