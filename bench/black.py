"""Nanoseconds per option of Black-76 prices and Greeks, ours and the peers in turn, best of many.

One expiry of n strikes (optionlab takes one vol and one time); all others get full columns. Errors
are the largest differences to mpmath on a sample: price relative to the price, Greeks to their
size.
"""

import os
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import mpmath as mp
import numpy as np
import QuantLib
from optionlab.black_scholes import get_bs_info
from scipy.special import ndtr
from vollib.black import black as vollib_black

import quanheng.kernels as qk
from quanheng.kernels.desk import greeks
from quanheng.kernels.desk.black import ROWS, price_chain

FORWARD, VOL, TAU, RATE = 2.964, 0.21, 0.187, 0.018
DISCOUNT = float(np.exp(-RATE * TAU))
S = VOL * TAU**0.5
SIZES = (1, 150, 700, 100_000)
ROUNDS = {1: 400, 150: 200, 700: 60, 100_000: 6}
SAMPLE = 60
"""Strikes whose prices and Greeks mpmath checks."""

Call = Callable[[], object]


def numpy_greeks(sign, forward, strike, vol, tau, discount):
    """Nine outputs with numpy and scipy alone, as one writes them."""
    root = np.sqrt(tau)
    s = vol * root
    d1 = np.log(forward / strike) / s + 0.5 * s
    d2 = d1 - s
    n1, n2 = ndtr(sign * d1), ndtr(sign * d2)
    bell = discount * np.exp(-0.5 * d1 * d1) * 0.3989422804014327
    vega = forward * bell * root
    return (
        sign * discount * (forward * n1 - strike * n2),
        sign * discount * n1,
        bell / (forward * s),
        vega,
        -0.5 * vega * vol / tau,
        sign * tau * strike * discount * n2,
        -bell * d2 / vol,
        vega * d1 * d2 / vol,
        bell * d2 / (2.0 * tau),
    )


def columns_of(n: int) -> list[np.ndarray]:
    """sign, forward, strike, vol, tau, discount of one expiry within three deviations."""
    sign = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    strike = FORWARD * np.exp(np.linspace(-3.0, 3.0, n + 2)[1:-1] * S)
    full = [np.full(n, value) for value in (FORWARD, VOL, TAU, DISCOUNT)]
    return [sign, full[0], strike, *full[1:]]


def quantlib_prices(columns: list[np.ndarray]) -> Call:
    """blackFormula per option, by its Python call."""
    kind = {1.0: QuantLib.Option.Call, -1.0: QuantLib.Option.Put}
    rows = [(kind[sign], k, f, v * t**0.5, d) for sign, f, k, v, t, d in zip(*map(list, columns))]  # noqa: B905
    formula = QuantLib.blackFormula
    return lambda: [formula(*row) for row in rows]


def quantlib_greeks(columns: list[np.ndarray]) -> Call:
    """BlackCalculator: value, deltaForward, gammaForward, vega, theta, rho."""
    kind = {1.0: QuantLib.Option.Call, -1.0: QuantLib.Option.Put}
    rows = list(zip(*(column.tolist() for column in columns), strict=True))

    def run():
        result = []
        for sign, f, k, v, t, d in rows:
            one = QuantLib.BlackCalculator(
                QuantLib.PlainVanillaPayoff(kind[sign], k), f, v * t**0.5, d
            )
            result.append(
                (
                    one.value(),
                    one.deltaForward(),
                    one.gammaForward(),
                    one.vega(t),
                    one.theta(f, t),
                    one.rho(t),
                )
            )
        return result

    return run


