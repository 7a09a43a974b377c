"""The gate before anything is kept in JetStream: version, fsync, size of the cluster (promise 32).

JetStream acknowledges before it syncs unless `sync_interval: always` is set, and only its monitor
tells whether it is. So every server of the configuration has its monitor there, and the server that
a line is attached to must be one of those that answered well. A monitor that does not answer is no
reason to refuse, a server that says something wrong is.
"""

import http.client
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quanheng.edge.nats_config import MessagingError, Servers
from quanheng.edge.tls import CARRIER, MESSAGING, client_context

LEAST_VERSION = (2, 15)
LEAST_PAYLOAD = 1 << 20
"""Bytes that a server must take in one message, the server's own default; a frame that does not fit
cannot be copied.
"""
PATIENCE = 1.0
"""Seconds for a monitor to answer."""
PAGE = "/varz"


class GateRefusedError(MessagingError):
    """A server is not as promise 32 wants it; nothing may be kept there."""


def numbers(version: str) -> tuple[int, ...]:
    """(2, 15, 1) of "2.15.1" and of "2.15.1-beta"; empty for what is no version."""
    parts = version.split("-")[0].split(".")
    return tuple(int(part) for part in parts) if all(p.isdigit() for p in parts) else ()


def page_of(monitor: str, tls: str = "") -> dict[str, Any] | None:
    """What a monitor says of its server; None when it does not answer. With certificates in `tls`
    it has to show one of the servers' name.
    """
    place = urlsplit(monitor)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    line = kind(place.hostname or "", place.port, timeout=PATIENCE)
    try:
        if tls:
            context = client_context(Path(tls), CARRIER)
            plain = socket.create_connection((line.host, line.port), PATIENCE)
            line.sock = context.wrap_socket(plain, server_hostname=MESSAGING)
        line.request("GET", PAGE)
        answer = line.getresponse()
        found = json.loads(answer.read()) if answer.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):  # certificates among them
        return None
    finally:
        line.close()
    return found if isinstance(found, dict) else None


def server_problem(page: dict[str, Any], servers: Servers) -> str:
    """Why a server with such a page may hold nothing of ours, or ""."""
    name = page.get("server_name", page.get("server_id", "?"))
    stream = page.get("jetstream") or {}
    settings = stream.get("config") or {}
    version, size = str(page.get("version", "")), (stream.get("meta") or {}).get("cluster_size", 1)
    if numbers(version) < LEAST_VERSION:
        least = ".".join(str(part) for part in LEAST_VERSION)
        return f"server {name}: version {version or '?'} is below {least}"
    if not settings:
        return f"server {name}: JetStream is not enabled"
    if settings.get("sync_always") is not True:
        return f"server {name}: sync_interval is not always: it acknowledges before it syncs"
    if int(page.get("max_payload", 0)) < LEAST_PAYLOAD:
        return f"server {name}: max_payload {page.get('max_payload')} is below {LEAST_PAYLOAD}"
    if servers.replicas > 1 and size != len(servers.monitors):
        return f"server {name}: the cluster has {size} servers, {len(servers.monitors)} are listed"
    return ""


def examine(servers: Servers, attached: str) -> int:
    """How many servers answered, all of them as they should. `attached`: id of the one that our
    line leads to. GateRefusedError names the server and the setting.
    """
    answers = (page_of(one, servers.tls) for one in servers.monitors)
    seen = [page for page in answers if page is not None]
    for page in seen:
        problem = server_problem(page, servers)
        if problem:
            raise GateRefusedError(problem)
    if all(page.get("server_id") != attached for page in seen):
        raise GateRefusedError(
            f"server {attached}: no monitor that is listed belongs to it, so nobody can tell "
            "whether it syncs"
        )
    return len(seen)
