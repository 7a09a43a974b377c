"""Reports that an inspection makes from the run itself: each is written into the bundle (L-04).

Nothing is entered into a register by it: copies for an inspection carry `COPY` in place of a
number. Without a bundle the reports of the newest one are looked for, whole by their hashes.
"""

import csv
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from quanheng.compose import (
    commands,
    desk_views,
    inspection_node,
    lab,
    lab_form,
    reception,
    risk_daily,
    risk_quarterly,
)
from quanheng.compose.daily_report import sections as desk_sections
from quanheng.compose.document_files import write_document
from quanheng.compose.duty_report import daily
from quanheng.compose.duty_report_month import monthly
from quanheng.compose.duty_source import DutySource
from quanheng.compose.inspection_items import Item
from quanheng.compose.inspection_log import day_log
from quanheng.compose.inspection_models import register_document, strategy_forms
from quanheng.compose.inspection_place import FOUND, MISSING, UNSEEN, Look, Piece, Place
from quanheng.compose.inspection_static import tests_of
from quanheng.compose.reference import FIRST_DAY
from quanheng.compose.reference import load as load_reference
from quanheng.compose.report_tables import markdown
from quanheng.compose.run_folder import RunError, write_whole
from quanheng.config import ConfigError, read_config
from quanheng.duties.dataset import DatasetError
from quanheng.edge.documents import Document
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.maker.parameters import TABLE
from quanheng.runtime.journal import JournalError
from quanheng.terms.days import iso

COPY = "检查用副本"
EVIDENCE = "evidence"
INDEX = "index.json"
_WITHDRAWING = ("504", "506", "703", "704")
"""Scenes: a side withdrawn, mass cancel, a silent engine's withdrawn by the gateway, one click."""
_SHOWN = ("html", "xlsx")
_SIGNED = ("docx",)


class Made(NamedTuple):
    """What a report left: its files, and what to say about it. No files: nothing to look at."""

    files: list[Path]
    said: str


class Report(NamedTuple):
    """A report by its words and how it is made into a folder."""

    words: str
    make: Callable[[Place, Path], Made]


def _duty(kind: str) -> Callable[[Place, Path], Made]:
    def make(place: Place, out: Path) -> Made:
        source = place.once("duties", lambda: DutySource(place.run))
        day = source.days[-1]
        maker = source.our_maker("", day)
        document = {"daily": daily, "monthly": monthly}[kind](source, day, maker, "")
        return _written(document, out, f"duty-{kind}-{day}-{maker}", _SHOWN)

    return make


def _written(document: Document, out: Path, stem: str, forms: tuple[str, ...]) -> Made:
    files = write_document(document, out, stem, forms)
    return Made(files, f"{document.title} {iso(document.day)}，{len(document.sections)} 节")


def _desk(place: Place, out: Path) -> Made:
    parts = desk_sections(place.run)
    head = f"# 做市业务日报\n\n{COPY}  交易日 {iso(place.info.day)}\n\n"
    path = out / f"desk-daily-{place.info.day}.md"
    out.mkdir(parents=True, exist_ok=True)
    write_whole(path, (head + "".join(map(markdown, parts))).encode())
    return Made([path], f"做市业务日报 {iso(place.info.day)}，{len(parts)} 节")


def _risk_daily(place: Place, out: Path) -> Made:
    document = risk_daily.daily(place.run, COPY)
    return _written(document, out, f"risk-daily-{place.info.day}", _SIGNED)


def _stress(place: Place, out: Path) -> Made:
    document = risk_quarterly.quarterly(place.run, COPY, None)
    return _written(document, out, f"stress-{place.info.day}", _SIGNED)


def _reception(place: Place, out: Path) -> Made:
    found = reception.check(place.run / "files" / str(place.info.day), place.info.day)
    files = reception.write(found, out)
    if not found.ok:
        raise RunError(f"数据接收测试不合格，见 {files[0].name}")
    return Made(files, f"数据接收测试合格，{len(found.checks)} 项检查")


