"""The ladder of pre-trade checks: one table of data, its scalar twin, and the only way out.

`Passed` is built in this file alone, and requests are built from nothing else ("one path out").
Evaluation order is the number of the check (borders.md 4).
"""

import msgspec
import numpy as np

from quanheng.maker import columns as c
from quanheng.maker.check_kernels import mask
from quanheng.terms.codes import Action, Check, Effect, Phase, TradingState


class Rung(msgspec.Struct, frozen=True):
    """One check: what it does when broken, and the exchange's code for the same fault, 0 none."""

    check: Check
    action: Action
    exchange_code: int
    meaning: str


LADDER: tuple[Rung, ...] = (
    Rung(Check.P01_STATE, Action.DENY, 0, "trading state of the contract"),
    Rung(Check.P03_PHASE, Action.DENY, 19100, "phase takes orders, no-cancel windows"),
    Rung(Check.P04_CONTRACT, Action.DENY, 17658, "opening barred by the exchange"),
    Rung(Check.P05_PERMITTED, Action.DENY, 19108, "permitted underlyings and contracts"),
    Rung(Check.P06_QUANTITY, Action.DENY, 11098, "quantity"),
    Rung(Check.P07_PRICE, Action.DENY, 10450, "price step and daily limits"),
    Rung(Check.P08_ORDER_VALUE, Action.DENY, 0, "value of one order"),
    Rung(Check.P09_THEO_COLLAR, Action.DENY, 0, "distance from a fresh theoretical price"),
    Rung(Check.P10_LAST_COLLAR, Action.DENY, 0, "distance from mid or last trade"),
    Rung(Check.P11_OWN_QUOTE_COLLAR, Action.DENY, 0, "jump from the own previous quote"),
    Rung(Check.P12_CROSSING, Action.DENY, 0, "crossing the visible opposite side"),
    Rung(Check.P13_SELF_TRADE, Action.DENY, 19314, "meeting own interest"),
    Rung(Check.P15_MESSAGE_RATE, Action.DENY, 0, "messages per second, cancels keep their share"),
    Rung(Check.P18_POSITION, Action.DENY, 17606, "positions in the worst case"),
    Rung(Check.P20_MARGIN, Action.DENY, 17574, "margin and premium in the worst case"),
    Rung(Check.P24_OPEN_CLOSE, Action.DENY, 10836, "closing more than the position"),
)

EXCHANGE_CODES: dict[int, int] = {int(rung.check): rung.exchange_code for rung in LADDER}
"""The exchange's code of the same fault by check number, for people who compare the two."""

CHECKS = max(int(check) for check in Check)


class Refused(msgspec.Struct, frozen=True, array_like=True):
    """The first broken rung of a want."""

    check: Check
    action: Action


class Passed(msgspec.Struct, frozen=True):
    """Want rows int64[n, Q] that passed the whole ladder, in the order they may leave."""

    rows: np.ndarray


def actions_table(ladder: tuple[Rung, ...] = LADDER) -> np.ndarray:
    """Action by check number, int64[CHECKS + 1]; checks without a rung are ALLOW."""
    table = np.zeros(CHECKS + 1, dtype=np.int64)
    for rung in ladder:
        table[rung.check] = rung.action
    return table


def judge(
    context: np.ndarray,
    want: np.ndarray,
    limits: np.ndarray,
    totals: np.ndarray,
    actions: np.ndarray,
) -> Passed:
    """Run the ladder over want rows; codes are written into them, totals are reserved."""
    count = mask(context, want, limits, totals, actions)
    if count == want.shape[0]:
        return Passed(want)
    return Passed(want[want[:, c.Q_CODE] == 0])


