"""Months and years before they are known (E-12, E-05, E-08, E-09, L-09, rules.md 10.3 to 10.6)."""

from fractions import Fraction
from itertools import product
from random import Random

import msgspec
import numpy as np
import pytest

from quanheng.duties import forecast
from quanheng.duties.class_day import ClassDay
from quanheng.duties.forecast_grades import day_row
from quanheng.duties.grade import GRADES, Adjustments, Scale
from quanheng.duties.period import PRIMARY, rate_period
from quanheng.duties.reach import reach
from quanheng.duties.readings import Choices
from quanheng.duties.scale import scale_of
from quanheng.duties.year import year_grade
from quanheng.edge.rulebook_files import read_rulebook

BOOK = read_rulebook(20240627)
SCALE = scale_of(BOOK)
PLAIN = Adjustments()


def a_day(number: int = 1, maker: str = "M0", **change) -> ClassDay:
    """A perfect day of a class, or one with something changed."""
    plain = {
        "day": 20240600 + number,
        "maker": maker,
        "underlying": "510050",
        "contracts": 10,
        "covered": 10,
        "coverage": Fraction(1),
        "spread_ratio": Fraction(1, 2),
        "participation": Fraction(1),
        "opening_effective": 1,
        "closing_effective": 1,
        "volatility_auctions": 0,
        "volatility_joined": 0,
        "inquiries": 0,
        "answered": 0,
        "volume": 100,
    }
    return ClassDay(**(plain | change))


def drawn_day(random: Random, number: int, maker: str = "M0") -> ClassDay:
    """A day that a middling maker might have."""
    auctions = random.choice((0, 0, 1, 3))
    asked = random.randrange(4)
    return a_day(
        number,
        maker,
        participation=None if random.random() < 0.05 else Fraction(random.randint(10, 100), 100),
        spread_ratio=None if random.random() < 0.05 else Fraction(random.randint(30, 120), 100),
        opening_effective=random.choice((None, 0, 1, 1)),
        closing_effective=random.choices((None, 0, 1), (1, 1, 10))[0],
        closing_share=random.choice((None, Fraction(random.randint(70, 100), 100))),
        volatility_auctions=auctions,
        volatility_joined=random.randint(0, auctions),
        inquiries=asked,
        answered=random.randint(0, asked),
        volume=random.randint(0, 300),
    )


def read_otherwise(random: Random) -> Scale:
    """The scale under other readings of grading."""
    limits = {"nan": 3, "no_breaker": 3, "missed": 3}
    names = ("nan", "no_breaker", "daily_ladder", "skip_low", "others", "missed",
             "letters_first", "empty_zero")  # fmt: skip
    chosen = {name: random.randrange(limits.get(name, 2)) for name in names}
    return msgspec.structs.replace(SCALE, choices=Choices(**chosen))


@pytest.mark.parametrize("seed", range(150))
def test_a_known_month_is_graded_as_the_evaluation_does(seed: int) -> None:
    """The forecast of a month that is over is its grade, whatever the letters."""
    random = Random(seed)
    changes = random.choice(
        (PLAIN, Adjustments(1), Adjustments(2), Adjustments(lowering=1), Adjustments(penalty=True))
    )
    scale = SCALE if seed % 3 == 0 else read_otherwise(random)
    days = [drawn_day(random, number + 1) for number in range(random.randint(1, 21))]
    other = [drawn_day(random, number + 1, "M1") for number in range(len(days))]
    kinds = [(PRIMARY, day) for pair in zip(days, other, strict=True) for day in pair]
    exact = next(
        row
        for row in rate_period(20240601, 20240630, kinds, scale, {("M0", "510050"): changes})
        if row.maker == "M0"
    )
    volumes = [[two.volume] for two in other]
    rows = [day_row(*pair, scale.choices) for pair in zip(days, volumes, strict=True)]
    found = forecast.month(rows[:-1], rows[-1], Fraction(1), [], 0, scale, changes, "seed")
    if exact.grade:  # a month without any time owed has no grade
        assert found.likely == exact.grade
        assert dict(found.chances)[exact.grade] == 1000


