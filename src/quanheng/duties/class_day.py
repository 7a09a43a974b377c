"""One maker in one class on one day: the step between contracts and periods (E-01 to E-04)."""

from fractions import Fraction

import msgspec
import numpy as np

from quanheng.duties.exact import mean
from quanheng.duties.figures import UNJUDGED, Figures, participation, spread_ratio
from quanheng.duties.grade import Scale, at_least
from quanheng.duties.readings import ANY_QUOTE, FAIL_NAN, POINT_IN_TIME, SKIP_NAN
from quanheng.terms.units import Day, Lots, Nanos


class ContractDay(msgspec.Struct, frozen=True):
    """A row of `contract_day`. None is a ratio that is not defined, or no auction to judge."""

    day: Day
    maker: str
    contract: str
    obliged_ns: Nanos
    quoted_ns: Nanos
    compliant_ns: Nanos
    spread_ratio: Fraction | None
    participation: Fraction | None
    opening: int | None
    closing: int | None
    volatility_auctions: int
    volatility_joined: int
    volume: Lots


class ClassDay(msgspec.Struct, frozen=True):
    """A row of `class_day`. `contracts` are those with obliged time; an effective auction is
    1 or 0.
    """

    day: Day
    maker: str
    underlying: str
    contracts: int
    covered: int
    coverage: Fraction | None
    spread_ratio: Fraction | None
    participation: Fraction | None
    opening_effective: int | None
    closing_effective: int | None
    volatility_auctions: int
    volatility_joined: int
    inquiries: int
    answered: int
    volume: Lots
    closing_share: Fraction | None = None
    """Contracts joined of those judged at the close (A13); no column of the table."""


def contract_days(figures: Figures, only: str = "") -> list[ContractDay]:
    """Every cell with duties, by maker, then contract; of one maker where it is named."""
    rows = []
    for maker, contract in np.argwhere(figures.active).tolist():
        if only and figures.makers[maker] != only:
            continue
        opening, closing = (
            int(figures.opening[maker, contract]),
            int(figures.closing[maker, contract]),
        )
        rows.append(
            ContractDay(
                day=figures.day,
                maker=figures.makers[maker],
                contract=figures.contracts[contract],
                obliged_ns=int(figures.obliged[maker, contract]),
                quoted_ns=int(figures.quoted[maker, contract]),
                compliant_ns=int(figures.compliant[maker, contract]),
                spread_ratio=spread_ratio(figures, maker, contract),
                participation=participation(figures, maker, contract),
                opening=None if opening == UNJUDGED else opening,
                closing=None if closing == UNJUDGED else closing,
                volatility_auctions=int(figures.auctions[maker, contract]),
                volatility_joined=int(figures.joined[maker, contract]),
                volume=int(figures.volume[maker, contract]),
            )
        )
    return rows


