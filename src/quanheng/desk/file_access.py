"""People at the console from one TOML file, for a desk without a store of people.

The file is made by an explicit command (`quanheng console-person`), never shipped; passwords are
argon2id hashes, a second factor is a TOTP secret. There is no default person and no default
password. Roles give views and commands by one table; the authority's policy comes on top.
"""

import math
import os
import secrets
import time
import tomllib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from quanheng.desk.access import DESK_VIEWS, VIEWS, Refused

IDLE_S = 4 * 3600.0
"""A session that nothing was asked of for this long is over."""
LONGEST_S = 14 * 3600.0
TRIES = 5
WAIT_S = 60.0
"""After TRIES wrong passwords a name waits this long."""
HASHER = PasswordHasher()
SHORTEST = 10
"""Characters of a password."""

_DESK = ("kill", "acknowledge", "sign_on", "withdraw", "note")
_OWN = ("daily", "reports", "health", "exchange")
ROLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "trader": (
        (*DESK_VIEWS, *_OWN, "dayend"),
        (*_DESK, "quoting", "parameter", "order", "inquiry", "daily.sign", "firm_answer"),
    ),
    "risk": (
        (*DESK_VIEWS, *_OWN, "dayend", "inspection"),
        (*_DESK, "quoting", "second", "daily.sign", "settle_second", "firm_answer", "reports.make"),
    ),
    "head": (
        (*DESK_VIEWS, *_OWN, "dayend", "inspection"),
        (*_DESK, "quoting", "second", "settle_second", "firm_answer", "firm_second"),
    ),
    "ops": (
        ("trade", "orders", "alerts", "approve", "replay", "daily", "health"),
        (*_DESK, "daily.sign"),
    ),
    "clearing": (
        ("orders", "risk", "alerts", "approve", "replay", "accounts", "dayend", "reports"),
        (*_DESK, "second", "settle", "reports.make"),
    ),
    "compliance": (
        ("duty", "orders", "rfq", "alerts", "approve", "replay", "reports", "inspection",
         "exchange"),
        (*_DESK, "second"),
    ),
    "quant": (("trade", "risk", "orders", "replay"), _DESK),
    "firm_risk": (
        ("duty", "risk", "orders", "alerts", "approve", "replay", "oversight", "reports"),
        ("quoting", "firm", "note", "reports.make"),
    ),
    "auditor": (VIEWS, ()),
}  # fmt: skip
"""Post -> (views, commands). Who may propose and second what is the authority's table."""
EXPORT = ("trader", "risk", "head", "quant", "clearing", "compliance", "auditor")
PEOPLE = ("compliance", "auditor")
"""Posts with the rights `export`, `people` of `access.RIGHTS`, as in data/posts.toml."""


