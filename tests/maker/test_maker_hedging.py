"""Delta hedges: band, ways and their costs, T+1, refusals, reconciliation (I-19, I-42, P35)."""

import pytest
from hedge_world import CASH, ON, answer, delta, long_calls, market, opened, short_calls, watch
from maker_world import MORNING, make_chain, make_trade

from quanheng.compose.check_words import told
from quanheng.maker import etf_orders, hedging
from quanheng.maker import ledger_state as s
from quanheng.maker.hedge_options import NONE, best_of_others, option_ways
from quanheng.maker.invariants import invariants
from quanheng.maker.parameters import INDEX
from quanheng.runtime.envelope import LinkChanged
from quanheng.terms.codes import Alert, Check, Effect, Link, Phase, Side, TradingState
from quanheng.terms.commands import SetParameter, SetState, SignOn
from quanheng.terms.etf import EtfAnswers, EtfFill
from quanheng.terms.orders import NewOrder, RequestRejected, Send


def test_nothing_is_done_inside_the_band_and_outside_it_comes_back_inside():
    """A zone without trades; beyond it the order brings delta to the target inside (I-19, D17)."""
    world = opened()
    long_calls(world, 3)
    assert 0 < delta(world) < 2_000
    assert watch(world) == []
    long_calls(world, 30)
    assert delta(world) > 2_000
    (sent,) = watch(world)
    (order,) = sent.requests
    assert (order.side, order.best_five, order.qty % 100) == (Side.SELL, True, 0)
    assert world.spot - 40 <= order.price <= world.spot - 30
    assert sent.stamp.strategy == "hedge"
    assert sent.stamp.trader == "p001"
    answer(world, order)
    assert 1_000 <= delta(world) < 1_200
    assert watch(world, 5) == []
    etf = world.state.etf
    assert etf.orders.tolist() == [1]
    assert etf.watched[0] > etf.inside[0] > 0
    assert invariants(world.state)["classes whose terms are not their profit"] == 0


def test_a_class_is_hedged_only_where_a_person_says_so():
    """The default is off; SetParameter turns a class on and off."""
    world = opened(parameters=(("*", "hedge_band", 2_000),))
    long_calls(world, 30)
    assert watch(world, 4) == []
    world.put(SetParameter("510050", "hedge", 1, "p001"))
    assert len(watch(world)) == 1
    other = opened()
    long_calls(other, 30)
    other.put(SetParameter("510050", "hedge", 0, "p001"))
    assert watch(other, 4) == []


def test_one_order_at_a_time_and_an_unanswered_one_blocks():
    """P35: until the answer came the position is not known, so nothing more is sent."""
    world = opened()
    long_calls(world, 30)
    (sent,) = watch(world)
    assert watch(world, 6) == []
    (told,) = world.alerts(Alert.HEDGE_BLOCKED)
    assert told.args[0] == Check.P35_RECONCILIATION
    answer(world, sent.requests[0], qty=0)
    assert len(watch(world)) == 1


@pytest.mark.parametrize("how", ["gap", "link", "unknown", "silent", "trader", "kill"])
def test_never_on_positions_that_are_not_reconciled(how):
    """P35, P01: a gap in the reports, a link that is not ready, an UNKNOWN order, a silent feed,
    nobody on duty, a kill. Each stops a hedge that would go otherwise.
    """
    world = opened()
    long_calls(world, 30)
    state = world.state
    wanted = Check.P35_RECONCILIATION
    match how:
        case "gap":
            body = make_trade(world.chain.contracts[2], "M001000AAB", 0, 600, 1, Effect.OPEN, 1)
            world.report(body, index=world.index + 5)
        case "link":
            world.put(LinkChanged(Link.DOWN))
        case "unknown":
            state.work[0, 0] = 5
            state.work[0, 1] = state.work[0, 6] = 99
        case "silent":
            state.view.stale[0] = 1
        case "trader":
            world.put(SignOn("trader", "p001", False))
            wanted = Check.P01_STATE
        case "kill":
            world.put(SetState("*", TradingState.DOWN, "drill", "p001"))
            wanted = Check.P01_STATE
    assert watch(world) == []
    assert {alert.args[0] for alert in world.alerts(Alert.HEDGE_BLOCKED)} == {wanted}


def test_units_bought_today_are_not_sold_today():
    """T+1: what is sold comes from the opening inventory; a purchase does not refill it."""
    world = opened(units=(2_000,))
    world.silent = set(range(12))  # no options to hedge with
    world.tick()
    long_calls(world, 30)
    (sent,) = watch(world)
    assert sent.requests[0].qty == 2_000
    answer(world, sent.requests[0])
    assert world.state.etf.sellable.tolist() == [0]
    etf_orders.place(world.state, world.state.opened, 0, Side.BUY, world.spot + 20 // 10 * 10, 500,
                     world.at, world.effects)  # fmt: skip
    bought = world.effects[-1].requests[0]
    answer(world, bought)
    assert world.state.etf.units.tolist() == [500]
    assert watch(world, 4) == []
    check = etf_orders.refusal(world.state, world.state.opened, 0, Side.SELL, world.spot - 20, 100)
    assert check == Check.P18_POSITION


