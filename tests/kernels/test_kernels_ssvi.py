"""SSVI across expiries: recovery, robustness, and no arbitrage by construction (rules.md 8.4)."""

import math

import numpy as np
import pytest
from curve_rows import make, vols
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.kernels.desk.curves import arbitrage, ssvi
from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves import ssvi_descent as descent

TAUS = np.array([0.05, 0.13, 0.3, 0.6])
THETA = np.array([0.2, 0.21, 0.22, 0.2]) ** 2 * TAUS
FORWARDS = np.full(4, 2.5)
NONE = np.zeros((4, at.ROW))


def surface(rho, gamma, eta, theta=THETA, strikes=15, width=3.0):
    """(k, vol, start) of exact points."""
    k, vol = [], []
    for tau, level in zip(TAUS, theta, strict=True):
        phi = eta * level**-gamma * (1.0 + level) ** (gamma - 1.0)
        grid = np.linspace(-width, width, strikes) * math.sqrt(level)
        k.append(grid)
        vol.append(vols(make(at.SSVI, (level, rho, phi), tau), grid))
    return np.concatenate(k), np.concatenate(vol), np.arange(5) * strikes


def fit(k, vol, weight, start, warm=NONE, rows=None):
    rows = np.full((4, at.ROW), np.nan) if rows is None else rows
    status = ssvi.fit(k, vol, weight, start, start.size - 1, TAUS, FORWARDS, warm, rows)
    return status, rows


def assert_conditions(rows):
    """The sufficient conditions of rules.md 8.4, and the numerical check, on rows with a vol."""
    left = np.ascontiguousarray(rows[rows[:, at.MODEL] == at.SSVI])
    if not left.size:
        return
    theta, rho, phi = left[:, at.P : at.P + 3].T
    assert (theta * phi * (1.0 + abs(rho)) < 4.0).all()
    assert (theta * phi**2 * (1.0 + abs(rho)) <= 4.0).all()
    assert (np.diff(theta) > 0.0).all()
    total = theta * phi
    slope = np.diff(total) / np.diff(theta)
    top = (
        np.full(theta.size - 1, np.inf)
        if rho[0] == 0
        else ((1.0 + math.sqrt(1.0 - rho[0] ** 2)) * np.maximum(phi[1:], phi[:-1]) / rho[0] ** 2)
    )
    assert (np.diff(total) >= -1e-12).all()
    assert (slope <= top + 1e-6).all()
    report = np.empty((len(left), arbitrage.REPORT))
    assert arbitrage.check(left, len(left), report) == 0


@pytest.mark.parametrize("seed", range(12))
def test_exact_points_come_back(seed):
    """Cold from exact points: the surface, and its parameters where the data tell them."""
    rng = np.random.default_rng(seed)
    rho, gamma, eta = rng.uniform(-0.8, 0.8), rng.uniform(0.2, 0.5), rng.uniform(0.3, 0.9)
    k, vol, start = surface(rho, gamma, eta)
    status, rows = fit(k, vol, rng.uniform(0.5, 2.0, k.size), start)
    assert status == at.OK
    assert max(rows[:, at.RMS]) < 2e-5
    assert rows[:, at.P] == pytest.approx(THETA, rel=1e-3)
    assert rows[0, at.P + 1] == pytest.approx(rho, abs=5e-3)
    assert rows[0, [ssvi.GAMMA, ssvi.ETA]] == pytest.approx((gamma, eta), rel=0.03)
    assert (rows[:, at.KEPT] == 15).all()
    assert_conditions(rows)


def test_bad_quotes_do_not_carry_the_surface():
    """Three wild quotes per expiry among fifteen move no vol by more than noise does."""
    rng = np.random.default_rng(5)
    k, exact, start = surface(-0.4, 0.45, 0.6)
    for _ in range(10):
        vol = exact + 0.001 * rng.standard_normal(k.size)
        for first in start[:-1]:
            at_risk = first + rng.choice(15, 3, replace=False)
            vol[at_risk] += rng.choice([-0.08, 0.1, 0.3], 3)
        status, rows = fit(k, vol, np.ones(k.size), start)
        assert status == at.OK
        for i, row in enumerate(rows):
            part = slice(start[i], start[i + 1])
            assert np.abs(vols(row, k[part]) - exact[part]).max() < 0.004
            assert row[at.KEPT] <= 13
        assert_conditions(rows)


def test_few_strikes_and_empty_expiries():
    """One strike sets an expiry's level; none gives NO_MODEL and TOO_FEW, the rest stand."""
    k, vol, _ = surface(-0.4, 0.45, 0.6)
    keep = np.r_[0:15, [20], 45:60]
    status, rows = fit(k[keep], vol[keep], np.ones(keep.size), np.array([0, 15, 16, 16, 31]))
    assert status == at.OK
    assert list(rows[:, at.STATUS]) == [at.OK, at.OK, at.TOO_FEW, at.OK]
    assert list(rows[:, at.MODEL]) == [at.SSVI, at.SSVI, at.NO_MODEL, at.SSVI]
    assert rows[1, at.P] == pytest.approx(THETA[1], rel=2e-3)
    assert (rows[1, at.K_LOW], rows[1, at.K_HIGH]) == (min(k[20], 0.0), max(k[20], 0.0))
    assert_conditions(rows)


