"""The outer kernel of the batch measure: every cell of a day, maker by maker."""

import numpy as np

from quanheng.duties.day_kernels import (
    CLOSED,
    DEN,
    FLOOR_KEY,
    NUM,
    OPENED,
    Ints,
    add_times,
    count_events,
    grade_quote,
    subtract,
)
from quanheng.kernels.jit import kernel


@kernel
def walk_cells(
    subjects: Ints,
    active: Ints,
    sizes: Ints,
    span_start: Ints,
    spans: Ints,
    judge_start: Ints,
    judges: Ints,
    ask_start: Ints,
    asks: Ints,
    trade_start: Ints,
    trade_at: Ints,
    parties: Ints,
    quote_start: Ints,
    quotes: Ints,
    hole_start: Ints,
    holes: Ints,
    scratch: Ints,
    cells: Ints,
    term_start: Ints,
    terms: Ints,
) -> int:
    """Fill `cells` int64[makers * contracts, CELL_COLUMNS] and the spread terms.

    `sizes` = continuous size, auction size, answer, hold. Quote ranges are by contract, then maker;
    hole (exemption) ranges by maker, then contract. `scratch` is all zero before and after.
    `terms` int64[rows, 2] gets (denominator, integral). Returns the number of terms.
    """
    makers, contracts = active.shape
    out = np.empty((len(spans) + len(holes) + 1, 2), dtype=np.int64)
    bits = np.empty(len(quotes) + 1, dtype=np.uint8)
    n_terms = 0
    for maker in range(makers):
        for c in range(contracts):
            cell = maker * contracts + c
            cells[cell, OPENED] = -1
            cells[cell, CLOSED] = -1
            if active[maker, c]:
                subject = subjects[c]
                lane = c * makers + maker
                own = quotes[quote_start[lane] : quote_start[lane + 1]]
                for j in range(len(own)):
                    bits[j] = grade_quote(
                        subject[NUM], subject[DEN], subject[FLOOR_KEY], sizes[0], sizes[1], own[j]
                    )
                hole = holes[hole_start[cell] : hole_start[cell + 1]]
                n_out = subtract(spans[span_start[c] : span_start[c + 1]], hole, out)
                low, high = add_times(subject, out[:n_out], own, bits, scratch, cells[cell])
                for index in range(low, high + 1):
                    if scratch[index]:
                        terms[n_terms, 0] = max(subject[NUM] * index, subject[FLOOR_KEY])
                        terms[n_terms, 1] = scratch[index]
                        n_terms += 1
                        scratch[index] = 0
                count_events(
                    maker,
                    own,
                    bits,
                    hole,
                    judges[judge_start[c] : judge_start[c + 1]],
                    asks[ask_start[c] : ask_start[c + 1]],
                    trade_at[trade_start[c] : trade_start[c + 1]],
                    parties[trade_start[c] : trade_start[c + 1]],
                    sizes[2],
                    sizes[3],
                    cells[cell],
                )
            term_start[cell + 1] = n_terms
    return n_terms


@kernel
def add_volume(contract: Ints, qty: Ints, parties: Ints, volume: Ints) -> None:
    """Contracts bought + sold per maker and contract: `volume` int64[makers, contracts]."""
    for t in range(contract.size):
        for side in range(2):
            maker = parties[t, side]
            if maker >= 0:
                volume[maker, contract[t]] += qty[t]
