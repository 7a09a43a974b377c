"""The live form of a host: one machine on a running clock (borders.md 1, 2).

Timers of business rules come due on business time, business = base + (elapsed - origin) x speed;
everything that is about machines and lines (heartbeats, dead-man, fsync, back-off) stays on elapsed
time. The loop that owns the sockets calls `advance`, `take` and `commit`; nothing here waits.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from quanheng.runtime.envelope import NotSent, Source
from quanheng.runtime.host import Host
from quanheng.runtime.release import Held, not_sent
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

NEVER: Nanos = 1 << 62


class BusinessClock(msgspec.Struct, frozen=True):
    """The mapping every process of a run shares; run.json shows it.

    `origin` is on the monotonic clock of the machine that runs them all.
    """

    base: Nanos  # business time at `origin`
    origin: Nanos
    speed: int

    def at(self, monotonic: Nanos) -> Nanos:
        """Business time at an instant of the monotonic clock, down to whole milliseconds."""
        at = self.base + (monotonic - self.origin) * self.speed
        return at - at % MILLISECOND

    def when(self, at: Nanos) -> Nanos:
        """The instant of the monotonic clock at which business time reaches `at`."""
        return self.origin - (self.base - at) // self.speed


class LiveHost:
    """A Host that is driven by a clock, with its snapshots.

    Effects come back in two ways: `advance` and `take` return them at once, for what stays inside
    the process; `commit` returns what may leave it under the release policy.
    """

    def __init__(
        self,
        host: Host,
        snapshot_every: Nanos = 0,
        marks: Sequence[Nanos] = (),
        pause: Nanos = SECOND,
    ) -> None:
        """`snapshot_every` of business time (0: never) and at `marks`, but not more often than
        every `pause` of elapsed time: at a high speed the disk would do nothing else.
        """
        self.host = host
        self.snapshots = 0
        self._every = snapshot_every
        self._marks = sorted(marks)
        self._pause = pause
        self._next = NEVER
        self._last_written: Nanos = 0

    @property
    def at(self) -> Nanos:
        """Business time of the last input."""
        return self.host.sequencer.at

    def take(self, body: Any, at: Nanos, source: Source, cause: int = 0) -> Sequence[Any]:
        """Journal and apply one input; its effects are held until `commit`."""
        effects = self.host.take(body, at, source, cause)
        self.host.armed.clear()  # the table of timers says when they are due
        return effects

    def next_due(self) -> Nanos:
        """Business time of the earliest timer, NEVER when there is none."""
        due = self.host.timers.next_due()
        return NEVER if due is None else due[0]

    def fire(self, now: Nanos) -> Sequence[Any] | None:
        """Take the earliest timer that is due at `now`; None when none is."""
        effects = self.host.fire(now)
        self.host.armed.clear()
        return effects

    def advance(self, now: Nanos, enough: Callable[[], bool] | None = None) -> bool:
        """Fire what is due at `now`, oldest first; False when `enough` stopped it before."""
        while self.host.fire(now) is not None:
            self.host.armed.clear()
            if enough is not None and enough():
                return False
        return True

    def commit(self) -> list[Held]:
        """Group commit; what may leave now, in order."""
        return self.host.commit()

    def checkpoint_due(self, monotonic: Nanos) -> bool:
        """Whether `checkpoint` should be called at this point of the run."""
        at = self.at
        if self._next == NEVER:
            self._plan(at)
        due = at >= self._next or (bool(self._marks) and at >= self._marks[0])
        return due and monotonic - self._last_written >= self._pause

    def checkpoint(self, monotonic: Nanos) -> None:
        """Write a snapshot and plan the next."""
        self.host.checkpoint()
        self.snapshots += 1
        self._last_written = monotonic
        self._plan(self.at)

    def _plan(self, at: Nanos) -> None:
        while self._marks and self._marks[0] <= at:
            self._marks.pop(0)
        self._next = at - at % self._every + self._every if self._every else NEVER - 1

    def finish(self) -> None:
        """The day is over: last snapshot, sync and close."""
        self.host.checkpoint()
        self.host.journal.sync()
        self.host.journal.close()


def unsent(held: Sequence[Held], why: str) -> NotSent | None:
    """The NotSent input for released effects that found their line closed."""
    return not_sent([effect for part in held for effect in part.effects], why)
