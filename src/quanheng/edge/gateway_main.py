"""The gateway's process: sockets and clock around `gateway.Gateway`.

`python -m quanheng.edge.gateway_main RUN` reads RUN/live/gateway.msgpack and listens on
RUN/engine.sock and RUN/kill.sock (`gateway_people`). A file RUN/KILL that names a person pulls
everything as well: the key that needs no program at all (reliability.md 2.5 point 6).
"""

import socket
import sys
from pathlib import Path
from typing import Any

import msgspec

from quanheng.edge import gateway_people
from quanheng.edge.child import Child
from quanheng.edge.clock import monotonic, read_clock, wall
from quanheng.edge.gates import enter
from quanheng.edge.gateway import Gateway
from quanheng.edge.gateway_etf import HedgeLine
from quanheng.edge.gateway_lines import (
    Line,
    TcpLine,
    TcpLink,
    counter_line,
    over_counter,
    read_counter,
)
from quanheng.edge.gateway_parts import EpochFile
from quanheng.edge.gateway_pull import GatewayPlan
from quanheng.edge.health import Health
from quanheng.edge.isolation import IsolationError, Register, foreign_alert
from quanheng.edge.journal_lines import LineFile
from quanheng.edge.link_messages import (
    Fenced,
    FrameReader,
    Hello,
    LinkError,
    Sync,
    ToGateway,
    encode_frame,
)
from quanheng.edge.loop import Connection, Loop, unix_listener
from quanheng.edge.serving import watched
from quanheng.runtime.live import NEVER, BusinessClock
from quanheng.terms.codes import Link
from quanheng.terms.etf import ETF_SET, EtfSend
from quanheng.terms.units import MILLISECOND, SECOND, Nanos
from quanheng.wire.profile import Profile

LAST_TRY = 3 * SECOND
"""How long a gateway that stops tries to withdraw what may rest."""
MAX_LINE = 4_096
KEY_FILE = "KILL"
KEY_EVERY = 50 * MILLISECOND


class Setup(msgspec.Struct, frozen=True):
    """RUN/live/gateway.msgpack."""

    plan: GatewayPlan
    host: str
    port: int
    etf_port: int = 0  # no line to the underlyings' market
    register: Register | None = None  # None: not checked (rigs of tests)
    pair: bool = False  # of a pair of nodes: in session only while an engine leads here
    home: str = ""  # where people put the key file; empty: this folder
    standby: tuple[tuple[str, int], ...] = ()  # other ends of the order line (T-05)
    displaces: bool = False  # at the exchange a second logon ends the first session


