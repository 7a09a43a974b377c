"""The second node of a small world: copy, lease, take-over, with the code of the live pair.

Two nodes, each with a disk and snapshots of its own; one has the engine, the other a sealed copy
that gets its frames a step of the world later and confirms them a step after that. An engine that
dies is followed by the other node when the arbiter grants it; the node that lost it comes back
later, begins an empty copy and catches up from the leader's segments. What the world does not have:
sockets, and a leader that lives on while another one leads (the gateway's fence has its own fault).
"""

import random
from typing import TYPE_CHECKING

from quanheng.compose.small_engine import ROOT, TracedJournal
from quanheng.edge.arbiter import GRACE, LEASE, Alone, Arbiter, Ask, Granted, Lease, Over, Renew
from quanheng.edge.follower import Copy, CopyError
from quanheng.edge.replication import OldFrames, ReplicatedJournal
from quanheng.edge.simulated_disk import SimulatedDisk
from quanheng.edge.standing import Standing
from quanheng.maker.maker import Maker
from quanheng.runtime.journal import JournalError
from quanheng.runtime.memory import MemorySnapshots
from quanheng.runtime.release import Policy, Release
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

if TYPE_CHECKING:
    from quanheng.compose.small_world import SmallWorld

LATE = 300 * MILLISECOND
FIRST = 2 * SECOND


class Kept:
    """The arbiter's file."""

    def __init__(self) -> None:
        self.lease = Lease()

    def read(self) -> Lease:
        """What was kept."""
        return Lease(self.lease.epoch, self.lease.whole)

    def write(self, lease: Lease) -> None:
        """Keep it."""
        self.lease = Lease(lease.epoch, lease.whole)


class SmallLease:
    """A leader's lease; the arbiter answers at once."""

    def __init__(self, arbiter: Arbiter, node: str, epoch: int, now: Nanos) -> None:
        self.over = ""
        self.wanted: bool | None = None
        self.alone: bool | None = None
        self._arbiter, self._node, self._epoch = arbiter, node, epoch
        self._now, self._until = now, now + LEASE

    def renew(self, now: Nanos) -> None:
        """Once a turn."""
        self._now = now
        answer = self._arbiter.take(Renew(self._node, self._epoch, 0), now)
        if isinstance(answer, Over):
            self.over = f"epoch {answer.epoch} leads"
        else:
            self._until = now + LEASE

    def expired(self, now: Nanos) -> bool:
        """Never between two turns; a pause is seen by the arbiter's answer."""
        return now >= self._until

    def say_alone(self, alone: bool) -> None:
        """Have it kept."""
        answer = self._arbiter.take(Alone(self._node, self._epoch, alone, 0), self._now)
        self.wanted, self.alone = alone, None if isinstance(answer, Over) else alone


class Node:
    """A disk, snapshots, and the copy while it follows."""

    def __init__(self, name: str, disk: SimulatedDisk, snapshots: MemorySnapshots) -> None:
        self.name = name
        self.disk = disk
        self.snapshots = snapshots
        self.copy: Copy | None = None


