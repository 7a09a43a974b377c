"""docs/promises.md and docs/faults.md name tests that exist, and leave nothing out."""

import re
from pathlib import Path

from quanheng.compose.small_faults import KINDS

ROOT = Path(__file__).parents[2]
FAULTS = [*range(1, 20), *range(20, 40), *range(40, 58), *range(60, 77)]


def names() -> frozenset[str]:
    text = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(re.findall(r"def (test_\w+)", text))


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def rows(name: str, first: str) -> dict[str, str]:
    found = re.findall(rf"^\| ({first}) \|(.*)$", page(name), re.MULTILINE)
    assert len(found) == len({key for key, _ in found})
    return dict(found)


def test_every_test_named_exists() -> None:
    """No promise or fault rests on a test that is not there."""
    known = names()
    for name in ("promises.md", "faults.md"):
        named = re.findall(r"`(test_\w+)`", page(name))
        assert len(named) > 40
        assert [one for one in named if one not in known] == []


def test_every_promise_has_a_row_with_its_state() -> None:
    """47 rows; what is shown or simulated names a test or says why none is needed."""
    found = rows("promises.md", r"\d+")
    assert [*found] == [str(number) for number in range(1, 48)]
    for number, row in found.items():
        state = row.split("|")[1].strip()
        assert state in ("shown", "simulated", "not shown"), number
        assert state == "not shown" or "`test_" in row or "by construction" in row, number


def test_every_fault_has_a_row() -> None:
    """74 rows; each names a test, a fault of the worlds, or says that it is not there yet."""
    found = rows("faults.md", r"F\d\d")
    assert [*found] == [f"F{number:02d}" for number in FAULTS]
    for number, row in found.items():
        assert "`test_" in row or "worlds: " in row or "*not yet*" in row, number
    kinds = re.findall(r"worlds: ((?:\w+, )*\w+)", page("faults.md"))
    named = [kind for part in kinds for kind in part.split(", ") if "_" in kind or kind == "halt"]
    assert sorted(set(named)) == sorted(KINDS)
