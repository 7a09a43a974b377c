"""The crowd's market makers, and everything the crowd does in one class at one snapshot."""

from quanheng.exchange.book import rest, withdraw
from quanheng.exchange.chance import uniform
from quanheng.exchange.crowd_flow import due, inquire, institutions, retail
from quanheng.exchange.crowd_informed import informed, snipe
from quanheng.exchange.crowd_kernel import (
    CLOSING,
    CONTINUOUS,
    INTRADAY,
    OPENING,
    prune,
    reprice,
    send,
)
from quanheng.exchange.crowd_layout import (
    D_BEFORE,
    D_RETAIL,
    D_SPOT,
    F_DEEP,
    F_FAIR,
    T_CAPACITY,
    T_REACT,
    T_SIZE,
    T_SKIP,
    T_VIEW,
    T_WIDTH,
    Crowd,
)
from quanheng.exchange.layout import (
    ASK_SIDE,
    AUTO,
    BID_SIDE,
    C_MEMBERS,
    C_NEXT_ID,
    CAP,
    DOWN,
    FAR,
    FIXED,
    LONG,
    N_BID,
    O_OWNER,
    O_PRICE,
    O_QTY,
    PHASE,
    QUOTED,
    ROOM,
    SHORT,
    STEP,
    UP,
    Floats,
    Market,
)
from quanheng.kernels.jit import kernel

MOST_LEAN = 1.5
"""Half widths that a maker shifts its quote at most; at that position the adding side stops."""


@kernel
def _resting(m: Market, slot: int, side: int, owner: int) -> int:
    """Position of the maker's order on a side, -1 if none."""
    for i in range(m.info[slot, N_BID + side]):
        if m.book[slot, side, i, O_OWNER] == owner:
            return i
    return -1


@kernel
def _clear(m: Market, slot: int, owner: int) -> None:
    for side in range(2):
        at = _resting(m, slot, side, owner)
        if at >= 0:
            withdraw(m, slot, side, at)


@kernel
def opinion(slot: int, maker: int) -> float:
    """How a maker sees a contract against fair, -1 to 1: fixed, different for each maker."""
    return float((slot * 37 + maker * 61) % 101) / 50.0 - 1.0


@kernel
def _lean(m: Market, slot: int, owner: int, capacity: float) -> float:
    """Half widths that a maker's position shifts its quote down."""
    position = m.acct[owner, LONG, slot] - m.acct[owner, SHORT, slot]
    return float(min(max(position / capacity, -MOST_LEAN), MOST_LEAN))


@kernel
def _show(m: Market, slot: int, side: int, price: int, size: int, owner: int, at: int) -> None:
    """One side of a maker's quote; in auctions it only rests."""
    info = m.info[slot]
    if info[PHASE] == CONTINUOUS:
        send(m, slot, side, price, size, owner, at, AUTO | QUOTED, True)
    elif info[N_BID + side] < CAP - ROOM:
        rest(m, slot, side, price, size, owner, m.ctl[C_NEXT_ID], at, AUTO | QUOTED)
        m.ctl[C_NEXT_ID] += 1


@kernel
def _place(m: Market, c: Crowd, maker: int, slot: int, half: float, owner: int, at: int) -> None:
    """Both sides around the maker's own view, leaning against its position, never taking."""
    info = m.info[slot]
    traits = c.traits[maker]
    size = int(traits[T_SIZE])
    lean = _lean(m, slot, owner, traits[T_CAPACITY])
    middle = c.fair[slot, F_FAIR] + half * (traits[T_VIEW] * opinion(slot, maker) - lean)
    step = info[STEP]
    bid = int((middle - half) / step) * step
    ask = int((middle + half) / step + 0.999999) * step
    ask = max(ask, bid + step, step)
    if info[PHASE] == CONTINUOUS:
        if info[N_BID + 1] > 0:
            bid = min(bid, m.book[slot, ASK_SIDE, 0, O_PRICE] - step)
        if info[N_BID] > 0:
            ask = max(ask, m.book[slot, BID_SIDE, 0, O_PRICE] + step)
    bid = min(bid, info[UP])
    ask = max(ask, info[DOWN])
    if bid >= info[DOWN] and lean < MOST_LEAN:
        _show(m, slot, BID_SIDE, bid, size, owner, at)
    if ask <= info[UP] and lean > -MOST_LEAN:
        _show(m, slot, ASK_SIDE, ask, size, owner, at)


