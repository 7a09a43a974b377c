"""Single orders of people: judged by the scalar ladder, alive in the same life-cycle table.

Working orders are few (`MOST`); what may still trade is mirrored into the standing of their
contract so that quotes never meet them and exposures count them.
"""

import numpy as np

from quanheng.maker import columns as c
from quanheng.maker import instructions
from quanheng.maker.checks import Refused, review
from quanheng.maker.figure_kernels import note_sent
from quanheng.maker.guards import keep_limits, on_answer, on_sent, trip_rung
from quanheng.maker.holdings import cover_left, covered_left
from quanheng.maker.inventory import refresh_worst, totals_now
from quanheng.maker.ladder import BY_CHECK
from quanheng.maker.lifecycle import TABLE, Event, Life
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.monitors import alert
from quanheng.maker.quoting import context_of, refill, scalars, warn
from quanheng.maker.requests import BY_HAND, client_id, counter_of, send, stamp, take
from quanheng.maker.roster import signed_on
from quanheng.maker.state import Order, State
from quanheng.maker.states import trader
from quanheng.terms import market
from quanheng.terms.codes import Action, Alert, Check, Effect, Exec, OrderKind, Side, TradingState
from quanheng.terms.commands import ManualCancel, ManualOrder
from quanheng.terms.orders import CancelReject, NewOrder, OrderAck, OrderCancel
from quanheng.terms.units import SECOND, Nanos

MOST = 200
"""Single orders alive at once."""

NOTHING_RESTS = (19082,)
"""Answers to a cancel that prove that its target does not rest (interfaces.md 2.10)."""

NOT_FILLABLE = (12036, 17624)
"""Answers to a fill-or-kill order that found too little, or would have called an intraday auction:
its nature, no refusal (P33).
"""

_LIVE = (Life.WORKING, Life.UNKNOWN)
_BARRED = (TradingState.HALTED, TradingState.CANCEL_ONLY)
_FINAL = (Event.REJECT, Event.CANCELLED, Event.END)
"""A single order replaces nothing, so these leave nothing that may trade."""


def _move(state: State, ident: int, event: Event) -> None:
    """One step of the table; a finished order leaves it."""
    order = state.orders[ident]
    to = TABLE[order.life][event]
    if to >= 0:
        order.life = to
    if event in _FINAL:
        order.leaves = 0
    if order.leaves <= 0 or order.life == Life.NONE:
        del state.orders[ident]
    mirror(state, order.slot)


def mirror(state: State, slot: int) -> None:
    """Write what single orders of a contract may still do into its standing."""
    row = state.desk[slot]
    row[c.D_REST_BUY : c.D_ORDER_CLOSE_SELL + 1] = 0
    for order in state.orders.values():
        if order.slot != slot:
            continue
        closes = order.leaves if order.effect == Effect.CLOSE else 0
        if order.side == Side.BUY:
            row[c.D_REST_BUY] = max(int(row[c.D_REST_BUY]), order.price)
            row[c.D_ORDER_BUY] += order.leaves
            row[c.D_ORDER_CLOSE_BUY] += closes
        else:
            best = int(row[c.D_REST_SELL])
            row[c.D_REST_SELL] = order.price if best == 0 else min(best, order.price)
            row[c.D_ORDER_SELL] += order.leaves
            row[c.D_ORDER_CLOSE_SELL] += closes


def place(
    state: State,
    opened: MakerOpen,
    body: ManualOrder,
    at: Nanos,
    effects: Effects,
    by: tuple[str, str] = BY_HAND,
) -> int:
    """A person's order through the ladder (P30), of a trader who is signed on for the class (S-01);
    a market order is judged where the levels seen would end it, and meets any own interest.

    Returns the counter of its client id, 0 when it was refused.
    """
    slot = state.tables.slots.get(body.contract, -1)
    if slot < 0 or len(state.orders) >= MOST:
        number = Check.P04_CONTRACT if slot < 0 else Check.P31_DAILY_TOTALS
        _turn_away(state, body, number, at, effects)
        return 0
    klass = int(state.tables.fixed[slot, c.F_KLASS])
    underlying = opened.chain.classes[klass].underlying
    if by == BY_HAND and not signed_on(state.scopes.duty, body.by, underlying):
        _turn_away(state, body, Check.P01_STATE, at, effects)
        return 0
    keep_limits(state, at, effects)
    want, context = _row(state, opened, slot, klass, body, at)
    refresh_worst(state, opened, klass, at)
    totals = totals_now(state, opened, klass, at).tolist()
    soft = state.guards.soft[slot].tolist()
    verdict = review(context, want, state.limits[slot].tolist(), soft, totals)
    if isinstance(verdict, Refused):
        state.denied[verdict.check] += 1
        known = (BY_CHECK[verdict.check].exchange_code, state.parameters.version, body.contract)
        args = (int(verdict.check), *known, body.by, body.price, body.qty)
        alert(state, effects, at, Alert.CHECK_DENIED, body.contract, args)
        if verdict.action == Action.TRIP:
            trip_rung(state, opened, int(verdict.check), slot, (body.price, body.qty), effects)
        return 0
    note_sent(state.guards.repeats, verdict.rows, at)
    row = verdict.rows[0].tolist()
    if row[c.Q_WARNED]:
        warn(state, opened, slot, row[c.Q_WARNED], at, effects)
    buys = row[c.Q_BID_QTY] > 0
    effect = Effect(row[c.Q_BID_EFFECT] if buys else row[c.Q_ASK_EFFECT])
    price, qty = (row[c.Q_BID], row[c.Q_BID_QTY]) if buys else (row[c.Q_ASK], row[c.Q_ASK_QTY])
    ident = take(state, 1)
    name = client_id(state, ident)
    state.bucket.level -= SECOND
    state.audit.passed += 1
    state.audit.sent += 1
    on_sent(state, klass, 1, 0)
    life = int(Life.PENDING)
    state.orders[ident] = Order(
        name, slot, body.side, effect, body.kind, price, qty, life, 0, body.by, at, body.covered
    )
    mirror(state, slot)
    request = NewOrder(name, body.contract, body.side, effect, body.kind, price, qty, body.covered)
    entered = body.by if by == BY_HAND else ""
    effects.append(send(state, stamp(state, klass, by, entered), [request]))
    return ident


