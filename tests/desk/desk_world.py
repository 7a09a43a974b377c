"""What the console's tests share: a small kept run, people in a file, a server, a browser."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from quanheng.desk.file_access import add_person

CHROMIUM = "/usr/bin/chromium"
PASSWORDS = {"T01": "trader's own 1", "R01": "risk's own 22", "A01": "auditor's own"}
ROLES = {"T01": "trader", "R01": "risk", "A01": "auditor"}
PATIENCE = 30_000
SCENARIO = """
name = "busy"
words = { zh = "繁忙", en = "busy" }

[underlying]
jumps = [{ at = "09:34", bp = 60, over_s = 30, underlyings = ["510050"] }]

[crowd]
inquiries_per_hour = 240

[faults]
halts = [{ start = "09:36", stop = "09:37", scope = "510050" }]
"""


def people_file(folder: Path) -> Path:
    """Trader, risk and auditor, each with a password of the tests."""
    path = folder / "people.toml"
    for person, password in PASSWORDS.items():
        add_person(path, person, (ROLES[person],), "", password, False)
    return path


@contextmanager
def serving(run: Path, people: Path, *more: str) -> Iterator[str]:
    """`quanheng console` as its own process; the address it says."""
    command = [sys.executable, "-m", "quanheng", "console", str(run), "--people", str(people)]
    process = subprocess.Popen(
        [*command, "--port", "0", *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        said = process.stdout.readline()
        assert "http" in said, said + process.stderr.read()
        yield said.split()[2].rstrip("/")
    finally:
        process.terminate()
        errors = process.communicate(timeout=20)[1]
    assert "Traceback" not in errors, errors


class Visit:
    """A page with everything that must not happen on it."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.faults: list[str] = []
        self.foreign: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text}")

    def _request(self, request: Any) -> None:
        host = self.base.split("//")[1]
        if f"//{host}/" not in request.url:
            self.foreign.append(request.url)

    def enter(self, who: str) -> "Visit":
        """Through the login page."""
        self.page.goto(self.base + "/")
        self.page.fill("input[name=name]", who)
        self.page.fill("input[name=password]", PASSWORDS[who])
        self.page.click("button[type=submit]")
        self.page.wait_for_selector(".top", timeout=PATIENCE)
        return self

    def open(self, name: str) -> None:
        """Another page of the console."""
        self.page.evaluate(f"location.hash = '{name}'")
        self.page.wait_for_selector(f"nav.pages a.on[data-page={name}]", timeout=PATIENCE)

    def until(self, script: str) -> None:
        """Wait for something to be true on the page; its policy forbids the browser to do so."""
        wait_for(lambda: self.page.evaluate(script), PATIENCE / 1_000)

    def clean(self) -> None:
        """Nothing has gone wrong: no error, no broken policy, no foreign request, no lost word."""
        assert self.faults == [], self.faults
        assert self.foreign == []
        assert "⟦" not in self.page.inner_text("body")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()


def visit(browser: Browser, base: str, who: str, language: str = "zh") -> Visit:
    """A fresh browser of a person."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    context.add_init_script(f"localStorage.setItem('lang', '{language}')")
    return Visit(context.new_page(), base).enter(who)


def wait_for(what: Any, seconds: float = 20.0) -> Any:
    """Ask until there is an answer; the test fails when there is none in time."""
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)
    return found
