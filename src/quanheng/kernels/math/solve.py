"""Solve small symmetric systems in place."""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import inlined

Floats = npt.NDArray[np.float64]


@inlined
def cholesky_solve(a: Floats, b: Floats, n: int) -> bool:
    """Solve a x = b for a positive definite a[n, n]; b[:n] becomes x.

    The square-root-free Cholesky factorisation (a = L D L'; Golub and Van Loan, Matrix
    Computations, 4.1.2), without pivoting. Only the lower part of `a` is read and all of it is
    overwritten. False, with b spoiled, when a pivot is not positive or not finite: the matrix is
    not positive definite.
    """
    for j in range(n):
        pivot = a[j, j]
        if not (0.0 < pivot < np.inf):
            return False
        inverse = 1.0 / pivot
        a[j, j] = inverse
        for i in range(j + 1, n):
            # Row j of the upper part keeps L, column j of the lower part L D.
            share = a[i, j] * inverse
            a[j, i] = share
            b[i] -= share * b[j]
            for m in range(j + 1, i + 1):
                a[i, m] -= share * a[m, j]
    for back in range(n):
        j = n - 1 - back
        total = b[j] * a[j, j]
        for i in range(j + 1, n):
            total -= a[j, i] * b[i]
        b[j] = total
    return True
