"""The sign-on register: traders by class, hand-over, nobody there (O-01, O-02, S-01)."""

import pytest
from ladder_world import fair
from maker_world import OPENING, World, continuous, make_chain, make_open
from test_maker_orders import order_ack

from quanheng.compose.alert_words import sentence
from quanheng.maker.hedging import unreconciled
from quanheng.maker.maker import WATCH, Maker
from quanheng.maker.roster import Trader
from quanheng.runtime.envelope import Envelope, Source, TimerFired
from quanheng.terms.codes import Alert, Check, OrderKind, Side, TradingState
from quanheng.terms.commands import ManualCancel, ManualOrder, SignOn
from quanheng.terms.etf import EtfSend
from quanheng.terms.orders import NewOrder, OrderCancel, Send

TWO = ("510050", "510300")


def start(**given):
    """Two classes, p001 on duty for both."""
    return continuous(World.start(make_chain(underlyings=TWO), **given))


def sign(world, person, scope="*", on=True, post="trader"):
    """Sign on or off; why it was refused, "" when it was not."""
    before = len(world.alerts(Alert.CHECK_DENIED))
    world.put(SignOn(post, person, on, scope))
    refused = world.alerts(Alert.CHECK_DENIED)[before:]
    return str(refused[0].args[2]) if refused else ""


def names(world, effects=None):
    """Traders of the sends by class."""
    found = {}
    for effect in world.effects if effects is None else effects:
        if isinstance(effect, Send):
            contract = world.chain.contracts[world.slot(effect.requests[0].contract)]
            found.setdefault(contract.underlying, []).append(effect.stamp.trader)
    return {underlying: sorted(set(people)) for underlying, people in found.items()}


def states(world):
    """Trading state of each class's first contract."""
    return [TradingState(int(world.state.desk[item.start, 0])) for item in world.chain.classes]


def moved(world):
    """Names behind what a jump of the market makes the desk send."""
    seen = len(world.effects)
    world.move(world.spot + 60)
    world.run(1)
    return names(world, world.effects[seen:])


def test_every_message_carries_the_trader_of_its_class():
    """S-01: the narrower seat wins; a hand-over is the other's sign-on, and leaving gives back."""
    world = start()
    assert sign(world, "p002", "510300") == ""
    assert moved(world) == {"510050": ["p001"], "510300": ["p002"]}
    assert sign(world, "p003", "510300") == ""
    assert moved(world)["510300"] == ["p003"]
    assert sign(world, "p003", "510300", False) == ""
    assert moved(world)["510300"] == ["p002"]
    assert sign(world, "p002", "510300", False) == ""
    assert moved(world) == {"510050": ["p001"], "510300": ["p001"]}
    assert states(world) == [TradingState.OPEN] * 2


def test_a_class_without_a_trader_only_reduces():
    """reliability.md 2.6: REDUCING there, the other class goes on; told at once and each minute."""
    world = start()
    sign(world, "p002", "510300")
    sign(world, "p001", on=False)
    assert states(world) == [TradingState.REDUCING, TradingState.OPEN]
    slots = {slot for slot, _ in world.resting}
    assert slots == set(range(12, 24))
    world.put(TimerFired(WATCH, world.at))
    world.put(TimerFired(WATCH, world.at))
    assert [alert.scope for alert in world.alerts(Alert.NOBODY_ON_DUTY)] == ["510050"]
    for code in (Alert.NOBODY_ON_DUTY, Alert.DUTY_CHANGED):
        assert sentence(world.alerts(code)[-1], "zh") and sentence(world.alerts(code)[-1], "en")
    sign(world, "p001")
    world.run(1)
    assert {slot for slot, _ in world.resting} == set(range(24))


def test_what_reduces_goes_on_without_a_trader_under_nobodys_name():
    """Nobody is named who was not there."""
    world = start()
    world.fill(2, 0, 20)
    seen = len(world.effects)
    sign(world, "p001", on=False)
    world.run(1)
    assert set(world.resting) == {(2, 1)}
    assert names(world, world.effects[seen:])["510050"] == [""]


@pytest.mark.parametrize(
    ("person", "scope", "post", "words"),
    [
        ("p009", "*", "trader", "p009 does not hold the post trader"),
        ("p003", "510300", "trader", "p003 may trade 510050, not 510300"),
        ("p003", "*", "trader", "p003 may trade 510050, not *"),
        ("p001", "510500", "trader", "unknown scope 510500"),
        ("r001", "510050", "risk", "the post risk has no classes"),
    ],
)
def test_who_may_not_stand_there_is_refused(person, scope, post, words):
    """O-02: only who holds the post, and only for permitted classes; the register is unchanged."""
    staff = (Trader("p001"), Trader("p002"), Trader("p003", ("510050",)))
    world = start(traders=staff)
    before = {name: list(people) for name, people in world.state.scopes.duty.items()}
    assert sign(world, person, scope, post=post) == words
    assert world.state.scopes.duty == before
    assert sign(world, "p003", "510050") == ""
    assert sign(world, "p002", "510050", False) == "p002 is not signed on as trader for 510050"


