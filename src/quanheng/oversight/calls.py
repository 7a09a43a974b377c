"""The firm's watch over forced closing (I-45, R-02; rules.md 3.5; guide chapter 6 and appendix 4).

A notice of the clearing house (P01 margin, P02 locked units) opens a case with its amount and the
deadline, 11:30 of the next trading day. On that day the own books say after every minute what is
still missing; people are warned ahead; what is missing at 11:30 escalates and restrains the desk.
From 13:00 the exchange closes with orders of its own (QP1, CV1, split CF1), which are recorded one
by one. The evening's settlement closes the case: no new call, and the clearing house's count of
what it closed (P03) is ours.

`Case.value` is what is missing by the own books, prudent by their estimate of fees; `limit` what
the notice said. `Case.facts`: `due_day`, `asked` (of the notice), `base` and `locked` (units, P02),
`warned`, `late`, `awaited` (0 or 1), `good` (instant), `forced`, `paid` (contracts and Money), and
`read`, the day of the last file that spoke of it.
"""

from typing import Any

from quanheng.oversight import account as books
from quanheng.oversight.cases import Event, Status, born, move, notify, open_case, restrain
from quanheng.oversight.extremes import raised
from quanheng.oversight.incidents import CALLS, COVER_CALL, MARGIN_CALL, STRAY, rule_of
from quanheng.oversight.messages import NoticesRead, OverseerOpen
from quanheng.oversight.state import Case, State
from quanheng.runtime.envelope import RaiseAlert, WakeAt
from quanheng.terms.business import CombinationDone, LockAck
from quanheng.terms.codes import FORCED_COVERED, FORCED_PREFIXES, FORCED_SPLIT, Alert, Exec
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.orders import Trade
from quanheng.terms.units import MONEY_PER_YUAN, Day, Nanos
from quanheng.wire.notices import Notice

DUE, FORCED_FROM = from_clock("11:30"), from_clock("13:00")
TIMER = "calls"
_KINDS = (MARGIN_CALL, COVER_CALL)

Effects = list[Any]


def open_calls(state: State) -> list[Case]:
    """Calls that no settlement has closed."""
    found = (case for case in state.cases.values() if case.name in _KINDS)
    return [case for case in found if case.status != Status.CLOSED]


def due_at(day: Day) -> Nanos:
    """11:30 of a day."""
    return midnight(day) + DUE


def wake(state: State, opened: OverseerOpen, at: Nanos, effects: Effects) -> None:
    """Ask for the next instant of today at which a call must be looked at."""
    if not any(case.facts["due_day"] <= opened.day for case in open_calls(state)):
        return
    due = due_at(opened.day)
    points = (due - opened.policy.ahead, due, midnight(opened.day) + FORCED_FROM)
    later = [point for point in points if point > at]
    if later:
        effects.append(WakeAt(TIMER, later[0]))


def missing(state: State, opened: OverseerOpen, case: Case) -> int:
    """What a call still lacks by the own books: Money, of COVER_CALL units; 0 for nothing."""
    account = state.account
    assert account is not None, "the overseer was opened"
    if case.name == MARGIN_CALL:
        return max(0, books.margin(state) - account.cash)
    freed = case.facts.get("base", 0) - _covered(state, opened, case.scope)
    return max(0, case.facts["asked"] - freed - case.facts.get("locked", 0))


def _covered(state: State, opened: OverseerOpen, underlying: str) -> int:
    """Units that the covered shorts of a class need."""
    account = state.account
    assert account is not None, "the overseer was opened"
    if underlying not in account.klasses:
        return 0  # nothing of it is traded today, so nothing is freed either
    item = opened.chain.classes[account.klasses[underlying]]
    rows = range(item.start, item.stop)
    return sum(int(account.covered[slot]) * opened.chain.contracts[slot].unit for slot in rows)


def _tell(case: Case, stage: str, value: int, effects: Effects) -> None:
    effects.append(RaiseAlert(Alert.FORCED_CALL, case.scope, (stage, case.number, value)))


