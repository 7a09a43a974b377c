"""The two sides a protocol script can stand against: the venue, or our member session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange_world import World, at, member, opening
from script_wire import DAY, PBU, build, cut

from quanheng.edge import order_server
from quanheng.edge.order_server import OrderServer
from quanheng.exchange.messages import (
    Deliver,
    Halt,
    MarginAnswered,
    Member,
    PlatformStateChanged,
    Refuse,
)
from quanheng.exchange.state import PARTITIONS
from quanheng.runtime.envelope import Source
from quanheng.terms.business import ExerciseRequest, MarginInquiry
from quanheng.terms.codes import Effect, OrderKind, Side
from quanheng.terms.market import Inquiry
from quanheng.terms.orders import NewOrder, OrderCancel, Quote, QuoteCancel, Requests
from quanheng.terms.units import SECOND
from quanheng.wire import tdgw
from quanheng.wire.profile import Profile

ACCOUNT = "D89000A000"
PROFILE = Profile(ACCOUNT, PBU)
CODE = "10007000"
MEMBERS = (Member(PBU, ACCOUNT, "M1", "primary", 10**12), member("A0002", "M2"))


class ScriptError(AssertionError):
    """A line of a script that did not hold."""


class Wire:
    """A connection of the order server that the script reads, or does not."""

    def __init__(
        self,
        runner: "ExchangeSide",
        on_data: Callable[[bytes], None],
        on_close: Callable[[str], None],
    ) -> None:
        self.open = True
        self.on_data = on_data
        self._runner = runner
        self._on_close = on_close
        self._out = bytearray()
        self.reading = True
        self.why = ""

    @property
    def backlog(self) -> int:
        return len(self._out)

    def send(self, data: bytes) -> None:
        if not self.open:
            return
        self._out += data
        if self.reading:
            self.flush()
        elif len(self._out) > self._runner.bound:
            self.close("slow reader")

    def flush(self) -> None:
        if self.reading:
            self._runner.hear(bytes(self._out))
            self._out.clear()

    def close(self, reason: str = "closed here") -> None:
        if self.open:
            self.open = False
            self.why = reason
            self._on_close(reason)


class ExchangeSide:
    """The script is a member; behind the wire stand the real order server and the real venue."""

    def __init__(self, folder: Path, clock: str) -> None:
        self.folder = folder
        self.bound = 1 << 24
        self.heard: list[dict[str, str]] = []
        self.notes: list[tuple[str, str]] = []
        self.accept: Callable[[Any], None] = lambda sock: None
        self.beat = False
        self._seq = 0
        self._wires: list[Wire] = []
        self._fills = 0
        self.world = World(opening(members=MEMBERS, snapshot_nanos=60 * SECOND))
        self.server = self._start(folder)
        self._effects(self.world.effects)
        self.pass_to(at(clock))
        self.connect()

    def _start(self, folder: Path, day: int = DAY) -> OrderServer:
        return OrderServer(
            self,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            PROFILE,
            PARTITIONS,
            day,
            folder,
            lambda: self.world.now,
            self._take,
            lambda what, text: self.notes.append((what, text)),
        )

    def listen(self, sock: Any, on_accept: Callable[[Any], None]) -> None:
        self.accept = on_accept

    def connect(self) -> None:
        order_server.Connection, kept = self._wire, order_server.Connection  # type: ignore
        self.accept(None)
        order_server.Connection = kept  # type: ignore[misc]
        self._seq = 0

    def _wire(self, loop: Any, sock: Any, on_data: Any, on_close: Any, bound: int) -> Wire:
        self._wires.append(Wire(self, on_data, on_close))
        return self._wires[-1]

    @property
    def wire(self) -> Wire:
        return self._wires[-1]

    def hear(self, data: bytes) -> None:
        self.heard += [fields for fields, _ in cut(data)]

    def _take(self, pbu: str, requests: list[Any]) -> None:
        self._effects(self.world.give(Requests(pbu, requests), Source.VENUE))

    def _effects(self, effects: list[Any]) -> None:
        for effect in effects:
            match effect:
                case Deliver() if effect.pbu == PBU:
                    self.server.deliver(effect.pbu, effect.reports)
                case Refuse() if effect.pbu == PBU:
                    self.server.refuse(effect.pbu, effect.rejects)
                case MarginAnswered() if effect.pbu == PBU:
                    self.server.answer(effect.pbu, effect.answer)
                case Inquiry():
                    self.server.inquire(effect)
                case PlatformStateChanged():
                    self.server.set_platform(effect.state)
                case _:
                    pass

    def send(self, line: str, step: int = 0) -> None:
        self._seq += 1
        data = build(line, self._seq)
        size = step or len(data)
        for start in range(0, len(data), size):
            if self.wire.open:
                self.wire.on_data(data[start : start + size])

    def pass_to(self, instant: int) -> None:
        """Let time pass in steps of a second while anybody is connected."""
        while self.world.now < instant:
            connected = any(wire.open for wire in self._wires)
            step = SECOND if connected else 60 * SECOND
            due = min(instant, self.world.now + step)
            self._effects(self.world.until(due))
            if self.beat and self.wire.open and due % (5 * SECOND) == 0:
                self.send("Heartbeat")
            self.server.tick()

    def do(self, what: str, words: list[str]) -> None:
        match what:
            case "connect":
                self.connect()
            case "drop":
                self.wire.close("dropped by the script")
            case "reading":
                self.wire.reading = words[0] == "on"
                self.wire.flush()
                self.server.tick()
            case "bounds":
                self.bound = int(words[0])
            case "platform":
                self.server.set_platform(int(words[0]))
                self.server.tick()
            case "outage":
                self.server.set_outage(" ".join(words))
            case "end":
                self.server.close()
            case "newday":  # the order server of the next day, with stores of its own
                self.server = self._start(self.folder / "next", int(words[0]))
                self.server.set_platform(2)
            case "flood":
                for number in range(int(words[0])):
                    name = f"F{number:09d}"
                    self.send(f"Request req=OTO 35=F 11={name} 41=X 48={CODE} 522=105")
            case "note":
                found = [text for kind, text in self.notes if kind == words[0]]
                if not any(" ".join(words[1:]) in text for text in found):
                    raise ScriptError(f"no such note; there are {self.notes[-5:]}")
            case _:
                self._market(what, words)

    def _market(self, what: str, words: list[str]) -> None:
        """What others do in the market."""
        match what:
            case "halt":
                self._effects(self.world.give(Halt(words[0], words[1] == "on"), Source.DESK))
            case "inquiry":
                now = self.world.now
                self.server.inquire(Inquiry(words[0], CODE, 0, 0, now, now + 15 * SECOND))
            case "fill":
                self._fill(words[0], int(words[1]), int(words[2]))
            case _:
                raise ScriptError(f"unknown action {what!r}")

    def _fill(self, side: str, price: int, qty: int) -> None:
        """Another member trades into the book."""
        self._fills += 1
        way = Side.BUY if side == "buy" else Side.SELL
        order = NewOrder(f"Z{self._fills:09d}", CODE, way, Effect.OPEN, OrderKind.LIMIT, price, qty)
        self._effects(self.world.give(Requests("A0002", [order]), Source.VENUE))

    def take(self) -> dict[str, str] | None:
        return self.heard.pop(0) if self.heard else None

    def closed(self) -> str:
        return "" if self.wire.open else self.wire.why


class MemberSide:
    """The script is the gateway; our client session is the one that must behave."""

    def __init__(self, clock: str) -> None:
        self.now = at(clock)
        self.session = tdgw.ClientSession("OMS01", PROFILE, DAY, self.now)
        self.heard: list[dict[str, str]] = []
        self.events: list[Any] = []
        self.beat = False
        self._seq = 0
        self._closed = ""

    def _after(self, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, tdgw.Disconnect):
                self._closed = event.reason
            else:
                self.events.append(event)
        self._hear(self.session.output())

    def _hear(self, data: bytes) -> None:
        self.heard += [fields for fields, _ in cut(data)]

    def send(self, line: str, step: int = 0) -> None:
        self._seq += 1
        data = build(line, self._seq)
        size = step or len(data)
        for start in range(0, len(data), size):
            self._after(self.session.receive(data[start : start + size], self.now))

    def pass_to(self, instant: int) -> None:
        while self.now < instant:
            self.now = min(instant, self.now + SECOND)
            if self.beat and self.now % (5 * SECOND) == 0:
                self.send("Heartbeat")
            self._after(self.session.tick(self.now))

    def do(self, what: str, words: list[str]) -> None:
        session, now = self.session, self.now
        try:
            match what:
                case "logon":
                    self._hear(session.send_logon(now, int(words[0]) if words else 30))
                case "logout":
                    self._hear(session.send_logout(now))
                case "sync":
                    self._hear(session.send_index_sync(PBU, words[0], int(words[1]), now))
                case "send":
                    self._hear(session.send_requests([self._request(*words)], now))
                case _:
                    raise ScriptError(f"unknown action {what!r}")
        except tdgw.SessionError as error:
            self.events.append(error)

    @staticmethod
    def _request(kind: str, name: str) -> Any:
        return {
            "order": NewOrder(name, CODE, Side.BUY, Effect.OPEN, OrderKind.LIMIT, 990, 1),
            "cancel": OrderCancel(name, CODE, "M000000001"),
            "quote": Quote(name, CODE, 990, 1010, 10, 10, Effect.OPEN, Effect.OPEN),
            "withdraw": QuoteCancel(name, CODE, True, True),
            "exercise": ExerciseRequest(name, CODE, 1),
            "margin": MarginInquiry(name, "1" * 25),
        }[kind]

    def take(self) -> dict[str, str] | None:
        return self.heard.pop(0) if self.heard else None

    def closed(self) -> str:
        return self._closed
