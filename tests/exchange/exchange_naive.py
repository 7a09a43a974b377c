"""A slow option venue in plain lists: the twin the fast one is compared with (T-04).

Written from rules.md 1.7, 2.1 to 2.7 and interfaces.md 2.3 to 2.8. It shares nothing with the
venue but numbers it is told (price limits, sizes, margins, fees, the timetable). What the venue
keeps up to date is counted afresh here: holds, margins, open interest, working orders.
"""

from dataclasses import dataclass, field
from typing import Any

BUY, SELL = 0, 1
MINUTE = 60_000_000_000
ORDER_BASE = (300_000_000_000, 400_000_000_000)
EXEC_BASE = 100_000_000_000
Answer = tuple[Any, ...]


def auction(
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    reference: int | None = None,
    step: int = 1,
) -> tuple[int, int]:
    """(price, volume) by trying every price: the largest volume at which all bids above and all
    asks below are filled, then the least unmatched, then the middle, or the nearest to `reference`
    (rules.md 2.6); of two prices equally near the higher.
    """
    if not bids or not asks:
        return 0, 0
    prices = [price for price, _ in bids + asks]
    tried = []
    for price in range(min(prices), max(prices) + 1, step):
        demand = sum(qty for p, qty in bids if p >= price)
        supply = sum(qty for p, qty in asks if p <= price)
        over = sum(qty for p, qty in bids if p > price)
        under = sum(qty for p, qty in asks if p < price)
        tried.append((min(demand, supply), abs(demand - supply), max(over, under), price))
    volume = max(tried)[0]
    if volume == 0:
        return 0, 0
    good = [(left, price) for done, left, must, price in tried if done == volume >= must]
    tied = [price for left, price in good if left == min(good)[0]]
    doubled = tied[0] + tied[-1] if reference is None else 2 * reference
    return min(tied, key=lambda price: (abs(2 * price - doubled), -price)), volume


@dataclass
class Row:
    """An order: `number` is its place in time, `at` when it came."""

    name: str
    owner: int
    price: int
    qty: int
    number: int
    at: int
    close: bool
    quoted: bool = False
    market: bool = False


@dataclass
class Listed:
    """A contract and how it stands. `auction` is (no cancel from, end) of an intraday auction."""

    code: str
    up: int
    down: int
    unit: int
    margin: int
    sizes: tuple[int, int, int, int]  # limit orders at least, at most, market orders likewise
    reference: int
    brought: int  # open interest of the evening before
    last: int = 0
    open: int = 0
    high: int = 0
    low: int = 0
    volume: int = 0
    turnover: int = 0
    last_at: int = 0
    closing: int = 0
    halted: bool = False
    auction: tuple[int, int] | None = None
    sides: tuple[list[Row], list[Row]] = field(default_factory=lambda: ([], []))


@dataclass
class Account:
    """`limits` are position limits: long, total, bought open today; empty without any."""

    cash: int
    long: list[int]
    short: list[int]
    limits: tuple[int, ...] = ()
    fees: int = 0
    bought: int = 0
    seen: set[str] = field(default_factory=set)


