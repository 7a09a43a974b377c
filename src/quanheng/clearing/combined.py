"""Combinations in the clearing machine: read, checked, dissolved when their time is over."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quanheng.books.combinations import Combination, ends, maintenance
from quanheng.clearing import messages as msg
from quanheng.kernels.pack import pack, unpack
from quanheng.rulebook.model import Rulebook
from quanheng.terms.business import CombinationDone
from quanheng.terms.contract import Chain
from quanheng.terms.units import Money, Ticks


class CombinedDay(NamedTuple):
    """What a day did with the first account's combinations: reports of building and splitting,
    (id, combination, maintenance margin of a unit) of those that live on, and the dissolved ones.
    """

    done: tuple[CombinationDone, ...] = ()
    kept: tuple[tuple[str, Combination, Money], ...] = ()
    dissolved: tuple[tuple[str, Combination], ...] = ()


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


def _named(rows: bytes) -> list[tuple[str, Combination]]:
    """(id, combination) of COMBINED rows."""
    return [
        (str(number), Combination(msg.STRATEGY_CODES[strategy], (first, second), units))
        for _, number, strategy, first, second, units in unpack(rows, msg.COMBINED_COLUMNS).tolist()
    ]


def day_of(
    chain: Chain,
    book: Rulebook,
    kept: msg.CombinationsKept | None,
    done: Sequence[CombinationDone],
    settles: Sequence[Ticks],
    closes: Sequence[Ticks],
) -> CombinedDay:
    """The day of the first account's combinations; `settles` by slot, `closes` by class."""
    if kept is None:
        return CombinedDay(tuple(done))
    of = {klass.underlying: close for klass, close in zip(chain.classes, closes, strict=True)}
    return CombinedDay(
        tuple(done),
        tuple(
            (name, one, maintenance(chain, book, one, settles, of[_underlying(chain, one)]))
            for name, one in _named(kept.rows)
        ),
        tuple(_named(kept.dissolved)),
    )


def _underlying(chain: Chain, one: Combination) -> str:
    return chain.contracts[one.slots[0]].underlying
