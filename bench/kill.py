"""The kill on real processes: click to refused, first cancel, last cancel, all confirmed dead.

    python bench/kill.py [CONTRACTS]

Runs exchange, gateway and maker at the wall's speed from 09:31, lets the maker quote the chain, and
measures three kills at the kill socket: one underlying, everything, and an engine that is stopped
with SIGSTOP (the dead-man's switch). Promises: reliability.md 2.5 point 3 and 2.6; the work order
asks for no new order within 50 ms, the first cancel within 100 ms, everything dead within 1 s.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from signal import Signals
from typing import Any

from quanheng.compose.day import DayPlan
from quanheng.compose.kill import proof_text
from quanheng.compose.live import Drill, Supervisor
from quanheng.compose.live_setup import prepare
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.kill_client import KillClient
from quanheng.terms.days import from_clock
from quanheng.terms.units import MILLISECOND, SECOND

START, STOP = from_clock("09:31"), from_clock("09:32:40")
PAUSE = from_clock("09:31:40")


def pull(run: Path, scope: str) -> tuple[float, dict[str, Any]]:
    """(milliseconds until the kill socket has answered, the proof once it is whole)."""
    with KillClient(run) as gateway:
        began = time.perf_counter()
        proof = gateway.ask(do="pull", scope=scope, by="BENCH")["proof"]
        answered = (time.perf_counter() - began) * 1_000
        while proof["done"] < 0 and proof["elapsed"] < 10 * SECOND:
            time.sleep(0.002)
            proof = gateway.ask(do="proof", scope=scope)["proof"]
        gateway.ask(do="release", scope=scope, by="BENCH", seconded_by="BENCH2")
    return answered, proof


def main(pick: str) -> None:
    """Run the drills and print the timeline."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        run.mkdir()
        plan = DayPlan(scenario=load("calm"), config=read_config(None), pick=pick, out=run)
        prepared = prepare(plan, 1, START, STOP)
        drills = (
            Drill(PAUSE, "maker", Signals.SIGSTOP),
            Drill(PAUSE + 3 * SECOND, "maker", Signals.SIGCONT),
        )
        with Supervisor(prepared, 1, dict(os.environ), drills) as supervisor:
            supervisor.start(START)
            # The engine keeps a pulled class HALTED, so everything goes last and the pause first.
            supervisor.watch(PAUSE + 20 * SECOND)
            timed = {scope: pull(run, scope) for scope in ("510050", "*")}
            supervisor.watch(STOP)
            supervisor.stop()
        lines = read_lines(run / "live" / "gateway.jsonl")
    for scope, (answered, proof) in timed.items():
        print(f"\nkill {scope}: the gateway refuses new requests after {answered:.1f} ms")
        print(proof_text(proof, "en"))
    silent = next(line for line in lines if line["what"] == "dead_man")
    proof = next(line for line in lines if line["what"] == "proof" and line["by"] == "dead-man")
    total = (silent["silent"] + proof["done"]) / MILLISECOND
    print(
        f"\nengine stopped: pulled {silent['silent'] / MILLISECOND:.0f} ms after the last heartbeat"
    )
    print(proof_text(proof, "en"))
    print(f"from the last heartbeat to everything confirmed dead: {total:.0f} ms")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
