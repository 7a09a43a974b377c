"""The office in a browser, over a sealed day and a people store: pages by role, acts by two."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_world import PATIENCE, chromium, wait_for
from office_world import Firm, Guests, act, ready, rows, served, shows
from ratings_world import OTHER, write_ratings
from test_desk_browser import seek

from quanheng.compose.console_exchange import TABS
from quanheng.compose.console_log import RunLog
from quanheng.compose.console_scene import Scene
from quanheng.compose.console_source import RunSource
from quanheng.compose.papers import file_hash
from quanheng.desk.people import papers as life
from quanheng.edge.document_word import word
from quanheng.edge.documents import Document
from quanheng.settlement.steps import STEPS
from quanheng.terms import market
from quanheng.terms.days import from_clock, midnight

WHERE = {
    "T01": ("daily", "reports", "documents", "health", "dayend", "accounts", "auction", "exchange"),
    "O01": ("daily", "documents", "health", "auction"),
    "L01": ("reports", "registers", "dayend", "accounts"),
    "C01": (
        "reports",
        "documents",
        "registers",
        "admin",
        "audit",
        "dayend",
        "accounts",
        "auction",
        "exchange",
    ),
    "F01": ("reports", "documents", "registers", "oversight"),
    "S01": ("admin",),
}
"""Person -> pages of the office that the post sees; the store's rights say the same."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("firm")


@pytest.fixture(scope="module")
def kept(run: Path, folder: Path) -> Path:
    """A run of one's own: what people sign lies beside it."""
    return Path(shutil.copytree(run, folder / run.name))


@pytest.fixture(scope="module")
def guests(kept: Path, folder: Path) -> Iterator[Guests]:
    source = RunSource(kept)
    source.load()
    firm = Firm(folder, source.log.opened.account)
    (folder / "papers").mkdir()
    ratings = write_ratings(folder / "ratings", source.log.opened.maker)
    with (
        served(kept, source, firm, folder / "papers", ratings) as base,
        chromium() as browser,
    ):
        made = Guests(browser, base, firm)
        yield made
        made.close()
    firm.close()


@pytest.mark.parametrize("person", WHERE)
def test_every_page_opens_for_who_may_see_it(guests: Guests, person: str):
    """What a person may see opens without a fault; what he may not is neither there nor given."""
    one = guests(person)
    there = one.page.eval_on_selector_all(
        "nav.pages a", "all => [...new Set(all.map(one => one.dataset.page))]"
    )
    office = {"daily", "dayend", "reports", "documents", "registers", "oversight", "health",
              "admin", "audit", "accounts", "auction", "exchange"}  # fmt: skip
    assert set(there) & office == set(WHERE[person])
    for name in WHERE[person]:
        ready(one, name)
        one.clean()
        assert len(one.page.inner_text(".pane")) > 20
    for name in sorted(office - set(WHERE[person]) - {"accounts", "auction"}):
        status = one.page.request.get(f"{one.base}/api/office/{name}").status
        assert status == 403, name


def test_every_page_speaks_english(guests: Guests):
    """The auditor sees everything and changes nothing."""
    one = guests("A01", "en")
    pages = one.page.eval_on_selector_all("nav.pages a", "all => all.map(one => one.dataset.page)")
    for name in sorted({*pages} - {"trade", "duty", "risk", "orders", "rfq", "alerts", "approve",
                                   "replay"}):  # fmt: skip
        ready(one, name)
        assert one.page.query_selector(".pane [data-act]") is None, name
        one.clean()
    assert "More" in one.page.inner_text("[data-testid=more]")


def test_the_menu_is_reached_by_keyboard(guests: Guests):
    """Enter opens it, Tab goes on, Enter goes there, Escape shuts it."""
    page = guests("T01").page
    page.focus("[data-testid=more]")
    page.keyboard.press("Enter")
    page.wait_for_selector("nav.pages .menu a:focus")
    page.keyboard.press("Escape")
    page.wait_for_selector("nav.pages .menu", state="hidden")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    name = page.evaluate("document.activeElement.dataset.page")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"nav.pages .current a.on[data-page={name}]")


