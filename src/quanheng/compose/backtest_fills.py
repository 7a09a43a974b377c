"""What fills were worth: edge against the mid, mark-outs, inventory, profit (docs/backtest.md).

Mids are kept doubled, so that everything is a whole number until it is shown. The mid of a fill is
what the tape showed before the snapshot that gave it; a mark-out looks at the last snapshot of its
instant. A contract that never had both sides is marked at its previous settlement price.
"""

import heapq

import msgspec
import numpy as np

from quanheng.exchange.messages import Deliver
from quanheng.kernels.pack import unpack
from quanheng.terms import market
from quanheng.terms.codes import Side
from quanheng.terms.contract import Chain
from quanheng.terms.market import ChainTick
from quanheng.terms.orders import Trade
from quanheng.terms.units import SECOND, Lots, Money, Nanos, half_up

HORIZONS = (1, 10, 60)
"""Seconds after a fill at which its price is looked at again."""


class Worth(msgspec.Struct, frozen=True):
    """What the fills of a back-test came to. Money; `markouts` by HORIZONS."""

    fills: int
    bought: Lots
    sold: Lots
    gross: Money  # cash of the fills and the inventory at the last mid
    edge: Money
    markouts: tuple[Money, ...]
    unmarked: int  # mark-outs beyond the end of the tape, and fills without a mid
    inventory: Lots  # contracts left, long and short together
    inventory_value: Money


class FillMeter:
    """Sinks of a back-test: the tape's ticks and the reports to the member."""

    def __init__(self, chain: Chain) -> None:
        count = len(chain.contracts)
        self._slots = {contract.code: slot for slot, contract in enumerate(chain.contracts)}
        self._units = np.array([row.unit for row in chain.contracts], dtype=np.int64)
        self._settle = np.array([row.previous_settle for row in chain.contracts], dtype=np.int64)
        self._mids = np.zeros(count, dtype=np.int64)  # doubled, 0 unknown
        self.net = np.zeros(count, dtype=np.int64)
        self.cash = np.zeros(count, dtype=np.int64)
        self._due: list[tuple[Nanos, int, int, int, int]] = []  # due, horizon, slot, price, signed
        self._edge = 0
        self._marks = [0] * len(HORIZONS)
        self._fills = self._bought = self._sold = self._unmarked = 0

    def tick(self, tick: ChainTick, at: Nanos, cause: int) -> None:
        """The market moves on: settle what fell due before, then take the new mids."""
        self._settle_before(at)
        rows = unpack(tick.rows, market.COLUMNS)
        bid, ask = rows[:, market.BID], rows[:, market.ASK]
        both = (bid > 0) & (ask > 0)
        self._mids[rows[both, market.SLOT]] = (bid + ask)[both]

    def delivered(self, effect: Deliver, at: Nanos, cause: int) -> None:
        """Count the fills among a member's reports."""
        for report in effect.reports:
            if isinstance(report.body, Trade):
                self._fill(report.body)

    def _fill(self, trade: Trade) -> None:
        slot = self._slots[trade.contract]
        signed = trade.qty if trade.side == Side.BUY else -trade.qty
        self._fills += 1
        self._bought += max(signed, 0)
        self._sold += max(-signed, 0)
        self.net[slot] += signed
        self.cash[slot] -= signed * trade.price * int(self._units[slot])
        if not self._mids[slot]:
            self._unmarked += 1
            return
        self._edge += self._gain(slot, trade.price, signed)
        for number, seconds in enumerate(HORIZONS):
            due = trade.at + seconds * SECOND
            heapq.heappush(self._due, (due, number, slot, trade.price, signed))

    def _gain(self, slot: int, price: int, signed: int) -> int:
        """Twice the money by which the mid is better than the price."""
        return signed * (int(self._mids[slot]) - 2 * price) * int(self._units[slot])

    def _settle_before(self, at: Nanos) -> None:
        while self._due and self._due[0][0] < at:
            _, number, slot, price, signed = heapq.heappop(self._due)
            self._marks[number] += self._gain(slot, price, signed)

    def gross(self) -> np.ndarray:
        """Gross profit by contract, Money int64[slots]: cash and inventory at the last mid."""
        marks = np.where(self._mids > 0, self._mids, 2 * self._settle)
        value = self.net * marks * self._units
        whole: np.ndarray = self.cash + value // 2
        return whole

    def worth(self, end: Nanos) -> Worth:
        """The sum of it all at the instant after the last snapshot."""
        self._settle_before(end)
        gross = int(self.gross().sum())
        return Worth(
            fills=self._fills,
            bought=self._bought,
            sold=self._sold,
            gross=gross,
            edge=half_up(self._edge, 2),
            markouts=tuple(half_up(total, 2) for total in self._marks),
            unmarked=self._unmarked + len(self._due),
            inventory=int(np.abs(self.net).sum()),
            inventory_value=gross - int(self.cash.sum()),
        )
