"""Figures and grade of a period: a month, or a single day as a trial (E-01 to E-07).

A period is any run of trading days. Days of a class without obliged time are left out of the means
and of the auction counts unless A36 counts them 0; an opening or closing that never had to be
joined counts as joined, as the guide's silence on breakers is read by default (A11).
"""

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from quanheng.duties.class_day import ClassDay
from quanheng.duties.exact import mean
from quanheng.duties.grade import (
    Adjustments,
    Scale,
    assumed,
    combined,
    general_grade,
    ladder_factor,
    primary_grade,
    table_grade,
    weighted,
)
from quanheng.duties.readings import FAIL_NAN, SKIP_NAN
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
    volatility: Fraction | None  # None: no breaker, and A11 does not read that as joined
    closing: Fraction
    combined: Fraction
    weighted: Fraction


def share(values: Sequence[int | None]) -> Fraction:
    """Share of ones among the judged; 1 when nothing was judged."""
    judged = [value for value in values if value is not None]
    return Fraction(sum(judged), len(judged)) if judged else Fraction(1)


def _counted(scale: Scale, days: Sequence[ClassDay]) -> list[ClassDay]:
    """The days that count: those with obliged time, or all with nothing as 0 (A36)."""
    if not scale.choices.empty_zero:
        return [day for day in days if day.participation is not None]
    return [
        day
        if day.participation is not None
        else msgspec.structs.replace(
            day,
            participation=Fraction(0),
            opening_effective=0,
            closing_effective=0,
            closing_share=Fraction(0),
        )
        for day in days
    ]


def _ratio(scale: Scale, days: Sequence[ClassDay]) -> Fraction | None:
    """R(u): the mean over days, with those that have none as A05 reads them."""
    values = [day.spread_ratio for day in days if day.spread_ratio is not None]
    if scale.choices.nan != SKIP_NAN and len(values) < len(days):
        if scale.choices.nan == FAIL_NAN:
            return None
        values += [Fraction(1)] * (len(days) - len(values))
    return mean(values)


def _closing(scale: Scale, days: Sequence[ClassDay]) -> tuple[Fraction, list[Fraction]]:
    """(S, the factor g of each day): one g of the period, or each day's own (A13)."""
    if scale.choices.daily_ladder:
        shares = [Fraction(1) if d.closing_share is None else d.closing_share for d in days]
        return mean(shares) or Fraction(0), [ladder_factor(scale, one) for one in shares]
    closing = share([day.closing_effective for day in days])
    return closing, [ladder_factor(scale, closing)] * len(days)


def continuous(scale: Scale, days: Sequence[ClassDay]) -> Continuous | None:
    """O, B, S, C, WP and R over the days that count; None without any such day."""
    own = _counted(scale, days)
    if not own:
        return None
    opening = share([day.opening_effective for day in own])
    auctions = sum(day.volatility_auctions for day in own)
    joined = sum(day.volatility_joined for day in own)
    intraday = Fraction(joined, auctions) if auctions else None
    closing, factors = _closing(scale, own)
    parts = [day.participation for day in own if day.participation is not None]
    scores = [combined(scale, part, g) for part, g in zip(parts, factors, strict=True)]
    both = mean([score for score in scores if score is not None]) or Fraction(0)
    return Continuous(
        spread_ratio=_ratio(scale, own),
        opening=opening,
        volatility=assumed(scale, intraday),
        closing=closing,
        combined=both,
        weighted=weighted(scale, opening, intraday, both),
    )


def volume_ratio(scale: Scale, volume: int, volumes: Sequence[int]) -> Fraction | None:
    """Volume against the mean of the primary makers, `volumes` with its own (A16); None of 0."""
    total, count = sum(volumes), len(volumes)
    if scale.choices.others:
        total, count = total - volume, count - 1
    return Fraction(volume * count, total) if total else None


def rate_period(
    first: Day,
    last: Day,
    days: Sequence[tuple[str, ClassDay]],
    scale: Scale,
    changes: dict[tuple[str, str], Adjustments],
) -> list[Period]:
    """Rows for every (maker, class, kind) with a day in the window, sorted.

    `days` are (kind on that day, figures); `changes` by (maker, underlying). Volume is compared
    with the mean of the primary makers of the class, zero volume included (duty_dataset.md 7, A16).
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
        ratio = volume_ratio(scale, volume, volumes[underlying]) if kind == PRIMARY else None
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
