"""The authority machine: proposals in, commands out, with two people where the policy says so.

Kill, pull and tighten may also go around it (borders.md 5); then `Recorded` tells it afterwards.
Its journal is the truth about posts, proposals and who stands behind each command.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, assert_never

import msgspec

from quanheng.authority.messages import (
    AuthorityEffect,
    AuthorityInput,
    AuthorityOpen,
    Closed,
    Delivered,
    Issue,
    Parameter,
    Pending,
    Propose,
    Recorded,
    Refusal,
    Refused,
    Reissue,
    Second,
    Withdraw,
)
from quanheng.authority.policy import LIFE_CYCLE, Act, Event, Status, rule_of
from quanheng.runtime.envelope import Envelope, TimerFired, WakeAt
from quanheng.runtime.state import decode_state, digest_state, encode_state
from quanheng.terms.codes import TradingState
from quanheng.terms.commands import (
    ALONE,
    AnswerInquiry,
    BuildPrepared,
    Combine,
    Command,
    Exercise,
    GiveBackInquiry,
    InquireMargin,
    Instruct,
    LockUnits,
    ManualCancel,
    ManualOrder,
    Pull,
    Rearm,
    RecordExemption,
    RecordFigure,
    SetLimit,
    SetParameter,
    SetState,
    SignOn,
    Split,
    TakeInquiry,
)
from quanheng.terms.units import Nanos

MAX_OPEN = 256
"""Proposals waiting for a second person at one time."""
MAX_PROPOSALS = 100_000
"""Proposals of one day."""


Trade = ManualOrder | ManualCancel | BuildPrepared | Instruct

Effects = Sequence[AuthorityEffect]


class Proposal(msgspec.Struct):
    """A proposal and where it stands."""

    proposal: int
    target: str
    command: Command
    by: str
    act: Act
    status: Status
    seconded_by: str = ""


class AuthorityState(msgspec.Struct):
    """Everything the authority knows."""

    day: int = 0
    wait: Nanos = 0
    targets: list[str] = msgspec.field(default_factory=list)
    posts: dict[str, list[str]] = msgspec.field(default_factory=dict)  # person -> appointed to
    classes: dict[str, list[str]] = msgspec.field(default_factory=dict)  # person -> may trade
    # person -> seats signed on to, a post and its scope
    on_duty: dict[str, list[str]] = msgspec.field(default_factory=dict)
    parameters: dict[str, Parameter] = msgspec.field(default_factory=dict)
    states: dict[str, int] = msgspec.field(default_factory=dict)  # "target scope" -> state
    limits: dict[str, int] = msgspec.field(default_factory=dict)  # "target scope name" -> value
    proposals: dict[int, Proposal] = msgspec.field(default_factory=dict)
    waiting: int = 0


class Authority:
    """See the module."""

    NAME: ClassVar[str] = "authority"
    INPUT: ClassVar[Any] = AuthorityInput
    EFFECT: ClassVar[Any] = AuthorityEffect
    DIGESTED: ClassVar[tuple[type, ...]] = ()

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = AuthorityState()

    def apply(self, envelope: Envelope[AuthorityInput]) -> Effects:
        """Take one input; see the messages for what each means."""
        body = envelope.body
        match body:
            case AuthorityOpen():
                return self._open(body)
            case Propose():
                return self._propose(body, envelope.at)
            case Second():
                return self._second(body)
            case Withdraw():
                return self._withdraw(body)
            case Recorded():
                self._note(body.target, body.command)
                return ()
            case Delivered():
                found = self.state.proposals.get(body.proposal)
                if found is not None:
                    self._move(found, Event.DELIVER)
                return ()
            case Reissue():
                issued = [p for p in self.state.proposals.values() if p.target == body.target]
                return [_issue(p) for p in issued if p.status == Status.ISSUED]
            case TimerFired():
                return self._expire(int(body.name))
            case _:
                assert_never(body)

    def snapshot(self) -> bytes:
        """The whole state."""
        return encode_state(self.state)

    def restore(self, data: bytes) -> None:
        """Replace the state."""
        self.state = decode_state(data, AuthorityState)

    def digest(self) -> dict[str, bytes]:
        """SHA-256 per part of the state."""
        return digest_state(self.state)

    def _open(self, body: AuthorityOpen) -> Effects:
        self.state = AuthorityState(
            day=body.day,
            wait=body.wait,
            targets=list(body.targets),
            posts={row.person: list(row.posts) for row in body.people},
            classes={row.person: list(row.classes) for row in body.people},
            parameters={row.name: row for row in body.parameters},
            states={f"{target} *": int(body.state) for target in body.targets},
        )
        return ()

    def _propose(self, body: Propose, at: Nanos) -> Effects:
        state = self.state
        known = state.proposals.get(body.proposal)
        if known is not None and (known.target, known.command, known.by) == (
            body.target,
            body.command,
            body.by,
        ):
            # The proposer asks again because no answer came: answer again, do nothing twice.
            return [_issue(known)] if known.status == Status.ISSUED else ()
        act, code = self._judge(body, known is not None)
        if act is None or code is not None:
            return [Refused(body.proposal, code or Refusal.UNKNOWN_PARAMETER, body.by)]
        rule = rule_of(act)
        status = Status.PROPOSED if rule.seconders else Status.ISSUED
        proposal = Proposal(body.proposal, body.target, body.command, body.by, act, status)
        state.proposals[body.proposal] = proposal
        if not rule.seconders:
            self._note(body.target, body.command)
            return [_issue(proposal)]
        state.waiting += 1
        until = at + state.wait
        return [
            Pending(body.proposal, act, rule.seconders, until),
            WakeAt(str(body.proposal), until),
        ]

    def _judge(self, body: Propose, reused: bool) -> tuple[Act | None, Refusal | None]:
        """The act of a proposal, and why it is refused if it is."""
        state = self.state
        if body.by not in state.posts:
            return None, Refusal.UNKNOWN_PERSON
        if body.target not in state.targets:
            return None, Refusal.UNKNOWN_TARGET
        command = body.command
        if _person(command) != body.by or _second_of(command):
            return None, Refusal.NOT_IN_OWN_NAME
        if reused:
            return None, Refusal.NUMBER_REUSED
        act = self._act(body.target, command)
        if act is None:
            return None, Refusal.UNKNOWN_PARAMETER
        rule = rule_of(act)
        posts = [command.post] if isinstance(command, SignOn) else rule.proposers
        if not self._stands_on(body.by, posts, rule.on_duty):
            return act, Refusal.WRONG_POST
        if isinstance(command, SignOn) and not self._may_take(command):
            return act, Refusal.WRONG_CLASS
        full = rule.seconders and state.waiting >= MAX_OPEN
        if full or len(state.proposals) >= MAX_PROPOSALS:
            return act, Refusal.TOO_MANY
        return act, None

    def _act(self, target: str, command: Command) -> Act | None:
        """What the command amounts to now; None for an unknown parameter."""
        match command:
            case Pull():
                return Act.PULL
            case SignOn():
                return Act.SIGN_ON
            case RecordExemption():
                return Act.EXEMPTION
            case RecordFigure():
                return Act.FIGURE
            case Rearm():
                return Act.REARM
            case TakeInquiry() | AnswerInquiry() | GiveBackInquiry():
                return Act.INQUIRY
            case SetState():
                # A scope that was never restricted is as open as it can be.
                now = self.state.states.get(f"{target} {command.scope}", int(TradingState.OPEN))
                return Act.RAISE_STATE if command.state > now else Act.LOWER_STATE
            case SetParameter() | SetLimit():
                return self._act_on_number(target, command)
            case _:
                return _act_of_trade(command)

    def _act_on_number(self, target: str, command: SetParameter | SetLimit) -> Act | None:
        """Tightening or loosening a limit, or a parameter inside or outside the trader's band."""
        known = self.state.parameters.get(command.name)
        if known is None or (known.kind != "limit" and isinstance(command, SetLimit)):
            return None
        if known.kind == "limit":
            key = f"{target} {command.scope} {command.name}"
            tighter = command.value <= self.state.limits.get(key, known.value)
            return Act.TIGHTEN_LIMIT if tighter else Act.LOOSEN_LIMIT
        inside = known.low <= command.value <= known.high
        return Act.PARAMETER_IN_BAND if inside else Act.PARAMETER_OUTSIDE_BAND

    def _stands_on(self, person: str, posts: Sequence[str], on_duty: bool) -> bool:
        held = self.state.on_duty if on_duty else self.state.posts
        return any(post.partition(" ")[0] in posts for post in held.get(person, ()))

    def _may_take(self, command: SignOn) -> bool:
        """A trader takes seats of his or her own classes; other posts have one seat. Leaving is
        never refused.
        """
        if command.post != "trader":
            return command.scope == "*"
        mine = self.state.classes.get(command.person, [])
        return not command.on or not mine or command.scope in mine

    def _second(self, body: Second) -> Effects:
        proposal = self.state.proposals.get(body.proposal)
        if body.by not in self.state.posts:
            return [Refused(body.proposal, Refusal.UNKNOWN_PERSON, body.by)]
        if proposal is None:
            return [Refused(body.proposal, Refusal.UNKNOWN_PROPOSAL, body.by)]
        if proposal.status == Status.ISSUED and proposal.seconded_by == body.by:
            return [_issue(proposal)]  # asked again: answered again
        if proposal.by == body.by:
            return [Refused(body.proposal, Refusal.SAME_PERSON, body.by)]
        if not self._stands_on(body.by, rule_of(proposal.act).seconders, True):
            return [Refused(body.proposal, Refusal.WRONG_POST, body.by)]
        if not self._move(proposal, Event.SECOND):
            return [Refused(body.proposal, Refusal.NOT_OPEN, body.by)]
        self.state.waiting -= 1
        proposal.seconded_by = body.by
        self._note(proposal.target, proposal.command)
        return [_issue(proposal)]

    def _withdraw(self, body: Withdraw) -> Effects:
        proposal = self.state.proposals.get(body.proposal)
        if proposal is None or proposal.by != body.by:
            return [Refused(body.proposal, Refusal.UNKNOWN_PROPOSAL, body.by)]
        if not self._move(proposal, Event.WITHDRAW):
            return [Refused(body.proposal, Refusal.NOT_OPEN, body.by)]
        self.state.waiting -= 1
        return [Closed(body.proposal, Status.WITHDRAWN)]

    def _expire(self, number: int) -> Effects:
        proposal = self.state.proposals.get(number)
        if proposal is None or not self._move(proposal, Event.EXPIRE):
            return ()
        self.state.waiting -= 1
        return [Closed(number, Status.EXPIRED)]

    def _move(self, proposal: Proposal, event: Event) -> bool:
        """Follow the life-cycle table; False when it has no such move."""
        status = LIFE_CYCLE.get((proposal.status, event))
        if status is not None:
            proposal.status = status
        return status is not None

    def _note(self, target: str, command: Command) -> None:
        """Remember what is in force now."""
        state = self.state
        match command:
            case SetState():
                state.states[f"{target} {command.scope}"] = int(command.state)
            case SetParameter() | SetLimit():
                state.limits[f"{target} {command.scope} {command.name}"] = command.value
            case SignOn():
                seat = f"{command.post} {command.scope}"
                held = [one for one in state.on_duty.get(command.person, ()) if one != seat]
                state.on_duty[command.person] = [*held, seat] if command.on else held
            case _:  # what happens once puts nothing in force
                return


def _act_of_trade(command: Trade) -> Act:
    """The act of a command that trades or instructs."""
    match command:
        case ManualOrder():
            return Act.LARGE_ORDER if command.large else Act.ORDER
        case ManualCancel():
            return Act.CANCEL
        case LockUnits():
            return Act.LOCK
        case Exercise():
            return Act.EXERCISE
        case Combine() | Split():
            return Act.COMBINATION
        case InquireMargin():
            return Act.MARGIN_INQUIRY
        case BuildPrepared():
            return Act.BUILD_PREPARED
        case _:
            assert_never(command)


def _person(command: Command) -> str:
    """In whose name a command is."""
    return command.person if isinstance(command, SignOn) else command.by


def _second_of(command: Command) -> str:
    """The second person a command names already; a proposer may not fill that in."""
    return "" if isinstance(command, ALONE) else command.seconded_by


def _issue(proposal: Proposal) -> Issue:
    command = proposal.command
    if not isinstance(command, ALONE):
        command = msgspec.structs.replace(command, seconded_by=proposal.seconded_by)
    return Issue(proposal.target, command, proposal.by, proposal.seconded_by, proposal.proposal)
