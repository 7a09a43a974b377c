"""What the exchange answers, folded into orders, positions, money and duties (I-12).

Reports carry (set, index): duplicates are dropped, a gap stops the set until it is replayed.
"""

from quanheng.books.positions import apply_trade
from quanheng.duties import measure
from quanheng.maker import columns as c
from quanheng.maker import etf_orders, evidence, inquiries, instructions, singles
from quanheng.maker import order_kernels as k
from quanheng.maker.guards import on_answer, on_fill, on_unexplained
from quanheng.maker.instruction_reports import on_business
from quanheng.maker.inventory import refresh_worst
from quanheng.maker.ledger import filled
from quanheng.maker.lifecycle import Life
from quanheng.maker.messages import Effects, MakerOpen, Resync
from quanheng.maker.monitors import alert
from quanheng.maker.parameters import INDEX
from quanheng.maker.prepared import go_on
from quanheng.maker.requests import counter_of
from quanheng.maker.state import State
from quanheng.rulebook import fees
from quanheng.runtime.envelope import NotSent
from quanheng.terms import market
from quanheng.terms.codes import FORCED_PREFIXES, Alert, Exec, Phase, Side, TradingState
from quanheng.terms.orders import (
    CancelReject,
    OrderAck,
    QuoteAck,
    Report,
    RequestRejected,
    Trade,
    Unreadable,
)
from quanheng.terms.units import MILLISECOND, Nanos

# A member of an enumeration costs a look into its class: these are read with every answer.
_REJECTED = Exec.REJECTED
_REDUCING = TradingState.REDUCING
_UNKNOWN = Life.UNKNOWN


def on_reports(
    state: State, opened: MakerOpen, reports: list[Report], at: Nanos, effects: Effects
) -> list[int]:
    """Fold reports in; returns the classes that should be planned again at once, in order."""
    touched: dict[int, bool] = {}
    expected = state.next_index
    for report in reports:
        set_id = report.set_id
        index = expected.get(set_id, 1)
        if report.index != index:
            if report.index < index:
                state.audit.duplicates += 1
            else:
                _gap(state, set_id, index, report.index, at, effects)
            continue
        expected[set_id] = index + 1
        if state.gaps:
            state.gaps.pop(set_id, None)
        _on_body(state, opened, report, at, effects, touched)
    for klass in touched:
        refresh_worst(state, opened, klass, at)
    if state.business.queued:
        go_on(state, opened, at, effects)
    return [klass for klass, urgent in touched.items() if urgent]


def _gap(state: State, set_id: str, index: int, seen: int, at: Nanos, effects: Effects) -> None:
    """Ask once for what is missing; later reports of the set wait for the replay."""
    if state.gaps.get(set_id) == index:
        return
    if not state.gaps:
        state.guards.gap_since = at
    state.gaps[set_id] = index
    alert(state, effects, at, Alert.REPORT_GAP, set_id, (index, seen))
    effects.append(Resync({set_id: index}))


def _on_body(
    state: State,
    opened: MakerOpen,
    report: Report,
    at: Nanos,
    effects: Effects,
    touched: dict[int, bool],
) -> None:
    body = report.body
    match body:
        case QuoteAck():
            slot = _slot(state, body.contract)
            urgent = on_quote_ack(state, opened, slot, body, at, effects)
        case Trade():
            slot = _slot(state, body.contract)
            urgent = on_trade(state, opened, slot, body, at, effects)
        case OrderAck():
            slot = _slot(state, body.contract)
            urgent = singles.on_ack(state, opened, body, at, effects)
        case CancelReject():
            slot = singles.on_cancel_reject(state, body)
            urgent = False
        case Unreadable():
            args = (report.index, body.reason)
            alert(state, effects, at, Alert.RECORD_QUARANTINED, report.set_id, args)
            return
        case _:
            klass = on_business(state, opened, body, at, effects)
            if klass >= 0:
                touched[klass] = touched.get(klass, False)
            return
    if slot >= 0:
        klass = int(state.tables.fixed[slot, c.F_KLASS])
        touched[klass] = touched.get(klass, False) or urgent


