"""When a tape would have filled an order that rests beside it: two bounds (docs/backtest.md).

Optimistic: the other side's best touches our price, or a trade prints at it or beyond. Pessimistic:
the best goes through our price, or trades print at it or beyond once everything displayed when we
joined has traded. A snapshot tells how much traded since the last and the last price only: all of
it counts at that price, and waits for what is ahead even beyond ours. A print is exact: beyond our
price nobody is ahead. Both take displayed quantity once: what ours took stays taken while the tape
still shows it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quanheng.exchange.tape_state import (
    R_AHEAD,
    R_PRICE,
    R_QTY,
    R_TAKEN,
    R_TAKEN_PRICE,
    UNKNOWN,
    TapeState,
)
from quanheng.terms import market
from quanheng.terms.codes import Phase
from quanheng.terms.units import Lots, Slot, Ticks

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

AUCTIONS = (Phase.OPENING, Phase.INTRADAY, Phase.CLOSING)
LEVELS = market.LEVELS
OPTIMISTIC, PESSIMISTIC = "optimistic", "pessimistic"
BOUNDS = (OPTIMISTIC, PESSIMISTIC)
DEEPEST = 1 << 40


class Fill(NamedTuple):
    """One fill of what rests: price is ours, in an auction the uncross price."""

    slot: Slot
    side: int
    price: Ticks
    qty: Lots
    left: Lots  # what may still trade after it


def fill_of(state: TapeState, slot: Slot, side: int, price: Ticks, qty: Lots) -> Fill:
    """Take a fill out of what rests."""
    row = state.rest[slot, side]
    row[R_QTY] -= qty
    return Fill(slot, side, price, qty, int(row[R_QTY]))


def shown(rows: Ints, side: int, prices: Ints) -> Ints:
    """Displayed quantity at a price of its own side, int64[n]; UNKNOWN below what is displayed.

    `rows` int64[n, COLUMNS] of market.ChainTick, `prices` int64[n] in Ticks.
    """
    first = market.ASK if side else market.BID
    sizes = market.ASK_QTY if side else market.BID_QTY
    levels, there = rows[:, first : first + LEVELS], rows[:, sizes : sizes + LEVELS]
    sign = _sign(side)
    depth = np.where(levels > 0, sign * levels, DEEPEST).min(axis=1)
    known = (sign * prices >= depth) | (levels[:, 0] <= 0)
    found = np.where(levels == prices[:, None], there, 0).sum(axis=1)
    result: Ints = np.where(known, found, UNKNOWN)
    return result


def opposite(rows: Ints, side: int) -> tuple[Ints, Ints]:
    """(price, quantity) of the best price that side `side` trades with."""
    if side:
        return rows[:, market.BID], rows[:, market.BID_QTY]
    return rows[:, market.ASK], rows[:, market.ASK_QTY]


def on_rows(state: TapeState, slots: Ints, rows: Ints) -> Iterator[Fill]:
    """Take the tape's next rows over and yield the fills, by contract."""
    opened = state.opened
    assert opened is not None, "the tape was opened"
    before = state.market[slots]
    known = state.seen[slots] == 1
    state.market[slots] = rows
    state.seen[slots] = 1
    traded = np.where(known, np.maximum(rows[:, market.VOLUME] - before[:, market.VOLUME], 0), 0)
    if opened.prints:
        traded[:] = 0
    uncross = np.isin(before[:, market.PHASE], AUCTIONS) & (traded > 0)
    live = rows[:, market.PHASE] == Phase.CONTINUOUS
    for side in range(2):
        _forget(state, slots, side, before, rows)
    wanted = (state.rest[slots, :, R_QTY] > 0).any(axis=1) & (uncross | live)
    strict = opened.fills == PESSIMISTIC
    for place in np.flatnonzero(wanted).tolist():
        slot = int(slots[place])
        volume = int(traded[place])
        for side in range(2):
            if state.rest[slot, side, R_QTY] <= 0:
                continue
            last = int(state.market[slot, market.LAST])
            if uncross[place]:
                yield from _auction(state, slot, side, last, volume)
                continue
            yield from _traded(state, slot, side, last, volume, strict)
            yield from _touched(state, slot, side, strict)
    for side in range(2):
        rest = state.rest[slots, side]
        ahead = np.minimum(rest[:, R_AHEAD], shown(rows, side, rest[:, R_PRICE]))
        state.rest[slots, side, R_AHEAD] = np.where(live, ahead, rest[:, R_AHEAD])


