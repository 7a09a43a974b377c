"""Who gets in, and what he or she may see and do: the console's `Access` on the people store.

Name, password and a second factor open a session; its opaque token is given out once and only its
hash is kept. Sessions end when idle, when old, at log-out, when replaced by a new one of the same
person, or when revoked (reliability.md 3.2). Every refusal has the same words.
"""

import hashlib
import secrets
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from quanheng.desk.people import audit, passwords
from quanheng.desk.people.crossings import Crossing, open_crossing
from quanheng.desk.people.errors import NotAllowedError
from quanheng.desk.people.rules import FIRM, MARKET_MAKING, Rules, all_names, is_view
from quanheng.desk.people.schema import ACCOUNT, CREDENTIAL, PERSON, SESSION
from quanheng.desk.people.sealing import unseal
from quanheng.desk.people.store import Store, appointments, personal_of
from quanheng.terms.units import DAY, HOUR, MINUTE, SECOND, Nanos

REFUSED, EXPIRED = "refused", "password_expired"
NEVER_BLOCKED = "pull"
"""Withdrawing is the safe direction: a sleeping session still may (borders.md 5)."""
_TOUCH = 15 * SECOND
"""A session's last use is written down at most this often."""


class Refused(NamedTuple):
    """Nobody came in. `code` is REFUSED or EXPIRED; the trail has the reason."""

    code: str
    words: str


_WORDS = {
    REFUSED: "编号、密码或验证码不正确，或账号已锁定 (wrong name, password or code, or locked)",
    EXPIRED: "密码已到期，请先修改 (the password has expired; change it first)",
}


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An open session. `rights` are (name, account or FIRM); `account` is where it works.

    `token` is given to the browser or shell once, at login, and empty afterwards.
    """

    user: str
    name_zh: str
    roles: frozenset[str]
    csrf: str
    account: str
    rights: frozenset[tuple[str, str]]
    view_only: bool = False
    crossing: Crossing | None = None
    place: str = ""
    token: str = ""

    def permits(self, view_or_command: str) -> bool:
        """May this session see or do it? "NAME" in its own account, "NAME@ACCOUNT" elsewhere.

        Deny by default: an unknown name and another account get nothing; a sleeping session sees,
        and withdraws quotes.
        """
        name, _, account = view_or_command.partition("@")
        account = account or self.account
        if name not in all_names():
            return False
        if self.view_only and not (is_view(name) or name == NEVER_BLOCKED):
            return False
        if self.crossing is not None:
            return self.crossing.shows(name, account, self._holds(name, account), self.roles)
        return self._holds(name, account)

    def _holds(self, name: str, account: str) -> bool:
        return (name, FIRM) in self.rights or (bool(account) and (name, account) in self.rights)

    def require(self, name: str) -> None:
        """NotAllowedError unless the session permits it."""
        if not self.permits(name):
            raise NotAllowedError(f"{self.user}: 无权限 {name} (no right {name})")


class StoreAccess:
    """Access for the console of one account, or with "" for the firm's own commands."""

    def __init__(self, store: Store, account: str = "") -> None:
        self._store = store
        self._account = account

    def login(self, name: str, password: str, code: str, where: str) -> Session | Refused:
        """Open a session. Refused says nothing about which of the three was wrong."""
        store, now = self._store, self._store.clock()
        with store.reading() as connection:
            kept = _credential(connection, name)
        good = passwords.matches(kept["password"] if kept else "", password)
        secret = unseal(store.key, name, kept["secret"]) if kept and kept["secret"] else ""
        step = passwords.step_of(secret, code, now) if secret else 0
        with store.writing() as connection:
            kept = _credential(connection, name)
            if kept is None:
                audit.append(connection, now, "", where, "login.refused", "unknown name")
                return Refused(REFUSED, _WORDS[REFUSED])
            reason = _reason(kept, good, step, now)
            if reason:
                _failed(connection, store.rules, kept, reason, now, where)
                return Refused(REFUSED, _WORDS[REFUSED])
            done = {"step": step, "fails": 0, "locked_until": 0}
            _update(connection, name, done)
            admin = _is_admin(connection, store.rules, name)
            limit = store.rules.passwords.admin_days if admin else store.rules.passwords.days
            if now - kept["changed"] > limit * DAY:
                audit.append(connection, now, name, where, "login.refused", EXPIRED)
                return Refused(EXPIRED, _WORDS[EXPIRED])
            return self._open(connection, name, where, now)

    def session(self, token: str, active: bool = True) -> Session | None:
        """The open session of a token, None when there is none or it has ended.

        `active` false for what a screen asks by itself: it does not keep a session awake.
        """
        store, now = self._store, self._store.clock()
        if not token:
            return None
        with store.reading() as connection:
            row = _session(connection, token)
            if row is None or row["ended"]:
                return None
            admin = _is_admin(connection, store.rules, row["person"])
            ended = _end_of(row, store.rules, admin, now)
            asleep = now - row["seen"] > store.rules.sessions.idle_min * MINUTE
            found = self._built(connection, row, now, asleep) if not ended else None
        if ended:
            end(store, token_hash(token), ended, row["person"], "")
        elif active and not asleep and now - row["seen"] > _TOUCH:
            with store.writing() as connection:
                mine = SESSION.c.token == token_hash(token)
                connection.execute(sa.update(SESSION).where(mine).values(seen=now))
        return found

    def logout(self, token: str) -> None:
        """End the session of a token; one that has ended stays as it is."""
        with self._store.reading() as connection:
            row = _session(connection, token)
        if row is not None and not row["ended"]:
            end(self._store, row["token"], "logout", row["person"], row["place"])

    def _open(self, connection: sa.Connection, name: str, where: str, now: Nanos) -> Session:
        mine = (SESSION.c.person == name) & (SESSION.c.ended == 0)
        replaced = {"ended": now, "reason": "replaced"}
        count = connection.execute(sa.update(SESSION).where(mine).values(replaced)).rowcount
        token = secrets.token_urlsafe(32)
        row: dict[str, Any] = {
            "token": token_hash(token), "person": name, "place": where[:80],
            "csrf": secrets.token_urlsafe(24), "at": now, "seen": now, "ended": 0, "reason": "",
        }  # fmt: skip
        connection.execute(sa.insert(SESSION).values(row))
        audit.append(
            connection, now, name, where, "login", row["token"][:12], None, {"replaced": count}
        )
        return msgspec.structs.replace(self._built(connection, row, now, False), token=token)

    def _built(self, connection: sa.Connection, row: Any, now: Nanos, view_only: bool) -> Session:
        person = row["person"]
        held = appointments(connection, person)
        own = market_making(connection)
        rights = [
            self._store.rules.rights(one["post"], one["account"])
            for one in held
            if one["account"] == FIRM or one["account"] in own
        ]
        mine = personal_of(connection, person)
        return Session(
            user=person,
            name_zh=mine["name_zh"] if mine else "",
            roles=frozenset(one["post"] for one in held),
            csrf=row["csrf"],
            account=self._account,
            rights=frozenset().union(*rights),
            view_only=view_only,
            crossing=open_crossing(connection, person, now),
            place=row["place"],
        )


