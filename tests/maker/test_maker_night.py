"""The book that would be carried, looked at before the close (I-35): gaps, limits, exceptions."""

import numpy as np
import pytest
from ladder_world import limit, watch
from maker_world import World, continuous, make_chain
from monitor_world import confirm, figure, raised, seconds, trade

from quanheng.books import gaps
from quanheng.kernels.desk.black import price_one
from quanheng.kernels.pack import unpack
from quanheng.maker import columns as c
from quanheng.maker import night
from quanheng.maker.messages import Notify
from quanheng.maker.monitor_table import INDEX, Level
from quanheng.rulebook import margin
from quanheng.terms.codes import Alert
from quanheng.terms.commands import ExceptNight
from quanheng.terms.days import midnight
from quanheng.terms.units import HOUR, MINUTE, SECOND, half_up

EVENING = 14 * HOUR + 45 * MINUTE
CHAIN = make_chain(underlyings=("510050", "510300"))


def held(*records, chain=CHAIN, **changes):
    """Shorts and longs in the first class, just before the check begins."""
    world = continuous(World.start(chain, granted=records, **changes))
    world.half = 0.1
    world.at = midnight(world.chain.day) + EVENING - 3 * SECOND
    for slot, qty in ((2, -10), (5, -4), (8, 6)):
        trade(world, slot, qty)
    seconds(world, 2, ticks=True)
    return world


def check(world):
    """The seconds in which the check runs; what was said."""
    return seconds(world, 3, ticks=True)


def limits(loss=10**6, usage=80):
    return limit("night_loss", loss), limit("night_usage", usage)


def test_it_begins_at_its_time_a_class_a_second():
    """Nothing before 14:45; then one class in each second, so that no turn takes long."""
    world = held(*limits())
    assert not world.state.watch.night_from and not world.state.watch.gaps.any()
    seconds(world, 1)
    assert world.state.watch.night_next == 1 and world.state.watch.gaps[0].any()
    assert figure(world, "night_loss_desk", -1) < 0
    said = seconds(world, 1)
    assert world.state.watch.night_next == -1
    (view,) = [one for one in said if isinstance(one, Notify) and one.topic == "night"]
    rows = unpack(view.rows, len(night.NIGHT_COLUMNS))
    assert rows[:, 0].tolist() == [0, 1, 2] and rows[2, 3] == rows[0, 3] < 0 == rows[1, 3]


def test_it_looks_again_later():
    world = held(*limits())
    check(world)
    before = world.state.watch.gaps.copy()
    trade(world, 2, -10)
    seconds(world, 30)
    assert (world.state.watch.gaps == before).all()
    world.at = midnight(world.chain.day) + EVENING + 5 * MINUTE - 2 * SECOND
    seconds(world, 4, ticks=True)
    assert (world.state.watch.gaps[0, :, night.MARGIN] > before[0, :, night.MARGIN]).all()


