"""The rungs from P14 on, as functions of a context row, a want row, limits and totals.

Nothing here looks at one price: these rungs know the day, the class, the book and the records that
people entered. `twin` is the slow form. A rung that only stops what adds to a position uses
`increases`, so that the way back stays open.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import inlined
from quanheng.maker import columns as c
from quanheng.terms import codes

Ints = npt.NDArray[np.int64]

_CLOSE = int(codes.Effect.CLOSE)
ACCOUNT_OLD = 2
"""Flag of C_ACCOUNT: an account that is being left; 1 is the designated account (limits)."""


@inlined
def opening(w: Ints) -> tuple[int, int]:
    """Contracts that a want would buy open and sell open."""
    buys = w[c.Q_BID_QTY] if w[c.Q_BID_EFFECT] != _CLOSE else 0
    return buys, w[c.Q_ASK_QTY] if w[c.Q_ASK_EFFECT] != _CLOSE else 0


@inlined
def premium(x: Ints, w: Ints, limits: Ints) -> int:
    """Money a purchase costs, fees included (P21)."""
    qty = w[c.Q_BID_QTY]
    return int(w[c.Q_BID] * qty * x[c.C_UNIT] + qty * limits[c.L_FEE])


@inlined
def increases(x: Ints, w: Ints) -> bool:
    """True when a side could add to the contract's net position, or carry it through zero."""
    net = x[c.C_NET]
    return bool(w[c.Q_BID_QTY] > max(-net, 0) or w[c.Q_ASK_QTY] > max(net, 0))


@inlined
def _duplicate(x: Ints, w: Ints, limits: Ints) -> bool:
    """P14: the same contract, side, price and quantity too often in a moment."""
    most = limits[c.L_REPEATS]
    bid = w[c.Q_BID_QTY] > 0 and x[c.C_SAME_BID] >= most
    return bool(bid or (w[c.Q_ASK_QTY] > 0 and x[c.C_SAME_ASK] >= most))


@inlined
def _ratio(limits: Ints, totals: Ints) -> bool:
    """P17: many messages and few fills."""
    sent = totals[c.S_MESSAGES]
    return bool(
        sent > limits[c.L_MESSAGES] and sent > limits[c.L_RATIO] * max(totals[c.S_DEALS], 1)
    )


@inlined
def _greeks(x: Ints, w: Ints, limits: Ints, totals: Ints) -> bool:
    """P19: the worst case of each Greek of the class; without Greeks nothing may be added."""
    if (x[c.C_GREEKS] == 0 or totals[c.S_BLIND] > 0) and increases(x, w):
        return True
    for i in range(4):
        one = x[c.C_DELTA + i]
        bought = w[c.Q_BID_QTY] * one
        sold = -w[c.Q_ASK_QTY] * one
        up = max(bought, 0) + max(sold, 0)
        down = min(bought, 0) + min(sold, 0)
        most = limits[c.L_DELTA + i]
        if up > 0 and totals[c.S_DELTA_UP + 2 * i] + up > most:
            return True
        if down < 0 and totals[c.S_DELTA_DOWN + 2 * i] + down < -most:
            return True
    return False


@inlined
def _covered(x: Ints, w: Ints) -> bool:
    """P22: a covered sale needs the contract's unit of locked underlying for each contract."""
    return bool(x[c.C_COVERED] != 0 and w[c.Q_ASK_QTY] * x[c.C_UNIT] > x[c.C_LOCKED])


@inlined
def _expiry(x: Ints, w: Ints, limits: Ints, totals: Ints) -> bool:
    """P23: on the last trading day, no late opening short and none that could not be met."""
    _, sales = opening(w)
    if sales == 0 or x[c.C_LAST_DAY] == 0 or x[c.C_COVERED] != 0:
        return False
    late = totals[c.S_CLOCK] > limits[c.L_CUTOFF]
    return bool(late or totals[c.S_ASSIGN] + sales * x[c.C_ASSIGN] > totals[c.S_CASH])


@inlined
def _manual(x: Ints, w: Ints, limits: Ints) -> bool:
    """P30: a large order of a person wants a confirmation, a very large one a second person."""
    if x[c.C_ORIGIN] == 0:
        return False
    value = max(w[c.Q_BID] * w[c.Q_BID_QTY], w[c.Q_ASK] * w[c.Q_ASK_QTY]) * x[c.C_UNIT]
    alone = value > limits[c.L_SECOND] and x[c.C_CONFIRMED] < 2
    return bool(alone or (value > limits[c.L_CONFIRM] and x[c.C_CONFIRMED] == 0))


@inlined
def _duty(x: Ints, w: Ints) -> bool:
    """P27: a two-sided quote that would not count (Q-01, Q-02)."""
    if x[c.C_WIDEST] == 0 or w[c.Q_BID_QTY] == 0 or w[c.Q_ASK_QTY] == 0:
        return False
    small = min(w[c.Q_BID_QTY], w[c.Q_ASK_QTY]) < x[c.C_LEAST]
    return bool(w[c.Q_ASK] > x[c.C_WIDEST] or small)


