"""What the exchange and the clearing house say of a day, from their closing files alone
(interfaces.md 3.2 to 3.6, 6).

Files come as {kind: (name, bytes)}. A record keeps its place in its file, counted from 1, so that a
difference can name it. Amounts of the files are in fen and stay so: `Fen` is 0.01 yuan.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple, TypeAlias

from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.terms.units import Day, Lots, Ticks
from quanheng.wire import dbf, mktdt00, ogh, records
from quanheng.wire.contracts import read_contracts
from quanheng.wire.records import Value

Fen: TypeAlias = int
Files: TypeAlias = Mapping[str, tuple[str, bytes]]
Side: TypeAlias = tuple[str, str, bool]
"""A position: contract, L or S, covered."""


Wanted: TypeAlias = tuple[tuple[str, str], ...]
"""(field, our value) of what a record must say."""


class Fill(NamedTuple):
    """A T0305 record: `side` B or S, `effect` O or C; amount and fee in fen."""

    row: int
    exec_id: int
    client_id: str
    code: str
    side: str
    effect: str
    covered: bool
    qty: Lots
    price: Ticks
    amount: Fen
    fee: Fen
    clock: str  # HHMMSS of the trade


class Held(NamedTuple):
    """A balance and what of it stands in combinations."""

    row: int
    qty: Lots
    combined: Lots


class Named(NamedTuple):
    """A record by the names of its layout."""

    row: int
    values: dict[str, Value]

    def text(self, name: str) -> str:
        """A text value."""
        return str(self.values[name])

    def number(self, name: str) -> int:
        """A number or a day."""
        return int(self.values[name])


class Stranger(NamedTuple):
    """A record that is not ours: of another account, unit or day."""

    kind: str
    file: str
    row: int
    field: str
    ours: str
    theirs: str


class NotReceivedError(Exception):
    """A file that is needed was not received whole; the text is its kind."""


class Theirs:
    """The closing files of a day, read when asked for. NotReceivedError for one that lacks."""

    def __init__(self, day: Day, files: Files) -> None:
        self.day = day
        self.files = files

    def _file(self, kind: str) -> tuple[str, bytes]:
        found = self.files.get(kind)
        if found is None:
            raise NotReceivedError(kind)
        return found

    def name(self, kind: str) -> str:
        """The file of a kind, the kind itself when it was not received."""
        return self.files[kind][0] if kind in self.files else kind

    @cached_property
    def contracts(self) -> list[Contract]:
        """The listing of the day."""
        return read_contracts(self._file("reff03")[1])[0]

    @cached_property
    def chain(self) -> Chain:
        """The day's chain."""
        return build_chain(self.day, self.contracts)

    @cached_property
    def closes(self) -> dict[str, Ticks]:
        """Closing price by underlying."""
        image = mktdt00.read(self._file("mktdt00")[1])
        ticks, _ = mktdt00.ticks_of(self.chain, image)
        return {self.chain.classes[tick.klass].underlying: tick.last for tick in ticks}

    @cached_property
    def settles(self) -> dict[str, Ticks]:
        """Settlement price by contract."""
        return {one.text("SecurityID"): one.number("SettlPrice") for one in self.rows("clpr03")}

    @cached_property
    def archive(self) -> ogh.Archive:
        """trns03, hold03 and qtyw03 of the member."""
        name, data = self._file("ogh")
        return ogh.read(name[3:8], data)

    def rows(self, kind: str) -> list[Named]:
        """Records of a table, or of the text file of one record type."""
        form, data = records.layout(kind), self._file(kind)[1]
        found = dbf.read(form, data) if kind.startswith("op_") else records.read(form, data)
        return _named(form, list(enumerate(found.rows, 1)))

    def trns(self, record: str) -> list[Named]:
        """Records of trns03 of one type, T0305 to T0307, with their places among all."""
        form = records.layout(f"trns03_{record.lower()}")
        some = [(n, row) for n, row in enumerate(self.archive.trns, 1) if row[0] == record]
        return _named(form, some)

    @cached_property
    def fills(self) -> list[Fill]:
        """Trades of the member."""
        return [
            Fill(
                one.row, int(one.text("ExecID") or 0), one.text("ClOrdID"), one.text("SecurityID"),
                one.text("Side"), one.text("PositionEffect"),
                one.text("CoveredOrUncovered") == "1", one.number("LastQty"),
                one.number("LastPx"), one.number("TotalValueTraded"), one.number("Amount"),
                one.text("TransactTime"),
            )
            for one in self.trns("T0305")
        ]  # fmt: skip

    @cached_property
    def held(self) -> dict[Side, Held]:
        """hold03: balances after netting."""
        rows = _named(records.layout("hold03"), list(enumerate(self.archive.hold, 1)))
        return {
            (one.text("SecurityID"), one.text("Side"), one.text("CoveredOrUncovered") == "1"): Held(
                one.row, one.number("Balance"), one.number("CombinedQty")
            )
            for one in rows
        }

    @cached_property
    def combined(self) -> list[Named]:
        """qtyw03: combinations that live on; its first legs only."""
        return _named(records.layout("qtyw03"), list(enumerate(self.archive.qtyw, 1)))

    def legs(self, row: int) -> list[tuple[str, bool]]:
        """(contract, short) of each leg of a record of qtyw03."""
        values = self.archive.qtyw[row - 1]
        head = len(records.layout("qtyw03").fields)
        width = len(records.layout("qtyw03").group)
        groups = range(head, len(values), width)
        return [(str(values[at]), str(values[at + 1]) == "S") for at in groups]

    @cached_property
    def cleared(self) -> dict[Side, Held]:
        """op_hycc: the clearing house's positions."""
        return {
            (one.text("HEYDM"), one.text("CCFX"), one.text("BDBZ") == "1"): Held(
                one.row, one.number("YE1"), one.number("YE2")
            )
            for one in self.rows("op_hycc")
        }

    def changes(self, *kinds: str) -> dict[Side, Held]:
        """op_ccbd: signed changes of some kinds, summed; the row is the first."""
        found: dict[Side, Held] = {}
        for one in self.rows("op_ccbd"):
            if one.text("BDLX") in kinds:
                key = (one.text("HEYDM"), one.text("CCFX"), one.text("BDBZ") == "1")
                known = found.get(key, Held(one.row, 0, 0))
                found[key] = known._replace(qty=known.qty + one.number("SL1"))
        return found

    @cached_property
    def money(self) -> Named:
        """The record of op_bzjzh; ValueError when it has not exactly one."""
        rows = self.rows("op_bzjzh")
        if len(rows) != 1:
            raise ValueError(f"{self.name('op_bzjzh')}: {len(rows)} records, not 1")
        return rows[0]


