"""Absurd jumps of an underlying are doubted, dismissed or confirmed (F43)."""

import pytest
from hedge_world import delta, long_calls, opened, watch
from maker_world import SPOT, World, continuous, make_chain

from quanheng.maker import columns as c
from quanheng.maker import jumps
from quanheng.maker.state import U_PRICED, U_SPOT
from quanheng.runtime.envelope import TimerFired
from quanheng.terms.codes import Alert, Jump, Phase
from quanheng.terms.commands import SetParameter
from quanheng.terms.market import UnderlyingTick, UnderlyingTicks
from quanheng.terms.units import MILLISECOND, SECOND

HALF = 500 * MILLISECOND
ABSURD = (SPOT * 6 // 5, SPOT * 4 // 5)


def feed(world, spot, after=HALF, follow=False):
    """A tick of the underlying alone; the street follows it where `follow` says so."""
    world.at += after
    if follow:
        world.spot = spot
    quote = ((spot - 10,), (1,), (spot + 10,), (1,))
    return world.put(
        UnderlyingTicks(world.at, (UnderlyingTick(0, int(Phase.CONTINUOUS), spot, 0, 0, *quote),))
    )


def in_force(world):
    return int(world.state.view.underlying[0, U_SPOT])


def outcomes(world):
    return [Jump(alert.args[0]) for alert in world.alerts(Alert.SPOT_DOUBTED)]


def ready():
    world = continuous(World.start())
    feed(world, SPOT)
    world.run(1)
    assert len(world.resting) == 24
    return world


@pytest.mark.parametrize("absurd", ABSURD)
def test_f43_a_single_absurd_tick_withdraws_and_moves_nothing(absurd):
    """+-20 % for one tick: quotes go, price in force and theory stay, all comes back (R-01)."""
    world = ready()
    theory = world.state.surface.theo[:, c.T_PRICE].copy()
    sent = world.quotes(feed(world, absurd))
    assert not sent and not world.resting
    assert in_force(world) == SPOT
    world.run(0.5)
    assert not world.resting
    assert abs(world.state.surface.theo[:, c.T_PRICE] - theory).max() < 1e-3
    feed(world, SPOT + 10)
    assert len(world.resting) == 24 and in_force(world) == SPOT + 10
    assert outcomes(world) == [Jump.DOUBTED, Jump.GONE]


def test_f43_a_crash_is_followed_once_ticks_confirm_it():
    """-20 % that stays: not before 1 s whatever the number of ticks, not before three ticks."""
    world = ready()
    for number in range(6):
        feed(world, SPOT * 4 // 5 - number, 150 * MILLISECOND)
        assert in_force(world) == SPOT
    feed(world, SPOT * 4 // 5 - 6, 250 * MILLISECOND)
    assert in_force(world) == SPOT * 4 // 5 - 6
    assert int(world.state.view.underlying[0, U_PRICED]) == in_force(world)
    assert outcomes(world) == [Jump.DOUBTED, Jump.TICKS]
    world = ready()
    feed(world, SPOT * 4 // 5)
    feed(world, SPOT * 4 // 5, 5 * SECOND)
    assert in_force(world) == SPOT
    feed(world, SPOT * 4 // 5)
    assert in_force(world) == SPOT * 4 // 5


def test_f43_the_options_confirm_what_one_tick_said():
    """The second source: put-call parity of snapshots that came after the jump."""
    world = ready()
    feed(world, SPOT * 9 // 10)
    world.spot = SPOT * 9 // 10
    world.run(0.5)
    world.put(TimerFired("watch", world.at), world.at)
    assert in_force(world) == SPOT  # the second is not over
    world.run(1)
    world.put(TimerFired("watch", world.at), world.at)
    assert in_force(world) == SPOT * 9 // 10
    assert outcomes(world) == [Jump.DOUBTED, Jump.OPTIONS]
    world.run(1)
    assert len(world.resting) == 24


def test_f43_options_that_stay_confirm_nothing():
    """Options at the old price: the class stays unquoted and the price in force what it was."""
    world = ready()
    feed(world, SPOT * 9 // 10)
    for _ in range(20):
        world.run(1)
        world.put(TimerFired("watch", world.at), world.at)
    assert in_force(world) == SPOT and not world.resting
    assert outcomes(world)[0] == Jump.DOUBTED and set(outcomes(world)) == {Jump.DOUBTED}


def test_f43_parity_is_the_spot_and_needs_pairs_and_a_newer_snapshot():
    """Half a tick and the carry of days off; silent with two pairs, or with an old snapshot."""
    world = ready()
    assert abs(jumps.implied(world.state, 0, world.at - SECOND) - SPOT) < 30
    assert jumps.implied(world.state, 0, world.at) == 0
    feed(world, ABSURD[0])  # the own quotes go
    world.run(0.5)
    assert abs(jumps.implied(world.state, 0, world.at - SECOND) - SPOT) < 30
    world.silent = set(range(2))
    world.run(0.5)
    assert jumps.implied(world.state, 0, world.at - SECOND) == 0


def test_f43_the_limit_is_a_parameter_of_the_class():
    """Exactly at the limit is believed, a tick above is not; a looser one needs two people."""
    world = ready()
    feed(world, SPOT + SPOT // 20)
    assert in_force(world) == SPOT + SPOT // 20
    world = ready()
    feed(world, SPOT + SPOT // 20 + 1)
    assert in_force(world) == SPOT
    world = ready()
    world.put(SetParameter("510050", "absurd", 300_000, "p001", ""))
    assert world.alerts(Alert.CHECK_DENIED)
    world.put(SetParameter("510050", "absurd", 300_000, "p001", "p002"))
    feed(world, ABSURD[1])
    assert in_force(world) == ABSURD[1]


def test_f43_nothing_is_hedged_against_a_doubted_price():
    """P35: units are neither bought nor sold while nobody knows what they cost."""
    world = opened()
    feed(world, world.spot * 4 // 5)
    long_calls(world, 30)
    assert delta(world) > 2_000
    assert watch(world, 3) == []
    assert world.alerts(Alert.HEDGE_BLOCKED)


def test_f43_another_class_is_quoted_on():
    """The doubt is one underlying's."""
    world = continuous(World.start(make_chain(underlyings=("510050", "510300"))))
    feed(world, ABSURD[0])
    assert {slot // 12 for slot, _ in world.resting} == {1}


def test_f43_a_removed_filter_is_seen(monkeypatch):
    """Without it one tick is the price of everything."""
    monkeypatch.setattr(jumps, "believed", lambda *given: True)
    world = ready()
    feed(world, ABSURD[1])
    assert in_force(world) == ABSURD[1]
    assert int(world.state.view.underlying[0, U_PRICED]) == ABSURD[1]
