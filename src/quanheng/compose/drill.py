"""Drills of the firm's risk department with their documents (I-45, I-46, R-02; guide chapter 6).

    DIR/<day>-<scenario>-s<seed>-drill/      the runs, like every other
       /演练记录.md                           what was injected, expected and seen; the course
       /documents/                           风险提示书, 事件报告, 风险监控日报; op_tzxx as received

A drill injects one fault into light days and lets machines, people of the file and the exchange do
the rest. What it expects is stated before and looked up in the run's own tables.
"""

import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from quanheng.clearing import notices as clear
from quanheng.compose import oversee_report
from quanheng.compose import oversight_words as words
from quanheng.compose.carrying import account_named, reference_of
from quanheng.compose.closing import DayResult, finish
from quanheng.compose.commands import fresh
from quanheng.compose.day import DayPlan, World
from quanheng.compose.event_report import alerts_of, write_event
from quanheng.compose.oversight_file import SHIPPED
from quanheng.compose.report_tables import Section, markdown
from quanheng.compose.run_folder import folder_name, write_info, write_whole
from quanheng.compose.scenarios import load
from quanheng.compose.text import exact_yuan
from quanheng.config import read_config
from quanheng.runtime.envelope import Source
from quanheng.runtime.verify import chain_head
from quanheng.settlement.carry import Carry
from quanheng.terms import market
from quanheng.terms.codes import Effect, TradingState
from quanheng.terms.days import from_clock, iso
from quanheng.terms.orders import Quote, Requests
from quanheng.terms.units import SECOND, Day, Money
from quanheng.wire.notices import Notice, read, write

CADENCE = 30 * SECOND
PICK = "12"
SNAPSHOT_S = 1_800
LEFT_PERCENT = 40
"""Of the margin that the carried shorts need, what the drill leaves in cash."""
RECORD = "演练记录.md"
LINE_SWITCH = "line-switch"
SITE_LOSS = "site-loss"
"""The drills that are none of the firm's risk department (`line_drill`, `site_drill`)."""
FAILOVER = "failover"
"""The drill between two hosts (`tools/drill_failover.py`), which needs hosts of its own."""
SIZE, STEP = 10, 10
CLASS = "510050"
"""Class of the wrong order."""
TERMINAL = "MZZ0000001"
"""Client id of the quote that the drill enters past the desk, as a second terminal would."""

Rows = list[dict[str, str]]


class Check(NamedTuple):
    """One thing that a drill expects: Chinese, English, and whether it was seen."""

    zh: str
    en: str
    ok: bool


class Drilled(msgspec.Struct):
    """What a drill left behind."""

    name: str
    folder: str
    ok: bool
    checks: list[dict[str, Any]]
    documents: list[str]
    case: str
    course: Rows


def acts(folder: Path, text: str) -> Path:
    """The shipped oversight file with people's acts of a drill added."""
    shipped = (files("quanheng") / SHIPPED).read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "oversight.toml"
    place.write_text(shipped + text, encoding="utf-8")
    return place


def act(at: str, what: str, by: str, text: str, case: int = 1, scope: str = "*") -> str:
    """A person's act for an oversight file."""
    lines = [f'at = "{at}"', f'act = "{what}"', f'by = "{by}"', f'text = "{text}"']
    if what in ("answer", "follow", "refuse", "close"):
        lines.append(f"case = {case}")
    return "\n[[acts]]\n" + "\n".join([*lines, f'scope = "{scope}"']) + "\n"


def run_day(plan: DayPlan, prepare: Callable[[World], None] | None = None) -> DayResult:
    """A whole run folder of a drill's day; `prepare` may post what is injected."""
    world = World(plan)
    world.begin()
    if prepare is not None:
        prepare(world)
    began = time.perf_counter()
    world.run()
    done = finish(world, time.perf_counter() - began)
    info = world.info("ended")
    info.machines, info.digest = done.machines, done.digest
    assert plan.out is not None, "a drill keeps its runs"
    info.heads = {name: chain_head(plan.out, name).hex() for name in done.machines}
    write_info(plan.out, info)
    return done