def _contracts(place: Place, out: Path) -> Made:
    rows = desk_views.contracts(read_config())
    quoted = sum(bool(row["quoted"]) for row in rows)
    classes = len({row["trading_code"][:6] for row in rows})
    path = _csv(out / "contracts.csv", desk_views.CONTRACT_COLUMNS, rows)
    return Made([path], f"合约 {len(rows)} 个（{classes} 个标的），报价 {quoted} 个")


def _parameters(place: Place, out: Path) -> Made:
    """Every parameter with its bounds and the trader's band, and every setting of the day."""
    heads = ("name", "unit", "default", "low", "high", "trader_low", "trader_high")
    rows: list[dict[str, object]] = []
    for one in TABLE:
        alone = ("", "") if one.limit else one.band  # a limit of the ladder takes two people
        values = (one.name, one.unit, one.default, one.low, one.high, *alone)
        rows.append(dict(zip(heads, values, strict=True)))
    known = _csv(out / "parameters.csv", heads, rows)
    changes = desk_views.changes(place.run)
    made = _csv(out / "settings.csv", desk_views.CHANGE_COLUMNS, changes)
    scopes = len({row["scope"] for row in changes})
    said = f"参数 {len(rows)} 项；当日设置 {len(changes)} 条，{scopes} 个范围，含经办与复核"
    return Made([known, made], said)


def _csv(path: Path, columns: tuple[str, ...], rows: list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def _configuration(place: Place, out: Path) -> Made:
    result, text = commands.check_config(None, None, None, iso(place.info.day))
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "configuration.txt", text.encode())
    write_whole(out / "run.json", (place.run / "run.json").read_bytes())
    same = "与当日运行一致" if result["config_hash"] == place.info.config else "与当日运行不同"
    said = f"配置 {len(result['config'])} 项，规则 {len(result['rules'])} 条；{same}"
    return Made([out / "configuration.txt", out / "run.json"], said)


def _tests(place: Place, out: Path) -> Made:
    if place.source is None:
        return Made([], "安装包不含测试，未核对（--source）")
    rows: list[dict[str, object]] = []
    for path in sorted((place.source / "tests").rglob("test_*.py")):
        name = path.relative_to(place.source).as_posix()
        rows += [{"file": name, "test": one} for one in sorted(tests_of(path))]
    if not rows:
        raise RunError(f"{place.source}/tests: 没有测试")
    files = len({row["file"] for row in rows})
    path = _csv(out / "tests.csv", ("file", "test"), rows)
    return Made([path], f"测试函数 {len(rows)} 个，文件 {files} 个")


def _kill(place: Place, out: Path) -> Made:
    """Scenes of the laboratory that withdraw, played against our own gateway over loopback."""
    chain = load_reference(FIRST_DAY, None, "").chain
    plan = lab.LabPlan(config=read_config(), book=read_rulebook(chain.day), chain=chain)
    chosen = [one for one in lab.scenes(plan.system) if one.name.startswith(_WITHDRAWING)]
    results = list(lab.run(plan, chosen))
    files = lab_form.write(plan, results, lab.scenes_hash(chosen), out)
    bad = [one.name for one in results if one.verdict != lab.PASSED]
    if bad or not results:
        raise RunError(f"撤单场景未通过：{'、'.join(bad) or '没有场景'}")
    return Made(files, f"实验室撤单场景 {len(results)} 个，全部通过")


def _day_log(place: Place, out: Path) -> Made:
    return _written(day_log(place.run), out, f"day-log-{place.info.day}", _SIGNED)


def _models(place: Place, out: Path) -> Made:
    document, said = register_document(place.info.day)
    files = write_document(document, out, "model-register", _SIGNED)
    return Made(files, said)


def _forms(place: Place, out: Path) -> Made:
    files, said = strategy_forms(out)
    return Made(files, said)


