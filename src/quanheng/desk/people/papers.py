"""Life of a document: draft, reviewed, signed, filed, each by the hash of the file (L-02, L-12).

A stage names the same bytes as the one before; a changed file is a new draft. Whoever drafted a
document does not review it, and one with gaps cannot be reviewed.
"""

from typing import Any

import msgspec
import sqlalchemy as sa

from quanheng.desk.people import audit
from quanheng.desk.people.access import Session
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.register_types import FilingStep
from quanheng.desk.people.registers import RECORD, insert, read
from quanheng.desk.people.schema import DOCUMENT
from quanheng.desk.people.store import Store, next_number
from quanheng.terms.days import day_of
from quanheng.terms.units import Nanos

DRAFT, REVIEWED, SIGNED, FILED = "draft", "reviewed", "signed", "filed"
LIFE = (DRAFT, REVIEWED, SIGNED, FILED)
_RIGHTS = {DRAFT: "draft", REVIEWED: "review", SIGNED: "sign", FILED: "file"}


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a document stands; `gaps`: marks that were left in its file when it was drafted."""

    number: int
    name: str
    stage: str
    sha256: str
    at: Nanos
    by: str
    gaps: int
    note: str = ""
    filing: int = 0


def enter(
    store: Store, actor: Session, name: str, stage: str, sha256: str, gaps: int,
    note: str = "", filing: int = 0,
) -> int:  # fmt: skip
    """Enter a stage of a document. NotAllowedError when the one before is not this file's.

    With `filing`, filing it is the filing's step "sent" too.
    """
    actor.require(f"documents.{_RIGHTS[stage]}")
    if not name.strip() or len(name) > 120:
        raise StoreError(f"document {name!r}: a name has 1 to 120 characters")
    with store.writing() as connection:
        now = store.clock()
        if stage != DRAFT:
            _check(connection, actor, name, stage, sha256, gaps)
        if stage == FILED and filing:
            _sent(connection, now, actor.user, filing, name)
        row: dict[str, Any] = {
            "number": next_number(connection, DOCUMENT), "name": name, "stage": stage,
            "sha256": sha256, "at": now, "by": actor.user,
            "body": msgspec.json.encode({"gaps": gaps, "note": note, "filing": filing}).decode(),
        }  # fmt: skip
        row["audit"] = audit.append(
            connection, now, actor.user, actor.place, f"document.{stage}", name, None,
            audit.told(row),
        )  # fmt: skip
        connection.execute(sa.insert(DOCUMENT).values(row))
    return int(row["number"])


def _check(
    connection: sa.Connection, actor: Session, name: str, stage: str, sha256: str, gaps: int
) -> None:
    before = LIFE[LIFE.index(stage) - 1]
    history = _rows(connection, name)
    last = history[-1] if history else None
    if last is None or last.stage != before:
        said = last.stage if last else "unknown"
        raise NotAllowedError(f"{name}: 当前为 {said}，须先 {before} (it has to be {before} first)")
    if last.sha256 != sha256:
        raise NotAllowedError(f"{name}: 文件已变更，须重新起草 (the file is not the {before} one)")
    if gaps:
        raise NotAllowedError(f"{name}: 尚有 {gaps} 处缺项 (gaps are left)")
    if stage == REVIEWED and last.by == actor.user:
        raise NotAllowedError(f"{name}: 起草人不得审核 (who drafted it does not review it)")
    drafted = [one.by for one in history if one.stage == DRAFT]
    if stage == SIGNED and drafted[-1] == actor.user:
        raise NotAllowedError(f"{name}: 起草人不得签署 (who drafted it does not sign it)")


def _sent(connection: sa.Connection, now: Nanos, who: str, filing: int, name: str) -> None:
    if filing not in [one.number for one in read(connection, "filing")]:
        raise StoreError(f"there is no filing {filing}")
    step = FilingStep(filing=filing, step="sent", day=day_of(now), text=name)
    insert(connection, now, who, "filing_step", RECORD, 0, step)


def _rows(connection: sa.Connection, name: str = "") -> list[Stage]:
    query = sa.select(DOCUMENT).order_by(DOCUMENT.c.number)
    if name:
        query = query.where(DOCUMENT.c.name == name)
    found = []
    for row in connection.execute(query).mappings():
        body = msgspec.json.decode(row["body"])
        found.append(
            Stage(
                number=row["number"], name=row["name"], stage=row["stage"], sha256=row["sha256"],
                at=row["at"], by=row["by"], **body,
            )
        )  # fmt: skip
    return found


def stages(store: Store, name: str = "") -> list[Stage]:
    """Every stage of a document, or of all, in order."""
    with store.reading() as connection:
        return _rows(connection, name)


def standing(store: Store) -> dict[str, Stage]:
    """The newest stage of every document."""
    return {one.name: one for one in stages(store)}
