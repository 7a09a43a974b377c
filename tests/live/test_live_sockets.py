"""Sockets of the live form on loopback: one session, time-outs, images for late readers, cuts."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.edge.clock import monotonic
from quanheng.edge.engine_link import EngineLink
from quanheng.edge.etf_server import EtfServer
from quanheng.edge.gateway_main import GatewayProcess, Setup
from quanheng.edge.gateway_pull import GatewayPlan
from quanheng.edge.link_messages import (
    Beat,
    Bye,
    FrameReader,
    Hello,
    LinkError,
    Sync,
    ToGateway,
    encode_frame,
)
from quanheng.edge.loop import Connection, Loop, tcp_connect, tcp_listener, unix_connect
from quanheng.edge.market_feed import FeedClient, Publisher
from quanheng.edge.order_server import OrderServer
from quanheng.edge.report_store import ReportStore
from quanheng.kernels.pack import pack, unpack
from quanheng.terms import market
from quanheng.terms.codes import Effect, Exec, Phase
from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.terms.market import ChainTick, UnderlyingTick, UnderlyingTicks
from quanheng.terms.orders import QuoteAck, Report, Request
from quanheng.terms.units import MILLISECOND, SECOND
from quanheng.wire.events import (
    ExecRptInfo,
    LoggedOn,
    LoggedOut,
    ReportArrived,
    SyncAnswered,
)
from quanheng.wire.profile import Profile
from quanheng.wire.tdgw import ClientSession

DAY = 20240627
AT = 1_719_451_800 * SECOND
PROFILE = Profile("A123456789", "12345")


def a_chain() -> Chain:
    """Two classes of two contracts."""
    rows = []
    for number, underlying in enumerate(("510050", "510050", "510300", "510300")):
        rows.append(
            Contract(
                code=f"1000000{number}", trading_code=f"{underlying}C2407M02500", symbol="test",
                underlying=underlying, underlying_symbol="etf", underlying_type="EBS", style="E",
                kind="C", unit=10_000, strike=25_000, first_day=20240101, last_day=20240724,
                exercise_day=20240724, delivery_day=20240725, expire_day=20240724, version="0",
                open_interest=0, previous_close=500, previous_settle=500, underlying_close=25_000,
                limit_up=3_000, limit_down=1, margin_unit=0, margin_ratio_1=1_200,
                margin_ratio_2=700, round_lot=1, limit_min=1, limit_max=50, market_min=1,
                market_max=10, step=1, status="0000E000", auto_split_day=0,
            )
        )  # fmt: skip
    return build_chain(DAY, rows)


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop that is closed after the test."""
    it = Loop()
    yield it
    it.close()


class Exchange:
    """An order server with a clock that the test moves."""

    def __init__(self, loop: Loop, folder: Path, displaces: bool = False) -> None:
        listener = tcp_listener("127.0.0.1", 0)
        self.port = listener.getsockname()[1]
        self.now = 1_000 * SECOND
        self.loop = loop
        self.requests: list[Request] = []
        self.notes: list[tuple[str, str]] = []
        self.server = OrderServer(
            loop,
            listener,
            PROFILE,
            ("300", "301"),
            DAY,
            folder,
            lambda: self.now,
            lambda pbu, requests: self.requests.extend(requests),
            lambda what, text: self.notes.append((what, text)),
            displaces,
        )

    def turn(self) -> None:
        self.loop.poll(0.005)
        self.server.tick()
        self.loop.flush()


