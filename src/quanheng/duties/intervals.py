"""Why a figure is what it is: one maker's day in one contract cut into intervals with causes.

Within an interval phase, last price, exemptions, the maker's quote and the market's best bid, where
a reading looks at it, are constant. Added up, the intervals give exactly the obliged, quoted and
compliant time of `measure` and `day` under any readings (rules.md 10.1 to 10.3, 11); `totals` says
so, and whoever explains compares.
"""

from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.duties.day import DayTables, option_array, subject_rows
from quanheng.duties.day_contracts import (
    DEN,
    FLOOR_KEY,
    LAST,
    NUM,
    O_BASE,
    O_CLOSING_IN,
    O_FLOOR,
    O_LOCKED,
    O_MID,
    O_OPENING,
    O_OPENING_IN,
    O_WIDE,
    STEP,
    price_state,
    price_states,
)
from quanheng.duties.readings import ALL_WINDOW, ANY_INSTANT, AT_UNCROSS
from quanheng.terms.codes import Phase
from quanheng.terms.units import DAY, DayNanos, Nanos

Ints = npt.NDArray[np.int64]


class Cause(IntEnum):
    """What a stretch of time counts as. From PHASE on no two-sided quote is owed."""

    COMPLIANT = 0
    WIDE = 1  # both sides with size, spread above the allowed one
    SMALL = 2  # both sides, one of them below the minimum size
    ONE_SIDED = 3
    CROSSED = 4  # ask not above bid: no two-sided quote
    ABSENT = 5
    PHASE = 6  # not continuous trading
    LIMIT = 7  # last price at a limit (rules.md 10.2-1)
    LOW = 8  # last price below the threshold (rules.md 10.2-2)
    EXEMPT = 9  # approved exemption (rules.md 10.2-3)


OWED = tuple(Cause(code) for code in range(Cause.PHASE))
LOST = OWED[1:]
"""Causes of time in which a quote was owed and did not comply."""
QUOTED = (Cause.COMPLIANT, Cause.WIDE)


class Intervals(msgspec.Struct, kw_only=True, eq=False):
    """Intervals of one cell in order of time; int64[n] each. `quote_at` is -1 before any quote."""

    start: Ints
    stop: Ints
    cause: Ints  # Cause
    phase: Ints  # Phase
    bid: Ints
    bid_qty: Ints
    ask: Ints
    ask_qty: Ints
    quote_at: Ints  # DayNanos of the quote row in force
    key: Ints  # den x allowed spread A(bid), see `figures`
    rated: npt.NDArray[np.bool_]  # time base V, over which the spread ratio is taken (A33)
    den: int

    @property
    def length(self) -> Ints:
        """Nanoseconds of each interval."""
        return self.stop - self.start


class DayIndex:
    """Where each contract's and each cell's rows lie in a day's tables."""

    def __init__(self, tables: DayTables) -> None:
        self.tables = tables
        contracts, makers = len(tables.subjects), len(tables.makers)
        every = np.arange(contracts + 1)
        self.phases = np.searchsorted(tables.phase_contract, every)
        self.trades = np.searchsorted(tables.trade_contract, every)
        self.market = np.searchsorted(tables.market_contract, every)
        self.options = option_array(tables.terms)
        self.subjects = subject_rows(tables.subjects)
        cell = tables.quote_contract * makers + tables.quote_maker
        self.quotes = np.searchsorted(cell, np.arange(contracts * makers + 1))

    def quote_rows(self, maker: int, contract: int) -> Ints:
        """int64[n, 5] of (at, bid, bid_qty, ask, ask_qty) of a cell."""
        lane = contract * len(self.tables.makers) + maker
        rows: Ints = self.tables.quotes[self.quotes[lane] : self.quotes[lane + 1]]
        return rows

    def phase_rows(self, contract: int) -> tuple[Ints, Ints]:
        """(instants, phases) of a contract."""
        rows = slice(self.phases[contract], self.phases[contract + 1])
        return self.tables.phase_at[rows], self.tables.phase[rows]

    def market_rows(self, contract: int) -> Ints:
        """int64[n, 5] of the market's best quotes in a contract, for the readings that need them;
        else none.
        """
        rows: Ints = self.tables.market[self.market[contract] : self.market[contract + 1]]
        return (
            rows
            if self.options[O_BASE] or self.options[O_LOCKED] or self.options[O_MID]
            else rows[:0]
        )

    def excuses(self, contract: int) -> tuple[Ints, Ints, int]:
        """(instants, Cause.LIMIT, Cause.LOW or 0 from then on, the one before the first)."""
        rows = slice(self.trades[contract], self.trades[contract + 1])
        at, price = self.tables.trade_at[rows], self.tables.trade_price[rows]
        market, subject = self.market_rows(contract), self.subjects[contract]
        states = np.empty((len(at) + len(market), 2), dtype=np.int64)
        count = price_states(
            subject,
            np.ascontiguousarray(at),
            np.ascontiguousarray(price),
            np.ascontiguousarray(market),
            self.options,
            states,
        )
        opening = price_state(subject, 2 * subject[LAST], 0, self.options[O_LOCKED])
        codes = np.array([0, Cause.LIMIT, Cause.LOW, Cause.LIMIT], dtype=np.int64)
        return states[:count, 0], codes[states[:count, 1]], int(codes[opening])

    def standing(self, maker: int, contract: int, times: Ints) -> tuple[Ints, Ints]:
        """(the quote in force at each time as int64[n, 5], the bid that its spread is judged by).

        No quote is a row of zeros, its time -1.
        """
        quotes = self.quote_rows(maker, contract)
        place = np.searchsorted(quotes[:, 0], times, side="right")
        none = np.array([[-1, 0, 0, 0, 0]], dtype=np.int64)
        rows = np.vstack([none, quotes])[place]
        if not self.options[O_BASE]:
            return rows, rows[:, 1]
        market = self.market_rows(contract)
        best = np.where(market[:, 2] > 0, market[:, 1], 0)
        return rows, _held(market[:, 0], best, times, 0)


