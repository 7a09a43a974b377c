"""Defects of other systems around checks, orders and limits, driven through the maker's machine.

docs/defects.md is the table. The last test breaks the real path under each of them and sees it.
"""

import msgspec
import numpy as np
import pytest
from ladder_world import fair, limit, order, start
from maker_world import MORNING, SPOT, World, continuous, make_open, make_trade, quote_ack

from quanheng.books.positions import net
from quanheng.kernels.pack import pack
from quanheng.maker import columns as c
from quanheng.maker import maker, quoting, singles
from quanheng.maker.checks import Passed
from quanheng.maker.figure_kernels import note_sent
from quanheng.maker.guard_state import FOREVER
from quanheng.maker.maker import Maker
from quanheng.maker.order_kernels import mark_sent
from quanheng.maker.quoting import quotes
from quanheng.maker.setup import open_state
from quanheng.runtime.envelope import Envelope, LinkChanged, Source, TookOver
from quanheng.terms.codes import Effect, Exec, Link, Phase, Side, TradingState
from quanheng.terms.commands import Pull, SetState
from quanheng.terms.market import ChainTick
from quanheng.terms.orders import NewOrder, OrderAck, OrderCancel, Quote, QuoteCancel, Send
from quanheng.terms.units import SECOND


def requests(effects, *kinds):
    """Requests of some kinds in the effects."""
    sends = [effect for effect in effects if isinstance(effect, Send)]
    return [r for send in sends for r in send.requests if isinstance(r, kinds)]


def set_state(world, to):
    """Two people set the state of everything."""
    return world.put(SetState("*", to, "test", "p001", "r01"))


def test_d01_quotes_and_orders_pass_one_gate():
    """D1: a risk plug-in looked at plain orders only; quotes and cancels went around it. Here a
    closed gate stops quotes and orders alike, and lets out the cancels (I-18, P01).
    """
    world = start()
    effects = set_state(world, TradingState.CANCEL_ONLY)
    world.move(SPOT + 80)
    effects += world.run(2)
    effects += order(world, 0, Side.BUY, 100)
    assert requests(effects, Quote, NewOrder) == []
    assert len(requests(effects, QuoteCancel)) == 12
    assert world.state.denied[1] == 1


def test_d02_equal_quotes_go_on_all_day():
    """D2: a duplicate counter that never expired ended quoting at the tenth equal quote. Here more
    equal quotes of a contract leave than that, each after a withdrawal (P14).
    """
    world = start()
    sent = []
    for _ in range(16):
        set_state(world, TradingState.HALTED)
        assert not world.resting
        world.at += SECOND
        effects = set_state(world, TradingState.OPEN) + world.run(0.5)
        sent += [q for q in requests(effects, Quote) if world.slot(q.contract) == 6]
    alike = [(q.bid, q.ask, q.bid_qty, q.ask_qty) for q in sent]
    assert max(map(alike.count, alike)) > 10
    assert world.state.denied[14] == 0


@pytest.mark.parametrize("acknowledged", [True, False])
def test_d03_a_pull_withdraws_quotes_and_single_orders(acknowledged):
    """D3: "cancel all" walked the orders and left the quotes alive. A pull leaves neither a quote
    nor a single order, not even one that was still on its way when it came (I-20, I-21).
    """
    world = start()
    (placed,) = requests(order(world, 0, Side.BUY, world.resting[0, 0][1] - 20), NewOrder)
    ack = OrderAck(
        Exec.ACCEPTED, placed.client_id, "", placed.contract, 5, placed.side, placed.effect,
        placed.kind, placed.price, placed.qty, world.at, 0, 0, 0, False,
    )  # fmt: skip
    effects = world.report(ack) if acknowledged else []
    effects += world.put(Pull("*", "r01"))
    effects += [] if acknowledged else world.report(ack)
    assert not world.resting
    assert [one.target for one in requests(effects, OrderCancel)] == [placed.client_id]


