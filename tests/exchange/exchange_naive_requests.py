"""The slow venue's checks and requests: what is refused, with which code, and what is answered.

The second half of the twin in `exchange_naive`; the order of checks is that of interfaces.md 2.6
and 2.10.
"""

from dataclasses import dataclass
from typing import Any

from exchange_naive import BUY, ORDER_BASE, SELL, NaiveMarket, Row

LIMIT, LIMIT_FOK, MARKET_IOC, MARKET_FOK, MARKET_TO_LIMIT = range(5)
CLOSED = {"S": 11246, "B": 19100, "E": 10740}
WRONG_TYPE = {"C": 17628, "V": 17630, "U": 17670, "P": 19110}


@dataclass
class NaiveVenue(NaiveMarket):
    """Takes members' requests one by one."""

    def working(self, owner: int, but: Row | None = None) -> list[tuple[int, int, Row]]:
        """(contract, side, order) of everything an account has in the market."""
        return [
            (slot, side, row)
            for slot, one in enumerate(self.listed)
            for side in (BUY, SELL)
            for row in one.sides[side]
            if row.owner == owner and row is not but
        ]

    def held(self, owner: int, but: Row | None = None) -> tuple[int, int, int, int]:
        """Premium and margin behind working opens, and contracts to be bought and sold open."""
        premium = margin = buys = sells = 0
        for slot, side, row in self.working(owner, but):
            if not row.close and side == BUY:
                premium += row.price * row.qty * self.listed[slot].unit
                buys += row.qty
            elif not row.close:
                margin += row.qty * self.listed[slot].margin
                sells += row.qty
        return premium, margin, buys, sells

    def closing(self, owner: int, slot: int, side: int, but: Row | None = None) -> int:
        rows = self.listed[slot].sides[side]
        return sum(r.qty for r in rows if r.owner == owner and r.close and r is not but)

    def margin(self, owner: int) -> int:
        short = self.accounts[owner].short
        return sum(qty * one.margin for qty, one in zip(short, self.listed, strict=True))

    def check_account(
        self, owner: int, slot: int, side: int, price: int, qty: int, close: bool, but: Row | None
    ) -> int:
        account, one = self.accounts[owner], self.listed[slot]
        if close:
            have = (account.short if side == BUY else account.long)[slot]
            return 10836 if have - self.closing(owner, slot, side, but) < qty else 0
        premium, margin, buys, sells = self.held(owner, but)
        free = account.cash - self.margin(owner) - premium - margin
        if free < (price * qty * one.unit if side == BUY else qty * one.margin):
            return 17572 if side == BUY else 17574
        if not account.limits:
            return 0
        most_long, most, most_bought = account.limits
        longs = sum(account.long)
        over = longs + sum(account.short) + buys + sells + qty > most
        if side == BUY:
            over = (
                over or longs + buys + qty > most_long or account.bought + buys + qty > most_bought
            )
        return 17606 if over else 0

    def check_size(self, slot: int, kind: int, price: int, qty: int) -> int:
        one = self.listed[slot]
        priced = kind in (LIMIT, LIMIT_FOK)
        least, most = one.sizes[:2] if priced else one.sizes[2:]
        if qty < 0:
            return 19070
        if qty < least:
            return 10444
        if qty > most:
            return 11098
        if priced and price <= 0:
            return 17590
        return 10450 if priced and not one.down <= price <= one.up else 0

    def meets_own(self, slot: int, side: int, owner: int, limit: int, but: Row | None) -> bool:
        rows = self.listed[slot].sides[1 - side]
        return any(
            r.owner == owner and r is not but and self.crosses(side, limit, r.price) for r in rows
        )

    def check_book(self, slot: int, side: int, kind: int, limit: int, qty: int, owner: int) -> int:
        one = self.listed[slot]
        if self.meets_own(slot, side, owner, limit, None):
            return 19314
        if kind in (LIMIT, MARKET_TO_LIMIT) and len(one.sides[side]) >= self.capacity:
            return 10008
        if kind in (LIMIT_FOK, MARKET_FOK):
            for row in one.sides[1 - side]:
                if qty <= 0 or not self.crosses(side, limit, row.price):
                    break
                if self.trips(one, row.price):
                    return 17624
                qty -= row.qty
            if qty > 0:
                return 12036 if kind == LIMIT_FOK else 12038
        if kind in (MARKET_IOC, MARKET_TO_LIMIT) and not one.sides[1 - side]:
            return 12032 if kind == MARKET_IOC else 12034
        return 0

    def check_type(self, slot: int, kind: int) -> int:
        phase = self.phase(slot)
        if phase == "T" or (kind == LIMIT and phase in WRONG_TYPE):
            return 0
        return WRONG_TYPE.get(phase, 17627)

    # Requests ---------------------------------------------------------------------------------

    def front(self, owner: int, name: str) -> int:
        """What the front refuses: an id used before, a time without trading."""
        seen = self.accounts[owner].seen
        code = 11270 if name in seen else CLOSED.get(self.session, 0)
        seen.add(name)
        if code:
            self.answers.append((owner, ("refused", name, code)))
        return code

    def number(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def order(
        self,
        owner: int,
        name: str,
        slot: int,
        side: int,
        close: bool,
        kind: int,
        price: int,
        qty: int,
    ) -> None:
        if self.front(owner, name):
            return
        one, asked = self.listed[slot], qty
        limit = price if kind in (LIMIT, LIMIT_FOK) else one.up if side == BUY else one.down
        code = self.check_type(slot, kind) or self.check_size(slot, kind, price, qty)
        code = code or self.check_account(owner, slot, side, limit, qty, close, None)
        code = code or self.check_book(slot, side, kind, limit, qty, owner)
        place, number, left, rested = len(self.answers), 0, 0, 0
        if not code:
            number = self.number()
            market = kind not in (LIMIT, LIMIT_FOK)
            row = Row(name, owner, limit, qty, number, self.now, close, market=market)
            if self.phase(slot) == "T":
                self.match(slot, side, limit, row)
            if row.qty and kind in (LIMIT, MARKET_TO_LIMIT):
                if kind == MARKET_TO_LIMIT:
                    rested = one.last if row.qty < qty else one.sides[1 - side][0].price
                    row.price = rested
                self.insert(side, one.sides[side], row)
            left = 0 if kind == LIMIT else row.qty
        shown = ORDER_BASE[slot % 2] + number if number else 0
        body = ("order", 8 if code else 0, name, "", one.code, shown, side, close, kind)
        self.answers.insert(place, (owner, (*body, price, asked, rested, left, code)))

    def old_quote(self, owner: int, slot: int, side: int) -> Row | None:
        rows = self.listed[slot].sides[side]
        return next((r for r in rows if r.owner == owner and r.quoted), None)

    def check_quote(
        self, owner: int, slot: int, prices: tuple[int, int], qty: tuple[int, int], close: Any
    ) -> int:
        if min(qty) < 0:
            return 19070
        if qty == (0, 0):
            return 13564
        code = self.check_type(slot, LIMIT)
        if code or (all(qty) and prices[0] >= prices[1]):
            return code or 19314
        for side in (BUY, SELL):
            if qty[side]:
                old = self.old_quote(owner, slot, side)
                but = old if self.switches["system"] == "old" else None
                price, size = prices[side], qty[side]
                code = self.check_size(slot, LIMIT, price, size)
                code = code or self.check_account(owner, slot, side, price, size, close[side], but)
                full = len(self.listed[slot].sides[side]) >= self.capacity
                spared = self.old_quote(owner, slot, 1 - side) if qty[1 - side] else None
                code = code or (10008 if full and not old else 0)
                if not code and self.meets_own(slot, side, owner, price, spared):
                    code = 19314
                if code:
                    return code
        return 0

    def quote(
        self, owner: int, name: str, slot: int, prices: Any, qty: Any, close: tuple[bool, bool]
    ) -> None:
        if self.front(owner, name):
            return
        one = self.listed[slot]
        code = self.check_quote(owner, slot, prices, qty, close)
        place, number, olds = len(self.answers), 0, [("", 0), ("", 0)]
        for side in (BUY, SELL) if not code else ():
            if qty[side]:
                olds[side] = self.withdraw(slot, side, self.old_quote(owner, slot, side))
        for side in (BUY, SELL) if not code else ():
            if qty[side]:
                row = Row(
                    name, owner, prices[side], qty[side], self.number(), self.now, close[side], True
                )
                number = number or row.number
                if self.phase(slot) == "T":
                    self.match(slot, side, prices[side], row)
                if row.qty:
                    self.insert(side, one.sides[side], row)
        for side in (BUY, SELL) if not code and self.switches["quote_side"] == "withdraw" else ():
            if not qty[side]:
                olds[side] = self.withdraw(slot, side, self.old_quote(owner, slot, side))
        shown = ORDER_BASE[slot % 2] + number if number else 0
        body = ("quote", 8 if code else 0, name, one.code, shown)
        body += tuple(price if size else 0 for price, size in zip(prices, qty, strict=True))
        self.answers.insert(place, (owner, (*body, *qty, *close, code, *olds[0], *olds[1])))

    def withdraw(self, slot: int, side: int, row: Row | None) -> tuple[str, int]:
        if row is None:
            return "", 0
        self.listed[slot].sides[side].remove(row)
        return row.name, row.qty

    def cancel_quote(self, owner: int, name: str, slot: int, sides: tuple[bool, bool]) -> None:
        if self.front(owner, name):
            return
        found = [self.old_quote(owner, slot, s) if sides[s] else None for s in (BUY, SELL)]
        code = 0 if any(sides) else 13564
        code = code or (0 if any(found) else 19082) or (19242 if self.fixed(slot) else 0)
        gone = [("", 0) if code else self.withdraw(slot, s, found[s]) for s in (BUY, SELL)]
        body = (
            "quote",
            8 if code else 6,
            name,
            self.listed[slot].code,
            0,
            0,
            0,
            0,
            0,
            False,
            False,
        )
        self.answers.append((owner, (*body, code, *gone[0], *gone[1])))

    def cancel(self, owner: int, name: str, slot: int, target: str) -> None:
        if self.front(owner, name):
            return
        found = [x for x in self.working(owner) if x[2].name == target and not x[2].quoted]
        number = ORDER_BASE[found[0][0] % 2] + found[0][2].number if found else 0
        code = 0 if found else 19082
        if found and found[0][0] != slot:
            code = 13528
        code = code or (19242 if self.fixed(slot) else 0)
        if code:
            self.answers.append((owner, ("kept", name, target, number, code)))
            return
        where, side, row = found[0]
        self.withdraw(where, side, row)
        body = ("gone", 6, name, target, self.listed[slot].code, number, side, row.close)
        self.answers.append((owner, (*body, row.price, row.qty)))
