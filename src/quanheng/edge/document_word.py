"""A document as docx: headings, tables with repeated heads, charts as pictures, lines to sign.

The same document gives the same bytes: the archive's stamps and the file's dates are the day of the
report.
"""

import datetime
import io
import zipfile
from typing import Any

from quanheng.edge.document_charts import png
from quanheng.edge.documents import Chart, Document, Section, Table, right_aligned, shown

FONT, FACE = "Arial", "宋体"
BLUE, GREY, BAD = "1F5F8B", "777777", "B3261E"
HEAD_FILL = "EEF3F7"
MARGIN_CM, WIDTH_CM = 1.8, 17.4
SMALL = 7.5
LETTER_CM, PADDING_CM, LEAST_CM = 0.152, 0.36, 1.1
"""Of a column of text in SMALL; a wide character is two columns."""
CELL_TWIPS = 60
_STAMP = (1980, 1, 1, 0, 0, 0)


def _modules() -> Any:
    """python-docx; RuntimeError when the extra is not installed."""
    try:
        import docx
        import docx.enum.section
        import docx.enum.table
        import docx.enum.text
        import docx.oxml
        import docx.oxml.ns
        import docx.shared
    except ImportError as error:
        raise RuntimeError("reports need the extra quanheng[reports]") from error
    return docx


def word(document: Document) -> bytes:
    """The file's bytes."""
    made = _Writer(document)
    made.write()
    out = io.BytesIO()
    made.file.save(out)
    return _same(out.getvalue())


