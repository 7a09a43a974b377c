"""A position near its limit is taken back to the market before its duty suffers (Q-03, I-36).

The house's position limit is no exemption (Q-07): a contract that stands at it cannot show the side
that would add and loses its participation. Leaning and strain invite others to take the position;
where nobody comes, as when everybody buys the same calls, the desk pays: beyond `shed` of its limit
a contract's excess goes, once a second and in small lots, to whoever quotes on the other side at a
price that costs no more than half of A(b). Every such order passes the ladder.
"""

import numpy as np

from quanheng.books.positions import nets
from quanheng.maker import columns as c
from quanheng.maker import singles
from quanheng.maker.hedge_options import MOST, best_of_others, paid
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.parameters import INDEX
from quanheng.maker.quote_kernels import widest_ask
from quanheng.maker.quoting import in_session
from quanheng.maker.state import State
from quanheng.maker.states import trader
from quanheng.terms.codes import Link, OrderKind, Side, TradingState
from quanheng.terms.commands import ManualOrder
from quanheng.terms.days import day_nanos
from quanheng.terms.units import Lots, Nanos, Slot, Ticks

SHED = ("shed", "1")
"""Strategy and version of these orders: the machine's own care, as a hedge is."""
AT_ONCE = 20
"""Contracts of the chain looked at in a second, the fullest first: a burst would be a signal."""
_PARTS = 10_000
_SHARE = INDEX["shed"]


def shed(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Send what is beyond its share of the position limit away, as far as others take it now."""
    if state.scopes.link != Link.READY or not in_session(opened, day_nanos(at)):
        return
    net = nets(state.book)
    allowed = state.parameters.values[:, _SHARE] * state.limits[:, c.L_POSITION] // _PARTS
    over = np.abs(net) - allowed
    full = np.flatnonzero(over > 0)
    for slot in full[np.argsort(-over[full], kind="stable")][:AT_ONCE].tolist():
        side = Side.SELL if net[slot] > 0 else Side.BUY
        price, qty = _offered(state, slot, side, int(over[slot]))
        contract = opened.chain.contracts[slot]
        by = trader(state.scopes, contract.underlying)
        if qty > 0 and by:
            order = ManualOrder(contract.code, side, OrderKind.LIMIT_FOK, price, qty, by)
            singles.place(state, opened, order, at, effects, SHED)


def _offered(state: State, slot: Slot, side: Side, over: Lots) -> tuple[Ticks, Lots]:
    """(price, quantity) that may go now; quantity 0 while one is on its way, in a state that does
    not trade, and where nobody offers a price worth taking.
    """
    standing = state.desk[slot]
    waits = int(standing[c.D_ORDER_BUY] + standing[c.D_ORDER_SELL])
    offer = best_of_others(state, slot, side)
    if waits or standing[c.D_STATE] < TradingState.REDUCING or not offer.price:
        return 0, 0
    most = int(widest_ask(offer.price, state.tables.fixed[slot])) - offer.price
    if 2 * paid(state, slot, side, offer.price) > most:
        return 0, 0
    return offer.price, min(offer.qty, over, MOST)
