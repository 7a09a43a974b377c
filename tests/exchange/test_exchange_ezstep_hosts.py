"""The three-table carrier under its hosts: the gateway over it, two writers of one file (2.9)."""

import threading
from typing import Any

import sqlalchemy as sa
from exchange_world import DAY, at
from ezstep_line import CODE, PROFILE, STEP, Line, bodies, order, quote

from quanheng.edge import ezstep
from quanheng.edge.ezstep import EzstepClient, EzstepServer
from quanheng.edge.gateway import Gateway
from quanheng.edge.gateway_parts import Kept
from quanheng.edge.gateway_pull import GatewayPlan
from quanheng.edge.link_messages import Beat, Hello, Sync
from quanheng.terms import business as b
from quanheng.terms.codes import Exec, Link
from quanheng.terms.orders import (
    Report,
    Reports,
    Send,
    Stamp,
)
from quanheng.wire.events import (
    RequestArrived,
)


class Epochs:
    """The gateway's epoch store, in memory."""

    def __init__(self) -> None:
        self.kept = Kept()

    def read(self) -> Kept:
        return self.kept

    def write(self, kept: Kept) -> None:
        self.kept = kept


def test_exchange_ezstep_drives_the_gateway(engine: sa.Engine) -> None:
    """The gateway works over the tables as over TDGW: synchronise, send, refuse, pull (2.9)."""
    line = Line(engine)
    plan = GatewayPlan(
        day=DAY,
        comp_id="OMS01",
        account="D89000A000",
        pbu="A0001",
        branch="00001",
        letter="G",
        engine_letter="A",
        messages_per_second=1_000,
        dead_man=400_000_000,
        speed=1,
        underlyings={CODE: "510050"},
    )
    gateway = Gateway(plan, Epochs(), line.now)
    gateway.attach(EzstepClient(engine, PROFILE, DAY))
    told: list[Any] = []

    def turn() -> None:
        line.turn()
        gateway.from_engine(Beat(1), line.now)
        gateway.tick(line.now)
        assert gateway.out_wire() == b""
        told.extend(gateway.out_engine())

    assert gateway.hello(Hello(1, "engine"), line.now)
    turn()
    gateway.from_engine(Sync({"RSP": 1, "EXE": 1}), line.now)
    for _ in range(3):
        turn()
    assert gateway.link == Link.READY
    stamp = Stamp("T01", "test", "1", 1, 1)
    asked = [quote("A000000001"), order("A000000002", 985), order("A000000003", qty=0)]
    gateway.from_engine(Send(1, stamp, asked), line.now)
    turn()
    turn()
    assert len(gateway.table) == 2
    reports = [report for one in told if isinstance(one, Reports) for report in one.reports]
    assert [(report.set_id, report.index) for report in reports] == [
        *(("RSP", 1), ("RSP", 2), ("RSP", 3))
    ]
    assert [report.body.reason for report in reports] == [0, 0, 10444]  # type: ignore[union-attr]
    gateway.pull("*", "test", line.now)
    for _ in range(4):
        turn()
    assert len(gateway.table) == 0
    assert not line.world.machine.state.desks[0].quotes


def test_exchange_ezstep_both_sides_at_once(engine: sa.Engine) -> None:
    """Two sides that write one file at the same time: every request is answered once, in order."""
    count, now = 200, at("10:00")
    other = sa.create_engine(engine.url)
    server = EzstepServer(other, (PROFILE,))
    done: list[str] = []

    def exchange() -> None:
        clock = now
        while len(done) < count:
            clock += STEP
            for event in server.tick(clock):
                assert isinstance(event, RequestArrived)
                assert event.request is not None
                ack = b.ExerciseAck(Exec.ACCEPTED, event.reff, "", 1, CODE, 1, now, 0)
                server.deliver("A0001", [Report("1", len(done) + 1, ack)], clock)
                done.append(event.reff)

    client = EzstepClient(engine, PROFILE, DAY)
    client.send_index_sync("A0001", ezstep.RESPONSES, 1, now)
    thread = threading.Thread(target=exchange)
    thread.start()
    heard: list[Any] = []
    names = [f"A{number:09d}" for number in range(count)]
    clock = now
    for start in range(0, count, 10):
        asked = [b.ExerciseRequest(name, CODE, 1) for name in names[start : start + 10]]
        client.send_requests(asked, clock)
        clock += STEP
        heard += bodies(client.tick(clock))
    thread.join(60)
    assert done == names
    while more := bodies(client.tick(clock := clock + STEP)):
        heard += more
    assert [body.client_id for body in heard] == names
    other.dispose()
