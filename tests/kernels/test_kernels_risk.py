"""Numbers from counters, factors, tails of profits, and simulated books."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.kernels.desk import risk_stats, simulation
from quanheng.kernels.desk import scenario as sc
from quanheng.kernels.math import counter, linear
from quanheng.kernels.math.elementary import norm_cdf
from quanheng.kernels.math.normal import inverse_cdf

EPS = 2.0**-52


def true_inverse(p):
    """The exact inverse of the double p, by Newton's method on the tail that has the digits."""
    x = mp.mpf(inverse_cdf(p))
    for _ in range(4):
        if p < 0.5:
            x -= (mp.erfc(-x / mp.sqrt(2)) / 2 - mp.mpf(p)) / mp.npdf(x)
        else:
            x += (mp.erfc(x / mp.sqrt(2)) / 2 - (1 - mp.mpf(p))) / mp.npdf(x)
    return x


def test_inverse_normal_is_exact_to_a_few_eps():
    """Middle, both tails, next to one half and to the ends: relative error below 1e-15."""
    rng = np.random.default_rng(1)
    points = [
        *rng.uniform(0.0, 1.0, 150),
        *(10.0 ** rng.uniform(-307.0, -1.0, 100)),
        *(0.5 + rng.normal(0.0, 1e-8, 50)),
        *(1.0 - 10.0 ** rng.uniform(-15.0, -1.0, 50)),
        0.25, 0.75, math.nextafter(0.25, 0), math.nextafter(0.75, 1), 5e-324, 1.0 - 2.0**-53,
    ]  # fmt: skip
    with mp.workdps(40):
        for p in points:
            found, true = inverse_cdf(float(p)), true_inverse(float(p))
            assert abs(float(mp.mpf(found) / true - 1)) <= 4.0 * EPS, p


def test_inverse_normal_has_its_limits():
    """0, 1/2, 1, and NaN outside; symmetric; inverse of the distribution function."""
    assert inverse_cdf(0.0) == -math.inf and inverse_cdf(1.0) == math.inf
    assert inverse_cdf(0.5) == 0.0
    for bad in (-1e-300, 1.0 + EPS, math.nan, -math.inf):
        assert math.isnan(inverse_cdf(bad))
    for p in np.linspace(2.0**-10, 1.0 - 2.0**-10, 1023):
        assert inverse_cdf(p) == -inverse_cdf(1.0 - p)
        assert norm_cdf(inverse_cdf(p)) == pytest.approx(p, rel=1e-14)


def test_counted_normals_are_a_function_of_seed_and_place():
    """Any piece of a stream alone equals that piece of the whole; seeds differ."""
    whole = np.empty(1000)
    counter.fill_normals(7, 0, whole)
    piece = np.empty(300)
    counter.fill_normals(7, 650, piece)
    assert piece.tobytes() == whole[650:950].tobytes()
    other = np.empty(1000)
    counter.fill_normals(8, 0, other)
    assert abs(np.corrcoef(whole, other)[0, 1]) < 0.1 and not np.isin(whole, other).any()


def test_counted_normals_use_splitmix64():
    """The words are splitmix64's, written again in plain integers."""
    word = (1 << 64) - 1

    def mix(z):
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & word
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & word
        return z ^ (z >> 31)

    step = 0x9E3779B97F4A7C15
    start = (mix((123 + step) & word) + 5 * step) & word
    out = np.empty(10)
    counter.fill_normals(123, 5, out)
    for i in range(10):
        uniform = ((mix((start + (i + 1) * step) & word) >> 12) + 0.5) / 2.0**52
        assert out[i] == inverse_cdf(uniform)


def test_counted_normals_are_normal():
    """Moments and the distribution of 200,000 numbers, within five standard errors."""
    out = np.empty(200_000)
    counter.fill_normals(2024, 0, out)
    n = out.size
    for power, mean, spread in ((1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)):
        assert abs((out**power).mean() - mean) < 5.0 * math.sqrt(spread / n), power
    ranks = (np.arange(n) + 0.5) / n
    levels = np.sort([norm_cdf(float(x)) for x in out[:20_000]])
    assert np.abs(levels - ranks[: n : n // 20_000]).max() < 1.95 / math.sqrt(20_000)
    assert abs(np.corrcoef(out[:-1], out[1:])[0, 1]) < 5.0 / math.sqrt(n)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 8), st.integers(0, 10**6))
