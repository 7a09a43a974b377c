"""The member's side of a scene over TCP: against our exchange, or against anybody's gateway."""

import select
import socket
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from quanheng.edge.clock import monotonic, wall
from quanheng.edge.lab.frame_text import Identity, build, cut
from quanheng.edge.lab.house import House
from quanheng.edge.lab.script import Frame, Line, ScriptError, said
from quanheng.edge.loop import tcp_connect
from quanheng.terms.units import MILLISECOND, SECOND, Day, Nanos

Address = tuple[str, int]
HOUSE_QUIET = 2 * MILLISECOND
GATEWAY_QUIET = 400 * MILLISECOND
"""Silence after which nothing more is expected: of our exchange, which answers in this thread, and
of a gateway behind a network."""
BEAT_EVERY = 5 * SECOND
READ_EVERY = 64
"""Frames sent to a gateway before its answers are read again: a flood must be quick."""
OF_THE_HOUSE = ("platform", "outage", "inquiry", "end", "newday", "fill", "note")


def barred(lines: Sequence[Line], standby: bool) -> str:
    """Why lines cannot be played against somebody's gateway, "" when they can; asked before the
    first of them, so that no scene stops half way with orders in the book.
    """
    for line in lines:
        words = line.rest.split()
        if line.head == "@" and words[0] in OF_THE_HOUSE:
            return f"需要由本方交易所配合：{words[0]} needs our own exchange"
        if line.head == "@" and words == ["connect", "standby"] and not standby:
            return "没有备用线路的地址（--standby）no standby address"
        if line.head == "~" and ":" in line.rest:
            return f"需要调整交易所时钟至 {line.rest} needs the exchange's clock"
    return ""


def house_does(house: House | None, what: str, words: list[str]) -> None:
    """What only an exchange can do. ScriptError for what it cannot."""
    if house is None:
        raise ScriptError(f"unknown action {what!r}")
    house.do(what, words)


class Heard(NamedTuple):
    """One line of a scene's record: when, `>` sent, `<` heard or `@` done, and what."""

    at: Nanos
    way: str
    text: str


