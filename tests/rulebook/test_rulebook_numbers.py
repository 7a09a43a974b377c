"""The exchange's numbers against the worked cases of rules.md (Q-01, Q-02, Q-08, T-01)."""

from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest

from quanheng.edge.rulebook_files import read_rows, read_rulebook
from quanheng.rulebook import (
    breaker,
    calendar,
    fees,
    margin,
    order_sizes,
    phases,
    position_limits,
    price_limits,
    quote_size,
    spread,
)
from quanheng.terms.codes import Effect, Phase, Side
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.units import SECOND

BOOK = read_rulebook(20240627)
CAL = BOOK.calendar


@pytest.mark.parametrize(
    ("bid", "near_ask", "far_ask"),
    [
        # rules.md 10.1-1: bid, widest ask near, widest ask far
        (1, 26, 26),
        (125, 150, 150),
        (126, 151, 151),
        (249, 274, 298),
        (250, 275, 300),
        (251, 276, 301),
        (333, 366, 399),
        (500, 550, 600),
        (4630, 5093, 5556),
    ],
)
def test_widest_ask(bid: int, near_ask: int, far_ask: int) -> None:
    """Q-01: the widest ask of the worked table, one tick more does not comply."""
    for rank, ask in ((1, near_ask), (2, near_ask), (3, far_ask), (4, far_ask)):
        assert spread.widest_ask(BOOK, bid, rank) == ask
        assert spread.complies(BOOK, bid, ask, rank)
        assert not spread.complies(BOOK, bid, ask + 1, rank)
    assert not spread.complies(BOOK, bid, bid, 1)


def test_a_bid_of_nothing_is_no_quote() -> None:
    """Q-01: a quote is two-sided; the floor alone does not make one out of an ask."""
    assert not spread.complies(BOOK, 0, 25, 1)
    assert spread.complies(BOOK, 1, 25, 1)


@pytest.mark.parametrize("rank", [-1, 0, 5])
def test_a_rank_outside_the_month_set_is_an_error(rank: int) -> None:
    """Q-01: rank 0 must not pass as the last band by counting from the end."""
    for call in (spread.band, lambda book, rank: spread.complies(book, 1, 2, rank)):
        with pytest.raises(ValueError, match=f"rank {rank} is not 1 to 4"):
            call(BOOK, rank)


def test_cap_is_exact() -> None:
    """Q-01: A(0.0333) = 0.00333 yuan, never rounded to a tick."""
    assert spread.cap(BOOK, 333, 1) == (333, 10)
    assert spread.cap(BOOK, 100, 1) == (250, 10)


def test_quote_size_by_phase() -> None:
    """Q-02: 10 contracts in continuous trading, 1 in a call auction, none elsewhere."""
    sizes = {phase: quote_size.minimum(BOOK, phase) for phase in Phase}
    assert sizes[Phase.CONTINUOUS] == 10
    assert sizes[Phase.OPENING] == sizes[Phase.INTRADAY] == sizes[Phase.CLOSING] == 1
    assert sizes[Phase.BREAK] == sizes[Phase.HALT] == sizes[Phase.CLOSED] == 0


@pytest.mark.parametrize(
    ("underlying", "kind", "strike", "settle", "close", "up", "down"),
    [
        # rules.md 2.4; the first two are exchange records, to the last digit
        ("510050", "C", 25000, 4630, 29630, 7593, 1667),
        ("510050", "C", 25500, 4130, 29630, 7093, 1167),
        ("510050", "C", 33000, 21, 29630, 2647, 1),
        ("510050", "C", 60000, 1, 29630, 149, 1),
        ("510050", "P", 27500, 35, 29630, 2572, 1),
        ("510050", "P", 33000, 3350, 29630, 6313, 387),
        ("588000", "C", 10000, 700, 10500, 2800, 1),
    ],
)
def test_price_limits(
    underlying: str, kind: str, strike: int, settle: int, close: int, up: int, down: int
) -> None:
    """T-01: the day's limits of the worked table; the lowest step on the last trading day."""
    arguments = (BOOK, underlying, kind, strike, settle, close, 1)
    assert price_limits.limits(*arguments, False) == (up, down)
    assert price_limits.limits(*arguments, True) == (up, 1)


