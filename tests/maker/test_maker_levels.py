"""The last rung that prices: a level where no curve can be had (R-05; rules.md 8.4)."""

import pytest
from maker_world import DAY, SPOT, VOL, World, continuous, make_contract

from quanheng.kernels.desk.curves.smile import vol_at
from quanheng.maker import columns as c
from quanheng.maker import level_kernels, quote_kernels
from quanheng.maker.curve_life import Rung
from quanheng.terms.codes import Alert
from quanheng.terms.contract import build_chain

WHOLE = tuple(range(22_500, 27_000, 500))


def rungs(world):
    """The rung of every expiry."""
    return world.state.surface.life[:, c.V_RUNG].tolist()


def last_day(*strikes):
    """A chain of one class that expires today."""
    rows = [(strike, kind) for strike in strikes for kind in "CP"]
    return build_chain(
        DAY,
        [
            make_contract(10_000_001 + number, "510050", kind, strike, DAY, 1, SPOT)
            for number, (strike, kind) in enumerate(rows)
        ],
    )


def at_the_money(world):
    """The published vol where strike and forward meet."""
    return vol_at(world.state.surface.curves[c.PUBLISHED, 0], 0.0)


def test_a_class_that_expires_today_is_quoted_from_the_opening_auction_on():
    """R-05, Q-04: too few prices have time value for a curve and no other expiry lends one."""
    world = World.start(last_day(*WHOLE))
    assert rungs(world) == [Rung.LEVEL]
    assert at_the_money(world) == pytest.approx(VOL, abs=0.01)
    world.tick()
    assert {quote.contract for quote in world.quotes()} == {
        contract.code for contract in world.chain.contracts
    }
    told = [(a.scope, a.args[0]) for a in world.alerts(Alert.CURVE_RUNG)]
    assert told == [("510050-2406", Rung.LEVEL)]


def test_where_no_price_says_anything_the_level_is_the_stated_one():
    """Both strikes are 3.5 deviations away: nothing out of the money is worth three ticks."""
    world = World.start(last_day(23_500, 25_500))
    assert rungs(world) == [Rung.LEVEL]
    assert at_the_money(world) == level_kernels.UNKNOWN


def test_a_level_follows_the_others_and_is_quoted_wide_inside_the_cap():
    """Q-01: one strike is no curve, but its vol counts; nine tenths of A(b) while it is so."""
    world = World.start(last_day(*WHOLE))
    quoted = {slot for slot, one in enumerate(world.chain.contracts) if one.strike == 24_500}
    world.silent = set(range(len(world.chain.contracts))) - quoted
    world.vol = 0.23
    continuous(world)
    world.run(10)
    assert rungs(world) == [Rung.LEVEL]
    assert at_the_money(world) == pytest.approx(0.23, abs=0.01)
    assert world.state.surface.life[0, c.V_VERSION] == world.state.surface.version[0] > 0
    shares = []
    for slot in range(len(world.chain.contracts)):
        bid, ask = (world.resting.get((slot, side), (0, 0))[1] for side in (0, 1))
        widest = int(quote_kernels.widest_ask(bid, world.state.tables.fixed[slot])) - bid
        shares += [(ask - bid) / widest] if bid > 1 else []
    assert len(shares) > 8
    assert 0.7 < min(shares) <= max(shares) <= 1.0
    world.silent = set()
    world.vol = 0.3
    world.run(10)
    assert rungs(world) == [Rung.OWN]
    assert world.alerts(Alert.CURVE_RUNG)[-1].args[0] == Rung.OWN
