"""The hot loops become vector code: counted in the assembly, not timed."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import re
import numpy as np
from quanheng.kernels.desk import black, greeks, implied

columns, table = np.full((6, 9), 0.5), np.empty((9, 9))
for kernel, out in (
    (greeks.greeks_chain, table),
    (black.price_chain, table),
    (implied.implied_chain, table[0]),
):
    kernel(*columns, out)
    text = "".join(kernel.inspect_asm().values())
    vector = len(re.findall(r"vf[n]?m(?:add|sub)[0-9]+pd[^\\n]*[yz]mm", text))
    divisions = len(re.findall(r"vdivpd[^\\n]*[yz]mm", text))
    calls = len(re.findall(r"call\\w*\\s+\\S*(?:exp|log|erf|pow)", text))
    print(kernel.__name__, vector, divisions, calls)
"""


@pytest.fixture(scope="module")
def counts(tmp_path_factory) -> dict[str, list[int]]:
    """Kernel -> (vector fma, vector divisions, calls of libm) in fresh AVX2 code."""
    folder = str(tmp_path_factory.mktemp("cache"))
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env={**os.environ, "NUMBA_CACHE_DIR": folder, "NUMBA_CPU_NAME": "haswell"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    lines = (line.split() for line in run.stdout.splitlines())
    return {name: [int(part) for part in parts] for name, *parts in lines}


@pytest.mark.parametrize(
    ("name", "fma", "divisions"),
    [("greeks_chain", 80, 6), ("price_chain", 80, 6), ("implied_chain", 180, 15)],
)
def test_hot_loops_are_vector_code(counts, name, fma, divisions):
    """Each chain keeps its fma and divisions in vector registers and calls no libm (R-05)."""
    found = counts[name]
    assert found[0] >= fma and found[1] >= divisions, found
    assert found[2] == 0, found
