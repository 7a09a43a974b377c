"""Kernels of quoting: what should rest in each contract, and what differs from what does.

`plan_class` looks at every contract of a class and writes the quotes it wants (most urgent first)
and the sides it wants gone. It never sends: its rows go through the ladder.
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel
from quanheng.maker import columns as c
from quanheng.maker import parameters as p
from quanheng.maker.lifecycle import Life
from quanheng.terms import codes, market

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Scalars of a call, int64[G_COLUMNS], so that a dispatch carries one array instead of many numbers.
G_AT = 0
G_START = 1
G_STOP = 2
G_FROZEN = 3  # 1 inside the no-cancel window of the timetable's auction
G_AUCTION_NANOS = 4  # of a volatility interruption, up to its no-cancel window
G_SIZE = 5  # smallest quantity that counts in continuous trading
G_SIZE_AUCTION = 6
G_STEADY = 7  # refreshes that are not urgent and may still go now
G_THEO_AT = 8
G_ROOM_BUY = 9  # contracts of the class that may still be opened long
G_ROOM_SELL = 10  # and short
G_PROTECT = 11  # 1 when the others' prices are older than the underlying's: keep to theory
G_TOXIC = 12  # 1e-6 of A(b) that every side goes wider because of the own fills' mark-outs
G_COLUMNS = 13

AUCTIONS = 4
"""Times the auction quantity that continuous trading leaves of a position limit."""

URGENT = 1_000_000
RENEW = 2_000_000
_MISSING = 3_000_000
INQUIRY = 5_000_000

_NONE = int(Life.NONE)
_WORKING = int(Life.WORKING)
_UNKNOWN = int(Life.UNKNOWN)
_OPENING = int(codes.Phase.OPENING)
_CONTINUOUS = int(codes.Phase.CONTINUOUS)
INTRADAY = int(codes.Phase.INTRADAY)
_CLOSING = int(codes.Phase.CLOSING)
_HALT = int(codes.Phase.HALT)
_REDUCING = int(codes.TradingState.REDUCING)
_OPEN_EFFECT = int(codes.Effect.OPEN)
_CLOSE_EFFECT = int(codes.Effect.CLOSE)


@kernel
def is_auction(phase: int) -> bool:
    """Opening, intraday and closing call auctions."""
    return phase in (_OPENING, INTRADAY, _CLOSING)


@kernel
def is_frozen(phase: int, since: int, scalars: Ints) -> bool:
    """True inside a no-cancel window: the timetable's, or the end of a volatility interruption."""
    if phase == INTRADAY:
        return bool(since > 0 and scalars[G_AT] - since >= scalars[G_AUCTION_NANOS])
    return bool(phase in (_OPENING, _CLOSING) and scalars[G_FROZEN] != 0)


@kernel
def least_size(phase: int, scalars: Ints) -> int:
    """Smallest quantity of a side that counts for the duty in a phase (Q-02)."""
    return int(scalars[G_SIZE_AUCTION] if is_auction(phase) else scalars[G_SIZE])


@kernel
def allowed(bid: float, row: Ints) -> float:
    """A(b) of a contract in ticks (rules.md 10.1)."""
    return float(max(row[c.F_CAP_NUM] * bid / row[c.F_CAP_DEN], float(row[c.F_CAP_FLOOR])))


