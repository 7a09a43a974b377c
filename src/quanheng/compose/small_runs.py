"""Many small worlds: run, run again in another process, print what failed and how to repeat it."""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Sequence

import msgspec

from quanheng.compose.small_faults import drawn
from quanheng.compose.small_world import SmallWorld

OTHER_HASH_SEED = "271828"
PAIR_EVERY = 4
"""Every so many seeds the world has two nodes (`small_pair`)."""
COLLECT_EVERY = 20
BATCH = 200
"""Worlds whose digests one child process makes again."""


class Outcome(msgspec.Struct):
    """What became of a seed."""

    seed: int
    digest: str
    broken: list[str]
    checks: int
    counts: dict[str, int]
    faults: list[str]
    quoting: bool
    trips: list[str]


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
    faults = [str(fault) for fault in world.plan.faults]
    checks = world.checks
    digest = world.digest() if not broken else ""
    return Outcome(
        seed, digest, broken, checks.made, world.counts, faults, checks.quoting, checks.trips
    )


def digests_elsewhere(seeds: Sequence[int]) -> dict[int, str]:
    """The digests of the same seeds, made by another process with another PYTHONHASHSEED, so that
    what depends on the order of a set shows (rule 8). RuntimeError when the process fails.
    """
    command = [sys.executable, "-m", "quanheng.compose.small_runs", *map(str, seeds)]
    environment = {**os.environ, "PYTHONHASHSEED": OTHER_HASH_SEED}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the second process failed: {done.stderr[-2_000:]}")
    return {int(seed): digest for seed, digest in json.loads(done.stdout).items()}


def differences(outcomes: Sequence[Outcome]) -> None:
    """Run the good ones again elsewhere; a digest that differs breaks rule 8."""
    good = [one for one in outcomes if not one.broken]
    for start in range(0, len(good), BATCH):
        part = good[start : start + BATCH]
        again = digests_elsewhere([one.seed for one in part])
        for one in part:
            if again[one.seed] != one.digest:
                one.broken.append(f"rule 8: the second run ends in {again[one.seed]}")


def plan_of(seed: int) -> str:
    """The plan of a seed, a line for its size and one for each fault."""
    return "\n".join(f"    {line}" for line in str(drawn(seed)).splitlines())


def quiet(number: int) -> None:
    """Keep the collector out of worlds: it would walk millions of objects in each."""
    gc.disable()
    if number % COLLECT_EVERY == 0:
        gc.collect()


def _digests(seeds: Sequence[str]) -> dict[str, str]:
    made = {}
    for number, seed in enumerate(seeds):
        quiet(number)
        made[seed] = run_world(int(seed), checked=False).digest
    return made


if __name__ == "__main__":
    made = _digests(sys.argv[1:])
    sys.stdout.write(json.dumps(made))
