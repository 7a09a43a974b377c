"""The order book: price-time priority, holds, trades, the circuit breaker (rules.md 2.5, 2.6).

Kernels over `Market`. A side is sorted best first; equal prices by order id, which grows with
time. Matching is at the resting order's price. Every change of a market maker's orders marks
(slot, account) in `touch`, so that its effective quote is looked at again.
"""

from quanheng.exchange.layout import (
    ASK_SIDE,
    AUCTION_END,
    AUTO,
    BAND_HIGH,
    BAND_LOW,
    BID_SIDE,
    BROKE,
    C_AUCTION,
    C_EVENTS,
    C_EXCHANGE,
    C_FEE,
    C_MAKERS,
    C_MEMBERS,
    C_PRE_TRADE,
    C_TOUCHED,
    CAP,
    CASH,
    CLOSE,
    COVERED,
    COVERED_FLAG,
    E_AGGRESSOR,
    E_BUY_AT,
    E_BUY_FLAGS,
    E_BUY_ID,
    E_BUY_LEFT,
    E_BUYER,
    E_KIND,
    E_PREVIOUS,
    E_PRICE,
    E_QTY,
    E_SLOT,
    EVENTS,
    FEES,
    HELD_COVERED,
    HELD_LONG,
    HELD_MARGIN,
    HELD_PREMIUM,
    HELD_SHORT,
    HIGH,
    IN_AUCTION,
    INTEREST,
    KLASS,
    LAST,
    LAST_AT,
    LONG,
    LOW,
    MARGIN,
    MARGIN_UNIT,
    MARKET,
    N_BID,
    O_AT,
    O_FLAGS,
    O_ID,
    O_OWNER,
    O_PRICE,
    O_QTY,
    OPEN,
    ORDER,
    ORDINARY,
    PHASE,
    PROVIDER,
    R_BOUGHT,
    R_COVERED,
    R_LONG,
    R_SHORT,
    R_WORK_BUY,
    R_WORK_SELL,
    REFERENCE,
    SHORT,
    TAKER,
    TRADED,
    TURNOVER,
    UNIT,
    VOLUME,
    Market,
)
from quanheng.kernels.jit import kernel

INTRADAY = 4
"""Phase.INTRADAY, as kernels know it."""


@kernel
def touched(m: Market, slot: int, owner: int) -> None:
    """Note that a market maker's orders in a contract changed."""
    if owner < m.ctl[C_MAKERS]:
        m.touch[slot, owner] = 1
        m.ctl[C_TOUCHED] = 1


@kernel
def hold(m: Market, slot: int, side: int, owner: int, price: int, qty: int, flags: int) -> None:
    """Freeze (qty > 0) or release (qty < 0) what stands behind a member's working order."""
    if owner >= m.ctl[C_MEMBERS]:
        return
    klass = m.info[slot, KLASS]
    if flags & CLOSE and flags & COVERED_FLAG:
        m.acct[owner, HELD_COVERED, slot] += qty
    elif flags & CLOSE:
        m.acct[owner, HELD_SHORT if side == BID_SIDE else HELD_LONG, slot] += qty
    elif side == BID_SIDE:
        m.fund[owner, HELD_PREMIUM] += price * qty * m.info[slot, UNIT]
        m.risk[owner, klass, R_WORK_BUY] += qty
    else:
        if flags & COVERED_FLAG:
            m.risk[owner, klass, R_COVERED] += qty * m.info[slot, UNIT]
        else:
            m.fund[owner, HELD_MARGIN] += qty * m.info[slot, MARGIN_UNIT]
        m.risk[owner, klass, R_WORK_SELL] += qty


@kernel
def find(m: Market, slot: int, side: int, order: int) -> int:
    """Position of an order in its side, -1 if it is not there."""
    for i in range(m.info[slot, N_BID + side]):
        if m.book[slot, side, i, O_ID] == order:
            return i
    return -1


@kernel
def drop(m: Market, slot: int, side: int, at: int) -> None:
    """Take out the order at a position, without releasing what it holds."""
    count = m.info[slot, N_BID + side] - 1
    for i in range(at, count):
        for k in range(ORDER):
            m.book[slot, side, i, k] = m.book[slot, side, i + 1, k]
    m.book[slot, side, count, :] = 0
    m.info[slot, N_BID + side] = count


