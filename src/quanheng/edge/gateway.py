"""The gateway's core: the last hop before the exchange, without sockets and clocks.

It owns the TDGW session, refuses lower epochs (the fence), keeps the exchange's message flow, and
withdraws everything it knows to rest when the engine falls silent (dead-man) or somebody pulls.
`now` is the gateway's own monotonic clock (borders.md 2, reliability.md 2.5, 2.6, 4).
"""

from collections.abc import Callable, Sequence
from typing import assert_never

import msgspec

from quanheng.edge.gateway_gate import Gate
from quanheng.edge.gateway_parts import NOBODY, EpochStore, OpenTable, Outbox, Who
from quanheng.edge.gateway_proof import Proof
from quanheng.edge.gateway_pull import GatewayPlan, Puller
from quanheng.edge.gateway_sync import Streams, epoch_of, report_of
from quanheng.edge.link_messages import Beat, Bye, Farewell, Fenced, Hello, Sync, Welcome
from quanheng.edge.port import Port
from quanheng.runtime.envelope import LinkChanged, NotSent, RaiseAlert
from quanheng.terms.codes import Alert, Link
from quanheng.terms.commands import Pull
from quanheng.terms.orders import AnyRequest, Report, Reports, Send
from quanheng.terms.units import MILLISECOND, SECOND, Nanos
from quanheng.wire.codes import number
from quanheng.wire.events import (
    Event,
    ExecRptInfo,
    InquiryArrived,
    LoggedOn,
    LoggedOut,
    PlatformState,
    ProtocolError,
    RejectArrived,
    ReportArrived,
    ReportGap,
    ReportUnreadable,
    ResponseArrived,
    SyncAnswered,
)
from quanheng.wire.fields import WireError
from quanheng.wire.profile import Profile
from quanheng.wire.tdgw import ClientSession, Phase

GRACE, LEAVE = 500 * MILLISECOND, 3 * SECOND
"""After a Bye: when the gateway begins to withdraw what is left, and when it gives up."""
PLATFORM_CLOSED, ALREADY_ON = 4, number("ALREADY_LOGGED_ON")


