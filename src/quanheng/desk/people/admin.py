"""A new store, persons, accounts, locks and sessions: what one administrator does.

Ending sessions and locking need one person, because they make things safer; giving rights takes
two (`posts`).
"""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from quanheng.desk.people import audit, database, passwords, sealing
from quanheng.desk.people.access import Session, end
from quanheng.desk.people.errors import StoreError
from quanheng.desk.people.posts import revoke
from quanheng.desk.people.registers import TASK_POSTS, open_task
from quanheng.desk.people.rules import FIRM, LINES
from quanheng.desk.people.schema import ACCOUNT, CREDENTIAL, PERSON, PERSONAL, SESSION
from quanheng.desk.people.store import (
    Row,
    Store,
    appointments,
    default_key,
    person_of,
    personal_of,
)
from quanheng.desk.people.writers import (
    ADMIN,
    FEWEST_ADMINS,
    MAIN,
    PERSONAL_FIELDS,
    appoint,
    check_id,
    end_sessions,
    insert_person,
    row_of,
    void,
)


def create(where: str, administrators: dict[str, str], **given: Any) -> dict[str, str]:
    """Make a new store with two or more administrators (id -> name); (id -> one-time code).

    No password is made: each enrols with the code printed here once. StoreError when there is a
    store already, or fewer than two administrators.
    """
    if len(administrators) < FEWEST_ADMINS:
        raise StoreError(f"{FEWEST_ADMINS} administrators at least: one asks, another confirms")
    for person in administrators:
        check_id(person)
    key: Path = given.get("key") or default_key(where)
    if database.is_file(where) and database.path_of(where).exists():
        raise StoreError(f"{where}: exists already")
    made = database.Database(where, new=True)
    try:
        if database.version(made):
            raise StoreError(f"{where}: has a people store already")
        sealing.make_key(key)
        database.migrate(made)
        if database.is_file(where):
            database.path_of(where).chmod(0o600)
    finally:
        made.close()
    codes = {}
    with Store(where, **given) as store, store.writing() as connection:
        now = store.clock()
        audit.append(connection, now, "", "", "store.created", "", None, {"rules": "shipped"})
        for person, name in administrators.items():
            insert_person(store, connection, "", person, {"name_zh": name}, "", (), False)
            appoint(store, connection, "", row_of(person, ADMIN, FIRM, MAIN, ()))
            first, second = passwords.half(), passwords.half()
            void(store, connection, "", person, passwords.of_half(first), second)
            codes[person] = f"{first}-{second}"
    return codes


def add_person(
    store: Store,
    actor: Session,
    person: str,
    department: str,
    personal: dict[str, str],
    other_lines: tuple[str, ...] = (),
    outsourced: bool = False,
) -> None:
    """A new person, without any right or password. StoreError for an id that is taken."""
    actor.require("people.add")
    check_id(person)
    wrong = [line for line in other_lines if line not in LINES]
    if wrong:
        raise StoreError(f"line {wrong[0]!r} is not one of {', '.join(LINES)}")
    with store.writing() as connection:
        if connection.execute(sa.select(PERSON).where(PERSON.c.person == person)).first():
            raise StoreError(f"person {person} is in the store already")
        insert_person(
            store, connection, actor.user, person, personal, department, other_lines, outsourced
        )


def set_personal(store: Store, actor: Session, person: str, values: dict[str, str]) -> None:
    """Change personal data (appendix 3); the trail shows that it changed, not what it is.

    A change of the head's or the contact's data opens a filing task (chapter 2, 2(5); L-12).
    """
    actor.require("people.add")
    unknown = [name for name in values if name not in PERSONAL_FIELDS]
    if unknown:
        raise StoreError(f"{unknown[0]!r} is not one of {', '.join(PERSONAL_FIELDS)}")
    with store.writing() as connection:
        person_of(connection, person)
        old = personal_of(connection, person)
        before = {name: old[name] for name in values} if old else {}
        mine = PERSONAL.c.person == person
        connection.execute(sa.update(PERSONAL).where(mine).values(values))
        now = store.clock()
        shown = (store.hidden(before), store.hidden(values))
        audit.append(connection, now, actor.user, actor.place, "person.data", person, *shown)
        for one in appointments(connection, person):
            if before != values and one["post"] in TASK_POSTS:
                open_task(connection, now, actor.user, one["post"], f"{person}: personal data")


