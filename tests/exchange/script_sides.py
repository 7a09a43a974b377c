"""The two sides a protocol script of the tests stands against: the venue, or our member session.

Both without sockets: the venue's order server writes into memory, so a script can be a slow reader
to the byte.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange_world import DAY, at, member, opening

from quanheng.edge import order_server
from quanheng.edge.lab.frame_text import Identity, build, cut
from quanheng.edge.lab.house import House
from quanheng.edge.lab.script import Frame, ScriptError
from quanheng.exchange.messages import Member
from quanheng.terms.business import ExerciseRequest, MarginInquiry
from quanheng.terms.codes import Effect, OrderKind, Side
from quanheng.terms.orders import NewOrder, OrderCancel, Quote, QuoteCancel
from quanheng.terms.units import SECOND
from quanheng.wire import tdgw
from quanheng.wire.profile import Profile

ACCOUNT, PBU = "D89000A000", "A0001"
WHO = Identity("OMS01", DAY, PBU, ACCOUNT)
PROFILE = Profile(ACCOUNT, PBU)
CODE = "10007000"
OWN = Member(PBU, ACCOUNT, "M1", "primary", 10**12)
CLIENT = Member(
    PBU, ACCOUNT, "M1", "primary", 10**12, units=(30_000,), brokerage=True, disposal=(5_000,),
    due=(10_000,),
)  # fmt: skip
ACCOUNTS = {"exchange": OWN, "broker": CLIENT}


def heard_in(data: bytes) -> list[Frame]:
    """The frames of an output, which must be whole and no longer than described."""
    found = []
    at = 0
    for frame, size in cut(data):
        assert "tail" not in frame, frame
        found.append(frame)
        at += size
    assert at == len(data), data[at:]
    return found


class Heard:
    """What a side heard, as a list in memory."""

    day = DAY
    skips = ("Heartbeat",)
    opening: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.heard: list[Frame] = []
        self.events: list[Any] = []
        self.beat = False

    def take(self) -> Frame | None:
        return self.heard.pop(0) if self.heard else None

    def waiting(self) -> Frame | None:
        return self.heard[0] if self.heard else None

    def clear(self) -> None:
        self.heard.clear()
        self.events.clear()


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


class ExchangeSide(Heard):
    """The script is a member; behind the wire stand the real order server and the real venue."""

    def __init__(self, folder: Path, clock: str, account: Member = OWN) -> None:
        super().__init__()
        self.bound = 1 << 24
        self.accept: Callable[[Any], None] = lambda sock: None
        self._seq = 0
        self._wires: list[Wire] = []
        members = (account, member("A0002", "M2"))
        opened = opening(members=members, snapshot_nanos=60 * SECOND)
        self.house = House(opened, PROFILE, folder, self, (None,))  # type: ignore[arg-type]
        self.pass_to(at(clock))
        self.connect()

    @property
    def now(self) -> int:
        return self.house.now

    def listen(self, sock: Any, on_accept: Callable[[Any], None]) -> None:
        self.accept = on_accept

    def unlisten(self, sock: Any) -> None:
        """The next order server of the day takes over."""

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
        self.heard += heard_in(data)

    def send(self, line: str, step: int = 0) -> None:
        self._seq += 1
        data = build(line, self._seq, WHO)
        size = step or len(data)
        for start in range(0, len(data), size):
            if self.wire.open:
                self.wire.on_data(data[start : start + size])

    def pass_to(self, instant: int) -> None:
        """Let time pass in steps of a second while anybody is connected."""
        while self.now < instant:
            connected = any(wire.open for wire in self._wires)
            step = SECOND if connected else 60 * SECOND
            due = min(instant, self.now + step)
            if self.beat and self.wire.open and due % (5 * SECOND) == 0:
                self.send("Heartbeat")
            self.house.advance(due)

    def do(self, what: str, words: list[str]) -> None:
        match what:
            case "connect":
                self.connect()
            case "drop":
                self.wire.close("dropped by the script")
            case "reading":
                self.wire.reading = words[0] == "on"
                self.wire.flush()
                self.house.server.tick()
            case "bounds":
                self.bound = int(words[0])
            case "fill" | "inquiry":
                self.house.do(what, [*words, CODE])
            case _:
                self.house.do(what, words)

    def closed(self) -> str:
        return "" if self.wire.open else self.wire.why


class MemberSide(Heard):
    """The script is the gateway; our client session is the one that must behave."""

    opening = (
        "@ logon",
        "> Logon sender=TDGW target=OMS01",
        "> PlatformState state=2",
        "> Info pbus={pbu} sets=300,301",
        "@ sync 300 1",
        "@ sync 301 1",
        "> Sync pbu={pbu} set=300 next=1 remark=1",
        "> Sync pbu={pbu} set=301 next=1 remark=1",
    )

    def __init__(self, clock: str) -> None:
        super().__init__()
        self.now = at(clock)
        self.session = tdgw.ClientSession("OMS01", PROFILE, DAY, self.now)
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
        self.heard += heard_in(data)

    def send(self, line: str, step: int = 0) -> None:
        self._seq += 1
        data = build(line, self._seq, WHO)
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

    def closed(self) -> str:
        return self._closed
