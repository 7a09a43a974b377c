"""What goes over the wire to a browser: binary board frames, JSON frames of keyed rows.

Board frame, little endian, 28 bytes of head (docs/console.md):

    u8 version | u8 type (1 whole, 2 delta) | u16 channel | u32 seq | u32 base | f64 instant in ms |
    u32 n | u32 flags (bit 0: ids are u32, bit 1: ids are a map) | i32 value[n] |
    u16 or u32 id[n], or u8 map[cells / 8 rounded up], bit k of byte b is cell 8 b + k

id = row * columns + column; with a map the values stand in the order of their ids. Whichever is
shorter is sent: a map once one cell in sixteen is in the frame. Values are scaled by 10^decimals of
their column; EMPTY is no value.
"""

import struct
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

EMPTY = -(2**31)
VERSION = 1
WHOLE, DELTA = 1, 2
WIDE_IDS = 1
MAPPED = 2
_HEAD = struct.Struct("<BBHIIdII")
HEAD_BYTES = _HEAD.size

Cells: TypeAlias = npt.NDArray[np.int32]
Marks: TypeAlias = npt.NDArray[np.bool_]
Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = dict[str, Row]

_JSON = msgspec.json.Encoder()


def board_frame(
    channel: int, seq: int, base: int, instant_ms: float, cells: Cells, some: Marks | None
) -> bytes:
    """A frame of the cells marked in `some`, of all that are not EMPTY without it."""
    flat = cells.ravel()
    mask = flat != EMPTY if some is None else some.ravel()
    values = flat[mask].astype("<i4")
    wide = flat.size > 1 << 16
    kind = WHOLE if some is None else DELTA
    if values.size * (4 if wide else 2) > (flat.size + 7) // 8:
        flags, places = MAPPED, np.packbits(mask, bitorder="little").tobytes()
    else:
        flags = WIDE_IDS if wide else 0
        places = np.flatnonzero(mask).astype("<u4" if wide else "<u2").tobytes()
    head = _HEAD.pack(VERSION, kind, channel, seq, base, instant_ms, values.size, flags)
    return b"".join((head, values.tobytes(), places))


def rows_frame(channel: str, seq: int, base: int, up: Rows, gone: list[str], whole: bool) -> bytes:
    """A frame of keyed rows: what changed of each, and the keys that are gone."""
    kind = "s" if whole else "d"
    return _JSON.encode({"t": kind, "ch": channel, "seq": seq, "base": base, "up": up, "del": gone})


def changed(before: Rows, after: Rows) -> tuple[Rows, list[str]]:
    """(fields that differ by key, keys that are gone). Rows that are the same object are equal."""
    up: Rows = {}
    for key, row in after.items():
        old = before.get(key)
        if old is row:
            continue
        if old is None:
            up[key] = row
            continue
        some = {name: value for name, value in row.items() if old.get(name, _NONE) != value}
        some.update({name: None for name in old if name not in row})
        if some:
            up[key] = some
    return up, [key for key in before if key not in after]


_NONE = object()
