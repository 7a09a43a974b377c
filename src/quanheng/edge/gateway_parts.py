"""Parts of the gateway: the epoch file, the token buckets, the table of what may rest outside."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from quanheng.runtime.disk import Disk
from quanheng.terms.business import BusinessCancel
from quanheng.terms.codes import Exec, OrderKind, Side
from quanheng.terms.orders import (
    AnyReport,
    AnyRequest,
    CancelReject,
    NewOrder,
    OrderAck,
    OrderCancel,
    Quote,
    QuoteAck,
    QuoteCancel,
    Trade,
    Unreadable,
)
from quanheng.terms.units import SECOND, Nanos

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_ID_PAGES = 4_096
BOTH, BID, ASK = 3, 1, 2
NOTHING_RESTS = 19082
"""Answer to a cancel that proves that nothing rests (interfaces.md 2.10)."""


def base36(number: int, width: int) -> str:
    """A number in capital base 36, zero padded. OverflowError when it does not fit."""
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
    if number:
        raise OverflowError(f"a counter does not fit {width} base-36 digits")
    return text


class Kept(msgspec.Struct):
    """Content of the epoch file: the highest epoch seen, and how often the gateway started."""

    epoch: int = 0
    boot: int = 0


KeptT = TypeVar("KeptT", bound=msgspec.Struct)


class EpochStore(Protocol):
    """Where the highest epoch survives the gateway."""

    def read(self) -> Kept:
        """What was kept, zeros at first."""

    def write(self, kept: Kept) -> None:
        """Keep it durably before returning."""


class KeptFile(Generic[KeptT]):
    """A small struct in a file: written aside, fsynced, renamed, folder fsynced.

    The first line is the struct as JSON, the second its SHA-256: a number with a flipped bit is a
    number too, and a lower epoch would let an old leader in. A file without a second line is of an
    earlier release and taken as it is.
    """

    def __init__(self, path: Path, kind: type[KeptT]) -> None:
        self._path = path
        self._kind = kind

    def read(self) -> KeptT:
        """What the file holds. ValueError for a damaged file: then nobody may lead."""
        try:
            data, _, said = self._path.read_bytes().partition(b"\n")
            if said and said != _checksum(data):
                raise ValueError(f"epoch file {self._path}: its checksum is another")
            return msgspec.json.decode(data, type=self._kind)
        except FileNotFoundError:
            return self._kind()
        except msgspec.DecodeError as error:
            raise ValueError(f"epoch file {self._path}: {error}") from error

    def write(self, kept: KeptT) -> None:
        """Durable when it returns."""
        part = self._path.with_suffix(".part")
        with part.open("wb") as file:
            data = msgspec.json.encode(kept)
            file.write(data + b"\n" + _checksum(data))
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)
        Disk().sync_folder(self._path.parent)


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode() + b"\n"


class EpochFile(KeptFile[Kept]):
    """The epoch file of a run folder."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, Kept)


class Outbox:
    """What a core has for its engine and for the run folder; taking empties it."""

    def __init__(self) -> None:
        self._engine: list[Any] = []
        self._log: list[dict[str, Any]] = []

    def out_engine(self) -> list[Any]:
        """Messages for the engine."""
        out, self._engine = self._engine, []
        return out

    def log(self) -> list[dict[str, Any]]:
        """What happened, for the run folder."""
        out, self._log = self._log, []
        return out

    def _note(self, now: Nanos, what: str, **more: Any) -> None:
        self._log.append({"at": now, "what": what, **more})


class Bucket:
    """Tokens in billionths: `rate` a second, at most `depth` at once."""

    __slots__ = ("_at", "_level", "depth", "rate")

    def __init__(self, rate: int, depth: int, now: Nanos) -> None:
        self.rate = rate
        self.depth = depth
        self._level = depth * SECOND
        self._at = now

    def left(self, now: Nanos) -> int:
        """Whole tokens there are."""
        if now > self._at:
            self._level = min(self.depth * SECOND, self._level + (now - self._at) * self.rate)
            self._at = now
        return self._level // SECOND

    def take(self, now: Nanos, count: int = 1) -> bool:
        """Take so many if there are."""
        if self.left(now) < count:
            return False
        self._level -= count * SECOND
        return True


