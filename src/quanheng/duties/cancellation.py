"""Chapter 9 and what follows a cancellation: what the exchange may do, never what it does.

Every row says how near a maker is to a condition (rules.md 10.6): amber, red, or met. Clauses:
9-2-1-fail (two failed months within six), 9-2-1-a (six months without A), 9-2-2 (a designated
contract failed six months), 9-2-3 (bottom 20 % of a class's year), 9-3-4 (bottom 20 % in all
classes), 5-6-3 (administrative penalty or disciplinary action).
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from quanheng.duties.class_day import ClassDay
from quanheng.duties.elimination import places, worst_first
from quanheng.duties.grade import GRADES, Adjustments, Scale, at_least, at_most
from quanheng.duties.months import shifted
from quanheng.duties.period import GENERAL, PRIMARY, Period
from quanheng.duties.year import Key, Month, YearRow, standing_of
from quanheng.rulebook.model import Duty, Rating

AMBER, RED, MET = "amber", "red", "met"


class Cancellation(msgspec.Struct, frozen=True):
    """One maker, class and clause. `count` is what the clause counts, `bound` where it is met;
    `ban_until` (YYYYMM) is 0 where no ban follows. `underlying` "*" = all classes.
    """

    maker: str
    underlying: str
    clause: str
    contract: str
    level: str
    count: int
    bound: int
    ban_until: int


class Vacancy(msgspec.Struct, frozen=True):
    """A row of the replenishment list: a general maker that may apply for a class's open places,
    best first (chapter 2 十, chapter 5 五(一)).
    """

    underlying: str
    places: int
    rank: int
    maker: str
    grade: str
    score: Fraction | None


def missed_obligations(
    duty: Duty, scale: Scale, periods: Sequence[Period], days: Sequence[ClassDay]
) -> frozenset[Key]:
    """Primary makers that missed any obligation metric of chapter 3 in a period (A25)."""
    least: dict[Key, Fraction] = {}
    for day in days:
        if day.coverage is not None:
            key = (day.maker, day.underlying)
            least[key] = min(least.get(key, Fraction(1)), day.coverage)
    found = set()
    for row in periods:
        if row.kind != PRIMARY or row.weighted_participation is None:
            continue
        key = (row.maker, row.underlying)
        checks = (
            (row.opening, duty.opening_share),
            (row.volatility, duty.intraday_share),
            (row.closing, duty.closing_share),
            (row.answer_rate, duty.inquiry_share),
            (least.get(key), duty.coverage),
        )
        low = any(value is not None and not at_least(value, bound) for value, bound in checks)
        ratio = row.spread_ratio
        if low or ratio is None or not at_most(ratio, scale.spread_bands[1]):
            found.add(key)
    return frozenset(found)


def watch(
    months: Sequence[Month],
    rules: Rating,
    any_metric: bool,
    letters: Mapping[Key, Adjustments],
) -> list[Cancellation]:
    """Conditions that build up month by month, as they stand after the last of `months`."""
    if not months:
        return []
    last = months[-1].name
    ban = shifted(last, rules.ban_months)
    rows: list[Cancellation] = []
    keys = sorted(
        {(row.maker, row.underlying) for m in months for row in m.periods if row.kind == PRIMARY}
    )
    for key in keys:
        grades = _grades(months, key)
        rows += _failed(key, months, grades, rules, any_metric, ban)
        rows += _without_a(key, grades, rules, ban)
        if letters.get(key, Adjustments()).penalty:
            rows.append(Cancellation(key[0], "*", "5-6-3", "", MET, 1, 1, ban))
    rows += _designated(months, rules, ban)
    return sorted(set(rows), key=lambda row: (row.maker, row.underlying, row.clause, row.contract))


def _grades(months: Sequence[Month], key: Key) -> dict[int, str]:
    return {
        month.name: row.grade
        for month in months
        for row in month.periods
        if (row.maker, row.underlying) == key and row.kind == PRIMARY and row.grade
    }


def _failed(
    key: Key,
    months: Sequence[Month],
    grades: dict[int, str],
    rules: Rating,
    any_metric: bool,
    ban: int,
) -> list[Cancellation]:
    """Two failed months within any six consecutive ones, or one in the last six."""
    bad = {name for name, grade in grades.items() if grade == "D"}
    if any_metric:
        bad |= {month.name for month in months if key in month.missed}
    worst = max(
        (
            sum(shifted(month.name, -back) in bad for back in range(rules.cancel_window))
            for month in months
        ),
        default=0,
    )
    bound = rules.cancel_failed
    recent = sum(shifted(months[-1].name, -back) in bad for back in range(rules.cancel_window))
    count = worst if worst >= bound else recent
    if not count:
        return []
    level = MET if count >= bound else AMBER
    return [Cancellation(*key, "9-2-1-fail", "", level, count, bound, ban if level == MET else 0)]


def _without_a(key: Key, grades: dict[int, str], rules: Rating, ban: int) -> list[Cancellation]:
    """Months in a row without A or AA: the longest run that met the bound, else the present one."""
    run = longest = 0
    previous = 0
    for name in sorted(grades):
        joined = previous == 0 or shifted(previous, 1) == name
        run = 0 if grades[name] in ("AA", "A") else (run if joined else 0) + 1
        longest, previous = max(longest, run), name
    amber, red = rules.cancel_alerts
    bound = rules.cancel_without_a
    count = longest if longest >= bound else run
    if count < amber:
        return []
    level = MET if count >= bound else RED if count >= red else AMBER
    return [Cancellation(*key, "9-2-1-a", "", level, count, bound, ban if level == MET else 0)]


def _designated(months: Sequence[Month], rules: Rating, ban: int) -> list[Cancellation]:
    """Months in a row in which a designated contract's duty failed; a shorter life: all of it."""
    runs: dict[tuple[str, str], list[int]] = {}
    seen: dict[tuple[str, str], int] = {}
    klass: dict[str, str] = {}
    for month in months:
        for row in month.designated:
            pair = (row.maker, row.contract)
            runs.setdefault(pair, []).append(row.passed)
            seen[pair] = month.name
            klass[row.contract] = row.underlying
    found = []
    for (maker, contract), passed in sorted(runs.items()):
        ended = seen[maker, contract] < months[-1].name
        bound = min(rules.cancel_designated, len(passed)) if ended else rules.cancel_designated
        run = longest = 0
        for one in passed:
            run = 0 if one else run + 1
            longest = max(longest, run)
        if longest >= bound:
            found.append(
                Cancellation(maker, klass[contract], "9-2-2", contract, MET, longest, bound, ban)
            )
    return found


