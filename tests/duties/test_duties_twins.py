"""Incremental, batch and slow reference give exactly equal figures (E-01 to E-05, Q-08)."""

from random import Random

import pytest
from duty_streams import random_history, random_options, with_market
from slow_reference import Reference

from quanheng.duties.figures import differences, spread_ratio
from quanheng.terms.codes import PHASE_LETTERS

LETTERS = dict(enumerate(PHASE_LETTERS))


@pytest.mark.parametrize("seed", range(150))
def test_incremental_equals_batch(seed: int) -> None:
    """Random histories in any order within an instant, through a snapshot, give one result."""
    random = Random(seed)
    history = random_history(random, random.choice((10, 60, 300)))
    batch = history.batch()
    live = history.incremental(random, restore_at=random.randrange(20))
    assert differences(live, batch) == []


@pytest.mark.parametrize("block", range(20))
def test_ten_thousand_small_histories(block: int) -> None:
    """Events and arrays agree on many short days of any readings (Q-08)."""
    for seed in range(500):
        random = Random(100_000 + 500 * block + seed)
        history = random_history(random, random.choice((4, 8, 16)))
        if seed % 2:
            history.options = random_options(random)
            with_market(random, history)
        assert differences(history.incremental(random), history.batch()) == [], (block, seed)


@pytest.mark.parametrize("block", range(20))
def test_every_reading_three_ways(block: int) -> None:
    """Any combination of readings: events, arrays and the slow reference agree (rules.md 11)."""
    for seed in range(20):
        random = Random(1_000 * block + seed)
        history = random_history(random, random.choice((6, 20, 40)))
        history.options = random_options(random)
        with_market(random, history)
        batch = history.batch()
        live = history.incremental(random, restore_at=random.randrange(20))
        assert differences(live, batch) == [], (block, seed, history.options)
        reference = Reference(history, history.options, LETTERS)
        moments = sorted(
            {
                end
                for maker in range(len(history.makers))
                for slot in range(len(history.subjects))
                for end, _ in reference.cell(maker, slot).breaks
            }
        )
        for maker in range(len(history.makers)):
            for slot in range(len(history.subjects)):
                slow = reference.cell(maker, slot)
                place = (maker, slot)
                fast = {
                    "obliged": int(batch.obliged[place]),
                    "quoted": int(batch.quoted[place]),
                    "compliant": int(batch.compliant[place]),
                    "ratio": spread_ratio(batch, maker, slot),
                    "opening": int(batch.opening[place]),
                    "closing": int(batch.closing[place]),
                    "breaks": [
                        (moments[moment], joined)
                        for m, s, moment, joined in batch.breaks.tolist()
                        if (m, s) == place
                    ],
                    "inquiries": int(batch.inquiries[place]),
                    "answered": int(batch.answered[place]),
                    "volume": int(batch.volume[place]),
                }
                assert fast == vars(slow), (block, seed, place, history.options)
