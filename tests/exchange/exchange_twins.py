"""Drives the venue and its slow twin with the same random day, and compares everything (T-04)."""

import hashlib
import random
from collections import Counter
from itertools import zip_longest
from typing import Any

from exchange_naive import Account, Listed
from exchange_naive_requests import NaiveVenue
from exchange_world import START, World, at, chain, opening, rulebook

from quanheng.exchange import layout as lay
from quanheng.exchange.messages import Deliver, Halt, Member, Refuse
from quanheng.exchange.state import State
from quanheng.rulebook import fees, phases
from quanheng.runtime.envelope import Source
from quanheng.terms.codes import PHASE_LETTERS, Effect, OrderKind, Side
from quanheng.terms.orders import (
    CancelReject,
    NewOrder,
    OrderAck,
    OrderCancel,
    Quote,
    QuoteAck,
    QuoteCancel,
    Requests,
    Trade,
)
from quanheng.terms.units import MILLISECOND, MINUTE, SECOND

CASH = (10**15, 10**15, 10**15, 10**15, 6 * 10**10, 8 * 10**9)
LIMITS = ((), (), (4_000, 7_000, 9_000), (), (), (400, 700, 5_000))
"""Two of the members are short of cash, two near their position limits (T-02)."""
TRADED = (0, 1, 2, 4, 10)
"""Slots the day trades; the cheap ones meet their circuit breakers."""
PERIODS = (
    ("09:15", "09:25", 15),
    ("09:25", "09:30", 1),
    ("09:30", "11:30", 34),
    ("11:30", "13:00", 1),
    ("13:00", "14:57", 34),
    ("14:57", "15:00", 15),
)
"""Since, until, and the share of the day's commands in percent."""
DEFAULTS = {
    "system": "new",
    "breaker_test": "pre_trade",
    "auction_tie": "mid",
    "quote_side": "keep",
}
Command = tuple[str, int, tuple[Any, ...]]


def twin(switches: dict[str, str], make: type[NaiveVenue] = NaiveVenue) -> NaiveVenue:
    """The slow venue of the test day, told the numbers of its contracts and fees."""
    book = rulebook()
    listed = [
        Listed(
            row.code,
            row.limit_up,
            row.limit_down,
            row.unit,
            row.margin_unit,
            (row.limit_min, row.limit_max, row.market_min, row.market_max),
            row.previous_settle,
            row.open_interest,
        )
        for row in chain().contracts
    ]
    costs = {}
    for role in ("provider", "taker", "auction"):
        for side in (Side.BUY, Side.SELL):
            for effect in Effect:
                cost = fees.handling(book, side, effect, False, role, 1)
                cost += fees.settlement(book, side, effect, False, role, 1)
                costs[role, side - 1, bool(effect)] = cost
    spans = [
        (START + row.start, START + row.stop, PHASE_LETTERS[row.phase], START + row.no_cancel_from)
        for row in phases.timetable(book)
    ]
    accounts = [
        Account(cash, [0] * len(listed), [0] * len(listed), limits)
        for cash, limits in zip(CASH, LIMITS, strict=True)
    ]
    return make(listed, accounts, costs, spans, lay.CAP, {**DEFAULTS, **switches})


def world(switches: dict[str, str]) -> World:
    """The fast venue with the same members."""
    members = tuple(
        Member(f"A000{i}", f"D89000A{i:03d}", f"M{i}", "primary", cash, limits=granted)
        for i, (cash, limits) in enumerate(zip(CASH, LIMITS, strict=True))
        for granted in [(("510050", *limits),) if limits else ()]
    )
    return World(opening(members=members, switches=switches, snapshot_nanos=5 * MINUTE))