@kernel
def withdraw(m: Market, slot: int, side: int, at: int) -> int:
    """Cancel the order at a position; returns its remaining quantity."""
    row = m.book[slot, side, at]
    qty = row[O_QTY]
    owner = row[O_OWNER]
    hold(m, slot, side, owner, row[O_PRICE], -qty, row[O_FLAGS])
    drop(m, slot, side, at)
    touched(m, slot, owner)
    return int(qty)


@kernel
def rest(
    m: Market,
    slot: int,
    side: int,
    price: int,
    qty: int,
    owner: int,
    order: int,
    at: int,
    flags: int,
) -> bool:
    """Insert by price, then time; False if the side is full."""
    count = m.info[slot, N_BID + side]
    if count >= CAP:
        return False
    i = count
    while i > 0:
        there = m.book[slot, side, i - 1, O_PRICE]
        if (there >= price) if side == BID_SIDE else (there <= price):
            break
        for k in range(ORDER):
            m.book[slot, side, i, k] = m.book[slot, side, i - 1, k]
        i -= 1
    row = m.book[slot, side, i]
    row[O_PRICE] = price
    row[O_QTY] = qty
    row[O_OWNER] = owner
    row[O_ID] = order
    row[O_AT] = at
    row[O_FLAGS] = flags
    m.info[slot, N_BID + side] = count + 1
    hold(m, slot, side, owner, price, qty, flags)
    touched(m, slot, owner)
    return True


@kernel
def _book_side(
    m: Market, slot: int, side: int, owner: int, flags: int, price: int, qty: int, role: int
) -> int:
    """Move one side of a trade through its account; returns the contracts it opened."""
    mine = LONG if side == BID_SIDE else SHORT
    other = SHORT if side == BID_SIDE else LONG
    covered = flags & COVERED_FLAG
    if covered:
        # Only sell-opens and buy-closes can be covered; units stand behind them instead of margin.
        mine = LONG if side == BID_SIDE else COVERED
        other = COVERED if side == BID_SIDE else LONG
    closed = 0
    if flags & CLOSE:
        closed = qty
    elif flags & AUTO:
        closed = min(qty, m.acct[owner, other, slot])
    opened = qty - closed
    klass = m.info[slot, KLASS]
    m.acct[owner, other, slot] -= closed
    m.acct[owner, mine, slot] += opened
    m.risk[owner, klass, R_SHORT if side == BID_SIDE else R_LONG] -= closed
    m.risk[owner, klass, R_LONG if side == BID_SIDE else R_SHORT] += opened
    amount = price * qty * m.info[slot, UNIT]
    if side == BID_SIDE:
        m.risk[owner, klass, R_BOUGHT] += opened
        m.fund[owner, CASH] -= amount
        if not covered:
            m.fund[owner, MARGIN] -= closed * m.info[slot, MARGIN_UNIT]
    else:
        m.fund[owner, CASH] += amount
        if not covered:
            m.fund[owner, MARGIN] += opened * m.info[slot, MARGIN_UNIT]
    if covered:
        m.risk[owner, klass, R_COVERED] += (opened - closed) * m.info[slot, UNIT]
    fee = C_FEE + role * 4 + side * 2
    cost = m.ctl[fee] * opened + m.ctl[fee + 1] * closed
    m.fund[owner, CASH] -= cost
    m.fund[owner, FEES] += cost
    m.ctl[C_EXCHANGE] += cost
    return int(opened)


@kernel
def _role(m: Market, owner: int, auction: bool, earlier: bool, flags: int) -> int:
    """Which fee a fill pays (rules.md 6, E-08): a maker provides with its earlier limit order."""
    if owner >= m.ctl[C_MAKERS]:
        return ORDINARY
    if auction:
        return IN_AUCTION
    return PROVIDER if earlier and flags & MARKET == 0 else TAKER


