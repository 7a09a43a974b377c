"""XML files of the exchange: flat records of one element each (interfaces.md 3.3, 3.5).

The files say GBK and hold GB18030; the parser sees them decoded. Values are unpadded; widths are
maxima in bytes. A bad record is left out and named by the line it ends in; what is no document any
more ends the reading, and what came before stays. Document types, entities and attributes are
refused: nothing in these files needs them. Elements after the known ones are ignored.
"""

import re
from xml.parsers import expat
from xml.sax.saxutils import escape

from quanheng.wire.records import (
    BadRecord,
    Layout,
    LayoutField,
    Records,
    Value,
    format_value,
    parse_value,
)

_DECLARATION = re.compile(
    rb"""<\?xml version=["']1\.0["'] encoding=["'](?:GBK|GB18030|GB2312)["']\s*\?>""", re.IGNORECASE
)
_HEAD = b'<?xml version="1.0" encoding="GBK"?>'
_LOST = "\ufffd"
MAX_VALUE = 1_024
"""Characters of one value; more is not read into memory."""


class RefusedError(Exception):
    """What the parser meets and no file of the exchange has."""


class _Reader:
    """Handlers of one document."""

    def __init__(self, form: Layout) -> None:
        self.form = form
        self.rows: list[tuple[Value, ...]] = []
        self.bad: list[BadRecord] = []
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self._depth = 0
        self._problem: tuple[str, str] | None = None
        self._values: list[tuple[str, str]] = []
        self._parts: list[str] = []
        self._size = 0

    def _doctype(self, *_: object) -> None:
        raise RefusedError("a document type is not taken")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if attributes:
            raise RefusedError(f"element {name[:40]!r} has attributes")
        if self._depth > 3:
            raise RefusedError(f"element {name[:40]!r} is too deep")
        if self._depth == 2:
            self._values = []
            self._problem = None
            if name != self.form.tags[1]:
                self._problem = ("record", f"element {name[:40]!r} is not {self.form.tags[1]}")
        elif self._depth == 3:
            self._parts, self._size = [], 0

    def _text(self, text: str) -> None:
        if self._depth == 3:
            self._size += len(text)
            if self._size <= MAX_VALUE:
                self._parts.append(text)
        elif text.strip():
            self._problem = ("record", f"text {text.strip()[:40]!r} outside of a field")
            if self._depth < 2:
                line = self.parser.CurrentLineNumber
                self.bad.append(BadRecord(line, *self._problem))

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._depth == 2:
            if self._size > MAX_VALUE:
                self._problem = (name, f"has {self._size} characters")
            elif len(self._values) < 100:
                self._values.append((name, "".join(self._parts)))
        elif self._depth == 1:
            self._record()

    def _record(self) -> None:
        line = self.parser.CurrentLineNumber
        if self._problem is None:
            try:
                self.rows.append(_row(self.form, self._values))
                return
            except ValueError as error:
                self._problem = error.args[0], error.args[1]
        self.bad.append(BadRecord(line, *self._problem))


def _row(form: Layout, found: list[tuple[str, str]]) -> tuple[Value, ...]:
    values: list[Value] = []
    for number, field in enumerate(form.fields):
        if number >= len(found):
            raise ValueError(field.name, "is missing")
        name, text = found[number]
        if name != field.name:
            raise ValueError(field.name, f"is expected, {name[:40]!r} found")
        values.append(_value(field, text))
    known = {field.name for field in form.fields}
    for name, _ in found[len(form.fields) :]:
        if name in known:
            raise ValueError(name, "appears twice")
    if values[0] != form.record:
        raise ValueError(form.fields[0].name, f"{values[0]!r} is not {form.record}")
    return tuple(values)


def _value(field: LayoutField, text: str) -> Value:
    if _LOST in text:
        raise ValueError(field.name, "is not GB18030 text")
    data = text.encode("gb18030")
    if len(data) > field.width:
        raise ValueError(field.name, f"{text[:40]!r} is longer than {field.width} bytes")
    if data != data.strip(b" "):
        raise ValueError(field.name, f"{text[:40]!r} is padded")
    try:
        return parse_value(field, data)
    except ValueError as error:
        raise ValueError(field.name, str(error)) from None


def read(form: Layout, data: bytes) -> Records:
    """The records of a document. Never raises for bad content."""
    head = _DECLARATION.match(data)
    if head is None:
        return Records([], [BadRecord(1, "document", "does not begin with an XML declaration")])
    reader = _Reader(form)
    text = data[head.end() :].decode("gb18030", "replace")
    try:
        reader.parser.Parse(text.encode("utf-8"), True)
    except (expat.ExpatError, RefusedError) as error:
        line = reader.parser.CurrentLineNumber
        reader.bad.append(BadRecord(line, "document", str(error)))
    return Records(reader.rows, reader.bad)


def write(form: Layout, rows: list[tuple[Value, ...]]) -> bytes:
    """The document of some rows. ValueError names the field that cannot be written."""
    document, element = form.tags
    lines = [_HEAD, f"<{document}>".encode("ascii")]
    for row in rows:
        if len(row) != len(form.fields):
            raise ValueError(f"{form.name}: {len(row)} values, not {len(form.fields)}")
        parts = [f"<{element}>".encode("ascii")]
        for field, value in zip(form.fields, row, strict=True):
            try:
                text = format_value(field, value).strip(b" ").decode("gb18030")
                if isinstance(value, str) and text != value:
                    raise ValueError(f"{value!r} begins with a blank")
            except ValueError as error:
                raise ValueError(f"{form.name} {field.name}: {error}") from None
            parts.append(f"<{field.name}>{escape(text)}</{field.name}>".encode("gb18030"))
        parts.append(f"</{element}>".encode("ascii"))
        lines.append(b"".join(parts))
    lines.append(f"</{document}>".encode("ascii"))
    return b"\n".join(lines) + b"\n"