def test_a_right_is_given_by_two_and_a_session_ended(guests: Guests):
    """One asks, another confirms; neither for himself; the trail has it, found by its words."""
    one = guests("S01")
    ready(one, "admin")
    act(one, "[data-act='people.add']", person="N01", name_zh="新人")
    act(one, "[data-act='people.grant']", person="N01", post="quant",
        account=guests.firm.account, holder="backup")  # fmt: skip
    shows(one, "requests", "N01")
    assert one.page.query_selector("[data-act='people.confirm']") is None
    two = guests("S02")
    ready(two, "admin")
    act(two, "[data-testid=sheet-requests] [data-act='people.confirm']")
    shows(two, "appointments", "N01")
    two.page.click("[data-tab=sessions]")
    shows(two, "sessions", "S01")
    line = two.page.locator("[data-testid=sheet-sessions] .grid-row", has_text="S01")
    line.locator("[data-act='people.end_session']").click()
    two.page.click("[data-testid=do]")
    one.page.wait_for_selector(".login", timeout=PATIENCE)
    guests._in.pop(("S01", "zh")).page.context.close()
    seen = guests("C01")
    ready(seen, "audit")
    seen.page.fill("[data-testid=office-find]", "N01")
    seen.page.keyboard.press("Enter")
    wait_for(lambda: rows(seen, "log") and all("N01" in row for row in rows(seen, "log")))
    assert any("post.given" in row for row in rows(seen, "log"))


def test_an_enrolment_is_said_once(guests: Guests):
    """Half of the code to who asks; it stands in no list."""
    two = guests("S02")
    ready(two, "admin")
    two.page.click("[data-tab=appointments]")
    two.page.wait_for_selector("[data-ready=appointments]")
    line = two.page.locator("[data-testid=sheet-appointments] .grid-row", has_text="N01")
    line.locator("[data-act='people.enrol']").click()
    two.page.click("[data-testid=do]")
    half = two.page.inner_text("[data-testid=once]")
    two.page.keyboard.press("Escape")
    assert len(half) >= 6
    shows(two, "requests", "开户")
    assert half not in two.page.inner_text(".pane")


def test_a_document_goes_from_draft_to_filing(guests: Guests, folder: Path):
    """Reviewed, signed, filed by the same bytes and by other people; a changed file is said so."""
    path = folder / "papers" / "说明.docx"
    path.write_bytes(
        word(Document(title="说明", english="note", day=20240627, facts=(), sections=()))
    )
    drafted = guests.firm.actor("R01")
    life.enter(guests.firm.store, drafted, "说明", life.DRAFT, file_hash(path), 0)
    for person, name, stage in (
        ("C01", "documents.review", "已审核"), ("H01", "documents.sign", "已签署"),
        ("C01", "documents.file", "已报送"),
    ):  # fmt: skip
        one = guests(person)
        ready(one, "documents")
        one.page.click("[data-testid=again]")
        act(one, f"[data-act='{name}']")
        shows(one, "documents", stage)
    one = guests("C01")
    with one.page.expect_download() as waiting:
        one.page.click("[data-testid=sheet-documents] a.file")
    assert Path(waiting.value.path()).read_bytes() == path.read_bytes()
    path.write_bytes(path.read_bytes() + b" ")
    one.page.click("[data-testid=again]")
    shows(one, "documents", "已变更")


def test_a_decision_is_entered_and_approved_by_another(guests: Guests):
    """Its form comes from the record; who entered it has no button that approves."""
    one = guests("H01")
    ready(one, "registers")
    act(one, "[data-act='register.add']", subject="class", scope="510050", content="开展做市",
        proposer="R01", since="2024-06-03", until="2025-06-02", basis="会议纪要 1")  # fmt: skip
    shows(one, "register", "待审批")
    one.page.click("[data-testid=sheet-register] [data-act='register.approve']")
    one.page.click("[data-testid=do]")
    one.page.wait_for_selector("[data-testid=dialog] .alarm:has-text('不得审批本人')")
    one.page.keyboard.press("Escape")
    two = guests("D01")
    ready(two, "registers")
    act(two, "[data-act='register.approve']")
    shows(two, "register", "有效")