def amount(case: Case, value: int) -> str:
    """A shortage in words of the case's unit."""
    if case.name == COVER_CALL:
        return f"{value} units"
    return f"{value // MONEY_PER_YUAN}.{value % MONEY_PER_YUAN:04d} yuan"


def watch(state: State, opened: OverseerOpen, at: Nanos, effects: Effects) -> None:
    """Hold every call that is due today against the own books."""
    for case in open_calls(state):
        facts = case.facts
        if facts["due_day"] > opened.day:
            continue
        if case.name == COVER_CALL and "base" not in facts:
            facts["base"] = _covered(state, opened, case.scope)
        case.value = missing(state, opened, case)
        if not case.value:
            if not facts.get("good"):
                facts["good"] = at
                move(case, Event.GOOD, at, "", "nothing is missing by the own books", effects)
                _tell(case, "good", 0, effects)
            continue
        if facts.pop("good", 0):
            move(case, Event.WARN, at, "", f"missing again: {amount(case, case.value)}", effects)
            _tell(case, "again", case.value, effects)
        _late(state, opened, case, at, effects)


def _late(state: State, opened: OverseerOpen, case: Case, at: Nanos, effects: Effects) -> None:
    """Warn ahead of 11:30, escalate at it, say what is awaited from 13:00; each once."""
    facts, left, due = case.facts, amount(case, case.value), due_at(opened.day)
    if due - opened.policy.ahead <= at < due and not facts.get("warned"):
        facts["warned"] = 1
        move(case, Event.WARN, at, "", f"due 11:30, still missing {left}", effects)
        _tell(case, "ahead", case.value, effects)
    if at >= due and not facts.get("late"):
        facts["late"] = 1
        move(case, Event.UNCURED, at, opened.officer, f"11:30 passed, missing {left}", effects)
        _tell(case, "late", case.value, effects)
        rule = rule_of(opened, case.name)
        if rule is not None and rule.state is not None:
            scope = "*" if rule.whole else case.scope
            restrain(state, scope, rule.state, case.number, opened.officer, effects)
    if at >= midnight(opened.day) + FORCED_FROM and not facts.get("awaited"):
        facts["awaited"] = 1
        text = f"the exchange may close from 13:00, missing {left}"
        move(case, Event.WARN, at, "", text, effects)
        _tell(case, "awaited", case.value, effects)


def take_report(
    state: State,
    opened: OverseerOpen,
    body: Trade | CombinationDone | LockAck,
    at: Nanos,
    effects: Effects,
) -> None:
    """What the exchange closed or split by force, and units that were locked."""
    if isinstance(body, LockAck):
        if body.exec == Exec.ACCEPTED:
            for case in open_calls(state):
                if (case.name, case.scope) == (COVER_CALL, body.underlying):
                    signed = -body.qty if body.unlock else body.qty
                    case.facts["locked"] = case.facts.get("locked", 0) + signed
    elif isinstance(body, CombinationDone):
        called = open_case(state, "*", MARGIN_CALL)
        if body.client_id[:3] == FORCED_SPLIT and called is not None:
            text = f"{body.client_id} split {body.qty} of {body.combination}"
            move(called, Event.FORCED, at, "", text, effects)
    elif body.client_id[:3] in FORCED_PREFIXES:
        _forced(state, opened, body, at, effects)


def _forced(state: State, opened: OverseerOpen, fill: Trade, at: Nanos, effects: Effects) -> None:
    account = state.account
    assert account is not None, "the overseer was opened"
    underlying = opened.chain.contracts[books.place(account, fill.contract)].underlying
    covered = fill.client_id[:3] == FORCED_COVERED
    case = open_case(state, underlying if covered else "*", COVER_CALL if covered else MARGIN_CALL)
    what = f"{fill.client_id} {fill.contract} {fill.qty} at {fill.price} ticks"
    if case is None:
        text = f"forced closing {what}: no notice of the clearing house stands behind it"
        raised(state, opened, STRAY, underlying, fill.qty, 0, text, at, effects)
        return
    case.value = missing(state, opened, case)
    case.facts["forced"] = case.facts.get("forced", 0) + fill.qty
    case.facts["paid"] = case.facts.get("paid", 0) + fill.amount
    early = "" if at >= midnight(opened.day) + FORCED_FROM else ", before 13:00"
    text = f"{what}{early}; missing {amount(case, case.value)}"
    move(case, Event.FORCED, at, "", text, effects)