@kernel
def _thin(m: Market, slot: int, owner: int, traits: Floats, fair: float, half: float) -> bool:
    """Is a side that has room inside the limits gone, or down to less than half?"""
    lean = _lean(m, slot, owner, traits[T_CAPACITY])
    for side in range(2):
        if (lean if side == BID_SIDE else -lean) >= MOST_LEAN:
            continue
        if side == BID_SIDE and fair - 1.5 * half < m.info[slot, DOWN]:
            continue
        if side == ASK_SIDE and fair + 1.5 * half > m.info[slot, UP]:
            continue
        at = _resting(m, slot, side, owner)
        if at < 0 or 2 * m.book[slot, side, at, O_QTY] < traits[T_SIZE]:
            return True
    return False


@kernel
def make_market(m: Market, c: Crowd, klass: int, start: int, stop: int, at: int) -> None:
    """Each maker requotes what moved by a good part of its width, when it gets round to it."""
    rng = c.rng
    for maker in range(c.traits.shape[0]):
        traits = c.traits[maker]
        owner = m.ctl[C_MEMBERS] + maker
        for slot in range(start, stop):
            phase = m.info[slot, PHASE]
            auction = phase in (OPENING, INTRADAY, CLOSING)
            if phase != CONTINUOUS and not auction:
                continue
            # A fixed share of the deep contracts, different for each maker, is left alone.
            if (
                c.fair[slot, F_DEEP] > 0.0
                and (slot * 37 + maker * 61) % 100 < 100.0 * traits[T_SKIP]
            ):
                continue
            fair = c.fair[slot, F_FAIR]
            rule = c.band[m.info[slot, FAR]]
            half = 0.5 * traits[T_WIDTH] * max(rule[0] * fair, rule[1])
            half = max(half, 0.6 * m.info[slot, STEP])
            last = c.desk[maker, slot]
            moved = last == 0.0 or abs(fair - last) > 0.5 * half + 0.5
            if not moved and (auction or not _thin(m, slot, owner, traits, fair, half)):
                continue
            # A market that is not quoted at all is taken up at leisure in an auction.
            chance = traits[T_REACT] * (0.02 if phase == OPENING else 1.0)
            if uniform(rng, klass) >= chance:
                continue
            if m.info[slot, FIXED] == 1 and last != 0.0:
                continue
            _clear(m, slot, owner)
            _place(m, c, maker, slot, half, owner, at)
            c.desk[maker, slot] = max(fair, 1e-9)


@kernel
def act(
    m: Market, c: Crowd, klass: int, start: int, stop: int, rows: int, end: int, at: int
) -> None:
    """One snapshot interval of the crowd in one class.

    Accounts: wire members, then the crowd's makers, then one for each of `layout.PUBLIC`.
    """
    reprice(m, c, klass, start, stop, rows, end, at)
    prune(m, start, stop, at)
    snipe(m, c, klass, start, stop, at)
    informed(m, c, klass, start, stop, at)
    contracts = due(m, c, klass, start, stop)
    share = c.drive[klass, D_RETAIL]
    retail(m, c, klass, start, stop, at, contracts * share)
    institutions(m, c, klass, start, stop, at, contracts * (1.0 - share))
    make_market(m, c, klass, start, stop, at)
    inquire(m, c, klass, start, stop, at)
    c.drive[klass, D_BEFORE] = c.drive[klass, D_SPOT]
