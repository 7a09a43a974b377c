"""The gateway's side of a TDGW session (interfaces.md 1.4 to 1.8; T-01)."""

import re
from typing import Any, ClassVar

from quanheng.terms.business import MarginAnswer
from quanheng.terms.market import Inquiry
from quanheng.terms.orders import AnyRequest, Report, RequestRejected
from quanheng.terms.units import Day, Nanos
from quanheng.wire import business as other
from quanheng.wire import frames, step
from quanheng.wire.carriers import read_envelope
from quanheng.wire.codes import number
from quanheng.wire.events import (
    Event,
    LoggedOn,
    RequestArrived,
    SyncRequested,
)
from quanheng.wire.fields import WireError
from quanheng.wire.profile import Profile
from quanheng.wire.session import (
    ENDING,
    FASTEST,
    GATEWAY,
    OPTION_PLATFORM,
    SLOWEST,
    STATUS_TEXT,
    VERSION,
    Phase,
    Session,
    SessionError,
)

PRE_OPEN, OPEN = 1, 2
VERSION_MISMATCH = number("VERSION_MISMATCH")
_EDITION = re.compile(r"0?1\.\d\d", re.ASCII)
"""Versions of PrtclVersion this gateway speaks; the code for another one is ours (1.8 has none)."""
MAX_HELD = 4096
"""Requests the gateway holds before the open; more are refused with 5009."""


