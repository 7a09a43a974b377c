"""Kernels of the batch measure that follow one maker's quotes in one contract.

The same rules of time as `measure`, told there; tests hold both to exactly equal integers.
All times are DayNanos, int64; ranges are [start[k], start[k + 1]) of sorted columns. A quote row is
(at, bid, bid_qty, ask, ask_qty, base, own): `base` is the bid that the allowed spread is taken of
(A01), `own` 1 unless only the market's best changed.
"""

import numpy as np
import numpy.typing as npt

from quanheng.duties.day_contracts import (
    ASK_AT,
    ASK_OWED,
    ASK_STOP,
    DEN,
    END,
    FLOOR_KEY,
    JUDGE_AT,
    JUDGE_EXCUSED,
    JUDGE_FROM,
    JUDGE_KIND,
    M_AT,
    M_BID,
    M_BID_QTY,
    NUM,
    O_CLOSING_IN,
    O_DOMAIN,
    O_FLOOR,
    O_FRESH,
    O_OPENING,
    O_OPENING_IN,
    OPENING,
    OWED_AUCTION,
    STEP,
    Ints,
)
from quanheng.duties.day_contracts import CLOSING as CLOSING_PHASE
from quanheng.duties.readings import ALL_WINDOW, ANY_INSTANT, COMPLIANT_ONLY
from quanheng.duties.readings import TWO_SIDED as ANY_SIZE
from quanheng.kernels.jit import kernel

Bits = npt.NDArray[np.uint8]

READY, QUOTED, COMPLIANT, TWO_SIDED, FRESH = 1, 2, 4, 8, 16
QUOTE_COLUMNS = 7
(
    OBLIGED,
    QUOTED_NS,
    COMPLIANT_NS,
    RATED,
    OPENED,
    CLOSED,
    AUCTIONS,
    JOINED,
    INQUIRIES,
    ANSWERED,
    CELL_COLUMNS,
) = range(11)


@kernel
def with_market(quotes: Ints, market: Ints, out: Ints) -> int:
    """A maker's rows with the market's best bid as base, cut where it changes (A01).

    `quotes` int64[n, 7] in and `out` int64[n + m, 7]; no best bid is a base of 0. Returns the rows.
    """
    n, q, m, base = 0, 0, 0, 0
    while q < len(quotes) or m < len(market):
        at = END
        if q < len(quotes):
            at = quotes[q, 0]
        if m < len(market) and market[m, M_AT] < at:
            at = market[m, M_AT]
        own = int(q < len(quotes) and quotes[q, 0] == at)
        if own:
            out[n] = quotes[q]
            q += 1
        elif n:
            out[n] = out[n - 1]
        else:
            out[n] = 0
        while m < len(market) and market[m, M_AT] <= at:
            base = market[m, M_BID] if market[m, M_BID_QTY] > 0 else 0
            m += 1
        out[n, 0], out[n, 5], out[n, 6] = at, base, own
        n += 1
    return n


