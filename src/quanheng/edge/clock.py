"""Reading the clock, and the run's shared mapping of business time, kept in `live/clock.json`."""

import time
from pathlib import Path

import msgspec

from quanheng.runtime.live import BusinessClock
from quanheng.terms.units import Nanos


def monotonic() -> Nanos:
    """The machine's monotonic clock; it is the same one in every process."""
    return time.monotonic_ns()


def wall() -> Nanos:
    """The wall clock, for records that people read."""
    return time.time_ns()


def write_clock(path: Path, clock: BusinessClock) -> None:
    """Store the mapping, whole or not at all."""
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(clock))
    part.replace(path)


def read_clock(path: Path) -> BusinessClock:
    """The mapping of a run. OSError or msgspec.DecodeError when there is none."""
    return msgspec.json.decode(path.read_bytes(), type=BusinessClock)
