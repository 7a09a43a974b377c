"""The order book's kernels against slow twins (T-04)."""

import inspect
import random
import textwrap
from collections import Counter
from typing import Any

import pytest
from exchange_naive import BUY, Row
from exchange_naive import auction as naive_auction
from exchange_naive_requests import NaiveVenue
from exchange_twins import Pair, drive
from exchange_world import World, at, chain, member, of, opening

from quanheng.exchange import auction, book, front, orders
from quanheng.exchange import layout as lay
from quanheng.exchange.auction import auction_price, uncross
from quanheng.exchange.book import rest
from quanheng.exchange.layout import Market
from quanheng.exchange.messages import Deliver
from quanheng.exchange.state import market_of
from quanheng.exchange.venue import invariants
from quanheng.terms.codes import Effect, OrderKind, Phase, Side
from quanheng.terms.orders import NewOrder

RICH = tuple(member(f"A000{i}", f"M{i}") for i in range(1, 7))
OTHER_READINGS = {
    "system": "old",
    "breaker_test": "post_trade",
    "auction_tie": "nearest_ref",
    "quote_side": "withdraw",
}
REFUSALS = {
    10008, 10444, 10450, 10836, 11098, 11270, 12032, 12034, 12036, 12038, 13528, 13564, 17572,
    17574, 17590, 17606, 17624, 17628, 17630, 17670, 19070, 19082, 19100, 19110, 19242, 19314,
}  # fmt: skip


@pytest.mark.parametrize(
    ("seed", "switches"), [(1, {}), (2, OTHER_READINGS), (3, {"system": "old"})]
)
def test_random_commands_equal_the_slow_venue(seed: int, switches: dict[str, str]) -> None:
    """100,000 random requests a seed through a day of auctions, breaks, breakers and halts: the
    same answers, and the same hash of the whole state every 2,000 (T-02, T-04).
    """
    pair = Pair(switches)
    drive(pair, seed, 102_000)
    assert pair.commands >= 100_000
    assert pair.heard["trade"] > 20_000
    assert pair.breakers > 5
    assert pair.uncrossed > 30
    assert set(pair.codes) == {0, *REFUSALS}
    wrong = invariants(pair.fast.machine.state)
    assert not any(wrong.values()), wrong


class NewestFirst(NaiveVenue):
    """Equal prices are served last come, first served."""

    def insert(self, side: int, rows: list[Row], row: Row) -> None:
        sign = -1 if side == BUY else 1
        ahead = [one for one in rows if sign * one.price < sign * row.price]
        rows.insert(len(ahead), row)


class AtComingPrice(NaiveVenue):
    """Trades at the incoming order's price."""

    def price_of(self, resting: Row, coming: Row) -> int:
        return coming.price


class SelfMatch(NaiveVenue):
    """Makers trade with themselves."""

    def meets_own(self, *arguments: Any) -> bool:
        return False


class NoBreaker(NaiveVenue):
    """The circuit breaker never triggers."""

    def trips(self, one: Any, price: int) -> bool:
        return False


class CloseTwice(NaiveVenue):
    """A position can be closed by two working orders."""

    def closing(self, *arguments: Any) -> int:
        return 0


class CancelAlways(NaiveVenue):
    """There are no windows without cancels."""

    def fixed(self, slot: int) -> bool:
        return False


@pytest.mark.parametrize(
    "wrong",
    [
        NewestFirst,
        AtComingPrice,
        SelfMatch,
        NoBreaker,
        CloseTwice,
        CancelAlways,
    ],
)
def test_a_venue_with_one_wrong_rule_is_found_out(wrong: type[NaiveVenue]) -> None:
    """Each rule that is broken in a copy of the twin ends the comparison."""
    with pytest.raises(AssertionError):
        drive(Pair({}, wrong), 1, 20_000)


def rewritten(kernel: Any, before: str, after: str, scope: dict[str, Any]) -> Any:
    """A kernel's text with one rule changed, as Python."""
    text = textwrap.dedent(inspect.getsource(getattr(kernel, "py_func", kernel)))
    assert text.count(before) == 1
    exec(text.replace(before, after).replace("@kernel", "", 1), scope)
    return scope[kernel.__name__]


def test_a_kernel_with_another_priority_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same from the other side: the venue's own insertion puts the newest first."""
    wrong = rewritten(book.rest, "(there >= price)", "(there > price)", dict(vars(book)))
    monkeypatch.setattr(orders, "rest", wrong)
    enter = getattr(orders.enter, "py_func", orders.enter)
    monkeypatch.setattr(front, "enter", enter)
    with pytest.raises(AssertionError):
        drive(Pair({}), 1, 5_000)


def fill_book(market: Market, rng: random.Random, step: int) -> list[list[tuple[int, int]]]:
    """A random auction book of slot 0: crossed or not, thin, lopsided, one-sided or empty."""
    spread = rng.choice((2, 3, 10, 40))
    sizes = rng.choice(((1,), (1, 2, 5), (10,), tuple(range(1, 50))))
    sides = []
    for side in range(2):
        count = rng.choice((0, 1, 2, rng.randrange(12), rng.randrange(lay.CAP)))
        rows = [
            (
                1_000 + step * rng.randrange(-spread, spread),
                rng.choice(sizes) * rng.choice((1, 1, 9)),
            )
            for _ in range(count)
        ]
        for number, (price, qty) in enumerate(rows):
            rest(market, 0, side, price, qty, 1, number + 1, 0, lay.AUTO)
        sides.append(rows)
    return sides


