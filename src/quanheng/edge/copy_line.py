"""The drop copy of a running day: fills of a trading unit, from the exchange to the firm's risk.

It does not pass the maker nor its gateway (chapter 6, R-01). Messages are numbered, so a reader
that was away, or whose process is another, goes on where its books end.
"""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from quanheng.edge.dialer import Dialer, take_frames
from quanheng.edge.frame_store import FrameStore
from quanheng.edge.link_messages import FrameReader, encode_frame
from quanheng.edge.loop import Connection, Loop, tcp_connect
from quanheng.oversight.messages import AnyCopy
from quanheng.terms.units import Nanos

HIGH_WATER = 1 << 20
"""Above so many bytes that a reader has not taken, copies wait in the file."""
CHUNK = 256


class CopyFrom(msgspec.Struct, frozen=True, array_like=True, tag="copy_from"):
    """Reader: the first number that I miss; the first is 1."""

    number: int


class HowMany(msgspec.Struct, frozen=True, array_like=True, tag="how_many"):
    """Reader: how many are there by now?"""


class SoMany(msgspec.Struct, frozen=True, array_like=True, tag="so_many"):
    """Exchange: the answer to HowMany."""

    count: int


class Copied(msgspec.Struct, frozen=True, array_like=True, tag="copied"):
    """Exchange: one copy and its number in the day."""

    number: int
    body: AnyCopy


class _Reader:
    """A connection and the number that it gets next, 0 before it asked."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.next = 0


class CopyServer:
    """The exchange's side; keeps the whole day, in a file."""

    def __init__(self, loop: Loop, listener: socket.socket, path: Path) -> None:
        self.bytes = 0
        self._loop = loop
        self._frames = FrameStore(path)
        self._readers: list[_Reader] = []
        loop.listen(listener, self._accept)

    def add(self, body: AnyCopy) -> None:
        """One more copy; it leaves with the next `tick`."""
        self._frames.add([encode_frame(Copied(len(self._frames) + 1, body))])

    def tick(self) -> None:
        """Send what readers miss, as fast as they read."""
        for reader in self._readers:
            while 0 < reader.next <= len(self._frames) and reader.connection.backlog < HIGH_WATER:
                frames = self._frames.read(reader.next, CHUNK)
                data = b"".join(frames)
                reader.next += len(frames)
                reader.connection.send(data)
                self.bytes += len(data)

    def close(self) -> None:
        """Close the file."""
        self._frames.close()

    def _accept(self, sock: socket.socket) -> None:
        frames: FrameReader[Any] = FrameReader(CopyFrom | HowMany)

        def on_data(data: bytes) -> None:
            take_frames(connection, frames, data, take)

        def take(message: CopyFrom | HowMany) -> None:
            if isinstance(message, HowMany):
                connection.send(encode_frame(SoMany(len(self._frames))))
            elif message.number < 1:
                connection.close(f"copies begin with 1, not {message.number}")
            else:
                reader.next = message.number

        def on_close(why: str) -> None:
            self._readers.remove(reader)

        connection = Connection(self._loop, sock, on_data, on_close)
        reader = _Reader(connection)
        self._readers.append(reader)


class CopyClient:
    """The firm's side. `had` says how many copies its books hold; `on_copy` takes the next one."""

    def __init__(
        self,
        loop: Loop,
        address: tuple[str, int],
        had: Callable[[], int],
        on_copy: Callable[[AnyCopy], None],
    ) -> None:
        self.there = -1  # copies that the exchange had when it was asked last
        self._had = had
        self._on_copy = on_copy
        self._line = Dialer(
            loop, lambda: tcp_connect(*address), Copied | SoMany, self._take, self._on_up
        )

    @property
    def losses(self) -> int:
        """Connections that ended."""
        return self._line.losses

    def tick(self, now: Nanos) -> None:
        """Connect when it is time to."""
        self._line.tick(now)

    def ask(self) -> None:
        """Ask how many there are; the answer is in `there`."""
        self.there = -1
        self._line.send(HowMany())

    def _on_up(self) -> None:
        self._line.send(CopyFrom(self._had() + 1))

    def _take(self, message: Copied | SoMany) -> None:
        if isinstance(message, SoMany):
            self.there = message.count
        elif message.number == self._had() + 1:
            self._on_copy(message.body)
