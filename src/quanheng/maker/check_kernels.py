"""The ladder over tables: `mask(context, want, limits, totals, actions)` (borders.md 4).

Every rung is one small function of a context row (what is known about the contract), a want row
(what is to be sent) and a limits row; it answers True when the rung is broken. The rungs from P14
on are in `guard_kernels`. `checks.review` is the slow twin that people's orders pass, and tests
hold the two equal.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import inlined, kernel
from quanheng.maker import columns as c
from quanheng.maker.guard_kernels import broken_guard, reserve_guard
from quanheng.terms import codes

Ints = npt.NDArray[np.int64]

_OPEN = int(codes.TradingState.OPEN)
_REDUCING = int(codes.TradingState.REDUCING)
_AUCTION_PHASES = (
    int(codes.Phase.OPENING),
    int(codes.Phase.INTRADAY),
    int(codes.Phase.CLOSING),
)
_CONTINUOUS = int(codes.Phase.CONTINUOUS)
_CLOSE = int(codes.Effect.CLOSE)
_ALLOW = int(codes.Action.ALLOW)
_WARN = int(codes.Action.WARN)
_SALE_BARRED = 2
_PURCHASE_BARRED = 4
_ACCEPTS = 8
_SHARE = 10_000


@inlined
def _state(x: Ints, w: Ints) -> bool:
    """P01: only OPEN, or REDUCING for what reduces the net position."""
    if x[c.C_STATE] == _OPEN:
        return False
    if x[c.C_STATE] != _REDUCING:
        return True
    return bool(w[c.Q_BID_QTY] > max(-x[c.C_NET], 0) or w[c.Q_ASK_QTY] > max(x[c.C_NET], 0))


@inlined
def _phase(x: Ints, w: Ints) -> bool:
    """P03: the phase takes orders, and nothing that rests may be replaced where none may leave."""
    phase = x[c.C_PHASE]
    auction = (
        phase == _AUCTION_PHASES[0] or phase == _AUCTION_PHASES[1] or phase == _AUCTION_PHASES[2]
    )
    if not (auction or phase == _CONTINUOUS) or not x[c.C_FLAGS] & _ACCEPTS:
        return True
    return bool(x[c.C_FROZEN] != 0 and x[c.C_REPLACES] != 0)


@inlined
def _contract(x: Ints, w: Ints) -> bool:
    """P04: the exchange bars opening purchases or sales of the contract."""
    buys = w[c.Q_BID_QTY] > 0 and w[c.Q_BID_EFFECT] != _CLOSE
    sells = w[c.Q_ASK_QTY] > 0 and w[c.Q_ASK_EFFECT] != _CLOSE
    flags = x[c.C_FLAGS]
    return bool((buys and flags & _PURCHASE_BARRED) or (sells and flags & _SALE_BARRED))


@inlined
def _quantity(x: Ints, w: Ints, limits: Ints) -> bool:
    """P06: positive somewhere, negative nowhere, at most the exchange's and the own largest."""
    bid = w[c.Q_BID_QTY]
    ask = w[c.Q_ASK_QTY]
    most = min(x[c.C_QTY_MAX], limits[c.L_QTY])
    return bool(bid < 0 or ask < 0 or bid + ask == 0 or bid > most or ask > most)


@inlined
def _price_off(price: int, x: Ints) -> bool:
    below = price < x[c.C_DOWN] or price <= 0
    return bool(below or price > x[c.C_UP] or price % x[c.C_STEP] != 0)


@inlined
def _price(x: Ints, w: Ints) -> bool:
    """P07: a multiple of the step inside the day's price limits."""
    bid = w[c.Q_BID_QTY] > 0 and _price_off(w[c.Q_BID], x)
    return bool(bid or (w[c.Q_ASK_QTY] > 0 and _price_off(w[c.Q_ASK], x)))


@inlined
def _value(x: Ints, w: Ints, limits: Ints) -> bool:
    """P08: price x quantity x unit of a side."""
    most = limits[c.L_VALUE]
    bid = w[c.Q_BID] * w[c.Q_BID_QTY] * x[c.C_UNIT]
    return bool(bid > most or w[c.Q_ASK] * w[c.Q_ASK_QTY] * x[c.C_UNIT] > most)


@inlined
def _far(price: int, qty: int, reference: int, share: int, ticks: int) -> bool:
    """A carried price further from a reference than both a share of it and some ticks."""
    if qty == 0:
        return False
    gap = abs(price - reference)
    return bool(gap > ticks and gap * _SHARE > share * reference)


