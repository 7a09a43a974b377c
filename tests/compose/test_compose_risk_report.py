"""The firm's risk documents (R-02, R-04, R-07, S-02): filled from the run, numbered, readable."""

import csv
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from compose_world import call, one_line

from quanheng.compose import risk_daily, risk_quarterly
from quanheng.compose import risk_parts as parts
from quanheng.compose.closing import DayResult
from quanheng.compose.oversight_end import CASES
from quanheng.compose.risk_capital import read_capital, stressed
from quanheng.config import ConfigError
from quanheng.edge.document_word import word
from quanheng.edge.document_xlsx import xlsx
from quanheng.edge.documents import Chart, Document, Section, Series, Table
from quanheng.oversight import claims

CAPITAL = """
as_of = 20240331
source = "报表"
net_capital = 1000000
core_net_capital = 800000
risk_reserve = 500000
exposure = 8000000
liquid_assets = 900000
outflow_30d = 500000
margin_weight = 20
loss_weight = 100
coverage = { minimum = 100, warning = 120 }
leverage = { minimum = 8, warning = 9.6 }
liquidity = { minimum = 100, warning = 120 }
"""
CASE = {
    "case": "C1", "scope": "*", "limit": "long", "words_zh": "权利仓", "unit": "contracts",
    "value": "12.0000", "most": "10.0000", "due": "2024-06-27 10:00:00", "by": "F01",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(before: tuple[Path, DayResult], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a short day, with a breach that was noticed and answered."""
    copy = Path(shutil.copytree(before[0], tmp_path_factory.mktemp("risk") / "run"))
    steps = [("record", "recorded", "超限已记录"), ("notice", "noticed", "请整改"),
             ("answer", "answered", "已减仓")]  # fmt: skip
    with (copy / "reports/oversight_cases.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, CASES)
        writer.writeheader()
        for event, status, text in steps:
            row = {**CASE, "event": event, "status": status, "text": text}
            writer.writerow({**row, "at": "2024-06-27 09:31:00.000"})
    return copy


def made(run: Path, out: Path, kind: str, *more: object, form: str = "docx") -> tuple[Any, str]:
    """The JSON of a report and all words of its docx."""
    done = call("risk-report", run, "--kind", kind, "--format", form, "--out", out, *more, "--json")
    assert done.code == 0, done.err
    return done.json, words_of(Path(done.json["files"][0])) if form == "docx" else ""


def words_of(path: Path) -> str:
    import docx

    found = docx.Document(str(path))
    cells = [cell.text for table in found.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(one.text for one in found.paragraphs), *cells])


def test_risk_report_daily_says_what_the_run_says(run: Path, tmp_path: Path) -> None:
    """R-02, R-07: figures, funds, limits, breaches, stress; the settlement once it has begun."""
    begun = risk_daily.daily(run, "JK1").sections[-1]
    assert "当日结算尚未开始" in begun.text
    assert call("settle", run).code == 0
    found, words = made(run, tmp_path, "daily")
    day = parts.Day(run)
    assert found["number"] == "JK20240627-01" and "JK20240627-01" in words
    for value in (day.funds["equity"]["value"], day.figure("var"), day.funds["margin"]["value"]):
        assert parts.shown_yuan(value) in words
    worst = parts.worst_first(day.found)[0]
    assert parts.scenario_words(worst["scenario"]) in words
    told = (
        "风险监控日报",
        "超限案件 1 件，未关闭 1 件：C1",
        "发出风险提示书",
        "结算差异未处理 0 件",
    )
    for text in told:
        assert text in words, text


def test_risk_report_has_words_for_every_difference_of_the_levels(
    before: tuple[Path, DayResult], tmp_path: Path
) -> None:
    """R-02: a difference of any kind between the two levels is named in the daily report."""
    run = Path(shutil.copytree(before[0], tmp_path / "run"))
    path = run / "reports/oversight_levels.csv"
    head = path.read_text(encoding="utf-8").splitlines()[0]
    lines = [f"{kind},510050,1.0,2.0,0.5,4,09:31:05,09:34:05,open," for kind in claims.KINDS]
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    section = risk_daily.daily(run, "JK1").sections[5]
    assert section.text == f"超出容差 {len(lines)} 项，未解释 {len(lines)} 项。"
    assert isinstance(section.blocks[0], Table)
    assert [row[0] for row in section.blocks[0].rows][-1] == "单位保证金"
    assert call("oversee", run).code == 1  # open differences, and words for each


def test_risk_report_notice_and_event(run: Path, tmp_path: Path) -> None:
    """R-02, R-07: a notice with its deadline and course; an event with blanks for people."""
    _, words = made(run, tmp_path, "notice", "--case", "C1")
    for text in (
        "风险提示书",
        "权利仓",
        "为 12 张，超过授权限额 10 张",
        "2024-06-27 10:00:00",
        "已减仓",
        "签收",
    ):
        assert text in words, text
    missing = call("risk-report", run, "--kind", "notice", "--case", "C9", "--out", tmp_path)
    one_line(missing, 3, "no notice was issued", "C9")
    _, words = made(run, tmp_path, "event", "--alert", 1)
    with (run / "reports/alerts.csv").open(encoding="utf-8") as stream:
        first = next(csv.DictReader(stream))
    assert first["words_zh"] in words and "原因 Cause：＿" in words
    one_line(call("risk-report", run, "--kind", "event", "--alert", 99_999, "--out", tmp_path), 3,
             "no alert 99999")  # fmt: skip


def test_risk_report_monthly_names_what_is_missing(run: Path, tmp_path: Path) -> None:
    """R-04: day by day with charts; days without a run are named, never filled in."""
    _, words = made(run, tmp_path, "monthly")
    day = parts.Day(run)
    assert "2024 年 6 月" in words and "06-26" in words and "06-10" not in words  # 端午节
    assert parts.shown_yuan(day.funds["equity"]["value"]) in words
    if not (run / "settlement").exists():
        assert "模型估值" in words
        assert call("settle", run).code == 0
        _, words = made(run, tmp_path, "monthly")
    profit = parts.settled_profit(run)
    opening, equity = day.funds["opening_cash"]["value"], day.funds["equity"]["value"]
    assert profit == parts.fen(equity) - parts.fen(opening) != 0  # nothing was held before
    assert parts.doc.shown(profit, "fen") in words and "结算价" in words
    twice = call("risk-report", run, run, "--kind", "monthly", "--out", tmp_path)
    one_line(twice, 3, "is there already")
    one_line(call("risk-report", run, run, "--out", tmp_path), 2, "is of one run")


def test_risk_report_quarterly_is_due_and_handed_in(run: Path, tmp_path: Path) -> None:
    """S-02, R-04: every scenario of the run, margin and loss risk for the net capital, the due day
    on the exchange's calendar, and who handed it in.
    """
    firm = tmp_path / "firm.toml"
    firm.write_text(CAPITAL, encoding="utf-8")
    told, words = made(run, tmp_path, "quarterly", "--capital", firm)
    assert told["due"] == 20240712  # ten trading days after Friday 2024-06-28
    day = parts.Day(run)
    for text in ("压力测试报告", "2024 年第 2 季度", "保证金风险", "损失风险", "风险覆盖率",
                 "反向压力测试", "标的跌停锁死，现货无法对冲", "2015 年 8 月 24 日"):  # fmt: skip
        assert text in words, text
    row = next(one for one in day.found["stress"] if one["scenario"] == "margin_crash")
    more = parts.fen(row["margin"]) - parts.fen(risk_quarterly.base_of(day)["margin"])
    assert parts.doc.shown(more, "fen") in words
    bare = risk_quarterly.quarterly(run, "YL1", None).sections[6].blocks[0]
    assert isinstance(bare, Table) and "未提供公司净资本数据" in bare.note
    assert [column.words for column in bare.columns][-1] == "合计"
    number = told["number"]
    assert risk_quarterly.status(run)[1] == ""
    base = ("risk-report", run, "--kind", "quarterly", "--submit")
    one_line(call(*base, number, "--by", "T01", "--channel", "系统"), 3, "firm_risk, compliance")
    one_line(call(*base, "YL1", "--by", "C01", "--channel", "系统"), 3, "no report 'YL1'")
    one_line(call(*base, number, "--by", "C01"), 3, "channel")
    assert call(*base, number, "--by", "C01", "--channel", "业务管理系统").code == 0
    assert risk_quarterly.status(run)[1]
    assert risk_quarterly.status(run)[0] == number


def test_risk_report_capital_is_exact_and_checked(tmp_path: Path) -> None:
    """R-04: losses leave net capital, new margin adds to the reserve by its weight; the worst ratio
    decides; a file that cannot be used is named with its key.
    """
    path = tmp_path / "firm.toml"
    path.write_text(CAPITAL, encoding="utf-8")
    firm = read_capital(path)
    now = stressed(firm, 0, 0)
    assert (now.coverage, now.leverage, now.verdict) == (Fraction(2), Fraction(1, 10), "达标")
    hit = stressed(firm, 20_000_000, 10_000_000)  # 200,000 yuan lost, 100,000 more margin
    assert (hit.net_capital, hit.reserve) == (800_000, 520_000)
    assert hit.coverage == Fraction(800_000, 520_000)
    assert hit.leverage == Fraction(600_000, 7_800_000)
    assert hit.liquidity == Fraction(600_000, 500_000)
    assert hit.verdict == "不达标"  # leverage 7.7 per cent
    assert stressed(firm, 5_000_000, 0).verdict == "预警"  # leverage 9.4 per cent
    assert stressed(firm, -1, -1) == now  # gains are not counted
    for old, new, key in (
        ("risk_reserve = 500000", "risk_reserve = 0", "risk_reserve"),
        ("margin_weight = 20", "margin_weight = -1", "margin_weight"),
        ("as_of = 20240331", "as_of = 20240231", "as_of"),
        ("minimum = 8, warning = 9.6", "minimum = 10, warning = 9.6", "leverage"),
        ("net_capital = 1000000\n", "", "net_capital"),
    ):
        path.write_text(CAPITAL.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(ConfigError, match=key):
            read_capital(path)


@pytest.mark.parametrize(
    ("day", "end", "due"),
    [
        (20240627, 20240630, 20240712),
        (20241231, 20241231, 20250115),
        (20240102, 20240331, 20240416),  # 清明节, 4 to 6 April
    ],
)
def test_risk_report_due_days(day: int, end: int, due: int) -> None:
    """S-02: quarter ends and ten trading days after them, holidays left out."""
    assert risk_quarterly.quarter_end(day) == end
    assert risk_quarterly.due_day(day) == due


def test_risk_report_documents_are_the_same_bytes_again(run: Path) -> None:
    """The same report gives the same docx; charts of amounts keep their sign and unit in xlsx."""
    chart = Chart(title="盈亏", english="Profit", labels=("a", "b"), unit="万元",
                  series=(Series("盈亏", (-1.5, 2.0)),))  # fmt: skip
    section = Section(title="一", english="One", sheet="一", blocks=(chart,))
    report = Document(title="报告", english="Report", day=20240627, facts=(("编号", "1"),),
                      sections=(section,), signatures=("经办",))  # fmt: skip
    assert word(report) == word(report)
    import zipfile
    from io import BytesIO

    with zipfile.ZipFile(BytesIO(xlsx(report))) as book:
        text = book.read("xl/charts/chart1.xml").decode()
    assert "万元" in text and "0%" not in text
    with zipfile.ZipFile(BytesIO(word(report))) as file:
        body = file.read("word/document.xml").decode()
        assert any(name.endswith(".png") for name in file.namelist())
    assert "经办：____" in body
