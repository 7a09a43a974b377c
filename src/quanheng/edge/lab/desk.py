"""Our own gateway on the line: the script is the engine behind it, and speaks its messages.

What a scene of this side proves is the firm's system and not the exchange's: readiness, recovery,
the dead-man's switch, a person's pull, the fence of epochs (borders.md 2).
"""

import contextlib
import select
import socket
from typing import Any

from quanheng.edge.clock import monotonic, wall
from quanheng.edge.gateway import Gateway
from quanheng.edge.gateway_parts import Kept
from quanheng.edge.gateway_pull import GatewayPlan
from quanheng.edge.lab.frame_text import cut
from quanheng.edge.lab.house import House
from quanheng.edge.lab.line import (
    GATEWAY_QUIET,
    HOUSE_QUIET,
    Address,
    Heard,
    house_does,
)
from quanheng.edge.lab.script import Frame, ScriptError, said
from quanheng.edge.link_messages import Beat, Hello, Sync
from quanheng.edge.loop import tcp_connect
from quanheng.terms.codes import Effect, OrderKind, Side
from quanheng.terms.days import day_nanos
from quanheng.terms.orders import NewOrder, Quote, Reports, Request, Send, Stamp
from quanheng.terms.units import MILLISECOND, SECOND, Nanos, Ticks

STEP = 100 * MILLISECOND
"""An engine's heartbeat, and how time passes (borders.md 2)."""
BLOCK = 1 << 16


