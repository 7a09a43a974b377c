"""Microseconds of a curve fit per expiry, cold and warm, against QuantLib, scipy and numpy.

    .venv-bench/bin/python bench/curves.py

Twenty expiries in the shape of the vols that the exchange published on 2024-06-26: a smile through
the out-of-the-money vols of each real expiry, scaled, with 21 strikes and noise of 8 bp. All fit
the same points with the same weights (vega). A warm fit starts from the fit to another noise 2 bp
apart and a forward 0.1 % away. QuantLib starts again from random parameters until its error is
small: its warm time is that of a single start. Ours includes the weights against bad quotes and the
prior; it runs inside one compiled loop as in the maker, the peers are called as their users call
them. Contenders take turns in one process and the best of many rounds counts.
"""

import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import QuantLib
from scipy.optimize import least_squares

from quanheng.kernels.desk.black import VEGA, price_chain
from quanheng.kernels.desk.curves import fits, offsets, points, smile
from quanheng.kernels.desk.curves import layout as at

SOURCE = Path(__file__).parents[1] / "tools" / "source-data" / "sse_option_risk_2024-06-26.csv"
CLOSES = {"510050": 2.441, "510300": 3.499}
LEFT_DAYS = {"07": 28, "09": 91, "12": 182}
EXPIRIES = 20
STRIKES = 21
NOISE = 8e-4
MOVE = 2e-4
ROUNDS = 60


@dataclass(frozen=True)
class Slice:
    """The points of one expiry: k, vol and weight of STRIKES strikes."""

    tau: float
    k: np.ndarray
    vol: np.ndarray
    weight: np.ndarray


def published() -> list[tuple[float, np.ndarray, np.ndarray]]:
    """(years, k, vol) of the out-of-the-money contracts of every published expiry."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with SOURCE.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = row["contract_id"]
            if name[11] != "M":
                continue
            years = LEFT_DAYS[name[9:11]] / 365
            forward = CLOSES[name[:6]] * math.exp(0.02925 * years)
            k = math.log(int(name[12:]) / 1000 / forward)
            if (name[6] == "C") == (k >= 0):
                found.setdefault((name[:6], name[9:11]), []).append((k, float(row["implied_vol"])))
    slices = []
    for (_, month), seen in sorted(found.items()):
        k, vol = np.array(sorted(seen)).T
        slices.append((LEFT_DAYS[month] / 365, k.copy(), vol.copy()))
    return slices


def weights(k: np.ndarray, vol: np.ndarray, tau: float) -> np.ndarray:
    """Vegas on a forward of one, scaled to sum to one: what QuantLib weighs by."""
    ones = np.ones(k.size)
    out = np.empty((6, k.size))
    price_chain(ones, ones, np.exp(k), vol, np.full(k.size, tau), ones, out)
    return np.asarray(out[VEGA] / out[VEGA].sum())


def make(rng: np.random.Generator) -> tuple[list[Slice], list[Slice]]:
    """Twenty expiries, and the same ones a moment later."""
    now, later = [], []
    real = published()
    for number in range(EXPIRIES):
        tau, seen, vols = real[number % len(real)]
        row = np.full(at.ROW, np.nan)
        fits.fit(at.SVI, seen, vols, np.ones(seen.size), seen.size, tau, 1.0, row, row)
        k = np.linspace(seen[0], seen[-1], STRIKES)
        scale = rng.uniform(0.8, 1.3)
        vol = np.array([smile.vol_at(row, x) for x in k]) * scale + rng.normal(0, NOISE, STRIKES)
        now.append(Slice(tau, k, vol, weights(k, vol, tau)))
        vol = vol + rng.normal(0, MOVE, STRIKES)
        later.append(Slice(tau, k + 0.001, vol, weights(k, vol, tau)))
    return now, later


@numba.njit  # type: ignore[untyped-decorator]
def ours(model, k, vol, weight, tau, warm, out):  # type: ignore[no-untyped-def]
    """All expiries in one compiled loop."""
    for i in range(k.shape[0]):
        fits.fit(model, k[i], vol[i], weight[i], k.shape[1], tau[i], 1.0, warm[i], out[i])


@numba.njit  # type: ignore[untyped-decorator]
def around(quotes, tau, rows, found):  # type: ignore[no-untyped-def]
    """Quotes to points, weights inside the bands, and offsets on a fitted row, per expiry."""
    total = 0.0
    n = quotes.shape[2]
    half = np.empty(n)
    out = np.empty(n)
    for i in range(quotes.shape[0]):
        strike, call_bid, call_ask, put_bid, put_ask = quotes[i]
        points.chain_points(
            strike, call_bid, call_ask, put_bid, put_ask, n, 1.0, tau[i], 1.0, 0.005, found
        )
        points.relax_inside(found, n, rows[i], 0.5, out)
        for j in range(n):
            half[j] = points.half_width(found, j)
        total += offsets.fit_offsets(
            rows[i], found[0], found[1], found[4], half, n, tau[i], 1e4, 0.01, out
        )
        total += offsets.vol_with_offsets(rows[i], found[0], out, n, 0.01)
    return total


def two_sided(slices: list[Slice]) -> np.ndarray:
    """Quotes[expiry, 5, strike] around the vols: strike, call bid and ask, put bid and ask."""
    blocks = []
    for one in slices:
        ones = np.ones(STRIKES)
        columns = [np.exp(one.k)]
        for sign in (1.0, -1.0):
            out = np.empty((6, STRIKES))
            tau = np.full(STRIKES, one.tau)
            price_chain(sign * ones, ones, columns[0], one.vol, tau, ones, out)
            width = np.maximum(2e-4, 0.02 * out[0])
            columns += [out[0] - width / 2, out[0] + width / 2]
        blocks.append(np.array(columns))
    return np.array(blocks)


def raw_svi(p: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Total variance of a, b, rho, m, sigma."""
    a, b, rho, m, sigma = p
    return np.asarray(a + b * (rho * (k - m) + np.sqrt((k - m) ** 2 + sigma * sigma)))