@dataclass
class NaiveMarket:
    """All contracts, accounts and the clock. `answers` collects (member, answer) in order."""

    listed: list[Listed]
    accounts: list[Account]
    fees: dict[tuple[str, int, bool], int]  # a contract's fee by role, side, closes
    timetable: list[tuple[int, int, str, int]]  # start, stop, phase, no cancel from
    capacity: int
    switches: dict[str, str]
    now: int = 0
    session: str = "S"
    next_id: int = 1
    next_exec: int = 1
    answers: list[tuple[int, Answer]] = field(default_factory=list)

    # Time -------------------------------------------------------------------------------------

    def phase(self, slot: int) -> str:
        one = self.listed[slot]
        if self.session in "SE":
            return self.session
        if one.halted:
            return "P"
        return "V" if self.session == "T" and one.auction else self.session

    def fixed(self, slot: int) -> bool:
        """Whether nothing can be cancelled; during a halt everything can (rules.md 1.7, 2.1)."""
        one = self.listed[slot]
        if one.halted or self.session in "SE":
            return False
        if self.phase(slot) == "V":
            return self.now >= one.auction[0]
        return any(
            start <= self.now < stop and self.now >= f for start, stop, _, f in self.timetable
        )

    def until(self, instant: int) -> None:
        """Let time pass: sessions begin and end, intraday auctions run out."""
        while True:
            due = [start for start, _, _, _ in self.timetable] + [self.timetable[-1][1]]
            if self.session == "T":
                due += [one.auction[1] for one in self.listed if one.auction]
            due = [at for at in due if self.now < at <= instant]
            if not due:
                break
            self.now = min(due)
            self._ends()
            self._turns()
        self.now = instant

    def _ends(self) -> None:
        for slot, one in enumerate(self.listed):
            if self.session == "T" and one.auction and self.now >= one.auction[1]:
                one.auction = None
                self.uncross(slot)

    def _turns(self) -> None:
        spans = [name for start, stop, name, _ in self.timetable if start <= self.now < stop]
        name = spans[0] if spans else "E"
        if name == self.session:
            return
        for slot, one in enumerate(self.listed):
            if self.session in "CU" and not one.halted:
                self.uncross(slot)
            if one.auction and self.session + name in ("TB", "BT"):
                shift = self.now if name == "T" else -self.now
                one.auction = (one.auction[0] + shift, one.auction[1] + shift)
            elif name == "U":
                one.auction = None
            if name == "E":
                one.sides = ([], [])
        self.session = name

    def halt(self, slot: int, on: bool) -> None:
        """Halt or resume; on resumption the call-auction rule matches (rules.md 1.7)."""
        one = self.listed[slot]
        if one.halted == on:
            return
        one.halted = on
        if on:
            one.auction = None
        elif self.session in "TB":
            self.uncross(slot)

    # Matching ---------------------------------------------------------------------------------

    def trips(self, one: Listed, price: int) -> bool:
        """The circuit breaker: half of the reference and ten ticks (rules.md 2.5)."""
        away = abs(price - one.reference)
        return 2 * away >= one.reference and away >= 10

    def crosses(self, side: int, limit: int, price: int) -> bool:
        return price <= limit if side == BUY else price >= limit

    def insert(self, side: int, rows: list[Row], row: Row) -> None:
        place = 0
        sign = -1 if side == BUY else 1
        while place < len(rows) and sign * rows[place].price <= sign * row.price:
            place += 1
        rows.insert(place, row)

    def price_of(self, resting: Row, coming: Row) -> int:
        return resting.price

    def match(self, slot: int, side: int, limit: int, row: Row) -> None:
        """Trade an order against the other side as far as it goes, or until the breaker."""
        one = self.listed[slot]
        other = one.sides[1 - side]
        while row.qty and other and self.crosses(side, limit, other[0].price):
            best = other[0]
            trips = self.trips(one, best.price)
            if not (trips and self.switches["breaker_test"] == "pre_trade"):
                pair = (row, best) if side == BUY else (best, row)
                self.trade(slot, self.price_of(best, row), min(row.qty, best.qty), *pair, side)
                if not best.qty:
                    other.pop(0)
            if trips:
                one.auction = (self.now + 2 * MINUTE, self.now + 3 * MINUTE)
                break

    def trade(self, slot: int, price: int, qty: int, bid: Row, ask: Row, coming: int) -> None:
        """One fill; `coming` is the side of the later order, -1 in a call auction."""
        one = self.listed[slot]
        number, self.next_exec = self.next_exec, self.next_exec + 1
        for side, row in enumerate((bid, ask)):
            row.qty -= qty
            early = coming != side and not row.market
            role = "auction" if coming < 0 else "provider" if early else "taker"
            self.settle(slot, side, row, price, qty, self.fees[role, side, row.close])
            body = ("trade", row.name, one.code, ORDER_BASE[slot % 2] + row.number)
            body += (EXEC_BASE + number, price, qty, row.qty, side, row.close, self.now, row.at)
            self.answers.append((row.owner, (*body, price * qty * one.unit)))
        one.last, one.last_at = price, self.now
        if not one.volume:
            one.open = one.high = one.low = price
        one.high, one.low = max(one.high, price), min(one.low, price)
        one.volume += qty
        one.turnover += price * qty * one.unit

    def settle(self, slot: int, side: int, row: Row, price: int, qty: int, fee: int) -> None:
        account = self.accounts[row.owner]
        mine, other = (
            (account.long, account.short) if side == BUY else (account.short, account.long)
        )
        if row.close:
            other[slot] -= qty
        else:
            mine[slot] += qty
            account.bought += qty if side == BUY else 0
        amount = price * qty * self.listed[slot].unit
        account.cash += (amount if side == SELL else -amount) - fee * qty
        account.fees += fee * qty

    def uncross(self, slot: int) -> None:
        """The call auction's trades, and the reference it leaves (rules.md 2.5, 2.6)."""
        one = self.listed[slot]
        wanted = one.reference if self.switches["auction_tie"] == "nearest_ref" else None
        price, left = auction(*([(r.price, r.qty) for r in rows] for rows in one.sides), wanted)
        while left:
            bid, ask = one.sides[BUY][0], one.sides[SELL][0]
            qty = min(left, bid.qty, ask.qty)
            self.trade(slot, price, qty, bid, ask, -1)
            left -= qty
            for rows in one.sides:
                if not rows[0].qty:
                    rows.pop(0)
        if price:
            one.reference = price
            if self.session == "U":
                one.closing = price
        elif self.session == "T" and one.last:
            one.reference = one.last
