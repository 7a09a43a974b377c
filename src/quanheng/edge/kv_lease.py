"""The lease of a pair kept in a shared store by compare-and-swap (reliability.md 1.7, 4.2, F62).

Each node has an agent of its own that speaks the arbiter's messages (`edge.arbiter`) with it; the
agents meet only in one record of the store. A record that has not changed for a whole lease on the
agent's own clock is free to take, by a write that names the revision it replaces.

The store is believed in one thing only, that of two such writes one fails. What it may lose, or
tell anew, is caught here: epochs of a node leave its own slot as rest, so no two nodes get one; the
highest that an agent ever tried is on its disk before the store hears of it; and a record that is
older than one seen before is not acted on. So no epoch is given twice, and gateways refuse lower
ones. Sans-I/O; `now` is the agent's monotonic clock.
"""

from typing import Protocol

import msgspec

from quanheng.edge.arbiter import (
    GRACE,
    Alone,
    AloneKept,
    Ask,
    Denied,
    Granted,
    Leave,
    Over,
    Renew,
    Renewed,
)
from quanheng.terms.units import SECOND, Nanos

LEASE = 20 * SECOND
"""Longer than the longest election of a cluster that was measured, 15 s (dependencies.md 4)."""
ANSWERS = 3 * SECOND
"""A store that has told nothing for so long does not answer."""
UNREAD = -1
NODES = 2


class Held(msgspec.Struct, frozen=True, array_like=True):
    """The record: who leads with which epoch and where it is found, who alone is whole. `count`
    grows with every write; `free`: it was given up.
    """

    epoch: int = 0
    count: int = 0
    node: str = ""
    host: str = ""
    port: int = 0
    whole: str = ""
    free: bool = True

    def later(self, other: "Held") -> bool:
        """Was it written after the other one?"""
        return (self.epoch, self.count) > (other.epoch, other.count)


class Kept(msgspec.Struct):
    """What an agent has on its own disk: the highest epoch it ever tried, the latest record."""

    tried: int = 0
    seen: Held = Held()


class KeptStore(Protocol):
    """Where `Kept` survives the agent."""

    def read(self) -> Kept:
        """What was kept, zeros at first."""

    def write(self, kept: Kept) -> None:
        """Durable when it returns."""


Answer = Granted | Denied | Renewed | AloneKept | Over


