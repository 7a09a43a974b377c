"""Does a flood of console clients reach the engine? Its turn's p99 with and without them.

    python bench/console_flood.py [seconds of a window] [windows]

The engine (the maker of `bench/desk.py`: a snapshot's bytes to the encoded quotes of 152
contracts, each input synced to a real journal first) is pinned to one core. The console's server,
which follows that journal and shows 700 x 25 cells at 10 Hz, and all its clients are pinned to the
other: fast ones that acknowledge at once and talk as much as they may, slow ones that read nothing
and say they had, loud ones that say more than they may and come again when they are cut off. Where
it may, the engine runs in the class FIFO, so that other work of the machine does not blur what is
asked. Windows of quiet (the server and nobody) and of flood take turns; of each kind the median of
the windows' p99 is compared (issue People, must show; reliability.md F68).
"""

import asyncio
import contextlib
import gc
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

try:
    import uvicorn
    import websockets
except ModuleNotFoundError as error:  # the benchmark's environment has no web server
    print(f"skipped: {error.name} is not installed; run it with the project's own environment")
    sys.exit(0)

from console_speed import Door, Market, Nothing, Person, processor
from quanheng.desk.server import application
from quanheng.edge.journal_tail import JournalTail
from quanheng.runtime.journal import INPUT
from quanheng.runtime.segment import SegmentJournal

MACHINE = "maker"
PACE = 0.02
"""Seconds between two snapshots: fifty a second, for enough turns in a window."""
FAST, SLOW, LOUD = 30, 30, 6
TALK = 150
"""Messages a second of a fast client, below what cuts it off."""
GOAL = 1.10
SETTLE = 1.0
"""Seconds of a window that do not count: clients come and go."""


class Doors(Door):
    """Lets many sessions in: a session has few sockets."""

    def session(self, token: str, active: bool = True) -> Person | None:
        """The same person for every token of the benchmark."""
        return Person() if token.startswith("bench") else None


class Following(Market):
    """The market's boards, made beside following the engine's journal."""

    def __init__(self, run: Path) -> None:
        super().__init__()
        self._tail, self.frames = JournalTail(run, MACHINE), 0

    def tick(self, wanted: dict[str, list[str]]) -> dict[str, dict[str, object]]:
        """Read on, then the next board."""
        self.frames += sum(1 for _ in self._tail.poll())
        return super().tick(wanted)


def engine(run: Path, seconds: float) -> None:
    """Turns at their pace; writes (begin, turn, sync) in seconds of each to RUN/turns.npy."""
    from desk import STRIKES, WARM, Desk, Stopwatch

    policy = "FIFO"
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        policy = "the usual one"
    desk = Desk(Stopwatch(), STRIKES)
    for number in range(WARM):
        desk.snapshot(number)
    journal = SegmentJournal(run, MACHINE)
    payload = os.urandom(4_000)  # of a snapshot's size
    gc.collect()
    gc.freeze()
    gc.disable()
    turns = []
    print(policy, flush=True)
    begin, number = time.monotonic(), 0
    while time.monotonic() - begin < seconds:
        number += 1
        left = begin + number * PACE - time.monotonic()
        if left > 0:
            time.sleep(left)
        at = time.monotonic()
        journal.append(INPUT, payload)
        journal.sync()
        synced = time.monotonic()
        turns.append((at, sum(desk.snapshot(number)), synced - at))
    journal.close()
    np.save(run / "turns.npy", np.array(turns))


def serve(run: Path, port: int) -> None:
    """The console's process."""
    app = application(Following(run), Nothing(), Doors(), period=0.1)
    uvicorn.run(
        app, port=port, log_level="error", ws="websockets-sansio", ws_per_message_deflate=False,
        ws_max_size=65_536,
    )  # fmt: skip


async def client(port: int, number: int, until: float) -> int:
    """One client, again and again; how often it was cut off."""
    fast, loud = number < FAST, number >= FAST + SLOW
    head = {"Cookie": f"quanheng=bench{number // 4}"}
    cut = 0
    room = None if fast or loud else 4_096  # of the kernel's for what was not read
    while time.monotonic() < until:
        with contextlib.suppress(OSError, websockets.WebSocketException, TimeoutError):
            plain = socket.socket()
            if room:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
            plain.setblocking(False)
            await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
            async with websockets.connect(
                f"ws://127.0.0.1:{port}/ws", additional_headers=head, compression=None,
                origin=f"http://127.0.0.1:{port}", max_size=None, max_queue=1 if room else 16,
                close_timeout=0.1, sock=plain,
            ) as line:  # fmt: skip
                await line.send(json.dumps({"t": "sub", "ch": ["board/0", "board/1"]}))
                if loud:
                    for _ in range(500):
                        await line.send('{"t":"sub","ch":["board/0"]}')
                    await _read(line, until)
                elif fast:
                    await asyncio.gather(_read(line, until), _talk(line, until))
                else:
                    while time.monotonic() < until:  # reads nothing and claims it has
                        await line.send('{"t":"a","n":4}')
                        await asyncio.sleep(0.05)
        cut += time.monotonic() < until
    return cut


