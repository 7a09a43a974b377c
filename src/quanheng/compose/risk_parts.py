"""Sections the firm's risk documents share, filled from a run's tables (chapter 6; R-02, R-04).

Amounts in the run's tables are yuan with four decimals; documents count in fen. Nothing here is
typed in: a table that a run lacks is named as an error, never left out silently.
"""

import csv
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from quanheng.compose import oversight_words as words
from quanheng.compose import risk_record as record
from quanheng.compose.oversee_report import Rows, read_all
from quanheng.compose.report_tables import Section as Old
from quanheng.compose.report_tables import read_table
from quanheng.compose.run_folder import RunError, RunInfo, read_info
from quanheng.compose.settle_job import FOLDER as SETTLEMENT
from quanheng.edge import documents as doc
from quanheng.edge.documents import Cell, Chart, Column, Section, Series, Table
from quanheng.oversight.scenarios import NODES, SPOTS, VOLS
from quanheng.terms.days import iso

WAN = 1_000_000
"""Fen in ten thousand yuan."""
UNITS = {
    "yuan": "元",
    "contracts": "张",
    "per cent": "%",
    "yuan per 1 %": "元/1%",
    "yuan per 1 % per 1 %": "元/1%/1%",
    "yuan per vol point": "元/点",
    "yuan per day": "元/日",
}
"""Units of limits in Chinese."""


def is_story(row: dict[str, str]) -> bool:
    """A scenario that is no node of the grid: an extreme case, or a day that was."""
    return row["scenario"] not in NODES


def text(title: str, english: str, kind: str = doc.TEXT) -> Column:
    """A column."""
    return Column(title, english, kind)


def fen(amount: str) -> int:
    """An amount of the run's tables in fen, half up."""
    value = Fraction(amount or "0") * 100
    size = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return size if value >= 0 else -size


def share(percent: str) -> Fraction:
    """A percentage as a share."""
    return Fraction(percent or "0") / 100


class Day:
    """The tables of one ended run. RunError for a run without end or oversight."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.info: RunInfo = read_info(run)
        if self.info.status != "ended":
            raise RunError(f"{run}: the day has not ended (status {self.info.status})")
        self.found: dict[str, Rows] = read_all(run)
        self.funds = {row["item"]: row for row in read_table(run, "funds", record.FUNDS)}

    @property
    def day(self) -> int:
        """The trading day."""
        return self.info.day

    def figure(self, name: str, column: str = "last", scope: str = "*") -> str:
        """A figure of the firm's own system. RunError for one that is not there."""
        for row in self.found["figures"]:
            if (row["scope"], row["figure"]) == (scope, name):
                return row[column]
        raise RunError(f"{self.run}: the overseer has no figure {name} of {scope}")

    def facts(self, number: str) -> tuple[tuple[str, str], ...]:
        """What stands under the title."""
        return (
            ("编号", number),
            ("交易日", iso(self.day)),
            ("数据来源", f"{self.run.name}（场景 {self.info.scenario}，种子 {self.info.seed}）"),
            ("机器摘要", self.info.digest[:16]),
        )


def settled_profit(run: Path) -> int | None:
    """Fen that the day's settlement found as its profit after fees; None before it has."""
    path = run / SETTLEMENT / "profit.csv"
    if not path.exists():
        return None
    with path.open(encoding="utf-8", newline="") as stream:
        return sum(int(row["profit_fen"]) for row in csv.DictReader(stream))


def plain(old: Old, sheet: str) -> Section:
    """A section of a Markdown report as one of a document; all of its cells are text."""
    columns = tuple(text(words_, name) for name, words_ in old.columns.items())
    rows = tuple(tuple(row[name] for name in old.columns) for row in old.rows)
    table = Table(title=f"来源 {old.source}", english="source", columns=columns, rows=rows)
    return Section(title=old.title, english=old.english, sheet=sheet, blocks=(table,),
                   text=old.note)  # fmt: skip