def test_a_month_without_past_days_is_not_forecast() -> None:
    """With fewer than five days to draw from nothing is claimed, and no year either."""
    row = day_row(a_day(), [100])
    found = forecast.month([], row, Fraction(1, 2), [row] * 4, 10, SCALE, PLAIN, "seed")
    assert (found.chances, found.likely, found.basis) == ((), "", 4)
    assert forecast.year([], found, 11, BOOK.rating, PLAIN).chances == ()


def test_the_forecast_is_calibrated_on_months_that_follow_its_assumption() -> None:
    """Over 120 drawn months: of those given p for a grade about p come true, in every tenth."""
    random = Random(7)
    said, came = [], []
    for month in range(120):
        # A maker near the edge between A and B, better in some months than in others.
        centre = random.randint(72, 95)
        days = [
            day_row(
                a_day(n + 1, participation=Fraction(centre + random.randint(-15, 5), 100)), [100]
            )
            for n in range(60)
        ]
        truth = [random.choice(days) for _ in range(20)]
        known = truth[: month % 15]
        found = forecast.month(
            known, None, Fraction(0), days, 20 - len(known), SCALE, PLAIN, f"m{month}"
        )
        end = forecast.month(truth, None, Fraction(0), [], 0, SCALE, PLAIN, "").likely
        said.append(dict(found.chances)["A"] / 1000)
        came.append(end == "A")
    said_, came_ = np.array(said), np.array(came, dtype=float)
    brier = float(np.mean((said_ - came_) ** 2))
    base = float(np.mean((came_.mean() - came_) ** 2))
    assert brier < base / 3, "it tells months apart"
    for low in np.arange(0.0, 1.0, 0.25):
        group = (said_ >= low) & (said_ <= low + 0.25)
        if group.sum() >= 10:
            spread = 3 * np.sqrt(np.mean(said_[group] * (1 - said_[group])) / group.sum())
            assert abs(said_[group].mean() - came_[group].mean()) < spread + 0.02


def test_the_same_question_has_the_same_answer() -> None:
    """Chances depend on the arguments alone; another seed gives nearly the same."""
    random = Random(3)
    past = [day_row(drawn_day(random, n + 1), [100]) for n in range(30)]
    args = (past[:5], past[5], Fraction(1, 3), past, 12, SCALE, PLAIN)
    one, two = forecast.month(*args, "a"), forecast.month(*args, "a")
    assert one == two and abs(sum(chance for _, chance in one.chances) - 1000) <= 2
    other = dict(forecast.month(*args, "b").chances)
    assert all(abs(chance - other[grade]) < 40 for grade, chance in one.chances)


@pytest.mark.parametrize("graded", [["A", "B"], ["D", "AA", "AA"], []])
def test_the_year_is_the_sum_over_every_course(graded: list[str]) -> None:
    """Against all courses of the months to come, counted one by one."""
    running = forecast.Outcome((("AA", 200), ("A", 500), ("B", 300)), 30, "A")
    ahead = 3
    found = dict(forecast.year(graded, running, ahead, BOOK.rating, PLAIN).chances)
    score = dict(BOOK.rating.primary_scores)
    now = {grade: Fraction(chance, 1000) for grade, chance in running.chances}
    later = {
        grade: (now.get(grade, Fraction(0)) + graded.count(grade)) / (1 + len(graded))
        for grade in GRADES
    }
    wanted = dict.fromkeys(GRADES, Fraction(0))
    for first, *rest in product(GRADES, repeat=1 + ahead):
        chance = now.get(first, Fraction(0))
        for grade in rest:
            chance *= later[grade]
        if chance:
            months = [*graded, first, *rest]
            points = sum(score[grade] for grade in months)
            failed = "D" in months
            mean = Fraction(points, len(months))
            year, _ = year_grade(mean, failed, PRIMARY, BOOK.rating, PLAIN)
            wanted[year] += chance
    assert sum(wanted.values()) == 1
    assert all(abs(found[grade] - 1000 * wanted[grade]) <= 1 for grade in GRADES)


