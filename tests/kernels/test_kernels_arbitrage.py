"""Butterfly, tail and calendar checks of curve rows (rules.md 8.4; I-31, R-05)."""

import math

import numpy as np
import pytest
from curve_rows import CUBIC, SSVI, SVI, VOGT, WING, make, variances, vols, wild_rows
from hypothesis import given, settings

from quanheng.kernels.desk import black
from quanheng.kernels.desk.curves import arbitrage
from quanheng.kernels.desk.curves import layout as at

TAME = ((at.WING, WING), (at.SVI, SVI), (at.SSVI, SSVI), (at.CUBIC, CUBIC))


def g_by_prices(row, k, step=1e-4):
    """g from the density: d2C/dK2 of black.price_one by differences, over its lognormal part."""

    def call(strike):
        moneyness = math.log(strike / 2.5)
        vol = float(vols(row, [moneyness])[0])
        return black.price_one(1.0, 2.5, strike, vol, float(row[at.TAU]), 1.0)

    strike = 2.5 * math.exp(k)
    h = step * strike
    bend = (call(strike + h) - 2.0 * call(strike) + call(strike - h)) / (h * h)
    w = variances(row, [k])[0]
    d2 = -k / math.sqrt(w) - 0.5 * math.sqrt(w)
    normal = math.exp(-0.5 * d2 * d2) / math.sqrt(2.0 * math.pi * w) / strike
    return bend / normal


def test_numbers_of_the_rules():
    """rules.md 8.4: least g +0.282 on [-1.5, 1.5], and -0.0329 for Vogt's slice."""
    good, bad = (make(at.SVI, p, low=-1.0, high=1.0) for p in (SVI, VOGT))
    assert arbitrage.butterfly(good)[0] == pytest.approx(0.282, abs=5e-4)
    least, place = arbitrage.butterfly(bad)
    assert least == pytest.approx(-0.0329, abs=5e-5)
    assert arbitrage.density_factor(bad, place) == pytest.approx(least, abs=1e-12)
    fine = [arbitrage.density_factor(bad, float(k)) for k in np.linspace(-1.5, 1.5, 20_001)]
    assert least == pytest.approx(min(fine), abs=1e-8)


@pytest.mark.parametrize(("model", "parameters"), [*TAME, (at.SVI, VOGT)])
def test_g_is_the_density_of_prices(model, parameters):
    """Discrete butterflies of black.price_one agree with g in value and sign."""
    row = make(model, parameters)
    for k in np.linspace(-0.42, 0.43, 23):
        expected = g_by_prices(row, float(k))
        assert arbitrage.density_factor(row, float(k)) == pytest.approx(expected, abs=2e-3)


def test_a_bad_butterfly_has_a_negative_price():
    """At the worst place of Vogt's slice a butterfly of three calls costs less than nothing."""
    row = make(at.SVI, VOGT, low=-1.0, high=1.0)
    place = arbitrage.butterfly(row)[1]
    assert g_by_prices(row, place) == pytest.approx(-0.0329, abs=1e-3)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(wild_rows())
def test_the_least_g_is_not_missed(row):
    """A scan twenty times finer finds nothing lower, joints included (or the check said worse)."""
    least, _ = arbitrage.butterfly(row)
    low, high = arbitrage.reach(row, arbitrage.DEVIATIONS)
    fine = [arbitrage.density_factor(row, float(k)) for k in np.linspace(low, high, 2000) + 1e-9]
    assert least <= min(fine) + 0.02 * abs(min(fine)) + 0.02


def test_both_sides_of_a_joint_count():
    """The second derivative of the wing jumps at its cut-off: the limit from outside is seen."""
    row = make(at.WING, (0.2, 0.0, 0.0, 3.0, -0.2, 0.1, 0.5, 0.02), tau=0.1, high=0.15)
    least, place = arbitrage.butterfly(row)
    assert place == pytest.approx(0.1, abs=1e-6)
    assert least == pytest.approx(arbitrage.density_factor(row, 0.1 + 1e-7), rel=1e-3)
    assert arbitrage.density_factor(row, 0.1 - 1e-7) > 0.0 > least


