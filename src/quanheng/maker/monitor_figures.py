"""The figures of the monitors: cheap ones each second, dear ones a few times a minute.

A figure is int64 and signed so that larger is worse; `monitor_table` says of what it is a share.
"""

import numpy as np

from quanheng.books.margin_use import coverage_ppm
from quanheng.maker import columns as c
from quanheng.maker.figure_kernels import assignment
from quanheng.maker.messages import MakerOpen
from quanheng.maker.monitor_kernels import WHOLE, quoted_shares, used_shares
from quanheng.maker.monitor_state import FAR, SPAN
from quanheng.maker.monitor_table import INDEX
from quanheng.maker.prompts import MARGIN_COLUMNS, margin_row
from quanheng.maker.state import U_PHASE, U_SPOT, State
from quanheng.terms import market
from quanheng.terms.codes import Phase
from quanheng.terms.units import SECOND, Nanos

PPM = 100  # millionths in one of them

HOLDINGS_EVERY = 10 * SECOND
MARGIN_EVERY = 15 * SECOND
EVERY_SECOND, HOLDINGS, MARGIN = range(3)
"""Places of the stamps of the last looks."""

NEAR_EXPIRY = 2
"""Full trading days before an expiry from which its shorts have to be met (I-39)."""

_ALLOWED = np.array([
    c.L_DELTA, c.L_GAMMA, c.L_VEGA, c.L_THETA, c.L_LONG, c.L_TOTAL, c.L_BUY_OPEN, c.L_LOSS,
    c.L_DAY_ORDERS,
])  # fmt: skip
_SHARES = np.array([INDEX[name] for name in (
    "delta", "gamma", "vega", "theta", "long", "total", "buy_open", "loss", "day_orders",
    "delta_desk", "gamma_desk", "vega_desk", "theta_desk",
)])  # fmt: skip
_QUOTED = np.array([INDEX[name] for name in ("order_value", "from_own", "from_last", "from_theo")])


def refresh(state: State, opened: MakerOpen, at: Nanos) -> None:
    """Bring every figure that is due to `at`; the classes' worst cases are fresh."""
    watch = state.watch
    starts = np.array([item.start for item in opened.chain.classes], dtype=np.int64)
    looked = watch.looked.tolist()
    _exposures(state, starts)
    _rate(state, opened, at)
    _moves(state, opened, at)
    _quoted(state, looked[EVERY_SECOND])
    watch.looked[EVERY_SECOND] = at
    if at - looked[HOLDINGS] >= HOLDINGS_EVERY:
        watch.looked[HOLDINGS] = at
        _holdings(state, starts)
        _curves(state, starts)
    if at - looked[MARGIN] >= MARGIN_EVERY:
        watch.looked[MARGIN] = at
        _margins(state, opened)


def refresh_shares(state: State) -> None:
    """Shares of an empty chain, for compiling the kernels behind them."""
    _exposures(state, np.zeros(1, dtype=np.int64))
    _quoted(state, 0)


def _exposures(state: State, starts: np.ndarray) -> None:
    """Greeks, positions, losses and the day's orders against their limits (I-30, I-34, I-36)."""
    signed, worst, limits = state.watch.signed, state.worst, state.limits
    used_shares(worst, limits, state.guards.counts, starts, _ALLOWED, _SHARES, signed)
    signed[INDEX["blind"], :-1] = worst[:, c.S_BLIND]
    lost = max(int(worst[:, c.S_LOSS].sum()), 0)
    signed[INDEX["loss_desk"], -1] = lost * WHOLE // max(int(limits[starts[0], c.L_LOSS_DESK]), 1)


def _rate(state: State, opened: MakerOpen, at: Nanos) -> None:
    """Messages per second since the last look (I-40)."""
    watch, sent = state.watch, state.guards.messages
    span = max(at - int(watch.looked[EVERY_SECOND]), SECOND)
    count = (sent - watch.messages) * SECOND // span
    watch.signed[INDEX["rate"], -1] = count * WHOLE // opened.messages_per_second
    watch.messages = sent


def _moves(state: State, opened: MakerOpen, at: Nanos) -> None:
    """Moves of the underlyings in continuous trading, within a minute and since yesterday."""
    watch, table = state.watch, state.view.underlying
    if at - int(watch.looked[EVERY_SECOND]) > 2 * SECOND:
        watch.spots[:] = 0  # a break lies in between
    place = at // SECOND % SPAN
    for klass, item in enumerate(opened.chain.classes):
        spot, before = int(table[klass, U_SPOT]), int(watch.spots[klass, place])
        close = opened.chain.contracts[item.start].underlying_close
        live = table[klass, U_PHASE] == Phase.CONTINUOUS
        watch.spots[klass, place] = spot if live else 0
        moved = abs(spot - before) * WHOLE // before if live and before else 0
        watch.signed[INDEX["move_fast"], klass] = moved
        moved = abs(spot - close) * WHOLE // close if live and close else 0
        watch.signed[INDEX["move_day"], klass] = moved


