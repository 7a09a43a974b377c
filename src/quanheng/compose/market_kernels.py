"""Kernels of the market-wide generator: price paths and quote streams, integers from a seed."""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

MS = 1_000_000
GRID = 3_000 * MS
"""Step of a price path in ns."""

END = 54_000_000 * MS
"""15:00."""

GAP, WIDTH, AWAY, THIN, WIDE, START, STOP, MAKER_COLUMNS = 0, 1, 2, 3, 4, 5, 6, 7
"""Mean gap in ms; width in permille of the allowed spread; per 10,000 updates: leaving, a side
under the minimum size, a spread too wide; first and last instant in ns.
"""


@kernel
def _next(state: Words) -> int:
    """The next 62 random bits (splitmix64)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int(np.int64((z ^ (z >> np.uint64(31))) >> np.uint64(2)))


@kernel
def walk_price(state: Words, start: int, low: int, high: int, path: Ints) -> None:
    """A price path in ticks that stays within [low, high]: steps of about 2 in 1,000."""
    price = start
    for k in range(path.size):
        step = max(price // 500, 1)
        price += (_next(state) % 3 - 1) * (_next(state) % (step + 1))
        price = min(max(price, low), high)
        path[k] = price


@kernel
def quote_cell(
    state: Words, maker: Ints, path: Ints, band: Ints, high: int, n: int, out: Ints
) -> int:
    """Rows (at, bid, bid_qty, ask, ask_qty) of one maker in one contract from row `n` on.

    `band` = num, den, floor of the allowed spread; no ask is above `high`. Returns the row after
    the last; stops when `out` is full. In the last minutes nothing goes wrong, so that the closing
    auction finds a quote, except of a maker that stops before the end: it takes its quote back.
    """
    calm = END - 3 * 60_000 * MS
    at = maker[START] + (_next(state) % 2_000) * MS
    while at < maker[STOP] and n < len(out):
        mid = path[min(at // GRID, path.size - 1)]
        draw = _next(state) % 10_000
        allowed = max(band[0] * mid // band[1], band[2])
        width = max(allowed * maker[WIDTH] // 1_000 + _next(state) % 3 - 1, 1)
        out[n, 2] = 10 + 10 * (_next(state) % 4)
        out[n, 4] = 10 + 10 * (_next(state) % 4)
        pause = 1 + _next(state) % (2 * maker[GAP])
        if at + 20 * pause * MS >= calm:
            draw = 10_000
        if draw < maker[AWAY]:
            out[n, 2] = out[n, 4] = 0
            pause *= 20
        elif draw < maker[AWAY] + maker[THIN]:
            out[n, 2 + 2 * (draw & 1)] = _next(state) % 10
        elif draw < maker[AWAY] + maker[THIN] + maker[WIDE]:
            width = allowed * 5 // 4 + 2
        bid = max(mid - width // 2, 1)
        out[n, 0] = at
        out[n, 1] = bid if out[n, 2] > 0 else 0
        out[n, 3] = min(bid + width, high) if out[n, 4] > 0 else 0
        n += 1
        at += pause * MS
    if maker[STOP] < END and n < len(out):
        out[n] = 0
        out[n, 0] = maker[STOP]
        n += 1
    return n


@kernel
def trade_rows(
    state: Words, path: Ints, count: int, start: int, stop: int, makers: int, out: Ints
) -> None:
    """Rows (at, price, qty, buyer, seller, buy_order_at, sell_order_at, buy_limit, sell_limit),
    to be sorted. Buyer and seller are maker indices or -1, never the same maker.
    """
    for k in range(count):
        at = start + (_next(state) % ((stop - start) // MS)) * MS
        out[k, 0] = at
        out[k, 1] = path[min(at // GRID, path.size - 1)]
        out[k, 2] = 1 + _next(state) % 12
        side = _next(state) % 2
        first = _next(state) % makers
        other = _next(state) % (3 * makers)
        out[k, 3 + side] = first
        out[k, 4 - side] = other if other < makers and other != first else -1
        for who in range(2):
            out[k, 5 + who] = max(at - (_next(state) % 40_000) * MS, 0)
            out[k, 7 + who] = int(_next(state) % 10 < 9)
