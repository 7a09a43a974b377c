"""Combinations and exercises ordered at the exchange, through a day and into the next (I-12)."""

import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
from season_world import jump

from quanheng.books import combinations as combo
from quanheng.clearing import messages as clear
from quanheng.compose import etf_desk
from quanheng.compose.closing import DayResult, finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.exchange_files import check_files
from quanheng.compose.scenarios import load
from quanheng.config import RoleConfig, read_config
from quanheng.exchange.listing import ExRight
from quanheng.exchange.state import Transfer
from quanheng.kernels.pack import unpack
from quanheng.runtime.envelope import Source
from quanheng.settlement import carry
from quanheng.terms.commands import Combine, Exercise
from quanheng.terms.days import from_clock
from quanheng.terms.units import SECOND
from quanheng.wire import ogh

PBU = read_config().member.pbu


def world_of(opening: carry.Carry, *events: ExRight, out: Path | None = None) -> World:
    """The day of a carried state; requests can be posted before it runs."""
    return World(
        DayPlan(
            scenario=load("calm"),
            config=read_config(),
            seed=3,
            day=opening.day,
            cadence=3 * SECOND,
            pick="12",
            journal="digest",
            until="09:36",
            opening=opening,
            events=events,
            out=out,
        )
    )


def run(world: World, *commands: Any, clock: str = "09:30:01") -> DayResult:
    """Run a day with commands of people to the maker at a time of day."""
    for command in commands:
        world.simulation.post("maker", command, world.midnight + from_clock(clock), Source.DESK)
    world.run()
    done = finish(world, 0.0)
    assert done.ok, {name: count for name, count in done.invariants.items() if count}
    return done


def pair_of(world: World, account: carry.CarriedAccount) -> tuple[str, tuple[combo.Leg, ...]]:
    """A strategy that the account can build one unit of, and its legs."""
    chain = world.reference.chain
    slots = {row.code: slot for slot, row in enumerate(chain.contracts)}
    held = [(slots[one.code], one.long, one.short) for one in account.held]
    for strategy, forms in combo.STRATEGIES.items():
        for one, two in itertools.permutations(held, 2):
            legs = tuple(
                combo.Leg(slot, form.short, False, 1)
                for (slot, long, short), form in zip((one, two), forms, strict=True)
                if (short if form.short else long)
            )
            if len(legs) == 2 and not combo.arranged(chain, chain.day, strategy, 1, legs)[0]:
                return strategy, legs
    raise AssertionError("the account holds no combination")


def request(world: World, strategy: str, legs: tuple[combo.Leg, ...]) -> Combine:
    rows = world.reference.chain.contracts
    return Combine(strategy, rows[legs[0].slot].code, rows[legs[1].slot].code, 1, "T01")


def test_combination_carries_over_and_dissolves(first: DayResult, tmp_path: Path) -> None:
    """rules.md 3.4: built at the exchange, margined by clearing, kept overnight, dissolved by E;
    the day's archive tells of it (interfaces.md 3.6).
    """
    world = world_of(first.carry, out=tmp_path / "run")
    world.begin()
    strategy, legs = pair_of(world, first.carry.accounts[0])
    day = run(world, request(world, strategy, legs))
    (kept,) = day.carry.combinations
    rows = world.reference.chain.contracts
    assert (kept.account, kept.strategy, kept.units) == ("MM01", strategy, 1)
    assert {kept.first, kept.second} == {rows[leg.slot].code for leg in legs}
    checked = {one.name: one for one in check_files(tmp_path / "run")}
    assert not any(one.bad for one in checked.values())
    archive = ogh.read(PBU, (tmp_path / "run/files/20240628" / f"OGH{PBU}.zip").read_bytes())
    assert [(row[0], row[5], row[9]) for row in archive.trns if row[0] == "T0307"] == [
        ("T0307", strategy, "B")
    ]
    assert [(row[4], row[5], row[6]) for row in archive.qtyw] == [(strategy, 1, kept.number)]
    assert sum(row[8] for row in archive.hold if isinstance(row[8], int)) == 2
    tables = {name[:9] for name in checked if name.startswith("op_")}
    assert tables == {
        *("op_hyccjs", "op_bzjzhj", "op_zhccmx", "op_tzxxjs"),
        *("op_jsmxjs", "op_ccbdjs", "op_bzjmxj", "op_zqjsjs"),
    }
    bodies = [type(r.body).__name__ for part in world.line.stored() for r in part]
    assert bodies.count("CombinationAck") == bodies.count("CombinationDone") == 1
    held = {one.code: one for one in day.carry.accounts[0].held}
    for leg in legs:  # what stands in a combination is neither closed nor netted
        one = held[rows[leg.slot].code]
        assert (one.short if leg.short else one.long) >= 1
    world = world_of(day.carry)
    opened = world.openings.venue().members[0]
    assert opened.combinations == ((kept.number, strategy, kept.first, kept.second, 1),)
    again = run(world)
    assert again.carry.combinations == day.carry.combinations
    expiry = jump(again.carry, 20240724)
    ended = run(world_of(expiry))
    assert ended.carry.combinations == ()


