"""Compile, or load from the cache, every public kernel before a session starts.

`warm_machines` covers what machines call; `warm_up` adds what people call: the notebook's chains,
the independent model, scenarios. A trading day needs only the first, and starts the sooner.
"""

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
    svi,
    wing,
)
from quanheng.kernels.independent import bump, tree
from quanheng.kernels.math import counter, elementary, linear, normal
from quanheng.kernels.pack import pack, unpack


def warm_up() -> None:
    """Call every public kernel once."""
    warm_machines()
    call = (1.0, 2.5, 2.6, 0.2, 0.1, 0.998)
    _warm_greeks(*(np.full(3, value) for value in call))
    _warm_surface()
    _warm_points()
    _warm_independent()
    _warm_risk()


def warm_machines() -> None:
    """Call each kernel of the machines once with the types they use.

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
    table = np.empty((black.ROWS, 3))
    sign, fwd, strike, vol, tau, discount = (np.full(3, value) for value in call)
    black.price_chain(sign, fwd, strike, vol, tau, discount, table)
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
    """Fits of every model and evaluation, on a flat smile."""
    n = 7
    k, vol, weight = np.linspace(-0.1, 0.1, n), np.full(n, 0.2), np.ones(n)
    row = np.full(layout.ROW, np.nan)
    for model in (layout.WING, layout.SVI, layout.CUBIC):
        fits.fit(model, k, vol, weight, n, 0.1, 2.5, row, row)
    wing.fit_wing(k, vol, weight, n, 0.1, 2.5, np.nan, np.nan, row, row)
    svi.fit_svi(k, vol, weight, n, 0.1, 2.5, row, row)
    smile.vol_at(row, 0.1)
    smile.variance(row, 0.1)
    smile.vols_at(row, k, n, vol)
    shift.bounded_z(0.1, 0.1)


def _warm_independent() -> None:
    """European and American options of the independent model."""
    call = (1.0, 2.5, 2.6, 0.2, 0.1, 0.998)
    tree.price(*call, 11)
    bump.greeks(*call, 11, np.empty(bump.ROWS))
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


def _warm_surface() -> None:
    """The kernels of a class's rows: SSVI, checks and repair, surface, deltas and swim."""
    k, taus, vol = np.linspace(-0.1, 0.1, 6), np.array([0.1, 0.2]), np.full(6, 0.2)
    rows, none = np.zeros((2, layout.ROW)), np.zeros((2, layout.ROW))
    report, out = np.empty((2, arbitrage.REPORT)), np.empty((shift.DELTAS, 6))
    starts = np.array([0, 3, 6])
    ssvi.fit(k, vol, vol, starts, 2, taus, np.full(2, 2.5), none, rows)
    arbitrage.check(rows, 2, report)
    repair.repair(rows, 2, report)
    repair.repair_butterfly(rows[0])
    for measure in (arbitrage.butterfly, arbitrage.tail_slope):
        measure(rows[0])
    arbitrage.calendar(rows[0], rows[1])
    arbitrage.density_factor(rows[0], 0.1)
    smile.variance_at(rows[0], 0.1)
    surface.surface_vol(rows, taus, 2, 0.15, 0.1)
    surface.surface_vols(rows, taus, 2, 0.15, k, 6, vol)
    surface.borrow_row(rows, taus, 2, 0.15, 2.5, none[0])
    compare.quality(rows[0], k, vol, vol, vol, vol, 6)
    compare.move(rows[0], rows[1])
    compare.blend(rows[0], rows[1], 0.5, none[0])
    compare.mix(rows[0], rows[1], 0.5, none[0])
    shift.add_shift(np.zeros(shift.DELTAS), k, 0.1, 6, vol)
    shift.curve_greeks(vol, k, 0.1, 6, out)
    shift.moneyness(2.5, rows[0], 2.6, 0.5)
    shift.swim_deltas(rows[0], k, vol, vol, 2.6, 0.5, 6, out[0])
    shift.wing_at_reference(rows[0], 2.6, 0.5, 0.1, 0.1, none[0])
