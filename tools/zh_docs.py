"""The Chinese deliverables under docs/zh (I-47 to I-52): which parts of them are generated.

A page is written by hand; between a line `<!-- 生成：NAME -->` and the next `<!-- 生成结束 -->`
stands what the function NAME of BLOCKS returns. `tools/make_docs.py` writes the pages, a test holds
every committed page against its functions.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from zh_blocks import CODE_BLOCKS
from zh_people import PEOPLE_BLOCKS
from zh_trace import TRACE_BLOCKS

ZH = Path(__file__).parents[1] / "docs" / "zh"
_BLOCK = re.compile(r"(<!-- 生成：([a-z-]+) -->\n).*?(<!-- 生成结束 -->)", re.DOTALL)

BLOCKS: dict[str, Callable[[], str]] = {**CODE_BLOCKS, **PEOPLE_BLOCKS, **TRACE_BLOCKS}
"""Every generated part: its name in the pages and the function that returns its Markdown."""


@cache
def _block(name: str) -> str:
    if name not in BLOCKS:
        raise ValueError(f"docs/zh: no generated part is called {name!r}")
    return BLOCKS[name]()


def filled(text: str) -> str:
    """A page with its generated parts as they are now. ValueError for an unknown part."""
    if text.count("<!-- 生成：") != text.count("<!-- 生成结束 -->"):
        raise ValueError("docs/zh: a generated part has no end, or an end no beginning")
    return _BLOCK.sub(lambda found: f"{found[1]}\n{_block(found[2])}\n{found[3]}", text)


def _page(path: Path) -> Callable[[], str]:
    return lambda: filled(path.read_text(encoding="utf-8"))


ZH_PAGES: dict[str, Callable[[], str]] = {
    f"zh/{path.name}": _page(path) for path in sorted(ZH.glob("*.md"))
}
"""Every page: its name under docs/ and the function that returns its text."""
