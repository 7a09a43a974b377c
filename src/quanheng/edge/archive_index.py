"""The archive's index: where the actions of a person on a scope stand, over all years (SQLite).

It is no record: it can be rebuilt from the entries at any time. An entry's actions are sorted by
(person, scope, instant), so a row here is a run of rows there; twenty years are some million runs.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from quanheng.terms.units import Nanos

_MAKE = """
CREATE TABLE IF NOT EXISTS span(
  person TEXT, scope TEXT, entry INTEGER, first INTEGER, rows INTEGER, start INTEGER,
  stop INTEGER, PRIMARY KEY(person, scope, entry)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contract(code TEXT PRIMARY KEY, underlying TEXT) WITHOUT ROWID;
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
    """The index file; made when it is not there."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path)
        self._file.executescript(_MAKE)

    def close(self) -> None:
        """Give the file up."""
        self._file.close()

    def entries(self) -> list[int]:
        """Numbers of the entries that are in it."""
        return [row[0] for row in self._file.execute("SELECT number FROM entry ORDER BY number")]

    def add(self, entry: int, spans: Sequence[Span], contracts: Sequence[Sequence[object]]) -> None:
        """Enter an entry once; a second time changes nothing."""
        with self._file:
            self._file.execute("INSERT OR IGNORE INTO entry VALUES (?)", (entry,))
            self._file.executemany("INSERT OR REPLACE INTO span VALUES (?,?,?,?,?,?,?)", spans)
            rows = [(row[0], row[1]) for row in contracts]
            self._file.executemany("INSERT OR REPLACE INTO contract VALUES (?,?)", rows)

    def find(self, person: str, contract: str, start: Nanos, stop: Nanos) -> list[Span]:
        """Runs that may hold actions in [start, stop] on a contract: on itself, on its underlying
        and on everything; every scope for an empty contract.
        """
        text = "SELECT * FROM span WHERE person = ? AND start <= ? AND stop >= ?"
        given: list[object] = [person, stop, start]
        if contract:
            scopes = [contract, "*"]
            known = "SELECT underlying FROM contract WHERE code = ?"
            scopes += [row[0] for row in self._file.execute(known, (contract,))]
            text += f" AND scope IN ({','.join('?' * len(scopes))})"
            given += scopes
        rows = self._file.execute(text + " ORDER BY entry, first", given)
        return [Span(*row) for row in rows]