def test_cholesky_gives_back_the_matrix(n, seed):
    """L L' is the matrix, L is lower triangular, and numpy agrees."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    matrix = root @ root.T + 1e-3 * np.eye(n)
    out = np.empty((n, n))
    assert linear.cholesky(matrix, out) == 0
    assert np.array_equal(out, np.tril(out))
    assert out == pytest.approx(np.linalg.cholesky(matrix), rel=1e-7, abs=1e-9)
    assert out @ out.T == pytest.approx(matrix, rel=1e-12, abs=1e-12)


def test_cholesky_of_perfect_and_impossible_correlations():
    """Correlation one is fine; what no factors can have is refused with its row."""
    out = np.empty((3, 3))
    ones = np.ones((3, 3))
    assert linear.cholesky(ones, out) == 0 and out[:, 0].tolist() == [1.0, 1.0, 1.0]
    assert not out[:, 1:].any()
    bad = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    assert linear.cholesky(bad, out) == 3 and np.isnan(out).all()
    torn = np.array([[1.0, 1.0, 0.2], [1.0, 1.0, 0.5], [0.2, 0.5, 1.0]])
    assert linear.cholesky(torn, out) == 2
    torn[2, 0] = math.nan
    assert linear.cholesky(torn, out) > 0


def plain_tail(profit, level, weights):
    """The definitions of McNeil, Frey and Embrechts, written as they read."""
    losses = sorted(zip((-profit).tolist(), weights.tolist(), strict=True))
    below = 0.0
    for loss, weight in losses:
        below += weight
        if below >= level - 1e-12:
            var = loss
            break
    beyond = math.fsum(w * loss for loss, w in losses if loss > var)
    rest = 1.0 - level - math.fsum(w for loss, w in losses if loss > var)
    return var, (beyond + rest * var) / (1.0 - level)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(-20, 20), min_size=1, max_size=60),
    st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]),
    st.floats(0.5, 1.0),
)
def test_tails_are_as_defined(profits, level, decay):
    """Value at risk and shortfall with ties, equal weights and age weights."""
    profit = np.array(profits, dtype=np.float64)
    weights = np.empty(profit.size)
    risk_stats.age_weights(decay, weights)
    equal = np.full(profit.size, 1.0 / profit.size)
    for found, shares in (
        (risk_stats.tail(profit, level, weights), weights),
        (risk_stats.tail(profit, level), equal),
    ):
        assert found == pytest.approx(plain_tail(profit, level, shares), rel=1e-9, abs=1e-9)
        assert found.shortfall >= found.value_at_risk - 1e-9


def test_tail_of_a_hundred_days():
    """By hand: of losses 1..100, 99 % leaves the second worst, and the worst as its mean beyond."""
    profit = -np.arange(1.0, 101.0)
    assert risk_stats.tail(profit, 0.99) == pytest.approx((99.0, 100.0))
    assert risk_stats.tail(profit, 0.95) == pytest.approx((95.0, 98.0))
    # 1 - 0.9 rounds to less than a tenth; the border does not move for that.
    assert risk_stats.tail(profit[:10], 0.9) == pytest.approx((9.0, 10.0))
    assert risk_stats.tail(profit, 0.985) == pytest.approx((99.0, (100.0 + 0.5 * 99.0) / 1.5))


def test_age_weights_fall_with_age():
    """Newest last, each older one times the decay, sum one; NaN outside (0, 1]."""
    out = np.empty(50)
    risk_stats.age_weights(0.97, out)
    assert out.sum() == pytest.approx(1.0, rel=1e-14)
    assert out[:-1] / out[1:] == pytest.approx(np.full(49, 0.97), rel=1e-12)
    risk_stats.age_weights(1.1, out)
    assert np.isnan(out).all()


def test_tails_refuse_bad_input():
    """No profits, NaN, an impossible level, weights that are not a distribution: NaN."""
    good = np.arange(10.0)
    third = np.full(10, 0.3)
    uneven = np.full(10, 0.1)
    uneven[0], uneven[1] = -0.1, 0.3
    for args in (
        (np.empty(0), 0.9), (good, 0.0), (good, 1.0), (good, math.nan), (good, 0.9, third),
        (good, 0.9, uneven), (np.array([1.0, math.nan]), 0.9), (np.array([1.0, math.inf]), 0.9),
    ):  # fmt: skip
        assert all(math.isnan(value) for value in risk_stats.tail(*args))
    assert math.isnan(risk_stats.tail_errors(good, 0.9, 1).value_at_risk)
    assert math.isnan(risk_stats.tail_errors(good, 0.9, 11).shortfall)


def holding(units, spot=3.0, fund_units=0.0):
    """Two expiries, four options, and a fund position."""
    book = np.array([[1.0, -1.0, 1.0, -1.0], [3.0, 2.9, 3.2, 3.0], [0.2, 0.22, 0.21, 0.2], units])
    expiries = np.array([[3.0, 3.02], [0.08, 0.3], [0.998, 0.994]])
    return simulation.Holding(
        book, np.array([0, 0, 1, 1], dtype=np.int64), expiries, spot, fund_units
    )


def run(holdings, pairs, seed=1, rho=-0.6):
    size = 2 * len(holdings)
    correlation = np.eye(size)
    for u in range(0, size, 2):
        correlation[u, u + 1] = correlation[u + 1, u] = rho
    deviations = np.array([0.015, 0.06] * len(holdings))
    return simulation.simulate(holdings, correlation, deviations, 1.0, 243.0, seed, pairs)


def test_simulation_of_a_fund_position_is_the_normal_tail():
    """A linear position has the lognormal quantile; the stated errors are of the right size."""
    held = holding([0.0] * 4, fund_units=1e6)
    profit = run((held,), 100_000)
    found, error = risk_stats.tail(profit, 0.99), risk_stats.tail_errors(profit, 0.99)
    s = 0.015
    true = -3e6 * math.expm1(-s * s / 2 + s * inverse_cdf(0.01))
    mean = 3e6 * (1.0 - norm_cdf(inverse_cdf(0.01) - s) / 0.01)
    assert abs(found.value_at_risk - true) < 5.0 * error.value_at_risk < 0.02 * true
    assert abs(found.shortfall - mean) < 5.0 * error.shortfall < 0.02 * mean
    density = s * 3e6 * math.sqrt(0.01 * 0.99 / profit.size) / (0.02665)
    assert 0.5 * density < error.value_at_risk < 2.0 * density


def test_simulation_repeats_and_continues():
    """Same seed same bits, more pairs only add, another seed differs; pairs are antithetic."""
    held = holding([1e5, -2e5, 1e5, 3e5], fund_units=-1e4)
    first, again, longer = run((held,), 700), run((held,), 700), run((held,), 900)
    assert first.tobytes() == again.tobytes() == longer[:1400].tobytes()
    assert run((held,), 700, seed=2).tobytes() != first.tobytes()
    rows = np.empty((1, sc.SCENARIO_ROWS, 2000))
    deviations = np.array([0.02, 0.05])
    simulation.factor_scenarios(5, 0, np.eye(2), deviations, 2.0, rows)
    logs = np.log1p(rows[0, : sc.POINTS])
    shift = -deviations * deviations / 2
    assert logs[:, ::2] + logs[:, 1::2] == pytest.approx(
        np.repeat(2.0 * shift[:, None], 1000, axis=1), abs=1e-12
    )
    assert np.all(rows[0, sc.DAYS] == 2.0) and not rows[0, sc.POINTS].any()


def test_simulated_factors_have_the_correlation_asked_for():
    """Correlation -0.6 between spot and vol, 0.8 between two spots, standard deviations too."""
    correlation = np.array(
        [
            [1.0, -0.6, 0.8, -0.4],
            [-0.6, 1.0, -0.4, 0.5],
            [0.8, -0.4, 1.0, -0.5],
            [-0.4, 0.5, -0.5, 1.0],
        ]
    )
    factor = np.empty((4, 4))
    assert linear.cholesky(correlation, factor) == 0
    rows = np.empty((2, sc.SCENARIO_ROWS, 100_000))
    deviations = np.array([0.015, 0.06, 0.02, 0.05])
    simulation.factor_scenarios(9, 0, factor, deviations, 1.0, rows)
    logs = np.log1p(np.concatenate([rows[0, :2], rows[1, :2]]))
    assert np.corrcoef(logs) == pytest.approx(correlation, abs=0.015)
    assert logs.std(axis=1) == pytest.approx(deviations, rel=0.01)


def test_simulated_holdings_add_and_are_revalued_in_full():
    """The whole is the sum of its holdings; each profit is a full revaluation."""
    one, two = holding([1e5, -2e5, 1e5, 3e5]), holding([0.0, 1e5, -1e5, 0.0], fund_units=5e4)
    both = run((one, two), 50)
    empty = holding([0.0] * 4)
    apart = run((one, empty), 50) + run((empty, two), 50)
    assert both == pytest.approx(apart, rel=1e-12, abs=1e-9)


def test_named_days_are_revalued_jointly():
    """A table of joint moves, as of named days: each holding meets its own row of the same day."""
    one, two = holding([1e5, -2e5, 1e5, 3e5]), holding([0.0] * 4, fund_units=5e4)
    moves = np.zeros((2, sc.SCENARIO_ROWS, 3))
    moves[0, sc.SPOT], moves[1, sc.SPOT] = [-0.09, 0.08, 0.0], [-0.1, 0.1, 0.0]
    moves[0, sc.VOL_MOVE] = [0.6, 0.9, 0.0]
    found = simulation.revalue_holdings((one, two), moves, 243.0)
    options = simulation.revalue_holdings((one,), moves[:1], 243.0)
    assert found == pytest.approx(options + 5e4 * 3.0 * moves[1, sc.SPOT], rel=1e-13)
    assert found[2] == 0.0 and options[0] != options[1]
    with pytest.raises(ValueError, match="2 holdings"):
        simulation.revalue_holdings((one, two), moves[:1], 243.0)


def test_simulation_refuses_what_does_not_fit():
    """A wrong number of factors and an impossible correlation are errors, not numbers."""
    held = (holding([1.0] * 4),)
    with pytest.raises(ValueError, match="2 factors"):
        simulation.simulate(held, np.eye(3), np.ones(3), 1.0, 243.0, 1, 10)
    bad = np.array([[1.0, 1.5], [1.5, 1.0]])
    with pytest.raises(ValueError, match="row 1"):
        simulation.simulate(held, bad, np.ones(2), 1.0, 243.0, 1, 10)
