"""The maker's process in a small world: the real machine, host, journal, recovery and release.

The same steps as `edge.maker_process` without sockets and clock: what came is taken, timers fire,
the journal is made durable, and only then effects leave. It can die between any two of them.
"""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quanheng.edge.link_messages import Beat, Fenced, Hello, Sync, Welcome
from quanheng.edge.replication import ReplicatedJournal
from quanheng.edge.simulated_disk import SimulatedDisk
from quanheng.edge.standing import Standing
from quanheng.maker.maker import Maker
from quanheng.maker.messages import MakerOpen, Resync
from quanheng.runtime.envelope import LinkChanged, NotSent, RaiseAlert, Source, TookOver
from quanheng.runtime.host import Host
from quanheng.runtime.live import LiveHost
from quanheng.runtime.memory import MemorySnapshots
from quanheng.runtime.release import Held, Policy, Release
from quanheng.runtime.restore import complete_tail, recover
from quanheng.terms.codes import Link
from quanheng.terms.commands import Pull, SignOn
from quanheng.terms.orders import Send
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

if TYPE_CHECKING:
    from quanheng.compose.small_pair import SmallPair

ROOT = Path("run")
BEAT_EVERY = 100 * MILLISECOND
SNAPSHOT_EVERY = 5 * SECOND
SEGMENT_BYTES = 256 << 10
BATCH = 16
"""Inputs between two group commits; the live process counts 5 ms instead."""


class DiedError(Exception):
    """The process was killed at this instant."""


class TracedJournal(ReplicatedJournal):
    """The real journal; `chains` remembers the chain after every frame ever appended."""

    __slots__ = ("chains",)

    def __init__(self, disk: SimulatedDisk, chains: dict[int, bytes]) -> None:
        self.chains = chains
        super().__init__(ROOT, Maker.NAME, segment_bytes=SEGMENT_BYTES, disk=disk)

    def append(self, kind: int, payload: bytes) -> int:
        """Append and remember."""
        seq = super().append(kind, payload)
        self.chains[seq] = self.chain
        return seq


