"""Entry point of the maker's process: `python -m quanheng.edge.maker_main RUN SPAWNED`.

SPAWNED is the instant (monotonic clock) at which the supervisor started it; RUN/live/maker.msgpack
holds the rest. If the run has a clock already, this process replaces one that died.
"""

import sys
from pathlib import Path

import msgspec

from quanheng.edge import plugins
from quanheng.edge.child import Child, settle_memory
from quanheng.edge.clock import monotonic, read_clock
from quanheng.edge.gates import enter
from quanheng.edge.loop import Loop
from quanheng.edge.maker_process import MakerProcess
from quanheng.edge.maker_setup import MakerSetup
from quanheng.edge.pair import Lead, Node
from quanheng.edge.rehearsal import rehearse
from quanheng.edge.watchdog import Watchdog
from quanheng.terms.units import SECOND

PATIENCE = 5 * SECOND
FAILED = 70


def main(run: Path, spawned: int) -> int:
    """Run until the supervisor says stop; the exit code is 70 when it cannot go on."""
    enter(run)
    started = {"spawned": spawned, "imported": monotonic()}
    setup = msgspec.msgpack.decode((run / "live" / "maker.msgpack").read_bytes(), type=MakerSetup)
    plugins.load_opening(setup.opening)
    rehearse(setup.opening)
    started["rehearsed"] = monotonic()
    loop = Loop()
    child = Child(loop)
    lead = None
    if setup.pair is not None:
        lead = stand_by(Node(run, setup.pair, loop), child)
        if lead is None:
            return 0
        started["granted"] = monotonic()
    process = MakerProcess(run, setup, loop, started, lead)
    if lead is None:
        settle_memory()
    watchdog = Watchdog(loop, run, "maker")
    if lead is None:
        child.tell("ready", resumed=process.resumed)
    child.wait_for_go(lambda: loop.poll(0.02))
    if child.going:
        process.begin(read_clock(run / "live" / "clock.json"))
        while not child.stopping and not process.failed:
            process.turn()
    if child.going and not process.failed:
        process.leave()
        until = monotonic() + PATIENCE
        while process.link.farewell is None and process.link.up and monotonic() < until:
            process.turn()
    watchdog.stop()
    farewell = process.link.farewell
    counts = process.close()
    child.tell("ended", open=farewell.open if farewell else -1, **counts)
    if process.failed:
        sys.stderr.write(f"maker: {process.failed}\n")
        return FAILED
    return 0


def stand_by(node: Node, child: Child) -> Lead | None:
    """Follow until this node may lead; None when the run ends before."""
    settle_memory()
    child.tell("ready", resumed=node.copy.inputs > 0)
    while not child.stopping and not node.granted:
        node.turn()
        node.going = child.going
    if child.stopping:
        child.tell("ended", open=-1, **node.close())
        return None
    child.tell("leads", epoch=node.lease.epoch)
    return node.lead()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
