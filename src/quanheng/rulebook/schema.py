"""Every key of the rulebook and how its value is read. A key that is not here is an error."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from quanheng.terms.days import day_number, from_clock
from quanheng.terms.units import MONEY_PER_YUAN, TICKS_PER_YUAN, Ratio

GRADES = ("AA", "A", "B", "C", "D")


def ratio(value: Any) -> Ratio:
    """A decimal text as an exact ratio in lowest terms."""
    text = _text(value)
    whole, _, fraction = text.partition(".")
    if not (whole + fraction).isdigit():
        raise ValueError(f"{text!r} is not a plain decimal")
    num, den = int(whole + fraction), 10 ** len(fraction)
    a, b = num, den
    while b:
        a, b = b, a % b
    return num // max(a, 1), den // max(a, 1)


def _scaled(value: Any, scale: int, what: str) -> int:
    num, den = ratio(value)
    if num * scale % den:
        raise ValueError(f"{value!r} yuan is not a whole number of {what}")
    return num * scale // den


def ticks(value: Any) -> int:
    """A decimal text in yuan as Ticks."""
    return _scaled(value, TICKS_PER_YUAN, "ticks")


def money(value: Any) -> int:
    """A decimal text in yuan as Money."""
    return _scaled(value, MONEY_PER_YUAN, "0.0001 yuan")


def integer(value: Any) -> int:
    """A whole number from 0 on."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not a whole number from 0 on")
    return value


def seconds(value: Any) -> int:
    """Whole seconds as nanoseconds."""
    return integer(value) * 1_000_000_000


def flag(value: Any) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not true or false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    return value


def _pairs(
    first: Callable[[Any], Any], second: Callable[[Any], Any]
) -> Callable[[Any], tuple[tuple[Any, Any], ...]]:
    def read(value: Any) -> tuple[tuple[Any, Any], ...]:
        return tuple((first(a), second(b)) for a, b in value)

    return read


def _ratios(value: Any) -> tuple[Ratio, Ratio]:
    a, b = value
    return ratio(a), ratio(b)


def _weights(value: Any) -> tuple[int, int, int]:
    a, b, c = (integer(item) for item in value)
    return a, b, c


def _two(value: Any) -> tuple[int, int]:
    a, b = (integer(item) for item in value)
    return a, b


def _grade(value: Any) -> str:
    if value not in GRADES:
        raise ValueError(f"{value!r} is not one of {', '.join(GRADES)}")
    return _text(value)


def _matrix(value: Any) -> tuple[tuple[str, str, str], ...]:
    rows = tuple((_text(a), _text(b), _text(c)) for a, b, c in value)
    if len(rows) != 3:
        raise ValueError(f"{len(rows)} rows instead of 3")
    return rows


def _day(value: Any) -> int:
    day_number(integer(value))
    return integer(value)


def _timetable(value: Any) -> tuple[tuple[int, int, str, int], ...]:
    rows = tuple((from_clock(a), from_clock(b), _text(c), from_clock(d)) for a, b, c, d in value)
    for before, after in pairwise(rows):
        if before[1] != after[0]:
            raise ValueError("the spans do not follow each other without a gap")
    return rows


KINDS: dict[str, Callable[[Any], Any]] = {
    "spread.near.ratio": ratio,
    "spread.far.ratio": ratio,
    "spread.floor": ticks,
    "quote_size.continuous": integer,
    "quote_size.auction": integer,
    "participation.contract": ratio,
    "participation.opening": ratio,
    "participation.intraday": ratio,
    "participation.closing": ratio,
    "coverage.continuous": ratio,
    "coverage.opening": ratio,
    "coverage.closing": ratio,
    "window.opening": seconds,
    "window.intraday": seconds,
    "window.closing": seconds,
    "inquiry.answer": seconds,
    "inquiry.hold": seconds,
    "inquiry.share": ratio,
    "exempt.low_price.etf": ticks,
    "exempt.low_price.stock": ticks,
    "rating.weights": _weights,
    "rating.ladder": _pairs(ratio, ratio),
    "rating.day_floor": ratio,
    "rating.spread.excellent": ratio,
    "rating.spread.pass": ratio,
    "rating.weighted.excellent": ratio,
    "rating.weighted.pass": ratio,
    "rating.matrix": _matrix,
    "rating.volume.up": ratio,
    "rating.volume.down": ratio,
    "rating.general.bands": _pairs(ratio, _text),
    "rating.primary.scores": _pairs(_text, integer),
    "rating.general.scores": _pairs(_text, integer),
    "rating.primary.years": _pairs(ratio, _text),
    "rating.general.years": _pairs(ratio, _text),
    "rating.year_letters": integer,
    "rating.eliminated_share": ratio,
    "rating.months_min": integer,
    "rating.designated_makers": integer,
    "rating.primary.year_cap": _grade,
    "rating.general.year_cap": _grade,
    "rating.cancel.window_months": integer,
    "rating.cancel.failed_months": integer,
    "rating.cancel.without_a_months": integer,
    "rating.cancel.designated_months": integer,
    "rating.cancel.share": ratio,
    "rating.cancel.spared": _grade,
    "rating.cancel.alert_months": _two,
    "rating.ban_months": integer,
    "rating.resign.notice_days": integer,
    "rating.designated.spread": ratio,
    "rating.designated.participation": ratio,
    "price_limit.rates": _pairs(_text, ratio),
    "price_limit.floor": ratio,
    "breaker.ratio": ratio,
    "breaker.steps": integer,
    "breaker.auction": seconds,
    "breaker.no_cancel": seconds,
    "order_size.limit_max": integer,
    "order_size.market_max": integer,
    "order_size.min": integer,
    "timetable": _timetable,
    "money.round": _text,
    "fee.handling": money,
    "fee.settlement": money,
    "fee.exercise": money,
    "fee.sell_open_waived": flag,
    "fee.settlement_sell_open_waived": flag,
    "fee.provider_share": ratio,
    "fee.taker_share": ratio,
    "fee.auction_share": ratio,
    "delivery.fail_cash": ratio,
    "delivery.fail_penalty": ratio,
    "margin.etf": _ratios,
    "margin.stock.opening": _ratios,
    "margin.stock.maintenance": _ratios,
    "settlement.reserve": money,
    "position.long": integer,
    "position.total": integer,
    "position.daily_buy_open": integer,
    "position.daily_counts_sales": flag,
    "listing.classes": _pairs(_text, _day),
    "listing.strikes_each_side": integer,
    "listing.year_days": integer,
}
"""Key to the function that reads its value; each raises ValueError with the reason."""
