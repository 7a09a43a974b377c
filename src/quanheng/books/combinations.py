"""The six combination strategies: what they are made of, what margin they take, when they end
(rules.md 3.4).

A combination is two contracts of one underlying, expiry and unit, neither of them covered. Faults
go by the names of `wire.codes`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.rulebook import margin
from quanheng.rulebook.model import Rulebook
from quanheng.terms.contract import Chain, Contract
from quanheng.terms.units import MONEY_PER_FEN, Day, Lots, Money, Slot, Ticks, half_up

Column = npt.NDArray[np.int64]


class Form(NamedTuple):
    """One leg of a strategy: kind, side, and its strike's place (1 the higher, equal share 1)."""

    kind: str
    short: bool
    rank: int


STRATEGIES: dict[str, tuple[Form, Form]] = {
    "CNSJC": (Form("C", False, 2), Form("C", True, 1)),  # 认购牛市价差
    "CXSJC": (Form("C", False, 1), Form("C", True, 2)),  # 认购熊市价差
    "PNSJC": (Form("P", False, 2), Form("P", True, 1)),  # 认沽牛市价差
    "PXSJC": (Form("P", False, 1), Form("P", True, 2)),  # 认沽熊市价差
    "KS": (Form("C", True, 1), Form("P", True, 1)),  # 跨式空头
    "KKS": (Form("C", True, 1), Form("P", True, 2)),  # 宽跨式空头
}
FREE = ("CNSJC", "PXSJC")
"""Debit spreads: the short leg is dominated, no margin is taken."""
VERTICAL = ("CNSJC", "CXSJC", "PNSJC", "PXSJC")


class Leg(msgspec.Struct, frozen=True, array_like=True):
    """A leg as it is asked for; `qty` in contracts."""

    slot: Slot
    short: bool
    covered: bool
    qty: Lots


class Combination(msgspec.Struct, array_like=True):
    """A combination held: `units` of one contract each of `slots`, in the order of the strategy."""

    strategy: str
    slots: tuple[Slot, Slot]
    units: Lots


def arranged(
    chain: Chain, day: Day, strategy: str, qty: Lots, legs: Sequence[Leg]
) -> tuple[str, tuple[Slot, Slot]]:
    """("", slots in the strategy's order) of a good combination, else (fault, (-1, -1)).

    Checked in this order: strategy, count of legs, quantity, quantities, underlying, expiry, unit,
    kinds, sides, coverage, strikes, and whether vertical spreads may still be built.
    """
    none = (-1, -1)
    forms = STRATEGIES.get(strategy)
    if forms is None:
        return "INVALID_STRATEGY", none
    if len(legs) != 2:
        return "LEG_COUNT_WRONG", none
    if qty <= 0:
        return "COMBINATION_QUANTITY", none
    rows = [chain.contracts[leg.slot] for leg in legs]
    fault = _alike(qty, legs, rows)
    if fault:
        return fault, none
    order = _order(forms, legs, rows)
    if isinstance(order, str):
        return order, none
    first, second = (rows[place] for place in order)
    if _ranks(first.strike, second.strike) != tuple(form.rank for form in forms):
        return "LEG_STRIKE_WRONG", none
    if strategy in VERTICAL and (day > first.auto_split_day or first.status[5:6] == "1"):
        return "NO_VERTICAL_SPREADS", none
    return "", (legs[order[0]].slot, legs[order[1]].slot)


def merged(chain: Chain, day: Day, slots: Sequence[Slot]) -> tuple[str, Slot, Slot]:
    """(fault, call, put) of two contracts exercised together, "" for none: a call and a put of one
    underlying and unit that expire on `day`, the put's strike above the call's (rules.md 5).
    """
    by_kind = {chain.contracts[slot].kind: slot for slot in slots}
    if len(slots) != 2 or sorted(by_kind) != ["C", "P"]:
        return "LEG_TYPE_WRONG", -1, -1
    call, put = chain.contracts[by_kind["C"]], chain.contracts[by_kind["P"]]
    for wrong, name in (
        (call.underlying != put.underlying, "LEG_UNDERLYING_WRONG"),
        (call.last_day != put.last_day, "LEG_EXPIRY_WRONG"),
        (call.unit != put.unit, "LEG_UNITS_DIFFER"),
        (put.strike <= call.strike, "LEG_STRIKE_WRONG"),
        (call.last_day != day, "NOT_LAST_TRADING_DAY"),
    ):
        if wrong:
            return name, -1, -1
    return "", by_kind["C"], by_kind["P"]


def _alike(qty: Lots, legs: Sequence[Leg], rows: Sequence[Contract]) -> str:
    """The fault of legs that do not belong together, empty for none."""
    first, second = rows
    if any(leg.qty != qty for leg in legs):
        return "LEG_QUANTITY_WRONG"
    if first.underlying != second.underlying:
        return "LEG_UNDERLYING_WRONG"
    if first.last_day != second.last_day:
        return "LEG_EXPIRY_WRONG"
    if first.unit != second.unit:
        return "LEG_UNITS_DIFFER"
    return ""


