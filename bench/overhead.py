"""What safety costs a quote: journal, watchdog, overseer, memory, console, each with and without.

    .venv/bin/python bench/overhead.py [ROUNDS] [STRIKES]

From a snapshot's MD301 bytes to the bytes of the released quotes on the gateway's socket: decode,
timers that are due, the maker, journal, release, views. Four makers of one class see the same
market in turn: journal in memory (none on disk), `written` (handed to the operating system),
`synced` (on disk), `replicated` (also on the disk of a follower in another process). Each runs one
business minute (120 snapshots) with one thing added, then the next, round by round in another
order, all in one run:

    plain      collector off and memory frozen, as every process of a live run has it
    watchdog   the thread that sees a loop stand still
    overseer   the desk's views to a process of the firm's overseer
    collector  Python's garbage collector left on, nothing frozen
    console    a process that follows the journal and makes every channel, ten times a second
    live       watchdog, overseer and console, as a live run has them

Median and 99 per cent of a window, of them the median over the windows, in microseconds, and the
ratio to `plain` of the same journal; the snapshot with which a minute's views are made is counted
apart. Wall time of a machine that others use: compare within the run. The exchange's answers come
between the snapshots and are not timed. The first snapshots of a window do not count.
"""

import gc
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "maker"))

import maker_world
from maker_world import DAY, SPOT, World, continuous, make_chain

from quanheng.compose.text import table
from quanheng.edge.child import settle_memory
from quanheng.edge.clock import monotonic
from quanheng.edge.firm_link import DeskDoor, FirmLine, Watchman
from quanheng.edge.link_messages import encode_frame
from quanheng.edge.loop import Connection, Loop, tcp_listener
from quanheng.edge.oversight_lines import DeskLine
from quanheng.edge.replication import ReplicaServer, ReplicatedJournal
from quanheng.edge.watchdog import Watchdog
from quanheng.kernels.pack import pack
from quanheng.maker.maker import Maker
from quanheng.maker.messages import Notify
from quanheng.runtime.envelope import Source
from quanheng.runtime.host import Host
from quanheng.runtime.memory import MemoryJournal
from quanheng.runtime.release import Policy, Release
from quanheng.runtime.segment import SegmentJournal
from quanheng.terms.codes import Phase
from quanheng.terms.market import ChainTick, UnderlyingTick, UnderlyingTicks
from quanheng.terms.orders import Send
from quanheng.terms.units import MILLISECOND, SECOND
from quanheng.wire import md301
from replication import Journaled

STEP = 500 * MILLISECOND
WINDOW = 120
"""Snapshots of a window: a minute, so that each has the views that a minute shows."""
SKIPPED = 5
EXTRAS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "watchdog": ("watchdog",),
    "overseer": ("overseer",),
    "collector": ("collector",),
    "console": ("console",),
    "live": ("watchdog", "overseer", "console"),
}
PICTURES = 0.1
"""Seconds between two pictures of the console."""


def oversee(folder: Path) -> None:
    """The overseer's process: takes the views apart until its input ends."""
    loop, line = Loop(), DeskLine()
    over: list[bool] = []
    claims = [0]

    def take(message: Any) -> None:
        if isinstance(message, Notify):
            claims[0] += len(line.carry(message, 0))

    door = DeskDoor(loop, folder, take, lambda: None)
    loop.watch(0, lambda: over.append(True))
    print("ready", flush=True)
    while not over:
        loop.poll(0.05)
        door.tick(monotonic())
        loop.flush()
    print(claims[0], flush=True)


def console(folder: Path) -> None:
    """The console's process without its screens: pictures while it is told `on`."""
    from quanheng.compose.console_channels import CHANNELS
    from quanheng.compose.console_source import RunSource
    from quanheng.desk.ports import END

    source = RunSource(folder)
    source.load()
    names = [*CHANNELS, *source._makers, "sys", "board/0", "curve/0"]
    os.set_blocking(0, False)
    print("ready", flush=True)
    on, pictures = False, 0
    while True:
        try:
            said = os.read(0, 64)
        except BlockingIOError:
            said = b"same"
        if not said:
            break
        if said != b"same":
            on = said.strip().endswith(b"on")
        if on:
            source.tick({END: names})
            pictures += 1
        time.sleep(PICTURES)
    print(pictures, flush=True)


