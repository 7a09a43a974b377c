"""The call auction: one price for all, and the uncross (rules.md 2.6, reading A30).

At the price the volume is largest, and every bid above and every ask below is filled in full;
of several such prices the one of the least unmatched volume, of several of those the middle one
(half up to the step), or the one nearest the reference (of two equally near the higher).
"""

from quanheng.exchange.book import drop, trade
from quanheng.exchange.layout import (
    ASK_SIDE,
    BID_SIDE,
    C_AUCTION_PRICE,
    C_AUCTION_VOLUME,
    C_EVENTS,
    C_NEAREST,
    EVENTS,
    N_ASK,
    N_BID,
    O_PRICE,
    O_QTY,
    REFERENCE,
    STEP,
    Ints,
    Market,
)
from quanheng.kernels.jit import kernel

Best = tuple[int, int, int, int]


@kernel
def _middle(m: Market, slot: int, low: int, high: int) -> int:
    step = m.info[slot, STEP]
    doubled = low + high
    if m.ctl[C_NEAREST] == 1:
        doubled = 2 * min(max(m.info[slot, REFERENCE], low), high)
    return int((doubled + step) // (2 * step) * step)


@kernel
def _better(
    best: Best, demand: int, supply: int, over: int, under: int, first: int, last: int
) -> Best:
    """Weigh the prices [first, last] against the best so far (volume, unmatched, low, high).

    `demand` and `supply` count the orders that would trade there, `over` and `under` those of
    better prices, which must all be filled.
    """
    volume, gap, low, high = best
    done = min(demand, supply)
    left = abs(demand - supply)
    if first > last or done == 0 or over > done or under > done or done < volume:
        return best
    if done > volume or left < gap:
        return done, left, first, last
    return volume, gap, low, last if left == gap else high


@kernel
def _lowest(bids: Ints, i: int, asks: Ints, j: int, n: int) -> int:
    """The lowest order price among the bids before i and the asks from j on."""
    if j >= n or (i > 0 and bids[i - 1, O_PRICE] < asks[j, O_PRICE]):
        return int(bids[i - 1, O_PRICE])
    return int(asks[j, O_PRICE])


@kernel
def auction_price(m: Market, slot: int) -> int:
    """The auction's price, 0 if nothing trades; its volume is left in C_AUCTION_VOLUME.

    Demand and supply only change at order prices, so it is enough to look at each of them and at
    the prices between neighbours, upwards.
    """
    m.ctl[C_AUCTION_PRICE] = 0
    m.ctl[C_AUCTION_VOLUME] = 0
    bids = m.book[slot, BID_SIDE]
    asks = m.book[slot, ASK_SIDE]
    i = m.info[slot, N_BID]
    n = m.info[slot, N_ASK]
    if i == 0 or n == 0 or bids[0, O_PRICE] < asks[0, O_PRICE]:
        return 0
    step = m.info[slot, STEP]
    demand = bids[:i, O_QTY].sum()
    supply = 0
    j = 0
    best = (0, 0, 0, 0)
    price = _lowest(bids, i, asks, j, n)
    while i > 0:
        under = supply
        while j < n and asks[j, O_PRICE] == price:
            supply += asks[j, O_QTY]
            j += 1
        over = demand
        while i > 0 and bids[i - 1, O_PRICE] == price:
            over -= bids[i - 1, O_QTY]
            i -= 1
        best = _better(best, demand, supply, over, under, price, price)
        demand = over
        if i > 0:
            following = _lowest(bids, i, asks, j, n)
            best = _better(best, demand, supply, demand, supply, price + step, following - step)
            price = following
    volume, _, low, high = best
    if volume == 0:
        return 0
    m.ctl[C_AUCTION_PRICE] = _middle(m, slot, low, high)
    m.ctl[C_AUCTION_VOLUME] = volume
    return int(m.ctl[C_AUCTION_PRICE])


@kernel
def uncross(m: Market, slot: int, at: int) -> int:
    """Trade everything the auction can, at its price; returns that price, 0 if none.

    -1 asks the caller to empty the event table first and to come back.
    """
    if m.ctl[C_EVENTS] > EVENTS - 2 * m.book.shape[2]:
        return -1
    price = auction_price(m, slot)
    left = m.ctl[C_AUCTION_VOLUME]
    while left > 0:
        fill = min(left, m.book[slot, BID_SIDE, 0, O_QTY], m.book[slot, ASK_SIDE, 0, O_QTY])
        trade(m, slot, price, fill, 0, 0, at, -1)
        for side in range(2):
            if m.book[slot, side, 0, O_QTY] == 0:
                drop(m, slot, side, 0)
        left -= fill
    return price
