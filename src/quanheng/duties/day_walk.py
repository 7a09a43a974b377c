"""The outer kernel of the batch measure: every cell of a day, maker by maker."""

import numpy as np

from quanheng.duties.day_contracts import (
    CONTINUOUS,
    DEN,
    FLOOR_KEY,
    NUM,
    O_BASE,
    O_DOMAIN,
    O_FLOOR,
    O_WIDE,
    Ints,
)
from quanheng.duties.day_kernels import (
    CLOSED,
    FRESH,
    OBLIGED,
    OPENED,
    QUOTE_COLUMNS,
    RATED,
    Bits,
    add_times,
    add_wide,
    count_auctions,
    count_inquiries,
    grade_quotes,
    subtract,
    with_market,
)
from quanheng.duties.readings import ABSENT_IS_ONE, CONTINUOUS_ONLY, ONE_SIDE
from quanheng.kernels.jit import kernel


@kernel
def _spread_terms(
    subject: Ints, low: int, high: int, absent: int, floor: int, scratch: Ints, terms: Ints, n: int
) -> int:
    """Move the spread integrals of index 0 and of low to high out of `scratch` into `terms` from
    row n on, keys ascending.

    `absent` ns count as a ratio of 1: a term with the key den (A04). Returns the new count.
    """
    den, first = subject[DEN], n
    for step in range(-1, max(high - low + 1, 0)):
        index = low + step if step >= 0 else 0
        if scratch[index] == 0:
            continue
        key = den * index if floor else max(subject[NUM] * index, subject[FLOOR_KEY])
        if absent and key >= den:
            terms[n, 0], terms[n, 1] = den, absent
            absent = 0
            n += 1
        if n > first and terms[n - 1, 0] == key:
            n -= 1
            terms[n, 1] += scratch[index]
        else:
            terms[n, 0], terms[n, 1] = key, scratch[index]
        scratch[index] = 0
        n += 1
    if absent:
        terms[n, 0], terms[n, 1] = den, absent
        n += 1
    return n


@kernel
def _stale(own: Ints, bits: Bits) -> None:
    """Rows that only the market's best bid made are not quotes sent anew (A01 with A19)."""
    for j in range(own.size):
        if not own[j]:
            bits[j] &= ~np.uint8(FRESH)


@kernel
def _walk_cell(
    maker: int,
    subject: Ints,
    sizes: Ints,
    options: Ints,
    s: Ints,
    e: Ints,
    spans: Ints,
    wide: Ints,
    judges: Ints,
    asks: Ints,
    trade_at: Ints,
    parties: Ints,
    own: Ints,
    base: int,
    first: int,
    last: int,
    hole: Ints,
    bits: Bits,
    out: Ints,
    scratch: Ints,
    cell: Ints,
    terms: Ints,
    n_terms: int,
    breaks: Ints,
) -> tuple[int, int]:
    """One maker in one contract: its times, terms, auctions and inquiries.

    Columns [first, last) of `own` are its quotes, with row `base` as the bid that counts; `s` and
    `e` are the contract's ranges of the others, `hole` the maker's exemptions. Returns the terms so
    far and the intraday auctions of the cell, or -price above the highest.
    """
    at, bid, ask, basis = own[0][first:last], own[1][first:last], own[3][first:last], own[base]
    basis, bid_qty, ask_qty = basis[first:last], own[2][first:last], own[4][first:last]
    floor = options[O_FLOOR]
    top = grade_quotes(subject, sizes, floor, bid, bid_qty, ask, ask_qty, basis, bits)
    if top > sizes[4]:
        return -top, 0
    if options[O_BASE]:
        _stale(own[6][first:last], bits)
    left = out[: subtract(spans[s[0] : e[0]], hole, out)]
    low, high = add_times(subject, left, at, bid, ask, basis, bits, options, scratch, cell)
    absent = 0
    if options[O_DOMAIN] == ABSENT_IS_ONE:
        absent = cell[OBLIGED] - cell[RATED]
        cell[RATED] = cell[OBLIGED]
    n_terms = _spread_terms(subject, low, high, absent, floor, scratch, terms, n_terms)
    if options[O_WIDE]:
        add_wide(wide[s[1] : e[1]], at, bits, cell)
    more = count_auctions(at, bits, hole, judges[s[2] : e[2]], options, cell, breaks[:, 2:])
    breaks[:more, 0] = maker
    asked, made, who = asks[s[3] : e[3]], trade_at[s[4] : e[4]], parties[s[4] : e[4]]
    count_inquiries(maker, at, bits, hole, asked, made, who, sizes[2], sizes[3], options, cell)
    return n_terms, more


