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


@pytest.mark.parametrize(
    ("function", "exact", "low", "high", "limit"),
    [
        (elementary.exp, mp.exp, -1.0, 1.0, 1.5),
        (elementary.exp, mp.exp, -700.0, 700.0, 1.5),
        (elementary.log, mp.log, 0.3, 3.0, 1.5),
        (elementary.log, mp.log, 1e-6, 1e6, 1.5),
        (elementary.norm_pdf, mp.npdf, -37.0, 37.0, 4.0),
        (elementary.norm_cdf, lambda x: mp.erfc(-x / mp.sqrt(2)) / 2, -37.0, 8.0, 8.0),
    ],
)
def test_relative_error_stays_within_a_few_eps(function, exact, low, high, limit):
    """exp, log, density and cdf keep their stated accuracy over the range (T-01)."""
    points = np.random.default_rng(7).uniform(low, high, 400)
    assert worst(function, exact, points) <= limit


def test_log_keeps_relative_accuracy_next_to_one():
    """log and log_ratio do not cancel when the argument is close to one."""
    near = 1.0 + np.random.default_rng(8).normal(0.0, 1e-6, 200)
    assert worst(elementary.log, mp.log, near[near != 1.0]) <= 1.5
    over = 1.5 + (near - 1.0)
    with mp.workdps(40):
        true = [float(mp.log(mp.mpf(a) / mp.mpf(1.5))) for a in over]
    found = [elementary.log_ratio(a, 1.5) for a in over]
    assert found == pytest.approx(true, rel=3 * EPS, abs=0.0)


def test_edges_have_the_limits_of_the_functions():
    """Infinities, zeros, subnormals and NaN give the mathematical limit, never garbage."""
    inf, nan = math.inf, math.nan
    assert elementary.exp(-800.0) == 0.0 and elementary.exp(800.0) == inf
    assert elementary.exp(-inf) == 0.0 and elementary.exp(inf) == inf
    assert elementary.exp(-745.0) == math.exp(-745.0) and elementary.exp(0.0) == 1.0
    assert elementary.log(0.0) == -inf and math.isnan(elementary.log(-1.0))
    assert elementary.log(1.0) == 0.0 and elementary.log(inf) == inf
    assert elementary.log(5e-324) == pytest.approx(math.log(5e-324), rel=1e-15)
    assert elementary.norm_cdf(inf) == 1.0 and elementary.norm_cdf(-inf) == 0.0
    assert elementary.norm_cdf(0.0) == pytest.approx(0.5, abs=EPS)
    for function in (elementary.exp, elementary.log, elementary.norm_pdf, elementary.norm_cdf):
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
