"""Worst case of positions, funds and Greeks: what rests and what is unknown counts in full (P18 to
P21), and the other figures of class and book that the ladder judges by.
"""

import numpy as np

from quanheng.maker import columns as c
from quanheng.maker import guard_state as s
from quanheng.maker.figure_kernels import class_figures, sum_classes
from quanheng.maker.messages import MakerOpen
from quanheng.maker.state import U_SPOT, State
from quanheng.terms.days import day_nanos
from quanheng.terms.units import SECOND, Nanos

MISSING = -1
"""A figure that no record in force gives."""


def refresh_worst(state: State, opened: MakerOpen, klass: int, at: Nanos) -> None:
    """Recount one class; the others keep their last count, taken when they last changed."""
    item = opened.chain.classes[klass]
    book, tables = state.book, state.tables
    spot = int(state.view.underlying[klass, U_SPOT])
    class_figures(
        tables.fixed,
        tables.meta,
        state.surface.theo,
        state.surface.fits,
        state.work,
        state.desk,
        book.long_qty,
        book.short_qty,
        book.covered_qty,
        book.bought_open_today,
        book.long_cost,
        book.short_cost,
        book.covered_cost,
        book.realised,
        book.fee_paid,
        np.array([item.start, item.stop, spot, at], dtype=np.int64),
        state.worst[klass],
    )


def figure(state: State, scope: str, name: str, at: Nanos) -> int:
    """The value of a figure on record; MISSING when there is none or its time is over."""
    record = state.guards.figures.get(f"{scope} {name}")
    return record.value if record is not None and at < record.until else MISSING


def totals_now(state: State, opened: MakerOpen, klass: int, at: Nanos) -> np.ndarray:
    """Totals for the ladder, int64[S]: the class's counts, the book's funds, the day so far."""
    guards, book = state.guards, state.book
    row = np.empty(c.S_COLUMNS, dtype=np.int64)
    sum_classes(state.worst, klass, row)
    row[c.S_FUNDS] -= book.cash + state.business.relief
    row[c.S_TOKENS] = state.bucket.level // SECOND
    row[c.S_CASH] = book.cash
    row[c.S_VAR] = figure(state, "*", "var", at)
    row[c.S_CLOCK] = day_nanos(at) // SECOND
    row[c.S_MESSAGES], row[c.S_DEALS] = guards.messages, guards.deals
    row[c.S_DAY_ORDERS : c.S_DAY_OPENED + 1] = guards.counts[klass]
    refusals = guards.asked[klass].tolist()
    if refusals[0]:
        row[c.S_REJECTS] = int((guards.rejected[klass] > at - SECOND).sum())
    row[c.S_REFUSED], row[c.S_LATE] = refusals[2], guards.lates
    row[c.S_UNEXPLAINED] = guards.unexplained
    row[c.S_GAP] = at - guards.gap_since if state.gaps else 0
    row[c.S_EPOCHS] = max(guards.highest - state.ids.epoch, 0)
    if guards.standing[klass, s.G_OTHER]:
        scope = opened.chain.classes[klass].underlying
        row[c.S_OLD_LONG] = figure(state, scope, "other_long", at)
        row[c.S_OLD_TOTAL] = figure(state, scope, "other_total", at)
        row[c.S_OLD_BUY_OPEN] = figure(state, scope, "other_buy_open", at)
    return row


def opening_room(state: State, klass: int, start: int) -> tuple[int, int]:
    """Contracts of a class that may still be bought open and sold open in the worst case."""
    used = state.worst[klass].tolist()
    limits = state.limits[start].tolist()
    total = limits[c.L_TOTAL] - used[c.S_TOTAL]
    long = min(limits[c.L_LONG] - used[c.S_LONG], limits[c.L_BUY_OPEN] - used[c.S_BUY_OPEN])
    return min(long, total), total
