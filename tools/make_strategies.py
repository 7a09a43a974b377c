"""Run every strategy's scenes and keep the records under src/quanheng/data/strategies.

    .venv/bin/python tools/make_strategies.py [--workers N] [--release BY SECONDED_BY YYYYMMDD]

A record that is the same as the kept one keeps its release; any other loses it. With --release the
strategies that passed every scene are entered in the names of the two.
"""

import argparse
from pathlib import Path

import msgspec

from quanheng.compose.people import read_people
from quanheng.compose.scenes import read_scenes
from quanheng.compose.strategy_inspection import run_scenes
from quanheng.compose.strategy_records import (
    problem,
    read_record,
    record_of,
    refusal,
    released,
    write_record,
)
from quanheng.config import read_config

FOLDER = Path(__file__).parents[1] / "src" / "quanheng" / "data" / "strategies"


def main() -> None:
    """Write the records and say what stands now."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--release", nargs=3, metavar=("BY", "SECONDED_BY", "DAY"))
    asked = parser.parse_args()
    found, people = read_scenes(), read_people()
    seen = run_scenes(found, found.strategies, (), read_config(), asked.workers)
    for strategy in found.strategies:
        kept = read_record(strategy)
        record = record_of(strategy, seen[strategy.name])
        if kept is not None and kept.released and not problem(kept, record.scenes):
            record = msgspec.structs.replace(
                record, made_by=kept.made_by, checked_by=kept.checked_by, released=kept.released
            )
        elif asked.release:
            by, seconded_by, day = asked.release
            record = released(record, by, seconded_by, int(day), people)
        write_record(FOLDER, strategy, record)
        standing = problem(record, record.scenes) or refusal(record, people) or "released"
        print(f"{strategy.name} {strategy.version}: {standing}")


if __name__ == "__main__":
    main()
