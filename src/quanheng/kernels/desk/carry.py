"""Forward, carry and borrow of every expiry of a class, with a fallback for each (rules.md 8.2).

The forward of an expiry comes from the first rung of a ladder that can give it:

PARITY  two or more strikes agree (`forward.consensus_forward`);
SINGLE  one strike only;
TERM    the carry of the neighbouring expiries, interpolated in time;
CARRY   the spot plus the last good basis of this expiry;
SPOT    the spot carried at the rate, without borrow cost;
NONE    nothing: NaN.

The rung is part of the result, so people and alerts see how good a forward is. Carry q is the
yield in F = S exp((r - q) T): dividend, borrow cost and funding together; ETF shares are hard to
borrow, so it is usually positive. Contracts are adjusted at an ex-dividend date, so the dividend
yield of an ETF option is zero unless the caller knows better, and q is the implied borrow cost.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import forward as parity
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import exp, log_ratio

Floats = npt.NDArray[np.float64]

PARITY = 0
SINGLE = 1
TERM = 2
CARRY = 3
SPOT = 4
NONE = 5
RUNGS = (
    ("PARITY", "平价", "put-call parity of two or more strikes"),
    ("SINGLE", "单一行权价", "put-call parity of one strike"),
    ("TERM", "邻近到期月", "carry of the neighbouring expiries"),
    ("CARRY", "上次基差", "spot plus the last good basis"),
    ("SPOT", "现货", "spot carried at the rate, no borrow cost"),
    ("NONE", "无", "no forward"),
)
"""Rung -> (code, Chinese word, meaning)."""

FORWARD = 0
"""Yuan; NaN on the rung NONE."""
RUNG = 1
IMPLIED_CARRY = 2
"""q per year, continuous; NaN without a spot or at zero time."""
IMPLIED_BORROW = 3
"""q less the dividend yield, per year."""
WIDTH = 4
"""Yuan: width of the parity band; NaN on rungs below SINGLE."""
USED = 5
"""Strikes the forward rests on; 0 below SINGLE."""
COLUMNS = 6

FARTHEST = 4.0
"""A carry is extrapolated to at most so many times the last neighbour's time; beyond, a tick of
the near forward would be tens of ticks of the far one."""

_NAN = float("nan")
_INFINITY = float("inf")


@kernel
def implied_carry(forward: float, spot: float, rate: float, years: float) -> float:
    """q = rate - ln(forward/spot)/years per year (rules.md 8.2); NaN for bad input or no time."""
    good = 0.0 < forward < _INFINITY and 0.0 < spot < _INFINITY and years > 0.0
    return rate - log_ratio(forward, spot) / years if good else _NAN


@kernel
def carried(spot: float, rate: float, carry: float, years: float) -> float:
    """spot * exp((rate - carry) * years) in yuan; NaN for bad input."""
    good = 0.0 < spot < _INFINITY and years >= 0.0
    return spot * exp((rate - carry) * years) if good else _NAN


@kernel
def _by_parity(consensus: Floats, widest: float) -> bool:
    found = consensus[parity.FORWARD]
    return bool(0.0 < found < _INFINITY and consensus[parity.WIDTH] <= widest)


@kernel
def _neighbours(out: Floats, years: Floats, count: int, i: int) -> tuple[int, int]:
    """Nearest expiries before and after i (in time) that have a parity forward; -1 for none."""
    before = -1
    after = -1
    for j in range(count):
        if j == i or not (out[j, RUNG] <= SINGLE) or not (years[j] > 0.0):
            continue
        if years[j] <= years[i] and (before < 0 or years[j] > years[before]):
            before = j
        if years[j] > years[i] and (after < 0 or years[j] < years[after]):
            after = j
    return before, after


@kernel
def _term(out: Floats, years: Floats, count: int, i: int, spot: float, rate: float) -> float:
    """Forward from the neighbours' carry, or NaN.

    Between two neighbours ln F is linear in time: their carry held from one to the other. Outside,
    the carry of the nearest one holds from the spot on; without a spot, the rate from it on.
    """
    before, after = _neighbours(out, years, count, i)
    if before >= 0 and after >= 0:
        first, last = years[before], years[after]
        share = (years[i] - first) / (last - first)
        grown = share * log_ratio(out[after, FORWARD], out[before, FORWARD])
        return float(out[before, FORWARD] * exp(grown))
    near = before if before >= 0 else after
    if near < 0 or years[i] > FARTHEST * years[near]:
        return _NAN
    if not (0.0 < spot < _INFINITY):
        return float(out[near, FORWARD] * exp(rate * (years[i] - years[near])))
    carry = implied_carry(out[near, FORWARD], spot, rate, years[near])
    return carried(spot, rate, carry, years[i])


@kernel
def forward_ladder(
    consensus: Floats,
    years: Floats,
    basis: Floats,
    count: int,
    spot: float,
    rate: float,
    dividend: float,
    widest: float,
    out: Floats,
) -> int:
    """Fill out[count, COLUMNS] for the expiries of one class; returns the worst rung.

    consensus[count, forward.CONSENSUS] as `consensus_forward` leaves it, years[count] of discount
    time, basis[count] = last good forward less spot in yuan (NaN for none), spot in yuan (NaN for
    none), rate and dividend yield per year, widest = yuan: a parity band wider than this is not
    used (infinity: any is). The order of the expiries does not matter.
    """
    worst = PARITY
    for i in range(count):
        usable = _by_parity(consensus[i], widest)
        used = consensus[i, parity.USED] if usable else 0.0
        out[i, FORWARD] = consensus[i, parity.FORWARD] if usable else _NAN
        out[i, RUNG] = NONE if not usable else (PARITY if used >= 2.0 else SINGLE)
        out[i, WIDTH] = consensus[i, parity.WIDTH] if usable else _NAN
        out[i, USED] = used
    for i in range(count):
        if out[i, RUNG] == NONE:
            found = _term(out, years, count, i, spot, rate)
            rung = TERM
            if not (0.0 < found < _INFINITY):
                found = spot + basis[i]
                rung = CARRY
            if not (0.0 < found < _INFINITY):
                found = carried(spot, rate, 0.0, years[i])
                rung = SPOT
            good = 0.0 < found < _INFINITY
            out[i, FORWARD] = found if good else _NAN
            out[i, RUNG] = rung if good else NONE
        carry = implied_carry(out[i, FORWARD], spot, rate, years[i])
        out[i, IMPLIED_CARRY] = carry
        out[i, IMPLIED_BORROW] = carry - dividend
        worst = max(worst, int(out[i, RUNG]))
    return worst
