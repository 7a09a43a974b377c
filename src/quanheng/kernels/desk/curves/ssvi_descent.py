"""The descent under the SSVI fit: Levenberg-Marquardt over ln theta per expiry and one shape.

The thetas meet only through the shape (rho, gamma, eta), so each step is a 3x3 system; it is
projected on the bounds of `ssvi.py`, with theta pooled where it would fall (pool adjacent
violators). Points are columns of table[4]: k, vol, weight and the robust factor of the weight.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import inlined, kernel
from quanheng.kernels.math.elementary import exp, log

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RHO = 0
GAMMA = 1
ETA = 2
SHAPE = 3
K = 0
VOL = 1
WEIGHT = 2
ROBUST = 3
RHO_MOST = 0.99
ETA_LEAST = 1e-3
_STEEP = 0.9999
RISE = 1e-7
"""Smallest relative rise of theta from one expiry to the next."""
ITERATIONS = 30
_TRIES = 8
_VOL_LEAST = 0.01
"""Vol at the money: a few far quotes alone could otherwise take it to nothing."""
_SETTLED = 1e-9
_LONGEST = 0.5


@inlined
def power_law(theta: float, eta: float, gamma: float) -> float:
    """phi = eta theta^-gamma (1 + theta)^(gamma - 1) of a positive theta."""
    return eta * exp((gamma - 1.0) * log(1.0 + theta) - gamma * log(theta))


@kernel
def eta_most(theta: Floats, n: int, rho: float, gamma: float) -> float:
    """Largest eta with theta phi (1 + |rho|) < 4 and theta phi^2 (1 + |rho|) < 4 everywhere."""
    most = np.inf
    for i in range(n):
        phi = power_law(theta[i], 1.0, gamma)
        more = theta[i] * (1.0 + abs(rho))
        most = min(most, min(4.0 / more, 2.0 / math.sqrt(more)) / phi)
    return _STEEP * most


@kernel
def monotone(values: Floats, weights: Floats, n: int, rise: float) -> None:
    """Make values[:n] rise in place: weighted least squares by pooling adjacent violators.

    Each value is then at least (1 + rise) times the one before.
    """
    pooled = np.empty(n)
    mass = np.empty(n)
    size = np.empty(n, dtype=np.int64)
    blocks = 0
    for i in range(n):
        pooled[blocks] = values[i]
        mass[blocks] = weights[i]
        size[blocks] = 1
        blocks += 1
        while blocks > 1 and pooled[blocks - 2] >= pooled[blocks - 1]:
            blocks -= 1
            total = mass[blocks - 1] + mass[blocks]
            share = mass[blocks] / total if total > 0.0 else 0.5
            pooled[blocks - 1] += share * (pooled[blocks] - pooled[blocks - 1])
            mass[blocks - 1] = total
            size[blocks - 1] += size[blocks]
    place = 0
    for block in range(blocks):
        for _ in range(size[block]):
            values[place] = pooled[block]
            place += 1
    for i in range(1, n):
        values[i] = max(values[i], values[i - 1] * (1.0 + rise))


@inlined
def _slice(theta: float, p: Floats, k: float, tau: float, slopes: Floats) -> float:
    """Vol of a slice at k; slopes = its derivatives in ln theta, rho, gamma, eta.

    slopes[4] is phi on entry, worked out once per slice.
    """
    phi = slopes[4]
    rho = p[RHO]
    z = phi * k + rho
    root = math.sqrt(z * z + (1.0 - rho * rho))
    half = 0.5 * theta
    w = half * (1.0 + rho * phi * k + root)
    vol = math.sqrt(w / tau)
    scale = 0.5 / (vol * tau)
    by_phi = half * k * (rho + z / root) * phi * scale
    slopes[0] = w * scale - by_phi * (p[GAMMA] + (1.0 - p[GAMMA]) * theta / (1.0 + theta))
    slopes[1] = half * phi * k * (1.0 + 1.0 / root) * scale
    slopes[2] = by_phi
    slopes[3] = by_phi / p[ETA]
    return vol


@kernel
def misses_of(
    table: Floats, first: Ints, n: int, taus: Floats, theta: Floats, p: Floats, out: Floats
) -> None:
    """out = model vol less vol of every point."""
    slopes = np.empty(5)
    for i in range(n):
        slopes[4] = power_law(theta[i], p[ETA], p[GAMMA])
        for j in range(first[i], first[i + 1]):
            out[j] = _slice(theta[i], p, table[K, j], taus[i], slopes) - table[VOL, j]


@kernel
def _pull(p: Floats, prior: Floats) -> float:
    """Penalty of a shape away from the prior; prior[SHAPE] is its strength."""
    total = 0.0
    for j in range(SHAPE):
        total += (p[j] - prior[j]) * (p[j] - prior[j])
    return float(prior[SHAPE] * total)


@kernel
def cost_of(
    table: Floats, first: Ints, n: int, taus: Floats, theta: Floats, p: Floats, prior: Floats
) -> float:
    """Weighted mean squared miss plus the pull of the prior."""
    misses = np.empty(table.shape[1])
    misses_of(table, first, n, taus, theta, p, misses)
    total = _pull(p, prior)
    for j in range(first[n]):
        total += table[WEIGHT, j] * table[ROBUST, j] * misses[j] * misses[j]
    return total


@kernel
def _normal(
    table: Floats,
    first: Ints,
    n: int,
    taus: Floats,
    theta: Floats,
    p: Floats,
    prior: Floats,
    arrow: Floats,
    dense: Floats,
) -> None:
    """Normal equations in arrow form.

    arrow[i] = (A, B1, B2, B3, gradient) of ln theta i; dense[3, 4] = C and the gradient of the
    shape.
    """
    slopes = np.empty(5)
    for j in range(SHAPE):
        for a in range(SHAPE):
            dense[j, a] = 0.0
        dense[j, j] = prior[SHAPE]
        dense[j, SHAPE] = prior[SHAPE] * (p[j] - prior[j])
    for i in range(n):
        for a in range(5):
            arrow[i, a] = 0.0
        phi = power_law(theta[i], p[ETA], p[GAMMA])
        odds = log((1.0 + theta[i]) / theta[i])
        for j in range(first[i], first[i + 1]):
            slopes[4] = phi
            miss = _slice(theta[i], p, table[K, j], taus[i], slopes) - table[VOL, j]
            slopes[2] *= odds
            weight = table[WEIGHT, j] * table[ROBUST, j]
            arrow[i, 4] += weight * slopes[0] * miss
            for a in range(4):
                arrow[i, a] += weight * slopes[0] * slopes[a]
            for a in range(SHAPE):
                dense[a, SHAPE] += weight * slopes[a + 1] * miss
                for b in range(a + 1):
                    dense[a, b] += weight * slopes[a + 1] * slopes[b + 1]


@kernel
def _solve_three(a: Floats, b: Floats) -> bool:
    """Solve a symmetric positive 3x3 system in place by Cholesky (lower part); b is the answer."""
    for i in range(SHAPE):
        for j in range(i + 1):
            total = a[i, j]
            for m in range(j):
                total -= a[i, m] * a[j, m]
            if i == j:
                if not (total > 0.0):
                    return False
                a[i, i] = math.sqrt(total)
            else:
                a[i, j] = total / a[j, j]
    for i in range(SHAPE):
        total = b[i]
        for m in range(i):
            total -= a[i, m] * b[m]
        b[i] = total / a[i, i]
    for i in range(SHAPE - 1, -1, -1):
        total = b[i]
        for m in range(i + 1, SHAPE):
            total -= a[m, i] * b[m]
        b[i] = total / a[i, i]
    return True


@kernel
def _step(
    arrow: Floats, dense: Floats, n: int, damping: float, theta: Floats, p: Floats, most: float
) -> bool:
    """Move theta and p by one damped step; a shape parameter pushed at its bound stays there."""
    a = np.empty((SHAPE, SHAPE))
    b = np.empty(SHAPE)
    for i in range(SHAPE):
        b[i] = -dense[i, SHAPE]
        for j in range(i + 1):
            a[i, j] = dense[i, j]
        a[i, i] += damping * dense[i, i]
    for s in range(n):
        own = arrow[s, 0] * (1.0 + damping) + 1e-300
        for i in range(SHAPE):
            b[i] += arrow[s, i + 1] * arrow[s, 4] / own
            for j in range(i + 1):
                a[i, j] -= arrow[s, i + 1] * arrow[s, j + 1] / own
    for i in range(SHAPE):
        low = -RHO_MOST if i == RHO else (0.0 if i == GAMMA else ETA_LEAST)
        high = RHO_MOST if i == RHO else (1.0 if i == GAMMA else most)
        if (p[i] <= low and b[i] < 0.0) or (p[i] >= high and b[i] > 0.0):
            for j in range(SHAPE):
                a[max(i, j), min(i, j)] = 0.0
            a[i, i] = 1.0
            b[i] = 0.0
    if not _solve_three(a, b):
        return False
    for s in range(n):
        own = arrow[s, 0] * (1.0 + damping) + 1e-300
        move = -arrow[s, 4]
        for i in range(SHAPE):
            move -= arrow[s, i + 1] * b[i]
        theta[s] *= exp(min(max(move / own, -_LONGEST), _LONGEST))
    for i in range(SHAPE):
        p[i] += b[i]
    return True


@kernel
def project(theta: Floats, p: Floats, mass: Floats, taus: Floats, n: int) -> None:
    """Back into the set of surfaces without arbitrage; mass[n] weighs the thetas."""
    monotone(theta, mass, n, RISE)
    for i in range(n):
        theta[i] = max(theta[i], _VOL_LEAST * _VOL_LEAST * taus[i])
    p[RHO] = min(max(p[RHO], -RHO_MOST), RHO_MOST)
    p[GAMMA] = min(max(p[GAMMA], 0.0), 1.0)
    most = eta_most(theta, n, p[RHO], p[GAMMA])
    p[ETA] = min(max(p[ETA], min(ETA_LEAST, most)), most)


@kernel
def copy(values: Floats, out: Floats, n: int) -> None:
    """out[:n] = values[:n]."""
    for i in range(n):
        out[i] = values[i]


@kernel
def descend(
    table: Floats, first: Ints, n: int, taus: Floats, theta: Floats, p: Floats, prior: Floats
) -> int:
    """Levenberg-Marquardt in place; iterations used, or ITERATIONS when it did not settle."""
    arrow = np.empty((n, 5))
    dense = np.empty((SHAPE, 4))
    mass = np.empty(n)
    new_theta = np.empty(n)
    new_p = np.empty(SHAPE)
    damping = 1e-3
    cost = cost_of(table, first, n, taus, theta, p, prior)
    for iteration in range(ITERATIONS):
        _normal(table, first, n, taus, theta, p, prior, arrow, dense)
        for i in range(n):
            mass[i] = arrow[i, 0]
        most = eta_most(theta, n, p[RHO], p[GAMMA])
        found = False
        before = cost
        for _ in range(_TRIES):
            copy(theta, new_theta, n)
            copy(p, new_p, SHAPE)
            if _step(arrow, dense, n, damping, new_theta, new_p, most * (1.0 - 1e-9)):
                project(new_theta, new_p, mass, taus, n)
                trial = cost_of(table, first, n, taus, new_theta, new_p, prior)
                if trial < cost:
                    copy(new_theta, theta, n)
                    copy(new_p, p, SHAPE)
                    cost = trial
                    damping = max(0.1 * damping, 1e-9)
                    found = True
                    break
            damping = min(10.0 * damping, 1e9)
        if not found or before - cost <= _SETTLED * before + 1e-18:
            return iteration + 1
    return ITERATIONS
