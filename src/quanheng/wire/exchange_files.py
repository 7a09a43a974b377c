"""The files of exchange and clearing house by their names: which reader takes which (3, 4, 6).

One line per file. A name says day (or month and day) and trading unit; the content is read by the
layout of its kind. Nothing raises for bad content.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from quanheng.terms.contract import Chain
from quanheng.terms.days import day_number
from quanheng.terms.units import Day
from quanheng.wire import dbf, mktdt00, mktdt03, ogh, records, xml_files
from quanheng.wire.contracts import read_contracts, read_second_edition
from quanheng.wire.records import BadRecord


class Reading(NamedTuple):
    """What a file holds: its kind, usable records, and what was left out."""

    kind: str
    records: int
    quarantined: list[BadRecord]


class Named(NamedTuple):
    """What a file's name says; `day` is 0 where it has none, MMDD where it has no year."""

    kind: str
    day: int
    pbu: str


def _pattern(text: str) -> re.Pattern[str]:
    day = r"(?P<day>\d{8})"
    short = r"(?P<day>\d{4})"
    pbu = r"(?P<pbu>[0-9A-Z]{5})"
    text = text.replace("YYYYMMDD", day).replace("MMDD", short).replace("XXXXX", pbu)
    return re.compile(text, re.ASCII)


CLEARING = ("jsmx", "hycc", "ccbd", "bzjmx", "bzjzh", "zhccmx", "tzxx", "zqjs")
"""Tables of the clearing house (interfaces.md 6.1); extensions are .dbf or month and day."""

NAMES: dict[str, re.Pattern[str]] = {
    "reff03": _pattern(r"reff03MMDD\.txt"),
    "reff0302": _pattern(r"reff0302YYYYMMDD\.xml"),
    "zhcl03": _pattern(r"zhcl03MMDD\.txt"),
    "clpr03": _pattern(r"clpr03MMDD\.txt"),
    "prestlp03": _pattern(r"prestlp03YYYYMMDD\.xml"),
    "ogh": _pattern(r"OGHXXXXX\.zip"),
    "mktdt03": _pattern(r"mktdt03\.txt"),
    "mktdt00": _pattern(r"mktdt00\.txt"),
    "cybs": _pattern(r"cybsXXXXXYYYYMMDD001\.txt"),
    **{
        f"op_{name}": _pattern(rf"op_{name}js[0-9A-Za-z]{{3}}\.(dbf|[1-9abc][0-3]\d)")
        for name in CLEARING
    },
}


def named(name: str) -> Named | None:
    """What a name says, None for a file of no known kind or a day that does not exist."""
    for kind, pattern in NAMES.items():
        match = pattern.fullmatch(name)
        if match is None:
            continue
        parts = match.groupdict()
        day = int(parts.get("day") or 0)
        try:
            if day:
                day_number(day if day > 9_999 else 20_000_000 + day)  # a leap year
        except ValueError:
            return None
        return Named(kind, day, parts.get("pbu") or "")
    return None


def cybs_name(pbu: str, next_day: Day) -> str:
    """Name of the participant's upload; its day is the next trading day (interfaces.md 3.10)."""
    return f"cybs{pbu}{next_day}001.txt"


def _fixed(kind: str) -> Callable[[bytes], Reading]:
    def reader(data: bytes) -> Reading:
        found = records.read(records.layout(kind), data)
        return Reading(kind, len(found.rows), found.quarantined)

    return reader


def _table(kind: str) -> Callable[[bytes], Reading]:
    def reader(data: bytes) -> Reading:
        found = dbf.read(records.layout(kind), data)
        return Reading(kind, len(found.rows), found.quarantined)

    return reader


def _first_edition(data: bytes) -> Reading:
    contracts, bad = read_contracts(data)
    return Reading("reff03", len(contracts), bad)


def _second_edition(data: bytes) -> Reading:
    contracts, bad = read_second_edition(data)
    return Reading("reff0302", len(contracts), bad)


def _trial(data: bytes) -> Reading:
    found = xml_files.read(records.layout("prestlp03"), data)
    return Reading("prestlp03", len(found.rows), found.quarantined)


def _funds(data: bytes) -> Reading:
    try:
        image = mktdt00.read(data)
    except ValueError as error:
        return Reading("mktdt00", 0, [BadRecord(1, "record", str(error))])
    bad = _settled(image.checksum_stands, image.quarantined)
    return Reading("mktdt00", len(image.rows), bad)


def _settled(stands: bool, bad: list[BadRecord]) -> list[BadRecord]:
    """A file that is not being overwritten any more has a checksum that stands."""
    if stands or bad:
        return bad
    return [BadRecord(1, "CheckSum", "the checksum of the closed market does not stand")]


READERS: dict[str, Callable[[bytes], Reading]] = {
    "reff03": _first_edition,
    "reff0302": _second_edition,
    "zhcl03": _fixed("zhcl03"),
    "clpr03": _fixed("clpr03"),
    "prestlp03": _trial,
    "mktdt00": _funds,
    "cybs": _fixed("cybs"),
    **{f"op_{name}": _table(f"op_{name}") for name in CLEARING},
}


def read_file(name: str, data: bytes, chain: Chain | None = None) -> Reading | None:
    """Read a file of a day that is over by its name; None for a name of no known kind.

    mktdt03 needs the day's chain; without one its records cannot be told apart.
    """
    what = named(name)
    if what is None:
        return None
    if what.kind == "ogh":
        archive = ogh.read(what.pbu, data)
        count = len(archive.trns) + len(archive.hold) + len(archive.qtyw)
        bad = [BadRecord(b.line, f"{file} {b.field}", b.reason) for file, b in archive.quarantined]
        return Reading("ogh", count, bad)
    if what.kind == "mktdt03":
        if chain is None:
            return Reading("mktdt03", 0, [BadRecord(1, "record", "no chain of the day to read by")])
        try:
            image = mktdt03.read(data, mktdt03.FileTables(chain))
        except ValueError as error:
            return Reading("mktdt03", 0, [BadRecord(1, "record", str(error))])
        bad = _settled(image.checksum_stands, image.quarantined)
        return Reading("mktdt03", len(image.rows), bad)
    return READERS[what.kind](data)
