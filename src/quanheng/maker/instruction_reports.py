"""What the exchange says of instructions, folded into locked units, combinations and exercises.

Only reports move a position: a lock by its answer, a combination by the report that it is done
(35=U12), whoever asked for it. A report of an instruction that nobody here knows is applied like a
fill is, and people are told.
"""

import numpy as np

from quanheng.books import combinations as combo
from quanheng.books import margin_use
from quanheng.books.combinations import Combination
from quanheng.kernels.pack import pack
from quanheng.maker import columns as c
from quanheng.maker import holdings
from quanheng.maker import instructions as out
from quanheng.maker.guard_state import G_LOCKED
from quanheng.maker.guards import on_answer
from quanheng.maker.instruction_state import Instruction
from quanheng.maker.lifecycle import Event, Life
from quanheng.maker.messages import Effects, MakerOpen, Notify
from quanheng.maker.monitors import alert
from quanheng.maker.requests import counter_of
from quanheng.maker.singles import NOTHING_RESTS
from quanheng.maker.state import State
from quanheng.terms.business import (
    BusinessCancelReject,
    BusinessReport,
    BusinessRequest,
    CombinationAck,
    CombinationDone,
    ExerciseAck,
    ExerciseRequest,
    LockAck,
    MarginAnswer,
    MergedExercise,
    MergedExerciseAck,
)
from quanheng.terms.codes import FORCED_SPLIT, Alert, Exec
from quanheng.terms.units import Nanos

MARGIN_COLUMNS = ("total", "available", "used", "reason")
"""Columns of the "margin_answer" view, Money: the exchange's margin in use and what is available;
what the maker counts as in use; the exchange's code, 0 for none."""

Ack = LockAck | ExerciseAck | MergedExerciseAck | CombinationAck


def on_business(
    state: State, opened: MakerOpen, body: BusinessReport, at: Nanos, effects: Effects
) -> int:
    """Fold one report in; returns the class whose holdings changed, -1 for none."""
    match body:
        case LockAck():
            return _on_lock(state, opened, body, at, effects)
        case ExerciseAck() | MergedExerciseAck():
            return _on_exercise(state, opened, body, at, effects)
        case CombinationAck():
            return _on_combination(state, opened, body, at, effects)
        case CombinationDone():
            return _on_done(state, opened, body, at, effects)
        case BusinessCancelReject():
            return _on_cancel_reject(state, opened, body)
        case _:  # businesses that this maker does not ask for
            return -1


def _answered(
    state: State, opened: MakerOpen, body: Ack, security: str, at: Nanos, effects: Effects
) -> int:
    """Count an answer; a refusal ends the instruction. The counter it belongs to, -1 when it is
    unknown.
    """
    ident = counter_of(state, body.client_id)
    one = state.business.working.get(ident)
    refused = body.exec == Exec.REJECTED
    if one is None:
        state.audit.unexpected += 1
    elif one.klass >= 0:
        waited = at - one.sent_at if one.life == Life.PENDING else 0
        on_answer(state, opened, one.klass, waited, refused, at, effects)
    if refused:
        state.audit.rejected += 1
        args = (body.reason, security, body.client_id)
        alert(state, effects, at, Alert.REJECTED_BY_EXCHANGE, security, args)
        if one is not None:
            out.move(state, opened, ident, Event.REJECT)
    elif one is None:
        _stranger(state, security, body.client_id, at, effects)
    return ident if one is not None else -1


def _stranger(state: State, security: str, name: str, at: Nanos, effects: Effects) -> None:
    """Something was done in our account that this machine did not ask for."""
    state.audit.foreign += 1
    alert(state, effects, at, Alert.UNKNOWN_ORDER, security, (name,))


def _on_lock(state: State, opened: MakerOpen, body: LockAck, at: Nanos, effects: Effects) -> int:
    names = [item.underlying for item in opened.chain.classes]
    ident = _answered(state, opened, body, body.underlying, at, effects)
    if body.exec == Exec.REJECTED or body.underlying not in names:
        return -1
    klass = names.index(body.underlying)
    signed = -body.qty if body.unlock else body.qty
    state.guards.standing[klass, G_LOCKED] += signed
    _set_aside(state, klass, signed)
    if ident >= 0:
        out.move(state, opened, ident, Event.CANCELLED)  # it is done, nothing of it stands
    return klass


def _set_aside(state: State, klass: int, signed: int) -> None:
    """Units locked today may not be sold; unlocked, they may again. What was locked before today
    never was the hedge's to sell.
    """
    business, sellable = state.business, state.etf.sellable
    moved = signed if signed > 0 else -min(-signed, int(business.taken[klass]))
    business.taken[klass] += moved
    sellable[klass] -= moved


