"""The scalar form of the ladder: every rung as plainly as it can be said.

People's orders are judged by it, and it is what the kernels are tested against (reliability.md 2.3
property c). Rows are lists as in `columns`.
"""

from collections.abc import Callable

from quanheng.maker import columns as c
from quanheng.maker.guard_kernels import ACCOUNT_OLD
from quanheng.terms.codes import Check, Effect, Phase, TradingState

Row = list[int]


def opening(w: Row) -> tuple[int, int]:
    """Contracts a want would buy open and sell open."""
    opens = w[c.Q_BID_QTY] if w[c.Q_BID_EFFECT] == Effect.OPEN else 0
    return opens, w[c.Q_ASK_QTY] if w[c.Q_ASK_EFFECT] == Effect.OPEN else 0


def claim(x: Row, w: Row) -> int:
    """Money a want claims of the funds: premium and margin (P20)."""
    _, sales = opening(w)
    return w[c.Q_BID] * w[c.Q_BID_QTY] * x[c.C_UNIT] + sales * x[c.C_MARGIN]


def cost(x: Row, w: Row, limits: Row) -> int:
    """Money a purchase costs with its fees (P21)."""
    return w[c.Q_BID_QTY] * (w[c.Q_BID] * x[c.C_UNIT] + limits[c.L_FEE])


def greek_moves(x: Row, w: Row) -> list[tuple[int, int]]:
    """(what a want can add to, what it can take from) delta, gamma, vega and theta."""
    out = []
    for one in x[c.C_DELTA : c.C_THETA + 1]:
        parts = (w[c.Q_BID_QTY] * one, -w[c.Q_ASK_QTY] * one)
        out.append((sum(p for p in parts if p > 0), sum(p for p in parts if p < 0)))
    return out


def _carried(w: Row) -> list[tuple[int, int]]:
    """(price, quantity) of the sides a want carries."""
    sides = [(w[c.Q_BID], w[c.Q_BID_QTY]), (w[c.Q_ASK], w[c.Q_ASK_QTY])]
    return [(price, qty) for price, qty in sides if qty != 0]


def _within(price: int, reference: int, share: int, ticks: int) -> bool:
    return abs(price - reference) <= max(ticks, share * reference / 10_000)


def _increases(x: Row, w: Row) -> bool:
    """True when a fill could leave a net position that is larger, or of the other sign."""
    return w[c.Q_BID_QTY] > max(-x[c.C_NET], 0) or w[c.Q_ASK_QTY] > max(x[c.C_NET], 0)


def broken(check: Check, x: Row, w: Row, limits: Row, totals: Row) -> bool:
    """True when a rung is broken (reliability.md 2.3)."""
    return _PART[check](check, x, w, limits, totals)


def _orders(check: Check, x: Row, w: Row, limits: Row, totals: Row) -> bool:
    """P01 to P08: state, phase, contract and the size of the order itself."""
    bid, bids, ask, asks = w[c.Q_BID], w[c.Q_BID_QTY], w[c.Q_ASK], w[c.Q_ASK_QTY]
    opens, sales = opening(w)
    match check:
        case Check.P01_STATE:
            if x[c.C_STATE] == TradingState.REDUCING:
                return _increases(x, w)
            return x[c.C_STATE] != TradingState.OPEN
        case Check.P02_EPOCH:
            return totals[c.S_EPOCHS] > 0
        case Check.P03_PHASE:
            open_phases = (Phase.OPENING, Phase.CONTINUOUS, Phase.INTRADAY, Phase.CLOSING)
            if x[c.C_PHASE] not in open_phases or not x[c.C_FLAGS] & 8:
                return True
            return x[c.C_FROZEN] != 0 and x[c.C_REPLACES] != 0
        case Check.P04_CONTRACT:
            barred = x[c.C_FLAGS]
            return (opens > 0 and barred & 4 != 0) or (sales > 0 and barred & 2 != 0)
        case Check.P05_PERMITTED:
            return x[c.C_PERMITTED] == 0
        case Check.P06_QUANTITY:
            most = min(x[c.C_QTY_MAX], limits[c.L_QTY])
            return not (0 <= bids <= most and 0 <= asks <= most and bids + asks > 0)
        case Check.P07_PRICE:
            return any(
                not max(x[c.C_DOWN], 1) <= price <= x[c.C_UP] or price % x[c.C_STEP]
                for price, qty in _carried(w)
                if qty > 0
            )
        case _:  # P08
            return max(bid * bids, ask * asks) * x[c.C_UNIT] > limits[c.L_VALUE]