def _named(form: records.Layout, rows: list[tuple[int, tuple[Value, ...]]]) -> list[Named]:
    return [
        Named(place, {f.name: v for f, v in zip(form.fields, row, strict=False)})
        for place, row in rows
    ]


_WHO = {
    "op_hycc": ("ZQZH", "TGDY", ""),
    "op_zhccmx": ("ZQZH", "TGDY", ""),
    "op_ccbd": ("ZQZH", "TGDY", "BDRQ"),
    "op_bzjmx": ("ZQZH", "TGDY", ""),
    "op_jsmx": ("ZQZH", "XWH1", "QSRQ"),
    "op_zqjs": ("ZQZH", "JYDY", "QSRQ"),
    "op_tzxx": ("ZQZH", "", "TZRQ"),
    "op_bzjzh": ("", "", "RQ1"),
}
"""Account, trading unit and day of each table."""


def strangers(theirs: Theirs, account: str, pbu: str, money: str) -> list[Stranger]:
    """Records of another account, trading unit, money account or day: never counted as ours."""
    found: list[Stranger] = []

    def look(kind: str, file: str, one: Named, given: Wanted) -> None:
        for field, ours in given:
            if field and one.text(field) != ours:
                found.append(Stranger(kind, file, one.row, field, ours, one.text(field)))

    for kind, (who, unit, day) in _WHO.items():
        if kind in theirs.files:
            wanted: Wanted = ((who, account), (unit, pbu), (day, str(theirs.day)))
            if kind in ("op_bzjzh", "op_jsmx"):
                wanted += (("ZJZH", money),)
            for one in theirs.rows(kind):
                look(kind, theirs.name(kind), one, wanted)
    if "ogh" in theirs.files:
        who_we_are: Wanted = (("Account", account), ("BizPbu", pbu))
        dated = (*who_we_are, ("TransactDate", str(theirs.day)))
        for record in ("T0305", "T0306", "T0307"):
            for one in theirs.trns(record):
                look("ogh", f"trns03{pbu}.txt", one, dated)
        forms = (("hold03", theirs.archive.hold), ("qtyw03", theirs.archive.qtyw))
        for name, rows in forms:
            for one in _named(records.layout(name), list(enumerate(rows, 1))):
                look("ogh", f"{name}{pbu}.txt", one, who_we_are)
    return found
