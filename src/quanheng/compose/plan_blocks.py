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


UNITS = {
    "contracts": "张", "count": "个", "yuan": "元", "percent": "%", "per cent": "%", "%": "%",
    "yuan per 1 %": "元/1%", "yuan per 1 % per 1 %": "元/1%/1%",
    "yuan per vol point": "元/波动率点", "yuan per day": "元/日", "s": "秒", "ms": "毫秒",
    "ticks": "最小变动", "bp": "基点", "days": "日", "hundredths of a day": "0.01日",
    "messages": "笔", "orders": "笔", "per second": "笔/秒", "msg per s": "笔/秒",
    "1e-4": "万分之一", "trading days": "交易日", "rung": "级", "fills in 5 s": "笔/5秒",
    "market ticks": "笔行情",
}  # fmt: skip
"""Words for the units that people read most; others stay as they are."""


def unit(name: str) -> str:
    """A unit in Chinese where it has a word."""
    return UNITS.get(name, name)


def missing(asked: Asked, name: str) -> list[Block]:
    """A gap of a chapter, by name."""
    return [asked.gaps.words("", f"{asked.chapter}：{name}")]
