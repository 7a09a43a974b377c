"""A console over a kept run, a people store and documents, served in a thread of the tests."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyotp
import uvicorn
from argon2 import PasswordHasher
from desk_world import PATIENCE, Visit, wait_for
from litestar import Litestar
from playwright.sync_api import Browser

from quanheng.compose.console_commands import RunCommands
from quanheng.compose.console_house import House
from quanheng.compose.console_office import RunOffice
from quanheng.compose.console_source import RunSource
from quanheng.desk.access import Refused
from quanheng.desk.people import admin, enrolment, passwords, posts
from quanheng.desk.people.access import Session, StoreAccess
from quanheng.desk.people.console import ConsoleAccess
from quanheng.desk.people.store import Store
from quanheng.desk.server import application
from quanheng.terms.units import SECOND

PASSWORD = "Vx7!mk2#Wq9z"
PLACE = "127.0.0.1"
STAFF = {
    "T01": "trader", "R01": "risk", "O01": "ops", "H01": "head", "L01": "clearing",
    "C01": "compliance", "D01": "decision", "F01": "firm_risk", "A01": "auditor",
}  # fmt: skip
STEP = 30 * SECOND


class Clock:
    """The wall's time, and as much later as codes needed steps of their own."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return time.time_ns() + self.ahead


class Firm:
    """A people store with every post that the console knows, and the way in for each person; with
    `rules` of the exchange's house and no account, the exchange's.
    """

    def __init__(self, folder: Path, account: str, staff: Mapping[str, str] = STAFF,
                 rules: Path | None = None) -> None:  # fmt: skip
        dear, passwords.HASHER = passwords.HASHER, PasswordHasher(1, 8, 1)
        self._dear = dear
        self.clock = Clock()
        self.where, self.account = str(folder / "people.sqlite"), account
        self.secrets: dict[str, str] = {}
        codes = admin.create(
            self.where, {"S01": "安一", "S02": "安二"}, clock=self.clock, rules=rules
        )
        self.store = Store(self.where, rules=rules, clock=self.clock)
        self.access = StoreAccess(self.store, account)
        for person, code in codes.items():
            self._activate(person, code)
        one, two = self._actor("S01"), self._actor("S02")
        if account:
            admin.add_account(self.store, one, account, "market_making")
        for person, post in staff.items():
            admin.add_person(self.store, one, person, "做市业务部", {"name_zh": f"人{person}"})
            at = "firm" if self.store.rules.post(post).of_firm else account
            asked = posts.ask_appointment(self.store, one, person, post, at, "main")
            posts.confirm(self.store, two, asked.number)
            half = posts.ask_enrolment(self.store, one, person)
            self._activate(person, f"{half.half}-{posts.confirm(self.store, two, half.number)}")

    def close(self) -> None:
        self.store.close()
        passwords.HASHER = self._dear

    def code(self, person: str) -> str:
        """A code that was not used yet: time goes on a step for it."""
        self.clock.ahead += STEP
        return pyotp.TOTP(self.secrets[person]).generate_otp(self.clock() // STEP)

    def _activate(self, person: str, code: str) -> None:
        secret = self.secrets[person] = passwords.new_secret()
        enrolment.activate(
            self.store, person, code, PASSWORD, secret, self.code(person), PLACE
        )  # fmt: skip

    def _actor(self, person: str) -> Session:
        found = self.access.login(person, PASSWORD, self.code(person), PLACE)
        assert isinstance(found, Session), found
        return found

    def actor(self, person: str) -> Session:
        """A session of the store's own, for what a test prepares."""
        return self._actor(person)

    def enter(self, browser: Browser, base: str, person: str, language: str = "zh") -> Visit:
        """Through the login page with the second factor."""
        context = browser.new_context(viewport={"width": 1920, "height": 1080})
        context.add_init_script(f"localStorage.setItem('lang', '{language}')")
        one = Visit(context.new_page(), base)
        page = one.page
        page.goto(base + "/")
        page.fill("input[name=name]", person)
        page.fill("input[name=password]", PASSWORD)
        page.fill("input[name=code]", self.code(person))
        page.click("button[type=submit]")
        page.wait_for_selector(".top", timeout=PATIENCE)
        return one


@contextmanager
def served(run: Path, source: RunSource, firm: Firm, papers: Path | None,
           ratings: Path | None = None) -> Iterator[str]:  # fmt: skip
    """The whole console on a free port; the address."""
    house = House(run, source, firm.store, Path(firm.where), papers, ratings)
    access = ConsoleAccess(firm.store, firm.account, Refused)
    commands = RunCommands(run, Path(firm.where))
    app = application(source, commands, access, period=0.2, office=RunOffice(house))
    with listening(app) as base:
        yield base


@contextmanager
def listening(app: Litestar) -> Iterator[str]:
    """An application on a free port, in a thread of its own; the address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        config = uvicorn.Config(app, ws="websockets-sansio", log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


def ready(one: Visit, name: str) -> None:
    """Open a page of the office and wait for what the server says."""
    one.page.evaluate(f"location.hash = '{name}'")
    one.page.wait_for_selector(f"[data-testid=office-{name}][data-ready]", timeout=PATIENCE)


def act(one: Visit, selector: str, **fields: str) -> None:
    """Click an act, fill its form, send it, and wait until its window is gone."""
    page = one.page
    page.click(selector)
    page.wait_for_selector("[data-testid=dialog] [data-testid=do]")
    for name, value in fields.items():
        field = page.locator(f"[data-testid=dialog] [name={name}]")
        if field.evaluate("one => one.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    page.click("[data-testid=dialog] [data-testid=do]")
    page.wait_for_selector("[data-testid=dialog] [data-testid=do]", state="detached")


class Guests:
    """One browser a person, opened when it is needed."""

    def __init__(self, browser: Browser, base: str, firm: Firm) -> None:
        self._browser, self._base, self.firm = browser, base, firm
        self._in: dict[tuple[str, str], Visit] = {}

    def __call__(self, person: str, language: str = "zh") -> Visit:
        key = (person, language)
        if key not in self._in:
            self._in[key] = self.firm.enter(self._browser, self._base, person, language)
        return self._in[key]

    def again(self, person: str) -> None:
        """Somebody came in elsewhere, so that his browser is out: he comes in anew."""
        for key in [key for key in self._in if key[0] == person]:
            self._in.pop(key).page.context.close()

    def close(self) -> None:
        for one in self._in.values():
            one.clean()
            one.page.context.close()


def rows(one: Visit, sheet: str) -> list[str]:
    """The rows of a sheet that are in sight."""
    lines = f"[data-testid=sheet-{sheet}] .grid-row:not([hidden])"
    return [text.replace("\n", " ") for text in one.page.locator(lines).all_inner_texts()]


def shows(one: Visit, sheet: str, words: str, seconds: float = PATIENCE / 1_000) -> None:
    """Wait until a row of a sheet has the words."""
    wait_for(lambda: any(words in row for row in rows(one, sheet)), seconds)
