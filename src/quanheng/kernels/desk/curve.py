"""A robust smile per expiry: two parabolas joined at the forward, flat beyond the quoted strikes.

In x = ln(K/F)/sqrt(tau) the volatility is level + slope x + c x^2 with c the put curvature for
x < 0 and the call curvature for x >= 0, x held inside the quoted range. It is linear in its four
coefficients, so a fit has a fixed cost: first weights from the residuals of the last curve (from
a search over small sets when there is none), then four weighted least squares with Tukey's weights,
each a 4x4 Cholesky pulled slightly towards the last fit. This is the inner part of the wing model
of rules.md 8.3 with the cut-offs at the outermost quotes.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]

LEVEL = 0
SLOPE = 1
PUT_CURVATURE = 2
CALL_CURVATURE = 3
X_LOW = 4
X_HIGH = 5
RMS = 6
"""Weighted root mean square residual (vol) of the points kept."""
KEPT = 7
"""Points with a positive weight at the end."""
PARAMS = 8

OK = 0
TOO_FEW = 1
"""Fewer than three usable points: the warm curve is returned, or NaN."""
SINGULAR = 2
"""No solution, or a level outside the clip range: the warm curve is returned, or NaN."""

VOL_LOW = 0.0005
VOL_HIGH = 4.0
LEAST = 3
_COEFFICIENTS = 4
_STEPS = 4
_SEARCH_PULL = 1e-5
"""Keeps a set of four badly spread points from giving a wild curve."""
_ATTEMPTS = 48
"""Sets of four points tried for a cold start; with one bad quote in five, 0.6^48 is no risk."""
_TUKEY = 4.685
_MAD_TO_SIGMA = 1.4826
_SCALE_LOW = 2e-4
"""Vol; about half a tick of price in a one-month option at the money, never noise of its own."""
_NAN = float("nan")
_WARM_PULL = 3e-4
"""Weight of the last fit, as a share of the total weight, per scaled coefficient."""
_COLD_PULL = 1e-7
"""Just enough to settle a coefficient that no point determines at zero."""


@kernel
def _usable(x: float, vol: float, weight: float) -> bool:
    return math.isfinite(x) and VOL_LOW <= vol <= VOL_HIGH and 0.0 < weight < 1e300


@kernel
def _median_of(values: Floats, count: int) -> float:
    """Median of the first `count` values, which it sorts in place."""
    for i in range(1, count):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    middle = count // 2
    if count % 2 == 1:
        return float(values[middle])
    return float(0.5 * (values[middle - 1] + values[middle]))


@kernel
def _cholesky(a: Floats, b: Floats) -> bool:
    """Solve a p = b in place for a symmetric 4x4 matrix (lower part read); b becomes p."""
    for i in range(_COEFFICIENTS):
        for j in range(i + 1):
            total = a[i, j]
            for k in range(j):
                total -= a[i, k] * a[j, k]
            if i == j:
                if not (total > 0.0):
                    return False
                a[i, i] = math.sqrt(total)
            else:
                a[i, j] = total / a[j, j]
    for i in range(_COEFFICIENTS):
        total = b[i]
        for k in range(i):
            total -= a[i, k] * b[k]
        b[i] = total / a[i, i]
    for i in range(_COEFFICIENTS - 1, -1, -1):
        total = b[i]
        for k in range(i + 1, _COEFFICIENTS):
            total -= a[k, i] * b[k]
        b[i] = total / a[i, i]
    return True


@kernel
def _accumulate(u: float, vol: float, weight: float, a: Floats, b: Floats) -> None:
    """Add one point's normal equations (lower part); a parabola touches one wing only."""
    wing = 2 if u < 0.0 else 3
    square = u * u
    a[0, 0] += weight
    a[1, 0] += weight * u
    a[1, 1] += weight * square
    a[wing, 0] += weight * square
    a[wing, 1] += weight * square * u
    a[wing, wing] += weight * square * square
    b[0] += weight * vol
    b[1] += weight * u * vol
    b[wing] += weight * square * vol


@kernel
def _give_up(warm: Floats, out: Floats, status: int) -> int:
    known = math.isfinite(warm[LEVEL])
    for i in range(PARAMS):
        out[i] = warm[i] if known else _NAN
    return status


@kernel
def _parabola(p: Floats, u: float) -> float:
    return float(p[0] + u * (p[1] + u * (p[2] if u < 0.0 else p[3])))


