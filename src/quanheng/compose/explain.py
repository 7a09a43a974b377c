"""Why is this 78.6 %? A duty figure taken apart into the intervals it is made of (I-22 to I-28).

The intervals come from `duties.intervals`; their sums are held against the measured figure, so an
explanation that does not add up is an error and never shown. Intervals of our own maker name the
quote that stood, from the maker's journal where the run kept it (`quanheng why RUN QUOTE`).
"""

from collections.abc import Sequence
from fractions import Fraction

import msgspec
import numpy as np

from quanheng.compose.duty_source import MeasuredDay
from quanheng.compose.run_folder import RunError
from quanheng.duties import intervals as iv
from quanheng.duties.class_day import contract_days, is_covered
from quanheng.duties.figures import UNJUDGED, participation, spread_ratio
from quanheng.duties.intervals import Auction, Cause, DayIndex, Intervals
from quanheng.duties.readings import COMPLIANT_ONLY, TWO_SIDED
from quanheng.terms.codes import Phase
from quanheng.terms.units import DayNanos, Lots, Nanos, Ticks

AUCTION_ITEMS = {
    "opening": Phase.OPENING,
    "breaker": Phase.INTRADAY,
    "closing": Phase.CLOSING,
}
CONTINUOUS = ("continuous", "size", "spread")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One interval. `ratio`: spread over the allowed one, None without a quote with size."""

    contract: str
    start: DayNanos
    stop: DayNanos
    phase: Phase
    cause: Cause
    bid: Ticks
    bid_qty: Lots
    ask: Ticks
    ask_qty: Lots
    widest_ask: Ticks  # the highest ask that complies with the bid; 0 without a bid
    ratio: Fraction | None
    quote_at: DayNanos
    quote: str = ""  # client id, where a journal knows it
    reason: str = ""  # of an exemption

    @property
    def length(self) -> Nanos:
        """Nanoseconds."""
        return self.stop - self.start


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of one contract. `top / bottom` is the figure, exactly; bottom 0: not defined."""

    maker: str
    item: str
    contract: str
    figure: Fraction | None
    by_cause: tuple[tuple[Cause, Nanos], ...]
    lines: tuple[Line, ...]
    auctions: tuple[Auction, ...] = ()


class ClassExplained(msgspec.Struct, frozen=True, kw_only=True):
    """Coverage, or an auction over a class: which contracts count and which do not."""

    maker: str
    item: str
    underlying: str
    figure: Fraction | None
    good: int
    judged: int
    rows: tuple[tuple[str, bool, Fraction | None, Cause], ...]  # contract, counts, share, why not


