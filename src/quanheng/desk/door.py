"""The door: no route and no channel without a named permission, and none of it from elsewhere.

A handler names what it needs in its option `permit`; a handler that names nothing is closed. Every
request that changes something carries the session's token in a header, and comes from our origin.
"""

from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.types import Message, Scope

from quanheng.desk.access import Access, Session

PUBLIC = "public"
"""Needs nobody: the page itself, its words, the login."""
SESSION = "session"
"""Needs somebody, whoever it is."""
COOKIE = "quanheng"
CSRF = "x-quanheng-csrf"
SAFE = ("GET", "HEAD", "OPTIONS")

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
    "approvals": "approve", "sys": SESSION, "funds": "accounts", "holdings": "accounts",
    "units": "accounts", "combos": "accounts", "auction": "auction",
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
    return permit == SESSION or session.permits(permit)


def may_see(session: Session, channel: str) -> bool:
    """May a session follow a channel, or take a table?"""
    view = VIEW_OF.get(channel.partition("/")[0])
    return view is not None and may(session, view)


def session_of(connection: Connection) -> Session | None:
    """Whose connection it is."""
    access: Access = connection.app.state.access
    token = connection.cookies.get(COOKIE, "")
    return access.session(token) if token else None


def same_origin(connection: Connection) -> bool:
    """Does a request come from our own page?"""
    origin = connection.headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == connection.headers.get("host", "")


def door(connection: Connection, handler: BaseRouteHandler) -> None:
    """The guard of every handler. NotAuthorizedException without a session, Closed without the
    permission, the token or the origin.
    """
    permit = handler.opt.get("permit")
    if permit is None:
        raise Closed("this route is closed")
    socket = connection.scope["type"] == ScopeType.WEBSOCKET
    changes = socket or connection.scope.get("method") not in SAFE
    if changes and not same_origin(connection):
        raise Closed("the request comes from another origin")
    if permit == PUBLIC:
        return
    session = session_of(connection)
    if session is None:
        raise NotAuthorizedException("sign in first")
    if changes and not socket:
        given = connection.headers.get(CSRF, "")
        if not compare_digest(given.encode(), session.csrf.encode()):
            raise Closed("the request does not carry the session's token")
    if not may(session, permit):
        raise Closed(f"this needs {permit}")
