"""A made-up day for surveillance: a known market, makers that quote and trade without any pattern,
and what a test puts in.
"""

from typing import Any

import msgspec
import numpy as np

from quanheng.compose.surveil_file import read_rules
from quanheng.oversight.surveillance import (
    DEAL,
    EXCHANGE,
    FIRST,
    ORDER,
    STEP,
    T_AT,
    Ban,
    Finding,
    Listed,
    Party,
    PersonDeal,
    Records,
    points,
)
from quanheng.oversight.surveillance_patterns import look
from quanheng.terms.days import from_clock
from quanheng.terms.units import SECOND

DAY = 20240627
FORWARD, DEVIATION = 25_000, 500
STRIKES = (24_000, 24_500, 25_000, 25_500, 26_000)
MAKERS = ("MM01", "CM01", "CM02", "CM03")
RULES = read_rules().patterns
CALL = 4
"""Slot of the call at the money."""


def at(text: str) -> int:
    return from_clock(text)


def fair(strike: int, call: bool, forward: float) -> float:
    away = (forward - strike) / DEVIATION
    value = max(forward - strike, 0.0) + 0.4 * DEVIATION * 2.718281828 ** (-0.9 * abs(away))
    return value if call else value - (forward - strike)


class Day:
    """Records that a test adds to."""

    def __init__(self, *parties: Party) -> None:
        makers = [Party(name, "firm" if name == "MM01" else name, "maker", name == "MM01")
                  for name in MAKERS]  # fmt: skip
        self.parties = (*makers, *parties)
        self.seats = {party.name: seat for seat, party in enumerate(self.parties)}
        self.seats[""] = -1
        self.contracts = tuple(
            Listed(f"1000{number:04d}", 0, call, strike, 10_000, 1, 100)
            for number, (strike, call) in enumerate((k, c) for k in STRIKES for c in (True, False))
        )
        self.trades: list[tuple[int, ...]] = []
        self.orders: list[tuple[int, ...]] = []
        self.deals: list[tuple[int, ...]] = []
        self.bans: tuple[Ban, ...] = ()
        self.persons: tuple[PersonDeal, ...] = ()
        self.forward = np.full(points(), float(FORWARD))
        self._quiet()

    def _quiet(self) -> None:
        """Makers quote all day, a new price each minute, and trade with the public both ways; the
        public trades among itself until the last minutes.
        """
        state = 12_345
        for minute in range(330):
            now = at("09:30") + minute * 60 * SECOND
            if minute >= 120:
                now += 90 * 60 * SECOND
            if now >= at("14:57"):
                break
            if now < at("14:50"):
                self.trade(minute % len(self.contracts), now + 30 * SECOND, "", "", qty=300)
            for seat in range(len(MAKERS)):
                for slot in range(len(self.contracts)):
                    for side in (1, -1):
                        self.orders.append((seat, slot, side, now, now + 60 * SECOND, 100, 10, 0))
                state = (state * 1_103_515_245 + 12_345) % 2**31
                slot, buys = (state >> 8) % len(self.contracts), state >> 16 & 1
                pair = (MAKERS[seat], "") if buys else ("", MAKERS[seat])
                # The public takes what the maker entered before.
                self.trade(slot, now + 20 * SECOND, *pair, qty=10, taker="")

    def price(self, slot: int, when: int) -> int:
        row = self.contracts[slot]
        point = int(min(max((when - FIRST) // STEP, 0), points() - 1))
        return round(fair(row.strike, row.call, float(self.forward[point])))

    def trade(
        self,
        slot: int,
        when: int,
        buyer: str,
        seller: str,
        qty: int = 10,
        taker: str | None = None,
        off: int = 0,
        price: int = 0,
    ) -> None:
        """A trade at the middle plus `off` ticks; `taker` entered its order later."""
        taker = buyer if taker is None else taker
        early, late = when - 5 * SECOND, when
        entered = (late, early) if taker == buyer else (early, late)
        value = price or self.price(slot, when) + off
        self.trades.append(
            (slot, when, value, qty, self.seats[buyer], self.seats[seller], *entered)
        )

    def order(
        self, who: str, slot: int, side: int, since: int, until: int, qty: int, filled: int = 0
    ) -> None:
        self.orders.append((self.seats[who], slot, side, since, until, 100, qty, filled))

    def deal(self, who: str, when: int, side: int, yuan: int) -> None:
        price = FORWARD
        qty = yuan * 10_000 // price
        self.deals.append((self.seats[who], 0, when, side, price, qty, price * qty))

    def records(self) -> Records:
        trades = np.array(self.trades, dtype=np.int64)
        trades = trades[np.argsort(trades[:, T_AT], kind="stable")]
        bid = np.zeros((len(self.contracts), points()), dtype=np.int64)
        values, where = np.unique(self.forward, return_inverse=True)
        for slot, row in enumerate(self.contracts):
            middles = [round(fair(row.strike, row.call, float(one))) for one in values]
            bid[slot] = np.array(middles)[where] - 5
        ask = bid + 10
        return Records(
            day=DAY,
            view=EXCHANGE,
            classes=("510050",),
            contracts=self.contracts,
            parties=self.parties,
            trades=trades,
            trade_ids=np.arange(1, len(trades) + 1),
            orders=np.array(self.orders, dtype=np.int64).reshape(-1, ORDER),
            deals=np.array(self.deals, dtype=np.int64).reshape(-1, DEAL),
            bid=bid,
            ask=ask,
            bans=self.bans,
            persons=self.persons,
            last_days=(DAY,),
        )

    def found(self, view: str = EXCHANGE, **changes: Any) -> tuple[Finding, ...]:
        """Everything that is found; `changes` replace thresholds: pattern={key: value}."""
        rules = {name: {**limits, **changes.get(name, {})} for name, limits in RULES.items()}
        records = self.records()
        return look(records, view, rules)


def replaced(found: Finding, **changes: Any) -> Finding:
    return msgspec.structs.replace(found, **changes)