@inlined
def _theo_collar(x: Ints, w: Ints, limits: Ints) -> bool:
    """P09: near a valid, fresh theoretical price."""
    theo = x[c.C_THEO]
    if theo < 0 or x[c.C_THEO_AGE] > limits[c.L_THEO_AGE]:
        return True
    share = limits[c.L_THEO_SHARE]
    ticks = limits[c.L_THEO_TICKS]
    bid = _far(w[c.Q_BID], w[c.Q_BID_QTY], theo, share, ticks)
    return bid or _far(w[c.Q_ASK], w[c.Q_ASK_QTY], theo, share, ticks)


@inlined
def _last_collar(x: Ints, w: Ints, limits: Ints) -> bool:
    """P10: near the others' mid, else the last trade; without either there is nothing to test."""
    last = x[c.C_LAST]
    if last <= 0:
        return False
    share = limits[c.L_LAST_SHARE]
    ticks = limits[c.L_LAST_TICKS]
    bid = _far(w[c.Q_BID], w[c.Q_BID_QTY], last, share, ticks)
    return bid or _far(w[c.Q_ASK], w[c.Q_ASK_QTY], last, share, ticks)


@inlined
def _own_collar(x: Ints, w: Ints, limits: Ints) -> bool:
    """P11: near the own previous quote, side by side."""
    share = limits[c.L_OWN_SHARE]
    ticks = limits[c.L_OWN_TICKS]
    bid = x[c.C_OWN_BID] > 0 and _far(w[c.Q_BID], w[c.Q_BID_QTY], x[c.C_OWN_BID], share, ticks)
    ask = x[c.C_OWN_ASK] > 0 and _far(w[c.Q_ASK], w[c.Q_ASK_QTY], x[c.C_OWN_ASK], share, ticks)
    return bool(bid or ask)


@inlined
def _crossing(x: Ints, w: Ints, limits: Ints) -> bool:
    """P12: bid below ask, and in continuous trading not beyond the visible opposite best."""
    bids = w[c.Q_BID_QTY] > 0
    asks = w[c.Q_ASK_QTY] > 0
    if bids and asks and w[c.Q_BID] >= w[c.Q_ASK]:
        return True
    if x[c.C_PHASE] != _CONTINUOUS:
        return False
    room = limits[c.L_CROSS]
    over = bids and x[c.C_OTHER_ASK] > 0 and w[c.Q_BID] > x[c.C_OTHER_ASK] + room
    under = asks and x[c.C_OTHER_BID] > 0 and w[c.Q_ASK] < x[c.C_OTHER_BID] - room
    return bool(over or under)


@inlined
def _self_trade(x: Ints, w: Ints) -> bool:
    """P13: nothing that could meet own interest which this message does not replace."""
    up = w[c.Q_BID_QTY] > 0 and x[c.C_REST_SELL] > 0 and w[c.Q_BID] >= x[c.C_REST_SELL]
    down = w[c.Q_ASK_QTY] > 0 and x[c.C_REST_BUY] > 0 and w[c.Q_ASK] <= x[c.C_REST_BUY]
    return bool(up or down)


@inlined
def _position(x: Ints, w: Ints, limits: Ints, totals: Ints) -> bool:
    """P18: worst case of the contract's net position and of the class's three counts."""
    bid = w[c.Q_BID_QTY]
    ask = w[c.Q_ASK_QTY]
    most = limits[c.L_POSITION]
    if bid > 0 and x[c.C_NET] + x[c.C_WORK_BUY] + bid > most:
        return True
    if ask > 0 and x[c.C_WORK_SELL] + ask - x[c.C_NET] > most:
        return True
    opens = bid if w[c.Q_BID_EFFECT] != _CLOSE else 0
    sales = ask if w[c.Q_ASK_EFFECT] != _CLOSE else 0
    if opens > 0 and totals[c.S_LONG] + opens > limits[c.L_LONG]:
        return True
    if opens > 0 and totals[c.S_BUY_OPEN] + opens > limits[c.L_BUY_OPEN]:
        return True
    return bool(opens + sales > 0 and totals[c.S_TOTAL] + opens + sales > limits[c.L_TOTAL])


