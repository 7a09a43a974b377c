"""Speed of the venue against pure-Python order books, and how the cost of a day grows.

    .venv-bench/bin/python bench/venue_speed.py

One stream of commands (about 55 % passive orders, 35 % cancels, 10 % aggressive orders, at most 40
orders a side) goes through our book, our whole venue and the peers in turn, round after round; the
best round of each counts. The peers are lightmatchingengine and the textbook book of price dicts
and deques below. All must trade the same quantity. The venue does more than the peers: ids, phases,
limits, positions, funds, fees, duties, reports and dataset rows. Then come snapshots of the whole
chain, and a simulated minute with more contracts and with more market makers. Times are CPU time of
this one thread, so that other processes do not count.
"""

import random
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from lightmatchingengine.lightmatchingengine import LightMatchingEngine
from msgspec.structs import replace

from quanheng.compose.text import table
from quanheng.exchange import layout as lay
from quanheng.exchange.feed import snapshot
from quanheng.exchange.layout import Market
from quanheng.exchange.orders import cancel, enter
from quanheng.exchange.state import market_of
from quanheng.exchange.venue import Venue, invariants
from quanheng.kernels.jit import kernel
from quanheng.kernels.pack import pack
from quanheng.runtime.envelope import Envelope, Source
from quanheng.terms.codes import Effect, OrderKind, Side
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.market import ChainTick
from quanheng.terms.orders import AnyRequest, NewOrder, OrderCancel, Requests
from quanheng.terms.units import MILLISECOND, MINUTE
from quanheng.wire.md301 import ChainTables, StreamEncoder
from venue_day import DAY, Bench

COMMANDS = 20_000
BLOCK = 8
"""Commands in a row of one member. Buys are of one member and sells of another, so that nobody
meets its own orders (19314)."""
DEPTH = 40
ROUNDS = 3
SIZES = ("50", "100", "200", "")
MAKERS = (1, 5, 10, 20)
AT = midnight(DAY) + from_clock("09:30")


class Command(NamedTuple):
    """An order, or the cancel of the order with number `order`; numbers count the orders."""

    side: int
    price: int
    qty: int
    order: int


class DequeBook:
    """The textbook book: for each side a dict of deques by price, and an index by order number."""

    def __init__(self) -> None:
        self.levels: tuple[dict[int, deque[list[int]]], ...] = ({}, {})
        self.orders: dict[int, tuple[int, int, list[int]]] = {}
        self.number = 0
        self.traded = 0

    def add(self, side: int, price: int, qty: int) -> None:
        """Match what crosses, let the rest rest."""
        self.number += 1
        other = self.levels[1 - side]
        while qty and other:
            best = min(other) if side == 0 else max(other)
            if best > price if side == 0 else best < price:
                break
            queue = other[best]
            while qty and queue:
                row = queue[0]
                fill = min(qty, row[1])
                qty -= fill
                row[1] -= fill
                self.traded += fill
                if not row[1]:
                    del self.orders[queue.popleft()[0]]
            if not queue:
                del other[best]
        if qty:
            row = [self.number, qty]
            self.levels[side].setdefault(price, deque()).append(row)
            self.orders[self.number] = (side, price, row)

    def cancel(self, order: int) -> None:
        """Take out a resting order."""
        side, price, row = self.orders.pop(order)
        queue = self.levels[side][price]
        queue.remove(row)
        if not queue:
            del self.levels[side][price]


def stream(count: int) -> list[Command]:
    """The commands."""
    rng = random.Random(1)
    book = DequeBook()
    commands: list[Command] = []
    while len(commands) < count:
        side = len(commands) // BLOCK % 2
        mine = [number for number, found in book.orders.items() if found[0] == side]
        draw = rng.random()
        if mine and (draw < 0.35 or len(mine) >= DEPTH):
            order = rng.choice(mine)
            commands.append(Command(side, 0, 0, order))
            book.cancel(order)
            continue
        away = rng.randrange(1, 12) * (1 if draw > 0.9 else -1)
        price = 1_000 + (away if side == 0 else -away)
        commands.append(Command(side, price, rng.randrange(1, 11), 0))
        book.add(*commands[-1][:3])
    return commands


