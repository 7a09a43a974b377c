"""The year: windows, scores, caps, elimination, chapter 9, vacancies (E-08 to E-10; 10.4-10.6)."""

import itertools
from fractions import Fraction

import msgspec
import pytest
from test_duties_grade import a_day

from quanheng.duties.cancellation import (
    bottom,
    missed_obligations,
    replenishment,
    watch,
)
from quanheng.duties.designated import DesignatedMonth
from quanheng.duties.elimination import Standing, eliminate, places
from quanheng.duties.grade import Adjustments
from quanheng.duties.months import month_of, months_of_year, shifted, window, year_window
from quanheng.duties.period import Period, rate_period
from quanheng.duties.readings import Choices
from quanheng.duties.scale import scale_of
from quanheng.duties.year import Month, band, capped, rate_year
from quanheng.edge.rulebook_files import read_rulebook

BOOK = read_rulebook(20241220)
RULES = BOOK.rating
NAMES = months_of_year(2024)


def a_period(maker: str, grade: str, kind: str = "primary", **change) -> Period:
    plain = {
        "first": 20240101,
        "last": 20240120,
        "maker": maker,
        "underlying": "510050",
        "kind": kind,
        "days": 20,
        "spread_ratio": Fraction(1, 2),
        "opening": Fraction(1),
        "volatility": Fraction(1),
        "closing": Fraction(1),
        "combined": Fraction(1),
        "weighted_participation": Fraction(9, 10),
        "answer_rate": None,
        "volume": 100,
        "volume_ratio": Fraction(1),
        "table_grade": grade,
        "grade": grade,
        "reasons": (),
    }
    return Period(**(plain | change))


def months(grades: dict[str, str], kind: str = "primary", **change) -> list[Month]:
    """One month per word of each maker's grades; "-" is a month without a row."""
    length = max(len(text.split()) for text in grades.values())
    found = []
    for number in range(length):
        rows = [
            a_period(maker, words[number], kind, **change)
            for maker, words in ((maker, text.split()) for maker, text in grades.items())
            if number < len(words) and words[number] != "-"
        ]
        found.append(Month(NAMES[number], rows))
    return found


def year_of(grades: dict[str, str], kind: str = "primary", letters=None, **choices):
    return rate_year(2024, months(grades, kind), RULES, Choices(**choices), letters or {})


def test_months_of_a_year() -> None:
    """21 December to 20 December, twelve windows without gap or overlap (A18)."""
    spans = [window(name) for name in NAMES]
    assert (spans[0][0], spans[-1][1]) == year_window(2024) == (20231221, 20241220)
    assert NAMES[0] == 202401 and NAMES[-1] == 202412
    for (_, before), (after, _) in itertools.pairwise(spans):
        assert (before % 100, after % 100) == (20, 21)
        assert month_of(before) + 1 == month_of(after) or month_of(after) % 100 == 1
    assert months_of_year(2024, calendar=True)[0] == 202312
    assert window(202402, calendar=True) == (20240201, 20240229)
    assert [month_of(20240621), month_of(20240620), month_of(20240621, calendar=True)] == [
        202407,
        202406,
        202406,
    ]
    assert shifted(202401, -1) == 202312


@pytest.mark.parametrize(
    ("grades", "score", "grade", "reasons"),
    [
        ("AA " * 6 + "A " * 6, "3.5", "AA", ()),
        ("A " * 6 + "B " * 6, "2.5", "A", ()),
        ("AA " * 9 + "A A D", "3.5", "A", ("CAP_A",)),
        ("A B C D " * 3, "1.5", "B", ()),
        ("D " * 12, "0", "D", ("YEAR_D",)),
    ],
)
def test_scores_and_caps(grades: str, score: str, grade: str, reasons: tuple[str, ...]) -> None:
    """The checks of rules.md 10.4."""
    row = year_of({"M": grades}).year[0]
    assert (row.score, row.grade, row.reasons) == (Fraction(score), grade, reasons)
    assert row.eliminated == int("YEAR_D" in reasons)


def test_general_makers() -> None:
    """General bands and cap; only D with three months goes (E-08 to E-10)."""
    good = year_of({"M": "A " * 11 + "D", "N": "D D D", "O": "D D -", "P": "A B B"}, "general").year
    found = {row.maker: row for row in good}
    assert (found["M"].score, found["M"].grade, found["M"].reasons) == (
        Fraction(33, 12),
        "B",
        ("CAP_B",),
    )
    assert (found["N"].grade, found["N"].eliminated) == ("D", 1)
    assert (found["O"].grade, found["O"].eliminated) == ("D", 0)
    assert found["O"].reasons == ("UNDER_3_MONTHS",)
    assert found["P"].grade == "B"


def test_a_short_year() -> None:
    """A22: the mean of the months present, or the sum over twelve."""
    grades = {"M": "A A A A A A"}
    assert year_of(grades).year[0].score == 3
    assert year_of(grades, short_year=1).year[0].score == Fraction(18, 12)


