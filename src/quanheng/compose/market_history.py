"""`quanheng market-history`: duty datasets of a whole market from a seed, by day and class.

The market is made up but has a market's shape: the five classes with four expiries, primary makers
of different quality and general ones, breakers, contracts at a limit and worth nearly nothing,
inquiries, approved exemptions, letters, designated contracts, a maker that joins later. Parts are
made independently and written whole or not at all, so an interrupted run goes on; the same options
give the same bytes.
"""

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quanheng.compose.market_kernels import (
    GRID,
    MAKER_COLUMNS,
    quote_cell,
    trade_rows,
    walk_price,
)
from quanheng.duties.tables import Dataset, Table, Text, text_column
from quanheng.edge.dataset_files import write_dataset, write_part
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook import calendar
from quanheng.terms.days import from_clock, from_iso
from quanheng.terms.units import DAY, Day

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
LETTERS = tuple("SCTBVPUE")
BREAK_ONE_IN = 40
"""One contract day in so many has a circuit breaker."""


class HistoryError(ValueError):
    """Options of `market-history` that make no market."""


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


def plan_of(first: str, **options: Any) -> HistoryPlan:
    """A plan from the command line's words. HistoryError for a day that is none."""
    try:
        return HistoryPlan(first=from_iso(first), **options)
    except ValueError as error:
        raise HistoryError(f"--from: {error}") from error


def days_of(plan: HistoryPlan) -> tuple[Day, ...]:
    """The trading days of a plan. HistoryError for options out of range."""
    if not (1 <= plan.makers <= 99 and plan.days >= 1 and plan.updates >= 1):
        raise HistoryError("makers must be 1 to 99, days and updates at least 1")
    if plan.contracts < 40 or plan.contracts > 4_000:
        raise HistoryError("contracts must be 40 to 4,000: two of four expiries in five classes")
    cal = read_rulebook(plan.first).calendar
    days, day = list[Day](), plan.first
    while len(days) < plan.days:
        if calendar.is_trading(cal, day):
            days.append(day)
        day = calendar.next_trading(cal, day)
    return tuple(days)


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


