"""The supervisor of a node: `python -m quanheng.compose.node_main HOME NAME ASKED`.

ASKED is the JSON of `node.Asked`. The day ends at its end, or in order at SIGTERM (`quanheng down`,
`systemctl stop`): the maker withdraws everything, the gateway sees it out, then the rest.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose import commands, live
from quanheng.compose.live_closing import close_day
from quanheng.compose.node import (
    DONE,
    FAILED,
    STOPPED,
    Asked,
    Node,
    begin,
    folder_of,
    write_node,
)


class Stopping:
    """True once somebody asked for the end."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._take)
        signal.signal(signal.SIGINT, self._take)

    def _take(self, number: int, frame: Any) -> None:
        self.asked = True

    def __call__(self) -> bool:
        """What it says."""
        return self.asked


def _conduct(node: Node, folder: Path, stopping: Stopping) -> None:
    asked = node.asked
    plan = commands.live_plan(asked.seed, asked.scenario, folder / "runs", asked.options)
    node.run = str(plan.out)
    write_node(folder, node)
    prepared, supervisor, seconds = live.conduct(
        plan, asked.speed, asked.start, dict(os.environ), stopping=stopping
    )
    if stopping.asked:
        prepared.write_status(STOPPED)
        node.status = STOPPED
        return
    day = close_day(prepared, supervisor.ended, seconds, supervisor.restarts)
    broken = [name for name, count in day.invariants.items() if count]
    node.status, node.reason = (FAILED, f"invariants: {broken}") if broken else (DONE, "")


def main(home: Path, name: str, asked: Asked) -> int:
    """Run one day; 0 when it ended as it should."""
    stopping = Stopping()
    node = begin(home, name, asked)
    folder = folder_of(home, name)
    try:
        _conduct(node, folder, stopping)
    except Exception as error:  # the state must say how it ended, whatever it was
        node.status, node.reason = FAILED, f"{type(error).__name__}: {error}"
        sys.stderr.write(f"{node.reason}\n")
    write_node(folder, node)
    return 1 if node.status == FAILED else 0


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[3], type=Asked)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], given))
