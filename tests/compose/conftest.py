"""One short run of a day with everything in it, shared by the tests of the roof."""

from pathlib import Path

import pytest
from compose_world import SCENARIO, Run, run_day
from season_world import run_day as carried_day

from quanheng.compose.closing import DayResult


@pytest.fixture(scope="session")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own scenario: jump, halt, breaker and both outages before 09:45."""
    path = tmp_path_factory.mktemp("scenario") / "busy.toml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def day_run(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The shared run; tests that damage it work on a copy."""
    return run_day(tmp_path_factory.mktemp("runs"), scenario)


@pytest.fixture(scope="session")
def first() -> DayResult:
    """The first day of a season, which leaves positions."""
    return carried_day(20240627, None)[1]
