"""A desk trades by hand for a day: every instruction through the authority, the ladder and the
wire, positions equal at maker and venue after each step, clearing agrees (I-12, I-33, O-04).
"""

import csv
import itertools
from pathlib import Path
from typing import Any

import msgspec
from season_world import jump
from trade_world import RISK, TRADER, TradingDay

from quanheng.books import combinations as combo
from quanheng.clearing import messages as clear
from quanheng.compose.closing import DayResult
from quanheng.compose.replaying import replay_machine
from quanheng.config import Config, ParameterConfig, read_config
from quanheng.exchange import layout as lay
from quanheng.kernels.pack import unpack
from quanheng.settlement import carry
from quanheng.terms import business as b
from quanheng.terms.codes import Exec, OrderKind, Side
from quanheng.terms.commands import (
    Combine,
    Exercise,
    InquireMargin,
    LockUnits,
    ManualCancel,
    ManualOrder,
    Split,
)
from quanheng.terms.orders import Trade

UNITS = 100_000


def quiet() -> Config:
    """Without quotes of ours: nothing but the test claims positions."""
    config = read_config()
    funds = msgspec.structs.replace(config.funds, etf_cash_yuan=1_000_000)
    off = ParameterConfig("*", "enabled", 0)
    return msgspec.structs.replace(config, parameters=(*config.parameters, off), funds=funds)


def with_units(opening: carry.Carry) -> carry.Carry:
    """A carried state in which our account holds units of the underlying."""
    ours, *others = opening.accounts
    rich = msgspec.structs.replace(ours, units=(("510050", UNITS),))
    more = dict(opening.bought)
    more["510050"] = more.get("510050", 0) + UNITS - dict(ours.units).get("510050", 0)
    bought = tuple(more.items())
    return msgspec.structs.replace(opening, accounts=(rich, *others), bought=bought)


def pair_of(day: TradingDay) -> tuple[str, tuple[int, int]]:
    """A strategy that the account can build two units of, and its slots."""
    chain, book = day.world.reference.chain, day.maker.book
    for strategy, forms in combo.STRATEGIES.items():
        for pair in itertools.permutations(range(len(chain.contracts)), 2):
            legs = [combo.Leg(s, f.short, False, 2) for s, f in zip(pair, forms, strict=True)]
            held = [int((book.short_qty if leg.short else book.long_qty)[leg.slot]) for leg in legs]
            if min(held) >= 2 and not combo.arranged(chain, chain.day, strategy, 2, legs)[0]:
                return strategy, pair
    raise AssertionError("the account holds no combination")


def one(reports: list[Any], kind: type[Any]) -> Any:
    (found,) = [body for body in reports if isinstance(body, kind)]
    return found


