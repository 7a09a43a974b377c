"""The archive's index: where the actions of a person on a scope stand, over all years (SQLite).

It is no record: it can be rebuilt from the entries at any time. An entry's actions are sorted by
(person, scope, instant), so a row here is a run of rows there; twenty years are some million runs.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from quanheng.edge.archive_files import ArchiveError
from quanheng.terms.units import Nanos

INDEX = "index-1.sqlite"
"""Its name carries the version of its tables: another one is built beside it."""
_MAKE = """
CREATE TABLE IF NOT EXISTS span(
  person TEXT, scope TEXT, entry INTEGER, first INTEGER, rows INTEGER, start INTEGER,
  stop INTEGER, PRIMARY KEY(person, scope, entry)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contract(
  code TEXT PRIMARY KEY, underlying TEXT, since INTEGER, until INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entry(number INTEGER PRIMARY KEY);
"""


class Span(NamedTuple):
    """Rows [first, first + rows) of an entry's actions, from `start` to `stop`."""

    person: str
    scope: str
    entry: int
    first: int
    rows: int
    start: Nanos
    stop: Nanos


def spans_of(entry: int, actions: Iterable[Sequence[object]]) -> list[Span]:
    """Runs of rows (person, scope, at, …) that are sorted in this order."""
    found: list[Span] = []
    for at, row in enumerate(actions):
        person, scope, when = str(row[0]), str(row[1]), int(str(row[2]))
        last = found[-1] if found else None
        if last is not None and (last.person, last.scope) == (person, scope):
            found[-1] = last._replace(rows=last.rows + 1, stop=when)
        else:
            found.append(Span(person, scope, entry, at, 1, when, when))
    return found


class Index:
    """The index file of an archive, made when it is not there; without an archive, in memory.

    ArchiveError when it is damaged.
    """

    def __init__(self, archive: Path | None = None) -> None:
        path = ":memory:" if archive is None else str(archive / INDEX)
        self._file = sqlite3.connect(path)
        try:
            self._file.executescript(_MAKE)
        except sqlite3.DatabaseError as error:
            self._file.close()
            said = "remove it and run archive index; it is no record"
            raise ArchiveError(f"{path}: {error}; {said}") from error

    def close(self) -> None:
        """Give the file up."""
        self._file.close()

    def dump(self) -> Iterator[tuple[object, ...]]:
        """Every row in order, for comparing two indexes."""
        for order in ("entry ORDER BY 1", "contract ORDER BY 1", "span ORDER BY 1, 2, 3"):
            yield from self._file.execute(f"SELECT * FROM {order}")

    def entries(self) -> list[int]:
        """Numbers of the entries that are in it."""
        return [row[0] for row in self._file.execute("SELECT number FROM entry ORDER BY number")]

    def add(
        self,
        entry: int,
        spans: Sequence[Span],
        listed: Sequence[Sequence[object]] = (),
        life: tuple[Nanos, Nanos] = (0, 0),
    ) -> None:
        """Enter an entry once; a second time changes nothing. `listed` are (code, underlying, …) of
        the contracts that lived in `life`.
        """
        grown = (
            "INSERT INTO contract VALUES (?,?,?,?) ON CONFLICT(code) DO UPDATE SET "
            "since = min(since, excluded.since), until = max(until, excluded.until)"
        )
        with self._file:
            self._file.execute("INSERT OR IGNORE INTO entry VALUES (?)", (entry,))
            self._file.executemany("INSERT OR REPLACE INTO span VALUES (?,?,?,?,?,?,?)", spans)
            self._file.executemany(grown, [(row[0], row[1], *life) for row in listed])

    def find(self, person: str, contract: str, start: Nanos, stop: Nanos) -> list[Span]:
        """Runs that may hold actions in [start, stop] on a contract: on itself at any time, and
        while it was listed on its underlying and on everything. Every scope for an empty contract.
        """
        found = self._runs(person, (contract,) if contract else (), start, stop)
        life = self.life(contract)
        if life is not None:
            underlying, since, until = life
            found += self._runs(person, (underlying, "*"), max(start, since), min(stop, until))
        return sorted(found, key=lambda span: (span.entry, span.first))

    def life(self, contract: str) -> tuple[str, Nanos, Nanos] | None:
        """(underlying, first instant, last instant) of a contract; None for one never listed."""
        text = "SELECT underlying, since, until FROM contract WHERE code = ?"
        found: tuple[str, Nanos, Nanos] | None = self._file.execute(text, (contract,)).fetchone()
        return found

    def _runs(self, person: str, scopes: tuple[str, ...], start: Nanos, stop: Nanos) -> list[Span]:
        text = "SELECT * FROM span WHERE person = ? AND start <= ? AND stop >= ?"
        if scopes:
            text += f" AND scope IN ({','.join('?' * len(scopes))})"
        return [Span(*row) for row in self._file.execute(text, (person, stop, start, *scopes))]
