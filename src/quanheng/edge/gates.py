"""What a process asks of its interpreter before anything else (promise 28, reliability.md 5).

Assertions are part of the program: an interpreter that leaves them out (`-O`) would trade without
its invariants. CPython 3.14.0 to 3.14.4 carry a collector that was taken back in 3.14.5.
"""

import sys
from pathlib import Path
from typing import Any

from quanheng.edge.build import check_build

OLDEST, NEWEST = (3, 11), (3, 14)
"""First minor version that runs this, and the first that does not."""


class GateError(RuntimeError):
    """An interpreter that must not run this; the message says why."""


def asserts_are_on() -> bool:
    """Does a false assertion raise?"""
    try:
        assert sys.flags is None
    except AssertionError:
        return True
    return False


def version_problem(version: tuple[int, ...]) -> str:
    """Why a version of CPython cannot be used; "" when it can."""
    name = ".".join(map(str, version[:3]))
    if (3, 14, 0) <= version[:3] <= (3, 14, 4):
        return f"CPython {name}: its incremental collector was taken back in 3.14.5"
    if not OLDEST <= version[:2] < NEWEST:
        return f"CPython {name}: 3.11 to 3.13 is needed"
    return ""


def interpreter_problems(machines: bool = True, flags: Any = sys.flags) -> tuple[str, ...]:
    """Everything that speaks against this interpreter. For `machines` the hash seed must be fixed
    too, so that two nodes that iterate over the same things do so in the same order.
    """
    found = []
    if not asserts_are_on() or flags.optimize:
        found.append("assertions are off (-O or PYTHONOPTIMIZE): invariants would not be checked")
    wrong = version_problem(tuple(sys.version_info[:3]))
    if wrong:
        found.append(wrong)
    if machines and flags.hash_randomization:
        found.append("hashes are random: PYTHONHASHSEED=0 is needed")
    return tuple(found)


def check_interpreter(machines: bool = True) -> None:
    """GateError when something speaks against this interpreter."""
    found = interpreter_problems(machines)
    if found:
        raise GateError("; ".join(found))


def enter(run: Path) -> None:
    """What a process of a live day does first. GateError for its interpreter, BuildError for its
    code.
    """
    check_interpreter()
    check_build(run)
