"""The inspection of the system from what its live days left (系统巡检报告, I-49, I-52, T-08).

Everything is read from the run folders: starts and ends of processes, health, alarms and what
people did about them, self-tests, refusals, drills. The analysis names what is out of order by
rules that stand here; causes and measures are people's, and blank until they write them.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.configuration import Difference, comparison
from quanheng.compose.live_nodes import lines_of
from quanheng.compose.run_folder import RunError, read_info
from quanheng.compose.self_test import RECORD as SELF_TEST
from quanheng.compose.self_test import read_record
from quanheng.compose.watch import ROLES, TURN
from quanheng.compose.watch_cli import recorded
from quanheng.edge.alarm_desk import RECORD as ALARMS
from quanheng.edge.documents import COUNT, NOTHING, TEXT, Column, Document, Section, Table
from quanheng.edge.isolation import REFUSED
from quanheng.edge.journal_lines import read_lines
from quanheng.terms.codes import Alert
from quanheng.terms.days import iso
from quanheng.terms.units import HOUR, MILLISECOND, SECOND, Day

PREFIX = "XJ"
"""Beginning of the numbers: 巡检."""
ENDED = "ended"
"""Status of a day that was closed and measured."""
BLANK = "＿" * 24
SLOW_MS = TURN // MILLISECOND
LATE_ACK_S = 300
"""A red alarm that nobody took within five minutes is out of order."""
MOST_GROWTH = 1_024
"""KiB an hour that a process may grow by (promise 30)."""
REFUSALS = (Alert.FOREIGN_ACCOUNT, Alert.LINK_REFUSED)
"""Alerts of processes about accounts and hosts that are not of this system."""
LEVEL_WORDS = {"notice": "提示", "amber": "黄色", "red": "红色"}


class RoleDay(msgspec.Struct, frozen=True):
    """A process over a day: starts, unplanned ends, worst turn and delay in ms, slow turns; memory
    in MiB, its growth in KiB an hour once an hour was watched, full collections.
    """

    role: str
    starts: int
    ends: int
    worst_turn_ms: int
    behind_ms: int
    slow: int
    rss_mib: int = 0
    growth: int = 0
    collections: int = 0


class AlarmDay(msgspec.Struct, frozen=True):
    """An alarm code over a day; `late`: reds without an answer within LATE_ACK_S."""

    level: str
    code: str
    count: int
    acknowledged: int
    late: int
    undelivered: int


class Inspected(msgspec.Struct, frozen=True, kw_only=True):
    """A live day as the inspection sees it."""

    day: Day
    run: str
    status: str
    self_test: str  # good, none, or what failed
    roles: tuple[RoleDay, ...]
    alarms: tuple[AlarmDay, ...]
    damaged: int  # alerts about journals
    refused: int
    drills: tuple[str, ...]


def inspect_run(run: Path) -> Inspected:
    """A day. RunError for a folder that is no live run."""
    info = read_info(run)
    lines = read_lines(run / "live" / "supervisor.jsonl")
    if not lines:
        raise RunError(f"{run}: no live run: live/supervisor.jsonl has no line")
    said = {role: read_lines(run / "live" / f"{role}.jsonl") for role in ROLES}
    return Inspected(
        day=info.day,
        run=run.name,
        status=info.status,
        self_test=_self_test(run),
        roles=tuple(_role(role, lines, said[role]) for role in ROLES),
        alarms=_alarms(run),
        damaged=sum(
            line.get("code") == "journal_damaged" for one in said.values() for line in one
        ),
        refused=len(read_lines(run / REFUSED))
        + sum(
            line.get("code") in REFUSALS
            for one in (*said.values(), read_lines(lines_of(run, "arbiter")))
            for line in one
        ),
        drills=tuple(
            _drill_words(line) for line in lines if line["what"] in ("drill", "kill", "lines")
        ),
    )  # fmt: skip


def _drill_words(line: dict[str, Any]) -> str:
    if line["what"] == "drill":
        return f"{line['role']} {line['signal']}"
    if line["what"] == "lines":
        return f"线路中断 {line['cut']}" if line["cut"] else "线路恢复"
    return f"一键撤单 {line['scope'] or '*'}（{line['by']}）"


def _self_test(run: Path) -> str:
    try:
        found = read_record(run / SELF_TEST)
    except (OSError, msgspec.DecodeError):
        return "none"
    return "good" if found.ok else "; ".join(one.words for one in found.failed)


def _role(role: str, lines: list[dict[str, Any]], said: list[dict[str, Any]]) -> RoleDay:
    health = [line for line in said if line["what"] == "health"]
    turns = [int(line.get("turn_ms", 0)) for line in health]
    mine = [line["what"] for line in lines if line.get("role") == role]
    return RoleDay(
        role,
        mine.count("started"),
        mine.count("ended"),
        max(turns, default=0),
        max((int(line.get("behind_ms", 0)) for line in health), default=0),
        sum(turn > SLOW_MS for turn in turns),
        max((int(line.get("rss_kib", 0)) for line in health), default=0) >> 10,
        growth([(int(line["at"]), int(line["rss_kib"])) for line in health if "rss_kib" in line]),
        max((int(line.get("gc_full", 0)) for line in health), default=0),
    )


def growth(points: list[tuple[int, int]]) -> int:
    """KiB an hour by least squares over (instant in ns, KiB); 0 for less than an hour (F76)."""
    if len(points) < 3 or points[-1][0] - points[0][0] < HOUR:
        return 0
    count = len(points)
    mean_at = sum(at for at, _ in points) // count
    mean = sum(kib for _, kib in points) // count
    spread = sum((at - mean_at) ** 2 for at, _ in points)
    return sum((at - mean_at) * (kib - mean) for at, kib in points) * HOUR // spread


def _alarms(run: Path) -> tuple[AlarmDay, ...]:
    if not (run / ALARMS).exists():
        return ()
    answered = {
        line["number"]: int(line["at"])
        for line in read_lines(run / ALARMS)
        if line["what"] == "acknowledged"
    }
    kept = recorded(run)
    kinds = Counter((str(one["level"]), str(one["code"])) for one in kept)
    found = []
    for (level, code), count in sorted(kinds.items()):
        mine = [one for one in kept if (one["level"], one["code"]) == (level, code)]
        taken = [answered[one["number"]] - one["at"] for one in mine if one["number"] in answered]
        late = count - sum(span <= LATE_ACK_S * SECOND for span in taken) if level == "red" else 0
        lost = sum(len(one["failed"]) for one in mine)
        found.append(AlarmDay(level, code, count, len(taken), late, lost))
    return tuple(found)


def findings(days: list[Inspected], wrong: list[Difference] | None) -> list[str]:
    """What is out of order, one sentence each, in the order of the report."""
    found = []
    for one in days:
        if one.self_test != "good":
            words = "没有开盘前自检记录" if one.self_test == "none" else one.self_test
            found.append(f"{iso(one.day)} 自检：{words}")
        if one.status != ENDED:
            found.append(f"{iso(one.day)} 未正常收市（{one.status}）")
        found += [words for role in one.roles for words in _of_role(one.day, role)]
        for alarm in one.alarms:
            if alarm.late:
                found.append(
                    f"{iso(one.day)} 红色告警 {alarm.code} 有 {alarm.late} 条未在 "
                    f"{LATE_ACK_S // 60} 分钟内确认"
                )
            if alarm.undelivered:
                found.append(f"{iso(one.day)} 告警 {alarm.code} 未送达 {alarm.undelivered} 次")
        if one.damaged:
            found.append(f"{iso(one.day)} 日志巡检发现损坏 {one.damaged} 处")
        if one.refused:
            found.append(f"{iso(one.day)} 账户或主机隔离拒绝 {one.refused} 次")
    if not any(one.drills for one in days):
        found.append("期间没有切换或一键撤单演练记录")
    if wrong is None:
        found.append("未与批准的配置清单比对")
    elif wrong:
        found.append(f"与批准的配置清单不一致 {len(wrong)} 项")
    return found


def _of_role(day: Day, role: RoleDay) -> Iterator[str]:
    head = f"{iso(day)} 进程 {role.role} "
    if role.ends:
        yield f"{head}意外退出 {role.ends} 次"
    if role.slow:
        yield f"{head}单轮超过 {SLOW_MS} 毫秒 {role.slow} 次，最长 {role.worst_turn_ms} 毫秒"
    if role.growth > MOST_GROWTH:
        yield f"{head}内存每小时增长 {role.growth} KiB"
    if role.collections:
        yield f"{head}交易时段完整垃圾回收 {role.collections} 次"


def document(
    days: list[Inspected], number: str, by: str, wrong: list[Difference] | None
) -> Document:
    """系统巡检报告 over the days, with the comparison of the configuration where one was made."""
    found = findings(days, wrong)
    sections = [
        Section(title="一、结论", english="Findings", sheet="结论", blocks=(),
                text="\n".join(found) if found else "各项检查均正常。"),
        _days(days), _processes(days), _alarm_section(days), _drills(days),
    ]  # fmt: skip
    if wrong is not None:
        part = comparison(wrong)
        sections.append(msgspec.structs.replace(part, title=f"六、{part.title}"))
    sections.append(_measures(found))
    first, last = days[0].day, days[-1].day
    return Document(
        title="系统巡检报告",
        english="System inspection report",
        day=last,
        facts=(("编号", number), ("期间", f"{iso(first)} 至 {iso(last)}"),
               ("交易日", str(len(days))), ("巡检人", by)),
        sections=tuple(sections),
        notes=("依据各交易日运行目录自动汇总；原因与措施由责任人填写。",),
        signatures=("巡检（运维岗）", "复核", "系统运维负责人"),
    )  # fmt: skip


def _days(days: list[Inspected]) -> Section:
    columns = (
        Column("交易日", "day"), Column("状态", "status"), Column("开盘前自检", "self-test"),
        Column("日志损坏", "journal damage", COUNT), Column("隔离拒绝", "refused", COUNT),
    )  # fmt: skip
    words = {"good": "通过", "none": NOTHING}
    rows = tuple(
        (iso(one.day), one.status, words.get(one.self_test, one.self_test), one.damaged,
         one.refused)
        for one in days
    )  # fmt: skip
    table = Table(title="各日概况", english="Days", columns=columns, rows=rows)
    return Section(title="二、各日概况", english="Days", sheet="各日", blocks=(table,))


def _processes(days: list[Inspected]) -> Section:
    heads = (("启动次数", "starts"), ("意外退出", "ended"), ("最长一轮（毫秒）", "worst turn"),
             ("最大滞后（毫秒）", "behind"), ("超时时段", "slow"), ("内存（MiB）", "memory"),
             ("每小时增长（KiB）", "growth"), ("完整垃圾回收", "collections"))  # fmt: skip
    columns = (
        Column("交易日", "day"), Column("进程", "process"),
        *(Column(zh, en, COUNT) for zh, en in heads),
    )  # fmt: skip
    rows = tuple(
        (iso(one.day), role.role, role.starts, role.ends, role.worst_turn_ms, role.behind_ms,
         role.slow, role.rss_mib, role.growth, role.collections)
        for one in days for role in one.roles
    )  # fmt: skip
    table = Table(title="进程运行", english="Processes", columns=columns, rows=rows)
    return Section(title="三、进程与性能", english="Processes", sheet="进程", blocks=(table,))


def _alarm_section(days: list[Inspected]) -> Section:
    heads = (("次数", "count"), ("已确认", "acknowledged"), ("未及时确认", "late"),
             ("未送达", "undelivered"))  # fmt: skip
    columns = (
        Column("交易日", "day"), Column("级别", "level"), Column("代码", "code"),
        *(Column(zh, en, COUNT) for zh, en in heads),
    )  # fmt: skip
    rows = tuple(
        (iso(one.day), LEVEL_WORDS[alarm.level], alarm.code, alarm.count, alarm.acknowledged,
         alarm.late, alarm.undelivered)
        for one in days for alarm in one.alarms
    )  # fmt: skip
    table = Table(title="告警与处理", english="Alarms", columns=columns, rows=rows)
    return Section(title="四、告警与处理", english="Alarms", sheet="告警",
                   blocks=(table,) if rows else (), text="" if rows else "无告警。")  # fmt: skip


def _drills(days: list[Inspected]) -> Section:
    rows = tuple((iso(one.day), words) for one in days for words in one.drills)
    columns = Column("交易日", "day"), Column("演练", "drill")
    table = Table(title="演练", english="Drills", columns=columns, rows=rows)
    return Section(title="五、演练", english="Drills", sheet="演练",
                   blocks=(table,) if rows else (), text="" if rows else "无。")  # fmt: skip


def _measures(found: list[str]) -> Section:
    columns = (
        Column("序号", "no.", COUNT), Column("问题", "finding", TEXT), Column("原因", "cause"),
        Column("措施", "measure"), Column("责任人及期限", "who, when"),
    )  # fmt: skip
    rows = tuple((place, one, BLANK, BLANK, BLANK) for place, one in enumerate(found, 1))
    table = Table(title="分析与措施", english="Analysis and measures", columns=columns, rows=rows)
    return Section(title="七、分析与措施", english="Analysis, measures", sheet="措施",
                   blocks=(table,) if rows else (), text="" if rows else "无需措施。")  # fmt: skip
