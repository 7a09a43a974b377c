"""What finished days say in a document: use of limits, trades, risk, an incident (L-08, Q-07)."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from quanheng.compose.desk_tables import DEALS
from quanheng.compose.paper_facts import Facts, Gaps, Wanted
from quanheng.compose.plan_blocks import unit
from quanheng.compose.report_tables import read_table
from quanheng.compose.risk_record import ALERTS, BUSINESS, FUNDS, INDICATORS
from quanheng.compose.run_folder import RunError, read_info
from quanheng.desk.people.rules import Rules
from quanheng.duties.tables import Text
from quanheng.edge import dataset_files
from quanheng.edge.document_docx import Block, Box, Grid, Head, Paper, Words
from quanheng.terms.days import iso
from quanheng.terms.units import SECOND, Day

MONTH_DAYS = 15
"""Trading days that a month has at least; fewer days of records are named as a gap."""
_CODE = 8  # digits of an option's code; a fund has six


class Used(msgspec.Struct, frozen=True):
    """A class on a day: the largest long and total position and the contracts bought to open."""

    day: Day
    underlying: str
    long: int
    total: int
    bought_open: int


def usage(run: Path) -> list[Used]:
    """Use of the three limits on the day of a run, from its reports. RunError names a file."""
    info = read_info(run)
    rows = read_table(run, "indicators", INDICATORS)
    worst = {(row["scope"], row["name"]): _count(row["worst"]) for row in rows}
    klass = _classes(run)
    opened: Counter[str] = Counter()
    for row in rows_of(run, "deals"):
        if row["side"] == "buy" and row["effect"] == "open":
            opened[klass.get(row["contract"], "")] += int(row["qty"])
    return [
        # Both sides at their worst at once: the total was never above it.
        Used(
            info.day,
            scope,
            worst[scope, "long"],
            worst[scope, "long"] + worst.get((scope, "short"), 0),
            opened[scope],
        )
        for scope, name in worst
        if name == "long"
    ]


def _count(text: str) -> int:
    return abs(int(float(text or 0)))


_COLUMNS = {
    "deals": DEALS,
    "class_day": ("maker", "underlying", "contracts", "covered", "coverage", "spread_ratio",
                  "participation", "inquiries", "answered"),
    "contract_day": ("maker", "contract", "obliged_ns", "compliant_ns", "spread_ratio",
                     "participation", "volume"),
    "period": ("maker", "underlying", "grade"),
    "profit": ("underlying", "edge", "fees", "hedge", "total"),
}  # fmt: skip


def rows_of(run: Path, name: str) -> list[dict[str, str]]:
    """Rows of a table of a run's reports. RunError names the file, and a column it lacks."""
    return read_table(run, name, _COLUMNS[name])


def _classes(run: Path) -> dict[str, str]:
    table = dataset_files.read_table(run / "dataset", "contracts")
    if table is None:
        raise RunError(f"{run}/dataset: there is no table contracts")
    return dict(zip(_texts(table["contract"]), _texts(table["underlying"]), strict=True))


def _texts(column: object) -> list[str]:
    assert isinstance(column, Text), "an id is a text column"
    return [column.words[code] for code in column.codes.tolist()]


