"""The section `messaging` of a node's configuration, and what must hold of it (docs/messaging)."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from quanheng.edge.pair_config import beyond_loopback

MACHINES = ("maker", "oversight")
"""Machines of the firm's node; the exchange's journal is not ours to copy."""
LEAST_LEASE_MS = 20_000
"""A lease in the store must outlast an election of its servers: 4 to 9 s by their constants, once
14.9 s in a measurement (dependencies.md 4), and some seconds until a client is at another one.
"""


class Servers(msgspec.Struct, frozen=True):
    """Addresses of a cluster: of clients (nats://host:port), of monitors (http://host:port) in
    the same order, and of how many servers a message must be on. `tls`: the folder of certificates
    that lines to them are secured with, "" for none.
    """

    urls: tuple[str, ...]
    monitors: tuple[str, ...]
    replicas: int = 3
    tls: str = ""


class MessagingError(RuntimeError):
    """What was asked of the messaging servers failed; the text names server and reason."""


class MessagingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """NATS JetStream as a carrier of copies (docs/messaging.md). `enabled`: the journals of
    `machines` are copied into streams. `servers` (nats://host:port) and `monitors`
    (http://host:port) name the same servers in the same order; `replicas`: 3, or 1 of one server.
    `tls`: folder of certificates (`quanheng pair-keys`); then monitors are https. Lines beyond
    loopback are secured unless `plain` says that they may do without.
    """

    enabled: bool = False
    servers: tuple[str, ...] = ()
    monitors: tuple[str, ...] = ()
    replicas: int = 3
    machines: tuple[str, ...] = ("maker",)
    tls: str = ""
    plain: bool = False


def servers_of(config: MessagingConfig) -> Servers:
    """What a line to them needs."""
    tls = str(Path(config.tls).resolve()) if config.tls else ""
    return Servers(config.servers, config.monitors, config.replicas, tls)


def problem(config: MessagingConfig, lease: str, lease_ms: int, peers: Sequence[str]) -> str:
    """What is wrong, beginning with its key, or "". `lease` and `lease_ms`: of `standby`."""
    if lease not in ("arbiter", "nats"):
        return f"standby.lease: {lease!r} is not arbiter or nats"
    if lease == "nats" and lease_ms < LEAST_LEASE_MS:
        return (
            f'standby.lease_ms: {lease_ms} with lease = "nats" must be at least {LEAST_LEASE_MS}: '
            "an election of the servers would stop trading"
        )
    if not config.enabled and lease == "arbiter":
        return ""
    count = len(config.servers)
    if config.replicas not in (1, 3):
        return f"messaging.replicas: {config.replicas} is not 1 or 3"
    if count != len(config.monitors) or not count:
        return f"messaging.monitors: {len(config.monitors)} for {count} servers"
    if (config.replicas == 3 and (count < 3 or count % 2 == 0)) or (
        config.replicas == 1 and count != 1
    ):
        return f"messaging.servers: {count} with replicas = {config.replicas}"
    for key, addresses, schemes in (
        ("servers", config.servers, ("nats",)),
        ("monitors", config.monitors, ("https",) if config.tls else ("http", "https")),
    ):
        for number, address in enumerate(addresses):
            why = _address_problem(address, schemes, peers)
            secured = config.tls or config.plain
            if not why and not secured and beyond_loopback(urlsplit(address).hostname or ""):
                why = (
                    f"{address} is beyond loopback and messaging.tls names no certificates; "
                    "messaging.plain = true lets lines to the servers be plain"
                )
            if why:
                return f"messaging.{key}[{number}]: {why}"
    for one in config.machines:
        if one not in MACHINES:
            return f"messaging.machines: {one!r} is not one of {MACHINES}"
    return "" if config.machines else "messaging.machines: none is listed"


def _address_problem(address: str, schemes: tuple[str, ...], peers: Sequence[str]) -> str:
    try:
        place = urlsplit(address)
        host, port = place.hostname, place.port
    except ValueError as error:
        return f"{address!r}: {error}"
    if place.scheme not in schemes or not host or not port:
        return f"{address!r} is not {schemes[0]}://host:port"
    if place.username or place.password or place.path not in ("", "/"):
        return "an address holds a host and a port, nothing else"
    return "" if host in peers else f"{host} is not in isolation.peers"
