"""The firm's limits: authorised records with versions and an end (R-03), against the figures.

A limit counts from `since` to before `until`. A scope and name that were authorised once and are no
longer allow nothing: the authority to hold risk ended with the record.
"""

from typing import NamedTuple

from quanheng.oversight.figures import ACCOUNT_ONLY, PLACE
from quanheng.oversight.messages import FirmLimit
from quanheng.terms.units import MONEY_PER_YUAN, Nanos

SOFT, CALM = 80, 70
"""Per cent of a limit at which people are warned, and below which they are warned anew."""

HIGH, SIZE, LOSS = "high", "size", "loss"


class Measure(NamedTuple):
    """A limit's name, unit, figure, factor from its unit to the figure's, what counts (the value,
    its size, or its negative part) and words.
    """

    name: str
    unit: str
    column: str
    factor: int
    side: str
    zh: str
    en: str


_BILLION, _HUNDREDTH = 1_000_000_000, 10_000

MEASURES = (
    Measure("long", "contracts", "long", 1, HIGH, "权利仓", "long positions"),
    Measure("short", "contracts", "short", 1, HIGH, "义务仓", "short positions"),
    Measure("delta", "yuan per 1 %", "delta", 100 * _BILLION, SIZE, "Delta 暴露", "delta"),
    Measure("gamma", "yuan per 1 % per 1 %", "gamma", 100 * _BILLION, SIZE, "Gamma 暴露", "gamma"),
    Measure("vega", "yuan per vol point", "vega", _BILLION, SIZE, "Vega 暴露", "vega"),
    Measure("theta", "yuan per day", "theta", _BILLION, SIZE, "Theta 暴露", "theta"),
    Measure("loss", "yuan", "profit", MONEY_PER_YUAN, LOSS, "止损", "loss of the day"),
    Measure("drawdown", "yuan", "drawdown", MONEY_PER_YUAN, HIGH, "回撤", "drawdown"),
    Measure("var", "yuan", "var", MONEY_PER_YUAN, HIGH, "VaR", "value at risk, history"),
    Measure("es", "yuan", "es", MONEY_PER_YUAN, HIGH, "预期损失", "expected shortfall, history"),
    Measure("var_mc", "yuan", "var_mc", MONEY_PER_YUAN, HIGH, "VaR（模拟）",
            "value at risk, simulated"),
    Measure("stress", "yuan", "stress", MONEY_PER_YUAN, HIGH, "压力损失", "worst loss of the grid"),
    Measure("margin", "yuan", "margin", MONEY_PER_YUAN, HIGH, "保证金", "margin"),
    Measure("usage", "per cent", "usage_ppm", _HUNDREDTH, HIGH, "保证金占用率", "margin use"),
    Measure("concentration", "per cent", "concentration_ppm", _HUNDREDTH, HIGH, "集中度",
            "share of the largest contract"),
    Measure("days", "hundredths of a day", "days_ppm", _HUNDREDTH, HIGH, "变现天数",
            "days to trade out"),
    Measure("blind", "contracts", "blind", 1, HIGH, "无自有估值合约", "contracts without own vol"),
)  # fmt: skip

BY_NAME = {measure.name: measure for measure in MEASURES}


def problem(limit: FirmLimit, scopes: tuple[str, ...]) -> str:
    """Why a limit cannot be taken, "" when it can."""
    record = limit.record
    measure = BY_NAME.get(record.name)
    if measure is None:
        return f"limit {record.name!r} is not one of {', '.join(BY_NAME)}"
    if record.scope not in scopes:
        return f"limit {record.name}: scope {record.scope!r} is not one of {', '.join(scopes)}"
    if measure.column in ACCOUNT_ONLY and record.scope != "*":
        return f"limit {record.name} is of the whole account, not of {record.scope!r}"
    if record.value < 0 or (record.until and record.until <= record.since):
        return f"limit {record.name} of {record.scope}: negative, or it ends before it begins"
    two = record.by and record.seconded_by and record.by != record.seconded_by
    if not two or not record.basis:
        return f"limit {record.name} of {record.scope}: no basis, or not two people (R-03)"
    return ""


class InForce(NamedTuple):
    """What holds of a scope and name now; `limit` is the last record that began."""

    limit: FirmLimit
    value: int  # in the limit's unit, 0 after its end
    expired: bool


def in_force(limits: tuple[FirmLimit, ...], at: Nanos) -> list[InForce]:
    """One row for each scope and name that was ever authorised, in the order of the records."""
    found: dict[tuple[str, str], InForce] = {}
    for limit in limits:
        record = limit.record
        if record.since > at:
            continue
        key = (record.scope, record.name)
        expired = bool(record.until) and at >= record.until
        row = InForce(limit, 0 if expired else record.value, expired)
        before = found.get(key)
        if before is None or before.expired or (not expired and _later(limit, before.limit)):
            found[key] = row
    return list(found.values())


def _later(limit: FirmLimit, before: FirmLimit) -> bool:
    return (limit.record.since, limit.version) >= (before.record.since, before.version)


def used(measure: Measure, row: list[int]) -> int:
    """What counts of a scope's figures against this limit, in the figure's unit."""
    value = row[PLACE[measure.column]]
    if measure.side == SIZE:
        return abs(value)
    return max(-value, 0) if measure.side == LOSS else value
