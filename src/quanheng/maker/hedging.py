"""Delta hedging: when a group of classes leaves its band, the cheapest way back (I-19, I-42).

A class hedges alone, or, with `hedge_beta`, in a group whose deltas are added as moves of one
market. Inside the band nothing is done: costs are proportional, so the best policy is a zone
without trades (Whalley and Wilmott 1997). Outside, every instrument is priced in parts per million
of the delta it brings: the underlying (what is sold must have been held since yesterday), synthetic
underlyings, single options that also bring vega nearer to zero. Nothing is hedged while anything
about the positions is unknown (P35).

What is bought today cannot be sold today. A book that turns within the day would use up its
inventory by selling, and be stuck with purchases after that: so the band widens as the inventory
goes, and a purchase is made only if it could be undone, or must be.
"""

from typing import NamedTuple

from quanheng.maker import columns as c
from quanheng.maker import etf_orders, jumps, singles
from quanheng.maker.hedge_options import Leg, option_ways
from quanheng.maker.lifecycle import Life
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.monitors import alert, exposure
from quanheng.maker.parameters import INDEX, of_class
from quanheng.maker.quoting import in_session
from quanheng.maker.state import U_ASK, U_BID, U_PHASE, U_SPOT, State
from quanheng.maker.states import trader
from quanheng.terms.codes import Alert, Check, Link, OrderKind, Phase, Side, TradingState
from quanheng.terms.commands import ManualOrder
from quanheng.terms.days import day_nanos
from quanheng.terms.etf import ETF_LOT, ETF_STEP
from quanheng.terms.units import MONEY_PER_YUAN, SECOND, Lots, Nanos

MUST = 4
"""Bands beyond which delta is brought back by a purchase that cannot be undone today."""
WIDEST = 3
"""How many times as wide the band gets when there is next to nothing left to sell."""
PAUSE = 3 * SECOND
"""Between two hedges of a group: an answer and a new theory come first."""
MILLION = 1_000_000
PARTS = 10_000


class Way(NamedTuple):
    """One way to bring delta: its cost in ppm of the delta, and what to send."""

    cost: int
    klass: int
    qty: Lots  # units of the underlying, 0 when it is options
    legs: tuple[Leg, ...]


def groups(state: State, opened: MakerOpen) -> list[list[tuple[int, int]]]:
    """(class, beta in 1e-4) by group: classes with a beta together, every other one alone."""
    alone: list[list[tuple[int, int]]] = []
    together: list[tuple[int, int]] = []
    for klass, item in enumerate(opened.chain.classes):
        beta = of_class(state.parameters, item.start, "hedge_beta")
        if beta:
            together.append((klass, beta))
        else:
            alone.append([(klass, PARTS)])
    return [*alone, together] if together else alone


