"""Strike grid, listing and ex-dividend adjustment: worked cases of rules.md 1.2 to 1.6 (T-01)."""

import pytest

from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook import adjust, strikes

BOOK = read_rulebook(20240627)


@pytest.mark.parametrize(
    ("close", "base", "listed"),
    [
        # rules.md 1.3, worked
        (29630, 29500, (27500, 28000, 28500, 29000, 29500, 30000, 31000, 32000, 33000)),
        (49800, 50000, (46000, 47000, 48000, 49000, 50000, 52500, 55000, 57500, 60000)),
        (30500, 31000, (28500, 29000, 29500, 30000, 31000, 32000, 33000, 34000, 35000)),
    ],
)
def test_first_listing(close: int, base: int, listed: tuple[int, ...]) -> None:
    """T-01: base strike (a tie goes up) and four strikes on each side over a change of step."""
    assert strikes.base(close) == base
    assert strikes.first_listing(BOOK, close) == listed


def test_first_listing_by_day() -> None:
    """Q-08: five strikes before 2018-01-02, nine from then on."""
    before, after = read_rulebook(20171229), read_rulebook(20180102)
    assert strikes.first_listing(before, 29630) == (28500, 29000, 29500, 30000, 31000)
    assert len(strikes.first_listing(after, 29630)) == 9


@pytest.mark.parametrize(
    ("underlying_type", "bound", "under", "over"),
    [
        # rules.md 1.2: the step under a bound and the step over it
        ("EBS", 20000, 500, 500),
        ("EBS", 30000, 500, 1000),
        ("EBS", 50000, 1000, 2500),
        ("EBS", 100000, 2500, 5000),
        ("EBS", 200000, 5000, 10000),
        ("EBS", 500000, 10000, 25000),
        ("EBS", 1000000, 25000, 50000),
        ("ASH", 20000, 1000, 2500),
        ("ASH", 50000, 2500, 5000),
        ("ASH", 100000, 5000, 10000),
        ("ASH", 200000, 10000, 25000),
        ("ASH", 500000, 25000, 50000),
        ("ASH", 1000000, 50000, 100000),
    ],
)
def test_steps_of_the_grid(underlying_type: str, bound: int, under: int, over: int) -> None:
    """T-01: every row of the table, seen from its bound, which belongs to the range below."""
    grid = strikes.grid_of(underlying_type)
    assert strikes.below(bound, grid) == bound - under
    assert strikes.above(bound, grid) == bound + over


def test_the_chain_only_grows() -> None:
    """T-01: strikes are added on the side that runs short; none when both sides are full."""
    listed = strikes.first_listing(BOOK, 29630)
    assert strikes.new_strikes(BOOK, 29630, listed) == ()
    added = strikes.new_strikes(BOOK, 31200, listed)
    assert added == (34000, 35000)
    assert strikes.new_strikes(BOOK, 31200, listed + added) == ()
    assert strikes.new_strikes(BOOK, 29630, listed + added) == ()
    assert strikes.new_strikes(BOOK, 29100, listed) == (27000,)


def test_a_gap_in_the_chain_is_filled() -> None:
    """T-01: a base strike that was never listed is listed with what its sides lack."""
    assert strikes.new_strikes(BOOK, 36000, (29000, 29500)) == (
        (34000, 35000, 36000, 37000, 38000, 39000, 40000)
    )


def test_the_grid_ends_above_zero() -> None:
    """T-01: a very cheap fund has no strike at 0."""
    assert strikes.base(100) == 500
    assert strikes.first_listing(BOOK, 1000) == (500, 1000, 1500, 2000, 2500, 3000)


def test_bad_listing_inputs_are_named() -> None:
    """Bad input: the error names the value."""
    with pytest.raises(ValueError, match="close 0"):
        strikes.base(0)
    with pytest.raises(ValueError, match="FUT"):
        strikes.first_listing(BOOK, 29630, "FUT")


@pytest.mark.parametrize(
    ("underlying_type", "strike", "unit", "adjusted", "new"),
    [
        # rules.md 1.6, real adjustments DOC[22][26]
        ("EBS", 21500, 10000, 10243, 20990),
        ("ASH", 425000, 1000, 1016, 418300),
        ("ASH", 413000, 1029, 1046, 406300),
    ],
)
def test_adjusted_strikes(
    underlying_type: str, strike: int, unit: int, adjusted: int, new: int
) -> None:
    """T-01: 3 decimals for an ETF, 2 for a stock, from the rounded unit."""
    assert adjust.new_strike(strike, unit, adjusted, underlying_type) == new


def test_the_180etf_adjustment() -> None:
    """T-01: 10000 x 2.153/2.102 = 10242.626 -> 10243, then 2.150 -> 2.099 (2014-09)."""
    terms = adjust.adjust(10000, 21500, 500, 21530, 510)
    assert (terms.unit, terms.strike) == (10243, 20990)
    # 0.0500 x 10000/10243 = 0.04881…
    assert terms.settle == 488


def test_an_allotment_raises_the_unit() -> None:
    """T-01: one share for two at 1.00 on a close of 4.00: 10000 x 1.5 x 4 / 4.5 = 13333.3."""
    assert adjust.new_unit(10000, 40000, 0, 10000, (1, 2)) == 13333
    assert adjust.new_unit(10000, 40000, 0) == 10000


def test_bad_adjustments_are_named() -> None:
    """Bad input: the error names the value."""
    with pytest.raises(ValueError, match="dividend of 21530"):
        adjust.new_unit(10000, 21530, 21530)
    with pytest.raises(ValueError, match="FUT"):
        adjust.new_strike(21500, 10000, 10243, "FUT")