def test_gaps_are_full_revaluations_with_margin():
    """Every contract priced again by Black's formula a day on, margin by the formula of rules.md
    3.1 at the moved prices: the obvious loop finds the same amounts.
    """
    world = held(*limits())
    seconds(world, 3)
    state, rules = world.state, world.state.opened.rulebook
    spot = int(state.view.underlying[0, 0])
    spots = gaps.spots_of(rules, "510050")
    assert spots[-1] == -10
    for number in (0, 7, 40, 101):
        move, vol = spots[number % 17] / 100, 1 + gaps.VOLS[number // 17] / 100
        profit = due = 0
        for slot, qty in ((2, -10), (5, -4), (8, 6)):
            row, fixed = world.chain.contracts[slot], state.tables.fixed[slot]
            forward, tau = state.surface.fits[fixed[c.F_EXPIRY]][[c.X_FORWARD, c.X_TAU]].tolist()
            discount = float(state.surface.fits[fixed[c.F_EXPIRY], c.X_DISCOUNT])
            sigma, strike = float(state.surface.theo[slot, c.T_VOL]), row.strike * 1e-4
            sign, left = (1.0 if row.kind == "C" else -1.0), tau - 1 / 243
            now = price_one(sign, forward, strike, sigma, tau, discount)
            later = discount ** (left / tau)
            then = price_one(sign, forward * (1 + move), strike, sigma * vol, left, later)
            profit += (then - now) * 10_000 * 10_000 * qty
            if qty < 0:
                price = max(int(state.ledger.marks[slot]) + round((then - now) * 10_000), 0)
                moved = half_up(spot * (100 + spots[number % 17]), 100)
                due -= qty * margin.maintenance(
                    rules, "EBS", row.kind, row.strike, price, moved, 10_000
                )
        options, hedge, found = state.watch.gaps[0, number].tolist()
        assert options == pytest.approx(profit, abs=2)
        assert (hedge, found) == (0, due)


def test_the_worst_gap_stands_against_the_limit():
    """The figure is the loss as a share of the limit on record, above it and not at it is over."""
    world = held(*limits())
    check(world)
    loss = night.losses(world.state)[-1]
    assert loss > 0 and figure(world, "night_loss_desk", -1) == -(-loss // 10**6)
    exactly = -(-loss // 10_000)
    world = held(*limits(exactly))
    check(world)
    assert raised(world, "night_loss_desk")[-1]["level"] == Level.AMBER
    world = held(*limits(exactly - 1))
    check(world)
    assert raised(world, "night_loss_desk")[-1]["level"] == Level.RED


def test_without_a_record_nothing_may_be_carried():
    world = held()
    check(world)
    assert raised(world, "night_loss_desk")[-1]["level"] == Level.RED
    flat = continuous(World.start(CHAIN))
    flat.at = midnight(CHAIN.day) + EVENING
    seconds(flat, 4, ticks=True)
    assert not raised(flat, "night_loss_desk")


def test_a_class_has_a_limit_only_on_record():
    """Without one of its own a class is inside the desk's; a record of it is looked at."""
    world = held(*limits())
    check(world)
    assert figure(world, "night_loss") == 0
    world = held(*limits(), limit("night_loss", 1, "510050"))
    check(world)
    assert raised(world, "night_loss")[-1]["level"] == Level.RED


def test_over_the_limit_it_proposes_what_to_close():
    """The contracts that lose most in the worst gap, at prices of others; closing them helps."""
    world = held(*limits(1), parameters=(("*", "width", 9_000),))
    seconds(world, 3)
    told = next(one for one in world.alerts(Alert.PROMPT_PROPOSED)
                if one.args[0] == "night_loss_desk")  # fmt: skip
    sides = dict(zip(told.args[6::4], told.args[7::4], strict=True))
    codes = [row.code for row in world.chain.contracts]
    assert sides == {codes[5]: "BUY", codes[8]: "SELL"}
    before = night.losses(world.state)[-1]
    confirm(world, told.args[1])
    reliefs = night.loss_reliefs(world.state, world.state.opened, -1)
    profit = desk_profit(world)
    trade(world, 5, 1)
    world.at = midnight(world.chain.day) + EVENING + 5 * MINUTE
    seconds(world, 3)
    worst = int(profit.argmin())
    assert int(desk_profit(world)[worst] - profit[worst]) == pytest.approx(int(reliefs[5]), abs=2)
    assert 0 < before - night.losses(world.state)[-1] <= reliefs[5] + 2


def desk_profit(world):
    """Money by gap, all classes together."""
    return world.state.watch.gaps[:, :, [night.OPTIONS, night.HEDGE]].sum(axis=(0, 2))


def test_two_people_sign_for_what_was_found_and_no_more():
    """I-35: an exception ends the alert; a book that has become worse is over again."""
    world = held(*limits(1))
    world.put(ExceptNight("letter 7", "r01", "h01"))
    assert world.alerts(Alert.CHECK_DENIED)[-1].args[0] == "except_night"
    check(world)
    for by, second in (("r01", ""), ("r01", "r01"), ("", "h01")):
        world.put(ExceptNight("letter 7", by, second))
        assert world.state.watch.excepted is None
    (signed,) = world.put(ExceptNight("letter 7", "r01", "h01"))
    assert signed.code == Alert.NIGHT_EXCEPTED and signed.args[:3] == ("letter 7", "r01", "h01")
    assert figure(world, "night_loss_desk", -1) == 0
    seconds(world, 31)
    cleared = [one.args[0] for one in world.alerts(Alert.MONITOR_CLEARED)]
    assert "night_loss_desk" in cleared
    trade(world, 2, -10)
    world.at = midnight(world.chain.day) + EVENING + 5 * MINUTE
    check(world)
    assert figure(world, "night_loss_desk", -1) > 10_000


def test_margin_use_of_the_next_morning():
    """Margin over equity in the worst gap, in hundredths of a per cent of the limit."""
    world = held(*limits(10**6, 10), cash=1_200_000_000)
    check(world)
    due = world.state.watch.gaps[:, :, night.MARGIN].sum(axis=0)
    won = world.state.watch.gaps[:, :, night.OPTIONS].sum(axis=0)
    book = world.state.book
    net = book.long_qty - book.short_qty
    worth = book.cash + int((net * world.state.ledger.marks * 10_000).sum())
    used = max(int(one) * 10_000 // (worth + int(gain))
               for one, gain in zip(due, won, strict=True))  # fmt: skip
    assert figure(world, "night_usage", -1) == pytest.approx(-(-used * 10_000 // 1_000), abs=40)
    assert raised(world, "night_usage")[-1]["level"] == Level.RED
    assert world.state.watch.signed[INDEX["night_usage"], :-1].max() < 0


def test_contracts_without_a_vol_keep_their_mark():
    world = held(*limits())
    world.state.surface.theo[2, c.T_VOL] = np.nan
    watch(world)
    slots = night._held(world.state, 0, 12)
    assert slots.tolist() == [5, 8]
