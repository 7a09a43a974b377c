"""The daily duty report of a maker: I-22 to I-28 by class, with month and year to date."""

from collections.abc import Sequence

import numpy as np

from quanheng.compose import duty_report_items as blocks
from quanheng.compose.duty_figures import NAMES, SHORT, day_figure, window_figure
from quanheng.compose.duty_source import (
    ClassFacts,
    DutySource,
    MeasuredDay,
    calendar_of,
    month_start,
    year_start,
)
from quanheng.compose.duty_words import CAUSES
from quanheng.compose.explain import AUCTION_ITEMS, Explainer, Line
from quanheng.compose.explain_text import precise
from quanheng.compose.publication import reasons_told
from quanheng.duties import items
from quanheng.duties.figures import spread_ratio
from quanheng.duties.foresight import ITEMS
from quanheng.duties.intervals import LOST, Cause, by_cause
from quanheng.duties.period import Period
from quanheng.edge import documents as doc
from quanheng.edge.documents import Cell, Column, Document, Section, Table
from quanheng.rulebook.phases import timetable
from quanheng.terms.days import iso
from quanheng.terms.units import MINUTE, Day

WIDTH = 5 * MINUTE
MOST_LINES = 400
"""Intervals without compliance that a sheet lists; `quanheng explain` has all of them."""


def facts_of(source: DutySource, maker: str, first: Day, last: Day) -> dict[str, list[ClassFacts]]:
    """A maker's classes over a window, days in order."""
    found: dict[str, list[ClassFacts]] = {}
    for one in source.window(first, last, maker):
        for underlying, facts in one.facts(maker).items():
            found.setdefault(underlying, []).append(facts)
    return found


def daily(source: DutySource, day: Day, maker: str, only: str = "") -> Document:
    """The report of one day; `only` one class."""
    year = facts_of(source, maker, year_start(day, source.calendar), day)
    measured = source.measured(day)
    explainer = Explainer(measured, maker)
    today = measured.facts(maker)
    classes = [only] if only else list(today)
    for underlying in classes:
        explainer.slots(underlying)  # names a class that is none
    graded = {
        row.underlying: row
        for row in source.period(month_start(day, source.calendar), day)
        if row.maker == maker
    }
    sections = [overview(measured, today, year, graded, classes, day)]
    for underlying in classes:
        sections += _class(explainer, measured, today[underlying], underlying)
    return Document(
        title="做市义务日报",
        english="Daily report of market-making duties",
        day=day,
        facts=heading(measured, maker, iso(day), classes, source),
        sections=tuple(sections),
        notes=notes(measured),
    )


def heading(
    measured: MeasuredDay, maker: str, span: str, classes: Sequence[str], source: DutySource
) -> tuple[tuple[str, str], ...]:
    """Facts under a report's title."""
    return (
        ("做市商", maker),
        ("日期", span),
        ("合约品种", "、".join(classes)),
        ("数据来源", source.path.name),
        ("规则簿", f"{measured.book.hash[:16]}（{iso(measured.day)} 生效）"),
    )


def notes(measured: MeasuredDay) -> tuple[str, ...]:
    """How the figures are read, printed with every report (duty_dataset.md, last line)."""
    keys = ("A01", "A02", "A03", "A04", "A05", "A06", "A11", "A13", "A15", "A16", "A18", "A33")
    readings = "；".join(f"{key} {measured.book.readings[key]}" for key in keys)
    return (
        "每个数字可用 quanheng explain 复核：逐段列出时间区间、计为何种原因、报价编号、"
        "豁免理由与交易阶段。",
        f"口径 readings：{readings}",
    )


def overview(
    measured: MeasuredDay,
    today: dict[str, ClassFacts],
    year: dict[str, list[ClassFacts]],
    graded: dict[str, Period],
    classes: Sequence[str],
    day: Day,
) -> Section:
    """All items of all classes: the day, the month and the year to date."""
    book, scale = measured.book, measured.scale
    start = month_start(day, calendar_of(book))
    rows: list[tuple[Cell, ...]] = []
    for underlying in classes:
        whole = year[underlying]
        month = [one for one in whole if one.row.day >= start]
        for item, (words, _) in NAMES.items():
            now = day_figure(item, today[underlying], book, scale)
            so_far = window_figure(item, month, book, scale)
            to_date = window_figure(item, whole, book, scale)
            rows.append(
                (underlying, ITEMS[item], words, now.value, now.standard, now.met,
                 so_far.value, so_far.met, to_date.value)
            )  # fmt: skip
    grades: list[tuple[Cell, ...]] = []
    for underlying in classes:
        row = graded[underlying]
        grades.append(
            (underlying, row.days, row.spread_ratio, row.opening, row.volatility, row.closing,
             row.weighted_participation, row.answer_rate, row.volume, row.volume_ratio, row.grade,
             reasons_told(row.reasons))
        )  # fmt: skip
    return Section(
        title="总览",
        english="Overview",
        sheet="总览",
        blocks=(
            Table(
                title="各项义务",
                english="Duties",
                columns=(
                    Column("品种", "class"), Column("项", "item"), Column("内容", "figure"),
                    Column("当日", "day", doc.SHARE), Column("标准", "standard"),
                    Column("结论", "verdict", doc.VERDICT),
                    Column("本月累计", "month to date", doc.SHARE),
                    Column("本月结论", "month", doc.VERDICT),
                    Column("本年累计", "year to date", doc.SHARE),
                ),
                rows=tuple(rows),
                note="本月自上月 21 日起，本年自上年 12 月 21 日起（A18）。"
                "集合竞价：当日为合约比例，累计为有效交易日比例。",
            ),
            month_grades("本月评价试算", "Month so far, as it would be graded", grades),
        ),
    )  # fmt: skip