def through_deques(commands: list[Command]) -> tuple[float, int]:
    """(seconds, contracts traded)."""
    book = DequeBook()
    began = time.process_time()
    for side, price, qty, order in commands:
        if order:
            book.cancel(order)
        else:
            book.add(side, price, qty)
    return time.process_time() - began, book.traded


def through_peer(commands: list[Command]) -> tuple[float, int]:
    """The same of lightmatchingengine."""
    engine = LightMatchingEngine()
    traded = 0
    began = time.process_time()
    for side, price, qty, order in commands:
        if order:
            engine.cancel_order(order, "X")
        else:
            traded += engine.add_order("X", price, qty, side + 1)[0].cum_qty
    return time.process_time() - began, traded


def quiet_venue() -> Venue:
    """A venue in continuous trading with two members and no crowd; slot 0 has wide limits."""
    opened = Bench("24", 0).opened
    member = opened.members[0]
    members = tuple(
        replace(member, pbu=f"B000{i}", maker=f"B{i}", cash=10**17, limits=()) for i in range(2)
    )
    body = replace(
        opened,
        members=members,
        scenario=replace(opened.scenario, flow=0, informed=0, inquiries=0),
        switches={"flow_limit": "off"},
    )
    venue = Venue()
    venue.apply(Envelope(1, AT, Source.RUNTIME, 0, body))
    limits = [lay.BAND_LOW, lay.BAND_HIGH, lay.DOWN, lay.UP]
    venue.state.info[0, limits] = 1, 1_000_000, 1, 1_000_000
    return venue


@kernel
def _in_one_call(m: Market, rows: lay.Ints, at: int) -> None:
    """All commands; the event table is emptied when it fills."""
    for i in range(rows.shape[0]):
        if m.ctl[lay.C_EVENTS] > lay.EVENTS // 2:
            m.ctl[lay.C_EVENTS] = 0
        if rows[i, 3]:
            cancel(m, 0, rows[i, 0], rows[i, 3])
        else:
            enter(m, 0, rows[i, 0], 0, rows[i, 1], rows[i, 2], rows[i, 0], at, 0)


def through_kernel(commands: list[Command]) -> tuple[float, int]:
    """Our book in one compiled call."""
    venue = quiet_venue()
    market, rows = market_of(venue.state), np.array(commands, dtype=np.int64)
    began = time.process_time()
    _in_one_call(market, rows, AT)
    return time.process_time() - began, int(venue.state.info[0, lay.VOLUME])


def through_book(commands: list[Command]) -> tuple[float, int]:
    """Our book, one call for each command."""
    venue = quiet_venue()
    market = market_of(venue.state)
    ctl = market.ctl
    began = time.process_time()
    for side, price, qty, order in commands:
        if order:
            cancel(market, 0, side, order)
        else:
            enter(market, 0, side, 0, price, qty, side, AT, 0)
            ctl[lay.C_EVENTS] = 0
    return time.process_time() - began, int(venue.state.info[0, lay.VOLUME])


def requests(commands: list[Command], code: str) -> list[AnyRequest]:
    """The commands as messages."""
    found: list[AnyRequest] = []
    names = [""]
    for count, (side, price, qty, order) in enumerate(commands):
        name = f"K{count:09d}"
        if order:
            found.append(OrderCancel(name, code, names[order]))
        else:
            names.append(name)
            way = Side(side + 1)
            found.append(NewOrder(name, code, way, Effect.OPEN, OrderKind.LIMIT, price, qty))
    return found


def through_venue(commands: list[Command], together: int) -> tuple[float, int]:
    """The whole venue, `together` requests an input, a millisecond apart."""
    venue = quiet_venue()
    opened = venue.state.open
    asked = requests(commands, opened.chain.contracts[0].code if opened else "")
    inputs = [
        Envelope(
            2 + first,
            AT + first * MILLISECOND,
            Source.VENUE,
            0,
            Requests(f"B000{commands[first].side}", asked[first : first + together]),
        )
        for first in range(0, len(asked), together)
    ]
    began = time.process_time()
    for envelope in inputs:
        venue.apply(envelope)
    took = time.process_time() - began
    wrong = {name: count for name, count in invariants(venue.state).items() if count}
    if wrong:
        raise SystemExit(f"the venue is not sound after the stream: {wrong}")
    return took, int(venue.state.info[0, lay.VOLUME])


