"""Margin of one short contract (rules.md 3.1; the ETF opening formula matches exchange records)."""

from quanheng.rulebook.model import Rulebook
from quanheng.terms.units import MONEY_PER_FEN, Money, Ratio, Ticks, half_up


def opening(
    book: Rulebook,
    underlying_type: str,
    kind: str,
    strike: Ticks,
    settle: Ticks,
    underlying_close: Ticks,
    unit: int,
) -> Money:
    """Opening margin (开仓保证金), from yesterday's settlement and close. ValueError names an
    unknown underlying type or kind.
    """
    rates = _rates(book, underlying_type, book.rates.stock_opening_margin)
    return _margin(rates, kind, strike, settle, underlying_close, unit)


def parameters(book: Rulebook, underlying_type: str) -> tuple[int, int]:
    """MarginRatioParam1 and 2 of the reference file: the opening rates in hundredths of a percent.

    ValueError names an unknown underlying type.
    """
    rates = _rates(book, underlying_type, book.rates.stock_opening_margin)
    first, second = (half_up(num * 10_000, den) for num, den in rates)
    return first, second


def maintenance(
    book: Rulebook,
    underlying_type: str,
    kind: str,
    strike: Ticks,
    settle: Ticks,
    underlying_close: Ticks,
    unit: int,
) -> Money:
    """Maintenance margin (维持保证金), from today's settlement and close. ValueError names an
    unknown underlying type or kind.
    """
    rates = _rates(book, underlying_type, book.rates.stock_maintenance_margin)
    return _margin(rates, kind, strike, settle, underlying_close, unit)


def _rates(book: Rulebook, underlying_type: str, stock: tuple[Ratio, Ratio]) -> tuple[Ratio, Ratio]:
    match underlying_type:
        case "EBS":
            return book.rates.etf_margin
        case "ASH":
            return stock
        case _:
            raise ValueError(f"margin: underlying type {underlying_type!r} is not one of ASH, EBS")


def _margin(
    rates: tuple[Ratio, Ratio], kind: str, strike: Ticks, settle: Ticks, close: Ticks, unit: int
) -> Money:
    """[P + max(a S - OTM, b base)] x unit, a put capped at its strike; half up to 0.01 yuan."""
    if kind not in ("C", "P"):
        raise ValueError(f"margin: kind {kind!r} is not one of C, P")
    (a_num, a_den), (b_num, b_den) = rates
    scale = a_den * b_den
    out = max(strike - close, 0) if kind == "C" else max(close - strike, 0)
    base = close if kind == "C" else strike
    risk = max(a_num * b_den * close - scale * out, b_num * a_den * base)
    amount = settle * scale + risk
    if kind == "P":
        amount = min(amount, strike * scale)
    return half_up(amount * unit, scale * MONEY_PER_FEN) * MONEY_PER_FEN
