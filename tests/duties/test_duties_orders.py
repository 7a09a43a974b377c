"""Effective quotes from resting orders by each reading of A03; the tables that readings need."""

from random import Random

import msgspec
import numpy as np
import pytest
from test_duties_rating import BOOK, CHAIN, DAY, MAKERS, clock, dataset_of, played

from quanheng.duties.conditions import from_rulebook
from quanheng.duties.dataset import DatasetError, check_dataset
from quanheng.duties.day_input import day_tables
from quanheng.duties.orders import ASK, BID, effective_quotes
from quanheng.duties.rating import measure_dataset
from quanheng.duties.readings import DEPTH, MEASURED, NEWEST, PAIRED, TOP
from quanheng.duties.tables import Dataset, text_column
from quanheng.terms.codes import Phase
from quanheng.terms.days import midnight

T = [(0, Phase.CONTINUOUS)]

# a two-sided quote q, then a better single bid s, then another ask
ORDERS = [
    (1, "q", BID, 500, 10),
    (1, "q", ASK, 530, 10),
    (2, "s", BID, 505, 4),
    (3, "t", ASK, 525, 12),
    (4, "q", BID, 500, 3),
    (5, "q", ASK, 530, 0),
]


@pytest.mark.parametrize(
    ("reading", "rows"),
    [
        (DEPTH, [(1, 500, 10, 530, 10), (2, 500, 14, 530, 10), (3, 500, 14, 525, 12),
                 (4, 0, 0, 525, 12)]),
        (TOP, [(1, 500, 10, 530, 10), (2, 0, 0, 530, 10), (3, 0, 0, 525, 12)]),
        (NEWEST, [(1, 500, 10, 530, 10), (2, 0, 0, 530, 10), (3, 0, 0, 525, 12)]),
        (PAIRED, [(1, 500, 10, 530, 10), (4, 0, 0, 530, 10), (5, 0, 0, 0, 0)]),
    ],
)  # fmt: skip
def test_readings_of_several_orders(reading: int, rows: list[tuple[int, ...]]) -> None:
    """A03: depth, top level, newest pair, only two-sided quotes."""
    assert effective_quotes(ORDERS, T, 10, 1, reading) == rows


def test_small_sides_and_phases() -> None:
    """Under the size no side, unless kept; an auction wants one contract (rules.md 10.1-2)."""
    orders = [(1, "q", BID, 500, 3), (1, "q", ASK, 530, 3)]
    phases = [(0, Phase.OPENING), (5, Phase.CONTINUOUS), (9, Phase.CLOSING)]
    assert effective_quotes(orders, phases, 10, 1, DEPTH) == [
        (1, 500, 3, 530, 3),
        (5, 0, 0, 0, 0),
        (9, 500, 3, 530, 3),
    ]
    assert effective_quotes(orders, phases, 10, 1, DEPTH, partial=True) == [(1, 500, 3, 530, 3)]


def test_newest_by_time_of_its_price() -> None:
    """A partial fill makes an order no newer."""
    orders = [(1, "a", BID, 500, 10), (2, "b", BID, 490, 20), (3, "a", BID, 500, 9)]
    rows = effective_quotes(orders, T, 10, 1, NEWEST)
    assert rows[-1][:3] == (2, 490, 20)


def with_orders(drop_quotes: bool) -> Dataset:
    """The played day with one order pair of maker ZZ in contract 10000004 in the afternoon."""
    _, rows = played(Random(3))
    dataset = dataset_of(rows)
    at = clock("13:30") - midnight(DAY)
    dataset.tables["orders"] = {
        "day": np.full(2, DAY, dtype=np.int64),
        "maker": text_column(["ZZ", "ZZ"]),
        "contract": text_column(["10000004"] * 2),
        "order": text_column(["7", "7"]),
        "side": text_column(["B", "S"]),
        "at": np.full(2, at, dtype=np.int64),
        "price": np.array([500, 520], dtype=np.int64),
        "qty": np.array([10, 10], dtype=np.int64),
    }
    if drop_quotes:
        del dataset.tables["quotes"]
    return dataset


def chosen(key: str, text: str):
    return msgspec.structs.replace(BOOK, readings={**BOOK.readings, key: text})


def test_orders_stand_in_for_quotes() -> None:
    """Without table quotes the day is measured from orders; with it only A03 asks for them."""
    place = (1, 1)  # maker ZZ, contract 10000004
    figures = measure_dataset(check_dataset(with_orders(True)), DAY, BOOK)
    assert figures.makers[1] == "ZZ" and figures.contracts[1] == "10000004"
    assert 0 < figures.compliant[place] <= (clock("14:57") - clock("13:30"))
    both = check_dataset(with_orders(False))
    own = measure_dataset(both, DAY, BOOK)
    assert own.compliant[place] != figures.compliant[place]
    paired = measure_dataset(both, DAY, chosen("A03", MEASURED["A03"][1][PAIRED]))
    assert paired.compliant[place] == figures.compliant[place]


def test_readings_without_their_tables() -> None:
    """A reading whose table is absent is an error that names the table (Q-08)."""
    _, rows = played(Random(4))
    dataset = check_dataset(dataset_of(rows))
    for key, table in (("A01", "market"), ("A07", "market"), ("A31", "market"), ("A03", "orders")):
        terms = from_rulebook(chosen(key, MEASURED[key][1][1]))
        with pytest.raises(DatasetError, match=f"^{table}: no rows on 2024-06-27"):
            day_tables(dataset, DAY, terms)


def test_the_market_table_is_read() -> None:
    """A01 takes the market's best bid: a bid of 10,000 ticks allows every quote of the day."""
    _, rows = played(Random(5))
    dataset = dataset_of(rows)
    codes = sorted(item.code for item in CHAIN.contracts)
    fields = {"at": 0, "bid": 10_000, "bid_qty": 1, "ask": 10_001, "ask_qty": 1}
    dataset.tables["market"] = {
        "day": np.full(len(codes), DAY, dtype=np.int64),
        "contract": text_column(codes),
        **{name: np.full(len(codes), value, dtype=np.int64) for name, value in fields.items()},
    }
    checked = check_dataset(dataset)
    own, market = (
        measure_dataset(checked, DAY, book) for book in (BOOK, chosen("A01", MEASURED["A01"][1][1]))
    )
    assert (market.compliant == market.quoted).all()
    assert own.compliant.sum() < market.compliant.sum()
    assert len(MAKERS) == len(own.makers)