class ServerSession(Session):
    """The gateway's side. Keeps no reports: the host owns them and replays on SyncRequested."""

    LIMIT: ClassVar[int] = frames.UPSTREAM_LIMIT
    HANDLERS: ClassVar[dict[Phase, dict[int, str]]] = {
        Phase.NEW: {frames.LOGON: "_on_logon"},
        Phase.ACTIVE: {
            frames.LOGON: "_on_second_logon",
            frames.LOGOUT: "_on_logout",
            frames.HEARTBEAT: "_on_heartbeat",
            frames.ORDER_REQUEST: "_on_request",
            frames.INDEX_SYNC: "_on_sync",
        },
        Phase.ENDING: ENDING,
        Phase.CLOSED: {},
    }

    def __init__(
        self,
        profiles: tuple[Profile, ...],
        sets: tuple[str, ...],
        day: Day,
        now: Nanos,
        refuse: int = 0,
        responses: tuple[int, ...] = (4012,),
    ) -> None:
        """`profiles`: the trading units served, the login unit first. `refuse`: answer a logon
        with this code (5003 another session is on, 5006 not ready), 0 to accept. `responses`:
        codes that go out as a General Response (21) and not as a reject (22); the specification
        says both of 5009 (interfaces.md 1.4).
        """
        super().__init__(now)
        self.day = day
        self.state = 0  # of the platform
        self.sets = sets
        self._profiles = {profile.pbu: profile for profile in profiles}
        self._refuse = refuse
        self._responses = responses
        self._next_report: dict[tuple[str, str], int] = {}
        self._held: list[RequestArrived] = []
        self._broadcasts = 0

    def receive(self, data: bytes, now: Nanos) -> list[Event]:
        """Also hands out requests that were held before the open, ahead of newer ones."""
        return [*self._release(), *super().receive(data, now)]

    def tick(self, now: Nanos) -> list[Event]:
        """Also hands out requests that were held before the open."""
        return [*self._release(), *super().tick(now)]

    def _release(self) -> list[RequestArrived]:
        if not self._held or self.state != OPEN:
            return []
        held, self._held = self._held, []
        return held

    def send_platform_state(self, state: int, now: Nanos) -> bytes:
        """Change the platform's state (0 to 4); told to the member while a session is up."""
        self.state = state
        if self.phase is Phase.ACTIVE:
            self._queue(frames.platform_state(self._next(), OPTION_PLATFORM, state), now)
        return self.output()

    def send_reports(self, pbu: str, reports: list[Report], now: Nanos) -> bytes:
        """Execution reports that the member has asked for; earlier and unasked ones are left out.

        SessionError when a partition's index would jump: the host must replay from its store.
        """
        self._require_active("send reports")
        profile = self._profiles[pbu]
        following, out = self._next_report, self._out
        for report in reports:
            key = (pbu, report.set_id)
            expected = following.get(key)
            if expected is None or report.index < expected:
                continue
            if report.index > expected:
                raise SessionError(f"report {report.index} of {key} does not follow {expected - 1}")
            following[key] = expected + 1
            req_id, text = step.encode_report(report.body, profile)
            self._sent += 1
            out.append(
                frames.execution_report(self._sent, pbu, report.set_id, report.index, req_id, text)
            )
        self._last_sent = now
        return self.output()

    def send_reject(self, req_id: str, pbu: str, rejected: RequestRejected, now: Nanos) -> bytes:
        """Order Request Reject (22); 4012 goes out as a General Response (21)."""
        self._require_active("reject a request")
        self._answer(req_id, pbu, rejected.client_id, rejected.reason, now)
        return self.output()

    def send_margin_answer(self, pbu: str, answer: MarginAnswer, now: Nanos) -> bytes:
        """Answer a margin inquiry: a General Response (21) that carries 35=CJ."""
        self._require_active("answer an inquiry")
        text = other.encode_margin_answer(answer, self._profiles[pbu])
        remark = answer.reason or 1
        frame = frames.general_response(self._next(), "OMR", pbu, answer.client_id, remark, text)
        self._queue(frame, now)
        return self.output()

    def send_inquiry(self, inquiry: Inquiry, now: Nanos) -> bytes:
        """Forward an inquiry (PublicData 34, kind RQ)."""
        self._require_active("forward an inquiry")
        self._broadcasts += 1
        text = step.encode_inquiry(inquiry)
        self._queue(frames.public_data(self._next(), "RQ", "001", self._broadcasts, text), now)
        return self.output()

    def send_end_of_stream(self, pbu: str, set_id: str, last: int, now: Nanos) -> bytes:
        """The day's reports of a partition end at `last`."""
        self._require_active("end a stream")
        self._queue(frames.end_of_stream(self._next(), pbu, set_id, last), now)
        return self.output()

    def _answer(self, req_id: str, pbu: str, reff: str, code: int, now: Nanos) -> None:
        write = frames.general_response if code in self._responses else frames.order_reject
        self._queue(write(self._next(), req_id, pbu, reff, code), now)

    def _on_logon(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        sender, target, interval, version, _, _ = fields
        code = 5005 if target != GATEWAY or not sender else self._refuse
        if not code and not _EDITION.fullmatch(version):
            code = VERSION_MISMATCH
        if code:
            self._fail(code, f"logon of {sender!r}: {STATUS_TEXT.get(code, code)}", now, events)
            return
        self.interval = min(max(interval, FASTEST), SLOWEST)
        self.phase = Phase.ACTIVE
        reply = frames.Logon(GATEWAY, sender, self.interval, VERSION, self.day)
        self._queue(frames.logon(self._next(), reply), now)
        self._queue(frames.platform_state(self._next(), OPTION_PLATFORM, self.state), now)
        info = frames.exec_rpt_info(self._next(), OPTION_PLATFORM, tuple(self._profiles), self.sets)
        self._queue(info, now)
        events.append(LoggedOn(sender, self.interval, version, self.day))

    def _on_second_logon(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        self._fail(5003, "a second logon in one session", now, events)

    def _on_request(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        req_id, contract, pbu, reff, text = fields
        try:
            request = self._request(req_id, contract, pbu, reff, text)
        except WireError as error:
            self._answer(req_id, pbu, reff, error.code, now)
            events.append(RequestArrived(req_id, pbu, reff, None, error))
            return
        arrived = RequestArrived(req_id, pbu, reff, request)
        if self.state == OPEN:
            events.append(arrived)
        else:
            self._held.append(arrived)  # pre-open: forwarded at the open

    def _request(self, req_id: str, contract: str, pbu: str, reff: str, text: bytes) -> AnyRequest:
        if self.state != OPEN and (self.state != PRE_OPEN or len(self._held) >= MAX_HELD):
            raise WireError(5009, 0, "PlatformState", f"state {self.state} refuses requests")
        return read_envelope(self._profiles, req_id, contract, pbu, reff, text)

    def _on_sync(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        pbu, set_id, index, _ = fields
        remark = 1
        if pbu not in self._profiles:
            remark = 5011
        elif set_id not in self.sets:
            remark = 5010
        elif not 0 < index < 2**32:
            remark = 5013
        self._queue(frames.index_sync(self._next(), pbu, set_id, index, remark), now)
        if remark == 1:
            self._next_report[pbu, set_id] = index
            events.append(SyncRequested(pbu, set_id, index))
