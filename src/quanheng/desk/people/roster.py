"""What a run takes from the store: opaque ids, posts, classes, and where they came from.

Names never leave the store this way (borders.md 5): a journal names people by id, and the store
says who they are. It takes no key.
"""

from typing import Any, NamedTuple

import sqlalchemy as sa

from quanheng.authority.policy import POSTS
from quanheng.desk.people.database import Database, newest, version
from quanheng.desk.people.errors import StoreError
from quanheng.desk.people.rules import FIRM
from quanheng.desk.people.schema import AUDIT
from quanheng.desk.people.store import appointments


class Listed(NamedTuple):
    """A person of a run."""

    person: str
    posts: tuple[str, ...]
    classes: tuple[str, ...]


def of_database(where: str, account: str = "") -> list[Listed]:
    """The same of a database by its path or URL. StoreError when it is no people store."""
    opened = Database(where)
    try:
        if version(opened) != newest():
            raise StoreError(f"{where}: no people store of version {newest()}")
        with opened.reading() as connection:
            return listed(connection, account)
    finally:
        opened.close()


def listed(connection: sa.Connection, account: str = "") -> list[Listed]:
    """Holders of the authority's posts for an account ("" for every one), by id.

    A trader who is held to classes anywhere is held to them in the run.
    """
    found: dict[str, tuple[list[str], list[str]]] = {}
    for row in appointments(connection):
        if row["post"] in POSTS and (not account or row["account"] in (account, FIRM)):
            posts, classes = found.setdefault(row["person"], ([], []))
            posts += [row["post"]] if row["post"] not in posts else []
            classes += [one for one in row["classes"].split(",") if one and one not in classes]
    return [
        Listed(person, tuple(posts), tuple(classes))
        for person, (posts, classes) in sorted(found.items())
    ]


def source(connection: sa.Connection) -> str:
    """The state of the store as its trail names it: number and hash of the last row."""
    query = sa.select(AUDIT.c.number, AUDIT.c.hash).order_by(AUDIT.c.number.desc()).limit(1)
    row: Any = connection.execute(query).first()
    return f"people store, audit {row.number} {row.hash}"
