"""Instructions that do not trade: the one way out for them, and their life (I-12, I-18).

A command is judged by `checks.vet` and leaves as one request; what is lost with the link stays
UNKNOWN until the exchange or the gateway says what became of it, and is never sent again under
another id.
"""

import msgspec

from quanheng.maker import holdings
from quanheng.maker.checks import Refused, Vetted, vet
from quanheng.maker.instruction_state import Instruction
from quanheng.maker.instruction_wants import ask_of, wanted_of
from quanheng.maker.inventory import refresh_worst
from quanheng.maker.lifecycle import TABLE, Event, Life
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.quoting import refill
from quanheng.maker.requests import BY_HAND, client_id, send, stamp, take
from quanheng.maker.state import State
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.business import BusinessCancel, BusinessRequest, ExerciseRequest, MergedExercise
from quanheng.terms.codes import Alert
from quanheng.terms.commands import Instruct
from quanheng.terms.units import SECOND, Nanos

_FINAL = (Event.REJECT, Event.CANCELLED, Event.END)
"""An instruction replaces nothing, so these leave nothing of it."""


def instruct(
    state: State,
    opened: MakerOpen,
    body: Instruct,
    at: Nanos,
    effects: Effects,
    by: tuple[str, str] = BY_HAND,
) -> bool:
    """Carry a command out if it passes; else False, an alert with the check, nothing sent."""
    refill(state, opened, at)
    wanted = wanted_of(state, opened, body)
    klass = wanted.klass
    if klass >= 0:
        refresh_worst(state, opened, klass, at)
    ask = ask_of(state, opened, wanted, body.by, body.seconded_by, at)
    verdict = vet(ask, wanted.request)
    if isinstance(verdict, Refused):
        state.denied[verdict.check] += 1
        known = (int(verdict.check), verdict.code, state.parameters.version, wanted.scope)
        args = (*known, body.by, str(ask.kind), wanted.qty)
        effects.append(RaiseAlert(Alert.CHECK_DENIED, wanted.scope, args))
        return False
    ident = take(state, 1)
    request = _request(verdict, client_id(state, ident))
    state.bucket.level -= SECOND
    state.audit.passed += 1
    state.audit.sent += 1
    state.guards.messages += 1
    state.business.working[ident] = Instruction(
        request, klass, int(Life.PENDING), body.by, body.seconded_by, at
    )
    holdings.freeze(state, opened)
    effects.append(send(state, stamp(state, max(klass, 0), by, body.by), [request]))
    return True


def _request(vetted: Vetted, name: str) -> BusinessRequest:
    """What passed, under its id: nothing else of this kind is ever sent."""
    return msgspec.structs.replace(vetted.request, client_id=name)


def cancel(state: State, opened: MakerOpen, ident: int, by: str, effects: Effects) -> bool:
    """Withdraw an exercise that stands or may stand; False when it is none."""
    one = state.business.working.get(ident)
    if one is None or one.cancel_id or one.life not in (Life.WORKING, Life.UNKNOWN):
        return False
    request = one.request
    match request:
        case ExerciseRequest():
            business, security = "OTE", request.contract
        case MergedExercise():
            business, security = "OCE", ""
        case _:
            return False
    number = take(state, 1)
    state.bucket.level -= SECOND
    state.audit.cancels += 1
    state.guards.messages += 1
    one.cancel_id = number
    move(state, opened, ident, Event.CANCEL)
    name = client_id(state, number)
    cancel_ = BusinessCancel(name, business, security, request.client_id)
    effects.append(send(state, stamp(state, one.klass, BY_HAND, by), [cancel_]))
    return True


def move(state: State, opened: MakerOpen, ident: int, event: Event) -> None:
    """One step of the table; what is over leaves it and frees what it held."""
    one = state.business.working[ident]
    to = TABLE[one.life][event]
    if to >= 0:
        one.life = to
    if event in _FINAL or one.life == Life.NONE:
        del state.business.working[ident]
    holdings.freeze(state, opened)


def unsent(state: State, opened: MakerOpen, ident: int) -> bool:
    """Proof that an instruction or its cancel never left, or was refused at the front; True when
    it was one of these.
    """
    if ident in state.business.working:
        move(state, opened, ident, Event.REJECT)
        return True
    for number, one in state.business.working.items():
        if one.cancel_id == ident and ident > 0:
            one.cancel_id = 0
            move(state, opened, number, Event.CANCEL_REJECTED)
            return True
    return False


def lose_all(state: State) -> int:
    """The link is down: what has no answer is UNKNOWN; what stands or is done is not in doubt."""
    for one in state.business.working.values():
        to = TABLE[one.life][Event.LOST]
        if to >= 0:
            one.life = to
        if one.life == Life.UNKNOWN:
            one.cancel_id = 0  # an unanswered cancel was lost too; another one has to be possible
    return sum(one.life == Life.UNKNOWN for one in state.business.working.values())
