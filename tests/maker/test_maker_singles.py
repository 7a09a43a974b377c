"""Single orders of people: every kind, every answer, every refusal (I-18, reliability.md P30)."""

import pytest
from maker_world import World, continuous, make_trade
from test_maker_orders import manual, order_ack

from quanheng.books.positions import net
from quanheng.maker import columns as c
from quanheng.maker import singles
from quanheng.runtime.envelope import LinkChanged, NotSent
from quanheng.terms import market
from quanheng.terms.codes import Alert, Check, Effect, Exec, Link, OrderKind, Side, TradingState
from quanheng.terms.commands import ManualCancel, ManualOrder, SetState
from quanheng.terms.orders import (
    CancelReject,
    OrderAck,
    OrderCancel,
    QuoteAck,
    RequestRejected,
    Send,
)


def requests_of(effects):
    return [r for e in effects if isinstance(e, Send) for r in e.requests]


def denials(world):
    """Number of the check of each denied order so far."""
    return [one.args[0] for one in world.alerts(Alert.CHECK_DENIED)]


def answer(world, request, exec_=Exec.ACCEPTED, **changes):
    """The exchange's answer to an order."""
    fields = {"reason": 0, "leaves": 0, "limit_price": 0} | changes
    return world.report(
        OrderAck(
            exec_, request.client_id, "", request.contract, 5, request.side, request.effect,
            request.kind, request.price, request.qty, world.at, fields["limit_price"],
            fields["leaves"], fields["reason"], False,
        )
    )  # fmt: skip


def resting(world, slot=0):
    """(buying, selling) quantity that single orders may still trade."""
    return world.state.desk[slot, [c.D_ORDER_BUY, c.D_ORDER_SELL]].tolist()


def without_quotes(slot):
    """A world in which the exchange has just taken our quote of a contract away."""
    world = continuous(World.start())
    ident, code = world.resting.pop((slot, 0))[0], world.chain.contracts[slot].code
    world.resting.pop((slot, 1))
    world.report(
        QuoteAck(
            True, Exec.CANCELLED, ident, code, 0, 0, 0, 0, 0, Effect.OPEN, Effect.OPEN, world.at,
            0, ident, 0, ident, 0,
        )
    )  # fmt: skip
    return world


def far_bid(world, qty=5, **more):
    """A bid of a person below the market."""
    return manual(world, Side.BUY, world.resting[0, 0][1] - 20, qty, **more)


def test_an_unknown_contract_and_too_many_orders_are_refused_by_their_checks(monkeypatch):
    """P04 before the ladder; P31 when so many are alive that no more can be watched."""
    world = continuous(World.start())
    world.put(ManualOrder("99999999", Side.BUY, OrderKind.LIMIT, 1, 1, "p001"))
    assert denials(world) == [Check.P04_CONTRACT]
    monkeypatch.setattr(singles, "MOST", 1)
    assert len(far_bid(world)) == 1
    assert far_bid(world) == []
    assert denials(world)[1:] == [Check.P31_DAILY_TOTALS]
    assert resting(world) == [5, 0]


@pytest.mark.parametrize("reason", [12036, 17624])
def test_a_kill_order_that_finds_too_little_is_no_refusal(reason):
    """Its nature: it is gone and nobody is alarmed (P33)."""
    world = continuous(World.start())
    rejected = world.state.audit.rejected
    (request,) = far_bid(world, kind=OrderKind.LIMIT_FOK)
    answer(world, request, Exec.REJECTED, reason=reason)
    assert not world.state.orders and resting(world) == [0, 0]
    assert not world.alerts(Alert.REJECTED_BY_EXCHANGE)
    assert world.state.audit.rejected == rejected


def test_a_refused_order_is_gone_and_told():
    """Reason and contract are in the alert."""
    world = continuous(World.start())
    (request,) = far_bid(world)
    answer(world, request, Exec.REJECTED, reason=20036)
    assert not world.state.orders
    told = world.alerts(Alert.REJECTED_BY_EXCHANGE)
    assert [one.args for one in told] == [(20036, request.contract)]


def test_an_answer_to_an_order_nobody_knows_is_counted():
    """No order, no change."""
    world = continuous(World.start())
    before = world.state.audit.unexpected
    (request,) = far_bid(world)
    answer(world, request, Exec.REJECTED, reason=20036)
    answer(world, request)
    assert world.state.audit.unexpected == before + 1 and not world.state.orders
    reject = CancelReject("M001ZZZZZZ", request.client_id, 0, world.at, 20036)
    assert requests_of(world.report(reject)) == []


def test_what_an_immediate_order_does_not_trade_is_gone_with_its_answer():
    """Market order, rest withdrawn (tag 151): only the fills may still come."""
    world = without_quotes(3)
    (request,) = manual(world, Side.SELL, 0, 5, OrderKind.MARKET_IOC, slot=3)
    assert resting(world, 3)[1] == 5
    answer(world, request, leaves=2)
    assert resting(world, 3)[1] == 3
    contract = world.chain.contracts[3]
    world.report(make_trade(contract, request.client_id, 1, 500, 3, Effect.OPEN, world.at))
    assert not world.state.orders and resting(world, 3) == [0, 0]
    assert net(world.state.book, 3) == -3


def test_a_market_order_that_came_to_rest_has_its_price():
    """Market to limit: the answer says where (tag 845); other orders meet it there (P13)."""
    world = without_quotes(3)
    (request,) = manual(world, Side.SELL, 0, 5, OrderKind.MARKET_TO_LIMIT, slot=3)
    answer(world, request, limit_price=1_234)
    (order,) = world.state.orders.values()
    assert order.price == 1_234
    assert world.state.desk[3, c.D_REST_SELL] == 1_234


