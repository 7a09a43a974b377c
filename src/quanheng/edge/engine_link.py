"""The engine's side of the local link to the gateway: hello, heartbeats, requests, replies."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from quanheng.edge.link_messages import (
    Beat,
    Bye,
    Farewell,
    Fenced,
    FrameReader,
    Hello,
    LinkError,
    Sync,
    ToEngine,
    Welcome,
    encode_frame,
)
from quanheng.edge.loop import Connection, Loop, unix_connect
from quanheng.terms.etf import EtfSend
from quanheng.terms.orders import Send
from quanheng.terms.units import MILLISECOND, Nanos

FIRST_PAUSE, LONGEST_PAUSE = 20 * MILLISECOND, 100 * MILLISECOND


class EngineLink:
    """Connects and says hello with the epoch it is given; comes back after a loss.

    `on_message` gets what the machine may hear; `on_fenced` hears that this engine is off, with
    the highest epoch the gateway has seen.
    """

    def __init__(
        self,
        loop: Loop,
        path: Path,
        name: str,
        beat_every: Nanos,
        on_message: Callable[[Any], None],
        on_fenced: Callable[[Fenced], None],
        on_lost: Callable[[], None],
    ) -> None:
        self.welcome = False
        self.farewell: Farewell | None = None
        self.losses = 0
        self._loop = loop
        self._path = path
        self._name = name
        self._beat_every = beat_every
        self._on_message = on_message
        self._on_fenced = on_fenced
        self._on_lost = on_lost
        self._connection: Connection | None = None
        self._epoch = 0
        self._stands: tuple[Any, ...] = ()
        self._next_beat: Nanos = 0
        self._pause = FIRST_PAUSE
        self._try_at: Nanos = 0

    @property
    def up(self) -> bool:
        """Whether the gateway is there."""
        return self._connection is not None

    def lead(self, epoch: int, *stands: Any) -> None:
        """Lead with an epoch from now on; the hello goes out with the next `tick`. `stands`: for
        a gateway that has read none of the day, see `Hello`.
        """
        self._epoch, self._stands = epoch, stands
        self.welcome = False
        if self._connection is not None:
            self._connection.send(encode_frame(Hello(epoch, self._name, *stands)))

    def tick(self, now: Nanos) -> None:
        """Connect, say hello, beat."""
        connection = self._connection
        if connection is None:
            if now >= self._try_at and self._epoch:
                self._connect(now)
            return
        if self.welcome and now >= self._next_beat:
            connection.send(encode_frame(Beat(self._epoch)))
            self._next_beat = now + self._beat_every

    def deadline(self) -> Nanos:
        """When `tick` has something to do next."""
        return self._next_beat if self._connection is not None else self._try_at

    def _connect(self, now: Nanos) -> None:
        self._try_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        try:
            sock = unix_connect(self._path)
        except OSError:
            return
        reader: FrameReader[Any] = FrameReader(ToEngine)

        def on_data(data: bytes) -> None:
            try:
                messages = reader.feed(data)
            except LinkError as error:
                connection.close(str(error))
                return
            for message in messages:
                self._take(message)

        connection = Connection(self._loop, sock, on_data, self._on_close)
        self._connection = connection
        self._pause = FIRST_PAUSE
        connection.send(encode_frame(Hello(self._epoch, self._name, *self._stands)))

    def _take(self, message: Any) -> None:
        match message:
            case Welcome():
                self.welcome = message.epoch == self._epoch
            case Fenced():
                self.welcome = False
                self._on_fenced(message)
            case Farewell():
                self.farewell = message
            case _:
                self._on_message(message)

    def _on_close(self, why: str) -> None:
        self._connection = None
        self.welcome = False
        self.losses += 1
        self._on_lost()

    def send(self, message: Send | EtfSend | Sync | Bye) -> bool:
        """Queue a message; False when the gateway is not there, then nothing was sent."""
        if self._connection is None or not self.welcome:
            return False
        self._connection.send(encode_frame(message))
        return True
