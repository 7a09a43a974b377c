"""The exchange's site in a browser: two people, every page, every act clicked (S-05)."""

from collections.abc import Iterator

import pytest
from desk_world import PATIENCE, chromium
from office_world import Guests, act, listening, ready, shows
from ratings_world import OTHER, write_ratings
from register_world import Exchange

from quanheng.compose.registry_files import RATINGS

OWN = "OURS01"


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    made = Exchange(tmp_path_factory.mktemp("exchange"))
    write_ratings(made.folder / RATINGS / "202406", OWN)
    yield made
    made.close()


@pytest.fixture(scope="module")
def guests(exchange: Exchange) -> Iterator[Guests]:
    with listening(exchange.app) as base, chromium() as browser:
        made = Guests(browser, base, exchange.people)
        yield made
        made.close()


def second(guests: Guests, page: str, sheet: str, words: str) -> None:
    """The reviewer agrees to the newest act that waits."""
    two = guests("X02")
    ready(two, page)
    two.page.click("[data-testid=again]")
    shows(two, sheet, words)
    act(two, f"[data-testid=sheet-{sheet}] [data-act='registry.second']")


def test_the_site_is_the_exchanges(guests: Guests):
    """Its pages and its name, and no lamp, key or button of a desk."""
    one = guests("X01")
    pages = one.page.eval_on_selector_all("nav.pages a", "all => all.map(one => one.dataset.page)")
    assert pages == ["makers", "ratings", "publication"]
    assert "交易所" in one.page.title() and "交易所" in one.page.inner_text(".brand")
    for name in ("kill-all", "keys", "slider"):
        assert one.page.query_selector(f"[data-testid={name}]:visible") is None, name
    assert one.page.query_selector_all(".lamp").__len__() == 1
    one.clean()


def test_a_step_is_entered_by_one_and_seconded_by_another(guests: Guests):
    """Recorded at once, decided by two; the proposer is not offered to agree, and may withdraw."""
    one = guests("X01")
    ready(one, "makers")
    shows(one, "makers", OTHER)
    given = {"maker": "NEW1", "underlying": "510300", "kind": "general", "day": "2024-06-24"}
    for step in ("applied", "accepted", "reviewed"):
        act(one, "[data-act='registry.step']", step=step, reference=f"文 {step}", **given)
        shows(one, "maker_steps", f"文 {step}")
    act(one, "[data-act='registry.step']", step="granted", reference="文 granted", **given)
    shows(one, "waiting_acts", "决定同意")
    waits = "[data-testid=sheet-waiting_acts]"
    assert one.page.query_selector(f"{waits} [data-act='registry.second']") is None
    act(one, f"{waits} [data-act='registry.withdraw']")
    act(one, "[data-act='registry.step']", step="granted", reference="文 again", **given)
    second(guests, "makers", "waiting_acts", "文 again")
    shows(guests("X02"), "maker_steps", "文 again")
    one.clean()
    guests("X02").clean()


def test_a_maker_is_lowered_and_a_contract_designated_by_two(guests: Guests, exchange: Exchange):
    one = guests("X01")
    ready(one, "makers")
    act(one, "[data-act='registry.measure']", maker=OTHER, measure="lowering", underlying="510050",
        steps="1", day="2024-07-01", reference="监 1", reason="报价中断")  # fmt: skip
    second(guests, "makers", "waiting_acts", "报价中断")
    assert OTHER in (exchange.folder / "tables" / "letters.csv").read_text("utf-8")
    # A third primary maker comes in by other people: a person has one session at a time.
    for step in ("applied", "accepted", "reviewed", "granted", "agreement", "admitted"):
        made = exchange.step("X05", maker="P1", underlying="510050", step=step)
        if made["status"] == "proposed":
            exchange.act("X06", "registry.second", number=made["number"])
    ready(one, "makers")
    act(one, "[data-act='registry.designate']", contract="10006001", makers=f"{OWN} {OTHER} P1",
        since="2024-07-01", reference="指 1")  # fmt: skip
    second(guests, "makers", "waiting_acts", "10006001")
    assert "P1,10006001" in (exchange.folder / "tables" / "designations.csv").read_text("utf-8")


def test_ratings_are_read_and_published_by_two(guests: Guests, exchange: Exchange):
    """Every part of the ratings, then a publication; its page opens in a sandbox."""
    one = guests("X01")
    ready(one, "ratings")
    for tab, sheet, words in (
        ("monthly", "monthly", "书面监管函下调"), ("yearly", "overall", OTHER),
        ("chapter9", "cancellations", "可以取消"),
    ):  # fmt: skip
        one.page.click(f"[data-tab={tab}]")
        one.page.wait_for_selector(f"[data-ready={tab}]")
        shows(one, sheet, words)
    ready(one, "publication")
    act(one, "[data-act='registry.publish']")
    shows(one, "drafts", "待审批")
    second(guests, "publication", "publications", "202406")
    two = guests("X02")
    shows(two, "published", "publication.html")
    shown = two.page.request.get(
        f"{two.base}/api/office/publication/file?of=202406/publication/publication.html&show=true"
    )
    assert "sandbox" in shown.headers["content-security-policy"] and OTHER in shown.text()
    one.clean()
    two.clean()


def test_the_auditor_reads_everything_in_english(guests: Guests):
    """Every page, the journal of acts, its people; nothing that could be done."""
    one = guests("X03", "en")
    for name in ("makers", "ratings", "publication", "admin"):
        ready(one, name)
        assert one.page.query_selector(".pane [data-act]") is None, name
    ready(one, "makers")
    one.page.click("[data-tab=register_acts]")
    one.page.wait_for_selector("[data-ready=register_acts]", timeout=PATIENCE)
    shows(one, "register_acts", "publish rating 202406")
    one.clean()
