"""What a run takes from the store: opaque ids, posts, classes, and where they came from.

Names never leave the store this way (borders.md 5): a journal names people by id, and the store
says who they are.
"""

from typing import Any, NamedTuple

import sqlalchemy as sa

from quanheng.authority.policy import POSTS
from quanheng.desk.people.rules import FIRM
from quanheng.desk.people.schema import AUDIT
from quanheng.desk.people.store import Store, appointments


class Listed(NamedTuple):
    """A person of a run."""

    person: str
    posts: tuple[str, ...]
    classes: tuple[str, ...]


def listed(store: Store, account: str = "") -> list[Listed]:
    """Holders of the authority's posts for an account ("" for every one), by id."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    with store.reading() as connection:
        for row in appointments(connection):
            if row["post"] in POSTS and (not account or row["account"] in (account, FIRM)):
                posts, classes = found.setdefault(row["person"], ([], []))
                posts += [row["post"]] if row["post"] not in posts else []
                classes += [one for one in row["classes"].split(",") if one]
    return [Listed(one, tuple(posts), tuple(classes)) for one, (posts, classes) in
            sorted(found.items())]  # fmt: skip


def source(store: Store) -> str:
    """The state of the store as its trail names it: number and hash of the last row."""
    with store.reading() as connection:
        query = sa.select(AUDIT.c.number, AUDIT.c.hash).order_by(AUDIT.c.number.desc()).limit(1)
        row: Any = connection.execute(query).first()
    return f"people store, audit {row.number} {row.hash}"
