"""Reading a run's report tables and laying them out in Markdown and as single facts."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from quanheng.compose.run_folder import RunError

Row = Mapping[str, str]


class Section(NamedTuple):
    """One table of a report. `columns`: names in the source file with their Chinese headings."""

    title: str
    english: str
    source: str
    columns: Mapping[str, str]
    rows: Sequence[Row]
    note: str = ""


def read_table(run: Path, name: str, columns: Iterable[str]) -> list[dict[str, str]]:
    """Rows of reports/NAME.csv by column. RunError names a file, column or line that is wrong."""
    return read_csv(run / "reports" / f"{name}.csv", columns)


def read_csv(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """Rows of any table that we wrote, by column. RunError as in `read_table`."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            rows = list(reader)
            heads = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path}: {error}") from error
    missing = [column for column in columns if column not in heads]
    if missing:
        raise RunError(f"{path}: no column {missing[0]}")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise RunError(f"{path}: line {number} does not have {len(heads)} cells")
    return rows


def markdown(section: Section) -> str:
    """Heading, table, source and note."""
    lines = [f"## {section.title} {section.english}", ""]
    if section.rows:
        heads = list(section.columns.values())
        lines += [_line(heads), _line(["---"] * len(heads))]
        lines += [_line([row[name] for name in section.columns]) for row in section.rows]
    else:
        lines.append("无。None.")
    lines += ["", f"来源 source: `{section.source}`"]
    if section.note:
        lines += ["", section.note]
    return "\n".join([*lines, "", ""])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") or "—" for cell in cells) + " |"


def facts(sections: Iterable[Section]) -> bytes:
    """Every number of the sections as one CSV: section, row, column, value, source file."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["section", "row", "column", "value", "source"])
    for section in sections:
        for number, row in enumerate(section.rows, start=1):
            for column in section.columns:
                cells = (section.english, number, column, row[column], section.source)
                writer.writerow(cells)
    return stream.getvalue().encode()