@kernel
def _longest(starts: Ints) -> int:
    """The longest range."""
    most = 0
    for k in range(starts.size - 1):
        most = max(most, starts[k + 1] - starts[k])
    return most


@kernel
def walk_cells(
    subjects: Ints,
    active: Ints,
    sizes: Ints,
    options: Ints,
    starts: Ints,
    spans: Ints,
    wide: Ints,
    judges: Ints,
    asks: Ints,
    trade_at: Ints,
    parties: Ints,
    market: Ints,
    quote_start: Ints,
    rows: Ints,
    hole_start: Ints,
    holes: Ints,
    scratch: Ints,
    cells: Ints,
    term_start: Ints,
    terms: Ints,
    breaks: Ints,
) -> tuple[int, int]:
    """Fill `cells` int64[makers * contracts, CELL_COLUMNS], the spread terms and `breaks`.

    `sizes` = continuous size, auction size, answer, hold, highest price. `starts` int64[6,
    contracts + 1]: spans, wide spans, judges, asks, trades, market. `rows` int64[5, n] are quotes
    by contract, maker; holes by maker, contract. `terms` int64[n, 2] gets (denominator, integral);
    `breaks` int64[m, 4] (maker, contract, instant, joined). Returns both numbers, or -price above
    the highest."""
    makers, contracts = active.shape
    out = np.empty((len(spans) + len(holes) + 1, 2), np.int64)
    by_market = options[O_BASE]
    most = _longest(quote_start) + by_market * len(market)
    bits = np.empty(most + 1, np.uint8)
    expanded = np.empty((QUOTE_COLUMNS, most * by_market), np.int64)
    n_terms = n_breaks = 0
    for maker in range(makers):
        for c in range(contracts):
            cell, lane = maker * contracts + c, c * makers + maker
            cells[cell, OPENED] = cells[cell, CLOSED] = -1
            if active[maker, c]:
                s, e = starts[:, c], starts[:, c + 1]
                quotes, base, first, last = rows, 1, quote_start[lane], quote_start[lane + 1]
                if by_market:
                    last = with_market(rows, first, last, market[s[5] : e[5]], expanded)
                    quotes, base, first = expanded, 5, 0
                hole = holes[hole_start[cell] : hole_start[cell + 1]]
                n_terms, more = _walk_cell(
                    maker, subjects[c], sizes, options, s, e, spans, wide, judges, asks, trade_at,
                    parties, quotes, base, first, last, hole, bits, out, scratch, cells[cell],
                    terms, n_terms, breaks[n_breaks:],
                )  # fmt: skip
                breaks[n_breaks : n_breaks + more, 1] = c
                n_breaks += more
            if n_terms < 0:
                return n_terms, 0
            term_start[cell + 1] = n_terms
    return n_terms, n_breaks


@kernel
def gather_terms(
    own_start: Ints, own_key: Ints, own_sum: Ints, start: Ints, key: Ints, total: Ints
) -> None:
    """Copy the spread terms of one part's cells to where the whole day has them."""
    for cell in range(own_start.size - 1):
        first, place = own_start[cell], start[cell]
        for k in range(own_start[cell + 1] - first):
            key[place + k], total[place + k] = own_key[first + k], own_sum[first + k]


@kernel
def add_volume(
    contract: Ints, qty: Ints, parties: Ints, traded_in: Ints, reading: int, volume: Ints
) -> None:
    """Contracts per maker and contract into `volume` int64[makers, contracts], as A17 counts."""
    for t in range(contract.size):
        if reading == CONTINUOUS_ONLY and traded_in[t] != CONTINUOUS:
            continue
        for side in range(1 if reading == ONE_SIDE else 2):
            maker = parties[t, side]
            if maker >= 0:
                volume[maker, contract[t]] += qty[t]
