"""The firm's plan around an expiry: what to exercise before 15:30, which strikes are pinned, what
to buy and what to sell of an underlying (rules.md 5; I-35, I-39, R-08).

The exchange exercises nothing by itself: what is worth it at the 15:00 close of the underlying must
be ordered until 15:30. A contract is pinned when the close is so near its strike that the decision
turns on a few ticks, and that of the holders of our shorts cannot be foreseen.
"""

from collections.abc import Mapping
from typing import NamedTuple

from quanheng.rulebook import fees
from quanheng.rulebook.model import Rulebook
from quanheng.settlement.own import Side
from quanheng.terms.contract import Chain, Contract
from quanheng.terms.units import Lots, Money, Ticks

PIN_PPM = 5_000
"""Distance of strike and close, in millionths of the close, within which a contract is pinned."""
EXERCISE, PART, LAPSE, SHORT = "exercise", "part", "lapse", "short"
"""Decisions: exercise all, what the means suffice for, let lapse; SHORT is not ours to decide."""


def trades(free: Lots, due: Lots, lot: Lots) -> Lots:
    """Units to buy (+) or sell (-) on the day of a delivery, whole lots.

    `free` units are held and not locked, `due` is what the delivery brings (+) or takes (-). Enough
    is bought for what is taken; everything free beyond that is sold. What the delivery brings can
    be sold only on the next trading day.
    """
    needed = max(0, -due)
    if free < needed:
        return -(-(needed - free) // lot) * lot
    return -((free - needed) // lot * lot)


class Line(NamedTuple):
    """One position that expires today. `gain` of one contract after the fee; `qty` to exercise,
    `units` and `cash` that takes (puts take units, calls cash), `short_of` what of the held cannot
    be exercised for want of means; of a short, units and cash are needed if all of it is assigned.
    """

    code: str
    kind: str
    strike: Ticks
    side: str
    covered: bool
    held: Lots
    gain: Money
    pinned: bool
    decision: str
    qty: Lots
    units: Lots
    cash: Money
    short_of: Lots


class Merge(NamedTuple):
    """A combined exercise (合并行权) that would use puts which lack units: a long call of a lower
    strike with the put; only the strikes' distance is paid, `gain` of one pair after both fees.
    """

    call: str
    put: str
    qty: Lots
    gain: Money


class Plan(NamedTuple):
    """The plan of a day: lines by contract, closes it stands on, means it took, and the combined
    exercises that people may choose instead of what the plan cannot do.
    """

    lines: tuple[Line, ...]
    closes: dict[str, Ticks]
    units: dict[str, Lots]
    cash: Money
    merges: tuple[Merge, ...] = ()

    @property
    def rows(self) -> tuple[tuple[str, Lots], ...]:
        """(contract, contracts) to order."""
        return tuple((one.code, one.qty) for one in self.lines if one.qty)

    @property
    def pins(self) -> tuple[Line, ...]:
        """Lines whose outcome turns on a few ticks."""
        return tuple(one for one in self.lines if one.pinned)


def worth(row: Contract, close: Ticks, book: Rulebook) -> Money:
    """What exercising one contract brings at the close, after the fee."""
    inside = close - row.strike if row.is_call else row.strike - close
    return inside * row.unit - fees.exercise(book, 1)


def planned(
    chain: Chain,
    book: Rulebook,
    positions: Mapping[Side, Lots],
    closes: Mapping[str, Ticks],
    units: Mapping[str, Lots],
    cash: Money,
) -> Plan:
    """The plan by the rule: exercise what brings something after the fee, dearest first, as far as
    free units (puts) and cash (calls) go. `units` are free ones by underlying.
    """
    left, money = dict(units), max(cash, 0)
    rows = {row.code: row for row in chain.contracts if row.exercise_day == chain.day}
    worths = {code: worth(row, closes.get(row.underlying, 0), book) for code, row in rows.items()}
    order = sorted(
        ((key, qty) for key, qty in positions.items() if key[0] in rows and qty),
        key=lambda one: (-worths[one[0][0]], one[0]),
    )
    lines: list[Line] = []
    for (code, side, covered), held in order:
        row, gain = rows[code], worths[code]
        close = closes.get(row.underlying, 0)
        pinned = abs(row.strike - close) * 1_000_000 <= PIN_PPM * close
        decision, qty = (SHORT, 0) if side == "S" else (LAPSE, 0)
        if side == "L" and gain > 0:
            able = money // (row.strike * row.unit)
            if not row.is_call:
                able = max(left.get(row.underlying, 0), 0) // row.unit
            qty = min(held, able)
            decision = EXERCISE if qty == held else PART
            if row.is_call:
                money -= qty * row.strike * row.unit
            else:
                left[row.underlying] = left.get(row.underlying, 0) - qty * row.unit
        counted = held if side == "S" else qty
        takes_units = row.is_call == (side == "S")
        lines.append(
            Line(
                code, row.kind, row.strike, side, covered, held, gain, pinned, decision, qty,
                counted * row.unit if takes_units else 0,
                0 if takes_units else counted * row.strike * row.unit,
                held - qty if decision == PART else 0,
            )
        )  # fmt: skip
    merges = _merges(chain, book, lines)
    return Plan(tuple(lines), dict(closes), dict(units), cash, merges)


def _merges(chain: Chain, book: Rulebook, lines: list[Line]) -> tuple[Merge, ...]:
    """Puts without units with calls that lapse, the widest strikes first, each contract once."""
    rows = {row.code: row for row in chain.contracts}
    puts = {one.code: one.short_of for one in lines if one.kind == "P" and one.short_of}
    calls = {
        one.code: one.held for one in lines
        if (one.kind, one.side, one.decision) == ("C", "L", LAPSE)
    }  # fmt: skip
    pairs = []
    for put in puts:
        for call in calls:
            first, second = rows[call], rows[put]
            alike = (first.underlying, first.unit) == (second.underlying, second.unit)
            gain = (second.strike - first.strike) * first.unit - 2 * fees.exercise(book, 1)
            if alike and gain > 0:
                pairs.append((-gain, call, put))
    found = []
    for less, call, put in sorted(pairs):
        qty = min(calls[call], puts[put])
        if qty:
            calls[call] -= qty
            puts[put] -= qty
            found.append(Merge(call, put, qty, -less))
    return tuple(found)
