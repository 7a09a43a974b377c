"""A scene: the maker's own machine at one instant of its journal, for people to look at.

A scene follows the end of a running journal, or stands anywhere in what there is of it: the nearest
snapshot is restored and the inputs behind it are applied by the very machine that traded. What the
machine says while it is rolled forward goes nowhere.
"""

import time
from typing import Any

from quanheng.compose.console_log import RunLog
from quanheng.maker.maker import Maker
from quanheng.maker.state import State
from quanheng.runtime.host import Core
from quanheng.terms.units import MINUTE, Nanos

LEAP = 5 * MINUTE
"""Forward moves longer than this go by a snapshot if there is a nearer one."""
FOREVER = 1e9
STRIDE = 32
"""Inputs between two looks at the clock."""


class Scene:
    """One machine at one place of a log. Used by one thread at a time."""

    def __init__(self, log: RunLog) -> None:
        self.log = log
        self._core = Core(Maker())
        self.inputs = 0
        self.version = 0

    @property
    def state(self) -> State:
        """The machine's state, to read only."""
        machine: Any = self._core.machine
        state: State = machine.state
        return state

    @property
    def at(self) -> Nanos:
        """Instant of the last input that was applied."""
        return self.log.at[self.inputs - 1] if self.inputs else 0

    def go(self, at: Nanos, budget: float = FOREVER) -> bool:
        """Stand after the last input at or before an instant, or where the log begins. False when
        `budget` seconds were not enough; the next call goes on.
        """
        at = max(at, self.log.begin)
        if at < self.at or at > self.at + LEAP:
            self._leap(at)
        return self._roll(self.log.until(at), budget)

    def follow(self, budget: float = FOREVER) -> bool:
        """Stand at the end of what has been read; False as in `go`."""
        if not self.version and len(self.log):
            self._leap(self.log.newest)
        return self._roll(len(self.log), budget)

    def _leap(self, at: Nanos) -> None:
        """To the nearest snapshot at or before an instant; to the beginning without one."""
        found = self.log.checkpoint(at)
        if found is not None and found.mark.at <= self.at <= at:
            return  # rolling on from here is shorter
        self.version += 1
        if found is None:
            if at < self.at:
                self._core = Core(Maker())
                self.inputs = 0
            return
        self._core = Core(Maker())
        self._core.load(found)
        self.inputs = found.mark.input_seq - self.log.base

    def _roll(self, stop: int, budget: float) -> bool:
        core, log = self._core, self.log
        until = time.monotonic() + budget
        while self.inputs < stop:
            envelope = log.envelope(self.inputs)
            core.sequencer.seq, core.sequencer.at = envelope.seq, envelope.at
            core.absorb(envelope)
            core.armed.clear()
            self.inputs += 1
            self.version += 1
            if self.inputs % STRIDE == 0 and time.monotonic() > until:
                return self.inputs >= stop
        return True
