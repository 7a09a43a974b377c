"""Members' requests: front checks, one kernel call each, answers (interfaces.md 2.4 to 2.6, 2.10).

Order of checks. Front, answered by a refusal (22): form of the id 20004 / 20272, flow limit
13300, duplicate 11270, session 11246 / 19100 / 10740. Host, answered by a rejecting report:
market-maker account 10258, contract 19114, then `orders.enter` and `enter_quote`; for cancels
order 19082, contract 13528, no-cancel window 19242.
"""

import numpy as np

from quanheng.exchange import business
from quanheng.exchange import layout as lay
from quanheng.exchange.orders import cancel, cancel_quote, enter, enter_quote
from quanheng.exchange.state import ORDER_BASE, Desk, switch
from quanheng.exchange.turn import Turn, drain
from quanheng.rulebook import business_hours
from quanheng.terms.business import MarginInquiry
from quanheng.terms.codes import Effect, Exec, OrderKind, Phase, Side
from quanheng.terms.orders import (
    AnyRequest,
    CancelReject,
    NewOrder,
    OrderAck,
    OrderCancel,
    Quote,
    QuoteAck,
    QuoteCancel,
    RequestRejected,
)
from quanheng.terms.units import SECOND
from quanheng.wire.codes import number as code_of

BUSINESS_CLOSED = code_of("BUSINESS_CLOSED")
BUSY = code_of("BUSY")
DUPLICATE = code_of("DUPLICATE")
ILLEGAL_TAG_11 = code_of("ILLEGAL_TAG_11")
ILLEGAL_TAG_1166 = code_of("ILLEGAL_TAG_1166")
ILLEGAL_TAG_1635 = code_of("ILLEGAL_TAG_1635")
NEGATIVE_QUANTITY = code_of("NEGATIVE_QUANTITY")
NOT_A_MARKET_MAKER = code_of("NOT_A_MARKET_MAKER")
NOT_IMPLEMENTED = code_of("NOT_IMPLEMENTED")
NOT_IN_THIS_SESSION = code_of("NOT_IN_THIS_SESSION")
NOT_YET_OPEN = code_of("NOT_YET_OPEN")
NO_CANCEL_NOW = code_of("NO_CANCEL_NOW")
ORIGINAL_NOT_FOUND = code_of("ORIGINAL_NOT_FOUND")
PRODUCT_NOT_AVAILABLE = code_of("PRODUCT_NOT_AVAILABLE")
SECURITY_DIFFERS_FROM_ORDER = code_of("SECURITY_DIFFERS_FROM_ORDER")
SIZE_CONTRADICTS_MESSAGE = code_of("SIZE_CONTRADICTS_MESSAGE")
TOO_MANY_MESSAGES = code_of("TOO_MANY_MESSAGES")

TRADING = (NewOrder, OrderCancel, Quote, QuoteCancel)
FLOW_LIMIT = 1_000
"""Messages a member may send in a second (borders.md 4)."""
PAGE = 4096
"""Bytes of one bitmap page: 32,768 ids, eight blocks of an id counter."""
MAX_PAGES = 1_024
"""Pages a member's ids may touch in a day; ids spread wider than that are refused as busy."""
CLOSED_CODES = {
    Phase.START: NOT_YET_OPEN,
    Phase.BREAK: NOT_IN_THIS_SESSION,
    Phase.CLOSED: BUSINESS_CLOSED,
}


def _seen(desk: Desk, name: str) -> int:
    """0 and remembers the id if it is new today; else the code of what is wrong with it."""
    value = int(name, 36)
    page = desk.ids.get(value >> 15)
    if page is None:
        if len(desk.ids) >= MAX_PAGES:
            return BUSY
        page = desk.ids[value >> 15] = np.zeros(PAGE, dtype=np.uint8)
    place = value >> 3 & PAGE - 1
    bit = 1 << (value & 7)
    byte = int(page[place])
    if byte & bit:
        return DUPLICATE
    page[place] = byte | bit
    return 0


def _front(turn: Turn, desk: Desk, request: AnyRequest) -> int:
    """The checks of the front; 0 lets the request through to the host."""
    name = request.client_id
    if len(name) != 10 or not name.isalnum() or not name.isascii() or name.upper() != name:
        if isinstance(request, MarginInquiry):
            return ILLEGAL_TAG_1635
        return ILLEGAL_TAG_1166 if isinstance(request, Quote | QuoteCancel) else ILLEGAL_TAG_11
    second = turn.at // SECOND
    if second != desk.second:
        desk.second, desk.count = second, 0
    desk.count += 1
    state = turn.state
    if desk.count > FLOW_LIMIT and state.open and switch(state.open, "flow_limit") == "on":
        return TOO_MANY_MESSAGES
    code = 0 if isinstance(request, MarginInquiry) else _seen(desk, name)
    if code:
        return code
    if type(request) in TRADING:
        return CLOSED_CODES.get(state.session, 0)
    fault = business_hours.closed(type(request), turn.at - state.day_start)
    if fault:
        return code_of(fault)
    return 0 if business.runs(request) else NOT_IMPLEMENTED


