"""Where duty figures come from: a run, a season or any dataset of duty_dataset.md, day by day."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from quanheng.compose.run_folder import RunError
from quanheng.config import read_config
from quanheng.duties.class_day import ClassDay, class_days, contract_days
from quanheng.duties.conditions import Subject, from_rulebook
from quanheng.duties.dataset import check_dataset
from quanheng.duties.day import DayTables, measure_day
from quanheng.duties.day_input import (
    Membership,
    day_tables,
    membership,
    numbers,
    trading_days,
    words,
)
from quanheng.duties.exact import mean
from quanheng.duties.figures import UNJUDGED, Figures
from quanheng.duties.grade import Scale
from quanheng.duties.months import month_of, months_of_year, window, year_window
from quanheng.duties.period import PRIMARY, Period, rate_period
from quanheng.duties.rating import adjustments
from quanheng.duties.readings import choices_of
from quanheng.duties.scale import scale_of
from quanheng.duties.tables import Dataset
from quanheng.edge.dataset_files import read_dataset
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook.calendar import next_trading
from quanheng.rulebook.model import Rulebook
from quanheng.terms.days import iso
from quanheng.terms.units import TICKS_PER_YUAN, Day, DayNanos, Lots


def calendar_of(book: Rulebook) -> bool:
    """Are months of evaluation calendar months (reading A18)?"""
    return bool(choices_of(book).calendar)


def year_of(day: Day, calendar: bool = False) -> int:
    """The evaluation year of a day: 21 December to 20 December, or December to November (A18)."""
    last = year_window(day // 10_000)[1]
    if calendar:
        last = day // 10_000 * 10_000 + 1130
    return day // 10_000 + (day > last)


def year_start(day: Day, calendar: bool = False) -> Day:
    """First day of the evaluation year of a day."""
    return window(months_of_year(year_of(day, calendar), calendar)[0], calendar)[0]


def month_start(day: Day, calendar: bool = False) -> Day:
    """First day of the evaluation month of a day (reading A18)."""
    return window(month_of(day, calendar), calendar)[0]


def month_number(day: Day, calendar: bool = False) -> int:
    """1 for the first month of the evaluation year … 12 for the last."""
    return months_of_year(year_of(day, calendar), calendar).index(month_of(day, calendar)) + 1


def month_days(book: Rulebook, day: Day) -> list[Day]:
    """Trading days of a day's month that come after it."""
    found: list[Day] = []
    calendar = calendar_of(book)
    after = next_trading(book.calendar, day)
    while month_of(after, calendar) == month_of(day, calendar):
        found.append(after)
        after = next_trading(book.calendar, after)
    return found


class ClassFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A class's day with the counts behind its auctions and its size."""

    row: ClassDay
    size_share: Fraction | None  # mean over contracts of time with both sides and size
    opening: tuple[int, int]  # contracts joined, judged
    closing: tuple[int, int]
    others: tuple[Lots, ...]  # volumes of the other primary makers


def class_facts(figures: Figures, row: ClassDay, others: Sequence[Lots]) -> ClassFacts:
    """The facts of one maker's class."""
    seat = figures.makers.index(row.maker)
    own = [
        slot
        for slot, underlying in enumerate(figures.underlyings)
        if underlying == row.underlying and figures.active[seat, slot]
    ]
    owed, quoted = figures.obliged[seat, own].tolist(), figures.quoted[seat, own].tolist()
    shares = [Fraction(top, low) for top, low in zip(quoted, owed, strict=True) if low]
    ends = []
    for column in (figures.opening, figures.closing):
        judged = [flag for flag in column[seat, own].tolist() if flag != UNJUDGED]
        ends.append((sum(judged), len(judged)))
    return ClassFacts(
        row=row,
        size_share=mean(shares),
        opening=ends[0],
        closing=ends[1],
        others=tuple(others),
    )


