"""The overseer's own model against the smile that made the market, and its risk figures (R-02)."""

import numpy as np
import pytest
from over_world import TEN, World, opening

from quanheng.compose.oversight_file import past_days
from quanheng.kernels.desk.black import DELTA, GAMMA, THETA, VEGA, all_greeks
from quanheng.kernels.independent.tree import price
from quanheng.kernels.pack import unpack
from quanheng.oversight import figures, model_kernels, risk_kernels, scenarios
from quanheng.oversight.figures import PLACE
from quanheng.terms.codes import Side
from quanheng.terms.units import MINUTE


@pytest.fixture(scope="module")
def world() -> World:
    """A book of longs and shorts on the known smile."""
    made = World(opening())
    for slot in range(len(made.chain.contracts)):
        made.trade(slot, Side.BUY if slot % 3 else Side.SELL, 10 + slot)
    made.quote(TEN)
    made.run(TEN + 5)
    return made


def test_oversight_model_finds_the_smile(world: World) -> None:
    """Forward within a tenth of a tick's worth of mids, vols within the mids' rounding."""
    model = world.state.model
    for slot in range(len(world.chain.contracts)):
        _, forward, strike, vol, tau, discount = world.curve(slot, TEN)
        assert abs(float(model.forward[model.expiry[slot]]) / forward - 1.0) < 1e-4
        found = float(model.row_vol[model.row_of[slot]])
        # A mid is rounded to half a tick: what that is in vol depends on the vega.
        sign = 1.0 if strike >= forward else -1.0
        bumped = price(sign, forward, strike, vol + 0.01, tau, discount, 51)
        vega = 100.0 * (bumped - price(sign, forward, strike, vol, tau, discount, 51))
        assert abs(found - vol) < 0.002 + 2e-4 / max(vega, 1e-3), (slot, found, vol)
        assert abs(float(model.prices[slot]) - world.fair(slot, TEN)) < 3e-4


def test_oversight_model_fills_what_has_no_market() -> None:
    """A strike whose option is not quoted takes the line between its neighbours."""
    strikes = np.array([2.3, 2.4, 2.5, 2.6, 2.7])
    pairs = np.array([[i, 5 + i] for i in range(5)], dtype=np.int64)
    mids = np.empty(10)
    for i, strike in enumerate(strikes):
        vol = 0.2 + 0.1 * (2.5 - strike)
        mids[i] = price(1.0, 2.5, strike, vol, 0.1, 1.0, 51)
        mids[5 + i] = price(-1.0, 2.5, strike, vol, 0.1, 1.0, 51)
    mids[3] = np.nan
    vols = np.empty(5)
    forward = model_kernels.fit_expiry(
        strikes, pairs, mids, 0.1, 1.0, 2.5, np.full(5, np.nan), vols
    )
    assert abs(forward - 2.5) < 1e-9
    assert np.abs(vols - (0.2 + 0.1 * (2.5 - strikes))).max() < 1e-4
    mids[:] = np.nan
    nothing = model_kernels.fit_expiry(strikes, pairs, mids, 0.1, 1.0, 2.5, vols.copy(), vols)
    assert np.isnan(nothing) and np.isnan(vols).all()


def test_oversight_vol_comes_back_from_its_price() -> None:
    """The bracket and the secant agree; a price outside no-arbitrage bounds has no vol."""
    for sign in (1.0, -1.0):
        for strike in (2.2, 2.5, 2.9):
            for vol in (0.08, 0.2, 0.9):
                target = price(sign, 2.5, strike, vol, 0.3, 0.99, 51)
                found = model_kernels.implied(sign, target, 2.5, strike, 0.3, 0.99)
                near = model_kernels.near_implied(sign, target, 2.5, strike, 0.3, 0.99, vol * 1.1)
                back = price(sign, 2.5, strike, found, 0.3, 0.99, 51)
                assert abs(back - target) < 1e-6
                assert abs(price(sign, 2.5, strike, near, 0.3, 0.99, 51) - target) < 1e-6
    assert np.isnan(model_kernels.implied(1.0, 2.6, 2.5, 2.5, 0.3, 1.0))


