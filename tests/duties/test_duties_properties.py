"""What must not change the figures: how a history is cut, shifted, ordered or numbered (E-01)."""

from random import Random

import msgspec
import numpy as np
import pytest
from duty_streams import History, random_history, random_options, with_market

from quanheng.duties.figures import arranged, differences, merged
from quanheng.terms.units import SECOND

SEEDS = range(40)


def a_history(seed: int) -> History:
    random = Random(seed)
    history = random_history(random, random.choice((10, 40, 120)))
    history.options = random_options(random)
    return with_market(random, history)


def moved(history: History, shift: int) -> History:
    """Everything later by `shift` ns."""
    other = History(history.subjects, history.makers)
    other.options = history.options
    other.phases = {(s, t + shift): p for (s, t), p in history.phases.items()}
    other.quotes = {(s, m, t + shift): q for (s, m, t), q in history.quotes.items()}
    other.trades = [(s, t + shift, *rest) for s, t, *rest in history.trades]
    other.inquiries = [(s, t + shift) for s, t in history.inquiries]
    other.exemptions = [(m, s, a + shift, b + shift) for m, s, a, b in history.exemptions]
    other.market = {(s, t + shift): q for (s, t), q in history.market.items()}
    return other


@pytest.mark.parametrize("seed", SEEDS)
def test_cutting_an_interval_changes_nothing(seed: int) -> None:
    """A quote sent again as it stands, or a book row again, splits an interval and no figure; with
    A19 a quote sent again is an answer, so that reading is left out here.
    """
    random = Random(seed)
    history = a_history(seed)
    history.options = msgspec.structs.replace(history.options, fresh=0)
    whole = history.batch()
    for table in (history.quotes, history.market):
        rows = sorted(table.items())
        for (key, row), following in zip(rows, [*rows[1:], None], strict=True):
            end = following[0][-1] if following and following[0][:-1] == key[:-1] else key[-1] + 99
            if end - key[-1] > 1 and random.random() < 0.5:
                table[(*key[:-1], random.randrange(key[-1] + 1, end))] = row
    assert differences(history.batch(), whole) == []
    assert differences(history.incremental(random), whole) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_shifting_time_changes_nothing(seed: int) -> None:
    """The same day an hour later, closed before midnight, has the same figures."""
    history = a_history(seed)
    for slot in range(len(history.subjects)):
        history.phases[slot, 80_000 * SECOND] = 7
    later = moved(history, 3_600 * SECOND)
    assert differences(later.batch(), history.batch()) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_permuting_makers_changes_nothing(seed: int) -> None:
    """Makers in another order have the same figures, row by row."""
    history = a_history(seed)
    order = Random(seed).sample(range(len(history.makers)), len(history.makers))
    place = {old: new for new, old in enumerate(order)}
    other = moved(history, 0)
    other.makers = tuple(history.makers[old] for old in order)
    other.quotes = {(s, place[m], t): q for (s, m, t), q in history.quotes.items()}
    other.exemptions = [(place[m], s, a, b) for m, s, a, b in history.exemptions]
    other.trades = [
        (s, t, p, q, place.get(buyer, -1), place.get(seller, -1))
        for s, t, p, q, buyer, seller in history.trades
    ]
    contracts = tuple(item.contract for item in history.subjects)
    again = arranged(other.batch(), history.makers, contracts)
    assert differences(again, history.batch()) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_cells_measured_apart_merge_to_the_whole(seed: int) -> None:
    """A day measured cell group by cell group is the day (the whole market's way)."""
    history = a_history(seed)
    draw = np.random.default_rng(seed)
    group = draw.integers(0, 3, (len(history.makers), len(history.subjects)))
    parts = [history.cells((group == number).astype(np.int64)) for number in range(3)]
    found = msgspec.structs.replace(merged(parts), active=np.ones_like(group))
    assert differences(found, history.batch()) == []
