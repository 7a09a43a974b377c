"""Proofs, and the package for the exchange's request (chapter 9 四): any period, with the traders.

    orders.csv quotes.csv trades.csv   rows with entry, machine and frame
    documents/…                        files that were asked for
    proofs.jsonl checkpoint.txt archive.json package.json verify_archive.py

Each row's frames and each document are proved to stand in the archive's signed tree. A Merkle tree
proves what is there, not that nothing else is: for that the exchange takes whole entries, which
`package.json` names with their roots.
"""

import base64
import csv
import shutil
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.archive import records_of
from quanheng.edge import archive_files as store
from quanheng.edge.archive_files import Archive, ArchiveError, Line
from quanheng.edge.archive_tables import SCHEMAS, read_rows
from quanheng.runtime.merkle import Tree, consistent, included, leaf_hash
from quanheng.terms.days import clock_text, day_of, iso
from quanheng.terms.units import Nanos

CONTENT = "content/"
Frame = tuple[str, int]
"""(machine, seq)."""


class Prover:
    """Proofs of one archive at one size of its log; each is checked before it is given out."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.raw = archive.raw_lines()
        self.log = archive.tree()
        self.note = archive.checkpoint(len(self.raw))

    def records(self, line: Line, frames: set[Frame], files: set[str]) -> list[dict[str, Any]]:
        """Proofs of an entry's frames and whole files. ArchiveError for one that is not there, or
        is not what was archived.
        """
        place, tree, first = self.archive.place(line), self.archive.entry_tree(line), 0
        found = []
        left = {*frames, *(("", name) for name in files)}
        for item in self.archive.manifest(line).files:
            wanted = item.machine and any(one == item.machine for one, _ in frames)
            if wanted or item.path in files:
                for at, (seq, data) in enumerate(records_of(place / item.path, item), start=first):
                    name = (item.machine, seq) if item.machine else ("", item.path)
                    if name in left:
                        left.discard(name)
                        found.append(self._proof(line, tree, at, data))
            first += item.leaves
        if left:
            raise ArchiveError(f"entry {line.number} has no {min(map(str, left))}")
        return found

    def _proof(self, line: Line, tree: Tree, index: int, data: bytes) -> dict[str, Any]:
        name, path = self.archive.about.hash, tree.inclusion(index)
        if not included(leaf_hash(data, name), index, tree.size, path, tree.root, name):
            where = f"{self.archive.place(line)}: record {index + 1}"
            raise ArchiveError(f"{where} is not what was archived")
        return {
            "index": index,
            "path": [one.hex() for one in path],
            "line": self.raw[line.number - 1].decode(),
            "log_path": [one.hex() for one in self.log.inclusion(line.number - 1)],
            "record": base64.b64encode(data).decode(),
            "size": len(self.raw),
        }

    def growth(self, old: int) -> dict[str, Any]:
        """Proof that the log of `old` lines is the beginning of today's, with both checkpoints.

        ArchiveError when there is no checkpoint of that size, or the log was rewritten since.
        """
        before = self.archive.checkpoint(old)
        path, name = self.log.consistency(old), self.archive.about.hash
        root = base64.b64decode(before.split("\n")[2])
        if not consistent((old, self.log.size), (root, self.log.root), path, name):
            raise ArchiveError(f"{self.archive.folder}: the log does not continue that of {old}")
        return {"old": before, "new": self.note, "path": [one.hex() for one in path]}


def export(
    archive: Archive, out: Path, start: Nanos, stop: Nanos, *, contract: str = "",
    person: str = "", documents: tuple[str, ...] = (),
) -> dict[str, Any]:  # fmt: skip
    """Write the package of [start, stop] into a new folder; what it holds.

    `documents` are "ENTRY:PATH" as `status` and the manifests name them. ArchiveError for a folder
    that is there, a document that is not, or a record that is not what was archived.
    """
    if out.exists():
        raise ArchiveError(f"{out}: it is there already")
    prover, lines = Prover(archive), archive.lines()
    wanted = [_document(lines, one) for one in documents]
    tables: dict[str, list[dict[str, Any]]] = {"orders": [], "quotes": [], "trades": []}
    proofs: list[dict[str, Any]] = []
    out.mkdir(parents=True)
    for line in lines:
        rows = _rows(archive, line, start, stop, contract, person)
        for name, some in rows.items():
            tables[name] += some
        frames = {(row["machine"], row["seq"]) for some in rows.values() for row in some}
        frames |= {(row["machine"], row["sent_seq"]) for row in rows["trades"] if row["sent_seq"]}
        proofs += prover.records(line, frames, set()) if frames else []
    for line, path in wanted:
        proof = prover.records(line, set(), {path})[0]
        target = Path("documents") / f"{line.number:06d}" / path.removeprefix(CONTENT)
        (out / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(archive.checked(line, path), out / target)
        proofs.append({**proof, "file": target.as_posix()})
    for name, some in tables.items():
        _csv(out / f"{name}.csv", "trades" if name == "trades" else "requests", some)
    (out / "proofs.jsonl").write_bytes(b"".join(msgspec.json.encode(p) + b"\n" for p in proofs))
    (out / "checkpoint.txt").write_text(prover.note, encoding="utf-8")
    for name in ("archive.json", "verify_archive.py"):
        shutil.copyfile(archive.folder / name, out / name)
    told = {
        "ok": True, "size": len(lines), "from": _time(start), "to": _time(stop),
        "contract": contract, "person": person, "documents": len(wanted), "proofs": len(proofs),
        **{name: len(some) for name, some in tables.items()},
        "entries": {line.folder: line.root for line in lines
                    if day_of(start) <= line.day <= day_of(stop)},
    }  # fmt: skip
    (out / "package.json").write_bytes(store.encode(told))
    return told


def _document(lines: list[Line], text: str) -> tuple[Line, str]:
    number, _, path = text.partition(":")
    if not number.isdigit() or not 1 <= int(number) <= len(lines) or not path:
        raise ArchiveError(f"document {text!r}: not ENTRY:PATH of an entry from 1 to {len(lines)}")
    return lines[int(number) - 1], path if path.startswith("tables/") else CONTENT + path


def _rows(
    archive: Archive, line: Line, start: Nanos, stop: Nanos, contract: str, person: str
) -> dict[str, list[dict[str, Any]]]:
    """Rows of an entry that were asked for; person as trader on duty or as who entered it."""
    found: dict[str, list[dict[str, Any]]] = {"orders": [], "quotes": [], "trades": []}
    names = {item.path for item in archive.manifest(line).files}
    for table in ("requests", "trades"):
        path = f"tables/{table}.parquet"
        if path not in names or not day_of(start) <= line.day <= day_of(stop):
            continue
        for row in read_rows(archive.checked(line, path)):
            if not start <= row["at"] <= stop or contract not in ("", row["contract"]):
                continue
            if person in ("", row["trader"], row["entered_by"]):
                quote = "kind" in row and row["kind"].startswith("Quote")
                name = "trades" if table == "trades" else "quotes" if quote else "orders"
                found[name].append({"entry": line.number, "time": _time(row["at"]), **row})
    return found


def _csv(path: Path, table: str, rows: list[dict[str, Any]]) -> None:
    heads = ["entry", "time", *(field.name for field in SCHEMAS[table])]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, heads, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _time(at: Nanos) -> str:
    return f"{iso(day_of(at))} {clock_text(at)}"
