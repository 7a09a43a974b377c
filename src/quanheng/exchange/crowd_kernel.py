"""What the crowd does in one class at one snapshot: reprice, pick off, invest, make markets.

Everything is drawn from the class's own splitmix64 stream. The crowd's orders never trigger a
circuit breaker (they stop short of the band) except through `burst`, and it leaves ROOM places
of every side to members.
"""

from math import sqrt

from quanheng.exchange.book import match, rest, withdraw
from quanheng.exchange.chance import below, count, normal, uniform, waiting
from quanheng.exchange.crowd_layout import (
    D_BEFORE,
    D_INFORMED,
    D_INQUIRY,
    D_LEFT,
    D_NOISE,
    D_ORDERS,
    D_RATE,
    D_REVERT,
    D_SIGNAL,
    D_SPOT,
    D_YEAR,
    F_CUM,
    F_DEEP,
    F_FAIR,
    S_ATM,
    S_BASE,
    S_CALENDAR,
    S_CARRY,
    S_CURVE,
    S_DAYS,
    S_SLOPE,
    Crowd,
)
from quanheng.exchange.layout import (
    ASK_SIDE,
    AUTO,
    BAND_HIGH,
    BAND_LOW,
    BID_SIDE,
    C_EVENTS,
    C_MAKERS,
    C_NEXT_ID,
    CAP,
    DOWN,
    E_KIND,
    E_PRICE,
    E_QTY,
    E_SLOT,
    EXPIRY,
    FIXED,
    INQUIRED,
    KLASS,
    N_BID,
    O_AT,
    O_ID,
    O_OWNER,
    O_PRICE,
    PHASE,
    ROOM,
    SIGN,
    STEP,
    STRIKE,
    UP,
    Market,
)
from quanheng.kernels.desk.black import price_one
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import exp, log
from quanheng.terms.codes import Phase

CONTINUOUS = int(Phase.CONTINUOUS)
OPENING = int(Phase.OPENING)
INTRADAY = int(Phase.INTRADAY)
CLOSING = int(Phase.CLOSING)
SECOND = 1_000_000_000
TICKS = 10_000.0
FLAT = 0.4
"""The smile is flat beyond this x = ln(K/F)/sqrt(tau)."""


@kernel
def value(m: Market, c: Crowd, slot: int, move: float) -> float:
    """Fair value in ticks on the hidden surface, with the spot moved by a relative `move`."""
    klass = m.info[slot, KLASS]
    drive = c.drive[klass]
    face = c.surface[m.info[slot, EXPIRY]]
    years = face[S_CALENDAR] / 365.0
    tau = (face[S_DAYS] + drive[D_LEFT]) / drive[D_YEAR]
    if tau < 1e-7:
        tau = 1e-7
    forward = drive[D_SPOT] / TICKS * (1.0 + move) * exp(face[S_CARRY] * years)
    strike = m.info[slot, STRIKE] / TICKS
    atm = face[S_ATM]
    x = min(max(log(strike / forward) / sqrt(tau), -FLAT), FLAT)
    vol = atm + face[S_SLOPE] * x + face[S_CURVE] * x * x
    vol = min(max(vol, 0.4 * atm), 2.5 * atm)
    discount = exp(-drive[D_RATE] * years)
    sign = float(m.info[slot, SIGN])
    return price_one(sign, forward, strike, vol, tau, discount) * TICKS


@kernel
def weigh(m: Market, c: Crowd, start: int, stop: int) -> None:
    """Spread the class's flow over its contracts: near months, near the money, standard first."""
    total = 0.0
    for slot in range(start, stop):
        klass = m.info[slot, KLASS]
        face = c.surface[m.info[slot, EXPIRY]]
        tau = max((face[S_DAYS] + 0.5) / c.drive[klass, D_YEAR], 1e-4)
        strike = m.info[slot, STRIKE]
        z = log(strike / c.drive[klass, D_SPOT]) / (face[S_ATM] * sqrt(tau))
        weight = exp(-0.5 * z * z / 1.7) / (1.0 + face[S_DAYS] / 15.0) + 0.002
        if strike % 100 != 0:
            weight *= 0.05
        c.fair[slot, F_DEEP] = 1.0 if abs(z) > 2.0 else 0.0
        total += weight
        c.fair[slot, F_CUM] = total
    for slot in range(start, stop):
        c.fair[slot, F_CUM] /= total


