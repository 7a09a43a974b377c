"""Host checks and execution of members' orders and quotes, one kernel call each.

Checks run in the order of `check`, the first failure decides (interfaces.md 2.10). Codes are the
option host's own.
"""

from quanheng.exchange.book import find, hold, match, outside, rest, withdraw
from quanheng.exchange.layout import (
    BARRED,
    BID_SIDE,
    C_FILLED,
    C_FUNDS,
    C_HELD_STAYS,
    C_LEFT,
    C_NEW_ID,
    C_NEXT_ID,
    C_OLD_ID,
    C_OLD_QTY,
    C_REST_PRICE,
    C_RESTING,
    CAP,
    CASH,
    CLOSE,
    COVERED,
    COVERED_FLAG,
    DOWN,
    HELD_COVERED,
    HELD_LONG,
    HELD_MARGIN,
    HELD_PREMIUM,
    HELD_SHORT,
    KLASS,
    LAST,
    LIMIT_MAX,
    LIMIT_MIN,
    LONG,
    LOT,
    MARGIN,
    MARGIN_UNIT,
    MARKET,
    MARKET_MAX,
    MARKET_MIN,
    N_BID,
    O_FLAGS,
    O_ID,
    O_OWNER,
    O_PRICE,
    O_QTY,
    PHASE,
    QUOTED,
    R_BOUGHT,
    R_COVERED,
    R_LOCKED,
    R_LONG,
    R_MAX_BOUGHT,
    R_MAX_LONG,
    R_MAX_TOTAL,
    R_SHORT,
    R_WORK_BUY,
    R_WORK_SELL,
    SHORT,
    SIGN,
    STEP,
    UNIT,
    UP,
    Market,
)
from quanheng.kernels.jit import kernel
from quanheng.terms.codes import OrderKind, Phase

LIMIT = int(OrderKind.LIMIT)
LIMIT_FOK = int(OrderKind.LIMIT_FOK)
MARKET_IOC = int(OrderKind.MARKET_IOC)
MARKET_FOK = int(OrderKind.MARKET_FOK)
MARKET_TO_LIMIT = int(OrderKind.MARKET_TO_LIMIT)
OPENING = int(Phase.OPENING)
CONTINUOUS = int(Phase.CONTINUOUS)
INTRADAY = int(Phase.INTRADAY)
CLOSING = int(Phase.CLOSING)
HALT = int(Phase.HALT)


@kernel
def check_type(m: Market, slot: int, kind: int) -> int:
    """Is an order type taken in the contract's phase? Auctions and halts take plain limits."""
    phase = m.info[slot, PHASE]
    if phase == CONTINUOUS or (kind == LIMIT and phase in (OPENING, INTRADAY, CLOSING, HALT)):
        return 0
    if phase == OPENING:
        return 17628
    if phase == INTRADAY:
        return 17630
    if phase == CLOSING:
        return 17670
    if phase == HALT:
        return 19110
    return 17627


@kernel
def check_flags(m: Market, slot: int, side: int, flags: int) -> int:
    """Covered flags (interfaces.md 2.3) and the contract's own bars (rules.md 1.7)."""
    if flags & COVERED_FLAG:
        if m.info[slot, SIGN] < 0:
            return 17618
        if side == BID_SIDE and flags & CLOSE == 0:
            return 17614
        if side != BID_SIDE and flags & CLOSE:
            return 17616
    if flags & CLOSE == 0:
        barred = m.info[slot, BARRED]
        if side == BID_SIDE and barred & 4:
            return 17658
        if side != BID_SIDE and barred & 2 and flags & COVERED_FLAG == 0:
            return 17660
    return 0


@kernel
def check_size(m: Market, slot: int, kind: int, price: int, qty: int) -> int:
    """Quantity, price step and price limits (rules.md 2.2, 2.4)."""
    info = m.info[slot]
    plain = kind in (LIMIT, LIMIT_FOK)
    if qty < 0:
        return 19070
    if qty < (info[LIMIT_MIN] if plain else info[MARKET_MIN]):
        return 10444
    if qty > (info[LIMIT_MAX] if plain else info[MARKET_MAX]):
        return 11098
    if qty % info[LOT] != 0:
        return 19098
    if plain and (price <= 0 or price % info[STEP] != 0):
        return 17590
    if plain and (price > info[UP] or price < info[DOWN]):
        return 10450
    return 0


