"""What copies in JetStream cost: publication, copier, reader, the maker beside them, an election.

    python bench/messaging.py [SNAPSHOTS] [STRIKES] [KILLS]

Three real servers on loopback with `sync_interval: always`, all on this machine's one disk. The
maker's release is measured in turn, in one run: blocks of snapshots while the copier's process
copies, and blocks while it is stopped. Wall time of a machine that others use: compare the columns.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from replication import BLOCK, WARM, Bench, cells

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "messaging"))

from copy_rig import MACHINE, CopyRig, servers_of
from kv_rig import KvRig
from nats_rig import Cluster, wait_for

from quanheng.compose.text import table
from quanheng.edge.build import write_build
from quanheng.edge.clock import monotonic
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.lease import LeaseKeeper
from quanheng.edge.nats_copying import Setup, streams_of
from quanheng.edge.nats_line import NatsLine
from quanheng.edge.nats_tail import StreamTail
from quanheng.maker.maker import Maker
from quanheng.terms.units import SECOND

FRAMES = 10_000
CHAINED = 300
BODY = b"\xa4ping" + b"x" * 230
"""About the median frame of a maker's day."""


def publication(cluster: Cluster, root: Path) -> None:
    """One frame after another, each waited for; then the copier as it is; then a reader."""
    rig = CopyRig(root / "publication", cluster)
    rig.write(CHAINED // 2, BODY)
    stream = rig.stream()
    stream.make(1)
    took = []
    for frame in rig.journal.read(1):
        began = time.perf_counter()
        stream.put([frame])
        took.append(time.perf_counter() - began)
    print("publication, one frame waited for at a time, microseconds 50/90/99 %:", cells(took))
    rig.copied()
    rows = []
    for count in (FRAMES, 2 * FRAMES):
        rig.write(count // 2, BODY)
        began = time.perf_counter()
        rig.copied()
        seconds = time.perf_counter() - began
        rows.append([f"copier, {count:,} frames behind", f"{count / seconds:,.0f}"])
    kept = rig.journal.next_seq - 1
    tail = StreamTail(rig.line(), rig.name, MACHINE)
    began = time.perf_counter()
    read = sum(1 for _ in tail.poll())
    rows.append([f"reader, {kept:,} frames", f"{read / (time.perf_counter() - began):,.0f}"])
    print(table(["what", "frames/s"], rows))
    rig.close()


def release(cluster: Cluster, root: Path, snapshots: int, strikes: int) -> None:
    """From a snapshot's arrival to the quotes' release, with and without the copier at work."""
    run = root / "maker"
    (run / "live").mkdir(parents=True)
    write_build(run)
    streams = streams_of("bench", (Maker.NAME,), "release")
    setup = msgspec.msgpack.encode(Setup(servers_of(cluster), streams))
    (run / "live" / "copier.msgpack").write_bytes(setup)
    bench = Bench(run, strikes)
    child = subprocess.Popen(
        [sys.executable, "-m", "quanheng.edge.copier_main", str(run)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONHASHSEED": "0"},
    )  # fmt: skip
    assert child.stdin is not None and child.stdout is not None
    child.stdout.readline()
    gc.collect()
    gc.disable()
    found: dict[bool, list[tuple[float, float, int]]] = {False: [], True: []}
    try:
        for number in range(snapshots + WARM):
            copies = number // BLOCK % 2 == 1
            if number % BLOCK == 0:
                os.kill(child.pid, signal.SIGCONT if copies else signal.SIGSTOP)
            measured = bench.snapshot(number, replicated=False)
            if number >= WARM:
                found[copies].append(measured)
        os.kill(child.pid, signal.SIGCONT)
        last = bench.journal.next_seq - 1
        child.stdin.write(b"stop\n")
        child.stdin.flush()
        told = json.loads(child.communicate()[0].splitlines()[-1])
    finally:
        gc.enable()
        child.kill()
        bench.server.stop()
        bench.loop.close()
        bench.journal.close()
    rows: list[list[Any]] = []
    for name, key in (("copier stopped", False), ("copier at work", True)):
        for what, index in (("work", 0), ("wait", 1)):
            rows.append([name, what, *cells([one[index] for one in found[key]])])
        rows.append([name, "both", *cells([one[0] + one[1] for one in found[key]])])
    print(f"{bench.contracts} contracts, {snapshots} snapshots, microseconds")
    print(table(["", "what", "50 %", "90 %", "99 %"], rows))
    stopped = [row for row in read_lines(run / "live" / "copier.jsonl") if row["what"] == "down"]
    print(f"copied {told['maker_confirmed']:,} of {last:,} frames, lines lost {len(stopped)}")


def elections(cluster: Cluster, root: Path, kills: int) -> None:
    """kill -9 of the server that leads the stream, until the next frame is on two servers."""
    rig = CopyRig(root / "elections", cluster)
    rig.write(10)
    rig.copied()
    took = []
    for _ in range(kills):
        cluster.whole()
        seen = rig.stream().look()
        assert seen is not None
        rig.copied()
        cluster.named(seen.leader).kill()
        began = monotonic()
        rig.write(1)
        rig.copied()
        took.append((monotonic() - began) / 1e9)
    cluster.whole()
    wait_for(lambda: rig.held() == rig.kept(), 30)
    print(f"kill -9 of the leading server, {kills} times, seconds until the next frame is copied: "
          f"least {min(took):.1f}, median {np.median(took):.1f}, most {max(took):.1f}; "
          f"the stream was made {rig.copier.made} time")  # fmt: skip
    rig.close()


def gap(rig: KvRig, holder: LeaseKeeper) -> float:
    """Seconds between two renewals that were answered, at most a second when nothing is lost."""
    before = holder._until
    rig.until(lambda: holder._until > before + SECOND, "a renewal after the election")
    assert holder.valid(monotonic()), "the lease outlasts the election"
    return (holder._until - before) / 1e9


def move(rig: KvRig, other: LeaseKeeper) -> float:
    """Milliseconds until a side leads."""
    return rig.until(lambda: other.epoch, "the other one leads") / 1e6


def leases(cluster: Cluster, root: Path, kills: int) -> None:
    """kill -9 of the server that leads the lease's store: how long no renewal was answered; and of
    the maker that leads: how long until the other one does.
    """
    rig = KvRig(root / "leases", cluster, "bench")
    gaps, moves = [], []
    keepers = {name: rig.sides[name].start_keeper() for name in "ab"}
    rig.until(lambda: any(one.epoch for one in keepers.values()), "one leads")
    for _ in range(kills):
        leads, other = ("a", "b") if keepers["a"].epoch else ("b", "a")
        line = NatsLine(servers_of(cluster), "bench")
        line.dial()
        server = line.call(lambda js: js.stream_info("KV_QH-TEST")).cluster.leader
        line.close()
        cluster.named(server).kill()
        gaps.append(gap(rig, keepers[leads]))
        cluster.whole()
        rig.sides[leads].kill_keeper()
        moves.append(move(rig, keepers[other]))
        keepers[leads] = rig.sides[leads].start_keeper()
    rig.close()
    rows = [
        [f"{what}, {kills} times", *(f"{one:,.1f}" for one in (min(row), np.median(row), max(row)))]
        for what, row in (
            ("kill -9 of the lease's server, s between renewals", gaps),
            ("kill -9 of the maker, ms until the other leads", moves),
        )
    ]
    print(table(["", "least", "median", "most"], rows))


def main() -> None:
    """Print the figures."""
    words = [int(word) for word in sys.argv[1:]]
    snapshots, strikes, kills = [*words, *(200, 10, 5)[len(words) :]]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        cluster = Cluster(root / "servers")
        try:
            cluster.start()
            publication(cluster, root)
            release(cluster, root, snapshots, strikes)
            elections(cluster, root, kills)
            leases(cluster, root, kills)
        finally:
            cluster.close()


if __name__ == "__main__":
    main()
