"""The interface for programs: what it gives, to whom, and that its document tells the truth."""

import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from importlib.resources import files
from pathlib import Path

import polars
import pytest
import uvicorn
from api_world import REPORT, TOKEN, Programs
from test_desk_door import CSRF, ORIGIN

from quanheng.desk import exports, file_access
from quanheng.desk.access import VIEWS
from quanheng.desk.api_document import document
from quanheng.desk.door import VIEW_OF, declared
from quanheng.desk.functions import FUNCTIONS
from quanheng.desk.knocks import Knocks
from quanheng.desk.ports import SourceError, Table

V1 = "/api/v1"


@pytest.fixture
def api(built: Programs) -> Programs:
    """The same for all, with nothing asked, and a token that may what every post may."""
    built.client.cookies.clear()
    built.commands.asked.clear()
    built.roles = tuple(file_access.ROLES)
    return built


def test_the_document_tells_the_truth(tmp_path: Path):
    """Hundreds of generated requests, good and bad, over a socket: every answer is one that the
    document names, no method or parameter is unknown to it, and none opens without the token.
    """
    served = Programs(tmp_path)
    served.app.state.tries = Knocks(10_000)  # bad tokens are part of what is generated
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        config = uvicorn.Config(served.app, log_level="critical", ws="websockets-sansio")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [line]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.02)
            address = f"http://127.0.0.1:{line.getsockname()[1]}{V1}/openapi.json"
            command = [sys.executable, "-m", "schemathesis.cli", "run", address]
            options = ("--header", f"Authorization: Bearer {TOKEN}", "--max-examples", "5",
                       "--phases", "coverage,fuzzing", "--generation-deterministic")  # fmt: skip
            done = subprocess.run(
                [*command, *options], capture_output=True, text=True, timeout=600, cwd=tmp_path,
                env={**os.environ, "PYTHONWARNINGS": "ignore"}, check=False,
            )  # fmt: skip
        finally:
            server.should_exit = True
            thread.join(20)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    assert f"Tested: {len(json.loads(document(served.app))['paths']) + 1}" in done.stdout


def test_the_shipped_document_is_the_served_one(api: Programs):
    """OpenAPI 3.1, with every route for programs and no other."""
    shipped = (files("quanheng") / "data" / "openapi.json").read_bytes()
    served = api.get(f"{V1}/openapi.json")
    assert served.content == shipped
    told = json.loads(shipped)
    assert told["openapi"].startswith("3.1")
    open_to_programs = {path for _, path, _, programs in declared(api.app) if programs}
    assert {path.replace(":str", "").replace(":int", "") for path in open_to_programs} == {
        *told["paths"], f"{V1}/openapi.json",
    }  # fmt: skip


def test_each_of_the_eleven_functions_has_a_page_and_an_interface(api: Programs):
    """Chapter 8, 2(2): named as the guide names them, and each of their tables answers."""
    told = api.get(f"{V1}/functions").json()
    assert [one["zh"] for one in told] == [
        "行情揭示", "账户管理", "交易管理", "保证金管理", "风险控制", "策略管理", "清算",
        "行权管理", "库存管理", "权限管理", "统计报表",
    ]  # fmt: skip
    for one in told:
        assert one["page"] in VIEWS and one["paths"], one
        for path in one["paths"]:
            assert api.get(path).status_code == 200, path
    assert {name for one in FUNCTIONS for name in one.tables} <= set(VIEW_OF)


def test_tables_are_paged_searched_and_listed_by_right(api: Programs):
    page = api.get(f"{V1}/tables/risk?limit=1&offset=1").json()
    assert (len(page["rows"]), page["total"]) == (1, 2)
    assert api.get(f"{V1}/tables/risk?find=正常").json()["total"] == 1
    listed = {one["name"] for one in api.get(f"{V1}/tables").json()}
    assert listed == set(VIEW_OF) - {"sys"}
    api.roles = ("ops",)
    listed = {one["name"] for one in api.get(f"{V1}/tables").json()}
    assert "orders" in listed and not listed & {"risk", "people", "duty"}
    for path in ("tables/risk", "duties", "reports", "tables/orders/export"):
        assert api.get(f"{V1}/{path}").status_code == 403, path
    assert api.get(f"{V1}/tables/made-up").status_code == 403


