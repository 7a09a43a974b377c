"""Guards: counters of what happens, and the trips they lead to (P16, P25, P26, P33 to P35, MMP).

A trip lowers the state of a scope in the same turn and stands under its own reason until two named
people end it (`Rearm`), or for P34 a new synchronisation of the line. The rungs of the ladder read
the same counters, so nothing depends on the guard alone.
"""

import numpy as np

from quanheng.maker import columns as c
from quanheng.maker import guard_state as s
from quanheng.maker import limits as records
from quanheng.maker.awaited import ask_again
from quanheng.maker.figure_kernels import FILL_WINDOW, greeks_of
from quanheng.maker.inventory import refresh_worst, totals_now
from quanheng.maker.ladder import BY_CHECK, CONTRACT, HOUSE
from quanheng.maker.layers import slots_of
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.parameters import P_STRATEGY
from quanheng.maker.requests import quoted_by
from quanheng.maker.setup import set_limits
from quanheng.maker.state import State
from quanheng.maker.states import trip_of
from quanheng.maker.twin import OVERRUNS
from quanheng.rulebook import calendar
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Action, Alert, Check, Effect, Side, TradingState
from quanheng.terms.orders import Trade
from quanheng.terms.units import Nanos

PROTECTION = "MMP"
"""The reason of a trip by the protection window (reliability.md 2.4)."""

REPORTED_BEFORE = 3
"""Trading days between the report of an account and its first quote (L-05, L-10)."""

PATROL = (
    Check.P25_LOSS_STOP,
    Check.P26_VAR,
    Check.P33_REJECT_RATE,
    Check.P34_LATENCY,
    Check.P35_RECONCILIATION,
)
"""Checks whose figures move without an order: looked at every second, in this order."""

_TRIP = int(Action.TRIP)


def stand(state: State, opened: MakerOpen) -> None:
    """Write what the day's records say about each class: account, agreement, filing, release."""
    day = opened.day
    for klass, item in enumerate(opened.chain.classes):
        filed, released = _strategies(state, opened, klass)
        model = records.model_of(state, item.start)
        mine = [one for one in opened.accounts if one.scope in ("*", item.underlying)]
        own = [one for one in mine if one.account == opened.account]
        agreed = any(
            one.underlying == item.underlying and one.since <= day and not 0 < one.until <= day
            for one in opened.agreements
        )
        timely = any(
            calendar.trading_days_between(opened.rulebook.calendar, one.reported, day)
            >= REPORTED_BEFORE
            for one in own
        )
        state.guards.standing[klass, : s.G_LOCKED] = (
            max((2 if one.old else 1 for one in own), default=0),
            agreed and timely,
            filed,
            released and model in opened.released,
        )
        state.guards.standing[klass, s.G_OTHER] = len(mine) > len(own)


def _strategies(state: State, opened: MakerOpen, klass: int) -> tuple[bool, bool]:
    """(filed, released by two people) of every strategy version that runs in a class."""
    item, day = opened.chain.classes[klass], opened.day
    running = np.unique(state.parameters.values[item.start : item.stop, P_STRATEGY]).tolist()
    filed = approved = True
    for code in running:
        name, version = quoted_by(state, code)
        # What is filed is the version; the hash behind it only tells which code carries it.
        filing = (name, version.partition("-")[0])
        rows = [
            one
            for one in opened.strategies
            if (one.strategy, one.version) == filing and not 0 < one.until < day
        ]
        approved &= any(one.maker and one.checker and one.maker != one.checker for one in rows)
        filed &= any(0 < one.filed <= day for one in rows)
    return filed, approved


def keep_limits(state: State, at: Nanos, effects: Effects) -> None:
    """Let records begin and end: a new limits version when one of them does."""
    guards = state.guards
    if at < guards.boundary:
        return
    guards.now = at
    state.parameters.version += 1
    set_limits(state)
    effects.append(RaiseAlert(Alert.LIMITS_CHANGED, "*", ("time", state.parameters.version)))


