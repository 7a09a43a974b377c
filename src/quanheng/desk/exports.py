"""A table as a file that people take away: CSV, xlsx, Parquet (issue People 6).

No cell is a formula for a spreadsheet: in a CSV a text that begins like one gets an apostrophe, in
a workbook every text is written as text (OWASP, CSV injection). Numbers stay numbers.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from quanheng.desk.ports import SourceError, Table

BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "＝", "＋", "－", "＠")
"""First characters of what a spreadsheet may run; the wide ones are folded by some of them."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_EXACT = 10**15
"""A sheet keeps 15 figures."""
_SHEET = 31
"""Longest name of a sheet."""
MOST_ROWS = 1_000_000
"""Rows of a file at most; a sheet of a workbook holds 2**20."""


def csv_of(table: Table) -> bytes:
    """With a byte order mark, which spreadsheets need for Chinese."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([harmless(name) for name in table.columns])
    writer.writerows([harmless(_plain(value)) for value in row] for row in table.rows)
    return text.getvalue().encode("utf-8-sig")


def harmless(value: Any) -> Any:
    """A cell of a CSV that no spreadsheet takes for a formula."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    return "'" + value if value.lstrip(" ")[:1] in BEGINS else value


def xlsx_of(name: str, table: Table) -> bytes:
    """A workbook of one sheet with a head that stays. SourceError without `quanheng[reports]`."""
    try:
        import xlsxwriter
    except ImportError as error:
        raise SourceError("xlsx needs the extra quanheng[reports]") from error
    out = io.BytesIO()
    options = {
        "in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
        "strings_to_numbers": False, "nan_inf_to_errors": True,
    }  # fmt: skip
    book = xlsxwriter.Workbook(out, options)
    sheet = book.add_worksheet(re.sub(r"[\[\]:*?/\\]", " ", name)[:_SHEET])
    head = book.add_format({"bold": True})
    for column, title in enumerate(table.columns):
        sheet.write_string(0, column, title, head)
    for line, row in enumerate(table.rows, start=1):
        for column, value in enumerate(row):
            _write(sheet, line, column, _plain(value))
    sheet.freeze_panes(1, 0)
    book.close()
    return out.getvalue()


def _write(sheet: Any, line: int, column: int, value: Any) -> None:
    """Numbers and decimal text as numbers; codes and what a sheet would round stay text."""
    if isinstance(value, bool):
        sheet.write_boolean(line, column, value)
    elif isinstance(value, int | float) and abs(value) < _EXACT:
        sheet.write_number(line, column, value)
    elif isinstance(value, str) and "." in value and _NUMBER.fullmatch(value):
        sheet.write_number(line, column, float(value))
    elif value is not None:
        sheet.write_string(line, column, str(value))


def parquet_of(table: Table) -> bytes:
    """Columns of whole numbers as int64, of truth values as bool, all others as text; nulls where
    nothing is. SourceError without `quanheng[data]`.
    """
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise SourceError("Parquet needs the extra quanheng[data]") from error
    columns = []
    for place in range(len(table.columns)):
        values = [_plain(row[place]) for row in table.rows]
        kinds = {type(value) for value in values if value is not None}
        if kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
            columns.append(arrow.array(values, arrow.int64()))
        elif kinds == {bool}:
            columns.append(arrow.array(values, arrow.bool_()))
        else:
            text = [None if value is None else str(value) for value in values]
            columns.append(arrow.array(text, arrow.string()))
    out = io.BytesIO()
    parquet.write_table(arrow.table(columns, names=list(table.columns)), out)
    return out.getvalue()


def _plain(value: Any) -> Any:
    """A cell as a single value: what has parts becomes JSON."""
    if isinstance(value, Mapping | list | tuple):
        return msgspec.json.encode(value).decode()
    return value


FORMATS: Mapping[str, Callable[[str, Table], bytes]] = {
    "csv": lambda _, table: csv_of(table),
    "xlsx": xlsx_of,
    "parquet": lambda _, table: parquet_of(table),
}
"""What a table is taken away as."""


def made(name: str, table: Table, form: str) -> bytes:
    """The table as a file. SourceError for another format or a package that is not there."""
    if form not in FORMATS:
        raise SourceError(f"format: {form!r} is not one of {', '.join(FORMATS)}")
    return FORMATS[form](name, table)


def of_csv(name: str, body: bytes) -> Table:
    """A report's CSV as a table of text. SourceError for one that is not."""
    try:
        lines: Sequence[list[str]] = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{name}: {error}") from error
    if not lines:
        raise SourceError(f"{name}: is empty")
    width = len(lines[0])
    rows = [list(line[:width]) + [""] * (width - len(line)) for line in lines[1:]]
    return Table(tuple(lines[0]), rows, len(rows))
