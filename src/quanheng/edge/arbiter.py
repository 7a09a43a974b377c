"""The lease of a pair of nodes: who may try to lead, with which epoch (reliability.md 4.2).

The arbiter fences nobody: gateways and the exchange's one session do (borders.md 2). It says who
may try, never gives an epoch twice, and remembers which node alone holds the whole journal, so that
a copy that lacks what has left cannot lead. Sans-I/O; `now` is the arbiter's monotonic clock.
"""

from typing import Protocol

import msgspec

from quanheng.terms.units import MILLISECOND, Nanos

LEASE = 3_000 * MILLISECOND
RENEW_EVERY = 500 * MILLISECOND
GRACE = 200 * MILLISECOND
"""How long a holder whose connection ended has to come back before another may lead."""


class Ask(msgspec.Struct, frozen=True, array_like=True, tag="ask"):
    """Node: let me lead if I may (`fit`), or tell me who does. `known`: highest epoch I have seen;
    `host`, `port`: where my follower would find me.
    """

    node: str
    fit: bool
    known: int
    host: str
    port: int


class Renew(msgspec.Struct, frozen=True, array_like=True, tag="renew"):
    """Leader: I go on. `number` comes back, so that the deadline counts from the sending."""

    node: str
    epoch: int
    number: int


class Alone(msgspec.Struct, frozen=True, array_like=True, tag="alone"):
    """Leader: from here on my copy alone is whole (true), or my follower's is too (false)."""

    node: str
    epoch: int
    alone: bool
    number: int


class Leave(msgspec.Struct, frozen=True, array_like=True, tag="leave"):
    """Leader: I lead no more."""

    node: str
    epoch: int


class Granted(msgspec.Struct, frozen=True, array_like=True, tag="granted"):
    """Arbiter: lead with this epoch; kept on disk."""

    epoch: int


class Denied(msgspec.Struct, frozen=True, array_like=True, tag="denied"):
    """Arbiter: not now. `leader` holds the lease ("" nobody) and can be followed at the address."""

    epoch: int
    leader: str
    host: str
    port: int
    why: str


class Renewed(msgspec.Struct, frozen=True, array_like=True, tag="renewed"):
    """Arbiter: the answer to a Renew."""

    epoch: int
    number: int


class AloneKept(msgspec.Struct, frozen=True, array_like=True, tag="alone_kept"):
    """Arbiter: what the Alone with this number said is on disk."""

    epoch: int
    number: int


class Over(msgspec.Struct, frozen=True, array_like=True, tag="over"):
    """Arbiter: the epoch of this Renew or Alone leads no more; the highest is `epoch`."""

    epoch: int


ToArbiter = Ask | Renew | Alone | Leave
ToNode = Granted | Denied | Renewed | AloneKept | Over


class Lease(msgspec.Struct):
    """What survives the arbiter: the highest epoch given, and who alone is whole ("" nobody)."""

    epoch: int = 0
    whole: str = ""


class LeaseStore(Protocol):
    """Where a lease is kept."""

    def read(self) -> Lease:
        """What was kept, zeros at first."""

    def write(self, lease: Lease) -> None:
        """Keep it durably before returning."""


class Arbiter:
    """Answers one message at a time; `gone` when a node's connection ended."""

    def __init__(
        self, store: LeaseStore, now: Nanos, lease: Nanos = LEASE, grace: Nanos = GRACE
    ) -> None:
        self._store = store
        self._kept = store.read()
        self._lease, self._grace = lease, grace
        self.holder = ""
        self._place = ("", 0)
        # Whoever held it when this process began may still do so until then.
        self._until = now + lease if self._kept.epoch else now

    @property
    def epoch(self) -> int:
        """The highest epoch given."""
        return self._kept.epoch

    @property
    def whole(self) -> str:
        """The node that alone holds the whole journal, "" when there is none such."""
        return self._kept.whole

    def held(self, now: Nanos) -> bool:
        """Whether a leader may still be at work."""
        return now < self._until

    def take(
        self, message: Ask | Renew | Alone | Leave, now: Nanos
    ) -> Granted | Denied | Renewed | AloneKept | Over | None:
        """The answer to a message; None for a Leave."""
        if isinstance(message, Ask):
            return self._ask(message, now)
        if message.epoch != self._kept.epoch or self.holder not in ("", message.node):
            return Over(self._kept.epoch)
        if isinstance(message, Leave):
            self._until = now
            return None
        self.holder = message.node
        self._until = now + self._lease
        if isinstance(message, Renew):
            return Renewed(message.epoch, message.number)
        whole = message.node if message.alone else ""
        if whole != self._kept.whole:
            self._kept.whole = whole
            self._store.write(self._kept)
        return AloneKept(message.epoch, message.number)

    def _ask(self, ask: Ask, now: Nanos) -> Granted | Denied:
        why = ""
        if self.held(now):
            why = f"{self.holder or 'somebody'} leads with epoch {self._kept.epoch}"
        elif not ask.fit:
            why = f"{ask.node} does not want to"
        elif self._kept.whole not in ("", ask.node):
            why = f"only {self._kept.whole} holds all that has left"
        if why:
            return Denied(self._kept.epoch, self.holder, *self._place, why)
        self._kept.epoch = max(self._kept.epoch, ask.known) + 1
        self._store.write(self._kept)
        self.holder, self._place = ask.node, (ask.host, ask.port)
        self._until = now + self._lease
        return Granted(self._kept.epoch)

    def gone(self, node: str, now: Nanos) -> None:
        """A node's connection ended: if it leads, it must be back within the grace."""
        if node == self.holder:
            self._until = min(self._until, now + self._grace)
