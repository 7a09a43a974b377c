"""After a live day: states and records from the run folder, the invariants, the report."""

from typing import Any

import msgspec
import numpy as np

from quanheng.clearing.clearing import Clearing
from quanheng.clearing.gather import last_seen
from quanheng.compose import oversight_end
from quanheng.compose.carry_out import carried
from quanheng.compose.closing import (
    DayResult,
    denied_of,
    etf_differences,
    lines_of,
    makers_of,
    referee,
    write_day,
)
from quanheng.compose.collect import Collector
from quanheng.compose.day import World
from quanheng.compose.day_end import Settled, settle, write_files
from quanheng.compose.day_watch import DayWatch
from quanheng.compose.lines import OrderLine
from quanheng.compose.live_record import LiveRecord
from quanheng.compose.live_setup import Prepared
from quanheng.compose.margin_report import margin_night, write_margin
from quanheng.compose.notices import notified
from quanheng.compose.oversight_wires import to_carry
from quanheng.compose.profit_report import profit_lines
from quanheng.compose.risk_record import write_record
from quanheng.duties.dataset import check_dataset
from quanheng.duties.figures import Figures, arranged, differences
from quanheng.duties.rating import measure_dataset, rate
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.link_messages import FrameReader
from quanheng.edge.report_store import stored_reports
from quanheng.exchange import turn
from quanheng.exchange.etf import EtfVenue
from quanheng.exchange.etf_state import invariants as etf_invariants
from quanheng.exchange.layout import CASH, FEES, LONG, SHORT
from quanheng.exchange.messages import Deliver
from quanheng.exchange.state import PARTITIONS, State
from quanheng.exchange.venue import Venue
from quanheng.exchange.venue import invariants as venue_invariants
from quanheng.maker.invariants import invariants as maker_invariants
from quanheng.maker.maker import Maker
from quanheng.maker.messages import Notify
from quanheng.runtime.chain import run_digest
from quanheng.runtime.envelope import RaiseAlert, Record
from quanheng.runtime.journal import EFFECTS, INPUT
from quanheng.runtime.records import envelope_decoder, unseal_checkpoint
from quanheng.runtime.segment import read_segments
from quanheng.runtime.sim import Simulation
from quanheng.runtime.snapshots import FolderSnapshots, FolderStores
from quanheng.runtime.verify import chain_head, verify_run
from quanheng.terms.codes import Alert
from quanheng.terms.market import COLUMNS, ChainTick, UnderlyingTicks
from quanheng.terms.orders import QuoteAck, Unreadable
from quanheng.terms.units import MICROSECOND, Nanos
from quanheng.wire.profile import Profile

KILLED = ("drill", "maker", "SIGKILL")


class LiveWorld(World):
    """The day as the processes left it, with only clearing still to run in it."""

    def __init__(self, prepared: Prepared) -> None:
        self.plan = prepared.plan
        self.book = prepared.book
        self.reference = prepared.reference
        self.openings = prepared.openings
        self.midnight = prepared.midnight
        self.collector, self.watch = Collector(), DayWatch()
        self.alerts = _alerts(prepared)
        self.etf_trader = None  # the exercise desk trades in seasons
        for view in _frames(prepared, "views", Notify):
            self.watch(view, view.at, 0)
        self.venue, self.etf, self.maker = Venue(), EtfVenue(), Maker()
        self.oversight = prepared.oversight
        over, firm = self.oversight.machine, self.oversight.authority
        for machine in (self.venue, self.etf, self.maker, over, firm):
            _load(prepared, machine)
        for machine in (over, firm):
            self._watched(prepared, machine)
        self._collect(prepared)
        member = self.plan.config.member
        heard = LiveRecord(prepared.run, member.pbu, member.letter)
        self.deals, self.instructions = heard.deals, heard.instructions
        self._fills(prepared)
        self._closing(prepared)
        self.clearing = Clearing()
        self.cleared = ()
        self.simulation = Simulation(FolderStores(prepared.run, durable=False), 0)
        self.simulation.add(self.clearing)

    def _watched(self, prepared: Prepared, machine: Any) -> None:
        """What the overseer and the firm's authority said, from their journals."""
        kind: Any = type(machine)
        inputs = envelope_decoder(kind).decode
        effects = msgspec.msgpack.Decoder(list[kind.EFFECT]).decode
        at = 0
        for frame in read_segments(prepared.run / "journal" / machine.NAME, machine.NAME):
            if frame.kind == INPUT:
                at = inputs(frame.payload).at
            elif frame.kind == EFFECTS:
                for effect in effects(frame.payload):
                    if isinstance(effect, RaiseAlert):
                        self.alerts.append((at, machine.NAME, effect))
                    else:
                        self.oversight.watch(effect, at, 0)

    def _collect(self, prepared: Prepared) -> None:
        """The records that left the venue, and those a day that was cut short still held."""
        for record in [*_frames(prepared, "records", Record), *_pending(self.venue.state)]:
            self.collector(record, 0, 0)

    def _fills(self, prepared: Prepared) -> None:
        """What was reported to us besides quotes, from the exchange's store of reports."""
        member = self.plan.config.member
        profile = Profile(member.account, member.pbu, member.branch)
        self.line = OrderLine(profile, PARTITIONS, self.plan.day)
        for name in PARTITIONS:
            path = prepared.run / "exchange" / f"{member.pbu}-{name}.bin"
            ours = [
                item
                for item in stored_reports(path)
                if not isinstance(item.body, QuoteAck | Unreadable)
            ]
            self.line.down(Deliver(member.pbu, ours), 0)
            self.deals.filled(Deliver(member.pbu, ours), 0, 0)

    def _closing(self, prepared: Prepared) -> None:
        """Clearing's own look at the last minutes of the market."""
        chain = self.reference.chain
        self.closing_from = 0
        self.seen = last_seen(len(chain.contracts))
        self.last_rows = np.zeros((len(chain.contracts), COLUMNS), dtype=np.int64)
        self.underlying_closes = [
            chain.contracts[klass.start].underlying_close for klass in chain.classes
        ]
        self.last_funds = {}
        for tick in _frames(prepared, "closing", ChainTick | UnderlyingTicks):
            if isinstance(tick, ChainTick):
                self._closing_feed(tick, tick.at, 0)
            else:
                self._closing_prices(tick, tick.at, 0)


