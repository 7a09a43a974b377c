"""The exchange's files of a run: `files/<day>/` read back and counted (T-01, I-15)."""

from pathlib import Path

import msgspec

from quanheng.terms.contract import Chain, build_chain
from quanheng.wire import mktdt03, records
from quanheng.wire.contracts import read_contracts
from quanheng.wire.records import BadRecord


class FileCheck(msgspec.Struct, frozen=True):
    """One file: records that can be used, those that cannot, and why."""

    name: str
    records: int
    bad: tuple[str, ...]

    def text(self) -> str:
        """A line for people, with the first reasons below."""
        head = f"{self.name}: {self.records} records, {len(self.bad)} quarantined"
        return "\n".join([head, *(f"  {reason}" for reason in self.bad[:3])])


def _reasons(bad: list[BadRecord]) -> tuple[str, ...]:
    return tuple(f"line {item.line}, {item.field}: {item.reason}" for item in bad)


def check_files(run: Path) -> list[FileCheck]:
    """Every exchange file of a run folder, by name.

    A file that is no such file at all counts as one bad record; nothing raises for bad content.
    """
    found: list[FileCheck] = []
    for folder in sorted(path for path in (run / "files").glob("*") if path.is_dir()):
        chain: Chain | None = None
        for path in sorted(folder.glob("reff03*.txt")):
            contracts, bad = read_contracts(path.read_bytes())
            found.append(FileCheck(path.name, len(contracts), _reasons(bad)))
            chain = build_chain(int(folder.name), contracts)
        for path in sorted(folder.glob("clpr03*.txt")):
            closing = records.read(records.layout("clpr03"), path.read_bytes())
            found.append(FileCheck(path.name, len(closing.rows), _reasons(closing.quarantined)))
        for path in sorted(folder.glob("mktdt03*.txt")):
            if chain is not None:
                found.append(_market(path, chain))
    return found


def _market(path: Path, chain: Chain) -> FileCheck:
    try:
        image = mktdt03.read(path.read_bytes(), mktdt03.FileTables(chain))
    except ValueError as error:
        return FileCheck(path.name, 0, (str(error),))
    bad = _reasons(image.quarantined)
    if not image.checksum_stands and not bad:
        bad = ("the checksum of the closed market does not stand",)
    return FileCheck(path.name, len(image.rows), bad)
