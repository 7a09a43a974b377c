"""Five minutes of a full market, extrapolated to a day, and the cost of a member's quote.

Run: python bench/venue_day.py [minutes]
"""

import sys
import time

import numpy as np
from msgspec.structs import replace

from quanheng.compose.openings import Openings
from quanheng.compose.reference import load
from quanheng.compose.scenarios import load as load_scenario
from quanheng.config import read_config
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.exchange import layout as lay
from quanheng.exchange.etf import EtfVenue
from quanheng.exchange.venue import Venue, invariants
from quanheng.kernels.pack import unpack
from quanheng.runtime.envelope import Envelope, Record, Source, TimerFired, WakeAt
from quanheng.terms.codes import Effect
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.orders import Quote, Requests
from quanheng.terms.units import MILLISECOND, MINUTE

DAY = 20240627


class Bench:
    """Two machines, their timers, and the CPU seconds each spent.

    `pick` as `--contracts`; `makers` is the number of the crowd's market makers, the scenario's
    own taken in turn.
    """

    def __init__(self, pick: str = "", makers: int | None = None) -> None:
        book = read_rulebook(DAY)
        reference = load(DAY, pick=pick)
        opened = Openings(load_scenario("calm"), reference, book, read_config(), 1, 500_000_000)
        self.venue, self.etf = Venue(), EtfVenue()
        self.opened = opened.venue()
        if makers is not None:
            kinds = self.opened.scenario.makers
            names = [replace(kinds[i % len(kinds)], name=f"CM{i + 1:02d}") for i in range(makers)]
            crowd = replace(self.opened.scenario, makers=tuple(names))
            self.opened = replace(self.opened, scenario=crowd)
        self.timers: dict[tuple[int, str], int] = {}
        self.spent = [0.0, 0.0]
        self.effects: dict[str, int] = {}
        self.rows: dict[str, int] = {}
        self.bytes = 0
        self.now = midnight(DAY) + from_clock("09:10")
        self.queue: list[tuple[int, object]] = []
        self.give(0, self.opened)
        self.give(1, opened.etf())

    def give(self, which: int, body: object) -> list[object]:
        machine = (self.venue, self.etf)[which]
        start = time.process_time()
        effects = list(machine.apply(Envelope(1, self.now, Source.FEED, 0, body)))
        self.spent[which] += time.process_time() - start
        for effect in effects:
            name = type(effect).__name__
            self.effects[name] = self.effects.get(name, 0) + 1
            if isinstance(effect, WakeAt):
                self.timers[which, effect.name] = effect.at
            elif isinstance(effect, UnderlyingTicks):
                self.queue.append((self.now + MILLISECOND, effect))
            elif isinstance(effect, Record):
                count = len(unpack(effect.rows, effect.columns))
                self.rows[effect.table] = self.rows.get(effect.table, 0) + count
            elif isinstance(effect, ChainTick):
                self.bytes += len(effect.rows)
        return effects

    def until(self, instant: int) -> None:
        while True:
            if not self.timers:
                return
            due, key = min((due, key) for key, due in self.timers.items())
            if self.queue and self.queue[0][0] <= due:
                self.now, body = self.queue.pop(0)
                self.give(0, body)
                continue
            if due > instant:
                return
            del self.timers[key]
            self.now = due
            self.give(key[0], TimerFired(key[1], due))


def main() -> None:
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    bench = Bench()
    base = midnight(DAY)
    bench.until(base + from_clock("09:31"))
    print("to 09:31 (with compilation)", [round(x, 2) for x in bench.spent])
    bench.spent = [0.0, 0.0]
    bench.rows.clear()
    bench.effects.clear()
    bench.bytes = 0
    state = bench.venue.state
    before = state.info[:, lay.VOLUME].copy()
    bench.until(base + from_clock("09:31") + minutes * MINUTE)
    steps = minutes * 120
    venue, etf = (spent / steps * 1e6 for spent in bench.spent)
    print(f"venue {venue:.0f} us, etf {etf:.0f} us per 500 ms step; day {venue * 0.02844:.1f} s")
    scale = 14_220 / 60 / minutes
    print("rows a day", {name: int(count * scale) for name, count in bench.rows.items()})
    print("effects a day", {name: int(count * scale) for name, count in bench.effects.items()})
    print("feed MB a day", bench.bytes * scale / 1e6)
    volume = state.info[:, lay.VOLUME] - before
    for klass in bench.opened.chain.classes:
        total = int(volume[klass.start : klass.stop].sum() * scale)
        print(klass.underlying, "volume a day", total)
    wire(bench)
    print(invariants(state))


def wire(bench: Bench) -> None:
    """Quotes of one member over the whole chain, away from the best."""
    state = bench.venue.state
    count, spent = 0, 0.0
    for _ in range(20):
        requests = []
        for slot, contract in enumerate(bench.opened.chain.contracts):
            fair = int(state.crowd.fair[slot, 0])
            bid = max(fair - 40 - count % 3, contract.limit_down)
            ask = min(fair + 60 + count % 3, contract.limit_up)
            count += 1
            name = f"M001{np.base_repr(count, 36):0>6}"
            requests.append(Quote(name, contract.code, bid, ask, 10, 10, Effect.OPEN, Effect.OPEN))
        start = time.process_time()
        for first in range(0, len(requests), 40):
            bench.now += 1_000 * MILLISECOND
            bench.give(0, Requests(bench.opened.members[0].pbu, requests[first : first + 40]))
        spent += time.process_time() - start
    print(f"wire quote {spent / count * 1e6:.1f} us each in batches of 40")


if __name__ == "__main__":
    main()
