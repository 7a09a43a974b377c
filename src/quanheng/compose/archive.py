"""Adding to the archive of records, and its state (S-01; docs/records.md).

A source is a run folder, an authority's folder, or any folder of documents. It is copied whole,
its journals are verified before and bound to what an earlier entry of the same name held, tables
are read from the copy, and the log grows by one signed line. What is already there under the same
name is not stored twice; what changed comes as a further entry, the earlier one stays.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from quanheng.compose.archive_receipt import RECEIPT, RECEIPT_COLUMNS
from quanheng.compose.archive_rows import Rows, machines
from quanheng.compose.run_folder import RunError, read_info
from quanheng.compose.text import write_table
from quanheng.edge import archive_files as store
from quanheng.edge.archive_files import Archive, ArchiveError, Item, Line, Manifest
from quanheng.edge.archive_index import Index, spans_of
from quanheng.edge.archive_signing import DEFAULT, suite_of
from quanheng.edge.archive_tables import parquet, read_rows
from quanheng.edge.clock import wall
from quanheng.runtime.journal import JournalCorruptError
from quanheng.runtime.merkle import Tree, leaf_hash
from quanheng.runtime.segment import read_segments
from quanheng.runtime.verify import Verdict, verify_run
from quanheng.terms.days import add_days, day_of, midnight, month_length
from quanheng.terms.units import DAY, Day, Nanos

RUN, AUTHORITY, DOCUMENTS, REGISTERS, DRILL = "run", "authority", "documents", "registers", "drill"
KINDS = (RUN, AUTHORITY, DOCUMENTS, REGISTERS, DRILL)
"""What an archive must hold (S-01): days, people and their decisions, filed documents, registers,
records of drills. `status` names what is missing."""
NOT_RECORDS = ("lock", f"{RECEIPT}.csv")
"""Left out of a copy: the empty file of a journal's lock, and the archive's own receipt."""


def key_file(archive: Path, given: Path | None) -> Path:
    """The signing key: the file given, else beside the archive. It belongs to compliance."""
    return given or archive.with_name(archive.name + ".key")


def begin(archive: Path, key: Path, origin: str, suite_name: str = DEFAULT) -> None:
    """Make an archive, and its key unless there is one. ArchiveError, SigningError."""
    suite = suite_of(suite_name)
    if not key.exists():
        key.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(suite.make_key())
    store.create(archive, origin, suite_name, key.read_bytes())


def read_key(key: Path) -> bytes:
    """Bytes of the key file. ArchiveError when it is missing."""
    try:
        return key.read_bytes()
    except OSError as error:
        raise ArchiveError(f"signing key {key}: {error.strerror}") from error


def add(
    archive: Archive, source: Path, key: bytes, *, kind: str = "", name: str = "", day: Day = 0,
    by: str = "", outside: tuple[Path, ...] = (),
) -> tuple[Line | None, str]:  # fmt: skip
    """Archive a source; (its line, the anchor), or (None, the anchor) when nothing is new.

    ArchiveError, RunError or JournalCorruptError say what is wrong; then the log is unchanged.
    """
    with archive.writing():
        archive.seal_last(key)  # a kill may have left a line without its checkpoint
        kind = kind or _kind_of(source)
        if not kind.isalpha() or not kind.isascii():
            raise ArchiveError(f"kind {kind!r}: letters only")
        name, day = name or source.resolve().name, day or _day_of(source, kind)
        earlier = [line for line in archive.lines() if (line.kind, line.name) == (kind, name)]
        heads = _heads(source, kind, earlier)
        fresh = _fresh(archive, source, earlier)
        if not fresh:
            return None, archive.anchors()[-1]
        number = len(archive.lines()) + 1
        folder = f"{number:06d}-{''.join(c if c.isalnum() else '-' for c in name)}"
        place = archive.folder / "entries" / folder
        _clear_way(archive, number, folder)
        for path in fresh:
            store.copy_in(source / path, place / "content" / path)
        since = {machine: head[0] for line in earlier for machine, head in line.heads.items()}
        grown = any(since.get(machine) != head[0] for machine, head in heads.items())
        actions, contracts = _tables(source, place, since) if grown else ([], [])
        items, tree = _items(place, archive.about.hash)
        manifest = store.encode(Manifest(items))
        store.keep(place / "leaves.bin", b"".join(tree.levels[0]))
        store.keep(place / "manifest.json", manifest)
        line = Line(
            number, day, kind, name, folder, wall(), by, len(items),
            sum(item.bytes for item in items), tree.size, tree.root.hex(),
            hashlib.sha256(manifest).hexdigest(), heads,
        )  # fmt: skip
        anchor = archive.log(line, key, outside)
        with_index(archive, line, actions, contracts)
        if kind == RUN:
            _receipt(archive, source, line, anchor)
        return line, anchor


def _kind_of(source: Path) -> str:
    if (source / "run.json").exists():
        return RUN
    return AUTHORITY if AUTHORITY in machines(source) else DOCUMENTS


def _day_of(source: Path, kind: str) -> Day:
    return read_info(source).day if kind == RUN else day_of(wall())


def _heads(source: Path, kind: str, earlier: list[Line]) -> dict[str, tuple[int, str]]:
    """Verified chain heads of a source's journals; they continue what was archived before."""
    if not source.is_dir() or not any(source.iterdir()):
        raise ArchiveError(f"{source}: not a folder with files")
    recorded: dict[str, str] = {}
    if kind == RUN:
        info = read_info(source)
        if info.status != "ended":
            raise RunError(f"{source}: the day has not ended (status {info.status})")
        recorded = info.heads
    if not (source / "journal").is_dir():
        if kind in (RUN, AUTHORITY):
            raise RunError(f"{source}: no journal was kept; the archive takes whole days only")
        return {}
    verdicts: list[Verdict] = verify_run(source)
    for verdict in verdicts:
        if not verdict["ok"]:
            where = (verdict["machine"], verdict["file"], verdict["offset"], verdict["seq"])
            raise JournalCorruptError(*where, verdict["reason"])
    known = {machine: head for line in earlier for machine, head in line.heads.items()}
    found = {}
    for machine in machines(source):
        found[machine] = _head(source, machine, known.pop(machine, (0, "")))
        said = recorded.get(machine)
        if said and said != found[machine][1]:
            raise ArchiveError(f"{source}: journal of {machine} does not end as run.json says")
    if known:
        raise ArchiveError(f"{source}: the journal of {min(known)} was archived and is gone")
    return found


