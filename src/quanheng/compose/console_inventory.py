"""Accounts and inventory: what the desk holds where, what is locked, what is on its way (I-33).

All of it is the maker's own state. Contracts stand by expiry, the underlyings by class; an amount
is whole yuan.
"""

import numpy as np

from quanheng.books import margin_use, pnl
from quanheng.books.positions import counts
from quanheng.compose.console_rows import expiry_name
from quanheng.desk.frames import Rows
from quanheng.maker import columns as c
from quanheng.maker.guard_state import G_LOCKED
from quanheng.maker.holdings import cover_left, in_flight, units_left
from quanheng.maker.instruction_state import Kind
from quanheng.maker.messages import MakerOpen
from quanheng.maker.state import U_LAST, U_SPOT, State
from quanheng.terms.codes import Side
from quanheng.terms.days import iso
from quanheng.terms.units import MONEY_PER_YUAN, TICKS_PER_YUAN


def _opened(state: State) -> MakerOpen:
    assert state.opened is not None, "a day is open"
    return state.opened


def funds(state: State) -> Rows:
    """The accounts: designated derivatives account with its unit, reports to the exchange, cash at
    both markets, margin, what is free.
    """
    opened = _opened(state)
    margin = margin_use.total(state.book, state.tables.fixed[:, c.F_MARGIN])
    units = state.tables.fixed[:, c.F_UNIT]
    equity = pnl.equity(state.book, units, state.ledger.marks)
    out: Rows = {
        "derivatives": {
            "kind": "derivatives", "account": opened.account, "pbu": opened.pbu,
            "status": "designated", "scope": "*", "since": "",
            "balance": state.book.cash // MONEY_PER_YUAN, "tied": margin // MONEY_PER_YUAN,
            "free": (state.book.cash - margin) // MONEY_PER_YUAN,
            "worth": equity // MONEY_PER_YUAN,
        }
    }  # fmt: skip
    if state.etf.on:
        value = int((state.etf.units * _spots(state)).sum())
        out["underlyings"] = {
            "kind": "underlyings", "account": opened.account, "pbu": opened.pbu,
            "status": "hedging", "scope": "*", "since": "",
            "balance": state.etf.cash // MONEY_PER_YUAN, "tied": 0,
            "free": state.etf.cash // MONEY_PER_YUAN,
            "worth": (state.etf.cash + value) // MONEY_PER_YUAN,
        }  # fmt: skip
    for place, one in enumerate(opened.accounts):
        out[f"reported {place}"] = {
            "kind": "reported", "account": one.account, "pbu": "",
            "status": "old" if one.old else "reported", "scope": one.scope,
            "since": iso(one.reported), "balance": None, "tied": None, "free": None, "worth": None,
        }  # fmt: skip
    for place, deal in enumerate(opened.agreements):
        until = f" – {iso(deal.until)}" if deal.until else ""
        out[f"agreement {place}"] = {
            "kind": "agreement", "account": deal.reference, "pbu": "", "status": "agreed",
            "scope": deal.underlying, "since": f"{iso(deal.since)}{until}", "balance": None,
            "tied": None, "free": None, "worth": None,
        }  # fmt: skip
    return out


def _spots(state: State) -> np.ndarray:
    last = state.view.underlying[:, U_LAST]
    return np.where(last > 0, last, state.view.underlying[:, U_SPOT])


def holdings(state: State) -> Rows:
    """Contracts held by class and expiry, with what the class's position limits leave."""
    opened, book, meta = _opened(state), state.book, state.tables.meta
    expiry_of = state.tables.fixed[:, c.F_EXPIRY]
    out: Rows = {}
    for klass, item in enumerate(opened.chain.classes):
        part = slice(item.start, item.stop)
        _, total, bought = counts(book, item.start, item.stop)
        limits = state.limits[item.start] if item.stop > item.start else None
        out[item.underlying] = {
            "scope": item.underlying, "depth": 0, **_held(state, np.arange(item.start, item.stop)),
            "long_limit": int(limits[c.L_LONG]) if limits is not None else None,
            "total": total, "total_limit": int(limits[c.L_TOTAL]) if limits is not None else None,
            "bought": bought,
        }  # fmt: skip
        mine = np.flatnonzero(meta[:, c.E_KLASS] == klass)
        for expiry in sorted(mine.tolist(), key=lambda one: int(meta[one, c.E_LAST_DAY])):
            slots = np.flatnonzero(expiry_of[part] == expiry) + item.start
            name = expiry_name(item.underlying, int(meta[expiry, c.E_LAST_DAY]))
            out[name] = {
                "scope": name, "depth": 1, **_held(state, slots), "long_limit": None,
                "total": None, "total_limit": None, "bought": None,
            }  # fmt: skip
    for number, row in enumerate(out.values()):
        row["order"] = number
    return out


def _held(state: State, slots: np.ndarray) -> dict[str, int]:
    book, fixed = state.book, state.tables.fixed
    long, short = int(book.long_qty[slots].sum()), int(book.short_qty[slots].sum())
    covered = int(book.covered_qty[slots].sum())
    net = book.long_qty[slots] - book.short_qty[slots] - book.covered_qty[slots]
    worth = int((net * state.ledger.marks[slots] * fixed[slots, c.F_UNIT]).sum())
    margin = int((book.short_qty[slots] * fixed[slots, c.F_MARGIN]).sum())
    return {
        "long": long, "short": short, "covered": covered, "net": long - short - covered,
        "margin": margin // MONEY_PER_YUAN, "worth": worth // MONEY_PER_YUAN,
    }  # fmt: skip


def units(state: State) -> Rows:
    """The underlyings: units held, locked, behind covered calls, on their way, free; their worth.

    `lock` and `unlock` are asked for and not answered; `buying`, `selling` are of orders that work.
    """
    opened, spots = _opened(state), _spots(state)
    out: Rows = {}
    for klass, item in enumerate(opened.chain.classes):
        part = slice(item.start, item.stop)
        fixed = state.tables.fixed[part]
        behind = int((state.book.covered_qty[part] * fixed[:, c.F_UNIT]).sum())
        held = int(state.etf.units[klass]) if state.etf.on else int(state.business.units[klass])
        orders = [one for one in state.etf.working.values() if one.klass == klass]
        out[item.underlying] = {
            "scope": item.underlying, "symbol": item.symbol, "units": held,
            "locked": int(state.guards.standing[klass, G_LOCKED]), "behind": behind,
            "cover_left": cover_left(state, opened, klass),
            "lock": in_flight(state, klass, Kind.LOCK),
            "unlock": in_flight(state, klass, Kind.UNLOCK),
            "free": units_left(state, klass),
            "sellable": int(state.etf.sellable[klass]) if state.etf.on else None,
            "buying": sum(one.qty for one in orders if one.side == Side.BUY),
            "selling": sum(one.qty for one in orders if one.side == Side.SELL),
            "price": int(spots[klass]),
            "worth": held * int(spots[klass]) // TICKS_PER_YUAN,
        }  # fmt: skip
    return out


def combos(state: State) -> Rows:
    """Combinations held, by the exchange's id."""
    names = [one.trading_code for one in _opened(state).chain.contracts]
    return {
        key: {
            "id": key, "strategy": one.strategy, "first": names[one.slots[0]],
            "second": names[one.slots[1]], "qty": one.units,
        }
        for key, one in state.business.held.items()
    }  # fmt: skip
