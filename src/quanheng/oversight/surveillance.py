"""Surveillance of forbidden conduct (S-03; guide chapter 7 三): records of a day, views, findings.

Pure functions over what the exchange recorded of all members. The exchange sees everything; a
firm's compliance sees its own accounts, the other side of their trades unnamed, and the market's
quotes without names. Every pattern has thresholds as data, says what it measured, and names the
records it stands on; whether it is conduct or chance a person decides (`review` in the register).

`participants` are named accounts; -1 is anybody else. Times are nanoseconds since midnight, prices
Ticks, cash Money.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from quanheng.kernels.math.elementary import norm_cdf
from quanheng.terms.days import from_clock
from quanheng.terms.units import MONEY_PER_YUAN, SECOND, Day, DayNanos, Money, Slot

EXCHANGE, COMPLIANCE = "exchange", "compliance"
VIEWS = (EXCHANGE, COMPLIANCE)

(T_SLOT, T_AT, T_PRICE, T_QTY, T_BUYER, T_SELLER, T_BUY_AT, T_SELL_AT) = range(8)
TRADE = 8
"""Columns of a trade: participants are -1 for anybody; entry times of both orders."""
(O_WHO, O_SLOT, O_SIDE, O_AT, O_END, O_PRICE, O_QTY, O_FILLED) = range(8)
ORDER = 8
"""Columns of a side that stood in the book: side +1 or -1, O_END 0 while it stands."""
(D_WHO, D_KLASS, D_AT, D_SIDE, D_PRICE, D_QTY, D_CASH) = range(7)
DEAL = 7
"""Columns of a trade in an underlying: side +1 bought or -1 sold, cash Money without sign."""

STEP = 10 * SECOND
FIRST, LAST = from_clock("09:15"), from_clock("15:01")
CONTINUOUS = (from_clock("09:30"), from_clock("14:57"))
ATM_SHARE = 0.797_884_560_802_865_4
"""Price of a straddle at the money over forward, vol and root of time: sqrt(2 / pi) (Brenner and
Subrahmanyam 1988)."""
_MILLION = 1_000_000


class Party(msgspec.Struct, frozen=True):
    """A named account: who stands behind it (`group`), what it is for, whether it is our firm's."""

    name: str
    group: str
    role: str  # maker, proprietary, client, asset, related, other
    own: bool = False


class Ban(msgspec.Struct, frozen=True):
    """A restricted period of an underlying: accounts and persons who may not trade it (内幕名单,
    限制期). Empty accounts: none by account; `since` and `until` are times of the day looked at.
    """

    underlying: str
    accounts: tuple[str, ...]
    persons: tuple[str, ...]
    since: DayNanos
    until: DayNanos
    reason: str


class Listed(msgspec.Struct, frozen=True):
    """A contract as surveillance needs it."""

    code: str
    klass: int
    call: bool
    strike: int
    unit: int
    rank: int  # of its expiry, 1 the nearest
    settle: int  # previous settlement, Ticks


class PersonDeal(msgspec.Struct, frozen=True):
    """An own trade with the person on duty behind it."""

    person: str
    slot: int  # -1: in the underlying
    klass: int
    at: DayNanos
    qty: int
    client_id: str


class Records(msgspec.Struct, kw_only=True):
    """A day's records in one view. Arrays int64 as the columns above; `ids` names their rows.

    `bid`, `ask` int64[slots, points]: best effective quotes at each STEP from FIRST, 0 none.
    """

    day: Day
    view: str
    classes: tuple[str, ...]
    contracts: tuple[Listed, ...]
    parties: tuple[Party, ...]
    trades: np.ndarray
    trade_ids: np.ndarray  # row of the source table
    orders: np.ndarray
    deals: np.ndarray
    bid: np.ndarray
    ask: np.ndarray
    bans: tuple[Ban, ...] = ()
    persons: tuple[PersonDeal, ...] = ()
    last_days: tuple[Day, ...] = ()  # of each class's nearest expiry


class Finding(msgspec.Struct, frozen=True):
    """A pattern that was found. `figure` and `threshold` are in the pattern's own unit; `evidence`
    names records; severity 1 low, 2 medium, 3 high.
    """

    pattern: str
    who: tuple[str, ...]
    scope: str  # contract or underlying
    since: DayNanos
    until: DayNanos
    figure: int
    threshold: int
    severity: int
    evidence: tuple[str, ...]
    zh: str
    en: str


Limits = Mapping[str, int]
"""Thresholds of one pattern by name."""

MOST_EVIDENCE = 30
"""Records that a finding names; their number stands in its words."""


def finding(
    pattern: str,
    limits: Limits,
    who: Sequence[str],
    scope: str,
    span: tuple[DayNanos, DayNanos],
    figure: int,
    threshold: int,
    evidence: Sequence[str],
    words: tuple[str, str],
) -> Finding:
    """A finding with its severity: the pattern's own, one more from twice the threshold, two from
    four times.
    """
    ratio = figure * 100 // max(threshold, 1)
    severity = min(3, limits["severity"] + (ratio >= 200) + (ratio >= 400))
    kept = tuple(evidence[:MOST_EVIDENCE])
    return Finding(
        pattern, tuple(who), scope, *span, figure, threshold, severity, kept, words[0], words[1]
    )


def trade_names(records: Records, rows: np.ndarray) -> list[str]:
    """Evidence of trades: `trades#N`, the row of the dataset's table."""
    return [f"trades#{number}" for number in records.trade_ids[rows][:MOST_EVIDENCE].tolist()]


