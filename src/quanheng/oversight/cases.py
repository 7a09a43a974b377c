"""From a breach to its closing: alert, written record, risk notice (风险提示书) with a deadline,
answer, follow-up, closing (chapter 6 二 三, R-02).

`LIFE_CYCLE` is the whole life of a case. A notice that is not answered in time escalates by the
steps its limit names: the desk goes to REDUCING, then to HALTED. Firm risk may do either at once,
one person alone; letting the desk trade again takes two.
"""

from enum import StrEnum
from typing import Any

from quanheng.oversight.account import over_now
from quanheng.oversight.incidents import CALLS, OVER, rule_of
from quanheng.oversight.limits import BY_NAME, CALM, SOFT, InForce, in_force, used
from quanheng.oversight.messages import (
    Answer,
    Ask,
    CloseCase,
    FollowUp,
    OverseerOpen,
    ReleaseDesk,
    Restrain,
    Told,
    Written,
)
from quanheng.oversight.state import Case, State
from quanheng.runtime.envelope import RaiseAlert, WakeAt
from quanheng.terms.codes import Alert, TradingState
from quanheng.terms.commands import SetState
from quanheng.terms.units import Day, Nanos

FIRM_RISK = "firm_risk"
DESK_POSTS = ("trader", "risk", "head")
"""Who may answer a notice."""
MOST_CASES = 2_000
"""Cases that a day may hold; beyond, people are told and nothing more is opened."""
LEAST, MOST = TradingState.HALTED, TradingState.REDUCING
"""The states that firm risk may put a scope into."""

Effects = list[Any]


class Status(StrEnum):
    """Where a case stands."""

    ALERTED = "alerted"
    RECORDED = "recorded"
    NOTICED = "noticed"
    ESCALATED = "escalated"
    ANSWERED = "answered"
    FOLLOWED = "followed"
    CLOSED = "closed"


class Event(StrEnum):
    """What moves a case."""

    RECORD = "record"  # written down with figure, limit and time
    NOTICE = "notice"  # the breach lasts: the desk is told in writing, with a deadline
    ESCALATE = "escalate"  # the deadline passed without an answer
    ANSWER = "answer"  # the desk answers
    REFUSE = "refuse"  # firm risk does not accept the answer: a new deadline
    FOLLOW = "follow"  # firm risk looks whether the measures hold
    CURE = "cure"  # back within the limit before anybody was told in writing
    CLOSE = "close"  # the figure is within its limit, firm risk is content
    EVIDENCE = "evidence"  # the same happened again, or more is known of it
    WARN = "warn"  # of a call: the deadline is near, or what was said and seen part
    GOOD = "good"  # of a call: by the own books nothing is missing any more
    UNCURED = "uncured"  # of a call: 11:30 has passed and something is still missing
    FORCED = "forced"  # of a call: the exchange closed or split by an order of its own
    RENEW = "renew"  # of a call: the evening's file calls again, with a new deadline
    CONFIRM = "confirm"  # of a call: the settlement says that nothing is missing


TOLD = (Status.NOTICED, Status.ESCALATED, Status.ANSWERED, Status.FOLLOWED)
"""Open cases of which the desk knows in writing."""

LIFE_CYCLE: dict[tuple[Status, Event], Status] = {
    (Status.ALERTED, Event.RECORD): Status.RECORDED,
    (Status.RECORDED, Event.NOTICE): Status.NOTICED,
    (Status.RECORDED, Event.CURE): Status.CLOSED,
    (Status.NOTICED, Event.ANSWER): Status.ANSWERED,
    (Status.NOTICED, Event.ESCALATE): Status.ESCALATED,
    (Status.ESCALATED, Event.ESCALATE): Status.ESCALATED,
    (Status.ESCALATED, Event.ANSWER): Status.ANSWERED,
    (Status.ANSWERED, Event.REFUSE): Status.NOTICED,
    (Status.ANSWERED, Event.FOLLOW): Status.FOLLOWED,
    (Status.FOLLOWED, Event.FOLLOW): Status.FOLLOWED,
    (Status.FOLLOWED, Event.REFUSE): Status.NOTICED,
    (Status.FOLLOWED, Event.CLOSE): Status.CLOSED,
    **{
        (status, event): after or status
        for status in TOLD
        for event, after in (
            (Event.EVIDENCE, None),
            (Event.WARN, None),
            (Event.GOOD, None),
            (Event.FORCED, None),
            (Event.UNCURED, Status.ESCALATED),
            (Event.RENEW, Status.NOTICED),
            (Event.CONFIRM, Status.CLOSED),
        )
    },
}
"""Every allowed move; a case is born ALERTED."""


