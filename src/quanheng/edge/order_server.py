"""The exchange's order line: TDGW over TCP, one session, reports replayed from the store.

One session at a time on the platform: a second logon is refused with 5003 while the first is up
(interfaces.md 1.8), or displaces it where the exchange is told to; which of the two the real one
does is not public (reliability.md 4.2). During an outage nobody is let in (5006).
"""

import socket
from collections.abc import Callable
from pathlib import Path

from quanheng.edge.loop import Connection, Loop
from quanheng.edge.report_store import ReportStore
from quanheng.terms.business import MarginAnswer
from quanheng.terms.market import Inquiry
from quanheng.terms.orders import AnyRequest, Report, RequestRejected
from quanheng.terms.units import SECOND, Day, Nanos
from quanheng.wire.codes import number
from quanheng.wire.events import (
    Event,
    LoggedOn,
    LoggedOut,
    ProtocolError,
    RequestArrived,
    SyncRequested,
)
from quanheng.wire.profile import Profile
from quanheng.wire.tdgw import Phase, ServerSession

CHUNK = 512
HIGH_WATER = 1 << 20
BACKLOG = 16 << 20
"""A member that reads too slowly is cut (interfaces.md 1.4): at once above this many bytes, and
when it stays above HIGH_WATER, where reports wait in the store, for SLOW. The threshold of the real
gateway is not public."""
SLOW = 5 * SECOND
MAX_REMEMBERED = 4_096
NOT_READY, ALREADY_ON = number("NOT_READY"), number("ALREADY_LOGGED_ON")

OnRequests = Callable[[str, list[AnyRequest]], None]
Note = Callable[[str, str], None]


class _Member:
    """One connection of a member and where its replays stand."""

    def __init__(self, connection: Connection, session: ServerSession) -> None:
        self.connection = connection
        self.session = session
        self.started = False
        self.full_since: Nanos = 0  # when it fell behind, 0 while it keeps up
        self.cursors: dict[tuple[str, str], int] = {}  # next index to send