def test_oversight_greeks_are_the_closed_forms(world: World) -> None:
    """By strategy, class and desk: bumped trees within 2 per cent of Black's gross Greeks."""
    total, gross = np.zeros(4), np.zeros(4)
    net = world.state.account.by_owner.sum(axis=0)
    for slot, row in enumerate(world.chain.contracts):
        sign, forward, strike, vol, tau, discount = world.curve(slot, TEN)
        out = all_greeks(sign, forward, strike, vol, tau, discount)
        size = row.unit * int(net[slot])
        each = np.array(
            [
                out[DELTA] * forward * size,
                out[GAMMA] * forward * forward * size * 0.01,
                out[VEGA] * size * 0.01,
                out[THETA] * size / 243.0,
            ]
        )
        total += each
        gross += np.abs(each)
    found = world.state.figures
    for place, name in enumerate(("delta", "gamma", "vega", "theta")):
        own = found["*"][PLACE[name]] / 1e9
        assert abs(own - total[place]) < 0.02 * gross[place], name
        parts = [found[item.underlying][PLACE[name]] for item in world.chain.classes]
        assert abs(sum(parts) - found["*"][PLACE[name]]) <= len(parts)
        assert found["strategy:quotes"][PLACE[name]] == found["*"][PLACE[name]]


def test_oversight_tail_is_the_definition() -> None:
    """The smallest loss not exceeded, and the mean beyond, by counting (Acerbi and Tasche)."""
    rng = np.random.default_rng(3)
    for n, level in ((1, 0.99), (100, 0.99), (1_679, 0.975), (250, 0.9)):
        profits = rng.normal(size=n)
        var, shortfall = risk_kernels.tail(profits.copy(), level)
        losses = np.sort(-profits)
        least = next(loss for loss in losses if (losses <= loss).sum() >= level * n - 1e-9)
        assert var == least
        weight, total = (1.0 - level) * n, 0.0
        for loss in losses[::-1]:
            part = min(weight, 1.0)
            total += part * loss
            weight -= part
        assert abs(shortfall - total / ((1.0 - level) * n)) < 1e-9
        assert shortfall >= var - 1e-12


def test_oversight_value_at_risk_is_that_of_full_revaluation(world: World) -> None:
    """R-02, R-04: the grid's VaR against every joint move priced anew, class by class."""
    view = figures.View(world.state, world.opened)
    every = np.ones(len(world.state.owners), dtype=bool)
    classes = np.ones(len(world.chain.classes), dtype=bool)
    net, units = figures.owned(view, every, classes)
    grid = figures.grids(view, net, units)
    model = world.state.model
    past = view.moves[0][:, :, -200:]
    nodes = np.array(scenarios.SPOTS) / 100, np.array(scenarios.VOLS) / 100
    quick = np.empty(past.shape[2])
    risk_kernels.joint_profits(grid, *nodes, view.limits, past, quick)
    slow = np.zeros(past.shape[2])
    for slot, row in enumerate(world.chain.contracts):
        klass, expiry = int(model.klass[slot]), int(model.expiry[slot])
        terms = float(model.tau[expiry]), float(model.discount[expiry])
        forward, vol = float(model.forward[expiry]), float(model.row_vol[model.row_of[slot]])
        base = price(model.sign[slot], forward, model.strike[slot], vol, *terms, 25)
        for n in range(past.shape[2]):
            spot = min(max(past[0, klass, n], -view.limits[klass]), view.limits[klass])
            moved = vol * (1.0 + min(max(past[1, klass, n], -0.3), 1.0))
            now = price(
                model.sign[slot], forward * (1.0 + spot), model.strike[slot], moved, *terms, 25
            )
            slow[n] += (now - base) * int(net[slot]) * row.unit
    var, _ = risk_kernels.tail(quick.copy(), 0.99)
    exact, _ = risk_kernels.tail(slow.copy(), 0.99)
    assert exact > 0.0 and abs(var / exact - 1.0) < 0.10
    assert np.abs(quick - slow).max() < 0.15 * np.abs(slow).max()


