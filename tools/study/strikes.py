"""Offsets per strike on top of the repaired wing: what is left, and whether calls stay convex."""

from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np

from quanheng.kernels.desk import black
from quanheng.kernels.desk.curves import offsets
from study.closes import Floats
from study.points import Points, half_width

MOST = 0.02
"""Vol; an offset is at most two vol points."""
_ROUNDING = 1e-12


@dataclass
class Offset:
    """Vols of a slice's points with their offsets, and how they came about."""

    vol: Floats
    share: float
    """What the convexity of calls left of the offsets, 0 to 1."""
    butterflies: int
    """Triples of neighbouring strikes with a negative butterfly, by prices alone."""
    nanos: int


def _table(one: Points, vol: Floats, sign: Floats) -> Floats:
    table = np.empty((black.ROWS, vol.size))
    same = [np.full(vol.size, value) for value in (one.forward, one.slice.tau, 1.0)]
    black.price_chain(sign, same[0], one.strike, vol, same[1], same[2], table)
    return table


def butterflies(one: Points, vol: Floats) -> int:
    """Strikes where undiscounted calls are not convex in the strike or do not fall.

    A strike at zero, worth the forward, stands before the first.
    """
    calls = _table(one, vol, np.ones(vol.size))[black.PRICE]
    strikes = np.concatenate([[0.0], one.strike])
    slopes = np.diff(np.concatenate([[one.forward], calls])) / np.diff(strikes)
    least = _ROUNDING / np.diff(strikes)
    bends = np.diff(np.concatenate([[-1.0], slopes]))
    return int((bends < -least).sum() + (slopes > least).sum())


def fit(one: Points, row: Floats) -> Offset:
    """Offsets of a slice to the row of its repaired curve; their prior is the median weight."""
    n = one.k.size
    vega = _table(one, one.vol, one.sign)[black.VEGA] * one.slice.discount
    half = half_width(one.price) / vega
    out = np.empty(n)
    prior = float(np.median(one.weight))
    start = perf_counter_ns()
    share = offsets.fit_offsets(
        row, one.k, one.vol, one.weight, half, n, one.slice.tau, prior, MOST, out
    )
    nanos = perf_counter_ns() - start
    vol = np.array([offsets.vol_with_offsets(row, one.k, out, n, float(place)) for place in one.k])
    return Offset(vol, float(share), butterflies(one, vol), nanos)
