"""A report as data, written as xlsx, PDF, HTML or docx by its neighbours (`document_*`).

Titles and heads are Chinese with English beside them. Numbers stay numbers until a writer shows
them: a Fraction is a share and shown as a percentage, times are nanoseconds
and shown in seconds, short ones to the millisecond.
"""

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from quanheng.duties.exact import ratio_text
from quanheng.terms.units import Day

Cell = str | int | Fraction | bool | None

TEXT, COUNT, SHARE, SECONDS, VERDICT, NUMBER, PRICE, FEN = (
    "text", "count", "share", "seconds", "verdict", "number", "price", "fen",
)  # fmt: skip
"""Kinds of a column: words, integers, shares (%), ns shown in seconds, met or not,
a number with one decimal, yuan with three, integers in fen shown in yuan."""

VERDICTS = {True: "达标", False: "未达标"}
NOTHING = "—"


class Column(msgspec.Struct, frozen=True):
    """One column of a table."""

    words: str
    english: str
    kind: str = TEXT


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table. `brief`: rows that PDF shows when there are more; the other forms show all."""

    title: str
    english: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    brief: int = 0
    note: str = ""


class Series(msgspec.Struct, frozen=True):
    """A line or the bars of a chart; None leaves a gap."""

    words: str
    values: tuple[float | None, ...]


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A chart over labels. `bounds`: (words, value) of horizontal lines. Values are shares, or with
    a `unit` numbers of it, which may be negative. `low`: one of several, four to a page.
    """

    title: str
    english: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    bounds: tuple[tuple[str, float], ...] = ()
    bars: bool = False
    unit: str = ""
    low: bool = False


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A part with a heading. `sheet`: its name in xlsx, at most 31 characters, unique."""

    title: str
    english: str
    sheet: str
    blocks: tuple[Table | Chart, ...]
    text: str = ""
    chapter: str = ""  # heading of a group, on the first section of it


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report. `facts`: (words, value) under the title; `signatures`: who signs at its end,
    each on a line left blank.
    """

    title: str
    english: str
    day: Day  # stands in the file as its date
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()


def shown(cell: Cell, kind: str) -> str:
    """A cell's text in PDF and HTML."""
    if cell is None:
        return NOTHING
    if kind == VERDICT:
        return VERDICTS[bool(cell)]
    if kind == SHARE and isinstance(cell, Fraction | int):
        return f"{ratio_text(Fraction(cell) * 100, 2)}%"
    if kind == SECONDS and isinstance(cell, int):
        return f"{cell / 1e9:,.{3 if abs(cell) < 10**10 else 1}f}"
    if kind == NUMBER and isinstance(cell, Fraction | int):
        return ratio_text(Fraction(cell), 1)
    if kind == PRICE and isinstance(cell, Fraction):
        return ratio_text(cell, 3)
    if kind == FEN and isinstance(cell, int):
        return f"{'-' if cell < 0 else ''}{abs(cell) // 100:,}.{abs(cell) % 100:02d}"
    if kind == COUNT and isinstance(cell, int):
        return f"{cell:,}"
    return str(cell)


def right_aligned(columns: Sequence[Column]) -> list[bool]:
    """Columns of numbers."""
    return [column.kind in (COUNT, SHARE, SECONDS, NUMBER, PRICE, FEN) for column in columns]