class OrderServer:
    """Sessions of the option platform."""

    def __init__(
        self,
        loop: Loop,
        listener: socket.socket,
        profile: Profile,
        sets: tuple[str, ...],
        day: Day,
        folder: Path,
        now: Callable[[], Nanos],
        on_requests: OnRequests,
        note: Note,
        displaces: bool = False,
    ) -> None:
        """`displaces`: a second logon ends the first session with 5003."""
        self.platform = 0
        self._displaces = displaces
        self.closed_for = ""  # why nobody may log on, empty when they may
        self.bytes = 0
        self.messages_up = 0
        self.messages_down = 0
        self._loop = loop
        self._profile = profile
        self._sets = sets
        self._day = day
        self._now = now
        self._on_requests = on_requests
        self._note = note
        self._members: list[_Member] = []
        self._business: dict[str, str] = {}  # ReqID of requests that are not OQO, by client id
        folder.mkdir(parents=True, exist_ok=True)
        self._stores = {
            (profile.pbu, name): ReportStore(folder / f"{profile.pbu}-{name}.bin") for name in sets
        }
        self.listen(listener)

    def listen(self, listener: socket.socket) -> None:
        """Take members on one more address (the standby line); the session is still one."""
        self._loop.listen(listener, self._accept)

    def _active(self) -> _Member | None:
        for member in self._members:
            if member.session.phase is Phase.ACTIVE:
                return member
        return None

    def _accept(self, sock: socket.socket) -> None:
        member: _Member

        def on_data(data: bytes) -> None:
            self.bytes += len(data)
            if not member.started:
                # Who may log on is decided when a logon comes, not when a connection does.
                member.started = True
                if self._displaces and not self.closed_for:
                    self._displace()
                member.session = self._session()
            self._events(member, member.session.receive(data, self._now()))

        def on_close(why: str) -> None:
            self._members.remove(member)
            self._note("disconnected", why)

        connection = Connection(self._loop, sock, on_data, on_close, BACKLOG)
        member = _Member(connection, self._session())
        self._members.append(member)

    def _displace(self) -> None:
        """End the session that is up: another one begins."""
        member = self._active()
        if member is not None:
            member.connection.send(member.session.send_logout(self._now(), ALREADY_ON))
            member.connection.flush()
            member.connection.close("another logged on")

    def _session(self) -> ServerSession:
        refuse = NOT_READY if self.closed_for else ALREADY_ON if self._active() is not None else 0
        session = ServerSession((self._profile,), self._sets, self._day, self._now(), refuse)
        session.send_platform_state(self.platform, self._now())
        return session

    def _events(self, member: _Member, events: list[Event]) -> None:
        requests: list[AnyRequest] = []
        alive = True
        for event in events:
            match event:
                case RequestArrived():
                    self.messages_up += 1
                    if event.request is not None:
                        self._remember(event)
                        requests.append(event.request)
                case SyncRequested():
                    member.cursors[event.pbu, event.set_id] = event.next
                case LoggedOn():
                    self._note("logged_on", event.peer)
                case LoggedOut():
                    self._note("logged_out", f"{event.code} {event.text}")
                case ProtocolError():
                    self._note("protocol", f"{event.code} {event.reason}")
                case _:
                    alive = type(event).__name__ != "Disconnect" and alive
        member.connection.send(member.session.output())
        if requests:
            self._on_requests(self._profile.pbu, requests)
        if not alive:
            member.connection.flush()
            member.connection.close("the session ended")

    def _remember(self, event: RequestArrived) -> None:
        """A refusal names the business of its request; nearly all of them are quotes."""
        if event.req_id != "OQO":
            if len(self._business) >= MAX_REMEMBERED:
                del self._business[next(iter(self._business))]
            self._business[event.reff] = event.req_id
        else:  # an id that another business used before is refused as a quote's
            self._business.pop(event.reff, None)

    # From the venue --------------------------------------------------------------------------

    def deliver(self, pbu: str, reports: list[Report]) -> None:
        """Keep reports; send them to the member if it has everything before them."""
        groups: dict[str, list[Report]] = {}
        for report in reports:
            groups.setdefault(report.set_id, []).append(report)
        for name, group in groups.items():
            self._stores[pbu, name].add(group)
        member = self._active()
        if member is None or member.connection.backlog > HIGH_WATER:
            return
        fresh = []
        for name, group in groups.items():
            if member.cursors.get((pbu, name)) == group[0].index:
                member.cursors[pbu, name] = group[-1].index + 1
                fresh += group
        if fresh:
            self._send(member, pbu, fresh)

    def _send(self, member: _Member, pbu: str, reports: list[Report]) -> None:
        data = member.session.send_reports(pbu, reports, self._now())
        self.messages_down += len(reports)
        self.bytes += len(data)
        member.connection.send(data)

    def _replay(self, member: _Member) -> None:
        for (pbu, name), index in list(member.cursors.items()):
            store = self._stores[pbu, name]
            while index <= len(store) and member.connection.backlog < HIGH_WATER:
                reports = store.read(index, CHUNK)
                index += len(reports)
                member.cursors[pbu, name] = index
                self._send(member, pbu, reports)

    def refuse(self, pbu: str, rejects: list[RequestRejected]) -> None:
        """Requests refused at the front; a member that is not connected never hears of them."""
        member = self._active()
        if member is None:
            return
        for rejected in rejects:
            req_id = self._business.pop(rejected.client_id, "OQO")
            member.connection.send(member.session.send_reject(req_id, pbu, rejected, self._now()))

    def answer(self, pbu: str, answer: MarginAnswer) -> None:
        """The answer to a margin inquiry; a member that is not connected never hears of it."""
        member = self._active()
        if member is not None:
            data = member.session.send_margin_answer(pbu, answer, self._now())
            member.connection.send(data)

    def inquire(self, inquiry: Inquiry) -> None:
        """Forward an inquiry."""
        member = self._active()
        if member is not None:
            member.connection.send(member.session.send_inquiry(inquiry, self._now()))

    def set_platform(self, state: int) -> None:
        """The platform's state changed."""
        self.platform = state
        for member in self._members:
            member.connection.send(member.session.send_platform_state(state, self._now()))

    def set_outage(self, why: str) -> None:
        """Begin an outage or, with an empty text, end it. The gateway has lost the trading system:
        whoever is on is logged out with 5006, and nobody is let in (interfaces.md 1.4).
        """
        if why and not self.closed_for:
            for member in list(self._members):
                if member.session.phase is Phase.ACTIVE:
                    member.connection.send(member.session.send_logout(self._now(), NOT_READY))
                    member.connection.flush()
                member.connection.close(why)
        self.closed_for = why

    def tick(self) -> None:
        """Time-outs, heartbeats, held requests and replays."""
        now = self._now()
        for member in list(self._members):
            self._events(member, member.session.tick(now))
            self._watch(member, now)
            if member.connection.open and member.session.phase is Phase.ACTIVE:
                self._replay(member)

    def _watch(self, member: _Member, now: Nanos) -> None:
        """Cut a member that has stayed behind for too long; the store keeps what it misses."""
        behind = member.connection.backlog
        if behind < HIGH_WATER:
            member.full_since = 0
        elif not member.full_since:
            member.full_since = now
        elif now - member.full_since >= SLOW:
            member.connection.close(f"slow reader: {behind} bytes behind for {SLOW // SECOND} s")

    def close(self) -> None:
        """End the day: tell the member where each partition ends."""
        member = self._active()
        if member is not None:
            for (pbu, name), store in self._stores.items():
                data = member.session.send_end_of_stream(pbu, name, len(store), self._now())
                member.connection.send(data)
            member.connection.flush()
        for store in self._stores.values():
            store.close()
