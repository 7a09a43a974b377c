"""Snapshots: the rows of a class that changed, as the feed publishes them (interfaces.md 4).

During a call auction both best prices are the virtual price with the virtual volume, and the
second level's quantities are what stays unmatched on each side (interfaces.md 4.1).
"""

from quanheng.exchange.auction import auction_price
from quanheng.exchange.layout import (
    BARRED,
    BID_SIDE,
    C_AUCTION_VOLUME,
    HIGH,
    INTEREST,
    LAST,
    LOW,
    N_BID,
    O_PRICE,
    O_QTY,
    OPEN,
    PHASE,
    REFERENCE,
    TURNOVER,
    VOLUME,
    Ints,
    Market,
)
from quanheng.kernels.jit import kernel
from quanheng.terms import market
from quanheng.terms.codes import Phase

CONTINUOUS = int(Phase.CONTINUOUS)
OPENING = int(Phase.OPENING)
INTRADAY = int(Phase.INTRADAY)
CLOSING = int(Phase.CLOSING)
HALT = int(Phase.HALT)
COLUMNS = market.COLUMNS
LEVELS = market.LEVELS
BID = market.BID
BID_QTY = market.BID_QTY
ASK = market.ASK
ASK_QTY = market.ASK_QTY
ACCEPTS = 8


@kernel
def _levels(m: Market, slot: int, side: int, prices: Ints, sizes: Ints) -> None:
    level = -1
    for i in range(m.info[slot, N_BID + side]):
        price = m.book[slot, side, i, O_PRICE]
        if level < 0 or price != prices[level]:
            if level == LEVELS - 1:
                return
            level += 1
            prices[level] = price
        sizes[level] += m.book[slot, side, i, O_QTY]


@kernel
def _virtual(m: Market, slot: int, row: Ints) -> None:
    """The auction as it would be now: price, volume, and what stays unmatched at that price."""
    price = auction_price(m, slot)
    if price == 0:
        return
    volume = m.ctl[C_AUCTION_VOLUME]
    row[market.AUCTION_QTY] = volume
    row[BID] = price
    row[ASK] = price
    row[BID_QTY] = volume
    row[ASK_QTY] = volume
    for side in range(2):
        total = 0
        for i in range(m.info[slot, N_BID + side]):
            there = m.book[slot, side, i, O_PRICE]
            if (there >= price) if side == BID_SIDE else (there <= price):
                total += m.book[slot, side, i, O_QTY]
        row[(BID_QTY if side == BID_SIDE else ASK_QTY) + 1] = total - volume


@kernel
def _row(m: Market, slot: int, row: Ints) -> None:
    info = m.info[slot]
    phase = info[PHASE]
    row[:] = 0
    row[market.SLOT] = slot
    row[market.PHASE] = phase
    auction = phase in (OPENING, INTRADAY, CLOSING, HALT)
    row[market.FLAGS] = info[BARRED] | (ACCEPTS if auction or phase == CONTINUOUS else 0)
    row[market.LAST] = info[LAST]
    row[market.OPEN] = info[OPEN]
    row[market.HIGH] = info[HIGH]
    row[market.LOW] = info[LOW]
    row[market.VOLUME] = info[VOLUME]
    row[market.TURNOVER] = info[TURNOVER]
    row[market.OPEN_INTEREST] = info[INTEREST]
    row[market.AUCTION_PRICE] = info[REFERENCE]
    if auction:
        _virtual(m, slot, row)
    else:
        _levels(m, slot, 0, row[BID : BID + LEVELS], row[BID_QTY : BID_QTY + LEVELS])
        _levels(m, slot, 1, row[ASK : ASK + LEVELS], row[ASK_QTY : ASK_QTY + LEVELS])


@kernel
def snapshot(m: Market, start: int, stop: int, image: bool, shown: Ints, out: Ints) -> int:
    """Rows of slots [start, stop) that differ from `shown` (all if `image`); returns how many.

    `shown` is int64[slots, COLUMNS] of what was last published and is brought up to date.
    """
    count = 0
    for slot in range(start, stop):
        row = out[count]
        _row(m, slot, row)
        changed = image
        for k in range(COLUMNS):
            if row[k] != shown[slot, k]:
                changed = True
                break
        if changed:
            shown[slot] = row
            count += 1
    return count
