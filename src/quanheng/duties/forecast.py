"""Grades of the month and the year before they are known, with probabilities (E-12, L-03).

Method, stated with every figure it gives: each day to come is drawn from the maker's own past days
of the class (the last BASIS of them), each as likely as another and independent of the others; the
day that runs is what it has so far plus a drawn day for the time to come. PATHS such months are
drawn from numbers that depend on maker, class and day alone, and each is graded by the rulebook.
Months of the year still to come are drawn from the months already graded and the forecast of the
running one. Fewer than LEAST past days give no forecast. Days that depend on each other (a broken
system, a crash) make real outcomes wider than this says.

Inside, ratios are integers of 1e-9; a month within 1e-8 of a band's edge may fall on either side.
"""

from collections.abc import Sequence
from fractions import Fraction
from hashlib import shake_256

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.duties.class_day import ClassDay
from quanheng.duties.grade import GRADES, Adjustments, Scale
from quanheng.rulebook.model import Rating
from quanheng.terms.units import Ratio

Ints = npt.NDArray[np.int64]

BASIS, LEAST, PATHS = 60, 5, 4096
UNIT = 1_000_000_000
(
    PART, SPREAD, OPEN, CLOSE, EVENTS, JOINED, ASKED, ANSWERED, VOLUME, MEAN, COLUMNS,
) = range(11)  # fmt: skip
NONE = -1


class Outcome(msgspec.Struct, frozen=True):
    """Probability of each grade, per mille, best first; empty without a basis of past days."""

    chances: tuple[tuple[str, int], ...]
    basis: int  # past days, or months, that the draw is from
    likely: str  # the grade with the largest chance


def _scaled(value: Fraction | None) -> int:
    return NONE if value is None else value.numerator * UNIT // value.denominator


def _flag(value: int | None) -> int:
    return NONE if value is None else value


def day_row(day: ClassDay, others: Sequence[int]) -> list[int]:
    """A day as a line of integers; `others` are the other primary makers' volumes that day."""
    total = day.volume + sum(others)
    return [
        _scaled(day.participation),
        _scaled(day.spread_ratio),
        _flag(day.opening_effective),
        _flag(day.closing_effective),
        day.volatility_auctions,
        day.volatility_joined,
        day.inquiries,
        day.answered,
        day.volume,
        total * 1000 // (1 + len(others)),
    ]


def picks(seed: str, count: int, paths: int, days: int) -> Ints:
    """int64[paths, days] of numbers below `count`, a function of the arguments alone."""
    stream = shake_256(seed.encode()).digest(4 * paths * days)
    words = np.frombuffer(stream, dtype="<u4").astype(np.int64)
    return (words % count).reshape(paths, days)


