"""The year of a maker in a class and over all classes (E-08 to E-10; rules.md 10.4).

Months without a grade (nothing asked, nothing obliged, not a maker yet) are left out.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from quanheng.duties.designated import DesignatedMonth
from quanheng.duties.elimination import Standing, eliminate
from quanheng.duties.exact import mean
from quanheng.duties.grade import GRADES, Adjustments, at_least
from quanheng.duties.period import GENERAL, PRIMARY, Period
from quanheng.duties.readings import Choices
from quanheng.rulebook.model import Rating

Key = tuple[str, str]
"""(maker, underlying)."""


class Month(msgspec.Struct, frozen=True):
    """A rated month; `missed` are the primary makers that missed an obligation (A25)."""

    name: int  # YYYYMM of its end
    periods: list[Period]
    missed: frozenset[Key] = frozenset()
    designated: list[DesignatedMonth] = []


class YearRow(msgspec.Struct, frozen=True):
    """A row of `year`. `score` None: no rated month."""

    year: int
    maker: str
    underlying: str
    kind: str
    months: int
    score: Fraction | None
    grade: str
    eliminated: int
    reasons: tuple[str, ...]


class YearOverall(msgspec.Struct, frozen=True):
    """A row of `year_overall`: all classes of a maker; equal scores share a rank."""

    maker: str
    classes: int
    score: Fraction
    grade: str
    rank: int


class YearResult(msgspec.Struct, frozen=True):
    """Rows by class and over all, and the makers whose scores tied at a class's cut."""

    year: list[YearRow]
    year_overall: list[YearOverall]
    ties: dict[str, tuple[str, ...]]


def band(score: Fraction, bands: Sequence[tuple[tuple[int, int], str]]) -> str:
    """The grade of a score; `bands` best first."""
    return next(grade for bound, grade in bands if at_least(score, bound))


def rate_year(
    year: int,
    months: Sequence[Month],
    rules: Rating,
    choices: Choices,
    letters: Mapping[Key, Adjustments],
) -> YearResult:
    """Score, caps and elimination of every maker. `letters` are those of the whole year."""
    groups: dict[tuple[str, str, str], list[Period]] = {}
    for month in months:
        for row in month.periods:
            groups.setdefault((row.underlying, row.kind, row.maker), [])
            if row.grade:
                groups[row.underlying, row.kind, row.maker].append(row)
    rows = [
        _year_row(year, key, own, rules, choices, letters.get((key[2], key[0]), Adjustments()))
        for key, own in sorted(groups.items())
    ]
    ties: dict[str, tuple[str, ...]] = {}
    for klass in sorted({row.underlying for row in rows}):
        own = [row for row in rows if row.underlying == klass and row.kind == PRIMARY]
        found = eliminate(
            [standing_of(row, months) for row in own if row.score is not None],
            rules,
            choices,
        )
        if found.tied:
            ties[klass] = found.tied
        rows = [_with_outcome(row, klass, found.out, rules) for row in rows]
    return YearResult(rows, overall(rows, rules), ties)


def _year_row(
    year: int,
    key: tuple[str, str, str],
    months: list[Period],
    rules: Rating,
    choices: Choices,
    change: Adjustments,
) -> YearRow:
    underlying, kind, maker = key
    points = dict(rules.primary_scores if kind == PRIMARY else rules.general_scores)
    grades = [row.grade for row in months]
    score = None
    if grades:
        score = year_score(sum(points[one] for one in grades), len(grades), choices)
    grade, reasons = year_grade(score, "D" in grades, kind, rules, change)
    return YearRow(year, maker, underlying, kind, len(months), score, grade, 0, reasons)


def year_score(points: int, months: int, choices: Choices) -> Fraction:
    """Mean of the rated months' points, or their sum over twelve (A22)."""
    return Fraction(points, 12 if choices.short_year else months)


def year_grade(
    score: Fraction | None, failed: bool, kind: str, rules: Rating, change: Adjustments
) -> tuple[str, tuple[str, ...]]:
    """A year's grade and every reason that changed it: band, cap after a month of D (`failed`),
    letters, penalty (rules.md 10.4, E-09). `score` None: no rated month.
    """
    primary = kind == PRIMARY
    grade, reasons = "", tuple[str, ...]()
    if score is not None:
        bands = rules.primary_years if primary else rules.general_years
        cap = rules.primary_year_cap if primary else rules.general_year_cap
        grade, reasons = capped(band(score, bands), cap, ["D"] * failed)
    steps = [("LETTERS_D", change.letters >= rules.year_letters), ("PENALTY_D", change.penalty)]
    for code, hit in steps:
        if hit and grade != "D":
            grade, reasons = "D", (*reasons, code)
    return grade, reasons


def capped(grade: str, cap: str, months: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """A year's grade is at most `cap` when a month was D (E-09)."""
    if "D" in months and GRADES.index(grade) < GRADES.index(cap):
        return cap, (f"CAP_{cap}",)
    return grade, ()


def standing_of(row: YearRow, months: Sequence[Month]) -> Standing:
    """What elimination looks at: a primary maker's year row and the means of its months."""
    own = [
        one
        for month in months
        for one in month.periods
        if (one.maker, one.underlying, one.kind) == (row.maker, row.underlying, PRIMARY)
        and one.grade
    ]

    def mean_of(name: str) -> Fraction | None:
        return mean([value for one in own if (value := getattr(one, name)) is not None])

    return Standing(
        maker=row.maker,
        months=row.months,
        score=row.score or Fraction(0),
        grade=row.grade,
        weighted=mean_of("weighted_participation"),
        spread_ratio=mean_of("spread_ratio"),
        volume_ratio=mean_of("volume_ratio"),
    )


def _with_outcome(row: YearRow, klass: str, out: dict[str, str], rules: Rating) -> YearRow:
    if row.underlying != klass:
        return row
    if row.months < rules.months_min:
        return msgspec.structs.replace(row, reasons=(*row.reasons, "UNDER_3_MONTHS"))
    code = out.get(row.maker, "") if row.kind == PRIMARY else ""
    if row.kind == GENERAL and row.grade == "D":
        code = "YEAR_D"
    if not code:
        return row
    return msgspec.structs.replace(row, eliminated=1, reasons=(*row.reasons, code))


def overall(rows: Sequence[YearRow], rules: Rating) -> list[YearOverall]:
    """Mean score over a maker's classes and its rank (E-08).

    The guide asks for an evaluation of the whole without a formula: the mean of the class scores,
    in the bands of primary makers where the maker is one, else of general makers.
    """
    groups: dict[str, list[YearRow]] = {}
    for row in rows:
        if row.score is not None:
            groups.setdefault(row.maker, []).append(row)
    scores = {
        maker: mean([row.score for row in own if row.score is not None]) or Fraction(0)
        for maker, own in groups.items()
    }
    found = []
    for maker in sorted(groups, key=lambda name: (-scores[name], name)):
        primary = any(row.kind == PRIMARY for row in groups[maker])
        bands = rules.primary_years if primary else rules.general_years
        rank = 1 + sum(score > scores[maker] for score in scores.values())
        grade = band(scores[maker], bands)
        found.append(YearOverall(maker, len(groups[maker]), scores[maker], grade, rank))
    return found
