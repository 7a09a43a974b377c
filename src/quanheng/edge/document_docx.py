"""Statutory forms as .docx: grids with merged cells, Chinese fonts, gaps that nobody overlooks.

The same paper gives the same bytes: nothing in the file tells when it was written, except its day.
"""

import io
import zipfile
from datetime import datetime
from typing import Any

import msgspec

from quanheng.terms.units import Day

SONG, HEI, LATIN = "宋体", "黑体", "Times New Roman"
_SIZE = 10.5  # 五号
_TITLE = 16
_PAGE_MM = (210, 297)
_MARGIN_MM = 22
_CELL, _LABEL = "Form text", "Form label"
_STAMP = (1980, 1, 1, 0, 0, 0)


class Box(msgspec.Struct, frozen=True):
    """A cell: its text, how many columns and rows it takes. `head`: a label of the form.

    `gap`: something mandatory is missing here, shown so that it cannot be overlooked.
    """

    text: str
    span: int = 1
    down: int = 1
    head: bool = False
    gap: bool = False
    center: bool = False


class Grid(msgspec.Struct, frozen=True):
    """A table; `widths` in millimetres. `heights`: least height of rows by number, millimetres."""

    widths: tuple[int, ...]
    rows: tuple[tuple[Box, ...], ...]
    heights: tuple[tuple[int, int], ...] = ()


class Head(msgspec.Struct, frozen=True):
    """A heading of level 1 or 2."""

    text: str
    level: int = 1


class Words(msgspec.Struct, frozen=True):
    """A paragraph. `gap` as in a box; `note` smaller and grey; `right` for a signature's place."""

    text: str
    gap: bool = False
    note: bool = False
    right: bool = False


class NewPage(msgspec.Struct, frozen=True):
    """The next block begins a page."""


class Picture(msgspec.Struct, frozen=True):
    """A PNG over the page's width."""

    data: bytes


Block = Grid | Head | Words | NewPage | Picture


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """A whole document."""

    title: str
    day: Day
    blocks: tuple[Block, ...]
    subtitle: str = ""
    landscape: bool = False


def docx(paper: Paper) -> bytes:
    """The file. RuntimeError when the extra is not installed; ValueError for a crooked grid."""
    try:
        import docx as library
    except ImportError as error:
        raise RuntimeError("documents need the extra quanheng[reports]") from error
    document: Any = library.Document()
    _set_up(document, paper)
    _title(document, paper)
    for block in paper.blocks:
        match block:
            case Grid():
                _grid(document, block)
            case Head():
                _heading(document, block)
            case Words():
                _words(document, block)
            case NewPage():
                document.add_page_break()
            case Picture():
                width = document.sections[0].page_width - 2 * document.sections[0].left_margin
                document.add_picture(io.BytesIO(block.data), width=width)
    out = io.BytesIO()
    document.save(out)
    return _same_bytes(out.getvalue())


