"""Implied volatility: to the last bits everywhere, or NaN with its reason (I-08, I-31)."""

import math
from fractions import Fraction

import numpy as np
import pytest
from implied_cases import EPS, STRATA, cases, judge, worst

from quanheng.kernels.desk import black, greeks, implied

CASES = 250
"""Cases per stratum judged here in high precision; bench/implied_vol.py judges 200,000."""


def chain(columns):
    found = np.empty(columns[0].size)
    implied.implied_chain(*columns, found)
    return found


@pytest.mark.parametrize("name", STRATA)
def test_every_answer_is_within_four_eps_of_its_condition(name):
    """|vol error| <= 4 eps (1 + price/(vol vega)) against 60 digits; NaN only where none exists."""
    columns = cases(name, CASES, seed=7)
    found = chain(columns)
    ratio, place = worst(columns, found)
    assert ratio <= 1.0, ([float(column[place]) for column in columns], found[place])
    assert np.isfinite(found).sum() >= CASES // 3


def test_the_judge_convicts_wrong_answers():
    """A start value, a rounded vol or a NaN for a sound price is over the limit."""
    columns = cases("market", 40, seed=3)
    found = chain(columns)
    for wrong in (found * (1.0 + 1e-13), np.full(40, 0.2), np.full(40, np.nan)):
        errors = [judge(row, v) for row, v in zip(np.array(columns).T.tolist(), wrong, strict=True)]
        assert sum(error > allowed for error, allowed in errors) >= 20


def test_a_million_random_round_trips():
    """price -> vol -> the same vol within the rounding of the price, in every stratum (D9)."""
    each = 10**6 // len(STRATA)
    for name in STRATA:
        columns = cases(name, each, seed=11)
        sign, price, forward, strike, tau, discount = columns
        found = chain(columns)
        table = np.empty((black.ROWS, each))
        good = np.isfinite(found)
        vol = np.where(good, found, 1.0)
        black.price_chain(sign, forward, strike, vol, tau, discount, table)
        # The price of the answer is the price given, to the rounding of both and of the vol.
        top = discount * np.maximum(forward, strike)
        reach = table[black.VEGA] * vol
        away = np.abs(table[black.PRICE] - price)
        assert np.all((away <= 4e-15 * reach + 1.2e-15 * top)[good])
        value = sign * (forward - strike)
        out_of_money = (
            good & (value <= 0.0) & (price < 0.9 * discount * np.minimum(forward, strike))
        )
        assert np.all((away <= 1e-14 * reach + 1e-12 * price)[out_of_money])
        codes = np.empty(each, dtype=np.int64)
        implied.reason_chain(*columns, codes)
        assert np.array_equal(codes == implied.SOLVED, good)
        assert not np.any(codes == implied.UNSOLVED)


def test_chain_is_scalar_bit_for_bit():
    """implied_chain gives exactly implied_one, lanes that need the bracketed solver included."""
    for name in ("wide", "near bounds"):
        columns = cases(name, 700, seed=5)
        one = [implied.implied_one(*row) for row in np.array(columns).T.tolist()]
        assert chain(columns).tobytes() == np.array(one).tobytes()


def test_time_value_of_an_in_the_money_price_is_exact():
    """What division and subtraction round away is carried: 1 eps of the exact time value."""
    for name in ("ticks", "near bounds", "minute"):
        for row in np.array(cases(name, 300, seed=2)).T.tolist():
            sign, price, forward, strike, _, discount = row
            if price < 1e-290:
                continue
            value, missing = implied.time_value_of(sign, price, forward, strike, discount)
            first, second = (forward, strike) if sign > 0 else (strike, forward)
            ratio = Fraction(price) / Fraction(discount)
            exact = ratio - max(Fraction(first) - Fraction(second), 0)
            assert abs(Fraction(value) - exact) <= Fraction(1.5 * EPS) * abs(exact)
            short = Fraction(first) - ratio
            assert abs(Fraction(missing) - short) <= Fraction(1.5 * EPS) * abs(short)


