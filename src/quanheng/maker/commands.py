"""Commands of people and changes of link and leadership (borders.md 1, I-16, I-20, I-21)."""

from quanheng.duties import measure
from quanheng.maker import columns as c
from quanheng.maker import inquiries, instructions, roster, singles
from quanheng.maker.feed import refresh_states
from quanheng.maker.guards import line_proved, stand
from quanheng.maker.layers import slots_of
from quanheng.maker.lifecycle import Life
from quanheng.maker.messages import Effects, MakerOpen, Resync
from quanheng.maker.monitors import alert
from quanheng.maker.order_kernels import lose_all
from quanheng.maker.parameters import alone, in_force, problem, put
from quanheng.maker.quoting import plan
from quanheng.maker.requests import new_epoch, send, stamp
from quanheng.maker.setup import designated_in, set_limits
from quanheng.maker.state import State
from quanheng.maker.states import lower, may_set, trader
from quanheng.runtime.envelope import LinkChanged, RaiseAlert, TookOver
from quanheng.terms.codes import Alert, Link, TradingState
from quanheng.terms.commands import Pull, RecordExemption, SetParameter, SetState, SignOn
from quanheng.terms.orders import Request
from quanheng.terms.units import Nanos


def plan_scope(state: State, opened: MakerOpen, scope: str, at: Nanos, effects: Effects) -> None:
    """Plan the classes a scope touches; single orders of a scope that may not trade, or of a class
    without a trader, are withdrawn.
    """
    slots = slots_of(opened.chain, scope)
    if slots is None:
        return
    for klass, item in enumerate(opened.chain.classes):
        start, stop = max(item.start, slots[0]), min(item.stop, slots[1])
        if start >= stop:
            continue
        barred = int(state.desk[start:stop, c.D_STATE].max()) <= TradingState.CANCEL_ONLY
        if barred or not trader(state.scopes, item.underlying):
            requests: list[Request] = [*singles.cancel_rows(state, opened, start, stop)]
            if requests:
                effects.append(send(state, stamp(state, klass), requests))
        plan(state, opened, klass, at, effects)


def set_state(state: State, opened: MakerOpen, body: SetState, at: Nanos, effects: Effects) -> None:
    """Set a scope's state: lowering alone, raising with a second person."""
    why = may_set(state.scopes, body.scope, body.state, body.by, body.seconded_by)
    if not why and slots_of(opened.chain, body.scope) is None:
        why = f"unknown scope {body.scope}"
    if why:
        effects.append(RaiseAlert(Alert.CHECK_DENIED, body.scope, ("set_state", body.by, why)))
        return
    state.scopes.states[body.scope] = body.state
    refresh_states(state, opened)
    args = (int(body.state), body.by, body.reason)
    effects.append(RaiseAlert(Alert.STATE_CHANGED, body.scope, args))
    plan_scope(state, opened, body.scope, at, effects)


def pull(state: State, opened: MakerOpen, body: Pull, at: Nanos, effects: Effects) -> None:
    """One-click cancel (I-20, I-21): the scope stays HALTED until two people raise it."""
    if slots_of(opened.chain, body.scope) is None:
        why = f"unknown scope {body.scope}"
        effects.append(RaiseAlert(Alert.CHECK_DENIED, body.scope, ("pull", body.by, why)))
        return
    lower(state.scopes, body.scope, TradingState.HALTED)
    refresh_states(state, opened)
    args = (int(TradingState.HALTED), body.by, "pull")
    effects.append(RaiseAlert(Alert.STATE_CHANGED, body.scope, args))
    plan_scope(state, opened, body.scope, at, effects)


def sign_on(state: State, opened: MakerOpen, body: SignOn, at: Nanos, effects: Effects) -> None:
    """A person takes or leaves a post: only who holds it, traders for the classes they may trade.

    A class that loses its last trader is REDUCING, single orders and what that trader had taken of
    inquiries go back (O-01, S-01).
    """
    duty = state.scopes.duty
    why = roster.problem(opened.chain, opened.traders, body) if body.on else ""
    if not why and not roster.change(duty, body):
        why = f"{body.person} is not signed on as {body.post} for {body.scope}"
    if why:
        effects.append(RaiseAlert(Alert.CHECK_DENIED, body.scope, ("sign_on", body.person, why)))
        return
    refresh_states(state, opened)
    people = duty.get(roster.seat(body.post, body.scope), [""])
    args = (body.post, body.person, "on" if body.on else "off", people[-1])
    effects.append(RaiseAlert(Alert.DUTY_CHANGED, body.scope, args))
    if not body.on and body.post == roster.TRADER:
        inquiries.people_left(state, opened, at, effects)
        plan_scope(state, opened, body.scope, at, effects)


def admit(state: State, opened: MakerOpen, effects: Effects) -> None:
    """Turn away who signed on before the day's people and classes were known, and may not."""
    for body in roster.admit(state.scopes.duty, opened.chain, opened.traders):
        why = roster.problem(opened.chain, opened.traders, body)
        effects.append(RaiseAlert(Alert.CHECK_DENIED, body.scope, ("sign_on", body.person, why)))
    refresh_states(state, opened)


