"""Kernels of the batch measure: one pass over a contract's events, one over a maker's quotes.

The same rules of time as `measure`, told there; tests hold both to exactly equal integers.
All times are DayNanos, int64; ranges are [start[k], start[k + 1]) of sorted columns.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel

Ints = npt.NDArray[np.int64]

READY, QUOTED, COMPLIANT = 1, 2, 4
END = 86_400_000_000_000
FOREVER = 1 << 62
OPENING, CONTINUOUS, BREAK, INTRADAY, HALT, CLOSING = 1, 2, 3, 4, 5, 6  # values of Phase

JUDGE_KIND, JUDGE_AT, JUDGE_COLUMNS = 0, 1, 2
ASK_AT, ASK_OWED, ASK_STOP, ASK_COLUMNS = 0, 1, 2, 3
UP, DOWN, LOW, LAST, NUM, DEN, FLOOR_KEY, SUBJECT_COLUMNS = 0, 1, 2, 3, 4, 5, 6, 7
(
    OBLIGED,
    QUOTED_NS,
    COMPLIANT_NS,
    OPENED,
    CLOSED,
    AUCTIONS,
    JOINED,
    INQUIRIES,
    ANSWERED,
    CELL_COLUMNS,
) = range(10)


@kernel
def _excused(subject: Ints, price: int) -> bool:
    return bool(price in (subject[UP], subject[DOWN]) or price < subject[LOW])


@kernel
def _ended_auction(old: int, new: int, waiting: bool) -> int:
    """The auction that a phase change ends, as a phase value; 0 when none does."""
    if old in (OPENING, CLOSING) and new != HALT and new != old:
        return old
    if waiting and new != INTRADAY and new != BREAK and new != HALT:
        return INTRADAY
    return 0


@kernel
def walk_contract(
    subject: Ints,
    phase_at: Ints,
    phases: Ints,
    trade_at: Ints,
    prices: Ints,
    asks: Ints,
    spans: Ints,
    judges: Ints,
) -> tuple[int, int]:
    """One contract's day: duty spans, ends of auctions that count, inquiries that count.

    `asks` int64[n, 3] has ASK_AT and gets ASK_OWED and ASK_STOP; `spans` int64[phases + trades + 1,
    2] gets [start, stop) of time when duties run; `judges` int64[2 phases, 2] gets (phase value,
    instant). Returns the counts of spans and judges.
    """
    phase, waiting, running = 0, False, False
    excused = _excused(subject, subject[LAST])
    p, t, asked, cut, n_spans, n_judges = 0, 0, 0, 0, 0, 0
    while p < phase_at.size or t < trade_at.size:
        at = FOREVER
        if p < phase_at.size:
            at = phase_at[p]
        if t < trade_at.size and trade_at[t] < at:
            at = trade_at[t]
        while asked < len(asks) and asks[asked, ASK_AT] < at:
            asks[asked, ASK_OWED] = int(phase == CONTINUOUS and not excused)
            asked += 1
        before = excused
        while t < trade_at.size and trade_at[t] == at:
            excused = _excused(subject, prices[t])
            t += 1
        if p < phase_at.size and phase_at[p] == at:
            new = phases[p]
            ended = _ended_auction(phase, new, waiting)
            if ended and not before:
                judges[n_judges, JUDGE_KIND] = ended
                judges[n_judges, JUDGE_AT] = at
                n_judges += 1
            waiting = new == INTRADAY or (waiting and ended != INTRADAY)
            if phase == CONTINUOUS and new != CONTINUOUS:
                while cut < len(asks) and asks[cut, ASK_AT] < at:
                    asks[cut, ASK_STOP] = at
                    cut += 1
            phase = new
            p += 1
        if (phase == CONTINUOUS and not excused) != running:
            spans[n_spans, int(running)] = at
            n_spans += int(running)
            running = not running
    while asked < len(asks):
        asks[asked, ASK_OWED] = int(phase == CONTINUOUS and not excused)
        asked += 1
    if running:
        spans[n_spans, 1] = END
        n_spans += 1
    return n_spans, n_judges


@kernel
def walk_contracts(
    subjects: Ints,
    phase_start: Ints,
    phase_at: Ints,
    phases: Ints,
    trade_start: Ints,
    trade_at: Ints,
    prices: Ints,
    ask_start: Ints,
    asks: Ints,
    spans: Ints,
    judges: Ints,
) -> tuple[Ints, Ints]:
    """`walk_contract` for every contract. Returns the starts of each contract's spans and judges,
    which are packed at the front of `spans` and `judges`.
    """
    count = len(subjects)
    span_start = np.zeros(count + 1, dtype=np.int64)
    judge_start = np.zeros(count + 1, dtype=np.int64)
    for c in range(count):
        p0, p1 = phase_start[c], phase_start[c + 1]
        t0, t1 = trade_start[c], trade_start[c + 1]
        n_spans, n_judges = walk_contract(
            subjects[c],
            phase_at[p0:p1],
            phases[p0:p1],
            trade_at[t0:t1],
            prices[t0:t1],
            asks[ask_start[c] : ask_start[c + 1]],
            spans[span_start[c] :],
            judges[judge_start[c] :],
        )
        span_start[c + 1] = span_start[c] + n_spans
        judge_start[c + 1] = judge_start[c] + n_judges
    return span_start, judge_start


@kernel
def grade_quote(
    num: int, den: int, floor_key: int, size: int, auction_size: int, quote: Ints
) -> int:
    """READY, QUOTED and COMPLIANT bits of (at, bid, bid_qty, ask, ask_qty)."""
    bid, ask = quote[1], quote[3]
    least = min(quote[2], quote[4])
    if least <= 0 or bid <= 0 or ask <= bid:
        return 0
    tight = den * (ask - bid) <= max(num * bid, floor_key)
    bits = 0
    if tight and least >= auction_size:
        bits |= READY
    if least >= size:
        bits |= QUOTED
        if tight:
            bits |= COMPLIANT
    return bits


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
    bits: npt.NDArray[np.uint8],
    quotes: Ints,
    maker: int,
    trade_at: Ints,
    parties: Ints,
    answer: int,
    hold: int,
) -> bool:
    """`responses.answered` on a maker's quote rows."""
    t0, stop = ask[ASK_AT], ask[ASK_STOP]
    row = last_before(quotes[:, 0], t0 + 1)
    tau = -1
    if row >= 0 and bits[row] & COMPLIANT:
        tau = t0
    for j in range(row + 1, len(quotes)):
        at = quotes[j, 0]
        if at >= stop:
            break
        if bits[j] & COMPLIANT:
            if tau < 0:
                if at > t0 + answer:
                    return False
                tau = at
        elif tau >= 0:
            if at - tau >= hold or _traded(at, maker, trade_at, parties):
                return True
            tau = -1
    return tau >= 0 and (stop - tau >= hold or _traded(stop, maker, trade_at, parties))


