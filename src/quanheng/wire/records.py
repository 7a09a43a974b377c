"""Fixed-width text files of the exchange, described by tables in `layouts/` (interfaces.md 3.1).

Fields are separated by `|`, lines end with LF, widths are bytes of GB18030. Slicing is done on
bytes by width before decoding, because `|` can be the second byte of a Chinese character. A
value is text without its padding (C), or an integer: N in units of the last decimal, D a day
YYYYMMDD (0 when blank). A record may end in a group of fields repeated as often as its last fixed
field says; the row is then as long. A bad record is left out and named; it never stops a file.
"""

import re
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
    """One record type: its first field's text, its length in bytes without LF, its fields, and the
    group that follows them at most `most` times (offsets of its fields count from its start).
    """

    name: str
    record: str
    length: int
    fields: tuple[LayoutField, ...]
    group: tuple[LayoutField, ...] = ()
    group_length: int = 0
    most: int = 0
    tags: tuple[str, str] = ("", "")  # XML: elements of the document and of a record

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


def _fields(rows: list[list[str]], blank: list[str]) -> tuple[tuple[LayoutField, ...], int]:
    """Fields with their offsets, and the bytes they take with the delimiters between them."""
    fields = []
    at = 0
    for field_name, type_text in rows:
        kind, width, decimals = _parse_type(type_text)
        optional = kind == "D" or field_name in blank or blank == ["*"]
        fields.append(LayoutField(field_name, kind, width, decimals, at, optional))
        at += width + 1
    return tuple(fields), at - 1


@lru_cache(maxsize=64)
def layout(name: str) -> Layout:
    """A layout shipped with the package. ValueError when its widths miss the stated length."""
    text = files("quanheng.wire").joinpath(f"layouts/{name}.toml").read_text("utf-8")
    table = tomllib.loads(text)
    blank = table.get("blank", [])
    fields, length = _fields(table["fields"], blank)
    if "bytes" in table and length != table["bytes"]:
        raise ValueError(f"layout {name}: widths make {length} bytes, not {table['bytes']}")
    group, group_length = _fields(table.get("group", []), blank)
    tags = (table.get("document", ""), table.get("element", ""))
    most = table.get("most", 0)
    return Layout(name, table["record"], length, fields, group, max(group_length, 0), most, tags)


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
    if digits.strip(b"9") == b"" and len(stripped) == field.width > 1 and stripped[:1] != b"-":
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


def parse_value(field: LayoutField, text: bytes) -> Value:
    """The value of a field's bytes. ValueError with the reason."""
    if field.kind == "C":
        return _text(text)
    return _day(text) if field.kind == "D" else _number(field, text)


def _parse_fields(
    fields: tuple[LayoutField, ...], line: bytes, start: int, mark: str
) -> list[Value]:
    values: list[Value] = []
    for field in fields:
        at = start + field.at
        stop = at + field.width
        if stop < len(line) and line[stop : stop + 1] != b"|":
            raise ValueError(field.name + mark, f"is not followed by | at byte {stop}")
        try:
            values.append(parse_value(field, line[at:stop]))
        except ValueError as error:
            raise ValueError(field.name + mark, str(error)) from None
    return values


def parse_line(form: Layout, line: bytes) -> tuple[Value, ...]:
    """The values of a line without LF; extra fields at its end are ignored (interfaces.md 3.1).

    ValueError((field, reason)) when a field is wrong.
    """
    length = form.length
    if len(line) < length:
        raise ValueError("record", f"has {len(line)} bytes, not {length}")
    if len(line) > length and line[length : length + 1] != b"|":
        raise ValueError("record", f"does not end or go on with | after {length} bytes")
    values = _parse_fields(form.fields, line, 0, "")
    if values[0] != form.record:
        raise ValueError(form.fields[0].name, f"{values[0]!r} is not {form.record}")
    if form.group:
        count = values[-1]
        if not isinstance(count, int) or not 0 <= count <= form.most:
            raise ValueError(form.fields[-1].name, f"{count} is more than {form.most}")
        step = form.group_length + 1
        length += step * count
        if len(line) < length:
            raise ValueError("record", f"has {len(line)} bytes, not {length}")
        for number in range(count):
            start = form.length + 1 + step * number
            values += _parse_fields(form.group, line, start, str(number + 1))
    return tuple(values)


def read(form: Layout, data: bytes) -> Records:
    """All records of a file of one type. Never raises for bad content; lines are bounded by the
    file.
    """
    return read_mixed((form,), data)


def read_mixed(forms: tuple[Layout, ...], data: bytes) -> Records:
    """All records of a file of several types, told apart by their first field; see `read`."""
    plans = [_ReadPlan(form) for form in forms]
    by_record = {plan.form.record.encode(): plan for plan in plans}
    width = forms[0].fields[0].width
    rows: list[tuple[Value, ...]] = []
    bad: list[BadRecord] = []
    lines = data.split(b"\n")
    if lines[-1]:
        bad.append(BadRecord(len(lines), "record", "the last line has no line feed"))
    for number, line in enumerate(lines[:-1], 1):
        try:
            rows.append(by_record.get(line[:width], plans[0]).row(line))
        except ValueError as error:
            field, reason = error.args
            bad.append(BadRecord(number, field, reason))
    return Records(rows, bad)


def _pattern(field: LayoutField) -> str:
    """A field in its plain form: printable ASCII, or digits up to the last place."""
    if field.kind == "C":
        return rf"([ -~]{{{field.width}}})"
    if field.kind == "D":
        return r"(\d{8})"
    places = field.width - field.decimals - 1 - bool(field.decimals)
    whole = rf"([ \d]{{{places}}}\d)"
    return rf"{whole}\.(\d{{{field.decimals}}})" if field.decimals else whole