def _prices(check: Check, x: Row, w: Row, limits: Row, totals: Row) -> bool:
    """P09 to P14: where the prices stand."""
    bid, bids, ask, asks = w[c.Q_BID], w[c.Q_BID_QTY], w[c.Q_ASK], w[c.Q_ASK_QTY]
    prices = [price for price, _ in _carried(w)]
    match check:
        case Check.P09_THEO_COLLAR:
            theo, band = x[c.C_THEO], (limits[c.L_THEO_SHARE], limits[c.L_THEO_TICKS])
            fresh = theo >= 0 and x[c.C_THEO_AGE] <= limits[c.L_THEO_AGE]
            return not (fresh and all(_within(price, theo, *band) for price in prices))
        case Check.P10_LAST_COLLAR:
            last, band = x[c.C_LAST], (limits[c.L_LAST_SHARE], limits[c.L_LAST_TICKS])
            return last > 0 and not all(_within(price, last, *band) for price in prices)
        case Check.P11_OWN_QUOTE_COLLAR:
            band = (limits[c.L_OWN_SHARE], limits[c.L_OWN_TICKS])
            pairs = ((bid, bids, x[c.C_OWN_BID]), (ask, asks, x[c.C_OWN_ASK]))
            return any(qty and own > 0 and not _within(p, own, *band) for p, qty, own in pairs)
        case Check.P12_CROSSING:
            if bids > 0 and asks > 0 and bid >= ask:
                return True
            room, best_ask, best_bid = limits[c.L_CROSS], x[c.C_OTHER_ASK], x[c.C_OTHER_BID]
            over = bids > 0 and best_ask > 0 and bid > best_ask + room
            under = asks > 0 and best_bid > 0 and ask < best_bid - room
            return x[c.C_PHASE] == Phase.CONTINUOUS and (over or under)
        case Check.P13_SELF_TRADE:
            meets_sale = bids > 0 and x[c.C_REST_SELL] > 0 and bid >= x[c.C_REST_SELL]
            return meets_sale or (asks > 0 and x[c.C_REST_BUY] > 0 and ask <= x[c.C_REST_BUY])
        case _:  # P14
            again = max(x[c.C_SAME_BID] * (bids > 0), x[c.C_SAME_ASK] * (asks > 0))
            return bids + asks > 0 and again >= limits[c.L_REPEATS]


