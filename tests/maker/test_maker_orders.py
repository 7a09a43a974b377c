"""Lives of quotes and orders under every order of answers (house.md 6.5, I-12)."""

import itertools

import numpy as np
import pytest
from maker_world import World, cancel_ack, continuous, make_trade, quote_ack

from quanheng.books.positions import net
from quanheng.maker import columns as c
from quanheng.maker import order_kernels as k
from quanheng.maker.invariants import invariants
from quanheng.maker.lifecycle import IMPOSSIBLE, NEXT, TABLE, Event, Life
from quanheng.maker.messages import Resync
from quanheng.runtime.envelope import LinkChanged, NotSent, TookOver
from quanheng.terms.codes import Alert, Effect, Exec, Link, OrderKind, Side
from quanheng.terms.commands import ManualCancel, ManualOrder
from quanheng.terms.orders import (
    CancelReject,
    NewOrder,
    OrderAck,
    OrderCancel,
    Report,
    Reports,
    RequestRejected,
    Send,
    Unreadable,
)
from quanheng.terms.records import LimitRecord


def side_of(world, slot, side):
    base = side * c.W_COLUMNS
    return world.state.work[slot, base : base + c.W_COLUMNS].tolist()


def test_the_table_has_an_answer_for_every_life_and_event():
    """Complete, only known lives, only sends are ever impossible; the day's end ends all."""
    assert NEXT.shape == (len(Life), len(Event))
    for life, row in zip(Life, TABLE, strict=True):
        for event, to in zip(Event, row, strict=True):
            assert to in set(Life) or (to == IMPOSSIBLE and event in (Event.SEND, Event.CANCEL))
        assert row[Event.END] == Life.NONE
        assert (row[Event.SEND] == IMPOSSIBLE) == (life not in (Life.NONE, Life.WORKING))


def replacing():
    """One contract with a live bid of id 1 (100 x 20) that is being replaced by id 2 (101 x 20)."""
    work = np.zeros((1, 2 * c.W_COLUMNS), dtype=np.int64)
    want = np.zeros((1, c.Q_COLUMNS), dtype=np.int64)
    want[0, [c.Q_BID, c.Q_BID_QTY]] = 100, 20
    k.mark_sent(work, want, 1, 0)
    k.answer_quote(work, 0, 1, True, 100, 20, 0, 0, 0, 0, 5)
    want[0, c.Q_BID] = 101
    assert k.mark_sent(work, want, 2, 10) == 0
    return work


STEPS = {
    "fill old": lambda work: k.fill(work, 0, 0, 1, 5),
    "fill new": lambda work: k.fill(work, 0, 0, 2, 7),
    "fill new again": lambda work: k.fill(work, 0, 0, 2, 3),
    "ack": lambda work: k.answer_quote(work, 0, 2, True, 101, 20, 0, 0, 0, 0, 12),
}


@pytest.mark.parametrize("order", list(itertools.permutations(STEPS)))
def test_fills_and_the_acknowledgement_may_come_in_any_order(order):
    """Every interleaving ends with the new quote at 20 - 7 - 3, never counting less on the way."""
    work = replacing()
    for name in order:
        STEPS[name](work)
        assert k.resting(work, 0, 0) >= 10
    assert work[0, : c.W_COLUMNS].tolist()[:4] == [Life.WORKING, 2, 101, 10]


CANCEL_STEPS = {
    "fill": lambda work: k.fill(work, 0, 0, 1, 5),
    "late fill": lambda work: k.fill(work, 0, 0, 1, 4),
    "cancelled": lambda work: k.answer_cancel(work, 0, 9, True, False),
}


@pytest.mark.parametrize("order", list(itertools.permutations(CANCEL_STEPS)))
def test_a_fill_after_its_cancel_is_told_as_late(order):
    """The order table is empty at the end; what came after the cancel is late, never lost."""
    work = np.zeros((1, 2 * c.W_COLUMNS), dtype=np.int64)
    work[0, : c.W_LIVE_EFFECT] = Life.WORKING, 1, 100, 20
    k.mark_cancel(work, np.array([[0, 1, 0]], dtype=np.int64), 9, 0)
    late = 0
    for name in order:
        late += CANCEL_STEPS[name](work) == k.FILL_LATE and name != "cancelled"
    assert late == len(order) - 1 - order.index("cancelled")
    assert not work[0, : c.W_SENT_AT].any()


