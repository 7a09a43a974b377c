"""What a TDGW session tells its host. Frozen facts; times and bytes are the host's business."""

import msgspec

from quanheng.terms.business import MarginAnswer
from quanheng.terms.market import Inquiry
from quanheng.terms.orders import AnyRequest, Report, RequestRejected
from quanheng.terms.units import Day
from quanheng.wire.fields import WireError


class LoggedOn(msgspec.Struct, frozen=True):
    """The session is up. `interval` is the ruling heartbeat interval in seconds."""

    peer: str
    interval: int
    version: str
    day: Day


class LoggedOut(msgspec.Struct, frozen=True):
    """The session ended (or a logon failed); codes of interfaces.md 1.8."""

    code: int
    text: str


class Disconnect(msgspec.Struct, frozen=True):
    """The host must close the connection now."""

    reason: str


class PlatformState(msgspec.Struct, frozen=True):
    """0 not open, 1 pre-open, 2 open, 3 break, 4 closed."""

    platform: int
    state: int


class ExecRptInfo(msgspec.Struct, frozen=True):
    """Trading units and partitions to synchronise; nothing is pushed before that."""

    pbus: tuple[str, ...]
    sets: tuple[str, ...]


class RequestArrived(msgspec.Struct, frozen=True):
    """Server: a request, or the error for which the session has already queued the refusal."""

    req_id: str
    pbu: str
    reff: str
    request: AnyRequest | None
    error: WireError | None = None


class ReportArrived(msgspec.Struct, frozen=True):
    """Client: the next report of a partition, each exactly once and in order."""

    pbu: str
    report: Report


class ReportUnreadable(msgspec.Struct, frozen=True):
    """Client: a report that breaks the specification; its index counts as received."""

    pbu: str
    set_id: str
    index: int
    error: WireError


class ReportGap(msgspec.Struct, frozen=True):
    """Client: an index jumped; the session has asked for `expected` onwards again."""

    pbu: str
    set_id: str
    expected: int
    got: int


class RejectArrived(msgspec.Struct, frozen=True):
    """Client: Order Request Reject (22) or a General Response (21) with an error."""

    req_id: str
    pbu: str
    rejected: RequestRejected


class ResponseArrived(msgspec.Struct, frozen=True):
    """Client: a General Response without error, with its fragment; `answer` of an OMR inquiry."""

    req_id: str
    pbu: str
    reff: str
    text: bytes
    answer: MarginAnswer | None = None


class SyncRequested(msgspec.Struct, frozen=True):
    """Server: the member wants reports of (pbu, set_id) from index `next` on."""

    pbu: str
    set_id: str
    next: int


class SyncAnswered(msgspec.Struct, frozen=True):
    """Client: answer to a synchronisation; `remark` 1 is success."""

    pbu: str
    set_id: str
    next: int
    remark: int


class EndOfStream(msgspec.Struct, frozen=True):
    """Client: the day's reports of a partition end at `last`."""

    pbu: str
    set_id: str
    last: int


class InquiryArrived(msgspec.Struct, frozen=True):
    """Client: an inquiry forwarded to market makers."""

    number: int
    inquiry: Inquiry


class ProtocolError(msgspec.Struct, frozen=True):
    """The peer broke a rule. A fatal one has ended the session; the host only records it."""

    code: int
    reason: str
    fatal: bool


Event = (
    LoggedOn
    | LoggedOut
    | Disconnect
    | PlatformState
    | ExecRptInfo
    | RequestArrived
    | ReportArrived
    | ReportUnreadable
    | ReportGap
    | RejectArrived
    | ResponseArrived
    | SyncRequested
    | SyncAnswered
    | EndOfStream
    | InquiryArrived
    | ProtocolError
)