def vollib_prices(columns: list[np.ndarray]) -> Call:
    """vollib's discounted Black price, one by one."""
    flag = {1.0: "c", -1.0: "p"}
    rows = [
        (flag[sign], f, k, t, RATE, v)
        for sign, f, k, v, t, _ in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return lambda: [vollib_black(*row) for row in rows]


def contestants(n: int) -> dict[str, tuple[int, Call]]:
    """Name -> (outputs, call) for n options; the slow ones are left out of the largest size."""
    columns = columns_of(n)
    six, nine, one = np.empty((ROWS, n)), np.empty((greeks.ALL_ROWS, n)), np.empty(n)
    found: dict[str, tuple[int, Call]] = {
        "ours, all Greeks": (9, lambda: greeks.greeks_chain(*columns, nine)),
        "ours, live maker": (6, lambda: price_chain(*columns, six)),
        "ours, price": (1, lambda: greeks.price_only_chain(*columns, one)),
        "ours, notebook": (9, lambda: qk.greeks(*columns, out=nine)),
        "numpy + ndtr": (9, lambda: numpy_greeks(*columns)),
        "optionlab": (15, lambda: get_bs_info(FORWARD, columns[2], RATE, VOL, TAU, RATE)),
    }
    if n <= 700:
        found["QuantLib blackFormula"] = (1, quantlib_prices(columns))
        found["QuantLib BlackCalculator"] = (6, quantlib_greeks(columns))
        found["vollib"] = (1, vollib_prices(columns))
    return found


def best_of(calls: dict[str, tuple[int, Call]], rounds: int) -> dict[str, float]:
    """Smallest seconds of each, in turn so that all see the same machine.

    Three calls a turn, of which the later find the caches as a loop over chains leaves them.
    """
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, (_, call) in calls.items():
            for _ in range(3):
                start = time.perf_counter()
                call()
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def exact(row: list[float]) -> list[mp.mpf]:
    """All nine outputs of one option in 40 digits."""
    sign, f, k, v, t, d = map(mp.mpf, row)
    root = mp.sqrt(t)
    d1 = mp.log(f / k) / (v * root) + v * root / 2
    d2 = d1 - v * root
    n1, n2 = mp.ncdf(sign * d1), mp.ncdf(sign * d2)
    bell = d * mp.npdf(d1)
    return [
        sign * d * (f * n1 - k * n2),
        sign * d * n1,
        bell / (f * v * root),
        f * bell * root,
        -f * bell * v / (2 * root),
        sign * t * k * d * n2,
        -bell * d2 / v,
        f * bell * root * d1 * d2 / v,
        bell * d2 / (2 * t),
    ]


def accuracy() -> None:
    """Largest relative error of each output, where the output is not near a zero crossing."""
    columns = columns_of(SAMPLE)
    table = np.empty((greeks.ALL_ROWS, SAMPLE))
    greeks.greeks_chain(*columns, table)
    plain = np.array(numpy_greeks(*columns))
    lab = get_bs_info(FORWARD, columns[2], RATE, VOL, TAU, RATE)
    lab_price = np.where(columns[0] > 0, lab.call_price, lab.put_price)
    ql_price = np.array(quantlib_prices(columns)())
    vol_price = np.array(vollib_prices(columns)())
    with mp.workdps(40):
        true = np.array([exact(row) for row in np.array(columns).T.tolist()], dtype=object).T
        size = [max(abs(value) for value in line) for line in true]

        def error(found: np.ndarray, row: int) -> float:
            floor = size[row] / 1000 if row else 0
            pairs = zip(found, true[row], strict=True)
            return float(max(abs(mp.mpf(float(a)) - b) / max(abs(b), floor) for a, b in pairs))

        print("largest relative error (Greeks: of values above a thousandth of the largest)")
        for row, name in enumerate(qk.Greeks._fields):
            print(
                f"  {name:6} ours {error(table[row], row):.1e}  numpy {error(plain[row], row):.1e}",
                end="\n" if row else "",
            )
            if not row:
                for peer, price in (
                    ("optionlab", lab_price),
                    ("QuantLib", ql_price),
                    ("vollib", vol_price),
                ):
                    print(f"  {peer} {error(price, 0):.1e}", end="")
                print()


def main() -> None:
    for n in SIZES:
        calls = contestants(n)
        for _, call in calls.values():
            call()
        best = best_of(calls, ROUNDS[n])
        ours = best["ours, all Greeks"]
        print(f"n = {n}")
        for name, seconds in best.items():
            print(
                f"  {name:25} {calls[name][0]:2} outputs {seconds / n * 1e9:9.1f} ns/option"
                f"  {seconds / ours:7.2f} x ours"
            )
        if n == 700:
            packaged = min(best[name] for name in best if not name.startswith(("ours", "numpy")))
            for goal, peer in ((12.0, packaged), (4.0, best["numpy + ndtr"])):
                word = "met" if peer / ours >= goal else "not met"
                text = "the best packaged peer" if goal == 12.0 else "plain numpy + ndtr"
                print(f"  goal: {goal:.0f} times faster than {text}: {peer / ours:.1f}, {word}")
    accuracy()


if __name__ == "__main__":
    main()
