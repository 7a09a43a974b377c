"""A flood of inquiries, one in the last second, one that comes twice (F57, Q-06)."""

import pytest
from inquiry_world import GENERAL, SLOT, ask, asked, counted, live, stage, start, told

from quanheng.duties import measure
from quanheng.maker import inquiries
from quanheng.maker.inquiry_life import Stage
from quanheng.runtime.state import encode_state
from quanheng.terms.codes import Alert, Phase
from quanheng.terms.units import MILLISECOND, SECOND


def flood(world, count, contracts=1):
    """One inquiry a millisecond."""
    for number in range(count):
        world.at += MILLISECOND
        ask(world, f"RQ{number}", SLOT + number % contracts)


def test_f57_each_of_a_flood_is_answered_in_time_or_counted():
    """4,300 inquiries in 4.3 s for one contract: the quote answers what is remembered, the rest
    is told as missed, and the duty meter has them all.
    """
    world = start()
    count = inquiries.MOST + 204
    flood(world, count)
    live(world, 20)
    queue, missed = world.state.inquiries, told(world, Alert.INQUIRY_MISSED)
    assert len(missed) == 204 and all(why == "queue" for _, why in missed)
    assert counted(world) == (inquiries.MOST, inquiries.MOST)
    assert {one.stage for one in queue.asked.values()} == {Stage.HELD}
    assert all(one.since <= one.due for one in queue.asked.values())
    assert world.state.audit.inquiries == count
    lane = measure.settled(world.state.meter, world.state.meter.lanes[SLOT], world.at + 60 * SECOND)
    assert (lane.cells[0].inquiries, lane.cells[0].answered) == (count, count)


def test_f57_a_maker_of_inquiries_alone_answers_all_with_one_quote():
    """Nothing rests before; after the first question one quote stands for all of them."""
    world = start(roles=GENERAL)
    flood(world, 600, 4)
    assert len(world.quotes()) <= 4 * 3
    live(world, 20)
    for slot in range(SLOT, SLOT + 4):
        assert counted(world, slot) == (150, 150)
    assert not told(world, Alert.INQUIRY_MISSED)


def test_f57_memory_is_bounded(monkeypatch):
    """Three floods after one another need what one needs: queue, numbers and lanes."""
    monkeypatch.setattr(inquiries, "MOST", 200)
    world, sizes = start(), []
    for round_ in range(3):
        for number in range(400):
            world.at += MILLISECOND
            ask(world, f"RQ{round_}-{number}")
        queue = world.state.inquiries
        assert len(queue.asked) <= 200 and len(queue.numbers) <= 200
        live(world, 40)
        assert not queue.open and len(world.state.meter.lanes[SLOT].watches) <= 400
        sizes.append(len(encode_state(world.state)))
    assert max(sizes) - min(sizes) < 2_000


def test_f57_a_flood_costs_each_inquiry_its_own_look(monkeypatch):
    """The growth law: twice the inquiries of one contract, twice the work, not four times."""
    real, looks = inquiries._look, [0]

    def counting(*given):
        looks[0] += 1
        return real(*given)

    monkeypatch.setattr(inquiries, "_look", counting)
    spent = []
    for count in (200, 400):
        looks[0] = 0
        flood(start(), count)
        spent.append(looks[0])
    assert spent == [200, 400]


@pytest.mark.parametrize("phase", [Phase.BREAK, Phase.CLOSING])
def test_f57_one_in_the_last_second_is_excused_and_not_owed_further(phase):
    """Asked half a second before continuous trading ends: the hold cannot be kept (A34)."""
    world = start()
    ask(world)
    world.at += 500 * MILLISECOND
    world.phase = phase
    world.tick()
    live(world, 20)
    assert stage(world) == Stage.EXCUSED and asked(world).why == "phase"
    assert counted(world) == (0, 0) and not told(world, Alert.INQUIRY_MISSED)
    assert not world.state.inquiries.open


def test_f57_one_that_comes_again_in_a_flood_is_one():
    """The same number three times among others: one verdict, two duplicates counted."""
    world = start()
    flood(world, 50)
    for _ in range(2):
        assert ask(world, "RQ7") == []
    live(world, 20)
    assert counted(world) == (50, 50) and world.state.audit.duplicates == 2