def statement(
    facts: Facts, gaps: Gaps, classes: tuple[Wanted, ...], runs: tuple[Path, ...]
) -> Paper:
    """最近1个月额度使用与做市业务交易、风险管理情况说明 (chapter 4, 1 (三)(四); L-08)."""
    days = sorted({read_info(run).day for run in runs})
    short = f"最近1个月的交易日记录不足（{len(days)} 日，--run）"
    used = [row for run in runs for row in usage(run)]
    asked = {one.underlying: one for one in classes}
    span = f"{iso(days[0])} 至 {iso(days[-1])}，{len(days)} 个交易日" if days else ""
    blocks: list[Block] = [
        gaps.words(span and f"统计期：{span}。", "统计期"),
        *([gaps.words("", short)] if len(days) < MONTH_DAYS else []),
        Head("一、额度使用情况", 2),
        _usage_grid(used, asked, facts),
        Head("二、期权、现货与期货交易情况", 2),
        _trade_grid(runs),
        Words("期货：本系统不交易期货；如有，由人补充。", note=True),
        Head("三、风险管理情况", 2),
        _risk_grid(runs),
        Head("四、相关资产证明", 2),
        gaps.words(
            facts.firm.assets_file and f"见附件：{facts.firm.assets_file}",
            "相关资产证明（firm.assets_file）",
        ),
        Words("（加盖公章）", right=True),
    ]
    return Paper(
        title="额度使用及做市业务情况说明",
        subtitle="《指南》第四章 一",
        day=facts.day,
        blocks=tuple(blocks),
    )


