"""Nothing opens without a session, a permission, a token and our own origin (D32)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from argon2 import PasswordHasher
from desk_world import PASSWORDS, people_file
from litestar import get
from litestar.exceptions import WebSocketException
from litestar.testing import TestClient

from quanheng.compose.console_commands import MAKE
from quanheng.desk import file_access, routes
from quanheng.desk.access import COMMANDS, RIGHTS, VIEWS
from quanheng.desk.door import COOKIE, CSRF, INSIDE, POLICY, PUBLIC, SESSION, VIEW_OF
from quanheng.desk.file_access import (
    ROLES,
    FileAccess,
)
from quanheng.desk.hub import Board
from quanheng.desk.ports import Library, Reply, SourceError, Table
from quanheng.desk.server import application
from quanheng.desk.stream import stream

ORIGIN = {"origin": "http://testserver.local"}
BASE = "http://testserver.local"


class Source:
    """A read model of two cells."""

    def __init__(self) -> None:
        self.moved: list[tuple] = []

    def schema(self):
        return {"day": "2024-06-27"}

    def tick(self, wanted):
        board = Board(np.zeros((1, 1), dtype=np.int32), 0.0)
        made = {"board/0": board, "sys": {"*": {"at": 1}}, "risk": {"*": {"delta": 7}}}
        return {
            scene: {name: made[name] for name in names if name in made}
            for scene, names in wanted.items()
        }

    def pulse(self):
        return {"live": True, "engine": 0.0, "picture": 0.0}

    def control(self, scene, speed, at):
        self.moved.append((scene, speed, at))

    def drop(self, scene):
        self.moved.append(("drop", scene))

    def table(self, scene, name, ask):
        rows = [["=1+1", "-0.5", "正常", {"a": 1}]]
        return Table(("formula", "number", "words", "more"), rows, len(rows))

    def value(self, scene, scope, name):
        return "3000"

    def why(self, scene, quote, language):
        raise SourceError(f"no quote {quote}")


class Commands:
    """Remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple] = []
        self.day = True

    def open(self):
        return self.day

    def ask(self, user, command, fields):
        self.asked.append((user, command, dict(fields)))
        return Reply(True, "issued", "已下达", "issued", len(self.asked))

    def second(self, user, number):
        self.asked.append((user, "second", number))
        return Reply(True, "issued", "已下达", "issued", number)

    def withdraw(self, user, number):
        self.asked.append((user, "withdraw", number))
        return Reply(True, "withdrawn", "已撤回", "withdrawn", number)

    def preview(self, scope):
        return Reply(True, "preview", "0", "0")

    def pull(self, user, scope):
        self.asked.append((user, "pull", scope))
        return Reply(True, "pulled", "已撤", "pulled")


