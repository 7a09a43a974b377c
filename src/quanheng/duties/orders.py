"""A maker's effective two-sided quotes from its resting orders (rules.md 10.1-3, reading A03).

Input are rows (at, order, side, price, qty) of one maker in one contract in order of time: from
`at` on the order rests with that remaining quantity, 0 = gone. An order number on both sides is a
two-sided quote. The minimum size follows the phase, so a phase change can alter the state.
"""

from collections.abc import Sequence

import msgspec

from quanheng.duties.readings import DEPTH, NEWEST, PAIRED, TOP
from quanheng.terms.codes import Phase
from quanheng.terms.units import DayNanos, Lots, Ticks

BID, ASK = 0, 1
AUCTIONS = (Phase.OPENING, Phase.INTRADAY, Phase.CLOSING)

OrderRow = tuple[DayNanos, str, int, Ticks, Lots]
QuoteRow = tuple[DayNanos, Ticks, Lots, Ticks, Lots]


class _Resting(msgspec.Struct):
    price: Ticks
    qty: Lots
    at: DayNanos  # when it came or changed its price


def effective_quotes(
    orders: Sequence[OrderRow],
    phases: Sequence[tuple[DayNanos, Phase]],
    size: Lots,
    auction_size: Lots,
    reading: int,
    partial: bool = False,
) -> list[QuoteRow]:
    """Rows (at, bid, bid_qty, ask, ask_qty) at every instant at which the state changed.

    `partial` keeps a side that does not reach the size, as A04's "any two-sided" needs.
    """
    resting: dict[tuple[str, int], _Resting] = {}
    least, found = size, list[QuoteRow]()
    state: tuple[Ticks, Lots, Ticks, Lots] = (0, 0, 0, 0)
    moments = sorted({row[0] for row in orders} | {at for at, _ in phases})
    o = p = 0
    for at in moments:
        while p < len(phases) and phases[p][0] == at:
            least = auction_size if phases[p][1] in AUCTIONS else size
            p += 1
        while o < len(orders) and orders[o][0] == at:
            _apply(resting, orders[o])
            o += 1
        kept = _paired(resting) if reading == PAIRED else resting
        bid, ask = (_side(kept, side, least, reading, partial) for side in (BID, ASK))
        if (*bid, *ask) != state:
            state = (*bid, *ask)
            found.append((at, *state))
    return found


def _apply(resting: dict[tuple[str, int], _Resting], row: OrderRow) -> None:
    at, order, side, price, qty = row
    if qty <= 0:
        resting.pop((order, side), None)
        return
    old = resting.get((order, side))
    since = old.at if old is not None and old.price == price else at
    resting[order, side] = _Resting(price, qty, since)


def _paired(resting: dict[tuple[str, int], _Resting]) -> dict[tuple[str, int], _Resting]:
    """Only what was sent as a two-sided quote and still rests on both sides."""
    return {key: one for key, one in resting.items() if (key[0], 1 - key[1]) in resting}


def _side(
    resting: dict[tuple[str, int], _Resting], side: int, least: Lots, reading: int, partial: bool
) -> tuple[Ticks, Lots]:
    """(price, quantity) of one side; (0, 0) where it does not count."""
    own = [one for (_, at_side), one in resting.items() if at_side == side]
    if not own:
        return 0, 0
    sign = -1 if side == BID else 1
    own.sort(key=lambda one: sign * one.price)
    if reading == NEWEST:
        newest = max(own, key=lambda one: (one.at, -sign * one.price))
        price, total = newest.price, newest.qty
    elif reading == TOP:
        price = own[0].price
        total = sum(one.qty for one in own if one.price == price)
    else:
        price, total = 0, 0
        for one in own:
            if total >= least and one.price != price:
                break
            price, total = one.price, total + one.qty
    return (price, total) if total >= least or partial else (0, 0)


KNOWN = (DEPTH, TOP, NEWEST, PAIRED)
"""Readings of A03 that `effective_quotes` follows; paired quotes are then read in depth."""
