"""Worked examples of rules.md 10.3: weighted participation, tables 1 and 2, adjustments."""

from fractions import Fraction

import pytest

from quanheng.duties.class_day import ClassDay, effective
from quanheng.duties.exact import mean, ratio_text
from quanheng.duties.grade import (
    Adjustments,
    Scale,
    general_grade,
    primary_grade,
    table_grade,
)
from quanheng.duties.period import continuous, rate_period

SCALE = Scale(
    contract_share=(4, 5),
    opening_share=(1, 2),
    closing_share=(1, 1),
    weights=(5, 10, 85),
    ladder=(((1, 1), (1, 1)), ((9, 10), (9, 10)), ((8, 10), (8, 10)), ((0, 1), (0, 1))),
    day_floor=(3, 10),
    spread_bands=((3, 5), (1, 1)),
    weighted_bands=((4, 5), (7, 10)),
    matrix=(("A", "B", "D"), ("B", "C", "D"), ("D", "D", "D")),
    volume_up=(5, 4),
    volume_down=(1, 2),
    answer_share=(7, 10),
    general_bands=(((9, 10), "A"), ((8, 10), "B"), ((7, 10), "C")),
)


def a_day(number: int, part, opening=1, closing=1, auctions=0, joined=0, **change) -> ClassDay:
    """A class day of maker M in 510050."""
    plain = {
        "day": 20240600 + number,
        "maker": "M",
        "underlying": "510050",
        "contracts": 80,
        "covered": 80,
        "coverage": Fraction(1),
        "spread_ratio": Fraction(1, 2),
        "participation": None if part is None else Fraction(part),
        "opening_effective": opening,
        "closing_effective": closing,
        "volatility_auctions": auctions,
        "volatility_joined": joined,
        "inquiries": 0,
        "answered": 0,
        "volume": 0,
    }
    return ClassDay(**(plain | change))


def worked_month(closing: int, auctions: int, joined: int, opening: int) -> list[ClassDay]:
    """21 days: participation .92 x 18, .70 x 2, .25 x 1."""
    parts = ["0.92"] * 18 + ["0.70"] * 2 + ["0.25"]
    return [
        a_day(k, part, int(k < opening), int(k < closing), auctions * (k == 0), joined * (k == 0))
        for k, part in enumerate(parts)
    ]


# closing effective, breakers, joined, opening effective -> WP (6 digits), column of table 2
WEIGHTED = [
    (21, 4, 3, 20, "0.849571"),
    (20, 4, 3, 20, "0.776876"),
    (19, 4, 3, 20, "0.776876"),
    (18, 4, 3, 20, "0.704181"),
    (17, 4, 3, 20, "0.704181"),
    (16, 4, 3, 20, "0.122619"),
    (21, 0, 0, 20, "0.874571"),  # no breaker: B = 1 (A11)
]


@pytest.mark.parametrize(("closing", "auctions", "joined", "opening", "value"), WEIGHTED)
def test_weighted_participation(
    closing: int, auctions: int, joined: int, opening: int, value: str
) -> None:
    """The worked table of WP: ladder, floor of 30 % and weights (E-02)."""
    found = continuous(SCALE, worked_month(closing, auctions, joined, opening))
    assert found is not None
    assert ratio_text(found.weighted, 6) == value


def test_minimum_duty_fails() -> None:
    """80 % of the contracts for 80 % of the time gives WP 69.4 %: D (rules.md 10.3, warning)."""
    found = continuous(SCALE, [a_day(1, "0.64")])
    assert found is not None
    assert found.weighted == Fraction(694, 1_000)
    assert table_grade(SCALE, Fraction(1, 2), found.weighted) == "D"


def test_days_without_obliged_time_are_left_out() -> None:
    """Such a day counts neither in C nor in O and S (A36)."""
    days = [a_day(1, "0.9"), a_day(2, None, opening=0, closing=0)]
    found = continuous(SCALE, days)
    assert found is not None
    assert (found.opening, found.closing, found.combined) == (1, 1, Fraction(9, 10))
    assert continuous(SCALE, days[1:]) is None


def test_class_means() -> None:
    """R(u, d) skips what is not defined, P(u, d) does not (rules.md 10.3, A05, A06)."""
    assert mean([Fraction(r) for r in ("0.60", "0.75", "0.90")]) == Fraction(3, 4)
    assert mean([Fraction(p) for p in ("0.95", "0.88", "0.82", "0")]) == Fraction("0.6625")
    assert mean([]) is None


@pytest.mark.parametrize(
    ("joined", "of", "share", "good"),
    [
        (36, 72, (1, 2), 1),
        (35, 72, (1, 2), 0),
        (36, 71, (1, 2), 1),
        (35, 71, (1, 2), 0),
        (32, 40, (4, 5), 1),
        (34, 42, (4, 5), 1),
        (33, 42, (4, 5), 0),
        (58, 72, (4, 5), 1),
        (57, 72, (4, 5), 0),
        (72, 90, (4, 5), 1),
        (90, 90, (1, 1), 1),
        (89, 90, (1, 1), 0),
    ],
)
def test_coverage_counts(joined: int, of: int, share: tuple[int, int], good: int) -> None:
    """Coverage is met from the next whole contract up (Q-05, A09)."""
    assert effective([1] * joined + [0] * (of - joined), share) == good
    assert effective([], share) is None


