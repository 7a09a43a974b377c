"""Implied volatility: nanoseconds per option against the peers, and errors of 200,000 hard cases.

`python bench/implied_vol.py [cases per stratum]` (25,000, eight strata, a few minutes of mpmath; 0
leaves the references out). Peers run one by one, as their users call them; a peer's failure is an
exception, a NaN, or a vol more than 1e-6 off.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "kernels"))

import numpy as np
import QuantLib
from implied_cases import EPS, STRATA, cases, judge
from vollib.black.implied_volatility import implied_volatility as vollib_implied

import quanheng.kernels as qk
from quanheng.kernels.desk import implied

SIZES = (1, 150, 700, 100_000)
ROUNDS = {1: 300, 150: 100, 700: 30, 100_000: 5}
RATE = 0.018

Call = Callable[[], object]


def ticked_chain(n: int) -> list[np.ndarray]:
    """Out-of-the-money prices of a chain with a smile on the tick, of one tick and more."""
    rng = np.random.default_rng(n)
    tau = rng.choice([0.05, 0.13, 0.38, 0.63], n)
    strike = 2.964 * np.exp(rng.uniform(-2.2, 2.2, n) * 0.2 * np.sqrt(tau))
    x = np.log(strike / 2.964) / np.sqrt(tau)
    vol = 0.2 - 0.05 * x + 0.3 * x * x
    sign, discount = np.where(strike >= 2.964, 1.0, -1.0), np.exp(-RATE * tau)
    forward = np.full(n, 2.964)
    price = qk.price(sign, forward, strike, vol, tau, discount)
    price = np.maximum(np.round(price, 4), 1e-4)
    return [sign, price, forward, strike, tau, discount]


def quantlib(rows: list[tuple[float, ...]]) -> Call:
    """blackFormulaImpliedStdDev with its default accuracy."""
    solve = QuantLib.blackFormulaImpliedStdDev
    kind = {1.0: QuantLib.Option.Call, -1.0: QuantLib.Option.Put}
    given = [(kind[sign], k, f, p, d, t**0.5) for sign, p, f, k, t, d in rows]

    def run():
        result = []
        for option, k, f, p, d, root in given:
            try:
                result.append(solve(option, k, f, p, d) / root)
            except RuntimeError:
                result.append(float("nan"))
        return result

    return run


def vollib(rows: list[tuple[float, ...]]) -> Call:
    """vollib's LetsBeRational."""
    flag = {1.0: "c", -1.0: "p"}
    given = [(p, f, k, RATE, t, flag[sign]) for sign, p, f, k, t, _ in rows]

    def run():
        result = []
        for row in given:
            try:
                result.append(vollib_implied(*row))
            except Exception:
                result.append(float("nan"))
        return result

    return run


def speeds() -> None:
    """Interleaved, best of many; the vols of the peers compared with ours."""
    for n in SIZES:
        columns = ticked_chain(n)
        out = np.empty(n)
        calls: dict[str, Call] = {
            "ours": lambda c=columns, o=out: implied.implied_chain(*c, o),
            "ours, notebook": lambda c=columns, o=out: qk.implied_vol(*c, out=o),
        }
        if n <= 700:
            rows = list(zip(*(column.tolist() for column in columns), strict=True))
            calls["QuantLib"] = quantlib(rows)
            calls["vollib"] = vollib(rows)
        best = {name: float("inf") for name in calls}
        answers = {name: call() for name, call in calls.items()}
        for _ in range(ROUNDS[n]):
            for name, call in calls.items():
                for _ in range(3):
                    start = time.perf_counter()
                    call()
                    best[name] = min(best[name], time.perf_counter() - start)
        print(f"ticked chain, n = {n}")
        for name, seconds in best.items():
            text = (
                f"  {name:15} {seconds / n * 1e9:9.1f} ns/option  {seconds / best['ours']:7.2f} x"
            )
            if not name.startswith("ours"):
                off = np.abs(np.array(answers[name]) / out - 1.0)
                text += (
                    f"  largest difference {np.nanmax(off):.1e}, {int(np.isnan(off).sum())} failed"
                )
            print(text)
        if n == 700:
            ratio = best["vollib"] / best["ours"]
            print(f"  goal: 20 times faster than vollib: {ratio:.0f}, {word(ratio >= 20.0)}")


def word(good: bool) -> str:
    return "met" if good else "not met"


def accuracy(n: int) -> None:
    """Errors in eps of the vol, and in units of what 4 eps (1 + condition) allows."""
    print(f"{len(STRATA)} strata of {n} cases; error of the vol in eps, and over what is allowed")
    worst, largest = [0.0, 0.0], 0.0
    for name in STRATA:
        columns = cases(name, n)
        found = np.empty(n)
        start = time.perf_counter()
        implied.implied_chain(*columns, found)
        took = time.perf_counter() - start
        errors, ratios = np.empty(n), np.empty(n)
        out_of_money = columns[0] * (columns[2] - columns[3]) <= 0.0
        for i, row in enumerate(np.array(columns).T.tolist()):
            error, allowed = judge(row, found[i])
            errors[i], ratios[i] = float(error) / EPS, float(error / allowed)
        near = errors[out_of_money & (ratios < 1e9)]
        print(
            f"  {name:13} {took / n * 1e9:7.1f} ns  {np.isnan(found).sum():6} NaN  out of the money"
            f" median {np.median(near):.2f} max {near.max():.2f} eps  over allowed, all:"
            f" {ratios.max():.3f}  wrong: {int((ratios > 1.0).sum())}"
        )
        worst = [max(worst[0], ratios.max()), worst[1] + float((ratios > 1.0).sum())]
        largest = max(largest, near.max() * EPS)
    print(f"  goal: within 4 eps (1 + condition) always: {worst[0]:.3f}, {word(worst[1] == 0)}")
    print(f"  goal: out of the money within 2e-15: {largest:.1e}, {word(largest <= 2e-15)}")


def main() -> None:
    speeds()
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 25_000
    if n:
        accuracy(n)


if __name__ == "__main__":
    main()