def test_a_day_of_instructions_by_hand(first: DayResult, tmp_path: Path) -> None:
    """Locks, sells covered, buys back, unlocks, combines, splits, asks; the day after knows."""
    day = TradingDay(with_units(first.carry), quiet(), out=tmp_path / "run", journal="full")
    day.world.begin()
    chain = day.world.reference.chain
    rows, desk = chain.contracts, day.venue.desks[0]
    # Day end would net a long one away, uncovered shorts first and covered ones then.
    longs = day.maker.book.long_qty
    calls = [slot for slot, row in enumerate(rows) if row.is_call and not longs[slot]]
    call = min(calls, key=lambda slot: abs(rows[slot].strike - rows[slot].underlying_close))

    ack = one(day.act(LockUnits("510050", 20_000, False, TRADER)), b.LockAck)
    assert (ack.exec, day.venue.risk[0, 0, lay.R_LOCKED]) == (Exec.ACCEPTED, 20_000)

    sale = ManualOrder(rows[call].code, Side.SELL, OrderKind.MARKET_IOC, 0, 2, TRADER, covered=True)
    fills = [body for body in day.act(sale) if isinstance(body, Trade)]
    assert sum(fill.qty for fill in fills) == 2 and all(fill.covered for fill in fills)
    assert day.maker.book.covered_qty[call] == 2
    stamps = {r.client_id: s.stamp for s in day.sends for r in s.requests}
    stamp = stamps[fills[0].client_id]
    assert (stamp.trader, stamp.entered_by, stamp.strategy) == (TRADER, TRADER, "by-hand")

    assert day.act(LockUnits("510050", 10_000, True, TRADER)) == []  # all of it is needed
    assert day.maker.denied[22] == 1
    buy = msgspec.structs.replace(sale, side=Side.BUY, qty=1)
    assert sum(body.qty for body in day.act(buy) if isinstance(body, Trade)) == 1
    ack = one(day.act(LockUnits("510050", 10_000, True, TRADER)), b.LockAck)
    assert (ack.exec, day.venue.risk[0, 0, lay.R_LOCKED]) == (Exec.ACCEPTED, 10_000)

    strategy, pair = pair_of(day)
    before = day.free()
    codes = [rows[slot].code for slot in pair]
    built = one(day.act(Combine(strategy, *codes, 2, TRADER)), b.CombinationDone)
    saved = combo.saved(chain, day.maker.business.held[built.combination])
    assert day.free() == before + 2 * saved
    one(day.act(Split(built.combination, 1, TRADER)), b.CombinationDone)
    assert day.free() == before + saved
    assert desk.combinations[built.combination].units == 1

    day.act(InquireMargin(TRADER))
    answer, fund = day.maker.business.answer, day.venue.fund[0]
    assert answer.total == fund[lay.MARGIN] + fund[lay.HELD_MARGIN]
    assert answer.available == fund[lay.CASH] - answer.total - fund[lay.HELD_PREMIUM]

    done = day.end()
    assert done.ok, {name: count for name, count in done.invariants.items() if count}
    mine = done.carry.accounts[0]
    assert dict(mine.locked) == {"510050": 10_000}
    held = {row.code: row for row in mine.held}
    assert held[rows[call].code].covered == 1
    _archived(tmp_path / "run", fills, built.combination)
    job = day.settled(tmp_path / "run")
    assert job.clean, job.cases().rows
    facts = {name: outcome.facts for name, outcome in job.outcomes.items()}
    assert facts["combinations"] == {"held": 1, "reports": 2}
    assert job.closing is not None and job.closing.locked == {"510050": 10_000}
    assert job.closing.units == dict(mine.units)
    named = {(one.code, one.side, one.covered): one.qty for one in job.closing.positions}
    assert named[rows[call].code, "S", True] == 1
    for machine in ("maker", "venue"):
        replayed = replay_machine(tmp_path / "run", machine)
        assert replayed["ok"] and replayed["compared"] > 500, replayed
    again = TradingDay(done.carry, quiet())
    again.agree()
    assert again.maker.book.covered_qty.sum() == 1
    assert [kept.units for kept in again.maker.business.held.values()] == [1]
    one(again.act(Split(built.combination, 1, TRADER)), b.CombinationDone)
    ended = again.end()
    assert ended.ok, ended.invariants


