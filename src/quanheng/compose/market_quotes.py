"""What a made-up market is made of: its plan, its contracts and its makers' quotes, from a seed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from quanheng.compose.market_kernels import MAKER_COLUMNS, quote_cell, walk_price
from quanheng.duties.tables import Table, Text
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook import calendar
from quanheng.terms.days import from_clock
from quanheng.terms.units import Day

CLASSES = (
    ("510050", 24_500, 500), ("510300", 35_000, 1_000), ("510500", 50_000, 1_000),
    ("588000", 7_500, 250), ("588080", 7_300, 250),
)  # fmt: skip
"""Underlying, spot and strike step in ticks."""

CLOCK = {
    name: from_clock(text)
    for name, text in (
        ("call", "09:15"), ("cross", "09:25"), ("open", "09:30"), ("lunch", "11:30"),
        ("again", "13:00"), ("close", "14:57"), ("end", "15:00"),
    )
}  # fmt: skip
NORMAL = (
    ("call", 1), ("cross", 3), ("open", 2), ("lunch", 3), ("again", 2), ("close", 6), ("end", 7),
)  # fmt: skip
PIECE_ROWS = 1 << 20
"""Quote rows that are made and written at a time."""


class HistoryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to make. `updates`: mean quote rows of a maker in a contract and day."""

    out: Path
    makers: int = 20
    days: int = 21
    first: Day = 20240521
    contracts: int = 400
    updates: int = 300
    seed: int = 1
    workers: int = 0


class Listed(msgspec.Struct, frozen=True):
    """A contract of one class and day."""

    code: str
    rank: int
    kind: str
    strike: int
    price: int


def maker_names(plan: HistoryPlan) -> tuple[str, ...]:
    """M01 … in order."""
    return tuple(f"M{number:02d}" for number in range(1, plan.makers + 1))


def is_general(number: int, klass: int) -> bool:
    """Every fourth maker is a general one, another in each class."""
    return (number + klass) % 4 == 3


def listed(plan: HistoryPlan, klass: int, day: Day) -> list[Listed]:
    """The contracts of a class on a day, by code: four expiries, strikes around the spot."""
    _, spot, step = CLASSES[klass]
    book = read_rulebook(day)
    strikes = max(plan.contracts // (8 * len(CLASSES)), 1)
    found = []
    for rank, month in enumerate(calendar.expiry_months(book.calendar, day), start=1):
        serial = (month // 100 - 2015) * 12 + month % 100
        for place in range(strikes):
            strike = (spot // step + place - strikes // 2) * step
            for side, kind in enumerate("CP"):
                inside = max(spot - strike if kind == "C" else strike - spot, 0)
                steps = abs(strike - spot) // step
                worth = spot * (rank + 1) * 2 // (3 * (100 + 40 * steps))
                price = inside + worth
                code = f"1{klass}{serial:03d}{place * 2 + side:03d}"
                found.append(Listed(code, rank, kind, strike, max(price, 6)))
    return sorted(found, key=lambda one: one.code)


def seed_of(plan: HistoryPlan, *words: object) -> np.ndarray:
    """uint64[1]: the state that draws for these words start from."""
    digest = hashlib.sha256(repr((plan.seed, plan.makers, *words)).encode()).digest()
    return np.frombuffer(digest[:8], dtype=np.uint64).copy()


def maker_row(plan: HistoryPlan, number: int, klass: int, day: Day, updates: int) -> np.ndarray:
    """How a maker quotes in a class on a day (`market_kernels` columns)."""
    state = seed_of(plan, "maker", number, klass)
    quality = int(state[0] % np.uint64(100))
    today = int(seed_of(plan, "day", number, klass, day)[0] % np.uint64(100))
    row = np.zeros(MAKER_COLUMNS, dtype=np.int64)
    span = (CLOCK["end"] - CLOCK["call"]) // 1_000_000
    row[0] = max(span // max(updates, 1), 1)
    row[1] = 330 + 6 * quality
    row[2] = 2 + quality // 12 + (today < 6) * 40
    row[3], row[4] = 40 + 3 * quality, 25 + 2 * quality
    row[5] = CLOCK["call"] + (today % 7) * 20_000_000_000
    row[6] = CLOCK["end"] if today % 31 else from_clock("14:50")
    return row


def quote_pieces(
    plan: HistoryPlan,
    klass: int,
    day: Day,
    items: list[Listed],
    paths: np.ndarray,
    state: np.ndarray,
) -> Iterator[Table]:
    """Quotes of a class and day in pieces of whole contracts, of about PIECE_ROWS rows; `paths`
    gets their prices.
    """
    duty = read_rulebook(day).duty
    makers = [maker_row(plan, n, klass, day, plan.updates) for n in range(1, plan.makers + 1)]
    room = int(len(makers) * plan.updates * 1.6) + 10_000  # of one contract
    out = np.empty((PIECE_ROWS + room, 5), dtype=np.int64)
    cells, counts, n = list[tuple[int, int]](), list[int](), 0
    for index, one in enumerate(items):
        high = one.price + max(one.price, 2_500)
        low = max(one.price - max(one.price, 2_500), 1)
        walk_price(state, one.price, max(low, 2), high - 2, paths[index])
        band = np.array(duty.bands[one.rank - 1], dtype=np.int64)
        for number, maker in enumerate(makers):
            before = n
            n = quote_cell(state, maker, paths[index], band, high, n, out)
            cells.append((index, number))
            counts.append(n - before)
        if n >= PIECE_ROWS:
            yield _quote_piece(plan, day, items, cells, counts, out[:n])
            cells, counts, n = [], [], 0
    yield _quote_piece(plan, day, items, cells, counts, out[:n])


def _quote_piece(
    plan: HistoryPlan,
    day: Day,
    items: list[Listed],
    cells: list[tuple[int, int]],
    counts: list[int],
    rows: np.ndarray,
) -> Table:
    places = np.array(cells, dtype=np.int64).reshape(-1, 2)
    return {
        "day": np.full(len(rows), day, dtype=np.int64),
        "contract": Text(np.repeat(places[:, 0], counts), tuple(one.code for one in items)),
        "maker": Text(np.repeat(places[:, 1], counts), maker_names(plan)),
        **{
            name: rows[:, place]
            for place, name in enumerate(("at", "bid", "bid_qty", "ask", "ask_qty"))
        },
    }
