"""Figures behind the guards: Greeks, money and waiting times of a class, and what the later rungs
of the ladder know about a want.
"""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel
from quanheng.maker import columns as c
from quanheng.maker import guard_state as s
from quanheng.maker import quote_kernels as q
from quanheng.maker.lifecycle import Life
from quanheng.maker.order_kernels import worst_case
from quanheng.terms import market

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_UNKNOWN = int(Life.UNKNOWN)
_CANCELLING = int(Life.CANCELLING)
_MONEY = 1e4
_DAYS = 243.0

SAME_WINDOW = 200_000_000
"""P14: nanoseconds within which equal messages are counted."""
FILL_WINDOW = 5_000_000_000
"""P16: nanoseconds of its monitor."""


@kernel
def greeks_of(slot: int, fixed: Ints, theo: Floats, fits: Floats, out: Ints) -> bool:
    """Money of one contract into out[0..3]: delta per 1 %, gamma per 1 % per 1 %, vega per vol
    point, theta per trading day. False and zeros without theory.
    """
    for i in range(4):
        out[i] = 0
    row = theo[slot]
    if not (math.isfinite(row[c.T_PRICE]) and math.isfinite(row[c.T_VEGA])):
        return False
    unit = fixed[slot, c.F_UNIT] * _MONEY
    forward = fits[fixed[slot, c.F_EXPIRY], c.X_FORWARD]
    if not math.isfinite(forward):
        return False
    out[0] = math.floor(unit * row[c.T_DELTA] * forward * 0.01 + 0.5)
    out[1] = math.floor(unit * row[c.T_GAMMA] * forward * forward * 1e-4 + 0.5)
    out[2] = math.floor(unit * row[c.T_VEGA] * 0.01 + 0.5)
    out[3] = math.floor(unit * row[c.T_THETA] / _DAYS + 0.5)
    return True


@kernel
def assignment(row: Ints, days: int, spot: int) -> int:
    """Money one short contract may need on its last day: what a call or put within 2 % of the
    money, or in it, takes to deliver or to pay (P23).
    """
    if days > 0:
        return 0
    strike = row[c.F_STRIKE]
    if row[c.F_SIGN] > 0:
        return int(spot * row[c.F_UNIT]) if 100 * spot > 98 * strike else 0
    return int(strike * row[c.F_UNIT]) if 100 * spot < 102 * strike else 0


@kernel
def _interest(row: Ints, standing: Ints, side: int) -> int:
    """Quantity that may trade on a side, at full size."""
    base = side * c.W_COLUMNS
    orders = standing[c.D_ORDER_BUY if side == c.BID_SIDE else c.D_ORDER_SELL]
    waiting = row[base + c.W_PEND_QTY] - row[base + c.W_PEND_FILLED]
    return int(row[base + c.W_LIVE_QTY] + waiting + orders)


@kernel
def _waiting(row: Ints, at: int, out: Ints) -> None:
    """Unanswered messages of both sides, and the age of the oldest (P34); UNKNOWN ones are the
    link's affair and count as exposure.
    """
    for side in range(2):
        base = side * c.W_COLUMNS
        state = row[base + c.W_STATE]
        sent = row[base + c.W_PEND_ID] != 0 and state != _UNKNOWN
        if sent or state == _CANCELLING:
            out[c.S_PENDING] += 1
            out[c.S_WAIT] = max(out[c.S_WAIT], at - row[base + c.W_SENT_AT])


@kernel
def class_figures(
    fixed: Ints,
    meta: Ints,
    theo: Floats,
    fits: Floats,
    work: Ints,
    desk: Ints,
    long: Ints,
    short: Ints,
    covered: Ints,
    bought: Ints,
    long_cost: Ints,
    short_cost: Ints,
    covered_cost: Ints,
    realised: Ints,
    fees: Ints,
    numbers: Ints,
    out: Ints,
) -> None:
    """Columns S_LONG to S_FUNDS and S_DELTA_UP to S_PENDING of the slots numbers[0..1] into `out`,
    from the columns of the book.

    numbers = (start, stop, spot in Ticks, at).
    """
    worst_case(fixed, work, desk, long, short, covered, bought, numbers[0], numbers[1], out)
    for column in range(c.S_DELTA_UP, c.S_CASH):
        out[column] = 0
    greeks = np.empty(4, dtype=np.int64)
    for slot in range(numbers[0], numbers[1]):
        row, own, standing = fixed[slot], work[slot], desk[slot]
        net = long[slot] - short[slot] - covered[slot]
        buys = _interest(own, standing, c.BID_SIDE)
        sells = _interest(own, standing, c.ASK_SIDE)
        seen = greeks_of(slot, fixed, theo, fits, greeks)
        if not seen and (net != 0 or buys + sells > 0):
            out[c.S_BLIND] += 1
        for i in range(4):
            held, bought, sold = net * greeks[i], buys * greeks[i], -sells * greeks[i]
            out[c.S_DELTA_UP + 2 * i] += held + max(bought, 0) + max(sold, 0)
            out[c.S_DELTA_DOWN + 2 * i] += held + min(bought, 0) + min(sold, 0)
        premium = standing[c.D_ORDER_BUY] * standing[c.D_REST_BUY]
        premium += own[c.W_LIVE_QTY] * own[c.W_LIVE_PX]
        premium += (own[c.W_PEND_QTY] - own[c.W_PEND_FILLED]) * own[c.W_PEND_PX]
        out[c.S_PREMIUM] += premium * row[c.F_UNIT]
        need = assignment(row, meta[row[c.F_EXPIRY], c.E_DAYS], numbers[2])
        closing = q.closing(own, standing, c.ASK_SIDE)
        out[c.S_ASSIGN] += need * (short[slot] + max(sells - closing, 0))
        price = theo[slot, c.T_PRICE]
        mark = math.floor(price * 1e4 + 0.5) if math.isfinite(price) else row[c.F_SETTLE]
        behind = long_cost[slot] - short_cost[slot] - covered_cost[slot]
        out[c.S_LOSS] += behind - realised[slot] + fees[slot] - net * mark * row[c.F_UNIT]
        _waiting(own, numbers[3], out)


