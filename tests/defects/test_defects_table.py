"""docs/defects.md names every defect of the list and a test that exists and carries its number."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "defects.md"
LATER = {32: "with the console"}
"""Numbers without a test, and what stands in its place."""


def table(text: str) -> dict[int, tuple[str, list[str]]]:
    """Number -> (last cell, tests named in it) of each row."""
    rows = re.findall(r"^\| D(\d+) \|.*\| ([^|]*) \|$", text, re.MULTILINE)
    return {int(number): (cell, re.findall(r"`([^`]+)`", cell)) for number, cell in rows}


def complaint(number: int, test: str) -> str:
    """Why a named test does not show the defect, empty when it does."""
    path, _, name = test.partition("::")
    if not (ROOT / path).is_file():
        return f"D{number}: no file {path}"
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            words = f"{ast.get_docstring(tree)} {ast.get_docstring(node)}"
            told = re.search(rf"\bD{number}\b", words) or f"test_d{number:02d}_" in name
            return "" if told else f"D{number}: {name} does not say so"
    return f"D{number}: no {name} in {path}"


def complaints(text: str) -> list[str]:
    """Everything that is wrong with the page."""
    rows = table(text)
    found = [f"D{number}: no row" for number in range(1, 33) if number not in rows]
    for number, (cell, tests) in rows.items():
        if not tests and LATER.get(number) != cell:
            found.append(f"D{number}: no test")
        found += [why for test in tests if (why := complaint(number, test))]
    return found


def test_every_defect_has_a_test_that_carries_its_number() -> None:
    assert complaints(PAGE.read_text(encoding="utf-8")) == []


def test_every_test_here_is_in_the_table() -> None:
    """A test of a defect that the page does not show would be looked for in vain."""
    rows = table(PAGE.read_text(encoding="utf-8"))
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and (own := re.match(r"test_d(\d+)_", node.name)):
                named = rows[int(own[1])][1]
                assert f"{path.relative_to(ROOT).as_posix()}::{node.name}" in named


def test_a_wrong_page_is_seen() -> None:
    """A row that is gone, a test that is gone, and a test of something else are named."""
    text = PAGE.read_text(encoding="utf-8")
    assert complaints(text.replace("| D9 |", "| E9 |", 1)) == ["D9: no row"]
    assert any("no test_d99" in why for why in complaints(text.replace("test_d10_", "test_d99_")))
    assert "D2: no test" in complaints(re.sub(r"`tests\S+::test_d02_\w+`", "soon", text))
    swapped = re.sub(r"test_d13_\w+", "test_d15_the_new_id_of_a_replaced_quote_is_known", text)
    assert any(why.startswith("D13:") for why in complaints(swapped))
