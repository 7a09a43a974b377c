"""Older layouts: what is found, the way forward with a copy, the way back (I-52, F71)."""

import hashlib
import os
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from quanheng.cli import cli
from quanheng.compose import migrate
from quanheng.compose.migrate import MigrationError, back, carry_fields, forward, history, look
from quanheng.compose.node import Asked, Node, begun, write_node
from quanheng.config import ConfigError, read_config
from quanheng.settlement import carry

SHIPPED = Path(carry.__file__).parents[1] / "data" / "desk.toml"


def older_config(folder: Path) -> Path:
    """A desk from before the firm's overseer had a process of its own."""
    text = SHIPPED.read_text(encoding="utf-8")
    lines = [
        line for line in text.splitlines()
        if not line.startswith(("copy_port", "overseer_late_ms", "overseer_lost_ms"))
    ]  # fmt: skip
    path = folder / "desk.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def older_carry(folder: Path, fields: int = 7) -> Path:
    """A carry file of the first layout: the fields that came later are not there."""
    account = ["firm", 1_000_000, [["10000001", 1, 0, 0]]]
    whole = [20240628, 20240627, "a run", [account], [], [["510050", 24_000]], b"master"]
    (folder / "carry").mkdir(exist_ok=True)
    path = folder / "carry" / "20240628.msgpack"
    path.write_bytes(msgspec.msgpack.encode(whole[:fields]))
    return path


def older_store(folder: Path) -> Path:
    """A people store whose tables nobody has made yet."""
    path = folder / "people.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE kept (word TEXT)")
        database.execute("INSERT INTO kept VALUES ('stays')")
    database.close()
    return path


