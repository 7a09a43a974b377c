"""The clock, against the exchange's stamps and against its source: told, shown (F60, T-08)."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from test_live_faults import codes, watched

from quanheng.compose import console_clocks
from quanheng.compose.console_clocks import Clocks
from quanheng.compose.source_clock import SourceClock
from quanheng.compose.watch_clock import EVERY, ClockWatch
from quanheng.config import ConfigError, read_config
from quanheng.edge import clock_state
from quanheng.edge.clock import monotonic
from quanheng.edge.clock_state import (
    FEWEST,
    MOST,
    SYNCED,
    UNKNOWN,
    UNSYNCED,
    WINDOW,
    ClockRules,
    Ntp,
    StampOffsets,
    judged,
    read_ntp,
)
from quanheng.edge.journal_lines import LineFile
from quanheng.runtime.live import BusinessClock
from quanheng.terms.units import MICROSECOND, MILLISECOND, SECOND

MS = MILLISECOND


@pytest.mark.parametrize("speed", [1, 60])
@pytest.mark.parametrize("apart", [-700, 0, 250])
def test_the_offset_is_the_median_of_the_last_minute_on_the_walls_time(speed: int, apart: int):
    """A stamp that is `apart` of wall time behind our clock, at any speed of the run; late ones
    and an image with old stamps move no median; older than a minute is forgotten.
    """
    clock = BusinessClock(base=10_000 * SECOND, origin=0, speed=speed)
    offsets = StampOffsets()
    offsets.came(0, 0, None)
    assert offsets.figures(0) == {"feed_offset_ms": 0, "feed_stamps": 0}
    for number in range(40):
        elapsed = number * SECOND
        late = 30 * SECOND if number % 5 == 0 else 0
        offsets.came(clock.at(elapsed) - (apart * MS + late) * speed, elapsed, clock)
    assert offsets.figures(40 * SECOND) == {"feed_offset_ms": apart, "feed_stamps": 40}
    assert offsets.figures(WINDOW + 30 * SECOND)["feed_stamps"] == 10
    assert offsets.figures(3 * WINDOW)["feed_stamps"] == 0
    for number in range(2 * MOST):
        offsets.came(0, 4 * WINDOW + number, clock)
    assert offsets.figures(4 * WINDOW)["feed_stamps"] == MOST


def test_what_the_kernel_says_is_read_by_its_own_words():
    """adjtimex(2): 5 or STA_UNSYNC is no source, STA_NANO makes the offset nanoseconds, -1 is no
    answer; the real call answers something of the three.
    """
    assert judged(0, 0x2001, 1_500, 20) == Ntp(SYNCED, 1_500, 20 * MICROSECOND)
    assert judged(0, 0x0001, 1_500, 20).offset == 1_500 * MICROSECOND
    assert judged(5, 0x2040, 0, 16).state == UNSYNCED
    assert judged(0, 0x0040, 0, 16).state == UNSYNCED
    assert judged(-1, 0, 0, 0) == Ntp(UNKNOWN)
    assert read_ntp().state in (SYNCED, UNSYNCED, UNKNOWN)


def test_a_system_that_cannot_be_asked_is_unknown(monkeypatch: pytest.MonkeyPatch):
    """No such call in the library of the system."""
    monkeypatch.setattr(clock_state.ctypes, "CDLL", lambda _: object())
    assert read_ntp() == Ntp(UNKNOWN)


def test_a_clock_without_a_source_is_told_once_and_again_when_it_comes_back(tmp_path: Path):
    """Through the watch itself: amber for none, notice for an unknown one, quiet when well, and
    nothing at all where the configuration says so.
    """
    answers = [Ntp(UNSYNCED), Ntp(UNSYNCED), Ntp(SYNCED), Ntp(UNKNOWN), Ntp(UNSYNCED)]
    said = iter(answers)
    made = ClockWatch(ClockRules(), lambda: next(said))
    told = [list(made.look(number * EVERY)) for number in range(5)]
    assert [[one[:2] for one in row] for row in told] == [
        [("amber", "clock_unsynced")], [], [], [("notice", "clock_unsynced")],
        [("amber", "clock_unsynced")],
    ]  # fmt: skip
    quiet = ClockWatch(ClockRules(ntp=False), lambda: Ntp(UNSYNCED))
    assert list(quiet.look(0)) == [] and not quiet.synced
    watch, desk = watched(tmp_path, clock=ClockWatch(ClockRules(), lambda: Ntp(UNSYNCED)))
    watch.look()
    watch.look()
    assert codes(desk) == [("amber", "clock_unsynced")]
    desk.close()


def health(ms: int, stamps: int = FEWEST) -> dict[str, Any]:
    return {"at": monotonic(), "what": "health", "turn_ms": 1, "feed_offset_ms": ms,
            "feed_stamps": stamps}  # fmt: skip


def test_an_offset_to_the_exchange_is_told_by_its_thresholds(tmp_path: Path):
    """Amber, then red, either way; a level that lasts is told once; too few stamps say nothing."""
    (tmp_path / "live").mkdir()
    lines = LineFile(tmp_path / "live" / "maker.jsonl")
    watch, desk = watched(tmp_path, clock=ClockWatch(ClockRules(), lambda: Ntp(SYNCED)))
    found = []
    for ms, stamps in ((5_000, FEWEST - 1), (499, 99), (-500, 99), (-600, 99), (1_000, 99),
                       (700, 99), (0, 99), (500, 99)):  # fmt: skip
        lines.add(health(ms, stamps))
        before = len(desk.alarms)
        watch.look()
        found.append([one.level for one in list(desk.alarms.values())[before:]])
    raised = [(one.level, one.code, one.times) for one in desk.alarms.values()]
    assert {code for _, code, _ in raised} == {"feed_offset"}
    assert found[:3] == [[], [], ["amber"]] and found[3] == []
    assert sum(times for *_, times in raised) == 3  # amber, red, and amber again after it was well
    desk.close()
    lines.close()


def test_every_page_hears_of_the_clocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The heartbeat's figures: of a live day with fresh stamps, with the run's own thresholds; of
    anything else no figure, and of the source always.
    """
    (tmp_path / "live").mkdir()
    rules = {"host": "", "clock": {"offset_amber_ms": 5, "offset_red_ms": 9, "ntp": True}}
    (tmp_path / "live" / "watch.msgpack").write_bytes(msgspec.msgpack.encode(rules))
    monkeypatch.setattr(console_clocks, "read_ntp", lambda: Ntp(UNSYNCED, 2_600_000))
    clocks = Clocks(tmp_path)
    none = {"feed_ms": None, "feed_level": "", "ntp": UNSYNCED, "ntp_ms": 3}
    assert clocks.shown(0.0, True) == none
    lines = LineFile(tmp_path / "live" / "maker.jsonl")
    lines.add(health(1, FEWEST - 1))
    clocks.look(1.0)
    assert clocks.shown(1.0, True) == none
    lines.add(health(-9))
    clocks.look(1.5)  # not every picture
    assert clocks.shown(1.5, True) == none
    clocks.look(2.5)
    assert clocks.shown(2.5, True) == {**none, "feed_ms": -9, "feed_level": "red"}
    assert clocks.shown(2.5, False) == none
    monkeypatch.setattr(console_clocks, "SILENT", 0)
    assert clocks.shown(2.5, True) == none
    lines.close()


def test_the_kernel_is_not_asked_by_every_heartbeat():
    asked = []
    clock = SourceClock(lambda: asked.append(1) or Ntp(SYNCED))
    assert [clock.told()["ntp"] for _ in range(5)] == [SYNCED] * 5
    assert len(asked) == 1


def test_thresholds_are_configuration(tmp_path: Path):
    """Amber above 0 and not above red; else the file is refused with the key."""
    shipped = Path("src/quanheng/data/desk.toml").read_text("utf-8")
    for text in ("offset_amber_ms = 0", "offset_amber_ms = 2000"):
        path = tmp_path / "desk.toml"
        path.write_text(f"{shipped}\n[operations.clock]\n{text}\n", "utf-8")
        with pytest.raises(ConfigError, match="offset_amber_ms"):
            read_config(path)
    path.write_text(f"{shipped}\n[operations.clock]\noffset_red_ms = 900\nntp = false\n", "utf-8")
    assert read_config(path).operations.clock == ClockRules(500, 900, False)