async def _read(line: websockets.ClientConnection, until: float) -> None:
    async for frame in line:
        if isinstance(frame, bytes):
            await line.send('{"t":"a","n":1}')
        if time.monotonic() > until:
            return


async def _talk(line: websockets.ClientConnection, until: float) -> None:
    while time.monotonic() < until:
        await line.send('{"t":"sub","ch":["board/0"]}')
        await asyncio.sleep(1 / TALK)


async def flood(port: int, seconds: float) -> None:
    """All clients at once; says when it begins and how often they were cut off."""
    print("flooding", flush=True)
    until = time.monotonic() + seconds
    tasks = [client(port, n, until) for n in range(FAST + SLOW + LOUD)]
    print(sum(await asyncio.gather(*tasks)), flush=True)


def part(core: int, *words: object) -> subprocess.Popen[str]:
    """A part of the benchmark in a process of its own on one core."""
    command = [sys.executable, __file__, "part", str(core), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    """The next line of a part."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def answered(port: int) -> None:
    """Wait for the server."""
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/session").read()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server does not answer")


def p99(values: np.ndarray) -> float:
    """Microseconds."""
    return float(np.quantile(values, 0.99)) * 1e6


def shown(turns: np.ndarray, windows: list[tuple[str, float, float]]) -> None:
    """Each window, and the medians of each kind."""
    found: dict[str, dict[str, list[float]]] = {}
    for kind, start, stop in windows:
        inside = turns[(turns[:, 0] >= start) & (turns[:, 0] < stop)]
        row = {
            "turn": p99(inside[:, 1]), "sync": p99(inside[:, 2]),
            "turn p50": float(np.median(inside[:, 1])) * 1e6,
        }  # fmt: skip
        for name, value in row.items():
            found.setdefault(name, {}).setdefault(kind, []).append(value)
        print(
            f"{kind:6} {len(inside):6} turns  "
            + "  ".join(f"{k} {v:8.0f} us" for k, v in row.items())
        )
    for name, kinds in found.items():
        quiet, busy = (statistics.median(kinds[kind]) for kind in ("quiet", "flood"))
        what = name if name.endswith("p50") else f"{name} p99"
        print(f"median {what}: quiet {quiet:.0f} us, flood {busy:.0f} us, ratio {busy / quiet:.3f}")
    print(f"goal: turn p99 within {GOAL - 1:.0%}")


def main(seconds: float, count: int) -> None:
    """Windows of both kinds in turn."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print("skipped: one core; the engine needs one of its own")
        return
    port, windows = 18_790, []
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        (run / "journal" / MACHINE).mkdir(parents=True)
        whole = 2 * count * (seconds + 4 * SETTLE) + 30
        working = part(cores[0], "engine", run, whole)
        serving = part(cores[1], "serve", run, port)
        try:
            print(f"the engine's class is {said(working)}, load {os.getloadavg()[0]:.1f}")
            answered(port)
            for _ in range(count):
                for kind in ("quiet", "flood"):
                    clients = None
                    if kind == "flood":
                        clients = part(cores[1], "flood", port, seconds + 2 * SETTLE)
                        said(clients)
                    time.sleep(SETTLE)
                    start, spent = time.monotonic(), processor(serving.pid)[0]
                    time.sleep(seconds)
                    windows.append((kind, start, time.monotonic()))
                    used = (processor(serving.pid)[0] - spent) / seconds
                    if clients is not None:
                        print(f"server {used:.0%} of a core, {said(clients)} clients cut off")
                        clients.wait(60)
            rss = processor(serving.pid)[1] / 1e6
            print(f"server's memory {rss:.0f} MB")
            working.wait(whole + 60)
            shown(np.load(run / "turns.npy"), windows)
        finally:
            for process in (working, serving):
                process.terminate()
                process.wait(10)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["part", core, what, *given]:
            os.sched_setaffinity(0, {int(core)})
            if what != "engine":
                with contextlib.suppress(OSError):
                    os.nice(-10)  # the flood comes through other work of the machine
            match what, given:
                case "engine", [run, seconds]:
                    engine(Path(run), float(seconds))
                case "serve", [run, port]:
                    serve(Path(run), int(port))
                case "flood", [port, seconds]:
                    asyncio.run(flood(int(port), float(seconds)))
        case given:
            main(float(given[0]) if given else 10.0, int(given[1]) if len(given) > 1 else 5)