def test_lee_bound():
    """A tail slope above two is a fault at infinity, whatever the quoted range says."""
    row = make(at.SVI, (3.0, 1.2, 0.7, -1.0, 1.0), tau=30.0)
    assert arbitrage.tail_slope(row) == pytest.approx(1.2 * 1.7)
    least, place = arbitrage.butterfly(row)
    assert least == pytest.approx((4.0 - (1.2 * 1.7) ** 2) / 16.0)
    assert place == math.inf
    row[at.FLAT] = 0.5
    assert arbitrage.tail_slope(row) == pytest.approx(1.2 * 1.7 / 4.0)
    assert arbitrage.tail_slope(make(at.WING, WING)) == 0.0


def test_the_clip_is_a_fault_only_where_it_bends():
    """Vols that reach 400 % inside the range have a concave bend there; a flat 400 % has none."""
    steep = make(at.SVI, (0.0, 0.4, 0.0, 0.0, 0.01), tau=0.002)
    assert arbitrage.butterfly(steep)[0] <= arbitrage.NO_DENSITY
    flat = make(at.SSVI, (64.0, 0.0, 1e-9), tau=2.0)
    assert vols(flat, [0.0])[0] == 4.0
    assert arbitrage.butterfly(flat)[0] == 1.0


def test_a_tail_may_not_bend_down():
    """A tail that begins below the model's own slope makes a concave corner of prices."""
    row = make(at.SVI, SVI, tau=0.5)
    row[at.TAIL_HIGH], row[at.FROM_HIGH] = 0.2, 0.2
    row[at.SLOPE_HIGH] = arbitrage.slope_at(row, 0.2)
    assert arbitrage.butterfly(row)[0] > 0.0
    row[at.SLOPE_HIGH] -= 1e-4
    assert arbitrage.butterfly(row) == (arbitrage.NO_DENSITY, 0.2)


def test_calendar_by_prices():
    """A gap's sign is that of the calendar spread at equal forward moneyness."""
    near, far = make(at.SVI, SVI, tau=0.1), make(at.SSVI, (0.0075, -0.6, 6.0), tau=0.2)
    gap, place = arbitrage.calendar(near, far)
    grid = np.linspace(*arbitrage.common_reach(near, far), 4001)
    apart = variances(far, grid) - variances(near, grid)
    assert gap < 0.0
    assert gap == pytest.approx(float(apart.min()), abs=1e-9)
    for k in (place, float(grid[apart.argmax()])):
        w = [variances(row, [k])[0] for row in (near, far)]
        calls = [black.price_one(1.0, 1.0, math.exp(k), math.sqrt(one), 1.0, 1.0) for one in w]
        assert (calls[1] < calls[0]) == (w[1] < w[0])


def test_report_of_a_class():
    """Faults are counted, the first row is measured against nothing, odd rows are passed over."""
    taus = (0.1, 0.2, 0.3, 0.6)
    rows = np.array([make(*one, tau) for one, tau in zip(TAME, taus, strict=True)])
    rows[1], rows[2] = np.nan, make(at.SVI, VOGT, 0.3, -1.0, 1.0)
    rows[1, at.MODEL], rows[3, at.LIFT] = at.NO_MODEL, 1.0
    report = np.empty((4, arbitrage.REPORT))
    assert arbitrage.check(rows, 4, report) == 1
    assert report[2, arbitrage.G] == pytest.approx(-0.0329, abs=5e-5)
    assert np.isnan(report[1, [arbitrage.G, arbitrage.GAP]]).all()
    assert report[0, arbitrage.GAP] == pytest.approx(0.18**2 * 0.1)
    assert tuple(report[2, 2:4]) == arbitrage.calendar(rows[0], rows[2])
    assert (report[:, arbitrage.MENDED] == 0.0).all()


@pytest.mark.parametrize("spoil", [at.TAU, at.P, at.P + 1, at.K_LOW])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_bad_rows_are_nan(spoil, value):
    """Not a crash and never a number that looks like an answer."""
    row = make(at.SVI, SVI)
    row[spoil] = -value if spoil == at.K_LOW else value
    least, _ = arbitrage.butterfly(row)
    if spoil == at.K_LOW and math.isnan(value):
        assert least == arbitrage.butterfly(make(at.SVI, SVI, low=0.0))[0]
    else:
        assert math.isnan(least)