def _same(data: bytes) -> bytes:
    """The archive without the clock's stamps."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as given,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in given.namelist():
            entry = zipfile.ZipInfo(name, _STAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, given.read(name))
    return out.getvalue()


class _Writer:
    """The file while it is written."""

    def __init__(self, document: Document) -> None:
        self.docx = _modules()
        self.document = document
        self.file = self.docx.Document()
        shared = self.docx.shared
        page = self.file.sections[0]
        page.page_width, page.page_height = shared.Cm(21.0), shared.Cm(29.7)
        for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
            setattr(page, side, shared.Cm(MARGIN_CM))
        for name, size in (("Normal", 10), ("Heading 1", 15), ("Heading 2", 12)):
            style = self.file.styles[name]
            style.font.name, style.font.size = FONT, shared.Pt(size)
            style.element.get_or_add_rPr().get_or_add_rFonts().set(
                self.docx.oxml.ns.qn("w:eastAsia"), FACE
            )
            if name != "Normal":
                style.font.color.rgb = shared.RGBColor.from_string(BLUE)
        day = document.day
        when = datetime.datetime(day // 10_000, day // 100 % 100, day % 100)
        core = self.file.core_properties
        core.title, core.author, core.created, core.modified = document.title, "", when, when

    def write(self) -> None:
        """Title, facts, sections, signatures, notes."""
        document = self.document
        title = self.file.add_paragraph()
        self._run(title, document.title, 20, BLUE)
        title.add_run().add_break()
        self._run(title, document.english, 10, GREY)
        for words, value in document.facts:
            line = self.file.add_paragraph()
            line.paragraph_format.space_after = self.docx.shared.Pt(1)
            self._run(line, f"{words}  ", 9.5, GREY)
            self._run(line, value, 9.5)
        for section in document.sections:
            self._section(section)
        if document.signatures:
            self.file.add_paragraph()
        for who in document.signatures:
            line = self.file.add_paragraph()
            line.paragraph_format.space_before = self.docx.shared.Pt(10)
            line.add_run(f"{who}：____________________    日期：____________")
        for note in document.notes:
            self._run(self.file.add_paragraph(), note, SMALL, GREY)
        self._footer()

    def _run(self, paragraph: Any, text: str, size: float, colour: str = "") -> Any:
        run = paragraph.add_run(text)
        run.font.size = self.docx.shared.Pt(size)
        if colour:
            run.font.color.rgb = self.docx.shared.RGBColor.from_string(colour)
        return run

    def _section(self, section: Section) -> None:
        if section.chapter:
            self.file.add_heading(section.chapter, 1)
        head = self.file.add_heading(level=2)
        head.add_run(section.title)
        self._run(head, f"  {section.english}", 8, GREY)
        if section.text:
            for part in section.text.split("\n"):
                line = self.file.add_paragraph(part)
                line.paragraph_format.space_after = self.docx.shared.Pt(2)
        for block in section.blocks:
            if isinstance(block, Chart):
                self.file.add_picture(io.BytesIO(png(block)), width=self.docx.shared.Cm(WIDTH_CM))
            else:
                self._table(block)

    def _table(self, table: Table) -> None:
        """A table as wide as the page; columns by the length of what they hold."""
        head = self.file.add_paragraph()
        head.paragraph_format.keep_with_next = True
        head.paragraph_format.space_before = self.docx.shared.Pt(6)
        head.paragraph_format.space_after = self.docx.shared.Pt(2)
        self._run(head, table.title, 9.5)
        self._run(head, f"  {table.english}", 7.5, GREY)
        rows = table.rows[: table.brief] if table.brief else table.rows
        if not rows:
            self._run(self.file.add_paragraph(), "无 none", 9, GREY)
        else:
            self._grid(table, rows)
        note = table.note
        if left := len(table.rows) - len(rows):
            note = f"{note} 另有 {left} 行见 xlsx。".strip()
        if note:
            self._run(self.file.add_paragraph(), note, SMALL, GREY)

    def _grid(self, table: Table, rows: tuple[tuple[Any, ...], ...]) -> None:
        columns = table.columns
        texts = [
            [shown(cell, column.kind) for column, cell in zip(columns, row, strict=True)]
            for row in rows
        ]
        right = right_aligned(columns)
        widths = _widths([[column.words for column in columns], *texts], right)
        grid = self.file.add_table(rows=1 + len(rows), cols=len(columns))
        grid.style = self.file.styles["Table Grid"]
        grid.autofit = False
        for column, width in zip(grid.columns, widths, strict=True):
            column.width = self.docx.shared.Cm(width)
        self._narrow(grid)
        align = self.docx.enum.text.WD_ALIGN_PARAGRAPH
        lines = [[column.words for column in columns], *texts]
        for number, (line, cells) in enumerate(zip(lines, grid.rows, strict=True)):
            for place, (text, cell) in enumerate(zip(line, cells.cells, strict=True)):
                cell.width = self.docx.shared.Cm(widths[place])
                paragraph = cell.paragraphs[0]
                paragraph.paragraph_format.space_after = self.docx.shared.Pt(0)
                if right[place]:
                    paragraph.alignment = align.RIGHT
                run = self._run(paragraph, text, SMALL, BAD if text == "未达标" else "")
                if number == 0:
                    run.font.bold = True
                    self._shade(cell)
        self._repeat(grid.rows[0])

    def _narrow(self, grid: Any) -> None:
        """Little room at the sides of a cell."""
        ns = self.docx.oxml.ns
        margins = self.docx.oxml.OxmlElement("w:tblCellMar")
        for side in ("left", "right"):
            edge = self.docx.oxml.OxmlElement(f"w:{side}")
            edge.set(ns.qn("w:w"), str(CELL_TWIPS))
            edge.set(ns.qn("w:type"), "dxa")
            margins.append(edge)
        grid._tbl.tblPr.append(margins)

    def _shade(self, cell: Any) -> None:
        ns = self.docx.oxml.ns
        shade = self.docx.oxml.OxmlElement("w:shd")
        for name, value in (("val", "clear"), ("color", "auto"), ("fill", HEAD_FILL)):
            shade.set(ns.qn(f"w:{name}"), value)
        cell._tc.get_or_add_tcPr().append(shade)

    def _repeat(self, row: Any) -> None:
        """The head stands on every page; rows are not cut in two."""
        mark = self.docx.oxml.OxmlElement("w:tblHeader")
        mark.set(self.docx.oxml.ns.qn("w:val"), "true")
        row._tr.get_or_add_trPr().append(mark)

    def _footer(self) -> None:
        """Page numbers."""
        paragraph = self.file.sections[0].footer.paragraphs[0]
        paragraph.alignment = self.docx.enum.text.WD_ALIGN_PARAGRAPH.RIGHT
        self._run(paragraph, f"{self.document.title}  ", SMALL, GREY)
        run = paragraph.add_run()
        run.font.size = self.docx.shared.Pt(SMALL)
        for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
            if kind:
                element = self.docx.oxml.OxmlElement("w:fldChar")
                element.set(self.docx.oxml.ns.qn("w:fldCharType"), kind)
            else:
                element = self.docx.oxml.OxmlElement("w:instrText")
                element.text = text
            run._r.append(element)


def _widths(lines: list[list[str]], whole: list[bool]) -> list[float]:
    """Centimetres of each column by its longest text. When that is more than the page, heads of
    numbers (`whole`) take two lines, numbers keep their width, and words share what is left, short
    ones first.
    """
    natural = _natural(lines, [False] * len(whole))
    if sum(natural) <= WIDTH_CM:
        return natural
    natural = _natural(lines, whole)
    kept = sum(width for width, number in zip(natural, whole, strict=True) if number)
    words = [k for k, number in enumerate(whole) if not number]
    room = WIDTH_CM - kept
    if not words or room < LEAST_CM * len(words):
        return [width * WIDTH_CM / sum(natural) for width in natural]
    widths = dict(enumerate(natural))
    left = sorted(words, key=lambda k: natural[k])
    for place, k in enumerate(left):
        widths[k] = min(natural[k], room / (len(left) - place))
        room -= widths[k]
    return [widths[k] for k in range(len(natural))]


def _natural(lines: list[list[str]], halved: list[bool]) -> list[float]:
    """Centimetres that each column would like; of a halved one the head counts half."""
    head, *texts = lines
    longest = [
        max(-(-_length(head[k]) // 2) if half else _length(head[k]),
            *(_length(line[k]) for line in texts))
        for k, half in enumerate(halved)
    ]  # fmt: skip
    return [max(LEAST_CM, count * LETTER_CM + PADDING_CM) for count in longest]


def _length(text: str) -> int:
    """Columns of a text, wide characters twice."""
    return sum(2 if ord(char) > 0x2E7F else 1 for char in text)
