"""The data reception test (数据接收测试, I-15): were the day's files received, whole and in accord?

`check` takes a folder as it was received (of a run: files/<day>) and never raises for its content.
A recorded MD301 stream is `md301.bin`, the bytes as they came.
"""

import csv
import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.isolation import foreign_rows
from quanheng.compose.reception_cross import CROSSES
from quanheng.compose.reception_files import Problem, Received
from quanheng.compose.run_folder import RunError
from quanheng.compose.text import table, thousands
from quanheng.edge.isolation import Register
from quanheng.edge.received_files import MOST_BYTES, read_received
from quanheng.terms.days import clock_text, day_of, from_clock, iso, midnight
from quanheng.terms.units import DAY, Day, Nanos
from quanheng.wire.exchange_files import CLEARING, Named, Reading, named, read_file

STREAM = "md301"
CONTRACTS, MARKET, SETTLEMENT = (
    "合约基本信息 contracts",
    "行情 market data",
    "行权与结算 settlement",
)
GROUPS: dict[str, str] = {
    "reff03": CONTRACTS,
    "reff0302": CONTRACTS,
    "zhcl03": CONTRACTS,
    "mktdt03": MARKET,
    "mktdt00": MARKET,
    STREAM: MARKET,
    "clpr03": SETTLEMENT,
    "prestlp03": SETTLEMENT,
    "ogh": SETTLEMENT,
    **{f"op_{name}": SETTLEMENT for name in CLEARING},
}
REQUIRED = (
    "reff03", "reff0302", "zhcl03", "mktdt03", "mktdt00", "clpr03", "prestlp03", "ogh", "op_hycc",
    "op_bzjzh",
)  # fmt: skip
"""Kinds every day must have."""
ON_EXERCISE = ("op_jsmx", "op_ccbd")
"""Kinds a day must have on which contracts are exercised."""
EMPTY_IS_FINE = (
    "ogh",
    "op_hycc",
    "op_jsmx",
    "op_ccbd",
    "op_bzjmx",
    "op_zhccmx",
    "op_tzxx",
    "op_zqjs",
)
"""Kinds that a member without trades or positions gets without records."""
MORNING = ("reff03", "reff0302", "zhcl03")
MORNING_DUE, EVENING_DUE = from_clock("09:00"), DAY + from_clock("08:30")
"""Ours, after the day's midnight: the contract master before the opening auction, what follows the
close before the next morning."""
ARCHIVED = 8 * DAY
"""A file stamped later than this after the day is a copy; when it was received is not known."""
MOST_STREAM = 4 << 30
"""Bytes of a recorded stream; of any other file `received_files.MOST_BYTES`."""
PAGE_PROBLEMS = 200


class Check(msgspec.Struct, frozen=True):
    """One line of the report. `records`: usable ones; `note`: for people, when nothing is wrong;
    not `checked` when nothing can be said.
    """

    group: str
    file: str
    what: str
    records: int = 0
    problems: tuple[Problem, ...] = ()
    note: str = ""
    checked: bool = True

    @property
    def verdict(self) -> str:
        """A key of VERDICTS."""
        return "bad" if self.problems else "good" if self.checked else "unknown"


