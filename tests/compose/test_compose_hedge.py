"""A small day that hedges: band, conserved units and cash, inventory of the next day (I-19)."""

import csv
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from compose_world import Run, call

from quanheng.compose import lines
from quanheng.compose.closing import DayResult, finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.openings import Openings
from quanheng.compose.scenarios import load
from quanheng.config import Config, ParameterConfig, read_config
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.maker import ledger_state as s
from quanheng.settlement.carry import Carry
from quanheng.terms.etf import EtfAnswers
from quanheng.terms.units import SECOND

BASE = 300_000
DIFFERS = "etf: maker differs from the market"


def hedged() -> Config:
    """The shipped desk with money in the underlyings and a narrow band."""
    config = read_config()
    rows = (("hedge", 1), ("hedge_band", 2_000))
    parameters = tuple(ParameterConfig("*", name, value) for name, value in rows)
    funds = msgspec.structs.replace(config.funds, etf_cash_yuan=50_000_000, etf_base_units=BASE)
    return msgspec.structs.replace(config, funds=funds, parameters=parameters)


def plan_of(config: Config, opening: Carry | None) -> DayPlan:
    """The first minutes of continuous trading of twelve contracts."""
    return DayPlan(
        scenario=load("calm"),
        config=config,
        day=20240627 if opening is None else opening.day,
        cadence=3 * SECOND,
        pick="12",
        until="09:45",
        opening=opening,
    )


def run_day(config: Config, opening: Carry | None = None) -> tuple[World, DayResult]:
    world = World(plan_of(config, opening))
    world.run()
    return world, finish(world, 0.0)


@pytest.fixture(scope="module")
def hedged_day() -> tuple[World, DayResult]:
    return run_day(hedged())


def test_hedged_day_keeps_units_and_cash(hedged_day: tuple[World, DayResult]) -> None:
    """What the maker thinks it holds is what the market has, and nothing is made or lost; the
    orders went through the line, with the strategy and the trader on duty in their stamps.
    """
    world, day = hedged_day
    broken = {name: count for name, count in day.invariants.items() if count}
    assert broken == {}
    assert "profit: ledger differs from clearing's" in day.invariants
    (line,) = day.profits
    assert line.hedges > 0
    assert line.terms[s.HEDGE_COST] < 0
    etf, market = world.maker.state.etf, world.etf.state
    assert etf.units.tolist() == market.units[0].tolist() != [BASE]
    assert etf.cash == int(market.cash[0])
    # S-01: every hedge is in the day's table of deals, under the trader of its class.
    hedges = [row for row in world.deals.rows if row[9] == "hedge"]
    assert hedges and {row[8] for row in hedges} == {"T01"}
    signs = {"buy": 1, "sell": -1}
    funds = [row for row in hedges if row[1] == "510050"]
    assert BASE + sum(signs[str(row[2])] * int(str(row[5])) for row in funds) == etf.units[0]
    assert sum(line.terms) == line.total
    assert abs(line.terms[s.RESIDUAL]) <= line.bound


def test_hedged_day_opens_the_next_with_its_inventory(hedged_day: tuple[World, DayResult]) -> None:
    """T+1: units bought today are carried, may be sold tomorrow, and the cash comes back."""
    world, day = hedged_day
    units = world.maker.state.etf.units.tolist()
    assert dict(day.carry.accounts[0].units)["510050"] == units[0]
    assert dict(day.carry.bought)["510050"] == units[0] != BASE
    next_world = Openings(
        load("calm"),
        world.reference,
        read_rulebook(day.carry.day),
        hedged(),
        1,
        3 * SECOND,
        opening=day.carry,
    )
    desk = next_world.etf_desk
    assert desk is not None
    assert desk.wanted == (0,)
    opened = next_world.maker()
    assert opened.etf_units == (units[0],)
    assert opened.etf_base == BASE
    assert opened.etf_cash == 50_000_000 * 10_000
    assert opened.cash == day.carry.accounts[0].cash - opened.etf_cash


def test_a_lost_fill_is_found_at_the_days_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard is real: a line that loses answers leaves a difference, and the class is not
    hedged again, because its position is not known (P35).
    """

    def silent(self: lines.EtfLine, effect: object, at: int) -> Sequence[EtfAnswers]:
        return []

    monkeypatch.setattr(lines.EtfLine, "down", silent)
    _, day = run_day(hedged())
    assert day.invariants[DIFFERS] > 0
    assert day.profits[0].hedges == 1


def test_profit_that_clearing_does_not_know_is_found() -> None:
    """R-06: the ledger ends where clearing does; one Money unit too much is seen."""
    world = World(plan_of(hedged(), None))
    world.run()
    world.maker.state.ledger.terms[0, s.EDGE] += 1
    day = finish(world, 0.0)
    broken = {name for name, count in day.invariants.items() if count}
    assert broken == {
        "profit: ledger differs from clearing's",
        "maker: classes whose terms are not their profit",
    }


def test_day_reports_profit_by_cause_and_combinations(day_run: Run) -> None:
    """R-06, I-33: the printed JSON and the files say the same, and terms add to the total."""
    (printed,) = day_run.printed["profit"]
    assert sum(printed[name] for name in s.NAMES) == printed["total"]
    klass = day_run.printed["classes"][0]
    assert printed["total"] == klass["pnl"]
    with (day_run.folder / "reports" / "profit.csv").open(encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert round(float(row["total"]) * 10_000) == printed["total"]
    with (day_run.folder / "reports" / "fills.csv").open(encoding="utf-8") as stream:
        fills = list(csv.DictReader(stream))
    assert round(sum(float(fill["edge"]) for fill in fills) * 10_000) == printed["edge"]
    night = day_run.printed["margin"]
    assert night["optimal"] <= night["held"]
    assert (day_run.folder / "reports" / "combinations.csv").exists()
    assert "hedge" in printed and printed["seconds"] > 0


def test_hedge_cash_is_checked(tmp_path: Path) -> None:
    """Money for hedges is a part of the account's, half of it at most."""
    shipped = Path(read_config.__code__.co_filename).parent / "data" / "desk.toml"
    text = shipped.read_text(encoding="utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("etf_cash_yuan"))
    path = tmp_path / "desk.toml"
    for more, key in (
        ("etf_cash_yuan = 250000001", "funds.etf_cash_yuan"),
        ("etf_cash_yuan = 100\netf_base_units = 150", "funds.etf_base_units"),
        ("etf_base_units = 100", "funds.etf_base_units"),
    ):
        wrong = text.replace("cash_yuan = 500000000", "cash_yuan = 500000000\n" + more)
        path.write_text(wrong, encoding="utf-8")
        done = call("check-config", "--config", path)
        assert done.code == 2
        assert key in done.err
