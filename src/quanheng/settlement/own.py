"""Our own account of a day: what the maker opened with, was reported, and ended with.

It comes from the maker's journal alone (compose/settle_own.py); no file of the exchange is in it.
"""

import msgspec
import numpy as np

from quanheng.books.combinations import Combination
from quanheng.books.positions import Book, Closed
from quanheng.rulebook.model import Rulebook
from quanheng.terms.business import CombinationDone
from quanheng.terms.contract import Chain
from quanheng.terms.orders import Trade
from quanheng.terms.units import Lots, Money, Ticks

Side = tuple[str, str, bool]


class Granted(msgspec.Struct, frozen=True, array_like=True):
    """Position limits in force for an underlying, in contracts (rules.md 4)."""

    underlying: str
    long: Lots
    total: Lots
    daily_buy_open: Lots


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """`before` is the maker's book at the end, `book` the same after our own netting, `offset` what
    that netting took; `limits` are those in force at the end, `estimate` the fees the maker had
    estimated, `ordered` exercise orders that stand, by contract; `units` by underlying at the open
    and of its hedges since, `locked` of them at the end; `combinations` as the maker holds them,
    those that end today left out, which are `ended`; `closes` the last prices of the underlyings
    that were seen.
    """

    chain: Chain
    rulebook: Rulebook
    name: str
    account: str
    pbu: str
    opening_cash: Money
    opening: dict[Side, Lots]
    opening_combinations: dict[str, tuple[str, Lots]]
    fills: tuple[Trade, ...]
    built: tuple[CombinationDone, ...]
    before: Book
    book: Book
    limits: tuple[Granted, ...]
    offset: tuple[Closed, ...]
    combinations: dict[str, Combination]
    ended: dict[str, Combination]
    estimate: Money
    ordered: dict[str, Lots]
    units: dict[str, Lots]
    locked: dict[str, Lots]
    closes: dict[str, Ticks]
    inputs: int = 0

    def positions(self) -> dict[Side, Lots]:
        """What is held after netting."""
        return held_of(self.chain, self.book)


def held_of(chain: Chain, book: Book) -> dict[Side, Lots]:
    """Positions of a book that are not flat."""
    found: dict[Side, Lots] = {}
    columns = ((book.long_qty, "L", False), (book.short_qty, "S", False),
               (book.covered_qty, "S", True))  # fmt: skip
    for slot in np.flatnonzero(book.long_qty + book.short_qty + book.covered_qty).tolist():
        code = chain.contracts[slot].code
        for column, side, covered in columns:
            if column[slot]:
                found[code, side, covered] = int(column[slot])
    return found