@kernel
def allowed_key(subject: Ints, base: int, floor: int) -> int:
    """den x allowed spread; the kernel form of `conditions.spread_key`."""
    key = max(subject[NUM] * base, subject[FLOOR_KEY])
    if floor:
        steps = max(key // subject[DEN] // subject[STEP], 1)
        return int(subject[DEN] * steps * subject[STEP])
    return int(key)


@kernel
def grade_quotes(
    subject: Ints, size: int, auction_size: int, floor: int, quotes: Ints, bits: Bits
) -> int:
    """READY, QUOTED, COMPLIANT, TWO_SIDED and FRESH bits of every quote row; the highest price."""
    num, den, floor_key, top = subject[NUM], subject[DEN], subject[FLOOR_KEY], 0
    for j in range(len(quotes)):
        found = FRESH if quotes[j, 6] else 0
        bid, ask = quotes[j, 1], quotes[j, 3]
        top = max(top, bid, ask)
        least = min(quotes[j, 2], quotes[j, 4])
        if least > 0 and bid > 0 and ask > bid:
            found |= TWO_SIDED
            key = allowed_key(subject, quotes[j, 5], 1) if floor else num * quotes[j, 5]
            tight = den * (ask - bid) <= (key if floor else max(key, floor_key))
            if tight and least >= auction_size:
                found |= READY
            if least >= size:
                found |= QUOTED
                if tight:
                    found |= COMPLIANT
        bits[j] = found
    return top


@kernel
def subtract(spans: Ints, holes: Ints, out: Ints) -> int:
    """Sorted disjoint `spans` without sorted disjoint `holes`; returns the count in `out`."""
    count, h = 0, 0
    for k in range(len(spans)):
        start, stop = spans[k, 0], spans[k, 1]
        while h < len(holes) and holes[h, 1] <= start:
            h += 1
        hole = h
        while start < stop:
            edge = stop
            if hole < len(holes) and holes[hole, 0] < stop:
                edge = max(start, holes[hole, 0])
            if edge > start:
                out[count, 0], out[count, 1] = start, edge
                count += 1
            if edge == stop:
                break
            start = max(start, holes[hole, 1])
            hole += 1
    return count


@kernel
def last_before(times: Ints, at: int) -> int:
    """Index of the last entry < `at`, -1 when there is none."""
    low, high = 0, times.size
    while low < high:
        middle = (low + high) >> 1
        if times[middle] < at:
            low = middle + 1
        else:
            high = middle
    return low - 1


@kernel
def _traded(at: int, maker: int, trade_at: Ints, parties: Ints) -> bool:
    """Did the maker trade at that instant? `parties` int64[trades, 2]: buyer, seller."""
    t = last_before(trade_at, at) + 1
    while t < trade_at.size and trade_at[t] == at:
        if maker in (parties[t, 0], parties[t, 1]):
            return True
        t += 1
    return False


@kernel
def is_answered(
    ask: Ints,
    bits: Bits,
    quotes: Ints,
    maker: int,
    trade_at: Ints,
    parties: Ints,
    answer: int,
    hold: int,
    fresh: int,
) -> bool:
    """`responses.answered` on a maker's quote rows."""
    t0, stop = ask[ASK_AT], ask[ASK_STOP]
    good = READY if ask[ASK_OWED] == OWED_AUCTION else COMPLIANT
    row = last_before(quotes[:, 0], t0 + 1)
    tau = -1
    if row >= 0 and bits[row] & good and not fresh:
        tau = t0
    for j in range(row + 1, len(quotes)):
        at = quotes[j, 0]
        if at >= stop:
            break
        if bits[j] & good:
            if tau < 0 and (not fresh or bits[j] & FRESH):
                if at > t0 + answer:
                    return False
                tau = at
        elif tau >= 0:
            if at - tau >= hold or _traded(at, maker, trade_at, parties):
                return True
            tau = -1
    return tau >= 0 and (stop - tau >= hold or _traded(stop, maker, trade_at, parties))


@kernel
def _inside(spans: Ints, first: int, start: int, stop: int) -> int:
    """Time of [start, stop) within `spans` from the span `first` on."""
    total, s = 0, first
    while s < len(spans) and spans[s, 0] < stop:
        total += min(stop, spans[s, 1]) - max(start, spans[s, 0])
        s += 1
    return total


@kernel
def add_times(
    subject: Ints, spans: Ints, quotes: Ints, bits: Bits, options: Ints, scratch: Ints, cell: Ints
) -> tuple[int, int]:
    """Times of one cell, and the spread integral by base in `scratch` (0 = at the floor).

    With the reading A02 `scratch` is by the allowed spread in ticks. Returns the lowest and highest
    touched index of `scratch` (lowest > highest when none).
    """
    for k in range(len(spans)):
        cell[OBLIGED] += spans[k, 1] - spans[k, 0]
    wanted = QUOTED
    if options[O_DOMAIN] == ANY_SIZE:
        wanted = TWO_SIDED
    elif options[O_DOMAIN] == COMPLIANT_ONLY:
        wanted = COMPLIANT
    # Locals, because the compiler cannot know that arrays do not overlap.
    num, den, floor_key, floor = subject[NUM], subject[DEN], subject[FLOOR_KEY], options[O_FLOOR]
    quoted, compliant, rated, count = 0, 0, 0, len(spans)
    lowest, highest, k = scratch.size, -1, 0
    for j in range(len(quotes)):
        if not bits[j] & (QUOTED | wanted):
            continue
        start = quotes[j, 0]
        stop = quotes[j + 1, 0] if j + 1 < len(quotes) else END
        while k < count and spans[k, 1] <= start:
            k += 1
        total, s = 0, k
        while s < count and spans[s, 0] < stop:
            total += min(stop, spans[s, 1]) - max(start, spans[s, 0])
            s += 1
        if total == 0:
            continue
        if bits[j] & QUOTED:
            quoted += total
        if bits[j] & COMPLIANT:
            compliant += total
        if bits[j] & wanted:
            rated += total
            base = quotes[j, 5]
            if floor:
                index = allowed_key(subject, base, 1) // den
            else:
                index = base if num * base > floor_key else 0
            scratch[index] += (quotes[j, 3] - quotes[j, 1]) * total
            lowest, highest = min(lowest, index), max(highest, index)
    cell[QUOTED_NS] += quoted
    cell[COMPLIANT_NS] += compliant
    cell[RATED] += rated
    return lowest, highest


@kernel
def add_wide(spans: Ints, quotes: Ints, bits: Bits, cell: Ints) -> None:
    """Obliged and compliant time in the participation base of reading A33, instead of V's."""
    cell[OBLIGED] = cell[COMPLIANT_NS] = 0
    for k in range(len(spans)):
        cell[OBLIGED] += spans[k, 1] - spans[k, 0]
    k = 0
    for j in range(len(quotes)):
        if not bits[j] & COMPLIANT:
            continue
        start = quotes[j, 0]
        stop = quotes[j + 1, 0] if j + 1 < len(quotes) else END
        while k < len(spans) and spans[k, 1] <= start:
            k += 1
        cell[COMPLIANT_NS] += _inside(spans, k, start, stop)


@kernel
def _stood(judge: Ints, quotes: Ints, bits: Bits, reading: int) -> int:
    """Was the maker ready: just before the uncross, or as A10 reads the last five minutes."""
    last = last_before(quotes[:, 0], judge[JUDGE_AT])
    ready = int(last >= 0 and bits[last] & READY != 0)
    if judge[JUDGE_KIND] != OPENING or reading not in (ANY_INSTANT, ALL_WINDOW):
        return ready
    first = last_before(quotes[:, 0], min(judge[JUDGE_FROM], judge[JUDGE_AT] - 1) + 1)
    if first < 0 and reading == ALL_WINDOW:
        return 0
    for j in range(max(first, 0), last + 1):
        if (bits[j] & READY != 0) == (reading == ANY_INSTANT):
            return int(reading == ANY_INSTANT)
    return int(reading == ALL_WINDOW)


@kernel
def count_auctions(
    quotes: Ints,
    bits: Bits,
    holes: Ints,
    judges: Ints,
    options: Ints,
    cell: Ints,
    breaks: Ints,
) -> int:
    """Auctions of one cell; `breaks` int64[n, 2] gets (instant, joined) of every intraday one,
    whose count is returned. `holes` are the maker's exemptions.
    """
    count = 0
    for g in range(len(judges)):
        at, kind = judges[g, JUDGE_AT], judges[g, JUDGE_KIND]
        hole = last_before(holes[:, 0], at)
        exempt = judges[g, JUDGE_EXCUSED] != 0 or (hole >= 0 and holes[hole, 1] >= at)
        kept = (kind == OPENING and options[O_OPENING_IN]) or (
            kind == CLOSING_PHASE and options[O_CLOSING_IN]
        )
        if exempt and not kept:
            continue
        ready = _stood(judges[g], quotes, bits, options[O_OPENING])
        if kind == OPENING:
            cell[OPENED] = ready
        elif kind == CLOSING_PHASE:
            cell[CLOSED] = ready
        else:
            cell[AUCTIONS] += 1
            cell[JOINED] += ready
            breaks[count, 0], breaks[count, 1] = at, ready
            count += 1
    return count


@kernel
def count_inquiries(
    maker: int,
    quotes: Ints,
    bits: Bits,
    holes: Ints,
    asks: Ints,
    trade_at: Ints,
    parties: Ints,
    answer: int,
    hold: int,
    options: Ints,
    cell: Ints,
) -> None:
    """Inquiries of one cell that count, and those answered."""
    for a in range(len(asks)):
        ask = asks[a]
        hole = last_before(holes[:, 0], ask[ASK_AT] + 1)
        if ask[ASK_OWED] == 0 or (hole >= 0 and holes[hole, 1] > ask[ASK_AT]):
            continue
        good = is_answered(
            ask, bits, quotes, maker, trade_at, parties, answer, hold, options[O_FRESH]
        )
        if good or ask[ASK_STOP] - ask[ASK_AT] >= answer + hold:
            cell[INQUIRIES] += 1
            cell[ANSWERED] += int(good)
