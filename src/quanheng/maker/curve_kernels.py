"""Kernels of the curves' life: from the points of a class to its published rows (I-31, R-05).

An update takes every expiry of the class through `curve_life.TABLE`. Only publication changes
what prices; a row that fails on the way leaves the last published one where it is.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves import ssvi
from quanheng.kernels.desk.curves.arbitrage import MENDED, REPORT, G, check
from quanheng.kernels.desk.curves.compare import mix, move
from quanheng.kernels.desk.curves.fits import fit
from quanheng.kernels.desk.curves.repair import CLEAN, UNUSABLE, repair, repair_butterfly
from quanheng.kernels.desk.curves.smile import copy_row
from quanheng.kernels.desk.curves.surface import borrow_row
from quanheng.kernels.jit import kernel
from quanheng.maker import columns as c
from quanheng.maker.curve_life import NEXT, CurveEvent, CurveState, Rung

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# points float64[POINT_ROWS, n]: every usable quote of a class, one expiry after the other
K = 0
VOL = 1
WEIGHT = 2
POINT_ROWS = 3

# spans int64[expiries of the class, SPAN_COLUMNS]
S_EXPIRY = 0  # row of the expiry tables
S_START = 1
S_STOP = 2
SPAN_COLUMNS = 3

# limits float64[LIMITS]
LIMIT_GAIN = 0  # share of a new fit that is taken over
LIMIT_RMS = 1  # vol; worst distance from its points
LIMIT_MOVE = 2  # vol; move that one fit may make
LIMITS = 3

# which int64[WHICH]
W_KLASS = 0
W_AT = 1  # stamp
W_MODEL = 2
W_AGE = 3  # nanoseconds
WHICH = 4

_OWN = int(Rung.OWN)
_REPAIRED = int(Rung.REPAIRED)
_LAST_GOOD = int(Rung.LAST_GOOD)
_BORROWED = int(Rung.BORROWED)
_SETTLEMENT = int(Rung.SETTLEMENT)
_LEVEL = int(Rung.LEVEL)
_NOTHING = int(Rung.NOTHING)
_PUBLISHED = int(CurveState.PUBLISHED)
_STALE = int(CurveState.STALE)
_FIT = int(CurveEvent.FIT)
_NO_FIT = int(CurveEvent.NO_FIT)
_PASS = int(CurveEvent.PASS)
_BREAK = int(CurveEvent.BREAK)
_NEAR = int(CurveEvent.NEAR)
_FAR = int(CurveEvent.FAR)
_AGE = int(CurveEvent.AGE)
STALE = 8
OTHER_MODEL = 16
FORWARD = 32
_REPAIRS = (at.FLAT, at.LIFT, at.TAIL_LOW, at.TAIL_HIGH)
"""Columns in which repairs are kept apart from the parameters; 0 takes a repair back."""
_FITTED_NEAR, _FITTED_FAR, _NOT_FITTED = 2, 1, 0


@kernel
def _happens(life: Ints, event: int) -> None:
    """Move an expiry's life by the table; an impossible event leaves a mark that stays."""
    if life[c.V_STATE] >= 0:
        life[c.V_STATE] = NEXT[life[c.V_STATE], event]


@kernel
def _one_fit(
    model: int, points: Floats, span: Ints, tau: float, forward: float, warm: Floats, out: Floats
) -> int:
    """Fit one expiry with one model; the status."""
    start, stop = span[S_START], span[S_STOP]
    return fit(
        model,
        points[K, start:stop],
        points[VOL, start:stop],
        points[WEIGHT, start:stop],
        stop - start,
        tau,
        forward,
        warm,
        out,
    )


@kernel
def _surface_fit(points: Floats, spans: Ints, taus: Floats, forwards: Floats, rows: Floats) -> None:
    """Fit all expiries of a class with SSVI in place of their last rows."""
    n = spans.shape[0]
    starts = np.zeros(n + 1, dtype=np.int64)
    for i in range(n):
        starts[i + 1] = spans[i, S_STOP]
    ssvi.fit(points[K], points[VOL], points[WEIGHT], starts, n, taus, forwards, rows, rows)


@kernel
def _is_good(status: int, row: Floats, limit: float) -> bool:
    """A fit by its status (the best of all iterations counts) and its distance from the points."""
    return (status == at.OK or status == at.NOT_CONVERGED) and row[at.RMS] <= limit


@kernel
def _fits(
    fits: Floats,
    curves: Floats,
    life: Ints,
    points: Floats,
    spans: Ints,
    forwards: Floats,
    model: int,
    limit: float,
    fresh: Floats,
) -> None:
    """Fresh rows of all spans by the model, else by the wing; events FIT and NO_FIT."""
    n = spans.shape[0]
    taus = np.empty(n)
    for i in range(n):
        taus[i] = fits[spans[i, S_EXPIRY], c.X_TAU]
        copy_row(curves[c.PUBLISHED, spans[i, S_EXPIRY]], fresh[i])
    if model == at.SSVI:
        _surface_fit(points, spans, taus, forwards, fresh)
    for i in range(n):
        e = spans[i, S_EXPIRY]
        warm = curves[c.PUBLISHED, e]
        if model == at.SSVI:
            status = int(fresh[i, at.STATUS])
        else:
            status = _one_fit(model, points, spans[i], taus[i], forwards[i], warm, fresh[i])
        used = model
        if model != at.WING and not _is_good(status, fresh[i], limit):
            used = at.WING
            status = _one_fit(at.WING, points, spans[i], taus[i], forwards[i], warm, fresh[i])
        good = _is_good(status, fresh[i], limit)
        life[e, c.V_STATUS] = status
        life[e, c.V_MODEL] = used
        _happens(life[e], _FIT if good else _NO_FIT)