def _head(source: Path, machine: str, before: tuple[int, str]) -> tuple[int, str]:
    """(last frame, chain after it) of a whole journal that contains what was archived before."""
    seq, chain, first = 0, b"", 0
    for frame in read_segments(source / "journal" / machine, machine):
        first = first or frame.seq
        seq, chain = frame.seq, frame.chain
        if seq == before[0] and chain.hex() != before[1]:
            raise ArchiveError(f"{source}: journal of {machine} is not the one archived before")
    if first > 1:
        raise ArchiveError(f"{source}: journal of {machine} begins with frame {first}, not 1")
    if seq < before[0]:
        raise ArchiveError(f"{source}: journal of {machine} ends at {seq}, before {before[0]}")
    return seq, chain.hex()


def _fresh(archive: Archive, source: Path, earlier: list[Line]) -> list[str]:
    """Files that no earlier entry of this name has, by path below the source, in order."""
    known = {
        (item.path.removeprefix("content/"), item.sha256)
        for line in earlier
        for item in archive.manifest(line).files
    }
    found = []
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if path.is_symlink():
            raise ArchiveError(f"{path}: a link; the archive takes files only")
        if path.is_dir() or path.is_socket() or path.name in NOT_RECORDS:
            continue  # a killed process leaves its socket, which holds nothing
        if (name, store.digest_of(path)) not in known:
            found.append(name)
    return found


def _clear_way(archive: Archive, number: int, folder: str) -> None:
    """The entry's folder is new, or what a killed addition of the same source left."""
    for path in (archive.folder / "entries").glob(f"{number:06d}-*"):
        if path.name != folder:
            raise ArchiveError(f"{path}: an addition was cut off; add that source again first")