def residuals(p: np.ndarray, one: Slice, root_weight: np.ndarray) -> np.ndarray:
    """Weighted vol residuals of raw SVI."""
    w = np.maximum(raw_svi(p, one.k), 1e-12)
    return np.asarray(root_weight * (np.sqrt(w / one.tau) - one.vol))


def jacobian(p: np.ndarray, one: Slice, root_weight: np.ndarray) -> np.ndarray:
    """Their analytic derivatives."""
    _, b, rho, m, sigma = p
    d = one.k - m
    root = np.sqrt(d * d + sigma * sigma)
    w = np.maximum(raw_svi(p, one.k), 1e-12)
    scale = root_weight * 0.5 / np.sqrt(w * one.tau)
    columns = (np.ones(d.size), rho * d + root, b * d, -b * (rho + d / root), b * sigma / root)
    return np.asarray(np.stack([scale * column for column in columns], axis=1))


def guess(one: Slice) -> np.ndarray:
    """A user's plain start."""
    least = float(np.min(one.vol)) ** 2 * one.tau
    return np.array([0.5 * least, 0.1 * math.sqrt(one.tau) * 0.5, 0.0, 0.0, 0.1])


BOX = ([-1.0, 0.0, -0.999, -1.0, 1e-3], [1.0, 2.0, 0.999, 1.0, 5.0])


def by_scipy(method: str, slices: list[Slice], start: list[np.ndarray]) -> list[np.ndarray]:
    """scipy.optimize.least_squares on the raw parameters with the analytic Jacobian."""
    found = []
    for one, p in zip(slices, start, strict=True):
        bounds = BOX if method == "trf" else (-np.inf, np.inf)
        root_weight = np.sqrt(one.weight)
        done = least_squares(
            residuals, p, jacobian, args=(one, root_weight), method=method, bounds=bounds
        )
        found.append(done.x)
    return found


