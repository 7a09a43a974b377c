"""Instructions that do not trade: life, what they hold, what only reports move (I-12, I-18)."""

import instruction_world as iw
import msgspec
import pytest
from ladder_world import order
from maker_world import make_trade

from quanheng.books import combinations as combo
from quanheng.maker import columns as c
from quanheng.maker import etf_orders
from quanheng.maker.guard_state import G_LOCKED
from quanheng.maker.holdings import cover_left, units_left
from quanheng.maker.invariants import invariants
from quanheng.maker.inventory import totals_now
from quanheng.terms import business as b
from quanheng.terms.codes import Alert, Check, Effect, Exec, OrderKind, Side
from quanheng.terms.commands import (
    Combine,
    Exercise,
    InquireMargin,
    LockUnits,
    ManualCancel,
    ManualOrder,
    Split,
)
from quanheng.terms.orders import NewOrder, Send

CALL = iw.code("C", 24_500)
PUT = iw.code("P", 24_500)
HIGH, LOW = iw.code("C", 25_000), iw.code("C", 24_000)
TODAY_CALL = iw.code("C", 24_000, iw.DAY)
TODAY_PUT = iw.code("P", 25_000, iw.DAY)
BOOK = "2024062700000001"


def lock(world, qty, unlock=False):
    return world.put(LockUnits("510050", qty, unlock, iw.TRADER))


def locked(world):
    return int(world.state.guards.standing[0, G_LOCKED])


def test_a_lock_moves_nothing_before_its_report():
    """Units in flight can neither be sold covered nor locked again; the report locks them."""
    world = iw.start()
    effects = lock(world, 60_000)
    request = iw.only(effects)
    assert (request.qty, request.unlock, locked(world)) == (60_000, False, 0)
    stamp = next(e.stamp for e in effects if isinstance(e, Send))
    assert (stamp.trader, stamp.strategy, stamp.entered_by) == ("p001", "by-hand", iw.TRADER)
    assert units_left(world.state, 0) == 40_000
    assert cover_left(world.state, world.state.opened, 0) == 0
    iw.answer(world, request)
    assert (locked(world), world.state.business.working) == (60_000, {})
    assert cover_left(world.state, world.state.opened, 0) == 60_000
    iw.answer(world, iw.only(lock(world, 20_000, unlock=True)))
    assert (locked(world), units_left(world.state, 0)) == (40_000, 60_000)


def test_a_refused_lock_gives_everything_back():
    world = iw.start()
    iw.answer(world, iw.only(lock(world, 60_000)), 10836)
    assert (locked(world), units_left(world.state, 0)) == (0, iw.UNITS)
    (told,) = world.alerts(Alert.REJECTED_BY_EXCHANGE)
    assert told.args[0] == 10836


def test_units_locked_today_are_not_the_hedges_to_sell():
    """T+1 and locks together: what is locked leaves what may be sold, and comes back (I-19)."""
    world = iw.start(etf_units=(iw.UNITS,), etf_cash=10**12)
    world.move(world.spot)
    request = iw.only(lock(world, 60_000))
    given = (world.state, world.state.opened, 0, Side.SELL, world.spot)
    assert etf_orders.refusal(*given, 40_000) is None
    assert etf_orders.refusal(*given, 40_100) == Check.P18_POSITION  # a lock has no answer yet
    iw.answer(world, request)
    assert etf_orders.refusal(*given, 40_100) == Check.P18_POSITION
    assert int(world.state.etf.sellable[0]) == 40_000
    iw.answer(world, iw.only(lock(world, 60_000, unlock=True)))
    assert int(world.state.etf.sellable[0]) == iw.UNITS


def covered(world, side, qty, price=None, contract=CALL):
    slot = iw.SLOTS[contract]
    price = price or int(world.state.surface.theo[slot, c.T_PRICE] * 1e4)
    return world.put(
        ManualOrder(contract, side, OrderKind.LIMIT, price, qty, iw.TRADER, covered=True)
    )


