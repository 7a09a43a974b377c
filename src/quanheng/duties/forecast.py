"""Grades of the month and the year before they are known, with probabilities (E-12, L-03).

Method, stated with every figure it gives: days to come are taken from the maker's own past days of
the class (the last BASIS of them) in pieces of BLOCK days on average, so that what lasts some days,
a broken system or a wild market, lasts in the forecast too; the day that runs is what it has so far
plus a drawn day for the time to come. PATHS such months are drawn from numbers that depend on
maker, class and day alone, each from a sample of the past of its own and with a few missed closing
auctions more, for sixty good days are no certainty, and each is graded by the rulebook. Months of
the year still to come are drawn from the months already graded and the forecast of the running one.
Fewer than LEAST past days give no forecast. A maker that changes for good is only noticed as its
new days come in. docs/studies/forecast.md says how far the chances can be trusted.
"""

from collections.abc import Sequence
from fractions import Fraction
from hashlib import shake_256

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.duties.forecast_grades import (
    ANSWERED,
    ASKED,
    CLOSE,
    COLUMNS,
    EVENTS,
    JOINED,
    MEAN,
    OPEN,
    PART,
    SHARE,
    SPREAD,
    UNIT,
    VOLUME,
    Ints,
    month_grades,
    scaled,
)
from quanheng.duties.grade import GRADES, Adjustments, Scale
from quanheng.duties.period import PRIMARY
from quanheng.duties.readings import Choices
from quanheng.duties.year import year_grade, year_score
from quanheng.rulebook.model import Rating

BASIS, LEAST, PATHS, BLOCK = 60, 5, 4096, 5


class Outcome(msgspec.Struct, frozen=True):
    """Probability of each grade, per mille, best first; empty without a basis of past days."""

    chances: tuple[tuple[str, int], ...]
    basis: int  # past days, or months, that the draw is from
    likely: str  # the grade with the largest chance


class Method(msgspec.Struct, frozen=True):
    """How days to come are drawn. `block`: mean days in a row that are taken together; `doubt`:
    every path believes in another sample of the past; `paths`: how many months are drawn.
    """

    block: int = BLOCK
    doubt: bool = True
    paths: int = PATHS


SHIPPED = Method()


def picks(seed: str, count: int, paths: int, days: int) -> Ints:
    """int64[paths, days] of numbers below `count`, a function of the arguments alone."""
    stream = shake_256(seed.encode()).digest(4 * paths * days)
    words = np.frombuffer(stream, dtype="<u4").astype(np.int64)
    return (words % count).reshape(paths, days)


def courses(seed: str, count: int, paths: int, days: int, method: Method) -> Ints:
    """int64[paths, days]: which of the `count` past days each day to come is like.

    A day goes on with the day after the last one, or with a chance of one in `block` with another;
    with `doubt` a path knows only as many such beginnings as the past has whole blocks.
    """
    start = picks(seed, count, paths, days)
    if method.doubt:
        known = max(count // method.block, 2)
        pool = picks(f"{seed}/pool", count, paths, known)
        start = np.take_along_axis(pool, start % known, axis=1)
    turn = picks(f"{seed}/turn", method.block, paths, days) == 0
    for day in range(1, days):
        later = (start[:, day - 1] + 1) % count
        start[:, day] = np.where(turn[:, day], start[:, day], later)
    return start


def month(
    known: Sequence[Sequence[int]],
    today: Sequence[int] | None,
    gone: Fraction,
    past: Sequence[Sequence[int]],
    ahead: int,
    scale: Scale,
    changes: Adjustments,
    seed: str,
    method: Method = SHIPPED,
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
    paths = method.paths if to_draw else 1
    parts = [np.broadcast_to(done, (paths, *done.shape))]
    if to_draw:
        drawn = basis[courses(seed, len(basis), paths, to_draw, method)]
        if method.doubt:
            _miss(drawn, picks(f"{seed}/miss", 2 * BASIS + 2, paths, to_draw) == 0)
        if today is not None and gone < 1:
            drawn[:, 0] = _rest_of_day(np.array(today), gone, drawn[:, 0])
        parts.append(drawn)
    if today is not None and gone >= 1:
        parts.append(np.broadcast_to(np.array(today), (paths, 1, COLUMNS)))
    grades = month_grades(np.concatenate(parts, axis=1), scale, changes)
    return _outcome(np.bincount(grades, minlength=len(GRADES)), paths, len(basis))


def _miss(drawn: Ints, missed: npt.NDArray[np.bool_]) -> None:
    """One closing auction in 2 (BASIS + 1) is missed that the past has not: sixty days without a
    miss are no proof (Jeffreys' prior), and one can cost a grade through the ladder of E-02.
    """
    joined = drawn[:, :, CLOSE]
    drawn[:, :, CLOSE] = np.where(missed & (joined == 1), 0, joined)


def _outcome(counts: Ints, total: int, basis: int) -> Outcome:
    chances = tuple(
        (grade, int((2000 * count + total) // (2 * total)))
        for grade, count in zip(GRADES, counts.tolist(), strict=True)
    )
    return Outcome(chances, basis, GRADES[int(np.argmax(counts))])


def _rest_of_day(today: Ints, gone: Fraction, drawn: Ints) -> Ints:
    """Today's row when its time to come goes like a drawn day's: int64[paths, columns]."""
    share = scaled(gone)
    found = drawn.copy()
    for column in (PART, SPREAD):
        if today[column] >= 0:
            rest = np.where(drawn[:, column] >= 0, drawn[:, column], today[column])
            found[:, column] = (today[column] * share + rest * (UNIT - share)) // UNIT
    for column in (OPEN, CLOSE, SHARE):
        if today[column] >= 0:
            found[:, column] = today[column]
    for column in (EVENTS, JOINED, ASKED, ANSWERED, VOLUME, MEAN):
        found[:, column] = today[column] + drawn[:, column] * (UNIT - share) // UNIT
    return found


def year(
    graded: Sequence[str],
    running: Outcome,
    ahead: int,
    rating: Rating,
    changes: Adjustments,
    choices: Choices = Choices(),  # noqa: B008
) -> Outcome:
    """Chances of the year's grade of a primary maker (E-08, E-09). `changes` are the year's.

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
        mean = year_score(points, months, choices)
        found[year_grade(mean, failed, PRIMARY, rating, changes)[0]] += chance
    rounded = np.array([int(chance * UNIT) for chance in found.values()], dtype=np.int64)
    return _outcome(rounded, UNIT, months - ahead)


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