def test_d12_a_new_day_begins_with_nothing_of_the_old_one():
    """D12: counters and latches of one session stood in the next. A machine lives one day, refuses
    a second opening, and what crosses (positions) brings no count, trip or denial (I-42, P31).
    """
    world = start(limit("mmp_fills", 1))
    world.fill(6, 0, 5)
    order(world, 0, Side.BUY, world.resting.get((0, 1), (0, 400))[1])
    old = world.state
    assert old.scopes.trips and old.denied.any() and old.guards.counts.any()
    with pytest.raises(ValueError, match="second opening"):
        world.put(make_open(world.chain))
    kept = (old.book.long_qty, old.book.short_qty)
    new = World.start(world.chain, long=pack(kept[0]), short=pack(kept[1])).state
    assert not new.scopes.trips
    assert not new.denied.any() and not new.guards.counts.any() and not new.guards.window.any()
    assert (new.guards.messages, new.guards.deals, new.book.traded_today.sum()) == (0, 0, 0)
    assert net(new.book, 6) == 5


def test_d13_the_reduced_size_is_what_is_sent():
    """D13: the risk check returned a smaller order and the caller sent the old one. Near a limit
    the quote leaves with the size that was judged, and that size is in the table (I-14, P18).
    """
    world = continuous(World.start(parameters=(("*", "max_position", 108),)))
    for qty in (20, 20, 20):
        world.fill(3, 0, qty)
    world.run(1)
    world.fill(3, 0, 10)
    effects = world.run(1)
    sent = [q for q in requests(effects, Quote) if world.slot(q.contract) == 3 and q.bid_qty]
    assert all(0 < q.bid_qty < 20 for q in sent)
    assert world.resting[3, 0][2] in (10, 15)
    assert world.state.work[3, c.W_LIVE_QTY] == world.resting[3, 0][2]
    assert net(world.state.book, 3) + world.resting[3, 0][2] <= 108


def test_d15_the_new_id_of_a_replaced_quote_is_known():
    """D15: replacing a quote lost the new id, so later fills and cancels missed. A fill of the old
    quote, the answer, and a fill of the new one are all booked; the new id is withdrawn (I-12).
    """
    world = start()
    old = world.resting[6, 0]
    world.answer = False
    world.move(SPOT + 60)
    renewed = [q for q in world.quotes(world.tick()) if world.slot(q.contract) == 6]
    assert [q.client_id == old[0] for q in renewed] == [False]
    new = renewed[0]
    contract = world.chain.contracts[6]
    world.report(make_trade(contract, old[0], 0, old[1], 3, Effect.OPEN, world.at, old[2] - 3))
    world.report(quote_ack(new, world.at))
    world.report(make_trade(contract, new.client_id, 0, new.bid, 4, Effect.OPEN, world.at, 9))
    assert net(world.state.book, 6) == 7
    assert world.state.work[6, c.W_LIVE_QTY] == new.bid_qty - 4
    assert world.state.audit.foreign == world.state.audit.unexpected == 0
    cancels = world.cancels(world.put(Pull("*", "r01")))
    assert [q.bid for q in cancels if world.slot(q.contract) == 6] == [True]


@pytest.mark.parametrize("held", [-8, 0, 8])
def test_d16_no_order_passes_a_limit_by_flipping_through_zero(held):
    """D16: only the distance to zero was checked, so a large sale turned +8 into a short beyond the
    limit. No order of any size may leave more than 10 on either side (P18, I-36).
    """
    long, short = np.zeros((2, 12), dtype=np.int64)
    long[0], short[0] = max(held, 0), max(-held, 0)
    with pytest.MonkeyPatch.context() as desk:
        desk.setattr(quoting, "plan_class", lambda *_: (0, 0))  # no quotes take of the room
        world = start(limit("max_position", 10), long=pack(long), short=pack(short))
    assert net(world.state.book, 0) == held and not world.resting
    image, sent = world.maker.snapshot(), []
    for side in (Side.BUY, Side.SELL):
        for qty in (1, 2, 3, 10, 11, 18, 19, 28):
            world.maker.restore(image)
            effects = order(world, 0, side, fair(world, 0), qty, confirmed=True)
            after = held + (qty if side == Side.BUY else -qty)
            if requests(effects, NewOrder):
                sent.append(after)
    assert {held + 1, held - 1} <= set(sent)
    assert max(map(abs, sent)) <= 10


