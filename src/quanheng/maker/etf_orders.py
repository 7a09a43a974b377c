"""Orders of the maker in the underlyings: judged, sent, and what comes back (P01 to P35).

Every order is a best-five order with a protective price: what does not trade at once is gone, so
nothing ever rests there. A rung here has the number of the ladder's check that it is the form of.
"""

from quanheng.maker import evidence, ledger
from quanheng.maker.etf_state import EtfWorking
from quanheng.maker.holdings import in_flight
from quanheng.maker.instruction_state import Kind
from quanheng.maker.ladder import BY_CHECK
from quanheng.maker.messages import Effects, MakerOpen, Resync
from quanheng.maker.monitors import alert
from quanheng.maker.parameters import of_class
from quanheng.maker.requests import client_id, counter_of, stamp, take
from quanheng.maker.state import U_PHASE, U_SPOT, State
from quanheng.maker.states import trader
from quanheng.terms.codes import Alert, Check, Phase, Side, TradingState
from quanheng.terms.etf import (
    ETF_LOT,
    ETF_SET,
    ETF_STEP,
    EtfAnswer,
    EtfAnswers,
    EtfDone,
    EtfFill,
    EtfOrder,
    EtfSend,
)
from quanheng.terms.orders import RequestRejected
from quanheng.terms.units import MONEY_PER_YUAN, Lots, Money, Nanos, Ticks

HEDGE = ("hedge", "1")
MOST_UNITS = 1_000_000
"""Units of one order (the exchange's largest fund order)."""
MILLION = 1_000_000


