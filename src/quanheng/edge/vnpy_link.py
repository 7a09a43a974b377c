"""A gateway of vnpy as a broker's counter (`counter_facts.Counter`; extra `vnpy`, scope 10).

Uses only what vnpy documents for every gateway: BaseGateway's methods, the events of its engine,
and the fields of OrderData, TradeData, ContractData, LogData. Numbers become integers here: a price
is round(p * 10000) Ticks and must lie on the contract's step, or the fact is kept out and named.

vnpy tells of a connection only in words and promises to come back by itself. So that neither is
trusted blindly, the account is queried every few seconds: no answer means that the link is down,
and a gateway that does not come back is closed and made anew, which queries orders and trades.
What a gateway raises is told and changes nothing: an order that it raised over is UNKNOWN.
"""

import importlib
import re
from collections import deque
from collections.abc import Callable
from datetime import timedelta, timezone
from threading import Thread
from typing import Any

import msgspec

from quanheng.edge.counter_facts import Fact, OrderSeen, Said, State, TradeSeen, Unread
from quanheng.terms.codes import Effect, OrderKind, Side
from quanheng.terms.orders import NewOrder
from quanheng.terms.units import SECOND, TICKS_PER_YUAN, Nanos

MOST_EVENTS = 200_000
"""Events that may wait; more mean that nobody listens, and the link is closed (D23)."""
TOLERANCE = 1e-6
"""Ticks by which a float price may miss an integer; binary fractions miss by far less."""
_SHANGHAI = timezone(timedelta(hours=8))


class VnpySetup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a desk reaches its counter. `gateway` is module:class, `settings` what that class asks
    for; secrets among them are the names of environment variables after `env:`.
    """

    gateway: str
    settings: dict[str, str | int | float | bool]
    exchange: str = "SSE"
    one_sided: bool = False
    probe: Nanos = 5 * SECOND
    patience: Nanos = 15 * SECOND
    """Without an answer for this long the link is down; for twice as long it is made anew."""
    settle: Nanos = 2 * SECOND
    """Quiet time after a logon: orders and trades of the day so far have come by then."""
    down_words: tuple[str, ...] = ("断开", "登出", "登录失败")
    """What a line of the gateway says when its connection is gone."""


class PriceError(ValueError):
    """A price that is no whole number of steps; names price and step."""


def ticks_of(price: float, step: int) -> int:
    """Integer Ticks of a float price in yuan. PriceError for one off the contract's step."""
    wide = price * TICKS_PER_YUAN
    if not abs(wide) < 1e15:
        raise PriceError(f"price {price!r} is no price")
    ticks = round(wide)
    if abs(wide - ticks) > TOLERANCE or step <= 0 or ticks % step or ticks < 0:
        raise PriceError(f"price {price!r} is not on the step of {step} ticks")
    return ticks


def lots_of(volume: float, what: str) -> int:
    """Whole contracts. ValueError names what is no whole number."""
    lots = round(volume) if abs(volume) < 1e12 else -1
    if lots != volume or lots < 0:
        raise ValueError(f"{what} {volume!r} is no number of contracts")
    return lots


def load_gateway(name: str) -> Callable[[Any, str], Any]:
    """The gateway class of module:class. ValueError says what is not installed."""
    module, _, klass = name.partition(":")
    try:
        return getattr(importlib.import_module(module), klass)  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        raise ValueError(f"counter gateway {name!r}: {error}") from error


class Vnpy:
    """The modules of vnpy, looked up when a counter is made: they come with the extra."""

    def __init__(self) -> None:
        try:
            self.event = importlib.import_module("vnpy.event")
            self.types = importlib.import_module("vnpy.trader.object")
            self.names = importlib.import_module("vnpy.trader.event")
            self.constant = importlib.import_module("vnpy.trader.constant")
        except ImportError as error:
            raise ValueError(f"vnpy is missing ({error}); install quanheng[vnpy]") from error
        c = self.constant
        self.sides = {c.Direction.LONG: Side.BUY, c.Direction.SHORT: Side.SELL}
        self.directions = {side: direction for direction, side in self.sides.items()}
        closing = (c.Offset.CLOSE, c.Offset.CLOSETODAY, c.Offset.CLOSEYESTERDAY)
        self.effects = {c.Offset.OPEN: Effect.OPEN, **dict.fromkeys(closing, Effect.CLOSE)}
        self.offsets = {Effect.OPEN: c.Offset.OPEN, Effect.CLOSE: c.Offset.CLOSE}
        self.states = {
            c.Status.SUBMITTING: State.SUBMITTING,
            c.Status.NOTTRADED: State.RESTING,
            c.Status.PARTTRADED: State.RESTING,
            c.Status.ALLTRADED: State.FILLED,
            c.Status.CANCELLED: State.CANCELLED,
            c.Status.REJECTED: State.REJECTED,
        }
        self.kinds = {
            OrderKind.LIMIT: c.OrderType.LIMIT,
            OrderKind.LIMIT_FOK: c.OrderType.FOK,
            OrderKind.MARKET_IOC: c.OrderType.MARKET,
        }


