"""Nanoseconds of the ladder per quote side with all its checks, as kernel and as twin, and of the
figures it judges by; reliability.md 2.3 promises 50 us per side at most.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "maker"))

from maker_world import World, continuous, make_chain

from quanheng.maker import columns as c
from quanheng.maker import quoting
from quanheng.maker.checks import judge, review
from quanheng.maker.inventory import refresh_worst, totals_now

ROUNDS = 400


def best(call: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Seconds of a call, ascending."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return sorted(times)


def line(name: str, times: list[float], sides: int) -> None:
    half, high = times[len(times) // 2], times[len(times) * 99 // 100]
    print(f"{name:34} {half / sides * 1e9:9.0f} ns median  {high / sides * 1e9:9.0f} ns p99")


def wants(world: World) -> np.ndarray:
    """A two-sided want for every contract, as the planner made the quotes that rest now."""
    rows = np.zeros((len(world.chain.contracts), c.Q_COLUMNS), dtype=np.int64)
    rows[:, c.Q_SLOT] = np.arange(len(rows))
    for (slot, side), (_, price, qty) in world.resting.items():
        rows[slot, [c.Q_ASK, c.Q_ASK_QTY] if side else [c.Q_BID, c.Q_BID_QTY]] = price, qty
    return rows


def main() -> None:
    world = continuous(World.start(make_chain(strikes=10, expiries=4)))
    state, opened, at = world.state, world.state.opened, world.at
    assert opened is not None
    want = wants(world)
    sides = 2 * len(want)
    g = quoting.scalars(state, opened, 0, at)
    context = quoting.context_of(state, 0, want, g)
    totals = totals_now(state, opened, 0, at)
    soft = state.guards.soft

    def kernel() -> object:
        return judge(context, want.copy(), state.limits, soft, totals.copy(), state.actions)

    passed = judge(context, want.copy(), state.limits, soft, totals.copy(), state.actions)
    print(f"{len(want)} wants of two sides, {len(passed.rows)} pass all 38 checks")
    line("checks, kernel, per side", best(kernel), sides)
    line("context, per side", best(lambda: quoting.context_of(state, 0, want, g)), sides)
    line("figures of the class, per side", best(lambda: refresh_worst(state, opened, 0, at)), sides)
    line("totals, per side", best(lambda: totals_now(state, opened, 0, at)), sides)
    rows = [array[0].tolist() for array in (context, want, state.limits, soft)]
    line("checks, twin, one order", best(lambda: review(*rows, totals.tolist())), 1)


if __name__ == "__main__":
    main()
