"""Small worlds whose order line is lost in a named phase of the day (F28, reliability.md 6.2).

The day is a short one: its timetable has every phase of the real one in the real order, with
cancels forbidden at the end of both auctions, but none lasts longer than PHASE. The exchange, the
gateway and the maker read it from the same rulebook, so each of them changes phase by its own
timer. A world begins before the phase, loses the line in its middle and goes on beyond its end.
"""

from functools import cache
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from quanheng.compose.reference import FIRST_DAY
from quanheng.compose.small_checks import Checks
from quanheng.compose.small_clock import HOP
from quanheng.compose.small_faults import Fault
from quanheng.compose.small_stage import Stage, stage
from quanheng.compose.small_world import SmallWorld
from quanheng.exchange import layout as lay
from quanheng.exchange import messages as ex
from quanheng.maker import columns as c
from quanheng.maker.lifecycle import Life
from quanheng.rulebook.model import SpanRow
from quanheng.terms import market
from quanheng.terms.codes import Side
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.units import MILLISECOND, SECOND, Nanos
from quanheng.wire.events import Disconnect
from quanheng.wire.session import Phase as Session

PHASE = 20 * SECOND
BEFORE = 6 * SECOND
AFTER = 9 * SECOND
CONTRACTS = 8
STRIKES = 3 * SECOND
"""After the phase began."""
OPENS = from_clock("09:15")
PARTS = (("C", 1), ("C", 0), ("B", 0), ("T", 0), ("B", 0), ("T", 0), ("U", 1), ("U", 0))
"""Letters of the short day, PHASE each; 1: cancels are forbidden after it in the same auction."""
AUCTION, FORBIDDEN = 16 * SECOND, 4 * SECOND
"""A volatility interruption of the short day, and its end in which nothing is cancelled."""

PHASES: dict[str, int] = {
    "pre-open": -1,
    "opening auction": 0,
    "opening auction, no cancels": 1,
    "before continuous trading": 2,
    "continuous": 3,
    "lunch": 4,
    "volatility interruption": 5,
    "closing auction": 6,
    "closing auction, no cancels": 7,
    "after the close": 8,
}
"""The phases of F28 and which part of the short day they are; none lies before and after it."""

CAUSES: dict[str, tuple[str, Nanos]] = {
    "order line cut": ("order_cut", 3 * SECOND),
    "gateway gone": ("gateway_crash", 3 * SECOND),
    "engine gone": ("engine_crash", 3 * SECOND),
    "logged out": ("logout", 3 * SECOND),
    "silence": ("silence", 12 * SECOND),
}
"""Causes of F28: kind of fault and how long it lasts. A silent line is given up after two
heartbeats, which are 5 s apart at the shortest."""


NOT_READY, REDIAL = 5006, 500 * MILLISECOND
"""What the exchange answers to a logon after it has logged us out, and how often it is asked."""


class Seen(msgspec.Struct):
    """What a world looked like at an instant. Without an engine its fields are -1."""

    resting: int  # sides of our quotes at the exchange
    phase: int  # of the first contract at the exchange
    cancels: bool  # whether the exchange withdraws now
    believed: int = -1  # sides that the engine counts as exposure
    unknown: int = -1  # of them UNKNOWN
    engine_phase: int = -1
    link: int = -1


@cache
def short_day() -> Stage:
    """The stage of all small worlds with the short day's timetable and heartbeats of 5 s."""
    base = stage(CONTRACTS)
    book = base.venue.rulebook
    rows: list[SpanRow] = []
    at = OPENS
    for letter, more in PARTS:
        if rows and rows[-1].letter == letter:
            rows[-1] = replace(rows[-1], stop=at + PHASE)
        else:
            rows.append(SpanRow(at, at + PHASE, letter, at if letter == "B" else at + PHASE))
        at += PHASE
        assert not more or rows[-1].no_cancel_from == at
    prices = replace(book.prices, breaker_auction=AUCTION, breaker_no_cancel=FORBIDDEN)
    book = replace(book, prices=prices, timetable=tuple(rows))
    return base._replace(
        venue=replace(base.venue, rulebook=book),
        maker=replace(base.maker, rulebook=book),
        plan=replace(base.plan, logon_s=5),
    )


