"""Value at risk and expected shortfall of profits over scenarios, and their errors.

Definitions (Acerbi and Tasche 2002; McNeil, Frey and Embrechts, Quantitative Risk Management, ch. 2
and 9), for losses l = -profit with weights w that sum to one and a confidence level a in (0, 1):
value at risk is the smallest loss whose weight at or below it is at least a, no interpolation;
expected shortfall is the mean of the worst 1 - a of weight, the loss at the border counted with
the part of its weight that is needed, so it is coherent whatever the ties.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]

_NAN = float("nan")
_LOOSE = 1e-12
"""Weights sum to one within this much of rounding."""


class Tail(NamedTuple):
    """Value at risk and expected shortfall, yuan, losses positive; NaN for unusable input."""

    value_at_risk: float
    shortfall: float


@kernel
def age_weights(decay: float, out: Floats) -> None:
    """Fill out[n] with weights that fall by `decay` per row of age, the newest row last, sum 1.

    Boudoukh, Richardson and Whitelaw (1998); decay 1 gives equal weights. NaN outside (0, 1].
    """
    total = 0.0
    weight = 1.0 if 0.0 < decay <= 1.0 else _NAN
    for i in range(out.size - 1, -1, -1):
        out[i] = weight
        total += weight
        weight *= decay
    for i in range(out.size):
        out[i] /= total


@kernel
def _tail(profits: Floats, weights: Floats, level: float) -> tuple[float, float]:
    """(value at risk, shortfall) of profits sorted from the worst up."""
    beyond = 1.0 - level
    before = 0.0
    lost = 0.0
    for i in range(profits.size):
        weight = weights[i]
        # The weight at or below this loss is 1 - before: the border is the last loss for which
        # that still reaches the level, and weights that round must not move it.
        if before + weight > beyond + _LOOSE or i == profits.size - 1:
            return -profits[i], -(lost + (beyond - before) * profits[i]) / beyond
        before += weight
        lost += weight * profits[i]
    return _NAN, _NAN


def tail(profits: Floats, level: float, weights: Floats | None = None) -> Tail:
    """Value at risk and expected shortfall of profits[n] in yuan, weights[n] equal when left out.

    NaN when a number is not finite, n = 0, level is not in (0, 1), or the weights are negative or
    do not sum to one.
    """
    n = profits.size
    if n == 0 or not 0.0 < level < 1.0 or not bool(np.isfinite(profits).all()):
        return Tail(_NAN, _NAN)
    shares = np.full(n, 1.0 / n) if weights is None else weights
    order = np.argsort(profits, kind="stable")
    shares = np.ascontiguousarray(shares[order])
    if not (bool((shares >= 0.0).all()) and abs(math.fsum(shares.tolist()) - 1.0) <= _LOOSE * n):
        return Tail(_NAN, _NAN)
    return Tail(*_tail(np.ascontiguousarray(profits[order]), shares, level))


def tail_errors(profits: Floats, level: float, batches: int = 20) -> Tail:
    """Standard errors of `tail` for simulated profits, from the spread over batches in order.

    Each batch of n // batches neighbours is measured alone; the standard deviation of the batches
    over the root of their number estimates the error of the whole, also when neighbours depend on
    each other (antithetic pairs). NaN with fewer than two batches or an empty one.
    """
    size = profits.size // batches if batches > 1 else 0
    if size == 0:
        return Tail(_NAN, _NAN)
    found = [tail(profits[k * size : (k + 1) * size], level) for k in range(batches)]
    return Tail(
        _standard_error([one.value_at_risk for one in found]),
        _standard_error([one.shortfall for one in found]),
    )


def _standard_error(values: list[float]) -> float:
    """Standard deviation of the mean."""
    n = len(values)
    mean = math.fsum(values) / n
    return math.sqrt(math.fsum((value - mean) * (value - mean) for value in values) / (n - 1) / n)
