"""A month of a whole made-up market: made, then rated to its end; what both cost.

    python tools/market_month.py FOLDER [--makers 20] [--contracts 400] [--days 21]
        [--updates 6200] [--workers 2] [--engine local]

Makes `FOLDER/market` with `quanheng market-history` and rates it into `FOLDER/out` with
`quanheng rate`, each as a process of its own. For both it prints the quote rows, the seconds on the
clock, the processor seconds, rows a second of both, and the most memory that the whole tree of
processes held at once (proportional set size, looked at four times a second). Both go on after a
kill where they stopped, but then the figures are those of the rest.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

FIRST, LAST = "2024-05-21", "2024-06-20"
"""A month of evaluation; of its 22 trading days the first 21 are made."""


def children(pid: int) -> list[int]:
    """A process and all that come from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in task.read_text().split():
                found += children(int(child))
        except OSError:
            continue
    return found


def held(pid: int) -> int:
    """Bytes that a tree of processes holds now; shared pages count once."""
    total = 0
    for one in children(pid):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        line = next((row for row in text.splitlines() if row.startswith("Pss:")), "Pss: 0")
        total += int(line.split()[1]) << 10
    return total


def run(words: list[str]) -> tuple[dict, float, float, int]:
    """Run a command: what it says in JSON, wall and processor seconds, bytes at the highest."""
    start = time.monotonic()
    with subprocess.Popen([sys.executable, "-m", "quanheng", *words, "--json"],
                          stdout=subprocess.PIPE) as process:  # fmt: skip
        most, over = [0], threading.Event()

        def watch() -> None:
            while not over.wait(0.25):
                most[0] = max(most[0], held(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        over.set()
        watcher.join()
    if process.returncode:
        raise SystemExit(f"{words[0]} ended with {process.returncode}")
    spent = usage.ru_utime + usage.ru_stime
    return json.loads(text), time.monotonic() - start, spent, most[0]


def line(name: str, rows: int, wall: float, spent: float, most: int) -> str:
    """One row of the table."""
    return (
        f"{name:<6} {rows:>14,} rows {wall:>9.1f} s {spent:>9.1f} processor s "
        f"{rows / wall:>12,.0f} rows/s {rows / spent:>12,.0f} rows/processor s {most >> 20:>6,} MB"
    )


def main() -> None:
    """Make, rate, print."""
    words = sys.argv[1:]
    folder = Path(words.pop(0))
    given = dict(zip(words[0::2], words[1::2], strict=True))
    option = {"--makers": "20", "--contracts": "400", "--days": "21", "--updates": "6200"}
    workers = ["--workers", given.pop("--workers", "2")]
    engine = ["--engine", given.pop("--engine", "local")]
    made = [part for pair in (option | given).items() for part in pair]
    market, out = folder / "market", folder / "out"
    folder.mkdir(parents=True, exist_ok=True)
    found, *cost = run(["market-history", "--from", FIRST, *made, *workers, "--out", str(market)])
    print(line("made", found["quote_rows"], *cost), flush=True)
    size = sum(path.stat().st_size for path in market.rglob("*.parquet"))
    print(f"{size / 1e9:.2f} GB on disk", flush=True)
    rate = ["rate", str(market), "--from", FIRST, "--to", LAST, "--out", str(out)]
    found, *cost = run([*rate, *workers, *engine])
    print(line("rated", found["quote_rows"], *cost), flush=True)
    grades = sorted(row["grade"] for row in found["period"])
    print({grade: grades.count(grade) for grade in dict.fromkeys(grades)}, flush=True)


if __name__ == "__main__":
    main()
