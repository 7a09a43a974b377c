"""Risk prompts (I-42): prepared orders, a person's word, the one ladder, evidence of the result."""

import pytest
from ladder_world import start, watch
from maker_world import World, continuous, make_trade
from monitor_world import confirm, figure, last_day_chain, raised, seconds, tighten, trade

from quanheng.maker import columns as c
from quanheng.maker.maker import Maker
from quanheng.maker.monitor_state import Status
from quanheng.maker.monitor_table import Measure
from quanheng.runtime.envelope import Envelope, Source, TimerFired
from quanheng.terms import market
from quanheng.terms.codes import Alert, Effect, Exec, OrderKind, Phase, Side, TradingState
from quanheng.terms.commands import Confirm
from quanheng.terms.days import midnight
from quanheng.terms.etf import EtfAnswers, EtfDone, EtfFill, EtfSend
from quanheng.terms.market import UnderlyingTick, UnderlyingTicks
from quanheng.terms.orders import NewOrder, OrderAck, Send
from quanheng.terms.units import HOUR, MINUTE

TIGHT = (("*", "hedge_gamma", 10**9), ("*", "hedge_vega", 10**7), ("*", "width", 9_000))


def narrow(**changes):
    """A street inside our own quotes, so that orders find others to trade with."""
    world = World.start(parameters=TIGHT, **changes)
    world.half = 0.1
    return continuous(world)


def pinned(qty=-12):
    """Shorts at the strike nearest to the spot on their last day, offered by others."""
    world = World.start(last_day_chain(), parameters=TIGHT)
    world.half = 0.1
    world = continuous(world)
    trade(world, 2, qty, price=400)
    tighten(world, "pin_amber", 1)
    seconds(world, 12, ticks=True)
    return world


def prompts(world, name):
    found = [one for one in world.alerts(Alert.PROMPT_PROPOSED) if one.args[0] == name]
    assert found, [one.args for one in world.alerts(Alert.PROMPT_PROPOSED)]
    return found


def orders(effects):
    return [
        (one, request)
        for one in effects
        if isinstance(one, Send)
        for request in one.requests
        if isinstance(request, NewOrder)
    ]


def accept(world, request, filled):
    """The exchange takes an order and fills so much of it."""
    slot = world.slot(request.contract)
    ack = OrderAck(
        Exec.ACCEPTED, request.client_id, "", request.contract, 1, request.side, request.effect,
        request.kind, request.price, request.qty, world.at, 0, 0, 0, request.covered,
    )  # fmt: skip
    world.report(ack)
    side = 0 if request.side == Side.BUY else 1
    contract = world.chain.contracts[slot]
    given = (request.client_id, side, request.price, filled, request.effect, world.at)
    world.report(make_trade(contract, *given))


def ended(world, number):
    (one,) = [e for e in world.alerts(Alert.PROMPT_ENDED) if e.args[1] == number]
    return one.args


def test_a_prompt_prepares_and_does_not_act():
    """The orders close what makes the figure, at prices of others, of at most ten contracts."""
    world = pinned()
    sent = [one for one in world.effects if isinstance(one, Send)]
    (told,) = prompts(world, "pin")
    name, number, alert, measure, opens, before, *rest = told.args
    assert (name, measure, opens, before) == ("pin", Measure.CLOSE, 0, 12)
    code, side, price, qty = rest
    assert (code, side, qty) == (world.chain.contracts[2].code, "BUY", 10)
    assert price >= min(p for p in world.row(2)[market.ASK : market.ASK + market.LEVELS] if p)
    assert alert == raised(world, "pin")[0]["number"] != number
    assert all(not isinstance(r, NewOrder) for one in sent for r in one.requests)


