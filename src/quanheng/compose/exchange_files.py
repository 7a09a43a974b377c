"""The exchange's files of a run: `files/<day>/` read back and counted (T-01, I-15)."""

from pathlib import Path

import msgspec

from quanheng.terms.contract import Chain, build_chain
from quanheng.wire.contracts import read_contracts
from quanheng.wire.exchange_files import read_file
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
    """Every file of a known kind in a run folder, by name.

    A file that is no such file at all counts as one bad record; nothing raises for bad content.
    """
    found: list[FileCheck] = []
    for folder in sorted(path for path in (run / "files").glob("*") if path.is_dir()):
        chain = _chain(folder)
        for path in sorted(folder.iterdir()):
            reading = read_file(path.name, path.read_bytes(), chain)
            if reading is not None:
                bad = _reasons(reading.quarantined)
                found.append(FileCheck(path.name, reading.records, bad))
    return found


def _chain(folder: Path) -> Chain | None:
    for path in sorted(folder.glob("reff03????.txt")):
        contracts, _ = read_contracts(path.read_bytes())
        return build_chain(int(folder.name), contracts) if contracts else None
    return None
