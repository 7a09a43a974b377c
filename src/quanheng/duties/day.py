"""Duties of a finished day in one pass over sorted arrays (rules.md 10, house rule: one rule).

Exactly the figures of `measure`, from a dataset's tables. A day of three million quote rows takes
well under a second.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.duties.conditions import Conditions, Subject
from quanheng.duties.day_contracts import (
    ASK_AT,
    ASK_COLUMNS,
    ASK_STOP,
    FOREVER,
    JUDGE_COLUMNS,
    MARKET_COLUMNS,
    SUBJECT_COLUMNS,
    walk_contracts,
)
from quanheng.duties.day_kernels import (
    ANSWERED,
    AUCTIONS,
    CELL_COLUMNS,
    CLOSED,
    COMPLIANT_NS,
    INQUIRIES,
    JOINED,
    OBLIGED,
    OPENED,
    QUOTED_NS,
    RATED,
)
from quanheng.duties.day_walk import add_volume, walk_cells
from quanheng.duties.figures import Figures, merged, ranked
from quanheng.terms.units import Day, DayNanos

Ints = npt.NDArray[np.int64]

MAX_PRICE = 500_000
"""Ticks. Up to 50 yuan the spread integral of a whole day fits an int64 exactly."""


NO_ROWS = np.zeros(0, dtype=np.int64)
NO_MARKET = np.zeros((0, MARKET_COLUMNS), dtype=np.int64)


class DayTables(msgspec.Struct, kw_only=True, eq=False):
    """One day, contracts and makers as indices. All arrays are int64; times are DayNanos.

    `quotes` rows are (at, bid, bid_qty, ask, ask_qty), ordered by contract, maker, at; the others
    by contract, at. `parties` rows are (buyer, seller), -1 for nobody that is measured.
    """

    day: Day
    terms: Conditions
    subjects: Sequence[Subject]
    makers: tuple[str, ...]
    active: np.ndarray  # [makers, contracts], 1 where the maker has duties
    phase_contract: np.ndarray
    phase_at: np.ndarray
    phase: np.ndarray
    trade_contract: np.ndarray
    trade_at: np.ndarray
    trade_price: np.ndarray
    trade_qty: np.ndarray
    parties: np.ndarray
    quote_contract: np.ndarray
    quote_maker: np.ndarray
    quotes: np.ndarray
    inquiry_contract: np.ndarray
    inquiry_at: np.ndarray
    market_contract: np.ndarray = NO_ROWS
    market: np.ndarray = NO_MARKET  # (at, bid, bid_qty, ask, ask_qty), by contract, at
    exemptions: Sequence[tuple[int, int, DayNanos, DayNanos]] = ()
    """(maker, contract, since, until) of every approved exemption, half-open."""


class Chunk(msgspec.Struct, frozen=True, eq=False):
    """Quotes of whole cells of a day. `rows` int64[5, n]: at, bid, bid_qty, ask, ask_qty, n at
    least the last entry of `start`; `start` int64[contracts x makers + 1]: where each cell begins,
    by contract, then maker. `read`: rows that were read for it.
    """

    rows: Ints
    start: Ints
    read: int


def _starts(keys: Ints, count: int) -> Ints:
    """Where each key 0 … count - 1 starts in sorted `keys`, and the end."""
    return np.searchsorted(keys, np.arange(count + 1)).astype(np.int64)


def subject_rows(subjects: Sequence[Subject]) -> Ints:
    """int64[contracts, SUBJECT_COLUMNS] for the kernels."""
    rows = [
        (
            item.limit_up,
            item.limit_down,
            item.low,
            item.last,
            item.band[0],
            item.band[1],
            item.band[1] * item.band[2],
            item.step,
        )
        for item in subjects
    ]
    return np.array(rows, dtype=np.int64).reshape(len(rows), SUBJECT_COLUMNS)


def option_array(terms: Conditions) -> Ints:
    """The readings of measuring in the order of their fields, for the kernels."""
    return np.array(msgspec.structs.astuple(terms.options), dtype=np.int64)


def _holes(tables: DayTables) -> tuple[Ints, Ints]:
    """Exemptions per cell, merged into sorted disjoint ranges."""
    contracts = len(tables.subjects)
    merged: dict[int, list[list[int]]] = {}
    for maker, contract, since, until in sorted(tables.exemptions):
        if until <= since:
            continue
        own = merged.setdefault(maker * contracts + contract, [])
        if own and since <= own[-1][1]:
            own[-1][1] = max(own[-1][1], until)
        else:
            own.append([since, until])
    keys = sorted(merged)
    cells = np.array([key for key in keys for _ in merged[key]], dtype=np.int64)
    rows = np.array([row for key in keys for row in merged[key]], dtype=np.int64).reshape(-1, 2)
    return _starts(cells, len(tables.makers) * contracts), rows


def _widest(subjects: Sequence[Subject], top: int = MAX_PRICE) -> int:
    """The highest index of a spread integral: a bid, or an allowed spread in ticks (A02)."""
    return max(
        (
            max(top, num * top // max(den, 1) + floor + item.step)
            for item in subjects
            for num, den, floor in (item.band,)
        ),
        default=top,
    )


def _contiguous(values: np.ndarray) -> Ints:
    return np.ascontiguousarray(values, dtype=np.int64)


def measure_day(tables: DayTables) -> Figures:
    """The figures of a whole day. Prices above MAX_PRICE are a ValueError."""
    return ranked(measure_cells(tables))


class Walked(msgspec.Struct, eq=False):
    """What `day_contracts` makes of a day's contracts, whoever quotes them; `starts` as
    `walk_cells` wants them, exemptions per cell, zeros for the spread integrals of one cell, which
    every cell leaves as it found them.
    """

    subjects: Ints
    options: Ints
    hole_start: Ints
    holes: Ints
    scratch: Ints
    starts: Ints
    spans: Ints
    wide: Ints
    judges: Ints
    asks: Ints
    trade_at: Ints
    parties: Ints
    market: Ints
    traded_in: Ints


def _walk_contracts(tables: DayTables) -> Walked:
    contracts = len(tables.subjects)
    subjects, options = subject_rows(tables.subjects), option_array(tables.terms)
    market = _contiguous(tables.market).reshape(-1, MARKET_COLUMNS)
    if len(market) and int(market[:, (1, 3)].max()) > MAX_PRICE:
        raise ValueError(f"market of {tables.day}: a price is above {MAX_PRICE} ticks")
    market_start = _starts(tables.market_contract, contracts)
    asks = np.zeros((len(tables.inquiry_at), ASK_COLUMNS), dtype=np.int64)
    asks[:, ASK_AT] = tables.inquiry_at
    asks[:, ASK_STOP] = FOREVER
    ask_start = _starts(tables.inquiry_contract, contracts)
    trade_start = _starts(tables.trade_contract, contracts)
    trade_at, parties = _contiguous(tables.trade_at), _contiguous(tables.parties).reshape(-1, 2)
    most = len(tables.phase_at) + len(trade_at) + len(market) + contracts + 1
    spans, wide = (np.zeros((most, 2), dtype=np.int64) for _ in range(2))
    judges = np.zeros((len(tables.phase_at) + 1, JUDGE_COLUMNS), dtype=np.int64)
    traded_in = np.zeros(len(trade_at), dtype=np.int64)
    made = walk_contracts(
        subjects,
        _starts(tables.phase_contract, contracts),
        _contiguous(tables.phase_at),
        _contiguous(tables.phase),
        trade_start,
        trade_at,
        _contiguous(tables.trade_price),
        market_start,
        market,
        tables.terms.window,
        options,
        ask_start,
        asks,
        spans,
        wide,
        judges,
        traded_in,
    )
    starts = np.stack([*made, ask_start, trade_start, market_start])
    return Walked(
        subjects,
        options,
        *_holes(tables),
        np.zeros(_widest(tables.subjects) + 1, dtype=np.int64),
        starts,
        spans,
        wide,
        judges,
        asks,
        trade_at,
        parties,
        market,
        traded_in,
    )


def chunk_of(tables: DayTables, read: int = 0) -> Chunk:
    """All the quotes that `tables` has."""
    lanes, makers = len(tables.subjects) * len(tables.makers), len(tables.makers)
    cell = _contiguous(tables.quote_contract) * makers + tables.quote_maker
    return Chunk(_contiguous(tables.quotes.reshape(-1, 5).T), _starts(cell, lanes), read)


def measure_chunks(tables: DayTables, chunks: Iterable[Chunk]) -> tuple[Figures, int]:
    """`measure_day` of a day whose quotes come in chunks, and the rows that were read.

    Cells whose quotes `tables` itself has (those made from orders) come last.
    """
    rows, parts, walked = len(tables.quotes), list[Figures](), _walk_contracts(tables)
    left = tables.active.copy()
    for chunk in chunks:
        rows += chunk.read
        present = (np.diff(chunk.start) > 0).reshape(left.shape[::-1]).T * left
        own = msgspec.structs.replace(tables, active=present)
        parts.append(measure_cells(own, chunk, walked))
        left = left - present
    parts.append(measure_cells(msgspec.structs.replace(tables, active=left), None, walked))
    return msgspec.structs.replace(merged(parts), active=tables.active), rows


def measure_cells(
    tables: DayTables, chunk: Chunk | None = None, walked: Walked | None = None
) -> Figures:
    """`measure_day` of the active cells alone, with instants instead of moments in `breaks`; of the
    quotes of `chunk` where one is given. `walked`: the day's contracts, made once for many chunks.
    """
    quotes = chunk_of(tables) if chunk is None else chunk
    makers, contracts = len(tables.makers), len(tables.subjects)
    rule, w = tables.terms, _walk_contracts(tables) if walked is None else walked
    cells = np.zeros((makers * contracts, CELL_COLUMNS), dtype=np.int64)
    term_start = np.zeros(makers * contracts + 1, dtype=np.int64)
    expanded = int(quotes.start[-1]) + makers * (len(w.market) if rule.options.base else 0)
    terms = np.empty((expanded + makers * contracts + 1, 2), dtype=np.int64)
    breaks = np.zeros((makers * int(w.starts[2, -1]), 4), dtype=np.int64)
    sizes = [rule.size, rule.auction_size, rule.answer, rule.hold, MAX_PRICE]
    n_terms, n_breaks = walk_cells(
        w.subjects,
        _contiguous(tables.active),
        np.array(sizes, dtype=np.int64),
        w.options,
        w.starts,
        w.spans,
        w.wide,
        w.judges,
        w.asks,
        w.trade_at,
        w.parties,
        w.market,
        quotes.start,
        quotes.rows,
        w.hole_start,
        w.holes,
        w.scratch,
        cells,
        term_start,
        terms,
        breaks,
    )
    if n_terms < 0:
        raise ValueError(f"quotes of {tables.day}: {-n_terms} ticks are above {MAX_PRICE}")
    volume = np.zeros((makers, contracts), dtype=np.int64)
    trade_contract, trade_qty = _contiguous(tables.trade_contract), _contiguous(tables.trade_qty)
    add_volume(trade_contract, trade_qty, w.parties, w.traded_in, rule.options.volume, volume)
    return _figures(
        tables, cells, volume * tables.active, term_start, terms[:n_terms], breaks[:n_breaks]
    )


def _figures(
    tables: DayTables, cells: Ints, volume: Ints, term_start: Ints, terms: Ints, breaks: Ints
) -> Figures:
    grid = cells.reshape(len(tables.makers), len(tables.subjects), CELL_COLUMNS)

    def column(index: int) -> Ints:
        return np.ascontiguousarray(grid[:, :, index])

    return Figures(
        day=tables.day,
        makers=tables.makers,
        contracts=tuple(item.contract for item in tables.subjects),
        underlyings=tuple(item.underlying for item in tables.subjects),
        scale=np.array([item.band[1] for item in tables.subjects], dtype=np.int64),
        active=_contiguous(tables.active),
        obliged=column(OBLIGED),
        quoted=column(QUOTED_NS),
        compliant=column(COMPLIANT_NS),
        rated=column(RATED),
        opening=column(OPENED),
        closing=column(CLOSED),
        auctions=column(AUCTIONS),
        joined=column(JOINED),
        inquiries=column(INQUIRIES),
        answered=column(ANSWERED),
        volume=volume,
        term_start=term_start,
        term_key=np.ascontiguousarray(terms[:, 0]),
        term_sum=np.ascontiguousarray(terms[:, 1]),
        breaks=breaks.copy(),
    )


def warm_up() -> None:
    """Compile, or load from the cache, the kernels of the batch measure."""
    none = np.zeros(0, dtype=np.int64)
    item = Subject(
        contract="0", underlying="0", band=(1, 1, 1), low=0, limit_up=2, limit_down=1, last=1
    )
    measure_day(
        DayTables(
            day=20240101,
            terms=Conditions(
                bands=((1, 1, 1),) * 4, size=1, auction_size=1, low_price={}, answer=1, hold=1
            ),
            subjects=(item,),
            makers=("0",),
            active=np.ones((1, 1), dtype=np.int64),
            phase_contract=none,
            phase_at=none,
            phase=none,
            trade_contract=none,
            trade_at=none,
            trade_price=none,
            trade_qty=none,
            parties=none.reshape(0, 2),
            quote_contract=none,
            quote_maker=none,
            quotes=none.reshape(0, 5),
            inquiry_contract=none,
            inquiry_at=none,
        )
    )
