"""The robust fit of the wing model (I-31, R-05)."""

import math

import numpy as np
import pytest

from quanheng.kernels.desk.curves import arbitrage, fits, repair, smile
from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves.wing import cut_offs, fit_wing

NONE = np.full(at.ROW, np.nan)
TAU = 0.1
AUTO = math.nan


def row_of(level, slope, put, call, down=-0.3, up=0.3):
    """A wing row."""
    row = np.zeros(at.ROW)
    row[at.MODEL], row[at.TAU], row[at.FORWARD] = at.WING, TAU, 2.5
    row[at.P : at.P + 8] = level, slope, put, call, down, up, 0.5, 0.5
    row[at.K_LOW], row[at.K_HIGH] = down, up
    return row


def draw(rng):
    """A random smile with cut-offs beyond all quotes."""
    scale = math.sqrt(TAU)
    return row_of(
        rng.uniform(0.1, 0.5),
        rng.uniform(-0.05, 0.05) / scale,
        *(rng.uniform(0, 0.1, 2) / TAU),
        down=-9.0,
        up=9.0,
    )


def fit(k, vol, weight, warm, out, down=AUTO, up=AUTO):
    return fit_wing(k, vol, weight, k.size, TAU, 2.5, down, up, warm, out)


def values(row, k):
    out = np.empty(k.size)
    smile.vols_at(row, k, k.size, out)
    return out


def quotes(rng, n):
    return np.sort(rng.uniform(-1, 1, n)) * math.sqrt(TAU)


def test_fit_recovers_a_clean_smile():
    """Exact points give the coefficients back, cold or from a wrong warm curve."""
    rng = np.random.default_rng(1)
    for _ in range(100):
        true, k, out = draw(rng), quotes(rng, 15), np.empty(at.ROW)
        vol, weight = values(true, k), rng.uniform(1, 4, 15)
        assert fit(k, vol, weight, NONE, out) == at.OK
        assert np.max(np.abs(values(out, k) - vol)) < 1e-5
        assert (out[at.K_LOW], out[at.K_HIGH]) == (min(k[0], 0.0), max(k[-1], 0.0))
        assert out[at.KEPT] == 15
        assert (out[at.MODEL], out[at.TAU], out[at.FORWARD]) == (at.WING, TAU, 2.5)
        assert math.isnan(out[at.MIN_G])
        shifted = out.copy()
        shifted[at.P] += 0.01
        assert fit(k, vol, weight, shifted, shifted) == at.OK
        assert np.max(np.abs(values(shifted, k) - vol)) < 5e-4


def test_fit_sees_quotes_in_the_smoothing_zones():
    """With given cut-offs, quotes beyond them count by the model's own tail."""
    rng = np.random.default_rng(4)
    true, k = row_of(0.2, -0.1, 0.8, 0.6, -0.1, 0.12), np.linspace(-0.2, 0.2, 21)
    vol, out = values(true, k), np.empty(at.ROW)
    assert fit(k, vol, np.ones(21), NONE, out, -0.1, 0.12) == at.OK
    assert np.max(np.abs(values(out, k) - vol)) < 1e-6
    assert out[at.P : at.P + 4] == pytest.approx([0.2, -0.1, 0.8, 0.6], abs=1e-4)
    order = rng.permutation(21)
    again = np.empty(at.ROW)
    fit(k[order].copy(), vol[order].copy(), np.ones(21), NONE, again, -0.1, 0.12)
    assert again[at.P : at.P + 8] == pytest.approx(out[at.P : at.P + 8], rel=1e-9)