def _tables(
    source: Path, place: Path, since: dict[str, int]
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Write the entry's tables; (actions, contracts) for the index."""
    rows = Rows(since)
    rows.read(source)
    tables = rows.finished()
    for name, found in tables.items():
        store.keep(place / "tables" / f"{name}.parquet", parquet(name, found))
    return tables["actions"], tables["contracts"]


def records_of(path: Path, item: Item) -> Iterator[tuple[int, bytes]]:
    """(seq, leaf data) of each record of a stored file; seq 0 for a whole file."""
    if not item.machine:
        yield 0, f"file {item.path} {item.bytes} {item.sha256}\n".encode()
        return
    head, data, offset = f"frame {item.machine}\n".encode(), path.read_bytes(), 0
    while offset < len(data):
        stop = offset + 61 + int.from_bytes(data[offset + 4 : offset + 8], "little")
        yield int.from_bytes(data[offset + 8 : offset + 16], "little"), head + data[offset:stop]
        offset = stop


def _items(place: Path, algorithm: str) -> tuple[list[Item], Tree]:
    """The files of an entry as they stand on the disk, and the tree over their records."""
    items, leaves = [], []
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if not path.is_file() or name in ("manifest.json", "leaves.bin"):
            continue
        parts = name.split("/")
        segment = parts[:2] == ["content", "journal"] and path.suffix == ".seg"
        machine = parts[2] if segment and len(parts) == 4 else ""
        item = Item(name, path.stat().st_size, store.digest_of(path), 0, machine)
        own = [leaf_hash(data, algorithm) for _, data in records_of(path, item)]
        items.append(Item(name, item.bytes, item.sha256, len(own), machine))
        leaves += own
    return items, Tree(leaves, algorithm)


def with_index(
    archive: Archive, line: Line, actions: Sequence[tuple[object, ...]],
    contracts: Sequence[tuple[object, ...]],
) -> None:  # fmt: skip
    """Enter an entry into the index."""
    index = Index(archive.folder)
    try:
        index.add(line.number, spans_of(line.number, actions), contracts, life_of(line.day))
    finally:
        index.close()


def index_all(archive: Archive) -> int:
    """Bring the index up to the log from the stored tables; the number of entries it read."""
    index = Index(archive.folder)
    try:
        return _catch_up(archive, index)
    finally:
        index.close()


def index_true(archive: Archive) -> bool:
    """Is the index what the stored tables say? A row that was taken out hides actions."""
    kept, anew = Index(archive.folder), Index()
    try:
        _catch_up(archive, anew)
        pairs = zip_longest(kept.dump(), anew.dump())
        different = [one for one, other in pairs if one != other]  # walks both to their end
        return not different
    finally:
        kept.close()
        anew.close()


def _catch_up(archive: Archive, index: Index) -> int:
    known, read = index.entries(), 0
    for line in archive.lines():
        if line.number in known:
            continue
        names = {item.path for item in archive.manifest(line).files}
        actions, contracts = [], []
        if "tables/actions.parquet" in names:
            found = read_rows(archive.checked(line, "tables/actions.parquet"))
            actions = [(row["person"], row["scope"], row["at"]) for row in found]
            listed = read_rows(archive.checked(line, "tables/contracts.parquet"))
            contracts = [(row["code"], row["underlying"]) for row in listed]
        index.add(line.number, spans_of(line.number, actions), contracts, life_of(line.day))
        read += 1
    return read


def life_of(day: Day) -> tuple[Nanos, Nanos]:
    """First and last instant of a local day."""
    return midnight(day), midnight(day) + DAY - 1


def _receipt(archive: Archive, source: Path, line: Line, anchor: str) -> None:
    """What the daily report prints: the day's root and the log's, so that paper holds them too."""
    _, _, size, root = anchor.split()
    cells = (line.number, line.day, line.name, line.leaves, line.root, size, root,
             archive.about.public_key)  # fmt: skip
    write_table(source / "reports" / f"{RECEIPT}.csv", RECEIPT_COLUMNS, [cells])


def keep_until(line: Line, years: int) -> Day:
    """The first day after an entry's term; it is a floor, nothing happens on it."""
    year, month, date = line.day // 10_000 + years, line.day // 100 % 100, line.day % 100
    return add_days(year * 10_000 + month * 100 + min(date, month_length(year, month)), 1)