def take_notices(
    state: State, opened: OverseerOpen, body: NoticesRead, at: Nanos, effects: Effects
) -> None:
    """Close or renew what was due, then open what is new; a file says nothing a second time."""
    for text in body.bad:
        effects.append(RaiseAlert(Alert.NOTICE_UNREADABLE, str(body.day), (text,)))
    for case in open_calls(state):
        if case.facts["due_day"] <= body.day and case.facts["read"] < body.day:
            case.facts["read"] = body.day
            _settled(opened, case, body, at, effects)
    for notice in body.notices:
        name = CALLS.get(notice.kind)
        scope = "*" if name == MARGIN_CALL else notice.underlying
        if name is None or open_case(state, scope, name) is not None:
            continue
        if name == COVER_CALL and all(one.underlying != scope for one in opened.chain.classes):
            text = f"{notice.kind} of {scope}, which is not traded here"
            effects.append(RaiseAlert(Alert.NOTICE_UNREADABLE, str(body.day), (text,)))
            continue
        _call(state, opened, name, scope, notice, body.day, at, effects)
    wake(state, opened, at, effects)


def _call(
    state: State,
    opened: OverseerOpen,
    name: str,
    scope: str,
    notice: Notice,
    read: Day,
    at: Nanos,
    effects: Effects,
) -> None:
    asked = notice.amount if name == MARGIN_CALL else notice.qty
    case = born(state, opened, scope, name, asked, asked, at)
    if case is None:
        effects.append(RaiseAlert(Alert.FIRM_EXTREME, scope, (name, "full")))
        return
    case.facts = {"due_day": notice.due, "asked": asked, "read": read}
    if name == COVER_CALL and notice.due <= opened.day:
        case.facts["base"] = _covered(state, opened, scope)
    case.due = due_at(notice.due)
    case.evidence.append(f"op_tzxx {read} {notice.kind} {notice.text()}")
    move(case, Event.RECORD, at, "", notice.text(), effects)
    _tell(case, "called", asked, effects)
    notify(case, opened, at, effects)


def _settled(
    opened: OverseerOpen, case: Case, body: NoticesRead, at: Nanos, effects: Effects
) -> None:
    """The evening's file speaks of a call that was due: confirm it, or set a new deadline."""
    again = [
        one
        for one in body.notices
        if CALLS.get(one.kind) == case.name and case.scope in ("*", one.underlying)
    ]
    covered = case.name == COVER_CALL
    closed = [
        one
        for one in body.notices
        if one.kind == "P03" and one.covered == covered and case.scope in ("*", one.underlying)
    ]
    told, own = sum(one.qty for one in closed), case.facts.get("forced", 0)
    if told != own:
        text = f"P03 says {told} contracts were closed by force, the own copy has {own}"
        move(case, Event.WARN, at, "", text, effects)
        _tell(case, "differs", told - own, effects)
    if again:
        asked = again[0].qty if covered else again[0].amount
        kept = {"due_day": again[0].due, "asked": asked, "read": body.day}
        case.facts, case.value, case.limit = kept, asked, asked
        case.due = due_at(again[0].due)
        move(case, Event.RENEW, at, opened.officer, again[0].text(), effects)
        _tell(case, "renewed", asked, effects)
    elif told == own:
        case.value = 0
        paid = sum(one.amount for one in closed)
        text = f"settlement of {body.day}: no new call; closed by force {told} contracts for "
        move(case, Event.CONFIRM, at, "", text + f"{paid // MONEY_PER_YUAN} yuan", effects)
        _tell(case, "closed", told, effects)
