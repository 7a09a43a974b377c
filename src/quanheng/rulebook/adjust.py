"""Ex-dividend adjustment of a contract on the ex date (rules.md 1.6), in exact integers.

The unit is rounded first and the strike follows from the rounded unit. The settlement price is used
only for price limits and margin; it is rounded half up to a tick (the rounding is not published).
"""

import msgspec

from quanheng.terms.units import Ratio, Ticks, half_up

STRIKE_STEP = {"EBS": 10, "ASH": 100}
"""An adjusted strike has 3 decimals (ETF) or 2 (stock)."""


class Adjusted(msgspec.Struct, frozen=True):
    """Terms of a contract from the ex date on."""

    unit: int
    strike: Ticks
    settle: Ticks


def new_unit(
    unit: int,
    previous_close: Ticks,
    dividend: Ticks,
    allot_price: Ticks = 0,
    float_change: Ratio = (0, 1),
) -> int:
    """unit x (1 + float change) x close / ((close - dividend) + allot price x float change).

    Dividend and allotment price are per fund unit or share. ValueError when nothing of the price is
    left.
    """
    num, den = float_change
    ex_right = (previous_close - dividend) * den + allot_price * num
    if ex_right <= 0:
        raise ValueError(f"adjust: a dividend of {dividend} on a close of {previous_close}")
    return half_up(unit * (den + num) * previous_close, ex_right)


def new_strike(strike: Ticks, unit: int, adjusted_unit: int, underlying_type: str = "EBS") -> Ticks:
    """strike x unit / adjusted unit, half up to the decimals of the underlying type."""
    if underlying_type not in STRIKE_STEP:
        known = ", ".join(sorted(STRIKE_STEP))
        raise ValueError(f"adjust: underlying type {underlying_type!r} is not one of {known}")
    step = STRIKE_STEP[underlying_type]
    return half_up(strike * unit, adjusted_unit * step) * step


def new_settle(settle: Ticks, unit: int, adjusted_unit: int) -> Ticks:
    """settle x unit / adjusted unit (Art. 73), half up to a tick."""
    return half_up(settle * unit, adjusted_unit)


def adjust(
    unit: int,
    strike: Ticks,
    settle: Ticks,
    previous_close: Ticks,
    dividend: Ticks,
    allot_price: Ticks = 0,
    float_change: Ratio = (0, 1),
    underlying_type: str = "EBS",
) -> Adjusted:
    """All three terms of one contract; see `new_unit` for the meaning of the event."""
    adjusted = new_unit(unit, previous_close, dividend, allot_price, float_change)
    return Adjusted(
        adjusted,
        new_strike(strike, unit, adjusted, underlying_type),
        new_settle(settle, unit, adjusted),
    )
