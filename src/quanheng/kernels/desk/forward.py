"""The forward of an expiry from put-call parity (rules.md 8.2)."""

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