class House:
    """A console with its parts and a client at its door."""

    def __init__(self, people: Path, library: Library | None = None) -> None:
        self.source, self.commands = Source(), Commands()
        self.access = FileAccess(people)
        self.app = application(
            self.source, self.commands, self.access, period=0.02, library=library
        )
        self.client = TestClient(self.app, base_url=BASE)

    def enter(self, who: str) -> dict[str, str]:
        """Sign in; the headers of a command."""
        data = {"name": who, "password": PASSWORDS[who]}
        answer = self.client.post("/api/login", json=data, headers=ORIGIN)
        assert answer.json()["ok"], answer.text
        return {**ORIGIN, CSRF: answer.json()["csrf"]}


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Passwords that are cheap to check: how dear a hash is, is not what is tested here."""
    dear, file_access.HASHER = file_access.HASHER, PasswordHasher(1, 8, 1)
    yield people_file(tmp_path_factory.mktemp("door"))
    file_access.HASHER = dear


@pytest.fixture(scope="module")
def built(listed: Path) -> Iterator[House]:
    made = House(listed)
    with made.client:
        yield made


@pytest.fixture
def house(built: House) -> House:
    """The same for all, with nobody in it and nothing asked."""
    built.client.cookies.clear()
    built.commands.asked.clear()
    built.commands.day = True
    return built


def paths() -> list[tuple[str, str, str]]:
    """(method, path, permit) of every handler."""
    found = []
    for handler in routes.HANDLERS:
        for path in handler.paths:
            for method in handler.http_methods:
                found.append((str(method), path, handler.opt.get("permit", "")))
    return found


OPEN = {"/", "/static/{name:str}", "/api/login", "/api/session"}


def test_only_the_page_and_the_login_are_open():
    """Every handler names its permission; what is public is this list and nothing else."""
    assert {path for _, path, permit in paths() if permit == PUBLIC} == OPEN
    assert all(permit for _, _, permit in paths())
    known = {PUBLIC, SESSION, INSIDE, *VIEWS, *COMMANDS, *RIGHTS}
    assert {permit for _, _, permit in paths()} <= known
    assert stream.opt["permit"] == INSIDE
    assert set(VIEW_OF.values()) <= {INSIDE, *VIEWS, *RIGHTS}


@pytest.mark.parametrize(("method", "path", "permit"), paths())
def test_a_stranger_gets_nowhere(house: House, method: str, path: str, permit: str):
    """Neither with no cookie nor with one that somebody made up."""
    url = path.replace("{name:str}", "orders").replace("{number:int}", "1")
    url = url.replace("{quote:str}", "M001000001")
    for cookies in ({}, {COOKIE: "made-up"}):
        house.client.cookies.clear()
        house.client.cookies.update(cookies)
        answer = house.client.request(method, url, headers=ORIGIN, json={})
        if permit != PUBLIC:
            assert answer.status_code == 401, (url, answer.text)
    assert house.commands.asked == []


def test_the_schema_of_the_interface_needs_a_session(house: House):
    """Also what the framework adds by itself: the document of the interface, and OPTIONS."""
    assert house.client.get("/schema/openapi.json").status_code == 401
    assert house.client.get("/schema").status_code in (401, 404)
    assert house.client.options("/api/schema", headers=ORIGIN).status_code in (401, 403, 405)
    house.enter("T01")
    document = house.client.get("/schema/openapi.json").json()
    assert {"/api/table/{name}", "/api/command/{name}", "/api/pull"} <= set(document["paths"])


def test_a_handler_that_names_no_permission_is_closed(listed: Path):
    """A route somebody adds in a hurry does not open a door."""

    @get("/hurry")
    async def hurry() -> str:
        return "secret"

    made = House(listed)
    made.app.register(hurry)
    with made.client:
        made.enter("T01")
        answer = made.client.get("/hurry")
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_a_command_needs_the_token_and_our_origin(house: House):
    """A page of somebody else in the same browser has the cookie and neither of them."""
    good = house.enter("T01")
    body = {"fields": {"scope": "*"}}
    other = {**good, "origin": "http://evil.example"}
    wrong = {**good, CSRF: "x" * 43}
    for headers in ({}, ORIGIN, other, wrong, {CSRF: good[CSRF]}):
        answer = house.client.post("/api/pull", json=body, headers=headers)
        assert answer.status_code == 403, headers
    assert house.commands.asked == []
    assert house.client.post("/api/pull", json=body, headers=good).json()["ok"]
    assert house.commands.asked == [("T01", "pull", "*")]


def test_roles_have_what_their_table_says_and_no_more(house: House):
    """An auditor sees and asks for nothing; a trader seconds nothing."""
    headers = house.enter("A01")
    for path in ("/api/pull", "/api/command/parameter", "/api/second/1", "/api/withdraw/1"):
        assert house.client.post(path, json={}, headers=headers).status_code == 403
    assert house.client.get("/api/table/risk").status_code == 200
    headers = house.enter("T01")
    assert house.client.post("/api/second/1", json={}, headers=headers).status_code == 403
    assert house.client.post("/api/command/nonsense", json={}, headers=headers).status_code == 403
    headers = house.enter("R01")
    assert house.client.post("/api/second/7", json={}, headers=headers).json()["number"] == 7
    answer = house.client.post("/api/command/parameter", json={}, headers=headers)
    assert answer.status_code == 403
    assert house.commands.asked == [("R01", "second", 7)]


def test_every_command_of_the_page_has_its_permission():
    """What can be made and what may be asked for are the same list."""
    assert set(MAKE) == set(routes.NEEDS)
    assert set(routes.NEEDS.values()) <= set(COMMANDS)
    for views, commands in ROLES.values():
        assert set(views) <= set(VIEWS)
        assert set(commands) <= set(COMMANDS)


def test_asking_twice_is_answered_twice_and_done_once(house: House):
    """The browser's own number makes a repetition harmless."""
    headers = house.enter("T01")
    body = {"fields": {"scope": "*", "name": "width", "value": 4000}, "idem": "one"}
    first = house.client.post("/api/command/parameter", json=body, headers=headers).json()
    again = house.client.post("/api/command/parameter", json=body, headers=headers).json()
    assert first == again
    assert len(house.commands.asked) == 1


def test_what_has_moved_meanwhile_is_not_overwritten(house: House):
    """The value a person saw is compared before anything is asked for."""
    headers = house.enter("T01")
    body = {"fields": {"scope": "*", "name": "width", "value": 4000}, "seen": "2500"}
    answer = house.client.post("/api/command/parameter", json=body, headers=headers).json()
    assert (answer["ok"], answer["status"]) == (False, "stale")
    assert "3000" in answer["zh"]
    assert house.commands.asked == []
    body["seen"] = "3000"
    assert house.client.post("/api/command/parameter", json=body, headers=headers).json()["ok"]


def test_a_day_that_is_over_takes_no_command(house: House):
    """Looking stays possible."""
    headers = house.enter("T01")
    house.commands.day = False
    answer = house.client.post("/api/pull", json={"fields": {"scope": "*"}}, headers=headers).json()
    assert (answer["ok"], answer["status"]) == (False, "closed")
    assert house.commands.asked == []


