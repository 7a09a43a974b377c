"""The forward by parity and the robust smile."""

import math

import numpy as np
import pytest

from quanheng.kernels.desk import black, curve, forward

NONE = np.full(curve.PARAMS, np.nan)


def pairs(strikes, at, discount=0.99, width=0.002):
    """Columns strike, call mid and width, put mid and width that imply one forward."""
    strike = np.array(strikes, dtype=np.float64)
    call = np.array([black.price_one(1.0, at, k, 0.2, 0.1, discount) for k in strike])
    put = call - discount * (at - strike)
    return [strike, call, np.full(strike.size, width), put, np.full(strike.size, width)]


def test_the_worked_example_of_the_rules():
    """S 2.963, K 2.95, C .0712, P .0568, r 1.8 %, T 28/243 gives F 2.964430 (rules.md 8.2)."""
    discount = black.discount_factor(0.018, 28 / 243)
    one = [np.array([v]) for v in (2.95, 0.0712, 0.0004, 0.0568, 0.0004)]
    found, weight, used = forward.parity_forward(*one, 1, discount, 2.963)
    assert (round(found, 6), used) == (2.964430, 1)
    assert weight == pytest.approx(1 / 0.0008**2)


def test_forward_uses_the_nearest_four_and_skips_missing_quotes():
    """Far or unquoted strikes do not touch the forward; ties and NaN are settled."""
    columns = pairs([2.3, 2.4, 2.45, 2.5, 2.55, 2.6, 2.7], 2.512)
    columns[1][0] = columns[1][6] = 9.0
    columns[3][3] = math.nan
    found, _, used = forward.parity_forward(*columns, 7, 0.99, 2.51)
    assert used == 4
    assert found == pytest.approx(2.512, abs=1e-12)
    columns[2][4] = -0.001
    assert forward.parity_forward(*columns, 5, 0.99, 2.51)[2] == 3
    columns[4][:] = math.nan
    assert math.isnan(forward.parity_forward(*columns, 7, 0.99, 2.51)[0])
    assert forward.parity_forward(*columns, 0, 0.99, 2.51)[1:] == (0.0, 0)


def test_forward_weighs_by_the_squared_width():
    """A pair ten times as wide counts a hundredth."""
    columns = pairs([2.5, 2.55], 2.5)
    columns[1][1] += 0.101 * 0.99
    columns[2][1] = columns[4][1] = 0.02
    found, _, used = forward.parity_forward(*columns, 2, 0.99, 2.51)
    assert used == 2
    assert found == pytest.approx(2.501, abs=1e-12)


def smile(rng):
    return np.array(
        [rng.uniform(0.1, 0.5), rng.uniform(-0.05, 0.05), *rng.uniform(0, 0.1, 2), -9, 9, 0, 0]
    )


def values(params, x):
    out = np.empty(x.size)
    curve.vols_at(params, x, x.size, out)
    return out


def test_fit_recovers_a_clean_smile():
    """Exact points give the coefficients back, cold or from a wrong warm curve."""
    rng = np.random.default_rng(1)
    for _ in range(100):
        true, x, out = smile(rng), np.sort(rng.uniform(-1, 1, 15)), np.empty(curve.PARAMS)
        vol, weight = values(true, x), rng.uniform(1, 4, 15)
        assert curve.fit(x, vol, weight, 15, NONE, out) == curve.OK
        assert np.max(np.abs(values(out, x) - vol)) < 1e-5
        assert (out[curve.X_LOW], out[curve.X_HIGH]) == (min(x[0], 0.0), max(x[-1], 0.0))
        shifted = out.copy()
        shifted[curve.LEVEL] += 0.01
        assert curve.fit(x, vol, weight, 15, shifted, shifted) == curve.OK
        assert np.max(np.abs(values(shifted, x) - vol)) < 5e-4