class Gateway(Outbox):
    """Take `out_wire`, `out_engine` and `log` after every call; they are emptied by it."""

    def __init__(
        self,
        plan: GatewayPlan,
        epochs: EpochStore,
        now: Nanos,
        stamp: Callable[[Nanos], Nanos] = lambda now: 1 << 62,
    ) -> None:
        """`stamp` gives the exchange's time at an instant of the monotonic clock, if it is known.
        ValueError for letters that could be taken for the engine's or the exchange's ids.
        """
        super().__init__()
        if plan.letter == plan.engine_letter or plan.letter in "QC":
            raise ValueError(f"gateway letter {plan.letter!r} is taken")
        self.plan = plan
        self.session: Port | None = None
        self.link = Link.DOWN
        self.off = ""  # why nothing passes; emptied only by a higher epoch
        self.armed = self.displaced = False  # displaced: another's logon ended our session
        self.last_beat: Nanos = 0
        self.table = OpenTable()
        self.counts = {"sent": 0, "cancels": 0, "not_sent": 0, "reports": 0, "fenced": 0}
        self._profile = Profile(plan.account, plan.pbu, plan.branch)
        self._epochs = epochs
        self._kept = epochs.read()
        self._kept.boot += 1
        epochs.write(self._kept)
        if self._kept.epoch:
            # Started again in the middle of a day: the engine has as long as ever to be heard.
            self.armed, self.last_beat = True, now
        self.puller = Puller(plan, self.table, self._kept.boot)
        self._gate = Gate(plan, self.puller, self._business(now))
        self._streams = Streams(stamp)
        self._leaving: Nanos = 0
        self._wire: list[bytes] = []

    @property
    def epoch(self) -> int:
        """The highest epoch seen."""
        return self._kept.epoch

    def out_wire(self) -> bytes:
        """Bytes for the exchange."""
        wire, self._wire = self._wire, []
        return b"".join(wire) + (self.session.output() if self.session is not None else b"")

    def _business(self, now: Nanos) -> Nanos:
        return now * self.plan.speed

    def hello(self, hello: Hello, now: Nanos) -> bool:
        """An engine wants to lead. True when it may; a lower epoch never may again."""
        highest = self._kept.epoch
        if hello.epoch < highest or (hello.epoch == highest and self.off):
            why = self.off or f"epoch {hello.epoch} is over"
            self.counts["fenced"] += 1
            self._engine.append(Fenced(highest, why))
            self._note(now, "fenced", epoch=hello.epoch, highest=highest, why=why)
            return False
        if hello.epoch > highest:
            self._kept.epoch = hello.epoch
            self._epochs.write(self._kept)
            self.off, self.displaced = "", False
        self.armed, self.last_beat, self._leaving = True, now, 0
        self.puller.new_leader()
        self._streams.forget()
        if self._streams.begin(hello.next_index):
            self.table.believe(hello.quotes, hello.orders)
        self._engine.append(Welcome(hello.epoch))
        self._engine += [Pull(scope, by) for scope, by in self.puller.killed.items()]
        self._note(now, "hello", epoch=hello.epoch, name=hello.name, open=len(self.table))
        if self.link != Link.DOWN:
            self.link = Link.SYNCING
            self._engine.append(LinkChanged(Link.SYNCING))
        return True

    def from_engine(self, message: Hello | Beat | Send | Sync | Bye, now: Nanos) -> None:
        """A message of the engine that leads; every one is a sign of life."""
        if not self.off:
            self.last_beat = now
        match message:
            case Beat():
                pass
            case Send():
                self._on_send(message, now)
            case Sync():
                self._on_sync(message, now)
            case Bye():
                self.armed = False
                self._leaving = now
                self._note(now, "bye", open=len(self.table))
            case Hello():
                self.hello(message, now)
            case _:
                assert_never(message)

    def fence(self, epoch: int) -> str:
        """Why nothing of an epoch passes, "" when it leads and is heard."""
        if self.off or epoch == self._kept.epoch:
            return self.off
        self.counts["fenced"] += 1
        return f"epoch {epoch} is not {self._kept.epoch}"

    def _on_send(self, send: Send, now: Nanos) -> None:
        why = self.fence(send.epoch)
        if not why and (self.session is None or self.link != Link.READY):
            why = "the exchange link is not ready"
        if why:
            highest = self._kept.epoch if self._kept.epoch > send.epoch else 0
            self._not_sent([request.client_id for request in send.requests], why, highest)
            return
        passed, refused = self._gate.sort(send, bool(self._leaving), self._business(now))
        for problem, names in refused.items():
            self._not_sent(names, problem)
        self._submit(passed, now, (send.stamp.trader, send.stamp.strategy))
        if low := self._gate.low(self._business(now)):
            self._engine.append(RaiseAlert(Alert.RATE_SOFT_LIMIT, "*", (low,)))

    def _submit(self, requests: Sequence[AnyRequest], now: Nanos, who: Who = NOBODY) -> bool:
        session = self.session
        if not requests or session is None:
            return False
        try:
            self._wire.append(session.send_requests(requests, now))
        except WireError as error:
            self._not_sent([request.client_id for request in requests], str(error))
            return False
        self.counts["sent"] += len(requests)
        for request in requests:
            self.table.sent(request, who)
        return True

    def _not_sent(self, names: list[str], why: str, highest: int = 0) -> None:
        self.counts["not_sent"] += len(names)
        self._engine.append(NotSent(names, why, highest))

    def _on_sync(self, sync: Sync, now: Nanos) -> None:
        if self.session is None or self.session.phase != Phase.ACTIVE:
            return  # LinkChanged(SYNCING) will come, and the engine will ask again
        for set_id, index in self._streams.ask(sync.next_index, self.link != Link.READY, now):
            self._wire.append(self.session.send_index_sync(self.plan.pbu, set_id, index, now))

    def connected(self, now: Nanos) -> None:
        """A connection to the exchange stands: log on."""
        session = ClientSession(self.plan.comp_id, self._profile, self.plan.day, now)
        self._wire.append(session.send_logon(now, self.plan.logon_s))
        self.attach(session)

    def attach(self, port: Port) -> None:
        """Another carrier than TDGW stands and says by its events when it is logged on."""
        self.session = port

    def disconnected(self, now: Nanos, why: str) -> None:
        """The connection is gone. What rests there cannot be withdrawn until it is back."""
        self.session = None
        self._wire.clear()
        if self.link != Link.DOWN:
            self.link = Link.DOWN
            self._engine.append(LinkChanged(Link.DOWN))
        self._note(now, "exchange_lost", why=why, open=len(self.table))

    def from_wire(self, data: bytes, now: Nanos) -> bool:
        """Bytes of the exchange. False when the connection must be closed."""
        if self.session is None:
            return False
        return self._events(self.session.receive(data, now), now)

    def _events(self, events: list[Event], now: Nanos) -> bool:
        alive = True
        reports: list[Report] = []
        for event in events:
            if isinstance(event, ReportArrived | ReportUnreadable):
                self._on_report(report_of(event), reports, now)
                if isinstance(event, ReportUnreadable):
                    self._note(now, "quarantined", event=repr(event))
                continue
            if reports:
                self._engine.append(Reports(reports))
                reports = []
            alive = self._on_event(event, now) and alive
        if reports:
            self._engine.append(Reports(reports))
        if self.puller.scopes:
            self._pump(now)
            self._follow(now)
        return alive

    def _on_report(self, report: Report, reports: list[Report], now: Nanos) -> None:
        self.counts["reports"] += 1
        led = epoch_of(report, self.plan.engine_letter)
        if led > self._kept.epoch:
            self._kept.epoch = led
            self._epochs.write(self._kept)
            self._give_way(f"epoch {led} led by another gateway", now)
        fresh, wanted = self._streams.take(report, now)
        if fresh:
            self.table.reported(report.body)
        if wanted:
            reports.append(report)

    def _on_event(self, event: Event, now: Nanos) -> bool:
        match event:
            case LoggedOn():
                self._note(now, "logged_on", interval=event.interval)
            case ExecRptInfo():
                self._on_info(event, now)
            case SyncAnswered():
                self._streams.answered(event.set_id, now)
            case RejectArrived():
                self.table.never_sent(event.rejected.client_id)
                if event.rejected.client_id[:1] == self.plan.engine_letter:
                    self._engine.append(event.rejected)
            case ResponseArrived():
                if event.answer is not None and event.reff[:1] == self.plan.engine_letter:
                    self._engine.append(event.answer)
            case InquiryArrived():
                if self.armed:
                    self._engine.append(event.inquiry)
            case PlatformState():
                if event.state == PLATFORM_CLOSED:
                    self.table.clear()
            case ReportGap() | ProtocolError():
                self._note(now, "wire", event=repr(event))
            case LoggedOut():
                self._note(now, "logged_out", code=event.code, text=event.text)
                if event.code == ALREADY_ON and self.link != Link.DOWN:
                    self._on_displaced(now)
                return False
            case _:
                return type(event).__name__ != "Disconnect"
        return True

    def _on_info(self, info: ExecRptInfo, now: Nanos) -> None:
        """Partitions are known: catch up for the table, and let the engine ask for its own."""
        session = self.session
        if session is None:
            return
        for set_id, index in self._streams.open(info.sets):
            self._wire.append(session.send_index_sync(self.plan.pbu, set_id, index, now))
        self.link = Link.SYNCING
        if self.armed:
            self._engine.append(LinkChanged(Link.SYNCING))

    def tick(self, now: Nanos) -> bool:
        """Let time pass. False when the connection to the exchange must be closed."""
        if self.armed and now - self.last_beat >= self.plan.dead_man:
            self._dead_man(now)
        alive = True
        if self.session is not None:
            alive = self._events(self.session.tick(now), now)
        if self.link == Link.SYNCING and self.session is not None and self._streams.complete(now):
            self.link = Link.READY
            self._note(now, "synced", next_index=dict(self._streams.next_index))
            self._engine.append(LinkChanged(Link.READY))
        if self.puller.scopes:
            self._pump(now)
            self._follow(now)
        if self._leaving and now - self._leaving >= GRACE and "*" not in self.puller.scopes:
            self.puller.rest(now)  # what the engine did not withdraw itself
        if self._leaving and (not self.table or now - self._leaving >= LEAVE):
            self._leaving = 0
            self._engine.append(Farewell(len(self.table)))
            self._note(now, "farewell", open=len(self.table))
        return alive

    def deadline(self, now: Nanos) -> Nanos:
        """The next instant at which `tick` has something to do."""
        times = [now + 20 * MILLISECOND if self.puller.scopes or self._leaving else now + SECOND]
        if self.armed:
            times.append(self.last_beat + self.plan.dead_man)
        if self.link == Link.SYNCING:
            times.append(now + 10 * MILLISECOND)
        return min(times)

    def _dead_man(self, now: Nanos) -> None:
        silent = now - self.last_beat
        self.off = f"dead-man: the engine was silent for {silent // MILLISECOND} ms"
        self.armed = False
        self._note(now, "dead_man", silent=silent, open=len(self.table), epoch=self._kept.epoch)
        self.puller.everything("dead-man", now)
        self._pump(now)
        self._engine.append(Fenced(self._kept.epoch, self.off))

    def _give_way(self, why: str, now: Nanos) -> None:
        """Another gateway has the exchange: the engine here is fenced (reliability.md 4.2)."""
        self.off, self.armed = why, False
        self._engine.append(Fenced(self._kept.epoch, why))
        self._note(now, "fenced", highest=self._kept.epoch, why=why)

    def _on_displaced(self, now: Nanos) -> None:
        """Another's logon ended our session. Ours would end its: only a higher epoch logs on."""
        self.displaced = True
        if self._leaving:
            self._leaving = 0
            self._engine.append(Farewell(len(self.table)))
        self._give_way("another gateway logged on", now)

    def needed(self, now: Nanos) -> bool:
        """Whether a session is: an engine leads here or leaves, or what one left may still rest."""
        if self.armed or self._leaving:
            return True
        may_rest = bool(self.table) and not self.displaced
        return may_rest and now - self.last_beat < self.plan.dead_man + LEAVE

    def pull(self, scope: str, by: str, now: Nanos) -> Proof:
        """Withdraw a scope and let nothing new of it pass until `release`; works without an
        engine. Returns what is known at once. ValueError for no such scope.
        """
        self._engine += [Pull(part, by) for part in self.puller.kill(scope, by, now)]
        self._pump(now)
        self._follow(now)
        proof = self.puller.watches[scope].proof(now)
        self._note(now, "pull", scope=scope, by=by, open=proof.items)
        return proof

    def cut(self, by: str, now: Nanos) -> None:
        """Leave the exchange until `rejoin`; see `Puller.cut`."""
        self.puller.cut(by)
        self._note(now, "cut", by=by, open=len(self.table))

    def rejoin(self, by: str, seconded_by: str, now: Nanos) -> None:
        """Let the session be opened again; see `Puller.rejoin`."""
        self.puller.rejoin(by, seconded_by)
        self._note(now, "rejoin", by=by, seconded_by=seconded_by)

    def _follow(self, now: Nanos) -> None:
        """Log the proof of a pull that is whole, and alert for one that takes too long."""
        for watch in self.puller.look(now):
            self._engine += watch.alerts()
            self._note(now, "proof", **msgspec.to_builtins(watch.proof(now)))

    def release(self, scope: str, by: str, seconded_by: str, now: Nanos) -> None:
        """End a pull; ValueError says why not. The engine's own state is raised by its desk."""
        self.puller.release(scope, by, seconded_by)
        self._note(now, "release", scope=scope, by=by, seconded_by=seconded_by)

    def shut(self, now: Nanos) -> None:
        """The gateway itself is about to stop: nothing new passes, everything is withdrawn."""
        self.armed, self.off = False, "the gateway is stopping"
        self.puller.everything("shut", now)
        self._pump(now)

    def _pump(self, now: Nanos) -> None:
        """Send the cancels that pulls still owe."""
        if self.session is None or self.session.phase != Phase.ACTIVE:
            return  # nothing can be withdrawn now; it is tried at every turn
        requests = self.puller.owed(now, self._gate.flow, self._business(now))
        if self._submit(requests, now):
            self.counts["cancels"] += len(requests)
            self._note(now, "cancels", count=len(requests), left=len(self.table))
