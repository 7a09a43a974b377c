"""The process of a plan that copies journals into PostgreSQL: what it is given, says and never
mixes (F66, R-07).
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from postgres_world import Cluster, cluster

from quanheng.compose.live_database import pgcopies_of, write_pgcopies
from quanheng.compose.live_nodes import STANDBY, roles_beside
from quanheng.config import Config, read_config
from quanheng.edge import pg_journal
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.loop import Loop
from quanheng.edge.pg_config import DatabaseConfig, problem
from quanheng.edge.pg_journal import NAMES, PgForkError, PgJournal, PgJournalError
from quanheng.edge.pgcopy_main import PgCopyProcess, Setup
from quanheng.runtime.journal import INPUT
from quanheng.runtime.segment import SegmentJournal

MACHINE = "maker"


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


def grow(run: Path, frames: int, text: bytes, machine: str = MACHINE) -> None:
    journal = SegmentJournal(run, machine, segment_bytes=20_000)
    for number in range(frames):
        journal.append(INPUT, b"%s %06d" % (text, number) * 20)
    journal.sync()
    journal.close()


def process(run: Path, url: str, *machines: str) -> PgCopyProcess:
    (run / "live").mkdir(exist_ok=True)
    return PgCopyProcess(run, Setup(url, machines or (MACHINE,)), Loop())


def said(run: Path) -> list[str]:
    rows = read_lines(run / "live" / "pgcopy.jsonl")
    return [row["what"] for row in rows if row["what"] != "health"]


def whole(run: Path, url: str, machine: str, name: str) -> int:
    """Frames of a copy that is the journal."""
    copy = PgJournal(run, machine, url, name=name)
    found = copy.verify()
    copy.close()
    assert found.ok, found
    return found.frames


def with_database(**more: object) -> Config:
    config = read_config()
    url = "postgresql://desk@/copies?host=/run/postgresql"
    given = {"enabled": True, "url": url, **more}
    return msgspec.structs.replace(config, database=DatabaseConfig(**given))  # type: ignore[arg-type]


def test_f66_journals_of_several_machines_are_copied_side_by_side(
    server: Cluster, tmp_path: Path
) -> None:
    """Each under its own name; the health line says how far, and that all is connected."""
    url = server.fresh()
    grow(tmp_path, 120, b"m")
    grow(tmp_path, 40, b"o", "oversight")
    copying = process(tmp_path, url, MACHINE, "oversight")
    copying.finish()
    figures = copying.close()
    assert (figures["maker_last"], figures["oversight_last"]) == (120, 40)
    assert figures["maker_connected"] == figures["oversight_connected"] == 1
    assert said(tmp_path) == ["copy_up", "copy_up"]
    assert whole(tmp_path, url, MACHINE, tmp_path.name) == 120
    assert whole(tmp_path, url, "oversight", tmp_path.name) == 40


def test_f66_down_and_up_are_told_once_each(server: Cluster, tmp_path: Path) -> None:
    """A server that is away is told once, however often it is tried; coming back is told."""
    url = server.fresh()
    grow(tmp_path, 30, b"a")
    copying = process(tmp_path, url)
    copying.turn()
    server.kill()
    try:
        grow(tmp_path, 30, b"b")
        for _ in range(3):
            copying.turn()
        assert said(tmp_path) == ["copy_up", "copy_down"]
    finally:
        server.start()
    copying.finish()
    assert said(tmp_path) == ["copy_up", "copy_down", "copy_up"]
    assert copying.close()["maker_last"] == 60
    assert whole(tmp_path, url, MACHINE, tmp_path.name) == 60


@pytest.mark.parametrize("running", [True, False])
def test_f66_another_history_begins_another_copy(
    server: Cluster, tmp_path: Path, running: bool
) -> None:
    """A journal that was cut back and grew anew (a copy that had parted): the rows that are there
    stay as they are, what is true now goes under a new name, and both are told apart; whether the
    process saw it happen or finds it at its start.
    """
    url = server.fresh()
    grow(tmp_path, 100, b"one")
    copying = process(tmp_path, url)
    copying.finish()
    if not running:
        copying.close()
    shutil.move(tmp_path / "journal", tmp_path / "aside")
    grow(tmp_path, 150, b"two")
    if not running:
        copying = process(tmp_path, url)
    for _ in range(4):  # what it read fits no longer, is read again, is another's
        copying.turn()
    copying.finish()
    copying.close()
    assert "copy_anew" in said(tmp_path)
    names = msgspec.json.decode((tmp_path / NAMES).read_bytes())
    assert names == {MACHINE: f"{tmp_path.name}~1"}
    assert whole(tmp_path, url, MACHINE, f"{tmp_path.name}~1") == 150
    old = PgJournal(tmp_path, MACHINE, url, name=tmp_path.name)
    assert old.verify().seq == 1  # the history that was
    with pytest.raises(PgForkError, match="frame 100"):
        old.copy_once()
    old.close()


def test_f66_verify_by_hand_looks_under_the_name_of_the_run(
    server: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`pg_journal RUN maker URL verify` after a plan's process has copied: 0, all frames."""
    url = server.fresh()
    (tmp_path / "live").mkdir()
    config = with_database(url=url)
    write_pgcopies(tmp_path, config)
    grow(tmp_path, 25, b"x")
    copying = process(tmp_path, url)
    copying.finish()
    copying.close()
    assert pg_journal.main([str(tmp_path), MACHINE, url, "verify"]) == 0
    assert '"frames":25' in capsys.readouterr().out
    names = msgspec.json.decode((tmp_path / NAMES).read_bytes())
    assert names[MACHINE].startswith(f"{tmp_path.name}-")


