"""Inquiries taken over by people: answered, refused, given back, forgotten (Q-06, I-18, T-03)."""

from inquiry_world import (
    GENERAL,
    SLOT,
    answer,
    ask,
    asked,
    both,
    live,
    stage,
    start,
    theory,
    told,
)
from maker_world import make_trade

from quanheng.maker import quote_kernels as q
from quanheng.maker.inquiry_life import Stage
from quanheng.maker.invariants import invariants
from quanheng.maker.parameters import INDEX, TABLE
from quanheng.maker.warm import warm_up
from quanheng.terms.codes import Alert, Effect, OrderKind, Side, TradingState
from quanheng.terms.commands import (
    AnswerInquiry,
    GiveBackInquiry,
    ManualOrder,
    SetParameter,
    SetState,
    SignOn,
    TakeInquiry,
)
from quanheng.terms.orders import Send
from quanheng.terms.units import SECOND


def test_a_trader_answers_with_prices_of_his_own():
    """Manual take-over: the person's prices go out through the ladder under the person's name, are
    held, renewed after a fill, and leave with the hold.
    """
    world = start(roles=GENERAL)
    world.put(SignOn("trader", "p002", True, "510050"))
    world.put(SignOn("trader", "p001", True))
    ask(world)
    world.put(TakeInquiry("RQ1", "p002"))
    assert stage(world) == Stage.TAKEN and both(world)
    live(world, 2)
    warm_up()
    before = len(q.sides.signatures)
    effects = answer(world)
    assert len(q.sides.signatures) == before
    value = round(theory(world))
    (send,) = [e for e in effects if isinstance(e, Send)]
    assert (send.stamp.trader, send.stamp.strategy) == ("p002", "by-hand")
    prices = (value - 9, value + 9)
    assert tuple(world.resting[SLOT, side][1] for side in (0, 1)) == prices
    assert [world.resting[SLOT, side][2] for side in (0, 1)] == [12, 12]
    assert stage(world) == Stage.ANSWERED and asked(world).by == "p002"
    world.move(world.spot + 8)
    live(world, 6)
    world.fill(SLOT, 0, 5)
    assert tuple(world.resting[SLOT, side][1] for side in (0, 1)) == prices
    assert world.resting[SLOT, 0][2] == 12
    live(world, 7.5)
    assert tuple(world.resting[SLOT, side][1] for side in (0, 1)) == prices
    live(world, 4)
    assert stage(world) == Stage.HELD and not world.resting
    queue = world.state.inquiries
    assert queue.counts[SLOT].tolist() == [1, 1, 0, 0, 1] and not queue.answers


def test_the_persons_prices_give_way_when_theory_passes_them():
    """A held answer never stays on the wrong side of theory: the strategy's takes over."""
    world = start()
    ask(world)
    world.put(TakeInquiry("RQ1", "p001"))
    answer(world, by="p001")
    old = world.resting[SLOT, 0][1], world.resting[SLOT, 1][1]
    world.move(world.spot + 90)
    live(world, 2)
    bid, ask_ = world.resting[SLOT, 0][1], world.resting[SLOT, 1][1]
    assert (bid, ask_) != old and bid <= theory(world) <= ask_
    sends = [e for e in world.effects if isinstance(e, Send)]
    assert sends[-1].stamp.strategy == "lean"
    live(world, 16)
    assert stage(world) == Stage.HELD and asked(world).breaks == 0


def test_left_to_people_and_answered_by_nobody_the_machine_answers_in_time():
    """`inquiry_wait` leaves an inquiry to people; taken and forgotten it is answered 5 s early."""
    world = start(roles=GENERAL)
    world.put(SetParameter("*", "inquiry_wait", 4_000, "p001"))
    ask(world)
    live(world, 3)
    assert stage(world) == Stage.WAITING and not world.resting
    live(world, 1.5)
    assert stage(world) == Stage.ANSWERED and both(world)
    ask(world, "RQ2", 5)
    live(world, 2)
    world.put(TakeInquiry("RQ2", "p001"))
    live(world, 7.5)
    assert stage(world, "RQ2") == Stage.TAKEN and not both(world, 5)
    live(world, 1)
    assert stage(world, "RQ2") == Stage.ANSWERED and both(world, 5)
    assert asked(world, "RQ2").since <= asked(world, "RQ2").due - 4 * SECOND
    live(world, 17)
    assert stage(world, "RQ2") == Stage.HELD
    assert world.state.inquiries.counts[5].tolist() == [1, 1, 0, 0, 0]


def test_given_back_the_machine_answers_at_once():
    """By command, or because the person who took it signs off."""
    world = start(roles=GENERAL)
    world.put(SetParameter("*", "inquiry_wait", 9_000, "p001"))
    world.put(SignOn("trader", "p002", True, "510050"))
    for number, left in enumerate((GiveBackInquiry("RQ0", "p002"), None)):
        name, slot = f"RQ{number}", 4 + number
        ask(world, name, slot)
        world.put(TakeInquiry(name, "p002"))
        live(world, 1)
        assert not both(world, slot)
        world.put(left or SignOn("trader", "p002", False, "510050"))
        assert both(world, slot) and stage(world, name) == Stage.ANSWERED
        assert told(world, Alert.INQUIRY_GIVEN_BACK)[-1] == (name, "p002")


