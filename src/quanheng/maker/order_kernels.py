"""Kernels of the order table: every event of a quote's two sides (lifecycle.TABLE).

A side has at most one message in flight, so its life is described by what rests (live) and what
was sent (pend). Fills may come before the acknowledgement and after a cancel; the quantity that
may still trade is never under-counted.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel
from quanheng.maker import columns as c
from quanheng.maker.lifecycle import NEXT, Event, Life

Ints = npt.NDArray[np.int64]

_NONE = int(Life.NONE)
_PENDING = int(Life.PENDING)
_WORKING = int(Life.WORKING)
_REPLACING = int(Life.REPLACING)
_CANCELLING = int(Life.CANCELLING)
_UNKNOWN = int(Life.UNKNOWN)
_SEND = int(Event.SEND)
_CANCEL = int(Event.CANCEL)
_ACK = int(Event.ACK)
_REJECT = int(Event.REJECT)
_CANCELLED = int(Event.CANCELLED)
_CANCEL_REJECTED = int(Event.CANCEL_REJECTED)
_EMPTY = int(Event.EMPTY)
_LOST = int(Event.LOST)
_UNSENT = int(Event.UNSENT)

FILL_LIVE = 0
FILL_PENDING = 1
FILL_LATE = 2
"""A fill of an order that had already left the table: a fill after its cancel."""


@kernel
def _clear_pending(row: Ints, base: int) -> None:
    for column in (c.W_PEND_ID, c.W_PEND_PX, c.W_PEND_QTY, c.W_PEND_EFFECT, c.W_PEND_FILLED):
        row[base + column] = 0


@kernel
def _clear_live(row: Ints, base: int) -> None:
    for column in (c.W_LIVE_ID, c.W_LIVE_PX, c.W_LIVE_QTY, c.W_LIVE_EFFECT, c.W_LIVE_AT):
        row[base + column] = 0


@kernel
def _move(row: Ints, base: int, event: int) -> bool:
    """Apply the table, then settle a side in which nothing rests any more."""
    to = NEXT[row[base + c.W_STATE], event]
    if to < 0:
        return False
    if to == _WORKING and row[base + c.W_LIVE_QTY] <= 0:
        to = _NONE
    nothing = row[base + c.W_LIVE_QTY] <= 0 and row[base + c.W_PEND_ID] == 0
    if to == _UNKNOWN and nothing and row[base + c.W_CANCEL_ID] == 0:
        to = _NONE
    if to == _NONE:
        _clear_live(row, base)
        _clear_pending(row, base)
        row[base + c.W_CANCEL_ID] = 0
    row[base + c.W_STATE] = to
    return True


@kernel
def mark_sent(work: Ints, want: Ints, first: int, at: int) -> int:
    """Register want rows as sent, ids first, first + 1 …; returns rows that the table forbids."""
    wrong = 0
    for i in range(want.shape[0]):
        w = want[i]
        row = work[w[c.Q_SLOT]]
        for side in range(2):
            price, qty, effect = w[c.Q_BID], w[c.Q_BID_QTY], w[c.Q_BID_EFFECT]
            if side == c.ASK_SIDE:
                price, qty, effect = w[c.Q_ASK], w[c.Q_ASK_QTY], w[c.Q_ASK_EFFECT]
            if qty == 0:
                continue
            base = side * c.W_COLUMNS
            if not _move(row, base, _SEND):
                wrong += 1
                continue
            row[base + c.W_PEND_ID] = first + i
            row[base + c.W_PEND_PX] = price
            row[base + c.W_PEND_QTY] = qty
            row[base + c.W_PEND_EFFECT] = effect
            row[base + c.W_PEND_FILLED] = 0
            row[base + c.W_SENT_AT] = at
    return wrong


@kernel
def mark_cancel(work: Ints, drops: Ints, first: int, at: int) -> int:
    """Register cancels int64[n, 3] (slot, bid 0/1, ask 0/1), ids first, first + 1 …"""
    wrong = 0
    for i in range(drops.shape[0]):
        row = work[drops[i, 0]]
        for side in range(2):
            if drops[i, 1 + side] == 0:
                continue
            base = side * c.W_COLUMNS
            if not _move(row, base, _CANCEL):
                wrong += 1
                continue
            row[base + c.W_CANCEL_ID] = first + i
            row[base + c.W_SENT_AT] = at
    return wrong


@kernel
def _accept(row: Ints, base: int, ident: int, price: int, qty: int, effect: int, at: int) -> int:
    """The exchange took a side: it rests now, less what was filled before this answer."""
    expected = row[base + c.W_PEND_ID] == ident
    if not expected and ident <= row[base + c.W_LIVE_ID]:
        return 1
    filled = row[base + c.W_PEND_FILLED] if expected else 0
    if not expected and row[base + c.W_PEND_ID] != 0:
        # Evidence of an older message that was thought lost; the newer one is still in flight.
        row[base + c.W_LIVE_ID] = ident
        row[base + c.W_LIVE_PX] = price
        row[base + c.W_LIVE_QTY] = qty
        row[base + c.W_LIVE_EFFECT] = effect
        row[base + c.W_LIVE_AT] = at
        if row[base + c.W_STATE] == _PENDING:
            row[base + c.W_STATE] = _REPLACING
        return 1
    row[base + c.W_LIVE_ID] = ident
    row[base + c.W_LIVE_PX] = price
    row[base + c.W_LIVE_QTY] = qty - filled
    row[base + c.W_LIVE_EFFECT] = effect
    row[base + c.W_LIVE_AT] = at
    _clear_pending(row, base)
    unknown_cancel = row[base + c.W_STATE] == _UNKNOWN and row[base + c.W_CANCEL_ID] != 0
    _move(row, base, _ACK)
    if unknown_cancel and row[base + c.W_LIVE_QTY] > 0:
        row[base + c.W_STATE] = _CANCELLING
    return 0 if expected else 1


@kernel
def _refuse(row: Ints, base: int, ident: int, event: int) -> int:
    """A side's new quote was refused, or never left: what rested before rests on."""
    if row[base + c.W_PEND_ID] != ident:
        return 1
    _clear_pending(row, base)
    # In UNKNOWN the proof that the quote never left is as good as a refusal.
    if row[base + c.W_STATE] == _UNKNOWN and row[base + c.W_CANCEL_ID] != 0:
        return 0
    _move(row, base, _REJECT if row[base + c.W_STATE] == _UNKNOWN else event)
    return 0