@kernel
def reprice(m: Market, c: Crowd, klass: int, start: int, stop: int, rows: int, end: int) -> None:
    """Move the volatilities of the class (surface rows [rows, end)) and revalue every contract."""
    drive = c.drive[klass]
    common = normal(c.rng, klass)
    for row in range(rows, end):
        face = c.surface[row]
        shock = 0.8 * common + 0.6 * normal(c.rng, klass)
        face[S_ATM] *= 1.0 + drive[D_NOISE] * shock
        face[S_ATM] += drive[D_REVERT] * (face[S_BASE] - face[S_ATM])
    for slot in range(start, stop):
        c.fair[slot, F_FAIR] = value(m, c, slot, 0.0)


@kernel
def send(
    m: Market,
    slot: int,
    side: int,
    price: int,
    qty: int,
    owner: int,
    at: int,
    flags: int,
    stay: bool,
) -> int:
    """An order of the crowd; `stay` lets the rest of it join the book. Returns what traded."""
    info = m.info[slot]
    price = min(max(price, info[DOWN]), info[UP])
    order = m.ctl[C_NEXT_ID]
    m.ctl[C_NEXT_ID] += 1
    left = qty
    if info[PHASE] == CONTINUOUS:
        left = match(m, slot, side, price, qty, owner, order, at, flags, True)
        other = 1 - side
        if info[N_BID + other] > 0:
            best = m.book[slot, other, 0, O_PRICE]
            stay = stay and ((best > price) if side == BID_SIDE else (best < price))
    if stay and left > 0 and info[N_BID + side] < CAP - ROOM:
        rest(m, slot, side, price, left, owner, order, at, flags)
    return qty - left


@kernel
def prune(m: Market, start: int, stop: int, at: int) -> None:
    """Investors withdraw orders that grew old: after 4 to 67 seconds, by order."""
    for slot in range(start, stop):
        phase = m.info[slot, PHASE]
        if m.info[slot, FIXED] == 1 or phase not in (CONTINUOUS, INTRADAY):
            continue
        for side in range(2):
            i = 0
            while i < m.info[slot, N_BID + side]:
                order = m.book[slot, side, i]
                life = (4 + order[O_ID] * 40503 % 64) * SECOND
                if order[O_OWNER] >= m.ctl[C_MAKERS] and at - order[O_AT] > life:
                    withdraw(m, slot, side, i)
                else:
                    i += 1


@kernel
def pick_off(m: Market, c: Crowd, klass: int, start: int, stop: int, at: int, owner: int) -> None:
    """The informed trader takes quotes that are stale for the spot now or for where it goes."""
    drive = c.drive[klass]
    move = drive[D_SIGNAL]
    jump = abs(drive[D_SPOT] - drive[D_BEFORE]) / drive[D_BEFORE]
    if (jump < 2e-4 and abs(move) < 3e-4) or uniform(c.rng, klass) > drive[D_INFORMED]:
        return
    hits = 0
    first = start + below(c.rng, klass, stop - start)
    for k in range(stop - start):
        slot = first + k if first + k < stop else first + k - (stop - start)
        if m.info[slot, PHASE] != CONTINUOUS or hits >= 6:
            continue
        fair = value(m, c, slot, move) if move != 0.0 else c.fair[slot, F_FAIR]
        edge = max(3.0, 0.04 * fair)
        for side in range(2):
            other = 1 - side
            if m.info[slot, N_BID + other] == 0:
                continue
            best = m.book[slot, other, 0, O_PRICE]
            if (fair - best if side == BID_SIDE else best - fair) > edge:
                qty = 1 + below(c.rng, klass, 10)
                if send(m, slot, side, best, qty, owner, at, AUTO, False) > 0:
                    hits += 1


@kernel
def choose(c: Crowd, klass: int, start: int, stop: int) -> int:
    """A contract of the class by the shares of its flow."""
    point = uniform(c.rng, klass)
    low = start
    high = stop - 1
    while low < high:
        middle = (low + high) // 2
        if c.fair[middle, F_CUM] > point:
            high = middle
        else:
            low = middle + 1
    return low


