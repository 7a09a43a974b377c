"""One simulated day: the machines, the wires between them, the inputs from outside, the end.

`World` draws it; `quanheng.compose.closing` looks at what came out.
"""

import copy
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np

from quanheng.clearing.clearing import Clearing
from quanheng.clearing.gather import last_seen
from quanheng.compose.carrying import reference_of
from quanheng.compose.collect import Collector
from quanheng.compose.day_watch import DayWatch
from quanheng.compose.desk_tables import DealBook
from quanheng.compose.duty_roster import signs
from quanheng.compose.etf_desk import EtfTrader
from quanheng.compose.instruction_record import InstructionRecord
from quanheng.compose.later import reference_on
from quanheng.compose.lines import EtfLine, FeedLine, OrderLine
from quanheng.compose.openings import Openings
from quanheng.compose.reference import FIRST_DAY, Reference, morning_files
from quanheng.compose.run_folder import RunInfo, source_hash, write_info
from quanheng.compose.scenarios import Scenario
from quanheng.compose.starts import thinned
from quanheng.config import Config, config_hash
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.exchange import messages as ex
from quanheng.exchange.etf import EtfVenue
from quanheng.exchange.listing import ExRight
from quanheng.exchange.state import PARTITIONS
from quanheng.exchange.turn import emit_phases, emit_quotes, emit_trades
from quanheng.exchange.venue import Venue, VenueEffect
from quanheng.kernels.pack import unpack
from quanheng.maker.maker import Maker
from quanheng.maker.messages import Notify, Resync
from quanheng.rulebook.phases import timetable
from quanheng.runtime.envelope import LinkChanged, RaiseAlert, Record, Source
from quanheng.runtime.memory import MemoryStores
from quanheng.runtime.sim import Simulation
from quanheng.runtime.snapshots import FolderStores
from quanheng.settlement.carry import Carry
from quanheng.terms.codes import Link
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.etf import EtfSend
from quanheng.terms.market import (
    COLUMNS,
    SLOT,
    ChainTick,
    Inquiry,
    UnderlyingTick,
    UnderlyingTicks,
)
from quanheng.terms.orders import Send
from quanheng.terms.units import MILLISECOND, SECOND, Day, Nanos, Ticks
from quanheng.wire.md301 import ChainTables
from quanheng.wire.profile import Profile

OPEN_AT = from_clock("09:10")
LAST_MINUTES = from_clock("14:55")
CONNECT_AT = from_clock("09:12")
END_AT = from_clock("15:30")
TAIL_SNAPSHOTS = 600 * SECOND


class DayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to simulate and where to keep it. `out` None keeps nothing (`--journal digest`)."""

    scenario: Scenario
    config: Config
    seed: int = 1
    day: Day = FIRST_DAY
    cadence: Nanos = 500 * MILLISECOND
    pick: str = ""
    journal: str = "full"
    out: Path | None = None
    master: Path | None = None
    agreement: Path | None = None
    house: Path | None = None
    models: Path | None = None
    people: Path | None = None  # who holds which post; None: the shipped ones
    until: str = ""  # stop early, HH:MM (tests)
    opening: Carry | None = None  # what the day before left; None: a first day
    events: tuple[ExRight, ...] = ()  # what goes ex tomorrow besides the scenario's dividends
    base: Reference | None = None  # of the first day, whole; None: the shipped one
    closes: tuple[tuple[str, Ticks], ...] = ()  # where underlyings shall end; else as they will


def post_roster(sim: Simulation, scenario: Scenario, start: Nanos) -> None:
    """The people of a scenario's roster sign on and off at the maker on the day of midnight
    `start`.
    """
    for at, sign in signs(scenario, start, start + OPEN_AT + SECOND):
        sim.post("maker", sign, at, Source.DESK)


class World:
    """The drawn world of one day: `run` it once."""

    def __init__(self, plan: DayPlan) -> None:
        self.plan = plan
        self.book = read_rulebook(plan.day, plan.agreement)
        house = read_rulebook(plan.day, plan.agreement, plan.house)
        if plan.opening is not None:
            self.reference = reference_of(plan.opening, plan.pick, plan.seed, plan.base)
        elif plan.base is not None:
            self.reference = thinned(plan.base, plan.pick)
        else:
            self.reference = reference_on(plan.day, plan.master, plan.pick)
        self.openings = Openings(
            plan.scenario,
            self.reference,
            self.book,
            plan.config,
            plan.seed,
            plan.cadence,
            house,
            models=plan.models,
            people=plan.people,
            opening=plan.opening,
            closes=dict(plan.closes),
        )
        self.midnight = midnight(plan.day)
        self.collector, self.watch = Collector(), DayWatch()
        self.deals = DealBook(plan.config.member.letter, plan.config.member.pbu)
        self.instructions = InstructionRecord()
        self.alerts: list[tuple[Nanos, str, RaiseAlert]] = []
        member = plan.config.member
        profile = Profile(member.account, member.pbu, member.branch)
        self.line = OrderLine(profile, PARTITIONS, plan.day, self.openings.order_outages())
        self.feed = FeedLine(ChainTables(self.reference.chain))
        self.etf_trader: EtfTrader | None = None
        self.venue, self.etf, self.maker = Venue(), EtfVenue(), Maker()
        self.clearing = Clearing()
        self.cleared: tuple[object, ...] = ()  # what clearing said at the day's end
        # What ends early or loses the feed may see nothing in the last minutes: look all day.
        faults = plan.scenario.faults
        early = bool(plan.until or faults.feed_outages or faults.exchange_outages)
        self.closing_from = self.midnight + (0 if early else LAST_MINUTES)
        self.seen = last_seen(len(self.reference.chain.contracts))
        self.last_rows = np.zeros((len(self.reference.chain.contracts), COLUMNS), dtype=np.int64)
        self.underlying_closes = [
            self.reference.chain.contracts[klass.start].underlying_close
            for klass in self.reference.chain.classes
        ]
        self.last_funds: dict[int, UnderlyingTick] = {}
        self.simulation = self._draw()
        self._post()

    def _draw(self) -> Simulation:
        plan = self.plan
        marks = [self.midnight + span.start for span in timetable(self.book)]
        stores: FolderStores | MemoryStores = MemoryStores(digest=True)
        snapshot_s = plan.config.journal.snapshot_s * SECOND
        if plan.out is not None:
            stores = FolderStores(plan.out, plan.journal, durable=False)
            if plan.journal != "full":
                # A tail is replayed from the oldest of the few snapshots that lie in it; those of
                # the phase changes near the close would leave next to nothing to compare.
                snapshot_s, marks = TAIL_SNAPSHOTS, []
        else:
            snapshot_s, marks = 0, []
        sim = Simulation(stores, snapshot_every=snapshot_s, marks=marks)
        sim.add(self.venue)
        sim.add(self.etf)
        sim.add(self.maker)
        sim.add(self.clearing)
        line, feed = self.line, self.feed
        sim.wire("etf-venue", "etf", "venue", [UnderlyingTicks], source=Source.FEED)
        sim.wire("etf-feed", "etf", "maker", [UnderlyingTicks], feed.carry, source=Source.FEED)
        sim.wire("feed", "venue", "maker", [ChainTick], feed.carry, source=Source.FEED)
        sim.wire("order-up", "maker", "venue", [Send], line.up)
        sim.wire("order-refused", "maker", "maker", [Send], line.refused)
        sim.wire("sync", "maker", "maker", [Resync], line.resync, latency=50 * MILLISECOND)
        reports = [ex.Deliver, ex.Refuse, ex.MarginAnswered, Inquiry]
        sim.wire("order-down", "venue", "maker", reports, line.down)
        sim.wire("platform", "venue", "maker", [ex.PlatformStateChanged], line.platform)
        sim.sink("venue", [Record], self.collector)
        for name in ("venue", "maker"):
            sim.sink(name, [RaiseAlert], self._alert(name))
        sim.sink("maker", [Notify], self.watch)
        sim.sink("maker", [Send], self.instructions.take)
        sim.sink("venue", [ex.Refuse, ex.MarginAnswered], self.instructions.hear)
        member = plan.config.member
        sim.sink("maker", [Send, EtfSend], self.deals.sent)
        sim.sink("venue", [ex.Deliver], self.deals.filled)
        sim.sink("etf", [ex.EtfDeliver], self.deals.etf_filled)
        etf_line = EtfLine(self.line.profile, member.letter, plan.day)
        sim.wire("etf-up", "maker", "etf", [EtfSend], etf_line.up)
        sim.wire("etf-down", "etf", "maker", [ex.EtfDeliver, ex.EtfRefuse], etf_line.down)
        desk = self.openings.etf_desk
        if desk is not None:
            names = [klass.underlying for klass in self.reference.chain.classes]
            trader = EtfTrader(sim, desk, member.pbu, names, self.midnight, member.letter)
            sim.sink("etf", [ex.EtfDeliver], trader.taken)
            trader.begin()
            self.etf_trader = trader
        sim.sink("venue", [ChainTick], self._closing_feed)
        sim.sink("etf", [UnderlyingTicks], self._closing_prices)
        return sim

    def _closing_feed(self, tick: ChainTick, at: Nanos, cause: int) -> None:
        """Clearing's own look at the last minutes of the market (rules.md 2.8)."""
        if at >= self.closing_from:
            rows = unpack(tick.rows, COLUMNS)
            self.seen.take(rows)
            self.last_rows[rows[:, SLOT]] = rows

    def _closing_prices(self, ticks: UnderlyingTicks, at: Nanos, cause: int) -> None:
        if at >= self.closing_from:
            for tick in ticks.ticks:
                self.underlying_closes[tick.klass] = tick.last
                self.last_funds[tick.klass] = tick

    def _alert(self, machine: str) -> Callable[[RaiseAlert, Nanos, int], None]:
        def take(effect: RaiseAlert, at: Nanos, cause: int) -> None:
            self.alerts.append((at, machine, effect))

        return take

    def _post(self) -> None:
        sim, openings = self.simulation, self.openings
        at = self.midnight + OPEN_AT
        sim.post("etf", openings.etf(), at)
        sim.post("venue", openings.venue(), at)
        sim.post("maker", openings.maker(), at)
        post_roster(sim, self.plan.scenario, self.midnight)
        connect = self.midnight + CONNECT_AT
        sim.post("maker", LinkChanged(Link.SYNCING), connect)
        for start, stop in openings.order_outages():
            sim.post("maker", LinkChanged(Link.DOWN), start + 1)
            sim.post("maker", LinkChanged(Link.SYNCING), stop + SECOND)

    def run(self, progress: Callable[[float, str], None] | None = None) -> None:
        """Run the day to its end; `progress(part, clock text)`."""
        begin, end = OPEN_AT, END_AT
        if self.plan.until:
            end = from_clock(self.plan.until)

        def show(at: Nanos, envelopes: int) -> None:
            if progress is not None:
                since = at - self.midnight
                text = f"{since // (3600 * SECOND):02d}:{since // (60 * SECOND) % 60:02d}"
                progress(min(1.0, (since - begin) / (end - begin)), text)

        self.simulation.run(self.midnight + end, show)
        if self.plan.until:
            self._take_buffered()
        if progress is not None:
            progress(1.0, self.plan.until or "15:30")

    def _take_buffered(self) -> None:
        """Rows that the venue would hand over at its next snapshot, which does not come.

        They are read from a copy: the machine's own state stays what its journal makes it.
        """
        state, effects = copy.deepcopy(self.venue.state), list[VenueEffect]()
        for emit in (emit_quotes, emit_trades, emit_phases):
            emit(state, effects)
        for effect in effects:
            if isinstance(effect, Record):
                self.collector(effect, self.simulation.at, 0)

    def info(self, status: str = "running") -> RunInfo:
        """run.json of this world as it stands."""
        plan = self.plan
        return RunInfo(
            day=plan.day,
            scenario=plan.scenario.name,
            seed=plan.seed,
            cadence_ms=plan.cadence // MILLISECOND,
            contracts=len(self.reference.chain.contracts),
            journal=plan.journal,
            version=version("quanheng"),
            rulebook=self.book.hash,
            config=config_hash(plan.config),
            source=source_hash(),
            hash_seed=os.environ.get("PYTHONHASHSEED", "random"),
            status=status,
        )

    def begin(self) -> None:
        """Make the run folder and write run.json and the exchange's files of the morning."""
        if self.plan.out is None:
            return
        files = self.plan.out / "files" / str(self.plan.day)
        files.mkdir(parents=True, exist_ok=True)
        for name, data in morning_files(self.reference).items():
            (files / name).write_bytes(data)
        write_info(self.plan.out, self.info())
