"""Sessions of the auction platform's TDGW, both sides (interfaces.md 2.11).

A member logs on, hears the platform's state and where the stream of its reports stands, and asks
for it from an index on; before that it may not send. Reports have no gaps within a day: what was
missed while the line was down comes with the next synchronisation. The gateway sends no application
message twice by itself: it answers a ResendRequest with a SequenceReset.
"""

from collections.abc import Sequence
from typing import NamedTuple

from quanheng.terms.etf import EtfAnswer, EtfAnswers, EtfCancel, EtfRequest
from quanheng.terms.units import Day, Nanos
from quanheng.wire import auction
from quanheng.wire import step_messages as step
from quanheng.wire.auction import Fields
from quanheng.wire.profile import Profile
from quanheng.wire.step_messages import StepError
from quanheng.wire.step_session import (
    INTERVAL,
    LOGON_FIRST,
    LONGEST,
    MALFORMED,
    SHORTEST,
    WRONG_VERSION,
    StepSession,
    logon_fields,
)

GATEWAY, VERSION = "TDGW", "STEP1.20_SH_0.57"
REFUSED = 105
"""SessionStatus, tag 1409, of a logon while another session of the member is up. Ours."""
OPEN = 2
"""Platform state (U109) in which orders are taken."""


class AuctionReport(NamedTuple):
    """A report arrived, with its place in the member's stream."""

    place: int
    answer: EtfAnswer


class StreamKnown(NamedTuple):
    """Logged on: the stream of reports has this many."""

    last: int


class Synced(NamedTuple):
    """Reports from `first` on follow, and requests may be sent."""

    first: int


class StateKnown(NamedTuple):
    """The platform's state."""

    state: int


ClientEvent = AuctionReport | StreamKnown | Synced | StateKnown


def numbered(reports: Sequence[AuctionReport]) -> list[EtfAnswers]:
    """Reports that came together as one input, none for none."""
    if not reports:
        return []
    return [EtfAnswers([report.answer for report in reports], reports[0].place)]


class _Numbered(StepSession):
    """Own sequence numbers, and the peer's, which may not jump on a stream that loses nothing."""

    def __init__(self, sender: str, target: str, day: Day, now: Nanos) -> None:
        super().__init__(sender, target, day, now)
        self.day = day
        self._sent = self._heard = 0
        self._rest = b""

    def _number(self) -> int:
        self._sent += 1
        return self._sent

    def _feed(self, data: bytes, now: Nanos) -> list[Fields]:
        """Whole messages, the session's own ones already dealt with."""
        found: list[Fields] = []
        self._rest += data
        while not self.closed and (size := step.cut(self._rest)):
            fields = step.pairs(self._rest[:size])
            self._rest = self._rest[size:]
            given = dict(fields)
            self._heard_at = now
            self._heard += 1
            if step.number(given[34]) != self._heard:
                raise StepError(f"MsgSeqNum {given[34]}, {self._heard} is due")
            if given[35] == step.TEST:
                self._send(step.HEARTBEAT, now, (112, given.get(112, "")))
            elif given[35] == step.LOGOUT:
                self._close(f"logout {given.get(1409, '')}: {given.get(58, '')}")
            elif given[35] != step.HEARTBEAT:
                found.append(fields)
        return found


class ReportStream:
    """The day's reports of a member, which sessions send from an index on."""

    def __init__(self) -> None:
        self.answers: list[EtfAnswer] = []
        self.cancels: dict[str, str] = {}

    def asked(self, request: EtfRequest) -> None:
        """Remember a cancel: its refusal is a message of another kind."""
        if isinstance(request, EtfCancel):
            self.cancels[request.client_id] = request.target


