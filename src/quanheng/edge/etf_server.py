"""The auction platform's order line: full STEP sessions over TCP (interfaces.md 2.11)."""

import socket
from collections.abc import Callable

from quanheng.edge.loop import Connection, Loop
from quanheng.terms.etf import EtfAnswer, EtfRequest
from quanheng.terms.units import Day, Nanos
from quanheng.wire.auction_session import AuctionServer, ReportStream
from quanheng.wire.profile import Profile

OnRequests = Callable[[str, list[EtfRequest]], None]


class EtfServer:
    """Sessions of one member; its reports of the day are kept and sent from any index on."""

    def __init__(
        self,
        loop: Loop,
        listener: socket.socket,
        profile: Profile,
        day: Day,
        now: Callable[[], Nanos],
        on_requests: OnRequests,
    ) -> None:
        self.bytes = 0
        self._loop, self._profile, self._day, self._now = loop, profile, day, now
        self._on_requests = on_requests
        self._stream = ReportStream()
        self._members: list[tuple[Connection, AuctionServer]] = []
        loop.listen(listener, self._accept)

    def _accept(self, sock: socket.socket) -> None:
        busy = any(session.up for _, session in self._members)
        refuse = "another session of this member is up" if busy else ""
        session = AuctionServer(self._profile, self._stream, self._day, self._now(), refuse)

        def on_data(data: bytes) -> None:
            self.bytes += len(data)
            requests = session.receive(data, self._now())
            self._flush(connection, session)
            if requests:
                self._on_requests(self._profile.pbu, requests)

        def on_close(why: str) -> None:
            self._members.remove((connection, session))

        connection = Connection(self._loop, sock, on_data, on_close)
        self._members.append((connection, session))

    def _flush(self, connection: Connection, session: AuctionServer) -> None:
        data = session.output()
        self.bytes += len(data)
        connection.send(data)
        if session.closed:
            connection.flush()
            connection.close(session.closed)

    def deliver(self, pbu: str, answers: list[EtfAnswer]) -> None:
        """Keep a member's reports and send them."""
        if pbu != self._profile.pbu:
            return
        self._stream.answers += answers
        for connection, session in list(self._members):
            session.deliver(self._now())
            self._flush(connection, session)

    def tick(self) -> None:
        """Heartbeats and time-outs."""
        for connection, session in list(self._members):
            session.tick(self._now())
            self._flush(connection, session)

    def close(self) -> None:
        """End the day: say where the stream ends."""
        for connection, session in list(self._members):
            session.end_stream(self._now())
            self._flush(connection, session)
            connection.flush()