def bottom(rows: Sequence[YearRow], months: Sequence[Month], rules: Rating) -> list[Cancellation]:
    """The bottom 20 % of each class's year, and who is in it in every class (9-2-3, 9-3-4).

    No ban follows. A year's grade of A or better is spared.
    """
    found: list[Cancellation] = []
    classes: dict[str, set[str]] = {}
    low: dict[str, set[str]] = {}
    for klass in sorted({row.underlying for row in rows}):
        own = [row for row in rows if row.underlying == klass and row.kind == PRIMARY]
        ranked = sorted(
            (standing_of(row, months) for row in own if row.score is not None), key=worst_first
        )
        size = places(rules.cancel_share, len(ranked))
        for one in ranked:
            classes.setdefault(one.maker, set()).add(klass)
        for one in ranked[:size]:
            if GRADES.index(one.grade) > GRADES.index(rules.cancel_spared):
                low.setdefault(one.maker, set()).add(klass)
                found.append(Cancellation(one.maker, klass, "9-2-3", "", MET, 1, 1, 0))
    for maker, hit in sorted(low.items()):
        if hit == classes[maker]:
            count = len(hit)
            found.append(Cancellation(maker, "*", "9-3-4", "", MET, count, count, 0))
    return found


def replenishment(rows: Sequence[YearRow], cancelled: Sequence[Cancellation]) -> list[Vacancy]:
    """General makers of a class with open places, best first, without those that go themselves."""
    gone = {(row.maker, row.underlying) for row in rows if row.kind == PRIMARY and row.eliminated}
    gone |= {(one.maker, one.underlying) for one in cancelled if one.level == MET and one.ban_until}
    found = []
    for klass in sorted({row.underlying for row in rows}):
        primary = {r.maker for r in rows if r.underlying == klass and r.kind == PRIMARY}
        count = sum((maker, klass) in gone or (maker, "*") in gone for maker in sorted(primary))
        able = [
            row
            for row in rows
            if row.underlying == klass
            and row.kind == GENERAL
            and not row.eliminated
            and row.maker not in primary
        ]
        able.sort(key=lambda row: (row.score is None, -(row.score or 0), row.maker))
        if count:
            found += [
                Vacancy(klass, count, rank, row.maker, row.grade, row.score)
                for rank, row in enumerate(able, start=1)
            ]
    return found
