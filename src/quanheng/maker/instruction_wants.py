"""From a person's command to a request and the figures its rungs ask for."""

from typing import NamedTuple

import numpy as np

from quanheng.books import combinations as combo
from quanheng.maker import columns as c
from quanheng.maker import holdings
from quanheng.maker.guard_state import G_ACCOUNT
from quanheng.maker.instruction_rungs import Ask
from quanheng.maker.instruction_state import MOST, Kind, kind_of
from quanheng.maker.inventory import totals_now
from quanheng.maker.messages import MakerOpen
from quanheng.maker.quoting import context_of, scalars
from quanheng.maker.state import State
from quanheng.maker.states import LINK_CAP, cap, trader
from quanheng.rulebook import business_hours
from quanheng.terms.business import (
    BusinessRequest,
    CombinationLeg,
    CombinationRequest,
    ExerciseLeg,
    ExerciseRequest,
    LockRequest,
    MarginInquiry,
    MergedExercise,
)
from quanheng.terms.codes import TradingState
from quanheng.terms.commands import Combine, Exercise, InquireMargin, Instruct, LockUnits, Split
from quanheng.terms.days import day_nanos
from quanheng.terms.units import Lots, Nanos, Slot
from quanheng.wire.codes import number as code_of

NOT_TODAY = "NOT_LAST_TRADING_DAY"


class Wanted(NamedTuple):
    """A command as a request without id, `fault` a name in `wire.codes`, "" for none."""

    request: BusinessRequest
    scope: str  # what people are told it is about
    klass: int  # -1 for none
    slots: tuple[Slot, ...]
    qty: Lots
    fault: str = ""


def wanted_of(state: State, opened: MakerOpen, body: Instruct) -> Wanted:
    """The request a command asks for; a fault names what the exchange does not know either."""
    match body:
        case LockUnits():
            names = [item.underlying for item in opened.chain.classes]
            klass = names.index(body.underlying) if body.underlying in names else -1
            request = LockRequest("", body.underlying, body.qty, body.unlock)
            fault = "" if klass >= 0 else "PRODUCT_NOT_AVAILABLE"
            return Wanted(request, body.underlying, klass, (), body.qty, fault)
        case Exercise():
            return _exercise(state, opened, body)
        case Combine():
            return _combine(state, opened, body)
        case Split():
            return _split(state, opened, body)
        case InquireMargin():
            return Wanted(MarginInquiry("", opened.account), "*", -1, (), 1)


def _known(state: State, codes: tuple[str, ...]) -> tuple[Slot, ...]:
    """Slots of contracts, none when one is unknown."""
    slots = [state.tables.slots.get(code, -1) for code in codes]
    return tuple(slots) if min(slots) >= 0 else ()


def _klass(state: State, slots: tuple[Slot, ...]) -> int:
    return int(state.tables.fixed[slots[0], c.F_KLASS]) if slots else -1


def _exercise(state: State, opened: MakerOpen, body: Exercise) -> Wanted:
    codes = (body.contract, body.put) if body.put else (body.contract,)
    slots = _known(state, codes)
    request: BusinessRequest = ExerciseRequest("", body.contract, body.qty)
    fault = "" if slots else "PRODUCT_NOT_AVAILABLE"
    if body.put:
        legs = (ExerciseLeg(body.contract, body.qty), ExerciseLeg(body.put, body.qty))
        request = MergedExercise("", legs, body.qty)
        if slots:
            fault, _, _ = combo.merged(opened.chain, opened.day, slots)
    elif slots and opened.chain.contracts[slots[0]].last_day != opened.day:
        fault = NOT_TODAY
    return Wanted(request, body.contract, _klass(state, slots), slots, body.qty, fault)


def _combine(state: State, opened: MakerOpen, body: Combine) -> Wanted:
    slots = _known(state, (body.first, body.second))
    forms = combo.STRATEGIES.get(body.strategy, ())
    legs = tuple(
        CombinationLeg(code, form.short, False, body.qty)
        for code, form in zip((body.first, body.second), forms, strict=False)
    )
    fault = "" if slots else "PRODUCT_NOT_AVAILABLE"
    if slots:
        asked = [
            combo.Leg(slot, leg.short, False, body.qty)
            for slot, leg in zip(slots, legs, strict=False)
        ]
        fault, _ = combo.arranged(opened.chain, opened.day, body.strategy, max(body.qty, 1), asked)
        if fault == "LEG_QUANTITY_WRONG":  # of a quantity below 1, which P06 judges
            fault = ""
    request = CombinationRequest("", body.strategy, False, body.qty, "", legs)
    return Wanted(request, body.first, _klass(state, slots), slots, body.qty, fault)


def _split(state: State, opened: MakerOpen, body: Split) -> Wanted:
    held = state.business.held.get(body.combination)
    if held is None:
        name = body.combination
        fault = "NO_SUCH_COMBINATION" if name else "SPLIT_WITHOUT_NUMBER"
        request = CombinationRequest("", "", True, body.qty, name, ())
        return Wanted(request, "*", -1, (), body.qty, fault)
    legs = tuple(
        CombinationLeg(opened.chain.contracts[slot].code, form.short, False, body.qty)
        for slot, form in zip(held.slots, combo.STRATEGIES[held.strategy], strict=True)
    )
    request = CombinationRequest("", held.strategy, True, body.qty, body.combination, legs)
    klass = _klass(state, held.slots)
    return Wanted(request, legs[0].contract, klass, held.slots, body.qty)