class _Epochs:
    """The epoch file of one scene, in memory. Starts are counted by two seconds of the day, so that
    the gateway's ids of two scenes differ.
    """

    def __init__(self) -> None:
        self._kept = Kept(boot=day_nanos(wall()) // (2 * SECOND))

    def read(self) -> Kept:
        return self._kept

    def write(self, kept: Kept) -> None:
        self._kept = kept


def _ticks(text: str) -> Ticks:
    return int(text.replace(".", ""))


class DeskSide:
    """Our gateway connected to a member line. Close it when the scene is over."""

    skips: tuple[str, ...] = ()
    opening: tuple[str, ...] = ("@ hello 1", "~ 1s", "@ sync", "~ 1s")

    def __init__(
        self,
        plan: GatewayPlan,
        addresses: tuple[Address, ...],
        house: House | None,
        patience: Nanos,
    ) -> None:
        """As LineSide. OSError when nobody listens."""
        self.day = plan.day
        self.beat = False
        self.events: list[Any] = []
        self.record: list[Heard] = []
        self._addresses = addresses
        self._house = house
        self._patience = patience
        self._quiet = HOUSE_QUIET if house is not None else GATEWAY_QUIET
        self._gateway = Gateway(plan, _Epochs(), self.now)
        self._epoch = 0
        self._seen: dict[str, int] = {}  # next report of the engine, by partition
        self._sock: socket.socket | None = None
        self._rest = bytearray()  # received and not yet in the record
        self._connect(0)

    @property
    def now(self) -> Nanos:
        """The gateway's clock: our exchange's business time, or the monotonic one."""
        return monotonic() if self._house is None else self._house.now

    def _connect(self, number: int) -> None:
        self._sock = tcp_connect(*self._addresses[number])
        self._rest = bytearray()
        self._gateway.connected(self.now)
        self._settle()

    def _drop(self, why: str) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
            self._gateway.disconnected(self.now, why)

    def _write(self, way: str, rest: bytearray) -> None:
        """Whole frames for the record; a part of one stays. What is no frame ends the record."""
        read = 0
        with contextlib.suppress(ValueError):
            for frame, size in cut(rest):
                self.record.append(Heard(self.now, way, said(frame)))
                read += size
        del rest[:read]

    def _pump(self, wait: Nanos) -> bool:
        """One turn of our exchange and of the gateway; False when the line was quiet. An engine
        that lives says so, and every turn is short enough for it.
        """
        if self.beat and self._epoch:
            self._gateway.from_engine(Beat(self._epoch), self.now)
        out = self._gateway.out_wire()
        if out and self._sock is not None:
            self._write(">", bytearray(out))
            self._sock.sendall(out)
        if self._house is not None:
            self._house.serve()
        heard = False
        if self._sock is not None:
            heard = bool(select.select([self._sock], [], [], min(wait, STEP) / SECOND)[0])
            data = self._sock.recv(BLOCK) if heard else b""
            self._rest += data
            self._write("<", self._rest)
            if heard and not (data and self._gateway.from_wire(data, self.now)):
                self._drop("closed by the exchange")
        for message in self._gateway.out_engine():
            if isinstance(message, Reports):
                for report in message.reports:
                    self._seen[report.set_id] = report.index + 1
                    self.events.append(report.body)
            else:
                self.events.append(message)
        self._gateway.log()
        return heard or bool(out)

    def _settle(self) -> None:
        """Turn until the line has been quiet for long enough; a gateway that never is, no longer
        than patience.
        """
        since = monotonic()
        stop = since + self._patience
        while self._house is not None or since < stop:
            if self._pump(self._quiet):
                since = monotonic()
            elif self._house is not None or monotonic() - since >= self._quiet:
                return

    def send(self, line: str, step: int = 0) -> None:
        """No frame is the script's own here."""
        raise ScriptError("our gateway writes its frames itself")

    def take(self) -> Frame | None:
        """No frame is read by the script here."""
        raise ScriptError("our gateway reads its frames itself")

    def waiting(self) -> Frame | None:
        """Let what is under way arrive; it comes as events."""
        self._settle()
        return None

    def clear(self) -> None:
        """Forget what the engine was told."""
        self._settle()
        self.events.clear()

    def closed(self) -> str:
        """Why there is no line, "" while there is one."""
        self._settle()
        return "" if self._sock is not None else "no line"

    def pass_to(self, instant: Nanos) -> None:
        """Let time pass by the engine's heartbeat, which goes out while `beat` is on."""
        while self.now < instant:
            due = min(instant, self.now + STEP)
            if self._house is not None:
                self._house.advance(due)
                self._settle()
            else:
                self._pump(due - self.now)
            if not self._gateway.tick(self.now):
                self._drop("the session ended")
        self._settle()

    def do(self, what: str, words: list[str]) -> None:
        """What engine, people and the line do; the rest is the exchange's."""
        self.record.append(Heard(self.now, "@", " ".join([what, *words])))
        gateway, now = self._gateway, self.now
        match what:
            case "hello":
                if gateway.hello(Hello(int(words[0]), "lab"), now):
                    self._epoch = int(words[0])
                    self._seen.clear()
                    self.beat = True
            case "sync":  # from the first report on, or from what this engine has not seen
                gateway.from_engine(Sync(dict(self._seen)), now)
            case "quote" | "order":
                requests = [self._request(what, words)]
                stamp = Stamp("lab", "lab", "1", 0, 0)
                gateway.from_engine(Send(self._epoch, stamp, requests), now)
            case "pull":
                gateway.pull(words[0], words[1], now)
            case "release":
                gateway.release(words[0], words[1], words[2], now)
            case "resting":
                count = len(gateway.table)
                if count != int(words[0]):
                    raise ScriptError(f"{count} quotes and orders rest, not {words[0]}")
            case "connect":
                self._connect(1 if words == ["standby"] else 0)
            case "drop":
                self._drop("dropped by the script")
            case _:
                house_does(self._house, what, words)
        self._settle()

    @staticmethod
    def _request(what: str, words: list[str]) -> Request:
        """quote ID CONTRACT BID ASK QTY, order ID CONTRACT PRICE QTY (buy to open)."""
        if what == "quote":
            name, code, bid, ask, qty = words
            sides = (_ticks(bid), _ticks(ask), int(qty), int(qty))
            return Quote(name, code, *sides, Effect.OPEN, Effect.OPEN)
        name, code, price, qty = words
        kind = (Side.BUY, Effect.OPEN, OrderKind.LIMIT)
        return NewOrder(name, code, *kind, _ticks(price), int(qty))

    def close(self) -> None:
        """Withdraw what rests, wait for it, and let the line go."""
        with contextlib.suppress(OSError, ValueError):
            self._gateway.shut(self.now)
            until = monotonic() + self._patience
            while len(self._gateway.table) and self._sock is not None and monotonic() < until:
                self._pump(self._quiet)
        self._drop("the scene is over")
