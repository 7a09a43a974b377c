"""The overseer and the firm's authority in one simulated day: machines, wires, openings, watch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quanheng.authority.firm import FirmAuthority
from quanheng.authority.messages import (
    Closed,
    Delivered,
    Issue,
    Pending,
    Recorded,
    Refused,
    Second,
)
from quanheng.compose import oversight_wires as wires
from quanheng.compose.openings import Openings
from quanheng.compose.oversight_file import act_of, on_firm_risk, read_oversight
from quanheng.compose.people import opening as authority_opening
from quanheng.compose.people import read_people
from quanheng.config import ConfigError
from quanheng.edge import oversight_lines
from quanheng.edge.firm_acts import Act
from quanheng.edge.overseer_process import Setup
from quanheng.exchange.messages import Deliver, EtfDeliver
from quanheng.kernels.pack import unpack
from quanheng.maker.messages import Notify
from quanheng.oversight.claims import KINDS
from quanheng.oversight.figures import COLUMNS
from quanheng.oversight.messages import Ask, Figures, NoticesRead, Told, Written
from quanheng.oversight.overseer import Overseer
from quanheng.runtime.envelope import RaiseAlert, Source
from quanheng.runtime.sim import Simulation
from quanheng.runtime.wires import Sink
from quanheng.settlement.carry import Carry
from quanheng.terms.commands import SignOn
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.units import MICROSECOND, SECOND, Day, Lots, Nanos
from quanheng.wire.notices import read as read_notices

ON_DUTY = ("firm_risk", "head")
"""Posts whose holders are there all day at the firm: who restrains the desk, and who releases."""


LOWEST = ("profit", "equity", "free")
"""Figures whose smallest value is the worst; of all others the largest size."""


class OversightWatch:
    """A sink for what the overseer and the firm's authority say: the tables of the day's end."""

    def __init__(self) -> None:
        self.last: dict[str, Figures] = {}
        self.worst: dict[tuple[str, int], tuple[int, Nanos]] = {}
        self.written: list[tuple[Nanos, Written]] = []
        self.levels: dict[str, list[int]] = {}
        self.causes: dict[str, str] = {}
        self.refused: list[tuple[Nanos, Told | Refused]] = []
        self.issued: list[tuple[Nanos, Issue]] = []
        self.runs = 0

    def __call__(self, effect: Any, at: Nanos, cause: int) -> None:
        """Take one effect."""
        if isinstance(effect, Written):
            self.written.append((at, effect))
        elif isinstance(effect, Told | Refused):
            self.refused.append((at, effect))
        elif isinstance(effect, Issue):
            self.issued.append((at, effect))
        elif isinstance(effect, Figures):
            self.last[effect.topic] = effect
            if effect.topic == "scopes":
                self._worst(effect)
            elif effect.topic == "levels":
                self._levels(effect)

    def _worst(self, effect: Figures) -> None:
        self.runs += 1
        rows = unpack(effect.rows, effect.columns)
        for name, row in zip(effect.names, rows.tolist(), strict=True):
            for place, value in enumerate(row):
                before = self.worst.get((name, place))
                lowest = COLUMNS[place] in LOWEST
                if (
                    before is None
                    or (lowest and value < before[0])
                    or (not lowest and abs(value) > abs(before[0]))
                ):
                    self.worst[name, place] = value, effect.at

    def _levels(self, effect: Figures) -> None:
        """By "kind key": first and last instant beyond, most comparisons in a row, the figures
        then (desk, own, tolerance), and whether it was explained; in `causes` the last cause.
        """
        rows = unpack(effect.rows, effect.columns)
        for name, row in zip(effect.names, rows.tolist(), strict=True):
            key, _, why = name.partition("|")
            kind, desk, own, tolerance, minutes = row
            name = f"{KINDS[kind]} {key}"
            found = self.levels.setdefault(name, [effect.at, 0, 0, 0, 0, 0, 0])
            found[1], found[6] = effect.at, int(bool(why))
            self.causes[name] = why or self.causes.get(name, "")
            if minutes >= found[2]:
                found[2:6] = minutes, desk, own, tolerance


class OversightDay:
    """What a world holds of oversight. ConfigError for a file or people that cannot be used."""

    def __init__(self, path: Path | None = None) -> None:
        self.file, self.people = read_oversight(path), read_people()
        if not on_firm_risk(self.people, self.file.officer):
            raise ConfigError(f"officer: {self.file.officer} does not hold firm_risk")
        self.machine, self.authority = Overseer(), FirmAuthority()
        self.watch = OversightWatch()
        self._seconds: list[tuple[Nanos, str]] = []

    def add(self, sim: Simulation) -> None:
        """Both machines, after all others."""
        sim.add(self.machine)
        sim.add(self.authority)

    def wire(self, sim: Simulation, pbu: str, alert: Sink) -> None:
        """The wires of house.md 4.4, after all others, so that ties of time stay as they were."""
        over, firm = self.machine.NAME, self.authority.NAME
        copy, desk = oversight_lines.CopyLine(pbu), oversight_lines.DeskLine()
        feed = Source.FEED
        sim.wire("firm-feed", "venue", over, [ChainTick], oversight_lines.images, source=feed)
        sim.wire(
            "firm-etf-feed",
            "etf",
            over,
            [UnderlyingTicks],
            oversight_lines.UnderlyingLine().carry,
            source=feed,
        )
        sim.wire("drop-copy", "venue", over, [Deliver], copy.options)
        sim.wire("etf-copy", "etf", over, [EtfDeliver], copy.etf)
        # A claim is of its instant: it must not be overtaken by fills that the desk had not heard.
        sim.wire("desk-figures", "maker", over, [Notify], desk.carry, MICROSECOND, Source.DESK)
        source = Source.OVERSEER
        sim.wire("firm-ask", over, firm, [Ask], wires.propose, source=source)
        sim.wire("firm-issue", firm, "maker", [Issue], wires.issue, source=source, cause=_proposal)
        sim.wire("firm-told", firm, firm, [Issue], _delivered, source=source, cause=_proposal)
        sim.sink(over, [Figures, Written, Told], self.watch)
        sim.sink(over, [RaiseAlert], alert)
        sim.sink(firm, [Issue, Refused], self.watch)
        sim.ignore(firm, [Closed])

        def second(effect: Pending, at: Nanos, cause: int) -> None:
            """The file's next second person agrees to what waits for one, at his or her time."""
            if self._seconds:
                when, by = self._seconds.pop(0)
                sim.post(firm, Second(effect.proposal, by), max(when, at + 1), Source.DESK)

        sim.sink(firm, [Pending], second)

    def setup(self, openings: Openings, at: Nanos, **lines: Any) -> Setup:
        """What the process of a live run is given: the same openings and people as in `post`, and
        its lines.
        """
        day = openings.reference.chain.day
        volume, carried = usual_volume(openings), wires.carried_of(None)
        return Setup(
            opening=wires.opening_of(openings, self.file, self.people, volume, carried),
            authority=authority_opening(self.people, day),
            signs=self._signs(),
            acts=self._acts(day, at),
            seconds=self._agreeing(day),
            **lines,
        )

    def _signs(self) -> list[Recorded]:
        return [
            Recorded(wires.TARGET, SignOn(post, entry.person, True))
            for entry in self.people.people
            for post in entry.posts
            if post in ON_DUTY
        ]

    def _acts(self, day: Day, at: Nanos) -> list[tuple[Nanos, Act]]:
        """What people do on cases and states, with the instants, from `at` on."""
        acts = [
            (midnight(day) + from_clock(one.at), act_of(one, day))
            for one in self.file.acts
            if one.act != "second"
        ]
        return sorted((one for one in acts if one[0] >= at), key=_first)

    def _agreeing(self, day: Day) -> list[tuple[Nanos, str]]:
        return [
            (midnight(day) + from_clock(one.at), one.by)
            for one in self.file.acts
            if one.act == "second"
        ]

    def post(self, sim: Simulation, openings: Openings, opening: Carry | None, at: Nanos) -> None:
        """The openings of both, and who is on duty at the firm."""
        over, firm = self.machine.NAME, self.authority.NAME
        day = openings.reference.chain.day
        carried = wires.carried_of(opening)
        volume = usual_volume(openings)
        sim.post(over, wires.opening_of(openings, self.file, self.people, volume, carried), at)
        sim.post(firm, authority_opening(self.people, day), at)
        if opening is not None and opening.notices:
            read = notices_read(opening.notices, opening.made_on, openings.config.member.account)
            sim.post(over, read, at)
        for sign in self._signs():
            sim.post(firm, sign, at + SECOND, Source.DESK)
        for when, act in self._acts(day, at):
            sim.post(over, act, when, Source.OVERSEER)
        self._seconds = self._agreeing(day)


def notices_read(data: bytes, day: Day, account: str) -> NoticesRead:
    """The clearing house's file of an evening as the overseer reads it: what is of our account, and
    each record that cannot be read (I-45).
    """
    found, bad = read_notices(data)
    mine = tuple(one for one in found if one.account == account)
    return NoticesRead(day, mine, tuple(f"{one.line} {one.field} {one.reason}" for one in bad))


def usual_volume(openings: Openings) -> tuple[Lots, ...]:
    """Contracts that a usual day trades, by class."""
    volumes = {item.underlying: item.volume for item in openings.reference.surface.klass}
    return tuple(volumes.get(item.underlying, 0) for item in openings.reference.chain.classes)


def _first(entry: tuple[Nanos, Act]) -> Nanos:
    return entry[0]


def _proposal(effect: Issue) -> int:
    return effect.proposal


def _delivered(effect: Issue, at: Nanos) -> Sequence[Delivered]:
    return [Delivered(effect.proposal)]
