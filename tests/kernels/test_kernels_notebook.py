"""Curves and books through the notebook's functions: same numbers as the kernels, clear errors."""

import math

import numpy as np
import pytest

import quanheng.kernels as qk
from quanheng.kernels.desk.curves import layout, smile

STRIKES = np.round(np.arange(2.6, 3.35, 0.05), 2)
SMILE = 0.2 - 0.1 * np.log(STRIKES / 2.96) + 0.6 * np.log(STRIKES / 2.96) ** 2


def books(forward, discount, width=0.001):
    """Bids and asks of calls and puts around the smile's prices."""
    call = qk.price("C", forward, STRIKES, SMILE, 0.1, discount)
    put = qk.price("P", forward, STRIKES, SMILE, 0.1, discount)
    return [call - width, call + width, put - width, put + width]


def test_a_forward_is_read_off_the_books_whatever_one_leg_says():
    """rules.md 8.2: parity of all strikes; one stale leg does not move it."""
    columns = books(2.9644, 0.998)
    clean = qk.implied_forward(STRIKES, *columns, discount=0.998)
    assert clean.forward == pytest.approx(2.9644, abs=1e-9)
    assert clean.low <= clean.forward <= clean.high and clean.used == STRIKES.size
    columns[0][7] += 0.4
    columns[1][7] += 0.4
    stale = qk.implied_forward(STRIKES, *columns, discount=0.998)
    assert stale.forward == pytest.approx(2.9644, abs=1e-9) and stale.used < clean.used
    with pytest.raises(ValueError, match="arrays of one length"):
        qk.implied_forward(STRIKES, *columns[:3], columns[3][:4])


@pytest.mark.parametrize("model", ["wing", "svi", "cubic"])
def test_a_curve_has_names_and_gives_vols_of_its_row(model):
    """I-17, I-31: each model fits the smile; vols are those of the row, bit for bit."""
    curve = qk.fit(model, STRIKES, SMILE, 0.1, 2.96)
    assert (curve.model, curve.status, curve.tau, curve.forward) == (model, "ok", 0.1, 2.96)
    assert curve.rms < 2e-3
    vols = curve.vol(STRIKES)
    assert np.max(np.abs(vols - SMILE)) < 5e-3
    assert curve.vol(2.96) == smile.vol_at(curve.row, 0.0)
    again = qk.fit(model, STRIKES, SMILE, 0.1, 2.96, warm=curve)
    assert np.max(np.abs(again.vol(STRIKES) - vols)) < 1e-3
    assert all(math.isfinite(value) for value in curve.parameters.values())


def test_swim_and_deltas_move_a_curve_as_the_rules_say():
    """rules.md 8.3: sticky strike keeps vols at strikes, sticky delta at moneyness."""
    curve = qk.fit("wing", STRIKES, SMILE, 0.1, 2.96)
    assert curve.vol(2.8, forward=3.1, swim=0.0) == pytest.approx(curve.vol(2.8), rel=1e-14)
    moved = 2.8 * 3.1 / 2.96
    assert curve.vol(moved, forward=3.1, swim=1.0) == pytest.approx(curve.vol(2.8), rel=1e-12)
    raised = curve.vol(2.8, deltas=(0.01, 0.0, 0.0))
    assert raised == pytest.approx(curve.vol(2.8) + 0.01, rel=1e-12)


def test_repair_frees_a_class_of_arbitrage_and_wants_order():
    """rules.md 8.4: a later expiry below an earlier one is mended; clean curves stay."""
    first = qk.fit("svi", STRIKES, SMILE + 0.05, 0.1, 2.96)
    later = qk.fit("svi", STRIKES, SMILE - 0.05, 0.12, 2.96)
    assert later.vol(2.96) ** 2 * 0.12 < first.vol(2.96) ** 2 * 0.1
    mended, changed = qk.repair([first, later])
    assert changed >= 1
    w = [curve.vol(STRIKES) ** 2 * curve.tau for curve in mended]
    assert np.all(w[1] >= w[0]) and min(curve.butterfly()[0] for curve in mended) >= 0.0
    between = qk.surface_vol(mended, 0.11, 0.0) ** 2 * 0.11
    assert w[0][STRIKES.tolist().index(2.95)] <= between * 1.01
    with pytest.raises(ValueError, match="in order of expiry"):
        qk.repair([later, first])


def test_an_unknown_model_or_an_empty_fit_says_so():
    """No curve is not an error of Python but a status."""
    with pytest.raises(ValueError, match="wing, svi, cubic"):
        qk.fit("spline", STRIKES, SMILE, 0.1, 2.96)
    empty = qk.fit("svi", STRIKES[:1], SMILE[:1], 0.1, 2.96)
    assert (empty.model, empty.status) == ("none", "too few points")
    assert math.isnan(empty.vol(3.0))
    assert layout.MODELS[0] == "none"


KINDS = np.where(np.arange(STRIKES.size) % 2 == 0, "C", "P")
UNITS = 10_000.0 * (np.arange(STRIKES.size) - 6)


def test_a_grid_is_the_sum_of_repriced_contracts():
    """Zero cell exactly zero; a cell equals pricing every contract again."""
    market = qk.Market(2.96, SMILE, 0.1, 0.998)
    grid = qk.stress(KINDS, STRIKES, UNITS, market, (-0.05, 0.0, 0.05), (0.0, 0.25), (0.0, 1.0))
    assert grid.profit.shape == (2, 2, 3) and grid.refused == 0
    assert grid.profit[0, 0, 1] == 0.0
    tau = 0.1 - 1 / 243
    discount = 0.998 ** (tau / 0.1)
    then = qk.price(KINDS, 2.96 * 0.95, STRIKES, SMILE * 1.25, tau, discount)
    now = qk.price(KINDS, 2.96, STRIKES, SMILE, 0.1, 0.998)
    assert grid.profit[1, 1, 0] == pytest.approx(float(UNITS @ (then - now)), abs=1e-6)
    with pytest.raises(ValueError, match="market columns of 1 or"):
        qk.stress(KINDS, STRIKES, UNITS, qk.Market(2.96, SMILE[:3], 0.1), (0.0,))


def test_profit_is_explained_and_adds_up():
    """Terms and residual are the actual profit; the residual falls with the cube of the move."""
    market = qk.Market(2.96, SMILE, 0.1, 0.998)
    residuals = []
    for size in (1.0, 0.5):
        after = qk.Market(2.96 * (1 + 0.01 * size), SMILE + 0.005 * size, 0.1 - 0.001 * size, 0.998)
        terms = qk.explain(KINDS, STRIKES, UNITS, market, after, spot_move=0.01 * size)
        actual = terms.pop("actual")
        assert math.fsum(terms.values()) == pytest.approx(actual, abs=1e-6)
        residuals.append(abs(terms["residual"]))
        assert residuals[-1] < 0.05 * abs(actual)
    assert residuals[1] < 0.3 * residuals[0]
    with pytest.raises(ValueError, match="first at place 0"):
        qk.explain(KINDS, STRIKES, UNITS, qk.Market(-1.0, SMILE, 0.1), market)


def test_value_at_risk_is_the_tail_of_the_profits():
    """One loss in a hundred beyond the level."""
    found = qk.value_at_risk(np.arange(100.0) - 50.0, 0.95)
    assert found.value_at_risk == 45.0 and found.shortfall == pytest.approx(48.0)
