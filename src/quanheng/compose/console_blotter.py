"""Orders, fills and alerts of a day as tables, folded from what a log says happened.

A fold stands at an instant and goes forward; going back begins anew. A two-sided quote is one row
with both sides. Rows are replaced, never changed in place, so that an unchanged row is the same
object.
"""

from typing import Any

import msgspec

from quanheng.compose.console_log import Happened, RunLog
from quanheng.compose.console_words import spoken
from quanheng.desk.frames import Row, Rows
from quanheng.runtime.envelope import NotSent, RaiseAlert
from quanheng.terms.codes import Alert, Effect, Exec, Side
from quanheng.terms.days import clock_text
from quanheng.terms.orders import (
    CancelReject,
    NewOrder,
    OrderAck,
    Quote,
    QuoteAck,
    Report,
    Reports,
    RequestRejected,
    Send,
    Trade,
)
from quanheng.terms.units import Nanos
from quanheng.wire.codes import CODES

SHOWN = 300
"""Newest rows that a screen follows; the tables over HTTP have all."""

GRAVE: dict[Alert, int] = {
    Alert.TRIPPED: 3, Alert.LOSS_STOP: 3, Alert.DEAD_MAN: 3, Alert.PULL_OVERDUE: 3,
    Alert.REPORT_GAP: 3, Alert.FEED_STALE: 3, Alert.SPOT_DOUBTED: 3,
    Alert.FIRM_BREACH: 3, Alert.UNATTRIBUTED_FILL: 3,
    Alert.LINK_CHANGED: 2, Alert.TOOK_OVER: 2, Alert.REJECTED_BY_EXCHANGE: 2,
    Alert.UNKNOWN_ORDER: 2, Alert.DUTY_AT_RISK: 2, Alert.BREAKER: 2, Alert.HALT: 2,
    Alert.MARGIN_HIGH: 2, Alert.NOBODY_ON_DUTY: 2, Alert.INQUIRY_MISSED: 2,
    Alert.PROFIT_UNEXPLAINED: 2, Alert.MODEL_NOT_RELEASED: 2, Alert.STRATEGY_NOT_RELEASED: 2,
    Alert.STATE_CHANGED: 2, Alert.LEVELS_DIFFER: 2, Alert.FIRM_NOTICE: 2,
}  # fmt: skip
"""How bad an alert is, 1 a notice; those of monitors carry their own level."""

ORDER_FIELDS = (
    "at", "id", "contract", "name", "kind", "bid", "bid_qty", "ask", "ask_qty", "filled", "status",
    "code", "reason", "trader", "strategy",
)  # fmt: skip
TRADE_FIELDS = (
    "at", "id", "contract", "name", "side", "effect", "price", "qty", "amount", "order",
)  # fmt: skip
ALERT_FIELDS = ("at", "level", "code", "scope", "zh", "en", "number")

_DONE = ("filled", "cancelled", "replaced", "rejected")


def clock(at: Nanos) -> str:
    """HH:MM:SS.mmm of the day."""
    return clock_text(at)[:12]


def reason(code: int) -> str:
    """The exchange's text of an error code, else its name; "" for none."""
    known = CODES.get(code) if code else None
    return "" if known is None else known.text or known.name


class Order(msgspec.Struct):
    """What is known of one request: each side's leaves, and the row as it is shown."""

    row: Row
    bid: int
    ask: int
    filled: int = 0