def test_a_rejected_replacement_leaves_the_old_quote_working():
    """35=AJ 8/8: what rested rests on, the new one is gone."""
    work = replacing()
    assert k.answer_quote(work, 0, 2, False, 101, 20, 0, 0, 0, 0, 12) == 0
    assert work[0, : c.W_LIVE_EFFECT].tolist() == [Life.WORKING, 1, 100, 20]


def test_a_side_that_goes_by_itself_leaves_what_was_sent_since():
    """Without a cancel of ours: what rested is gone, what is in flight waits on (scope 10)."""
    work = replacing()
    assert k.withdrawn(work, 0, 1, True, False) == 0
    assert (work[0, c.W_STATE], k.resting(work, 0, 0)) == (Life.PENDING, 20)
    assert k.withdrawn(work, 0, 1, True, True) == 1
    k.answer_quote(work, 0, 2, True, 101, 20, 0, 0, 0, 0, 12)
    assert k.mark_cancel(work, np.array([[0, 1, 0]], dtype=np.int64), 9, 20) == 0
    assert k.withdrawn(work, 0, 2, True, False) == 0
    assert (work[0, c.W_STATE], k.resting(work, 0, 0)) == (Life.CANCELLING, 0)
    k.answer_cancel(work, 0, 9, False, True)
    assert work[0, c.W_STATE] == Life.NONE


def test_unknown_counts_at_full_size_until_there_is_evidence():
    """Link lost: old and new both count; a late acknowledgement settles it."""
    work = replacing()
    assert k.lose_all(work) == 1
    assert (work[0, c.W_STATE], k.resting(work, 0, 0)) == (Life.UNKNOWN, 40)
    k.answer_quote(work, 0, 2, True, 101, 20, 0, 0, 0, 0, 12)
    assert (work[0, c.W_STATE], k.resting(work, 0, 0)) == (Life.WORKING, 20)


def test_unknown_ends_by_a_cancel_answered_or_refused_for_lack_of_a_target():
    """Both answers prove that nothing rests; any other refusal proves nothing."""
    for accepted, gone, life in ((True, False, 0), (False, True, 0), (False, False, 5)):
        work = replacing()
        k.lose_all(work)
        assert k.mark_cancel(work, np.array([[0, 1, 0]], dtype=np.int64), 3, 20) == 0
        k.answer_cancel(work, 0, 3, accepted, gone)
        assert work[0, c.W_STATE] == life
        assert k.resting(work, 0, 0) == (40 if life else 0)


def test_proof_that_it_never_left_restores_what_rested():
    """NotSent and 35=22 take the request back without touching the live quote."""
    for unsent in (True, False):
        work = replacing()
        assert k.refused_by_id(work, 2, unsent) == 0
        assert work[0, : c.W_LIVE_EFFECT].tolist() == [Life.WORKING, 1, 100, 20]
        assert k.refused_by_id(work, 2, unsent) == -1


def test_duplicates_are_dropped_and_a_gap_asks_for_a_replay_once():
    """Report indices: a repeated fill is no second position, a gap holds the set back (I-12)."""
    world = continuous(World.start())
    world.fill(0, 0, 5)
    assert net(world.state.book, 0) == 5
    body = make_trade(world.chain.contracts[0], "M000000009", 0, 700, 5, Effect.OPEN, world.at)
    world.put(Reports([Report("300", world.index, body)]))
    assert net(world.state.book, 0) == 5
    missing = world.index + 1
    effects = world.put(Reports([Report("300", missing + 1, body)]))
    effects += world.put(Reports([Report("300", missing + 2, body)]))
    assert [e for e in effects if isinstance(e, Resync)] == [Resync({"300": missing})]
    assert net(world.state.book, 0) == 5
    assert invariants(world.state)["reports missing"] == 1
    replay = [Report("300", missing + i, body) for i in range(3)]
    world.put(Reports(replay))
    assert net(world.state.book, 0) == 20
    assert invariants(world.state)["reports missing"] == 0


