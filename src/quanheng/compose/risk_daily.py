"""The firm's daily risk monitoring report (风险监控日报), risk notice (风险提示书) and event report
(事件报告) as documents (chapter 6 二 三, R-02, R-07, I-46).
"""

from fractions import Fraction
from pathlib import Path

from quanheng.compose import oversight_words as words
from quanheng.compose import risk_parts as parts
from quanheng.compose.event_report import BLANKS, event_sections
from quanheng.compose.risk_parts import Day, text
from quanheng.compose.run_folder import RunError, read_info
from quanheng.compose.settle_job import FOLDER, Job
from quanheng.compose.settle_text import CASES
from quanheng.edge import documents as doc
from quanheng.edge.documents import Cell, Document, Section, Table
from quanheng.terms.days import iso

LINE = "＿" * 24


def daily(run: Path, number: str) -> Document:
    """The monitoring report of a day, with its settlement where that has begun."""
    day = Day(run)
    return Document(
        title="风险监控日报",
        english="Daily risk monitoring report of the firm",
        day=day.day,
        facts=day.facts(number),
        sections=(
            _summary(day),
            parts.figures(day, "二、持仓与希腊字母"),
            parts.funds(day, "三、资金与保证金"),
            parts.limits(day, "四、限额使用"),
            parts.cases(day, "五、超限、书面记录与风险提示"),
            parts.levels(day, "六、两级风控核对"),
            parts.stress(day, "七、极端情况（压力测试）"),
            _settled(run, "八、日终结算、强平监控与调整分录"),
        ),
        notes=(
            "由公司层面独立系统编制：自有账目、自有模型、自有限额，与做市业务部门系统相互独立。",
            "资金与保证金取自结算公司口径的日终结单。",
        ),
        signatures=("编制（公司风险管理部门）", "复核"),
    )


def _summary(day: Day) -> Section:
    """What a reader must know first."""
    found = day.found
    over = [row for row in found["limits"] if Fraction(row["percent"] or "0") >= 100]
    near = [row for row in found["limits"] if 80 <= Fraction(row["percent"] or "0") < 100]
    top = max(found["limits"], key=lambda row: Fraction(row["percent"] or "0"))
    last = {row["case"]: row["status"] for row in found["cases"]}
    opened = [case for case, status in last.items() if status != "closed"]
    worst = parts.worst_first(found)[0]
    settled = parts.settled_profit(day.run)
    told = [
        f"当日监控限额 {len(found['limits'])} 项：超限 {len(over)} 项，"
        f"达预警线 80% 的 {len(near)} 项；"
        f"占用率最高的是{top['words_zh']}（{float(Fraction(top['percent'] or '0')):.2f}%）。",
        f"超限案件 {len(last)} 件，未关闭 {len(opened)} 件"
        + (f"：{'、'.join(opened)}。" if opened else "。"),
        f"日终盈亏（公司模型估值，未扣费）{parts.shown_yuan(day.figure('profit'))} 元，"
        f"权益 {parts.shown_yuan(day.funds['equity']['value'])} 元，"
        f"保证金 {parts.shown_yuan(day.funds['margin']['value'])} 元。",
        *(
            [f"结算盈亏（结算价，已扣费）{doc.shown(settled, doc.FEN)} 元。"]
            if settled is not None
            else []
        ),
        f"VaR（历史，一日）{parts.shown_yuan(day.figure('var'))} 元，"
        f"盘中最高 {parts.shown_yuan(day.figure('var', 'worst'))} 元。",
        f"压力情景最大损失 {doc.shown(max(0, parts.loss_of(worst)), doc.FEN)} 元"
        f"（{parts.scenario_words(worst['scenario'])}），该情景下可用资金 "
        f"{parts.shown_yuan(worst['free'])} 元。",
    ]
    return Section(title="一、概要", english="Summary", sheet="概要", blocks=(),
                   text="\n".join(told))  # fmt: skip