def _grid(widths: tuple[int, ...], heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Grid:
    head = tuple(Box(one, head=True) for one in heads)
    body = [tuple(Box(cell) for cell in row) for row in rows]
    return Grid(widths, (head, *body))


def _usage_grid(used: list[Used], asked: dict[str, Wanted], facts: Facts) -> Grid:
    granted = {one.underlying: one for one in facts.config.limits} if facts.config else {}
    rows = []
    for row in used:
        limit, want = granted.get(row.underlying), asked.get(row.underlying)
        cells = [iso(row.day), row.underlying]
        for name, value in (
            ("long", row.long),
            ("total", row.total),
            ("daily_buy_open", row.bought_open),
        ):
            bound = getattr(limit, name) if limit else 0
            share = f"\n占 {100 * value / bound:.1f}%" if bound else ""
            cells.append(f"{value:,}{share}")
        cells.append(f"{want.long:,} / {want.total:,} / {want.daily_buy_open:,}" if want else "—")
        rows.append(cells)
    heads = (
        "交易日",
        "品种",
        "权利仓最大（占额度）",
        "总持仓最大（占额度）",
        "买入开仓（占额度）",
        "申请额度",
    )
    return _grid((28, 18, 30, 30, 28, 32), heads, rows)


def _trade_grid(runs: tuple[Path, ...]) -> Grid:
    rows = []
    for run in runs:
        day = iso(read_info(run).day)
        for row in read_table(run, "business", BUSINESS):
            rows.append(
                [day, row["underlying"], row["trades"], row["bought"], row["sold"], row["value"]]
            )
        funds = [row for row in rows_of(run, "deals") if len(row["contract"]) < _CODE]
        if funds:
            units = sum(int(row["qty"]) for row in funds)
            rows.append([day, "现货（ETF）", str(len(funds)), f"合计 {units:,} 份", "", ""])
    heads = ("交易日", "品种", "成交笔数", "买入（张）", "卖出（张）", "成交额（元）")
    return _grid((28, 26, 24, 26, 26, 36), heads, rows)


_RISK = ("delta", "gamma", "vega", "theta", "total", "usage", "var")


def _risk_grid(runs: tuple[Path, ...]) -> Grid:
    rows = []
    for run in runs:
        day = iso(read_info(run).day)
        for row in read_table(run, "indicators", INDICATORS):
            if row["scope"] == "*" and row["name"] in _RISK:
                rows.append(
                    [day, row["words_zh"], row["worst"], unit(row["unit"]), row["limit"] or "—"]
                )
        for row in read_table(run, "funds", FUNDS):
            if row["item"] in ("equity", "margin"):
                rows.append([day, row["words_zh"], row["value"], unit(row["unit"]), "—"])
    return _grid((28, 42, 38, 26, 32), ("交易日", "指标", "最坏值", "单位", "限额"), rows)


def incident(facts: Facts, gaps: Gaps, run: Path | None, number: int) -> Paper:
    """情况报告 (chapter 4, 2(3)): times, contracts and duties lost, from the records."""
    known: list[Block] = [gaps.words("", "事件记录（--run、--alert）")] if run is None else []
    if run is not None:
        known = _incident_facts(run, number, facts.store.rules)
    contact = facts.holder("contact")
    told = [
        ("事件原因", "事件原因"),
        ("已采取的措施", "已采取的措施"),
        ("影响与预计恢复时间", "预计恢复时间"),
        ("恢复做市时间", "恢复做市时间"),
    ]
    rows = [(Box(words, head=True), gaps.box("", name)) for words, name in told]
    phone = (contact.mobile or contact.phone) if contact else ""
    rows += [
        (Box("报告单位", head=True), gaps.box(facts.firm.name, "公司名称（firm.name）")),
        (
            Box("联络人与电话", head=True),
            gaps.box(
                f"{contact.name} {phone}" if contact and phone else "", "联络人（人员库 contact）"
            ),
        ),
    ]
    return Paper(
        title="关于暂停做市服务的情况报告",
        subtitle="《指南》第四章 二(三)：立即向本所报告",
        day=facts.day,
        blocks=(*known, Head("由人填写", 2), Grid((44, 120), tuple(rows))),
    )


def _incident_facts(run: Path, number: int, rules: Rules) -> list[Block]:
    alerts = read_table(run, "alerts", ALERTS)
    if not 1 <= number <= len(alerts):
        raise RunError(f"{run}: no alert {number}; reports/alerts.csv has 1 to {len(alerts)}")
    alert = alerts[number - 1]
    at = int(alert["at_ns"])
    later = [row for row in alerts[number:] if int(row["at_ns"]) - at <= 600 * SECOND]
    klass = alert["underlying"]
    makers = [row["maker"] for row in read_table(run, "business", BUSINESS)]
    maker = makers[0] if makers else ""
    of = _classes(run)
    lost = [
        row
        for row in rows_of(run, "contract_day")
        if row["maker"] == maker
        and klass in ("", of.get(row["contract"], ""))
        and int(row["obliged_ns"]) - int(row["compliant_ns"]) >= SECOND
    ]
    days = [
        row
        for row in rows_of(run, "class_day")
        if row["maker"] == maker and klass in ("", row["underlying"])
    ]
    heads = ("时间", "范围", "内容", "在岗（主/备）")
    said = [
        [row["at"], row["scope"], row["words_zh"], _on_duty(rules, row["on_duty"])]
        for row in [alert, *later]
    ]
    lines = [
        [
            row["contract"],
            _seconds(row["obliged_ns"]),
            _seconds(row["compliant_ns"]),
            share_of(row["participation"]),
        ]
        for row in lost
    ]
    figures = [
        [
            row["underlying"],
            row["contracts"],
            row["covered"],
            share_of(row["participation"]),
            f"{row['answered']}/{row['inquiries']}",
        ]
        for row in days
    ]
    return [
        Head("一、事件与随后十分钟的记录", 2),
        _grid((24, 24, 82, 36), heads, said),
        Head(f"二、受影响的合约（{len(lost)} 个，当日合规报价时间少于应报时间）", 2),
        _grid((36, 40, 40, 40), ("合约", "应报（秒）", "合规（秒）", "参与率"), lines),
        Head("三、当日义务", 2),
        _grid((30, 30, 30, 36, 36), ("品种", "合约数", "覆盖", "连续参与率", "回应/询价"), figures),
    ]


def _on_duty(rules: Rules, text: str) -> str:
    """ "trader T01/T02; risk R01/R02" with the posts' words."""
    shown = []
    for seat in filter(None, text.split("; ")):
        post, _, people = seat.partition(" ")
        shown.append(f"{rules.post(post).words} {people}")
    return "\n".join(shown)


def share_of(text: str) -> str:
    """A share of a table as per cent, a dash for none."""
    return f"{100 * float(text):.2f}%" if text else "—"


def _seconds(nanos: str) -> str:
    return f"{int(nanos) / SECOND:,.0f}"