def take(turn: Turn, member: int, request: AnyRequest) -> None:
    """Take one request of a member; a business this venue does not run is refused by 17602."""
    code = _front(turn, turn.state.desks[member], request)
    if code:
        _refuse(turn, member, request, code)
        return
    match request:
        case Quote():
            _quote(turn, member, request)
        case QuoteCancel():
            _quote_cancel(turn, member, request)
        case NewOrder():
            _order(turn, member, request)
        case OrderCancel():
            _cancel(turn, member, request)
        case _:
            business.take_business(turn, member, request)


def _refuse(turn: Turn, member: int, request: AnyRequest, code: int) -> None:
    rejected = RequestRejected(request.client_id, code)
    turn.rejects.setdefault(member, []).append(rejected)


def _flags(effect: Effect, covered: bool = False) -> int:
    return (lay.CLOSE if effect else 0) | (lay.COVERED_FLAG if covered else 0)


def _part(slot: int) -> int:
    """Partition for an answer about a contract that may not exist."""
    return max(slot, 0)


def _is_maker(turn: Turn, member: int) -> bool:
    opened = turn.state.open
    return opened is not None and opened.members[member].maker != ""


def _quote(turn: Turn, member: int, quote: Quote) -> None:
    state = turn.state
    slot = state.slots.get(quote.contract, -1)
    desk = state.desks[member]
    code = 0 if _is_maker(turn, member) else NOT_A_MARKET_MAKER
    code = code or (PRODUCT_NOT_AVAILABLE if slot < 0 else 0)
    code = code or (NEGATIVE_QUANTITY if quote.bid_qty < 0 or quote.ask_qty < 0 else 0)
    if not code:
        code = enter_quote(
            turn.market,
            slot,
            member,
            turn.at,
            (quote.bid, quote.ask),
            (quote.bid_qty, quote.ask_qty),
            (_flags(quote.bid_effect), _flags(quote.ask_effect)),
        )
    if code:
        _answer_quote(turn, member, slot, quote, code, ("", ""), (0, 0), 0)
        return
    result = state.ctl[lay.C_OLD_ID : lay.C_NEW_ID + 2].tolist()
    old_ids, old_qty, new_ids = result[0:4:2], result[1:4:2], result[4:6]
    if switch_withdraws(turn):
        _withdraw_rest(turn, member, slot, quote, old_ids, old_qty)
    names = ["", ""]
    for side in range(2):
        key = slot * 2 + side
        if old_ids[side]:
            names[side] = desk.quotes.pop(key, "")
        if new_ids[side]:
            desk.quotes[key] = quote.client_id
    number = new_ids[0] or new_ids[1]
    _answer_quote(
        turn, member, slot, quote, 0, (names[0], names[1]), (old_qty[0], old_qty[1]), number
    )
    drain(turn)


def switch_withdraws(turn: Turn) -> bool:
    """The alternative reading in which a side that is not carried is withdrawn."""
    opened = turn.state.open
    return opened is not None and opened.switches.get("quote_side") == "withdraw"


def _withdraw_rest(
    turn: Turn, member: int, slot: int, quote: Quote, old_ids: list[int], old_qty: list[int]
) -> None:
    for side, qty in enumerate((quote.bid_qty, quote.ask_qty)):
        if qty == 0:
            old_qty[side] = cancel_quote(turn.market, slot, side, member)
            old_ids[side] = int(turn.state.ctl[lay.C_OLD_ID + 2 * side])


def _answer_quote(
    turn: Turn,
    member: int,
    slot: int,
    quote: Quote,
    code: int,
    old: tuple[str, str],
    old_qty: tuple[int, int],
    number: int,
) -> None:
    """35=AJ; the sides' prices are 0 where the quantity is (interfaces.md 2.5)."""
    part = _part(slot)
    body = QuoteAck(
        False,
        Exec.REJECTED if code else Exec.ACCEPTED,
        quote.client_id,
        quote.contract,
        ORDER_BASE[part & 1] + number if number else 0,
        quote.bid if quote.bid_qty else 0,
        quote.ask if quote.ask_qty else 0,
        quote.bid_qty,
        quote.ask_qty,
        quote.bid_effect,
        quote.ask_effect,
        turn.at,
        code,
        old[0],
        old_qty[0],
        old[1],
        old_qty[1],
    )
    turn.report(member, part, body)


