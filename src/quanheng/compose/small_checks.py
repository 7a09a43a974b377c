"""What must hold in a small world after every step and at its end (reliability.md 1.4, 1 to 8).

Each broken rule is a text with the instant; the first one ends the world. The numbers of the rules
are those of the list: 1 positions, 2 exposure, 3 and 4 epochs, 5 intents, 6 journal, 7 records
against the raw journal, 8 (equal digests of two runs) is the command's.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from quanheng.compose.small_clock import HOP
from quanheng.exchange import layout as lay
from quanheng.exchange.venue import invariants as venue_invariants
from quanheng.maker.invariants import invariants as maker_invariants
from quanheng.maker.maker import Maker
from quanheng.runtime.envelope import NotSent
from quanheng.runtime.journal import EFFECTS
from quanheng.runtime.replay import replay
from quanheng.terms.codes import Effect, Link, Side
from quanheng.terms.orders import AnyRequest, Quote, Report, Send, Trade
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

if TYPE_CHECKING:
    from quanheng.compose.small_engine import SmallEngine
    from quanheng.compose.small_world import SmallWorld

PLACES = np.arange(lay.CAP)
MAX_RESTING = 50
"""Largest quantity of one side that the desk's configuration lets rest in a contract."""
SETTLED = SECOND
"""A world that has been whole for so long has recovered."""
MOST = 8
"""Findings of a world that are kept."""
DEAD_FOR = 1_500 * MILLISECOND
"""An engine that is silent for so long, with the line up, has nothing left at the exchange."""
NOT_ALWAYS = ("orders unknown", "orders resting", "reports missing", "reports of foreign ids")
"""Counts of the maker's that are no violations while a world lives."""


class Fold:
    """Our positions as the exchange's reports make them, up to an index of each partition."""

    def __init__(self, slots: dict[str, int]) -> None:
        self._slots = slots
        self._deltas: dict[str, list[tuple[int, int, int]]] = {}
        self._at: dict[str, int] = {}
        self.long = [0] * len(slots)
        self.short = [0] * len(slots)

    def add(self, report: Report) -> None:
        """One more report of a partition."""
        body = report.body
        delta = (0, 0, 0)
        if isinstance(body, Trade):
            slot, qty = self._slots[body.contract], body.qty
            opens = body.effect == Effect.OPEN
            if body.side == Side.BUY:
                delta = (slot, qty, 0) if opens else (slot, 0, -qty)
            else:
                delta = (slot, 0, qty) if opens else (slot, -qty, 0)
        self._deltas.setdefault(report.set_id, []).append(delta)

    def move(self, next_index: dict[str, int]) -> None:
        """Go to where the reader of these next indices stands."""
        for set_id, rows in self._deltas.items():
            wanted = min(next_index.get(set_id, 1) - 1, len(rows))
            at = self._at.get(set_id, 0)
            if wanted == at:
                continue
            sign, part = (1, rows[at:wanted]) if wanted >= at else (-1, rows[wanted:at])
            for slot, long, short in part:
                self.long[slot] += sign * long
                self.short[slot] += sign * short
            self._at[set_id] = wanted