class Grid(NamedTuple):
    """Middles and deltas on the records' grid: float64[slots, points], NaN where unknown;
    `forward` float64[classes, points] Ticks.
    """

    middle: np.ndarray
    forward: np.ndarray
    delta: np.ndarray


def points() -> int:
    """Points of the grid."""
    return int((LAST - FIRST) // STEP) + 1


def place(at: DayNanos) -> int:
    """The last point of the grid at or before an instant."""
    return int(min(max((at - FIRST) // STEP, 0), points() - 1))


def grid_of(records: Records) -> Grid:
    """Middles of the best quotes, the forward that put and call of the nearest expiry imply, and a
    normal-model delta with the straddle's deviation. Rough on purpose: thresholds are far above.
    """
    both = (records.bid > 0) & (records.ask > records.bid)
    middle = np.where(both, (records.bid + records.ask) / 2.0, np.nan)
    count, size = len(records.classes), middle.shape[1]
    forward = np.full((count, size), np.nan)
    delta = np.full(middle.shape, np.nan)
    for klass in range(count):
        near = _pairs(records, klass)
        if not near:
            continue
        calls = np.array([pair[0] for pair in near])
        puts = np.array([pair[1] for pair in near])
        strikes = np.array([records.contracts[slot].strike for slot in calls], dtype=np.float64)
        gap = middle[calls] - middle[puts]
        known = np.isfinite(gap).any(axis=0)
        best = np.where(np.isfinite(gap), np.abs(gap), np.inf).argmin(axis=0)
        column = np.arange(size)
        here = np.where(known, strikes[best] + gap[best, column], np.nan)
        spread = (middle[calls] + middle[puts])[best, column] / ATM_SHARE
        forward[klass] = here
        for slot, row in enumerate(records.contracts):
            if row.klass == klass:
                delta[slot] = _deltas(row, here, spread)
    return Grid(middle, forward, delta)


def _pairs(records: Records, klass: int) -> list[tuple[Slot, Slot]]:
    rows: dict[tuple[int, int], list[int]] = {}
    for slot, row in enumerate(records.contracts):
        if row.klass == klass and row.rank == min(
            one.rank for one in records.contracts if one.klass == klass
        ):
            rows.setdefault((row.strike, row.unit), [-1, -1])[0 if row.call else 1] = slot
    return [(pair[0], pair[1]) for _, pair in sorted(rows.items()) if min(pair) >= 0]


DELTA_EVERY = 30
"""A delta stands for so many points of the grid: five minutes."""


def _deltas(row: Listed, forward: np.ndarray, spread: np.ndarray) -> np.ndarray:
    out = np.full(forward.size, np.nan)
    for start in range(0, forward.size, DELTA_EVERY):
        part = slice(start, start + DELTA_EVERY)
        good = np.flatnonzero(np.isfinite(forward[part]) & (spread[part] > 0))
        if good.size:
            here = start + int(good[0])
            up = float(norm_cdf(float((forward[here] - row.strike) / spread[here])))
            out[part] = up if row.call else up - 1.0
    return out


def deltas_of(records: Records, grid: Grid, trades: np.ndarray) -> np.ndarray:
    """Money int64[n]: cash delta of one bought contract of each trade."""
    if not len(trades):
        return np.zeros(0, dtype=np.int64)
    slots = trades[:, T_SLOT]
    where = np.clip((trades[:, T_AT] - FIRST) // STEP, 0, points() - 1)
    klass = np.array([row.klass for row in records.contracts])[slots]
    unit = np.array([row.unit for row in records.contracts])[slots]
    value = grid.delta[slots, where] * grid.forward[klass, where] * unit
    rounded: np.ndarray = np.rint(np.nan_to_num(value)).astype(np.int64)
    return rounded


def taken_by(trades: np.ndarray, who: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, sign) of the trades in continuous hours in which `who` entered the later order: +1 it
    bought.
    """
    at, buy, sell = trades[:, T_AT], trades[:, T_BUY_AT], trades[:, T_SELL_AT]
    hours = (at >= CONTINUOUS[0]) & (at < CONTINUOUS[1])
    bought = hours & (trades[:, T_BUYER] == who) & (buy > sell)
    sold = hours & (trades[:, T_SELLER] == who) & (sell > buy)
    rows = np.flatnonzero(bought | sold)
    return rows, np.where(bought[rows], 1, -1)


def yuan(value: Money) -> str:
    """Whole yuan with separators."""
    return f"{value // MONEY_PER_YUAN:,}"


def ppm(part: int, whole: int) -> int:
    """Share in ppm, 0 of nothing."""
    return part * _MILLION // whole if whole else 0


def of_view(records: Records, view: str) -> Records:
    """The records as a view sees them: compliance knows its own accounts alone, the other side of
    their trades without a name, and nobody else's orders.
    """
    if view == EXCHANGE:
        return records
    own = np.array([party.own for party in records.parties] + [False])
    trades = records.trades.copy()
    for column in (T_BUYER, T_SELLER):
        trades[~own[trades[:, column]], column] = -1
    kept = (trades[:, T_BUYER] >= 0) | (trades[:, T_SELLER] >= 0)
    orders, deals = records.orders, records.deals
    return msgspec.structs.replace(
        records,
        view=view,
        trades=trades[kept],
        trade_ids=records.trade_ids[kept],
        orders=orders[own[orders[:, O_WHO]]],
        deals=deals[own[deals[:, D_WHO]]],
    )
