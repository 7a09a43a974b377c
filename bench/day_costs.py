"""Where the seconds of a simulated day go, and how they grow with the number of contracts.

    .venv/bin/python bench/day_costs.py [HH:MM]

Runs the same hour of the calm scenario (09:10 to 10:30 unless a time is given, full 2/s cadence,
journals on disk) with 50, 100, 200 and all 396 contracts. Each stage is timed inside one process by
wrapping its calls; the rest is the host: envelopes, journal, event heap. The times include the
wrapping itself, about 0.3 us a call.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quanheng.compose.closing import finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.scenarios import load
from quanheng.compose.text import table
from quanheng.config import read_config
from quanheng.terms.units import MILLISECOND

SIZES = ("50", "100", "200", "")
STAGES = ("venue", "etf", "maker", "oversight", "order line", "feed line", "host")


class Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(STAGES, 0.0)

    def timed(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, its time added to a stage."""
        seconds, clock = self.seconds, time.perf_counter

        def run(*arguments: Any) -> Any:
            began = clock()
            try:
                return call(*arguments)
            finally:
                seconds[stage] += clock() - began

        return run


class TimedMachine:
    """A machine whose `apply` is timed; everything else is the machine's own."""

    def __init__(self, machine: Any, watch: Stopwatch, stage: str) -> None:
        self._machine = machine
        self.apply = watch.timed(stage, machine.apply)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)


def measure(pick: str, until: str) -> tuple[World, Stopwatch, float, float]:
    """Run once; (world, stopwatch, seconds of the run, seconds of the day end)."""
    folder = Path(tempfile.mkdtemp(prefix="day-costs-"))
    plan = DayPlan(
        scenario=load("calm"),
        config=read_config(),
        cadence=500 * MILLISECOND,
        pick=pick,
        until=until,
        out=folder / "run",
    )
    world, watch = World(plan), Stopwatch()
    world.begin()
    for name, host in world.simulation.hosts.items():
        if name in watch.seconds:
            host.machine = TimedMachine(host.machine, watch, name)
    for wire in world.simulation.wires:
        if wire.carry is not None:
            stage = "feed line" if "feed" in wire.name else "order line"
            wire.carry = watch.timed(stage, wire.carry)
    began = time.perf_counter()
    world.run()
    ran = time.perf_counter() - began
    watch.seconds["host"] = ran - sum(watch.seconds.values())
    began = time.perf_counter()
    finish(world, ran)
    ended = time.perf_counter() - began
    shutil.rmtree(folder)
    return world, watch, ran, ended


def main() -> None:
    """Print the table."""
    until = sys.argv[1] if len(sys.argv) > 1 else "10:30"
    measure("24", "09:35")  # kernels loaded
    rows = []
    for pick in SIZES:
        world, watch, ran, ended = measure(pick, until)
        cells = [f"{watch.seconds[stage]:.2f}" for stage in STAGES]
        contracts = len(world.reference.chain.contracts)
        requests = world.line.messages_up
        rows.append([str(contracts), f"{requests:,}", *cells, f"{ran:.2f}", f"{ended:.2f}"])
    print(f"seconds of 09:10 to {until}, calm, 2 snapshots a second")
    print(table(["contracts", "requests", *STAGES, "run", "day end"], rows, left=0))


if __name__ == "__main__":
    main()
