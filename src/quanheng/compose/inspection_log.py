"""The log of a trading day in three parts, before, during and after trading (I-07).

Made from what the run recorded: people on duty, states, alerts and monitors by the clock, and the
steps of the day's end.
"""

from pathlib import Path

from quanheng.compose.report_tables import Row, read_table
from quanheng.compose.run_folder import read_info
from quanheng.compose.settle_job import FOLDER
from quanheng.edge.documents import Column, Document, Section, Table
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook.phases import timetable
from quanheng.terms.days import clock_text, iso, midnight

_ALERTS = ("at", "machine", "code", "scope", "words_zh", "on_duty")
_PEOPLE = ("at", "scope", "post", "person", "on_off", "then_on_duty")
_ENDS = ("step", "words_zh", "status", "open_cases", "signed_by", "signed_at")
_BRIEF = 400


def day_log(run: Path) -> Document:
    """The document of a run that has ended. RunError names a table that is missing."""
    info = read_info(run)
    spans = timetable(read_rulebook(info.day))
    opens, closes = (clock_text(midnight(info.day) + at) for at in (spans[0].start, spans[-1].stop))
    alerts = read_table(run, "alerts", _ALERTS)
    people = read_table(run, "people", _PEOPLE)
    parts = (
        ("一、盘前", "Before trading", "盘前", "", opens),
        ("二、盘中", "During trading", "盘中", opens, closes),
        ("三、盘后", "After trading", "盘后", closes, "99"),
    )
    sections = []
    for title, english, sheet, since, until in parts:
        blocks = [
            _people([row for row in people if since <= row["at"] < until]),
            _alerts([row for row in alerts if since <= row["at"] < until]),
        ]
        if sheet == "盘后":
            blocks.append(_ends(run))
        sections.append(Section(title=title, english=english, sheet=sheet, blocks=tuple(blocks)))
    return Document(
        title="做市业务交易日志", english="Log of the trading day", day=info.day,
        facts=(("交易日", iso(info.day)), ("场景", info.scenario), ("开盘集合竞价起", opens[:8]),
               ("收盘", closes[:8])),
        sections=tuple(sections),
        notes=("由运行记录自动生成：人员签到、告警与状态变化按时刻归入三段，盘后另列日终核对步骤。",),
        signatures=("交易岗", "风险控制岗", "技术运维岗"),
    )  # fmt: skip


def _people(rows: list[Row]) -> Table:
    cells = tuple(tuple(row[name] for name in _PEOPLE) for row in rows)
    return Table(
        title="人员签到与交接", english="Signing on and off",
        columns=(Column("时间", "at"), Column("范围", "scope"), Column("岗位", "post"),
                 Column("人员", "person"), Column("上下岗", "on or off"),
                 Column("在岗", "then on duty")),
        rows=cells,
    )  # fmt: skip


def _alerts(rows: list[Row]) -> Table:
    cells = tuple(tuple(row[name] for name in _ALERTS) for row in rows)
    return Table(
        title="告警与状态变化", english="Alerts and changes of state",
        columns=(Column("时间", "at"), Column("来源", "machine"), Column("代码", "code"),
                 Column("范围", "scope"), Column("内容", "words"), Column("在岗", "on duty")),
        rows=cells[:_BRIEF],
        note=f"共 {len(cells)} 条，全部见 reports/alerts.csv。",
    )  # fmt: skip


def _ends(run: Path) -> Table:
    columns = (Column("步骤", "step"), Column("内容", "words"), Column("状态", "status"),
               Column("未结事项", "open cases"), Column("签署", "signed by"),
               Column("时间", "at"))  # fmt: skip
    title, english = "日终核对", "Settlement"
    path = run / FOLDER / "checklist.csv"
    if not path.is_file():
        note = "尚未清算（quanheng settle RUN）。"
        return Table(title=title, english=english, columns=columns, rows=(), note=note)
    # read_table reads of reports/; the settlement's tables lie in the folder beside it.
    rows = read_table(run, f"../{FOLDER}/checklist", _ENDS)
    cells = tuple(tuple(row[name] for name in _ENDS) for row in rows)
    return Table(title=title, english=english, columns=columns, rows=cells)
