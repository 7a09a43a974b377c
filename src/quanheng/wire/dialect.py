"""Our words to STEP bodies: requests (D F S Z) and reports (8 9 AJ AI U11), the writing half.

Encoders check what could not be carried and raise WireError. A quote's side of quantity 0
carries price 0 and a blank position effect, so it reads back as price 0 and OPEN. Tag 8504 has
two decimals: an amount is rounded half up to 0.01 yuan, price x qty x unit stays exact elsewhere.
"""

from functools import lru_cache

from quanheng.terms.codes import Exec
from quanheng.terms.days import clock_text
from quanheng.terms.orders import (
    CancelReject,
    OrderCancel,
    Quote,
    QuoteAck,
    QuoteCancel,
    ReportBody,
    Request,
    Trade,
)
from quanheng.terms.units import MILLISECOND, Nanos, half_up
from quanheng.wire.fields import WireError
from quanheng.wire.profile import Profile

_PRICE_LIMIT = 10**10  # N11(4): six digits before the point
_QUANTITY_LIMIT = 10**10  # N10
_LEAVES_LIMIT = 10**12  # N12
_NUMBER_LIMIT = 10**16  # C16

_EFFECT_TEXT = ("O", "C")
_COVERED_TEXT = (" ", "1")
KIND_TEXT = (("2", "0"), ("2", "4"), ("1", "3"), ("1", "4"), ("K", "0"))
"""(tag 40, tag 59) of an OrderKind at its own value."""


@lru_cache(maxsize=4096)
def clock(at: Nanos) -> str:
    """HH:MM:SS.sss of a whole millisecond. WireError for any other instant."""
    if at % MILLISECOND:
        raise WireError(20218, 8541, "encode", f"{at} ns is not a whole millisecond")
    return clock_text(at)


def _check_ids(client_id: str, contract: str, tag: int = 1166) -> None:
    if not (len(client_id) == 10 and client_id.isalnum() and client_id.isascii()):
        reason = f"{client_id!r} is not 10 letters or digits"
        raise WireError(20272 if tag == 1166 else 20004, tag, "encode", reason)
    if not (len(contract) == 8 and contract.isdigit() and contract.isascii()):
        raise WireError(20034, 48, "encode", f"{contract!r} is not a contract code of 8 digits")


def _limit(tag: int, code: int, value: int, limit: int) -> None:
    if not 0 <= value < limit:
        raise WireError(code, tag, "encode", f"{value} is outside [0, {limit})")


def _two_sides(message: Quote | QuoteAck) -> None:
    """Diagnose what the quick range test of a two-sided message refused."""
    _limit(132, 20274, message.bid, _PRICE_LIMIT)
    _limit(133, 20276, message.ask, _PRICE_LIMIT)
    _limit(134, 20278, message.bid_qty, _QUANTITY_LIMIT)
    _limit(135, 20280, message.ask_qty, _QUANTITY_LIMIT)


def _number(value: int) -> int | str:
    """A number carried as characters: blank for 0 (no order id, no reason)."""
    return value or " "


def _optional_id(tag: int, client_id: str) -> str:
    if client_id and not (len(client_id) <= 10 and client_id.isalnum() and client_id.isascii()):
        raise WireError(20028, tag, "encode", f"{client_id!r} is not an order id")
    return client_id or " "


def body_of_request(request: Request, profile: Profile) -> str:
    """The text after tag 9. WireError when a value cannot be carried."""
    if isinstance(request, Quote):
        return _quote(request, profile)
    client_id, contract = request.client_id, request.contract
    if isinstance(request, QuoteCancel):
        _check_ids(client_id, contract)
        if not (request.bid or request.ask):
            raise WireError(13564, 134, "encode", "a quote cancel must name a side")
        values = (client_id, contract, not request.bid, not request.ask)
        return profile.templates["Z"] % values
    _check_ids(client_id, contract, 11)
    if isinstance(request, OrderCancel):
        target = _optional_id(41, request.target)
        return profile.templates["F"] % (client_id, target, contract)
    _limit(44, 20032, request.price, _PRICE_LIMIT)
    _limit(38, 20022, request.qty, _QUANTITY_LIMIT)
    return profile.templates["D"] % (
        client_id,
        contract,
        *divmod(request.price, 10_000),
        request.qty,
        request.side,
        _EFFECT_TEXT[request.effect],
        *KIND_TEXT[request.kind],
        _COVERED_TEXT[request.covered],
    )


def _quote(quote: Quote, profile: Profile) -> str:
    client_id, contract = quote.client_id, quote.contract
    bid, ask, bid_qty, ask_qty = quote.bid, quote.ask, quote.bid_qty, quote.ask_qty
    if not (
        0 <= bid < _PRICE_LIMIT
        and 0 <= ask < _PRICE_LIMIT
        and 0 <= bid_qty < _QUANTITY_LIMIT
        and 0 <= ask_qty < _QUANTITY_LIMIT
    ):
        _two_sides(quote)
    _check_ids(client_id, contract)
    if not bid_qty:
        if not ask_qty:
            raise WireError(13564, 134, "encode", "a quote must carry a side")
        bid = 0
    elif not ask_qty:
        ask = 0
    return profile.templates["S"] % (
        client_id,
        contract,
        bid // 10_000,
        bid % 10_000,
        ask // 10_000,
        ask % 10_000,
        bid_qty,
        ask_qty,
        _EFFECT_TEXT[quote.bid_effect] if bid_qty else " ",
        _EFFECT_TEXT[quote.ask_effect] if ask_qty else " ",
    )