def _held(at: Ints, values: Ints, edges: Ints, before: int) -> Ints:
    """Value in force at each edge: of the last entry at or before it, `before` without one."""
    place = np.searchsorted(at, edges, side="right")
    found: Ints = np.concatenate([[before], values])[place]
    return found


def _quote_cause(subject: Ints, floor: int, size: int, rows: Ints, base: Ints) -> tuple[Ints, Ints]:
    """(cause, key) of quote rows int64[n, 5] of at, bid, bid_qty, ask, ask_qty; `floor` as A02."""
    _, bid, bid_qty, ask, ask_qty = rows.T
    den = int(subject[DEN])
    key = np.maximum(subject[NUM] * base, subject[FLOOR_KEY])
    if floor:
        step = int(subject[STEP])
        key = den * step * np.maximum(key // den // step, 1)
    has_bid, has_ask = (bid_qty > 0) & (bid > 0), (ask_qty > 0) & (ask > 0)
    cause = np.select(
        [
            ~has_bid & ~has_ask,
            ~(has_bid & has_ask),
            ask <= bid,
            np.minimum(bid_qty, ask_qty) < size,
            den * (ask - bid) > key,
        ],
        [Cause.ABSENT, Cause.ONE_SIDED, Cause.CROSSED, Cause.SMALL, Cause.WIDE],
        Cause.COMPLIANT,
    )
    return cause.astype(np.int64), key


def _edges(index: DayIndex, maker: int, contract: int, more: Sequence[Ints]) -> Ints:
    """Instants at which something changes, from the first phase to the close or midnight."""
    phase_at, phase = index.phase_rows(contract)
    quotes, market = index.quote_rows(maker, contract), index.market_rows(contract)
    edges = np.unique(np.concatenate([phase_at, quotes[:, 0], market[:, 0], *more]))
    first = int(phase_at[0])
    last = int(phase_at[-1]) if phase[-1] == Phase.CLOSED else DAY
    inside: Ints = np.append(edges[(edges >= first) & (edges < last)], last).astype(np.int64)
    return inside


def cell_intervals(index: DayIndex, maker: int, contract: int) -> Intervals:
    """Intervals of a maker in a contract, from its first phase to its close, or to
    midnight when the day has no end."""
    tables, subject, options = index.tables, index.subjects[contract], index.options
    at, codes, opening = index.excuses(contract)
    holes = [
        (since, until)
        for who, where, since, until in tables.exemptions
        if (who, where) == (maker, contract) and until > since
    ]
    changed = np.flatnonzero(np.diff(codes, prepend=opening))
    ends = np.array(holes, dtype=np.int64).ravel()
    edges = _edges(index, maker, contract, [at[changed], ends])
    start = edges[:-1]
    standing, base = index.standing(maker, contract, start)
    cause, key = _quote_cause(subject, int(options[O_FLOOR]), tables.terms.size, standing, base)
    phases = _held(*index.phase_rows(contract), start, Phase.START)
    excused = _held(at, codes, start, opening)
    exempt = np.zeros(len(start), dtype=bool)
    for since, until in holes:
        exempt |= (start >= since) & (start < until)
    rated = (phases == Phase.CONTINUOUS) & ~exempt & (excused == 0)
    if options[O_WIDE]:  # only time at a limit leaves the participation's base (A33)
        cause = np.where(excused == Cause.LIMIT, Cause.LIMIT, cause)
    else:
        cause = np.where(exempt, Cause.EXEMPT, np.where(excused != 0, excused, cause))
    cause = np.where(phases != Phase.CONTINUOUS, Cause.PHASE, cause)
    return Intervals(
        start=start,
        stop=edges[1:],
        cause=cause,
        phase=phases,
        bid=standing[:, 1],
        bid_qty=standing[:, 2],
        ask=standing[:, 3],
        ask_qty=standing[:, 4],
        quote_at=standing[:, 0],
        key=key,
        rated=rated,
        den=int(subject[DEN]),
    )


def totals(rows: Intervals) -> tuple[Nanos, Nanos, Nanos]:
    """(obliged, quoted, compliant) nanoseconds: the cell's figures again."""
    length = rows.length
    parts = (OWED, QUOTED, (Cause.COMPLIANT,))
    owed, both, good = (np.isin(rows.cause, part) for part in parts)
    return int(length[owed].sum()), int(length[both & rows.rated].sum()), int(length[good].sum())


def by_cause(rows: Intervals) -> dict[Cause, Nanos]:
    """Nanoseconds of every cause that occurs."""
    present = [cause for cause in Cause if (rows.cause == cause).any()]
    return {cause: int(rows.length[rows.cause == cause].sum()) for cause in present}


class Auction(msgspec.Struct, frozen=True):
    """A call auction of one contract and whether the maker was in it when it ended."""

    kind: Phase
    start: DayNanos
    stop: DayNanos
    cause: Cause  # at its last instant, with the auction's size; LIMIT, LOW, EXEMPT: not judged

    @property
    def judged(self) -> bool:
        """False where no quote was owed."""
        return self.cause < Cause.PHASE

    @property
    def joined(self) -> bool:
        """A compliant two-sided quote stood (E-03)."""
        return self.cause == Cause.COMPLIANT


def auctions(index: DayIndex, maker: int, contract: int) -> list[Auction]:
    """The auctions of a contract that ended, in order (rules of time as in `measure`)."""
    at, phase = index.phase_rows(contract)
    steps = list(pairwise([*zip(at.tolist(), phase.tolist(), strict=True)]))
    found: list[tuple[Phase, int, int]] = []
    begun = -1
    for (since, old), (until, new) in steps:
        if old == Phase.INTRADAY and begun < 0:
            begun = since
        if old in (Phase.OPENING, Phase.CLOSING) and new not in (Phase.HALT, old):
            found.append((Phase(old), since, until))
        if begun >= 0 and new not in (Phase.INTRADAY, Phase.BREAK, Phase.HALT):
            found.append((Phase.INTRADAY, begun, until))
            begun = -1
    return [
        Auction(kind, start, stop, _at_end(index, maker, contract, kind, start, stop))
        for kind, start, stop in found
    ]


def _at_end(
    index: DayIndex, maker: int, contract: int, kind: Phase, start: DayNanos, stop: DayNanos
) -> Cause:
    """What the maker's quote was just before an auction ended, or as A10 reads the opening's last
    five minutes; A14 and A35 judge it though no quote was owed.
    """
    tables, options = index.tables, index.options
    kept = (kind == Phase.OPENING and options[O_OPENING_IN]) or (
        kind == Phase.CLOSING and options[O_CLOSING_IN]
    )
    at, codes, before = index.excuses(contract)
    place = int(np.searchsorted(at, stop))
    excused = int(codes[place - 1]) if place else before
    if excused and not kept:
        return Cause(excused)
    for who, where, since, until in tables.exemptions:
        if (who, where) == (maker, contract) and since < stop <= until and not kept:
            return Cause.EXEMPT
    reading = int(options[O_OPENING]) if kind == Phase.OPENING else AT_UNCROSS
    first = stop - 1
    if reading != AT_UNCROSS:
        first = min(max(start, stop - tables.terms.window), stop - 1)
    changes = _edges(index, maker, contract, [])
    times = np.append(first, changes[(changes > first) & (changes < stop)])
    rows, base = index.standing(maker, contract, times)
    size, floor = tables.terms.auction_size, int(options[O_FLOOR])
    causes = _quote_cause(index.subjects[contract], floor, size, rows, base)[0]
    good = causes == Cause.COMPLIANT
    if reading == ANY_INSTANT and good.any():
        return Cause.COMPLIANT
    if reading == ALL_WINDOW and not good.all():
        return Cause(int(causes[~good][-1]))
    return Cause(int(causes[-1]))