@kernel
def _taken_over(published: Floats, rung: int, fresh: Floats, gain: float, out: Floats) -> None:
    """The share of a fresh fit that is taken over: all of it when there is nothing to mix with."""
    same = published[at.MODEL] == fresh[at.MODEL] and rung != _BORROWED and rung < _LEVEL
    if same and gain < 1.0:
        mix(published, fresh, gain, out)
    else:
        copy_row(fresh, out)


@kernel
def _is_near(published: Floats, staged: Floats, fresh: Floats, out: Floats, cap: float) -> bool:
    """Whether a row may be published now: a small move, or the second fit that says so."""
    if not (move(published, out)[1] > cap):
        return True
    return staged[at.MODEL] > at.NO_MODEL and move(staged, fresh)[1] <= cap


@kernel
def _assemble(
    curves: Floats, life: Ints, spans: Ints, standing: Ints, candidates: Floats, rows: Floats
) -> None:
    """The surface that would price: candidates that are near, else what is published.

    Of the latter an earlier repair is taken back, so that it does not outlive its reason.
    """
    for i in range(spans.shape[0]):
        e = spans[i, S_EXPIRY]
        if standing[i] == _FITTED_NEAR:
            copy_row(candidates[i], rows[i])
        else:
            copy_row(curves[c.PUBLISHED, e], rows[i])
            if life[e, c.V_RUNG] != _BORROWED:
                for j in _REPAIRS:
                    rows[i, j] = 0.0


@kernel
def _free_of_arbitrage(
    curves: Floats,
    life: Ints,
    spans: Ints,
    standing: Ints,
    candidates: Floats,
    limit: float,
    rows: Floats,
    report: Floats,
) -> None:
    """rows = the surface without arbitrage; a candidate that a repair bends too far is broken.

    What is broken gives its place to what is published, and the surface is looked at once more.
    """
    n = spans.shape[0]
    for turn in range(2):
        _assemble(curves, life, spans, standing, candidates, rows)
        if check(rows, n, report) > 0:
            repair(rows, n, report)
        broken = 0
        for i in range(n):
            if standing[i] != _FITTED_NEAR or turn == 1:
                continue
            bent = report[i, MENDED] != CLEAN and not (move(candidates[i], rows[i])[0] <= limit)
            if report[i, MENDED] == UNUSABLE or not (report[i, G] >= 0.0) or bent:
                standing[i] = _NOT_FITTED
                _happens(life[spans[i, S_EXPIRY]], _BREAK)
                broken += 1
        if broken == 0:
            break


@kernel
def _publish(row: Floats, curves: Floats, life: Ints, e: int, rung: int, version: int) -> None:
    copy_row(row, curves[c.PUBLISHED, e])
    life[e, c.V_RUNG] = rung
    life[e, c.V_VERSION] = version


@kernel
def _differs(row: Floats, published: Floats) -> bool:
    """Whether a row prices differently from the published one it was made of."""
    if not (published[at.MODEL] > at.NO_MODEL):
        return False
    moved = 0
    for j in range(at.PARAMETERS):
        moved += 1 if row[at.P + j] != published[at.P + j] else 0
    for j in _REPAIRS:
        moved += 1 if row[j] != published[j] else 0
    return moved > 0


@kernel
def _settle(
    curves: Floats,
    life: Ints,
    spans: Ints,
    standing: Ints,
    candidates: Floats,
    rows: Floats,
    report: Floats,
    which: Ints,
    version: int,
) -> int:
    """Publish what is near, keep the rest, let age what stays; the number of changed rows."""
    changed = 0
    for i in range(spans.shape[0]):
        e = spans[i, S_EXPIRY]
        mine = life[e]
        if standing[i] == _FITTED_NEAR:
            _happens(mine, _PASS)
            _happens(mine, _NEAR)
            rows[i, at.MIN_G] = report[i, G]
            rung = _OWN if report[i, MENDED] == CLEAN else _REPAIRED
            _publish(rows[i], curves, life, e, rung, version)
            mine[c.V_FITS] += 1
            mine[c.V_FAILED] = 0
            mine[c.V_AT] = which[W_AT]
            changed += 1
            continue
        if standing[i] == _FITTED_FAR:
            good = repair_butterfly(candidates[i]) != UNUSABLE
            _happens(mine, _PASS if good else _BREAK)
            if good:
                _happens(mine, _FAR)
        mine[c.V_FAILED] += 1
        if mine[c.V_RUNG] < _LAST_GOOD:
            mine[c.V_RUNG] = _LAST_GOOD
        if _differs(rows[i], curves[c.PUBLISHED, e]):
            _publish(rows[i], curves, life, e, mine[c.V_RUNG], version)
            changed += 1
        if mine[c.V_AT] == 0:
            mine[c.V_AT] = which[W_AT]
        elif which[W_AT] - mine[c.V_AT] > which[W_AGE]:
            _happens(mine, _AGE)
    return changed


