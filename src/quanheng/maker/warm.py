"""Compile every kernel of the maker once, with the types the machine uses (set-up, not trading)."""

import numpy as np

from quanheng.books import gaps
from quanheng.kernels.desk import scenario
from quanheng.kernels.pack import pack, unpack
from quanheng.maker import book_kernels, ledger_state
from quanheng.maker import columns as c
from quanheng.maker import curve_kernels as curves
from quanheng.maker import figure_kernels as figures
from quanheng.maker import ledger_kernels as ledger
from quanheng.maker import monitor_kernels as monitors
from quanheng.maker import order_kernels as k
from quanheng.maker import plan_kernels as plan
from quanheng.maker import quote_kernels as q
from quanheng.maker import strategy_kernels as strategy
from quanheng.maker import surface_kernels as surface
from quanheng.maker.check_kernels import mask
from quanheng.maker.checks import actions_table
from quanheng.maker.layers import move_buckets
from quanheng.maker.monitor_figures import refresh_shares
from quanheng.maker.parameters import TABLE
from quanheng.maker.state import State, blank, ints
from quanheng.terms import market


def kernels() -> tuple[object, ...]:
    """Every kernel that the machine calls from Python."""
    return (
        surface.settle_class,
        surface.reprice_class,
        surface.curve_exposure,
        curves.standing_code,
        ledger.account_class,
        ledger.mark_out,
        book_kernels.absorb,
        book_kernels.find_missing,
        book_kernels.phases_of,
        strategy.class_exposure,
        plan.plan_class,
        plan.gather,
        move_buckets,
        q.widest_ask,
        q.sides,
        mask,
        figures.gather_guards,
        figures.greeks_of,
        figures.note_sent,
        figures.class_figures,
        figures.assignment,
        scenario.grid,
        scenario.revalue,
        figures.sum_classes,
        monitors.used_shares,
        monitors.quoted_shares,
        k.mark_sent,
        k.mark_cancel,
        k.answer_quote,
        k.answer_cancel,
        k.withdrawn,
        k.fill,
        k.refused_by_id,
        k.lose_all,
        k.end_slot,
    )


def warm_up() -> None:
    """Call them on an empty chain of one contract; takes seconds once, then the cache answers."""
    state = blank(1, 1, 1)
    state.tables.fixed[:, [c.F_CAP_DEN, c.F_STEP, c.F_UNIT]] = 1
    state.tables.meta[:, c.E_KLASS] = -1
    _warm_surface(state)
    rows = unpack(pack(ints(1, market.COLUMNS)), market.COLUMNS)
    book_kernels.absorb(
        rows, state.view.rows, state.desk, 0, 0, 1, np.empty((1, 3), dtype=np.int64)
    )
    _warm_plan(state)
    _warm_orders(state)
    _warm_ledger(state)
    _warm_monitors(state)


def _warm_monitors(state: State) -> None:
    """The revaluation before the close and the needs of shorts, which come late in the day."""
    fixed, one = state.tables.fixed, np.ones(1)
    given = fixed[:, c.F_SIGN], fixed[:, c.F_STRIKE], one
    expiries = state.surface.fits[:, [c.X_FORWARD, c.X_TAU, c.X_DISCOUNT]].T
    gaps.price_moves(*given, fixed[:, c.F_EXPIRY], expiries, gaps.grid((0,)))
    figures.assignment(fixed[0], 0, 0)
    refresh_shares(state)


def _warm_surface(state: State) -> None:
    tables, found, book = state.tables, state.surface, state.book
    pairs = ints(0, 3)
    params = ints(1, len(TABLE)) + 1
    own = (found.fits, found.curves, found.life)
    surface.settle_class(tables.fixed, pairs, tables.meta, *own, 0, 0, 1, 1.0, 0.0)
    which = ints(curves.WHICH + 3)
    surface.reprice_class(
        tables.fixed,
        state.view.rows,
        state.work,
        pairs,
        tables.meta,
        *own,
        found.version,
        params,
        found.theo,
        which,
        np.ones(surface.GIVEN),
        np.ones(curves.LIMITS),
    )
    curves.standing_code(found.life[0], which)
    held = (book.long_qty, book.short_qty)
    given = (tables.fixed, *own[:2], params, found.theo)
    surface.curve_exposure(*given, *held, 0, 1, np.zeros(3))


