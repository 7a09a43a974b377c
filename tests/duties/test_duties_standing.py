"""Causes and what-ifs of the cockpit under every reading of the rules (rules.md 11)."""

from fractions import Fraction
from random import Random

import pytest
from duty_streams import History, at, random_history, random_options, with_market
from test_duties_live import BOOK, END, a_day, tables_of

from quanheng.duties import intervals as iv
from quanheng.duties import outlook
from quanheng.duties.class_day import class_days, contract_days
from quanheng.duties.cockpit import ClassView, ContractView, pending, view
from quanheng.duties.day import DayTables
from quanheng.duties.figures import arranged, differences
from quanheng.duties.follower import Follower, apply, begin, events_of
from quanheng.duties.measure import figures, on_clock
from quanheng.duties.readings import (
    ABSENT_IS_ONE,
    COMPLIANT_ONLY,
    SIZED,
    TWO_SIDED,
    Options,
)
from quanheng.duties.scale import scale_of
from quanheng.terms.codes import Phase
from quanheng.terms.units import HOUR, SECOND

SCALE = scale_of(BOOK)
NOON = at("13:00:00")


def at_instant(tables: DayTables, until: int, maker: str = "M0") -> Follower:
    """A follower that has seen everything up to an instant, it included."""
    follower, names = begin(tables, maker), (*tables.makers, "")
    for event in events_of(tables, maker):
        if event[0] <= until:
            apply(follower, tables, event, names)
    on_clock(follower.meter, until)
    return follower


def expected_ratio(rows: iv.Intervals, row: int, domain: int) -> Fraction | None:
    """The ratio that an interval counts with, told from rules.md 10.3 and A04 alone."""
    bid, ask = int(rows.bid[row]), int(rows.ask[row])
    least = min(int(rows.bid_qty[row]), int(rows.ask_qty[row]))
    two = bid > 0 and ask > bid and least > 0
    ratio = Fraction(rows.den * (ask - bid), int(rows.key[row])) if two else None
    if domain == TWO_SIDED:
        return ratio
    sized = ratio if two and least >= 10 else None
    if domain == COMPLIANT_ONLY:
        return sized if sized is not None and sized <= 1 else None
    return Fraction(1) if sized is None and domain == ABSENT_IS_ONE else sized


@pytest.mark.parametrize("seed", range(120))
def test_the_present_instant_is_the_interval_it_lies_in(seed: int) -> None:
    """Under any readings the cockpit's cause and ratio of now are those of the finished day's
    interval, and so is whether time counts; figures at the close are the batch measure's.
    """
    random = Random(seed)
    history = random_history(random, random.choice((20, 80)))
    history.options = random_options(random)
    with_market(random, history)
    tables = tables_of(history)
    index = iv.DayIndex(tables)
    last = max(int(t) for t in tables.phase_at)
    for _ in range(4):
        now = random.randint(at("09:30:00"), last)
        shown = view(at_instant(tables, now), now, BOOK, SCALE)
        for row in (one for klass in shown.classes for one in klass.contracts):
            slot = [item.contract for item in history.subjects].index(row.contract)
            rows = iv.cell_intervals(index, 0, slot)
            if not rows.start[0] <= now < rows.stop[-1]:
                continue
            k = int(rows.start.searchsorted(now, side="right")) - 1
            assert row.cause == rows.cause[k], (seed, now)
            if row.phase == Phase.CONTINUOUS:
                assert (row.owes, row.rates) == (rows.cause[k] in iv.OWED, rows.rated[k])
            ratio = expected_ratio(rows, k, history.options.domain)
            assert row.ratio_now == ratio, (seed, now)
    ended = figures(at_instant(tables, END).meter, END)
    whole = history.batch()
    assert differences(ended, arranged(whole, ("M0",), whole.contracts)) == []


def a_morning(random: Random, options: Options) -> History:
    """Three contracts of a normal day that all happens before lunch: quotes of every kind, last
    prices low and at a limit, exemptions and a market's best quotes that last.
    """
    history = a_day(3)
    history.options = options
    for slot in range(3):
        for _ in range(random.randint(1, 12)):
            when = at("09:30:00") + random.randrange(7_200) * SECOND
            bid = random.choice((100, 249, 250, 333, 500, 503))
            ask = bid + random.choice((-1, 1, 24, 26, 33, 34, 51, 60))
            row = (bid, random.choice((0, 5, 10, 30)), ask, random.choice((1, 10, 10, 30)))
            history.quotes[slot, 0, when] = row
            if random.random() < 0.3:
                price = random.choice((500, 9, 2_000, 10))
                history.trades.append((slot, when, price, 1, -1, -1))
            best = random.choice(((480, 10, 520, 10), (2_000, 5, 0, 0), (0, 0, 400, 1)))
            history.market[slot, when] = best
        if random.random() < 0.3:
            history.exemptions.append((0, slot, at("10:00:00"), random.choice((END, NOON))))
    return history


def changed(history: History, tighter: bool) -> History:
    """The same day with every quote one tick tighter from noon on, or away for an hour."""
    for slot in range(len(history.subjects)):
        rows = {when: row for (s, m, when), row in history.quotes.items() if (s, m) == (slot, 0)}
        bid, bid_qty, ask, ask_qty = rows[max(rows)]
        if tighter:
            ask -= ask - bid > 1
            history.quotes[slot, 0, NOON] = (bid, bid_qty, ask, ask_qty)
        else:
            history.quotes[slot, 0, NOON] = (0, 0, 0, 0)
            history.quotes[slot, 0, NOON + HOUR] = (bid, bid_qty, ask, ask_qty)
    return history