class Checks:
    """The checks of one world."""

    def __init__(self, world: "SmallWorld") -> None:
        self.world = world
        self.broken: list[str] = []
        self.made = 0  # checks that were made and held
        self.acked = 0  # frames that a dead engine's journal had confirmed
        self.disk_errors = 0
        self.refused_stale = 0
        self.trips: list[str] = []  # guards that fired and wait for people
        self.quoting = False  # something of ours rests at the exchange at the end
        chain = world.stage.venue.chain
        self._slots = {item.code: slot for slot, item in enumerate(chain.contracts)}
        self._fold = Fold(self._slots)
        self._letter = world.stage.plan.engine_letter
        self._arrived: dict[str, bool] = {}
        self._sent: dict[str, bool] = {}
        self._silent_since: Nanos = world.now
        self._whole_since: Nanos = 0
        self._looked = 0  # inputs of the exchange at the last look
        self._read: tuple[int, int] = (0, 0)  # life and inputs of the maker at the last look

    def fail(self, rule: str, text: str) -> None:
        """A rule is broken; the first of MOST are kept, what follows follows from them."""
        if len(self.broken) < MOST:
            self.broken.append(f"rule {rule} at {self.world.since / SECOND:.2f} s: {text}")

    def hold(self, rule: str, good: bool, text: str) -> None:
        """A rule that must hold here."""
        if good:
            self.made += 1
        else:
            self.fail(rule, text)

    # What the world tells ------------------------------------------------------------------------

    def sent(self, requests: Sequence[AnyRequest]) -> None:
        """Requests leave the gateway: only of the highest epoch, each id once (rules 3, 5)."""
        gateway = self.world.gateway
        highest = 0 if gateway is None else gateway.epoch
        for request in requests:
            name = request.client_id
            if name[0] == self._letter:
                self.hold("3", int(name[1:4], 36) == highest, f"{name} leaves in epoch {highest}")
            self.hold("5", name not in self._sent, f"{name} leaves twice")
            self._sent[name] = True

    def arrived(self, requests: Sequence[AnyRequest]) -> None:
        """Requests reach the exchange (rules 2, 5)."""
        for request in requests:
            self._arrived[request.client_id] = True
            if isinstance(request, Quote):
                size = max(request.bid_qty, request.ask_qty)
                self.hold("2", size <= MAX_RESTING, f"{request.client_id} quotes {size}")

    def delivered(self, reports: Sequence[Report]) -> None:
        """The exchange reports to our trading unit."""
        for report in reports:
            self._fold.add(report)

    def stale(self, told: Sequence[Any]) -> None:
        """What the gateway said to an engine of an old epoch (rule 3)."""
        refused = any(isinstance(one, NotSent) for one in told)
        self.hold("3", refused, "a stale engine's requests were not refused")
        self.refused_stale += 1

    def disk_error(self, error: Exception) -> None:
        """The journal said that its disk failed: it must stay dead (promise 3)."""
        engine = self.world.engine
        self.disk_errors += 1
        if engine is not None:
            try:
                engine.journal.sync()
                self.fail("6", f"the journal goes on after {error}")
            except Exception:
                self.made += 1

    def reborn(self, engine: "SmallEngine") -> None:
        """A journal was recovered: a prefix of what was ever written, nothing confirmed is lost."""
        last = engine.recovered_at
        self.hold("6", last >= self.acked, f"{last} frames are left of {self.acked} confirmed")
        if last:
            known = self.world.chains.get(last)
            same = known == engine.journal_chain_at_start
            self.hold("6", same, f"frame {last} is not the one that was written")

    # After every step ----------------------------------------------------------------------------

    def after_step(self) -> None:
        """The rules that hold at every instant."""
        world = self.world
        engine = world.engine
        if engine is not None:
            self.acked = max(self.acked, engine.confirmed)
            state = engine.machine.state
            read = (world.counts["lives"], engine.host.sequencer.seq)
            if read != self._read and state.opened is not None:
                self._read = read
                self._positions(state)
        exchange = world.venue_host.host.sequencer.seq
        if exchange != self._looked:
            self._looked = exchange
            self._exposure()
        self._orphans()

    def _positions(self, state: Any) -> None:
        fold = self._fold
        fold.move(state.next_index)
        book = state.book
        same = fold.long == book.long_qty.tolist() and fold.short == book.short_qty.tolist()
        self.hold("1", same, "positions differ from the reports that were read")

    def _ours(self) -> np.ndarray:
        """What rests of ours at the exchange: int64[slots, 2, depth], the quantity in each place of
        the book that is ours, 0 in the others.
        """
        state = self.world.venue.state
        counts = state.info[:, lay.N_BID : lay.N_ASK + 1]
        deepest = int(counts.max())
        orders = state.book[:, :, :deepest]
        ours = (orders[..., lay.O_OWNER] == 0) & (PLACES[:deepest] < counts[..., None])
        found: np.ndarray = orders[..., lay.O_QTY] * ours
        return found

    def resting(self) -> int:
        """Sides of ours at the exchange."""
        return int((self._ours() > 0).sum())

    def _exposure(self) -> None:
        ours = self._ours()
        if not ours.size:
            return
        largest = int(ours.max())
        if largest > MAX_RESTING:
            slot = int(np.argwhere(ours == largest)[0, 0])
            self.fail("2", f"{largest} rest in slot {slot}")
        twice = (ours > 0).sum(axis=2) > 1
        if twice.any():
            self.fail("4", f"two live quotes on one side: {np.argwhere(twice).tolist()}")
        self.made += 2

    def _orphans(self) -> None:
        """A dead or silent engine leaves nothing behind while the line to the exchange stands."""
        world = self.world
        if world.engine is not None and not world.lasts("engine_pause"):
            self._silent_since = world.now
            return
        gateway = world.gateway
        line = gateway is not None and gateway.link == Link.READY
        quiet = ("slow_reports", "halt", "lost_reports")
        if not line or any(world.lasts(kind) for kind in quiet):
            self._silent_since = world.now
        elif world.now - self._silent_since >= DEAD_FOR:
            left = self.resting()
            self.hold("4", not left, f"{left} quotes outlive a silent engine")

    # At the end ----------------------------------------------------------------------------------

    def recovered(self) -> bool:
        """Whether the world has been whole for SETTLED and every report was read."""
        now = self.world.now
        self._whole_since = (self._whole_since or now) if self._whole() else 0
        settled = bool(self._whole_since) and now - self._whole_since >= SETTLED
        return settled and not self._unread()

    def _unread(self) -> dict[str, tuple[int, int]]:
        """Partitions whose reports the maker has not all read: the next it wants, and how many."""
        world = self.world
        wanted = {} if world.engine is None else world.engine.machine.state.next_index
        have = {set_id: (wanted.get(set_id, 1), len(rows)) for set_id, rows in world.stored.items()}
        return {set_id: pair for set_id, pair in have.items() if pair[0] != pair[1] + 1}

    def _whole(self) -> bool:
        """Whether the world has found its way back: somebody leads on a line that is ready, with a
        whole follower if there are two nodes, nothing is missing or late, and quotes rest or a
        guard waits for people.
        """
        world = self.world
        engine = world.engine
        if engine is None or world.gateway is None or not engine.welcome:
            return False
        if engine.standing is not None and engine.standing.grade != 2:
            return False
        if world.down and world.down[-1][0] > world.now + HOP:  # reports that came late
            return False
        state = engine.machine.state
        if state.scopes.link != Link.READY or state.gaps:
            return False
        return bool(state.scopes.trips) or bool(self._ours().any())

    def at_the_end(self) -> None:
        """Everything was healed long ago: whole agreement, and the journal tells the same story."""
        world = self.world
        engine, gateway = world.engine, world.gateway
        self.hold("live", engine is not None and gateway is not None, "somebody is still away")
        if engine is None or gateway is None:
            return
        state = engine.machine.state
        self.hold("live", engine.welcome, "the engine does not lead")
        self.hold("live", state.scopes.link == Link.READY, "the order line is not ready")
        if engine.standing is not None:
            self.hold("live", engine.standing.grade == 2, "no follower is whole at the end")
        account = world.venue.state.acct[0]
        engine_net = state.book.long_qty - state.book.short_qty
        venue_net = account[lay.LONG] - account[lay.SHORT]
        same = bool((engine_net == venue_net).all())
        self.hold("1", same, f"positions {engine_net} differ from the exchange's {venue_net}")
        for name, count in venue_invariants(world.venue.state).items():
            self.hold("venue", not count, f"{name}: {count}")
        for name, count in maker_invariants(state).items():
            if name not in NOT_ALWAYS:
                self.hold("maker", not count, f"{name}: {count}")
        missing = self._unread() or dict(state.gaps)
        self.hold("1", not missing, f"reports are missing: {missing}")
        self.quoting = bool(self._ours().any())
        self.trips = sorted(state.scopes.trips)
        if self.trips:  # a guard fired: people re-arm it, and what it stops stays away
            whole = any(name.startswith("* ") for name in self.trips)
            self.hold("4", not (whole and self.quoting), f"quotes rest after {self.trips}")
        else:
            self.hold("live", self.quoting or not world.quoting, "nothing is quoted at the end")
        self._journal(engine)

    def _journal(self, engine: "SmallEngine") -> None:
        """Every request at the exchange has its intent in the journal; the journal replays."""
        engine.journal.sync()
        frames = list(engine.journal.read())
        intents: dict[str, int] = {}
        tag = Send.__struct_config__.tag
        for frame in frames:
            for row in msgspec.msgpack.decode(frame.payload) if frame.kind == EFFECTS else ():
                if row[0] == tag:
                    for request in msgspec.convert(row, Send).requests:
                        intents[request.client_id] = intents.get(request.client_id, 0) + 1
        for name in self._sent:
            if name[0] == self._letter:
                self.hold("5", intents.get(name) == 1, f"{name} has no single journalled intent")
        for name in self._arrived:
            self.hold("5", name in self._sent, f"{name} arrived and was never sent")
        found = replay(frames, Maker())
        self.hold("7", not found.first_difference, f"the journal replays to another day: {found}")
        chain = engine.journal.chain
        self.hold("6", self.world.chains[frames[-1].seq] == chain, "the end of the chain differs")
