"""`quanheng market-history`: duty datasets of a whole market from a seed, by day and class.

The market is made up but has a market's shape: the five classes with four expiries, primary makers
of different quality and general ones, breakers, contracts at a limit and worth nearly nothing,
inquiries, approved exemptions, letters, designated contracts, a maker that joins later. Parts are
made independently and written whole or not at all, so an interrupted run goes on; the same options
give the same bytes.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import msgspec
import numpy as np

from quanheng.compose.market_kernels import GRID, trade_rows
from quanheng.compose.market_quotes import (
    CLASSES,
    CLOCK,
    NORMAL,
    HistoryPlan,
    is_general,
    listed,
    maker_names,
    quote_pieces,
    seed_of,
)
from quanheng.duties.tables import Dataset, Table, Text, text_column
from quanheng.edge.dataset_files import write_dataset
from quanheng.edge.dataset_write import PartWriter, write_part
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook import calendar
from quanheng.terms.days import from_clock, from_iso
from quanheng.terms.units import DAY, Day

LETTERS = tuple("SCTBVPUE")
BREAK_ONE_IN = 40
"""One contract day in so many has a circuit breaker."""


class HistoryError(ValueError):
    """Options of `market-history` that make no market."""


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


class PartTables(msgspec.Struct, frozen=True):
    """One class and day. `quotes` comes in pieces and must be taken first: the others are drawn
    after it.
    """

    quotes: Iterator[Table]
    rest: Callable[[], dict[str, Table]]


def part_tables(plan: HistoryPlan, klass: int, day: Day) -> PartTables:
    """Quotes, phases, trades and inquiries of one class and day."""
    names, items = maker_names(plan), listed(plan, klass, day)
    codes = tuple(one.code for one in items)
    state = seed_of(plan, "part", klass, day)
    paths = np.empty((len(items), DAY // GRID), dtype=np.int64)
    return PartTables(
        quotes=quote_pieces(plan, klass, day, items, paths, state),
        rest=lambda: {
            "phases": _phases(day, codes, state),
            "trades": _trades(day, codes, names, paths, state),
            "inquiries": _inquiries(day, codes, state),
        },
    )


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
    tables, rows = part_tables(plan, klass, day), 0
    with PartWriter(plan.out, "quotes", day, underlying) as writer:
        for piece in tables.quotes:
            rows += writer.add(piece)
        for name, table in tables.rest().items():
            write_part(plan.out, name, table, day, underlying)
    return rows


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
