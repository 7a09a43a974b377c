"""The gateway's line to the underlyings' market: hedges pass the same fence, nothing else does.

Every order there trades at once or is gone, so a pull has nothing to withdraw; what it must do is
let no new one pass. Answers carry their place in the day's stream: a new engine asks for what it
has not taken, and a line that was down brings it after its next synchronisation. `now` is the
gateway's monotonic clock.
"""

from collections.abc import Callable
from typing import Any

from quanheng.edge.isolation import Register, foreign_alert
from quanheng.runtime.envelope import NotSent
from quanheng.terms.etf import EtfOrder, EtfSend
from quanheng.terms.units import Nanos
from quanheng.wire.auction_session import (
    AuctionClient,
    AuctionReport,
    StreamKnown,
    Synced,
    numbered,
)
from quanheng.wire.profile import Profile
from quanheng.wire.step_messages import StepError


class HedgeLine:
    """Take `out_wire`, `out_engine` and `log` after every call; they are emptied by it."""

    def __init__(
        self, member: str, profile: Profile, day: int, register: Register | None = None
    ) -> None:
        """`register` is the node's; without one nothing is held against it (rigs of tests)."""
        self._register = register
        self.session: AuctionClient | None = None
        self.counts = {"hedges": 0, "hedges_not_sent": 0, "hedge_reports": 0}
        self._member, self._profile, self._day = member, profile, day
        self._next = 1  # place of the next report to hand on
        self.wanted = False  # the engine that leads has said from where on
        self._engine: list[Any] = []
        self._log: list[dict[str, Any]] = []

    @property
    def ready(self) -> bool:
        """Synchronised: orders pass."""
        return self.session is not None and self.session.ready

    def out_wire(self) -> bytes:
        """Bytes for the exchange."""
        return self.session.output() if self.session is not None else b""

    def out_engine(self) -> list[Any]:
        """Messages for the engine."""
        out, self._engine = self._engine, []
        return out

    def log(self) -> list[dict[str, Any]]:
        """What happened, for the run folder."""
        out, self._log = self._log, []
        return out

    def new_leader(self) -> None:
        """Another engine leads: it says first from where on it wants reports."""
        self.wanted = False
        self._engine.clear()

    def sync(self, first: int, now: Nanos) -> None:
        """The engine wants reports from an index on."""
        self.wanted, self._next = True, first
        if self.session is not None and self.ready:
            self.session.sync(first, now)

    def send(
        self, body: EtfSend, fenced: str, killer: Callable[[str], str], at: Nanos, now: Nanos
    ) -> None:
        """Pass an engine's orders on, stamped with the exchange's time `at`. `fenced` is the
        fence's refusal, "" for none; `killer` says who pulled an underlying, "" for nobody. What
        does not pass comes back to the engine as not sent.
        """
        passed = []
        fenced = fenced or self._foreign(now)
        for request in body.requests:
            by = killer(request.underlying) if isinstance(request, EtfOrder) else ""
            why = fenced or (by and f"pulled by {by}")
            if why:
                self._not_sent([request.client_id], why)
            else:
                passed.append(request)
        if not passed:
            return
        try:
            if self.session is None:
                raise StepError("the hedge line is not connected")
            self.session.send_requests(passed, at, now)
            self.counts["hedges"] += len(passed)
        except StepError as error:
            self._not_sent([one.client_id for one in passed], str(error))

    def _foreign(self, now: Nanos) -> str:
        """Why no order may leave in the name this line has, "" when it may (T-04, O-06)."""
        if self._register is None:
            return ""
        why = self._register.foreign(self._profile.account, self._profile.pbu)
        if why:
            self._log.append({"at": now, **foreign_alert(f"hedge order: {why}")})
        return why

    def _not_sent(self, names: list[str], why: str) -> None:
        self.counts["hedges_not_sent"] += len(names)
        self._engine.append(NotSent(names, why))

    def connected(self, now: Nanos) -> None:
        """A connection stands: log on."""
        self.session = AuctionClient(self._member, self._profile, self._day, now)

    def disconnected(self, now: Nanos, why: str) -> None:
        """The connection is gone; what was sent and not answered stays unknown."""
        self.session = None
        self._log.append({"at": now, "what": "hedge_line_lost", "why": why})

    def from_wire(self, data: bytes, now: Nanos) -> bool:
        """Bytes of the exchange. False when the connection must be closed."""
        session = self.session
        if session is None:
            return False
        reports: list[AuctionReport] = []
        for event in session.receive(data, now):
            match event:
                case StreamKnown():
                    session.sync(min(self._next, event.last + 1), now)
                case Synced():
                    self._log.append({"at": now, "what": "hedge_line_synced", "first": event.first})
                case AuctionReport() if event.place == self._next and self.wanted:
                    self._next += 1
                    reports.append(event)
        self.counts["hedge_reports"] += len(reports)
        self._engine += numbered(reports)
        return not session.closed

    def tick(self, now: Nanos) -> bool:
        """Let time pass. False when the connection must be closed."""
        if self.session is None:
            return True
        self.session.tick(now)
        return not self.session.closed
