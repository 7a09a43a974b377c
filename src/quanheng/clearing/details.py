"""The clearing house's detail tables of an evening: settlement detail, position changes, margin
detail, securities (interfaces.md 6.1 to 6.4; codes without a public source are ours).

Money in `op_jsmx` is signed from the account's side, fees below zero, so that SFJE is what it gets.
Trades stand there as one row for each contract, side, effect and coverage: single trades are in the
exchange's trns03. What an exercise moves settles on the next trading day (JSRQ); its fee, and what
a delivery moved today, are rows of the account (Q10). Positions of the evening before plus the
offsets, openings and closings of `op_ccbd` are hold03; with its exercises and expiries, tomorrow's.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from quanheng.books import margin_use
from quanheng.books.combinations import STRATEGIES, tied
from quanheng.books.positions import Closed
from quanheng.clearing import messages as msg
from quanheng.clearing.combined import CombinedDay
from quanheng.kernels.pack import unpack
from quanheng.rulebook import fees
from quanheng.rulebook.model import Rulebook
from quanheng.terms.codes import Effect, Side
from quanheng.terms.contract import Chain
from quanheng.terms.orders import Trade
from quanheng.terms.units import MONEY_PER_FEN, Day, Lots, Money, Ticks, half_up
from quanheng.wire import dbf, records
from quanheng.wire.fields import SUB_ACCOUNT
from quanheng.wire.profile import Profile
from quanheng.wire.records import Value

OURS = 0
TRADE, EXERCISE, ACCOUNT = "Q01", "Q02", "Q10"
"""YWLX of op_jsmx."""
FEE, DELIVERY = "QH1", "QH2"
"""QSBZ of the account's rows (ours): fee of an exercise, what a delivery moved today."""
OPENED, CLOSED, OFFSET, EXERCISED, EXPIRED = "C01", "C02", "C03", "C04", "C05"
"""BDLX of op_ccbd."""
SINGLE, COMBINED = "SGL", "ZHB"
"""BZJLX of op_bzjmx; of a combination BH1 is its number."""
ARREARS, DISPOSAL = "F14", "F16"
"""JLGS of op_zqjs: units of a delivery and what of them was missing, disposal transfers."""


class Evening(NamedTuple):
    """What clearing found for the first account; `amounts` are the exchange's fees by fill."""

    fills: list[Trade]
    amounts: list[Money]
    offset: tuple[Closed, ...]
    held: msg.ClearedPositions
    cash: msg.CashStatement
    combined: CombinedDay
    settles: list[Ticks]
    closes: tuple[Ticks, ...]
    next_day: Day
    exercised: msg.Exercised | None = None
    delivered: msg.DeliveriesMade | None = None
    disposed: msg.Disposed | None = None


def tables(chain: Chain, book: Rulebook, member: Profile, found: Evening) -> dict[str, bytes]:
    """op_jsmx, op_ccbd, op_bzjmx and op_zqjs of an evening, by kind."""
    made = {
        "op_jsmx": _settlement(chain, book, member, found),
        "op_ccbd": _changes(chain, member, found),
        "op_bzjmx": _margins(chain, book, member, found),
        "op_zqjs": _securities(chain, book, member, found),
    }
    return {
        kind: dbf.write(records.layout(kind), [_row(kind, one) for one in rows], chain.day)
        for kind, rows in made.items()
    }


Named = dict[str, Value]


def _row(kind: str, named: Named) -> tuple[Value, ...]:
    """A record from its named values; what is not named is blank."""
    form = records.layout(kind)
    return tuple(named.get(field.name, "" if field.kind == "C" else 0) for field in form.fields)


def _fen(amount: Money) -> int:
    return half_up(amount, MONEY_PER_FEN)


class _Sum:
    """Totals of the fills of one contract, side, effect and coverage."""

    def __init__(self) -> None:
        self.qty, self.amount, self.handling, self.settlement = 0, 0, 0, 0


def _sums(book: Rulebook, found: Evening) -> dict[tuple[str, Side, Effect, bool], _Sum]:
    sums: dict[tuple[str, Side, Effect, bool], _Sum] = {}
    for fill, amount in zip(found.fills, found.amounts, strict=True):
        key = (fill.contract, Side(fill.side), Effect(fill.effect), fill.covered)
        one = sums.setdefault(key, _Sum())
        one.qty += fill.qty
        one.amount += fill.amount
        one.handling += amount
        one.settlement += fees.settlement(
            book, fill.side, fill.effect, fill.covered, "ordinary", fill.qty
        )
    return dict(sorted(sums.items()))


