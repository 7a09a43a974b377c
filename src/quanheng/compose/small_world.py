"""A small world: two to twelve contracts, up to a minute, the real venue, gateway, maker, journal
and line code, and a swarm of faults from one seed (borders.md 3, reliability.md 1.4).

One process holds everything, on one clock that jumps to the next thing that happens
(`small_clock`). After every jump the checks of `small_checks` run; once its plan is healed the
world has to find its way back by itself within RECOVERY, and ends when it has.
"""

import copy
import hashlib
import random
from collections import deque
from typing import Any

from msgspec.structs import replace

from quanheng.compose.reference import FIRST_DAY
from quanheng.compose.small_checks import Checks
from quanheng.compose.small_clock import HOP, next_instant
from quanheng.compose.small_engine import DiedError, SmallEngine
from quanheng.compose.small_faults import RECOVERY, Fault, alone, drawn
from quanheng.compose.small_pair import Node, SmallPair
from quanheng.compose.small_stage import BEGIN, SETS, Epochs, Stage, stage, told
from quanheng.compose.small_strikes import DOWN, halt, stale_engine_sends, strike
from quanheng.edge.gateway import Gateway
from quanheng.edge.link_messages import Beat, Hello
from quanheng.edge.simulated_disk import SimulatedDisk
from quanheng.exchange import messages as ex
from quanheng.exchange.venue import Venue
from quanheng.runtime.envelope import Source
from quanheng.runtime.host import Host
from quanheng.runtime.journal import JournalCorruptError, JournalError
from quanheng.runtime.live import LiveHost
from quanheng.runtime.memory import MemoryJournal, MemorySnapshots
from quanheng.terms.codes import Phase
from quanheng.terms.market import ChainTick, UnderlyingTick, UnderlyingTicks
from quanheng.terms.orders import Report, Requests
from quanheng.terms.units import MILLISECOND, Nanos
from quanheng.wire.events import RequestArrived, SyncRequested
from quanheng.wire.tdgw import ServerSession

MOVE_EVERY = 500 * MILLISECOND
REST = 300 * MILLISECOND
"""The exchange rests so long at the end, so that what is on the way arrives."""
COUNTS = ("requests", "reports", "lives", "takeovers", "deaths", "followed")


