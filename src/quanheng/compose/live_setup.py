"""What the processes of a live run are given: written once, before any of them starts."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import msgspec

from quanheng.compose import watch_main
from quanheng.compose.day import LAST_MINUTES, OPEN_AT, DayPlan
from quanheng.compose.duty_roster import signs
from quanheng.compose.isolation import register_of
from quanheng.compose.live_database import write_pgcopies
from quanheng.compose.live_messaging import leases_of, write_copiers, write_leases
from quanheng.compose.live_nodes import STANDBY, whole_path, write_arbiter, write_pair
from quanheng.compose.openings import Openings
from quanheng.compose.oversight_day import OversightDay
from quanheng.compose.reference import load, morning_files
from quanheng.compose.run_folder import RunInfo, source_hash, write_info
from quanheng.config import Config, config_hash
from quanheng.edge import exchange_main, gateway_main
from quanheng.edge.build import write_build
from quanheng.edge.gateway_pull import GatewayPlan
from quanheng.edge.line_config import DISPLACE
from quanheng.edge.maker_setup import MakerSetup, shifts_of
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook.phases import timetable
from quanheng.terms.contract import Contract
from quanheng.terms.days import midnight
from quanheng.terms.units import MILLISECOND, MINUTE, SECOND, DayNanos, Nanos

CLOSING_SPAN = 5 * MINUTE
"""A day that is cut short keeps the ticks of its last minutes for clearing, as a whole one does."""
GATEWAY_LETTERS = "GHX"
"""First characters for the gateway's own cancels; one that is not the engine's is taken."""


class Prepared:
    """Reference data, rules and openings of a live run, and its folder."""

    def __init__(self, plan: DayPlan, speed: int) -> None:
        """ValueError when the plan keeps no run folder."""
        if plan.out is None:
            raise ValueError("a live run needs a run folder")
        self.plan = plan
        self.run = plan.out
        self.speed = speed
        self.standby: dict[str, int] = {}  # ports of the standby lines by name
        self.midnight: Nanos = midnight(plan.day)
        self.book = read_rulebook(plan.day, plan.agreement)
        house = read_rulebook(plan.day, plan.agreement, plan.house)
        self.reference = load(plan.day, plan.master, plan.pick)
        self.oversight = OversightDay(plan.oversight)
        self.openings = Openings(
            plan.scenario,
            self.reference,
            self.book,
            plan.config,
            plan.seed,
            plan.cadence,
            house,
            plan.models,
            plan.people,
        )

    def info(self, status: str) -> RunInfo:
        """run.json as it stands."""
        plan = self.plan
        return RunInfo(
            day=plan.day,
            scenario=plan.scenario.name,
            seed=plan.seed,
            cadence_ms=plan.cadence // MILLISECOND,
            contracts=len(self.reference.chain.contracts),
            journal="full",
            version=version("quanheng"),
            rulebook=self.book.hash,
            config=config_hash(plan.config),
            source=source_hash(),
            hash_seed="live",
            speed=self.speed,
            status=status,
        )

    def write_status(self, status: str) -> None:
        """run.json with a status."""
        self.write(self.info(status))

    def write(self, info: RunInfo) -> None:
        """run.json."""
        write_info(self.run, info)

    def write_exchange(self, start: DayNanos, until: DayNanos) -> None:
        """The exchange's part."""
        member, line = self.plan.config.member, self.plan.config.line
        setup = exchange_main.Setup(
            venue=self.openings.venue(),
            etf=self.openings.etf(),
            account=member.account,
            pbu=member.pbu,
            branch=member.branch,
            open_at=self.midnight + OPEN_AT,
            start=self.midnight + start,
            host=line.host,
            order_port=line.order_port,
            feed_port=line.feed_port,
            etf_port=line.etf_port,
            copy_port=line.copy_port,
            snapshot_every=self.plan.config.journal.snapshot_s * SECOND,
            marks=self._marks(),
            closing_from=self.midnight + min(LAST_MINUTES, until - CLOSING_SPAN),
            outages=self.openings.order_outages(),
            peers=register_of(self.plan.config).peers,
            standby_host=line.standby_host,
            order_standby_port=line.order_standby_port,
            feed_standby_port=line.feed_standby_port,
            displaces=line.second_logon == DISPLACE,
        )
        self._write("exchange", setup)

    def write_clients(
        self,
        order_port: int,
        feed_port: int,
        etf_port: int,
        copy_port: int,
        *,
        lease_ports: tuple[int, ...] = (),
    ) -> None:
        """What the gateway, the overseer and the maker get once the exchange's ports are known,
        and the arbiter's or the agents' where there is a standby.
        """
        plan = self.plan
        member, line, standby = plan.config.member, plan.config.line, plan.config.standby
        gateway = GatewayPlan(
            day=plan.day,
            comp_id="QUANHENG",
            account=member.account,
            pbu=member.pbu,
            branch=member.branch,
            letter=next(letter for letter in GATEWAY_LETTERS if letter != member.letter),
            engine_letter=member.letter,
            messages_per_second=line.messages_per_second,
            dead_man=line.dead_man_ms * MILLISECOND,
            speed=self.speed,
            underlyings=_nearest_first(self.reference.chain.contracts),
        )
        register = register_of(plan.config)
        gateway_setup = gateway_main.Setup(
            gateway, line.host, order_port, etf_port, register, standby=self._second("order"),
            displaces=line.second_logon == DISPLACE,
        )  # fmt: skip
        maker = MakerSetup(
            opening=msgspec.structs.replace(self.openings.maker(), speed=self.speed),
            shifts=shifts_of(signs(plan.scenario, self.midnight, self.midnight + OPEN_AT)),
            host=line.host,
            feed_port=feed_port,
            feed_standby=self._second("feed"),
            sync_ms=plan.config.journal.sync_ms,
            heartbeat_ms=line.heartbeat_ms,
            snapshot_every=plan.config.journal.snapshot_s * SECOND,
            marks=self._marks(),
            overseer_late=line.overseer_late_ms * MILLISECOND,
            overseer_lost=line.overseer_lost_ms * MILLISECOND,
        )
        if standby.enabled:
            write_pair(self.run, plan.config, gateway_setup, maker, lease_ports)
        else:
            self._write("gateway", gateway_setup)
            self._write("maker", maker)
        overseer = self.oversight.setup(
            self.openings,
            self.midnight + OPEN_AT,
            host=line.host,
            feed_port=feed_port,
            copy_port=copy_port,
            feed_standby=self._second("feed"),
            snapshot_every=plan.config.journal.snapshot_s * SECOND,
            marks=self._marks(),
            desk=(standby.host_overseer, standby.port_overseer),
            peers=register.peers,
            tls=whole_path(standby.tls),
        )
        self._write("overseer", overseer)
        self._write_watch()

    def _write_watch(self) -> None:
        operations = self.plan.config.operations
        watch = watch_main.Setup(
            host=operations.host,
            port=operations.port,
            channels=operations.channels,
            test=operations.test,
            clock=operations.clock,
        )
        self._write("watch", watch)

    def _second(self, name: str) -> tuple[tuple[str, int], ...]:
        """The other end of a line, if there is one."""
        port = self.standby.get(f"{name}_standby", 0)
        return ((self.plan.config.line.standby_host, port),) if port else ()

    def _marks(self) -> list[Nanos]:
        return [self.midnight + span.start for span in timetable(self.book)]

    def _write(self, role: str, setup: msgspec.Struct) -> None:
        path: Path = self.run / "live" / f"{role}.msgpack"
        path.write_bytes(msgspec.msgpack.encode(setup))