@pytest.mark.parametrize(
    ("reference", "up_at", "down_at", "up_at_2015"),
    [
        # rules.md 2.5; 0: no price can trigger
        (8, 18, 0, 13),
        (15, 25, 5, 23),
        (20, 30, 10, 30),
        (21, 32, 10, 32),
        (100, 150, 50, 150),
        (4630, 6945, 2315, 6945),
    ],
)
def test_breaker(reference: int, up_at: int, down_at: int, up_at_2015: int) -> None:
    """T-01: where the breaker triggers, with ten ticks now and five at the launch (Q-08)."""
    low, high = breaker.band(BOOK, reference)
    assert high == up_at - 1
    assert low == max(1, down_at + 1)
    assert breaker.triggered(BOOK, up_at, reference)
    assert not breaker.triggered(BOOK, up_at - 1, reference)
    if down_at:
        assert breaker.triggered(BOOK, down_at, reference)
        assert not breaker.triggered(BOOK, down_at + 1, reference)
    assert breaker.band(read_rulebook(20150601), reference)[1] == up_at_2015 - 1


@pytest.mark.parametrize(
    ("underlying_type", "kind", "strike", "settle", "close", "unit", "yuan"),
    [
        # rules.md 3.1; the first two are the records' MarginUnit
        ("EBS", "C", 25000, 4630, 29630, 10000, "8185.60"),
        ("EBS", "C", 25500, 4130, 29630, 10000, "7685.60"),
        ("EBS", "C", 30000, 500, 29630, 10000, "3685.60"),
        ("EBS", "P", 30000, 850, 29630, 10000, "4405.60"),
        ("EBS", "P", 29000, 28500, 100, 10000, "29000.00"),
        ("ASH", "C", 625000, 21000, 600000, 1000, "12200.00"),
    ],
)
def test_opening_margin(
    underlying_type: str, kind: str, strike: int, settle: int, close: int, unit: int, yuan: str
) -> None:
    """I-32: opening margin of the worked cases, to the fen."""
    money = margin.opening(BOOK, underlying_type, kind, strike, settle, close, unit)
    assert money == int(yuan.replace(".", "")) * 100


@pytest.mark.parametrize("call", [margin.opening, margin.maintenance])
def test_margin_of_what_is_unknown_is_an_error(call: Callable[..., int]) -> None:
    """I-32: another underlying type is not a stock, another kind not a put."""
    with pytest.raises(ValueError, match="FUT"):
        call(BOOK, "FUT", "C", 25000, 4630, 29630, 10000)
    with pytest.raises(ValueError, match="'c'"):
        call(BOOK, "EBS", "c", 25000, 4630, 29630, 10000)
    with pytest.raises(ValueError, match="'c'"):
        price_limits.limits(BOOK, "510050", "c", 25000, 4630, 29630, 1, False)


def test_stock_maintenance_margin() -> None:
    """I-32: 19 % instead of 21 % for a stock option's maintenance."""
    assert margin.maintenance(BOOK, "ASH", "C", 625000, 21000, 600000, 1000) == 11_000 * 10_000


@pytest.mark.parametrize(
    ("role", "side", "effect", "handling", "settlement"),
    [
        # rules.md 6: ten contracts, yuan x 10
        ("taker", Side.BUY, Effect.OPEN, 130, 30),
        ("provider", Side.BUY, Effect.OPEN, 0, 30),
        ("auction", Side.SELL, Effect.CLOSE, 0, 30),
        ("ordinary", Side.SELL, Effect.CLOSE, 130, 30),
        ("ordinary", Side.SELL, Effect.OPEN, 0, 0),
    ],
)
def test_fees(role: str, side: Side, effect: Effect, handling: int, settlement: int) -> None:
    """E-11: providers and auctions free, sell-open waived, everybody else pays."""
    assert fees.handling(BOOK, side, effect, False, role, 10) == handling * 1_000
    assert fees.settlement(BOOK, side, effect, False, role, 10) == settlement * 1_000


