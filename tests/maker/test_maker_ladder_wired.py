"""Every rung on the real path: break it in a maker's world and see that very check answer.

The alert carries the check, the exchange's code and the limits version, and has words in both
languages (I-18, I-29 to I-43, R-03).
"""

import numpy as np
from ladder_world import (
    assert_told,
    assert_tripped,
    fair,
    limit,
    order,
    start,
    tampered,
    world_code,
)
from maker_world import World, continuous

from quanheng.maker import columns as c
from quanheng.runtime.envelope import NotSent
from quanheng.terms.codes import Alert, Phase, Side, TradingState
from quanheng.terms.commands import SetLimit, SetParameter, SetState
from quanheng.terms.units import SECOND


def test_p01_state():
    world = start()
    world.put(SetState("*", TradingState.HALTED, "drill", "p001"))
    order(world, 6, Side.BUY, fair(world, 6))
    assert_told(world, 1)


def test_p02_a_higher_epoch_is_known():
    world = start()
    world.answer = False
    world.put(NotSent([], "epoch 1 is not 2", 2))
    order(world, 6, Side.BUY, fair(world, 6))
    assert_told(world, 2)
    world.move(world.spot + 200)
    assert not world.quotes(world.tick())


def test_p03_phase():
    world = start()
    world.phase = Phase.HALT
    world.run(1)
    order(world, 6, Side.BUY, fair(world, 6))
    assert_told(world, 3)


def test_p04_opening_is_barred():
    world = start()
    world.flags = 12
    world.run(1)
    order(world, 6, Side.BUY, fair(world, 6))
    assert_told(world, 4)


def test_p05_the_permitted_list():
    world = start(permitted=("510300",))
    order(world, 6, Side.BUY, fair(world, 6))
    assert_told(world, 5)


def test_p06_quantity_by_a_limit_set_today():
    world = start()
    before = world.state.parameters.version
    world.put(SetLimit("510050", "max_qty", 10, 0, 0, "drill", "r01"))
    order(world, 6, Side.BUY, fair(world, 6), 11)
    assert_told(world, 6)
    assert world.state.parameters.version == before + 1
    order(world, 6, Side.BUY, fair(world, 6) - 2, 10)
    assert world.state.denied[6] == 1


def test_p07_price_limits():
    world = start()
    order(world, 6, Side.BUY, world.chain.contracts[6].limit_up + 1)
    assert_told(world, 7)


def test_p08_value():
    world = start(limit("max_value", 100, world_code()))
    order(world, 6, Side.BUY, fair(world, 6))
    assert_told(world, 8)


def test_p09_far_from_theory():
    world = start()
    order(world, 6, Side.BUY, max(1, fair(world, 6) // 2 - 50))
    assert_told(world, 9)


def test_p10_far_from_the_market():
    world = start()
    for name in ("last_share", "last_ticks"):
        world.put(SetParameter("*", name, int(name == "last_ticks"), "p001"))
    order(world, 6, Side.BUY, fair(world, 6) - 5)
    assert_told(world, 10)


def test_p11_a_jump_from_the_own_quote():
    world = start()
    for name in ("own_share", "own_ticks"):
        world.put(SetParameter("*", name, int(name == "own_ticks"), "p001"))
    world.move(world.spot + 60)
    world.run(1)
    assert_told(world, 11)


def test_p12_crossing(monkeypatch):
    world = start()
    slot = 6
    ask = min(p for (s, side), (_, p, _) in world.resting.items() if s == slot and side == 1)

    def cross(want):
        want[c.Q_SLOT], want[c.Q_BID], want[c.Q_BID_QTY] = slot, ask + 8, 10
        want[c.Q_ASK], want[c.Q_ASK_QTY] = ask + 7, 10

    tampered(monkeypatch, cross)
    world.move(world.spot + 60)
    world.tick()
    assert_told(world, 12)


def test_p13_own_interest():
    world = start()
    order(world, 6, Side.BUY, world.resting[6, 1][1])
    assert_told(world, 13)


def test_p14_the_same_order_four_times_and_steady_quoting_goes_on():
    """A run ends with its window, so equal orders all day long are no duplicates (D2)."""
    world = start()
    price = world.resting[6, 0][1]
    for _ in range(4):
        order(world, 6, Side.BUY, price)
    assert_told(world, 14)
    assert world.state.denied[14] == 1
    for _ in range(12):
        world.at += SECOND // 4
        order(world, 6, Side.BUY, price)
    assert world.state.denied[14] == 1


def test_p15_the_reserve_for_cancels():
    world = continuous(World.start(messages_per_second=10))
    assert_told(world, 15)


def test_p16_in_the_ladder_after_the_trip_was_ended_too_early():
    """The trip itself is in test_maker_machine; the rung stands behind it."""
    world = start(limit("repeat_fills", 1))
    world.state.desk[6, c.D_FILLS] = 9
    world.state.desk[6, c.D_FILLS_SINCE] = world.at
    order(world, 6, Side.BUY, world.resting[6, 0][1])
    assert_told(world, 16)
    assert_tripped(world, "P16", world_code(), TradingState.CANCEL_ONLY)


def test_p17_messages_against_fills_only_warns():
    world = start(limit("messages", 0), limit("message_ratio", 5))
    assert_told(world, 17, Alert.LIMIT_NEAR)
    assert len(world.resting) == 24


def test_p18_positions():
    world = start(limit("long", 0))
    order(world, 6, Side.BUY, fair(world, 6) - 2)
    assert_told(world, 18)


def test_p19_greeks_by_limit_and_without_theory():
    world = start(limit("delta", 0))
    assert_told(world, 19)
    assert not world.resting
    world = start()
    world.fill(2, 0, 5)
    world.state.surface.theo[2, c.T_VEGA] = np.nan
    order(world, 6, Side.BUY, fair(world, 6) - 2)
    assert_told(world, 19)


def test_p20_margin_and_p21_premium_with_its_fees():
    world = start(cash=1_000_000)
    assert_told(world, 20)
    price = fair(world, 7)
    world = start(cash=price * 10_000)
    assert not [key for key in world.resting if key[0] == 7]
    world.resting.clear()
    held = {slot for slot in range(12) if world.state.work[slot].any()}
    assert not held
    order(world, 7, Side.BUY, price)
    assert_told(world, 21)