def test_a_purchase_that_cannot_be_undone_today_waits_until_it_must():
    """T+1: without anything to sell again a short delta is left to the quotes' lean, up to four
    bands; with inventory it is bought back at once.
    """
    for held, qty, expected in ((0, 25, 0), (0, 80, 1), (300_000, 25, 1)):
        world = opened(units=(held,), etf_base=held)
        world.silent = set(range(12))  # no options to hedge with
        world.tick()
        short_calls(world, qty)
        assert delta(world) < -2_000
        assert (delta(world) < -8_000) == (qty == 80)
        assert len(watch(world)) == expected


def test_the_band_widens_as_the_inventory_goes():
    """The less may still be sold today, the more a hedge must be worth; three bands at the most."""
    world = opened(units=(400_000,), etf_base=400_000)
    group = [(0, 10_000)]
    for left, factor in ((400_000, 10_000), (200_000, 20_000), (100, 30_000), (0, 30_000)):
        world.state.etf.sellable[0] = left
        assert hedging.scarcity(world.state, world.state.opened, group) == factor
    world.state.etf.sellable[0] = 200_000
    long_calls(world, 25)
    assert 2_000 < delta(world) < 4_000
    assert watch(world, 3) == []
    world.state.etf.sellable[0] = 400_000
    assert len(watch(world)) == 1


def test_the_base_is_neither_delta_nor_profit_but_can_be_sold():
    """Working inventory lets a class sell on the day it has to (T+1): its own risk is hedged
    outside, so only units beyond it count.
    """
    world = opened(units=(200_000,), etf_base=200_000)
    assert abs(delta(world)) < 1
    world.move(world.spot + 50)
    world.run(1)
    assert world.state.ledger.terms[0, s.HEDGE] == 0
    assert invariants(world.state)["classes whose terms are not their profit"] == 0
    long_calls(world, 20)
    market(world)
    (sent,) = watch(world)
    assert sent.requests[0].side == Side.SELL
    answer(world, sent.requests[0])
    assert delta(world) < 1_200
    world.move(world.spot + 50)
    world.run(1)
    assert world.state.ledger.terms[0, s.HEDGE] == -sent.requests[0].qty * 50
    assert invariants(world.state)["classes whose terms are not their profit"] == 0


def test_beyond_the_inventory_options_take_over():
    """What cannot be sold in the underlying is sold as a synthetic, or as options that take vega
    away: others' prices, all or nothing, stamped as a hedge.
    """
    world = opened(units=(0,), parameters=(*ON, ("*", "width", 9_000)))
    world.half = 0.1
    world.run(2)
    long_calls(world, 30)
    world.run(1)
    before = len(world.effects)
    watch(world)
    sends = [e for e in world.effects[before:] if isinstance(e, Send)]
    orders = [r for send in sends for r in send.requests if isinstance(r, NewOrder)]
    assert orders
    assert {send.stamp.strategy for send in sends} == {"hedge"}
    for order in orders:
        call = world.chain.contracts[world.slot(order.contract)].is_call
        assert (order.side == Side.SELL) == call
        assert 0 < order.qty <= 10


def test_the_cheapest_way_is_taken():
    """Cost per delta decides: a wide underlying makes options the cheaper way."""
    world = opened(parameters=(*ON, ("*", "width", 9_000)))
    world.half = 0.1
    world.run(2)
    long_calls(world, 30)
    world.run(1)
    state, now = world.state, world.state.opened
    (own,) = hedging._underlying_way(state, now, 0, -4_000_000, False)
    options = sorted(cost for cost, _ in option_ways(state, now, 0, -4_000_000))
    assert options
    assert own.cost == 10 * 1_000_000 // world.spot + 45
    best = min(hedging.ways_of(state, now, 0, 10_000, -4_000_000), key=lambda way: way.cost)
    assert best.cost == min(own.cost, options[0])
    wide = (world.spot - 600, world.spot + 600)
    state.view.underlying[0, 5:7] = wide
    best = min(hedging.ways_of(state, now, 0, 10_000, -4_000_000), key=lambda way: way.cost)
    assert best.legs
    assert best.cost == options[0]


def test_options_are_never_taken_from_ourselves():
    """P13: where our own quote is the best there is nothing to hedge against."""
    world = opened(units=(0,))
    found = {slot: best_of_others(world.state, slot, Side.SELL) for slot in range(12)}
    own = {slot: world.resting[slot, 0][1] for slot in range(12)}
    street = {slot: int(world.fair(slot) * 10_000) for slot in range(12)}
    assert all(price == 0 or price > own[slot] for slot, (price, _, _) in found.items())
    assert all(abs(price - street[slot]) < 60 for slot, (price, _, _) in found.items() if price)
    slot = next(slot for slot, (price, _, _) in found.items() if price)
    price, qty, limit = found[slot]
    assert qty == 30
    assert price - 20 <= limit <= price
    for better in (price, price + 1):
        world.state.work[slot, 2] = better
        assert best_of_others(world.state, slot, Side.SELL) == NONE