def _on_exercise(
    state: State,
    opened: MakerOpen,
    body: ExerciseAck | MergedExerciseAck,
    at: Nanos,
    effects: Effects,
) -> int:
    security = body.contract if isinstance(body, ExerciseAck) else body.legs[0].contract
    slot = state.tables.slots[security]
    klass = int(state.tables.fixed[slot, c.F_KLASS])
    if body.exec == Exec.CANCELLED:
        ident = counter_of(state, body.target)
        if ident in state.business.working:
            out.move(state, opened, ident, Event.CANCELLED)
        else:
            state.audit.unexpected += 1
        return klass
    ident = _answered(state, opened, body, security, at, effects)
    if body.exec == Exec.REJECTED:
        return klass
    if ident >= 0:
        out.move(state, opened, ident, Event.ACK)
    else:
        _adopt(state, opened, body, klass, at)
    return klass


def _adopt(
    state: State, opened: MakerOpen, body: ExerciseAck | MergedExerciseAck, klass: int, at: Nanos
) -> None:
    """An exercise that stands without us knowing who asked for it holds its contracts all the
    same. It goes by a negative number, which no client id has.
    """
    if isinstance(body, ExerciseAck):
        request: BusinessRequest = ExerciseRequest(body.client_id, body.contract, body.qty)
    else:
        request = MergedExercise(body.client_id, body.legs, body.qty)
    number = min([0, *state.business.working]) - 1
    stands = Instruction(request, klass, int(Life.WORKING), "", "", at)
    state.business.working[number] = stands
    holdings.freeze(state, opened)


def _on_combination(
    state: State, opened: MakerOpen, body: CombinationAck, at: Nanos, effects: Effects
) -> int:
    security = body.legs[0].contract if body.legs else body.strategy
    ident = _answered(state, opened, body, security, at, effects)
    if ident >= 0 and body.exec != Exec.REJECTED:
        out.move(state, opened, ident, Event.ACK)
    slot = state.tables.slots.get(security, -1)
    return int(state.tables.fixed[slot, c.F_KLASS]) if slot >= 0 else -1


def _on_done(
    state: State, opened: MakerOpen, body: CombinationDone, at: Nanos, effects: Effects
) -> int:
    """35=U12: B builds, C splits, F is the exchange's own split for want of margin."""
    slots, held = state.tables.slots, state.business.held
    legs = [combo.Leg(slots[leg.contract], leg.short, leg.covered, body.qty) for leg in body.legs]
    placed = combo.in_order(opened.chain, body.strategy, legs)
    known = held.get(body.combination)
    if body.action == "B":
        units = known.units if known is not None else 0
        held[body.combination] = Combination(body.strategy, placed, units + body.qty)
    elif known is None or known.units < body.qty:
        have = known.units if known is not None else 0
        raise ValueError(f"maker: a split of {body.qty} of {have} units of {body.combination}")
    else:
        known.units -= body.qty
        if not known.units:
            del held[body.combination]
    if body.client_id.startswith(FORCED_SPLIT):
        args = (body.client_id, body.qty)
        alert(state, effects, at, Alert.MARGIN_HIGH, legs_of(body), args)
    ident = counter_of(state, body.client_id)
    if ident in state.business.working:
        out.move(state, opened, ident, Event.CANCELLED)  # it is done, nothing of it stands
    else:
        holdings.freeze(state, opened)
    return int(state.tables.fixed[placed[0], c.F_KLASS])


def legs_of(body: CombinationDone) -> str:
    """The contract that people are told a combination is about: its first leg."""
    return body.legs[0].contract


def _on_cancel_reject(state: State, opened: MakerOpen, body: BusinessCancelReject) -> int:
    """The cancel of an exercise failed: it stands on, or there is proof that nothing does."""
    ident = counter_of(state, body.target)
    one = state.business.working.get(ident)
    if one is None:
        state.audit.unexpected += 1
        return -1
    one.cancel_id = 0
    gone = body.reason in NOTHING_RESTS
    out.move(state, opened, ident, Event.CANCELLED if gone else Event.CANCEL_REJECTED)
    return one.klass


def on_margin(
    state: State, opened: MakerOpen, body: MarginAnswer, at: Nanos, effects: Effects
) -> None:
    """The answer to a margin inquiry (35=CJ), shown beside what the maker counts itself (I-33)."""
    ident = counter_of(state, body.client_id)
    if ident in state.business.working:
        out.move(state, opened, ident, Event.CANCELLED)
    else:
        state.audit.unexpected += 1
    state.business.answer = body
    used = margin_use.total(state.book, state.tables.fixed[:, c.F_MARGIN]) - state.business.relief
    row = np.array([[body.total, body.available, used, body.reason]], dtype=np.int64)
    effects.append(Notify("margin_answer", -1, at, len(MARGIN_COLUMNS), pack(row)))
