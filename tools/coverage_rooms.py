"""Branch coverage of critical modules over their own rooms' tests (#26): docs/coverage.md.

    python tools/coverage_rooms.py [ROOM...]      no ROOM: all of them

Kernels run as plain Python here, since nothing counts inside compiled code. What is counted is what
the tests named beside a room run in one process; a test that starts other processes counts only for
its own. The page names the lines whose branches nobody took.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "coverage.md"
BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"
MOST = 12
"""Places that the page names of a module."""
WRAP = ("-W", "ignore:overflow encountered:RuntimeWarning")
"""numpy's scalars say so when they wrap, as kernels mean to; compiled ones wrap in silence."""


class Room(NamedTuple):
    """Modules under `src/quanheng` and the tests that are theirs. `compiled`: kernels stay so,
    since none is counted and the tests start processes that would be too slow without.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    compiled: bool = False


ROOMS: dict[str, Room] = {
    "journal": Room(
        ("runtime/journal", "runtime/segment", "runtime/chain", "runtime/release",
         "runtime/restore", "runtime/scrub", "runtime/snapshots"),
        ("runtime", "live/test_live_journal.py", "live/test_live_host.py"),
    ),
    "ladder checks": Room(
        ("maker/checks", "maker/check_kernels", "maker/ladder", "maker/instruction_rungs"),
        ("maker/test_maker_checks.py", "maker/test_maker_ladder_wired.py",
         "maker/test_maker_ladder_records.py", "maker/test_maker_instruction_ladder.py",
         "maker/test_maker_levels.py", "maker/test_maker_quotes.py"),
    ),
    "order state": Room(
        ("maker/orders", "maker/order_kernels", "maker/lifecycle", "maker/requests",
         "maker/singles", "maker/evidence"),
        ("maker/test_maker_orders.py", "maker/test_maker_order_walk.py",
         "maker/test_maker_singles.py", "maker/test_maker_confirmations.py",
         "maker/test_maker_machine.py", "maker/test_maker_instructions.py",
         "maker/test_maker_instruction_doubt.py", "maker/test_maker_quotes.py",
         "maker/test_maker_awaited.py", "maker/test_maker_people.py",
         "maker/test_maker_limits.py", "maker/test_maker_prompts.py",
         "maker/test_maker_prepared.py", "maker/test_maker_night.py",
         "defects/test_defects_orders.py"),
    ),
    "session codec": Room(
        ("wire/session", "wire/tdgw_client", "wire/tdgw_server", "wire/step", "wire/step_messages",
         "wire/step_session"),
        ("wire", "live/test_live_sockets.py"),
    ),
    "lease and fence": Room(
        ("edge/lease", "edge/arbiter", "edge/gateway_gate", "edge/gateway"),
        ("live/test_live_pair.py", "live/test_live_copy.py", "live/test_live_gateway.py",
         "live/test_live_gateway_parts.py", "live/test_live_pair_gateway.py",
         "live/test_live_pair_races.py", "defects/test_defects_gateway.py"),
        compiled=True,
    ),
    "limits": Room(
        ("maker/limits", "maker/limit_commands", "maker/guards"),
        ("maker/test_maker_limits.py", "maker/test_maker_levels.py", "maker/test_maker_people.py",
         "maker/test_maker_alarms.py", "maker/test_maker_night.py"),
    ),
    "duty figures": Room(
        ("duties/measure", "duties/day", "duties/day_kernels", "duties/figures", "duties/grade",
         "duties/intervals"),
        ("duties/test_duties_rules.py", "duties/test_duties_twins.py", "duties/test_duties_live.py",
         "duties/test_duties_grade.py", "duties/test_duties_orders.py",
         "duties/test_duties_quote_rows.py", "duties/test_duties_grade_readings.py",
         "duties/test_duties_standing.py", "duties/test_duties_properties.py"),
    ),
    "margin": Room(
        ("rulebook/margin", "books/combinations", "books/combination_search", "books/positions"),
        ("books", "rulebook/test_rulebook_numbers.py", "rulebook/test_rulebook_layers.py"),
    ),
}  # fmt: skip


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Run a room's tests and take coverage.py's report by file. RuntimeError when a test fails."""
    room = ROOMS[name]
    data, report = folder / "data", folder / f"{name}.json"
    files = [f"src/quanheng/{module}.py" for module in room.modules]
    env = {
        **os.environ,
        "NUMBA_DISABLE_JIT": str(int(not room.compiled)),
        "COVERAGE_FILE": str(data),
    }
    tests = [f"tests/{test}" for test in room.tests]
    base = [sys.executable, "-m", "coverage"]
    only = f"--include={','.join(files)}"
    done = subprocess.run(
        [*base, "run", "--branch", only, "-m", "pytest", "-q", *WRAP, *tests],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{name}: its tests fail\n{done.stdout[-2000:]}{done.stderr[-1000:]}")
    subprocess.run([*base, "json", "-q", "-o", str(report)], cwd=ROOT, env=env, check=True)
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))["files"]
    unseen = [file for file in files if file not in found]
    if unseen:
        raise RuntimeError(f"{name}: nothing of {', '.join(unseen)} ran")
    return found


def row(room: str, path: str, one: dict[str, Any]) -> str:
    """A line of the table."""
    summary = one["summary"]
    branches, taken = summary["num_branches"], summary["covered_branches"]
    gaps = sorted({start for start, _ in one["missing_branches"]} | set(one["missing_lines"]))
    named = ", ".join(map(str, gaps[:MOST])) + f" and {len(gaps) - MOST} more" * (len(gaps) > MOST)
    module = path.removeprefix("src/quanheng/")
    statements = f"{summary['covered_lines']} of {summary['num_statements']}"
    share = f"{100 * taken / branches:.1f} %" if branches else "no branch"
    return f"| {room} | `{module}` | {statements} | {taken} of {branches} | {share} | {named} |"


def rewritten(text: str, rooms: dict[str, list[str]]) -> str:
    """The page with the rows of these rooms in place of older ones, in the order of ROOMS."""
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    kept = {name: [one for one in old.splitlines() if one.startswith(f"| {name} |")]
            for name in ROOMS}  # fmt: skip
    rows = [line for lines in (kept | rooms).values() for line in lines]
    counts = [line.split("|")[4].split(" of ") for line in rows]
    taken, branches = (sum(int(pair[place]) for pair in counts) for place in (0, 1))
    head = ("| room | module | statements | branches | taken | lines of branches not taken |\n"
            "|---|---|---|---|---|---|")  # fmt: skip
    last = f"\n{taken:,} of {branches:,} branches taken, {100 * taken / max(branches, 1):.1f} %."
    return "\n".join([before + BEGIN, head, *rows, last, END]) + after


def main() -> int:
    """See the module."""
    failed = False
    for name in sys.argv[1:] or ROOMS:
        try:
            with tempfile.TemporaryDirectory() as folder:
                found = measure(name, Path(folder))
        except RuntimeError as error:  # the other rooms are worth having
            print(error, flush=True)
            failed = True
            continue
        rows = [row(name, path, one) for path, one in sorted(found.items())]
        print("\n".join(rows), flush=True)
        text = rewritten(PAGE.read_text(encoding="utf-8"), {name: rows})
        PAGE.write_text(text, encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
