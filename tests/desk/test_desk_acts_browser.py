"""Every act that a page of the office offers is clicked in a browser (I-07, O-02 to O-05, R-02).

This file clicks what no other does, over a day whose closing cash differs by 1.50 yuan; the last
test names the acts that nobody clicks.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_world import PATIENCE, chromium, wait_for
from office_world import Firm, Guests, act, ready, rows, served, shows

from quanheng.compose.console_source import RunSource
from quanheng.desk import office
from quanheng.desk.people.access import Session
from quanheng.wire import dbf, records

CASH = "op_bzjzh"
TESTS = Path(__file__).parent
CLICKED_IN = ("test_desk_office_browser.py", "test_desk_acts_browser.py",
              "test_desk_registry_browser.py", "../live/test_live_firm_console.py")  # fmt: skip
BY_OTHER_NAMES = {"note.add": "data-note="}
"""Acts whose button is not one of a sheet."""


def differ(run: Path) -> None:
    """The closing cash of the exchange is 1.50 yuan more than ours."""
    path = next(run.glob(f"files/*/{CASH}*.dbf"))
    form = records.layout(CASH)
    found = dbf.read(form, path.read_bytes())
    row = list(found.rows[0])
    for name in ("JE1", "JE3", "JE4"):
        row[form.index(name)] = int(row[form.index(name)]) + 150
    path.write_bytes(dbf.write(form, [tuple(row), *found.rows[1:]], 20240627))


@pytest.fixture(scope="module")
def guests(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guests]:
    folder = tmp_path_factory.mktemp("acts")
    kept = Path(shutil.copytree(run, folder / run.name))
    differ(kept)
    source = RunSource(kept)
    source.load()
    firm = Firm(folder, source.log.opened.account)
    with served(kept, source, firm, None) as base, chromium() as browser:
        made = Guests(browser, base, firm)
        yield made
        made.close()
    firm.close()


def sure(one: object, selector: str) -> None:
    """Click an act and say yes."""
    act(one, selector)  # type: ignore[arg-type]


def again(one: object, sheet: str, words: str) -> None:
    """Load the page anew and wait for a row."""
    one.page.click("[data-testid=again]")  # type: ignore[attr-defined]
    shows(one, sheet, words)  # type: ignore[arg-type]


def test_a_person_is_locked_unlocked_and_relieved(guests: Guests):
    """Security administrators void a way in, end a lock, withdraw a request, end a post (O-06)."""
    one = guests("S01")
    ready(one, "admin")
    for number in ("N01", "N02"):
        act(one, "[data-act='people.add']", person=number, name_zh="新人")
    act(one, "[data-act='people.grant']", person="N01", post="quant",
        account=guests.firm.account, holder="backup")  # fmt: skip
    shows(one, "requests", "N01")
    one.page.click("[data-testid=sheet-requests] [data-act='people.withdraw']")
    wait_for(lambda: not any("N01" in row for row in rows(one, "requests")))
    line = one.page.locator("[data-testid=sheet-appointments] .grid-row", has_text="D01")
    line.locator("[data-act='people.revoke']").click()
    one.page.click("[data-testid=do]")
    wait_for(lambda: not any("D01" in row for row in rows(one, "appointments")))
    guests("O01")
    line = one.page.locator("[data-testid=sheet-appointments] .grid-row", has_text="O01")
    line.locator("[data-act='people.lock']").click()
    one.page.click("[data-testid=do]")
    guests("O01").page.wait_for_selector(".login", timeout=PATIENCE)
    guests.again("O01")


def test_a_wrong_password_s_lock_is_ended(guests: Guests):
    """Five failures lock; an administrator unlocks, and the person comes in again."""
    firm = guests.firm
    for _ in range(firm.store.rules.passwords.fails):
        assert not isinstance(firm.access.login("L01", "wrong", "000000", "here"), Session)
    assert not isinstance(
        firm.access.login("L01", "Vx7!mk2#Wq9z", firm.code("L01"), "here"), Session
    )
    one = guests("S01")
    ready(one, "admin")
    one.page.click("[data-testid=again]")
    wait_for(lambda: any("L01" in row and "锁定" in row for row in rows(one, "appointments")))
    line = one.page.locator("[data-testid=sheet-appointments] .grid-row", has_text="L01")
    line.locator("[data-act='people.unlock']").click()
    wait_for(lambda: any("L01" in row and "有效" in row for row in rows(one, "appointments")))
    assert isinstance(firm.access.login("L01", "Vx7!mk2#Wq9z", firm.code("L01"), "here"), Session)


def test_a_review_is_made_by_one_and_signed_by_another(guests: Guests):
    """The periodic review of rights: who made it cannot sign it (O-03)."""
    one = guests("S01")
    ready(one, "admin")
    one.page.click("[data-tab=reviews]")
    one.page.wait_for_selector("[data-ready=reviews]")
    sure(one, "[data-act='people.review']")
    shows(one, "reviews", "S01")
    two = guests("C01")
    ready(two, "admin")
    two.page.click("[data-tab=reviews]")
    two.page.wait_for_selector("[data-ready=reviews]")
    shows(two, "reviews", "S01")
    act(two, "[data-act='people.review_sign']", decision="无异议")
    shows(two, "reviews", "无异议")
    one.clean()
    two.clean()


def test_a_record_is_reversed_with_a_reason(guests: Guests):
    """Records only grow: a wrong one is taken back by another line."""
    one = guests("H01")
    ready(one, "registers")
    act(one, "[data-act='register.add']", subject="class", scope="510050", content="误登",
        proposer="R01", since="2024-06-03", until="2025-06-02", basis="会议纪要 2")  # fmt: skip
    shows(one, "register", "误登")
    act(one, "[data-testid=sheet-register] [data-act='register.reverse']", reason="登记有误")
    shows(one, "register", "已冲销")
    one.clean()


def test_a_difference_is_explained_adjusted_and_seconded_by_two(guests: Guests):
    """O-04: an entry is withdrawn, another seconded by risk; what is explained too; nobody alone.
    A step without a difference is signed by itself.
    """
    one = guests("L01")
    ready(one, "dayend")
    one.page.click("[data-act='settle.run']")
    shows(one, "checklist", "已核对", 120)
    shows(one, "cases", CASH, 60)
    why = {"reason": "利息", "evidence": "对账单 06-27"}
    entry = "[data-act='settle.adjust']"
    act(one, entry, item="cash", amount="1.50", **why)
    shows(one, "entries", "L01", 60)
    one.page.click("[data-testid=sheet-entries] [data-act='settle.withdraw']")
    shows(one, "entries", "已撤回", 60)
    act(one, "[data-testid=sheet-cases] [data-act='settle.explain']", **why)
    shows(one, "cases", "利息", 60)
    assert one.page.query_selector("[data-act='settle.second']") is None
    two = guests("R01")
    ready(two, "dayend")
    shows(two, "cases", "利息", 60)
    sure(two, "[data-testid=sheet-cases] [data-act='settle.second']")
    shows(two, "cases", "R01", 60)
    again(one, "cases", "R01")
    one.page.locator("[data-testid=sheet-checklist] [data-act='settle.sign']").first.click()
    one.page.click("[data-testid=do]")
    shows(one, "checklist", "L01", 60)
    one.clean()
    two.clean()


def test_no_act_is_left_that_nobody_clicks():
    """Each act of the firm's office and of the exchange's site stands in a click of a browser."""
    text = "".join((TESTS / name).read_text("utf-8") for name in CLICKED_IN)
    named = {
        *re.findall(r"""data-act='([\w.]+)'""", text),
        *re.findall(r'"([a-z_]+\.[a-z_]+)"', text),
    }
    named |= {name for name, button in BY_OTHER_NAMES.items() if button in text}
    assert sorted({*office.ACTS, *office.SITE_ACTS} - named) == []
