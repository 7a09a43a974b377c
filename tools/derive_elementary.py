"""Derive the polynomials of `kernels.math` and `kernels.desk.implied` with mpmath.

Each polynomial interpolates its function at Chebyshev nodes in 60 digits; the printed worst
relative error is that of the exact polynomial with its coefficients rounded to double.
Run: `python tools/derive_elementary.py`.
"""

from collections.abc import Callable

import mpmath as mp

mp.mp.dps = 60
HALF_LN2 = mp.log(2) / 2 * (1 + mp.mpf("1e-9"))
LOG_Z = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * (1 + mp.mpf("1e-9"))
MILLS_A, MILLS_TOP = mp.mpf(5), mp.mpf(60)
TAIL_A, TAIL_LOW, TAIL_TOP = mp.mpf(4), mp.mpf("1.664"), mp.mpf("38.7")


def fit(
    function: Callable[[mp.mpf], mp.mpf], low: mp.mpf, high: mp.mpf, degree: int
) -> list[float]:
    """Coefficients, lowest first, of the Chebyshev interpolant of one degree."""
    n = degree + 1
    nodes = [mp.cos(mp.pi * (2 * i + 1) / (2 * n)) for i in range(n)]
    at = [(low + high) / 2 + (high - low) / 2 * node for node in nodes]
    rows = mp.matrix(n, n)
    for i, x in enumerate(at):
        for k in range(n):
            rows[i, k] = x**k
    return [float(c) for c in mp.lu_solve(rows, mp.matrix([function(x) for x in at]))]


def worst(
    function: Callable[[mp.mpf], mp.mpf],
    low: mp.mpf,
    high: mp.mpf,
    coefficients: list[float],
) -> float:
    """Largest relative error of the rounded polynomial on 400 points."""
    top = mp.mpf(0)
    for i in range(401):
        x = low + (high - low) * i / 400
        exact = function(x)
        top = max(top, abs(mp.polyval([mp.mpf(c) for c in coefficients[::-1]], x) / exact - 1))
    return float(top)


def exp_tail(r: mp.mpf) -> mp.mpf:
    """(exp(r) - 1 - r) / r^2."""
    return mp.mpf("0.5") if abs(r) < mp.mpf("1e-25") else (mp.expm1(r) - r) / r**2


def atanh_tail(z: mp.mpf) -> mp.mpf:
    """(2 atanh(s) - 2 s) / s^3 with z = s^2."""
    s = mp.sqrt(z)
    return mp.mpf(2) / 3 if z < mp.mpf("1e-30") else (2 * mp.atanh(s) - 2 * s) / s**3


def mills(z: mp.mpf) -> mp.mpf:
    """(1 - Phi(z)) / phi(z)."""
    return mp.sqrt(mp.pi / 2) * mp.exp(z * z / 2) * mp.erfc(z / mp.sqrt(2))


def mills_scaled(t: mp.mpf) -> mp.mpf:
    """(z + 1) * mills(z) with t = (z - a) / (z + a)."""
    z = MILLS_A * (1 + t) / (1 - t)
    return (z + 1) * mills(z)


def bachelier_start(t: mp.mpf) -> mp.mpf:
    """h/v with t = (v - 1)/(v + 1), v = sqrt(1 + L) - 1, L = ln(1 + 1/r).

    r = phi(h) (1 - h mills(h)) / h is the normal model's time value over the distance to the
    strike, h that distance over the standard deviation.
    """
    v = (1 + t) / (1 - t)
    target = -mp.log(mp.expm1((1 + v) ** 2 - 1))

    def miss(log_h: mp.mpf) -> mp.mpf:
        h = mp.exp(log_h)
        return mp.log(mp.npdf(h) * (1 - h * mills(h)) / h) - target

    low, high = mp.log(v / 2), mp.log(2 * v)
    return mp.exp(mp.findroot(miss, (low, high), solver="anderson", tol=1e-30)) / v


def inverse_centre(z: mp.mpf) -> mp.mpf:
    """x / q with Phi(x) = 1/2 + q and z = q^2."""
    q = mp.sqrt(z)
    return mp.sqrt(2 * mp.pi) if z < mp.mpf("1e-40") else mp.sqrt(2) * mp.erfinv(2 * q) / q


def inverse_tail(t: mp.mpf) -> mp.mpf:
    """-x / r with ln Phi(x) = -r^2 / 2 and t = (r - a) / (r + a)."""
    r = TAIL_A * (1 + t) / (1 - t)

    def miss(x: mp.mpf) -> mp.mpf:
        return mp.log(mills(x)) - x * x / 2 - mp.log(2 * mp.pi) / 2 + r * r / 2

    return mp.findroot(miss, (r / 3, r), solver="anderson", tol=1e-40) / r


def main() -> None:
    """Print every table."""
    ends = [(r - TAIL_A) / (r + TAIL_A) for r in (TAIL_LOW, TAIL_TOP)]
    top = (MILLS_TOP - MILLS_A) / (MILLS_TOP + MILLS_A)
    for name, function, low, high, degree in (
        ("EXP", exp_tail, -HALF_LN2, HALF_LN2, 10),
        ("LOG", atanh_tail, mp.mpf(0), LOG_Z, 7),
        ("MILLS", mills_scaled, mp.mpf(-1), top, 22),
        ("START", bachelier_start, mp.mpf("-0.999999"), mp.mpf("0.9"), 9),
        ("CENTRE", inverse_centre, mp.mpf(0), mp.mpf("0.0626"), 15),
        ("TAIL", inverse_tail, ends[0], ends[1], 34),
    ):
        table = fit(function, low, high, degree)
        print(f"# {name} degree {degree}: worst relative {worst(function, low, high, table):.2e}")
        for k, value in enumerate(table):
            print(f"{name}_{k} = {value!r}")
    ln2 = mp.log(2)
    high_part = float(mp.floor(ln2 * 2**32) / 2**32)
    print(f"LN2_HIGH = {high_part!r}\nLN2_LOW = {float(ln2 - mp.mpf(high_part))!r}")
    print(f"LOG2_E = {float(1 / ln2)!r}\nROOT_TWO_PI = {float(mp.sqrt(2 * mp.pi))!r}")
    print(f"INV_ROOT_TWO_PI = {float(1 / mp.sqrt(2 * mp.pi))!r}")


if __name__ == "__main__":
    main()
