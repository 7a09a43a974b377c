"""Alerts with a bound on their rate, and the figures the console follows."""

import numpy as np

from quanheng.books import margin_use, pnl
from quanheng.books.positions import nets
from quanheng.duties import measure
from quanheng.kernels.desk.curves.layout import MODEL
from quanheng.kernels.desk.curves.smile import vol_at
from quanheng.kernels.pack import pack
from quanheng.maker import columns as c
from quanheng.maker import ledger_state as ls
from quanheng.maker.flow import LEARNT
from quanheng.maker.messages import Effects, MakerOpen, Notify
from quanheng.maker.state import U_SPOT, State
from quanheng.maker.states import trader
from quanheng.maker.strategy_kernels import class_exposure
from quanheng.maker.surface_kernels import curve_exposure
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms import market
from quanheng.terms.codes import Alert, Phase
from quanheng.terms.days import day_nanos
from quanheng.terms.units import MINUTE, MONEY_PER_YUAN, SECOND, Nanos

QUIET = 10 * SECOND
"""An alert of one code, scope and first argument is raised at most once in this time."""

MOST_ALERTS = 4_096
"""Bound of the memory of raised alerts; the oldest entry is forgotten first."""

AUCTIONS = (int(Phase.OPENING), int(Phase.CLOSING))
NAMED = 5
"""Contracts that an alert names; it counts the others."""

CLASS_COLUMNS = (
    "slot", "theo", "vol", "delta", "gamma", "vega", "theta", "bid", "bid_qty", "ask", "ask_qty",
    "net", "state", "phase", "obliged_ns", "quoted_ns", "compliant_ns",
)  # fmt: skip
"""Columns of a "class" view: theo in 1e-6 yuan, vol 1e-6, Greeks 1e-9, the quote as it rests."""

BOOK_COLUMNS = (
    "klass", "spot", "delta", "vega", "long", "short", "curve_version", "covered", "obliged",
    "realised", "unrealised", "fees", "margin", "cash", "curve_level", "curve_slope",
    "curve_curvature",
)  # fmt: skip
"""Columns of the "book" view: delta in yuan per 1 %, vega and the curve's Greeks in yuan per vol
point, covered and obliged contracts; realised to cash are of the whole book and repeat."""

CURVE_COLUMNS = (
    "klass", "last_day", "forward", "atm_vol", "fits", "failures", "state", "rung", "model",
    "status", "published_at", "version", "forward_rung",
)  # fmt: skip
"""Columns of the "curve" view, one row per expiry: forward in 1e-6 yuan, vol 1e-6, the fit's state
and rung (maker.curve_life), the published model and the last fit's status (curves.layout), when the
last own fit was published, the class's version since which the curve prices, the forward's rung
(kernels.desk.carry)."""

FLOW_COLUMNS = (
    "klass", "fills", "markout_1s", "markout_10s", "average_1s", "average_10s", "unmarked",
)  # fmt: skip
"""Columns of the "flow" view, one row per class: mark-outs of own fills in Money, their averages
in 1e-6 of A(b) (maker.flow), marks that were never taken."""

SEEN_COLUMNS = ("partition", "next_index")
"""Columns of the "seen" view, one row per partition of reports: its name's bytes as a number, the
index that comes next. The firm's overseer holds the figures of the minute against its own books of
that index."""

TERMS_COLUMNS = ("slot", "strike", "unit", "last_day", "margin")
"""Columns of the "terms" view, one row per contract: strike in Ticks, unit, last trading day and
Money of the opening margin of one short, as they stand in the tables that price. The firm's
overseer holds them against its own reading of the exchange's reference data."""

_MARKED = [ls.FILLS, *range(ls.MARK_OUT, ls.MARK_OUT + LEARNT)]

_LIVES = (
    c.V_FITS, c.V_FAILED, c.V_STATE, c.V_RUNG, c.V_MODEL, c.V_STATUS, c.V_AT, c.V_VERSION,
    c.V_FORWARD,
)  # fmt: skip

_SCALES = (
    (c.T_PRICE, 1e6),
    (c.T_VOL, 1e6),
    (c.T_DELTA, 1e9),
    (c.T_GAMMA, 1e9),
    (c.T_VEGA, 1e9),
    (c.T_THETA, 1e9),
)


def alert(
    state: State,
    effects: Effects,
    at: Nanos,
    code: Alert,
    scope: str,
    args: tuple[int | str, ...] = (),
    quiet: Nanos = QUIET,
) -> None:
    """Raise an alert unless the same one was raised within `quiet`."""
    key = f"{code.value}/{scope}/{args[0] if args else ''}"
    before = state.alerted.get(key)
    if before is not None and at - before < quiet:
        return
    if before is None and len(state.alerted) >= MOST_ALERTS:
        del state.alerted[next(iter(state.alerted))]
    state.alerted[key] = at
    effects.append(RaiseAlert(code, scope, args))


