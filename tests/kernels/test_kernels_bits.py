"""The same bits from machine code for two CPUs and from plain Python."""

import pytest
from bits_process import digest_of

SCRIPT = """
import hashlib, sys
import numpy as np
from quanheng.kernels.desk import greeks, implied
from quanheng.kernels.desk.curves import arbitrage, fits, layout, repair, ssvi
from quanheng.kernels.math import elementary as e

def digest(n):
    seen = hashlib.sha256()
    def see(values):
        array = np.array(values, dtype=np.float64)
        seen.update(np.where(np.isnan(array), 7.0, array).tobytes())
    rng = np.random.default_rng(3)
    x = rng.uniform(-40.0, 40.0, n)
    see([f(float(v)) for v in x for f in (e.exp, e.norm_pdf, e.norm_cdf)])
    see([e.log(float(v)) for v in np.exp(x)])
    forward, tau = rng.uniform(0.5, 10, n), rng.uniform(1e-4, 2, n)
    vol = np.exp(rng.uniform(-6, 2, n))
    strike = forward * np.exp(rng.uniform(-4, 4, n) * vol * np.sqrt(tau))
    sign, discount = rng.choice([-1.0, 1.0], n), np.full(n, 0.99)
    strike[::50] = forward[::50]
    out, found, codes = np.empty((9, n)), np.empty(n), np.empty(n, dtype=np.int64)
    greeks.greeks_chain(sign, forward, strike, vol, tau, discount, out)
    see(out)
    implied.implied_chain(sign, out[0], forward, strike, tau, discount, found)
    see(found)
    implied.reason_chain(sign, out[0], forward, strike, tau, discount, codes)
    see(codes)
    greeks.desk_chain(out, forward, np.full(n, 1e4), out)
    see(out)
    rows = np.full((5, layout.ROW), np.nan)
    for model in (layout.WING, layout.SVI, layout.CUBIC, layout.WING):
        x, smile = np.sort(rng.uniform(-0.2, 0.2, 9)), rng.uniform(0.16, 0.24, 9)
        fits.fit(model, x, smile, np.ones(9), 9, 0.05 * model, 2.5, rows[model], rows[model - 1])
        see(rows[model - 1])
    start = np.array([0, 9, 18])
    both, report = np.concatenate([x, x]), np.empty((4, arbitrage.REPORT))
    vols, taus, ahead = rng.uniform(0.16, 0.24, 18), np.array([0.1, 0.3]), np.full(2, 2.5)
    ssvi.fit(both, vols, np.ones(18), start, 2, taus, ahead, rows[2:4], rows[2:4])
    repair.repair(rows[:4], 4, report)
    see(rows)
    see(report)
    return seen.hexdigest()

if __name__ == "__main__":
    print(digest(int(sys.argv[1])))
"""


def digest(n: int, **environment: str) -> str:
    """Digest of n cases in a fresh process."""
    return digest_of(SCRIPT, n, **environment)


@pytest.fixture(scope="module")
def native() -> dict[int, str]:
    return {n: digest(n) for n in (30, 20_000)}


def test_bits_do_not_depend_on_the_cpu(native):
    """Code for AVX2 (haswell) and for this machine gives the same digest of 480,000 values."""
    assert digest(20_000, NUMBA_CPU_NAME="haswell") == native[20_000]


def test_machine_code_equals_plain_python(native):
    """NUMBA_DISABLE_JIT=1 runs the same text to the same bits."""
    assert digest(30, NUMBA_DISABLE_JIT="1") == native[30]


def test_the_digest_can_tell(native):
    """Different cases give a different digest, so equality above means something."""
    assert digest(29) != native[30]
