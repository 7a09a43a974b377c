"""Evaluation of curve rows: the tables of rules.md 8.3 and 8.4, derivatives, limits (I-31)."""

import itertools
import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves import smile

WING = (0.18, -0.12, 0.9, 0.7, -0.2, 0.15, 0.5, 0.5)
SVI = (0.004, 0.03, -0.3, 0.01, 0.1)
CUBIC = (-0.3, -0.15, 0.0, 0.1, 0.2, 0.27, 0.22, 0.2, 0.205, 0.22)
SSVI = (0.01, -0.4, 3.0)
ROWS = ((at.WING, WING), (at.SVI, SVI), (at.SSVI, SSVI), (at.CUBIC, CUBIC))


def make(model, parameters, tau=0.25):
    """A row without a repair."""
    row = np.zeros(at.ROW)
    row[at.MODEL], row[at.TAU], row[at.FORWARD] = model, tau, 2.5
    row[at.P : at.P + len(parameters)] = parameters
    return row


def wing(parameters, k):
    """The formulas as rules.md 8.3 prints them, with the last line continuous, in mpmath."""
    vc, sc, pc, cc, dc, uc, dsm, usm = map(mp.mpf, parameters)
    k = mp.mpf(k)
    if k <= dc * (1 + dsm):
        return vc + dc * (2 + dsm) * sc / 2 + (1 + dsm) * pc * dc**2
    if k > uc * (1 + usm):
        return vc + uc * (2 + usm) * sc / 2 + (1 + usm) * cc * uc**2
    if dc <= k <= uc:
        return vc + sc * k + (pc if k <= 0 else cc) * k**2
    cut, bend, smooth = (dc, pc, dsm) if k < 0 else (uc, cc, usm)
    return (
        vc
        - (1 + 1 / smooth) * bend * cut**2
        - sc * cut / (2 * smooth)
        + (1 + 1 / smooth) * (2 * bend * cut + sc) * k
        - (bend / smooth + sc / (2 * cut * smooth)) * k**2
    )


def twin(model, parameters, tau, k):
    """Vol of a row in mpmath, from the textbook formulas."""
    if model == at.WING:
        return wing(parameters, k)
    k = mp.mpf(k)
    if model == at.SVI:
        a, b, rho, m, sigma = map(mp.mpf, parameters)
        w = a + b * (rho * (k - m) + mp.sqrt((k - m) ** 2 + sigma**2))
    else:
        theta, rho, phi = map(mp.mpf, parameters)
        w = theta / 2 * (1 + rho * phi * k + mp.sqrt((phi * k + rho) ** 2 + 1 - rho**2))
    return mp.sqrt(w / tau)


@pytest.mark.parametrize(
    ("k", "vol"),
    [
        (-0.40, 0.264),
        (-0.30, 0.264),
        (-0.25, 0.258),
        (-0.20, 0.240),
        (-0.10, 0.201),
        (0.0, 0.180),
        (0.10, 0.175),
        (0.15, 0.17775),
        (0.20, 0.18075),
        (0.225, 0.181125),
        (0.30, 0.181125),
    ],
)
def test_the_table_of_the_wing_model(k, vol):
    """The worked vols of rules.md 8.3, the last one where a public implementation jumps."""
    assert smile.vol_at(make(at.WING, WING), k) == pytest.approx(vol, abs=1e-15)


def density_factor(row, k):
    """g(k) of rules.md 8.4."""
    w, first, second = smile.variance(row, k)
    return (1 - k * first / (2 * w)) ** 2 - first**2 / 4 * (1 / w + 0.25) + second / 2


def test_the_two_svi_smiles_of_the_rules():
    """min g = +0.282 of the good smile and -0.0329 of the known bad one on [-1.5, 1.5]."""
    grid = np.linspace(-1.5, 1.5, 3001)
    good = make(at.SVI, SVI)
    bad = make(at.SVI, (-0.0410, 0.1331, 0.3060, 0.3586, 0.4153), tau=1.0)
    assert min(density_factor(good, k) for k in grid) == pytest.approx(0.282, abs=5e-4)
    assert min(density_factor(bad, k) for k in grid) == pytest.approx(-0.0329, abs=5e-5)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.floats(-0.5, 0.5),
    st.floats(-1.0, 1.0),
    st.floats(-1.0, 1.0),
    st.floats(0.05, 0.4),
    st.floats(0.05, 0.4),
    st.floats(0.1, 2.0),
)
def test_the_wing_is_c1_at_every_joint(slope, put, call, down, up, smooth):
    """Value and slope are continuous at 0, the cut-offs and the ends of the smoothing zones."""
    row = make(at.WING, (1.0, slope, put, call, -down, up, smooth, smooth))
    for joint in (0.0, -down, up, -down * (1 + smooth), up * (1 + smooth)):
        left = smile.model_vol(row, joint - 1e-11)
        right = smile.model_vol(row, joint + 1e-11)
        assert left[0] == pytest.approx(right[0], abs=1e-9)
        assert left[1] == pytest.approx(right[1], abs=1e-8)


