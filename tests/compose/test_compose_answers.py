"""The people of a simulated desk answer alerts and prompts as the scenario says (I-42)."""

from typing import Any, cast

import pytest
from msgspec.structs import replace

from quanheng.compose.desk_answers import DeskAnswers
from quanheng.compose.scenarios import DutyPost, Habits, load
from quanheng.runtime.envelope import RaiseAlert
from quanheng.runtime.sim import Simulation
from quanheng.terms.codes import Alert
from quanheng.terms.commands import Acknowledge, Confirm
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.units import SECOND

NOON = midnight(20240627) + from_clock("10:00")


class Posts:
    """A simulation that only remembers what was posted."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, Any, int]] = []

    def post(self, receiver: str, body: Any, at: int, *_: Any) -> None:
        self.posted.append((receiver, body, (at - NOON) // SECOND))


def answers(roster: tuple[DutyPost, ...] | None = None, **habits: int) -> tuple[Posts, DeskAnswers]:
    scenario = replace(load("calm"), habits=Habits(**habits))
    if roster is not None:
        scenario = replace(scenario, roster=roster)
    posts = Posts()
    return posts, DeskAnswers(cast(Simulation, posts), scenario)


def raised(level: int, post: str, number: int = 4) -> RaiseAlert:
    args = ("vega", number, level, 9_500, 9_500, 1, post, "")
    return RaiseAlert(Alert.MONITOR_RAISED, "510050", args)


def proposed(opens: int) -> RaiseAlert:
    return RaiseAlert(Alert.PROMPT_PROPOSED, "510050", ("vega", 5, 4, "straddle", opens, 9_500))


def test_the_post_that_is_told_acknowledges_once() -> None:
    """Told again before the answer was given, nobody answers twice; told later, somebody does."""
    posts, desk = answers(acknowledge_s=20)
    desk.hear(raised(1, "trader"), NOON, 1)
    desk.hear(raised(3, "risk"), NOON + 5 * SECOND, 2)
    assert posts.posted == [("maker", Acknowledge(4, "T01"), 20)]
    desk.hear(raised(3, "risk"), NOON + 30 * SECOND, 3)
    assert posts.posted[1:] == [("maker", Acknowledge(4, "R01"), 50)]


def test_an_absent_post_is_answered_for_by_the_trader_and_nobody_by_nobody() -> None:
    posts, desk = answers(acknowledge_s=20)
    up = RaiseAlert(Alert.MONITOR_ESCALATED, "*", ("rate", 9, 3, "head"))
    desk.hear(up, NOON, 1)
    assert posts.posted == [("maker", Acknowledge(9, "T01"), 20)]
    posts, desk = answers(roster=(), acknowledge_s=20)
    desk.hear(up, NOON, 1)
    assert posts.posted == []


@pytest.mark.parametrize(("opens", "second"), [(0, ""), (1, "R01")])
def test_a_prompt_is_confirmed_by_whom_it_needs(opens: int, second: str) -> None:
    posts, desk = answers(confirm_s=3, acknowledge_s=0)
    desk.hear(proposed(opens), NOON, 1)
    assert posts.posted == [("maker", Confirm(5, True, bool(opens), "T01", second), 3)]
    alone = (DutyPost("trader", "T01", "T02"),)
    posts, desk = answers(roster=alone, confirm_s=3)
    desk.hear(proposed(opens), NOON, 1)
    assert len(posts.posted) == (0 if opens else 1)


def test_by_default_alerts_are_seen_and_prompts_are_left() -> None:
    """Shipped days go as they did: an answer to a prompt would trade."""
    posts, desk = answers()
    desk.hear(raised(1, "trader"), NOON, 1)
    desk.hear(proposed(0), NOON, 1)
    assert [type(body) for _, body, _ in posts.posted] == [Acknowledge]
    posts, desk = answers(acknowledge_s=0)
    desk.hear(raised(1, "trader"), NOON, 1)
    assert posts.posted == []
