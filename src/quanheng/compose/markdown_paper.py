"""A page of Markdown as a paper: deliverables (I-48) and release forms (I-10).

What is read is what our pages use: headings of levels 1 to 3, paragraphs, lists, tables, blocks of
code, pictures on a line of their own. Anything else is refused by name, so nothing is lost in
silence; comments of HTML are left out.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from quanheng.edge.document_docx import Block, Box, Grid, Head, Paper, Picture, Words
from quanheng.terms.units import Day

PAGE_MM, LANDSCAPE_MM = 164, 251
MANY = 8
"""With more columns than this somewhere the paper lies on its side."""
LEAST_MM, PADDING_MM, LETTER_MM = 12, 5, 2
WHOLE = 14
"""Letters of a name that a narrow column still holds on one line."""
_NAME = re.compile("[!-~]+")
_BREAK = re.compile("、(?=[!-~])")
"""Where a line of names may be broken: Word sees one word in names that a 、 divides."""
_WIDEST = 40  # columns of text that a cell is given at most
_HEAD = 8  # and that a head asks for; a longer one is broken into lines


def paper_of(text: str, day: Day, folder: Path | None = None) -> Paper:
    """The paper of a page; pictures are files under `folder`.

    ValueError names what cannot be read; RuntimeError when the extra is not installed.
    """
    try:
        from markdown_it import MarkdownIt
    except ImportError as error:
        raise RuntimeError("documents need the extra quanheng[reports]") from error
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    tables = [_table(tokens, at) for at, one in enumerate(tokens) if one.type == "table_open"]
    landscape = any(len(rows[0]) > MANY for rows in tables)
    title, blocks = _blocks(tokens, LANDSCAPE_MM if landscape else PAGE_MM, folder)
    if not title:
        raise ValueError("the page has no heading of level 1")
    return Paper(title=title, day=day, blocks=tuple(blocks), landscape=landscape)


def _blocks(
    tokens: Sequence[Any], width: int, folder: Path | None
) -> tuple[str, list[Block]]:  # fmt: skip
    """(title, blocks) of a page."""
    title, at = "", 0
    found: list[Block] = []
    lists: list[int] = []  # open ones: the last number of an ordered list, -1 for the other kind
    while at < len(tokens):
        one = tokens[at]
        if one.type == "heading_open":
            text, level = _inline(tokens[at + 1]), int(one.tag[1:])
            if level > 3:
                raise ValueError(f"heading of level {level}: {text!r}; 1 to 3 are known")
            if level == 1:
                title = text
            else:
                found.append(Head(text, level - 1))
            at += 2
        elif one.type in ("bullet_list_open", "ordered_list_open"):
            lists.append(0 if one.type[0] == "o" else -1)
        elif one.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
        elif one.type == "list_item_open" and lists[-1] >= 0:
            lists[-1] += 1
        elif one.type == "inline":
            found.append(_paragraph(one, lists, folder))
        elif one.type == "fence":
            found.append(Words(one.content.rstrip("\n"), note=True))
        elif one.type == "table_open":
            found.append(_grid(_table(tokens, at), width))
            at = next(n for n in range(at, len(tokens)) if tokens[n].type == "table_close")
        elif one.type == "html_block" and not one.content.lstrip().startswith("<!--"):
            raise ValueError(f"HTML is not read: {one.content.strip()!r}")
        elif one.type not in _PLAIN:
            raise ValueError(f"{one.type} is not read: {one.content!r}")
        at += 1
    return title, found


_PLAIN = ("paragraph_open", "paragraph_close", "list_item_open", "list_item_close", "html_block")


def _paragraph(one: Any, lists: list[int], folder: Path | None) -> Block:
    children = one.children or []
    if len(children) == 1 and children[0].type == "image":
        return Picture(_picture(str(children[0].attrs["src"]), folder))
    text = _inline(one)
    if not lists:
        return Words(text)
    marker = f"{lists[-1]}. " if lists[-1] > 0 else "· "
    return Words("　" * (len(lists) - 1) + marker + text)


def _picture(name: str, folder: Path | None) -> bytes:
    try:
        return ((folder or Path()) / name).read_bytes()
    except OSError as error:
        raise ValueError(f"picture {name}: {error.strerror}") from error


def _inline(one: Any) -> str:
    """The words of a line: marks are left out, breaks between wide characters need no space."""
    parts: list[str] = []
    for child in one.children or ():
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type == "softbreak":
            parts.append("" if parts and parts[-1] and _wide(parts[-1][-1]) else " ")
        elif child.type == "hardbreak" or child.content == "<br>":
            parts.append("\n")
        elif child.nesting == 0:
            raise ValueError(f"{child.type} inside a line is not read: {child.content!r}")
    return "".join(parts)


def _wide(letter: str) -> bool:
    return east_asian_width(letter) in "WF"


def _table(tokens: Sequence[Any], at: int) -> list[list[str]]:
    """Texts of a table by row, its head first."""
    rows: list[list[str]] = []
    for one in tokens[at:]:
        if one.type == "table_close":
            break
        if one.type == "tr_open":
            rows.append([])
        elif one.type == "inline":
            rows[-1].append(_BREAK.sub("、\u200b", _inline(one)))
    return rows


def _length(text: str) -> int:
    return max((sum(1 + _wide(letter) for letter in line) for line in text.split("\n")), default=0)


def _grid(rows: list[list[str]], width: int) -> Grid:
    """A table over the page: every column holds its longest name whole, up to WHOLE letters, and
    what is left is given by the longest of the texts.
    """
    asked, least = [], []
    for head_text, *column in zip(*rows, strict=True):
        longest = max(map(_length, column), default=0)
        asked.append(min(_WIDEST, max(longest, min(_HEAD, _length(head_text)))) + 2)
        names = [len(name) for text in column for name in _NAME.findall(text)]
        least.append(max(LEAST_MM, PADDING_MM + LETTER_MM * min(WHOLE, max(names, default=0))))
    if sum(least) > width:
        least = [width // len(least)] * len(least)
    spare = width - sum(least)
    widths = tuple(low + spare * one // sum(asked) for low, one in zip(least, asked, strict=True))
    head = tuple(Box(cell, head=True) for cell in rows[0])
    return Grid(widths, (head, *(tuple(map(Box, row)) for row in rows[1:])))
