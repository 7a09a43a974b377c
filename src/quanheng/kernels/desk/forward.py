"""The forward of an expiry from put-call parity (rules.md 8.2).

`parity_forward` is the plain weighted mean of a few mids. `consensus_forward` reads both sides of
the books of all strikes and finds what most of them agree on, so that a stale, crossed, one-sided
or missing leg does not move it; `desk.carry` says what to do when there is no such forward.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]

_NAN = float("nan")
_INFINITY = float("inf")
MOST = 4
"""Strikes used at most (rules.md 8.2: two to four nearest the money)."""
NARROWEST = 1e-4
"""Yuan; a total width below one tick counts as one tick, so a weight stays finite."""


@kernel
def parity_forward(
    strike: Floats,
    call_mid: Floats,
    call_width: Floats,
    put_mid: Floats,
    put_width: Floats,
    count: int,
    discount: float,
    near: float,
) -> tuple[float, float, int]:
    """Weighted mean of K + (C - P)/discount over the 2-4 usable strikes nearest `near`.

    All in yuan per unit; the first `count` entries are read. A pair is used when its six numbers
    are finite and its widths are not negative; its weight is 1/(call width + put width)^2. Returns
    (forward, sum of weights, strikes used). One usable strike is reported with used = 1; none, or
    a bad discount or `near`, gives (NaN, 0, 0). Ties in distance go to the lower index.
    """
    if not (discount > 0.0 and discount < _INFINITY and abs(near) < _INFINITY):
        return _NAN, 0.0, 0
    total = 0.0
    weights = 0.0
    used = 0
    last_distance = -1.0
    last_index = -1
    for _ in range(MOST):
        best = -1
        best_distance = _INFINITY
        for i in range(count):
            distance = abs(strike[i] - near)
            later = distance > last_distance or (distance == last_distance and i > last_index)
            if not (later and distance < best_distance):
                continue
            finite = math.isfinite(call_mid[i] - put_mid[i])
            if finite and call_width[i] >= 0.0 and put_width[i] >= 0.0:
                best = i
                best_distance = distance
        if best < 0:
            break
        last_distance = best_distance
        last_index = best
        width = call_width[best] + put_width[best]
        width = width if width > NARROWEST else NARROWEST
        weight = 1.0 / (width * width)
        total += weight * (strike[best] + (call_mid[best] - put_mid[best]) / discount)
        weights += weight
        used += 1
    if used == 0 or not (weights > 0.0):
        return _NAN, 0.0, 0
    return total / weights, weights, used


FORWARD = 0
"""Yuan; NaN when no strike has both of its bounds."""
WIDTH = 1
"""Yuan: width of the band no two-sided strike that counts lets the forward leave; one tick = 1e-4.
Half of it is the confidence of the forward. NaN with the forward."""
USED = 2
"""Strikes whose mids make the forward."""
OFFERED = 3
"""Strikes with both bounds and uncrossed books."""
LOW = 4
"""Best tradeable bound from below, max of K + (call bid - put ask)/discount over what counts."""
HIGH = 5
"""Best tradeable bound from above, min of K + (call ask - put bid)/discount over what counts."""
CONSENSUS = 6

_TOLERANCE = 1.01e-4
"""Yuan; bounds may miss the consensus by a tick, the rounding of one price."""
_SCALE_LOW = 1e-5
"""Yuan. When most strikes agree to a tenth of a tick, one that is half a tick off is wrong:
prices move in ticks, so that is the least a false leg can do to a mid."""
_TUKEY = 4.685
_MAD_TO_SIGMA = 1.4826


@kernel
def _median_of(values: Floats, count: int) -> float:
    """Median of the first `count` values, which it sorts in place; count > 0."""
    for i in range(1, count):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    middle = count // 2
    if count % 2 == 1:
        return float(values[middle])
    return float(0.5 * (values[middle - 1] + values[middle]))


@kernel
def _quoted(price: float) -> bool:
    return 0.0 < price < _INFINITY


@kernel
def _bounds(
    strike: float,
    call_bid: float,
    call_ask: float,
    put_bid: float,
    put_ask: float,
    discount: float,
) -> tuple[float, float]:
    """What one strike says of the forward: (low, high), infinite where a leg is missing.

    A crossed leg (bid above ask) is not trusted at all, so it gives no bound on either side.
    """
    low = -_INFINITY
    high = _INFINITY
    if not (0.0 < strike < _INFINITY):
        return low, high
    if _quoted(call_bid) and _quoted(call_ask) and call_bid > call_ask:
        return low, high
    if _quoted(put_bid) and _quoted(put_ask) and put_bid > put_ask:
        return low, high
    if _quoted(call_bid) and _quoted(put_ask):
        low = strike + (call_bid - put_ask) / discount
    if _quoted(call_ask) and _quoted(put_bid):
        high = strike + (call_ask - put_bid) / discount
    return low, high


@kernel
def _centre(mid: Floats, width: Floats, offered: int, near: float, scratch: Floats) -> float:
    """Where most strikes are: their median; with two, or none that holds it, the best single one.

    The best single one is the nearest to `near`, or the narrowest when `near` is not finite.
    """
    for i in range(offered):
        scratch[i] = mid[i]
    middle = _median_of(scratch, offered)
    if offered == 1:
        return middle
    best = 0
    for i in range(offered):
        if abs(mid[i] - middle) <= 0.5 * width[i] + _TOLERANCE:
            return middle
        if math.isfinite(near):
            better = abs(mid[i] - near) < abs(mid[best] - near)
        else:
            better = width[i] < width[best]
        if better:
            best = i
    return float(mid[best])


@kernel
def _agreed(
    mid: Floats, width: Floats, offered: int, centre: float, scratch: Floats, out: Floats
) -> int:
    """Weighted mean of the mids that agree with the centre into out[FORWARD]; how many they are.

    A strike counts when its own bounds hold the centre and its mid is not an outlier among the
    mids; it weighs Tukey's weight over its squared width.
    """
    for i in range(offered):
        scratch[i] = abs(mid[i] - centre)
    scale = max(_MAD_TO_SIGMA * _median_of(scratch, offered), _SCALE_LOW)
    low = -_INFINITY
    high = _INFINITY
    total = 0.0
    weights = 0.0
    used = 0
    for i in range(offered):
        away = mid[i] - centre
        share = away / (_TUKEY * scale)
        inner = 1.0 - share * share
        if not (inner > 0.0) or abs(away) > 0.5 * width[i] + _TOLERANCE:
            continue
        wide = width[i] if width[i] > NARROWEST else NARROWEST
        weight = inner * inner / (wide * wide)
        # Around the centre, so that mids that are equal give exactly their common value.
        total += weight * away
        weights += weight
        low = max(low, mid[i] - 0.5 * width[i])
        high = min(high, mid[i] + 0.5 * width[i])
        used += 1
    found = centre + (total / weights if used > 0 else 0.0)
    if low <= high:
        found = min(max(found, low), high)
    out[FORWARD] = found
    out[LOW] = low
    out[HIGH] = high
    out[USED] = used
    return used


@kernel
def consensus_forward(
    strike: Floats,
    call_bid: Floats,
    call_ask: Floats,
    put_bid: Floats,
    put_ask: Floats,
    count: int,
    discount: float,
    near: float,
    out: Floats,
) -> int:
    """Robust forward from the books of all strikes into out[CONSENSUS]; returns strikes used.

    All prices in yuan per unit; a missing one is NaN or not positive; the first `count` entries
    are read. By tradeable parity K + (C_bid - P_ask)/discount <= F <= K + (C_ask - P_bid)/discount
    (rules.md 8.2 with both sides). The forward is the median of the middles of these bands,
    refined by a mean over the strikes that agree with it, weights 1/width^2; fewer than half of
    the strikes cannot move it, whatever they say. One-sided strikes only tighten LOW and HIGH.
    When no strike agrees with the median the one nearest to `near` (yuan, for example spot plus
    the last basis; NaN for none) stands alone. NaN, used 0, when no strike has both bounds or the
    discount is not positive and finite.
    """
    out[:CONSENSUS] = _NAN
    out[USED] = 0.0
    out[OFFERED] = 0.0
    if count <= 0 or not (0.0 < discount < _INFINITY):
        return 0
    mid = np.empty(count)
    width = np.empty(count)
    scratch = np.empty(count)
    offered = 0
    for i in range(count):
        low, high = _bounds(strike[i], call_bid[i], call_ask[i], put_bid[i], put_ask[i], discount)
        if math.isfinite(high - low):
            mid[offered] = 0.5 * (low + high)
            width[offered] = high - low
            offered += 1
    out[OFFERED] = offered
    if offered == 0:
        return 0
    centre = _centre(mid, width, offered, near, scratch)
    used = _agreed(mid, width, offered, centre, scratch, out)
    for i in range(count):
        low, high = _bounds(strike[i], call_bid[i], call_ask[i], put_bid[i], put_ask[i], discount)
        if math.isfinite(low) != math.isfinite(high):
            # One-sided: it may tighten the band, but not past the forward.
            out[LOW] = max(out[LOW], low) if low <= out[FORWARD] else out[LOW]
            out[HIGH] = min(out[HIGH], high) if high >= out[FORWARD] else out[HIGH]
    out[WIDTH] = max(out[HIGH] - out[LOW], 0.0)
    return used
