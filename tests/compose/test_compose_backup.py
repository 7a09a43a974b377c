"""The backup of a node: what goes in, copies on other media, damage of a copy (T-07)."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from archive_world import make_run
from click.testing import CliRunner

from quanheng.cli import cli
from quanheng.compose.backup import RECORD, back_up
from quanheng.compose.run_folder import RunError
from quanheng.edge.archive_files import Archive
from quanheng.edge.journal_lines import read_lines


def node(home: Path) -> Path:
    """A node with a day that ended, one that did not, a self-test and a drill."""
    folder = home / "desk"
    (folder / "runs").mkdir(parents=True)
    make_run(folder / "runs")
    stopped = folder / "runs" / "20240701-calm-s1"
    shutil.copytree(next((folder / "runs").glob("20240627*")), stopped)
    text = (stopped / "run.json").read_text(encoding="utf-8")
    (stopped / "run.json").write_text(text.replace('"ended"', '"stopped"'), encoding="utf-8")
    for word in ("self-tests", "drills"):
        (folder / word).mkdir()
        (folder / word / "one.json").write_text("{}", encoding="utf-8")
    return folder


def test_a_backup_takes_what_ended_and_keeps_its_copies_whole(tmp_path: Path) -> None:
    """Day, self-tests and drills are in, a stopped day is named; the second run adds nothing; a day
    that comes later reaches the copies; a copy that was touched is named and not mended.
    """
    folder, to = node(tmp_path), tmp_path / "A"
    copies = (tmp_path / "site-2", tmp_path / "worm")
    done = back_up(tmp_path, "desk", to, copies, "O01")
    assert done.ok and done.added == ("20240627-calm-s1", "desk-self-tests", "desk-drills")
    assert done.left_out == ("20240701-calm-s1: stopped",)
    assert [one.whole for one in done.copies] == [True, True] and done.copies[0].files > 10
    assert [line.kind for line in Archive(to).lines()] == ["run", "documents", "drill"]
    again = back_up(tmp_path, "desk", to, copies, "O01")
    assert again.added == () and [one.files for one in again.copies] == [0, 0]
    make_run(folder / "runs", day=20240628, quotes=3, listed=("10000001",))
    later = back_up(tmp_path, "desk", to, copies, "O01")
    assert later.added == ("20240628-calm-s1",) and later.ok
    victim = next(copies[1].glob("entries/000001-*/content/run.json"))
    victim.chmod(0o600)
    victim.write_bytes(victim.read_bytes().replace(b"calm", b"wild"))
    bad = back_up(tmp_path, "desk", to, copies, "O01")
    assert [one.whole for one in bad.copies] == [True, False]
    assert "run.json" in bad.copies[1].reason and b"wild" in victim.read_bytes()
    kept = read_lines(folder / RECORD)
    assert [one["by"] for one in kept] == ["O01"] * 4
    assert [len(one["added"]) for one in kept] == [3, 0, 1, 0]


def test_a_copy_of_another_history_is_named(tmp_path: Path) -> None:
    """A log that is no beginning of the archive's is not written over."""
    node(tmp_path)
    copy = tmp_path / "site-2"
    assert back_up(tmp_path, "desk", tmp_path / "A", (copy,), "O01").ok
    (copy / "log.jsonl").chmod(0o600)
    (copy / "log.jsonl").write_bytes(b"other\n")
    (bad,) = back_up(tmp_path, "desk", tmp_path / "A", (copy,), "O01").copies
    assert not bad.whole and "log.jsonl" in bad.reason
    assert (copy / "log.jsonl").read_bytes() == b"other\n"


def test_backup_from_the_command_line(tmp_path: Path) -> None:
    """Exit 0 with whole copies, and an unknown node is refused."""
    node(tmp_path)
    words: tuple[Any, ...] = ("--home", tmp_path, "--to", tmp_path / "A", "--by", "O01")
    words = (*words, "--copy", tmp_path / "B")
    done = CliRunner().invoke(cli, ["backup", "desk", *map(str, words)])
    assert done.exit_code == 0 and "完整 whole" in done.output, done.output
    with pytest.raises(RunError, match="no node other"):
        back_up(tmp_path, "other", tmp_path / "A", (), "O01")
