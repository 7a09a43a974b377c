"""The order book's kernels against slow twins (T-04)."""

import random

import pytest
from exchange_naive import NaiveBook, auction
from exchange_world import World, at, chain, member, of, opening

from quanheng.exchange import layout as lay
from quanheng.exchange.auction import auction_price, uncross
from quanheng.exchange.book import rest
from quanheng.exchange.messages import Deliver
from quanheng.exchange.state import market_of
from quanheng.exchange.venue import invariants
from quanheng.terms.codes import Effect, OrderKind, Phase, Side
from quanheng.terms.orders import NewOrder, OrderCancel, Quote, Trade

RICH = tuple(member(f"A000{i}", f"M{i}") for i in range(1, 7))


def command(rng: random.Random, book: NaiveBook, name: str, code: str, owner: int):
    """A random request and what the slow book answers to it."""
    draw = rng.random()
    side = rng.randrange(2)
    middle = 1_000 + (20 if side else -20)
    price = middle + rng.randrange(-30, 31)
    qty = rng.randrange(1, 11)
    if draw < 0.45:
        kind = rng.choice((0, 0, 0, 0, 1, 2, 3, 4))
        request = NewOrder(name, code, Side(side + 1), Effect.OPEN, OrderKind(kind), price, qty)
        return request, book.order(name, owner, side, kind, price, qty)
    if draw < 0.65:
        mine = [row.name for row in book.rows if row.owner == owner and not row.quoted]
        target = rng.choice(mine) if mine and rng.random() < 0.9 else "Z000000000"
        return OrderCancel(name, code, target), book.cancel(owner, target)
    bid, ask = 980 + rng.randrange(-30, 35), 1_020 + rng.randrange(-35, 31)
    sizes = rng.choice(((qty, qty), (qty, qty), (qty, 0), (0, qty)))
    quote = Quote(name, code, bid, ask, *sizes, Effect.OPEN, Effect.OPEN)
    return quote, book.quote(name, owner, (bid, ask), sizes)


@pytest.mark.parametrize("seed", range(4))
def test_random_commands_equal_the_slow_book(seed: int) -> None:
    """5,000 random commands a seed: same answers, trades, books, and sound accounts."""
    rng = random.Random(seed)
    world = World(opening(members=RICH))
    world.machine.state.fund[:6, lay.CASH] *= 1_000
    world.until(at("09:30"))
    contract = chain().contracts[0]
    book = NaiveBook(contract.limit_up, contract.limit_down, lay.CAP)
    state = world.machine.state
    trades = []
    for step in range(5_000):
        owner = rng.randrange(6)
        name = f"K{step:09d}"
        request, expected = command(rng, book, name, contract.code, owner)
        world.now += 1_000_000
        effects = world.ask(request, pbu=RICH[owner].pbu)
        assert next(body for body in effects if not isinstance(body, Trade)).reason == expected
        for effect in of(world.effects, Deliver):
            trades += [r.body for r in effect.reports if isinstance(r.body, Trade)]
        world.effects.clear()
        if step % 50 == 0:
            for side in (0, 1):
                count = int(state.info[0, lay.N_BID + side])
                got = [tuple(row[:3]) for row in state.book[0, side, :count].tolist()]
                assert got == [(r.price, r.qty, r.owner) for r in book.side(side)]
    by_exec: dict[int, dict[Side, Trade]] = {}
    for trade in trades:
        by_exec.setdefault(trade.exec_id, {})[trade.side] = trade
    got = [
        (
            pair[Side.BUY].price,
            pair[Side.BUY].qty,
            pair[Side.BUY].client_id,
            pair[Side.SELL].client_id,
        )
        for _, pair in sorted(by_exec.items())
    ]
    assert got == book.fills
    assert len(got) > 500
    wrong = invariants(state)
    wrong.pop("money")  # the test made the members richer than they opened
    assert not any(wrong.values()), wrong


def test_auction_price_equals_brute_force() -> None:
    """2,500 random books: price and volume of every tick tried, then the uncross trades just that
    (rules.md 2.6, A30 default)."""
    rng = random.Random(5)
    world = World(opening(members=()))
    market = market_of(world.machine.state)
    info, ctl = market.info, market.ctl
    crossed = 0
    for _ in range(2_500):
        info[0, lay.N_BID] = info[0, lay.N_ASK] = 0
        info[0, lay.VOLUME] = 0
        ctl[lay.C_EVENTS] = 0
        sides = []
        spread = rng.choice((3, 10, 40))
        for side in range(2):
            rows = [
                (
                    1_000 + rng.randrange(-spread, spread),
                    rng.choice((1, 2, 5, rng.randrange(1, 50))),
                )
                for _ in range(rng.randrange(0, 12))
            ]
            sides.append(rows)
            for number, (price, qty) in enumerate(rows):
                rest(market, 0, side, price, qty, 1, number + 1, 0, lay.AUTO)
        price, volume = auction(*sides)
        assert auction_price(market, 0) == price
        assert ctl[lay.C_AUCTION_VOLUME] == volume
        assert uncross(market, 0, 0) == price
        assert info[0, lay.VOLUME] == volume
        if volume:
            crossed += 1
            rows = market.ev[: ctl[lay.C_EVENTS], lay.E_PRICE]
            assert (rows == price).all()
            best = [market.book[0, side, 0, lay.O_PRICE] for side in (0, 1)]
            counts = info[0, lay.N_BID : lay.N_ASK + 1]
            assert not counts.all() or best[0] < best[1]
    assert crossed > 1_000


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
