"""Prepared sets of combinations: proposed, confirmed by two, splits before builds (I-33, I-42)."""

import instruction_world as iw
import pytest

from quanheng.maker.invariants import invariants
from quanheng.maker.prompts import combination_rows, margin_row
from quanheng.terms.codes import Effect, OrderKind, Side
from quanheng.terms.commands import BuildPrepared, ManualOrder
from quanheng.terms.orders import NewOrder, Send

LOW, MIDDLE, HIGH = (iw.code("C", strike) for strike in (24_000, 24_500, 25_000))
PUT = iw.code("P", 24_500)
BOOK = "2024062700000001"


def prepared(world):
    """The set of now: {(strategy place, first, second): units}."""
    rows = combination_rows(world.state, world.state.opened).tolist()
    return {tuple(row[1:4]): row[4] for row in rows}


def stand(world, requests):
    for number, request in enumerate(requests):
        name = request.combination or f"20240627{number + 10:08d}"
        iw.built(world, request, name)


def test_a_confirmed_set_is_built_and_saves_what_was_said():
    world = iw.start(long={HIGH: 3}, short={LOW: 3, MIDDLE: 5, PUT: 5})
    before = margin_row(world.state, world.state.opened)[2]
    wanted = prepared(world)
    made = world.state.business.prepared[1]
    assert (made.before, made.after < made.before) == (before, True)
    requests = iw.sent(world.put(BuildPrepared(1, iw.TRADER, iw.RISK)))
    slots = iw.SLOTS
    assert sorted(
        (slots[r.legs[0].contract], slots[r.legs[1].contract], r.qty) for r in requests
    ) == sorted((first, second, units) for (_, first, second), units in wanted.items())
    stamps = [e.stamp for e in world.effects if isinstance(e, Send) and iw.sent([e])]
    assert {(one.strategy, one.entered_by) for one in stamps} == {("prepared", iw.TRADER)}
    stand(world, requests)
    assert margin_row(world.state, world.state.opened)[2] == made.after
    assert prepared(world) == {}


def test_splits_go_first_and_builds_follow_their_reports():
    """What a build needs stands in another combination: nothing is built before that is split."""
    held = ((BOOK, "CXSJC", HIGH, LOW, 3),)
    world = iw.start(long={HIGH: 3, MIDDLE: 3}, short={LOW: 3, PUT: 3}, combinations=held)
    wanted = prepared(world)
    assert sorted(units > 0 for units in wanted.values()) == [False, True]
    (split,) = iw.sent(world.put(BuildPrepared(1, iw.TRADER, iw.RISK)))
    assert (split.split, split.combination, split.qty) == (True, BOOK, 3)
    assert iw.sent(iw.answer(world, split)) == []
    (build,) = iw.sent(iw.done(world, split, BOOK))
    assert (build.split, build.legs[0].contract) == (False, MIDDLE)
    stand(world, [build])
    assert world.state.business.queued == []
    assert invariants(world.state)["combinations beyond the positions"] == 0


def test_builds_wait_for_a_split_in_doubt():
    """UNKNOWN is no reason to go on: the legs may still be tied."""
    held = ((BOOK, "CXSJC", HIGH, LOW, 3),)
    world = iw.start(long={HIGH: 3, MIDDLE: 3}, short={LOW: 3}, combinations=held)
    prepared(world)
    (split,) = iw.sent(world.put(BuildPrepared(1, iw.TRADER, iw.RISK)))
    assert iw.sent(iw.lose_line(world)) == []
    assert len(world.state.business.queued) == 1
    iw.answer(world, split)
    assert iw.sent(iw.done(world, split, BOOK))


@pytest.mark.parametrize("second", ["", iw.TRADER])
def test_a_set_needs_two_people(second):
    world = iw.start(long={HIGH: 3}, short={LOW: 3})
    prepared(world)
    assert iw.sent(world.put(BuildPrepared(1, iw.TRADER, second))) == []
    assert 1 in world.state.business.prepared


def test_a_set_is_carried_out_once_and_only_the_newest():
    world = iw.start(long={HIGH: 3}, short={LOW: 3})
    prepared(world)
    prepared(world)
    assert iw.sent(world.put(BuildPrepared(1, iw.TRADER, iw.RISK))) == []
    assert iw.sent(world.put(BuildPrepared(2, iw.TRADER, iw.RISK)))
    assert iw.sent(world.put(BuildPrepared(2, iw.TRADER, iw.RISK))) == []


def test_a_set_that_the_market_has_overtaken_is_cut_to_what_is_free():
    """Two of the three longs are being sold: one unit is built, the ladder sees the rest."""
    world = iw.start(long={HIGH: 3}, short={LOW: 3})
    prepared(world)
    price = int(world.state.surface.theo[iw.SLOTS[HIGH], 0] * 1e4) + 20
    effects = world.put(
        ManualOrder(HIGH, Side.SELL, OrderKind.LIMIT, price, 2, iw.TRADER, effect=Effect.CLOSE)
    )
    assert any(isinstance(r, NewOrder) for e in effects if isinstance(e, Send) for r in e.requests)
    (request,) = iw.sent(world.put(BuildPrepared(1, iw.TRADER, iw.RISK)))
    assert request.qty == 1
