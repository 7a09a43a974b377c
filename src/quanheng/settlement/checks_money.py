"""Fees, margin, cash and profit against the closing files (rules.md 3, 6; I-33, I-34, R-06).

Our figures are worked out again from our own fills and positions by the rulebook; only prices and
the part (provider or taker) in a fill, which the exchange alone knows, are the files' word.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from quanheng.books import margin_use, pnl
from quanheng.books.combinations import maintenance
from quanheng.rulebook import fees
from quanheng.settlement.context import Cell, Context, Outcome, Table, fen, money_case
from quanheng.settlement.context import yuan as shown
from quanheng.settlement.received import Fen, Named
from quanheng.settlement.record import Case, Item
from quanheng.terms.codes import FORCED_PREFIXES
from quanheng.terms.codes import Side as TradeSide
from quanheng.terms.orders import Trade
from quanheng.terms.units import MONEY_PER_FEN, Money

TRADE, ACCOUNT, FEE, DELIVERY = "Q01", "Q10", "QH1", "QH2"


class Fees(NamedTuple):
    """The day's fees in fen: what the exchange charged for our fills, our own settlement fee."""

    handling: Fen
    settlement: Fen


def _allowed(given: Context, fill: Trade) -> set[Fen]:
    """What the exchange may charge for a fill: whether it provided or took is its word alone."""
    forced = fill.client_id[:3] in FORCED_PREFIXES
    roles = ("ordinary",) if forced else fees.ROLES[:3]
    book = given.own.rulebook
    return {
        fen(fees.handling(book, fill.side, fill.effect, fill.covered, role, fill.qty))
        for role in (*roles, *(("provider", "taker", "auction") if forced else ()))
    }


def fees_of(given: Context) -> Fees:
    """Fees of the day as settled: the exchange's by fill, ours for the clearing house, entries."""
    book, record = given.own.rulebook, given.record
    own = sum(
        fees.settlement(book, one.side, one.effect, one.covered, "ordinary", one.qty)
        for one in given.own.fills
    )
    handling = sum(fill.fee for fill in given.theirs.fills)
    return Fees(
        handling + fen(record.adjusted(Item.HANDLING)),
        fen(own + record.adjusted(Item.SETTLEMENT)),
    )


def fees_step(given: Context) -> Outcome:
    """Every fee of T0305 is one the rulebook allows, and op_jsmx charges what they add up to."""
    own, theirs = given.own, given.theirs
    ours = {(one.exec_id, "B" if one.side == TradeSide.BUY else "S"): one for one in own.fills}
    cases: list[Case] = []
    for fill in theirs.fills:
        mine = ours.get((fill.exec_id, fill.side))
        if mine is not None and fill.fee not in (allowed := _allowed(given, mine)):
            told = " / ".join(shown(one) for one in sorted(allowed))
            cases.append(
                Case(
                    key=f"fees/handling/{fill.exec_id}{fill.side}", step="fees", kind="handling",
                    what=f"经手费 {fill.exec_id} {fill.code} {fill.qty} 张", ours=told,
                    theirs=shown(fill.fee), file=f"trns03{own.pbu}.txt", row=fill.row,
                )
            )  # fmt: skip
    total = fees_of(given)
    rows = [one for one in theirs.rows("op_jsmx") if one.text("YWLX") == TRADE]
    place = (theirs.name("op_jsmx"), rows[0].row if rows else 0)
    charged = -sum(one.number("JSF") for one in rows)
    cleared = -sum(one.number("JSSXF") for one in rows)
    cases += money_case("fees", "jsf", "经手费合计", total.handling, charged, place, Item.HANDLING)
    cases += money_case(
        "fees", "jssxf", "结算费合计", total.settlement, cleared, place, Item.SETTLEMENT
    )
    cases += _premiums(given, rows)
    facts: dict[str, Cell] = {
        "handling_fee": shown(total.handling),
        "settlement_fee": shown(total.settlement),
        "estimate": shown(fen(own.estimate)),
        "estimate_off": shown(fen(own.estimate) - total.handling - total.settlement),
    }
    return Outcome(tuple(cases), facts)


