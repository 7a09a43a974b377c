"""The battery that every curve model must pass before release (R-05, I-08 to I-10, I-17, I-31).

Smiles are argued in scenarios: a calm month, a steep skew after a fall, both wings up before an
event, the last day, a far expiry. The same cases, without chance or clock, for every model.
"""

import numpy as np
import numpy.typing as npt

from quanheng.compose.model_files import files_of
from quanheng.compose.model_record import FAILED, PASSED, CheckResult, TestRecord
from quanheng.compose.model_sources import libraries, source_hash, system_version
from quanheng.kernels.desk.black import price_one
from quanheng.kernels.desk.curves import arbitrage, layout, repair, ssvi
from quanheng.kernels.desk.curves.fits import fit
from quanheng.kernels.desk.curves.smile import vol_at
from quanheng.kernels.math.elementary import exp

Floats = npt.NDArray[np.float64]

FORWARD = 2.5
STRIKES = 13
SCENARIOS = (
    ("calm", 0.085, 0.16, -0.10, 0.5),
    ("steep", 0.085, 0.30, -0.55, 1.2),
    ("event", 0.045, 0.22, 0.02, 3.0),
    ("last day", 0.004, 0.25, -0.3, 8.0),
    ("far", 0.75, 0.20, -0.08, 0.12),
)
"""(name, years, vol at the money, slope and curvature of the vol in k) of five markets."""
TITLES = {
    layout.WING: ("翼形曲线", "wing curve"),
    layout.SVI: ("SVI 曲线", "SVI curve"),
    layout.SSVI: ("SSVI 曲面", "SSVI surface"),
    layout.CUBIC: ("三次样条曲线", "cubic spline curve"),
}
CLOSE = {layout.WING: 3e-3, layout.SVI: 5e-3, layout.SSVI: 1e-2, layout.CUBIC: 2e-3}
"""Vol: how near a model comes to another model's smile between the quotes, worst scenario."""

WIDEST = max(CLOSE.values())
"""What a plug-in is held to."""


def fitted(model: int, tau: float, k: Floats, vol: Floats, warm: Floats | None = None) -> Floats:
    """A row of the model through points of one expiry, unit weights; its STATUS tells."""
    row = np.full(layout.ROW, np.nan) if warm is None else warm.copy()
    weight = np.ones(k.size)
    if model != layout.SSVI:
        fit(model, k, vol, weight, k.size, tau, FORWARD, row, row)
        return row
    rows: Floats = row.reshape(1, -1).copy()
    if not np.isfinite(rows[0, layout.MODEL]):
        rows[0, layout.MODEL] = layout.NO_MODEL
    starts = np.array([0, k.size], dtype=np.int64)
    ssvi.fit(k, vol, weight, starts, 1, np.array([tau]), np.array([FORWARD]), rows, rows)
    first: Floats = rows[0]
    return first


def points(tau: float, level: float, slope: float, bend: float) -> tuple[Floats, Floats]:
    """(k, vol) of a scenario at 13 strikes within two standard deviations."""
    width = 2.0 * level * float(np.sqrt(tau))
    k = np.linspace(-width, width, STRIKES)
    # Wings that flatten out, as every quoted smile does.
    inner = k / np.sqrt(1.0 + (k / width) * (k / width))
    return k, level + slope * inner + bend * inner * inner


def vols(row: Floats, k: Floats) -> Floats:
    """Vols of a row."""
    return np.array([vol_at(row, float(at)) for at in k])


def finish(
    name: str, titles: tuple[str, str], misses: list[float], allowed: float, places: list[str]
) -> CheckResult:
    """A check that ran: one miss per case, NaN is a failure; `places` name the cases."""
    sizes = [np.inf if np.isnan(miss) else miss for miss in misses]
    worst = max(sizes)
    outcome = PASSED if worst <= allowed else FAILED
    remark = places[sizes.index(worst)] if worst > 0.0 else ""
    return CheckResult(name, *titles, len(misses), max(worst, 0.0), allowed, outcome, remark)


def _names() -> list[str]:
    return [scenario[0] for scenario in SCENARIOS]


