"""Tomorrow's chain: expiry, month roll, new strikes, ex dates (rules.md 1.3 to 1.8)."""

from functools import lru_cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.compose.reference import load
from quanheng.edge import rulebook_files
from quanheng.exchange import listing, theory
from quanheng.rulebook import calendar, margin, price_limits
from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.wire.contracts import read_contracts, write_contracts

read_rulebook = lru_cache(maxsize=None)(rulebook_files.read_rulebook)
DAY = 20240627
CHAIN = load().chain
CLOSES = tuple(CHAIN.contracts[klass.start].underlying_close for klass in CHAIN.classes)
FLAT = theory.Smile(20241225, 150_000, 0, 0, 20_000)


def theory_of(book_day: int, closes: tuple[int, ...] = CLOSES) -> listing.Theory:
    book = read_rulebook(book_day)
    spots = {klass.underlying: spot for klass, spot in zip(CHAIN.classes, closes, strict=True)}

    def price(underlying: str, kind: str, strike: int, last_day: int) -> int:
        smile = msgspec.structs.replace(FLAT, last_day=last_day)
        return theory.reference_price(book, smile, kind, strike, spots[underlying], 20_000, 1)

    return price


def unchanged(chain: Chain) -> dict[str, listing.Settled]:
    return {
        row.code: listing.Settled(row.previous_close, row.previous_settle, row.open_interest)
        for row in chain.contracts
    }


def rolled(
    chain: Chain, day: int, closes: tuple[int, ...] = CLOSES, *events: listing.ExRight
) -> listing.Roll:
    return listing.next_chain(
        chain,
        read_rulebook(day),
        unchanged(chain),
        closes,
        theory_of(day, closes),
        listing.first_free_code(chain),
        events,
    )


def standard(chain: Chain, underlying: str, last_day: int) -> list[Contract]:
    return [
        row
        for row in chain.contracts
        if (row.underlying, row.last_day, row.adjusted) == (underlying, last_day, False)
    ]


def test_listing_brings_the_month_that_is_missing() -> None:
    """rules.md 1.4: the shipped chain is of an expiry's evening; August comes a day later."""
    roll = rolled(CHAIN, 20240628)
    assert roll.expired == () and roll.adjusted == ()
    months = {row.last_day for row in roll.chain.contracts}
    assert months == {20240724, 20240828, 20240925, 20241225}
    august = standard(roll.chain, "510050", 20240828)
    # Close 2.441: base 2.45, four on each side, calls and puts (rules.md 1.3).
    strikes = [22500, 23000, 23500, 24000, 24500, 25000, 25500, 26000, 26500]
    assert [row.strike for row in august] == strikes * 2
    first = august[0]
    assert first.code == str(listing.first_free_code(CHAIN)) and first.kind == "C"
    assert (first.trading_code, first.symbol) == ("510050C2408M02250", "50ETF购8月2250")
    assert (first.first_day, first.exercise_day, first.delivery_day) == (
        20240628,
        20240828,
        20240829,
    )
    assert (first.unit, first.open_interest, first.status) == (10_000, 0, "0000A0  ")
    assert first.auto_split_day == 20240826
    assert roll.next_code == listing.first_free_code(CHAIN) + len(roll.listed)


def test_listing_rolls_on_the_day_after_an_expiry() -> None:
    """rules.md 1.4: July's contracts go after 24 July and the month set stays at four."""
    chain = rolled(CHAIN, 20240628).chain
    chain = rolled(chain, 20240724).chain
    last = [row for row in chain.contracts if row.last_day == 20240724]
    # No lower limit on the last trading day (rules.md 2.4), and the flag of a near expiry.
    assert last and all(row.limit_down == row.step for row in last)
    assert all(row.status[2] == "1" and row.status[5] == "1" for row in last)
    roll = rolled(chain, 20240725)
    assert sorted(roll.expired) == sorted(row.code for row in last)
    # August and September, then December and March, the next two quarter months.
    assert {row.last_day for row in roll.chain.contracts} == {
        20240828,
        20240925,
        20241225,
        20250326,
    }
    march = standard(roll.chain, "510050", 20250326)
    assert len(march) == 18 and {row.code for row in march} <= set(roll.listed)
    roll = rolled(roll.chain, 20240829)
    assert {row.last_day for row in roll.chain.contracts} == {
        20240925,
        20241023,
        20241225,
        20250326,
    }


def test_listing_adds_strikes_on_the_side_that_runs_short() -> None:
    """rules.md 1.3: the chain only grows, four strikes above the base after a rise."""
    chain = rolled(CHAIN, 20240628).chain
    closes = (26_000, *CLOSES[1:])
    roll = rolled(chain, 20240701, closes)
    august = {row.strike for row in standard(roll.chain, "510050", 20240828)}
    assert august == {*range(22500, 28001, 500)}
    new = [row for row in roll.chain.contracts if row.code in roll.listed]
    assert {row.underlying for row in new} == {"510050"}
    assert rolled(roll.chain, 20240702, closes).listed == ()
    back = rolled(roll.chain, 20240702)
    assert back.listed == () and back.expired == ()


