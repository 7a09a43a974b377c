"""Kernels that turn targets into want rows, drops and ladder contexts for one class."""

import math

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.strategies import layout as s
from quanheng.kernels.desk.strategies.choose import quote
from quanheng.kernels.jit import kernel
from quanheng.maker import columns as c
from quanheng.maker import parameters as p
from quanheng.maker import quote_kernels as q
from quanheng.maker import strategy_kernels as k
from quanheng.maker.lifecycle import Life
from quanheng.maker.point_kernels import others_best
from quanheng.terms import codes, market

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_NONE = int(Life.NONE)
_WORKING = int(Life.WORKING)
_UNKNOWN = int(Life.UNKNOWN)
_CONTINUOUS = int(codes.Phase.CONTINUOUS)
_HALT = int(codes.Phase.HALT)
_CLOSED = int(codes.Phase.CLOSED)
_REDUCING = int(codes.TradingState.REDUCING)
_SYNCING = int(codes.TradingState.SYNCING)
_ACCEPTS = 8
_RECENT = 60_000_000_000


@kernel
def _drop(work: Ints, bid: bool, ask: bool, unknown: bool, slot: int, drop: Ints) -> bool:
    """Write a cancel row for the sides that can be cancelled now; True if there is one."""
    drop[0] = slot
    any_side = False
    for side in range(2):
        base = side * c.W_COLUMNS
        state = work[base + c.W_STATE]
        asked = bid if side == c.BID_SIDE else ask
        free = work[base + c.W_CANCEL_ID] == 0
        can = asked and free and (state == _WORKING or (unknown and state == _UNKNOWN))
        drop[1 + side] = 1 if can else 0
        any_side = any_side or can
    return any_side


@kernel
def answers_by_hand(standing: Ints, value: float, at: int) -> bool:
    """True while a person's answer to an inquiry stands in place of the strategy's prices.

    A price that theory has passed is no longer anybody's answer: then the strategy's prices, which
    still comply, hold the quote.
    """
    inside = standing[c.D_ANSWER_BID] <= value <= standing[c.D_ANSWER_ASK]
    return bool(at < standing[c.D_ANSWER_UNTIL] and inside)


@kernel
def _beyond_theory(bid: int, ask: int, value: float, row: Ints, owed: bool) -> tuple[int, int]:
    """Keep both sides on their side of theory. While an inquiry's answer is held a side goes no
    further than the quote still counts (Q-06): the others' old prices bar the other side's way.
    """
    step = row[c.F_STEP]
    low = math.floor(value / step) * step
    high = math.ceil(value / step) * step
    if low < bid:
        bid = max(low, q.lowest_bid(ask, row)) if owed else low
    if high > ask:
        ask = min(high, q.widest_ask(bid, row)) if owed else high
    return bid, ask


@kernel
def ask_strategy(
    fixed: Ints,
    phase: int,
    theo: Floats,
    params: Ints,
    standing: Ints,
    net: int,
    fit: Floats,
    stock: Floats,
    g: Ints,
    x: Floats,
    answer: Floats,
) -> tuple[int, int]:
    """Let the strategy of a contract answer, strained near its position limit, from the numbers x.

    `stock` has the class's and the strikes' inventory. Returns the least quantity that counts now
    and that of a competitive side.
    """
    stock[k.FORWARD], stock[k.UNSURE] = fit[c.X_FORWARD], fit[c.X_UNSURE]
    least = q.least_size(phase, g)
    qty = params[p.P_AUCTION_QTY] if q.is_auction(phase) else params[p.P_QUOTE_QTY]
    qty = min(max(qty, least), fixed[c.F_QTY_MAX])
    k.fill_inputs(net, fixed, theo, params, standing, stock, g, least, qty, x)
    quote(params[p.P_STRATEGY], x, answer)
    k.strain(net, params, x, answer)
    return least, qty


