"""Daily price limits of a contract (rules.md 2.4, matched against two exchange records)."""

from quanheng.rulebook.model import Rulebook
from quanheng.terms.units import Ratio, Ticks, half_up


def rate(book: Rulebook, underlying: str) -> Ratio:
    """Limit rate of an underlying: 10 %, or 20 % for the STAR 50 ETFs."""
    rates = dict(book.prices.limit_rates)
    return rates.get(underlying, rates[""])


def limits(
    book: Rulebook,
    underlying: str,
    kind: str,
    strike: Ticks,
    settle: Ticks,
    underlying_close: Ticks,
    step: Ticks,
    last_trading_day: bool,
) -> tuple[Ticks, Ticks]:
    """(up, down) for the day. `settle` and `underlying_close` are yesterday's, adjusted.

    There is no lower limit on the last trading day and none below one step. ValueError names an
    unknown kind.
    """
    if kind not in ("C", "P"):
        raise ValueError(f"price limits: kind {kind!r} is not one of C, P")
    num, den = rate(book, underlying)
    floor_num, floor_den = book.prices.limit_floor
    base = strike if kind == "P" else underlying_close
    other = underlying_close if kind == "P" else strike
    inner = min(2 * base - other, underlying_close)
    # Everything over the common denominator den x floor_den.
    scale = den * floor_den
    rise = max(base * floor_num * den, inner * num * floor_den)
    up = step * half_up(settle * scale + rise, scale * step)
    if last_trading_day:
        return up, step
    fall = underlying_close * num * floor_den
    return up, max(step, step * half_up(settle * scale - fall, scale * step))