class VnpyCounter:
    """One gateway of vnpy with an event engine of its own, for this link alone."""

    def __init__(
        self, setup: VnpySetup, settings: dict[str, Any], wake: Callable[[], None] = lambda: None
    ) -> None:
        """Connects at the first `take`. `settings` are the gateway's with secrets filled in; `wake`
        is called from vnpy's thread when something was told.
        """
        self.up = False
        self.session = 0
        self._setup = setup
        self._settings = settings
        self._wake = wake
        self._vnpy = Vnpy()
        self._make = load_gateway(setup.gateway)
        self._exchange = self._vnpy.constant.Exchange(setup.exchange)
        self._queue: deque[tuple[int, str, Any]] = deque()
        self._contracts: dict[str, tuple[int, int]] = {}  # step in Ticks, units
        self._raised: list[str] = []
        self._engine: Any = None
        self._gateway: Any = None
        self._said_down = False
        self._lost = False  # this connection was up and is no longer
        self._heard: Nanos = 0  # last answer about the account, 0 none since the connection
        self._news: Nanos = 0  # last order, trade or contract
        self._asked: Nanos = 0
        self._since: Nanos = 0  # when this connection was begun

    def _open(self, now: Nanos) -> None:
        self.session += 1
        mine = self.session
        names, queue, wake = self._vnpy.names, self._queue, self._wake
        self._engine = self._vnpy.event.EventEngine()

        def hear(what: str) -> Callable[[Any], None]:
            def handler(event: Any) -> None:
                queue.append((mine, what, event.data))
                wake()

            return handler

        for name, what in (
            (names.EVENT_ORDER, "order"), (names.EVENT_TRADE, "trade"),
            (names.EVENT_CONTRACT, "contract"), (names.EVENT_ACCOUNT, "account"),
            (names.EVENT_LOG, "log"),
        ):  # fmt: skip
            self._engine.register(name, hear(what))
        self._engine.start()
        self._gateway = self._make(self._engine, "QH")
        self._heard, self._since, self._asked, self._news = 0, now, now, now
        self._said_down = self._lost = False
        self._contracts = {}
        self._try(self._gateway.connect, self._settings)

    def _try(self, call: Callable[..., Any], *given: Any) -> Any:
        """Call into the gateway, whose faults are not ours; None when it raised."""
        try:
            return call(*given)
        except Exception as error:
            self._raised.append(f"{call.__name__}: {error!r}")
            return None

    def close(self) -> None:
        """Leave the counter. vnpy waits for its threads, so that happens aside of ours."""
        gateway, engine = self._gateway, self._engine
        self._gateway = self._engine = None
        self.up = False
        if gateway is not None:
            calls = (gateway.close, engine.stop)
            Thread(target=lambda: [self._try(call) for call in calls], daemon=True).start()

    def unit(self, contract: str) -> int:
        """Units of a contract as the counter lists it; 0 for one without step or units (D11)."""
        return self._contracts.get(contract, (0, 0))[1]

    def problem(self, order: NewOrder) -> str:
        """Why vnpy cannot carry an order."""
        step, _ = self._contracts.get(order.contract, (0, 0))
        if order.covered:
            return "vnpy has no covered orders"
        if order.kind not in self._vnpy.kinds:
            return f"vnpy has no order of kind {order.kind.name}"
        if order.kind != OrderKind.MARKET_IOC and (step <= 0 or order.price % step):
            return f"price {order.price} is not on the step of {step} ticks"
        return ""

    def send(self, order: NewOrder) -> str | None:
        """Hand an order over. vnpy's ids are GATEWAY.ORDERID; events carry the second part."""
        v = self._vnpy
        request = v.types.OrderRequest(
            symbol=order.contract,
            exchange=self._exchange,
            direction=v.directions[order.side],
            type=v.kinds[order.kind],
            volume=order.qty,
            price=order.price / TICKS_PER_YUAN,
            offset=v.offsets[order.effect],
            reference=order.client_id,
        )
        vt_orderid = self._try(self._gateway.send_order, request)
        return None if vt_orderid is None else str(vt_orderid).partition(".")[2]

    def cancel(self, counter_id: str, contract: str) -> None:
        """Ask for a cancel; vnpy answers by the order's state, or not at all."""
        request = self._vnpy.types.CancelRequest(
            orderid=counter_id, symbol=contract, exchange=self._exchange
        )
        self._try(self._gateway.cancel_order, request)

    def take(self, now: Nanos, at: Nanos) -> list[Fact]:
        """What was told, and whether the counter is there."""
        if self._gateway is None:
            self._open(now)
        facts: list[Fact] = []
        if len(self._queue) > MOST_EVENTS:
            self._queue.clear()
            facts.append(Said(at, f"more than {MOST_EVENTS} events wait: the link is made anew"))
            self._again(now)
        while self._queue:
            generation, what, data = self._queue.popleft()
            if generation == self.session:
                facts += self._fact(what, data, now, at)
        self._judge(now)
        facts += [Said(at, text) for text in self._raised]
        self._raised.clear()
        return facts

    def _judge(self, now: Nanos) -> None:
        """Is the counter there? Ask it now and then. What comes back after a loss, or does not come
        at all, is connected anew: only that asks for what was missed.
        """
        setup = self._setup
        answered = self._heard > 0 and now - self._heard < setup.patience
        if self.up:
            self.up = answered and not self._said_down
            self._lost = not self.up
        elif (self._lost and answered) or now - self._since >= 2 * setup.patience:
            self._again(now)
        else:
            quiet = now - max(self._news, self._heard) >= setup.settle
            self.up = answered and quiet and bool(self._contracts)
        if now - self._asked >= setup.probe:
            self._asked = now
            self._try(self._gateway.query_account)

    def _again(self, now: Nanos) -> None:
        self.close()
        self._open(now)

    def _fact(self, what: str, data: Any, now: Nanos, at: Nanos) -> list[Fact]:
        try:
            if what == "account":
                self._heard, self._said_down = now, False
                return []
            if what == "log":
                self._hear_words(str(data.msg), now)
                return [Said(at, str(data.msg))]
            if data.exchange != self._exchange:
                return []
            self._news = now
            if what == "contract":
                self._contract(data)
                return []
            return [self._order(data, at) if what == "order" else self._trade(data, at)]
        except (ValueError, KeyError, TypeError) as error:
            return [Unread(at, f"{what} of the counter: {error!r} in {data!r}"[:400])]

    def _hear_words(self, text: str, now: Nanos) -> None:
        """A line for people may say that the connection is gone."""
        if any(word in text for word in self._setup.down_words):
            self._said_down, self._heard = True, 0

    def _contract(self, data: Any) -> None:
        """Step and units of a contract; without both it stays unknown (D11)."""
        step, units = data.pricetick * TICKS_PER_YUAN, data.size
        if step >= 1 and abs(step - round(step)) <= TOLERANCE and units == round(units) > 0:
            self._contracts[data.symbol] = (round(step), round(units))

    def _step(self, symbol: str) -> int:
        if symbol not in self._contracts:
            raise ValueError(f"contract {symbol} is not in the counter's list")
        return self._contracts[symbol][0]

    def _order(self, data: Any, at: Nanos) -> OrderSeen:
        v = self._vnpy
        price = 0 if data.type == v.constant.OrderType.MARKET else None
        return OrderSeen(
            at,
            data.orderid,
            data.reference or "",
            data.symbol,
            v.sides[data.direction],
            v.effects[data.offset],
            ticks_of(data.price, self._step(data.symbol)) if price is None else price,
            lots_of(data.volume, "volume"),
            lots_of(data.traded, "traded volume"),
            v.states[data.status],
        )

    def _trade(self, data: Any, at: Nanos) -> TradeSeen:
        v = self._vnpy
        return TradeSeen(
            _instant(data.datetime, at),
            data.orderid,
            data.tradeid,
            data.symbol,
            v.sides[data.direction],
            v.effects[data.offset],
            ticks_of(data.price, self._step(data.symbol)),
            lots_of(data.volume, "volume"),
        )


def _instant(stamp: Any, at: Nanos) -> Nanos:
    """Nanos of a datetime, Shanghai's where it names no zone; `at` where there is none."""
    if stamp is None:
        return at
    zoned = stamp if stamp.tzinfo is not None else stamp.replace(tzinfo=_SHANGHAI)
    millis = round(zoned.timestamp() * 1_000)
    return int(millis) * (SECOND // 1_000)


def with_secrets(settings: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """Settings with `env:NAME` replaced by that variable. ValueError for one that is not set."""
    out = {}
    for key, value in settings.items():
        found = re.fullmatch(r"env:(\w+)", value) if isinstance(value, str) else None
        if found is not None and found[1] not in environment:
            raise ValueError(f"counter setting {key!r}: {found[1]} is not in the environment")
        out[key] = environment[found[1]] if found is not None else value
    return out