def trip(
    state: State,
    opened: MakerOpen,
    reason: str,
    scope: str,
    to: TradingState,
    figures: tuple[int, ...],
    effects: Effects,
) -> bool:
    """Lower a scope for a reason; False when the same trip stands already."""
    trips = state.scopes.trips
    name = trip_of(scope, reason)
    slots = slots_of(opened.chain, scope)
    if slots is None or trips.get(name, TradingState.OPEN) <= to:
        return False
    trips[name] = to
    part = state.desk[slice(*slots), c.D_STATE]
    np.minimum(part, int(to), out=part)
    args: tuple[int | str, ...] = (reason, int(to), state.parameters.version, *figures)
    effects.append(RaiseAlert(Alert.TRIPPED, scope, args))
    state.guards.tripped.append(scope)
    return True


def trip_rung(
    state: State,
    opened: MakerOpen,
    check: int,
    slot: int,
    figures: tuple[int, ...],
    effects: Effects,
) -> bool:
    """Trip the scope around a contract that the table names for a check."""
    rung = BY_CHECK[check]
    contract = opened.chain.contracts[slot]
    scope = contract.underlying if rung.scope != CONTRACT else contract.code
    scope = HOUSE if rung.scope == HOUSE else scope
    return trip(state, opened, rung.check.name[:3], scope, rung.to, figures, effects)


def inspect(
    state: State,
    opened: MakerOpen,
    klass: int,
    checks: tuple[Check, ...],
    at: Nanos,
    effects: Effects,
) -> None:
    """Trip every check of a class whose figure is beyond its limit."""
    start = opened.chain.classes[klass].start
    totals = totals_now(state, opened, klass, at).tolist()
    limits = state.limits[start].tolist()
    actions = state.actions[:, c.A_ACTION].tolist()
    for check in checks:
        if actions[check] == _TRIP and OVERRUNS[check](limits, totals):
            trip_rung(state, opened, int(check), start, _evidence(check, totals), effects)


def _evidence(check: Check, totals: list[int]) -> tuple[int, ...]:
    """The figures that a trip's alert carries."""
    columns = {
        Check.P25_LOSS_STOP: (c.S_LOSS, c.S_LOSS_DESK),
        Check.P26_VAR: (c.S_VAR,),
        Check.P33_REJECT_RATE: (c.S_REJECTS, c.S_REFUSED),
        Check.P34_LATENCY: (c.S_WAIT, c.S_LATE, c.S_PENDING),
        Check.P35_RECONCILIATION: (c.S_UNEXPLAINED, c.S_GAP),
    }
    return tuple(totals[column] for column in columns[check])


