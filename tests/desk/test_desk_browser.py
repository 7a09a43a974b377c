"""The console in a browser, over a sealed day: every page, both languages, by keyboard."""

import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_world import PASSWORDS, PATIENCE, Visit, chromium, serving, visit
from playwright.sync_api import Browser
from ratings_world import write_ratings

from quanheng.compose.console_board import COLUMNS
from quanheng.compose.console_log import RunLog
from quanheng.compose.console_scene import Scene
from quanheng.desk.access import DESK_VIEWS
from quanheng.maker import columns as c
from quanheng.terms.days import from_clock, midnight

PAGES = tuple(name for name in DESK_VIEWS if name != "replay")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def base(run: Path, people: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ratings = write_ratings(tmp_path_factory.mktemp("ratings"), "MM01")
    with serving(run, people, "--hz", "5", "--ratings", str(ratings)) as address:
        yield address


@pytest.fixture
def trader(browser: Browser, base: str) -> Iterator[Visit]:
    made = visit(browser, base, "T01")
    yield made
    made.clean()
    made.page.context.close()


def test_the_ratings_of_the_command_line_are_shown(trader: Visit):
    """`--ratings` reaches the page, which names the run's own maker and no other."""
    answer = trader.page.request.get(f"{trader.base}/api/office/exchange?of=monthly")
    rows = answer.json()["sheets"][0]["rows"]
    assert [row["maker"] for row in rows] == ["MM01", "MM01"]


def seek(one: Visit, clock: str) -> None:
    """Drag the slider to a time of day and wait for the picture. A drag before the stream's first
    picture is undone by it, so wait for that; a machine that is busy may need a second drag.
    """
    hour, minute, second = (int(part) for part in clock.split(":"))
    shown = "document.querySelector('[data-testid=clock]').textContent"
    one.until(f"/[0-9]:[0-9]/.test({shown})")
    until = time.monotonic() + 3 * PATIENCE / 1_000
    while one.page.evaluate(shown) != clock and time.monotonic() < until:
        one.page.eval_on_selector(
            "[data-testid=slider]",
            """(slider, at) => { slider.value = at; slider.dispatchEvent(new Event('input'));
            slider.dispatchEvent(new Event('change')); }""",
            hour * 3600 + minute * 60 + second,
        )
        look = time.monotonic() + 8
        while one.page.evaluate(shown) != clock and time.monotonic() < look:
            time.sleep(0.05)
    assert one.page.evaluate(shown) == clock


def cell(one: Visit, strike: int, side: str, column: str) -> str:
    """Text of a cell of the board."""
    row = f"[data-testid=board] [data-strike='{strike}']"
    return one.page.inner_text(f"{row} [data-side={side}][data-col={column}]")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_opens_without_a_fault(browser: Browser, base: str, language: str):
    """No error, no broken policy, no foreign request, no word missing; something is on each."""
    one = visit(browser, base, "T01", language)
    seek(one, "09:35:00")
    for name in PAGES:
        one.open(name)
        one.page.wait_for_selector(".pane main", state="visible")
        one.until("document.querySelector('.pane').innerText.length > 60")
        one.clean()
    tabs = ["orders", "trades", "positions", "rfq", "alerts", "working"]
    one.open("trade")
    for tab in tabs:
        one.page.click(f"[data-tab={tab}]")
        one.until("document.querySelectorAll('.blotter .grid-row:not([hidden])').length > 0")
        one.clean()
    assert one.page.evaluate("document.documentElement.lang") == (
        "en" if language == "en" else "zh-CN"
    )
    one.page.context.close()


def test_the_door_does_not_say_what_was_wrong(browser: Browser, base: str):
    """A wrong password and a name that nobody has look alike; no cookie is left."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(base + "/")
    for name in ("T01", "nobody"):
        page.fill("input[name=name]", name)
        page.fill("input[name=password]", "wrong password")
        page.click("button[type=submit]")
        page.wait_for_selector(".said:has-text('不正确')")
    assert context.cookies() == []
    context.close()


def test_the_board_shows_what_the_machine_had(trader: Visit, log: RunLog):
    """Cell by cell at two instants of the slider, forward and back."""
    place = dict(COLUMNS)
    for clock in ("09:36:00", "09:32:00"):
        seek(trader, clock)
        scene = Scene(log)
        scene.go(midnight(log.info.day) + from_clock(clock))
        state, opened = scene.state, scene.state.opened
        item = opened.chain.classes[0]
        wanted = {}
        for slot in range(item.start, item.stop):
            one = opened.chain.contracts[slot]
            side = "call" if one.is_call else "put"
            theo = state.surface.theo[slot, c.T_PRICE]
            wanted[one.strike, side, "theo"] = f"{theo:.4f}"
            bid = int(state.work[slot, c.W_LIVE_QTY])
            price = state.work[slot, c.W_LIVE_PX] / 10 ** place["my_bid"]
            wanted[one.strike, side, "my_bid"] = f"{price:.4f}" if bid else ""
        trader.until(
            "document.querySelectorAll('[data-testid=board] [data-strike] [data-col=theo]')"
            ".length > 3"
        )
        first = next(iter(wanted))
        trader.until(
            f"document.querySelector(\"[data-strike='{first[0]}'] [data-side={first[1]}]"
            f'[data-col={first[2]}]").textContent === "{wanted[first]}"'
        )
        assert {key: cell(trader, *key) for key in wanted} == wanted


def test_a_replay_plays_and_pauses(trader: Visit):
    """At sixty times the clock runs; paused it stands; one browser's replay is its own."""
    seek(trader, "09:20:00")
    trader.page.click("[data-speed='60']")
    trader.until("document.querySelector('[data-testid=clock]').textContent > '09:22:00'")
    trader.page.click("[data-speed='0']")
    trader.until("document.querySelector('[data-speed=\"0\"].on') !== null")
    before = trader.page.inner_text("[data-testid=clock]")
    other = visit(trader.page.context.browser, trader.base, "R01")
    seek(other, "09:38:00")
    assert trader.page.inner_text("[data-testid=clock]") == before
    other.clean()
    other.page.context.close()


def test_the_keyboard_reaches_everything(trader: Visit):
    """Arrows, brackets, Enter, Alt and a digit, F2; also while an input has the focus."""
    page = trader.page
    seek(trader, "09:35:00")
    page.keyboard.press("F2")
    page.wait_for_selector(".tb-row.chosen")
    first = page.inner_text(".tb-row.chosen .strike")
    page.keyboard.press("ArrowDown")
    trader.until(f"document.querySelector('.tb-row.chosen .strike').textContent !== '{first}'")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".tb-row.chosen .picked[data-side=put]")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid=dialog]")
    trader.until("document.querySelector('[data-testid=dialog] .now').textContent === '3000'")
    page.keyboard.press("F9")
    page.wait_for_selector("#notes .note.bad")  # the day is over: it says so
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-testid=dialog]", state="detached")
    page.focus(".blotter .search")
    page.keyboard.press("Alt+1")
    trader.until("document.querySelector('.card.on') !== null")


