"""Before the close: the book that would be carried, revalued under the gaps of a night (I-35).

A class a second, so that no single turn takes long; then the worst loss of every class and of the
desk and the worst margin use stand against the overnight limits on record. Without a record nothing
may be carried. Over a limit people reduce, or two of them sign an exception for what was found.
"""

import numpy as np

from quanheng.books import gaps
from quanheng.books.combination_search import margin_left
from quanheng.books.margin_use import usage_ppm
from quanheng.books.pnl import equity
from quanheng.kernels.pack import pack
from quanheng.maker import columns as c
from quanheng.maker.messages import Effects, MakerOpen, Notify
from quanheng.maker.monitor_figures import PPM, net_of
from quanheng.maker.monitor_kernels import WHOLE
from quanheng.maker.monitor_state import FAR, Excepted
from quanheng.maker.monitor_table import INDEX, NIGHT
from quanheng.maker.state import U_SPOT, State
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert
from quanheng.terms.commands import ExceptNight
from quanheng.terms.days import day_nanos, from_clock, midnight
from quanheng.terms.units import MONEY_PER_YUAN, Money, Nanos, half_up

CHECKS = tuple(from_clock(text) for text in ("14:45", "14:50", "14:55"))
"""When the check begins: in time to reduce, and twice more."""

OPTIONS, HEDGE, MARGIN = range(3)
"""Columns of the gaps of a class."""

NIGHT_COLUMNS = ("place", "spot", "vol", "profit", "margin", "equity", "free")
"""Columns of the "night" view, the worst gap of each class and of the desk (the last place): per
cent of spot and vols, Money next morning; of a class equity and free are 0."""