def test_one_person_confirms_and_the_evidence_ties_it_together():
    """Alert, prompt, person, client id, fills and the figure before and after in one record."""
    world = pinned()
    number = prompts(world, "pin")[0].args[1]
    effects = confirm(world, number)
    ((send, request),) = orders(effects)
    assert (send.stamp.strategy, send.stamp.strategy_version) == ("prompt", str(number))
    assert (request.side, request.effect, request.kind) == (
        Side.BUY, Effect.CLOSE, OrderKind.LIMIT_FOK
    )  # fmt: skip
    accept(world, request, 10)
    assert world.state.book.short_qty[2] == 2
    seconds(world, 16, ticks=True)
    name, _, alert, status, by, second, before, after, *lines = ended(world, number)
    assert (name, alert, status, by, second) == ("pin", 1, Status.DONE, "p001", "")
    assert (before, after) == (12, 2)
    assert lines == [
        world.chain.contracts[2].code, "BUY", request.client_id, 0, 10, 10 * request.price
    ]  # fmt: skip
    assert number not in world.state.watch.prompts and not world.state.watch.by_ident


def test_a_confirmed_order_passes_the_ladder_as_of_now():
    """Between the prompt and the word the contract was halted: P03 refuses; the record says so."""
    world = pinned()
    number = prompts(world, "pin")[0].args[1]
    world.phases = dict.fromkeys(range(len(world.chain.contracts)), Phase.HALT)
    world.tick()
    effects = confirm(world, number)
    assert not orders(effects)
    assert [one.args[0] for one in effects if getattr(one, "code", "") == Alert.CHECK_DENIED] == [3]
    seconds(world, 16)
    assert ended(world, number)[8:] == (
        world.chain.contracts[2].code, "BUY", "", 3, 0, 0
    )  # fmt: skip


def test_two_prompts_do_not_close_a_position_twice():
    """Pin and expiry both propose the same purchase; the second finds two contracts left."""
    world = pinned()
    first, other = (prompts(world, name)[0] for name in ("pin", "expiry"))
    assert first.args[6:8] == other.args[6:8]
    ((_, request),) = orders(confirm(world, first.args[1]))
    ((_, rest),) = orders(confirm(world, other.args[1]))
    assert (request.qty, rest.qty) == (10, 2)
    accept(world, request, 10)
    accept(world, rest, 2)
    assert world.state.book.short_qty[2] == 0
    assert world.state.book.long_qty[2] == 0


def test_a_prompt_is_answered_once_and_in_time():
    """Declined, it ends; after 60 s it is gone; twice or unknown is refused."""
    world = pinned()
    number = prompts(world, "pin")[0].args[1]
    effects = confirm(world, number, accept=False)
    assert not orders(effects) and ended(world, number)[3] == Status.DECLINED
    (refused,) = confirm(world, number)
    assert (refused.code, refused.args[0]) == (Alert.CHECK_DENIED, "confirm")
    world = pinned()
    number = prompts(world, "pin")[0].args[1]
    (refused,) = confirm(world, number, by="")
    assert refused.code == Alert.CHECK_DENIED
    made = world.state.watch.prompts[number].made_at
    world.at = made + 60 * 10**9
    (refused,) = confirm(world, number)
    assert refused.code == Alert.CHECK_DENIED
    watch(world)
    assert ended(world, number)[3] == Status.EXPIRED


def test_an_alert_that_stays_is_prompted_anew_after_a_while():
    world = pinned()
    seconds(world, 60, ticks=True)
    assert len(prompts(world, "pin")) == 1
    seconds(world, 240, ticks=True)
    assert len(prompts(world, "pin")) == 2


def test_a_prompt_goes_with_its_alert():
    """The position is closed by hand before anybody confirms: the proposal is withdrawn."""
    world = pinned()
    number = prompts(world, "pin")[0].args[1]
    trade(world, 2, 12, price=400, effect=Effect.CLOSE)
    seconds(world, 45, ticks=True)
    assert ended(world, number)[3] == Status.WITHDRAWN