REASONS = [
    ((1.0, 0.6, 3.0, 2.5, 0.1, 1.0), implied.SOLVED),
    ((1.0, 0.5, 3.0, 2.5, 0.1, 1.0), implied.AT_INTRINSIC),
    ((1.0, 0.49, 3.0, 2.5, 0.1, 1.0), implied.BELOW_INTRINSIC),
    ((1.0, 3.0, 3.0, 2.5, 0.1, 1.0), implied.ABOVE_BOUND),
    ((1.0, 3.1, 3.0, 2.5, 0.1, 1.0), implied.ABOVE_BOUND),
    ((1.0, math.inf, 3.0, 2.5, 0.1, 1.0), implied.BAD_INPUT),
    ((-1.0, 0.0, 3.0, 2.5, 0.1, 1.0), implied.AT_INTRINSIC),
    ((-1.0, -0.1, 3.0, 2.5, 0.1, 1.0), implied.BELOW_INTRINSIC),
    ((-1.0, 2.5, 3.0, 2.5, 0.1, 1.0), implied.ABOVE_BOUND),
    ((-1.0, 1e-300, 3.0, 2.5, 0.1, 1.0), implied.TOO_SMALL),
    ((-1.0, 5e-324, 3.0, 2.5, 0.1, 1.0), implied.TOO_SMALL),
    ((1.0, 1e-140, 1e-80, 1e80, 0.1, 1.0), implied.TOO_FAR),
    ((1.0, 1e-301, 1e-300, 1e300, 0.1, 1.0), implied.BAD_INPUT),
    ((1.0, 0.6, 3.0, 2.5, 0.0, 1.0), implied.EXPIRED),
    ((1.0, math.nan, 3.0, 2.5, 0.0, 1.0), implied.BAD_INPUT),
    ((1.0, 0.6, -3.0, 2.5, 0.1, 1.0), implied.BAD_INPUT),
    ((1.0, 0.6, 3.0, 0.0, 0.1, 1.0), implied.BAD_INPUT),
    ((1.0, 0.6, 3.0, math.inf, 0.1, 1.0), implied.BAD_INPUT),
    ((1.0, 0.6, 3.0, 2.5, -0.1, 1.0), implied.BAD_INPUT),
    ((1.0, 0.6, 3.0, 2.5, 0.1, 0.0), implied.BAD_INPUT),
    ((0.0, 0.6, 3.0, 2.5, 0.1, 1.0), implied.BAD_INPUT),
    ((1.0, math.nan, 3.0, 2.5, 0.1, 1.0), implied.BAD_INPUT),
]


@pytest.mark.parametrize(("row", "code"), REASONS)
def test_reasons(row, code):
    """Each way to have no volatility has its own code; the vol is a number only without one."""
    assert implied.reason_one(*row) == code
    assert math.isfinite(implied.implied_one(*row)) == (code == implied.SOLVED)
    codes = np.empty(1, dtype=np.int64)
    columns = [np.array([value]) for value in row]
    implied.reason_chain(*columns, codes)
    assert codes[0] == code
    assert np.isfinite(chain(columns))[0] == (code == implied.SOLVED)


def test_every_reason_has_words():
    """One sentence per code."""
    assert len(set(implied.REASON_WORDS)) == implied.UNSOLVED + 1


def test_one_bit_around_the_bounds():
    """The next double above intrinsic value has a vol, the value itself none; same at the top."""
    for forward, strike, discount in ((3.0, 2.5, 1.0), (3.0, 2.9, 0.98), (2.7, 2.65, 0.995)):
        for sign, first, second in ((1.0, forward, strike), (-1.0, strike, forward)):
            exact = Fraction(first) * Fraction(discount)
            price = float(exact)
            price = price if Fraction(price) < exact else math.nextafter(price, 0.0)
            assert math.isfinite(implied.implied_one(sign, price, forward, strike, 0.1, discount))
            above = math.nextafter(price, math.inf)
            assert math.isnan(implied.implied_one(sign, above, forward, strike, 0.1, discount))
            if first <= second:
                continue
            exact = (Fraction(first) - Fraction(second)) * Fraction(discount)
            price = float(exact)
            price = price if Fraction(price) > exact else math.nextafter(price, math.inf)
            assert math.isfinite(implied.implied_one(sign, price, forward, strike, 0.1, discount))
            below = math.nextafter(price, 0.0)
            assert math.isnan(implied.implied_one(sign, below, forward, strike, 0.1, discount))


def test_scale_and_parity_do_not_matter():
    """Multiplying all money by a power of two keeps the bits; a put has its call's vol."""
    columns = cases("market", 2000, seed=9)
    sign, price, forward, strike, tau, discount = columns
    found = chain(columns)
    scaled = chain([sign, price * 1024.0, forward * 1024.0, strike * 1024.0, tau, discount])
    assert scaled.tobytes() == found.tobytes()
    near = np.abs(np.log(forward / strike)) < 0.1
    other = np.empty(2000)
    greeks.price_only_chain(-sign, forward, strike, found, tau, discount, other)
    back = chain([-sign, other, forward, strike, tau, discount])
    assert np.nanmax(np.abs(back / found - 1.0)[near & (price > 0.01)]) < 1e-12