def check_auctions(books: int, seed: int) -> Counter[str]:
    """Random books: price, volume and what trades against trying every price. What was met."""
    rng = random.Random(seed)
    met: Counter[str] = Counter()
    market = market_of(World(opening(members=())).machine.state)
    info, ctl = market.info, market.ctl
    for _ in range(books):
        info[0, lay.N_BID] = info[0, lay.N_ASK] = info[0, lay.VOLUME] = ctl[lay.C_EVENTS] = 0
        step = info[0, lay.STEP] = rng.choice((1, 1, 10))
        nearest = ctl[lay.C_NEAREST] = rng.randrange(2)
        reference = info[0, lay.REFERENCE] = 1_000 + rng.randrange(-30, 31)
        sides = fill_book(market, rng, step)
        price, volume = naive_auction(*sides, reference if nearest else None, step)
        assert auction.auction_price(market, 0) == price
        assert ctl[lay.C_AUCTION_VOLUME] == volume
        assert uncross(market, 0, 0) == price
        assert info[0, lay.VOLUME] == volume
        kind = "empty" if not any(sides) else "one-sided" if not all(sides) else "uncrossed"
        if volume:
            kind = "nearest" if nearest else "middle"
            events = market.ev[: ctl[lay.C_EVENTS]]
            assert (events[:, lay.E_PRICE] == price).all()
            best = [market.book[0, side, 0, lay.O_PRICE] for side in (0, 1)]
            counts = info[0, lay.N_BID : lay.N_ASK + 1]
            assert not counts.all() or best[0] < best[1]
            met["tied"] += (
                naive_auction(*sides, 0, step)[0] != naive_auction(*sides, 9_999, step)[0]
            )
            met["unmatched"] += any(sum(q for _, q in rows) > volume for rows in sides)
        met[kind] += 1
    return met


def test_auction_price_equals_brute_force() -> None:
    """12,000 random books, every price tried: both readings of ties (A30), steps of 1 and 10 ticks,
    thin, lopsided, one-sided and empty books (rules.md 2.6).
    """
    met = check_auctions(12_000, 5)
    assert min(met[kind] for kind in ("empty", "one-sided", "uncrossed", "nearest", "middle")) > 200
    assert min(met["tied"], met["unmatched"]) > 500


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("_middle", "doubled + step", "doubled"),
        ("_middle", "low), high)", "low), high) - step"),
        ("_better", "left < gap", "left > gap"),
        ("_better", "over > done or under > done or ", ""),
    ],
)
def test_a_wrong_auction_rule_is_found_out(
    name: str, before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rule of the auction's price that is broken in a copy of the kernel ends the
    comparison."""
    wrong = rewritten(getattr(auction, name), before, after, dict(vars(auction)))
    price = getattr(auction.auction_price, "py_func", auction.auction_price)
    monkeypatch.setattr(auction, name, wrong)
    monkeypatch.setattr(auction, "auction_price", price)
    with pytest.raises(AssertionError):
        check_auctions(2_000, 5)


def test_nearest_reference_breaks_ties() -> None:
    """The other reading of A30: the tied price nearest the reference."""
    world = World(opening(members=(), switches={"auction_tie": "nearest_ref"}))
    market = market_of(world.machine.state)
    rest(market, 0, 0, 1_040, 5, 1, 1, 0, lay.AUTO)
    rest(market, 0, 1, 990, 5, 1, 2, 0, lay.AUTO)
    assert market.info[0, lay.REFERENCE] == 1_000
    assert auction_price(market, 0) == 1_000
    market.info[0, lay.REFERENCE] = 1_100
    assert auction_price(market, 0) == 1_040


def test_auction_allocates_by_time() -> None:
    """Equal prices are served in order of entry, all at one price (rules.md 2.6)."""
    world = World(opening(members=RICH))
    world.until(at("09:15"))
    code = chain().contracts[0].code
    order = (Side.BUY, Effect.OPEN, OrderKind.LIMIT)
    world.ask(NewOrder("A000000001", code, *order, 1_005, 4), pbu="A0001")
    world.ask(NewOrder("A000000002", code, *order, 1_005, 4), pbu="A0001")
    sell = (Side.SELL, Effect.OPEN, OrderKind.LIMIT)
    world.ask(NewOrder("B000000001", code, *sell, 1_000, 6), pbu="A0002")
    effects = world.until(at("09:25"))
    bodies = [r.body for e in of(effects, Deliver) if e.pbu == "A0001" for r in e.reports]
    fills = [(b.client_id, b.price, b.qty, b.leaves) for b in bodies]
    assert fills == [("A000000001", 1_005, 4, 0), ("A000000002", 1_005, 2, 2)]
    assert world.machine.state.info[0, lay.REFERENCE] == 1_005
    assert world.machine.state.info[0, lay.PHASE] == Phase.BREAK