class SmallEngine:
    """One life of the process. `say` takes a message for the gateway."""

    def __init__(
        self,
        disk: SimulatedDisk,
        snapshots: MemorySnapshots,
        chains: dict[int, bytes],
        opening: MakerOpen,
        say: Callable[[Any], None],
        pair: "SmallPair | None" = None,
        epoch: int = 0,
    ) -> None:
        """`pair`: this engine leads as one of two nodes, with the epoch it was granted."""
        copy = None if pair is None else pair.leader.copy
        self.journal: Any = TracedJournal(disk, chains) if copy is None else copy.journal
        self.resumed = self.journal.next_seq > 1
        self.inbox: deque[tuple[Any, Source]] = deque()
        self.welcome = False
        self.connected = False
        self.failed = ""
        self.alerts: list[RaiseAlert] = []
        self.die_in = 0
        self.recovered_at = self.journal.next_seq - 1
        self.journal_chain_at_start = self.journal.chain
        self.last_send: Send | None = None
        self._say = say
        self._opening = opening
        self._next_beat: Nanos = 0
        self.release = release = Release(Policy.SYNCED)
        if copy is not None:
            host = copy.lead(release)
        elif self.resumed:
            back = recover(Maker, self.journal, snapshots)
            complete_tail(back, self.journal)
            host = Host.resumed(back.core, self.journal, snapshots, release)
        else:
            host = Host(Maker(), self.journal, snapshots, release)
        self.machine: Any = host.machine
        self.host = host
        self.live = LiveHost(host, SNAPSHOT_EVERY, pause=SECOND)
        self.epoch = max(1, host.epoch) + (1 if self.resumed else 0)
        self.pair = pair
        self.standing: Standing | None = None
        if pair is not None:
            self.epoch = epoch
            self.standing = pair.standing(release, self.journal, epoch)

    @property
    def confirmed(self) -> int:
        """The last frame whose effects may have left: it must never be lost."""
        durable: int = self.journal.durable_seq
        if self.release.policy == Policy.REPLICATED:
            return min(durable, self.release.replica_seq)
        return durable

    def _step(self) -> None:
        """A place where the process may die."""
        if self.die_in:
            self.die_in -= 1
            if not self.die_in:
                raise DiedError

    def begin(self, now: Nanos) -> None:
        """Open the day or take over, then seek the gateway."""
        if not self.resumed or self.machine.state.opened is None:
            self.live.take(self._opening, now, Source.RUNTIME)
            self.live.take(
                SignOn("trader", self._opening.traders[0].person, True), now, Source.DESK
            )
            after_opening = self.epoch == 1
        else:
            after_opening = False
        if not after_opening:
            self.live.take(TookOver(self.epoch), now, Source.RUNTIME)
            if self.machine.state.scopes.link != Link.DOWN:
                self.live.take(LinkChanged(Link.DOWN), now, Source.RUNTIME)
        self._commit(now)

    def connect(self) -> None:
        """The gateway's socket stands: say hello."""
        self.connected = True
        self.welcome = False
        self._say(Hello(self.epoch, Maker.NAME))

    def lost(self, now: Nanos) -> None:
        """The gateway's socket is gone."""
        self.connected = self.welcome = False
        self._link_down(now)

    def _link_down(self, now: Nanos) -> None:
        if self.machine.state.scopes.link != Link.DOWN:
            self.live.take(LinkChanged(Link.DOWN), now, Source.RUNTIME)

    def due(self) -> Nanos:
        """Business time of the next timer or beat; now, for what waits for its release."""
        due = self.live.next_due()
        return min(due, self._next_beat) if self.welcome else due

    def turn(self, now: Nanos) -> None:
        """One round: everything that came, timers, group commits."""
        count = 0
        if self.pair is not None:
            self.pair.lease.renew(self.pair.world.now)
        while self.inbox and not self.failed:
            body, source = self.inbox.popleft()
            self._step()
            self._hear(body, source, now)
            count += 1
            if count % BATCH == 0:
                self._commit(now)
        if self.failed:
            return
        self.live.advance(now)
        self._commit(now)
        if self.live.checkpoint_due(now):
            self._step()
            self.live.checkpoint(now)
        if self.welcome and now >= self._next_beat:
            self._say(Beat(self.epoch))
            self._next_beat = now + BEAT_EVERY

    def _hear(self, body: Any, source: Source, now: Nanos) -> None:
        match body:
            case Welcome():
                self.welcome = body.epoch == self.epoch
            case Fenced():
                self._on_fenced(body, now)
            case RaiseAlert():
                self.alerts.append(body)
            case _:
                self.live.advance(now)
                source = Source.DESK if isinstance(body, Pull) else source
                self.live.take(body, now, source)

    def _on_fenced(self, fenced: Fenced, now: Nanos) -> None:
        """Switched off: lead again with a higher epoch, unless somebody else already does."""
        self.welcome = False
        if fenced.highest > self.epoch or self.pair is not None:
            self.failed = f"epoch {fenced.highest} leads, this one is {self.epoch}"
            return
        self._link_down(now)
        self.epoch += 1
        self.live.take(TookOver(self.epoch), now, Source.RUNTIME)
        self._commit(now)
        self._say(Hello(self.epoch, Maker.NAME))

    def _commit(self, now: Nanos) -> None:
        """Make the journal durable, then let out what follows from it."""
        self._step()
        if self.pair is not None:
            self.pair.push(self.journal)
        held = self.live.commit()
        self._step()
        if self.pair is not None and self.standing is not None:
            self.failed = self.failed or self.standing.tick(self.pair.world.now)
            if self.failed:
                return
        refused: list[str] = []
        for part in held:
            self._let_out(part, refused)
            self._step()
        if refused:
            self.live.take(NotSent(refused, "the gateway is not there"), now, Source.RUNTIME)

    def _let_out(self, part: Held, refused: list[str]) -> None:
        for effect in part.effects:
            match effect:
                case Send():
                    self.last_send = effect
                    if self.welcome:
                        self._say(effect)
                    else:
                        refused += [request.client_id for request in effect.requests]
                case Resync():
                    if self.welcome:
                        self._say(Sync(effect.next_index))
                case RaiseAlert():
                    self.alerts.append(effect)

    def close(self) -> None:
        """End in good order."""
        self.live.finish()