def marks(state: State) -> np.ndarray:
    """Ticks int64[slots]: theory where there is one, else the previous settlement."""
    return state.ledger.marks


def coverage(state: State, klass: int, at: Nanos) -> tuple[int, int]:
    """(contracts whose participation so far is what each must reach, contracts that owed any)."""
    opened, meter = state.opened, state.meter
    if opened is None or meter is None:
        return 0, 0
    num, den = opened.rulebook.duty.contract_share
    covered = obliged = 0
    item = opened.chain.classes[klass]
    for slot in range(item.start, item.stop):
        due, _, good = measure.live(meter, 0, slot, at)
        if due > 0:
            obliged += 1
            covered += den * good >= num * due
    return covered, obliged


def unready(state: State, start: int, stop: int) -> list[int]:
    """Slots of [start, stop) in a call auction whose two-sided quote would not count for it now.

    Exempt contracts are left out (A14, A35).
    """
    if state.meter is None:
        return []
    phases = state.view.rows[start:stop, market.PHASE]
    here = (phases == AUCTIONS[0]) | (phases == AUCTIONS[1])
    missing = []
    for slot in (np.flatnonzero(here) + start).tolist():
        lane = state.meter.lanes[slot]
        cell = lane.cells[0]
        if cell is not None and not (cell.ready or cell.exempt or lane.excused):
            missing.append(slot)
    return missing