def test_listing_prices_limits_and_margin_follow_the_settlement() -> None:
    """rules.md 2.4, 3.1: every field of every contract is the rulebook's of the new day."""
    book = read_rulebook(20240628)
    settled = unchanged(CHAIN)
    moved = {code: listing.Settled(one.close + 3, one.settle + 5, one.open_interest + 7)
             for code, one in settled.items()}  # fmt: skip
    closes = tuple(close + 50 for close in CLOSES)
    roll = listing.next_chain(CHAIN, book, moved, closes, theory_of(20240628, closes), 10_009_000)
    old = {row.code: row for row in CHAIN.contracts}
    for row in roll.chain.contracts:
        up, down = price_limits.limits(
            book, row.underlying, row.kind, row.strike, row.previous_settle,
            row.underlying_close, row.step, False,
        )  # fmt: skip
        assert (row.limit_up, row.limit_down) == (up, down)
        assert row.margin_unit == margin.opening(
            book, "EBS", row.kind, row.strike, row.previous_settle, row.underlying_close, row.unit
        )
        assert (row.margin_ratio_1, row.margin_ratio_2) == (1200, 700)
        if row.code in old:
            before = old[row.code]
            assert row.previous_settle == before.previous_settle + 5
            assert row.previous_close == before.previous_close + 3
            assert row.open_interest == before.open_interest + 7


def test_listing_ex_date_adjusts_and_lists_anew() -> None:
    """rules.md 1.6: unit, then strike; letters A and B; new standard contracts the same day."""
    chain = rolled(CHAIN, 20240628).chain
    event = listing.ExRight("510500", 800)  # 0.08 off a close of 5.09
    roll = rolled(chain, 20240701, CLOSES, event)
    assert roll.closes[2] == 50_100
    old = {row.code: row for row in chain.contracts if row.underlying == "510500"}
    now = {row.code: row for row in roll.chain.contracts if row.underlying == "510500"}
    assert set(roll.adjusted) == set(old) and set(roll.adjusted_on) == set(old)
    for code, before in old.items():
        row = now[code]
        # 10000 x 5.09 / 5.01 = 10159.68 -> 10160; 10160 -> 10322.2 -> 10322 the second time.
        assert row.unit == {10_000: 10_160, 10_160: 10_322}[before.unit]
        letter = "B" if before.adjusted else "A"
        assert row.trading_code == before.trading_code[:11] + letter + before.trading_code[12:]
        assert row.symbol.endswith(f"{row.strike // 10}{letter}")
        assert int(row.version) == int(before.version) + 1 and row.status[3] == "1"
        assert abs(row.strike * row.unit - before.strike * before.unit) <= 5 * row.unit
    new = [row for row in now.values() if row.code not in old]
    assert new and all(row.unit == 10_000 and not row.adjusted for row in new)
    # Base of 5.01 is 5.00: 4.60 4.70 4.80 4.90 5.00 5.25 5.50 5.75 6.00 in all four months.
    strikes = [46000, 47000, 48000, 49000, 50000, 52500, 55000, 57500, 60000]
    for last_day in (20240724, 20240828, 20240925, 20241225):
        assert [r.strike for r in standard(roll.chain, "510500", last_day)] == strikes * 2
    assert all(row.underlying_close == 50_100 for row in now.values())
    later = listing.next_chain(
        roll.chain, read_rulebook(20240708), unchanged(roll.chain), roll.closes,
        theory_of(20240708), roll.next_code, (), roll.adjusted_on,
    )  # fmt: skip
    by_code = {row.code: row for row in later.chain.contracts}
    assert {by_code[code].status[3] for code in roll.adjusted} == {"0"}
    assert later.listed == ()


def test_listing_the_180etf_adjustment() -> None:
    """rules.md 1.6, worked: 2.153 less 0.051 gives 2.102, unit 10243, strike 2.150 -> 2.099."""
    assert listing.ex_right_price(21_530, listing.ExRight("510180", 510)) == 21_020
    assert listing.short_name("180ETF", "C", 201409, 20_990, "A") == "180ETF购9月2099A"
    # Stock, one share for two at 1.00: (4.00 + 0.50) / 1.5 = 3.00.
    allot = listing.ExRight("601318", 0, 10_000, (1, 2))
    assert listing.ex_right_price(40_000, allot, "ASH") == 30_000


