"""Compile, or load from the cache, every public kernel before a session starts."""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import (
    black,
    carry,
    explain,
    forward,
    greeks,
    implied,
    risk_stats,
    scenario,
    simulation,
)
from quanheng.kernels.desk.curves import (
    arbitrage,
    compare,
    fits,
    layout,
    offsets,
    points,
    repair,
    shift,
    smile,
    ssvi,
    surface,
)
from quanheng.kernels.independent import bump, tree
from quanheng.kernels.math import counter, elementary, linear, normal
from quanheng.kernels.pack import pack, unpack


def warm_up() -> None:
    """Call each public kernel once with the types machines use.

    Those are Python floats and ints, and C-contiguous writable float64 arrays; other types (an
    int for `sign`, a read-only or strided array) would compile again at the first call.
    """
    for scalar in (
        elementary.exp,
        elementary.log,
        elementary.mills,
        elementary.norm_pdf,
        elementary.norm_cdf,
    ):
        scalar(0.5)
    elementary.fma(1.0, 2.0, 3.0)
    elementary.log_ratio(1.0, 2.0)
    black.discount_factor(0.02, 0.1)
    black.rate_of(0.99, 0.1)
    black.log_moneyness(2.5, 2.6, 0.1)
    call = (1.0, 2.5, 2.6, 0.2, 0.1, 0.998)
    price = black.price_one(*call)
    implied.implied_one(1.0, price, 2.5, 2.6, 0.1, 0.998)
    tree.price(*call, 11)
    row = np.empty(black.ROWS)
    bump.greeks(*call, 11, row)
    table = np.empty((black.ROWS, 3))
    sign, fwd, strike, vol, tau, discount = (np.full(3, value) for value in call)
    black.price_chain(sign, fwd, strike, vol, tau, discount, table)
    _warm_greeks(sign, fwd, strike, vol, tau, discount)
    implied.implied_chain(sign, table[black.PRICE], fwd, strike, tau, discount, vol)
    forward.parity_forward(strike, vol, sign, vol, sign, 3, 0.998, 2.5)
    agreed = np.empty((1, forward.CONSENSUS))
    forward.consensus_forward(strike, vol, sign, vol, sign, 3, 0.998, 2.5, agreed[0])
    carry.implied_carry(2.5, 2.5, 0.02, 0.1)
    carry.carried(2.5, 0.02, 0.01, 0.1)
    ladder = np.empty((1, carry.COLUMNS))
    carry.forward_ladder(agreed, tau[:1], vol[:1], 1, 2.5, 0.02, 0.0, 0.1, ladder)
    unpack(pack(np.zeros((2, 3), dtype=np.int64)), 3)
    _warm_curves()
    _warm_points()
    _warm_independent()
    _warm_risk()


def _warm_greeks(*columns: npt.NDArray[np.float64]) -> None:
    """The chains behind the notebook's names: all Greeks, desk units, reasons."""
    sign, fwd, strike, vol, tau, discount = columns
    table = np.empty((greeks.ALL_ROWS, sign.size))
    greeks.greeks_chain(sign, fwd, strike, vol, tau, discount, table)
    greeks.desk_chain(table, fwd, strike, table)
    greeks.discount_chain(vol, tau, table[0])
    greeks.price_only_chain(sign, fwd, strike, vol, tau, discount, table[0])
    codes = np.zeros(sign.size, dtype=np.int64)
    implied.reason_chain(sign, table[0], fwd, strike, tau, discount, codes)
    implied.reason_one(1.0, 0.1, 2.5, 2.6, 0.1, 0.998)


