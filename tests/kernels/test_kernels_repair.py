"""Repair of curve rows: minimal where it can be, certain where it must be (rules.md 8.4, R-05)."""

import itertools
import math

import numpy as np
import pytest
from curve_rows import CUBIC, SSVI, SVI, VOGT, WING, make, variances, vols, wild_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.kernels.desk.curves import arbitrage, compare, repair, tails
from quanheng.kernels.desk.curves import layout as at

NOTHING = np.zeros(at.ROW)


def same_but_min_g(a, b):
    a, b = a.copy(), b.copy()
    a[..., at.MIN_G] = b[..., at.MIN_G] = 0.0
    return a.tobytes() == b.tobytes()


def flat(row):
    """Vols of the row at its quotes' ends and the money."""
    return vols(
        row, [row[at.K_LOW], 0.5 * row[at.K_LOW], 0.0, 0.5 * row[at.K_HIGH], row[at.K_HIGH]]
    )


def is_clean(rows):
    report = np.empty((len(rows), arbitrage.REPORT))
    return arbitrage.check(np.ascontiguousarray(rows), len(rows), report) == 0


@settings(max_examples=400, deadline=None, derandomize=True)
@given(wild_rows())
def test_any_row_loses_its_butterflies(row):
    """Whatever the row, none is left, also on a finer grid; a second repair changes nothing."""
    before = row.copy()
    money = vols(row, [0.0])[0]
    done = repair.repair_butterfly(row)
    least = arbitrage.butterfly(row)[0]
    assert least == row[at.MIN_G]
    assert least >= 0.0
    low, high = arbitrage.reach(row, arbitrage.DEVIATIONS)
    for k in np.linspace(low, high, 500) + 1e-7:
        assert arbitrage.density_factor(row, float(k)) > -0.02
    assert vols(row, [0.0])[0] == pytest.approx(money, rel=1e-6)
    if done == repair.CLEAN:
        assert same_but_min_g(row, before)
    again = row.copy()
    assert repair.repair_butterfly(again) == repair.CLEAN
    assert again.tobytes() == row.tobytes()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(wild_rows(), min_size=2, max_size=4), st.data())
def test_any_class_loses_its_arbitrage(rows, data):
    """Wild rows of any four expiries end without butterflies and without crossing in time."""
    taus = sorted(row[at.TAU] for row in rows)
    table = np.array(rows)
    table[:, at.TAU] = taus
    table = np.ascontiguousarray(table)
    if data.draw(st.booleans()):
        table[data.draw(st.integers(0, len(rows) - 1))] = NOTHING
    report = np.empty((len(rows), arbitrage.REPORT))
    repair.repair(table, len(rows), report)
    usable = report[:, arbitrage.MENDED] != repair.UNUSABLE
    assert (usable == (table[:, at.MODEL] != at.NO_MODEL)).all()
    assert (report[usable, arbitrage.G] >= 0.0).all()
    assert (report[usable, arbitrage.GAP] >= 0.0).all()
    left = table[usable]
    for earlier, later in itertools.pairwise(left):
        grid = np.linspace(*arbitrage.common_reach(earlier, later), 301)
        apart = variances(later, grid) - variances(earlier, grid)
        assert apart.min() > -0.01 * variances(later, [0.0])[0]
    again = table.copy()
    assert repair.repair(again, len(rows), report) == 0
    assert again.tobytes() == table.tobytes()


def test_clean_rows_keep_their_bits():
    """A class without fault comes back byte for byte, but for the check's own column."""
    rows = np.array([make(at.SSVI, (0.004 * n, -0.4, 3.0), 0.1 * n) for n in (1, 2, 3)])
    before, report = rows.copy(), np.empty((3, arbitrage.REPORT))
    assert repair.repair(rows, 3, report) == 0
    assert same_but_min_g(rows, before)
    assert (rows[:, at.MIN_G] == report[:, arbitrage.G]).all()
    assert (report[:, arbitrage.MENDED] == repair.CLEAN).all()


def test_faults_beyond_the_quotes_leave_the_quotes():
    """A wing whose smoothing zone falls too fast gets tails; vols at its quotes keep their bits."""
    row = make(at.WING, (0.2, 0.0, 1.5, 2.0, -0.2, 0.2, 0.1, 0.1), tau=0.1)
    before = row.copy()
    assert arbitrage.butterfly(row)[0] < 0.0
    assert repair.repair_butterfly(row) == repair.TAILED
    inside = np.linspace(-0.2, 0.2, 41)
    assert vols(row, inside).tobytes() == vols(before, inside).tobytes()
    assert row[at.FLAT] == row[at.LIFT] == 0.0


def test_rows_that_cross_beyond_quotes_part_by_their_tails():
    """A short expiry extrapolated above a long one is bent down where nobody quotes."""
    near = make(at.SVI, (0.0005, 0.05, 0.0, 0.0, 0.03), 0.05, -0.08, 0.08)
    far = make(at.SVI, (0.006, 0.02, 0.0, 0.0, 0.1), 0.25, -0.1, 0.1)
    rows = np.array([near, far])
    assert arbitrage.calendar(near, far)[0] < 0.0
    report = np.empty((2, arbitrage.REPORT))
    assert repair.repair(rows, 2, report) > 0
    assert is_clean(rows)
    for old, new in zip((near, far), rows, strict=True):
        assert flat(new).tobytes() == flat(old).tobytes()
    assert (rows[:, at.LIFT] == 0.0).all()