def test_d27_a_crash_after_any_input_repeats_and_loses_nothing():
    """D27: after a restart orders were sent twice or forgotten. A machine restored before any input
    of a life of quotes says the same from there on; as a new leader it first withdraws all that
    may rest, under ids that never came before (reliability.md 4.2, I-12).
    """
    world = World.start()
    tape = []
    apply = world.maker.apply

    def recorded(envelope):
        image = world.maker.snapshot()
        effects = list(apply(envelope))
        tape.append((image, envelope, effects))
        return effects

    world.at, world.phase = MORNING, Phase.CONTINUOUS
    world.run(1)
    world.maker.apply = recorded
    world.move(SPOT + 60)
    world.tick()
    world.fill(6, 0, 5)
    order(world, 0, Side.BUY, world.resting[0, 0][1] - 20)
    world.put(Pull(world.chain.contracts[2].code, "p001"))
    world.run(1)
    kinds = (Quote, NewOrder, QuoteCancel, OrderCancel)
    ids = [one.client_id for _, _, effects in tape for one in requests(effects, *kinds)]
    assert len(ids) == len(set(ids)) > 12
    last = max(n for n, (_, envelope, _) in enumerate(tape) if isinstance(envelope.body, ChainTick))
    for place in range(last):
        again = Maker()
        again.restore(tape[place][0])
        if place % 4 == 0:
            for _, envelope, effects in tape[place:]:
                assert list(again.apply(envelope)) == effects
            again.restore(tape[place][0])
        said, rested = takes_over(again, [envelope for _, envelope, _ in tape[place:]])
        assert not {one.client_id for one in said} & set(ids)
        assert {one.contract for one in said if isinstance(one, QuoteCancel)} == rested
        assert not {one.contract for one in said if isinstance(one, Quote)} & rested


def takes_over(leader, envelopes):
    """What a new leader sends until its first tick, and the contracts of which quotes may rest."""
    work = leader.state.work
    may = (work[:, c.W_STATE] != 0) | (work[:, c.W_COLUMNS + c.W_STATE] != 0)
    rested = {leader.state.opened.chain.contracts[slot].code for slot in np.flatnonzero(may)}
    first = envelopes[0]
    tick = next(one for one in envelopes if isinstance(one.body, ChainTick))
    effects = []
    link = (LinkChanged(Link.DOWN), LinkChanged(Link.SYNCING), LinkChanged(Link.READY))
    for number, body in enumerate((TookOver(2), *link, tick.body)):
        given = Envelope(first.seq + number, max(first.at, tick.at), Source.FEED, 0, body)
        effects += leader.apply(given)
    return requests(effects, Quote, NewOrder, QuoteCancel, OrderCancel), rested


def passes_all(x, w, *_):
    """A ladder that finds nothing wrong."""
    return Passed(np.array([w], dtype=np.int64))


def larger(state, opened, klass, passed, at):
    """Quotes of the size that was wanted before it was reduced."""
    rows = quotes(state, opened, klass, passed, at)
    return [msgspec.structs.replace(one, bid_qty=one.bid_qty and 20) for one in rows]


def not_empty(body, before):
    """A day that opens with a count."""
    state = open_state(body, before)
    state.denied[1] = 1
    return state


BREAKS = {
    "gate": (test_d01_quotes_and_orders_pass_one_gate, singles, "review", passes_all),
    "window": (
        test_d02_equal_quotes_go_on_all_day, quoting, "note_sent",
        lambda repeats, rows, at: note_sent(repeats, rows, FOREVER),
    ),
    "singles": (
        lambda: test_d03_a_pull_withdraws_quotes_and_single_orders(True), singles, "cancel_rows",
        lambda *_: [],
    ),
    "in flight": (
        lambda: test_d03_a_pull_withdraws_quotes_and_single_orders(False), singles,
        "_withdraw_barred", lambda *_: None,
    ),
    "latch": (
        test_d12_a_new_day_begins_with_nothing_of_the_old_one, maker, "open_state", not_empty,
    ),
    "size": (test_d13_the_reduced_size_is_what_is_sent, quoting, "quotes", larger),
    "id": (
        test_d15_the_new_id_of_a_replaced_quote_is_known, quoting, "mark_sent",
        lambda work, rows, first, at: mark_sent(work, rows, first + 100, at),
    ),
    "flip": (
        lambda: test_d16_no_order_passes_a_limit_by_flipping_through_zero(8), singles, "review",
        passes_all,
    ),
    "repeat": (
        test_d27_a_crash_after_any_input_repeats_and_loses_nothing, quoting, "take",
        lambda state, count: 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_path_is_seen(name, monkeypatch):
    """Each of these tests fails when the code it is about has the defect."""
    shown, module, attribute, wrong = BREAKS[name]
    monkeypatch.setattr(module, attribute, wrong)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        shown()
