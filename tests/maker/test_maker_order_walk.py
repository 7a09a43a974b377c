"""Random walks of the order table against an exchange that knows the truth (house.md 6.5, I-12).

Whatever comes in which order: what may still trade is never counted too low, and once everything
is answered the table holds exactly what rests.
"""

import random
from collections import deque

import numpy as np
import pytest

from quanheng.maker import columns as c
from quanheng.maker import order_kernels as k
from quanheng.maker.lifecycle import NEXT, Event, Life

NOTHING = (0, 0, 0)


class Walk:
    """One contract: our table, the line to the exchange, what rests there, the reports back."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.work = np.zeros((1, 2 * c.W_COLUMNS), dtype=np.int64)
        self.ident = 0
        self.sent: deque[tuple] = deque()  # on the way to the exchange, in order
        self.reports: deque[tuple] = deque()  # on the way back, in order
        self.rests = [NOTHING, NOTHING]  # (id, price, quantity) a side
        self.odd = 0
        self.down = False

    def life(self, side: int) -> Life:
        return Life(self.work[0, side * c.W_COLUMNS + c.W_STATE])

    def may(self, side: int, event: Event) -> bool:
        return not self.down and bool(NEXT[self.life(side), event] >= 0)

    # What we do -----------------------------------------------------------------------------------

    def quote(self) -> None:
        sides = [side for side in (0, 1) if self.may(side, Event.SEND) and self.draw.random() < 0.8]
        if not sides:
            return
        self.ident += 1
        want = np.zeros((1, c.Q_COLUMNS), dtype=np.int64)
        prices = [self.draw.randrange(90, 100), self.draw.randrange(101, 110)]
        row = [(prices[side], self.draw.randrange(1, 30)) if side in sides else (0, 0)
               for side in (0, 1)]  # fmt: skip
        want[0, [c.Q_BID, c.Q_BID_QTY]], want[0, [c.Q_ASK, c.Q_ASK_QTY]] = row
        assert k.mark_sent(self.work, want, self.ident, 0) == 0
        self.sent.append(("quote", self.ident, row))

    def cancel(self, always: bool = False) -> None:
        asked = [int(self.may(side, Event.CANCEL) and (always or self.draw.random() < 0.7))
                 for side in (0, 1)]  # fmt: skip
        if any(asked):
            self.ident += 1
            drops = np.array([[0, *asked]], dtype=np.int64)
            assert k.mark_cancel(self.work, drops, self.ident, 0) == 0
            self.sent.append(("cancel", self.ident, asked))

    def lose(self) -> None:
        """The line breaks: some of what was sent had arrived, of some it is known that it never
        left, the rest is lost without a word. Nothing is sent until all reports have been read.
        """
        for _ in range(self.draw.randrange(len(self.sent) + 1)):
            self.arrive()
        k.lose_all(self.work)
        self.down = True
        proved = self.draw.random() < 0.3
        for _, ident, _ in self.sent:
            if proved:
                k.refused_by_id(self.work, ident, True)
        self.sent.clear()

    # What the exchange does -----------------------------------------------------------------------

    def arrive(self) -> None:
        if not self.sent:
            return
        what, ident, given = self.sent.popleft()
        if self.draw.random() < 0.1:
            self.reports.append(("front", ident))  # 35=22: it never reached the market
        elif what == "cancel":
            gone = [side for side in (0, 1) if given[side] and self.rests[side][2]]
            for side in gone:
                self.rests[side] = NOTHING
            refused = not gone and self.draw.random() < 0.9
            self.reports.append(("cancelled", ident, not refused, refused))
        elif self.draw.random() < 0.15:
            self.reports.append(("refused", ident))
        else:
            for side, (price, qty) in enumerate(given):
                if qty:
                    self.rests[side] = (ident, price, qty)
            self.reports.append(("accepted", ident, given))

    def trade(self) -> None:
        side = self.draw.randrange(2)
        ident, price, left = self.rests[side]
        if left:
            qty = self.draw.randrange(1, left + 1)
            self.rests[side] = (ident, price, left - qty) if left > qty else NOTHING
            self.reports.append(("fill", ident, side, qty))

    def withdraw(self) -> None:
        """The exchange takes a side away by itself."""
        side = self.draw.randrange(2)
        ident, _, left = self.rests[side]
        if left:
            self.rests[side] = NOTHING
            self.reports.append(("withdrawn", ident, side))

    # What we hear ---------------------------------------------------------------------------------

    def hear(self) -> None:
        if not self.reports:
            self.down = False
            return
        match self.reports.popleft():
            case ("accepted", ident, ((bid, bid_qty), (ask, ask_qty))):
                row = (bid, bid_qty, 0, ask, ask_qty, 0)
                self.odd += k.answer_quote(self.work, 0, ident, True, *row, 0)
            case ("refused", ident):
                self.odd += k.answer_quote(self.work, 0, ident, False, 0, 0, 0, 0, 0, 0, 0)
            case ("cancelled", ident, accepted, gone):
                self.odd += k.answer_cancel(self.work, 0, ident, accepted, gone)
            case ("fill", ident, side, qty):
                self.odd += k.fill(self.work, 0, side, ident, qty) == k.FILL_LATE
            case ("withdrawn", ident, side):
                self.odd += k.withdrawn(self.work, 0, ident, side == 0, side == 1)
            case ("front", ident):
                self.odd += k.refused_by_id(self.work, ident, False) < 0

    # What must hold -------------------------------------------------------------------------------

    def check(self) -> None:
        for side in (0, 1):
            coming = sum(given[side][1] for what, _, given in self.sent if what == "quote")
            counted = k.resting(self.work, 0, side)
            assert counted >= self.rests[side][2] + coming, (side, counted, self.rests, self.sent)

    def settle(self) -> None:
        """Everything is answered; what is UNKNOWN is cancelled until an answer comes."""
        for _ in range(200):
            while self.sent or self.reports:
                self.arrive()
                self.hear()
                self.check()
            self.hear()
            if Life.UNKNOWN not in (self.life(0), self.life(1)):
                break
            self.cancel(always=True)
        for side in (0, 1):
            base = side * c.W_COLUMNS
            row = self.work[0, base : base + c.W_COLUMNS].tolist()
            ident, price, qty = self.rests[side]
            held = (row[c.W_LIVE_ID], row[c.W_LIVE_PX], row[c.W_LIVE_QTY])
            assert held == (ident, price, qty), (side, row, self.rests)
            assert self.life(side) == (Life.WORKING if qty else Life.NONE)
            assert row[c.W_PEND_ID] == row[c.W_CANCEL_ID] == 0


STEPS = ("quote", "quote", "cancel", "arrive", "arrive", "hear", "hear", "hear", "trade",
         "withdraw", "lose")  # fmt: skip
LOSSLESS = tuple(step for step in STEPS if step != "lose")


def walked(seed: int, steps: tuple[str, ...], count: int = 60) -> Walk:
    """A walk of drawn steps, checked after each, and settled."""
    walk = Walk(seed)
    for _ in range(count):
        getattr(walk, walk.draw.choice(steps))()
        walk.check()
    walk.settle()
    return walk


@pytest.mark.parametrize("first", range(0, 4_000, 1_000))
def test_whatever_comes_nothing_is_counted_too_low_and_all_is_known_at_the_end(first: int) -> None:
    """Quotes, cancels, refusals, fills, withdrawals and broken lines in any order."""
    for seed in range(first, first + 1_000):
        walked(seed, STEPS)


def test_without_a_broken_line_no_answer_is_unexpected() -> None:
    """Every report then finds what waits for it."""
    assert sum(walked(seed, LOSSLESS).odd for seed in range(1_000)) == 0