def _scenarios(model: int) -> CheckResult:
    """Fit each scenario and look between the strikes."""
    misses = []
    for _, tau, *smile in SCENARIOS:
        k, vol = points(tau, *smile)
        row = fitted(model, tau, k, vol)
        misses.append(float(np.max(np.abs(vols(row, k) - vol))))
    titles = ("五种行情的拟合偏差（波动率）", "five markets, worst miss (vol)")
    return finish("scenarios", titles, misses, CLOSE.get(model, WIDEST), _names())


def _recovery(model: int) -> CheckResult:
    """A fit to the exact points of a row of the same model returns its vols."""
    misses = []
    for _, tau, *smile in SCENARIOS:
        k, vol = points(tau, *smile)
        row = fitted(model, tau, k, vol)
        again = fitted(model, tau, k, vols(row, k))
        misses.append(float(np.max(np.abs(vols(again, k) - vols(row, k)))))
    titles = ("对自身曲线的还原（波动率）", "recovery of its own curves (vol)")
    return finish("recovery", titles, misses, 1e-3, _names())


def _warm(model: int) -> CheckResult:
    """From yesterday's curve, two points of vol away, four updates arrive."""
    misses = []
    for _, tau, level, slope, bend in SCENARIOS:
        k, before = points(tau, level + 0.02, 0.8 * slope, bend)
        _, vol = points(tau, level, slope, bend)
        row = fitted(model, tau, k, before)
        for _ in range(4):
            row = fitted(model, tau, k, vol, row)
        cold = fitted(model, tau, k, vol)
        misses.append(float(np.max(np.abs(vols(row, k) - vols(cold, k)))))
    titles = ("由旧曲线出发收敛到同一结果（波动率）", "warm start ends where a cold one does (vol)")
    return finish("warm-start", titles, misses, 1e-3, _names())


def _bad_quotes(model: int) -> CheckResult:
    """One quote ten points too high, at each strike in turn; the other strikes must not follow.

    From the last curve at every strike; from nothing at the inner ones, because an outermost quote
    that rises alone cannot be told from a wing by somebody who has seen no other day.
    """
    misses = []
    places = []
    for name, tau, *smile in SCENARIOS:
        k, vol = points(tau, *smile)
        clean = fitted(model, tau, k, vol)
        for at in range(k.size):
            bad = vol.copy()
            bad[at] += 0.10
            others = np.arange(k.size) != at
            starts = {"warm": clean} if at in (0, k.size - 1) else {"warm": clean, "cold": None}
            for start, warm in starts.items():
                row = fitted(model, tau, k, bad, warm)
                misses.append(float(np.max(np.abs(vols(row, k) - vols(clean, k))[others])))
                places.append(f"{name} k={k[at]:.3f} {start}")
    titles = ("一个错误报价对其他行权价的影响（波动率）", "what one bad quote does elsewhere (vol)")
    return finish("bad-quotes", titles, misses, 5e-3, places)


def _is_sane(row: Floats, k: Floats, vol: Floats) -> bool:
    """No curve, said by its status; or one that stays near the points it could use."""
    if row[layout.STATUS] not in (layout.OK, layout.NOT_CONVERGED, layout.FALLBACK):
        return True
    usable = vol <= layout.VOL_HIGH
    found, good = vols(row, k[usable]), vol[usable]
    low, high = float(good.min()), float(good.max())
    slack = 0.02 + 0.5 * (high - low)
    near = bool(found.min() > low - slack and found.max() < high + slack)
    return near and bool(np.isfinite(vols(row, k)).all())


def _edges(model: int) -> CheckResult:
    """Few points, one wing only, NaN, no time, points on one strike: sane or refused."""
    cases: list[tuple[str, float, Floats, Floats]] = []
    for name, tau, *smile in SCENARIOS:
        k, vol = points(tau, *smile)
        cases += [(f"{name} {n} points", tau, k[6 : 6 + n], vol[6 : 6 + n]) for n in range(1, 6)]
        cases += [
            (f"{name} puts only", tau, k[:6], vol[:6]),
            (f"{name} calls only", tau, k[7:], vol[7:]),
            (f"{name} NaN", tau, k, np.where(k > 0.0, np.nan, vol)),
            (f"{name} one strike", tau, np.zeros(5), np.full(5, vol[6])),
            (f"{name} no time", 0.0, k, vol),
            (f"{name} bad vols", tau, k, np.where(k < 0.0, 9.0, vol)),
        ]
    misses = []
    for _, tau, k, vol in cases:
        row = fitted(model, tau, k, np.ascontiguousarray(vol))
        refused = row[layout.STATUS] != layout.OK
        misses.append(0.0 if (refused if tau <= 0.0 else _is_sane(row, k, vol)) else 1.0)
    titles = ("点少、单边、无效输入（失常个数）", "few points, one wing, bad input (gone astray)")
    return finish("edges", titles, misses, 0.0, [case[0] for case in cases])