class _Wire:
    """One connection: what was received and not yet read by a line."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.frames: list[Frame] = []
        self.sent = 0
        self.received = 0
        self.why = ""
        self.broken = ""  # the rule of the session that the peer broke
        self.rest = bytearray()

    def take(self) -> list[Frame]:
        """Read what is there. Bytes that are no frame, or a jump in MsgSeqNum, break the line."""
        try:
            data = self.sock.recv(1 << 16)
        except OSError as error:
            data, self.why = b"", error.strerror or str(error)
        if not data:
            self.close(self.why or "closed by the peer")
        self.rest += data
        fresh, read = [], 0
        try:
            for frame, size in cut(self.rest):
                self.received += 1
                if int(frame["seq"]) != self.received:
                    raise ValueError(f"MsgSeqNum {frame['seq']} follows {self.received - 1}")
                fresh.append(frame)
                read += size
        except ValueError as error:
            self.broken = f"对方报文有误 broken protocol: {error}"
            self.close(self.broken)
        del self.rest[:read]
        self.frames += fresh
        return fresh

    def close(self, why: str) -> None:
        if self.sock.fileno() >= 0:
            self.why = why
            self.sock.close()


class LineSide:
    """Lines of a scene over TCP. Close it when the scene is over."""

    opening: tuple[str, ...] = ()
    skips: tuple[str, ...] = ("Heartbeat", "PlatformState", "Public")

    def __init__(
        self,
        who: Identity,
        addresses: tuple[Address, ...],
        house: House | None,
        patience: Nanos,
    ) -> None:
        """`addresses`: the line, then the standby line if there is one. `house`: ours; None for
        somebody's gateway, whose clock nobody moves. `patience`: how long a frame that must come is
        waited for. OSError when nobody listens.
        """
        self.day: Day = who.day
        self.beat = False
        self.events: list[Any] = []
        self.record: list[Heard] = []
        self._who = who
        self._addresses = addresses
        self._house = house
        self._patience = patience
        self._quiet = HOUSE_QUIET if house is not None else GATEWAY_QUIET
        self._wires: list[_Wire] = []
        self._line = 0
        self._connect(0)

    @property
    def now(self) -> Nanos:
        """Our exchange's business time, or the wall clock."""
        return wall() if self._house is None else self._house.now

    @property
    def _wire(self) -> _Wire:
        return self._wires[self._line]

    def _connect(self, number: int) -> None:
        self._wires.append(_Wire(tcp_connect(*self._addresses[number])))
        self._line = len(self._wires) - 1
        self._settle()

    def send(self, line: str, step: int = 0) -> None:
        """Send a frame; on a closed connection nothing happens."""
        wire = self._wire
        if wire.why:
            return
        wire.sent += 1
        data = build(line, wire.sent, self._who)
        self.record.append(Heard(self.now, ">", line))
        size = step or len(data)
        try:
            for start in range(0, len(data), size):
                wire.sock.sendall(data[start : start + size])
                if self._house is not None or wire.sent % READ_EVERY == 0:
                    self._pump(0)
        except OSError as error:
            wire.close(error.strerror or str(error))

    def _pump(self, wait: Nanos) -> bool:
        """Serve our exchange, then take what the lines brought; False when they were quiet."""
        if self._house is not None:
            self._house.serve()
        open_wires = {wire.sock: wire for wire in self._wires if not wire.why}
        ready, _, _ = select.select([*open_wires], [], [], wait / SECOND)
        for sock in ready:
            for frame in open_wires[sock].take():
                self.record.append(Heard(self.now, "<", said(frame)))
        return bool(ready)

    def _until(self, done: Callable[[], Any], wait: Nanos) -> None:
        """Serve and read until `done`, at least once however late it is."""
        stop = monotonic() + wait
        while not done():
            left = stop - monotonic()
            self._pump(max(0, min(left, self._quiet)))
            if left <= 0:
                return

    def _settle(self) -> None:
        """Serve until every line is quiet; a gateway that never is, no longer than patience."""
        stop = monotonic() + self._patience
        while self._pump(self._quiet) and (self._house is not None or monotonic() < stop):
            pass

    def take(self) -> Frame | None:
        """The next frame of the line in hand, as soon as it comes."""
        wire = self._wire
        self._until(lambda: wire.frames or wire.why, self._patience)
        if not wire.frames and wire.broken:
            raise ScriptError(wire.broken)
        return wire.frames.pop(0) if wire.frames else None

    def waiting(self) -> Frame | None:
        """The next frame once all is quiet, left where it is."""
        self._settle()
        if self._wire.broken:
            raise ScriptError(self._wire.broken)
        frames = [frame for frame in self._wire.frames if frame["name"] not in self.skips]
        return frames[0] if frames else None

    def clear(self) -> None:
        """Forget what the line in hand heard."""
        self._settle()
        self._wire.frames.clear()

    def closed(self) -> str:
        """Why the line was closed; waits for it."""
        wire = self._wire
        self._until(lambda: wire.why, self._patience)
        return wire.why

    def pass_to(self, instant: Nanos) -> None:
        """Let time pass: our exchange's by the second, a gateway's by waiting."""
        beat_at = self.now
        while self.now < instant:
            if self._house is not None:
                self._house.advance(min(instant, self.now + SECOND))
                self._settle()
            else:
                self._pump(min(instant - self.now, self._quiet))
            if self.beat and self.now >= beat_at:
                self.send("Heartbeat")
                beat_at = self.now + BEAT_EVERY

    def do(self, what: str, words: list[str]) -> None:
        """Lines of our own; the rest is the exchange's. ScriptError for what nobody can do."""
        self.record.append(Heard(self.now, "@", " ".join([what, *words])))
        if what == "connect":
            self._connect(1 if words == ["standby"] else 0)
        elif what == "line":  # back to a connection by its number, from 1
            self._line = int(words[0]) - 1
        elif what == "drop":
            self._wire.close("dropped by the script")
            self._settle()
        else:
            house_does(self._house, what, words)
            self._settle()

    def close(self) -> None:
        """Log out and close every line that is still open, whatever comes back."""
        for number, wire in enumerate(self._wires):
            if not wire.why:
                self._line = number
                self.send("Logout status=0")
        self._settle()
        for wire in self._wires:
            wire.close("the scene is over")
