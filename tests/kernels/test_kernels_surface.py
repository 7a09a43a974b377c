"""Vol between expiries, borrowed rows, quality and steps of curves (rules.md 8.4, I-31)."""

import math

import numpy as np
import pytest
from curve_rows import CUBIC, SSVI, SVI, WING, make, variances, vols, wild_rows
from hypothesis import given, settings

from quanheng.kernels.desk.curves import arbitrage, compare, surface, tails
from quanheng.kernels.desk.curves import layout as at

TAUS = np.array([0.1, 0.2, 0.4])
ROWS = np.array(
    [
        make(at.SSVI, (level, -0.4, 3.0), tau)
        for level, tau in zip((0.004, 0.009, 0.015), TAUS, strict=True)
    ]
)
TAME = ((at.WING, WING), (at.SVI, SVI), (at.SSVI, SSVI), (at.CUBIC, CUBIC))


def vol(tau, k, rows=ROWS, taus=TAUS):
    return surface.surface_vol(rows, taus, len(rows), tau, k)


@pytest.mark.parametrize("k", [-0.3, 0.0, 0.17])
def test_total_variance_is_linear_in_time(k):
    """rules.md 8.4: at equal k, linear in variance time between expiries, flat vol beyond."""
    first, second, third = (float(vols(row, [k])[0]) for row in ROWS)
    for tau, vol_there in zip(TAUS, (first, second, third), strict=True):
        assert vol(tau, k) == pytest.approx(vol_there, rel=1e-15)
    middle = 0.75 * second**2 * 0.2 + 0.25 * third**2 * 0.4
    assert vol(0.25, k) ** 2 * 0.25 == pytest.approx(middle, rel=1e-12)
    assert vol(0.0, k) == vol(0.01, k) == first
    assert vol(3.0, k) == pytest.approx(third, rel=1e-15)
    out = np.empty(2)
    surface.surface_vols(ROWS, TAUS, 3, 0.25, np.array([k, 0.1]), 2, out)
    assert list(out) == [vol(0.25, k), vol(0.25, 0.1)]


def test_rows_without_vol_or_time_are_passed_over():
    rows = ROWS.copy()
    rows[1] = np.nan
    rows[1, at.MODEL] = at.NO_MODEL
    w = vol(0.1, 0.1) ** 2 * 0.1, vol(0.4, 0.1) ** 2 * 0.4
    assert vol(0.2, 0.1, rows) ** 2 * 0.2 == pytest.approx(w[0] + (w[1] - w[0]) / 3.0)
    assert vol(0.05, 0.1, ROWS, np.array([0.0, 0.2, 0.4])) == vols(ROWS[1], [0.1])[0]
    for nothing in (vol(0.2, 0.1, ROWS, np.zeros(3)), vol(-0.1, 0.1), vol(0.2, math.nan)):
        assert math.isnan(nothing)
    assert math.isnan(vol(math.nan, 0.1))


def test_the_surface_never_falls_in_time():
    """Where a later row is below, the earlier total variance goes on until the next is above."""
    rows = ROWS.copy()
    rows[1, at.P] = 0.002
    w = [vol(tau, 0.05, rows) ** 2 * tau for tau in np.linspace(0.01, 0.6, 60)]
    assert np.diff(w).min() >= -1e-16
    assert vol(0.2, 0.05, rows) ** 2 * 0.2 == pytest.approx(variances(rows[0], [0.05])[0])


def borrowed(rows, taus, tau):
    out = np.full(at.ROW, 7.0)
    status = surface.borrow_row(rows, taus, len(rows), tau, 3.1, out)
    return status, out


@pytest.mark.parametrize(("model", "parameters"), TAME)
def test_a_borrowed_row_has_the_neighbours_shape(model, parameters):
    """At equal standard deviations vols keep their ratio to the vol at the money."""
    lender = make(model, parameters, 0.25, -0.15, 0.12)
    lender[at.LIFT], lender[at.FLAT] = 0.0005, 0.2
    tails.set_tail(lender, 1, 0.1, 0.07, 0.0)
    lenders, taus = np.array([ROWS[0], lender]), np.array([0.1, 0.25])
    for tau in (0.2, 0.6):
        status, row = borrowed(lenders, taus, tau)
        assert status == at.OK
        money = vols(row, [0.0])[0]
        assert money == pytest.approx(vol(tau, 0.0, lenders, taus), rel=1e-12)
        stretch = math.sqrt(variances(row, [0.0])[0] / variances(lender, [0.0])[0])
        k = np.linspace(-0.4, 0.4, 41)
        expected = vols(lender, k) / vols(lender, [0.0])[0]
        assert vols(row, stretch * k) / money == pytest.approx(expected, rel=1e-9)
        assert row[at.K_HIGH] == pytest.approx(0.12 * stretch)
        assert (row[at.TAU], row[at.FORWARD], row[at.KEPT]) == (tau, 3.1, 0.0)
        assert math.isnan(row[at.MIN_G])


