"""The clearing house's files of a small day: every amount is another source's amount (I-15)."""

import copy
from typing import cast

import msgspec
import numpy as np
from test_clearing_machine import CLOSE, DAY, DAY_TRADES, OPEN, chain, closing, opening, run

from quanheng.books.combinations import Combination
from quanheng.books.positions import Closed
from quanheng.clearing import files, notices
from quanheng.clearing import messages as msg
from quanheng.clearing.clearing import Clearing
from quanheng.clearing.combined import CombinedDay
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.kernels.pack import pack, unpack
from quanheng.terms.business import CombinationDone, CombinationLeg
from quanheng.terms.codes import Effect, Side
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.orders import Trade
from quanheng.terms.units import MONEY_PER_FEN
from quanheng.wire import dbf, ogh, records, xml_files
from quanheng.wire import notices as wire_notices
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
        chain(), MEMBER, FILLS, fees, (Closed(0, 4, 0), Closed(3, 0, 2)), held, CombinedDay()
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
    found = dbf.read(form, files.op_hycc(chain(), MEMBER, held, CombinedDay()))
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


def test_clearing_files_archive_holds_combinations() -> None:
    """interfaces.md 3.6: T0307 of what was built, split by the exchange and dissolved; hold03 says
    what is combined, qtyw03 the margin of a unit; op_zhccmx has a record for each leg.
    """
    held = msg.ClearedPositions("A1", pack(np.array([[0, 6, 0, 0], [2, 0, 5, 2]])), 0)
    legs = (CombinationLeg("10000000", False, False, 3), CombinationLeg("10000002", True, False, 3))
    number = "2024062700000001"
    built = CombinationDone("M000000009", "CNSJC", 9 * 10**14 + 1, "B", 3, number, legs, AT, AT)
    forced = CombinationDone("CF10000002", "CNSJC", 9 * 10**14 + 2, "F", 1, number, legs, AT, AT)
    day = CombinedDay(
        (built, forced),
        ((number, Combination("CNSJC", (0, 2), 2), 12_345_600),),
        (("2024062600000007", Combination("CXSJC", (2, 0), 4)),),
    )
    archive = ogh.read("12345", files.ogh_archive(chain(), MEMBER, [], [], (), held, day))
    assert archive.quarantined == []
    form = records.layout("trns03_t0307")
    action, qty = form.index("Side"), form.index("Quantity")
    assert [(row[0], row[action], row[qty], row[4]) for row in archive.trns] == [
        ("T0307", "B", 3, "M000000009"),
        ("T0307", "F", 1, "CF10000002"),
        ("T0307", "A", 4, ""),
    ]
    assert archive.trns[2][-8:] == ("10000002", "L", "", 4, "10000000", "S", "", 4)
    assert [row[-4:] for row in archive.hold] == [
        ("L", "", 6, 2), ("S", "", 5, 2), ("S", "1", 2, 0),
    ]  # fmt: skip
    (kept,) = archive.qtyw
    assert kept[4:9] == ("CNSJC", 2, number, 123_456, 2)
    table = dbf.read(records.layout("op_zhccmx"), files.op_zhccmx(chain(), MEMBER, day))
    assert table.quarantined == []
    place = records.layout("op_zhccmx").index("HEYDM")
    assert [row[place : place + 6] for row in table.rows] == [
        ("10000000", "L", "", 2, 2, 246_912), ("10000002", "S", "", 2, 2, 246_912),
    ]  # fmt: skip


def test_clearing_notices_are_written_and_read_back() -> None:
    """I-45: what the clearing house writes the firm reads as it was meant; a bad kind is named."""
    told = (
        *notices.called("A123456789", DAY, 12_345_600, 20240628),
        *notices.uncovered("A123456789", DAY, chain(), {"10000000": 2}, {"510050": 15_000}),
        *notices.closed(
            "A123456789", DAY, [*FILLS, msgspec.structs.replace(FILLS[0], client_id="QP10000001"),
            msgspec.structs.replace(FILLS[0], client_id="CV10000002")], {"10000000": "510050"}, 100
        ),
    )  # fmt: skip
    assert [(one.kind, one.qty, one.covered) for one in told] == [
        ("P01", 0, False), ("P02", 5_000, True), ("P03", 10, False), ("P03", 10, True),
    ]  # fmt: skip
    assert notices.called("A123456789", DAY, 0, 20240628) == ()
    assert notices.uncovered("A1", DAY, chain(), {"10000000": 2}, {"510050": 20_000}) == ()
    data = wire_notices.write(told, DAY)
    assert wire_notices.read(data) == (list(told), [])
    assert told[0].text() == "保证金不足 金额1234.56元 20240628日11:30前补足"
    found, bad = wire_notices.read(data.replace(b"P02", b"P77"))
    assert [one.kind for one in found] == ["P01", "P03", "P03"]
    assert [(one.line, one.field) for one in bad] == [(2, "TZLB")]
    assert wire_notices.read(wire_notices.write((), DAY)) == ([], [])