def _forget(state: TapeState, slots: Ints, side: int, before: Ints, rows: Ints) -> None:
    """What we took from the opposite best is gone when the tape no longer shows it."""
    (_, old), (price, qty) = opposite(before, side), opposite(rows, side)
    taken = state.rest[slots, side, R_TAKEN]
    same = state.rest[slots, side, R_TAKEN_PRICE] == price
    left = np.maximum(taken - np.maximum(old - qty, 0), 0)
    state.rest[slots, side, R_TAKEN] = np.where(same, left, 0)
    state.rest[slots, side, R_TAKEN_PRICE] = price


def available(state: TapeState, slot: Slot, side: int) -> Lots:
    """Displayed at the opposite best and not taken by us before."""
    _, qty = opposite(state.market[slot : slot + 1], side)
    return max(0, int(qty[0]) - int(state.rest[slot, side, R_TAKEN]))


def on_print(state: TapeState, slot: Slot, price: Ticks, qty: Lots) -> Iterator[Fill]:
    """One recorded trade, exactly as it was: yield what it would have filled of ours."""
    opened = state.opened
    assert opened is not None, "the tape was opened"
    auction = state.market[slot, market.PHASE] in AUCTIONS
    for side in range(2):
        if auction:
            yield from _auction(state, slot, side, price, qty)
        else:
            at_ours = state.rest[slot, side, R_PRICE] == price
            waits = opened.fills == PESSIMISTIC and bool(at_ours)
            yield from _traded(state, slot, side, price, qty, waits)


def _sign(side: int) -> int:
    """1 for a bid, -1 for an ask: a price times it is better the larger it is."""
    return -1 if side else 1


def _auction(state: TapeState, slot: Slot, side: int, price: Ticks, volume: Lots) -> Iterator[Fill]:
    """The uncross is the first trade after a call auction: one price for all."""
    assert state.opened is not None, "the tape was opened"
    row = state.rest[slot, side]
    better = _sign(side) * (int(row[R_PRICE]) - price)
    qty = min(int(row[R_QTY]), volume)
    if price > 0 and qty > 0 and better >= (1 if state.opened.fills == PESSIMISTIC else 0):
        yield fill_of(state, slot, side, price, qty)


def _traded(
    state: TapeState, slot: Slot, side: int, price: Ticks, volume: Lots, waits: bool
) -> Iterator[Fill]:
    """Trades at a price: at ours or beyond they fill us, after what is ahead when that `waits`."""
    row = state.rest[slot, side]
    ours = int(row[R_PRICE])
    if volume <= 0 or price <= 0 or _sign(side) * (ours - price) < 0:
        return
    if waits:
        before = min(int(row[R_AHEAD]), volume)
        row[R_AHEAD] -= before
        volume -= before
    qty = min(int(row[R_QTY]), volume)
    if qty > 0:
        yield fill_of(state, slot, side, ours, qty)


def _touched(state: TapeState, slot: Slot, side: int, strict: bool) -> Iterator[Fill]:
    """The opposite best at our price (through it when `strict`) fills us with what it displays."""
    row = state.rest[slot, side]
    price, _ = opposite(state.market[slot : slot + 1], side)
    best, ours = int(price[0]), int(row[R_PRICE])
    if best > 0 and _sign(side) * (ours - best) >= (1 if strict else 0):
        qty = min(int(row[R_QTY]), available(state, slot, side))
        if qty > 0:
            row[R_TAKEN] += qty
            yield fill_of(state, slot, side, ours, qty)
