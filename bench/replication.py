"""What a follower costs: from a snapshot's arrival to the quotes' release, without and with one.

    python bench/replication.py [SNAPSHOTS] [STRIKES] [tls]

One class, the real maker, host and journal on disk. In turn, in one run, a block of snapshots is
released behind our own disk alone (`synced`), and a block behind ours and a follower's
(`replicated`), which is another process on loopback that copies, fsyncs, confirms and applies; with
`tls` over a secured line, as between hosts. The median, 90 and 99 per cent of: the machine's work,
the wait for release, both. Wall time of a machine that others use: compare the columns, not the
runs.
"""

import gc
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "maker"))

import maker_world
from maker_world import SPOT, World, continuous, make_chain

from quanheng.compose.pair_keys import make
from quanheng.compose.text import table
from quanheng.edge.dialer import Dialer
from quanheng.edge.follower import Copy
from quanheng.edge.loop import Loop, tcp_begin, tcp_listener
from quanheng.edge.replication import (
    BOUND,
    Durable,
    Follow,
    Frames,
    ReplicaServer,
    ReplicatedJournal,
    ToFollower,
)
from quanheng.edge.tls import identity
from quanheng.kernels.pack import pack
from quanheng.maker.maker import Maker
from quanheng.runtime.envelope import Source
from quanheng.runtime.host import Host
from quanheng.runtime.release import Policy, Release
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.terms.codes import Phase
from quanheng.terms.market import ChainTick, UnderlyingTick, UnderlyingTicks
from quanheng.terms.orders import Send
from quanheng.terms.units import MILLISECOND

STEP = 500 * MILLISECOND
BLOCK = 20
WARM = 20


def follow(folder: Path, port: int, keys: str) -> None:
    """The other process: a follower until its leader is gone."""
    mine = identity(keys, "b")
    call = None if mine is None else partial(mine.call, "a")
    loop = Loop()
    journal = ReplicatedJournal(folder, Maker.NAME)
    copy = Copy(Maker, journal, FolderSnapshots(folder, Maker.NAME))

    def take(message: Frames) -> None:
        line.send(Durable(copy.take(message.data)))
        loop.flush()
        found = copy.apply()
        assert found is None, found

    def hello() -> None:
        line.send(Follow(Maker.NAME, journal.next_seq, journal.chain, "bench"))

    line = Dialer(
        loop, lambda: tcp_begin("127.0.0.1", port), ToFollower, take, hello, 0, BOUND, call
    )
    while line.losses == 0:
        line.tick(time.monotonic_ns())
        loop.poll(0.5)
        loop.flush()


class Journaled:
    """Stands for the maker in a world of the tests: every input goes through the host."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def state(self) -> Any:
        """The machine's."""
        return self._host.machine.state

    def apply(self, envelope: Any) -> Any:
        """Journal, apply, hold."""
        host = self._host
        effects = host.take(envelope.body, envelope.at, envelope.source, envelope.cause)
        host.armed.clear()
        return effects


