"""Flow without information: the day's schedule, retail, institutions, inquirers.

The schedule says how many contracts a class should have traded by now (`profile.HOURS`); what the
market is behind, whoever it was that traded, the investors catch up over minutes. Retail are many
small orders of either side; institutions work metaorders, most of them on the side of their mood,
and their flow moves the volatility a little.
"""

from quanheng.exchange.chance import below, count, uniform, waiting
from quanheng.exchange.crowd_kernel import (
    CLOSING,
    CONTINUOUS,
    INTRADAY,
    OPENING,
    choose,
    send,
    worse,
)
from quanheng.exchange.crowd_layout import (
    A_AT,
    A_QTY,
    A_SIDE,
    A_SLOT,
    D_CATCH,
    D_DUE,
    D_FOLLOW,
    D_IMPACT,
    D_INQUIRY,
    D_MOOD,
    D_MOST,
    D_OWED,
    D_PARENT,
    D_PATIENCE,
    D_PERSIST,
    D_PLANNED,
    D_TURN,
    F_FAIR,
    F_INSTITUTION,
    F_PLACE,
    F_RETAIL,
    P_LEFT,
    P_SIDE,
    P_SLOT,
    PARENTS,
    S_ATM,
    Crowd,
)
from quanheng.exchange.layout import (
    ASK_SIDE,
    AUTO,
    BID_SIDE,
    C_EVENTS,
    C_MAKERS,
    DOWN,
    E_KIND,
    E_PRICE,
    E_QTY,
    E_SLOT,
    EXPIRY,
    FAR,
    INQUIRED,
    INSTITUTION,
    N_BID,
    O_PRICE,
    PHASE,
    RETAIL,
    STEP,
    VOLUME,
    Market,
)
from quanheng.kernels.jit import kernel

TAKES = 0.85
"""Investors who take a price that is good enough; the others show their order first."""
RETAIL_ORDER = 5.0
"""Contracts of a retail order on average, before those that are only shown."""
MOST_ORDER = 40
CHEAP_BUYERS = 0.54
"""Share of buyers among retail orders out of the money."""
SECOND = 1_000_000_000.0


@kernel
def due(m: Market, c: Crowd, klass: int, start: int, stop: int) -> float:
    """Contracts the investors should trade in this step."""
    drive = c.drive[klass]
    done = 0
    for slot in range(start, stop):
        done += m.info[slot, VOLUME]
    wanted = drive[D_DUE] + drive[D_CATCH] * (drive[D_PLANNED] - done)
    return float(min(max(wanted, 0.0), drive[D_MOST]))


@kernel
def patience(m: Market, c: Crowd, klass: int, slot: int) -> float:
    """Ticks over fair that someone who wants to trade now will pay: where spreads are wide people
    expect to pay more.
    """
    rule = c.band[m.info[slot, FAR]]
    allowed = max(rule[0] * c.fair[slot, F_FAIR], rule[1])
    return 1.0 + waiting(c.rng, klass, c.drive[klass, D_PATIENCE] * allowed)


@kernel
def take_or_join(
    m: Market, c: Crowd, klass: int, slot: int, side: int, qty: int, owner: int, at: int, flags: int
) -> int:
    """Take the best price if it is worth it, else show the order at one's own best or inside.

    Returns the contracts that traded, -1 when the order only rests.
    """
    other = 1 - side
    step = m.info[slot, STEP]
    fair = c.fair[slot, F_FAIR]
    limit = patience(m, c, klass, slot)
    if m.info[slot, N_BID + other] > 0:
        best = m.book[slot, other, 0, O_PRICE]
        if worse(fair, best, side) <= limit and uniform(c.rng, klass) < TAKES:
            reach = step * below(c.rng, klass, 3)
            price = best + (reach if side == BID_SIDE else -reach)
            return send(m, slot, side, price, qty, owner, at, flags, False)
    if m.info[slot, N_BID] == 0 or m.info[slot, N_BID + 1] == 0:
        return -1
    wall = m.book[slot, other, 0, O_PRICE]
    shift = step * (below(c.rng, klass, 4) - 2)
    price = m.book[slot, side, 0, O_PRICE] + (shift if side == BID_SIDE else -shift)
    price = min(price, wall - step) if side == BID_SIDE else max(price, wall + step)
    if price >= m.info[slot, DOWN] and worse(fair, price, side) <= limit:
        send(m, slot, side, price, qty, owner, at, flags, True)
    return -1


