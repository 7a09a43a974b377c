"""Extreme cases (I-46, R-02): wrong orders, oversize, positions over the exchange's limits, fills
that no order of ours explains. Found in the exchange's own copy of what the account did, restrained
through the firm's authority, kept as cases with their evidence.

A price is held against the middle of the last image and the own theory together, so that neither a
wide market nor a wrong curve makes a case alone; before the first continuous market of a contract
only its size is looked at. A limit that is broken again while its case is open adds evidence to the
case; nothing is restrained twice for it.
"""

from typing import Any

import numpy as np

from quanheng.oversight import account as books
from quanheng.oversight.cases import Event, born, move, notify, open_case, restrain
from quanheng.oversight.incidents import OVER, OVERSIZE, STRAY, WRONG, rule_of
from quanheng.oversight.messages import OrderSeen, OrdersSeen, OverseerOpen
from quanheng.oversight.state import State
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import FORCED_PREFIXES, Alert, Effect, Side
from quanheng.terms.days import clock_text
from quanheng.terms.orders import Trade
from quanheng.terms.units import TICKS_PER_YUAN, Nanos, Slot

MOST_EVIDENCE = 50
"""Pieces of evidence that a case keeps; the largest value is kept in any case."""
_MILLION = 1_000_000

Effects = list[Any]


def raised(
    state: State,
    opened: OverseerOpen,
    name: str,
    scope: str,
    value: int,
    most: int,
    evidence: str,
    at: Nanos,
    effects: Effects,
) -> None:
    """An extreme case, or more evidence of one that is open."""
    case = open_case(state, scope, name)
    text = f"{clock_text(at)} {evidence}"
    if case is not None:
        case.value = max(case.value, value)
        if len(case.evidence) < MOST_EVIDENCE:
            case.evidence.append(text)
            move(case, Event.EVIDENCE, at, "", text, effects)
        return
    case = born(state, opened, scope, name, value, most, at)
    if case is None:
        effects.append(RaiseAlert(Alert.FIRM_EXTREME, scope, (name, "full")))
        return
    case.evidence.append(text)
    effects.append(RaiseAlert(Alert.FIRM_EXTREME, scope, (name, case.number, evidence)))
    move(case, Event.RECORD, at, "", text, effects)
    notify(case, opened, at, effects)
    rule = rule_of(opened, name)
    if rule is not None and rule.state is not None:
        restrain(
            state, "*" if rule.whole else scope, rule.state, case.number, opened.officer, effects
        )


def take_orders(
    state: State, opened: OverseerOpen, body: OrdersSeen, at: Nanos, effects: Effects
) -> None:
    """Keep what is working, and look at price and size of what is new.

    ValueError names a contract that is not listed today.
    """
    account = state.account
    assert account is not None, "the overseer was opened"
    for row in body.rows:
        side = row.side - 1
        if row.ends:
            _end(state, row.client_id, side)
            continue
        slot = books.place(account, row.contract)
        if row.qty > row.gone:
            known = state.orders.setdefault(row.client_id, [slot, 0, 0])
            known[1 + side] = row.qty - row.gone
        _judge(state, opened, row, slot, at, effects)


def _end(state: State, client_id: str, side: int) -> None:
    known = state.orders.get(client_id)
    if known is not None:
        known[1 + side] = 0
        if not (known[1] or known[2]):
            del state.orders[client_id]


def _judge(
    state: State, opened: OverseerOpen, row: OrderSeen, slot: Slot, at: Nanos, effects: Effects
) -> None:
    policy, contract = opened.policy, opened.chain.contracts[slot]
    scope = contract.underlying
    what = f"{row.client_id} {contract.code} {'buy' if row.side == Side.BUY else 'sell'} {row.qty}"
    worth = row.price * row.qty * contract.unit
    if row.qty > policy.order_lots or worth > policy.order_value:
        text = f"{what} at {row.price} ticks, worth {worth // 10_000} yuan"
        raised(state, opened, OVERSIZE, scope, row.qty, policy.order_lots, text, at, effects)
    if not row.price:
        return
    far = _far(state, opened, row, slot)
    if far is not None:
        beyond, most, middle, theory = far
        text = f"{what} at {row.price} ticks, market {middle}, own theory {theory}"
        raised(state, opened, WRONG, scope, beyond, most, text, at, effects)


def _far(
    state: State, opened: OverseerOpen, row: OrderSeen, slot: Slot
) -> tuple[int, int, int, int] | None:
    """(ticks beyond the nearer of market and theory, allowed, middle, theory) of a wrong price."""
    model, policy = state.model, opened.policy
    assert model is not None, "the overseer was opened"
    if not model.live[slot] or not np.isfinite(model.prices[slot]):
        return None
    middle = round(float(model.mid[slot]) * TICKS_PER_YUAN)
    theory = round(float(model.prices[slot]) * TICKS_PER_YUAN)
    spot = int(model.spot[model.klass[slot]])
    # The side that loses: buying above both, selling below both.
    buy = row.side == Side.BUY
    base = max(middle, theory) if buy else min(middle, theory)
    beyond = row.price - base if buy else base - row.price
    allowed = max(
        base * policy.far_ppm // _MILLION, policy.far_ticks, spot * policy.far_spot_ppm // _MILLION
    )
    return (beyond, allowed, middle, theory) if beyond > allowed else None


def take_fill(state: State, opened: OverseerOpen, fill: Trade, at: Nanos, effects: Effects) -> None:
    """Is there an order behind a fill, and what does the position come to?"""
    account = state.account
    assert account is not None, "the overseer was opened"
    slot = books.place(account, fill.contract)
    underlying = opened.chain.contracts[slot].underlying
    if fill.client_id[:3] not in FORCED_PREFIXES:
        why = _unexplained(state, opened, fill, slot, underlying)
        if why:
            side = "bought" if fill.side == Side.BUY else "sold"
            text = (
                f"execution {fill.exec_id} of {fill.client_id}: {side} {fill.qty} {fill.contract} "
                f"at {fill.price} ticks: {why}"
            )
            raised(state, opened, STRAY, underlying, fill.qty, 0, text, at, effects)
    if fill.effect == Effect.OPEN:
        for what, value, most in books.over_now(state, opened, underlying):
            if open_case(state, underlying, OVER) is None:
                text = f"{what} {value} of {most} after {fill.client_id} {fill.contract}"
                raised(state, opened, OVER, underlying, value, most, text, at, effects)


def _unexplained(
    state: State, opened: OverseerOpen, fill: Trade, slot: Slot, underlying: str
) -> str:
    """Why a fill is not explained, "" when it is; an explained one is taken off its order."""
    known, side = state.orders.get(fill.client_id), fill.side - 1
    why = ""
    if books.owner_of(opened.register, fill.client_id, underlying) < 0:
        why = "nobody is registered for this client id"
    elif known is None:
        why = "the exchange never told us of such an order"
    elif known[0] != slot:
        why = f"the order is of {opened.chain.contracts[known[0]].code}"
    elif known[1 + side] < fill.qty:
        why = f"only {known[1 + side]} of the order were left on that side"
    if known is not None and not why:
        known[1 + side] -= fill.qty
        if not (known[1] or known[2]):
            del state.orders[fill.client_id]
    return why
