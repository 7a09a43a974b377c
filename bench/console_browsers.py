"""Real browsers on the trader's page: 700 contracts, 25 columns, 30 % of the cells a picture.

    python bench/console_browsers.py [seconds] [browsers] [pictures a second]

Headless Chromium, 1920 x 1080, a software raster. Busy is the main thread's processor time
(TaskDuration of the browser's own metrics, in thread ticks); latency runs from the making of a
picture to the moment the page's own observer sees the new text in the document (`shown`, as the
trial of design/console.md counted it), and to the end of the frame that painted it (`painted`), on
one clock. Everything shares one machine, so more browsers than cores show how it is when it is too
much, not what a desk of PCs would see (design/console.md 1.2).
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

try:
    import uvicorn
    from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
except ModuleNotFoundError as error:  # the benchmark's environment has neither
    print(f"skipped: {error.name} is not installed; run it with the project's own environment")
    sys.exit(0)

from console_flood import answered
from console_speed import BOARDS, ROWS, SHARE, Door, Market, Nothing, processor
from quanheng.compose.console_board import COLUMNS
from quanheng.desk.hub import Board
from quanheng.desk.server import application

CHROMIUM = "/usr/bin/chromium"
STRIKES, EXPIRIES = 50, 7
FIXED = 3
"""Columns before these 25 (lamp, state, phase) do not move."""
MOVING = 25
GOAL_BUSY, GOAL_P95 = {2.0: 15.0, 10.0: 50.0}, 40.0
WATCH = """
(() => {
  const samples = (window.samples = []);
  const seen = (window.seen = []);
  let waiting = [];
  const observer = new MutationObserver(() => {
    const now = Date.now();
    for (const made of waiting) seen.push(now - made);
    waiting = [];
  });
  observer.observe(document, {
    subtree: true, characterData: true, childList: true, attributes: true,
  });
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", (event) => {
        if (typeof event.data === "string") return;
        const made = new DataView(event.data).getFloat64(12, true);
        waiting.push(made);
        requestAnimationFrame(() => setTimeout(() => samples.push(Date.now() - made), 0));
      });
    }
  };
})();
"""


class Trading(Market):
    """One class of 350 calls and 350 puts whose board goes there and back."""

    def __init__(self) -> None:
        super().__init__()
        chance = np.random.default_rng(2)
        board = chance.integers(100, 9_000, (ROWS, len(COLUMNS))).astype(np.int32)
        board[:, 0], board[:, 1], board[:, 2] = 3, 5, 3
        part = slice(FIXED, FIXED + MOVING)
        self._boards = [board]
        for _ in range(BOARDS - 1):
            board = board.copy()
            moved = chance.random((ROWS, MOVING)) < SHARE
            board[:, part] += np.where(moved, chance.integers(1, 9, moved.shape), 0).astype(
                np.int32
            )
            self._boards.append(board)

    def schema(self) -> dict[str, object]:
        """As the run's own read model gives it."""
        contracts = []
        for slot in range(ROWS):
            expiry, place = divmod(slot // 2, STRIKES)
            kind, strike = "CP"[slot % 2], 20_000 + 500 * place
            name = f"510050{kind}{2407 + expiry}M{strike // 10:05d}"
            contracts.append([slot, 0, f"{10_000_000 + slot}", name, kind, strike,
                              20240724 + 100 * expiry, 10_000, 18 + 20 * expiry, 0])  # fmt: skip
        return {
            "day": "2024-06-27", "scenario": "bench", "seed": 1, "speed": 1, "live": True,
            "maker": "B01", "first": 33_300, "last": 54_000, "spans": [[34_200, 54_000, 3]],
            "classes": [{"code": "510050", "symbol": "50ETF", "start": 0, "stop": ROWS}],
            "contracts": contracts, "columns": [list(one) for one in COLUMNS], "causes": {},
            "phases": {"zh": [""] * 12, "en": [""] * 12}, "alert_names": {}, "refusals": {},
        }  # fmt: skip

    def tick(self, wanted: dict[str, list[str]]) -> dict[str, dict[str, object]]:
        """The next board; other channels have nothing to show."""
        self._turn += 1
        place = self._turn % (2 * BOARDS - 2)
        board = Board(self._boards[min(place, 2 * BOARDS - 2 - place)], time.time() * 1_000)
        return {
            scene: {name: board if name == "board/0" else {} for name in names if name != "sys"}
            for scene, names in wanted.items()
        }


def serve(port: int, hz: float) -> None:
    """The console's process."""
    app = application(Trading(), Nothing(), Door(), period=1 / hz)
    uvicorn.run(
        app, port=port, log_level="error", ws="websockets-sansio", ws_per_message_deflate=False
    )


def metric(session: CDPSession, name: str) -> float:
    """A figure of the browser's own."""
    found = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in found if one["name"] == name))