def hedge(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Look at every group once a second."""
    if not in_session(opened, day_nanos(at)):
        return
    for group in groups(state, opened):
        lead = group[0][0]
        if all(state.view.underlying[klass, U_PHASE] == Phase.CONTINUOUS for klass, _ in group):
            _look(state, opened, group, lead, at, effects)


def _look(
    state: State,
    opened: MakerOpen,
    group: list[tuple[int, int]],
    lead: int,
    at: Nanos,
    effects: Effects,
) -> None:
    classes = opened.chain.classes
    delta = 0
    for klass, beta in group:
        item = classes[klass]
        delta += round(exposure(state, item.start, item.stop)[0]) * beta // PARTS
    values = state.parameters.values[classes[lead].start]
    band = int(values[INDEX["hedge_band"]])
    etf = state.etf
    etf.watched[lead] += 1
    etf.inside[lead] += abs(delta) <= band
    zone = band * scarcity(state, opened, group) // PARTS
    if abs(delta) <= zone or not values[INDEX["hedge"]] or at - int(etf.acted_at[lead]) < PAUSE:
        return
    check = unreconciled(state, opened, group)
    if check is not None:
        args = (int(check), delta, band)
        alert(state, effects, at, Alert.HEDGE_BLOCKED, classes[lead].underlying, args)
        return
    left = zone * int(values[INDEX["hedge_target"]]) // PARTS
    wanted = -(delta - left if delta > 0 else delta + left) * 100
    etf.acted_at[lead] = at
    must = abs(delta) > MUST * band
    ways = [
        way for klass, beta in group for way in ways_of(state, opened, klass, beta, wanted, must)
    ]
    if not ways:
        args = (int(Check.P18_POSITION), delta, band)
        alert(state, effects, at, Alert.HEDGE_BLOCKED, classes[lead].underlying, args)
        return
    _send(state, opened, min(ways, key=lambda way: way.cost), wanted > 0, at, effects)


def scarcity(state: State, opened: MakerOpen, group: list[tuple[int, int]]) -> int:
    """By how much the band is widened, 1e-4: what may still be sold today is used up by selling
    and not renewed by buying (T+1), so the less is left the more a hedge must be worth.
    """
    widest = PARTS
    for klass, _ in group:
        first = (opened.etf_units or (0,) * len(opened.chain.classes))[klass]
        left = max(int(state.etf.sellable[klass]), 1)
        widest = max(widest, min(first * PARTS // left, WIDEST * PARTS))
    return widest


def unreconciled(state: State, opened: MakerOpen, group: list[tuple[int, int]]) -> Check | None:
    """What forbids a hedge whatever the delta: positions that are not known for certain, a class
    without a trader (a hedge carries one), or a state below HALTED.
    """
    scopes, work, unknown = state.scopes, state.work, int(Life.UNKNOWN)
    if not all(trader(scopes, opened.chain.classes[klass].underlying) for klass, _ in group):
        return Check.P01_STATE
    if state.gaps or scopes.link != Link.READY:
        return Check.P35_RECONCILIATION
    for klass, _ in group:
        item = opened.chain.classes[klass]
        part = slice(item.start, item.stop)
        if (state.desk[part, c.D_STATE] < TradingState.HALTED).any():
            return Check.P01_STATE
        lives = work[part][:, [c.W_STATE, c.W_COLUMNS + c.W_STATE]]
        lost = any(
            order.life == unknown and item.start <= order.slot < item.stop
            for order in state.orders.values()
        )
        stale = bool(state.view.stale[klass]) or jumps.doubted(state, klass)
        if (lives == unknown).any() or lost or stale or etf_orders.waiting(state, klass):
            return Check.P35_RECONCILIATION
    return None


def ways_of(
    state: State, opened: MakerOpen, klass: int, beta: int, wanted: int, must: bool = False
) -> list[Way]:
    """Ways of a class to bring `wanted` yuan of the group's delta, or a part of it."""
    own = wanted * PARTS // beta
    found = _underlying_way(state, opened, klass, own, must)
    found += [Way(cost, klass, 0, legs) for cost, legs in option_ways(state, opened, klass, own)]
    return [way._replace(cost=way.cost * PARTS // beta) for way in found]


def _underlying_way(
    state: State, opened: MakerOpen, klass: int, wanted: int, must: bool
) -> list[Way]:
    """A purchase is no larger than what could be sold again today, unless it `must` be."""
    row = state.view.underlying[klass]
    spot, bid, ask = int(row[U_SPOT]), int(row[U_BID]), int(row[U_ASK])
    if not state.etf.on or not 0 < bid < ask:
        return []
    start = opened.chain.classes[klass].start
    most = of_class(state.parameters, start, "max_value") * MONEY_PER_YUAN
    qty = min(abs(wanted) * MONEY_PER_YUAN, most) // protective(state, opened, klass, True)
    if wanted > 0:
        limit = protective(state, opened, klass, True)
        cash = state.etf.cash * MILLION // (MILLION + opened.etf_fee) - 1
        qty = min(qty, cash // limit)
        if not must:
            qty = min(qty, int(state.etf.sellable[klass]))
    else:
        qty = min(qty, int(state.etf.sellable[klass]))
    qty = min(qty, etf_orders.MOST_UNITS) // ETF_LOT * ETF_LOT
    if qty <= 0:
        return []
    away = ask - spot if wanted > 0 else spot - bid
    return [Way(away * MILLION // spot + opened.etf_fee, klass, qty, ())]


def protective(state: State, opened: MakerOpen, klass: int, buys: bool) -> int:
    """The protective price, on the price step."""
    spot = int(state.view.underlying[klass, U_SPOT])
    start = opened.chain.classes[klass].start
    slip = of_class(state.parameters, start, "hedge_slip")
    away = (spot + slip) // ETF_STEP if buys else -((slip - spot) // ETF_STEP)
    return away * ETF_STEP


def _send(
    state: State, opened: MakerOpen, way: Way, buys: bool, at: Nanos, effects: Effects
) -> None:
    if way.qty:
        side = Side.BUY if buys else Side.SELL
        limit = protective(state, opened, way.klass, buys)
        etf_orders.place(state, opened, way.klass, side, limit, way.qty, at, effects)
        return
    by = trader(state.scopes, opened.chain.classes[way.klass].underlying)
    for leg in way.legs:
        code = opened.chain.contracts[leg.slot].code
        order = ManualOrder(code, leg.side, OrderKind.LIMIT_FOK, leg.price, leg.qty, by)
        singles.place(state, opened, order, at, effects, etf_orders.HEDGE)