def effective(joined: list[int], share: tuple[int, int], rounded: int = 0) -> int | None:
    """1 when at least `share` of the contracts was joined (readings A09, A14, A35); None of
    none. `rounded` 1 takes the wanted number half up instead of up.
    """
    if not joined:
        return None
    if rounded:
        num, den = share
        return int(sum(joined) >= (2 * num * len(joined) + den) // (2 * den))
    return int(at_least(Fraction(sum(joined), len(joined)), share))


Designated = frozenset[tuple[str, str]]
"""(maker, contract) of a day's designations."""


def class_days(
    figures: Figures, scale: Scale, rows: list[ContractDay], designated: Designated = frozenset()
) -> list[ClassDay]:
    """Every maker's classes; `rows` are the `contract_days` of the same figures.

    The spread ratio and participation of a designated contract are multiplied with the exchange's
    factors before the means (chapter 5 二(三)); coverage keeps its own.
    """
    underlying = dict(zip(figures.contracts, figures.underlyings, strict=True))
    column = {contract: index for index, contract in enumerate(figures.contracts)}
    seat = {maker: index for index, maker in enumerate(figures.makers)}
    groups: dict[tuple[str, str], list[ContractDay]] = {}
    for row in rows:
        groups.setdefault((row.maker, underlying[row.contract]), []).append(row)
    found = []
    for (maker, klass), own in groups.items():
        cells = [column[row.contract] for row in own]
        at, rounded = seat[maker], scale.choices.rounded
        obliged = [row for row in own if row.participation is not None]
        covered, coverage = _coverage(scale, obliged)
        opening = [row.opening for row in own if row.opening is not None]
        closing = [row.closing for row in own if row.closing is not None]
        auctions, joined = _intraday(figures, scale, at, cells, own)
        found.append(
            ClassDay(
                day=figures.day,
                maker=maker,
                underlying=klass,
                contracts=len(obliged),
                covered=covered,
                coverage=coverage,
                spread_ratio=_class_ratio(scale, own, designated),
                participation=_class_participation(scale, obliged, designated),
                opening_effective=effective(opening, scale.opening_share, rounded),
                closing_effective=effective(closing, scale.closing_share, rounded),
                volatility_auctions=auctions,
                volatility_joined=joined,
                inquiries=int(figures.inquiries[at, cells].sum()),
                answered=int(figures.answered[at, cells].sum()),
                volume=sum(row.volume for row in own),
                closing_share=Fraction(sum(closing), len(closing)) if closing else None,
            )
        )
    return found


def is_covered(scale: Scale, row: ContractDay) -> bool:
    """Does a contract with obliged time count as covered (A08); point in time: quoted at all."""
    if scale.choices.cover in (ANY_QUOTE, POINT_IN_TIME):
        return row.compliant_ns > 0
    return row.participation is not None and at_least(row.participation, scale.contract_share)


def _coverage(scale: Scale, obliged: list[ContractDay]) -> tuple[int, Fraction | None]:
    """(covered contracts, their share); point in time: the mean over all obliged time."""
    if not obliged:
        return 0, None
    if scale.choices.cover == POINT_IN_TIME:
        kept = sum(row.compliant_ns for row in obliged)
        share = Fraction(kept, sum(row.obliged_ns for row in obliged))
        return int(share * len(obliged)), share
    covered = sum(is_covered(scale, row) for row in obliged)
    return covered, Fraction(covered, len(obliged))


def _class_participation(
    scale: Scale, obliged: list[ContractDay], designated: Designated
) -> Fraction | None:
    """P(u, d): the mean over contracts with obliged time, or over the covered of them (A06)."""
    factor = Fraction(*scale.designated[1])
    parts = [
        min(factor * row.participation, Fraction(1))
        if (row.maker, row.contract) in designated
        else row.participation
        for row in obliged
        if row.participation is not None
        and not (scale.choices.covered_only and not is_covered(scale, row))
    ]
    return mean(parts) if parts or not obliged else Fraction(0)


def _class_ratio(scale: Scale, own: list[ContractDay], designated: Designated) -> Fraction | None:
    """R(u, d): the mean over contracts, with those that have none as A05 reads them."""
    factor, reading = Fraction(*scale.designated[0]), scale.choices.nan
    values = []
    for row in own:
        if row.spread_ratio is not None:
            chosen = (row.maker, row.contract) in designated
            values.append(factor * row.spread_ratio if chosen else row.spread_ratio)
        elif reading != SKIP_NAN and row.obliged_ns:
            if reading == FAIL_NAN:
                return None
            values.append(Fraction(1))
    return mean(values)


def _intraday(
    figures: Figures, scale: Scale, maker: int, cells: list[int], own: list[ContractDay]
) -> tuple[int, int]:
    """Intraday auctions and those joined: contract events, or moments joined throughout (A12)."""
    if not scale.choices.by_time:
        return sum(row.volatility_auctions for row in own), sum(r.volatility_joined for r in own)
    kept = (figures.breaks[:, 0] == maker) & np.isin(figures.breaks[:, 1], cells)
    joined: dict[int, int] = {}
    for _, _, moment, ready in figures.breaks[kept].tolist():
        joined[moment] = min(joined.get(moment, 1), ready)
    return len(joined), sum(joined.values())
