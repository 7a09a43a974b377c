"""The explanation of a profit: exact sums, third-order residual, each cause by itself."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.kernels.desk import black
from quanheng.kernels.desk import explain as ex

CONTRACTS = [
    (1.0, 2.9, 0.21, 0.10, 2e5),
    (-1.0, 2.9, 0.21, 0.10, -1e5),
    (1.0, 3.1, 0.19, 0.10, -3e5),
    (-1.0, 3.0, 0.20, 0.40, 1e5),
    (1.0, 3.3, 0.22, 0.40, 5e5),
]
"""sign, strike, vol, tau, units."""
UNITS = np.array([row[4] for row in CONTRACTS])
FORWARD, RATE = 3.0, 0.02
NO_SLOPES, NO_MOVES = np.empty((0, len(CONTRACTS))), np.empty(0)


def state(df=0.0, dv=0.0, dt=0.0, dr=0.0):
    """[STATE_ROWS, n] after moves of forward, vol, time and rate; one clock for both times."""
    out = np.empty((ex.STATE_ROWS, len(CONTRACTS)))
    for i, (sign, strike, vol, tau, _) in enumerate(CONTRACTS):
        left, now = tau - dt, FORWARD + df
        discount = math.exp(-(RATE + dr) * left)
        price = black.price_one(sign, now, strike, vol + dv, left, discount)
        out[:, i] = price, now, vol + dv, left, discount
    return out


def exact_greeks():
    """Derivatives of Black's formula by differences in 40 digits."""

    def price(sign, strike, discount, f, v, t):
        s = v * mp.sqrt(t)
        d1 = mp.log(f / strike) / s + s / 2
        return discount * sign * (f * mp.ncdf(sign * d1) - strike * mp.ncdf(sign * (d1 - s)))

    out = np.empty((ex.GREEK_ROWS, len(CONTRACTS)))
    orders = [(1, 0, 0), (2, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 2, 0), (1, 0, 1)]
    with mp.workdps(40):
        for i, (sign, strike, vol, tau, _) in enumerate(CONTRACTS):
            args = tuple(map(mp.mpf, (sign, strike, math.exp(-RATE * tau))))
            for k, order in enumerate(orders):
                point = (mp.mpf(FORWARD), mp.mpf(vol), mp.mpf(tau))
                value = mp.diff(lambda f, v, t, a=args: price(*a, f, v, t), point, order)
                out[k, i] = float(-value if order[2] else value)
    return out


@pytest.fixture(scope="module")
def greeks():
    return exact_greeks()


def explained(after, greeks, spot_move, slopes=NO_SLOPES, moves=NO_MOVES, before=None):
    parts = np.empty((ex.TERMS + moves.size, len(CONTRACTS)))
    totals = np.empty(ex.TERMS + moves.size)
    before = state() if before is None else before
    left_out = ex.explain(UNITS, before, after, greeks, spot_move, slopes, moves, parts, totals)
    return parts, totals, left_out


def test_terms_and_residual_are_the_actual_profit_exactly(greeks):
    """In any order of adding, for a contract and for the book, to the last bit."""
    slopes = np.random.default_rng(1).normal(size=(3, len(CONTRACTS)))
    after = state(0.07, -0.015, 0.01, 0.003)
    parts, totals, _ = explained(after, greeks, 0.02, slopes, np.array([0.01, -0.02, 0.005]))
    rows = [k for k in range(ex.TERMS + 3) if k != ex.ACTUAL]
    for order in (rows, rows[::-1]):
        assert sum(totals[k] for k in order) == totals[ex.ACTUAL]
        for i in range(len(CONTRACTS)):
            assert sum(parts[k, i] for k in order) == parts[ex.ACTUAL, i]
    assert [math.fsum(row) for row in parts] == totals.tolist()
    assert np.all(parts[ex.RESIDUAL] != 0.0)
    true = UNITS * (after[ex.S_PRICE] - state()[ex.S_PRICE])
    assert parts[ex.ACTUAL] == pytest.approx(true, abs=2.0**-25)


def test_residual_is_of_third_order(greeks):
    """Half the move (and a quarter of the time) leaves about an eighth of the residual."""

    def residual(step):
        after = state(0.04 * step, 0.01 * step, 0.004 * step * step, 0.002 * step * step)
        return explained(after, greeks, 0.03 * step / FORWARD)[1]

    full, half, quarter = residual(1.0), residual(0.5), residual(0.25)
    for big, small in ((full, half), (half, quarter)):
        assert 6.5 < big[ex.RESIDUAL] / small[ex.RESIDUAL] < 9.5
    assert abs(quarter[ex.RESIDUAL]) < 2e-3 * np.abs(quarter[ex.THETA : ex.RESIDUAL]).sum()


