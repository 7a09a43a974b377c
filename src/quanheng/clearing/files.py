"""The clearing house's files of a day's end as bytes (interfaces.md 3.4 to 3.6, 6)."""

from collections.abc import Iterator

from quanheng.books.combinations import STRATEGIES, Column, Combination, tied
from quanheng.books.positions import Closed
from quanheng.clearing import messages as msg
from quanheng.clearing.combined import CombinedDay
from quanheng.kernels.pack import unpack
from quanheng.rulebook import fees
from quanheng.rulebook.model import Rulebook
from quanheng.terms.codes import Effect, Side
from quanheng.terms.contract import Chain
from quanheng.terms.days import clock_text
from quanheng.terms.orders import Trade
from quanheng.terms.units import MONEY_PER_FEN, Lots, Money, half_up
from quanheng.wire import dbf, ogh, records, xml_files
from quanheng.wire.fields import SUB_ACCOUNT
from quanheng.wire.profile import Profile
from quanheng.wire.records import Value

Rows = list[tuple[Value, ...]]

_NETTED_AT = "150000"
_LEG_NONE: tuple[Value, ...] = ("", "", "", "", 0, 0)
# Name, code, flags (same expiry, same underlying, days before expiry of the automatic split: two
# trading days for vertical spreads, rules.md 3), legs: type, side, covered, rank of the strike.
_STRATEGIES = (
    ("认购牛市价差策略", "CNSJC", "SS2", ("CL 2", "CS 1")),
    ("认沽熊市价差策略", "PXSJC", "SS2", ("PL 1", "PS 2")),
    ("认沽牛市价差策略", "PNSJC", "SS2", ("PL 2", "PS 1")),
    ("认购熊市价差策略", "CXSJC", "SS2", ("CL 1", "CS 2")),
    ("跨式空头策略", "KS", "SS0", ("CS 1", "PS 1")),
    ("宽跨式空头策略", "KKS", "SS0", ("CS 1", "PS 2")),
    ("普通转备兑策略", "ZBD", "NNN", ("CS 1",)),
)


def zhcl03() -> bytes:
    """zhcl03MMDD.txt: the combination strategies of the exchange."""
    rows: Rows = []
    for name, code, flags, legs in _STRATEGIES:
        row: tuple[Value, ...] = ("C0301", name, code, len(legs), flags)
        for leg in legs:
            row += (leg[0], leg[1], leg[2].strip(), leg[3], 0, 1)
        rows.append(row + _LEG_NONE * (4 - len(legs)))
    return records.write(records.layout("zhcl03"), rows)


def _prices(chain: Chain, prices: msg.SettlementPrices) -> Iterator[tuple[str, list[int]]]:
    for row in unpack(prices.rows, msg.PRICE_COLUMNS).tolist():
        yield chain.contracts[row[msg.PRICE_SLOT]].code, row


def clpr03(chain: Chain, prices: msg.SettlementPrices) -> bytes:
    """clpr03MMDD.txt of the day: close, settlement and open interest after netting, by slot."""
    rows: Rows = [
        ("R0302", code, row[msg.CLOSE_PRICE], row[msg.SETTLE_PRICE], row[msg.NETTED_INTEREST])
        for code, row in _prices(chain, prices)
    ]
    return records.write(records.layout("clpr03"), rows)


def prestlp03(chain: Chain, prices: msg.SettlementPrices) -> bytes:
    """prestlp03YYYYMMDD.xml: trial settlement prices; ours are the final ones already."""
    rows: Rows = [("R0323", code, row[msg.SETTLE_PRICE]) for code, row in _prices(chain, prices)]
    return xml_files.write(records.layout("prestlp03"), rows)