@inlined
def funds_of(x: Ints, w: Ints) -> int:
    """Money a want claims: premium of its purchase and margin of its opening sale."""
    premium = w[c.Q_BID] * w[c.Q_BID_QTY] * x[c.C_UNIT]
    opens = w[c.Q_ASK_EFFECT] != _CLOSE
    return int(premium + (w[c.Q_ASK_QTY] * x[c.C_MARGIN] if opens else 0))


@inlined
def _open_close(x: Ints, w: Ints) -> bool:
    """P24: closing no more than the position less what already claims it."""
    buys = w[c.Q_BID_QTY] if w[c.Q_BID_EFFECT] == _CLOSE else 0
    sells = w[c.Q_ASK_QTY] if w[c.Q_ASK_EFFECT] == _CLOSE else 0
    short = buys > 0 and buys > x[c.C_SHORT] - x[c.C_CLOSING_BUY]
    return bool(short or (sells > 0 and sells > x[c.C_LONG] - x[c.C_CLOSING_SELL]))


@inlined
def _broken_order(check: int, x: Ints, w: Ints, limits: Ints, totals: Ints) -> bool:
    """P01 to P08."""
    if check == 1:
        return _state(x, w)
    if check == 2:
        return bool(totals[c.S_EPOCHS] > 0)
    if check == 3:
        return _phase(x, w)
    if check == 4:
        return _contract(x, w)
    if check == 5:
        return bool(x[c.C_PERMITTED] == 0)
    if check == 6:
        return _quantity(x, w, limits)
    return _price(x, w) if check == 7 else _value(x, w, limits)


@inlined
def _broken(check: int, x: Ints, w: Ints, limits: Ints, totals: Ints) -> bool:
    """True when the rung is broken."""
    if check <= 8:
        return _broken_order(check, x, w, limits, totals)
    if check <= 13:
        if check == 9:
            return _theo_collar(x, w, limits)
        if check == 10:
            return _last_collar(x, w, limits)
        if check == 11:
            return _own_collar(x, w, limits)
        return _crossing(x, w, limits) if check == 12 else _self_trade(x, w)
    if check == 15:
        return bool(totals[c.S_TOKENS] - 1 < limits[c.L_RESERVE])
    if check == 18:
        return _position(x, w, limits, totals)
    if check == 20:
        claim = funds_of(x, w)
        return bool(claim > 0 and totals[c.S_FUNDS] + claim > limits[c.L_FUNDS])
    if check == 24:
        return _open_close(x, w)
    return broken_guard(check, x, w, limits, totals)


@inlined
def reserve(x: Ints, w: Ints, limits: Ints, totals: Ints) -> None:
    """Claim what a passed want may use up, before the next row is judged."""
    opens = w[c.Q_BID_QTY] if w[c.Q_BID_EFFECT] != _CLOSE else 0
    sales = w[c.Q_ASK_QTY] if w[c.Q_ASK_EFFECT] != _CLOSE else 0
    totals[c.S_LONG] += opens
    totals[c.S_BUY_OPEN] += opens
    totals[c.S_TOTAL] += opens + sales
    totals[c.S_FUNDS] += funds_of(x, w)
    totals[c.S_TOKENS] -= 1
    reserve_guard(x, w, limits, totals)


@kernel
def mask(context: Ints, want: Ints, limits: Ints, soft: Ints, totals: Ints, actions: Ints) -> int:
    """Judge want rows in order; each gets the first failing code and first warning (0 none).

    context int64[n, C], want int64[n, Q], limits and soft int64[slots, L], totals int64[S], actions
    int64[checks + 1, A] by check number. A rung warns when its action says so or when it
    breaks at the soft limits only (I-36, I-42). What passes is reserved in totals at once. Returns
    the number of rows that passed.
    """
    passed = 0
    for i in range(want.shape[0]):
        x = context[i]
        w = want[i]
        row = limits[w[c.Q_SLOT]]
        near = soft[w[c.Q_SLOT]]
        code = 0
        warned = 0
        for check in range(1, actions.shape[0]):
            action = actions[check, c.A_ACTION]
            if action == _ALLOW:
                continue
            if action != _WARN and _broken(check, x, w, row, totals):
                code = check
                break
            warns = action == _WARN or actions[check, c.A_SOFT] != 0
            if warns and warned == 0 and _broken(check, x, w, near, totals):
                warned = check
        w[c.Q_CODE] = code
        w[c.Q_WARNED] = warned
        if code == 0:
            reserve(x, w, row, totals)
            passed += 1
    return passed
