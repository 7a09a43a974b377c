"""The firm's plan around an expiry: what to buy and what to sell of an underlying (rules.md 5)."""

from quanheng.terms.units import Lots


def trades(free: Lots, due: Lots, lot: Lots) -> Lots:
    """Units to buy (+) or sell (-) on the day of a delivery, whole lots.

    `free` units are held and not locked, `due` is what the delivery brings (+) or takes (-). Enough
    is bought for what is taken; everything free beyond that is sold. What the delivery brings can
    be sold only on the next trading day.
    """
    needed = max(0, -due)
    if free < needed:
        return -(-(needed - free) // lot) * lot
    return -((free - needed) // lot * lot)
