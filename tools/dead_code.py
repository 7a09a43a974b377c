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

ALLOWED: dict[str, str] = {}
"""Name -> why it stays although only tests use it."""


def unused() -> list[str]:
    """One line per dead name, sorted by place."""
    finder = Vulture(ignore_names=[HANDLERS])
    finder.scavenge([str(ROOT / name) for name in ("src", "bench", "tools")])
    return [
        f"{item.filename.relative_to(ROOT)}:{item.first_lineno}: unused {item.typ} {item.name}"
        for item in finder.get_unused_code(min_confidence=60)
        if item.typ in KINDS and item.name not in ALLOWED
    ]


def main() -> None:
    """Print what is dead; exit 1 when there is any, or when an allowed name is no longer dead."""
    lines = unused()
    for line in lines:
        print(line)
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
