"""Tables as people take them away: decimal text, searching and paging."""

from collections.abc import Sequence
from typing import Any

from quanheng.desk.frames import EMPTY
from quanheng.desk.ports import Ask, Table


def decimal_text(value: int, digits: int) -> str:
    """A scaled integer as decimal text, "" for none."""
    if value == EMPTY:
        return ""
    if not digits:
        return str(value)
    sign, whole = "-" if value < 0 else "", abs(value)
    return f"{sign}{whole // 10**digits}.{whole % 10**digits:0{digits}d}"


def paged(fields: Sequence[str], lines: list[list[Any]], ask: Ask) -> Table:
    """The lines with what is searched for, and of them the part that is asked for."""
    if ask.find:
        lines = [line for line in lines if any(ask.find in str(cell) for cell in line)]
    return Table(tuple(fields), lines[ask.offset : ask.offset + ask.limit], len(lines))
