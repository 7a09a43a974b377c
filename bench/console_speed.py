"""The console's server under the load of its goals: 700 contracts of 25 columns, 30 % of the cells
changed in every picture, followed by 1 and 5 browsers (protocol only, each acknowledges what it
got), at 2 and 10 pictures a second.

    python bench/console_speed.py [seconds]

Server processor time is that of its process from /proc; the boards are made beforehand, so that
encoding, conflation and sending are what is timed. Latency runs from the picture's making to its
arrival at a client in another process. A stalled browser reads nothing for a while.
"""

import asyncio
import json
import os
import statistics
import struct
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

from quanheng.desk.access import COMMANDS, VIEWS
from quanheng.desk.hub import Board
from quanheng.desk.ports import Reply, Table
from quanheng.desk.server import application

ROWS, COLUMNS, SHARE, BOARDS = 700, 25, 0.3, 32
GOAL_CPU, GOAL_BYTES = 1.0, 65_000


class Person:
    """Somebody who may look at everything."""

    user, name_zh, roles, csrf = "B01", "B01", frozenset(("auditor",)), "token"

    def permits(self, what: str) -> bool:
        """Views and no command."""
        return what in VIEWS and what not in COMMANDS


class Door:
    """Lets the benchmark in."""

    def login(self, name: str, password: str, code: str, where: str) -> tuple[str, Person]:
        """One session for all."""
        return "bench", Person()

    def session(self, token: str, active: bool = True) -> Person | None:
        """The same for everybody."""
        return Person() if token == "bench" else None

    def bearer(self, token: str) -> None:
        """No programs."""

    def logout(self, token: str) -> None:
        """Nothing to end."""


class Market:
    """Boards that go there and back, so that each is 30 % unlike the one before, the first too."""

    def __init__(self) -> None:
        chance = np.random.default_rng(1)
        board = chance.integers(1, 10**6, (ROWS, COLUMNS)).astype(np.int32)
        self._boards = [board]
        for _ in range(BOARDS - 1):
            moved = chance.random((ROWS, COLUMNS)) < SHARE
            board = np.where(moved, board + chance.integers(1, 9, board.shape), board)
            self._boards.append(board.astype(np.int32))
        self._turn = 0

    def schema(self) -> dict[str, object]:
        """Nothing that the benchmark reads."""
        return {}

    def tick(self, wanted: dict[str, list[str]]) -> dict[str, dict[str, Board]]:
        """The next board."""
        self._turn += 1
        place = self._turn % (2 * BOARDS - 2)
        board = Board(self._boards[min(place, 2 * BOARDS - 2 - place)], time.time() * 1_000)
        return {scene: dict.fromkeys(names, board) for scene, names in wanted.items()}

    def pulse(self) -> dict[str, object]:
        """Alive."""
        return {"live": True, "engine": 0.0, "picture": 0.0}

    def control(self, scene: str, speed: float | None, at: str | None) -> None:
        """Nothing moves."""

    def drop(self, scene: str) -> None:
        """Nothing is kept."""

    def table(self, scene: str, name: str, ask: object) -> Table:
        """Empty."""
        return Table((), [], 0)

    def value(self, scene: str, scope: str, name: str) -> str:
        """None."""
        return ""

    def why(self, scene: str, quote: str, language: str) -> str:
        """None."""
        return ""


class Nothing:
    """Takes no command."""

    def open(self) -> bool:
        """Closed."""
        return False

    def __getattr__(self, name: str) -> object:
        return lambda *_: Reply(False, "closed", "", "")


def serve(port: int, hz: float) -> None:
    """The server's process."""
    app = application(Market(), Nothing(), Door(), period=1.0 / hz)
    uvicorn.run(
        app, port=port, log_level="warning", ws="websockets-sansio", ws_per_message_deflate=False
    )


async def follow(port: int, seconds: float, stall: float = 0.0) -> tuple[int, list[float], float]:
    """(bytes, latencies in ms, ms from the end of a stall to the newest board)."""
    headers = {"Cookie": "quanheng=bench"}
    address = f"ws://127.0.0.1:{port}/ws"
    async with websockets.connect(
        address, additional_headers=headers, origin=f"http://127.0.0.1:{port}", compression=None,
        max_size=None,
    ) as line:  # fmt: skip
        await line.send(json.dumps({"t": "sub", "ch": ["board/0"]}))
        size, ages, began, current = 0, [], time.time(), 0.0
        warm = began + 1.0
        if stall:
            await asyncio.sleep(stall)
            woken = time.time()
        async for frame in line:
            now = time.time()
            if isinstance(frame, bytes):
                made = struct.unpack_from("<d", frame, 12)[0]
                if now > warm:
                    size += len(frame)
                    ages.append(now * 1_000 - made)
                if stall and not current and now * 1_000 - made < 150:
                    current = (now - woken) * 1_000
                await line.send('{"t":"a","n":1}')
            if now - began > seconds + stall:
                break
        return size, ages, current


def processor(pid: int) -> tuple[float, int]:
    """(seconds of processor, resident bytes) of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


async def measured(port: int, pid: int, clients: int, seconds: float) -> dict[str, float]:
    """One row of the table."""
    tasks = [asyncio.create_task(follow(port, seconds)) for _ in range(clients)]
    await asyncio.sleep(1.0)
    first, began = processor(pid)[0], time.time()
    found = await asyncio.gather(*tasks)
    spent, memory = processor(pid)
    ages = sorted(age for _, some, _ in found for age in some)
    return {
        "server_cpu_percent": 100 * (spent - first) / (time.time() - began),
        "kB_per_s_client": found[0][0] / (seconds - 1.0) / 1_000,
        "p50_ms": statistics.median(ages),
        "p95_ms": ages[int(0.95 * len(ages))],
        "rss_MB": memory / 1e6,
    }


def run(hz: float, seconds: float) -> None:
    """A server at one rate, watched by one and by five."""
    with tempfile.TemporaryDirectory() as folder:
        port = 18_700 + int(hz)
        command = [sys.executable, __file__, "serve", str(port), str(hz)]
        with (Path(folder) / "log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            for _ in range(200):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api/session").read()
                    break
                except OSError:
                    time.sleep(0.1)
            for clients in (1, 5):
                row = asyncio.run(measured(port, server.pid, clients, seconds))
                shown = "  ".join(f"{name} {value:8.2f}" for name, value in row.items())
                print(f"{hz:4.0f} Hz  {clients} clients  {shown}", flush=True)
            if hz >= 10:
                before = processor(server.pid)[1]
                _, _, current = asyncio.run(follow(port, 1.0, stall=10.0))
                grown = (processor(server.pid)[1] - before) / 1e6
                print(f"stalled 10 s: current {current:.0f} ms after, server grew {grown:.1f} MB")
        finally:
            server.terminate()
            server.wait(10)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]), float(sys.argv[3]))
    else:
        print(f"{ROWS} rows x {COLUMNS} columns, {SHARE:.0%} changed in every picture")
        print(f"goals: {GOAL_CPU} % of a core and {GOAL_BYTES // 1_000} kB/s a client at 2 Hz")
        for rate in (2.0, 10.0):
            run(rate, float(sys.argv[1]) if len(sys.argv) > 1 else 15.0)
