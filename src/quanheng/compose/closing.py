"""After the close: the dataset, the recount of duties, the invariants, the lines of the report."""

import copy
from collections.abc import Sequence
from fractions import Fraction

import msgspec
import numpy as np

from quanheng.books import pnl
from quanheng.compose import oversight_end
from quanheng.compose.carry_out import carried
from quanheng.compose.day import World
from quanheng.compose.day_end import Settled, settle, write_files
from quanheng.compose.instruction_record import write_instructions
from quanheng.compose.margin_report import (
    MarginNight,
    margin_night,
    settlement_prices,
    write_margin,
)
from quanheng.compose.notices import closings_without_notice, notified
from quanheng.compose.profit_report import (
    ProfitLine,
    off_from_clearing,
    profit_lines,
    write_profit,
)
from quanheng.compose.report import ClassLine
from quanheng.compose.risk_record import write_record
from quanheng.duties.dataset import check_dataset
from quanheng.duties.figures import Figures, arranged, differences
from quanheng.duties.measure import figures as meter_figures
from quanheng.duties.measure import on_phase
from quanheng.duties.rating import RateResult, measure_dataset, rate
from quanheng.duties.records import MakerEntry
from quanheng.duties.tables import Dataset
from quanheng.edge.dataset_files import write_dataset, write_result
from quanheng.exchange.etf_state import invariants as etf_invariants
from quanheng.exchange.layout import CASH, COVERED, FEES, LONG, SHORT
from quanheng.exchange.listing import Roll
from quanheng.exchange.venue import invariants as venue_invariants
from quanheng.kernels.pack import pack
from quanheng.maker.invariants import invariants as maker_invariants
from quanheng.maker.monitors import marks
from quanheng.runtime.envelope import RaiseAlert, Record
from quanheng.settlement.carry import Carry, violations
from quanheng.terms.codes import Alert, Phase
from quanheng.terms.contract import Chain
from quanheng.terms.days import from_clock
from quanheng.terms.units import DAY, Money
from quanheng.wire.notices import Notice


class DayResult(msgspec.Struct):
    """What a day came to. `invariants` are counts of violations by name; all must be 0."""

    seed: int
    scenario: str
    digest: str
    seconds: float
    invariants: dict[str, int]
    lines: list[ClassLine]
    counts: dict[str, int]
    machines: dict[str, dict[str, str]]
    carry: Carry
    roll: Roll
    dataset: Dataset
    denied: dict[int, int]  # of the maker's ladder, by check
    trips: list[RaiseAlert]
    profits: list[ProfitLine]
    margin: MarginNight
    notices: tuple[Notice, ...] = ()

    @property
    def ok(self) -> bool:
        """True when no invariant is broken."""
        return not any(self.invariants.values())


def denied_of(world: World) -> dict[int, int]:
    """What the maker's ladder denied, by check."""
    return {check: n for check, n in enumerate(world.maker.state.denied.tolist()) if n}


def makers_of(world: World) -> list[MakerEntry]:
    """Makers in the order of the venue's indices: wire members first, then the crowd's."""
    opened = world.openings.venue()
    since = world.plan.day
    ours = [MakerEntry(member.maker, member.kind, since) for member in opened.members]
    return ours + [MakerEntry(maker.name, "primary", since) for maker in opened.scenario.makers]


def referee(world: World) -> Figures:
    """The venue's own figures of the day, of a day that was stopped early up to the stop.

    Without an end the phase in force would run to midnight, and a cut day would owe quotes for the
    night. The end is told to a copy of the venue's meter and to the records that become the
    dataset, so that the recount sees it too.
    """
    meter = world.venue.state.meter
    assert meter is not None, "the venue was opened"
    if world.plan.until:
        meter = copy.deepcopy(meter)
        stop = world.midnight + from_clock(world.plan.until)
        cut = max([stop, *(lane.at for lane in meter.lanes)])
        rows = np.array([(slot, cut, Phase.CLOSED) for slot in range(len(meter.lanes))])
        for slot, at, _ in rows.tolist():
            on_phase(meter, slot, at, Phase.CLOSED)
        world.collector(Record("phases", rows.shape[1], pack(rows)), cut, 0)
    return meter_figures(meter, world.midnight + DAY)


