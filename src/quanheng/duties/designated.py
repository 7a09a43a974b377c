"""Designated contracts: who has which on a day, and whether the month's duty was kept.

A designation names a maker and a contract (table `designations`); without that table the column
`contracts.designated` designates a contract to every primary maker of its class. A month is kept
when the mean participation of the contract reaches the share owed per contract (Q-03), its mean
spread ratio is not above the allowed spread, and its closing auctions reach their share (Q-04).
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction

import msgspec

from quanheng.duties.class_day import ContractDay
from quanheng.duties.exact import mean
from quanheng.duties.grade import Scale, at_least, at_most
from quanheng.duties.period import share
from quanheng.terms.units import Day


class DesignatedMonth(msgspec.Struct, frozen=True):
    """A row of `designated_month`; `month` is YYYYMM of its end."""

    maker: str
    contract: str
    month: int
    passed: int
    underlying: str = ""  # no column of the table


class Designation(msgspec.Struct, frozen=True):
    """A row of `designations`; `until` 0 = open."""

    maker: str
    contract: str
    since: Day
    until: Day


def designated_on(
    day: Day, rows: Iterable[Designation], flagged: Iterable[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """(maker, contract) of a day: from `rows`, or from `flagged` pairs when there are none."""
    known = list(rows)
    if not known:
        return frozenset(flagged)
    return frozenset(
        (row.maker, row.contract)
        for row in known
        if row.since <= day and (row.until == 0 or day <= row.until)
    )


def designated_months(
    month: int,
    days: Iterable[ContractDay],
    scale: Scale,
    closing_share: tuple[int, int],
    underlyings: Mapping[str, str],
) -> list[DesignatedMonth]:
    """Pass or fail per designated contract from its days of one month, sorted.

    A contract without obliged time in the whole month keeps it.
    """
    groups: dict[tuple[str, str], list[ContractDay]] = {}
    for day in days:
        groups.setdefault((day.maker, day.contract), []).append(day)
    return [
        DesignatedMonth(
            maker,
            contract,
            month,
            int(_kept(own, scale, closing_share)),
            underlyings[contract],
        )
        for (maker, contract), own in sorted(groups.items())
    ]


def _kept(days: list[ContractDay], scale: Scale, closing_share: tuple[int, int]) -> bool:
    parts = [day.participation for day in days if day.participation is not None]
    part = mean(parts)
    if part is None:
        return True
    ratio = mean([day.spread_ratio for day in days if day.spread_ratio is not None])
    closing: Fraction = share([day.closing for day in days])
    return (
        at_least(part, scale.contract_share)
        and ratio is not None
        and at_most(ratio, scale.spread_bands[1])
        and at_least(closing, closing_share)
    )
