"""Worked examples of rules.md 10.1 to 10.3: quotes, time base, auctions, inquiries."""

from fractions import Fraction

import pytest
from duty_streams import DAY, END, FAR, NEAR, TERMS, History, a_subject, at

from quanheng.duties.conditions import subject
from quanheng.duties.exact import ratio_text
from quanheng.duties.figures import differences, participation, spread_ratio
from quanheng.duties.measure import figures as figures_of
from quanheng.duties.measure import on_exempt, on_phase, open_lanes
from quanheng.terms.codes import Phase
from quanheng.terms.units import SECOND

# rules.md 10.1-1: bid, widest ask near, widest ask far (ticks)
WIDEST = [
    (1, 26, 26),
    (125, 150, 150),
    (126, 151, 151),
    (249, 274, 298),
    (250, 275, 300),
    (251, 276, 301),
    (333, 366, 399),
    (500, 550, 600),
    (4_630, 5_093, 5_556),
]


def measured(history: History):
    """Figures both ways, which must agree."""
    batch = history.batch()
    assert differences(history.incremental(), batch) == []
    return batch


@pytest.mark.parametrize(("bid", "near", "far"), WIDEST)
def test_widest_ask_measured(bid: int, near: int, far: int) -> None:
    """The widest compliant ask is that of the table, one tick more is not (Q-01, Q-03)."""
    for band, widest in ((NEAR, near), (FAR, far)):
        for ask, share in ((widest, 1), (widest + 1, 0)):
            history = History([a_subject(band=band, limit_up=90_000)], ("M",))
            history.normal_day()
            history.quote("09:29:00", bid, 10, ask, 10)
            assert participation(measured(history), 0, 0) == share


def worked_day() -> History:
    """rules.md 10.3: a breaker of 180 s, 600 s at the limit, four kinds of quote."""
    history = History([a_subject()], ("M",))
    history.normal_day()
    history.phase("10:00:00", "V")
    history.phase("10:03:00", "T")
    history.trade("10:10:00", 2_000)
    history.trade("10:20:00", 500)
    history.quote("09:30:00", 500, 10, 530, 10)
    history.quote("13:43:00", 500, 10, 545, 10)
    history.quote("14:13:00", 500, 10, 560, 10)
    history.quote("14:23:00", 500, 10, 530, 9)
    return history


def test_worked_contract_day() -> None:
    """R = 7,740 / 11,400 and P = 10,800 / 13,440 (Q-03, E-01)."""
    figures = measured(worked_day())
    assert figures.obliged[0, 0] == 13_440 * SECOND
    assert figures.quoted[0, 0] == 11_400 * SECOND
    assert spread_ratio(figures, 0, 0) == Fraction(7_740, 11_400)
    assert participation(figures, 0, 0) == Fraction(10_800, 13_440)
    assert ratio_text(spread_ratio(figures, 0, 0)) == "0.678947368421"
    assert ratio_text(participation(figures, 0, 0), 6) == "0.803571"


def test_normal_day_is_14220_seconds() -> None:
    """The time base of an undisturbed day; a maker without a quote has no spread ratio."""
    history = History([a_subject()], ("M",))
    history.normal_day()
    figures = measured(history)
    assert figures.obliged[0, 0] == 14_220 * SECOND
    assert spread_ratio(figures, 0, 0) is None
    assert participation(figures, 0, 0) == 0
    assert (figures.opening[0, 0], figures.closing[0, 0]) == (0, 0)


@pytest.mark.parametrize(
    ("last", "change", "obliged"),
    [
        (9, {}, 0),  # an ETF option below 0.001
        (10, {}, 14_220),
        (49, {"low": 50}, 0),  # a stock option below 0.005
        (50, {"low": 50}, 14_220),
        (2_000, {}, 0),  # at the upper limit
        (300, {"limit_down": 300}, 0),
    ],
)
def test_state_before_the_first_trade(last: int, change: dict[str, int], obliged: int) -> None:
    """Without a trade today the earlier last price decides who is excused (Q-07, A31)."""
    history = History([a_subject(last=last, **change)], ("M",))
    history.normal_day()
    assert measured(history).obliged[0, 0] == obliged * SECOND


def test_low_price_starts_and_ends_with_trades() -> None:
    """Time with the last price below the threshold is outside the base (Q-07, A33)."""
    history = History([a_subject()], ("M",))
    history.normal_day()
    history.trade("10:00:00", 9)
    history.trade("10:05:00", 10)
    history.trade("11:00:00", 10)
    history.trade("11:00:00", 9)  # the last trade of an instant sets the price
    history.trade("13:10:00", 9)
    history.trade("13:10:00", 11)
    assert measured(history).obliged[0, 0] == (14_220 - 300 - 1_800 - 600) * SECOND


