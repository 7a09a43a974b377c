"""What the exchange would publish of a rating: tables in Chinese, as CSV and as one HTML page, and
as one workbook and one PDF where they are asked for.

Monthly and yearly results, the overall evaluation, eliminations, cancellations that the exchange
may decide, open places with the general makers that may apply, recorded decisions, designated
contracts (E-05 to E-10). A table without rows is not published.
"""

import csv
import html
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from quanheng.duties.cancellation import Cancellation, Vacancy
from quanheng.duties.designated import DesignatedMonth
from quanheng.duties.exact import ratio_text
from quanheng.duties.period import PRIMARY, Period
from quanheng.duties.rating import Decision, RateResult
from quanheng.duties.year import YearOverall, YearRow
from quanheng.edge.document_pdf import pdf
from quanheng.edge.document_xlsx import xlsx
from quanheng.edge.documents import (
    COUNT,
    SHARE,
    TEXT,
    Cell,
    Column,
    Document,
    Section,
    Table,
    shown,
)
from quanheng.registry.wording import ALL, CLAUSES, KINDS, LEVELS, MEASURES, REASONS
from quanheng.terms.days import iso
from quanheng.terms.units import Day

BASIS = (
    "依据《上海证券交易所股票期权做市商业务指南》第五章、第九章计算；"
    "数值按分数精确计算，显示两位小数。"
)
ENGLISH = {
    "评价期": "period", "合约品种": "class", "做市商": "maker", "类型": "kind",
    "时间加权平均报价差率": "spread ratio", "加权平均参与率": "participation",
    "回应报价参与率": "answers", "成交量（张）": "volume", "成交量占平均": "volume ratio",
    "持续报价评级": "table grade", "评级": "grade", "调整": "adjusted", "年度": "year",
    "评价月数": "months", "得分": "score", "说明": "reasons", "排名": "rank", "品种数": "classes",
    "指定合约": "contract", "情形": "condition", "计数": "count", "状态": "state",
    "不得重新申请至": "barred until", "名额": "places", "顺序": "order", "年度评级": "year's grade",
    "日期": "day", "措施": "measure", "调低级数": "steps", "月份": "month", "合约": "contract",
    "做市要求": "duty",
}  # fmt: skip
KIND_OF = {
    "时间加权平均报价差率": SHARE, "加权平均参与率": SHARE, "回应报价参与率": SHARE,
    "成交量（张）": COUNT, "成交量占平均": SHARE,
}  # fmt: skip
"""Columns of numbers; all others are words."""


class Sheet(msgspec.Struct, frozen=True):
    """A table to publish: file name, title, heads and the text of a row's cells."""

    name: str
    title: str
    english: str
    heads: tuple[str, ...]
    cells: Callable[[Any], tuple[Cell, ...]]

    @property
    def kinds(self) -> list[str]:
        """Kind of every column."""
        return [KIND_OF.get(head, TEXT) for head in self.heads]

    def texts(self, row: Sequence[Cell]) -> list[str]:
        """A row as words."""
        return [shown(cell, kind) for cell, kind in zip(row, self.kinds, strict=True)]


def reasons_told(codes: Sequence[str]) -> str:
    """Reasons of a rating in words."""
    return "；".join(REASONS[code] for code in codes)