@kernel
def add_times(
    subject: Ints,
    spans: Ints,
    quotes: Ints,
    bits: npt.NDArray[np.uint8],
    scratch: Ints,
    cell: Ints,
) -> tuple[int, int]:
    """Times of one cell, and the spread integral by bid in `scratch` (0 = at the floor).

    Returns the lowest and highest touched index of `scratch` (lowest > highest when none).
    """
    for k in range(len(spans)):
        cell[OBLIGED] += spans[k, 1] - spans[k, 0]
    lowest, highest, k = scratch.size, -1, 0
    for j in range(len(quotes)):
        if not bits[j] & QUOTED:
            continue
        start = quotes[j, 0]
        stop = quotes[j + 1, 0] if j + 1 < len(quotes) else END
        while k < len(spans) and spans[k, 1] <= start:
            k += 1
        total, s = 0, k
        while s < len(spans) and spans[s, 0] < stop:
            total += min(stop, spans[s, 1]) - max(start, spans[s, 0])
            s += 1
        if total == 0:
            continue
        cell[QUOTED_NS] += total
        if bits[j] & COMPLIANT:
            cell[COMPLIANT_NS] += total
        bid = quotes[j, 1]
        index = bid if subject[NUM] * bid > subject[FLOOR_KEY] else 0
        scratch[index] += (quotes[j, 3] - bid) * total
        lowest, highest = min(lowest, index), max(highest, index)
    return lowest, highest


@kernel
def count_events(
    maker: int,
    quotes: Ints,
    bits: npt.NDArray[np.uint8],
    holes: Ints,
    judges: Ints,
    asks: Ints,
    trade_at: Ints,
    parties: Ints,
    answer: int,
    hold: int,
    cell: Ints,
) -> None:
    """Auctions and inquiries of one cell. `holes` are the maker's exemptions."""
    for g in range(len(judges)):
        at = judges[g, JUDGE_AT]
        hole = last_before(holes[:, 0], at)
        if hole >= 0 and holes[hole, 1] >= at:
            continue
        row = last_before(quotes[:, 0], at)
        ready = int(row >= 0 and bits[row] & READY != 0)
        if judges[g, JUDGE_KIND] == OPENING:
            cell[OPENED] = ready
        elif judges[g, JUDGE_KIND] == CLOSING:
            cell[CLOSED] = ready
        else:
            cell[AUCTIONS] += 1
            cell[JOINED] += ready
    for a in range(len(asks)):
        ask = asks[a]
        hole = last_before(holes[:, 0], ask[ASK_AT] + 1)
        if ask[ASK_OWED] == 0 or (hole >= 0 and holes[hole, 1] > ask[ASK_AT]):
            continue
        good = is_answered(ask, bits, quotes, maker, trade_at, parties, answer, hold)
        if good or ask[ASK_STOP] - ask[ASK_AT] >= answer + hold:
            cell[INQUIRIES] += 1
            cell[ANSWERED] += int(good)
