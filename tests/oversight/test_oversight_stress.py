"""Stress with the own model: full revaluation, stories, reverse stress (R-04, rules.md 9.4)."""

import numpy as np
import pytest
from over_world import TEN, World, opening

from quanheng.kernels.desk.black import price_one
from quanheng.kernels.pack import unpack
from quanheng.oversight import figures, scenarios, stress
from quanheng.oversight.messages import CloseDay, Figures, Opening
from quanheng.oversight.scenarios import STORIES, Story
from quanheng.rulebook import margin as margin_rule
from quanheng.terms.codes import Side

CASH = 40_000_000_000


@pytest.fixture(scope="module")
def world() -> World:
    """Short more than long, with little cash, so that something breaks."""
    made = World(opening("12", account=Opening(cash=CASH, units=(200_000,))))
    for slot in range(len(made.chain.contracts)):
        made.trade(slot, Side.SELL if slot % 3 else Side.BUY, 40)
    made.quote(TEN)
    made.run(TEN)
    return made


@pytest.fixture(scope="module")
def view(world: World) -> figures.View:
    return figures.View(world.state, world.opened)


def test_oversight_stress_is_the_closed_form_revalued(world: World, view: figures.View) -> None:
    """Every node of the grid against Black-76 at the moved inputs, to half a per cent of gross."""
    model = world.state.model
    net = world.state.account.by_owner.sum(axis=0)
    for spot, vol in ((-10, 50), (5, 0), (0, 100), (-3, -30), (20, 20)):
        held = max(-10, min(10, spot)) / 100
        total = gross = 0.0
        for slot, row in enumerate(world.chain.contracts):
            expiry = int(model.expiry[slot])
            forward = float(model.forward[expiry])
            own = float(model.row_vol[model.row_of[slot]])
            terms = float(model.tau[expiry]), float(model.discount[expiry])
            sign, strike = float(model.sign[slot]), float(model.strike[slot])
            before = price_one(sign, forward, strike, own, *terms)
            after = price_one(sign, forward * (1 + held), strike, own * (1 + vol / 100), *terms)
            total += (after - before) * int(net[slot]) * row.unit
            gross += abs(after - before) * abs(int(net[slot])) * row.unit
        found = stress.outcome(view, Story("x", "", "", spot=spot, vol=vol))
        assert abs(found.options / 10_000 - total) < 0.005 * gross + 50.0, (spot, vol)
        assert found.hedge == pytest.approx(
            200_000 * int(model.spot[0]) * held, rel=1e-3, abs=2_000_000
        )


def test_oversight_stress_margin_follows_the_moved_prices(view: figures.View) -> None:
    """Margin is the maintenance formula at moved prices after netting; stories add to it."""
    calm = stress.outcome(view, Story("calm", "", ""))
    crash = stress.outcome(view, Story("crash", "", "", spot=-10, vol=100))
    dear = stress.outcome(view, Story("dear", "", "", spot=-10, vol=100, margin=50))
    assert calm.options == 0 and calm.hedge == 0 and crash.margin > calm.margin
    assert dear.margin == crash.margin * 150 // 100
    assert dear.free == crash.free + crash.margin - dear.margin
    account, opened = view.account, view.opened
    marks = view.marks
    expected = 0
    for slot, row in enumerate(opened.chain.contracts):
        left = int(account.short[slot]) - min(int(account.short[slot]), int(account.long[slot]))
        expected += left * margin_rule.maintenance(
            opened.rulebook, row.underlying_type, row.kind, row.strike, int(marks[slot]),
            int(view.model.spot[0]), row.unit,
        )  # fmt: skip
    assert calm.margin == expected


def test_oversight_stress_stories_touch_what_they_say(view: figures.View) -> None:
    """Spread, hedge and days of a story; every story of the library has words and moves."""
    calm = stress.outcome(view, Story("calm", "", ""))
    dry = stress.outcome(view, next(one for one in STORIES if one.name == "dry"))
    assert dry.exit_cost == 5 * calm.exit_cost > 0
    locked = stress.outcome(view, next(one for one in STORIES if one.name == "locked_down"))
    free = stress.outcome(view, Story("free", "", "", spot=-10, vol=50, spread=5))
    assert locked.hedge == 0 != free.hedge and locked.options == free.options
    one = stress.outcome(view, Story("one", "", "", days=1))
    three = stress.outcome(view, Story("three", "", "", days=3))
    assert abs(three.options) > abs(one.options) > 0
    assert all(story.zh and story.en for story in STORIES)
    assert len({story.name for story in STORIES}) == len(STORIES)