def handling_fees(
    chain: Chain, book: Rulebook, cleared: msg.TradesCleared, fills: list[Trade]
) -> list[Money]:
    """The exchange's fee of each fill of the first account, in the order of `fills`.

    `cleared` must have been made from these fills: per contract and side both run in time order.
    """
    slots = {contract.code: slot for slot, contract in enumerate(chain.contracts)}
    waiting: dict[tuple[int, int], list[int]] = {}
    for number, fill in enumerate(fills):
        waiting.setdefault((slots[fill.contract], fill.side - 1), []).append(number)
    for queue in waiting.values():
        queue.reverse()
    amounts: list[Money] = [0] * len(fills)
    rows = unpack(cleared.rows, msg.TRADE_COLUMNS)
    own = (rows[:, msg.BUYER] == 0) | (rows[:, msg.SELLER] == 0)
    for row in rows[own].tolist():
        for seller, side in enumerate((Side.BUY, Side.SELL)):
            if row[msg.BUYER + seller]:
                continue
            number = waiting[row[msg.TRADE_SLOT], seller].pop()
            amounts[number] = fees.handling(
                book,
                side,
                Effect(row[msg.BUYER_EFFECT + seller]),
                bool(row[msg.BUYER_COVERED + seller]),
                msg.ROLES[row[msg.BUYER_ROLE + seller]],
                row[msg.TRADE_QTY],
            )
    return amounts


def _clock(at: int) -> str:
    return clock_text(at)[:8].replace(":", "")


def _fen(amount: Money) -> int:
    return half_up(amount, MONEY_PER_FEN)


def _trades(member: Profile, day: int, fills: list[Trade], amounts: list[Money]) -> Rows:
    return [
        (
            *("T0305", member.account, member.pbu, member.branch, SUB_ACCOUNT, fill.client_id),
            *(str(fill.order_id), fill.contract, _clock(fill.order_at), _clock(fill.at), day),
            *(str(fill.exec_id), fill.qty, fill.price, _fen(fill.amount)),
            *("B" if fill.side == Side.BUY else "S", "C" if fill.effect else "O"),
            *("1" if fill.covered else "", "F", member.owner_type, "CNY", _fen(amount)),
        )
        for fill, amount in zip(fills, amounts, strict=True)
    ]


def _nettings(chain: Chain, member: Profile, closed: tuple[Closed, ...]) -> Rows:
    """T0306: long against short at the close; a record for each side that goes (a reading)."""
    rows: Rows = []
    for one in closed:
        for qty, flag in ((one.short, ""), (one.covered, "1")):
            for side, covered in (("S", ""), ("B", flag)) if qty else ():
                number = f"E{len(rows) + 1:014d}"
                rows.append(
                    (
                        *("T0306", member.account, member.pbu, SUB_ACCOUNT),
                        *(chain.contracts[one.slot].code, _NETTED_AT, chain.day, number),
                        *(qty, side, covered, "E", 101),
                    )
                )
    return rows


def _balances(
    chain: Chain, held: msg.ClearedPositions, together: tuple[Column, Column]
) -> Iterator[tuple[str, str, str, int, int]]:
    """(contract, side L or S, covered flag, quantity, of it in combinations) of every position that
    is not flat; `together` are the combined longs and shorts.
    """
    long, short = together
    for row in unpack(held.rows, msg.HELD_COLUMNS).tolist():
        slot = row[msg.HELD_SLOT]
        code = chain.contracts[slot].code
        for side, flag, qty, bound in (
            ("L", "", row[msg.HELD_LONG], int(long[slot])),
            ("S", "", row[msg.HELD_SHORT], int(short[slot])),
            ("S", "1", row[msg.HELD_COVERED], 0),
        ):
            if qty:
                yield code, side, flag, qty, bound


def _legs(chain: Chain, held: Combination, units: Lots) -> tuple[Value, ...]:
    """Leg fields of a combination: contract, side, covered flag, quantity."""
    return tuple(
        value
        for slot, form in zip(held.slots, STRATEGIES[held.strategy], strict=True)
        for value in (chain.contracts[slot].code, "S" if form.short else "L", "", units)
    )


