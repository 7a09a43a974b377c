"""What the exchange would publish of a rating: tables in Chinese, as CSV and as one HTML page.

Monthly and yearly results, the overall evaluation, eliminations, cancellations that the exchange
may decide, open places with the general makers that may apply, recorded decisions, designated
contracts (E-05 to E-10). A table without rows is not published.
"""

import csv
import html
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.text import thousands
from quanheng.duties.cancellation import Cancellation, Vacancy
from quanheng.duties.designated import DesignatedMonth
from quanheng.duties.exact import ratio_text
from quanheng.duties.period import PRIMARY, Period
from quanheng.duties.rating import Decision, RateResult
from quanheng.duties.year import YearOverall, YearRow
from quanheng.terms.days import iso

REASONS = {
    "VOL_UP": "成交量上调",
    "VOL_DOWN": "成交量下调",
    "RFQ_DOWN": "回应报价不足下调",
    "LETTER_1": "书面监管函下调",
    "LETTERS_D": "多次书面监管函降为D",
    "LOWERED": "本所调低",
    "PENALTY_D": "处罚或处分降为D",
    "CAP_A": "月度有D，最高为A",
    "CAP_B": "月度有D，最高为B",
    "UNDER_3_MONTHS": "做市不满3个月",
    "YEAR_D": "年度评价为D",
    "LAST_20": "年度得分末位20%",
}
CLAUSES = {
    "9-2-1-fail": "第九章二（一）：6个月中2个月未达到做市要求",
    "9-2-1-a": "第九章二（一）：连续6个月未获得过A评级",
    "9-2-2": "第九章二（二）：指定合约连续未达到做市要求",
    "9-2-3": "第九章二（三）：单个品种年度排名末位20%",
    "9-3-4": "第九章三（四）：全部品种年度排名均处于末位20%",
    "5-6-3": "第五章六（三）：受到行政处罚或纪律处分",
}
LEVELS = {"amber": "关注", "red": "预警", "met": "可以取消"}
MEASURES = {"letter": "书面监管函", "penalty": "行政处罚或纪律处分", "lowering": "调低评价结果"}
KINDS = {"primary": "主做市商", "general": "一般做市商"}
ALL = "全部品种"

Cell = Callable[[Any], str]


class Sheet(msgspec.Struct, frozen=True):
    """A table to publish: file name, title, heads and the text of a row's cells."""

    name: str
    title: str
    heads: tuple[str, ...]
    cells: Callable[[Any], tuple[str, ...]]


def percent(value: Fraction | None) -> str:
    """A ratio in percent with two digits; a dash when it is not defined."""
    return "—" if value is None else f"{ratio_text(value * 100, 2)}%"


def _reasons(codes: Sequence[str]) -> str:
    return "；".join(REASONS[code] for code in codes)


def _month_row(row: Period) -> tuple[str, ...]:
    return (
        f"{iso(row.first)} 至 {iso(row.last)}",
        row.underlying,
        row.maker,
        KINDS[row.kind],
        percent(row.spread_ratio),
        percent(row.weighted_participation),
        percent(row.answer_rate),
        thousands(row.volume),
        percent(row.volume_ratio),
        row.table_grade or "—",
        row.grade or "不评级",
        _reasons(row.reasons),
    )


def _year_row(row: YearRow) -> tuple[str, ...]:
    return (
        str(row.year),
        row.underlying,
        row.maker,
        KINDS[row.kind],
        str(row.months),
        "—" if row.score is None else ratio_text(row.score, 2),
        row.grade or "不评级",
        _reasons(row.reasons),
    )


def _overall_row(row: YearOverall) -> tuple[str, ...]:
    return str(row.rank), row.maker, str(row.classes), ratio_text(row.score, 2), row.grade


def _cancel_row(row: Cancellation) -> tuple[str, ...]:
    ban = f"{row.ban_until // 100}年{row.ban_until % 100}月" if row.ban_until else "不限制"
    return (
        row.maker,
        ALL if row.underlying == "*" else row.underlying,
        row.contract or "—",
        CLAUSES[row.clause],
        f"{row.count}/{row.bound}",
        LEVELS[row.level],
        ban if row.level == "met" else "—",
    )


def _vacancy_row(row: Vacancy) -> tuple[str, ...]:
    score = "—" if row.score is None else ratio_text(row.score, 2)
    return row.underlying, str(row.places), str(row.rank), row.maker, row.grade or "不评级", score


