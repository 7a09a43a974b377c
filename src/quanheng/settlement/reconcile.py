"""Day-end reconciliation: the firm's own book against what clearing says (附件2: 每日核对)."""

from enum import StrEnum

import msgspec
import numpy as np

from quanheng.books.positions import Book
from quanheng.terms.contract import Chain
from quanheng.terms.units import Lots, Money


class Item(StrEnum):
    """What is compared."""

    LONG = "long"
    SHORT = "short"
    COVERED = "covered"
    CASH = "cash"
    FEES = "fees"


class Difference(msgspec.Struct, frozen=True, array_like=True):
    """One disagreement; `code` is the contract, empty for money."""

    item: Item
    code: str
    ours: int
    theirs: int


def differences(
    chain: Chain,
    book: Book,
    rows: list[tuple[int, Lots, Lots, Lots]],
    cash: Money,
    fees: Money,
) -> tuple[Difference, ...]:
    """Every disagreement between the own book, netted already, and clearing's rows and money.

    rows: (slot, long, short, covered), slots without position may be missing. The result is ordered
    by slot, money last; empty means that both sides agree exactly.
    """
    theirs = np.zeros((len(chain.contracts), 3), dtype=np.int64)
    for slot, long, short, covered in rows:
        theirs[slot] = (long, short, covered)
    ours = np.stack((book.long_qty, book.short_qty, book.covered_qty), axis=1)
    found: list[Difference] = []
    items = (Item.LONG, Item.SHORT, Item.COVERED)
    for slot, column in np.argwhere(ours != theirs).tolist():
        mine, other = int(ours[slot, column]), int(theirs[slot, column])
        found.append(Difference(items[column], chain.contracts[slot].code, mine, other))
    if book.cash != cash:
        found.append(Difference(Item.CASH, "", book.cash, cash))
    if book.fees != fees:
        found.append(Difference(Item.FEES, "", book.fees, fees))
    return tuple(found)
