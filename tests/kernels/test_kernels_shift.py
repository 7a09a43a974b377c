"""Trader's deltas, curve Greeks and swim: apart from the fit, the same for all models (I-31)."""

import math

import numpy as np
import pytest
from curve_rows import CUBIC, SSVI, SVI, WING, make, vols
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.kernels.desk import black
from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves import shift

TAME = ((at.WING, WING), (at.SVI, SVI), (at.SSVI, SSVI), (at.CUBIC, CUBIC))
TAU = 0.25
K = np.linspace(-0.9, 0.9, 61)


def shifted(row, deltas, k=K, tau=TAU):
    out = vols(row, k)
    shift.add_shift(np.array(deltas), np.ascontiguousarray(k), tau, len(k), out)
    return out


@pytest.mark.parametrize(("model", "parameters"), TAME)
def test_no_delta_leaves_the_bits(model, parameters):
    row = make(model, parameters, TAU)
    assert shifted(row, (0.0, -0.0, 0.0)).tobytes() == vols(row, K).tobytes()
    row[at.LIFT] = 5.0
    assert shifted(row, (0.0, 0.0, 0.0)).tobytes() == vols(row, K).tobytes()


def test_a_delta_means_the_same_for_every_model():
    """The added vol depends on k and tau alone; at the money it is the level alone."""
    added = [
        shifted(make(*one, TAU), (0.01, -0.02, 0.03)) - vols(make(*one, TAU), K) for one in TAME
    ]
    for other in added[1:]:
        assert other == pytest.approx(added[0], abs=1e-15)
    z = K / math.sqrt(TAU)
    straight = np.abs(z) <= shift.Z_STRAIGHT
    expected = 0.01 - 0.02 * z + 0.03 * z * z
    assert added[0][straight] == pytest.approx(expected[straight], abs=1e-15)
    assert added[0][30] == pytest.approx(0.01, abs=1e-16)


def test_z_is_smooth_and_bounded():
    """Odd, rising, C1, never beyond one; limits at tau = 0, NaN below."""
    k = np.linspace(-1.0, 1.0, 4001)
    z = np.array([shift.bounded_z(float(one), TAU) for one in k])
    assert z == pytest.approx(-z[::-1], abs=1e-15)
    assert np.diff(z).min() >= 0.0
    assert z.max() == shift.Z_MOST
    slope = np.diff(z) / np.diff(k)
    assert np.abs(np.diff(slope)).max() < 0.01
    assert [shift.bounded_z(x, 0.0) for x in (-0.1, 0.0, 0.1)] == [-1.0, 0.0, 1.0]
    assert math.isnan(shift.bounded_z(0.1, -1.0))
    assert math.isnan(shift.bounded_z(math.nan, TAU))


def test_moved_vols_are_clipped():
    row = make(at.WING, WING, TAU)
    assert (shifted(row, (-1.0, 0.0, 0.0)) == at.VOL_LOW).all()
    assert (shifted(row, (9.0, 0.0, 0.0)) == at.VOL_HIGH).all()
    assert np.isnan(shifted(np.zeros(at.ROW), (0.1, 0.0, 0.0))).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.floats(-0.6, 0.6), st.floats(0.02, 1.0), st.sampled_from((1.0, -1.0)))
def test_curve_greeks_are_derivatives_of_price(k, tau, sign):
    """d price / d level, slope, curvature per vol point, by central differences of the price."""
    row = make(at.SSVI, (0.04 * tau, -0.4, 3.0), tau)
    strike, where = 2.5 * math.exp(k), np.array([k])

    def price(deltas):
        vol = float(shifted(row, deltas, where, tau)[0])
        return black.price_one(sign, 2.5, strike, vol, tau, 0.99)

    table, out = np.empty((black.ROWS, 1)), np.empty((shift.DELTAS, 1))
    inputs = [np.array([x]) for x in (sign, 2.5, strike, vols(row, where)[0], tau, 0.99)]
    black.price_chain(*inputs, table)
    shift.curve_greeks(table[black.VEGA], where, tau, 1, out)
    step = 1e-4
    for i in range(shift.DELTAS):
        up, down = [0.0] * 3, [0.0] * 3
        up[i], down[i] = step, -step
        slope = (price(up) - price(down)) / (2.0 * step) * shift.POINT
        assert out[i, 0] == pytest.approx(slope, abs=2e-8)