def ask_of(
    state: State, opened: MakerOpen, wanted: Wanted, by: str, seconded_by: str, at: Nanos
) -> Ask:
    """The figures of an instruction for `checks.vet`."""
    kind, klass = kind_of(wanted.request), wanted.klass
    row = totals_now(state, opened, max(klass, 0), at).tolist()
    limits = state.limits[opened.chain.classes[max(klass, 0)].start].tolist()
    cost, money, units, units_left = _needs(state, opened, wanted, kind, row)
    hours = business_hours.closed(type(wanted.request), day_nanos(at))
    fault = wanted.fault
    classes = opened.chain.classes
    concerned = [item.underlying for item in (classes if klass < 0 else classes[klass : klass + 1])]
    return Ask(
        kind=kind,
        state=_state(state, opened, wanted),
        trader=any(trader(state.scopes, underlying) for underlying in concerned),
        epochs=row[c.S_EPOCHS],
        closed=code_of(hours) if hours else 0,
        form=code_of(fault) if fault and fault != NOT_TODAY else 0,
        not_today=code_of(fault) if fault == NOT_TODAY else 0,
        qty=wanted.qty,
        twins=twins(state, wanted.request),
        tokens=row[c.S_TOKENS],
        reserve=limits[c.L_RESERVE],
        alive=len(state.business.working),
        most=MOST,
        cost=cost,
        money=money,
        units=units,
        units_left=units_left,
        left=_left(state, opened, wanted, kind, at),
        two_people=seconded_by not in ("", by),
        account=1 if klass < 0 else int(state.guards.standing[klass, G_ACCOUNT]),
        reconciled=not state.gaps and row[c.S_UNEXPLAINED] <= limits[c.L_UNEXPLAINED],
    )


def twins(state: State, request: BusinessRequest) -> int:
    """The same instruction without an answer yet: a standing exercise has one."""
    return sum(
        one.awaits_answer and _same(one.request, request) for one in state.business.working.values()
    )


def _same(known: BusinessRequest, asked: BusinessRequest) -> bool:
    return type(known) is type(asked) and _content(known) == _content(asked)


def _content(request: BusinessRequest) -> tuple[object, ...]:
    """A request without its id, which comes first in each."""
    return tuple(getattr(request, name) for name in request.__struct_fields__[1:])


def _state(state: State, opened: MakerOpen, wanted: Wanted) -> TradingState:
    """The most restrictive state over what the instruction touches; for units that of the class as
    people set it, since one contract's trip says nothing about them.
    """
    if wanted.klass < 0:
        return LINK_CAP[state.scopes.link]
    if wanted.slots:
        return TradingState(int(state.desk[list(wanted.slots), c.D_STATE].min()))
    underlying, states = wanted.scope, state.scopes.states
    limit = cap(state.scopes, underlying)
    people = [states.get(scope, TradingState.OPEN) for scope in ("*", underlying)]
    return TradingState(min(limit, *people))


def _needs(
    state: State, opened: MakerOpen, wanted: Wanted, kind: Kind, totals: list[int]
) -> tuple[int, int, int, int]:
    """(cost, money for it, units, units for it); zeros where a kind needs none."""
    klass = wanted.klass
    if klass < 0 or wanted.fault:
        return 0, 0, 0, 0
    if kind is Kind.LOCK:
        return 0, 0, wanted.qty, holdings.units_left(state, klass)
    if kind is Kind.UNLOCK:
        return 0, 0, wanted.qty, holdings.cover_left(state, opened, klass)
    if kind is Kind.SPLIT and isinstance(wanted.request, CombinationRequest):
        held = state.business.held[wanted.request.combination]
        return wanted.qty * combo.saved(opened.chain, held), -totals[c.S_FUNDS], 0, 0
    if kind is Kind.EXERCISE:
        row = opened.chain.contracts[wanted.slots[0]]
        cash, units = holdings.exercised(state, opened, klass)
        if row.is_call:
            return wanted.qty * row.unit * row.strike, totals[c.S_CASH] - cash, 0, 0
        left = holdings.units_left(state, klass) - units
        return 0, 0, wanted.qty * row.unit, left
    return 0, 0, 0, 0


def _left(state: State, opened: MakerOpen, wanted: Wanted, kind: Kind, at: Nanos) -> Lots:
    """Contracts that are free on every leg, or units of a combination that can still be split."""
    request = wanted.request
    if kind is Kind.SPLIT and isinstance(request, CombinationRequest):
        return holdings.split_left(state, request.combination)
    if not wanted.slots:
        return 0
    short = [kind is Kind.BUILD and leg.short for leg in _legs(request, len(wanted.slots))]
    return free_lots(state, opened, wanted.slots, short, at)


def _legs(request: BusinessRequest, count: int) -> list[CombinationLeg]:
    legs = request.legs if isinstance(request, CombinationRequest) else ()
    return [*legs, *[CombinationLeg("", False, False, 0)] * (count - len(legs))]


def free_lots(
    state: State, opened: MakerOpen, slots: tuple[Slot, ...], short: list[bool], at: Nanos
) -> Lots:
    """Contracts of the smallest leg that neither a closing quote or order nor a combination nor an
    exercise claims (P24).
    """
    klass = _klass(state, slots)
    want = np.zeros((len(slots), c.Q_COLUMNS), dtype=np.int64)
    want[:, c.Q_SLOT] = slots
    context = context_of(state, klass, want, scalars(state, opened, klass, at)).tolist()
    left: list[int] = [
        x[c.C_SHORT] - x[c.C_CLOSING_BUY] if is_short else x[c.C_LONG] - x[c.C_CLOSING_SELL]
        for x, is_short in zip(context, short, strict=True)
    ]
    return min(left)
