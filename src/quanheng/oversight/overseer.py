"""The overseer machine (R-02): it hears exchange and market over wires of its own, keeps its own
books and curve, and once a minute holds its figures against the firm's limits and the desk's
claims. What it wants at the desk it asks the authority for; it never touches the maker.
"""

from typing import Any, ClassVar, assert_never

import numpy as np

from quanheng.kernels.pack import pack
from quanheng.oversight import (
    account,
    calls,
    cases,
    compare,
    extremes,
    figures,
    incidents,
    market,
    stress,
)
from quanheng.oversight.limits import in_force, problem
from quanheng.oversight.messages import (
    Answer,
    Ask,
    CarriedCase,
    CloseCase,
    CloseDay,
    DeskFigures,
    DropCopy,
    EtfCopy,
    Figures,
    FollowUp,
    NoticesRead,
    OrdersSeen,
    OverseerEffect,
    OverseerInput,
    OverseerOpen,
    ReleaseDesk,
    Restrain,
)
from quanheng.oversight.state import State, open_state
from quanheng.runtime.envelope import Envelope, TimerFired, WakeAt
from quanheng.runtime.state import decode_state, digest_state, encode_state
from quanheng.terms.commands import RecordFigure
from quanheng.terms.days import day_nanos
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.orders import Trade
from quanheng.terms.units import MONEY_PER_YUAN, SECOND, Money, Nanos

FIGURES = "figures"
AFTER = 5 * SECOND
"""Figures are made so long after the minute, when its images have arrived."""
GOOD_FOR = 3
"""The value at risk is good for so many intervals (P26); without the overseer it runs out."""
SOURCE = "overseer"

Effects = list[Any]