def watch_auctions(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Name the contracts that would miss the opening or closing auction, from a minute before its
    no-cancel window on: what is missing can still be added then (Q-04, Q-05, I-25, I-27).
    """
    clock = day_nanos(at)
    near = any(row.no_cancel_from - MINUTE <= clock < row.stop for row in opened.rulebook.timetable)
    if not near:
        return
    for item in opened.chain.classes:
        missing = unready(state, item.start, item.stop)
        if missing:
            codes = [opened.chain.contracts[slot].code for slot in missing[:NAMED]]
            args: tuple[int | str, ...] = ("auction", len(missing), item.stop - item.start, *codes)
            alert(state, effects, at, Alert.DUTY_AT_RISK, item.underlying, args)


def watch_people(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Tell each minute which classes are REDUCING because no trader is signed on (O-02)."""
    for item in opened.chain.classes:
        if not trader(state.scopes, item.underlying):
            alert(state, effects, at, Alert.NOBODY_ON_DUTY, item.underlying, (), MINUTE)


def _class_rows(state: State, start: int, stop: int, at: Nanos) -> np.ndarray:
    rows = np.zeros((stop - start, len(CLASS_COLUMNS)), dtype=np.int64)
    rows[:, 0] = np.arange(start, stop)
    theo = state.surface.theo[start:stop]
    for position, (column, scale) in enumerate(_SCALES):
        value = np.rint(theo[:, column] * scale)
        rows[:, 1 + position] = np.where(np.isfinite(value), value, 0.0).astype(np.int64)
    work, book = state.work[start:stop], state.book
    rows[:, 7], rows[:, 8] = work[:, c.W_LIVE_PX], work[:, c.W_LIVE_QTY]
    ask = c.W_COLUMNS
    rows[:, 9], rows[:, 10] = work[:, ask + c.W_LIVE_PX], work[:, ask + c.W_LIVE_QTY]
    rows[:, 11] = nets(book)[start:stop]
    rows[:, 12] = state.desk[start:stop, c.D_STATE]
    rows[:, 13] = state.view.rows[start:stop, market.PHASE]
    if state.meter is not None:
        for slot in range(start, stop):
            rows[slot - start, 14:17] = measure.live(state.meter, 0, slot, at)
    return rows


def _curves(state: State) -> np.ndarray:
    meta, surface = state.tables.meta, state.surface
    rows = np.zeros((meta.shape[0], len(CURVE_COLUMNS)), dtype=np.int64)
    curves = surface.curves[c.PUBLISHED]
    numbers = np.array([[fit[c.X_FORWARD], 0.0] for fit in surface.fits]).reshape(-1, 2)
    numbers[:, 1] = [vol_at(curve, 0.0) for curve in curves]
    rows[:, [0, 1]] = meta[:, [c.E_KLASS, c.E_LAST_DAY]]
    rows[:, [2, 3]] = np.rint(np.nan_to_num(numbers) * 1e6).astype(np.int64)
    rows[:, 4:] = surface.life[:, _LIVES]
    rows[:, CURVE_COLUMNS.index("model")] = np.nan_to_num(curves[:, MODEL]).astype(np.int64)
    return rows


def curve_greeks(state: State, start: int, stop: int) -> np.ndarray:
    """float64[3] of a class: yuan per vol point of the curve's level, slope and curvature."""
    out = np.zeros(3)
    surface, book = state.surface, state.book
    curve_exposure(
        state.tables.fixed,
        surface.fits,
        surface.curves,
        state.parameters.values,
        surface.theo,
        book.long_qty,
        book.short_qty,
        start,
        stop,
        out,
    )
    return out


def exposure(state: State, start: int, stop: int) -> np.ndarray:
    """float64[2] of a class: delta in yuan per 1 % of the underlying, units of it beyond the
    base included, vega per vol point.
    """
    out = np.zeros(2)
    book = state.book
    klass = int(state.tables.fixed[start, c.F_KLASS])
    units = int(state.etf.units[klass]) - state.etf.base
    value = units * int(state.view.underlying[klass, U_SPOT])
    class_exposure(
        state.tables.fixed,
        state.surface.theo,
        state.surface.fits,
        book.long_qty,
        book.short_qty,
        start,
        stop,
        out,
    )
    out[0] += value / (100 * MONEY_PER_YUAN)
    return out


def _flow_rows(state: State, opened: MakerOpen) -> np.ndarray:
    """The ledger's fills and marks by class, with what was learnt from them."""
    ledger, rows = state.ledger, []
    for klass, item in enumerate(opened.chain.classes):
        sums = ledger.fills[item.start : item.stop, _MARKED].sum(axis=0)
        rows.append([klass, *sums, *state.flow.average[klass], ledger.dropped[klass]])
    return np.array(rows, dtype=np.int64)


def _terms(state: State) -> np.ndarray:
    fixed = state.tables.fixed
    last_days = state.tables.meta[fixed[:, c.F_EXPIRY], c.E_LAST_DAY]
    slots = np.arange(fixed.shape[0])
    columns = (slots, fixed[:, c.F_STRIKE], fixed[:, c.F_UNIT], last_days, fixed[:, c.F_MARGIN])
    return np.column_stack(columns)


def show(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Views of every class and of the book, and the alert that a duty is at risk (Q-05, I-14)."""
    fixed, book = state.tables.fixed, state.book
    unrealised = pnl.mark(book, fixed[:, c.F_UNIT], marks(state))
    margin = margin_use.total(book, fixed[:, c.F_MARGIN])
    tail = [int(book.realised.sum()), unrealised, book.fees, margin, book.cash]
    table = []
    for klass, item in enumerate(opened.chain.classes):
        rows = _class_rows(state, item.start, item.stop, at)
        effects.append(Notify("class", klass, at, len(CLASS_COLUMNS), pack(rows)))
        money = np.rint(exposure(state, item.start, item.stop)).astype(np.int64).tolist()
        covered, obliged = coverage(state, klass, at)
        held = slice(item.start, item.stop)
        table.append(
            [
                klass,
                int(state.view.underlying[klass, U_SPOT]),
                *money,
                int(book.long_qty[held].sum()),
                int(book.short_qty[held].sum()),
                int(state.surface.version[klass]),
                covered,
                obliged,
                *tail,
                *np.rint(curve_greeks(state, item.start, item.stop)).astype(np.int64).tolist(),
            ]
        )
        longest = int(rows[:, 14].max()) if rows.shape[0] else 0
        # Early in the day a few seconds decide; wait until the figure means something.
        if longest > 10 * MINUTE and 20 * covered < 17 * obliged:
            alert(state, effects, at, Alert.DUTY_AT_RISK, item.underlying, (covered, obliged))
    effects.append(Notify("curve", -1, at, len(CURVE_COLUMNS), pack(_curves(state))))
    effects.append(Notify("book", -1, at, len(BOOK_COLUMNS), pack(np.array(table, dtype=np.int64))))
    effects.append(Notify("flow", -1, at, len(FLOW_COLUMNS), pack(_flow_rows(state, opened))))
    effects.append(Notify("terms", -1, at, len(TERMS_COLUMNS), pack(_terms(state))))
    heard = sorted(state.next_index.items())
    seen = [[int.from_bytes(name.encode()), index] for name, index in heard]
    indices = np.array(seen, dtype=np.int64).reshape(-1, len(SEEN_COLUMNS))
    effects.append(Notify("seen", -1, at, len(SEEN_COLUMNS), pack(indices)))