def _alerts(prepared: Prepared) -> list[tuple[Nanos, str, RaiseAlert]]:
    """The maker's alerts in every life of its process, with their business time."""
    lines = read_lines(prepared.run / "live" / "maker.jsonl")
    return [
        (
            line["business"],
            Maker.NAME,
            RaiseAlert(Alert(line["code"]), line["scope"], tuple(line["args"])),
        )
        for line in lines
        if line["what"] == "alert" and "business" in line
    ]


def _frames(prepared: Prepared, name: str, kinds: Any) -> list[Any]:
    """Messages of a file that the exchange's process wrote."""
    reader: FrameReader[Any] = FrameReader(kinds)
    return reader.feed((prepared.run / "live" / f"{name}.bin").read_bytes())


def _pending(state: State) -> list[Record]:
    """Rows that the venue would have written at the close."""
    effects: list[Any] = []
    turn.flush_quotes(state, effects)
    turn.emit_phases(state, effects)
    turn.emit_quotes(state, effects)
    turn.emit_trades(state, effects)
    return [effect for effect in effects if isinstance(effect, Record)]


def _load(prepared: Prepared, machine: Any) -> None:
    """The last state of a machine. LookupError when the process left none."""
    store = FolderSnapshots(prepared.run, machine.NAME, durable=False)
    file = store.read(store.seqs()[-1]) if store.seqs() else None
    checkpoint = None if file is None else unseal_checkpoint(file)
    if checkpoint is None:
        raise LookupError(f"{prepared.run}: no readable snapshot of {machine.NAME}")
    machine.restore(checkpoint.state)


def live_invariants(
    prepared: Prepared, world: LiveWorld, judged: Figures, batch: Figures, settled: Settled
) -> dict[str, int]:
    """What a live day promises in place of a digest (borders.md 3), as counts of violations."""
    venue, maker = world.venue.state, world.maker.state
    lives = [
        line
        for line in read_lines(prepared.run / "live" / "gateway.jsonl")
        if line["what"] in ("cancels", "end")
    ]
    gateway = lives.pop()
    own = sum(line["count"] for line in lives if line["what"] == "cancels")
    found = {f"venue: {name}": count for name, count in venue_invariants(venue).items()}
    found |= {f"maker: {name}": count for name, count in maker_invariants(maker).items()}
    found |= {f"etf: {name}": count for name, count in etf_invariants(world.etf.state).items()}
    found |= etf_differences(world)
    found |= oversight_end.differences(world)
    # Answers to the gateway's own cancels carry ids that are not the maker's.
    foreign = "maker: reports of foreign ids"
    found[foreign] = max(0, found[foreign] - own)
    desk = venue.desks[0]
    found["quotes: alive at the end"] = len(desk.quotes) + len(desk.orders)
    found["gateway: left open"] = gateway["open_quotes"] + gateway["open_orders"]
    indices = [maker.next_index.get(name, 1) for name in PARTITIONS]
    found["reports: maker missed or repeated"] = sum(
        abs(ours - theirs) for ours, theirs in zip(indices, desk.next_index, strict=True)
    )
    ours = (world.plan.config.member.maker,)
    recount = arranged(batch, ours, batch.contracts)
    different = differences(arranged(judged, ours, batch.contracts), recount)
    found["duties: referee differs from recount"] = len(different)
    found["duties: events out of order"] = venue.meter.late if venue.meter else 0
    account, book = venue.acct[0], maker.book
    wrong = (book.long_qty != account[LONG]) | (book.short_qty != account[SHORT])
    found["positions: maker differs from venue"] = int(wrong.sum())
    fund = venue.fund[0]
    found["premium: maker differs from venue"] = int(
        book.cash + book.fees != fund[CASH] + fund[FEES]
    )
    found["clearing: longs and shorts differ"] = settled.seal.imbalance
    found["clearing: positions differ from the maker's"] = settled.different
    found["clearing: cash differs from the venue's"] = int(settled.money_off != 0)
    found["journals: chain broken"] = sum(not item["ok"] for item in verify_run(prepared.run))
    return found


