"""Posts and requests: who asks for a right, who confirms it, what forbids it (O-02 to O-04, O-06).

A right is given by a request that another person confirms; neither may be the person it is for.
Taking a right away needs one person, because it makes things safer.
"""

import json
from typing import Any, NamedTuple

import sqlalchemy as sa

from quanheng.desk.people import audit, passwords
from quanheng.desk.people.access import Session
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.registers import TASK_POSTS, open_task
from quanheng.desk.people.rules import FIRM, MARKET_MAKING, Rules
from quanheng.desk.people.schema import ACCOUNT, APPOINTMENT, REQUEST
from quanheng.desk.people.store import Row, Store, appointments, next_number, person_of
from quanheng.desk.people.writers import (
    ADMIN,
    BACKUP,
    FEWEST_ADMINS,
    MAIN,
    appoint,
    end_sessions,
    row_of,
    void,
)
from quanheng.terms.units import HOUR

APPOINT, ENROL = "appoint", "enrol"


class Asked(NamedTuple):
    """A request; `half` is the first half of an enrolment code, shown once to who asked."""

    number: int
    half: str = ""


def ask_appointment(
    store: Store,
    actor: Session,
    person: str,
    post: str,
    account: str,
    holder: str,
    classes: tuple[str, ...] = (),
) -> Asked:
    """Ask that a person hold a post; another person confirms. NotAllowedError names the rule."""
    actor.require("people.propose")
    _not_own(actor, person)
    row = row_of(person, post, account, holder, classes)
    with store.writing() as connection:
        check_appointment(store.rules, connection, row)
        return Asked(_ask(store, connection, actor, APPOINT, person, row))


def ask_enrolment(store: Store, actor: Session, person: str) -> Asked:
    """Ask for a one-time code with which a person sets password and second factor (again)."""
    actor.require("people.propose")
    _not_own(actor, person)
    half = passwords.half()
    with store.writing() as connection:
        if person_of(connection, person)["ended"]:
            raise NotAllowedError(f"{person}: 已离职 (has left)")
        body = {"half": passwords.of_half(half)}
        return Asked(_ask(store, connection, actor, ENROL, person, body), half)


def _not_own(actor: Session, person: str) -> None:
    if person == actor.user:
        raise NotAllowedError(f"{person}: 不得为本人申请 (nobody asks for himself; O-03)")


def confirm(store: Store, actor: Session, number: int) -> str:
    """Confirm a request of another person. For an enrolment the second half of its code, else "".

    NotAllowedError for one's own request or right, and when the rules forbid it by now.
    """
    actor.require("people.confirm")
    with store.writing() as connection:
        now = store.clock()
        row = _request(connection, number)
        if row["state"] == "open" and now - row["at"] > store.rules.request_hours * HOUR:
            _settle(connection, number, "lapsed", "")
            audit.append(connection, now, "", "", "request.lapsed", str(number))
            row = _request(connection, number)
        elif row["state"] == "open":
            if actor.user in (row["by"], row["person"]):
                raise NotAllowedError(
                    f"{actor.user}: 不得复核本人提出或涉及本人的申请 "
                    f"(request {number} is one's own, or for oneself; O-04)"
                )
            return _confirmed(store, connection, actor, row)
    raise NotAllowedError(f"申请 {number} 已{_STATES[row['state']]} (request is {row['state']})")


_STATES = {"confirmed": "复核", "withdrawn": "撤回", "lapsed": "过期"}


def _confirmed(store: Store, connection: sa.Connection, actor: Session, row: Row) -> str:
    now, number, body = store.clock(), row["number"], json.loads(row["body"])
    _settle(connection, number, "confirmed", actor.user)
    audit.append(connection, now, actor.user, actor.place, "request.confirmed", str(number))
    if row["kind"] == ENROL:
        second = passwords.half()
        void(store, connection, actor.user, row["person"], body["half"], second)
        return second
    body["classes"] = tuple(body["classes"])
    check_appointment(store.rules, connection, body)
    appoint(store, connection, actor.user, body)
    return ""


def withdraw(store: Store, actor: Session, number: int) -> None:
    """Take one's own request back."""
    actor.require("people.propose")
    with store.writing() as connection:
        row = _request(connection, number)
        if row["by"] != actor.user or row["state"] != "open":
            raise NotAllowedError(f"request {number} is {row['state']}, by {row['by']}")
        _settle(connection, number, "withdrawn", "")
        audit.append(
            connection, store.clock(), actor.user, actor.place, "request.withdrawn", str(number)
        )


def revoke(store: Store, actor: Session, number: int) -> None:
    """End an appointment at once. NotAllowedError when too few administrators would be left."""
    actor.require("people.revoke")
    with store.writing() as connection:
        row = next((r for r in appointments(connection) if r["number"] == number), None)
        if row is None:
            raise StoreError(f"appointment {number} is not in force")
        admins = [r for r in appointments(connection) if r["post"] == ADMIN]
        if row["post"] == ADMIN and len(admins) <= FEWEST_ADMINS:
            raise NotAllowedError(
                f"须保留至少两名安全管理员 ({FEWEST_ADMINS} security administrators must be left)"
            )
        now = store.clock()
        connection.execute(
            sa.update(APPOINTMENT).where(APPOINTMENT.c.number == number).values(ended=now)
        )
        before = {key: row[key] for key in ("person", "post", "account", "holder", "classes")}
        audit.append(
            connection, now, actor.user, actor.place, "post.revoked", row["person"], before, None
        )
        if row["post"] in TASK_POSTS:
            open_task(connection, now, actor.user, row["post"], f"{row['person']} revoked")
    end_sessions(store, row["person"], "rights", actor)


