"""When a leader's effects may leave, with a follower and without (docs/standby.md). Sans-I/O.

With a follower they wait for its disk as well. Without one they wait until the arbiter has kept
that the leader's copy alone is whole, and then for the leader's disk only; a follower that comes
back counts again once it holds all that left meanwhile.
"""

from collections.abc import Callable
from typing import Protocol

from quanheng.runtime.journal import Journal
from quanheng.runtime.release import Policy, Release
from quanheng.terms.units import Nanos

STOPS = "the standby is gone, and the configuration says that nothing leaves without one"


class FollowerSeen(Protocol):
    """What a leader knows of its follower."""

    durable: int

    @property
    def there(self) -> bool:
        """It is connected and takes frames."""

    @property
    def close(self) -> bool:
        """It gets frames as they are appended."""

    def late(self, now: Nanos, bound: Nanos) -> bool:
        """It owes a confirmation for longer than that."""


class LeaseSeen(Protocol):
    """What a leader knows of its lease."""

    over: str
    wanted: bool | None
    alone: bool | None

    def expired(self, now: Nanos) -> bool:
        """By our own clock."""

    def say_alone(self, alone: bool) -> None:
        """Have it kept whether our copy alone is whole."""


class Standing:
    """`tick` every turn and after every commit; `release` is the one of the host."""

    def __init__(
        self,
        release: Release,
        journal: Journal,
        lease: LeaseSeen,
        follower: FollowerSeen,
        alone: bool,
        late: Nanos,
        news: Callable[[str, dict[str, object]], None],
    ) -> None:
        """`alone`: go on without a follower; `late`: when one that confirms nothing is lost."""
        self.release = release
        self.joined = False  # a follower is whole
        self._journal, self._lease, self._follower = journal, lease, follower
        self._alone, self._late, self._news = alone, late, news
        self._whole_at = journal.next_seq - 1  # a follower that holds this lacks nothing that left

    @property
    def grade(self) -> int:
        """0: nothing is released that a follower lacks, and none is whole; 1: alone and told so;
        2: a follower is whole.
        """
        if self.release.policy == Policy.SYNCED:
            return 1
        return 2 if self.joined and self._follower.close else 0

    def tick(self, now: Nanos) -> str:
        """Move on; why this node must stop leading, or ""."""
        lease, follower = self._lease, self._follower
        if lease.over or lease.expired(now):
            return lease.over or "the lease ran out"
        self.release.acknowledge(follower.durable)
        bad = not follower.there or follower.late(now, self._late)
        if self.release.policy == Policy.SYNCED:
            if follower.close and not bad:
                self.release.policy = Policy.REPLICATED
                self._whole_at = self._journal.next_seq - 1
        elif bad:
            return self._without()
        elif follower.close and follower.durable >= self._whole_at and lease.wanted is not False:
            lease.say_alone(False)
        elif follower.close and lease.wanted is False and lease.alone is False and not self.joined:
            self.joined = True
            self._news("replicated", {"seq": follower.durable})
        return ""

    def _without(self) -> str:
        """No follower confirms: stop, or go on once the arbiter knows that we are alone."""
        if not self._alone:
            return STOPS if self.joined else ""
        if self._lease.wanted is not True:
            self._lease.say_alone(True)
        elif self._lease.alone is True:
            self.release.policy = Policy.SYNCED
            self.joined = False
            self._news("alone", {})
        return ""
