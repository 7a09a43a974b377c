"""Faults of the place a day runs at, injected by number (docs/faults.md)."""

import errno
import gc
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from gateway_rig import Rig

from quanheng.compose import reception, watch_main
from quanheng.compose.settle_files import Intake
from quanheng.compose.watch import Watch
from quanheng.edge import child, health
from quanheng.edge.alarm_desk import AlarmDesk
from quanheng.edge.clock import monotonic
from quanheng.edge.dialer import Dialer
from quanheng.edge.health import Health
from quanheng.edge.journal_lines import LineFile, read_lines
from quanheng.edge.loop import Loop
from quanheng.edge.received_files import ReceivedError, read_received
from quanheng.edge.watchdog import STALLED, Watchdog
from quanheng.runtime.disk import Disk
from quanheng.runtime.journal import INPUT, JournalDeadError, JournalError
from quanheng.runtime.release import Policy, Release
from quanheng.runtime.segment import SegmentJournal
from quanheng.terms.units import MILLISECOND, SECOND

DAY = 20240627


class HangingDisk(Disk):
    """An fsync that takes as long as the test lets it."""

    def __init__(self, let: threading.Event) -> None:
        self.let, self.began = let, threading.Event()

    def sync(self, descriptor: int) -> None:
        self.began.set()
        assert self.let.wait(60)
        super().sync(descriptor)


def test_f06_while_an_fsync_hangs_nothing_leaves_and_the_gateway_withdraws(tmp_path: Path) -> None:
    """No effect is free before the disk has answered; the silent engine's quotes are withdrawn by
    the gateway after 400 ms, without it (F06).
    """
    let = threading.Event()
    disk = HangingDisk(let)
    journal = SegmentJournal(tmp_path, "maker", disk=disk)
    release = Release(Policy.SYNCED)
    release.hold(journal.append(INPUT, b"a tick"), 1, ["an order"])
    thread = threading.Thread(target=journal.sync)
    thread.start()
    assert disk.began.wait(60)
    rig = Rig()
    rig.lead(1)
    rig.quote(1)
    rig.pass_time(500)  # the engine waits for its disk and says nothing
    assert release.free(journal.next_seq - 1, journal.durable_seq) == []
    assert len(rig.core.table) == 0 and len(rig.arrived) == 2
    let.set()
    thread.join(60)
    assert [held.effects for held in release.free(1, journal.durable_seq)] == [("an order",)]
    journal.close()


class Poor(Disk):
    """The n-th call of any kind fails for want of something."""

    def __init__(self, number: int, code: int) -> None:
        self.left, self.code = number, code

    def _maybe(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise OSError(self.code, os.strerror(self.code))

    def make_folder(self, folder: Path) -> bool:
        self._maybe()
        return super().make_folder(folder)

    def create(self, path: Path) -> int:
        self._maybe()
        return super().create(path)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        self._maybe()
        return super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self._maybe()
        super().sync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        self._maybe()
        super().sync_folder(folder)


def keep(root: Path, disk: Disk) -> int:
    """Some frames over several segments; the last that was acknowledged."""
    journal = SegmentJournal(root, "maker", disk=disk, segment_bytes=300)
    durable = 0
    try:
        for number in range(8):
            journal.append(INPUT, bytes(60 + number))
            durable = journal.sync()
        journal.close()
    except (JournalError, OSError):
        journal.close()
        raise
    return durable


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENOMEM, errno.ENOSPC])
def test_f08_want_at_any_call_ends_the_journal_cleanly(tmp_path: Path, code: int) -> None:
    """Each call of the journal once: it says so, or was not needed; what stands afterwards is whole
    and can be continued (F07, F08).
    """
    failed = 0
    for number in range(1, 60):
        root = tmp_path / str(number)
        disk = Poor(number, code)
        try:
            keep(root, disk)
        except (JournalDeadError, JournalError, OSError) as error:
            failed += 1
            assert os.strerror(code) in str(error)
        else:
            assert disk.left > 0
            break
        again = SegmentJournal(root, "maker")
        assert [frame.seq for frame in again.read()] == [*range(1, again.next_seq)]
        again.append(INPUT, b"goes on")
        again.sync()
        again.close()
    assert failed > 20


