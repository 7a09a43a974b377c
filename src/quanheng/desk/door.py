"""The door: no route and no channel without a named permission, and none of it from elsewhere.

A handler names what it needs in its option `permit`; a handler that names nothing is closed, and a
console with one does not start. Every request of a page that changes something carries the
session's token in a header, and comes from our origin. A program comes with a token of its own in
the header Authorization, which no browser sends by itself, and only to handlers with `api`.
"""

import time
from collections.abc import Iterable, Iterator
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.exceptions import (
    NotAuthorizedException,
    PermissionDeniedException,
    TooManyRequestsException,
)
from litestar.handlers import BaseRouteHandler
from litestar.types import Message, Scope

from quanheng.desk.access import (
    COMMANDS,
    RIGHTS,
    SITE_COMMANDS,
    SITE_VIEWS,
    VIEWS,
    Access,
    Session,
)

PUBLIC = "public"
"""Needs nobody: the page itself, its words, the login."""
SESSION = "session"
"""Needs somebody, whoever it is."""
ITSELF = "x-quanheng-itself"
"""What the page asks without a person: it keeps no session awake."""
INSIDE = "inside"
"""Needs somebody who has any right here: what all pages of an account share (O-06)."""
KEPT = "quanheng.session"
"""Where a connection's session is kept once it was looked up."""
COOKIE = "quanheng"
CSRF = "x-quanheng-csrf"
BEARER = "bearer "
"""How the header Authorization of a program begins, in any case."""
SAFE = ("GET", "HEAD", "OPTIONS")
PERMITS = (PUBLIC, SESSION, INSIDE, *VIEWS, *COMMANDS, *RIGHTS, *SITE_VIEWS, *SITE_COMMANDS)
"""Every permission a handler may name."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}

VIEW_OF = {
    "board": "trade", "curve": "trade", "classes": "trade", "settings": "trade",
    "account": "trade", "duty": "duty", "contracts": "duty", "losing": "duty", "risk": "risk",
    "profit": "risk", "heat": "risk", "limits": "risk", "orders": "orders", "working": "orders",
    "trades": "orders", "inquiries": "rfq", "alerts": "alerts", "monitors": "alerts",
    "approvals": "approve", "sys": INSIDE,
    "positions": "trade", "margin": "risk", "inventory": "trade", "exercise": "orders",
    "clearing": "orders", "strategies": "trade", "people": "people", "rights": "people",
    "funds": "accounts", "holdings": "accounts", "units": "accounts", "combos": "accounts",
    "auction": "auction",
}  # fmt: skip
"""The view that a channel or table belongs to; one that is not here does not exist."""


def harden(message: Message, scope: Scope) -> None:
    """Put the headers on every answer, refusals and what the framework says by itself included."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)


Connection = ASGIConnection[Any, Any, Any, Any]


class Closed(PermissionDeniedException):
    """This session may not do that."""


def may(session: Session, permit: str) -> bool:
    """Does a session have a permission?"""
    if permit == INSIDE:
        return any(map(session.permits, (*VIEWS, *RIGHTS, *SITE_VIEWS)))
    return permit == SESSION or session.permits(permit)


def may_see(session: Session, channel: str) -> bool:
    """May a session follow a channel, or take a table?"""
    view = VIEW_OF.get(channel.partition("/")[0])
    return view is not None and may(session, view)


def bearer_of(connection: Connection) -> str:
    """The token of a program, "" without one."""
    given = connection.headers.get("authorization", "")
    return given[len(BEARER) :].strip() if given[: len(BEARER)].lower() == BEARER else ""


def seated(connection: Connection) -> Session | None:
    """The session that was looked up for a connection, by the door in front of it."""
    kept: Any = connection.scope.get(KEPT, (None,))
    found: Session | None = kept[0]
    return found


async def session_of(connection: Connection) -> Session | None:
    """Whose connection it is, looked up once for each. A socket is opened by the page, again and
    again, and by no person.

    The look-up waits for a store of people, in a thread: a store that stalls holds up who asks it
    and nobody's pictures.
    """
    kept: Any = connection.scope.get(KEPT)
    if kept is not None:
        return seated(connection)
    access: Access = connection.app.state.access
    program = bearer_of(connection)
    token = connection.cookies.get(COOKIE, "")
    socket = connection.scope["type"] == ScopeType.WEBSOCKET
    awake = not socket and ITSELF not in connection.headers
    found: Session | None = None
    if program:
        found = await connection.app.state.console.admitted(lambda: access.bearer(program))
    elif token:
        look = connection.app.state.console.admitted
        found = await look(lambda: access.session(token, active=awake))
    connection.scope[KEPT] = (found,)  # type: ignore[literal-required]
    return found


def same_origin(connection: Connection) -> bool:
    """Does a request come from our own page?"""
    origin = connection.headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == connection.headers.get("host", "")


async def _program(connection: Connection) -> Session | None:
    """The session of a program's token. TooManyRequestsException for one that asks too often, and
    for an address that tries tokens.
    """
    state, now = connection.app.state, time.monotonic()
    where = connection.client.host if connection.client else ""
    if state.tries.wait(where, now):
        raise TooManyRequestsException("too many tokens that open nothing came from there")
    session = await session_of(connection)
    if session is None:
        state.tries.failed(where, now)
    elif not state.rates.allow(bearer_of(connection), now):
        raise TooManyRequestsException("too many requests of this token in a second")
    return session


async def door(connection: Connection, handler: BaseRouteHandler) -> None:
    """The guard of every handler. NotAuthorizedException without a session, Closed without the
    permission, the token or the origin.
    """
    permit = handler.opt.get("permit")
    if permit is None:
        raise Closed("this route is closed")
    program = bool(bearer_of(connection))
    if program and not handler.opt.get("api"):
        raise Closed("a token opens the interface for programs and nothing else")
    socket = connection.scope["type"] == ScopeType.WEBSOCKET
    changes = not program and (socket or connection.scope.get("method") not in SAFE)
    if changes and not same_origin(connection):
        raise Closed("the request comes from another origin")
    if permit == PUBLIC:
        return
    session = await (_program(connection) if program else session_of(connection))
    if session is None:
        raise NotAuthorizedException("sign in first")
    if changes and not socket:
        given = connection.headers.get(CSRF, "")
        if not compare_digest(given.encode(), session.csrf.encode()):
            raise Closed("the request does not carry the session's token")
    if not may(session, permit):
        raise Closed(f"this needs {permit}")


class OpenRouteError(Exception):
    """A handler that names no permission there is; the console does not start with it."""


Route = tuple[str, str, str, bool]
"""Method (WS for a socket), path, permission, open to programs."""


def declared(app: Litestar) -> Iterator[Route]:
    """Every route of an application as its handlers declare it, the framework's own included; what
    answers OPTIONS names nothing and stays closed.
    """
    for route in app.routes:
        handlers: Iterable[Any] = getattr(route, "route_handlers", None) or (
            getattr(route, "route_handler", None),
        )
        for handler in handlers:
            methods = [str(one) for one in getattr(handler, "http_methods", ())] or ["WS"]
            for method in sorted(methods):
                if method != "OPTIONS":
                    permit = str(handler.opt.get("permit", ""))
                    yield method, route.path, permit, bool(handler.opt.get("api"))


def check_routes(app: Litestar) -> None:
    """OpenRouteError for a route without a permission, or with one that nobody can have."""
    for method, path, permit, _ in declared(app):
        if permit not in PERMITS:
            raise OpenRouteError(f"{method} {path}: permit {permit!r} is no permission")