class Explainer:
    """A maker's day, ready to be asked. RunError for a maker or contract the day does not have."""

    def __init__(self, day: MeasuredDay, maker: str) -> None:
        self.day, self.maker = day, maker
        self.index = DayIndex(day.tables)
        if maker not in day.tables.makers:
            raise RunError(f"no maker {maker!r}; known are {', '.join(day.tables.makers)}")
        self.seat = day.tables.makers.index(maker)
        self._cells: dict[int, Intervals] = {}

    def slot(self, contract: str) -> int:
        """Index of a contract with duties."""
        for slot, item in enumerate(self.day.tables.subjects):
            if item.contract == contract and self.day.figures.active[self.seat, slot]:
                return slot
        raise RunError(f"{self.maker} has no duty in a contract {contract!r} on {self.day.day}")

    def underlying(self, contract: str) -> str:
        """The class of a contract with duties."""
        return self.day.tables.subjects[self.slot(contract)].underlying

    def slots(self, underlying: str) -> list[int]:
        """Contracts of a class with duties, in order of their codes."""
        own = [
            slot
            for slot, item in enumerate(self.day.tables.subjects)
            if item.underlying == underlying and self.day.figures.active[self.seat, slot]
        ]
        if not own:
            raise RunError(f"{self.maker} has no duty in a class {underlying!r} on {self.day.day}")
        return own

    def cell(self, slot: int) -> Intervals:
        """Intervals of a contract, proved against its figures. RunError when they do not add up."""
        if slot not in self._cells:
            rows = iv.cell_intervals(self.index, self.seat, slot)
            figures = self.day.figures
            measured = tuple(
                int(column[self.seat, slot])
                for column in (figures.obliged, figures.quoted, figures.compliant)
            )
            if iv.totals(rows) != measured:
                name = self.day.tables.subjects[slot].contract
                raise RunError(
                    f"{name}: intervals add up to {iv.totals(rows)}, measured is {measured}"
                )
            self._cells[slot] = rows
        return self._cells[slot]

    def contract(self, contract: str, item: str) -> Explained:
        """One figure of a contract. `item` of CONTINUOUS or AUCTION_ITEMS."""
        slot = self.slot(contract)
        rows, figures = self.cell(slot), self.day.figures
        ended = tuple(iv.auctions(self.index, self.seat, slot))
        if item in AUCTION_ITEMS:
            own = tuple(one for one in ended if one.kind == AUCTION_ITEMS[item])
            judged = [one for one in own if one.judged]
            share = Fraction(sum(one.joined for one in judged), len(judged)) if judged else None
            self._prove(slot, item, judged)
            return Explained(
                maker=self.maker,
                item=item,
                contract=contract,
                figure=share,
                by_cause=(),
                lines=self._around(slot, rows, own),
                auctions=own,
            )
        value = spread_ratio if item == "spread" else participation
        return Explained(
            maker=self.maker,
            item=item,
            contract=contract,
            figure=value(figures, self.seat, slot),
            by_cause=tuple(iv.by_cause(rows).items()),
            lines=self.lines(slot, np.arange(len(rows.start))),
            auctions=ended,
        )

    def _prove(self, slot: int, item: str, judged: Sequence[Auction]) -> None:
        figures = self.day.figures
        if item == "breaker":
            measured = int(figures.auctions[self.seat, slot])
            good = int(figures.joined[self.seat, slot])
        else:
            column = figures.opening if item == "opening" else figures.closing
            flag = int(column[self.seat, slot])
            measured, good = int(flag != UNJUDGED), int(flag == 1)
        # A day has one opening and one closing; of several the measure keeps the last.
        kept = judged if item == "breaker" else judged[-1:]
        if (len(kept), sum(one.joined for one in kept)) != (measured, good):
            raise RunError(f"{item} of slot {slot}: auctions found differ from the measured ones")

    def _around(self, slot: int, rows: Intervals, own: Sequence[Auction]) -> tuple[Line, ...]:
        picked = np.zeros(len(rows.start), dtype=bool)
        for one in own:
            picked |= (rows.stop > one.start) & (rows.start < one.stop)
        return self.lines(slot, np.flatnonzero(picked))

    def lines(self, slot: int, places: np.ndarray) -> tuple[Line, ...]:
        """Intervals of a contract at these places."""
        rows, item = self.cell(slot), self.day.tables.subjects[slot]
        found = []
        for k in places.tolist():
            bid, bid_qty, ask, ask_qty = (
                int(column[k]) for column in (rows.bid, rows.bid_qty, rows.ask, rows.ask_qty)
            )
            key = int(rows.key[k])
            found.append(
                Line(
                    contract=item.contract,
                    start=int(rows.start[k]),
                    stop=int(rows.stop[k]),
                    phase=Phase(int(rows.phase[k])),
                    cause=Cause(int(rows.cause[k])),
                    bid=bid,
                    bid_qty=bid_qty,
                    ask=ask,
                    ask_qty=ask_qty,
                    widest_ask=bid + key // rows.den if bid > 0 else 0,
                    ratio=Fraction(rows.den * (ask - bid), key)
                    if self._has_ratio(bid, ask, min(bid_qty, ask_qty), key, rows.den)
                    else None,
                    quote_at=int(rows.quote_at[k]),
                    reason=self._reason(slot, int(rows.start[k]))
                    if rows.cause[k] == Cause.EXEMPT
                    else "",
                )
            )
        return tuple(found)

    def _has_ratio(self, bid: Ticks, ask: Ticks, size: Lots, key: int, den: int) -> bool:
        """Is a quote one whose spread ratio counts, as A04 reads it?"""
        terms = self.day.tables.terms
        if not (bid > 0 and ask > bid and size > 0):
            return False
        if terms.options.domain == TWO_SIDED:
            return True
        tight = terms.options.domain != COMPLIANT_ONLY or den * (ask - bid) <= key
        return size >= terms.size and tight

    def _reason(self, slot: int, at: DayNanos) -> str:
        return self.day.exempt_reason(self.maker, self.day.tables.subjects[slot], at)

    def klass(self, underlying: str, item: str) -> ClassExplained:
        """Coverage of a class, or which of its contracts joined an auction."""
        slots = self.slots(underlying)
        names = [self.day.tables.subjects[slot].contract for slot in slots]
        rows: list[tuple[str, bool, Fraction | None, Cause]] = []
        if item in AUCTION_ITEMS:
            for name in names:
                own = self.contract(name, item)
                judged = [one for one in own.auctions if one.judged]
                if judged:
                    worst = max(one.cause for one in judged)
                    rows.append((name, own.figure == 1, own.figure, worst))
        else:
            measured = {one.contract: one for one in contract_days(self.day.figures, self.maker)}
            for slot, name in zip(slots, names, strict=True):
                part = measured[name].participation
                if part is not None:
                    covered = is_covered(self.day.scale, measured[name])
                    rows.append((name, covered, part, self._main_loss(slot)))
        good = sum(counts for _, counts, _, _ in rows)
        figure = Fraction(good, len(rows)) if rows else None
        klass = self.day.row(self.maker, underlying)
        if item == "coverage" and klass is not None:
            figure = klass.coverage  # by time where A08 says so
        return ClassExplained(
            maker=self.maker,
            item=item,
            underlying=underlying,
            figure=figure,
            good=good,
            judged=len(rows),
            rows=tuple(sorted(rows, key=lambda row: (row[1], row[2] or 0, row[0]))),
        )

    def _main_loss(self, slot: int) -> Cause:
        """The cause that took most of a contract's time; COMPLIANT when nothing was lost."""
        spent = iv.by_cause(self.cell(slot))
        lost = {cause: span for cause, span in spent.items() if cause in iv.LOST and span > 0}
        return max(lost, key=lambda cause: lost[cause]) if lost else Cause.COMPLIANT