def test_letters_and_penalty_of_a_year() -> None:
    """Three letters make the year D, two do not; a penalty does (E-09)."""
    for change, grade, reasons in (
        (Adjustments(letters=2), "A", ()),
        (Adjustments(letters=3), "D", ("LETTERS_D", "YEAR_D")),
        (Adjustments(penalty=True), "D", ("PENALTY_D", "YEAR_D")),
    ):
        row = year_of({"M": "A " * 12}, letters={("M", "510050"): change}).year[0]
        assert (row.grade, row.reasons) == (grade, reasons)


@pytest.mark.parametrize(
    ("count", "out"), [(1, 0), (2, 0), (3, 1), (7, 1), (8, 2), (12, 2), (13, 3), (17, 3), (18, 4),
                       (22, 4), (23, 5), (25, 5)]
)  # fmt: skip
def test_places_of_elimination(count: int, out: int) -> None:
    """K = floor(0.2 n + 0.5) (rules.md 10.5)."""
    assert places(RULES.eliminated_share, count) == out


def standing(maker: str, score: str, grade: str, months_: int = 12, **change) -> Standing:
    plain = {
        "maker": maker,
        "months": months_,
        "score": Fraction(score),
        "grade": grade,
        "weighted": Fraction(9, 10),
        "spread_ratio": Fraction(1, 2),
        "volume_ratio": Fraction(1),
    }
    return Standing(**(plain | change))


def gone(standings: list[Standing], **choices: int) -> dict[str, str]:
    return eliminate(standings, RULES, Choices(**choices)).out


TEN = [standing(f"M{k}", str(Fraction(20 + k, 10)), "B") for k in range(10)]
"""Ten makers, M0 the lowest; two places."""


def test_the_last_fifth_goes() -> None:
    """No D: the two lowest; the better of them rated A is spared and not replaced (E-10)."""
    assert gone(TEN) == {"M0": "LAST_20", "M1": "LAST_20"}
    spared = [
        msgspec.structs.replace(TEN[1], grade="A") if k == 1 else one for k, one in enumerate(TEN)
    ]
    assert gone(spared) == {"M0": "LAST_20"}


def test_every_d_goes() -> None:
    """All D go whatever their number; with fewer than K the rest is filled from the lowest."""
    many = [msgspec.structs.replace(one, grade="D") if k < 4 else one for k, one in enumerate(TEN)]
    assert gone(many) == {f"M{k}": "YEAR_D" for k in range(4)}
    one = [msgspec.structs.replace(one, grade="D") if k == 0 else one for k, one in enumerate(TEN)]
    assert gone(one) == {"M0": "YEAR_D", "M1": "LAST_20"}


def test_a_d_with_a_high_score() -> None:
    """A38: a D by penalty with the best score counts in #D, or goes beside the lowest two."""
    high = [msgspec.structs.replace(one, grade="D") if k == 9 else one for k, one in enumerate(TEN)]
    assert gone(high) == {"M9": "YEAR_D", "M0": "LAST_20"}
    assert gone(high, all_d=1) == {"M9": "YEAR_D", "M0": "LAST_20", "M1": "LAST_20"}


def test_newcomers() -> None:
    """Under three months: never out, but counted in n, or not (A23)."""
    short = [standing(f"S{k}", "0", "D", 2) for k in range(3)]
    four = TEN[:5]
    assert gone(four + short) == {"M0": "LAST_20", "M1": "LAST_20"}
    assert gone(four + short, long_only=1) == {"M0": "LAST_20"}


def test_ties_at_the_cut() -> None:
    """A24: by participation, ratio, volume; or all of them, or none; the tie is told."""
    tied = [standing("A1", "1", "C"), standing("A2", "2", "B", weighted=Fraction(8, 10))]
    tied += [standing("A3", "2", "B"), *(standing(f"Z{k}", "3", "B") for k in range(6))]
    result = eliminate(tied, RULES, Choices())
    assert result.out == {"A1": "LAST_20", "A2": "LAST_20"}
    assert result.tied == ("A2", "A3")
    assert set(gone(tied, tie=1)) == {"A1", "A2", "A3"}
    assert set(gone(tied, tie=2)) == {"A1"}
    wide = [standing("A1", "1", "C"), standing("A2", "2", "B")]
    wide += [standing("A3", "2", "B", spread_ratio=Fraction(7, 10)), *tied[3:]]
    assert set(gone(wide)) == {"A1", "A3"}
    thin = [standing("A1", "1", "C"), standing("A2", "2", "B", volume_ratio=Fraction(1, 2))]
    thin += [standing("A3", "2", "B"), *tied[3:]]
    assert set(gone(thin)) == {"A1", "A2"}
    assert eliminate(TEN, RULES, Choices()).tied == ()


def test_overall_ranks() -> None:
    """Over all classes: the mean of the class scores; equal scores share a rank (E-08)."""
    found = year_of({"M": "AA " * 12, "N": "A " * 12, "O": "A " * 12, "P": "C " * 12})
    assert [(row.maker, row.rank, row.grade) for row in found.year_overall] == [
        ("M", 1, "AA"),
        ("N", 2, "A"),
        ("O", 2, "A"),
        ("P", 4, "C"),
    ]
    assert band(Fraction(5, 2), RULES.general_years) == "A"
    assert capped("B", "A", ["D"]) == ("B", ())


