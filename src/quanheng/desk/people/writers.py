"""Rows that both administrators and confirmed requests write; no rule is checked here."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from quanheng.desk.people import audit, passwords
from quanheng.desk.people.access import Session, end
from quanheng.desk.people.errors import StoreError
from quanheng.desk.people.registers import TASK_POSTS, open_task
from quanheng.desk.people.schema import APPOINTMENT, CREDENTIAL, PERSON, PERSONAL, SESSION, TOKEN
from quanheng.desk.people.store import Store, next_number
from quanheng.terms.units import HOUR

ADMIN = "security_admin"
MAIN, BACKUP = "main", "backup"
FEWEST_ADMINS = 2
PERSONAL_FIELDS = ("name_zh", "duty", "phone", "mobile", "email", "history")


def check_id(person: str) -> None:
    """StoreError unless it is an opaque id."""
    if not (person.isascii() and person.isalnum() and 1 <= len(person) <= 8):
        raise StoreError(f"person {person!r} is not an opaque id of up to 8 letters and digits")


def row_of(
    person: str, post: str, account: str, holder: str, classes: Iterable[str]
) -> dict[str, Any]:
    """An appointment as a request carries it. StoreError for a value that no appointment has."""
    if holder not in (MAIN, BACKUP):
        raise StoreError(f"holder {holder!r} is not {MAIN} or {BACKUP}")
    wrong = [code for code in classes if not (code.isdigit() and len(code) == 6)]
    if wrong:
        raise StoreError(f"class {wrong[0]!r} is no underlying")
    return {
        "person": person, "post": post, "account": account, "holder": holder,
        "classes": tuple(classes),
    }  # fmt: skip


def insert_person(
    store: Store, connection: sa.Connection, who: str, person: str, personal: dict[str, str],
    department: str, other_lines: tuple[str, ...], outsourced: bool,
) -> None:  # fmt: skip
    """A person's three rows; nothing in them opens a door."""
    row = {
        "person": person, "department": department, "other_lines": ",".join(other_lines),
        "outsourced": outsourced, "added": store.clock(), "ended": 0,
    }  # fmt: skip
    data = {name: personal.get(name, "") for name in PERSONAL_FIELDS}
    data["history"] = data["history"] or "[]"
    connection.execute(sa.insert(PERSON).values(row))
    connection.execute(sa.insert(PERSONAL).values(person=person, **data))
    connection.execute(
        sa.insert(CREDENTIAL).values(
            person=person, password="", past="[]", changed=0, secret="", step=0, fails=0,
            locked_until=0, enrol="", enrol_until=0,
        )
    )  # fmt: skip
    after = {**row, **store.hidden(data)}
    audit.append(connection, store.clock(), who, "", "person.added", person, None, after)


def appoint(store: Store, connection: sa.Connection, who: str, row: dict[str, Any]) -> None:
    """Put an appointment into force."""
    now = store.clock()
    values = {
        **row, "classes": ",".join(row["classes"]), "since": now, "ended": 0,
        "number": next_number(connection, APPOINTMENT),
    }  # fmt: skip
    connection.execute(sa.insert(APPOINTMENT).values(values))
    audit.append(connection, now, who, "", "post.given", row["person"], None, values)
    if who and row["post"] in TASK_POSTS:
        open_task(connection, now, who, row["post"], f"{row['person']} appointed")


def void(
    store: Store, connection: sa.Connection, who: str, person: str, first: str, second: str
) -> None:
    """End password, second factor and tokens; with halves, a code is good for a while."""
    now = store.clock()
    values: dict[str, Any] = {
        "password": "", "secret": "", "fails": 0, "locked_until": 0, "enrol": "", "enrol_until": 0,
    }  # fmt: skip
    if first:
        values["enrol"] = passwords.of_halves(first, passwords.of_half(second))
        values["enrol_until"] = now + store.rules.enrol_hours * HOUR
    connection.execute(sa.update(CREDENTIAL).where(CREDENTIAL.c.person == person).values(values))
    open_one = (SESSION.c.person == person) & (SESSION.c.ended == 0)
    connection.execute(sa.update(SESSION).where(open_one).values(ended=now, reason="enrolment"))
    good = (TOKEN.c.person == person) & (TOKEN.c.ended == 0)
    connection.execute(sa.update(TOKEN).where(good).values(ended=now, reason="enrolment"))
    what = "enrolment.opened" if first else "credential.voided"
    audit.append(connection, now, who, "", what, person)


def end_sessions(store: Store, person: str, reason: str, actor: Session) -> None:
    """End every open session of a person."""
    with store.reading() as connection:
        query = sa.select(SESSION.c.token).where(SESSION.c.person == person, SESSION.c.ended == 0)
        tokens = list(connection.execute(query).scalars())
    for token in tokens:
        end(store, token, reason, actor.user, actor.place)