def by_quantlib(slices: list[Slice], start: list[np.ndarray] | None) -> list[np.ndarray]:
    """SviInterpolatedSmileSection, vega weighted, with its default method."""
    today = QuantLib.Settings.instance().evaluationDate
    none = QuantLib.nullDouble()
    found = []
    for number, one in enumerate(slices):
        a, b, rho, m, sigma = (none,) * 5 if start is None else map(float, start[number])
        section = QuantLib.SviInterpolatedSmileSection(
            today + round(one.tau * 365),
            1.0,
            np.exp(one.k).tolist(),
            False,
            float(one.vol[STRIKES // 2]),
            one.vol.tolist(),
            a,
            b,
            sigma,
            rho,
            m,
            *(False,) * 5,
            True,
        )
        parts = (section.a(), section.b(), section.rho(), section.m(), section.sigma())
        found.append(np.array(parts))
    return found


def by_polyfit(degree: int, slices: list[Slice]) -> list[np.ndarray]:
    """numpy.polyfit of the vols."""
    return [np.polyfit(one.k, one.vol, degree, w=np.sqrt(one.weight)) for one in slices]


def error(slices: list[Slice], vols: list[np.ndarray]) -> float:
    """Mean over the expiries of the weighted root mean square miss, bp of vol."""
    misses = [
        math.sqrt(float(np.sum(one.weight * (vol - one.vol) ** 2)))
        for one, vol in zip(slices, vols, strict=True)
    ]
    return 1e4 * float(np.mean(misses))


def race(runs: dict[str, Callable[[], object]], rounds: dict[str, int]) -> dict[str, float]:
    """Best microseconds per expiry of each run; they take turns."""
    best = dict.fromkeys(runs, math.inf)
    for turn in range(ROUNDS):
        for name, run in runs.items():
            if turn >= rounds.get(name, ROUNDS):
                continue
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: seconds * 1e6 / EXPIRIES for name, seconds in best.items()}


def main() -> None:
    QuantLib.Settings.instance().evaluationDate = QuantLib.Date(26, 6, 2024)
    now, later = make(np.random.default_rng(20240626))
    blocks = [
        tuple(np.array([getattr(one, part) for one in moment]) for part in ("k", "vol", "weight"))
        for moment in (now, later)
    ]
    tau = np.array([one.tau for one in now])
    nothing = np.full((EXPIRIES, at.ROW), np.nan)
    models = {"wing": at.WING, "SVI": at.SVI, "cubic": at.CUBIC}
    rows = {name: np.empty((EXPIRIES, at.ROW)) for name in models}
    after = {name: np.empty((EXPIRIES, at.ROW)) for name in models}
    runs: dict[str, Callable[[], object]] = {}
    for name, model in models.items():
        ours(model, *blocks[0], tau, nothing, rows[name])
        runs[f"{name} cold"] = lambda m=model, n=name: ours(m, *blocks[0], tau, nothing, rows[n])
        runs[f"{name} warm"] = lambda m=model, n=name: ours(m, *blocks[1], tau, rows[n], after[n])
    quotes, found = two_sided(now), np.empty((points.ROWS, STRIKES))
    runs["points, offsets"] = lambda: around(quotes, tau, rows["SVI"], found)
    start = [guess(one) for one in now]
    last = [row[at.P : at.P + 5] for row in rows["SVI"]]
    runs["QuantLib cold"] = lambda: by_quantlib(now, None)
    runs["QuantLib warm"] = lambda: by_quantlib(later, last)
    runs["scipy lm cold"] = lambda: by_scipy("lm", now, start)
    runs["scipy lm warm"] = lambda: by_scipy("lm", later, last)
    runs["scipy trf cold"] = lambda: by_scipy("trf", now, start)
    runs["polyfit 4"] = lambda: by_polyfit(4, now)
    took = race(runs, {"scipy trf cold": 3, "QuantLib cold": 20})
    for name, value in took.items():
        print(f"{name:16} {value:10.2f} us/expiry")
    report(now, rows, start)
    goals(took)
    print("iterations cold", rows["SVI"][:, at.ITERATIONS].mean(), end=" ")
    print("warm", after["SVI"][:, at.ITERATIONS].mean())


def report(now: list[Slice], rows: dict[str, np.ndarray], start: list[np.ndarray]) -> None:
    """Root mean square misses of all contenders, and the optimum with our weights."""
    table = {
        name: [np.array([smile.vol_at(row, k) for k in one.k]) for one, row in pairs(now, found)]
        for name, found in rows.items()
    }
    for name, found in (
        ("QuantLib", by_quantlib(now, None)),
        ("scipy lm", by_scipy("lm", now, start)),
        ("scipy trf", by_scipy("trf", now, start)),
    ):
        table[name] = [
            np.sqrt(np.maximum(raw_svi(p, one.k), 0) / one.tau) for one, p in pairs(now, found)
        ]
    table["polyfit 4"] = [np.polyval(p, one.k) for one, p in pairs(now, by_polyfit(4, now))]
    for name, vols in table.items():
        print(f"{name:16} {error(now, vols):10.2f} bp weighted rms, mean of the expiries")


def pairs(slices: list[Slice], found: object) -> list[tuple[Slice, np.ndarray]]:
    """Each slice with its own result."""
    return list(zip(slices, found, strict=True))  # type: ignore[call-overload]


def goals(took: dict[str, float]) -> None:
    """The goals, and whether this run meets them."""
    for name, peer, ours_, goal in (
        ("SVI cold", "QuantLib cold", "SVI cold", 10),
        ("SVI warm", "QuantLib cold", "SVI warm", 25),
        ("SVI cold", "QuantLib warm", "SVI cold", 10),
        ("SVI warm", "QuantLib warm", "SVI warm", 25),
        ("SVI cold", "scipy lm cold", "SVI cold", 10),
        ("SVI warm", "scipy lm warm", "SVI warm", 25),
        ("wing cold", "polyfit 4", "wing cold", 25),
        ("wing warm", "polyfit 4", "wing warm", 25),
        ("cubic warm", "polyfit 4", "cubic warm", 10),
    ):
        ratio = took[peer] / took[ours_]
        verdict = "met" if ratio >= goal else "NOT met"
        print(f"{name:10} {ratio:8.1f}x {peer:14} (goal {goal}x: {verdict})")


if __name__ == "__main__":
    main()
