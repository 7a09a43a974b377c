"""Grades of a period: tables 1 and 2, volume, answers, letters (rules.md 10.3, E-02, E-04..E-07).

Grades are text, best first: AA, A, B, C, D. Everything is compared as exact fractions.
"""

from fractions import Fraction

import msgspec

from quanheng.duties.readings import IGNORE, NONE_JOINED, REWEIGHT, TO_D, Choices
from quanheng.terms.units import Ratio

GRADES = ("AA", "A", "B", "C", "D")
EXCELLENT, PASS, FAIL = 0, 1, 2


class Scale(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Thresholds of chapter 5, from the rulebook in force at the end of the period (Q-08)."""

    contract_share: Ratio  # a contract is covered when its participation is at least this
    opening_share: Ratio  # of contracts, for an opening auction to count as joined
    closing_share: Ratio
    weights: tuple[int, int, int]  # opening, intraday, combined, in percent
    ladder: tuple[tuple[Ratio, Ratio], ...]  # (closing participation at least, factor), best first
    day_floor: Ratio  # a day of less participation counts 0
    spread_bands: tuple[Ratio, Ratio]  # excellent, pass: at most
    weighted_bands: tuple[Ratio, Ratio]  # excellent, pass: at least
    matrix: tuple[tuple[str, str, str], tuple[str, str, str], tuple[str, str, str]]  # [R][WP]
    volume_up: Ratio
    volume_down: Ratio
    answer_share: Ratio
    general_bands: tuple[tuple[Ratio, str], ...]  # (answer rate at least, grade), best first
    designated: tuple[Ratio, Ratio] = ((1, 1), (1, 1))
    """What R and P of a designated contract are multiplied with before the class means."""
    choices: Choices = Choices()


class Adjustments(msgspec.Struct, frozen=True):
    """What table `letters` says about one maker in one class over a period (E-07)."""

    letters: int = 0
    penalty: bool = False
    lowering: int = 0  # steps


def at_least(value: Fraction, bound: Ratio) -> bool:
    """value >= bound, exactly."""
    return value * bound[1] >= bound[0]


def at_most(value: Fraction, bound: Ratio) -> bool:
    """value <= bound, exactly."""
    return value * bound[1] <= bound[0]


def ladder_factor(scale: Scale, closing: Fraction) -> Fraction:
    """g of rules.md 10.3-C from the period's closing participation S."""
    for bound, factor in scale.ladder:
        if at_least(closing, bound):
            return Fraction(*factor)
    return Fraction(0)


def combined(scale: Scale, day: Fraction, factor: Fraction) -> Fraction | None:
    """C(d): g times the day's participation; under the floor 0, or None to leave it out (A15)."""
    if at_least(day, scale.day_floor):
        return factor * day
    return None if scale.choices.skip_low else Fraction(0)


def assumed(scale: Scale, intraday: Fraction | None) -> Fraction | None:
    """B, or what it counts as without a breaker: 1, 0, or None to weigh without it (A11)."""
    if intraday is not None or scale.choices.no_breaker == REWEIGHT:
        return intraday
    return Fraction(scale.choices.no_breaker != NONE_JOINED)


def weighted(
    scale: Scale, opening: Fraction, intraday: Fraction | None, both: Fraction
) -> Fraction:
    """WP = 5 % O + 10 % B + 85 % C (E-02); `intraday` None when no breaker came (A11)."""
    first, second, third = scale.weights
    intraday = assumed(scale, intraday)
    if intraday is None:
        return (first * opening + third * both) / (first + third)
    return (first * opening + second * intraday + third * both) / sum(scale.weights)


def spread_band(scale: Scale, ratio: Fraction | None) -> int:
    """Row of table 2. A spread ratio that is not defined fails."""
    if ratio is None or not at_most(ratio, scale.spread_bands[1]):
        return FAIL
    return EXCELLENT if at_most(ratio, scale.spread_bands[0]) else PASS


def weighted_band(scale: Scale, value: Fraction) -> int:
    """Column of table 2."""
    if at_least(value, scale.weighted_bands[0]):
        return EXCELLENT
    return PASS if at_least(value, scale.weighted_bands[1]) else FAIL


def table_grade(scale: Scale, ratio: Fraction | None, value: Fraction) -> str:
    """Tables 1 and 2 (E-05)."""
    return scale.matrix[spread_band(scale, ratio)][weighted_band(scale, value)]


def moved(grade: str, steps: int) -> str:
    """A grade moved down by `steps` (up when negative), within AA … D."""
    return GRADES[min(max(GRADES.index(grade) + steps, 0), len(GRADES) - 1)]


def primary_grade(
    scale: Scale,
    table: str,
    volume_ratio: Fraction | None,
    answer_rate: Fraction | None,
    changes: Adjustments,
) -> tuple[str, tuple[str, ...]]:
    """A primary maker's grade and the code of every adjustment that changed it, in order.

    Order (rules.md 10.3): volume, answers, the exchange's lowering, letters, penalty; or lowering
    and letters first (A26). D never moves up, and volume lowers no D further (E-05).
    """
    if scale.choices.letters_first:
        before, reasons = _after_letters(table, [], msgspec.structs.replace(changes, penalty=False))
        grade, after = _after_volume(scale, before, volume_ratio, answer_rate)
        only = Adjustments(penalty=changes.penalty)
        return _after_letters(grade, [*reasons, *after], only)
    grade, after = _after_volume(scale, table, volume_ratio, answer_rate)
    return _after_letters(grade, after, changes)


def _after_volume(
    scale: Scale, grade: str, volume_ratio: Fraction | None, answer_rate: Fraction | None
) -> tuple[str, list[str]]:
    """Volume, then answers as A20 reads them."""
    reasons = []
    if grade != "D" and volume_ratio is not None:
        if at_least(volume_ratio, scale.volume_up):
            grade = moved(grade, -1)
            reasons.append("VOL_UP")
        elif not at_least(volume_ratio, scale.volume_down):
            grade = moved(grade, 1)
            reasons.append("VOL_DOWN")
    missed = answer_rate is not None and not at_least(answer_rate, scale.answer_share)
    if missed and grade != "D" and scale.choices.missed != IGNORE:
        grade = "D" if scale.choices.missed == TO_D else moved(grade, 1)
        reasons.append("RFQ_DOWN")
    return grade, reasons


def general_grade(
    scale: Scale, answer_rate: Fraction | None, changes: Adjustments
) -> tuple[str, tuple[str, ...]]:
    """A general maker's grade, on answers only (E-06); empty when nothing was asked."""
    if answer_rate is None:
        return ("D", ("PENALTY_D",)) if changes.penalty else ("", ())
    grade = next((name for bound, name in scale.general_bands if at_least(answer_rate, bound)), "D")
    return _after_letters(grade, [], changes)


def _after_letters(
    grade: str, reasons: list[str], changes: Adjustments
) -> tuple[str, tuple[str, ...]]:
    steps: list[tuple[str, str]] = []
    if changes.lowering:
        steps.append(("LOWERED", moved(grade, changes.lowering)))
    after = steps[-1][1] if steps else grade
    if changes.letters == 1:
        steps.append(("LETTER_1", moved(after, 1)))
    elif changes.letters > 1:
        steps.append(("LETTERS_D", "D"))
    if changes.penalty:
        steps.append(("PENALTY_D", "D"))
    for code, after in steps:
        if after != grade:
            reasons.append(code)
        grade = after
    return grade, tuple(reasons)
