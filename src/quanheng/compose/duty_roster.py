"""A scenario's roster as what people do: who signs on and off, and when (O-02)."""

from quanheng.compose.people import People
from quanheng.compose.scenarios import DutyPost, Scenario, ScenarioError, clock
from quanheng.maker.roster import HOUSE, TRADER
from quanheng.terms.commands import SignOn
from quanheng.terms.units import Nanos


def signs(scenario: Scenario, midnight: Nanos, earliest: Nanos) -> list[tuple[Nanos, SignOn]]:
    """Sign-ons and sign-offs of a day in order of time; nobody comes before the instant `earliest`.

    The backup comes before the main one, so that the main one is on duty, and leaves before. At one
    instant people come before others leave: a hand-over leaves no gap. Who stays in the same seat
    by another entry of the roster does not leave it.
    """
    comings, leavings = [], []
    for post in scenario.roster:
        start = max(midnight + clock(scenario.name, post.start), earliest)
        stop = midnight + clock(scenario.name, post.stop)
        for scope in post.classes or (HOUSE,):
            for person in (post.backup, post.main):
                comings.append((start, SignOn(post.post, person, True, scope)))
                if not _stays(scenario, post, person, scope):
                    leavings.append((stop, SignOn(post.post, person, False, scope)))
    return sorted([*comings, *leavings], key=lambda one: one[0])


def _stays(scenario: Scenario, left: DutyPost, person: str, scope: str) -> bool:
    """True when another entry keeps a person in a seat at the end of one."""
    at = clock(scenario.name, left.stop)
    return any(
        post.post == left.post
        and person in (post.main, post.backup)
        and scope in (post.classes or (HOUSE,))
        and clock(scenario.name, post.start) <= at < clock(scenario.name, post.stop)
        for post in scenario.roster
    )


def check(scenario: Scenario, people: People) -> None:
    """ScenarioError names who is on the roster without holding the post, or without being permitted
    for the classes.
    """
    known = {entry.person: entry for entry in people.people}
    for post in scenario.roster:
        key = f"scenario {scenario.name}: roster {post.post}"
        if post.classes and post.post != TRADER:
            raise ScenarioError(f"{key}: only a {TRADER} has classes")
        for person in (post.main, post.backup):
            entry = known.get(person)
            if entry is None or post.post not in entry.posts:
                raise ScenarioError(f"{key}: {person} does not hold this post (people.toml)")
            if post.post == TRADER and entry.classes:
                over = [scope for scope in post.classes or (HOUSE,) if scope not in entry.classes]
                if over:
                    raise ScenarioError(f"{key}: {person} may not trade {over[0]} (people.toml)")
