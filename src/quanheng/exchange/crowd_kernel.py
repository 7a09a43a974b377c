"""What all of the crowd stands on: fair values, shares of the flow, orders, their withdrawal.

Everything is drawn from the class's own splitmix64 stream. The crowd's orders never trigger a
circuit breaker (they stop short of the band) except through `burst`, and it leaves ROOM places
of every side to members.
"""

from math import sqrt

import numpy as np

from quanheng.exchange.book import match, rest, withdraw
from quanheng.exchange.chance import normal, uniform
from quanheng.exchange.crowd_layout import (
    D_LEFT,
    D_NOISE,
    D_RATE,
    D_RETAIL,
    D_REVERT,
    D_SPOT,
    D_WEIGHED,
    D_WEIGHED_AT,
    D_YEAR,
    F_DEEP,
    F_FAIR,
    F_INSTITUTION,
    F_PLACE,
    F_RETAIL,
    S_ATM,
    S_BASE,
    S_CALENDAR,
    S_CARRY,
    S_CURVE,
    S_DAYS,
    S_RANK,
    S_SLOPE,
    Crowd,
)
from quanheng.exchange.layout import (
    ASK_SIDE,
    AUTO,
    BAND_HIGH,
    BAND_LOW,
    BID_SIDE,
    C_MAKERS,
    C_NEXT_ID,
    CAP,
    DOWN,
    EXPIRY,
    FIXED,
    KLASS,
    N_BID,
    O_AT,
    O_ID,
    O_OWNER,
    O_PRICE,
    ODD,
    PHASE,
    ROOM,
    SIGN,
    STEP,
    STRIKE,
    UP,
    VOLUME,
    Market,
)
from quanheng.exchange.profile import ADJUSTED, DEEP, behind, place_of, share_out
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
RESHARE = 0.002
"""Relative move of the spot after which the flow is shared out anew."""
RESHARE_EVERY = 60.0 * SECOND
"""Time after which it is in any case."""


@kernel
def value(m: Market, c: Crowd, slot: int, move: float, vol_move: float) -> float:
    """Fair value in ticks on the hidden surface, with the spot moved by a relative `move` and the
    volatility at the money by `vol_move`.
    """
    klass = m.info[slot, KLASS]
    drive = c.drive[klass]
    face = c.surface[m.info[slot, EXPIRY]]
    years = face[S_CALENDAR] / 365.0
    tau = (face[S_DAYS] + drive[D_LEFT]) / drive[D_YEAR]
    if tau < 1e-7:
        tau = 1e-7
    forward = drive[D_SPOT] / TICKS * (1.0 + move) * exp(face[S_CARRY] * years)
    strike = m.info[slot, STRIKE] / TICKS
    atm = face[S_ATM] + vol_move
    x = min(max(log(strike / forward) / sqrt(tau), -FLAT), FLAT)
    vol = atm + face[S_SLOPE] * x + face[S_CURVE] * x * x
    vol = min(max(vol, 0.4 * atm), 2.5 * atm)
    discount = exp(-drive[D_RATE] * years)
    sign = float(m.info[slot, SIGN])
    return price_one(sign, forward, strike, vol, tau, discount) * TICKS


@kernel
def weigh(m: Market, c: Crowd, klass: int, start: int, stop: int, at: int) -> None:
    """Share the class's flow out over its contracts as `profile` states, at the spot of now; what
    traded less than stated so far gets more.
    """
    drive = c.drive[klass]
    # Contracts stand in order of their codes, so the first one need not be of the first expiry.
    first = m.info[start:stop, EXPIRY].min()
    rows = np.empty(stop - start, dtype=np.int64)
    places = np.empty(stop - start, dtype=np.int64)
    weights = np.ones(stop - start)
    for i in range(stop - start):
        slot = start + i
        row = m.info[slot, EXPIRY]
        face = c.surface[row]
        tau = (face[S_DAYS] + 0.5) / drive[D_YEAR]
        strike = m.info[slot, STRIKE]
        z = log(strike / drive[D_SPOT]) / (face[S_ATM] * sqrt(tau)) * m.info[slot, SIGN]
        rows[i] = row - first
        places[i] = place_of(z)
        c.fair[slot, F_PLACE] = places[i]
        c.fair[slot, F_DEEP] = 1.0 if abs(z) > DEEP else 0.0
        if m.info[slot, ODD] == 1:
            weights[i] = ADJUSTED
    last = int(rows.max()) + 1
    ranks = c.surface[first : first + last, S_RANK]
    people = share_out(places, rows, weights, ranks, c.places[0])
    firms = share_out(places, rows, weights, ranks, c.places[1])
    done = m.info[start:stop, VOLUME]
    pull = behind(places, rows, drive[D_RETAIL] * people + (1.0 - drive[D_RETAIL]) * firms, done)
    people *= pull / (people * pull).sum()
    firms *= pull / (firms * pull).sum()
    crowd, house = 0.0, 0.0
    for i in range(stop - start):
        crowd += people[i]
        house += firms[i]
        c.fair[start + i, F_RETAIL] = crowd
        c.fair[start + i, F_INSTITUTION] = house
    drive[D_WEIGHED] = drive[D_SPOT]
    drive[D_WEIGHED_AT] = at


@kernel
def reprice(
    m: Market, c: Crowd, klass: int, start: int, stop: int, rows: int, end: int, at: int
) -> None:
    """Move the volatilities of the class (surface rows [rows, end)) and revalue every contract."""
    drive = c.drive[klass]
    common = normal(c.rng, klass)
    for row in range(rows, end):
        face = c.surface[row]
        shock = 0.8 * common + 0.6 * normal(c.rng, klass)
        face[S_ATM] *= 1.0 + drive[D_NOISE] * shock
        face[S_ATM] += drive[D_REVERT] * (face[S_BASE] - face[S_ATM])
    for slot in range(start, stop):
        c.fair[slot, F_FAIR] = value(m, c, slot, 0.0, 0.0)
    moved = abs(drive[D_SPOT] - drive[D_WEIGHED]) > RESHARE * drive[D_SPOT]
    if moved or at - drive[D_WEIGHED_AT] > RESHARE_EVERY:
        weigh(m, c, klass, start, stop, at)


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
def choose(c: Crowd, klass: int, start: int, stop: int, column: int) -> int:
    """A contract of the class by the shares of F_RETAIL or F_INSTITUTION."""
    point = uniform(c.rng, klass)
    low = start
    high = stop - 1
    while low < high:
        middle = (low + high) // 2
        if c.fair[middle, column] > point:
            high = middle
        else:
            low = middle + 1
    return low


@kernel
def worse(fair: float, price: int, side: int) -> float:
    """Ticks that a price is worse than fair for whoever trades at it on a side."""
    return float(price - fair if side == BID_SIDE else fair - price)


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