class Client:
    """A member's session on a blocking socket."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.sock = tcp_connect("127.0.0.1", exchange.port)
        self.sock.settimeout(0.02)
        self.session = ClientSession("TEST", PROFILE, DAY, exchange.now)
        self.events: list[Any] = []
        self.eof = False

    def logon(self) -> None:
        self.sock.sendall(self.session.send_logon(self.exchange.now))

    def serve(self, turns: int = 6) -> None:
        for _ in range(turns):
            self.exchange.turn()
            try:
                data = self.sock.recv(1 << 20)
            except TimeoutError:
                continue
            if not data:
                self.eof = True
                return
            self.events += self.session.receive(data, self.exchange.now)
            if out := self.session.output():
                self.sock.sendall(out)

    def got(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def a_report(index: int, name: str = "300") -> Report:
    body = QuoteAck(
        False, Exec.ACCEPTED, f"M001{index:06d}", "10000000", index, 500, 520, 10, 10,
        Effect.OPEN, Effect.OPEN, AT, 0, "", 0, "", 0,
    )  # fmt: skip
    return Report(name, index, body)


def test_second_logon_is_refused_while_the_first_is_up(loop: Loop, tmp_path: Path) -> None:
    """One session per platform: 5003 for the second, which may come back later (1.8)."""
    exchange = Exchange(loop, tmp_path)
    first, second = Client(exchange), Client(exchange)
    first.logon()
    first.serve()
    assert first.got(LoggedOn) and first.got(ExecRptInfo)
    second.logon()
    second.serve()
    assert [event.code for event in second.got(LoggedOut)] == [5003]
    assert not second.got(LoggedOn)
    first.sock.sendall(first.session.send_logout(exchange.now))
    first.serve()
    first.sock.close()
    third = Client(exchange)
    third.logon()
    third.serve()
    assert third.got(LoggedOn)
    second.sock.close()
    third.sock.close()


def test_a_second_logon_displaces_the_first_if_told_to(loop: Loop, tmp_path: Path) -> None:
    """The other reading of one login per PBU (reliability.md 4.2, fence 3): the first session ends
    with 5003, what it still sends is nobody's, reports go to the second alone.
    """
    exchange = Exchange(loop, tmp_path, displaces=True)
    first, second = Client(exchange), Client(exchange)
    first.logon()
    first.serve()
    second.logon()
    second.serve()
    first.serve()
    assert second.got(LoggedOn)
    assert [event.code for event in first.got(LoggedOut)] == [5003] and first.eof
    assert ("disconnected", "another logged on") in exchange.notes
    second.sock.sendall(second.session.send_index_sync("12345", "300", 1, exchange.now))
    exchange.server.deliver("12345", [a_report(1)])
    second.serve()
    assert [event.report.index for event in second.got(ReportArrived)] == [1]
    first.sock.close()
    second.sock.close()


def test_silent_connection_is_dropped_after_five_seconds(loop: Loop, tmp_path: Path) -> None:
    """No logon within 5 s of the connect ends the connection (interfaces.md 1.4)."""
    exchange = Exchange(loop, tmp_path)
    client = Client(exchange)
    client.serve(2)
    exchange.now += 4_900 * MILLISECOND
    client.serve(2)
    assert not client.eof
    exchange.now += 200 * MILLISECOND
    client.serve()
    assert [event.code for event in client.got(LoggedOut)] == [5004]
    assert client.eof
    client.sock.close()


def test_outage_lets_nobody_in(loop: Loop, tmp_path: Path) -> None:
    """When an outage begins who is on is logged out with 5006, as later logons are (1.4)."""
    exchange = Exchange(loop, tmp_path)
    first = Client(exchange)
    first.logon()
    first.serve()
    exchange.server.set_outage("test")
    first.serve()
    assert [event.code for event in first.got(LoggedOut)] == [5006]
    assert first.eof
    second = Client(exchange)
    second.logon()
    second.serve()
    assert [event.code for event in second.got(LoggedOut)] == [5006]
    first.sock.close()
    second.sock.close()


def test_reports_are_replayed_from_any_index_and_go_on_without_a_gap(
    loop: Loop, tmp_path: Path
) -> None:
    """Nothing is pushed before the synchronisation; after it every report comes once (1.5)."""
    exchange = Exchange(loop, tmp_path)
    exchange.server.deliver("12345", [a_report(number) for number in range(1, 1_501)])
    client = Client(exchange)
    client.logon()
    client.serve()
    assert not client.got(ReportArrived)
    client.sock.sendall(client.session.send_index_sync("12345", "300", 901, exchange.now))
    client.serve()
    assert [event.remark for event in client.got(SyncAnswered)] == [1]
    exchange.server.deliver("12345", [a_report(1_501), a_report(1, "301")])
    client.serve()
    indices = [event.report.index for event in client.got(ReportArrived)]
    assert indices == list(range(901, 1_502))
    assert client.session.duplicates == 0
    client.sock.close()


def test_report_store_holds_what_it_was_given(tmp_path: Path) -> None:
    """Reports come back equal; a jump of the index is an error that names the file."""
    store = ReportStore(tmp_path / "x.bin")
    rows = [a_report(number) for number in range(1, 8)]
    store.add(rows[:3])
    store.add(rows[3:])
    assert store.read(1, 100) == rows
    assert store.read(3, 2) == rows[2:4]
    assert store.read(8, 5) == []
    with pytest.raises(ValueError, match=r"x\.bin: report 9 where 8 is due"):
        store.add([a_report(9)])
    store.close()


def a_tick(chain: Chain, klass: int, last: int, image: bool = True) -> ChainTick:
    span = chain.classes[klass]
    rows = np.zeros((span.stop - span.start, market.COLUMNS), dtype=np.int64)
    rows[:, market.SLOT] = np.arange(span.start, span.stop)
    rows[:, market.PHASE] = Phase.CONTINUOUS
    rows[:, market.LAST] = last
    rows = rows if image else np.ascontiguousarray(rows[:1])
    return ChainTick(klass, AT, image, pack(rows))


def test_late_reader_gets_an_image_of_everything(loop: Loop) -> None:
    """A reader that joins in the middle sees what one that was there all the time sees."""
    chain = a_chain()
    listener = tcp_listener("127.0.0.1", 0)
    publisher = Publisher(chain, loop, listener, lambda: 1)
    etf = UnderlyingTick(0, Phase.CONTINUOUS, 25_000, 0, 0, (24_990,), (100,), (25_010,), (100,))
    publisher.publish(UnderlyingTicks(AT, (etf,)))
    publisher.publish(a_tick(chain, 0, 500))
    publisher.publish(a_tick(chain, 1, 700))
    publisher.publish(a_tick(chain, 0, 510, image=False))
    seen: list[Any] = []
    client = FeedClient(chain, loop, listener.getsockname(), seen.append, seen.append)
    client.tick(1)
    for _ in range(20):
        loop.poll(0.005)
        loop.flush()
    assert [type(item) for item in seen] == [UnderlyingTicks, ChainTick, ChainTick]
    assert all(item.image for item in seen[1:])
    first = unpack(seen[1].rows, market.COLUMNS)
    assert first[:, market.LAST].tolist() == [510, 500]
    publisher.publish(a_tick(chain, 1, 705))
    for _ in range(5):
        loop.poll(0.005)
        loop.flush()
    assert seen[-1].klass == 1


def test_slow_reader_is_cut_and_others_are_not(loop: Loop) -> None:
    """A backlog over its bound closes that connection only."""
    left, right = socket.socketpair()
    reasons: list[str] = []
    connection = Connection(loop, left, lambda data: None, reasons.append, bound=100_000)
    for _ in range(200):
        connection.send(b"x" * 10_000)
        if not connection.open:
            break
    assert reasons and reasons[0].startswith("slow reader")
    right.close()


@given(st.lists(st.integers(1, 60), max_size=30))
def test_link_frames_survive_any_cutting(cuts: list[int]) -> None:
    """Messages come out of the local link as they went in, however the bytes arrive."""
    messages = [Hello(3, "maker"), Beat(3), Sync({"300": 5}), Bye(3)] * 3
    data = b"".join(encode_frame(message) for message in messages)
    reader: FrameReader[Any] = FrameReader(ToGateway)
    out: list[Any] = []
    for cut in cuts:
        piece, data = data[:cut], data[cut:]
        out += reader.feed(piece)
    out += reader.feed(data)
    assert out == messages


def test_nonsense_on_the_link_is_named() -> None:
    """Bytes that are no message end the link with a reason."""
    reader: FrameReader[Any] = FrameReader(ToGateway)
    with pytest.raises(LinkError, match="over the bound"):
        reader.feed(b"\xff\xff\xff\xff")
    with pytest.raises(LinkError, match="is no message"):
        FrameReader(ToGateway).feed(encode_frame(["unknown"]))


PLAN = GatewayPlan(
    day=DAY, comp_id="TEST", account="A123456789", pbu="12345", branch="00001", letter="G",
    engine_letter="M", messages_per_second=1_000, dead_man=400 * MILLISECOND, speed=1,
    underlyings={"10000000": "510050"},
)  # fmt: skip


def test_kill_socket_answers_and_zombie_engine_is_turned_away(tmp_path: Path) -> None:
    """The two local sockets of a gateway process: status, pull, and the fence (I-21)."""
    (tmp_path / "live").mkdir()
    loop = Loop()
    process = GatewayProcess(tmp_path, Setup(PLAN, "127.0.0.1", 1), loop)
    fenced: list[Any] = []
    new, old = (
        EngineLink(
            loop, tmp_path / "engine.sock", "test", SECOND, fenced.append, fenced.append, list
        )
        for _ in range(2)
    )
    person = unix_connect(tmp_path / "kill.sock")
    for link, epoch in ((new, 5), (old, 4)):
        link.lead(epoch)
        link.tick(1)
        for _ in range(3):
            process.turn()
    assert new.welcome
    assert not old.welcome
    assert [item.highest for item in fenced] == [5]
    answers = []
    for line in (b'{"do": "pull", "scope": "510050", "by": "R01"}', b'{"do": "status"}', b"[]"):
        person.sendall(line + b"\n")
        for _ in range(3):
            process.turn()
        answers.append(person.recv(4_096))
    assert b'"ok":true' in answers[0] and b'"items":0' in answers[0]
    assert b'"pulled":{"510050":"R01"}' in answers[1]
    assert b'"ok":false' in answers[2]
    person.close()
    process.close()


def test_a_cut_leaves_the_hedges_market_too_until_two_people_rejoin(tmp_path: Path) -> None:
    """The last resort closes every way out of the gateway's process (reliability.md 2.5)."""
    (tmp_path / "live").mkdir()
    loop = Loop()
    listener = tcp_listener("127.0.0.1", 0)
    profile = Profile(PLAN.account, PLAN.pbu, PLAN.branch)
    EtfServer(loop, listener, profile, DAY, monotonic, lambda pbu, requests: None)
    process = GatewayProcess(tmp_path, Setup(PLAN, "127.0.0.1", 1, listener.getsockname()[1]), loop)

    def until(ready: bool) -> None:
        for _ in range(200):
            process.turn()
            if process.hedges.ready == ready:
                return
        raise AssertionError(f"the hedge line never became ready={ready}")

    until(True)
    process.core.cut("R01", monotonic())
    until(False)
    for _ in range(5):
        process.turn()
        assert process.hedges.session is None
    process.core.rejoin("R01", "T01", monotonic())
    until(True)
    process.close()