def _quoted(state: State, since: Nanos) -> None:
    """Value of what was sent since the last look, and its distances (I-41, I-43)."""
    watch = state.watch
    quoted_shares(
        state.guards.repeats,
        state.limits,
        state.tables.fixed,
        state.view.rows,
        state.desk,
        state.surface.theo,
        since,
        _QUOTED,
        watch.sent,
        watch.signed,
        watch.worst,
    )


def _holdings(state: State, starts: np.ndarray) -> None:
    """What is held: not permitted, near expiry, pinned, short and due (I-35, I-37 to I-39)."""
    signed, book, fixed = state.watch.signed, state.book, state.tables.fixed
    held = book.long_qty + book.short_qty + book.covered_qty
    resting = state.desk[:, [c.D_ORDER_BUY, c.D_ORDER_SELL]].sum(axis=1)
    resting = resting + state.work[:, [c.W_LIVE_QTY, c.W_COLUMNS + c.W_LIVE_QTY]].sum(axis=1)
    barred = np.where(fixed[:, c.F_PERMITTED] == 0, held + resting, 0)
    signed[INDEX["permitted"], :-1] = np.add.reduceat(barred, starts)
    days = state.tables.meta[fixed[:, c.F_EXPIRY], c.E_DAYS]
    nearest = np.minimum.reduceat(np.where(held > 0, days, FAR), starts)
    signed[INDEX["expiry"], :-1] = -nearest
    net = np.where(pinned(state), abs(net_of(state)), 0)
    signed[INDEX["pin"], :-1] = np.add.reduceat(net, starts)
    cash = max(book.cash + state.etf.cash, 1)
    signed[INDEX["assign"], -1] = max(sum(due_money(state)), 0) * WHOLE // cash


def net_of(state: State) -> np.ndarray:
    """Contracts int64[slots], longs less shorts and covered ones."""
    book = state.book
    net: np.ndarray = book.long_qty - book.short_qty - book.covered_qty
    return net


def pinned(state: State) -> np.ndarray:
    """True for contracts on their last trading day within 1 % of the spot (I-35)."""
    fixed = state.tables.fixed
    spot = state.view.underlying[fixed[:, c.F_KLASS], U_SPOT]
    last = state.tables.meta[fixed[:, c.F_EXPIRY], c.E_DAYS] <= 0
    near: np.ndarray = last & (100 * abs(fixed[:, c.F_STRIKE] - spot) <= spot)
    return near


def due_money(state: State) -> list[int]:
    """Money the shorts near expiry need by class if they are assigned: strikes of the puts, and the
    underlying of the calls beyond the units that are there to deliver (I-39).
    """
    fixed, spots = state.tables.fixed, state.view.underlying[:, U_SPOT].tolist()
    near = state.tables.meta[fixed[:, c.F_EXPIRY], c.E_DAYS] <= NEAR_EXPIRY
    need, units = [0] * len(spots), (-state.etf.units).tolist()
    for slot in np.flatnonzero(near & (state.book.short_qty > 0)).tolist():
        row, short = fixed[slot], int(state.book.short_qty[slot])
        klass = int(row[c.F_KLASS])
        money = int(assignment(row, 0, spots[klass]))
        if row[c.F_SIGN] < 0:
            need[klass] += money * short
        elif money:
            units[klass] += short * int(row[c.F_UNIT])
    return [
        money + max(missing, 0) * spot
        for money, missing, spot in zip(need, units, spots, strict=True)
    ]


def _curves(state: State, starts: np.ndarray) -> None:
    """The worst rung of each class's curves while it trades continuously (I-31)."""
    worst = np.zeros(starts.size, dtype=np.int64)
    np.maximum.at(worst, state.tables.meta[:, c.E_KLASS], state.surface.life[:, c.V_RUNG])
    live = state.view.rows[starts, market.PHASE] == Phase.CONTINUOUS
    state.watch.signed[INDEX["curve"], :-1] = np.where(live, worst, 0)


def _margins(state: State, opened: MakerOpen) -> None:
    """Maintenance margin at last prices, margin in use and what is free (I-32, I-33)."""
    signed = state.watch.signed
    row = dict(zip(MARGIN_COLUMNS, margin_row(state, opened), strict=True))
    signed[INDEX["cover"], -1] = -(coverage_ppm(row["realtime"], row["equity"]) // PPM)
    signed[INDEX["margin_used"], -1] = row["usage_ppm"] // PPM
    signed[INDEX["margin_free"], -1] = -row["free"]
