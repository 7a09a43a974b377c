"""Verdict on a long live run: memory, collections, turns of every process (promises 29, 30).

    quanheng demo --live --speed 10 --contracts 24 --from 09:20 --out OUT      (about 35 minutes)
    python tools/soak.py OUT/DAY-SCENARIO-sSEED-live [MINUTES]

Of each process, from the lines of its health: growth of resident memory in KiB an hour of business
time (least squares), full collections, turns of its loop that took longer than 20 ms, and the
longest. MINUTES of business time at the beginning do not count (60): queues, caches and the first
boards fill. Exit 1 when something is over its bound or a process was started again.
"""

import sys
from pathlib import Path
from typing import Any, NamedTuple

from quanheng.compose.run_folder import read_info
from quanheng.compose.system_inspection import MOST_GROWTH, growth
from quanheng.compose.text import table
from quanheng.edge.health import LONG_TURN
from quanheng.edge.journal_lines import read_lines
from quanheng.terms.units import MILLISECOND, MINUTE

ROLES = ("exchange", "gateway", "overseer", "maker")
LONG_PPM = 1_000
"""Turns of a million that may be longer than LONG_TURN: p99.9."""
WORST_MS = 250


class Verdict(NamedTuple):
    """A process over a run. `growth` in KiB a business hour."""

    role: str
    hours: float
    growth: int
    collections: int
    turns: int
    long_turns: int
    worst_ms: int
    restarts: int

    @property
    def wrong(self) -> list[str]:
        """What is over its bound."""
        found = []
        if self.growth > MOST_GROWTH:
            found.append(f"{self.role} grows by {self.growth} KiB an hour, {MOST_GROWTH} allowed")
        if self.collections:
            found.append(f"{self.role} had {self.collections} full collections")
        if self.long_turns * 1_000_000 > LONG_PPM * self.turns:
            found.append(
                f"{self.role}: {self.long_turns} of {self.turns} turns over "
                f"{LONG_TURN // MILLISECOND} ms, more than one of a thousand"
            )
        if self.worst_ms > WORST_MS:
            found.append(f"{self.role}: longest turn {self.worst_ms} ms, {WORST_MS} allowed")
        if self.restarts:
            found.append(f"{self.role} was started again {self.restarts} times")
        if self.hours < 1:
            found.append(f"{self.role} was watched for less than a business hour")
        return found


def judge(role: str, rows: list[dict[str, Any]], speed: int, skip: int, starts: int) -> Verdict:
    """A process's verdict from its lines; `skip` minutes of business time do not count."""
    health = [row for row in rows if row["what"] == "health"]
    begin = health[0]["at"] + skip * MINUTE // speed if health else 0
    kept = [row for row in health if row["at"] >= begin]
    first, last = (kept[0], kept[-1]) if kept else ({}, {})
    span = (last.get("at", 0) - first.get("at", 0)) * speed
    points = [((row["at"] - begin) * speed, row["rss_kib"]) for row in kept]
    counted = [last.get(name, 0) - first.get(name, 0) for name in
               ("gc_full", "turns", "long_turns")]  # fmt: skip
    worst = max((row["turn_ms"] for row in kept), default=0)
    return Verdict(role, span / (60 * MINUTE), growth(points), *counted, worst, max(starts - 1, 0))


def main() -> int:
    """See the module."""
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    run, skip = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60
    speed = max(read_info(run).speed, 1)
    started = [row["role"] for row in read_lines(run / "live" / "supervisor.jsonl")
               if row["what"] == "started"]  # fmt: skip
    found = [
        judge(role, read_lines(run / "live" / f"{role}.jsonl"), speed, skip, started.count(role))
        for role in ROLES
    ]
    rows = [
        [one.role, f"{one.hours:.2f}", f"{one.growth:,}", str(one.collections), f"{one.turns:,}",
         f"{one.long_turns:,}", str(one.worst_ms), str(one.restarts)]
        for one in found
    ]  # fmt: skip
    head = ["process", "business h", "KiB/h", "full gc", "turns", "over 20 ms", "worst ms", "again"]
    print(table(head, rows, left=1))
    wrong = [words for one in found for words in one.wrong]
    print("\n".join(wrong) or "nothing is over its bound")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