class Helper:
    """Another process of this file."""

    def __init__(self, role: str, folder: Path) -> None:
        command = [sys.executable, __file__, role, str(folder)]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)
        )
        self._hear("ready")

    def _hear(self, wanted: str) -> str:
        assert self._child.stdout is not None
        line = self._child.stdout.readline().decode().strip()
        if wanted and line != wanted:
            raise RuntimeError(f"{self._child.args}: {line!r}")
        return line

    def say(self, word: str) -> None:
        """A line to it."""
        assert self._child.stdin is not None
        self._child.stdin.write(word.encode() + b"\n")
        self._child.stdin.flush()

    def end(self) -> int:
        """What it counted."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        count = int(self._hear(""))
        self._child.wait()
        return count


def run_file(folder: Path) -> None:
    """What a console wants to know of a run."""
    from quanheng.compose.run_folder import RunInfo, write_info

    write_info(
        folder,
        RunInfo(day=DAY, scenario="bench", seed=1, cadence_ms=500, contracts=0, journal="full",
                version="", rulebook="", config="", source="", hash_seed=""),
    )  # fmt: skip


class Rig:
    """One maker behind one kind of journal, with everything around it."""

    def __init__(self, name: str, folder: Path, strikes: int) -> None:
        self.name, self.folder = name, folder
        (folder / "live").mkdir(parents=True)
        run_file(folder)
        self.loop = Loop()
        self.journal: Any = {
            "memory": lambda: MemoryJournal(Maker.NAME),
            "replicated": lambda: ReplicatedJournal(folder, Maker.NAME),
        }.get(name, lambda: SegmentJournal(folder, Maker.NAME))()
        self.release = Release(Policy.WRITTEN)
        self.host = Host(Maker(), self.journal, None, self.release)
        shim = Journaled(self.host)
        vars(maker_world)["Maker"] = lambda: shim
        self.world = continuous(World.start(make_chain(strikes=strikes, expiries=4)))
        self.world.run(3)
        self.release.withhold("before the bench")
        self.journal.sync()
        if name in ("synced", "replicated"):
            self.release.policy = Policy(name)
        tables = md301.ChainTables(self.world.chain)
        self._encoder, self._decoder = md301.StreamEncoder(tables), md301.StreamDecoder(tables)
        here, self._gateway = socket.socketpair()
        self._gateway.setblocking(False)
        self._out = Connection(self.loop, here, lambda data: None, lambda why: None)
        self._views = (folder / "live" / "views.bin").open("ab")
        self._number = self.quotes = 0
        self._firm: FirmLine | None = None
        self._watchdog: Watchdog | None = None
        self._server: ReplicaServer | None = None
        self._copy: subprocess.Popen[bytes] | None = None
        self._overseer = Helper("oversee", folder)
        self._console = Helper("console", folder) if name != "memory" else None
        watchman = Watchman(3600 * SECOND, 7200 * SECOND, monotonic())
        self._line = FirmLine(self.loop, folder, monotonic, watchman, lambda n, c: None)
        if name == "replicated":
            self._follow()
        self._line.tick(monotonic(), 0)

    def _follow(self) -> None:
        listener = tcp_listener("127.0.0.1", 0)
        port = listener.getsockname()[1]
        self._server = ReplicaServer(
            self.loop, listener, self.journal, self.folder / "journal" / Maker.NAME, "bench",
            lambda what, figures: None,
        )  # fmt: skip
        other = Path(__file__).parent / "replication.py"
        plain = ""  # no folder of certificates
        command = [sys.executable, str(other), "follow", str(self.folder / "b"), str(port), plain]
        self._copy = subprocess.Popen(command, env=dict(os.environ))
        while not self._server.there:
            self._serve(0.05)
        self._settle()

    def _serve(self, seconds: float) -> None:
        assert self._copy is not None and self._server is not None
        if self._copy.poll() is not None:
            raise RuntimeError("the follower's process ended")
        self.loop.poll(seconds)
        self._server.tick(monotonic())
        self.loop.flush()

    def _commit(self) -> list[Any]:
        """Make safe what the policy asks for, waiting for the follower if there is one."""
        server = self._server
        if server is not None:
            server.push()
        held = self.host.commit()
        while server is not None and len(self.release):
            self._serve(0.05)
            self.release.acknowledge(server.durable)
            held += self.host.commit()
        return held

    def _settle(self) -> None:
        """Off the clock: nothing waits, and the follower has everything."""
        self._commit()
        if self._server is not None:
            while not self._server.close or self._server.durable < self.journal.next_seq - 1:
                self._serve(0.01)

    def dress(self, extras: tuple[str, ...]) -> None:
        """Take these things into the next window, and no others."""
        self._firm = self._line if "overseer" in extras else None
        if "watchdog" in extras:
            self._watchdog = Watchdog(self.loop, self.folder, "maker")
        if self._console is not None and "console" in extras:
            self._console.say("on")
        if "collector" in extras:
            gc.unfreeze()
            gc.enable()
        else:
            settle_memory()

    def undress(self) -> None:
        """The window is over."""
        if self._watchdog is not None:
            self._watchdog.stop()
            self._watchdog = None
        if self._console is not None:
            self._console.say("off")

    def snapshot(self) -> tuple[float, bool]:
        """Seconds from the bytes of one snapshot to those of its released quotes, and whether a
        minute's views were made with it.
        """
        world, loop, host = self.world, self.loop, self.host
        self._number += 1
        world.at += STEP
        mid = world.spot = SPOT + 4 * (self._number % 20 - 10)
        moved = UnderlyingTick(
            0, int(Phase.CONTINUOUS), mid, 0, 0, (mid - 10,), (1,), (mid + 10,), (1,)
        )
        contracts = len(world.chain.contracts)
        rows = np.array([world.row(slot) for slot in range(contracts)], dtype=np.int64)
        body = ChainTick(0, world.at, True, pack(rows))
        data = self._encoder.encode(UnderlyingTicks(world.at, (moved,)))
        data += self._encoder.encode(body)
        began = time.perf_counter()
        loop.poll(0)
        found = self._decoder.feed(data)
        while host.fire(world.at) is not None:
            pass
        for tick in (*found.underlyings, *found.ticks):
            host.take(tick, world.at, Source.FEED)
        held = self._commit()
        sent = [effect for part in held for effect in part.effects]
        for effect in sent:
            if isinstance(effect, Send):
                self._out.send(encode_frame(effect))
            elif isinstance(effect, Notify):
                self._views.write(encode_frame(effect))
                if self._firm is not None:
                    self._firm.show(effect)
        loop.flush()
        took = time.perf_counter() - began
        self._answer([effect for effect in sent if isinstance(effect, Send)])
        return took, any(isinstance(one, Notify) and one.topic == "class" for one in sent)

    def _answer(self, sends: list[Send]) -> None:
        """Off the clock: the gateway reads, the exchange answers, the answers are made safe."""
        while sends and self._gateway.recv(1 << 20):
            if not self._out.backlog:
                break
            self.loop.flush()
        for send in sends:
            self.quotes += len(send.requests)
            self.world.reply(send.requests)
        self.host.armed.clear()
        self._settle()

    def close(self) -> str:
        """End the helpers; what they saw."""
        claims = self._overseer.end()
        pictures = self._console.end() if self._console is not None else 0
        if self._server is not None and self._copy is not None:
            self._server.stop()
        self.loop.close()
        self._gateway.close()
        self._views.close()
        self.journal.close()
        if self._copy is not None:
            self._copy.wait()
        return f"{self.name} {self.quotes} requests, {claims} claims, {pictures} pictures"


def figures_of(taken: list[tuple[float, bool]]) -> tuple[float, float, float]:
    """Median and 99 per cent of the usual snapshots, median of those with a minute's views."""
    usual = [seconds for seconds, views in taken if not views]
    with_views = [seconds for seconds, views in taken if views]
    p50, p99 = (float(np.percentile(usual, at)) for at in (50, 99))
    return p50, p99, float(np.median(with_views)) if with_views else float("nan")


