"""Sessions of the order server on loopback sockets: causes of a logout, partitions, slow readers,
the flow limit, the venue behind (interfaces.md 1.2 to 1.8; T-01, I-12)."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from exchange_world import DAY, World, at, member, opening
from script_sides import CODE, OWN, PBU, PROFILE, WHO

from quanheng.edge import order_server
from quanheng.edge.lab.frame_text import build, cut
from quanheng.edge.loop import Loop, tcp_connect, tcp_listener
from quanheng.edge.order_server import OrderServer
from quanheng.exchange.messages import Deliver, PlatformStateChanged, Refuse
from quanheng.exchange.state import PARTITIONS
from quanheng.runtime.envelope import Source
from quanheng.terms.codes import Effect, Exec
from quanheng.terms.orders import QuoteAck, Report, Requests
from quanheng.terms.units import MILLISECOND, SECOND

LIMIT = "Request 35=D 11={name} 48={code} 522=105 44=0.0990 38=1 54=1 77=O 40=2 59=0 203=_"


class Exchange:
    """The real venue and order server on a real socket; the test moves the clock."""

    def __init__(self, folder: Path, clock: str = "10:00") -> None:
        self.loop = Loop()
        listener = tcp_listener("127.0.0.1", 0)
        self.port = listener.getsockname()[1]
        self.notes: list[tuple[str, str]] = []
        self.sockets: list[socket.socket] = []
        self.world = World(
            opening(members=(OWN, member("A0002", "M2")), snapshot_nanos=60 * SECOND)
        )
        self.server = OrderServer(
            self.loop,
            listener,
            PROFILE,
            PARTITIONS,
            DAY,
            folder,
            lambda: self.world.now,
            self._take,
            lambda what, text: self.notes.append((what, text)),
        )
        self._out(self.world.effects)
        self.pass_to(at(clock))

    def _take(self, pbu: str, requests: list[Any]) -> None:
        self._out(self.world.give(Requests(pbu, requests), Source.VENUE))

    def _out(self, effects: list[Any]) -> None:
        for effect in effects:
            match effect:
                case Deliver() if effect.pbu == PBU:
                    self.server.deliver(effect.pbu, effect.reports)
                case Refuse() if effect.pbu == PBU:
                    self.server.refuse(effect.pbu, effect.rejects)
                case PlatformStateChanged():
                    self.server.set_platform(effect.state)
                case _:
                    pass

    def pass_to(self, instant: int) -> None:
        self._out(self.world.until(instant))
        self.turn()

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.loop.poll(0.002)
            self.server.tick()
            self.loop.flush()


class Client:
    """A member that writes frames by hand and reads with a decoder of the tests' own."""

    def __init__(self, exchange: Exchange, buffer: int = 0) -> None:
        self.exchange = exchange
        self.connect()
        if buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.heard: list[dict[str, str]] = []
        self.eof = False
        self._seq = 0
        self._rest = b""

    def connect(self) -> None:
        self.sock = tcp_connect("127.0.0.1", self.exchange.port)
        self.sock.settimeout(0.005)
        self.exchange.sockets.append(self.sock)

    def send(self, *lines: str) -> None:
        for line in lines:
            self._seq += 1
            self.sock.sendall(build(line, self._seq, WHO))
        self.serve()

    def serve(self, turns: int = 4) -> None:
        """Let both ends work until the line is quiet."""
        quiet = 0
        while quiet < turns and not self.eof:
            self.exchange.turn()
            try:
                data = self.sock.recv(1 << 16)
            except TimeoutError:
                quiet += 1
                continue
            except ConnectionResetError:
                data = b""
            self.eof = not data
            quiet = 0
            self._take(data)

    def _take(self, data: bytes) -> None:
        data = self._rest + data
        end = 0
        while len(data) - end >= 16:
            size = 16 + int.from_bytes(data[end + 8 : end + 12], "big")
            if len(data) - end < size:
                break
            end += size
        self.heard += [fields for fields, _ in cut(data[:end])]
        self._rest = data[end:]

    def got(self, name: str) -> list[dict[str, str]]:
        return [fields for fields in self.heard if fields["name"] == name]

    def indices(self, part: str) -> list[int]:
        return [int(fields["index"]) for fields in self.got("Report") if fields["set"] == part]

    def logon(self, first: int = 1, second: int = 1) -> "Client":
        """Log on and ask for the reports of both partitions from these indices on."""
        syncs = zip(PARTITIONS, (first, second), strict=True)
        self.send("Logon", *(f"Sync pbu={PBU} set={part} next={index}" for part, index in syncs))
        return self


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    """An exchange at 10:00."""
    it = Exchange(tmp_path)
    yield it
    for sock in it.sockets:
        sock.close()
    it.loop.close()