def test_commands_that_make_no_sense_are_refused_with_the_reason():
    """Unknown, over, taken by another, not signed on, too late; answers that would not count."""
    world = start()
    world.put(SignOn("trader", "p002", True, "510050"))

    def refused(body):
        world.put(body)
        return str(world.alerts(Alert.CHECK_DENIED)[-1].args[-1])

    assert refused(TakeInquiry("RQ9", "p001")) == "there is no inquiry RQ9"
    ask(world)
    assert refused(TakeInquiry("RQ1", "p003")) == "p003 is not signed on as a trader for 510050"
    value = round(theory(world))
    assert "not taken by p001" in refused(
        AnswerInquiry("RQ1", value - 5, 10, value + 5, 10, "p001")
    )
    world.put(TakeInquiry("RQ1", "p001"))
    assert refused(TakeInquiry("RQ1", "p002")) == "inquiry RQ1 is taken by p001"
    assert "not taken by p002" in refused(GiveBackInquiry("RQ1", "p002"))
    for (bid, bids, ask_, asks), words in (
        ((value - 5, 9, value + 5, 10), "at least 10"),
        ((value + 5, 10, value + 5, 10), "below its ask"),
        ((value - 100, 10, value + 100, 10), "widest ask"),
        ((value + 5, 10, value + 9, 10), "theory"),
    ):
        assert words in refused(AnswerInquiry("RQ1", bid, bids, ask_, asks, "p001"))
    world.put(SetState("*", TradingState.REDUCING, "drill", "p001"))
    assert "one side only" in refused(AnswerInquiry("RQ1", value - 5, 10, value + 5, 10, "p001"))
    world.put(SetState("*", TradingState.OPEN, "back", "p001", "p002"))
    assert stage(world) == Stage.TAKEN
    ask(world, "RQ2")
    live(world, 11)
    assert "the machine answers" in refused(TakeInquiry("RQ2", "p001"))
    live(world, 7)
    assert "is held already" in refused(TakeInquiry("RQ1", "p001"))


def test_an_answer_the_ladder_denies_goes_nowhere():
    """I-18: the same rungs, told by number; the inquiry stays with the person."""
    world = start(roles=GENERAL)
    world.put(SetParameter("*", "inquiry_wait", 9_000, "p001"))
    ask(world)
    world.put(TakeInquiry("RQ1", "p001"))
    world.put(SetParameter("*", "max_value", 1_000, "p001"))
    sent = len(world.quotes())
    answer(world, by="p001")
    assert len(world.quotes()) == sent and not world.resting
    assert world.alerts(Alert.CHECK_DENIED)[-1].args[0] == 8
    assert stage(world) == Stage.TAKEN and not asked(world).by


def test_an_answer_denied_later_is_given_up_for_the_strategys():
    """When a rung denies the person's renewed quote, the machine's own is tried instead."""
    world = start()
    ask(world)
    world.put(TakeInquiry("RQ1", "p001"))
    answer(world, by="p001", qty=40)
    assert world.resting[SLOT, 0][2] == 40
    world.put(SetParameter("*", "max_qty", 25, "p001"))
    world.fill(SLOT, 0, 35)
    live(world, 1)
    assert not world.state.inquiries.answers
    assert world.resting[SLOT, 0][2] <= 25
    live(world, 20)
    assert stage(world) in (Stage.HELD, Stage.MISSED)
    assert invariants(world.state)["inquiries against their life-cycle"] == 0


def test_the_wait_has_room_before_the_machine_must_answer():
    """`inquiry_wait` cannot go past the machine's own time."""
    assert TABLE[INDEX["inquiry_wait"]].high == 10_000
    world = start()
    world.put(SetParameter("*", "inquiry_wait", 10_001, "p001", "p002"))
    assert "outside" in str(world.alerts(Alert.CHECK_DENIED)[-1].args[-1])


def test_a_hedge_in_the_contract_leaves_the_held_answer_whole():
    """A single order trades beside the quote; both sides stay in size through the hold (I-19)."""
    world = start(roles=GENERAL)
    ask(world)
    live(world, 3)
    code = world.chain.contracts[SLOT].code
    price = world.resting[SLOT, 0][1] - 12
    effects = world.put(ManualOrder(code, Side.BUY, OrderKind.LIMIT, price, 5, "p001"))
    ((order,),) = [e.requests for e in effects if isinstance(e, Send)]
    contract = world.chain.contracts[SLOT]
    world.report(make_trade(contract, order.client_id, 0, price, 5, Effect.OPEN, world.at))
    assert int(world.state.book.long_qty[SLOT]) == 5
    live(world, 10)
    assert both(world) and min(world.resting[SLOT, side][2] for side in (0, 1)) >= 10
    live(world, 3)
    assert stage(world) == Stage.HELD and asked(world).breaks == 0
