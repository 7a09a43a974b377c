"""A gateway, an exchange that answers, and a clock that only the test moves."""

from typing import Any

from quanheng.edge.gateway import Gateway
from quanheng.edge.gateway_parts import Kept
from quanheng.edge.gateway_pull import GatewayPlan
from quanheng.edge.link_messages import Beat, Hello, Sync
from quanheng.terms.codes import Effect, Exec
from quanheng.terms.orders import (
    Quote,
    QuoteAck,
    QuoteCancel,
    Report,
    Request,
    Send,
    Stamp,
)
from quanheng.terms.units import MILLISECOND, SECOND
from quanheng.wire.events import RequestArrived, SyncRequested
from quanheng.wire.profile import Profile
from quanheng.wire.tdgw import ServerSession

DAY = 20240627
CODES = ("10000001", "10000002", "10000003")
STAMP = Stamp("T01", "test", "1", 1, 1)
PLAN = GatewayPlan(
    day=DAY,
    comp_id="TEST",
    account="A123456789",
    pbu="12345",
    branch="00001",
    letter="G",
    engine_letter="M",
    messages_per_second=1_000,
    dead_man=400 * MILLISECOND,
    speed=1,
    underlyings={CODES[0]: "510050", CODES[1]: "510050", CODES[2]: "510300"},
)


class FakeEpochs:
    """Keeps the epoch in memory and remembers every write."""

    def __init__(self, epoch: int = 0) -> None:
        self.kept = Kept(epoch, 0)
        self.writes: list[int] = []

    def read(self) -> Kept:
        return Kept(self.kept.epoch, self.kept.boot)

    def write(self, kept: Kept) -> None:
        self.kept = Kept(kept.epoch, kept.boot)
        self.writes.append(kept.epoch)


class Rig:
    """A gateway, an exchange that answers, and a clock that only the test moves."""

    plan = PLAN

    def __init__(self, epoch: int = 0) -> None:
        self.now = 1_000 * SECOND
        self.epochs = FakeEpochs(epoch)
        self.core = Gateway(self.plan, self.epochs, self.now)
        self.arrived: list[Request] = []
        self.told: list[Any] = []
        self.reports: dict[str, list[Report]] = {"300": [], "301": []}
        self.back = b""
        self.window = False  # inside a no-cancel window
        self.connect()

    def connect(self) -> None:
        profile = Profile(PLAN.account, PLAN.pbu, PLAN.branch)
        self.server = ServerSession((profile,), ("300", "301"), DAY, self.now)
        self.server.send_platform_state(2, self.now)
        self.core.connected(self.now)
        self.settle()

    def settle(self) -> None:
        """Carry bytes until both ends are quiet."""
        while data := self.core.out_wire():
            for event in self.server.receive(data, self.now):
                if isinstance(event, RequestArrived) and event.request is not None:
                    self.arrived.append(event.request)
                    self.answer(event.request)
                elif isinstance(event, SyncRequested):
                    rows = self.reports[event.set_id]
                    self.back += self.server.send_reports(PLAN.pbu, rows, self.now)
            self.back += self.server.output()
            back, self.back = self.back, b""
            if back:
                self.core.from_wire(back, self.now)
        self.told += self.core.out_engine()

    def answer(self, request: Request) -> None:
        cancel = isinstance(request, QuoteCancel)
        refused = cancel and self.window
        bid = ask = 0
        if isinstance(request, Quote):
            bid, ask = request.bid, request.ask
        done = Exec.REJECTED if refused else Exec.CANCELLED if cancel else Exec.ACCEPTED
        body = QuoteAck(
            cancel, done, request.client_id, request.contract, 0 if cancel else 1, bid, ask,
            10 if bid else 0, 10 if ask else 0, Effect.OPEN, Effect.OPEN,
            1_719_451_800 * SECOND, 19242 if refused else 0, "", 0, "", 0,
        )  # fmt: skip
        name = "300" if int(request.contract) % 2 else "301"
        report = Report(name, len(self.reports[name]) + 1, body)
        self.reports[name].append(report)
        self.back += self.server.send_reports(PLAN.pbu, [report], self.now)

    def pass_time(self, millis: int, beats: int = 0) -> None:
        """Let time pass in steps of 10 ms; with `beats` the engine says it is alive."""
        for _ in range(millis // 10):
            self.now += 10 * MILLISECOND
            if beats:
                self.core.from_engine(Beat(beats), self.now)
            self.tick()
            self.settle()

    def tick(self) -> None:
        """Let the gateway look at the time."""
        self.core.tick(self.now)

    def lead(self, epoch: int) -> bool:
        """Say hello and go through the synchronisation."""
        good = self.core.hello(Hello(epoch, "maker"), self.now)
        self.settle()
        if good:
            self.core.from_engine(Sync({}), self.now)
            self.pass_time(100, epoch)
        return good

    def quote(self, number: int, code: str = CODES[0], epoch: int = 1) -> None:
        request = Quote(f"M001{number:06d}", code, 500, 520, 10, 10, Effect.OPEN, Effect.OPEN)
        self.core.from_engine(Send(epoch, STAMP, [request]), self.now)
        self.settle()

    def said(self, kind: type) -> list[Any]:
        return [item for item in self.told if isinstance(item, kind)]


def cancels(rig: Rig) -> list[QuoteCancel]:
    return [item for item in rig.arrived if isinstance(item, QuoteCancel)]
