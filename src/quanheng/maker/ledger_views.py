"""What people see of the ledger each minute: Greeks, profit by cause, margin; and its alarm."""

import numpy as np

from quanheng.books.positions import nets
from quanheng.kernels.desk.black import DELTA, GAMMA, RHO, THETA, VEGA
from quanheng.kernels.desk.greeks import (
    ALL_ROWS,
    CHARM,
    VANNA,
    VOLGA,
    desk_chain,
    greeks_chain,
)
from quanheng.kernels.pack import pack
from quanheng.maker import columns as c
from quanheng.maker import ledger_state as s
from quanheng.maker.ledger import residual_bound
from quanheng.maker.messages import Effects, MakerOpen, Notify
from quanheng.maker.monitors import alert
from quanheng.maker.point_kernels import YUAN
from quanheng.maker.state import State
from quanheng.terms.codes import Alert
from quanheng.terms.units import Nanos

GREEKS = (DELTA, GAMMA, VEGA, THETA, RHO, VANNA, VOLGA, CHARM)
GREEK_COLUMNS = (
    "klass", "last_day", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm",
)  # fmt: skip
"""Columns of the "greeks" view (I-29): a row per expiry, per class (last_day 0) and of the whole
book (class -1), in 1e-9 yuan of `kernels.desk.greeks.desk_chain`; the "class" view has each
contract's own."""

LEDGER_COLUMNS = ("klass", *s.NAMES, "total", "residual_bound")
"""Columns of the "ledger" view, one row per class, Money since the opening (R-06)."""

FILL_COLUMNS = (
    "slot", "fills", "bought", "sold", "edge", "fees", "mark_out_1s", "mark_out_10s",
    "mark_out_60s", "marked_1s", "marked_10s", "marked_60s",
)  # fmt: skip
"""Columns of the "fills" view, one row per contract with fills: contracts and Money. A mark-out is
the gain of the fills so far marked at the first theory at or after that time, against the price
paid; `marked` counts their contracts."""

_BILLIONTH = 1e9


def greeks_by_expiry(state: State) -> np.ndarray:
    """float64[expiries, GREEKS] of the book in a desk's units, yuan."""
    fixed, theo, fits = state.tables.fixed, state.surface.theo, state.surface.fits
    net = nets(state.book)
    held = np.flatnonzero((net != 0) & np.isfinite(theo[:, c.T_PRICE]))
    rows = fixed[held]
    expiry = rows[:, c.F_EXPIRY]
    forward = fits[expiry, c.X_FORWARD]
    table = np.empty((ALL_ROWS, held.size))
    greeks_chain(
        rows[:, c.F_SIGN].astype(np.float64),
        forward,
        rows[:, c.F_STRIKE] * YUAN,
        np.ascontiguousarray(theo[held, c.T_VOL]),
        fits[expiry, c.X_TAU],
        fits[expiry, c.X_DISCOUNT],
        table,
    )
    desk_chain(table, forward, rows[:, c.F_UNIT].astype(np.float64), table)
    out = np.zeros((fits.shape[0], len(GREEKS)))
    np.add.at(out, expiry, (table[list(GREEKS)] * net[held]).T)
    return out


def greek_rows(state: State, classes: int) -> np.ndarray:
    """int64[n, GREEK_COLUMNS]: expiries, then classes, then the whole book."""
    by_expiry = greeks_by_expiry(state)
    meta = state.tables.meta
    by_class = np.zeros((classes, len(GREEKS)))
    np.add.at(by_class, meta[:, c.E_KLASS], by_expiry)
    numbers = np.vstack([by_expiry, by_class, by_class.sum(axis=0)])
    rows = np.zeros((numbers.shape[0], len(GREEK_COLUMNS)), dtype=np.int64)
    rows[:, 0] = [*meta[:, c.E_KLASS].tolist(), *range(classes), -1]
    rows[: meta.shape[0], 1] = meta[:, c.E_LAST_DAY]
    rows[:, 2:] = np.rint(numbers * _BILLIONTH).astype(np.int64)
    return rows


def fill_rows(state: State) -> np.ndarray:
    """int64[n, FILL_COLUMNS] of the contracts that were filled."""
    fills = state.ledger.fills
    some = np.flatnonzero(fills[:, s.FILLS])
    return np.column_stack([some, fills[some]])


def show_ledger(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """The views, and the alarm when profit is not explained well enough."""
    classes = opened.chain.classes
    table = []
    for klass, item in enumerate(classes):
        terms = state.ledger.terms[klass].tolist()
        residual, bound = residual_bound(state, opened, klass)
        table.append([klass, *terms, sum(terms), bound])
        if abs(residual) > bound:
            alert(state, effects, at, Alert.PROFIT_UNEXPLAINED, item.underlying, (residual, bound))
    parts = (
        ("greeks", GREEK_COLUMNS, greek_rows(state, len(classes))),
        ("ledger", LEDGER_COLUMNS, np.array(table, dtype=np.int64)),
        ("fills", FILL_COLUMNS, fill_rows(state)),
    )
    for topic, columns, rows in parts:
        effects.append(Notify(topic, -1, at, len(columns), pack(rows)))