def test_the_two_waivers_are_separate() -> None:
    """E-11: rules.md 6: a sell-open of 10 pays 3.00 when only the settlement waiver is off."""
    for key in ("sell_open_waived", "settlement_sell_open_waived"):
        rates = msgspec.structs.replace(BOOK.rates, **{key: False})
        book = msgspec.structs.replace(BOOK, rates=rates)
        paid = [
            call(book, Side.SELL, Effect.OPEN, False, "ordinary", 10)
            for call in (fees.handling, fees.settlement)
        ]
        assert paid == ([130_000, 0] if key == "sell_open_waived" else [0, 30_000])


def test_an_unknown_role_is_an_error() -> None:
    """E-11: a role that is not in the list is named."""
    with pytest.raises(ValueError, match="referee"):
        fees.handling(BOOK, Side.BUY, Effect.OPEN, False, "referee", 1)


def test_order_sizes_by_day() -> None:
    """Q-08: 10/5 at the launch, 30/10 from 2018-01-02, 50/10 from 2019-12-23."""
    days = (20150209, 20171229, 20180102, 20191220, 20191223, 20240627)
    sizes = [order_sizes.limits(read_rulebook(day))[:2] for day in days]
    assert sizes == [(10, 5), (10, 5), (30, 10), (30, 10), (50, 10), (50, 10)]


def test_position_limits_by_day() -> None:
    """Q-08: 20/50/100 at the launch; from 2016-08-08 the daily limit is 2 x total on buy-opens only
    (rules.md section 0); 5000/10000/10000 from 2019-12-23.
    """
    days = (20150209, 20160805, 20160808, 20191220, 20191223)
    found = [position_limits.limits(read_rulebook(day), "510050") for day in days]
    assert [(row.long, row.total, row.daily_buy_open) for row in found] == [
        *[(20, 50, 100)] * 4,
        (5000, 10000, 10000),
    ]
    assert [row.daily_counts_sales for row in found] == [True, True, False, False, False]
    assert all(row.daily_buy_open == min(2 * row.total, 10_000) for row in found[2:])
    since = {day: read_rows(day)["position.daily_buy_open"].since for day in (20160805, 20160808)}
    assert since == {20160805: 20150209, 20160808: 20160808}


def test_loss_of_status() -> None:
    """E-09: caps of the year and the counts of chapter 9 (rules.md 10.4, 10.6)."""
    rating = BOOK.rating
    assert (rating.primary_year_cap, rating.general_year_cap) == ("A", "B")
    assert (rating.cancel_failed, rating.cancel_window) == (2, 6)
    assert (rating.cancel_without_a, rating.cancel_designated) == (6, 6)
    assert (rating.cancel_share, rating.cancel_spared) == ((1, 5), "A")
    assert (rating.cancel_alerts, rating.ban_months, rating.resign_notice) == ((4, 5), 12, 15)


def test_timetable_covers_the_day() -> None:
    """Q-03: the spans follow without a gap and hold 14,220 s of continuous trading."""
    spans = phases.timetable(BOOK)
    assert spans[0].start == from_clock("09:15")
    assert spans[-1].stop == from_clock("15:00")
    assert all(a.stop == b.start for a, b in pairwise(spans))
    assert phases.session_nanos(BOOK) == 14_220 * SECOND
    left = {
        "09:20": 14_220,
        "10:30": 10_620,
        "12:00": 7_020,
        "14:00": 3_420,
        "14:57": 0,
        "15:10": 0,
    }
    for clock, seconds in left.items():
        assert phases.continuous_left(BOOK, from_clock(clock)) == seconds * SECOND, clock
    opening = phases.span_at(BOOK, from_clock("09:21"))
    assert opening is not None
    assert opening.phase == Phase.OPENING
    assert opening.no_cancel_from == from_clock("09:20")
    assert phases.span_at(BOOK, from_clock("15:00")) is None


def test_variance_time() -> None:
    """R-05: rules.md 8.1: at 10:30 with 20 full days after today, (20 + 180/240) days are left."""
    last_day = calendar.next_trading(CAL, 20240627, 20)
    at = midnight(20240627) + from_clock("10:30")
    assert phases.variance_left(BOOK, last_day, at) == (20, 180 * 60 * SECOND)
    assert phases.variance_left(BOOK, 20240627, midnight(20240627) + from_clock("15:00")) == (0, 0)
    assert phases.variance_left(BOOK, 20240626, at) == (0, 0)
    assert phases.discount_days(20240724, at) == 27