class _ReadPlan:
    """Plain lines of one layout by one pattern; every other line by `parse_line`."""

    def __init__(self, form: Layout) -> None:
        self.form = form
        joined = r"\|".join(_pattern(field) for field in form.fields)
        self._match = re.compile(joined.encode("ascii"), re.ASCII).fullmatch
        self._days: dict[bytes, int] = {}

    def row(self, line: bytes) -> tuple[Value, ...]:
        """The values of a line. ValueError((field, reason)) as `parse_line`."""
        match = None if self.form.group else self._match(line)
        if match is None:
            return parse_line(self.form, line)
        parts = iter(match.groups())
        values: list[Value] = []
        try:
            for field, part in zip(self.form.fields, parts, strict=False):
                if field.kind == "C":
                    values.append(part.decode("ascii").rstrip(" "))
                elif field.kind == "D":
                    values.append(self._day(part))
                else:
                    digits = part + next(parts) if field.decimals else part
                    if digits.strip(b"9") == b"":
                        return parse_line(self.form, line)
                    values.append(int(digits))
        except ValueError:
            return parse_line(self.form, line)
        return tuple(values) if values[0] == self.form.record else parse_line(self.form, line)

    def _day(self, text: bytes) -> int:
        day = self._days.get(text)
        if day is None:
            day = _day(text)
            if len(self._days) < 1_000:
                self._days[text] = day
        return day


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


def format_value(field: LayoutField, value: Value) -> bytes:
    """A field's bytes, padded to its width. ValueError with the reason."""
    if isinstance(value, str):
        part = value.encode("gb18030").ljust(field.width)
        if field.kind != "C" or len(part) > field.width or not value.isprintable():
            raise ValueError(f"{value!r} does not fit")
        if value[-1:] == " ":
            raise ValueError(f"{value!r} ends in a blank, which is padding")
        return part
    if field.kind == "C":
        raise ValueError(f"{value!r} is not text")
    if field.kind == "D":
        return f"{value:08d}".encode() if value else b" " * field.width
    return _put_number(field, value)


def format_line(form: Layout, values: tuple[Value, ...]) -> bytes:
    """One line without LF. ValueError names the field that cannot be written."""
    fields = form.fields
    if form.group:
        count = values[len(fields) - 1]
        if not isinstance(count, int) or not 0 <= count <= form.most:
            raise ValueError(f"{form.name} {fields[-1].name}: {count!r} is not 0 to {form.most}")
        fields += form.group * count
    if len(values) != len(fields):
        raise ValueError(f"{form.name}: {len(values)} values, not {len(fields)}")
    parts = []
    for field, value in zip(fields, values, strict=True):
        try:
            parts.append(format_value(field, value))
        except ValueError as error:
            raise ValueError(f"{form.name} {field.name}: {error}") from None
    return b"|".join(parts)


def write(form: Layout, rows: list[tuple[Value, ...]]) -> bytes:
    """The file of some rows; a first field is included in each. ValueError as `format_line`."""
    return write_mixed((form,), rows)


def write_mixed(forms: tuple[Layout, ...], rows: list[tuple[Value, ...]]) -> bytes:
    """The file of rows of several types, told apart by their first value. ValueError as above."""
    by_record: dict[Value, _Plan] = {form.record: _Plan(form) for form in forms}
    lines = []
    for row in rows:
        plan = by_record.get(row[0])
        if plan is None:
            raise ValueError(f"{row[0]!r} is no record of {', '.join(map(str, by_record))}")
        lines.append(plan.line(row))
        lines.append(b"\n")
    return b"".join(lines)


class _Plan:
    """Plain rows of one layout by one printf template; every other row by `format_line`.

    Plain: ASCII text that fits, numbers that are not negative and fit, no blank day. A value of
    the wrong size shows in the length of the line.
    """

    def __init__(self, form: Layout) -> None:
        self.form = form
        parts = []
        self.types: tuple[type, ...] = tuple(
            str if field.kind == "C" else int for field in form.fields
        )
        self.scaled = [
            (place, 10**field.decimals) for place, field in enumerate(form.fields) if field.decimals
        ][::-1]
        self.texts = [place for place, field in enumerate(form.fields) if field.kind == "C"]
        for field in form.fields:
            if field.kind == "C":
                parts.append(f"%-{field.width}s")
            elif field.kind == "D":
                parts.append("%08d")
            elif field.decimals:
                parts.append(f"%{field.width - field.decimals - 1}d.%0{field.decimals}d")
            else:
                parts.append(f"%{field.width}d")
        self.days = [place for place, field in enumerate(form.fields) if field.kind == "D"]
        self.template = "|".join(parts)

    def line(self, row: tuple[Value, ...]) -> bytes:
        """The line of a row. ValueError as `format_line`."""
        if self.form.group or tuple(map(type, row)) != self.types:
            return format_line(self.form, row)
        for place in self.texts:
            if str(row[place])[-1:] == " ":
                return format_line(self.form, row)
        values = list(row)
        for place, scale in self.scaled:
            values[place : place + 1] = divmod(int(row[place]), scale)
        text = self.template % tuple(values)
        plain = len(text) == self.form.length and text.isascii() and text.isprintable()
        if not plain or "-" in text or not all(row[place] for place in self.days):
            return format_line(self.form, row)
        return text.encode("ascii")
