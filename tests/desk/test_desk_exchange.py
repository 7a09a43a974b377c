"""The exchange's page: whose rows a person sees, what a step of the register may be (S-05)."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from argon2 import PasswordHasher
from litestar.testing import TestClient
from ratings_world import OTHER, THIRD, write_ratings
from test_desk_door import BASE, ORIGIN, Commands, Source

from quanheng.compose import console_exchange, maker_register
from quanheng.compose.console_house import House
from quanheng.compose.console_office import RunOffice
from quanheng.compose.maker_register import NAME
from quanheng.compose.ratings_read import read_ratings
from quanheng.compose.run_folder import RunError
from quanheng.desk import file_access
from quanheng.desk.door import CSRF
from quanheng.desk.file_access import FileAccess, add_person
from quanheng.desk.routes import NEEDS
from quanheng.desk.server import application

OWN = "OURS01"
STAFF = {"X01": "exchange", "T01": "trader", "A01": "auditor", "O01": "ops"}
PASSWORD = "a long one 1"
TERMS = {
    "accepted": ("2024-07-15", "amber"), "reviewed": ("2024-07-15", "amber"),
    "granted": ("2024-07-01", "amber"),
}  # fmt: skip
"""15 trading days from Monday 2024-06-24 for the decision, 5 for the agreement; the day is later.
"""
APPLIED = {"maker": "NEW1", "underlying": "510300", "kind": "primary", "step": "applied",
           "day": "2024-06-24", "reference": "申请 1"}  # fmt: skip


class Site:
    """The console over ratings, and who asks it."""

    def __init__(self, client: TestClient, folder: Path) -> None:
        self.client, self.folder = client, folder

    def enter(self, who: str) -> dict[str, str]:
        self.client.cookies.clear()
        body = {"name": who, "password": PASSWORD}
        answer = self.client.post("/api/login", json=body, headers=ORIGIN)
        return {**ORIGIN, CSRF: answer.json()["csrf"]}

    def page(self, who: str, tab: str = "") -> dict[str, Any]:
        self.enter(who)
        return self.client.get(f"/api/office/exchange?of={tab}").json()

    def step(self, who: str, **change: str) -> dict[str, Any]:
        body = {"fields": {**APPLIED, **change}}
        answer = self.client.post("/api/act/exchange.record", json=body, headers=self.enter(who))
        return {"code": answer.status_code, **answer.json()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    dear, file_access.HASHER = file_access.HASHER, PasswordHasher(1, 8, 1)
    folder = tmp_path_factory.mktemp("exchange")
    for person, role in STAFF.items():
        add_person(folder / "people.toml", person, (role,), "", PASSWORD, False)
    ratings = write_ratings(folder / "ratings", OWN)
    log = SimpleNamespace(opened=SimpleNamespace(maker=OWN), info=SimpleNamespace(day=20240716))
    opened: Any = SimpleNamespace(log=log)
    office = RunOffice(House(folder, opened, ratings=ratings))
    access = FileAccess(folder / "people.toml")
    app = application(Source(), Commands(), access, period=0.02, office=office)
    with TestClient(app, base_url=BASE) as client:
        yield Site(client, ratings)
    file_access.HASHER = dear


def makers(page: dict[str, Any]) -> set[str]:
    return {row["maker"] for sheet in page["sheets"] for row in sheet["rows"]}


def test_a_desk_sees_its_own_rows_and_no_other(site: Site):
    """On every part, in what is taken away, and for who audits: another maker is nowhere."""
    for tab in console_exchange.TABS[:-1]:
        whole = site.page("X01", tab)
        assert makers(whole) & {OTHER, THIRD}, tab
        for who in ("T01", "A01"):
            own = site.page(who, tab)
            assert makers(own) <= {OWN}, (who, tab)
            text = site.client.get(f"/api/office/exchange?of={tab}").text
            assert OTHER not in text and THIRD not in text
            assert "exchange.record" not in text
            for sheet in own["sheets"]:
                taken = site.client.get(f"/api/office/exchange/csv?of={tab}&sheet={sheet['name']}")
                assert OTHER not in taken.text and THIRD not in taken.text
                assert sheet["rows"] or all(sheet["why"]), sheet["name"]
    assert makers(site.page("T01", "monthly")) == {OWN}
    assert site.client.get("/api/office/exchange?of=published").status_code == 404
    file = "/api/office/exchange/file?of=publication/monthly.csv"
    assert site.client.get(file).status_code == 404
    site.enter("X01")
    assert OTHER in site.client.get(file).text
    assert site.client.get("/api/office/exchange/file?of=../people.toml").status_code == 404


def test_the_wall_is_in_the_path(site: Site, monkeypatch: pytest.MonkeyPatch):
    """With the one line that tells whose rows they are gone, the test above would see it."""
    monkeypatch.setattr(console_exchange._View, "_mine", lambda self, maker: True)
    assert makers(site.page("T01", "monthly")) == {OWN, OTHER, THIRD}


def test_the_exchange_has_nothing_of_the_desk(site: Site):
    """Deny by default: its own page and its own act, no other page, table or command; who has no
    view of duties does not get there at all.
    """
    headers = site.enter("X01")
    me = site.client.get("/api/me").json()
    assert me["views"] == ["exchange"]
    for path in ("/api/table/board", "/api/table/orders", "/api/office/reports", "/api/csv/sys"):
        assert site.client.get(path).status_code == 403, path
    for path in ("/api/pull", "/api/second/1", "/api/withdraw/1", "/api/act/note.add",
                 *(f"/api/command/{name}" for name in NEEDS)):  # fmt: skip
        assert site.client.post(path, json={}, headers=headers).status_code == 403, path
    site.enter("O01")
    assert site.client.get("/api/office/exchange").status_code == 403
    for who in ("T01", "A01", "O01"):
        assert site.step(who)["code"] == 403
    assert not (site.folder / NAME).exists()


def test_results_are_shown_as_published(site: Site):
    """Exact ratios as percentages, the newest month first, reasons in both languages."""
    monthly, designated = site.page("X01", "monthly")["sheets"]
    first = next(row for row in monthly["rows"] if row["maker"] == OTHER)
    assert (first["to_day"], first["grade_zh"], first["reasons_zh"], first["reasons_en"]) == (
        "2024-06-20", "D", "书面监管函下调", "lowered for a letter",
    )  # fmt: skip
    assert (first["spread_ratio"], first["weighted"], first["volume_ratio"]) == (
        "42.86", "96.40", "125.00",
    )  # fmt: skip
    assert monthly["rows"][-1]["to_day"] == "2024-05-20"
    general = next(row for row in monthly["rows"] if row["maker"] == THIRD)
    assert general["spread_ratio"] is None and general["answers"] == "90.00"
    assert designated["rows"][0]["duty_met"] == "duty_missed"
    yearly, overall = site.page("X01", "yearly")["sheets"]
    assert [row["score"] for row in yearly["rows"]] == ["3.50", "0.33", "2.00"]
    assert [row["rank"] for row in overall["rows"]] == [1, 2]
    out, near, places, decided = site.page("X01", "chapter9")["sheets"]
    assert [row["maker"] for row in out["rows"]] == [OTHER]
    assert near["rows"][0]["standing"] == "near_met" and near["rows"][0]["barred"] == "2025-06"
    assert places["rows"][0]["maker"] == THIRD
    assert decided["rows"][0]["decided"] == "decided_letter"
    entry = site.page("X01")["sheets"][0]["rows"][0]
    assert (entry["maker"], entry["since"], entry["letters"], entry["grades"]) == (
        OTHER, "2023-12-21", 1, "2024-05 B · 2024-06 D",
    )  # fmt: skip


def test_a_maker_goes_from_application_to_cancellation(site: Site):
    """Each step follows the one before; the class that loses a maker is named (chapter 2 十)."""
    assert "不能 agreement" in site.step("X01", step="agreement")["zh"]
    for number, step in enumerate(
        ("applied", "incomplete", "accepted", "reviewed", "granted", "agreement", "admitted"), 1
    ):
        made = site.step("X01", step=step, reference=f"文 {number}")
        assert made["ok"] and made["number"] == number, made
        entry = next(row for row in site.page("X01")["sheets"][0]["rows"] if row["maker"] == "NEW1")
        assert (entry["due"], entry["tone"]) == TERMS.get(step, ("", "")), step
    entry = next(row for row in site.page("X01")["sheets"][0]["rows"] if row["maker"] == "NEW1")
    assert (entry["standing"], entry["since"], entry["agreement"], entry["kind"]) == (
        "admitted", "2024-06-24", "文 6", "primary",
    )  # fmt: skip
    assert "早于" in site.step("X01", step="cancelled", day="2024-06-21", clause="9-2-2")["zh"]
    assert "条款" in site.step("X01", step="cancelled", day="2024-07-01")["zh"]
    assert "day: " in site.step("X01", step="cancelled", day="2024-07-40")["zh"]
    assert "step: " in site.step("X01", step="approved")["zh"]
    assert "maker: " in site.step("X01", maker=" ")["zh"]
    assert site.step("X01", step="cancelled", day="2024-07-01", clause="9-2-2")["ok"]
    assert site.page("X01")["facts"] == [["lacking", "510300", "warn"]]
    assert site.step("X01", step="announced", day="2024-07-02")["ok"]
    early = site.step("X01", step="applied", day="2025-06-30")
    assert "1年内不得重新申请" in early["zh"]
    assert site.step("X01", step="applied", day="2025-07-01")["ok"]
    steps = site.page("X01")["sheets"][1]["rows"]
    assert [row["event"] for row in steps][:3] == ["applied", "announced", "cancelled"]
    assert "NEW1" not in str(site.page("T01"))


def test_who_was_last_may_come_back_at_once():
    """Chapter 9 二, 三: after 末位淘汰 there is no ban; after one's own notice there is."""

    def left(step: str, clause: str) -> tuple[maker_register.Step, ...]:
        return (maker_register.Step(number=1, at=0, by="X01", maker="M1", underlying="510050",
                                    kind="primary", step=step, day=20240701, reference="1",
                                    clause=clause),)  # fmt: skip

    maker_register._may_return("M1", left("cancelled", "9-2-3"), 20240702)
    for step, clause in (("cancelled", "9-2-1-a"), ("ended", "")):
        with pytest.raises(RunError, match="1年内"):
            maker_register._may_return("M1", left(step, clause), 20240702)


