"""Margin tied up by a book: every short that is not covered, one contract at a time (rules.md 3.1).

Margin per contract is rounded to 0.01 yuan before it is multiplied (borders.md 1, `money.round`),
so a total is an exact integer product.
"""

import numpy as np
import numpy.typing as npt

from quanheng.books.positions import Book
from quanheng.rulebook import margin
from quanheng.rulebook.model import Rulebook
from quanheng.terms.contract import Chain
from quanheng.terms.units import Money

Column = npt.NDArray[np.int64]


def total(book: Book, margin_per_contract: Column) -> Money:
    """Money held for the account's short contracts; long and covered ones need none."""
    return int((book.short_qty * margin_per_contract).sum())


def of_class(book: Book, margin_per_contract: Column, start: int, stop: int) -> Money:
    """`total` of the slots [start, stop)."""
    part = slice(start, stop)
    return int((book.short_qty[part] * margin_per_contract[part]).sum())


def opening(chain: Chain) -> Column:
    """Opening margin per contract of the day, Money int64[slots], as the reference file has it."""
    return np.array([contract.margin_unit for contract in chain.contracts], dtype=np.int64)


def maintenance(chain: Chain, book: Rulebook, settles: Column, closes: tuple[int, ...]) -> Column:
    """Maintenance margin per contract, Money int64[slots], from today's settlement prices and the
    underlyings' closes (Ticks, by class). ValueError when a class has no close.
    """
    if len(closes) != len(chain.classes):
        raise ValueError(f"{len(closes)} underlying closes for {len(chain.classes)} classes")
    result = np.zeros(len(chain.contracts), dtype=np.int64)
    for klass, close in zip(chain.classes, closes, strict=True):
        for slot in range(klass.start, klass.stop):
            contract = chain.contracts[slot]
            result[slot] = margin.maintenance(
                book,
                contract.underlying_type,
                contract.kind,
                contract.strike,
                int(settles[slot]),
                close,
                contract.unit,
            )
    return result


MOST_PPM = 1_000_000_000
"""Where a ratio has no value: without equity, or without margin."""


def coverage_ppm(used: Money, equity: Money) -> int:
    """Equity over margin in millionths, the inverse reading of rules.md 3.5 (I-32): low is bad;
    0 when equity is not positive, MOST_PPM when no margin is due.
    """
    if used == 0:
        return MOST_PPM
    return max(0, min(equity * 1_000_000 // used, MOST_PPM))


def usage_ppm(used: Money, equity: Money) -> int:
    """Margin over equity in millionths, the risk degree of rules.md 3.5; MOST_PPM when equity is
    not positive while margin is due.
    """
    if used == 0:
        return 0
    return MOST_PPM if equity <= 0 else min(used * 1_000_000 // equity, MOST_PPM)
