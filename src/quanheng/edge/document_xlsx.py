"""A document as an xlsx workbook: a sheet per section, native charts, numbers as numbers."""

import io
from fractions import Fraction
from typing import Any

from quanheng.edge.documents import (
    COUNT,
    FEN,
    NUMBER,
    PRICE,
    SECONDS,
    SHARE,
    VERDICT,
    VERDICTS,
    Cell,
    Chart,
    Document,
    Section,
    Table,
)

DATA = "图表数据"
WIDE, NARROW = 26, 13
CHART_ROWS = 15


def _writer() -> Any:
    """xlsxwriter; RuntimeError when the extra is not installed."""
    try:
        import xlsxwriter
    except ImportError as error:
        raise RuntimeError("reports need the extra quanheng[reports]") from error
    return xlsxwriter


class _Book:
    """The workbook while it is written."""

    def __init__(self, out: io.BytesIO) -> None:
        self.book = _writer().Workbook(out, {"in_memory": True, "nan_inf_to_errors": True})
        add = self.book.add_format
        self.title = add({"bold": True, "font_size": 14})
        self.grey = add({"font_color": "#777777"})
        self.bold = add({"bold": True})
        self.head = add({"bold": True, "bg_color": "#EEF3F7", "text_wrap": True, "bottom": 1,
                         "valign": "vcenter"})  # fmt: skip
        self.bad = add({"font_color": "#B3261E", "bold": True})
        self.plain = add({})
        self.formats = {
            SHARE: add({"num_format": "0.00%"}),
            COUNT: add({"num_format": "#,##0"}),
            SECONDS: add({"num_format": "#,##0.000"}),
            PRICE: add({"num_format": "0.000"}),
            NUMBER: add({"num_format": "0.00"}),
            FEN: add({"num_format": "#,##0.00"}),
        }
        self.data: list[tuple[int, int, str | float]] = []  # of the sheet of chart data
        self.plain_data: set[tuple[int, int]] = set()  # cells of charts that are no shares
        self.column = 0

    def cell(self, sheet: Any, row: int, column: int, value: Cell, kind: str) -> None:
        """Write one cell by its kind."""
        form = self.formats.get(kind, self.plain)
        if value is None:
            sheet.write_blank(row, column, None, form)
        elif kind == VERDICT:
            sheet.write_string(
                row, column, VERDICTS[bool(value)], self.plain if value else self.bad
            )
        elif kind == SECONDS:
            sheet.write_number(row, column, int(value) / 1e9, form)
        elif kind == FEN and isinstance(value, int):
            sheet.write_number(row, column, value / 100, form)
        elif isinstance(value, Fraction | int):
            sheet.write_number(row, column, float(value), form)
        else:
            sheet.write_string(row, column, value, form)

    def table(self, sheet: Any, row: int, table: Table) -> int:
        """Write a table at a row; returns the next free row."""
        sheet.write_string(row, 0, f"{table.title}  {table.english}", self.bold)
        row += 1
        for column, item in enumerate(table.columns):
            sheet.write_string(row, column, f"{item.words}\n{item.english}", self.head)
        sheet.set_row(row, 32)
        for line in table.rows:
            row += 1
            for column, (item, value) in enumerate(zip(table.columns, line, strict=True)):
                self.cell(sheet, row, column, value, item.kind)
        if table.note:
            row += 1
            sheet.write_string(row, 0, table.note, self.grey)
        return row + 2

    def chart(self, sheet: Any, row: int, chart: Chart) -> int:
        """Write a chart's numbers to the data sheet and the chart at a row."""
        native = self.book.add_chart({"type": "column" if chart.bars else "line"})
        first, count = self.column, len(chart.labels)
        put = self.data.append
        put((0, first, chart.title))
        self.data += [(k + 1, first, label) for k, label in enumerate(chart.labels)]
        lines = [(item.words, list(item.values)) for item in chart.series]
        if not chart.bars:
            lines += [(words, [value] * count) for words, value in chart.bounds]
        for offset, (words, values) in enumerate(lines, start=1):
            put((0, first + offset, words))
            for k, value in enumerate(values):
                if value is not None:
                    put((k + 1, first + offset, value))
                    if chart.unit:
                        self.plain_data.add((k + 1, first + offset))
            dashed = offset > len(chart.series)
            native.add_series(
                {
                    "name": [DATA, 0, first + offset],
                    "categories": [DATA, 1, first, max(count, 1), first],
                    "values": [DATA, 1, first + offset, max(count, 1), first + offset],
                    "line": {"width": 1.25, **({"dash_type": "dash"} if dashed else {})},
                }
            )
        self.column = first + len(lines) + 2
        native.set_title({"name": chart.title, "name_font": {"size": 11}})
        if chart.unit:
            native.set_y_axis({"num_format": "#,##0.##", "name": chart.unit})
        else:
            native.set_y_axis({"num_format": "0%", "min": 0})
        native.set_legend({"position": "bottom"})
        native.set_size({"width": 900, "height": 280})
        sheet.insert_chart(row, 0, native)
        return row + CHART_ROWS

    def section(self, section: Section) -> None:
        """A sheet."""
        sheet = self.book.add_worksheet(section.sheet)
        sheet.write_string(0, 0, f"{section.title}  {section.english}", self.title)
        row = 2
        if section.text:
            sheet.write_string(1, 0, section.text, self.grey)
            row = 3
        sheet.set_column(0, 0, WIDE)
        sheet.set_column(1, 20, NARROW)
        for block in section.blocks:
            if isinstance(block, Chart):
                row = self.chart(sheet, row, block)
            else:
                row = self.table(sheet, row, block)

    def chart_data(self) -> None:
        """The last sheet: what the charts show."""
        sheet = self.book.add_worksheet(DATA)
        for row, column, value in self.data:
            if isinstance(value, str):
                sheet.write_string(row, column, value)
            else:
                form = self.plain if (row, column) in self.plain_data else self.formats[SHARE]
                sheet.write_number(row, column, value, form)


def xlsx(document: Document) -> bytes:
    """The workbook's bytes."""
    out = io.BytesIO()
    book = _Book(out)
    cover = book.book.add_worksheet("封面")
    cover.set_column(0, 0, WIDE)
    cover.write_string(0, 0, document.title, book.title)
    cover.write_string(1, 0, document.english, book.grey)
    row = 3
    for name, value in document.facts:
        cover.write_string(row, 0, name, book.bold)
        cover.write_string(row, 1, value)
        row += 1
    for note in document.notes:
        row += 1
        cover.write_string(row, 0, note, book.grey)
    for section in document.sections:
        book.section(section)
    book.chart_data()
    book.book.close()
    return out.getvalue()
