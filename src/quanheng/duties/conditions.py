"""The numbers of chapters 3 to 5 that measuring needs, read once from the day's rulebook.

Plain integers in one small struct, so that the hot paths touch no rulebook and tests can state
their own numbers. Ratios are (numerator, denominator).
"""

import msgspec

from quanheng.duties.readings import Options, options_of
from quanheng.rulebook.model import Rulebook
from quanheng.terms.units import SECOND, Lots, Nanos, Ticks

Band = tuple[int, int, int]
"""Allowed spread max(num x bid, den x floor) / den ticks, as (num, den, floor) (Q-01)."""


class Conditions(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What a quote must satisfy and when no duty applies (Q-01, Q-02, Q-05, Q-06, Q-07)."""

    bands: tuple[Band, Band, Band, Band]  # by expiry rank 1 … 4
    size: Lots  # continuous trading
    auction_size: Lots
    low_price: dict[str, Ticks]  # underlying type: the bid is excused while last < this
    answer: Nanos
    hold: Nanos
    steps: dict[str, Ticks] = {}  # underlying type: price step of its options, 1 when absent
    window: Nanos = 300 * SECOND  # before the opening uncross (reading A10)
    options: Options = Options()


def spread_key(num: int, den: int, floor_key: int, step: Ticks, base: Ticks) -> int:
    """den x allowed spread of a bid; `step` > 0 cuts it down to whole steps, at
    least one (A02).
    """
    key = max(num * base, floor_key)
    return den * max(key // den // step, 1) * step if step else key


class Subject(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One contract as duties see it for one day; built from a Chain or from a dataset row."""

    contract: str
    underlying: str
    band: Band
    low: Ticks
    limit_up: Ticks
    limit_down: Ticks
    last: Ticks  # last trade before today, else the previous settlement price (reading A31)
    step: Ticks = 1  # price step (reading A02)


def subject(
    terms: Conditions,
    *,
    contract: str,
    underlying: str,
    underlying_type: str,
    rank: int,
    limit_up: Ticks,
    limit_down: Ticks,
    last_trade: Ticks,
    previous_settle: Ticks,
) -> Subject:
    """The Subject of a contract. ValueError names the contract and what is unknown about it."""
    if not 1 <= rank <= len(terms.bands):
        raise ValueError(f"contract {contract}: expiry rank {rank} is not 1 to 4")
    if underlying_type not in terms.low_price:
        known = ", ".join(sorted(terms.low_price))
        raise ValueError(f"contract {contract}: underlying type {underlying_type!r} not in {known}")
    return Subject(
        contract=contract,
        underlying=underlying,
        band=terms.bands[rank - 1],
        low=terms.low_price[underlying_type],
        limit_up=limit_up,
        limit_down=limit_down,
        last=last_trade if last_trade > 0 else previous_settle,
        step=terms.steps.get(underlying_type, 1),
    )


def from_rulebook(book: Rulebook) -> Conditions:
    """The conditions a day's rulebook sets (Q-08). ValueError for a reading not followed here."""
    duty = book.duty
    first, second, third, fourth = duty.bands
    return Conditions(
        bands=(first, second, third, fourth),
        size=duty.size_continuous,
        auction_size=duty.size_auction,
        low_price={"EBS": duty.low_price_etf, "ASH": duty.low_price_stock},
        answer=duty.inquiry_answer,
        hold=duty.inquiry_hold,
        steps={"EBS": 1, "ASH": 10},
        window=duty.opening_window,
        options=options_of(book),
    )