def seen(history: History) -> ClassView:
    """The class at noon."""
    return view(at_instant(tables_of(history), NOON), NOON, BOOK, SCALE).classes[0]


READINGS = {
    "default": Options(),
    "A02": Options(floor=1),
    "A04 any two-sided": Options(domain=TWO_SIDED),
    "A04 compliant only": Options(domain=COMPLIANT_ONLY),
    "A04 absent = 1": Options(domain=ABSENT_IS_ONE),
    "A33": Options(wide=1),
    "A01": Options(base=1),
    "A07 and A31": Options(locked=1, mid=1),
    "all": Options(base=1, floor=1, domain=ABSENT_IS_ONE, wide=1, locked=1, mid=1),
}


@pytest.mark.parametrize("name", READINGS)
def test_what_ifs_come_true_under_every_reading(name: str) -> None:
    """A morning of anything, then nothing changes, every quote is a tick tighter, or away for an
    hour: the day at its close is exactly what the cockpit said at noon.
    """
    for seed in range(25):
        history = a_morning(Random(seed), READINGS[name])
        cases = {case.name: case for case in seen(history).what_ifs}
        days = {
            "as_now": history,
            "tighter": changed(a_morning(Random(seed), READINGS[name]), tighter=True),
            "hour_less": changed(a_morning(Random(seed), READINGS[name]), tighter=False),
        }
        for case, day in days.items():
            measured = day.batch()
            rows = class_days(measured, SCALE, contract_days(measured, "M0"))
            found, said = rows[0], cases[case]
            assert found.participation == said.participation, (seed, case)
            assert found.spread_ratio == said.spread_ratio, (seed, case)


def one_row(options: Options, *row: int, price: int = 0) -> ContractView:
    """A contract whose quote is `row` at noon, after a last price if one is given."""
    history = a_day(1)
    history.options = options
    history.quote("10:00:00", *row)
    if price:
        history.trade("10:00:00", price)
    return seen(history).contracts[0]


def test_examples_of_the_readings() -> None:
    """A02, A04 and A33 by hand: where each differs from the default, and how."""
    # Bid 333 allows 33.3 ticks, 33 after the cut: a spread of 33 has the ratio 1, not 330/333.
    tight = (333, 10, 366, 10)
    assert one_row(Options(), *tight).ratio_now == Fraction(330, 333)
    assert one_row(Options(floor=1), *tight).ratio_now == 1
    # Ratio 1.2: time that the default counts and "compliant only" leaves out.
    wide = (500, 10, 560, 10)
    assert one_row(Options(domain=SIZED), *wide).ratio_now == Fraction(6, 5)
    assert one_row(Options(domain=COMPLIANT_ONLY), *wide).ratio_now is None
    # Nine contracts: no ratio, that of the two sides, 1.
    small = (500, 9, 530, 10)
    found = [one_row(Options(domain=one), *small).ratio_now for one in range(4)]
    assert found == [None, Fraction(3, 5), None, 1]
    # A low price: nothing owed, or the participation goes on while the ratio's time stands still.
    low = [one_row(Options(wide=one), 0, 0, 9, 10, price=9) for one in (0, 1)]
    assert [row.cause for row in low] == [iv.Cause.LOW, iv.Cause.ONE_SIDED]
    assert [row.owes for row in low] == [False, True] and not any(row.rates for row in low)
    assert low[0].best == 1 and low[1].best == Fraction(1_800 + 7_020, 14_220)


def test_a_quote_that_does_not_comply_answers_no_inquiry() -> None:
    """E-04: after an inquiry a quote too wide or too small is sent: it stays open; one that
    complies holds; by A19 one that rested already must be sent anew.
    """
    states = {}
    for name, row, fresh in (
        ("wide", (500, 10, 560, 10), 0),
        ("small", (500, 9, 530, 10), 0),
        ("good", (500, 10, 530, 10), 0),
        ("resting", None, 0),
        ("resting, A19", None, 1),
        ("sent anew, A19", (500, 10, 530, 10), 1),
    ):
        history = a_day(1)
        history.options = Options(fresh=fresh)
        if row is not None and not fresh:
            history.quote("10:00:00", 0, 0, 0, 0)
        history.inquiry("10:10:00")
        if row is not None:
            history.quote("10:10:05", *row)
        now = at("10:10:06")
        states[name] = [one.state for one in pending(at_instant(tables_of(history), now), [0], now)]
    assert states["wide"] == states["small"] == states["resting, A19"] == ["open"]
    assert states["good"] == states["resting"] == states["sent anew, A19"] == ["holding"]


def test_auctions_ahead_follow_their_readings() -> None:
    """A14: a contract at its limit that nobody quotes is no part of the closing's 100 %, or it is
    missing. A09: 80 % of 13 contracts are 11, or 10 when 10.4 is rounded.
    """
    assert [outlook.needed(13, (4, 5), one) for one in (0, 1)] == [11, 10]
    for kept, missing in ((0, ()), (1, ("10000001",))):
        history = a_day(3)
        history.options = Options(closing_in=kept, opening_in=kept)
        history.trade("10:00:00", 2_000, slot=1)
        history.quote("10:00:00", 0, 0, 0, 0, slot=1)
        closing = seen(history).auctions[-1]
        assert closing.kind == Phase.CLOSING and closing.missing == missing
        assert (closing.contracts, closing.needed, closing.ready) == (2 + kept, 2 + kept, 2)