@kernel
def _solve(
    table: Floats, robust: Floats, count: int, pull: float, prior: Floats, p: Floats
) -> bool:
    """Weighted least squares into p, pulled towards `prior`; rows of `table` are u, vol, weight."""
    a = np.zeros((_COEFFICIENTS, _COEFFICIENTS))
    total = 0.0
    for i in range(count):
        total += table[2, i]
    for j in range(_COEFFICIENTS):
        # The level always has data, so only a warm curve pulls it.
        share = pull * total if j > 0 or pull == _WARM_PULL else 0.0
        a[j, j] = share
        p[j] = share * prior[j]
    for i in range(count):
        if robust[i] > 0.0:
            _accumulate(table[0, i], table[1, i], robust[i] * table[2, i], a, p)
    return _cholesky(a, p)


@kernel
def _spread(table: Floats, count: int, p: Floats, shift: float, sizes: Floats) -> float:
    """Robust scale of the residuals of a curve moved by `shift`; `sizes` is scratch.

    The order statistic and the factor for few points are Rousseeuw and Leroy's: four coefficients
    make the smallest residuals smaller than the noise.
    """
    for i in range(count):
        sizes[i] = abs(table[1, i] - shift - _parabola(p, table[0, i]))
    _median_of(sizes, count)
    at = min((count + _COEFFICIENTS + 1) // 2, count - 1)
    few = 1.0 + 5.0 / max(count - _COEFFICIENTS, 1)
    return float(_MAD_TO_SIGMA * few * sizes[at])


@kernel
def _down_weight(table: Floats, count: int, p: Floats, shift: float, out: Floats) -> None:
    """Tukey's weights of the residuals of a curve moved by `shift`."""
    scale = max(_spread(table, count, p, shift, out), _SCALE_LOW)
    for i in range(count):
        z = (table[1, i] - shift - _parabola(p, table[0, i])) / (_TUKEY * scale)
        inner = 1.0 - z * z
        out[i] = inner * inner if inner > 0.0 else 0.0


@kernel
def _search(table: Floats, count: int, p: Floats, robust: Floats) -> None:
    """The best of fixed pseudo-random sets of four points by the sum of root residuals.

    Bad quotes on one wing can carry any least-squares start away; some set avoids them. Every
    other set takes one point from each quarter of the points, for a well-spread solution. The
    concave score favours curves through many points, but counts all, so that a thinly quoted
    wing is not given up as a whole.
    """
    chosen = np.zeros(count)
    prior = np.zeros(_COEFFICIENTS)
    trial = np.empty(_COEFFICIENTS)
    best = np.inf
    draw = 1
    for attempt in range(_ATTEMPTS):
        chosen[:] = 0.0
        for part in range(4):
            draw = (draw * 1103515245 + 12345) % 2147483648
            first = part * count // 4 if attempt % 2 == 0 else 0
            last = (part + 1) * count // 4 if attempt % 2 == 0 else count
            chosen[first + (draw >> 8) % (last - first)] = 1.0
        if not _solve(table, chosen, count, _SEARCH_PULL, prior, trial):
            continue
        score = 0.0
        for i in range(count):
            score += math.sqrt(abs(table[1, i] - _parabola(trial, table[0, i])))
        if score < best:
            best = score
            p[:] = trial
    if best < np.inf:
        _down_weight(table, count, p, 0.0, robust)
    else:
        robust[:] = 1.0


@kernel
def _first_weights(table: Floats, count: int, warm: bool, p: Floats, robust: Floats) -> None:
    """Weights to start from: against the warm curve moved to the new level, or by search."""
    if warm:
        for i in range(count):
            robust[i] = table[1, i] - _parabola(p, table[0, i])
        _down_weight(table, count, p, _median_of(robust, count), robust)
    elif count > _COEFFICIENTS:
        _search(table, count, p, robust)
    else:
        robust[:] = 1.0


@kernel
def _reweigh(
    table: Floats, count: int, pull: float, prior: Floats, p: Floats, robust: Floats
) -> bool:
    """The fixed number of solutions, each with the weights of the one before."""
    for step in range(_STEPS):
        if step > 0:
            _down_weight(table, count, p, 0.0, robust)
        if not _solve(table, robust, count, pull, prior, p):
            return False
    return True


@kernel
def _lost_wing(table: Floats, robust: Floats, count: int) -> bool:
    """Whether more than half of the points of one wing have no weight."""
    put = 0
    call = 0
    for i in range(count):
        vote = 1 if robust[i] == 0.0 else -1
        if table[0, i] < 0.0:
            put += vote
        else:
            call += vote
    return put > 0 or call > 0


@kernel
def _write(table: Floats, robust: Floats, count: int, width: float, p: Floats, out: Floats) -> None:
    """The curve in the caller's units and the quality of the fit."""
    squares = 0.0
    weights = 0.0
    kept = 0
    for i in range(count):
        if robust[i] > 0.0:
            residual = table[1, i] - _parabola(p, table[0, i])
            squares += robust[i] * table[2, i] * residual * residual
            weights += robust[i] * table[2, i]
            kept += 1
    out[LEVEL] = p[0]
    out[SLOPE] = p[1] / width
    out[PUT_CURVATURE] = p[2] / (width * width)
    out[CALL_CURVATURE] = p[3] / (width * width)
    out[RMS] = math.sqrt(squares / weights) if weights > 0.0 else 0.0
    out[KEPT] = kept


@kernel
def fit(x: Floats, vol: Floats, weight: Floats, n: int, warm: Floats, out: Floats) -> int:
    """Fit a curve to the first n points into out[PARAMS]; returns OK, TOO_FEW or SINGULAR.

    x in ln(K/F)/sqrt(tau), vol per 1.00, weight in any unit (only ratios matter). Points that are
    not finite, have a vol outside [0.0005, 4] or no positive weight are left out. `warm` is the
    last curve, or all NaN for none; it may be the same array as `out`.
    """
    table = np.empty((3, n))
    count = 0
    low = 0.0
    high = 0.0
    for i in range(n):
        if _usable(x[i], vol[i], weight[i]):
            table[0, count] = x[i]
            table[1, count] = vol[i]
            table[2, count] = weight[i]
            low = min(low, x[i])
            high = max(high, x[i])
            count += 1
    width = max(high, -low)
    if count < LEAST or not (width > 0.0):
        return _give_up(warm, out, TOO_FEW)
    for i in range(count):
        table[0, i] /= width
    known = math.isfinite(warm[LEVEL] + warm[SLOPE] + warm[PUT_CURVATURE] + warm[CALL_CURVATURE])
    prior = np.zeros(_COEFFICIENTS)
    if known:
        prior[0] = warm[LEVEL]
        prior[1] = warm[SLOPE] * width
        prior[2] = warm[PUT_CURVATURE] * width * width
        prior[3] = warm[CALL_CURVATURE] * width * width
    p = prior.copy()
    robust = np.empty(count)
    pull = _WARM_PULL if known else _COLD_PULL
    _first_weights(table, count, known, p, robust)
    solved = _reweigh(table, count, pull, prior, p, robust)
    if known and solved and _lost_wing(table, robust, count):
        # A wing that moved as a whole looks like bad quotes from where the last curve was.
        _first_weights(table, count, False, p, robust)
        solved = _reweigh(table, count, pull, prior, p, robust)
    if not solved:
        return _give_up(warm, out, SINGULAR)
    if not (VOL_LOW <= p[0] <= VOL_HIGH):
        return _give_up(warm, out, SINGULAR)
    _write(table, robust, count, width, p, out)
    out[X_LOW] = low
    out[X_HIGH] = high
    return OK


@kernel
def vol_at(params: Floats, x: float) -> float:
    """Vol of a fitted curve at x, clipped to [0.0005, 4]; NaN for an unfitted curve or NaN x."""
    low = params[X_LOW]
    high = params[X_HIGH]
    at = x if not (x < low) else low
    at = at if not (at > high) else high
    bend = params[PUT_CURVATURE] if at < 0.0 else params[CALL_CURVATURE]
    vol = params[LEVEL] + at * (params[SLOPE] + at * bend)
    vol = vol if not (vol < VOL_LOW) else VOL_LOW
    return float(vol if not (vol > VOL_HIGH) else VOL_HIGH)


@kernel
def vols_at(params: Floats, x: Floats, n: int, out: Floats) -> None:
    """Fill out[:n] with `vol_at` of each x."""
    for i in range(n):
        out[i] = vol_at(params, x[i])