def test_every_answer_carries_the_policy(house: House):
    """Pages, files, refusals."""
    for path in ("/", "/static/app.js", "/api/schema", "/api/session", "/nothing"):
        answer = house.client.get(path)
        assert answer.headers["content-security-policy"] == POLICY, path
        assert answer.headers["x-content-type-options"] == "nosniff", path
    assert "unsafe" not in POLICY
    assert house.client.get("/static/manifest.json").status_code == 404
    assert house.client.get("/static/..%2fwords.toml").status_code == 404


def test_the_cookie_is_out_of_reach(house: House):
    """Of scripts and of other sites."""
    data = {"name": "T01", "password": PASSWORDS["T01"]}
    said = house.client.post("/api/login", json=data, headers=ORIGIN).headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    house.client.post("/api/logout", json={}, headers={**ORIGIN, CSRF: "no"})
    assert house.client.get("/api/me").status_code == 200
    headers = house.enter("T01")
    house.client.post("/api/logout", json={}, headers=headers)
    assert house.client.get("/api/me").status_code == 401


def test_a_table_as_csv_is_no_formula(house: House):
    """Spreadsheets run what begins like one; numbers stay numbers."""
    house.enter("T01")
    answer = house.client.get("/api/csv/risk")
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0] == "formula,number,words,more"
    assert lines[1].startswith("'=1+1,-0.5,正常,")
    assert answer.headers["content-disposition"] == 'attachment; filename="risk.csv"'
    assert house.client.get("/api/why/M1").status_code == 404
    assert house.client.get("/api/table/risk?scene=r9").status_code == 403


def test_the_stream_shows_only_what_a_session_may_see(house: House):
    """A channel without permission is refused by name; a stranger does not get in at all."""
    with pytest.raises(WebSocketException), house.client.websocket_connect("/ws", headers=ORIGIN):
        pass
    house.enter("T01")
    bad = {"origin": "http://evil.example"}
    with pytest.raises(WebSocketException), house.client.websocket_connect("/ws", headers=bad):
        pass
    with house.client.websocket_connect("/ws", headers=ORIGIN) as socket:
        assert socket.receive_json()["t"] == "hello"
        socket.send_json({"t": "sub", "ch": ["sys", "secrets"]})
        seen = {}
        while not {"no", "s"} <= set(seen):
            said = socket.receive_json()
            seen[said["t"]] = said
        assert seen["no"]["ch"] == "secrets"
        assert seen["s"]["up"] == {"*": {"at": 1}}
        socket.send_json({"t": "scene", "replay": True})
        while (said := socket.receive_json())["t"] != "scene":
            pass
        headers = house.enter("T01")
        body = {"scene": said["id"], "at": "10:00:00"}
        answer = house.client.post("/api/replay", json=body, headers=headers)
        assert answer.status_code == 403  # another session's scene, though the same person's
    assert (said["id"], None, "10:00:00") not in house.source.moved


NONSENSE = (
    [], "x", 3, None, {"fields": []}, {"fields": {"scope": 3}}, {"idem": 1}, {"seen": {}},
    {"scene": 1}, {"name": [], "password": {}}, {"fields": {"scope": "x" * 9_000}},
)  # fmt: skip


def test_nonsense_is_refused_and_breaks_nothing(house: House, capsys):
    """Whatever the body or the question: an answer that blames the asker."""
    headers = house.enter("T01")
    for method, path, _ in paths():
        url = path.replace("{name:str}", "risk").replace("{number:int}", "9" * 30)
        url = url.replace("{quote:str}", "%00")
        if method == "GET":
            for query in ("limit=0", "limit=x", "offset=-1", "scene=%ff", "of=", "lang=xx"):
                assert house.client.get(f"{url}?{query}", headers=headers).status_code < 500, url
        elif method == "POST" and "log" not in url:
            for body in NONSENSE:
                answer = house.client.post(url, json=body, headers=headers)
                assert answer.status_code < 500, (url, body)
            answer = house.client.post(url, content=b"{", headers=headers)
            assert answer.status_code in (400, 403, 404), url
    assert all(user == "T01" for user, *_ in house.commands.asked)
    assert "Traceback" not in capsys.readouterr().err


def test_a_picture_that_fails_is_said_and_comes_back(listed: Path, capsys):
    """The heartbeat names the fault; the next picture may be whole again."""
    made = House(listed)
    good, made.source.tick = made.source.tick, lambda wanted: 1 / 0
    with made.client:
        made.enter("T01")
        with made.client.websocket_connect("/ws", headers=ORIGIN) as socket:
            said = [socket.receive_json() for _ in range(3)]
            assert any("ZeroDivisionError" in one.get("failed", "") for one in said)
            made.source.tick = good
            socket.send_json({"t": "sub", "ch": ["sys"]})
            while socket.receive_json()["t"] != "s":
                pass
    assert "ZeroDivisionError" in capsys.readouterr().err
