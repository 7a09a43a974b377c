"""At a limit the way back stays open and the duty is held; what the book lacks is noticed."""

import numpy as np
import pytest
from ladder_world import assert_told, limit, start, watch
from maker_world import World, continuous, make_chain, make_trade

from quanheng.maker import book_kernels as b
from quanheng.maker import columns as c
from quanheng.maker import quote_kernels as q
from quanheng.maker.figure_kernels import greeks_of
from quanheng.maker.lifecycle import Life
from quanheng.terms import market
from quanheng.terms.codes import Alert, Effect, Exec, Phase, Side, TradingState
from quanheng.terms.commands import SetState
from quanheng.terms.orders import NewOrder, OrderAck, Send
from quanheng.terms.units import SECOND

SLOT = 2


def hold(world, net, slot=SLOT):
    """Give the maker a position by late fills, in one report each: long above zero."""
    contract, side = world.chain.contracts[slot], 0 if net > 0 else 1
    world.put_late = getattr(world, "put_late", 0) + 1
    ident = f"M001{900_000 + world.put_late:06d}"
    price = int(world.state.ledger.marks[slot])
    world.report(make_trade(contract, ident, side, price, abs(net), Effect.OPEN, world.at))


def sheds(world):
    """Orders that were sent to shrink a position."""
    sends = [one for one in world.effects if isinstance(one, Send)]
    return [
        request
        for one in sends
        if one.stamp.strategy == "shed"
        for request in one.requests
        if isinstance(request, NewOrder)
    ]


@pytest.mark.parametrize(("net", "side"), [(270, Side.SELL), (-270, Side.BUY)])
def test_beyond_its_share_of_the_limit_a_position_goes_to_the_market(net, side):
    """I-36, Q-03: 270 of 300 is beyond 225: ten a second at what the others offer, no dearer than
    half of A, one order at a time; within its share nothing is sent.
    """
    world = continuous(World.start())
    hold(world, net)
    world.run(1)  # our own quote steps back from where it would add
    watch(world)
    (order,) = sheds(world)
    row = world.state.tables.fixed[SLOT]
    theory = int(world.state.ledger.marks[SLOT])
    cap = int(q.widest_ask(order.price, row)) - order.price
    assert (order.side, order.qty, order.effect) == (side, 10, Effect.CLOSE)
    assert 2 * abs(order.price - theory) <= cap
    world.at += SECOND
    watch(world)
    assert len(sheds(world)) == 1  # the first one has no answer yet
    few = continuous(World.start())
    hold(few, 225 if net > 0 else -225)
    few.run(1)
    watch(few)
    assert not sheds(few)


def test_nothing_is_shed_in_a_scope_that_may_not_trade_nor_where_it_is_too_dear():
    """A halted scope sends nothing; a street far from theory is not paid."""
    world = continuous(World.start())
    hold(world, 270)
    world.run(1)
    world.put(SetState("*", TradingState.HALTED, "drill", "p001"))
    watch(world)
    assert not sheds(world)
    dear = continuous(World.start())
    hold(dear, 270)
    dear.run(1)
    bids = slice(market.BID, market.BID + market.LEVELS)
    dear.state.view.rows[SLOT, bids] = np.maximum(dear.state.view.rows[SLOT, bids] - 60, 0)
    watch(dear)
    assert not sheds(dear)


def test_a_limit_record_is_what_the_planner_plans_for():
    """P18: with 60 on record the side that adds is sized for 60, not denied as a whole."""
    world = start(limit("max_position", 60))
    hold(world, 40)
    world.run(2)
    assert world.resting[SLOT, 0][2] in range(10, 13) and world.resting[SLOT, 1][2] >= 10
    assert world.state.denied[18] == 0