def test_a_record_that_was_changed_is_named(site: Site, tmp_path: Path):
    """The register only grows (S-01)."""
    folder = Path(shutil.copytree(site.folder, tmp_path / "copy"))
    maker_register.record(folder, (), "X01", {**APPLIED, "maker": "N2", "day": 20240624})
    maker_register.record(folder, (), "X01", {**APPLIED, "maker": "N3", "day": 20240624})
    path = folder / NAME
    path.write_bytes(path.read_bytes().replace(b'"N2"', b'"N9"'))
    with pytest.raises(RunError, match="does not follow the line before"):
        maker_register.steps_of(folder)


def test_several_months_are_one_history(tmp_path: Path):
    """A folder of ratings is read as one; two that say two things of a month are named; so are a
    line that is none and a folder without ratings.
    """
    write_ratings(tmp_path / "202405", OWN)
    write_ratings(tmp_path / "202406", OWN)
    once = read_ratings(tmp_path / "202405")
    assert read_ratings(tmp_path).tables == once.tables
    path = tmp_path / "202406" / "period.csv"
    text = path.read_text("utf-8")
    path.write_text(text.replace(",D,D,LETTER_1", ",D,B,LETTER_1"), "utf-8")
    with pytest.raises(RunError, match=r"period .*OTHER1 510050.*202405 与 202406"):
        read_ratings(tmp_path)
    path.write_text(text.replace(",12345,", ",many,", 1), "utf-8")
    with pytest.raises(RunError, match=r"period.csv line 2: .*many"):
        read_ratings(tmp_path)
    path.write_text(text.replace("volume_ratio", "ratio", 1), "utf-8")
    with pytest.raises(RunError, match="column 'volume_ratio' is missing"):
        read_ratings(tmp_path)
    (tmp_path / "202406" / "makers.csv").unlink()
    path.write_text(text, "utf-8")
    without = read_ratings(tmp_path / "202406").tables["makers"]
    assert [(row["maker"], row["since"]) for row in without[:2]] == [(OWN, ""), (OTHER, "")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="没有评价结果"):
        read_ratings(tmp_path / "empty")


def test_a_console_without_ratings_says_so(site: Site):
    """Neither a page with nothing in it nor an act that goes nowhere."""
    opened: Any = SimpleNamespace(log=SimpleNamespace(opened=None))
    bare = House(site.folder, opened)
    who: Any = SimpleNamespace(user="X01", permits=lambda what: True)
    assert console_exchange.page(bare, who, {}).note == console_exchange.NO_RATINGS
    with pytest.raises(console_exchange.SourceError, match="--ratings"):
        console_exchange.record(bare, who, APPLIED)
    with pytest.raises(console_exchange.SourceError, match="no publication"):
        console_exchange.file(bare, who, "publication/monthly.csv")