def test_who_came_before_the_day_was_known_is_looked_at_when_it_is():
    """The opening turns away who may not stand there, and says so."""
    machine = Maker()
    for seq, person in enumerate(("p009", "p001"), 1):
        body = SignOn("trader", person, True)
        machine.apply(Envelope(seq, OPENING, Source.DESK, 0, body))
    effects = machine.apply(Envelope(3, OPENING, Source.RUNTIME, 0, make_open(make_chain())))
    assert machine.state.scopes.duty == {"trader *": ["p001"]}
    assert [e.args[:2] for e in effects if type(e).__name__ == "RaiseAlert"] == [
        ("sign_on", "p009")
    ]


def order(world, by, price, slot=0):
    code = world.chain.contracts[slot].code
    effects = world.put(ManualOrder(code, Side.BUY, OrderKind.LIMIT, price, 1, by))
    return [(e.stamp.trader, r) for e in effects if isinstance(e, Send) for r in e.requests]


def test_a_persons_order_carries_that_person_who_has_to_be_signed_on():
    """I-18, S-01: a backup's order is the backup's; who is not signed on for the class has none."""
    world = start()
    price = fair(world, 0) - 30
    assert order(world, "p002", price) == []
    assert world.alerts(Alert.CHECK_DENIED)[-1].args[0] == Check.P01_STATE
    assert "P01" in sentence(world.alerts(Alert.CHECK_DENIED)[-1], "en")
    sign(world, "p002", "510050")
    sign(world, "p001", "510050")
    ((who, request),) = order(world, "p002", price)
    assert (who, type(request)) == ("p002", NewOrder)
    assert world.state.orders[min(world.state.orders)].by == "p002"


def test_single_orders_leave_with_the_last_trader():
    """Nobody stands behind them any more; what was in flight goes when it can be named."""
    world = start()
    ((_, request),) = order(world, "p001", fair(world, 0) - 30)
    world.report(order_ack(request, world.at))
    effects = world.put(SignOn("trader", "p001", False))
    gone = [r for e in effects if isinstance(e, Send) for r in e.requests]
    assert [r.target for r in gone if isinstance(r, OrderCancel)] == [request.client_id]
    sign(world, "p001")
    world.run(1)
    ((_, late),) = order(world, "p001", fair(world, 1) - 30, 1)
    world.put(SignOn("trader", "p001", False))
    effects = world.report(order_ack(late, world.at))
    gone = [r for e in effects if isinstance(e, Send) for r in e.requests]
    assert [r.target for r in gone if isinstance(r, OrderCancel)] == [late.client_id]


def test_anybody_may_cancel_and_the_stamp_is_the_trader_on_duty():
    """What makes things safer is never blocked."""
    world = start()
    ((_, request),) = order(world, "p001", fair(world, 0) - 30)
    world.report(order_ack(request, world.at))
    effects = world.put(ManualCancel(request.client_id, "p009"))
    assert [e.stamp.trader for e in effects if isinstance(e, Send)] == ["p001"]


def test_a_hedge_needs_and_carries_the_trader_of_its_class():
    """A hedge of a class without a trader does not leave (I-19, S-01)."""
    world = start()
    opened = world.state.opened
    assert unreconciled(world.state, opened, [(0, 10_000), (1, 10_000)]) is None
    sign(world, "p002", "510300")
    sign(world, "p001", on=False)
    assert unreconciled(world.state, opened, [(1, 10_000)]) is None
    assert unreconciled(world.state, opened, [(0, 10_000)]) == Check.P01_STATE
    assert unreconciled(world.state, opened, [(0, 10_000), (1, 10_000)]) == Check.P01_STATE
    assert not [e for e in world.effects if isinstance(e, EtfSend)]


def test_a_proposal_that_was_heard_is_dropped():
    """borders.md 5: issues come at least once; the number is the input's cause, and 0 is none."""
    machine = Maker()
    machine.apply(Envelope(1, OPENING, Source.RUNTIME, 0, make_open(make_chain())))
    for seq, (cause, person) in enumerate(((7, "p001"), (7, "p002"), (8, "p003"), (0, "p002")), 2):
        machine.apply(Envelope(seq, OPENING, Source.DESK, cause, SignOn("trader", person, True)))
    assert machine.state.scopes.duty == {"trader *": ["p001", "p003", "p002"]}
    assert machine.state.issued == {7: 2, 8: 4}
