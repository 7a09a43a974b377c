"""The firm's page 交易所: what was published of its own maker, read only, and no other (S-05)."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from argon2 import PasswordHasher
from litestar.testing import TestClient
from ratings_world import OTHER, THIRD, write_ratings
from test_desk_door import BASE, ORIGIN, Commands, Source

from quanheng.compose import console_exchange, rating_sheets
from quanheng.compose.console_house import House
from quanheng.compose.console_office import RunOffice
from quanheng.compose.ratings_read import read_ratings
from quanheng.compose.registry_files import RATINGS, Data
from quanheng.compose.run_folder import RunError
from quanheng.desk import file_access
from quanheng.desk.door import CSRF
from quanheng.desk.file_access import FileAccess, add_person
from quanheng.desk.ports import SourceError
from quanheng.desk.server import application

OWN = "OURS01"
STAFF = {"T01": "trader", "C01": "compliance", "A01": "auditor", "O01": "ops"}
PASSWORD = "a long one 1"


class Site:
    """The firm's console over what was published, and who asks it."""

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


def publish(folder: Path) -> Path:
    """A register of the exchange with a rating that was published by two; what went out."""
    data = Data(folder)
    write_ratings(folder / RATINGS / "202406", OWN)
    kept = data.freeze("202406")
    body = {"rating": kept.rating, "sha256": kept.sha256}
    data.book.second("X02", data.book.propose("X01", "publication", body).number)
    data.publish(data.book.acts())
    return folder / "published"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    dear, file_access.HASHER = file_access.HASHER, PasswordHasher(1, 8, 1)
    folder = tmp_path_factory.mktemp("exchange")
    for person, role in STAFF.items():
        add_person(folder / "people.toml", person, (role,), "", PASSWORD, False)
    published = publish(folder / "register")
    log = SimpleNamespace(opened=SimpleNamespace(maker=OWN), info=SimpleNamespace(day=20240716))
    opened: Any = SimpleNamespace(log=log)
    office = RunOffice(House(folder, opened, ratings=published))
    access = FileAccess(folder / "people.toml")
    app = application(Source(), Commands(), access, period=0.02, office=office)
    with TestClient(app, base_url=BASE) as client:
        yield Site(client, published)
    file_access.HASHER = dear


def makers(page: dict[str, Any]) -> set[str]:
    return {row["maker"] for sheet in page["sheets"] for row in sheet["rows"]}


def test_a_desk_sees_its_own_rows_and_no_other(site: Site):
    """On every part, in what is taken away, and for who audits: another maker is nowhere, nothing
    can be done, and no file of the market is given.
    """
    for tab in console_exchange.TABS:
        for who in ("T01", "A01"):
            own = site.page(who, tab)
            assert makers(own) <= {OWN}, (who, tab)
            text = site.client.get(f"/api/office/exchange?of={tab}").text
            assert OTHER not in text and THIRD not in text
            for sheet in own["sheets"]:
                assert sheet["acts"] == []
                taken = site.client.get(f"/api/office/exchange/csv?of={tab}&sheet={sheet['name']}")
                assert OTHER not in taken.text and THIRD not in taken.text
                assert sheet["rows"] or all(sheet["why"]), sheet["name"]
    assert makers(site.page("T01", "monthly")) == {OWN}
    for tab in ("published", "register_acts"):
        assert site.client.get(f"/api/office/exchange?of={tab}").status_code == 404
    for name in ("register.csv", "202406/publication/monthly.csv"):
        assert site.client.get(f"/api/office/exchange/file?of={name}").status_code == 404
    entry = site.page("C01")["sheets"][0]["rows"][0]
    assert (entry["maker"], entry["since"], entry["standing"], entry["grades"]) == (
        OWN, "2024-01-02", "admitted", "2024-05 A · 2024-06 AA",
    )  # fmt: skip


def test_the_wall_is_in_the_path(site: Site, monkeypatch: pytest.MonkeyPatch):
    """With the one line that tells whose rows they are gone, the test above would see it."""
    monkeypatch.setattr(rating_sheets.View, "mine", lambda self, maker: True)
    assert makers(site.page("T01", "monthly")) == {OWN, OTHER, THIRD}


def test_the_firms_console_has_nothing_of_the_exchange(site: Site):
    """No page and no act of its site; who has no view of duties has not even this page."""
    headers = site.enter("T01")
    for path in ("/api/office/makers", "/api/office/ratings", "/api/office/publication"):
        assert site.client.get(path).status_code == 404, path
    for act in ("registry.step", "registry.second", "exchange.record"):
        assert site.client.post(f"/api/act/{act}", json={}, headers=headers).status_code == 404
    site.enter("O01")
    assert site.client.get("/api/office/exchange").status_code == 403


def test_a_register_that_is_none_is_named(site: Site, tmp_path: Path):
    """A published register with other columns is refused; without one the rating's makers hold."""
    (tmp_path / "register.csv").write_text("maker\n", "utf-8")
    with pytest.raises(RunError, match=r"register\.csv: columns are not"):
        console_exchange.published_register(tmp_path)
    assert console_exchange.published_register(tmp_path / "none") == []
    found = console_exchange.published_register(site.folder)
    assert {one.maker for one in found} == {OWN, OTHER, THIRD}


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
    """Neither a page with nothing in it, nor one of everybody for a run that names no maker."""
    opened: Any = SimpleNamespace(log=SimpleNamespace(opened=None))
    who: Any = SimpleNamespace(user="T01", permits=lambda what: True)
    bare = House(site.folder, opened)
    assert console_exchange.page(bare, who, {}).note == console_exchange.NO_RATINGS
    with pytest.raises(SourceError, match="names its maker"):
        console_exchange.page(House(site.folder, opened, ratings=site.folder), who, {})