class SmallPair:
    """Both nodes. It is the leader's view of its follower as well (`standing.FollowerSeen`)."""

    def __init__(self, world: "SmallWorld", home: Node) -> None:
        self.world = world
        self.arbiter = Arbiter(Kept(), world.now, LEASE, GRACE)
        self.joined = self.alone = self.compared = 0
        self.durable = 0
        self.leader = home
        self.other = Node("b", SimulatedDisk(world.seed + 1), MemorySnapshots(keep=3))
        draw, healed = random.Random(world.seed * 31 + 7), world.plan.healed
        self._cuts = [
            (at, min(healed, at + draw.randrange(100, 3_000) * MILLISECOND))
            for at in sorted(draw.randrange(FIRST, healed) for _ in range(draw.randrange(4)))
        ]
        self._way: list[bytes] = []  # frames under way to the follower
        self._back: list[int] = []  # confirmations under way to the leader
        self._owes: Nanos = 0
        self._close = False
        self._away_until: Nanos = 0

    @property
    def on_the_way(self) -> bool:
        """Whether frames or confirmations are."""
        return bool(self._way or self._back)

    # The leader's view --------------------------------------------------------------------------

    @property
    def there(self) -> bool:
        """A follower is connected."""
        return self.other.copy is not None and not self._cut()

    @property
    def close(self) -> bool:
        """It gets frames as they are appended."""
        return self.there and self._close

    def late(self, now: Nanos, bound: Nanos) -> bool:
        """It owes a confirmation for too long."""
        return bool(self._owes) and now - self._owes > bound

    def _cut(self) -> bool:
        return any(begin <= self.world.since < end for begin, end in self._cuts)

    def standing(self, release: Release, journal: ReplicatedJournal, epoch: int) -> Standing:
        """For an engine that begins to lead."""
        self.lease = SmallLease(self.arbiter, self.leader.name, epoch, self.world.now)
        release.policy = Policy.REPLICATED
        return Standing(release, journal, self.lease, self, True, LATE, self._news)

    def _news(self, what: str, figures: dict[str, object]) -> None:
        self.joined += what == "replicated"
        self.alone += what == "alone"
        self.world.note(what)

    def push(self, journal: ReplicatedJournal) -> None:
        """What was appended goes on its way, before the leader's fsync."""
        if journal.fresh:
            self._way.append(bytes(journal.fresh))
            journal.fresh.clear()
            self._owes = self._owes or self.world.now

    # Steps of the world -------------------------------------------------------------------------

    def step(self) -> None:
        """The follower's turn: confirmations arrive, then frames; whoever is back joins."""
        world, node = self.world, self.other
        if self._cut():
            self._lose()
            return
        for seq in self._back:
            self.durable = max(self.durable, seq)
        if self._back and not self._way:
            self._owes = 0
        self._back.clear()
        copy = node.copy
        if copy is None:
            if world.engine is not None and world.now >= self._away_until:
                self._join()
            return
        if not self._close and world.engine is not None:
            try:
                self._catch_up(copy)
            except JournalError as error:
                world.journal_died(error)
                return
        try:
            self._take(copy)
        except CopyError:
            # Frames that the leader lost with its power, and wrote others in their place.
            world.note("parted")
            self._lose()
            self._join()

    def _take(self, copy: Copy) -> None:
        """What has arrived at the follower."""
        way, self._way = self._way, []
        for data in way:
            self._back.append(copy.take(data))
            found = copy.apply()
            self.world.checks.hold("f64", found is None, f"the copy differs: {found}")
        self.compared = max(self.compared, copy.compared)

    def _lose(self) -> None:
        """The line between the nodes is down: what was under way is lost."""
        self._way.clear()
        self._back.clear()
        self._close, self.durable, self._owes = False, 0, 0
        engine = self.world.engine
        if engine is not None:
            engine.journal.fresh = None

    def _join(self) -> None:
        """A node that comes back begins an empty copy."""
        node = self.other
        node.disk, node.snapshots = SimulatedDisk(self.world.seed + 1), MemorySnapshots(keep=3)
        journal = TracedJournal(node.disk, self.world.chains)
        node.copy = Copy(Maker, journal, node.snapshots)
        self._close = False

    def _catch_up(self, copy: Copy) -> None:
        """From the leader's segments to its end, then close."""
        engine = self.world.engine
        assert engine is not None
        engine.journal.flush()
        old = OldFrames(ROOT / "journal" / Maker.NAME, copy.journal.next_seq, self.leader.disk)
        while old.seq < engine.journal.next_seq:
            data = old.piece()
            if data:
                self._way.append(data)
        engine.journal.fresh = bytearray()
        self._close, self._owes = True, self.world.now

    def died(self, until: Nanos) -> None:
        """The engine's process is gone; its node is away until then."""
        self.arbiter.gone(self.leader.name, self.world.now)
        self._away_until = max(self._away_until, until)
        self._lose()

    def grant(self, home: bool) -> int:
        """The epoch with which an engine may begin now, and on which node (`leader` is it then); 0
        when nobody may. `home`: the node that led last can start an engine.
        """
        world = self.world
        for node in (self.other, self.leader):
            copy = node.copy
            mine = node is self.leader
            if mine and not home:
                continue
            blank = node.name == "a" and self.arbiter.epoch == 0
            fit = blank or (mine and self.arbiter.epoch > 0) or self._fit(copy)
            known = copy.epoch if copy is not None else 0
            answer = self.arbiter.take(Ask(node.name, fit, known, "", 0), world.now)
            if isinstance(answer, Granted):
                if not mine:
                    self.leader, self.other = node, self.leader
                    self.other.copy = None
                    self.world.counts["followed"] += 1
                return answer.epoch
        return 0

    def _fit(self, copy: Copy | None) -> bool:
        return copy is not None and copy.diverged is None and copy.journal.next_seq > 1
