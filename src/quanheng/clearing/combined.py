"""Combinations in the clearing machine: read, checked, dissolved when their time is over."""

import numpy as np

from quanheng.books.combinations import Combination, ends
from quanheng.clearing import messages as msg
from quanheng.kernels.pack import pack, unpack


def check(opened: msg.ClearingOpen, rows: bytes) -> None:
    """ValueError for a combination of an account, strategy, contract or size that cannot be."""
    table = unpack(rows, msg.COMBINED_COLUMNS)
    slots = len(opened.chain.contracts)
    both = table[:, msg.COMBINED_FIRST : msg.COMBINED_SECOND + 1]
    bad = (table < 0).any(axis=1) | (table[:, msg.COMBINED_ACCOUNT] >= len(opened.accounts))
    bad |= table[:, msg.COMBINED_STRATEGY] >= len(msg.STRATEGY_CODES)
    bad |= (both >= slots).any(axis=1) | (table[:, msg.COMBINED_UNITS] == 0)
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(
            f"clearing of {opened.day}: combination {first} is wrong: {table[first].tolist()}"
        )


def dissolve(
    opened: msg.ClearingOpen, rows: bytes
) -> tuple[list[dict[str, Combination]], msg.CombinationsKept]:
    """(combinations left by account and id, what was kept and what dissolved today)."""
    held: list[dict[str, Combination]] = [{} for _ in opened.accounts]
    left: list[list[int]] = []
    gone: list[list[int]] = []
    for row in unpack(rows, msg.COMBINED_COLUMNS).tolist():
        account, number, strategy, first, second, units = row
        one = Combination(msg.STRATEGY_CODES[strategy], (first, second), units)
        if ends(opened.chain, one, opened.day):
            gone.append(row)
        else:
            held[account][str(number)] = one
            left.append(row)
    kept, dissolved = (
        pack(np.array(part, dtype=np.int64).reshape(-1, msg.COMBINED_COLUMNS))
        for part in (left, gone)
    )
    return held, msg.CombinationsKept(kept, dissolved)
