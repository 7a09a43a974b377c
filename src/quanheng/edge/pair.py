"""One node of a pair: follows the leader's journal until the arbiter lets it lead, then leads.

`Node` is the maker's process before it leads, `Lead` what its leading adds to `MakerProcess`: the
follower is served, the lease renewed, and release waits for the follower's disk as well. What
leaves without a follower is told to the arbiter first, so that no copy that lacks it can lead.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from quanheng.edge.clock import monotonic
from quanheng.edge.dialer import Dialer
from quanheng.edge.firm_link import Far
from quanheng.edge.follower import Copy, CopyError, cut_back, set_aside
from quanheng.edge.isolation import guard
from quanheng.edge.journal_lines import LineFile
from quanheng.edge.lease import SILENT, LeaseKeeper
from quanheng.edge.loop import Loop, tcp_begin, tcp_listener
from quanheng.edge.maker_setup import PairSetup
from quanheng.edge.replication import (
    BOUND,
    Durable,
    Follow,
    Frames,
    Parted,
    ReplicaServer,
    ReplicatedJournal,
    ToFollower,
)
from quanheng.edge.standing import Standing
from quanheng.edge.tls import ARBITER, OVERSEER, PARTNER, identity
from quanheng.maker import columns as c
from quanheng.maker.lifecycle import Life
from quanheng.maker.maker import Maker
from quanheng.runtime.journal import JournalCorruptError
from quanheng.runtime.release import Policy, Release
from quanheng.runtime.restore import RecoveryError
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

WAIT = 20 * MILLISECOND


class Node:
    """Turns until `granted`; `lead` then ends the following and gives what leading needs."""

    def __init__(
        self, run: Path, setup: PairSetup, loop: Loop, make: Callable[[], Any] = Maker
    ) -> None:
        self.setup = setup
        self.run = run
        self.loop = loop
        mine = identity(setup.tls, setup.node)
        self.lines = LineFile(run / "live" / "maker.jsonl")
        guard(loop, setup.peers, self.lines)
        other = PARTNER.get(setup.node, "")
        self.serve = None if mine is None else partial(mine.serve, other)
        self._call = None if mine is None else partial(mine.call, other)
        to_arbiter = None if mine is None else partial(mine.call, ARBITER)
        self.going = False  # the day may begin
        self._make = make
        self.name = make().NAME
        self._listener = tcp_listener(setup.host, 0)
        place = (setup.host, int(self._listener.getsockname()[1]))
        self.copy = self._open()
        self.lease = LeaseKeeper(
            loop,
            setup.arbiter,
            setup.node,
            place,
            self._fit,
            self._known,
            setup.lease,
            to_arbiter,
        )
        self._line: Dialer | None = None
        self._leader = ("", 0)

    def _say(self, what: str, **more: Any) -> None:
        self.lines.add({"at": monotonic(), "what": what, "node": self.setup.node, **more})

    def _open(self) -> Copy:
        """Our copy; one that is damaged is set aside and made anew from the leader's (F10)."""
        try:
            return self._copy()
        except (JournalCorruptError, RecoveryError) as error:
            self._say("damaged", why=str(error))
            return self._anew()

    def _copy(self) -> Copy:
        journal = ReplicatedJournal(self.run, self.name)
        try:
            copy = Copy(self._make, journal, FolderSnapshots(self.run, self.name, keep=5))
        except BaseException:
            journal.close()
            raise
        told = {"inputs": copy.inputs, "torn": journal.torn, "skipped": copy.recovered.skipped}
        self._say("copy", frames=journal.next_seq - 1, **told)
        return copy

    def _anew(self) -> Copy:
        """Keep what we have aside and begin with an empty copy."""
        self._say("set_aside", folder=str(set_aside(self.run, self.name).relative_to(self.run)))
        return self._copy()

    def _fit(self) -> bool:
        """A copy may lead unless it diverged; an empty one only at a first start."""
        if not self.going or self.copy.diverged is not None:
            return False
        first = self.setup.first and not (self.run / "aside").exists()
        return first or self.copy.journal.next_seq > 1

    def _known(self) -> int:
        return self.copy.epoch

    @property
    def granted(self) -> bool:
        """This node leads from here on."""
        return bool(self.lease.epoch)

    def turn(self) -> None:
        """One round: the lease, and what the leader sent."""
        self.loop.poll(WAIT / SECOND)
        now = monotonic()
        self.lease.tick(now)
        if self.granted:
            return
        name, host, port = self.lease.leader
        if name not in ("", self.setup.node) and self.copy.diverged is None:
            self._follow((host, port), now)
        self.loop.flush()

    def _follow(self, place: tuple[str, int], now: Nanos) -> None:
        if place != self._leader:
            self._drop("another leader")
            self._leader = place
            self._line = Dialer(
                self.loop,
                lambda: tcp_begin(*place),
                ToFollower,
                self._take,
                self._hello,
                SILENT,
                BOUND,
                self._call,
            )
            self._say("follow", host=place[0], port=place[1])
        if self._line is not None:
            self._line.tick(now)

    def _drop(self, why: str) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.drop(why)

    def _hello(self) -> None:
        journal = self.copy.journal
        assert self._line is not None
        self._line.send(Follow(self.name, journal.next_seq, journal.chain, self.setup.build))

    def _take(self, message: Frames | Parted) -> None:
        line = self._line
        if line is None:
            return
        if isinstance(message, Parted):
            self._say("refused", why=message.why)
            if message.begin:
                self._begin_anew(message.why)
            return
        try:
            durable = self.copy.take(message.data)
        except CopyError as error:
            self._begin_anew(str(error))
            return
        line.send(Durable(durable))
        if not message.data:
            return
        self.loop.flush()  # the leader waits for it
        found = self.copy.apply()
        if found is not None:
            self._say("diverged", frame=found.frame, input=found.input_seq, why=found.what,
                      journaled=found.journaled, replayed=found.replayed)  # fmt: skip
            line.send(found)
            self.loop.flush()
            self._drop("diverged")

    def _begin_anew(self, why: str) -> None:
        """Our copy's end is no part of the leader's journal: go back to a snapshot before it, or
        to the beginning; what is cut off is kept aside.
        """
        last = self.copy.journal.next_seq - 1
        self._say("parted", why=why, frames=last)
        self.copy.journal.close()
        older = [seq for seq in FolderSnapshots(self.run, self.name).seqs() if seq < last]
        if older:
            cut_back(self.run, self.name, older[-1])
            self._say("cut_back", frames=older[-1])
            self.copy = self._open()
        else:
            self.copy = self._anew()
        if self._line is not None:
            self._line.drop("our copy begins again")

    def lead(self) -> "Lead":
        """Follow no more. Call once, when `granted`."""
        self._drop("this node leads")
        self._say("leads", epoch=self.lease.epoch, frames=self.copy.journal.next_seq - 1)
        return Lead(self, self._listener)

    def close(self) -> dict[str, int]:
        """End as a follower."""
        self._drop("the process ends")
        self.copy.journal.close()
        self._listener.close()
        counts = {"inputs": self.copy.inputs, "epoch": 0, "compared": self.copy.compared}
        self._say("end", **counts)
        self.loop.close()
        self.lines.close()
        return counts


