"""How a person comes to a password and a second factor, and changes the password.

The one-time code has two halves: who asked for the enrolment gave out one, who confirmed it the
other, so neither of them can come in as somebody else.
"""

import json
from typing import Any

import sqlalchemy as sa

from quanheng.desk.people import audit, passwords, sealing
from quanheng.desk.people.errors import NotAllowedError
from quanheng.desk.people.schema import CREDENTIAL
from quanheng.desk.people.store import Store, appointments, personal_of
from quanheng.terms.units import MINUTE, Nanos

_BAD = "一次性代码不正确或已过期 (the one-time code is wrong or too old)"


def activate(
    store: Store, person: str, code: str, password: str, secret: str, factor: str, where: str
) -> None:
    """Set the password and the second factor with a one-time code.

    `secret` is a new one of `passwords.new_secret`; `factor` a code it shows now, as proof that the
    person has it. NotAllowedError for a bad code, a weak password or a wrong factor.
    """
    now = store.clock()
    with store.writing() as connection:
        kept = _kept(connection, person)
        refused = _judge(store, connection, kept, code, now, where)
        step = passwords.step_of(secret, factor, now)
        if not refused:
            _check(store, connection, kept, password)
            if not step:
                raise NotAllowedError("验证码不正确 (the second factor's code is wrong)")
            _set(connection, store, kept, password, now)
            values = {
                "secret": sealing.seal(store.key, person, secret), "step": step, "enrol": "",
                "enrol_until": 0,
            }  # fmt: skip
            mine = CREDENTIAL.c.person == person
            connection.execute(sa.update(CREDENTIAL).where(mine).values(values))
            audit.append(connection, now, person, where, "enrolment.done", person)
    if refused:
        raise NotAllowedError(_BAD)


def change_password(store: Store, person: str, old: str, factor: str, new: str, where: str) -> None:
    """Change one's password, also an expired one. NotAllowedError says what is not good enough."""
    now = store.clock()
    with store.writing() as connection:
        kept = _kept(connection, person)
        good = kept is not None and passwords.matches(kept["password"], old)
        step = 0
        if kept is not None and good and kept["locked_until"] <= now:
            secret = sealing.unseal(store.key, person, kept["secret"])
            step = passwords.step_of(secret, factor, now)
        done = kept is not None and step > kept["step"]
        if done:
            _check(store, connection, kept, new)
            _set(connection, store, kept, new, now)
            mine = CREDENTIAL.c.person == person
            connection.execute(sa.update(CREDENTIAL).where(mine).values(step=step))
            audit.append(connection, now, person, where, "password.changed", person)
        elif kept is not None:
            _count(store, connection, kept, now, where)
    if not done:
        raise NotAllowedError("原密码或验证码不正确 (the old password or the code is wrong)")


def _kept(connection: sa.Connection, person: str) -> Any:
    query = sa.select(CREDENTIAL).where(CREDENTIAL.c.person == person)
    return connection.execute(query).mappings().first()


def _judge(
    store: Store, connection: sa.Connection, kept: Any, code: str, now: Nanos, where: str
) -> bool:
    """Is the one-time code refused? Wrong ones count like wrong passwords."""
    if kept is None:
        return True
    good = kept["enrol"] and kept["enrol"] == passwords.of_code(code)
    if good and now <= kept["enrol_until"] and kept["locked_until"] <= now:
        return False
    _count(store, connection, kept, now, where)
    return True


def _count(store: Store, connection: sa.Connection, kept: Any, now: Nanos, where: str) -> None:
    rules = store.rules.passwords
    fails = kept["fails"] + 1
    locked = now + rules.lock_min * MINUTE if fails >= rules.fails else kept["locked_until"]
    values = {"fails": 0 if fails >= rules.fails else fails, "locked_until": locked}
    mine = CREDENTIAL.c.person == kept["person"]
    connection.execute(sa.update(CREDENTIAL).where(mine).values(values))
    audit.append(connection, now, kept["person"], where, "credential.refused", kept["person"])


def _check(store: Store, connection: sa.Connection, kept: Any, password: str) -> None:
    person = kept["person"]
    mine = personal_of(connection, person)
    admin = any(store.rules.post(one["post"]).admin for one in appointments(connection, person))
    names = (person, mine["name_zh"] if mine else "")
    weak = passwords.weakness(password, store.rules.passwords, admin, names)
    if weak:
        raise NotAllowedError(f"密码不符合要求：{weak}")
    past = [*json.loads(kept["past"]), kept["password"]]
    if any(one and passwords.matches(one, password) for one in past):
        count = store.rules.passwords.remembered
        raise NotAllowedError(f"不得与最近 {count} 次密码相同 (one of the last {count} passwords)")


def _set(connection: sa.Connection, store: Store, kept: Any, password: str, now: Nanos) -> None:
    past = [one for one in [*json.loads(kept["past"]), kept["password"]] if one]
    keep = store.rules.passwords.remembered - 1
    values = {
        "password": passwords.hashed(password), "past": json.dumps(past[-keep:]), "changed": now,
        "fails": 0, "locked_until": 0,
    }  # fmt: skip
    mine = CREDENTIAL.c.person == kept["person"]
    connection.execute(sa.update(CREDENTIAL).where(mine).values(values))
