"""One back-test: the unchanged maker on a tape, a fill bound in the venue's place (I-08, I-19)."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from quanheng.compose.backtest_fills import FillMeter, Worth
from quanheng.compose.closing import class_lines
from quanheng.compose.collect import Collector
from quanheng.compose.day import CONNECT_AT, OPEN_AT, post_roster
from quanheng.compose.lines import OrderLine
from quanheng.compose.model_registry import released_curves, released_strategies
from quanheng.compose.openings import Standing, maker_opening
from quanheng.compose.people import read_people, traders
from quanheng.compose.report import ClassLine
from quanheng.compose.scenarios import Scenario, load
from quanheng.compose.tapes import load_tape
from quanheng.config import Config
from quanheng.duties.dataset import check_dataset
from quanheng.duties.rating import RateResult, rate
from quanheng.duties.records import MakerEntry
from quanheng.duties.tables import Dataset
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.edge.tape_files import read_messages
from quanheng.exchange import messages as ex
from quanheng.exchange.state import PARTITIONS
from quanheng.exchange.tape_venue import TapeVenue
from quanheng.maker.invariants import invariants as maker_invariants
from quanheng.maker.maker import Maker
from quanheng.maker.messages import Notify, Resync
from quanheng.runtime.envelope import LinkChanged, RaiseAlert, Record, Source
from quanheng.runtime.memory import MemoryStores
from quanheng.runtime.sim import Simulation
from quanheng.terms.codes import Link, Phase
from quanheng.terms.days import midnight
from quanheng.terms.market import PHASE, ChainTick, Inquiry, UnderlyingTicks
from quanheng.terms.orders import Quote, QuoteCancel, Send
from quanheng.terms.units import MILLISECOND, MINUTE, MONEY_PER_YUAN, SECOND, Money, Nanos
from quanheng.wire.profile import Profile

Progress = Callable[[float, str], None]


class BacktestPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. `feed` and `order` are the latencies of the market-data and of the order line
    each way; `config` already has the parameters of the run.
    """

    tape: Path
    config: Config
    fills: str  # one of tape_fills.BOUNDS
    feed: Nanos = MILLISECOND
    order: Nanos = MILLISECOND
    agreement: Path | None = None
    house: Path | None = None
    models: Path | None = None


class BoundResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one bound came to. `invariants` are counts of violations; all must be 0."""

    fills: str
    digest: str
    seconds: float
    worth: Worth
    fees: Money
    net: Money
    quotes: int
    cancels: int
    rejected: int
    alerts: int
    lines: list[ClassLine]
    invariants: dict[str, int]
    dataset: Dataset
    rated: RateResult

    @property
    def ok(self) -> bool:
        """True when no invariant is broken."""
        return not any(self.invariants.values())


class Backtest:
    """The drawn world of one tape and one bound: `run` it once, then `finish`."""

    def __init__(self, plan: BacktestPlan) -> None:
        """TapeError, ReferenceDataError, RulebookError or ConfigError say what cannot be used."""
        self.plan = plan
        self.manifest, self.chain = load_tape(plan.tape)
        day = self.manifest.day
        self.book = read_rulebook(day, plan.agreement)
        self.house = read_rulebook(day, plan.agreement, plan.house)
        self.released = released_curves(plan.config, plan.models)
        self.quoting = released_strategies(plan.config, plan.models)
        self.midnight = midnight(day)
        self.tape, self.maker = TapeVenue(), Maker()
        self.collector = Collector()
        self.meter = FillMeter(self.chain)
        self.alerts = 0
        self._quotes = self._cancels = 0
        member = plan.config.member
        self.line = OrderLine(Profile(member.account, member.pbu, member.branch), PARTITIONS, day)
        self.simulation = self._draw()
        self._post(load("calm"))

    def _draw(self) -> Simulation:
        plan, line = self.plan, self.line
        sim = Simulation(MemoryStores(digest=True), snapshot_every=0)
        sim.add(self.tape)
        sim.add(self.maker)
        ticks = [ChainTick, UnderlyingTicks]
        sim.wire("feed", "tape", "maker", ticks, latency=plan.feed, source=Source.FEED)
        sim.wire("order-up", "maker", "tape", [Send], line.up, plan.order)
        sim.wire("order-refused", "maker", "maker", [Send], line.refused, plan.order)
        sim.wire("sync", "maker", "maker", [Resync], line.resync, 50 * MILLISECOND)
        reports = [ex.Deliver, ex.Refuse, Inquiry]
        sim.wire("order-down", "tape", "maker", reports, line.down, plan.order)
        sim.wire("platform", "tape", "maker", [ex.PlatformStateChanged], line.platform)
        sim.sink("tape", [Record], self.collector)
        sim.sink("tape", [ex.Deliver], self.meter.delivered)
        sim.sink("tape", [ChainTick], self.meter.tick)
        sim.sink("maker", [Send], self._sent)
        sim.sink("maker", [RaiseAlert], self._alert)
        sim.ignore("maker", [Notify])
        return sim

    def _sent(self, effect: Send, at: Nanos, cause: int) -> None:
        self._quotes += sum(isinstance(one, Quote) for one in effect.requests)
        self._cancels += sum(isinstance(one, QuoteCancel) for one in effect.requests)

    def _alert(self, effect: RaiseAlert, at: Nanos, cause: int) -> None:
        self.alerts += 1

    def _post(self, staff: Scenario) -> None:
        """The openings and the roster; a tape may begin before the usual time."""
        sim, plan, day = self.simulation, self.plan, self.manifest.day
        config = plan.config
        early = min(0, self.manifest.first - CONNECT_AT - MINUTE)
        at = self.midnight + OPEN_AT + early
        opened = ex.TapeOpen(
            day=day,
            chain=self.chain,
            rulebook=self.book,
            pbu=config.member.pbu,
            fills=plan.fills,
            prints=self.manifest.prints > 0,
        )
        own = Standing(config.funds.cash_yuan * MONEY_PER_YUAN)
        sim.post("tape", opened, at)
        released = (self.released, self.quoting, traders(read_people()))
        sim.post("maker", maker_opening(self.chain, self.house, config, own, *released), at)
        post_roster(sim, staff, self.midnight)
        sim.post("maker", LinkChanged(Link.SYNCING), self.midnight + CONNECT_AT + early)

    def run(self, progress: Progress | None = None) -> None:
        """Feed the tape a minute at a time, so that only a minute of it is in memory."""
        sim, manifest = self.simulation, self.manifest
        first, span = manifest.first, max(manifest.last - manifest.first, 1)
        until = 0
        for message in read_messages(self.plan.tape):
            if message.at >= until:
                sim.run(until)
                until = message.at - message.at % MINUTE + MINUTE
                if progress is not None:
                    since = message.at - self.midnight
                    clock = f"{since // (60 * MINUTE):02d}:{since // MINUTE % 60:02d}"
                    progress(min(1.0, max(0.0, (since - first) / span)), clock)
            sim.post("tape", message, message.at, Source.FEED)
        end = max(until, self.midnight + manifest.last) + SECOND
        sim.run(end)
        sim.post("tape", ex.TapeEnd(), end)
        sim.run(end + SECOND)
        if progress is not None:
            progress(1.0, "")

    def finish(self, seconds: float) -> BoundResult:
        """Measure duties and money of the run."""
        member = self.plan.config.member
        entry = MakerEntry(member.maker, member.kind, self.chain.day)
        dataset = check_dataset(self.collector.dataset(self.chain, self.book, [entry]))
        day = self.chain.day
        rated = rate(dataset, day, day, lambda _: self.book)
        worth = self.meter.worth(self.simulation.at)
        book = self.maker.state.book
        by_contract = self.meter.gross() - book.fee_paid
        profits = [int(by_contract[k.start : k.stop].sum()) for k in self.chain.classes]
        self.simulation.close()
        return BoundResult(
            fills=self.plan.fills,
            digest=self.simulation.digest(),
            seconds=seconds,
            worth=worth,
            fees=book.fees,
            net=worth.gross - book.fees,
            quotes=self._quotes,
            cancels=self._cancels,
            rejected=self.maker.state.audit.rejected,
            alerts=self.alerts,
            lines=class_lines(self.chain, member.maker, rated, profits),
            invariants=self._invariants(),
            dataset=dataset,
            rated=rated,
        )

    def _invariants(self) -> dict[str, int]:
        """What must hold after any tape, as counts of violations."""
        state = self.maker.state
        found = {f"maker: {name}": count for name, count in maker_invariants(state).items()}
        ended = self.tape.state.market[:, PHASE] == Phase.CLOSED
        if not ended.all():
            found["maker: orders resting"] = 0  # only the close ends them
        net = state.book.long_qty - state.book.short_qty - state.book.covered_qty
        found["positions: maker differs from its fills"] = int((net != self.meter.net).sum())
        cash = self.plan.config.funds.cash_yuan * MONEY_PER_YUAN + int(self.meter.cash.sum())
        found["premium: maker differs from its fills"] = int(
            state.book.cash + state.book.fees != cash
        )
        return found


def backtest(plan: BacktestPlan, progress: Progress | None = None) -> BoundResult:
    """Run one bound over one tape."""
    began = time.perf_counter()
    one = Backtest(plan)
    one.run(progress)
    return one.finish(time.perf_counter() - began)
