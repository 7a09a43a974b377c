"""The forms and the working paper against the guide's printed tables, field by field (L-02, L-04).

`guide_forms.toml` has the tables of appendices 1, 3, 4, 5 and 6 as the exchange prints them.
"""

import tomllib
from pathlib import Path

import docx as library
import pytest
from papers_world import FIRM, tables
from papers_world import order as filled_order
from people_world import World

from quanheng.compose import papers
from quanheng.compose.inspection_items import inspection
from quanheng.compose.inspection_paper import FILLED, TITLE, working_paper
from quanheng.compose.inspection_place import DUTY, NOTHING, WHOLE, Finding, Place
from quanheng.compose.run_folder import RunInfo, write_info
from quanheng.edge.document_docx import docx

Rows = list[list[str]]
GUIDE: dict[str, Rows] = tomllib.loads(
    (Path(__file__).parent / "guide_forms.toml").read_text(encoding="utf-8")
)
DATE = "年    月    日"
"""What the guide prints where a day is to be written."""
MORE = """
[[apply]]
underlying = "510500"
name = "500ETF"
long = 30000
total = 60000
daily_buy_open = 120000
use = "双边报价"

[[apply]]
underlying = "588000"
name = "科创50"
long = 20000
total = 40000
daily_buy_open = 80000
use = "双边报价"
"""


def differences(ours: Rows, guides: Rows) -> list[str]:
    """Where a form differs from the guide's: cells it prints, and how many cells a row has.

    A row that the guide ends with a label leaves no cell to write in; ours has one beside it.
    """
    found = [] if len(ours) == len(guides) else [f"{len(ours)} rows, not {len(guides)}"]
    for number, (mine, theirs) in enumerate(zip(ours, guides, strict=False), 1):
        theirs = [*theirs, ""] if theirs[-1] and len(mine) == len(theirs) + 1 else theirs
        if len(mine) != len(theirs):
            found.append(f"row {number}: {len(mine)} cells, not {len(theirs)}: {mine}")
            continue
        found += [
            f"row {number}: {had!r}, not {printed!r}"
            for had, printed in zip(mine, theirs, strict=True)
            if printed and printed != DATE and had != printed
        ]
    return found


def plain(rows: Rows) -> Rows:
    """Full-width colons and empty ends as the guide's text has them."""
    return [[cell.strip().removesuffix("：").removesuffix(":") for cell in row] for row in rows]


@pytest.fixture
def order(firm: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> papers.Order:
    """Four classes, as many as the guide's blank form has blocks for."""
    monkeypatch.setattr("papers_world.FIRM", FIRM + MORE)
    return filled_order(firm, tmp_path, effective=20240718)


def test_guide_appendix_1(order: papers.Order, tmp_path: Path) -> None:
    made = papers.make("appendix1", order, tmp_path)
    (rows,) = tables(made.path)
    assert differences(rows, GUIDE["appendix1"]) == []


def test_guide_appendix_5(order: papers.Order, tmp_path: Path) -> None:
    """One row a class; the guide's blank form has three."""
    three = papers.Order(order.facts, order.classes[:3], effective=order.effective)
    (rows,) = tables(papers.make("appendix5", three, tmp_path).path)
    assert differences(rows, GUIDE["appendix5"]) == []


def test_guide_appendix_6(order: papers.Order, tmp_path: Path) -> None:
    rows, _ = tables(papers.make("appendix6", order, tmp_path).path)
    assert differences(plain(rows), plain(GUIDE["appendix6"])) == []


def test_guide_appendix_3(order: papers.Order, tmp_path: Path) -> None:
    """The guide's one table is two here, with its row 部门与岗位设置 as a heading between them."""
    path = papers.make("appendix3", order, tmp_path).path
    head, staff = tables(path)
    guides = GUIDE["appendix3"]
    at = guides.index(["部门与岗位设置"])
    assert differences(head, guides[:at]) == []
    words = [one.text for one in library.Document(str(path)).paragraphs]
    assert "部门与岗位设置" in words
    note = guides[-1][0].lstrip("#")
    assert note in words
    assert staff[0][0].partition("　")[2].startswith("工作职责包括：\n（1）")
    assert staff[1] == guides[at + 2] == ["岗位", "人员姓名", "职责描述", "联系方式", "工作履历"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A run that only says which day it was."""
    info = RunInfo(
        day=20240627, scenario="calm", seed=1, cadence_ms=3000, contracts=12, journal="full",
        version="0", rulebook="", config="", source="", hash_seed="0", digest="ab" * 32,
    )  # fmt: skip
    write_info(tmp_path, info)
    return Place(tmp_path)


@pytest.mark.parametrize("blank", [True, False])
def test_guide_appendix_4(place: Place, tmp_path: Path, blank: bool) -> None:
    """All 52 rows, the heads and the parts; the filled paper adds two columns at their right."""
    states = {1: DUTY, 40: NOTHING}
    found = [Finding(one, states.get(one.number, WHOLE), ()) for one in inspection().items]
    path = tmp_path / "paper.docx"
    path.write_bytes(docx(working_paper(place, found, blank)))
    guides = GUIDE["appendix4"]
    cuts = [at for at, row in enumerate(guides) if row[0].startswith("#")]
    parts = [guides[low:high] for low, high in zip([0, *cuts], [*cuts, len(guides)], strict=True)]
    parts = [[row for row in part if not row[0].startswith("#")] for part in parts]
    made = tables(path)
    assert [len(part) - 1 for part in parts] == [10, 18, 18, 6] and len(made) == 4
    for ours, printed in zip(made, parts, strict=True):
        assert differences([row[:4] for row in ours], printed) == []
        assert ours[0][4:] == list(FILLED)
    heads = [one.text for one in library.Document(str(path)).paragraphs]
    assert [guides[at][0].lstrip("#") for at in cuts] == [one for one in heads if one[1:2] == "、"][
        1:
    ]
    assert TITLE in heads
    told = [row[4] for ours in made for row in ours[1:]]
    assert [told[0], told[1], told[39]] == (
        ["", "", ""] if blank else ["由人履职", "有证据", "无证据"]
    )


def test_guide_a_field_that_moved_is_seen() -> None:
    printed = GUIDE["appendix1"]
    moved = [row[:] for row in printed]
    moved[14][1], moved[15] = moved[15][1], moved[15][:-1]
    assert [one.split(":")[0] for one in differences(moved, printed)] == ["row 15", "row 16"]
    assert differences(printed[:-1], printed) == ["26 rows, not 27"]