class Randoms:
    """Random commands of one seed; prices walk, so that breakers and limits are met."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.count = 0
        self.middle = {slot: chain().contracts[slot].previous_settle for slot in TRADED}
        self.trend = {slot: self.rng.choice((-1, 1)) for slot in TRADED}
        self.lean: dict[tuple[int, int], int] = {}
        self.names: dict[int, list[str]] = {owner: ["Z000000000"] for owner in range(len(CASH))}

    def name(self, owner: int) -> str:
        rng = self.rng
        self.count += 1
        if rng.random() < 0.002:
            return rng.choice(self.names[owner])
        name = f"K{self.count:09d}"
        self.names[owner] = [*self.names[owner][-40:], name]
        return name

    def price(self, owner: int, slot: int, side: int) -> int:
        """Around a middle that walks and a leaning of the member, so that members meet each other
        more often than themselves.
        """
        rng = self.rng
        if rng.random() < 0.03:
            self.middle[slot] = max(8, self.middle[slot] + self.trend[slot] * rng.randrange(5))
            if rng.random() < 0.05 or self.middle[slot] <= 8:
                self.trend[slot] *= -1
        if rng.random() < 0.002:
            return rng.choice((0, -5, 10**6))
        width = max(4, self.middle[slot] // 40)
        if rng.random() < 0.1:
            self.lean[owner, slot] = rng.randrange(-width, width + 1)
        away = rng.randrange(-width // 3, width) * (2 * side - 1)
        return max(1, self.middle[slot] + self.lean.get((owner, slot), 0) + away)

    def next(self, owner: int) -> Command:
        """(kind, owner, arguments) of a request."""
        rng = self.rng
        slot, draw = rng.choice(TRADED), rng.random()
        qty = rng.randrange(1, 11) if rng.random() < 0.99 else rng.choice((0, -1, 50, 51))
        if draw < 0.45:
            side, kind = rng.randrange(2), rng.choice((0, 0, 0, 0, 0, 1, 2, 3, 4))
            close = rng.random() < 0.3
            price = self.price(owner, slot, side)
            return "order", owner, (self.name(owner), slot, side, close, kind, price, qty)
        if draw < 0.62:
            target = rng.choice(self.names[owner])
            return "cancel", owner, (self.name(owner), slot, target)
        if draw < 0.69:
            sides = rng.choice(((True, True), (True, False), (False, True)))
            sides = sides if rng.random() < 0.99 else (False, False)
            return "cancel_quote", owner, (self.name(owner), slot, sides)
        sizes = rng.choice(((qty, qty), (qty, qty), (qty, 0), (0, qty)))
        sizes = sizes if rng.random() < 0.99 else (0, 0)
        prices = (self.price(owner, slot, 0) - 1, self.price(owner, slot, 1) + 1)
        close = (rng.random() < 0.2, rng.random() < 0.2)
        return "quote", owner, (self.name(owner), slot, prices, sizes, close)


def request(command: Command) -> Any:
    """A command as the message the venue takes."""
    kind, _, (name, slot, *more) = command
    code = chain().contracts[slot].code
    if kind == "order":
        side, close, order, price, qty = more
        return NewOrder(name, code, Side(side + 1), Effect(close), OrderKind(order), price, qty)
    if kind == "cancel":
        return OrderCancel(name, code, more[0])
    if kind == "cancel_quote":
        return QuoteCancel(name, code, *more[0])
    prices, sizes, close = more
    return Quote(name, code, *prices, *sizes, *map(Effect, close))


def answer(body: Any) -> tuple[Any, ...]:
    """A report in the twin's words."""
    match body:
        case Trade():
            head = ("trade", body.client_id, body.contract, body.order_id, body.exec_id, body.price)
            tail = (body.qty, body.leaves, body.side - 1, bool(body.effect), body.at, body.order_at)
            return (*head, *tail, body.amount)
        case OrderAck() if body.target:
            head = ("gone", int(body.exec), body.client_id, body.target, body.contract)
            return (*head, body.order_id, body.side - 1, bool(body.effect), body.price, body.leaves)
        case OrderAck():
            head = ("order", int(body.exec), body.client_id, "", body.contract, body.order_id)
            middle = (body.side - 1, bool(body.effect), int(body.kind), body.price, body.qty)
            return (*head, *middle, body.limit_price, body.leaves, body.reason)
        case CancelReject():
            return ("kept", body.client_id, body.target, body.order_id, body.reason)
        case QuoteAck():
            head = ("quote", int(body.exec), body.client_id, body.contract, body.order_id)
            middle = (body.bid, body.ask, body.bid_qty, body.ask_qty)
            tail = (bool(body.bid_effect), bool(body.ask_effect), body.reason)
            gone = (body.old_bid, body.old_bid_qty, body.old_ask, body.old_ask_qty)
            return (*head, *middle, *tail, *gone)
    raise TypeError(f"{body} is no answer of this test")


