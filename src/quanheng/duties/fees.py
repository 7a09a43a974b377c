"""Fee rebates and rewards of market makers (E-11; chapter 5 七).

In continuous trading a primary maker's fill from a limit order entered before its counterpart's is
a provider's, every other a taker's; fills of call auctions are a role of their own. A general
maker's fills earn nothing (E-06), unless A37 lets its answers to inquiries pay as agreed. What a
role earns at a grade is an agreement's: rows of `FeeRule`.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.terms.codes import Phase
from quanheng.terms.units import Day, Lots, Money, Nanos

Ints = npt.NDArray[np.int64]

ROLES = ("provider", "taker", "auction")
ANY = "*"


class FeeError(ValueError):
    """A fees file that cannot be used; the message names the row and the reason."""


class FeeRule(msgspec.Struct, frozen=True, kw_only=True):
    """What one role earns at one grade. Money per contract; `grade` and `underlying` may be "*"."""

    role: str
    grade: str
    underlying: str = ANY
    handling_fee: Money
    rebate: Money
    reward: Money
    since: Day = 0
    until: Day = 0  # last day, 0 while it holds


class Fill(msgspec.Struct, frozen=True, order=True):
    """Contracts of one maker, class and role on one day."""

    day: Day
    maker: str
    underlying: str
    role: str
    qty: Lots


class Rebate(msgspec.Struct, frozen=True):
    """A row of `rebate`; amounts in Money."""

    day: Day
    maker: str
    underlying: str
    role: str
    qty: Lots
    handling_fee: Money
    rebate: Money
    reward: Money


def check_rules(rules: Sequence[FeeRule]) -> None:
    """FeeError names the first row that is wrong or leaves open which of two holds."""
    for number, rule in enumerate(rules, start=1):
        if rule.role not in ROLES:
            raise FeeError(f"fee {number}: role {rule.role!r} is not one of {', '.join(ROLES)}")
        if min(rule.handling_fee, rule.rebate, rule.reward) < 0:
            raise FeeError(f"fee {number}: an amount is negative")
        if rule.rebate > rule.handling_fee:
            raise FeeError(f"fee {number}: the rebate is above the handling fee")
        if rule.reward and rule.role != "provider":
            raise FeeError(f"fee {number}: a {rule.role} earns no reward (chapter 5 七(二))")
        if rule.until and rule.until < rule.since:
            raise FeeError(f"fee {number}: until {rule.until} is before from {rule.since}")
        for before, other in enumerate(rules[: number - 1], start=1):
            same = (rule.role, rule.grade, rule.underlying) == (
                other.role,
                other.grade,
                other.underlying,
            )
            apart = (other.until and other.until < rule.since) or (
                rule.until and rule.until < other.since
            )
            if same and not apart:
                raise FeeError(f"fee {number}: overlaps fee {before}")


def rule_for(rules: Sequence[FeeRule], fill: Fill, grade: str) -> FeeRule:
    """The rule of a fill: the class's own before "*", then the grade's own before "*".

    FeeError when the file has none.
    """
    fits = [
        rule
        for rule in rules
        if rule.role == fill.role
        and rule.grade in (grade, ANY)
        and rule.underlying in (fill.underlying, ANY)
        and rule.since <= fill.day
        and (rule.until == 0 or fill.day <= rule.until)
    ]
    if not fits:
        raise FeeError(
            f"no fee for role {fill.role}, grade {grade or 'none'}, class {fill.underlying} "
            f"on {fill.day}"
        )
    return min(fits, key=lambda rule: (rule.underlying == ANY, rule.grade == ANY))


def rebates(
    rules: Sequence[FeeRule], fills: Sequence[Fill], grades: dict[tuple[str, str], str]
) -> list[Rebate]:
    """Amounts of every fill by the period's grade per (maker, underlying), sorted."""
    rows = []
    for fill in sorted(fills):
        rule = rule_for(rules, fill, grades.get((fill.maker, fill.underlying), ""))
        amounts = (fill.qty * rate for rate in (rule.handling_fee, rule.rebate, rule.reward))
        handling, rebate, reward = amounts
        rows.append(
            Rebate(
                day=fill.day,
                maker=fill.maker,
                underlying=fill.underlying,
                role=fill.role,
                qty=fill.qty,
                handling_fee=handling,
                rebate=rebate,
                reward=reward,
            )
        )
    return rows


class TradeSides(msgspec.Struct, eq=False):
    """Trades of one day for fees. int64[trades, 2] columns are buyer's and seller's."""

    contract: Ints  # int64[trades]
    at: Ints
    qty: Ints
    phase: Ints  # in which it was made
    parties: Ints  # maker index or -1
    order_at: Ints
    limit: Ints  # 1 = limit order or quote


def fills_of(
    day: Day,
    trades: TradeSides,
    makers: Sequence[str],
    underlyings: Sequence[str],
    general: Ints,
    answers: tuple[Ints, Ints, Nanos] | None,
) -> list[Fill]:
    """Contracts per maker, class and role. `underlyings` per contract; `general[maker, contract]`
    is 1 for a general maker, -1 for nobody of the class. `answers` (contract, at, span) of the
    inquiries whose answers by general makers pay as agreed, None for the full fee (A37).
    """
    found: dict[tuple[str, str, str], int] = {}
    continuous = trades.phase == Phase.CONTINUOUS
    answered = _near(trades, answers) if answers else np.zeros(len(trades.at), dtype=bool)
    for side in range(2):
        seat = trades.parties[:, side]
        own = np.flatnonzero(seat >= 0)
        first = trades.order_at[own, side] < trades.order_at[own, 1 - side]
        provides = first & (trades.limit[own, side] == 1)
        kinds = general[seat[own], trades.contract[own]]
        for row, gives, kind in zip(own.tolist(), provides.tolist(), kinds.tolist(), strict=True):
            if kind < 0 or (kind == 1 and not (answered[row] and continuous[row])):
                continue
            role = ("provider" if gives else "taker") if continuous[row] else "auction"
            key = (makers[seat[row]], underlyings[trades.contract[row]], role)
            found[key] = found.get(key, 0) + int(trades.qty[row])
    return [Fill(day, *key, qty) for key, qty in sorted(found.items())]


def _near(trades: TradeSides, answers: tuple[Ints, Ints, Nanos]) -> npt.NDArray[np.bool_]:
    """Trades within the time of an answer to an inquiry in their contract."""
    contract, at, span = answers
    near = np.zeros(len(trades.at), dtype=bool)
    for one, asked in zip(contract.tolist(), at.tolist(), strict=True):
        near |= (trades.contract == one) & (trades.at >= asked) & (trades.at <= asked + span)
    return near