def test_close_to_its_limit_a_side_that_fits_once_is_shown():
    """Q-03: 15 may still be added, 10 is shown; to move it has to go first and then comes back."""
    world = continuous(World.start(parameters=(("*", "shed", 10_000),)))
    hold(world, 277)
    world.run(2)
    assert world.resting[SLOT, 0][2] in range(10, 16)
    assert world.resting[SLOT, 1][2] >= 10
    before = len(world.cancels())
    world.move(world.spot - 150)
    world.run(3)
    assert len(world.cancels()) > before
    assert world.resting[SLOT, 0][2] in range(10, 16)
    assert world.state.denied[18] == 0
    full = continuous(World.start(parameters=(("*", "shed", 10_000),)))
    hold(full, 285)
    full.run(2)
    assert (SLOT, 0) not in full.resting and full.resting[SLOT, 1][2] >= 10


@pytest.mark.parametrize(("net", "sizes"), [(150, [10, 20]), (-150, [20, 10])])
def test_sides_of_different_quantities_rest_in_peace(net, sizes):
    """The obligation-aware strategy adds with 10 and reduces with 20; neither is renewed for the
    other's quantity.
    """
    released = tuple((code, "1") for code in (1, 2, 3, 4))
    world = continuous(World.start(parameters=(("*", "strategy", 4),), quoting=released))
    hold(world, net)
    world.run(3)
    assert [world.resting[SLOT, side][2] for side in range(2)] == sizes
    before = len(world.quotes())
    world.run(3)
    mine = world.chain.contracts[SLOT].code
    assert not [one for one in world.quotes()[before:] if one.contract == mine]


