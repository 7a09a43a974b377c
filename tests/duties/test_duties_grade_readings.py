"""Every reading that grading follows, by worked cases (rules.md 10.3, 11; Q-08)."""

from fractions import Fraction

import msgspec
import numpy as np
import pytest
from test_duties_grade import SCALE, a_day, worked_month

from quanheng.duties.class_day import ClassDay, ContractDay, class_days, contract_days, effective
from quanheng.duties.exact import ratio_text
from quanheng.duties.figures import Figures
from quanheng.duties.grade import Adjustments, Scale, primary_grade
from quanheng.duties.period import continuous, rate_period, volume_ratio
from quanheng.duties.readings import Choices
from quanheng.terms.units import SECOND


def scale(**choices: int) -> Scale:
    """The guide's scale with some readings chosen."""
    return msgspec.structs.replace(SCALE, choices=Choices(**choices))


def four_contracts(quoted=(10, 10, 10, 0), compliant=(95, 88, 82, 0)) -> Figures:
    """The product day of rules.md 10.3: R = .60, .75, .90, NaN, P = .95, .88, .82, 0."""

    def row(values) -> np.ndarray:
        return np.array([values], dtype=np.int64)

    rated = np.array(quoted, dtype=np.int64) * SECOND
    ratios = np.array([60, 75, 90, 0]) * rated // SECOND
    starts = np.concatenate([[0], np.cumsum(rated > 0)])
    return Figures(
        day=20240627,
        makers=("M",),
        contracts=("1", "2", "3", "4"),
        underlyings=("510050",) * 4,
        scale=np.full(4, 10, dtype=np.int64),
        active=row([1] * 4),
        obliged=row([100 * SECOND] * 4),
        quoted=row(rated),
        compliant=row([value * SECOND for value in compliant]),
        rated=row(rated),
        opening=row([1, 1, 0, -1]),
        closing=row([1, 1, 1, 0]),
        auctions=row([1, 2, 0, 0]),
        joined=row([1, 1, 0, 0]),
        inquiries=row([0] * 4),
        answered=row([0] * 4),
        volume=row([5, 6, 7, 8]),
        term_start=starts.astype(np.int64),
        term_key=np.full(int(starts[-1]), 1_000, dtype=np.int64),
        term_sum=(ratios[rated > 0] * SECOND).astype(np.int64),
        breaks=np.array([[0, 0, 0, 1], [0, 1, 0, 0], [0, 1, 1, 1]], dtype=np.int64),
    )


def the_class(one: Scale, figures: Figures | None = None, designated=frozenset()) -> ClassDay:
    own = figures or four_contracts()
    (row,) = class_days(own, one, contract_days(own), designated)
    return row


def test_the_worked_product_day() -> None:
    """R(u, d) = .75 and P(u, d) = .6625; a NaN contract is skipped, an uncovered one is not."""
    row = the_class(SCALE)
    assert (row.spread_ratio, row.participation) == (Fraction(3, 4), Fraction("0.6625"))
    assert (row.covered, row.coverage) == (3, Fraction(3, 4))
    assert (row.volatility_auctions, row.volatility_joined) == (3, 2)


@pytest.mark.parametrize(
    ("choice", "field", "value"),
    [
        ({"nan": 1}, "spread_ratio", None),
        ({"nan": 2}, "spread_ratio", Fraction("0.8125")),
        ({"covered_only": 1}, "participation", Fraction("2.65") / 3),
        ({"cover": 1}, "covered", 3),
        ({"cover": 2}, "coverage", Fraction("0.6625")),
        ({"cover": 2}, "covered", 2),
        ({"by_time": 1}, "volatility_auctions", 2),
        ({"by_time": 1}, "volatility_joined", 1),
    ],
)
def test_class_readings(choice: dict[str, int], field: str, value: object) -> None:
    """A05, A06, A08, A12 on the worked product day."""
    assert getattr(the_class(scale(**choice)), field) == value


def test_cover_by_any_quote() -> None:
    """A08: a minute of a compliant quote covers a contract that 80 % of the time does not."""
    figures = four_contracts(compliant=(95, 88, 1, 0))
    assert the_class(SCALE, figures).covered == 2
    assert the_class(scale(cover=1), figures).covered == 3


def test_covered_only_without_a_covered_contract() -> None:
    """A06: nothing covered is a participation of 0, not a day without duty."""
    row = the_class(scale(covered_only=1), four_contracts(compliant=(10, 0, 0, 0)))
    assert row.participation == 0


@pytest.mark.parametrize(("joined", "of", "ceil", "rounded"), [(35, 71, 0, 0), (33, 66, 1, 1)])
def test_a_half_is_a_half(joined: int, of: int, ceil: int, rounded: int) -> None:
    """A09: 35.5 rounds half up to 36, so 35 of 71 fail either way."""
    flags = [1] * joined + [0] * (of - joined)
    assert effective(flags, (1, 2)) == ceil
    assert effective(flags, (1, 2), 1) == rounded


def test_rounding_the_wanted_number() -> None:
    """A09: 80 % of 42 is 33.6 (34 up or rounded), of 43 is 34.4 (35 up, 34 rounded)."""
    for joined, of, ceil, rounded in ((33, 42, 0, 0), (34, 42, 1, 1), (34, 43, 0, 1)):
        flags = [1] * joined + [0] * (of - joined)
        assert (effective(flags, (4, 5)), effective(flags, (4, 5), 1)) == (ceil, rounded)