def shared_tables(plan: HistoryPlan) -> Dataset:
    """The tables without a class: contracts, makers, exemptions, letters, designations."""
    days, names = days_of(plan), maker_names(plan)
    rows = [
        (day, klass, one)
        for day in days
        for klass in range(len(CLASSES))
        for one in listed(plan, klass, day)
    ]
    prices = np.array([one.price for _, _, one in rows], dtype=np.int64)
    room = np.maximum(prices, 2_500)
    contracts: Table = {
        "day": np.array([day for day, _, _ in rows], dtype=np.int64),
        "contract": text_column([one.code for _, _, one in rows]),
        "underlying": text_column([CLASSES[klass][0] for _, klass, _ in rows]),
        "underlying_type": text_column(["EBS"] * len(rows)),
        "kind": text_column([one.kind for _, _, one in rows]),
        "expiry_rank": np.array([one.rank for _, _, one in rows], dtype=np.int64),
        "strike": np.array([one.strike for _, _, one in rows], dtype=np.int64),
        "unit": np.full(len(rows), 10_000, dtype=np.int64),
        "limit_up": prices + room,
        "limit_down": np.maximum(prices - room, 1),
        "previous_settle": prices,
        "last_trade": prices,
        "designated": np.zeros(len(rows), dtype=np.int64),
    }
    seats = [(name, klass) for name in names for klass in range(len(CLASSES))]
    late = days[len(days) // 2]
    makers: Table = {
        "maker": text_column([name for name, _ in seats]),
        "underlying": text_column([CLASSES[klass][0] for _, klass in seats]),
        "kind": text_column(
            ["general" if is_general(int(n[1:]), k) else "primary" for n, k in seats]
        ),
        "since": np.array(
            [late if name == names[-1] and len(names) > 4 else 20150209 for name, _ in seats],
            dtype=np.int64,
        ),
        "until": np.zeros(len(seats), dtype=np.int64),
    }
    tables: dict[str, Table] = {"contracts": contracts, "makers": makers}
    tables["exemptions"] = _exemptions(plan, days, names)
    tables["letters"] = _letters(days, names)
    tables["designations"] = _designations(plan, days, names)
    return Dataset(tables)


def _exemptions(plan: HistoryPlan, days: tuple[Day, ...], names: tuple[str, ...]) -> Table:
    """Every fifth day one maker's line is down for 25 minutes in one class."""
    rows = [
        (day, names[(3 * index + plan.seed) % len(names)], CLASSES[index % len(CLASSES)][0])
        for index, day in enumerate(days)
        if index % 5 == 4
    ]
    start = from_clock("10:05")
    return {
        "day": np.array([day for day, _, _ in rows], dtype=np.int64),
        "maker": text_column([maker for _, maker, _ in rows]),
        "contract": text_column([""] * len(rows)),
        "underlying": text_column([klass for _, _, klass in rows]),
        "reason": text_column(["technical"] * len(rows)),
        "from": np.full(len(rows), start, dtype=np.int64),
        "until": np.full(len(rows), start + 1_500_000_000_000, dtype=np.int64),
    }


def _letters(days: tuple[Day, ...], names: tuple[str, ...]) -> Table:
    """One letter and one lowering a month."""
    rows = [
        (day, names[index % len(names)], ("letter", "lowering")[index // 8 % 2], index // 8 % 2)
        for index, day in enumerate(days)
        if index % 16 in (7, 13)
    ]
    return {
        "day": np.array([row[0] for row in rows], dtype=np.int64),
        "maker": text_column([row[1] for row in rows]),
        "measure": text_column([row[2] for row in rows]),
        "underlying": text_column([CLASSES[0][0] if row[3] else "" for row in rows]),
        "steps": np.array([row[3] for row in rows], dtype=np.int64),
    }


def _designations(plan: HistoryPlan, days: tuple[Day, ...], names: tuple[str, ...]) -> Table:
    """The farthest expiry's outermost put of each class, to three primary makers."""
    rows = []
    for klass in range(len(CLASSES)):
        able = [name for name in names if not is_general(int(name[1:]), klass)]
        far = [one for one in listed(plan, klass, days[0]) if one.rank == 4 and one.kind == "P"]
        rows += [(name, far[0].code) for name in able[:3]]
    return {
        "maker": text_column([maker for maker, _ in rows]),
        "contract": text_column([code for _, code in rows]),
        "since": np.full(len(rows), days[0], dtype=np.int64),
        "until": np.zeros(len(rows), dtype=np.int64),
    }


def _seed(plan: HistoryPlan, *words: object) -> np.ndarray:
    digest = hashlib.sha256(repr((plan.seed, plan.makers, *words)).encode()).digest()
    return np.frombuffer(digest[:8], dtype=np.uint64).copy()


def maker_row(plan: HistoryPlan, number: int, klass: int, day: Day, updates: int) -> np.ndarray:
    """How a maker quotes in a class on a day (`market_kernels` columns)."""
    state = _seed(plan, "maker", number, klass)
    quality = int(state[0] % np.uint64(100))
    today = int(_seed(plan, "day", number, klass, day)[0] % np.uint64(100))
    row = np.zeros(MAKER_COLUMNS, dtype=np.int64)
    span = (CLOCK["end"] - CLOCK["call"]) // 1_000_000
    row[0] = max(span // max(updates, 1), 1)
    row[1] = 330 + 6 * quality
    row[2] = 2 + quality // 12 + (today < 6) * 40
    row[3], row[4] = 40 + 3 * quality, 25 + 2 * quality
    row[5] = CLOCK["call"] + (today % 7) * 20_000_000_000
    row[6] = CLOCK["end"] if today % 31 else from_clock("14:50")
    return row


def part_tables(plan: HistoryPlan, klass: int, day: Day) -> dict[str, Table]:
    """Phases, quotes, trades and inquiries of one class and day."""
    names, items = maker_names(plan), listed(plan, klass, day)
    duty = read_rulebook(day).duty
    codes = tuple(one.code for one in items)
    state = _seed(plan, "part", klass, day)
    makers = [maker_row(plan, n, klass, day, plan.updates) for n in range(1, plan.makers + 1)]
    paths = np.empty((len(items), DAY // GRID), dtype=np.int64)
    out = np.empty((int(len(items) * len(makers) * plan.updates * 1.6) + 10_000, 5), dtype=np.int64)
    counts, n = [], 0
    for index, one in enumerate(items):
        high = one.price + max(one.price, 2_500)
        low = max(one.price - max(one.price, 2_500), 1)
        walk_price(state, one.price, max(low, 2), high - 2, paths[index])
        band = np.array(duty.bands[one.rank - 1], dtype=np.int64)
        for maker in makers:
            before = n
            n = quote_cell(state, maker, paths[index], band, high, n, out)
            counts.append(n - before)
    cells = np.arange(len(counts))
    quotes: Table = {
        "day": np.full(n, day, dtype=np.int64),
        "contract": Text(np.repeat(cells // len(makers), counts), codes),
        "maker": Text(np.repeat(cells % len(makers), counts), names),
        **{
            name: out[:n, place]
            for place, name in enumerate(("at", "bid", "bid_qty", "ask", "ask_qty"))
        },
    }
    return {
        "quotes": quotes,
        "phases": _phases(day, codes, state),
        "trades": _trades(day, codes, names, paths, state),
        "inquiries": _inquiries(day, codes, state),
    }


def _phases(day: Day, codes: tuple[str, ...], state: np.ndarray) -> Table:
    rows = []
    draws = np.random.default_rng(int(state[0])).integers(0, 3_600, (len(codes), 2))
    for contract in range(len(codes)):
        own = [(CLOCK[name], phase) for name, phase in NORMAL]
        if draws[contract, 0] % BREAK_ONE_IN == 0:
            start = from_clock("13:10") + int(draws[contract, 1]) * 1_000_000_000
            own += [(start, 4), (start + 180_000_000_000, 2)]
        rows += [(contract, at, phase) for at, phase in sorted(own)]
    made = np.array(rows, dtype=np.int64)
    return {
        "day": np.full(len(made), day, dtype=np.int64),
        "contract": Text(made[:, 0], codes),
        "phase": Text(made[:, 2], LETTERS),
        "at": made[:, 1],
    }


def _trades(
    day: Day, codes: tuple[str, ...], names: tuple[str, ...], paths: np.ndarray, state: np.ndarray
) -> Table:
    draw = np.random.default_rng(int(state[0]) + 1)
    counts = draw.poisson(60, len(codes))
    rows = np.zeros((int(counts.sum()), 9), dtype=np.int64)
    ends = np.concatenate([[0], np.cumsum(counts)])
    spans = ((CLOCK["open"], CLOCK["lunch"]), (CLOCK["again"], CLOCK["close"]))
    for contract, count in enumerate(counts.tolist()):
        start, stop = spans[contract % 2]
        own = rows[ends[contract] : ends[contract + 1]]
        trade_rows(state, paths[contract], count, start, stop, len(names), own)
        own[:] = own[np.argsort(own[:, 0], kind="stable")]
    words = ("", *names)
    names9 = ("at", "price", "qty", "buyer", "seller", "buy_order_at", "sell_order_at")
    numbers = dict(zip((*names9, "buy_limit", "sell_limit"), rows.T, strict=True))
    return {
        "day": np.full(len(rows), day, dtype=np.int64),
        "contract": Text(np.repeat(np.arange(len(codes)), counts), codes),
        **{name: column.copy() for name, column in numbers.items()},
        "buyer": Text(numbers["buyer"] + 1, words),
        "seller": Text(numbers["seller"] + 1, words),
    }


def _inquiries(day: Day, codes: tuple[str, ...], state: np.ndarray) -> Table:
    draw = np.random.default_rng(int(state[0]) + 2)
    counts = draw.poisson(0.4, len(codes))
    span = (CLOCK["lunch"] - CLOCK["open"]) // 1_000_000_000
    found = []
    for contract, count in enumerate(counts.tolist()):
        seconds = np.sort(draw.integers(0, span, count))
        found += [(contract, CLOCK["open"] + int(second) * 1_000_000_000) for second in seconds]
    made = np.array(found, dtype=np.int64).reshape(-1, 2)
    return {
        "day": np.full(len(made), day, dtype=np.int64),
        "contract": Text(made[:, 0], codes),
        "inquiry": text_column([str(number) for number in range(1, len(made) + 1)]),
        "at": made[:, 1],
    }


def make_part(plan: HistoryPlan, klass: int, day: Day) -> int:
    """Make and write one part, quotes last; returns its quote rows, 0 when it was there."""
    underlying = CLASSES[klass][0]
    if (plan.out / "quotes" / str(day) / f"{underlying}.parquet").exists():
        return 0
    tables = part_tables(plan, klass, day)
    for name in ("phases", "trades", "inquiries", "quotes"):
        write_part(plan.out, name, tables[name], day, underlying)
    return len(tables["quotes"]["day"])


def make_history(plan: HistoryPlan, progress: Callable[[str], None]) -> dict[str, Any]:
    """Make every part that is not there; what was made."""
    days = days_of(plan)
    write_dataset(plan.out, shared_tables(plan))
    tasks = [(klass, day) for day in days for klass in range(len(CLASSES))]
    total = 0
    for count, rows in enumerate(_run(plan, tasks), start=1):
        total += rows
        if count % len(CLASSES) == 0:
            progress(f"{count}/{len(tasks)} parts, {total:,} quote rows")
    return {"days": [days[0], days[-1]], "parts": len(tasks), "quote_rows": total}


def _run(plan: HistoryPlan, tasks: list[tuple[int, Day]]) -> Iterator[int]:
    workers = min(plan.workers or os.cpu_count() or 1, len(tasks))
    if workers == 1:
        yield from (make_part(plan, klass, day) for klass, day in tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(make_part, plan, klass, day) for klass, day in tasks]
        yield from (future.result() for future in futures)