def _combined(chain: Chain, member: Profile, combined: CombinedDay) -> Rows:
    """T0307: built (B), split (C), split by the exchange (F), dissolved at the day's end (A)."""
    head = ("T0307", member.pbu, member.account, SUB_ACCOUNT)
    rows: Rows = [
        (
            *(*head, done.client_id, done.strategy, done.combination, _clock(done.at), chain.day),
            *(done.action, done.qty, len(done.legs)),
            *(
                value
                for leg in done.legs
                for value in (
                    *(leg.contract, "S" if leg.short else "L"),
                    *("1" if leg.covered else "", leg.qty),
                )
            ),
        )
        for done in combined.done
    ]
    for name, one in combined.dissolved:
        what = ("", one.strategy, name, _NETTED_AT, chain.day, "A", one.units, len(one.slots))
        rows.append((*head, *what, *_legs(chain, one, one.units)))
    return rows


def ogh_archive(
    chain: Chain,
    member: Profile,
    fills: list[Trade],
    amounts: list[Money],
    closed: tuple[Closed, ...],
    held: msg.ClearedPositions,
    combined: CombinedDay,
) -> bytes:
    """OGHXXXXX.zip of a member: its trades with the exchange's fees, what was netted, what became
    of its combinations, its balances after netting and its combinations with their margin.
    """
    together = tied(len(chain.contracts), {name: one for name, one, _ in combined.kept})
    balances: Rows = [
        ("H0301", member.account, SUB_ACCOUNT, member.pbu, code, side, flag, qty, in_combinations)
        for code, side, flag, qty, in_combinations in _balances(chain, held, together)
    ]
    rows = _trades(member, chain.day, fills, amounts) + _nettings(chain, member, closed)
    rows += _combined(chain, member, combined)
    kept: Rows = [
        (
            *("Q0301", member.pbu, member.account, SUB_ACCOUNT, one.strategy, one.units, name),
            *(_fen(margin), len(one.slots), *_legs(chain, one, one.units)),
        )
        for name, one, margin in combined.kept
    ]
    return ogh.write(member.pbu, rows, balances, kept)


def op_hycc(
    chain: Chain, member: Profile, held: msg.ClearedPositions, combined: CombinedDay
) -> bytes:
    """op_hyccjsXXX: contract positions after the day's end, and what of them is combined."""
    form = records.layout("op_hycc")
    together = tied(len(chain.contracts), {name: one for name, one, _ in combined.kept})
    head = ("10", "", member.account, SUB_ACCOUNT, member.pbu)
    rows: Rows = [(*head, *row, 0, 0, "") for row in _balances(chain, held, together)]
    return dbf.write(form, rows, chain.day)


def op_zhccmx(chain: Chain, member: Profile, combined: CombinedDay) -> bytes:
    """op_zhccmxjsXXX: combinations after the day's end, a record for each leg; SL1 units of the
    combination, SL2 contracts of the leg, JE1 margin of all units (columns ours).
    """
    rows: Rows = [
        (
            *("10", "", member.account, SUB_ACCOUNT, member.pbu, one.strategy, name),
            *(chain.contracts[slot].code, "S" if form.short else "L", ""),
            *(one.units, one.units, _fen(margin * one.units), chain.contracts[slot].last_day, ""),
        )
        for name, one, margin in combined.kept
        for slot, form in zip(one.slots, STRATEGIES[one.strategy], strict=True)
    ]
    return dbf.write(records.layout("op_zhccmx"), rows, chain.day)


def op_bzjzh(chain: Chain, cash: msg.CashStatement) -> bytes:
    """op_bzjzhjsXXX: the margin account: balance, margin, free money, equity (columns ours)."""
    money = (cash.cash, cash.margin, cash.free, cash.equity)
    row: tuple[Value, ...] = ("10", "", cash.account, "RMB", chain.day, *map(_fen, money), "")
    return dbf.write(records.layout("op_bzjzh"), [row], chain.day)