@kernel
def _target(
    fixed: Ints,
    seen: Ints,
    theo: Floats,
    params: Ints,
    work: Ints,
    standing: Ints,
    held: Ints,
    fit: Floats,
    stock: Floats,
    g: Ints,
    x: Floats,
    answer: Floats,
    out: Ints,
) -> None:
    """out = (bid, quantity, effect, ask, quantity, effect) of a contract that may be quoted."""
    phase, net = seen[market.PHASE], held[c.H_LONG] - held[c.H_SHORT]
    least, qty = ask_strategy(fixed, phase, theo, params, standing, net, fit, stock, g, x, answer)
    owed = g[q.G_AT] < standing[c.D_INQUIRY_UNTIL]
    due = q.is_auction(phase) or owed or fixed[c.F_DESIGNATED] != 0
    bid, ask = k.on_step(answer, x[s.VALUE], fixed, due)
    if phase == _CONTINUOUS:
        other_bid = others_best(seen, c.BID_SIDE, work)
        other_ask = others_best(seen, c.ASK_SIDE, work)
        bid, ask = q.inside(bid, ask, other_bid, other_ask, fixed)
        if g[q.G_PROTECT] != 0:
            # Better a wide quote for half a second than one on the wrong side of theory.
            bid, ask = _beyond_theory(bid, ask, theo[c.T_PRICE] * 1e4, fixed, owed)
    for side in range(2):
        qtys = math.floor(answer[s.BID_QTY + side] + 0.5)
        out[side] = min(max(qtys, least), qty) if qtys > 0 else 0
    if answers_by_hand(standing, theo[c.T_PRICE] * 1e4, g[q.G_AT]):
        bid, ask = standing[c.D_ANSWER_BID], standing[c.D_ANSWER_ASK]
        out[0] = min(standing[c.D_ANSWER_BID_QTY], fixed[c.F_QTY_MAX])
        out[1] = min(standing[c.D_ANSWER_ASK_QTY], fixed[c.F_QTY_MAX])
    bid_qty, bid_effect, ask_qty, ask_effect = q.sides(
        fixed, seen, work, standing, params, held, g, out
    )
    out[0] = bid
    out[1] = bid_qty if bid >= max(fixed[c.F_DOWN], 1) else 0
    out[2] = bid_effect
    out[3] = ask
    out[4] = ask_qty if ask > bid else 0
    out[5] = ask_effect


@kernel
def _sort_by_urgency(want: Ints, count: int) -> None:
    """Most urgent rows first, stable by slot (insertion: a class has about a hundred rows)."""
    saved = np.empty(c.Q_COLUMNS, dtype=np.int64)
    for i in range(1, count):
        key = want[i, c.Q_PRIORITY]
        if want[i - 1, c.Q_PRIORITY] >= key:
            continue
        for column in range(c.Q_COLUMNS):
            saved[column] = want[i, column]
        j = i
        while j > 0 and want[j - 1, c.Q_PRIORITY] < key:
            for column in range(c.Q_COLUMNS):
                want[j, column] = want[j - 1, column]
            j -= 1
        for column in range(c.Q_COLUMNS):
            want[j, column] = saved[column]


@kernel
def _look(
    slot: int,
    fixed: Ints,
    seen: Ints,
    theo: Floats,
    params: Ints,
    work: Ints,
    standing: Ints,
    held: Ints,
    fit: Floats,
    stock: Floats,
    g: Ints,
    x: Floats,
    answer: Floats,
    want: Ints,
    drop: Ints,
    target: Ints,
) -> tuple[bool, bool]:
    """(want row written, drop row written) of one contract."""
    phase = seen[market.PHASE]
    auction = q.is_auction(phase)
    trading = (auction or phase == _CONTINUOUS) and seen[market.FLAGS] & _ACCEPTS != 0
    frozen = q.is_frozen(phase, standing[c.D_AUCTION_SINCE], g)
    may_cancel = (trading or phase == _HALT) and not frozen
    linked = standing[c.D_STATE] > _SYNCING
    if standing[c.D_SWEEP] != 0:
        empty = work[c.W_STATE] == _NONE and work[c.W_COLUMNS + c.W_STATE] == _NONE
        if not empty:
            return False, may_cancel and linked and _drop(work, True, True, True, slot, drop)
        standing[c.D_SWEEP] = 0
    value = theo[c.T_PRICE] * 1e4
    owed = g[q.G_AT] < standing[c.D_INQUIRY_UNTIL]
    quotable = trading and standing[c.D_STATE] >= _REDUCING and fixed[c.F_PERMITTED] != 0
    quotable = quotable and params[p.P_ENABLED] != 0 and (owed or fixed[c.F_ON_INQUIRY] == 0)
    if not (quotable and math.isfinite(value)):
        return False, may_cancel and linked and _drop(work, True, True, False, slot, drop)
    _target(fixed, seen, theo, params, work, standing, held, fit, stock, g, x, answer, target)
    dropped = False
    if may_cancel and (target[1] == 0 or target[4] == 0):
        dropped = _drop(work, target[1] == 0, target[4] == 0, False, slot, drop)
    if g[q.G_AT] < standing[c.D_HOLD_UNTIL]:
        return False, dropped
    least = q.least_size(phase, g)
    exact = answers_by_hand(standing, value, g[q.G_AT])
    score = q.compare(slot, target, fixed, work, params, value, auction, least, exact, want)
    if score > 0:
        bid_first, ask_first = q.outgrown(want, work, standing, held)
        if bid_first or ask_first:
            want[c.Q_BID_QTY] = 0 if bid_first else want[c.Q_BID_QTY]
            want[c.Q_ASK_QTY] = 0 if ask_first else want[c.Q_ASK_QTY]
            if may_cancel:
                bid_first, ask_first = bid_first or target[1] == 0, ask_first or target[4] == 0
                dropped = _drop(work, bid_first, ask_first, False, slot, drop)
            score = score if want[c.Q_BID_QTY] + want[c.Q_ASK_QTY] > 0 else 0
    if score > 0 and frozen:
        # Nothing may leave now; only what is missing can be added.
        if work[c.W_STATE] != _NONE:
            want[c.Q_BID_QTY] = 0
        if work[c.W_COLUMNS + c.W_STATE] != _NONE:
            want[c.Q_ASK_QTY] = 0
        score = score if want[c.Q_BID_QTY] + want[c.Q_ASK_QTY] > 0 else 0
    if score >= q.RENEW:
        # Among duties that lapse, the contract that needs its remaining time most goes first.
        score += standing[c.D_NEED] * q.RENEW // (4 * 1_000_000)
    if score > 0 and owed:
        score += q.INQUIRY
    want[c.Q_PRIORITY] = score
    return score > 0, dropped


