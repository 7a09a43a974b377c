"""The live host: business time, timers in order, release after the disk, snapshots."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from quanheng.runtime.disk import Disk
from quanheng.runtime.envelope import Envelope, NotSent, Source, TimerFired, WakeAt
from quanheng.runtime.host import Host
from quanheng.runtime.live import NEVER, BusinessClock, LiveHost, unsent
from quanheng.runtime.release import Policy, Release
from quanheng.runtime.restore import recover
from quanheng.runtime.segment import SegmentJournal
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.runtime.state import decode_state, digest_state, encode_state
from quanheng.terms.orders import QuoteCancel, Send, Stamp
from quanheng.terms.units import MILLISECOND, SECOND

STAMP = Stamp("T01", "test", "1", 1, 1)
BASE = 1_719_451_800 * SECOND


class Go(msgspec.Struct, frozen=True, array_like=True, tag="go"):
    """Start the timers."""


class PingState(msgspec.Struct):
    """What the toy remembers."""

    fired: list[tuple[str, int]] = []


class Ping:
    """Two timers, of 100 ms and 250 ms; every firing sends one request."""

    NAME: ClassVar[str] = "ping"
    INPUT: ClassVar[Any] = Go | TimerFired | NotSent
    EFFECT: ClassVar[Any] = WakeAt | Send
    DIGESTED: ClassVar[tuple[type, ...]] = ()

    def __init__(self) -> None:
        self.state = PingState([])

    def apply(self, envelope: Envelope[Any]) -> Sequence[Any]:
        at, body = envelope.at, envelope.body
        if isinstance(body, Go):
            return [WakeAt("a", at + 100 * MILLISECOND), WakeAt("b", at + 250 * MILLISECOND)]
        if isinstance(body, NotSent):
            return []
        self.state.fired.append((body.name, body.due))
        pause = 100 if body.name == "a" else 250
        request = QuoteCancel(f"M001{len(self.state.fired):06d}", "10000000", True, True)
        return [Send(1, STAMP, [request]), WakeAt(body.name, body.due + pause * MILLISECOND)]

    def snapshot(self) -> bytes:
        return encode_state(self.state)

    def restore(self, data: bytes) -> None:
        self.state = decode_state(data, PingState)

    def digest(self) -> dict[str, bytes]:
        return digest_state(self.state)


class CountingDisk(Disk):
    """Counts fdatasync calls."""

    def __init__(self) -> None:
        self.syncs = 0

    def sync(self, descriptor: int) -> None:
        self.syncs += 1
        super().sync(descriptor)


def a_host(run: Path, disk: Disk | None = None, every: int = 0) -> LiveHost:
    journal = SegmentJournal(run, "ping", disk=disk)
    release = Release(Policy.SYNCED)
    return LiveHost(Host(Ping(), journal, FolderSnapshots(run, "ping"), release), every)


@given(st.integers(1, 1_000), st.integers(0, 10**13))
def test_business_clock_maps_there_and_back(speed: int, elapsed: int) -> None:
    """business = base + elapsed x speed, in whole milliseconds; `when` is never too early."""
    clock = BusinessClock(BASE, 5 * SECOND, speed)
    at = clock.at(clock.origin + elapsed)
    assert at % MILLISECOND == 0
    assert 0 <= BASE + elapsed * speed - at < MILLISECOND
    assert at <= clock.at(clock.when(at) + 1)
    assert clock.when(at) <= clock.origin + elapsed + 1


def test_timers_fire_in_order_of_time_however_late(tmp_path: Path) -> None:
    """A loop that was away fires what it missed, each at its own instant, before anything new."""
    live = a_host(tmp_path)
    live.take(Go(), BASE, Source.RUNTIME)
    assert live.next_due() == BASE + 100 * MILLISECOND
    assert live.advance(BASE + 500 * MILLISECOND)
    fired = [(name, (due - BASE) // MILLISECOND) for name, due in live.host.machine.state.fired]
    assert fired == [
        ("a", 100), ("a", 200), ("b", 250), ("a", 300), ("a", 400), ("b", 500), ("a", 500),
    ]  # fmt: skip
    assert live.host.sequencer.clamped == 0
    assert live.host.armed == []
    live.finish()


def test_effects_leave_only_after_the_disk_said_yes(tmp_path: Path) -> None:
    """One group commit frees the effects of every input before it, in order (borders.md 2)."""
    disk = CountingDisk()
    live = a_host(tmp_path, disk)
    live.take(Go(), BASE, Source.RUNTIME)
    live.advance(BASE + 300 * MILLISECOND)
    before = disk.syncs
    held = live.commit()
    assert disk.syncs == before + 1
    assert live.host.journal.durable_seq == live.host.journal.next_seq - 1
    names = [
        request.client_id
        for part in held
        for effect in part.effects
        if isinstance(effect, Send)
        for request in effect.requests
    ]
    assert names == [f"M001{number:06d}" for number in range(1, 5)]
    assert live.commit() == []
    assert unsent(held, "gone") == NotSent(names, "gone")
    live.finish()


def test_snapshots_follow_business_time_but_not_too_often(tmp_path: Path) -> None:
    """Every minute of business time, at most once in the pause of elapsed time; a machine comes
    back from them.
    """
    live = a_host(tmp_path, every=60 * SECOND)
    live.take(Go(), BASE, Source.RUNTIME)
    elapsed = 100 * SECOND
    assert not live.checkpoint_due(elapsed)
    live.advance(BASE + 61 * SECOND)
    assert live.checkpoint_due(elapsed)
    live.checkpoint(elapsed)
    live.advance(BASE + 122 * SECOND)
    assert not live.checkpoint_due(elapsed + SECOND // 2)
    assert live.checkpoint_due(elapsed + SECOND)
    digest = live.host.machine.digest()
    live.host.journal.close()
    journal = SegmentJournal(tmp_path, "ping")
    back = recover(Ping, journal, FolderSnapshots(tmp_path, "ping"))
    assert back.core.machine.digest() == digest
    assert back.from_frame > 0
    assert back.applied > 0
    journal.close()


def test_a_host_without_timers_waits_for_ever(tmp_path: Path) -> None:
    """No timer, no wake-up."""
    live = a_host(tmp_path)
    assert live.next_due() == NEVER
    assert live.fire(BASE) is None
    live.finish()
