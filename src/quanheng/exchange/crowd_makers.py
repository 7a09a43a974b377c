"""The crowd's market makers, and everything the crowd does in one class at one snapshot."""

from quanheng.exchange.book import rest, withdraw
from quanheng.exchange.chance import uniform
from quanheng.exchange.crowd_kernel import (
    CLOSING,
    CONTINUOUS,
    INTRADAY,
    OPENING,
    ask_around,
    invest,
    pick_off,
    prune,
    reprice,
    send,
)
from quanheng.exchange.crowd_layout import (
    D_BEFORE,
    D_SPOT,
    F_DEEP,
    F_FAIR,
    T_REACT,
    T_SIZE,
    T_SKIP,
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
    O_QTY,
    PHASE,
    QUOTED,
    ROOM,
    SHORT,
    STEP,
    UP,
    Market,
)
from quanheng.kernels.jit import kernel


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
def _place(m: Market, c: Crowd, maker: int, slot: int, half: float, owner: int, at: int) -> None:
    """Both sides around the fair value, leaning against the maker's own position."""
    info = m.info[slot]
    size = int(c.traits[maker, T_SIZE])
    fair = c.fair[slot, F_FAIR]
    position = m.acct[owner, LONG, slot] - m.acct[owner, SHORT, slot]
    lean = half * 0.5 * min(max(position / (20.0 * size), -1.0), 1.0)
    step = info[STEP]
    bid = int((fair - lean - half) / step) * step
    ask = int((fair - lean + half) / step + 0.999999) * step
    ask = max(ask, bid + step, step)
    bid = min(bid, info[UP])
    ask = max(ask, info[DOWN])
    if bid >= info[DOWN]:
        if info[PHASE] == CONTINUOUS:
            send(m, slot, BID_SIDE, bid, size, owner, at, AUTO | QUOTED, True)
        elif info[N_BID] < CAP - ROOM:
            rest(m, slot, BID_SIDE, bid, size, owner, m.ctl[C_NEXT_ID], at, AUTO | QUOTED)
            m.ctl[C_NEXT_ID] += 1
    if ask <= info[UP]:
        if info[PHASE] == CONTINUOUS:
            send(m, slot, ASK_SIDE, ask, size, owner, at, AUTO | QUOTED, True)
        elif info[N_BID + 1] < CAP - ROOM:
            rest(m, slot, ASK_SIDE, ask, size, owner, m.ctl[C_NEXT_ID], at, AUTO | QUOTED)
            m.ctl[C_NEXT_ID] += 1


@kernel
def _thin(m: Market, slot: int, owner: int, size: int, fair: float, half: float) -> bool:
    """Is a side that has room inside the limits gone, or down to less than half?"""
    for side in range(2):
        if side == BID_SIDE and fair - 1.5 * half < m.info[slot, DOWN]:
            continue
        if side == ASK_SIDE and fair + 1.5 * half > m.info[slot, UP]:
            continue
        at = _resting(m, slot, side, owner)
        if at < 0 or 2 * m.book[slot, side, at, O_QTY] < size:
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
            size = int(traits[T_SIZE])
            if not moved and (auction or not _thin(m, slot, owner, size, fair, half)):
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

    Accounts: wire members, then the crowd's makers, then the investors, then the informed trader.
    """
    reprice(m, c, klass, start, stop, rows, end)
    investors = m.acct.shape[0] - 2
    prune(m, start, stop, at)
    pick_off(m, c, klass, start, stop, at, investors + 1)
    invest(m, c, klass, start, stop, at, investors)
    make_market(m, c, klass, start, stop, at)
    ask_around(m, c, klass, start, stop)
    c.drive[klass, D_BEFORE] = c.drive[klass, D_SPOT]
