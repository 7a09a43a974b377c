"""STEP messages of the option platform: encode and decode, one function per direction.

Sans-I/O. Every refusal is a WireError with the exchange's code (interfaces.md 2.10).
"""

from collections.abc import Callable

from quanheng.terms.business import BusinessCancel
from quanheng.terms.market import Inquiry
from quanheng.terms.orders import (
    AnyReport,
    AnyRequest,
    CancelReject,
    NewOrder,
    OrderAck,
    OrderCancel,
    Quote,
    QuoteAck,
    QuoteCancel,
    Trade,
    Unreadable,
)
from quanheng.terms.units import Day
from quanheng.wire import business as other
from quanheng.wire import fragment
from quanheng.wire.dialect import body_of_report, body_of_request, clock
from quanheng.wire.dialect_read import REPORTS, instant, request_of
from quanheng.wire.fields import WireError
from quanheng.wire.messages import REQUEST_KINDS
from quanheng.wire.profile import Profile

__all__ = [
    "Profile",
    "WireError",
    "business_of",
    "decode_inquiry",
    "decode_report",
    "decode_request",
    "encode_inquiry",
    "encode_report",
    "encode_request",
    "routing_code",
]

_BUSINESS: dict[type, str] = {
    NewOrder: "OTO",
    OrderCancel: "OTO",
    Quote: "OQO",
    QuoteCancel: "OQO",
    **other.BUSINESS_OF,
}


# Tuples, because a test against a union costs a microsecond; the hot types first.
_TRADING = (Quote, QuoteCancel, NewOrder, OrderCancel)
_ANSWERS = (QuoteAck, Trade, OrderAck, CancelReject)
_REPORTS: dict[str, Callable[[tuple[str, ...], Day], AnyReport]] = {**REPORTS, **other.REPORTS}


def business_of(request: AnyRequest) -> str:
    """The ReqID a request travels under: OQO for quotes, OTO for orders, and so on (2.2)."""
    if isinstance(request, BusinessCancel):
        return request.business
    return _BUSINESS[request.__class__]


def routing_code(request: AnyRequest) -> str:
    """SecurityID of the envelope (interfaces.md 1.7)."""
    if isinstance(request, _TRADING):
        return request.contract
    return other.routing_code(request)


def encode_request(request: AnyRequest, profile: Profile) -> bytes:
    """The STEP fragment of a request. WireError when a value cannot be carried."""
    if isinstance(request, _TRADING):
        return fragment.wrap(body_of_request(request, profile))
    return other.encode_request(request, profile)


def decode_request(req_id: str, text: bytes, profile: Profile) -> AnyRequest:
    """The request in a fragment that came under `req_id` from the member of `profile`.

    WireError: 4012 unknown business, 19058 another member's trading
    unit, 10794 another account, 10258 a quote without a liquidity provider's account, or the code
    of the tag at fault.
    """
    kinds = REQUEST_KINDS.get(req_id)
    if kinds is None:
        raise WireError(4012, 0, "ReqID", f"{req_id!r} is no business")
    kind, values = fragment.read(text, other.PREFIX.get(req_id, ""))
    if kind not in kinds:
        raise WireError(20018, 35, f"35={kind}", f"{kind} is no request of business {req_id}")
    if req_id == "OMR":
        if values[2] != profile.pbu:
            reason = f"trading unit {values[2]} is not {profile.pbu}"
            raise WireError(19058, 448, f"35={kind}", reason)
        return other.request_of(req_id, kind, values)
    account, pbu, _ = values[-3:]
    if pbu != profile.pbu:
        raise WireError(19058, 448, f"35={kind}", f"trading unit {pbu} is not {profile.pbu}")
    if account != profile.account:
        raise WireError(10794, 448, f"35={kind}", f"account {account} is not {profile.account}")
    if req_id == "OQO" and values[2] != "105":
        raise WireError(10258, 522, f"35={kind}", f"owner type {values[2]} may not quote")
    if req_id in other.PREFIX:
        return other.request_of(req_id, kind, values)
    return request_of(kind, values)


def encode_report(body: AnyReport | Unreadable, profile: Profile) -> tuple[str, bytes]:
    """(ReqID, STEP fragment) of a report. WireError when a value cannot be carried."""
    if isinstance(body, Unreadable):
        raise WireError(body.reason, 35, "MsgType", "what could not be read cannot be sent on")
    if isinstance(body, _ANSWERS):
        req_id, text = body_of_report(body, profile)
        return req_id, fragment.wrap(text)
    return other.encode_report(body, profile)


def decode_report(text: bytes, day: Day, req_id: str = "OTO") -> AnyReport:
    """The report in a fragment that came under `req_id`; tags 8541 and 42 are times of `day`.
    WireError when malformed.
    """
    if req_id == "ORQ":
        kind, values = fragment.read(text, "ORQA.")
        return other.inquiry_ack_of(values, day)
    kind, values = fragment.read(text)
    if kind == "9" and req_id in ("OTE", "OCE", "OTT"):
        return other.cancel_reject_of(req_id, values, day)
    build = _REPORTS.get(kind)
    if build is None:
        raise WireError(20018, 35, f"35={kind}", f"{kind} is no report")
    return build(values, day)


def encode_inquiry(inquiry: Inquiry) -> bytes:
    """The 35=R fragment that forwards an inquiry to market makers (interfaces.md 2.7, ours)."""
    name, contract, side, qty = inquiry.inquiry, inquiry.contract, inquiry.side, inquiry.qty
    if not (0 < len(name) <= 18 and name.isalnum() and name.isascii()):
        raise WireError(20000, 131, "encode", f"{name!r} is not an inquiry id")
    if not (len(contract) == 8 and contract.isdigit()):
        raise WireError(20034, 48, "encode", f"{contract!r} is not a contract code of 8 digits")
    if side not in (0, 1, 2) or not 0 <= qty < 10**10:
        raise WireError(20036, 54, "encode", f"side {side} or quantity {qty} cannot be carried")
    at, expires = clock(inquiry.at), clock(inquiry.expires)
    body = (
        f"35=R|131={name}|48={contract}|54={side or ' '}|38={qty}|303=102|10222=0|"
        f"8541={at}|126={expires}|"
    )
    return fragment.wrap(body.replace("|", "\x01"))


def decode_inquiry(text: bytes, day: Day) -> Inquiry:
    """The inquiry in a forwarded 35=R fragment of `day`. WireError when malformed."""
    kind, values = fragment.read(text)
    if kind != "R":
        raise WireError(20018, 35, f"35={kind}", f"{kind} is no inquiry")
    name, contract, side, qty, _, at, expires = values
    number = 0 if side == " " else int(side)
    return Inquiry(name, contract, number, int(qty), instant(day, at), instant(day, expires))
