"""The repeating group of an MD301 snapshot: entries of tokens to columns of a row."""

from quanheng.kernels.jit import kernel
from quanheng.terms.market import (
    ASK,
    ASK_QTY,
    AUCTION_PRICE,
    AUCTION_QTY,
    BID,
    BID_QTY,
    HIGH,
    LAST,
    LEVELS,
    LOW,
    OPEN,
    OPEN_INTEREST,
)
from quanheng.wire.md301_kernels import BAD_FIELD, BAD_GROUP, Bytes, Rows, byte_at

TAG, START, STOP, VALUE, DECIMALS = range(5)
"""Columns of the token table: one row per field of a message."""
TOKEN = 5
_Z = 122


@kernel
def ticks_of(value: int, decimals: int) -> int:
    """Ticks of a decimal; -1 when it is not a whole number of them."""
    while decimals < 4:
        value *= 10
        decimals += 1
    while decimals > 4:
        if value % 10 != 0:
            return -1
        value //= 10
        decimals -= 1
    return value


@kernel
def _column_of(kind: int, level: int, price: bool) -> int:
    """Column of an entry's price (270) or size (271), -1 when the entry has none."""
    if kind == 48 and 0 <= level < LEVELS:
        return (BID if price else BID_QTY) + level
    if kind == 49 and 0 <= level < LEVELS:
        return (ASK if price else ASK_QTY) + level
    if kind == 120:
        return AUCTION_PRICE if price else AUCTION_QTY
    if kind == _Z and not price:
        return OPEN_INTEREST
    if not price:
        return -1
    if kind == 50:
        return LAST
    if kind == 52:
        return OPEN
    if kind == 55:
        return HIGH
    return LOW if kind == 56 else -1


@kernel
def _known_entry(first: int, second: int, length: int) -> int:
    """Entry type as a number: its character, z for z2, 0 for types without a column."""
    if length == 1 and (first in (48, 49, 50, 52, 55, 56, 120)):
        return first
    return _Z if length == 2 and first == _Z and second == 50 else 0


@kernel
def _store_entry(row: Rows, kind: int, level: int, pending: int, price: int, size: int) -> bool:
    """Put a finished group entry into the row. False when it makes no sense."""
    if pending & 1:
        column = _column_of(kind, level, True)
        if column < 0:
            return False
        row[column] = price
    if pending & 2:
        column = _column_of(kind, level, False)
        if column < 0:
            return False
        row[column] = size
    return True


@kernel
def read_group(data: Bytes, tokens: Rows, count: int, row: Rows) -> int:
    """Read the group's fields into the row. Returns the number of entries, or why the message is
    quarantined.
    """
    entries = 0
    kind, level = 0, -1
    pending = 0  # 1 price, 2 size: read before the level, which decides the column
    price = size = 0
    for index in range(count + 1):
        tag = tokens[index, TAG] if index < count else 269
        if tag == 269:
            if kind > 0 and not _store_entry(row, kind, level, pending, price, size):
                return BAD_GROUP
            if index == count:
                break
            start = tokens[index, START]
            length = tokens[index, STOP] - start
            kind = _known_entry(byte_at(data, start), byte_at(data, start + 1), length)
            level, pending = -1, 0
            entries += 1
        elif tag == 270 or tag == 271 or tag == 290:
            value = tokens[index, VALUE]
            decimals = tokens[index, DECIMALS]
            if entries == 0:
                return BAD_GROUP
            if value < 0 or (tag != 270 and decimals > 0) or decimals > 5:
                return BAD_FIELD
            if tag == 270:
                price = ticks_of(value, decimals)
                pending |= 1
                if price < 0:
                    return BAD_FIELD
            elif tag == 271:
                size = value
                pending |= 2
            else:
                level = value
    return entries