@kernel
def answer_quote(
    work: Ints,
    slot: int,
    ident: int,
    accepted: bool,
    bid: int,
    bid_qty: int,
    bid_effect: int,
    ask: int,
    ask_qty: int,
    ask_effect: int,
    at: int,
) -> int:
    """Answer to a quote (35=AJ); returns the number of sides it came unexpectedly for."""
    row = work[slot]
    odd = 0
    if accepted:
        if bid_qty > 0:
            odd += _accept(row, 0, ident, bid, bid_qty, bid_effect, at)
        if ask_qty > 0:
            odd += _accept(row, c.W_COLUMNS, ident, ask, ask_qty, ask_effect, at)
        return odd
    both = _refuse(row, 0, ident, _REJECT) + _refuse(row, c.W_COLUMNS, ident, _REJECT)
    return 1 if both == 2 else 0


@kernel
def answer_cancel(work: Ints, slot: int, ident: int, accepted: bool, gone: bool) -> int:
    """Answer to a quote cancel (35=AI); `gone`: refused because nothing rests.

    Returns 1 when no side waited for it.
    """
    row = work[slot]
    found = False
    for side in range(2):
        base = side * c.W_COLUMNS
        if row[base + c.W_CANCEL_ID] != ident:
            continue
        found = True
        row[base + c.W_CANCEL_ID] = 0
        if accepted or gone:
            # Whatever was sent before the cancel was handled before it, so it is gone too.
            if row[base + c.W_STATE] == _UNKNOWN:
                _clear_pending(row, base)
            _clear_live(row, base)
            _move(row, base, _CANCELLED)
        else:
            _move(row, base, _CANCEL_REJECTED)
    return 0 if found else 1


@kernel
def withdrawn(work: Ints, slot: int, ident: int, bid: bool, ask: bool) -> int:
    """Sides of a quote that the other end took away by itself; returns 1 when none was there.

    What was sent since goes on waiting for its answer.
    """
    row = work[slot]
    found = False
    for side in range(2):
        base = side * c.W_COLUMNS
        asked = ask if side == c.ASK_SIDE else bid
        if not asked or row[base + c.W_LIVE_ID] != ident or row[base + c.W_LIVE_QTY] <= 0:
            continue
        found = True
        row[base + c.W_LIVE_QTY] = 0
        _move(row, base, _EMPTY)
    return 0 if found else 1