def _month_row(row: Period) -> tuple[Cell, ...]:
    return (
        f"{iso(row.first)} 至 {iso(row.last)}",
        row.underlying,
        row.maker,
        KINDS[row.kind],
        row.spread_ratio,
        row.weighted_participation,
        row.answer_rate,
        row.volume,
        row.volume_ratio,
        row.table_grade or "—",
        row.grade or "不评级",
        reasons_told(row.reasons),
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
        reasons_told(row.reasons),
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
        "Monthly results",
        (
            "评价期", "合约品种", "做市商", "类型", "时间加权平均报价差率", "加权平均参与率",
            "回应报价参与率", "成交量（张）", "成交量占平均", "持续报价评级", "评级", "调整",
        ),
        _month_row,
    ),
    Sheet(
        "yearly",
        "做市商年度综合评价（单个合约品种）",
        "Year by class",
        ("年度", "合约品种", "做市商", "类型", "评价月数", "得分", "评级", "说明"),
        _year_row,
    ),
    Sheet(
        "overall",
        "做市商年度综合评价（整体）",
        "Year over all classes",
        ("排名", "做市商", "品种数", "得分", "评级"),
        _overall_row,
    ),
    Sheet(
        "eliminations",
        "年度末位淘汰名单",
        "Eliminated at the end of the year",
        ("年度", "合约品种", "做市商", "类型", "评价月数", "得分", "评级", "说明"),
        _year_row,
    ),
    Sheet(
        "cancellations",
        "取消做市资格情形（第九章，由本所决定）",
        "Conditions of chapter 9; the exchange decides",
        ("做市商", "合约品种", "指定合约", "情形", "计数", "状态", "不得重新申请至"),
        _cancel_row,
    ),
    Sheet(
        "replenishment",
        "做市商补足名单（可申请的一般做市商，择优）",
        "Open places and who may apply",
        ("合约品种", "名额", "顺序", "做市商", "年度评级", "得分"),
        _vacancy_row,
    ),
    Sheet(
        "decisions",
        "监管措施与调低评价结果的决定",
        "Decisions of the window",
        ("日期", "做市商", "合约品种", "措施", "调低级数"),
        _decision_row,
    ),
    Sheet(
        "designated",
        "指定合约月度做市情况",
        "Designated contracts by month",
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


FORMATS = ("csv", "html", "xlsx", "pdf")


def publish(
    folder: Path, result: RateResult, span: tuple[Day, Day], formats: Sequence[str] = FORMATS[:2]
) -> list[Path]:
    """Write the tables that have rows in the forms asked for; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, files = _rows(result), list[Path]()
    filled: list[tuple[Sheet, list[tuple[Cell, ...]]]] = []
    for sheet in SHEETS:
        path = folder / f"{sheet.name}.csv"
        cells = [sheet.cells(row) for row in rows[sheet.name]]
        if not cells or "csv" not in formats:
            path.unlink(missing_ok=True)
        else:
            # The byte-order mark lets spreadsheets know that the text is UTF-8.
            with path.open("w", encoding="utf-8-sig", newline="") as stream:
                csv.writer(stream, lineterminator="\n").writerows(
                    [sheet.heads, *map(sheet.texts, cells)]
                )
            files.append(path)
        if cells:
            filled.append((sheet, cells))
    writers: dict[str, Callable[[], bytes]] = {
        "html": lambda: _PAGE.format(
            basis=BASIS, body="\n".join(_section(*one) for one in filled)
        ).encode(),
        "xlsx": lambda: xlsx(_document(filled, span)),
        "pdf": lambda: pdf(_document(filled, span)),
    }
    for name, write in writers.items():
        path = folder / f"publication.{name}"
        path.unlink(missing_ok=True)
        if name in formats:
            path.write_bytes(write())
            files.append(path)
    return files


def _document(
    filled: Sequence[tuple[Sheet, Sequence[tuple[Cell, ...]]]], span: tuple[Day, Day]
) -> Document:
    sections = [
        Section(
            title=sheet.title,
            english=sheet.english,
            sheet=sheet.title,
            blocks=tuple(_blocks(sheet, cells)),
        )
        for sheet, cells in filled
    ]
    return Document(
        title="做市商评价公告",
        english="Evaluation of market makers",
        day=span[1],
        facts=(("评价期", f"{iso(span[0])} 至 {iso(span[1])}"),),
        sections=tuple(sections),
        notes=(BASIS,),
    )


def _blocks(sheet: Sheet, cells: Sequence[tuple[Cell, ...]]) -> Iterator[Table]:
    """One table; of the months one for each period, which then needs no column."""
    columns = tuple(
        Column(head, ENGLISH[head], kind)
        for head, kind in zip(sheet.heads, sheet.kinds, strict=True)
    )
    if sheet.name != "monthly":
        yield Table(title="", english="", columns=columns, rows=tuple(cells))
        return
    for period, rows in groupby(cells, key=lambda row: str(row[0])):
        yield Table(
            title=f"{sheet.heads[0]} {period}",
            english=ENGLISH[sheet.heads[0]],
            columns=columns[1:],
            rows=tuple(row[1:] for row in rows),
        )


def _section(sheet: Sheet, rows: Sequence[Sequence[Cell]]) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        kinds = ["" if kind == TEXT else ' class="n"' for kind in sheet.kinds]
        return "".join(
            f"<{tag}{kind}>{html.escape(cell)}</{tag}>"
            for kind, cell in zip(kinds, cells, strict=True)
        )

    body = "\n".join(f"<tr>{line('td', sheet.texts(row))}</tr>" for row in rows)
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
th, td {{ border: 1px solid #bbb; padding: 3px 9px; text-align: left; white-space: nowrap; }}
th {{ background: #f0f2f5; }}
.n {{ text-align: right; font-variant-numeric: tabular-nums; }}
</style>
</head>
<body>
<h1>做市商评价公告</h1>
<p>{basis}</p>
{body}
</body>
</html>
"""
