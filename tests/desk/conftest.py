"""Fixtures of the desk: a people store of which every test has its own copy, and one small run, kept
whole, for every test of the console.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk_world import SCENARIO, people_file
from papers_world import fill
from people_world import STAFF, World

from quanheng.cli import cli
from quanheng.compose.console_log import RunLog
from quanheng.compose.console_source import RunSource
from quanheng.desk.people import database


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """A store of a test need not outlive the machine: thousands of syncs are saved."""
    own = database._on_sqlite

    def quick(raw: Any, record: Any) -> None:
        own(raw, record)
        raw.execute("PRAGMA synchronous = OFF")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_on_sqlite", quick)
        yield


@pytest.fixture(scope="session")
def _first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("people"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def _staffed(_first: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = _first.copy(tmp_path_factory.mktemp("staffed"))
    for person, post in STAFF.items():
        made.person(person, post)
    yield made
    made.close()


@pytest.fixture
def world(_first: World, tmp_path: Path) -> Iterator[World]:
    """A people store with two administrators and three accounts."""
    made = _first.copy(tmp_path)
    yield made
    made.close()


@pytest.fixture
def staff(_staffed: World, tmp_path: Path) -> Iterator[World]:
    """The same with a person on each post of STAFF."""
    made = _staffed.copy(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def _filled(_staffed: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = _staffed.copy(tmp_path_factory.mktemp("filled"))
    fill(made)
    yield made
    made.close()


@pytest.fixture
def firm(_filled: World, tmp_path: Path) -> Iterator[World]:
    """A firm with every post held twice and an account on record."""
    made = _filled.copy(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """09:10 to 09:40 with twelve contracts, a jump, a halt and many inquiries; made once, whoever
    of the workers comes first.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    root = root / "console-run"
    root.mkdir(exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "made").exists():
            scenario = root / "busy.toml"
            scenario.write_text(SCENARIO, encoding="utf-8")
            options = ("--seed", "5", "--contracts", "12", "--until", "09:40", "--journal", "full")
            command = ["day", *options, "--scenario", str(scenario), "--out", str(root), "--json"]
            cli(command, standalone_mode=False)
            (root / "made").touch()
    return next(root.glob("*-busy-s5"))


@pytest.fixture(scope="session")
def source(run: Path) -> RunSource:
    """Its read model."""
    found = RunSource(run)
    found.load()
    return found


@pytest.fixture(scope="session")
def log(source: RunSource) -> RunLog:
    """Its index."""
    return source.log


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Who may sign in."""
    yield people_file(tmp_path_factory.mktemp("people"))
