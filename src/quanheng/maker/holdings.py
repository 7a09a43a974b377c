"""What the account can still use: locked units, free units, free contracts, combinations (P22,
P24). Everything in flight or UNKNOWN is taken as used.
"""

from quanheng.books import combinations as combo
from quanheng.maker import columns as c
from quanheng.maker.guard_state import G_LOCKED
from quanheng.maker.instruction_state import Kind
from quanheng.maker.messages import MakerOpen
from quanheng.maker.state import State
from quanheng.terms.business import (
    CombinationRequest,
    ExerciseRequest,
    LockRequest,
    MergedExercise,
)
from quanheng.terms.codes import Side
from quanheng.terms.units import Lots, Slot


def in_flight(state: State, klass: int, kind: Kind) -> Lots:
    """Units of a class's underlying that locks or unlocks without an answer are about."""
    return sum(
        one.request.qty
        for one in state.business.working.values()
        if isinstance(one.request, LockRequest) and (one.klass, one.kind) == (klass, kind)
    )


def cover_left(state: State, opened: MakerOpen, klass: int) -> Lots:
    """Units of a class's underlying that are locked and behind no covered call or order yet."""
    item, fixed = opened.chain.classes[klass], state.tables.fixed
    part = slice(item.start, item.stop)
    used = int((state.book.covered_qty[part] * fixed[part, c.F_UNIT]).sum())
    for order in state.orders.values():
        if order.covered and order.side == Side.SELL and item.start <= order.slot < item.stop:
            used += order.leaves * int(fixed[order.slot, c.F_UNIT])
    locked = int(state.guards.standing[klass, G_LOCKED])
    return locked - used - in_flight(state, klass, Kind.UNLOCK)


def units_left(state: State, klass: int) -> Lots:
    """Units of a class's underlying that can be locked or delivered."""
    locked = int(state.guards.standing[klass, G_LOCKED])
    asked = in_flight(state, klass, Kind.LOCK)
    free = int(state.business.units[klass]) - locked - asked
    return min(free, int(state.etf.sellable[klass]) - asked) if state.etf.on else free


def covered_left(state: State, slot: Slot) -> Lots:
    """Covered shorts of a contract that no order buys back yet."""
    claimed = sum(
        order.leaves
        for order in state.orders.values()
        if order.covered and order.side == Side.BUY and order.slot == slot
    )
    return int(state.book.covered_qty[slot]) - claimed


def split_left(state: State, name: str) -> Lots:
    """Units of a combination that nobody is splitting yet; 0 for one that is not held."""
    held = state.business.held.get(name)
    if held is None:
        return 0
    asked = sum(
        one.request.qty
        for one in state.business.working.values()
        if isinstance(one.request, CombinationRequest)
        and one.request.split
        and one.request.combination == name
    )
    return held.units - asked


def freeze(state: State, opened: MakerOpen) -> None:
    """Write what combinations and exercises hold into the contracts' standing, and what
    combinations save of the margin.
    """
    business, slots = state.business, state.tables.slots
    long, short = combo.tied(len(opened.chain.contracts), business.held)
    for one in business.working.values():
        request = one.request
        match request:
            case ExerciseRequest():
                long[slots[request.contract]] += request.qty
            case MergedExercise():
                for leg in request.legs:
                    long[slots[leg.contract]] += request.qty
            case CombinationRequest() if not request.split:
                for part in request.legs:
                    (short if part.short else long)[slots[part.contract]] += request.qty
            case _:
                pass
    state.desk[:, c.D_TIED_LONG], state.desk[:, c.D_TIED_SHORT] = long, short
    business.relief = sum(
        split_left(state, name) * combo.saved(opened.chain, held)
        for name, held in business.held.items()
    )


def exercised(state: State, opened: MakerOpen, klass: int) -> tuple[int, int]:
    """(cash that exercised calls of the whole book will cost, units that exercised puts of a class
    will take), UNKNOWN ones included; merged exercises take neither.
    """
    cash = units = 0
    for one in state.business.working.values():
        if isinstance(one.request, ExerciseRequest):
            row = opened.chain.contracts[state.tables.slots[one.request.contract]]
            if row.is_call:
                cash += one.request.qty * row.unit * row.strike
            elif one.klass == klass:
                units += one.request.qty * row.unit
    return cash, units