def _decision_row(row: Decision) -> tuple[str, ...]:
    steps = str(row.steps or 1) if row.measure == "lowering" else "—"
    return iso(row.day), row.maker, row.underlying or ALL, MEASURES[row.measure], steps


def _designated_row(row: DesignatedMonth) -> tuple[str, ...]:
    month = f"{row.month // 100}年{row.month % 100}月"
    return month, row.underlying, row.contract, row.maker, "达到" if row.passed else "未达到"


SHEETS = (
    Sheet(
        "monthly",
        "做市商月度评价结果",
        (
            "评价期", "合约品种", "做市商", "类型", "时间加权平均报价差率", "加权平均参与率",
            "回应报价参与率", "成交量（张）", "成交量占平均", "持续报价评级", "评级", "调整",
        ),
        _month_row,
    ),
    Sheet(
        "yearly",
        "做市商年度综合评价（单个合约品种）",
        ("年度", "合约品种", "做市商", "类型", "评价月数", "得分", "评级", "说明"),
        _year_row,
    ),
    Sheet(
        "overall",
        "做市商年度综合评价（整体）",
        ("排名", "做市商", "品种数", "得分", "评级"),
        _overall_row,
    ),
    Sheet(
        "eliminations",
        "年度末位淘汰名单",
        ("年度", "合约品种", "做市商", "类型", "评价月数", "得分", "评级", "说明"),
        _year_row,
    ),
    Sheet(
        "cancellations",
        "取消做市资格情形（第九章，由本所决定）",
        ("做市商", "合约品种", "指定合约", "情形", "计数", "状态", "不得重新申请至"),
        _cancel_row,
    ),
    Sheet(
        "replenishment",
        "做市商补足名单（可申请的一般做市商，择优）",
        ("合约品种", "名额", "顺序", "做市商", "年度评级", "得分"),
        _vacancy_row,
    ),
    Sheet(
        "decisions",
        "监管措施与调低评价结果的决定",
        ("日期", "做市商", "合约品种", "措施", "调低级数"),
        _decision_row,
    ),
    Sheet(
        "designated",
        "指定合约月度做市情况",
        ("月份", "合约品种", "合约", "做市商", "做市要求"),
        _designated_row,
    ),
)  # fmt: skip


def _rows(result: RateResult) -> dict[str, Sequence[Any]]:
    return {
        "monthly": result.period,
        "yearly": sorted(
            result.year,
            key=lambda row: (row.underlying, row.kind != PRIMARY, -(row.score or 0), row.maker),
        ),
        "overall": result.year_overall,
        "eliminations": [row for row in result.year if row.eliminated],
        "cancellations": result.cancellation,
        "replenishment": result.replenishment,
        "decisions": result.decision,
        "designated": result.designated_month,
    }


def publish(folder: Path, result: RateResult) -> list[Path]:
    """Write the tables that have rows; returns the files, the page last."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, files, parts = _rows(result), list[Path](), list[str]()
    for sheet in SHEETS:
        path = folder / f"{sheet.name}.csv"
        if not rows[sheet.name]:
            path.unlink(missing_ok=True)
            continue
        cells = [sheet.cells(row) for row in rows[sheet.name]]
        # The byte-order mark lets spreadsheets know that the text is UTF-8.
        with path.open("w", encoding="utf-8-sig", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([sheet.heads, *cells])
        files.append(path)
        parts.append(_section(sheet, cells))
    page = folder / "publication.html"
    page.write_text(_PAGE.format(body="\n".join(parts)), encoding="utf-8")
    return [*files, page]


def _section(sheet: Sheet, rows: Sequence[Sequence[str]]) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)

    body = "\n".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return (
        f"<h2>{html.escape(sheet.title)}</h2>\n<table>\n<thead><tr>{line('th', sheet.heads)}</tr>"
        f"</thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    )


_PAGE = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<title>做市商评价公告</title>
<style>
body {{ font: 14px/1.5 "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", sans-serif;
  margin: 2em; color: #1b1b1b; }}
h1 {{ font-size: 22px; }}
h2 {{ font-size: 17px; margin-top: 2em; }}
table {{ border-collapse: collapse; }}
th, td {{ border: 1px solid #bbb; padding: 3px 9px; text-align: right; white-space: nowrap; }}
th {{ background: #f0f2f5; }}
td:nth-child(-n+4) {{ text-align: left; }}
</style>
</head>
<body>
<h1>做市商评价公告</h1>
<p>依据《上海证券交易所股票期权做市商业务指南》第五章、第九章计算；数值按分数精确计算，显示两位小数。</p>
{body}
</body>
</html>
"""