def leave(store: Store, actor: Session, person: str) -> None:
    """A person has left: posts, sessions, credential and contact data end; the name stays for the
    records (S-01).
    """
    actor.require("people.revoke")
    for one in _appointments(store, person):
        revoke(store, actor, one["number"])
    lock(store, actor, person)
    with store.writing() as connection:
        now = store.clock()
        mine = PERSONAL.c.person == person
        connection.execute(
            sa.update(PERSONAL).where(mine).values(phone="", mobile="", email="", history="[]")
        )
        connection.execute(sa.update(PERSON).where(PERSON.c.person == person).values(ended=now))
        audit.append(connection, now, actor.user, actor.place, "person.left", person)


def add_account(store: Store, actor: Session, account: str, line: str) -> None:
    """Register an account with its business line; only market-making ones can carry rights."""
    actor.require("people.add")
    if line not in LINES:
        raise StoreError(f"line {line!r} is not one of {', '.join(LINES)}")
    if not (account.isascii() and account.isalnum() and 1 <= len(account) <= 20):
        raise StoreError(f"account {account!r} is not up to 20 letters and digits")
    with store.writing() as connection:
        if connection.execute(sa.select(ACCOUNT).where(ACCOUNT.c.account == account)).first():
            raise StoreError(f"account {account} is registered already")
        row = {"account": account, "line": line}
        connection.execute(sa.insert(ACCOUNT).values(row))
        audit.append(
            connection, store.clock(), actor.user, actor.place, "account.added", account, None, row
        )


def lock(store: Store, actor: Session, person: str) -> None:
    """Void a person's password, second factor, code and sessions; only an enrolment opens again."""
    actor.require("people.revoke")
    with store.writing() as connection:
        person_of(connection, person)
        void(store, connection, actor.user, person, "", "")
    end_sessions(store, person, "locked", actor)


def unlock(store: Store, actor: Session, person: str) -> None:
    """End the lock that wrong passwords have caused."""
    actor.require("people.unlock")
    with store.writing() as connection:
        person_of(connection, person)
        done = sa.update(CREDENTIAL).where(CREDENTIAL.c.person == person)
        connection.execute(done.values(fails=0, locked_until=0))
        audit.append(connection, store.clock(), actor.user, actor.place, "login.unlocked", person)


def open_sessions(store: Store, actor: Session) -> list[dict[str, Any]]:
    """Sessions that have not ended: number (begin of the token's hash), person, place, times."""
    actor.require("people.sessions")
    with store.reading() as connection:
        query = sa.select(SESSION).where(SESSION.c.ended == 0).order_by(SESSION.c.at)
        return [
            {"session": row["token"][:12], "person": row["person"], "place": row["place"],
             "at": row["at"], "seen": row["seen"]}
            for row in connection.execute(query).mappings()
        ]  # fmt: skip


def revoke_session(store: Store, actor: Session, number: str) -> None:
    """End another person's session by its number. StoreError when none is open."""
    actor.require("people.sessions")
    with store.reading() as connection:
        query = sa.select(SESSION.c.token).where(SESSION.c.ended == 0)
        found = [one for one in connection.execute(query).scalars() if one.startswith(number)]
    if len(found) != 1 or not number:
        raise StoreError(f"session {number!r}: {len(found)} open sessions begin so")
    end(store, found[0], "revoked", actor.user, actor.place)


def _appointments(store: Store, person: str) -> list[Row]:
    with store.reading() as connection:
        person_of(connection, person)
        return appointments(connection, person)
