"""Who gets which change when: channels, clients, the window of frames in flight, conflation.

A channel is a board or keyed rows. A change is encoded once and shared by every client that is in
step. A client may have WINDOW frames that it has not painted yet; what changes meanwhile is only
marked, and the newest values go out when it has caught up, so a stalled browser costs no memory and
is never behind by more than one frame (console.md 6). Rows are marked by key and none is skipped.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec
import numpy as np

from quanheng.desk.access import Session
from quanheng.desk.frames import Cells, Marks, Row, Rows, board_frame, changed, rows_frame

_JSON = msgspec.json.Encoder()
WINDOW = 4
"""Frames that may be on their way to a client."""
MOST_WAITING = 64
"""Frames that may wait for a line: an honest browser has WINDOW of them and a few answers, one that
acknowledges what it has not read is cut off.
"""
FEW = 8
"""Waiting frames above which a heartbeat is left out: the next one says more."""
SLOWEST = 0.1
FASTEST = 10.0


class Board(msgspec.Struct, frozen=True):
    """A board as it is now; `instant_ms` is its market's own time since the epoch."""

    cells: Cells
    instant_ms: float


Picture = Mapping[str, "Board | Rows"]
"""Channels of a scene as they are now, by name."""


class Line(Protocol):
    """The way to one browser."""

    async def send_bytes(self, data: bytes) -> None:
        """A binary frame."""

    async def send_text(self, data: str) -> None:
        """A text frame."""


class Channel:
    """The last state of a channel and the frames that lead to it."""

    def __init__(self, name: str, now: "Board | Rows") -> None:
        self.name = name
        last = name.rpartition("/")[2]
        self.number = int(last) if last.isdigit() else 0  # board/3 is channel 3 of the boards
        self.seq = 1
        self.now = now
        self.marks: Marks | None = None
        self.up: Rows = {}
        self.gone: list[str] = []
        self._frame = b""

    def move(self, now: "Board | Rows") -> bool:
        """Take a new state; True when something changed."""
        if now is self.now:
            return False
        before, self.now = self.now, now
        if isinstance(now, Board) and isinstance(before, Board):
            if now.cells.shape != before.cells.shape:
                self.marks = np.ones(now.cells.shape, dtype=np.bool_)
            else:
                self.marks = now.cells != before.cells
            if not self.marks.any():
                return False
        else:
            assert isinstance(now, dict) and isinstance(before, dict), "a channel keeps its kind"
            self.up, self.gone = changed(before, now)
            if not self.up and not self.gone:
                return False
        self.seq += 1
        self._frame = b""
        return True

    def step(self) -> bytes:
        """The frame from the state before to this one, made once."""
        if not self._frame:
            base = self.seq - 1
            if isinstance(self.now, Board):
                cells, ms = self.now.cells, self.now.instant_ms
                self._frame = board_frame(self.number, self.seq, base, ms, cells, self.marks)
            else:
                self._frame = rows_frame(self.name, self.seq, base, self.up, self.gone, False)
        return self._frame

    def whole(self) -> bytes:
        """A frame with everything."""
        if isinstance(self.now, Board):
            now = self.now
            return board_frame(self.number, self.seq, 0, now.instant_ms, now.cells, None)
        return rows_frame(self.name, self.seq, 0, self.now, [], True)


class Subscription:
    """What one client knows of a channel. `seq` 0: nothing yet."""

    def __init__(self) -> None:
        self.seq = 0
        self.marks: Marks | None = None
        self.keys: dict[str, bool] = {}  # changed since, False for gone

    def mark(self, channel: Channel) -> None:
        """Remember a change instead of sending it."""
        if not self.seq:
            return
        if isinstance(channel.now, Board):
            if self.marks is None or self.marks.shape != channel.now.cells.shape:
                self.marks = np.zeros(channel.now.cells.shape, dtype=np.bool_)
            assert channel.marks is not None
            self.marks |= channel.marks
        else:
            self.keys.update(dict.fromkeys(channel.up, True))
            self.keys.update(dict.fromkeys(channel.gone, False))

    @property
    def behind(self) -> bool:
        """Is there something to catch up with?"""
        return self.marks is not None or bool(self.keys) or not self.seq

    def catch_up(self, channel: Channel) -> bytes:
        """One frame to the newest state."""
        base, self.seq = self.seq, channel.seq
        marks, self.marks = self.marks, None
        keys, self.keys = self.keys, {}
        if not base:
            return channel.whole()
        if isinstance(channel.now, Board):
            now = channel.now
            number = channel.number
            return board_frame(number, channel.seq, base, now.instant_ms, now.cells, marks)
        up: dict[str, Row] = {key: channel.now[key] for key in keys if key in channel.now}
        gone = [key for key in keys if key not in channel.now]
        return rows_frame(channel.name, channel.seq, base, up, gone, False)


