"""The people store: a database, its key, its rules and a clock, behind every service here."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from quanheng.desk.people import database, sealing
from quanheng.desk.people.errors import StoreError
from quanheng.desk.people.rules import read_rules
from quanheng.desk.people.schema import APPOINTMENT, PERSON, PERSONAL
from quanheng.terms.units import Nanos

Row = sa.RowMapping


class Store:
    """An open store; use it as a context."""

    def __init__(
        self,
        where: str,
        key: Path | None = None,
        rules: Path | None = None,
        clock: Callable[[], Nanos] = time.time_ns,
    ) -> None:
        """Open a store that `people init` has made.

        StoreError for one that is not there, of another version, or whose key is missing.
        """
        if database.is_file(where):
            database.Database(where).close()  # no store at all is said before a missing key
        self.key = sealing.read_key(key or default_key(where))
        self.rules = read_rules(rules)
        self.database = database.Database(where)
        try:
            found, wanted = database.version(self.database), database.newest()
            if found != wanted:
                said = f"version {found or 'none'}, this program reads {wanted}"
                raise StoreError(f"{where}: {said}; quanheng people migrate")
        except BaseException:
            self.close()
            raise
        self.clock = clock

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections up."""
        self.database.close()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that only reads."""
        with self.database.reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that excludes other writers."""
        with self.database.writing() as connection:
            yield connection

    def hidden(self, values: dict[str, Any]) -> dict[str, Any]:
        """Personal data as the trail shows it."""
        return {name: sealing.hidden(self.key, str(value)) for name, value in values.items()}


def default_key(where: str) -> Path:
    """FILE.key beside a SQLite file. StoreError for a server's URL, which needs --key."""
    if not database.is_file(where):
        raise StoreError("a database server needs the key's file named: --key")
    path = database.path_of(where)
    return path.with_name(path.name + ".key")


def person_of(connection: sa.Connection, person: str) -> Row:
    """A person's row. StoreError for one the store does not know."""
    row = connection.execute(sa.select(PERSON).where(PERSON.c.person == person)).mappings().first()
    if row is None:
        raise StoreError(f"person {person!r} is not in the store")
    return row


def personal_of(connection: sa.Connection, person: str) -> Row | None:
    """A person's personal data."""
    rows = connection.execute(sa.select(PERSONAL).where(PERSONAL.c.person == person))
    return rows.mappings().first()


def appointments(connection: sa.Connection, person: str = "") -> list[Row]:
    """Appointments in force, of one person or of all, in the order they were made."""
    query = sa.select(APPOINTMENT).where(APPOINTMENT.c.ended == 0)
    if person:
        query = query.where(APPOINTMENT.c.person == person)
    return list(connection.execute(query.order_by(APPOINTMENT.c.number)).mappings())


def next_number(connection: sa.Connection, table: sa.Table) -> int:
    """The next number of a table; the transaction excludes other writers."""
    newest = connection.execute(sa.select(sa.func.max(table.c.number))).scalar()
    return int(newest or 0) + 1
