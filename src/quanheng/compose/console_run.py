"""The console's process: a run's read model, its commands and the server around them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click

from quanheng.compose.api_library import RunLibrary
from quanheng.compose.console_commands import RunCommands
from quanheng.compose.console_house import House
from quanheng.compose.console_office import RunOffice
from quanheng.compose.console_source import RunSource
from quanheng.compose.listening import listen
from quanheng.desk.access import Access, Refused
from quanheng.desk.file_access import FileAccess, PeopleFileError
from quanheng.desk.peers import LOOPBACK, ListedHosts
from quanheng.desk.people.console import ConsoleAccess
from quanheng.desk.people.database import is_file, path_of
from quanheng.desk.people.store import Store
from quanheng.desk.server import application
from quanheng.edge.isolation import record_refusal


class Door(NamedTuple):
    """Where the console asks who somebody is: a file of people, or a people store and the account
    whose rights count ("": the run's own).
    """

    people: Path | None
    store: str = ""
    key: Path | None = None
    account: str = ""
    hosts: tuple[str, ...] = LOOPBACK
    """Who may connect."""


@contextmanager
def opened(source: RunSource, door: Door) -> Iterator[tuple[Access, Store | None]]:
    """Who answers who may do what, and the store of people if that is one.

    UsageError for a file that cannot be used, or a day that has no account yet; StoreError for a
    store that cannot be opened.
    """
    if door.people is not None:
        try:
            yield FileAccess(door.people), None
        except PeopleFileError as error:
            raise click.UsageError(str(error)) from error
        return
    made = source.log.opened
    account = door.account or (made.account if made is not None else "")
    if not account:
        raise click.UsageError("--account: the run has no opening yet that names one")
    with Store(door.store, door.key) as store:
        yield ConsoleAccess(store, account, Refused), store


def serve(
    run: Path,
    door: Door,
    host: str,
    port: int,
    cert: Path | None,
    key: Path | None,
    period: float,
    posts: Path | None,
    papers: Path | None,
    ratings: Path | None = None,
) -> None:
    """Serve until interrupted. RunError for a run that cannot be followed, OSError for a port that
    is taken, UsageError for a file of people that cannot be used, StoreError for a store.
    """
    source = RunSource(run)
    source.load()
    with opened(source, door) as (access, store):
        house = House(run, source, store, posts or _file_of(store, door), papers, ratings)
        app = application(
            source, RunCommands(run, posts), access, period=period, secure=cert is not None,
            library=RunLibrary(source, posts), office=RunOffice(house),
        )  # fmt: skip
        guarded = ListedHosts(
            app, door.hosts, lambda peer: record_refusal(run, "console", f"connection from {peer}")
        )
        listen(guarded, "控制台 console", run, host, port, cert, key)


def _file_of(store: Store | None, door: Door) -> Path | None:
    """The store as a verb takes it for people and posts, None for a server's or for no store."""
    if store is None or not is_file(door.store):
        return None
    return path_of(door.store)