def fee(opened: MakerOpen, amount: Money) -> Money:
    """What a trade of so much costs there; never less than the market charges."""
    return -(-amount * opened.etf_fee // MILLION)


def refusal(
    state: State, opened: MakerOpen, klass: int, side: Side, limit: Ticks, qty: Lots
) -> Check | None:
    """The first rung that an order fails, None when it may go."""
    etf, row = state.etf, state.view.underlying[klass]
    underlying, start = opened.chain.classes[klass].underlying, opened.chain.classes[klass].start
    spot = int(row[U_SPOT])
    value = qty * limit
    slip = of_class(state.parameters, start, "hedge_slip")
    most = of_class(state.parameters, start, "max_value") * MONEY_PER_YUAN
    rungs = (
        (etf.on and _state(state, start) >= TradingState.HALTED, Check.P01_STATE),
        (bool(trader(state.scopes, underlying)), Check.P01_STATE),
        (row[U_PHASE] == Phase.CONTINUOUS, Check.P03_PHASE),
        (0 < qty <= MOST_UNITS and qty % ETF_LOT == 0, Check.P06_QUANTITY),
        (limit > 0 and limit % ETF_STEP == 0, Check.P07_PRICE),
        (value <= most, Check.P08_ORDER_VALUE),
        (abs(limit - spot) <= slip + ETF_STEP, Check.P10_LAST_COLLAR),
        (side == Side.BUY or qty <= _sellable(state, klass), Check.P18_POSITION),
        (side == Side.SELL or value + fee(opened, value) <= etf.cash, Check.P20_MARGIN),
        (not waiting(state, klass), Check.P35_RECONCILIATION),
    )
    return next((check for good, check in rungs if not good), None)


def _sellable(state: State, klass: int) -> Lots:
    """Units that may be sold: what a lock without an answer is about may not."""
    return int(state.etf.sellable[klass]) - in_flight(state, klass, Kind.LOCK)


def _state(state: State, start: int) -> int:
    """The state of a class as people set it. Hedges need no quoting: HALTED leaves them allowed,
    a kill does not (reliability.md 3).
    """
    opened = state.opened
    if opened is None:
        return TradingState.DOWN
    underlying = opened.chain.contracts[start].underlying
    states = state.scopes.states
    return min(states.get(scope, TradingState.OPEN) for scope in ("*", underlying))


def waiting(state: State, klass: int) -> bool:
    """Is an order of the class without its answer?"""
    return any(order.klass == klass for order in state.etf.working.values())


def place(
    state: State,
    opened: MakerOpen,
    klass: int,
    side: Side,
    limit: Ticks,
    qty: Lots,
    at: Nanos,
    effects: Effects,
) -> int:
    """Send an order that passes and return the counter of its client id; 0, an alert and nothing
    sent when it does not.
    """
    underlying = opened.chain.classes[klass].underlying
    check = refusal(state, opened, klass, side, limit, qty)
    if check is not None:
        state.denied[check] += 1
        known = (int(check), BY_CHECK[check].exchange_code, state.parameters.version, underlying)
        alert(state, effects, at, Alert.CHECK_DENIED, underlying, (*known, limit, qty))
        return 0
    ident = take(state, 1)
    name = client_id(state, ident)
    state.audit.passed += 1
    state.audit.sent += 1
    state.etf.working[ident] = EtfWorking(klass, side, qty, limit, at)
    state.etf.orders[klass] += 1
    order = EtfOrder(name, underlying, side, limit, qty, True)
    effects.append(EtfSend(state.ids.epoch, stamp(state, klass, HEDGE), [order]))
    return ident


def on_answers(
    state: State, opened: MakerOpen, body: EtfAnswers, at: Nanos, effects: Effects
) -> None:
    """Fold answers in; a fill is always a position and money, whatever we think of its order.

    What was taken before is left aside; after a gap nothing is taken until it was replayed.
    ValueError names a fill of something that is no underlying of the chain.
    """
    for answer in _fresh(state, body, at, effects):
        match answer:
            case EtfFill():
                _filled(state, opened, answer, at, effects)
            case EtfDone():
                _done(state, answer.target or answer.client_id)
            case RequestRejected():
                _done(state, answer.client_id)
                args = (answer.reason, answer.client_id)
                alert(state, effects, at, Alert.REJECTED_BY_EXCHANGE, "*", args)


def _fresh(state: State, body: EtfAnswers, at: Nanos, effects: Effects) -> list[EtfAnswer]:
    """The answers that come next in the stream."""
    if not body.first:
        return body.answers
    due = state.next_index.get(ETF_SET, 1)
    if body.first > due:
        alert(state, effects, at, Alert.REPORT_GAP, ETF_SET, (due, body.first))
        effects.append(Resync({ETF_SET: due}))
        return []
    answers = body.answers[due - body.first :]
    state.audit.duplicates += len(body.answers) - len(answers)
    state.next_index[ETF_SET] = due + len(answers)
    return answers


def unsent(state: State, ident: int) -> bool:
    """Proof that an order never left; True when it was one of these."""
    return state.etf.working.pop(ident, None) is not None


def _done(state: State, client_id: str) -> None:
    """Nothing of an order is left in the market."""
    if state.etf.working.pop(counter_of(state, client_id), None) is None:
        state.audit.unexpected += 1


def _filled(state: State, opened: MakerOpen, fill: EtfFill, at: Nanos, effects: Effects) -> None:
    names = [item.underlying for item in opened.chain.classes]
    if fill.underlying not in names:
        raise ValueError(f"maker: a fill names {fill.underlying}, which the chain does not have")
    klass = names.index(fill.underlying)
    order = state.etf.working.get(counter_of(state, fill.client_id))
    if order is None:
        state.audit.foreign += 1
        alert(state, effects, at, Alert.UNKNOWN_ORDER, fill.underlying, (fill.client_id,))
    else:
        order.qty -= fill.qty
        evidence.filled(state, counter_of(state, fill.client_id), fill.qty, fill.price)
    etf = state.etf
    buys = fill.side == Side.BUY
    signed = fill.qty if buys else -fill.qty
    money = -signed * fill.price - fill.fee
    etf.units[klass] += signed
    if not buys:
        etf.sellable[klass] -= fill.qty
    etf.cash += money
    etf.flow[klass] += money
    etf.fees[klass] += fill.fee
    ledger.hedged(state, klass, signed, fill.price, fill.fee)