def test_a_borrowed_row_between_good_ones_is_good():
    """Borrowed in place of its own expiry: no arbitrage of either kind in the class."""
    rows = ROWS.copy()
    rows[1] = np.nan
    rows[1, at.MODEL] = at.NO_MODEL
    assert surface.borrow_row(rows, TAUS, 3, 0.2, 2.5, rows[1]) == at.OK
    report = np.empty((3, arbitrage.REPORT))
    assert arbitrage.check(rows, 3, report) == 0


def test_nothing_to_borrow():
    none = np.zeros((2, at.ROW))
    for rows, tau in ((none, 0.2), (ROWS, 0.0), (ROWS, math.nan)):
        status, row = borrowed(rows, TAUS, tau)
        assert status == row[at.STATUS] == at.TOO_FEW
        assert row[at.MODEL] == at.NO_MODEL
        assert math.isnan(vols(row, [0.0])[0])


def test_quality_of_a_fit():
    """Weighted rms, worst miss and the share inside the quotes, unusable points left out."""
    row = make(at.WING, WING, 0.25)
    k = np.array([-0.1, 0.0, 0.05, 0.1, 0.2])
    exact = vols(row, k)
    vol = exact + np.array([0.01, -0.02, 0.0, math.nan, 0.5])
    bid, ask = vol - 0.015, vol + 0.015
    bid[2] = math.nan
    weight = np.array([1.0, 3.0, 1.0, 1.0, 0.0])
    rms, worst, inside = compare.quality(row, k, vol, bid, ask, weight, 5)
    assert rms == pytest.approx(math.sqrt((0.0001 + 3 * 0.0004) / 5.0))
    assert worst == pytest.approx(0.02)
    assert inside == 0.5
    assert np.isnan(compare.quality(np.zeros(at.ROW), k, vol, bid, ask, weight, 5)).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(wild_rows(), wild_rows())
def test_move_is_the_largest_difference(old, new):
    """The cap's measure is the same for all models: vols over both quoted ranges."""
    rms, largest = compare.move(old, new)
    low, high = min(old[at.K_LOW], new[at.K_LOW]), max(old[at.K_HIGH], new[at.K_HIGH])
    if high > low:
        apart = np.abs(
            vols(old, np.linspace(low, high, 17)) - vols(new, np.linspace(low, high, 17))
        )
        assert largest == pytest.approx(apart.max(), rel=1e-9)
    assert 0.0 <= rms <= largest * (1.0 + 1e-12)
    assert compare.move(old, old) == (0.0, 0.0)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(wild_rows(), wild_rows())
def test_a_blend_is_never_worse_than_the_new_row(old, new):
    """Parameters mix within one model and only to a curve as good; else the new row comes back."""
    out = np.empty(at.ROW)
    mixed = compare.blend(old, new, 0.5, out)
    if not mixed:
        assert out.tobytes() == new.tobytes()
        return
    assert old[at.MODEL] == new[at.MODEL]
    part = slice(at.P, at.P + at.PARAMETERS)
    assert out[part] == pytest.approx(0.5 * (old[part] + new[part]), rel=1e-9, abs=1e-300)
    assert out[at.MIN_G] == arbitrage.butterfly(out)[0]
    assert out[at.MIN_G] >= min(arbitrage.butterfly(new)[0], 0.0)


def test_blend_within_and_across_models():
    """Half a step of a wing halves the move; a gain of one, or another model, is the new row."""
    old, new, out = make(at.WING, WING, 0.25), make(at.WING, WING, 0.25), np.empty(at.ROW)
    new[at.P] += 0.02
    assert compare.blend(old, new, 0.25, out)
    assert compare.move(old, out)[1] == pytest.approx(0.25 * compare.move(old, new)[1])
    assert not compare.blend(old, new, 1.0, out)
    assert out.tobytes() == new.tobytes()
    other = make(at.SVI, SVI, 0.25)
    assert not compare.blend(old, other, 0.5, out)
    assert out.tobytes() == other.tobytes()