def _holdings(check: Check, x: Row, w: Row, limits: Row, totals: Row) -> bool:
    """P15 to P20: rate, fills, positions, Greeks, margin."""
    bids, asks = w[c.Q_BID_QTY], w[c.Q_ASK_QTY]
    opens, sales = opening(w)
    match check:
        case Check.P15_MESSAGE_RATE:
            return totals[c.S_TOKENS] - 1 < limits[c.L_RESERVE]
        case Check.P16_REPEATED_EXECUTION:
            return x[c.C_FILLS] > limits[c.L_FILLS]
        case Check.P17_ORDER_TO_TRADE:
            allowed = max(limits[c.L_MESSAGES], limits[c.L_RATIO] * max(totals[c.S_DEALS], 1))
            return totals[c.S_MESSAGES] > allowed
        case Check.P18_POSITION:
            most = limits[c.L_POSITION]
            own = (bids > 0 and x[c.C_NET] + x[c.C_WORK_BUY] + bids > most) or (
                asks > 0 and x[c.C_WORK_SELL] + asks - x[c.C_NET] > most
            )
            long = totals[c.S_LONG] + opens > limits[c.L_LONG]
            today = totals[c.S_BUY_OPEN] + opens > limits[c.L_BUY_OPEN]
            whole = totals[c.S_TOTAL] + opens + sales > limits[c.L_TOTAL]
            return own or (opens > 0 and (long or today)) or (opens + sales > 0 and whole)
        case Check.P19_GREEKS:
            blind = not x[c.C_GREEKS] or totals[c.S_BLIND] > 0
            if blind and _increases(x, w):
                return True
            for i, (up, down) in enumerate(greek_moves(x, w)):
                high = totals[c.S_DELTA_UP + 2 * i] + up
                low = totals[c.S_DELTA_DOWN + 2 * i] + down
                most = limits[c.L_DELTA + i]
                if (up and high > most) or (down and low < -most):
                    return True
            return False
        case _:  # P20
            money = claim(x, w)
            return money > 0 and totals[c.S_FUNDS] + money > limits[c.L_FUNDS]


def _funds(check: Check, x: Row, w: Row, limits: Row, totals: Row) -> bool:
    """P21 to P27: cash, covered and expiring positions, losses, the duty."""
    bids, asks = w[c.Q_BID_QTY], w[c.Q_ASK_QTY]
    opens, sales = opening(w)
    match check:
        case Check.P21_PREMIUM:
            money = cost(x, w, limits)
            return money > 0 and totals[c.S_PREMIUM] + money > totals[c.S_CASH]
        case Check.P22_COVERED:
            return x[c.C_COVERED] != 0 and asks * x[c.C_UNIT] > x[c.C_LOCKED]
        case Check.P23_EXPIRY:
            if not sales or not x[c.C_LAST_DAY] or x[c.C_COVERED]:
                return False
            needed = totals[c.S_ASSIGN] + sales * x[c.C_ASSIGN]
            return totals[c.S_CLOCK] > limits[c.L_CUTOFF] or needed > totals[c.S_CASH]
        case Check.P24_OPEN_CLOSE:
            buys, sells = bids - opens, asks - sales
            return (buys > 0 and buys > x[c.C_SHORT] - x[c.C_CLOSING_BUY]) or (
                sells > 0 and sells > x[c.C_LONG] - x[c.C_CLOSING_SELL]
            )
        case Check.P25_LOSS_STOP | Check.P26_VAR:
            return _increases(x, w) and OVERRUNS[check](limits, totals)
        case _:  # P27
            if not (x[c.C_WIDEST] and bids and asks):
                return False
            return w[c.Q_ASK] > x[c.C_WIDEST] or min(bids, asks) < x[c.C_LEAST]


def _records(check: Check, x: Row, w: Row, limits: Row, totals: Row) -> bool:
    """P28 to P32: what must have been filed, released, confirmed; the day's totals."""
    opens, sales = opening(w)
    match check:
        case Check.P28_FILING:
            return not x[c.C_FILED]
        case Check.P29_MODEL_APPROVED:
            return not x[c.C_APPROVED]
        case Check.P30_MANUAL:
            value = max(price * qty for price, qty in [*_carried(w), (0, 0)]) * x[c.C_UNIT]
            needs = 2 if value > limits[c.L_SECOND] else 1 if value > limits[c.L_CONFIRM] else 0
            return x[c.C_ORIGIN] != 0 and x[c.C_CONFIRMED] < needs
        case Check.P31_DAILY_TOTALS:
            qty = w[c.Q_BID_QTY] + w[c.Q_ASK_QTY]
            value = sum(price * size for price, size in _carried(w)) * x[c.C_UNIT]
            done = (
                totals[c.S_DAY_ORDERS] + 1 > limits[c.L_DAY_ORDERS]
                or totals[c.S_DAY_QTY] + qty > limits[c.L_DAY_QTY]
                or totals[c.S_DAY_VALUE] + value > limits[c.L_DAY_VALUE]
            )
            opened = totals[c.S_DAY_OPENED] + opens + sales > limits[c.L_DAY_OPENED]
            return done or (opens + sales > 0 and opened)
        case _:  # P32
            return not x[c.C_ACCOUNT]


