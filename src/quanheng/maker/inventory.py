"""Worst case of positions and funds: what rests and what is unknown counts in full (P18, P20)."""

import numpy as np

from quanheng.maker import columns as c
from quanheng.maker.messages import MakerOpen
from quanheng.maker.order_kernels import worst_case
from quanheng.maker.state import State
from quanheng.terms.units import SECOND


def refresh_worst(state: State, opened: MakerOpen, klass: int) -> None:
    """Recount one class; the others keep their last count, taken when they last changed."""
    item = opened.chain.classes[klass]
    book = state.book
    worst_case(
        state.tables.fixed,
        state.work,
        state.desk,
        book.long_qty,
        book.short_qty,
        book.bought_open_today,
        item.start,
        item.stop,
        state.worst[klass],
    )


def totals_now(state: State, klass: int) -> np.ndarray:
    """Totals for the ladder: the class's counts, the book's funds less cash, tokens left."""
    totals: np.ndarray = state.worst[klass].copy()
    totals[c.S_FUNDS] = int(state.worst[:, c.S_FUNDS].sum()) - state.book.cash
    totals[c.S_TOKENS] = state.bucket.level // SECOND
    return totals


def opening_room(state: State, klass: int, start: int) -> tuple[int, int]:
    """Contracts of a class that may still be bought open and sold open in the worst case."""
    used = state.worst[klass].tolist()
    limits = state.limits[start].tolist()
    total = limits[c.L_TOTAL] - used[c.S_TOTAL]
    long = min(limits[c.L_LONG] - used[c.S_LONG], limits[c.L_BUY_OPEN] - used[c.S_BUY_OPEN])
    return min(long, total), total