class Blotter:
    """The tables at one instant of a log."""

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._names: dict[str, str] = {}
        self.clear()

    def clear(self) -> None:
        """Begin the day anew."""
        self._read = 0
        self._at: Nanos = 0
        self._orders: dict[str, Order] = {}
        self.trades: Rows = {}
        self.alerts: Rows = {}

    def go(self, at: Nanos) -> None:
        """Take everything up to an instant."""
        if at < self._at:
            self.clear()
        self._at = at
        rows = self._log.happened
        if not self._names and self._log.opened is not None:
            chain = self._log.opened.chain
            self._names = {one.code: one.trading_code for one in chain.contracts}
        while self._read < len(rows) and rows[self._read].at <= at:
            self._take(rows[self._read], self._read)
            self._read += 1

    @property
    def orders(self) -> Rows:
        """Every request of the day, oldest first."""
        return {key: order.row for key, order in self._orders.items()}

    def newest_orders(self, live: bool) -> Rows:
        """The newest rows, of what still works with `live`."""
        found: Rows = {}
        for key in reversed(self._orders):
            row = self._orders[key].row
            if live and row["status"] in _DONE:
                continue
            found[key] = row
            if len(found) == SHOWN:
                break
        return found

    def _take(self, one: Happened, number: int) -> None:
        match one.what:
            case Send():
                self._sent(one.what, one.at)
            case RaiseAlert():
                self._alert(one.what, one.at, number)
            case Reports():
                for report in one.what.reports:
                    self._report(report, one.at)
            case RequestRejected():
                self._status(one.what.client_id, "rejected", one.what.reason)
            case NotSent():
                for name in one.what.client_ids:
                    self._status(name, "rejected", 0)

    def _sent(self, send: Send, at: Nanos) -> None:
        stamp = send.stamp
        for request in send.requests:
            sides = (0, 0, 0, 0)
            if isinstance(request, Quote):
                sides = (request.bid, request.bid_qty, request.ask, request.ask_qty)
            elif isinstance(request, NewOrder):
                buy = request.side == Side.BUY
                one = (request.price, request.qty)
                sides = (*one, 0, 0) if buy else (0, 0, *one)
            else:
                continue  # cancels show at what they cancel
            row = {
                "at": clock(at),
                "id": request.client_id,
                "contract": request.contract,
                "name": self._names.get(request.contract, ""),
                "kind": "quote" if isinstance(request, Quote) else "order",
                "bid": sides[0],
                "bid_qty": sides[1],
                "ask": sides[2],
                "ask_qty": sides[3],
                "filled": 0,
                "status": "sent",
                "code": 0,
                "reason": "",
                "trader": stamp.entered_by or stamp.trader,
                "strategy": stamp.strategy,
            }
            self._orders[request.client_id] = Order(row, sides[1], sides[3])

    def _status(self, name: str, status: str, code: int = 0) -> None:
        order = self._orders.get(name)
        if order is not None:
            now = {"status": status, "code": code, "reason": reason(code), "filled": order.filled}
            order.row = {**order.row, **now}

    def _left(self, name: str, side: str, left: int, status: str) -> None:
        """A side of an order has `left` contracts; once neither has any it is over."""
        order = self._orders.get(name)
        if order is None:
            return
        setattr(order, side, left)
        over = order.bid + order.ask == 0
        self._status(name, status if over else "part" if order.filled else "live")

    def _report(self, report: Report, at: Nanos) -> None:
        body = report.body
        match body:
            case QuoteAck():
                self._quote_ack(body)
            case OrderAck():
                if body.exec == Exec.CANCELLED:
                    self._status(body.target, "cancelled")
                elif body.exec == Exec.REJECTED:
                    self._status(body.client_id, "rejected", body.reason)
                else:
                    self._status(body.client_id, "live")
            case CancelReject():
                pass
            case Trade():
                self._trade(body, at)

    def _quote_ack(self, body: QuoteAck) -> None:
        if body.exec == Exec.REJECTED:
            if not body.cancel:
                self._status(body.client_id, "rejected", body.reason)
            return
        status = "cancelled" if body.cancel else "replaced"
        if body.old_bid:
            self._left(body.old_bid, "bid", 0, status)
        if body.old_ask:
            self._left(body.old_ask, "ask", 0, status)
        if not body.cancel:
            self._status(body.client_id, "live")

    def _trade(self, body: Trade, at: Nanos) -> None:
        order = self._orders.get(body.client_id)
        if order is not None:
            order.filled += body.qty
            side = "bid" if body.side == Side.BUY else "ask"
            self._left(body.client_id, side, body.leaves, "filled")
        key = str(body.exec_id)
        if key in self.trades:
            return  # a report that came twice
        self.trades[key] = {
            "at": clock(at),
            "id": body.exec_id,
            "contract": body.contract,
            "name": self._names.get(body.contract, ""),
            "side": int(body.side),
            "effect": "open" if body.effect == Effect.OPEN else "close",
            "price": body.price,
            "qty": body.qty,
            "amount": body.amount,
            "order": body.client_id,
        }

    def _alert(self, alert: RaiseAlert, at: Nanos, number: int) -> None:
        monitor = alert.code in (Alert.MONITOR_RAISED, Alert.MONITOR_ESCALATED)
        level = int(alert.args[2]) if monitor else GRAVE.get(alert.code, 1)
        told = str(alert.code).startswith("monitor_") and len(alert.args) > 1
        self.alerts[str(number)] = {
            "at": clock(at),
            "level": level,
            "code": str(alert.code),
            "scope": alert.scope,
            "zh": spoken(alert, "zh"),
            "en": spoken(alert, "en"),
            "number": int(alert.args[1]) if told else 0,
        }


def newest(rows: Rows, count: int = SHOWN) -> Rows:
    """The newest rows of a table."""
    if len(rows) <= count:
        return dict(rows)
    found: dict[str, Any] = {}
    for key in reversed(rows):
        found[key] = rows[key]
        if len(found) == count:
            break
    return found
