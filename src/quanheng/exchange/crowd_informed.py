"""Flow with information: who knows where the path goes, and who is only quicker than quotes.

The informed trader knows the scenario's path and its vol moves for a lead time, with an error, and
takes what is cheap against that. Snipers know nothing of the future: after a move the fast one
takes stale quotes in the same step, the slow one when he gets round to it.
"""

from quanheng.exchange.chance import below, normal, uniform
from quanheng.exchange.crowd_kernel import CONTINUOUS, choose, send, value, worse
from quanheng.exchange.crowd_layout import (
    D_BEFORE,
    D_BLUR,
    D_FAST,
    D_INFORMED,
    D_MOVED,
    D_SIGNAL,
    D_SLOW,
    D_SPOT,
    D_STEP,
    D_VOL_SIGNAL,
    F_FAIR,
    F_INSTITUTION,
    Crowd,
)
from quanheng.exchange.layout import (
    AUTO,
    C_MAKERS,
    INFORMED,
    N_BID,
    O_PRICE,
    PHASE,
    SNIPER,
    Market,
)
from quanheng.kernels.jit import kernel

LOOKS = 8
"""Contracts the informed trader looks at when he looks."""
HITS = 6
"""Quotes a sniper takes at once at the most."""
MOVE = 1e-4
"""Relative move of the spot in a step that snipers notice."""
LATE = 4.0
"""Seconds after a move in which the slow sniper still looks for stale quotes."""


@kernel
def hurdle(fair: float) -> float:
    """Ticks that a trade must be better than fair to be worth its costs."""
    return 1.0 + 0.005 * fair


@kernel
def informed(m: Market, c: Crowd, klass: int, start: int, stop: int, at: int) -> None:
    """Take quotes that are cheap for where spot and volatility will be."""
    drive = c.drive[klass]
    if uniform(c.rng, klass) >= drive[D_INFORMED]:
        return
    if drive[D_SIGNAL] == 0.0 and drive[D_VOL_SIGNAL] == 0.0:
        return
    move = drive[D_SIGNAL] + drive[D_BLUR] * normal(c.rng, klass)
    owner = m.ctl[C_MAKERS] + INFORMED
    for _ in range(LOOKS):
        slot = choose(c, klass, start, stop, F_INSTITUTION)
        if m.info[slot, PHASE] != CONTINUOUS:
            continue
        fair = value(m, c, slot, move, drive[D_VOL_SIGNAL])
        for side in range(2):
            other = 1 - side
            if m.info[slot, N_BID + other] == 0:
                continue
            best = m.book[slot, other, 0, O_PRICE]
            if -worse(fair, best, side) > hurdle(fair):
                send(m, slot, side, best, 3 + below(c.rng, klass, 18), owner, at, AUTO, False)


@kernel
def snipe(m: Market, c: Crowd, klass: int, start: int, stop: int, at: int) -> None:
    """Snipers after a move: quotes that the spot of now has left behind."""
    drive = c.drive[klass]
    if abs(drive[D_SPOT] - drive[D_BEFORE]) > MOVE * drive[D_BEFORE]:
        drive[D_MOVED] = 0.0
    else:
        drive[D_MOVED] += drive[D_STEP]
    chance = drive[D_FAST] if drive[D_MOVED] == 0.0 else drive[D_SLOW]
    if drive[D_MOVED] > LATE or uniform(c.rng, klass) >= chance:
        return
    owner = m.ctl[C_MAKERS] + SNIPER
    hits = 0
    first = start + below(c.rng, klass, stop - start)
    for k in range(stop - start):
        slot = first + k if first + k < stop else first + k - (stop - start)
        if m.info[slot, PHASE] != CONTINUOUS or hits >= HITS:
            continue
        fair = c.fair[slot, F_FAIR]
        for side in range(2):
            other = 1 - side
            if m.info[slot, N_BID + other] == 0:
                continue
            best = m.book[slot, other, 0, O_PRICE]
            if -worse(fair, best, side) > hurdle(fair):
                qty = 1 + below(c.rng, klass, 10)
                if send(m, slot, side, best, qty, owner, at, AUTO, False) > 0:
                    hits += 1
