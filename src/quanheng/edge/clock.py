"""Reading the clock, and the run's shared mapping of business time, kept in `live/clock.json`."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from quanheng.runtime.live import BusinessClock
from quanheng.terms.units import SECOND, Nanos

STEP = SECOND
"""A step of the wall's clock beyond this makes phase decisions unsafe (reliability.md 2.6, F60)."""
SLEW = 1_000
"""Parts of the time that passes by which a clock that is disciplined may drift: no step."""


def monotonic() -> Nanos:
    """The machine's monotonic clock; it is the same one in every process."""
    return time.monotonic_ns()


def wall() -> Nanos:
    """The wall clock, for records that people read."""
    return time.time_ns()


class WallWatch:
    """Steps of the wall's clock against the monotonic one: `moved` says each of them once.

    What a disciplined clock drifts is none, a machine that was suspended has stepped, and steps
    that are each within the bound add up.
    """

    def __init__(self, now: Callable[[], Nanos], wall: Callable[[], Nanos]) -> None:
        self._now, self._wall = now, wall
        self._at = now()
        self._apart = wall() - self._at

    def moved(self) -> Nanos:
        """By how much the wall has stepped since the last step that was told; 0 within STEP."""
        now = self._now()
        slack, self._at = (now - self._at) // SLEW, now
        moved = self._wall() - now - self._apart
        if abs(moved) <= STEP:
            self._apart += max(-slack, min(moved, slack))
            return 0
        self._apart += moved
        return moved


def write_clock(path: Path, clock: BusinessClock) -> None:
    """Store the mapping, whole or not at all."""
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(clock))
    part.replace(path)


def read_clock(path: Path) -> BusinessClock:
    """The mapping of a run. OSError or msgspec.DecodeError when there is none."""
    return msgspec.json.decode(path.read_bytes(), type=BusinessClock)
