"""One maker in one class on one day: the step between contracts and periods (E-01 to E-04)."""

from fractions import Fraction

import msgspec
import numpy as np

from quanheng.duties.exact import mean
from quanheng.duties.figures import UNJUDGED, Figures, participation, spread_ratio
from quanheng.duties.grade import Scale, at_least
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


def contract_days(figures: Figures) -> list[ContractDay]:
    """Every cell with duties, by maker, then contract."""
    rows = []
    for maker, contract in np.argwhere(figures.active).tolist():
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


def effective(joined: list[int], share: tuple[int, int]) -> int | None:
    """1 when at least `share` of the contracts was joined (readings A09, A14, A35); None of
    none.
    """
    if not joined:
        return None
    return int(at_least(Fraction(sum(joined), len(joined)), share))


def class_days(figures: Figures, scale: Scale, rows: list[ContractDay]) -> list[ClassDay]:
    """Every maker's classes; `rows` are the `contract_days` of the same figures."""
    underlying = dict(zip(figures.contracts, figures.underlyings, strict=True))
    column = {contract: index for index, contract in enumerate(figures.contracts)}
    seat = {maker: index for index, maker in enumerate(figures.makers)}
    groups: dict[tuple[str, str], list[ContractDay]] = {}
    for row in rows:
        groups.setdefault((row.maker, underlying[row.contract]), []).append(row)
    found = []
    for (maker, klass), own in groups.items():
        cells = [column[row.contract] for row in own]
        at = seat[maker]
        obliged = [row for row in own if row.participation is not None]
        parts = [row.participation for row in own if row.participation is not None]
        covered = sum(at_least(part, scale.contract_share) for part in parts)
        opening = [row.opening for row in own if row.opening is not None]
        closing = [row.closing for row in own if row.closing is not None]
        found.append(
            ClassDay(
                day=figures.day,
                maker=maker,
                underlying=klass,
                contracts=len(obliged),
                covered=covered,
                coverage=Fraction(covered, len(obliged)) if obliged else None,
                spread_ratio=mean([r.spread_ratio for r in own if r.spread_ratio is not None]),
                participation=mean(parts),
                opening_effective=effective(opening, scale.opening_share),
                closing_effective=effective(closing, scale.closing_share),
                volatility_auctions=sum(row.volatility_auctions for row in own),
                volatility_joined=sum(row.volatility_joined for row in own),
                inquiries=int(figures.inquiries[at, cells].sum()),
                answered=int(figures.answered[at, cells].sum()),
                volume=sum(row.volume for row in own),
            )
        )
    return found
