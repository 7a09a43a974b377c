"""One short run of a day with everything in it, shared by the tests of the roof."""

import shutil
from pathlib import Path

import pytest
from archive_world import make_run
from compose_world import SCENARIO, Run, call, run_day

from quanheng.compose import settle_drill
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
def before(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DayResult]:
    """A short first day that leaves positions, kept whole: its folder `before` and its result."""
    return settle_drill.kept_day(
        tmp_path_factory.mktemp("drill"), "before", settle_drill.FIRST, None
    )


@pytest.fixture(scope="session")
def first(before: tuple[Path, DayResult]) -> DayResult:
    """The first day of a season, which leaves positions."""
    return before[1]


@pytest.fixture(scope="session")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two days, documents and a register archived; tests damage copies."""
    root = tmp_path_factory.mktemp("archive")
    run, second = make_run(root), make_run(root, day=20240628, quotes=3, listed=("10000001",))
    forms, registers = root / "forms", root / "registers"
    for folder, text in ((forms, "附件1 申请表"), (registers, "协议登记")):
        folder.mkdir()
        (folder / "one.txt").write_text(text, encoding="utf-8")
    to = ("--to", root / "A", "--anchor", root / "outside.txt", "--json")
    for source, *more in (
        (run,), (second,), (forms, "--kind", "documents"), (registers, "--kind", "registers"),
    ):  # fmt: skip
        done = call("archive", "add", source, *to, "--by", "C01", *more)
        assert done.code == 0 and done.json["added"], done.err
    return root


@pytest.fixture
def archive_copy(archived: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(archived / "A", tmp_path / "A")
    shutil.copy(archived / "A.key", tmp_path / "A.key")
    return tmp_path / "A"


@pytest.fixture(scope="session")
def drilled(before: tuple[Path, DayResult]) -> Path:
    """A folder with the runs `before`, `expiry` and `delivery` of the drill, not settled."""
    folder, day = before
    settle_drill.days(folder.parent, day)
    return folder.parent


@pytest.fixture
def plain_day(before: tuple[Path, DayResult], tmp_path: Path) -> Path:
    """A copy of the short first day, to settle and to damage."""
    return Path(shutil.copytree(before[0], tmp_path / "before"))


@pytest.fixture
def expiry_days(drilled: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Copies of the expiry and of the day after."""
    expiry, after = (
        Path(shutil.copytree(drilled / name, tmp_path / name)) for name in ("expiry", "delivery")
    )
    return expiry, after
