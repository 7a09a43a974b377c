"""The house's own rules bind the maker alone (Q-08, house.md 7)."""

from pathlib import Path

from quanheng.compose.day import DayPlan, World
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.rulebook import spread
from quanheng.terms.units import SECOND

HOUSE = """
authority = "house"
[[rule]]
key = "spread.near.ratio"
value = "0.08"
from = 20240101
source = "the desk's own limit"
"""


def test_a_house_rule_reaches_only_the_maker(tmp_path: Path) -> None:
    """Q-08: exchange and rating judge by the guide, the maker quotes by the tighter house."""
    path = tmp_path / "house.toml"
    path.write_text(HOUSE, encoding="utf-8")
    plan = DayPlan(
        scenario=load("calm"), config=read_config(), cadence=3 * SECOND, pick="12", house=path
    )
    world = World(plan)
    openings = world.openings
    assert spread.band(openings.maker().rulebook, 1) == (2, 25, 25)
    assert spread.band(openings.venue().rulebook, 1) == (1, 10, 25)
    assert spread.band(world.book, 1) == (1, 10, 25)
