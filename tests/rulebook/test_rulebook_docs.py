"""The generated pages under docs/ say what the data says (Q-08)."""

import runpy
from pathlib import Path

import pytest

from quanheng.duties.readings import GRADED, MEASURED
from quanheng.edge.rulebook_files import shipped_texts
from quanheng.rulebook.load import read_readings

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "make_docs.py"))


@pytest.mark.parametrize("name", sorted(TOOL["PAGES"]))
def test_a_committed_page_is_the_generated_one(name: str) -> None:
    """Q-08: `make docs` changes nothing, so no page speaks of other data than the shipped."""
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert page == TOOL["PAGES"][name](), "run `make docs`"


def test_the_page_of_readings_names_them_all() -> None:
    """Q-08: A01 to A38, each with its default, and what can be chosen of the alternatives."""
    lines = TOOL["readings_page"]().splitlines()
    rows = {line[2:5]: line for line in lines if line.startswith("| A")}
    assert list(rows) == [f"A{number:02d}" for number in range(1, 39)]
    assert "| 14:52-14:57 | 14:49-14:57 | 14:49-14:57 | clearing |" in rows["A28"]
    assert "| by calendar month | by calendar month | rulebook |" in rows["A32"]


def test_a_bar_does_not_break_the_table() -> None:
    """The cells of a row stay as many as its head."""
    assert TOOL["table"](("a",), [("x|y",)]) == "| a |\n| --- |\n| x\\|y |\n"


def test_readings_that_duties_follow_are_marked_so() -> None:
    """Q-08: what duties require of the rulebook is what the data says they follow; A21 is a row."""
    readings = read_readings(shipped_texts()["readings.toml"])
    marked = {key for key, item in readings.items() if item.followed == "duties"}
    assert marked == {*MEASURED, *GRADED, "A21"}
    assert all(readings[key].implemented for key in marked - {"A21"})
