"""Why a figure is what it is: one maker's day in one contract cut into intervals with causes.

Within an interval phase, last price, exemptions and the maker's quote are constant. Added up, the
intervals give exactly the obliged, quoted and compliant time of `measure` and `day` under the
default readings (rules.md 10.1 to 10.3); `totals` says so, and whoever explains compares.
"""

from enum import IntEnum
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.duties.day import DayTables
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


def excuse_code(price: Ints, limit_up: int, limit_down: int, low: int) -> Ints:
    """Cause.LIMIT, Cause.LOW or 0 of last prices."""
    at_limit = (price == limit_up) | (price == limit_down)
    code: Ints = np.where(at_limit, Cause.LIMIT, np.where(price < low, Cause.LOW, 0))
    return code


def _last_of_instant(at: Ints, values: Ints) -> tuple[Ints, Ints]:
    keep = np.append(at[1:] != at[:-1], True) if len(at) else np.zeros(0, dtype=bool)
    return at[keep], values[keep]


def _held(at: Ints, values: Ints, edges: Ints, before: int) -> Ints:
    """Value in force at each edge: of the last entry at or before it, `before` without one."""
    place = np.searchsorted(at, edges, side="right")
    found: Ints = np.concatenate([[before], values])[place]
    return found


def _quote_cause(num: int, den: int, floor_key: int, size: int, rows: Ints) -> tuple[Ints, Ints]:
    """(cause, key) of quote rows int64[n, 4] of bid, bid_qty, ask, ask_qty."""
    bid, bid_qty, ask, ask_qty = rows.T
    key = np.maximum(num * bid, floor_key)
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


def cell_intervals(index: DayIndex, maker: int, contract: int) -> Intervals:
    """Intervals of a maker in a contract, from its first phase to its close, or to
    midnight when the day has no end."""
    tables, subject = index.tables, index.tables.subjects[contract]
    num, den, floor = subject.band
    phase_at, phase = index.phase_rows(contract)
    rows = slice(index.trades[contract], index.trades[contract + 1])
    trade_at, price = _last_of_instant(tables.trade_at[rows], tables.trade_price[rows])
    codes = excuse_code(price, subject.limit_up, subject.limit_down, subject.low)
    opening = int(
        excuse_code(np.array([subject.last]), subject.limit_up, subject.limit_down, subject.low)[0]
    )
    quotes = index.quote_rows(maker, contract)
    holes = [
        (since, until)
        for who, where, since, until in tables.exemptions
        if (who, where) == (maker, contract) and until > since
    ]
    changed = np.flatnonzero(np.diff(codes, prepend=opening))
    edges = np.unique(
        np.concatenate(
            [phase_at, trade_at[changed], quotes[:, 0], np.array(holes, dtype=np.int64).ravel()]
        )
    )
    first = int(phase_at[0])
    last = int(phase_at[-1]) if phase[-1] == Phase.CLOSED else DAY
    edges = np.append(edges[(edges >= first) & (edges < last)], last).astype(np.int64)
    start = edges[:-1]
    place = np.searchsorted(quotes[:, 0], start, side="right")
    standing = np.vstack([np.zeros((1, 5), dtype=np.int64), quotes])[place]
    cause, key = _quote_cause(num, den, den * floor, tables.terms.size, standing[:, 1:])
    phases = _held(phase_at, phase, start, Phase.START)
    excused = _held(trade_at, codes, start, opening)
    exempt = np.zeros(len(start), dtype=bool)
    for since, until in holes:
        exempt |= (start >= since) & (start < until)
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
        quote_at=np.where(place > 0, standing[:, 0], -1),
        key=key,
        den=den,
    )


def totals(rows: Intervals) -> tuple[Nanos, Nanos, Nanos]:
    """(obliged, quoted, compliant) nanoseconds: the cell's figures again."""
    length = rows.length
    parts = (OWED, QUOTED, (Cause.COMPLIANT,))
    obliged, quoted, good = (int(length[np.isin(rows.cause, part)].sum()) for part in parts)
    return obliged, quoted, good


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
        Auction(kind, start, stop, _at_end(index, maker, contract, stop))
        for kind, start, stop in found
    ]


def _at_end(index: DayIndex, maker: int, contract: int, stop: DayNanos) -> Cause:
    """What the maker's quote was just before an auction ended."""
    tables, subject = index.tables, index.tables.subjects[contract]
    num, den, floor = subject.band
    rows = slice(index.trades[contract], index.trades[contract + 1])
    before = np.searchsorted(tables.trade_at[rows], stop)
    price = int(tables.trade_price[rows][before - 1]) if before else subject.last
    limits = (subject.limit_up, subject.limit_down, subject.low)
    excused = int(excuse_code(np.array([price]), *limits)[0])
    if excused:
        return Cause(excused)
    for who, where, since, until in tables.exemptions:
        if (who, where) == (maker, contract) and since < stop <= until:
            return Cause.EXEMPT
    quotes = index.quote_rows(maker, contract)
    row = int(np.searchsorted(quotes[:, 0], stop)) - 1
    if row < 0:
        return Cause.ABSENT
    size = tables.terms.auction_size
    return Cause(int(_quote_cause(num, den, den * floor, size, quotes[row : row + 1, 1:])[0][0]))
