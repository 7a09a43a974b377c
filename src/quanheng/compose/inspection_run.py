"""Evidence in the records of a run: duty figures, tables, journals, settlement, drills (L-04)."""

import re
from collections import Counter
from pathlib import Path

import msgspec

from quanheng.compose.drill import FAILOVER, RECORD
from quanheng.compose.duty_figures import NAMES, day_figure
from quanheng.compose.duty_source import DutySource
from quanheng.compose.inspection_items import Item
from quanheng.compose.inspection_place import FOUND, MISSING, UNSEEN, Look, Piece, Place
from quanheng.compose.report_tables import read_table
from quanheng.compose.run_folder import RunError
from quanheng.compose.settle_job import FOLDER
from quanheng.duties.dataset import DatasetError
from quanheng.edge.documents import SHARE, VERDICTS, shown
from quanheng.runtime.journal import EFFECTS, JournalError
from quanheng.runtime.records import DIGESTED_TAG
from quanheng.runtime.segment import read_segments, segment_paths

_TABLE = re.compile(
    r"(?P<name>\w+)(?P<empty>!?)(\[(?P<column>\w+)(?P<how>[=>])(?P<value>[^\]]*)\])?"
)
TABLES = {
    "alerts": "告警记录", "class_day": "品种日指标", "deals": "成交明细",
    "expiring": "临近到期持仓",
    "funds": "资金与保证金", "indicators": "风险指标", "instructions": "人工与非交易指令",
    "monitors": "监控告警", "orders": "委托与拒绝统计", "overnight": "隔夜重估",
    "overnight_limits": "隔夜限额", "oversight_figures": "公司层面指标",
    "oversight_levels": "两级风控核对", "oversight_limits": "公司层面限额",
    "oversight_stress": "压力测试", "people": "人员签到", "profit": "盈亏归因",
    "prompts": "风险提示与措施",
}  # fmt: skip
"""Words of the tables of a run that items name."""
MACHINES = {"maker": "做市引擎", "oversight": "公司监督系统", "venue": "交易所"}
_REQUESTS = {"S": "双边报价", "D": "委托", "F": "撤单", "Z": "撤报价"}
_PASSED = "通过 passed"


def _duty(place: Place, item: Item, ref: str) -> Piece:
    """A figure of I-22 to I-28, by class, worked out anew from the day's dataset."""
    words = NAMES[ref][0] if ref in NAMES else ref
    try:
        source = place.once("duties", lambda: DutySource(place.run))
        day = source.days[-1]
        measured = source.measured(day)
        facts = measured.facts(source.our_maker("", day))
    except (RunError, DatasetError, OSError) as error:
        return Piece("duties", ref, MISSING, words, f"当日数据集不可用：{error}")
    if ref not in NAMES or not facts:
        return Piece("duties", ref, MISSING, words, "当日没有此项指标")
    lines = []
    for underlying, one in facts.items():
        figure = day_figure(ref, one, measured.book, measured.scale)
        verdict = "" if figure.met is None else VERDICTS[figure.met]
        lines.append(f"{underlying} {shown(figure.value, SHARE)}{verdict}")
    return Piece("duties", ref, FOUND, words, "；".join(lines))


def _table(place: Place, item: Item, ref: str) -> Piece:
    """Rows of a table of the run: NAME, NAME[column=value], NAME[column>] where it is not empty;
    with ! after the name a table without rows counts, because nothing happened.
    """
    asked = _TABLE.fullmatch(ref)
    if asked is None:
        return Piece("tables", ref, MISSING, ref, "无法识别的记录名")
    name, column = asked["name"], asked["column"] or ""
    words = TABLES.get(name, name)
    try:
        rows = read_table(place.run, name, [column] if column else [])
    except RunError as error:
        return Piece("tables", ref, MISSING, words, f"无此运行记录：{error}")
    kept = rows
    if column and asked["how"] == "=":
        kept = [row for row in rows if row[column] == asked["value"]]
    elif column:
        kept = [row for row in rows if row[column]]
    told = f"{len(kept)} 行" if kept else "当日无此类事项"
    if column:
        told += f"，{column} = {asked['value']}" if asked["value"] else f"，{column} 非空"
    if not kept and not asked["empty"]:
        return Piece("tables", ref, MISSING, words, f"没有符合的记录，共 {len(rows)} 行")
    path = place.run / "reports" / f"{name}.csv"
    return Piece("tables", ref, FOUND, words, told, (str(path),))


