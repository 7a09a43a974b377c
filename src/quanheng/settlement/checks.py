"""Which check does which step, and the closing state that a settled day leaves (chapter 6)."""

import hashlib
from collections.abc import Callable, Iterable

import msgspec

from quanheng.settlement import checks_expiry, checks_money, checks_trades
from quanheng.settlement.closing import Closing, OpenCase, Position
from quanheng.settlement.context import Context, Outcome
from quanheng.settlement.record import Record, Status
from quanheng.settlement.steps import LAST, STEPS
from quanheng.terms.units import MONEY_PER_FEN, Lots
from quanheng.wire import notices as told

CHECKS: dict[str, Callable[[Context], Outcome]] = {
    "opening": checks_trades.opening,
    "trades": checks_trades.trades,
    "combinations": checks_trades.combinations,
    "netting": checks_trades.netting,
    "positions": checks_trades.positions,
    "exercise": checks_expiry.exercise,
    "delivery": checks_expiry.delivery,
    "fees": checks_money.fees_step,
    "margin": checks_money.margin,
    "cash": checks_money.cash,
    "profit": checks_money.profit,
    "notices": checks_expiry.notices,
    "forecast": checks_expiry.forecast,
}
"""Every step but the first, which is about the files themselves, and the last, which closes."""


def digest_of(outcome: Outcome) -> str:
    """SHA-256 of an outcome, hex: what a signature stands for."""
    return hashlib.sha256(msgspec.json.encode(outcome, order="sorted")).hexdigest()


def is_final(record: Record) -> bool:
    """Were all steps before the last signed, with no case open and no entry waiting?"""
    signed = all(
        record.steps[step.name].status == Status.SIGNED if step.name in record.steps else False
        for step in STEPS
        if step.name != LAST
    )
    waiting = any(entry.status == "proposed" for entry in record.entries.values())
    return signed and not record.open_cases() and not waiting


def closing_of(given: Context, run: str, numbers: Iterable[OpenCase]) -> Closing:
    """The next day's opening by the clearing house's word where we agree, and where we differ too:
    a difference is a case in it, never a silent change of either side.
    """
    own, theirs = given.own, given.theirs
    gone = {row.code for row in own.chain.contracts if row.last_day <= given.day}
    due = checks_expiry.due_of(given)
    units = dict(own.units)
    for one in theirs.rows("op_zqjs") if "op_zqjs" in theirs.files else ():
        if one.text("JLGS") == "F14":
            units[one.text("ZQDM")] = units.get(one.text("ZQDM"), 0) + one.number("SL2")
    money = theirs.money
    found, _ = told.read(theirs.files["op_tzxx"][1]) if "op_tzxx" in theirs.files else ([], [])
    kept: dict[str, tuple[str, Lots]] = {
        name: (one.strategy, one.units) for name, one in own.combinations.items()
    }
    return Closing(
        day=given.next_day,
        made_on=given.day,
        run=run,
        account=own.account,
        final=is_final(given.record),
        cash=money.number("JE1") * MONEY_PER_FEN,
        margin=money.number("JE2") * MONEY_PER_FEN,
        deficit=max(0, -money.number("JE3")) * MONEY_PER_FEN,
        positions=tuple(
            Position(code, side, covered, one.qty)
            for (code, side, covered), one in sorted(theirs.cleared.items())
            if code not in gone
        ),
        combinations=tuple((name, *kept[name]) for name in sorted(kept)),
        units={name: qty for name, qty in sorted(units.items()) if qty},
        locked={name: qty for name, qty in sorted(own.locked.items()) if qty},
        due=due,
        settles={code: price for code, price in sorted(theirs.settles.items()) if code not in gone},
        notices=tuple(sorted({one.kind for one in found})),
        entries=tuple(given.record.entries.values()),
        cases=tuple(numbers),
    )
