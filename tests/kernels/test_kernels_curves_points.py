"""From quotes to points, and offsets by strike (I-31)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.kernels.desk import black, implied
from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves import offsets, points, smile
from quanheng.kernels.desk.curves.wing import fit_wing

FORWARD, TAU, DISCOUNT = 2.5, 0.1, 0.998
NONE = np.full(at.ROW, np.nan)


def chain(strikes, vol=0.2, width=0.002):
    """Two-sided quotes around the model: strike, call bid, ask, put bid, ask."""
    strike = np.array(strikes, dtype=np.float64)
    columns = [strike]
    for sign in (1.0, -1.0):
        mid = np.array(
            [black.price_one(sign, FORWARD, k, vol, TAU, DISCOUNT) for k in strike.tolist()]
        )
        columns += [mid - width / 2, mid + width / 2]
    return columns


def convert(columns, blend=0.0, forward=FORWARD, tau=TAU, discount=DISCOUNT):
    """(number of points, the points)."""
    n = columns[0].size
    out = np.empty((points.ROWS, n))
    return points.chain_points(*columns, n, forward, tau, discount, blend, out), out


STRIKES = (2.2, 2.3, 2.4, 2.5, 2.6, 2.7)


def test_points_are_the_vols_of_the_out_of_the_money_side():
    """k, the three vols and the weight of each strike, by the scalar kernels."""
    columns = chain(STRIKES)
    columns[1][:3] += 0.01  # in-the-money calls do not matter
    count, out = convert(columns)
    assert count == 6
    for i, strike in enumerate(STRIKES):
        sign = 1.0 if strike >= FORWARD else -1.0
        bid, ask = (columns[1 if sign > 0 else 3][i], columns[2 if sign > 0 else 4][i])
        assert out[points.K, i] == pytest.approx(math.log(strike / FORWARD), abs=1e-15)
        for row, price in (
            (points.VOL, 0.5 * (bid + ask)),
            (points.BID_VOL, bid),
            (points.ASK_VOL, ask),
        ):
            vol = implied.implied_one(sign, price, FORWARD, strike, TAU, DISCOUNT)
            assert out[row, i] == vol
        up, down = (
            black.price_one(sign, FORWARD, strike, 0.2 + e, TAU, DISCOUNT) for e in (1e-6, -1e-6)
        )
        vega = (up - down) / 2e-6
        assert out[points.WEIGHT, i] == pytest.approx((vega / 0.002) ** 2, rel=1e-6)
        assert points.half_width(out, i) == pytest.approx(0.001 / vega, rel=0.3)


def test_what_gives_no_point():
    """One-sided, crossed, locked, missing and tiny quotes, and strikes that are not numbers."""
    columns = chain((*STRIKES, 2.8, 2.55))
    columns[3][0] = 0.0  # ask only
    columns[4][1] = math.nan  # bid only
    columns[3][2] = columns[4][2] + 0.001  # crossed
    columns[1][3] = columns[2][3]  # locked
    columns[1][4], columns[2][4] = 0.0001, 0.0004  # mid below three ticks
    columns[0][5] = math.nan
    columns[1][6], columns[2][6] = 2.49, 2.55  # above the forward: no vol
    count, out = convert(columns)
    assert count == 1
    assert (out[points.WEIGHT, :7] == 0.0).all()
    assert np.isnan(out[points.VOL, :7]).all()
    assert out[points.VOL, 7] == pytest.approx(0.2, abs=2e-3)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_bad_common_inputs_give_no_points(bad):
    """Forward, tau and discount must be positive numbers."""
    columns = chain(STRIKES)
    for name in ("forward", "tau", "discount"):
        count, out = convert(columns, **{name: bad})
        assert count == 0
        assert (out[points.WEIGHT] == 0.0).all()


def test_the_band_of_a_bid_below_intrinsic_value_is_open():
    """A bid without a vol leaves NaN there; half the band is then from the mid to the ask."""
    columns = chain((2.5001,), width=0.12)
    columns[1][0] = 1e-9
    columns[2][0] = 0.12
    count, out = convert(columns, tau=0.2)
    assert count == 1
    out[points.BID_VOL, 0] = math.nan
    wanted = out[points.ASK_VOL, 0] - out[points.VOL, 0]
    assert points.half_width(out, 0) == wanted > 0
    out[points.ASK_VOL, 0] = math.nan
    assert points.half_width(out, 0) == 0.0


def test_blending_mixes_both_sides_at_the_money():
    """At the forward half call, half put; at the end of the zone only the own side."""
    columns = chain((2.45, 2.4999, 2.5, 2.55))
    columns[1] += 0.001
    columns[2] += 0.001
    plain, blended = convert(columns)[1], convert(columns, blend=0.015)[1]
    assert blended[points.VOL, [0, 3]].tolist() == plain[points.VOL, [0, 3]].tolist()
    gap = plain[points.VOL, 2] - plain[points.VOL, 1]
    assert gap > 2e-3
    assert abs(blended[points.VOL, 2] - blended[points.VOL, 1]) < 0.01 * gap
    columns[3][2] = 0.0
    assert convert(columns, blend=0.015)[1][points.VOL, 2] == plain[points.VOL, 2]


def test_relaxed_weights_let_a_curve_stay_inside_the_quotes():
    """Bands that hold the curve count less; the others keep their weight."""
    _, out = convert(chain(STRIKES))
    row, fresh = np.empty(at.ROW), np.empty(6)
    weight = np.ascontiguousarray(out[points.WEIGHT])
    assert (
        fit_wing(
            out[0].copy(), out[1].copy(), weight, 6, TAU, FORWARD, math.nan, math.nan, NONE, row
        )
        == at.OK
    )
    assert points.relax_inside(out, 6, row, 0.25, fresh) == 6
    assert fresh == pytest.approx(0.25 * weight)
    row[at.P] += 0.05
    assert points.relax_inside(out, 6, row, 0.25, fresh) == 0
    assert fresh.tolist() == weight.tolist()


def flat(vol=0.2):
    """A flat wing row."""
    row = np.zeros(at.ROW)
    row[at.MODEL], row[at.TAU] = at.WING, TAU
    row[at.P : at.P + 8] = vol, 0, 0, 0, -0.3, 0.3, 0.5, 0.5
    return row


K = np.log(np.array(STRIKES) / FORWARD)


def test_offsets_are_shrunk_and_bounded():
    """weight / (weight + prior) of the residual, within half the band and the maximum."""
    vol = np.array([0.2, 0.204, 0.196, 0.21, 0.3, math.nan])
    weight = np.array([1.0, 1.0, 3.0, 1e9, 1e9, 1.0])
    half, out = np.array([0.01, 0.01, 0.01, 0.004, 0.5, 0.01]), np.empty(6)
    assert offsets.shrunk_offsets(flat(), K, vol, weight, half, 6, 1.0, 0.02, out) == 4
    assert out == pytest.approx([0.0, 0.002, -0.003, 0.004, 0.02, 0.0], abs=1e-9)
    weight[1], half[2], weight[3] = 0.0, 0.0, math.inf
    assert offsets.shrunk_offsets(flat(), K, vol, weight, half, 6, 1.0, 0.02, out) == 1


def butterflies(row, k, moves):
    """Least second difference of call prices (per strike), in plain Python."""
    strike = np.exp(k)
    calls = [
        black.price_one(1.0, 1.0, float(s), smile.vol_at(row, x) + m, TAU, 1.0)
        for s, x, m in zip(strike, k, moves, strict=True)
    ]
    slope = np.diff([1.0, *calls]) / np.diff([0.0, *strike])
    return min(np.min(np.diff([-1.0, *slope])), np.min(-slope))


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.lists(st.floats(-0.05, 0.05), min_size=9, max_size=9))
def test_scaled_offsets_leave_no_butterfly(moves):
    """Whatever the residuals: calls are decreasing and convex, and nearly the most is kept."""
    k = np.linspace(-0.16, 0.16, 9)
    row, out = flat(), np.empty(9)
    vol, big = 0.2 + np.array(moves), np.full(9, 1e12)
    share = offsets.fit_offsets(row, k, vol, big, np.ones(9), 9, TAU, 1.0, 1.0, out)
    assert out == pytest.approx(share * np.array(moves), abs=1e-9)
    assert butterflies(row, k, out) >= -1e-11
    if share < 1.0:
        more = (share + 1 / 1024) * np.array(moves)
        assert butterflies(row, k, more) < 1e-9


def test_a_curve_with_a_butterfly_of_its_own_gets_no_offsets():
    """Offsets cannot repair the curve; that is the repair's work."""
    row = flat()
    row[at.P + 2 : at.P + 6] = 40.0, 40.0, -0.06, 0.06
    k = np.linspace(-0.14, 0.14, 9)
    assert butterflies(row, k, np.zeros(9)) < -1e-3
    assert offsets.sound_share(row, k, np.full(9, 1e-4), 9, TAU) == 0.0
    assert offsets.sound_share(NONE, k, np.zeros(9), 9, TAU) == 0.0


