"""What a prompt prepares against an alert: orders at prices that are there, never sent (I-42).

Hedges come from the hedger and the straddles of `prompts`; everything else closes contracts, those
first of which one takes most off the figure, down to the monitor's notice level.
"""

from collections.abc import Callable

import numpy as np

from quanheng.books.gaps import take_off
from quanheng.books.pnl import equity
from quanheng.maker import columns as c
from quanheng.maker import night
from quanheng.maker.alarms import notice_level
from quanheng.maker.figure_kernels import assignment, greeks_of
from quanheng.maker.hedge_options import MOST, best_of_others
from quanheng.maker.hedging import protective, ways_of
from quanheng.maker.ledger_views import GREEKS, greeks_by_expiry
from quanheng.maker.messages import MakerOpen
from quanheng.maker.monitor_figures import due_money, net_of, pinned
from quanheng.maker.monitor_kernels import WHOLE
from quanheng.maker.monitor_state import Line, Raised
from quanheng.maker.monitor_table import INDEX, MONITORS, Measure
from quanheng.maker.prompts import MARGIN_COLUMNS, WANTS, margin_row, straddle
from quanheng.maker.state import U_SPOT, State
from quanheng.terms.codes import Side
from quanheng.terms.units import MONEY_PER_YUAN, Money

LINES = 8
"""Prepared orders of one prompt."""

_DELTA, _GAMMA, _THETA = 0, 1, 3
"""Places in `figure_kernels.greeks_of`; vega lies between."""


def prepared(state: State, opened: MakerOpen, one: Raised) -> tuple[list[Line], bool]:
    """(orders, True when one of them may add a position); no orders where nothing trades."""
    klass = _class_of(state, opened, one)
    match MONITORS[one.monitor].measure:
        case Measure.HEDGE:
            return _hedge(state, opened, one, klass)
        case Measure.STRADDLE:
            return _straddle(state, one, klass), True
        case Measure.CLOSE:
            return _close(state, opened, one, klass), False
        case _:
            return [], False


def _class_of(state: State, opened: MakerOpen, one: Raised) -> int:
    """The class an alert is about; of the desk's Greeks the class with the largest one."""
    if one.place < len(opened.chain.classes):
        return one.place
    number = one.monitor - INDEX["delta_desk"]
    if not 0 <= number <= _THETA:
        return -1
    first = c.S_DELTA_UP + 2 * number
    worst = np.maximum(state.worst[:, first], -state.worst[:, first + 1])
    return int(worst.argmax())


def _beyond(state: State, one: Raised) -> tuple[int, int]:
    """(figure, notice level) with the sign that makes a larger one worse."""
    sign = -1 if MONITORS[one.monitor].floor else 1
    figure = int(state.watch.signed[one.monitor, one.place])
    return figure, sign * notice_level(state, one.monitor, one.place)


def _greek(state: State, klass: int, number: int) -> tuple[int, int]:
    """(Money of a Greek in the worst case with its sign, what one class holds of it)."""
    up, down = state.worst[klass, c.S_DELTA_UP + 2 * number : c.S_DELTA_UP + 2 * number + 2]
    return int(up) if up >= -down else int(down), int(up)


def _hedge(state: State, opened: MakerOpen, one: Raised, klass: int) -> tuple[list[Line], bool]:
    """The hedger's cheapest way to bring the delta back to the notice level."""
    figure, notice = _beyond(state, one)
    worst, _ = _greek(state, klass, _DELTA)
    excess = abs(worst) * max(figure - notice, 0) // max(figure, 1) // MONEY_PER_YUAN
    wanted = -excess * 100 if worst > 0 else excess * 100
    ways = ways_of(state, opened, klass, WHOLE, wanted, True) if wanted else []
    if not ways:
        return [], False
    way = min(ways, key=lambda each: each.cost)
    if not way.qty:
        return [Line(klass, leg.slot, leg.side, leg.price, leg.qty) for leg in way.legs], True
    side = Side.BUY if wanted > 0 else Side.SELL
    limit = protective(state, opened, way.klass, wanted > 0)
    return [Line(klass, -1, side, limit, way.qty)], side == Side.BUY


def _straddle(state: State, one: Raised, klass: int) -> list[Line]:
    """The cheapest straddle that brings gamma or vega of what is held back in proportion."""
    figure, notice = _beyond(state, one)
    name = MONITORS[one.monitor].name
    want = WANTS[0] if name.startswith("gamma") else WANTS[1]
    held = greeks_by_expiry(state)[state.tables.meta[:, c.E_KLASS] == klass].sum(axis=0)
    amount = float(held[GREEKS.index(want.place)])
    limit = int(abs(amount) * min(notice, figure) / max(figure, 1))
    rows = straddle(state, klass, want, amount, limit) if amount else []
    return [Line(klass, row[2], Side(row[3]), row[4], row[5]) for row in rows]


