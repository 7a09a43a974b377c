"""Dated rows of the rulebook's files: reading, checking, choosing the one in force."""

import tomllib
from typing import Any

import msgspec

from quanheng.rulebook.schema import KINDS
from quanheng.terms.days import day_number
from quanheng.terms.units import Day

AUTHORITIES = ("exchange", "guide", "agreement", "house")
"""Layers, in the order of house.md 7: exchange rules, guide defaults, agreement, house."""

DIRECTIONS = ("lower", "higher")


class RulebookError(Exception):
    """A rulebook file that cannot be used; the message names file, key and reason."""


class Row(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from"}):
    """One dated value of one key."""

    key: str
    value: Any
    since: Day
    source: str
    until: Day = 0  # last day, 0 while it holds
    reading: str = ""
    tighter: str = ""  # which way a house may move it; empty: not at all
    file: str = ""
    authority: str = ""


class _RowFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    authority: str
    rule: list[dict[str, Any]] | None = None  # only an agreement of nothing but readings has none
    readings: dict[str, str] | None = None  # agreements only


_FIELDS = {"key", "value", "from", "until", "source", "reading", "tighter"}


def parse(file: str, text: str, authority: str = "") -> list[Row]:
    """The rows of a TOML text. RulebookError names the file and the row that is wrong.

    `authority` is the layer the file must declare; empty accepts the shipped ones.
    """
    content = _content(file, text)
    allowed = (authority,) if authority else AUTHORITIES[:2]
    if content.authority not in allowed:
        expected = " or ".join(allowed)
        raise RulebookError(f"{file}: authority {content.authority!r}, expected {expected}")
    if content.readings is not None and content.authority != "agreement":
        raise RulebookError(f"{file}: [readings] can stand only in an agreement")
    if content.rule is None and content.readings is None:
        raise RulebookError(f"{file}: no [[rule]] in the file")
    rules = content.rule or []
    return [_row(file, content.authority, number, raw) for number, raw in enumerate(rules)]


def chosen_readings(file: str, text: str) -> dict[str, str]:
    """The [readings] table of an agreement, empty without one. RulebookError names the file."""
    return _content(file, text).readings or {}


def _content(file: str, text: str) -> _RowFile:
    try:
        return msgspec.convert(tomllib.loads(text), type=_RowFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RulebookError(f"{file}: {error}") from error


def _row(file: str, authority: str, number: int, raw: dict[str, Any]) -> Row:
    place = f"{file} rule {number + 1} ({raw.get('key', 'no key')})"
    unknown = sorted(set(raw) - _FIELDS)
    if unknown:
        raise RulebookError(f"{place}: unknown field {unknown[0]!r}")
    try:
        row = msgspec.convert({**raw, "file": file, "authority": authority}, type=Row)
        if row.key not in KINDS:
            raise ValueError("unknown key")
        day_number(row.since)
        if row.until and day_number(row.until) < day_number(row.since):
            raise ValueError(f"ends on {row.until} before it begins on {row.since}")
        KINDS[row.key](row.value)
        if row.tighter and row.tighter not in DIRECTIONS:
            raise ValueError(f"tighter {row.tighter!r} is not lower or higher")
    except (ValueError, TypeError, msgspec.ValidationError) as error:
        raise RulebookError(f"{place}: {error}") from error
    return row


def in_force(rows: list[Row], day: Day) -> dict[str, Row]:
    """The row of each key that holds on a day: the latest that has begun and not ended.

    `rows` are one layer's. RulebookError for two rows of a key that begin on the same day, on
    whatever `day`: which of them holds would hang on the order of the files.
    """
    chosen: dict[str, Row] = {}
    seen: dict[tuple[str, Day], Row] = {}
    for row in sorted(rows, key=lambda row: row.since):
        twin = seen.setdefault((row.key, row.since), row)
        if twin is not row:
            names = dict.fromkeys((twin.file, row.file))
            raise RulebookError(f"{' and '.join(names)}: two rows of {row.key} from {row.since}")
        if row.since <= day and (not row.until or day <= row.until):
            chosen[row.key] = row
    return chosen
