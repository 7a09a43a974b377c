"""What a snapshot of the market says: what changed, and which own quotes the book does not show.

After a failure of the exchange its order book may come back empty while no report says so. A quote
that was believed to rest is then no quote, for the duty least of all. The snapshots tell: what
rests stands in the book, unless it is beyond the levels shown (P35).
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel
from quanheng.maker import columns as c
from quanheng.maker.lifecycle import Life
from quanheng.terms import codes, market

Ints = npt.NDArray[np.int64]

_WORKING = int(Life.WORKING)
_CONTINUOUS = int(codes.Phase.CONTINUOUS)
_CLOSED = int(codes.Phase.CLOSED)
_INTRADAY = int(codes.Phase.INTRADAY)
UNSEEN = -1


@kernel
def shown(row: Ints, side: int, price: int) -> int:
    """Quantity that a market row shows at a price of a side; UNSEEN beyond the levels shown."""
    price_at = market.BID if side == c.BID_SIDE else market.ASK
    qty_at = market.BID_QTY if side == c.BID_SIDE else market.ASK_QTY
    for level in range(market.LEVELS):
        here = row[price_at + level]
        if here == price:
            return int(row[qty_at + level])
        behind = here < price if side == c.BID_SIDE else here > price
        if here <= 0 or behind:
            return 0
    return UNSEEN


@kernel
def _is_missing(row: Ints, own: Ints, side: int, at: int) -> bool:
    base = side * c.W_COLUMNS
    live = own[base + c.W_LIVE_QTY]
    if own[base + c.W_STATE] != _WORKING or live <= 0 or own[base + c.W_LIVE_AT] > at:
        return False
    there = shown(row, side, own[base + c.W_LIVE_PX])
    return bool(there != UNSEEN and there < live)


@kernel
def find_missing(
    rows: Ints, work: Ints, desk: Ints, at: int, patience: int, start: int, stop: int
) -> int:
    """Let every contract be swept whose resting quote two snapshots at least `patience` apart do
    not show; how many they are. The answers to the cancels then say what really rests.

    rows are as of the snapshot of `at`; a quote that is on its way, or newer than the first of the
    two, proves nothing.
    """
    found = 0
    for slot in range(start, stop):
        row, own, standing = rows[slot], work[slot], desk[slot]
        missing = False
        if row[market.PHASE] == _CONTINUOUS and standing[c.D_SWEEP] == 0:
            bid = _is_missing(row, own, c.BID_SIDE, at)
            missing = _is_missing(row, own, c.ASK_SIDE, at) or bid
        if not missing:
            standing[c.D_MISSING_SINCE] = 0
            continue
        since = standing[c.D_MISSING_SINCE]
        newest = max(own[c.W_LIVE_AT], own[c.W_COLUMNS + c.W_LIVE_AT])
        if since == 0 or since < newest:
            standing[c.D_MISSING_SINCE] = at
        elif at - since >= patience:
            standing[c.D_MISSING_SINCE] = 0
            standing[c.D_SWEEP] = 1
            found += 1
    return found


@kernel
def phases_of(rows: Ints, start: int, stop: int) -> tuple[bool, bool]:
    """(no contract of a class is closed, one is in continuous trading)."""
    closed = False
    continuous = False
    for slot in range(start, stop):
        phase = rows[slot, market.PHASE]
        closed = closed or phase == _CLOSED
        continuous = continuous or phase == _CONTINUOUS
    return not closed, continuous


@kernel
def absorb(table: Ints, rows: Ints, desk: Ints, at: int, first: int, stop: int, out: Ints) -> int:
    """Replace market rows by a tick's; out int64[n, 3] = (slot, phase or -1, last or -1) that
    changed.

    Returns the number of changes, or -1 - i when row i names a slot outside [first, stop).
    """
    changes = 0
    for i in range(table.shape[0]):
        slot = table[i, market.SLOT]
        if slot < first or slot >= stop:
            return -1 - i
        row = rows[slot]
        phase = table[i, market.PHASE]
        last = table[i, market.LAST]
        phase_moved = phase != row[market.PHASE]
        last_moved = last != row[market.LAST] or table[i, market.VOLUME] != row[market.VOLUME]
        if phase_moved:
            desk[slot, c.D_AUCTION_SINCE] = at if phase == _INTRADAY else 0
        if last_moved:
            desk[slot, c.D_LAST_AT] = at
        if phase_moved or (last_moved and last > 0):
            out[changes, 0] = slot
            out[changes, 1] = phase if phase_moved else -1
            out[changes, 2] = last if last_moved and last > 0 else -1
            changes += 1
        for column in range(market.COLUMNS):
            row[column] = table[i, column]
    return changes