def test_contracts_are_found_and_orders_written(trader: Visit):
    """Digits find a contract by its code; O opens the ticket, which knows price and value."""
    page = trader.page
    seek(trader, "09:35:00")
    page.keyboard.press("F2")
    page.wait_for_selector(".tb-row.chosen")
    code = page.inner_text(".detail .dim")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.type(code)
    page.wait_for_selector(f"[data-testid=finder] button:has-text('{code}')")
    page.keyboard.press("Enter")
    page.wait_for_selector(f".detail:has-text('{code}')")
    page.dblclick(".tb-row.chosen [data-side=call][data-col=ask]")
    page.wait_for_selector("[data-testid=ticket] .buy.on")
    ask = page.inner_text(".tb-row.chosen [data-side=call][data-col=ask]")
    assert page.input_value("[data-testid=ticket] [name=price]") == ask
    page.fill("[data-testid=ticket] [name=qty]", "3")
    page.wait_for_selector(f"[data-testid=dialog]:has-text('{round(float(ask) * 30_000):,}')")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid=dialog] .alarm:has-text('只能查看')")
    page.keyboard.press("Escape")
    page.click("[data-testid=keys]")
    page.wait_for_selector("[data-testid=dialog] kbd:has-text('F9')")
    page.keyboard.press("Escape")


