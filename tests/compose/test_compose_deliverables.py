"""Pages of Markdown as Word files: the system's own deliverables (I-47 to I-52)."""

from pathlib import Path

import docx
import pytest
from click.testing import CliRunner

from quanheng import cli
from quanheng.compose.deliverables import PAGES, write
from quanheng.compose.markdown_paper import LANDSCAPE_MM, PAGE_MM, paper_of
from quanheng.config import ConfigError
from quanheng.edge.document_docx import Grid, Head, Picture, Words

DAY = 20261128
PAGE = """\
# 题目

第一行
第二行 `code` 与 **粗体**。

<!-- 生成：nothing -->

## 一

- 甲
  1. 乙
  2. 丙

| 名 | 值 |
|---|---|
| a、b、丙 | 1\\|2 |

```
make test
```

### 细目
"""


def test_deliverables_a_page_becomes_blocks() -> None:
    paper = paper_of(PAGE, DAY)
    assert paper.title == "题目" and not paper.landscape
    words, head, *items, grid, code, small = paper.blocks
    assert words == Words("第一行第二行 code 与 粗体。")
    assert (head, small) == (Head("一"), Head("细目", 2))
    assert [one.text for one in items if isinstance(one, Words)] == ["· 甲", "　1. 乙", "　2. 丙"]
    assert isinstance(grid, Grid) and grid.widths == (108, 55)
    assert [box.text for box in grid.rows[1]] == ["a、\u200bb、丙", "1|2"]
    assert code == Words("make test", note=True)


def test_deliverables_wide_tables_turn_the_page() -> None:
    def table(columns: int) -> str:
        row = "|" + " x |" * columns
        return f"# t\n\n{row}\n|{'---|' * columns}\n{row}\n"

    for columns, width in ((8, PAGE_MM), (9, LANDSCAPE_MM)):
        paper = paper_of(table(columns), DAY)
        (grid,) = paper.blocks
        assert isinstance(grid, Grid) and width - columns <= sum(grid.widths) <= width
        assert paper.landscape == (width == LANDSCAPE_MM)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plain\n", "no heading of level 1"),
        ("# a\n\n#### deep\n", "heading of level 4: 'deep'"),
        ("# a\n\n<b>x</b>\n", "inside a line is not read: '<b>'"),
        ("# a\n\n<div>\nx\n</div>\n", "HTML is not read"),
        ("# a\n\n> said\n", "blockquote_open is not read"),
        ("# a\n\n![p](none.png)\n", "picture none.png: No such file"),
    ],
)
def test_deliverables_what_cannot_be_read_is_named(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        paper_of(text, DAY, tmp_path)
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"page\.md: .*{words}"):
        write(tmp_path, tmp_path / "out", DAY)


def test_deliverables_from_the_command_line(tmp_path: Path) -> None:
    """The plan with its picture and the matrices on wide pages; twice gives the same bytes."""
    pages, out = tmp_path / "zh", tmp_path / "out"
    pages.mkdir()
    for name in ("construction-plan.md", "permissions.md"):
        (pages / name).write_bytes((PAGES / name).read_bytes())
    (tmp_path / "pictures").mkdir()
    picture = PAGES.parent / "pictures" / "architecture-zh.png"
    (tmp_path / "pictures" / picture.name).write_bytes(picture.read_bytes())
    args = ["documents", "deliverables", "--out", str(out), "--pages", str(pages), "--on",
            "2026-11-28"]  # fmt: skip
    first, second = CliRunner().invoke(cli.cli, args), CliRunner().invoke(cli.cli, args)
    assert first.exit_code == second.exit_code == 0, first.output
    assert first.output == second.output and "construction-plan.md" in first.output
    plan = docx.Document(str(out / "系统建设方案.docx"))
    assert len(plan.inline_shapes) == 1 and len(plan.tables) >= 5
    rights = docx.Document(str(out / "权限管理制度.docx"))
    section = rights.sections[0]
    assert section.page_width > section.page_height
    (out / "系统建设方案.docx").write_bytes(b"worked on")
    third = CliRunner().invoke(cli.cli, args)
    assert isinstance(third.exception, ConfigError) and "another folder" in str(third.exception)
    assert (out / "系统建设方案.docx").read_bytes() == b"worked on"
    empty = CliRunner().invoke(cli.cli, [*args[:5], str(tmp_path / "none")])
    assert isinstance(empty.exception, ConfigError) and "has no pages" in str(empty.exception)


def test_deliverables_every_page_of_ours_can_be_written() -> None:
    """No page has what the writer would refuse, and no two would be one file."""
    papers = [paper_of(path.read_text("utf-8"), DAY, PAGES) for path in PAGES.glob("*.md")]
    titles = [one.title for one in papers]
    assert len(set(titles)) == len(titles) == 19
    assert any(isinstance(block, Picture) for one in papers for block in one.blocks)
