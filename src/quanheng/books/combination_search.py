"""The combinations that leave the least margin over night, found exactly (rules.md 3.4, I-33).

Each of the six strategies, and netting itself, joins a leg that gains when the underlying rises (a
long call or a short put) with one that gains when it falls, and a contract joins once. So the best
set is a transport problem between the two sides of an expiry, which successive best augmenting
paths solve to the optimum in integers (Ahuja, Magnanti, Orlin, Network Flows, 9.7): no pair is
taken first and regretted, as a greedy choice would.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

import msgspec
import numpy as np

from quanheng.books.combinations import (
    STRATEGIES,
    Column,
    Combination,
    Form,
    Leg,
    arranged,
    ends,
    margin_per_unit,
    singles,
    tied,
)
from quanheng.books.positions import Book
from quanheng.terms.contract import Chain
from quanheng.terms.units import Lots, Money, Slot, Ticks

NETTED = ""
"""In place of a strategy: long against short of one contract, which day end does by itself."""

Units = dict[tuple[str, tuple[Slot, Slot]], Lots]
"""Units by strategy and slots."""

_NEVER = -(1 << 60)
_KEEP = 1 << 20
"""A money unit in the search; what is left over prefers combinations that are held already."""


class Proposal(msgspec.Struct, frozen=True, array_like=True):
    """Combinations to split, then to build, in `units` each, and the margin before and after.

    Both margins count day-end netting of what stands in no combination.
    """

    split: tuple[Combination, ...]
    build: tuple[Combination, ...]
    before: Money
    after: Money


class Pair(msgspec.Struct, frozen=True, array_like=True):
    """Two contracts that may join, and the Money of margin that one unit of it saves."""

    strategy: str
    slots: tuple[Slot, Slot]
    saved: Money


def propose(
    chain: Chain,
    book: Book,
    held: Mapping[str, Combination],
    margins: Sequence[Money],
    prices: Sequence[Ticks],
) -> Proposal:
    """The cheapest set of combinations for the book's contracts at the end of `chain.day`.

    `margins` (Money, of one short alone) and `prices` (Ticks) by slot are opening or maintenance
    ones, as the question is. Combinations that end today save nothing tonight and are left alone
    out of the proposal, as are covered shorts. Of equal sets the one nearest to `held` is taken.
    """
    living = {name: one for name, one in held.items() if not ends(chain, one, chain.day)}
    have = _units(living)
    long, short = book.long_qty, book.short_qty
    want: Units = {}
    for slots in _groups(chain, long, short):
        pairs = allowed(chain, slots, margins, prices)
        for pair, units in _best(chain, slots, pairs, book, have):
            if pair.strategy != NETTED:
                want[pair.strategy, pair.slots] = units
    keys = sorted({**have, **want})
    change = [(key, want.get(key, 0) - have.get(key, 0)) for key in keys]
    return Proposal(
        tuple(Combination(*key, -units) for key, units in change if units < 0),
        tuple(Combination(*key, units) for key, units in change if units > 0),
        margin_left(chain, long, short, living, margins, prices),
        margin_left(
            chain,
            long,
            short,
            {str(n): Combination(*key, units) for n, (key, units) in enumerate(want.items())},
            margins,
            prices,
        ),
    )


def margin_left(
    chain: Chain,
    long: Column,
    short: Column,
    held: Mapping[str, Combination],
    margins: Sequence[Money],
    prices: Sequence[Ticks],
) -> Money:
    """Margin after day-end netting with the combinations `held`. ValueError when they take more
    contracts than there are.
    """
    tied_long, tied_short = tied(len(chain.contracts), held)
    longs, shorts = long - tied_long, short - tied_short
    if (longs < 0).any() or (shorts < 0).any():
        slot = int(np.flatnonzero((longs < 0) | (shorts < 0))[0])
        raise ValueError(f"combinations take more of {chain.contracts[slot].code} than is held")
    alone = shorts - np.minimum(longs, shorts)
    total = sum(int(alone[slot]) * int(margins[slot]) for slot in np.flatnonzero(alone).tolist())
    for one in held.values():
        total += one.units * _together(chain, one.strategy, one.slots, margins, prices)
    return total


def _together(
    chain: Chain,
    strategy: str,
    slots: tuple[Slot, Slot],
    margins: Sequence[Money],
    prices: Sequence[Ticks],
) -> Money:
    first, second = slots
    return margin_per_unit(
        strategy,
        (chain.contracts[first], chain.contracts[second]),
        (int(prices[first]), int(prices[second])),
        (int(margins[first]), int(margins[second])),
    )


def _units(held: Mapping[str, Combination]) -> Units:
    have: Units = {}
    for one in held.values():
        have[one.strategy, one.slots] = have.get((one.strategy, one.slots), 0) + one.units
    return have


def _groups(chain: Chain, long: Column, short: Column) -> list[list[Slot]]:
    """Slots with a position, by what may be combined: underlying, expiry and unit."""
    groups: dict[tuple[str, int, int], list[Slot]] = {}
    for slot in np.flatnonzero((long > 0) | (short > 0)).tolist():
        row = chain.contracts[slot]
        groups.setdefault((row.underlying, row.last_day, row.unit), []).append(slot)
    return list(groups.values())


def allowed(
    chain: Chain, slots: Sequence[Slot], margins: Sequence[Money], prices: Sequence[Ticks]
) -> Iterator[Pair]:
    """Every pair of a group that the exchange would take today, that lives on tonight and that
    saves margin; netting first.
    """
    for slot in slots:
        yield Pair(NETTED, (slot, slot), int(margins[slot]))
    kinds = [chain.contracts[slot].kind for slot in slots]
    for strategy, forms in STRATEGIES.items():
        sides = [
            [slot for slot, kind in zip(slots, kinds, strict=True) if kind == form.kind]
            for form in forms
        ]
        for pair in product(*sides):
            legs = [Leg(slot, form.short, False, 1) for slot, form in zip(pair, forms, strict=True)]
            fault, placed = arranged(chain, chain.day, strategy, 1, legs)
            one = Combination(strategy, placed, 1)
            if fault or placed != pair or ends(chain, one, chain.day):
                continue
            saved = singles(one, margins) - _together(chain, strategy, placed, margins, prices)
            if saved > 0:
                yield Pair(strategy, placed, saved)


def _best(
    chain: Chain, slots: Sequence[Slot], pairs: Iterable[Pair], book: Book, have: Units
) -> Iterator[tuple[Pair, Lots]]:
    """The pairs of the optimum with their units: `slots` stand once for the legs that gain when
    the underlying rises, once for those that lose.
    """
    calls = np.array([chain.contracts[slot].is_call for slot in slots])
    long, short = book.long_qty[slots], book.short_qty[slots]
    place = {slot: number for number, slot in enumerate(slots)}
    gain = np.full((len(slots), len(slots)), _NEVER)
    found: dict[tuple[int, int], Pair] = {}
    for pair in pairs:
        first, second = (place[slot] for slot in pair.slots)
        rises = pair.strategy == NETTED or _rises(STRATEGIES[pair.strategy][0])
        cell = (first, second) if rises else (second, first)
        kept = int((pair.strategy, pair.slots) in have)
        gain[cell], found[cell] = pair.saved * _KEEP + kept, pair
    units = transport(gain, np.where(calls, long, short), np.where(calls, short, long))
    for cell, pair in found.items():
        if units[cell]:
            yield pair, int(units[cell])


def _rises(leg: Form) -> bool:
    """Does a leg gain when the underlying rises?"""
    return (leg.kind == "C") != leg.short


def transport(gain: Column, rows: Column, columns: Column) -> Column:
    """int64[n, m] >= 0 of the largest total gain, with row sums at most `rows` and column sums at
    most `columns`. Cells of no use have a very negative gain.

    Each step sends what fits along the path of the highest gain from a row with something left to
    a column with something left; earlier choices may be taken back along it. When no path gains,
    no circulation does, and the total is the optimum.
    """
    sent = np.zeros_like(gain)
    rows, columns = rows.copy(), columns.copy()
    while True:
        to_row = np.where(rows > 0, 0, _NEVER)
        to_column = np.full(columns.size, _NEVER)
        from_row, from_column = np.full(columns.size, -1), np.full(rows.size, -1)
        moved = True
        while moved:
            ahead = to_row[:, None] + gain
            best = ahead.argmax(axis=0)
            value = ahead[best, np.arange(columns.size)]
            better = value > to_column
            to_column[better], from_row[better] = value[better], best[better]
            back = np.where(sent > 0, to_column[None, :] - gain, _NEVER)
            best = back.argmax(axis=1)
            value = back[np.arange(rows.size), best]
            better = value > to_row
            to_row[better], from_column[better] = value[better], best[better]
            moved = bool(better.any())
        goal = int(np.where(columns > 0, to_column, _NEVER).argmax())
        if columns[goal] <= 0 or to_column[goal] <= 0:
            return sent
        _send(sent, rows, columns, goal, from_row, from_column)


def _send(
    sent: Column, rows: Column, columns: Column, goal: int, from_row: Column, from_column: Column
) -> None:
    """Send as much as the path to column `goal` carries."""
    steps = [(int(from_row[goal]), goal, 1)]
    while from_column[steps[-1][0]] >= 0:
        row, _, _ = steps[-1]
        column = int(from_column[row])
        steps += [(row, column, -1), (int(from_row[column]), column, 1)]
    start = steps[-1][0]
    carried = min(int(rows[start]), int(columns[goal]))
    carried = min([carried, *(int(sent[row, column]) for row, column, sign in steps if sign < 0)])
    for row, column, sign in steps:
        sent[row, column] += sign * carried
    rows[start] -= carried
    columns[goal] -= carried
