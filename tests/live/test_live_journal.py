"""The maker's process and its journal: a disk error stops it, damage and torn tails are told."""

import errno
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from quanheng.edge import maker_process
from quanheng.edge.clock import WallWatch, monotonic
from quanheng.edge.loop import Loop
from quanheng.edge.maker_process import MakerProcess
from quanheng.edge.maker_setup import MakerSetup
from quanheng.runtime.disk import Disk
from quanheng.runtime.envelope import Source
from quanheng.runtime.journal import JournalCorruptError, JournalDeadError
from quanheng.runtime.live import BusinessClock
from quanheng.runtime.scrub import Scrub
from quanheng.terms.codes import Alert, TradingState
from quanheng.terms.commands import Pull, SetState
from quanheng.terms.units import MILLISECOND, MINUTE, SECOND

sys.path.insert(0, str(Path(__file__).parents[1] / "maker"))
from maker_world import OPENING, make_chain, make_open


def a_process(run: Path) -> MakerProcess:
    (run / "live").mkdir(parents=True, exist_ok=True)
    setup = MakerSetup(
        opening=make_open(make_chain(2, 1)),
        shifts=[],
        host="127.0.0.1",
        feed_port=9,
        sync_ms=5,
        heartbeat_ms=100,
        snapshot_every=MINUTE,
        marks=[],
    )
    process = MakerProcess(run, setup, Loop(), {"spawned": monotonic()})
    process.begin(BusinessClock(OPENING, monotonic(), 1))
    return process


def said(run: Path, what: str) -> str:
    lines = (run / "live" / "maker.jsonl").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if f'"{what}"' in line)


def test_f05_fsync_error_stops_the_makers_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first EIO leaves the turn as an error: the process ends, and nothing more leaves it."""
    process = a_process(tmp_path)
    process.turn()
    left: list[Any] = []
    monkeypatch.setattr(process.link, "send", left.append)

    def fail(self: Disk, descriptor: int) -> None:
        raise OSError(errno.EIO, "injected")

    monkeypatch.setattr(Disk, "sync", fail)
    process._live.take(Pull("*", "q01"), process._live.at, Source.DESK)
    with pytest.raises(JournalDeadError, match="fdatasync of segment 1 failed"):
        process.turn()
    monkeypatch.undo()
    with pytest.raises(JournalDeadError):
        process.turn()
    assert left == []
    process._views.close()
    process.lines.close()
    process.loop.close()


def test_f01_a_torn_tail_is_told(tmp_path: Path) -> None:
    """A process that finds a torn tail cuts it and says where it was."""
    process = a_process(tmp_path)
    process.turn()
    path = next((tmp_path / "journal/maker").glob("*.seg"))
    whole = path.read_bytes()
    process.close()
    for part in ("journal", "snap"):
        for file in sorted((tmp_path / part / "maker").iterdir()):
            file.unlink()
    path.write_bytes(whole + b"QHJ1 torn")
    a_process(tmp_path).close()
    assert "9 bytes are too few for a frame header" in said(tmp_path, "recovered")


def test_f13_a_damaged_list_of_snapshots_is_told_and_stops_nobody(tmp_path: Path) -> None:
    """The next life reads the snapshot's file itself and says that the list was damaged."""
    process = a_process(tmp_path)
    process.turn()
    process._live.host.checkpoint()
    process.close()
    manifest = tmp_path / "snap/maker/manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-9])
    a_process(tmp_path).close()
    lines = said(tmp_path, "recovered")
    assert "manifest.json of the snapshots cannot be read" in lines
    assert '"frame":' in lines and '"frame":0' not in lines


def test_f09_damage_found_by_the_scrub_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process scrubs while it turns; damage becomes an alert and the day goes on."""
    process = a_process(tmp_path)
    steps = []

    def step(self: Scrub) -> bool:
        steps.append(1)
        raise JournalCorruptError("maker", "0000000000000001.seg", 7, 3, "the checksum is wrong")

    monkeypatch.setattr(Scrub, "step", step)
    process.turn()
    assert steps and not process.failed
    assert Alert.JOURNAL_DAMAGED in said(tmp_path, "alert")
    assert "0000000000000001.seg" in said(tmp_path, "alert")
    monkeypatch.undo()
    process.close()


class Clocks:
    """The wall's clock of a process, to be stepped."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.step = 0
        start = time.time_ns() - monotonic()
        monkeypatch.setattr(maker_process, "wall", lambda: start + monotonic() + self.step)


@pytest.mark.parametrize("step", [-86_400, -1.5, 1.5, 86_400])
def test_f60_a_step_of_the_wall_halts_until_two_people_reopen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    """Half a second is none; beyond one everything is HALTED with the reason, once (F60)."""
    clocks = Clocks(monkeypatch)
    process = a_process(tmp_path)
    states = process._machine.state.scopes.states
    clocks.step = SECOND // 2
    process.turn()
    assert states["*"] == TradingState.OPEN
    clocks.step = int(step * SECOND)
    process.turn()
    assert states["*"] == TradingState.HALTED
    assert "clock stepped" in said(tmp_path, "alert") and '"clock"' in said(tmp_path, "alert")
    alone = SetState("*", TradingState.OPEN, "clock is right", "T01")
    process._take(alone, Source.DESK)
    assert states["*"] == TradingState.HALTED
    process._take(replace(alone, seconded_by="T02"), Source.DESK)
    process.turn()
    assert states["*"] == TradingState.OPEN
    assert said(tmp_path, "alert").count("clock stepped") == 1
    process.close()


def test_f60_a_watch_that_is_not_asked_halts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call taken out of the turn: a day's step passes, so the rule hangs on it alone."""
    clocks = Clocks(monkeypatch)
    monkeypatch.setattr(MakerProcess, "_watch_wall", lambda self: None)
    process = a_process(tmp_path)
    clocks.step = 86_400 * SECOND
    process.turn()
    assert process._machine.state.scopes.states["*"] == TradingState.OPEN
    process.close()


def test_f60_a_clock_that_is_slewed_has_not_stepped() -> None:
    """500 ppm for a day is 43 s apart and no step; steps of 0.6 s within a minute are (F60)."""
    now, off = [0], [0]
    watch = WallWatch(lambda: now[0], lambda: now[0] + off[0])
    for _ in range(86_400):
        now[0] += SECOND
        off[0] += SECOND // 2_000
        assert watch.moved() == 0
    now[0] += SECOND
    off[0] += 600 * MILLISECOND
    assert watch.moved() == 0
    now[0] += SECOND
    off[0] += 600 * MILLISECOND
    assert watch.moved() > SECOND
    assert watch.moved() == 0