def test_f66_which_processes_a_plan_has(tmp_path: Path) -> None:
    """None without the section; one a node; names that are there are kept."""
    assert pgcopies_of(read_config()) == ()
    alone = with_database(machines=("maker", "oversight"))
    assert pgcopies_of(alone) == ("pgcopy",)
    pair = msgspec.structs.replace(
        alone, standby=msgspec.structs.replace(alone.standby, enabled=True)
    )
    assert pgcopies_of(pair) == ("pgcopy", "pgcopy_b")
    for folder in (tmp_path, tmp_path / STANDBY):
        (folder / "live").mkdir(parents=True)
    write_pgcopies(tmp_path, pair)
    assert {"pgcopy", "pgcopy_b"} <= {*roles_beside(tmp_path)}
    kept = (tmp_path / NAMES).read_bytes()
    assert set(msgspec.json.decode(kept)) == {"maker", "oversight"}
    assert set(msgspec.json.decode((tmp_path / STANDBY / NAMES).read_bytes())) == {"maker"}
    write_pgcopies(tmp_path, pair)
    assert (tmp_path / NAMES).read_bytes() == kept


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, ""),
        ({"enabled": False, "url": "nonsense"}, ""),
        ({"url": "mysql://desk@127.0.0.1/copies"}, "url: is not postgresql://"),
        ({"url": "postgresql://desk@127.0.0.1"}, "url: is not postgresql://"),
        ({"url": "postgresql://desk:secret@127.0.0.1/copies"}, "url: holds a password"),
        ({"url": "postgresql://desk@127.0.0.1/c?password=secret"}, "url: holds a password"),
        ({"url": "postgresql://desk@10.9.9.9/copies"}, "url: 10.9.9.9 is not in isolation.peers"),
        ({"url": "postgresql://desk@/copies?host=10.9.9.9"}, "url: 10.9.9.9 is not in isolation"),
        ({"machines": ()}, "machines: none"),
        ({"machines": ("venue",)}, "machines: 'venue' is not one of"),
    ],
)
def test_what_the_section_may_hold(given: dict[str, object], wrong: str) -> None:
    """Each rule of the section by itself; no password, no host that isolation does not know."""
    config = with_database(**given).database
    assert problem(config, ("127.0.0.1",)).startswith(wrong)
    assert bool(problem(config, ("127.0.0.1",))) == bool(wrong)


def test_f66_without_the_driver_the_process_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor shows that line and the day does not begin."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(PgJournalError, match=r"install quanheng\[postgres\]"):
        process(tmp_path, "postgresql://desk@/copies")
