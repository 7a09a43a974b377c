"""The WebSocket: one per browser, data down, subscriptions and acknowledgements up.

Up, JSON: {"t":"sub","ch":[…]} {"t":"unsub","ch":[…]} {"t":"a","n":1} {"t":"rate","hz":2}
{"t":"scene","replay":true} {"t":"act"}. Down: see `frames`, and {"t":"hello"}, {"t":"hb"},
{"t":"no","ch"}, {"t":"scene","id"}. Commands never come this way.
"""

import asyncio
import contextlib
import time
from typing import Any

import msgspec
from litestar import WebSocket
from litestar.exceptions import WebSocketException
from litestar.handlers import websocket

from quanheng.desk.door import COOKIE, INSIDE, may_see, session_of
from quanheng.desk.hub import FASTEST, SLOWEST, Client, Hub
from quanheng.desk.ports import END

TOO_MANY = 64
"""Channels of one browser."""
MOST_BYTES = 16_384
MOST_SOCKETS = 8
"""Sockets of one session; a person has a few windows, not hundreds."""
MOST_A_SECOND = 200
"""Messages of one browser; a page says some sixty in its busiest second."""
ACT_EVERY = 10.0
"""Seconds between two acts of a browser that are taken down."""
OVER = 4401
"""Close code of a session that is over."""
BUSY = 4429
"""Close code for too many sockets, for too many messages, and for a line that is not read."""
CLOSING_S = 1.0
"""How long a line may take to be closed."""

AnySocket = WebSocket[Any, Any, Any]


class Up(msgspec.Struct, frozen=True):
    """What a browser may say."""

    t: str
    ch: list[str] = []
    n: int = 1
    hz: float = 0.0
    replay: bool = False


_UP = msgspec.json.Decoder(Up)


class Socket:
    """`hub.Line` over a litestar socket."""

    def __init__(self, socket: AnySocket) -> None:
        self._socket = socket

    async def send_bytes(self, data: bytes) -> None:
        """A binary frame."""
        await self._socket.send_bytes(data)

    async def send_text(self, data: str) -> None:
        """A text frame."""
        await self._socket.send_text(data)


@websocket("/ws", opt={"permit": INSIDE})
async def stream(socket: AnySocket) -> None:
    """Everything that moves, until the browser leaves or its session is over."""
    session = await session_of(socket)
    assert session is not None, "the door is in front"
    state = socket.app.state
    hub: Hub = state.hub
    await socket.accept()
    client = Client(Socket(socket), session, END)
    client.token = socket.cookies.get(COOKIE, "")
    if sum(one.token == client.token for one in hub.clients) >= MOST_SOCKETS:
        await socket.close(code=BUSY)
        return
    hub.join(client)
    client.say(msgspec.json.encode({"t": "hello", "user": session.user}).decode())
    writer = asyncio.create_task(client.write())
    reader = asyncio.create_task(_read(socket, client))
    cutter = asyncio.create_task(client.cut.wait())
    try:
        await asyncio.wait((writer, reader, cutter), return_when=asyncio.FIRST_COMPLETED)
    finally:
        hub.leave(client)
        state.console.left(client.scene)
        for task in (writer, reader, cutter):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        code = OVER if client.over else BUSY if client.cut.is_set() else 1000
        with contextlib.suppress(Exception):
            await asyncio.wait_for(socket.close(code=code), CLOSING_S)


async def _read(socket: AnySocket, client: Client) -> None:
    """Take what a browser says; anything that is no message of ours ends the connection."""
    hub: Hub = socket.app.state.hub
    second, count = 0, 0
    while True:
        try:
            text = await socket.receive_text()
        except WebSocketException:
            return
        now = int(time.monotonic())
        second, count = now, (count + 1 if now == second else 1)
        if count > MOST_A_SECOND:
            client.cut.set()
            return
        if len(text) > MOST_BYTES:
            return
        try:
            said = _UP.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return
        match said.t:
            case "a":
                hub.painted(client, said.n, time.monotonic())
            case "sub":
                _subscribe(socket, client, said.ch)
            case "unsub":
                for name in said.ch:
                    hub.unsubscribe(client, name)
            case "act":
                if time.monotonic() - client.acted > ACT_EVERY:  # a person is at the keys
                    client.acted = time.monotonic()
                    socket.app.state.console.acted(client.token)
            case "rate":
                hz = min(max(said.hz, SLOWEST), FASTEST)
                client.pause = 1.0 / hz if said.hz else 0.0
            case "scene":
                _stand(socket, client, said.replay)
            case _:
                return


def _subscribe(socket: AnySocket, client: Client, names: list[str]) -> None:
    hub: Hub = socket.app.state.hub
    for name in names:
        full = len(client.subscriptions) >= TOO_MANY and name not in client.subscriptions
        if full or not may_see(client.session, name):
            client.say(msgspec.json.encode({"t": "no", "ch": name}).decode())
            continue
        hub.subscribe(client, name)
    socket.app.state.console.hurry()


def _stand(socket: AnySocket, client: Client, replay: bool) -> None:
    """To a scene of one's own, or back to the end of the run."""
    console = socket.app.state.console
    if replay and not client.session.permits("replay"):
        client.say(msgspec.json.encode({"t": "no", "ch": "replay"}).decode())
        return
    old = client.scene
    if replay and old == END:
        socket.app.state.hub.stand(client, console.new_scene(client.token))
    elif not replay and old != END:
        socket.app.state.hub.stand(client, END)
        console.left(old)
    client.say(msgspec.json.encode({"t": "scene", "id": client.scene}).decode())
    console.hurry()
