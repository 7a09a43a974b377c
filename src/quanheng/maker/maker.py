"""The maker machine: one input in, its effects out (house.md 5)."""

from collections.abc import Sequence
from typing import ClassVar, assert_never

from quanheng.maker import (
    alarms,
    commands,
    confirmations,
    feed,
    inquiries,
    inquiry_desk,
    instructions,
    limit_commands,
    night,
    orders,
    prepared,
    roster,
    singles,
)
from quanheng.maker.duty_watch import watch_duties
from quanheng.maker.etf_orders import on_answers
from quanheng.maker.guards import keep_limits, patrol, stand
from quanheng.maker.hedging import hedge
from quanheng.maker.inquiry_views import show_ratio
from quanheng.maker.instruction_reports import on_margin
from quanheng.maker.invariants import invariants
from quanheng.maker.ledger_views import show_ledger
from quanheng.maker.messages import MakerOpen, Notify, OutEffect
from quanheng.maker.monitor_figures import refresh
from quanheng.maker.monitors import show, watch_people
from quanheng.maker.overseen import overseer_seen
from quanheng.maker.prompts import show_prompts
from quanheng.maker.quoting import in_session, plan
from quanheng.maker.requests import new_epoch
from quanheng.maker.setup import check_plugins, open_state
from quanheng.maker.shedding import shed
from quanheng.maker.state import State, blank
from quanheng.runtime.envelope import (
    Envelope,
    LinkChanged,
    NotSent,
    OverseerSeen,
    RaiseAlert,
    Source,
    TimerFired,
    TookOver,
    WakeAt,
)
from quanheng.runtime.state import decode_state, digest_state, encode_state
from quanheng.terms.business import MarginAnswer
from quanheng.terms.codes import Alert
from quanheng.terms.commands import (
    Acknowledge,
    AnswerInquiry,
    BuildPrepared,
    Combine,
    Confirm,
    ExceptNight,
    Exercise,
    GiveBackInquiry,
    InquireMargin,
    InquiryCommand,
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
from quanheng.terms.days import day_nanos
from quanheng.terms.etf import EtfAnswers
from quanheng.terms.market import ChainTick, Inquiry, UnderlyingTicks
from quanheng.terms.orders import Reports, RequestRejected
from quanheng.terms.units import SECOND, Nanos

DeskTrade = ManualOrder | ManualCancel | BuildPrepared | Instruct
"""Orders and instructions of people."""

PersonInput = (
    SetState
    | Pull
    | SignOn
    | SetParameter
    | RecordExemption
    | SetLimit
    | RecordFigure
    | Rearm
    | InquiryCommand
    | Acknowledge
    | Confirm
    | ExceptNight
    | DeskTrade
)
"""Inputs that people put into the journal."""

Input = (
    MakerOpen
    | ChainTick
    | UnderlyingTicks
    | Inquiry
    | Reports
    | RequestRejected
    | EtfAnswers
    | MarginAnswer
    | LinkChanged
    | OverseerSeen
    | TookOver
    | NotSent
    | TimerFired
    | PersonInput
)

VIEW = "view"
WATCH = "watch"
WATCH_NANOS = SECOND

__all__ = ["Input", "Maker", "OutEffect", "invariants"]


class Maker:
    """Market making in every class of a chain for one account; see `runtime.machine.Machine`."""

    NAME: ClassVar[str] = "maker"
    INPUT: ClassVar[object] = Input
    EFFECT: ClassVar[object] = OutEffect
    DIGESTED: ClassVar[tuple[type, ...]] = (Notify,)

    def __init__(self) -> None:
        self.state: State = blank()

    def apply(self, envelope: Envelope[Input]) -> Sequence[OutEffect]:
        """Take one input; ValueError for market data or reports of things not in the chain."""
        effects: list[OutEffect] = []
        opened = self.state.opened
        body = envelope.body
        if self._heard(envelope):
            return effects
        if isinstance(body, MakerOpen):
            self._open(body, envelope.at, effects)
        elif opened is None:
            self._before_opening(body)
        else:
            self._dispatch(opened, body, envelope.at, effects)
            if self.state.guards.tripped:
                commands.withdraw_tripped(self.state, opened, envelope.at, effects)
        return effects

    def _heard(self, envelope: Envelope[Input]) -> bool:
        """True for a command of a proposal that was heard before: issues come at least once, and
        their cause is the number (borders.md 5). The firm's numbers are kept as negative ones.
        """
        if envelope.source not in (Source.DESK, Source.OVERSEER) or not envelope.cause:
            return False
        number = envelope.cause if envelope.source == Source.DESK else -envelope.cause
        first = self.state.issued.setdefault(number, envelope.seq)
        return first != envelope.seq

    def _open(self, body: MakerOpen, at: Nanos, effects: list[OutEffect]) -> None:
        if self.state.opened is not None:
            raise ValueError(f"maker: a second opening, of day {body.day}")
        self.state = open_state(body, self.state)
        commands.admit(self.state, body, effects)
        stand(self.state, body)
        if 0 < body.rate_day < body.day:
            effects.append(RaiseAlert(Alert.RATE_OLD, "*", (body.rate, body.rate_day)))
        effects.append(WakeAt(WATCH, at + WATCH_NANOS))
        if body.view_nanos:
            effects.append(WakeAt(VIEW, at + body.view_nanos))

    def _before_opening(self, body: Input) -> None:
        """Link, leadership and roster may be known before the day's data; nothing else."""
        state = self.state
        match body:
            case LinkChanged():
                state.scopes.link = body.state
            case TookOver():
                new_epoch(state, body.epoch)
            case SignOn():
                roster.change(state.scopes.duty, body)
            case _:
                raise ValueError(f"maker: {type(body).__name__} before MakerOpen")

    def _dispatch(
        self, opened: MakerOpen, body: Input, at: Nanos, effects: list[OutEffect]
    ) -> None:
        state = self.state
        match body:
            case ChainTick():
                feed.on_tick(state, opened, body, at, effects)
            case Reports():
                for klass in orders.on_reports(state, opened, body.reports, at, effects):
                    plan(state, opened, klass, at, effects)
            case UnderlyingTicks():
                feed.on_underlyings(state, opened, body, at, effects)
            case TimerFired():
                self._timer(opened, body, at, effects)
            case Inquiry():
                feed.on_inquiry(state, opened, body, at, effects)
            case RequestRejected():
                orders.on_request_rejected(state, opened, body, at, effects)
            case EtfAnswers():
                on_answers(state, opened, body, at, effects)
            case MarginAnswer():
                on_margin(state, opened, body, at, effects)
            case NotSent():
                orders.on_not_sent(state, opened, body, at, effects)
            case LinkChanged():
                commands.link_changed(state, opened, body, at, effects)
            case OverseerSeen():
                overseer_seen(state, opened, body, at, effects)
            case TookOver():
                commands.took_over(state, opened, body, effects)
            case MakerOpen():
                raise ValueError(f"maker: a second opening, of day {body.day}")
            case _:
                self._command(opened, body, at, effects)

    def _command(
        self, opened: MakerOpen, body: PersonInput, at: Nanos, effects: list[OutEffect]
    ) -> None:
        state = self.state
        match body:
            case SetState():
                commands.set_state(state, opened, body, at, effects)
            case Pull():
                commands.pull(state, opened, body, at, effects)
            case SignOn():
                commands.sign_on(state, opened, body, at, effects)
            case SetParameter():
                commands.set_parameter(state, opened, body, effects)
            case RecordExemption():
                commands.exempt(state, opened, body, effects)
            case SetLimit():
                limit_commands.set_limit(state, opened, body, at, effects)
            case RecordFigure():
                limit_commands.record_figure(state, opened, body, at, effects)
            case Rearm():
                limit_commands.rearm(state, opened, body, at, effects)
            case TakeInquiry() | AnswerInquiry() | GiveBackInquiry():
                inquiry_desk.command(state, opened, body, at, effects)
            case Acknowledge():
                alarms.acknowledge(state, opened, body, at, effects)
            case Confirm():
                confirmations.confirm(state, opened, body, at, effects)
            case ExceptNight():
                night.except_night(state, opened, body, at, effects)
            case _:
                self._trade(opened, body, at, effects)

    def _trade(
        self, opened: MakerOpen, body: DeskTrade, at: Nanos, effects: list[OutEffect]
    ) -> None:
        """What people send to the exchange."""
        state = self.state
        match body:
            case ManualOrder():
                singles.place(state, opened, body, at, effects)
            case ManualCancel():
                singles.cancel_one(state, opened, body, at, effects)
            case BuildPrepared():
                prepared.confirm(state, opened, body, at, effects)
            case LockUnits() | Exercise() | Combine() | Split() | InquireMargin():
                instructions.instruct(state, opened, body, at, effects)
            case _:
                assert_never(body)

    def _timer(
        self, opened: MakerOpen, body: TimerFired, at: Nanos, effects: list[OutEffect]
    ) -> None:
        """Watch feed and figures each second, show views each minute, until the day is over."""
        over = day_nanos(at) > opened.rulebook.timetable[-1].stop + SECOND
        if body.name == VIEW:
            show(self.state, opened, at, effects)
            watch_duties(self.state, opened, at, effects)
            show_ledger(self.state, opened, at, effects)
            show_prompts(self.state, opened, at, effects)
            show_ratio(self.state, opened, at, effects)
            alarms.show_monitors(self.state, at, effects)
            if not over:
                effects.append(WakeAt(VIEW, at + opened.view_nanos))
        elif body.name == WATCH:
            feed.watch(self.state, opened, at, effects)
            inquiries.watch(self.state, opened, at, effects)
            keep_limits(self.state, at, effects)
            if in_session(opened, day_nanos(at)):
                watch_people(self.state, opened, at, effects)
                patrol(self.state, opened, at, effects)
                refresh(self.state, opened, at)
                night.check(self.state, opened, at, effects)
                shed(self.state, opened, at, effects)
            alarms.weigh(self.state, opened, at, effects)
            confirmations.follow(self.state, opened, at, effects)
            hedge(self.state, opened, at, effects)
            if over:
                confirmations.close(self.state, opened, effects)
            else:
                effects.append(WakeAt(WATCH, at + WATCH_NANOS))
        elif body.name.startswith(inquiries.TIMER):
            inquiry_desk.woken(self.state, opened, body, at, effects)
        else:
            raise ValueError(f"maker: a timer {body.name} that was never asked for")

    def snapshot(self) -> bytes:
        """The whole state."""
        return encode_state(self.state)

    def restore(self, data: bytes) -> None:
        """Replace the state by a snapshot. ValueError when a plug-in of it is not loaded here."""
        state = decode_state(data, State)
        if state.opened is not None:
            check_plugins(state.opened)
        self.state = state

    def digest(self) -> dict[str, bytes]:
        """SHA-256 per part of the state."""
        return digest_state(self.state)