@kernel
def trade(
    m: Market, slot: int, price: int, qty: int, bid: int, ask: int, at: int, aggressor: int
) -> None:
    """One fill between positions `bid` and `ask` of the book; -1 stands for the row at CAP - 1.

    `aggressor` is the side whose order came last, or -1 in an auction. The incoming order's data
    are in the last event row prepared by the caller (`_incoming`). Fields of both sides are
    written to one event row.
    """
    info = m.info[slot]
    row = m.ev[m.ctl[C_EVENTS]]
    row[E_KIND] = TRADED
    row[E_SLOT] = slot
    row[E_PRICE] = price
    row[E_QTY] = qty
    row[E_PREVIOUS] = info[LAST]
    row[E_AGGRESSOR] = aggressor
    opened = 0
    for side in range(2):
        here = bid if side == BID_SIDE else ask
        owner = row[E_BUYER + side]
        flags = row[E_BUY_FLAGS + side]
        if here >= 0:
            order = m.book[slot, side, here]
            owner = order[O_OWNER]
            flags = order[O_FLAGS]
            row[E_BUYER + side] = owner
            row[E_BUY_ID + side] = order[O_ID]
            row[E_BUY_AT + side] = order[O_AT]
            row[E_BUY_FLAGS + side] = flags
            hold(m, slot, side, owner, order[O_PRICE], -qty, flags)
            order[O_QTY] -= qty
            row[E_BUY_LEFT + side] = order[O_QTY]
            touched(m, slot, owner)
        role = _role(m, owner, aggressor < 0, side != aggressor, flags)
        part = _book_side(m, slot, side, owner, flags, price, qty, role)
        opened += part if side == BID_SIDE else part - qty
    info[INTEREST] += opened
    info[LAST] = price
    info[LAST_AT] = at
    if info[VOLUME] == 0:
        info[OPEN] = price
        info[HIGH] = price
        info[LOW] = price
    info[HIGH] = max(info[HIGH], price)
    info[LOW] = min(info[LOW], price)
    info[VOLUME] += qty
    info[TURNOVER] += price * qty * info[UNIT]
    m.ctl[C_EVENTS] += 1


@kernel
def break_off(m: Market, slot: int, at: int) -> None:
    """Start the intraday call auction of a contract."""
    m.info[slot, PHASE] = INTRADAY
    m.info[slot, AUCTION_END] = at + m.ctl[C_AUCTION]
    row = m.ev[m.ctl[C_EVENTS]]
    row[:] = 0
    row[E_KIND] = BROKE
    row[E_SLOT] = slot
    row[E_PRICE] = m.info[slot, REFERENCE]
    m.ctl[C_EVENTS] += 1


@kernel
def outside(m: Market, slot: int, price: int) -> bool:
    """True if a trade at this price triggers the breaker."""
    return bool(price < m.info[slot, BAND_LOW] or price > m.info[slot, BAND_HIGH])


@kernel
def match(
    m: Market,
    slot: int,
    side: int,
    limit: int,
    qty: int,
    owner: int,
    order: int,
    at: int,
    flags: int,
    calm: bool,
) -> int:
    """Trade an incoming order against the other side up to `limit`; returns what is left.

    `calm` orders (the crowd's) stop short of a price that would trigger the breaker; others
    start the intraday auction there, with (post-trade reading of A29) or without that trade.
    """
    other = 1 - side
    while qty > 0 and m.info[slot, N_BID + other] > 0 and m.ctl[C_EVENTS] < EVENTS - 2:
        best = m.book[slot, other, 0]
        price = best[O_PRICE]
        if (price > limit) if side == BID_SIDE else (price < limit):
            break
        trips = outside(m, slot, price)
        if trips and calm:
            break
        if trips and m.ctl[C_PRE_TRADE] == 1:
            break_off(m, slot, at)
            break
        fill = min(qty, best[O_QTY])
        qty -= fill
        row = m.ev[m.ctl[C_EVENTS]]
        row[E_BUYER + side] = owner
        row[E_BUY_ID + side] = order
        row[E_BUY_AT + side] = at
        row[E_BUY_FLAGS + side] = flags
        row[E_BUY_LEFT + side] = qty
        bid = -1 if side == BID_SIDE else 0
        ask = -1 if side == ASK_SIDE else 0
        trade(m, slot, price, fill, bid, ask, at, side)
        if m.book[slot, other, 0, O_QTY] == 0:
            drop(m, slot, other, 0)
        if trips:
            break_off(m, slot, at)
            break
    return int(qty)
