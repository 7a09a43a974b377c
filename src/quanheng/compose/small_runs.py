"""One small world by its seed, and the process that runs many of them for others.

The process (`python -m quanheng.compose.small_runs`) lives as long as its input: a line of JSON,
`{"seeds": [...], "checked": true}`, is answered by a line with their outcomes.
"""

import gc
import sys
import time
from typing import BinaryIO

import msgspec

from quanheng.compose.small_faults import drawn
from quanheng.compose.small_world import SmallWorld

PAIR_EVERY = 4
"""Every so many seeds the world has two nodes (`small_pair`)."""
COLLECT_EVERY = 50


class Outcome(msgspec.Struct):
    """What became of a seed."""

    seed: int
    digest: str
    broken: list[str]
    checks: int
    counts: dict[str, int]
    faults: dict[str, int]  # kind -> how often it struck
    quoting: bool
    trips: list[str]


class Task(msgspec.Struct):
    """Seeds to run; not `checked`: only for their digests."""

    seeds: list[int]
    checked: bool


class Done(msgspec.Struct):
    """The answer to a Task; `cpu` are milliseconds of processor time."""

    outcomes: list[Outcome]
    cpu: int


def run_world(seed: int, checked: bool = True) -> Outcome:
    """One world. An exception of any part of it is a broken rule too. Not `checked`: only for its
    digest, since the rules were held against the first run.
    """
    world = SmallWorld(seed, pair=seed % PAIR_EVERY == 0, checked=checked)
    try:
        world.run()
        broken = list(world.checks.broken)
    except Exception as error:
        broken = [f"exception at {world.since / 1e9:.2f} s: {type(error).__name__}: {error}"]
    faults: dict[str, int] = {}
    for fault in world.plan.faults:
        faults[fault.kind] = faults.get(fault.kind, 0) + 1
    checks = world.checks
    digest = world.digest() if not broken else ""
    return Outcome(
        seed, digest, broken, checks.made, world.counts, faults, checks.quoting, checks.trips
    )


def plan_of(seed: int) -> str:
    """The plan of a seed, a line for its size and one for each fault."""
    return "\n".join(f"    {line}" for line in str(drawn(seed)).splitlines())


def quiet(number: int) -> None:
    """Keep the collector out of worlds: it would walk millions of objects in each. What stays is
    set aside once the first worlds have made it.
    """
    gc.disable()
    if number % COLLECT_EVERY == 0:
        gc.collect()
        gc.freeze()


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answer tasks until the input ends."""
    number = 0
    for line in source:
        task = msgspec.json.decode(line, type=Task)
        began, outcomes = time.process_time_ns(), []
        for seed in task.seeds:
            quiet(number)
            number += 1
            outcomes.append(run_world(seed, task.checked))
        cpu = (time.process_time_ns() - began) // 1_000_000
        target.write(msgspec.json.encode(Done(outcomes, cpu)) + b"\n")
        target.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
