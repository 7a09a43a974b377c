"""The error codes of the option platform as one table: `codes.toml` (interfaces.md 1.8, 2.10).

Session, gateway and venue take codes and texts from it. Compiled kernels carry theirs as numbers,
because their cache knows only source files; a test holds every number in the house against the
table. The table also states which fault wins when a request has several.
"""

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec


class Code(msgspec.Struct, frozen=True):
    """One code: `group` is session, host, tags or withdrawn; `check` says what of ours raises it
    (empty: nothing does); `tag` is the tag at fault in group tags, else 0.
    """

    code: int
    name: str
    text: str
    check: str
    group: str
    tag: int = 0


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tomllib.loads(files("quanheng.wire").joinpath("codes.toml").read_text("utf-8"))


def _load() -> dict[int, Code]:
    table = _table()
    found: list[Code] = []
    for group in ("session", "host", "withdrawn"):
        found += [Code(row[0], row[1], row[2], row[3], group) for row in table[group]]
    for code, tag in table["tags"]:
        name = f"ILLEGAL_TAG_{tag}" if tag else "STEP_PARSE_ERROR"
        found.append(Code(code, name, "", f"value of tag {tag}" if tag else "form", "tags", tag))
    by_code = {one.code: one for one in found}
    if len(by_code) != len(found):
        raise ValueError("codes.toml has a code twice")
    return by_code


CODES: dict[int, Code] = _load()
"""Every code of the platform."""

_NUMBERS = {one.name: one.code for one in CODES.values() if one.group != "withdrawn"}


def number(name: str) -> int:
    """The code of a name. KeyError for one that the table does not have."""
    return _NUMBERS[name]


def describe(code: int) -> str:
    """A code for people: number, name, and the exchange's text."""
    known = CODES.get(code)
    return f"{code} {known.name} {known.text}".rstrip() if known is not None else str(code)


def precedence(stage: str) -> tuple[int | str, ...]:
    """Codes of a stage in the order in which they are checked, lists within it written out.

    "tags" and "id" stand for the codes of tags in wire order and for the code of a wrong id.
    """
    order = _table()["order"]
    out: list[int | str] = []
    for entry in order[stage]:
        out += precedence(entry) if entry in order else [entry]
    return tuple(out)