@pytest.mark.parametrize(("model", "parameters"), ROWS[:3])
def test_values_and_derivatives_against_high_precision(model, parameters):
    """Vol, total variance and two derivatives agree with mpmath's of the textbook formulas."""
    tau = 0.25
    row = make(model, parameters, tau)
    for k in (-0.35, -0.27, -0.11, -0.01, 0.02, 0.12, 0.17, 0.4):
        with mp.workdps(40):
            wanted = [
                mp.diff(lambda x: twin(model, parameters, tau, x) ** 2 * tau, k, order)
                for order in range(3)
            ]
        for seen, value in zip(smile.variance(row, k), wanted, strict=True):
            assert seen == pytest.approx(float(value), rel=1e-11, abs=1e-13)
        assert smile.vol_at(row, k) == pytest.approx(float(mp.sqrt(wanted[0] / tau)), rel=1e-14)


def test_the_cubic_is_a_natural_spline():
    """It passes through its knots, is C2 inside, and has no bend at its ends."""
    row = make(at.CUBIC, CUBIC)
    for knot, vol in zip(CUBIC[:5], CUBIC[5:], strict=True):
        assert smile.vol_at(row, knot) == pytest.approx(vol, abs=1e-15)
        left, right = smile.model_vol(row, knot - 1e-12), smile.model_vol(row, knot + 1e-12)
        assert left[1] == pytest.approx(right[1], abs=1e-9)
        if knot not in (CUBIC[0], CUBIC[4]):
            assert left[2] == pytest.approx(right[2], abs=1e-8)
    assert smile.model_vol(row, CUBIC[0] + 1e-12)[2] == pytest.approx(0, abs=1e-8)
    # Each piece is a polynomial of degree three: its fourth difference is nothing.
    for low, high in itertools.pairwise(CUBIC[:5]):
        v = [smile.vol_at(row, low + (high - low) * i / 6) for i in range(1, 6)]
        assert v[0] - 4 * v[1] + 6 * v[2] - 4 * v[3] + v[4] == pytest.approx(0, abs=1e-14)


def test_the_cubic_fades_out_to_a_constant():
    """Beyond the outer knots the slope goes to zero within a quarter of the span, smoothly."""
    row = make(at.CUBIC, CUBIC)
    for k in (-0.32, -0.4, 0.21, 0.3):
        step = 1e-6
        slope = (smile.vol_at(row, k + step) - smile.vol_at(row, k - step)) / (2 * step)
        assert smile.model_vol(row, k)[1] == pytest.approx(slope, abs=1e-8)
    assert smile.vol_at(row, 0.4) == smile.vol_at(row, 9.0)
    assert smile.vol_at(row, -0.5) == smile.vol_at(row, -9.0)
    assert smile.model_vol(row, 5.0)[1:] == (0.0, 0.0)


@pytest.mark.parametrize(("model", "parameters"), ROWS)
def test_flattening_and_lifting(model, parameters):
    """FLAT draws vols to the vol at the money, LIFT adds variance; the derivatives follow."""
    row = make(model, parameters)
    plain, centre = smile.vol_at(row, 0.12), smile.vol_at(row, 0.0)
    row[at.FLAT], row[at.LIFT] = 0.25, 0.003
    wanted = (0.75 * plain + 0.25 * centre) ** 2 * 0.25 + 0.003
    assert smile.variance(row, 0.12)[0] == pytest.approx(wanted, rel=1e-14)
    step = 1e-5
    low, mid, high = (smile.variance(row, 0.12 + i * step)[0] for i in (-1, 0, 1))
    assert smile.variance(row, 0.12)[1] == pytest.approx((high - low) / (2 * step), rel=1e-6)
    bend = (high - 2 * mid + low) / step**2
    assert smile.variance(row, 0.12)[2] == pytest.approx(bend, rel=1e-3, abs=1e-4)
    row[at.FLAT] = 1.0
    assert smile.vol_at(row, -0.3) == pytest.approx(smile.vol_at(row, 0.3), rel=1e-14)


def test_vols_are_clipped_as_the_rules_say():
    """Within 0.05 % and 400 %, and flat there; a negative SVI variance is the lower end."""
    steep = make(at.WING, (0.2, -3.0, 0.0, 0.0, -0.5, 0.9, 0.5, 0.5))
    assert smile.vol_at(steep, 0.08) == at.VOL_LOW
    steep[at.P + 3] = 90.0
    assert smile.vol_at(steep, 0.8) == at.VOL_HIGH
    assert smile.variance(steep, 0.8)[1:] == (0.0, 0.0)
    assert smile.vol_at(make(at.SVI, (-0.5, 0.1, 0, 0, 0.1)), 0.0) == at.VOL_LOW


def test_a_wing_without_a_cut_off_is_flat_on_that_side():
    """dc = 0 leaves no put wing: vols and derivatives there are those of the level alone."""
    row = make(at.WING, (0.2, -0.1, 0.5, 0.5, 0.0, 0.1, 0.5, 0.5))
    assert smile.model_vol(row, -0.05) == (0.2, 0.0, 0.0)
    assert smile.model_vol(row, 0.0)[1] == -0.1


def test_no_model_and_no_number_give_no_vol():
    """NO_MODEL rows and NaN arguments have NaN vols, never a number (D19)."""
    out = np.empty(3)
    smile.vols_at(np.full(at.ROW, np.nan), np.zeros(3), 3, out)
    assert np.isnan(out).all()
    assert math.isnan(smile.vol_at(make(at.NO_MODEL, ()), 0.0))
    for model, parameters in ROWS:
        assert math.isnan(smile.vol_at(make(model, parameters), math.nan))
        smile.vols_at(make(model, parameters), np.array([0.1, -0.1, 0.0]), 2, out)
        assert out[1] == smile.vol_at(make(model, parameters), -0.1)
