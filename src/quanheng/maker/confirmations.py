"""Automatic risk prompts (I-42): a proposal with its orders, a person's word, action, evidence.

An alert that reaches its monitor's level is answered by a prompt with prepared orders or a lower
state of its scope. Nothing happens until somebody confirms it: one person for what only closes,
sells or lowers, two when a position may be added. Then every order goes through the one ladder like
any other of a person, and what became of each is kept until the figure has been looked at again.
"""

from quanheng.maker import columns as c
from quanheng.maker import etf_orders, singles
from quanheng.maker.alarms import figure_of, place_name
from quanheng.maker.commands import set_state
from quanheng.maker.measures import prepared
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.monitor_figures import net_of
from quanheng.maker.monitor_state import Line, Prompt, Raised, Status
from quanheng.maker.monitor_table import LOWERS, MONITORS, Measure
from quanheng.maker.requests import client_id
from quanheng.maker.state import State
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert, Check, OrderKind, Side, TradingState
from quanheng.terms.commands import Confirm, ManualOrder, SetState
from quanheng.terms.units import SECOND, Nanos

LASTS = 60 * SECOND
"""How long a prompt may be confirmed; its prices are of the market that was there."""
AGAIN = 300 * SECOND
"""An alert that stays is answered anew after so long, or when it gets worse."""
SETTLES = 20 * SECOND
"""Time after a confirmation until its result is taken, at the latest when nothing works any more
and the figures have been looked at again."""
LOOKS = 15 * SECOND
"""Time in which every figure has been looked at again (monitor_figures)."""


