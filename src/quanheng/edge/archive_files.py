"""The archive's folder: entries, log, checkpoints, anchors (S-01). Nothing here can delete.

    archive.json   origin, suite, public key, retention        README.txt, verify_archive.py
    log.jsonl      one line per entry; line n is leaf n of the archive's tree
    checkpoints/NNNNNN.txt   signed note over the first N lines
    entries/NNNNNN-NAME/     manifest.json, leaves.bin, content/… as it was, tables/*.parquet
    anchors.txt    "number day size root" of every checkpoint; the same line goes outside
    index-1.sqlite   rebuildable, no record

A record is a frame of a journal or a whole other file. Leaf of a frame: "frame MACHINE\\n" and its
bytes; of a file: "file PATH BYTES SHA256\\n". An entry's root is the root over its records in the
manifest's order; the line names it, so the signed root covers every record.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from quanheng.edge import verify_archive
from quanheng.edge.archive_signing import Checkpoint, SigningError, Suite, seal, suite_of, unseal
from quanheng.edge.archive_tables import schema_text
from quanheng.edge.growing import Growing, grow, whole_lines
from quanheng.runtime.disk import Disk
from quanheng.runtime.merkle import Tree, leaf_hash
from quanheng.terms.units import Day, Nanos

LOG = "log.jsonl"
FORMAT = 1
RETENTION_YEARS = 20
BLOCK = 1 << 20


class ArchiveError(Exception):
    """An archive or a source that cannot be used; the message names the place and the reason."""


class About(msgspec.Struct, frozen=True):
    """archive.json."""

    format: int
    origin: str
    suite: str
    hash: str
    public_key: str  # hex
    retention_years: int = RETENTION_YEARS


class Line(msgspec.Struct, frozen=True):
    """One line of the log: what was added. `heads` are [last frame, chain after it] by journal."""

    number: int
    day: Day
    kind: str
    name: str
    folder: str
    added: Nanos
    by: str
    files: int
    bytes: int
    leaves: int
    root: str
    manifest: str
    heads: dict[str, tuple[int, str]] = {}


class Item(msgspec.Struct, frozen=True):
    """A file of an entry; `machine` for a segment, whose records are its frames."""

    path: str
    bytes: int
    sha256: str
    leaves: int
    machine: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """manifest.json."""

    files: list[Item]


def create(folder: Path, origin: str, suite_name: str, key: bytes) -> None:
    """Begin an archive. ArchiveError when the folder is in use, SigningError for a bad key."""
    if folder.exists() and any(folder.iterdir()):
        raise ArchiveError(f"{folder}: not empty and no archive")
    if not origin or not origin.isprintable() or "+" in origin or " " in origin:
        raise ArchiveError(f"origin {origin!r}: printable text without spaces and plus signs")
    suite = suite_of(suite_name)
    public = suite.public(key).hex()
    about = About(FORMAT, origin, suite_name, suite.hash_name, public)
    for name in ("entries", "checkpoints"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    keep(folder / "verify_archive.py", Path(verify_archive.__file__).read_bytes())
    keep(folder / "README.txt", (_README + schema_text()).encode())
    keep(folder / "archive.json", msgspec.json.format(msgspec.json.encode(about), indent=1))


def keep(path: Path, data: bytes) -> None:
    """Write a record: whole or not at all, durable, read-only from then on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.chmod(0o444)
    part.replace(path)