def _order(
    forms: tuple[Form, Form], legs: Sequence[Leg], rows: Sequence[Contract]
) -> tuple[int, int] | str:
    """Places of the legs in the strategy's order, or the fault that forbids one."""
    if sorted(row.kind for row in rows) != sorted(form.kind for form in forms):
        return "LEG_TYPE_WRONG"
    for order in ((0, 1), (1, 0)):
        if all(
            (rows[place].kind, legs[place].short) == (form.kind, form.short)
            for place, form in zip(order, forms, strict=True)
        ):
            return "LEG_COVERED_WRONG" if any(leg.covered for leg in legs) else order
    return "LEG_SIDE_WRONG"


def in_order(chain: Chain, strategy: str, legs: Sequence[Leg]) -> tuple[Slot, Slot]:
    """Slots in the strategy's order of legs that the exchange took as such. ValueError when they
    are no such combination.
    """
    forms = STRATEGIES.get(strategy)
    if forms is None or len(legs) != 2:
        raise ValueError(f"{len(legs)} legs of strategy {strategy!r}")
    order = _order(forms, legs, [chain.contracts[leg.slot] for leg in legs])
    if isinstance(order, str):
        codes = ", ".join(chain.contracts[leg.slot].code for leg in legs)
        raise ValueError(f"{strategy} of {codes}: {order}")
    return legs[order[0]].slot, legs[order[1]].slot


def _ranks(first: Ticks, second: Ticks) -> tuple[int, int]:
    return (1, 1) if first == second else ((1, 2) if first > second else (2, 1))


def margin_per_unit(
    strategy: str,
    legs: tuple[Contract, Contract],
    prices: tuple[Ticks, Ticks],
    margins: tuple[Money, Money],
) -> Money:
    """Margin of one unit. `prices` are the legs' settlement prices, `margins` their own margins.

    Opening takes yesterday's prices and opening margins, maintenance today's (rules.md 3.4): 0, the
    strikes' distance x unit, or for short straddles and strangles the larger margin and the premium
    of the other leg; of equal margins the larger premium is added.
    """
    first, second = legs
    if strategy in FREE:
        return 0
    if strategy in VERTICAL:
        return _fen(abs(first.strike - second.strike) * first.unit)
    premiums = [_fen(price * row.unit) for price, row in zip(prices, legs, strict=True)]
    if margins[0] == margins[1]:
        return margins[0] + max(premiums)
    lower = 0 if margins[0] < margins[1] else 1
    return max(margins) + premiums[lower]


def _fen(amount: Money) -> Money:
    return half_up(amount, MONEY_PER_FEN) * MONEY_PER_FEN


def opening(chain: Chain, strategy: str, slots: tuple[Slot, Slot]) -> Money:
    """Opening margin of one unit, from the day's reference data."""
    first, second = (chain.contracts[slot] for slot in slots)
    return margin_per_unit(
        strategy,
        (first, second),
        (first.previous_settle, second.previous_settle),
        (first.margin_unit, second.margin_unit),
    )


def saved(chain: Chain, held: Combination) -> Money:
    """Opening margin that one unit saves."""
    single = [row.margin_unit for row in chain.contracts]
    return singles(held, single) - opening(chain, held.strategy, held.slots)


def maintenance(
    chain: Chain, book: Rulebook, held: Combination, settles: Sequence[Ticks], close: Ticks
) -> Money:
    """Maintenance margin of one unit from today's settlement prices and the underlying's close."""
    rows = (chain.contracts[held.slots[0]], chain.contracts[held.slots[1]])
    prices = (int(settles[held.slots[0]]), int(settles[held.slots[1]]))
    single = [
        margin.maintenance(book, row.underlying_type, row.kind, row.strike, price, close, row.unit)
        for row, price in zip(rows, prices, strict=True)
    ]
    return margin_per_unit(held.strategy, rows, prices, (single[0], single[1]))


def tied(slots: int, held: Mapping[str, Combination]) -> tuple[Column, Column]:
    """(long, short) contracts that stand in combinations, int64[slots]: they are neither netted
    nor closed before the combination is split.
    """
    long, short = np.zeros(slots, dtype=np.int64), np.zeros(slots, dtype=np.int64)
    for one in held.values():
        for slot, form in zip(one.slots, STRATEGIES[one.strategy], strict=True):
            (short if form.short else long)[slot] += one.units
    return long, short


def ends(chain: Chain, held: Combination, day: Day) -> bool:
    """Is it dissolved at the end of `day`? Vertical spreads on E-2, the others on E (rules.md 3.4).
    Contracts that are adjusted leave their combinations too; that is the caller's event.
    """
    row = chain.contracts[held.slots[0]]
    return day >= (row.auto_split_day if held.strategy in VERTICAL else row.last_day)


def singles(held: Combination, single: Sequence[Money]) -> Money:
    """Margin of the short legs of one unit without the combination."""
    return sum(
        int(single[slot])
        for slot, form in zip(held.slots, STRATEGIES[held.strategy], strict=True)
        if form.short
    )


def relief(
    chain: Chain,
    book: Rulebook,
    held: Mapping[str, Combination],
    settles: Sequence[Ticks],
    closes: Sequence[Ticks],
    single: Sequence[Money],
) -> Money:
    """What combinations save of the maintenance margin: of every short leg its own, `single` by
    slot, less the combination's.
    """
    klasses = {klass.underlying: close for klass, close in zip(chain.classes, closes, strict=True)}
    saved = 0
    for one in held.values():
        close = klasses[chain.contracts[one.slots[0]].underlying]
        together = maintenance(chain, book, one, settles, close)
        saved += one.units * (singles(one, single) - together)
    return saved