def test_combination_ends_with_an_adjustment(first: DayResult) -> None:
    """rules.md 3.4: a contract that is adjusted leaves its combination."""
    world = world_of(first.carry, ExRight("510050", 550))
    strategy, legs = pair_of(world, first.carry.accounts[0])
    day = run(world, request(world, strategy, legs))
    assert day.roll.adjusted and day.carry.combinations == ()


def test_exercise_orders_go_before_the_rule(first: DayResult) -> None:
    """rules.md 5: what we ordered is exercised, in the money or not, and nothing else of ours."""
    opening = jump(first.carry, 20240724)
    longs = [one for one in opening.accounts[0].held if one.long > one.short + one.covered]
    code = longs[0].code
    order = Exercise(code, 1, "T01", "", "R01")
    # Without quotes of ours nothing nets the position away until the evening.
    quiet = msgspec.structs.replace(read_config(), roles=(RoleConfig("510050", "none"),))
    world = World(msgspec.structs.replace(world_of(opening).plan, config=quiet))
    run(world, order)
    said = {type(effect): effect for effect in world.cleared}
    exercised = said[clear.Exercised]
    assert isinstance(exercised, clear.Exercised)
    ours = [row for row in unpack(exercised.accepted, clear.CLAIM_COLUMNS).tolist() if not row[0]]
    assert [world.reference.chain.contracts[row[1]].code for row in ours] == [code]
    assert ours[0][2] == 1
    cash = said[clear.CashStatement]
    assert isinstance(cash, clear.CashStatement) and cash.exercise_fee == 6_000


def test_disposal_crosses_the_day(first: DayResult, monkeypatch: pytest.MonkeyPatch) -> None:
    """interfaces.md 2.4 OTT: what stood at the venue's close is moved by clearing and carried; no
    unit is lost.
    """
    monkeypatch.setattr(etf_desk, "planned", lambda *_: None)  # which would sell the units
    ours, *others = first.carry.accounts
    rich = msgspec.structs.replace(ours, units=(("510050", 1_000),))
    bought = (("510050", 1_000),)
    opening = msgspec.structs.replace(first.carry, accounts=(rich, *others), bought=bought)
    world = world_of(opening)
    world.run()
    assert world.venue.state.desks[0].units[0] == 1_000
    world.venue.state.desks[0].transfers["Z000000001"] = Transfer(0, 400, back=False)
    done = finish(world, 0.0)
    assert done.ok, {name: count for name, count in done.invariants.items() if count}
    mine = done.carry.accounts[0]
    assert (dict(mine.units)["510050"], dict(mine.disposal)) == (600, {"510050": 400})
    assert world_of(done.carry).openings.venue().members[0].disposal[0] == 400


@pytest.mark.parametrize(
    "kind",
    [clear.CombinationsHeld, clear.PublicRegister, clear.Exercises, clear.DisposalTransfers],
)
def test_clearing_inputs_survive_the_journal(kind: type[msgspec.Struct]) -> None:
    """Every input of clearing is in the union that its journal is read with."""
    body = kind(b"\x02")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(body), type=clear.Input) == body


def test_failed_delivery_costs_cash_and_a_fine(
    first: DayResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rules.md 5: an assigned writer that finds no units pays 110 % of the close and the penalty of
    its agreement; money and units still add up, and the clearing house says so (P04).
    """
    monkeypatch.setattr(etf_desk, "planned", lambda *_: None)
    paid = 10_000 * 24_000
    moves = (
        carry.CarriedMove("MM01", "510050", -10_000, paid),
        carry.CarriedMove("RETAIL", "510050", 10_000, -paid),
    )
    opening = msgspec.structs.replace(first.carry, moves=moves)
    agreement = tmp_path / "agreement.toml"
    agreement.write_text(
        'authority = "agreement"\n[[rule]]\nkey = "delivery.fail_penalty"\nvalue = "0.01"\n'
        'from = 20240101\nsource = "a test"\n',
        encoding="utf-8",
    )
    plan = msgspec.structs.replace(world_of(opening).plan, agreement=agreement)
    world = World(plan)
    day = run(world)
    (notice,) = day.notices
    close = int(world.underlying_closes[0])
    assert (notice.kind, notice.underlying, notice.qty) == ("P04", "510050", 10_000)
    assert notice.amount == 10_000 * ((close * 11 + 5) // 10)
    assert notice.left == notice.amount // 100
    cash = {type(effect): effect for effect in world.cleared}[clear.CashStatement]
    assert isinstance(cash, clear.CashStatement)
    assert (cash.penalty, cash.delivery) == (notice.left, paid - notice.amount)
    assert carry.violations(day.carry) == dict.fromkeys(carry.violations(day.carry), 0)