def _settled(run: Path, title: str) -> Section:
    """What the settlement of the day found, its open cases and entries, if it has begun."""
    english, sheet = "Settlement", "结算"
    if not (run / FOLDER / "record.jsonl").exists():
        return Section(title=title, english=english, sheet=sheet, blocks=(),
                       text="当日结算尚未开始（quanheng settle）。")  # fmt: skip
    record = Job(run).ledger.record
    opened = record.open_cases()
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (one.number, one.case.what, one.case.ours, one.case.theirs, CASES[one.status][0])
        for one in record.cases.values()
        if one.status != "cleared"
    )
    entries: tuple[tuple[Cell, ...], ...] = tuple(
        (one.number, iso(one.day), f"{one.item} {one.code}".strip(), str(one.amount), one.reason,
         f"{one.by} / {one.seconded_by}", one.status)
        for one in record.entries.values()
    )  # fmt: skip
    forced = record.open_cases("notices")
    told = f"结算差异未处理 {len(opened)} 件；强平与通知核对" + (
        "一致。" if not forced else f"有 {len(forced)} 件差异。"
    )
    return Section(
        title=title, english=english, sheet=sheet, text=told,
        blocks=(
            Table(title="差异", english="Cases", rows=rows,
                  columns=(text("案号", "case"), text("内容", "what"), text("本方", "ours"),
                           text("对方", "theirs"), text("状态", "status"))),
            Table(title="调整分录", english="Entries", rows=entries,
                  columns=(text("分录", "entry"), text("日期", "day"), text("科目", "item"),
                           text("数额", "amount"), text("理由", "reason"),
                           text("经办/复核", "by"), text("状态", "status")),
                  note="数额：持仓为张，资金为 0.0001 元。"),
        ),
    )  # fmt: skip


def notice(run: Path, case: str, number: str) -> Document:
    """The risk notice of a case. RunError when the run issued none."""
    day = Day(run)
    steps = [row for row in day.found["cases"] if row["case"] == case]
    told = [row for row in steps if row["event"] == "notice"]
    if not told:
        raise RunError(f"{run}: no notice was issued in case {case!r}")
    last = told[-1]
    scope = "全部业务" if last["scope"] == "*" else last["scope"]
    unit = parts.UNITS.get(last["unit"], last["unit"])
    body = (
        f"做市业务部门：\n公司层面独立监控发现，{scope}的{last['words_zh']}为 "
        f"{parts.trimmed(last['value'])} {unit}，超过授权限额 "
        f"{parts.trimmed(last['most'])} {unit}（{steps[0]['text'].rstrip('。')}）。"
        f"\n请于 {last['due']} 前书面回复原因与整改措施；逾期未回复的，"
        "公司将按授权依次限制交易，并持续跟踪至整改完成。"
    )
    kept = tuple(
        (row["at"], words.EVENTS[row["event"]], words.STATUS[row["status"]],
         parts.trimmed(row["value"]), row["by"], row["text"])
        for row in steps
    )  # fmt: skip
    table = Table(
        title="经过", english="Course", rows=kept,
        columns=(text("时间", "at"), text("步骤", "step"), text("状态", "status"),
                 text("数值", "value"), text("经办", "by"), text("内容", "text")),
    )  # fmt: skip
    blank = "\n".join(f"{what}：{LINE}" for what in ("原因", "整改措施", "完成时间"))
    return Document(
        title="风险提示书",
        english="Risk notice",
        day=day.day,
        facts=(("编号", number), ("案号", case), ("签发时间", last["at"]),
               ("签发人", last["by"]), ("整改期限", last["due"])),
        sections=(
            Section(title="一、提示事项", english="What is noticed", sheet="事项", blocks=(),
                    text=body),
            Section(title="二、案件经过", english="Course of the case", sheet="经过",
                    blocks=(table,)),
            Section(title="三、部门回复", english="Answer of the department", sheet="回复",
                    blocks=(), text=blank),
        ),
        signatures=("签发（公司风险管理部门）", "签收（做市业务部门）", "回复人", "跟踪关闭"),
    )  # fmt: skip


def event(run: Path, alert: int, number: str) -> Document:
    """The event report of an alert: facts filled in, cause and measures left to people."""
    info = read_info(run)
    found, sections = event_sections(run, alert)
    shown = [
        parts.plain(one, f"{place}")
        for place, one in enumerate(sections, 1)
    ]  # fmt: skip
    blank = "\n".join(f"{line}：{LINE}" for line in BLANKS)
    last = Section(title="七、由人填写", english="To be filled in", sheet="填写", blocks=(),
                   text=blank)  # fmt: skip
    return Document(
        title="事件报告",
        english="Event report",
        day=info.day,
        facts=(("编号", number), ("交易日", iso(info.day)), ("事件", found["words_zh"]),
               ("时间", found["at"]), ("在岗", found["on_duty"] or "—")),
        sections=(*shown, last),
        signatures=("报告人", "复核", "部门负责人"),
    )  # fmt: skip
