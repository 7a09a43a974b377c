"""Paired orders under random delays, fills, refusals, repeats and losses, read by the maker's own
order table (scope 10, I-12): it cannot tell a pair from a quote.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quanheng.edge.counter_facts import Fact, OrderSeen, State, TradeSeen
from quanheng.edge.counter_port import STREAM, CounterPort
from quanheng.edge.pair_parts import Book
from quanheng.edge.pairs import Pairs
from quanheng.maker import columns as c
from quanheng.maker import order_kernels as k
from quanheng.maker.lifecycle import Life
from quanheng.maker.state import ints
from quanheng.terms.codes import Effect, Exec, Side
from quanheng.terms.orders import NewOrder, Quote, QuoteAck, QuoteCancel, Trade
from quanheng.terms.units import MILLISECOND, SECOND
from quanheng.wire.events import ReportArrived

CODE, DAY = "10000001", 20240627
TEN = 1_719_453_600 * SECOND
FREE = (Life.NONE, Life.WORKING)


class SlowCounter:
    """A counter in which everything takes its time, in order on each way."""

    def __init__(self, chance: random.Random) -> None:
        self.up = True
        self.session = 1
        self.chance = chance
        self.way_in: list[NewOrder | str] = []
        self.way_out: list[Fact] = []
        self.orders: dict[str, list[Any]] = {}  # [order, traded, state]
        self.trades = 0
        self.filled = {Side.BUY: 0, Side.SELL: 0}

    def unit(self, contract: str) -> int:
        return 10_000

    def problem(self, order: NewOrder) -> str:
        return ""

    def send(self, order: NewOrder) -> str:
        self.way_in.append(order)
        return order.client_id

    def cancel(self, counter_id: str, contract: str) -> None:
        self.way_in.append(counter_id)

    def close(self) -> None:
        """Nothing to leave."""

    def live(self, side: Side) -> list[Any]:
        return [row for row in self.orders.values() if row[2] == State.RESTING
                and row[0].side == side]  # fmt: skip

    def exposure(self, side: Side) -> int:
        """What may still trade: at the exchange and on its way there."""
        waiting = [one for one in self.way_in if isinstance(one, NewOrder) and one.side == side]
        return sum(row[0].qty - row[1] for row in self.live(side)) + sum(w.qty for w in waiting)

    def _tell(self, name: str) -> None:
        order, traded, state = self.orders[name]
        self.way_out.append(
            OrderSeen(TEN, name, name, CODE, order.side, order.effect, order.price, order.qty,
                      traded, state)
        )  # fmt: skip

    def arrive(self) -> None:
        """The next message reaches the exchange; a cancel may come to nothing."""
        one = self.way_in.pop(0)
        if isinstance(one, NewOrder):
            refused = self.chance.random() < 0.1
            assert not self.live(one.side), "one side rests twice"
            for row in self.live(Side.SELL if one.side == Side.BUY else Side.BUY):
                buy, sell = (one, row[0]) if one.side == Side.BUY else (row[0], one)
                assert buy.price < sell.price, "own orders meet"
            self.orders[one.client_id] = [one, 0, State.REJECTED if refused else State.RESTING]
            self._tell(one.client_id)
        elif self.orders[one][2] == State.RESTING and self.chance.random() > 0.1:
            self.orders[one][2] = State.CANCELLED
            self._tell(one)

    def fill(self) -> None:
        rows = self.live(Side.BUY) + self.live(Side.SELL)
        if not rows:
            return
        row = self.chance.choice(rows)
        qty = self.chance.randint(1, row[0].qty - row[1])
        row[1] += qty
        row[2] = State.FILLED if row[1] == row[0].qty else State.RESTING
        self.trades += 1
        self.filled[row[0].side] += qty
        name = row[0].client_id
        trade = TradeSeen(
            TEN, name, f"T{self.trades}", CODE, row[0].side, Effect.OPEN, row[0].price, qty
        )
        first = self.chance.random() < 0.5
        if first:
            self.way_out.append(trade)
        self._tell(name)
        if not first:
            self.way_out.append(trade)

    def take(self, now: int, at: int) -> list[Fact]:
        if not self.up or not self.way_out:
            return []
        count = self.chance.randint(0, len(self.way_out))
        told, self.way_out = self.way_out[:count], self.way_out[count:]
        if told and self.chance.random() < 0.2:
            told += [self.chance.choice(told)]
        return told


class Desk:
    """A maker's order table of one contract over the port."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.counter = SlowCounter(self.chance)
        self.folder = folder
        self.now = 0
        self.next = 1
        self.number = 0
        self.work = ints(1, 2 * c.W_COLUMNS)
        self.filled = {Side.BUY: 0, Side.SELL: 0}
        self.answers: dict[str, int] = {}
        self.port = self.open()

    def open(self) -> CounterPort:
        port = CounterPort(
            self.counter, self.folder, "12345", DAY, (CODE,), lambda now: TEN + now,
            one_sided=False, letter="X",
        )  # fmt: skip
        self.port = port
        self.hear()
        port.send_index_sync("12345", STREAM, self.next, self.now)
        return port

    def side(self, side: Side, column: int) -> int:
        return int(self.work[0, column + (c.W_COLUMNS if side == Side.SELL else 0)])

    def act(self) -> None:
        """What a maker does next: a quote where its table allows one, or a cancel."""
        states = [self.side(side, c.W_STATE) for side in (Side.BUY, Side.SELL)]
        chance = self.chance
        if all(state == Life.WORKING for state in states) and chance.random() < 0.3:
            ask = chance.random() < 0.7
            drops = ints(1, 3)
            drops[0, 1:] = 1, int(ask)
            name = self._name()
            assert k.mark_cancel(self.work, drops, self.number, self.now) == 0
            self.port.send_requests([QuoteCancel(name, CODE, True, ask)], self.now)
        elif all(state in FREE for state in states):
            bid = 10 * chance.randint(45, 55)
            want = ints(1, c.Q_COLUMNS)
            qty = chance.choice((5, 10))
            want[0, [c.Q_BID, c.Q_ASK]] = bid, bid + 10 * chance.randint(1, 3)
            want[0, [c.Q_BID_QTY, c.Q_ASK_QTY]] = qty, qty
            name = self._name()
            assert k.mark_sent(self.work, want, self.number, self.now) == 0
            sides = (bid, int(want[0, c.Q_ASK]), qty, qty, Effect.OPEN, Effect.OPEN)
            self.port.send_requests([Quote(name, CODE, *sides)], self.now)

    def _name(self) -> str:
        self.number += 1
        name = f"M001{self.number:06d}"
        self.answers[name] = 0
        return name

    def hear(self) -> None:
        for event in self.port.tick(self.now):
            if isinstance(event, ReportArrived):
                assert event.report.index == self.next
                self.next += 1
                self.fold(event.report.body)

    def fold(self, body: Any) -> None:
        """As `maker.orders` does."""
        ident = int(body.client_id[4:])
        if isinstance(body, Trade):
            self.filled[body.side] += body.qty
            k.fill(self.work, 0, int(body.side == Side.SELL), ident, body.qty)
            return
        assert isinstance(body, QuoteAck)
        if body.client_id in (body.old_bid, body.old_ask):
            gone = body.old_bid == body.client_id, body.old_ask == body.client_id
            assert k.withdrawn(self.work, 0, ident, *gone) == 0
            return
        self.answers[body.client_id] += 1
        if body.cancel:
            refused = body.exec == Exec.REJECTED
            odd = k.answer_cancel(self.work, 0, ident, not refused, body.reason == 19082)
        else:
            good = body.exec == Exec.ACCEPTED
            odd = k.answer_quote(
                self.work, 0, ident, good, body.bid, body.bid_qty, 0, body.ask, body.ask_qty, 0, 1
            )
        assert odd == 0

    def step(self) -> None:
        self.now += 20 * MILLISECOND
        chance = self.chance
        choices: list[tuple[float, Callable[[], None]]] = [
            (0.35, self.act), (0.4, self._arrive), (0.12, self.counter.fill),
        ]  # fmt: skip
        for likely, action in choices:
            if chance.random() < likely:
                action()
        self.hear()
        for number, side in enumerate((Side.BUY, Side.SELL)):
            assert k.resting(self.work, 0, number) >= self.counter.exposure(side)

    def _arrive(self) -> None:
        if self.counter.way_in:
            self.counter.arrive()

    def rest(self) -> None:
        """Let everything under way arrive, and cancels be asked for again."""
        for _ in range(400):
            self.now += 50 * MILLISECOND
            while self.counter.way_in:
                self.counter.arrive()
            self.hear()


