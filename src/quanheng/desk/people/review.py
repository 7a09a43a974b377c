"""The periodic review of permissions (chapter 8, 3-3: 各业务岗位权限独立审批并定期审核; O-03)."""

import hashlib
import json
from typing import Any, NamedTuple

import sqlalchemy as sa

from quanheng.desk.people import audit
from quanheng.desk.people.access import Session
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.posts import advice, staffing
from quanheng.desk.people.schema import PERSON, REVIEW, SESSION
from quanheng.desk.people.store import Row, Store, appointments, next_number, personal_of
from quanheng.terms.days import day_of, iso
from quanheng.terms.units import DAY, Nanos


class Holder(NamedTuple):
    """One appointment as a review shows it."""

    person: str
    name_zh: str
    post: str
    words: str
    account: str
    holder: str
    since: str
    rights: tuple[str, ...]
    last_login: str


class Review(NamedTuple):
    """What stands on a day. `findings`: what the reviewer has to decide upon."""

    at: Nanos
    holders: tuple[Holder, ...]
    findings: tuple[str, ...]
    digest: str


def look(store: Store) -> Review:
    """Who holds what today, and everything about it that is not as it should be."""
    now = store.clock()
    with store.reading() as connection:
        last = _last_logins(connection)
        holders = tuple(_holder(store, connection, row, last) for row in appointments(connection))
        findings = [*_vacant(store, connection), *advice(store.rules, connection)]
        findings += _dormant(store, connection, last, now)
        before = _newest(connection)
    if before is None:
        findings.append("从未审核 (never reviewed before)")
    elif now - before["at"] > store.rules.review_days * DAY:
        findings.append(f"审核已逾期，上次 (overdue, last) {iso(day_of(before['at']))}")
    text = json.dumps([holders, findings], ensure_ascii=False)
    return Review(now, holders, tuple(findings), hashlib.sha256(text.encode()).hexdigest())


def keep(store: Store, actor: Session, review: Review) -> int:
    """Enter a review; it waits for its sign-off."""
    actor.require("people.review")
    with store.writing() as connection:
        number = next_number(connection, REVIEW)
        row = {
            "number": number, "at": review.at, "by": actor.user, "sha256": review.digest,
            "findings": len(review.findings), "signed_by": "", "signed": 0, "decision": "",
        }  # fmt: skip
        connection.execute(sa.insert(REVIEW).values(row))
        subject = f"review {number}"
        audit.append(
            connection, review.at, actor.user, actor.place, "review.made", subject, None, row
        )
    return number


def sign(store: Store, actor: Session, number: int, decision: str) -> None:
    """Sign a review another person made, with what was decided about its findings."""
    actor.require("people.review_sign")
    if not decision.strip():
        raise StoreError("a sign-off says what was decided")
    with store.writing() as connection:
        mine = REVIEW.c.number == number
        row = connection.execute(sa.select(REVIEW).where(mine)).mappings().first()
        if row is None:
            raise StoreError(f"there is no review {number}")
        if row["signed_by"] or row["by"] == actor.user:
            who = row["signed_by"] or "its own maker"
            raise NotAllowedError(f"review {number}: 已签批或由本人编制 (signed or made by {who})")
        now = store.clock()
        done = {"signed_by": actor.user, "signed": now, "decision": decision}
        connection.execute(sa.update(REVIEW).where(mine).values(done))
        audit.append(
            connection, now, actor.user, actor.place, "review.signed", f"review {number}",
            {"signed_by": ""}, done,
        )  # fmt: skip


def reviews(store: Store) -> list[Row]:
    """Every review, oldest first."""
    with store.reading() as connection:
        rows = connection.execute(sa.select(REVIEW).order_by(REVIEW.c.number))
        return list(rows.mappings())


def _holder(store: Store, connection: sa.Connection, row: Row, last: dict[str, Nanos]) -> Holder:
    post, mine = store.rules.post(row["post"]), personal_of(connection, row["person"])
    rights = sorted({name for name, _ in store.rules.rights(row["post"], row["account"])})
    seen = last.get(row["person"], 0)
    return Holder(
        row["person"], mine["name_zh"] if mine else "", row["post"], post.words, row["account"],
        row["holder"], iso(day_of(row["since"])), tuple(rights), iso(day_of(seen)) if seen else "",
    )  # fmt: skip


def _vacant(store: Store, connection: sa.Connection) -> list[str]:
    return [
        f"{row['post'].words} {row['account']}: 缺 (lacks) {' '.join(row['lacks'])}"
        for row in staffing(store.rules, connection)
        if row["lacks"]
    ]


def _dormant(
    store: Store, connection: sa.Connection, last: dict[str, Nanos], now: Nanos
) -> list[str]:
    found = []
    held = {row["person"] for row in appointments(connection)}
    query = sa.select(PERSON).where(PERSON.c.ended == 0).order_by(PERSON.c.person)
    for row in connection.execute(query).mappings():
        person = row["person"]
        since = last.get(person, row["added"])
        if person not in held:
            found.append(f"{person}: 无岗位 (holds no post)")
        elif now - since > store.rules.dormant_days * DAY:
            found.append(f"{person}: 自 {iso(day_of(since))} 未登录 (has not signed in since)")
    return found


def _last_logins(connection: sa.Connection) -> dict[str, Nanos]:
    query = sa.select(SESSION.c.person, sa.func.max(SESSION.c.at)).group_by(SESSION.c.person)
    return {row[0]: row[1] for row in connection.execute(query)}


def _newest(connection: sa.Connection) -> Any:
    query = sa.select(REVIEW).where(REVIEW.c.signed != 0).order_by(REVIEW.c.number.desc())
    return connection.execute(query.limit(1)).mappings().first()