def finish(world: World, seconds: float) -> DayResult:
    """Close the world's journals, measure, compare, write what the run folder holds."""
    chain, book = world.reference.chain, world.book
    settled = settle(world)
    made, roll = carried(world, settled)
    made, told = notified(world, settled, made)
    made = oversight_end.close(world, made)
    judged = referee(world)
    dataset = check_dataset(world.collector.dataset(chain, book, makers_of(world)))
    result = rate(dataset, chain.day, chain.day, lambda _: book)
    batch = measure_dataset(dataset, chain.day, book)
    digests = world.simulation.digests()
    digest = world.simulation.digest()
    world.simulation.close()
    day = DayResult(
        seed=world.plan.seed,
        scenario=world.plan.scenario.name,
        digest=digest,
        seconds=seconds,
        invariants=_invariants(world, judged, batch, settled, made),
        lines=lines_of(world, result),
        counts=_counts(world, settled),
        machines={
            name: {part: value.hex() for part, value in parts.items()}
            for name, parts in digests.items()
        },
        carry=made,
        roll=roll,
        dataset=dataset,
        notices=told,
        denied=denied_of(world),
        trips=[said for _, _, said in world.alerts if said.code == Alert.TRIPPED],
        profits=profit_lines(world.maker.state),
        margin=margin_night(chain, book, settled, world.underlying_closes),
    )
    if world.plan.out is not None:
        write_day(world, dataset, result)
        write_files(world, settled, made)
        write_margin(world.plan.out / "reports", day.margin)
        write_record(world, settled, world.plan.out / "reports")
        oversight_end.write_tables(world, world.plan.out / "reports")
    return day


def _invariants(
    world: World, judged: Figures, batch: Figures, settled: Settled, made: Carry
) -> dict[str, int]:
    """Every invariant of house.md 13 that one day can show, as counts of violations."""
    venue, maker = world.venue.state, world.maker.state
    found = {f"venue: {name}": count for name, count in venue_invariants(venue).items()}
    found |= {f"maker: {name}": count for name, count in maker_invariants(maker).items()}
    found |= {f"etf: {name}": count for name, count in etf_invariants(world.etf.state).items()}
    if world.plan.until:
        found["maker: orders resting"] = 0  # only the close ends them
    ours = (world.plan.config.member.maker,)
    recount = arranged(batch, ours, batch.contracts)
    different = differences(arranged(judged, ours, batch.contracts), recount)
    found["duties: referee differs from recount"] = len(different)
    found["duties: events out of order"] = venue.meter.late if venue.meter else 0
    account, book = venue.acct[0], maker.book
    wrong = (book.long_qty != account[LONG]) | (book.short_qty != account[SHORT])
    wrong |= book.covered_qty != account[COVERED]
    found["positions: maker differs from venue"] = int(wrong.sum())
    # The maker only estimates fees: whether it took or provided is the exchange's word.
    fund = venue.fund[0]
    found["premium: maker differs from venue"] = int(
        book.cash + book.fees != fund[CASH] + fund[FEES]
    )
    found |= etf_differences(world)
    found |= oversight_end.differences(world)
    settles = settlement_prices(world.reference.chain, settled)
    equity = book.opening_cash + book.opening_cost
    missed = off_from_clearing(maker, settled, settles, equity)
    found["profit: ledger differs from clearing's"] = int(missed != 0)
    found["clearing: longs and shorts differ"] = settled.seal.imbalance
    found["clearing: positions differ from the maker's"] = settled.different
    found["clearing: cash differs from the venue's"] = int(settled.money_off != 0)
    found["clearing: public's register differs from its trades"] = settled.seal.register_off
    found["clearing: forced closing without a notice"] = closings_without_notice(world)
    found |= {f"carry: {name}": count for name, count in violations(made).items()}
    return found


