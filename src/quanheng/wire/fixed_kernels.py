"""Kernels for fixed-width records: many lines of one layout to an integer table and back.

A field table has one row per field with the columns AT, WIDTH, DECIMALS, COLUMN: where the field
stands, and which column of the table holds it (-1: not a number of the table, only its delimiter
is checked).
"""

from quanheng.kernels.jit import kernel
from quanheng.wire.md301_kernels import Bytes, Rows, byte_at

AT, WIDTH, DECIMALS, COLUMN = range(4)
FIELD = 4
_SPACE, _ZERO, _NINE, _DOT, _BAR = 32, 48, 57, 46, 124
MALFORMED = -1


@kernel
def _number(data: Bytes, start: int, width: int, decimals: int) -> int:
    """The number in a field in units of its last decimal; 0 when blank, MALFORMED otherwise."""
    stop = start + width
    at = start
    while at < stop and data[at] == _SPACE:
        at += 1
    if at == stop:
        return 0
    point = stop - decimals - 1 if decimals > 0 else -1
    if at == point:
        return MALFORMED
    value = 0
    nines = at == start
    for place in range(at, stop):
        digit = byte_at(data, place)
        if place == point:
            if digit != _DOT:
                return MALFORMED
            continue
        if digit < _ZERO or digit > _NINE:
            return MALFORMED
        nines = nines and digit == _NINE
        value = value * 10 + (digit - _ZERO)
    return MALFORMED if nines and width > 1 else value


@kernel
def read_lines(data: Bytes, starts: Rows, fields: Rows, out: Rows, bad: Rows) -> None:
    """Numbers of lines beginning at `starts`; bad[i] is 0 or the number of the first wrong field
    plus one. The caller guarantees that every line is long enough.
    """
    for line in range(starts.size):
        bad[line] = 0
        for index in range(fields.shape[0]):
            at = starts[line] + fields[index, AT]
            stop = at + fields[index, WIDTH]
            value = 0
            if fields[index, COLUMN] >= 0:
                value = _number(data, at, fields[index, WIDTH], fields[index, DECIMALS])
            last = index + 1 == fields.shape[0]
            if value == MALFORMED or (not last and data[stop] != _BAR):
                bad[line] = index + 1
                break
            if fields[index, COLUMN] >= 0:
                out[line, fields[index, COLUMN]] = value


@kernel
def write_lines(values: Rows, fields: Rows, lines: Bytes) -> int:
    """Write numbers into uint8[n, length] lines; 0 is written as blanks (no data).

    A number too large for its field is written as all nines. Returns 0, or 1 + the line of the
    first negative value.
    """
    for line in range(values.shape[0]):
        for index in range(fields.shape[0]):
            if fields[index, COLUMN] < 0:
                continue
            value = values[line, fields[index, COLUMN]]
            if value < 0:
                return 1 + line
            first = fields[index, AT]
            at = first + fields[index, WIDTH] - 1
            point = at - fields[index, DECIMALS] if fields[index, DECIMALS] > 0 else -1
            blank = value == 0
            # Every place before the point is optional except the last one.
            least = point - 1 if point >= 0 else at
            while at >= first:
                if blank:
                    lines[line, at] = _SPACE
                elif at == point:
                    lines[line, at] = _DOT
                elif value > 0 or at >= least:
                    lines[line, at] = _ZERO + value % 10
                    value //= 10
                else:
                    lines[line, at] = _SPACE
                at -= 1
            if value > 0:
                for place in range(first, first + fields[index, WIDTH]):
                    lines[line, place] = _DOT if place == point else _NINE
    return 0