def _warm_curves() -> None:
    """Fits of every model, evaluation, checks and repair of rows, deltas, on a flat smile."""
    n = 7
    k, vol, weight = np.linspace(-0.1, 0.1, n), np.full(n, 0.2), np.ones(n)
    rows = np.full((2, layout.ROW), np.nan)
    for model in (layout.WING, layout.SVI, layout.CUBIC):
        fits.fit(model, k, vol, weight, n, 0.1, 2.5, rows[0], rows[0])
    taus, forwards = np.array([0.1]), np.array([2.5])
    starts = np.array([0, n], dtype=np.int64)
    ssvi.fit(k, vol, weight, starts, 1, taus, forwards, rows[:1], rows[:1])
    rows[1] = rows[0]
    smile.vol_at(rows[0], 0.1)
    smile.variance(rows[0], 0.1)
    smile.vols_at(rows[0], k, n, vol)
    report = np.empty((2, arbitrage.REPORT))
    arbitrage.check(rows, 2, report)
    repair.repair(rows, 2, report)
    repair.repair_butterfly(rows[0])
    compare.move(rows[0], rows[1])
    compare.mix(rows[0], rows[1], 0.5, rows[1])
    surface.borrow_row(rows, np.array([0.1, 0.2]), 2, 0.3, 2.5, rows[1])
    shift.moneyness(2.6, rows[0], 2.5, 1.0)
    shift.bounded_z(0.1, 0.1)


def _warm_independent() -> None:
    """American options of the independent model."""
    option = (-1.0, 2.5, 2.5, 2.6, 0.2, 0.1, 0.998)
    tree.option_price(*option, 11, tree.CRR, True)
    bump.american_greeks(*option, 11, np.empty(bump.ROWS))


def _warm_risk() -> None:
    """Scenarios, tails and the explanation of profits, on a book of one contract."""
    normal.inverse_cdf(0.5)
    counter.fill_normals(1, 0, np.empty(2))
    linear.cholesky(np.eye(2), np.empty((2, 2)))
    moves = np.empty((scenario.SCENARIO_ROWS, 1))
    scenario.grid(np.zeros(1), np.zeros(1), np.zeros(1), moves)
    book = np.array([[1.0], [2.6], [0.2], [1e4]])
    expiries = np.array([[2.5], [0.1], [0.998]])
    held = simulation.Holding(book, np.zeros(1, dtype=np.int64), expiries, 2.5, 0.0)
    for vols in (np.empty((0, 0)), np.full((1, 1), 0.2)):
        scenario.revalue(
            book, held.expiry, expiries, moves, 243.0, 2.5, 0.0, vols,
            np.empty((scenario.RESULT_ROWS, 1)), np.empty((0, 0)),
        )  # fmt: skip
    profits = simulation.simulate((held,), np.eye(2), np.full(2, 0.01), 1.0, 243.0, 1, 2)
    weights = np.empty(profits.size)
    risk_stats.age_weights(0.99, weights)
    risk_stats.tail(profits, 0.9, weights)
    states = np.ones((explain.STATE_ROWS, 1))
    explain.explain(
        np.ones(1), states, states, np.ones((explain.GREEK_ROWS, 1)), 0.0, np.ones((1, 1)),
        np.ones(1), np.empty((explain.TERMS + 1, 1)), np.empty(explain.TERMS + 1),
    )  # fmt: skip


def _warm_points() -> None:
    """Quotes to points, and offsets per strike."""
    strike = np.linspace(2.3, 2.7, 5)
    ask = np.full(5, 0.05)
    bid = 0.9 * ask
    found = np.empty((points.ROWS, 5))
    points.chain_points(strike, bid, ask, bid, ask, 5, 2.5, 0.1, 0.998, 0.0, found)
    k, vol, out = np.linspace(-0.1, 0.1, 5), np.full(5, 0.2), np.empty(5)
    row = np.full(layout.ROW, np.nan)
    fits.fit(layout.WING, k, vol, ask, 5, 0.1, 2.5, row, row)
    points.relax_inside(found, 5, row, 0.5, out)
    points.half_width(found, 0)
    offsets.fit_offsets(row, k, vol, ask, bid, 5, 0.1, 1.0, 0.01, out)
    offsets.offset_at(k, out, 5, 0.0)
    offsets.vol_with_offsets(row, k, out, 5, 0.0)