def _slot(state: State, contract: str) -> int:
    slot = state.tables.slots.get(contract)
    if slot is None:
        raise ValueError(f"maker: a report names contract {contract}, which is not in the chain")
    return slot


def _show_duty(
    state: State,
    opened: MakerOpen,
    slot: int,
    stamp: Nanos,
    at: Nanos,
    effects: Effects,
    traded: bool = False,
) -> None:
    """Tell the meter what rests since the exchange's instant `stamp`, and with it the inquiries;
    quantities as they are, the meter knows the sizes due.
    """
    if state.meter is not None:
        row = state.work[slot].tolist()
        ask = c.W_COLUMNS
        measure.on_quote(
            state.meter,
            0,
            slot,
            stamp,
            row[c.W_LIVE_PX],
            row[c.W_LIVE_QTY],
            row[ask + c.W_LIVE_PX],
            row[ask + c.W_LIVE_QTY],
        )
        if slot in state.inquiries.open:
            counted_at = state.meter.lanes[slot].at
            inquiries.settle(state, opened, slot, counted_at, at, effects, traded)


def on_quote_ack(
    state: State,
    opened: MakerOpen,
    slot: int,
    ack: QuoteAck,
    at: Nanos,
    effects: Effects,
) -> bool:
    """Answer to a quote or a quote cancel; True when the class should be planned again now."""
    ident = counter_of(state, ack.client_id)
    if ident < 0:
        state.audit.foreign += 1
        return False
    if ack.cancel and ack.client_id in (ack.old_bid, ack.old_ask):
        return _withdrawn(state, opened, slot, ident, ack, at, effects)
    accepted = ack.exec != _REJECTED
    gone = ack.cancel and ack.reason in singles.NOTHING_RESTS
    waited = _waited(state.work[slot].tolist(), ident, at)
    if ack.cancel:
        odd = k.answer_cancel(state.work, slot, ident, accepted, gone)
    else:
        odd = k.answer_quote(
            state.work,
            slot,
            ident,
            accepted,
            ack.bid,
            ack.bid_qty,
            int(ack.bid_effect),
            ack.ask,
            ack.ask_qty,
            int(ack.ask_effect),
            ack.at,
        )
    state.audit.unexpected += odd
    klass = int(state.tables.fixed[slot, c.F_KLASS])
    on_answer(state, opened, klass, waited, not (accepted or gone), at, effects)
    if accepted or gone:
        _show_duty(state, opened, slot, ack.at, at, effects)
    else:
        _rejected(state, opened, slot, ack.reason, at, effects)
    standing = state.desk[slot]
    return bool(standing[c.D_STATE] < _REDUCING or standing[c.D_SWEEP])


def _withdrawn(
    state: State,
    opened: MakerOpen,
    slot: int,
    ident: int,
    ack: QuoteAck,
    at: Nanos,
    effects: Effects,
) -> bool:
    """Sides that went without a cancel: the report names the quote itself as what withdrew them."""
    bid, ask = ack.old_bid == ack.client_id, ack.old_ask == ack.client_id
    state.audit.unexpected += k.withdrawn(state.work, slot, ident, bid, ask)
    _show_duty(state, opened, slot, ack.at, at, effects)
    return False


def _waited(row: list[int], ident: int, at: Nanos) -> Nanos:
    """How long a message of either side has waited for this answer; 0 when none did, or when the
    link was lost meanwhile: what a replay answers says nothing about the line (P34).
    """
    for base in (0, c.W_COLUMNS):
        known = row[base + c.W_STATE] != _UNKNOWN
        if known and ident in (row[base + c.W_PEND_ID], row[base + c.W_CANCEL_ID]):
            return at - row[base + c.W_SENT_AT]
    return 0


def _rejected(
    state: State, opened: MakerOpen, slot: int, reason: int, at: Nanos, effects: Effects
) -> None:
    """Wait before the next try, so that a fault cannot become a storm (P33)."""
    state.audit.rejected += 1
    contract = opened.chain.contracts[slot]
    wait = int(state.parameters.values[slot, INDEX["hold_rejected"]]) * MILLISECOND
    state.desk[slot, c.D_HOLD_UNTIL] = at + wait
    args = (reason, contract.code)
    alert(state, effects, at, Alert.REJECTED_BY_EXCHANGE, contract.underlying, args)


