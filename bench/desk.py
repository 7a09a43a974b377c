"""From a snapshot's bytes to decided and encoded quotes: latency by stage, growth, and a peer.

    python bench/desk.py [SNAPSHOTS]

One class of about 150 contracts. Each snapshot arrives as MD301 bytes; the maker decodes it, takes
it into view and duties, fits forwards and curves, prices, says what the class's quotes should be,
judges every quote by all checks, and writes TDGW bytes. The exchange's answers come between the
snapshots and are timed apart. Percentiles are of wall time on a machine that others use, so the
ratio to the peer (`peer_eye`), timed in turn with ours, says more than the microseconds. The peer
neither decodes, fits, checks nor encodes. Garbage collection is off, as in the engine's process.
"""

import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "maker"))

from maker_world import EXPIRIES, SPOT, VOL, World, continuous, make_chain

import peer_eye as peer
from quanheng.compose.text import table
from quanheng.kernels.pack import pack
from quanheng.maker import feed, quoting
from quanheng.runtime.envelope import Envelope, Source
from quanheng.terms.codes import Phase
from quanheng.terms.market import ChainTick, UnderlyingTick, UnderlyingTicks
from quanheng.terms.orders import Send
from quanheng.terms.units import MILLISECOND
from quanheng.wire import md301
from quanheng.wire.profile import Profile
from quanheng.wire.tdgw import ClientSession, ServerSession

SNAPSHOTS = 1_000
STRIKES = 19
SIZES = (5, 10, 19, 38)
"""Strikes of the classes whose growth is shown: times two kinds, times four expiries."""
WARM = 30
"""Snapshots before the clock counts: compiled code is loaded, queues and quotes are settled."""
JUMP = 90
"""Ticks; the parameter `jump` is three thousandths of the spot."""
STEP = 500 * MILLISECOND
MICRO = 1e6
STAGES = ("decode", "view, duties", "theory", "targets", "checks", "requests", "encode")
PARTS = (
    (feed, "reprice", "theory"),
    (quoting, "plan_class", "targets"),
    (quoting, "_judge", "checks"),
    (quoting, "quotes", "requests"),
)
"""What is timed inside the maker's `apply`; the rest of it is view and duties."""


