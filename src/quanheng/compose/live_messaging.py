"""What a live run gives its copiers and the agents of a lease in the store (docs/messaging.md).

Each node's folder has a copier of its own that copies the journals that lie there, so that two of
them never write one stream. RUN/copier.json names the streams for whoever reads them elsewhere.
"""

import os
from pathlib import Path

import msgspec

from quanheng.compose.live_nodes import NODE_B, copy_roles, copying, place
from quanheng.config import Config
from quanheng.edge.kv_arbiter import KvSetup
from quanheng.edge.nats_config import servers_of
from quanheng.edge.nats_copying import PLACE, Place, Setup, streams_of
from quanheng.terms.units import MILLISECOND

BUCKET = "QH-LEASE"
COPIER, LEASE = "copier", "lease"
LEASES = (LEASE, f"{LEASE}{NODE_B}")


def copiers_of(config: Config) -> tuple[str, ...]:
    """Roles of the copiers of a run."""
    messaging = config.messaging
    return copy_roles(config, COPIER, messaging.machines) if messaging.enabled else ()


def leases_of(config: Config) -> tuple[str, ...]:
    """Roles that hold the lease of a pair: the arbiter, or an agent beside each node."""
    if not config.standby.enabled:
        return ()
    return LEASES if config.standby.lease == "nats" else ("arbiter",)


def write_copiers(run: Path, config: Config) -> None:
    """The copiers' parts; folders must be there."""
    roles = copiers_of(config)
    for folder, title, machines in copying(run, roles, config.messaging.machines):
        found = folder / PLACE
        if found.exists():
            streams = msgspec.json.decode(found.read_bytes(), type=Place).streams
        else:
            streams = streams_of(title, machines, os.urandom(4).hex())
            found.write_bytes(msgspec.json.encode(Place(streams)) + b"\n")
        setup = Setup(servers_of(config.messaging), streams)
        (folder / "live" / "copier.msgpack").write_bytes(msgspec.msgpack.encode(setup))


def write_leases(run: Path, config: Config, ports: tuple[int, ...] = (0, 0)) -> None:
    """The agents' parts, one beside each node. `ports`: those they were given at their first start,
    so that nodes find them again after another.
    """
    pair = config.standby
    key = run.name.replace(".", "_")
    held = run / "live" / "lease.msgpack"
    if held.exists():
        key = msgspec.msgpack.decode(held.read_bytes(), type=KvSetup).key
    else:
        key = f"{key}-{os.urandom(4).hex()}"
    for slot, (role, host) in enumerate(zip(LEASES, (pair.host_a, pair.host_b), strict=True)):
        _, folder = place(run, role)
        (folder / "live").mkdir(parents=True, exist_ok=True)
        setup = KvSetup(
            host=host,
            port=ports[slot],
            node="ab"[slot],
            slot=1 - slot,  # the first epoch of node a is 1
            servers=servers_of(config.messaging),
            bucket=BUCKET,
            key=key,
            lease=pair.lease_ms * MILLISECOND,
            grace=pair.grace_ms * MILLISECOND,
            peers=config.isolation.peers,
        )
        (folder / "live" / "lease.msgpack").write_bytes(msgspec.msgpack.encode(setup))