def _archived(run: Path, fills: list[Trade], combination: str) -> None:
    """S-01: intent, people, answer and fills of each, in the day's archive."""
    with (run / "reports" / "instructions.csv").open(encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    assert [(row["what"], row["outcome"]) for row in table] == [
        ("lock", "accepted"), ("order", "accepted"), ("order", "accepted"),
        ("unlock", "accepted"), ("build", "done"), ("split", "done"), ("margin", "answered"),
    ]  # fmt: skip
    assert {(row["entered_by"], row["trader"], row["strategy"]) for row in table} == {
        (TRADER, TRADER, "by-hand")
    }
    sale = table[1]
    assert sale["client_id"] == fills[0].client_id and sale["filled"] == "2"
    assert sale["detail"] == "SELL OPEN MARKET_IOC COVERED"
    amount = sum(fill.qty * fill.price for fill in fills)
    assert round(float(sale["average_price"]) * 10_000) == amount // 2
    assert table[5]["detail"].endswith(combination)


def test_the_expiry_day_by_hand(first: DayResult, tmp_path: Path) -> None:
    """rules.md 5: what people order is exercised and cleared, a withdrawn order is not; two people
    stand behind it, the exchange's own refusal is told.
    """
    run = tmp_path / "run"
    opening = with_units(jump(first.carry, 20240724))
    day = TradingDay(opening, quiet(), out=run, journal="full")
    day.world.begin()
    chain = day.world.reference.chain
    rows, desk, book = chain.contracts, day.venue.desks[0], day.maker.book
    free = [s for s, row in enumerate(rows) if book.long_qty[s] >= 2]
    slot = free[0]
    exercise = Exercise(rows[slot].code, 1, TRADER)
    ack = one(day.act(exercise, second=RISK), b.ExerciseAck)
    assert ack.exec == Exec.ACCEPTED and list(desk.claims) == [ack.client_id]
    gone = one(day.act(ManualCancel(ack.client_id, TRADER)), b.ExerciseAck)
    assert (gone.exec, gone.target, desk.claims) == (Exec.CANCELLED, ack.client_id, {})
    one(day.act(exercise, second=RISK), b.ExerciseAck)
    merged = [
        (a, z)
        for a, z in itertools.permutations(free, 2)
        if not combo.merged(chain, chain.day, (a, z))[0] and rows[a].is_call
    ]
    for first_, second_ in merged[:1]:
        pair = Exercise(rows[first_].code, 1, TRADER, rows[second_].code)
        one(day.act(pair, second=RISK), b.MergedExerciseAck)
        assert len(desk.claims) == 2
    assert day.act(Combine("CNSJC", rows[0].code, rows[2].code, 1, TRADER)) == []
    assert day.maker.denied[4] == 1  # no vertical spreads so late

    done = day.end()
    assert done.ok, {k: v for k, v in done.invariants.items() if v}
    said = {type(effect): effect for effect in day.world.cleared}
    claims = unpack(said[clear.Exercised].accepted, clear.CLAIM_COLUMNS).tolist()
    ours = [row[1:3] for row in claims if not row[0]]
    assert [slot, 1] in ours
    job = day.settled(run)
    assert sum(job.own.ordered.values()) == sum(
        (1 + (claim.put >= 0)) * claim.qty for claim in desk.claims.values()
    )
    # What people ordered at the exchange was seconded there; no plan was signed in the settlement.
    assert [one.case.kind for one in job.ledger.record.open_cases()] == ["unplanned"]


def test_the_exchanges_refusals_end_instructions(first: DayResult) -> None:
    """The venue's real codes, where our own ladder is blind: its books are richer than ours."""
    day = TradingDay(with_units(first.carry), quiet())
    rows = day.world.reference.chain.contracts
    day.maker.business.units[0] += 10_000  # we believe in units that are not there
    day.maker.etf.sellable[0] += 10_000
    ack = one(day.act(LockUnits("510050", UNITS + 1, False, TRADER)), b.LockAck)
    assert (ack.exec, ack.reason) == (Exec.REJECTED, 10836)
    strategy, pair = pair_of(day)
    slot = pair[0]
    day.venue.acct[0, lay.HELD_LONG, slot] += 1_000  # something of ours holds it there
    day.venue.acct[0, lay.HELD_SHORT, slot] += 1_000
    codes = [rows[place].code for place in pair]
    ack = one(day.act(Combine(strategy, *codes, 2, TRADER)), b.CombinationAck)
    assert (ack.exec, ack.reason) == (Exec.REJECTED, 10836)
    assert day.maker.business.working == {}
    assert day.maker.audit.rejected == 2