def patrol(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Look at every class once a second, whatever is quoted (I-34, I-42)."""
    for klass in range(len(opened.chain.classes)):
        refresh_worst(state, opened, klass, at)
    for klass in range(len(opened.chain.classes)):
        inspect(state, opened, klass, PATROL, at, effects)
    ask_again(state, opened, at, effects)


def on_sent(state: State, klass: int, orders: int, cancels: int) -> None:
    """Count messages that leave (P17, P31)."""
    state.guards.messages += orders + cancels
    state.guards.counts[klass, s.N_ORDERS] += orders


def on_answer(
    state: State,
    opened: MakerOpen,
    klass: int,
    waited: Nanos,
    refused: bool,
    at: Nanos,
    effects: Effects,
) -> None:
    """Count an answer of the exchange: how long it took (P34), and whether it refuses (P33)."""
    guards = state.guards
    place = guards.answered % s.LAST_ANSWERS
    late = int(waited > int(state.limits[opened.chain.classes[klass].start, c.L_WAIT]))
    guards.lates += late - int(guards.late[place])
    guards.late[place] = late
    guards.answered += 1
    asked = guards.asked[klass]
    place = int(asked[1]) % s.ANSWERS
    asked[2] += int(refused) - int(guards.answers[klass, place])
    guards.answers[klass, place] = int(refused)
    asked[1] += 1
    if refused:
        guards.rejected[klass, int(asked[0]) % s.REJECTS] = at
        asked[0] += 1
        inspect(state, opened, klass, (Check.P33_REJECT_RATE,), at, effects)


def on_unexplained(state: State, opened: MakerOpen, slot: int, at: Nanos, effects: Effects) -> None:
    """A fill of an order that is not ours: nothing may go on before people know why (F32)."""
    state.guards.unexplained += 1
    klass = int(state.tables.fixed[slot, c.F_KLASS])
    inspect(state, opened, klass, (Check.P35_RECONCILIATION,), at, effects)


def on_fill(
    state: State, opened: MakerOpen, slot: int, trade: Trade, at: Nanos, effects: Effects
) -> None:
    """Count a fill: the day's totals (P31), P16 of the contract, the class's protection window."""
    guards = state.guards
    klass = int(state.tables.fixed[slot, c.F_KLASS])
    value = trade.price * trade.qty * opened.chain.contracts[slot].unit
    guards.deals += 1
    counts = guards.counts[klass]
    counts[s.N_QTY] += trade.qty
    counts[s.N_VALUE] += value
    counts[s.N_OPENED] += trade.qty if trade.effect == Effect.OPEN else 0
    standing = state.desk[slot]
    if at - int(standing[c.D_FILLS_SINCE]) > FILL_WINDOW:
        standing[c.D_FILLS_SINCE], standing[c.D_FILLS] = at, 0
    standing[c.D_FILLS] += 1
    fills = int(standing[c.D_FILLS])
    if fills > state.limits[slot, c.L_FILLS]:
        check = int(Check.P16_REPEATED_EXECUTION)
        trip_rung(state, opened, check, slot, (fills,), effects)
    _protect(state, opened, slot, klass, trade, value, at, effects)


def _protect(
    state: State,
    opened: MakerOpen,
    slot: int,
    klass: int,
    trade: Trade,
    value: int,
    at: Nanos,
    effects: Effects,
) -> None:
    """The rolling window of a class: at a limit, everything of the class is withdrawn (MMP)."""
    greeks = np.empty(4, dtype=np.int64)
    greeks_of(slot, state.tables.fixed, state.surface.theo, state.surface.fits, greeks)
    signed = trade.qty if trade.side == Side.BUY else -trade.qty
    stamp = at // s.BUCKET
    window = state.guards.window[klass]
    bucket = window[stamp % s.BUCKETS]
    if bucket[s.B_STAMP] != stamp:
        bucket[:] = 0
        bucket[s.B_STAMP] = stamp
    bucket[s.B_FILLS :] += (1, trade.qty, value, signed * int(greeks[0]), signed * int(greeks[2]))
    lasting = window[:, s.B_STAMP] > stamp - s.BUCKETS
    sums = np.abs(window[lasting, s.B_FILLS :].sum(axis=0))
    limits = state.limits[slot, c.L_MMP_FILLS : c.L_MMP_VEGA + 1]
    if bool((sums >= limits).any()):
        scope = opened.chain.classes[klass].underlying
        to = TradingState.CANCEL_ONLY
        trip(state, opened, PROTECTION, scope, to, tuple(sums.tolist()), effects)


def line_proved(state: State, opened: MakerOpen, effects: Effects) -> None:
    """A line that was lost and has synchronised anew answers what P34 asked, so its trip ends as
    the one of a stale feed does (reliability.md 2.5); every other trip waits for people.
    """
    if state.scopes.trips.pop(trip_of(HOUSE, "P34"), None) is not None:
        forget(state, opened, HOUSE, "P34")
        effects.append(RaiseAlert(Alert.REARMED, HOUSE, ("P34", "line", "")))


def forget(state: State, opened: MakerOpen, scope: str, reason: str) -> None:
    """Begin the counters behind a trip anew, once people have ended it."""
    guards, slots = state.guards, slots_of(opened.chain, scope)
    if slots is None:
        return
    klasses = np.unique(state.tables.fixed[slice(*slots), c.F_KLASS])
    if reason == "P16":
        state.desk[slice(*slots), c.D_FILLS] = 0
    elif reason == PROTECTION:
        guards.window[klasses] = 0
    elif reason == "P33":
        guards.rejected[klasses] = 0
        guards.answers[klasses] = 0
        guards.asked[klasses] = 0
    elif reason == "P34":
        guards.late[:], guards.lates = 0, 0
    elif reason == "P35":
        guards.unexplained = 0
