"""Microseconds to check and repair the curves of a class, and to fit SSVI, against numpy and scipy.

    .venv-bench/bin/python bench/arbitrage.py

A class of four expiries: the three that the exchange published for 510050 on 2024-06-26 and a
later one of the same shape. The peer of the check is the same number of points of g and of the gap
in numpy; the peer of the SSVI fit is scipy's bounded least squares (trf, numerical Jacobian) on
the same parameters, bounds, points and weights, from the same start. Contenders take turns in one
process and the best of many rounds counts.
"""

import math
import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import least_squares

from curves import published
from quanheng.kernels.desk.curves import arbitrage, fits, repair, smile, ssvi
from quanheng.kernels.desk.curves import layout as at

ROUNDS = 200
FORWARD = 2.45


def best(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Least microseconds of a call."""
    least = math.inf
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - began)
    return 1e6 * least


def market() -> list[tuple[float, np.ndarray, np.ndarray]]:
    """(tau, k, vol) of four expiries."""
    found = sorted(published(), key=lambda one: one[0])
    by_size = {}
    for tau, k, vol in found:
        by_size.setdefault(round(tau, 4), (tau, k, vol))
    expiries = list(by_size.values())[:3]
    tau, k, vol = expiries[-1]
    return [*expiries, (2.0 * tau, math.sqrt(2.0) * k, vol)]


def numpy_check(rows: np.ndarray) -> float:
    """Least g and gap of SSVI rows on 64 points each, in numpy."""
    least = math.inf
    last = None
    for theta, rho, phi in rows[:, at.P : at.P + 3]:
        k = np.linspace(-0.6, 0.6, 64)
        z = phi * k + rho
        root = np.sqrt(z * z + 1.0 - rho * rho)
        w = 0.5 * theta * (1.0 + rho * phi * k + root)
        first = 0.5 * theta * phi * (rho + z / root)
        second = 0.5 * theta * phi * phi * (1.0 - rho * rho) / root**3
        left = 1.0 - 0.5 * k * first / w
        g = left * left - 0.25 * first * first * (1.0 / w + 0.25) + 0.5 * second
        least = min(least, g.min())
        if last is not None:
            least = min(least, (w - last).min())
        last = w
    return least


def scipy_ssvi(expiries: list[tuple[float, np.ndarray, np.ndarray]]) -> tuple[float, np.ndarray]:
    """(root mean square miss, parameters) of scipy's fit of the same surface."""

    def misses(p: np.ndarray) -> np.ndarray:
        rho, gamma, eta = p[:3]
        out = []
        for theta, (tau, k, vol) in zip(np.exp(p[3:]), expiries, strict=True):
            phi = eta * theta**-gamma * (1.0 + theta) ** (gamma - 1.0)
            z = phi * k + rho
            w = 0.5 * theta * (1.0 + rho * phi * k + np.sqrt(z * z + 1.0 - rho * rho))
            out.append(np.sqrt(w / tau) - vol)
        return np.concatenate(out)

    level = [math.log(float(np.median(vol)) ** 2 * tau) for tau, _, vol in expiries]
    low = [-0.99, 0.0, 1e-3, *(one - 2.0 for one in level)]
    high = [0.99, 1.0, 2.0, *(one + 2.0 for one in level)]
    found = least_squares(misses, [0.0, 0.5, 0.8, *level], bounds=(low, high), xtol=1e-12)
    return float(np.sqrt(np.mean(found.fun**2))), found.x


def rows_of(model: int, expiries: list[tuple[float, np.ndarray, np.ndarray]]) -> np.ndarray:
    """One cold fit per expiry."""
    rows = np.full((len(expiries), at.ROW), np.nan)
    for row, (tau, k, vol) in zip(rows, expiries, strict=True):
        cold = np.full(at.ROW, np.nan)
        fits.fit(model, k, vol, np.ones(k.size), k.size, tau, FORWARD, cold, row)
    return rows


def main() -> None:
    """Print the table and whether the goals are met."""
    expiries = market()
    n = len(expiries)
    k, vol = (np.concatenate([one[i] for one in expiries]) for i in (1, 2))
    start = np.cumsum([0, *(one[1].size for one in expiries)])
    taus, forwards = np.array([one[0] for one in expiries]), np.full(n, FORWARD)
    surface, none = np.zeros((n, at.ROW)), np.zeros((n, at.ROW))
    weight, report = np.ones(k.size), np.empty((n, arbitrage.REPORT))

    def fit(warm: np.ndarray) -> int:
        return ssvi.fit(k, vol, weight, start, n, taus, forwards, warm, surface)

    fit(none)
    misses = np.empty(k.size)
    for i, row in enumerate(surface):
        part = slice(start[i], start[i + 1])
        smile.vols_at(row, k[part].copy(), part.stop - part.start, misses[part])
    rms = float(np.sqrt(np.mean((misses - vol) ** 2)))
    peer_rms, _ = scipy_ssvi(expiries)
    cold, warm = best(lambda: fit(none)), best(lambda: fit(surface))
    peer = best(lambda: scipy_ssvi(expiries), 10)
    print(f"SSVI of {n} expiries, {k.size} points: cold {cold:.0f} us, warm {warm:.0f} us")
    print(
        f"scipy {peer:.0f} us, {peer / cold:.0f}x; rms {1e4 * rms:.1f} bp, its {1e4 * peer_rms:.1f}"
    )
    numpy_time = best(lambda: numpy_check(surface))
    print(f"check in numpy, 64 points a row: {numpy_time:.1f} us")
    for model in (at.WING, at.SVI, at.CUBIC, at.SSVI):
        rows = surface.copy() if model == at.SSVI else rows_of(model, expiries)
        faults = arbitrage.check(rows, n, report)
        check = best(lambda rows=rows: arbitrage.check(rows, n, report))

        def mend(rows: np.ndarray = rows) -> int:
            return repair.repair(rows.copy(), n, report)

        time_of_repair = best(mend)
        changed = mend()
        met = "met" if check < 20.0 else "NOT MET"
        print(
            f"{at.MODELS[model]:6} check {check:5.1f} us ({numpy_time / check:.0f}x numpy;"
            f" goal 20 us {met}), {faults} at fault; check and repair {time_of_repair:.0f} us,"
            f" {changed} changed"
        )


if __name__ == "__main__":
    main()
