"""Twice and three times the usual load over the feed's real sockets (promise 31), and the
verdicts on loads and long runs (promises 29 and 30).

Counted, not timed: a turn of the loop must take everything that was published before it, so that
what waits at the exchange's end does not grow however many snapshots come between two turns.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from maker_world import SPOT, World, continuous, make_chain

sys.path.append(str(Path(__file__).parents[2] / "tools"))

import soak
from load_lines import LINES, judge
from quanheng.edge import loop as loops
from quanheng.edge.loop import Loop, tcp_listener
from quanheng.edge.market_feed import FeedClient, Publisher
from quanheng.kernels.pack import pack
from quanheng.maker.maker import Maker
from quanheng.runtime.envelope import Envelope, Source
from quanheng.runtime.host import Host
from quanheng.runtime.release import Policy, Release
from quanheng.runtime.segment import SegmentJournal
from quanheng.terms.market import ChainTick
from quanheng.terms.orders import Send
from quanheng.terms.units import MILLISECOND, MINUTE

STEP = 100 * MILLISECOND


class Hosted:
    """Stands for the world's maker: what the street answers goes through the host."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def state(self) -> Any:
        return self._host.machine.state

    def apply(self, envelope: Envelope[Any]) -> Any:
        return self._host.take(envelope.body, envelope.at, Source.VENUE)


class Line:
    """A maker with its journal on disk behind the real feed; the exchange's end beside it."""

    def __init__(self, folder: Path) -> None:
        self.world: Any = continuous(World.start(make_chain(strikes=3, expiries=2)))
        self.loop = Loop()
        listener = tcp_listener("127.0.0.1", 0)
        address = listener.getsockname()
        self.publisher = Publisher(self.world.chain, self.loop, listener, lambda: self.world.at)
        self.journal = SegmentJournal(folder, Maker.NAME)
        self.release = Release(Policy.SYNCED)
        self.host = Host(self.world.maker, self.journal, None, self.release)
        self.host.sequencer.seq, self.host.sequencer.at = self.world.seq, self.world.at
        self.world.maker, self.world.answer = Hosted(self.host), False
        self.taken = self.published = self.released = self.number = 0
        self.client = FeedClient(self.world.chain, self.loop, address, self._take, self._bad)
        self.publish(1)
        self.turn(30)
        assert self.taken == 1, "the reader has the image"

    def _take(self, tick: Any) -> None:
        self.taken += 1
        self.host.take(tick, self.world.at, Source.FEED)

    def _bad(self, bad: Any) -> None:
        raise AssertionError(bad)

    def publish(self, count: int) -> None:
        """So many snapshots of the class."""
        for _ in range(count):
            self.number += 1
            world = self.world
            world.at += STEP
            world.spot = SPOT + 4 * (self.number % 20 - 10)
            rows = [world.row(slot) for slot in range(len(world.chain.contracts))]
            tick = ChainTick(0, world.at, True, pack(np.array(rows, dtype=np.int64)))
            self.publisher.publish(tick)
            self.published += 1

    def turn(self, times: int = 1) -> None:
        """A turn as the processes have it: read, make durable, let out, write."""
        for _ in range(times):
            self.client.tick(self.world.at)
            self.loop.flush()
            self.loop.poll(0.005)
            while held := self.host.commit():
                for effect in [one for part in held for one in part.effects]:
                    if isinstance(effect, Send):
                        self.released += 1
                        self.world.reply(effect.requests)
            self.loop.flush()

    @property
    def waiting(self) -> int:
        """Snapshots that were published and not taken."""
        return self.published - self.taken

    def close(self) -> None:
        self.loop.close()
        self.journal.close()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    yield made
    made.close()