def dirty(rng, true, n):
    """A noisy smile with one point in five far off."""
    k = quotes(rng, n)
    vol = values(true, k) + rng.normal(0, 1e-4, n)
    bad = rng.choice(n, n // 5, replace=False)
    vol[bad] += rng.choice([-1, 1], bad.size) * rng.uniform(0.02, 0.08, bad.size)
    return k, vol, rng.uniform(1, 4, n)


def test_fit_survives_one_bad_point_in_five():
    """20 % outliers move the curve by less than 0.1 vol point, warm always, cold in 97 %."""
    rng = np.random.default_rng(2)
    cold, warm = [], []
    for _ in range(300):
        true, n, out = draw(rng), int(rng.integers(14, 25)), np.empty(at.ROW)
        k, vol, weight = dirty(rng, true, n)
        assert fit(k, vol, weight, NONE, out) == at.OK
        cold.append(np.max(np.abs(values(out, k) - values(true, k))))
        last = true.copy()
        last[at.P] -= 0.004
        assert fit(k, vol, weight, last, out) == at.OK
        warm.append(np.max(np.abs(values(out, k) - values(true, k))))
    assert np.mean(np.array(cold) < 1e-3) >= 0.97
    assert max(warm) < 1e-3


def test_fit_follows_a_wing_that_moves_as_a_whole():
    """Three call quotes that all leave the last curve are news, not bad quotes."""
    scale = math.sqrt(TAU)
    k = scale * np.array([-0.9, -0.7, -0.5, -0.4, -0.3, -0.2, -0.1, -0.05, 0.3, 0.6, 0.9])
    last = row_of(0.2, -0.02 / scale, 0.5, 0.5, -0.9 * scale, 0.9 * scale)
    moved = last.copy()
    moved[at.P + 3] = 1.5
    vol, out = values(moved, k), np.empty(at.ROW)
    assert fit(k, vol, np.ones(11), last, out) == at.OK
    assert np.max(np.abs(values(out, k) - vol)) < 1e-3
    for _ in range(3):
        assert fit(k, vol, np.ones(11), out, out) == at.OK
    assert np.max(np.abs(values(out, k) - vol)) < 1e-4


def test_fit_is_stable_under_adding_or_removing_an_outer_strike():
    """A far quote that comes or goes moves the vols of the others by its noise, not more (D31)."""
    rng = np.random.default_rng(6)
    worst = 0.0
    for _ in range(100):
        true, k = draw(rng), quotes(rng, 15)
        vol = values(true, k) + rng.normal(0, 3e-4, 15)
        weight, full, less = np.ones(15), np.empty(at.ROW), np.empty(at.ROW)
        assert fit(k, vol, weight, NONE, full) == at.OK
        weight[0] = 0.0
        assert fit(k, vol, weight, full, less) == at.OK
        worst = max(worst, np.max(np.abs(values(full, k[1:]) - values(less, k[1:]))))
    assert worst < 2e-3


def test_fit_says_when_it_cannot():
    """Fewer than three usable points keep the warm curve, or none when there is none (D19)."""
    k, vol, weight = np.array([-0.1, 0.0, 0.1, 0.2]), np.full(4, 0.2), np.ones(4)
    vol[1], weight[2] = math.nan, 0.0
    out = np.empty(at.ROW)
    assert fit(k, vol, weight, NONE, out) == at.TOO_FEW
    assert (out[at.MODEL], out[at.STATUS]) == (at.NO_MODEL, at.TOO_FEW)
    assert math.isnan(smile.vol_at(out, 0.0))
    last = row_of(0.3, 0, 0, 0)
    assert fit(k, vol, weight, last, out) == at.TOO_FEW
    assert out[: at.STATUS].tolist() == last[: at.STATUS].tolist()
    assert out[at.STATUS] == at.TOO_FEW
    vol[1] = 0.2
    assert fit(k, vol, weight, NONE, out) == at.OK
    assert smile.vol_at(out, 0.05) == pytest.approx(0.2, abs=1e-6)
    assert fit(np.zeros(4), vol, np.ones(4), NONE, out) == at.TOO_FEW
    for tau in (0.0, -1.0, math.nan, math.inf):
        done = fit_wing(k, vol, np.ones(4), 4, tau, 2.5, AUTO, AUTO, NONE, out)
        assert done == at.TOO_FEW


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1, 0.0, 4.1, 1e-4])
def test_unusable_points_do_not_count(bad):
    """NaN, infinite and out-of-range vols, and weights that are not positive, change no bit."""
    rng = np.random.default_rng(3)
    k, out, wanted = quotes(rng, 12), np.empty(at.ROW), np.empty(at.ROW)
    vol, weight = values(draw(rng), k), rng.uniform(1, 4, 12)
    keep = np.arange(12) != 5
    fit(k[keep].copy(), vol[keep].copy(), weight[keep].copy(), NONE, wanted)
    vol[5] = bad
    assert fit(k, vol, weight, NONE, out) == at.OK
    assert out.tobytes() == wanted.tobytes()
    vol[5], weight[5] = 0.2, -abs(bad)
    assert fit(k, vol, weight, NONE, out) == at.OK
    assert out.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("unit", [1e-250, 1.0, 1e250])