def _premiums(given: Context, rows: list[Named]) -> Iterator[Case]:
    """Premium by contract, side and effect: our fills against settlement detail."""
    mine: dict[tuple[str, str, str, str], Money] = {}
    for one in given.own.fills:
        buys = one.side == TradeSide.BUY
        key = (one.contract, "B" if buys else "S", "C" if one.effect else "O",
               "1" if one.covered else "")  # fmt: skip
        mine[key] = mine.get(key, 0) + (-one.amount if buys else one.amount)
    said = {
        (one.text("HEYDM"), one.text("MMBZ"), one.text("KPBZ"), one.text("BDBZ")): one
        for one in rows
    }
    for key in sorted({*mine, *said}):
        other = said.get(key)
        yield from money_case(
            "fees",
            f"premium/{'-'.join(key)}",
            f"权利金 {' '.join(key)}",
            fen(mine.get(key, 0)),
            other.number("QSJE") if other else 0,
            (given.theirs.name("op_jsmx"), other.row if other else 0),
        )


def margin(given: Context) -> Outcome:
    """Maintenance margin of what the clearing house says we hold, worked out by the rulebook at the
    settlement prices, against op_bzjmx by contract and op_bzjzh in all.
    """
    own, theirs = given.own, given.theirs
    chain = own.chain
    codes = [row.code for row in chain.contracts]
    settles = np.array([theirs.settles.get(code, 0) for code in codes], dtype=np.int64)
    closes = tuple(theirs.closes.get(one.underlying, 0) for one in chain.classes)
    single = margin_use.maintenance(chain, own.rulebook, settles, closes)
    mine: dict[tuple[str, str, bool], int] = {}
    free = {
        code: held.qty - held.combined
        for (code, side, covered), held in theirs.cleared.items()
        if (side, covered) == ("S", False)
    }
    for slot, code in enumerate(codes):
        if free.get(code):
            mine[code, "S", False] = fen(int(single[slot]) * free[code])
    combined = 0
    by_class = dict(zip([one.underlying for one in chain.classes], closes, strict=True))
    tied: dict[str, Fen] = {}
    for name, one in own.combinations.items():
        close = by_class[chain.contracts[one.slots[0]].underlying]
        each = maintenance(chain, own.rulebook, one, settles.tolist(), close)
        tied[name] = fen(each * one.units)
        combined += tied[name]
    cases: list[Case] = []
    said: dict[str, tuple[int, Fen]] = {}
    for row in theirs.rows("op_bzjmx"):
        said[row.text("BH1") or row.text("HEYDM")] = (row.row, row.number("JE2"))
    due = {**{key[0]: value for key, value in mine.items()}, **tied}
    for name in sorted({*due, *said}):
        row_no, other = said.get(name, (0, 0))
        place = (theirs.name("op_bzjmx"), row_no)
        cases += money_case(
            "margin", f"detail/{name}", f"保证金 {name}", due.get(name, 0), other, place
        )
    total = sum(mine.values()) + combined
    money = theirs.money
    place = (theirs.name("op_bzjzh"), money.row)
    cases += money_case("margin", "total", "维持保证金合计", total, money.number("JE2"), place)
    facts: dict[str, Cell] = {
        "margin": shown(total),
        "combined": shown(combined),
        "short_contracts": len(mine),
    }
    table = Table(
        ("name", "margin_fen"), tuple((name, amount) for name, amount in sorted(due.items()))
    )
    return Outcome(tuple(cases), facts, {"margin": table})


class Moneys(NamedTuple):
    """Our cash of the day in fen, line by line."""

    opening: Fen
    premium: Fen
    handling: Fen
    settlement: Fen
    exercise_fee: Fen
    delivery: Fen
    penalty: Fen
    entries: Fen

    @property
    def closing(self) -> Fen:
        """What is left."""
        paid = self.handling + self.settlement + self.exercise_fee + self.penalty
        return self.opening + self.premium - paid + self.delivery + self.entries


def money_of(given: Context) -> Moneys:
    """Our cash: own opening, own premiums, settled fees, deliveries by what was due."""
    own, theirs = given.own, given.theirs
    premium = sum(-one.amount if one.side == TradeSide.BUY else one.amount for one in own.fills)
    fee = fees_of(given)
    rows = [one for one in theirs.rows("op_jsmx") if one.text("YWLX") == ACCOUNT]
    made = [one for one in rows if one.text("QSBZ") == DELIVERY]
    return Moneys(
        opening=fen(own.opening_cash),
        premium=fen(premium),
        handling=fee.handling,
        settlement=fee.settlement,
        exercise_fee=-sum(one.number("JSSXF") for one in rows if one.text("QSBZ") == FEE),
        delivery=sum(one.number("QSJE") for one in made),
        penalty=-sum(one.number("QTJE") for one in made),
        entries=fen(given.record.adjusted(Item.CASH)),
    )


