"""The database behind the people store: SQLite by default, PostgreSQL by one URL.

Writers take the whole database (SQLite) or the audit table (PostgreSQL) before they read, so the
trail has one order and its chain never forks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DatabaseError, NoSuchModuleError

from quanheng.desk.people.errors import StoreError

POSTGRES = "postgresql+psycopg"
_WAIT_S = 10
"""How long a writer waits for another one, and anybody for a connection."""
_LONGEST_S = 60
"""A statement that takes longer is given up: people are told, nobody waits without end (F66)."""
_SILENT_S = _LONGEST_S + _WAIT_S
"""A statement without any answer for so long is given up at this end: the server's own limits do
not reach us over a line that carries nothing and is not closed.
"""


def url_of(text: str) -> str:
    """A database URL with the driver that is shipped (`quanheng[postgres]`) unless it names one; a
    path as the SQLite file it names.
    """
    if "://" not in text:
        return f"sqlite:///{text}"
    scheme, _, rest = text.partition("://")
    return f"{POSTGRES}://{rest}" if scheme in ("postgresql", "postgres") else text


def is_file(text: str) -> bool:
    """Is the setting a path, or a SQLite URL?"""
    return "://" not in text or text.startswith("sqlite:///")


def path_of(text: str) -> Path:
    """The file of a SQLite setting."""
    return Path(text.removeprefix("sqlite:///"))


class Database:
    """An engine with the two ways in: `reading` and `writing`."""

    def __init__(self, where: str, new: bool = False) -> None:
        """StoreError for a URL whose driver is not installed, or a file that is not there."""
        self.where = where
        if is_file(where) and not (new or path_of(where).is_file()):
            raise StoreError(f"{where}: no people store; quanheng people init makes one")
        sqlite = url_of(where).startswith("sqlite")
        given: dict[str, Any] = {"timeout": _WAIT_S}
        if not sqlite:
            waits = f"-c lock_timeout={_WAIT_S}s -c statement_timeout={_LONGEST_S}s"
            given = {"connect_timeout": _WAIT_S, "options": waits}
        try:
            self.engine = sa.create_engine(url_of(where), connect_args=given)
        except (sa.exc.ArgumentError, NoSuchModuleError, ImportError) as error:
            raise StoreError(f"{_shown(where)}: {error}") from error
        if sqlite:
            sa.event.listen(self.engine, "connect", _on_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        else:
            sa.event.listen(self.engine, "do_connect", _patient_connect)

    def close(self) -> None:
        """Give the connections up."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that only reads. StoreError when the database cannot be used."""
        with self._named(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that excludes other writers; all of it happens or nothing."""
        with self._named(), self.engine.connect() as plain:
            connection = plain.execution_options(writes=True)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(sa.text("LOCK TABLE audit IN EXCLUSIVE MODE"))
                yield connection

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            raise StoreError(f"{_shown(self.where)}: {error.orig}") from error


def _on_sqlite(raw: Any, _record: Any) -> None:
    raw.isolation_level = None  # transactions are begun below, not by the driver
    raw.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _patient_connect(_dialect: Any, _record: Any, given: Any, named: dict[str, Any]) -> Any:
    """A connection on which no wait is without end."""
    import psycopg  # an extra, and nothing a SQLite store needs

    class Patient(psycopg.Connection[Any]):
        def wait(self, *waits: Any, **more: Any) -> Any:
            try:
                return super().wait(*waits, **{"timeout": _SILENT_S, **more})
            except psycopg.errors._WaitTimeout as error:
                self.close()  # in the middle of an answer: nobody may use it again
                raise psycopg.OperationalError(f"nothing came for {_SILENT_S} s") from error

    return Patient.connect(*given, **named)


def _shown(where: str) -> str:
    """The setting without a password."""
    return sa.make_url(where).render_as_string(hide_password=True) if "://" in where else where


def _alembic(where: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("sqlalchemy.url", url_of(where).replace("%", "%%"))
    return config


def newest() -> str:
    """The version of the tables that this code reads."""
    head = ScriptDirectory.from_config(_alembic("")).get_current_head()
    assert head is not None, "the package has no migration"
    return head


def version(database: Database) -> str:
    """The version of a database's tables, "" for one without."""
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def migrate(database: Database) -> None:
    """Bring a database's tables to the newest version."""
    with database._named(), database.engine.connect() as plain:
        connection = plain.execution_options(writes=True)
        config = _alembic(database.where)
        config.attributes["connection"] = connection
        with connection.begin():
            command.upgrade(config, "head")


def sql_text(where: str) -> None:
    """Print the SQL of all migrations, for a database that somebody else administers."""
    command.upgrade(_alembic(where), "head", sql=True)