@pytest.mark.parametrize(
    ("choice", "volatility", "weighted"),
    [
        ({}, Fraction(1), "0.874571"),
        ({"no_breaker": 1}, None, "0.860635"),
        ({"no_breaker": 2}, Fraction(0), "0.774571"),
    ],
)
def test_no_breaker(choice: dict[str, int], volatility: Fraction | None, weighted: str) -> None:
    """A11: the worked month without a breaker: B = 1, weighed without it, B = 0."""
    found = continuous(scale(**choice), worked_month(21, 0, 0, 20))
    assert found is not None
    assert found.volatility == volatility
    assert ratio_text(found.weighted, 6) == weighted


def test_daily_ladder() -> None:
    """A13: a day at 95 % of its contracts counts .9 of itself, the other days stay whole."""
    days = [a_day(1, "0.9", closing_share=Fraction(1))]
    days.append(a_day(2, "0.8", closing=0, closing_share=Fraction(95, 100)))
    daily = continuous(scale(daily_ladder=1), days)
    period = continuous(SCALE, days)
    assert daily is not None and period is not None
    assert (daily.combined, daily.closing) == (Fraction("0.81"), Fraction("0.975"))
    assert (period.combined, period.closing) == (0, Fraction(1, 2))


def test_a_day_under_the_floor_is_left_out() -> None:
    """A15: 25 % counts 0, or the day does not count; nothing left is 0."""
    days = [a_day(1, "0.9"), a_day(2, "0.25")]
    for choice, both in ((0, Fraction("0.45")), (1, Fraction("0.9"))):
        found = continuous(scale(skip_low=choice), days)
        assert found is not None and found.combined == both
    alone = continuous(scale(skip_low=1), days[1:])
    assert alone is not None and alone.combined == 0


def test_days_without_a_ratio() -> None:
    """A05 over days: skipped, failing the period, or as 100 %."""
    days = [a_day(1, "0.9"), a_day(2, "0.9", spread_ratio=None)]
    for choice, ratio in ((0, Fraction(1, 2)), (1, None), (2, Fraction(3, 4))):
        found = continuous(scale(nan=choice), days)
        assert found is not None and found.spread_ratio == ratio


def test_days_without_obliged_time_as_zero() -> None:
    """A36: such a day counts 0 in C, O and S."""
    days = [a_day(1, "0.9"), a_day(2, None, opening=None, closing=None, spread_ratio=None)]
    found = continuous(scale(empty_zero=1), days)
    assert found is not None
    assert (found.opening, found.closing, found.combined) == (Fraction(1, 2), Fraction(1, 2), 0)


def test_volume_against_the_others() -> None:
    """A16: 130k, 100k, 40k, 90k: against all the mean is 90k, against the others it is not."""
    volumes = [130_000, 100_000, 40_000, 90_000]
    assert volume_ratio(SCALE, 130_000, volumes) == Fraction(130, 90)
    assert volume_ratio(scale(others=1), 130_000, volumes) == Fraction(130 * 3, 230)
    assert volume_ratio(scale(others=1), 90_000, [90_000]) is None


@pytest.mark.parametrize(("missed", "grade"), [(0, "B"), (1, "A"), (2, "D")])
def test_missed_answers(missed: int, grade: str) -> None:
    """A20: one down, nothing, or D."""
    found, reasons = primary_grade(
        scale(missed=missed), "A", Fraction(1), Fraction(6, 10), Adjustments()
    )
    assert found == grade
    assert reasons == (() if missed == 1 else ("RFQ_DOWN",))


def test_letters_before_volume() -> None:
    """A26: C with much volume and a letter: up then down is C, down then up stays D."""
    change = Adjustments(letters=1)
    assert primary_grade(SCALE, "C", Fraction(2), None, change) == ("C", ("VOL_UP", "LETTER_1"))
    first = primary_grade(scale(letters_first=1), "C", Fraction(2), None, change)
    assert first == ("D", ("LETTER_1",))
    penalty = Adjustments(letters=1, penalty=True)
    last = primary_grade(scale(letters_first=1), "A", Fraction(2), None, penalty)
    assert last == ("D", ("LETTER_1", "VOL_UP", "PENALTY_D"))


def test_designated_contracts_are_floated() -> None:
    """Chapter 5 二(三): factors .8 and 1.2 on contract 3, not on its coverage."""
    one = msgspec.structs.replace(SCALE, designated=((8, 10), (12, 10)))
    row = the_class(one, designated=frozenset({("M", "3")}))
    assert row.spread_ratio == (Fraction("0.6") + Fraction("0.75") + Fraction("0.72")) / 3
    assert row.participation == (Fraction("0.95") + Fraction("0.88") + Fraction("0.984")) / 4
    assert row.covered == 3
    capped = msgspec.structs.replace(SCALE, designated=((1, 1), (2, 1)))
    most = the_class(capped, designated=frozenset({("M", "3")}))
    assert most.participation == (Fraction("0.95") + Fraction("0.88") + 1) / 4


def test_readings_reach_the_period() -> None:
    """The grade of a period follows the chosen readings (Q-08)."""
    days = [("primary", day) for day in worked_month(21, 0, 0, 20)]
    grades = {
        choice: rate_period(1, 2, days, scale(no_breaker=choice), {})[0].weighted_participation
        for choice in range(3)
    }
    assert grades[0] > grades[1] > grades[2]


def test_contract_rows_stay_their_own() -> None:
    """What the class means do with a NaN is not done to the contract's row."""
    rows = contract_days(four_contracts())
    assert [row.spread_ratio for row in rows][3] is None
    assert isinstance(rows[0], ContractDay)
