"""The seven items that are reported by class every day (I-22 to I-28), contract by contract.

Everything is added up from `intervals`, so every number leads back to the stretches of time it is
made of.
"""

from collections.abc import Sequence
from fractions import Fraction

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.duties import intervals as iv
from quanheng.duties.intervals import Auction, Cause, DayIndex, Intervals
from quanheng.terms.codes import Phase
from quanheng.terms.units import DayNanos, Lots, Nanos

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SIZES = (1, 10, 20, 50)
"""Edges of the size classes: below 1, 1-9, 10-19, 20-49, 50 and more."""


class ContractItems(msgspec.Struct, frozen=True, kw_only=True):
    """One contract's day. Times in ns of the time in which a quote was owed."""

    contract: str
    obliged: Nanos
    compliant: Nanos
    lost: dict[Cause, Nanos]
    quoted: Nanos
    spread_ratio: Fraction | None
    widest: Fraction | None  # largest spread ratio that stood in owed time
    size_mean: Fraction | None  # smaller side's lots over time with both sides
    size_least: Lots | None
    auctions: tuple[Auction, ...]

    @property
    def participation(self) -> Fraction | None:
        """P(i, d)."""
        return Fraction(self.compliant, self.obliged) if self.obliged else None

    def ended(self, kind: Phase) -> list[Auction]:
        """Its judged auctions of a kind."""
        return [one for one in self.auctions if one.kind == kind and one.judged]


class Profile(msgspec.Struct, eq=False):
    """A class's day by equal bins of time, for charts; empty bins are NaN."""

    edges: Ints  # DayNanos[bins + 1]
    spread: Floats  # mean spread ratio of the contracts
    participation: Floats  # compliant over owed time of all contracts
    coverage: Floats  # share of contracts with at least 80 % of the bin's owed time
    sizes: Floats  # [len(SIZES) + 1] share of owed time by the smaller side's size


def contract_items(
    rows: Intervals, contract: str, spread: Fraction | None, ended: Sequence[Auction]
) -> ContractItems:
    """Items of a contract; `spread` is its measured spread ratio."""
    owed = rows.cause < Cause.PHASE
    obliged, quoted, good = iv.totals(rows)
    spent = iv.by_cause(rows)
    two = owed & (rows.bid > 0) & (rows.ask > rows.bid) & (_smaller(rows) > 0)
    sizes, time = _smaller(rows)[two], rows.length[two]
    sized = rows.rated & np.isin(rows.cause, iv.QUOTED)
    return ContractItems(
        contract=contract,
        obliged=obliged,
        compliant=good,
        lost={cause: spent.get(cause, 0) for cause in iv.LOST},
        quoted=quoted,
        spread_ratio=spread,
        widest=_widest(rows, sized),
        size_mean=Fraction(int((sizes * time).sum()), int(time.sum())) if len(time) else None,
        size_least=int(sizes.min()) if len(sizes) else None,
        auctions=tuple(ended),
    )


def _smaller(rows: Intervals) -> Ints:
    return np.minimum(rows.bid_qty, rows.ask_qty)


def _widest(rows: Intervals, sized: npt.NDArray[np.bool_]) -> Fraction | None:
    places = np.flatnonzero(sized)
    if not len(places):
        return None
    width = (rows.ask - rows.bid)[places]
    place = places[np.argmax(width / rows.key[places])]
    return Fraction(int(rows.den * (rows.ask[place] - rows.bid[place])), int(rows.key[place]))


def _in_bins(rows: Intervals, weight: Floats, edges: Ints) -> Floats:
    """Integral of a weight per interval over each bin."""
    ends = np.concatenate([rows.start[:1], rows.stop])
    total = np.concatenate([[0.0], np.cumsum(weight * rows.length)])
    at_edges: Floats = np.interp(edges, ends, total)
    found: Floats = np.diff(at_edges)
    return found


def profile(cells: Sequence[Intervals], edges: Ints, share: float) -> Profile:
    """The profile of a class from its contracts' intervals."""
    bins = len(edges) - 1
    owed = np.zeros((len(cells), bins))
    good = np.zeros((len(cells), bins))
    quoted = np.zeros((len(cells), bins))
    ratio = np.zeros((len(cells), bins))
    sizes = np.zeros(len(SIZES) + 1)
    for k, rows in enumerate(cells):
        due = (rows.cause < Cause.PHASE).astype(np.float64)
        both = (rows.rated & np.isin(rows.cause, iv.QUOTED)).astype(np.float64)
        owed[k] = _in_bins(rows, due, edges)
        good[k] = _in_bins(rows, (rows.cause == Cause.COMPLIANT).astype(np.float64), edges)
        quoted[k] = _in_bins(rows, both, edges)
        wide = rows.den * (rows.ask - rows.bid) / np.maximum(rows.key, 1)
        ratio[k] = _in_bins(rows, both * wide, edges)
        two = (rows.bid > 0) & (rows.ask > rows.bid)
        held = np.where(two, _smaller(rows), 0)
        which = np.searchsorted(SIZES, held, side="right")
        sizes += np.bincount(which, weights=due * rows.length, minlength=len(sizes))
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.where(quoted > 0, ratio / quoted, np.nan)
        covered = np.where(owed > 0, good / owed >= share, np.nan)
        return Profile(
            edges,
            _mean(each),
            good.sum(axis=0) / owed.sum(axis=0),
            _mean(covered),
            sizes / sizes.sum() if sizes.sum() else sizes,
        )


def _mean(values: Floats) -> Floats:
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    mean: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean


def bins(first: DayNanos, last: DayNanos, width: Nanos) -> Ints:
    """Edges of equal bins over [first, last]."""
    return np.arange(first, last + width, width, dtype=np.int64)


def class_items(
    index: DayIndex, maker: int, slots: Sequence[int], cells: Sequence[Intervals],
    spreads: Sequence[Fraction | None],
) -> list[ContractItems]:  # fmt: skip
    """Items of a class's contracts, in their order."""
    subjects = index.tables.subjects
    return [
        contract_items(cell, subjects[slot].contract, spread, iv.auctions(index, maker, slot))
        for slot, cell, spread in zip(slots, cells, spreads, strict=True)
    ]
