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
    OBLIGED,
    OPENED,
    QUOTE_COLUMNS,
    RATED,
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
def _own_rows(rows: Ints, market: Ints, by_market: int, quotes: Ints) -> int:
    """Quote rows with their base in `quotes` int64[n, 7]; returns the count.

    `rows` int64[n, 5]: at, bid, bid_qty, ask, ask_qty.
    """
    if by_market:
        own = np.empty((len(rows), QUOTE_COLUMNS), dtype=np.int64)
        own[:, :5] = rows
        return int(with_market(own, market, quotes))
    for j in range(len(rows)):
        # Scalars one by one: a slice of a row costs several times as much.
        quotes[j, 0] = rows[j, 0]
        quotes[j, 1] = rows[j, 1]
        quotes[j, 2] = rows[j, 2]
        quotes[j, 3] = rows[j, 3]
        quotes[j, 4] = rows[j, 4]
        quotes[j, 5] = rows[j, 1]
        quotes[j, 6] = 1
    return len(rows)


@kernel
def _spread_terms(
    subject: Ints, low: int, high: int, absent: int, floor: int, scratch: Ints, terms: Ints, n: int
) -> int:
    """Move the spread integrals out of `scratch` into `terms` from row n on, keys ascending.

    `absent` ns count as a ratio of 1: a term with the key den (A04). Returns the new count.
    """
    den, first = subject[DEN], n
    for index in range(low, high + 1):
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
def walk_cells(
    subjects: Ints,
    active: Ints,
    sizes: Ints,
    options: Ints,
    span_start: Ints,
    spans: Ints,
    wide_start: Ints,
    wide: Ints,
    judge_start: Ints,
    judges: Ints,
    ask_start: Ints,
    asks: Ints,
    trade_start: Ints,
    trade_at: Ints,
    parties: Ints,
    market_start: Ints,
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

    `sizes` = continuous size, auction size, answer, hold, highest price. Quote ranges are by
    contract, then maker; hole (exemption) ranges by maker, then contract. `scratch` is all zero
    before and after. `terms` int64[n, 2] gets (denominator, integral); `breaks` int64[m, 4]
    (maker, contract, instant, joined). Returns the number of both, or -price of a row above the
    highest price.
    """
    makers, contracts = active.shape
    out = np.empty((len(spans) + len(holes) + 1, 2), dtype=np.int64)
    longest = 0
    for k in range(makers * contracts):
        longest = max(longest, quote_start[k + 1] - quote_start[k])
    if options[O_BASE]:
        longest += len(market)
    quotes = np.empty((longest, QUOTE_COLUMNS), dtype=np.int64)
    bits = np.empty(longest + 1, dtype=np.uint8)
    n_terms, n_breaks = 0, 0
    for maker in range(makers):
        for c in range(contracts):
            cell = maker * contracts + c
            cells[cell, OPENED] = -1
            cells[cell, CLOSED] = -1
            if active[maker, c]:
                subject = subjects[c]
                lane = c * makers + maker
                count = _own_rows(
                    rows[quote_start[lane] : quote_start[lane + 1]],
                    market[market_start[c] : market_start[c + 1]],
                    options[O_BASE],
                    quotes,
                )
                own = quotes[:count]
                top = grade_quotes(subject, sizes[0], sizes[1], options[O_FLOOR], own, bits)
                if top > sizes[4]:
                    return -top, 0
                hole = holes[hole_start[cell] : hole_start[cell + 1]]
                n_out = subtract(spans[span_start[c] : span_start[c + 1]], hole, out)
                low, high = add_times(
                    subject, out[:n_out], own, bits, options, scratch, cells[cell]
                )
                absent = 0
                if options[O_DOMAIN] == ABSENT_IS_ONE:
                    absent = cells[cell, OBLIGED] - cells[cell, RATED]
                    cells[cell, RATED] = cells[cell, OBLIGED]
                n_terms = _spread_terms(
                    subject, low, high, absent, options[O_FLOOR], scratch, terms, n_terms
                )
                if options[O_WIDE]:
                    add_wide(wide[wide_start[c] : wide_start[c + 1]], own, bits, cells[cell])
                more = count_auctions(
                    own,
                    bits,
                    hole,
                    judges[judge_start[c] : judge_start[c + 1]],
                    options,
                    cells[cell],
                    breaks[n_breaks:, 2:],
                )
                breaks[n_breaks : n_breaks + more, 0] = maker
                breaks[n_breaks : n_breaks + more, 1] = c
                n_breaks += more
                count_inquiries(
                    maker,
                    own,
                    bits,
                    hole,
                    asks[ask_start[c] : ask_start[c + 1]],
                    trade_at[trade_start[c] : trade_start[c + 1]],
                    parties[trade_start[c] : trade_start[c + 1]],
                    sizes[2],
                    sizes[3],
                    options,
                    cells[cell],
                )
            term_start[cell + 1] = n_terms
    return n_terms, n_breaks


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
