"""Forced closing of a member whose margin call was not cured (rules.md 3.5, interfaces.md 2.6).

The clearing house calls on the evening of T; the member has until 11:30 of T+1, by cash or by
closing on its own. From 13:00 the exchange buys shorts back with orders of its own prefix until the
account's free funds are no longer negative: the contract that frees most margin first, every
contract at most once a minute, never against the member's own resting orders. Covered shorts whose
locked units no longer suffice, after an ex date, are closed the same way under a prefix of their
own.
"""

from quanheng.exchange import layout as lay
from quanheng.exchange.orders import cancel, enter
from quanheng.exchange.state import State
from quanheng.exchange.turn import Turn, drain
from quanheng.runtime.envelope import RaiseAlert, WakeAt
from quanheng.terms.codes import FORCED_COVERED, FORCED_MARGIN, Alert, OrderKind, Phase
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
        if _called(state, member) and shortage(state, member):
            _close(turn, member)
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


def _close(turn: Turn, member: int) -> None:
    """One round over the member's shorts, the largest margin per contract first."""
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
            return
        price = _reachable(state, member, slot)
        gain = margins[slot] - price * int(state.info[slot, lay.UNIT]) - fee
        if price <= 0 or gain <= 0 or state.info[slot, lay.PHASE] != Phase.CONTINUOUS:
            continue
        most = int(state.info[slot, lay.LIMIT_MAX])
        _buy(
            turn,
            member,
            slot,
            price,
            min(free[slot], -(-missing // gain), most),
            lay.CLOSE,
            FORCED_MARGIN,
        )


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
) -> None:
    """A buy-close at a limit; what does not trade at once is taken back."""
    state = turn.state
    assert state.open is not None
    desk = state.desks[member]
    code = enter(turn.market, slot, lay.BID_SIDE, LIMIT, price, qty, member, turn.at, flags)
    if code:
        return
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