def call(*words: Any) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [*map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return 3, str(done.exception)
    return done.exit_code, done.output


@pytest.mark.parametrize("make", [older_config, older_carry, older_store])
def test_an_older_layout_goes_forward_and_back(make: Any, tmp_path: Path) -> None:
    """Found as older, refused by nothing but its age, brought up, found as present; the copy is the
    old file; back again it is byte for byte what it was, and the record has both moves.
    """
    path, copies = make(tmp_path), tmp_path / "copies"
    old = path.read_bytes()
    found = look(path)
    assert (found.ready, found.moves) == (False, True)
    done = forward(path, copies, "O01")
    assert (copies / done.copy).read_bytes() == old != path.read_bytes()
    assert look(path).ready and not look(path).moves
    assert (done.before, done.after) == tuple(
        hashlib.sha256(one).hexdigest() for one in (old, path.read_bytes())
    )
    with pytest.raises(MigrationError, match="present layout"):
        forward(path, copies, "O01")
    undone = back(copies, done.number, "R01")
    assert path.read_bytes() == old
    assert [(one.do, one.by) for one in history(copies)] == [("forward", "O01"), ("back", "R01")]
    assert (undone.old, undone.new) == (done.new, done.old)
    assert sorted(one.name for one in path.parent.iterdir() if "migrating" in one.name) == []


def test_what_a_moved_file_says_is_what_it_said(tmp_path: Path) -> None:
    """The configuration gains exactly the shipped values; the carry gains defaults; the store keeps
    its rows.
    """
    config = older_config(tmp_path)
    with pytest.raises(ConfigError, match="copy_port"):
        read_config(config)
    forward(config, tmp_path / "copies", "O01")
    assert read_config(config) == read_config()
    path = older_carry(tmp_path)
    before = carry.decode(path.read_bytes(), "")
    forward(path, tmp_path / "copies", "O01")
    assert carry.decode(path.read_bytes(), "") == before
    assert len(msgspec.msgpack.decode(path.read_bytes())) == carry_fields()
    store = older_store(tmp_path)
    forward(store, tmp_path / "copies", "O01")
    with sqlite3.connect(store) as database:
        assert database.execute("SELECT word FROM kept").fetchall() == [("stays",)]
        assert database.execute("SELECT count(*) FROM audit").fetchone() == (0,)
    database.close()


def test_the_way_back_loses_nothing(tmp_path: Path) -> None:
    """A file that was used since stays as it is; so does one whose copy was touched."""
    path, copies = older_config(tmp_path), tmp_path / "copies"
    done = forward(path, copies, "O01")
    with path.open("a", encoding="utf-8") as file:
        file.write("# somebody's word\n")
    with pytest.raises(MigrationError, match="changed since; the copy would lose"):
        back(copies, done.number, "R01")
    path.write_bytes(path.read_bytes().removesuffix(b"# somebody's word\n"))
    (copies / done.copy).write_bytes(b"other")
    with pytest.raises(MigrationError, match="since it was taken"):
        back(copies, done.number, "R01")
    with pytest.raises(MigrationError, match="number 9"):
        back(copies, 9, "R01")


def test_f71_a_half_applied_migration_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that fails half-way changes nothing and is not in the record."""
    path = older_store(tmp_path)
    old = path.read_bytes()

    def half(source: Path, aside: Path) -> None:
        aside.write_bytes(old[:100])
        raise RuntimeError("no room")

    monkeypatch.setitem(migrate.FORWARD, migrate.STORE, half)
    with pytest.raises(MigrationError, match="no room"):
        forward(path, tmp_path / "copies", "O01")
    assert path.read_bytes() == old and history(tmp_path / "copies") == []
    assert [one.name for one in tmp_path.iterdir() if "migrating" in one.name] == []


def test_f71_nothing_is_migrated_while_a_node_is_up(tmp_path: Path) -> None:
    """A running day refuses by name, both ways."""
    path, home = older_config(tmp_path), tmp_path / "nodes"
    (home / "desk").mkdir(parents=True)
    asked = Asked(scenario="calm", seed=1, speed=1, start="", options={})
    me = Node(name="desk", asked=asked, pid=os.getpid(), begun=begun(os.getpid()), at=0)
    write_node(home / "desk", me)
    words = ("--copies", tmp_path / "copies", "--by", "O01", "--home", home)
    assert call("migrate", "run", path, *words) == (3, "node desk is up; quanheng down desk first")
    assert call("migrate", "back", 1, *words)[0] == 3
    me.begun += 1
    write_node(home / "desk", me)
    assert call("migrate", "run", path, *words)[0] == 0
    assert call("migrate", "back", 1, *words)[0] == 0
    assert call("migrate", "check", path)[0] == 1
    code, text = call("migrate", "table")
    assert code == 0 and "QHJ1" in text and str(carry_fields()) in text


def test_journals_and_strangers_are_only_looked_at(tmp_path: Path) -> None:
    """A journal of other frames is named, never rewritten; what is no kind of ours is refused."""
    run = tmp_path / "run"
    (run / "journal" / "maker").mkdir(parents=True)
    info = {
        "day": 20240627, "scenario": "calm", "seed": 1, "cadence_ms": 500, "contracts": 1,
        "journal": "full", "version": "0.1.0", "rulebook": "", "config": "", "source": "0" * 64,
        "hash_seed": "0",
    }  # fmt: skip
    (run / "run.json").write_bytes(msgspec.json.encode(info))
    segment = run / "journal" / "maker" / f"{1:016d}.seg"
    segment.write_bytes(b"QHJ1....")
    found = look(run)
    assert found.ready and "0.1.0" in found.note and "000000000000" in found.note
    segment.write_bytes(b"QHJ0....")
    assert not look(run).ready and "QHJ0" in look(run).note
    with pytest.raises(MigrationError, match="QHJ0"):
        forward(run, tmp_path / "copies", "O01")
    assert segment.read_bytes() == b"QHJ0...."
    (tmp_path / "word.txt").write_text("x", encoding="utf-8")
    for path in (tmp_path / "word.txt", tmp_path / "not there", older_carry(tmp_path, 3)):
        with pytest.raises(MigrationError, match=path.name):
            look(path)