@kernel
def widest_ask(bid: int, row: Ints) -> int:
    """Highest ask on the step that complies with a bid."""
    num = max(row[c.F_CAP_NUM] * bid, row[c.F_CAP_DEN] * row[c.F_CAP_FLOOR])
    step = row[c.F_STEP]
    return int((bid + num // row[c.F_CAP_DEN]) // step * step)


@kernel
def lowest_bid(ask: int, row: Ints) -> int:
    """Lowest bid on the step that complies with an ask; at least one step."""
    num, den = row[c.F_CAP_NUM], row[c.F_CAP_DEN]
    step = row[c.F_STEP]
    by_share = -((-den * ask) // (den + num))
    bid = max(min(ask - row[c.F_CAP_FLOOR], by_share), step)
    return int(-(-bid // step) * step)


@kernel
def inside(bid: int, ask: int, other_bid: int, other_ask: int, row: Ints) -> tuple[int, int]:
    """Step back from the others' opposite best, keeping the spread compliant (P12)."""
    step = row[c.F_STEP]
    if other_ask > 0 and bid >= other_ask:
        bid = other_ask - step
        if bid > 0:
            ask = min(ask, widest_ask(bid, row))
    if other_bid > 0 and ask <= other_bid:
        ask = other_bid + step
        bid = max(bid, min(lowest_bid(ask, row), ask - step))
    return bid, min(ask, row[c.F_UP])


@kernel
def closing(row: Ints, standing: Ints, side: int) -> int:
    """Working quantity of a side that closes: quotes and single orders."""
    base = side * c.W_COLUMNS
    live = row[base + c.W_LIVE_QTY] if row[base + c.W_LIVE_EFFECT] == _CLOSE_EFFECT else 0
    sent = 0
    if row[base + c.W_PEND_EFFECT] == _CLOSE_EFFECT:
        sent = row[base + c.W_PEND_QTY] - row[base + c.W_PEND_FILLED]
    orders = standing[c.D_ORDER_CLOSE_BUY if side == c.BID_SIDE else c.D_ORDER_CLOSE_SELL]
    return int(live + sent + orders)


@kernel
def claims(row: Ints, standing: Ints, side: int) -> int:
    """What already claims a position: closing quotes and orders, combinations and exercises."""
    tied = standing[c.D_TIED_SHORT if side == c.BID_SIDE else c.D_TIED_LONG]
    return int(closing(row, standing, side) + tied)


@kernel
def _size(qty: int, least: int, closable: int, room: int, barred: bool) -> tuple[int, int]:
    """(quantity, effect) of a side: close what can be closed in a size that counts, else open."""
    if closable >= least:
        return min(qty, closable), _CLOSE_EFFECT
    fits = min(qty, room)
    return (0, _OPEN_EFFECT) if barred or fits < least else (fits, _OPEN_EFFECT)


@kernel
def _room(work: Ints, side: int, room: int) -> int:
    """Room for opening on a side; what the side itself already claims comes back when replaced."""
    base = side * c.W_COLUMNS
    opens = work[base + c.W_LIVE_EFFECT] == _OPEN_EFFECT
    return int(room + (work[base + c.W_LIVE_QTY] if opens else 0))


@kernel
def _within(qty: int, least: int, held: int, most: int) -> int:
    """Quantity of a side that adds to `held`, so that it stays within `most`.

    A replacement counts beside what it replaces until it is answered, so a side shrinks near the
    limit until twice its quantity fits; where only one fits that still counts, it is shown all the
    same, and has to be cancelled before it can move (`outgrown`).
    """
    if qty == 0 or held + min(2 * qty, most) <= most:
        return qty
    half = (most - held) // 2
    if half >= least:
        return min(qty, half)
    return min(qty, most - held) if most - held >= least else 0


@kernel
def outgrown(want: Ints, work: Ints, standing: Ints, held: Ints) -> tuple[bool, bool]:
    """(bid, ask) of a want row that do not fit beside what they replace (P18): they go first."""
    net = held[c.H_LONG] - held[c.H_SHORT]
    bid, ask = want[c.Q_BID_QTY], want[c.Q_ASK_QTY]
    buys = work[c.W_LIVE_QTY] + standing[c.D_ORDER_BUY]
    sells = work[c.W_COLUMNS + c.W_LIVE_QTY] + standing[c.D_ORDER_SELL]
    over = bid > 0 and work[c.W_LIVE_QTY] > 0 and net + buys + bid > held[c.H_MOST]
    under = ask > 0 and work[c.W_COLUMNS + c.W_LIVE_QTY] > 0
    return over, under and sells + ask - net > held[c.H_MOST]


@kernel
def sides(
    row: Ints, seen: Ints, work: Ints, standing: Ints, params: Ints, held: Ints, g: Ints, qtys: Ints
) -> tuple[int, int, int, int]:
    """(bid quantity, effect, ask quantity, effect) a contract should show; 0 for no side.

    held = the slot's by the columns H, qtys = (bid, ask) that the strategy asks for. One side is
    enough at a limit, the bid may go below the low price (Q-07); during an inquiry's hold both
    stay. In continuous trading a reserve of the position limit is kept for the day's auctions.
    """
    phase = seen[market.PHASE]
    auction = is_auction(phase)
    least = least_size(phase, g)
    flags = seen[market.FLAGS]
    closes_short = held[c.H_SHORT] - claims(work, standing, c.BID_SIDE)
    closes_long = held[c.H_LONG] - claims(work, standing, c.ASK_SIDE)
    room_buy, room_sell = _room(work, c.BID_SIDE, g[G_ROOM_BUY]), g[G_ROOM_SELL]
    room_sell = _room(work, c.ASK_SIDE, room_sell)
    bid_qty, bid_effect = _size(qtys[0], least, closes_short, room_buy, flags & 4 != 0)
    ask_qty, ask_effect = _size(qtys[1], least, closes_long, room_sell, flags & 2 != 0)
    net = held[c.H_LONG] - held[c.H_SHORT]
    last = seen[market.LAST] if seen[market.LAST] > 0 else row[c.F_BEFORE]
    owed = g[G_AT] < standing[c.D_INQUIRY_UNTIL]
    if last < row[c.F_LOW_PRICE] and params[p.P_WITHDRAW_LOW_BID] != 0 and not owed:
        bid_qty = 0
    if last >= row[c.F_UP]:
        ask_qty = 0
    if last <= row[c.F_DOWN] and row[c.F_DOWN] > row[c.F_STEP]:
        bid_qty = 0
    most = held[c.H_MOST]
    if not auction:
        most = max(most - AUCTIONS * params[p.P_AUCTION_QTY], min(most, 2 * least))
    bid_qty = _within(bid_qty, least, net, most)
    ask_qty = _within(ask_qty, least, -net, most)
    if standing[c.D_STATE] == _REDUCING:
        bid_qty = min(bid_qty, max(-net, 0))
        ask_qty = min(ask_qty, max(net, 0))
    return bid_qty, bid_effect, ask_qty, ask_effect


@kernel
def _gap(
    work: Ints,
    side: int,
    price: int,
    qty: int,
    edge: float,
    half: float,
    auction: bool,
    least: int,
    refill: int,
    tolerance: float,
) -> int:
    """Urgency of renewing one side that is wanted: 0 leave it, -1 it is in flight."""
    base = side * c.W_COLUMNS
    state = work[base + c.W_STATE]
    if state == _NONE:
        return _MISSING
    if state != _WORKING:
        return -1
    left = work[base + c.W_LIVE_QTY]
    if left < least:
        return RENEW
    moved = abs(work[base + c.W_LIVE_PX] - price)
    score = min(int(100_000.0 * moved / half), URGENT - 1)
    if moved > 0 and edge < 0.25 * half:
        return URGENT + score
    if moved > tolerance or (auction and left > qty) or (not auction and left < refill):
        return max(score, 1)
    return 0


@kernel
def compare(
    slot: int,
    target: Ints,
    row: Ints,
    work: Ints,
    params: Ints,
    value: float,
    auction: bool,
    least: int,
    exact: bool,
    want: Ints,
) -> int:
    """Fill a want row with the sides to be sent; returns its urgency, 0 for nothing to do.

    target = (bid, quantity, effect, ask, quantity, effect); `exact` prices are a person's, which
    leave no room for hysteresis.
    """
    cap = allowed(float(max(target[0], 1)), row)
    half = max(0.5 * params[p.P_WIDTH] * 1e-4 * cap, 0.5 * row[c.F_STEP])
    tolerance = 0.0 if exact else max(params[p.P_REQUOTE] * 1e-4 * cap, 1.0)
    refill = params[p.P_REFILL_QTY]
    low_bid, low_ask = min(refill, target[1]), min(refill, target[4])
    ask_base = c.W_COLUMNS
    up = 0
    down = 0
    both = work[c.W_STATE] == _WORKING and work[ask_base + c.W_STATE] == _WORKING
    lapsed = both and work[ask_base + c.W_LIVE_PX] > widest_ask(work[c.W_LIVE_PX], row)
    if target[1] > 0:
        edge = value - work[c.W_LIVE_PX]
        up = _gap(work, 0, target[0], target[1], edge, half, auction, least, low_bid, tolerance)
    if target[4] > 0:
        edge = work[ask_base + c.W_LIVE_PX] - value
        down = _gap(work, 1, target[3], target[4], edge, half, auction, least, low_ask, tolerance)
    if lapsed and target[1] > 0 and target[4] > 0 and target[3] <= widest_ask(target[0], row):
        up, down = max(up, RENEW), max(down, RENEW)
    if up <= 0 and down <= 0:
        return 0
    # Whichever side goes, the other goes with it when its price differs: one message, both right.
    send_bid = target[1] > 0 and up >= 0 and (up > 0 or work[c.W_LIVE_PX] != target[0])
    send_ask = (
        target[4] > 0 and down >= 0 and (down > 0 or work[ask_base + c.W_LIVE_PX] != target[3])
    )
    want[c.Q_SLOT] = slot
    want[c.Q_BID] = target[0] if send_bid else 0
    want[c.Q_BID_QTY] = target[1] if send_bid else 0
    want[c.Q_BID_EFFECT] = target[2] if send_bid else 0
    want[c.Q_ASK] = target[3] if send_ask else 0
    want[c.Q_ASK_QTY] = target[4] if send_ask else 0
    want[c.Q_ASK_EFFECT] = target[5] if send_ask else 0
    return max(up, down)