class Client:
    """One browser: its subscriptions, what is on its way, and the task that writes to it."""

    def __init__(self, line: Line, session: Session, scene: str) -> None:
        self.line = line
        self.session = session
        self.scene = scene
        self.subscriptions: dict[str, Subscription] = {}
        self.flying = 0
        self.pause = 0.0
        self.quiet_until = 0.0
        self.frames = 0
        self.token = ""
        self.acted = float("-inf")  # when a person last did something, monotonic seconds
        self.over = False  # its session is
        self.cut = asyncio.Event()  # it does not read what it asks for
        self._out: asyncio.Queue[bytes | str | None] = asyncio.Queue(MOST_WAITING + 1)

    def say(self, frame: bytes | str) -> None:
        """Queue a frame; at most WINDOW of channels and what answers a subscription."""
        if self._out.qsize() >= MOST_WAITING:
            self.cut.set()
        else:
            self._out.put_nowait(frame)

    def beat(self, frame: str) -> None:
        """Queue a heartbeat, unless the line is stalled: memory stays where it is."""
        if self._out.qsize() < FEW:
            self._out.put_nowait(frame)

    def free(self, now: float) -> bool:
        """May a channel's frame go out now?"""
        return self.flying < WINDOW and now >= self.quiet_until

    def fly(self, frame: bytes, now: float) -> None:
        """Send a channel's frame; the browser acknowledges it once it is painted."""
        self.flying += 1
        self.frames += 1
        if self.pause:
            self.quiet_until = now + self.pause
        self.say(frame)

    def end(self) -> None:
        """Let the writing task finish."""
        if not self._out.full():  # one place more than frames may wait: then it has been said
            self._out.put_nowait(None)

    async def write(self) -> None:
        """Write what is queued until the end."""
        while (frame := await self._out.get()) is not None:
            if isinstance(frame, bytes) and frame[:1] != b"{":
                await self.line.send_bytes(frame)
            else:
                await self.line.send_text(frame if isinstance(frame, str) else frame.decode())


class Hub:
    """All channels of all scenes and everybody who follows them. One event loop's."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self._channels: dict[tuple[str, str], Channel] = {}

    def wanted(self) -> dict[str, list[str]]:
        """Channels that somebody follows, by scene."""
        found: dict[str, dict[str, None]] = {}
        for client in self.clients:
            found.setdefault(client.scene, {}).update(dict.fromkeys(client.subscriptions))
        return {scene: list(names) for scene, names in found.items()}

    def join(self, client: Client) -> None:
        """A browser has come."""
        self.clients.append(client)

    def leave(self, client: Client) -> None:
        """A browser has gone; channels that nobody follows any more are forgotten."""
        if client in self.clients:
            self.clients.remove(client)
        self._forget()

    def subscribe(self, client: Client, name: str) -> None:
        """Follow a channel from its whole state on; again, to begin anew."""
        client.subscriptions[name] = Subscription()

    def unsubscribe(self, client: Client, name: str) -> None:
        """Follow it no longer."""
        client.subscriptions.pop(name, None)
        self._forget()

    def judge(self, client: Client, session: Session, allowed: Callable[[str], bool]) -> None:
        """Take a session as it is now: channels it may no longer follow end (a wall-crossing that
        has begun, O-05).
        """
        client.session = session
        for name in [name for name in client.subscriptions if not allowed(name)]:
            self.unsubscribe(client, name)
            client.say(_JSON.encode({"t": "no", "ch": name}).decode())

    def stand(self, client: Client, scene: str) -> None:
        """Move a client to another scene: everything begins anew there."""
        client.scene = scene
        client.subscriptions = {name: Subscription() for name in client.subscriptions}
        self._forget()

    def _forget(self) -> None:
        live = {(client.scene, name) for client in self.clients for name in client.subscriptions}
        for key in [key for key in self._channels if key not in live]:
            del self._channels[key]

    def painted(self, client: Client, count: int, now: float) -> None:
        """The browser has painted frames: there is room for what was marked meanwhile."""
        client.flying = max(0, client.flying - count)
        self._flush(client, now)

    def publish(self, scene: str, picture: Picture, now: float) -> None:
        """Take new states of a scene's channels and send what changed."""
        moved: list[Channel] = []
        for name, state in picture.items():
            channel = self._channels.get((scene, name))
            if channel is None:
                self._channels[scene, name] = Channel(name, state)
            elif channel.move(state):
                moved.append(channel)
        for client in self.clients:
            if client.scene == scene:
                self._serve(client, moved, now)

    def _serve(self, client: Client, moved: Iterable[Channel], now: float) -> None:
        for channel in moved:
            mine = client.subscriptions.get(channel.name)
            if mine is None:
                continue
            in_step = mine.seq == channel.seq - 1 and not mine.behind
            if in_step and client.free(now):
                mine.seq = channel.seq
                client.fly(channel.step(), now)
            else:
                mine.mark(channel)
        self._flush(client, now)

    def _flush(self, client: Client, now: float) -> None:
        for name, mine in list(client.subscriptions.items()):
            channel = self._channels.get((client.scene, name))
            if channel is not None and mine.behind and client.free(now):
                client.fly(mine.catch_up(channel), now)
                # Whoever was served goes to the end, so that a slow line starves no channel.
                client.subscriptions[name] = client.subscriptions.pop(name)