@kernel
def retail(
    m: Market, c: Crowd, klass: int, start: int, stop: int, at: int, contracts: float
) -> None:
    """Small orders of either side, in continuous trading and in auctions."""
    rng = c.rng
    owner = m.ctl[C_MAKERS] + RETAIL
    for _ in range(count(rng, klass, contracts / RETAIL_ORDER)):
        slot = choose(c, klass, start, stop, F_RETAIL)
        phase = m.info[slot, PHASE]
        qty = 1 + min(int(waiting(rng, klass, RETAIL_ORDER - 0.5)), MOST_ORDER)
        buyers = CHEAP_BUYERS if c.fair[slot, F_PLACE] > 1.0 else 0.5
        side = BID_SIDE if uniform(rng, klass) < buyers else ASK_SIDE
        if phase == CONTINUOUS:
            flags = AUTO if uniform(rng, klass) < 0.5 else 0
            take_or_join(m, c, klass, slot, side, qty, owner, at, flags)
        elif phase in (OPENING, INTRADAY, CLOSING) and uniform(rng, klass) < 0.06:
            fair = c.fair[slot, F_FAIR]
            step = m.info[slot, STEP]
            shift = (uniform(rng, klass) - 0.5) * (0.06 * fair + 4.0)
            price = int((fair + shift) / step + 0.5) * step
            if price >= step:
                send(m, slot, side, price, qty, owner, at, AUTO, True)


@kernel
def _begin(c: Crowd, klass: int, k: int, start: int, stop: int) -> None:
    """A new metaorder in place `k`, most often on the side of the mood."""
    rng = c.rng
    drive = c.drive[klass]
    order = c.parents[klass, k]
    order[P_SLOT] = choose(c, klass, start, stop, F_INSTITUTION)
    follows = uniform(rng, klass) < drive[D_PERSIST]
    buys = (drive[D_MOOD] > 0.0) == follows
    order[P_SIDE] = BID_SIDE if buys else ASK_SIDE
    order[P_LEFT] = 1.0 + int(waiting(rng, klass, drive[D_PARENT]))


@kernel
def institutions(
    m: Market, c: Crowd, klass: int, start: int, stop: int, at: int, contracts: float
) -> None:
    """Clips of working metaorders until what is owed in this step was sent."""
    rng = c.rng
    drive = c.drive[klass]
    owner = m.ctl[C_MAKERS] + INSTITUTION
    if uniform(rng, klass) < drive[D_TURN]:
        drive[D_MOOD] = -drive[D_MOOD]
    drive[D_OWED] = min(drive[D_OWED] + contracts, drive[D_MOST])
    for _ in range(60):
        if drive[D_OWED] < 1.0:
            break
        k = below(rng, klass, PARENTS)
        order = c.parents[klass, k]
        if order[P_LEFT] < 1.0:
            _begin(c, klass, k, start, stop)
        slot = int(order[P_SLOT])
        if m.info[slot, PHASE] != CONTINUOUS:
            order[P_LEFT] = 0.0
            continue
        clip = min(int(order[P_LEFT]), 8 + below(rng, klass, 25))
        side = int(order[P_SIDE])
        traded = take_or_join(m, c, klass, slot, side, clip, owner, at, AUTO)
        order[P_LEFT] -= clip
        # A clip that only rests may trade later: a part of it is counted now.
        drive[D_OWED] -= traded if traded >= 0 else 0.3 * clip
        if traded > 0:
            push = 1.0 if side == BID_SIDE else -1.0
            c.surface[m.info[slot, EXPIRY], S_ATM] *= 1.0 + push * traded * drive[D_IMPACT]


@kernel
def inquire(m: Market, c: Crowd, klass: int, start: int, stop: int, at: int) -> None:
    """Now and then someone inquires in a contract that trades little, and may trade on the answer
    (I-18: an inquiry names a contract, maybe a side and size).
    """
    rng = c.rng
    asked = c.asked[klass]
    if 0.0 < asked[A_AT] <= at:
        slot = int(asked[A_SLOT])
        asked[A_AT] = 0.0
        if m.info[slot, PHASE] == CONTINUOUS:
            owner = m.ctl[C_MAKERS] + INSTITUTION
            side, qty = int(asked[A_SIDE]), int(asked[A_QTY])
            take_or_join(m, c, klass, slot, side, qty, owner, at, AUTO)
    if uniform(rng, klass) >= c.drive[klass, D_INQUIRY]:
        return
    slot = start + below(rng, klass, stop - start)
    for _ in range(3):
        one = start + below(rng, klass, stop - start)
        if m.info[one, VOLUME] < m.info[slot, VOLUME]:
            slot = one
    if m.info[slot, PHASE] != CONTINUOUS:
        return
    side = below(rng, klass, 2)
    qty = 10 * (1 + below(rng, klass, 3))
    shown = uniform(rng, klass) < 0.67
    row = m.ev[m.ctl[C_EVENTS]]
    row[:] = 0
    row[E_KIND] = INQUIRED
    row[E_SLOT] = slot
    row[E_PRICE] = side + 1 if shown else 0
    row[E_QTY] = qty if uniform(rng, klass) < 0.75 else 0
    m.ctl[C_EVENTS] += 1
    if uniform(rng, klass) < c.drive[klass, D_FOLLOW]:
        asked[A_SLOT] = slot
        asked[A_SIDE] = side
        asked[A_QTY] = qty
        asked[A_AT] = at + (5.0 + 15.0 * uniform(rng, klass)) * SECOND
