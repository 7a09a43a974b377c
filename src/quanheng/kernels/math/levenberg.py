"""The step of a Levenberg-Marquardt method with simple bounds, on normal equations.

The caller owns the loop: it fills the normal equations at p, asks for a `step`, evaluates the sum
of squares there, keeps or drops it and asks for the next `damping`. So a fit needs no function
arguments, and its loop can stop, reweigh or give up as it likes.

Scaling by the largest diagonal seen is Moré's (The Levenberg-Marquardt algorithm, 1978), the rule
for the damping is Nielsen's (Damping parameter in Marquardt's method, 1999). A bound that holds
is an active set: a parameter that sits on it and is pushed outwards stands still, and of those that
would cross one the first stops there while the others solve the rest.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import inlined, kernel
from quanheng.kernels.math.solve import cholesky_solve

Floats = npt.NDArray[np.float64]

START = 1e-3
"""Damping to begin with, as a share of the scaled diagonal."""
GROWTH = 2.0
"""Growth to begin with: what the damping is multiplied by when a step fails."""
_LEAST = 1e-12
_MOST = 1e12
_TINY = 1e-30


@inlined
def step(
    a: Floats,
    g: Floats,
    p: Floats,
    n: int,
    low: Floats,
    high: Floats,
    damping: float,
    scale: Floats,
    work: Floats,
    trial: Floats,
) -> float:
    """A trial point inside the box and the fall of the sum of squares that the model predicts.

    a[n, n] = J'J (lower part), g[n] = J'r for the residuals r at p[n], low <= p <= high.
    `scale`[n] holds the largest diagonal seen (zeros at the start) and is updated; `work` is
    scratch of at least [n + 3, n]; `trial`[n] is filled. The fall is
    -(2 g'd + d'a d) for d = trial - p: zero when no move helps, NaN when the system is singular,
    and below zero when bounds bend the step so much that only more damping helps.
    """
    right = work[n]
    move = work[n + 1]
    held = work[n + 2]
    for j in range(n):
        scale[j] = max(scale[j], a[j, j], _TINY)
        move[j] = 0.0
        outward = (p[j] <= low[j] and g[j] >= 0.0) or (p[j] >= high[j] and g[j] <= 0.0)
        held[j] = 1.0 if outward else 0.0
    for _ in range(n + 1):
        _system(a, g, n, damping, scale, move, held, work)
        if not cholesky_solve(work, right, n):
            return np.nan
        # The parameter that meets its bound first stays there; the others find their own way.
        first = -1
        least = 1.0
        for j in range(n):
            if held[j] > 0.0:
                continue
            end = low[j] if right[j] < 0.0 else high[j]
            if (p[j] + right[j] - end) * right[j] > 0.0:
                share = (end - p[j]) / right[j]
                if first < 0 or share < least:
                    first = j
                    least = share
        if first < 0:
            break
        held[first] = 1.0
        move[first] = (low[first] if right[first] < 0.0 else high[first]) - p[first]
    for j in range(n):
        if not held[j] > 0.0:
            move[j] = right[j]
        trial[j] = min(max(p[j] + move[j], low[j]), high[j])
    fall = 0.0
    for i in range(n):
        twice = 2.0 * g[i] + a[i, i] * move[i]
        for j in range(i):
            twice += 2.0 * a[i, j] * move[j]
        fall -= move[i] * twice
    return fall


@inlined
def _system(
    a: Floats,
    g: Floats,
    n: int,
    damping: float,
    scale: Floats,
    move: Floats,
    held: Floats,
    work: Floats,
) -> None:
    """The damped equations of the parameters that are free, the others' moves being given."""
    right = work[n]
    for i in range(n):
        right[i] = move[i] if held[i] > 0.0 else -g[i]
    for i in range(n):
        for j in range(i):
            value = a[i, j]
            if held[i] > 0.0 or held[j] > 0.0:
                # A given move leaves the equations of the free ones and goes to their right side.
                if held[i] == 0.0:
                    right[i] -= value * move[j]
                elif held[j] == 0.0:
                    right[j] -= value * move[i]
                value = 0.0
            work[i, j] = value
        work[i, i] = 1.0 if held[i] > 0.0 else a[i, i] + damping * scale[i]


@kernel
def next_damping(gain: float, damping: float, growth: float) -> tuple[float, float]:
    """(damping, growth) after a step whose actual fall was `gain` times the predicted one.

    A step is kept when gain > 0; NaN counts as a failure.
    """
    if gain > 0.0:
        bend = 2.0 * min(gain, 2.0) - 1.0
        factor = 1.0 - bend * bend * bend
        return max(damping * max(factor, 1.0 / 3.0), _LEAST), GROWTH
    return min(damping * growth, _MOST), 2.0 * growth


@kernel
def at_bound(p: Floats, low: Floats, high: Floats) -> int:
    """Parameters that sit on a bound of their box."""
    count = 0
    for j in range(p.size):
        if p[j] <= low[j] or p[j] >= high[j]:
            count += 1
    return count
