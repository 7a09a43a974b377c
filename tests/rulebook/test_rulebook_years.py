"""Years to expiry (R-05; rules.md 8.1): variance time and calendar time."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.edge.rulebook_files import read_rulebook
from quanheng.kernels.desk import black
from quanheng.rulebook import calendar, phases, years
from quanheng.rulebook.years import TRADING_TIME, VarianceClock
from quanheng.terms.days import add_days, from_clock, midnight
from quanheng.terms.units import DAY, HOUR, MINUTE, SECOND

BOOK = read_rulebook(20240627)
CAL = BOOK.calendar
HEAVY = VarianceClock(243, 120_000, 50_000, 80_000)
MINUTE_OF_YEAR = 1 / (240 * 243)


def at(day: int, clock: str) -> int:
    return midnight(day) + from_clock(clock)


def left(last_day: int, when: int, clock: VarianceClock = TRADING_TIME) -> float:
    return years.variance_years(CAL, clock, last_day, when)


def test_worked_number_of_the_rules() -> None:
    """At 10:30 with 20 full days after today: (20 + 180/240)/243 = 0.085391."""
    last_day = calendar.next_trading(CAL, 20240627, 20)
    when = at(20240627, "10:30")
    assert round(left(last_day, when), 6) == 0.085391
    assert left(last_day, when) == (20 + 180 / 240) / 243
    nanos = years.variance_nanos(CAL, TRADING_TIME, last_day, when)
    days, today = phases.variance_left(BOOK, last_day, when)
    assert nanos == days * phases.SESSION + today
    assert left(last_day, when, VarianceClock(252)) == (20 + 180 / 240) / 252


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2024-06-26 15:00", "2024-06-27 09:30"),  # a night
        ("2024-06-27 11:30", "2024-06-27 13:00"),  # lunch
        ("2024-06-28 15:00", "2024-07-01 09:30"),  # a weekend
        ("2024-09-30 15:00", "2024-10-08 09:30"),  # the National Day holiday
        ("2024-02-08 15:00", "2024-02-19 09:30"),  # Spring Festival
    ],
)
def test_nothing_runs_while_the_market_is_closed(before: str, after: str) -> None:
    """Value and theta of an option do not jump over nights, lunch, weekends and holidays."""
    stop, start = (at(int(t[:10].replace("-", "")), t[11:]) for t in (before, after))
    last_day = 20241225
    inside = (stop + start) // 2
    tau = left(last_day, stop)
    assert tau == left(last_day, inside) == left(last_day, start)
    assert left(last_day, stop - MINUTE) == pytest.approx(tau + MINUTE_OF_YEAR, abs=1e-15)
    assert left(last_day, start + MINUTE) == pytest.approx(tau - MINUTE_OF_YEAR, abs=1e-15)


@pytest.mark.parametrize("clock", [TRADING_TIME, HEAVY])
def test_value_and_theta_are_continuous_at_the_close_and_the_opening(clock: VarianceClock) -> None:
    """A second around 15:00 and 09:30 changes the price by theta times a second at most."""
    last_day = 20240724
    for when in (at(20240628, "15:00"), at(20240701, "09:30"), at(20240701, "11:30")):
        values = []
        for step in (-SECOND, 0, SECOND):
            tau = left(last_day, when + step, clock)
            out = black.np.empty((black.ROWS, 1))
            one = [black.np.array([v]) for v in (1.0, 2.45, 2.5, 0.2, tau, 0.998)]
            black.price_chain(*one, out)
            values.append((out[black.PRICE, 0], out[black.THETA, 0]))
        for (price, theta), (later, next_theta) in pairwise(values):
            assert 0 <= price - later < 1.01 * abs(theta) / (243 * 14_400)
            assert theta == pytest.approx(next_theta, rel=1e-5)


def test_last_day_ends_at_the_close() -> None:
    """Zero from 15:00 of the last day on, not before, however weights are set."""
    for clock in (TRADING_TIME, HEAVY):
        assert left(20240724, at(20240724, "15:00"), clock) == 0.0
        assert left(20240724, at(20240724, "14:59"), clock) > 0.0
        assert left(20240724, at(20240725, "09:00"), clock) == 0.0
        assert left(20240724, at(20250101, "00:00"), clock) == 0.0
    assert left(20240724, at(20240724, "14:00")) == 0.25 / 243


def test_a_weighted_gap_runs_evenly() -> None:
    """A Friday night of 0.12 + 2 x 0.05 sessions, spread over 66.5 hours; holidays count too."""
    friday, monday = at(20240628, "15:00"), at(20240701, "09:30")
    gone = [
        years.variance_nanos(CAL, HEAVY, 20240724, friday)
        - years.variance_nanos(CAL, HEAVY, 20240724, friday + part * (monday - friday) // 4)
        for part in range(5)
    ]
    assert gone[4] == phases.SESSION * 22 // 100
    assert [Fraction(one, gone[4]) for one in gone] == [Fraction(n, 4) for n in range(5)]
    # 2024-09-30 to 2024-10-08: five closed weekdays and two weekend days.
    before, after = at(20240930, "15:00"), at(20241008, "09:30")
    ran = years.variance_nanos(CAL, HEAVY, 20241023, before) - years.variance_nanos(
        CAL, HEAVY, 20241023, after
    )
    assert ran == phases.SESSION * (120_000 + 2 * 50_000 + 5 * 80_000) // 1_000_000


def test_a_year_is_a_year_under_any_weights() -> None:
    """Real years have about one year of variance time, so a vol keeps its meaning."""
    for clock in (TRADING_TIME, HEAVY, VarianceClock(243, 0, 500_000, 500_000)):
        for year in range(2016, 2026):
            start, stop = at(year * 10_000 + 101, "00:00"), year * 10_000 + 1231
            last = stop if calendar.is_trading(CAL, stop) else calendar.previous_trading(CAL, stop)
            assert left(last, start, clock) == pytest.approx(1.0, abs=0.012)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 400 * 1440), st.integers(0, 3 * 1440), st.integers(0, 100), st.booleans())
def test_time_never_runs_backwards(start: int, step: int, ahead: int, heavy: bool) -> None:
    """Later is never more time, by at most the wall clock; a later expiry is never less."""
    clock = HEAVY if heavy else TRADING_TIME
    last_day = calendar.next_trading(CAL, 20240102, 20 + ahead)
    first = at(20240102, "00:00") + start * MINUTE
    second = first + step * MINUTE
    early, late = (years.variance_nanos(CAL, clock, last_day, when) for when in (first, second))
    assert early >= late >= 0
    assert early - late <= step * MINUTE
    longer = calendar.next_trading(CAL, last_day)
    gap = years.variance_nanos(CAL, clock, longer, first) - early
    assert gap > 0 or first >= at(longer, "15:00")


def test_discount_time_counts_calendar_days() -> None:
    """Whole days over 365 from date to date, or evenly to 15:00 of the last day."""
    assert years.discount_years(20240724, at(20240627, "10:30")) == 27 / 365
    assert years.discount_years(20240724, at(20240627, "00:00")) == 27 / 365
    assert years.discount_years(20240724, at(20240724, "14:00")) == 0.0
    assert years.discount_years(20240724, at(20240801, "14:00"), True) == 0.0
    assert years.discount_years(20240724, at(20240627, "15:00"), True) == 27 / 365
    assert years.discount_years(20240724, at(20240724, "14:00"), True) == HOUR / (365 * DAY)


def test_wrong_clocks_and_days_are_refused() -> None:
    """A negative weight, a year without sessions and days outside the calendar are errors."""
    for clock in (VarianceClock(0), VarianceClock(243, -1), VarianceClock(243, 0, 0, -5)):
        with pytest.raises(ValueError, match="no sessions or a negative weight"):
            years.year_nanos(clock)
    with pytest.raises(calendar.CalendarError):
        left(add_days(CAL.last, 30), at(CAL.last, "10:00"))
