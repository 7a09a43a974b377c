"""The files of a day as they were received, by kind, for the checks between them."""

from collections.abc import Iterable

import msgspec

from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.terms.units import Day
from quanheng.wire import dbf, ogh, records, xml_files
from quanheng.wire.contracts import read_contracts
from quanheng.wire.records import Value

Row = dict[str, Value]
SHOWN = 20
"""Contracts that one check names; the rest are counted."""


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with a file: where, which field, why (Chinese first)."""

    file: str
    line: int
    field: str
    reason: str


class Received:
    """The day's files by kind: name and bytes, and the listing that the contract master gives."""

    def __init__(self, day: Day, files: dict[str, tuple[str, bytes]]) -> None:
        self.day = day
        self.files = files
        self.contracts = self._contracts()
        self.chain: Chain | None = build_chain(day, self.contracts) if self.contracts else None

    def _contracts(self) -> list[Contract]:
        return read_contracts(self.bytes("reff03"))[0] if "reff03" in self.files else []

    def name(self, kind: str) -> str:
        """Name of the file of a kind."""
        return self.files[kind][0]

    def bytes(self, kind: str) -> bytes:
        """Content of the file of a kind."""
        return self.files[kind][1]

    def rows(self, kind: str) -> list[Row]:
        """Usable records of a text, XML or DBF file of one record type."""
        form, data = records.layout(kind), self.bytes(kind)
        if kind.startswith("op_"):
            found = dbf.read(form, data).rows
        elif kind == "prestlp03":
            found = xml_files.read(form, data).rows
        else:
            found = records.read(form, data).rows
        return [named(form, row) for row in found]

    def trades(self) -> list[Row]:
        """Usable T0305 records of the member's archive."""
        form = records.layout("trns03_t0305")
        return [named(form, row) for row in self._archive().trns if row[0] == "T0305"]

    def holdings(self) -> list[Row]:
        """Usable records of the archive's hold03."""
        form = records.layout("hold03")
        return [named(form, row) for row in self._archive().hold]

    def combinations(self) -> list[Row]:
        """Usable records of the archive's qtyw03, without their legs."""
        form = records.layout("qtyw03")
        return [named(form, row) for row in self._archive().qtyw]

    def _archive(self) -> ogh.Archive:
        return ogh.read(self.name("ogh")[3:8], self.bytes("ogh"))

    def problem(self, kind: str, field: str, reason: str, text: str = "") -> Problem:
        """A problem of a file; its line is the first that holds `text`, in a file of lines."""
        data = self.bytes(kind)
        at = data.find(text.encode()) if text and not kind.startswith(("op_", "ogh")) else -1
        line = data.count(b"\n", 0, at) + 1 if at >= 0 else 0
        return Problem(self.name(kind), line, field, reason)

    def listed(self, kind: str, codes: Iterable[str]) -> list[Problem]:
        """Contracts that a file has and the listing does not, and the other way round."""
        have = list(codes)
        wanted = {row.code for row in self.contracts}
        seen = frozenset(have)
        more = [code for code in dict.fromkeys(have) if code not in wanted]
        less = [row.code for row in self.contracts if row.code not in seen]
        found = [
            self.problem(kind, "SecurityID", f"{code} 不在 reff03 中 not in the listing", code)
            for code in more[:SHOWN]
        ]
        found += [
            self.problem(kind, "SecurityID", f"缺少 reff03 所列合约 {code} missing")
            for code in less[:SHOWN]
        ]
        hidden = max(0, len(more) - SHOWN) + max(0, len(less) - SHOWN)
        if hidden:
            found.append(self.problem(kind, "SecurityID", f"另有 {hidden} 个合约 and more"))
        return found


def named(form: records.Layout, row: tuple[Value, ...]) -> Row:
    """Values of a record by the names of its layout; what a group repeats is left out."""
    return {field.name: value for field, value in zip(form.fields, row, strict=False)}