@pytest.mark.parametrize("spoiled", [0.0, math.nan, 5.0, 0.0001])
def test_unusable_points_are_left_out(spoiled):
    """NaN, zero and clipped vols, zero weights and NaN places do not count."""
    k, vol, start = surface(0.2, 0.5, 0.6)
    weight = np.ones(k.size)
    _, expected = fit(
        np.delete(k, [3, 8, 50]),
        np.delete(vol, [3, 8, 50]),
        np.ones(57),
        np.array([0, 13, 28, 43, 57]),
    )
    vol[3] = spoiled
    weight[8], k[50] = 0.0, math.nan
    assert fit(k, vol, weight, start)[1].tobytes() == expected.tobytes()


def test_too_few_points():
    """Two points are no surface: no row is said to be one."""
    k, vol, start = surface(0.2, 0.5, 0.6)
    weight = np.zeros(k.size)
    weight[:2] = 1.0
    status, rows = fit(k, vol, weight, start)
    assert status == at.TOO_FEW
    assert (rows[:, at.MODEL] == at.NO_MODEL).all()
    assert np.isnan(rows[:, at.P]).all()


def test_an_expiry_that_the_shape_misses_gets_no_curve():
    """Ten vol points off (the eve of expiry in a crash): no curve instead of a degenerate one."""
    k, vol, start = surface(0.2, 0.5, 0.6)
    vol[:15] += np.where(np.arange(15) % 2 == 0, 0.25, -0.1)
    _, rows = fit(k, vol, np.ones(k.size), start)
    assert (rows[0, at.MODEL], rows[0, at.STATUS]) == (at.NO_MODEL, at.SINGULAR)
    assert (rows[1:, at.MODEL] == at.SSVI).all()


def test_falling_variance_is_pooled():
    """Where quotes say that total variance falls, theta is flat at their mean, no less."""
    theta = THETA.copy()
    theta[1], theta[2] = THETA[2], THETA[1]
    k, vol, start = surface(-0.3, 0.5, 0.5, theta)
    _, rows = fit(k, vol, np.ones(k.size), start)
    assert rows[1, at.P] == pytest.approx(rows[2, at.P], rel=1e-6)
    assert THETA[1] < rows[1, at.P] < THETA[2]
    assert_conditions(rows)


def test_warm_rows_may_be_the_output():
    """A second fit from its own rows stays put, in fewer steps, and is deterministic."""
    rng = np.random.default_rng(2)
    k, vol, start = surface(-0.4, 0.45, 0.6)
    vol = vol + 0.001 * rng.standard_normal(k.size)
    _, cold = fit(k, vol, np.ones(k.size), start)
    rows = cold.copy()
    fit(k, vol, np.ones(k.size), start, rows, rows)
    assert np.abs(rows[:, at.P] / cold[:, at.P] - 1.0).max() < 1e-4
    assert rows[0, at.ITERATIONS] <= cold[0, at.ITERATIONS]
    assert fit(k, vol, np.ones(k.size), start, cold)[1].tobytes() == rows.tobytes()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_no_arbitrage_whatever_the_quotes(data):
    """Random vols at random strikes: the surface keeps the conditions and the check agrees."""
    counts = [data.draw(st.integers(0, 8)) for _ in range(4)]
    start = np.cumsum([0, *counts])
    n = int(start[-1])
    k = np.array([data.draw(st.floats(-0.6, 0.6)) for _ in range(n)])
    vol = np.array([data.draw(st.floats(0.02, 1.0)) for _ in range(n)])
    weight = np.array([data.draw(st.floats(0.01, 10.0)) for _ in range(n)])
    status, rows = fit(k, vol, weight, start)
    assert (status == at.TOO_FEW) == (n < 3)
    if n >= 3:
        assert np.isfinite(rows[rows[:, at.MODEL] == at.SSVI, at.P : at.P + 5]).all()
        assert_conditions(rows)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)), min_size=1, max_size=7))
def test_pooling_is_isotonic_regression(pairs):
    """Pool adjacent violators against the min-max formula of isotonic least squares."""
    values, weights = (np.array(column) for column in zip(*pairs, strict=True))
    n = values.size
    expected = [
        max(
            min(np.average(values[a : b + 1], weights=weights[a : b + 1]) for b in range(i, n))
            for a in range(i + 1)
        )
        for i in range(n)
    ]
    out = values.copy()
    descent.monotone(out, weights, n, 0.0)
    assert out == pytest.approx(expected, rel=1e-9)
