"""Isolation (T-04, O-06): what of a node belongs to market making, and nothing else passes.

A register names the accounts, trading units and hosts of the node. It stands beside the member's
own data in the configuration on purpose: two places have to agree before anything starts.
"""

from pathlib import Path
from typing import Any

import msgspec

from quanheng.edge.clock import monotonic, wall
from quanheng.edge.journal_lines import LineFile, read_lines
from quanheng.edge.loop import Loop
from quanheng.edge.tls import Refusals, refused_alert
from quanheng.terms.codes import Alert

LOCAL = ("127.0.0.1",)
REFUSED = "isolation.jsonl"
"""What was refused in a run by programs that have no log of their own: a line each, with its time
by the wall, its place and the reason. The watch makes red alarms of them.
"""


def foreign_alert(why: str) -> dict[str, Any]:
    """The line of a process's log about something foreign that it refused."""
    return {"what": "alert", "code": Alert.FOREIGN_ACCOUNT, "scope": "*", "args": [why]}


def stranger_alert(host: str) -> dict[str, Any]:
    """The line of a process's log about a host that was turned away."""
    return foreign_alert(f"connection from {host}")


def guard(loop: Loop, peers: tuple[str, ...], lines: LineFile) -> None:
    """Let only these hosts connect; who is turned away or proves nothing is in the process's log,
    from where the watch makes a red alarm of it.
    """
    refusals = Refusals()

    def refused(host: str, why: str) -> None:
        now = monotonic()
        if refusals.fresh(host, why, now):
            lines.add({"at": now, **refused_alert(host, why)})

    loop.peers = peers
    loop.on_stranger = lambda host: lines.add({"at": monotonic(), **stranger_alert(host)})
    loop.on_refused = refused


def record_refusal(run: Path, place: str, why: str) -> None:
    """Keep a refusal with the run; the same one at the same place once."""
    known = [(line["place"], line["why"]) for line in read_lines(run / REFUSED)]
    if (place, why) in known:
        return
    lines = LineFile(run / REFUSED)
    lines.add({"at": wall(), "place": place, "why": why})
    lines.close()


class IsolationError(ValueError):
    """Something names an account, a trading unit or a host that is not this system's."""


class Register(msgspec.Struct, frozen=True):
    """Designated accounts and trading units (PBU) of a node, and the hosts it may talk to."""

    accounts: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    peers: tuple[str, ...] = LOCAL

    def foreign(self, account: str = "", unit: str = "") -> str:
        """Why a record, order or line with these names is not ours; "" when it is. Empty names
        say nothing.
        """
        if account and account not in self.accounts:
            return f"账户 {account} 不属于本系统 account is not one of {', '.join(self.accounts)}"
        if unit and unit not in self.units:
            return (
                f"交易单元 {unit} 不属于本系统 trading unit is not one of {', '.join(self.units)}"
            )
        return ""

    def stranger(self, host: str) -> str:
        """Why a host may not be talked to; "" when it may."""
        if host in self.peers:
            return ""
        return f"主机 {host} 不在名单内 host is not one of {', '.join(self.peers)}"

    def check_start(self, account: str, unit: str, host: str) -> None:
        """IsolationError when a process would serve another account, unit or host than listed."""
        why = self.foreign(account, unit) or self.stranger(host)
        if why:
            raise IsolationError(f"isolation: {why}")