def test_p19_takes_the_side_at_fault_and_leaves_the_way_back():
    """A class that is long all the delta it may be goes on selling calls and buying puts: what has
    to move of the other sides goes and does not come back.
    """
    greeks = np.zeros(4, dtype=np.int64)
    world = continuous(World.start())
    state = world.state
    greeks_of(SLOT, state.tables.fixed, state.surface.theo, state.surface.fits, greeks)
    world = start(limit("delta", 200 * int(greeks[0]) // 10_000))
    hold(world, 100)
    hold(world, 100, 8)
    for number in range(4):
        world.move(world.spot + (120 if number % 2 else -120))
        world.run(2)
    assert_told(world, 19)
    calls = {slot for slot, one in enumerate(world.chain.contracts) if one.kind == "C"}
    back = {(slot, int(slot in calls)) for slot in range(12)}
    assert back <= set(world.resting)
    assert len(set(world.resting) - back) <= 2


def test_quotes_that_the_exchange_lost_unreported_are_swept_and_come_back():
    """P35: the book is empty of our quotes while every report says they rest; two snapshots more
    than `gap` apart tell, the cancels' answers prove it, and the class is quoted again.
    """
    world = continuous(World.start())
    assert len(world.resting) == 24
    since = len(world.effects)
    world.resting.clear()
    world.run(1.5)
    assert not world.alerts(Alert.UNKNOWN_ORDER) and not world.resting
    world.run(2)
    (told,) = world.alerts(Alert.UNKNOWN_ORDER)
    # Where the street shows as much at our price, the book does not tell.
    assert told.scope == "510050" and told.args[0] >= 10
    assert len(world.cancels(world.effects[since:])) == told.args[0]
    assert len(world.resting) == 2 * told.args[0]


def test_a_quote_that_the_book_shows_or_cannot_show_is_left_alone():
    """A minute of steady quoting and fills, deep quotes included, sweeps nothing."""
    world = continuous(World.start(make_chain(strikes=5)))
    for number in range(20):
        slot = number % 5
        if (slot, 0) in world.resting:
            world.fill(slot, 0, 3)
        world.move(world.spot + (40 if number % 2 else -40))
        world.run(3)
    assert not world.alerts(Alert.UNKNOWN_ORDER)


def test_a_fill_that_a_snapshot_shows_before_its_report_is_no_loss():
    """Twice in a row the snapshot of a fill comes a moment before its report: nothing is swept."""
    world = continuous(World.start())
    for _ in range(4):
        ident, price, qty = world.resting[SLOT, 0]
        world.resting[SLOT, 0] = [ident, price, qty - 2]
        world.at += 3 * SECOND
        world.tick()
        world.resting[SLOT, 0] = [ident, price, qty]
        world.fill(SLOT, 0, 2)
    assert not world.alerts(Alert.UNKNOWN_ORDER)


def test_a_fill_or_kill_order_that_found_nothing_is_no_refusal():
    """P33: sixty sheds that nobody takes do not halt the class; another reason counts."""
    world = continuous(World.start())
    hold(world, 270)
    for _ in range(60):
        world.run(1)
        watch(world)
        order = sheds(world)[-1]
        if order.client_id in {one.client_id for one in world.state.orders.values()}:
            world.report(order_ack(order, world.at, 12036 if len(sheds(world)) % 2 else 17624))
    assert len(sheds(world)) >= 50
    assert not world.state.orders and not world.alerts(Alert.REJECTED_BY_EXCHANGE)
    assert not world.alerts(Alert.TRIPPED)
    assert int(world.state.guards.asked[0, 0]) == 0
    watch(world)
    world.report(order_ack(sheds(world)[-1], world.at, 11098))
    assert world.alerts(Alert.REJECTED_BY_EXCHANGE)
    assert int(world.state.guards.asked[0, 0]) == 1


def order_ack(order, at, reason):
    """A refusal of a single order."""
    return OrderAck(
        Exec.REJECTED, order.client_id, "", order.contract, 1, order.side, order.effect,
        order.kind, order.price, order.qty, at, 0, 0, reason, False,
    )  # fmt: skip


def book_row(levels, side=c.BID_SIDE):
    """A market row in continuous trading with the (price, quantity) levels of one side."""
    row = np.zeros(market.COLUMNS, dtype=np.int64)
    row[market.PHASE] = Phase.CONTINUOUS
    at = (market.BID, market.BID_QTY) if side == c.BID_SIDE else (market.ASK, market.ASK_QTY)
    for level, pair in enumerate(levels):
        row[at[0] + level], row[at[1] + level] = pair
    return row


def test_what_a_row_shows_at_a_price():
    """At a level its quantity, between levels none, beyond the last of five it cannot be seen."""
    five = [(500 - n, 10 + n) for n in range(5)]
    assert [b.shown(book_row(five), 0, price) for price in (500, 496, 501, 495)] == [10, 14, 0, -1]
    assert b.shown(book_row(five[:2]), 0, 495) == 0
    five = [(500 + n, 10 + n) for n in range(5)]
    row = book_row(five, c.ASK_SIDE)
    assert [b.shown(row, 1, price) for price in (500, 504, 499, 505)] == [10, 14, 0, -1]


def test_only_an_old_enough_absence_of_a_working_quote_counts():
    """A newer quote, one in flight, another phase, a quantity that is there: nothing is found."""
    rows = book_row([(500, 9)])[None]
    work = np.zeros((1, 2 * c.W_COLUMNS), dtype=np.int64)
    desk = np.zeros((1, c.D_COLUMNS), dtype=np.int64)
    work[0, [c.W_STATE, c.W_LIVE_PX, c.W_LIVE_QTY, c.W_LIVE_AT]] = Life.WORKING, 500, 10, 100

    def look(at):
        return b.find_missing(rows, work, desk, at, 50, 0, 1)

    assert [look(at) for at in (90, 100, 149)] == [0, 0, 0]
    work[0, c.W_LIVE_AT] = 120  # replaced since: it begins anew
    assert [look(at) for at in (150, 160, 199)] == [0, 0, 0]
    rows[0, market.BID_QTY] = 10
    assert look(200) == 0 and desk[0, c.D_MISSING_SINCE] == 0
    rows[0, market.BID_QTY] = 0
    assert [look(at) for at in (210, 259)] == [0, 0]
    work[0, c.W_STATE] = Life.REPLACING
    assert look(260) == 0
    work[0, c.W_STATE] = Life.WORKING
    rows[0, market.PHASE] = Phase.HALT
    assert look(270) == 0
    rows[0, market.PHASE] = Phase.CONTINUOUS
    assert [look(at) for at in (280, 330)] == [0, 1]
    assert desk[0, c.D_SWEEP] == 1
    assert look(400) == 0  # once