@kernel
def plan_class(
    fixed: Ints,
    rows: Ints,
    theo: Floats,
    params: Ints,
    work: Ints,
    desk: Ints,
    long: Ints,
    short: Ints,
    fits: Floats,
    exposure: Floats,
    g: Ints,
    want: Ints,
    drops: Ints,
    limits: Ints,
) -> tuple[int, int]:
    """Compare a class with what should rest; returns (want rows, drop rows), most urgent first.

    want int64[>= slots of the class, Q], drops int64[>= slots, 3], limits the ladder's. Refreshes
    that are not urgent stop at g[G_STEADY] rows (requote hysteresis and message budget).
    """
    wants = 0
    gone = 0
    held = np.empty(c.H_COLUMNS, dtype=np.int64)
    target = np.empty(6, dtype=np.int64)
    stock = np.empty(k.STOCK)
    stock[k.BOOK_DELTA] = exposure[0]
    stock[k.BOOK_VEGA] = exposure[1]
    x = np.zeros(s.INPUTS)
    answer = np.zeros(s.OUTPUTS)
    start, stop = g[q.G_START], g[q.G_STOP]
    clusters = np.empty(stop - start)
    k.gamma_clusters(fixed, theo, fits, params, long, short, start, stop, clusters)
    for slot in range(start, stop):
        held[c.H_LONG] = long[slot]
        held[c.H_SHORT] = short[slot]
        held[c.H_MOST] = limits[slot, c.L_POSITION]
        stock[k.CLUSTER] = clusters[slot - start]
        wanted, dropped = _look(
            slot,
            fixed[slot],
            rows[slot],
            theo[slot],
            params[slot],
            work[slot],
            desk[slot],
            held,
            fits[fixed[slot, c.F_EXPIRY]],
            stock,
            g,
            x,
            answer,
            want[wants],
            drops[gone],
            target,
        )
        wants += 1 if wanted else 0
        gone += 1 if dropped else 0
    _sort_by_urgency(want, wants)
    steady = 0
    kept = 0
    for i in range(wants):
        if want[i, c.Q_PRIORITY] < q.URGENT:
            if steady >= g[q.G_STEADY]:
                break
            steady += 1
        kept += 1
    return kept, gone


@kernel
def _rest(work: Ints, side: int, carried: bool, orders: int) -> int:
    """Own price on a side that a message does not replace: highest buy, lowest sale; 0 none."""
    base = side * c.W_COLUMNS
    best = orders
    state = work[base + c.W_STATE]
    if carried and state <= _WORKING:
        return int(best)
    for price, qty in (
        (work[base + c.W_LIVE_PX], work[base + c.W_LIVE_QTY]),
        (work[base + c.W_PEND_PX], work[base + c.W_PEND_QTY]),
    ):
        if qty > 0 and price > 0:
            closer = price > best if side == c.BID_SIDE else price < best
            best = price if best == 0 or closer else best
    return int(best)


