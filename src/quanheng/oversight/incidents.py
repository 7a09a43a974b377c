"""Cases that are no breach of an authorised limit: extreme cases and calls (I-45, I-46, R-02).

Their names, units and words, and what the policy of the day says of each. `describe` also knows the
limits, so that one table can show every case.
"""

from typing import NamedTuple

from quanheng.oversight.limits import BY_NAME
from quanheng.oversight.messages import ExtremeRule, OverseerOpen
from quanheng.terms.units import MONEY_PER_YUAN

WRONG, OVERSIZE, OVER, STRAY = "wrong_order", "oversize", "over_position", "unexplained_fill"
MARGIN_CALL, COVER_CALL = "margin_call", "cover_call"
CALLS = {"P01": MARGIN_CALL, "P02": COVER_CALL}
"""Case of a notice of the clearing house."""


class Described(NamedTuple):
    """Words of a case's name: unit, factor from the unit to the value, Chinese, English."""

    unit: str
    factor: int
    zh: str
    en: str


INCIDENTS = {
    WRONG: Described("ticks", 1, "错单（价格偏离）", "order far from theory and market"),
    OVERSIZE: Described("contracts", 1, "超预期大单", "order larger than expected"),
    OVER: Described("contracts", 1, "持仓超限", "position over the exchange's limit"),
    STRAY: Described("contracts", 1, "不明成交", "fill that no order of ours explains"),
    MARGIN_CALL: Described("yuan", MONEY_PER_YUAN, "平仓通知：保证金不足", "margin call"),
    COVER_CALL: Described("units", 1, "平仓通知：备兑证券不足", "call for locked units"),
}  # fmt: skip


def describe(name: str) -> Described:
    """Words of a case's name. KeyError for one that is neither a limit nor an incident."""
    if name in INCIDENTS:
        return INCIDENTS[name]
    measure = BY_NAME[name]
    return Described(measure.unit, measure.factor, measure.zh, measure.en)


def rule_of(opened: OverseerOpen, name: str) -> ExtremeRule | None:
    """What the policy says of an incident, None when it says nothing."""
    return next((rule for rule in opened.policy.rules if rule.name == name), None)


def problem(rules: tuple[ExtremeRule, ...]) -> str:
    """Why a policy's rules cannot be taken, "" when they can."""
    names = [rule.name for rule in rules]
    for name in names:
        if name not in INCIDENTS:
            return f"extreme case {name!r} is not one of {', '.join(INCIDENTS)}"
        if names.count(name) > 1:
            return f"extreme case {name!r} has two rules"
    return ""
