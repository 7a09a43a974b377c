"""Largest and smallest order quantities (rules.md 2.2)."""

from typing import NamedTuple

from quanheng.rulebook.model import Rulebook
from quanheng.terms.units import Lots


class OrderSizes(NamedTuple):
    """Contracts per order."""

    limit_max: Lots
    market_max: Lots
    minimum: Lots


def limits(book: Rulebook) -> OrderSizes:
    """The day's order sizes; the contract's own record may be narrower."""
    prices = book.prices
    return OrderSizes(prices.limit_order_max, prices.market_order_max, prices.order_min)