@kernel
def sum_classes(worst: Ints, klass: int, out: Ints) -> None:
    """out[S] = the counts of a class, with the whole book's where the book counts: funds, premium,
    assignment, what has no answer and the longest wait, and the desk's loss.
    """
    for column in range(worst.shape[1]):
        out[column] = worst[klass, column]
    out[c.S_LOSS_DESK] = out[c.S_LOSS]
    for other in range(worst.shape[0]):
        if other == klass:
            continue
        row = worst[other]
        out[c.S_FUNDS] += row[c.S_FUNDS]
        out[c.S_PREMIUM] += row[c.S_PREMIUM]
        out[c.S_ASSIGN] += row[c.S_ASSIGN]
        out[c.S_PENDING] += row[c.S_PENDING]
        out[c.S_LOSS_DESK] += row[c.S_LOSS]
        out[c.S_WAIT] = max(out[c.S_WAIT], row[c.S_WAIT])


@kernel
def _same(row: Ints, price: int, qty: int, at: int) -> int:
    """How often this price and quantity went out within the window."""
    if row[s.R_PRICE] != price or row[s.R_QTY] != qty or at - row[s.R_SINCE] >= SAME_WINDOW:
        return 0
    return int(row[s.R_COUNT])


@kernel
def gather_guards(
    want: Ints,
    fixed: Ints,
    meta: Ints,
    rows: Ints,
    theo: Floats,
    fits: Floats,
    desk: Ints,
    repeats: Ints,
    standing: Ints,
    g: Ints,
    spot: int,
    out: Ints,
) -> None:
    """Columns C_SAME_BID to C_APPROVED of the contexts int64[n, C] of a class's want rows."""
    greeks = np.empty(4, dtype=np.int64)
    at = g[q.G_AT]
    for i in range(want.shape[0]):
        w, x = want[i], out[i]
        slot = w[c.Q_SLOT]
        row = fixed[slot]
        sent = repeats[slot]
        x[c.C_SAME_BID] = _same(sent, w[c.Q_BID], w[c.Q_BID_QTY], at)
        x[c.C_SAME_ASK] = _same(sent[s.R_COLUMNS :], w[c.Q_ASK], w[c.Q_ASK_QTY], at)
        recent = at - desk[slot, c.D_FILLS_SINCE] <= FILL_WINDOW
        x[c.C_FILLS] = desk[slot, c.D_FILLS] if recent else 0
        x[c.C_GREEKS] = 1 if greeks_of(slot, fixed, theo, fits, greeks) else 0
        for k in range(4):
            x[c.C_DELTA + k] = greeks[k]
        days = meta[row[c.F_EXPIRY], c.E_DAYS]
        x[c.C_COVERED] = 0
        x[c.C_LOCKED] = 0
        x[c.C_LAST_DAY] = 1 if days <= 0 else 0
        x[c.C_ASSIGN] = assignment(row, days, spot)
        two = w[c.Q_BID_QTY] > 0 and w[c.Q_ASK_QTY] > 0
        x[c.C_WIDEST] = q.widest_ask(w[c.Q_BID], row) if two else 0
        x[c.C_LEAST] = q.least_size(rows[slot, market.PHASE], g)
        x[c.C_ORIGIN] = 0
        x[c.C_CONFIRMED] = 0
        for k in range(4):
            x[c.C_ACCOUNT + k] = standing[s.G_ACCOUNT + k]


@kernel
def note_sent(repeats: Ints, want: Ints, at: int) -> None:
    """Remember what went out, for P14; a run of equal messages begins anew after the window."""
    for i in range(want.shape[0]):
        w = want[i]
        for side in range(2):
            base = c.Q_BID if side == c.BID_SIDE else c.Q_ASK
            if w[base + 1] == 0:
                continue
            row = repeats[w[c.Q_SLOT], side * s.R_COLUMNS : (side + 1) * s.R_COLUMNS]
            before = _same(row, w[base], w[base + 1], at)
            if before == 0:
                row[s.R_PRICE], row[s.R_QTY], row[s.R_SINCE] = w[base], w[base + 1], at
            row[s.R_COUNT] = before + 1
