"""Every monitor of I-29 to I-43 at its thresholds, and on the real path from an input to its alert.

The boundary test moves the figure itself; the wiring test gives the maker what a day would.
"""

import numpy as np
import pytest
from ladder_world import fair, order, start, watch
from maker_world import SPOT, World, continuous, make_chain
from monitor_world import figure, last_day_chain, raised, seconds, tighten, trade

from quanheng.books.margin_use import coverage_ppm
from quanheng.maker import columns as c
from quanheng.maker import maker as machine
from quanheng.maker.curve_life import Rung
from quanheng.maker.messages import ClassLimits
from quanheng.maker.monitor_state import FAR
from quanheng.maker.monitor_table import INDEX, MONITORS, Level
from quanheng.maker.prompts import margin_row
from quanheng.terms.codes import Side
from quanheng.terms.days import midnight
from quanheng.terms.records import LimitRecord
from quanheng.terms.units import HOUR, MINUTE, SECOND

NAMES = [one.name for one in MONITORS]
DEAREST = 11
AFTERNOON = 14 * HOUR + 44 * MINUTE + 30 * SECOND


@pytest.mark.parametrize("level", list(Level)[1:])
@pytest.mark.parametrize("name", NAMES)
def test_monitor_at_its_thresholds(name, level, monkeypatch):
    """A step below a threshold its level is not reached, at it (above it where "over") it is."""
    world = start()
    monkeypatch.setattr(machine, "refresh", lambda *_: None)
    one, row = MONITORS[INDEX[name]], INDEX[name]
    place = len(world.chain.classes) if one.desk else 0
    if (world.state.watch.levels[row, place] == FAR).all():
        pytest.fail("a monitor without thresholds")
    threshold = one.levels[level - 1] * one.factor
    hit = (-threshold if one.floor else threshold) + one.strict
    sure = 40 if one.hold else 1
    world.state.watch.signed[row, place] = hit - 1
    seconds(world, sure)
    assert all(each["level"] < level for each in raised(world, name))
    world.state.watch.signed[row, place] = hit
    seconds(world, sure)
    told = raised(world, name)[-1]
    assert told["level"] >= level and told["scope"] == ("*" if one.desk else "510050")
    equal = max(rank for rank in (1, 2, 3) if one.levels[rank - 1] == one.levels[level - 1])
    assert told["level"] == equal
    assert told["threshold"] == threshold
    assert told["figure"] == (-hit if one.floor else hit)


def held(qty, **changes):
    """A market in which so much of a call near the money is held."""
    world = start(**changes)
    trade(world, 2, qty)
    return world