@kernel
def lend(fits: Floats, curves: Floats, life: Ints, spans: Ints, settled: bool, version: int) -> int:
    """Borrow curves for stale expiries from what was published in this update; how many.

    With `settled`, for those without a curve from those with one from the settlement prices.
    """
    n = spans.shape[0]
    lenders = np.empty((n, at.ROW))
    taus = np.empty(n)
    row = np.empty(at.ROW)
    count = 0
    for i in range(n):
        e = spans[i, S_EXPIRY]
        fresh = life[e, c.V_STATE] == _PUBLISHED
        if life[e, c.V_RUNG] == _SETTLEMENT if settled else fresh:
            copy_row(curves[c.PUBLISHED, e], lenders[count])
            taus[count] = fits[e, c.X_TAU]
            count += 1
    if count == 0 or count == n:
        return 0
    borrowed = 0
    for i in range(n):
        e = spans[i, S_EXPIRY]
        stale = life[e, c.V_STATE] == _STALE
        if not (life[e, c.V_RUNG] == _NOTHING if settled else stale):
            continue
        forward = fits[e, c.X_FORWARD]
        status = borrow_row(lenders, taus, count, fits[e, c.X_TAU], forward, row)
        if status == at.OK and repair_butterfly(row) != UNUSABLE:
            _publish(row, curves, life, e, _BORROWED, version)
            borrowed += 1
    return borrowed


@kernel
def standing_code(life: Ints, which: Ints) -> int:
    """What people have to know of an expiry: 0 when a forward and a curve of its own price it.

    The sum of STALE plus the rung of a stale curve or of none, OTHER_MODEL when the wished one
    failed, and FORWARD times the rung of a forward that is not by parity and older than `W_AGE`.
    """
    told = life[c.V_STATE] == _STALE or life[c.V_RUNG] >= _LEVEL
    code = STALE + life[c.V_RUNG] if told else 0
    if life[c.V_STATE] == _PUBLISHED and life[c.V_MODEL] != which[W_MODEL]:
        code += OTHER_MODEL
    if which[W_AT] - life[c.V_PARITY_AT] > which[W_AGE]:
        code += FORWARD * life[c.V_FORWARD]
    return int(code)


@kernel
def update_class(
    fits: Floats,
    curves: Floats,
    life: Ints,
    points: Floats,
    spans: Ints,
    forwards: Floats,
    which: Ints,
    limits: Floats,
    version: Ints,
) -> tuple[int, int, int]:
    """One update of a class: (own fits published, most failures in a row, news for people).

    points[POINT_ROWS, n] with spans[n, SPAN_COLUMNS] by expiry, earliest first; forwards[n] in yuan
    of the fits; limits and which as above. version[classes] of the class grows by one when a
    published row changes.
    """
    n = spans.shape[0]
    fresh = np.empty((n, at.ROW))
    candidates = np.empty((n, at.ROW))
    rows = np.empty((n, at.ROW))
    report = np.empty((n, REPORT))
    standing = np.zeros(n, dtype=np.int64)
    _fits(
        fits,
        curves,
        life,
        points,
        spans,
        forwards,
        which[W_MODEL],
        limits[LIMIT_RMS],
        fresh,
    )
    fitted = int(NEXT[_PUBLISHED, _FIT])
    for i in range(n):
        e = spans[i, S_EXPIRY]
        if life[e, c.V_STATE] == fitted:
            published = curves[c.PUBLISHED, e]
            staged = curves[c.STAGED, e]
            rung = life[e, c.V_RUNG]
            _taken_over(published, rung, fresh[i], limits[LIMIT_GAIN], candidates[i])
            near = _is_near(published, staged, fresh[i], candidates[i], limits[LIMIT_MOVE])
            standing[i] = _FITTED_NEAR if near else _FITTED_FAR
            copy_row(fresh[i], staged)
    _free_of_arbitrage(curves, life, spans, standing, candidates, limits[LIMIT_RMS], rows, report)
    next_version = version[which[W_KLASS]] + 1
    changed = _settle(curves, life, spans, standing, candidates, rows, report, which, next_version)
    changed += lend(fits, curves, life, spans, False, next_version)
    if changed > 0:
        version[which[W_KLASS]] = next_version
    good = 0
    worst = 0
    news = 0
    for i in range(n):
        mine = life[spans[i, S_EXPIRY]]
        good += 1 if mine[c.V_STATE] == _PUBLISHED else 0
        worst = max(worst, mine[c.V_FAILED])
        news += 1 if standing_code(mine, which) != mine[c.V_TOLD] else 0
    return good, worst, news
