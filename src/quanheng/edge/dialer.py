"""A framed link that is dialled again after every loss: the plain ones, without hello or epoch."""

import socket
from collections.abc import Callable
from typing import Any

from quanheng.edge.link_messages import MAX_FRAME, FrameReader, LinkError, encode_frame
from quanheng.edge.loop import Connection, Loop
from quanheng.edge.tls import Channel
from quanheng.terms.units import MILLISECOND, Nanos

FIRST_PAUSE, LONGEST_PAUSE = 20 * MILLISECOND, 500 * MILLISECOND


class Dialer:
    """Connects by `dial` and comes back with growing pauses. `on_up` hears of each connection,
    before any message; what cannot be read ends a connection.

    With `patience` a connection is believed only once it has spoken, and is dropped when it has
    been silent for so long: for peers that beat, dialled by `loop.tcp_begin`. `bound`: see
    `FrameReader`. `channel`: secures each connection (`tls`).
    """

    def __init__(
        self,
        loop: Loop,
        dial: Callable[[], socket.socket],
        kinds: Any,
        on_message: Callable[[Any], None],
        on_up: Callable[[], None],
        patience: Nanos = 0,
        bound: int = MAX_FRAME,
        channel: Callable[[], Channel] | None = None,
    ) -> None:
        self.losses = 0
        self.heard = False  # the connection that stands has spoken
        self._patience = patience
        self._bound = bound
        self._channel = channel
        self._now: Nanos = 0
        self._since: Nanos = 0
        self._loop = loop
        self._dial = dial
        self._kinds = kinds
        self._on_message = on_message
        self._on_up = on_up
        self._connection: Connection | None = None
        self._pause = FIRST_PAUSE
        self._try_at: Nanos = 0

    @property
    def up(self) -> bool:
        """Whether the other end is there."""
        return self._connection is not None

    def tick(self, now: Nanos) -> None:
        """Connect when it is time to; drop a connection that is silent."""
        self._now = now
        if self._connection is not None:
            if self._patience and now - self._since >= self._patience:
                self._connection.close("the other end is silent")
            return
        if now < self._try_at:
            return
        self._try_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        try:
            sock = self._dial()
        except OSError:
            return
        self._since = now
        if not self._patience:
            self._pause = FIRST_PAUSE
        reader: FrameReader[Any] = FrameReader(self._kinds, self._bound)

        def on_data(data: bytes) -> None:
            self.heard, self._since, self._pause = True, self._now, FIRST_PAUSE
            take_frames(connection, reader, data, self._on_message)

        channel = None if self._channel is None else self._channel()
        connection = Connection(self._loop, sock, on_data, self._on_close, channel=channel)
        self._connection = connection
        self._on_up()

    def _on_close(self, why: str) -> None:
        self._connection = None
        self.heard = False
        self.losses += 1

    def drop(self, why: str) -> None:
        """End the connection that stands; another one follows."""
        if self._connection is not None:
            self._connection.close(why)

    def send(self, message: Any) -> bool:
        """Queue a message; False when the other end is not there, then nothing was sent."""
        if self._connection is None:
            return False
        self._connection.send(encode_frame(message))
        return True


def take_frames(
    connection: Connection, reader: FrameReader[Any], data: bytes, take: Callable[[Any], None]
) -> None:
    """Hand over the messages that `data` completed; bytes that are none end the connection."""
    try:
        messages = reader.feed(data)
    except LinkError as error:
        connection.close(str(error))
        return
    for message in messages:
        take(message)