def write_lease(run: Path, config: Config, ports: tuple[int, ...] = ()) -> None:
    """Who holds the lease of a pair; `ports`: those it listened on at its first start."""
    if len(leases_of(config)) > 1:
        write_leases(run, config, ports or (0, 0))
    else:
        write_arbiter(run, config, ports[0] if ports else 0)


def _nearest_first(contracts: Iterable[Contract]) -> dict[str, str]:
    """Underlyings by contract code, nearest expiry first: the order of a pull's cancels."""
    rows = sorted(contracts, key=lambda item: (item.last_day, item.code))
    return {item.code: item.underlying for item in rows}


def prepare(plan: DayPlan, speed: int, start: DayNanos, until: DayNanos) -> Prepared:
    """Make the run folder ready for the processes."""
    prepared = Prepared(plan, speed)
    run = prepared.run
    files = run / "files" / str(plan.day)
    for folder in (run / "live", files):
        folder.mkdir(parents=True, exist_ok=True)
    reference = prepared.reference
    for name, data in morning_files(reference).items():
        (files / name).write_bytes(data)
    if plan.config.standby.enabled:
        (run / STANDBY / "live").mkdir(parents=True, exist_ok=True)
        write_lease(run, plan.config)
    write_copiers(run, plan.config)
    write_pgcopies(run, plan.config)
    for node in (run, run / STANDBY) if plan.config.standby.enabled else (run,):
        write_build(node)
    prepared.write_status("running")
    prepared.write_exchange(start, until)
    return prepared
