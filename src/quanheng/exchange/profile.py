"""How a class's flow is spread over its contracts and over the day: stated shares, in one place.

A contract belongs to a place by its standardised moneyness z = ln(K/S) / (vol sqrt(tau)), counted
positive out of the money. An expiry gets its share by rank (current month, next month, the two
quarter months), a place its share of the expiry, and the contracts of a place share equally, an
adjusted contract counting for ADJUSTED of a standard one. What is not listed leaves its share to
the rest. The shares are choices after what the exchange's monthly statistics show of ETF options:
the near month and the money carry most, calls and puts out of the money more than those in it.
docs/studies/crowd.md holds the day against them.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from quanheng.exchange.layout import Floats, Ints
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import log
from quanheng.terms.contract import Contract
from quanheng.terms.days import day_number
from quanheng.terms.units import Day

RANKS = (0.60, 0.20, 0.15, 0.05)
"""Share of an expiry by its rank."""
PLACES = ("in the money", "at the money", "out of the money", "far out of the money")
EDGES = (-0.75, 0.75, 2.0)
"""Upper ends in z of the first three places."""
RETAIL = (0.04, 0.48, 0.36, 0.12)
"""Retail flow by place: cheap contracts out of the money draw it."""
INSTITUTION = (0.14, 0.62, 0.20, 0.04)
ADJUSTED = 0.05
MOST_PULL = 4.0
"""A place never gets more than this many times its flow, or less than this part, to make up."""
DEEP = 2.0
"""|z| beyond which a maker may leave a contract alone."""

HOURS = ((0.125, 0.21), (0.5, 0.485), (0.875, 0.80), (1.0, 1.0))
"""(part of the session, part of the volume): busy after the open and before the close."""


@kernel
def place_of(z: float) -> int:
    """Number of the place of a contract."""
    place = 0
    for edge in EDGES:
        if z > edge:
            place += 1
    return place


@kernel
def share_out(places: Ints, rows: Ints, weights: Floats, ranks: Floats, table: Floats) -> Floats:
    """Share of each contract; sums to 1. `rows` are places in `ranks`, one of each expiry."""
    inside = np.zeros((ranks.shape[0], table.shape[0]))
    for i in range(rows.shape[0]):
        inside[rows[i], places[i]] += weights[i]
    out = np.zeros(rows.shape[0])
    total = 0.0
    for row in range(ranks.shape[0]):
        listed = 0.0
        for place in range(table.shape[0]):
            if inside[row, place] > 0.0:
                listed += table[place]
        if listed == 0.0:
            continue
        total += ranks[row]
        for i in range(rows.shape[0]):
            if rows[i] == row:
                share = table[places[i]] / listed * weights[i] / inside[row, places[i]]
                out[i] = ranks[row] * share
    return out / total


@kernel
def behind(places: Ints, rows: Ints, wanted: Floats, done: Ints) -> Floats:
    """How much more flow than stated each contract should get, by what its place of its expiry
    has traded so far against its share: 1 for what stands where it should.
    """
    total = float(done.sum())
    cells = np.zeros((int(rows.max()) + 1, int(places.max()) + 1, 2))
    for i in range(rows.shape[0]):
        cells[rows[i], places[i], 0] += wanted[i] * total
        cells[rows[i], places[i], 1] += done[i]
    out = np.ones(rows.shape[0])
    slack = 0.01 * total + 50.0
    for i in range(rows.shape[0]):
        cell = cells[rows[i], places[i]]
        ratio = (cell[0] + slack) / (cell[1] + slack)
        out[i] = min(max(ratio * ratio, 1.0 / MOST_PULL), MOST_PULL)
    return out


def rank_shares(last_days: Sequence[Day]) -> list[float]:
    """Share of each expiry of a class, nearest first, before what is not listed leaves its own.

    The nearest is the current month, a following one the next month, all others quarter months.
    """
    months = [day // 10_000 * 12 + day // 100 % 100 for day in last_days]
    shares, quarter = [], 1
    for number, month in enumerate(months):
        if number == 0 or (number == 1 and month == months[0] + 1):
            shares.append(RANKS[number])
        else:
            quarter = min(quarter + 1, 3)
            shares.append(RANKS[quarter])
    return shares


def weight(contract: Contract) -> float:
    """What a contract counts among those of its place."""
    return 1.0 if contract.trading_code[11:12] == "M" else ADJUSTED


def kept_share(
    day: Day,
    rows: Sequence[Contract],
    kept: Sequence[Contract],
    atm: Mapping[Day, float],
    retail: float,
) -> float:
    """Share of a class's flow that falls on those of its contracts that are kept.

    `atm` are volatilities at the money by last day, `retail` is retail's share of the flow.
    """
    days = sorted({row.last_day for row in rows})
    places = np.empty(len(rows), dtype=np.int64)
    for number, row in enumerate(rows):
        years = max(day_number(row.last_day) - day_number(day), 0.5) / 365.0
        z = float(log(row.strike / row.underlying_close)) / (atm[row.last_day] * years**0.5)
        places[number] = place_of(z if row.is_call else -z)
    expiry = np.array([days.index(row.last_day) for row in rows], dtype=np.int64)
    weights = np.array([weight(row) for row in rows])
    ranks = np.array(rank_shares(days))
    codes = {row.code for row in kept}
    mine = np.array([row.code in codes for row in rows])
    people = share_out(places, expiry, weights, ranks, np.array(RETAIL))
    firms = share_out(places, expiry, weights, ranks, np.array(INSTITUTION))
    return float(retail * people[mine].sum() + (1.0 - retail) * firms[mine].sum())


def planned(part: float) -> float:
    """Share of the day's volume wanted after a part of the session, 0 to 1."""
    before = (0.0, 0.0)
    for point in HOURS:
        if part < point[0]:
            return before[1] + (point[1] - before[1]) * (part - before[0]) / (point[0] - before[0])
        before = point
    return 1.0
