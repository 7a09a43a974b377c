"""What a machine can say about the items of a day's check-lists, from its state and the run.

Each check gives (True, False or None for not yet, figure in Chinese, in English); nothing here is
judged by its absence: a check that has nothing to look at says so.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from quanheng.compose import report_register as register
from quanheng.compose.console_duty import duty
from quanheng.compose.console_house import House
from quanheng.compose.console_source import View
from quanheng.compose.report_tables import read_csv
from quanheng.compose.run_folder import RunError, read_info
from quanheng.compose.settle_job import CASE_HEADS, FOLDER
from quanheng.compose.watch_cli import processes
from quanheng.maker import columns as c
from quanheng.maker.inquiry_life import Stage
from quanheng.maker.messages import MakerOpen
from quanheng.maker.monitor_table import Level
from quanheng.maker.state import State
from quanheng.maker.states import trader
from quanheng.rulebook.phases import timetable
from quanheng.settlement.record import OPEN
from quanheng.terms.codes import Link, Phase
from quanheng.terms.days import day_nanos
from quanheng.terms.units import SECOND

LEAST = 8_000
"""Hundredths of a per cent: chapter 3's participation of a contract."""


class Fact(NamedTuple):
    """What was found."""

    ok: bool | None
    zh: str
    en: str


class Seen(NamedTuple):
    """What a check looks at."""

    house: House
    state: State
    opened: MakerOpen
    at: int
    duty: Mapping[str, Mapping[str, object]]


def facts(house: House) -> dict[str, Fact]:
    """Every check by name, at the end of what the journal has."""

    def look(view: View) -> dict[str, Fact]:
        state, at = view.scene.state, view.scene.at
        assert state.opened is not None, "a day is open"
        rows = duty(state, house.source.log.info.day, at)["duty"]
        seen = Seen(house, state, state.opened, at, rows)
        return {name: check(seen) for name, check in CHECKS.items()}

    return house.source.look(look)


def _files(seen: Seen) -> Fact:
    day = seen.house.source.log.info.day
    folder = seen.house.run / "files" / str(day)
    found = sorted(path.name for path in folder.glob("reff03*")) if folder.is_dir() else []
    return Fact(bool(found), "、".join(found) or "未收到", ", ".join(found) or "none")


def _processes(seen: Seen) -> Fact:
    if read_info(seen.house.run).hash_seed != "live":
        return Fact(None, "模拟运行，无独立进程", "a simulation has no processes of its own")
    rows = [one for one in processes(seen.house.run) if one["pid"]]
    down = [one["role"] for one in rows if not one["up"]]
    if not seen.house.source.live:
        return Fact(None, "交易日已结束", "the day is over")
    return Fact(not down, f"{len(rows)} 个进程，未运行 {' '.join(down) or '无'}",
                f"{len(rows)} processes, down: {' '.join(down) or 'none'}")  # fmt: skip


def _line(seen: Seen) -> Fact:
    link, gaps = seen.state.scopes.link, len(seen.state.gaps)
    zh = f"{'正常' if link == Link.READY else '未就绪'}，缺口 {gaps}"
    return Fact(link == Link.READY and not gaps, zh, f"link {link.name.lower()}, gaps {gaps}")


def _opening(seen: Seen) -> Fact:
    book, count = seen.state.book, len(seen.opened.chain.contracts)
    held = int((book.long_qty + book.short_qty + book.covered_qty > 0).sum())
    granted = len(seen.opened.limits) + len(seen.opened.granted)
    zh = f"合约 {count}，持仓 {held} 项，限额记录 {granted}"
    return Fact(granted > 0, zh, f"{count} contracts, {held} positions, {granted} limits")


def _feed(seen: Seen) -> Fact:
    stale = [
        item.underlying for klass, item in enumerate(seen.opened.chain.classes)
        if seen.state.view.stale[klass] or not seen.state.view.tick_at[klass]
    ]  # fmt: skip
    return Fact(not stale, f"中断 {' '.join(stale) or '无'}", f"stale: {' '.join(stale) or 'none'}")


def _signed_on(seen: Seen) -> Fact:
    scopes = seen.state.scopes
    bare = [
        one.underlying for one in seen.opened.chain.classes if not trader(scopes, one.underlying)
    ]
    return Fact(not bare, f"无人 {' '.join(bare) or '无'}", f"nobody: {' '.join(bare) or 'none'}")


def _curves(seen: Seen) -> Fact:
    rows = seen.state.surface.curves[c.PUBLISHED]
    ready = int(np.isfinite(rows[:, 0]).sum())
    return Fact(ready == len(rows), f"{ready}/{len(rows)} 个到期", f"{ready}/{len(rows)} expiries")