def test_the_day_s_list_is_signed_post_by_post(guests: Guests):
    """The machine ticks, the post signs; what is not in order needs a remark."""
    one = guests("T01")
    ready(one, "daily")
    row = one.page.locator("[data-testid=sheet-before] .grid-row", has_text="行情正常")
    assert "通过" in row.inner_text()
    foreign = one.page.locator("[data-testid=sheet-before] .grid-row", has_text="报盘线路")
    assert foreign.locator("button").count() == 0
    row.locator("[data-act='daily.sign']").click()
    one.page.click("[data-testid=do]")
    wait_for(lambda: "T01" in row.inner_text())
    two = guests("R01")
    ready(two, "daily")
    bad = two.page.locator("[data-testid=sheet-after] .grid-row", has_text="风控日报")
    assert "未通过" in bad.inner_text()
    bad.locator("button").click()
    two.page.click("[data-testid=do]")
    two.page.wait_for_selector("[data-testid=dialog] .alarm:has-text('须写备注')")
    two.page.fill("[name=remark]", "已口头报告")
    two.page.click("[data-testid=do]")
    wait_for(lambda: "已口头报告" in bad.inner_text())


def test_a_report_is_made_and_taken(guests: Guests, kept: Path):
    """The desk's daily report gets its number and hash; a table is what lies in the run."""
    one = guests("R01")
    ready(one, "reports")
    act(one, "[data-act='reports.make']", kind="desk")
    shows(one, "issued", "已签发")
    shows(one, "papers", "daily-20240627.md")
    page = one.page.request.get(
        f"{one.base}/api/office/reports/file?of=reports/daily-20240627.md&show=true"
    )
    assert "sandbox" in page.headers["content-security-policy"]
    with one.page.expect_download() as waiting:
        one.page.click("[data-testid=sheet-tables] a.file")
    name = waiting.value.suggested_filename
    assert Path(waiting.value.path()).read_bytes() == (kept / "reports" / name).read_bytes()


def test_the_day_s_end_is_checked_and_signed_by_two(guests: Guests):
    """From the closing files alone; clearing signs the steps, risk the last one, nobody both."""
    one, steps = guests("L01"), len(STEPS)
    ready(one, "dayend")
    assert "尚未开始" in one.page.inner_text(".pane")
    one.page.click("[data-act='settle.run']")
    shows(one, "checklist", "已核对", 120)
    one.page.click("[data-act='settle.sign_all']")
    one.page.click("[data-testid=do]")
    one.page.wait_for_selector(f".fact b:text-is('{steps - 1}/{steps}')", timeout=120_000)
    assert one.page.query_selector("[data-act='settle.last']") is None
    two = guests("R01")
    ready(two, "dayend")
    assert two.page.query_selector("[data-act='settle.sign']") is None
    body = two.page.locator("[data-testid=sheet-checklist] .grid-body")
    body.evaluate("one => { one.scrollTop = one.scrollHeight; }")
    two.page.click("[data-act='settle.last']")
    two.page.click("[data-testid=do]")
    two.page.wait_for_selector(f".fact b:text-is('{steps}/{steps}')", timeout=120_000)


def test_the_overseer_s_figures_are_its_own(guests: Guests):
    """Limits with use, figures by scope, stress; nothing can be asked of a day that is over."""
    one = guests("F01")
    ready(one, "oversight")
    one.page.click("[data-tab=limits]")
    one.page.wait_for_selector("[data-ready=limits]")
    assert any("VaR" in row for row in rows(one, "firm_limits"))
    one.page.click("[data-tab=stress]")
    one.page.wait_for_selector("[data-ready=stress]")
    assert rows(one, "stress")
    one.page.click("[data-tab=cases]")
    one.page.wait_for_selector("[data-ready=cases]")
    one.page.click("[data-act='firm.restrain']")
    one.page.fill("[name=text]", "演练")
    one.page.click("[data-testid=do]")
    one.page.wait_for_selector("[data-testid=dialog] .alarm:has-text('没有正在运行')")
    one.page.keyboard.press("Escape")


def test_the_exchange_is_read_only_for_the_desk(guests: Guests):
    """What was published of this maker, on every part; nothing to do there, no other maker."""
    one = guests("T01")
    ready(one, "exchange")
    for tab in TABS:
        one.page.click(f"[data-tab={tab}]")
        one.page.wait_for_selector(f"[data-ready={tab}]")
        assert one.page.query_selector(".pane [data-act]") is None, tab
        assert OTHER not in one.page.inner_text(".pane"), tab
    one.clean()