def _here(make: Callable[[Path], tuple[list[Path], str]]) -> Callable[[Place, Path], Made]:
    """A report of the machine that the inspection runs on, not of the run."""
    return lambda _, out: Made(*make(out))


REPORTS: dict[str, Report] = {
    "duty-daily": Report("做市义务日报", _duty("daily")),
    "duty-monthly": Report("做市义务月报", _duty("monthly")),
    "desk-daily": Report("做市业务日报", _desk),
    "day-log": Report("交易日志（盘前、盘中、盘后）", _day_log),
    "risk-daily": Report("风险监控日报", _risk_daily),
    "risk-quarterly": Report("压力测试报告", _stress),
    "kill-scenes": Report("批量撤单与一键撤单测试", _kill),
    "reception": Report("数据接收测试报告", _reception),
    "contracts": Report("合约清单", _contracts),
    "parameters": Report("参数设置记录", _parameters),
    "model-register": Report("模型与策略登记、测试与上线", _models),
    "strategy-forms": Report("策略上线审批表与情景论证", _forms),
    "configuration": Report("生效配置与规则", _configuration),
    "configuration-list": Report("系统软硬件配置清单", _here(inspection_node.configuration_list)),
    "self-test": Report("开盘前自检记录", _here(inspection_node.self_test)),
    "layouts": Report("文件布局与升级", _here(inspection_node.layouts)),
    "test-list": Report("测试清单", _tests),
}
"""Reports by the name that items give them."""
_FAILURES = (RunError, DatasetError, ConfigError, JournalError, OSError, RuntimeError)


def _report(place: Place, item: Item, ref: str) -> Piece:
    """Make a report once, or look it up in the newest bundle."""
    if ref not in REPORTS:
        return Piece("reports", ref, MISSING, ref, "没有此报告")
    if place.bundle is None:
        return _kept(place, ref)
    out = place.bundle / EVIDENCE / ref
    made = place.once(f"report {ref}", lambda: _make(place, ref, out))
    if isinstance(made, str):
        return Piece("reports", ref, MISSING, REPORTS[ref].words, made)
    state = FOUND if made.files else UNSEEN
    return Piece("reports", ref, state, REPORTS[ref].words, made.said, tuple(map(str, made.files)))


def _make(place: Place, ref: str, out: Path) -> Made | str:
    try:
        return REPORTS[ref].make(place, out)
    except _FAILURES as error:
        return f"未能生成：{error}"


class Kept(msgspec.Struct, frozen=True):
    """A file of a bundle as its index names it."""

    path: str
    sha256: str
    kind: str
    ref: str


class Index(msgspec.Struct, frozen=True):
    """What a bundle's index.json has for those who look again."""

    files: tuple[Kept, ...]
    said: dict[str, str]


@cache
def _index(path: Path, written: int) -> Index | None:
    """An index as it was written at an instant."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Index)
    except (OSError, msgspec.DecodeError):
        return None


def _kept(place: Place, ref: str) -> Piece:
    """A report of the newest bundle, its files as they were."""
    words, folder = REPORTS[ref].words, place.run / "inspection"
    path = folder / INDEX
    index = _index(path, path.stat().st_mtime_ns) if path.is_file() else None
    mine = [one for one in index.files if (one.kind, one.ref) == ("reports", ref)] if index else []
    if not mine or index is None:
        return Piece("reports", ref, MISSING, words, "尚未生成：quanheng inspect RUN")
    for one in mine:
        where = folder / one.path
        if not where.is_file() or hashlib.sha256(where.read_bytes()).hexdigest() != one.sha256:
            return Piece("reports", ref, MISSING, words, f"文件缺失或已变更：{one.path}")
    files = tuple(str(folder / one.path) for one in mine)
    return Piece("reports", ref, FOUND, words, index.said.get(ref, ""), files)


LOOKERS: dict[str, Look] = {"reports": _report}