def test_exemptions_overlap_and_reach_over_lunch() -> None:
    """Overlapping exemptions count once, only continuous time is lost to them (Q-07)."""
    history = History([a_subject()], ("M", "N"))
    history.normal_day()
    history.exempt("11:20:00", "13:05:00")
    history.exempt("11:25:00", "13:10:00")
    history.exempt("09:00:00", "09:31:00")
    figures = measured(history)
    assert figures.obliged[0, 0] == (14_220 - 600 - 600 - 60) * SECOND
    assert figures.obliged[1, 0] == 14_220 * SECOND


@pytest.mark.parametrize(
    ("since", "until", "joined"),
    [
        ("09:21:00", "09:25:00", 1),  # withdrawn at the uncross: it stood just before
        ("09:21:00", "09:24:59.999", 0),
        ("09:25:00", "09:30:00", 0),  # came with the uncross
        ("09:24:59.999", "09:26:00", 1),
    ],
)
def test_opening_is_judged_just_before_the_uncross(since: str, until: str, joined: int) -> None:
    """One contract on both sides is enough in an auction (Q-02, E-03, A10)."""
    history = History([a_subject()], ("M",))
    history.normal_day()
    history.quote(since, 500, 1, 550, 1)
    history.quote(until, 0, 0, 0, 0)
    assert measured(history).opening[0, 0] == joined


def test_an_auction_of_the_excused_is_not_judged() -> None:
    """Limit state and exemption just before the uncross take the contract out (Q-07, A35)."""
    history = History([a_subject(last=2_000)], ("M",))
    history.normal_day()
    history.trade("09:25:00", 500)  # the uncross itself ends the limit state: too late
    history.exempt("14:50:00", "15:00:00")
    figures = measured(history)
    assert (figures.opening[0, 0], figures.closing[0, 0]) == (-1, -1)


@pytest.mark.parametrize(
    ("phases", "stands", "events", "joined"),
    [
        # a breaker of three minutes
        ((("10:00:00", "V"), ("10:03:00", "T")), ("10:02:59", "10:03:00"), 1, 1),
        ((("10:00:00", "V"), ("10:03:00", "T")), ("10:00:00", "10:02:59"), 1, 0),
        # two of them
        (
            (("10:00:00", "V"), ("10:03:00", "T"), ("10:04:00", "V"), ("10:07:00", "T")),
            ("10:02:00", "10:03:00"),
            2,
            1,
        ),
        # cut by lunch: one event, judged when it ends after lunch
        (
            (("11:28:00", "V"), ("11:30:00", "B"), ("13:00:00", "V"), ("13:01:00", "T")),
            ("13:00:30", "13:01:00"),
            1,
            1,
        ),
        # not finished at 14:57: judged at the turn into the closing auction
        ((("14:56:00", "V"), ("14:57:00", "U")), ("14:56:30", "14:57:00"), 1, 1),
    ],
)
def test_intraday_auctions(
    phases: tuple[tuple[str, str], ...], stands: tuple[str, str], events: int, joined: int
) -> None:
    """Each interval of phase V is one auction, judged at its end (E-03, duty_dataset.md 6)."""
    history = History([a_subject()], ("M",))
    history.normal_day()
    for clock, letter in phases:
        history.phase(clock, letter)
    history.quote(stands[0], 500, 1, 520, 1)
    history.quote(stands[1], 0, 0, 0, 0)
    figures = measured(history)
    assert (figures.auctions[0, 0], figures.joined[0, 0]) == (events, joined)


def test_size_counts_by_phase() -> None:
    """Five contracts join an auction but are no quote in continuous trading (Q-02)."""
    history = History([a_subject()], ("M",))
    history.normal_day()
    history.quote("09:20:00", 500, 5, 520, 5)
    history.quote("14:56:00", 500, 10, 520, 10)
    history.quote("14:57:00", 500, 1, 520, 1)
    figures = measured(history)
    assert (figures.opening[0, 0], figures.closing[0, 0]) == (1, 1)
    assert figures.quoted[0, 0] == 60 * SECOND


# asked at 10:00:00: quote stands [since, until), trade of the maker, counts, answered
INQUIRIES = [
    ("09:50:00", "10:00:15", None, 1),  # it rests and stays 15 s (A19)
    ("09:50:00", "10:00:14.999", None, 0),
    ("10:00:15", "10:00:30", None, 1),  # the last moment to answer
    ("10:00:15.001", "10:10:00", None, 0),
    ("10:00:05", "10:00:19", None, 0),
    ("10:00:05", "10:00:19", "10:00:19", 1),  # traded away: held as long as it could be
    ("10:00:05", "10:00:19", "10:00:18", 0),
    ("09:50:00", "10:00:00", "10:00:00", 0),  # gone at the very instant of the inquiry
]