def counts(run: Path, machine: str) -> Counter[str]:
    """Effects by tag and requests sent by message type, of a machine's journal as it was kept.

    RunError without a journal of the machine; JournalError for one that is damaged.
    """
    folder = run / "journal" / machine
    if not folder.is_dir() or not segment_paths(folder):
        raise RunError(f"{run}: no journal of {machine}")
    found: Counter[str] = Counter()
    decode = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
    whole = msgspec.msgpack.Decoder().decode
    for frame in read_segments(folder, machine):
        found["frames"] += 1
        if frame.kind != EFFECTS:
            continue
        for raw in decode(frame.payload):
            fields = decode(raw)
            tag = str(whole(fields[0]))
            if tag == DIGESTED_TAG:
                tag = str(whole(fields[1]))
            found[tag] += 1
            if tag == "send":
                found.update(_sent(whole(raw)))
    return found


def _sent(effect: object) -> Counter[str]:
    """Message types of the requests in a send effect."""
    found: Counter[str] = Counter()
    waiting = [effect]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            if one and isinstance(one[0], str) and one[0] in _REQUESTS:
                found[one[0]] += 1
            else:
                waiting += one
    return found


def _journal(place: Place, item: Item, ref: str) -> Piece:
    """MACHINE:TAG, tags with | between them: effects or requests in the machine's journal; `*` any
    frame.
    """
    machine, _, tags = ref.partition(":")
    try:
        found = place.once(f"journal {machine}", lambda: counts(place.run, machine))
    except (RunError, JournalError) as error:
        return Piece("journal", ref, MISSING, machine, f"日志不可用：{error}")
    names = ["frames"] if tags == "*" else tags.split("|")
    shown_ = [f"{_REQUESTS.get(name, name)} {found[name]:,}" for name in names if found[name]]
    if not shown_:
        return Piece("journal", ref, MISSING, machine, f"日志中没有 {tags}")
    head = place.info.heads.get(machine, "")
    seal = f"，链尾 {head[:16]}" if head else ""
    words = f"{MACHINES.get(machine, machine)}日志"
    return Piece("journal", ref, FOUND, words, f"{'、'.join(shown_)} 条{seal}")


def _settled(place: Place, item: Item, ref: str) -> Piece:
    path = place.run / FOLDER / "checklist.csv"
    if not path.is_file():
        return Piece("settlement", ref, MISSING, "日终核对", "尚未清算：quanheng settle RUN")
    lines = path.read_text(encoding="utf-8").splitlines()
    record = place.run / FOLDER / "record.jsonl"
    said = f"核对清单 {max(len(lines) - 1, 0)} 步"
    return Piece("settlement", ref, FOUND, "日终核对", said, (str(path), str(record)))


def _drill(place: Place, item: Item, ref: str) -> Piece:
    """The record of a drill that passed."""
    folder = place.drills / ref
    record = folder / RECORD
    if not record.is_file() and ref == FAILOVER:
        hint = f"在两台主机间演练 between two hosts：make failover，{record}"
        return Piece("drills", ref, UNSEEN, ref, hint)
    if not record.is_file():
        hint = f"没有演练记录：quanheng drill {ref} --out {folder}"
        return Piece("drills", ref, MISSING, ref, hint)
    text = record.read_text(encoding="utf-8")
    title = text.splitlines()[0].removeprefix("# ") if text else ref
    if _PASSED not in text:
        return Piece("drills", ref, MISSING, title, f"演练未通过：{record}")
    papers = sorted(str(path) for path in (folder / "documents").glob("*") if path.is_file())
    said = f"结论{_PASSED.split()[0]}，文件 {len(papers)} 份"
    return Piece("drills", ref, FOUND, title, said, (str(record), *papers))


LOOKERS: dict[str, Look] = {
    "duties": _duty,
    "tables": _table,
    "journal": _journal,
    "settlement": _settled,
    "drills": _drill,
}