def figures(day: Day, title: str) -> Section:
    """Positions and Greeks by scope, at the end of the day."""
    scopes = list(dict.fromkeys(row["scope"] for row in day.found["figures"]))
    names = ("long", "short", "covered", "delta", "gamma", "vega", "theta")
    kinds = (doc.COUNT,) * 3 + (doc.FEN,) * 4
    rows: list[tuple[Cell, ...]] = []
    for scope in scopes:
        values = [day.figure(name, scope=scope) for name in names]
        rows.append(
            (
                scope_words(scope),
                *(int(Fraction(value)) for value in values[:3]),
                *(fen(value) for value in values[3:]),
            )
        )
    named = zip(names, kinds, strict=True)
    columns = (
        text("范围", "scope"),
        *(text(words.FIGURE_NAMES[name], name, kind) for name, kind in named),
    )
    note = "Delta 为标的变动 100% 的市值，Gamma 为每 1%，Vega 每波动率点，Theta 每日；单位元。"
    block = Table(title="日终", english="End of day", columns=columns, rows=tuple(rows), note=note)
    return Section(title=title, english="Positions and Greeks", sheet="持仓与希腊字母",
                   blocks=(block,))  # fmt: skip


def funds(day: Day, title: str) -> Section:
    """The account's money by the clearing house's word, and the worst of the day."""
    rows = [
        (row["words_zh"], fen(row["value"]) if row["unit"] == "yuan" else None,
         share(row["value"]) if row["unit"] == "percent" else None)
        for row in day.funds.values()
    ]  # fmt: skip
    columns = (text("项目", "item"), text("金额（元）", "yuan", doc.FEN),
               text("比率", "share", doc.SHARE))  # fmt: skip
    worst = (
        f"盘中最低可用资金 {shown_yuan(day.figure('free', 'worst'))} 元"
        f"（{day.figure('free', 'at')[:8]}），最高保证金占用率 "
        f"{float(day.figure('usage_ppm', 'worst')):.2f}%。"
    )
    block = Table(title="资金与保证金", english="Funds", columns=columns, rows=tuple(rows))
    return Section(title=title, english="Funds and margin", sheet="资金", blocks=(block,),
                   text=worst)  # fmt: skip


def shown_yuan(amount: str) -> str:
    """An amount with separators and two decimals."""
    return doc.shown(fen(amount), doc.FEN)


def limits(day: Day, title: str) -> Section:
    """Limits with what was used, who gave them, and a chart of the usage."""
    found = sorted(day.found["limits"], key=lambda row: -Fraction(row["percent"] or "0"))
    rows = tuple(
        (scope_words(row["scope"]), row["words_zh"], UNITS.get(row["unit"], row["unit"]),
         fen(row["value"]), fen(row["used"]), share(row["percent"]),
         f"第 {row['version']} 版 {row['basis']}",
         f"{row['by']} / {row['seconded_by']}")
        for row in found
    )  # fmt: skip
    columns = (text("范围", "scope"), text("限额", "limit"), text("单位", "unit"),
               text("限额值", "value", doc.FEN), text("使用", "used", doc.FEN),
               text("占用率", "share", doc.SHARE),
               text("依据", "basis"), text("授权/复核", "by"))  # fmt: skip
    top = found[:12]
    chart = Chart(
        title="限额占用率",
        english="Usage of limits",
        bars=True,
        labels=tuple(_short(row) for row in top),
        series=(Series("占用率", tuple(float(share(row["percent"])) for row in top)),),
        bounds=(("预警 80%", 0.8), ("限额", 1.0))
        if any(share(row["percent"]) > Fraction(1, 2) for row in top)
        else (),
    )
    table = Table(title="限额与授权", english="Limits", columns=columns, rows=rows)
    told = "△ 为部分范围的限额。" if any(row["scope"] != "*" for row in top) else ""
    return Section(title=title, english="Limits", sheet="限额", blocks=(chart, table), text=told)


def scope_words(scope: str) -> str:
    """A scope for people."""
    return "合计" if scope == "*" else scope


def _short(row: dict[str, str]) -> str:
    """A limit's name on the axis of a chart; of a part of the book with a mark."""
    name = row["words_zh"].replace("暴露", "").replace("保证金", "").strip()
    return name if row["scope"] == "*" else f"{name}△"


def scenario_words(name: str) -> str:
    """A scenario for people; a node of the grid by its two moves."""
    spot, space, vol = name.partition(" ")
    if space and spot.endswith("%"):
        return f"标的 {spot}，波动率 {vol}"
    return words.story(name, "zh")