def fill(world, request):
    row = world.chain.contracts[iw.SLOTS[request.contract]]
    side = 0 if request.side == Side.BUY else 1
    trade = make_trade(
        row, request.client_id, side, request.price, request.qty, request.effect, world.at
    )
    world.report(msgspec.structs.replace(trade, covered=request.covered))


def new_order(effects):
    found = [r for e in effects if isinstance(e, Send) for r in e.requests]
    return next((r for r in found if isinstance(r, NewOrder)), None)


def test_covered_calls_open_and_close_out_of_their_own_bucket():
    """rules.md 2.7: a covered sale needs locked units, its purchase takes no plain short."""
    world = iw.start(short={CALL: 3})
    assert new_order(covered(world, Side.SELL, 1)) is None
    iw.refused(world, 22)
    iw.answer(world, iw.only(lock(world, 30_000)))
    request = new_order(covered(world, Side.SELL, 2))
    assert (request.covered, request.effect) == (True, Effect.OPEN)
    assert cover_left(world.state, world.state.opened, 0) == 10_000
    lock(world, 20_000, unlock=True)  # what works is behind it too
    assert iw.refused(world, 22)[0] == 17622
    fill(world, request)
    slot, book = iw.SLOTS[CALL], world.state.book
    assert (book.covered_qty[slot], book.short_qty[slot]) == (2, 3)
    world.at += 10**9
    back = new_order(covered(world, Side.BUY, 2))
    assert (back.covered, back.effect) == (True, Effect.CLOSE)
    assert new_order(covered(world, Side.BUY, 1)) is None
    iw.refused(world, 24)
    fill(world, back)
    assert (book.covered_qty[slot], book.short_qty[slot]) == (0, 3)
    assert new_order(covered(world, Side.SELL, 1, contract=PUT)) is None  # only calls
    iw.refused(world, 22)


def test_a_person_may_name_open_or_close():
    world = iw.start(long={CALL: 5})
    price = int(world.state.surface.theo[iw.SLOTS[CALL], c.T_PRICE] * 1e4)
    for effect, qty, expected in ((Effect.OPEN, 2, Effect.OPEN), (None, 3, Effect.CLOSE)):
        given = ManualOrder(CALL, Side.SELL, OrderKind.LIMIT, price, qty, iw.TRADER, effect=effect)
        assert new_order(world.put(given)).effect == expected
    given = ManualOrder(CALL, Side.SELL, OrderKind.LIMIT, price, 9, iw.TRADER, effect=Effect.CLOSE)
    assert new_order(world.put(given)) is None
    iw.refused(world, 24)


def exercise(world, qty, contract=TODAY_CALL, put="", second=iw.RISK):
    return world.put(Exercise(contract, qty, iw.TRADER, put, second))


def test_an_exercise_stands_until_it_is_withdrawn():
    """It holds its contracts; its cancel goes out once and its answer frees them."""
    world = iw.start(long={TODAY_CALL: 5})
    slot = iw.SLOTS[TODAY_CALL]
    request = iw.only(exercise(world, 3))
    assert world.state.desk[slot, c.D_TIED_LONG] == 3
    iw.answer(world, request)
    exercise(world, 3)
    assert iw.refused(world, 24)[0] == 10836
    cancel = iw.only(world.put(ManualCancel(request.client_id, iw.TRADER)))
    assert isinstance(cancel, b.BusinessCancel)
    assert (cancel.business, cancel.security, cancel.target) == (
        "OTE", TODAY_CALL, request.client_id,
    )  # fmt: skip
    assert iw.sent(world.put(ManualCancel(request.client_id, iw.TRADER))) == []
    reject = b.BusinessCancelReject("OTE", cancel.client_id, request.client_id, 0, world.at, 13528)
    world.report(reject)
    assert world.state.desk[slot, c.D_TIED_LONG] == 3  # it stands on
    cancel = iw.only(world.put(ManualCancel(request.client_id, iw.TRADER)))
    gone = b.ExerciseAck(
        Exec.CANCELLED, cancel.client_id, request.client_id, 0, TODAY_CALL, 3, world.at, 0
    )
    world.report(gone)
    assert world.state.business.working == {}
    assert world.state.desk[slot, c.D_TIED_LONG] == 0


