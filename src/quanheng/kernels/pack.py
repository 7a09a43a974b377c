"""Compact, exact bytes for integer tables: zigzag varints, row by row.

Market-data rows are mostly small integers (a price below 2^14 ticks takes two bytes), so a
32-column row takes about 50 bytes instead of 256. The format is: every int64 in row-major order
as a LEB128 varint of its zigzag form. The number of columns is known to the reader.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel

Table = npt.NDArray[np.int64]


@kernel
def _encode(values: Table, out: npt.NDArray[np.uint8]) -> int:
    at = 0
    for value in values:
        word = np.uint64((value << 1) ^ (value >> 63))
        while word >= np.uint64(128):
            out[at] = np.uint8((word & np.uint64(127)) | np.uint64(128))
            word >>= np.uint64(7)
            at += 1
        out[at] = np.uint8(word)
        at += 1
    return at


@kernel
def _decode(data: npt.NDArray[np.uint8], out: Table) -> int:
    """Fill `out`; returns the count of values, -1 for a truncated or oversized varint, -2 if
    out is full.
    """
    count = 0
    word = np.uint64(0)
    shift = np.uint64(0)
    open_varint = False
    for byte in data:
        if shift > np.uint64(63):
            return -1
        word |= np.uint64(byte & np.uint8(127)) << shift
        open_varint = byte >= np.uint8(128)
        if open_varint:
            shift += np.uint64(7)
            continue
        if count >= out.size:
            return -2
        out[count] = np.int64(word >> np.uint64(1)) ^ -np.int64(word & np.uint64(1))
        count += 1
        word = np.uint64(0)
        shift = np.uint64(0)
    return -1 if open_varint else count


def pack(table: Table) -> bytes:
    """Bytes of an int64 table of any shape, row-major."""
    flat = np.ascontiguousarray(table, dtype=np.int64).reshape(-1)
    out = np.empty(flat.size * 10, dtype=np.uint8)
    return out[: _encode(flat, out)].tobytes()


def unpack(data: bytes, columns: int) -> Table:
    """The int64[n, columns] table of `pack`. ValueError when the bytes are not such a table."""
    raw = np.frombuffer(data, dtype=np.uint8)
    flat = np.empty(raw.size, dtype=np.int64)
    count = _decode(raw, flat)
    if count < 0 or count % columns:
        raise ValueError(f"{len(data)} bytes are not whole rows of {columns} packed integers")
    return flat[:count].reshape(-1, columns)
