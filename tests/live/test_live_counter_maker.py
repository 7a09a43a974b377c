"""The maker over a broker's counter: it quotes, is filled and is measured as over the exchange's
own two-sided quotes, and its duties end with the first side that goes (scope 10, Q-01, Q-03).
"""

from pathlib import Path
from typing import Any

import pytest
from maker_world import World, continuous
from stub_counter import Broker
from vnpy.trader.constant import Direction, Status

from quanheng.duties import measure
from quanheng.edge.counter_port import STREAM, CounterPort
from quanheng.edge.vnpy_link import VnpyCounter, VnpySetup
from quanheng.maker import columns as c
from quanheng.runtime.envelope import LinkChanged, TookOver
from quanheng.terms.codes import Alert, Link
from quanheng.terms.commands import SignOn
from quanheng.terms.orders import Reports
from quanheng.terms.units import MILLISECOND, SECOND, TICKS_PER_YUAN
from quanheng.wire.events import ReportArrived

SETUP = VnpySetup(gateway="stub_counter:StubGateway", settings={"broker": "M"}, settle=0)


class CounterWorld(World):
    """The world of the maker's tests with a counter in place of the exchange's quotes."""

    def connect(self, folder: Path) -> None:
        codes = tuple(contract.code for contract in self.chain.contracts)
        self.broker = Broker("M", codes)
        self.broker.tick = 0.0001  # the step of these contracts
        self.port = CounterPort(
            VnpyCounter(SETUP, dict(SETUP.settings)), folder, "12345", 20240627, codes,
            lambda now: self.at, one_sided=False, letter="X",
        )  # fmt: skip
        self.port.tick(1)
        self.port.send_index_sync("12345", STREAM, 1, 1)

    def reply(self, requests: Any) -> None:
        self.port.send_requests(requests, 1)
        self.hear()

    def hear(self) -> None:
        """Reports of the counter to the maker, until there are no more."""
        for _ in range(4):
            events = self.port.tick(1)
            reports = [event.report for event in events if isinstance(event, ReportArrived)]
            self._show()
            if reports:
                self.put(Reports(reports), self.at + MILLISECOND)

    def _show(self) -> None:
        """What rests stands in the market data."""
        self.resting.clear()
        for row in self.broker.live():
            side = 0 if row.direction == Direction.LONG else 1
            price = round(row.price * TICKS_PER_YUAN)
            self.resting[self.slot(row.symbol), side] = [
                row.orderid,
                price,
                int(row.volume - row.traded),
            ]

    def order_of(self, slot: int, side: int) -> Any:
        return self.broker.orders[self.resting[slot, side][0]]

    def fill(self, slot: int, side: int, qty: int) -> None:
        self.broker.fill(self.order_of(slot, side), qty)
        self.hear()


def start(kind: type[World], folder: Path) -> Any:
    world = kind.start(ready=False)
    if isinstance(world, CounterWorld):
        world.connect(folder)
    return world


def opened(kind: type[World], folder: Path) -> Any:
    """In continuous trading."""
    return trading(start(kind, folder))


def trading(world: Any) -> Any:
    """Signed on, linked, and in continuous trading."""
    for body in (
        TookOver(1), SignOn("trader", "p001", True), LinkChanged(Link.SYNCING),
        LinkChanged(Link.READY),
    ):  # fmt: skip
        world.put(body)
    return continuous(world)


def play(world: Any) -> Any:
    """A stretch of market: moves that replace quotes, fills on both sides."""
    for number, spot in enumerate((24_410, 24_430, 24_400, 24_470, 24_380)):
        world.move(spot)
        world.run(3)
        slot = number % len(world.chain.contracts)
        for side in (0, 1):
            if (slot, side) in world.resting:
                world.fill(slot, side, 3)
    world.run(3)
    return world


def shape(world: Any) -> list[tuple[int, ...]]:
    """What the maker thinks rests: state, price and quantity of every side."""
    columns = [c.W_STATE, c.W_LIVE_PX, c.W_LIVE_QTY, c.W_PEND_ID]
    bases = (0, c.W_COLUMNS)
    return [tuple(int(row[b + k]) for b in bases for k in columns) for row in world.state.work]


def test_live_counter_the_maker_cannot_tell(tmp_path: Path) -> None:
    """The same market over native quotes and over paired orders: the same table, positions and
    money; nothing unexpected, nothing foreign, nothing late. Of the duties only the instants are
    missing in which one order of a pair is dead and the next one not yet there.
    """
    native, paired = (play(opened(kind, tmp_path)) for kind in (World, CounterWorld))
    assert len(paired.broker.trades) >= 6
    assert shape(paired) == shape(native)
    for name in ("long_qty", "short_qty", "cash"):
        one, two = (getattr(world.state.book, name) for world in (native, paired))
        assert (one == two).all() if hasattr(one, "all") else one == two, name
    audit = paired.state.audit
    assert (audit.unexpected, audit.foreign, audit.late_fills, audit.rejected) == (0, 0, 0, 0)
    figures = [measure.figures(world.state.meter, world.at) for world in (native, paired)]
    missing = figures[0].compliant - figures[1].compliant
    assert (missing >= 0).all()
    assert int(missing.sum()) > 0  # each answer takes this world a millisecond
    assert int(missing.max()) <= 100 * MILLISECOND
    assert int(figures[1].compliant.min()) > 19 * SECOND
    for (slot, side), (_, price, qty) in paired.resting.items():
        base = c.W_COLUMNS * side
        row = paired.state.work[slot]
        assert (row[base + c.W_LIVE_PX], row[base + c.W_LIVE_QTY]) == (price, qty)


@pytest.mark.parametrize("side", [0, 1])
def test_live_counter_duty_ends_with_the_first_side(tmp_path: Path, side: int) -> None:
    """The counter takes one order away while the maker cannot quote anew: from that instant on the
    contract is not quoted on two sides, to the nanosecond of the report.
    """
    world = opened(CounterWorld, tmp_path)
    slot = 0
    assert (slot, 0) in world.resting and (slot, 1) in world.resting
    world.answer = False
    begin = world.at
    before = measure.figures(world.state.meter, begin)
    world.at += 5 * SECOND
    order = world.order_of(slot, side)
    order.status = Status.CANCELLED
    world.broker.tell(order)
    world.hear()
    world.at += 7 * SECOND
    after = measure.figures(world.state.meter, world.at)
    quoted = int(after.quoted[0, slot] - before.quoted[0, slot])
    assert quoted == 5 * SECOND
    other = int(after.quoted[0, 1] - before.quoted[0, 1])
    assert other == world.at - begin
    assert not world.alerts(Alert.REJECTED_BY_EXCHANGE)


def test_live_counter_one_side_refused_is_a_refused_quote(tmp_path: Path) -> None:
    """The maker hears a refusal, waits, and nothing of the quote is left at the counter."""
    world = start(CounterWorld, tmp_path)
    code = world.chain.contracts[0].code
    world.broker.reject.add((code, "SHORT"))
    trading(world)
    assert world.alerts(Alert.REJECTED_BY_EXCHANGE)
    assert not [row for row in world.broker.live() if row.symbol == code]
    assert shape(world)[0] == (0, 0, 0, 0, 0, 0, 0, 0)