def large_vega():
    world = narrow()
    trade(world, 8, 60)
    used = int(world.state.worst[0, c.S_VEGA_UP])
    tighten(world, "vega", used * 10 // 9 // 10_000 + 1)
    seconds(world, 2, ticks=True)
    return world


def test_what_may_add_a_position_needs_two_people():
    """A straddle against vega opens contracts: one person alone, or twice the same, is refused."""
    world = large_vega()
    told = prompts(world, "vega")[0]
    number = told.args[1]
    assert told.args[3:5] == (Measure.STRADDLE, 1)
    for second, opens in (("", True), ("p001", True), ("r01", False)):
        (refused,) = confirm(world, number, second=second, opens=opens)
        assert refused.code == Alert.CHECK_DENIED
    before = figure(world, "vega")
    effects = confirm(world, number, second="r01", opens=True)
    legs = [request for _, request in orders(effects)]
    assert {leg.side for leg in legs} == {Side.SELL} and len(legs) == 2
    for leg in legs:
        accept(world, leg, leg.qty)
    seconds(world, 16, ticks=True)
    args = ended(world, number)
    assert args[3:6] == (Status.DONE, "p001", "r01")
    assert args[6] == before and args[7] < before


def test_a_loss_is_answered_by_reducing_its_scope():
    """I-34: at 80 per cent of the stop the class is offered to go to REDUCING; one word does it."""
    world = start()
    trade(world, 4, 10, price=5_000)
    watch(world)
    lost = int(world.state.worst[0, c.S_LOSS])
    tighten(world, "loss", lost * 10 // 9 // 10_000)
    watch(world)
    told = prompts(world, "loss")[0]
    assert told.args[3:5] == (Measure.REDUCE, 0) and told.scope == "510050"
    confirm(world, told.args[1])
    assert world.state.scopes.states["510050"] == TradingState.REDUCING
    assert world.alerts(Alert.STATE_CHANGED)[-1].args[2] == f"prompt {told.args[1]}"
    seconds(world, 16, ticks=True)
    assert ended(world, told.args[1])[3] == Status.DONE


def test_what_is_lowered_already_is_not_proposed():
    world = start(parameters=(("*", "absurd", 100_000),))
    world.move(world.spot * 106 // 100)
    watch(world)
    assert len(prompts(world, "move_day")) == 1
    confirm(world, prompts(world, "move_day")[0].args[1])
    seconds(world, 17)
    world.move(world.spot * 104 // 100)
    seconds(world, 2)
    assert raised(world, "move_day")[-1]["level"] == 3
    assert len(prompts(world, "move_day")) == 1


def test_delta_is_brought_back_in_the_underlying():
    """I-30, I-42: too much delta prepares a sale of units; the fill stands in the evidence."""
    world = start(etf_units=(10**7,), etf_cash=10**12)
    tick = UnderlyingTick(0, int(Phase.CONTINUOUS), 24_410, 0, 0, (24_400,), (9,), (24_420,), (9,))
    world.put(UnderlyingTicks(world.at, (tick,)))
    trade(world, 2, 50)
    used = int(world.state.worst[0, c.S_DELTA_UP])
    tighten(world, "delta", used * 10 // 9 // 10_000 + 1)
    watch(world)
    told = prompts(world, "delta")[0]
    measure, opens = told.args[3:5]
    code, side, price, qty = told.args[6:]
    assert (measure, opens, code, side) == (Measure.HEDGE, 0, "510050", "SELL")
    effects = confirm(world, told.args[1])
    (sent,) = [one for one in effects if isinstance(one, EtfSend)]
    order = sent.requests[0]
    assert (order.qty, order.price) == (qty, price)
    fill = EtfFill(
        order.client_id, "510050", Side.SELL, 24_400, qty, 0, world.at, 24_400 * qty, 100
    )
    world.put(EtfAnswers([fill, EtfDone(order.client_id, "", 0, world.at)], []))
    seconds(world, 16)
    assert ended(world, told.args[1])[8:] == (
        "510050", "SELL", order.client_id, 0, qty, qty * 24_400
    )  # fmt: skip


@pytest.mark.parametrize("name", ["cover", "margin_used", "margin_free", "assign"])
def test_too_little_money_prepares_purchases_of_shorts(name):
    """I-32, I-33, I-39: what is written is bought back, the dearest in margin or need first."""
    world = World.start(last_day_chain(), parameters=TIGHT, cash=450_000_000)
    world.half = 0.1
    world = continuous(world)
    trade(world, 3, -6, price=400)
    trade(world, 9, -5, price=400)
    seconds(world, 1, ticks=True)
    told = prompts(world, name)[0]
    assert set(told.args[7::4]) == {"BUY"} and told.args[4] == 0
    if name == "assign":
        assert told.args[6] == world.chain.contracts[3].code


@pytest.mark.parametrize(("name", "qty"), [("long", 60), ("total", -60)])
def test_positions_over_their_notice_level_are_offered_for_closing(name, qty):
    """I-36, I-42: as many contracts as stand above the first level, or what others offer."""
    world = narrow()
    trade(world, 2, qty)
    used = int(world.state.worst[0, c.S_LONG if name == "long" else c.S_TOTAL])
    tighten(world, name, used * 10 // 9)
    watch(world)
    told = prompts(world, name)[0]
    assert told.args[6:8] == (world.chain.contracts[2].code, "SELL" if qty > 0 else "BUY")


def test_theta_and_forbidden_contracts_are_closed():
    """I-30, I-37: the time value that is lost most of, and whatever is off the list."""
    world = narrow()
    trade(world, 2, 60)
    watch(world)
    used = -int(world.state.worst[0, c.S_THETA_DOWN])
    tighten(world, "theta", used * 10 // 9 // 10_000 + 1)
    watch(world)
    assert prompts(world, "theta")[0].args[7] == "SELL"
    world = World.start(parameters=TIGHT, permitted=("510300",))
    world.half = 0.1
    world = continuous(world)
    trade(world, 2, -3)
    seconds(world, 1, ticks=True)
    assert prompts(world, "permitted")[0].args[6:8] == (world.chain.contracts[2].code, "BUY")


@pytest.mark.parametrize(("word", "status"), [(True, Status.DONE), (False, Status.EXPIRED)])
def test_the_close_ends_every_prompt(word, status):
    """What was confirmed in the last seconds has its record too."""
    world = pinned()
    number = prompts(world, "pin")[0].args[1]
    if word:
        ((_, request),) = orders(confirm(world, number))
        accept(world, request, 10)
    world.at = midnight(world.chain.day) + 15 * HOUR + MINUTE
    watch(world)
    assert ended(world, number)[3] == status and not world.state.watch.prompts
    if word:
        assert ended(world, number)[10:13] == (request.client_id, 0, 10)


def test_alerts_go_up_in_the_break_too():
    """People can be reached at noon: an unacknowledged alert does not wait for the afternoon."""
    world = start()
    world.move(world.spot * 104 // 100)
    world.at = midnight(world.chain.day) + 11 * HOUR + 29 * MINUTE
    watch(world)
    world.at += 15 * MINUTE
    watch(world)
    assert world.alerts(Alert.MONITOR_ESCALATED)


def test_prompts_replay_equally():
    """A snapshot taken with a prompt open: another machine confirms and ends it the same way."""
    world = pinned()
    number = prompts(world, "pin")[0].args[1]
    other = Maker()
    other.restore(world.maker.snapshot())
    inputs = [Confirm(number, True, False, "p001")]
    inputs += [TimerFired("watch", 0)] * 25
    for count, body in enumerate(inputs, start=1):
        world.at += 10**9
        envelope = Envelope(world.seq + count, world.at, Source.DESK, 0, body)
        mine = world.maker.apply(envelope)
        assert mine == other.apply(envelope)
    assert other.digest() == world.maker.digest()
    assert number not in other.state.watch.prompts
