"""The monthly duty report of a maker: I-22 to I-28 by class and day, months of the year."""

from collections.abc import Sequence

import msgspec

from quanheng.compose.duty_figures import NAMES, SHORT, Figure, day_figure, window_figure
from quanheng.compose.duty_report import facts_of, heading, month_grades, notes
from quanheng.compose.duty_source import (
    ClassFacts,
    DutySource,
    MeasuredDay,
    month_start,
    year_start,
)
from quanheng.compose.publication import reasons_told
from quanheng.compose.run_folder import RunError
from quanheng.duties.foresight import ITEMS
from quanheng.duties.months import month_of
from quanheng.edge import documents as doc
from quanheng.edge.documents import Cell, Chart, Column, Document, Section, Series, Table
from quanheng.terms.days import iso
from quanheng.terms.units import Day, Ratio

YEAR = "年初至今"
BARS = ("opening", "breaker", "closing")
Months = dict[int, list[ClassFacts]]


def monthly(source: DutySource, day: Day, maker: str, only: str = "") -> Document:
    """The report of the month up to `day`; `only` one class."""
    calendar = source.calendar
    year = facts_of(source, maker, year_start(day, calendar), day)
    if only and only not in year:
        raise RunError(f"{maker} has no duty in a class {only!r} in the month of {iso(day)}")
    classes = [only] if only else list(year)
    measured = source.measured(day)
    first = max(month_start(day, calendar), source.days[0])
    running = month_of(day, calendar)
    months: dict[str, Months] = {}
    for underlying in classes:
        own = months.setdefault(underlying, {})
        for one in year[underlying]:
            own.setdefault(month_of(one.row.day, calendar), []).append(one)
    sections = [_overview(source, measured, maker, months, running)]
    for underlying in classes:
        sections += _class(measured, months[underlying], underlying, running)
    return Document(
        title="做市义务月报",
        english="Monthly report of market-making duties",
        day=day,
        facts=heading(measured, maker, f"{iso(first)} 至 {iso(day)}", classes, source),
        sections=tuple(sections),
        notes=notes(measured),
    )


def _windows(source: DutySource, day: Day) -> list[tuple[str, Day, Day]]:
    """(name, first, last) of every month of the year that has days, and the year to date."""
    calendar = source.calendar
    days = [one for one in source.days if year_start(day, calendar) <= one <= day]
    spans: dict[int, list[Day]] = {}
    for one in days:
        spans.setdefault(month_of(one, calendar), []).append(one)
    found = [(_name(name), inside[0], inside[-1]) for name, inside in spans.items()]
    return [*found, (YEAR, days[0], days[-1])]


def _overview(
    source: DutySource, measured: MeasuredDay, maker: str, months: dict[str, Months], running: int
) -> Section:
    """What a reader wants first: every item of every class against its standard, with the days that
    missed it and the worst one; then the months of the year as they are, or would be, graded.
    """
    book, scale = measured.book, measured.scale
    rows: list[tuple[Cell, ...]] = []
    for underlying, own in months.items():
        whole = [facts for name in own for facts in own[name]]
        for item, (words, _) in NAMES.items():
            month = window_figure(item, own[running], book, scale)
            days = [(iso(one.row.day)[5:], day_figure(item, one, book, scale))
                    for one in own[running]]  # fmt: skip
            known = [(figure.value, day) for day, figure in days if figure.value is not None]
            worst: tuple[Cell, str] = (None, doc.NOTHING)
            if len({value for value, _ in known}) > 1:
                worst = (max if item == "spread" else min)(known)
            missed = sum(figure.met is False for _, figure in days)
            to_date = window_figure(item, whole, book, scale)
            rows.append(
                (underlying, ITEMS[item], words, month.value, month.standard, month.met, missed,
                 worst[0], worst[1], to_date.value)
            )  # fmt: skip
    graded: list[tuple[Cell, ...]] = []
    *each, year = _windows(source, measured.day)
    for name, first, last in (*reversed(each), year):
        graded += [
            (name, row.underlying, row.days, row.spread_ratio, row.opening, row.volatility,
             row.closing, row.weighted_participation, row.answer_rate, row.volume,
             row.volume_ratio,
             # A year is graded by the mean of its months' scores, not as one long month.
             *((None, "") if name == YEAR else (row.grade, reasons_told(row.reasons))))
            for row in source.period(first, last)
            if row.maker == maker and row.underlying in months
        ]  # fmt: skip
    plain = month_grades("评价试算", "Grades by month, as it would be graded", graded)
    return Section(
        title="总览",
        english="Overview",
        sheet="总览",
        blocks=(
            Table(
                title="各项义务", english="Duties",
                columns=(
                    Column("品种", "class"), Column("项", "item"), Column("内容", "figure"),
                    Column("本月", "month", doc.SHARE), Column("标准", "standard"),
                    Column("结论", "verdict", doc.VERDICT),
                    Column("未达标日", "days missed", doc.COUNT),
                    Column("最差", "worst", doc.SHARE), Column("最差日", "worst day"),
                    Column(YEAR, "year to date", doc.SHARE),
                ),
                rows=tuple(rows),
                note="本月自上月 21 日起，本年自上年 12 月 21 日起（A18）。"
                "集合竞价：每日为合约比例，累计为有效交易日比例。",
            ),
            msgspec.structs.replace(plain, columns=(Column("期间", "span"), *plain.columns)),
        ),
    )  # fmt: skip