def _settlement(chain: Chain, book: Rulebook, member: Profile, found: Evening) -> Iterator[Named]:
    for number, row in enumerate(_settled(chain, book, found), 1):
        keys = ("QSJE", "JSF", "GHF", "JSSXF", "QTJE")
        net = sum(int(row.get(key, 0)) for key in keys)
        yield {
            "SCDM": "10", "JLLX": "D01", "JSFS": "001", "JSBH": f"{chain.day}{number:08d}",
            "JYRQ": chain.day, "QSRQ": chain.day, "JSRQ": chain.day, "XWH1": member.pbu,
            "XWH2": member.pbu, "ZQZH": member.account, "ZZHBM": SUB_ACCOUNT,
            "ZJZH": found.cash.account, "BZ": "RMB", "JGDM": "0000", "SFJE": net, **row,
        }  # fmt: skip


def _settled(chain: Chain, book: Rulebook, found: Evening) -> Iterator[Named]:
    """Trades, exercises and the account's own rows, without what all rows share."""
    underlying = {row.code: row.underlying for row in chain.contracts}
    for (code, side, effect, covered), one in _sums(book, found).items():
        buys, closes = side == Side.BUY, effect == Effect.CLOSE
        yield {
            "JLGS": "F01", "YWLX": TRADE, "QSBZ": "QB1", "HEYDM": code,
            "BDZQDM": underlying[code], "MMBZ": "B" if buys else "S",
            "KPBZ": "C" if closes else "O", "BDBZ": "1" if covered else "",
            "SL1": -one.qty if closes else one.qty,
            "QSJE": -_fen(one.amount) if buys else _fen(one.amount),
            "JSF": -_fen(one.handling), "JSSXF": -_fen(one.settlement),
        }  # fmt: skip
    for slot, qty, covered, held in _exercises(found):
        row = chain.contracts[slot]
        gets = row.is_call == held
        units = qty * row.unit if gets else -qty * row.unit
        yield {
            "JLGS": "F02", "YWLX": EXERCISE, "QSBZ": "QB1", "HEYDM": row.code,
            "BDZQDM": row.underlying, "MMBZ": "S" if held else "B", "KPBZ": "C",
            "BDBZ": "1" if covered else "", "SL1": -qty, "SL2": units, "JG1": row.strike,
            "QSJE": -_fen(units * row.strike), "JSRQ": found.next_day,
        }  # fmt: skip
    fee = dict(found.exercised.fees).get(OURS, 0) if found.exercised else 0
    if fee:
        yield {"JLGS": "F03", "YWLX": ACCOUNT, "QSBZ": FEE, "JSSXF": -_fen(fee)}
    for klass, units, cash, _, fine in _delivered(found):
        yield {
            "JLGS": "F03", "YWLX": ACCOUNT, "QSBZ": DELIVERY, "SL2": units,
            "BDZQDM": chain.classes[klass].underlying, "QSJE": _fen(cash), "QTJE": -_fen(fine),
        }  # fmt: skip


def _exercises(found: Evening) -> Iterator[tuple[int, Lots, bool, bool]]:
    """(slot, contracts, covered, held long) of our exercises and of what was assigned to us."""
    if found.exercised is None:
        return
    taken: dict[int, Lots] = {}
    for account, slot, qty, put in unpack(found.exercised.accepted, msg.CLAIM_COLUMNS).tolist():
        for place in (slot, put) if account == OURS else ():
            if place >= 0:
                taken[place] = taken.get(place, 0) + qty
    for slot, qty in sorted(taken.items()):
        yield slot, qty, False, True
    for account, slot, qty, covered in unpack(
        found.exercised.assigned, msg.ASSIGNED_COLUMNS
    ).tolist():
        if account == OURS:
            for part, flag in ((covered, True), (qty - covered, False)):
                if part:
                    yield slot, part, flag, False


def _delivered(found: Evening) -> Iterator[tuple[int, Lots, Money, Lots, Money]]:
    """(class, units, cash, missing units, penalty) of what was delivered today."""
    if found.delivered is None:
        return
    fine = dict(found.delivered.penalties).get(OURS, 0)
    for account, klass, units, cash, missing in unpack(
        found.delivered.rows, msg.DELIVERED_COLUMNS
    ).tolist():
        if account == OURS:
            # The penalty is one sum of the account: it stands with the first that was short.
            yield klass, units, cash, missing, fine if missing < 0 else 0
            fine = 0 if missing < 0 else fine


def _changes(chain: Chain, member: Profile, found: Evening) -> Iterator[Named]:
    for kind, code, side, covered, qty in _changed(chain, found):
        yield {
            "SCDM": "10", "ZQZH": member.account, "ZZHBM": SUB_ACCOUNT, "TGDY": member.pbu,
            "BDRQ": chain.day, "BDLX": kind, "HEYDM": code, "CCFX": side,
            "BDBZ": "1" if covered else "", "SL1": qty,
        }  # fmt: skip


