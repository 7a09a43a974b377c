"""Entry point of the overseer's process: `python -m quanheng.edge.overseer_main RUN`.

RUN/live/overseer.msgpack holds the rest. If the run has a journal of the overseer already, this
process replaces one that died.
"""

import sys
from pathlib import Path

import msgspec

from quanheng.edge.child import Child, settle_memory
from quanheng.edge.clock import read_clock
from quanheng.edge.gates import enter
from quanheng.edge.loop import Loop
from quanheng.edge.overseer_process import OverseerProcess, Setup
from quanheng.edge.rehearsal import rehearse_overseer
from quanheng.edge.watchdog import Watchdog
from quanheng.terms.units import SECOND

PATIENCE = 5 * SECOND


def main(run: Path) -> None:
    """Run until the supervisor says stop."""
    enter(run)
    setup = msgspec.msgpack.decode((run / "live" / "overseer.msgpack").read_bytes(), type=Setup)
    rehearse_overseer(setup.opening)
    loop = Loop()
    child = Child(loop)
    process = OverseerProcess(run, setup, loop)
    settle_memory()
    watchdog = Watchdog(loop, run, "overseer")
    child.tell("ready", resumed=process.resumed)
    child.wait_for_go(lambda: loop.poll(0.02))
    if child.going:
        process.begin(read_clock(run / "live" / "clock.json"))
        while not child.stopping:
            process.turn()
        process.leave(PATIENCE)
    watchdog.stop()
    child.tell("ended", **process.close())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
