"""The driven ETF market: a noisy path around its knots, and five levels of depth around it."""

from math import sqrt

from quanheng.exchange.chance import below, normal, uniform, waiting
from quanheng.exchange.crowd_layout import Words
from quanheng.exchange.layout import Floats, Ints
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import exp

LOT = 100
"""Units of a lot."""
LEVELS = 5

W_BASE = 0  # where the knots lead now, ticks
W_NOISE = 1  # logarithm of the price over the base
W_VOL = 2  # of the noise, per step
W_BACK = 3  # how fast the noise fades, per step
W_JUMP = 4  # chance of a jump per step
W_JUMP_SIZE = 5
W_LEAN = 6  # 1: the exact price is not above the printed one, which is then the best ask
WALK = 7

I_PHASE = 0
I_LAST = 1
I_VOLUME = 2
I_TURNOVER = 3
I_UP = 4
I_DOWN = 5
I_STEP = 6  # price step, ticks
INFO = 7


@kernel
def wander(walk: Floats, rng: Words, info: Ints, index: int) -> int:
    """Move one fund's price a step; returns it in Ticks on the price step, inside the limits."""
    row = walk[index]
    noise = row[W_NOISE] * (1.0 - row[W_BACK]) + row[W_VOL] * normal(rng, index)
    if uniform(rng, index) < row[W_JUMP]:
        noise += row[W_JUMP_SIZE] * normal(rng, index)
    row[W_NOISE] = noise
    step = info[index, I_STEP]
    exact = row[W_BASE] * exp(noise)
    price = int(exact / step + 0.5) * step
    row[W_LEAN] = 0.0 if exact > price else 1.0
    return int(min(max(price, info[index, I_DOWN]), info[index, I_UP]))


@kernel
def spread_out(depth: Ints, rng: Words, info: Ints, index: int, price: int, lean: int) -> None:
    """Five levels a side around a price. A level that stays keeps what was taken out of it.

    `depth` is int64[funds, 2, LEVELS, 2] of (price, units). The price is the best ask if `lean`,
    else the best bid. At a limit one side is empty.
    """
    step = info[index, I_STEP]
    for side in range(2):
        top = price - step * lean if side == 0 else price + step * (1 - lean)
        old = depth[index, side, 0, 0]
        for level in range(LEVELS):
            there = top - step * level if side == 0 else top + step * level
            fresh = (1 + below(rng, index, 40) + 10 * level) * 100 * LOT
            row = depth[index, side, level]
            if there > info[index, I_UP] or there < info[index, I_DOWN]:
                row[0] = 0
                row[1] = 0
                continue
            if level == 0 and there == old:
                fresh = min(fresh, row[1] + 50 * LOT)
            row[0] = there
            row[1] = max(fresh, LOT)
    if price == info[index, I_UP]:
        depth[index, 1, :, :] = 0
    if price == info[index, I_DOWN]:
        depth[index, 0, :, :] = 0


@kernel
def trade_around(depth: Ints, rng: Words, info: Ints, index: int) -> None:
    """The crowd trades a little at one of the best prices."""
    side = below(rng, index, 2)
    price = depth[index, side, 0, 0]
    if price == 0:
        side = 1 - side
        price = depth[index, side, 0, 0]
    units = (1 + int(waiting(rng, index, 60.0))) * LOT
    info[index, I_LAST] = price
    info[index, I_VOLUME] += units
    info[index, I_TURNOVER] += units * price


@kernel
def advance(walk: Floats, depth: Ints, rng: Words, info: Ints, trading: bool) -> None:
    """One step of every fund; without trading the price is an auction's virtual one."""
    for index in range(walk.shape[0]):
        price = wander(walk, rng, info, index)
        spread_out(depth, rng, info, index, price, int(walk[index, W_LEAN]))
        if trading:
            trade_around(depth, rng, info, index)
        else:
            info[index, I_LAST] = price


@kernel
def per_step(yearly: float, steps: float) -> float:
    """Volatility of a step from a yearly one, with `steps` steps a year."""
    return yearly / sqrt(steps)


@kernel
def take_depth(depth: Ints, index: int, side: int, limit: int, units: int, out: Ints) -> int:
    """Take up to `units` from the other side's levels up to `limit`; returns how many fills.

    `out` int64[LEVELS, 2] receives (price, units) of each fill. side 0 buys.
    """
    count = 0
    for level in range(LEVELS):
        row = depth[index, 1 - side, level]
        if units == 0 or row[0] == 0:
            break
        if (row[0] > limit) if side == 0 else (row[0] < limit):
            break
        fill = min(units, row[1])
        if fill == 0:
            continue
        row[1] -= fill
        units -= fill
        out[count, 0] = row[0]
        out[count, 1] = fill
        count += 1
    return count