@kernel
def check_account(
    m: Market, slot: int, side: int, owner: int, price: int, qty: int, flags: int
) -> int:
    """Position to close, locked units, premium or margin, position limits; working orders count
    as filled.
    """
    klass = m.info[slot, KLASS]
    covered = flags & COVERED_FLAG
    if flags & CLOSE:
        have = SHORT if side == BID_SIDE else LONG
        held = HELD_SHORT if side == BID_SIDE else HELD_LONG
        if covered:
            have = COVERED
            held = HELD_COVERED
        return 10836 if m.acct[owner, have, slot] - m.acct[owner, held, slot] < qty else 0
    if covered:
        locked = m.risk[owner, klass, R_LOCKED] - m.risk[owner, klass, R_COVERED]
        if locked < qty * m.info[slot, UNIT]:
            return 17622
    elif m.ctl[C_FUNDS] == 1:
        fund = m.fund[owner]
        free = fund[CASH] - fund[MARGIN] - fund[HELD_PREMIUM] - fund[HELD_MARGIN]
        if side == BID_SIDE and free < price * qty * m.info[slot, UNIT]:
            return 17572
        if side != BID_SIDE and free < qty * m.info[slot, MARGIN_UNIT]:
            return 17574
    risk = m.risk[owner, klass]
    if risk[R_MAX_TOTAL] == 0:
        return 0
    total = risk[R_LONG] + risk[R_SHORT] + risk[R_WORK_BUY] + risk[R_WORK_SELL]
    over = total + qty > risk[R_MAX_TOTAL]
    if side == BID_SIDE:
        over = over or risk[R_LONG] + risk[R_WORK_BUY] + qty > risk[R_MAX_LONG]
        over = over or risk[R_BOUGHT] + risk[R_WORK_BUY] + qty > risk[R_MAX_BOUGHT]
    return 17606 if over else 0


@kernel
def meets_own(m: Market, slot: int, side: int, owner: int, limit: int, but: int) -> bool:
    """Would it trade with the same account's resting order (19314)? `but` is being replaced."""
    other = 1 - side
    for i in range(m.info[slot, N_BID + other]):
        order = m.book[slot, other, i]
        price = order[O_PRICE]
        if (price > limit) if side == BID_SIDE else (price < limit):
            return False
        if order[O_OWNER] == owner and order[O_ID] != but:
            return True
    return False


@kernel
def fillable(m: Market, slot: int, side: int, limit: int, qty: int) -> int:
    """0 if all of it can trade now, 1 if the book is too thin, 2 if the breaker would trigger."""
    other = 1 - side
    for i in range(m.info[slot, N_BID + other]):
        order = m.book[slot, other, i]
        price = order[O_PRICE]
        if (price > limit) if side == BID_SIDE else (price < limit):
            return 1
        if outside(m, slot, price):
            return 2
        qty -= order[O_QTY]
        if qty <= 0:
            return 0
    return 1


@kernel
def _check_book(
    m: Market, slot: int, side: int, kind: int, limit: int, qty: int, owner: int
) -> int:
    """Self-match, room in the book, all-or-nothing and market orders against the book."""
    if meets_own(m, slot, side, owner, limit, 0):
        return 19314
    if kind in (LIMIT, MARKET_TO_LIMIT) and m.info[slot, N_BID + side] >= CAP:
        return 10008
    if kind in (LIMIT_FOK, MARKET_FOK):
        thin = fillable(m, slot, side, limit, qty)
        if thin == 2:
            return 17624
        if thin == 1:
            return 12036 if kind == LIMIT_FOK else 12038
    if kind in (MARKET_IOC, MARKET_TO_LIMIT) and m.info[slot, N_BID + 1 - side] == 0:
        return 12032 if kind == MARKET_IOC else 12034
    return 0


@kernel
def enter(
    m: Market,
    slot: int,
    side: int,
    kind: int,
    price: int,
    qty: int,
    owner: int,
    at: int,
    flags: int,
) -> int:
    """Check and execute a single order; returns 0 or the code it is refused with.

    Results in `ctl`: C_NEW_ID, C_FILLED, C_LEFT (cancelled at once, or turned into a limit),
    C_REST_PRICE (of a market-to-limit order) and C_RESTING.
    """
    code = check_type(m, slot, kind)
    code = code if code else check_flags(m, slot, side, flags)
    code = code if code else check_size(m, slot, kind, price, qty)
    if code:
        return int(code)
    plain = kind in (LIMIT, LIMIT_FOK)
    info = m.info[slot]
    limit = price
    if not plain:
        limit = info[UP] if side == BID_SIDE else info[DOWN]
        flags |= MARKET
    # A market buy-open is checked at the upper limit (interfaces.md 2.8-1): `limit` is that.
    code = check_account(m, slot, side, owner, limit, qty, flags)
    code = code if code else _check_book(m, slot, side, kind, limit, qty, owner)
    if code:
        return int(code)
    order = m.ctl[C_NEXT_ID]
    m.ctl[C_NEXT_ID] += 1
    left = qty
    if info[PHASE] == CONTINUOUS:
        left = match(m, slot, side, limit, qty, owner, order, at, flags, False)
    resting = left > 0 and kind in (LIMIT, MARKET_TO_LIMIT)
    if kind == MARKET_TO_LIMIT:
        # With nothing filled (the breaker came first) it rests at the opposite best.
        limit = info[LAST] if left < qty else m.book[slot, 1 - side, 0, O_PRICE]
    if resting:
        rest(m, slot, side, limit, left, owner, order, at, flags)
    m.ctl[C_NEW_ID] = order
    m.ctl[C_FILLED] = qty - left
    m.ctl[C_LEFT] = left if kind != LIMIT else 0
    m.ctl[C_REST_PRICE] = limit if kind == MARKET_TO_LIMIT and resting else 0
    m.ctl[C_RESTING] = 1 if resting else 0
    return 0


