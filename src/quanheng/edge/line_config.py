"""The section `line` of a node's configuration, and what must hold of it."""

import msgspec

REFUSE, DISPLACE = "refuse", "displace"


class LineConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses and limits of the lines. Port 0 lets the system choose. Orders and market data
    have a second line each where there is a `standby_host` (T-05). `second_logon`: what the
    simulated exchange does with a logon while a session is up, "refuse" or "displace"; which of
    the two the real one does is not public and has to be tried there (reliability.md 4.2).
    """

    host: str
    order_port: int
    feed_port: int
    etf_port: int
    copy_port: int
    heartbeat_ms: int
    dead_man_ms: int
    messages_per_second: int
    overseer_late_ms: int
    overseer_lost_ms: int
    standby_host: str = ""
    order_standby_port: int = 0
    feed_standby_port: int = 0
    second_logon: str = REFUSE


def problem(line: LineConfig) -> str:
    """What is wrong, beginning with its key, or ""."""
    if line.second_logon not in (REFUSE, DISPLACE):
        return f"second_logon: {line.second_logon!r} is not {REFUSE} or {DISPLACE}"
    if not line.heartbeat_ms * 2 < line.dead_man_ms <= 400:
        return "dead_man_ms: must be over two heartbeats and at most 400"
    if not 1_500 <= line.overseer_late_ms < line.overseer_lost_ms:
        return "overseer_late_ms: must be at least 1500, and less than overseer_lost_ms"
    if not 1 <= line.messages_per_second <= 1_000:
        return "messages_per_second: must be 1 to 1000"
    return ""