def part(ages: list[float], share: float) -> str:
    """A share's age in whole milliseconds; `ages` in order."""
    return f"{ages[int(len(ages) * share)]:.0f}"


def visit(browser: Browser, port: int) -> tuple[Page, CDPSession, list[str]]:
    """A page with the board on it, its metrics, and what went wrong there."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    context.add_cookies([{"name": "quanheng", "value": "bench", "url": f"http://127.0.0.1:{port}"}])
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.add_init_script(WATCH)
    page.goto(f"http://127.0.0.1:{port}/#trade")
    page.wait_for_selector(".top", timeout=120_000)
    until = time.monotonic() + 120
    while not page.evaluate("window.samples.length > 2"):
        assert time.monotonic() < until, wrong
        time.sleep(0.2)
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})  # the thread's own time
    return page, session, wrong


def main(seconds: float, count: int, hz: float) -> None:
    """One row."""
    port = 18_810
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        with (Path(folder) / "log").open("wb") as log:
            command = [sys.executable, __file__, "serve", str(port), str(hz)]
            server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            answered(port)
            started = [
                play.chromium.launch(
                    executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
                )
                for _ in range(count)
            ]
            pages = [visit(one, port) for one in started]
            time.sleep(3)
            for page, _, _ in pages:
                page.evaluate("window.samples.length = window.seen.length = 0")
            before = [metric(session, "TaskDuration") for _, session, _ in pages]
            spent, begun, load = processor(server.pid)[0], time.monotonic(), os.getloadavg()[0]
            time.sleep(seconds)
            busy = [metric(session, "TaskDuration") for _, session, _ in pages]
            took = time.monotonic() - begun
            used = 100 * (processor(server.pid)[0] - spent) / took
            shown, painted = (
                sorted(one for page, _, _ in pages for one in page.evaluate(f"window.{name}"))
                for name in ("seen", "samples")
            )
            heap = metric(pages[0][1], "JSHeapUsedSize") / 1e6
            wrong = [text for _, _, some in pages for text in some]
            for one in started:
                one.close()
        finally:
            server.terminate()
            server.wait(10)
    share = [100 * (b - a) / took for a, b in zip(before, busy, strict=True)]
    said = (
        f"{count} browsers, {hz:.0f} Hz, load {load:.1f}",
        f"server {used:.2f} % of a core",
        f"main thread {min(share):.1f} to {max(share):.1f} % (goal {GOAL_BUSY.get(hz, 0):.0f})",
        f"shown p50 {part(shown, 0.5)} p95 {part(shown, 0.95)} ms (goal {GOAL_P95:.0f})",
        f"painted p50 {part(painted, 0.5)} p95 {part(painted, 0.95)} ms of {len(painted)} frames",
        f"heap {heap:.1f} MB, errors {wrong}",
    )
    print("; ".join(said), flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", port, hz]:
            serve(int(port), float(hz))
        case [seconds, count, hz]:
            main(float(seconds), int(count), float(hz))
        case given:
            for count, hz in ((1, 2.0), (5, 2.0), (1, 10.0), (5, 10.0)):
                main(float(given[0]) if given else 20.0, count, hz)
