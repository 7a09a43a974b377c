"""The line between the desk's engine and the firm's overseer of a run: RUN/firm.sock, or TCP.

The engine tells its figures, as it shows them; the overseer beats once a second of elapsed time and
sends what the firm's authority puts into force. Neither waits for the other: an engine without
beats draws its own conclusions (`Watchman`), an overseer without an engine goes on. Where the
engine's host is another than the run folder's (`Far`), the overseer hands on what the desk's
authority issued into the folder as well.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from quanheng.edge.dialer import Dialer, take_frames
from quanheng.edge.link_messages import Beat, FrameReader, encode_frame
from quanheng.edge.loop import (
    Connection,
    Loop,
    tcp_begin,
    tcp_listener,
    unix_connect,
    unix_listener,
)
from quanheng.edge.tls import Channel
from quanheng.maker.messages import Notify
from quanheng.terms.codes import Overseen
from quanheng.terms.commands import Command
from quanheng.terms.units import SECOND, Nanos

SOCKET = "firm.sock"
BEAT_EVERY = SECOND
SILENT = 3 * BEAT_EVERY
"""After so long without a beat a line between hosts is dialled anew."""
TOPICS = ("class", "greeks", "ledger", "book", "terms", "seen", "margin")
"""Views that a claim of the desk is made of (`oversight_lines.DeskLine`)."""


def _nobody(proposal: int, command: Command) -> None:
    """Nothing is handed on where the engine reads the run folder itself."""


class Ordered(msgspec.Struct, frozen=True, array_like=True, tag="ordered"):
    """Overseer: a command of the firm's authority, with its proposal there."""

    proposal: int
    command: Command


class Handed(msgspec.Struct, frozen=True, array_like=True, tag="handed"):
    """Overseer: a command that the desk's authority issued into the run folder, for an engine that
    does not see the folder; from the first on to each engine that comes.
    """

    proposal: int
    command: Command


class Far(NamedTuple):
    """The overseer's place on another host, and what secures the line."""

    address: tuple[str, int]
    channel: Callable[[], Channel] | None


class Taken(msgspec.Struct, frozen=True, array_like=True, tag="taken"):
    """Engine: the command of a proposal is in its journal."""

    proposal: int


class Watchman:
    """What the engine knows of the overseer: the time since the last beat, on the elapsed clock."""

    def __init__(self, late: Nanos, lost: Nanos, now: Nanos) -> None:
        self._late, self._lost = late, lost
        self._since = now
        self._beaten = False

    def begin(self, now: Nanos) -> None:
        """The run begins; an overseer may come as late as one may be silent."""
        self._since = now

    def beat(self, now: Nanos) -> None:
        """A beat came."""
        self._since = now
        self._beaten = True

    def state(self, now: Nanos, before: Overseen) -> Overseen:
        """WATCHED, LATE from `late` on, LOST from `lost` on (reliability.md 2.6). An engine that
        was started again is not relieved by its start, only by a beat: `before` is what it knew.
        """
        silent = now - self._since
        late = Overseen.LATE if silent >= self._late else Overseen.WATCHED
        found = Overseen.LOST if silent >= self._lost else late
        return found if self._beaten else max(found, before)


class FirmLine:
    """The engine's side."""

    def __init__(
        self,
        loop: Loop,
        run: Path,
        now: Callable[[], Nanos],
        watchman: Watchman,
        on_command: Callable[[int, Command], None],
        on_handed: Callable[[int, Command], None] = _nobody,
        far: Far | None = None,
    ) -> None:
        """`on_command` hears the firm's authority, `on_handed` the desk's; `far`: the overseer is
        there and not in the run folder.
        """
        self._now = now
        self._watchman = watchman
        self._on_command = on_command
        self._on_handed = on_handed
        path = run / SOCKET
        self._line = Dialer(
            loop,
            lambda: unix_connect(path) if far is None else tcp_begin(*far.address),
            Beat | Ordered | Handed,
            self._take,
            lambda: None,
            SILENT if far is not None else 0,
            channel=None if far is None else far.channel,
        )

    def begin(self, now: Nanos) -> None:
        """The run begins."""
        self._watchman.begin(now)

    def tick(self, now: Nanos, before: Overseen) -> Overseen:
        """Connect when it is time to; what is known of the overseer now."""
        self._line.tick(now)
        return self._watchman.state(now, before)

    def show(self, view: Notify) -> None:
        """Tell the overseer a view; nobody is waited for."""
        if view.topic in TOPICS:
            self._line.send(view)

    def taken(self, proposal: int) -> None:
        """Confirm a command once it is journaled."""
        self._line.send(Taken(proposal))

    def _take(self, message: Beat | Ordered | Handed) -> None:
        if isinstance(message, Beat):
            self._watchman.beat(self._now())
        elif isinstance(message, Handed):
            self._on_handed(message.proposal, message.command)
        else:
            self._on_command(message.proposal, message.command)


class DeskDoor:
    """The overseer's side: one engine at a time, the latest."""

    def __init__(
        self,
        loop: Loop,
        run: Path,
        on_message: Callable[[Any], None],
        on_up: Callable[[], None],
        far: Far | None = None,
    ) -> None:
        """`far`: where engines of other hosts come to, besides the socket in the run folder."""
        self._loop = loop
        self._on_message = on_message
        self._on_up = on_up
        self._engine: Connection | None = None
        self._beat_at: Nanos = 0
        loop.listen(unix_listener(run / SOCKET), self._accept)
        self.port = 0
        if far is not None:
            listener = tcp_listener(*far.address)
            self.port = int(listener.getsockname()[1])
            secure = far.channel
            loop.listen(listener, lambda sock: self._accept(sock, secure))

    @property
    def up(self) -> bool:
        """Whether an engine is there."""
        return self._engine is not None

    def tick(self, now: Nanos) -> None:
        """Beat; called once a turn, so a process that is stuck does not."""
        if self._engine is not None and now >= self._beat_at:
            self._beat_at = now + BEAT_EVERY
            self._engine.send(encode_frame(Beat(0)))

    def send(self, message: Ordered | Handed) -> bool:
        """Queue a command; False without an engine, then nothing was sent."""
        if self._engine is None:
            return False
        self._engine.send(encode_frame(message))
        return True

    def _accept(self, sock: Any, secure: Callable[[], Channel] | None = None) -> None:
        frames: FrameReader[Any] = FrameReader(Notify | Taken)

        def on_data(data: bytes) -> None:
            take_frames(connection, frames, data, self._on_message)

        def on_close(why: str) -> None:
            if self._engine is connection:
                self._engine = None

        channel = None if secure is None else secure()
        connection = Connection(self._loop, sock, on_data, on_close, channel=channel)
        if channel is None:
            self._seat(connection)
        else:
            channel.on_proven = lambda: self._seat(connection)

    def _seat(self, connection: Connection) -> None:
        """An engine is there, if need be in place of another."""
        before, self._engine = self._engine, connection
        if before is not None:
            before.close("another engine is here")
        self._beat_at = 0
        self._on_up()