def _turn_away(state: State, body: ManualOrder, check: Check, at: Nanos, effects: Effects) -> None:
    """Refuse an order before the ladder can be asked."""
    known = (BY_CHECK[check].exchange_code, state.parameters.version, body.contract)
    args = (int(check), *known, body.by, body.price, body.qty)
    alert(state, effects, at, Alert.CHECK_DENIED, body.contract, args)


def _row(
    state: State, opened: MakerOpen, slot: int, klass: int, body: ManualOrder, at: Nanos
) -> tuple[list[int], list[int]]:
    """The want row and the ladder's context of a manual order."""
    refill(state, opened, at)
    fixed = state.tables.fixed
    want = np.zeros((1, c.Q_COLUMNS), dtype=np.int64)
    buys = body.side == Side.BUY
    priced = body.kind in (OrderKind.LIMIT, OrderKind.LIMIT_FOK)
    price = body.price if priced else _reach(state, slot, buys, body.qty)
    want[0, c.Q_SLOT] = slot
    first = c.Q_BID if buys else c.Q_ASK
    want[0, first : first + 2] = price, body.qty
    g = scalars(state, opened, klass, at)
    x = context_of(state, klass, want, g)[0].tolist()
    x[c.C_ORIGIN] = 1
    if not priced:
        _unpriced(x, opened.chain.contracts[slot].market_max, price)
    second = body.seconded_by not in ("", body.by)
    x[c.C_CONFIRMED] = 2 if second else int(body.confirmed)
    closable = x[c.C_SHORT] - x[c.C_CLOSING_BUY] if buys else x[c.C_LONG] - x[c.C_CLOSING_SELL]
    if body.covered and not buys:
        # Covered sales always open; the locked units stand in place of margin (P22).
        x[c.C_COVERED], x[c.C_MARGIN] = 1, 0
        x[c.C_LOCKED] = cover_left(state, opened, klass) if fixed[slot, c.F_SIGN] > 0 else 0
    elif body.covered:
        # Covered purchases always close, out of their own bucket.
        want[0, first + 2] = Effect.CLOSE
        x[c.C_SHORT], x[c.C_CLOSING_BUY] = covered_left(state, slot), 0
    elif body.effect == Effect.CLOSE or (body.effect is None and closable >= body.qty):
        want[0, first + 2] = Effect.CLOSE
    # A person may cross the market and replaces nothing, so only own quotes are in the way.
    x[c.C_OTHER_BID] = x[c.C_OTHER_ASK] = x[c.C_OWN_BID] = x[c.C_OWN_ASK] = x[c.C_REPLACES] = 0
    return want[0].tolist(), x


def _reach(state: State, slot: int, buys: bool, qty: int) -> int:
    """Where a market order ends by the levels that are seen; the price limit when they are too few
    for it. A race may take it further: the exchange's own limit on its price is all there is then.
    """
    row, fixed = state.view.rows[slot].tolist(), state.tables.fixed[slot]
    price_at, qty_at = (market.ASK, market.ASK_QTY) if buys else (market.BID, market.BID_QTY)
    left = qty
    for level in range(market.LEVELS):
        left -= row[qty_at + level]
        if left <= 0 and row[price_at + level] > 0:
            return int(row[price_at + level])
    return int(fixed[c.F_UP if buys else c.F_DOWN])


def _unpriced(x: list[int], most: int, price: int) -> None:
    """A market order's own largest quantity; any own interest is in its way (P13)."""
    x[c.C_QTY_MAX] = min(x[c.C_QTY_MAX], most)
    if x[c.C_REST_SELL] > 0:
        x[c.C_REST_SELL] = min(x[c.C_REST_SELL], price)
    x[c.C_REST_BUY] = max(x[c.C_REST_BUY], price) if x[c.C_REST_BUY] > 0 else 0


