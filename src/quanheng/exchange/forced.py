"""Forced closing of a member whose margin call was not cured (rules.md 3.5, interfaces.md 2.6).

The clearing house calls on the evening of T; the member has until 11:30 of T+1, by cash or by
closing on its own. From 13:00 the exchange buys shorts back with orders of its own prefix until the
account's free funds are no longer negative: the contract that frees most margin first, every
contract at most once a minute, never against the member's own resting orders. Where no other short
helps any more it splits combinations whose margin is more than closing their shorts costs, under a
third prefix, and closes what it split. Covered shorts whose
locked units no longer suffice, after an ex date, are closed the same way under a prefix of their
own.
"""

from quanheng.books.combinations import STRATEGIES, Combination, opening
from quanheng.exchange import layout as lay
from quanheng.exchange.business import saved
from quanheng.exchange.nontrade import EXECUTED_FROM
from quanheng.exchange.orders import cancel, enter
from quanheng.exchange.state import State, tie
from quanheng.exchange.turn import Turn, drain
from quanheng.runtime.envelope import RaiseAlert, WakeAt
from quanheng.terms.business import CombinationDone, CombinationLeg
from quanheng.terms.codes import (
    FORCED_COVERED,
    FORCED_MARGIN,
    FORCED_SPLIT,
    Alert,
    OrderKind,
    Phase,
)
from quanheng.terms.days import from_clock
from quanheng.terms.units import MINUTE, Lots, Money, Ticks

FROM = from_clock("13:00") + MINUTE // 2
UNTIL = from_clock("14:57")
LIMIT = int(OrderKind.LIMIT)


def wake_forced(turn: Turn) -> None:
    """Ask for the first forced closing of the day, when a member was called."""
    opened = turn.state.open
    members = range(len(opened.members)) if opened is not None else ()
    if any(_called(turn.state, member) or uncovered(turn.state, member) for member in members):
        turn.effects.append(WakeAt("forced", turn.state.day_start + FROM))


def shortage(state: State, member: int) -> Money:
    """What the account's free funds are below zero; working orders do not count against it."""
    fund = state.fund[member]
    return max(0, int(fund[lay.MARGIN] - fund[lay.CASH]))


def uncovered(state: State, member: int) -> list[int]:
    """Classes whose covered shorts need more units than are locked."""
    risk = state.risk[member]
    return [
        klass
        for klass, (locked, needed) in enumerate(risk[:, [lay.R_LOCKED, lay.R_COVERED]].tolist())
        if needed > locked
    ]


def _called(state: State, member: int) -> bool:
    assert state.open is not None
    return state.open.members[member].deficit > 0


def on_forced(turn: Turn) -> None:
    """Close what is needed and can be had now; look again in a minute."""
    state, opened = turn.state, turn.state.open
    if opened is None:
        return
    due = False
    for member in range(len(opened.members)):
        if _called(state, member) and shortage(state, member) and not _close(turn, member):
            _split(turn, member)
        for klass in uncovered(state, member):
            _uncover(turn, member, klass)
        due = due or (_called(state, member) and shortage(state, member) > 0)
        due = due or bool(uncovered(state, member))
    if due and turn.at + MINUTE < state.day_start + UNTIL:
        turn.effects.append(WakeAt("forced", turn.at + MINUTE))