def _class(measured: MeasuredDay, months: Months, underlying: str, running: int) -> list[Section]:
    """A class: its days and months with all items side by side, then what each item looks like."""
    sections = [_days(measured, months, underlying, running)]
    for item, (words, english) in NAMES.items():
        month = window_figure(item, months[running], measured.book, measured.scale)
        days = [day_figure(item, one, measured.book, measured.scale) for one in months[running]]
        sections.append(
            Section(
                title=f"{ITEMS[item]} {words}",
                english=english,
                sheet=f"{underlying} {SHORT[item]}",
                text=_told(month, days),
                blocks=_chart(item, words, measured, months[running], days),
            )
        )
    return sections


def _days(measured: MeasuredDay, months: Months, underlying: str, running: int) -> Section:
    book, scale = measured.book, measured.scale
    rows: list[tuple[Cell, ...]] = []
    for one in months[running]:
        found = {item: day_figure(item, one, book, scale) for item in NAMES}
        missed = "、".join(SHORT[item] for item, figure in found.items() if figure.met is False)
        values = (figure.value for figure in found.values())
        row = one.row
        rows.append(
            (iso(row.day), *values, row.contracts, row.volatility_auctions, row.volume, missed)
        )
    heads = tuple(Column(SHORT[item], item, doc.SHARE) for item in NAMES)
    whole = [facts for name in months for facts in months[name]]
    spans = [*((_name(name), months[name]) for name in months), (YEAR, whole)]
    yearly: list[tuple[Cell, ...]] = [
        (name, len(facts), *(window_figure(item, facts, book, scale).value for item in NAMES))
        for name, facts in spans
    ]
    return Section(
        chapter=f"合约品种 {underlying}",
        title="每日与各月",
        english="Days and months",
        sheet=f"{underlying} 每日",
        blocks=(
            Table(
                title="按交易日", english="by day",
                columns=(Column("日期", "day"), *heads, Column("合约", "contracts", doc.COUNT),
                         Column("熔断次数", "breakers", doc.COUNT),
                         Column("成交量", "volume", doc.COUNT), Column("未达标", "missed")),
                rows=tuple(rows),
                note="复核：quanheng explain … --day 日期 --item 项目",
            ),
            Table(
                title="按月与年初至今", english="by month, year to date",
                columns=(Column("月份", "month"), Column("天数", "days", doc.COUNT), *heads),
                rows=tuple(yearly),
            ),
        ),
    )  # fmt: skip


def _told(month: Figure, days: Sequence[Figure]) -> str:
    """The month in a sentence; a figure that never changed needs no chart and is told here."""
    verdict = "" if month.met is None else f"，{doc.VERDICTS[month.met]}"
    standard = "" if month.standard == doc.NOTHING else f"（标准：{month.standard}）"
    told = f"本月 {doc.shown(month.value, doc.SHARE)}{standard}{verdict}。"
    known = [figure.value for figure in days if figure.value is not None]
    if len(known) == len(days) and len(set(known)) == 1:
        return f"{told}各交易日均为 {doc.shown(known[0], doc.SHARE)}。"
    if len(known) < len(days):
        told += f"{len(days)} 个交易日中 {len(known)} 日有此项。"
    return told


def _name(month: int) -> str:
    return f"{month // 100} 年 {month % 100} 月"


def _chart(
    item: str,
    words: str,
    measured: MeasuredDay,
    month: Sequence[ClassFacts],
    days: Sequence[Figure],
) -> tuple[Chart, ...]:
    """The days of an item; none where every day is the same, which a sentence tells."""
    if len({figure.value for figure in days if figure.value is not None}) < 2:
        return ()
    labels = tuple(iso(one.row.day)[5:] for one in month)
    values = tuple(None if figure.value is None else float(figure.value) for figure in days)
    return (
        Chart(
            title=f"{words}，按交易日", english="by day", labels=labels, bars=item in BARS,
            series=(Series(words, values),), bounds=_bounds(item, measured), low=True,
        ),
    )  # fmt: skip


def _bounds(item: str, measured: MeasuredDay) -> tuple[tuple[str, float], ...]:
    duty, scale = measured.book.duty, measured.scale
    pairs: tuple[tuple[str, Ratio], ...] = ()
    if item == "spread":
        pairs = (("优秀上限", scale.spread_bands[0]), ("合格上限", scale.spread_bands[1]))
    elif item != "size":
        bound = {
            "coverage": duty.coverage,
            "opening": duty.opening_coverage,
            "breaker": duty.intraday_share,
            "closing": duty.closing_coverage,
            "continuous": scale.day_floor,
        }[item]
        pairs = (("标准", bound),)
    return tuple((words, num / den) for words, (num, den) in pairs)
