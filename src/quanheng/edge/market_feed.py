"""Market data over TCP: MDGW sessions to any number of readers (interfaces.md 2.11, 4.2).

A reader subscribes categories and gets a full image of each first, so nothing depends on when it
came.
"""

import socket
from collections.abc import Callable

import numpy as np

from quanheng.edge.loop import Connection, Loop, tcp_begin
from quanheng.kernels.pack import pack, unpack
from quanheng.terms import market
from quanheng.terms.contract import Chain
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.units import MILLISECOND, SECOND, Nanos
from quanheng.wire.md301 import ChainTables, Quarantined
from quanheng.wire.mdgw import ClientSession, ServerSession, Wanted

BACKLOG = 8 << 20
"""A reader this many bytes behind is cut; it comes back and gets an image."""
FIRST_PAUSE, LONGEST_PAUSE = 50 * MILLISECOND, 2 * SECOND


class _Reader:
    """One connection and its session."""

    def __init__(self, connection: Connection, session: ServerSession) -> None:
        self.connection = connection
        self.session = session

    def write(self) -> int:
        """Queue what the session has to say; bytes."""
        data = self.session.output()
        self.connection.send(data)
        if self.session.closed and self.connection.open:
            self.connection.flush()
            self.connection.close(self.session.closed)
        return len(data)


class Publisher:
    """The exchange's side. Keeps the last row of every contract for those who join."""

    def __init__(
        self, chain: Chain, loop: Loop, listener: socket.socket, now: Callable[[], Nanos]
    ) -> None:
        self.bytes = 0
        self.cut = 0
        self._chain = chain
        self._tables = ChainTables(chain)
        self._loop = loop
        self._now = now
        self._readers: list[_Reader] = []
        self._rows = np.zeros((len(chain.contracts), market.COLUMNS), dtype=np.int64)
        self._stamps = [0] * len(chain.classes)
        self._underlyings: UnderlyingTicks | None = None
        self.listen(listener)

    def listen(self, listener: socket.socket) -> None:
        """Take readers on one more address (the standby line)."""
        self._loop.listen(listener, self._accept)

    def publish(self, tick: ChainTick | UnderlyingTicks) -> None:
        """Send a tick to every reader and remember it."""
        if isinstance(tick, ChainTick):
            rows = unpack(tick.rows, market.COLUMNS)
            self._rows[rows[:, market.SLOT]] = rows
            self._stamps[tick.klass] = tick.at
        else:
            self._underlyings = tick
        now = self._now()
        for reader in list(self._readers):
            if reader.session.up:
                reader.session.send_tick(tick, now)
                self.bytes += reader.write()

    def tick(self) -> None:
        """Heartbeats and time-outs."""
        now = self._now()
        for reader in list(self._readers):
            reader.session.tick(now)
            self.bytes += reader.write()

    def _accept(self, sock: socket.socket) -> None:
        reader: _Reader

        def on_data(data: bytes) -> None:
            now = self._now()
            for wanted in reader.session.receive(data, now):
                self._images(reader.session, wanted, now)
            self.bytes += reader.write()

        def on_close(why: str) -> None:
            self._readers.remove(reader)
            self.cut += why.startswith("slow reader")

        connection = Connection(self._loop, sock, on_data, on_close, BACKLOG)
        reader = _Reader(connection, ServerSession(self._tables, self._chain.day, self._now()))
        self._readers.append(reader)

    def _images(self, session: ServerSession, wanted: Wanted, now: Nanos) -> None:
        """The whole of a category as it stands."""
        if wanted.category == "MD004":
            if self._underlyings is not None:
                session.send_image(self._underlyings, now)
            return
        for number, klass in enumerate(self._chain.classes):
            if self._stamps[number]:
                rows = np.ascontiguousarray(self._rows[klass.start : klass.stop])
                session.send_image(ChainTick(number, self._stamps[number], True, pack(rows)), now)


class FeedClient:
    """The maker's side: connects, logs on, comes back with growing pauses after a loss.

    `on_bad` also hears of sequence gaps; the session has asked for images by then.
    """

    def __init__(
        self,
        chain: Chain,
        loop: Loop,
        address: tuple[str, int],
        on_tick: Callable[[ChainTick | UnderlyingTicks], None],
        on_bad: Callable[[Quarantined], None],
        standby: tuple[tuple[str, int], ...] = (),
    ) -> None:
        """`standby`: other ends of the same data, tried in turn after every loss (T-05)."""
        self._others = [*standby]
        self.losses = 0
        self.lost = ""  # why the last session ended
        self._day = chain.day
        self._tables = ChainTables(chain)
        self._session: ClientSession | None = None
        self._connection: Connection | None = None
        self._now: Nanos = 0
        self._loop = loop
        self._address = address
        self._on_tick = on_tick
        self._on_bad = on_bad
        self._pause = FIRST_PAUSE
        self._try_at: Nanos = 0

    def tick(self, now: Nanos) -> None:
        """Connect when it is time to; heartbeats and time-outs."""
        self._now = now
        if self._session is not None:
            self._session.tick(now)
            self._write(self._session)
            return
        if now < self._try_at:
            return
        self._try_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        try:
            sock = tcp_begin(*self._address)
        except OSError:
            self._other_end()
            return
        self._session = ClientSession(self._tables, self._day, now)
        self._connection = Connection(self._loop, sock, self._on_data, self._on_close)
        self._write(self._session)

    def leave(self) -> None:
        """Log out; the reader does not come back."""
        if self._session is not None:
            self._session.logout(self._now)
            self._write(self._session)

    def _write(self, session: ClientSession) -> None:
        connection = self._connection
        if connection is not None:
            connection.send(session.output())
            if session.closed:
                connection.flush()
                connection.close(session.closed)

    def _on_data(self, data: bytes) -> None:
        session = self._session
        if session is None:
            return
        gaps = session.gaps
        decoded = session.receive(data, self._now)
        if session.up:
            self._pause = FIRST_PAUSE
        if session.gaps > gaps:
            self._on_bad(Quarantined(0, "sequence gap: images were asked for"))
        for bad in decoded.quarantined:
            self._on_bad(bad)
        ticks: list[ChainTick | UnderlyingTicks] = [*decoded.underlyings, *decoded.ticks]
        ticks.sort(key=_stamp)  # stable: underlyings stay ahead of the classes of their instant
        for tick in ticks:
            self._on_tick(tick)
        self._write(session)

    def _on_close(self, why: str) -> None:
        self._session = self._connection = None
        self.lost = why
        self.losses += 1
        self._other_end()

    def _other_end(self) -> None:
        self._others.append(self._address)
        self._address = self._others.pop(0)


def _stamp(tick: ChainTick | UnderlyingTicks) -> Nanos:
    return tick.at