class Archive:
    """An archive that is there. ArchiveError when it cannot be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            data = (folder / "archive.json").read_bytes()
            self.about = msgspec.json.decode(data, type=About)
        except (OSError, msgspec.DecodeError) as error:
            raise ArchiveError(f"{folder}: no archive: {error}") from error
        if self.about.format != FORMAT:
            raise ArchiveError(f"{folder}: format {self.about.format}, not {FORMAT}")
        self.suite: Suite = suite_of(self.about.suite)
        self.public = bytes.fromhex(self.about.public_key)

    def raw_lines(self) -> list[bytes]:
        """Lines of the log without their line feeds. ArchiveError for a torn last line."""
        path = self.folder / LOG
        data = path.read_bytes() if path.exists() else b""
        if data and not data.endswith(b"\n"):
            raise ArchiveError(f"{path}: the last line is torn")
        return data.splitlines()

    def lines(self) -> list[Line]:
        """The log. ArchiveError names a line that cannot be read or is out of its place."""
        found = []
        for number, raw in enumerate(self.raw_lines(), start=1):
            try:
                line = msgspec.json.decode(raw, type=Line)
            except msgspec.DecodeError as error:
                raise ArchiveError(f"{self.folder}/log.jsonl line {number}: {error}") from error
            if line.number != number:
                raise ArchiveError(f"{self.folder}/log.jsonl line {number} is entry {line.number}")
            found.append(line)
        return found

    def tree(self) -> Tree:
        """The archive's tree over its log."""
        name = self.about.hash
        return Tree([leaf_hash(raw, name) for raw in self.raw_lines()], name)

    def place(self, line: Line) -> Path:
        """Folder of an entry."""
        return self.folder / "entries" / line.folder

    def manifest(self, line: Line) -> Manifest:
        """Files of an entry. ArchiveError when it is not the manifest that the log names."""
        path = self.place(line) / "manifest.json"
        try:
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != line.manifest:
                raise ArchiveError(f"{path}: not the manifest that the log names")
            return msgspec.json.decode(data, type=Manifest)
        except (OSError, msgspec.DecodeError) as error:
            raise ArchiveError(f"{path}: {error}") from error

    def checked(self, line: Line, name: str) -> Path:
        """A file of an entry after comparing it with the manifest. ArchiveError when it differs."""
        path = self.place(line) / name
        item = next((one for one in self.manifest(line).files if one.path == name), None)
        if item is None:
            raise ArchiveError(f"entry {line.number} has no {name}")
        try:
            found = digest_of(path)
        except OSError as error:
            raise ArchiveError(f"{path}: {error.strerror}") from error
        if found != item.sha256:
            raise ArchiveError(f"{path}: not what entry {line.number} recorded")
        return path

    def entry_tree(self, line: Line) -> Tree:
        """The tree over an entry's records. ArchiveError when it is not the root in the log."""
        data = (self.place(line) / "leaves.bin").read_bytes()
        size = len(leaf_hash(b"", self.about.hash))
        leaves = [data[at : at + size] for at in range(0, len(data), size)]
        tree = Tree(leaves, self.about.hash)
        if tree.root.hex() != line.root or tree.size != line.leaves:
            raise ArchiveError(f"{self.place(line)}/leaves.bin: not the root that the log names")
        return tree

    def checkpoint(self, size: int) -> str:
        """The signed note for a size of the log. ArchiveError when it is missing or wrong."""
        path = self.folder / "checkpoints" / f"{size:06d}.txt"
        try:
            note = path.read_text(encoding="utf-8")
            point = unseal(note, self.about.origin, self.suite, self.public)
        except (OSError, SigningError) as error:
            raise ArchiveError(f"{path}: {error}") from error
        if point.size != size:
            raise ArchiveError(f"{path}: a checkpoint of size {point.size}")
        return note

    def anchors(self) -> list[str]:
        """Lines of anchors.txt."""
        path = self.folder / "anchors.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def log(self, line: Line, key: bytes, outside: tuple[Path, ...] = ()) -> str:
        """Enter an entry whose folder is complete: log, checkpoint, anchors; returns the anchor.

        The names of its files are made durable before the line says that they are there.
        """
        place, disk = self.place(line), Disk()
        for folder in (place, *(one for one in place.rglob("*") if one.is_dir()), place.parent):
            disk.sync_folder(folder)
        grow(self.folder / LOG, msgspec.json.encode(line), 0o644)
        return self.seal_last(key, outside)

    def seal_last(self, key: bytes, outside: tuple[Path, ...] = ()) -> str:
        """Sign the log as it stands unless it is signed; also mends a kill between the two."""
        lines = self.lines()
        if not lines:
            return ""
        size, tree = len(lines), self.tree()
        path = self.folder / "checkpoints" / f"{size:06d}.txt"
        if not path.exists():
            point = Checkpoint(self.about.origin, size, tree.root)
            note = seal(point, self.suite, key)
            unseal(note, self.about.origin, self.suite, self.public)  # the key is the archive's
            keep(path, note.encode())
        anchor = f"{lines[-1].number} {lines[-1].day} {size} {tree.root.hex()}"
        for place in (self.folder / "anchors.txt", *outside):
            known = place.read_text(encoding="utf-8").splitlines() if place.exists() else []
            if anchor not in known:
                grow(place, anchor.encode(), 0o644)
        return anchor

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One writer at a time. ArchiveError when there is another."""
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise ArchiveError(f"{self.folder}: somebody else is adding to it") from error
        try:
            self._take_away_torn()
            yield
        finally:
            os.close(lock)

    def _take_away_torn(self) -> None:
        """A crash in the middle of a line of the log: nobody was told of the entry, and nothing
        was signed for it. ArchiveError for a torn line that was signed: then it was whole once.
        """
        path = self.folder / LOG
        count = len(whole_lines(path).splitlines())
        if not path.exists() or path.read_bytes()[-1:] in (b"\n", b""):
            return
        if (self.folder / "checkpoints" / f"{count + 1:06d}.txt").exists():
            raise ArchiveError(f"{path}: the last line is torn, and was signed when it was whole")
        with Growing(path, 0o644):
            pass


def digest_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_in(source: Path, target: Path) -> None:
    """Copy a file into an entry and read it back. ArchiveError when the copy differs."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    shutil.copyfile(source, part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    if digest_of(part) != digest_of(source):
        raise ArchiveError(f"{source}: it changed while it was copied")
    part.chmod(0o444)
    part.replace(target)


def encode(value: Any) -> bytes:
    """JSON of a record for people: indented, one line feed at the end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


_README = """权衡做市记录档案 Records of a market-making desk (kept for at least twenty years)

核验 To verify, with Python 3.9 or newer and nothing else:  python3 verify_archive.py .
  Give the public key that the exchange was told (--key HEX) and the anchors kept elsewhere
  (--anchors FILE); without them the archive is only checked against itself.
读取 To read: entries/NNNNNN-NAME/content holds the files as they were; tables/*.parquet are Apache
  Parquet (zstd) that any reader of the format opens; log.jsonl, manifest.json are JSON.
期限 Retention: the years in archive.json, counted from an entry's day; nothing is deleted.
树 The tree: RFC 9162 2.1 with the hash of archive.json. Leaf of a journal frame "frame MACHINE\\n"
  and its bytes, of a file "file PATH BYTES SHA256\\n"; the log's leaf is its line without the
  line feed. Frame, little-endian: "QHJ1", u32 length, u64 seq, u64 durable seq, u8 kind (I input,
  O effects, S state), SHA-256 prev, u32 CRC-32 of all else, MessagePack payload.

"""