def test_the_unit_of_weights_does_not_matter(unit):
    """Only ratios do, to the last bits."""
    rng = np.random.default_rng(7)
    k, out = quotes(rng, 12), np.empty(at.ROW)
    vol, weight = values(draw(rng), k) + rng.normal(0, 1e-3, 12), rng.uniform(1, 4, 12)
    fit(k, vol, weight, NONE, out)
    wanted = out.copy()
    assert fit(k, vol, weight * unit, NONE, out) == at.OK
    assert out[at.P : at.P + 8] == pytest.approx(wanted[at.P : at.P + 8], rel=1e-9)


def test_one_sided_data_leave_the_other_side_nearly_flat():
    """Puts only: the call side leaves with the slope at the money and is soon constant, C1."""
    k, out = np.linspace(-0.2, -0.02, 10), np.empty(at.ROW)
    assert fit(k, 0.2 - 0.3 * k, np.ones(10), NONE, out) == at.OK
    assert cut_offs(-0.2, 0.0, 0.01) == (-0.2, pytest.approx(0.04))
    reach = out[at.P + 5]
    assert cut_offs(-0.2, 0.0, reach) == (-0.2, reach) and reach > 0.04  # a standard deviation
    assert smile.model_vol(out, 1e-9)[1] == pytest.approx(-0.3, abs=1e-5)
    end = pytest.approx(0.2 - 0.3 * 1.25 * reach, abs=1e-5)
    assert smile.vol_at(out, 1.5 * reach) == smile.vol_at(out, 0.5) == end


def test_one_point_beside_the_money_does_not_set_a_wing():
    """Closes of 6 July 2020: two calls within a third of a deviation cannot say how calls bend."""
    k = np.array([-0.3, -0.26, -0.22, -0.18, -0.15, -0.12, -0.09, -0.06, -0.03, 0.0003, 0.0285])
    vol = np.array([0.61, 0.56, 0.53, 0.485, 0.46, 0.41, 0.38, 0.37, 0.372, 0.385, 0.405])
    row, out = np.empty(at.ROW), np.empty(11)
    assert fits.fit(at.WING, k, vol, np.ones(11), 11, 0.05, 3.5, NONE, row) == at.OK
    assert abs(row[at.P + 3]) < 5.0  # 40 and more without the prior
    assert row[at.P + 5] == pytest.approx(np.median(vol) * math.sqrt(0.05))
    rows, report = row.reshape(1, -1).copy(), np.empty((1, arbitrage.REPORT))
    repair.repair(rows, 1, report)
    smile.vols_at(rows[0], k, 11, out)
    assert np.max(np.abs(out - vol)) < 0.03


def test_wild_points_give_a_flat_curve_and_say_so():
    """Points without any smile (RMS over ten vol points) fall back to their median vol."""
    k = np.linspace(-0.2, 0.2, 9)
    vol = np.array([0.1, 3.0, 0.2, 2.5, 0.3, 2.0, 0.1, 3.5, 0.2])
    out = np.empty(at.ROW)
    assert fit(k, vol, np.ones(9), NONE, out) == at.FALLBACK == out[at.STATUS]
    assert smile.vol_at(out, -0.2) == smile.vol_at(out, 0.1) == 0.3


def test_equal_inputs_give_equal_bits():
    """Two fits of the same points, one with `warm` as `out`, are the same bytes."""
    rng = np.random.default_rng(9)
    k = quotes(rng, 14)
    vol, weight = values(draw(rng), k) + rng.normal(0, 1e-3, 14), rng.uniform(1, 4, 14)
    first, second = np.empty(at.ROW), np.full(at.ROW, np.nan)
    fit(k, vol, weight, NONE, first)
    fit(k, vol, weight, second, second)
    assert first.tobytes() == second.tobytes()
    later = np.empty(at.ROW)
    fit(k, vol + 0.01, weight, first, later)
    fit(k, vol + 0.01, weight, second, second)
    assert later.tobytes() == second.tobytes()