@pytest.mark.parametrize("seed", range(40))
def test_live_pairs_races_agree_with_the_makers_table(tmp_path: Path, seed: int) -> None:
    """At every instant the table counts at least what may trade; when all is quiet it is what
    rests; each fill counts once, each request is answered once, no side rests twice, own orders
    never meet.
    """
    desk = Desk(tmp_path, seed)
    for _ in range(400):
        desk.step()
    desk.rest()
    assert desk.number > 10
    assert desk.filled == desk.counter.filled
    assert set(desk.answers.values()) == {1}
    for side in (Side.BUY, Side.SELL):
        rests = sum(row[0].qty - row[1] for row in desk.counter.live(side))
        assert desk.side(side, c.W_LIVE_QTY) == rests
        assert desk.side(side, c.W_STATE) == (Life.WORKING if rests else Life.NONE)


@pytest.mark.parametrize("seed", range(20))
def test_live_pairs_losses_and_restarts_lose_nothing(tmp_path: Path, seed: int) -> None:
    """The same with the counter going away and coming back, and with new processes over the same
    journal: exposure is never under-counted, fills count once, reports go on from their number.
    """
    desk = Desk(tmp_path, 1_000 + seed)
    for turn in range(6):
        for _ in range(60):
            desk.step()
        desk.counter.up = False
        k.lose_all(desk.work)
        for _ in range(desk.chance.randint(0, 5)):
            desk._arrive()
            desk.counter.fill()
        desk.hear()
        if turn % 2:
            desk.port.close()
            desk.counter.up = True
            desk.open()
        else:
            desk.counter.up = True
            desk.hear()
            desk.port.send_index_sync("12345", STREAM, desk.next, desk.now)
        desk.rest()
        assert desk.filled == desk.counter.filled
        for side in (Side.BUY, Side.SELL):
            known = k.resting(desk.work, 0, int(side == Side.SELL))
            assert known >= desk.counter.exposure(side)


