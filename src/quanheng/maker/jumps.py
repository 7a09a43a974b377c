"""Absurd jumps of an underlying: not believed before they are confirmed (F43, I-31).

A tick further from the price in force than the parameter `absurd` begins a doubt: the price in
force stays what prices and hedges are made of, and the class's quotes are withdrawn, since a market
that really fell would trade against them. The doubt ends

- when a tick is back near the price in force: the jump was none;
- once it is `absurd_hold` old and either `absurd_ticks` ticks in a row agree with each other, or
  the options do: the price that put-call parity gives in the nearest expiry, from snapshots that
  came after the jump, is near the new price and not near the old one.

An underlying with neither stays unquoted, and people have been told.
"""

import numpy as np

from quanheng.maker import columns as c
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.monitors import alert
from quanheng.maker.parameters import of_class
from quanheng.maker.state import J_SINCE, J_SPOT, J_TICKS, U_SPOT, State
from quanheng.terms import market
from quanheng.terms.codes import Alert, Jump, Phase
from quanheng.terms.units import MILLISECOND, Nanos, Ticks

MILLION = 1_000_000
PAIRS = 3
"""Pairs that have to be quoted on all four sides before the options say anything."""


def doubted(state: State, klass: int) -> bool:
    """Whether a jump of the class's underlying waits for its confirmation."""
    return bool(state.view.doubt[klass, J_SINCE])


def believed(
    state: State, opened: MakerOpen, klass: int, spot: Ticks, at: Nanos, effects: Effects
) -> bool:
    """Whether a tick's price may be used. Begins, follows and ends the doubt of a class; whoever
    calls writes the states in force and plans when `doubted` has changed.
    """
    doubt, trusted = state.view.doubt[klass], int(state.view.underlying[klass, U_SPOT])
    limit = of_class(state.parameters, opened.chain.classes[klass].start, "absurd")
    if trusted <= 0 or _near(spot, trusted, limit):
        if doubt[J_SINCE]:
            _end(state, opened, klass, at, Jump.GONE, effects)
        return True
    if doubt[J_SINCE] and _near(spot, int(doubt[J_SPOT]), limit):
        doubt[J_SPOT], doubt[J_TICKS] = spot, doubt[J_TICKS] + 1
    else:
        doubt[:] = (at, spot, 1)
        _tell(state, opened, klass, at, Jump.DOUBTED, effects)
    return _confirmed(state, opened, klass, at, effects)


def overdue(state: State, opened: MakerOpen, klass: int, at: Nanos, effects: Effects) -> Ticks:
    """The price that time and the options have confirmed since the last tick, 0 for none."""
    spot = int(state.view.doubt[klass, J_SPOT])
    return spot if spot and _confirmed(state, opened, klass, at, effects) else 0


def _confirmed(state: State, opened: MakerOpen, klass: int, at: Nanos, effects: Effects) -> bool:
    since, spot, ticks = state.view.doubt[klass].tolist()
    start = opened.chain.classes[klass].start
    if at - since < of_class(state.parameters, start, "absurd_hold") * MILLISECOND:
        return False
    if ticks >= of_class(state.parameters, start, "absurd_ticks"):
        _end(state, opened, klass, at, Jump.TICKS, effects)
        return True
    parity = implied(state, klass, since)
    limit = of_class(state.parameters, start, "absurd")
    trusted = int(state.view.underlying[klass, U_SPOT])
    if parity and _near(parity, spot, limit) and not _near(parity, trusted, limit):
        _end(state, opened, klass, at, Jump.OPTIONS, effects)
        return True
    return False


def implied(state: State, klass: int, since: Nanos) -> Ticks:
    """The underlying's price by put-call parity in the class's nearest expiry: the median over its
    pairs, carry left out (days, where the limit is per cents). 0 where fewer than PAIRS are quoted
    or the class's last snapshot is not younger than `since`.
    """
    if int(state.view.tick_at[klass]) <= since:
        return 0
    meta, rows = state.tables.meta, state.view.rows
    mine = meta[meta[:, c.E_KLASS] == klass]
    if not len(mine):
        return 0
    first = mine[int(mine[:, c.E_LAST_DAY].argmin())]
    pairs = state.tables.pairs[first[c.E_PAIR_START] : first[c.E_PAIR_STOP]]
    calls, puts = rows[pairs[:, 0]], rows[pairs[:, 1]]
    sides = (calls[:, market.BID], calls[:, market.ASK], puts[:, market.BID], puts[:, market.ASK])
    live = (calls[:, market.PHASE] == Phase.CONTINUOUS) & (np.array(sides).min(axis=0) > 0)
    if int(live.sum()) < PAIRS:
        return 0
    call, put = sides[0] + sides[1], sides[2] + sides[3]
    found = np.sort((2 * pairs[:, 2] + call - put)[live])
    return int(found[found.size // 2]) // 2


def _near(one: Ticks, other: Ticks, limit: int) -> bool:
    return abs(one - other) * MILLION <= limit * other


def _end(
    state: State, opened: MakerOpen, klass: int, at: Nanos, how: Jump, effects: Effects
) -> None:
    _tell(state, opened, klass, at, how, effects)
    state.view.doubt[klass] = 0


def _tell(
    state: State, opened: MakerOpen, klass: int, at: Nanos, how: Jump, effects: Effects
) -> None:
    """SPOT_DOUBTED with what became of it, the price in force, the new one, ticks that agree."""
    _, spot, ticks = state.view.doubt[klass].tolist()
    args = (int(how), int(state.view.underlying[klass, U_SPOT]), spot, ticks)
    alert(state, effects, at, Alert.SPOT_DOUBTED, opened.chain.classes[klass].underlying, args)