def _share(value: object) -> int:
    return value if isinstance(value, int) else 10_000


def _duty(seen: Seen) -> Fact:
    known = [row for row in seen.duty.values() if row["participation"] is not None]
    if not known:
        return Fact(None, "连续竞价尚未开始", "continuous trading has not begun")
    low = [str(row["underlying"]) for row in known if _share(row["participation"]) < LEAST]
    return Fact(not low, f"不足 {' '.join(low) or '无'}", f"below: {' '.join(low) or 'none'}")


def _inquiries(seen: Seen) -> Fact:
    rows = list(seen.state.inquiries.asked.values())
    missed = sum(one.stage == Stage.MISSED for one in rows)
    zh = f"{len(rows)} 笔，未回应 {missed}"
    return Fact(not missed, zh, f"{len(rows)} inquiries, {missed} missed")


def _alerts(seen: Seen) -> Fact:
    red = [one for one in seen.state.watch.alerts.values() if one.grade == Level.RED]
    left = sum(not one.acked_by for one in red)
    return Fact(not left, f"严重 {len(red)}，未确认 {left}", f"{len(red)} red, {left} to answer")


def _limits(seen: Seen) -> Fact:
    red = int((seen.state.watch.level >= Level.RED).sum())
    return Fact(not red, f"严重级 {red} 项", f"{red} beyond the red threshold")


def _journal(seen: Seen) -> Fact:
    frames = seen.house.source.log
    count = len(frames)
    return Fact(count > 0, f"{count:,} 条输入，逐帧校验", f"{count:,} inputs, every frame checked")


def _over(seen: Seen) -> bool:
    last = timetable(seen.opened.rulebook)[-1]
    return day_nanos(seen.at) >= last.stop - SECOND


def _withdrawn(seen: Seen) -> Fact:
    if not _over(seen):
        return Fact(None, "尚未收盘", "not closed yet")
    work = seen.state.work
    ask = c.W_COLUMNS
    left = int((work[:, c.W_LIVE_QTY] > 0).sum() + (work[:, ask + c.W_LIVE_QTY] > 0).sum())
    ended = all(int(row) == Phase.CLOSED for row in seen.state.view.rows[:, 1])
    zh = "交易所已收盘，申报失效" if ended else f"仍挂 {left} 边"
    return Fact(ended or not left, zh, "closed" if ended else f"{left} sides rest")


def _grades(seen: Seen) -> Fact:
    if not _over(seen):
        return Fact(None, "尚未收盘", "not closed yet")
    said = " ".join(f"{row['underlying']} {row['grade']}" for row in seen.duty.values())
    return Fact(bool(said), said, said)


def _overnight(seen: Seen) -> Fact:
    if not (seen.house.run / "reports" / "overnight_limits.csv").exists():
        return Fact(None, "日终报表尚未生成", "the day's reports are not made yet")
    over = register.over_limits(seen.house.run)
    return Fact(not over, "、".join(over) or "无超限", ", ".join(over) or "none over")


def _settlement(seen: Seen) -> Fact:
    path = seen.house.run / FOLDER / "cases.csv"
    if not path.exists():
        return Fact(None, "清算尚未开始", "settlement has not begun")
    left = sum(row["status"] == OPEN for row in read_csv(path, CASE_HEADS))
    return Fact(not left, f"未决差异 {left}", f"{left} open")


def _report(seen: Seen) -> Fact:
    try:
        found = [one.number for one in register.entries(seen.house.run) if one.kind == "issued"]
    except RunError as error:
        return Fact(False, str(error), str(error))
    return Fact(bool(found), "、".join(found) or "尚未签发", ", ".join(found) or "none issued")


def _carry(seen: Seen) -> Fact:
    found = sorted(path.name for path in (seen.house.run / "carry").glob("*.msgpack"))
    return Fact(bool(found), "、".join(found) or "尚未生成", ", ".join(found) or "not made")


CHECKS: Mapping[str, Callable[[Seen], Fact]] = {
    "files": _files, "processes": _processes, "line": _line, "opening": _opening, "feed": _feed,
    "signed_on": _signed_on, "curves": _curves, "duty": _duty, "inquiries": _inquiries,
    "alerts": _alerts, "limits": _limits, "journal": _journal, "withdrawn": _withdrawn,
    "grades": _grades, "overnight": _overnight, "settlement": _settlement, "report": _report,
    "carry": _carry,
}  # fmt: skip
"""Checks by the name that data/daily.toml uses."""
