"""Profit of a book: realised by the fold, unrealised against marks."""

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.books.positions import Book
from quanheng.terms.units import Money

Column = npt.NDArray[np.int64]


class Profit(msgspec.Struct, frozen=True, array_like=True):
    """Profit of a book in Money; `total` = realised + unrealised - fees."""

    realised: Money
    unrealised: Money
    fees: Money
    total: Money


def unrealised(book: Book, units: Column, marks: Column) -> Column:
    """Money int64[slots]: value at the marks (Ticks) less the premium behind the open contracts."""
    value = (book.long_qty - book.short_qty - book.covered_qty) * marks * units
    result: Column = value - book.long_cost + book.short_cost + book.covered_cost
    return result


def mark(book: Book, units: Column, marks: Column) -> Money:
    """Unrealised profit of the whole book at the marks; contracts without position weigh
    nothing.
    """
    return int(unrealised(book, units, marks).sum())


def profit(book: Book, units: Column, marks: Column) -> Profit:
    """The book's profit since its opening, at the marks (Ticks int64[slots])."""
    realised = int(book.realised.sum())
    open_part = mark(book, units, marks)
    return Profit(realised, open_part, book.fees, realised + open_part - book.fees)


def equity(book: Book, units: Column, marks: Column) -> Money:
    """Cash and the value of the positions at the marks: what the account is worth."""
    net = book.long_qty - book.short_qty - book.covered_qty
    return book.cash + int((net * marks * units).sum())
