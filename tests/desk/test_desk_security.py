"""What somebody may try from outside, and that none of it works (promise 43; reliability 5)."""

import ast
import asyncio
import gzip
import json
import time
from pathlib import Path

import pytest
from api_world import TOKEN, Programs
from desk_world import PASSWORDS
from litestar.exceptions import WebSocketDisconnect, WebSocketException
from litestar.testing import TestClient
from test_desk_door import BASE, ORIGIN, Commands, Source

from quanheng.desk import file_access, knocks, stream
from quanheng.desk.door import COOKIE, HEADERS
from quanheng.desk.file_access import FileAccess
from quanheng.desk.server import MOST_BODY, application

HOUSE = Path(file_access.__file__).parents[1]
PULL = {"fields": {"scope": "*"}}


@pytest.fixture
def house(built: Programs) -> Programs:
    built.client.cookies.clear()
    built.commands.asked.clear()
    built.app.state.knocks = knocks.Knocks()
    return built


ORIGINS = (
    "null", "", "http://evil.example", "http://testserver.local.evil.example",
    "http://evil-testserver.local", "http://testserver.local:81",
    "http://testserver.local@evil.example", "http://evil.example#testserver.local",
    "http://evil.example/testserver.local", "testserver.local", "http://TESTSERVER.local\t.evil", "file://",
)  # fmt: skip


@pytest.mark.parametrize("origin", ORIGINS)
def test_no_page_of_another_origin_moves_or_hears_anything(house: Programs, origin: str):
    """CSRF with the cookie and even the token, login from elsewhere, and the socket."""
    good = house.enter("T01")
    bad = {**good, "origin": origin}
    for path in ("/api/pull", "/api/command/parameter", "/api/logout", "/api/v1/proposals"):
        assert house.client.post(path, json=PULL, headers=bad).status_code == 403, path
    data = {"name": "T01", "password": PASSWORDS["T01"]}
    assert house.client.post("/api/login", json=data, headers={"origin": origin}).status_code == 403
    with pytest.raises(WebSocketException), \
            house.client.websocket_connect("/ws", headers={"origin": origin}):  # fmt: skip
        pass
    assert house.commands.asked == []


def test_a_form_or_a_get_cannot_command(house: Programs):
    """What a foreign page can send without asking first: simple requests, and other verbs."""
    good = house.enter("T01")
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ):
        headers = {**ORIGIN, "content-type": kind}
        answer = house.client.post("/api/pull", content=json.dumps(PULL), headers=headers)
        assert answer.status_code == 403, kind  # no token of the session
    for verb in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
        for path in ("/api/pull", "/api/command/parameter", "/api/second/1"):
            answer = house.client.request(verb, path, headers=good)
            assert answer.status_code in (401, 403, 404, 405), (verb, path)
    override = {**good, "x-http-method-override": "POST"}
    assert house.client.get("/api/pull", headers=override).status_code == 405
    assert house.commands.asked == []