def clauses(grades: str, **change) -> dict[str, tuple[str, int]]:
    rows = watch(months({"M": grades}), RULES, change.pop("any_metric", False), {})
    return {row.clause: (row.level, row.count) for row in rows}


@pytest.mark.parametrize(
    ("grades", "found"),
    [
        ("A D A A A A", {"9-2-1-fail": ("amber", 1)}),
        ("A D A A A A A A", {}),
        ("D A A A A D A", {"9-2-1-fail": ("met", 2)}),
        ("D A A A A A D", {"9-2-1-fail": ("amber", 1)}),
        ("A B B B B", {"9-2-1-a": ("amber", 4)}),
        ("A B B B B B", {"9-2-1-a": ("red", 5)}),
        ("A B B B B B B", {"9-2-1-a": ("met", 6)}),
        ("B B B B AA B", {}),
        ("B B B B B B A", {"9-2-1-a": ("met", 6)}),
    ],
)
def test_chapter_nine_month_by_month(grades: str, found: dict[str, tuple[str, int]]) -> None:
    """Two failed in any six months, six without A; amber and red before (10.6-1)."""
    assert clauses(grades) == found


def test_failing_by_any_obligation() -> None:
    """A25: a month of grade B in which an obligation was missed fails too."""
    scale = scale_of(BOOK)
    good, bad = a_day(1, "0.9"), a_day(2, "0.9", coverage=Fraction(79, 100))
    rows = rate_period(1, 2, [("primary", good), ("primary", bad)], scale, {})
    assert missed_obligations(BOOK.duty, scale, rows, [good, bad]) == {("M", "510050")}
    assert missed_obligations(BOOK.duty, scale, rows, [good]) == set()
    for field, value in (
        ("opening", "0.49"), ("volatility", "0.49"), ("closing", "0.79"), ("answer_rate", "0.69"),
    ):  # fmt: skip
        low = msgspec.structs.replace(rows[0], **{field: Fraction(value)})
        assert missed_obligations(BOOK.duty, scale, [low], [good]) == {("M", "510050")}
    for ratio in (None, Fraction(101, 100)):
        wide = msgspec.structs.replace(rows[0], spread_ratio=ratio)
        assert missed_obligations(BOOK.duty, scale, [wide], [good]) == {("M", "510050")}
    pair = months({"M": "A A A"})
    failed = [msgspec.structs.replace(one, missed=frozenset({("M", "510050")})) for one in pair]
    assert watch(failed, RULES, False, {}) == []
    assert [row.level for row in watch(failed, RULES, True, {})] == ["met"]


def test_designated_contracts_that_fail() -> None:
    """Six failed months in a row, or the whole of a shorter life (10.6-2)."""

    def run(passed: list[int], total: int) -> list[str]:
        rows = months({"M": "A " * total})
        for number, one in enumerate(passed):
            mark = DesignatedMonth("M", "10000001", rows[number].name, one, "510050")
            rows[number] = msgspec.structs.replace(rows[number], designated=[mark])
        return [row.contract for row in watch(rows, RULES, False, {}) if row.clause == "9-2-2"]

    assert run([0] * 6, 6) == ["10000001"]
    assert run([0] * 5, 5) == []
    assert run([0] * 5, 6) == ["10000001"]
    assert run([0, 0, 1, 0, 0], 6) == []


def test_bottom_of_the_ranking_and_vacancies() -> None:
    """The bottom fifth unless rated A; in all classes; who may fill the places, best first."""
    grades = {f"M{k}": "B " * 12 for k in range(1, 5)} | {"M0": "C " * 12}
    rows = months(grades)
    generals = months({"G1": "B " * 12, "G2": "A " * 12, "G3": "D " * 12}, "general")
    both = [Month(a.name, [*a.periods, *b.periods]) for a, b in zip(rows, generals, strict=True)]
    result = rate_year(2024, both, RULES, Choices(), {})
    low = bottom(result.year, both, RULES)
    assert [(row.maker, row.clause, row.ban_until) for row in low] == [
        ("M0", "9-2-3", 0),
        ("M0", "9-3-4", 0),
    ]
    near = watch(both, RULES, False, {}) + low
    found = replenishment(result.year, near)
    assert {row.maker for row in near if row.clause == "9-2-1-a"} == set(grades)
    assert [(row.rank, row.maker, row.places) for row in found] == [(1, "G2", 5), (2, "G1", 5)]


def test_a_penalty_is_in_every_class() -> None:
    """5 六(三): all classes, with a ban of twelve months."""
    (row,) = watch(months({"M": "A"}), RULES, False, {("M", "510050"): Adjustments(penalty=True)})
    assert (row.underlying, row.clause, row.ban_until) == ("*", "5-6-3", 202501)