class Agent:
    """Of one node. The caller reads and writes the store one at a time: what `wanted` gives is
    written, then `wrote` or `failed` told; `read` tells what the store holds.
    """

    def __init__(
        self,
        node: str,
        slot: int,
        store: KeptStore,
        now: Nanos,
        lease: Nanos = LEASE,
        grace: Nanos = GRACE,
    ) -> None:
        """`slot`: 0 to NODES - 1, another one for each node of the pair."""
        self.node = node
        self.revision = UNREAD  # of the record, while it may be built on
        self.record = Held()
        self._slot, self._store, self._lease, self._grace = slot, store, lease, grace
        self._kept = store.read()
        self._since = now  # since when the record is as it is
        self._heard: Nanos = 0
        self._last = UNREAD
        self._ask: Ask | None = None
        self._renew: Renew | None = None
        self._alone: Alone | None = None
        self._leave = False
        self._gone: Nanos = 0
        self._under_way: Held | None = None  # written, perhaps
        self._covers: tuple[Ask | None, Renew | None, Alone | None] = (None, None, None)
        self._answers: list[Answer] = []

    @property
    def latest(self) -> Held:
        """The record, or a later one that was seen before: then the store went back."""
        seen = self._kept.seen
        return seen if seen.later(self.record) else self.record

    @property
    def epoch(self) -> int:
        """The highest epoch known."""
        return max(self.latest.epoch, self._kept.tried)

    # What the store says --------------------------------------------------------------------------

    def read(self, revision: int, record: Held, now: Nanos) -> None:
        """The store holds this; revision 0: nothing."""
        self._heard = now
        if (revision, record) != (self._last, self.record):
            self._since = now
        self._last = self.revision = revision
        self.record = record
        under_way, self._under_way = self._under_way, None
        if under_way is not None and under_way == record:
            self._answered(record)
        self._keep(record)

    def wrote(self, revision: int, now: Nanos) -> None:
        """What `wanted` gave is in the store."""
        record, self._under_way = self._under_way, None
        assert record is not None, "nothing was written"
        self._heard = self._since = now
        self._last = self.revision = revision
        self.record = record
        self._keep(record)
        self._answered(record)

    def failed(self, unknown: bool) -> None:
        """It is not, for somebody else wrote; or nobody knows. Read before anything else."""
        self.revision = UNREAD
        if not unknown:
            self._under_way = None

    def _keep(self, record: Held) -> None:
        before = self._kept.seen
        if not record.later(before):
            return
        self._kept.seen = record
        if msgspec.structs.replace(record, count=before.count) != before:
            self._store.write(self._kept)  # not for a renewal alone

    def _answered(self, record: Held) -> None:
        ask, renew, alone = self._covers
        if ask is not None and self._ask is not None:
            self._ask = None
            self._answers.append(Granted(record.epoch))
        if renew is not None:
            self._answers.append(Renewed(record.epoch, renew.number))
            self._renew = None if self._renew is renew else self._renew
        if alone is not None:
            self._answers.append(AloneKept(record.epoch, alone.number))
            self._alone = None if self._alone is alone else self._alone
        if record.free:
            self._leave = False

    # What the node says ---------------------------------------------------------------------------

    def take(self, message: Ask | Renew | Alone | Leave) -> None:
        """A message of our node; `answers` follow."""
        self._gone = 0
        match message:
            case Ask():
                self._ask = message
            case Renew():
                self._renew = message
            case Alone():
                self._alone = message
            case Leave():
                self._leave = True

    def gone(self, now: Nanos) -> None:
        """Our node's connection ended: it must be back within the grace, or its lease is free.

        What it asked is forgotten: it would count its lease from another asking.
        """
        self._gone = now
        self._ask = self._renew = self._alone = None
        self._covers = (None, None, None)

    def answers(self, now: Nanos) -> list[Answer]:
        """What our node is told now."""
        latest = self.latest
        if self._ask is not None and self._under_way is None:
            why = self._denial(self._ask, now)
            if why:
                held = self._held(now) and not latest.free
                place = (latest.node, latest.host, latest.port) if held else ("", "", 0)
                self._answers.append(Denied(latest.epoch, *place, why))
                self._ask = None
        for said in (self._renew, self._alone):
            if said is not None and self.revision != UNREAD and not self._ours(said.epoch):
                self._answers.append(Over(latest.epoch))
                self._renew = self._alone = None
        out, self._answers = self._answers, []
        return out

    def beat(self) -> Answer | None:
        """Something that moves nothing, for a node that waits for its answer."""
        if self._ask is not None:
            return Over(self.latest.epoch)  # heard by who leads only
        waiting = self._renew or self._alone
        return None if waiting is None else Renewed(waiting.epoch, 0)

    def _ours(self, epoch: int) -> bool:
        return self.latest.node == self.node and self.latest.epoch == epoch

    def _held(self, now: Nanos) -> bool:
        """Another node may be at work."""
        latest = self.latest
        return not latest.free and latest.node != self.node and now < self._since + self._lease

    def _denial(self, ask: Ask, now: Nanos) -> str:
        """Why our node may not lead now; "" also while the store is to be read first."""
        latest = self.latest
        if now - self._heard > ANSWERS:
            return "the store of the lease does not answer"
        if self.revision == UNREAD:
            return ""
        if self._held(now):
            return f"{latest.node} leads with epoch {latest.epoch}"
        if not ask.fit:
            return f"{ask.node} does not want to"
        if latest.whole not in ("", ask.node):
            return f"only {latest.whole} holds all that has left"
        return ""

    # What is to be written ------------------------------------------------------------------------

    def wanted(self, now: Nanos) -> Held | None:
        """What to write in place of `revision`; None for nothing, or while it is not known."""
        if self.revision == UNREAD or self._under_way is not None:
            return None
        latest = self.latest
        replace, count = msgspec.structs.replace, latest.count + 1
        record = None
        covers: tuple[Ask | None, Renew | None, Alone | None] = (None, None, None)
        if self._ask is not None and not self._denial(self._ask, now):
            ask = self._ask
            epoch = self._epoch_after(max(latest.epoch, ask.known, self._kept.tried))
            record = Held(epoch, count, ask.node, ask.host, ask.port, latest.whole, False)
            covers = (ask, None, None)
            self._kept.tried = epoch
            self._store.write(self._kept)
        elif latest.node == self.node and (self._leave or self._left(now)):
            if not latest.free:
                record = replace(latest, count=count, free=True)
            self._leave = False
        elif any(said and self._ours(said.epoch) for said in (self._renew, self._alone)):
            whole = latest.whole
            if self._alone is not None:
                whole = self.node if self._alone.alone else ""
            record = replace(latest, count=count, whole=whole, free=False)
            covers = (None, self._renew, self._alone)
        if record is not None:
            self._under_way, self._covers = record, covers
        return record

    def _left(self, now: Nanos) -> bool:
        return bool(self._gone) and now - self._gone >= self._grace

    def _epoch_after(self, known: int) -> int:
        """The next epoch that is of our slot."""
        return known + 1 + (self._slot - known - 1) % NODES
