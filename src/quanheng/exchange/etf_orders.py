"""Members' ETF orders: checks, fills against the depth, resting orders (T+1, conserved cash)."""

from typing import assert_never

import msgspec
import numpy as np

from quanheng.exchange import etf_kernel as ek
from quanheng.exchange.etf_state import MILLION, EtfState, Working
from quanheng.exchange.messages import EtfDeliver, EtfOpen, EtfRefuse, EtfRequests
from quanheng.terms.codes import Phase, Side
from quanheng.terms.etf import EtfCancel, EtfDone, EtfFill, EtfOrder
from quanheng.terms.orders import RequestRejected
from quanheng.terms.units import Lots, Money, Nanos, Ticks, to_fen

MAX_ORDERS = 1_000
"""Orders a member may have resting."""
MAX_UNITS = 1_000_000
"""Units of one order (the exchange's largest fund order)."""

Answered = EtfDeliver | EtfRefuse


class _Answers:
    """Answers of one input, by member."""

    def __init__(self) -> None:
        self.good: dict[int, list[EtfFill | EtfDone]] = {}
        self.bad: dict[int, list[RequestRejected]] = {}

    def effects(self, opened: EtfOpen) -> list[Answered]:
        out: list[Answered] = []
        for member, rejects in self.bad.items():
            out.append(EtfRefuse(opened.members[member].pbu, rejects))
        for member, answers in self.good.items():
            out.append(EtfDeliver(opened.members[member].pbu, answers))
        return out


def take(state: EtfState, body: EtfRequests, at: Nanos) -> list[Answered]:
    """Answer a member's requests. Orders are taken in continuous trading only (19100)."""
    opened = state.open
    if opened is None:
        raise ValueError("ETF requests came before the venue's day was opened")
    pbus = [member.pbu for member in opened.members]
    if body.pbu not in pbus:
        raise ValueError(f"ETF requests of trading unit {body.pbu!r}: not a member of this venue")
    member = pbus.index(body.pbu)
    answers = _Answers()
    for request in body.requests:
        key = f"{member} {request.client_id}"
        code = 11270 if key in state.seen else 0
        state.seen[key] = 1
        if not code and state.phase != Phase.CONTINUOUS:
            code = 19100
        if not code:
            match request:
                case EtfOrder():
                    code = _order(state, opened, member, request, at, answers)
                case EtfCancel():
                    code = _cancel(state, opened, member, request, at, answers)
                case _:
                    assert_never(request)
        if code:
            answers.bad.setdefault(member, []).append(RequestRejected(request.client_id, code))
    return answers.effects(opened)