def test_a_table_leaves_as_a_file_that_holds_no_formula(api: Programs):
    """CSV, xlsx and Parquet say the same; what begins like a formula is text in each of them."""
    csv = api.get(f"{V1}/tables/risk/export?format=csv")
    assert csv.headers["content-type"] == "application/octet-stream"
    assert csv.headers["content-disposition"].startswith('attachment; filename="risk.csv"')
    lines = csv.content.decode("utf-8-sig").splitlines()
    assert lines[1:] == ['\'=1+1,-0.5,正常,"{""a"":1}",7,', "'\tx,+1,,{},-7,True"]
    xlsx = api.get(f"{V1}/tables/risk/export?format=xlsx").content
    with zipfile.ZipFile(io.BytesIO(xlsx)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        words = book.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet and "=1+1" in words and "<v>-0.5</v>" in sheet
    found = polars.read_parquet(api.get(f"{V1}/tables/risk/export?format=parquet").content)
    assert found["formula"].to_list() == ["=1+1", "\tx"]
    assert found["count"].to_list() == [7, -7] and found["count"].dtype == polars.Int64
    assert found["flag"].to_list() == [None, True]
    assert api.get(f"{V1}/tables/risk/export?format=exe").status_code == 400


@pytest.mark.parametrize("start", exports.BEGINS)
def test_every_beginning_of_a_formula_is_made_harmless(start: str):
    for text in (f"{start}1+1", f"  {start}cmd"):
        table = Table((text,), [[text]], 1)
        head, cell = exports.csv_of(table).decode("utf-8-sig").splitlines(keepends=True)[:2] \
            if start not in "\r\n" else (f"'{text}", f"'{text}")  # fmt: skip
        assert head.lstrip('"')[:1] == cell.lstrip('"')[:1] == "'", (head, cell)
        assert exports.harmless(text) == "'" + text
    assert exports.harmless("-0.5") == "-0.5" and exports.harmless("+12") == "+12"


def test_reports_are_named_and_not_pathed(api: Programs):
    assert [one["name"] for one in api.get(f"{V1}/reports").json()] == ["class_day.csv"]
    assert api.get(f"{V1}/reports/class_day.csv").content == REPORT
    safe = api.get(f"{V1}/reports/class_day.csv/export?format=csv").content.decode("utf-8-sig")
    assert safe.splitlines()[1:] == ["'=cmd|calc,1", "'@SUM(A1),2"]
    for name in ("none.csv", "..%2f..%2frun.json", "%2e%2e", "..%5crun.json", "class_day.csv%00"):
        assert api.get(f"{V1}/reports/{name}").status_code in (400, 404), name
        assert api.get(f"{V1}/reports/{name}/export").status_code in (400, 404), name


def test_a_program_proposes_in_its_owners_name_and_seconds_nothing(api: Programs):
    body = {"command": "parameter", "fields": {"scope": "*", "name": "width", "value": 4000}}
    first = api.post(f"{V1}/proposals", {**body, "idem": "7"}).json()
    assert api.post(f"{V1}/proposals", {**body, "idem": "7"}).json() == first
    assert api.commands.asked == [("P01", "parameter", body["fields"])]
    assert api.post(f"{V1}/proposals/1/withdraw", {}).json()["status"] == "withdrawn"
    api.commands.asked.clear()
    for path in ("/api/second/1", "/api/pull", "/api/command/parameter", "/api/withdraw/1"):
        assert api.post(path, {}).status_code == 403, path
        assert api.post(path, {}, **ORIGIN).status_code == 403, path
    api.roles = ("auditor",)
    assert api.post(f"{V1}/proposals", body).status_code == 403
    assert api.commands.asked == []


def test_a_token_opens_nothing_else_and_a_bad_one_nothing_at_all(api: Programs):
    """Not the page's own routes, not the socket; and a cookie beside a bad token does not help."""
    for path in ("/api/me", "/api/table/risk", "/schema/openapi.json"):
        assert api.get(path).status_code == 403, path
    cookie = api.enter("T01")
    for given in ("Bearer x", "Bearer ", "Basic eDp5", "qh_of-a-test"):
        answer = api.client.get(f"{V1}/positions", headers={"authorization": given})
        # What is no bearer's is not read at all, so that the page's session counts.
        assert answer.status_code == (401 if given == "Bearer x" else 200), given
    api.app.state.tries = Knocks()
    api.client.cookies.clear()
    assert api.client.get(f"{V1}/positions").status_code == 401
    api.enter("T01")
    without = api.client.post(f"{V1}/proposals", json={"command": "parameter"}, headers=ORIGIN)
    assert without.status_code == 403  # a page needs the session's own token in its header
    assert CSRF in cookie


def test_a_file_without_its_package_says_which_extra_is_missing(monkeypatch):
    for name, package, write in (
        ("xlsx", "xlsxwriter", lambda: exports.xlsx_of("t", Table(("a",), [[1]], 1))),
        ("Parquet", "pyarrow", lambda: exports.parquet_of(Table(("a",), [[1]], 1))),
    ):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(SourceError, match=f"{name} needs the extra"):
            write()