def test_what_a_person_may_not_is_not_there(browser: Browser, base: str):
    """An auditor has no button that does anything."""
    one = visit(browser, base, "A01")
    for name in PAGES:
        one.open(name)
        one.until("document.querySelector('.pane').innerText.length > 40")
    assert one.page.query_selector("[data-testid=kill-all]") is None
    assert one.page.query_selector("[data-testid^=sign-]") is None
    one.page.keyboard.press("F9")
    one.page.wait_for_timeout(200)
    assert one.page.query_selector("#notes .note") is None
    one.clean()
    one.page.context.close()


def test_a_table_is_taken_away_as_a_file(trader: Visit):
    """The whole table, not what is in sight."""
    seek(trader, "09:39:00")
    trader.open("orders")
    with trader.page.expect_download() as waiting:
        trader.page.click("[data-testid=orders] .button")
    text = Path(waiting.value.path()).read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) > 100
    assert {row["kind"] for row in rows} == {"quote"}


def test_every_quote_says_why(trader: Visit):
    """The reasons come from the same journal as the quote."""
    seek(trader, "09:35:00")
    trader.open("orders")
    button = "[data-testid=orders] .acts button:has-text('为何')"
    trader.page.wait_for_selector(button)
    name = trader.page.inner_text("[data-testid=orders] .grid-row:not([hidden]) [data-col=id]")
    trader.page.click(button)
    trader.page.wait_for_selector("[data-testid=why]", timeout=60_000)
    assert name in trader.page.inner_text("[data-testid=why]")


def test_narrow_screens_keep_their_order(browser: Browser, base: str):
    """At 1366 × 768 the board, the curve and the buttons do not overlap."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    one = Visit(context.new_page(), base).enter("T01")
    one.until("document.querySelectorAll('[data-testid=board] [data-strike]').length > 3")
    boxes = {
        name: one.page.locator(name).first.bounding_box()
        for name in (".underlyings", "[data-testid=board]", "aside", "[data-testid=kill-all]")
    }
    board, aside = boxes["[data-testid=board]"], boxes["aside"]
    assert board["x"] >= boxes[".underlyings"]["width"] - 1
    assert board["x"] + board["width"] <= aside["x"] + 1
    kill = boxes["[data-testid=kill-all]"]
    assert kill["x"] + kill["width"] <= 1366
    wide = "[data-testid=board] .tb-row, .tb-head, aside > *, .top"
    over = one.page.eval_on_selector_all(
        wide,
        "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.className)",
    )
    assert over == []
    one.clean()
    context.close()


def test_nothing_is_kept_of_a_session_that_ends(trader: Visit):
    """Signed out, the door is there again and the cookie is worthless."""
    trader.page.click("[data-testid=leave]")
    trader.page.wait_for_selector(".login")
    assert trader.page.context.cookies() == []
    assert PASSWORDS["T01"] not in trader.page.content()


def test_a_server_that_is_gone_is_said_and_comes_back(trader: Visit):
    """Red banner and grey figures within seconds, nothing pretends; well again by itself."""
    page = trader.page
    trader.until("document.querySelectorAll('.card').length > 0")
    assert not page.is_visible("#stale")
    page.context.set_offline(True)
    page.wait_for_selector("#stale:has-text('连接中断')", state="visible", timeout=20_000)
    assert "old" in page.get_attribute("body", "class")
    page.context.set_offline(False)
    page.wait_for_selector("#stale", state="hidden", timeout=20_000)
    trader.faults = [one for one in trader.faults if "WebSocket" not in one]
