"""What a maker's process is given: RUN/live/maker.msgpack."""

from collections.abc import Sequence

import msgspec

from quanheng.edge.arbiter import LEASE
from quanheng.edge.isolation import LOCAL
from quanheng.maker.messages import MakerOpen
from quanheng.terms.codes import Exec
from quanheng.terms.commands import SignOn
from quanheng.terms.orders import QuoteAck, Reports
from quanheng.terms.units import SECOND, Nanos


class Shift(msgspec.Struct, frozen=True):
    """A person comes or goes at a business time."""

    at: Nanos
    sign: SignOn


class PairSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a maker's process one node of a pair (docs/standby.md)."""

    node: str
    first: bool  # may lead with an empty journal
    host: str  # where it listens for a follower
    arbiter: tuple[str, int]
    build: str  # both nodes and the run have to be of one build (F17)
    home: str = ""  # folder of the overseer's socket and of issued commands; empty: its own
    overseer: tuple[str, int] = ("", 0)  # the overseer's place on another host; "": in `home`
    alone: bool = True  # goes on without a follower; else nothing leaves then
    late: Nanos = SECOND  # a follower that confirms nothing for so long is lost
    lease: Nanos = LEASE
    peers: tuple[str, ...] = LOCAL
    tls: str = ""  # folder of certificates; empty: plain links


class MakerSetup(msgspec.Struct, frozen=True, kw_only=True):
    """RUN/live/maker.msgpack."""

    opening: MakerOpen
    shifts: list[Shift]
    host: str
    feed_port: int
    sync_ms: int
    heartbeat_ms: int
    snapshot_every: Nanos
    marks: list[Nanos]
    overseer_late: Nanos = 0  # 0: no overseer belongs to the run
    overseer_lost: Nanos = 0
    pair: PairSetup | None = None
    feed_standby: tuple[tuple[str, int], ...] = ()  # other ends of the market data (T-05)


def shifts_of(entries: Sequence[tuple[Nanos, SignOn]]) -> list[Shift]:
    """Shifts in order of time."""
    return [Shift(at, sign) for at, sign in sorted(entries, key=_first)]


def quoted_in(reports: Reports, prefix: str) -> bool:
    """Whether one of them accepts a quote whose client id begins with `prefix`."""
    return any(
        isinstance(body, QuoteAck)
        and not body.cancel
        and body.exec == Exec.ACCEPTED
        and body.client_id.startswith(prefix)
        for body in (report.body for report in reports.reports)
    )


def _first(entry: tuple[Nanos, SignOn]) -> Nanos:
    return entry[0]