class PeopleFileError(Exception):
    """A file of people that cannot be used; the message names file, key and reason."""


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person of the file. `person` is the opaque id that commands carry."""

    person: str
    roles: tuple[str, ...]
    password: str
    name_zh: str = ""
    totp: str = ""


class PeopleFile(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    people: list[Person] = []


class FileSession:
    """See `access.Session`."""

    def __init__(self, person: Person, now: float) -> None:
        self.user = person.person
        self.name_zh = person.name_zh or person.person
        self.roles = frozenset(person.roles)
        self.csrf = secrets.token_urlsafe(32)
        self.begun = now
        self.used = now
        self._may = frozenset(
            what for role in person.roles for part in (*ROLES[role], _rights(role)) for what in part
        )

    def permits(self, what: str) -> bool:
        """See the protocol."""
        return what in self._may


class FileAccess:
    """See `access.Access`. `clock` is monotonic seconds."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._people = {one.person: one for one in read_people_file(path).people}
        if not self._people:
            raise PeopleFileError(f"{path}: nobody is listed")
        self._clock = clock
        # A name that nobody has costs as much time as one that somebody has.
        self._nobody = HASHER.hash(secrets.token_urlsafe(16))
        self._sessions: dict[str, FileSession] = {}
        self._wrong: dict[str, list[float]] = {}
        self._codes: dict[str, str] = {}

    def login(self, name: str, password: str, code: str, where: str) -> tuple[str, FileSession]:
        """See the protocol."""
        now = self._clock()
        tried = [at for at in self._wrong.get(name, ()) if now - at < WAIT_S]
        if len(tried) >= TRIES:
            raise Refused("login_wait", math.ceil(WAIT_S - (now - tried[0])))
        person = self._people.get(name)
        good = self._matches(self._nobody if person is None else person.password, password)
        if person is None or not good or not self._second(person, code):
            self._wrong[name] = [*tried, now]
            raise Refused("login_wrong")
        self._wrong.pop(name, None)
        token = secrets.token_urlsafe(32)
        session = self._sessions[_key(token)] = FileSession(person, now)
        return token, session

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return HASHER.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False

    def _second(self, person: Person, code: str) -> bool:
        """Is the second factor right? A code works once."""
        if not person.totp:
            return True
        used = self._codes.get(person.person) == code
        if used or not pyotp.TOTP(person.totp).verify(code, valid_window=1):
            return False
        self._codes[person.person] = code
        return True

    def session(self, token: str, active: bool = True) -> FileSession | None:
        """See the protocol."""
        found, now = self._sessions.get(_key(token)), self._clock()
        if found is None:
            return None
        if now - found.used > IDLE_S or now - found.begun > LONGEST_S:
            self._sessions.pop(_key(token), None)  # another thread may have done so
            return None
        if active:
            found.used = now
        return found

    def bearer(self, token: str) -> None:
        """See the protocol: a file of people gives no tokens out."""

    def logout(self, token: str) -> None:
        """See the protocol."""
        self._sessions.pop(_key(token), None)


def _rights(role: str) -> tuple[str, ...]:
    return tuple(name for name, posts in (("export", EXPORT), ("people", PEOPLE)) if role in posts)


def _key(token: str) -> str:
    """Sessions are kept by the hash of their token."""
    return sha256(token.encode()).hexdigest()


def read_people_file(path: Path) -> PeopleFile:
    """The people of a file. PeopleFileError names what is wrong."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
        found = msgspec.convert(raw, PeopleFile)
    except OSError as error:
        raise PeopleFileError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PeopleFileError(f"{path}: {error}") from error
    for number, one in enumerate(found.people):
        wrong = [role for role in one.roles if role not in ROLES]
        if wrong or not one.roles:
            text = ", ".join(ROLES)
            raise PeopleFileError(f"{path}: people[{number}].roles: one of {text} is needed")
        if not one.password.startswith("$argon2id$"):
            raise PeopleFileError(f"{path}: people[{number}].password is no argon2id hash")
    return found


def add_person(path: Path, person: str, roles: tuple[str, ...], name_zh: str, password: str,
               second_factor: bool) -> str:  # fmt: skip
    """Put a person into a file, which only its owner may read; returns the secret of the second
    factor, "" without. PeopleFileError for a short password, an unknown role or an odd id.
    """
    wrong = [role for role in roles if role not in ROLES]
    if wrong or not roles:
        raise PeopleFileError(f"roles: {wrong or 'none'}; there are {', '.join(ROLES)}")
    if not (person.isascii() and person.isalnum() and 0 < len(person) <= 8):
        raise PeopleFileError(f"person: {person!r} is not an opaque id of up to 8 letters, digits")
    if len(password) < SHORTEST:
        raise PeopleFileError(f"password: {SHORTEST} characters at least")
    found = read_people_file(path) if path.exists() else PeopleFile()
    totp = pyotp.random_base32() if second_factor else ""
    entry = Person(person, roles, HASHER.hash(password), name_zh, totp)
    found.people = [one for one in found.people if one.person != person] + [entry]
    lines = ["# People at the console; made by `quanheng console-person`. Keep it to yourself."]
    for one in found.people:
        lines.append("\n[[people]]")
        for field in msgspec.structs.fields(Person):
            value = getattr(one, field.name)
            text = list(value) if isinstance(value, tuple) else value
            lines.append(f"{field.name} = {msgspec.json.encode(text).decode()}")
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return totp
