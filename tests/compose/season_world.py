"""Short days on top of a carried state, for the tests of what crosses days."""

import msgspec

from quanheng.compose import carrying
from quanheng.compose.closing import DayResult, finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.reference import read_master
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.edge.rulebook_files import read_rulebook
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


def jump(opening: carry.Carry, day: int) -> carry.Carry:
    """The same accounts on a later day, as if nothing had traded in between."""
    whole = read_master("carry", opening.master, opening.day)
    smiles: dict[str, list[object]] = {}
    for one in opening.smiles:
        smiles.setdefault(one.underlying, []).append(carrying.smile(one))
    listed = carrying.Listed(whole, read_rulebook(day), smiles, {}, 20_000)  # type: ignore[arg-type]
    settled = {
        row.code: listing.Settled(row.previous_close, row.previous_settle, row.open_interest)
        for row in whole.contracts
    }
    roll = listed.roll(settled, opening.next_code, (), {})
    return msgspec.structs.replace(
        opening, day=day, master=carrying.write_contracts(list(roll.chain.contracts)),
        next_code=roll.next_code,
    )  # fmt: skip
