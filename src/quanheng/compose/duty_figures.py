"""The figures of the seven items (I-22 to I-28) of one class over days, as reports show them.

A day's figure, a window's figure and the standard they are held against. A window's figure is the
one the evaluation has: means of days, shares of effective auctions (rules.md 10.3).
"""

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from quanheng.compose.duty_source import ClassFacts
from quanheng.duties.exact import mean
from quanheng.duties.grade import Scale, at_least, at_most
from quanheng.duties.outlook import needed
from quanheng.edge.documents import NOTHING
from quanheng.rulebook.model import Rulebook
from quanheng.terms.units import Ratio

NAMES = {
    "spread": ("价差率", "Spread ratio"),
    "size": ("报价数量", "Quote size"),
    "coverage": ("合约覆盖率", "Coverage"),
    "opening": ("开盘集合竞价参与率", "Opening auction"),
    "breaker": ("盘中（熔断）集合竞价参与率", "Breaker auctions"),
    "closing": ("收盘集合竞价参与率", "Closing auction"),
    "continuous": ("连续竞价参与率", "Continuous participation"),
}
SHORT = {
    "spread": "价差",
    "size": "数量",
    "coverage": "覆盖",
    "opening": "开盘",
    "breaker": "熔断",
    "closing": "收盘",
    "continuous": "连续",
}


class Figure(msgspec.Struct, frozen=True):
    """A figure with its standard; `met` None: no auction, no time owed, or no standard."""

    value: Fraction | None
    standard: str
    met: bool | None


def _percent(bound: Ratio) -> str:
    return f"{100 * bound[0] / bound[1]:g}%"


def _share(top: int, low: int) -> Fraction | None:
    return Fraction(top, low) if low else None


def _held(value: Fraction | None, bound: Ratio) -> bool | None:
    return None if value is None else at_least(value, bound)


def day_figure(item: str, facts: ClassFacts, book: Rulebook, scale: Scale) -> Figure:
    """A class's figure of one day."""
    row, duty = facts.row, book.duty
    if item == "spread":
        good, enough = scale.spread_bands
        value = row.spread_ratio
        met = None if row.participation is None else value is not None and at_most(value, enough)
        return Figure(value, f"≤{_percent(enough)}，优秀≤{_percent(good)}", met)
    if item == "size":
        return Figure(facts.size_share, f"双边各≥{duty.size_continuous}张的时间占比", None)
    if item == "coverage":
        met = row.covered >= needed(row.contracts, duty.coverage) if row.contracts else None
        return Figure(row.coverage, f"≥{_percent(duty.coverage)}合约", met)
    if item == "opening":
        value = _share(*facts.opening)
        return Figure(
            value, f"≥{_percent(duty.opening_coverage)}合约", _flag(row.opening_effective)
        )
    if item == "closing":
        value = _share(*facts.closing)
        return Figure(
            value, f"≥{_percent(duty.closing_coverage)}合约", _flag(row.closing_effective)
        )
    if item == "breaker":
        value = _share(row.volatility_joined, row.volatility_auctions)
        standard = f"≥{_percent(duty.intraday_share)}次数"
        return Figure(value, standard, _held(value, duty.intraday_share))
    # No standard is set for the mean of a class: each contract has its own (coverage).
    floor = f"单合约≥{_percent(duty.contract_share)}；日均≥{_percent(scale.day_floor)}方计入"
    return Figure(row.participation, floor, _held(row.participation, scale.day_floor))


def _flag(effective: int | None) -> bool | None:
    return None if effective is None else effective == 1


def window_figure(item: str, facts: Sequence[ClassFacts], book: Rulebook, scale: Scale) -> Figure:
    """A class's figure over a window of days (those with time owed, reading A36)."""
    own = [one for one in facts if one.row.participation is not None]
    rows, duty = [one.row for one in own], book.duty
    if item == "spread":
        value = mean([row.spread_ratio for row in rows if row.spread_ratio is not None])
        enough = scale.spread_bands[1]
        met = None if not rows else value is not None and at_most(value, enough)
        return Figure(value, f"≤{_percent(enough)}", met)
    if item == "size":
        value = mean([one.size_share for one in own if one.size_share is not None])
        return Figure(value, NOTHING, None)
    if item == "coverage":
        value = mean([row.coverage for row in rows if row.coverage is not None])
        return Figure(value, "日均", None)
    if item == "breaker":
        joined = sum(row.volatility_joined for row in rows)
        value = _share(joined, sum(row.volatility_auctions for row in rows))
        standard = f"≥{_percent(duty.intraday_share)}次数"
        return Figure(value, standard, _held(value, duty.intraday_share))
    if item == "continuous":
        value = mean([row.participation for row in rows if row.participation is not None])
        return Figure(value, "日均", None)
    opening = item == "opening"
    flags = [row.opening_effective if opening else row.closing_effective for row in rows]
    judged = [flag for flag in flags if flag is not None]
    bound = duty.opening_share if opening else duty.closing_share
    value = _share(sum(judged), len(judged))
    return Figure(value, f"≥{_percent(bound)}交易日", _held(value, bound))