class Stopwatch:
    """Seconds of each stage of the snapshot that is under way."""

    def __init__(self) -> None:
        self.now = dict.fromkeys(STAGES, 0.0)
        for room, name, stage in PARTS:
            vars(room)[name] = self._timed(vars(room)[name], stage)

    def _timed(self, call: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            began = time.perf_counter()
            try:
                return call(*given)
            finally:
                self.now[stage] += time.perf_counter() - began

        return run


class Desk:
    """A maker in continuous trading, its feed as bytes and its order session as bytes."""

    def __init__(self, watch: Stopwatch, strikes: int) -> None:
        self.watch = watch
        self.world = continuous(World.start(make_chain(strikes=strikes, expiries=4)))
        self.world.run(3)
        chain = self.world.chain
        self.contracts = len(chain.contracts)
        tables = md301.ChainTables(chain)
        self._encoder, self._decoder = md301.StreamEncoder(tables), md301.StreamDecoder(tables)
        profile, at = Profile("A000000001", "12345"), self.world.at
        self._client = ClientSession("OMS01", profile, chain.day, at)
        server = ServerSession((profile,), ("300",), chain.day, at)
        server.send_platform_state(1, at)
        server.receive(self._client.send_logon(at), at)
        self._client.receive(server.output(), at)
        self.sent = self.answers = 0
        self.answering = 0.0

    def _take(self, body: ChainTick | UnderlyingTicks) -> list[float]:
        """Seconds by stage from the bytes of a message of the feed to the bytes of the quotes."""
        world, now, clock = self.world, self.watch.now, time.perf_counter
        data = self._encoder.encode(body)
        now.update(dict.fromkeys(STAGES, 0.0))
        began = clock()
        found = self._decoder.feed(data)
        now["decode"] = clock() - began
        (tick,) = found.ticks if isinstance(body, ChainTick) else found.underlyings
        world.seq += 1
        envelope = Envelope(world.seq, world.at, Source.FEED, 0, tick)
        began = clock()
        effects = world.maker.apply(envelope)
        applied = clock() - began
        now["view, duties"] = applied - sum(now[stage] for _, _, stage in PARTS)
        sends = [effect for effect in effects if isinstance(effect, Send)]
        began = clock()
        for send in sends:
            self._client.send_requests(send.requests, world.at)
        now["encode"] = clock() - began
        taken = [now[stage] for stage in STAGES]
        began = clock()
        for send in sends:
            self.sent += len(send.requests)
            self.answers += len(send.requests)
            world.reply(send.requests)
        self.answering += clock() - began
        return taken

    def snapshot(self, number: int) -> list[float]:
        """The whole class at a spot that walks; the underlying's own tick comes with it."""
        world = self.world
        world.at += STEP
        world.spot = SPOT + 4 * (number % 20 - 10)
        row = world.state.view.underlying[0]
        row[0] = world.spot
        rows = np.array([world.row(slot) for slot in range(self.contracts)], dtype=np.int64)
        return self._take(ChainTick(0, world.at, True, pack(rows)))

    def jump(self, number: int) -> list[float]:
        """A move of the underlying beyond `jump`, which reprices and requotes at once."""
        world = self.world
        world.at += STEP
        world.spot = SPOT + (JUMP if number % 2 else -JUMP)
        mid = world.spot
        tick = UnderlyingTick(
            0, int(Phase.CONTINUOUS), mid, 0, 0, (mid - 10,), (1,), (mid + 10,), (1,)
        )
        return self._take(UnderlyingTicks(world.at, (tick,)))


class PeerDesk:
    """The peer over the same contracts and prices."""

    def __init__(self, world: World, pricer: peer.Pricer) -> None:
        under = peer.Underlying()
        under.mid = SPOT * 1e-4
        self._world, self.options = world, []
        for last_day, days in EXPIRIES:
            mine = []
            for slot, one in enumerate(world.chain.contracts):
                if one.last_day == last_day:
                    sign = 1 if one.kind == "C" else -1
                    option = peer.Option(one.strike * 1e-4, sign, days / 243, VOL, one.unit, pricer)
                    option.net = slot % 7 - 3
                    mine.append(option)
                    self.options.append((slot, option))
            peer.Chain(under, mine)
        self._eye = peer.ElectronicEye(under)
        for option, tick in self._ticks():
            option.on_tick(tick)

    def _ticks(self) -> list[tuple[peer.Option, peer.Tick]]:
        out = []
        for slot, option in self.options:
            fair = self._world.fair(slot)
            out.append((option, peer.Tick(fair - 0.0015, fair + 0.0015, fair)))
        return out

    def underlying(self) -> float:
        """Seconds of a tick of the underlying."""
        began = time.perf_counter()
        self._eye.on_underlying(self._world.spot * 1e-4)
        return time.perf_counter() - began

    def snapshot(self) -> float:
        """Seconds of a tick of the underlying and one of every option."""
        ticks = self._ticks()
        began = time.perf_counter()
        self._eye.on_underlying(self._world.spot * 1e-4)
        for option, tick in ticks:
            self._eye.on_option(option, tick)
        return time.perf_counter() - began


def _percentiles(seconds: list[float]) -> list[str]:
    ordered = sorted(seconds)
    places = (0.5, 0.99, 0.999)
    return [f"{ordered[min(int(len(ordered) * p), len(ordered) - 1)] * MICRO:.0f}" for p in places]


def _median(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) // 2]


def _stages(title: str, taken: list[list[float]], quotes: float) -> None:
    rows = [[name, *_percentiles([one[i] for one in taken])] for i, name in enumerate(STAGES)]
    rows.append(["together", *_percentiles([sum(one) for one in taken])])
    print(f"\n{title}, {quotes:.1f} quotes each, us")
    print(table(["stage", "p50", "p99", "p99.9"], rows, left=1))


def main() -> None:
    """Print the tables."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else SNAPSHOTS
    watch = Stopwatch()
    desk = Desk(watch, STRIKES)
    pricers = (("plain Python", peer.PlainPricer()), ("compiled", peer.CompiledPricer()))
    peers = [(name, PeerDesk(desk.world, pricer)) for name, pricer in pricers]
    for number in range(WARM):
        desk.snapshot(number)
        desk.jump(number)
    desk.sent = desk.answers = 0
    desk.answering = 0.0
    gc.collect()
    gc.freeze()
    gc.disable()
    whole: list[list[float]] = []
    jumps: list[list[float]] = []
    theirs: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name, _ in peers}
    counts = [0, 0]
    for number in range(rounds):
        before = desk.sent
        whole.append(desk.snapshot(number))
        counts[0] += desk.sent - before
        if number % 10 == 0:  # the peer needs milliseconds: a hundred rounds say enough
            before = desk.sent
            jumps.append(desk.jump(number // 10))
            counts[1] += desk.sent - before
            for name, one in peers:
                theirs[name][0].append(one.snapshot())
                theirs[name][1].append(one.underlying())
    print(f"{desk.contracts} contracts, {rounds} snapshots")
    _stages("a snapshot of the class", whole, counts[0] / rounds)
    _stages("a jump of the underlying", jumps, counts[1] / len(jumps))
    print(f"\nan answer: {desk.answering / max(desk.answers, 1) * MICRO:.0f} us, helpers included")
    mine = _median([sum(one) for one in whole]), _median([sum(one) for one in jumps])
    rows = []
    for name, _ in peers:
        full, tick = (_median(seconds) for seconds in theirs[name])
        cells = (full, full / mine[0], tick, tick / mine[1])
        rows.append([name, f"{cells[0] * MICRO:.0f}", f"{cells[1]:.1f}", f"{cells[2] * MICRO:.0f}",
                     f"{cells[3]:.1f}"])  # fmt: skip
    print("\nthe peer's electronic eye, restated (peer_eye): median us, and how often ours fits in")
    head = ["pricing", "snapshot", "ratio", "underlying", "ratio"]
    print(table(head, rows, left=1))
    rows = []
    for strikes in SIZES:
        other = Desk(watch, strikes)
        for number in range(WARM):
            other.snapshot(number)
        other.sent = 0
        taken = [sum(other.snapshot(number)) for number in range(max(rounds // 5, 20))]
        rows.append([str(other.contracts), *_percentiles(taken), f"{other.sent / len(taken):.1f}"])
    print("\ngrowth with the class, us per snapshot")
    print(table(["contracts", "p50", "p99", "p99.9", "quotes"], rows, left=0))


if __name__ == "__main__":
    main()