def test_offsets_between_and_beyond_the_strikes():
    """Linear in between, fading out over one gap beyond, zero further out; NaN stays NaN."""
    k, moves = np.array([-0.1, 0.0, 0.05]), np.array([0.01, -0.02, 0.004])
    for x, wanted in (
        (-0.1, 0.01),
        (-0.05, -0.005),
        (0.0, -0.02),
        (0.025, -0.008),
        (0.05, 0.004),
        (0.075, 0.002),
        (0.1, 0.0),
        (1.0, 0.0),
        (-0.15, 0.005),
        (-0.2, 0.0),
        (-3.0, 0.0),
    ):
        assert offsets.offset_at(k, moves, 3, x) == pytest.approx(wanted, abs=1e-15)
        vol = offsets.vol_with_offsets(flat(), k, moves, 3, x)
        assert vol == pytest.approx(0.2 + wanted, abs=1e-15)
    assert math.isnan(offsets.offset_at(k, moves, 3, math.nan))
    assert offsets.offset_at(k, moves, 0, 0.1) == 0.0
    assert offsets.offset_at(k, moves, 1, -0.1) == 0.01
    assert offsets.offset_at(k, moves, 1, -0.09) == 0.0
    assert math.isnan(offsets.vol_with_offsets(NONE, k, moves, 3, 0.0))
    assert offsets.vol_with_offsets(flat(0.0005), k, moves, 3, 0.0) == at.VOL_LOW
