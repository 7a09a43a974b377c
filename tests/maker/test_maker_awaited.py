"""Whatever waits for an answer while the line is ready asks for what may be lost (F23, I-12)."""

import hedge_world
import instruction_world as iw
import pytest
from ladder_world import watch
from maker_world import World, continuous

from quanheng.maker.awaited import ASK_EVERY, oldest
from quanheng.maker.messages import Resync
from quanheng.runtime.envelope import LinkChanged
from quanheng.terms import business as b
from quanheng.terms.codes import Exec, Link, OrderKind, Side
from quanheng.terms.commands import Exercise, ManualCancel, ManualOrder
from quanheng.terms.etf import ETF_SET
from quanheng.terms.orders import NewOrder, OrderAck, OrderCancel, Send
from quanheng.terms.units import SECOND


def asked(world, seconds):
    """Where the maker asked to go on reading in the next seconds of the watch."""
    found = []
    for _ in range(seconds):
        world.at += SECOND
        found += [one.next_index for one in watch(world) if isinstance(one, Resync)]
    return found


def again(world):
    """The line is lost and comes back; what the maker sends then."""
    for link in (Link.DOWN, Link.SYNCING, Link.READY):
        effects = world.put(LinkChanged(link))
    return [one for effect in effects if isinstance(effect, Send) for one in effect.requests]


def lost_sweep():
    """Quotes in flight become UNKNOWN, and nothing answers the cancels that must settle them."""
    world = continuous(World.start())
    world.answer = False
    world.move(world.spot + 200)
    world.tick()
    assert again(world)
    assert oldest(world.state, world.at + SECOND) == SECOND
    return world


def placed():
    """A world, and a person's order in it."""
    world = continuous(World.start())
    contract = world.chain.contracts[0].code
    price = world.resting[0, 1][1] + 30
    effects = world.put(ManualOrder(contract, Side.SELL, OrderKind.LIMIT, price, 5, "p001"))
    (order,) = [r for e in effects if isinstance(e, Send) for r in e.requests]
    assert isinstance(order, NewOrder)
    return world, order


def lost_order():
    """A person's order whose acknowledgement never came."""
    return placed()[0]


def lost_cancel():
    """A person's order that works, and its cancel, which nobody answers."""
    world, order = placed()
    fields = (order.side, order.effect, order.kind, order.price, order.qty)
    ack = OrderAck(
        Exec.ACCEPTED, order.client_id, "", order.contract, 5, *fields, world.at, 0, 0, 0, False
    )
    world.report(ack)
    assert oldest(world.state, world.at) == 0
    assert asked(world, 12) == []  # it works, which is no wait
    effects = world.put(ManualCancel(order.client_id, "p001"))
    assert [isinstance(r, OrderCancel) for e in effects for r in e.requests] == [True]
    return world


def lost_instruction():
    """An exercise whose answer never came."""
    code = iw.code("C", 24_000, iw.DAY)
    world = iw.start(long={code: 5})
    request = iw.only(world.put(Exercise(code, 3, iw.TRADER, "", iw.RISK)))
    assert isinstance(request, b.ExerciseRequest)
    return world


def lost_hedge():
    """The first hedge of the day, whose answer never came."""
    world = hedge_world.opened()
    hedge_world.long_calls(world, 30)
    assert hedge_world.watch(world) and ETF_SET not in world.state.next_index
    return world


LOST = [lost_sweep, lost_order, lost_cancel, lost_instruction, lost_hedge]


@pytest.mark.parametrize("lost", LOST)
def test_f23_whatever_waits_asks_again_while_the_line_is_ready(lost):
    """A quote's sweep in UNKNOWN, an order, its cancel, an instruction, a hedge: once beyond P34's
    limit and every ten seconds from then on; a line that is not ready is not asked.
    """
    world = lost()
    world.answer = False
    assert oldest(world.state, world.at + 5 * SECOND) >= 5 * SECOND
    found = asked(world, 2 * ASK_EVERY // SECOND + 2)
    hedged = {ETF_SET: 1} if lost is lost_hedge else {}
    assert found and all(one == {**world.state.next_index, **hedged} for one in found)
    assert 2 <= len(found) <= 3
    world.put(LinkChanged(Link.DOWN))
    assert asked(world, 12) == []


def test_nothing_waits_once_all_is_answered():
    """Ticks with every quote answered at once leave nothing to ask for."""
    world = continuous(World.start())
    assert world.quotes()
    assert oldest(world.state, world.at) == 0
    assert asked(world, 12) == []
