"""The console over a day that runs: real processes, a real pull, two people, an engine that stops.

One run serves every test here, in order: twelve contracts from 09:31, twice as fast as the clock.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.append(str(Path(__file__).parents[1] / "desk"))

from desk_world import Visit, chromium, people_file, serving, visit, wait_for

SETTING = "width"


class Desk(NamedTuple):
    """A trader and a risk manager before the same running day."""

    run: Path
    trader: Visit
    risk: Visit


def status(run: Path) -> str:
    path = run / "run.json"
    return json.loads(path.read_text("utf-8"))["status"] if path.exists() else ""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    root = tmp_path_factory.mktemp("console")
    options = ("--live", "--speed", "2", "--contracts", "12", "--from", "09:31", "--seed", "3")
    # A run of tests in the background ignores SIGINT, and so would everything it starts.
    python = ("env", "--default-signal=INT", sys.executable)
    command = [*python, "-m", "quanheng", "demo", *options, "--out", str(root)]
    with (root / "log").open("wb") as log:
        demo = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        run = wait_for(lambda: next(iter(root.glob("*-live")), None), 60.0)
        journal = run / "journal" / "maker"
        wait_for(lambda: sum(p.stat().st_size for p in journal.glob("*.seg")) > 200_000, 120.0)
        people = people_file(root)
        with serving(run, people, "--hz", "5") as base, chromium() as browser:
            yield Desk(run, visit(browser, base, "T01"), visit(browser, base, "R01"))
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(60)


def signed_on(one: Visit, post: str) -> None:
    """Take a post, and see it taken."""
    one.open("approve")
    one.page.click(f"[data-testid=sign-{post}]")
    one.page.wait_for_selector(f"[data-testid=sign-{post}]:has-text('签退')")


def test_the_screen_moves_with_the_market(desk: Desk):
    """The clock runs, quotes stand, everything is said to be well."""
    one = desk.trader
    one.open("trade")
    before = wait_for(lambda: one.page.inner_text("[data-testid=clock]"))
    one.until(f"document.querySelector('[data-testid=clock]').textContent > '{before}'")
    one.until("document.querySelectorAll('[data-testid=board] .lamp3').length >= 6")
    assert not one.page.is_visible("#stale")
    for lamp in ("feed", "line", "engine", "screen"):
        one.until(f"document.querySelector('[data-lamp={lamp}]').classList.contains('good')")


def test_every_page_says_how_right_the_clock_is(desk: Desk):
    """Browser against server, server against the exchange's stamps (of the wall's milliseconds, at
    twice the speed), and whether a source disciplines the server's clock (console.md 8).
    """
    one = desk.trader
    pages = one.page.eval_on_selector_all("nav.pages a", "all => all.map(one => one.dataset.page)")
    assert len(pages) > 8
    one.until("!document.querySelector('[data-testid=feed-offset]').hidden")
    for name in sorted({*pages} - {"replay"}):
        one.open(name)
        for part in ("offset", "feed-offset"):
            text = one.page.inner_text(f"[data-testid={part}]")
            assert text.endswith(" ms") and any(map(str.isdigit, text)), (name, part, text)
        assert one.page.inner_text("[data-testid=ntp]") in ("已校时", "未校时", "校时未知"), name
    offset = int(one.page.inner_text("[data-testid=feed-offset]").split()[1].replace(",", ""))
    assert abs(offset) < 60_000  # no business time: that would be minutes and hours off
    one.clean()


def test_a_setting_beyond_the_band_takes_two_and_arrives(desk: Desk):
    """Proposed by one, not to be seconded by the same, agreed to by another, in force in the
    machine: the screen shows it once the journal has it.
    """
    signed_on(desk.trader, "trader")
    signed_on(desk.risk, "risk")
    one, two = desk.trader, desk.risk
    one.open("trade")
    one.page.keyboard.press("F2")
    one.page.wait_for_selector(".tb-row.chosen")
    one.page.keyboard.press("Enter")
    box = "[data-testid=dialog]"
    one.until(f"document.querySelector('{box} .now').textContent === '3000'")
    one.page.fill(f"{box} input[name=value]", "2000")
    one.page.wait_for_selector(f"{box} .warn:has-text('须风控复核')")
    one.page.click(f"{box} button.primary")
    one.page.wait_for_selector("#notes .note.busy:has-text('待复核')")
    one.page.keyboard.press("Escape")
    one.open("approve")
    one.page.wait_for_selector("[data-testid=agree]")
    assert one.page.is_disabled("[data-testid=agree]")
    two.page.wait_for_selector("[data-testid=agree]")
    assert "3000" in two.page.inner_text("[data-testid=inbox] del")
    assert "2000" in two.page.inner_text("[data-testid=inbox] ins")
    two.page.click("[data-testid=agree]")
    two.page.wait_for_selector("#notes .note.good:has-text('已下达')")
    one.open("alerts")
    one.page.wait_for_selector("[data-testid=alerts] .grid-row:has-text('width 3000 → 2000')")


def test_one_click_withdraws_everything_at_the_gateway(desk: Desk):
    """F9 in any page, with the proof; the lamps say that it stays so; two people open again."""
    one, two = desk.trader, desk.risk
    one.open("trade")
    one.until("document.querySelectorAll('[data-testid=board] .lamp3').length >= 6")
    one.page.keyboard.press("F9")
    one.page.wait_for_selector("[data-testid=proof]")
    proof = one.page.inner_text("[data-testid=proof]")
    assert "操作人 T01" in proof
    assert "未撤 0 笔" in proof
    one.page.keyboard.press("Escape")
    one.until("document.querySelectorAll('[data-testid=board] .lamp6').length >= 6")
    one.until("document.querySelectorAll('.blotter .grid-row:not([hidden])').length === 0")
    one.open("risk")
    one.page.click("[data-testid=stops] button:has-text('恢复')")
    one.page.click("[data-testid=yes]")
    two.open("approve")
    two.page.click("[data-testid=agree]")
    one.open("trade")
    one.until("document.querySelectorAll('[data-testid=board] .lamp3').length >= 6")


def test_an_engine_that_stops_is_said_in_red(desk: Desk):
    """Within seconds, figures grey; well again when it goes on."""
    one = desk.trader
    pid = json.loads((desk.run / "live" / "pids.json").read_text("utf-8"))["maker"]
    os.kill(pid, signal.SIGSTOP)
    try:
        one.page.wait_for_selector("#stale:has-text('引擎')", state="visible", timeout=15_000)
        assert "old" in one.page.get_attribute("body", "class")
        one.until("document.querySelector('[data-lamp=engine]').classList.contains('bad')")
    finally:
        os.kill(pid, signal.SIGCONT)
    one.page.wait_for_selector("#stale", state="hidden", timeout=30_000)
    one.until("document.querySelectorAll('[data-testid=board] .lamp3').length >= 6")


def test_this_morning_is_replayed_beside_the_running_day(desk: Desk):
    """One browser looks back, the other goes on; back again it is live."""
    one, two = desk.trader, desk.risk
    one.page.click("nav.pages a[data-page=replay]")
    one.page.wait_for_selector("#replay", state="visible")
    one.page.eval_on_selector(
        "[data-testid=slider]",
        "(s) => { s.value = s.min; s.dispatchEvent(new Event('change')); }",
    )
    wait_for(lambda: one.page.inner_text("[data-testid=clock]") < "09:31:30")
    assert two.page.inner_text("[data-testid=clock]") > "09:31:30"
    one.page.click("nav.pages a[data-page=replay]")
    wait_for(lambda: one.page.inner_text("[data-testid=clock]") > "09:31:30")
    time.sleep(0.5)
    one.clean()
    two.clean()
    assert status(desk.run) == "running"
