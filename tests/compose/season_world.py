"""Short days on top of a carried state, for the tests of what crosses days."""

from quanheng.compose.carry_out import carried_to
from quanheng.compose.closing import DayResult, finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.exchange import listing
from quanheng.settlement import carry
from quanheng.terms.units import SECOND


def run_day(
    day: int, opening: carry.Carry | None, *events: listing.ExRight, until: str = "09:40"
) -> tuple[World, DayResult]:
    """A short day of a few contracts on top of a carried state."""
    world = World(
        DayPlan(
            scenario=load("calm"),
            config=read_config(),
            seed=3,
            day=day,
            cadence=3 * SECOND,
            pick="12",
            journal="digest",
            until=until,
            opening=opening,
            events=events,
        )
    )
    world.run()
    done = finish(world, 0.0)
    assert done.ok, done.invariants
    return world, done


jump = carried_to
