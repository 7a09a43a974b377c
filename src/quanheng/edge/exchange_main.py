"""The exchange's process: the two venues on a running clock, their order line and their feed.

`python -m quanheng.edge.exchange_main RUN` reads RUN/live/exchange.msgpack. Before anybody may
connect it runs from the opening to the start of the run, so that a run that begins at 14:00 finds
a market with a history. It stands for the world outside the firm: its journals are written for
replay and verification, and it is never restarted within a run.
"""

import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from quanheng.edge.child import Child, settle_memory
from quanheng.edge.clock import monotonic, read_clock
from quanheng.edge.copy_line import CopyServer
from quanheng.edge.etf_server import EtfServer
from quanheng.edge.gates import enter
from quanheng.edge.health import Health
from quanheng.edge.isolation import LOCAL, stranger_alert
from quanheng.edge.journal_lines import LineFile
from quanheng.edge.line_cuts import LineCuts
from quanheng.edge.link_messages import encode_frame
from quanheng.edge.loop import Loop, tcp_listener
from quanheng.edge.market_feed import Publisher
from quanheng.edge.order_server import OrderServer
from quanheng.edge.oversight_lines import CopyLine
from quanheng.edge.rehearsal import rehearse_exchange
from quanheng.edge.watchdog import Watchdog
from quanheng.exchange import messages as ex
from quanheng.exchange.etf import EtfVenue
from quanheng.exchange.state import PARTITIONS
from quanheng.exchange.venue import Venue
from quanheng.oversight.messages import AnyCopy
from quanheng.runtime.envelope import RaiseAlert, Record, Source
from quanheng.runtime.host import Host
from quanheng.runtime.live import BusinessClock, LiveHost
from quanheng.runtime.release import Policy, Release
from quanheng.runtime.segment import SegmentJournal
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.terms.etf import EtfRequest
from quanheng.terms.market import ChainTick, Inquiry, UnderlyingTicks
from quanheng.terms.orders import AnyRequest, Requests
from quanheng.terms.units import MILLISECOND, SECOND, Nanos
from quanheng.wire.profile import Profile

TURN = 10 * MILLISECOND
"""Elapsed time that timers may take before sockets are served again."""
LONGEST_WAIT = 20 * MILLISECOND


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """RUN/live/exchange.msgpack."""

    venue: ex.VenueOpen
    etf: ex.EtfOpen
    account: str
    pbu: str
    branch: str
    open_at: Nanos  # business time of the openings
    start: Nanos  # business time at which members may connect
    host: str
    order_port: int
    feed_port: int
    etf_port: int
    copy_port: int
    snapshot_every: Nanos
    marks: list[Nanos]
    closing_from: Nanos  # from here on the ticks are kept for clearing (rules.md 2.8)
    outages: list[tuple[Nanos, Nanos]]
    peers: tuple[str, ...] = LOCAL
    standby_host: str = ""  # where the standby lines end; empty: there are none
    order_standby_port: int = 0
    feed_standby_port: int = 0
    displaces: bool = False  # a second logon ends the first session


