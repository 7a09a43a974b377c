"""A member's quotes beside a tape: the venue's checks that need no account, its answers.

Refused at the front (22): phase 11246 / 19100 / 10740. Refused by report: contract, size, price and
self-match, as `orders.enter_quote` has them. Position and money are the business of the maker's
ladder: a tape has no accounts.
"""

from quanheng.exchange.front import (
    CLOSED_CODES,
    NEGATIVE_QUANTITY,
    NO_CANCEL_NOW,
    ORIGINAL_NOT_FOUND,
    PRODUCT_NOT_AVAILABLE,
    SIZE_CONTRADICTS_MESSAGE,
)
from quanheng.exchange.state import ORDER_BASE
from quanheng.exchange.tape_fills import Fill, available, fill_of, opposite, shown
from quanheng.exchange.tape_state import (
    R_AHEAD,
    R_AT,
    R_EFFECT,
    R_ORDER,
    R_PRICE,
    R_QTY,
    R_TAKEN,
    TapeState,
)
from quanheng.terms import market
from quanheng.terms.codes import Effect, Exec, Phase
from quanheng.terms.contract import Contract
from quanheng.terms.orders import Quote, QuoteAck, QuoteCancel
from quanheng.terms.units import Lots, Nanos, Slot, Ticks
from quanheng.wire.codes import number as code_of

BELOW_MINIMUM_QUANTITY = code_of("BELOW_MINIMUM_QUANTITY")
OFF_TICK = code_of("OFF_TICK")
PRICE_OUT_OF_RANGE = code_of("PRICE_OUT_OF_RANGE")
QUANTITY_OUT_OF_RANGE = code_of("QUANTITY_OUT_OF_RANGE")
SELF_TRADE = code_of("SELF_TRADE")


def refusal(state: TapeState, request: Quote | QuoteCancel) -> int:
    """The front's code, 0 when the request reaches the host."""
    slot = state.slots.get(request.contract, -1)
    if slot < 0:
        return 0
    phase = Phase.CLOSED if state.closed else Phase(int(state.market[slot, market.PHASE]))
    return CLOSED_CODES.get(phase, 0)


def _side_code(contract: Contract, price: Ticks, qty: Lots) -> int:
    """Quantity, price step and price limits (rules.md 2.2, 2.4)."""
    if qty < contract.limit_min:
        return BELOW_MINIMUM_QUANTITY
    if qty > contract.limit_max:
        return QUANTITY_OUT_OF_RANGE
    if price <= 0 or price % max(contract.step, 1):
        return OFF_TICK
    if not contract.limit_down <= price <= contract.limit_up:
        return PRICE_OUT_OF_RANGE
    return 0


def _quote_code(state: TapeState, slot: Slot, quote: Quote) -> int:
    if slot < 0:
        return PRODUCT_NOT_AVAILABLE
    if quote.bid_qty < 0 or quote.ask_qty < 0:
        return NEGATIVE_QUANTITY
    if quote.bid_qty == 0 and quote.ask_qty == 0:
        return SIZE_CONTRADICTS_MESSAGE
    if quote.bid_qty and quote.ask_qty and quote.bid >= quote.ask:
        return SELF_TRADE
    assert state.opened is not None, "the tape was opened"
    contract = state.opened.chain.contracts[slot]
    for side, price, qty in ((0, quote.bid, quote.bid_qty), (1, quote.ask, quote.ask_qty)):
        if not qty:
            continue
        code = _side_code(contract, price, qty)
        other = state.rest[slot, 1 - side]
        kept = (quote.ask_qty, quote.bid_qty)[side] == 0 and other[R_QTY] > 0
        meets = price >= other[R_PRICE] if side == 0 else price <= other[R_PRICE]
        if code or (kept and meets):
            return code or SELF_TRADE
    return 0


def _withdraw(state: TapeState, slot: Slot, side: int) -> tuple[str, Lots]:
    """(client id, quantity) of what rested on a side and is gone now; ("", 0) for nothing."""
    left = int(state.rest[slot, side, R_QTY])
    state.rest[slot, side, R_QTY] = 0
    state.touched[slot] = 1
    return state.names.pop(slot * 2 + side, ""), left


def enter(state: TapeState, quote: Quote, at: Nanos) -> QuoteAck:
    """Check a quote and let it rest; a side it does not carry keeps its place (borders.md 4)."""
    slot = state.slots.get(quote.contract, -1)
    code = _quote_code(state, slot, quote)
    old = [("", 0), ("", 0)]
    number = 0
    if not code:
        sides = ((quote.bid, quote.bid_qty), (quote.ask, quote.ask_qty))
        for side, (price, qty) in enumerate(sides):
            if not qty:
                continue
            old[side] = _withdraw(state, slot, side)
            row = state.rest[slot, side]
            row[R_PRICE], row[R_QTY], row[R_AT], row[R_ORDER] = price, qty, at, state.orders
            row[R_EFFECT] = int(quote.ask_effect if side else quote.bid_effect)
            seen = state.market[slot : slot + 1]
            row[R_AHEAD] = shown(seen, side, row[R_PRICE : R_PRICE + 1])[0]
            state.names[slot * 2 + side] = quote.client_id
            number = number or state.orders
            state.orders += 1
    return QuoteAck(
        False,
        Exec.REJECTED if code else Exec.ACCEPTED,
        quote.client_id,
        quote.contract,
        ORDER_BASE[max(slot, 0) & 1] + number if number else 0,
        quote.bid if quote.bid_qty else 0,
        quote.ask if quote.ask_qty else 0,
        quote.bid_qty,
        quote.ask_qty,
        quote.bid_effect,
        quote.ask_effect,
        at,
        code,
        *old[0],
        *old[1],
    )


def at_once(state: TapeState, slot: Slot) -> list[Fill]:
    """What a quote that has just been entered trades with what the tape shows, at its price."""
    found: list[Fill] = []
    if state.market[slot, market.PHASE] != Phase.CONTINUOUS:
        return found
    for side in range(2):
        row = state.rest[slot, side]
        best = int(opposite(state.market[slot : slot + 1], side)[0][0])
        crosses = row[R_PRICE] >= best if side == 0 else row[R_PRICE] <= best
        qty = min(int(row[R_QTY]), available(state, slot, side))
        if best > 0 and crosses and qty > 0:
            row[R_TAKEN] += qty
            found.append(fill_of(state, slot, side, best, qty))
    return found


def cancel(state: TapeState, request: QuoteCancel, at: Nanos) -> QuoteAck:
    """Withdraw the sides asked for; nothing resting there is 19082."""
    slot = state.slots.get(request.contract, -1)
    wanted = [side for side, on in enumerate((request.bid, request.ask)) if on]
    old = [("", 0), ("", 0)]
    code = PRODUCT_NOT_AVAILABLE if slot < 0 else 0 if wanted else SIZE_CONTRADICTS_MESSAGE
    if not code and not any(slot * 2 + side in state.names for side in wanted):
        code = ORIGINAL_NOT_FOUND
    if not code and any(start <= at < stop for start, stop in state.spans):
        code = NO_CANCEL_NOW
    if not code:
        for side in wanted:
            old[side] = _withdraw(state, slot, side)
    done = Exec.REJECTED if code else Exec.CANCELLED
    effects = (Effect.OPEN, Effect.OPEN)
    return QuoteAck(
        True, done, request.client_id, request.contract, 0, 0, 0, 0, 0, *effects, at, code,
        *old[0], *old[1],
    )  # fmt: skip