class PhaseChecks(Checks):
    """The checks of every small world, where cancels may be forbidden and nothing quoted."""

    def _orphans(self) -> None:
        """Only where the exchange takes cancels a silent engine must leave nothing behind."""
        state = self.world.venue.state
        if state.platform != 2 or state.info[:, lay.FIXED].any():
            self._silent_since = self.world.now
        super()._orphans()


class PhaseWorld(SmallWorld):
    """A world of a phase and a cause; `seen` holds what it looked like before, in and after it."""

    checks_of = PhaseChecks

    def __init__(self, phase: str, cause: str, seed: int = 1) -> None:
        """KeyError for a phase or cause that does not exist."""
        self.phase, self.cause = phase, cause
        part = PHASES[phase]
        kind, lasts = CAUSES[cause]
        self._starts = midnight(FIRST_DAY) + OPENS + part * PHASE
        self.begin = self._starts - BEFORE
        self.length = BEFORE + PHASE + AFTER
        self.quoting = part < 7
        self.seen: dict[str, Seen] = {}
        at = BEFORE + STRIKES
        self._looks = {
            at - HOP: "before",
            at + lasts - HOP: "during",
            BEFORE + PHASE - HOP: "phase over",
            self.length: "after",
        }
        super().__init__(seed, [Fault(kind, at, lasts, 0)])

    def _stage(self) -> Stage:
        base = short_day()
        if self.phase != "volatility interruption":
            return base
        scene = base.venue.scenario
        code = base.venue.chain.contracts[0].code
        burst = ex.Burst(self._starts + SECOND - midnight(FIRST_DAY), code, Side.BUY, 10_000)
        return base._replace(venue=replace(base.venue, scenario=replace(scene, bursts=(burst,))))

    def _over(self) -> bool:
        """At its own end, found back or not: what it is like there is looked at."""
        return self.since >= self.length

    def _next(self) -> Nanos:
        """Not beyond an instant at which it is looked at."""
        looks = (self.begin + at for at in self._looks if at > self.since)
        return min(super()._next(), *looks)

    def _answers(self) -> int:
        """Who was logged out is refused for a while; nobody answers on a silent line."""
        if self.lasts("logout"):
            return NOT_READY if self.since % REDIAL == 0 else -1
        return -1 if self.lasts("silence") else super()._answers()

    def _venue_said(self, effects: Any) -> None:
        """What the exchange says while its session ends or is refused waits for the next one."""
        server = self.server
        if server is not None and server.phase is not Session.ACTIVE:
            self.server = None
        super()._venue_said(effects)
        self.server = server

    def _through(self, data: bytes) -> bytes:
        return b"" if self.lasts("silence") else data

    def _strike(self, fault: Fault) -> None:
        super()._strike(fault)
        if fault.kind == "logout" and self.server is not None:
            self._send_down(self.server.output() + self.server.send_logout(self.now))

    def _step(self, quiet: bool = False) -> None:
        """The exchange's session lives by the clock too: heartbeats, and an end of its patience."""
        if self.server is not None:
            gone = any(isinstance(one, Disconnect) for one in self.server.tick(self.now))
            self._send_down(self.server.output())
            if gone:
                self.cut_line("the exchange closed it")
        self.gateway_at = 0  # it is asked at every step, as its session is
        super()._step(quiet)
        name = self._looks.get(self.since)
        if name is not None:
            self.seen[name] = self.look()

    def look(self) -> Seen:
        """What the world looks like now."""
        venue = self.venue.state
        free = venue.platform == 2 and not venue.info[0, lay.FIXED]
        seen = Seen(self.checks.resting(), int(venue.info[0, lay.PHASE]), free)
        if self.engine is not None and self.engine.machine.state.opened is not None:
            state = self.engine.machine.state
            lives = np.concatenate(
                [state.work[:, c.W_STATE], state.work[:, c.W_COLUMNS + c.W_STATE]]
            )
            seen.believed = int((lives != Life.NONE).sum())
            seen.unknown = int((lives == Life.UNKNOWN).sum())
            seen.engine_phase = int(state.view.rows[0, market.PHASE])
            seen.link = int(state.scopes.link)
        return seen