@pytest.mark.parametrize(("since", "until", "trade", "good"), INQUIRIES)
def test_inquiries(since: str, until: str, trade: str | None, good: int) -> None:
    """Answered within 15 s and held 15 s (Q-06, E-04)."""
    history = History([a_subject()], ("M",))
    history.normal_day()
    history.quote(since, 500, 10, 520, 10)
    history.quote(until, 500, 4, 520, 10)
    if trade:
        history.trade(trade, 500, 6, buyer=0)
    history.inquiry("10:00:00")
    figures = measured(history)
    assert (figures.inquiries[0, 0], figures.answered[0, 0]) == (1, good)


@pytest.mark.parametrize(
    ("clock", "quoted", "counts"),
    [
        ("09:20:00", True, 0),  # in an auction (A34)
        ("11:29:45", True, 1),  # the hold fits before lunch
        ("11:29:50", True, 0),  # it does not, and nobody is blamed
        ("11:29:50", False, 0),
        ("11:29:30", False, 1),
    ],
)
def test_inquiries_near_the_end_of_a_phase(clock: str, quoted: bool, counts: int) -> None:
    """Unanswered inquiries whose 30 s run over the end of the phase do not count (Q-06)."""
    history = History([a_subject()], ("M",))
    history.normal_day()
    if quoted:
        history.quote("09:16:00", 500, 10, 520, 10)
    history.inquiry(clock)
    figures = measured(history)
    assert figures.inquiries[0, 0] == counts
    assert figures.answered[0, 0] == (counts if quoted else 0)


def test_volume_counts_both_sides() -> None:
    """Bought + sold in every phase (A17)."""
    history = History([a_subject()], ("M", "N"))
    history.normal_day()
    history.trade("09:25:00", 500, 3, buyer=0, seller=1)
    history.trade("10:00:00", 500, 4, seller=0)
    assert measured(history).volume[:, 0].tolist() == [7, 3]


@pytest.mark.parametrize(
    ("calls", "exempt"),
    [
        # (event time, since, until): until "" while it lasts
        ([("10:00:00", "10:00:00", ""), ("10:10:00", "10:00:00", "10:20:00")], 1_200),
        ([("10:00:00", "10:00:00", ""), ("10:30:00", "10:00:00", "10:20:00")], 1_800),
        ([("10:10:00", "10:00:00", "10:20:00")], 600),  # recorded late: from then on
        ([("10:10:00", "10:00:00", "10:05:00")], 0),  # too late to matter here
        ([("10:00:00", "10:30:00", "10:31:00")], 60),  # announced ahead
        ([("13:10:00", "13:10:00", "")], 14_220 - 7_800),
    ],
)
def test_exemptions_as_they_are_recorded(calls: list[tuple[str, str, str]], exempt: int) -> None:
    """A meter follows exemptions recorded ahead, late, or without an end yet (Q-07)."""
    meter = open_lanes(DAY, TERMS, [a_subject()], ("M",), [None])
    steps = [("09:30:00", "T"), ("11:30:00", "B"), ("13:00:00", "T"), ("14:57:00", "U")]
    events = [(at(clock), letter) for clock, letter in steps]
    events += [(at(clock), (since, until)) for clock, since, until in calls]
    for time, what in sorted(events, key=lambda event: event[0]):
        on_phase(meter, 0, time, Phase("SCTBVPUE".index(what) if isinstance(what, str) else 2))
        if isinstance(what, tuple):
            on_exempt(meter, 0, 0, at(what[0]), at(what[1]) if what[1] else 0)
    assert figures_of(meter, END).obliged[0, 0] == (14_220 - exempt) * SECOND


def test_prices_above_the_bound_are_refused() -> None:
    """A price whose day integral would not fit an int64 is an error, in quotes and in the book."""
    history = History([a_subject()], ("M",))
    history.normal_day()
    history.quote("09:31:00", 500_000, 10, 500_001, 10)
    with pytest.raises(ValueError, match="500001 ticks are above 500000"):
        history.batch()
    history.quotes.clear()
    history.book("09:31:00", 500_001, 10, 500_002, 10)
    with pytest.raises(ValueError, match="market of 20240627: a price is above"):
        history.batch()


def test_subject_errors_name_the_contract() -> None:
    """An unknown rank or underlying type is refused by name."""
    plain = {
        "contract": "10007437",
        "underlying": "510050",
        "limit_up": 10,
        "limit_down": 1,
        "last_trade": 0,
        "previous_settle": 5,
    }
    with pytest.raises(ValueError, match="10007437: expiry rank 5"):
        subject(TERMS, underlying_type="EBS", rank=5, **plain)
    with pytest.raises(ValueError, match="10007437: underlying type 'XX'"):
        subject(TERMS, underlying_type="XX", rank=1, **plain)
    assert subject(TERMS, underlying_type="EBS", rank=4, **plain).last == 5