def _uncover(turn: Turn, member: int, klass: int) -> None:
    """Close covered shorts of a class until the locked units suffice again."""
    state = turn.state
    assert state.open is not None
    part = state.open.chain.classes[klass]
    for slot in range(part.start, part.stop):
        risk = state.risk[member, klass].tolist()
        missing = risk[lay.R_COVERED] - risk[lay.R_LOCKED]
        free = int(
            state.acct[member, lay.COVERED, slot] - state.acct[member, lay.HELD_COVERED, slot]
        )
        price = _reachable(state, member, slot)
        if missing <= 0 or free <= 0 or price <= 0:
            continue
        if state.info[slot, lay.PHASE] == Phase.CONTINUOUS:
            need = -(-missing // int(state.info[slot, lay.UNIT]))
            most = int(state.info[slot, lay.LIMIT_MAX])
            flags = lay.CLOSE | lay.COVERED_FLAG
            _buy(turn, member, slot, price, min(free, need, most), flags, FORCED_COVERED)


def _close(turn: Turn, member: int) -> bool:
    """One round over the member's free shorts, the largest margin per contract first; True when
    something was bought.
    """
    bought = False
    state = turn.state
    acct = state.acct[member]
    free = (acct[lay.SHORT] - acct[lay.HELD_SHORT]).tolist()
    margins = state.info[:, lay.MARGIN_UNIT].tolist()
    fee = int(state.ctl[lay.C_FEE + lay.TAKER * 4 + lay.BID_SIDE * 2 + lay.CLOSE])
    order = sorted(
        (slot for slot, qty in enumerate(free) if qty > 0),
        key=lambda slot: (-margins[slot], slot),
    )
    for slot in order:
        missing = shortage(state, member)
        if not missing:
            break
        price = _reachable(state, member, slot)
        gain = margins[slot] - price * int(state.info[slot, lay.UNIT]) - fee
        if price <= 0 or gain <= 0 or state.info[slot, lay.PHASE] != Phase.CONTINUOUS:
            continue
        most = int(state.info[slot, lay.LIMIT_MAX])
        qty = min(free[slot], -(-missing // gain), most)
        bought |= _buy(turn, member, slot, price, qty, lay.CLOSE, FORCED_MARGIN) > 0
    return bought


def _split(turn: Turn, member: int) -> None:
    """Split what frees most margin per unit once its shorts are closed, and close them."""
    state = turn.state
    desk = state.desks[member]
    gains = {name: _gain(state, member, held) for name, held in desk.combinations.items()}
    for name in sorted(gains, key=lambda name: (-gains[name][0], name)):
        gain, most = gains[name]
        missing = shortage(state, member)
        if not missing or gain <= 0:
            return
        held = desk.combinations[name]
        units = min(held.units, most, -(-missing // gain))
        if not units:
            continue
        state.fund[member, lay.MARGIN] += units * saved(turn, held)
        tie(state.acct[member], held, -units)
        held.units -= units
        if not held.units:
            del desk.combinations[name]
        desk.business += 1
        _report_split(turn, member, name, held, units)
        for slot in _shorts(held):
            price = _reachable(state, member, slot)
            if price > 0:
                _buy(turn, member, slot, price, units, lay.CLOSE, FORCED_MARGIN)


def _shorts(held: Combination) -> list[int]:
    forms = STRATEGIES[held.strategy]
    return [slot for slot, form in zip(held.slots, forms, strict=True) if form.short]


def _gain(state: State, member: int, held: Combination) -> tuple[Money, Lots]:
    """(margin of a unit less what closing its shorts costs now, units that can be had)."""
    assert state.open is not None
    gain = opening(state.open.chain, held.strategy, held.slots)
    most = held.units
    fee = int(state.ctl[lay.C_FEE + lay.TAKER * 4 + lay.BID_SIDE * 2 + lay.CLOSE])
    for slot in _shorts(held):
        price = _reachable(state, member, slot)
        # A price that would start a breaker is none: the split would stand there half done.
        if not max(1, state.info[slot, lay.BAND_LOW]) <= price <= state.info[slot, lay.BAND_HIGH]:
            return 0, 0
        if state.info[slot, lay.PHASE] != Phase.CONTINUOUS:
            return 0, 0
        gain -= price * int(state.info[slot, lay.UNIT]) + fee
        there = int(state.book[slot, lay.ASK_SIDE, 0, lay.O_QTY])
        most = min(most, there, int(state.info[slot, lay.LIMIT_MAX]))
    return gain, most


def _report_split(turn: Turn, member: int, name: str, held: Combination, units: Lots) -> None:
    """35=U12 with action F; nobody asked, so no U13 comes before it."""
    assert turn.state.open is not None
    contracts = turn.state.open.chain.contracts
    number = turn.state.desks[member].business
    legs = tuple(
        CombinationLeg(contracts[slot].code, form.short, False, units)
        for slot, form in zip(held.slots, STRATEGIES[held.strategy], strict=True)
    )
    done = CombinationDone(
        f"{FORCED_SPLIT}{number:07d}",
        held.strategy,
        EXECUTED_FROM + number,
        "F",
        units,
        name,
        legs,
        turn.at,
        turn.at,
    )
    turn.report(member, held.slots[0], done)
    args = (FORCED_SPLIT, units, shortage(turn.state, member))
    turn.effects.append(RaiseAlert(Alert.MARGIN_HIGH, contracts[held.slots[0]].code, args))


def _reachable(state: State, member: int, slot: int) -> Ticks:
    """The best ask of somebody else that stands before the member's own; 0 where there is none."""
    count = int(state.info[slot, lay.N_ASK])
    if count == 0:
        return 0
    best = state.book[slot, lay.ASK_SIDE, 0].tolist()
    rows = state.book[slot, lay.ASK_SIDE, :count].tolist()
    own = any(row[lay.O_OWNER] == member and row[lay.O_PRICE] == best[lay.O_PRICE] for row in rows)
    return 0 if own else int(best[lay.O_PRICE])


def _buy(
    turn: Turn, member: int, slot: int, price: Ticks, qty: Lots, flags: int, prefix: str
) -> Lots:
    """A buy-close at a limit; what does not trade at once is taken back. The contracts bought."""
    state = turn.state
    assert state.open is not None
    desk = state.desks[member]
    code = enter(turn.market, slot, lay.BID_SIDE, LIMIT, price, qty, member, turn.at, flags)
    if code:
        return 0
    number, filled = int(state.ctl[lay.C_NEW_ID]), int(state.ctl[lay.C_FILLED])
    desk.business += 1
    state.live[number] = f"{prefix}{desk.business:07d}"
    if state.ctl[lay.C_RESTING]:
        cancel(turn.market, slot, lay.BID_SIDE, number)
    drain(turn)
    state.live.pop(number, None)
    contract = state.open.chain.contracts[slot].code
    args = (prefix, filled, shortage(state, member))
    turn.effects.append(RaiseAlert(Alert.MARGIN_HIGH, contract, args))
    return filled