class Overseer:
    """See the module."""

    NAME: ClassVar[str] = "oversight"
    INPUT: ClassVar[Any] = OverseerInput
    EFFECT: ClassVar[Any] = OverseerEffect
    DIGESTED: ClassVar[tuple[type, ...]] = ()

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = State()

    def apply(self, envelope: Envelope[OverseerInput]) -> Effects:
        """Take one input. ValueError for a bad opening, a second one, or an input before it."""
        body, at, effects = envelope.body, envelope.at, Effects()
        if isinstance(body, OverseerOpen):
            self._open(body, at, effects)
            return effects
        opened = self.state.opened
        if opened is None:
            raise ValueError(f"overseer: {type(body).__name__} before the opening")
        self.state.at = at
        self._take(opened, body, at, effects)
        return effects

    def _take(self, opened: OverseerOpen, body: Any, at: Nanos, effects: Effects) -> None:
        state = self.state
        assert state.model is not None, "the overseer was opened"
        match body:
            case DropCopy():
                self._copy(opened, body, at, effects)
            case OrdersSeen():
                extremes.take_orders(state, opened, body, at, effects)
                state.copied += 1
            case NoticesRead():
                calls.take_notices(state, opened, body, at, effects)
            case EtfCopy():
                account.take_etf(state, opened, body, effects)
                account.count(state)
            case ChainTick():
                state.fresh |= market.take_chain(state.model, body)
            case UnderlyingTicks():
                state.fresh |= market.take_underlyings(state.model, body)
            case DeskFigures():
                compare.take_claim(state, body, at)
            case Answer() | FollowUp() | CloseCase() | Restrain() | ReleaseDesk():
                cases.person(state, opened, body, at, effects)
            case CloseDay():
                self._close(opened, at, effects)
            case TimerFired():
                if body.name == FIGURES:
                    self._run(opened, at, effects)
                    if day_nanos(at) <= opened.rulebook.timetable[-1].stop:
                        effects.append(WakeAt(FIGURES, at + opened.every))
                elif body.name == calls.TIMER:
                    calls.watch(state, opened, at, effects)
                    calls.wake(state, opened, at, effects)
                else:
                    cases.overdue(state, opened, body.name.removeprefix("due "), at, effects)
            case _:
                assert_never(body)

    def _copy(self, opened: OverseerOpen, body: DropCopy, at: Nanos, effects: Effects) -> None:
        """Fold a report once, then look at it: is it explained, is it the exchange's own doing?"""
        new = account.take_copy(self.state, opened, body, effects)
        account.count(self.state)
        if not new:
            return
        calls.take_report(self.state, opened, body.body, at, effects)
        if isinstance(body.body, Trade):
            extremes.take_fill(self.state, opened, body.body, at, effects)

    def _open(self, body: OverseerOpen, at: Nanos, effects: Effects) -> None:
        if self.state.opened is not None:
            raise ValueError(f"overseer: a second opening, of day {body.day}")
        self.state = open_state(body)
        scopes = figures.scope_names(self.state, body)
        for limit in body.limits:
            why = problem(limit, scopes)
            if why:
                raise ValueError(f"overseer: {why}")
        why = incidents.problem(body.policy.rules)
        if why:
            raise ValueError(f"overseer: {why}")
        if not cases.holds(body, body.officer, (cases.FIRM_RISK,)):
            raise ValueError(f"overseer: officer {body.officer} does not hold {cases.FIRM_RISK}")
        effects.append(WakeAt(FIGURES, at + body.every + AFTER))
        cases.wake(self.state, body, at, effects)
        calls.wake(self.state, body, at, effects)

    def _run(self, opened: OverseerOpen, at: Nanos, effects: Effects) -> None:
        """Curve, figures, limits, the desk's claim, and the figure that the ladder wants.

        Where nothing traded or moved since, as over lunch, the last figures stand: variance time
        stands still too.
        """
        state = self.state
        if state.fresh or not state.figures:
            market.refresh(state, opened, at)
            every = state.runs % figures.EVERY_SCOPE == 0
            state.figures = figures.measure(state, opened, every)
            state.runs, state.fresh = state.runs + 1, False
        names = tuple(state.figures)
        table = np.array([state.figures[name] for name in names], dtype=np.int64)
        effects.append(Figures("scopes", at, names, len(figures.COLUMNS), pack(table)))
        cases.judge(state, opened, at, effects)
        calls.watch(state, opened, at, effects)
        compare.level(state, opened, at, effects)
        self._deliver(opened, at, effects)

    def _deliver(self, opened: OverseerOpen, at: Nanos, effects: Effects) -> None:
        """The value at risk for the desk's ladder (P26): the larger of history and simulation."""
        row = self.state.figures["*"]
        value = max(row[figures.PLACE["var"]], row[figures.PLACE["var_mc"]])
        self.state.asked += 1
        until = at + GOOD_FOR * opened.every
        figure = RecordFigure("*", "var", value, SOURCE, until, opened.officer)
        effects.append(Ask(self.state.asked, figure, opened.officer))

    def _close(self, opened: OverseerOpen, at: Nanos, effects: Effects) -> None:
        """Last figures of every scope and the whole library of stress scenarios."""
        state = self.state
        market.refresh(state, opened, at)
        state.figures = figures.measure(state, opened, True)
        names = tuple(state.figures)
        table = np.array([state.figures[name] for name in names], dtype=np.int64)
        effects.append(Figures("scopes", at, names, len(figures.COLUMNS), pack(table)))
        view = figures.View(state, opened)
        outcomes = stress.library(view)
        found = stress.reverse(view, self._loss_limit(opened, at))
        first, second = stress.tables(outcomes, found)
        parts = (
            ("stress", tuple(one.name for one in outcomes), stress.OUTCOME_COLUMNS, first),
            ("reverse", tuple(f"{one.axis} {one.breaks}" for one in found),
             stress.REVERSE_COLUMNS, second),
        )  # fmt: skip
        for topic, rows, columns, data in parts:
            effects.append(Figures(topic, at, rows, len(columns), pack(data)))

    def _loss_limit(self, opened: OverseerOpen, at: Nanos) -> Money:
        """Money of the desk's stress or loss limit, 0 without one."""
        found = {
            row.limit.record.name: row.value
            for row in in_force(opened.limits, at)
            if row.limit.record.scope == "*"
        }
        return found.get("stress", found.get("loss", 0)) * MONEY_PER_YUAN

    def snapshot(self) -> bytes:
        """The whole state."""
        return encode_state(self.state)

    def restore(self, data: bytes) -> None:
        """Replace the state by a snapshot."""
        self.state = decode_state(data, State)

    def digest(self) -> dict[str, bytes]:
        """SHA-256 per part of the state."""
        return digest_state(self.state)


def carried_cases(state: State) -> tuple[CarriedCase, ...]:
    """What is not closed goes on tomorrow."""
    return tuple(case.carried() for case in state.cases.values() if case.status != "closed")