class Flow:
    """The trading unit's message flow. In any second no more than `limit` messages pass.

    A window of one second can see rate + depth of each bucket; the four add up to `limit`.
    Cancels have a bucket of their own and may use the other one too, so quotes never starve them.
    With `pairs` a quote is two orders that may replace two, and a quote cancel two cancels.
    """

    def __init__(self, limit: int, now: Nanos, pairs: bool = False) -> None:
        cancels = max(1, limit // 20), max(1, limit * 7 // 20)
        left = max(2, limit - sum(cancels))
        self.quotes = Bucket(left * 2 // 3, left - left * 2 // 3, now)
        self.cancels = Bucket(*cancels, now)
        self.soft = self.quotes.depth // 5
        self._quote, self._quote_cancel = (4, 2) if pairs else (1, 1)

    def allow(self, request: AnyRequest, now: Nanos) -> bool:
        """Take the tokens of a request."""
        if isinstance(request, OrderCancel | QuoteCancel | BusinessCancel):
            count = self._quote_cancel if isinstance(request, QuoteCancel) else 1
            return self.cancels.take(now, count) or self.quotes.take(now, count)
        return self.quotes.take(now, self._quote if isinstance(request, Quote) else 1)

    def cancels_left(self, now: Nanos) -> int:
        """Cancels that may go now."""
        return self.cancels.left(now) + self.quotes.left(now)

    def is_low(self, now: Nanos) -> bool:
        """The soft limit: less than a fifth of the burst is left for quotes."""
        return self.quotes.left(now) < self.soft


class SeenIds:
    """Client ids of one day as bitmaps, 32,768 ids to a page of 4 KB."""

    def __init__(self) -> None:
        self._pages: dict[tuple[str, int], bytearray] = {}

    def add(self, name: str) -> str:
        """Empty and remembered, or why the id cannot be used."""
        if len(name) != 10 or not name.isalnum() or not name.isascii() or name != name.upper():
            return f"client id {name!r} is not ten characters 0-9 A-Z"
        value = int(name[4:], 36)
        key = (name[:4], value >> 15)
        page = self._pages.get(key)
        if page is None:
            if len(self._pages) >= MAX_ID_PAGES:
                return f"client id {name} opens page {MAX_ID_PAGES + 1} of ids"
            page = self._pages[key] = bytearray(4_096)
        place, bit = value >> 3 & 4_095, 1 << (value & 7)
        if page[place] & bit:
            return f"client id {name} was used before"
        page[place] |= bit
        return ""


Who = tuple[str, str]
"""Trader on duty and strategy behind what was sent; empty where only the exchange knows of it."""
NOBODY: Who = ("", "")


class Resting:
    """What may rest: a contract's quote, or a single order with its client id as `name`."""

    __slots__ = ("asked", "contract", "last", "name", "refused", "sent", "sides", "who")

    def __init__(self, contract: str, who: Who, name: str = "") -> None:
        self.contract = contract
        self.name = name  # empty for a quote
        self.who = who
        self.sides = 0  # of a quote
        self.last = ""  # client id of the last quote sent
        self.sent = 0  # number of the last quote sent
        self.asked: Nanos = 0  # when the gateway itself last asked to cancel it, 0 never
        self.refused = 0  # the exchange's reason against the last cancel, 0 none


class OpenTable:
    """What may rest at the exchange, by evidence: sent or reported, until reported gone.

    It errs on the side of keeping an entry: a cancel of nothing is answered and does no harm.
    Bounds: one entry per contract; single orders as many as the exchange lets rest.
    """

    def __init__(self) -> None:
        self.quotes: dict[str, Resting] = {}
        self.orders: dict[str, Resting] = {}
        self.arrivals = 0  # counts what came to rest, so that a pull knows of something new
        self._cancels: dict[str, tuple[str, int, int]] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self.quotes) + len(self.orders)

    def clear(self) -> None:
        """After the close every order is void."""
        self.quotes.clear()
        self.orders.clear()
        self._cancels.clear()

    def all(self) -> Iterator[Resting]:
        """Everything that may rest, quotes first."""
        yield from self.quotes.values()
        yield from self.orders.values()

    def holds(self, entry: Resting) -> bool:
        """True while an entry has not been reported gone."""
        if entry.name:
            return self.orders.get(entry.name) is entry
        return self.quotes.get(entry.contract) is entry

    def sent(self, request: AnyRequest, who: Who = NOBODY) -> None:
        """A request is on the wire."""
        self._count += 1
        match request:
            case Quote():
                self._rests(request.contract, request.client_id, _sides(request), who)
            case QuoteCancel():
                sides = (BID if request.bid else 0) | (ASK if request.ask else 0)
                self._cancels[request.client_id] = (request.contract, sides, self._count)
            case NewOrder():
                if request.kind in (OrderKind.LIMIT, OrderKind.MARKET_TO_LIMIT):
                    self._order_rests(request.contract, request.client_id, who)
            case _:  # cancels; and what does not trade never rests
                pass

    def believe(self, quotes: list[str], orders: list[tuple[str, str]]) -> None:
        """What an engine that takes over says may rest: contracts, and (contract, client id)."""
        for contract in quotes:
            if contract not in self.quotes:
                self._rests(contract, "", BOTH, NOBODY)
        for contract, name in orders:
            if name not in self.orders:
                self._order_rests(contract, name, NOBODY)

    def _order_rests(self, contract: str, name: str, who: Who) -> None:
        self.arrivals += 1
        self.orders[name] = Resting(contract, who, name)

    def _rests(self, contract: str, name: str, sides: int, who: Who) -> None:
        self.arrivals += 1
        entry = self.quotes.get(contract)
        if entry is None:
            entry = self.quotes[contract] = Resting(contract, who)
        entry.who = who
        entry.sides |= sides
        entry.last = name
        entry.sent = self._count
        entry.asked = 0

    def reported(self, body: AnyReport | Unreadable) -> None:
        """An execution report arrived; only what trades can rest."""
        match body:
            case QuoteAck():
                self._quote_ack(body)
            case Trade():
                self._trade(body)
            case OrderAck():
                if body.exec == Exec.CANCELLED:
                    self.orders.pop(body.target, None)
                elif body.exec == Exec.REJECTED:
                    self.orders.pop(body.client_id, None)
                elif body.client_id not in self.orders:
                    self._found(body)
            case CancelReject():
                if body.reason == NOTHING_RESTS:
                    self.orders.pop(body.target, None)
                elif body.target in self.orders:
                    self.orders[body.target].refused = body.reason

    def _found(self, ack: OrderAck) -> None:
        """An accepted order that this gateway did not send: replayed after a restart."""
        if ack.kind in (OrderKind.LIMIT, OrderKind.MARKET_TO_LIMIT):
            self._order_rests(ack.contract, ack.client_id, NOBODY)

    def _quote_ack(self, ack: QuoteAck) -> None:
        if not ack.cancel:
            if ack.exec == Exec.ACCEPTED:
                self._accepted(ack)
            return
        if ack.client_id in (ack.old_bid, ack.old_ask):
            self._withdrawn(ack)
            return
        contract, sides, asked = self._cancels.pop(ack.client_id, (ack.contract, 0, 0))
        entry = self.quotes.get(contract)
        if ack.exec == Exec.REJECTED and ack.reason != NOTHING_RESTS:
            if entry is not None:
                entry.refused = ack.reason
            return  # a no-cancel window: it rests, and whoever pulls asks again
        if not sides:  # of before this gateway started, in the replay: what it says it took
            sides, asked = _taken(ack), self._count
        if entry is not None and entry.sent < asked:
            self._gone(contract, entry, sides)

    def _accepted(self, ack: QuoteAck) -> None:
        """What a replay tells of quotes that this gateway did not send; of its own nothing new."""
        known = self.quotes.get(ack.contract)
        if known is None:
            self._rests(ack.contract, ack.client_id, _sides(ack), NOBODY)
            self.quotes[ack.contract].sent -= 1  # before any cancel that the replay tells of
            return
        known.sides |= _sides(ack)
        known.last = max(known.last, ack.client_id)  # ids grow, and a later one may have been sent

    def _withdrawn(self, ack: QuoteAck) -> None:
        """Sides that went without a cancel. What a newer quote may have put there stays."""
        entry = self.quotes.get(ack.contract)
        if entry is not None and entry.last == ack.client_id:
            self._gone(ack.contract, entry, _taken(ack))

    def _trade(self, trade: Trade) -> None:
        if trade.leaves:
            return
        if trade.client_id in self.orders:
            del self.orders[trade.client_id]
            return
        entry = self.quotes.get(trade.contract)
        if entry is not None and entry.last == trade.client_id:
            self._gone(trade.contract, entry, BID if trade.side == Side.BUY else ASK)

    def _gone(self, contract: str, entry: Resting, sides: int) -> None:
        entry.sides &= ~sides
        if not entry.sides:
            del self.quotes[contract]

    def never_sent(self, name: str) -> None:
        """The exchange's front refused a request: it left no trace there."""
        self._cancels.pop(name, None)
        self.orders.pop(name, None)


def _taken(ack: QuoteAck) -> int:
    """Sides that an answer says were withdrawn."""
    return (BID if ack.old_bid else 0) | (ASK if ack.old_ask else 0)


def _sides(quote: Quote | QuoteAck) -> int:
    return (BID if quote.bid_qty else 0) | (ASK if quote.ask_qty else 0)