def test_listing_codes_of_the_exchange_record() -> None:
    """rules.md 1.5: 510050C1904M02500 is 50ETF购4月2500."""
    assert listing.trading_code("510050", "C", 201904, 25_000) == "510050C1904M02500"
    assert listing.short_name("50ETF", "C", 201904, 25_000) == "50ETF购4月2500"


def test_listing_of_a_stock() -> None:
    """rules.md 1.2, 3.1: the stock's grid, step and margin parameters."""
    sample = CHAIN.contracts[0]
    stock = msgspec.structs.replace(
        sample, underlying="601318", underlying_symbol="中国平安", underlying_type="ASH",
        unit=1_000, strike=425_000, underlying_close=430_000, step=10, previous_settle=40_000,
        trading_code="601318C2409M42500", limit_up=0, limit_down=0,
    )  # fmt: skip
    chain = build_chain(DAY, [stock])
    roll = listing.next_chain(
        chain, read_rulebook(20240628), unchanged(chain), (430_000,), lambda *_: 15_000, 20_000_000
    )
    rows = standard(roll.chain, "601318", 20240828)
    # Base of 43.00 is 42.5 in steps of 2.5.
    strikes = [325_000, 350_000, 375_000, 400_000, 425_000, 450_000, 475_000, 500_000, 550_000]
    assert [row.strike for row in rows] == strikes * 2
    assert {(row.unit, row.step, row.margin_ratio_1, row.margin_ratio_2) for row in rows} == {
        (1_000, 10, 2_100, 1_000)
    }


def test_listing_reads_back_from_the_file() -> None:
    """T-03: the next day's reff03 of every contract reads back equal."""
    roll = rolled(CHAIN, 20240628, CLOSES, listing.ExRight("510500", 800))
    rows = list(roll.chain.contracts)
    again, bad = read_contracts(write_contracts(rows))
    assert bad == [] and again == rows


def test_listing_bad_inputs_are_named() -> None:
    with pytest.raises(ValueError, match="listing of 20240627"):
        rolled(CHAIN, DAY)
    with pytest.raises(ValueError, match="ex date of 159919"):
        rolled(CHAIN, 20240628, CLOSES, listing.ExRight("159919", 1))
    with pytest.raises(ValueError, match=r"10006729|no settlement price"):
        listing.next_chain(CHAIN, read_rulebook(20240628), {}, CLOSES, theory_of(DAY), 1)
    with pytest.raises(ValueError, match="without any smile"):
        theory.smile_of((), 20240828)


def test_theory_between_the_expiries() -> None:
    """A new expiry lies on the line between its neighbours, beyond them it repeats the nearest."""
    low = theory.Smile(20240724, 100_000, 0, 200_000, 10_000)
    high = theory.Smile(20240925, 163_000, 63_000, 263_000, 73_000)
    mid = theory.smile_of((high, low), 20240828)  # 35 of 63 calendar days
    assert mid == theory.Smile(20240828, 135_000, 35_000, 235_000, 45_000)
    assert theory.smile_of((low, high), 20241225).atm == 163_000
    assert theory.smile_of((low, high), 20240626).atm == 100_000


@settings(deadline=None, max_examples=12)
@given(st.lists(st.integers(-900, 900), min_size=5, max_size=12), st.booleans())
def test_listing_over_many_days(moves: list[int], dividend: bool) -> None:
    """However the fund moves: codes never repeat, four strikes on each side, dates in order."""
    chain, closes = CHAIN, CLOSES
    cal = read_rulebook(DAY).calendar
    day, code, seen = DAY, listing.first_free_code(CHAIN), {row.code for row in CHAIN.contracts}
    when: dict[str, int] = {}
    for number, move in enumerate(moves):
        day = calendar.next_trading(cal, day, (1, 4, 9)[number % 3])
        closes = tuple(max(5_000, close + close * move // 10_000 // 10 * 10) for close in closes)
        events = (listing.ExRight("510300", 700),) if dividend and number == 2 else ()
        book = read_rulebook(day)
        roll = listing.next_chain(
            chain, book, unchanged(chain), closes, theory_of(day, closes), code, events, when
        )
        assert not seen & set(roll.listed)
        seen |= set(roll.listed)
        chain, code, when, closes = roll.chain, roll.next_code, roll.adjusted_on, roll.closes
        for row in chain.contracts:
            assert row.first_day <= day <= row.last_day
            assert row.limit_down <= row.previous_settle <= row.limit_up
            assert row.unit > 0 and row.margin_unit > 0
        months = calendar.expiry_months(cal, day)
        for klass, close in zip(chain.classes, closes, strict=True):
            for month in months:
                last = calendar.expiry_day(cal, month // 100, month % 100)
                listed = sorted({r.strike for r in standard(chain, klass.underlying, last)})
                assert sum(strike > close for strike in listed) >= 4
                assert sum(strike < close for strike in listed) >= 4