@pytest.mark.parametrize(
    ("move", "term", "missing"),
    [
        ({"df": 0.02}, ex.GAMMA, ex.G_GAMMA),
        ({"df": 0.02, "dv": 0.02}, ex.VANNA, ex.G_VANNA),
        ({"dv": 0.05}, ex.VOLGA, ex.G_VOLGA),
        ({"dv": 0.01}, ex.VEGA, ex.G_VEGA),
        ({"df": 0.01}, ex.DELTA, ex.G_DELTA),
        ({"dt": 0.004}, ex.THETA, ex.G_THETA),
        ({"df": 0.02, "dt": 0.01}, ex.CHARM, ex.G_CHARM),
    ],
)
def test_every_term_is_needed(greeks, move, term, missing):
    """Without one of the Greeks the residual grows, so each term stands for something real."""
    after = state(**move)
    spot_move = move.get("df", 0.0) / FORWARD
    with_it, _, _ = explained(after, greeks, spot_move)
    without = greeks.copy()
    without[missing] = 0.0
    parts, _, _ = explained(after, without, spot_move)
    assert np.abs(with_it[term]).min() > 0.0 and not parts[term].any()
    assert np.abs(with_it[ex.RESIDUAL]).sum() < np.abs(parts[ex.RESIDUAL]).sum()


def test_forward_moves_with_the_spot_or_against_it(greeks):
    """What the spot explains is DELTA, the rest of the forward's move is CARRY; CHARM has both."""
    after = state(df=0.02, dt=0.01)
    parts, _, _ = explained(after, greeks, 0.004)
    delta = greeks[ex.G_DELTA] * UNITS
    assert parts[ex.DELTA] == pytest.approx(delta * 0.012, rel=1e-6, abs=1e-6)
    assert parts[ex.CARRY] == pytest.approx(delta * 0.008, rel=1e-6, abs=1e-6)
    charm = greeks[ex.G_CHARM] * UNITS
    assert parts[ex.CHARM] == pytest.approx(charm * 0.02 * 0.01, rel=1e-6, abs=1e-6)


def test_a_rate_move_is_discounting_alone(greeks):
    """With the forward held, a rate moves the discount factor and nothing else."""
    parts, _, _ = explained(state(dr=0.01), greeks, 0.0)
    assert parts[ex.DISCOUNTING] == pytest.approx(parts[ex.ACTUAL], abs=1e-6)
    assert not parts[ex.THETA : ex.DISCOUNTING].any()


def test_moves_of_the_curve_take_their_share_of_vega(greeks):
    """Level and slope moves that make up the whole move of the vols leave VEGA nothing."""
    x = np.log(np.array([row[1] for row in CONTRACTS]) / FORWARD)
    slopes, moves = np.array([np.ones(len(CONTRACTS)), x]), np.array([0.01, -0.05])
    after = state()
    after[ex.S_VOL] += moves @ slopes
    for i, (sign, strike, _, tau, _) in enumerate(CONTRACTS):
        after[ex.S_PRICE, i] = black.price_one(
            sign, FORWARD, strike, after[ex.S_VOL, i], tau, after[ex.S_DISCOUNT, i]
        )
    parts, _, _ = explained(after, greeks, 0.0, slopes, moves)
    vega = greeks[ex.G_VEGA] * UNITS
    assert parts[ex.TERMS] == pytest.approx(vega * 0.01, abs=1e-6)
    assert parts[ex.TERMS + 1] == pytest.approx(vega * x * -0.05, abs=1e-6)
    assert np.abs(parts[ex.VEGA]).max() < 1e-6


def test_nothing_moves_nothing_is_explained(greeks):
    """The same state twice: every amount is zero."""
    parts, totals, left_out = explained(state(), greeks, 0.0)
    assert left_out == 0 and not parts.any() and not totals.any()


def test_a_missing_number_is_left_out_and_told(greeks):
    """A contract without a price is NaN in its column, counted, and not in the totals."""
    after = state(0.01)
    whole = explained(after, greeks, 0.01 / FORWARD)[0]
    after[ex.S_PRICE, 2] = math.nan
    parts, totals, left_out = explained(after, greeks, 0.01 / FORWARD)
    assert left_out == 1 and np.isnan(parts[:, 2]).all()
    kept = np.delete(whole, 2, axis=1)
    assert [math.fsum(row) for row in kept] == totals.tolist()


@settings(max_examples=100, deadline=None)
@given(st.floats(-0.5, 0.5), st.floats(-0.1, 0.5), st.floats(0.0, 0.09), st.floats(-0.02, 0.05))
def test_sums_are_exact_for_any_move(df, dv, dt, dr):
    """Large moves have large residuals, and still add exactly."""
    greeks = np.full((ex.GREEK_ROWS, len(CONTRACTS)), 0.3)
    parts, totals, left_out = explained(state(df, dv, dt, dr), greeks, df / FORWARD)
    assert left_out == 0
    for column in (*parts.T, totals):
        assert sum(column[ex.THETA :]) == column[ex.ACTUAL]