def _close(state: State, opened: MakerOpen, one: Raised, klass: int) -> list[Line]:
    """Orders that close what takes most off the figure."""
    reliefs, excess = _RELIEFS[MONITORS[one.monitor].name](state, opened, one, klass)
    net, fixed = net_of(state), state.tables.fixed
    if klass < 0:
        slots = range(net.size)
    else:
        slots = range(opened.chain.classes[klass].start, opened.chain.classes[klass].stop)
    lines: list[Line] = []
    there = [slot for slot in slots if net[slot]]
    for slot, qty, _ in take_off(reliefs, net, excess, there):
        side = Side.SELL if net[slot] > 0 else Side.BUY
        offer = best_of_others(state, slot, side)
        room = min(qty, MOST, offer.qty)
        if room > 0 and len(lines) < LINES:
            lines.append(Line(int(fixed[slot, c.F_KLASS]), slot, side, offer.limit, room))
    return lines


Relief = tuple[np.ndarray, int]
"""What closing one contract takes off, int64[slots], and how much there is too much."""


def _theta(state: State, opened: MakerOpen, one: Raised, klass: int) -> Relief:
    figure, notice = _beyond(state, one)
    worst, _ = _greek(state, klass, _THETA)
    sign, net = (1 if worst > 0 else -1), net_of(state)
    reliefs, greeks = np.zeros(net.size, dtype=np.int64), np.empty(4, dtype=np.int64)
    for slot in np.flatnonzero(net).tolist():
        greeks_of(slot, state.tables.fixed, state.surface.theo, state.surface.fits, greeks)
        reliefs[slot] = sign * int(greeks[_THETA]) * (1 if net[slot] > 0 else -1)
    return reliefs, abs(worst) * max(figure - notice, 0) // max(figure, 1)


def _margin(state: State, opened: MakerOpen, one: Raised, klass: int) -> Relief:
    """Margin of the shorts, by the reading of the monitor."""
    row = dict(zip(MARGIN_COLUMNS, margin_row(state, opened), strict=True))
    notice = notice_level(state, one.monitor, one.place)
    wanted: dict[str, Money] = {
        "cover": row["realtime"] - row["equity"] * WHOLE // max(notice, 1),
        "margin_used": row["used"] - row["equity"] * notice // WHOLE,
        "margin_free": notice - row["free"],
    }
    return _shorts(state), wanted[MONITORS[one.monitor].name]


def _shorts(state: State) -> np.ndarray:
    """Opening margin of one contract where the book is short, Money int64[slots]."""
    margin: np.ndarray = np.where(net_of(state) < 0, state.tables.fixed[:, c.F_MARGIN], 0)
    return margin


def _counted(state: State, opened: MakerOpen, one: Raised, klass: int) -> Relief:
    """Contracts that are there for a reason which the monitor names; each closed is one less."""
    fixed, net = state.tables.fixed, net_of(state)
    days = state.tables.meta[fixed[:, c.F_EXPIRY], c.E_DAYS]
    figure, notice = _beyond(state, one)
    chosen, excess = {
        "pin": (pinned(state), figure),
        "permitted": (fixed[:, c.F_PERMITTED] == 0, figure),
        "expiry": (days <= -figure, int(abs(net).sum())),
        "long": (net > 0, _over(state, one, klass, c.S_LONG, notice)),
        "total": (net != 0, _over(state, one, klass, c.S_TOTAL, notice)),
    }[MONITORS[one.monitor].name]
    return chosen.astype(np.int64), excess


def _over(state: State, one: Raised, klass: int, count: int, notice: int) -> int:
    """Contracts of a class beyond the notice level of its limit."""
    start = int(np.flatnonzero(state.tables.fixed[:, c.F_KLASS] == klass)[0])
    limit = int(state.limits[start, c.L_LONG if count == c.S_LONG else c.L_TOTAL])
    return int(state.worst[klass, count]) - limit * notice // WHOLE


def _due(state: State, opened: MakerOpen, one: Raised, klass: int) -> Relief:
    """What a short near expiry needs if it is assigned."""
    fixed, spots = state.tables.fixed, state.view.underlying[:, U_SPOT].tolist()
    reliefs = np.zeros(fixed.shape[0], dtype=np.int64)
    for slot in np.flatnonzero(net_of(state) < 0).tolist():
        reliefs[slot] = assignment(fixed[slot], 0, spots[int(fixed[slot, c.F_KLASS])])
    cash = state.book.cash + state.etf.cash
    notice = notice_level(state, one.monitor, one.place)
    return reliefs, sum(due_money(state)) - cash * notice // WHOLE


def _night_loss(state: State, opened: MakerOpen, one: Raised, klass: int) -> Relief:
    return night.loss_reliefs(state, opened, klass), night.over_loss(state, one.place)


def _night_usage(state: State, opened: MakerOpen, one: Raised, klass: int) -> Relief:
    worth = equity(state.book, state.tables.fixed[:, c.F_UNIT], state.ledger.marks)
    return _shorts(state), night.over_usage(state, worth)


_RELIEFS: dict[str, Callable[[State, MakerOpen, Raised, int], Relief]] = {
    "theta": _theta,
    "theta_desk": _theta,
    "cover": _margin,
    "margin_used": _margin,
    "margin_free": _margin,
    "pin": _counted,
    "permitted": _counted,
    "expiry": _counted,
    "long": _counted,
    "total": _counted,
    "assign": _due,
    "night_loss": _night_loss,
    "night_loss_desk": _night_loss,
    "night_usage": _night_usage,
}
"""By monitor whose measure closes contracts."""
