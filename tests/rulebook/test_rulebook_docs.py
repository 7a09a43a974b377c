"""The generated pages under docs/ say what the data says (Q-08)."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from quanheng.duties.readings import GRADED, MEASURED
from quanheng.edge.rulebook_files import shipped_texts
from quanheng.maker.parameters import TABLE
from quanheng.rulebook.load import read_readings

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "make_docs.py"))
zh_blocks, zh_docs, zh_trace = (sys.modules[f"zh_{name}"] for name in ("blocks", "docs", "trace"))


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


def test_deliverables_stand_in_their_index() -> None:
    """I-47 to I-52: docs/zh/README.md names every page, and no other."""
    folder = ROOT / "docs" / "zh"
    index = (folder / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([a-z-]+\.md)\)", index)
    assert sorted([*linked, "README.md"]) == sorted(path.name for path in folder.glob("*.md"))
    assert len(linked) == 18


def test_deliverables_have_words_for_what_there_is() -> None:
    """A verb, key, parameter or id that is gone leaves no words behind, and ours have some."""
    known = dict(zh_blocks.verbs())
    told = [name for group in zh_blocks.words("verbs.toml")["group"] for name in group["verbs"]]
    assert not [name for name in told if name not in known]
    assert len(told) == len(set(told))
    keys = {key for key, _ in zh_blocks.config_keys()}
    assert not set(zh_blocks.words("config.toml")) - keys
    assert not set(zh_blocks.words("parameters.toml")) - {one.name for one in TABLE}
    assert [number for number, _ in zh_trace.promises()] == list(range(1, 48))
    places = zh_trace.words("requirements.toml")
    assert {letter: len(group) - 1 for letter, group in places.items()} == {
        "O": 6, "L": 12, "Q": 8, "E": 12, "I": 52, "R": 9, "T": 8, "S": 5,
    }  # fmt: skip


def test_deliverables_find_what_is_cited_and_what_is_stale() -> None:
    """A range cites what lies inside it; a changed part is seen; an unknown part is named."""
    assert zh_trace.cited("(I-08 to I-10, Q-01); R-020, XI-03") == {"I-08", "I-09", "I-10", "Q-01"}
    page = "a\n<!-- 生成：keys -->\n{}<!-- 生成结束 -->\nb\n"
    now = zh_docs.filled(page.format("old\n"))
    assert "| F9 |" in now and "old" not in now and zh_docs.filled(now) == now
    assert zh_docs.filled(now.replace("| F9 |", "| F7 |")) == now
    with pytest.raises(ValueError, match="no generated part is called 'luck'"):
        zh_docs.filled(page.replace("keys", "luck"))
    with pytest.raises(ValueError, match="no end"):
        zh_docs.filled("<!-- 生成：keys -->\n")
