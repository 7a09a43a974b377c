"""Quotes taken in one pass: the same rows are refused, the same figures come out (Q-08, E-12)."""

from random import Random

import duty_streams
import msgspec
import numpy as np
import pytest
from duty_streams import random_history
from test_duties_live import tables_of

from quanheng.duties.dataset import DatasetError, check_dataset, check_quotes
from quanheng.duties.day import MAX_PRICE, DayTables, measure_chunks, measure_day
from quanheng.duties.figures import differences
from quanheng.duties.quote_rows import Batch, QuoteRows
from quanheng.duties.tables import Dataset, Text, text_column
from quanheng.terms.units import DAY as FULL_DAY

assert duty_streams  # the histories' folder is on the path

NAMES = ("at", "bid", "bid_qty", "ask", "ask_qty")


def batches(tables: DayTables, size: int, random: Random) -> list[Batch]:
    """The quotes of a day in batches, each with a vocabulary of its own, as files have them."""
    contracts = [item.contract for item in tables.subjects]
    found = []
    for start in range(0, len(tables.quotes), size):
        rows = slice(start, start + size)
        order = random.sample(range(len(contracts)), len(contracts))
        place = np.argsort(order).astype(np.int32)
        columns = [np.ascontiguousarray(column) for column in tables.quotes[rows].T]
        found.append(
            Batch(
                contract=place[tables.quote_contract[rows]],
                contracts=[contracts[index] for index in order],
                maker=tables.quote_maker[rows].astype(np.int32),
                makers=list(tables.makers),
                columns=tuple(columns),
            )
        )
    return found


@pytest.mark.parametrize("seed", range(40))
def test_any_batches_give_the_figures_of_the_whole(seed: int) -> None:
    """Batches of any size, in a buffer that is used again, measure to the same integers."""
    random = Random(seed)
    tables = tables_of(random_history(random, random.choice((10, 100, 300))))
    for price in (1, 3):  # a dataset has no price of 0 with a quantity
        tables.quotes[tables.quotes[:, price] == 0, price + 1] = 0
    size = random.choice((1, 3, 17, 1000))
    rows = QuoteRows(tables, tables.makers, size, len(tables.quotes))
    bare = msgspec.structs.replace(
        tables,
        quotes=tables.quotes[:0],
        quote_contract=tables.quote_contract[:0],
        quote_maker=tables.quote_maker[:0],
    )

    def taken():
        for batch in batches(tables, size, random):
            assert rows.take(batch)
            yield from rows.whole()
        yield from rows.rest()

    figures, read = measure_chunks(bare, taken())
    assert read == len(tables.quotes)
    whole = measure_day(tables)
    assert differences(figures, whole) == []


MAKERS, CONTRACTS = ("M1", "M2", "M3"), ("10000001", "10000002")


def checked() -> Dataset:
    """A dataset of two contracts and three makers, without quotes."""
    one = np.ones(2, dtype=np.int64)
    numbers = {"expiry_rank": 1, "strike": 100, "unit": 100, "limit_up": 900, "limit_down": 1,
               "previous_settle": 50, "last_trade": 50, "designated": 0}  # fmt: skip
    return check_dataset(
        Dataset(
            {
                "contracts": {
                    "day": 20240627 * one,
                    "contract": text_column(CONTRACTS),
                    "underlying": text_column(["510050"] * 2),
                    "underlying_type": text_column(["EBS"] * 2),
                    "kind": text_column(["C", "P"]),
                    **{name: value * one for name, value in numbers.items()},
                },
                "phases": {
                    "day": 20240627 * one,
                    "contract": text_column(CONTRACTS),
                    "phase": text_column(["T", "T"]),
                    "at": 0 * one,
                },
                "quotes": {
                    "day": one[:0],
                    "contract": Text(one[:0], ()),
                    "maker": Text(one[:0], ()),
                    **dict.fromkeys(NAMES, one[:0]),
                },
                "makers": {
                    "maker": text_column(MAKERS),
                    "underlying": text_column(["510050"] * 3),
                    "kind": text_column(["primary"] * 3),
                    "since": np.full(3, 20150209),
                    "until": np.zeros(3, dtype=np.int64),
                },
            }
        )
    )


def test_what_is_refused_is_what_the_checks_refuse() -> None:
    """Two thousand small tables, half of them with something wrong somewhere: both say the same."""
    dataset, random, refused = checked(), Random(1), 0
    tables = tables_of(random_history(Random(0), 1))
    subject = tables.subjects[0]
    subjects = [msgspec.structs.replace(subject, contract=code) for code in CONTRACTS]
    day = msgspec.structs.replace(
        tables, subjects=subjects, makers=("M1", "M3"), active=np.ones((2, 2), dtype=np.int64)
    )  # M2 is not active today
    odd = (-1, 0, 1, 9, MAX_PRICE, MAX_PRICE + 1, FULL_DAY, FULL_DAY + 1)
    for _ in range(2_000):
        cells = sorted(random.sample([(c, m) for c in range(3) for m in range(4)], 3))
        rows = [
            [c, m, at, 50, 10, 53, 10]
            for c, m in cells
            for at in sorted(random.sample(range(20), random.randint(1, 3)))
        ]
        rows = [row for row in rows if row[0] < 2 and row[1] < 3]
        for _ in range(random.choice((0, 0, 1))):
            row = random.choice(rows) if rows else None
            if row is not None:
                row[random.randrange(7)] = random.choice(odd)
        rows = [row for row in rows if 0 <= row[0] <= 2 and 0 <= row[1] <= 3]
        made = np.array(rows, dtype=np.int64).reshape(-1, 7)
        words = ((*CONTRACTS, "10000009"), (*MAKERS, "M9"))
        codes = made[:, :2].astype(np.int32).T
        columns = tuple(np.ascontiguousarray(column) for column in made[:, 2:].T)
        taken = QuoteRows(day, MAKERS, len(made), 100).take(
            Batch(codes[0].copy(), words[0], codes[1].copy(), words[1], columns)
        )
        table = {
            "day": np.full(len(made), 20240627),
            "contract": Text(made[:, 0], words[0]),
            "maker": Text(made[:, 1], words[1]),
            **dict(zip(NAMES, columns, strict=True)),
        }
        try:
            check_quotes(dataset, table)
            right = True
        except DatasetError:
            right = False
        refused += not right
        assert taken == right, made
    assert 150 < refused < 1_800