class Bench:
    """A maker whose inputs are journaled, and whose effects wait for release."""

    def __init__(self, folder: Path, strikes: int, keys: str) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.loop = Loop()
        self.journal = ReplicatedJournal(folder, Maker.NAME)
        self.release = Release(Policy.SYNCED)
        self.host = Host(Maker(), self.journal, None, self.release)
        shim = Journaled(self.host)
        vars(maker_world)["Maker"] = lambda: shim
        world = self.world = continuous(World.start(make_chain(strikes=strikes, expiries=4)))
        world.run(3)
        self.release.withhold("before the bench")
        self.journal.sync()
        self.contracts = len(world.chain.contracts)
        listener = tcp_listener("127.0.0.1", 0)
        self.port = listener.getsockname()[1]
        mine = identity(keys, "a")
        self.server = ReplicaServer(
            self.loop, listener, self.journal, folder / "journal" / Maker.NAME, "bench",
            lambda what, figures: None, None if mine is None else partial(mine.serve, "b"),
        )  # fmt: skip

    def serve(self, seconds: float = 0.0) -> None:
        """A turn of the line to the follower."""
        if self.child is not None and self.child.poll() is not None:
            raise RuntimeError("the follower's process ended")
        self.loop.poll(seconds)
        self.server.tick(time.monotonic_ns())
        self.loop.flush()

    def snapshot(self, number: int, replicated: bool) -> tuple[float, float, int]:
        """Seconds of work and of waiting, quotes released."""
        world = self.world
        world.at += STEP
        world.spot = SPOT + 4 * (number % 20 - 10)
        mid = world.spot
        moved = UnderlyingTick(
            0, int(Phase.CONTINUOUS), mid, 0, 0, (mid - 10,), (1,), (mid + 10,), (1,)
        )
        self.host.take(UnderlyingTicks(world.at, (moved,)), world.at, Source.FEED)
        rows = np.array([world.row(slot) for slot in range(self.contracts)], dtype=np.int64)
        tick = ChainTick(0, world.at, True, pack(rows))
        self.release.policy = Policy.REPLICATED if replicated else Policy.SYNCED
        if replicated and not self.server.close:
            self._catch_up()
        if not replicated:
            self._leave_out()
        began = time.perf_counter()
        effects = self.host.take(tick, world.at, Source.FEED)
        worked = time.perf_counter()
        if replicated:
            self.server.push()
        held = self.host.commit()
        while replicated and len(self.release):
            self.serve(0.05)
            self.release.acknowledge(self.server.durable)
            held += self.host.commit()
        left = time.perf_counter()
        sends = [effect for part in held for effect in part.effects if isinstance(effect, Send)]
        for effect in effects:
            if isinstance(effect, Send):
                world.reply(effect.requests)  # off the clock
        return worked - began, left - worked, sum(len(send.requests) for send in sends)

    def _leave_out(self) -> None:
        """A block alone: nothing is collected for the follower, as without one."""
        if self.server.close:
            self.server._from_disk(self.server._sent + 1)

    def _catch_up(self) -> None:
        """Off the clock, the follower gets what it missed from the disk."""
        while not self.server.close or self.server.durable < self.journal.next_seq - 1:
            self.serve(0.01)


def cells(values: list[float]) -> list[str]:
    """Median, 90 and 99 per cent in microseconds."""
    return [f"{np.percentile(values, at) * 1e6:,.0f}" for at in (50, 90, 99)]


def main() -> None:
    """Print the table."""
    if len(sys.argv) > 2 and sys.argv[1] == "follow":
        follow(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
        return
    snapshots = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    strikes = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    with tempfile.TemporaryDirectory() as name:
        keys = f"{name}/keys" if "tls" in sys.argv else ""
        if keys:
            make(Path(keys), ("a", "b"), 1)
        bench = Bench(Path(name) / "a", strikes, keys)
        command = [sys.executable, __file__, "follow", f"{name}/b", str(bench.port), keys]
        child = bench.child = subprocess.Popen(command, env=dict(os.environ))
        try:
            show(bench, snapshots)
        finally:
            bench.server.stop()
            bench.loop.close()
            bench.journal.close()
            child.wait()


def show(bench: Bench, snapshots: int) -> None:
    """Blocks in turn."""
    while not bench.server.there:
        bench.serve(0.05)
    gc.collect()
    gc.disable()
    found: dict[bool, list[tuple[float, float, int]]] = {False: [], True: []}
    for number in range(snapshots + WARM):
        replicated = number // BLOCK % 2 == 1
        measured = bench.snapshot(number, replicated)
        if number >= WARM:
            found[replicated].append(measured)
    rows: list[list[Any]] = []
    for name, key in (("synced", False), ("replicated", True)):
        mine = found[key]
        for what, index in (("work", 0), ("wait", 1)):
            rows.append([name, what, *cells([one[index] for one in mine])])
        rows.append([name, "both", *cells([one[0] + one[1] for one in mine])])
    print(f"{bench.contracts} contracts, {snapshots} snapshots, microseconds")
    print(table(["release", "what", "50 %", "90 %", "99 %"], rows))
    quotes = {name: sum(one[2] for one in found[key]) for name, key in
              (("synced", False), ("replicated", True))}  # fmt: skip
    print(f"quotes released {quotes}, follower got {bench.server.bytes:,} bytes")


if __name__ == "__main__":
    main()
