"""Fixed-width text files of the exchange, described by tables in `layouts/` (interfaces.md 3.1).

Fields are separated by `|`, lines end with LF, widths are bytes of GB18030. Slicing is done on
bytes by width before decoding, because `|` can be the second byte of a Chinese character. A
value is text without its padding (C), or an integer: N in units of the last decimal, D a day
YYYYMMDD (0 when blank). A bad record is left out and named; it never stops a file.
"""

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

from quanheng.terms.days import day_number

Value = int | str


class LayoutField(msgspec.Struct, frozen=True):
    """One field: kind C text, N number, S number that may be negative, D day."""

    name: str
    kind: str
    width: int
    decimals: int
    at: int  # byte offset in the line
    blank: bool  # a blank number is allowed and reads as 0


class Layout(msgspec.Struct, frozen=True):
    """One record type: its first field's text, its length in bytes without LF, its fields."""

    name: str
    record: str
    length: int
    fields: tuple[LayoutField, ...]

    def index(self, name: str) -> int:
        """Position of a field. ValueError when there is none of that name."""
        for number, field in enumerate(self.fields):
            if field.name == name:
                return number
        raise ValueError(f"layout {self.name} has no field {name}")


class BadRecord(NamedTuple):
    """A line left out: its number from 1, the field (or "record"), and why."""

    line: int
    field: str
    reason: str


class Records(NamedTuple):
    """Rows of one record type, in file order, and what was left out."""

    rows: list[tuple[Value, ...]]
    quarantined: list[BadRecord]


def _parse_type(text: str) -> tuple[str, int, int]:
    kind, rest = text[0], text[1:]
    width, _, decimals = rest.partition("(")
    return kind, int(width), int(decimals.rstrip(")") or 0)


@lru_cache(maxsize=32)
def layout(name: str) -> Layout:
    """A layout shipped with the package. ValueError when its widths miss the stated length."""
    text = files("quanheng.wire").joinpath(f"layouts/{name}.toml").read_text("utf-8")
    table = tomllib.loads(text)
    blank = table.get("blank", [])
    fields = []
    at = 0
    for field_name, type_text in table["fields"]:
        kind, width, decimals = _parse_type(type_text)
        optional = kind == "D" or field_name in blank or blank == ["*"]
        fields.append(LayoutField(field_name, kind, width, decimals, at, optional))
        at += width + 1
    if at - 1 != table["bytes"]:
        raise ValueError(f"layout {name}: widths make {at - 1} bytes, not {table['bytes']}")
    return Layout(name, table["record"], at - 1, tuple(fields))


def _number(field: LayoutField, text: bytes) -> int:
    """A number in units of its last decimal. ValueError with the reason."""
    stripped = text.strip(b" ")
    if not stripped:
        if field.blank:
            return 0
        raise ValueError("is blank")
    if text[-1:] == b" ":
        raise ValueError(f"{_show(text)} is not right-aligned")
    digits = stripped
    if field.kind == "S" and digits[:1] == b"-":
        digits = digits[1:]
    if field.decimals:
        whole, point, part = digits.partition(b".")
        if not point or len(part) != field.decimals or not (whole + part).isdigit() or not whole:
            raise ValueError(f"{_show(text)} is no number with {field.decimals} decimals")
        digits = whole + part
    if not digits.isdigit():
        raise ValueError(f"{_show(text)} is no number")
    if digits.strip(b"9") == b"" and len(stripped) == field.width > 1 and field.kind != "D":
        raise ValueError("is all nines: the value did not fit its field")
    return -int(digits) if stripped[:1] == b"-" else int(digits)


def _show(text: bytes) -> str:
    return repr(text.decode("gb18030", "replace"))


def _day(text: bytes) -> int:
    if not text.strip(b" "):
        return 0
    if not text.isdigit():
        raise ValueError(f"{_show(text)} is no day YYYYMMDD")
    day = int(text)
    day_number(day)
    return day


def _text(text: bytes) -> str:
    try:
        value = text.decode("gb18030").rstrip(" ")
    except UnicodeDecodeError:
        raise ValueError("is not GB18030 text") from None
    if not value.isprintable():
        raise ValueError(f"{value!r} has a control character")
    return value


def parse_line(form: Layout, line: bytes) -> tuple[Value, ...]:
    """The values of a line without LF; extra fields at its end are ignored (interfaces.md 3.1).

    ValueError((field, reason)) when a field is wrong.
    """
    if len(line) < form.length:
        raise ValueError("record", f"has {len(line)} bytes, not {form.length}")
    if len(line) > form.length and line[form.length : form.length + 1] != b"|":
        raise ValueError("record", f"does not end or go on with | after {form.length} bytes")
    values: list[Value] = []
    for field in form.fields:
        stop = field.at + field.width
        if stop < form.length and line[stop : stop + 1] != b"|":
            raise ValueError(field.name, f"is not followed by | at byte {stop}")
        text = line[field.at : stop]
        try:
            if field.kind == "C":
                values.append(_text(text))
            else:
                values.append(_day(text) if field.kind == "D" else _number(field, text))
        except ValueError as error:
            raise ValueError(field.name, str(error)) from None
    if values[0] != form.record:
        raise ValueError(form.fields[0].name, f"{values[0]!r} is not {form.record}")
    return tuple(values)


def read(form: Layout, data: bytes) -> Records:
    """All records of a file of one type. Never raises for bad content; lines are bounded by the
    file.
    """
    rows: list[tuple[Value, ...]] = []
    bad: list[BadRecord] = []
    lines = data.split(b"\n")
    if lines[-1]:
        bad.append(BadRecord(len(lines), "record", "the last line has no line feed"))
    for number, line in enumerate(lines[:-1], 1):
        try:
            rows.append(parse_line(form, line))
        except ValueError as error:
            field, reason = error.args
            bad.append(BadRecord(number, field, reason))
    return Records(rows, bad)


def _put_number(field: LayoutField, value: int) -> bytes:
    if value < 0 and field.kind != "S":
        raise ValueError(f"{value} is negative")
    size = abs(value)
    if field.decimals:
        scale = 10**field.decimals
        text = f"{size // scale}.{size % scale:0{field.decimals}d}"
    else:
        text = str(size)
    text = ("-" if value < 0 else "") + text
    if len(text) > field.width:  # numeric overflow: all nines (interfaces.md 3.1)
        text = "9" * field.width
        if field.decimals:
            text = "9" * (field.width - field.decimals - 1) + "." + "9" * field.decimals
    return text.rjust(field.width).encode("ascii")


def format_line(form: Layout, values: tuple[Value, ...]) -> bytes:
    """One line without LF. ValueError names the field that cannot be written."""
    parts = []
    for field, value in zip(form.fields, values, strict=True):
        if isinstance(value, str):
            part = value.encode("gb18030").ljust(field.width)
            if field.kind != "C" or len(part) > field.width or not value.isprintable():
                raise ValueError(f"{form.name} {field.name}: {value!r} does not fit")
        elif field.kind == "C":
            raise ValueError(f"{form.name} {field.name}: {value!r} is not text")
        elif field.kind == "D":
            part = f"{value:08d}".encode() if value else b" " * field.width
        else:
            try:
                part = _put_number(field, value)
            except ValueError as error:
                raise ValueError(f"{form.name} {field.name}: {error}") from None
        parts.append(part)
    return b"|".join(parts)


def write(form: Layout, rows: list[tuple[Value, ...]]) -> bytes:
    """The file of some rows; a first field is included in each. ValueError as `format_line`."""
    return b"".join(format_line(form, row) + b"\n" for row in rows)