def test_year_bands_and_caps() -> None:
    """rules.md 10.4: 6 AA + 6 A = AA; 9 AA + 2 A + 1 D is capped at A; three letters are D; the
    forecast of a year that is over says the same.
    """
    rating = BOOK.rating
    for months, letters, wanted in (
        ("AA " * 6 + "A " * 6, 0, "AA"),
        ("A " * 6 + "B " * 6, 0, "A"),
        ("AA " * 9 + "A A D", 0, "A"),
        ("AA " * 12, rating.year_letters, "D"),
    ):
        *graded, last = months.split()
        points = sum(dict(rating.primary_scores)[grade] for grade in (*graded, last))
        changes = Adjustments(letters)
        found = year_grade(Fraction(points, 12), "D" in months, PRIMARY, rating, changes)
        assert found[0] == wanted
        running = forecast.Outcome(((last, 1000),), 20, last)
        assert forecast.year(graded, running, 0, rating, changes).likely == wanted


def test_chapter_nine_goes_amber_before_it_goes_red() -> None:
    """L-09, rules.md 10.6: first D amber, second in six months red; four and five without A."""
    levels = [
        (["A", "A"], "green"),
        (["A", "D"], "amber"),
        (["D", "A", "A", "A", "A", "A", "A"], "green"),
        (["A", "D", "A", "D"], "red"),
        (["A", "B", "B", "C"], "green"),
        (["A", "B", "B", "C", "B"], "amber"),
        (["B", "B", "B", "C", "B"], "red"),
        (["B", "B", "B", "C", "AA"], "green"),
    ]
    for grades, level in levels:
        assert forecast.chapter9(grades, BOOK.rating).level == level, grades
    found = forecast.chapter9(["D", "B", "", "B"], BOOK.rating)
    assert (found.failed, found.without_a) == (1, 3), "a month without a grade is skipped"


@pytest.mark.parametrize(
    ("missed", "days", "left"), [(0, 21, 0), (1, 21, 1), (2, 21, 0), (3, 21, 1), (4, 21, 0)]
)
def test_misses_left_before_the_ladder_drops(missed: int, days: int, left: int) -> None:
    """rules.md 10.3: of 20 to 23 closings 1 or 2 misses keep 0.9, 3 or 4 keep 0.8."""
    done = [a_day(n + 1, closing_effective=int(n >= missed)) for n in range(8)]
    today = a_day(9, closing_effective=None)
    found = reach(SCALE, done, today, Fraction(1), Fraction(0), days - 9)
    assert (found.closing_missed, found.misses_left) == (missed, left)


def test_best_and_worst_month_bracket_every_course() -> None:
    """Whatever the rest of the month brings, it ends between the worst and the best."""
    random = Random(5)
    for _ in range(40):
        done = [drawn_day(random, n + 1) for n in range(random.randint(0, 8))]
        today = a_day(9, participation=Fraction(1, 2), closing_effective=None)
        ahead = 5
        found = reach(SCALE, done, today, Fraction(4, 5), Fraction(1, 5), ahead)
        end = as_it_may_end(today, random)
        rest = [
            a_day(10 + n, participation=Fraction(random.randint(0, 10), 10),
                  opening_effective=random.choice((0, 1)), closing_effective=random.choice((0, 1)))
            for n in range(ahead)
        ]  # fmt: skip
        days = [(PRIMARY, day) for day in (*done, end, *rest)]
        row = rate_period(20240601, 20240630, days, SCALE, {})[0]
        assert found.worst <= row.weighted_participation <= found.best


def as_it_may_end(day: ClassDay, random: Random) -> ClassDay:
    """The day as it may end: participation between its worst and best, any closing."""
    return a_day(
        9,
        participation=Fraction(random.randint(2, 8), 10),
        opening_effective=day.opening_effective,
        closing_effective=random.choice((0, 1)),
    )
