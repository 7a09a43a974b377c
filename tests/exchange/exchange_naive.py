"""A slow order book in plain lists: the twin the kernels are compared with."""

from dataclasses import dataclass, field

BUY, SELL = 0, 1


@dataclass
class Resting:
    name: str
    owner: int
    side: int
    price: int
    qty: int
    number: int
    quoted: bool = False


@dataclass
class NaiveBook:
    """Price-time matching of one contract, two sides of plain rows searched from scratch."""

    up: int
    down: int
    capacity: int
    rows: list[Resting] = field(default_factory=list)
    fills: list[tuple[int, int, str, str]] = field(default_factory=list)
    number: int = 0

    def side(self, side: int) -> list[Resting]:
        rows = [row for row in self.rows if row.side == side]
        sign = -1 if side == BUY else 1
        return sorted(rows, key=lambda row: (sign * row.price, row.number))

    def crossing(self, side: int, limit: int) -> list[Resting]:
        rows = self.side(1 - side)
        return [r for r in rows if (r.price <= limit if side == BUY else r.price >= limit)]

    def match(self, name: str, side: int, limit: int, qty: int) -> int:
        for row in self.crossing(side, limit):
            fill = min(qty, row.qty)
            if fill == 0:
                break
            pair = (name, row.name) if side == BUY else (row.name, name)
            self.fills.append((row.price, fill, *pair))
            row.qty -= fill
            qty -= fill
        self.rows = [row for row in self.rows if row.qty]
        return qty

    def order(self, name: str, owner: int, side: int, kind: int, price: int, qty: int) -> int:
        limit = price if kind in (0, 1) else (self.up if side == BUY else self.down)
        crossing = self.crossing(side, limit)
        if any(row.owner == owner for row in crossing):
            return 19314
        if kind in (0, 4) and len(self.side(side)) >= self.capacity:
            return 10008
        if kind in (1, 3) and sum(row.qty for row in crossing) < qty:
            return 12036 if kind == 1 else 12038
        if kind in (2, 4) and not self.side(1 - side):
            return 12032 if kind == 2 else 12034
        self.number += 1
        number = self.number
        left = self.match(name, side, limit, qty)
        if left and kind in (0, 4):
            where = price if kind == 0 else self.fills[-1][0]
            self.rows.append(Resting(name, owner, side, where, left, number))
        return 0

    def old_quote(self, owner: int, side: int) -> Resting | None:
        rows = [r for r in self.rows if r.owner == owner and r.side == side and r.quoted]
        return rows[0] if rows else None

    def quote(self, name: str, owner: int, price: tuple[int, int], qty: tuple[int, int]) -> int:
        if qty[0] and qty[1] and price[0] >= price[1]:
            return 19314
        for side in (BUY, SELL):
            if not qty[side]:
                continue
            if not self.old_quote(owner, side) and len(self.side(side)) >= self.capacity:
                return 10008
            spared = self.old_quote(owner, 1 - side) if qty[1 - side] else None
            met = [row for row in self.crossing(side, price[side]) if row.owner == owner]
            if any(row is not spared for row in met):
                return 19314
        for side in (BUY, SELL):
            if qty[side]:
                self.rows = [r for r in self.rows if r is not self.old_quote(owner, side)]
        for side in (BUY, SELL):
            if qty[side]:
                self.number += 1
                number = self.number
                left = self.match(name, side, price[side], qty[side])
                if left:
                    self.rows.append(
                        Resting(name, owner, side, price[side], left, number, quoted=True)
                    )
        return 0

    def cancel(self, owner: int, name: str) -> int:
        found = [r for r in self.rows if r.name == name and r.owner == owner and not r.quoted]
        self.rows = [row for row in self.rows if row not in found]
        return 0 if found else 19082


def auction(bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> tuple[int, int]:
    """(price, volume) by trying every tick: the largest volume at which all bids above and all asks
    below are filled, then the least unmatched, then the middle.
    """
    if not bids or not asks:
        return 0, 0
    prices = [price for price, _ in bids + asks]
    tried = []
    for price in range(min(prices), max(prices) + 1):
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
    return (tied[0] + tied[-1] + 1) // 2, volume