def cash(given: Context) -> Outcome:
    """Opening and everything that moved lead to the balance of op_bzjzh; the balance less margin is
    what it says is free.
    """
    theirs, mine = given.theirs, money_of(given)
    money = theirs.money
    place = (theirs.name("op_bzjzh"), money.row)
    cases = [
        *money_case(
            "cash", "balance", "衍生品保证金账户余额", mine.closing, money.number("JE1"), place,
            Item.CASH,
        ),
        *money_case(
            "cash", "free", "可用资金", money.number("JE1") - money.number("JE2"),
            money.number("JE3"), place,
        ),
    ]  # fmt: skip
    rows = [(name, getattr(mine, name)) for name in Moneys._fields]
    table = Table(("item", "fen"), (*rows, ("closing", mine.closing)))
    facts: dict[str, Cell] = {"closing": shown(mine.closing), "free": shown(money.number("JE3"))}
    return Outcome(tuple(cases), facts, {"cash": table})


def profit(given: Context) -> Outcome:
    """Settled profit by class: premiums, positions at today's and yesterday's settlement prices,
    fees. It must be what our book made before fees, and what the equity grew by.
    """
    own, theirs = given.own, given.theirs
    chain = own.chain
    slots = {row.code: slot for slot, row in enumerate(chain.contracts)}
    klass_of = [
        number for number, one in enumerate(chain.classes) for _ in range(one.start, one.stop)
    ]
    columns = np.zeros(
        (4, len(chain.classes)), dtype=object
    )  # exact Money: premium, then, now, fees

    def add(line: int, code: str, amount: int) -> None:
        columns[line, klass_of[slots[code]]] += amount

    for fill in own.fills:
        add(0, fill.contract, -fill.amount if fill.side == TradeSide.BUY else fill.amount)
        fee = fees.settlement(
            own.rulebook, fill.side, fill.effect, fill.covered, "ordinary", fill.qty
        )
        add(3, fill.contract, fee)
    for said in theirs.fills:
        if said.code in slots:
            add(3, said.code, said.fee * MONEY_PER_FEN)
    for line, held, prices in (
        (1, own.opening, {row.code: row.previous_settle for row in chain.contracts}),
        (2, given.positions(), theirs.settles),
    ):
        for (code, side, _), qty in held.items():
            sign = 1 if side == "L" else -1
            add(line, code, sign * qty * prices.get(code, 0) * chain.contracts[slots[code]].unit)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (one.underlying, *(fen(int(columns[line, number])) for line in range(4)),
         fen(int(columns[0, number] + columns[2, number] - columns[1, number]
                 - columns[3, number])))
        for number, one in enumerate(chain.classes)
    )  # fmt: skip
    before = int(sum(columns[0]) + sum(columns[2]) - sum(columns[1]))
    marks = np.array([theirs.settles.get(row.code, 0) for row in chain.contracts], dtype=np.int64)
    units = np.array([row.unit for row in chain.contracts], dtype=np.int64)
    booked = pnl.profit(own.book, units, marks)
    cases = list(
        money_case(
            "profit", "book", "盈亏（未扣费）与账簿", fen(booked.realised + booked.unrealised),
            fen(before), (theirs.name("clpr03"), 0),
        )
    )  # fmt: skip
    money, mine = theirs.money, money_of(given)
    worth = mine.closing + fen(int(sum(columns[2])))
    cases += money_case(
        "profit", "equity", "账户权益", worth, money.number("JE4"),
        (theirs.name("op_bzjzh"), money.row),
    )  # fmt: skip
    heads = ("underlying", "premium_fen", "opening_fen", "closing_fen", "fees_fen", "profit_fen")
    facts: dict[str, Cell] = {
        "profit": shown(sum(int(row[-1]) for row in rows)),
        "equity": shown(worth),
    }
    return Outcome(tuple(cases), facts, {"profit": Table(heads, rows)})