def month_grades(rows: Ints, scale: Scale, changes: Adjustments) -> Ints:
    """Index into GRADES of every month: `rows` int64[paths, days, COLUMNS] (E-02, E-05, E-07).

    The rule of `period.continuous` and `grade.primary_grade` on integers of 1e-9.
    """
    own = rows[:, :, PART] >= 0
    opening = _share(rows[:, :, OPEN], own)
    closing = _share(rows[:, :, CLOSE], own)
    events = (rows[:, :, EVENTS] * own).sum(axis=1)
    joined = (rows[:, :, JOINED] * own).sum(axis=1)
    intraday = np.where(events > 0, joined * UNIT // np.maximum(events, 1), UNIT)
    factor = np.zeros(len(rows), dtype=np.int64)
    for bound, value in reversed(scale.ladder):
        factor = np.where(closing >= _of(bound), _of(value), factor)
    counted = np.where(own & (rows[:, :, PART] >= _of(scale.day_floor)), rows[:, :, PART], 0)
    days = np.maximum(own.sum(axis=1), 1)
    both = (counted.sum(axis=1) // days) * factor // UNIT
    first, second, third = scale.weights
    weighted = (first * opening + second * intraday + third * both) // sum(scale.weights)
    ratio = _mean(rows[:, :, SPREAD])
    excellent, passing = (_of(bound) for bound in scale.spread_bands)
    line = np.where(ratio < 0, 2, np.where(ratio <= excellent, 0, np.where(ratio <= passing, 1, 2)))
    high, low = (_of(bound) for bound in scale.weighted_bands)
    column = np.where(weighted >= high, 0, np.where(weighted >= low, 1, 2))
    table = np.array([[GRADES.index(grade) for grade in row] for row in scale.matrix])
    return _adjusted(table[line, column], rows, scale, changes)


def _of(bound: Ratio) -> int:
    return bound[0] * UNIT // bound[1]


def _share(flags: Ints, own: npt.NDArray[np.bool_]) -> Ints:
    judged = own & (flags >= 0)
    count = judged.sum(axis=1)
    hits = (judged & (flags == 1)).sum(axis=1)
    share: Ints = np.where(count > 0, hits * UNIT // np.maximum(count, 1), UNIT)
    return share


def _mean(values: Ints) -> Ints:
    """Mean of what is not NONE; NONE when all are."""
    known = values >= 0
    count = known.sum(axis=1)
    total = np.where(known, values, 0).sum(axis=1)
    mean: Ints = np.where(count > 0, -(-total // np.maximum(count, 1)), NONE)
    return mean


def _adjusted(grade: Ints, rows: Ints, scale: Scale, changes: Adjustments) -> Ints:
    worst = len(GRADES) - 1
    volume, mean = rows[:, :, VOLUME].sum(axis=1), rows[:, :, MEAN].sum(axis=1)
    ratio = np.where(mean > 0, volume * 1000 * 1_000_000 // np.maximum(mean, 1), NONE)
    up, down = (num * 1_000_000 // den for num, den in (scale.volume_up, scale.volume_down))
    move = np.where(ratio < 0, 0, np.where(ratio >= up, -1, np.where(ratio < down, 1, 0)))
    grade = np.where(grade < worst, np.clip(grade + move, 0, worst), grade)
    asked, answered = rows[:, :, ASKED].sum(axis=1), rows[:, :, ANSWERED].sum(axis=1)
    num, den = scale.answer_share
    missed = (asked > 0) & (answered * den < asked * num)
    grade = np.minimum(grade + missed, worst)
    grade = np.minimum(grade + changes.lowering, worst)
    if changes.letters == 1:
        grade = np.minimum(grade + 1, worst)
    if changes.letters > 1 or changes.penalty:
        grade = np.full_like(grade, worst)
    found: Ints = grade.astype(np.int64)
    return found


def month(
    known: Sequence[Sequence[int]],
    today: Sequence[int] | None,
    gone: Fraction,
    past: Sequence[Sequence[int]],
    ahead: int,
    scale: Scale,
    changes: Adjustments,
    seed: str,
) -> Outcome:
    """Chances of the month's grade.

    `known` are the month's complete days, `today` the running one so far with `gone` of its time
    over, `past` the days to draw from (oldest first), `ahead` the days after today.
    """
    basis = np.array(past[-BASIS:], dtype=np.int64).reshape(-1, COLUMNS)
    done = np.array(known, dtype=np.int64).reshape(-1, COLUMNS)
    to_draw = ahead + (today is not None and gone < 1)
    if to_draw and len(basis) < LEAST:
        return Outcome((), len(basis), "")
    paths = PATHS if to_draw else 1
    parts = [np.broadcast_to(done, (paths, *done.shape))]
    if to_draw:
        drawn = basis[picks(seed, len(basis), paths, to_draw)]
        if today is not None and gone < 1:
            drawn[:, 0] = _rest_of_day(np.array(today), gone, drawn[:, 0])
        parts.append(drawn)
    if today is not None and gone >= 1:
        parts.append(np.broadcast_to(np.array(today), (paths, 1, COLUMNS)))
    grades = month_grades(np.concatenate(parts, axis=1), scale, changes)
    return _outcome(np.bincount(grades, minlength=len(GRADES)), paths, len(basis))


def _outcome(counts: Ints, total: int, basis: int) -> Outcome:
    chances = tuple(
        (grade, int((2000 * count + total) // (2 * total)))
        for grade, count in zip(GRADES, counts.tolist(), strict=True)
    )
    return Outcome(chances, basis, GRADES[int(np.argmax(counts))])


def _rest_of_day(today: Ints, gone: Fraction, drawn: Ints) -> Ints:
    """Today's row when its time to come goes like a drawn day's: int64[paths, columns]."""
    share = _scaled(gone)
    found = drawn.copy()
    for column in (PART, SPREAD):
        if today[column] >= 0:
            rest = np.where(drawn[:, column] >= 0, drawn[:, column], today[column])
            found[:, column] = (today[column] * share + rest * (UNIT - share)) // UNIT
    for column in (OPEN, CLOSE):
        if today[column] >= 0:
            found[:, column] = today[column]
    for column in (EVENTS, JOINED, ASKED, ANSWERED, VOLUME, MEAN):
        found[:, column] = today[column] + drawn[:, column] * (UNIT - share) // UNIT
    return found


def year(
    graded: Sequence[str], running: Outcome, ahead: int, rating: Rating, letters: int
) -> Outcome:
    """Chances of the year's grade of a primary maker (E-08, E-09).

    `graded` are the year's months known, `running` the forecast of the running one, `ahead` the
    months after it. Exact over all sums of scores; chances below one in two thousand show as 0.
    """
    if not running.chances:
        return Outcome((), len(graded), "")
    score = dict(rating.primary_scores)
    now = {grade: Fraction(chance, 1000) for grade, chance in running.chances if chance}
    total = sum(now.values())
    draw: dict[str, Fraction] = {grade: chance / total for grade, chance in now.items()}
    for grade in graded:
        draw[grade] = draw.get(grade, Fraction(0)) + 1
    weight = sum(draw.values())
    later = {grade: chance / weight for grade, chance in draw.items()}
    state = {(sum(score[grade] for grade in graded), "D" in graded): Fraction(1)}
    for chances in [{grade: chance / total for grade, chance in now.items()}, *[later] * ahead]:
        after: dict[tuple[int, bool], Fraction] = {}
        for (points, failed), reached in state.items():
            for grade, chance in chances.items():
                key = (points + score[grade], failed or grade == "D")
                after[key] = after.get(key, Fraction(0)) + reached * chance
        state = after
    months = len(graded) + 1 + ahead
    found = dict.fromkeys(GRADES, Fraction(0))
    for (points, failed), chance in state.items():
        found[year_grade(points, months, failed, rating, letters)] += chance
    rounded = np.array([int(chance * UNIT) for chance in found.values()], dtype=np.int64)
    return _outcome(rounded, UNIT, months - ahead)


def year_grade(points: int, months: int, failed: bool, rating: Rating, letters: int) -> str:
    """A primary maker's year from its score, a month of D and letters (rules.md 10.4)."""
    if letters >= rating.year_letters:
        return "D"
    mean = Fraction(points, months)
    grade = next(name for (num, den), name in rating.primary_years if mean * den >= num)
    if failed and GRADES.index(grade) < GRADES.index(rating.primary_year_cap):
        return rating.primary_year_cap
    return grade


class Chapter9(msgspec.Struct, frozen=True):
    """How near chapter 9 is: "green", "amber", "red" (rules.md 10.6; own choice of the steps)."""

    level: str
    failed: int  # months of D among the last ones that are looked at together
    failed_limit: int
    without_a: int  # months in a row without A or better
    without_a_limit: int


def chapter9(grades: Sequence[str], rating: Rating) -> Chapter9:
    """The distance after these months, oldest first; months without a grade are skipped."""
    known = [grade for grade in grades if grade]
    failed = sum(grade == "D" for grade in known[-rating.cancel_window :])
    without = 0
    for grade in reversed(known):
        if grade in ("AA", "A"):
            break
        without += 1
    amber, red = rating.cancel_alerts
    level = "green"
    if failed >= 1 or without >= amber:
        level = "amber"
    if failed >= rating.cancel_failed or without >= red:
        level = "red"
    return Chapter9(level, failed, rating.cancel_failed, without, rating.cancel_without_a)