class Reception(msgspec.Struct, frozen=True):
    """What was found in a folder; `digest` is SHA-256 over names and contents, hex."""

    folder: str
    day: Day
    digest: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Is nothing wrong?"""
        return not any(check.problems for check in self.checks)


def check(folder: Path, day: Day, register: Register | None = None) -> Reception:
    """Check a folder. RunError when it is none. With a `register` records that name accounts or
    trading units of another business are problems (T-04, O-06).
    """
    if not folder.is_dir():
        raise RunError(f"{folder}: not a folder")
    paths = sorted(path for path in folder.iterdir() if path.is_symlink() or not path.is_dir())
    checks: list[Check] = []
    files: dict[str, tuple[str, bytes]] = {}
    digest = hashlib.sha256()
    for path in paths:
        kind, problem = _kind(path.name, day)
        data = b""
        if not problem:
            try:
                data = read_received(path, MOST_STREAM if kind == STREAM else MOST_BYTES)
            except OSError as error:
                problem = f"无法读取 unreadable: {error.strerror}"
        if not problem and kind in files:
            problem = f"与 {files[kind][0]} 重复 a second file of its kind"
        digest.update(f"{path.name}\0{len(data)}\0".encode() + data)
        if problem:
            group = GROUPS.get(kind, "其他 other")
            wrong = (Problem(path.name, 0, "文件 file", problem),)
            checks.append(Check(group, path.name, "文件名与日期 name and day", 0, wrong))
        else:
            files[kind] = (path.name, data)
            checks.append(_arrival(path, kind, day))
    received = Received(day, files)
    checks += _missing(received)
    checks += [_content(received, kind) for kind in files if kind != STREAM]
    for cross in CROSSES:
        if cross.kind in files:
            found = tuple(cross.find(received))
            group, name = GROUPS[cross.kind], received.name(cross.kind)
            checks.append(Check(group, name, cross.words, 0, found))
    for kind in files if register is not None else ():
        foreign = tuple(foreign_rows(received, kind, register)) if register else ()
        if foreign:
            name = received.name(kind)
            checks.append(Check(GROUPS[kind], name, "账户隔离 isolation", 0, foreign))
    order = list(dict.fromkeys(GROUPS.values()))
    checks.sort(key=lambda one: (order.index(one.group) if one.group in order else 9, one.file))
    return Reception(str(folder), day, digest.hexdigest(), tuple(checks))


def _kind(name: str, day: Day) -> tuple[str, str]:
    """(kind of a file by its name, what is wrong with the name)."""
    if name == f"{STREAM}.bin":
        return STREAM, ""
    what: Named | None = named(name)
    if what is None or what.kind not in GROUPS:
        return "", "不是应接收的文件名 no name of a file to be received"
    if what.day and what.day not in (day, day % 10_000):
        return what.kind, f"不是 {iso(day)} 的文件 a file of another day"
    return what.kind, ""


def _arrival(path: Path, kind: str, day: Day) -> Check:
    """Did a file come in time? By its modification stamp, which the transfer must keep."""
    due: Nanos = midnight(day) + (MORNING_DUE if kind in MORNING else EVENING_DUE)
    at = path.stat().st_mtime_ns
    what = "按时到达 in time"
    if at > midnight(day) + ARCHIVED:
        note = "存档副本，接收时刻不详 a copy; time of receipt unknown"
        return Check(GROUPS[kind], path.name, what, 0, (), note, checked=False)
    told = f"{iso(day_of(at))} {clock_text(at)[:8]}"
    if at <= due:
        return Check(GROUPS[kind], path.name, what, 0, (), f"接收于 received {told}")
    limit = f"{iso(day_of(due))} {clock_text(due)[:5]}"
    reason = f"接收于 {told}，迟于 {limit} late"
    return Check(GROUPS[kind], path.name, what, 0, (Problem(path.name, 0, "文件 file", reason),))


def _missing(received: Received) -> list[Check]:
    due = list(REQUIRED)
    if any(row.exercise_day == received.day for row in received.contracts):
        due += ON_EXERCISE
    return [
        Check(
            GROUPS[kind],
            kind,
            "收到 received",
            0,
            (Problem(kind, 0, "文件 file", "没有收到 not received"),),
        )
        for kind in due
        if kind not in received.files
    ]


def _content(received: Received, kind: str) -> Check:
    """Every record of a file by its layout."""
    name, data = received.files[kind]
    reading: Reading | None = read_file(name, data, received.chain)
    assert reading is not None  # `_kind` knows the name
    bad = [Problem(name, one.line, one.field, one.reason) for one in reading.quarantined]
    if not data:
        bad = [Problem(name, 0, "文件 file", "空文件 empty")]
    elif not reading.records and not bad and kind not in EMPTY_IS_FINE:
        bad = [Problem(name, 0, "record", "没有记录 no record")]
    return Check(
        GROUPS[kind], name, "逐条解析 every record by its layout", reading.records, tuple(bad)
    )


VERDICTS = {"good": "合格", "bad": "不合格", "unknown": "未检查"}
HEAD = ("序号", "类别", "文件", "检查内容", "记录数", "结论", "行", "字段", "说明")


def _lines(found: Reception) -> list[tuple[str, ...]]:
    """Rows of the report: one per check, one per problem where there are some."""
    rows: list[tuple[str, ...]] = []
    for number, one in enumerate(found.checks, 1):
        head = (str(number), one.group, one.file, one.what)
        count = thousands(one.records) if one.records else ""
        if not one.problems:
            rows.append((*head, count, VERDICTS[one.verdict], "", "", one.note))
        for bad in one.problems:
            line = str(bad.line) if bad.line else ""
            rows.append((*head, count, VERDICTS[one.verdict], line, bad.field, bad.reason))
    return rows


def _conclusion(found: Reception) -> str:
    many = Counter(one.verdict for one in found.checks)
    told = "，".join(f"{word} {many[verdict]}" for verdict, word in VERDICTS.items())
    end = "合格 passed" if found.ok else "不合格 failed"
    return f"共 {len(found.checks)} 项检查：{told}。结论：{end}。"


def report(found: Reception) -> str:
    """The reception report as Markdown."""
    rows = _lines(found)
    hidden = max(0, len(rows) - len(found.checks) - PAGE_PROBLEMS)
    shown = rows[: len(rows) - hidden]
    lines = [
        "# 数据接收测试报告 / Data reception test",
        "",
        _conclusion(found),
        "",
        f"- 交易日 trading day: {iso(found.day)}",
        f"- 目录 folder: `{Path(found.folder).name}`",
        f"- 文件摘要 hash of the files: {found.digest}",
        "",
        f"| {' | '.join(HEAD)} |",
        "|" + "---|" * len(HEAD),
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in shown),
        "",
    ]
    if hidden:
        lines += [f"其余 {hidden} 行见 reception.csv。 {hidden} more in reception.csv.", ""]
    return "\n".join(lines)


def write(found: Reception, out: Path) -> list[Path]:
    """reception.md and reception.csv into a folder; the files written."""
    out.mkdir(parents=True, exist_ok=True)
    page, sheet = out / "reception.md", out / "reception.csv"
    page.write_text(report(found), encoding="utf-8")
    with sheet.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows([HEAD, *_lines(found)])
    return [page, sheet]


def summary(found: Reception, paths: list[Path]) -> dict[str, Any]:
    """What --json prints."""
    return {
        "ok": found.ok,
        "day": found.day,
        "digest": found.digest,
        "checks": len(found.checks),
        "problems": [msgspec.to_builtins(bad) for one in found.checks for bad in one.problems],
        "files": [str(path) for path in paths],
    }


def listing(found: Reception, paths: list[Path], language: str) -> str:
    """The table for people at a terminal."""
    chinese = language == "zh"
    rows = [
        [
            one.file,
            one.what,
            thousands(one.records) if one.records else "",
            VERDICTS[one.verdict] if chinese else one.verdict,
        ]
        for one in found.checks
    ]
    zh, en = ["文件", "检查内容", "记录数", "结论"], ["file", "check", "records", "verdict"]
    head = zh if chinese else en
    told = [
        f"{one.file}{f':{one.line}' if one.line else ''} {one.field}: {one.reason}"
        for check in found.checks
        for one in check.problems
    ]
    return "\n".join([table(head, rows, left=2), *told, _conclusion(found), *map(str, paths)])