@inlined
def _daily(x: Ints, w: Ints, limits: Ints, totals: Ints) -> bool:
    """P31: the class's orders, contracts, value and openings of the day, this one included."""
    buys, sales = opening(w)
    qty = w[c.Q_BID_QTY] + w[c.Q_ASK_QTY]
    value = (w[c.Q_BID] * w[c.Q_BID_QTY] + w[c.Q_ASK] * w[c.Q_ASK_QTY]) * x[c.C_UNIT]
    over = totals[c.S_DAY_ORDERS] + 1 > limits[c.L_DAY_ORDERS]
    over = over or totals[c.S_DAY_QTY] + qty > limits[c.L_DAY_QTY]
    over = over or totals[c.S_DAY_VALUE] + value > limits[c.L_DAY_VALUE]
    opens = buys + sales
    return bool(over or (opens > 0 and totals[c.S_DAY_OPENED] + opens > limits[c.L_DAY_OPENED]))


@inlined
def _breaker(check: int, limits: Ints, totals: Ints) -> bool:
    """P33, P34, P35: the exchange refuses, does not answer, or says what we do not know."""
    if check == 33:
        often = totals[c.S_REJECTS] >= limits[c.L_REJECTS]
        return bool(often or totals[c.S_REFUSED] >= limits[c.L_REFUSED])
    if check == 34:
        slow = totals[c.S_WAIT] > limits[c.L_WAIT] or totals[c.S_LATE] > limits[c.L_LATE]
        return bool(slow or totals[c.S_PENDING] > limits[c.L_PENDING])
    unknown = totals[c.S_UNEXPLAINED] > limits[c.L_UNEXPLAINED]
    return bool(unknown or totals[c.S_GAP] > limits[c.L_GAP])


@inlined
def _accounts(check: int, x: Ints, w: Ints, limits: Ints, totals: Ints) -> bool:
    """P36, P37, P38: agreement, the account that is being left, and both accounts together."""
    buys, sales = opening(w)
    opens = buys + sales
    if check == 36:
        return bool(x[c.C_AGREED] == 0 and (x[c.C_ORIGIN] == 0 or opens > 0))
    if opens == 0:
        return False
    if check == 37:
        over = totals[c.S_LONG] > limits[c.L_ORDINARY_LONG]
        over = over or totals[c.S_TOTAL] > limits[c.L_ORDINARY_TOTAL]
        return bool(x[c.C_ACCOUNT] & ACCOUNT_OLD and over)
    other = totals[c.S_OLD_LONG]
    if min(other, totals[c.S_OLD_TOTAL], totals[c.S_OLD_BUY_OPEN]) < 0:
        return True
    long = other + totals[c.S_LONG] + buys > limits[c.L_LONG]
    today = totals[c.S_OLD_BUY_OPEN] + totals[c.S_BUY_OPEN] + buys > limits[c.L_BUY_OPEN]
    whole = totals[c.S_OLD_TOTAL] + totals[c.S_TOTAL] + opens > limits[c.L_TOTAL]
    return bool(whole or (buys > 0 and (long or today)))


@inlined
def _stop(check: int, x: Ints, w: Ints, limits: Ints, totals: Ints) -> bool:
    """P25, P26: a loss or a value at risk beyond its limit, or no fresh figure of the latter."""
    if not increases(x, w):
        return False
    if check == 25:
        lost = totals[c.S_LOSS] > limits[c.L_LOSS]
        return bool(lost or totals[c.S_LOSS_DESK] > limits[c.L_LOSS_DESK])
    return bool(totals[c.S_VAR] < 0 or totals[c.S_VAR] > limits[c.L_VAR])


@inlined
def broken_guard(check: int, x: Ints, w: Ints, limits: Ints, totals: Ints) -> bool:
    """True when a rung of this file is broken; False for every other number."""
    if check <= 23:
        if check == 14:
            return _duplicate(x, w, limits)
        if check == 16:
            return bool(x[c.C_FILLS] > limits[c.L_FILLS])
        if check == 17:
            return _ratio(limits, totals)
        if check == 19:
            return _greeks(x, w, limits, totals)
        if check == 21:
            cost = premium(x, w, limits)
            return bool(cost > 0 and totals[c.S_PREMIUM] + cost > totals[c.S_CASH])
        if check == 22:
            return _covered(x, w)
        return bool(check == 23 and _expiry(x, w, limits, totals))
    if check <= 29:
        if check <= 26:
            return check >= 25 and _stop(check, x, w, limits, totals)
        if check == 27:
            return _duty(x, w)
        return bool(x[c.C_FILED] == 0 if check == 28 else x[c.C_APPROVED] == 0)
    if check == 30:
        return _manual(x, w, limits)
    if check == 31:
        return _daily(x, w, limits, totals)
    if check == 32:
        return bool(x[c.C_ACCOUNT] == 0)
    if check <= 35:
        return _breaker(check, limits, totals)
    return check <= 38 and _accounts(check, x, w, limits, totals)


@inlined
def reserve_guard(x: Ints, w: Ints, limits: Ints, totals: Ints) -> None:
    """Claim what a passed want may use up of these totals."""
    _, sales = opening(w)
    for i in range(4):
        one = x[c.C_DELTA + i]
        bought = w[c.Q_BID_QTY] * one
        sold = -w[c.Q_ASK_QTY] * one
        totals[c.S_DELTA_UP + 2 * i] += max(bought, 0) + max(sold, 0)
        totals[c.S_DELTA_DOWN + 2 * i] += min(bought, 0) + min(sold, 0)
    totals[c.S_PREMIUM] += premium(x, w, limits)
    totals[c.S_ASSIGN] += sales * x[c.C_ASSIGN]
    totals[c.S_MESSAGES] += 1
    totals[c.S_DAY_ORDERS] += 1
