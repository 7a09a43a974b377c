"""The section `standby` of a node's configuration, and what must hold of it (docs/standby.md)."""

import msgspec


class StandbyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A second node (docs/standby.md). `alone`: the leader goes on without a follower; else nothing
    leaves without one. Hosts are where nodes a and b and the arbiter listen; what leaves this
    machine is secured with the certificates in `tls`, unless `plain` says that it may do without.
    `lease`: by the arbiter, or in the store of the servers of `messaging` (docs/messaging.md).
    """

    enabled: bool = False
    lease: str = "arbiter"
    alone: bool = True
    late_ms: int = 1_000  # a follower that confirms nothing for so long is lost
    lease_ms: int = 3_000
    grace_ms: int = 200  # for a leader whose line to the arbiter ended
    logon_s: int = 5  # heartbeats of the exchange session: how soon a dead host's session ends
    host_a: str = "127.0.0.1"
    host_b: str = "127.0.0.1"
    host_arbiter: str = "127.0.0.1"
    host_overseer: str = ""  # where the overseer listens for nodes of other hosts; "": nowhere
    port_overseer: int = 0
    tls: str = ""  # folder of certificates (`quanheng pair-keys`); empty: plain links
    plain: bool = False  # links beyond loopback may be plain


def beyond_loopback(host: str) -> bool:
    """Whether a link to a host leaves this machine; "" is no host."""
    return bool(host) and host != "localhost" and not host.startswith("127.")


def problem(standby: StandbyConfig) -> str:
    """The key of a link between hosts that cannot be, and why not; "" for none: one that would
    leave this machine without TLS, or to an overseer whose port nobody knows.
    """
    if standby.host_overseer and not 0 < standby.port_overseer < 65_536:
        return "port_overseer: nodes of other hosts have to be told the port"
    keys = ("host_a", "host_b", "host_arbiter", "host_overseer")
    for key in keys if standby.enabled and not (standby.tls or standby.plain) else ():
        host = getattr(standby, key)
        if beyond_loopback(host):
            return (
                f"{key}: {host} is beyond loopback and standby.tls names no certificates; "
                "standby.plain = true lets links between hosts be plain"
            )
    return ""
