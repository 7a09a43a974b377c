"""Kernels of the batch measure that follow one maker's quotes in one contract.

The same rules of time as `measure`, told there; tests hold both to exactly equal integers.
All times are DayNanos, int64; ranges are [start[k], start[k + 1]) of sorted columns. The columns of
quotes are at, bid, bid_qty, ask, ask_qty, base, own: `base` is the bid that the allowed spread is
taken of (A01), `own` 1 unless only the market's best changed.
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
from quanheng.kernels.jit import inlined, kernel

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
def with_market(rows: Ints, first: int, last: int, market: Ints, out: Ints) -> int:
    """A maker's rows with the market's best bid as base, cut where it changes (A01).

    `rows` int64[5, n] of which [first, last) are the maker's; `out` int64[7, last - first + m].
    No best bid is a base of 0. Returns the rows.
    """
    n, q, m, base = 0, first, 0, 0
    while q < last or m < len(market):
        at = END
        if q < last:
            at = rows[0, q]
        if m < len(market) and market[m, M_AT] < at:
            at = market[m, M_AT]
        own = int(q < last and rows[0, q] == at)
        for column in range(1, 5):
            if own:
                out[column, n] = rows[column, q]
            else:
                out[column, n] = out[column, n - 1] if n else 0
        q += own
        while m < len(market) and market[m, M_AT] <= at:
            base = market[m, M_BID] if market[m, M_BID_QTY] > 0 else 0
            m += 1
        out[0, n], out[5, n], out[6, n] = at, base, own
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


@inlined
def _bits(bid: int, bid_qty: int, ask: int, ask_qty: int, tight: bool, size: int, call: int) -> int:
    """READY, QUOTED, COMPLIANT and TWO_SIDED of a quote; `tight`: within the allowed spread."""
    least = min(bid_qty, ask_qty)
    two = (least > 0) & (bid > 0) & (ask > bid)
    ready = READY * (two & tight & (least >= call))
    sized = QUOTED * (two & (least >= size)) + COMPLIANT * (two & tight & (least >= size))
    return int(ready + sized + TWO_SIDED * two)


@kernel
def grade_quotes(
    subject: Ints,
    sizes: Ints,
    floor: int,
    bid: Ints,
    bid_qty: Ints,
    ask: Ints,
    ask_qty: Ints,
    base: Ints,
    bits: Bits,
) -> int:
    """READY, QUOTED, COMPLIANT, TWO_SIDED and FRESH bits of every quote row; the highest price.

    Columns int64[n]; `sizes` = continuous size, auction size.
    """
    num, den, floor_key = subject[NUM], subject[DEN], subject[FLOOR_KEY]
    size, call, top = sizes[0], sizes[1], 0
    if floor:
        for j in range(bid.size):
            tight = den * (ask[j] - bid[j]) <= allowed_key(subject, base[j], 1)
            bits[j] = FRESH | _bits(bid[j], bid_qty[j], ask[j], ask_qty[j], tight, size, call)
            top = max(top, bid[j], ask[j])
        return int(top)
    # The same without a division, so that the compiler makes vectors of it.
    for j in range(bid.size):
        tight = den * (ask[j] - bid[j]) <= max(num * base[j], floor_key)
        bits[j] = FRESH | _bits(bid[j], bid_qty[j], ask[j], ask_qty[j], tight, size, call)
        top = max(top, bid[j], ask[j])
    return int(top)


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
    at: Ints,
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
    row = last_before(at, t0 + 1)
    tau = -1
    if row >= 0 and bits[row] & good and not fresh:
        tau = t0
    for j in range(row + 1, at.size):
        now = at[j]
        if now >= stop:
            break
        if bits[j] & good:
            if tau < 0 and (not fresh or bits[j] & FRESH):
                if now > t0 + answer:
                    return False
                tau = now
        elif tau >= 0:
            if now - tau >= hold or _traded(now, maker, trade_at, parties):
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
    subject: Ints,
    spans: Ints,
    at: Ints,
    bid: Ints,
    ask: Ints,
    base: Ints,
    bits: Bits,
    options: Ints,
    scratch: Ints,
    cell: Ints,
) -> tuple[int, int]:
    """Times of one cell, and the spread integral by base in `scratch` (0 = at the floor).

    With the reading A02 `scratch` is by the allowed spread in ticks. Returns the lowest and highest
    touched index above 0 (lowest > highest when none).
    """
    wanted = QUOTED
    if options[O_DOMAIN] == ANY_SIZE:
        wanted = TWO_SIDED
    elif options[O_DOMAIN] == COMPLIANT_ONLY:
        wanted = COMPLIANT
    # Locals, because the compiler cannot know that arrays do not overlap; a bound, so that the loop
    # needs no multiplication: num x base > floor_key.
    den, floor = subject[DEN], options[O_FLOOR]
    bound = subject[FLOOR_KEY] // subject[NUM] if subject[NUM] else END
    quoted, compliant, rated, lowest, highest = 0, 0, 0, scratch.size, 0
    for k in range(len(spans)):
        first, last = spans[k, 0], spans[k, 1]
        cell[OBLIGED] += last - first
        # Rows `begin` to `end` reach into the span; all between them lie in it wholly.
        begin, end = max(last_before(at, first + 1), 0), last_before(at, last)
        for j in range(begin, end + 1):
            found = bits[j]
            if not found & (QUOTED | wanted):
                continue
            if begin < j < end:
                spent = at[j + 1] - at[j]
            else:
                spent = (at[j + 1] if j < end else last) - max(at[j], first)
            quoted += spent if found & QUOTED else 0
            compliant += spent if found & COMPLIANT else 0
            if found & wanted:
                rated += spent
                if floor:
                    index = allowed_key(subject, base[j], 1) // den
                else:
                    index = base[j] if base[j] > bound else 0
                scratch[index] += (ask[j] - bid[j]) * spent
                lowest, highest = min(lowest, index if index else lowest), max(highest, index)
    cell[QUOTED_NS] += quoted
    cell[COMPLIANT_NS] += compliant
    cell[RATED] += rated
    return lowest, highest


@kernel
def add_wide(spans: Ints, at: Ints, bits: Bits, cell: Ints) -> None:
    """Obliged and compliant time in the participation base of reading A33, instead of V's."""
    cell[OBLIGED] = cell[COMPLIANT_NS] = 0
    for k in range(len(spans)):
        cell[OBLIGED] += spans[k, 1] - spans[k, 0]
    k = 0
    for j in range(at.size):
        if not bits[j] & COMPLIANT:
            continue
        stop = at[j + 1] if j + 1 < at.size else END
        while k < len(spans) and spans[k, 1] <= at[j]:
            k += 1
        cell[COMPLIANT_NS] += _inside(spans, k, at[j], stop)


