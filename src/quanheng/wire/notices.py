"""The clearing house's notices, `op_tzxxjsXXX.dbf` (interfaces.md 6.1 to 6.3; I-45).

Columns are interfaces.md 6.3; the kinds are ours [P]: P01 a margin call, P02 covered shorts whose
locked units do not suffice, P03 the result of a forced closing, P04 units that were not delivered.
"""

import msgspec

from quanheng.terms.units import MONEY_PER_FEN, Day, Lots, Money, half_up
from quanheng.wire import dbf, records
from quanheng.wire.fields import SUB_ACCOUNT
from quanheng.wire.records import BadRecord, Value

WORDS = {
    "P01": "保证金不足",
    "P02": "备兑证券不足",
    "P03": "强行平仓结果",
    "P04": "行权交收证券不足",
}


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One notice. `qty` is in contracts, of P02 and P04 in fund units or shares.

    `amount`: P01 the deficit, P03 what the closing cost, P04 cash paid for what was missing.
    `left`: P03 the deficit that stays, P04 the penalty. `due` is the day by whose 11:30 a shortage
    must be made good, 0 for none.
    """

    kind: str
    day: Day
    account: str
    contract: str = ""
    underlying: str = ""
    covered: bool = False
    qty: Lots = 0
    amount: Money = 0
    left: Money = 0
    due: Day = 0

    def text(self) -> str:
        """The notice in words."""
        what = self.contract or self.underlying
        parts = [WORDS[self.kind], what, f"数量{self.qty}" if self.qty else ""]
        parts.append(f"金额{_yuan(self.amount)}元" if self.amount else "")
        parts.append(f"余{_yuan(self.left)}元" if self.left else "")
        parts.append(f"{self.due}日11:30前补足" if self.due else "")
        return " ".join(part for part in parts if part)


def _yuan(amount: Money) -> str:
    fen = half_up(amount, MONEY_PER_FEN)
    return f"{fen // 100}.{fen % 100:02d}"


def write(notices: tuple[Notice, ...], day: Day) -> bytes:
    """The file of a day; without notices it has no record."""
    rows: list[tuple[Value, ...]] = [
        (
            *("10", one.kind, one.day, "", "", one.account, SUB_ACCOUNT),
            *(one.contract, one.underlying, "S" if one.contract else ""),
            *("1" if one.covered else "", one.qty, 0, half_up(one.amount, MONEY_PER_FEN)),
            *(half_up(one.left, MONEY_PER_FEN), one.due, 0, "", one.text(), ""),
        )
        for one in notices
    ]
    return dbf.write(records.layout("op_tzxx"), rows, day)


def read(data: bytes) -> tuple[list[Notice], list[BadRecord]]:
    """The notices of a file, and what could not be read. Never raises for bad content."""
    form = records.layout("op_tzxx")
    found = dbf.read(form, data)
    place = {field.name: number for number, field in enumerate(form.fields)}
    out: list[Notice] = []
    bad = list(found.quarantined)
    for number, row in enumerate(found.rows, 1):
        kind = str(row[place["TZLB"]])
        if kind not in WORDS:
            bad.append(BadRecord(number, "TZLB", f"{kind!r} is no kind of notice"))
            continue
        out.append(
            Notice(
                kind=kind,
                day=int(row[place["TZRQ"]]),
                account=str(row[place["ZQZH"]]),
                contract=str(row[place["HEYDM"]]),
                underlying=str(row[place["BDZQDM"]]),
                covered=row[place["BDBZ"]] == "1",
                qty=int(row[place["SL1"]]),
                amount=int(row[place["JE1"]]) * MONEY_PER_FEN,
                left=int(row[place["JE2"]]) * MONEY_PER_FEN,
                due=int(row[place["RQ1"]]),
            )
        )
    return out, bad