ENGINES: dict[str, Callable[[list[Command]], tuple[float, int]]] = {
    "our book, one call": through_kernel,
    "our book, a call a command": through_book,
    f"our venue, {BLOCK} requests an input": lambda rows: through_venue(rows, BLOCK),
    "our venue, a request an input": lambda rows: through_venue(rows, 1),
    "dict and deques": through_deques,
    "lightmatchingengine": through_peer,
}


def compare() -> None:
    """Commands a second of every engine."""
    commands = stream(COMMANDS)
    for run in ENGINES.values():
        run(commands[:2_000])
    best: dict[str, float] = {}
    traded: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name, run in ENGINES.items():
            took, traded[name] = run(commands)
            best[name] = min(took, best.get(name, took))
    if len(set(traded.values())) > 1:
        raise SystemExit(f"the engines did not trade the same: {traded}")
    peers = list(ENGINES)[-2:]
    rows = []
    for name, took in best.items():
        ratios = [f"{best[peer] / took:.2f}" for peer in peers]
        rows.append([name, f"{COMMANDS / took:,.0f}", f"{took / COMMANDS * 1e6:.2f}", *ratios])
    print(
        f"{COMMANDS:,} commands on one contract, {next(iter(traded.values())):,} contracts traded"
    )
    heads = ["engine", "commands/s", "us each", *(f"x {peer}" for peer in peers)]
    print(table(heads, rows, left=1))


def snapshots() -> None:
    """Snapshots of every contract of the chain, and the same with their encoding."""
    bench = Bench()
    bench.until(AT + MINUTE)
    state, chain = bench.venue.state, bench.opened.chain
    market, encoder = market_of(state), StreamEncoder(ChainTables(chain))
    seconds = [0.0, 0.0]
    size = 0
    rounds = 50
    for turn in range(-1, rounds):  # the first turn loads the kernels
        if turn == 0:
            seconds, size = [0.0, 0.0], 0
        for number, klass in enumerate(chain.classes):
            began = time.process_time()
            span = (klass.start, klass.stop)
            count = snapshot(market, *span, True, state.shown, state.out)
            cut = time.process_time()
            tick = ChainTick(number, bench.now, True, pack(state.out[:count]))
            size += len(encoder.encode(tick))
            seconds[0] += cut - began
            seconds[1] += time.process_time() - cut
    contracts = len(chain.contracts)
    cut, encoded = (rounds * contracts / spent for spent in (seconds[0], sum(seconds)))
    print(f"{contracts} contracts: {cut:,.0f} snapshots/s cut, {encoded:,.0f} cut and encoded")
    whole = sum(seconds) / rounds
    print(f"whole chain {whole * 1e3:.2f} ms, {size / rounds / 1e3:,.0f} kB")


def growth() -> None:
    """A simulated minute from 09:31 of the calm day, the venue alone."""
    rows = []
    plans = [(pick, None) for pick in SIZES] + [("100", count) for count in MAKERS]
    for pick, makers in plans:
        bench = Bench(pick, makers)
        bench.until(AT + MINUTE)
        bench.spent = [0.0, 0.0]
        bench.rows.clear()
        bench.until(AT + 2 * MINUTE)
        scenario = bench.opened.scenario
        contracts = len(bench.opened.chain.contracts)
        rows.append(
            [
                str(contracts),
                str(len(scenario.makers)),
                f"{bench.spent[0] * 1e3:.0f}",
                f"{bench.spent[0] / 120 * 1e6:.0f}",
                str(bench.rows.get("trades", 0)),
                str(bench.rows.get("quotes", 0)),
            ]
        )
    print("a minute of the venue, 2 snapshots a second, one member on the wire that does not quote")
    heads = ["contracts", "makers", "ms", "us a step", "trades", "quote rows"]
    print(table(heads, rows, left=0))


def main() -> None:
    """Print the three parts."""
    compare()
    snapshots()
    growth()


if __name__ == "__main__":
    main()
