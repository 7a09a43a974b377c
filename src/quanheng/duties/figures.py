"""Exact figures of one day: what `measure` and `day` produce and `period` reads.

Rows are makers, columns are contracts. Times are nanoseconds, everything is an integer. The
spread ratio of a cell is kept as its terms: the time integral of (ask - bid), summed per
denominator max(num x bid, den x floor); with `scale` = den of the contract's spread rule,

    R(i, d) = sum over terms (scale x integral / denominator) / rated      (rules.md 10.3)

so no rounding happens before a ratio is shown.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np

from quanheng.duties.day_walk import gather_terms
from quanheng.duties.exact import total
from quanheng.terms.units import Day

UNJUDGED = -1
"""Value of `opening` and `closing`: no such auction yet, or the contract was exempt."""


class Figures(msgspec.Struct, array_like=True, kw_only=True, eq=False):
    """Figures of one day. Arrays are int64[makers, contracts] unless said otherwise."""

    day: Day
    makers: tuple[str, ...]
    contracts: tuple[str, ...]
    underlyings: tuple[str, ...]  # per contract
    scale: np.ndarray  # int64[contracts], den of the spread rule
    active: np.ndarray  # 1 where the maker has duties in the class
    obliged: np.ndarray  # ns of the time base V
    quoted: np.ndarray  # ns of V with both sides and size
    compliant: np.ndarray  # ns of V with both sides, size and spread
    rated: np.ndarray  # ns over which the spread ratio is taken (reading A04); default: quoted
    opening: np.ndarray  # 1 joined, 0 missed, UNJUDGED
    closing: np.ndarray
    auctions: np.ndarray  # intraday (breaker) auctions judged
    joined: np.ndarray
    inquiries: np.ndarray  # inquiries that count
    answered: np.ndarray
    volume: np.ndarray  # contracts bought + sold
    term_start: np.ndarray  # int64[makers * contracts + 1]: cell k owns terms [k], [k + 1)
    term_key: np.ndarray  # int64[terms], denominators, ascending within a cell
    term_sum: np.ndarray  # int64[terms], sum of (ask - bid) x ns
    breaks: np.ndarray
    """int64[n, 4]: maker, contract, moment, joined of every intraday auction judged; `moment` is
    the rank of its end among all of them (reading A12).
    """


def moments(breaks: np.ndarray) -> np.ndarray:
    """The same rows with their instants replaced by ranks."""
    ranked = breaks.copy()
    ranked[:, 2] = np.unique(breaks[:, 2], return_inverse=True)[1].reshape(-1)
    return ranked


def ranked(figures: Figures) -> Figures:
    """The same figures with the instants of their breaks as moments."""
    return msgspec.structs.replace(figures, breaks=moments(figures.breaks))


def merged(parts: Sequence[Figures]) -> Figures:
    """Figures of one day of which every part has other cells active; instants become moments.

    `parts` have the same makers and contracts and come from `day.measure_cells`.
    """
    first = parts[0]
    changes: dict[str, Any] = {}
    for name in first.__struct_fields__:
        if name == "breaks" or getattr(first, name) is first.scale:
            continue
        value = getattr(first, name)
        if isinstance(value, np.ndarray) and value.ndim == 2:
            whole = value.copy()
            for part in parts[1:]:
                whole = np.where(part.active == 1, getattr(part, name), whole)
            changes[name] = whole
    # Every cell has its terms in one part only.
    counts = sum(np.diff(part.term_start) for part in parts)
    term_start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    keys, sums = (np.empty(term_start[-1], dtype=np.int64) for _ in range(2))
    for part in parts:
        gather_terms(part.term_start, part.term_key, part.term_sum, term_start, keys, sums)
    breaks = np.concatenate([part.breaks for part in parts])
    breaks = breaks[np.lexsort((breaks[:, 2], breaks[:, 1], breaks[:, 0]))]
    return msgspec.structs.replace(
        first,
        **changes,
        term_start=term_start,
        term_key=keys,
        term_sum=sums,
        breaks=moments(breaks),
    )


def terms_of(figures: Figures, maker: int, contract: int) -> tuple[tuple[int, int], ...]:
    """(denominator, integral) pairs of a cell, denominators ascending."""
    cell = maker * len(figures.contracts) + contract
    start, stop = int(figures.term_start[cell]), int(figures.term_start[cell + 1])
    keys, sums = figures.term_key[start:stop].tolist(), figures.term_sum[start:stop].tolist()
    return tuple(zip(keys, sums, strict=True))


def spread_ratio(figures: Figures, maker: int, contract: int) -> Fraction | None:
    """R(i, d) of rules.md 10.3, None where no time is rated, by default without a quote (E-01)."""
    rated = int(figures.rated[maker, contract])
    if rated == 0:
        return None
    top, bottom = total([(term, key) for key, term in terms_of(figures, maker, contract)])
    return Fraction(int(figures.scale[contract]) * top, bottom * rated)


def participation(figures: Figures, maker: int, contract: int) -> Fraction | None:
    """P(i, d) of rules.md 10.1-4, None where no time was obliged (Q-03)."""
    obliged = int(figures.obliged[maker, contract])
    if obliged == 0:
        return None
    return Fraction(int(figures.compliant[maker, contract]), obliged)


def differences(one: Figures, other: Figures) -> list[str]:
    """Every field in which two figures differ, with the first place; empty when exactly equal."""
    found: list[str] = []
    for name in one.__struct_fields__:
        left: Any = getattr(one, name)
        right: Any = getattr(other, name)
        if not isinstance(left, np.ndarray):
            if left != right:
                found.append(f"{name}: {left!r} is not {right!r}")
            continue
        if left.shape != right.shape:
            found.append(f"{name}: shape {left.shape} is not {right.shape}")
            continue
        places = np.argwhere(left != right)
        if len(places):
            where = tuple(places[0].tolist())
            found.append(
                f"{name}: {len(places)} differ, first at {where}: {left[where]} is not "
                f"{right[where]}"
            )
    return found


def arranged(figures: Figures, makers: tuple[str, ...], contracts: tuple[str, ...]) -> Figures:
    """The same figures with rows and columns in another order, or of some makers only.

    KeyError names a maker or contract that is not in them.
    """
    seat = {maker: index for index, maker in enumerate(figures.makers)}
    column = {contract: index for index, contract in enumerate(figures.contracts)}
    rows = [seat[maker] for maker in makers]
    columns = [column[contract] for contract in contracts]
    starts, keys, sums = [0], [], []
    for row in rows:
        for index in columns:
            for key, integral in terms_of(figures, row, index):
                keys.append(key)
                sums.append(integral)
            starts.append(len(keys))
    changes: dict[str, Any] = {
        "makers": makers,
        "contracts": contracts,
        "underlyings": tuple(figures.underlyings[index] for index in columns),
        "scale": figures.scale[columns],
        "term_start": np.array(starts, dtype=np.int64),
        "term_key": np.array(keys, dtype=np.int64),
        "term_sum": np.array(sums, dtype=np.int64),
        "breaks": _rearranged(figures.breaks, rows, columns),
    }
    for name in figures.__struct_fields__:
        value = getattr(figures, name)
        if isinstance(value, np.ndarray) and value.ndim == 2 and name != "breaks":
            changes[name] = np.ascontiguousarray(value[np.ix_(rows, columns)])
    return msgspec.structs.replace(figures, **changes)


def _rearranged(breaks: np.ndarray, rows: list[int], columns: list[int]) -> np.ndarray:
    found = [
        (new_row, new_column, moment, joined)
        for new_row, row in enumerate(rows)
        for new_column, column in enumerate(columns)
        for _, _, moment, joined in breaks[
            (breaks[:, 0] == row) & (breaks[:, 1] == column)
        ].tolist()
    ]
    return moments(np.array(found, dtype=np.int64).reshape(-1, 4))
