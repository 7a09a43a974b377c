"""An event report drafted from an alert in one step, 事件报告 (R-07): facts filled in, cause and
measures left to people.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose import report_register as register
from quanheng.compose import risk_record as record
from quanheng.compose.monitor_record import MONITOR_COLUMNS, PROMPT_COLUMNS
from quanheng.compose.report_tables import Section, markdown, read_table
from quanheng.compose.run_folder import RunError, read_info
from quanheng.maker.maker import Maker
from quanheng.runtime.journal import EFFECTS, INPUT
from quanheng.runtime.records import envelope_decoder
from quanheng.runtime.segment import read_segments, segment_paths
from quanheng.terms.commands import Command, SignOn
from quanheng.terms.days import clock_text, iso
from quanheng.terms.orders import Send
from quanheng.terms.units import SECOND, Nanos

AFTER = 60 * SECOND
"""How long after the alert the machine's own acts are shown."""
LATER = 300 * SECOND
"""And the alerts that followed."""
BLANKS = (
    "事件类型（业务差错 / 系统故障 / 突发事件）Kind",
    "原因 Cause",
    "影响与损失 Effect",
    "已采取措施 Measures taken",
    "整改与期限 Follow-up and deadline",
    "报告人 Reported by",
    "复核 Checked by",
)
_ALERT = {
    "number": "编号",
    "at": "时间",
    "machine": "机器",
    "code": "种类",
    "scope": "范围",
    "words_zh": "内容",
    "on_duty": "在岗（主/备）",
}
_LIFE = {
    "number": "告警",
    "item": "条目",
    "words_zh": "指标",
    "scope": "范围",
    "grade": "级别",
    "figure": "数值",
    "threshold": "阈值",
    "version": "限额版本",
    "told": "通知岗位",
    "escalations": "升级次数",
    "acknowledged_by": "确认人",
    "acknowledged_at": "确认时间",
    "cleared_at": "解除时间",
    "state": "状态",
}
_PROMPT = {
    "number": "提示",
    "measure": "措施",
    "orders": "预设委托",
    "status": "状态",
    "by": "确认人",
    "seconded_by": "复核人",
    "answered_at": "确认时间",
    "before": "之前",
    "after": "之后",
    "results": "委托与成交",
}
_ACTS = {"second": "时间", "act": "动作", "count": "数量"}
_FIGURES = {
    "scope": "范围",
    "name": "指标",
    "words_zh": "名称",
    "unit": "单位",
    "worst": "最坏值",
    "at": "时间",
    "last": "末值",
    "limit": "限额",
    "used": "占用（%）",
}


def alerts_of(run: Path) -> list[dict[str, str]]:
    """The alerts of a run with the numbers that `write_event` takes."""
    return read_table(run, "alerts", record.ALERTS)


def event_sections(run: Path, number: int) -> tuple[dict[str, str], list[Section]]:
    """An alert and what is known about it. RunError for a number that no alert has."""
    alerts = alerts_of(run)
    if not 1 <= number <= len(alerts):
        raise RunError(f"{run}: no alert {number}; reports/alerts.csv has 1 to {len(alerts)}")
    alert = alerts[number - 1]
    at = int(alert["at_ns"])
    later = [row for row in alerts[number:] if int(row["at_ns"]) <= at + LATER]
    indicators = read_table(run, "indicators", record.INDICATORS)
    figures = [row for row in indicators if row["scope"] in ("*", alert["underlying"])]
    acts, note = _acts(run, at)
    life = [
        row for row in read_table(run, "monitors", MONITOR_COLUMNS)
        if str(number) in row["lines"].split()
    ]  # fmt: skip
    numbers = [row["number"] for row in life]
    prompts = [row for row in read_table(run, "prompts", PROMPT_COLUMNS) if row["alert"] in numbers]
    source = "reports/alerts.csv"
    return alert, [
        Section("一、事件", "What happened", source, _ALERT, [alert]),
        Section("二、有关指标", "Figures", "reports/indicators.csv", _FIGURES, figures),
        Section("三、机器随后 60 秒的动作", "What followed", "journal/maker", _ACTS, acts, note),
        Section("四、随后 5 分钟的告警", "Alerts that followed", source, _ALERT, later),
        Section(
            "五、告警级别、确认与升级", "Life of the alert", "reports/monitors.csv", _LIFE, life
        ),
        Section(
            "六、风险提示与措施", "Prompts and measures", "reports/prompts.csv", _PROMPT, prompts
        ),
    ]


def write_event(run: Path, number: int, out: Path) -> register.Entry:
    """Draft the report of an alert and enter it. RunError for a number that no alert has."""
    info = read_info(run)
    alert, sections = event_sections(run, number)

    def text(name: str) -> str:
        head = (
            f"# 事件报告（草稿） Event report, draft\n\n"
            f"报告编号 {name}  交易日 {iso(info.day)}  场景 {info.scenario}  种子 {info.seed}\n\n"
        )
        blanks = "\n".join(f"- {blank}：＿＿＿＿＿＿" for blank in BLANKS)
        ending = f"## 七、由人填写 To be filled in\n\n{blanks}\n\n"
        return head + "".join(map(markdown, sections)) + ending

    subject = f"alert {number} {alert['at']} {alert['code']} {alert['scope']}"
    return register.issue(run, out, register.EVENT, subject, text)


def _acts(run: Path, at: Nanos) -> tuple[list[dict[str, str]], str]:
    """Per second what the maker sent and what people commanded; a note when nothing was kept."""
    counted: Counter[tuple[str, str]] = Counter()
    first: Nanos = -1
    for when, act in _journal(run):
        first = when if first < 0 else first
        if when > at + AFTER:
            break
        if when >= at and act:
            counted[clock_text(when), act] += 1
    note = ""
    if first < 0 or first > at:
        kept = "，全部未保留" if first < 0 else f"，自 {clock_text(first)} 起保留"
        note = f"事件时的日志未保留{kept}；请以 `--journal full` 运行。"
    rows = [
        {"second": second, "act": act, "count": str(count)}
        for (second, act), count in counted.items()
    ]
    return rows, note


def _journal(run: Path) -> Iterator[tuple[Nanos, str]]:
    """(instant, what was done) through the kept journal; "" for an input without an act."""
    folder = run / "journal" / Maker.NAME
    if not (folder.is_dir() and segment_paths(folder)):
        return
    decode = envelope_decoder(Maker).decode
    at: Nanos = 0
    for frame in read_segments(folder, Maker.NAME):
        if frame.kind == INPUT:
            envelope = decode(frame.payload)
            at = envelope.at
            yield at, _commanded(envelope.body)
        elif frame.kind == EFFECTS:
            for effect in msgspec.msgpack.decode(frame.payload):
                if effect[0] == "send":
                    for request in msgspec.convert(effect, Send).requests:
                        yield at, f"发出 sent {type(request).__name__}"


def _commanded(body: Any) -> str:
    if not isinstance(body, Command):
        return ""
    person = body.person if isinstance(body, SignOn) else body.by
    return f"指令 command {type(body).__name__} ({person})"
