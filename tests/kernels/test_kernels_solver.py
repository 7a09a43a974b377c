"""The small solver and the bounded Levenberg-Marquardt step (R-05)."""

import math

import numpy as np
import pytest
from scipy.optimize import least_squares

from quanheng.kernels.jit import kernel
from quanheng.kernels.math import levenberg
from quanheng.kernels.math.solve import cholesky_solve


@kernel
def solve(a, b, n):
    """The inlined solver as a call of its own."""
    return cholesky_solve(a, b, n)


@kernel
def step(a, g, p, n, low, high, damping, scale, work, trial):
    """The inlined step as a call of its own."""
    return levenberg.step(a, g, p, n, low, high, damping, scale, work, trial)


def test_solutions_against_numpy():
    """Random positive definite systems of one to ten unknowns, badly scaled ones among them."""
    rng = np.random.default_rng(5)
    for _ in range(200):
        n = int(rng.integers(1, 11))
        half = rng.normal(size=(n + 2, n)) * 10.0 ** rng.uniform(-3, 3, n)
        a, b = half.T @ half, rng.normal(size=n)
        wanted = np.linalg.solve(a, b)
        x = b.copy()
        lower = np.tril(a) + np.triu(np.full((n, n), np.nan), 1)
        assert solve(lower, x, n)
        assert np.max(np.abs(a @ x - b)) <= 1e-12 * np.max(np.abs(a) @ np.abs(x))
        assert np.allclose(x, wanted, rtol=1e-4, atol=0) or np.linalg.cond(a) > 1e9


@pytest.mark.parametrize(
    "a",
    [
        [[1.0, 2.0], [2.0, 1.0]],
        [[1.0, 1.0], [1.0, 1.0]],
        [[math.nan, 0], [0, 1]],
        [[-1.0, 0], [0, 1]],
    ],
)
def test_a_matrix_that_is_not_positive_definite_is_refused(a):
    """Indefinite, singular, negative or NaN: False."""
    assert not solve(np.array(a), np.ones(2), 2)


def descend(residuals, jacobian, p, low, high, most=300):
    """A plain loop around the step, as the caller of the kernel writes it: (p, steps)."""
    n = p.size
    p = np.minimum(np.maximum(p, low), high)
    damping, growth = levenberg.START, levenberg.GROWTH
    scale, work, trial = np.zeros(n), np.empty((n + 3, n)), np.empty(n)
    r, cost = residuals(p), math.inf
    cost = r @ r
    for done in range(most):
        j = jacobian(p)
        fall = step(j.T @ j, j.T @ r, p, n, low, high, damping, scale, work, trial)
        assert (trial >= low).all()
        assert (trial <= high).all()
        if 0 <= fall <= 1e-15 * cost + 1e-30 and damping < 1:
            return p, done
        fresh = residuals(trial)
        gain = (cost - fresh @ fresh) / fall if fall > 0 else -1.0
        damping, growth = levenberg.next_damping(gain, damping, growth)
        if gain > 0:
            p, r, cost = trial.copy(), fresh, fresh @ fresh
    return p, most


def exponentials(rng):
    """y = p0 exp(-p1 t) + p2 + noise in a random box, some of which cut the optimum off."""
    t = np.linspace(0, 3, 25)
    true = rng.uniform([0.5, 0.3, -1], [3, 2, 1])
    y = true[0] * np.exp(-true[1] * t) + true[2] + rng.normal(0, 0.02, t.size)
    low = true - rng.uniform(-0.3, 2, 3)
    high = np.maximum(true + rng.uniform(-0.3, 2, 3), low + 0.1)
    low[1], high[1] = max(low[1], 0.05), max(high[1], 0.2)

    def residuals(p):
        return p[0] * np.exp(-p[1] * t) + p[2] - y

    def jacobian(p):
        e = np.exp(-p[1] * t)
        return np.stack([e, -p[0] * t * e, np.ones(t.size)], axis=1)

    return residuals, jacobian, low, high


def test_bounded_problems_against_scipy():
    """Sixty random problems in boxes, half of them with active bounds: scipy's least or better."""
    rng = np.random.default_rng(8)
    active = missed = 0
    for _ in range(60):
        residuals, jacobian, low, high = exponentials(rng)
        start = 0.5 * (low + high)
        ours, steps = descend(residuals, jacobian, start, low, high)
        peer = least_squares(residuals, start, jacobian, (low, high), xtol=1e-14, ftol=1e-14)
        r = residuals(ours)
        missed += not r @ r <= 2 * peer.cost * (1 + 1e-6) + 1e-12
        assert steps < 200
        held = levenberg.at_bound(ours, low, high)
        active += held > 0
    assert 20 < active < 60
    # A box can have several least points; both solvers find one.
    assert missed <= 1


def test_rosenbrock_from_the_classic_start():
    """The valley of Rosenbrock in less than forty steps, and its bounded form at the bound."""

    def residuals(p):
        return np.array([10 * (p[1] - p[0] ** 2), 1 - p[0]])

    def jacobian(p):
        return np.array([[-20 * p[0], 10.0], [-1.0, 0.0]])

    wide = np.array([-5.0, -5.0]), np.array([5.0, 5.0])
    p, steps = descend(residuals, jacobian, np.array([-1.2, 1.0]), *wide)
    assert p == pytest.approx([1, 1], abs=1e-7)
    assert steps < 40
    p, _ = descend(residuals, jacobian, np.array([-1.2, 1.0]), wide[0], np.array([0.5, 5.0]))
    assert p == pytest.approx([0.5, 0.25], abs=1e-7)


def test_a_step_that_hits_a_bound_solves_the_rest():
    """The minimum of a quadratic in a box in one undamped step, with the exact predicted fall."""
    a = np.array([[2.0, 1.0], [1.0, 2.0]])
    trial, work = np.empty(2), np.empty((5, 2))
    g = np.array([-4.0, -2.0])
    fall = step(a, g, np.zeros(2), 2, -np.ones(2), np.ones(2), 0.0, np.zeros(2), work, trial)
    assert trial == pytest.approx([1.0, 0.5])
    assert fall == pytest.approx(-(2 * g @ trial + trial @ a @ trial))
    # On the bound and pushed outwards: it stands still, and does not hold the other one.
    fall = step(
        a, g, np.array([1.0, 0.0]), 2, -np.ones(2), np.ones(2), 0.0, np.zeros(2), work, trial
    )
    assert trial == pytest.approx([1.0, 1.0])
    assert fall > 0


def test_damping_follows_the_gain():
    """Good steps lower it to a third at most, failures double, quadruple …; NaN is a failure."""
    assert levenberg.next_damping(1.0, 0.3, 2.0) == (pytest.approx(0.1), 2.0)
    assert levenberg.next_damping(0.5, 0.3, 8.0) == (pytest.approx(0.3), 2.0)
    assert levenberg.next_damping(-1.0, 0.3, 2.0) == (pytest.approx(0.6), 4.0)
    assert levenberg.next_damping(math.nan, 0.6, 4.0) == (pytest.approx(2.4), 8.0)


def test_a_singular_system_gives_nan():
    """Without damping and without curvature in a direction there is no step."""
    a, work, trial = np.zeros((2, 2)), np.empty((5, 2)), np.empty(2)
    fall = step(
        a, np.ones(2), np.zeros(2), 2, -np.ones(2), np.ones(2), 0.0, np.zeros(2), work, trial
    )
    assert math.isnan(fall)