# R, WP, table 2
MATRIX = [
    ("0.60", "0.80", "A"),
    ("0.60", "0.7999999", "B"),
    ("0.60", "0.70", "B"),
    ("0.60", "0.6999999", "D"),
    ("0.6000001", "0.80", "B"),
    ("1.00", "0.70", "C"),
    ("1.00", "0.69", "D"),
    ("1.0000001", "0.99", "D"),
    (None, "1", "D"),
]


@pytest.mark.parametrize(("ratio", "value", "grade"), MATRIX)
def test_tables_1_and_2(ratio: str | None, value: str, grade: str) -> None:
    """Both tables at their edges (E-05)."""
    assert table_grade(SCALE, None if ratio is None else Fraction(ratio), Fraction(value)) == grade


# table grade, volume ratio, answer rate, adjustments -> grade, reasons
CHANGES = [
    ("A", "1.25", None, Adjustments(), "AA", "VOL_UP"),
    ("A", "1.2499999", None, Adjustments(), "A", ""),
    ("B", "1.444", None, Adjustments(), "A", "VOL_UP"),
    ("C", "1.25", None, Adjustments(), "B", "VOL_UP"),
    ("D", "9", None, Adjustments(), "D", ""),
    ("A", "0.4999999", None, Adjustments(), "B", "VOL_DOWN"),
    ("A", "0.5", None, Adjustments(), "A", ""),
    ("C", "0.1", None, Adjustments(), "D", "VOL_DOWN"),
    ("D", "0.1", "0", Adjustments(), "D", ""),
    ("A", None, "0.7", Adjustments(), "A", ""),
    ("A", None, "0.69", Adjustments(), "B", "RFQ_DOWN"),
    ("A", "1.25", "0.5", Adjustments(), "A", "VOL_UP,RFQ_DOWN"),
    ("A", "1.25", None, Adjustments(letters=1), "A", "VOL_UP,LETTER_1"),
    ("A", None, None, Adjustments(letters=2), "D", "LETTERS_D"),
    ("A", None, None, Adjustments(lowering=2), "C", "LOWERED"),
    ("A", None, None, Adjustments(lowering=1, letters=1), "C", "LOWERED,LETTER_1"),
    ("A", None, None, Adjustments(penalty=True), "D", "PENALTY_D"),
]


@pytest.mark.parametrize(("table", "volume", "answers", "change", "grade", "reasons"), CHANGES)
def test_adjustments(
    table: str, volume: str | None, answers: str | None, change: Adjustments, grade: str, reasons
) -> None:
    """Volume, answers, lowering, letters, penalty in this order; D never moves (E-05, E-07)."""
    ratios = [None if text is None else Fraction(text) for text in (volume, answers)]
    found, codes = primary_grade(SCALE, table, ratios[0], ratios[1], change)
    assert (found, ",".join(codes)) == (grade, reasons)


@pytest.mark.parametrize(
    ("rate", "grade"),
    [("0.9", "A"), ("0.8999", "B"), ("0.8", "B"), ("0.7", "C"), ("0.6999", "D"), (None, "")],
)
def test_general_maker_is_graded_on_answers(rate: str | None, grade: str) -> None:
    """Default bands 90/80/70; nothing asked is not rated (E-06, A21)."""
    share = None if rate is None else Fraction(rate)
    assert general_grade(SCALE, share, Adjustments())[0] == grade


def test_volume_ratios_of_a_period() -> None:
    """130k, 100k, 40k, 90k: mean 90k; general makers are outside the mean (E-05, A16)."""
    days = [
        ("primary", a_day(1, "0.95", maker=name, volume=volume))
        for name, volume in (("W", 130_000), ("X", 100_000), ("Y", 40_000), ("Z", 90_000))
    ]
    days.append(("general", a_day(1, "0.95", maker="G", volume=999_999, inquiries=10, answered=9)))
    rows = {row.maker: row for row in rate_period(20240601, 20240601, days, SCALE, {})}
    assert [ratio_text(rows[name].volume_ratio, 3) for name in "WXYZ"] == [
        "1.444",
        "1.111",
        "0.444",
        "1.000",
    ]
    assert [rows[name].grade for name in "WXYZ"] == ["AA", "A", "B", "A"]
    assert rows["G"].grade == "A"
    assert rows["G"].weighted_participation is None
    assert rows["G"].volume_ratio is None


def test_no_volume_at_all_has_no_ratio() -> None:
    """A mean of zero adjusts nobody (duty_dataset.md 7)."""
    (row,) = rate_period(20240601, 20240601, [("primary", a_day(1, "0.95"))], SCALE, {})
    assert (row.volume_ratio, row.grade, row.reasons) == (None, "A", ())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(1, 3), "0.333333333333"),
        (Fraction(2, 3), "0.666666666667"),
        (Fraction(1, 2 * 10**12), "0.000000000000"),  # half to even: down
        (Fraction(3, 2 * 10**12), "0.000000000002"),  # half to even: up
        (Fraction(5), "5.000000000000"),
        (Fraction(-1, 8), "-0.125000000000"),
        (None, ""),
    ],
)
def test_ratio_text(value: Fraction | None, text: str) -> None:
    """Twelve digits, half to even, empty when not defined (duty_dataset.md 9)."""
    assert ratio_text(value) == text
