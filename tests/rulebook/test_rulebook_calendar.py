"""The trading calendar against two libraries, and what hangs on it (rules.md 1.4)."""

import datetime

import chinese_calendar
import exchange_calendars
import msgspec
import pytest

from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook import calendar, spread
from quanheng.rulebook.calendar import CalendarError
from quanheng.terms.days import day_number, from_day_number

CAL = read_rulebook(20240627).calendar
EXCHANGE_ONLY = {20240209}
"""Closed by the exchange although an ordinary working day."""


def _number(day: datetime.date) -> int:
    return int(day.strftime("%Y%m%d"))


@pytest.mark.filterwarnings("ignore::Warning:pandas")
@pytest.mark.filterwarnings("ignore:Series.values")
def test_every_day_agrees_with_two_libraries() -> None:
    """T-01: 2015 to 2026 equal exchange_calendars day by day, and chinesecalendar but one day."""
    xshg = exchange_calendars.get_calendar("XSHG", start="2015-01-01", end="2026-12-31")
    sessions = {stamp.date() for stamp in xshg.sessions}
    day = datetime.date(2015, 1, 1)
    while day <= datetime.date(2026, 12, 31):
        ours = calendar.is_trading(CAL, _number(day))
        assert ours == (day in sessions), day
        working = day.weekday() < 5 and not chinese_calendar.is_holiday(day)
        assert ours == working or _number(day) in EXCHANGE_ONLY, day
        day += datetime.timedelta(days=1)


def test_2027_is_provisional() -> None:
    """L-05: days the exchange has not announced are marked."""
    assert CAL.provisional_from == 20270101
    assert CAL.last == 20271231
    assert not calendar.is_trading(CAL, 20270101)
    with pytest.raises(CalendarError, match="20280103"):
        calendar.is_trading(CAL, 20280103)


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [
        # rules.md 1.4, DOC[27..30]: the fourth Wednesday, rolled over a holiday
        (2023, 1, 20230130),
        (2019, 4, 20190424),
        (2020, 9, 20200923),
        (2022, 1, 20220126),
        (2022, 5, 20220525),
        (2024, 6, 20240626),
    ],
)
def test_expiry_days(year: int, month: int, day: int) -> None:
    """T-01: known expiry days."""
    assert calendar.expiry_day(CAL, year, month) == day


@pytest.mark.parametrize(
    ("day", "months"),
    [
        (20190402, (201904, 201905, 201906, 201909)),
        (20230605, (202306, 202307, 202309, 202312)),
        (20251103, (202511, 202512, 202603, 202606)),
        (20260105, (202601, 202602, 202603, 202606)),
        (20260203, (202602, 202603, 202606, 202609)),
        (20240626, (202406, 202407, 202409, 202412)),
        (20240627, (202407, 202408, 202409, 202412)),
    ],
)
def test_month_set(day: int, months: tuple[int, ...]) -> None:
    """Q-01: the four listed months; the set rolls on the day after the expiry (A32)."""
    assert calendar.expiry_months(CAL, day) == months


def test_ranks_come_from_the_month_set() -> None:
    """Q-01: on 2024-06-27 July is 1, September 3, December 4, though no August is listed."""
    last_days = (20240724, 20240925, 20241225)
    ranks = [calendar.expiry_rank(CAL, last_day, 20240627) for last_day in last_days]
    assert ranks == [1, 3, 4]
    assert calendar.expiry_rank(CAL, 20230130, 20230103) == 1
    with pytest.raises(CalendarError, match="20240626"):
        calendar.expiry_rank(CAL, 20240626, 20240627)


def test_ranks_by_calendar_month() -> None:
    """A32: from 27 June on July is the current month's set by rank, but the next month still."""
    last_days = (20240724, 20240828, 20240925, 20241225)
    for day, ranks in ((20240627, [2, 3, 4, 4]), (20240701, [1, 2, 3, 4])):
        found = [calendar.expiry_rank(CAL, last, day, by_month=True) for last in last_days]
        assert found == ranks
        assert [calendar.expiry_rank(CAL, last, day) for last in last_days] == [1, 2, 3, 4]
    book = read_rulebook(20240627)
    chosen = msgspec.structs.replace(book, readings={**book.readings, "A32": spread.BY_MONTH})
    assert (spread.rank_on(book, 20240828, 20240627)) == 2
    assert (spread.rank_on(chosen, 20240828, 20240627)) == 3


def test_counting_days() -> None:
    """L-05: next, previous and between agree over a long holiday."""
    assert calendar.next_trading(CAL, 20240930) == 20241008
    assert calendar.previous_trading(CAL, 20241008) == 20240930
    assert calendar.next_trading(CAL, 20240927, 3) == 20241009
    assert calendar.trading_days_between(CAL, 20240927, 20241009) == 3
    assert calendar.trading_days_between(CAL, 20241009, 20240927) == 0


def test_trading_days_between_counts_day_by_day():
    """Over every start of a year and spans up to 40 days, and what lies outside is named."""
    first = day_number(20240101)
    for begin in range(first, first + 366):
        count = 0
        for ahead in range(1, 41):
            after, upto = from_day_number(begin), from_day_number(begin + ahead)
            count += calendar.is_trading(CAL, upto)
            assert calendar.trading_days_between(CAL, after, upto) == count
    for after, upto, named in (
        (from_day_number(day_number(CAL.first) - 3), CAL.last, day_number(CAL.first) - 2),
        (CAL.first, from_day_number(day_number(CAL.last) + 9), day_number(CAL.last) + 1),
    ):
        with pytest.raises(CalendarError, match=str(from_day_number(named))):
            calendar.trading_days_between(CAL, after, upto)
