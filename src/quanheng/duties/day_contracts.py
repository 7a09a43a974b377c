"""Kernels of the batch measure that follow one contract through its day: phases, prices, book.

The same rules of time as `measure`, told there. All times are DayNanos, int64; `options` is the
array of `readings.Options` in the order of its fields.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel

Ints = npt.NDArray[np.int64]

END = 86_400_000_000_000
FOREVER = 1 << 62
OPENING, CONTINUOUS, BREAK, INTRADAY, HALT, CLOSING = 1, 2, 3, 4, 5, 6  # values of Phase
LIMITED, LOW_PRICE = 1, 2
"""Bits of a price state: at a limit, under the low-price threshold."""

O_BASE, O_FLOOR, _, O_DOMAIN, O_LOCKED, O_OPENING, O_CLOSING_IN, O_VOLUME = range(8)
O_FRESH, O_MID, O_WIDE, O_AUCTIONS, O_OPENING_IN = range(8, 13)

JUDGE_KIND, JUDGE_AT, JUDGE_FROM, JUDGE_EXCUSED, JUDGE_COLUMNS = 0, 1, 2, 3, 4
ASK_AT, ASK_OWED, ASK_STOP, ASK_COLUMNS = 0, 1, 2, 3
OWED_CONTINUOUS, OWED_AUCTION = 1, 2
UP, DOWN, LOW, LAST, NUM, DEN, FLOOR_KEY, STEP, SUBJECT_COLUMNS = 0, 1, 2, 3, 4, 5, 6, 7, 8
M_AT, M_BID, M_BID_QTY, M_ASK, M_ASK_QTY, MARKET_COLUMNS = 0, 1, 2, 3, 4, 5


@kernel
def price_state(subject: Ints, doubled: int, locked: int, by_book: int) -> int:
    """LIMITED and LOW_PRICE of twice a price; `by_book` takes LIMITED from `locked` (A07)."""
    state = 0
    at_limit = doubled in (2 * subject[UP], 2 * subject[DOWN])
    if (locked != 0) if by_book else at_limit:
        state |= LIMITED
    if doubled < 2 * subject[LOW]:
        state |= LOW_PRICE
    return state


@kernel
def price_states(
    subject: Ints, trade_at: Ints, prices: Ints, market: Ints, options: Ints, states: Ints
) -> int:
    """(instant, price state) of every instant with a trade or a row of `market`, in `states`.

    `market` int64[n, 5]: at, bid, bid_qty, ask, ask_qty; empty without the table. Returns the
    count; the state before the first is that of `subject[LAST]` without a book.
    """
    doubled, traded, locked = 2 * subject[LAST], False, 0
    t, m, n = 0, 0, 0
    while t < trade_at.size or m < len(market):
        at = FOREVER
        if t < trade_at.size:
            at = trade_at[t]
        if m < len(market) and market[m, M_AT] < at:
            at = market[m, M_AT]
        while t < trade_at.size and trade_at[t] == at:
            doubled, traded = 2 * prices[t], True
            t += 1
        while m < len(market) and market[m, M_AT] == at:
            bid_qty, ask_qty = market[m, M_BID_QTY], market[m, M_ASK_QTY]
            locked = int(
                (bid_qty > 0 and ask_qty == 0 and market[m, M_BID] == subject[UP])
                or (ask_qty > 0 and bid_qty == 0 and market[m, M_ASK] == subject[DOWN])
            )
            if options[O_MID] and not traded:
                doubled = 2 * subject[LAST]
                if bid_qty > 0 and ask_qty > 0:
                    doubled = market[m, M_BID] + market[m, M_ASK]
            m += 1
        states[n, 0] = at
        states[n, 1] = price_state(subject, doubled, locked, options[O_LOCKED])
        n += 1
    return n


@kernel
def ended_auction(old: int, new: int, waiting: bool) -> int:
    """The auction that a phase change ends, as a phase value; 0 when none does."""
    if old in (OPENING, CLOSING) and new != HALT and new != old:
        return old
    if waiting and new != INTRADAY and new != BREAK and new != HALT:
        return INTRADAY
    return 0


@kernel
def _owed(phase: int, state: int, auctions: int) -> int:
    """Is an inquiry of this phase and price state owed, and by which size."""
    if state != 0:
        return 0
    if phase == CONTINUOUS:
        return OWED_CONTINUOUS
    if auctions and phase in (OPENING, INTRADAY, CLOSING):
        return OWED_AUCTION
    return 0


@kernel
def _toggle(running: bool, at: int, spans: Ints, count: int) -> int:
    """Start a span, or end the one that runs; returns the count of finished ones."""
    spans[count, int(running)] = at
    return count + int(running)


@kernel
def walk_contract(
    subject: Ints,
    phase_at: Ints,
    phases: Ints,
    states: Ints,
    window: int,
    options: Ints,
    asks: Ints,
    spans: Ints,
    wide: Ints,
    judges: Ints,
) -> tuple[int, int, int]:
    """One contract's day: duty spans, ends of auctions, inquiries that count.

    `states` are the rows of `price_states`. `asks` int64[n, 3] has ASK_AT and gets ASK_OWED and
    ASK_STOP; `spans` and `wide` int64[phases + states + 1, 2] get [start, stop) of continuous time
    that is not excused, and of all that is not at a limit (A33); `judges` int64[2 phases, 4] gets
    (phase value, end, start of the window, excused). Returns the counts of the last three.
    """
    phase, waiting, running, roaming, began = 0, False, False, False, 0
    state = price_state(subject, 2 * subject[LAST], 0, options[O_LOCKED])
    p, t, asked, cut, n_spans, n_wide, n_judges = 0, 0, 0, 0, 0, 0, 0
    while p < phase_at.size or t < len(states):
        at = FOREVER
        if p < phase_at.size:
            at = phase_at[p]
        if t < len(states) and states[t, 0] < at:
            at = states[t, 0]
        while asked < len(asks) and asks[asked, ASK_AT] < at:
            asks[asked, ASK_OWED] = _owed(phase, state, options[O_AUCTIONS])
            asked += 1
        before = state
        if t < len(states) and states[t, 0] == at:
            state = states[t, 1]
            t += 1
        if p < phase_at.size and phase_at[p] == at:
            new = phases[p]
            ended = ended_auction(phase, new, waiting)
            if ended:
                judges[n_judges, JUDGE_KIND] = ended
                judges[n_judges, JUDGE_AT] = at
                judges[n_judges, JUDGE_FROM] = max(began, at - window)
                judges[n_judges, JUDGE_EXCUSED] = int(before != 0)
                n_judges += 1
            waiting = new == INTRADAY or (waiting and ended != INTRADAY)
            if phase != new:
                while cut < len(asks) and asks[cut, ASK_AT] < at:
                    asks[cut, ASK_STOP] = at
                    cut += 1
                began = at
            phase = new
            p += 1
        if (phase == CONTINUOUS and state == 0) != running:
            n_spans = _toggle(running, at, spans, n_spans)
            running = not running
        if (phase == CONTINUOUS and not state & LIMITED) != roaming:
            n_wide = _toggle(roaming, at, wide, n_wide)
            roaming = not roaming
    while asked < len(asks):
        asks[asked, ASK_OWED] = _owed(phase, state, options[O_AUCTIONS])
        asked += 1
    if running:
        n_spans = _toggle(running, END, spans, n_spans)
    if roaming:
        n_wide = _toggle(roaming, END, wide, n_wide)
    return n_spans, n_wide, n_judges


@kernel
def trade_phases(phase_at: Ints, phases: Ints, trade_at: Ints, traded_in: Ints) -> None:
    """The phase each trade was made in.

    At the instant of a phase change that is the phase before it where that one trades (an uncross
    ends its auction), else the new one.
    """
    p, phase = 0, 0
    for t in range(trade_at.size):
        while p < phase_at.size and phase_at[p] < trade_at[t]:
            phase = phases[p]
            p += 1
        traded_in[t] = phase
        trading = phase in (OPENING, CONTINUOUS, INTRADAY, CLOSING)
        if not trading and p < phase_at.size and phase_at[p] == trade_at[t]:
            traded_in[t] = phases[p]


@kernel
def walk_contracts(
    subjects: Ints,
    phase_start: Ints,
    phase_at: Ints,
    phases: Ints,
    trade_start: Ints,
    trade_at: Ints,
    prices: Ints,
    market_start: Ints,
    market: Ints,
    window: int,
    options: Ints,
    ask_start: Ints,
    asks: Ints,
    spans: Ints,
    wide: Ints,
    judges: Ints,
    traded_in: Ints,
) -> tuple[Ints, Ints, Ints]:
    """`walk_contract` for every contract. Returns the starts of each contract's spans, wide spans
    and judges, which are packed at the front of `spans`, `wide` and `judges`.
    """
    count = len(subjects)
    span_start = np.zeros(count + 1, dtype=np.int64)
    wide_start = np.zeros(count + 1, dtype=np.int64)
    judge_start = np.zeros(count + 1, dtype=np.int64)
    states = np.empty((len(trade_at) + len(market), 2), dtype=np.int64)
    for c in range(count):
        p0, p1 = phase_start[c], phase_start[c + 1]
        t0, t1 = trade_start[c], trade_start[c + 1]
        m0, m1 = market_start[c], market_start[c + 1]
        n_states = price_states(
            subjects[c], trade_at[t0:t1], prices[t0:t1], market[m0:m1], options, states
        )
        trade_phases(phase_at[p0:p1], phases[p0:p1], trade_at[t0:t1], traded_in[t0:t1])
        n_spans, n_wide, n_judges = walk_contract(
            subjects[c],
            phase_at[p0:p1],
            phases[p0:p1],
            states[:n_states],
            window,
            options,
            asks[ask_start[c] : ask_start[c + 1]],
            spans[span_start[c] :],
            wide[wide_start[c] :],
            judges[judge_start[c] :],
        )
        span_start[c + 1] = span_start[c] + n_spans
        wide_start[c + 1] = wide_start[c] + n_wide
        judge_start[c + 1] = judge_start[c] + n_judges
    return span_start, wide_start, judge_start