def test_merged_exercise_needs_both_legs_and_no_units():
    world = iw.start(long={TODAY_CALL: 2, TODAY_PUT: 2}, units=(0,))
    request = iw.only(exercise(world, 2, put=TODAY_PUT))
    assert {leg.contract for leg in request.legs} == {TODAY_CALL, TODAY_PUT}
    iw.answer(world, request)
    for name in (TODAY_CALL, TODAY_PUT):
        assert world.state.desk[iw.SLOTS[name], c.D_TIED_LONG] == 2
    cancel = iw.only(world.put(ManualCancel(request.client_id, iw.TRADER)))
    assert (cancel.business, cancel.security) == ("OCE", "")


def straddle(world, qty=2):
    return world.put(Combine("KS", CALL, PUT, qty, iw.TRADER))


def funds(world):
    return int(totals_now(world.state, world.state.opened, 0, world.at)[c.S_FUNDS])


def test_a_combination_counts_when_it_is_done_and_ties_its_legs():
    """Margin is saved from the report on, not from the wish; tied legs are not closed (I-33)."""
    world = iw.start(short={CALL: 3, PUT: 3})
    request = iw.only(straddle(world))
    slots = [iw.SLOTS[name] for name in (CALL, PUT)]
    before = funds(world)
    assert world.state.desk[slots, c.D_TIED_SHORT].tolist() == [2, 2]
    iw.answer(world, request)
    assert (funds(world), world.state.business.held) == (before, {})
    iw.done(world, request)
    held = world.state.business.held[BOOK]
    assert (held.strategy, held.units) == ("KS", 2)
    assert funds(world) == before - 2 * combo.saved(world.chain, held)
    price = int(world.state.surface.theo[slots[0], c.T_PRICE] * 1e4)
    order(world, slots[0], Side.BUY, price, 2, effect=Effect.CLOSE)
    iw.refused(world, 24)
    split = iw.only(world.put(Split(BOOK, 1, iw.TRADER)))
    assert (split.strategy, split.combination) == ("KS", BOOK)
    # The saving is gone at once, the legs are free only when it is done.
    assert funds(world) == before - combo.saved(world.chain, held)
    assert world.state.desk[slots, c.D_TIED_SHORT].tolist() == [2, 2]
    iw.answer(world, split)
    iw.done(world, split)
    assert world.state.business.held[BOOK].units == 1
    assert world.state.desk[slots, c.D_TIED_SHORT].tolist() == [1, 1]
    assert not any(invariants(world.state)[name] for name in ("combinations beyond the positions",))


@pytest.mark.parametrize(
    ("strategy", "first", "second"),
    [
        ("CNSJC", LOW, HIGH),
        ("CXSJC", HIGH, LOW),
        ("PNSJC", iw.code("P", 24_000), iw.code("P", 25_000)),
        ("PXSJC", iw.code("P", 25_000), iw.code("P", 24_000)),
        ("KS", CALL, PUT),
        ("KKS", HIGH, iw.code("P", 24_000)),
    ],
)
def test_all_six_strategies_are_built_and_split(strategy, first, second):
    """rules.md 3.4: legs by their side, in the order of the strategy, whatever order is named."""
    forms = combo.STRATEGIES[strategy]
    long = {n: 4 for n, form in zip((first, second), forms, strict=True) if not form.short}
    short = {n: 4 for n, form in zip((first, second), forms, strict=True) if form.short}
    world = iw.start(long=long, short=short)
    request = iw.only(world.put(Combine(strategy, first, second, 4, iw.TRADER)))
    assert [leg.short for leg in request.legs] == [form.short for form in forms]
    iw.built(world, request)
    assert world.state.business.held[BOOK].slots == (iw.SLOTS[first], iw.SLOTS[second])
    iw.built(world, iw.only(world.put(Split(BOOK, 4, iw.TRADER))))
    assert world.state.business.held == {}
    assert not world.state.desk[:, [c.D_TIED_LONG, c.D_TIED_SHORT]].any()


