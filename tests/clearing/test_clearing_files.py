"""The clearing house's files of a small day: every amount is another source's amount (I-15)."""

import copy
from typing import cast

import numpy as np
from test_clearing_machine import CLOSE, DAY, DAY_TRADES, OPEN, chain, closing, opening, run

from quanheng.books.positions import Closed
from quanheng.clearing import files
from quanheng.clearing import messages as msg
from quanheng.clearing.clearing import Clearing
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.kernels.pack import pack, unpack
from quanheng.terms.codes import Effect, Side
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.orders import Trade
from quanheng.terms.units import MONEY_PER_FEN
from quanheng.wire import dbf, ogh, records, xml_files
from quanheng.wire.profile import Profile

MEMBER = Profile("A123456789", "12345")
AT = midnight(DAY) + from_clock("10:01:02")


def fill(number: int, slot: int, side: Side, price: int, qty: int) -> Trade:
    """A fill of the first account."""
    code = chain().contracts[slot].code
    amount = price * qty * 10_000
    head = (f"M{number:09d}", code, 300 + number, 400 + number)
    return Trade(*head, price, qty, 0, side, Effect.OPEN, False, AT, AT - 10**9, amount)


FILLS = [
    fill(1, 0, Side.BUY, 500, 10),
    fill(2, 0, Side.SELL, 510, 4),
    fill(3, 3, Side.SELL, 700, 2),
]


def effects() -> dict[type, msg.Effect]:
    """What clearing says of the day, of the first account."""
    said = run(Clearing(), opening(), DAY_TRADES, closing(), msg.UnderlyingClose((24_500,)))
    return {type(one): one for one in reversed(said)}


def test_clearing_files_archive_adds_up() -> None:
    """Trades, netting and balances of the archive agree with the cash statement and positions."""
    said = effects()
    held = cast(msg.ClearedPositions, said[msg.ClearedPositions])
    fees = files.handling_fees(chain(), read_rulebook(DAY), DAY_TRADES, FILLS)
    cash = cast(msg.CashStatement, said[msg.CashStatement])
    assert sum(fees) == cash.handling_fee
    archive = ogh.read("12345", files.ogh_archive(
        chain(), MEMBER, FILLS, fees, (Closed(0, 4, 0), Closed(3, 0, 2)), held
    ))  # fmt: skip
    assert archive.quarantined == []
    form = records.layout("trns03_t0305")
    trades = [row for row in archive.trns if row[0] == "T0305"]
    amount, side = form.index("TotalValueTraded"), form.index("Side")
    paid = sum(int(row[amount]) * (1 if row[side] == "S" else -1) * MONEY_PER_FEN for row in trades)
    assert paid == cash.premium
    assert trades[0][8:10] == ("100101", "100102")
    netted = [row[-6:] for row in archive.trns if row[0] == "T0306"]
    assert netted == [
        ("E00000000000001", 4, "S", "", "E", 101),
        ("E00000000000002", 4, "B", "", "E", 101),
        ("E00000000000003", 2, "S", "", "E", 101),
        ("E00000000000004", 2, "B", "1", "E", 101),
    ]
    balances = [(row[4], row[5], row[7]) for row in archive.hold]
    assert balances == [("10000000", "L", 6), ("10000003", "S", 2)]


def test_clearing_files_fees_follow_the_roles() -> None:
    """Each fill pays by its own role, in whatever order the market traded (rules.md 6)."""
    rows = unpack(DAY_TRADES.rows, msg.TRADE_COLUMNS).copy()
    rows[0, msg.BUYER_ROLE] = msg.ROLES.index("ordinary")
    rows[1, msg.SELLER_EFFECT] = CLOSE
    assert rows[0, msg.BUYER_EFFECT] == OPEN
    cleared = msg.TradesCleared(pack(np.ascontiguousarray(rows)))
    fees = files.handling_fees(chain(), read_rulebook(DAY), cleared, FILLS)
    assert fees[0] > 0
    assert fees[1] > 0
    assert fees[2] == 0  # a sell-open is waived
    shuffled = [FILLS[1], copy.copy(FILLS[0]), FILLS[2]]
    again = files.handling_fees(chain(), read_rulebook(DAY), cleared, shuffled)
    assert again == [fees[1], fees[0], fees[2]]


def test_clearing_files_prices_in_both_forms() -> None:
    """The trial settlement prices are those of clpr03."""
    prices = cast(msg.SettlementPrices, effects()[msg.SettlementPrices])
    final = records.read(records.layout("clpr03"), files.clpr03(chain(), prices))
    trial = xml_files.read(records.layout("prestlp03"), files.prestlp03(chain(), prices))
    assert final.quarantined == trial.quarantined == []
    assert [(row[1], row[3]) for row in final.rows] == [row[1:] for row in trial.rows]


def test_clearing_files_settlement_tables() -> None:
    """Positions and the margin account as tables; covered shorts stand beside the others."""
    said = effects()
    rows = np.array([[0, 6, 0, 0], [3, 0, 5, 2]], dtype=np.int64)
    held = msg.ClearedPositions("A1", pack(rows), 4)
    form = records.layout("op_hycc")
    found = dbf.read(form, files.op_hycc(chain(), MEMBER, held))
    place = form.index("HEYDM")
    assert found.quarantined == []
    assert [row[place : place + 4] for row in found.rows] == [
        ("10000000", "L", "", 6),
        ("10000003", "S", "", 5),
        ("10000003", "S", "1", 2),
    ]
    cash = cast(msg.CashStatement, said[msg.CashStatement])
    (row,) = dbf.read(records.layout("op_bzjzh"), files.op_bzjzh(chain(), cash)).rows
    assert row[5] == cash.cash // MONEY_PER_FEN
    assert row[8] == cash.equity // MONEY_PER_FEN


def test_clearing_files_strategies() -> None:
    """Seven strategies with their legs: spreads rank strikes, the straddle shares one (3.4)."""
    form = records.layout("zhcl03")
    found = records.read(form, files.zhcl03())
    assert found.quarantined == []
    legs = {str(row[2]): row[3] for row in found.rows}
    assert legs == {
        **dict.fromkeys(("CNSJC", "PXSJC", "PNSJC", "CXSJC", "KS", "KKS"), 2),
        "ZBD": 1,
    }
    by_code = {str(row[2]): row for row in found.rows}
    first = form.index("CallOrPut1")
    assert by_code["CNSJC"][first : first + 4] == ("C", "L", "", "2")
    assert by_code["KS"][first + 6 : first + 10] == ("P", "S", "", "1")