def _nothing_waits(pairs: Pairs) -> None:
    """A replacement that does not wait for the old order's end."""

    def hasty(book: Book) -> bool:
        for side in list(book.waiting):
            book.current.pop(side, None)
        return advance(book)

    advance = pairs._advance
    pairs._advance = hasty  # type: ignore[method-assign]


def _goes_in_silence(pairs: Pairs) -> None:
    pairs._tell_gone = lambda leg, at: None  # type: ignore[method-assign]


def _leaves_one_side(pairs: Pairs) -> None:
    pairs._owned = lambda quote: []  # type: ignore[method-assign]


BREAKS = (_nothing_waits, _goes_in_silence, _leaves_one_side)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.__name__[1:])
def test_live_pairs_races_notice_what_is_broken(
    tmp_path: Path, broken: Callable[[Pairs], None]
) -> None:
    """Each rule of the pairs taken away on its own fails the race within a few seeds."""
    for seed in range(10):
        folder = tmp_path / str(seed)
        folder.mkdir()
        desk = Desk(folder, seed)
        broken(desk.port._core.pairs)
        try:
            for _ in range(400):
                desk.step()
            desk.rest()
            assert set(desk.answers.values()) == {1}
            for side in (Side.BUY, Side.SELL):
                rests = sum(row[0].qty - row[1] for row in desk.counter.live(side))
                assert desk.side(side, c.W_LIVE_QTY) == rests
        except AssertionError:
            return
    pytest.fail(f"nothing noticed {broken.__name__}")


def test_live_pairs_races_notice_a_pair_that_meets_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the wait for the other side's old order the venue would see a self-trade."""
    monkeypatch.setattr(Book, "meets", lambda self, leg: None)
    with pytest.raises(AssertionError, match="own orders meet"):
        for seed in range(10):
            folder = tmp_path / str(seed)
            folder.mkdir()
            desk = Desk(folder, seed)
            for _ in range(400):
                desk.step()