class MeasuredDay:
    """A day of the source: tables, figures and class rows of every maker, each made once."""

    def __init__(self, dataset: Dataset, day: Day, book: Rulebook) -> None:
        self.day, self.book, self._dataset = day, book, dataset
        self._facts: dict[str, dict[str, ClassFacts]] = {}

    @cached_property
    def tables(self) -> DayTables:
        """The day's arrays."""
        return day_tables(self._dataset, self.day, from_rulebook(self.book))

    @cached_property
    def figures(self) -> Figures:
        """The exact figures."""
        return measure_day(self.tables)

    @cached_property
    def scale(self) -> Scale:
        """The grading scale of the day."""
        return scale_of(self.book)

    @cached_property
    def classes(self) -> list[ClassDay]:
        """Rows of every maker and class."""
        return class_days(self.figures, self.scale, contract_days(self.figures))

    @cached_property
    def kinds(self) -> Membership:
        """(maker, underlying) -> kind."""
        return membership(self._dataset, self.day)

    def row(self, maker: str, underlying: str) -> ClassDay | None:
        """One maker's class."""
        return next(
            (r for r in self.classes if (r.maker, r.underlying) == (maker, underlying)), None
        )

    def others(self, maker: str, underlying: str) -> list[int]:
        """Volumes of the other primary makers of a class."""
        return [
            row.volume
            for row in self.classes
            if row.underlying == underlying
            and row.maker != maker
            and self.kinds[row.maker, underlying] == PRIMARY
        ]

    def exempt_reason(self, maker: str, item: Subject, at: DayNanos) -> str:
        """Reason of the approved exemption of a maker in a contract at a time of day."""
        table = self._dataset.tables["exemptions"]
        text = {name: words(table, name) for name in ("maker", "contract", "underlying", "reason")}
        span = {name: numbers(table, name) for name in ("day", "from", "until")}
        for row in np.flatnonzero(span["day"] == self.day).tolist():
            hit = text["contract"][row] in (item.contract, "")
            hit &= text["underlying"][row] == item.underlying and text["maker"][row] == maker
            if hit and span["from"][row] <= at < span["until"][row]:
                return text["reason"][row]
        return ""

    def listed(self) -> dict[str, tuple[str, Fraction]]:
        """Kind in words and strike in yuan of every contract of the day."""
        table = self._dataset.tables["contracts"]
        code, kind = words(table, "contract"), words(table, "kind")
        strikes = numbers(table, "strike")
        rows = np.flatnonzero(numbers(table, "day") == self.day).tolist()
        return {
            code[row]: (
                "认购" if kind[row] == "C" else "认沽",
                Fraction(int(strikes[row]), TICKS_PER_YUAN),
            )
            for row in rows
        }

    def facts(self, maker: str) -> dict[str, ClassFacts]:
        """A maker's classes with what reports add to the rows; made once."""
        if maker not in self._facts:
            rows = [row for row in self.classes if row.maker == maker]
            self._facts[maker] = {
                row.underlying: class_facts(self.figures, row, self.others(maker, row.underlying))
                for row in rows
            }
        return self._facts[maker]

    def forget(self) -> None:
        """Let go of the arrays; rows and the facts that were asked for stay."""
        _ = self.classes, self.kinds
        for name in ("tables", "figures"):
            self.__dict__.pop(name, None)


class DutySource:
    """Days of a run's, season's or other dataset. RunError when the folder holds none."""

    def __init__(self, path: Path, agreement: Path | None = None) -> None:
        self.path, self.agreement = path, agreement
        folder = path / "dataset" if (path / "dataset").is_dir() else path
        if not any(folder.glob("contracts*")):
            raise RunError(f"{path}: neither a run nor a dataset: no table contracts")
        self.folder = folder
        self.dataset = check_dataset(read_dataset(folder))
        self.days = trading_days(self.dataset, 0, 99_999_999)
        self._measured: dict[Day, MeasuredDay] = {}

    def measured(self, day: Day) -> MeasuredDay:
        """A day. RunError names the days there are when it is none of them."""
        if day not in self.days:
            spans = f"{iso(self.days[0])} to {iso(self.days[-1])}" if self.days else "none"
            raise RunError(f"{self.path}: no trading day {iso(day)}; days are {spans}")
        if day not in self._measured:
            book = read_rulebook(day, self.agreement)
            self._measured[day] = MeasuredDay(self.dataset, day, book)
        return self._measured[day]

    @property
    def calendar(self) -> bool:
        """Are its months calendar months, by the rules of its last day (A18)?"""
        return bool(self.days) and calendar_of(read_rulebook(self.days[-1], self.agreement))

    def window(self, first: Day, last: Day, maker: str = "") -> list[MeasuredDay]:
        """The days of a window in order; arrays of all but the last are let go, facts of `maker`
        are kept.
        """
        days = [self.measured(day) for day in self.days if first <= day <= last]
        for one in days[:-1]:
            if maker:
                one.facts(maker)
            one.forget()
        return days

    def period(self, first: Day, last: Day) -> list[Period]:
        """Every maker's figures and grade over a window, as `quanheng rate` has them."""
        days = self.window(first, last)
        kinds = [(one.kinds[row.maker, row.underlying], row) for one in days for row in one.classes]
        keys = [(row.maker, row.underlying) for _, row in kinds]
        changes = adjustments(self.dataset.tables["letters"], first, last, keys)
        return rate_period(first, last, kinds, days[-1].scale, changes)

    def makers(self, day: Day) -> list[str]:
        """Makers of a day."""
        return list(self.measured(day).tables.makers)

    def our_maker(self, asked: str, day: Day) -> str:
        """The maker asked for, else the configured one, else the first of the day.

        RunError names the makers there are when the one asked for is none of them.
        """
        known = self.makers(day)
        if asked and asked not in known:
            raise RunError(f"{self.path}: no maker {asked!r}; known are {', '.join(known)}")
        ours = read_config().member.maker
        return asked or (ours if ours in known else known[0])
