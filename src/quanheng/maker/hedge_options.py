"""Hedges made of options: synthetic underlyings, single options, and what brings vega or gamma.

Prices are the others', so that no hedge meets our own quotes (P13). Costs are measured at the
furthest price an order may pay, against theory or the middle of the others, whichever says more,
fees included: what looks like a gain against theory is mostly gone when the order arrives.
"""

from collections.abc import Iterator
from typing import NamedTuple

from quanheng.maker import columns as c
from quanheng.maker.messages import MakerOpen
from quanheng.maker.monitors import exposure
from quanheng.maker.point_kernels import others_best
from quanheng.maker.state import State
from quanheng.rulebook import fees
from quanheng.terms import market
from quanheng.terms.codes import Effect, Phase, Side
from quanheng.terms.units import MONEY_PER_YUAN, Lots, Money, Slot, Ticks

MOST = 10
"""Contracts of one leg: a hedge in options moves in small steps."""
EXPIRIES = 2
NEAR = 15
"""Strikes no further from the forward than a fifteenth of it make synthetics."""
REACH = 20
"""Ticks beyond the best price that an order may pay: the market moves while it travels."""
MILLION = 1_000_000


class Leg(NamedTuple):
    """An option order of a hedge."""

    slot: Slot
    side: Side
    price: Ticks
    qty: Lots


class Offer(NamedTuple):
    """What others offer an order: price and quantity, and the furthest price it may go to."""

    price: Ticks
    qty: Lots
    limit: Ticks


NONE = Offer(0, 0, 0)


def best_of_others(state: State, slot: Slot, side: Side) -> Offer:
    """What an order on `side` would trade with; NONE when nobody is there or our own quote stands
    at or before it. The limit stops short of our own quote.
    """
    against = c.ASK_SIDE if side == Side.BUY else c.BID_SIDE
    row, work = state.view.rows[slot], state.work[slot]
    price = int(others_best(row, against, work))
    if price <= 0 or row[market.PHASE] != Phase.CONTINUOUS:
        return NONE
    base = against * c.W_COLUMNS
    sign = 1 if side == Side.BUY else -1
    limit = max(price + sign * REACH, 1)
    for column in (c.W_LIVE_PX, c.W_PEND_PX):
        own = int(work[base + column])
        if own and sign * own <= sign * price:
            return NONE
        if own and sign * own <= sign * limit:
            limit = own - sign
    at, qty = (
        (market.ASK, market.ASK_QTY) if against == c.ASK_SIDE else (market.BID, market.BID_QTY)
    )
    level = row[at : at + market.LEVELS].tolist().index(price)
    return Offer(price, int(row[qty + level]), limit)


def paid(state: State, slot: Slot, side: Side, price: Ticks) -> Ticks:
    """Ticks per unit given away against theory, or against the middle of the others if more."""
    mark, sign = int(state.ledger.marks[slot]), 1 if side == Side.BUY else -1
    row, work = state.view.rows[slot], state.work[slot]
    bid, ask = int(others_best(row, c.BID_SIDE, work)), int(others_best(row, c.ASK_SIDE, work))
    middle = (bid + ask) // 2 if bid and ask else mark
    return max(sign * (price - mark), sign * (price - middle))


def _fee(opened: MakerOpen, side: Side) -> Money:
    """Fees of one contract taken from the book, opened."""
    given = (side, Effect.OPEN, False, "taker", 1)
    return fees.handling(opened.rulebook, *given) + fees.settlement(opened.rulebook, *given)


def _cash_delta(state: State, slot: Slot) -> float:
    """Yuan of the underlying that one contract stands for."""
    row = state.tables.fixed[slot]
    forward = state.surface.fits[row[c.F_EXPIRY], c.X_FORWARD]
    return float(state.surface.theo[slot, c.T_DELTA] * forward * row[c.F_UNIT])


def near_expiries(state: State, klass: int) -> list[int]:
    """Rows of the first expiries of a class that do not end today."""
    meta = state.tables.meta.tolist()
    rows = [e for e, m in enumerate(meta) if m[c.E_KLASS] == klass and m[c.E_DAYS] > 0]
    return sorted(rows, key=lambda e: meta[e][c.E_LAST_DAY])[:EXPIRIES]


def option_ways(
    state: State, opened: MakerOpen, klass: int, wanted: int
) -> Iterator[tuple[int, tuple[Leg, ...]]]:
    """(cost in ppm of the delta, legs) of every hedge in options for `wanted` yuan of delta."""
    for legs in _candidates(state, opened, klass, wanted > 0):
        delta = cost = 0.0
        room = MOST
        for slot, side in legs:
            offer = best_of_others(state, slot, side)
            if not offer.price:
                room = 0
                break
            sign = 1 if side == Side.BUY else -1
            delta += sign * _cash_delta(state, slot)
            unit = int(state.tables.fixed[slot, c.F_UNIT])
            given = paid(state, slot, side, offer.limit) * unit + _fee(opened, side)
            cost += given / MONEY_PER_YUAN
            room = min(room, offer.qty)
        if not room or delta * wanted <= 0 or not abs(delta) < float("inf"):
            continue
        room = min(room, int(abs(wanted) / abs(delta)))
        if room > 0:
            yield (
                round(cost / abs(delta) * MILLION),
                tuple(
                    Leg(slot, side, best_of_others(state, slot, side).limit, room)
                    for slot, side in legs
                ),
            )


def _candidates(
    state: State, opened: MakerOpen, klass: int, up: bool
) -> Iterator[tuple[tuple[Slot, Side], ...]]:
    """Contracts and sides to look at: pairs near the forward, then each leg alone where it takes
    vega away.
    """
    buy, sell = (Side.BUY, Side.SELL) if up else (Side.SELL, Side.BUY)
    item = opened.chain.classes[klass]
    vega = float(exposure(state, item.start, item.stop)[1])
    pairs, meta = state.tables.pairs, state.tables.meta
    for e in near_expiries(state, klass):
        forward = state.surface.fits[e, c.X_FORWARD] * MONEY_PER_YUAN
        for call, put, strike in pairs[meta[e, c.E_PAIR_START] : meta[e, c.E_PAIR_STOP]].tolist():
            if not abs(strike - forward) * NEAR <= forward:
                continue
            yield (call, buy), (put, sell)
            lone = (call, buy) if (vega < 0) == (buy == Side.BUY) else (put, sell)
            if vega:
                yield (lone,)