def on_trade(
    state: State,
    opened: MakerOpen,
    slot: int,
    trade: Trade,
    at: Nanos,
    effects: Effects,
) -> bool:
    """A fill: always a position and money, whatever the order table thought of the order."""
    ident = counter_of(state, trade.client_id)
    side = c.BID_SIDE if trade.side == Side.BUY else c.ASK_SIDE
    single = ident in state.orders
    if single:
        evidence.filled(state, ident, trade.qty, trade.price)
        singles.on_fill(state, ident, trade.qty)
    elif trade.client_id[:3] in FORCED_PREFIXES:
        args = (trade.client_id, trade.qty)
        alert(state, effects, at, Alert.MARGIN_HIGH, trade.contract, args)
    elif ident < 0:
        state.audit.foreign += 1
        alert(state, effects, at, Alert.UNKNOWN_ORDER, trade.contract, (trade.client_id,))
        on_unexplained(state, opened, slot, at, effects)
    elif k.fill(state.work, slot, side, ident, trade.qty) == k.FILL_LATE:
        state.audit.late_fills += 1
    contract = opened.chain.contracts[slot]
    auction = state.view.rows[slot, market.PHASE] != Phase.CONTINUOUS
    role = "auction" if auction else "taker" if single else "provider"
    rule = opened.rulebook
    given = (trade.side, trade.effect, trade.covered, role, trade.qty)
    fee = fees.handling(rule, *given) + fees.settlement(rule, *given)
    apply_trade(
        state.book,
        slot,
        trade.side,
        trade.effect,
        trade.covered,
        trade.qty,
        trade.price,
        contract.unit,
        fee,
    )
    # A snapshot may come before the report of a fill in it; then nothing was lost (book_kernels).
    state.desk[slot, c.D_MISSING_SINCE] = 0
    filled(state, slot, trade, fee)
    if state.meter is not None:
        buyer, seller = (0, -1) if trade.side == Side.BUY else (-1, 0)
        measure.on_trade(state.meter, slot, trade.at, trade.qty, buyer, seller)
    _show_duty(state, opened, slot, trade.at, at, effects, True)
    on_fill(state, opened, slot, trade, at, effects)
    left = state.work[slot, side * c.W_COLUMNS + c.W_LIVE_QTY]
    return bool(left < state.parameters.values[slot, INDEX["refill_qty"]])


def on_request_rejected(
    state: State, opened: MakerOpen, body: RequestRejected, at: Nanos, effects: Effects
) -> None:
    """Refused at the front (35=22): the request never reached the market."""
    ident = counter_of(state, body.client_id)
    if singles.unsent(state, ident) or instructions.unsent(state, opened, ident):
        state.audit.rejected += 1
        alert(state, effects, at, Alert.REJECTED_BY_EXCHANGE, "*", (body.reason, body.client_id))
        return
    slot = k.refused_by_id(state.work, ident, False) if ident >= 0 else -1
    if slot < 0:
        state.audit.unexpected += 1
        return
    _rejected(state, opened, slot, body.reason, at, effects)


def on_not_sent(
    state: State, opened: MakerOpen, body: NotSent, at: Nanos, effects: Effects
) -> None:
    """Withheld before the wire: proof that the request does not exist outside."""
    missed = 0
    state.guards.highest = max(state.guards.highest, body.highest)
    for ident in body.client_ids:
        counter = counter_of(state, ident)
        if (
            singles.unsent(state, counter)
            or etf_orders.unsent(state, counter)
            or instructions.unsent(state, opened, counter)
        ):
            continue
        if counter < 0 or k.refused_by_id(state.work, counter, True) < 0:
            missed += 1
    state.audit.unexpected += missed
    alert(state, effects, at, Alert.LINK_CHANGED, "*", (body.why, len(body.client_ids)))