def test_a_lost_link_stops_everything_and_ready_sweeps_what_stayed_unknown():
    """DOWN: no sends, UNKNOWN in full; READY: cancel first, quote again when answered."""
    world = continuous(World.start())
    world.answer = False
    world.move(world.spot + 60)
    sent = world.quotes(world.tick())
    assert sent
    world.put(LinkChanged(Link.DOWN))
    unknown = invariants(world.state)["orders unknown"]
    assert unknown > 0
    assert not [e for e in world.run(2) if isinstance(e, Send)]
    effects = world.put(LinkChanged(Link.SYNCING))
    assert Resync({"300": world.index + 1}) in effects
    effects = world.put(LinkChanged(Link.READY))
    cancels = world.cancels(effects)
    assert len(cancels) == len({request.contract for request in sent})
    busy = {request.contract for request in cancels}
    assert not [r for r in world.quotes(effects) if r.contract in busy]
    assert invariants(world.state)["orders unknown"] == unknown
    for request in cancels:
        world.report(cancel_ack(request, world.at))
    world.answer = True
    world.run(1.5)
    assert invariants(world.state)["orders unknown"] == 0
    assert set(world.resting) == {(slot, side) for slot in range(12) for side in range(2)}


def test_a_new_leader_uses_fresh_ids_and_pulls_everything_first():
    """TookOver: higher epoch in the ids, a new block, cancel of all that may rest, then quotes."""
    world = continuous(World.start())
    counter = world.state.ids.counter
    world.answer = False
    world.put(TookOver(2))
    assert world.state.ids.counter > counter
    assert world.state.ids.counter % 4_096 == 0
    effects = world.run(0.5)
    cancels = world.cancels(effects)
    assert len(cancels) == 12
    assert not world.quotes(effects)
    assert all(request.client_id.startswith("M002") for request in cancels)
    before = len(world.quotes())
    world.answer = True
    world.reply(cancels)
    again = world.quotes()[before:]
    assert {r.contract for r in again} == {r.contract for r in cancels}
    assert len({request.client_id for request in world.quotes()}) == len(world.quotes())
    with pytest.raises(ValueError, match="epoch 1 after 2"):
        world.put(TookOver(1))


def test_client_ids_are_ten_characters_and_never_repeat():
    """Letter, epoch base 36 x 3, counter base 36 x 6 (borders.md 4)."""
    world = continuous(World.start(letter="K", epoch=71))
    ids = [request.client_id for request in world.quotes()]
    assert len(set(ids)) == len(ids) >= 12
    assert all(len(i) == 10 and i.startswith("K01Z") and i.isalnum() and i.isupper() for i in ids)
    with pytest.raises(ValueError, match="'Q'"):
        World.start(letter="Q")


def test_an_exchange_rejection_waits_and_then_tries_again():
    """No storm: the contract is left alone for the parameter's time (P33)."""
    patient = LimitRecord("*", "wait", 60_000, 0, 0, "test", "r01", "h01")  # P34 has its own test
    world = continuous(World.start(granted=(patient,)))
    world.answer = False
    world.move(world.spot + 60)
    first = world.quotes(world.tick())[0]
    world.report(quote_ack(first, world.at, 17_574, Exec.REJECTED))
    assert world.alerts(Alert.REJECTED_BY_EXCHANGE)[-1].args == (17_574, first.contract)
    held = [r for r in world.quotes(world.run(1)) if r.contract == first.contract]
    assert not held
    again = [r for r in world.quotes(world.run(2)) if r.contract == first.contract]
    assert len(again) == 1
    world.put(RequestRejected(again[0].client_id, 10_740))
    slot = world.slot(first.contract)
    assert side_of(world, slot, 0)[0] == Life.WORKING


