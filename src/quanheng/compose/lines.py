"""The lines of a simulated world: real wire bytes between machines in one process.

`OrderLine` joins a TDGW client session and a TDGW server session; every request and report crosses
it as frames. `FeedLine` carries market data as MD301 messages. Both are pure functions of what was
sent through them, so the day stays deterministic.
"""

from collections.abc import Sequence

from quanheng.exchange.messages import (
    Deliver,
    EtfDeliver,
    EtfRefuse,
    EtfRequests,
    MarginAnswered,
    PlatformStateChanged,
    Refuse,
)
from quanheng.maker.messages import Resync
from quanheng.runtime.envelope import LinkChanged, NotSent
from quanheng.terms.business import MarginAnswer
from quanheng.terms.codes import Link
from quanheng.terms.days import midnight
from quanheng.terms.etf import EtfAnswer, EtfAnswers, EtfDone, EtfSend
from quanheng.terms.market import ChainTick, Inquiry, UnderlyingTicks
from quanheng.terms.orders import (
    AnyRequest,
    Report,
    Reports,
    RequestRejected,
    Requests,
    Send,
)
from quanheng.terms.units import Day, Nanos
from quanheng.wire import md301
from quanheng.wire.auction_session import (
    AuctionClient,
    AuctionReport,
    AuctionServer,
    ClientEvent,
    ReportStream,
    numbered,
)
from quanheng.wire.events import (
    Event,
    InquiryArrived,
    RejectArrived,
    ReportArrived,
    RequestArrived,
    ResponseArrived,
    SyncRequested,
)
from quanheng.wire.profile import Profile
from quanheng.wire.tdgw import ClientSession, ServerSession

MakerBody = Reports | RequestRejected | MarginAnswer | Inquiry | LinkChanged | NotSent


class LineError(Exception):
    """The two ends of a simulated line disagree; the message carries the event."""


class OrderLine:
    """One member's order line (interfaces.md 1). `outages` are spans in which it carries nothing.

    A request that meets an outage comes back as NotSent. Reports are kept per partition, as the
    exchange keeps them, and are sent again from the index the member asks for.
    """

    def __init__(
        self,
        profile: Profile,
        sets: tuple[str, ...],
        day: Day,
        outages: Sequence[tuple[Nanos, Nanos]] = (),
    ) -> None:
        self.profile = profile
        self.day = day
        self.sets = sets
        self.outages = tuple(outages)
        self.bytes_up = 0
        self.bytes_down = 0
        self.messages_up = 0
        self.messages_down = 0
        self._state = 0
        self._store: dict[str, list[Report]] = {name: [] for name in sets}
        self._refused: list[MakerBody] = []
        self._client: ClientSession
        self._server: ServerSession
        self._connected = False

    def up(self, effect: Send, at: Nanos) -> list[Requests]:
        """Requests on their way to the exchange, as frames and back."""
        if self.lost(at) or not self._connected:
            ids = [request.client_id for request in effect.requests]
            self._refused.append(NotSent(ids, "the order line is down"))
            return []
        data = self._client.send_requests(effect.requests, at)
        self.bytes_up += len(data)
        self.messages_up += len(effect.requests)
        arrived: list[AnyRequest] = []
        for event in self._server.receive(data, at):
            if not isinstance(event, RequestArrived):
                raise LineError(f"request frames gave {event}")
            if event.request is not None:
                arrived.append(event.request)
        self._refused.extend(self._to_member(self._server.output(), at))
        return [Requests(self.profile.pbu, arrived)] if arrived else []

    def refused(self, effect: Send, at: Nanos) -> list[MakerBody]:
        """What the line itself or the gateway said to the requests that `up` has just seen."""
        bodies, self._refused = self._refused, []
        return bodies

    def down(
        self, effect: Deliver | Refuse | MarginAnswered | Inquiry, at: Nanos
    ) -> list[MakerBody]:
        """Reports, refusals and inquiries on their way to the member."""
        if isinstance(effect, Deliver):
            for report in effect.reports:
                self._store[report.set_id].append(report)
        if self.lost(at) or not self._connected:
            return []
        if isinstance(effect, Deliver):
            data = self._server.send_reports(effect.pbu, effect.reports, at)
        elif isinstance(effect, Refuse):
            data = b"".join(
                self._server.send_reject("OQO", effect.pbu, rejected, at)
                for rejected in effect.rejects
            )
        elif isinstance(effect, MarginAnswered):
            data = self._server.send_margin_answer(effect.pbu, effect.answer, at)
        else:
            data = self._server.send_inquiry(effect, at)
        return self._to_member(data, at)

    def platform(self, effect: PlatformStateChanged, at: Nanos) -> list[MakerBody]:
        """The platform's state, which the server enforces at its front."""
        self._state = effect.state
        if self._connected:
            self._to_member(self._server.send_platform_state(effect.state, at), at)
        return []

    def resync(self, effect: Resync, at: Nanos) -> list[MakerBody]:
        """Log on, ask for the reports from the wanted indices, and report the line ready."""
        if self.lost(at):
            return []
        self._connect(at)
        bodies: list[MakerBody] = []
        for name in self.sets:
            index = effect.next_index.get(name, 1)
            data = self._client.send_index_sync(self.profile.pbu, name, index, at)
            events = self._server.receive(data, at)
            if not any(isinstance(event, SyncRequested) for event in events):
                raise LineError(f"synchronising {name} from {index} gave {events}")
            waiting = self._store[name][index - 1 :]
            answer = self._server.output()
            answer += self._server.send_reports(self.profile.pbu, waiting, at)
            bodies.extend(self._to_member(answer, at))
        return [*bodies, LinkChanged(Link.READY)]

    def stored(self) -> list[list[Report]]:
        """Every report of the day, by partition, as the exchange keeps them."""
        return list(self._store.values())

    def lost(self, at: Nanos) -> bool:
        """True inside an outage."""
        inside = any(start <= at < stop for start, stop in self.outages)
        if inside:
            self._connected = False
        return inside

    def _connect(self, at: Nanos) -> None:
        self._client = ClientSession("OMS01", self.profile, self.day, at)
        self._server = ServerSession((self.profile,), self.sets, self.day, at)
        self._server.send_platform_state(self._state, at)
        self._server.receive(self._client.send_logon(at), at)
        self._client.receive(self._server.output(), at)
        self._connected = True

    def _to_member(self, data: bytes, at: Nanos) -> list[MakerBody]:
        if not data:
            return []
        self.bytes_down += len(data)
        reports: list[Report] = []
        bodies: list[MakerBody] = []
        for event in self._client.receive(data, at):
            self.messages_down += 1
            match event:
                case ReportArrived():
                    reports.append(event.report)
                case RejectArrived():
                    bodies.append(event.rejected)
                case InquiryArrived():
                    bodies.append(event.inquiry)
                case ResponseArrived(answer=answer) if answer is not None:
                    bodies.append(answer)
                case _:
                    self._expect_quiet(event)
        return [Reports(reports), *bodies] if reports else bodies

    def _expect_quiet(self, event: Event) -> None:
        quiet = ("PlatformState", "SyncAnswered", "ExecRptInfo", "ResponseArrived")
        if type(event).__name__ not in quiet:
            raise LineError(f"the member's session saw {event}")


