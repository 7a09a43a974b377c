"""How long a question to twenty years of records takes (reliability.md 3.4: at most 60 s).

    .venv/bin/python bench/archive_find.py [ACTIONS A DAY, 20000 unless given]

The index holds 4,860 trading days: two traders on duty in 396 contracts and on everything, a
contract listed for 120 days. Tables are written for the days on which the contract that is asked
about was listed, since no other table is opened for it; each is compared with its SHA-256 before it
is read. Printed, never judged.
"""

import hashlib
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import msgspec

from quanheng.compose.archive import life_of
from quanheng.compose.archive_find import find
from quanheng.compose.text import table
from quanheng.edge import archive_files as store
from quanheng.edge.archive_files import Archive, Item, Line, Manifest
from quanheng.edge.archive_index import INDEX, Index, Span, spans_of
from quanheng.edge.archive_signing import DEFAULT, SUITES
from quanheng.edge.archive_tables import Row, parquet
from quanheng.terms.days import add_days, from_clock, midnight, weekday
from quanheng.terms.units import SECOND, Day

DAYS, CONTRACTS, LIFE, FIRST = 4_860, 396, 120, 20060102
PEOPLE = ("T01", "T02")
ASKED = DAYS // 2


def trading_days() -> list[Day]:
    """Weekdays: how many matters here, not which."""
    days, day = [], FIRST
    while len(days) < DAYS:
        if weekday(day) < 5:
            days.append(day)
        day = add_days(day, 1)
    return days


def codes(number: int) -> list[str]:
    """Contracts of a day; each lives LIFE days, so one in LIFE is new."""
    first = 10_000_000 + number * CONTRACTS // LIFE
    return [str(first + at) for at in range(CONTRACTS)]


def actions(day: Day, listed: list[str], count: int) -> list[Row]:
    """A day's actions in the order of the table."""
    draw = random.Random(day)
    start = midnight(day) + from_clock("09:30")
    rows: list[Row] = [
        (person, "*", start, "maker", 3, "by", "SignOn", "", "{}") for person in PEOPLE
    ]
    for number in range(count):
        at = start + draw.randrange(14_400 * SECOND)
        detail = f'{{"bid":{draw.randrange(9999)},"ask":{draw.randrange(9999)}}}'
        whose, what = draw.choice(PEOPLE), draw.choice(listed)
        rows.append(
            (whose, what, at, "maker", number, "on_duty", "Quote", f"M001{number:06d}", detail)
        )
    return sorted(rows, key=lambda row: row[:5])


def spans(number: int, day: Day, listed: list[str]) -> list[Span]:
    """What the index of such a day holds, without its table."""
    start = midnight(day) + from_clock("09:30")
    stop = start + 14_400 * SECOND
    return [
        Span(person, scope, number, 0, 1, start, stop)
        for person in PEOPLE
        for scope in ("*", *listed)
    ]


def build(folder: Path, count: int) -> tuple[Archive, int]:
    """The archive and the bytes of its written tables."""
    suite = SUITES[DEFAULT]
    store.create(folder, "bench", DEFAULT, suite.make_key())
    index, lines, size = Index(), [], 0
    for number, day in enumerate(trading_days(), start=1):
        listed, found, sha = codes(number), spans(number, day, codes(number)), ""
        if codes(ASKED)[0] in listed:
            rows = actions(day, listed, count)
            data = parquet("actions", rows)
            size += len(data)
            found = spans_of(number, rows)
            name = "tables/actions.parquet"
            item = Item(name, len(data), hashlib.sha256(data).hexdigest(), 1)
            manifest = store.encode(Manifest([item]))
            sha = hashlib.sha256(manifest).hexdigest()
            store.keep(folder / "entries" / str(number) / name, data)
            store.keep(folder / "entries" / str(number) / "manifest.json", manifest)
        index.add(number, found, [(code, "510050") for code in listed], life_of(day))
        lines.append(Line(number, day, "run", "day", str(number), 0, "", 1, 0, 1, "", sha))
    with closing(sqlite3.connect(folder / INDEX)) as file:
        index._file.backup(file)  # day by day it would be 4,860 commits of a growing tree
    index.close()
    (folder / "log.jsonl").write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in lines))
    return Archive(folder), size


def main() -> None:
    """Build, ask, print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as temporary:
        began = time.perf_counter()
        archive, size = build(Path(temporary) / "A", count)
        built = time.perf_counter() - began
        held = (archive.folder / INDEX).stat().st_size
        print(f"{DAYS} days, {count} actions in each written table; built in {built:.1f} s")
        print(f"index {held / 1e6:.0f} MB, tables written {size / 1e6:.0f} MB")
        whole = (midnight(FIRST), midnight(add_days(FIRST, 366 * 20)))
        day = midnight(trading_days()[ASKED - 1])
        cells = []
        for name, person, period in (
            ("its whole life, asked over 20 years", "T01", whole),
            ("one day", "T01", life_of(trading_days()[ASKED - 1])),
            ("one hour", "T01", (day + from_clock("10:00"), day + from_clock("11:00"))),
            ("somebody who did nothing, 20 years", "T09", whole),
        ):
            began = time.perf_counter()
            rows = find(archive, person, codes(ASKED)[0], *period)
            cells.append([name, str(len(rows)), f"{time.perf_counter() - began:.3f}"])
        print(table(["actions of a person on a contract", "rows", "seconds"], cells))


if __name__ == "__main__":
    main()