def main() -> None:
    """Print the table."""
    roles = {"oversee": oversee, "console": console}
    if len(sys.argv) > 2 and sys.argv[1] in roles:
        roles[sys.argv[1]](Path(sys.argv[2]))
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    strikes = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    with tempfile.TemporaryDirectory() as name:
        kinds = ("memory", "written", "synced", "replicated")
        rigs = [Rig(kind, Path(name) / kind, strikes) for kind in kinds]
        cells = [
            (rig, extra) for extra in EXTRAS for rig in rigs
            if not ("console" in EXTRAS[extra] and extra == "console" and rig.name == "memory")
        ]  # fmt: skip
        found: dict[tuple[str, str], list[tuple[float, float, float]]]
        found = {(rig.name, extra): [] for rig, extra in cells}
        for number in range(rounds):
            turn = number * 7 % len(cells)
            for rig, extra in cells[turn:] + cells[:turn]:
                rig.dress(EXTRAS[extra])
                taken = [rig.snapshot() for _ in range(WINDOW)]
                rig.undress()
                found[rig.name, extra].append(figures_of(taken[SKIPPED:]))
        said = [rig.close() for rig in rigs]
        contracts = len(rigs[0].world.chain.contracts)
    print(f"{contracts} contracts, {rounds} windows of {WINDOW} snapshots each, microseconds")
    figures = {key: [float(one) for one in np.nanmedian(windows, axis=0)]
               for key, windows in found.items()}  # fmt: skip
    rows = []
    for (kind, extra), mine in sorted(figures.items(), key=lambda one: kinds.index(one[0][0])):
        plain = figures[kind, "plain"]
        shown = (f"{part * 1e6:,.0f}" for part in mine)
        ratios = (f"{part / base:.2f}" for part, base in zip(mine, plain, strict=True))
        rows.append([kind, extra, *(cell for pair in zip(shown, ratios, strict=True)
                                    for cell in pair)])  # fmt: skip
    head = ["journal", "with", "50 %", "ratio", "99 %", "ratio", "minute", "ratio"]
    print(table(head, rows, left=2))
    print("; ".join(said))


if __name__ == "__main__":
    main()
