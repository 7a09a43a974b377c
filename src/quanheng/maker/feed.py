"""Market data folded into the view, inquiries queued, and what follows from them at once."""

import numpy as np

from quanheng.duties import measure
from quanheng.kernels.pack import unpack
from quanheng.maker import columns as c
from quanheng.maker import inquiries, jumps
from quanheng.maker.book_kernels import absorb, find_missing, phases_of
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.monitors import alert, watch_auctions
from quanheng.maker.order_kernels import end_slot
from quanheng.maker.parameters import of_class
from quanheng.maker.pricing import reprice
from quanheng.maker.quoting import BREAK, in_session, plan
from quanheng.maker.singles import end_all
from quanheng.maker.state import U_ASK, U_AT, U_BID, U_LAST, U_PHASE, U_PRICED, U_SPOT, State
from quanheng.maker.states import spread_out
from quanheng.terms import market
from quanheng.terms.codes import PHASE_LETTERS, Alert, Phase
from quanheng.terms.days import day_nanos
from quanheng.terms.market import ChainTick, Inquiry, UnderlyingTick, UnderlyingTicks
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

STALE = 30 * SECOND
STALE_AUCTION = 75 * SECOND
"""Silence of a class's feed after which its quotes are withdrawn. In a call auction little may
change, and then only the full image of each minute speaks (borders.md 4)."""

MILLION = 1_000_000


def on_tick(state: State, opened: MakerOpen, tick: ChainTick, at: Nanos, effects: Effects) -> None:
    """One snapshot of a class: view, duties, theory, quotes. ValueError names a bad row."""
    item = opened.chain.classes[tick.klass]
    table = unpack(tick.rows, market.COLUMNS)
    changes = np.empty((table.shape[0], 3), dtype=np.int64)
    view = state.view
    count = absorb(table, view.rows, state.desk, tick.at, item.start, item.stop, changes)
    if count < 0:
        slot = int(table[-1 - count, market.SLOT])
        raise ValueError(
            f"maker: tick of class {item.underlying} at {tick.at} carries slot {slot}, "
            f"outside {item.start} to {item.stop - 1}"
        )
    view.tick_at[tick.klass] = tick.at
    if view.stale[tick.klass]:
        view.stale[tick.klass] = 0
        refresh_states(state, opened)
    gap = int(state.limits[item.start, c.L_GAP]) if item.stop > item.start else 0
    lost = find_missing(view.rows, state.work, state.desk, tick.at, gap, item.start, item.stop)
    if lost:
        alert(state, effects, at, Alert.UNKNOWN_ORDER, item.underlying, (lost,))
    if count:
        _on_changes(state, opened, changes[:count].tolist(), tick.at, at, effects)
    open_, continuous = phases_of(view.rows, item.start, item.stop)
    if open_ and in_session(opened, day_nanos(at)):
        # Curves that followed the options while the spot is in doubt would be wrong for either.
        refit = continuous and not jumps.doubted(state, tick.klass)
        reprice(state, opened, tick.klass, at, refit, effects)
        plan(state, opened, tick.klass, at, effects)


def _on_changes(
    state: State,
    opened: MakerOpen,
    changes: list[list[int]],
    at: Nanos,
    now: Nanos,
    effects: Effects,
) -> None:
    """Phases and last prices that changed at the exchange's instant `at`, told to the meter; ends,
    breakers and halts.
    """
    meter = state.meter
    contracts = opened.chain.contracts
    for slot, phase, last in changes:
        if phase >= 0:
            if meter is not None:
                measure.on_phase(meter, slot, at, Phase(phase))
            if phase != Phase.CONTINUOUS and slot in state.inquiries.open:
                inquiries.phase_ended(state, opened, slot, at, now, effects)
            if phase == Phase.CLOSED:
                end_slot(state.work, slot)
                if meter is not None:
                    measure.on_quote(meter, 0, slot, at, 0, 0, 0, 0)
            elif phase == Phase.INTRADAY:
                alert(state, effects, at, Alert.BREAKER, contracts[slot].code)
            elif phase == Phase.HALT:
                alert(state, effects, at, Alert.HALT, contracts[slot].underlying)
        if last > 0 and meter is not None:
            measure.on_last(meter, slot, at, last)
    if state.orders and all(state.view.rows[:, market.PHASE] == Phase.CLOSED):
        end_all(state)


def refresh_states(state: State, opened: MakerOpen) -> None:
    """Write the states in force into every contract, silent feeds and doubted jumps included."""
    spread_out(state.scopes, opened.chain, state.desk)
    for klass, item in enumerate(opened.chain.classes):
        if state.view.stale[klass] or jumps.doubted(state, klass):
            part = state.desk[item.start : item.stop, c.D_STATE]
            np.minimum(part, 2, out=part)