def _fee(opened: EtfOpen, amount: Money) -> Money:
    return to_fen(amount * opened.fee // MILLION)


def _order(
    state: EtfState, opened: EtfOpen, member: int, order: EtfOrder, at: Nanos, answers: _Answers
) -> int:
    """Checks in order: fund, quantity and lot, price, T+1 units or cash; then trade and rest."""
    codes = [spec.underlying for spec in opened.specs]
    if order.underlying not in codes:
        return 19114
    fund, side = codes.index(order.underlying), order.side - 1
    up, down = (int(state.info[fund, column]) for column in (ek.I_UP, ek.I_DOWN))
    limit = order.price or (up if side == 0 else down)
    if not 0 < order.qty <= MAX_UNITS:
        return 11098
    if order.qty % ek.LOT and not (side == 1 and order.qty == state.sellable[member, fund]):
        return 19098
    if limit % int(state.info[fund, ek.I_STEP]):
        return 17590
    if not down <= limit <= up:
        return 10450
    if side == 1 and state.sellable[member, fund] < order.qty:
        return 10836
    worst = order.qty * limit
    free = int(state.cash[member] - state.held[member])
    if side == 0 and free < worst + _fee(opened, worst):
        return 17672
    if sum(working.member == member for working in state.orders) >= MAX_ORDERS:
        return 10008
    out = np.zeros((ek.LEVELS, 2), dtype=np.int64)
    count = ek.take_depth(state.depth, fund, side, limit, order.qty, out)
    left = order.qty
    for price, units in out[:count].tolist():
        left -= units
        fill = _settle(state, opened, member, fund, side, price, units, at)
        fill = msgspec.structs.replace(fill, client_id=order.client_id, leaves=left)
        answers.good.setdefault(member, []).append(fill)
    dead = left if order.best_five else 0
    if left and not dead:
        working = Working(member, order.client_id, fund, side, limit, left)
        state.orders.append(working)
        _hold(state, opened, working, 1)
    answers.good.setdefault(member, []).append(EtfDone(order.client_id, "", dead, at))
    return 0


def _hold(state: EtfState, opened: EtfOpen, working: Working, sign: int) -> None:
    """Freeze or release what stands behind a resting order."""
    if working.side == 1:
        state.sellable[working.member, working.fund] -= sign * working.left
    else:
        amount = working.left * working.price
        state.held[working.member] += sign * (amount + _fee(opened, amount))


def _settle(
    state: EtfState,
    opened: EtfOpen,
    member: int,
    fund: int,
    side: int,
    price: Ticks,
    units: Lots,
    at: Nanos,
) -> EtfFill:
    """Move cash and units between a member and the crowd. Bought units stay unsellable today."""
    amount = price * units
    fee = _fee(opened, amount)
    sign = 1 if side == 0 else -1
    state.cash[member] -= sign * amount + fee
    state.cash[-1] += sign * amount
    state.fees += fee
    state.units[member, fund] += sign * units
    state.units[-1, fund] -= sign * units
    if side == 1:
        state.sellable[member, fund] -= units
    state.sellable[-1, fund] = state.units[-1, fund]
    info = state.info[fund]
    info[ek.I_LAST] = price
    info[ek.I_VOLUME] += units
    info[ek.I_TURNOVER] += amount
    name = opened.specs[fund].underlying
    return EtfFill("", name, Side(side + 1), price, units, 0, at, amount, fee)


def _cancel(
    state: EtfState, opened: EtfOpen, member: int, request: EtfCancel, at: Nanos, answers: _Answers
) -> int:
    for working in state.orders:
        if working.member == member and working.client_id == request.target:
            state.orders.remove(working)
            _hold(state, opened, working, -1)
            done = EtfDone(request.client_id, request.target, working.left, at)
            answers.good.setdefault(member, []).append(done)
            return 0
    return 19082


def void(state: EtfState, at: Nanos) -> list[Answered]:
    """Continuous trading is over: what still rests is withdrawn."""
    answers = _Answers()
    if state.open is None:
        return []
    for working in state.orders:
        _hold(state, state.open, working, -1)
        done = EtfDone("", working.client_id, working.left, at)
        answers.good.setdefault(working.member, []).append(done)
    state.orders = []
    return answers.effects(state.open)


def fill_resting(state: EtfState, at: Nanos) -> list[Answered]:
    """The market moved onto resting orders: they trade at their own price, oldest first."""
    opened = state.open
    answers = _Answers()
    if opened is None:
        return []
    out = np.zeros((ek.LEVELS, 2), dtype=np.int64)
    for working in list(state.orders):
        fund, side = working.fund, working.side
        count = ek.take_depth(state.depth, fund, side, working.price, working.left, out)
        units = int(out[:count, 1].sum())
        if not units:
            continue
        _hold(state, opened, working, -1)
        working.left -= units
        fill = _settle(state, opened, working.member, fund, side, working.price, units, at)
        fill = msgspec.structs.replace(fill, client_id=working.client_id, leaves=working.left)
        answers.good.setdefault(working.member, []).append(fill)
        if working.left:
            _hold(state, opened, working, 1)
        else:
            state.orders.remove(working)
    return answers.effects(opened)
