"""The elementary functions against mpmath, and their edges."""

import math

import mpmath as mp
import numpy as np
import pytest

from quanheng.kernels.math import elementary
from quanheng.kernels.math.bits import _fma_exact

EPS = 2.0**-52


def worst(function, exact, points) -> float:
    """Largest relative error in units of eps."""
    top = 0.0
    with mp.workdps(40):
        for x in points:
            top = max(top, abs(float((mp.mpf(function(float(x))) / exact(mp.mpf(float(x)))) - 1)))
    return top / EPS


def cdf(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def mills(z):
    return mp.sqrt(mp.pi / 2) * mp.exp(z * z / 2) * mp.erfc(z / mp.sqrt(2))


@pytest.mark.parametrize(
    ("function", "exact", "low", "high", "limit"),
    [
        (elementary.exp, mp.exp, -1.0, 1.0, 1.0),
        (elementary.exp, mp.exp, -708.0, 709.7, 1.0),
        (elementary.log, mp.log, 0.3, 3.0, 1.0),
        (elementary.log, mp.log, 1e-6, 1e6, 1.0),
        (elementary.log, mp.log, 1e300, 1.7e308, 1.0),
        (elementary.log, mp.log, 5e-324, 2e-308, 1.0),
        (elementary.mills, mills, 0.0, 2.0, 3.0),
        (elementary.mills, mills, 0.0, 60.0, 3.0),
        (elementary.norm_pdf, mp.npdf, -37.0, 37.0, 3.0),
        (elementary.norm_cdf, cdf, -37.0, 8.0, 4.0),
        (elementary.norm_cdf, cdf, -1.0, 1.0, 4.0),
    ],
)
def test_relative_error_stays_within_a_few_eps(function, exact, low, high, limit):
    """exp, log, Mills ratio, density and cdf keep their stated accuracy over the range (T-01)."""
    points = np.random.default_rng(7).uniform(low, high, 1000)
    assert worst(function, exact, points) <= limit


def test_log_keeps_relative_accuracy_next_to_one():
    """log and log_ratio do not cancel when the argument is close to one."""
    near = 1.0 + np.random.default_rng(8).normal(0.0, 1e-6, 200)
    assert worst(elementary.log, mp.log, near[near != 1.0]) <= 1.5
    over = 1.5 + (near - 1.0)
    with mp.workdps(40):
        true = [float(mp.log(mp.mpf(a) / mp.mpf(1.5))) for a in over]
    found = [elementary.log_ratio(a, 1.5) for a in over]
    assert found == pytest.approx(true, rel=2 * EPS, abs=0.0)


def test_log_ratio_is_within_two_eps_at_any_distance():
    """Also at the turns of its scaling, and where the quotient itself would overflow."""
    rng = np.random.default_rng(12)
    b = rng.uniform(1.0, 2.0, 2000)
    far = 2.0 ** rng.integers(-3, 4, 2000)
    a = np.where(rng.random(2000) < 0.5, b * far, rng.uniform(1.0, 2.0, 2000)) * rng.choice(
        [1.0, 1.0 + EPS, 2.0**0.5, 2.0**0.586, 1e300, 1e-300], 2000
    )
    with mp.workdps(40):
        for one, other in zip(a.tolist(), b.tolist(), strict=True):
            true = mp.log(mp.mpf(one) / mp.mpf(other))
            error = abs(mp.mpf(elementary.log_ratio(one, other)) - true)
            assert error <= 2 * EPS * abs(true), (one, other)
    assert elementary.log_ratio(1e300, 1e-300) == pytest.approx(600 * math.log(10.0), rel=EPS)
    assert elementary.log_ratio(3.0, 3.0) == 0.0
    for bad in (0.0, -1.0, 1e-310, math.inf, -math.inf, math.nan):
        assert math.isnan(elementary.log_ratio(bad, 1.0))
        assert math.isnan(elementary.log_ratio(1.0, bad))


def test_results_below_the_normal_range_are_within_an_ulp():
    """exp and the distribution function run down to the last subnormal, then to zero."""
    tiny = mp.mpf(5e-324)
    with mp.workdps(40):
        for x in np.random.default_rng(13).uniform(-745.1, -708.4, 300).tolist():
            assert abs(mp.mpf(elementary.exp(x)) - mp.exp(x)) <= tiny
        for x in np.random.default_rng(14).uniform(-38.5, -37.0, 300).tolist():
            true = cdf(mp.mpf(x))
            assert abs(mp.mpf(elementary.norm_cdf(x)) - true) <= max(2 * tiny, 4 * EPS * true)


def test_edges_have_the_limits_of_the_functions():
    """Infinities, zeros, subnormals and NaN give the mathematical limit, never garbage."""
    inf, nan = math.inf, math.nan
    assert elementary.exp(-800.0) == 0.0 and elementary.exp(800.0) == inf
    assert elementary.exp(-inf) == 0.0 and elementary.exp(inf) == inf
    assert elementary.exp(-745.0) == math.exp(-745.0) and elementary.exp(0.0) == 1.0
    assert elementary.log(0.0) == -inf and math.isnan(elementary.log(-1.0))
    assert elementary.log(1.0) == 0.0 and elementary.log(inf) == inf
    assert elementary.log(-0.0) == -inf and math.isnan(elementary.log(-inf))
    assert elementary.exp(709.782712893384) == pytest.approx(1.797693134862273e308, rel=1e-15)
    assert elementary.exp(709.7827128933841) == inf and elementary.exp(1.7e308) == inf
    assert elementary.exp(-745.14) == 0.0 and elementary.exp(-1.7e308) == 0.0
    assert elementary.exp(5e-324) == 1.0 == elementary.exp(-0.0)
    assert elementary.norm_pdf(1e300) == 0.0 == elementary.norm_pdf(-inf)
    assert elementary.norm_cdf(1e300) == 1.0 and elementary.norm_cdf(-1e300) == 0.0
    assert elementary.log(5e-324) == pytest.approx(math.log(5e-324), rel=1e-15)
    assert elementary.norm_cdf(inf) == 1.0 and elementary.norm_cdf(-inf) == 0.0
    assert elementary.norm_cdf(0.0) == pytest.approx(0.5, abs=EPS)
    for function in (
        elementary.exp,
        elementary.log,
        elementary.mills,
        elementary.norm_pdf,
        elementary.norm_cdf,
    ):
        assert math.isnan(function(nan))


def test_fma_rounds_once():
    """fma keeps the low half of a product, in machine code and in the plain form."""
    a = 1.0 + 2.0**-30
    assert elementary.fma(a, a, -(a * a)) == 2.0**-60
    assert _fma_exact(a, a, -(a * a)) == 2.0**-60
    rng = np.random.default_rng(9)
    for a, b, c in rng.normal(size=(500, 3)) * 10.0 ** rng.uniform(-20, 20, (500, 3)):
        assert elementary.fma(a, b, c) == _fma_exact(a, b, c)


def test_norm_cdf_rises_and_is_symmetric():
    """The distribution function is monotone across the branch at zero and its tails mirror."""
    x = np.arange(-2000, 2001) / 200.0
    values = np.array([elementary.norm_cdf(v) for v in x])
    assert np.all(np.diff(values) >= -2 * EPS * values[1:])
    assert np.max(np.abs(values + values[::-1] - 1.0)) <= 2 * EPS
