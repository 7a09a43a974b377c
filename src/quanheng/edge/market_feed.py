"""Market data over TCP: the MD301 / MD004 stream to any number of readers (interfaces.md 4.2).

A reader that joins gets a full image of every class first, so nothing depends on when it came.
"""

import socket
from collections.abc import Callable

import numpy as np

from quanheng.edge.loop import Connection, Loop, tcp_connect
from quanheng.kernels.pack import pack, unpack
from quanheng.terms import market
from quanheng.terms.contract import Chain
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.units import MILLISECOND, SECOND, Nanos
from quanheng.wire.md301 import ChainTables, Quarantined, StreamDecoder, StreamEncoder

BACKLOG = 8 << 20
"""A reader this many bytes behind is cut; it comes back and gets an image."""
FIRST_PAUSE, LONGEST_PAUSE = 50 * MILLISECOND, 2 * SECOND


class Publisher:
    """The exchange's side. Keeps the last row of every contract for those who join."""

    def __init__(self, chain: Chain, loop: Loop, listener: socket.socket) -> None:
        self.bytes = 0
        self.cut = 0
        self._chain = chain
        self._encoder = StreamEncoder(ChainTables(chain))
        self._loop = loop
        self._readers: list[Connection] = []
        self._rows = np.zeros((len(chain.contracts), market.COLUMNS), dtype=np.int64)
        self._stamps = [0] * len(chain.classes)
        self._underlyings: UnderlyingTicks | None = None
        loop.listen(listener, self._accept)

    def publish(self, tick: ChainTick | UnderlyingTicks) -> None:
        """Send a tick to every reader and remember it."""
        if isinstance(tick, ChainTick):
            rows = unpack(tick.rows, market.COLUMNS)
            self._rows[rows[:, market.SLOT]] = rows
            self._stamps[tick.klass] = tick.at
        else:
            self._underlyings = tick
        if not self._readers:
            return
        data = self._encoder.encode(tick)
        self.bytes += len(data)
        for reader in list(self._readers):
            reader.send(data)

    def _accept(self, sock: socket.socket) -> None:
        connection: Connection

        def on_close(why: str) -> None:
            self._readers.remove(connection)
            self.cut += why.startswith("slow reader")

        connection = Connection(self._loop, sock, lambda data: None, on_close, BACKLOG)
        self._readers.append(connection)
        if self._underlyings is not None:
            connection.send(self._encoder.encode(self._underlyings))
        for number, klass in enumerate(self._chain.classes):
            if self._stamps[number]:
                rows = np.ascontiguousarray(self._rows[klass.start : klass.stop])
                image = ChainTick(number, self._stamps[number], True, pack(rows))
                connection.send(self._encoder.encode(image))


class FeedClient:
    """The maker's side: connects, decodes, comes back with growing pauses after a loss."""

    def __init__(
        self,
        chain: Chain,
        loop: Loop,
        address: tuple[str, int],
        on_tick: Callable[[ChainTick | UnderlyingTicks], None],
        on_bad: Callable[[Quarantined], None],
    ) -> None:
        self.connected = False
        self.losses = 0
        self._tables = ChainTables(chain)
        self._decoder = StreamDecoder(self._tables)
        self._loop = loop
        self._address = address
        self._on_tick = on_tick
        self._on_bad = on_bad
        self._pause = FIRST_PAUSE
        self._try_at: Nanos = 0

    def tick(self, now: Nanos) -> None:
        """Connect when it is time to."""
        if self.connected or now < self._try_at:
            return
        self._try_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        try:
            sock = tcp_connect(*self._address)
        except OSError:
            return
        self._decoder = StreamDecoder(self._tables)
        self.connected = True
        Connection(self._loop, sock, self._on_data, self._on_close)

    def _on_data(self, data: bytes) -> None:
        self._pause = FIRST_PAUSE
        decoded = self._decoder.feed(data)
        for bad in decoded.quarantined:
            self._on_bad(bad)
        ticks: list[ChainTick | UnderlyingTicks] = [*decoded.underlyings, *decoded.ticks]
        ticks.sort(key=_stamp)  # stable: underlyings stay ahead of the classes of their instant
        for tick in ticks:
            self._on_tick(tick)

    def _on_close(self, why: str) -> None:
        self.connected = False
        self.losses += 1


def _stamp(tick: ChainTick | UnderlyingTicks) -> Nanos:
    return tick.at
