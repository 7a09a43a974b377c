"""The gateway's core with a fake clock: fence, dead-man, kill, flow, resynchronisation."""

from typing import Any

import pytest

from quanheng.edge.gateway import Gateway
from quanheng.edge.gateway_parts import Kept
from quanheng.edge.gateway_pull import GatewayPlan
from quanheng.edge.link_messages import Beat, Bye, Farewell, Fenced, Hello, Sync, Welcome
from quanheng.runtime.envelope import LinkChanged, NotSent
from quanheng.terms.codes import Effect, Exec, Link
from quanheng.terms.commands import Pull
from quanheng.terms.orders import (
    Quote,
    QuoteAck,
    QuoteCancel,
    Report,
    Reports,
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

    def __init__(self, epoch: int = 0) -> None:
        self.now = 1_000 * SECOND
        self.epochs = FakeEpochs(epoch)
        self.core = Gateway(PLAN, self.epochs, self.now)
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
            self.core.tick(self.now)
            self.settle()

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


def test_synchronised_engine_trades() -> None:
    """After hello, replay and silence the link is READY and quotes pass (interfaces.md 1.5)."""
    rig = Rig()
    rig.quote(1)
    assert rig.said(NotSent)[0].why == "the exchange link is not ready" or not rig.arrived
    assert rig.lead(1)
    states = [item.state for item in rig.said(LinkChanged)]
    assert states[-2:] == [Link.SYNCING, Link.READY]
    rig.quote(2)
    assert [item.client_id for item in rig.arrived] == ["M001000002"]
    assert rig.said(Reports)[-1].reports[0].body.client_id == "M001000002"


def test_lower_epoch_is_fenced_and_highest_is_kept_first() -> None:
    """A lower epoch never passes the last hop; the highest is durable (borders.md 2)."""
    rig = Rig()
    assert rig.lead(3)
    assert rig.epochs.writes[-1] == 3
    assert isinstance(rig.said(Welcome)[0], Welcome)
    rig.told.clear()
    assert not rig.lead(2)
    assert rig.said(Fenced)[0].highest == 3
    rig.quote(1, epoch=2)
    assert rig.arrived == []
    assert rig.said(NotSent)[0].client_ids == ["M001000001"]
    assert rig.said(NotSent)[0].highest == 3  # what P02 of the engine hears
    restarted = Gateway(PLAN, rig.epochs, rig.now)
    assert restarted.epoch == 3
    assert not restarted.hello(Hello(2, "maker"), rig.now)


def test_silent_engine_is_withdrawn_within_half_a_second() -> None:
    """Dead-man: everything is pulled 400 ms after the last sign of life, and stays off (2.6)."""
    rig = Rig()
    rig.lead(1)
    for number, code in enumerate(CODES):
        rig.quote(number, code)
    last = rig.now
    rig.pass_time(390)
    assert cancels(rig) == []
    rig.pass_time(10)
    assert {item.contract for item in cancels(rig)} == set(CODES)
    assert rig.now - last <= 500 * MILLISECOND
    assert all(item.client_id[0] == "G" for item in cancels(rig))
    assert len(rig.core.table) == 0
    rig.quote(10)
    assert len(rig.arrived) == 2 * len(CODES)
    assert "dead-man" in rig.said(NotSent)[-1].why
    assert not rig.core.hello(Hello(1, "maker"), rig.now)
    assert rig.lead(2)
    rig.quote(11, epoch=2)
    assert rig.arrived[-1].client_id == "M001000011"


def test_beating_engine_is_left_alone() -> None:
    """Heartbeats alone keep the quotes for as long as they come."""
    rig = Rig()
    rig.lead(1)
    rig.quote(1)
    rig.pass_time(10_000, beats=1)
    assert cancels(rig) == []
    assert rig.core.armed


def test_pull_works_without_an_engine_and_bars_only_its_scope() -> None:
    """The kill socket withdraws a scope with the engine dead; ending it takes two (2.5)."""
    rig = Rig()
    rig.lead(1)
    for number, code in enumerate(CODES):
        rig.quote(number, code)
    assert rig.core.pull("510050", "R01", rig.now) == 2
    rig.settle()
    assert {item.contract for item in cancels(rig)} == set(CODES[:2])
    assert rig.said(Pull) == [Pull("510050", "R01")]
    rig.quote(10, CODES[0])
    rig.quote(11, CODES[2])
    assert [item.client_id for item in rig.arrived][-1] == "M001000011"
    assert rig.said(NotSent)[-1].why == "pulled by R01"
    with pytest.raises(ValueError, match="two people"):
        rig.core.release("510050", "R01", "R01", rig.now)
    rig.core.release("510050", "R01", "T01", rig.now)
    rig.quote(12, CODES[0])
    assert rig.arrived[-1].client_id == "M001000012"
    with pytest.raises(ValueError, match="no underlying or contract"):
        rig.core.pull("600000", "R01", rig.now)


def test_a_new_leader_hears_of_pulls() -> None:
    """A pull outlives the engine: the next one is told before it quotes."""
    rig = Rig()
    rig.lead(1)
    rig.core.pull("*", "R01", rig.now)
    rig.settle()
    rig.told.clear()
    rig.lead(2)
    assert rig.said(Pull) == [Pull("*", "R01")]
    rig.quote(1, epoch=2)
    assert rig.arrived == []


def test_refused_cancels_are_asked_again() -> None:
    """In a no-cancel window the pull goes on until the exchange allows it (2.5 point 4)."""
    rig = Rig()
    rig.lead(1)
    rig.quote(1)
    rig.window = True
    rig.core.pull("*", "R01", rig.now)
    rig.pass_time(1_200, beats=1)
    assert len(cancels(rig)) == 3
    assert len(rig.core.table) == 1
    rig.window = False
    rig.pass_time(600, beats=1)
    assert len(rig.core.table) == 0
    names = [item.client_id for item in cancels(rig)]
    assert len(set(names)) == len(names)


def test_bye_leaves_nothing_open() -> None:
    """An engine that leaves may withdraw by itself; what is left the gateway withdraws."""
    rig = Rig()
    rig.lead(1)
    rig.quote(1)
    rig.core.from_engine(Bye(1), rig.now)
    rig.quote(2)
    assert "leaves" in rig.said(NotSent)[-1].why
    rig.pass_time(600)
    assert [item.client_id[0] for item in cancels(rig)] == ["G"]
    assert rig.said(Farewell) == [Farewell(0)]


def test_lost_exchange_says_so_and_recovers_without_a_repeat() -> None:
    """A lost session means DOWN and NotSent; the replay starts where the engine asks (I-12)."""
    rig = Rig()
    rig.lead(1)
    rig.quote(1)
    rig.quote(2)
    rig.core.disconnected(rig.now, "test")
    rig.settle()
    assert rig.said(LinkChanged)[-1].state == Link.DOWN
    rig.quote(3)
    assert rig.said(NotSent)[-1].client_ids == ["M001000003"]
    before = [(r.set_id, r.index) for item in rig.said(Reports) for r in item.reports]
    assert before == [("300", 1), ("300", 2)]
    rig.told.clear()
    rig.connect()
    assert rig.said(LinkChanged)[-1].state == Link.SYNCING
    rig.core.from_engine(Sync({"300": 2, "301": 1}), rig.now)
    rig.pass_time(100, beats=1)
    after = [(r.set_id, r.index) for item in rig.said(Reports) for r in item.reports]
    assert after == [("300", 2)]
    assert rig.said(LinkChanged)[-1].state == Link.READY


def test_restarted_gateway_knows_what_rests_and_pulls_it() -> None:
    """A gateway that starts in the middle of a day learns the open quotes from the replay and
    withdraws them unless an engine is heard.
    """
    rig = Rig()
    rig.lead(1)
    rig.quote(1, CODES[0])
    rig.quote(2, CODES[1])
    first = rig.core
    rig.core = Gateway(PLAN, rig.epochs, rig.now)
    rig.arrived.clear()
    rig.connect()
    assert len(rig.core.table) == 2
    rig.pass_time(400)
    assert {item.contract for item in cancels(rig)} == set(CODES[:2])
    assert cancels(rig)[0].client_id[:4] != first.puller._prefix


def test_ids_of_others_and_repeated_ids_do_not_pass() -> None:
    """The gateway re-checks the id: its letter and that it is new (borders.md 2)."""
    rig = Rig()
    rig.lead(1)
    rig.quote(1)
    rig.quote(1)
    assert "used before" in rig.said(NotSent)[-1].why
    alien = Quote("G001000001", CODES[0], 500, 520, 10, 10, Effect.OPEN, Effect.OPEN)
    rig.core.from_engine(Send(1, STAMP, [alien]), rig.now)
    rig.settle()
    assert "does not begin with M" in rig.said(NotSent)[-1].why
    assert len(rig.arrived) == 1