def set_parameter(state: State, opened: MakerOpen, body: SetParameter, effects: Effects) -> None:
    """Change a quote parameter (I-16): a trader inside its band, two people outside (O-04).

    Each change is told with who, before and after; the effect's instant says when.
    """
    chain, parameters = opened.chain, state.parameters
    unreleased = _unreleased(opened, body)
    if unreleased is not None:
        effects.append(RaiseAlert(unreleased, body.scope, (body.value, body.by)))
        return
    why = problem(chain, body.scope, body.name, body.value)
    if not why and not alone(parameters, chain, body.scope, body.name, body.value):
        if not body.seconded_by:
            why = "outside the trader's own band, which needs a second person"
        elif body.seconded_by == body.by:
            why = "the second person must be another"
    kept = designated_in(opened, body.scope) if body.name == "enabled" and not body.value else []
    if not why and kept:
        why = f"designated contracts stay enabled: {', '.join(kept)}"
    if why:
        args = ("set_parameter", body.by, why)
        effects.append(RaiseAlert(Alert.CHECK_DENIED, body.scope, args))
        return
    before = in_force(parameters, chain, body.scope, body.name)
    put(parameters, chain, body.scope, body.name, body.value)
    set_limits(state)
    stand(state, opened)
    told = (body.name, before, body.value, body.by, body.seconded_by)
    effects.append(RaiseAlert(Alert.PARAMETER_CHANGED, body.scope, told))


def _unreleased(opened: MakerOpen, body: SetParameter) -> Alert | None:
    """The alert of a choice that is not released, None for any other setting (I-10, R-05)."""
    if body.name == "curve_model" and body.value not in opened.released:
        return Alert.MODEL_NOT_RELEASED
    if body.name == "strategy" and body.value not in dict(opened.quoting):
        return Alert.STRATEGY_NOT_RELEASED
    return None


def exempt(state: State, opened: MakerOpen, body: RecordExemption, effects: Effects) -> None:
    """A recorded, approved exemption for the own meter (Q-07)."""
    slots = slots_of(opened.chain, body.scope)
    if slots is None or not body.seconded_by or body.seconded_by == body.by:
        args = ("exempt", body.by, "unknown scope" if slots is None else "needs a second person")
        effects.append(RaiseAlert(Alert.CHECK_DENIED, body.scope, args))
        return
    if state.meter is not None:
        for slot in range(*slots):
            measure.on_exempt(state.meter, 0, slot, body.since, body.until)


def link_changed(
    state: State, opened: MakerOpen, body: LinkChanged, at: Nanos, effects: Effects
) -> None:
    """The order link: what is in flight becomes UNKNOWN, reports are replayed, then trade on."""
    state.scopes.link = body.state
    effects.append(RaiseAlert(Alert.LINK_CHANGED, "*", (int(body.state),)))
    match body.state:
        case Link.DOWN:
            lost = lose_all(state.work) + singles.lose_all(state) + instructions.lose_all(state)
            state.gaps.clear()
            if lost:
                alert(state, effects, at, Alert.UNKNOWN_ORDER, "*", (lost,))
        case Link.SYNCING:
            effects.append(Resync(dict(state.next_index)))
        case Link.READY:
            _sweep_unknown(state)
            line_proved(state, opened, effects)
    refresh_states(state, opened)
    if body.state == Link.READY:
        _cancel_unknown(state, opened, effects)
        plan_scope(state, opened, "*", at, effects)


def _cancel_unknown(state: State, opened: MakerOpen, effects: Effects) -> None:
    """Cancel every single order that may be alive without our knowing."""
    for order in state.orders.values():
        if order.life == Life.UNKNOWN:
            order.cancel_id = 0
    for klass, item in enumerate(opened.chain.classes):
        requests: list[Request] = [
            *singles.cancel_rows(state, opened, item.start, item.stop, (Life.UNKNOWN,))
        ]
        if requests:
            effects.append(send(state, stamp(state, klass), requests))


def _sweep_unknown(state: State) -> None:
    """What no report explained is cancelled: the answer is the evidence that ends UNKNOWN."""
    ask = c.W_COLUMNS
    bids, asks = (
        state.work[:, c.W_STATE] == Life.UNKNOWN,
        state.work[:, ask + c.W_STATE] == Life.UNKNOWN,
    )
    for base, mine in ((0, bids), (ask, asks)):
        # An unanswered cancel was lost with the link; another one has to be possible.
        state.work[mine, base + c.W_CANCEL_ID] = 0
    state.desk[bids | asks, c.D_SWEEP] = 1


def withdraw_tripped(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Take back what a trip of this turn no longer allows, single orders included."""
    while state.guards.tripped:
        plan_scope(state, opened, state.guards.tripped.pop(0), at, effects)


def took_over(state: State, opened: MakerOpen, body: TookOver, effects: Effects) -> None:
    """Lead from here: fresh ids, nothing in flight is believed, everything that may rest goes."""
    new_epoch(state, body.epoch)
    lose_all(state.work)
    singles.lose_all(state)
    instructions.lose_all(state)
    ask = c.W_COLUMNS
    something = (state.work[:, c.W_STATE] != 0) | (state.work[:, ask + c.W_STATE] != 0)
    state.desk[something, c.D_SWEEP] = 1
    effects.append(RaiseAlert(Alert.TOOK_OVER, "*", (body.epoch, int(something.sum()))))
    refresh_states(state, opened)