@pytest.mark.parametrize("axis", stress.AXES)
def test_oversight_reverse_stress_is_what_brute_force_finds(view: figures.View, axis: str) -> None:
    """The smallest move, against every tenth of a per cent looked at one by one."""
    story, most = stress.AXES[axis]
    losses = [stress.outcome(view, story, float(n)).loss for n in range(most + 1)]
    limit = sorted(losses)[len(losses) // 2]
    checks = (lambda one: one.free < 0, lambda one: one.loss > limit)
    for broken in checks:
        found = stress.smallest(view, axis, broken)
        fine = 10 if most <= 20 else 2
        slow = next(
            (n / fine for n in range(most * fine + 1)
             if broken(stress.outcome(view, story, n / fine))),
            None,
        )  # fmt: skip
        if slow is None:
            assert found is None
        else:
            assert found is not None and slow - 1 / fine - 0.01 < 100 * found <= slow + 0.01


def test_oversight_reverse_stress_says_when_it_is_broken_already(view: figures.View) -> None:
    """A limit of nothing is broken before any move; one of everything never."""
    assert stress.smallest(view, "spot_up", lambda one: True) == 0.0
    assert stress.smallest(view, "spot_up", lambda one: False) is None
    rows = stress.reverse(view, 1)
    assert [row.axis for row in rows] == [axis for axis in stress.AXES for _ in range(2)]


def test_oversight_day_ends_with_the_whole_library(world: World) -> None:
    """R-04: every node, every story, reverse stress along every axis, in one effect each."""
    told = world.say(CloseDay(), TEN + 1)
    tables = {one.topic: one for one in told if isinstance(one, Figures)}
    past = scenarios.historic(world.opened.past, unpack(world.opened.history, 2))
    assert len(tables["stress"].names) == scenarios.COUNT + len(STORIES) + len(past)
    rows = unpack(tables["stress"].rows, tables["stress"].columns)
    assert (rows[:, stress.OUTCOME_COLUMNS.index("margin")] > 0).all()
    assert rows[scenarios.CENTRE, 0] == 0
    moves = unpack(tables["reverse"].rows, tables["reverse"].columns)
    assert len(moves) == len(stress.AXES) and (moves[:, 1] >= 2_000).all()
    grid = figures.grids(
        figures.View(world.state, world.opened),
        world.state.account.by_owner.sum(axis=0),
        world.state.account.units,
    )
    worst = int(np.rint(-grid.sum(axis=0).min() * 10_000))
    assert abs(world.state.figures["*"][figures.PLACE["stress"]] - worst) <= 1


def test_oversight_stress_takes_the_worst_days_that_were(world: World, view: figures.View) -> None:
    """Appendix 2: days of the past as they were, within the limit of the class, priced whole."""
    opened = world.opened
    assert len(opened.past) == len(unpack(opened.history, 2)) > 1_000
    days = scenarios.historic(opened.past, unpack(opened.history, 2))
    spots = sorted(unpack(opened.history, 2)[:, 0].tolist())
    kept = [one.moves[0] for one in days if one.moves is not None]
    assert {*spots[: scenarios.FALLS], *spots[-scenarios.RISES :]} <= set(kept)
    assert len(kept) <= scenarios.FALLS + scenarios.RISES + scenarios.FEARS
    assert [one.name[:10] for one in days] == sorted(one.name[:10] for one in days)
    worst = min(days, key=lambda one: one.moves or (0, 0))
    assert worst.moves is not None and worst.moves[0] == spots[0] < -80_000
    found = {one.name: one for one in stress.library(view)}
    assert set(found) == {*scenarios.NODES, *(one.name for one in (*STORIES, *days))}
    like = Story("like", "", "", spot=round(worst.moves[0] / 1e4), spread=5)
    near = stress.outcome(view, like._replace(vol=round(worst.moves[1] / 1e4)))
    assert abs(found[worst.name].options - near.options) < 0.1 * abs(near.options)
    still = scenarios.historic((20240102, 20240103), np.zeros((2, 2), dtype=np.int64))
    assert still == []