def greek(name):
    """A Greek of a position against a limit that it fills to about nine tenths."""

    def case():
        world = held(50)
        watch(world)
        column = c.S_DELTA_UP + 2 * ("delta", "gamma", "vega", "theta").index(name)
        used = int(np.abs(world.state.worst[0, column : column + 2]).max())
        tighten(world, name, used * 10 // 9 // 10_000 + 1)
        return world

    return case


def of_the_desk(name):
    def case():
        world = held(50)
        for level in ("notice", "amber", "red"):
            tighten(world, f"{name}_{level}", 1)
        return world

    return case


def sensitive(name, make):
    """The real figure against a notice threshold of one of its units."""

    def case():
        world = make()
        tighten(world, f"{name}_notice", 1)
        return world

    return case


def blind():
    world = held(5)
    world.state.surface.theo[2, c.T_PRICE] = np.nan
    return world


def no_curve():
    world = World.start()
    world.silent = set(range(len(world.chain.contracts)))
    world = continuous(world)
    seconds(world, 42, ticks=True)
    return world


def little_cash():
    """Ten shorts need 40,000 yuan of the 45,000 that are there."""
    world = start(cash=450_000_000)
    trade(world, 2, -10)
    return world


def losing():
    world = held(10)
    trade(world, 4, 10, price=5_000)
    tighten(world, "loss", 10_000)
    tighten(world, "loss_desk", 10_000)
    return world


def evening(loss=10, usage=80, cash=10_000_000_000_000):
    """Shorts that are looked at from 14:44:30 on, with overnight limits on record."""
    made = [
        LimitRecord(scope, name, value, 0, 0, "test", "r01", "h01")
        for scope, name, value in (
            ("*", "night_loss", loss), ("510050", "night_loss", loss), ("*", "night_usage", usage)
        )
    ]  # fmt: skip
    world = start(*made, cash=cash)
    trade(world, 2, -10)
    world.at = midnight(world.chain.day) + AFTERNOON
    seconds(world, 32, ticks=True)
    return world


def last_day(slot, qty):
    def case():
        world = continuous(World.start(last_day_chain()))
        trade(world, slot, qty)
        return world

    return case


def limited(name):
    """240 contracts of a limit of 250 in the worst case."""

    def case():
        limits = {"long": 10_000, "total": 10_000, "buy_open": 10_000} | {name: 250}
        return start(limits=(ClassLimits("510050", *limits.values()),))

    return case


def not_permitted():
    world = start(permitted=("510300",))
    trade(world, 2, 5)
    return world


def busy():
    """A jump that requotes everything within a second."""
    world = start(messages_per_second=20)
    watch(world)
    world.move(world.spot + 300)
    world.run(1)
    return world


def many_orders():
    world = start()
    tighten(world, "day_orders", 15)
    return world


def dear_order():
    """An order of seven tenths of what one may be worth, dearer than any quote."""
    world = start()
    price = fair(world, DEAREST)
    tighten(world, "max_value", 30 * price * 10 // 7)
    watch(world)
    world.at += SECOND
    order(world, DEAREST, Side.BUY, price, 30, confirmed=True)
    return world


def traded():
    world = start()
    world.last[6] = fair(world, 6) - 1
    world.move(world.spot + 60)
    world.run(1)
    return world


def quoted():
    world = start()
    watch(world)
    world.move(world.spot + 60)
    world.run(1)
    return world


def fast():
    world = start()
    world.move(SPOT)
    seconds(world, 60)
    world.move(SPOT + 200)
    return world


def far():
    world = start()
    world.move(SPOT * 104 // 100)
    return world


WIRED = {
    "blind": (blind, 1),
    "delta": (greek("delta"), 2),
    "gamma": (greek("gamma"), 2),
    "vega": (greek("vega"), 2),
    "theta": (greek("theta"), 2),
    "delta_desk": (of_the_desk("delta_desk"), 3),
    "gamma_desk": (of_the_desk("gamma_desk"), 3),
    "vega_desk": (of_the_desk("vega_desk"), 3),
    "theta_desk": (of_the_desk("theta_desk"), 3),
    "curve": (no_curve, 2),
    "cover": (little_cash, 2),
    "margin_used": (little_cash, 2),
    "margin_free": (little_cash, 3),
    "loss": (losing, 3),
    "loss_desk": (losing, 3),
    "night_loss": (evening, 3),
    "night_loss_desk": (evening, 3),
    "night_usage": (lambda: evening(10**6, 10, 450_000_000), 3),
    "pin": (last_day(2, 3), 1),
    "long": (limited("long"), 3),
    "total": (limited("total"), 3),
    "buy_open": (limited("buy_open"), 3),
    "permitted": (not_permitted, 2),
    "expiry": (last_day(2, 3), 3),
    "assign": (sensitive("assign", last_day(3, -80_000)), 1),
    "rate": (busy, 1),
    "day_orders": (many_orders, 2),
    "order_value": (dear_order, 1),
    "from_own": (sensitive("from_own", quoted), 1),
    "from_last": (sensitive("from_last", traded), 1),
    "from_theo": (sensitive("from_theo", quoted), 1),
    "move_fast": (fast, 1),
    "move_day": (far, 1),
}
"""By monitor: what a day does to it, and the level that is reached at least."""


def test_every_monitor_is_wired():
    assert list(WIRED) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_monitor_on_the_real_path(name):
    """What the maker is given raises the alert with its figure, threshold and limits version."""
    make, level = WIRED[name]
    world = make()
    watch(world)
    told = raised(world, name)
    assert told and told[-1]["level"] >= level, (told, figure(world, name, -1))
    one = MONITORS[INDEX[name]]
    assert told[-1]["post"] == ("risk" if told[-1]["level"] == Level.RED else "trader")
    beyond = told[-1]["figure"] - told[-1]["threshold"]
    assert beyond <= 0 if one.floor else beyond >= 0
    assert 0 < told[-1]["version"] <= world.state.parameters.version


def test_shares_are_of_the_limit_in_force():
    """I-36: 240 contracts of 250 are 96 per cent; the figure is in hundredths of one."""
    world = limited("long")()
    watch(world)
    assert figure(world, "long") == 9_600 == raised(world, "long")[0]["figure"]


def test_a_share_follows_the_limit_on_record():
    """Half the limit, twice the share: no threshold has to be changed beside it (R-03)."""
    world = held(50)
    seen = []
    for parts in (10, 5):
        watch(world)
        used = int(np.abs(world.state.worst[0, c.S_VEGA_UP : c.S_VEGA_DOWN + 1]).max())
        tighten(world, "vega", parts * used // 10_000)
        watch(world)
        seen.append(figure(world, "vega"))
    assert seen == pytest.approx([1_000, 2_000], abs=2)


def test_margin_figures_are_those_of_the_margin_view():
    """I-32, I-33: cover at last prices, use and what is free, of one and the same row."""
    world = little_cash()
    watch(world)
    used, realtime, _, worth, cash = margin_row(world.state, world.state.opened)[:5]
    assert figure(world, "cover", -1) == coverage_ppm(realtime, worth) // 100
    assert figure(world, "margin_used", -1) == used * 10_000 // worth
    assert figure(world, "margin_free", -1) == cash - used == 450_000_000 + 60_000_000 - used


def test_an_order_is_named_with_its_alert():
    """I-41: the contract stands in the alert."""
    world = dear_order()
    watch(world)
    assert raised(world, "order_value")[0]["contract"] == world.chain.contracts[DEAREST].code


def test_assigned_shorts_against_cash_and_units():
    """I-39: puts need their strikes; calls the fund beyond the units that are there; what is far
    from the money needs nothing.
    """
    chain = last_day_chain()
    world = continuous(World.start(chain, cash=10**10, etf_units=(30_000,), etf_cash=0))
    for slot, qty in ((3, -2), (2, -5), (1, -7)):
        trade(world, slot, qty, price=1)
    watch(world)
    spot = int(world.state.view.underlying[0, 0])
    due = 2 * 24_500 * 10_000 + (5 * 10_000 - 30_000) * spot
    cash = world.state.book.cash
    due += 7 * 24_000 * 10_000 * (100 * spot < 102 * 24_000)
    assert figure(world, "assign", -1) == due * 10_000 // cash


def test_nothing_is_wrong_in_a_calm_market():
    """A minute of quiet quoting raises nothing."""
    world = World.start(make_chain(strikes=5))
    continuous(world)
    seconds(world, 60, ticks=True)
    assert not world.alerts("monitor_raised")


def test_worst_rung_of_a_class():
    """I-31: the figure is the rung of the worst curve, and only while the class trades."""
    world = no_curve()
    assert figure(world, "curve") >= Rung.SETTLEMENT
    world.silent = set()
    seconds(world, 15, ticks=True)
    assert figure(world, "curve") <= Rung.REPAIRED