def answers(effects: list[Any]) -> dict[int, list[tuple[Any, ...]]]:
    """What each member heard, refusals first."""
    heard: dict[int, list[tuple[Any, ...]]] = {}
    for effect in effects:
        if isinstance(effect, Refuse):
            rows = [("refused", one.client_id, one.reason) for one in effect.rejects]
        elif isinstance(effect, Deliver):
            rows = [answer(report.body) for report in effect.reports]
        else:
            continue
        heard.setdefault(int(effect.pbu[1:]), []).extend(rows)
    return heard


def portrait(state: State) -> list[Any]:
    """Everything about books, contracts and members that the twin must have too."""
    listed = []
    for slot, info in enumerate(state.info.tolist()):
        sides = []
        for side in range(2):
            rows = state.book[slot, side, : info[lay.N_BID + side]].tolist()
            sides.append([_row(state, slot * 2 + side, row) for row in rows])
        columns = (lay.LAST, lay.OPEN, lay.HIGH, lay.LOW, lay.VOLUME, lay.TURNOVER, lay.INTEREST)
        columns += (lay.REFERENCE, lay.LAST_AT, lay.CLOSING)
        flags = (PHASE_LETTERS[info[lay.PHASE]], bool(info[lay.HALTED]), bool(info[lay.FIXED]))
        listed.append([*flags, *(info[column] for column in columns), *sides])
    accounts = []
    for owner in range(len(state.desks)):
        risk = state.risk[owner, 0, lay.R_LONG : lay.R_BOUGHT + 1].tolist()
        money = state.fund[owner].tolist()
        accounts.append([money, risk, state.acct[owner, : lay.HELD_SHORT + 1].tolist()])
    counters = state.ctl[[lay.C_NEXT_ID, lay.C_NEXT_EXEC, lay.C_EXCHANGE]].tolist()
    return [listed, accounts, counters]


def _row(state: State, key: int, row: list[int]) -> list[Any]:
    flags = row[lay.O_FLAGS]
    desk = state.desks[row[lay.O_OWNER]]
    name = desk.quotes[key] if flags & lay.QUOTED else state.live[row[lay.O_ID]]
    marks = [bool(flags & mark) for mark in (lay.CLOSE, lay.QUOTED, lay.MARKET)]
    return [name, *row[: lay.O_FLAGS], *marks]


def naive_portrait(slow: NaiveVenue) -> list[Any]:
    """The same of the twin; sums are counted afresh."""
    listed = []
    for slot, one in enumerate(slow.listed):
        sides = [
            [
                [r.name, r.price, r.qty, r.owner, r.number, r.at, r.close, r.quoted, r.market]
                for r in s
            ]
            for s in one.sides
        ]
        interest = one.brought + sum(account.long[slot] for account in slow.accounts)
        flags = (slow.phase(slot), one.halted, slow.fixed(slot))
        traded = (one.last, one.open, one.high, one.low, one.volume, one.turnover, interest)
        listed.append([*flags, *traded, one.reference, one.last_at, one.closing, *sides])
    accounts = []
    for owner, account in enumerate(slow.accounts):
        premium, margin, buys, sells = slow.held(owner)
        slots = range(len(slow.listed))
        closing = [[slow.closing(owner, slot, side) for slot in slots] for side in (1, 0)]
        money = [account.cash, premium, margin, slow.margin(owner), account.fees]
        risk = [sum(account.long), sum(account.short), buys, sells, account.bought]
        accounts.append([money, risk, [account.long, account.short, *closing]])
    paid = sum(account.fees for account in slow.accounts)
    return [listed, accounts, [slow.next_id, slow.next_exec, paid]]


def digest(picture: list[Any]) -> str:
    """The hash of a portrait."""
    return hashlib.sha256(repr(picture).encode()).hexdigest()


