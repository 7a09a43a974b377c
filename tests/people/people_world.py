"""A small people store with a clock of its own, and people who come in by the front door."""

import copy
import shutil
from pathlib import Path

import pyotp
from argon2 import PasswordHasher

from quanheng.desk.people import admin, enrolment, passwords, posts
from quanheng.desk.people.access import Session, StoreAccess
from quanheng.desk.people.store import Store
from quanheng.terms.days import midnight
from quanheng.terms.units import HOUR, SECOND

DAY = 20240627
FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The same algorithm at no cost; production takes the library's own."""
PASSWORD = "Vx7!mk2#Wq9z"
ACCOUNT, OTHER, OWN = "A123456789", "A222222222", "B333333333"
PLACE = "127.0.0.1"
STAFF = {
    "T01": "trader", "R01": "risk", "H01": "head", "C01": "compliance", "D01": "decision",
    "Q01": "quant",
}  # fmt: skip


class Clock:
    """Instants that move when the test says so; each reading is one step of a code later."""

    def __init__(self) -> None:
        self.now = midnight(DAY) + 9 * HOUR

    def __call__(self) -> int:
        return self.now

    def forward(self, nanos: int) -> None:
        self.now += nanos


class World:
    """A store with two administrators; `person` adds more."""

    def __init__(self, folder: Path, where: str = "", rules: Path | None = None) -> None:
        """`where` is a database's URL; without it a SQLite file of the folder. `rules` are those of
        another house than the firm's.
        """
        self.rules = rules
        passwords.HASHER = FAST
        self.where = where or str(folder / "people.sqlite")
        self.key = folder / "people.sqlite.key"
        self.clock = Clock()
        self.secrets: dict[str, str] = {}
        codes = admin.create(
            self.where, {"S01": "安一", "S02": "安二"}, clock=self.clock, key=self.key,
            rules=rules,
        )  # fmt: skip
        self.open()
        for person, code in codes.items():
            self.activate(person, code)
        self.one, self.two = self.login("S01"), self.login("S02")
        for account, line in (
            (ACCOUNT, "market_making"),
            (OTHER, "market_making"),
            (OWN, "proprietary"),
        ):
            admin.add_account(self.store, self.one, account, line)

    def open(self) -> None:
        self.store = Store(self.where, self.key, self.rules, clock=self.clock)
        self.access = StoreAccess(self.store, ACCOUNT)

    def copy(self, folder: Path) -> "World":
        """The same world in another folder."""
        made = copy.copy(self)
        made.where, made.clock = str(folder / "people.sqlite"), copy.copy(self.clock)
        made.secrets = dict(self.secrets)
        made.key = folder / "people.sqlite.key"
        for end in ("", ".key"):
            shutil.copy(self.where + end, made.where + end)
        made.open()
        return made

    def close(self) -> None:
        self.store.close()

    def code(self, person: str) -> str:
        """A code of the second factor that was not used yet."""
        self.clock.forward(30 * SECOND)
        return pyotp.TOTP(self.secrets[person]).generate_otp(self.clock.now // (30 * SECOND))

    def activate(self, person: str, code: str, password: str = PASSWORD) -> None:
        self.secrets[person] = passwords.new_secret()
        enrolment.activate(
            self.store, person, code, password, self.secrets[person], self.code(person), PLACE
        )

    def login(self, person: str, access: StoreAccess | None = None) -> Session:
        found = (access or self.access).login(person, PASSWORD, self.code(person), PLACE)
        assert isinstance(found, Session), found
        return found

    def person(self, person: str, *held: str, account: str = ACCOUNT, holder: str = "main",
               classes: tuple[str, ...] = (), enrol: bool = True) -> None:  # fmt: skip
        """A person with posts, enrolled by both administrators."""
        self.wake()
        admin.add_person(self.store, self.one, person, "做市业务部", {"name_zh": f"人{person}"})
        for post in held:
            at = "firm" if self.store.rules.post(post).of_firm else account
            asked = posts.ask_appointment(self.store, self.one, person, post, at, holder, classes)
            posts.confirm(self.store, self.two, asked.number)
        if enrol:
            asked = posts.ask_enrolment(self.store, self.one, person)
            half = posts.confirm(self.store, self.two, asked.number)
            self.activate(person, f"{asked.half}-{half}")

    def wake(self) -> None:
        """The administrators' sessions, new ones when theirs have ended."""
        if self.access.session(self.one.token) is None:
            self.one = self.login("S01")
        if self.access.session(self.two.token) is None:
            self.two = self.login("S02")
