"""Fees of a fill (rules.md 6; chapter 5 七). Amounts in Money, half up to 0.01 yuan per fill."""

from quanheng.rulebook.model import Rulebook
from quanheng.terms.codes import Effect, Side
from quanheng.terms.units import Lots, Money, Ratio, half_up, to_fen

ROLES = ("provider", "taker", "auction", "ordinary")


def _sell_open(side: Side, effect: Effect) -> bool:
    return side == Side.SELL and effect == Effect.OPEN


def _share(book: Rulebook, role: str) -> Ratio:
    rates = book.rates
    match role:
        case "provider":
            return rates.provider_share
        case "taker":
            return rates.taker_share
        case "auction":
            return rates.auction_share
        case "ordinary":
            return (1, 1)
        case _:
            raise ValueError(f"role {role!r} is not one of {', '.join(ROLES)}")


def handling(
    book: Rulebook, side: Side, effect: Effect, covered: bool, role: str, qty: Lots
) -> Money:
    """The exchange's handling fee (经手费). `role` is a market maker's part in the fill, or
    "ordinary" for everybody else. Sell-open and covered-open are waived for now.
    """
    if book.rates.sell_open_waived and _sell_open(side, effect):
        return 0
    num, den = _share(book, role)
    return to_fen(half_up(book.rates.handling * qty * num, den))


def settlement(
    book: Rulebook, side: Side, effect: Effect, covered: bool, role: str, qty: Lots
) -> Money:
    """The clearing house's fee (结算费); market making brings no relief. Its waiver of sell-opens
    is a row of its own, because the exchange's waiver does not bind the clearing house.
    """
    if book.rates.settlement_sell_open_waived and _sell_open(side, effect):
        return 0
    return to_fen(book.rates.settlement * qty)


def exercise(book: Rulebook, qty: Lots) -> Money:
    """Fee of an exercise (行权结算费)."""
    return to_fen(book.rates.exercise * qty)