def check_appointment(rules: Rules, connection: sa.Connection, row: dict[str, Any]) -> None:
    """Every rule an appointment has to meet (O-02, O-06). NotAllowedError names what it breaks."""
    person, post = person_of(connection, row["person"]), rules.post(row["post"])
    name = f"{row['person']} {post.post}"
    if person["ended"]:
        raise NotAllowedError(f"{name}: 已离职 (has left)")
    if person["outsourced"] and not post.admin:
        raise NotAllowedError(f"{name}: 做市业务不得外包 (no post is outsourced; 第一章 二)")
    lines = [line for line in person["other_lines"].split(",") if line]
    if lines and post.other_lines == "no":
        raise NotAllowedError(
            f"{name}: 交易岗不得由其他业务线人员兼任 "
            f"(works for {', '.join(lines)}; 第一章 二, 第七章 二(三))"
        )
    for one in appointments(connection, row["person"]):
        same = (one["post"], one["account"]) == (row["post"], row["account"])
        why = "已任该岗位 (holds it already)" if same else rules.clash(one["post"], row["post"])
        if why:
            raise NotAllowedError(f"{name}: 与 {one['post']} 不相容：{why}")
    _check_account(connection, post.of_firm, row["account"], name)
    if row["classes"] and post.post != "trader":
        raise NotAllowedError(f"{name}: only a trader is held to classes")


def _check_account(connection: sa.Connection, of_firm: bool, account: str, name: str) -> None:
    if of_firm:
        if account != FIRM:
            raise NotAllowedError(f"{name}: 不涉及账户 (touches no account; leave --account out)")
        return
    query = sa.select(ACCOUNT.c.line).where(ACCOUNT.c.account == account)
    line = connection.execute(query).scalar()
    if line is None:
        raise NotAllowedError(f"{name}: 账户 {account} 未登记 (account is not registered)")
    if line != MARKET_MAKING:
        raise NotAllowedError(
            f"{name}: 账户 {account} 属 {line}，与做市业务隔离 (of another line; 第七章 二, O-06)"
        )


def advice(rules: Rules, connection: sa.Connection) -> list[str]:
    """What the guide advises against and the store lets pass: other lines of risk and others."""
    found = []
    for one in appointments(connection):
        lines = person_of(connection, one["person"])["other_lines"]
        if lines and rules.post(one["post"]).other_lines == "warn":
            said = f"{one['person']} {one['post']}: 兼任其他业务线 (also works for) {lines}"
            found.append(f"{said}；第七章 二(三) 建议不兼任")
    return found


def staffing(rules: Rules, connection: sa.Connection) -> list[dict[str, Any]]:
    """Per post and account: main and backup holders, and which of them a required post lacks."""
    held = appointments(connection)
    own = sa.select(ACCOUNT.c.account).where(ACCOUNT.c.line == MARKET_MAKING).order_by("account")
    accounts = list(connection.execute(own).scalars())
    rows = []
    for post in rules.posts:
        for account in [FIRM] if post.of_firm else accounts:
            here = [r for r in held if (r["post"], r["account"]) == (post.post, account)]
            people = {
                kind: tuple(r["person"] for r in here if r["holder"] == kind)
                for kind in (MAIN, BACKUP)
            }
            lacks = [kind for kind, names in people.items() if post.required and not names]
            rows.append({"post": post, "account": account, **people, "lacks": lacks})
    return rows


def _ask(
    store: Store, connection: sa.Connection, actor: Session, kind: str, person: str,
    body: dict[str, Any],
) -> int:  # fmt: skip
    number, now = next_number(connection, REQUEST), store.clock()
    values = {
        "number": number, "kind": kind, "person": person, "body": json.dumps(body),
        "by": actor.user, "at": now, "state": "open", "second": "",
    }  # fmt: skip
    connection.execute(sa.insert(REQUEST).values(values))
    shown = {"kind": kind, **({} if kind == ENROL else body)}
    audit.append(
        connection, now, actor.user, actor.place, "request.made", f"{number} {person}", None, shown
    )
    return number


def _request(connection: sa.Connection, number: int) -> Row:
    query = sa.select(REQUEST).where(REQUEST.c.number == number)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise StoreError(f"there is no request {number}")
    return row


def _settle(connection: sa.Connection, number: int, state: str, second: str) -> None:
    mine = REQUEST.c.number == number
    connection.execute(sa.update(REQUEST).where(mine).values(state=state, second=second))


def requests(store: Store) -> list[dict[str, Any]]:
    """Open requests, oldest first."""
    with store.reading() as connection:
        query = sa.select(REQUEST).where(REQUEST.c.state == "open").order_by(REQUEST.c.number)
        return [dict(row) for row in connection.execute(query).mappings()]
