"""Who may connect to the console at all: listed hosts, before any page or password (T-04, O-06)."""

from collections.abc import Callable

from litestar.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "::1")
POLICY = 1008
"""Close code of a WebSocket that breaks a rule."""


class ListedHosts:
    """An application around another one that serves listed hosts only. `refused` hears of others.

    The peer's address is the socket's, never a header's: nothing stands between that may speak for
    somebody else.
    """

    def __init__(
        self, app: ASGIApp, hosts: tuple[str, ...], refused: Callable[[str], None]
    ) -> None:
        self._app, self._hosts, self._refused = app, hosts, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, as ASGI has it."""
        kind: str = scope["type"]
        if kind not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        client = scope["client"]
        host = client[0] if client else ""
        if host in self._hosts:
            await self._app(scope, receive, send)
            return
        self._refused(host)
        if kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": POLICY, "reason": "not listed"})
            return
        await send({"type": "http.response.start", "status": 403, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
