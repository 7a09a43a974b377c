"""The monthly duty report of a maker: I-22 to I-28 by class and day, months of the year."""

from collections.abc import Sequence

from quanheng.compose.duty_figures import NAMES, SHORT, Figure, day_figure, window_figure
from quanheng.compose.duty_report import facts_of, heading, month_grades, notes
from quanheng.compose.duty_source import (
    ClassFacts,
    DutySource,
    MeasuredDay,
    month_start,
    year_start,
)
from quanheng.compose.run_folder import RunError
from quanheng.duties.foresight import ITEMS
from quanheng.duties.months import month_of
from quanheng.edge import documents as doc
from quanheng.edge.documents import Cell, Chart, Column, Document, Section, Series, Table
from quanheng.terms.days import iso
from quanheng.terms.units import Day, Ratio

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
    sections = [_grades(source, day, maker, classes)]
    for underlying in classes:
        months: Months = {}
        for one in year[underlying]:
            months.setdefault(month_of(one.row.day, calendar), []).append(one)
        sections += _class(measured, months, underlying, month_of(day, calendar))
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
    return [*found, ("年初至今", days[0], days[-1])]


def _grades(source: DutySource, day: Day, maker: str, classes: Sequence[str]) -> Section:
    """Every month of the year as it is, or would be, graded."""
    tables = []
    for name, first, last in reversed(_windows(source, day)):
        rows: list[tuple[Cell, ...]] = [
            (row.underlying, row.days, row.spread_ratio, row.opening, row.volatility, row.closing,
             row.weighted_participation, row.answer_rate, row.volume, row.volume_ratio, row.grade,
             " ".join(row.reasons))
            for row in source.period(first, last)
            if row.maker == maker and row.underlying in classes
        ]  # fmt: skip
        title = f"{name}（{iso(first)} 至 {iso(last)}）"
        tables.append(month_grades(title, "as it would be graded", rows))
    return Section(title="评价试算", english="Grades by month", sheet="评价", blocks=tuple(tables))


def _class(measured: MeasuredDay, months: Months, underlying: str, running: int) -> list[Section]:
    sections = []
    for number, (item, (words, english)) in enumerate(NAMES.items()):
        month = window_figure(item, months[running], measured.book, measured.scale)
        sections.append(
            Section(
                chapter=f"合约品种 {underlying}" if number == 0 else "",
                title=f"{ITEMS[item]} {words}",
                english=english,
                sheet=f"{underlying} {SHORT[item]}",
                text=_told(month),
                blocks=_blocks(item, words, measured, months, running),
            )
        )
    return sections


def _told(month: Figure) -> str:
    verdict = "" if month.met is None else f"，{doc.VERDICTS[month.met]}"
    standard = "" if month.standard == doc.NOTHING else f"（标准：{month.standard}）"
    return f"本月 {doc.shown(month.value, doc.SHARE)}{standard}{verdict}。"


def _name(month: int) -> str:
    return f"{month // 100} 年 {month % 100} 月"


def _blocks(
    item: str, words: str, measured: MeasuredDay, months: Months, running: int
) -> tuple[Table | Chart, ...]:
    """A chart and a table over the days of the month, a table over the months of the year."""
    book, scale = measured.book, measured.scale
    days = [(one, day_figure(item, one, book, scale)) for one in months[running]]
    labels = tuple(iso(one.row.day)[5:] for one, _ in days)
    values = tuple(None if f.value is None else float(f.value) for _, f in days)
    extra = _columns(item)
    rows: list[tuple[Cell, ...]] = [
        (iso(one.row.day), figure.value, figure.met, *_cells(item, one)) for one, figure in days
    ]
    whole = [facts for name in months for facts in months[name]]
    yearly: list[tuple[Cell, ...]] = []
    for name, facts in [*((_name(name), months[name]) for name in months), ("年初至今", whole)]:
        figure = window_figure(item, facts, book, scale)
        yearly.append((name, len(facts), figure.value, figure.standard, figure.met))
    return (
        Chart(
            title=f"{words}，按交易日", english="by day", labels=labels, bars=item in BARS,
            series=(Series(words, values),), bounds=_bounds(item, measured),
        ),
        Table(
            title="按交易日", english="by day",
            columns=(Column("日期", "day"), Column("数值", "figure", doc.SHARE),
                     Column("结论", "verdict", doc.VERDICT), *extra),
            rows=tuple(rows),
            note="复核：quanheng explain … --day 日期 --item " + item,
        ),
        Table(
            title="按月与年初至今", english="by month, year to date",
            columns=(Column("月份", "month"), Column("天数", "days", doc.COUNT),
                     Column("数值", "figure", doc.SHARE), Column("标准", "standard"),
                     Column("结论", "verdict", doc.VERDICT)),
            rows=tuple(yearly),
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


def _columns(item: str) -> tuple[Column, ...]:
    if item == "coverage":
        return (Column("计入", "covered", doc.COUNT), Column("合约", "contracts", doc.COUNT))
    if item in BARS:
        return (Column("参与", "joined", doc.COUNT), Column("应参与", "judged", doc.COUNT))
    if item == "continuous":
        return (Column("合约", "contracts", doc.COUNT), Column("成交量", "volume", doc.COUNT))
    return ()


def _cells(item: str, one: ClassFacts) -> tuple[Cell, ...]:
    row = one.row
    if item == "coverage":
        return (row.covered, row.contracts)
    if item == "opening":
        return one.opening
    if item == "closing":
        return one.closing
    if item == "breaker":
        return (row.volatility_joined, row.volatility_auctions)
    if item == "continuous":
        return (row.contracts, row.volume)
    return ()