def review(
    x: list[int], w: list[int], limits: list[int], totals: list[int], ladder: tuple[Rung, ...]
) -> Passed | Refused:
    """Judge one want: the obvious form of the ladder, for people's orders and as the twin.

    x, w and limits are rows as in `columns`; totals is changed when the want passes.
    """
    for rung in ladder:
        if rung.action in (Action.ALLOW, Action.WARN):
            continue
        if _broken(rung.check, x, w, limits, totals):
            return Refused(rung.check, rung.action)
    opens, sales = _opening(w)
    totals[c.S_LONG] += opens
    totals[c.S_BUY_OPEN] += opens
    totals[c.S_TOTAL] += opens + sales
    totals[c.S_FUNDS] += _claim(x, w)
    totals[c.S_TOKENS] -= 1
    return Passed(np.array([w], dtype=np.int64))


def _opening(w: list[int]) -> tuple[int, int]:
    opens = w[c.Q_BID_QTY] if w[c.Q_BID_EFFECT] == Effect.OPEN else 0
    return opens, w[c.Q_ASK_QTY] if w[c.Q_ASK_EFFECT] == Effect.OPEN else 0


def _claim(x: list[int], w: list[int]) -> int:
    _, sales = _opening(w)
    return w[c.Q_BID] * w[c.Q_BID_QTY] * x[c.C_UNIT] + sales * x[c.C_MARGIN]


def _carried(w: list[int]) -> list[tuple[int, int]]:
    """(price, quantity) of the sides a want carries."""
    sides = [(w[c.Q_BID], w[c.Q_BID_QTY]), (w[c.Q_ASK], w[c.Q_ASK_QTY])]
    return [(price, qty) for price, qty in sides if qty != 0]


def _within(price: int, reference: int, share: int, ticks: int) -> bool:
    return abs(price - reference) <= max(ticks, share * reference / 10_000)


def _broken(check: Check, x: list[int], w: list[int], limits: list[int], totals: list[int]) -> bool:
    """True when a rung is broken (reliability.md 2.3)."""
    bid, bids, ask, asks = w[c.Q_BID], w[c.Q_BID_QTY], w[c.Q_ASK], w[c.Q_ASK_QTY]
    opens, sales = _opening(w)
    match check:
        case Check.P01_STATE:
            if x[c.C_STATE] == TradingState.REDUCING:
                return bids > max(-x[c.C_NET], 0) or asks > max(x[c.C_NET], 0)
            return x[c.C_STATE] != TradingState.OPEN
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
        case Check.P08_ORDER_VALUE:
            return max(bid * bids, ask * asks) * x[c.C_UNIT] > limits[c.L_VALUE]
        case _:
            return _broken_later(check, x, w, limits, totals)


def _broken_later(
    check: Check, x: list[int], w: list[int], limits: list[int], totals: list[int]
) -> bool:
    """The rungs from P09 on."""
    bid, bids, ask, asks = w[c.Q_BID], w[c.Q_BID_QTY], w[c.Q_ASK], w[c.Q_ASK_QTY]
    opens, sales = _opening(w)
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
        case Check.P15_MESSAGE_RATE:
            return totals[c.S_TOKENS] - 1 < limits[c.L_RESERVE]
        case Check.P18_POSITION:
            most = limits[c.L_POSITION]
            own = (bids > 0 and x[c.C_NET] + x[c.C_WORK_BUY] + bids > most) or (
                asks > 0 and x[c.C_WORK_SELL] + asks - x[c.C_NET] > most
            )
            long = totals[c.S_LONG] + opens > limits[c.L_LONG]
            today = totals[c.S_BUY_OPEN] + opens > limits[c.L_BUY_OPEN]
            whole = totals[c.S_TOTAL] + opens + sales > limits[c.L_TOTAL]
            return own or (opens > 0 and (long or today)) or (opens + sales > 0 and whole)
        case Check.P20_MARGIN:
            claim = _claim(x, w)
            return claim > 0 and totals[c.S_FUNDS] + claim > limits[c.L_FUNDS]
        case Check.P24_OPEN_CLOSE:
            buys, sells = bids - opens, asks - sales
            return (buys > 0 and buys > x[c.C_SHORT] - x[c.C_CLOSING_BUY]) or (
                sells > 0 and sells > x[c.C_LONG] - x[c.C_CLOSING_SELL]
            )
        case _:
            return False