def light_day(folder: Path, day: Day, seed: int, until: str, **more: Any) -> DayPlan:
    """The plan of a drill's day, in a run folder of its own under `folder`."""
    scenario = load("calm")
    out = fresh(folder / f"{folder_name(day, scenario.name, seed)}-drill")
    config = read_config()
    # A drill is not taken over half-way: two snapshots an hour are enough to replay it.
    journal = msgspec.structs.replace(config.journal, snapshot_s=SNAPSHOT_S)
    config = msgspec.structs.replace(config, journal=journal)
    return DayPlan(
        scenario=scenario, config=config, seed=seed, day=day, cadence=CADENCE, pick=PICK,
        until=until, out=out, **more,
    )  # fmt: skip


def forced_liquidation(folder: Path, seed: int = 3, until: str = "13:10") -> Drilled:
    """I-45 over two light days: cash is taken after the first, the clearing house calls, nobody
    makes it good, the exchange closes from 13:00, the settlement confirms.
    """
    first = light_day(folder, 20240627, seed, "09:45")
    done = run_day(first)
    opening, notice, taken = called(done.carry, first.config.member.maker, seed)
    told = (
        act("09:40", "answer", "T01", "资金调拨在途 transfer under way")
        + act("10:00", "refuse", "F01", "到账前不予接受 not accepted before it arrives")
    )  # fmt: skip
    plan = light_day(
        folder, opening.day, seed, until, opening=opening, oversight=acts(folder, told)
    )
    done = run_day(plan)
    run = plan.out
    assert run is not None
    data = oversee_report.read_all(run)["cases"]
    case = next((row["case"] for row in data if row["limit"] == "margin_call"), "")
    course = [row for row in data if row["case"] == case]
    events = [row["event"] for row in course]
    warned = next((row["at"][11:] for row in course if row["event"] == "warn"), "")
    late = next((row["at"][11:] for row in course if row["event"] == "uncured"), "")
    forced = [row for row in course if row["event"] == "forced"]
    results = [one for one in done.notices if one.kind == "P03"]
    checks = [
        Check("收到通知即立案并发出风险提示书", "a case and a risk notice at the file",
              events[:2] == ["record", "notice"]),
        Check("11:00 预警", "warned at 11:00", warned.startswith("11:00:00")),
        Check("11:30 未补足即升级，限为减仓", "escalated at 11:30", late.startswith("11:30:00")),
        Check("13:00 后逐笔记录强行平仓（QP1）", "every forced order recorded after 13:00",
              bool(forced) and all(row["at"][11:] >= "13:00" for row in forced)
              and all(row["text"].startswith("QP1") for row in forced)),
        Check("结算确认（P03 与自有记录一致）后关闭", "closed by the settlement",
              bool(results) and bool(course) and course[-1]["status"] == "closed"),
        Check("不变量全部成立", "all invariants hold", done.ok),
    ]  # fmt: skip
    injected = [
        f"第一日 {iso(first.day)} 收盘后调走资金 {exact_yuan(taken)} 元，"
        f"账户现金只余次日开仓保证金的 {LEFT_PERCENT}%；",
        f"中国结算通知：{notice.text()}（记录 P01，按 op_tzxx 格式写出并读回）。",
    ]
    documents = _documents(folder, run, case, "late")
    write_whole(folder / "documents" / f"op_tzxx-{first.day}.dbf", opening.notices)
    title = "强行平仓演练 Forced liquidation drill"
    documents = [*documents, f"op_tzxx-{first.day}.dbf"]
    return write_drill(folder, title, injected, checks, case, course, documents)