@kernel
def _reference(seen: Ints, other_bid: int, other_ask: int, age: int) -> int:
    """P10's reference: the others' mid in continuous trading, else a recent last trade, else 0.

    A trade older than a minute says nothing about a contract whose underlying has moved since.
    """
    if seen[market.PHASE] == _CONTINUOUS and other_bid > 0 and other_ask > other_bid:
        return int((other_bid + other_ask) // 2)
    return int(seen[market.LAST]) if age <= _RECENT else 0


@kernel
def gather(
    want: Ints,
    fixed: Ints,
    rows: Ints,
    theo: Floats,
    work: Ints,
    desk: Ints,
    long: Ints,
    short: Ints,
    covered: Ints,
    g: Ints,
    out: Ints,
) -> None:
    """Context int64[n, C] of want rows: everything the ladder may ask about their contracts."""
    for i in range(want.shape[0]):
        w = want[i]
        slot = w[c.Q_SLOT]
        row, seen, own, standing, x = fixed[slot], rows[slot], work[slot], desk[slot], out[i]
        value = theo[slot, c.T_PRICE]
        other_bid = others_best(seen, c.BID_SIDE, own)
        other_ask = others_best(seen, c.ASK_SIDE, own)
        ask = c.W_COLUMNS
        x[c.C_STATE] = standing[c.D_STATE]
        x[c.C_PHASE] = seen[market.PHASE]
        x[c.C_FLAGS] = seen[market.FLAGS]
        x[c.C_PERMITTED] = row[c.F_PERMITTED]
        frozen = q.is_frozen(seen[market.PHASE], standing[c.D_AUCTION_SINCE], g)
        x[c.C_FROZEN] = 1 if frozen else 0
        x[c.C_UP] = row[c.F_UP]
        x[c.C_DOWN] = row[c.F_DOWN]
        x[c.C_STEP] = row[c.F_STEP]
        x[c.C_UNIT] = row[c.F_UNIT]
        x[c.C_THEO] = math.floor(value * 1e4 + 0.5) if math.isfinite(value) else -1
        x[c.C_THEO_AGE] = g[q.G_AT] - g[q.G_THEO_AT]
        x[c.C_LAST] = _reference(seen, other_bid, other_ask, g[q.G_AT] - standing[c.D_LAST_AT])
        x[c.C_OTHER_BID] = other_bid
        x[c.C_OTHER_ASK] = other_ask
        x[c.C_OWN_BID] = own[c.W_LIVE_PX]
        x[c.C_OWN_ASK] = own[ask + c.W_LIVE_PX]
        carries_bid, carries_ask = w[c.Q_BID_QTY] > 0, w[c.Q_ASK_QTY] > 0
        x[c.C_REST_BUY] = _rest(own, c.BID_SIDE, carries_bid, standing[c.D_REST_BUY])
        x[c.C_REST_SELL] = _rest(own, c.ASK_SIDE, carries_ask, standing[c.D_REST_SELL])
        x[c.C_NET] = long[slot] - short[slot] - covered[slot]
        x[c.C_LONG] = long[slot]
        x[c.C_SHORT] = short[slot]
        x[c.C_CLOSING_BUY] = q.claims(own, standing, c.BID_SIDE)
        x[c.C_CLOSING_SELL] = q.claims(own, standing, c.ASK_SIDE)
        waiting = own[c.W_PEND_QTY] - own[c.W_PEND_FILLED]
        x[c.C_WORK_BUY] = own[c.W_LIVE_QTY] + waiting + standing[c.D_ORDER_BUY]
        waiting = own[ask + c.W_PEND_QTY] - own[ask + c.W_PEND_FILLED]
        x[c.C_WORK_SELL] = own[ask + c.W_LIVE_QTY] + waiting + standing[c.D_ORDER_SELL]
        x[c.C_MARGIN] = row[c.F_MARGIN]
        x[c.C_QTY_MAX] = row[c.F_QTY_MAX]
        replaced = (carries_bid and own[c.W_LIVE_QTY] > 0) or (
            carries_ask and own[ask + c.W_LIVE_QTY] > 0
        )
        x[c.C_REPLACES] = 1 if replaced else 0