def _changed(chain: Chain, found: Evening) -> Iterator[tuple[str, str, str, bool, Lots]]:
    """(BDLX, contract, L or S, covered, signed contracts)."""
    traded: dict[tuple[str, Side, Effect, bool], Lots] = {}
    for fill in found.fills:
        key = (fill.contract, Side(fill.side), Effect(fill.effect), fill.covered)
        traded[key] = traded.get(key, 0) + fill.qty
    for (code, side, effect, covered), qty in sorted(traded.items()):
        long = (side == Side.BUY) == (effect == Effect.OPEN)
        kind, sign = (OPENED, 1) if effect == Effect.OPEN else (CLOSED, -1)
        yield kind, code, "L" if long else "S", covered, sign * qty
    for one in found.offset:
        code = chain.contracts[one.slot].code
        yield OFFSET, code, "L", False, -(one.short + one.covered)
        for qty, covered in ((one.short, False), (one.covered, True)):
            if qty:
                yield OFFSET, code, "S", covered, -qty
    gone: dict[tuple[int, str, bool], Lots] = {}
    for slot, qty, covered, held in _exercises(found):
        key_of = (slot, "L" if held else "S", covered)
        gone[key_of] = gone.get(key_of, 0) + qty
        yield EXERCISED, chain.contracts[slot].code, key_of[1], covered, -qty
    for slot, long_qty, short_qty, covered_qty in unpack(
        found.held.rows, msg.HELD_COLUMNS
    ).tolist():
        if chain.contracts[slot].last_day > chain.day:
            continue
        for name, covered, had in (
            ("L", False, long_qty), ("S", False, short_qty), ("S", True, covered_qty),
        ):  # fmt: skip
            left = had - gone.get((slot, name, covered), 0)
            if left:
                yield EXPIRED, chain.contracts[slot].code, name, covered, -left


def _margins(chain: Chain, book: Rulebook, member: Profile, found: Evening) -> Iterator[Named]:
    """What every free short and every combination takes; together the margin of op_bzjzh."""
    head: Named = {
        "ZJZH": found.cash.account, "ZQZH": member.account, "ZZHBM": SUB_ACCOUNT,
        "TGDY": member.pbu, "JELX": "002", "CCFX": "S",
    }  # fmt: skip
    settles = np.array(found.settles, dtype=np.int64)
    single = margin_use.maintenance(chain, book, settles, found.closes)
    _, bound = tied(len(chain.contracts), {name: one for name, one, _ in found.combined.kept})
    for row in unpack(found.held.rows, msg.HELD_COLUMNS).tolist():
        slot = row[msg.HELD_SLOT]
        free, each = row[msg.HELD_SHORT] - int(bound[slot]), int(single[slot])
        if free:
            yield {
                **head, "BZJLX": SINGLE, "HEYDM": chain.contracts[slot].code, "SL1": free,
                "JE1": _fen(each), "JE2": _fen(each * free),
            }  # fmt: skip
    for name, one, each in found.combined.kept:
        forms = STRATEGIES[one.strategy]
        slot = next(s for s, form in zip(one.slots, forms, strict=True) if form.short)
        yield {
            **head, "BZJLX": COMBINED, "HEYDM": chain.contracts[slot].code, "BH1": name,
            "SL1": one.units, "JE1": _fen(each), "JE2": _fen(each * one.units),
        }  # fmt: skip


def _securities(chain: Chain, book: Rulebook, member: Profile, found: Evening) -> Iterator[Named]:
    """Delivered units (SL2) and those settled in cash (SL1) at JG each, and disposal transfers;
    below zero what leaves the account.
    """
    head: Named = {
        "JLLX": "D03", "JSFS": "001", "QSRQ": chain.day, "JSRQ": chain.day, "JYDY": member.pbu,
        "JSDY": member.pbu, "ZQZH": member.account, "ZJZH": found.cash.account, "JGDM": "0000",
    }  # fmt: skip
    num, den = book.rates.fail_cash
    for klass, units, _, missing, fine in _delivered(found):
        price = half_up(found.closes[klass] * num, den)
        yield {
            **head, "JLGS": ARREARS, "YWLX": EXERCISE, "ZQDM": chain.classes[klass].underlying,
            "SL1": missing, "SL2": units, "JG": price if missing else 0,
            "JE1": _fen(missing * price), "JE2": -_fen(fine),
        }  # fmt: skip
    rows = found.disposed.rows if found.disposed else b""
    for account, klass, units, back in unpack(rows, msg.TRANSFER_COLUMNS).tolist():
        if account == OURS:
            yield {
                **head, "JLGS": DISPOSAL, "YWLX": "Q92" if back else "Q91",
                "ZQDM": chain.classes[klass].underlying, "SL1": units if back else -units,
            }  # fmt: skip
