"""A store of people that does not answer holds up who asks it, and nobody's pictures (D32)."""

import ast
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from desk_world import people_file
from litestar.testing import TestClient
from test_desk_door import BASE, ORIGIN, Commands, House, Source

import quanheng.desk
from quanheng.desk import file_access
from quanheng.desk.file_access import FileAccess
from quanheng.desk.server import Console, application

DESK = Path(quanheng.desk.__file__).parent
PICTURES = 20
"""Pictures that have to come while the store stalls."""


class Moving(Source):
    """A read model of which every picture differs."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def tick(self, wanted: Any) -> Any:
        self.count += 1
        return {scene: {"sys": {"*": {"at": self.count}}} for scene in wanted}


class Stalling(FileAccess):
    """A store whose look-ups wait until they are let go: of persons' requests, or of the clock's
    own looks at the sessions of the sockets.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.stalled: bool | None = None
        self.go, self.asked = threading.Event(), threading.Event()

    def session(self, token: str, active: bool = True) -> Any:
        if self.stalled is active:
            self.asked.set()
            assert self.go.wait(60)
        return super().session(token, active)


class Stage(House):
    """A console over a moving model and a store that can stall."""

    def __init__(self, folder: Path) -> None:
        super().__init__(people_file(folder))
        self.access = Stalling(folder / "people.toml")
        self.app = application(Moving(), Commands(), self.access, period=0.02)
        self.client = TestClient(self.app, base_url=BASE)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    dear, file_access.HASHER = file_access.HASHER, PasswordHasher(1, 8, 1)
    made = Stage(tmp_path)
    file_access.HASHER = dear
    with made.client:
        made.enter("T01")
        yield made
        made.access.go.set()


def pictures(line: Any, wanted: int, within: float = 20.0) -> int:
    """Pictures of a socket that come in time, at most `wanted`; each is acknowledged."""
    found, until = 0, time.monotonic() + within
    while found < wanted and time.monotonic() < until:
        try:
            said = line.receive_json(timeout=0.5)
        except Exception:  # nothing came
            return found
        if said["t"] in ("s", "d"):
            found += 1
            line.send_text('{"t":"a"}')
    return found


def watch(stage: Stage, stalled: bool, ask: Callable[[], object]) -> int:
    """Pictures that another socket gets while the store stalls."""
    with stage.client.websocket_connect("/ws", headers=ORIGIN) as line:
        line.send_text('{"t":"sub","ch":["sys"]}')
        assert pictures(line, 2) == 2
        stage.access.stalled = stalled
        asking = threading.Thread(target=ask)
        asking.start()
        assert stage.access.asked.wait(20)
        found = pictures(line, PICTURES)
        stage.access.go.set()
        asking.join(20)
    return found


def test_a_stalled_store_stalls_no_other_socket(stage: Stage):
    """A request waits in the store; the pictures of somebody else's socket go on, and the request
    is answered when the store is.
    """
    answers: list[int] = []

    def ask() -> None:
        answers.append(stage.client.get("/api/me").status_code)

    assert watch(stage, True, ask) == PICTURES
    assert answers == [200]


def test_the_clocks_look_at_sessions_stalls_no_picture(stage: Stage):
    """Every five seconds all sessions are judged; that one waits too, and nobody with it."""
    assert watch(stage, False, lambda: None) == PICTURES


def test_without_the_thread_everything_would_stand_still(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    """The wiring: look-ups in the loop itself, as they were, and no picture comes."""

    async def in_the_loop(self: Console, call: Callable[[], Any]) -> Any:
        return call()

    monkeypatch.setattr(Console, "admitted", in_the_loop)
    assert watch(stage, True, lambda: stage.client.get("/api/me")) < PICTURES


def test_every_look_up_of_the_room_waits_in_a_thread():
    """Whatever asks the store stands in a lambda that a pool is given, in every file of the room
    but the stores' own.
    """
    checked = 0
    for path in sorted(DESK.glob("*.py")):
        if path.name in ("access.py", "file_access.py"):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        inside = {
            id(node) for one in ast.walk(tree) if isinstance(one, ast.Lambda)
            for node in ast.walk(one.body)
        }  # fmt: skip
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name == "access":
                assert id(node) in inside, f"{path.name}:{node.lineno}"
                checked += 1
    assert checked == 6
