"""From an alert's effect to the console's screen: live processes and a real browser (promise 20).

    .venv/bin/python bench/alert_delay.py [SECONDS] [PICTURES A SECOND]

A live day (24 contracts, twice as fast as the clock) with its console and a browser on the page of
alerts. Every second or so the authority's file has one more setting of a parameter, of which the
maker tells with an alert; the day's own alerts count too. The effect is the instant at which the
maker let the alert out, after its journal was on disk; the screen is the instant at which the
page's own observer first sees the row. Both are instants of one machine's clock. The promise is one
second.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "desk"))

try:
    from desk_world import chromium, people_file, serving, visit, wait_for
except ModuleNotFoundError as error:  # the benchmark's environment has no browser
    print(f"skipped: {error.name} is not installed; run it with the project's own environment")
    sys.exit(0)

import msgspec

from quanheng.edge.issued import ISSUED
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.journal_tail import JournalTail
from quanheng.maker.maker import Maker
from quanheng.runtime.journal import INPUT
from quanheng.runtime.records import envelope_decoder
from quanheng.terms.commands import SetParameter
from quanheng.terms.days import clock_text

PROMISE_MS = 1_000
EVERY = 1.0
"""Seconds between two settings, at the least: a row shows its second of business time."""
WATCH = """
(() => {
  const first = (window.first = {});
  const look = () => {
    const now = Date.now();
    for (const row of document.querySelectorAll("[data-testid=alerts] .grid-row")) {
      const text = [...row.children].map((cell) => cell.textContent).join("|");
      if (!(text in first)) first[text] = now;
    }
  };
  new MutationObserver(look).observe(document, {
    subtree: true, characterData: true, childList: true, attributes: true,
  });
  look();
})();
"""


def told(run: Path, since: float) -> list[tuple[str, str, float]]:
    """(clock, scope, ms of the wall) of the alerts that the maker let out after `since`."""
    offset = time.time() * 1e3 - time.monotonic() * 1e3
    decode, at = envelope_decoder(Maker), {}
    for frame, _ in JournalTail(run, Maker.NAME).poll():
        if frame.kind == INPUT:
            envelope = decode.decode(frame.payload)
            at[envelope.seq] = envelope.at
    return [
        (clock_text(at[line["input"]])[:8], line["scope"], line["at"] / 1e6 + offset)
        for line in read_lines(run / "live" / "maker.jsonl")
        if line["what"] == "alert" and "input" in line and line["at"] / 1e6 + offset > since
    ]


def delays(shown: dict[str, float], effects: list[tuple[str, str, float]]) -> list[float]:
    """Milliseconds of each alert; of several of one second and scope the first on either side."""
    found: dict[tuple[str, str], float] = {}
    for clock, scope, at in effects:
        found.setdefault((clock, scope), at)
    out = []
    for (clock, scope), at in found.items():
        rows = [seen for text, seen in shown.items() if clock in text and scope in text]
        if rows:
            out.append(min(rows) - at)
    return out


def issue(run: Path, seconds: float) -> None:
    """One setting after another, each another value, for so long."""
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        time.sleep(EVERY + 0.1 * (number % 7))  # not in step with the pictures
        number += 1
        command = SetParameter("510050", "width", 2_000 + number, "T01", "R01")
        line = {"proposal": 900_000 + number, "target": Maker.NAME, "by": "T01",
                "msgpack": msgspec.msgpack.encode(command).hex()}  # fmt: skip
        with (run / ISSUED).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
    time.sleep(2.0)


def watched(folder: Path, seconds: float, hz: str) -> tuple[dict[str, float], Path, float]:
    """What the browser saw and when, the run, and since when it looked (ms of the wall)."""
    options = ("--live", "--speed", "2", "--contracts", "24", "--from", "09:31")
    python = ("env", "--default-signal=INT", sys.executable)
    command = [*python, "-m", "quanheng", "demo", *options]
    with (folder / "log").open("wb") as log:
        demo = subprocess.Popen(
            [*command, "--out", str(folder)], stdout=log, stderr=log, env=dict(os.environ)
        )
    try:
        run: Any = wait_for(lambda: next(iter(folder.glob("*-live")), None), 120.0)
        journal = run / "journal" / "maker"
        wait_for(lambda: sum(p.stat().st_size for p in journal.glob("*.seg")) > 200_000, 240.0)
        with serving(run, people_file(folder), "--hz", hz) as base, chromium() as browser:
            one = visit(browser, base, "T01")
            one.open("alerts")
            one.page.evaluate(WATCH)
            since = time.time() * 1e3
            issue(run, seconds)
            return one.page.evaluate("window.first"), run, since
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(120)


def main() -> None:
    """Print the delays."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 120.0
    hz = sys.argv[2] if len(sys.argv) > 2 else "5"
    with tempfile.TemporaryDirectory() as name:
        shown, run, since = watched(Path(name), seconds, hz)
        effects = told(run, since)
    found = sorted(delays(shown, effects))
    if not found:
        sys.exit(f"no alert was seen: {len(effects)} effects, rows {list(shown)[:3]}")
    load = os.getloadavg()[0]
    print(
        f"{len(found)} of {len(effects)} alerts seen in {seconds:.0f} s, {hz} pictures a second, "
        f"load {load:.1f}"
    )
    print(f"from effect to screen, ms: median {statistics.median(found):.0f}, "
          f"95 % {found[int(len(found) * 0.95)]:.0f}, most {found[-1]:.0f}; "
          f"{sum(one > PROMISE_MS for one in found)} over {PROMISE_MS}")  # fmt: skip


if __name__ == "__main__":
    main()
