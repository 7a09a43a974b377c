"""What differs between the two carriers of STEP fragments (interfaces.md 1.7, 2.9).

Carrier A is TDGW, carrier B the three tables of EzSTEP. There a response or a trade is always
35=8: the types U11 to U17 are TDGW's own, so a text changes its type on the way and the business
(or the trade's own tags) says which it was. What an envelope must say is the same for both.
"""

from collections.abc import Mapping

from quanheng.terms.orders import AnyRequest
from quanheng.wire import business, fragment, step
from quanheng.wire.fields import WireError
from quanheng.wire.profile import Profile

_RESPONSES = {"OTU": "U14", "OTE": "U15", "OCE": "U16", "OTT": "U17", "OML": "U13"}
_ONE_TYPE = b"8"
_HEAD = b"35="


def read_envelope(
    profiles: Mapping[str, Profile], req_id: str, security: str, pbu: str, reff: str, text: bytes
) -> AnyRequest:
    """The request of an envelope and its fragment, of a member with these trading units.

    WireError: 4012 ReqID or SecurityID, 19058 trading unit, the fragment's own, 19056 mismatch.
    """
    form = business.ROUTING.get(req_id)
    if form is None or not form.fullmatch(security):
        reason = f"{security!r} is no security of business {req_id!r}"
        raise WireError(4012, 48, "SecurityID", reason)
    profile = profiles.get(pbu)
    if profile is None:
        raise WireError(19058, 448, "BizPbu", f"trading unit {pbu!r} is not of this member")
    request = step.decode_request(req_id, text, profile)
    if request.client_id != reff or step.routing_code(request) != security:
        reason = f"says {reff!r} {security!r}, the fragment says otherwise"
        raise WireError(19056, 0, "envelope", reason)
    return request


def _retyped(text: bytes, kind: bytes) -> bytes:
    """A fragment under another 35; its length is counted again."""
    start = text.find(b"\x01") + 1
    body = text[start:]
    stop = body.find(b"\x01")
    if start == 0 or stop < 0 or not body.startswith(_HEAD):
        raise WireError(20018, 35, "byte 0", "the second tag must be 35 MsgType")
    if not body.isascii():
        raise WireError(20000, 0, "text", "is not ASCII")
    return fragment.wrap((_HEAD + kind + body[stop:]).decode("ascii"))


def to_tables(text: bytes) -> bytes:
    """A report's text as the tables carry it: U11 to U17 become 8."""
    start = text.find(b"\x01") + 1
    if text[start : start + 5] == b"35=U1":
        return _retyped(text, _ONE_TYPE)
    return text


def from_tables(text: bytes, req_id: str) -> bytes:
    """The text of a report under TDGW's type. `req_id` is its business, empty for a trade.

    WireError when the text has no type at all or is not ASCII.
    """
    start = text.find(b"\x01") + 1
    if text[start : start + 5] != b"35=8\x01":
        return text
    if not req_id:
        return _retyped(text, b"U11" if b"\x01150=F\x01" in text else b"U12")
    kind = _RESPONSES.get(req_id)
    return text if kind is None else _retyped(text, kind.encode())
