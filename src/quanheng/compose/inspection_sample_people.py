"""Persons of the sample firm: two for each required post, made and enrolled as real ones are."""

import secrets
from types import TracebackType

import pyotp

from quanheng.compose.wall import clock
from quanheng.desk.people import admin, enrolment, passwords, posts
from quanheng.desk.people.access import Session, StoreAccess
from quanheng.desk.people.store import Store
from quanheng.terms.units import HOUR, Nanos

_PLACE = "sample"
_ADMINS = {"SEC1": "安全管理员（示例）", "SEC2": "安全管理员备岗（示例）"}
_HISTORY = '[["示例年份", "示例单位", "示例职责"]]'
_HOLDERS = {"main": ("1", "主岗"), "backup": ("2", "备岗")}
_LINES = "market_making"
DEPARTMENTS = {"market_making": "做市业务部（示例）", "company": "公司其他部门（示例）"}
"""Departments of the sample by what the posts say."""


class Staffed:
    """A new store with every required post held as main and as backup; use it as a context.

    Its clock began an hour ago and moves a code's step at each sign-in, so nothing of it lies in
    the future.
    """

    def __init__(self, where: str, account: str) -> None:
        """StoreError when there is a store already."""
        self._now: Nanos = clock() - HOUR
        self._secrets: dict[str, tuple[str, str]] = {}
        self._account = account
        codes = admin.create(where, _ADMINS, clock=self._clock)
        self.store = Store(where, clock=self._clock)
        self._access = StoreAccess(self.store, account)
        for person, code in codes.items():
            self._enrol(person, code)
        self.admin, self._second = self._login("SEC1"), self._login("SEC2")
        admin.add_account(self.store, self.admin, account, _LINES)
        for post in self.store.rules.posts:
            if post.required:
                for holder in _HOLDERS:
                    self._person(post.post, holder)

    def __enter__(self) -> "Staffed":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.store.close()

    def _clock(self) -> Nanos:
        return self._now

    def holder(self, post: str) -> str:
        """Id of the main holder of a post."""
        return _id(post, "main")

    def login(self, post: str) -> Session:
        """The main holder of a post signs in, enrolled at that moment by both administrators."""
        person = self.holder(post)
        if person not in self._secrets:
            asked = posts.ask_enrolment(self.store, self.admin, person)
            second = posts.confirm(self.store, self._second, asked.number)
            self._enrol(person, f"{asked.half}-{second}")
        return self._login(person)

    def _person(self, name: str, holder: str) -> None:
        post, person = self.store.rules.post(name), _id(name, holder)
        personal = {
            "name_zh": f"{post.words}{_HOLDERS[holder][1]}（示例）",
            "duty": f"{post.words}（示例）",
            "phone": "示例电话", "email": "sample@firm.example", "history": _HISTORY,
        }  # fmt: skip
        admin.add_person(self.store, self.admin, person, DEPARTMENTS[post.department], personal)
        at = "firm" if post.of_firm else self._account
        asked = posts.ask_appointment(self.store, self.admin, person, name, at, holder)
        posts.confirm(self.store, self._second, asked.number)

    def _code(self, person: str) -> str:
        self._now += passwords.STEP
        totp = pyotp.TOTP(self._secrets[person][1])
        return totp.generate_otp(self._now // passwords.STEP)

    def _enrol(self, person: str, code: str) -> None:
        rules = self.store.rules.passwords
        password = ""
        while passwords.weakness(password, rules, True, (person,)):
            password = f"{secrets.token_urlsafe(18)}*"
        self._secrets[person] = (password, passwords.new_secret())
        secret = self._secrets[person][1]
        shown = self._code(person)
        enrolment.activate(self.store, person, code, password, secret, shown, _PLACE)

    def _login(self, person: str) -> Session:
        password, _ = self._secrets[person]
        found = self._access.login(person, password, self._code(person), _PLACE)
        assert isinstance(found, Session), f"{person}: {found}"
        return found


def _id(post: str, holder: str) -> str:
    """An opaque id of up to eight characters that says the post: `TRADER1`."""
    return post.replace("_", "").upper()[:7] + _HOLDERS[holder][0]