def difference(one: Any, other: Any, place: str = "state") -> str:
    """Where two portraits first differ."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            if left != right:
                return difference(left, right, f"{place}[{number}]")
    return f"{place} is {one} instead of {other}"


class Pair:
    """Both venues on one clock. AssertionError at the first answer or hash that differs."""

    def __init__(self, switches: dict[str, str], make: type[NaiveVenue] = NaiveVenue) -> None:
        self.fast = world(switches)
        self.slow = twin(switches, make)
        self.heard: Counter[str] = Counter()
        self.breakers = self.uncrossed = self.commands = 0
        self.codes: Counter[int] = Counter()

    def until(self, instant: int) -> None:
        self.fast.until(instant)
        self.slow.until(instant)
        self.compare()

    def halt(self, slot: int) -> None:
        on = not self.slow.listed[slot].halted
        before = self.slow.next_exec
        self.fast.give(Halt(chain().contracts[slot].code, on), Source.DESK)
        self.slow.halt(slot, on)
        self.uncrossed += self.slow.next_exec > before
        self.compare()

    def ask(self, owner: int, commands: list[Command]) -> None:
        """A member's requests of one instant."""
        running = sum(one.auction is not None for one in self.slow.listed)
        body = Requests(f"A{owner:04d}", [request(one) for one in commands])
        self.fast.give(body, Source.VENUE)
        for kind, _, arguments in commands:
            getattr(self.slow, kind)(owner, *arguments)
        self.commands += len(commands)
        self.breakers += sum(one.auction is not None for one in self.slow.listed) > running
        self.compare()

    def compare(self) -> None:
        """The answers since the last comparison."""
        heard: dict[int, list[Any]] = {}
        for member, one in self.slow.answers:
            rows = heard.setdefault(member, [])
            refused = sum(row[0] == "refused" for row in rows)
            rows.insert(refused if one[0] == "refused" else len(rows), one)
            self.heard[one[0]] += 1
            if one[0] in ("kept", "refused", "order"):
                self.codes[one[-1]] += 1
            elif one[0] == "quote":
                self.codes[one[-5]] += 1
        got = answers(self.fast.effects)
        for member in sorted({*got, *heard}):
            for one, other in zip_longest(got.get(member, []), heard.get(member, [])):
                assert one == other, f"member {member}: {one} instead of {other}"
        self.slow.answers.clear()
        self.fast.effects.clear()
        self.fast.log.clear()

    def same(self) -> None:
        """The whole state, as hashes first and in full when they differ."""
        fast, slow = portrait(self.fast.machine.state), naive_portrait(self.slow)
        if digest(fast) != digest(slow):
            raise AssertionError(f"after {self.commands} commands: {difference(fast, slow)}")


def instants(count: int, rng: random.Random) -> list[int]:
    """Ascending instants of a day's bursts, dense in the auctions."""
    found = []
    for since, until, share in PERIODS:
        first, last = at(since), at(until)
        steps = (last - first) // MILLISECOND
        found += [
            first + rng.randrange(1, steps) * MILLISECOND for _ in range(count * share // 100)
        ]
    return sorted(found)


def drive(pair: Pair, seed: int, commands: int, every: int = 2_000) -> None:
    """A whole day of random commands; the states' hashes are compared all the time and at the
    close.
    """
    randoms = Randoms(seed)
    rng = randoms.rng
    checked = 0
    for instant in instants(commands // 5, rng):
        pair.until(instant)
        halted = [slot for slot in TRADED if pair.slow.listed[slot].halted]
        if rng.random() < (0.1 if halted else 0.02):
            pair.halt(rng.choice(halted or TRADED))
        owner = rng.randrange(len(CASH))
        pair.ask(
            owner, [aimed(randoms.next(owner), pair, rng) for _ in range(rng.randrange(1, 10))]
        )
        if pair.commands - checked >= every:
            checked = pair.commands
            pair.same()
    pair.until(at("15:00") + SECOND)
    pair.same()


def aimed(command: Command, pair: Pair, rng: random.Random) -> Command:
    """Most cancels are sent to an order that rests, most of these with its contract."""
    kind, owner, (name, slot, *_) = command
    if kind != "cancel" or rng.random() < 0.1:
        return command
    resting = [(where, row) for where, _, row in pair.slow.working(owner) if not row.quoted]
    if not resting:
        return command
    where, row = rng.choice(resting)
    return kind, owner, (name, slot if rng.random() < 0.05 else where, row.name)
