"""Positions and cash of one account, folded trade by trade (rules.md 2.7).

Three buckets per contract: long (权利仓), short (义务仓) and covered short (备兑). Each keeps its
quantity and the premium that stands behind it (`*_cost`, Money), so that the average cost is exact:
closing q of Q contracts takes `half_up(cost x q / Q)` out of the bucket and the remainder
stays, and the identity of `check_identity` holds to the last 0.0001 yuan after every trade.
"""

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.terms.codes import Effect, Side
from quanheng.terms.units import Lots, Money, Slot, Ticks, half_up

Column = npt.NDArray[np.int64]


class Book(msgspec.Struct):
    """Positions by slot (int64 arrays of one length) and the cash of one account."""

    opening_cash: Money
    opening_cost: Money  # premium behind the opening positions, long less short
    cash: Money
    fees: Money  # paid today, already taken out of cash
    long_qty: np.ndarray
    short_qty: np.ndarray  # not covered
    covered_qty: np.ndarray
    long_cost: np.ndarray  # Money paid for the open long contracts
    short_cost: np.ndarray  # Money received for the open short contracts
    covered_cost: np.ndarray
    realised: np.ndarray  # Money per slot, before fees
    bought_open_today: np.ndarray  # buy-open fills; closing gives nothing back (rules.md 4)
    traded_today: np.ndarray  # contracts traded on either side
    fee_paid: np.ndarray  # Money per slot; sums to `fees`


class Closed(msgspec.Struct, frozen=True, array_like=True):
    """Long contracts of one slot netted against its shorts at day end."""

    slot: Slot
    short: Lots
    covered: Lots


def open_book(slots: int, cash: Money = 0) -> Book:
    """An account without positions in a chain of `slots` contracts."""
    columns = [np.zeros(slots, dtype=np.int64) for _ in range(10)]
    return Book(cash, 0, cash, 0, *columns)


def load(
    book: Book, slot: Slot, long: Lots, short: Lots, covered: Lots, price: Ticks, unit: int
) -> None:
    """Bring a position in from yesterday, valued at `price` (the previous settlement).

    Only before the first trade of the day. ValueError names a negative quantity.
    """
    if long < 0 or short < 0 or covered < 0:
        raise ValueError(f"slot {slot}: opening position {long}/{short}/{covered} is negative")
    book.opening_cost += price * unit * (long - short - covered) - int(
        book.long_cost[slot] - book.short_cost[slot] - book.covered_cost[slot]
    )
    book.long_qty[slot], book.long_cost[slot] = long, price * unit * long
    book.short_qty[slot], book.short_cost[slot] = short, price * unit * short
    book.covered_qty[slot], book.covered_cost[slot] = covered, price * unit * covered


def apply_trade(
    book: Book,
    slot: Slot,
    side: Side,
    effect: Effect,
    covered: bool,
    qty: Lots,
    price: Ticks,
    unit: int,
    fee: Money,
) -> None:
    """Fold one fill of the account into its book; O(1).

    `unit` is the contract's fund units, `fee` the Money charged for this fill (never negative
    income: a rebate is a negative fee). ValueError names a close beyond the position, which the
    exchange would have refused, and a covered flag on a long.
    """
    if qty <= 0:
        raise ValueError(f"slot {slot}: a trade of {qty} contracts")
    amount = price * unit * qty
    book.traded_today[slot] += qty
    book.fees += fee
    book.fee_paid[slot] += fee
    if side == Side.BUY:
        book.cash -= amount + fee
        if effect == Effect.OPEN:
            if covered:
                raise ValueError(f"slot {slot}: only a short can be covered")
            book.long_qty[slot] += qty
            book.long_cost[slot] += amount
            book.bought_open_today[slot] += qty
        elif covered:
            taken = _take(book.covered_qty, book.covered_cost, slot, qty, "covered short")
            book.realised[slot] += taken - amount
        else:
            taken = _take(book.short_qty, book.short_cost, slot, qty, "short")
            book.realised[slot] += taken - amount
        return
    book.cash += amount - fee
    if effect == Effect.CLOSE:
        taken = _take(book.long_qty, book.long_cost, slot, qty, "long")
        book.realised[slot] += amount - taken
    elif covered:
        book.covered_qty[slot] += qty
        book.covered_cost[slot] += amount
    else:
        book.short_qty[slot] += qty
        book.short_cost[slot] += amount


