"""Margin of both readings, prepared hedges, proposed combinations (I-32, I-33, I-42)."""

import msgspec
import numpy as np
import pytest
from maker_world import World, continuous, make_chain, make_trade

from quanheng.books import margin_use
from quanheng.kernels.pack import unpack
from quanheng.maker.ledger_views import GREEK_COLUMNS, greek_rows
from quanheng.maker.messages import Notify
from quanheng.maker.prepared import COMBINATION_COLUMNS
from quanheng.maker.prompts import (
    HEDGE_COLUMNS,
    MARGIN_COLUMNS,
    combination_rows,
    hedge_rows,
    margin_row,
)
from quanheng.rulebook import margin
from quanheng.runtime.envelope import TimerFired
from quanheng.terms.codes import Effect, Phase, Side
from quanheng.terms.contract import build_chain
from quanheng.terms.days import midnight
from quanheng.terms.units import HOUR, MINUTE


def trade(world, slot, qty):
    """Buy (+) or sell (-) to open, as if in the market."""
    contract = world.chain.contracts[slot]
    side = 0 if qty > 0 else 1
    world.report(make_trade(contract, "M001000AAA", side, 600, abs(qty), Effect.OPEN, world.at))


def figures(world):
    return dict(zip(MARGIN_COLUMNS, margin_row(world.state, world.state.opened), strict=True))


def shown(effects, topic, columns):
    (view,) = [e for e in effects if isinstance(e, Notify) and e.topic == topic]
    assert view.columns == len(columns)
    return unpack(view.rows, len(columns))


def test_margin_now_at_last_prices_and_tonight():
    """I-33: the opening margin holds for what is open; the real-time figure takes last prices, the
    forecast theory and spot, after day-end netting (rules.md 3.1).
    """
    world = continuous(World.start())
    trade(world, 2, -10)
    trade(world, 2, 4)
    state, rules, row = world.state, world.state.opened.rulebook, world.chain.contracts[2]
    found = figures(world)
    assert found["used"] == 10 * row.margin_unit
    mark = int(state.ledger.marks[2])
    spot = int(state.view.underlying[0, 0])
    each = margin.maintenance(rules, "EBS", row.kind, row.strike, mark, spot, row.unit)
    assert found["forecast"] == 6 * each
    world.last[2] = mark + 100
    world.tick()
    spot = int(world.state.view.underlying[0, 1])
    last = margin.maintenance(rules, "EBS", row.kind, row.strike, mark + 100, spot, row.unit)
    assert figures(world)["realtime"] == 10 * last
    found = figures(world)
    assert found["free"] == found["cash"] - found["used"]
    assert found["forecast_free"] == found["cash"] - found["forecast"]


def test_both_readings_of_the_risk_degree():
    """I-32, rules.md 3.5: usage is bad when high, coverage when low; one is the other's inverse."""
    assert margin_use.usage_ppm(80, 100) == 800_000
    assert margin_use.coverage_ppm(80, 100) == 1_250_000
    assert (margin_use.usage_ppm(0, 100), margin_use.coverage_ppm(0, 100)) == (0, 10**9)
    assert (margin_use.usage_ppm(5, 0), margin_use.coverage_ppm(5, -3)) == (10**9, 0)
    world = continuous(World.start())
    trade(world, 2, -10)
    found = figures(world)
    assert found["usage_ppm"] == found["used"] * 1_000_000 // found["equity"]
    assert found["coverage_ppm"] == min(found["equity"] * 1_000_000 // found["used"], 10**9)


def test_combinations_are_proposed_once_before_the_close():
    """I-33: at 14:30 the best combinations of the book are shown, with what they save."""
    chain = make_chain(strikes=5)
    rows = [msgspec.structs.replace(row, auto_split_day=20240722) for row in chain.contracts]
    world = continuous(World.start(build_chain(chain.day, rows)))
    for slot, qty in ((4, -10), (2, 6), (5, -3)):
        trade(world, slot, qty)
    rows = combination_rows(world.state, world.state.opened)
    column = {name: rows[:, place] for place, name in enumerate(COMBINATION_COLUMNS)}
    assert (column["margin_after"] < column["margin_before"]).all()
    assert column["units"].sum() == 9
    assert set(column["number"].tolist()) == {1}
    told = []
    for minute in range(26, 34):
        at = midnight(world.chain.day) + 14 * HOUR + minute * MINUTE
        effects = world.put(TimerFired("view", at), at=at)
        told += [
            (minute, e) for e in effects if isinstance(e, Notify) and e.topic == "combinations"
        ]
    assert [minute for minute, _ in told] == [30]
    assert shown([told[0][1]], "combinations", COMBINATION_COLUMNS).shape == rows.shape


@pytest.mark.parametrize("qty", [60, -60])
def test_a_large_vega_prepares_a_straddle_that_takes_it_away(qty):
    """I-42: orders are prepared for a person, not sent; both legs, the side that brings it back."""
    limits = (("*", "hedge_vega", 100), ("*", "hedge_gamma", 10**9), ("*", "width", 9_000))
    world = World.start(parameters=limits)
    world.half = 0.1
    continuous(world)
    assert hedge_rows(world.state, world.state.opened).shape == (0, len(HEDGE_COLUMNS))
    trade(world, 8, qty)
    sent = len(world.effects)
    effects = world.put(TimerFired("view", world.at))
    rows = [dict(zip(HEDGE_COLUMNS, row, strict=True))
            for row in shown(effects, "hedge", HEDGE_COLUMNS).tolist()]  # fmt: skip
    assert [row["greek"] for row in rows] == [2, 2]
    assert {row["side"] for row in rows} == {Side.SELL if qty > 0 else Side.BUY}
    call, put = (world.chain.contracts[row["slot"]] for row in rows)
    assert (call.kind, put.kind, call.strike) == ("C", "P", put.strike)
    assert abs(rows[0]["amount"]) > rows[0]["limit"] == 100
    assert all(type(effect).__name__ != "Send" for effect in world.effects[sent:])
    before = greek_rows(world.state, 1)[-1]
    for row in rows:
        trade(world, row["slot"], row["qty"] if row["side"] == Side.BUY else -row["qty"])
    after = greek_rows(world.state, 1)[-1]
    vega = GREEK_COLUMNS.index("vega")
    assert abs(after[vega]) < abs(before[vega])


def test_a_large_gamma_prepares_the_first_expiry():
    """Gamma sits in the first expiry, vega in a later one."""
    limits = (("*", "hedge_vega", 10**7), ("*", "hedge_gamma", 1_000), ("*", "width", 9_000))
    world = World.start(parameters=limits)
    world.half = 0.1
    continuous(world)
    trade(world, 2, 60)
    rows = hedge_rows(world.state, world.state.opened)
    assert rows[:, 1].tolist() == [1, 1]
    assert {world.chain.contracts[slot].last_day for slot in rows[:, 2].tolist()} == {20240724}


def test_nothing_is_prepared_when_nobody_else_trades():
    """A prompt names prices that are there; without a market there is none."""
    world = World.start(parameters=(("*", "hedge_vega", 100),))
    world.silent = set(range(12))
    continuous(world)
    trade(world, 8, 60)
    assert hedge_rows(world.state, world.state.opened).size == 0
    assert int(world.state.view.rows[8, 1]) == Phase.CONTINUOUS
    assert np.isfinite(world.state.surface.theo[8, 0])