@kernel
def _invest(m: Market, c: Crowd, klass: int, slot: int, at: int, owner: int, take: bool) -> None:
    """One investor: takes the best price if it is not absurd, or joins or betters the queue."""
    rng = c.rng
    side = below(rng, klass, 2)
    other = 1 - side
    qty = 1 + min(int(waiting(rng, klass, 6.5)), 49)
    flags = AUTO if uniform(rng, klass) < 0.5 else 0
    fair = c.fair[slot, F_FAIR]
    step = m.info[slot, STEP]
    away = 0.25 * fair + 30.0
    have_own = m.info[slot, N_BID + side] > 0
    have_other = m.info[slot, N_BID + other] > 0
    if take:
        if not have_other:
            return
        price = m.book[slot, other, 0, O_PRICE]
        if abs(price - fair) <= away:
            reach = step * below(rng, klass, 3)
            price += reach if side == BID_SIDE else -reach
            send(m, slot, side, price, qty, owner, at, flags, uniform(rng, klass) < 0.1)
        return
    if not (have_own and have_other):
        return
    best = m.book[slot, side, 0, O_PRICE]
    shift = step * (below(rng, klass, 4) - 2)
    price = best + (shift if side == BID_SIDE else -shift)
    wall = m.book[slot, other, 0, O_PRICE]
    price = min(price, wall - step) if side == BID_SIDE else max(price, wall + step)
    if price >= m.info[slot, DOWN] and abs(price - fair) <= away:
        send(m, slot, side, price, min(qty, 20), owner, at, flags, True)


@kernel
def invest(m: Market, c: Crowd, klass: int, start: int, stop: int, at: int, owner: int) -> None:
    """The investors' orders of a step, in continuous trading and in auctions."""
    rng = c.rng
    for k in range(count(rng, klass, c.drive[klass, D_ORDERS] * 1.5)):
        slot = choose(c, klass, start, stop)
        phase = m.info[slot, PHASE]
        if phase == CONTINUOUS:
            _invest(m, c, klass, slot, at, owner, k % 3 != 2)
        elif phase in (OPENING, INTRADAY, CLOSING) and uniform(rng, klass) < 0.06:
            side = below(rng, klass, 2)
            fair = c.fair[slot, F_FAIR]
            shift = (uniform(rng, klass) - 0.5) * (0.06 * fair + 4.0)
            step = m.info[slot, STEP]
            price = int((fair + shift) / step + 0.5) * step
            if price >= step:
                send(m, slot, side, price, 1 + below(rng, klass, 10), owner, at, AUTO, True)


@kernel
def ask_around(m: Market, c: Crowd, klass: int, start: int, stop: int) -> None:
    """Now and then someone inquires (I-18: an inquiry names a contract, maybe a side and size)."""
    if uniform(c.rng, klass) >= c.drive[klass, D_INQUIRY]:
        return
    slot = start + below(c.rng, klass, stop - start)
    if m.info[slot, PHASE] != CONTINUOUS:
        return
    row = m.ev[m.ctl[C_EVENTS]]
    row[:] = 0
    row[E_KIND] = INQUIRED
    row[E_SLOT] = slot
    row[E_PRICE] = below(c.rng, klass, 3)
    row[E_QTY] = 10 * below(c.rng, klass, 4)
    m.ctl[C_EVENTS] += 1


@kernel
def burst(m: Market, slot: int, side: int, qty: int, at: int, owner: int) -> None:
    """Orders that meet beyond the breaker's band, so that its auction starts (scenario)."""
    info = m.info[slot]
    beyond = info[BAND_HIGH] + info[STEP] if side == BID_SIDE else info[BAND_LOW] - info[STEP]
    beyond = beyond // info[STEP] * info[STEP]
    if info[PHASE] != CONTINUOUS or beyond > info[UP] or beyond < info[DOWN]:
        return
    other = ASK_SIDE if side == BID_SIDE else BID_SIDE
    if info[N_BID + other] < CAP:
        rest(m, slot, other, beyond, qty, owner, m.ctl[C_NEXT_ID], at, AUTO)
        m.ctl[C_NEXT_ID] += 1
    order = m.ctl[C_NEXT_ID]
    m.ctl[C_NEXT_ID] += 1
    left = match(m, slot, side, beyond, 100 * qty, owner, order, at, AUTO, False)
    if left > 0 and info[N_BID + side] < CAP:
        rest(m, slot, side, beyond, min(left, qty), owner, order, at, AUTO)