def dirty(rng, true, n):
    """A noisy smile with one point in five far off."""
    x = np.sort(rng.uniform(-1, 1, n))
    vol = values(true, x) + rng.normal(0, 1e-4, n)
    bad = rng.choice(n, n // 5, replace=False)
    vol[bad] += rng.choice([-1, 1], bad.size) * rng.uniform(0.02, 0.08, bad.size)
    return x, vol, rng.uniform(1, 4, n)


def test_fit_survives_one_bad_point_in_five():
    """20 % outliers move the curve by less than 0.1 vol point, warm always, cold in 97 %."""
    rng = np.random.default_rng(2)
    cold, warm = [], []
    for _ in range(300):
        true, n, out = smile(rng), int(rng.integers(14, 25)), np.empty(curve.PARAMS)
        x, vol, weight = dirty(rng, true, n)
        assert curve.fit(x, vol, weight, n, NONE, out) == curve.OK
        cold.append(np.max(np.abs(values(out, x) - values(true, x))))
        last = true.copy()
        last[curve.LEVEL] -= 0.004
        assert curve.fit(x, vol, weight, n, last, out) == curve.OK
        warm.append(np.max(np.abs(values(out, x) - values(true, x))))
    assert np.mean(np.array(cold) < 1e-3) >= 0.97
    assert max(warm) < 1e-3


def test_fit_follows_a_wing_that_moves_as_a_whole():
    """Three call quotes that all leave the last curve are news, not bad quotes."""
    x = np.array([-0.9, -0.7, -0.5, -0.4, -0.3, -0.2, -0.1, -0.05, 0.3, 0.6, 0.9])
    last = np.array([0.2, -0.02, 0.05, 0.05, -0.9, 0.9, 0.0, 11.0])
    moved = last.copy()
    moved[curve.CALL_CURVATURE] = 0.15
    vol, out = values(moved, x), np.empty(curve.PARAMS)
    assert curve.fit(x, vol, np.ones(11), 11, last, out) == curve.OK
    assert np.max(np.abs(values(out, x) - vol)) < 1e-3
    for _ in range(3):
        assert curve.fit(x, vol, np.ones(11), 11, out, out) == curve.OK
    assert np.max(np.abs(values(out, x) - vol)) < 1e-4


def test_fit_says_when_it_cannot():
    """Fewer than three usable points keep the warm curve, or NaN when there is none."""
    x, vol, weight = np.array([-0.1, 0.0, 0.1, 0.2]), np.full(4, 0.2), np.ones(4)
    vol[1], weight[2] = math.nan, 0.0
    out = np.empty(curve.PARAMS)
    assert curve.fit(x, vol, weight, 4, NONE, out) == curve.TOO_FEW
    assert np.isnan(out).all()
    assert math.isnan(curve.vol_at(out, 0.0))
    last = np.array([0.3, 0, 0, 0, -1, 1, 0, 5.0])
    assert curve.fit(x, vol, weight, 4, last, out) == curve.TOO_FEW
    assert out.tolist() == last.tolist()
    vol[1] = 0.2
    assert curve.fit(x, vol, weight, 4, NONE, out) == curve.OK
    assert curve.vol_at(out, 0.05) == pytest.approx(0.2, abs=1e-6)


def test_wings_are_flat_and_clipped():
    """Beyond the last quoted x the vol is that of the last x, within 0.05 % .. 400 %."""
    params = np.array([0.2, -0.1, 0.5, 0.4, -0.5, 0.6, 0.0, 9.0])
    assert curve.vol_at(params, -3.0) == curve.vol_at(params, -0.5) == 0.2 + 0.05 + 0.125
    assert curve.vol_at(params, 3.0) == curve.vol_at(params, 0.6)
    assert curve.vol_at(np.array([0.2, 0, 90, 0, -1, 1, 0, 9.0]), -1.0) == 4.0
    assert curve.vol_at(np.array([0.2, -3.0, 0, 0, -1, 1, 0, 9.0]), 1.0) == 0.0005