def _take(held: Column, cost: Column, slot: Slot, qty: Lots, bucket: str) -> Money:
    """Remove qty contracts from a bucket at average cost; the Money that stood behind them."""
    have = int(held[slot])
    if qty > have:
        raise ValueError(f"slot {slot}: closing {qty} of {have} {bucket} contracts")
    behind = int(cost[slot])
    share = behind if qty == have else half_up(behind * qty, have)
    held[slot] = have - qty
    cost[slot] = behind - share
    return share


def net(book: Book, slot: Slot) -> Lots:
    """Long less both kinds of short."""
    return int(book.long_qty[slot] - book.short_qty[slot] - book.covered_qty[slot])


def nets(book: Book) -> Column:
    """`net` of every slot, int64[slots]."""
    result: Column = book.long_qty - book.short_qty - book.covered_qty
    return result


def closable(book: Book, slot: Slot, side: Side, covered: bool = False) -> Lots:
    """Contracts an order on `side` could close: a sale closes longs, a purchase closes shorts."""
    if side == Side.SELL:
        return int(book.long_qty[slot])
    return int(book.covered_qty[slot] if covered else book.short_qty[slot])


def counts(book: Book, start: Slot, stop: Slot) -> tuple[Lots, Lots, Lots]:
    """(long, total, bought open today) of the class in [start, stop): the three counts of the
    position limits, gross until day-end netting (rules.md 4).
    """
    part = slice(start, stop)
    long = int(book.long_qty[part].sum())
    short = int(book.short_qty[part].sum()) + int(book.covered_qty[part].sum())
    return long, long + short, int(book.bought_open_today[part].sum())


def net_at_close(book: Book, tied: tuple[Column, Column] | None = None) -> tuple[Closed, ...]:
    """Day-end netting: long against short, not covered first, then covered (rules.md 2.7).

    `tied` (long, short) contracts stand in combinations and are left alone. No cash moves; the
    premium difference of the netted contracts becomes realised. Returns what was netted, by slot.
    """
    none = np.zeros(len(book.long_qty), dtype=np.int64)
    tied_long, tied_short = tied or (none, none)
    longs, plains = book.long_qty - tied_long, book.short_qty - tied_short
    both = np.flatnonzero(np.minimum(longs, plains + book.covered_qty) > 0)
    closed: list[Closed] = []
    for slot in both.tolist():
        plain = int(min(longs[slot], plains[slot]))
        covered = int(min(longs[slot] - plain, book.covered_qty[slot]))
        if plain:
            received = _take(book.short_qty, book.short_cost, slot, plain, "short")
            paid = _take(book.long_qty, book.long_cost, slot, plain, "long")
            book.realised[slot] += received - paid
        if covered:
            received = _take(book.covered_qty, book.covered_cost, slot, covered, "covered short")
            paid = _take(book.long_qty, book.long_cost, slot, covered, "long")
            book.realised[slot] += received - paid
        closed.append(Closed(slot, plain, covered))
    return tuple(closed)


def check_identity(book: Book) -> Money:
    """What the book's money identity misses by: 0 always.

    cash + fees + cost of longs - premium of shorts - realised = opening cash + opening cost.
    """
    behind = int(book.long_cost.sum() - book.short_cost.sum() - book.covered_cost.sum())
    left = book.cash + book.fees + behind - int(book.realised.sum())
    return left - book.opening_cash - book.opening_cost
