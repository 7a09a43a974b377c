"""Grades of many months at once, on integers of 1e-9: what the forecast judges its courses by.

The rules of `period.continuous` and `grade.primary_grade` under any readings of grading; a test
holds both together. A month within 1e-8 of a band's edge may fall on either side.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from quanheng.duties.class_day import ClassDay
from quanheng.duties.grade import GRADES, Adjustments, Scale
from quanheng.duties.readings import (
    FAIL_NAN,
    IGNORE,
    NONE_JOINED,
    REWEIGHT,
    SKIP_NAN,
    TO_D,
    Choices,
)
from quanheng.terms.units import Ratio

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

UNIT = 1_000_000_000
(
    PART, SPREAD, OPEN, CLOSE, EVENTS, JOINED, ASKED, ANSWERED, VOLUME, MEAN, SHARE, COLUMNS,
) = range(12)  # fmt: skip
NONE = -1
WORST = len(GRADES) - 1


def scaled(value: Fraction | None) -> int:
    """A ratio in 1e-9, NONE without one."""
    return NONE if value is None else value.numerator * UNIT // value.denominator


def _flag(value: int | None) -> int:
    return NONE if value is None else value


def day_row(day: ClassDay, others: Sequence[int], choices: Choices = Choices()) -> list[int]:  # noqa: B008
    """A day as a line of integers; `others` are the other primary makers' volumes that day."""
    total, count = sum(others), len(others)
    if not choices.others:
        total, count = total + day.volume, count + 1
    return [
        scaled(day.participation),
        scaled(day.spread_ratio),
        _flag(day.opening_effective),
        _flag(day.closing_effective),
        day.volatility_auctions,
        day.volatility_joined,
        day.inquiries,
        day.answered,
        day.volume,
        total * 1000 // count if count else NONE,
        scaled(day.closing_share),
    ]


def month_grades(rows: Ints, scale: Scale, changes: Adjustments) -> Ints:
    """Index into GRADES of every month: `rows` int64[paths, days, COLUMNS] (E-02, E-05, E-07)."""
    choices = scale.choices
    part, opened, closed = rows[:, :, PART], rows[:, :, OPEN], rows[:, :, CLOSE]
    own, share = part >= 0, rows[:, :, SHARE]
    if choices.empty_zero:
        part, opened, closed, share = (np.where(own, x, 0) for x in (part, opened, closed, share))
        own = np.ones_like(own)
    factor = _factor(_share(closed, own), scale)[:, None]
    if choices.daily_ladder:
        factor = _factor(np.where(share < 0, UNIT, share), scale)
    high_enough = part >= _of(scale.day_floor)
    kept = own & high_enough if choices.skip_low else own
    counted = np.where(own & high_enough, part, 0) * factor // UNIT
    both = counted.sum(axis=1) // np.maximum(kept.sum(axis=1), 1)
    events = (rows[:, :, EVENTS] * own).sum(axis=1)
    joined = (rows[:, :, JOINED] * own).sum(axis=1)
    weighted = _weighted(scale, _share(opened, own), events, joined, both)
    ratio = _ratio(rows[:, :, SPREAD], own, choices)
    excellent, passing = (_of(bound) for bound in scale.spread_bands)
    line = np.where(ratio < 0, 2, np.where(ratio <= excellent, 0, np.where(ratio <= passing, 1, 2)))
    high, low = (_of(bound) for bound in scale.weighted_bands)
    column = np.where(weighted >= high, 0, np.where(weighted >= low, 1, 2))
    table = np.array([[GRADES.index(grade) for grade in row] for row in scale.matrix])
    return _adjusted(table[line, column], rows, scale, changes)


def _of(bound: Ratio) -> int:
    return bound[0] * UNIT // bound[1]


def _factor(closing: Ints, scale: Scale) -> Ints:
    """g of the ladder, by elements."""
    factor = np.zeros_like(closing)
    for bound, value in reversed(scale.ladder):
        factor = np.where(closing >= _of(bound), _of(value), factor)
    return factor


def _weighted(scale: Scale, opening: Ints, events: Ints, joined: Ints, both: Ints) -> Ints:
    """WP, without a breaker as A11 reads it."""
    first, second, third = scale.weights
    choice = scale.choices.no_breaker
    assumed = 0 if choice == NONE_JOINED else UNIT
    intraday = np.where(events > 0, joined * UNIT // np.maximum(events, 1), assumed)
    found: Ints = (first * opening + second * intraday + third * both) // sum(scale.weights)
    if choice == REWEIGHT:
        found = np.where(events > 0, found, (first * opening + third * both) // (first + third))
    return found


def _share(flags: Ints, own: Flags) -> Ints:
    judged = own & (flags >= 0)
    count = judged.sum(axis=1)
    hits = (judged & (flags == 1)).sum(axis=1)
    share: Ints = np.where(count > 0, hits * UNIT // np.maximum(count, 1), UNIT)
    return share


def _ratio(values: Ints, own: Flags, choices: Choices) -> Ints:
    """Mean of the days' spread ratios as A05 reads the absent ones; NONE when there is none."""
    known = own & (values >= 0)
    total, count = np.where(known, values, 0).sum(axis=1), known.sum(axis=1)
    absent = own.sum(axis=1) - count
    if choices.nan not in (SKIP_NAN, FAIL_NAN):
        total, count = total + absent * UNIT, count + absent
    mean: Ints = np.where(count > 0, -(-total // np.maximum(count, 1)), NONE)
    return np.where(absent > 0, NONE, mean) if choices.nan == FAIL_NAN else mean


def _adjusted(grade: Ints, rows: Ints, scale: Scale, changes: Adjustments) -> Ints:
    """Volume, answers, lowering and letters, penalty; letters first where A26 says so."""
    steps = [lambda x: _volume(x, rows, scale), lambda x: _letters(x, changes)]
    for step in reversed(steps) if scale.choices.letters_first else steps:
        grade = step(grade)
    found: Ints = (np.full_like(grade, WORST) if changes.penalty else grade).astype(np.int64)
    return found


def _volume(grade: Ints, rows: Ints, scale: Scale) -> Ints:
    volume, mean = rows[:, :, VOLUME].sum(axis=1), rows[:, :, MEAN].sum(axis=1)
    ratio = np.where(mean > 0, volume * 1000 * 1_000_000 // np.maximum(mean, 1), NONE)
    up, down = (num * 1_000_000 // den for num, den in (scale.volume_up, scale.volume_down))
    move = np.where(ratio < 0, 0, np.where(ratio >= up, -1, np.where(ratio < down, 1, 0)))
    grade = np.where(grade < WORST, np.clip(grade + move, 0, WORST), grade)
    asked, answered = rows[:, :, ASKED].sum(axis=1), rows[:, :, ANSWERED].sum(axis=1)
    num, den = scale.answer_share
    missed = (asked > 0) & (answered * den < asked * num)
    if scale.choices.missed == IGNORE:
        return grade
    worse = WORST if scale.choices.missed == TO_D else np.minimum(grade + 1, WORST)
    return np.where(missed, worse, grade)


def _letters(grade: Ints, changes: Adjustments) -> Ints:
    grade = np.minimum(grade + changes.lowering, WORST)
    if changes.letters == 1:
        return np.minimum(grade + 1, WORST)
    return np.full_like(grade, WORST) if changes.letters > 1 else grade
