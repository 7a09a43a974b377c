"""The drill of an exercise day: pins, a shortage of units, four eyes, assignment, failed delivery
(附件2 应急预案 and 风险控制; R-08, I-35, T-07).

Three short simulated days kept whole: a day that leaves positions, the last trading day of July
2024 with short calls deep in the money that nobody holds units for, and the day after, cut while
the units are still being bought. Each is settled as any day is; the people are the shipped ones.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from quanheng.compose import settle_acts as acts
from quanheng.compose.authority_desk import time_text
from quanheng.compose.carry_out import carried_to
from quanheng.compose.carrying import RETAIL
from quanheng.compose.closing import DayResult, finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.people import People, read_people
from quanheng.compose.reference import read_master
from quanheng.compose.run_folder import RunError, write_info
from quanheng.compose.scenarios import load
from quanheng.compose.settle_job import Job
from quanheng.compose.settle_text import facts_text
from quanheng.config import read_config
from quanheng.edge.documents import Column, Document, Section, Table
from quanheng.runtime.verify import chain_head
from quanheng.settlement import carry
from quanheng.settlement.steps import LAST
from quanheng.terms.days import iso
from quanheng.terms.units import SECOND, Day, Lots

FIRST, EXPIRY, AFTER = 20240627, 20240724, 20240725
CONTRACTS = "12"
SEED = 3
UNTIL = "09:40"
SHORTS = 60
"""Contracts of the deepest call that are moved to our short side before the expiry."""
TRADER, RISK, CLEARING = "T01", "R01", "L01"
WHY = {
    "opening": ("购买交收证券的资金已划至证券账户，次日划回", "证券账户资金划转凭证"),
    "delivery": ("证券未及购足，按规则现金结算并计违约金", "op_zqjs、op_tzxx P04"),
}
"""Reason and evidence of the differences that the drill makes, by step."""


def kept_day(
    root: Path, name: str, day: Day, opening: carry.Carry | None, until: str = UNTIL
) -> tuple[Path, DayResult]:
    """A short day kept in a run folder. RunError when the folder exists or an invariant breaks."""
    out = root / name
    if out.exists():
        raise RunError(f"{out} exists; a drill begins in a new folder")
    out.mkdir(parents=True)
    world = World(
        DayPlan(
            scenario=load("calm"), config=read_config(), seed=SEED, day=day, cadence=3 * SECOND,
            pick=CONTRACTS, journal="full", until=until, opening=opening, out=out,
        )
    )  # fmt: skip
    world.begin()
    world.run()
    done = finish(world, 0.0)
    if not done.ok:
        broken = [key for key, count in done.invariants.items() if count]
        raise RunError(f"{out}: {', '.join(broken)}")
    info = world.info("ended")
    info.machines, info.digest = done.machines, done.digest
    info.heads = {machine: chain_head(out, machine).hex() for machine in done.machines}
    write_info(out, info)
    return out, done


def shorted(opening: carry.Carry, contracts: Lots = SHORTS) -> carry.Carry:
    """The opening with short calls of the public moved to us: longs and shorts still balance."""
    whole = read_master("carry", opening.master, opening.day)
    calls = [
        row
        for row in whole.contracts
        if row.code in opening.traded and row.is_call and row.last_day == opening.day
    ]
    deep = min(calls, key=lambda row: row.strike)
    accounts = []
    for account in opening.accounts:
        moved = {first_account(opening): contracts, RETAIL: -contracts}.get(account.name, 0)
        accounts.append(_with_short(account, deep.code, moved) if moved else account)
    return msgspec.structs.replace(opening, accounts=tuple(accounts))


def first_account(opening: carry.Carry) -> str:
    """Name of our account, which comes first."""
    return opening.accounts[0].name


def _with_short(account: carry.CarriedAccount, code: str, more: Lots) -> carry.CarriedAccount:
    held = {one.code: one for one in account.held}
    one = held.get(code, carry.Held(code, 0, 0, 0))
    if one.short + more < 0:
        raise RunError(f"{account.name} has only {one.short} short contracts of {code}")
    held[code] = msgspec.structs.replace(one, short=one.short + more)
    return msgspec.structs.replace(account, held=tuple(held[name] for name in sorted(held)))


def days(root: Path, first: DayResult | None = None) -> tuple[Path, Path]:
    """Simulate the expiry and the day after it, and the day that leaves positions unless its result
    is given; their run folders.
    """
    if first is None:
        _, first = kept_day(root, "before", FIRST, None)
    opening = shorted(carried_to(first.carry, EXPIRY))
    expiry, done = kept_day(root, "expiry", EXPIRY, opening)
    after, _ = kept_day(root, "delivery", AFTER, done.carry)
    return expiry, after


def settle_both(expiry: Path, after: Path) -> tuple[Job, Job]:
    """Plan, four eyes and settlement of the expiry, then of the day after with what failed."""
    people = read_people(None)
    job = Job(expiry)
    number = acts.propose_plan(job, TRADER, (), people, "15:05")
    acts.second(job, number, RISK, people, "15:20")
    signed(job, people)
    then = Job(after, previous=expiry)
    then.run()
    for one in list(then.ledger.record.open_cases()):
        acts.explain(then, one.number, CLEARING, *WHY[one.case.step], people)
        acts.second(then, one.number, RISK, people)
    signed(then, people)
    return job, then


def report(expiry: Job, after: Job) -> Document:
    """The drill's report: what was rehearsed, what happened, what people did."""
    made = after.outcomes["delivery"].tables["delivery"]
    columns = (Column("环节", "step"), Column("记录", "record"))
    heads = ("标的", "应收付证券", "实收付", "未交", "应收付资金", "实收付资金")
    kinds = ("text", "count", "count", "count", "fen", "fen")
    shape = zip(heads, made.heads, kinds, strict=True)
    table = Table(
        title="E+1 交收",
        english="Delivery",
        rows=tuple(tuple(row) for row in made.rows),
        columns=tuple(Column(*one) for one in shape),
    )
    course = Table(title="记录", english="Record", columns=columns, rows=_course(expiry, after))
    return Document(
        title="行权日演练报告",
        english="Drill of an exercise day",
        day=AFTER,
        facts=(
            ("演练日", f"{iso(EXPIRY)}、{iso(AFTER)}（模拟）"),
            ("依据", "附件2 应急预案；第六章"),
        ),
        sections=(
            Section(title="一、演练过程", english="Course", sheet="过程", blocks=(course,)),
            Section(title="二、交收", english="Delivery", sheet="交收", blocks=(table,)),
        ),
        signatures=("演练组织", "参加岗位", "复核"),
    )