def follow(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Prompt for alerts that need it, let old prompts go, take the results of confirmed ones."""
    watch = state.watch
    for prompt in list(watch.prompts.values()):
        _follow(state, opened, prompt, at, effects)
    for one in watch.alerts.values():
        monitor = MONITORS[one.monitor]
        if monitor.measure == Measure.NOTHING or one.level < monitor.prompts or one.prompt:
            continue
        if one.level > one.prompted_for or at - one.prompted_at >= AGAIN:
            _propose(state, opened, one, at, effects)


def close(state: State, opened: MakerOpen, effects: Effects) -> None:
    """The day is over: what was confirmed has the result it has, the rest is gone."""
    for prompt in list(state.watch.prompts.values()):
        confirmed = prompt.status == Status.CONFIRMED
        _end(state, opened, prompt, Status.DONE if confirmed else Status.EXPIRED, effects)


def _propose(state: State, opened: MakerOpen, one: Raised, at: Nanos, effects: Effects) -> None:
    """One prompt; nothing is said when there is nothing to prepare."""
    one.prompted_at, one.prompted_for = at, one.level
    watch, measure = state.watch, MONITORS[one.monitor].measure
    lines, opens = prepared(state, opened, one)
    scope = place_name(opened, one.place)
    lowers = measure in LOWERS
    if not lines and not (lowers and _lowers(state, scope, LOWERS[measure])):
        return
    watch.numbers += 1
    before = figure_of(watch, one.monitor, one.place)
    number = watch.numbers
    watch.prompts[number] = Prompt(
        number, one.number, one.monitor, one.place, measure, lines, opens, at, at + LASTS, before
    )
    one.prompt = number
    told: list[int | str] = [MONITORS[one.monitor].name, number, one.number, str(measure)]
    told += [int(opens), before]
    for line in lines:
        told += [_code(opened, line), line.side.name, line.price, line.qty]
    effects.append(RaiseAlert(Alert.PROMPT_PROPOSED, scope, tuple(told)))


def _lowers(state: State, scope: str, to: TradingState) -> bool:
    """True while people have set nothing as low around a scope."""
    states = state.scopes.states
    return min(states.get(name, TradingState.OPEN) for name in ("*", scope)) > to


def _code(opened: MakerOpen, line: Line) -> str:
    if line.slot < 0:
        return opened.chain.classes[line.klass].underlying
    return opened.chain.contracts[line.slot].code


def confirm(state: State, opened: MakerOpen, body: Confirm, at: Nanos, effects: Effects) -> None:
    """A person's word about a prompt; refused with the reason when it is not open any more."""
    prompt = state.watch.prompts.get(body.prompt)
    why = _refusal(prompt, body, at)
    if why or prompt is None:
        effects.append(RaiseAlert(Alert.CHECK_DENIED, "*", ("confirm", body.by, why)))
        return
    prompt.by, prompt.seconded_by, prompt.at = body.by, body.seconded_by, at
    scope = place_name(opened, prompt.place)
    name = MONITORS[prompt.monitor].name
    args = (name, prompt.number, body.by, body.seconded_by, int(body.accept))
    effects.append(RaiseAlert(Alert.PROMPT_CONFIRMED, scope, args))
    if not body.accept:
        _end(state, opened, prompt, Status.DECLINED, effects)
        return
    prompt.status = Status.CONFIRMED
    if prompt.measure in LOWERS:
        reason = f"prompt {prompt.number}"
        lower = SetState(scope, LOWERS[prompt.measure], reason, body.by, body.seconded_by)
        set_state(state, opened, lower, at, effects)
    for line in prompt.lines:
        _act(state, opened, prompt, line, at, effects)


def _refusal(prompt: Prompt | None, body: Confirm, at: Nanos) -> str:
    """Why a confirmation does not count, "" when it does."""
    if prompt is None or prompt.status != Status.OPEN or at >= prompt.until:
        return f"{body.prompt}: no such prompt is open"
    if not body.by:
        return f"{body.prompt}: nobody says so"
    second = body.seconded_by not in ("", body.by)
    if body.accept and prompt.opens and not (second and body.opens):
        return f"{body.prompt} may add a position, which needs a second person"
    return ""


def _act(
    state: State, opened: MakerOpen, prompt: Prompt, line: Line, at: Nanos, effects: Effects
) -> None:
    """Send one prepared order through the ladder, which judges it as of now. What was to close a
    position closes no more than is left of it, whatever other prompts or people did since.
    """
    denied = state.denied.copy()
    if not prompt.opens and line.slot >= 0:
        line.qty = min(line.qty, _left(state, line))
        if not line.qty:
            line.refused = int(Check.P24_OPEN_CLOSE)
            return
    by = ("prompt", str(prompt.number))
    if line.slot < 0:
        given = (line.klass, line.side, line.price, line.qty)
        line.ident = etf_orders.place(state, opened, *given, at, effects)
    else:
        order = ManualOrder(
            _code(opened, line), line.side, OrderKind.LIMIT_FOK, line.price, line.qty, prompt.by,
            confirmed=True, seconded_by=prompt.seconded_by,
        )  # fmt: skip
        line.ident = singles.place(state, opened, order, at, effects, by)
    if line.ident:
        line.client_id = client_id(state, line.ident)
        state.watch.by_ident[line.ident] = prompt.number
    else:
        line.refused = int((state.denied - denied).argmax())


def _left(state: State, line: Line) -> int:
    """Contracts of a position that an order may still take away."""
    net, standing = int(net_of(state)[line.slot]), state.desk[line.slot]
    if line.side == Side.SELL:
        return max(net - int(standing[c.D_ORDER_SELL]), 0)
    return max(-net - int(standing[c.D_ORDER_BUY]), 0)


def _follow(state: State, opened: MakerOpen, prompt: Prompt, at: Nanos, effects: Effects) -> None:
    one = state.watch.alerts.get(prompt.alert)
    if prompt.status == Status.OPEN:
        if one is None or one.level == 0:
            _end(state, opened, prompt, Status.WITHDRAWN, effects)
        elif at >= prompt.until:
            _end(state, opened, prompt, Status.EXPIRED, effects)
        return
    idents = [line.ident for line in prompt.lines if line.ident]
    works = any(ident in state.orders or ident in state.etf.working for ident in idents)
    passed = at - prompt.at
    if passed >= SETTLES or (passed >= LOOKS and not works):
        _end(state, opened, prompt, Status.DONE, effects)


def _end(state: State, opened: MakerOpen, prompt: Prompt, status: Status, effects: Effects) -> None:
    """The record that ties alert, prompt, person, orders and fills together."""
    watch = state.watch
    prompt.status = status
    told: list[int | str] = [MONITORS[prompt.monitor].name, prompt.number, prompt.alert]
    told += [str(status), prompt.by, prompt.seconded_by, prompt.before]
    told.append(figure_of(watch, prompt.monitor, prompt.place))
    for line in prompt.lines:
        told += [
            _code(opened, line),
            line.side.name,
            line.client_id,
            line.refused,
            line.filled,
            line.value,
        ]
        watch.by_ident.pop(line.ident, None)
    effects.append(RaiseAlert(Alert.PROMPT_ENDED, place_name(opened, prompt.place), tuple(told)))
    del watch.prompts[prompt.number]
    one = watch.alerts.get(prompt.alert)
    if one is not None:
        one.prompt = 0