def token_hash(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def end(store: Store, hashed: str, reason: str, who: str, where: str) -> bool:
    """End an open session; False when it has ended already."""
    now = store.clock()
    with store.writing() as connection:
        open_one = (SESSION.c.token == hashed) & (SESSION.c.ended == 0)
        done = sa.update(SESSION).where(open_one).values(ended=now, reason=reason)
        changed = connection.execute(done).rowcount > 0
        if changed:
            audit.append(connection, now, who, where, f"session.{reason}", hashed[:12])
    return changed


def _credential(connection: sa.Connection, name: str) -> Any:
    join = sa.select(CREDENTIAL, PERSON.c.ended).join(
        PERSON, PERSON.c.person == CREDENTIAL.c.person
    )
    return connection.execute(join.where(CREDENTIAL.c.person == name)).mappings().first()


def _update(connection: sa.Connection, person: str, values: dict[str, Any]) -> None:
    mine = CREDENTIAL.c.person == person
    connection.execute(sa.update(CREDENTIAL).where(mine).values(values))


def _reason(kept: Any, good: bool, step: int, now: Nanos) -> str:
    """Why a log-in is refused, for the trail; a code counts once, for its step or a later one."""
    if kept["ended"]:
        return "left the firm"
    if kept["locked_until"] > now:
        return "locked"
    if not good:
        return "password"
    return "" if step > kept["step"] else "second factor"


def _failed(
    connection: sa.Connection, rules: Rules, kept: Any, reason: str, now: Nanos, where: str
) -> None:
    person, most = kept["person"], rules.passwords.fails
    audit.append(connection, now, person, where, "login.refused", reason)
    if reason in ("password", "second factor"):
        fails = kept["fails"] + 1
        locked = now + rules.passwords.lock_min * MINUTE if fails >= most else 0
        _update(connection, person, {"fails": 0 if locked else fails, "locked_until": locked})
        if locked:
            audit.append(connection, now, "", where, "login.locked", person)


def _session(connection: sa.Connection, token: str) -> Any:
    mine = SESSION.c.token == token_hash(token)
    return connection.execute(sa.select(SESSION).where(mine)).mappings().first()


def _end_of(row: Any, rules: Rules, admin: bool, now: Nanos) -> str:
    """Why an open session is over now, "" while it is not. A trader's idle one still shows."""
    limits = rules.sessions
    if now - row["at"] > (limits.admin_hours if admin else limits.hours) * HOUR:
        return "old"
    return "idle" if admin and now - row["seen"] > limits.admin_idle_min * MINUTE else ""


def _is_admin(connection: sa.Connection, rules: Rules, person: str) -> bool:
    return any(rules.post(one["post"]).admin for one in appointments(connection, person))


def market_making(connection: sa.Connection) -> frozenset[str]:
    """Accounts rights can stand for: market-making ones and no others (O-06)."""
    mine = ACCOUNT.c.line == MARKET_MAKING
    return frozenset(connection.execute(sa.select(ACCOUNT.c.account).where(mine)).scalars())
