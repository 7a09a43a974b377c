"""Dead code: functions, methods, classes and properties that nothing in the tree uses.

Struct fields and enum members are left out: they are read by decoders and by other programs. Names
used only by tests are reported too, so that nothing is kept alive by its test alone, except the
public ones listed in ALLOWED with the reason why people or later rooms need them.
"""

import sys
from pathlib import Path

from vulture.core import Vulture

ROOT = Path(__file__).parents[1]
KINDS = ("function", "method", "class", "property", "import")
HANDLERS = "_on_*"  # found by name in the session's tables
HOOKS = ("__getattr__", "__dir__")  # of a module: Python calls them

VERBS = ("@*.command*", "@*.group*")  # called by click

ALLOWED: dict[str, str] = {
    "redirect_request": "called by urllib",
    "get_code": "called by the import system (tools/mutate.py)",
    "broken_laws": "the machine contract: tests of every machine call it",
    "triggered": "the breaker rule as written; the venue uses its inverse, tests hold them equal",
    "complies": "the spread rule as written; kernels carry its integer form, tests hold them equal",
    "span_at": "the timetable for people who ask about one instant",
    "first_listing": "listing of strikes: rules.md 1.3 with its worked cases",
    "Stateful": "protocol of carries and sinks that a resumed simulation restores",
    "resume": "an interrupted simulation goes on; proved by killing it",
    "FilePublisher": "the second market-data carrier: a venue for members that read files",
    "FileFeed": "the second market-data carrier: mktdt03 and mktdt00 as ticks",
    "create_tables": "EzSTEP, the legacy carrier: a member whose exchange still polls tables",
    "EzstepClient": "EzSTEP's member side, proved against the venue by its tests",
    "EzstepServer": "EzSTEP's exchange side, for testing a member's own client",
    "svi_fit": "QuantLib's smile of a slice for analysts; a test holds its parameters",
    "rate_whole_year": "a year of a dataset in memory, for a notebook; the command's twin",
}
"""Name -> why it stays although only tests use it."""


def unused() -> tuple[list[str], list[str]]:
    """(a line per dead name, sorted by place; allowed names that are not dead)."""
    finder = Vulture(ignore_names=[HANDLERS, *HOOKS], ignore_decorators=list(VERBS))
    finder.scavenge([str(ROOT / name) for name in ("src", "bench", "tools")])
    dead = [item for item in finder.get_unused_code(min_confidence=60) if item.typ in KINDS]
    lines = [
        f"{item.filename.relative_to(ROOT)}:{item.first_lineno}: unused {item.typ} {item.name}"
        for item in dead
        if item.name not in ALLOWED
    ]
    names = [item.name for item in dead]
    return lines, [name for name in ALLOWED if name not in names]


def main() -> None:
    """Print what is dead; exit 1 when there is any, or when an allowed name is no longer dead."""
    lines, stale = unused()
    for line in lines:
        print(line)
    for name in stale:
        print(f"tools/dead_code.py: {name} is allowed but no longer unused: take it off the list")
    sys.exit(1 if lines or stale else 0)


if __name__ == "__main__":
    main()
