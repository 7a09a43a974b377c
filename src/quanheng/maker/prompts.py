"""What the machine proposes and a person decides: vega and gamma hedges, combinations, and the
margin they are for (I-32, I-33, I-42).
"""

from typing import NamedTuple

import numpy as np

from quanheng.books import margin_use
from quanheng.books.combination_search import margin_left, propose
from quanheng.books.combinations import ends
from quanheng.books.pnl import equity
from quanheng.books.positions import nets
from quanheng.kernels.desk.black import GAMMA, VEGA
from quanheng.kernels.pack import pack
from quanheng.maker import columns as c
from quanheng.maker.hedge_options import MOST, best_of_others, near_expiries, paid
from quanheng.maker.ledger_views import GREEKS, greeks_by_expiry
from quanheng.maker.messages import Effects, MakerOpen, Notify
from quanheng.maker.parameters import INDEX
from quanheng.maker.prepared import COMBINATION_COLUMNS, prepare
from quanheng.maker.state import U_LAST, U_SPOT, State
from quanheng.rulebook import margin
from quanheng.terms import market
from quanheng.terms.codes import Side
from quanheng.terms.days import day_nanos, from_clock
from quanheng.terms.units import Nanos, Slot

MARGIN_COLUMNS = (
    "used", "realtime", "forecast", "equity", "cash", "usage_ppm", "coverage_ppm",
    "forecast_usage_ppm", "free", "forecast_free",
)  # fmt: skip
"""Columns of the "margin" view, Money and 1e-6: opening margin of the shorts less what
combinations save; the formula of single shorts at last prices; maintenance margin at theory and
spot after day-end netting with the combinations that live on, which is tonight's if nothing moves;
what the account is worth; both readings of the risk degree (rules.md 3.5): margin / equity, high is
bad, and equity / margin, low is bad; and cash less each margin."""

HEDGE_COLUMNS = ("klass", "greek", "slot", "side", "price", "qty", "amount", "limit", "cost")
"""Columns of the "hedge" view, one prepared order per row (I-42): `greek` 1 gamma, 2 vega with what
the class has of it and its limit in yuan, cost in Money against theory."""

PROPOSE_AT = from_clock("14:30")
"""Combinations are proposed once, in time to build them before the close."""
_POINT = 0.01


class _Want(NamedTuple):
    """A Greek of a class that is too large, and the expiry whose straddle takes it away best."""

    greek: int
    place: int
    parameter: str
    expiry: int


WANTS = (_Want(1, GAMMA, "hedge_gamma", 0), _Want(2, VEGA, "hedge_vega", -1))
"""Gamma sits in the first expiry, vega in a later one."""


def margins(state: State, opened: MakerOpen, prices: np.ndarray, spots: np.ndarray) -> np.ndarray:
    """Money int64[slots] per short contract by the maintenance formula at `prices` and `spots`
    (Ticks, by slot and class); contracts without shorts have 0.
    """
    out = np.zeros(prices.size, dtype=np.int64)
    for slot in np.flatnonzero(state.book.short_qty).tolist():
        row = opened.chain.contracts[slot]
        spot = int(spots[state.tables.fixed[slot, c.F_KLASS]])
        out[slot] = margin.maintenance(
            opened.rulebook, row.underlying_type, row.kind, row.strike, int(prices[slot]), spot,
            row.unit,
        )  # fmt: skip
    return out


def margin_row(state: State, opened: MakerOpen) -> list[int]:
    """The figures of MARGIN_COLUMNS now."""
    book, marks = state.book, state.ledger.marks
    used = margin_use.total(book, state.tables.fixed[:, c.F_MARGIN]) - state.business.relief
    last = state.view.rows[:, market.LAST]
    spots = state.view.underlying
    traded = np.where(last > 0, last, marks)
    realtime = margin_use.total(book, margins(state, opened, traded, spots[:, U_LAST]))
    single = margins(state, opened, marks, spots[:, U_SPOT])
    chain, held = opened.chain, state.business.held.items()
    living = {name: one for name, one in held if not ends(chain, one, opened.day)}
    given = (living, single.tolist(), marks.tolist())
    forecast = margin_left(chain, book.long_qty, book.short_qty, *given)
    worth = equity(book, state.tables.fixed[:, c.F_UNIT], marks)
    return [
        used,
        realtime,
        forecast,
        worth,
        book.cash,
        margin_use.usage_ppm(used, worth),
        margin_use.coverage_ppm(used, worth),
        margin_use.usage_ppm(forecast, worth),
        book.cash - used,
        book.cash - forecast,
    ]