class SmallWorld:
    """Build it with a seed, `run` it, look at `checks.broken` and `digest`."""

    begin: Nanos = BEGIN
    quoting = True  # whether something has to be quoted at the end
    checks_of = Checks

    def __init__(
        self, seed: int, faults: list[Fault] | None = None, pair: bool = False, checked: bool = True
    ) -> None:
        """`pair`: a second node follows and takes over (`small_pair`). Not `checked`: no rule is
        held against it, the digest is the same.
        """
        self.checked, self.seed = checked, seed
        self.plan = drawn(seed) if faults is None else alone(faults)
        self.stage = self._stage()
        self.now = self.begin
        self.market_at = self.begin + MOVE_EVERY
        self.draw = random.Random(seed)
        self._home = Node("a", SimulatedDisk(seed), MemorySnapshots(keep=3))
        self.chains: dict[int, bytes] = {}
        self.venue: Any = Venue()
        self.venue_host = LiveHost(Host(self.venue, MemoryJournal("venue")))
        self.epochs = Epochs()
        self.gateway: Gateway | None = None
        self.server: ServerSession | None = None
        self.engine: SmallEngine | None = None
        self.stored: dict[str, list[Report]] = {name: [] for name in SETS}
        self.counts = dict.fromkeys(COUNTS, 0)
        self.until: dict[str, Nanos] = {}  # fault kind -> until when it lasts
        self.ends_at: Nanos = 0  # of those, the next that is over
        self.gateway_at: Nanos = 0  # when the gateway has something to do by itself
        self._stirred = False  # the gateway may have something to say
        self.size: dict[str, int] = {}
        self.faults = deque(self.plan.faults)
        self.to_gateway: deque[Any] = deque()
        self.up: deque[tuple[Nanos, Any]] = deque()
        self.down: deque[tuple[Nanos, bytes]] = deque()
        self.zombie: SmallEngine | None = None
        self._spot = self.stage.spot
        self.halted = False
        self._log = hashlib.sha256()
        self.pair = SmallPair(self, self._home) if pair else None
        self.checks = self.checks_of(self)

    def _stage(self) -> Stage:
        return stage(self.plan.contracts)

    @property
    def home(self) -> Node:
        """The node that has the engine, or had it last."""
        return self._home if self.pair is None else self.pair.leader

    # The clock ----------------------------------------------------------------------------------

    @property
    def since(self) -> Nanos:
        """Time since the world began."""
        return self.now - self.begin

    def lasts(self, kind: str) -> bool:
        """Whether a fault of the kind is going on."""
        return self.now < self.until.get(kind, 0)

    def clock_step(self) -> Nanos:
        """How far the engine's business clock is off."""
        return self.size["clock_step"] * MILLISECOND if self.lasts("clock_step") else 0

    def run(self) -> "SmallWorld":
        """The whole life; a broken check ends it."""
        self.venue_takes(replace(self.stage.venue, seed=self.seed), Source.RUNTIME)
        while not self.checks.broken and not self._over():
            self.now = self._next()
            self._step()
        rests = self.now + REST
        while self.now < rests:
            self.now = min(rests, next_instant(self))
            self._step(quiet=True)  # the exchange rests, what is on the way arrives
        if self.checked and not self.checks.broken:
            self.checks.at_the_end()
        return self

    def _over(self) -> bool:
        """Whether the world has found its way back, or had time enough to."""
        late = self.since - self.plan.healed
        return late >= RECOVERY or (late >= 0 and self.checks.recovered())

    def _next(self) -> Nanos:
        """The next instant to look at."""
        return next_instant(self)

    def _strike(self, fault: Fault) -> None:
        strike(self, fault)

    def _step(self, quiet: bool = False) -> None:
        while self.faults and self.faults[0].at <= self.since:
            self._strike(self.faults.popleft())
        if self.halted and not self.lasts("halt"):
            halt(self, False)
        if not quiet:
            if self.now >= self.market_at:
                self._move_market()
            self._turn_venue()
        self._carry_up()
        if self._carry_down() or self.to_gateway or self.now >= self.gateway_at:
            self._turn_gateway()
        if self.pair is not None:
            self.pair.step()
        self._turn_engine()
        if self._stirred:
            self.flush_gateway()
        stale_engine_sends(self)
        if self.checked:
            self.checks.after_step()

    def note(self, *what: Any) -> None:
        """Into the event log whose hash has to be the same in every run of the seed."""
        self._log.update(repr((self.since, *what)).encode())

    def digest(self) -> str:
        """SHA-256 of the event log and of the machines' states."""
        log = self._log.copy()
        machines = [self.venue] + ([self.engine.machine] if self.engine is not None else [])
        for machine in machines:
            for name, value in sorted(machine.digest().items()):
                log.update(name.encode() + value)
        return log.hexdigest()

    # The market ---------------------------------------------------------------------------------

    def _move_market(self) -> None:
        """The underlying walks; the exchange's own crowd follows it."""
        self.market_at += MOVE_EVERY
        self._spot += 10 * self.draw.choice((-2, -1, 0, 0, 1, 2))
        spot = self._spot
        tick = UnderlyingTick(
            0, int(Phase.CONTINUOUS), spot, 0, 0, (spot - 10,), (100,), (spot + 10,), (100,)
        )
        ticks = UnderlyingTicks(self.now, (tick,))
        self.venue_takes(ticks, Source.FEED)
        self._feed(ticks)

    def _turn_venue(self) -> None:
        host = self.venue_host
        while (effects := host.fire(self.now)) is not None:
            self._venue_said(effects)

    def venue_takes(self, body: Any, source: Source) -> None:
        """An input of the exchange."""
        self._venue_said(self.venue_host.take(body, self.now, source))

    def _venue_said(self, effects: Any) -> None:
        for effect in effects:
            match effect:
                case ChainTick():
                    self._feed(effect)
                case ex.Deliver():
                    for report in effect.reports:
                        self.stored[report.set_id].append(report)
                    self.counts["reports"] += len(effect.reports)
                    self.checks.delivered(effect.reports)
                    if self.server is not None:
                        data = self.server.send_reports(effect.pbu, effect.reports, self.now)
                        self._send_down(b"" if self.lasts("lost_reports") else data)
                case _ if self.server is not None:
                    self._send_down(told(self.server, effect, self.now))

    def _feed(self, tick: ChainTick | UnderlyingTicks) -> None:
        if self.engine is not None and not self.lasts("feed_cut"):
            self.engine.inbox.append((tick, Source.FEED))

    # The order line -----------------------------------------------------------------------------

    def _through(self, data: bytes) -> bytes:
        """What of these bytes the line carries."""
        return data

    def _send_down(self, data: bytes) -> None:
        if data := self._through(data):
            late = (200 + 150 * self.size.get("slow_reports", 0)) * MILLISECOND
            due = self.now + (late if self.lasts("slow_reports") else HOP)
            last = self.down[-1][0] if self.down else 0
            self.down.append((max(due, last), data))

    def _carry_down(self) -> bool:
        came = False
        while self.down and self.down[0][0] <= self.now:
            data = self.down.popleft()[1]
            if self.gateway is not None and not self.gateway.from_wire(data, self.now):
                self.cut_line("the gateway closed it")
            came = True
        return came

    def _carry_up(self) -> None:
        while self.up and self.up[0][0] <= self.now:
            requests = self.up.popleft()[1]
            self.checks.arrived(requests)
            self.counts["requests"] += len(requests)
            self.note("arrived", [request.client_id for request in requests])
            self.venue_takes(Requests(self.stage.profile.pbu, requests), Source.VENUE)

    def flush_gateway(self) -> None:
        """Bytes for the exchange leave, and messages for the engine."""
        self._stirred, gateway = False, self.gateway
        if gateway is None:
            return
        data = self._through(gateway.out_wire())
        if data and self.server is not None:
            requests = []
            wanted: dict[str, int] = {}  # of two wishes in one piece the later counts
            for event in self.server.receive(data, self.now):
                if isinstance(event, RequestArrived) and event.request is not None:
                    requests.append(event.request)
                elif isinstance(event, SyncRequested):
                    wanted[event.set_id] = event.next
            for set_id, index in wanted.items():
                self.replay(set_id, index)
            self.checks.sent(requests)
            if requests:
                self.up.append((self.now + HOP, requests))
            self._send_down(self.server.output())
        messages = gateway.out_engine()
        if self.engine is not None and self.engine.connected:
            self.engine.inbox.extend((message, Source.VENUE) for message in messages)
        for line in gateway.log():
            self.note(line["what"])
        self.gateway_at = gateway.deadline(self.now)

    def replay(self, set_id: str, index: int) -> None:
        """The exchange sends a partition's reports again."""
        assert self.server is not None
        self._send_down(self.server.output())
        rows = self.stored[set_id][index - 1 :]
        self._send_down(self.server.send_reports(self.stage.profile.pbu, rows, self.now))

    def cut_line(self, why: str) -> None:
        """What is on the way in either direction is lost."""
        self.server = None
        self.up.clear()
        self.down.clear()
        self.gateway_at = 0
        self._stirred = True
        if self.gateway is not None:
            self.gateway.disconnected(self.now, why)
        self.note("cut", why)

    # Gateway and engine -------------------------------------------------------------------------

    def _answers(self) -> int:
        """What the exchange says to a logon: 0 welcome, a code, -1 when nobody answers."""
        return -1 if self.lasts("order_cut") else 0

    def _turn_gateway(self) -> None:
        self._stirred = True
        if self.gateway is None:
            if self.lasts("gateway_crash"):
                return
            self.gateway = Gateway(self.stage.plan, self.epochs, self.now, lambda now: now)
            if self.engine is not None:
                self.engine.connect()
        if self.server is None and (refuse := self._answers()) >= 0:
            profiles = (self.stage.profile,)
            self.server = ServerSession(profiles, SETS, FIRST_DAY, self.now, refuse)
            self.server.send_platform_state(self.venue.state.platform, self.now)
            self._send_down(self.server.output())
            self.gateway.connected(self.now)
        while self.to_gateway:
            message = self.to_gateway.popleft()
            if isinstance(message, Hello):
                self.counts["takeovers"] += self.gateway.hello(message, self.now)
            else:
                self.gateway.from_engine(message, self.now)
        if not self.gateway.tick(self.now) and self.server is not None:
            self.cut_line("the gateway closed it")

    def engine_now(self) -> Nanos:
        """The engine's business clock, which may have been stepped."""
        return self.now + self.clock_step()

    def _say(self, message: Any) -> None:
        """The engine's message for the gateway; a beat with nothing before it is there at once."""
        gateway = self.gateway
        if type(message) is Beat and not self.to_gateway and gateway is not None:
            gateway.from_engine(message, self.now)
        else:
            self.to_gateway.append(message)

    def _turn_engine(self) -> None:
        epoch = 0
        if self.engine is None:
            away = any(self.lasts(kind) for kind in DOWN)
            if self.pair is not None:
                epoch = self.pair.grant(not away)
            if not epoch if self.pair is not None else away:
                return
        try:
            if self.engine is None:
                self._start_engine(epoch)
            elif not self.lasts("engine_pause") and self._wanted(self.engine):
                self.engine.turn(self.engine_now())
        except DiedError:
            self._die("killed")
        except JournalCorruptError as error:
            self.checks.fail("6", f"the journal does not open: {error}")
        except JournalError as error:
            self.journal_died(error)
        else:
            if self.engine is not None and self.engine.failed:
                self._die(self.engine.failed)

    def journal_died(self, error: JournalError) -> None:
        """The engine's disk failed it: its process ends (promise 3)."""
        self.checks.disk_error(error)
        self._die("its journal is dead")

    def _wanted(self, engine: SmallEngine) -> bool:
        """Whether a turn of the engine does anything; a node of two looks at its standing too."""
        if engine.inbox or engine.die_in or self.pair is not None:
            return True
        return engine.due() <= self.engine_now()

    def _start_engine(self, epoch: int) -> None:
        home, say = self.home, self._say
        engine = self.engine = SmallEngine(
            home.disk, home.snapshots, self.chains, self.stage.maker, say, self.pair, epoch
        )
        home.copy = None
        self.counts["lives"] += 1
        self.checks.reborn(engine)
        engine.begin(self.engine_now())
        if self.gateway is not None:
            engine.connect()
        self.note("engine", engine.epoch, engine.recovered_at)

    def _die(self, why: str) -> None:
        """The process is gone; what it had handed to the operating system stays, unless power."""
        engine = self.engine
        if engine is None:
            return
        self.counts["deaths"] += 1
        self.note("died", why)
        if self.lasts("stale_engine"):
            self.zombie = copy.copy(engine)
        self.engine = None
        if self.lasts("power_cut"):
            self.home.disk.power_cut()
        else:
            self.home.disk.process_gone()
        if self.pair is not None:
            self.pair.died(max(self.until.get(kind, 0) for kind in DOWN))
        self.to_gateway.clear()
