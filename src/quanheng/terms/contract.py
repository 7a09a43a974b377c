"""Contracts and the day's chain.

`Contract` is one row of the exchange's reference file (interfaces.md 3.2, record R0301) in our
units; `Chain` is every contract of a trading day in one fixed order, which is what a Slot
indexes.
"""

import msgspec

from quanheng.terms.units import Day, Lots, Money, Slot, Ticks


class Contract(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One option contract (合约) as listed for one day. Standard or adjusted."""

    code: str  # 合约编码, 8 digits
    trading_code: str  # 合约交易代码, e.g. 510050C2407M02500; never parse its strike
    symbol: str  # 合约简称
    underlying: str  # 6 digits
    underlying_symbol: str
    underlying_type: str  # EBS ETF, ASH stock
    style: str  # E European, A American
    kind: str  # C call (认购), P put (认沽)
    unit: int  # fund units per contract
    strike: Ticks
    first_day: Day
    last_day: Day  # last trading day
    exercise_day: Day
    delivery_day: Day
    expire_day: Day
    version: str  # UpdateVersion, one character
    open_interest: Lots
    previous_close: Ticks
    previous_settle: Ticks
    underlying_close: Ticks
    limit_up: Ticks
    limit_down: Ticks
    margin_unit: Money
    margin_ratio_1: int  # hundredths of a percent: 1200 = 12.00 %
    margin_ratio_2: int
    round_lot: Lots
    limit_min: Lots
    limit_max: Lots
    market_min: Lots
    market_max: Lots
    step: Ticks
    status: str  # SecurityStatusFlag, 8 characters
    auto_split_day: Day

    @property
    def is_call(self) -> bool:
        """True for a call (认购)."""
        return self.kind == "C"

    @property
    def adjusted(self) -> bool:
        """True after an ex-dividend adjustment (version letter A, B … in the trading code)."""
        return len(self.trading_code) > 11 and self.trading_code[11] != "M"


class OptionClass(msgspec.Struct, frozen=True, array_like=True):
    """One option class (合约品种): an underlying and its contiguous slots [start, stop)."""

    underlying: str
    symbol: str
    start: Slot
    stop: Slot


class Chain(msgspec.Struct, frozen=True, array_like=True):
    """All contracts of one day, ordered by (underlying, code); `classes` tile `contracts`."""

    day: Day
    contracts: tuple[Contract, ...]
    classes: tuple[OptionClass, ...]


def build_chain(day: Day, contracts: list[Contract]) -> Chain:
    """Order contracts into a Chain. ValueError names a repeated code."""
    ordered = sorted(contracts, key=lambda contract: (contract.underlying, contract.code))
    seen: set[str] = set()
    for contract in ordered:
        if contract.code in seen:
            raise ValueError(f"contract {contract.code} appears twice in the chain of {day}")
        seen.add(contract.code)
    classes: list[OptionClass] = []
    start = 0
    for slot, contract in enumerate(ordered):
        last = slot + 1 == len(ordered) or ordered[slot + 1].underlying != contract.underlying
        if last:
            classes.append(
                OptionClass(contract.underlying, contract.underlying_symbol, start, slot + 1)
            )
            start = slot + 1
    return Chain(day, tuple(ordered), tuple(classes))
