"""Compile every kernel once, so that a day measures trading and not the compiler.

    python -m quanheng.compose.warm

Runs the warm-up of the machines' kernels and then a small simulated day that passes through every
phase; what it compiles is kept in the kernel cache. A second call takes seconds.
"""

import sys
import time

from quanheng._kernel_cache import damaged
from quanheng.compose.closing import finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.duties.day import warm_up as warm_duties
from quanheng.kernels.warm import warm_machines
from quanheng.maker.warm import warm_up as warm_maker
from quanheng.terms.units import SECOND


def warm() -> float:
    """Compile or load everything; returns the seconds it took."""
    began = time.perf_counter()
    warm_machines()
    warm_duties()
    warm_maker()
    plan = DayPlan(scenario=load("breaker"), config=read_config(), cadence=15 * SECOND, pick="40")
    world = World(plan)
    world.run()
    finish(world, 0.0)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.stderr.write("compiling kernels …\n")
    sys.stderr.write(f"kernels ready after {warm():.1f} s\n")
    if damaged:
        sys.stderr.write(f"{len(damaged)} damaged cache files were compiled again\n")
