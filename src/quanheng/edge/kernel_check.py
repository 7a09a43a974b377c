"""The compiled kernels against the same text as plain Python, bit by bit (reliability.md 5).

A cache can hold wrong machine code, and a compiler can be wrong. `python -m
quanheng.edge.kernel_check` prints the hash of a few hundred prices, Greeks, implied volatilities
and laws of arithmetic; with NUMBA_DISABLE_JIT=1 the same text runs without the compiler.
"""

import hashlib
import os
import subprocess
import sys

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import black, forward, implied
from quanheng.kernels.math import elementary

CASES = 24
Floats = npt.NDArray[np.float64]
PATIENCE = 120
"""Seconds that the interpreter may take for its part."""
GOLDEN = 0.6180339887498949
"""Multiples of the golden section, modulo one, cover the unit interval evenly."""


def bits() -> str:
    """SHA-256, hex, over the bits of what the kernels answer."""
    drawn: Floats = np.arange(1, 6 * CASES + 1, dtype=np.float64) * GOLDEN % 1.0
    sign: Floats = np.where(drawn[0::6] < 0.5, -1.0, 1.0)
    fwd: Floats = 1.0 + 4.0 * drawn[1::6]
    strike: Floats = 1.0 + 4.0 * drawn[2::6]
    vol: Floats = 0.05 + 0.6 * drawn[3::6]
    tau: Floats = 0.002 + drawn[4::6]
    discount: Floats = 1.0 - 0.03 * drawn[5::6]
    table = np.empty((black.ROWS, CASES))
    black.price_chain(sign, fwd, strike, vol, tau, discount, table)
    back = np.empty(CASES)
    implied.implied_chain(sign, table[black.PRICE], fwd, strike, tau, discount, back)
    agreed = np.empty(forward.CONSENSUS)
    call: Floats = table[black.PRICE] * 0.99
    put: Floats = table[black.PRICE] * 1.01
    forward.consensus_forward(strike, call, put, put, call, CASES, 0.998, 2.5, agreed)
    plain = [
        one(value)
        for value in drawn.tolist()
        for one in (elementary.exp, elementary.log, elementary.norm_cdf)
    ]
    digest = hashlib.sha256()
    for part in (table, back, agreed, np.array(plain)):
        # A NaN has many bit patterns and one meaning.
        digest.update(np.where(np.isnan(part), 0.0, part).tobytes() + np.isnan(part).tobytes())
    return digest.hexdigest()


def plain_bits() -> str:
    """`bits` by a process without the compiler. RuntimeError with what it said when it failed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "quanheng.edge.kernel_check"],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2] or "the check ended early")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.stdout.write(bits() + "\n")