def _surface(model: int, squeeze: float) -> Floats:
    """Rows of four expiries whose total variances come too close, or cross, with `squeeze`."""
    rows = np.empty((4, layout.ROW))
    for i, tau in enumerate((0.04, 0.12, 0.3, 0.6)):
        _, _, level, slope, bend = SCENARIOS[i]
        k, vol = points(tau, level / (1.0 + squeeze * i), slope * (1.0 + squeeze), bend)
        rows[i] = fitted(model, tau, k, vol)
    return rows


def _arbitrage(model: int) -> list[CheckResult]:
    """Repaired surfaces: density, calendar, and prices of butterflies and spreads."""
    gaps: list[float] = []
    prices: list[float] = []
    places = []
    for step in range(9):
        squeeze = 0.1 * step
        rows = _surface(model, squeeze)
        report = np.empty((4, arbitrage.REPORT))
        repair.repair(rows, 4, report)
        # A model may refuse an expiry that it cannot meet; what has no curve quotes nothing.
        left = rows[:, layout.MODEL] != layout.NO_MODEL
        least = report[left, arbitrage.G].min(), np.fmin.reduce(report[left, arbitrage.GAP])
        gaps.append(float(-min(least)))
        prices.append(max(_row_faults(row) for row in rows[left]))
        places.append(f"squeeze {squeeze:.1f}")
    density = ("修复后的蝶式与日历套利", "butterfly and calendar arbitrage after repair")
    discrete = ("修复后价格的单调与凸性（相对远期）", "prices fall and bend up in the strike")
    return [
        finish("no-arbitrage", density, gaps, 0.0, places),
        finish("prices", discrete, prices, 1e-7, places),
    ]


def _row_faults(row: Floats) -> float:
    """`price_faults` of a row at 161 strikes within four standard deviations."""
    tau = float(row[layout.TAU])
    width = 4.0 * vol_at(row, 0.0) * float(np.sqrt(tau))
    k = np.linspace(-width, width, 161)
    return price_faults(k, vols(row, k), tau)


def price_faults(k: Floats, vol: Floats, tau: float) -> float:
    """Largest violation of -1 <= dC/dK <= 0 and of convexity of call prices, per forward."""
    strikes = np.array([FORWARD * exp(float(at)) for at in k])
    chain = zip(strikes, vol, strict=True)
    calls = np.array([price_one(1.0, FORWARD, strike, one, tau, 1.0) for strike, one in chain])
    slopes = np.diff(calls) / np.diff(strikes)
    bends = np.diff(slopes) * np.diff(strikes)[1:] / FORWARD
    return float(max(slopes.max(), -1.0 - slopes.min(), -bends.min(), 0.0))


def _determinism(model: int) -> CheckResult:
    misses = []
    for _, tau, *smile in SCENARIOS:
        k, vol = points(tau, *smile)
        first, second = (fitted(model, tau, k, vol).tobytes() for _ in range(2))
        misses.append(float(first != second))
    titles = ("同样输入逐位相同（不同个数）", "the same input, the same bits (differences)")
    return finish("determinism", titles, misses, 0.0, _names())


def curve_battery(model: int) -> list[CheckResult]:
    """The checks of a curve model by its code."""
    return [
        _scenarios(model),
        _recovery(model),
        _warm(model),
        _bad_quotes(model),
        _edges(model),
        *_arbitrage(model),
        _determinism(model),
    ]


def record_curve(model: int, modules: tuple[str, ...]) -> TestRecord:
    """Run the battery for a curve model of the house; `modules` are its registered ones."""
    checks = curve_battery(model)
    return record(layout.MODELS[model], TITLES[model], modules, checks)


def record(
    name: str, titles: tuple[str, str], modules: tuple[str, ...], checks: list[CheckResult]
) -> TestRecord:
    """A record of a model with the sources of its modules."""
    sources = files_of(modules)
    return TestRecord(
        name,
        *titles,
        system_version(),
        source_hash(sources),
        sources,
        libraries(),
        tuple(checks),
    )
