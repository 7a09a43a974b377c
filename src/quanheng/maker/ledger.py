"""The live ledger: every fill at its edge, every move of theory by its cause (R-06, I-34).

Profit of a class = what its fills earned against the theory of their moment, less fees, plus what
its contracts gained as theory moved. All of it is integer Money from marks in whole Ticks, so that
the terms add to the book's own profit exactly; `off` is the invariant that says so.
"""

import numpy as np

from quanheng.books import pnl
from quanheng.books.positions import nets
from quanheng.maker import columns as c
from quanheng.maker import ledger_state as s
from quanheng.maker.etf_state import gained
from quanheng.maker.ledger_kernels import account_class, mark_out
from quanheng.maker.messages import MakerOpen
from quanheng.maker.quote_kernels import widest_ask
from quanheng.maker.state import U_SPOT, State
from quanheng.terms.codes import Side
from quanheng.terms.orders import Trade
from quanheng.terms.units import Lots, Money, Ticks

RESIDUAL_PERCENT = 2
"""Of the gross explained, that the residual may be; and a Tick per contract held (R-06)."""

_HORIZONS = np.array(s.HORIZONS, dtype=np.int64)


def open_ledger(state: State) -> None:
    """Mark the opening positions at the previous settlement, as the book has them."""
    state.ledger.marks = state.tables.fixed[:, c.F_SETTLE].copy()
    state.ledger.spots = state.view.underlying[:, U_SPOT].copy()


def account(state: State, opened: MakerOpen, klass: int) -> None:
    """A class's theory is new: say what its contracts gained and why, and mark out its fills."""
    ledger, tables, surface, book = state.ledger, state.tables, state.surface, state.book
    item = opened.chain.classes[klass]
    spot = int(state.view.underlying[klass, U_SPOT])
    account_class(
        tables.fixed,
        tables.meta,
        surface.fits,
        surface.curves,
        state.parameters.values,
        surface.theo,
        book.long_qty,
        book.short_qty,
        book.covered_qty,
        klass,
        item.start,
        item.stop,
        spot,
        int(ledger.spots[klass]),
        ledger.marks,
        ledger.last,
        ledger.expiries,
        ledger.terms[klass],
    )
    units = int(state.etf.units[klass]) - state.etf.base
    ledger.terms[klass, s.HEDGE] += units * (spot - int(ledger.spots[klass]))
    ledger.spots[klass] = spot
    mark_out(
        ledger.pending[klass],
        ledger.rings[klass],
        _HORIZONS,
        int(surface.theo_at[klass]),
        ledger.marks,
        surface.theo,
        tables.fixed,
        ledger.fills,
        state.flow.average[klass],
    )


def filled(state: State, slot: int, trade: Trade, fee: Money) -> None:
    """One of our fills: its edge against the theory in force, its fee, and its turn to be marked
    out. A fill on a full ring gives up the oldest one's marks.
    """
    ledger = state.ledger
    row = state.tables.fixed[slot]
    klass, unit = int(row[c.F_KLASS]), int(row[c.F_UNIT])
    buys = trade.side == Side.BUY
    signed = trade.qty if buys else -trade.qty
    edge = signed * unit * (int(ledger.marks[slot]) - trade.price)
    ledger.terms[klass, s.EDGE] += edge
    ledger.terms[klass, s.FEES] -= fee
    mine = ledger.fills[slot]
    mine[s.FILLS] += 1
    mine[s.BOUGHT if buys else s.SOLD] += trade.qty
    mine[s.SLOT_EDGE] += edge
    mine[s.SLOT_FEES] += fee
    ring = ledger.rings[klass]
    put = int(ring[s.R_PUT])
    for taken in range(s.R_TAKEN, s.R_COLUMNS):
        if put - int(ring[taken]) >= s.PENDING:
            ring[taken] += 1
            ledger.dropped[klass] += 1
    cap = int(widest_ask(trade.price, row)) - trade.price
    ledger.pending[klass, put % s.PENDING] = slot, trade.at, signed, trade.price, cap
    ring[s.R_PUT] = put + 1


def hedged(state: State, klass: int, signed: Lots, price: Ticks, fee: Money) -> None:
    """A fill in the underlying: what it gives away against the spot the ledger knows."""
    spot = int(state.ledger.spots[klass])
    state.ledger.terms[klass, s.HEDGE_COST] += signed * (spot - price) - fee


def off(state: State) -> int:
    """Classes whose terms do not add to the book's profit at the ledger's marks: 0 always."""
    opened, ledger, book = state.opened, state.ledger, state.book
    if opened is None:
        return 0
    units = state.tables.fixed[:, c.F_UNIT]
    profit = book.realised + pnl.unrealised(book, units, ledger.marks) - book.fee_paid
    funds = gained(state.etf, ledger.spots)
    return sum(
        int(profit[item.start : item.stop].sum() + funds[klass]) != int(ledger.terms[klass].sum())
        for klass, item in enumerate(opened.chain.classes)
    )


def residual_bound(state: State, opened: MakerOpen, klass: int) -> tuple[Money, Money]:
    """(residual, what it may be) of a class: a share of the gross of the day's terms, and a Tick
    per contract held.
    """
    terms = state.ledger.terms[klass].tolist()
    residual = terms[s.RESIDUAL]
    gross = sum(abs(amount) for place, amount in enumerate(terms) if place != s.RESIDUAL)
    item = opened.chain.classes[klass]
    held = slice(item.start, item.stop)
    ticks = int((abs(nets(state.book)[held]) * state.tables.fixed[held, c.F_UNIT]).sum())
    return residual, gross * RESIDUAL_PERCENT // 100 + ticks