@kernel
def cancel(m: Market, slot: int, side: int, order: int) -> int:
    """Withdraw an order by id; returns its remaining quantity, -1 if it is not there."""
    at = find(m, slot, side, order)
    return withdraw(m, slot, side, at) if at >= 0 else -1


@kernel
def _old_quote(m: Market, slot: int, side: int, owner: int) -> int:
    """Position of the account's resting quote on a side, -1 if none."""
    for i in range(m.info[slot, N_BID + side]):
        order = m.book[slot, side, i]
        if order[O_OWNER] == owner and order[O_FLAGS] & QUOTED:
            return i
    return -1


@kernel
def cancel_quote(m: Market, slot: int, side: int, owner: int) -> int:
    """Withdraw the resting quote of one side; its id and quantity are left in C_OLD_*."""
    at = _old_quote(m, slot, side, owner)
    m.ctl[C_OLD_ID + 2 * side] = 0
    m.ctl[C_OLD_QTY + 2 * side] = 0
    if at < 0:
        return 0
    m.ctl[C_OLD_ID + 2 * side] = m.book[slot, side, at, O_ID]
    m.ctl[C_OLD_QTY + 2 * side] = withdraw(m, slot, side, at)
    return int(m.ctl[C_OLD_QTY + 2 * side])


@kernel
def _check_side(
    m: Market, slot: int, side: int, owner: int, price: int, qty: int, flags: int, other: int
) -> int:
    """Everything about one carried side of a quote; `other` is the order it will not meet."""
    code = check_flags(m, slot, side, flags)
    code = code if code else check_size(m, slot, LIMIT, price, qty)
    if code:
        return int(code)
    old = _old_quote(m, slot, side, owner)
    if old >= 0 and m.ctl[C_HELD_STAYS] == 0:
        row = m.book[slot, side, old]
        hold(m, slot, side, owner, row[O_PRICE], -row[O_QTY], row[O_FLAGS])
        code = check_account(m, slot, side, owner, price, qty, flags)
        hold(m, slot, side, owner, row[O_PRICE], row[O_QTY], row[O_FLAGS])
    else:
        code = check_account(m, slot, side, owner, price, qty, flags)
    if code:
        return int(code)
    if old < 0 and m.info[slot, N_BID + side] >= CAP:
        return 10008
    return 19314 if meets_own(m, slot, side, owner, price, other) else 0


@kernel
def enter_quote(
    m: Market,
    slot: int,
    owner: int,
    at: int,
    price: tuple[int, int],
    qty: tuple[int, int],
    flags: tuple[int, int],
) -> int:
    """Check and execute a two-sided quote; returns 0 or the code it is refused with.

    Each carried side (quantity above 0) replaces the account's resting quote there and queues
    with a new time; a side that is not carried keeps its time and quantity (borders.md 4).
    Replaced orders are left in C_OLD_*, new ones in C_NEW_ID + side.
    """
    ctl = m.ctl
    for side in range(2):
        ctl[C_OLD_ID + 2 * side] = 0
        ctl[C_OLD_QTY + 2 * side] = 0
        ctl[C_NEW_ID + side] = 0
    if qty[0] == 0 and qty[1] == 0:
        return 13564
    code = check_type(m, slot, LIMIT)
    if code:
        return int(code)
    if qty[0] > 0 and qty[1] > 0 and price[0] >= price[1]:
        return 19314
    for side in range(2):
        if qty[side] == 0:
            continue
        replaced = 0
        if qty[1 - side] > 0:
            there = _old_quote(m, slot, 1 - side, owner)
            replaced = m.book[slot, 1 - side, there, O_ID] if there >= 0 else 0
        code = _check_side(m, slot, side, owner, price[side], qty[side], flags[side], replaced)
        if code:
            return int(code)
    for side in range(2):
        if qty[side] > 0:
            cancel_quote(m, slot, side, owner)
    for side in range(2):
        if qty[side] == 0:
            continue
        order = ctl[C_NEXT_ID]
        ctl[C_NEXT_ID] += 1
        ctl[C_NEW_ID + side] = order
        mark = flags[side] | QUOTED
        left = qty[side]
        if m.info[slot, PHASE] == CONTINUOUS:
            left = match(m, slot, side, price[side], left, owner, order, at, mark, False)
        if left > 0:
            rest(m, slot, side, price[side], left, owner, order, at, mark)
    return 0
