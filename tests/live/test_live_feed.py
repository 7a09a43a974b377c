"""The market-data line on loopback: sessions, losses, gaps, many readers (interfaces.md 2.11)."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from test_live_sockets import AT, a_chain, a_tick

from quanheng.edge import market_feed
from quanheng.edge.loop import Loop, tcp_listener
from quanheng.edge.market_feed import FeedClient, Publisher
from quanheng.kernels.pack import unpack
from quanheng.terms import market
from quanheng.terms.codes import Phase
from quanheng.terms.market import ChainTick, UnderlyingTick, UnderlyingTicks
from quanheng.terms.units import SECOND
from quanheng.wire import mdgw
from quanheng.wire.md301 import StreamEncoder


class Line:
    """A publisher and readers on one loop; the test moves the clock."""

    def __init__(self) -> None:
        self.now = 100 * SECOND
        self.loop = Loop()
        self.chain = a_chain()
        self.listener = tcp_listener("127.0.0.1", 0)
        self.publisher = Publisher(self.chain, self.loop, self.listener, lambda: self.now)
        self.clients: list[FeedClient] = []

    def reader(self) -> tuple[FeedClient, list[Any]]:
        seen: list[Any] = []
        address = self.listener.getsockname()
        client = FeedClient(self.chain, self.loop, address, seen.append, seen.append)
        self.clients.append(client)
        return client, seen

    def turn(self, times: int = 12, tick: bool = True) -> None:
        for _ in range(times):
            for client in self.clients:
                client.tick(self.now)
            self.loop.poll(0.002)
            if tick:
                self.publisher.tick()
            self.loop.flush()

    def etf(self, last: int) -> None:
        tick = UnderlyingTick(
            0, Phase.CONTINUOUS, last, 0, 0, (last - 10,), (1,), (last + 10,), (1,)
        )
        self.publisher.publish(UnderlyingTicks(AT, (tick,)))


@pytest.fixture
def line() -> Iterator[Line]:
    """A line with both classes and the ETFs known."""
    it = Line()
    it.etf(25_000)
    it.publisher.publish(a_tick(it.chain, 0, 500))
    it.publisher.publish(a_tick(it.chain, 1, 700))
    yield it
    it.loop.close()


def lasts(ticks: list[Any]) -> dict[int, list[int]]:
    """Last prices by class after ticks in order."""
    rows = np.zeros((4, market.COLUMNS), dtype=np.int64)
    for tick in ticks:
        if isinstance(tick, ChainTick):
            part = unpack(tick.rows, market.COLUMNS)
            rows[part[:, market.SLOT]] = part
    found = rows[:, market.LAST].tolist()
    return {0: found[:2], 1: found[2:]}


def test_a_reader_that_loses_the_line_comes_back_to_the_same_picture(line: Line) -> None:
    """Cut in the middle, prices move meanwhile, the reader comes back and has everything."""
    client, seen = line.reader()
    line.turn()
    assert lasts(seen) == {0: [500, 500], 1: [700, 700]}
    line.publisher._readers[0].connection.close("cut by the test")
    line.turn(3)
    line.publisher.publish(a_tick(line.chain, 1, 710, image=False))
    line.now += SECOND
    line.turn(20)
    assert client.losses == 1
    assert client.lost == "closed by the peer"
    assert lasts(seen) == {0: [500, 500], 1: [710, 700]}


def test_a_silent_gateway_is_left_and_found_again(line: Line) -> None:
    """Without a heartbeat for two intervals the reader leaves by itself and logs on again."""
    client, seen = line.reader()
    line.turn()
    for _ in range(59):
        line.now += SECOND
        line.turn(1, tick=False)
    assert client.losses == 0
    # The gateway answers tests while its process runs: let it hang, the sockets stay open.
    line.publisher._readers[0].connection._on_data = lambda data: None
    seen.clear()
    for _ in range(61):
        line.now += SECOND
        line.turn(1, tick=False)
    assert client.losses == 1
    assert "two heartbeat intervals" in client.lost
    line.now += SECOND
    line.turn(20)
    assert [tick.image for tick in seen if isinstance(tick, ChainTick)] == [True, True]


def test_quiet_hours_lose_nobody(line: Line) -> None:
    """Through a lunch without a tick heartbeats alone keep both ends together."""
    client, _ = line.reader()
    line.turn()
    for _ in range(5_400 // 5):
        line.now += 5 * SECOND
        line.turn(1)
    assert client.losses == 0


def test_a_gap_is_healed_by_images(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that never arrives is noticed at the next; images of both categories follow, so the
    reader's picture is the gateway's again.
    """
    _, seen = line.reader()
    line.turn()
    session = line.publisher._readers[0].session
    session.send_tick(a_tick(line.chain, 0, 999, image=False), line.now)
    lost: Callable[[], bytes] = session.output
    assert lost()
    line.publisher._rows[0, market.LAST] = 999
    seen.clear()
    line.publisher.publish(a_tick(line.chain, 1, 720, image=False))
    line.turn(20)
    bad = [item.reason for item in seen if not isinstance(item, ChainTick | UnderlyingTicks)]
    assert bad == ["sequence gap: images were asked for"]
    assert lasts(seen) == {0: [999, 500], 1: [720, 700]}
    assert sum(isinstance(item, UnderlyingTicks) for item in seen) == 1