def test_classes_with_a_beta_hedge_as_one():
    """Cross-class: long one, short the other by beta, and nothing is needed; apart both are out."""
    chain = make_chain(underlyings=("510050", "510300"))
    for beta, expected in ((0, 2), (10_000, 0)):
        world = opened(chain, parameters=(*ON, ("*", "hedge_beta", beta)))
        long_calls(world, 20)
        short_calls(world, 20, world.chain.classes[1].start + 2)
        assert delta(world) > 2_000
        assert delta(world, 1) < -2_000
        assert len(watch(world)) == expected
    lean = (*ON, ("510050", "hedge_beta", 20_000), ("510300", "hedge_beta", 10_000))
    world = opened(chain, parameters=lean)
    long_calls(world, 30)
    ways = [
        min(hedging.ways_of(world.state, world.state.opened, klass, beta, -600_000))
        for klass, beta in ((0, 20_000), (1, 10_000))
    ]
    assert ways[1].qty == pytest.approx(2 * ways[0].qty, abs=100)
    assert ways[1].cost == pytest.approx(2 * ways[0].cost, abs=1)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"qty": 150}, Check.P06_QUANTITY),
        ({"qty": 0}, Check.P06_QUANTITY),
        ({"limit": 24_405}, Check.P07_PRICE),
        ({"qty": 900_000}, Check.P08_ORDER_VALUE),
        ({"limit": 24_000}, Check.P10_LAST_COLLAR),
        ({"qty": 500_000, "most": 10**8}, Check.P18_POSITION),
        ({"side": Side.BUY, "cash": 1_000}, Check.P20_MARGIN),
        ({"phase": Phase.CLOSING}, Check.P03_PHASE),
    ],
)
def test_every_rung_of_an_order_in_the_underlying(change, check):
    """An order that fails a rung is not sent, is counted and told with the ladder's number."""
    world = opened(cash=change.get("cash", CASH))
    world.put(SetParameter("*", "max_value", change.get("most", 2_000_000), "p001", "p002"))
    market(world, phase=change.get("phase", Phase.CONTINUOUS))
    given = (change.get("side", Side.SELL), change.get("limit", 24_390), change.get("qty", 100))
    effects = []
    sent = etf_orders.place(world.state, world.state.opened, 0, *given, world.at, effects)
    assert not sent
    assert [type(effect).__name__ for effect in effects] == ["RaiseAlert"]
    assert effects[0].code == Alert.CHECK_DENIED
    assert f"P{check:02d}" in told(effects[0], "zh")
    assert effects[0].args[0] == check
    assert world.state.denied[check] == 1
    assert invariants(world.state)["sent without passing"] == 0


def test_a_refusal_and_a_fill_of_a_stranger_are_told():
    """A refused order ends; a fill nobody asked for is a position all the same and an alert."""
    world = opened()
    long_calls(world, 30)
    (sent,) = watch(world)
    world.put(EtfAnswers([RequestRejected(sent.requests[0].client_id, 10836)]))
    assert not world.state.etf.working
    assert world.alerts(Alert.REJECTED_BY_EXCHANGE)[-1].args[0] == 10836
    before = int(world.state.etf.units[0])
    fill = EtfFill("X000000001", "510050", Side.BUY, 24_410, 300, 0, MORNING, 7_323_000, 330)
    world.put(EtfAnswers([fill]))
    assert world.state.etf.units[0] == before + 300
    assert world.alerts(Alert.UNKNOWN_ORDER)[-1].args == ("X000000001",)
    with pytest.raises(ValueError, match="159915"):
        world.put(EtfAnswers([EtfFill("M001000001", "159915", Side.BUY, 1, 1, 0, 1, 1, 0)]))


def test_hedges_are_profit_by_cause_too():
    """R-06: units gain as the spot moves, trading them costs spread and fees, to the last unit."""
    world = opened()
    long_calls(world, 30)
    (sent,) = watch(world)
    order = sent.requests[0]
    held = int(world.state.etf.units[0])
    answer(world, order)
    terms = world.state.ledger.terms[0]
    fee = -(-(world.spot - 10) * order.qty * 45 // 1_000_000)
    assert terms[s.HEDGE_COST] == -10 * order.qty - fee
    world.move(world.spot + 40)
    world.run(1)
    assert terms[s.HEDGE] == (held - order.qty) * 40
    assert invariants(world.state)["classes whose terms are not their profit"] == 0
    world.state.etf.flow[0] += 1
    assert invariants(world.state)["classes whose terms are not their profit"] == 1


def test_quotes_lean_by_the_hedged_delta():
    """The class's delta that quotes and views see includes the units of the underlying."""
    world = opened(units=(0,))
    before = delta(world)
    world.state.etf.units[0] = 100_000
    assert delta(world) - before == pytest.approx(100_000 * world.spot * 1e-4 / 100)
    assert INDEX["hedge"] > INDEX["repeat_fills"]