def _lost(limits: Row, totals: Row) -> bool:
    lost = totals[c.S_LOSS] > limits[c.L_LOSS]
    return lost or totals[c.S_LOSS_DESK] > limits[c.L_LOSS_DESK]


def _at_risk(limits: Row, totals: Row) -> bool:
    return not 0 <= totals[c.S_VAR] <= limits[c.L_VAR]


def _rejected(limits: Row, totals: Row) -> bool:
    share = totals[c.S_REFUSED] >= limits[c.L_REFUSED]
    return share or totals[c.S_REJECTS] >= limits[c.L_REJECTS]


def _late(limits: Row, totals: Row) -> bool:
    late = totals[c.S_LATE] > limits[c.L_LATE] or totals[c.S_PENDING] > limits[c.L_PENDING]
    return late or totals[c.S_WAIT] > limits[c.L_WAIT]


def _unreconciled(limits: Row, totals: Row) -> bool:
    missing = totals[c.S_GAP] > limits[c.L_GAP]
    return missing or totals[c.S_UNEXPLAINED] > limits[c.L_UNEXPLAINED]


OVERRUNS: dict[int, Callable[[Row, Row], bool]] = {
    int(Check.P25_LOSS_STOP): _lost,
    int(Check.P26_VAR): _at_risk,
    int(Check.P33_REJECT_RATE): _rejected,
    int(Check.P34_LATENCY): _late,
    int(Check.P35_RECONCILIATION): _unreconciled,
}
"""Whether the figure behind a tripping rung is beyond its limit, whatever is wanted; by number,
because every second asks for each class.
"""


def _breakers(check: Check, x: Row, w: Row, limits: Row, totals: Row) -> bool:
    """P33 to P35."""
    return OVERRUNS[check](limits, totals)


def _accounts(check: Check, x: Row, w: Row, limits: Row, totals: Row) -> bool:
    """P36 to P38: agreement and accounts."""
    opens, sales = opening(w)
    adds = opens + sales > 0
    match check:
        case Check.P36_AGREEMENT:
            return not x[c.C_AGREED] and (not x[c.C_ORIGIN] or adds)
        case Check.P37_OLD_ACCOUNT:
            within = (
                totals[c.S_LONG] <= limits[c.L_ORDINARY_LONG]
                and totals[c.S_TOTAL] <= limits[c.L_ORDINARY_TOTAL]
            )
            return adds and bool(x[c.C_ACCOUNT] & ACCOUNT_OLD) and not within
        case _:  # P38
            other = totals[c.S_OLD_LONG : c.S_OLD_BUY_OPEN + 1]
            if not adds or min(other) < 0:
                return adds
            long = other[0] + totals[c.S_LONG] + opens > limits[c.L_LONG]
            whole = other[1] + totals[c.S_TOTAL] + opens + sales > limits[c.L_TOTAL]
            today = other[2] + totals[c.S_BUY_OPEN] + opens > limits[c.L_BUY_OPEN]
            return whole or (opens > 0 and (long or today))


_Part = Callable[[Check, Row, Row, Row, Row], bool]
_LAST: tuple[tuple[int, _Part], ...] = (
    (8, _orders),
    (14, _prices),
    (20, _holdings),
    (27, _funds),
    (32, _records),
    (35, _breakers),
    (38, _accounts),
)
_PART: dict[int, _Part] = {
    int(check): next(part for last, part in _LAST if check <= last) for check in Check
}