def test_the_exchanges_own_split_is_followed():
    """35=U12 with F under a CF1 id: held less, people told, nothing foreign."""
    world = iw.start(short={CALL: 3, PUT: 3})
    request = iw.only(straddle(world))
    iw.built(world, request)
    iw.done(world, msgspec.structs.replace(request, client_id="CF10000001"), action="F")
    assert world.state.business.held == {}
    assert world.alerts(Alert.MARGIN_HIGH)
    assert world.state.audit.foreign == 0


def test_a_split_of_more_than_is_held_is_an_error_that_names_it():
    world = iw.start(short={CALL: 3, PUT: 3})
    request = iw.only(straddle(world))
    with pytest.raises(ValueError, match="split of 2 of 0 units of 77"):
        iw.done(world, msgspec.structs.replace(request, split=True), name="77")


def test_margin_is_asked_and_shown_beside_our_own_count():
    world = iw.start(short={CALL: 3})
    request = iw.only(world.put(InquireMargin(iw.TRADER)))
    assert request.margin_account == world.state.opened.account
    effects = world.put(
        b.MarginAnswer(request.client_id, request.margin_account, 5, 7, world.at, 0)
    )
    (view,) = [e for e in effects if getattr(e, "topic", "") == "margin_answer"]
    assert view.columns == 4
    assert (world.state.business.answer.total, world.state.business.working) == (5, {})


def test_a_fill_after_the_cancel_of_a_covered_sale_still_takes_cover():
    """The order is gone for the table, its fill is a position all the same (I-12)."""
    world = iw.start(locked=(30_000,))
    request = new_order(covered(world, Side.SELL, 2))
    ack = order_ack(request, world.at)
    world.report(ack)
    world.put(ManualCancel(request.client_id, iw.TRADER))
    fill(world, request)  # crossed the cancel on its way
    assert world.state.book.covered_qty[iw.SLOTS[CALL]] == 2
    assert cover_left(world.state, world.state.opened, 0) == 10_000


def order_ack(request, at):
    from test_maker_orders import order_ack as made

    return made(request, at)


def test_reports_of_instructions_that_nobody_here_asked_for_are_followed_and_told():
    """A position is the exchange's word; a stranger's act in the account raises an alert (D28)."""
    world = iw.start(long={TODAY_CALL: 5})
    request = b.LockRequest("Z000000001", "510050", 10_000, False)
    iw.answer(world, request)
    iw.answer(world, b.ExerciseRequest("Z000000002", TODAY_CALL, 4))
    assert (locked(world), world.state.audit.foreign) == (10_000, 2)
    assert world.state.desk[iw.SLOTS[TODAY_CALL], c.D_TIED_LONG] == 4
    assert world.alerts(Alert.UNKNOWN_ORDER)


def test_quotes_do_not_close_what_combinations_hold():
    """The planner sees the free part only, so the exchange never says 10836 to a quote."""
    combined = ((BOOK, "KS", CALL, PUT, 30),)
    slot = iw.SLOTS[CALL]
    effects = {}
    for held in ((), combined):
        world = iw.start(short={CALL: 30, PUT: 30}, combinations=held, parameters=())
        effects[len(held)] = [q.bid_effect for q in world.quotes() if q.contract == CALL][-1]
        assert world.state.desk[slot, c.D_TIED_SHORT] == 30 * len(held)
    assert (effects[0], effects[1]) == (Effect.CLOSE, Effect.OPEN)


def test_covered_shorts_of_the_morning_count_in_total_and_net():
    """A covered short is part of the total position and of the net one (rules.md 4)."""
    world = iw.start(covered=iw.packed(**{f"c{CALL}": 3}), locked=(30_000,))
    assert world.state.book.covered_qty[iw.SLOTS[CALL]] == 3
    assert world.state.worst[0, c.S_TOTAL] == 3
    assert cover_left(world.state, world.state.opened, 0) == 0
