"""Plain-text tables whose columns line up when cells hold Chinese; CSV files; amounts in words."""

import csv
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from quanheng.terms.units import MONEY_PER_YUAN, Money


def width(text: str) -> int:
    """Columns a text takes in a terminal: wide and full-width characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def pad(text: str, columns: int, right: bool = False) -> str:
    """Text padded with spaces to a number of terminal columns; never cut."""
    gap = " " * max(0, columns - width(text))
    return gap + text if right else text + gap


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A table with a rule under its head; the first `left` columns are left-aligned."""
    widths = [max(width(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(
            pad(cell, widths[i], right=i >= left) for i, cell in enumerate(cells)
        ).rstrip()

    rule = "  ".join("─" * columns for columns in widths)
    return "\n".join([line(head), rule, *(line(row) for row in rows)])


def percent(numerator: int, denominator: int, digits: int = 2) -> str:
    """An exact ratio as a percentage, half up; a dash when the denominator is 0."""
    if denominator == 0:
        return "—"
    scale = 10**digits
    value = (2 * numerator * 100 * scale + denominator) // (2 * denominator)
    return f"{value // scale}.{value % scale:0{digits}d}%" if digits else f"{value}%"


def thousands(value: int) -> str:
    """An integer with separators."""
    return f"{value:,}"


def yuan(money: int) -> str:
    """Money (0.0001 yuan) as yuan with two decimals and separators, half up."""
    fen = (abs(money) + 50) // 100
    sign = "-" if money < 0 and fen else ""
    return f"{sign}{fen // 100:,}.{fen % 100:02d}"


def exact_yuan(amount: Money) -> str:
    """Money as yuan with its four decimals."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // MONEY_PER_YUAN}.{abs(amount) % MONEY_PER_YUAN:04d}"


def toml_lines(values: Mapping[str, object]) -> list[str]:
    """Lines KEY = VALUE of TOML for texts, integers, switches and lists of them."""
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]


def write_table(path: Path, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV file with its heads; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows(rows)