@kernel
def _stood(judge: Ints, at: Ints, bits: Bits, reading: int) -> int:
    """Was the maker ready: just before the uncross, or as A10 reads the last five minutes."""
    last = last_before(at, judge[JUDGE_AT])
    ready = int(last >= 0 and bits[last] & READY != 0)
    if judge[JUDGE_KIND] != OPENING or reading not in (ANY_INSTANT, ALL_WINDOW):
        return ready
    first = last_before(at, min(judge[JUDGE_FROM], judge[JUDGE_AT] - 1) + 1)
    if first < 0 and reading == ALL_WINDOW:
        return 0
    for j in range(max(first, 0), last + 1):
        if (bits[j] & READY != 0) == (reading == ANY_INSTANT):
            return int(reading == ANY_INSTANT)
    return int(reading == ALL_WINDOW)


@kernel
def count_auctions(
    quoted_at: Ints,
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
        ready = _stood(judges[g], quoted_at, bits, options[O_OPENING])
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
    at: Ints,
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
        good = is_answered(ask, bits, at, maker, trade_at, parties, answer, hold, options[O_FRESH])
        if good or ask[ASK_STOP] - ask[ASK_AT] >= answer + hold:
            cell[INQUIRIES] += 1
            cell[ANSWERED] += int(good)