def test_a_market_order_is_judged_where_the_levels_end_it():
    """The level that fills it; the price limit when too little is seen."""
    world = continuous(World.start())
    slot = 3
    row = world.state.view.rows[slot]
    fixed = world.state.tables.fixed[slot]
    for prices, quantities, buys in (
        (market.BID, market.BID_QTY, False), (market.ASK, market.ASK_QTY, True),
    ):  # fmt: skip
        row[prices : prices + 3] = (100, 90, 80) if not buys else (110, 120, 130)
        row[quantities : quantities + 3] = 2, 3, 4
        row[prices + 3 : prices + market.LEVELS] = 0
        row[quantities + 3 : quantities + market.LEVELS] = 0
        wanted = (110, 120, 130) if buys else (100, 90, 80)
        reach = [singles._reach(world.state, slot, buys, qty) for qty in (1, 2, 3, 5, 6, 9)]
        assert reach == [wanted[i] for i in (0, 0, 1, 1, 2, 2)]
        limit = fixed[c.F_UP if buys else c.F_DOWN]
        assert singles._reach(world.state, slot, buys, 10) == limit


def test_a_market_order_meets_any_own_interest():
    """A person's order far from the market would trade with another's at any price (P13), and so
    would our quote.
    """
    for side, other in ((Side.BUY, Side.SELL), (Side.SELL, Side.BUY)):
        world = without_quotes(3)
        fair = int(world.fair(3) * 10_000)
        (rests,) = manual(world, side, fair - 40 if side == Side.BUY else fair + 40, 5, slot=3)
        answer(world, rests)
        assert manual(world, other, 0, 5, OrderKind.MARKET_IOC, slot=3) == []
        assert world.state.denied[Check.P13_SELF_TRADE] == 1
        assert len(manual(world, side, 0, 1, OrderKind.MARKET_IOC, slot=3)) == 1
        world = continuous(World.start())
        assert manual(world, other, 0, 5, OrderKind.MARKET_IOC, slot=3) == []
        assert world.state.denied[Check.P13_SELF_TRADE] == 1


def test_proof_that_an_order_or_its_cancel_never_left_takes_it_back():
    """Withheld or refused at the front (35=22): as if it had not been; the order works on."""
    world = continuous(World.start())
    (request,) = far_bid(world)
    world.put(NotSent([request.client_id], "the gateway is down"))
    assert not world.state.orders
    (request,) = far_bid(world)
    world.put(RequestRejected(request.client_id, 4012))
    assert not world.state.orders
    assert world.alerts(Alert.REJECTED_BY_EXCHANGE)[-1].args == (4012, request.client_id)
    (request,) = far_bid(world)
    answer(world, request)
    (cancel,) = requests_of(world.put(ManualCancel(request.client_id, "p001")))
    assert requests_of(world.put(ManualCancel(request.client_id, "p001"))) == []
    world.put(NotSent([cancel.client_id], "the gateway is down"))
    (order,) = world.state.orders.values()
    assert (order.cancel_id, resting(world)) == (0, [5, 0])
    (again,) = requests_of(world.put(ManualCancel(request.client_id, "p001")))
    assert isinstance(again, OrderCancel) and again.target == request.client_id


def test_a_cancel_refused_for_another_reason_leaves_the_order_working():
    """Only "nothing rests" proves that it is gone."""
    world = continuous(World.start())
    (request,) = far_bid(world)
    answer(world, request)
    (cancel,) = requests_of(world.put(ManualCancel(request.client_id, "p001")))
    world.report(CancelReject(cancel.client_id, request.client_id, 0, world.at, 20036))
    assert resting(world) == [5, 0]
    (cancel,) = requests_of(world.put(ManualCancel(request.client_id, "p001")))
    world.report(order_ack(request, world.at, Exec.CANCELLED, request.client_id, cancel.client_id))
    assert not world.state.orders


def test_fills_may_come_before_the_answer():
    """All of it: the order is gone and its late answer is only counted."""
    world = continuous(World.start())
    (request,) = far_bid(world)
    trade = (world.chain.contracts[0], request.client_id, 0, request.price)
    world.report(make_trade(*trade, 2, Effect.OPEN, world.at))
    assert resting(world) == [3, 0]
    world.report(make_trade(*trade, 3, Effect.OPEN, world.at))
    assert not world.state.orders
    before = world.state.audit.unexpected
    answer(world, request)
    assert world.state.audit.unexpected == before + 1
    assert net(world.state.book, 0) == 5


def test_an_order_that_is_acknowledged_after_its_scope_was_halted_goes():
    """It could not be named before (I-20); while it is on its way it counts in full."""
    world = continuous(World.start())
    (request,) = far_bid(world)
    effects = world.put(SetState("*", TradingState.HALTED, "test", "p001"))
    assert not [r for r in requests_of(effects) if isinstance(r, OrderCancel)]
    assert resting(world) == [5, 0]
    cancels = [r for r in requests_of(answer(world, request)) if isinstance(r, OrderCancel)]
    assert [one.target for one in cancels] == [request.client_id]


def test_a_lost_line_makes_what_waits_unknown_and_what_works_known():
    """What was acknowledged works on; what was not counts until a cancel is answered."""
    world = continuous(World.start())
    (known,) = far_bid(world)
    answer(world, known)
    (waits,) = far_bid(world, slot=0)
    world.put(LinkChanged(Link.DOWN))
    lives = {one.client_id: one.life for one in world.state.orders.values()}
    assert lives[known.client_id] != lives[waits.client_id]
    assert resting(world) == [10, 0]