def _warm_plan(state: State) -> None:
    tables, found, book = state.tables, state.surface, state.book
    theo = found.theo
    exposure = np.zeros(2)
    want, drops = ints(2, c.Q_COLUMNS), ints(2, 3)
    g = ints(q.G_COLUMNS)
    params = ints(1, len(TABLE)) + 1
    held = (book.long_qty, book.short_qty)
    strategy.class_exposure(tables.fixed, theo, found.fits, *held, 0, 1, exposure)
    seen, work, desk = state.view.rows, state.work, state.desk
    given = (tables.fixed, seen, theo, params, work, desk, *held, state.surface.fits)
    plan.plan_class(*given, exposure, g, want, drops, state.limits)
    book_kernels.phases_of(seen, 0, 1)
    book_kernels.find_missing(seen, work, desk, 0, 0, 0, 1)
    context = ints(1, c.C_COLUMNS)
    counted = (*held, book.covered_qty)
    plan.gather(want[:1], tables.fixed, seen, theo, work, desk, *counted, g, context)
    own = (found.fits, desk, state.guards.repeats, state.guards.standing[0])
    figures.gather_guards(want[:1], tables.fixed, tables.meta, seen, theo, *own, g, 0, context)
    limits = (state.limits, state.guards.soft)
    mask(context, want[:1], *limits, ints(c.S_COLUMNS), actions_table())
    figures.note_sent(state.guards.repeats, want[:1], 0)
    figures.sum_classes(state.worst, 0, ints(c.S_COLUMNS))
    figures.greeks_of(0, tables.fixed, theo, found.fits, ints(4))
    figures.class_figures(
        tables.fixed,
        tables.meta,
        theo,
        found.fits,
        work,
        desk,
        *held,
        book.covered_qty,
        book.bought_open_today,
        book.long_cost,
        book.short_cost,
        book.covered_cost,
        book.realised,
        book.fee_paid,
        np.array([0, 1, 0, 0], dtype=np.int64),
        state.worst[0],
    )
    move_buckets(theo, 0, 1, state.parameters.buckets)
    q.widest_ask(10, tables.fixed[0])
    row = (tables.fixed[0], seen[0], work[0], desk[0], params[0])
    q.sides(*row, np.zeros(c.H_COLUMNS, dtype=np.int64), g, np.ones(2, dtype=np.int64))


def _warm_orders(state: State) -> None:
    work = state.work
    k.mark_sent(work, ints(0, c.Q_COLUMNS), 1, 0)
    k.mark_cancel(work, ints(0, 3), 1, 0)
    k.answer_quote(work, 0, 1, False, 0, 0, 0, 0, 0, 0, 0)
    k.answer_cancel(work, 0, 1, False, False)
    k.withdrawn(work, 0, 1, False, False)
    k.fill(work, 0, 0, 1, 1)
    k.refused_by_id(work, 1, False)
    k.lose_all(work)
    k.end_slot(work, 0)


def _warm_ledger(state: State) -> None:
    tables, found, book, kept = state.tables, state.surface, state.book, state.ledger
    ledger.account_class(
        tables.fixed,
        tables.meta,
        found.fits,
        found.curves,
        ints(1, len(TABLE)),
        found.theo,
        book.long_qty,
        book.short_qty,
        book.covered_qty,
        0,
        0,
        1,
        1,
        1,
        kept.marks,
        kept.last,
        kept.expiries,
        kept.terms[0],
    )
    horizons = ints(len(ledger_state.HORIZONS))
    pending, ring = kept.pending[0], kept.rings[0]
    learnt = state.flow.average[0]
    given = (kept.marks, found.theo, tables.fixed, kept.fills, learnt)
    ledger.mark_out(pending, ring, horizons, 0, *given)
