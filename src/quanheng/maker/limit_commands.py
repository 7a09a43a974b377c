"""Commands about limits, figures and trips (L-03, R-03, O-04): one person tightens, two loosen."""

from quanheng.maker import columns as c
from quanheng.maker import limits
from quanheng.maker.alarms import keeps_closed
from quanheng.maker.commands import plan_scope
from quanheng.maker.feed import refresh_states
from quanheng.maker.guards import forget, trip
from quanheng.maker.inventory import refresh_worst
from quanheng.maker.layers import slots_of
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.setup import set_limits
from quanheng.maker.state import State
from quanheng.maker.states import may_rearm, trip_of
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert, TradingState
from quanheng.terms.commands import Rearm, RecordFigure, SetLimit
from quanheng.terms.records import FigureRecord, LimitRecord
from quanheng.terms.units import Nanos

FIGURES = ("var", "other_long", "other_total", "other_buy_open")

_USED = (
    ("P18", c.S_LONG, c.L_LONG),
    ("P18", c.S_TOTAL, c.L_TOTAL),
    ("P18", c.S_BUY_OPEN, c.L_BUY_OPEN),
    ("P19", c.S_DELTA_UP, c.L_DELTA),
    ("P19", c.S_GAMMA_UP, c.L_GAMMA),
    ("P19", c.S_VEGA_UP, c.L_VEGA),
    ("P19", c.S_THETA_UP, c.L_THETA),
)
"""Worst cases of a class against their limits; below a Greek's upper one stands the lower one."""


def _refuse(scope: str, what: str, by: str, why: str, effects: Effects) -> None:
    effects.append(RaiseAlert(Alert.CHECK_DENIED, scope, (what, by, why)))


def _two(by: str, seconded_by: str) -> str:
    """Why a second person is missing, "" when there is one."""
    if not seconded_by:
        return "loosening a limit needs a second person"
    return "the second person must be another" if seconded_by == by else ""


def set_limit(state: State, opened: MakerOpen, body: SetLimit, at: Nanos, effects: Effects) -> None:
    """Put a limit on record. Lowering it below what is in use withdraws nothing in silence: the
    class goes to REDUCING and people are told (reliability.md 2.3).
    """
    record = LimitRecord(
        body.scope,
        body.name,
        body.value,
        body.since,
        body.until,
        body.basis,
        body.by,
        body.seconded_by,
    )
    why = limits.problem(opened.chain, record, at)
    if not why and limits.loosens(state, opened.chain, record):
        why = _two(body.by, body.seconded_by)
    if not why and len(state.guards.records) >= limits.MOST:
        why = f"more than {limits.MOST} limit records in a day"
    if why:
        _refuse(body.scope, "set_limit", body.by, why, effects)
        return
    limits.add(state, record)
    state.guards.now = max(state.guards.now, at)
    state.parameters.version += 1
    set_limits(state)
    args = (body.name, body.value, state.parameters.version, body.by, body.seconded_by)
    effects.append(RaiseAlert(Alert.LIMITS_CHANGED, body.scope, args))
    _beyond(state, opened, body.scope, at, effects)


def _beyond(state: State, opened: MakerOpen, scope: str, at: Nanos, effects: Effects) -> None:
    """Trip the classes of a scope whose worst case is beyond a limit now."""
    slots = slots_of(opened.chain, scope) or (0, 0)
    for klass, item in enumerate(opened.chain.classes):
        if max(item.start, slots[0]) >= min(item.stop, slots[1]):
            continue
        refresh_worst(state, opened, klass, at)
        used, most = state.worst[klass].tolist(), state.limits[item.start].tolist()
        for reason, count, limit in _USED:
            low = -used[count + 1] if reason == "P19" else 0
            over = max(used[count], low)
            if over > most[limit]:
                figures = (over, most[limit])
                to = TradingState.REDUCING
                trip(state, opened, reason, item.underlying, to, figures, effects)


def record_figure(
    state: State, opened: MakerOpen, body: RecordFigure, at: Nanos, effects: Effects
) -> None:
    """Enter a figure of another system, with its source and its last moment (P26, P38)."""
    known = body.name in FIGURES and slots_of(opened.chain, body.scope) is not None
    if not known or body.value < 0 or body.until <= at or not body.source:
        why = f"figure {body.name} of {body.scope} needs a scope, a value, a source and an end"
        _refuse(body.scope, "record_figure", body.by, why, effects)
        return
    record = FigureRecord(body.scope, body.name, body.value, body.source, at, body.until)
    state.guards.figures[f"{body.scope} {body.name}"] = record


def rearm(state: State, opened: MakerOpen, body: Rearm, at: Nanos, effects: Effects) -> None:
    """End one trip, and no other; its counters begin anew (reliability.md 2.4, D14)."""
    why = may_rearm(state.scopes, body.scope, body.reason, body.by, body.seconded_by)
    why = why or keeps_closed(state, opened, body.scope)
    if why:
        _refuse(body.scope, "rearm", body.by, why, effects)
        return
    del state.scopes.trips[trip_of(body.scope, body.reason)]
    forget(state, opened, body.scope, body.reason)
    refresh_states(state, opened)
    effects.append(RaiseAlert(Alert.REARMED, body.scope, (body.reason, body.by, body.seconded_by)))
    plan_scope(state, opened, body.scope, at, effects)
