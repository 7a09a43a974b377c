"""No secret in any output: people come in, work and leave, and nothing is found (promise 41)."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pyotp
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "people"))
import people_world
from people_world import ACCOUNT, PASSWORD, World

from quanheng.desk.door import COOKIE, CSRF
from quanheng.desk.people import passwords, tokens
from quanheng.desk.people.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A store of the hour before, since the process reads the real clock."""
    with pytest.MonkeyPatch.context() as patch:
        now = time.time_ns() - 3_600 * 10**9
        patch.setattr(people_world.Clock, "__init__", lambda self: setattr(self, "now", now))
        patch.setattr(passwords, "HASHER", people_world.FAST)
        made = World(tmp_path_factory.mktemp("canary"))
        made.person("T01", "trader")
    made.close()
    return made


def hits(folder: Path, secrets: dict[str, str]) -> list[tuple[str, str]]:
    """(secret's name, file) of every place a secret stands in, as text or in the other codings."""
    found = []
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        for name, secret in secrets.items():
            if secret.encode() in data or secret.encode("utf-16-le") in data:
                found.append((name, path.name))
    return found


def test_no_secret_is_in_any_output_of_a_whole_visit(run: Path, store: World, tmp_path: Path):
    """Passwords right, wrong and typed into the wrong field; tokens; what the process says, the
    store of people, its trail, and every file of the run.
    """
    with Store(store.where, store.key, clock=time.time_ns) as opened:
        actor = tokens.Session(
            user="T01", name_zh="", roles=frozenset(("trader",)), csrf="", account=ACCOUNT,
            rights=frozenset(),
        )  # fmt: skip
        _, text = tokens.issue(opened, actor, "trader", ACCOUNT, "canary", 1, True)
    secrets = {"password": PASSWORD, "token": text, "factor": store.secrets["T01"],
               "wrong": "Wrong-canary-4711!"}  # fmt: skip
    log = tmp_path / "log"
    command = [sys.executable, "-m", "quanheng", "console", str(run), "--store", store.where,
               "--account", ACCOUNT, "--posts", store.where, "--port", "0"]  # fmt: skip
    environment = {**os.environ, "PYTHONASYNCIODEBUG": "0", "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
        try:
            until = time.monotonic() + 120
            while b"http" not in log.read_bytes():
                assert time.monotonic() < until and process.poll() is None, log.read_text()
                time.sleep(0.1)
            base = log.read_text().split()[2].rstrip("/")
            visit(base, store, secrets)
        finally:
            process.terminate()
            process.wait(30)
    assert hits(tmp_path, secrets) == []
    assert hits(Path(store.where).parent, secrets) == []
    assert hits(run, secrets) == []
    (tmp_path / "leak").write_bytes(b"x" + PASSWORD.encode())  # the search itself finds one
    assert hits(tmp_path, secrets) == [("password", "leak")]


def visit(base: str, store: World, secrets: dict[str, str]) -> None:
    """Everything a person and a program do, and what they do wrong."""
    with httpx.Client(base_url=base, headers={"origin": base}, timeout=60) as client:

        def knock(name: str, password: str, code: str) -> httpx.Response:
            return client.post(
                "/api/login", json={"name": name, "password": password, "code": code}
            )

        code = pyotp.TOTP(store.secrets["T01"]).now
        for name, password in ((PASSWORD, "x"), (secrets["wrong"], secrets["wrong"]),
                               ("T01", secrets["wrong"])):  # fmt: skip
            assert not knock(name, password, code()).json()["ok"]
        client.post("/api/login", content=f'{{"name": "{PASSWORD}", "password": [')
        client.post("/api/login", json={"name": "T01", "password": [PASSWORD]})
        said = knock("T01", PASSWORD, code()).json()
        assert said["ok"], said
        secrets["cookie"] = client.cookies[COOKIE]
        head = {CSRF: said["csrf"]}
        program = {"authorization": f"Bearer {secrets['token']}"}
        for path in ("/api/me", "/api/schema", "/api/table/orders", "/api/csv/board",
                     f"/api/why/{PASSWORD}", "/schema/openapi.json"):  # fmt: skip
            assert client.get(path).status_code < 500, path
        for path in ("positions", "tables/inventory", "tables/orders/export?format=xlsx", "reports",
                     "functions"):  # fmt: skip
            assert client.get(f"/api/v1/{path}", headers=program).status_code == 200, path
        body = {"fields": {"scope": PASSWORD, "name": "width", "value": 1}, "idem": PASSWORD}
        for path in ("/api/pull", "/api/command/parameter"):
            assert client.post(path, json=body, headers=head).status_code == 200
        assert client.post("/api/v1/proposals", json=body, headers=program).status_code < 500
        assert client.post("/api/logout", json={}, headers=head).status_code == 200
        assert client.get("/api/me").status_code == 401
