"""STEP values to our words: requests (D F S Z) and reports (8 9 AJ AI U11), the reading half.

The values come checked from `fragment.read`; what is refused here are combinations of values.
"""

from collections.abc import Callable
from functools import lru_cache

from quanheng.terms.codes import Effect, Exec, OrderKind, Side
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.orders import (
    CancelReject,
    NewOrder,
    OrderAck,
    OrderCancel,
    Quote,
    QuoteAck,
    QuoteCancel,
    ReportBody,
    Request,
    Trade,
)
from quanheng.terms.units import Day, Nanos
from quanheng.wire.dialect import KIND_TEXT
from quanheng.wire.fields import WireError

_EFFECTS = {"O": Effect.OPEN, "C": Effect.CLOSE, " ": Effect.OPEN}
_SIDES = {"1": Side.BUY, "2": Side.SELL}
_EXECS = {"0": Exec.ACCEPTED, "8": Exec.REJECTED, "6": Exec.CANCELLED}
_KINDS = {pair: OrderKind(value) for value, pair in enumerate(KIND_TEXT)}


@lru_cache(maxsize=4096)
def instant(day: Day, text: str) -> Nanos:
    """The instant of a time of day HH:MM:SS.sss on `day`."""
    return midnight(day) + from_clock(text)


def _ticks(text: str) -> int:
    """Ticks of a decimal with four places."""
    return int(text[:-5] + text[-4:])


def _integer(text: str) -> int:
    """A number carried as characters; blank is 0."""
    return 0 if text == " " else int(text)


def _new_order(values: tuple[str, ...]) -> NewOrder:
    client_id, contract, _, price, qty, side, effect, kind, force, covered = values[:10]
    pair = _KINDS.get((kind, force))
    if pair is None:
        reason = f"OrdType {kind} cannot have TimeInForce {force}"
        raise WireError(13332, 59, "35=D", reason)
    return NewOrder(
        client_id,
        contract,
        _SIDES[side],
        _EFFECTS[effect],
        pair,
        _ticks(price),
        int(qty),
        covered == "1",
    )


def _order_cancel(values: tuple[str, ...]) -> OrderCancel:
    return OrderCancel(values[0], values[2], values[1])


def _quote_of(values: tuple[str, ...]) -> Quote:
    client_id, contract, _, bid, ask, bid_size, ask_size, bid_effect, ask_effect = values[:9]
    bid_qty, ask_qty = int(bid_size), int(ask_size)
    if not (bid_qty or ask_qty):
        raise WireError(13564, 134, "35=S", "a quote must carry a side; a cancel is 35=Z")
    if (bid_qty and bid_effect == " ") or (ask_qty and ask_effect == " "):
        tag = 8909 if bid_qty and bid_effect == " " else 8910
        raise WireError(17576, tag, "35=S", "a side that is carried must say open or close")
    return Quote(
        client_id,
        contract,
        _ticks(bid),
        _ticks(ask),
        bid_qty,
        ask_qty,
        _EFFECTS[bid_effect],
        _EFFECTS[ask_effect],
    )


def _quote_cancel(values: tuple[str, ...]) -> QuoteCancel:
    bid, ask = int(values[5]) == 0, int(values[6]) == 0
    if not (bid or ask):
        raise WireError(13564, 134, "35=Z", "both sizes are above 0: nothing to cancel")
    return QuoteCancel(values[0], values[1], bid, ask)


def request_of(kind: str, values: tuple[str, ...]) -> Request:
    """The request of the values `fragment.read` gives for D, F, S or Z."""
    if kind == "S":
        return _quote_of(values)
    if kind == "Z":
        return _quote_cancel(values)
    return _new_order(values) if kind == "D" else _order_cancel(values)


def _ack_of(values: tuple[str, ...], day: Day) -> OrderAck:
    order_id, status, status_2, contract, client_id, target, _, price, qty, side = values[:10]
    effect, kind, force, at, limit, leaves, reason, covered = values[10:18]
    _same_status("8", status, status_2)
    if (kind, force) not in _KINDS:
        raise WireError(13332, 59, "35=8", f"OrdType {kind} cannot have TimeInForce {force}")
    return OrderAck(
        _EXECS[status],
        client_id,
        target.strip(),
        contract,
        _integer(order_id),
        _SIDES[side],
        _EFFECTS[effect],
        _KINDS[kind, force],
        _ticks(price),
        int(qty),
        instant(day, at),
        _ticks(limit),
        int(leaves),
        _integer(reason),
        covered == "1",
    )


def _same_status(kind: str, exec_type: str, status: str) -> None:
    if exec_type != status:
        reason = f"OrdStatus {status} contradicts ExecType {exec_type}"
        raise WireError(20024, 39, f"35={kind}", reason)


def _cancel_reject(values: tuple[str, ...], day: Day) -> CancelReject:
    order_id, client_id, target, at, reason = values[:5]
    return CancelReject(
        client_id.strip(), target.strip(), _integer(order_id), instant(day, at), _integer(reason)
    )


def _quote_ack_of(kind: str, values: tuple[str, ...], day: Day) -> QuoteAck:
    order_id, status, status_2, client_id, contract, _, bid, ask, bid_qty, ask_qty = values[:10]
    bid_effect, ask_effect, reason, at, old_bid, old_bid_qty, old_ask, old_ask_qty = values[10:18]
    if status != status_2:
        _same_status(kind, status, status_2)
    return QuoteAck(
        kind == "AI",
        _EXECS[status],
        client_id,
        contract,
        0 if order_id == " " else int(order_id),
        int(bid[:-5] + bid[-4:]),
        int(ask[:-5] + ask[-4:]),
        int(bid_qty),
        int(ask_qty),
        _EFFECTS[bid_effect],
        _EFFECTS[ask_effect],
        instant(day, at),
        0 if reason == " " else int(reason),
        "" if old_bid == " " else old_bid,
        int(old_bid_qty),
        "" if old_ask == " " else old_ask,
        int(old_ask_qty),
    )


def _trade_of(values: tuple[str, ...], day: Day) -> Trade:
    client_id, order_id, exec_id, contract, price, qty, leaves, side, effect = values[:9]
    covered, at, order_at, _, status, amount = values[9:15]
    if (status == "2") != (int(leaves) == 0):
        raise WireError(20024, 39, "35=U11", f"OrdStatus {status} contradicts LeavesQty {leaves}")
    return Trade(
        client_id,
        contract,
        _integer(order_id),
        _integer(exec_id),
        _ticks(price),
        int(qty),
        int(leaves),
        _SIDES[side],
        _EFFECTS[effect],
        covered == "1",
        instant(day, at),
        instant(day, order_at),
        int(amount[:-3] + amount[-2:]) * 100,
    )


REPORTS: dict[str, Callable[[tuple[str, ...], Day], ReportBody]] = {
    "8": _ack_of,
    "9": _cancel_reject,
    "U11": _trade_of,
    "AJ": lambda values, day: _quote_ack_of("AJ", values, day),
    "AI": lambda values, day: _quote_ack_of("AI", values, day),
}
