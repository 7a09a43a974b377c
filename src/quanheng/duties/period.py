"""Figures and grade of a period: a month, or a single day as a trial (E-01 to E-07).

A period is any run of trading days. Days of a class without obliged time are left out of the means
and of the auction counts (reading A36); an auction kind that never had to be joined counts as
joined, as the guide's silence on breakers is read (A11).
"""

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from quanheng.duties.class_day import ClassDay
from quanheng.duties.exact import mean
from quanheng.duties.grade import (
    Adjustments,
    Scale,
    combined,
    general_grade,
    ladder_factor,
    primary_grade,
    table_grade,
    weighted,
)
from quanheng.terms.units import Day, Lots

PRIMARY, GENERAL = "primary", "general"


class Period(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """A row of `period`. For a general maker only answers are evaluated (E-06)."""

    first: Day
    last: Day
    maker: str
    underlying: str
    kind: str
    days: int
    spread_ratio: Fraction | None
    opening: Fraction | None
    volatility: Fraction | None
    closing: Fraction | None
    combined: Fraction | None
    weighted_participation: Fraction | None
    answer_rate: Fraction | None
    volume: Lots
    volume_ratio: Fraction | None
    table_grade: str
    grade: str
    reasons: tuple[str, ...]


class Continuous(msgspec.Struct, frozen=True):
    """The continuous-quoting indicators of one primary maker in one class."""

    spread_ratio: Fraction | None
    opening: Fraction
    volatility: Fraction
    closing: Fraction
    combined: Fraction
    weighted: Fraction


def share(values: Sequence[int | None]) -> Fraction:
    """Share of ones among the judged; 1 when nothing was judged."""
    judged = [value for value in values if value is not None]
    return Fraction(sum(judged), len(judged)) if judged else Fraction(1)


def continuous(scale: Scale, days: Sequence[ClassDay]) -> Continuous | None:
    """O, B, S, C, WP and R over the days with obliged time; None without any such day."""
    own = [day for day in days if day.participation is not None]
    if not own:
        return None
    opening = share([day.opening_effective for day in own])
    closing = share([day.closing_effective for day in own])
    auctions = sum(day.volatility_auctions for day in own)
    joined = sum(day.volatility_joined for day in own)
    intraday = Fraction(joined, auctions) if auctions else Fraction(1)
    factor = ladder_factor(scale, closing)
    parts = [day.participation for day in own if day.participation is not None]
    both = mean([combined(scale, part, factor) for part in parts]) or Fraction(0)
    return Continuous(
        spread_ratio=mean([day.spread_ratio for day in own if day.spread_ratio is not None]),
        opening=opening,
        volatility=intraday,
        closing=closing,
        combined=both,
        weighted=weighted(scale, opening, intraday, both),
    )


def rate_period(
    first: Day,
    last: Day,
    days: Sequence[tuple[str, ClassDay]],
    scale: Scale,
    changes: dict[tuple[str, str], Adjustments],
) -> list[Period]:
    """Rows for every (maker, class, kind) with a day in the window, sorted.

    `days` are (kind on that day, figures); `changes` by (maker, underlying). Volume is compared
    with the mean of the primary makers of the class, zero volume included (duty_dataset.md 7).
    """
    groups: dict[tuple[str, str, str], list[ClassDay]] = {}
    for kind, day in days:
        groups.setdefault((day.underlying, day.maker, kind), []).append(day)
    volumes: dict[str, list[int]] = {}
    for (underlying, _, kind), own in groups.items():
        if kind == PRIMARY:
            volumes.setdefault(underlying, []).append(sum(day.volume for day in own))
    rows = []
    for (underlying, maker, kind), own in sorted(groups.items()):
        volume = sum(day.volume for day in own)
        asked = sum(day.inquiries for day in own)
        rate = Fraction(sum(day.answered for day in own), asked) if asked else None
        change = changes.get((maker, underlying), Adjustments())
        total = sum(volumes.get(underlying, ()))
        ratio = None
        if kind == PRIMARY and total:
            ratio = Fraction(volume * len(volumes[underlying]), total)
        found = continuous(scale, own) if kind == PRIMARY else None
        table, grade, reasons = "", "", tuple[str, ...]()
        if kind == GENERAL:
            grade, reasons = general_grade(scale, rate, change)
        elif found is not None:
            table = table_grade(scale, found.spread_ratio, found.weighted)
            grade, reasons = primary_grade(scale, table, ratio, rate, change)
        elif change.penalty:
            grade, reasons = "D", ("PENALTY_D",)
        rows.append(
            Period(
                first=first,
                last=last,
                maker=maker,
                underlying=underlying,
                kind=kind,
                days=len(own),
                spread_ratio=found.spread_ratio if found else None,
                opening=found.opening if found else None,
                volatility=found.volatility if found else None,
                closing=found.closing if found else None,
                combined=found.combined if found else None,
                weighted_participation=found.weighted if found else None,
                answer_rate=rate,
                volume=volume,
                volume_ratio=ratio,
                table_grade=table,
                grade=grade,
                reasons=reasons,
            )
        )
    return rows