def _course(expiry: Job, after: Job) -> tuple[tuple[str, str], ...]:
    """What was rehearsed and what came of it, step by step."""
    taken = expiry.outcomes["exercise"].facts
    plan = acts.plan(expiry)
    number = next(iter(expiry.ledger.record.plans.values()))
    made = after.outcomes["delivery"].tables["delivery"]
    cases = list(after.ledger.record.cases.values())
    pins = "、".join(f"{one.code}（{one.held} 张）" for one in plan.pins) or "无"
    lacking = "、".join(f"{one.code} {one.short_of} 张" for one in plan.lines if one.short_of)
    delivered = "；".join(
        f"{name}：应 {due:,} 份，实 {got:,} 份，未交 {miss:,} 份"
        for name, due, got, miss in (row[:4] for row in made.rows)
    )
    failed = "；".join(one.case.words for one in cases if one.case.kind == "failed")
    told = "；".join(
        f"{one.number} {one.case.what}：{one.explaining[0] if one.explaining else one.status}"
        for one in cases
    )
    final = expiry.final and after.final
    return (
        ("场景", f"{iso(EXPIRY)} 到期，另置 {SHORTS} 张深度实值认购义务仓，无标的证券"),
        ("钉住风险", pins),
        ("无券可行权", lacking or "无"),
        ("行权计划", f"{number.number}：{number.by} {time_text(number.at)} 提出，"
                 f"{number.seconded_by} {time_text(number.seconded_at)} 复核"),
        ("行权与指派", f"行权 {taken['exercised']} 张，被指派 {taken['assigned']} 张，"
                  f"作废 {taken['lapsed']} 张"),
        ("次日预报", facts_text(expiry, "forecast", zh=True)),
        ("交收结果", delivered or "无"),
        ("交收失败处理", failed or "无"),
        ("差异与说明", told or "无"),
        ("结论", "两日全部步骤已签署，次日期初已定稿。" if final else "未完成。"),
    )  # fmt: skip


def signed(job: Job, people: People, second: Sequence[str] = (CLEARING, RISK)) -> None:
    """Run a settlement and sign it, the last step by the second person."""
    job.run()
    acts.sign(job, acts.ALL, second[0], people)
    job.run()
    acts.sign(job, LAST, second[1], people)
    job.run()