def test_oversight_simulation_has_its_moments_and_its_seed() -> None:
    """Deviations, correlations and reproducibility of the joint moves."""
    sigmas = np.array([0.01, 0.02, 0.015])
    one, again, other = (np.empty((2, 3, 40_000)) for _ in range(3))
    for seed, out in ((5, one), (5, again), (6, other)):
        risk_kernels.simulated(seed, sigmas, 0.8, -0.6, 0.08, out)
    assert (one == again).all() and (one != other).any()
    assert np.abs(one[0].std(axis=1) / sigmas - 1.0).max() < 0.02
    assert np.abs(one[1].std(axis=1) / 0.08 - 1.0).max() < 0.02
    assert abs(np.corrcoef(one[0, 0], one[0, 1])[0, 1] - 0.8) < 0.02
    assert abs(np.corrcoef(one[0, 0], one[1, 0])[0, 1] + 0.6) < 0.02


def test_oversight_figures_stand_while_nothing_moves(world: World) -> None:
    """Over a pause the last figures and prices are told again, not made again."""
    before, prices = dict(world.state.figures), world.state.model.prices.copy()
    runs = world.state.runs
    told = world.run(TEN + 90 * MINUTE)
    assert world.state.figures == before and world.state.runs == runs
    assert np.array_equal(world.state.model.prices, prices)
    assert any(getattr(one, "topic", "") == "scopes" for one in told)
    world.quote(TEN + 91 * MINUTE)
    world.run(TEN + 91 * MINUTE)
    assert world.state.runs == runs + 1 and world.state.figures["*"] != before["*"]


def test_oversight_history_is_that_of_the_closes() -> None:
    """data/closes.csv: moves from close to close of the days before, and none of later days."""
    rows = unpack(past_days("510050", 20240627), 2)
    assert rows.shape == (1_679, 2)
    assert rows[0].tolist() == [1_000_000 * 390 // 23_190, 1_000_000 * -27_000 // 341_000]
    assert len(unpack(past_days("510050", 20150211), 2)) == 1
    assert len(unpack(past_days("999999", 20240627), 2)) == 0
    assert 100_000 < abs(rows[:, 0]).max() < 130_000


def test_oversight_without_history_only_the_simulation_speaks() -> None:
    """No known days: the historical figures are 0, the simulated ones are not."""
    made = World(opening(history=b""))
    made.trade(0, Side.SELL, 50)
    made.quote(TEN)
    made.run(TEN)
    row = dict(zip(figures.COLUMNS, made.state.figures["*"], strict=True))
    assert row["var"] == row["es"] == 0 < row["var_mc"] <= row["es_mc"] * 2


def test_oversight_figures_of_funds_add_up(world: World) -> None:
    """Equity, free cash and margin use by their definitions; days and concentration too."""
    row = dict(zip(figures.COLUMNS, world.state.figures["*"], strict=True))
    account, model = world.state.account, world.state.model
    marks = np.floor(model.prices * 10_000 + 0.5).astype(np.int64)
    net = account.long - account.short
    assert row["equity"] == account.cash + int((net * marks * model.unit).sum())
    assert row["free"] == account.cash - row["margin"]
    assert row["usage_ppm"] == row["margin"] * 1_000_000 // row["equity"]
    held = np.abs(net)
    assert row["concentration_ppm"] == int(held.max()) * 1_000_000 // int(held.sum())
    assert row["days_ppm"] == max(
        int(held[item.start : item.stop].sum()) * 5 * 1_000_000 // 100_000
        for item in world.chain.classes
    )
    assert row["blind"] == 0 and row["fees"] == account.fees