def _quote_cancel(turn: Turn, member: int, request: QuoteCancel) -> None:
    """35=Z: withdraw the quote's sides asked for. Nothing resting there is 19082."""
    state = turn.state
    slot = state.slots.get(request.contract, -1)
    code = 0 if _is_maker(turn, member) else NOT_A_MARKET_MAKER
    code = code or (PRODUCT_NOT_AVAILABLE if slot < 0 else 0)
    code = code or (SIZE_CONTRADICTS_MESSAGE if not (request.bid or request.ask) else 0)
    names, sizes = ["", ""], [0, 0]
    if not code:
        quotes = state.desks[member].quotes
        wanted = [side for side, on in enumerate((request.bid, request.ask)) if on]
        if not any(slot * 2 + side in quotes for side in wanted):
            code = ORIGINAL_NOT_FOUND
        elif state.info[slot, lay.FIXED]:
            code = NO_CANCEL_NOW
        else:
            for side in wanted:
                names[side] = quotes.pop(slot * 2 + side, "")
                sizes[side] = cancel_quote(turn.market, slot, side, member)
    body = QuoteAck(
        True,
        Exec.REJECTED if code else Exec.CANCELLED,
        request.client_id,
        request.contract,
        0,
        0,
        0,
        0,
        0,
        Effect.OPEN,
        Effect.OPEN,
        turn.at,
        code,
        names[0],
        sizes[0],
        names[1],
        sizes[1],
    )
    turn.report(member, _part(slot), body)


def _order(turn: Turn, member: int, order: NewOrder) -> None:
    state = turn.state
    slot = state.slots.get(order.contract, -1)
    side = order.side - 1
    code = PRODUCT_NOT_AVAILABLE
    if slot >= 0:
        flags = _flags(order.effect, order.covered)
        price = order.price
        kind = int(order.kind)
        code = enter(turn.market, slot, side, kind, price, order.qty, member, turn.at, flags)
    number = left = rested = 0
    if not code:
        ctl = state.ctl
        number, left, rested = int(ctl[lay.C_NEW_ID]), int(ctl[lay.C_LEFT]), 0
        rested = int(ctl[lay.C_REST_PRICE])
        state.live[number] = order.client_id
        if ctl[lay.C_RESTING]:
            desk = state.desks[member]
            place = slot * 2 + side
            desk.orders[order.client_id] = (number, place, order.qty, int(order.kind))
    body = OrderAck(
        Exec.REJECTED if code else Exec.ACCEPTED,
        order.client_id,
        "",
        order.contract,
        ORDER_BASE[_part(slot) & 1] + number if number else 0,
        order.side,
        order.effect,
        order.kind,
        order.price,
        order.qty,
        turn.at,
        rested,
        left,
        code,
        order.covered,
    )
    turn.report(member, _part(slot), body)
    drain(turn)
    # An order that did not come to rest is over, filled or not.
    if number and order.client_id not in state.desks[member].orders:
        state.live.pop(number, None)


def _cancel(turn: Turn, member: int, request: OrderCancel) -> None:
    """35=F: withdraw a single order by the id it was entered with."""
    state = turn.state
    desk = state.desks[member]
    known = desk.orders.get(request.target)
    slot = state.slots.get(request.contract, -1)
    code = number = shown = 0
    if known is None:
        code = ORIGINAL_NOT_FOUND
    else:
        number = known[0]
        shown = ORDER_BASE[known[1] >> 1 & 1] + number
        if slot != known[1] >> 1:
            code = SECURITY_DIFFERS_FROM_ORDER
        elif state.info[slot, lay.FIXED]:
            code = NO_CANCEL_NOW
    if code or known is None:
        body = CancelReject(request.client_id, request.target, shown, turn.at, code)
        turn.report(member, _part(slot), body)
        return
    side = known[1] & 1
    position = _resting(turn, slot, side, number)
    left = cancel(turn.market, slot, side, number)
    del desk.orders[request.target]
    state.live.pop(number, None)
    ack = OrderAck(
        Exec.CANCELLED,
        request.client_id,
        request.target,
        request.contract,
        shown,
        Side(side + 1),
        Effect.CLOSE if position[1] & lay.CLOSE else Effect.OPEN,
        OrderKind(known[3]),
        position[0],
        known[2],
        turn.at,
        0,
        left,
        0,
        bool(position[1] & lay.COVERED_FLAG),
    )
    turn.report(member, slot, ack)


def _resting(turn: Turn, slot: int, side: int, number: int) -> tuple[int, int]:
    """Price and flags of a resting order."""
    count = int(turn.state.info[slot, lay.N_BID + side])
    for row in turn.state.book[slot, side, :count].tolist():
        if row[lay.O_ID] == number:
            return row[lay.O_PRICE], row[lay.O_FLAGS]
    return 0, 0
