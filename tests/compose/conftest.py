"""One short run of a day with everything in it, shared by the tests of the roof."""

from pathlib import Path

import pytest
from compose_world import SCENARIO, Run, run_day


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