class AuctionServer(_Numbered):
    """The gateway's side for one connection. `refuse` says why nobody may log on, if so."""

    def __init__(
        self, profile: Profile, stream: ReportStream, day: Day, now: Nanos, refuse: str = ""
    ) -> None:
        super().__init__(GATEWAY, "", day, now)
        self._profile, self._stream, self._refuse = profile, stream, refuse
        self._next = 0  # index of the next report to send, 0 before the synchronisation

    def receive(self, data: bytes, now: Nanos) -> list[EtfRequest]:
        """Take bytes of the member; returns its requests."""
        requests: list[EtfRequest] = []
        try:
            for fields in self._feed(data, now):
                self._take(fields, now, requests)
        except StepError as error:
            self._end(MALFORMED, str(error), now)
        return requests

    def _take(self, fields: Fields, now: Nanos, requests: list[EtfRequest]) -> None:
        given = dict(fields)
        kind = given[35]
        if not self.up and kind != step.LOGON:
            self._end(LOGON_FIRST, "the first message must be a logon", now)
        elif kind == step.LOGON:
            self._logon(given, now)
        elif kind == step.RESEND:
            self._send(step.RESET, now, (123, "N"), (36, str(self._sent + 2)))
        elif kind == auction.SYNC:
            self._sync(given, now)
        elif not self._next:
            self._end(LOGON_FIRST, "a synchronisation is due before requests", now)
        else:
            request = auction.decode_request(kind, fields, self._profile)
            self._stream.asked(request)
            requests.append(request)

    def _logon(self, given: dict[int, str], now: Nanos) -> None:
        self._names = GATEWAY, given.get(49, "")
        if self._refuse:
            self._end(REFUSED, self._refuse, now)
            return
        if given.get(1408) != VERSION or given.get(56) != GATEWAY or self.up:
            self._end(WRONG_VERSION, f"a logon of {VERSION} to {GATEWAY} is due", now)
            return
        asked = step.number(given.get(108, str(INTERVAL)))
        self.interval = min(max(asked, SHORTEST), LONGEST)
        self.up = True
        self._send(step.LOGON, now, *logon_fields(self.interval, VERSION))
        self._send(auction.STATE, now, (339, str(OPEN)))
        last = str(len(self._stream.answers))
        self._send(auction.PARTITIONS, now, (10197, auction.PARTITION), (10179, last))

    def _sync(self, given: dict[int, str], now: Nanos) -> None:
        first = step.number(given.get(10179, "0"))
        if not 0 < first <= len(self._stream.answers) + 1:
            there = len(self._stream.answers)
            raise StepError(f"tag 10179: index {first} of a stream that has {there}")
        self._next = first
        self._send(
            auction.SYNC_ANSWER, now, (10197, auction.PARTITION), (10179, str(first)), (150, "0")
        )
        self.deliver(now)

    def deliver(self, now: Nanos) -> None:
        """Send what of the stream has not been sent on this connection."""
        answers = self._stream.answers
        while self.up and 0 < self._next <= len(answers):
            answer = answers[self._next - 1]
            kind, fields = auction.encode_answer(answer, self._next, self.day, self._stream.cancels)
            self._send(kind, now, *fields)
            self._next += 1

    def end_stream(self, now: Nanos) -> None:
        """The day is over: say how many reports there were."""
        if self.up:
            last = str(len(self._stream.answers))
            self._send(auction.END, now, (10197, auction.PARTITION), (10179, last))


class AuctionClient(_Numbered):
    """The member's side. Ask with `sync` once the stream is known; `ready` after the answer."""

    def __init__(self, member: str, profile: Profile, day: Day, now: Nanos) -> None:
        super().__init__(member, GATEWAY, day, now)
        self.ready = False
        self._profile = profile
        self._send(step.LOGON, now, *logon_fields(INTERVAL, VERSION))

    def sync(self, first: int, now: Nanos) -> None:
        """Ask for reports from an index on."""
        self._send(auction.SYNC, now, (10197, auction.PARTITION), (10179, str(first)))

    def send_requests(self, requests: list[EtfRequest], at: Nanos, now: Nanos) -> None:
        """Queue requests, stamped with the exchange's time `at`. StepError before the session is
        ready, or for one that cannot be carried; then none of them is sent.
        """
        if not self.ready or self.closed:
            raise StepError(self.closed or "the session is not synchronised")
        messages = [
            auction.encode_request(request, self._profile, at, self.day) for request in requests
        ]
        for kind, fields in messages:
            self._send(kind, now, *fields)

    def logout(self, now: Nanos) -> None:
        """End the session from here."""
        self._end(0, "bye", now)

    def receive(self, data: bytes, now: Nanos) -> list[ClientEvent]:
        """Take bytes of the gateway; returns what happened, in order."""
        events: list[ClientEvent] = []
        try:
            for fields in self._feed(data, now):
                self._take(fields, now, events)
        except StepError as error:
            self._end(MALFORMED, str(error), now)
        self.ready = self.ready and not self.closed
        return events

    def _take(self, fields: Fields, now: Nanos, events: list[ClientEvent]) -> None:
        given = dict(fields)
        match given[35]:
            case step.LOGON:
                self.interval = step.number(given.get(108, ""))
                self.up = True
            case auction.STATE:
                events.append(StateKnown(step.number(given.get(339, ""))))
            case auction.PARTITIONS:
                events.append(StreamKnown(step.number(given.get(10179, ""))))
            case auction.SYNC_ANSWER:
                self.ready = True
                events.append(Synced(step.number(given.get(10179, ""))))
            case auction.REPORT | auction.CANCEL_REJECT:
                index, answer = auction.decode_answer(given[35], fields, self.day)
                events.append(AuctionReport(index, answer))