def etf_differences(world: World) -> dict[str, int]:
    """The maker's units and cash in the underlyings, with what the exercise desk traded in the same
    account, against the market's own.
    """
    state, etf, desk = world.etf.state, world.maker.state.etf, world.openings.etf_desk
    if state.open is None or desk is None:
        return {"etf: maker differs from the market": int(etf.units.any())}
    other = world.etf_trader
    bought = other.bought if other else [0] * len(desk.free)
    kept = [free - spare for free, spare in zip(desk.free, desk.spare, strict=True)]
    units = etf.units + np.array(kept) + np.array(bought)
    cash = etf.cash + desk.cash + (other.money if other else 0)
    wrong = int((units != state.units[0]).sum()) + int(cash != state.cash[0])
    return {"etf: maker differs from the market": wrong + len(etf.working)}


def _counts(world: World, settled: Settled) -> dict[str, int]:
    line = world.line
    trades = world.collector.rows("trades")
    return {
        "envelopes": world.simulation.envelopes,
        "requests": line.messages_up,
        "reports": line.messages_down,
        "order_bytes": line.bytes_up + line.bytes_down,
        "feed_bytes": world.feed.bytes,
        "trades": len(trades),
        "contracts_traded": int(trades[:, 3].sum()),
        "alerts": len(world.alerts),
        "fee_estimate_off": settled.fee_off,
    }


def lines_of(world: World, result: RateResult) -> list[ClassLine]:
    """Our maker's line of every class, from the rated day."""
    ours = world.plan.config.member.maker
    return class_lines(world.reference.chain, ours, result, profit_by_class(world))


def class_lines(
    chain: Chain, ours: str, result: RateResult, profits: Sequence[Money]
) -> list[ClassLine]:
    """The maker `ours` in every class that it was rated in; `profits` by class."""
    days = {row.underlying: row for row in result.class_day if row.maker == ours}
    periods = {row.underlying: row for row in result.period if row.maker == ours}
    lines = []
    for number, klass in enumerate(chain.classes):
        day, period = days.get(klass.underlying), periods.get(klass.underlying)
        if day is None or period is None:
            continue
        lines.append(
            ClassLine(
                underlying=klass.underlying,
                symbol=klass.symbol,
                contracts=klass.stop - klass.start,
                spread_ratio=day.spread_ratio,
                participation=day.participation,
                covered=day.covered,
                obliged=day.contracts,
                opening=_auction(day.opening_effective),
                intraday_joined=day.volatility_joined,
                intraday=day.volatility_auctions,
                closing=_auction(day.closing_effective),
                answered=day.answered,
                inquiries=day.inquiries,
                weighted=period.weighted_participation,
                volume=day.volume,
                volume_ratio=period.volume_ratio,
                pnl=profits[number],
                grade=period.grade,
                reasons=period.reasons,
            )
        )
    return lines


def _auction(effective: int | None) -> Fraction | None:
    return None if effective is None else Fraction(effective)


def profit_by_class(world: World) -> list[int]:
    """Profit of the day per class: realised, open positions at the last theory, less fees."""
    state = world.maker.state
    chain = world.reference.chain
    units = np.array([contract.unit for contract in chain.contracts], dtype=np.int64)
    open_part = pnl.unrealised(state.book, units, marks(state))
    total = state.book.realised + open_part - state.book.fee_paid
    return [int(total[klass.start : klass.stop].sum()) for klass in chain.classes]


def write_day(world: World, dataset: Dataset, result: RateResult) -> None:
    """Dataset, rated tables and profit by cause into the run folder."""
    out = world.plan.out
    assert out is not None
    write_dataset(out / "dataset", dataset)
    write_result(out / "reports", result)
    write_profit(out / "reports", world.maker.state)
    reports = (report for part in world.line.stored() for report in part)
    write_instructions(out / "reports", world.instructions.rows(reports))
