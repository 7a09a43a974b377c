"""The exchange's own theory: reference prices of contracts that nobody has traded (rules.md 1.8).

The smile is the one the crowd trades on (`crowd_kernel.value`): a parabola in
x = ln(K/F)/sqrt(tau) up to |x| = FLAT, kept between 0.4 and 2.5 times the volatility at the money.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from quanheng.exchange.crowd_kernel import FLAT
from quanheng.kernels.desk.black import price_one
from quanheng.kernels.math.elementary import exp, log
from quanheng.rulebook import calendar
from quanheng.rulebook.model import Rulebook
from quanheng.rulebook.phases import YEAR_DAYS
from quanheng.terms.days import day_number
from quanheng.terms.units import TICKS_PER_YUAN, Day, Ticks

PPM = 1_000_000


class Smile(msgspec.Struct, frozen=True, array_like=True):
    """One expiry of a class in 1e-6: volatility at the money, slope, curvature, carry a year."""

    last_day: Day
    atm: int
    slope: int
    curvature: int
    carry: int


def smile_of(smiles: Sequence[Smile], last_day: Day) -> Smile:
    """The smile of an expiry: its own, or by calendar days on the line between its neighbours.

    Before the first and after the last expiry that has one, the nearest is taken. ValueError when
    there is none at all.
    """
    if not smiles:
        raise ValueError("theory: a class without any smile")
    known = sorted(smiles, key=lambda smile: smile.last_day)
    for smile in known:
        if smile.last_day == last_day:
            return smile
    before = [smile for smile in known if smile.last_day < last_day]
    after = [smile for smile in known if smile.last_day > last_day]
    if not before or not after:
        near = before[-1] if before else after[0]
        return msgspec.structs.replace(near, last_day=last_day)
    low, high = before[-1], after[0]
    span = day_number(high.last_day) - day_number(low.last_day)
    part = day_number(last_day) - day_number(low.last_day)

    def between(left: int, right: int) -> int:
        return left + (right - left) * part // span

    return Smile(
        last_day,
        between(low.atm, high.atm),
        between(low.slope, high.slope),
        between(low.curvature, high.curvature),
        between(low.carry, high.carry),
    )


@lru_cache(maxsize=256)
def _days_left(book_calendar: calendar.Calendar, day: Day, last_day: Day) -> int:
    """Trading days of an expiry, `day` among them: counted once, not for each of its strikes."""
    return calendar.trading_days_between(book_calendar, day, last_day) + 1


def reference_price(
    book: Rulebook, smile: Smile, kind: str, strike: Ticks, spot: Ticks, rate_ppm: int, step: Ticks
) -> Ticks:
    """Price of a contract before the open of `book.day`, half up to its step, at least one step.

    All of that day still counts as time to expiry.
    """
    days = _days_left(book.calendar, book.day, smile.last_day)
    tau = days / YEAR_DAYS
    years = max(0, day_number(smile.last_day) - day_number(book.day)) / 365.0
    ahead = spot / TICKS_PER_YUAN * float(exp(smile.carry / PPM * years))
    at = strike / TICKS_PER_YUAN
    atm = smile.atm / PPM
    x = min(max(float(log(at / ahead)) / math.sqrt(tau), -FLAT), FLAT)
    vol = atm + smile.slope / PPM * x + smile.curvature / PPM * x * x
    vol = min(max(vol, 0.4 * atm), 2.5 * atm)
    discount = float(exp(-rate_ppm / PPM * years))
    value = price_one(1.0 if kind == "C" else -1.0, ahead, at, vol, tau, discount)
    steps = math.floor(value * TICKS_PER_YUAN / step + 0.5)
    return max(steps, 1) * step
