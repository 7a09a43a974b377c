"""Files that grow by whole lines: cut anywhere, on full disks and on disks whose fsync fails."""

import errno
import multiprocessing
from pathlib import Path

import msgspec
import pytest

from quanheng.edge.firm_acts import ACTS, ActFile, add_act
from quanheng.edge.growing import Growing, grow, whole_lines
from quanheng.edge.lines import Lines, LinesError
from quanheng.oversight.messages import ReleaseDesk
from quanheng.runtime.disk import Disk


class Full(Disk):
    """Takes so many bytes, then has no room."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "no space left")
        count = super().write(descriptor, data[: self.room])
        self.room -= count
        return count


class Failing(Disk):
    """Its fsync says that the data is lost."""

    def sync(self, descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")


def test_f01_a_file_cut_at_any_byte_has_its_whole_lines_and_goes_on(tmp_path: Path) -> None:
    """The torn end was told to nobody: not read, and gone before the next line stands there."""
    path = tmp_path / "lines"
    for line in (b"one", b"two", b"three"):
        grow(path, line)
    data = path.read_bytes()
    assert data == b"one\ntwo\nthree\n"
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        whole = data[: data[:length].rfind(b"\n") + 1]
        assert whole_lines(path) == whole
        grow(path, b"four")
        assert path.read_bytes() == whole + b"four\n"


def test_f07_a_line_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    """At any byte of the line: the file is as before, and takes the line when there is room."""
    path = tmp_path / "lines"
    grow(path, b"one")
    for room in range(len(b"two\n")):
        with Growing(path, disk=Full(room)) as file, pytest.raises(OSError, match="no space"):
            file.add(b"two")
        assert path.read_bytes() == b"one\n"
    with Growing(path, disk=Full(4)) as file:
        file.add(b"two")
    assert path.read_bytes() == b"one\ntwo\n"


def test_f05_a_line_whose_fsync_failed_is_taken_back(tmp_path: Path) -> None:
    """The cache would show it and a later fsync would say yes: who retries writes it again."""
    path = tmp_path / "lines"
    with Growing(path, disk=Failing()) as file, pytest.raises(OSError, match="input/output"):
        file.add(b"one")
    assert path.read_bytes() == b""
    grow(path, b"one")
    assert whole_lines(path) == b"one\n"


def _many(path: Path, name: str) -> None:
    for number in range(40):
        grow(path, f"{name}{number}".encode())


def test_writers_wait_for_one_another(tmp_path: Path) -> None:
    """Two processes: every line is there once, none is torn."""
    path, context = tmp_path / "lines", multiprocessing.get_context("spawn")
    both = [context.Process(target=_many, args=(path, name)) for name in "ab"]
    for one in both:
        one.start()
    for one in both:
        one.join()
        assert one.exitcode == 0
    lines = path.read_text(encoding="utf-8").splitlines()
    assert sorted(lines) == sorted(f"{name}{number}" for name in "ab" for number in range(40))


def test_f01_a_torn_signature_stops_nobody_and_a_changed_one_everybody(tmp_path: Path) -> None:
    """What people leave behind: a piece of a line is no line, a changed line is named."""
    lines = Lines(tmp_path / "signed.jsonl", lambda: 5)
    assert [lines.add({"by": name}) for name in ("R01", "R02")] == [1, 2]
    whole = lines.path.read_bytes()
    lines.path.write_bytes(whole + b'{"prev":"12')
    assert [row["by"] for row in lines.all()] == ["R01", "R02"]
    assert lines.add({"by": "R03"}) == 3
    assert [row["by"] for row in lines.all()] == ["R01", "R02", "R03"]
    lines.path.write_bytes(lines.path.read_bytes().replace(b"R02", b"R09"))
    with pytest.raises(LinesError, match="line 3 does not follow"):
        lines.add({"by": "R04"})


def test_f01_a_torn_act_does_not_swallow_the_next(tmp_path: Path) -> None:
    """An act of the firm behind a torn one is read as itself."""
    act = ReleaseDesk("*", "over", "R01")
    add_act(tmp_path, act)
    with (tmp_path / ACTS).open("ab") as file:
        file.write(msgspec.json.encode(act)[:9])
    add_act(tmp_path, act)
    told: list[str] = []
    found = ActFile(tmp_path).read(0, lambda what, **more: told.append(what))
    assert list(found) == [(1, act), (2, act)] and told == []
