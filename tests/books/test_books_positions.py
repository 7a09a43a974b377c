"""Positions, cash, netting and profit of an account (rules.md 2.7, 3)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.books import margin_use, pnl, positions
from quanheng.runtime.state import decode_state, encode_state
from quanheng.terms.codes import Effect, Side

UNIT = 10_000


def trade(
    book: positions.Book,
    side: Side,
    effect: Effect,
    qty: int,
    price: int,
    fee: int = 0,
    covered: bool = False,
) -> None:
    """Fold one fill in slot 1."""
    positions.apply_trade(book, 1, side, effect, covered, qty, price, UNIT, fee)


def test_books_long_round_trip() -> None:
    """Bought 10 at 0.0500, sold 4 at 0.0600: 400 yuan realised, fees outside of it."""
    book = positions.open_book(3, 1_000_000_000)
    trade(book, Side.BUY, Effect.OPEN, 10, 500, fee=160_000)
    trade(book, Side.SELL, Effect.CLOSE, 4, 600, fee=64_000)
    assert book.cash == 1_000_000_000 - 50_000_000 + 24_000_000 - 224_000
    assert int(book.realised[1]) == 4_000_000
    assert (positions.net(book, 1), positions.closable(book, 1, Side.SELL)) == (6, 6)
    assert positions.counts(book, 0, 3) == (6, 6, 10)
    marks = np.array([0, 520, 0])
    profit = pnl.profit(book, np.full(3, UNIT), marks)
    assert profit == pnl.Profit(4_000_000, 1_200_000, 224_000, 4_000_000 + 1_200_000 - 224_000)
    assert pnl.equity(book, np.full(3, UNIT), marks) - book.opening_cash == profit.total


def test_books_short_buckets_are_apart() -> None:
    """A plain and a covered short close separately, at their own premium."""
    book = positions.open_book(2)
    trade(book, Side.SELL, Effect.OPEN, 5, 300)
    trade(book, Side.SELL, Effect.OPEN, 2, 100, covered=True)
    assert positions.closable(book, 1, Side.BUY) == 5
    assert positions.closable(book, 1, Side.BUY, covered=True) == 2
    trade(book, Side.BUY, Effect.CLOSE, 2, 40, covered=True)
    assert int(book.realised[1]) == 2 * 60 * UNIT
    assert margin_use.total(book, np.array([7, 31_856_000])) == 5 * 31_856_000
    assert margin_use.of_class(book, np.array([7, 31_856_000]), 0, 1) == 0
    with pytest.raises(ValueError, match="slot 1: closing 6 of 5 short contracts"):
        trade(book, Side.BUY, Effect.CLOSE, 6, 40)


def test_books_netting_order() -> None:
    """Day-end netting takes the plain short first, then the covered one (rules.md 2.7)."""
    book = positions.open_book(2)
    trade(book, Side.BUY, Effect.OPEN, 7, 500)
    trade(book, Side.SELL, Effect.OPEN, 5, 600)
    trade(book, Side.SELL, Effect.OPEN, 4, 700, covered=True)
    cash = book.cash
    assert positions.net_at_close(book) == (positions.Closed(1, 5, 2),)
    held = (int(book.long_qty[1]), int(book.short_qty[1]), int(book.covered_qty[1]))
    assert held == (0, 0, 2)
    assert book.cash == cash
    assert int(book.realised[1]) == (5 * 100 + 2 * 200) * UNIT
    assert positions.net_at_close(book) == ()


def test_books_load_brings_yesterday_in() -> None:
    """Opening positions start at the previous settlement and the identity holds with them."""
    book = positions.open_book(2, 5)
    positions.load(book, 1, 3, 1, 1, 400, UNIT)
    trade(book, Side.SELL, Effect.CLOSE, 3, 410)
    assert int(book.realised[1]) == 3 * 10 * UNIT
    assert positions.check_identity(book) == 0
    with pytest.raises(ValueError, match="negative"):
        positions.load(book, 0, -1, 0, 0, 1, UNIT)


def test_books_refuses_a_covered_long() -> None:
    """A covered flag on a buy-open and a trade of nothing are errors that name the slot."""
    book = positions.open_book(2)
    with pytest.raises(ValueError, match="slot 1: only a short"):
        trade(book, Side.BUY, Effect.OPEN, 1, 1, covered=True)
    with pytest.raises(ValueError, match="a trade of 0"):
        trade(book, Side.BUY, Effect.OPEN, 0, 1)


fills = st.lists(
    st.tuples(
        st.sampled_from([Side.BUY, Side.SELL]),
        st.sampled_from([Effect.OPEN, Effect.CLOSE]),
        st.booleans(),
        st.integers(1, 9),
        st.integers(1, 9_000),
        st.sampled_from([10_000, 10_160]),
        st.integers(-5_000, 50_000),
    ),
    max_size=40,
)


@given(fills)
def test_books_money_identity(rows: list[tuple[Side, Effect, bool, int, int, int, int]]) -> None:
    """No 0.0001 yuan is lost by average cost, netting or encoding, whatever the trades."""
    book = positions.open_book(2, 77)
    net = 0
    for side, effect, covered, qty, price, unit, fee in rows:
        plain = side == Side.SELL and effect == Effect.CLOSE
        covered = covered and not plain and not (side == Side.BUY and effect == Effect.OPEN)
        if effect == Effect.CLOSE:
            qty = min(qty, positions.closable(book, 0, side, covered))
            if qty == 0:
                continue
        positions.apply_trade(book, 0, side, effect, covered, qty, price, unit, fee)
        net += qty if side == Side.BUY else -qty
        assert positions.check_identity(book) == 0
    assert positions.net(book, 0) == net
    positions.net_at_close(book)
    assert positions.check_identity(book) == 0
    assert positions.nets(book).tolist() == [net, 0]
    if positions.net(book, 0) == 0:
        assert int(book.long_cost[0]) == int(book.short_cost[0] + book.covered_cost[0]) == 0
    again = decode_state(encode_state(book), positions.Book)
    assert encode_state(again) == encode_state(book)