def test_a_note_is_found_by_its_words(guests: Guests):
    """Written on an order, found in the logs with who and what about."""
    one = guests("T01")
    one.open("orders")
    one.page.wait_for_selector("[data-testid=orders] [data-note=order]")
    name = one.page.inner_text("[data-testid=orders] .grid-row:not([hidden]) [data-col=id]")
    act(one, "[data-testid=orders] [data-note=order]", words="跳价，已电话核对")
    seen = guests("C01")
    ready(seen, "audit")
    seen.page.click("[data-tab=notes]")
    seen.page.wait_for_selector("[data-ready=notes]")
    seen.page.fill("[data-testid=office-find]", "电话核对")
    seen.page.keyboard.press("Enter")
    wait_for(lambda: len(rows(seen, "log")) == 1 and name in rows(seen, "log")[0])


def test_the_auction_shows_what_would_be(guests: Guests, log: RunLog):
    """Virtual price and volume as the feed had them; whether our quote counts and what it adds."""
    one = guests("T01")
    ready(one, "auction")
    seek(one, "09:20:00")
    scene = Scene(log)
    scene.go(midnight(log.info.day) + from_clock("09:20:00"))
    chain, view = scene.state.opened.chain, scene.state.view.rows
    lines = one.page.locator("[data-testid=auction] .grid-row:not([hidden])")
    wait_for(lambda: lines.count() == len(chain.contracts))
    shown = one.page.eval_on_selector_all(
        "[data-testid=auction] .grid-row:not([hidden])",
        "all => all.map(row => ['name', 'matched', 'left_buy', 'left_sell']"
        ".map(name => row.querySelector(`[data-col=${name}]`).textContent))",
    )
    wanted = {
        item.trading_code: [str(view[slot, column]) for column in (
            market.AUCTION_QTY, market.BID_QTY + 1, market.ASK_QTY + 1)]
        for slot, item in enumerate(chain.contracts)
    }  # fmt: skip
    assert {row[0]: row[1:] for row in shown} == wanted
    seek(one, "09:35:00")
    one.page.wait_for_selector("[data-testid=auction] .none:has-text('没有合约')")


def test_many_settings_are_compared_before_they_are_asked_for(guests: Guests):
    """Pasted cells show old and new and who has to agree; nonsense is named and never sent."""
    one = guests("T01")
    one.open("trade")
    one.page.click("[data-testid=bulk]")
    pasted = "范围\t参数\t数值\n510050\twidth\t2500\n510050\twidth\tx\n510050\tnothing\t1\n*\twidth"
    one.page.fill("[data-testid=bulk-text]", pasted)
    one.page.click("[data-testid=bulk-compare]")
    one.page.wait_for_selector("[data-testid=bulk-diff] tr:nth-child(4)")
    said = one.page.locator("[data-testid=bulk-diff] tbody tr").all_inner_texts()
    assert "3000" in said[0] and "2500" in said[0]
    assert "须为整数" in said[1] and "没有此参数" in said[2] and "须有三列" in said[3]
    one.page.click("[data-testid=bulk-send]")
    one.page.wait_for_selector("[data-testid=bulk-diff] tr:nth-child(1):has-text('只能查看')")
    one.page.click("[data-testid=bulk-take]")
    assert "510050\twidth\t" in one.page.input_value("[data-testid=bulk-text]")
    one.page.keyboard.press("Escape")


def test_tickets_lead_to_the_authority(guests: Guests):
    """Lock, exercise, combination: forms over the chain; a day that is over takes none."""
    one = guests("T01")
    ready(one, "accounts")
    for name, command in (("lock", "lock"), ("exercise", "exercise"), ("combine", "combine")):
        one.page.click(f"[data-testid={name}]")
        one.page.wait_for_selector(f"[data-testid=ticket-{command}]")
        one.page.click("[data-testid=dialog] button.primary")
        one.page.wait_for_selector("[data-testid=dialog] .alarm:has-text('只能查看')")
        one.page.keyboard.press("Escape")
        one.page.wait_for_selector("[data-testid=dialog]", state="detached")
    assert "A123456789" in one.page.inner_text("[data-testid=funds]")