def body_of_report(body: ReportBody, profile: Profile) -> tuple[str, str]:
    """(ReqID, text after tag 9); a fill's ReqID tells nothing about its origin and is OQO for a
    liquidity provider, else OTO. WireError when a value cannot be carried.
    """
    if isinstance(body, QuoteAck):
        return "OQO", _quote_ack(body, profile)
    if isinstance(body, Trade):
        return ("OQO" if profile.owner_type == 105 else "OTO"), _trade(body, profile)
    _limit(37, 20020, body.order_id, _NUMBER_LIMIT)
    _limit(103, 20048, body.reason, 100_000)
    client_id = _optional_id(11, body.client_id)
    target = _optional_id(41, body.target)
    if isinstance(body, CancelReject):
        return "OTO", profile.templates["9"] % (
            _number(body.order_id),
            client_id,
            target,
            clock(body.at),
            _number(body.reason),
        )
    _check_ids(body.client_id, body.contract, 11)
    _limit(44, 20032, body.price, _PRICE_LIMIT)
    _limit(845, 20214, body.limit_price, _PRICE_LIMIT)
    _limit(38, 20022, body.qty, _QUANTITY_LIMIT)
    _limit(151, 20056, body.leaves, _LEAVES_LIMIT)
    return "OTO", profile.templates["8"] % (
        _number(body.order_id),
        body.exec,
        body.exec,
        body.contract,
        client_id,
        target,
        *divmod(body.price, 10_000),
        body.qty,
        body.side,
        _EFFECT_TEXT[body.effect],
        *KIND_TEXT[body.kind],
        clock(body.at),
        *divmod(body.limit_price, 10_000),
        body.leaves,
        _number(body.reason),
        _COVERED_TEXT[body.covered],
    )


def _quote_ack(ack: QuoteAck, profile: Profile) -> str:
    bid, ask, bid_qty, ask_qty = ack.bid, ack.ask, ack.bid_qty, ack.ask_qty
    if not (
        0 <= bid < _PRICE_LIMIT
        and 0 <= ask < _PRICE_LIMIT
        and 0 <= bid_qty < _QUANTITY_LIMIT
        and 0 <= ask_qty < _QUANTITY_LIMIT
        and 0 <= ack.order_id < _NUMBER_LIMIT
        and 0 <= ack.reason < 100_000
        and 0 <= ack.old_bid_qty < _LEAVES_LIMIT
        and 0 <= ack.old_ask_qty < _LEAVES_LIMIT
    ):
        _two_sides(ack)
        _limit(37, 20020, ack.order_id, _NUMBER_LIMIT)
        _limit(300, 20282, ack.reason, 100_000)
        _limit(151, 20056, ack.old_bid_qty, _LEAVES_LIMIT)
        _limit(151, 20056, ack.old_ask_qty, _LEAVES_LIMIT)
    _check_ids(ack.client_id, ack.contract)
    status = ack.exec
    if status == (Exec.ACCEPTED if ack.cancel else Exec.CANCELLED):
        kind = "AI" if ack.cancel else "AJ"
        raise WireError(20054, 150, "encode", f"35={kind} cannot carry {status!r}")
    return profile.templates["AI" if ack.cancel else "AJ"] % (
        ack.order_id or " ",
        status,
        status,
        ack.client_id,
        ack.contract,
        bid // 10_000,
        bid % 10_000,
        ask // 10_000,
        ask % 10_000,
        bid_qty,
        ask_qty,
        _EFFECT_TEXT[ack.bid_effect] if bid_qty else " ",
        _EFFECT_TEXT[ack.ask_effect] if ask_qty else " ",
        ack.reason or " ",
        clock(ack.at),
        _optional_id(41, ack.old_bid),
        ack.old_bid_qty,
        _optional_id(41, ack.old_ask),
        ack.old_ask_qty,
    )


def _trade(trade: Trade, profile: Profile) -> str:
    _check_ids(trade.client_id, trade.contract, 11)
    _limit(37, 20020, trade.order_id, _NUMBER_LIMIT)
    _limit(17, 20006, trade.exec_id, _NUMBER_LIMIT)
    _limit(31, 20014, trade.price, _PRICE_LIMIT)
    _limit(32, 20016, trade.qty, _LEAVES_LIMIT)
    _limit(151, 20056, trade.leaves, _LEAVES_LIMIT)
    _limit(8504, 20078, trade.amount, 10**18)
    return profile.templates["U11"] % (
        trade.client_id,
        _number(trade.order_id),
        _number(trade.exec_id),
        trade.contract,
        trade.price // 10_000,
        trade.price % 10_000,
        trade.qty,
        trade.leaves,
        trade.side,
        _EFFECT_TEXT[trade.effect],
        _COVERED_TEXT[trade.covered],
        clock(trade.at),
        clock(trade.order_at),
        1 if trade.leaves else 2,
        *divmod(half_up(trade.amount, 100), 100),
    )
