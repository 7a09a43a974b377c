"""Small blocks that the chapters of appendix 2 are put together from."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from quanheng.compose.paper_facts import Facts, Gaps
from quanheng.edge.document_docx import Block, Box, Grid, Words

PAGE_MM = 164


class Asked(msgspec.Struct, frozen=True):
    """What a chapter's facts are made from."""

    facts: Facts
    gaps: Gaps
    runs: tuple[Path, ...]
    chapter: str


Provider = Callable[[Asked], list[Block]]


def grid(heads: Sequence[str], rows: Iterable[Sequence[object]], shares: Sequence[int]) -> Grid:
    """A table over the page's width; `shares` of its columns in any unit."""
    whole = sum(shares)
    widths = tuple(PAGE_MM * one // whole for one in shares)
    head = tuple(Box(one, head=True) for one in heads)
    return Grid(widths, (head, *(tuple(Box(str(cell)) for cell in row) for row in rows)))


def lines(*texts: str) -> list[Block]:
    """A paragraph a text, with the marker of a list."""
    return [Words(f"· {text}") for text in texts]


def missing(asked: Asked, name: str) -> list[Block]:
    """A gap of a chapter, by name."""
    return [asked.gaps.words("", f"{asked.chapter}：{name}")]