def trimmed(number: str) -> str:
    """A number of the tables without its last zeros."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def cases(day: Day, title: str) -> Section:
    """Breaches with every step until they were closed."""
    rows = tuple(
        (row["case"], row["at"], words.EVENTS[row["event"]], words.STATUS[row["status"]],
         row["scope"], row["words_zh"], trimmed(row["value"]), trimmed(row["most"]), row["due"],
         row["by"], row["text"])
        for row in day.found["cases"]
    )  # fmt: skip
    columns = tuple(text(zh, name) for name, zh in zip(
        ("case", "at", "step", "status", "scope", "limit", "value", "most", "due", "by", "text"),
        ("案号", "时间", "步骤", "状态", "范围", "限额", "数值", "限额值", "期限", "经办", "内容"),
        strict=True))  # fmt: skip
    block = Table(title="超限与跟踪", english="Cases", columns=columns, rows=rows)
    return Section(title=title, english="Breaches and notices", sheet="超限", blocks=(block,))


def levels(day: Day, title: str) -> Section:
    """Differences between the department's figures and the firm's own."""
    rows = tuple(
        (words.KINDS[row["kind"]], row["key"], trimmed(row["desk"]), trimmed(row["own"]),
         trimmed(row["tolerance"]), row["minutes"], words.LEVEL_STATUS[row["status"]][0],
         words.cause(row["cause"], "zh"))
        for row in day.found["levels"]
    )  # fmt: skip
    columns = tuple(text(zh, name) for name, zh in zip(
        ("kind", "of", "desk", "firm", "tolerance", "in a row", "status", "cause"),
        ("项目", "对象", "部门", "公司", "容差", "持续（次）", "状态", "原因"),
        strict=True))  # fmt: skip
    block = Table(title="两级核对差异", english="Differences", columns=columns, rows=rows)
    opened = sum(row["status"] == "open" for row in day.found["levels"])
    told = f"超出容差 {len(rows)} 项，未解释 {opened} 项。" if rows else "两级数据在容差内一致。"
    return Section(title=title, english="Both levels compared", sheet="两级核对", blocks=(block,),
                   text=told)  # fmt: skip


def loss_of(row: dict[str, str]) -> int:
    """Loss of options, hedge and exit in fen; below zero a gain."""
    return fen(row["exit_cost"]) - fen(row["options"]) - fen(row["hedge"])


def worst_first(found: dict[str, Rows]) -> list[dict[str, str]]:
    """Scenarios by their loss; grid nodes that a price limit makes alike only once."""
    apart: dict[tuple[str, ...], dict[str, str]] = {}
    for row in found["stress"]:
        key = tuple(row[name] for name in ("options", "hedge", "margin", "exit_cost"))
        if key not in apart or is_story(row):
            apart[key] = row
    return sorted(apart.values(), key=loss_of, reverse=True)


def stress_rows(rows: Sequence[dict[str, str]]) -> tuple[tuple[Cell, ...], ...]:
    """Scenarios as rows of a table."""
    return tuple(
        (scenario_words(row["scenario"]), fen(row["options"]), fen(row["hedge"]),
         -fen(row["exit_cost"]), fen(row["margin"]), fen(row["equity"]), fen(row["free"]),
         Fraction(row["quotes_ppm"]))
        for row in rows
    )  # fmt: skip


STRESS = (
    text("情景", "scenario"), text("期权", "options", doc.FEN), text("对冲", "hedge", doc.FEN),
    text("退出成本", "exit", doc.FEN), text("保证金", "margin", doc.FEN),
    text("权益", "equity", doc.FEN), text("可用资金", "free", doc.FEN),
    text("报价能力（倍）", "quotes", doc.NUMBER),
)  # fmt: skip


def stress(day: Day, title: str, most: int = 10) -> Section:
    """The scenarios with the largest losses, and profit along the moves of the underlyings."""
    worst = worst_first(day.found)[:most]
    note = "期权、对冲为损益；报价能力为可用资金对全部合约最小报价所需资金的倍数。单位元。"
    table = Table(title=f"损失最大的 {len(worst)} 个情景", english="Worst scenarios",
                  columns=STRESS, rows=stress_rows(worst), note=note)  # fmt: skip
    return Section(title=title, english="Stress", sheet="压力测试",
                   blocks=(grid_chart(day), table))  # fmt: skip


def grid_chart(day: Day) -> Chart:
    """Profit over the grid: a line for each move of the vols."""
    by_name = {row["scenario"]: row for row in day.found["stress"]}
    series = []
    for vol in VOLS:
        values = []
        for spot in SPOTS:
            row = by_name.get(f"{spot:+d}% {vol:+d}%")
            values.append(None if row is None else -loss_of(row) / WAN)
        series.append(Series(f"波动率 {vol:+d}%", tuple(values)))
    return Chart(title="标的变动与损益", english="Profit over moves of the underlyings",
                 labels=tuple(f"{spot:+d}%" for spot in SPOTS), series=tuple(series),
                 unit="万元")  # fmt: skip
