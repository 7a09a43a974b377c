"""Every curve model on one day's slices: fit, degenerate or not, arbitrage, repair, errors."""

from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import arbitrage, repair, smile, ssvi, surface
from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves.fits import fit
from study.closes import Floats
from study.points import Points

MODELS = ("wing", "svi", "cubic", "ssvi")
REPEATS = 3
"""A fit is timed so often; the least counts."""
WORST_RMS = 0.10
"""Vol; a fit this far off is degenerate, whatever its points."""

FINE = "fine"
NOT_A_NUMBER = "a parameter or vol is NaN"
AT_BOUNDS = "two or more parameters on a bound"
NEGATIVE = "total variance not positive on the points"
FAR_OFF = "rms above 10 vol points"
NONE = "no fit: fewer points than the model needs"
VERDICTS = (FINE, NONE, NOT_A_NUMBER, AT_BOUNDS, NEGATIVE, FAR_OFF)


@dataclass
class DayFits:
    """One model on one day: a row per slice, and what became of it."""

    model: str
    rows: Floats
    repaired: Floats
    status: npt.NDArray[np.int64]
    borrowed: npt.NDArray[np.bool_]
    verdict: list[str]
    nanos: npt.NDArray[np.int64]
    before: Floats
    after: Floats
    repair_nanos: int
    """Check and repair of the whole day."""


def weighted_rms(one: Points, vol: Floats) -> float:
    """Weighted rms of vol over every point of a slice, outliers included."""
    miss = vol - one.vol
    return float(np.sqrt((one.weight * miss * miss).sum() / one.weight.sum()))


def vols(one: Points, row: Floats) -> Floats:
    """A row's vols at the points of a slice."""
    out = np.empty(one.k.size)
    smile.vols_at(row, one.k, one.k.size, out)
    return out


def verdict(one: Points, row: Floats) -> str:
    """Whether a fitted row is degenerate, and how."""
    if not np.isfinite(row[at.P : at.P + 5]).all():
        return NOT_A_NUMBER
    raw = [smile.model_vol(row, float(k))[0] for k in (*one.k, 0.0)]
    if not np.isfinite(raw).all():
        return NOT_A_NUMBER
    if min(raw) <= 0.0:
        return NEGATIVE
    if row[at.AT_BOUND] >= 2:
        return AT_BOUNDS
    return FAR_OFF if weighted_rms(one, vols(one, row)) > WORST_RMS else FINE


def _fit_single(model: int, one: Points, row: Floats) -> tuple[int, int]:
    """(status, nanoseconds) of a cold fit into `row`."""
    best = 2**62
    status = at.TOO_FEW
    for _ in range(REPEATS):
        cold = np.full(at.ROW, np.nan)
        start = perf_counter_ns()
        status = fit(
            model,
            one.k,
            one.vol,
            one.weight,
            one.k.size,
            one.slice.tau,
            one.forward,
            cold,
            row,
        )
        best = min(best, perf_counter_ns() - start)
    return status, best


def _fit_surface(day: list[Points], rows: Floats) -> tuple[list[int], list[int]]:
    """(statuses, nanoseconds per slice) of SSVI over a whole day."""
    n = len(day)
    start = np.zeros(n + 1, dtype=np.int64)
    start[1:] = np.cumsum([one.k.size for one in day])
    k, vol, weight = (
        np.concatenate([getattr(one, name) for one in day]) for name in ("k", "vol", "weight")
    )
    taus = np.array([one.slice.tau for one in day])
    at_fit = np.array([one.forward for one in day])
    best = 2**62
    for _ in range(REPEATS):
        cold = np.full((n, at.ROW), np.nan)
        begin = perf_counter_ns()
        ssvi.fit(k, vol, weight, start, n, taus, at_fit, cold, rows)
        best = min(best, perf_counter_ns() - begin)
    return [int(status) for status in rows[:, at.STATUS]], [best // n] * n


def _fit_day(model: int, day: list[Points], rows: Floats) -> tuple[list[int], list[int]]:
    if model == at.SSVI:
        return _fit_surface(day, rows)
    done = [_fit_single(model, one, row) for one, row in zip(day, rows, strict=True)]
    return [status for status, _ in done], [nanos for _, nanos in done]


def _borrow(day: list[Points], rows: Floats, missing: npt.NDArray[np.bool_]) -> None:
    """Give slices without a fit a row from their neighbours, as the live surface does."""
    taus = np.array([one.slice.tau for one in day])
    for i, one in enumerate(day):
        if missing[i]:
            others = rows[~missing].copy()
            left = taus[~missing].copy()
            surface.borrow_row(others, left, left.size, one.slice.tau, one.forward, rows[i])


def fit_day(name: str, day: list[Points]) -> DayFits:
    """One model on one day's slices, nearest expiry first; all of them have time left."""
    n = len(day)
    rows = np.full((n, at.ROW), np.nan)
    statuses, nanos = _fit_day(at.MODELS.index(name), day, rows)
    status = np.array(statuses, dtype=np.int64)
    borrowed = (status == at.TOO_FEW) | (rows[:, at.MODEL] == at.NO_MODEL)
    verdicts = [NONE if borrowed[i] else verdict(one, rows[i]) for i, one in enumerate(day)]
    _borrow(day, rows, borrowed)
    before = np.empty((n, arbitrage.REPORT))
    after = np.empty((n, arbitrage.REPORT))
    repaired = rows.copy()
    start = perf_counter_ns()
    arbitrage.check(rows, n, before)
    repair.repair(repaired, n, after)
    spent = perf_counter_ns() - start
    arbitrage.check(repaired, n, after)
    times = np.array(nanos, dtype=np.int64)
    return DayFits(name, rows, repaired, status, borrowed, verdicts, times, before, after, spent)