def most_waiting(line: Line, pattern: tuple[int, ...], rounds: int) -> tuple[int, int]:
    """Snapshots that waited after a turn, at most, in the first and the second half."""
    found = []
    for number in range(rounds):
        line.publish(pattern[number % len(pattern)])
        line.turn()
        found.append(line.waiting)
        assert len(line.release) == 0  # nothing waits for the disk after a turn
    return max(found[: rounds // 2]), max(found[rounds // 2 :])


def test_twice_the_load_and_bursts_of_three_leave_no_backlog(line: Line) -> None:
    """One, two, and three snapshots in bursts between two turns: what waits after a turn never
    exceeds a burst, does not grow, and is gone after a pause; nothing of it is lost or cut.
    """
    for pattern in ((1,), (2,), (2, 2, 2, 3)):
        first, second = most_waiting(line, pattern, 60)
        assert first <= max(pattern) and second <= max(pattern), pattern
    line.turn(5)
    assert line.waiting == 0 and line.publisher.cut == 0 and line.client.losses == 0
    assert line.taken == line.published == 1 + 60 + 120 + 135
    assert line.released > 50
    assert all(one.backlog == 0 for one in line.loop.connections)


def test_a_reader_that_takes_too_little_is_seen(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts above fire when a turn takes less than what comes: read fewer bytes a turn."""
    monkeypatch.setattr(loops, "READ_BYTES", 4_000)
    first, second = most_waiting(line, (2,), 60)
    assert second > first > 2


def loaded(ratio: float, late: tuple[int, int]) -> Any:
    """A run whose seconds carry `ratio` peaks of 100, one of them twice that; `late` in ms."""
    seconds = {name: {at: int(100 * ratio) for at in range(60)} for name in LINES}
    for line in seconds.values():
        line[30] *= 2
    lateness = {at: late[at >= 30] * MILLISECOND for at in range(60)}
    return SimpleNamespace(messages=seconds, late=lateness)


def test_the_verdict_of_a_load() -> None:
    """A run is a load of twice the peak when its median second is, and a burst reaches three; a
    backlog that grows shows between the thirds.
    """
    peaks = dict.fromkeys(LINES, (100, 0))
    said, enough = judge(loaded(2.0, (40, 40)), peaks, 10)
    assert enough and "2.0 peaks (median), 4.0 at most; 100% at least 2, 2% at least 3" in said[0]
    assert "first third 40, last third 40" in said[-1]
    assert judge(loaded(1.9, (40, 40)), peaks, 10)[1] is False
    assert "first third 40, last third 900" in judge(loaded(2.0, (40, 900)), peaks, 0)[0][-1]


def minutes(count: int, **grow: int) -> list[dict[str, Any]]:
    """Lines of health, one a minute; of each figure how much it grows a minute."""
    base = {"rss_kib": 200_000, "gc_full": 0, "turns": 0, "long_turns": 0, "turn_ms": 30}
    return [
        {
            "what": "health",
            "at": at * MINUTE,
            **{k: v + at * grow.get(k, 0) for k, v in base.items()},
        }
        for at in range(count)
    ]


def test_the_verdict_of_a_long_run() -> None:
    """Each bound is kept just at it and told just beyond (promises 29 and 30)."""
    good = soak.judge("maker", minutes(181, rss_kib=17, turns=3_000, long_turns=3), 1, 60, 1)
    assert (good.hours, good.growth, good.turns, good.worst_ms) == (2.0, 1_020, 360_000, 30)
    assert good.wrong == []
    bad = soak.judge(
        "maker", minutes(181, rss_kib=18, gc_full=1, turns=999, long_turns=1, turn_ms=2), 1, 60, 2
    )
    assert [words.partition(" ")[2].split(",")[0] for words in bad.wrong] == [
        "grows by 1080 KiB an hour", "had 120 full collections",
        "120 of 119880 turns over 20 ms", "longest turn 390 ms", "was started again 1 times",
    ]  # fmt: skip
    assert soak.judge("maker", minutes(30), 10, 60, 1).hours > 3.5  # business time
    assert "less than a business hour" in soak.judge("maker", minutes(90), 1, 60, 1).wrong[0]