class ExchangeProcess:
    """Both machines, the order server and the publisher."""

    def __init__(self, run: Path, setup: Setup, loop: Loop) -> None:
        self.setup = setup
        self.loop = loop
        loop.peers, loop.on_stranger = setup.peers, self._on_stranger
        self.lag: Nanos = 0  # longest time the machines were behind the clock, business
        ports = (setup.order_port, setup.feed_port, setup.etf_port, setup.copy_port)
        listeners = [tcp_listener(setup.host, port) for port in ports]
        order, feed, hedges, copies = listeners
        self.ports = {
            f"{name}_port": listener.getsockname()[1]
            for name, listener in zip(("order", "feed", "etf", "copy"), listeners, strict=True)
        }
        standby = self._standby(setup)
        self.venue = self._host(run, Venue())
        self.etf = self._host(run, EtfVenue())
        self.publisher = Publisher(setup.venue.chain, loop, feed, monotonic)
        profile = Profile(setup.account, setup.pbu, setup.branch)
        self.lines = LineFile(run / "live" / "exchange.jsonl")
        self._health = Health(self.lines)
        self.server = OrderServer(
            loop,
            order,
            profile,
            PARTITIONS,
            setup.venue.day,
            run / "exchange",
            monotonic,
            self._queue,
            self._note,
            setup.displaces,
        )
        day = setup.venue.day
        self.hedges = EtfServer(loop, hedges, profile, day, monotonic, self._queue_etf)
        self.copies = CopyServer(loop, copies, run / "exchange" / "copies.bin")
        self._copy = CopyLine(setup.pbu)
        lines = {"order": (order, self.server.listen), "feed": (feed, self.publisher.listen)}
        for name, listener in standby.items():
            listen = lines[name.partition("_")[0]][1]
            listen(listener)
            lines[name] = listener, listen
        self._cuts = LineCuts(loop, run, lines, self._note)
        self._records = (run / "live" / "records.bin").open("wb")
        self._closing = (run / "live" / "closing.bin").open("wb")
        self._queued: list[tuple[str, list[AnyRequest]]] = []
        self._queued_etf: list[ex.EtfRequests] = []

    def _standby(self, setup: Setup) -> dict[str, socket.socket]:
        """The standby lines' sockets by name; their ports are told like the others."""
        if not setup.standby_host:
            return {}
        ports = {"order_standby": setup.order_standby_port, "feed_standby": setup.feed_standby_port}
        found = {name: tcp_listener(setup.standby_host, port) for name, port in ports.items()}
        for name, listener in found.items():
            self.ports[f"{name}_port"] = listener.getsockname()[1]
        return found

    def _on_stranger(self, host: str) -> None:
        """A host outside the list was turned away (T-04)."""
        self.lines.add({"at": monotonic(), **stranger_alert(host)})

    def _host(self, run: Path, machine: Any) -> LiveHost:
        journal = SegmentJournal(run, machine.NAME, durable=False)
        snapshots = FolderSnapshots(run, machine.NAME, durable=False)
        host = Host(machine, journal, snapshots, Release(Policy.WRITTEN))
        return LiveHost(host, self.setup.snapshot_every, self.setup.marks, pause=2 * SECOND)

    def _note(self, what: str, text: str) -> None:
        at = max(self.venue.at, 0)
        self.lines.add({"at": monotonic(), "business": at, "what": what, "text": text})

    def _queue(self, pbu: str, requests: list[AnyRequest]) -> None:
        self._queued.append((pbu, requests))

    def _queue_etf(self, pbu: str, requests: list[EtfRequest]) -> None:
        self._queued_etf.append(ex.EtfRequests(pbu, requests))

    def open(self) -> None:
        """Open both venues and run to the start of the run, without members."""
        self._etf(self.etf.take(self.setup.etf, self.setup.open_at, Source.RUNTIME))
        self.venue.take(self.setup.venue, self.setup.open_at, Source.RUNTIME)
        self._release()
        at = self.setup.open_at
        while at < self.setup.start:
            at = min(at + SECOND, self.setup.start)
            self._advance(at, NO_LIMIT)
            self._release()

    def _advance(self, now: Nanos, stop_at: Nanos) -> Nanos:
        """Fire what is due at `now` in both machines, in one order; returns how far time got."""
        etf, venue = self.etf, self.venue
        while True:
            first, second = etf.next_due(), venue.next_due()
            due = min(first, second)
            if due > now:
                return now
            if monotonic() > stop_at:
                return due
            if first <= second:
                self._etf(etf.fire(first) or ())
            else:
                venue.fire(second)

    def _etf(self, effects: Sequence[Any]) -> None:
        """Prices of the ETFs reach the option venue inside the exchange."""
        for effect in effects:
            if type(effect) is UnderlyingTicks:
                self.venue.take(effect, max(self.etf.at, self.venue.at), Source.FEED)

    def _release_etf(self) -> None:
        """Prices and answers of the underlyings' market."""
        for held in self.etf.commit():
            for effect in held.effects:
                match effect:
                    case UnderlyingTicks():
                        self._publish(effect)
                    case ex.EtfDeliver():
                        self._copied(self._copy.etf(effect, self.etf.at))
                        self.hedges.deliver(effect.pbu, [*effect.answers])
                    case ex.EtfRefuse():
                        self.hedges.deliver(effect.pbu, [*effect.rejects])

    def _release(self) -> None:
        """Let the effects of this turn out: reports, market data, records, alerts."""
        self._release_etf()
        server = self.server
        for held in self.venue.commit():
            for effect in held.effects:
                match effect:
                    case ChainTick():
                        self._publish(effect)
                    case ex.Deliver():
                        self._copied(self._copy.options(effect, self.venue.at))
                        server.deliver(effect.pbu, effect.reports)
                    case Record():
                        self._records.write(encode_frame(effect))
                    case ex.Refuse():
                        server.refuse(effect.pbu, effect.rejects)
                    case ex.MarginAnswered():
                        server.answer(effect.pbu, effect.answer)
                    case Inquiry():
                        server.inquire(effect)
                    case ex.PlatformStateChanged():
                        server.set_platform(effect.state)
                    case RaiseAlert():
                        args = [effect.code.value, effect.scope, *effect.args]
                        self._note("alert", " ".join(map(str, args)))

    def _copied(self, bodies: Sequence[AnyCopy]) -> None:
        for body in bodies:
            self.copies.add(body)

    def _publish(self, tick: ChainTick | UnderlyingTicks) -> None:
        self.publisher.publish(tick)
        if tick.at >= self.setup.closing_from:
            self._closing.write(encode_frame(tick))

    def turn(self, clock: BusinessClock) -> None:
        """One round of a running day."""
        due = min(self.etf.next_due(), self.venue.next_due())
        wait = max(0, min(LONGEST_WAIT, clock.when(due) - monotonic()))
        waiting = self._queued or self._queued_etf
        self.loop.poll(0.0 if waiting else wait / SECOND)
        began = monotonic()
        now = clock.at(began)
        self._outage(now)
        reached = self._advance(now, began + TURN)
        self.lag = max(self.lag, now - reached)
        queued, self._queued = self._queued, []
        for pbu, requests in queued:
            self.venue.take(Requests(pbu, requests), reached, Source.VENUE)
        hedges, self._queued_etf = self._queued_etf, []
        for body in hedges:
            self._etf(self.etf.take(body, reached, Source.VENUE))
        self._release()
        self.serve()
        for machine in (self.venue, self.etf):
            if machine.checkpoint_due(began):
                machine.checkpoint(began)
        if self._health.turn(began, ended := monotonic()):
            self._health.tell(
                ended,
                requests=self.server.messages_up,
                reports=self.server.messages_down,
                behind_ms=(now - reached) // MILLISECOND,
                readers_cut=self.publisher.cut,
            )

    def serve(self) -> None:
        """Let the lines do what time asks of them, and write."""
        self._cuts.turn(monotonic())
        self.server.tick()
        self.hedges.tick()
        self.publisher.tick()
        self.copies.tick()
        self.loop.flush()

    def _outage(self, now: Nanos) -> None:
        inside = any(since <= now < until for since, until in self.setup.outages)
        self.server.set_outage("the order line is interrupted" if inside else "")

    def close(self) -> dict[str, int]:
        """End the day; what was counted."""
        self._release()
        self.server.close()
        self.hedges.close()
        self.loop.flush()
        counts = {
            "order_bytes": self.server.bytes,
            "hedge_bytes": self.hedges.bytes,
            "feed_bytes": self.publisher.bytes,
            "copy_bytes": self.copies.bytes,
            "requests": self.server.messages_up,
            "reports": self.server.messages_down,
            "readers_cut": self.publisher.cut,
            "worst_lag_ms": self.lag // MILLISECOND,
        }
        self._note("end", " ".join(f"{name}={value}" for name, value in counts.items()))
        for machine in (self.etf, self.venue):
            machine.finish()
        self._records.close()
        self._closing.close()
        self._cuts.close()
        self.copies.close()
        self.loop.close()
        self.lines.close()
        return counts


NO_LIMIT: Nanos = 1 << 62


def main(run: Path) -> None:
    """Run until the supervisor says stop."""
    enter(run)
    setup = msgspec.msgpack.decode((run / "live" / "exchange.msgpack").read_bytes(), type=Setup)
    rehearse_exchange(setup.venue, setup.etf)
    loop = Loop()
    child = Child(loop)
    process = ExchangeProcess(run, setup, loop)
    process.open()
    settle_memory()
    watchdog = Watchdog(loop, run, "exchange")
    child.tell("ready", **process.ports)

    def serve() -> None:
        loop.poll(0.02)
        process.serve()

    child.wait_for_go(serve)
    if child.going:
        clock = read_clock(run / "live" / "clock.json")
        while not child.stopping:
            process.turn(clock)
    watchdog.stop()
    child.tell("ended", **process.close())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
