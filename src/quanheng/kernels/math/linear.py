"""Small dense linear algebra with a fixed order of operations."""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]

_NOTHING = 1e-14
"""A pivot below this share of its diagonal entry is zero: the factor depends on those before it."""


@kernel
def cholesky(matrix: Floats, out: Floats) -> int:
    """Fill out[n, n] with the lower triangle L of matrix = L L'; only the lower triangle is read.

    Returns 0, or 1 + the row at which the matrix turns out not to be positive semi-definite (or
    not finite); `out` is then NaN. A row that depends on earlier ones (correlation 1) gets a zero
    pivot, and the rows after it must not need it.
    """
    n = matrix.shape[0]
    for i in range(n):
        for j in range(n):
            out[i, j] = 0.0
    for j in range(n):
        pivot = matrix[j, j]
        for k in range(j):
            pivot -= out[j, k] * out[j, k]
        small = _NOTHING * matrix[j, j] * n
        bad = not (pivot >= -small and matrix[j, j] < math.inf)
        root = math.sqrt(pivot) if pivot > small else 0.0
        out[j, j] = root
        for i in range(j + 1, n):
            rest = matrix[i, j]
            for k in range(j):
                rest -= out[i, k] * out[j, k]
            loose = 1e-7 * math.sqrt(abs(matrix[i, i] * matrix[j, j]))
            bad = bad or not (root > 0.0 or abs(rest) <= loose)
            out[i, j] = rest / root if root > 0.0 else 0.0
        if bad:
            for i in range(n):
                for k in range(n):
                    out[i, k] = np.nan
            return j + 1
    return 0