class Lead:
    """Leading as a node of a pair. `stop` says why it may no longer; then nothing may leave."""

    def __init__(self, node: Node, listener: Any) -> None:
        self.setup = node.setup
        self.epoch = node.lease.epoch
        self.release = Release(Policy.REPLICATED)
        self.host = node.copy.lead(self.release)
        self.journal = node.copy.journal
        self._lease = node.lease
        self._lines = node.lines
        self._server = ReplicaServer(
            node.loop,
            listener,
            self.journal,
            node.run / "journal" / node.name,
            self.setup.build,
            self._news,
            node.serve,
        )
        self._standing = Standing(
            self.release,
            self.journal,
            self._lease,
            self._server,
            self.setup.alone,
            self.setup.late,
            self._news,
        )

    def _news(self, what: str, figures: dict[str, object]) -> None:
        more = {"node": self.setup.node, "epoch": self.epoch, **figures}
        self._lines.add({"at": monotonic(), "what": what, **more})

    @property
    def standby(self) -> int:
        """`Standing.grade`."""
        return self._standing.grade

    def push(self) -> None:
        """Before each fsync of ours: the follower writes at the same time."""
        self._server.push()

    def tick(self, now: Nanos) -> str:
        """Lease, follower, release; why this node must stop, or ""."""
        self._lease.tick(now)
        self._server.tick(now)
        return self._standing.tick(now)

    def leave(self) -> None:
        """The day is over for this node."""
        self._lease.leave()
        self._server.stop()


def far_of(setup: PairSetup) -> Far | None:
    """The overseer's place where it is on another host; None where the run folder is shared."""
    if not setup.overseer[0]:
        return None
    mine = identity(setup.tls, setup.node)
    return Far(setup.overseer, None if mine is None else partial(mine.call, OVERSEER))


def resting(state: Any) -> tuple[list[str], list[tuple[str, str]]]:
    """What a maker's state says may rest at the exchange: contracts of quotes, and (contract,
    client id) of single orders; for a gateway that has seen none of it.
    """
    if state.opened is None:
        return [], []
    contracts = state.opened.chain.contracts
    work, ask = state.work, c.W_COLUMNS
    alive = (work[:, c.W_STATE] != Life.NONE) | (work[:, ask + c.W_STATE] != Life.NONE)
    quotes = [contracts[int(slot)].code for slot in alive.nonzero()[0]]
    orders = [
        (contracts[order.slot].code, order.client_id)
        for order in state.orders.values()
        if order.life != Life.NONE
    ]
    return quotes, orders