def month_grades(title: str, english: str, rows: Sequence[tuple[Cell, ...]]) -> Table:
    """The table of graded windows; rows begin with what names them."""
    return Table(
        title=title,
        english=english,
        columns=(
            Column("品种", "class"), Column("天数", "days", doc.COUNT),
            Column("价差率", "spread", doc.SHARE), Column("开盘", "opening", doc.SHARE),
            Column("熔断", "breaker", doc.SHARE), Column("收盘", "closing", doc.SHARE),
            Column("加权参与率", "weighted", doc.SHARE), Column("询价回应", "answers", doc.SHARE),
            Column("成交量", "volume", doc.COUNT), Column("量比", "ratio", doc.SHARE),
            Column("评级", "grade"), Column("调整", "reasons"),
        ),
        rows=tuple(rows),
        note="试算以已过交易日计，不是本所评价。",
    )  # fmt: skip


def _class(
    explainer: Explainer, measured: MeasuredDay, facts: ClassFacts, underlying: str
) -> list[Section]:
    slots = explainer.slots(underlying)
    cells = [explainer.cell(slot) for slot in slots]
    spreads = [spread_ratio(measured.figures, explainer.seat, slot) for slot in slots]
    own = items.class_items(explainer.index, explainer.seat, slots, cells, spreads)
    table = measured.listed()
    names: blocks.Names = {row.contract: (row.contract, *table[row.contract]) for row in own}
    spans = timetable(measured.book)
    edges = items.bins(spans[0].start, spans[-1].stop, WIDTH)
    share = measured.book.duty.contract_share
    shape = items.profile(cells, edges, share[0] / share[1])
    made = {
        "spread": blocks.spread(own, names, shape, measured),
        "size": blocks.size(own, names, shape),
        "coverage": blocks.coverage(explainer, names, shape, underlying, measured),
        **{item: blocks.auction(explainer, own, names, item) for item in AUCTION_ITEMS},
        "continuous": blocks.continuous(own, names, shape, measured),
    }
    sections = []
    for number, (item, (words, english)) in enumerate(NAMES.items()):
        figure = day_figure(item, facts, measured.book, measured.scale)
        sections.append(
            Section(
                chapter=f"合约品种 {underlying}" if number == 0 else "",
                title=f"{ITEMS[item]} {words}",
                english=english,
                sheet=f"{underlying} {SHORT[item]}",
                text=f"当日 {doc.shown(figure.value, doc.SHARE)}（标准：{figure.standard}）"
                + ("" if figure.met is None else f"，{doc.VERDICTS[figure.met]}")
                + "。",
                blocks=tuple(made[item]),
            )
        )
    return [*sections, _lost(explainer, slots, underlying)]


def _lost(explainer: Explainer, slots: Sequence[int], underlying: str) -> Section:
    """The longest intervals in which a quote was owed and did not comply."""
    lines: list[Line] = []
    for slot in slots:
        cell = explainer.cell(slot)
        lines += explainer.lines(slot, np.flatnonzero(np.isin(cell.cause, LOST)))
    total = sum(line.length for line in lines)
    parts: dict[Cause, int] = {}
    for slot in slots:
        for cause, span in by_cause(explainer.cell(slot)).items():
            parts[cause] = parts.get(cause, 0) + span
    lines.sort(key=lambda line: (-line.length, line.contract, line.start))
    told = "，".join(
        f"{CAUSES['zh'][cause]} {doc.shown(parts.get(cause, 0), doc.SECONDS)} 秒" for cause in LOST
    )
    return Section(
        title="未达标区间",
        english="Intervals that did not comply",
        sheet=f"{underlying} 区间",
        text=f"共 {len(lines)} 段，{doc.shown(total, doc.SECONDS)} 合约秒：{told}。",
        blocks=(
            Table(
                title="最长者在前", english="longest first", brief=blocks.BRIEF,
                columns=(Column("合约", "contract"), Column("起", "from"), Column("止", "to"),
                         Column("秒", "s", doc.SECONDS), Column("原因", "cause"),
                         Column("买价", "bid", doc.COUNT), Column("买量", "lots", doc.COUNT),
                         Column("卖价", "ask", doc.COUNT), Column("卖量", "lots", doc.COUNT),
                         Column("最宽卖价", "widest ask", doc.COUNT)),
                rows=tuple(
                    (line.contract, precise(line.start), precise(line.stop), line.length,
                     CAUSES["zh"][line.cause], line.bid, line.bid_qty, line.ask, line.ask_qty,
                     line.widest_ask)
                    for line in lines[:MOST_LINES]
                ),
                note="价格以 0.0001 元计。",
            ),
        ),
    )  # fmt: skip
