"""The member's side of a TDGW session (interfaces.md 1.4 to 1.8; T-01)."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from quanheng.terms.orders import AnyRequest, Report, RequestRejected
from quanheng.terms.units import Day, Nanos
from quanheng.wire import business as other
from quanheng.wire import frames, step
from quanheng.wire.events import (
    EndOfStream,
    Event,
    ExecRptInfo,
    InquiryArrived,
    LoggedOn,
    PlatformState,
    ProtocolError,
    RejectArrived,
    ReportArrived,
    ReportGap,
    ReportUnreadable,
    ResponseArrived,
    SyncAnswered,
)
from quanheng.wire.fields import SOH, WireError
from quanheng.wire.profile import Profile
from quanheng.wire.session import (
    ENDING,
    FASTEST,
    GATEWAY,
    SLOWEST,
    VERSION,
    Phase,
    Session,
    SessionError,
)

OWNER = re.compile(rb"\x01448=([^\x01]*)\x01452=5\x01")
"""The party of a report whose role is the securities account."""


class ClientSession(Session):
    """The member's side (OMS). Delivers each report exactly once and in index order."""

    HANDLERS: ClassVar[dict[Phase, dict[int, str]]] = {
        Phase.NEW: {frames.LOGON: "_on_logon", frames.LOGOUT: "_on_logout"},
        Phase.ACTIVE: {
            frames.LOGOUT: "_on_logout",
            frames.HEARTBEAT: "_on_heartbeat",
            frames.EXECUTION_REPORT: "_on_report",
            frames.GENERAL_RESPONSE: "_on_response",
            frames.ORDER_REJECT: "_on_reject",
            frames.PLATFORM_STATE: "_on_platform_state",
            frames.EXEC_RPT_INFO: "_on_info",
            frames.INDEX_SYNC: "_on_sync",
            frames.END_OF_STREAM: "_on_end_of_stream",
            frames.PUBLIC_DATA: "_on_public_data",
        },
        Phase.ENDING: ENDING,
        Phase.CLOSED: {},
    }

    def __init__(self, comp_id: str, profile: Profile, day: Day, now: Nanos) -> None:
        super().__init__(now)
        self.comp_id = comp_id
        self.profile = profile
        self.day = day
        self._own = f"{SOH}448={profile.account}{SOH}452=5{SOH}".encode()
        self.duplicates = 0  # replayed reports that were already delivered
        self._expected: dict[tuple[str, str], int] = {}
        self._resyncing: dict[tuple[str, str], int] = {}

    def send_logon(self, now: Nanos, interval: int = 30) -> bytes:
        """The first message. `interval` is a wish; the gateway's answer rules."""
        if self.phase is not Phase.NEW or self._sent:
            raise SessionError("a logon is only the first message of a session")
        body = frames.Logon(self.comp_id, GATEWAY, interval, VERSION, self.day)
        self._queue(frames.logon(self._next(), body), now)
        self._since = now
        return self.output()

    def send_index_sync(self, pbu: str, set_id: str, index: int, now: Nanos) -> bytes:
        """Ask for the reports of a partition from `index` (1 or more) on."""
        self._require_active("synchronise")
        self._expected[pbu, set_id] = index
        self._queue(frames.index_sync(self._next(), pbu, set_id, index), now)
        return self.output()

    def send_requests(self, requests: Sequence[AnyRequest], now: Nanos) -> bytes:
        """Orders, quotes and cancels. WireError for one that cannot be carried; none is sent
        then.
        """
        self._require_active("send a request")
        profile = self.profile
        texts = [step.encode_request(request, profile) for request in requests]
        pbu = profile.pbu
        out = self._out
        for request, text in zip(requests, texts, strict=True):
            self._sent += 1
            business = step.business_of(request)
            security = step.routing_code(request)
            out.append(
                frames.order_request(self._sent, business, security, pbu, request.client_id, text)
            )
        self._last_sent = now
        return self.output()

    def send_request(self, request: AnyRequest, now: Nanos) -> bytes:
        """One request; see `send_requests`."""
        return self.send_requests([request], now)

    def _on_logon(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        sender, target, interval, version, day, _ = fields
        if sender != GATEWAY or target != self.comp_id:
            self._fail(5005, f"logon answer from {sender!r} to {target!r}", now, events)
        elif day != self.day:
            self._fail(5007, f"the gateway's day is {day}, ours {self.day}", now, events)
        elif not FASTEST <= interval <= SLOWEST:
            self._fail(5007, f"heartbeat interval {interval} is outside 5..60", now, events)
        else:
            self.phase = Phase.ACTIVE
            self.interval = interval
            events.append(LoggedOn(sender, interval, version, day))

    def _on_report(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        pbu, set_id, index, req_id, text = fields
        key = (pbu, set_id)
        expected = self._expected.get(key)
        if expected is None:
            reason = f"report {index} of {pbu}/{set_id} came before its synchronisation"
            events.append(ProtocolError(5013, reason, False))
            return
        if index != expected:
            if index < expected:
                self.duplicates += 1
            elif self._resyncing.get(key) != expected:
                # One request per gap: what is already under way will be sent again.
                self._resyncing[key] = expected
                events.append(ReportGap(pbu, set_id, expected, index))
                self._queue(frames.index_sync(self._next(), pbu, set_id, expected), now)
            return
        self._expected[key] = expected + 1
        try:
            if self._own not in text:
                self._check_owner(text)
            body = step.decode_report(text, self.day, req_id)
        except WireError as error:
            events.append(ReportUnreadable(pbu, set_id, index, error))
            return
        events.append(ReportArrived(pbu, Report(set_id, index, body)))

    def _check_owner(self, text: bytes) -> None:
        """WireError 10794 for a report of another securities account (T-04)."""
        owner = OWNER.search(text)
        if owner is not None:
            reason = f"account {owner[1].decode('ascii', 'replace')} is not {self.profile.account}"
            raise WireError(10794, 448, "report", reason)

    def _on_response(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        req_id, pbu, reff, remark, text = fields
        if remark in (0, 1):
            answer = None
            if req_id == "OMR":
                try:
                    answer = other.decode_margin_answer(text, self.day)
                except WireError as error:
                    events.append(ProtocolError(error.code, f"answer to {reff}: {error}", False))
                    return
            events.append(ResponseArrived(req_id, pbu, reff, text, answer))
        else:
            events.append(RejectArrived(req_id, pbu, RequestRejected(reff, remark)))

    def _on_reject(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        req_id, pbu, reff, remark = fields
        events.append(RejectArrived(req_id, pbu, RequestRejected(reff, remark)))

    def _on_platform_state(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        events.append(PlatformState(*fields))

    def _on_info(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        _, pbus, sets = fields
        events.append(ExecRptInfo(pbus, sets))

    def _on_sync(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        pbu, set_id, index, remark = fields
        self._resyncing.pop((pbu, set_id), None)
        events.append(SyncAnswered(pbu, set_id, index, remark))

    def _on_end_of_stream(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        events.append(EndOfStream(*fields))

    def _on_public_data(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        kind, _, number, text = fields
        if kind != "RQ":
            self.ignored += 1
            return
        try:
            events.append(InquiryArrived(number, step.decode_inquiry(text, self.day)))
        except WireError as error:
            events.append(ProtocolError(error.code, f"inquiry {number}: {error}", False))