def life_cycle_table() -> str:
    """The life of a case as a Markdown table, a dash where an event is refused."""
    lines = ["| status | " + " | ".join(Event) + " |", "|---" * (len(Event) + 1) + "|"]
    for status in Status:
        moves = [LIFE_CYCLE.get((status, event)) for event in Event]
        lines.append(f"| {status} | " + " | ".join(move or "-" for move in moves) + " |")
    return "\n".join(lines) + "\n"


def move(case: Case, event: Event, at: Nanos, by: str, text: str, effects: Effects) -> bool:
    """Follow the table and write the step down; False when it has no such move."""
    status = LIFE_CYCLE.get((Status(case.status), event))
    if status is None:
        return False
    case.status = str(status)
    case.history.append((at, str(event), by, text))
    effects.append(
        Written(
            case.number, str(event), case.status, case.scope, case.name, case.value, case.limit,
            case.due, by, text,
        )
    )  # fmt: skip
    return True


def judge(state: State, opened: OverseerOpen, at: Nanos, effects: Effects) -> None:
    """Hold the last figures against every limit: warn, record, notify, let cured cases end."""
    for row in in_force(opened.limits, at):
        record = row.limit.record
        figures = state.figures.get(record.scope)
        if figures is None:
            continue
        measure = BY_NAME[record.name]
        value, most = used(measure, figures), row.value * measure.factor
        key = f"{record.scope} {record.name}"
        case = open_case(state, record.scope, record.name)
        if value > most:
            state.near[key] = 1
            _breach(state, opened, row, value, most, case, at, effects)
            continue
        if case is not None and case.status == Status.RECORDED:
            move(case, Event.CURE, at, "", "back within the limit", effects)
        if 100 * value >= SOFT * most and value and not state.near.get(key):
            state.near[key] = 1
            effects.append(RaiseAlert(Alert.LIMIT_NEAR, record.scope, (record.name, value, most)))
        elif 100 * value < CALM * most:
            state.near.pop(key, None)


def open_case(state: State, scope: str, name: str) -> Case | None:
    """The case of a scope and name that is not closed."""
    return next(
        (
            case
            for case in state.cases.values()
            if (case.scope, case.name) == (scope, name) and case.status != Status.CLOSED
        ),
        None,
    )


def _breach(
    state: State,
    opened: OverseerOpen,
    row: InForce,
    value: int,
    most: int,
    case: Case | None,
    at: Nanos,
    effects: Effects,
) -> None:
    record = row.limit.record
    if case is None:
        case = born(state, opened, record.scope, record.name, value, most, at)
        if case is None:
            effects.append(RaiseAlert(Alert.FIRM_BREACH, record.scope, (record.name, "full")))
            return
        effects.append(RaiseAlert(Alert.FIRM_BREACH, record.scope, (record.name, value, most)))
        why = "the authorisation has ended" if row.expired else f"basis {record.basis}"
        move(case, Event.RECORD, at, "", f"version {row.limit.version}, {why}", effects)
        return
    case.value, case.limit = max(case.value, value), most
    if case.status == Status.RECORDED:
        notify(case, opened, at, effects)


def born(
    state: State, opened: OverseerOpen, scope: str, name: str, value: int, most: int, at: Nanos
) -> Case | None:
    """A new case, ALERTED; None when the day holds no more (MOST_CASES)."""
    if len(state.cases) >= MOST_CASES:
        return None
    state.born += 1
    number = case_number(opened.day, state.born)
    case = Case(number, scope, name, value, most, str(Status.ALERTED), at)
    case.history = [(at, str(Status.ALERTED), "", "")]
    state.cases[number] = case
    return case


def _limit_of(case: Case, opened: OverseerOpen, at: Nanos) -> InForce | None:
    for row in in_force(opened.limits, at):
        if (row.limit.record.scope, row.limit.record.name) == (case.scope, case.name):
            return row
    return None


def case_number(day: Day, count: int) -> str:
    """Number of the day's case `count`, 1 the first."""
    return f"FX{day}-{count:03d}"


def _terms(
    case: Case, opened: OverseerOpen, at: Nanos
) -> tuple[Nanos, tuple[TradingState, ...]] | None:
    """(time to answer, steps of the escalation) of a case, by its limit or by the policy."""
    rule = rule_of(opened, case.name)
    if rule is not None:
        return rule.answer, rule.escalate
    row = _limit_of(case, opened, at)
    return None if row is None else (row.limit.answer, row.limit.escalate)


def _deadline(case: Case, opened: OverseerOpen, at: Nanos, effects: Effects) -> None:
    terms = _terms(case, opened, at)
    # A call is due when the clearing house says so, whatever the desk answers.
    if terms is not None and case.name not in CALLS.values():
        case.due = at + terms[0]
        effects.append(WakeAt(f"due {case.number}", case.due))


