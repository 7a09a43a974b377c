"""One small run, kept whole, for every test of the console."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from desk_world import SCENARIO, people_file

from quanheng.cli import cli
from quanheng.compose.console_log import RunLog
from quanheng.compose.console_source import RunSource

if TYPE_CHECKING:
    from api_world import Programs


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


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Programs"]:
    """A console for programs, one for the tests of a module."""
    from api_world import opened

    with opened(tmp_path_factory.mktemp("built")) as made:
        yield made
