"""Fixtures of the desk's tests: one people store is made, every test has a copy of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from papers_world import fill
from people_world import STAFF, World

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