def test_f08_without_descriptors_a_line_is_dialled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that cannot be had for want of descriptors is tried again, with pauses (F08)."""
    tries: list[int] = []

    def dial() -> Any:
        tries.append(1)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    loop = Loop()
    dialer = Dialer(loop, dial, bytes, lambda message: None, lambda: None)
    for instant in range(0, 2_000, 10):
        dialer.tick(instant * MILLISECOND)
    assert not dialer.up and 3 < len(tries) < 20
    loop.close()


def watched(run: Path, wall: Any = None, clock: Any = None) -> tuple[Watch, AlarmDesk]:
    (run / "live").mkdir(exist_ok=True)
    desk = AlarmDesk(run, (), monotonic)
    return Watch(run, desk, monotonic, wall, clock), desk


def codes(desk: AlarmDesk) -> list[tuple[str, str]]:
    return [(one.level, one.code) for one in desk.alarms.values()]


def test_f12_a_journal_that_vanishes_while_it_is_written_is_told(tmp_path: Path) -> None:
    """Deleted, cut or replaced: a red alarm with its name, once for each (F12)."""
    journal = SegmentJournal(tmp_path, "maker")
    journal.append(INPUT, b"one")
    journal.sync()
    watch, desk = watched(tmp_path)
    path = next((tmp_path / "journal" / "maker").glob("*.seg"))

    def look() -> None:
        watch._place._next = 0
        watch.look()

    look()
    journal.append(INPUT, b"two")
    journal.sync()
    look()
    assert codes(desk) == []  # growth is what a journal does
    whole = path.read_bytes()
    path.unlink()
    look()
    look()
    assert codes(desk) == [("red", "journal_gone")]
    path.write_bytes(whole)
    look()
    os.truncate(path, len(whole) - 5)
    look()
    assert desk.alarms[1].times + len(desk.alarms) == 3  # the same code and scope is counted
    assert desk.alarms[1].scope.startswith("maker/")
    journal.close()
    desk.close()


@pytest.mark.parametrize("jump", [-86_400, -1.5, 1.5, 86_400])
def test_f60_a_step_of_the_wall_is_told_and_changes_no_span(tmp_path: Path, jump: float) -> None:
    """More than a second either way is a red alarm, once; machines count by the other one (F60)."""
    step = [0]
    start = time.time_ns()
    began = monotonic()
    watch, desk = watched(tmp_path, lambda: start + (monotonic() - began) + step[0])
    watch.look()
    step[0] = SECOND // 2
    watch.look()
    assert codes(desk) == []
    step[0] = int(jump * SECOND)
    watch.look()
    watch.look()
    assert codes(desk) == [("red", "clock_stepped")]
    text = Path(watch_main.__file__).read_text(encoding="utf-8")
    assert "Watch(run, desk, monotonic, wall, " in text  # the process gives it the wall's clock
    desk.close()


def test_f16_a_loop_that_stands_still_is_told_where(tmp_path: Path) -> None:
    """While a turn is stuck the watchdog says so from its own thread, with the place; the watch
    makes an alarm of it; a loop that waits or works in time is left alone (F16).
    """
    (tmp_path / "live").mkdir()
    loop = Loop()
    loop.poll(0.0)
    dog = Watchdog(loop, tmp_path, "maker")
    loop.poll(2 * STALLED / SECOND)  # waits
    lines = tmp_path / "live" / "maker.jsonl"
    assert read_lines(lines) == []
    end = monotonic() + 30 * SECOND
    while not read_lines(lines) and monotonic() < end:
        sum(range(10_000))  # a turn that never ends
    dog.stop()
    (told,) = read_lines(lines)[:1]
    assert told["what"] == "stalled" and told["ms"] >= STALLED // MILLISECOND
    assert "test_f16" in told["where"]
    watch, desk = watched(tmp_path)
    watch.look()
    assert codes(desk)[0] == ("amber", "loop_stalled")
    desk.close()
    loop.close()


def test_every_process_has_a_watchdog_and_settled_memory() -> None:
    """Every process of a live day: both, and in this order, before it says ready; three of them
    by what they share.
    """
    folder = Path(child.__file__).parent
    marks = ("    settle_memory()", "Watchdog(loop", "watchdog.stop()")
    for module in ("exchange_main", "maker_main", "overseer_main", "serving"):
        text = (folder / f"{module}.py").read_text(encoding="utf-8")
        ready = "tell(READY" if module == "serving" else 'tell("ready"'
        places = [text.index(mark) for mark in (*marks[:2], ready, marks[2])]
        assert places == sorted(places), module
    for role in ("arbiter", "gateway", "lease"):
        text = (folder / f"{role}_main.py").read_text(encoding="utf-8")
        assert text.count("    watched(child, loop, run, ") == 1, role


def test_f76_health_says_memory_and_collections(tmp_path: Path) -> None:
    """Resident memory, and full collections since the first line: 0 while the collector is kept
    out, and seen when it is not (F76, promise 29).
    """
    path = tmp_path / "maker.jsonl"
    said = Health(LineFile(path))
    said.turn(0, 20 * MILLISECOND)
    said.turn(0, 20 * MILLISECOND + 1)
    said.tell(1)
    said.tell(2)
    gc.collect()
    said.tell(3)
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [row["gc_full"] for row in rows] == [0, 0, 1]
    assert [(row["turns"], row["long_turns"], row["turn_ms"]) for row in rows] == [
        (2, 1, 20), (2, 1, 0), (2, 1, 0)
    ]  # fmt: skip
    assert all(row["rss_kib"] > 10_000 for row in rows)
    assert health.resident_kib() > 10_000
    said._lines.close()


def test_f53_a_huge_or_endless_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """A sparse file of a terabyte, and one that grows over the bound while it is read (F53)."""
    path = tmp_path / "reff030627.txt"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ReceivedError, match="1099511627776"):
        read_received(path)
    checks = reception.check(tmp_path, DAY).checks
    assert any("1099511627776" in bad.reason for one in checks for bad in one.problems)
    path.write_bytes(bytes(100))
    with pytest.raises(ReceivedError, match="over 99"):
        read_received(path, 99)
    assert read_received(path, 100) == bytes(100)


def test_f54_what_is_no_regular_file_is_named_and_never_opened(tmp_path: Path) -> None:
    """A link, a pipe, a folder in place of a file: none is followed or waited for (F54)."""
    real = tmp_path / "elsewhere"
    real.write_bytes(b"secret")
    folder = tmp_path / "received"
    folder.mkdir()
    link, pipe, inner = (folder / name for name in
                         ("reff030627.txt", "clpr030627.txt", "prestlp030627.txt"))  # fmt: skip
    link.symlink_to(real)
    os.mkfifo(pipe)
    inner.mkdir()
    for path, words in ((link, "a link"), (pipe, "no regular file"), (inner, "no regular file")):
        with pytest.raises(ReceivedError, match=words):
            read_received(path)
    found = reception.check(folder, DAY)
    reasons = {bad.file: bad.reason for one in found.checks for bad in one.problems}
    assert "a link" in reasons[link.name] and "no regular file" in reasons[pipe.name]
    assert "secret" not in str(found)
    own: Any = None
    intake = Intake.__new__(Intake)
    intake.day, intake.files, intake.hashes, intake._bytes = DAY, {}, {}, {}
    intake._read(folder)
    assert (intake.files, intake.hashes, own) == ({}, {}, None)


def test_f54_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written to between the first byte and the last (F54)."""
    path = tmp_path / "x"
    path.write_bytes(bytes(10))
    real = os.read

    def read(descriptor: int, count: int) -> bytes:
        data = real(descriptor, count)
        if data:
            os.utime(path, ns=(1, 1))
        return data

    monkeypatch.setattr(os, "read", read)
    with pytest.raises(ReceivedError, match="changed while"):
        read_received(path)
