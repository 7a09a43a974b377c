"""Repair of curve rows: the smallest change first, one that cannot fail last (rules.md 8.4).

First come the tails, which leave the quoted vols as they are (tails.py). A butterfly among the
quotes: an SVI or SSVI row moves towards its arbitrage-free neighbour (Gatheral and Jacquier, arXiv
1204.0646, section 5.1) as little as it must, and any row can have its vols drawn to the vol at the
money (FLAT); the one that moves vols less is taken. A calendar among the quotes: the later row is
lifted or drawn flat, or the earlier one is drawn flat, whichever is cheapest by the evidence behind
each curve. A flat smile has g = 1 under any LIFT, and a large enough LIFT clears any earlier row,
so there is always an answer. Rows without fault keep their bits, but for MIN_G.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves.arbitrage import (
    MENDED,
    butterfly,
    calendar,
    check,
)
from quanheng.kernels.desk.curves.compare import mix, price_move
from quanheng.kernels.desk.curves.smile import copy_row, variance_at
from quanheng.kernels.desk.curves.tails import TARGET_G, separate, side_gap, soften
from quanheng.kernels.jit import kernel

Floats = npt.NDArray[np.float64]

CLEAN = 0
TAILED = 1
"""Only vols beyond the quotes moved (tails.py)."""
MOVED = 2
"""Parameters moved towards the arbitrage-free neighbour."""
FLATTENED = 3
"""FLAT was raised: by a butterfly, or as the cheapest cure of a calendar."""
LIFTED = 4
"""LIFT was raised (and FLAT, if that was needed too)."""
UNUSABLE = 5
"""The row has no vol on its range; the row is left as it is."""

_TARGET_GAP = 1e-12
_HALVINGS = 16
_ROUNDS = 4
_STEEP = 0.999
_RMS_LOW = 5e-4
_NONE = -1


@kernel
def neighbour(row: Floats, out: Floats) -> bool:
    """out = the arbitrage-free neighbour of an SVI or SSVI row; False when there is none.

    SVI keeps variance and skew at the money and the left wing: c' = p + 2 psi and
    v~' = 4 v p c'/(p + c')^2 make it an SSVI slice (arXiv 1204.0646, 5.1), whose phi is held to
    theta phi (1 + |rho|) < 4 and theta phi^2 (1 + |rho|) <= 4. SSVI keeps theta and rho.
    """
    svi = row[at.MODEL] == at.SVI
    if not (svi or row[at.MODEL] == at.SSVI):
        return False
    theta = row[at.P]
    rho = row[at.P + 1]
    phi = row[at.P + 2]
    if svi:
        if row[at.FLAT] != 0.0 or row[at.LIFT] != 0.0:
            return False
        theta, first, _ = variance_at(row, 0.0)
        root = math.sqrt(theta)
        left = max(row[at.P + 1] * (1.0 - row[at.P + 2]) / root, 1e-6)
        right = max(left + first / root, 1e-6)
        rho = (right - left) / (right + left)
        phi = (right + left) / root
    rho = min(max(rho, -_STEEP), _STEEP)
    more = theta * (1.0 + abs(rho))
    phi = min(abs(phi), _STEEP * 4.0 / more, _STEEP * 2.0 / math.sqrt(more))
    if not (theta > 0.0 and 0.0 < phi < np.inf):
        return False
    copy_row(row, out)
    if svi:
        rest = 1.0 - rho * rho
        out[at.P] = 0.5 * theta * rest
        out[at.P + 1] = 0.5 * theta * phi
        out[at.P + 2] = rho
        out[at.P + 3] = -rho / phi
        out[at.P + 4] = math.sqrt(rest) / phi
    else:
        out[at.P + 1] = rho
        out[at.P + 2] = phi
    return True


@kernel
def _mix_level(row: Floats, goal: Floats, share: float, out: Floats) -> None:
    """Mix two rows of one model; a raw SVI keeps the total variance at the money of the row."""
    mix(row, goal, share, out)
    if row[at.MODEL] == at.SVI:
        out[at.P] += variance_at(row, 0.0)[0] - variance_at(out, 0.0)[0]


@kernel
def _move_parameters(row: Floats, out: Floats) -> bool:
    """out = the nearest row on the way to the neighbour that has no butterfly; False if none."""
    goal = np.empty(at.ROW)
    trial = np.empty(at.ROW)
    plain = np.empty(at.ROW)
    copy_row(row, plain)
    plain[at.TAIL_LOW] = 0.0
    plain[at.TAIL_HIGH] = 0.0
    if not neighbour(plain, goal) or not (butterfly(goal)[0] >= TARGET_G):
        return False
    low = 0.0
    high = 1.0
    copy_row(goal, out)
    for _ in range(_HALVINGS):
        share = 0.5 * (low + high)
        _mix_level(plain, goal, share, trial)
        if butterfly(trial)[0] >= TARGET_G:
            high = share
            copy_row(trial, out)
        else:
            low = share
    return True


@kernel
def _flatten(row: Floats) -> None:
    """Raise FLAT of a row as little as its butterflies need; at one the smile is flat."""
    low = row[at.FLAT]
    high = 1.0
    for _ in range(_HALVINGS):
        row[at.FLAT] = 0.5 * (low + high)
        if butterfly(row)[0] >= TARGET_G:
            high = row[at.FLAT]
        else:
            low = row[at.FLAT]
    row[at.FLAT] = high


@kernel
def repair_butterfly(row: Floats) -> int:
    """Free a row of butterflies in place: CLEAN, TAILED, MOVED, FLATTENED or UNUSABLE.

    MIN_G is set to the least g of the row as it is left.
    """
    least = butterfly(row)[0]
    row[at.MIN_G] = least
    if not (abs(least) < np.inf):
        return UNUSABLE
    if least >= 0.0:
        return CLEAN
    better = np.empty(at.ROW)
    copy_row(row, better)
    if soften(better, False):
        least = butterfly(better)[0]
        if least >= 0.0:
            copy_row(better, row)
            row[at.MIN_G] = least
            return TAILED
    _flatten(better)
    done = FLATTENED
    least_move = price_move(row, better)
    trial = np.empty(at.ROW)
    copy_row(row, trial)
    if soften(trial, True) and butterfly(trial)[0] >= 0.0:
        moved = price_move(row, trial)
        if moved < least_move:
            done = TAILED
            least_move = moved
            copy_row(trial, better)
    if _move_parameters(row, trial) and price_move(row, trial) < least_move:
        done = MOVED
        copy_row(trial, better)
    copy_row(better, row)
    row[at.MIN_G] = butterfly(row)[0]
    return done


@kernel
def _lift(earlier: Floats, row: Floats) -> None:
    """Lift a row above the earlier one, raising FLAT too where the lift makes a butterfly."""
    for turn in range(_ROUNDS):
        if turn == _ROUNDS - 1:
            row[at.FLAT] = 1.0
        gap = calendar(earlier, row)[0]
        if gap < 0.0:
            row[at.LIFT] += _TARGET_GAP - gap * (1.0 + 1e-9)
        if butterfly(row)[0] >= 0.0:
            break
        _flatten(row)
    gap = calendar(earlier, row)[0]
    if gap < 0.0:
        # Only a flat row gets here, whose g no LIFT can change.
        row[at.LIFT] += _TARGET_GAP - gap * (1.0 + 1e-9)


@kernel
def _fits_between(below: Floats, above: Floats, trial: Floats) -> bool:
    """Is a trial row free of butterflies, above one row and below another (NO_MODEL = none)?"""
    if below[at.MODEL] != at.NO_MODEL and not (calendar(below, trial)[0] >= 0.0):
        return False
    if above[at.MODEL] != at.NO_MODEL and not (calendar(trial, above)[0] >= 0.0):
        return False
    return bool(butterfly(trial)[0] >= TARGET_G)


@kernel
def _flatten_between(below: Floats, above: Floats, trial: Floats) -> bool:
    """Raise FLAT of a trial row until it fits between two rows; False when no FLAT does."""
    low = trial[at.FLAT]
    quarter = 0.25 * (1.0 - low)
    high = -1.0
    for i in range(4):
        trial[at.FLAT] = low + quarter * (i + 1)
        if _fits_between(below, above, trial):
            high = trial[at.FLAT]
            break
    if high < 0.0:
        return False
    low = high - quarter
    for _ in range(_HALVINGS):
        trial[at.FLAT] = 0.5 * (low + high)
        if _fits_between(below, above, trial):
            high = trial[at.FLAT]
        else:
            low = trial[at.FLAT]
    trial[at.FLAT] = high
    return True


@kernel
def _cost(row: Floats, trial: Floats) -> float:
    """Mean squared move of price by the evidence of the fit: KEPT points of variance RMS^2."""
    rms = row[at.RMS] if row[at.RMS] > _RMS_LOW else _RMS_LOW
    kept = row[at.KEPT] if row[at.KEPT] > 1.0 else 1.0
    moved = price_move(row, trial)
    return float(kept * moved * moved / (rms * rms))


@kernel
def _keep(row: Floats, trial: Floats) -> None:
    copy_row(trial, row)
    row[at.MIN_G] = butterfly(row)[0]


@kernel
def _mend_calendar(rows: Floats, before: int, earlier: int, later: int, report: Floats) -> None:
    """Cure a negative gap of two rows by the cheapest of three changes."""
    lifted = np.empty(at.ROW)
    copy_row(rows[later], lifted)
    _lift(rows[earlier], lifted)
    best = _cost(rows[later], lifted)
    choice = 0
    nothing = np.zeros(at.ROW)
    flat = np.empty(at.ROW)
    copy_row(rows[later], flat)
    if _flatten_between(rows[earlier], nothing, flat):
        cost = _cost(rows[later], flat)
        if cost < best:
            best = cost
            choice = 1
    lower = np.empty(at.ROW)
    copy_row(rows[earlier], lower)
    below = rows[before] if before != _NONE else nothing
    fits = _flatten_between(below, rows[later], lower)
    if fits and _cost(rows[earlier], lower) < best:
        choice = 2
    if choice == 0:
        _keep(rows[later], lifted)
        report[later, MENDED] = LIFTED
    elif choice == 1:
        _keep(rows[later], flat)
        report[later, MENDED] = FLATTENED
    else:
        _keep(rows[earlier], lower)
        report[earlier, MENDED] = FLATTENED


@kernel
def _mend_tails(
    rows: Floats, n: int, before: int, earlier: int, later: int, report: Floats
) -> None:
    """Part two rows by their tails on the sides where they cross."""
    nothing = np.zeros(at.ROW)
    below = rows[before] if before != _NONE else nothing
    above = rows[later + 1] if later + 1 < n else nothing
    for side in range(2):
        if side_gap(rows[earlier], rows[later], side) < 0.0:
            done = separate(below, rows[earlier], rows[later], above, side)
            for place in range(2):
                if done == place + 1 or done == 3:
                    i = later if place == 1 else earlier
                    report[i, MENDED] = max(report[i, MENDED], TAILED)
                    rows[i, at.MIN_G] = butterfly(rows[i])[0]


@kernel
def repair(rows: Floats, n: int, report: Floats) -> int:
    """Free rows[n, ROW] of a class, sorted by time, of arbitrage in place; rows changed.

    report[n, REPORT] holds the check of the rows as they are left, with MENDED one of CLEAN,
    TAILED, MOVED, FLATTENED, LIFTED and UNUSABLE. Unusable rows are passed over.
    """
    before = _NONE
    last = _NONE
    for i in range(n):
        report[i, MENDED] = repair_butterfly(rows[i])
        if report[i, MENDED] == UNUSABLE:
            continue
        if last != _NONE and calendar(rows[last], rows[i])[0] < 0.0:
            _mend_tails(rows, n, before, last, i, report)
            if calendar(rows[last], rows[i])[0] < 0.0:
                _mend_calendar(rows, before, last, i, report)
        before = last
        last = i
    mended = np.empty(n)
    changed = 0
    for i in range(n):
        mended[i] = report[i, MENDED]
        changed += 1 if CLEAN < mended[i] < UNUSABLE else 0
    check(rows, n, report)
    for i in range(n):
        report[i, MENDED] = mended[i]
    return changed