def test_a_later_row_can_rise_beyond_its_quotes():
    """Where the earlier expiry is quoted and above, the later row's unquoted tail goes up."""
    near = make(at.SVI, (0.0005, 0.05, 0.0, 0.0, 0.03), 0.05, -0.3, 0.3)
    far = make(at.SVI, (0.006, 0.02, 0.0, 0.0, 0.1), 0.25, -0.1, 0.1)
    rows = np.array([near, far])
    report = np.empty((2, arbitrage.REPORT))
    repair.repair(rows, 2, report)
    assert is_clean(rows)
    assert flat(rows[1]) == pytest.approx(flat(far), abs=1e-12)


def test_rows_that_cross_at_their_quotes_are_lifted_by_the_evidence():
    """At the money the later row rises by the gap, or neither shape changes."""
    rows = np.array(
        [make(at.SSVI, (0.010, -0.3, 2.0), 0.1), make(at.SSVI, (0.009, -0.3, 2.0), 0.2)]
    )
    report = np.empty((2, arbitrage.REPORT))
    gap = arbitrage.calendar(rows[0], rows[1])[0]
    assert repair.repair(rows, 2, report) == 1
    assert report[1, arbitrage.MENDED] == repair.LIFTED
    assert rows[1, at.LIFT] == pytest.approx(-gap, rel=1e-6)
    assert is_clean(rows)


def test_neighbour_of_svi_keeps_the_money_and_the_left_wing():
    """Gatheral and Jacquier 5.1: v, psi and p stay, c' = p + 2 psi, v~' = 4 v p c'/(p + c')^2."""
    row = make(at.SVI, VOGT)
    out = np.empty(at.ROW)
    assert repair.neighbour(row, out)
    w, first, _ = arbitrage.variance_at(row, 0.0)
    new_w, new_first, _ = arbitrage.variance_at(out, 0.0)
    assert (new_w, new_first) == pytest.approx((w, first), rel=1e-12)
    a, b, rho, _, sigma = out[at.P : at.P + 5]
    p, c = b * (1.0 - rho) / math.sqrt(w), b * (1.0 + rho) / math.sqrt(w)
    assert p == pytest.approx(VOGT[1] * (1.0 - VOGT[2]) / math.sqrt(w), rel=1e-12)
    assert c == pytest.approx(p + first / math.sqrt(w), rel=1e-12)
    lowest = a + b * sigma * math.sqrt(1.0 - rho * rho)
    assert lowest == pytest.approx(4.0 * w * p * c / (p + c) ** 2, rel=1e-12)
    assert arbitrage.butterfly(out)[0] > 0.0


def test_vogt_moves_less_than_a_flattened_row():
    """The blend with the neighbour, FLAT and tails compete; the least move of prices wins."""
    row = make(at.SVI, VOGT, low=-1.0, high=1.0)
    before = row.copy()
    assert repair.repair_butterfly(row) in (repair.MOVED, repair.TAILED)
    moved = compare.price_move(before, row)
    for share in np.linspace(0.01, 1.0, 100):
        other = before.copy()
        other[at.FLAT] = share
        if arbitrage.butterfly(other)[0] >= 0.0:
            assert moved <= compare.price_move(before, other)
            break


@pytest.mark.parametrize("spoil", [at.P, at.TAU])
def test_unusable_rows_are_said_and_left(spoil):
    """NaN parameters and no time: the code says so, the row and its neighbours are untouched."""
    rows = np.array([make(at.SSVI, (0.004 * n, -0.4, 3.0), 0.1 * n) for n in (1, 2, 3)])
    rows[1, spoil] = math.nan
    before, report = rows.copy(), np.empty((3, arbitrage.REPORT))
    assert repair.repair(rows, 3, report) == 0
    assert list(report[:, arbitrage.MENDED]) == [repair.CLEAN, repair.UNUSABLE, repair.CLEAN]
    assert same_but_min_g(rows, before)
    assert math.isnan(rows[1, at.MIN_G])


def test_a_tail_is_smooth():
    """Vol and slope go on from the quote, and end in a level."""
    for model, parameters in ((at.WING, WING), (at.SVI, SVI), (at.SSVI, SSVI), (at.CUBIC, CUBIC)):
        row = make(model, parameters, tau=0.5, low=-0.1, high=0.1)
        plain = row.copy()
        for side, edge in enumerate((-0.1, 0.1)):
            tails.set_tail(row, side, edge, 0.2, 0.0)
        step = 1e-6
        for edge, out in ((-0.1, -1.0), (0.1, 1.0)):
            inner, middle, outer = vols(row, [edge - out * step, edge, edge + out * step])
            assert middle == vols(plain, [edge])[0]
            assert outer - middle == pytest.approx(middle - inner, abs=1e-10)
            ends = vols(row, [edge + out * 0.2, edge + out * 0.3, edge + out * 9.0])
            assert ends[0] == ends[1] == ends[2]
            assert ends[0] - middle == pytest.approx(0.1 * (middle - inner) / step, abs=1e-5)
