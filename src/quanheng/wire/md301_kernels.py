"""Batch kernels of the MD301 stream: int64 rows to STEP 35=W messages and back.

The readers and writers know tags and digits only; what rows mean is in `quanheng.terms.market`.
Every loop is bounded by the bytes or rows given.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel
from quanheng.terms.market import (
    ASK,
    ASK_QTY,
    AUCTION_PRICE,
    AUCTION_QTY,
    BID,
    BID_QTY,
    COLUMNS,
    FLAGS,
    HIGH,
    LAST,
    LEVELS,
    LOW,
    OPEN,
    OPEN_INTEREST,
    PHASE,
    SLOT,
    TURNOVER,
    VOLUME,
)

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]

LARGEST = 10**15
"""Values of a row must lie below this (16 digits of N16 and a margin for the scale)."""
ROW_BYTES = 1400
"""No message of one row is longer."""
MESSAGE_LIMIT = 8192
FIELD_LIMIT = 1024
"""No message may have more fields."""

# Columns of the meta table the scanner fills, one row per message.
KIND, OFFSET, SEQ, CLOCK, DATE, KLASS, IMAGE, COUNT, MARKET = range(9)
ANNOUNCED = 9  # entries of the group
META = 10
ROW_MESSAGE, GROUP_MESSAGE, OTHER_MESSAGE = 1, 2, 3
# Negative kinds are quarantined messages.
GARBAGE, BAD_LENGTH, BAD_CHECKSUM, BAD_FIELD, UNKNOWN_CODE, MISSING_FIELD, BAD_GROUP = range(
    -1, -8, -1
)

SOH, DOT, EQUALS, ZERO = 1, 46, 61, 48
LETTERS = np.frombuffer(b"SCTBVPUE", dtype=np.uint8)  # PHASE_LETTERS
BEGIN = np.frombuffer(b"8=FIXT.1.1\x019=", dtype=np.uint8)
BEGIN_SIZE = 13


@kernel
def byte_at(data: Bytes, at: int) -> int:
    """One byte as a signed integer, safe to subtract from."""
    return np.int64(data[at])  # type: ignore[return-value]


@kernel
def _put(out: Bytes, at: int, value: int) -> int:
    """Write a non-negative integer; returns the position after it."""
    if value < 10:
        out[at] = ZERO + value
        return at + 1
    digits = 2
    bound = 100
    while digits < 18 and value >= bound:
        digits += 1
        bound *= 10
    rest = np.uint64(value)
    for place in range(at + digits - 1, at - 1, -1):
        quotient = rest // np.uint64(10)
        out[place] = np.uint64(ZERO) + rest - quotient * np.uint64(10)
        rest = quotient
    return at + digits


@kernel
def _put_tag(out: Bytes, at: int, first: int, second: int, third: int) -> int:
    """Three digits of a tag and the equals sign."""
    out[at] = first
    out[at + 1] = second
    out[at + 2] = third
    out[at + 3] = EQUALS
    return at + 4


@kernel
def _put_end(out: Bytes, at: int, value: int) -> int:
    """An integer value and its delimiter."""
    at = _put(out, at, value)
    out[at] = SOH
    return at + 1


@kernel
def _put_entry(out: Bytes, at: int, kind: int) -> int:
    """269=<kind>, one character, with its delimiter."""
    at = _put_tag(out, at, 50, 54, 57)
    out[at] = kind
    out[at + 1] = SOH
    return at + 2


@kernel
def _put_price(out: Bytes, at: int, ticks: int) -> int:
    """270=<price> with five decimals, the last of them 0."""
    at = _put_tag(out, at, 50, 55, 48)
    whole = np.uint64(ticks) // np.uint64(10_000)
    part = np.uint64(ticks) - whole * np.uint64(10_000)
    at = _put(out, at, ticks // 10_000)
    high = part // np.uint64(100)
    low = part - high * np.uint64(100)
    zero, ten = np.uint64(ZERO), np.uint64(10)
    out[at] = DOT
    out[at + 1] = zero + high // ten
    out[at + 2] = zero + high % ten
    out[at + 3] = zero + low // ten
    out[at + 4] = zero + low % ten
    out[at + 5] = ZERO
    out[at + 6] = SOH
    return at + 7


@kernel
def _put_size(out: Bytes, at: int, value: int) -> int:
    """271=<size>."""
    return _put_end(out, _put_tag(out, at, 50, 55, 49), value)


@kernel
def _put_levels(out: Bytes, at: int, row: Rows, price: int, qty: int, kind: int) -> int:
    for level in range(LEVELS):
        if row[price + level] != 0 or row[qty + level] != 0:
            at = _put_entry(out, at, kind)
            at = _put_price(out, at, row[price + level])
            at = _put_size(out, at, row[qty + level])
            at = _put_tag(out, at, 50, 57, 48)
            out[at] = ZERO + level
            out[at + 1] = SOH
            at += 2
    return at


@kernel
def _count_entries(row: Rows) -> int:
    count = 0
    for column in (LAST, OPEN, HIGH, LOW, OPEN_INTEREST):
        count += 1 if row[column] != 0 else 0
    count += 1 if row[AUCTION_PRICE] != 0 or row[AUCTION_QTY] != 0 else 0
    for level in range(LEVELS):
        count += 1 if row[BID + level] != 0 or row[BID_QTY + level] != 0 else 0
        count += 1 if row[ASK + level] != 0 or row[ASK_QTY + level] != 0 else 0
    return count


@kernel
def _put_row(out: Bytes, at: int, row: Rows) -> int:
    """Everything of a message that depends on the row."""
    at = _put_end(out, _put_tag(out, at, 51, 56, 55), row[VOLUME])  # 387
    out[at] = 56  # 8504
    at = _put_tag(out, at + 1, 53, 48, 52)
    at = _put(out, at, row[TURNOVER] // 10_000)
    cents = row[TURNOVER] % 10_000 // 100
    out[at] = DOT
    out[at + 1] = ZERO + cents // 10
    out[at + 2] = ZERO + cents % 10
    out[at + 3] = SOH
    at = _put_end(out, _put_tag(out, at + 4, 50, 54, 56), _count_entries(row))  # 268
    at = _put_levels(out, at, row, BID, BID_QTY, 48)
    at = _put_levels(out, at, row, ASK, ASK_QTY, 49)
    for kind, column in ((50, LAST), (52, OPEN), (55, HIGH), (56, LOW)):
        if row[column] != 0:
            at = _put_price(out, _put_entry(out, at, kind), row[column])
    if row[AUCTION_PRICE] != 0 or row[AUCTION_QTY] != 0:
        at = _put_price(out, _put_entry(out, at, 120), row[AUCTION_PRICE])
        at = _put_size(out, at, row[AUCTION_QTY])
    if row[OPEN_INTEREST] != 0:
        at = _put_tag(out, at, 50, 54, 57)
        out[at] = 122  # z2
        out[at + 1] = 50
        out[at + 2] = SOH
        at = _put_size(out, at + 3, row[OPEN_INTEREST])
    return _put_tail(out, at, row)


@kernel
def _put_tail(out: Bytes, at: int, row: Rows) -> int:
    """8538 TradingPhaseCode and the private 20004."""
    out[at] = 56
    at = _put_tag(out, at + 1, 53, 51, 56)
    out[at] = LETTERS[row[PHASE]]
    out[at + 1] = 32
    out[at + 2] = ZERO + (row[FLAGS] & 7)
    out[at + 3] = ZERO + (row[FLAGS] >> 3)
    out[at + 4] = SOH
    at += 5
    if row[TURNOVER] % 100 != 0:
        out[at] = 50
        out[at + 1] = 48
        at = _put_tag(out, at + 2, 48, 48, 52)
        at = _put_end(out, at, row[TURNOVER] % 100)
    return at


@kernel
def _check_row(row: Rows, slots: int) -> int:
    """-1 when the row can be carried, else the first column that cannot."""
    for column in range(COLUMNS):
        if row[column] < 0 or row[column] >= LARGEST:
            return column
    if row[SLOT] >= slots:
        return SLOT
    if row[PHASE] > 7:
        return PHASE
    return FLAGS if row[FLAGS] > 15 else -1


@kernel
def _copy(out: Bytes, at: int, source: Bytes, start: int, stop: int) -> int:
    size = stop - start
    target, origin = out[at : at + size], source[start:stop]
    for index in range(size):
        target[index] = origin[index]
    return at + size


@kernel
def byte_sum(data: Bytes) -> int:
    """Sum of all bytes modulo 256."""
    total = np.uint32(0)
    for value in data:
        total += np.uint32(value)
    return np.int64(total & np.uint32(255))  # type: ignore[return-value]


@kernel
def encode_rows(
    rows: Rows,
    head: Bytes,
    middle: Bytes,
    names: Bytes,
    offsets: Rows,
    seq: int,
    out: Bytes,
) -> int:
    """Write one message per row into `out` (ROW_BYTES per row). Returns the bytes written, or
    -1 - (row x COLUMNS + column) for the first value that cannot be carried.

    `head` is the body up to 34=, `middle` from 52 to 1500, `names[offsets[s]:offsets[s+1]]` what
    is constant of slot s (48, 55, 140, 8503).
    """
    at = 0
    for number in range(rows.shape[0]):
        row = rows[number]
        bad = _check_row(row, offsets.size - 1)
        if bad >= 0:
            return -1 - (number * COLUMNS + bad)
        start = at
        at = _copy(out, at, BEGIN, 0, BEGIN_SIZE)
        body = at + 5  # four digits of length and SOH; three digits move the body by one
        end = _copy(out, body, head, 0, head.size)
        end = _put(out, end, seq + number)
        out[end] = SOH
        end = _copy(out, end + 1, middle, 0, middle.size)
        end = _copy(out, end, names, offsets[row[SLOT]], offsets[row[SLOT] + 1])
        end = _put_row(out, end, row)
        size = end - body
        at = _put(out, at, size)
        out[at] = SOH
        at += 1
        if at != body:
            _copy(out, at, out, body, end)
        at += size
        total = byte_sum(out[start:at])
        out[at] = 49  # 10=
        out[at + 1] = ZERO
        out[at + 2] = EQUALS
        out[at + 3] = ZERO + total // 100
        out[at + 4] = ZERO + total // 10 % 10
        out[at + 5] = ZERO + total % 10
        out[at + 6] = SOH
        at += 7
    return at