def later(seconds: int) -> Callable[[Client], None]:
    """Let time pass without a word."""

    def wait(client: Client) -> None:
        for _ in range(seconds):
            client.exchange.pass_to(client.exchange.world.now + SECOND)

    return wait


def says(*lines: str) -> Callable[[Client], None]:
    return lambda client: client.send(*lines)


def another(client: Client) -> None:
    """Somebody else is on already when the client logs on."""
    other = Client(client.exchange)
    other.send("Logon")
    client.exchange.turn()
    client.send("Logon")
    other.sock.close()


def outage(client: Client) -> None:
    """The exchange has lost its trading system."""
    client.exchange.server.set_outage("the trading system is away")
    client.sock.close()
    client.connect()
    client.send("Logon")


LONG = "Frame type=10 body=" + "20" * 4_200
CAUSES: dict[str, tuple[int, Callable[[Client], None]]] = {
    "normal": (0, says("Logon", "Logout status=0 text=Normal_Logout")),
    "more than 4 KB": (5000, says("Logon", LONG)),
    "checksum": (5001, says("Logon", "Heartbeat checksum=1")),
    "silence": (5002, lambda client: (client.send("Logon"), later(61)(client))[1]),
    "already on": (5003, another),
    "two logons": (5003, says("Logon", "Logon")),
    "no logon": (5004, later(5)),
    "other target": (5005, says("Logon target=XXXX")),
    "not ready": (5006, outage),
    "broken body": (5007, says("Logon", "Frame type=32 body=2020")),
    "not for this side": (5008, says("Logon", "PlatformState state=2")),
    "order first": (5012, says(LIMIT.format(name="A000000001", code=CODE))),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_of_a_logout(cause: str, exchange: Exchange) -> None:
    """Each status of interfaces.md 1.8 that ends a session is told in a Logout, the connection is
    closed within five seconds, and the next member gets in.
    """
    code, act = CAUSES[cause]
    client = Client(exchange)
    client.serve(1)
    act(client)
    client.serve()
    assert [fields["status"] for fields in client.got("Logout")] == [str(code)]
    later(6)(client)
    client.serve()
    assert client.eof
    exchange.server.set_outage("")
    again = Client(exchange).logon()
    assert again.got("Logon") and not again.got("Logout")
    assert [fields["remark"] for fields in again.got("Sync")] == ["1", "1"]


def order(number: int) -> str:
    """Orders of both partitions in turn."""
    code = str(int(CODE) + number % 2 * 3)  # slot 0 and slot 3
    return LIMIT.format(name=f"A{number:09d}", code=code).replace("0.0990", "0.0390")


def test_each_partition_is_recovered_by_its_own_index_after_a_cut_in_a_burst(
    exchange: Exchange,
) -> None:
    """A burst over two partitions is cut while it arrives. From each partition's own next index
    the rest comes, no report twice, none missing, and new ones follow (interfaces.md 1.5).
    """
    client = Client(exchange).logon()
    for number in range(80):
        client._seq += 1
        client.sock.sendall(build(order(number), client._seq, WHO))
    exchange.turn(40)  # everything is answered
    client._take(client.sock.recv(6_000))  # the cut comes in the middle of a report
    assert client._rest
    client.sock.close()
    exchange.turn(3)
    had = [client.indices(part) for part in PARTITIONS]
    assert all(indices == list(range(1, len(indices) + 1)) for indices in had)
    assert all(0 < len(indices) < 40 for indices in had)
    again = Client(exchange).logon(len(had[0]) + 1, len(had[1]) + 1)
    again.send(order(80), order(81))
    for indices, part in zip(had, PARTITIONS, strict=True):
        assert indices + again.indices(part) == list(range(1, 42))
    names = [fields["11"] for one in (client, again) for fields in one.got("Report")]
    assert sorted(names) == [f"A{number:09d}" for number in range(82)]
    assert sorted({fields["37"][0] for fields in again.got("Report")}) == ["3", "4"]


def test_one_partition_is_recovered_while_the_other_waits_ahead(exchange: Exchange) -> None:
    """An index beyond what exists waits until it is reached; the other partition is not held up."""
    client = Client(exchange).logon(1, 5)
    client.send(*(order(number) for number in range(10)))
    assert client.indices("300") == [1, 2, 3, 4, 5]
    assert client.indices("301") == [5]


def quote_ack(index: int) -> Report:
    body = QuoteAck(
        False, Exec.ACCEPTED, f"M001{index:06d}", CODE, index, 500, 520, 10, 10,
        Effect.OPEN, Effect.OPEN, at("10:00"), 0, "", 0, "", 0,
    )  # fmt: skip
    return Report("300", index, body)


def settle(exchange: Exchange) -> None:
    """Wait until the system's own buffers take no more: while they fill, a queue looks read."""
    quiet, before = 0, -1
    while quiet < 50:
        exchange.turn()
        backlog = sum(one.backlog for one in exchange.loop.connections)
        quiet = quiet + 1 if backlog == before else 0
        before = backlog


def test_slow_reader_is_held_back_then_cut_and_misses_nothing(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reports for a member that does not read wait in the store, so its queue stays small; after
    five seconds it is cut, somebody else gets in at once, and the replay is whole.
    """
    monkeypatch.setattr(order_server, "HIGH_WATER", 1 << 16)
    client = Client(exchange, buffer=4_096).logon()
    most = 0
    for first in range(1, 30_001, 1_000):
        exchange.server.deliver(PBU, [quote_ack(first + i) for i in range(1_000)])
        exchange.turn()
        most = max([most, *(one.backlog for one in exchange.loop.connections)])
    assert most < (1 << 16) + 1_000 * 400  # one delivery above the mark
    settle(exchange)
    later(4)(client)
    assert not any(what == "disconnected" for what, _ in exchange.notes)
    later(2)(client)
    reasons = [text for what, text in exchange.notes if what == "disconnected"]
    assert len(reasons) == 1
    assert reasons[0].startswith("slow reader")
    again = Client(exchange).logon(29_001)
    assert again.indices("300") == list(range(29_001, 30_001))


def test_a_member_that_reads_a_long_replay_is_not_slow(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replay of the whole day keeps the queue full for long; a reader that reads stays on."""
    monkeypatch.setattr(order_server, "HIGH_WATER", 1 << 16)
    for first in range(1, 6_001, 1_000):
        exchange.server.deliver(PBU, [quote_ack(first + i) for i in range(1_000)])
    client = Client(exchange)
    client.send("Logon", f"Sync pbu={PBU} set=300 next=1")
    for _ in range(60):
        exchange.world.now += 500 * MILLISECOND
        client.serve(1)
    assert client.indices("300") == list(range(1, 6_001))
    assert not client.eof


def test_flow_limit_refuses_with_13300_and_ends_with_the_second(exchange: Exchange) -> None:
    """Above 1,000 messages a second everything is refused, cancels too; the next second is free
    and ids of refused requests are still unused (borders.md 4).
    """
    client = Client(exchange).logon()
    for number in range(1_003):
        client._seq += 1
        line = f"Request req=OTO 35=F 11=F{number:09d} 41=X 48={CODE} 522=105"
        client.sock.sendall(build(line, client._seq, WHO))
        if number % 50 == 0:
            client.serve(1)
    client.serve()
    refused = client.got("Reject")
    assert [fields["reff"] for fields in refused] == [f"F{n:09d}" for n in (1_000, 1_001, 1_002)]
    assert {fields["remark"] for fields in refused} == {"13300"}
    assert len(client.got("Report")) == 1_000
    exchange.pass_to(exchange.world.now + SECOND)
    client.heard.clear()
    client.send(LIMIT.format(name="F000001002", code=CODE))
    assert [fields["150"] for fields in client.got("Report")] == ["0"]
