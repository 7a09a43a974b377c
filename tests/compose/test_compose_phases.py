"""The order line lost in each phase of the day, by each cause (F28): docs/standby.md's table."""

from pathlib import Path

import pytest
from compose_world import call

from quanheng.compose import worlds_cli
from quanheng.compose.small_phases import CAUSES, PHASES, PhaseChecks, PhaseWorld
from quanheng.edge.gateway import Gateway
from quanheng.maker import commands
from quanheng.terms.codes import Link

PAGE = Path(__file__).parents[2] / "docs" / "standby.md"


def documented() -> dict[str, list[str]]:
    """Phase -> what the page says: before, cancels, engine gone, line lost, end, afterwards."""
    text = PAGE.read_text().partition("(F28)")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines()]
    return {row[0]: row[1:] for row in rows if len(row) == 7 and row[0] in PHASES}


def differences(world: PhaseWorld, row: list[str]) -> list[str]:
    """What of a world that has run is not as its row says."""
    if world.checks.broken:
        return world.checks.broken
    before, cancels, gone, lost, end, afterwards = row
    seen = world.seen
    during = gone if world.cause == "engine gone" else lost
    told = {
        "before": before == ("quoted" if seen["before"].resting else "none"),
        "cancels": (cancels == "yes") is seen["before"].cancels,
        "during": {
            "withdrawn": seen["before"].resting > seen["during"].resting == 0,
            "stays": seen["during"].resting > 0,
            "none": seen["before"].resting == seen["during"].resting == 0,
        }[during],
        "end": end == ("quoted" if seen["phase over"].resting else "none"),
        "afterwards": afterwards == ("quoted" if seen["after"].resting else "none"),
        "link down": seen["during"].link in (-1, Link.DOWN),
        "link ready": seen["phase over"].link == seen["after"].link == Link.READY,
        "exposure": all(
            one.believed >= one.resting for one in seen.values() if one.engine_phase >= 0
        ),
        "phase": all(
            one.phase == one.engine_phase for one in seen.values() if one.engine_phase >= 0
        ),
        "doubt ends": seen["phase over"].unknown == seen["after"].unknown == 0,
    }
    return [name for name, good in told.items() if not good]


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("phase", PHASES)
def test_f28_a_line_lost_in_a_phase_is_what_the_table_says(phase: str, cause: str) -> None:
    """T-05, I-20: what is withdrawn, what stays as exposure and what comes back, and no rule of
    the small worlds is broken (positions, epochs, intents, journal).
    """
    assert differences(PhaseWorld(phase, cause).run(), documented()[phase]) == []


def test_f28_quotes_come_back_in_an_auction_without_snapshots() -> None:
    """Seed 2: no row of the class changes after the line is back, so no snapshot comes before the
    phase is over. The underlying's ticks are fresh, theory follows them, and P09 lets quotes go.
    """
    world = PhaseWorld("opening auction", "engine gone", 2).run()
    assert differences(world, documented()["opening auction"]) == []


def test_f28_the_phases_are_those_of_the_exchange() -> None:
    """Each world is struck in another phase: the exchange's letters and its no-cancel windows."""
    seen = [PhaseWorld(phase, "order line cut").run().seen["before"] for phase in PHASES]
    assert [(one.phase, one.cancels) for one in seen] == [
        (0, False), (1, True), (1, False), (3, False), (2, True),
        (3, False), (4, True), (6, True), (6, False), (7, True),
    ]  # fmt: skip


def test_f28_the_table_is_printed_for_any_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`quanheng worlds --phases`: what rested, and exit 1 with the broken rule's world."""
    monkeypatch.setattr(worlds_cli, "PHASES", {"lunch": PHASES["lunch"]})
    good = call("worlds", "--phases", "--seed", "7", "--json")
    assert good.code == 0 and good.json["ok"]
    assert [row["cause"] for row in good.json["rows"]] == list(CAUSES)
    assert all(min(row["resting"]) > 0 for row in good.json["rows"])
    monkeypatch.setattr(PhaseChecks, "after_step", lambda self: self.fail("test", "on purpose"))
    bad = call("worlds", "--phases", "--seed", "7", "--lang", "en")
    assert bad.code == 1 and "lunch / silence / seed 7: rule test" in bad.out


def test_f28_a_removed_dead_man_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the dead-man's switch a dead engine's quotes stay where they could be withdrawn."""
    monkeypatch.setattr(Gateway, "_dead_man", lambda self, now: None)
    found = differences(PhaseWorld("continuous", "engine gone").run(), documented()["continuous"])
    assert "rule 4" in found[0] and "outlive a silent engine" in found[0]


def test_f28_orders_that_are_not_doubted_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that does not doubt what was in flight counts less than rests, or quotes twice."""
    world = PhaseWorld("continuous", "silence").run()
    assert world.seen["during"].unknown > 0
    monkeypatch.setattr(commands, "lose_all", lambda work: 0)
    world = PhaseWorld("continuous", "silence").run()
    assert differences(world, documented()["continuous"]) != []