def test_withheld_requests_come_back_and_are_sent_again():
    """NotSent: released effects that never left leave no trace in the exposure."""
    world = continuous(World.start())
    world.answer = False
    world.move(world.spot + 60)
    sent = world.quotes(world.tick())
    world.put(NotSent([request.client_id for request in sent], "not leader"))
    assert not (world.state.work[:, [c.W_PEND_ID, c.W_COLUMNS + c.W_PEND_ID]]).any()
    again = world.quotes(world.run(0.5))
    assert {r.contract for r in again} == {r.contract for r in sent}


def manual(world, side, price, qty, kind=OrderKind.LIMIT, slot=0):
    contract = world.chain.contracts[slot].code
    effects = world.put(ManualOrder(contract, side, kind, price, qty, "p001"))
    return [r for e in effects if isinstance(e, Send) for r in e.requests]


def order_ack(request, at, exec_=Exec.ACCEPTED, target="", ident=None):
    return OrderAck(
        exec_, ident or request.client_id, target, request.contract, 5, request.side,
        request.effect, request.kind, request.price, request.qty, at, 0, 0, 0, False,
    )  # fmt: skip


def test_a_manual_order_passes_the_same_ladder_and_lives_by_the_same_table():
    """Placed, counted, kept apart from the own quotes, cancelled (I-12, I-18, P30)."""
    world = continuous(World.start())
    assert manual(world, Side.BUY, world.resting[0, 1][1], 5) == []  # meets the own ask
    assert world.state.denied[13] == 1
    (request,) = manual(world, Side.BUY, world.resting[0, 0][1] - 20, 5)
    assert isinstance(request, NewOrder)
    assert world.state.desk[0, c.D_ORDER_BUY] == 5
    world.report(order_ack(request, world.at))
    trade = make_trade(
        world.chain.contracts[0], request.client_id, 0, request.price, 2, Effect.OPEN, world.at
    )
    world.report(trade)
    assert (net(world.state.book, 0), world.state.desk[0, c.D_ORDER_BUY]) == (2, 3)
    effects = world.put(ManualCancel(request.client_id, "p009"))
    (cancel,) = [r for e in effects if isinstance(e, Send) for r in e.requests]
    assert isinstance(cancel, OrderCancel)
    assert cancel.target == request.client_id
    world.report(order_ack(request, world.at, Exec.CANCELLED, request.client_id, cancel.client_id))
    assert not world.state.orders
    assert world.state.desk[0, c.D_ORDER_BUY] == 0


def test_a_single_order_in_flight_is_unknown_after_a_lost_link():
    """It stays in the exposure until its cancel is answered."""
    world = continuous(World.start())
    (request,) = manual(world, Side.SELL, world.resting[0, 1][1] + 30, 5)
    world.put(LinkChanged(Link.DOWN))
    assert invariants(world.state)["orders unknown"] == 1
    assert world.state.desk[0, c.D_ORDER_SELL] == 5
    world.put(LinkChanged(Link.SYNCING))
    effects = world.put(LinkChanged(Link.READY))
    cancels = [r for e in effects if isinstance(e, Send) for r in e.requests]
    cancels = [r for r in cancels if isinstance(r, OrderCancel)]
    assert [cancel.target for cancel in cancels] == [request.client_id]
    gone = CancelReject(cancels[0].client_id, request.client_id, 0, world.at, 19082)
    world.report(gone)
    assert not world.state.orders
    assert world.state.desk[0, c.D_ORDER_SELL] == 0


def test_a_report_nobody_could_read_counts_and_is_told():
    """Its index goes on, people hear where it stood, and what follows is folded in (I-12)."""
    world = continuous(World.start())
    world.run(1)
    before = world.state.next_index.get("300", 1)
    world.index = before - 1
    effects = world.report(Unreadable(0, 20054))
    told = [one for one in effects if getattr(one, "code", None) == Alert.RECORD_QUARANTINED]
    assert [(one.scope, one.args) for one in told] == [("300", (before, 20054))]
    follows = world.report(Unreadable(0, 19036))
    assert world.state.next_index["300"] == before + 2
    assert not any(isinstance(one, Resync) for one in [*effects, *follows])