def combination_rows(state: State, opened: MakerOpen) -> np.ndarray:
    """int64[n, COMBINATION_COLUMNS]: what to split and to build for the least margin tonight, kept
    as a prepared set (I-42).
    """
    marks = state.ledger.marks
    single = margins(state, opened, marks, state.view.underlying[:, U_SPOT])
    held = state.business.held
    return prepare(state, propose(opened.chain, state.book, held, single.tolist(), marks.tolist()))


def hedge_rows(state: State, opened: MakerOpen) -> np.ndarray:
    """int64[n, HEDGE_COLUMNS]: orders for the classes whose gamma or vega is beyond its limit."""
    by_expiry = greeks_by_expiry(state)
    rows = []
    for klass, item in enumerate(opened.chain.classes):
        mine = by_expiry[state.tables.meta[:, c.E_KLASS] == klass].sum(axis=0)
        for want in WANTS:
            amount = float(mine[GREEKS.index(want.place)])
            limit = int(state.parameters.values[item.start, INDEX[want.parameter]])
            if abs(amount) > limit:
                rows += straddle(state, klass, want, amount, limit)
    return np.array(rows, dtype=np.int64).reshape(-1, len(HEDGE_COLUMNS))


def straddle(state: State, klass: int, want: _Want, amount: float, limit: int) -> list[list[int]]:
    """Both legs of the cheapest straddle near the forward that brings a Greek back to its limit, in
    steps of at most MOST contracts; nothing when no straddle trades with others.
    """
    expiries = near_expiries(state, klass)
    if not expiries:
        return []
    e = expiries[want.expiry]
    side = Side.SELL if amount > 0 else Side.BUY
    meta, pairs = state.tables.meta, state.tables.pairs
    best: tuple[float, list[list[int]]] = (float("inf"), [])
    for call, put, _ in pairs[meta[e, c.E_PAIR_START] : meta[e, c.E_PAIR_STOP]].tolist():
        legs = [(slot, *best_of_others(state, slot, side)[:2]) for slot in (call, put)]
        each = sum(_greek(state, slot, want.place) for slot in (call, put))
        room = min(qty for _, _, qty in legs)
        if not room or not each > 0.0:
            continue
        cost = sum(
            paid(state, slot, side, price) * int(state.tables.fixed[slot, c.F_UNIT])
            for slot, price, _ in legs
        )
        qty = max(1, min(MOST, room, round((abs(amount) - limit) / each)))
        told = (round(amount), limit, cost * qty)
        if cost / each < best[0]:
            rows = [[klass, want.greek, slot, side, price, qty, *told] for slot, price, _ in legs]
            best = (cost / each, rows)
    return best[1]


def _greek(state: State, slot: Slot, place: int) -> float:
    """Gamma or vega of one contract in a desk's units."""
    row, theo = state.tables.fixed[slot], state.surface.theo[slot]
    unit = float(row[c.F_UNIT])
    if place == VEGA:
        return float(theo[c.T_VEGA] * unit * _POINT)
    forward = state.surface.fits[row[c.F_EXPIRY], c.X_FORWARD]
    return float(theo[c.T_GAMMA] * forward * forward * unit * _POINT)


def show_prompts(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Margin each minute, hedges when a Greek is too large, combinations once before the close."""
    row = np.array([margin_row(state, opened)], dtype=np.int64)
    effects.append(Notify("margin", -1, at, len(MARGIN_COLUMNS), pack(row)))
    prepared = hedge_rows(state, opened)
    if prepared.size:
        effects.append(Notify("hedge", -1, at, len(HEDGE_COLUMNS), pack(prepared)))
    clock = day_nanos(at)
    if clock - opened.view_nanos < PROPOSE_AT <= clock and nets(state.book).any():
        rows = combination_rows(state, opened)
        effects.append(Notify("combinations", -1, at, len(COMBINATION_COLUMNS), pack(rows)))
