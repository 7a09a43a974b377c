"""The release form of a model or a strategy as a document (I-08 to I-10)."""

from pathlib import Path

import msgspec

from quanheng.compose.markdown_paper import paper_of
from quanheng.compose.run_folder import write_whole
from quanheng.edge.document_docx import Block, Head, NewPage, Words, docx
from quanheng.terms.units import Day

UNRELEASED: Day = 20000101
"""Date inside the file of a form that nobody has released yet."""
_LINE = "__________________"
SIGNATURES = (
    f"经办（签字）：{_LINE}    日期：{_LINE}",
    f"复核（签字）：{_LINE}    日期：{_LINE}",
    f"部门负责人（签字）：{_LINE}    日期：{_LINE}",
)
"""Who signs on paper: maker and checker are two people, as the register holds them."""


def release_paper(path: Path, form: str, record: str, released: Day) -> Path:
    """Write a form with its places to sign and, on new pages, the test record; returns the path.

    `form` and `record` are Markdown, `record` empty where the form holds it. RuntimeError when the
    extra is not installed.
    """
    day = released or UNRELEASED
    paper = paper_of(form, day)
    blocks: tuple[Block, ...] = (*paper.blocks, *map(Words, SIGNATURES))
    if record:
        behind = paper_of(record, day)
        blocks += (NewPage(), Head(behind.title, 1), *behind.blocks)
        paper = msgspec.structs.replace(paper, landscape=paper.landscape or behind.landscape)
    write_whole(path, docx(msgspec.structs.replace(paper, blocks=blocks)))
    return path
