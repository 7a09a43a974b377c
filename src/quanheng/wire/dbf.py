"""dBASE III tables: the clearing house's settlement files (interfaces.md 6).

A table describes itself, and the description must be the layout's: names, types, widths and
decimals in its order; further fields at the end are ignored. Text is cp936 (read as GB18030).
Deleted records are left out silently; a bad one is left out and named by its number.
"""

import struct

from quanheng.terms.days import day_number
from quanheng.terms.units import Day
from quanheng.wire.records import (
    BadRecord,
    Layout,
    LayoutField,
    Records,
    Value,
    format_value,
    parse_value,
)

_HEADER = struct.Struct("<4BIHH16xBB2x")
_FIELD = struct.Struct("<11sc4xBB14x")
_DBASE3, _CP936 = 0x03, 0x4D
_END, _LIVE, _DELETED, _EOF = b"\r", 0x20, 0x2A, b"\x1a"
MAX_FIELDS = 128


def _kind(field: LayoutField) -> bytes:
    return b"N" if field.kind in "NS" else b"C"


def _column(field: LayoutField) -> tuple[bytes, bytes, int, int]:
    return field.name.encode("ascii"), _kind(field), field.width, field.decimals


def _problem(data: bytes) -> str:
    """Why the fixed part of the header is not one of ours; empty if it is."""
    if len(data) < _HEADER.size:
        return f"has {len(data)} bytes, a header has {_HEADER.size}"
    version, year, month, day, _, head, _, _, page = _HEADER.unpack_from(data)
    if version != _DBASE3:
        return f"version {version:#x} is not dBASE III"
    if page not in (_CP936, 0):
        return f"code page {page:#x} is not cp936"
    if not (1 <= month <= 12 and 1 <= day <= 31 and year < 200):
        return f"the date of the header is {year}-{month}-{day}"
    count = (head - _HEADER.size - 1) // _FIELD.size
    if head != _HEADER.size + 1 + count * _FIELD.size or not 0 < count <= MAX_FIELDS:
        return f"the header has {head} bytes, no whole number of fields"
    if len(data) < head:
        return f"has {len(data)} bytes, its header {head}"
    return "" if data[head - 1 : head] == _END else "the header does not end in CR"


def _columns(data: bytes, head: int) -> list[tuple[bytes, bytes, int, int]]:
    found = []
    for at in range(_HEADER.size, head - 1, _FIELD.size):
        name, kind, width, decimals = _FIELD.unpack_from(data, at)
        found.append((name.rstrip(b"\0"), kind, width, decimals))
    return found


def read(form: Layout, data: bytes) -> Records:
    """The live records of a table. Never raises for bad content."""
    problem = _problem(data)
    if problem:
        return Records([], [BadRecord(0, "header", problem)])
    _, _, _, _, count, head, size, _, _ = _HEADER.unpack_from(data)
    columns = _columns(data, head)
    for number, field in enumerate(form.fields):
        if number >= len(columns) or columns[number] != _column(field):
            shown = columns[number] if number < len(columns) else None
            reason = f"field {number + 1} is {shown}, not {_column(field)}"
            return Records([], [BadRecord(0, field.name, reason)])
    if 1 + sum(column[2] for column in columns) != size:
        reason = f"a record has {size} bytes, not the sum of its fields"
        return Records([], [BadRecord(0, "header", reason)])
    rows: list[tuple[Value, ...]] = []
    bad: list[BadRecord] = []
    there = (len(data) - head) // size
    for number in range(min(count, there)):
        record = data[head + number * size : head + (number + 1) * size]
        if record[0] == _DELETED:
            continue
        try:
            rows.append(_record(form, record))
        except ValueError as error:
            bad.append(BadRecord(number + 1, *error.args))
    if there < count or data[head + count * size :] != _EOF:
        left = len(data) - head - count * size
        bad.append(BadRecord(0, "header", f"{count} records announced, {left} bytes follow them"))
    return Records(rows, bad)


def _record(form: Layout, record: bytes) -> tuple[Value, ...]:
    if record[0] != _LIVE:
        raise ValueError("record", f"begins with {record[0]:#x}, neither live nor deleted")
    values: list[Value] = []
    at = 1
    for field in form.fields:
        try:
            values.append(parse_value(field, record[at : at + field.width]))
        except ValueError as error:
            raise ValueError(field.name, str(error)) from None
        at += field.width
    return tuple(values)


def write(form: Layout, rows: list[tuple[Value, ...]], day: Day) -> bytes:
    """The table of some rows, stamped with a day. ValueError names what cannot be written."""
    day_number(day)
    head = _HEADER.size + 1 + len(form.fields) * _FIELD.size
    size = 1 + sum(field.width for field in form.fields)
    stamp = (day // 10_000 - 1900, day // 100 % 100, day % 100)
    parts = [_HEADER.pack(_DBASE3, *stamp, len(rows), head, size, 0, _CP936)]
    parts += [_FIELD.pack(*_column(field)) for field in form.fields]
    parts.append(_END)
    for number, row in enumerate(rows, 1):
        if len(row) != len(form.fields):
            raise ValueError(f"{form.name} {number}: {len(row)} values, not {len(form.fields)}")
        parts.append(bytes((_LIVE,)))
        for field, value in zip(form.fields, row, strict=True):
            try:
                parts.append(format_value(field, value))
            except ValueError as error:
                raise ValueError(f"{form.name} {number} {field.name}: {error}") from None
    return b"".join((*parts, _EOF))