def _spot(tick: UnderlyingTick, before: int) -> int:
    """Mid of the best prices, else the last trade, else what was known."""
    if tick.bids and tick.asks and tick.bids[0] > 0 and tick.asks[0] > tick.bids[0]:
        return (tick.bids[0] + tick.asks[0]) // 2
    return tick.last if tick.last > 0 else before


def on_underlyings(
    state: State, opened: MakerOpen, ticks: UnderlyingTicks, at: Nanos, effects: Effects
) -> None:
    """Store the underlyings; a jump reprices its class now instead of at its next snapshot."""
    table = state.view.underlying
    for tick in ticks.ticks:
        row = table[tick.klass]
        before = int(row[U_SPOT])
        spot = _spot(tick, before)
        row[U_AT], row[U_PHASE] = ticks.at, tick.phase
        doubted = jumps.doubted(state, tick.klass)
        good = jumps.believed(state, opened, tick.klass, spot, at, effects)
        if good:
            row[U_SPOT], row[U_LAST] = spot, tick.last
            row[U_BID] = tick.bids[0] if tick.bids else 0
            row[U_ASK] = tick.asks[0] if tick.asks else 0
        if doubted or not good:
            _doubt_changed(state, opened, tick.klass, at, effects)
        elif spot != before:
            _moved(state, opened, tick.klass, at, effects)


def _moved(state: State, opened: MakerOpen, klass: int, at: Nanos, effects: Effects) -> None:
    """Reprice at once what has moved further than `jump` since the class was priced."""
    row = state.view.underlying[klass]
    priced = int(row[U_PRICED])
    limit = of_class(state.parameters, opened.chain.classes[klass].start, "jump")
    moved = abs(int(row[U_SPOT]) - priced) * MILLION
    if priced and moved > limit * priced and in_session(opened, day_nanos(at)):
        reprice(state, opened, klass, at, False, effects)
        plan(state, opened, klass, at, effects, True)


def _come_back(state: State, opened: MakerOpen, klass: int, at: Nanos, effects: Effects) -> None:
    """Price and plan a class of which nothing rests when theory is too old for P09 and the
    underlying is not: in a call auction no snapshot may come for a minute, and what was withdrawn
    while the line was lost would stay away until then (F28).
    """
    item, view = opened.chain.classes[klass], state.view
    lives = state.work[item.start : item.stop, [c.W_STATE, c.W_COLUMNS + c.W_STATE]]
    limit = of_class(state.parameters, item.start, "theo_age") * MILLISECOND
    priced, seen = int(state.surface.theo_at[klass]), int(view.underlying[klass, U_AT])
    waits = priced and at - priced > limit >= at - seen and not view.stale[klass]
    if waits and not lives.any() and not jumps.doubted(state, klass):
        reprice(state, opened, klass, at, False, effects)
        plan(state, opened, klass, at, effects)


def _doubt_changed(
    state: State, opened: MakerOpen, klass: int, at: Nanos, effects: Effects
) -> None:
    """A jump is doubted or no longer: withdraw the class, or price and quote it again."""
    refresh_states(state, opened)
    if not in_session(opened, day_nanos(at)):
        return
    if not jumps.doubted(state, klass):
        reprice(state, opened, klass, at, False, effects)
    plan(state, opened, klass, at, effects)


def on_inquiry(
    state: State, opened: MakerOpen, inquiry: Inquiry, at: Nanos, effects: Effects
) -> None:
    """A quote of both sides is owed within 15 s and for 15 s (Q-06); plan the class now."""
    slot = inquiries.arrive(state, opened, inquiry, at, effects)
    if slot is not None:
        plan(state, opened, int(state.tables.fixed[slot, c.F_KLASS]), at, effects)


def watch(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Withdraw the quotes of a class whose feed is silent, and tell who would miss an auction."""
    watch_auctions(state, opened, at, effects)
    for klass in range(len(opened.chain.classes)):
        spot = jumps.overdue(state, opened, klass, at, effects)
        if spot:
            # The best prices that belong to it come with the next tick.
            state.view.underlying[klass, [U_SPOT, U_BID, U_ASK]] = (spot, 0, 0)
            _doubt_changed(state, opened, klass, at, effects)
        elif in_session(opened, day_nanos(at)):
            _come_back(state, opened, klass, at, effects)
    clock = day_nanos(at)
    limit = 0
    for row in opened.rulebook.timetable:
        allowed = STALE if row.letter == PHASE_LETTERS[Phase.CONTINUOUS] else STALE_AUCTION
        if row.start + allowed <= clock < row.stop and row.letter != BREAK:
            limit = allowed
    if not limit:
        return
    for klass, item in enumerate(opened.chain.classes):
        silent = at - int(state.view.tick_at[klass])
        if silent > limit and not state.view.stale[klass]:
            state.view.stale[klass] = 1
            refresh_states(state, opened)
            alert(state, effects, at, Alert.FEED_STALE, item.underlying, (silent,))
            plan(state, opened, klass, at, effects)
