"""The same bits of trees, scenarios and forwards from two CPUs' code and from plain Python."""

import pytest
from bits_process import digest_of

SCRIPT = """
import hashlib, sys
import numpy as np
from quanheng.kernels.desk import carry, explain, forward, risk_stats, scenario, simulation
from quanheng.kernels.independent import bump, tree
from quanheng.kernels.math import counter, linear, normal

def digest(n):
    seen = hashlib.sha256()
    def see(values):
        array = np.array(values, dtype=np.float64)
        seen.update(np.where(np.isnan(array), 7.0, array).tobytes())
    rng = np.random.default_rng(3)
    see([normal.inverse_cdf(float(p)) for p in rng.uniform(0.0, 1.0, n)])
    numbers = np.empty(n)
    counter.fill_normals(5, 17, numbers)
    see(numbers)
    root = rng.normal(size=(4, 4))
    factor = np.empty((4, 4))
    linear.cholesky(root @ root.T, factor)
    row = np.empty(bump.ROWS)
    for _ in range(5):
        strike, vol = float(rng.uniform(2, 4)), float(rng.uniform(0.05, 0.8))
        for sign in (1.0, -1.0):
            option = (sign, 3.0, 3.02, strike, vol, 0.3, 0.995)
            for k in (0, 1):
                see([tree.option_price(*option, 25, k, early) for early in (True, False)])
            bump.american_greeks(*option, 11, row)
            see(row)
    sign, strike = rng.choice([-1.0, 1.0], n), rng.uniform(1, 9, n)
    book = np.array([sign, strike, rng.uniform(0, 2, n), rng.normal(size=n)])
    expiry = rng.integers(0, 2, n)
    expiries = np.array([[3.0, 3.1], [0.01, 0.4], [0.999, 0.99]])
    holdings = (simulation.Holding(book, expiry, expiries, 3.0, 7.0),) * 2
    deviations = np.array([0.02, 0.1, 0.03, 0.2])
    for j in range(4):
        size = sum(factor[j, k] * factor[j, k] for k in range(4)) ** 0.5
        factor[j] /= size
    profit = simulation.simulate(holdings, np.eye(4), deviations, 5.0, 243.0, 9, 20)
    see(profit)
    see([*risk_stats.tail(profit, 0.9), *risk_stats.tail_errors(profit, 0.9, 4)])
    weights = np.empty(40)
    risk_stats.age_weights(0.97, weights)
    see(weights)
    moves = np.empty((2, 4, 10))
    simulation.factor_scenarios(3, 2, factor, deviations, 1.0, moves)
    see(moves)
    before, after = rng.uniform(0.5, 1.5, (2, explain.STATE_ROWS, n))
    greeks = rng.normal(size=(explain.GREEK_ROWS, n))
    slopes, moves = rng.normal(size=(2, n)), rng.normal(size=2)
    parts, totals = np.empty((explain.TERMS + 2, n)), np.empty(explain.TERMS + 2)
    explain.explain(book[3], before, after, greeks, 0.01, slopes, moves, parts, totals)
    see(parts)
    see(totals)
    strikes = np.linspace(2.6, 3.4, 17)
    call = 0.1 + np.maximum(3.0 - strikes, 0.0)
    put = call - 0.998 * (3.01 - strikes)
    noise = rng.uniform(0.0, 0.001, 17)
    agreed, ladder = np.empty((2, forward.CONSENSUS)), np.empty((2, carry.COLUMNS))
    for row in agreed:
        forward.consensus_forward(
            strikes, call - noise, call + 0.001, put - 0.001, put + noise, 17, 0.998, 3.0, row
        )
    carry.forward_ladder(
        agreed, np.array([0.1, 0.3]), np.array([0.0, 0.01]), 2, 3.0, 0.02, 0.0, 0.1, ladder
    )
    see(agreed)
    see(ladder)
    return seen.hexdigest()


if __name__ == "__main__":
    print(digest(int(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def native() -> dict[int, str]:
    return {n: digest_of(SCRIPT, n) for n in (6, 500)}


def test_bits_do_not_depend_on_the_cpu(native):
    """Code for AVX2 (haswell) and for this machine gives the same digest."""
    assert digest_of(SCRIPT, 500, NUMBA_CPU_NAME="haswell") == native[500]


def test_machine_code_equals_plain_python(native):
    """NUMBA_DISABLE_JIT=1 runs the same text to the same bits."""
    assert digest_of(SCRIPT, 6, NUMBA_DISABLE_JIT="1") == native[6]