def cancel_rows(
    state: State, opened: MakerOpen, start: int, stop: int, lives: tuple[Life, ...] = _LIVE
) -> list[OrderCancel]:
    """Cancels for every single order of the slots [start, stop) in one of some lives."""
    requests = []
    for ident, order in list(state.orders.items()):
        waiting = order.life in lives and not order.cancel_id
        if start <= order.slot < stop and waiting:
            requests.append(_cancel(state, opened, ident, order))
    return requests


def _cancel(state: State, opened: MakerOpen, ident: int, order: Order) -> OrderCancel:
    number = take(state, 1)
    state.bucket.level -= SECOND
    state.audit.cancels += 1
    order.cancel_id = number
    _move(state, ident, Event.CANCEL)
    contract = opened.chain.contracts[order.slot].code
    return OrderCancel(client_id(state, number), contract, order.client_id)


def cancel_one(
    state: State, opened: MakerOpen, body: ManualCancel, at: Nanos, effects: Effects
) -> None:
    """A person withdraws one order or one exercise."""
    ident = counter_of(state, body.client_id)
    if instructions.cancel(state, opened, ident, body.by, effects):
        return
    order = state.orders.get(ident)
    if order is None or order.life not in _LIVE or order.cancel_id:
        alert(state, effects, at, Alert.UNKNOWN_ORDER, body.client_id, (body.by,))
        return
    klass = int(state.tables.fixed[order.slot, c.F_KLASS])
    requests = [_cancel(state, opened, ident, order)]
    effects.append(send(state, stamp(state, klass, BY_HAND, body.by), requests))


def on_ack(state: State, opened: MakerOpen, body: OrderAck, at: Nanos, effects: Effects) -> bool:
    """Answer to an order (or to its cancel, which names it as target)."""
    ident = counter_of(state, body.target if body.exec == Exec.CANCELLED else body.client_id)
    order = state.orders.get(ident)
    if order is None:
        state.audit.unexpected += 1
        return False
    klass = int(state.tables.fixed[order.slot, c.F_KLASS])
    refused = body.exec == Exec.REJECTED and body.reason not in NOT_FILLABLE
    waited = at - order.sent_at if order.life == Life.PENDING else 0
    on_answer(state, opened, klass, waited, refused, at, effects)
    if body.exec == Exec.CANCELLED:
        _move(state, ident, Event.CANCELLED)
    elif body.exec == Exec.REJECTED:
        if refused:
            contract = opened.chain.contracts[order.slot]
            args = (body.reason, contract.code)
            alert(state, effects, at, Alert.REJECTED_BY_EXCHANGE, contract.underlying, args)
        _move(state, ident, Event.REJECT)
    else:
        # What an immediate order did not trade was withdrawn with the acknowledgement (tag 151).
        if order.kind == OrderKind.MARKET_IOC:
            order.leaves -= body.leaves
        elif order.kind == OrderKind.MARKET_TO_LIMIT and body.limit_price:
            order.price = body.limit_price
        _move(state, ident, Event.ACK)
        _withdraw_barred(state, opened, ident, effects)
    return False


def _withdraw_barred(state: State, opened: MakerOpen, ident: int, effects: Effects) -> None:
    """An order that was in flight when its scope closed, or its class's last trader left, goes as
    soon as it can be named (I-20).
    """
    order = state.orders.get(ident)
    if order is None or order.life != Life.WORKING or order.cancel_id:
        return
    klass = int(state.tables.fixed[order.slot, c.F_KLASS])
    manned = trader(state.scopes, opened.chain.classes[klass].underlying)
    if int(state.desk[order.slot, c.D_STATE]) in _BARRED or not manned:
        effects.append(send(state, stamp(state, klass), [_cancel(state, opened, ident, order)]))


def on_cancel_reject(state: State, body: CancelReject) -> int:
    """A cancel failed: the order works on, or is already gone by its fills. Its slot, or -1."""
    ident = counter_of(state, body.target)
    order = state.orders.get(ident)
    if order is None:
        return -1
    order.cancel_id = 0
    gone = body.reason in NOTHING_RESTS
    _move(state, ident, Event.CANCELLED if gone else Event.CANCEL_REJECTED)
    return order.slot


def on_fill(state: State, ident: int, qty: int) -> None:
    """A fill of a single order, before or after its acknowledgement."""
    order = state.orders[ident]
    order.leaves -= qty
    if order.leaves <= 0:
        _move(state, ident, Event.EMPTY)
    else:
        mirror(state, order.slot)


def unsent(state: State, ident: int) -> bool:
    """Proof that an order or its cancel never left; True when it was one of these."""
    if ident in state.orders:
        _move(state, ident, Event.REJECT)
        return True
    for number, order in state.orders.items():
        if order.cancel_id == ident and ident > 0:
            order.cancel_id = 0
            _move(state, number, Event.CANCEL_REJECTED)
            return True
    return False


def lose_all(state: State) -> int:
    """The link is down: what is in flight is UNKNOWN."""
    for ident in list(state.orders):
        _move(state, ident, Event.LOST)
    return sum(order.life == Life.UNKNOWN for order in state.orders.values())


def end_all(state: State) -> None:
    """The day is over: day orders are gone."""
    for ident in list(state.orders):
        _move(state, ident, Event.END)
