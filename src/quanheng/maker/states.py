"""Trading states by scope (borders.md 1, reliability.md 2.5).

The most restrictive state of the scopes around a contract wins. People lower a state alone and
raise it with a second person; the machine itself only lowers, by trips of its guards. The link,
the sign-on register and the firm's overseer are further scopes that nobody can set: a class without
a trader is REDUCING.
"""

import msgspec
import numpy as np

from quanheng.maker import columns as c
from quanheng.maker import roster
from quanheng.maker.layers import slots_of
from quanheng.terms.codes import Link, Overseen, TradingState
from quanheng.terms.contract import Chain

LINK_CAP = {
    Link.DOWN: TradingState.DOWN,
    Link.SYNCING: TradingState.SYNCING,
    Link.READY: TradingState.OPEN,
}
OVERSEEN_CAP = {
    Overseen.WATCHED: TradingState.OPEN,
    Overseen.LATE: TradingState.REDUCING,
    Overseen.LOST: TradingState.HALTED,
}


class Scopes(msgspec.Struct):
    """States set by scope, the sign-on register (roster), the link, and what guards have tripped.

    A trip stands by "scope reason" beside the states of people, so that opening a scope ends no
    trip, and ending one trip ends no other (D14).
    """

    states: dict[str, TradingState]
    duty: dict[str, list[str]]
    link: Link
    closed: bool  # after the last phase of the day
    trips: dict[str, TradingState]
    overseen: Overseen = Overseen.WATCHED


def open_scopes(state: TradingState) -> Scopes:
    """The day's start: one state for everything, nobody on duty, no link."""
    return Scopes({"*": state}, {}, Link.DOWN, False, {})


def trader(scopes: Scopes, underlying: str) -> str:
    """The trader on duty for a class, "" when there is none."""
    return roster.trader(scopes.duty, underlying)


def cap(scopes: Scopes, underlying: str) -> TradingState:
    """What the link, the register and the overseer's beats allow at most in a class, whatever
    people set.
    """
    limit = min(LINK_CAP[scopes.link], OVERSEEN_CAP[scopes.overseen])
    return limit if trader(scopes, underlying) else min(limit, TradingState.REDUCING)


def may_set(scopes: Scopes, scope: str, state: TradingState, by: str, seconded_by: str) -> str:
    """Why a change is refused, "" when it is allowed: raising needs a second, other person."""
    if state <= scopes.states.get(scope, TradingState.OPEN):
        return ""
    if not seconded_by:
        return "raising a state needs a second person"
    return "the second person must be another" if seconded_by == by else ""


def lower(scopes: Scopes, scope: str, state: TradingState) -> bool:
    """A pull's change: down only; True when something changed."""
    now = scopes.states.get(scope, TradingState.OPEN)
    if state >= now:
        return False
    scopes.states[scope] = state
    return True


def trip_of(scope: str, reason: str) -> str:
    """The name under which a guard's trip stands."""
    return f"{scope} {reason}"


def may_rearm(scopes: Scopes, scope: str, reason: str, by: str, seconded_by: str) -> str:
    """Why a trip is not ended, "" when it is: it has to exist, and two people end it."""
    if trip_of(scope, reason) not in scopes.trips:
        return f"{scope} has no trip {reason}"
    if not seconded_by:
        return "ending a trip needs a second person"
    return "the second person must be another" if seconded_by == by else ""


def spread_out(scopes: Scopes, chain: Chain, desk: np.ndarray) -> None:
    """Write the state in force into every contract's standing."""
    column = desk[:, c.D_STATE]
    for item in chain.classes:
        column[item.start : item.stop] = cap(scopes, item.underlying)
    tripped = [(name.partition(" ")[0], state) for name, state in scopes.trips.items()]
    for scope, state in [*scopes.states.items(), *tripped]:
        slots = slots_of(chain, scope)
        if slots is not None:
            part = column[slots[0] : slots[1]]
            np.minimum(part, int(state), out=part)