def check(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Begin a check when its time has come, and revalue one class of the one that runs."""
    watch, clock = state.watch, day_nanos(at)
    begun = [midnight(opened.day) + start for start in CHECKS if start <= clock]
    if begun and begun[-1] > watch.night_from:
        watch.night_from, watch.night_next = begun[-1], 0
    if watch.night_next < 0:
        return
    klass = watch.night_next
    watch.gaps[klass] = _class_gaps(state, opened, klass)
    watch.night_next = klass + 1
    if watch.night_next == len(opened.chain.classes):
        watch.night_next = -1
        _weigh(state)
        rows = _worst_rows(state, opened)
        effects.append(Notify("night", -1, at, len(NIGHT_COLUMNS), pack(rows)))


def _held(state: State, start: int, stop: int) -> np.ndarray:
    """Slots of a class that are held and have a vol; the others keep their mark in every gap."""
    book = state.book
    held = (book.long_qty + book.short_qty + book.covered_qty)[start:stop] > 0
    known = np.isfinite(state.surface.theo[start:stop, c.T_VOL])
    return np.flatnonzero(held & known) + start


def price_moves(state: State, opened: MakerOpen, klass: int, slots: np.ndarray) -> np.ndarray:
    """float64[scenarios, slots]: change of each contract in yuan per unit."""
    fixed, fits = state.tables.fixed[slots], state.surface.fits
    expiries = fits[:, [c.X_FORWARD, c.X_TAU, c.X_DISCOUNT]].T
    spots = gaps.spots_of(opened.rulebook, opened.chain.classes[klass].underlying)
    given = fixed[:, c.F_SIGN], fixed[:, c.F_STRIKE], state.surface.theo[slots, c.T_VOL]
    return gaps.price_moves(*given, fixed[:, c.F_EXPIRY], expiries, gaps.grid(spots))


def _class_gaps(state: State, opened: MakerOpen, klass: int) -> np.ndarray:
    """Money int64[scenarios, 3] of a class: options, hedge, margin after day-end netting without
    combinations, which are the exchange's to know.
    """
    item, book, out = opened.chain.classes[klass], state.book, np.zeros((gaps.SCENARIOS, 3))
    slots = _held(state, item.start, item.stop)
    moves = price_moves(state, opened, klass, slots)
    worth = state.tables.fixed[slots, c.F_UNIT] * net_of(state)[slots] * MONEY_PER_YUAN
    out[:, OPTIONS] = np.rint((moves * worth).sum(axis=1))
    spot = int(state.view.underlying[klass, U_SPOT])
    units = int(state.etf.units[klass]) - (state.etf.base if state.etf.on else 0)
    spots = gaps.spots_of(opened.rulebook, item.underlying)
    prices = np.tile(state.ledger.marks, (gaps.SCENARIOS, 1))
    prices[:, slots] = gaps.moved_prices(state.ledger.marks[slots], moves)
    mine = np.zeros(book.long_qty.size, dtype=np.int64)
    mine[item.start : item.stop] = 1
    short = np.flatnonzero(book.short_qty * mine)
    rows = [opened.chain.contracts[slot] for slot in short.tolist()]
    each = np.zeros(mine.size, dtype=np.int64)
    for number in range(gaps.SCENARIOS):
        move = spots[number % len(spots)]
        out[number, HEDGE] = half_up(units * spot * move, 100)
        each[short] = gaps.margins(
            opened.rulebook, rows, prices[number, short].tolist(), spot, move
        )
        out[number, MARGIN] = margin_left(
            opened.chain, book.long_qty * mine, book.short_qty * mine, {}, each.tolist(),
            prices[number].tolist(),
        )  # fmt: skip
    return out.astype(np.int64)


def losses(state: State) -> list[Money]:
    """The worst loss over the gaps by class, then of the desk with all classes gapping alike."""
    profit = state.watch.gaps[:, :, [OPTIONS, HEDGE]].sum(axis=2)
    worst = [*profit.min(axis=1).tolist(), int(profit.sum(axis=0).min())]
    return [max(-one, 0) for one in worst]


def usages(state: State, worth: Money) -> list[int]:
    """Margin over equity next morning by gap, in hundredths of a per cent."""
    due = state.watch.gaps[:, :, MARGIN].sum(axis=0).tolist()
    options = state.watch.gaps[:, :, OPTIONS].sum(axis=0).tolist()
    return [usage_ppm(one, worth + won) // PPM for one, won in zip(due, options, strict=True)]


def _worth(state: State) -> Money:
    return equity(state.book, state.tables.fixed[:, c.F_UNIT], state.ledger.marks)


def _weigh(state: State) -> None:
    """Shares of the limits as figures; what an exception covers counts as nothing."""
    watch = state.watch
    limits = watch.levels[NIGHT, :, 0].tolist()
    signed, found, used = watch.signed, losses(state), max(usages(state, _worth(state)))
    excepted = watch.excepted
    rows = [INDEX["night_loss"]] * (len(found) - 1) + [INDEX["night_loss_desk"]]
    for place, (row, loss, limit) in enumerate(zip(rows, found, limits, strict=True)):
        covered = excepted is not None and loss <= excepted.losses[place]
        signed[row, place] = 0 if covered else _share(loss, limit)
    covered = excepted is not None and used <= excepted.usage
    limit = int(watch.levels[NIGHT, -1, 1])
    signed[INDEX["night_usage"], -1] = 0 if covered else _share(used, limit)


def _share(value: int, limit: int) -> int:
    """value / limit in hundredths of a per cent, rounded up so that over is over; without a limit
    on record anything is too much.
    """
    if limit == FAR or value == 0:
        return 0
    return FAR // 2 if limit == 0 else -(-value * WHOLE // limit)


def _worst_rows(state: State, opened: MakerOpen) -> np.ndarray:
    """int64[classes + 1, NIGHT_COLUMNS]."""
    table, worth = state.watch.gaps, _worth(state)
    profit = table[:, :, [OPTIONS, HEDGE]].sum(axis=2)
    rows = []
    for place in range(table.shape[0] + 1):
        mine = profit[place] if place < table.shape[0] else profit.sum(axis=0)
        number = int(mine.argmin())
        spot, vol = gaps.SPOTS[number % len(gaps.SPOTS)], gaps.VOLS[number // len(gaps.SPOTS)]
        row = [place, spot, vol, int(mine[number])]
        if place < table.shape[0]:
            rows.append([*row, int(table[place, number, MARGIN]), 0, 0])
            continue
        due, won = table[:, number, MARGIN].sum(), table[:, number, OPTIONS].sum()
        rows.append([*row, int(due), worth + int(won), state.book.cash - int(due)])
    return np.array(rows, dtype=np.int64)


def loss_reliefs(state: State, opened: MakerOpen, klass: int) -> np.ndarray:
    """Money int64[slots] that one contract less takes off the worst loss: of a class, or with -1
    of the desk.
    """
    profit = state.watch.gaps[:, :, [OPTIONS, HEDGE]].sum(axis=2)
    mine = profit[klass] if klass >= 0 else profit.sum(axis=0)
    number, net = int(mine.argmin()), net_of(state)
    out = np.zeros(net.size, dtype=np.int64)
    for place, item in enumerate(opened.chain.classes):
        if klass in (-1, place):
            slots = _held(state, item.start, item.stop)
            moves = price_moves(state, opened, place, slots)[number]
            units = state.tables.fixed[slots, c.F_UNIT] * np.sign(net[slots]) * MONEY_PER_YUAN
            out[slots] = np.rint(-moves * units).astype(np.int64)
    return out


def over_loss(state: State, place: int) -> Money:
    """How far the worst loss of a place is over its limit."""
    return losses(state)[place] - int(state.watch.levels[NIGHT, place, 0])


def over_usage(state: State, worth: Money) -> Money:
    """Margin that is too much in the gap with the worst use."""
    used = usages(state, worth)
    number = used.index(max(used))
    due = int(state.watch.gaps[:, number, MARGIN].sum())
    won = int(state.watch.gaps[:, number, OPTIONS].sum())
    return due - (worth + won) * int(state.watch.levels[NIGHT, -1, 1]) // WHOLE


def except_night(
    state: State, opened: MakerOpen, body: ExceptNight, at: Nanos, effects: Effects
) -> None:
    """Two people sign for the losses and the margin use as they were found; more is over again."""
    two = body.by and body.seconded_by not in ("", body.by)
    if not (two and body.basis and state.watch.night_from):
        why = "needs two people, a basis and a check that has run"
        effects.append(RaiseAlert(Alert.CHECK_DENIED, "*", ("except_night", body.by, why)))
        return
    found, used = losses(state), max(usages(state, _worth(state)))
    signed = (body.basis, body.by, body.seconded_by)
    state.watch.excepted = Excepted(found, used, *signed)
    _weigh(state)
    effects.append(RaiseAlert(Alert.NIGHT_EXCEPTED, "*", (*signed, found[-1], used)))
