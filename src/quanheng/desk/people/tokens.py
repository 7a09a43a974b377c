"""Tokens of programs: one post of one person on one account, for a while (docs/api.md).

A token is narrower than its owner. It shows what the post shows; it proposes only when it was
issued to; it never seconds, never administers and never signs on, because a program is no second
person (O-04). It is judged at every use: it ends with the post, with the person's way in, by its
date, or by hand. It is given out once, and only its hash is kept.
"""

import secrets
from typing import Any

import sqlalchemy as sa

from quanheng.authority.policy import RULES
from quanheng.desk.people import audit
from quanheng.desk.people.access import Session, market_making, token_hash
from quanheng.desk.people.crossings import open_crossing
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.rules import Rules, is_view
from quanheng.desk.people.schema import PERSON, TOKEN
from quanheng.desk.people.store import Row, Store, appointments, next_number, personal_of
from quanheng.terms.units import DAY, MINUTE, Nanos

PREFIX = "qh_"
"""How a token begins, so that a leaked one is recognised."""
MOST = 10
"""Tokens of one person that may be good at the same time."""
NEVER = ("sign_on",)
"""Acts that are a person's own, whatever a post proposes."""
_LIST = "people.sessions"
"""The right to see and end other people's."""


def issue(
    store: Store, actor: Session, post: str, account: str, purpose: str, days: int, proposes: bool
) -> tuple[int, str]:
    """A new token of the actor's own post: (number, the token, shown once).

    NotAllowedError for a post the actor does not hold there, a post of administrators, a session
    that sleeps or an open crossing; StoreError for a purpose or a term that is none.
    """
    if actor.view_only or actor.crossing is not None or not actor.user:
        raise NotAllowedError(f"{actor.user}: 请重新登录，跨墙期间不得签发 (sign in again first)")
    if not 1 <= days <= store.rules.token_days:
        raise StoreError(f"days: {days} is not 1 to {store.rules.token_days}")
    if not purpose.strip() or len(purpose) > 80:
        raise StoreError("purpose: say in up to 80 characters what the program does")
    if store.rules.post(post).admin:
        raise NotAllowedError(f"{post}: 管理岗不得使用令牌 (administrators work by hand)")
    text = PREFIX + secrets.token_urlsafe(32)
    with store.writing() as connection:
        now = store.clock()
        if not _held(connection, actor.user, post, account):
            raise NotAllowedError(f"{actor.user}: 未任 {post}@{account} (does not hold the post)")
        if len([row for row in _rows(connection, actor.user) if _good(row, now)]) >= MOST:
            raise StoreError(f"{actor.user}: {MOST} tokens are good already; end one")
        number = next_number(connection, TOKEN)
        row: dict[str, Any] = {
            "number": number, "token": token_hash(text),
            "person": actor.user, "post": post, "account": account, "proposes": proposes,
            "purpose": purpose, "at": now, "until": now + days * DAY, "seen": 0, "ended": 0,
            "reason": "",
        }  # fmt: skip
        connection.execute(sa.insert(TOKEN).values(row))
        after = {**row, "token": row["token"][:12]}
        subject = f"token {number}"
        audit.append(connection, now, actor.user, actor.place, "token.issued", subject, None, after)
    return number, text


def listed(store: Store, actor: Session) -> list[dict[str, Any]]:
    """Tokens that are good, one's own or with the right `people.sessions` everybody's: number,
    person, post, account, proposes, purpose, at, until, seen (Nanos, 0 never used).
    """
    mine = "" if actor.permits(_LIST) else actor.user
    with store.reading() as connection:
        rows = [row for row in _rows(connection, mine) if _good(row, store.clock())]
    names = ("number", "person", "post", "account", "proposes", "purpose", "at", "until", "seen")
    return [{name: row[name] for name in names} for row in rows]


def revoke(store: Store, actor: Session, number: int) -> None:
    """End a token, one's own or with the right `people.sessions` anybody's. StoreError when there
    is no such one that is good, in the same words for somebody else's.
    """
    with store.writing() as connection:
        now = store.clock()
        found = [row for row in _rows(connection, "") if row["number"] == number]
        if not found or not _good(found[0], now) or not _may_end(actor, found[0]):
            raise StoreError(f"token {number}: there is none of yours that is good")
        values = {"ended": now, "reason": "revoked"}
        connection.execute(sa.update(TOKEN).where(TOKEN.c.number == number).values(values))
        subject = f"token {number}"
        audit.append(connection, now, actor.user, actor.place, "token.revoked", subject)


def token_session(store: Store, account: str, text: str) -> Session | None:
    """What a token opens in a console of `account`, None for nothing."""
    if not text.startswith(PREFIX):
        return None
    now = store.clock()
    with store.reading() as connection:
        query = sa.select(TOKEN, PERSON.c.ended.label("left")).join(
            PERSON, PERSON.c.person == TOKEN.c.person
        )
        mine = query.where(TOKEN.c.token == token_hash(text))
        row = connection.execute(mine).mappings().first()
        if row is None or row["left"] or not _good(row, now):
            return None
        if not _held(connection, row["person"], row["post"], row["account"]):
            return None
        session = _session(connection, store.rules, row, account, now)
    if now - row["seen"] > MINUTE:
        with store.writing() as connection:
            used = sa.update(TOKEN).where(TOKEN.c.number == row["number"])
            connection.execute(used.values(seen=now))
    return session


def _session(
    connection: sa.Connection, rules: Rules, row: Row, account: str, now: Nanos
) -> Session:
    """Rights are the post's, less what a program may never do."""
    person = personal_of(connection, row["person"])
    acts = {str(rule.act) for rule in RULES if str(rule.act) not in NEVER}
    own = row["account"] in market_making(connection)
    held = rules.rights(row["post"], row["account"]) if own else frozenset()
    return Session(
        user=row["person"],
        name_zh=person["name_zh"] if person else "",
        roles=frozenset((row["post"],)),
        csrf="",
        account=account,
        rights=frozenset(
            one for one in held if is_view(one[0]) or (row["proposes"] and one[0] in acts)
        ),
        crossing=open_crossing(connection, row["person"], now),
        place=f"token {row['number']}",
    )


def _held(connection: sa.Connection, person: str, post: str, account: str) -> bool:
    return any(
        (one["post"], one["account"]) == (post, account) for one in appointments(connection, person)
    )


def _rows(connection: sa.Connection, person: str) -> list[Row]:
    query = sa.select(TOKEN).order_by(TOKEN.c.number)
    if person:
        query = query.where(TOKEN.c.person == person)
    return list(connection.execute(query).mappings())


def _good(row: Row, now: Nanos) -> bool:
    return not row["ended"] and now < row["until"]


def _may_end(actor: Session, row: Row) -> bool:
    return actor.user == row["person"] or actor.permits(_LIST)
