"""The office over HTTP: who gets where, what is refused, records that only grow."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from desk_world import PASSWORDS, people_file
from litestar.testing import TestClient
from test_desk_door import BASE, ORIGIN, Commands, Source

from quanheng.compose.console_record import Record
from quanheng.compose.console_reports import listed
from quanheng.compose.run_folder import RunError
from quanheng.desk import file_access
from quanheng.desk.access import OFFICE_VIEWS
from quanheng.desk.door import CSRF
from quanheng.desk.file_access import ROLES, FileAccess
from quanheng.desk.office import ACTS, Column, Page, Sheet, Taken
from quanheng.desk.office_routes import OFFICE_HANDLERS
from quanheng.desk.ports import Reply, SourceError
from quanheng.desk.server import application


class Papers:
    """An office of one sheet and one file, which remembers what was done."""

    def __init__(self) -> None:
        self.done: list[tuple] = []

    def page(self, name, who, ask):
        rows = [{"key": "1", "text": "=1+1", "files": [["html", "a.html"]]}]
        columns = (Column("text"), Column("files", "files"))
        return Page([Sheet("papers", columns, rows, ("无", "none"))])

    def file(self, page, who, name):
        if name != "a.html":
            raise SourceError(f"there is no file {name!r}")
        return Taken(name, "text/html; charset=utf-8", b"<script>1</script>", True)

    def act(self, name, who, fields):
        self.done.append((who.user, name, dict(fields)))
        return Reply(True, "done", "已办", "done")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Papers]]:
    dear, file_access.HASHER = file_access.HASHER, PasswordHasher(1, 8, 1)
    access = FileAccess(people_file(tmp_path_factory.mktemp("office")))
    papers = Papers()
    app = application(Source(), Commands(), access, period=0.02, office=papers)
    with TestClient(app, base_url=BASE) as client:
        yield client, papers
    file_access.HASHER = dear


def enter(client: TestClient, who: str) -> dict[str, str]:
    client.cookies.clear()
    body = {"name": who, "password": PASSWORDS[who]}
    answer = client.post("/api/login", json=body, headers=ORIGIN)
    return {**ORIGIN, CSRF: answer.json()["csrf"]}


def test_every_route_of_the_office_is_judged(house: tuple[TestClient, Papers]):
    """A stranger gets nowhere; each role exactly where its table says, to read and to do."""
    client, papers = house
    routes = [
        (str(method), path, handler.opt["permit"])
        for handler in OFFICE_HANDLERS for path in handler.paths for method in handler.http_methods
    ]  # fmt: skip
    assert len(routes) == 3 * len(OFFICE_VIEWS) + len(ACTS)
    client.cookies.clear()
    for method, path, _ in routes:
        assert client.request(method, path, headers=ORIGIN, json={}).status_code == 401, path
    for who, role in (("T01", "trader"), ("R01", "risk"), ("A01", "auditor")):
        headers, allowed = enter(client, who), {what for part in ROLES[role] for what in part}
        for method, path, permit in routes:
            query = "?sheet=papers&of=a.html" if method == "GET" else ""
            answer = client.request(method, path + query, headers=headers, json={})
            wanted = 200 if permit in allowed else 403
            assert answer.status_code == wanted, (who, path, answer.text)
    assert all(user != "A01" for user, *_ in papers.done)
    headers = enter(client, "T01")
    before = len(papers.done)
    for bad in (ORIGIN, {**headers, CSRF: "x"}, {**headers, "origin": "http://evil.example"}):
        assert client.post("/api/act/note.add", json={}, headers=bad).status_code == 403
    body = {"fields": {}, "idem": "one"}
    for _ in range(2):
        assert client.post("/api/act/note.add", json=body, headers=headers).json()["ok"]
    assert len(papers.done) == before + 1


def test_a_document_is_opened_in_a_sandbox(house: tuple[TestClient, Papers]):
    """What a report says can do nothing here; sheets for spreadsheets are no formula."""
    client, _ = house
    enter(client, "T01")
    shown = client.get("/api/office/reports/file?of=a.html&show=true")
    assert "sandbox" in shown.headers["content-security-policy"]
    assert "script-src" not in shown.headers["content-security-policy"]
    assert shown.headers["content-disposition"].startswith("inline")
    taken = client.get("/api/office/reports/file?of=a.html")
    assert taken.headers["content-disposition"].startswith("attachment")
    assert client.get("/api/office/reports/file?of=../run.json").status_code == 404
    text = client.get("/api/office/reports/csv?sheet=papers").content.decode("utf-8-sig")
    assert text.splitlines() == ["text", "'=1+1"]
    assert client.get("/api/office/reports/csv?sheet=none").status_code == 404


def test_only_reports_of_the_run_are_listed(tmp_path: Path):
    """No link that leads out, nothing half written, nothing that was received."""
    run = tmp_path / "run"
    for name in ("reports/a.csv", "reports/b.csv.part", "settlement/received/x.csv", "other/c.csv"):
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (tmp_path / "secret.txt").write_text("secret")
    (run / "reports" / "out.txt").symlink_to(tmp_path / "secret.txt")
    assert [path.relative_to(run).as_posix() for path in listed(run)] == ["reports/a.csv"]


def test_lines_that_people_leave_only_grow(tmp_path: Path):
    """A line that was changed, or is missing, is named; nothing is added behind it."""
    record = Record(tmp_path / "notes.jsonl")
    assert [record.add(words=words) for words in ("one", "two", "three")] == [1, 2, 3]
    assert [row["words"] for row in record.lines()] == ["one", "two", "three"]
    whole = record.path.read_bytes()
    record.path.write_bytes(whole.replace(b"two", b"TWO"))
    with pytest.raises(RunError, match=r"line 3 does not follow"):
        record.add(words="four")
    lines = whole.splitlines(keepends=True)
    record.path.write_bytes(lines[0] + lines[2])
    with pytest.raises(RunError, match=r"line 2 does not follow"):
        record.lines()