def notify(case: Case, opened: OverseerOpen, at: Nanos, effects: Effects) -> None:
    """Tell the desk in writing, with a deadline."""
    _deadline(case, opened, at, effects)
    move(case, Event.NOTICE, at, opened.officer, "", effects)
    effects.append(RaiseAlert(Alert.FIRM_NOTICE, case.scope, (case.name, case.number)))


def wake(state: State, opened: OverseerOpen, at: Nanos, effects: Effects) -> None:
    """At the opening: deadlines of cases that were carried in run on."""
    waiting = (str(Status.NOTICED), str(Status.ESCALATED))
    for case in state.cases.values():
        if case.status in waiting and case.name not in CALLS.values():
            effects.append(WakeAt(f"due {case.number}", max(case.due, at + 1)))


def overdue(state: State, opened: OverseerOpen, number: str, at: Nanos, effects: Effects) -> None:
    """A deadline passed: the next step of the escalation, and another deadline."""
    case = state.cases.get(number)
    if case is None or at < case.due:
        return
    terms = _terms(case, opened, at)
    steps = terms[1] if terms is not None else ()
    text = "no answer in time"
    if case.step < len(steps):
        text = f"no answer in time: {steps[case.step].name}"
    if not move(case, Event.ESCALATE, at, opened.officer, text, effects):
        return
    if case.step < len(steps):
        restrain(state, case.scope, steps[case.step], case.number, opened.officer, effects)
        case.step += 1
        if case.step < len(steps):
            _deadline(case, opened, at, effects)


def ask_state(
    state: State, scope: str, to: TradingState, reason: str, by: str, effects: Effects
) -> None:
    """Ask for a state of a scope; a desk or a strategy is the whole book to the maker."""
    state.asked += 1
    named = "*" if ":" in scope else scope
    if to >= TradingState.OPEN:
        state.asked_low.pop(named, None)
    else:
        state.asked_low[named] = min(to, state.asked_low.get(named, to))
    effects.append(Ask(state.asked, SetState(named, to, reason, by), by))


def restrain(
    state: State, scope: str, to: TradingState, reason: str, by: str, effects: Effects
) -> None:
    """Ask for a state by itself, unless it would be a release: what is HALTED for one case must not
    come back to REDUCING for another.
    """
    named = "*" if ":" in scope else scope
    lows = (state.asked_low.get(one, int(TradingState.OPEN)) for one in (named, "*"))
    if min(lows) >= to:
        ask_state(state, scope, to, reason, by, effects)


def holds(opened: OverseerOpen, person: str, posts: tuple[str, ...]) -> bool:
    """Does a person hold one of these posts?"""
    return any(one.person == person and set(one.posts) & set(posts) for one in opened.people)


def person(
    state: State,
    opened: OverseerOpen,
    body: Answer | FollowUp | CloseCase | Restrain | ReleaseDesk,
    at: Nanos,
    effects: Effects,
) -> None:
    """What a person does; a refusal says why."""
    number = "" if isinstance(body, Restrain | ReleaseDesk) else body.case
    posts = DESK_POSTS if isinstance(body, Answer) else (FIRM_RISK,)
    why = ""
    if not holds(opened, body.by, posts):
        why = f"holds none of the posts {', '.join(posts)}"
    elif isinstance(body, Restrain):
        if not LEAST <= body.state <= MOST:
            why = f"{TradingState(body.state).name} is not between {LEAST.name} and {MOST.name}"
        else:
            ask_state(state, body.scope, body.state, body.reason, body.by, effects)
    elif isinstance(body, ReleaseDesk):
        ask_state(state, body.scope, TradingState.OPEN, body.reason, body.by, effects)
    elif number not in state.cases:
        why = "no such case"
    elif not body.text.strip():
        why = "nothing is written"
    else:
        why = _step(state, opened, state.cases[number], body, at, effects)
    if why:
        effects.append(Told(number, body.by, why))


def _step(
    state: State,
    opened: OverseerOpen,
    case: Case,
    body: Answer | FollowUp | CloseCase,
    at: Nanos,
    effects: Effects,
) -> str:
    event = Event.ANSWER
    if isinstance(body, FollowUp):
        event = Event.FOLLOW if body.accepted else Event.REFUSE
    elif isinstance(body, CloseCase):
        event = Event.CLOSE
        row = _limit_of(case, opened, at)
        figures = state.figures.get(case.scope)
        measure = BY_NAME.get(case.name)
        if row and figures and measure and used(measure, figures) > row.value * measure.factor:
            return "the figure is still over its limit"
        if case.name in CALLS.values():
            return "a call is closed by the settlement, not by a person"
        if case.name == OVER and over_now(state, opened, case.scope):
            return "the position is still over its limit"
    status = case.status
    if event == Event.REFUSE and (Status(status), event) in LIFE_CYCLE:
        _deadline(case, opened, at, effects)
    if not move(case, event, at, body.by, body.text, effects):
        return f"a case that is {status} takes no {event}"
    return ""