def _order_of(answer: EtfAnswer) -> str:
    """Client id of the order that an answer is about."""
    target = answer.target if isinstance(answer, EtfDone) else ""
    return target or answer.client_id


class EtfLine:
    """The maker's line to the underlyings' market, a TDGW session of the auction platform. The
    account there is the firm's: what another desk of it sent, known by the first character of its
    ids, goes another way.
    """

    def __init__(self, profile: Profile, letter: str, day: Day) -> None:
        at = midnight(day)
        self._pbu, self._letter = profile.pbu, letter
        self._stream = ReportStream()
        self._server = AuctionServer(profile, self._stream, day, at)
        self._client = AuctionClient("QUANHENG", profile, day, at)
        self._exchange(at)
        self._client.sync(1, at)
        self._exchange(at)

    def _exchange(self, at: Nanos) -> list[ClientEvent]:
        """Bytes both ways until nothing is left to say."""
        requests = self._server.receive(self._client.output(), at)
        if requests or self._server.closed:
            raise LineError(f"the auction gateway took {requests} {self._server.closed}")
        return self._client.receive(self._server.output(), at)

    def up(self, effect: EtfSend, at: Nanos) -> list[EtfRequests]:
        """Requests on their way to the market."""
        self._client.send_requests(list(effect.requests), at, at)
        return [EtfRequests(self._pbu, self._server.receive(self._client.output(), at))]

    def down(self, effect: EtfDeliver | EtfRefuse, at: Nanos) -> list[EtfAnswers]:
        """Answers and refusals on their way to the maker."""
        if effect.pbu != self._pbu:
            return []
        answers = effect.rejects if isinstance(effect, EtfRefuse) else effect.answers
        mine = [one for one in answers if _order_of(one).startswith(self._letter)]
        self._stream.answers += mine
        self._server.stamp = at
        self._server.deliver(at)
        events = self._exchange(at)
        reports = [event for event in events if isinstance(event, AuctionReport)]
        if len(reports) != len(mine) or self._client.closed:
            raise LineError(f"the auction session lost reports: {self._client.closed}")
        return numbered(reports)


class FeedLine:
    """Market data as the MD301 / MD004 byte stream (interfaces.md 4.2), encoded and decoded."""

    def __init__(self, tables: md301.ChainTables) -> None:
        self._encoder = md301.StreamEncoder(tables)
        self._decoder = md301.StreamDecoder(tables)
        self.bytes = 0

    def carry(
        self, effect: ChainTick | UnderlyingTicks, at: Nanos
    ) -> Sequence[ChainTick | UnderlyingTicks]:
        """The tick after its journey as bytes."""
        data = self._encoder.encode(effect)
        self.bytes += len(data)
        decoded = self._decoder.feed(data)
        if decoded.quarantined:
            raise LineError(f"a clean feed was quarantined: {decoded.quarantined[0]}")
        return decoded.ticks if isinstance(effect, ChainTick) else decoded.underlyings
