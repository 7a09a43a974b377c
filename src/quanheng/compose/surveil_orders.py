"""Orders for surveillance: sides of effective quotes, or the dataset's optional `orders` table."""

from typing import Any

import numpy as np

from quanheng.duties.tables import Text
from quanheng.oversight.surveillance import (
    ORDER,
    T_AT,
    T_BUY_AT,
    T_BUYER,
    T_QTY,
    T_SELL_AT,
    T_SELLER,
    T_SLOT,
)


def codes_of(column: Any, known: dict[str, int]) -> np.ndarray:
    """Numbers of a text column's words, -1 for one that is not known."""
    assert isinstance(column, Text), "a text column"
    numbers = np.array([known.get(word, -1) for word in column.words], dtype=np.int64)
    return numbers[column.codes] if len(column) else np.zeros(0, dtype=np.int64)


def from_orders(
    table: Any, day: int, seats: dict[str, int], slots: dict[str, int], trades: np.ndarray
) -> np.ndarray:
    """Orders of table `orders`: a row holds until the order's next one, quantity 0 ends it. What an
    order filled are its account's trades on that side that were entered when it was.
    """
    who, slot = codes_of(table["maker"], seats), codes_of(table["contract"], slots)
    kept = (np.asarray(table["day"]) == day) & (who >= 0) & (slot >= 0)
    found: dict[tuple[int, int, str], list[int]] = {}
    for row in np.flatnonzero(kept).tolist():
        key = (int(who[row]), int(slot[row]), table["order"][row])
        at, price, qty = (int(table[name][row]) for name in ("at", "price", "qty"))
        side = 1 if table["side"][row] == "B" else -1
        one = found.setdefault(key, [*key[:2], side, at, 0, price, qty, 0])
        one[4] = at if qty == 0 else 0
    out = np.array(list(found.values()), dtype=np.int64).reshape(-1, ORDER)
    filled: dict[tuple[int, int, int, int], int] = {}
    for column, entered, side in ((T_BUYER, T_BUY_AT, 1), (T_SELLER, T_SELL_AT, -1)):
        named = trades[trades[:, column] >= 0]
        for row in named[:, [column, T_SLOT, entered, T_QTY]].tolist():
            key_ = (row[0], row[1], side, row[2])
            filled[key_] = filled.get(key_, 0) + row[3]
    for number, (maker, contract, side, at) in enumerate(out[:, :4].tolist()):
        out[number, 7] = filled.get((maker, contract, side, at), 0)
    return out


def fills_of(trades: np.ndarray) -> dict[tuple[int, int, int], tuple[np.ndarray, np.ndarray]]:
    """By (account, contract, side): instants and running sum of the contracts that it traded."""
    out = {}
    for column, side in ((T_BUYER, 1), (T_SELLER, -1)):
        named = trades[trades[:, column] >= 0]
        keys = named[:, [column, T_SLOT]]
        order = np.lexsort((named[:, T_AT], keys[:, 1], keys[:, 0]))
        named, keys = named[order], keys[order]
        edges = np.flatnonzero(np.any(np.diff(keys, axis=0) != 0, axis=1)) + 1
        for part in np.split(np.arange(len(named)), edges):
            if len(part):
                who, slot = keys[part[0]].tolist()
                out[who, slot, side] = (named[part, T_AT], named[part, T_QTY].cumsum())
    return out


def sides_of(
    who: int,
    slot: int,
    side: int,
    rows: np.ndarray,
    done: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray:
    """Orders of one side from rows (at, price, qty) in order of time."""
    at, qty = rows[:, 0], rows[:, 2]
    price = np.where(qty > 0, rows[:, 1], 0)
    changed = np.ones(len(rows), dtype=bool)
    changed[1:] = (price[1:] != price[:-1]) | (qty[1:] > qty[:-1])
    marks = np.flatnonzero(changed)
    starts = marks[qty[marks] > 0]
    if not starts.size:
        return np.zeros((0, ORDER), dtype=np.int64)
    after = np.searchsorted(marks, starts, side="right")
    ends = np.where(after < len(marks), at[marks[np.minimum(after, len(marks) - 1)]], 0)
    out = np.zeros((len(starts), ORDER), dtype=np.int64)
    out[:, 0], out[:, 1], out[:, 2] = who, slot, side
    out[:, 3], out[:, 4], out[:, 5], out[:, 6] = at[starts], ends, price[starts], qty[starts]
    if done is not None:
        times, total = done
        running = np.concatenate([[0], total])
        last = np.where(ends > 0, ends, np.iinfo(np.int64).max)
        first = np.searchsorted(times, at[starts], side="right")
        out[:, 7] = running[np.searchsorted(times, last, side="right")] - running[first]
    return out
