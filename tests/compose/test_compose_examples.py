"""The examples of the docs are what their own blocks print today (I-10, I-29, I-31, T-01)."""

import runpy
from pathlib import Path

import pytest

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "run_examples.py"))


@pytest.mark.parametrize("page", TOOL["PAGES"], ids=lambda page: page.stem)
def test_the_worked_example_prints_what_the_page_says(page):
    """Every block runs, and every number on the page is today's."""
    text = page.read_text(encoding="utf-8")
    assert TOOL["run"](text, page.name) == text, "run tools/run_examples.py"


def test_a_changed_number_or_a_broken_block_is_seen():
    """A stale output is replaced; a block that fails is named with its line."""
    page = "# x\n\n```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n"
    assert TOOL["run"](page) == page.replace("3\n", "2\n")
    with pytest.raises(TOOL["ExampleError"], match=r"worked-example.md:4: 1 / 0"):
        TOOL["run"]("# x\n\n```python\n1 / 0\n```\n")