def called(made: Carry, name: str, seed: int) -> tuple[Carry, Notice, Money]:
    """(the opening with too little cash and the notice, the notice, the cash that was taken).

    ValueError when the account carries no shorts: there is nothing to call.
    """
    ours = account_named(made, name)
    short = {one.code: one.short for one in ours.held} if ours else {}
    rows = reference_of(made, PICK, seed).chain.contracts
    margin = sum(short.get(row.code, 0) * row.margin_unit for row in rows)
    if ours is None or not margin:
        raise ValueError(f"drill: account {name} carries no shorts into {made.day}")
    left = margin * LEFT_PERCENT // 100
    # The notice is in whole fen; what is missing is rounded up to it.
    deficit = -(-(margin - left) // 100) * 100
    others = tuple(one for one in made.accounts if one is not ours)
    poor = msgspec.structs.replace(ours, cash=left, deficit=deficit)
    account = read_config().member.account
    found = clear.called(account, made.made_on, deficit, made.day)
    data = write(found, made.made_on)
    again, bad = read(data)
    if bad or tuple(again) != found:
        raise ValueError(f"drill: the notices' file does not read back: {bad}")
    opening = msgspec.structs.replace(
        made,
        accounts=(poor, *others),
        brought=made.brought - (ours.cash - left),
        notices=data,
        oversight=b"",
    )
    return opening, found[0], ours.cash - left


def wrong_order(folder: Path, seed: int = 3, until: str = "09:50") -> Drilled:
    """I-46: a second terminal quotes far above the market past the desk; the overseer halts the
    class by itself, the desk answers, firm risk follows and closes the case.
    """
    steps = [
        act("09:40:30", "answer", "T01", "备用终端误操作 entered by mistake at the spare terminal"),
        act("09:41", "follow", "F01", "终端已停用 terminal taken out"),
        act("09:42", "close", "F01", "已核对成交与持仓 fills and positions compared"),
        act("09:43", "release", "F01", "错单已了结 the wrong order is dealt with", scope=CLASS),
        act("09:44", "second", "H01", ""),
    ]
    plan = light_day(folder, 20240627, seed, until, oversight=acts(folder, "".join(steps)))
    run = plan.out
    assert run is not None
    sent: list[Quote] = []

    def inject(world: World) -> None:
        when = world.midnight + from_clock("09:40")
        world.simulation.run(when - SECOND)
        sent.append(far_quote(world))
        body = Requests(plan.config.member.pbu, [sent[0]])
        world.simulation.post("venue", body, when, Source.VENUE)

    done = run_day(plan, inject)
    data = oversee_report.read_all(run)["cases"]
    case = next((row["case"] for row in data if row["limit"] == "wrong_order"), "")
    course = [row for row in data if row["case"] == case]
    others = {row["limit"] for row in data} - {"wrong_order"}
    alerts = alerts_of(run)
    told = {row["code"] for row in alerts if row["machine"] == "oversight"}
    states = [row["words_zh"] for row in alerts if row["code"] == "state_changed"]
    halted, opened = (f"{CLASS} {int(one)} " for one in (TradingState.HALTED, TradingState.OPEN))
    order = sent[0]
    checks = [
        Check("错单由公司层面自有数据发现", "found in the firm's own data",
              bool(course) and order.client_id in course[0]["text"]),
        Check("同时发出预警与风险提示书", "alert and risk notice at once",
              "firm_extreme" in told and [row["event"] for row in course[:2]]
              == ["record", "notice"]),
        Check("经公司授权限制交易", "restrained through the firm's authority",
              bool(states) and bool(case) and halted in states[0] and case in states[0]),
        Check("证据保存在案", "evidence kept in the case",
              bool(course) and "own theory" in course[0]["text"]),
        Check("经回复、跟踪后关闭", "answered, followed, closed",
              bool(course) and course[-1]["status"] == "closed"),
        Check("两人放行后恢复交易", "two people let the class trade again",
              bool(states) and opened in states[-1]),
        Check("无其他误报", "no other kind of case", not others),
        Check("公司账与交易所一致", "the firm's books are the venue's", not any(
            count for name, count in done.invariants.items() if name.startswith("oversight: pos"))),
    ]  # fmt: skip
    injected = [
        f"09:40 由备用终端绕过柜台检查送出：{order.client_id} 对 {order.contract} "
        f"报买 {order.bid_qty} 张，价格 {order.bid / 10_000:.4f} 元（市场卖一价的三倍）。",
    ]
    documents = _documents(folder, run, case, "firm_extreme")
    return write_drill(
        folder, "错单演练 Wrong order drill", injected, checks, case, course, documents
    )


def far_quote(world: World) -> Quote:
    """A quote at three times the best ask, within the price limits of the day. It replaces ours,
    for an order would meet our own ask and be refused (19314).

    ValueError when no contract of the run trades with room for it.
    """
    rows = world.last_rows
    chain = world.reference.chain
    state = world.oversight.machine.state.model
    assert state is not None, "the overseer was opened"
    for slot, contract in enumerate(chain.contracts):
        if contract.underlying != CLASS:
            continue
        ask = int(rows[slot, market.ASK]) or round((state.mid[slot] + state.half[slot]) * 10_000)
        price = 3 * ask
        if state.live[slot] and ask >= 500 and price < contract.limit_up:
            last = min(price + 2 * STEP, contract.limit_up)
            sizes = (SIZE, SIZE, Effect.OPEN, Effect.OPEN)
            return Quote(TERMINAL, contract.code, price, last, *sizes)
    raise ValueError("drill: no contract trades with room for a quote at three times the ask")


def _documents(folder: Path, run: Path, case: str, stage: str) -> list[str]:
    """Risk notice of the case, event report of the alert of a stage, the monitoring report."""
    place = folder / "documents"
    place.mkdir(parents=True, exist_ok=True)
    names = []
    if case:
        oversee_report.write_notice(run, case, place / "风险提示书.md")
        names.append("风险提示书.md")
    for row in alerts_of(run):
        if row["machine"] == "oversight" and stage in (row["code"], *row["words_zh"].split()):
            write_event(run, int(row["number"]), place / "事件报告.md")
            names.append("事件报告.md")
            break
    oversee_report.write_monitoring(run, place / "风险监控日报.md")
    return [*names, "风险监控日报.md"]


def write_drill(
    folder: Path,
    title: str,
    injected: list[str],
    checks: list[Check],
    case: str,
    course: Rows,
    documents: list[str],
) -> Drilled:
    """The record of a drill in its folder: injected, expected and seen, course, documents."""
    ok = all(one.ok for one in checks)
    verdict = "通过 passed" if ok else "未通过 FAILED"
    lines = [f"# {title}", "", f"结论 verdict：**{verdict}**  案号 {case or '—'}", ""]
    lines += ["## 注入 What was injected", "", *(f"- {one}" for one in injected), ""]
    lines += ["## 预期与结果 Expected and seen", "", "| 预期 | expected | 结果 |", "|---|---|---|"]
    lines += [f"| {one.zh} | {one.en} | {'是 yes' if one.ok else '**否 NO**'} |" for one in checks]
    named = words.course(course)
    section = Section(
        "经过", "Course of the case", "reports/oversight_cases.csv", words.CASES, named
    )
    tail = ["## 文件 Documents", "", *(f"- documents/{name}" for name in documents), "",
            "演练组织人：________  复核：________  日期：________", ""]  # fmt: skip
    text = "\n".join([*lines, "", markdown(section), *tail])
    write_whole(folder / RECORD, text.encode())
    told = [{"zh": one.zh, "en": one.en, "ok": one.ok} for one in checks]
    return Drilled(title, str(folder), ok, told, documents, case, course)


DRILLS: dict[str, Callable[[Path], Drilled]] = {
    "forced-liquidation": forced_liquidation,
    "wrong-order": wrong_order,
}
"""Drills by the name on the command line."""
