"""The section `database` of a node's configuration: copies of journals in PostgreSQL."""

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

import msgspec

MACHINES = ("maker", "oversight")


class DatabaseConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`enabled`: the journals of `machines` are copied into the database of `url`
    (docs/operations.md). The address holds no password: the driver finds it where PostgreSQL's own
    programs do (PGPASSFILE).
    """

    enabled: bool = False
    url: str = ""
    machines: tuple[str, ...] = ("maker",)


def problem(config: DatabaseConfig, peers: Sequence[str]) -> str:
    """What is wrong, beginning with its key, or ""."""
    if not config.enabled:
        return ""
    try:
        place = urlsplit(config.url)
        hosts = [one for one in (place.hostname, *parse_qs(place.query).get("host", ())) if one]
        secret = place.password or "password" in parse_qs(place.query)
    except ValueError as error:
        return f"url: {error}"
    if place.scheme not in ("postgresql", "postgres") or not place.path.strip("/"):
        return "url: is not postgresql://user@host:port/name"
    if secret:
        return "url: holds a password, which belongs into the file that PGPASSFILE names"
    for host in hosts:
        if not host.startswith("/") and host not in peers:
            return f"url: {host} is not in isolation.peers"
    for one in config.machines:
        if one not in MACHINES:
            return f"machines: {one!r} is not one of {MACHINES}"
    return "" if config.machines else "machines: none is listed"