def close_day(
    prepared: Prepared, ended: dict[str, dict[str, Any]], seconds: float, restarts: int
) -> DayResult:
    """Measure, compare, write dataset, reports and run.json."""
    world = LiveWorld(prepared)
    chain, book = world.reference.chain, world.book
    settled = settle(world)
    made, roll = carried(world, settled)
    made, told = notified(world, settled, made)
    state = world.oversight.machine.state
    made = msgspec.structs.replace(made, oversight=to_carry(state))
    judged = referee(world)
    dataset = check_dataset(world.collector.dataset(chain, book, makers_of(world)))
    result = rate(dataset, chain.day, chain.day, lambda _: book)
    batch = measure_dataset(dataset, chain.day, book)
    write_day(world, dataset, result)
    write_files(world, settled, made)
    world.simulation.close()
    firm = (world.oversight.machine, world.oversight.authority)
    machines = (world.clearing, world.etf, *firm, world.maker, world.venue)
    digests = {machine.NAME: machine.digest() for machine in machines}
    day = DayResult(
        seed=world.plan.seed,
        scenario=world.plan.scenario.name,
        digest=run_digest(digests),
        seconds=seconds,
        invariants=live_invariants(prepared, world, judged, batch, settled),
        lines=lines_of(world, result),
        counts=_counts(prepared, world, ended, restarts),
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
    if prepared.plan.config.standby.enabled:
        copy = "standby: frames that differ from the leader's"
        day.invariants[copy] = ended["maker"]["copy_differs"]
    write_margin(prepared.run / "reports", day.margin)
    write_record(world, settled, prepared.run / "reports")
    oversight_end.write_tables(world, prepared.run / "reports")
    info = prepared.info("ended")
    info.machines, info.digest = day.machines, day.digest
    info.heads = {name: chain_head(prepared.run, name).hex() for name in digests}
    prepared.write(info)
    return day


def _counts(
    prepared: Prepared, world: LiveWorld, ended: dict[str, dict[str, Any]], restarts: int
) -> dict[str, int]:
    trades = world.collector.rows("trades")
    exchange, maker = ended["exchange"], ended["maker"]
    lines = read_lines(prepared.run / "live" / "maker.jsonl")
    return {
        "envelopes": maker["inputs"],
        "requests": exchange["requests"],
        "reports": exchange["reports"],
        "order_bytes": exchange["order_bytes"],
        "feed_bytes": exchange["feed_bytes"],
        "trades": len(trades),
        "contracts_traded": int(trades[:, 3].sum()),
        "alerts": sum(line["what"] == "alert" for line in lines),
        "epoch": maker["epoch"],
        "restarts": restarts,
        "worst_turn_ms": maker["worst_turn_ms"],
        "worst_lag_ms": exchange["worst_lag_ms"],
    }


def stages(prepared: Prepared) -> list[dict[str, int]]:
    """Microseconds since the start of each life of the maker, by stage, for those that quoted."""
    lines = read_lines(prepared.run / "live" / "maker.jsonl")
    return [line["micros"] for line in lines if line["what"] == "stages"]


def outages(prepared: Prepared) -> list[int]:
    """Milliseconds from each kill of a drill to the first accepted quote afterwards."""
    kills = read_lines(prepared.run / "live" / "supervisor.jsonl")
    quoted = read_lines(prepared.run / "live" / "maker.jsonl")
    first = [line["at"] for line in quoted if line["what"] == "stages"]
    out = []
    for line in kills:
        if (line["what"], line.get("role"), line.get("signal")) == KILLED:
            after = [at for at in first if at > line["at"]]
            if after:
                out.append((after[0] - line["at"]) // (1_000 * MICROSECOND))
    return out