class GatewayProcess:
    """One engine at a time, one exchange connection, any number of people at the kill socket."""

    def _check_isolation(self, setup: Setup) -> None:
        """Refuse to start for an account, trading unit or host outside the register (T-04)."""
        plan = setup.plan
        if setup.register is None:
            return
        try:
            for host in (setup.host, *(host for host, _ in setup.standby)):
                setup.register.check_start(plan.account, plan.pbu, host)
        except IsolationError as error:
            self.lines.add({"at": monotonic(), **foreign_alert(str(error))})
            self.lines.close()
            raise

    def __init__(self, run: Path, setup: Setup, loop: Loop) -> None:
        self.setup = setup
        self.loop = loop
        self._sockets = (run / "engine.sock", run / "kill.sock")
        (run / "gateway").mkdir(exist_ok=True)
        self._clock: BusinessClock | None = None
        self._clock_file = run / "live" / "clock.json"
        epochs = EpochFile(run / "gateway" / "epoch.json")
        counter = read_counter(run)
        plan = setup.plan if counter is None else over_counter(setup.plan, counter)
        self.core = Gateway(plan, epochs, monotonic(), self._stamp)
        self.lines = LineFile(run / "live" / "gateway.jsonl")
        self._health = Health(self.lines)
        profile = Profile(plan.account, plan.pbu, plan.branch)
        self._check_isolation(setup)
        self.hedges = HedgeLine(plan.comp_id, profile, plan.day, setup.register)
        self.exchange: Line = (
            TcpLine(self.core, loop, setup.host, setup.port, monotonic, setup.standby)
            if counter is None
            else counter_line(self.core, loop, run, counter, self._told_at)
        )
        self._ways: list[tuple[Line | TcpLink, Gateway | HedgeLine]] = [(self.exchange, self.core)]
        if setup.etf_port:
            place = (setup.host, setup.etf_port)
            link = TcpLink(self.hedges, loop, place, monotonic, lambda: self.hedges.ready)
            self._ways.append((link, self.hedges))
        self._engine: Connection | None = None
        self._key = Path(setup.home or run) / KEY_FILE
        self._key_used = False
        self._look_at: Nanos = 0
        for path, on_accept in zip(self._sockets, (self._on_engine, self._on_person), strict=True):
            loop.listen(unix_listener(path), on_accept)

    def _stamp(self, now: Nanos) -> Nanos:
        """The exchange's time; in a run before its start it is far away."""
        if self._clock is None and self._clock_file.exists():
            self._clock = read_clock(self._clock_file)
        return NEVER if self._clock is None else self._clock.at(now)

    def _told_at(self, now: Nanos) -> Nanos:
        """When a counter told something: before the start of the run by the wall."""
        stamp = self._stamp(now)
        return wall() if stamp == NEVER else stamp

    def _on_engine(self, sock: socket.socket) -> None:
        """A connection that has not said hello yet; it leads only if the core lets it."""
        reader: FrameReader[Any] = FrameReader(ToGateway)
        connection: Connection

        def on_data(data: bytes) -> None:
            try:
                messages = reader.feed(data)
            except LinkError as error:
                connection.close(str(error))
                return
            for message in messages:
                self._from(connection, message)

        def on_close(why: str) -> None:
            if self._engine is connection:
                self._engine = None  # the dead-man's switch goes on counting

        connection = Connection(self.loop, sock, on_data, on_close)

    def _from(self, connection: Connection, message: Any) -> None:
        now = monotonic()
        if isinstance(message, Hello):
            self._flush_engine()
            if self.core.hello(message, now):
                self.hedges.new_leader()
                before, self._engine = self._engine, connection
                if before is not None and before is not connection:
                    before.send(encode_frame(Fenced(message.epoch, "another engine leads")))
                    before.flush()
                    before.close("another engine leads")
            else:
                connection.send(b"".join(encode_frame(item) for item in self.core.out_engine()))
        elif connection is self._engine:
            self._from_leader(message, now)
        else:
            connection.send(encode_frame(Fenced(self.core.epoch, "say hello first")))

    def _from_leader(self, message: Any, now: Nanos) -> None:
        """Options go to the core; hedges and their reports have a line of their own."""
        if isinstance(message, EtfSend):
            who = message.stamp.trader, message.stamp.strategy
            self.hedges.send(
                message,
                self.core.fence(message.epoch),
                lambda underlying: self.core.puller.killer(underlying, who),
                self._stamp(now),
                now,
            )
            return
        if isinstance(message, Sync):
            wanted = dict(message.next_index)
            first = wanted.pop(ETF_SET, 1)
            if ETF_SET in message.next_index or not self.hedges.wanted:
                self.hedges.sync(first, now)
            if not wanted and self.core.link == Link.READY:
                return  # a gap of the hedges alone
            message = Sync(wanted)
        self.core.from_engine(message, now)

    def _flush_engine(self) -> None:
        messages = self.core.out_engine() + self.hedges.out_engine()
        if self._engine is not None and messages:
            self._engine.send(b"".join([encode_frame(item) for item in messages]))

    def _on_person(self, sock: socket.socket) -> None:
        rest = bytearray()
        connection: Connection

        def on_data(data: bytes) -> None:
            rest.extend(data)
            if len(rest) > MAX_LINE and b"\n" not in rest:
                connection.close("the line is too long")
                return
            *lines, tail = bytes(rest).split(b"\n")
            rest[:] = tail
            for line in lines:
                answer = gateway_people.answer(self.core, line, monotonic())
                connection.send(msgspec.json.encode(answer) + b"\n")

        connection = Connection(self.loop, sock, on_data, lambda why: None)

    def _turn_key(self, now: Nanos) -> None:
        """The key file pulls everything once; taking it away releases nothing."""
        if now < self._look_at:
            return
        self._look_at = now + KEY_EVERY
        there = self._key.exists()
        if there and not self._key_used:
            text = self._key.read_text(encoding="utf-8", errors="replace").strip()
            self.core.pull("*", text[:40] or "key file", now)
        self._key_used = there

    def _idle(self, now: Nanos) -> bool:
        """Whether the session is left to others: nobody leads here, or another logged on. Where a
        logon displaces, the gateway of a node that stopped does not dial to withdraw: the other
        node withdraws, and would lose its session.
        """
        core, setup = self.core, self.setup
        if setup.pair and setup.displaces and not core.armed and core.session is None:
            return True
        return (setup.pair or core.displaced) and not core.needed(now)

    def turn(self) -> None:
        """One round: wait, serve, let time pass, write."""
        now = monotonic()
        idle = self._idle(now)
        due = min(self.core.deadline(now), (not idle and self.exchange.due()) or NEVER)
        self.loop.poll(min(due - now, 100 * MILLISECOND) / SECOND)
        now = monotonic()
        self._turn_key(now)
        cut_by = self.core.puller.cut_by
        idle = self._idle(now)
        for way, core in self._ways:
            if cut_by or idle:
                way.leave(f"cut by {cut_by}" if cut_by else "no engine leads here", now)
            else:
                way.turn(now)
            if not core.tick(now):
                way.leave("the session ended", now)
            way.flush()
        self._flush_engine()
        self.loop.flush()
        for line in self.core.log() + self.hedges.log():
            self.lines.add(line)
        if self._health.turn(now, ended := monotonic()):
            figures = gateway_people.status(self.core)
            plain = {name: int(value) for name, value in figures.items() if type(value) is int}
            self._health.tell(ended, link=int(self.core.link), **plain)

    def close(self) -> None:
        """Withdraw what may rest, log out and close everything."""
        self.core.shut(monotonic())
        until = monotonic() + LAST_TRY
        while len(self.core.table) and self.exchange.up and monotonic() < until:
            self.turn()
        counts = {**gateway_people.status(self.core), **self.hedges.counts}
        self.lines.add({"at": monotonic(), "what": "end", **counts})
        self.exchange.close(monotonic())
        self.loop.close()
        for path in self._sockets:
            path.unlink(missing_ok=True)
        self.lines.close()


def main(run: Path) -> None:
    """Run until the supervisor says stop."""
    enter(run)
    setup = msgspec.msgpack.decode((run / "live" / "gateway.msgpack").read_bytes(), type=Setup)
    loop = Loop()
    child = Child(loop)
    process = GatewayProcess(run, setup, loop)
    watched(child, loop, run, "gateway", process.turn)
    process.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
