"""Settlement prices by the steps of rules.md 2.8.

`observed` is steps 1 to 4 and 6 for one contract, on integers only. `modelled` is step 5: the
implied volatilities of the strikes that were settled, interpolated over log-moneyness, through
Black's formula on the expiry's parity forward. Floats stay inside this file; a price leaves it as
Ticks, rounded half up.
"""

import itertools
import math

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import black, forward, implied
from quanheng.kernels.math import elementary
from quanheng.terms.contract import Contract
from quanheng.terms.days import from_clock
from quanheng.terms.units import TICKS_PER_YUAN, DayNanos, Ticks

AUCTION, LAST_EIGHT, MIDDLE, AT_LIMIT, MODEL, EXPIRY = 1, 2, 3, 4, 5, 6


class Closing(msgspec.Struct, frozen=True, array_like=True):
    """Closing state of one contract; 0 where there is nothing. `last_at` since midnight."""

    auction: Ticks
    last: Ticks
    last_at: DayNanos
    bid: Ticks
    ask: Ticks


def window(reading: str) -> tuple[DayNanos, DayNanos]:
    """The "last 8 minutes before the close" of step 2, half-open, from its reading A28
    "14:52-14:57" or "14:49-14:57".
    """
    start, _, stop = reading.partition("-")
    return from_clock(start), from_clock(stop)


def close_price(closing: Closing, previous: Ticks) -> Ticks:
    """Closing price for display: closing auction, else last trade, else the previous close."""
    return closing.auction or closing.last or previous


def observed(
    contract: Contract,
    closing: Closing,
    underlying_close: Ticks,
    last_day: bool,
    span: tuple[DayNanos, DayNanos],
    one_sided: bool,
) -> tuple[Ticks, int]:
    """(price, step) of one contract, (0, 0) when only the model can say.

    `one_sided` applies step 2 in its original text, where a single side can settle the price; the
    later text wants both.
    """
    if last_day:
        away = underlying_close - contract.strike
        return max(away if contract.kind == "C" else -away, 0), EXPIRY
    if closing.auction:
        return closing.auction, AUCTION
    both = closing.bid > 0 and closing.ask > 0
    base = closing.last
    if base and span[0] <= closing.last_at < span[1] and (both or one_sided):
        if closing.bid and closing.bid >= base:
            return closing.bid, LAST_EIGHT
        if closing.ask and closing.ask <= base:
            return closing.ask, LAST_EIGHT
        if both:
            return base, LAST_EIGHT
    if both:
        step = contract.step
        return (closing.bid + closing.ask + step) // (2 * step) * step, MIDDLE
    if closing.bid and closing.bid == contract.limit_up:
        return contract.limit_up, AT_LIMIT
    if closing.ask and closing.ask == contract.limit_down:
        return contract.limit_down, AT_LIMIT
    return 0, 0


class Expiry(msgspec.Struct, frozen=True):
    """The contracts of one underlying and expiry with what steps 1 to 4 gave (0: nothing)."""

    contracts: tuple[Contract, ...]
    settles: tuple[Ticks, ...]
    spot: Ticks
    tau: float  # years to expiry, trading time
    discount: float


def modelled(expiry: Expiry) -> tuple[Ticks, ...]:
    """The settles with every 0 replaced by a model price, at least one step (step 5).

    Volatility comes from settled strikes of the same type, else of the other type; a strike beyond
    the settled ones continues their line. Where the expiry has none at all the previous
    settlement stands.
    """
    if all(expiry.settles):
        return expiry.settles
    ahead = _forward(expiry)
    smiles = {kind: _smile(expiry, kind, ahead) for kind in ("C", "P")}
    prices = list(expiry.settles)
    for index, contract in enumerate(expiry.contracts):
        if prices[index]:
            continue
        other = "P" if contract.kind == "C" else "C"
        smile = smiles[contract.kind] or smiles[other]
        if not smile:
            prices[index] = max(contract.previous_settle, contract.step)
            continue
        strike = contract.strike / TICKS_PER_YUAN
        vol = _interpolate(smile, elementary.log(strike / ahead))
        sign = 1.0 if contract.kind == "C" else -1.0
        value = black.price_one(sign, ahead, strike, vol, expiry.tau, expiry.discount)
        steps = math.floor(value * TICKS_PER_YUAN / contract.step + 0.5)
        prices[index] = max(steps, 1) * contract.step
    return tuple(prices)


def _forward(expiry: Expiry) -> float:
    """The expiry's parity forward in yuan, or the spot's when no strike has both settled."""
    strikes = sorted({contract.strike for contract in expiry.contracts})
    place = {strike: index for index, strike in enumerate(strikes)}
    mids = np.full((2, len(strikes)), np.nan)
    for contract, settle in zip(expiry.contracts, expiry.settles, strict=True):
        if settle:
            mids[int(contract.kind == "P"), place[contract.strike]] = settle / TICKS_PER_YUAN
    width: npt.NDArray[np.float64] = np.full(len(strikes), 1.0 / TICKS_PER_YUAN)
    spot = expiry.spot / TICKS_PER_YUAN
    value, _weight, used = forward.parity_forward(
        np.array(strikes) / TICKS_PER_YUAN,
        np.ascontiguousarray(mids[0]),
        width,
        np.ascontiguousarray(mids[1]),
        width,
        len(strikes),
        expiry.discount,
        spot,
    )
    return float(value) if used and value == value else spot / expiry.discount


def _smile(expiry: Expiry, kind: str, ahead: float) -> list[tuple[float, float]]:
    """(log-moneyness, vol) of the settled contracts of one type, ordered by strike."""
    points: list[tuple[float, float]] = []
    sign = 1.0 if kind == "C" else -1.0
    for contract, settle in zip(expiry.contracts, expiry.settles, strict=True):
        if contract.kind != kind or not settle:
            continue
        strike = contract.strike / TICKS_PER_YUAN
        vol = float(
            implied.implied_one(
                sign, settle / TICKS_PER_YUAN, ahead, strike, expiry.tau, expiry.discount
            )
        )
        if vol == vol and vol > 0.0:
            points.append((float(elementary.log(strike / ahead)), vol))
    return sorted(points)


def _interpolate(points: list[tuple[float, float]], at: float) -> float:
    """Straight lines between the points. Beyond the outermost one its line goes on, but only
    upwards, as wings do, and to at most twice its volatility.
    """
    if len(points) == 1:
        return points[0][1]
    if at < points[0][0]:
        return _beyond(points[1], points[0], at)
    for (left, low), (right, high) in itertools.pairwise(points):
        if at <= right:
            return low if right == left else low + (high - low) * (at - left) / (right - left)
    return _beyond(points[-2], points[-1], at)


def _beyond(inner: tuple[float, float], outer: tuple[float, float], at: float) -> float:
    if inner[0] == outer[0]:
        return outer[1]
    vol = outer[1] + (outer[1] - inner[1]) * (at - outer[0]) / (outer[0] - inner[0])
    return min(max(vol, outer[1]), 2.0 * outer[1])