def test_swim_of_the_wing_by_the_rules():
    """rules.md 8.3: ATM 3.0, Ref 2.9, vr .18, vcr .5 for ssr 0, 50 and 100."""
    row, out = make(at.WING, WING, TAU), np.empty(at.ROW)
    row[at.FORWARD] = 2.9
    for swim, forward, vol in ((0.0, 2.9, 0.18), (0.5, 2.949576, 0.171379), (1.0, 3.0, 0.162759)):
        assert shift.wing_at_reference(row, 3.0, swim, 0.5, 0.2, out) == at.OK
        assert out[at.FORWARD] == pytest.approx(forward, abs=5e-7)
        assert out[at.P] == pytest.approx(vol, abs=5e-7)
        assert out[at.P + 1] == pytest.approx(-0.12 - 0.2 * swim * 0.1 / 2.9)
        assert out[at.P + 2 : at.P + 8] == pytest.approx(row[at.P + 2 : at.P + 8])
    assert shift.wing_at_reference(row, 0.0, 0.5, 0.5, 0.2, out) == at.SINGULAR
    assert math.isnan(out[at.P])
    other = make(at.SVI, SVI, TAU)
    assert shift.wing_at_reference(other, 3.0, 0.5, 0.5, 0.2, out) == at.SINGULAR


def test_where_a_curve_is_read():
    """Sticky strike and sticky delta to the bit, the geometric mean between, NaN for bad input."""
    row = make(at.SVI, SVI, TAU)
    assert shift.swim_forward(2.5, 2.7, 0.0) == 2.5
    assert shift.swim_forward(2.5, 2.7, 1.0) == 2.7
    assert shift.swim_forward(2.5, 2.7, 0.3) == pytest.approx(2.7**0.3 * 2.5**0.7, rel=1e-15)
    assert shift.moneyness(2.6, row, 2.7, 1.0) == pytest.approx(math.log(2.6 / 2.7), rel=1e-14)
    assert shift.moneyness(2.6, row, 2.7, 0.0) == pytest.approx(math.log(2.6 / 2.5), rel=1e-14)
    for bad in ((0.0, 2.7), (2.6, 0.0), (2.6, -1.0), (math.nan, 2.7), (2.6, math.nan)):
        assert math.isnan(shift.moneyness(bad[0], row, bad[1], 0.5))


@pytest.mark.parametrize(("model", "parameters"), TAME)
@pytest.mark.parametrize("swim", [0.0, 0.4, 1.0])
def test_swim_delta_is_the_whole_derivative(model, parameters, swim):
    """The price as the forward moves and the curve swims, by central differences."""
    row = make(model, parameters, TAU)
    for strike in (2.2, 2.45, 2.5, 2.73):
        for sign in (1.0, -1.0):

            def price(now, strike=strike, sign=sign):
                k = shift.moneyness(strike, row, now, swim)
                vol = float(vols(row, [k])[0])
                return black.price_one(sign, now, strike, vol, TAU, 0.99)

            now, step = 2.55, 1e-5
            k = np.array([shift.moneyness(strike, row, now, swim)])
            table, out = np.empty((black.ROWS, 1)), np.empty(1)
            inputs = [np.array([x]) for x in (sign, now, strike, vols(row, k)[0], TAU, 0.99)]
            black.price_chain(*inputs, table)
            shift.swim_deltas(row, k, table[black.DELTA], table[black.VEGA], now, swim, 1, out)
            expected = (price(now + step) - price(now - step)) / (2.0 * step)
            assert out[0] == pytest.approx(expected, abs=1e-6)
            if swim == 0.0:
                assert out[0] == table[black.DELTA, 0]