def _set_up(document: Any, paper: Paper) -> None:
    from docx.enum.section import WD_ORIENT
    from docx.shared import Mm, Pt

    section = document.sections[0]
    wide, high = reversed(_PAGE_MM) if paper.landscape else _PAGE_MM
    section.page_width, section.page_height = Mm(wide), Mm(high)
    section.orientation = WD_ORIENT.LANDSCAPE if paper.landscape else WD_ORIENT.PORTRAIT
    for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
        setattr(section, side, Mm(_MARGIN_MM))
    style = document.styles["Normal"]
    style.font.name, style.font.size = LATIN, Pt(_SIZE)
    _east_asian(style.element.get_or_add_rPr(), SONG)
    for name, font in ((_CELL, SONG), (_LABEL, HEI)):
        _cell_style(document, name, font)
    at = datetime(paper.day // 10_000, paper.day // 100 % 100, paper.day % 100)
    core = document.core_properties
    core.title, core.author, core.comments = paper.title, "", ""
    core.created = core.modified = at
    core.last_modified_by, core.revision = "", 1


def _cell_style(document: Any, name: str, font: str) -> None:
    from docx.enum.style import WD_STYLE_TYPE
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    style = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
    style.base_style = document.styles["Normal"]
    style.paragraph_format.space_before = style.paragraph_format.space_after = Pt(2)
    if name == _LABEL:
        style.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _east_asian(style.element.get_or_add_rPr(), font)


def _east_asian(properties: Any, font: str) -> None:
    """Word takes the font of Chinese characters from an attribute of its own."""
    from docx.oxml.ns import qn

    fonts = properties.get_or_add_rFonts()
    for name in ("w:ascii", "w:hAnsi"):
        fonts.set(qn(name), LATIN)
    fonts.set(qn("w:eastAsia"), font)


def _run(paragraph: Any, text: str, font: str = SONG, size: float = _SIZE, bold: bool = False,
         gap: bool = False) -> Any:  # fmt: skip
    from docx.enum.text import WD_COLOR_INDEX
    from docx.shared import Pt

    run = paragraph.add_run(text)
    run.font.size, run.font.bold = Pt(size), bold
    _east_asian(run._element.get_or_add_rPr(), font)
    if gap:
        run.font.highlight_color = WD_COLOR_INDEX.YELLOW
    return run


def _title(document: Any, paper: Paper) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    for text, size in ((paper.title, _TITLE), (paper.subtitle, _SIZE)):
        if text:
            paragraph = document.add_paragraph()
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
            _run(paragraph, text, HEI, size, bold=size == _TITLE)


def _heading(document: Any, block: Head) -> None:
    paragraph = document.add_paragraph(style=f"Heading {block.level}")
    run = _run(paragraph, block.text, HEI, 14 if block.level == 1 else 12, bold=True)
    from docx.shared import RGBColor

    run.font.color.rgb = RGBColor(0, 0, 0)


def _words(document: Any, block: Words) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import RGBColor

    for line in block.text.split("\n"):
        paragraph = document.add_paragraph()
        run = _run(paragraph, line, size=9 if block.note else _SIZE, gap=block.gap)
        if block.note:
            run.font.color.rgb = RGBColor(0x66, 0x66, 0x66)
        if block.right:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT


def _grid(document: Any, block: Grid) -> None:
    from docx.enum.table import WD_ROW_HEIGHT_RULE
    from docx.shared import Mm, Pt

    columns = len(block.widths)
    table = document.add_table(rows=len(block.rows), cols=columns, style="Table Grid")
    table.autofit = False
    styles = {head: document.styles[_LABEL if head else _CELL].style_id for head in (False, True)}
    cells = table._cells  # once: every other way to a cell walks the whole table
    for column, width in zip(table.columns, block.widths, strict=True):
        column.width = Mm(width)  # of the column and of each of its cells: readers differ
    for number, cell in enumerate(cells):
        cell.width = Mm(block.widths[number % columns])
    for place, box, low, last in _places(block):
        cell = cells[place]
        if box.span > 1 or box.down > 1:
            cell = cell.merge(cells[low * columns + last])
        _fill(cell, box, styles)
    for row in table.rows:
        _mark(row, "w:cantSplit")
    if all(box.head and box.down == 1 for box in block.rows[0]):
        _mark(table.rows[0], "w:tblHeader")
    for number, height in block.heights:
        table.rows[number].height = Mm(height)
        table.rows[number].height_rule = WD_ROW_HEIGHT_RULE.AT_LEAST
    document.add_paragraph().paragraph_format.space_after = Pt(0)


def _places(block: Grid) -> list[tuple[int, Box, int, int]]:
    """(number of its first cell, box, last row, last column) of every box. ValueError when boxes
    reach over the edge or leave a hole.
    """
    columns, found = len(block.widths), []
    taken = [[False] * columns for _ in block.rows]
    for number, row in enumerate(block.rows):
        column = 0
        for box in row:
            while column < columns and taken[number][column]:
                column += 1
            last, low = column + box.span - 1, number + box.down - 1
            if last >= columns or low >= len(block.rows):
                raise ValueError(f"grid row {number + 1}: {box.text!r} reaches over the edge")
            for y in range(number, low + 1):
                taken[y][column : last + 1] = [True] * box.span
            found.append((number * columns + column, box, low, last))
    if not all(map(all, taken)):
        raise ValueError("a row of the grid has too few boxes")
    return found


def _fill(cell: Any, box: Box, styles: dict[bool, str]) -> None:
    """Text into a cell; how it looks stands in two styles, so that big tables are quick."""
    from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT
    from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_COLOR_INDEX

    cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
    for at, line in enumerate(box.text.split("\n")):
        paragraph = cell.paragraphs[0] if at == 0 else cell.add_paragraph()
        paragraph._p.get_or_add_pPr().style = styles[box.head]  # by its id: no search
        run = paragraph.add_run(line)
        if box.gap:
            run.font.highlight_color = WD_COLOR_INDEX.YELLOW
        if box.center:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _mark(row: Any, name: str) -> None:
    """A row that stays on one page, or that stands again on the next ones."""
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement(name))


def _same_bytes(data: bytes) -> bytes:
    """The package again, its parts in order and without the time of writing."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            info = zipfile.ZipInfo(name, _STAMP)
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, old.read(name))
    return out.getvalue()
