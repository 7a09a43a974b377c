"""The trail: every change with who, when, from where, before and after, in a hash chain.

hash = SHA-256(previous hash + JSON of the row). Rows are never changed or removed: the database's
triggers refuse it, and `verify` finds a row that was changed around them. Cutting the end off shows
against a head that was kept elsewhere (`quanheng archive`).
"""

import hashlib
import json
from typing import Any, NamedTuple

import sqlalchemy as sa

from quanheng.desk.people.schema import AUDIT, DOCUMENT, REGISTER

START = "0" * 64
_CHAINED = ("number", "at", "who", "place", "what", "subject", "before", "after")


class Found(NamedTuple):
    """What `verify` found: rows that hold, the head, and the first thing wrong ("" for none)."""

    rows: int
    head: str
    wrong: str


def append(
    connection: sa.Connection,
    at: int,
    who: str,
    place: str,
    what: str,
    subject: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> int:
    """Add a row inside the transaction of the change it tells of; returns its number."""
    newest = sa.select(AUDIT.c.number, AUDIT.c.hash).order_by(AUDIT.c.number.desc()).limit(1)
    last = connection.execute(newest).first()
    number, previous = (last.number + 1, last.hash) if last else (1, START)
    row: dict[str, Any] = {
        "number": number, "at": at, "who": who, "place": place[:80], "what": what,
        "subject": subject[:80], "before": _json(before), "after": _json(after),
    }  # fmt: skip
    row["previous"], row["hash"] = previous, _hash(previous, row)
    connection.execute(sa.insert(AUDIT).values(row))
    return number


def verify(connection: sa.Connection, head: str = "") -> Found:
    """Check the chain, and that what registers and documents say is what the trail says.

    With `head`, a head kept elsewhere, the chain must contain it.
    """
    previous, rows, seen = START, 0, not head
    said: dict[int, str] = {}
    for row in connection.execute(sa.select(AUDIT).order_by(AUDIT.c.number)).mappings():
        wrong = ""
        if row["number"] != rows + 1:
            wrong = f"audit row {rows + 1} is missing"
        elif row["previous"] != previous or row["hash"] != _hash(previous, dict(row)):
            wrong = f"audit row {row['number']} was changed, or the row before it"
        if wrong:
            return Found(rows, previous, wrong)
        previous, rows = row["hash"], rows + 1
        seen = seen or previous == head
        said[rows] = row["after"]
    if not seen:
        return Found(rows, previous, f"no row has the head {head}: rows were cut off or replaced")
    for table in (REGISTER, DOCUMENT):
        for row in connection.execute(sa.select(table).order_by(table.c.number)).mappings():
            if said.get(row["audit"]) != _json(told(dict(row))):
                wrong = f"{table.name} row {row['number']} differs from audit row {row['audit']}"
                return Found(rows, previous, wrong)
        count = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        tables = [json.loads(text or "{}").get("table") for text in said.values()]
        claimed = tables.count(table.name)
        if count != claimed:
            return Found(rows, previous, f"{table.name} has {count} rows, the trail {claimed}")
    return Found(rows, previous, "")


def told(row: dict[str, Any]) -> dict[str, Any]:
    """What the trail says of a row of an append-only table."""
    table = "register" if "register" in row else "document"
    return {"table": table, **{key: value for key, value in row.items() if key != "audit"}}


def _json(value: dict[str, Any] | None) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _hash(previous: str, row: dict[str, Any]) -> str:
    text = json.dumps([row[key] for key in _CHAINED], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256((previous + text).encode()).hexdigest()
