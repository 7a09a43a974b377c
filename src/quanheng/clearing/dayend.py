"""The end of a day: settlement prices of every contract, margins, cash statements."""

import numpy as np
import numpy.typing as npt

from quanheng.books import pnl, positions
from quanheng.clearing import messages as msg
from quanheng.clearing import waterfall
from quanheng.kernels.math import elementary
from quanheng.kernels.pack import pack, unpack
from quanheng.rulebook import calendar, years
from quanheng.rulebook.model import Rulebook
from quanheng.terms.contract import Chain, Contract
from quanheng.terms.days import day_nanos, day_number, midnight
from quanheng.terms.units import HOUR, MINUTE, Money, Ticks

Table = npt.NDArray[np.int64]


def held_rows(book: positions.Book) -> bytes:
    """Packed HELD rows of the slots where the book holds anything."""
    some = np.flatnonzero(book.long_qty + book.short_qty + book.covered_qty)
    columns = (some, book.long_qty[some], book.short_qty[some], book.covered_qty[some])
    return pack(np.stack(columns, axis=1))


def settle_day(
    opened: msg.ClearingOpen,
    market: bytes,
    closes: tuple[Ticks, ...],
    netted: list[tuple[positions.Closed, ...]],
) -> tuple[Table, tuple[int, ...]]:
    """(int64[slots, PRICE_COLUMNS], contracts per step 1 to 6) of the day.

    ValueError when `market` does not hold every slot exactly once, or shows less open interest
    than the accounts netted: a feed that was cut before the close.
    """
    chain = opened.chain
    count = len(chain.contracts)
    rows = unpack(market, msg.CLOSE_COLUMNS)
    slots = rows[:, msg.CLOSE_SLOT]
    if len(rows) != count or np.any(np.sort(slots) != np.arange(count)):
        raise ValueError(
            f"clearing of {opened.day}: closing data has {len(rows)} rows, "
            f"not each of {count} contracts once"
        )
    rows = rows[np.argsort(slots)]
    prices = np.zeros((count, msg.PRICE_COLUMNS), dtype=np.int64)
    prices[:, msg.PRICE_SLOT] = np.arange(count)
    prices[:, msg.NETTED_INTEREST] = rows[:, msg.OPEN_INTEREST]
    for closed in (one for account in netted for one in account):
        prices[closed.slot, msg.NETTED_INTEREST] -= closed.short + closed.covered
    short = np.flatnonzero(prices[:, msg.NETTED_INTEREST] < 0)
    if len(short):
        shown = int(rows[short[0], msg.OPEN_INTEREST])
        raise ValueError(
            f"clearing of {opened.day}: contract {chain.contracts[short[0]].code}: open interest "
            f"{shown} at the close is less than what was netted; was the feed cut?"
        )
    _observe(opened, rows.tolist(), closes, prices)
    _model(opened, closes, prices)
    counts = np.bincount(prices[:, msg.STEP], minlength=7)[1:7]
    return prices, tuple(int(number) for number in counts)


def _observe(
    opened: msg.ClearingOpen, rows: list[list[int]], closes: tuple[Ticks, ...], prices: Table
) -> None:
    """Steps 1 to 4 and 6 of every contract; leaves STEP 0 where the model must speak."""
    span = waterfall.window(opened.rulebook.readings["A28"])
    for klass, close in zip(opened.chain.classes, closes, strict=True):
        for slot in range(klass.start, klass.stop):
            contract = opened.chain.contracts[slot]
            row = rows[slot]
            closing = waterfall.Closing(
                row[msg.AUCTION_PRICE],
                row[msg.LAST_PRICE],
                day_nanos(row[msg.LAST_AT]),
                row[msg.BEST_BID],
                row[msg.BEST_ASK],
            )
            last_day = contract.last_day == opened.day
            settle, step = waterfall.observed(
                contract, closing, close, last_day, span, opened.one_sided_step_2
            )
            prices[slot, msg.CLOSE_PRICE] = waterfall.close_price(closing, contract.previous_close)
            prices[slot, msg.SETTLE_PRICE] = settle
            prices[slot, msg.STEP] = step


def _model(opened: msg.ClearingOpen, closes: tuple[Ticks, ...], prices: Table) -> None:
    """Step 5, expiry by expiry, for the contracts that are still without a price."""
    for klass, close in zip(opened.chain.classes, closes, strict=True):
        by_expiry: dict[int, list[int]] = {}
        for slot in range(klass.start, klass.stop):
            by_expiry.setdefault(opened.chain.contracts[slot].last_day, []).append(slot)
        for last_day, slots in by_expiry.items():
            if last_day == opened.day or all(int(prices[slot, msg.STEP]) for slot in slots):
                continue
            contracts = tuple(opened.chain.contracts[slot] for slot in slots)
            settles = tuple(int(prices[slot, msg.SETTLE_PRICE]) for slot in slots)
            full = waterfall.modelled(_expiry(opened, contracts, settles, close))
            for slot, settle in zip(slots, full, strict=True):
                if not prices[slot, msg.STEP]:
                    prices[slot, msg.SETTLE_PRICE] = settle
                    prices[slot, msg.STEP] = waterfall.MODEL


def _expiry(
    opened: msg.ClearingOpen,
    contracts: tuple[Contract, ...],
    settles: tuple[Ticks, ...],
    close: Ticks,
) -> waterfall.Expiry:
    last_day = contracts[0].last_day
    at = midnight(opened.day) + 15 * HOUR
    tau = years.variance_years(opened.rulebook.calendar, years.TRADING_TIME, last_day, at)
    calendar_days = day_number(last_day) - day_number(opened.day)
    rate = opened.money_rate_ppm / 1_000_000
    discount = float(elementary.exp(-rate * calendar_days / 365.0))
    return waterfall.Expiry(contracts, settles, close, tau, discount)


def money_of(
    opened: msg.ClearingOpen,
    index: int,
    book: positions.Book,
    fees: tuple[Money, Money],
    settles: Table,
    margin: Money,
    extra: tuple[Money, Money, Money] = (0, 0, 0),
) -> list[msg.CashStatement | msg.MarginCall]:
    """The cash statement of an account and, when its free cash is negative, the call for it.

    `fees` is (handling, settlement), `extra` (exercise fee, delivery, penalty), all in the book's
    cash; settles are int64[slots], `margin` is the maintenance margin of what is left. The account
    must make a deficit good before 11:30 of the next trading day (rules.md 3.5).
    """
    account = opened.accounts[index]
    handling, settlement = fees
    free = book.cash - margin
    exercise_fee, delivery, penalty = extra
    paid = handling + settlement + exercise_fee + penalty
    premium = book.cash - book.opening_cash + paid - delivery
    worth = pnl.equity(book, units(opened.chain), settles)
    statement = msg.CashStatement(
        account.name,
        book.opening_cash,
        premium,
        handling,
        settlement,
        book.cash,
        margin,
        free,
        worth,
        exercise_fee,
        delivery,
        penalty,
    )
    if free >= 0:
        return [statement]
    deadline = midnight(next_day(opened.rulebook, opened.day)) + 11 * HOUR + 30 * MINUTE
    return [statement, msg.MarginCall(account.name, -free, deadline)]


def units(chain: Chain) -> Table:
    """Fund units per contract, int64[slots]."""
    return np.array([contract.unit for contract in chain.contracts], dtype=np.int64)


def next_day(book: Rulebook, day: int) -> int:
    """The next trading day of the rulebook's calendar."""
    return calendar.next_trading(book.calendar, day)