def test_every_reader_has_its_own_sequence_and_subscriptions(line: Line) -> None:
    """A reader of one category, one that joins late, one that reads nothing: each as if alone."""
    _, first = line.reader()
    line.turn()
    _, second = line.reader()
    line.turn()
    session = mdgw.ClientSession(line.publisher._tables, line.chain.day, line.now, ("MD004",))
    sock = socket.create_connection(line.listener.getsockname())
    ticks: list[Any] = []
    sock.settimeout(0.01)
    for _ in range(6):
        sock.sendall(session.output())
        line.turn(4)
        try:
            decoded = session.receive(sock.recv(1 << 16), line.now)
        except TimeoutError:
            continue
        ticks += [*decoded.underlyings, *decoded.ticks]
    line.publisher.publish(a_tick(line.chain, 0, 510))
    line.etf(25_100)
    line.turn()
    decoded = session.receive(sock.recv(1 << 16), line.now)
    assert [type(tick) for tick in [*ticks, *decoded.underlyings, *decoded.ticks]] == [
        UnderlyingTicks,
        UnderlyingTicks,
    ]
    assert session.gaps == 0
    assert lasts(first) == lasts(second) == {0: [510, 510], 1: [700, 700]}
    sock.close()


def test_slow_reader_of_market_data_is_cut_and_others_are_not(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader over its bound is cut; who reads gets every tick meanwhile (I-12)."""
    monkeypatch.setattr(market_feed, "BACKLOG", 50_000)
    _, seen = line.reader()
    lazy = socket.create_connection(line.listener.getsockname())
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    session = mdgw.ClientSession(line.publisher._tables, line.chain.day, line.now)
    lazy.sendall(session.output())
    line.turn(4)
    session.receive(lazy.recv(1 << 16), line.now)
    lazy.sendall(session.output())
    line.turn(4)
    for number in range(40_000):
        line.publisher.publish(a_tick(line.chain, 0, 501 + number % 50))
        if number % 20 == 0:
            line.turn(1)
        assert all(reader.connection.backlog <= 50_000 for reader in line.publisher._readers)
        if line.publisher.cut:
            break
    assert line.publisher.cut == 1
    line.publisher.publish(a_tick(line.chain, 0, 777))
    line.turn()
    assert lasts(seen)[0] == [777, 777]
    lazy.close()


def test_a_reader_that_leaves_says_so(line: Line) -> None:
    """An orderly logout from our side is answered, and the connection ends."""
    client, _ = line.reader()
    line.turn()
    client.leave()
    assert client.lost == "bye"
    line.turn(3, tick=False)


def test_streams_cut_anywhere_are_read_alike() -> None:
    """The session reads a stream byte by byte as in one piece: logon, images, heartbeats."""
    chain = a_chain()
    tables = mdgw.ChainTables(chain)
    server = mdgw.ServerSession(tables, chain.day, 0)
    pieces = []
    for size in (1 << 20, 7, 1):
        client = mdgw.ClientSession(tables, chain.day, 0)
        server = mdgw.ServerSession(tables, chain.day, 0)
        server.receive(client.output(), 0)
        data = server.output()
        client.receive(data, 0)
        for _ in server.receive(client.output(), 0):
            server.send_image(a_tick(chain, 0, 500), 0)
        server.send_tick(a_tick(chain, 1, 700, image=False), 0)
        server.tick(31 * SECOND)
        data = server.output()
        ticks = []
        for start in range(0, len(data), size):
            ticks += client.receive(data[start : start + size], 0).ticks
        assert client.gaps == 0
        pieces.append([(tick.klass, tick.image, bytes(tick.rows)) for tick in ticks])
    assert pieces[0] and pieces[0] == pieces[1] == pieces[2]
    assert StreamEncoder(tables).seq == 1