@kernel
def fill(work: Ints, slot: int, side: int, ident: int, qty: int) -> int:
    """A fill of one side; returns FILL_LIVE, FILL_PENDING or FILL_LATE."""
    row = work[slot]
    base = side * c.W_COLUMNS
    if row[base + c.W_LIVE_ID] == ident and row[base + c.W_LIVE_QTY] > 0:
        row[base + c.W_LIVE_QTY] -= qty
        if row[base + c.W_LIVE_QTY] <= 0:
            row[base + c.W_LIVE_QTY] = 0
            _move(row, base, _EMPTY)
        return FILL_LIVE
    if row[base + c.W_PEND_ID] == ident:
        row[base + c.W_PEND_FILLED] += qty
        return FILL_PENDING
    return FILL_LATE


@kernel
def _cancel_refused(row: Ints, ident: int) -> bool:
    """A cancel that never reached the matching: what rested rests on."""
    hit = False
    for side in range(2):
        base = side * c.W_COLUMNS
        if row[base + c.W_CANCEL_ID] == ident:
            row[base + c.W_CANCEL_ID] = 0
            _move(row, base, _CANCEL_REJECTED)
            hit = True
    return hit


@kernel
def refused_by_id(work: Ints, ident: int, unsent: bool) -> int:
    """A request without an order in the market (35=22 or NotSent); its slot, -1 if none waits."""
    for slot in range(work.shape[0]):
        row = work[slot]
        event = _UNSENT if unsent else _REJECT
        both = _refuse(row, 0, ident, event) + _refuse(row, c.W_COLUMNS, ident, event)
        if both < 2 or _cancel_refused(row, ident):
            return slot
    return -1


@kernel
def lose_all(work: Ints) -> int:
    """The link is down: everything sent and unanswered is UNKNOWN. Returns sides that became so."""
    count = 0
    for slot in range(work.shape[0]):
        for side in range(2):
            base = side * c.W_COLUMNS
            before = work[slot, base + c.W_STATE]
            _move(work[slot], base, _LOST)
            after = work[slot, base + c.W_STATE]
            count += 1 if after == _UNKNOWN and before != _UNKNOWN else 0
    return count


@kernel
def end_slot(work: Ints, slot: int) -> None:
    """The day is over for a contract: day orders are gone."""
    for side in range(2):
        base = side * c.W_COLUMNS
        _clear_live(work[slot], base)
        _clear_pending(work[slot], base)
        work[slot, base + c.W_CANCEL_ID] = 0
        work[slot, base + c.W_STATE] = _NONE


@kernel
def resting(work: Ints, slot: int, side: int) -> int:
    """Quantity that may trade on a side: live, sent and unknown, at full size."""
    base = side * c.W_COLUMNS
    row = work[slot]
    waiting = row[base + c.W_PEND_QTY] - row[base + c.W_PEND_FILLED]
    return int(row[base + c.W_LIVE_QTY] + waiting)


@kernel
def worst_case(
    fixed: Ints,
    work: Ints,
    desk: Ints,
    long: Ints,
    short: Ints,
    covered: Ints,
    bought: Ints,
    start: int,
    stop: int,
    out: Ints,
) -> None:
    """Worst case of the slots [start, stop) into out[S_LONG..S_FUNDS]: positions plus all that may
    trade (reliability.md 2.3: UNKNOWN counts at full size).
    """
    for column in range(c.S_TOKENS):
        out[column] = 0
    for slot in range(start, stop):
        row = work[slot]
        margin = fixed[slot, c.F_MARGIN]
        opens = desk[slot, c.D_ORDER_BUY] - desk[slot, c.D_ORDER_CLOSE_BUY]
        sales = desk[slot, c.D_ORDER_SELL] - desk[slot, c.D_ORDER_CLOSE_SELL]
        premium = desk[slot, c.D_ORDER_BUY] * desk[slot, c.D_REST_BUY]
        for side in range(2):
            base = side * c.W_COLUMNS
            live = row[base + c.W_LIVE_QTY]
            sent = row[base + c.W_PEND_QTY] - row[base + c.W_PEND_FILLED]
            opening = (live if row[base + c.W_LIVE_EFFECT] == 0 else 0) + (
                sent if row[base + c.W_PEND_EFFECT] == 0 else 0
            )
            if side == c.BID_SIDE:
                opens += opening
                premium += live * row[base + c.W_LIVE_PX] + sent * row[base + c.W_PEND_PX]
            else:
                sales += opening
        out[c.S_LONG] += long[slot] + opens
        out[c.S_TOTAL] += long[slot] + short[slot] + covered[slot] + opens + sales
        out[c.S_BUY_OPEN] += bought[slot] + opens
        out[c.S_FUNDS] += (short[slot] + sales) * margin + premium * fixed[slot, c.F_UNIT]