PATHS = (
    "../words.toml", "..%2fwords.toml", "%2e%2e/words.toml", "%2e%2e%2fwords.toml",
    "..%5cwords.toml", "....//words.toml", "%252e%252e%252fwords.toml", "/etc/passwd",
    "%2fetc%2fpasswd", "app.js%00.html", "..%c0%afwords.toml", "．．/words.toml",
    "app.js/../words.toml",
    "C:%5cwindows", "manifest.json", "%00", "~root",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_of_what_is_named(house: Programs, path: str):
    """Files, reports and tables are looked up by name in a list, never opened by path."""
    house.enter("T01")
    for place in ("/static/", "/api/v1/reports/", "/api/csv/", "/api/why/", "/schema/"):
        answer = house.client.get(place + path)
        assert answer.status_code in (400, 403, 404, 405), (place, answer.status_code)
        assert "root:" not in answer.text and "login_wrong" not in answer.text


def test_guessing_is_slowed_by_person_and_by_address(house: Programs, monkeypatch):
    """Five wrong ones hold a name up; one password on many names holds the address up."""

    def knock(name: str, password: str = "wrong") -> dict:
        data = {"name": name, "password": password}
        return house.client.post("/api/login", json=data, headers=ORIGIN).json()

    for _ in range(file_access.TRIES):
        assert knock("R01")["code"] == "login_wrong"
    assert knock("R01", PASSWORDS["R01"])["code"] == "login_wait"
    house.app.state.knocks = knocks.Knocks()
    said = [knock(f"N{number}")["code"] for number in range(knocks.TRIES + 5)]
    assert said == ["login_wrong"] * knocks.TRIES + ["login_wait"] * 5
    held = knock("T01", PASSWORDS["T01"])  # even the right one, from there, for a while
    assert held["code"] == "login_wait" and 0 < held["wait_s"] <= knocks.WITHIN
    now = time.monotonic() + knocks.WITHIN
    assert house.app.state.knocks.wait("testclient", now) == 0
    many = knocks.Knocks()
    for number in range(knocks.ADDRESSES + 100):
        many.failed(f"a{number}", 0.0)
    assert len(many._failed) == knocks.ADDRESSES


def test_a_program_is_held_to_its_pace_and_tokens_are_not_guessed(house: Programs, monkeypatch):
    """Twenty requests a second of a token; twenty bad tokens of an address a minute."""
    state, head = house.app.state, {"authorization": f"Bearer {TOKEN}"}
    monkeypatch.setattr(time, "monotonic", lambda: 1_000.5)
    state.rates = knocks.Rates()
    said = [house.client.get("/api/v1/functions", headers=head).status_code for _ in range(23)]
    assert said == [200] * knocks.PROGRAM_RATE + [429] * 3
    monkeypatch.setattr(time, "monotonic", lambda: 1_001.5)
    assert house.client.get("/api/v1/functions", headers=head).status_code == 200
    bad = [
        house.client.get("/api/v1/functions", headers={"authorization": f"Bearer qh_{n}"})
        for n in range(knocks.TRIES + 2)
    ]
    assert [one.status_code for one in bad] == [401] * knocks.TRIES + [429] * 2
    assert house.client.get("/api/v1/functions", headers=head).status_code == 429
    state.tries, state.rates = knocks.Knocks(), knocks.Rates(10_000)
    house.enter("T01")  # people come in all the same


def test_an_unknown_name_costs_as_much_as_a_known_one(house: Programs, monkeypatch):
    """Each refusal works out one hash, so that time tells no names."""

    class Counting:
        def __init__(self) -> None:
            self.real, self.count = file_access.HASHER, 0

        def verify(self, *given):
            self.count += 1
            return self.real.verify(*given)

    counting = Counting()
    monkeypatch.setattr(file_access, "HASHER", counting)
    answers = set()
    for name in (
        "A01",
        "nobody",
        "",
        "' OR 1=1 --",
        "A01\r\nA02 admitted",
        "A01\x00",
        "ＡＤＭＩＮ",
    ):
        data = {"name": name, "password": "wrong"}
        answers.add(house.client.post("/api/login", json=data, headers=ORIGIN).text)
    assert counting.count == 7 and len(answers) == 1


def test_a_session_is_never_the_one_that_was_brought_along(house: Programs):
    """Fixation: a cookie set before the login is not taken over; leaving ends it on the server."""
    house.client.cookies.set(COOKIE, "f" * 43)
    headers = house.enter("T01")
    mine = [one.value for one in house.client.cookies.jar if one.value != "f" * 43]
    assert len(mine) == 1 and len(mine[0]) >= 43
    house.client.cookies.clear()
    house.client.cookies.set(COOKIE, mine[0])
    house.client.post("/api/logout", json={}, headers=headers)
    house.client.cookies.set(COOKIE, mine[0])
    assert house.client.get("/api/me").status_code == 401


def test_behind_tls_the_cookie_travels_nowhere_else(tmp_path: Path):
    made = Programs(tmp_path)
    app = application(Source(), Commands(), made.access, secure=True)
    with TestClient(app, base_url=BASE) as client:
        data = {"name": "T01", "password": PASSWORDS["T01"]}
        said = client.post("/api/login", json=data, headers=ORIGIN).headers["set-cookie"].lower()
    for word in ("; secure", "; httponly", "samesite=strict", "path=/"):
        assert word in said


def test_bombs_are_refused_before_they_go_off(house: Programs):
    """Long, deep, packed and endless bodies; none is unpacked, none breaks anything."""
    good = house.enter("T01")
    deep = "[" * 100_000 + "]" * 100_000
    big = json.dumps({"fields": {"scope": "x" * (MOST_BODY + 1)}})
    packed = gzip.compress(b'{"fields": {"scope": "*", "x": "' + b"0" * 5_000_000 + b'"}}')
    login = json.dumps({"name": "x" * 300_000, "password": "x"})
    endless = (b" " * 65_536 for _ in range(64))
    for path, body, more in (
        ("/api/pull", deep, {}), ("/api/pull", '{"fields":' + deep + "}", {}),
        ("/api/pull", big, {}), ("/api/pull", packed, {"content-encoding": "gzip"}),
        ("/api/login", login, {}), ("/api/login", big, {}), ("/api/pull", endless, {}),
        ("/api/pull", '{"fields": {"n": 1' + "0" * 500_000 + "}}", {}),
        ("/api/replay", '{"scene": "end", "speed": 1e999}', {}),
        ("/api/replay", '{"scene": "end", "speed": NaN}', {}),
    ):  # fmt: skip
        headers = {**good, "content-type": "application/json", **more}
        answer = house.client.post(path, content=body, headers=headers)
        assert answer.status_code in (400, 403, 413), (path, str(body)[:40], answer.status_code)
    assert house.commands.asked == []
    assert house.client.get("/api/me").status_code == 200


def receive_all(line, most: int = 400) -> int:
    """Frames until the other side closes; its code."""
    for _ in range(most):
        try:
            line.receive(timeout=5)
        except WebSocketDisconnect as error:
            return error.code
    raise AssertionError("it was never closed")


def test_a_socket_that_misbehaves_is_cut_off(house: Programs):
    """Long frames, no JSON, floods, lies about what was painted, and one socket too many."""
    house.enter("T01")
    for text in ("x" * (stream.MOST_BYTES + 1), "{", '{"t":"unknown"}', '{"t":"a","n":1e999}',
                 json.dumps({"t": "sub", "ch": 3})):  # fmt: skip
        with house.client.websocket_connect("/ws", headers=ORIGIN) as line:
            line.send_text(text)
            assert receive_all(line) == 1000, text[:20]
    with house.client.websocket_connect("/ws", headers=ORIGIN) as line:
        for _ in range(stream.MOST_A_SECOND * 3):
            line.send_text('{"t":"a","n":1}')
        assert receive_all(line) == stream.BUSY
    with house.client.websocket_connect("/ws", headers=ORIGIN) as line:
        line.send_text(json.dumps({"t": "sub", "ch": [f"no/{n}" for n in range(1_000)]}))
        assert receive_all(line, 2_000) == stream.BUSY
    lines = []
    try:
        for _ in range(stream.MOST_SOCKETS):
            line = house.client.websocket_connect("/ws", headers=ORIGIN)
            lines.append(line.__enter__())
            assert lines[-1].receive_json()["t"] == "hello"
        with house.client.websocket_connect("/ws", headers=ORIGIN) as more:
            assert receive_all(more) == stream.BUSY
    finally:
        for line in lines:
            line.close()


def test_what_is_slow_never_keeps_a_command_waiting(house: Programs, monkeypatch):
    """Reasons and files have threads of their own: with all of them busy a pull still answers."""
    import threading

    good, gate = house.enter("T01"), threading.Event()
    monkeypatch.setattr(house.source, "why", lambda *_: gate.wait(20) and "done")
    asked = [threading.Thread(target=lambda: house.client.get("/api/why/M1")) for _ in range(6)]
    for one in asked:
        one.start()
    time.sleep(0.2)
    try:
        assert house.client.post("/api/pull", json=PULL, headers=good).json()["ok"]
        assert all(one.is_alive() for one in asked)
    finally:
        gate.set()
        for one in asked:
            one.join(20)


def test_every_answer_of_the_interface_is_hardened_too(house: Programs):
    """Files leave as attachments nobody sniffs; refusals carry the policy as well."""
    for path in ("tables/risk/export", "reports/class_day.csv", "positions", "reports/none", "x"):
        answer = house.client.get(f"/api/v1/{path}", headers={"authorization": f"Bearer {TOKEN}"})
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (path, name)
        if answer.headers["content-type"] == "application/octet-stream":
            assert answer.headers["content-disposition"].startswith("attachment; ")
        assert "server" not in answer.headers and "x-powered-by" not in answer.headers


def test_no_code_of_the_desk_fetches_an_address():
    """SSRF: there is nothing in the room that could ask another server anything."""
    banned = ("urllib.request", "http.client", "httpx", "requests", "aiohttp", "urllib3", "socket",
              "ftplib", "smtplib", "websockets.client")  # fmt: skip
    checked = 0
    for path in [*HOUSE.glob("desk/**/*.py"), *HOUSE.glob("compose/api_*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{one.name}" for one in node.names]
            for name in names:
                checked += 1
                assert not any(name == bad or name.startswith(f"{bad}.") for bad in banned), path
    assert checked > 200


def test_only_a_persons_acts_keep_a_session_awake(tmp_path: Path):
    """The socket, its heartbeat and its coming again do not; a request and a key pressed do."""
    made = Programs(tmp_path)
    clock = [0.0]
    made.access = FileAccess(tmp_path / "people.toml", clock=lambda: clock[0])
    made.app = application(Source(), Commands(), made.access, period=0.02)
    with TestClient(made.app, base_url=BASE) as client:
        made.client = client
        made.enter("T01")
        token = next(iter(client.cookies.jar)).value
        session = made.access.session(token, active=False)
        assert session is not None
        begun = session.used
        clock[0] = 60.0
        with client.websocket_connect("/ws", headers=ORIGIN) as line:
            line.send_text('{"t":"sub","ch":["sys"]}')
            console = made.app.state.console
            while not made.app.state.hub.clients:
                time.sleep(0.01)
            assert asyncio.run(console.judge(made.app.state.hub.clients[0]))
            assert session.used == begun
            line.send_text('{"t":"act"}')
            until = time.monotonic() + 10
            while session.used == begun and time.monotonic() < until:
                time.sleep(0.01)
            assert session.used == 60.0
            clock[0] = 120.0
            client.get("/api/me")
            assert session.used == 120.0
            clock[0] += file_access.IDLE_S + 1
            assert not asyncio.run(console.judge(made.app.state.hub.clients[0]))


def test_a_right_that_is_taken_away_ends_its_channels(house: Programs):
    """A session that may less than when its socket came: the socket hears so and nothing more."""
    house.enter("T01")
    with house.client.websocket_connect("/ws", headers=ORIGIN) as line:
        line.send_text('{"t":"sub","ch":["sys","risk"]}')
        hub = house.app.state.hub
        while not (hub.clients and len(hub.clients[0].subscriptions) == 2):
            time.sleep(0.01)
        client = hub.clients[0]
        client.session._may = frozenset({"trade"})
        assert asyncio.run(house.app.state.console.judge(client))
        assert list(client.subscriptions) == ["sys"]
        for _ in range(20):
            if line.receive_json(timeout=5) == {"t": "no", "ch": "risk"}:
                break
        else:
            raise AssertionError("nothing was said")
